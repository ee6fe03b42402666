/*
 * See timeline.h: the timeline as one page of HTML with drawings in SVG. A drawing has a lane for the host, one
 * for rasvm's policy and one for each CPU that had a part. The first drawing shows the whole run at scale; then
 * each error has one in which distances grow with the logarithm of the time between two steps, since
 * microseconds and seconds meet there. Nothing is fetched and nothing executed by who shows the page.
 *
 * All text from the file or the command line goes through put_text().
 */
#include <inttypes.h>
#include <string.h>

#include "arm64/timeline_private.h"
#include "lib/clock.h"
#include "lib/types.h"

#define MAX_DRAWN_ERRORS 64   /* with a drawing and a table of their own */
#define MAX_DRAWN_STEPS  40   /* of one error */
#define MAX_MARKS        2000 /* in the drawing of the whole run */
#define MAX_ROWS         500  /* of a table */
#define MAX_CPU_LANES    32

/* Sizes in units of SVG, pixels at scale 1. */
#define LEFT        96 /* names of lanes */
#define RIGHT       40
#define TOP         26
#define LANE        44
#define AXIS        30
#define OVERVIEW    900 /* width between the margins */
#define STEP_LEAST  74
#define STEP_DECADE 15 /* more for each digit of the microseconds between two steps */

static const char style[] =
	"body{font:15px/1.5 system-ui,sans-serif;color:#1d2733;background:#fff;"
	"max-width:72rem;margin:2rem auto;padding:0 1rem}\n"
	"h1{font-size:1.6rem}h2{font-size:1.3rem;border-top:1px solid #d5dbe3;padding-top:1.2rem}"
	"h3{font-size:1.05rem;margin-bottom:.3rem}\n"
	".drawing{overflow-x:auto}.quiet{color:#5b6775}\n"
	"table{border-collapse:collapse;font-size:.87rem;margin:.4rem 0 1.6rem}"
	"td,th{text-align:left;padding:.1rem .9rem .1rem 0;vertical-align:top}"
	"td.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}\n"
	"svg{display:block;font:11px system-ui,sans-serif;fill:#1d2733}\n"
	".lane{stroke:#d5dbe3}.flow{fill:none;stroke:#9aa7b5;stroke-dasharray:3 3}\n"
	".mark{stroke:#fff;stroke-width:1.5}.small{fill:#5b6775}\n"
	".injection{fill:#7d3fa0}.signal{fill:#c8322b}.decision{fill:#2563b0}"
	".notified{fill:#d97a10}.handler{fill:#2e8b3d}.acked{fill:#0f8a8a}"
	".bad{fill:#1d2733}.machine{fill:#7b8794}.other{fill:#aab4bf}\n"
	"span.key{display:inline-block;width:.8rem;height:.8rem;border-radius:50%;margin:0 .3rem 0 1rem}\n";

/* The legend: colours of the style sheet above, for what. */
static const struct {
	const char *colour, *text;
} legend[] = {
	{ "#7d3fa0", "injection" },
	{ "#c8322b", "host signal" },
	{ "#2563b0", "policy decision" },
	{ "#d97a10", "notification" },
	{ "#2e8b3d", "guest handler" },
	{ "#0f8a8a", "acknowledgement" },
	{ "#1d2733", "no answer, fallback, end" },
	{ "#7b8794", "machine" },
	{ "#aab4bf", "other" },
};

static void put_text(const char *text, FILE *out)
{
	for (; *text; text++) {
		switch (*text) {
		case '&':
			fputs("&amp;", out);
			break;
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		case '\'':
			fputs("&#39;", out);
			break;
		default:
			fputc(*text, out);
		}
	}
}

/* ---- a drawing ---- */

/* A mark at `x`; a handler's reaches to `end`, where it is done. */
struct mark {
	const struct timeline_step *step;
	unsigned x, end;
	uint64_t number; /* of the error that begins here; 0: none does */
};

