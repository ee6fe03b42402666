/*
 * See timeline.h: which steps belong to which error, and the timeline as text. The state of the walk over the
 * trace is `open`: notifications whose handler or acknowledgement may still come. They are few in a
 * trace of ours, since a source has one record at a time; a hostile one loses the oldest.
 */
#include "arm64/timeline.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "arm64/timeline_private.h"
#include "lib/clock.h"
#include "lib/types.h"
#include "ras/layout.h"

#define MAX_OPEN 256

const struct timeline_kind_row timeline_kinds[TIMELINE_NR_KINDS] = {
	/* clang-format off */
	[TIMELINE_INJECTED] = { "injection",       "injection", TIMELINE_LANE_HOST   },
	[TIMELINE_SIGNAL]   = { "signal",          "signal",    TIMELINE_LANE_HOST   },
	[TIMELINE_KNOWN]    = { "known already",   "other",     TIMELINE_LANE_POLICY },
	[TIMELINE_DECIDED]  = { "decision",        "decision",  TIMELINE_LANE_POLICY },
	[TIMELINE_QUEUED]   = { "waits",           "other",     TIMELINE_LANE_POLICY },
	[TIMELINE_NOTIFIED] = { "notification",    "notified",  TIMELINE_LANE_POLICY },
	[TIMELINE_TAKEN]    = { "exception taken", "handler",   TIMELINE_LANE_CPU    },
	[TIMELINE_ACKED]    = { "acknowledged",    "acked",     TIMELINE_LANE_POLICY },
	[TIMELINE_UNACKED]  = { "no answer",       "bad",       TIMELINE_LANE_POLICY },
	[TIMELINE_FALLBACK] = { "fallback",        "bad",       TIMELINE_LANE_POLICY },
	[TIMELINE_HEALED]   = { "page replaced",   "other",     TIMELINE_LANE_POLICY },
	[TIMELINE_STOPPED]  = { "run ends",        "bad",       TIMELINE_LANE_POLICY },
	[TIMELINE_HANDLER]  = { "handler entered", "handler",   TIMELINE_LANE_CPU    },
	[TIMELINE_DONE]     = { "handler done",    "handler",   TIMELINE_LANE_CPU    },
	[TIMELINE_CPU_ON]   = { "CPU on",          "machine",   TIMELINE_LANE_CPU    },
	[TIMELINE_CPU_OFF]  = { "CPU off",         "machine",   TIMELINE_LANE_CPU    },
	[TIMELINE_RESET]    = { "reset",           "machine",   TIMELINE_LANE_CPU    },
	[TIMELINE_OFF]      = { "machine off",     "machine",   TIMELINE_LANE_CPU    },
	/* clang-format on */
};

void timeline_free(struct timeline *tl)
{
	free(tl->step);
	free(tl->link);
	free(tl->error);
	*tl = (struct timeline){ .step = NULL };
}

/* ---- which steps belong to which error ---- */

/* A notification that something may still come of. */
struct open_note {
	uint64_t error;
	bool by_event; /* ... and its handler runs for SDEI event `event`, 0: for either */
	uint64_t event;
	char source[16];
	bool entered, ended, acked;
	uint64_t cpu; /* that entered */
};

struct walk {
	struct timeline *tl;
	unsigned room; /* of tl->link */
	struct open_note open[MAX_OPEN];
	unsigned nopen;
	struct err *err;
};

static int add_link(struct walk *w, uint64_t error, unsigned step)
{
	struct timeline *tl = w->tl;
	unsigned wanted = w->room ? w->room * 2 : 256;
	struct timeline_link *more;

	if (tl->nlinks == w->room) {
		more = realloc(tl->link, wanted * sizeof(*more));
		if (!more)
			return err_set(w->err, -ENOMEM, "no memory for %u steps", wanted);
		tl->link = more;
		w->room = wanted;
	}
	tl->link[tl->nlinks++] = (struct timeline_link){ error, step };
	tl->step[step].linked = true;
	return 0;
}

static void forget(struct walk *w, unsigned i)
{
	w->nopen--;
	memmove(&w->open[i], &w->open[i + 1], (w->nopen - i) * sizeof(w->open[0]));
}

static void forget_finished(struct walk *w)
{
	for (unsigned i = w->nopen; i-- > 0;)
		if (w->open[i].acked && w->open[i].entered == w->open[i].ended)
			forget(w, i);
}

