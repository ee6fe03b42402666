/* Injection rules as text: what inject.c reads. Defaults are left out, so that a rule is printed as
 * short as it can be written. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/parse.h"
#include "ras/inject.h"
#include "ras/policy.h"

/* A comma ends a value unless a backslash stands before it. */
static void print_text(const char *name, const char *text, FILE *out)
{
	fprintf(out, ",%s", name);
	for (; *text; text++) {
		if (*text == ',')
			fputc('\\', out);
		fputc(*text, out);
	}
}

static void print_time(const char *name, uint64_t ns, FILE *out)
{
	char duration[PARSE_TEXT_BYTES];

	parse_print_duration(ns, duration);
	fprintf(out, ",%s=%s", name, duration);
}

static void print_when(const struct inject_rule *rule, FILE *out)
{
	if (rule->at_ns)
		print_time("at", rule->at_ns, out);
	if (rule->when == INJECT_CONSOLE)
		print_text("when=console:", rule->console, out);
	if (rule->when == INJECT_EXIT)
		fprintf(out, ",when=exit:%" PRIu64, rule->exit);
	if (rule->every_ns)
		print_time("every", rule->every_ns, out);
	if (rule->count != (rule->every_ns ? 0 : 1))
		fprintf(out, ",count=%" PRIu32, rule->count);
	if (rule->cpu != INJECT_ANY_CPU)
		fprintf(out, ",cpu=%" PRIu32, rule->cpu);
}

static void print_place(const struct inject_rule *rule, FILE *out)
{
	switch (rule->place) {
	case INJECT_GPA:
		fprintf(out, ",gpa=0x%" PRIx64, rule->address);
		break;
	case INJECT_VA:
		fprintf(out, ",va=0x%" PRIx64, rule->address);
		break;
	case INJECT_CAPTURE:
		fputs(",gpa=$1", out);
		break;
	case INJECT_RANDOM:
		if (rule->range_to)
			fprintf(out, ",range=0x%" PRIx64 "-0x%" PRIx64, rule->range_from,
				rule->range_to);
		break;
	}
}

static void print_memory(const struct inject_rule *rule, FILE *out)
{
	static const char *const level[] = { "model", "uffd", "real" };
	bool always = rule->kind == INJECT_STORM;

	if (rule->pages != 1 || always)
		fprintf(out, ",pages=%" PRIu32, rule->pages);
	if (rule->level != INJECT_MODEL)
		fprintf(out, ",level=%s", level[rule->level]);
	if (rule->threshold)
		fputs(",threshold", out);
}

static void print_serror(const struct inject_rule *rule, FILE *out)
{
	if (rule->serror == RAS_SERROR_NO_ESR)
		fputs(",no-esr", out);
	else
		fprintf(out, ",esr=0x%" PRIx64, rule->serror);
}

static void print_record(const struct inject_rule *rule, FILE *out)
{
	static const char *const section[] = { "mem", "arm", "raw" };

	if (rule->source_given)
		fprintf(out, ",source=%s", ghes_name(rule->source));
	if (rule->section != INJECT_SECTION_MEM)
		fprintf(out, ",section=%s", section[rule->section]);
	if (rule->file[0])
		print_text("file=", rule->file, out);
	if (rule->severity_given)
		fprintf(out, ",sev=%s", cper_severity_name(rule->severity));
}

void inject_print(const struct inject_rule *rule, FILE *out)
{
	fputs(inject_kind_name(rule->kind), out);
	print_when(rule, out);
	print_place(rule, out);
	print_memory(rule, out);
	if (rule->kind == INJECT_SERROR)
		print_serror(rule, out);
	if (rule->ifetch)
		fputs(",ifetch", out);
	if (rule->kind == INJECT_SDEI)
		fprintf(out, ",event=0x%" PRIx32, rule->event);
	print_record(rule, out);
}

int inject_text(const struct inject_rule *rule, char *text, size_t size)
{
	char *all = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&all, &len);
	bool printed;

	if (!f)
		return -ENOMEM;
	inject_print(rule, f);
	printed = fclose(f) == 0;
	if (printed)
		snprintf(text, size, "%s", all);
	free(all);
	return printed ? (int)len : -ENOMEM;
}
