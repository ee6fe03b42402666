/*
 * Reading a trace for timeline.h: which lines are ours, and what they say. The format is that of
 * arm64/trace.c, described in docs/firmware.md. A line of the trace that has no place in a timeline, such as
 * a firmware call, is read and let go. Nothing is kept of a line but numbers and short clean texts.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "arm64/timeline_private.h"
#include "lib/json_line.h"
#include "lib/types.h"
#include "ras/layout.h"

#define FIRST_STEPS 256

/* Which lines are steps, by the member that tells. */
static const struct {
	const char *member, *value;
	enum timeline_kind kind;
} names[] = {
	{ "event", "ras_injected", TIMELINE_INJECTED },
	{ "event", "ras_signal", TIMELINE_SIGNAL },
	{ "event", "ras_known", TIMELINE_KNOWN },
	{ "event", "ras_decided", TIMELINE_DECIDED },
	{ "event", "ras_queued", TIMELINE_QUEUED },
	{ "event", "ras_notified", TIMELINE_NOTIFIED },
	{ "event", "ras_taken", TIMELINE_TAKEN },
	{ "event", "ras_acked", TIMELINE_ACKED },
	{ "event", "ras_unacked", TIMELINE_UNACKED },
	{ "event", "ras_fallback", TIMELINE_FALLBACK },
	{ "event", "ras_healed", TIMELINE_HEALED },
	{ "event", "ras_stopped", TIMELINE_STOPPED },
	{ "event", "sdei_entered", TIMELINE_HANDLER },
	{ "event", "sdei_completed", TIMELINE_DONE },
	{ "event", "sdei_resumed", TIMELINE_DONE },
	{ "event", "sdei_ended", TIMELINE_DONE },
	{ "event", "power_on", TIMELINE_CPU_ON },
	{ "event", "reset", TIMELINE_RESET },
	{ "event", "warm_reset", TIMELINE_RESET },
	{ "action", "cpu_off", TIMELINE_CPU_OFF },
	{ "action", "system_off", TIMELINE_OFF },
	{ "action", "hibernate_off", TIMELINE_OFF },
	{ "action", "system_reset", TIMELINE_OFF },
	{ "action", "warm_reset", TIMELINE_OFF },
};

#define AT(member) offsetof(struct timeline_step, member)

static const struct {
	const char *name;
	size_t at;
} numbers[] = {
	{ "t_ns", AT(t_ns) },
	{ "cpu", AT(cpu) },
	{ "ras", AT(error) },
	{ "sdei", AT(event) },
	{ "gpa", AT(gpa) },
	{ "bytes", AT(bytes) },
	{ "pc", AT(pc) },
	{ "esr", AT(esr) },
	{ "pages", AT(pages) },
	{ "status", AT(status) },
	{ "duration_ns", AT(duration_ns) },
	{ "latency_ns", AT(duration_ns) },
};

static const struct {
	const char *name;
	size_t at, size;
} texts[] = {
	{ "class", AT(class), sizeof(((struct timeline_step *)0)->class) },
	{ "way", AT(way), sizeof(((struct timeline_step *)0)->way) },
	{ "source", AT(source), sizeof(((struct timeline_step *)0)->source) },
	{ "from", AT(from), sizeof(((struct timeline_step *)0)->from) },
	{ "why", AT(text), sizeof(((struct timeline_step *)0)->text) },
	{ "kind", AT(text), sizeof(((struct timeline_step *)0)->text) },
};

void timeline_copy_text(char *to, size_t size, const char *from)
{
	size_t n = 0;

	for (; n < size - 1 && from[n]; n++)
		to[n] = from[n] >= ' ' && from[n] <= '~' ? from[n] : '?';
	to[n] = '\0';
}

/* Index into names[], or -1. */
static int find_name(const struct json_line *line)
{
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		const char *value = json_line_text(line, names[i].member);

		if (value && strcmp(value, names[i].value) == 0)
			return (int)i;
	}
	return -1;
}

/* All members that are known by name are what they should be. */
static bool fill_in(const struct json_line *line, struct timeline_step *step)
{
	char *base = (char *)step;
	uint64_t value;

	for (unsigned i = 0; i < ARRAY_SIZE(numbers); i++) {
		if (!json_line_has(line, numbers[i].name))
			continue;
		if (!json_line_u64(line, numbers[i].name, &value))
			return false;
		memcpy(base + numbers[i].at, &value, sizeof(value));
	}
	for (unsigned i = 0; i < ARRAY_SIZE(texts); i++) {
		const char *text = json_line_text(line, texts[i].name);

		if (text)
			timeline_copy_text(base + texts[i].at, texts[i].size, text);
	}
	return step->cpu == TIMELINE_NO_CPU || step->cpu < TIMELINE_MAX_CPUS;
}

static bool is_error_event(uint64_t event)
{
	return event == RAS_EVENT_NORMAL || event == RAS_EVENT_CRITICAL;
}

