/*
 * Random life against a naive model (sdei_reference.h): sequences of calls, triggers, line and power
 * changes on three PEs; after each step everything that can be seen must be as the model has it, and
 * every event that could be entered somewhere must have a PE on its way to it. A sequence that fails
 * is shrunk until no step can be left out, and printed.
 *
 * SDEI_STEPS=n in the environment for another number of steps, SDEI_SEED=n for another sequence.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "sdei_reference.h"
#include "sdei_steps.h"

#define DEFAULT_STEPS 300000
#define DEFAULT_SEED  20241
#define MAX_LENGTH    400 /* steps from one reset to the next */
#define SHRUNK_LIMIT  12  /* of the seeded differences: all need fewer than ten steps */

/* A difference; `found` and `expected` are sentences. */
struct difference {
	unsigned step; /* index into the sequence */
	char expected[400], found[400];
};

struct pair {
	struct world world;
	struct ref_setup setup;
	struct ref ref;
};

struct sequence {
	struct step step[MAX_LENGTH];
	unsigned length;
};

/* The fake machine, as the model wants it told. */
static void describe_world(struct ref_setup *setup)
{
	unsigned n = 0;

	setup->event[n++] = (struct ref_event){ 0, false, false, false };
	for (unsigned i = 0; i < COUNT(world_events); i++)
		setup->event[n++] =
			(struct ref_event){ world_events[i].num,
					    world_events[i].type == SDEI_SHARED,
					    world_events[i].priority == SDEI_CRITICAL, false };
	for (unsigned i = 0; i < 4; i++)
		setup->event[n++] = (struct ref_event){ SLOT_BASE + i, i >= 2, false, true };
	for (unsigned i = 0; i < NIRQS; i++)
		setup->irq[i] = (struct ref_irq){ world_irqs[i].intid, world_irqs[i].shared,
						  world_irqs[i].level, world_irqs[i].given };
	for (unsigned p = 0; p < NPE; p++) {
		setup->mpidr[p] = world_mpidr[p];
		setup->pan[p] = world_features[p] & SDEI_PE_PAN;
		setup->ssbs[p] = world_features[p] & SDEI_PE_SSBS;
		setup->mte2[p] = world_features[p] & SDEI_PE_MTE2;
		setup->nmi[p] = world_features[p] & SDEI_PE_NMI;
	}
}

/* ---- comparing ---- */

static bool differ(struct difference *d, const char *what, int64_t expected, int64_t found)
{
	if (expected == found)
		return false;
	snprintf(d->expected, sizeof(d->expected), "%s = %" PRId64 " (0x%" PRIx64 ")", what,
		 expected, (uint64_t)expected);
	snprintf(d->found, sizeof(d->found), "%s = %" PRId64 " (0x%" PRIx64 ")", what, found,
		 (uint64_t)found);
	return true;
}

/* As differ(), with the PE in the name. */
static bool differ_pe(struct difference *d, unsigned pe, const char *what, uint64_t expected,
		      uint64_t found)
{
	char name[80];

	if (expected == found)
		return false;
	snprintf(name, sizeof(name), "PE %u: %s", pe, what);
	return differ(d, name, (int64_t)expected, (int64_t)found);
}

static bool ctx_differs(struct difference *d, unsigned pe, const char *whose,
			const struct ref_ctx *expected, const struct sdei_ctx *found)
{
	char what[48];

	for (unsigned i = 0; i < 18; i++) {
		if (expected->x[i] == found->x[i])
			continue;
		snprintf(what, sizeof(what), "%s x%u", whose, i);
		return differ_pe(d, pe, what, expected->x[i], found->x[i]);
	}
	snprintf(what, sizeof(what), "%s PC", whose);
	if (differ_pe(d, pe, what, expected->pc, found->pc))
		return true;
	snprintf(what, sizeof(what), "%s PSTATE", whose);
	return differ_pe(d, pe, what, expected->pstate, found->pstate);
}

static bool frames_differ(struct difference *d, const struct pair *p, unsigned pe)
{
	const struct ref *r = &p->ref;
	const struct sdei *s = &p->world.sdei;

	if (differ_pe(d, pe, "handlers that run", (unsigned)r->depth[pe], s->pe[pe].depth))
		return true;
	for (unsigned i = 0; i < s->pe[pe].depth; i++) {
		const struct sdei_frame *frame = &s->pe[pe].frame[i];

		if (differ_pe(d, pe, "event of a frame", r->setup->event[r->frame_event[pe][i]].num,
			      s->event[frame->event].def.num) ||
		    ctx_differs(d, pe, i ? "saved (inner)" : "saved (outer)", &r->frame[pe][i],
				&frame->ctx))
			return true;
	}
	return false;
}