/* Rows from top to bottom. A CPU without a lane of its own is drawn in the last one. */
struct drawing {
	struct mark mark[MAX_MARKS];
	unsigned nmarks;
	unsigned lane_of_cpu[TIMELINE_MAX_CPUS]; /* 0: none; else its row */
	unsigned nlanes;
	unsigned width; /* between the margins */
	bool others;    /* there are CPUs without a lane */
	bool labels;    /* each mark has its kind and time beside it */
};

static unsigned lane_of(const struct drawing *d, const struct timeline_step *step)
{
	enum timeline_lane lane = timeline_kinds[step->kind].lane;

	if (lane != TIMELINE_LANE_CPU)
		return (unsigned)lane;
	return step->cpu == TIMELINE_NO_CPU ? TIMELINE_LANE_POLICY : d->lane_of_cpu[step->cpu];
}

/* Give CPUs their lanes, in order of their numbers. */
static void lay_out_lanes(struct drawing *d)
{
	bool used[TIMELINE_MAX_CPUS] = { false };

	for (unsigned i = 0; i < d->nmarks; i++) {
		const struct timeline_step *step = d->mark[i].step;

		if (step->cpu != TIMELINE_NO_CPU)
			used[step->cpu] = true;
	}
	d->nlanes = TIMELINE_LANE_CPU;
	for (unsigned cpu = 0; cpu < TIMELINE_MAX_CPUS; cpu++) {
		d->lane_of_cpu[cpu] = 0;
		if (!used[cpu])
			continue;
		d->others |= d->nlanes == TIMELINE_LANE_CPU + MAX_CPU_LANES;
		d->lane_of_cpu[cpu] = d->others ? d->nlanes - 1 : d->nlanes++;
	}
}

static unsigned lane_y(unsigned lane)
{
	return TOP + LANE * lane + LANE / 2;
}

static void put_lane(const struct drawing *d, unsigned lane, const char *name, FILE *out)
{
	fprintf(out, "<text x=\"4\" y=\"%u\">%s</text>", lane_y(lane) + 4, name);
	fprintf(out, "<line class=\"lane\" x1=\"%d\" y1=\"%u\" x2=\"%u\" y2=\"%u\"/>\n", LEFT - 10,
		lane_y(lane), LEFT + d->width + RIGHT / 2, lane_y(lane));
}

static void put_lanes(const struct drawing *d, FILE *out)
{
	char name[32];

	put_lane(d, TIMELINE_LANE_HOST, "host", out);
	put_lane(d, TIMELINE_LANE_POLICY, "rasvm, policy", out);
	for (unsigned cpu = 0; cpu < TIMELINE_MAX_CPUS; cpu++) {
		unsigned lane = d->lane_of_cpu[cpu];
		bool shared = d->others && lane == d->nlanes - 1;

		if (lane == 0)
			continue;
		snprintf(name, sizeof(name), "vCPU %u%s", cpu, shared ? " and on" : "");
		put_lane(d, lane, name, out);
		if (shared)
			return;
	}
}

/* What a browser shows when the pointer rests on a mark. */
static void put_tip(const struct timeline_step *step, FILE *out)
{
	char time[TIMELINE_TEXT_BYTES], text[TIMELINE_TEXT_BYTES];

	timeline_format_time(step->t_ns, time);
	timeline_describe(step, text);
	fputs("<title>", out);
	if (step->error)
		fprintf(out, "error %" PRIu64 ", ", step->error);
	fprintf(out, "%s, %s: ", time, timeline_kinds[step->kind].title);
	put_text(text, out);
	fputs("</title>", out);
}

