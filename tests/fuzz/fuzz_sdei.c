/*
 * libFuzzer on sdei/: the bytes are decoded into the steps of tests/unit/sdei_steps.h (calls,
 * triggers, lines, power changes on three PEs); after each step what must always hold is checked. A
 * violation is told with the steps that led to it. What the results should be is judged elsewhere,
 * by the model of tests/unit/test_sdei_random.c.
 */
#include <stdlib.h>

#include "tests/unit/sdei_steps.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz {
	struct world world;
	const uint8_t *data;
	size_t size;
	unsigned steps; /* that were taken */
	/* Triggered since it was last entered; a shared event's is in column 0. */
	bool credit[NEVENTS][NPE];
};

static struct step next_step(struct source *source)
{
	unsigned weights[COUNT(step_choices)];

	for (unsigned i = 0; i < COUNT(weights); i++)
		weights[i] = step_choices[i].weight;
	return pick_step(source, weights);
}

static void print_steps(const struct fuzz *f)
{
	struct source source = { .data = f->data, .size = f->size };

	draw_focus(&source);
	for (unsigned i = 0; i < f->steps; i++) {
		struct step step = next_step(&source);

		fprintf(stderr, "%4u. ", i + 1);
		step_print(stderr, &step);
		fputc('\n', stderr);
	}
}

static void violated(const struct fuzz *f, const char *what, uint64_t a, uint64_t b)
{
	print_steps(f);
	fprintf(stderr, "      violated: %s (0x%" PRIx64 ", 0x%" PRIx64 ")\n", what, a, b);
	abort();
}

/* `rule` holds, of event and PE numbers a and b. */
static void must(const struct fuzz *f, bool holds, const char *rule, uint64_t a, uint64_t b)
{
	if (!holds)
		violated(f, rule, a, b);
}

static bool is_shared(const struct sdei_event *event)
{
	return event->def.type == SDEI_SHARED;
}

static const struct sdei_handler *handler_of(const struct world *w, const struct sdei_event *event,
					     unsigned pe)
{
	return &w->sdei.handler[event->handler + (is_shared(event) ? 0 : pe)];
}

static unsigned frames_with(const struct world *w, unsigned e, unsigned pe)
{
	unsigned n = 0;

	for (unsigned d = 0; d < w->sdei.pe[pe].depth; d++)
		n += w->sdei.pe[pe].frame[d].event == e;
	return n;
}

static bool is_pending(const struct world *w, unsigned e, unsigned pe)
{
	const struct sdei_event *event = &w->sdei.event[e];

	if (event->level)
		return w->line[world_irq_index(event->intid)][is_shared(event) ? 0 : pe];
	return handler_of(w, event, pe)->pending;
}

/* DEN0054C 6.2, on what the structs say. */
static bool can_take(const struct world *w, unsigned e, unsigned pe)
{
	const struct sdei_event *event = &w->sdei.event[e];
	const struct sdei_handler *handler = handler_of(w, event, pe);
	const struct sdei_pe *at = &w->sdei.pe[pe];

	if (handler->state != (SDEI_REGISTERED | SDEI_ENABLED) || !is_pending(w, e, pe))
		return false;
	if (is_shared(event) && handler->rm_pe && handler->target != pe)
		return false;
	if (!at->on || at->masked || at->depth == 2)
		return false;
	if (event->def.priority == SDEI_NORMAL)
		return at->depth == 0;
	return at->depth == 0 || w->sdei.event[at->frame[0].event].def.priority == SDEI_NORMAL;
}

/* ---- what must always hold ---- */

static void check_pe(const struct fuzz *f, struct fw_locked locked, unsigned pe)
{
	const struct sdei *s = &f->world.sdei;
	const struct sdei_pe *p = &s->pe[pe];
	bool able = false;

	must(f, p->depth <= 2, "at most two handlers on a PE", pe, p->depth);
	must(f, p->on || p->depth == 0, "no handler on a PE that is off", pe, p->depth);
	must(f, p->on == f->world.on[pe], "on is on", pe, p->on);
	if (p->depth == 2)
		must(f,
		     s->event[p->frame[0].event].def.priority == SDEI_NORMAL &&
			     s->event[p->frame[1].event].def.priority == SDEI_CRITICAL,
		     "only a critical handler over a normal one", pe, p->frame[1].event);
	for (unsigned e = 0; e < s->nevents; e++)
		able |= can_take(&f->world, e, pe);
	must(f, able == !!(sdei_wants(locked, s, pe) & SDEI_WANT_ENTRY),
	     "sdei_wants() knows what can be entered", pe, able);
}

static void check_state(const struct fuzz *f, struct fw_locked locked, unsigned e, unsigned pe)
{
	const struct sdei_event *event = &f->world.sdei.event[e];
	unsigned status = sdei_status(locked, &f->world.sdei, event->def.num, pe);

	must(f, status <= 7 && status != 2 && status != 6, "the state exists", event->def.num,
	     status);
	must(f, is_shared(event) || f->world.on[pe] || !status,
	     "a PE that is off has no private handlers", event->def.num, pe);
	must(f, !event->slot || event->intid || !status, "a free slot has no handlers",
	     event->def.num, status);
}