static bool pe_differs(struct difference *d, struct fw_locked locked, const struct pair *p,
		       unsigned pe)
{
	const struct ref *r = &p->ref;
	const struct world *w = &p->world;
	unsigned wants = sdei_wants(locked, &w->sdei, pe);
	int next = ref_next(r, (int)pe);

	if (differ_pe(d, pe, "is on", r->on[pe], w->sdei.pe[pe].on) ||
	    differ_pe(d, pe, "sdei_in_handler", r->depth[pe] > 0,
		      sdei_in_handler(locked, &w->sdei, pe)) ||
	    frames_differ(d, p, pe) ||
	    differ_pe(d, pe, "sdei_wants has ENTRY", next != REF_NONE, !!(wants & SDEI_WANT_ENTRY)))
		return true;
	if (next != REF_NONE && r->relative[next][ref_column(r, next, (int)pe)] &&
	    differ_pe(d, pe, "sdei_wants has VBAR", 1, !!(wants & SDEI_WANT_VBAR)))
		return true;
	if (!r->on[pe])
		return false;
	return differ_pe(d, pe, "masked", r->masked[pe], w->sdei.pe[pe].masked) ||
	       ctx_differs(d, pe, "now", &r->ctx[pe], &w->ctx[pe]) ||
	       differ_pe(d, pe, "ELR_EL1", r->elr[pe], w->elr[pe]) ||
	       differ_pe(d, pe, "SPSR_EL1", r->spsr[pe], w->spsr[pe]);
}

/* A trigger that waits; a level-triggered event has its line for that. */
static bool pending_differs(struct difference *d, const struct pair *p, unsigned e, unsigned pe)
{
	const struct ref *r = &p->ref;
	const struct sdei *s = &p->world.sdei;
	unsigned column = (unsigned)ref_column(r, (int)e, (int)pe);
	char what[64];

	if (ref_is_level(r, (int)e))
		return false;
	snprintf(what, sizeof(what), "event 0x%x pending", r->setup->event[e].num);
	return differ_pe(d, pe, what, r->pending[e][column],
			 s->handler[s->event[e].handler + column].pending);
}

static bool event_differs(struct difference *d, struct fw_locked locked, const struct pair *p,
			  unsigned e)
{
	const struct ref *r = &p->ref;
	uint32_t num = r->setup->event[e].num;
	char what[64];

	snprintf(what, sizeof(what), "event 0x%x exists", num);
	if (differ(d, what, ref_event_index(r, num) != REF_NONE,
		   sdei_find(locked, &p->world.sdei, num) != NULL))
		return true;
	snprintf(what, sizeof(what), "status of event 0x%x", num);
	for (unsigned pe = 0; pe < NPE; pe++)
		if (differ_pe(d, pe, what, ref_status(r, (int)e, (int)pe),
			      sdei_status(locked, &p->world.sdei, num, pe)) ||
		    pending_differs(d, p, e, pe))
			return true;
	return false;
}

static bool irq_differs(struct difference *d, struct fw_locked locked, const struct pair *p,
			unsigned i)
{
	const struct ref *r = &p->ref;
	int e = ref_bound_event(r, (int)i);
	char what[64];

	snprintf(what, sizeof(what), "SDEI owns interrupt %u", world_irqs[i].intid);
	if (differ(d, what, e != REF_NONE, p->world.owned[i]))
		return true;
	snprintf(what, sizeof(what), "event of interrupt %u", world_irqs[i].intid);
	return differ(d, what, e == REF_NONE ? SDEI_NO_EVENT : r->setup->event[e].num,
		      sdei_bound_event(locked, &p->world.sdei, world_irqs[i].intid));
}

static bool asks_nobody(struct difference *d, uint32_t event, const char *whom)
{
	snprintf(d->expected, sizeof(d->expected),
		 "event 0x%x can be entered, so %s is asked to look", event, whom);
	snprintf(d->found, sizeof(d->found), "none of them is");
	return true;
}

