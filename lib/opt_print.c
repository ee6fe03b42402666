/* See opt.h: help text, man page lists and completion words, all from the rows. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "lib/opt.h"

#define HELP_COLUMN 28 /* where the explanations begin */
#define HELP_WIDTH  80

void opt_print_wrapped(const char *text, unsigned at, unsigned indent, unsigned width, FILE *out)
{
	bool first = true;

	while (*text) {
		unsigned len = (unsigned)strcspn(text, " ");

		if (!first && at + 1 + len > width) {
			fprintf(out, "\n%*s", (int)indent, "");
			at = indent;
		} else if (!first) {
			fputc(' ', out);
			at++;
		}
		fprintf(out, "%.*s", (int)len, text);
		at += len;
		text += len;
		text += strspn(text, " ");
		first = false;
	}
	fputc('\n', out);
}

/* "-k, --kernel FILE"; returns its width. */
static unsigned print_names(const struct opt *row, FILE *out)
{
	char text[128];
	int n;

	if (row->letter)
		n = snprintf(text, sizeof(text), "  -%c, ", row->letter);
	else
		n = snprintf(text, sizeof(text), "      ");
	n += snprintf(text + n, sizeof(text) - (size_t)n, "--%s%s%s%s",
		      opt_is_negatable(row) ? "[no-]" : "", row->name, row->arg ? " " : "",
		      row->arg ? row->arg : "");
	fputs(text, out);
	return (unsigned)n;
}

/* Whether the default says something that the absence of the option does not. */
static bool default_is_news(const struct opt *row, const char *text)
{
	if (row->kind == OPT_STRING || row->flags & OPT_REPEAT || row->flags & OPT_COMMAND_LINE)
		return false;
	return strcmp(text, "no") != 0 && strcmp(text, "none") != 0;
}

/* Help text and default value in one string; the caller frees it. NULL: no memory. */
static char *help_text(const struct opt *row, const void *defaults, bool with_more)
{
	char *value = NULL, *text = NULL;
	size_t size;
	FILE *f = open_memstream(&value, &size);
	bool have;

	if (!f)
		return NULL;
	have = opt_print_value(row, defaults, 0, f);
	if (fclose(f) != 0)
		return NULL;
	f = open_memstream(&text, &size);
	if (f) {
		fputs(row->help, f);
		if (with_more && row->more)
			fprintf(f, " %s", row->more);
		if (have && default_is_news(row, value))
			fprintf(f, " Default: %s.", value);
		if (fclose(f) != 0)
			text = NULL;
	}
	free(value);
	return text;
}

static void print_help_row(const struct opt *row, const void *defaults, FILE *out)
{
	unsigned width = print_names(row, out);
	char *text = help_text(row, defaults, false);

	if (width + 2 > HELP_COLUMN) {
		fputc('\n', out);
		width = 0;
	}
	fprintf(out, "%*s", (int)(HELP_COLUMN - width), "");
	opt_print_wrapped(text ? text : "", HELP_COLUMN, HELP_COLUMN, HELP_WIDTH, out);
	free(text);
}

/* A group is worth its heading if an option under it is offered. */
static bool group_is_used(const struct opt_table *table, unsigned group)
{
	for (unsigned i = group + 1; i < table->nrows && table->rows[i].kind != OPT_GROUP; i++)
		if (opt_is_offered(&table->rows[i]))
			return true;
	return false;
}

void opt_print_help(const struct opt_table *table, const void *defaults, FILE *out)
{
	for (unsigned i = 0; i < table->nrows; i++) {
		const struct opt *row = &table->rows[i];

		if (row->kind == OPT_GROUP && group_is_used(table, i))
			fprintf(out, "\n%s:\n", row->help);
		else if (opt_is_offered(row))
			print_help_row(row, defaults, out);
	}
}

/* mdoc(7) text: one sentence a line, nothing that roff would take for its own. */
static void print_mdoc_text(const char *text, FILE *out)
{
	bool line_start = true;

	for (; *text; text++) {
		if (line_start && (*text == '.' || *text == '\''))
			fputs("\\&", out);
		line_start = false;
		if (*text == '\\') {
			fputs("\\e", out);
		} else if (*text == '-' && (text[1] == '-' || isdigit((unsigned char)text[1]))) {
			fputs("\\-", out);
		} else if (*text == '.' && text[1] == ' ' && !islower((unsigned char)text[2])) {
			fputs(".\n", out);
			text++;
			line_start = true;
		} else {
			fputc(*text, out);
		}
	}
	fputc('\n', out);
}

static void print_man_row(const struct opt *row, const void *defaults, FILE *out)
{
	char *text = help_text(row, defaults, true);

	fputs(".It ", out);
	if (row->letter)
		fprintf(out, "Fl %c , ", row->letter);
	fprintf(out, "Fl -%s%s", opt_is_negatable(row) ? "[no-]" : "", row->name);
	if (row->arg)
		fprintf(out, " Ar %s", row->arg);
	fputc('\n', out);
	print_mdoc_text(text ? text : "", out);
	free(text);
}

void opt_print_man(const struct opt_table *table, const void *defaults, FILE *out)
{
	bool open = false;

	for (unsigned i = 0; i < table->nrows; i++) {
		const struct opt *row = &table->rows[i];

		if (row->kind == OPT_GROUP && group_is_used(table, i)) {
			fprintf(out, "%s.Ss %s\n.Bl -tag -width Ds\n", open ? ".El\n" : "",
				row->help);
			open = true;
		} else if (opt_is_offered(row)) {
			print_man_row(row, defaults, out);
		}
	}
	if (open)
		fputs(".El\n", out);
}

void opt_print_words(const struct opt_table *table, FILE *out)
{
	for (unsigned i = 0; i < table->nrows; i++) {
		const struct opt *row = &table->rows[i];

		if (!opt_is_offered(row))
			continue;
		if (row->letter)
			fprintf(out, "-%c\n", row->letter);
		fprintf(out, "--%s\n", row->name);
		if (opt_is_negatable(row))
			fprintf(out, "--no-%s\n", row->name);
	}
}

static void print_case_pattern(const struct opt *row, FILE *out)
{
	if (row->letter)
		fprintf(out, "\t-%c | ", row->letter);
	else
		fputc('\t', out);
	fprintf(out, "--%s)\n", row->name);
}

static void print_value_case(const struct opt *row, FILE *out)
{
	print_case_pattern(row, out);
	if (row->flags & OPT_PATH) {
		fputs("\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n", out);
	} else if (row->choices) {
		fputs("\t\tmapfile -t COMPREPLY < <(compgen -W '", out);
		for (const struct opt_choice *c = row->choices; c->name; c++)
			fprintf(out, "%s%s", c == row->choices ? "" : " ", c->name);
		fputs("' -- \"$cur\")\n", out);
	}
	fputs("\t\treturn\n\t\t;;\n", out);
}

void opt_print_value_cases(const struct opt_table *table, FILE *out)
{
	for (unsigned i = 0; i < table->nrows; i++)
		if (opt_is_offered(&table->rows[i]) && opt_needs_value(&table->rows[i]))
			print_value_case(&table->rows[i], out);
}