static void put_mark(const struct drawing *d, const struct mark *m, FILE *out)
{
	unsigned y = lane_y(lane_of(d, m->step));
	const char *class = timeline_kinds[m->step->kind].style;

	if (m->end > m->x)
		fprintf(out,
			"<rect class=\"mark %s\" x=\"%u\" y=\"%u\" width=\"%u\" height=\"12\" rx=\"3\">",
			class, m->x, y - 6, m->end - m->x);
	else
		fprintf(out, "<circle class=\"mark %s\" cx=\"%u\" cy=\"%u\" r=\"%d\">", class, m->x,
			y, d->labels ? 6 : 5);
	put_tip(m->step, out);
	fputs(m->end > m->x ? "</rect>" : "</circle>", out);
	if (d->labels)
		fprintf(out, "<text x=\"%u\" y=\"%u\" text-anchor=\"middle\">%s</text>", m->x,
			y - 11, timeline_kinds[m->step->kind].title);
	else if (m->number)
		fprintf(out, "<text x=\"%u\" y=\"%u\" text-anchor=\"middle\">%" PRIu64 "</text>",
			m->x, y - 9, m->number);
	fputc('\n', out);
}

/* The way the error took, from mark to mark. */
static void put_flow(const struct drawing *d, FILE *out)
{
	fputs("<polyline class=\"flow\" points=\"", out);
	for (unsigned i = 0; i < d->nmarks; i++)
		fprintf(out, "%s%u,%u", i ? " " : "", d->mark[i].x,
			lane_y(lane_of(d, d->mark[i].step)));
	fputs("\"/>\n", out);
}

static void put_tick(const struct drawing *d, unsigned x, const char *text, FILE *out)
{
	unsigned y = TOP + LANE * d->nlanes;

	fprintf(out, "<line class=\"lane\" x1=\"%u\" y1=\"%u\" x2=\"%u\" y2=\"%u\"/>", x, y, x,
		y + 5);
	fprintf(out, "<text class=\"small\" x=\"%u\" y=\"%u\" text-anchor=\"middle\">%s</text>\n",
		x, y + 19, text);
}

static void open_drawing(const struct drawing *d, const char *what, FILE *out)
{
	unsigned width = LEFT + d->width + RIGHT, height = TOP + LANE * d->nlanes + AXIS;

	fprintf(out,
		"<div class=\"drawing\"><svg width=\"%u\" height=\"%u\" viewBox=\"0 0 %u %u\" "
		"role=\"img\" aria-label=\"",
		width, height, width, height);
	put_text(what, out);
	fputs("\">\n", out);
	put_lanes(d, out);
}

static void close_drawing(FILE *out)
{
	fputs("</svg></div>\n", out);
}

/* The mark of the step that ends what mark `i` begins, or i itself. */
static unsigned end_of(const struct drawing *d, unsigned i)
{
	if (d->mark[i].step->kind != TIMELINE_HANDLER)
		return i;
	for (unsigned k = i + 1; k < d->nmarks; k++)
		if (d->mark[k].step->kind == TIMELINE_DONE &&
		    d->mark[k].step->cpu == d->mark[i].step->cpu)
			return k;
	return i;
}

/* ---- the whole run ---- */

/* 0 to OVERVIEW; of any two times, without overflow. */
static unsigned scaled(uint64_t t_ns, uint64_t end_ns)
{
	return end_ns ? (unsigned)((double)t_ns / (double)end_ns * OVERVIEW) : 0;
}

/* A second or more between ticks, of which there are ten at most. */
static uint64_t tick_distance_ns(uint64_t end_ns)
{
	static const uint64_t factor[] = { 1, 2, 5 };
	uint64_t decade = NS_PER_MS;

	for (unsigned i = 0;; i = (i + 1) % 3) {
		if (end_ns / (decade * factor[i]) <= 10)
			return decade * factor[i];
		if (i == 2)
			decade *= 10;
	}
}

static void put_overview_axis(const struct drawing *d, uint64_t end_ns, FILE *out)
{
	uint64_t distance = tick_distance_ns(end_ns);
	char text[TIMELINE_TEXT_BYTES];

	for (uint64_t i = 0; i <= end_ns / distance; i++) {
		snprintf(text, sizeof(text), "%.3g s", (double)(i * distance) / (double)NS_PER_SEC);
		put_tick(d, LEFT + scaled(i * distance, end_ns), text, out);
	}
}