/* Some PE that can take the event must be on its way; of a private event, each that can. */
static bool event_is_forgotten(struct difference *d, const struct pair *p, unsigned e)
{
	const struct ref *r = &p->ref;
	uint32_t num = r->setup->event[e].num;
	bool able = false, asked = false;
	char whom[32];

	for (unsigned pe = 0; pe < NPE; pe++) {
		bool here = ref_can_enter(r, (int)e, (int)pe);

		able |= here;
		asked |= here && p->world.kicked[pe];
		snprintf(whom, sizeof(whom), "PE %u", pe);
		if (here && !p->world.kicked[pe] && !ref_is_shared(r, (int)e))
			return asks_nobody(d, num, whom);
	}
	return able && !asked && asks_nobody(d, num, "one of the PEs that can take it");
}

static bool states_differ(struct difference *d, struct fw_locked locked, const struct pair *p)
{
	if (p->world.misuse) {
		snprintf(d->expected, sizeof(d->expected), "ops are used as sdei.h says");
		snprintf(d->found, sizeof(d->found), "%s", p->world.misuse);
		return true;
	}
	if (differ(d, "handlers entered", p->ref.entered, p->world.entered) ||
	    differ(d, "handlers left", p->ref.left, p->world.left))
		return true;
	for (unsigned pe = 0; pe < NPE; pe++)
		if (pe_differs(d, locked, p, pe))
			return true;
	for (unsigned i = 0; i < NIRQS; i++)
		if (irq_differs(d, locked, p, i))
			return true;
	for (unsigned e = 0; e < NEVENTS; e++)
		if (event_differs(d, locked, p, e) || event_is_forgotten(d, p, e))
			return true;
	return false;
}

/* ---- one step in both ---- */

static bool call_differs(struct difference *d, struct ref *r, const struct step *step,
			 const struct outcome *out)
{
	struct ref_result expected = ref_call(r, step->pe, step->fid, step->arg, out->ret);

	if (differ(d, "fw_result", expected.returns ? FW_RETURN : FW_RESUMED, out->result))
		return true;
	return expected.returns && differ(d, "x0", expected.ret, out->ret);
}

static bool trigger_differs(struct difference *d, struct ref *r, uint32_t num, unsigned pe,
			    const struct outcome *out)
{
	enum ref_triggered expected = ref_trigger(r, num, pe == SDEI_NO_PE ? REF_NONE : (int)pe);

	return differ(d, "sdei_trigger", (int64_t)expected, (int64_t)out->triggered);
}

static bool line_differs(struct difference *d, struct ref *r, const struct step *step,
			 const struct outcome *out)
{
	unsigned i = (unsigned)step->arg[0];
	unsigned pe = world_irqs[i].shared ? 0 : step->pe;
	int e = ref_bound_event(r, (int)i);
	bool rises = step->arg[1] && !r->line[i][pe];

	r->line[i][pe] = step->arg[1];
	if (!rises || world_irqs[i].level || e == REF_NONE)
		return false;
	return trigger_differs(d, r, r->setup->event[e].num,
			       world_irqs[i].shared ? SDEI_NO_PE : step->pe, out);
}

static void model_runs_on(struct ref *r, unsigned pe, uint64_t seed)
{
	struct sdei_ctx ctx;
	struct sdei_sysregs sys;

	some_registers(seed, world_features[pe], &ctx, &sys);
	memcpy(r->ctx[pe].x, ctx.x, sizeof(ctx.x));
	r->ctx[pe].pc = ctx.pc;
	r->ctx[pe].pstate = ctx.pstate;
	r->sctlr[pe] = sys.sctlr;
	r->vbar[pe] = sys.vbar;
}

static void model_power(struct ref *r, const struct step *step)
{
	if (step->kind == STEP_OFF) {
		ref_pe_off(r, step->pe);
		return;
	}
	ref_pe_on(r, step->pe);
	model_runs_on(r, step->pe, step->pe);
}

static void model_reset(struct ref *r)
{
	struct ref old = *r;

	ref_reset(r, old.setup, old.wrong);
	memcpy(r->line, old.line, sizeof(r->line));
	memcpy(r->busy, old.busy, sizeof(r->busy));
	memcpy(r->elr, old.elr, sizeof(r->elr));
	memcpy(r->spsr, old.spsr, sizeof(r->spsr));
}

/* Without VBAR_EL1, a relative handler is not entered. */
static bool evaluate_differs(struct difference *d, struct ref *r, const struct step *step,
			     const struct outcome *out)
{
	unsigned before = r->entered;
	int next = ref_next(r, step->pe);

	if (step->arg[0] != LOOK_WITHOUT_VBAR || next == REF_NONE ||
	    !r->relative[next][ref_column(r, next, step->pe)])
		ref_evaluate(r, step->pe);
	return differ(d, "sdei_evaluate", r->entered != before, out->changed);
}