/* As many frames as the state says: one if it runs, and on one PE only. */
static void check_runners(const struct fuzz *f, struct fw_locked locked, unsigned e)
{
	const struct sdei_event *event = &f->world.sdei.event[e];
	unsigned all = 0;

	for (unsigned pe = 0; pe < NPE; pe++) {
		unsigned frames = frames_with(&f->world, e, pe);
		unsigned status = sdei_status(locked, &f->world.sdei, event->def.num, pe);

		all += frames;
		if (!is_shared(event))
			must(f, frames == !!(status & SDEI_RUNNING),
			     "a private handler runs once, where it says", event->def.num, pe);
	}
	if (is_shared(event))
		must(f,
		     all == !!(sdei_status(locked, &f->world.sdei, event->def.num, 0) &
			       SDEI_RUNNING),
		     "a shared handler runs once, on one PE", event->def.num, all);
}

/* An event that can be taken has a PE that can take it on its way. */
static void check_asked(const struct fuzz *f, unsigned e)
{
	const struct sdei_event *event = &f->world.sdei.event[e];
	bool able = false, asked = false;

	for (unsigned pe = 0; pe < NPE; pe++) {
		bool here = can_take(&f->world, e, pe);

		able |= here;
		asked |= here && f->world.kicked[pe];
		if (!is_shared(event))
			must(f, !here || f->world.kicked[pe], "a private event's PE is asked",
			     event->def.num, pe);
	}
	must(f, !able || asked, "a PE that can take it is asked", event->def.num, able);
}

static void check(const struct fuzz *f, struct fw_locked locked)
{
	if (f->world.misuse)
		violated(f, f->world.misuse, 0, 0);
	for (unsigned pe = 0; pe < NPE; pe++)
		check_pe(f, locked, pe);
	for (unsigned e = 0; e < f->world.sdei.nevents; e++) {
		for (unsigned pe = 0; pe < NPE; pe++)
			check_state(f, locked, e, pe);
		check_runners(f, locked, e);
		check_asked(f, e);
	}
}

/* ---- entries and triggers ---- */

/* Triggers of the step become credit; several before an entry are one. */
static void take_credit(struct fuzz *f)
{
	for (unsigned e = 0; e < NEVENTS; e++)
		for (unsigned pe = 0; pe < NPE; pe++)
			f->credit[e][pe] |= f->world.triggered[e][pe] != 0;
	memset(f->world.triggered, 0, sizeof(f->world.triggered));
}

static void check_entry(struct fuzz *f, struct fw_locked locked, unsigned pe)
{
	const struct sdei_pe *p = &f->world.sdei.pe[pe];
	unsigned e, column;

	must(f, p->depth > 0 && p->on && !p->masked, "entered while on and unmasked", pe, p->depth);
	e = p->frame[p->depth - 1].event;
	column = is_shared(&f->world.sdei.event[e]) ? 0 : pe;
	must(f, f->world.ctx[pe].x[0] == f->world.sdei.event[e].def.num, "x0 is the event", e,
	     f->world.ctx[pe].x[0]);
	must(f, !sdei_wants(locked, &f->world.sdei, pe), "one look is enough", pe, e);
	if (f->world.sdei.event[e].level)
		return;
	must(f, f->credit[e][column], "entered once for a trigger", e, pe);
	f->credit[e][column] = false;
}

static void look(struct fuzz *f, struct fw_locked locked, unsigned pe, enum look how)
{
	const struct sdei_pe before = f->world.sdei.pe[pe];

	if (world_evaluate(locked, &f->world, pe, how)) {
		must(f, before.on && !before.masked, "entered while on and unmasked", pe, 0);
		must(f, f->world.sdei.pe[pe].depth == before.depth + 1u, "one entry a look", pe,
		     before.depth);
		check_entry(f, locked, pe);
	}
	f->world.current = -1;
}

static void settle(struct fuzz *f, struct fw_locked locked, unsigned first)
{
	for (unsigned round = 0; round < 64; round++) {
		unsigned i = 0;

		while (i < NPE && !f->world.kicked[(first + i) % NPE])
			i++;
		if (i == NPE)
			return;
		first = (first + i) % NPE;
		look(f, locked, first++, LOOK);
		check(f, locked);
	}
	violated(f, "PEs stop asking each other to look", 0, 0);
}

static void take_step(struct fuzz *f, struct fw_locked locked, const struct step *step)
{
	if (step->kind == STEP_SETTLE)
		settle(f, locked, step->pe);
	else if (step->kind == STEP_EVALUATE)
		look(f, locked, step->pe, (enum look)step->arg[0]);
	else
		world_step(locked, &f->world, step);
	take_credit(f);
	check(f, locked);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz f = { .data = data, .size = size };
	struct source source = { .data = data, .size = size };
	struct fw_locked locked;
	struct err err;

	if (world_init(&f.world, &err) < 0)
		abort();
	locked = fw_lock(&f.world.lock);
	for (unsigned pe = 0; pe < NPE; pe++)
		take_step(&f, locked, &(struct step){ .kind = STEP_ON, .pe = (uint8_t)pe });
	draw_focus(&source);
	while (source.size) {
		struct step step = next_step(&source);

		f.steps++;
		take_step(&f, locked, &step);
	}
	fw_unlock(locked);
	world_destroy(&f.world);
	return 0;
}