/* Write each error's number at its first step. */
static void number_marks(struct drawing *d, const struct timeline *tl)
{
	for (unsigned i = 0; i < tl->nerrors; i++) {
		unsigned step = tl->link[tl->error[i].first].step;

		if (step < d->nmarks)
			d->mark[step].number = tl->error[i].id;
	}
}

static void put_overview(const struct timeline *tl, FILE *out)
{
	struct drawing d = { .width = OVERVIEW };

	for (; d.nmarks < tl->nsteps && d.nmarks < MAX_MARKS; d.nmarks++)
		d.mark[d.nmarks] = (struct mark){
			.step = &tl->step[d.nmarks],
			.x = LEFT + scaled(tl->step[d.nmarks].t_ns, tl->end_ns),
		};
	if (d.nmarks == 0)
		return;
	number_marks(&d, tl);
	lay_out_lanes(&d);
	open_drawing(&d, "The whole run", out);
	for (unsigned i = 0; i < d.nmarks; i++)
		put_mark(&d, &d.mark[i], out);
	put_overview_axis(&d, tl->end_ns, out);
	close_drawing(out);
	fputs("<p class=\"quiet\">The whole run, at scale; numbers are those of errors.", out);
	if (tl->nsteps > d.nmarks)
		fprintf(out, " Only the first %u steps are drawn.", d.nmarks);
	fputs("</p>\n", out);
}

/* ---- one error ---- */

/* Room between two steps that far apart. */
static unsigned room_for(uint64_t ns)
{
	unsigned room = STEP_LEAST;

	for (uint64_t us = ns / NS_PER_US; us; us /= 10)
		room += STEP_DECADE;
	return room;
}

static void collect(struct drawing *d, const struct timeline *tl,
		    const struct timeline_error *error)
{
	unsigned x = LEFT + 20;

	for (unsigned i = 0; i < error->nsteps && i < MAX_DRAWN_STEPS; i++) {
		const struct timeline_step *step = timeline_step_of(tl, error, i);

		if (i > 0)
			x += room_for(step->t_ns - d->mark[i - 1].step->t_ns);
		d->mark[d->nmarks++] = (struct mark){ .step = step, .x = x };
	}
	d->width = x - LEFT + 40;
	for (unsigned i = 0; i < d->nmarks; i++)
		d->mark[i].end = d->mark[end_of(d, i)].x;
}

/* How long after the step before. */
static void put_error_axis(const struct drawing *d, FILE *out)
{
	char text[TIMELINE_TEXT_BYTES + 1] = "+";

	for (unsigned i = 1; i < d->nmarks; i++) {
		timeline_format_duration(d->mark[i].step->t_ns - d->mark[i - 1].step->t_ns,
					 text + 1);
		put_tick(d, d->mark[i].x, text, out);
	}
}

static void put_error_drawing(const struct timeline *tl, const struct timeline_error *error,
			      const char *what, FILE *out)
{
	struct drawing d = { .labels = true };

	collect(&d, tl, error);
	lay_out_lanes(&d);
	open_drawing(&d, what, out);
	put_flow(&d, out);
	for (unsigned i = 0; i < d.nmarks; i++)
		put_mark(&d, &d.mark[i], out);
	put_error_axis(&d, out);
	close_drawing(out);
}

static void put_row(const struct timeline_step *step, const struct timeline_step *before, FILE *out)
{
	char time[TIMELINE_TEXT_BYTES], later[TIMELINE_TEXT_BYTES], text[TIMELINE_TEXT_BYTES];

	timeline_format_time(step->t_ns, time);
	fprintf(out, "<tr><td class=\"n\">%s</td><td class=\"n\">", time);
	if (before) {
		timeline_format_duration(step->t_ns - before->t_ns, later);
		fprintf(out, "+%s", later);
	}
	timeline_describe(step, text);
	fprintf(out, "</td><td>%s</td><td>", timeline_kinds[step->kind].title);
	put_text(text, out);
	fputs("</td></tr>\n", out);
}