static void open_note(struct walk *w, const struct timeline_step *step)
{
	struct open_note *o;

	if (strcmp(step->way, "sdei") != 0 && !step->source[0])
		return; /* nothing will come of it that names it */
	if (w->nopen == MAX_OPEN)
		forget(w, 0);
	o = &w->open[w->nopen++];
	*o = (struct open_note){ .error = step->error, .by_event = strcmp(step->way, "sdei") == 0 };
	memcpy(o->source, step->source, sizeof(o->source));
	if (strcmp(step->source, "sdei-normal") == 0)
		o->event = RAS_EVENT_NORMAL;
	else if (strcmp(step->source, "sdei-critical") == 0)
		o->event = RAS_EVENT_CRITICAL;
}

/* True if the step is about this open notification, which is then brought up to date. */
static bool enters(struct open_note *o, const struct timeline_step *step)
{
	if (!o->by_event || o->entered || (o->event && o->event != step->event))
		return false;
	o->entered = true;
	o->cpu = step->cpu;
	o->event = step->event;
	return true;
}

static bool ends(struct open_note *o, const struct timeline_step *step)
{
	if (!o->entered || o->ended || o->event != step->event || o->cpu != step->cpu)
		return false;
	o->ended = true;
	return true;
}

/* The acknowledgement's own error has its link already. */
static bool acknowledges(struct open_note *o, const struct timeline_step *step)
{
	if (o->acked || strcmp(o->source, step->source) != 0)
		return false;
	o->acked = true;
	return o->error != step->error;
}

static int link_open(struct walk *w, unsigned step,
		     bool (*concerns)(struct open_note *, const struct timeline_step *))
{
	for (unsigned i = 0; i < w->nopen; i++)
		if (concerns(&w->open[i], &w->tl->step[step]) &&
		    add_link(w, w->open[i].error, step) < 0)
			return -ENOMEM;
	return 0;
}

static int walk_step(struct walk *w, unsigned i)
{
	const struct timeline_step *step = &w->tl->step[i];

	if (step->error && add_link(w, step->error, i) < 0)
		return -ENOMEM;
	switch (step->kind) {
	case TIMELINE_NOTIFIED:
		open_note(w, step);
		return 0;
	case TIMELINE_HANDLER:
		return link_open(w, i, enters);
	case TIMELINE_DONE:
		return link_open(w, i, ends);
	case TIMELINE_ACKED:
		return link_open(w, i, acknowledges);
	case TIMELINE_RESET:
		w->nopen = 0;
		return 0;
	default:
		return 0;
	}
}

/* By error, then by time, in which the steps are; of two of the same error and step, one is dropped. */
static int by_error(const void *a, const void *b)
{
	const struct timeline_link *x = a, *y = b;

	if (x->error != y->error)
		return x->error < y->error ? -1 : 1;
	return x->step < y->step ? -1 : x->step > y->step;
}

static void sort_links(struct timeline *tl)
{
	unsigned n = 0;

	if (tl->nlinks == 0)
		return;
	qsort(tl->link, tl->nlinks, sizeof(*tl->link), by_error);
	for (unsigned i = 0; i < tl->nlinks; i++)
		if (n == 0 || by_error(&tl->link[n - 1], &tl->link[i]) != 0)
			tl->link[n++] = tl->link[i];
	tl->nlinks = n;
}

struct first_step {
	struct timeline_error error;
	unsigned step;
};

static int by_first_step(const void *a, const void *b)
{
	const struct first_step *x = a, *y = b;

	return x->step < y->step ? -1 : x->step > y->step;
}

/* The errors of the sorted links, in order of their first steps; there are at most nlinks. */
static void list_errors(struct timeline *tl, struct first_step *sorted)
{
	unsigned n = 0;

	for (unsigned i = 0; i < tl->nlinks; i++) {
		if (i == 0 || tl->link[i].error != tl->link[i - 1].error)
			sorted[n++] = (struct first_step){ { .id = tl->link[i].error, .first = i },
							   tl->link[i].step };
		sorted[n - 1].error.nsteps++;
	}
	qsort(sorted, n, sizeof(*sorted), by_first_step);
	for (unsigned i = 0; i < n; i++)
		tl->error[i] = sorted[i].error;
	tl->nerrors = n;
}

static int find_errors(struct timeline *tl, struct err *err)
{
	struct first_step *sorted;

	if (tl->nlinks == 0)
		return 0;
	sorted = calloc(tl->nlinks, sizeof(*sorted));
	tl->error = calloc(tl->nlinks, sizeof(*tl->error));
	if (!sorted || !tl->error) {
		free(sorted);
		return err_set(err, -ENOMEM, "no memory for %u steps", tl->nlinks);
	}
	list_errors(tl, sorted);
	free(sorted);
	return 0;
}