static bool is_handler(enum timeline_kind kind)
{
	return kind == TIMELINE_HANDLER || kind == TIMELINE_DONE;
}

/* A line of ours that is no step of a timeline. */
static bool passes_by(const struct timeline_step *step)
{
	return is_handler(step->kind) && !is_error_event(step->event);
}

/* A step of an error says of which, if only by 0; others name a CPU. */
static bool has_subject(const struct json_line *line, const struct timeline_step *step)
{
	if (step->kind < TIMELINE_HANDLER)
		return json_line_has(line, "ras");
	return step->error == 0 && step->cpu != TIMELINE_NO_CPU;
}

enum verdict { NOT_OURS, OURS, A_STEP };

static enum verdict read_line(char *text, size_t n, struct timeline_step *step)
{
	struct json_line line;
	int name;

	*step = (struct timeline_step){ .cpu = TIMELINE_NO_CPU };
	if (json_line_split(&line, text, n) < 0 || !json_line_u64(&line, "t_ns", &step->t_ns))
		return NOT_OURS;
	if (!json_line_text(&line, "event") && !json_line_text(&line, "fid"))
		return NOT_OURS;
	name = find_name(&line);
	if (name < 0)
		return OURS;
	step->kind = names[name].kind;
	if (!fill_in(&line, step))
		return NOT_OURS;
	if (passes_by(step))
		return OURS;
	if (!has_subject(&line, step))
		return NOT_OURS;
	if (step->kind >= TIMELINE_CPU_ON)
		timeline_copy_text(step->text, sizeof(step->text), names[name].value);
	return A_STEP;
}

static int keep(struct timeline *tl, const struct timeline_step *step, unsigned *room,
		struct err *err)
{
	struct timeline_step *more;
	unsigned wanted = *room ? *room * 2 : FIRST_STEPS;

	if (tl->nsteps == TIMELINE_MAX_STEPS) {
		tl->dropped++;
		return 0;
	}
	if (tl->nsteps == *room) {
		more = realloc(tl->step, wanted * sizeof(*more));
		if (!more)
			return err_set(err, -ENOMEM, "no memory for %u steps", wanted);
		tl->step = more;
		*room = wanted;
	}
	tl->step[tl->nsteps] = *step;
	tl->step[tl->nsteps].place = tl->nsteps;
	tl->nsteps++;
	return 0;
}

static int take_line(struct timeline *tl, char *text, size_t n, unsigned *room, struct err *err)
{
	struct timeline_step step;

	switch (read_line(text, n, &step)) {
	case A_STEP:
		tl->lines++;
		tl->end_ns = step.t_ns > tl->end_ns ? step.t_ns : tl->end_ns;
		return keep(tl, &step, room, err);
	case OURS:
		tl->lines++;
		tl->end_ns = step.t_ns > tl->end_ns ? step.t_ns : tl->end_ns;
		return 0;
	default:
		tl->skipped++;
		return 0;
	}
}

/* A line without its newline into text[0..TIMELINE_LINE_BYTES); *n > TIMELINE_LINE_BYTES if it is longer, and
 * then without contents. False: there is none. */
static bool next_line(FILE *in, char *text, size_t *n)
{
	int c = getc_unlocked(in);

	if (c == EOF)
		return false;
	for (*n = 0; c != EOF && c != '\n'; c = getc_unlocked(in)) {
		if (*n < TIMELINE_LINE_BYTES)
			text[*n] = (char)c;
		if (*n <= TIMELINE_LINE_BYTES)
			++*n;
	}
	return true;
}

/* Several threads write the trace, so its lines can be a few places out of order. */
static int by_time(const void *a, const void *b)
{
	const struct timeline_step *x = a, *y = b;

	if (x->t_ns != y->t_ns)
		return x->t_ns < y->t_ns ? -1 : 1;
	return x->place < y->place ? -1 : x->place > y->place;
}

static int read_steps(struct timeline *tl, FILE *in, struct err *err)
{
	char text[TIMELINE_LINE_BYTES];
	unsigned room = 0;
	size_t n;
	int rc = 0;

	while (rc == 0 && next_line(in, text, &n)) {
		if (n > sizeof(text))
			tl->skipped++;
		else
			rc = take_line(tl, text, n, &room, err);
	}
	if (rc == 0 && ferror(in))
		rc = err_set(err, -EIO, "cannot be read: %s", strerror(errno));
	return rc;
}

int timeline_read(struct timeline *tl, FILE *in, struct err *err)
{
	int rc;

	*tl = (struct timeline){ .step = NULL };
	rc = read_steps(tl, in, err);
	if (rc < 0)
		return rc;
	if (tl->nsteps)
		qsort(tl->step, tl->nsteps, sizeof(*tl->step), by_time);
	return timeline_connect(tl, err);
}