static void put_error_table(const struct timeline *tl, const struct timeline_error *error,
			    FILE *out)
{
	const struct timeline_step *before = NULL, *step;

	fputs("<table><tr><th>time</th><th>later by</th><th>step</th><th></th></tr>\n", out);
	for (unsigned i = 0; i < error->nsteps && i < MAX_ROWS; i++, before = step) {
		step = timeline_step_of(tl, error, i);
		put_row(step, before, out);
	}
	fputs("</table>\n", out);
	if (error->nsteps > MAX_ROWS)
		fprintf(out, "<p>%u more steps are not shown.</p>\n", error->nsteps - MAX_ROWS);
}

static void put_error(const struct timeline *tl, const struct timeline_error *error, FILE *out)
{
	char what[TIMELINE_TEXT_BYTES], latency[TIMELINE_TEXT_BYTES];

	timeline_describe_error(tl, error, what);
	timeline_describe_latency(tl, error, latency);
	fputs("<h3>", out);
	put_text(what, out);
	fputs("</h3>\n", out);
	if (latency[0])
		fprintf(out, "<p class=\"quiet\">%s</p>\n", latency);
	put_error_drawing(tl, error, what, out);
	put_error_table(tl, error, out);
}

static void put_others(const struct timeline *tl, FILE *out)
{
	unsigned rows = 0;

	for (unsigned i = 0; i < tl->nsteps && rows < MAX_ROWS; i++) {
		if (tl->step[i].linked)
			continue;
		if (rows++ == 0)
			fputs("<h3>Other steps</h3>\n<table>\n", out);
		put_row(&tl->step[i], NULL, out);
	}
	if (rows)
		fputs("</table>\n", out);
}

/* ---- the page ---- */

static void put_legend(FILE *out)
{
	fputs("<p>", out);
	for (unsigned i = 0; i < ARRAY_SIZE(legend); i++)
		fprintf(out, "<span class=\"key\" style=\"background:%s\"></span>%s\n",
			legend[i].colour, legend[i].text);
	fputs("</p>\n<p class=\"quiet\">Each error has a drawing of its own. Below a step stands how long it "
	      "came after the one before; distances grow with the logarithm of that.</p>\n",
	      out);
}

void timeline_html_begin(FILE *out)
{
	fputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/>\n"
	      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
	      "<title>rasvm: hardware errors</title>\n<style>\n",
	      out);
	fputs(style, out);
	fputs("</style></head>\n<body>\n<h1>Hardware errors, from the host to the guest</h1>\n",
	      out);
	put_legend(out);
}

static void put_summary(const struct timeline *tl, FILE *out)
{
	char end[TIMELINE_TEXT_BYTES];

	timeline_format_time(tl->end_ns, end);
	fprintf(out, "<p>%" PRIu64 " lines of trace, %u error%s, up to %s.", tl->lines, tl->nerrors,
		tl->nerrors == 1 ? "" : "s", end);
	if (tl->skipped)
		fprintf(out, " %" PRIu64 " lines are not of a trace of rasvm and were passed over.",
			tl->skipped);
	if (tl->dropped)
		fprintf(out, " %" PRIu64 " steps after the first %d are not shown.", tl->dropped,
			TIMELINE_MAX_STEPS);
	fputs("</p>\n", out);
}

void timeline_html_add(const struct timeline *tl, const char *name, FILE *out)
{
	char clean[TIMELINE_TEXT_BYTES];

	timeline_copy_text(clean, sizeof(clean), name);
	fputs("<section><h2>", out);
	put_text(clean, out);
	fputs("</h2>\n", out);
	put_summary(tl, out);
	put_overview(tl, out);
	for (unsigned i = 0; i < tl->nerrors && i < MAX_DRAWN_ERRORS; i++)
		put_error(tl, &tl->error[i], out);
	if (tl->nerrors > MAX_DRAWN_ERRORS)
		fprintf(out,
			"<p>%u more errors are not drawn; the timeline as text has them.</p>\n",
			tl->nerrors - MAX_DRAWN_ERRORS);
	put_others(tl, out);
	fputs("</section>\n", out);
}

void timeline_html_end(FILE *out)
{
	fputs("</body></html>\n", out);
}