int timeline_connect(struct timeline *tl, struct err *err)
{
	struct walk w = { .tl = tl, .err = err };

	for (unsigned i = 0; i < tl->nsteps; i++) {
		if (walk_step(&w, i) < 0)
			return -ENOMEM;
		forget_finished(&w);
	}
	sort_links(tl);
	return find_errors(tl, err);
}

/* ---- looking at an error ---- */

const struct timeline_step *timeline_step_of(const struct timeline *tl,
					     const struct timeline_error *error, unsigned i)
{
	return &tl->step[tl->link[error->first + i].step];
}

const struct timeline_step *timeline_find(const struct timeline *tl,
					  const struct timeline_error *error,
					  enum timeline_kind kind)
{
	for (unsigned i = 0; i < error->nsteps; i++)
		if (timeline_step_of(tl, error, i)->kind == kind)
			return timeline_step_of(tl, error, i);
	return NULL;
}

/* Where latencies count from. */
static const struct timeline_step *cause(const struct timeline *tl,
					 const struct timeline_error *error)
{
	const struct timeline_step *signal = timeline_find(tl, error, TIMELINE_SIGNAL);

	return signal ? signal : timeline_find(tl, error, TIMELINE_INJECTED);
}

static bool distance(const struct timeline_step *from, const struct timeline_step *to, uint64_t *ns)
{
	if (!from || !to || to->t_ns < from->t_ns)
		return false;
	*ns = to->t_ns - from->t_ns;
	return true;
}

bool timeline_to_guest_ns(const struct timeline *tl, const struct timeline_error *error,
			  uint64_t *ns)
{
	const struct timeline_step *handler = timeline_find(tl, error, TIMELINE_HANDLER);
	const struct timeline_step *taken = timeline_find(tl, error, TIMELINE_TAKEN);

	if (!handler || (taken && taken->t_ns < handler->t_ns))
		handler = taken;
	return distance(cause(tl, error), handler, ns);
}

bool timeline_to_ack_ns(const struct timeline *tl, const struct timeline_error *error, uint64_t *ns)
{
	const struct timeline_step *last = NULL;

	for (unsigned i = 0; i < error->nsteps; i++)
		if (timeline_step_of(tl, error, i)->kind == TIMELINE_ACKED)
			last = timeline_step_of(tl, error, i);
	return distance(cause(tl, error), last, ns);
}

/* ---- text ---- */

/* A text being put together; one that is too long is cut. */
struct line {
	char *text;
	size_t used;
};

static void add(struct line *line, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void add(struct line *line, const char *fmt, ...)
{
	size_t room = TIMELINE_TEXT_BYTES - line->used;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line->text + line->used, room, fmt, ap);
	va_end(ap);
	if (n > 0)
		line->used += (size_t)n < room ? (size_t)n : room - 1;
}

void timeline_format_time(uint64_t t_ns, char text[TIMELINE_TEXT_BYTES])
{
	snprintf(text, TIMELINE_TEXT_BYTES, "%" PRIu64 ".%06" PRIu64 " s", t_ns / NS_PER_SEC,
		 t_ns % NS_PER_SEC / NS_PER_US);
}

/* Three digits or more, cut and not rounded. */
void timeline_format_duration(uint64_t ns, char text[TIMELINE_TEXT_BYTES])
{
	static const struct {
		uint64_t scale;
		const char *unit;
	} units[] = { { NS_PER_SEC, "s" }, { NS_PER_MS, "ms" }, { NS_PER_US, "us" } };

	for (unsigned i = 0; i < ARRAY_SIZE(units); i++) {
		uint64_t whole = ns / units[i].scale, rest = ns % units[i].scale;

		if (whole == 0)
			continue;
		if (whole >= 100)
			snprintf(text, TIMELINE_TEXT_BYTES, "%" PRIu64 " %s", whole, units[i].unit);
		else
			snprintf(text, TIMELINE_TEXT_BYTES, "%" PRIu64 ".%02" PRIu64 " %s", whole,
				 rest / (units[i].scale / 100), units[i].unit);
		return;
	}
	snprintf(text, TIMELINE_TEXT_BYTES, "%" PRIu64 " ns", ns);
}

static void add_cpu(struct line *line, const struct timeline_step *step)
{
	if (step->cpu != TIMELINE_NO_CPU)
		add(line, "CPU %" PRIu64, step->cpu);
}

static void describe_signal(struct line *line, const struct timeline_step *step)
{
	add(line, "%s, %" PRIu64 " bytes at 0x%" PRIx64, step->class, step->bytes, step->gpa);
	if (step->from[0])
		add(line, ", from %s", step->from);
	if (step->cpu != TIMELINE_NO_CPU)
		add(line, ", used by CPU %" PRIu64, step->cpu);
}