/* The model takes the step too; true if already its answer differs. */
static bool model_differs(struct difference *d, struct ref *r, const struct step *step,
			  const struct outcome *out)
{
	switch (step->kind) {
	case STEP_CALL:
		return call_differs(d, r, step, out);
	case STEP_EVALUATE:
		return evaluate_differs(d, r, step, out);
	case STEP_TRIGGER:
		return trigger_differs(d, r, (uint32_t)step->arg[0], (unsigned)step->arg[1], out);
	case STEP_LINE:
		return line_differs(d, r, step, out);
	case STEP_BUSY:
		r->busy[step->arg[0]] = step->arg[1];
		return false;
	case STEP_RUN:
		model_runs_on(r, step->pe, step->arg[0] * 1000);
		return false;
	case STEP_RESET:
		model_reset(r);
		return false;
	default:
		model_power(r, step);
		return false;
	}
}

static bool step_differs(struct difference *d, struct fw_locked locked, struct pair *p,
			 const struct step *step)
{
	struct outcome out = world_step(locked, &p->world, step);

	if (!out.applied)
		return false;
	return model_differs(d, &p->ref, step, &out) || states_differ(d, locked, p);
}

/* All PEs look as long as they are asked to, each judged as a step of its own. */
static bool settling_differs(struct difference *d, struct fw_locked locked, struct pair *p,
			     unsigned first)
{
	for (unsigned n = 0; n < 64; n++) {
		unsigned i = 0;

		while (i < NPE && !p->world.kicked[(first + i) % NPE])
			i++;
		if (i == NPE)
			return false;
		first = (first + i) % NPE;
		if (step_differs(d, locked, p,
				 &(struct step){ .kind = STEP_EVALUATE,
						 .pe = (uint8_t)first,
						 .arg[0] = n % 2 ? LOOK : LOOK_IF_WANTED }))
			return true;
		first++;
	}
	snprintf(d->expected, sizeof(d->expected), "PEs stop asking each other to look");
	snprintf(d->found, sizeof(d->found), "still asked after 64 looks");
	return true;
}

/* ---- sequences ---- */

/* Run a sequence on a new machine. True if it fails, with *d. */
static bool sequence_fails(const struct sequence *s, enum ref_wrong wrong, struct difference *d)
{
	struct pair pair;
	struct fw_locked locked;
	struct err err;
	bool failed = false;

	if (world_init(&pair.world, &err) < 0)
		fail_msg("sdei_init: %s", err.text);
	describe_world(&pair.setup);
	ref_reset(&pair.ref, &pair.setup, wrong);
	locked = fw_lock(&pair.world.lock);
	for (unsigned i = 0; i < s->length && !failed; i++) {
		d->step = i;
		failed = s->step[i].kind == STEP_SETTLE
				 ? settling_differs(d, locked, &pair, s->step[i].pe)
				 : step_differs(d, locked, &pair, &s->step[i]);
	}
	fw_unlock(locked);
	world_destroy(&pair.world);
	return failed;
}

/* Each sequence has its own taste: some steps come often in it and some not at all, and most are
 * about one or two events. */
static void draw_sequence(struct sequence *s, uint64_t seed)
{
	static const unsigned taste[] = { 1, 1, 1, 1, 0, 3 };
	struct source source = { .random = seed };
	unsigned weights[COUNT(step_choices)];

	for (unsigned i = 0; i < COUNT(weights); i++)
		weights[i] = step_choices[i].weight * taste[pick(&source, COUNT(taste))];
	weights[1] += 10; /* REGISTER and PE_UNMASK, without which nothing ever happens */
	weights[2] += 10;
	draw_focus(&source);
	s->length = 20 + pick(&source, MAX_LENGTH - 20);
	for (unsigned pe = 0; pe < NPE; pe++)
		s->step[pe] = (struct step){ .kind = STEP_ON, .pe = (uint8_t)pe };
	for (unsigned i = NPE; i < s->length; i++)
		s->step[i] = pick_step(&source, weights);
}

/* ---- shrinking ---- */

static void without(struct sequence *out, const struct sequence *in, unsigned at, unsigned n)
{
	*out = *in;
	memmove(&out->step[at], &out->step[at + n], (in->length - at - n) * sizeof(out->step[0]));
	out->length = in->length - n;
}

