/*
 * See client_metrics.h. Each number of a row is a sample; texts, and numbers that say which, are its labels.
 *
 * Source: Prometheus text exposition format 0.0.4: all samples of a metric stand together, below its type.
 */
#include "cli/client_metrics.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/client.h"
#include "lib/types.h"

#define MAX_LABELS 3

static const struct metric {
	const char *row;
	const char *name; /* without "rasvm_"; the member's name follows unless it is "count" */
	bool counter;     /* it only grows: "_total" */
	const char *label[MAX_LABELS];
} metrics[] = {
	/* clang-format off */
	{ "guest",      "guest",        false, { "version" } },
	{ "cpu",        "cpu",          true,  { "cpu" } },
	{ "exit",       "exits",        true,  { "cpu", "reason" } },
	{ "call",       "smccc_calls",  true,  { "cpu", "call", "fid" } },
	{ "sdei",       "sdei",         true,  { "event" } },
	{ "errors",     "memory_error", true,  { "step" } },
	{ "bad_memory", "bad_memory",   false, { NULL } },
	{ "device",     "device",       true,  { "device", "kind" } },
	/* clang-format on */
};

struct sample {
	char *text; /* owned: "name{labels} value" */
	unsigned order;
	bool counter;
};

struct samples {
	const char *guest;
	struct sample *sample;
	unsigned n, room;
	bool failed;
};

static const struct metric *metric_of(const char *row)
{
	for (unsigned i = 0; i < ARRAY_SIZE(metrics); i++)
		if (strcmp(metrics[i].row, row) == 0)
			return &metrics[i];
	return NULL;
}

static bool is_label(const struct metric *metric, const char *name)
{
	for (unsigned i = 0; i < MAX_LABELS; i++)
		if (metric->label[i] && strcmp(metric->label[i], name) == 0)
			return true;
	return false;
}

/* What may stand between quotes unescaped; names of functions and devices are nothing else. */
static bool is_plain(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == '"' || text[i] == '\\' ||
		    (unsigned char)text[i] >= 0x7f)
			return false;
	return true;
}

static void write_labels(FILE *out, const struct metric *metric, const struct json_line *row,
			 const char *guest)
{
	fprintf(out, "{guest=\"%s\"", guest);
	for (unsigned i = 0; i < row->nmembers; i++) {
		const struct json_member *m = &row->member[i];

		if (is_label(metric, m->name) && m->type != JSON_OTHER && is_plain(m->text, m->n))
			fprintf(out, ",%s=\"%.*s\"", m->name, (int)m->n, m->text);
	}
	fputc('}', out);
}

/* Room for one more. */
static bool grow(struct samples *s)
{
	unsigned room = s->room ? s->room * 2 : 64;
	struct sample *more;

	if (s->n < s->room)
		return true;
	more = realloc(s->sample, room * sizeof(*more));
	if (!more)
		return false;
	s->sample = more;
	s->room = room;
	return true;
}

static void add_sample(struct samples *s, const struct sample *sample)
{
	if (sample->text && grow(s)) {
		s->sample[s->n++] = *sample;
		return;
	}
	s->failed = true;
	free(sample->text);
}

static void add_number(struct samples *s, const struct metric *metric, const struct json_line *row,
		       const struct json_member *m)
{
	struct sample sample = { .order = s->n, .counter = metric->counter };
	bool count = strcmp(m->name, "count") == 0;
	size_t size;
	FILE *out = open_memstream(&sample.text, &size);

	if (!out) {
		s->failed = true;
		return;
	}
	fprintf(out, "rasvm_%s%s%s%s", metric->name, count ? "" : "_", count ? "" : m->name,
		metric->counter ? "_total" : "");
	write_labels(out, metric, row, s->guest);
	fprintf(out, " %.*s", (int)m->n, m->text);
	if (fclose(out) != 0) {
		free(sample.text);
		sample.text = NULL;
	}
	add_sample(s, &sample);
}

static void take_row(void *world, const struct client_line *line)
{
	const char *row = json_line_text(&line->json, "row");
	const struct metric *metric = row ? metric_of(row) : NULL;
	struct samples *s = world;

	for (unsigned i = 0; metric && i < line->json.nmembers; i++) {
		const struct json_member *m = &line->json.member[i];

		if (m->type == JSON_NUMBER && !is_label(metric, m->name))
			add_number(s, metric, &line->json, m);
	}
}

static size_t name_bytes(const struct sample *sample)
{
	return strcspn(sample->text, "{");
}

/* By name, and in the order in which they came. */
static int compare(const void *a, const void *b)
{
	const struct sample *x = a, *y = b;
	size_t nx = name_bytes(x), ny = name_bytes(y);
	int r = strncmp(x->text, y->text, nx < ny ? nx : ny);

	if (r == 0 && nx != ny)
		r = nx < ny ? -1 : 1;
	return r ? r : (x->order > y->order) - (x->order < y->order);
}

static bool same_name(const struct sample *a, const struct sample *b)
{
	return name_bytes(a) == name_bytes(b) && strncmp(a->text, b->text, name_bytes(a)) == 0;
}

static void print(const struct samples *s)
{
	for (unsigned i = 0; i < s->n; i++) {
		const struct sample *sample = &s->sample[i];

		if (i == 0 || !same_name(sample, sample - 1))
			printf("# TYPE %.*s %s\n", (int)name_bytes(sample), sample->text,
			       sample->counter ? "counter" : "gauge");
		printf("%s\n", sample->text);
	}
}

int client_metrics(const char *name, struct err *err)
{
	struct samples s = { .guest = name };
	int r = client_do_once(name, CTL_STAT, NULL, NULL, take_row, &s, err);

	if (r == 0 && s.failed)
		r = err_set(err, -ENOMEM, "out of memory");
	if (r == 0 && s.n) {
		qsort(s.sample, s.n, sizeof(*s.sample), compare);
		print(&s);
	}
	for (unsigned i = 0; i < s.n; i++)
		free(s.sample[i].text);
	free(s.sample);
	return r;
}