static void describe_injected(struct line *line, const struct timeline_step *step)
{
	add(line, "%s", step->text);
	if (step->from[0])
		add(line, ", by %s", step->from);
}

static void describe_known(struct line *line, const struct timeline_step *step)
{
	add(line, "%s at 0x%" PRIx64 ": nothing new", step->class, step->gpa);
}

static void describe_way(struct line *line, const struct timeline_step *step)
{
	add(line, "%s", step->way);
	if (step->text[0])
		add(line, " (%s)", step->text);
}

static void describe_notified(struct line *line, const struct timeline_step *step)
{
	add(line, "%s", step->way);
	if (step->source[0])
		add(line, ", record in source %s", step->source);
	if (step->pages)
		add(line, ", %" PRIu64 " page%s", step->pages, step->pages == 1 ? "" : "s");
}

static void describe_taken(struct line *line, const struct timeline_step *step)
{
	add_cpu(line, step);
	add(line, ": %s, esr 0x%" PRIx64 ", interrupted at 0x%" PRIx64, step->way, step->esr,
	    step->pc);
}

static void describe_acked(struct line *line, const struct timeline_step *step)
{
	char duration[TIMELINE_TEXT_BYTES];

	timeline_format_duration(step->duration_ns, duration);
	if (step->source[0])
		add(line, "source %s, ", step->source);
	add(line, "latency %s", duration);
}

static void describe_healed(struct line *line, const struct timeline_step *step)
{
	add(line, "%" PRIu64 " bytes at 0x%" PRIx64, step->bytes, step->gpa);
}

static void describe_stopped(struct line *line, const struct timeline_step *step)
{
	add(line, "%s", step->text);
}

static void describe_handler(struct line *line, const struct timeline_step *step)
{
	add_cpu(line, step);
	add(line, ": SDEI event 0x%" PRIx64 ", interrupted at 0x%" PRIx64, step->event, step->pc);
}

static void describe_done(struct line *line, const struct timeline_step *step)
{
	char duration[TIMELINE_TEXT_BYTES];

	timeline_format_duration(step->duration_ns, duration);
	add_cpu(line, step);
	if (step->duration_ns)
		add(line, " after %s", duration);
	if (step->status)
		add(line, ", with status %" PRIu64, step->status);
}

static void describe_machine(struct line *line, const struct timeline_step *step)
{
	add_cpu(line, step);
	add(line, ", %s", step->text);
}

void timeline_describe(const struct timeline_step *step, char text[TIMELINE_TEXT_BYTES])
{
	static void (*const describe[TIMELINE_NR_KINDS])(struct line *,
							 const struct timeline_step *) = {
		[TIMELINE_INJECTED] = describe_injected, [TIMELINE_SIGNAL] = describe_signal,
		[TIMELINE_KNOWN] = describe_known,       [TIMELINE_DECIDED] = describe_way,
		[TIMELINE_QUEUED] = describe_way,        [TIMELINE_NOTIFIED] = describe_notified,
		[TIMELINE_TAKEN] = describe_taken,       [TIMELINE_ACKED] = describe_acked,
		[TIMELINE_UNACKED] = describe_acked,     [TIMELINE_FALLBACK] = describe_way,
		[TIMELINE_HEALED] = describe_healed,     [TIMELINE_STOPPED] = describe_stopped,
		[TIMELINE_HANDLER] = describe_handler,   [TIMELINE_DONE] = describe_done,
		[TIMELINE_CPU_ON] = describe_machine,    [TIMELINE_CPU_OFF] = describe_machine,
		[TIMELINE_RESET] = describe_machine,     [TIMELINE_OFF] = describe_machine,
	};
	struct line line = { text, 0 };

	text[0] = '\0';
	describe[step->kind](&line, step);
}

void timeline_describe_error(const struct timeline *tl, const struct timeline_error *error,
			     char text[TIMELINE_TEXT_BYTES])
{
	const struct timeline_step *signal = timeline_find(tl, error, TIMELINE_SIGNAL);
	const struct timeline_step *injected = timeline_find(tl, error, TIMELINE_INJECTED);
	struct line line = { text, 0 };

	add(&line, "Error %" PRIu64, error->id);
	if (injected)
		add(&line, ": %s", injected->text);
	else if (signal)
		add(&line, ": %s", signal->class);
	if (signal)
		add(&line, " at 0x%" PRIx64, signal->gpa);
}