/* Leave out chunks of n steps wherever the rest still fails. True if some went. */
static bool drop_chunks(struct sequence *s, unsigned n, enum ref_wrong wrong, struct difference *d)
{
	struct sequence shorter;
	struct difference again;
	bool dropped = false;

	for (unsigned at = s->length; at >= n; at--) {
		without(&shorter, s, at - n, n);
		if (!sequence_fails(&shorter, wrong, &again))
			continue;
		*s = shorter;
		*d = again;
		s->length = d->step + 1;
		dropped = true;
		if (at > s->length)
			at = s->length + 1;
	}
	return dropped;
}

/* Chunks from half the length down to one step; single steps until none can go. */
static void shrink(struct sequence *s, enum ref_wrong wrong, struct difference *d)
{
	s->length = d->step + 1;
	for (unsigned n = s->length / 2; n > 1; n /= 2)
		drop_chunks(s, n, wrong, d);
	while (drop_chunks(s, 1, wrong, d) || drop_chunks(s, 2, wrong, d))
		continue;
}

static void print_failure(FILE *out, const struct sequence *s, const struct difference *d)
{
	for (unsigned i = 0; i < s->length; i++) {
		fprintf(out, "# %3u. ", i + 1);
		step_print(out, &s->step[i]);
		fputc('\n', out);
	}
	fprintf(out, "#  expected: %s\n#  found:    %s\n", d->expected, d->found);
}

/* ---- tests ---- */

static uint64_t from_environment(const char *name, uint64_t value)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : value;
}

/* Draw sequences from `seed` on until one fails, which is then shrunk, or `steps` have gone. */
static bool find_failure(uint64_t seed, uint64_t steps, enum ref_wrong wrong, struct sequence *s,
			 struct difference *d)
{
	for (uint64_t done = 0, n = 0; done < steps; done += s->length, n++) {
		draw_sequence(s, mix(seed) + n);
		if (!sequence_fails(s, wrong, d))
			continue;
		printf("# sequence %" PRIu64 " of seed %" PRIu64 " fails after %u steps\n", n, seed,
		       d->step + 1);
		shrink(s, wrong, d);
		return true;
	}
	return false;
}

static void random_life_is_as_the_model_says(void **state)
{
	struct sequence sequence;
	struct difference d;
	uint64_t seed = from_environment("SDEI_SEED", DEFAULT_SEED);
	uint64_t steps = from_environment("SDEI_STEPS", DEFAULT_STEPS);

	(void)state;
	printf("# SDEI_SEED=%" PRIu64 " SDEI_STEPS=%" PRIu64 "\n", seed, steps);
	if (!find_failure(seed, steps, REF_RIGHT, &sequence, &d))
		return;
	print_failure(stdout, &sequence, &d);
	fail_msg("expected %s, found %s", d.expected, d.found);
}

/* The judge itself: a model with one wrong rule is found out, and by few steps. */
static void a_wrong_rule_is_found_and_shrunk(void **state)
{
	struct sequence sequence;
	struct difference d;

	(void)state;
	for (enum ref_wrong wrong = REF_RIGHT + 1; wrong < REF_NR_WRONG; wrong++) {
		if (!find_failure(DEFAULT_SEED, DEFAULT_STEPS, wrong, &sequence, &d))
			fail_msg("wrong rule %d: no difference in %d steps", wrong, DEFAULT_STEPS);
		print_failure(stdout, &sequence, &d);
		if (sequence_fails(&sequence, REF_RIGHT, &d))
			fail_msg("wrong rule %d: the right one differs too: expected %s, found %s",
				 wrong, d.expected, d.found);
		if (sequence.length > SHRUNK_LIMIT)
			fail_msg("wrong rule %d: expected at most %d steps, found %u", wrong,
				 SHRUNK_LIMIT, sequence.length);
	}
}

/* What is left cannot be shorter: without any one of its steps the sequence passes. */
static void a_shrunk_sequence_has_no_step_too_many(void **state)
{
	struct sequence sequence, shorter;
	struct difference d;

	(void)state;
	if (!find_failure(DEFAULT_SEED + 1, DEFAULT_STEPS, REF_WRONG_SHARED_RUNS_TWICE, &sequence,
			  &d))
		fail_msg("no difference in %d steps", DEFAULT_STEPS);
	for (unsigned i = 0; i < sequence.length; i++) {
		without(&shorter, &sequence, i, 1);
		if (!sequence_fails(&shorter, REF_WRONG_SHARED_RUNS_TWICE, &d))
			continue;
		print_failure(stdout, &shorter, &d);
		fail_msg("expected step %u to be needed, found that it is not", i + 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_life_is_as_the_model_says),
		cmocka_unit_test(a_wrong_rule_is_found_and_shrunk),
		cmocka_unit_test(a_shrunk_sequence_has_no_step_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