void timeline_describe_latency(const struct timeline *tl, const struct timeline_error *error,
			       char text[TIMELINE_TEXT_BYTES])
{
	const char *from = timeline_find(tl, error, TIMELINE_SIGNAL) ? "signal" : "injection";
	char duration[TIMELINE_TEXT_BYTES];
	struct line line = { text, 0 };
	uint64_t ns;

	text[0] = '\0';
	if (timeline_to_guest_ns(tl, error, &ns)) {
		timeline_format_duration(ns, duration);
		add(&line, "%s to guest %s", from, duration);
		from = ",";
	}
	if (timeline_to_ack_ns(tl, error, &ns)) {
		timeline_format_duration(ns, duration);
		add(&line, "%s to acknowledgement %s", from, duration);
	}
}

static void print_step(const struct timeline_step *step, const struct timeline_step *before,
		       FILE *out)
{
	char time[TIMELINE_TEXT_BYTES], text[TIMELINE_TEXT_BYTES];
	char later[TIMELINE_TEXT_BYTES + 1] = "+";

	timeline_format_time(step->t_ns, time);
	timeline_describe(step, text);
	if (before)
		timeline_format_duration(step->t_ns - before->t_ns, later + 1);
	fprintf(out, "  %15s  %9s  %-16s  %s\n", time, before ? later : "",
		timeline_kinds[step->kind].title, text);
}

static void print_error(const struct timeline *tl, const struct timeline_error *error, FILE *out)
{
	const struct timeline_step *before = NULL, *step;
	char text[TIMELINE_TEXT_BYTES];

	timeline_describe_error(tl, error, text);
	fprintf(out, "\n%s\n", text);
	for (unsigned i = 0; i < error->nsteps; i++, before = step) {
		step = timeline_step_of(tl, error, i);
		print_step(step, before, out);
	}
	timeline_describe_latency(tl, error, text);
	if (text[0])
		fprintf(out, "  %s\n", text);
}

static void print_others(const struct timeline *tl, FILE *out)
{
	bool any = false;

	for (unsigned i = 0; i < tl->nsteps; i++) {
		if (tl->step[i].linked)
			continue;
		fputs(any ? "" : "\nOther steps\n", out);
		print_step(&tl->step[i], NULL, out);
		any = true;
	}
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Least, median and most of what `latency` gives for the errors, if for several. */
static void print_spread(const struct timeline *tl, const char *what,
			 bool (*latency)(const struct timeline *, const struct timeline_error *,
					 uint64_t *),
			 uint64_t *values, FILE *out)
{
	char least[TIMELINE_TEXT_BYTES], median[TIMELINE_TEXT_BYTES], most[TIMELINE_TEXT_BYTES];
	unsigned n = 0;

	for (unsigned i = 0; i < tl->nerrors; i++)
		n += latency(tl, &tl->error[i], &values[n]);
	if (n < 2)
		return;
	qsort(values, n, sizeof(*values), by_value);
	timeline_format_duration(values[0], least);
	timeline_format_duration(values[n / 2], median);
	timeline_format_duration(values[n - 1], most);
	fprintf(out, "  to %s: least %s, median %s, most %s, of %u\n", what, least, median, most,
		n);
}

static void print_latencies(const struct timeline *tl, FILE *out)
{
	uint64_t *values = tl->nerrors > 1 ? calloc(tl->nerrors, sizeof(*values)) : NULL;

	/* Without memory the text is still right, only shorter. */
	if (!values)
		return;
	print_spread(tl, "the guest", timeline_to_guest_ns, values, out);
	print_spread(tl, "acknowledgement", timeline_to_ack_ns, values, out);
	free(values);
}

void timeline_print(const struct timeline *tl, const char *name, FILE *out)
{
	char clean[TIMELINE_TEXT_BYTES], end[TIMELINE_TEXT_BYTES];

	timeline_copy_text(clean, sizeof(clean), name);
	timeline_format_time(tl->end_ns, end);
	fprintf(out, "%s: %" PRIu64 " lines, %u error%s, up to %s\n", clean, tl->lines, tl->nerrors,
		tl->nerrors == 1 ? "" : "s", end);
	if (tl->skipped)
		fprintf(out,
			"  %" PRIu64 " lines are not of a trace of rasvm and were passed over\n",
			tl->skipped);
	if (tl->dropped)
		fprintf(out, "  %" PRIu64 " steps after the first %d are not shown\n", tl->dropped,
			TIMELINE_MAX_STEPS);
	print_latencies(tl, out);
	for (unsigned i = 0; i < tl->nerrors; i++)
		print_error(tl, &tl->error[i], out);
	print_others(tl, out);
}
