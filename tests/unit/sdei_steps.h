/*
 * A machine of three fake PEs around sdei/, and the steps that can happen in it: calls, triggers,
 * interrupt lines, power changes, and a PE looking what there is to enter. Steps are drawn from a
 * source of small numbers, so that a generator of random numbers and a fuzzer can both drive it.
 */
#ifndef TESTS_UNIT_SDEI_STEPS_H
#define TESTS_UNIT_SDEI_STEPS_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "sdei/sdei.h"

#define NPE        3
#define NEVENTS    9 /* event 0, four platform events, two slots of each kind */
#define NIRQS      7
#define SLOT_BASE  UINT32_C(0x40000100)
#define COUNT(arr) (sizeof(arr) / sizeof((arr)[0]))

static const uint64_t world_mpidr[NPE] = { 0x0, 0x1, UINT64_C(0x100000100) };

static const struct sdei_event_def world_events[] = {
	{ 0x40000001, SDEI_PRIVATE, SDEI_NORMAL },
	{ 0x40000002, SDEI_PRIVATE, SDEI_CRITICAL },
	{ 0x40000003, SDEI_SHARED, SDEI_NORMAL },
	{ 0x40000004, SDEI_SHARED, SDEI_CRITICAL },
};

static const uint32_t world_numbers[] = { 0,          0x40000001, 0x40000002,   0x40000003,
					  0x40000004, SLOT_BASE,  SLOT_BASE + 2 };

/* Two slots of each kind, so three lines of each kind are enough to run out of them. */
struct world_irq {
	uint32_t intid;
	bool shared, level, given;
};
static const struct world_irq world_irqs[NIRQS] = {
	{ 16, false, false, true }, { 18, false, true, true }, { 20, false, false, true },
	{ 40, true, true, true },   { 41, true, false, true }, { 42, true, true, true },
	{ 27, false, true, false },
};

/* What each PE can do: nothing, some of it, all of it. */
static const uint32_t world_features[NPE] = {
	0, SDEI_PE_PAN | SDEI_PE_SSBS, SDEI_PE_PAN | SDEI_PE_SSBS | SDEI_PE_MTE2 | SDEI_PE_NMI
};

struct world {
	struct fw_lock lock;
	struct sdei sdei;
	struct fw_service service;
	struct sdei_ctx ctx[NPE];
	struct sdei_sysregs sys[NPE]; /* with vbar; a handler sees that only if it was wanted */
	uint64_t elr[NPE], spsr[NPE];
	bool on[NPE];
	bool kicked[NPE];
	bool line[NIRQS][NPE]; /* an SPI's is in column 0 */
	bool busy[NIRQS];
	bool owned[NIRQS];
	int current;    /* the PE whose thread runs, or -1 */
	bool want_vbar; /* what it was told before it went into SDEI */
	unsigned entered, left;
	unsigned triggered[NEVENTS][NPE]; /* for whoever wants to count */
	const char *misuse;               /* an op was called in a way sdei.h does not allow */
};

/* ---- what SDEI sees of the world ---- */

static inline void world_check_pe(struct world *w, unsigned pe, const char *misuse)
{
	if ((int)pe != w->current)
		w->misuse = misuse;
}

static inline void world_get_ctx(void *opaque, unsigned pe, struct sdei_ctx *ctx)
{
	struct world *w = opaque;

	world_check_pe(w, pe, "get_ctx of a PE whose thread is not calling");
	*ctx = w->ctx[pe];
}

static inline void world_set_ctx(void *opaque, unsigned pe, const struct sdei_ctx *ctx)
{
	struct world *w = opaque;

	world_check_pe(w, pe, "set_ctx of a PE whose thread is not calling");
	w->ctx[pe] = *ctx;
}

static inline void world_get_sysregs(void *opaque, unsigned pe, struct sdei_sysregs *sys)
{
	struct world *w = opaque;

	world_check_pe(w, pe, "get_sysregs of a PE whose thread is not calling");
	*sys = w->sys[pe];
	sys->have_vbar = w->want_vbar;
	if (!sys->have_vbar)
		sys->vbar = UINT64_C(0xbadbadbadbad0000);
}

static inline void world_set_exception(void *opaque, unsigned pe, uint64_t elr, uint64_t spsr)
{
	struct world *w = opaque;

	world_check_pe(w, pe, "set_exception of a PE whose thread is not calling");
	w->elr[pe] = elr;
	w->spsr[pe] = spsr;
}

static inline void world_kick(void *opaque, unsigned pe)
{
	struct world *w = opaque;

	if (pe < NPE)
		w->kicked[pe] = true;
	else
		w->misuse = "kick of a PE that does not exist";
}

static inline int world_irq_index(uint32_t intid)
{
	for (unsigned i = 0; i < NIRQS; i++)
		if (world_irqs[i].intid == intid)
			return (int)i;
	return -1;
}

static inline int64_t world_irq_bind(void *opaque, uint32_t intid, unsigned pe,
				     struct sdei_irq *irq)
{
	struct world *w = opaque;
	int i = world_irq_index(intid);

	(void)pe;
	if (i < 0 || !world_irqs[i].given)
		return SDEI_INVALID_PARAMETERS;
	if (w->owned[i])
		w->misuse = "irq_bind of a line that is bound already";
	if (w->busy[i])
		return SDEI_DENIED;
	*irq = (struct sdei_irq){ .shared = world_irqs[i].shared, .level = world_irqs[i].level };
	w->owned[i] = true;
	return SDEI_SUCCESS;
}

static inline void world_irq_release(void *opaque, uint32_t intid)
{
	struct world *w = opaque;
	int i = world_irq_index(intid);

	if (i < 0 || !w->owned[i])
		w->misuse = "irq_release of a line that is not bound";
	else
		w->owned[i] = false;
}

static inline bool world_irq_level(void *opaque, uint32_t intid, unsigned pe)
{
	struct world *w = opaque;
	int i = world_irq_index(intid);

	if (i < 0 || !w->owned[i] || !world_irqs[i].level) {
		w->misuse = "irq_level of a line that is not bound, or not level-triggered";
		return false;
	}
	return w->line[i][world_irqs[i].shared ? 0 : pe];
}

static inline void world_note(void *opaque, const struct sdei_note *note)
{
	struct world *w = opaque;

	w->entered += note->kind == SDEI_NOTE_ENTERED;
	w->left += note->kind == SDEI_NOTE_COMPLETED || note->kind == SDEI_NOTE_RESUMED ||
		   note->kind == SDEI_NOTE_ENDED;
}

static const struct sdei_ops world_ops = {
	.get_ctx = world_get_ctx,
	.get_sysregs = world_get_sysregs,
	.set_ctx = world_set_ctx,
	.set_exception = world_set_exception,
	.kick = world_kick,
	.irq_bind = world_irq_bind,
	.irq_release = world_irq_release,
	.irq_level = world_irq_level,
	.note = world_note,
};

/* 0 or -errno of sdei_init(). All PEs are off. */
static inline int world_init(struct world *w, struct err *err)
{
	const struct sdei_config config = {
		.npe = NPE,
		.mpidr = world_mpidr,
		.events = world_events,
		.nevents = COUNT(world_events),
		.private_slots = 2,
		.shared_slots = 2,
		.slot_base = SLOT_BASE,
		.ops = &world_ops,
		.world = w,
	};

	memset(w, 0, sizeof(*w));
	pthread_mutex_init(&w->lock.mutex, NULL);
	w->current = -1;
	w->service = (struct fw_service){ "SDEI", sdei_calls, sdei_ncalls, &w->sdei, NULL };
	return sdei_init(&w->sdei, &config, err);
}

static inline void world_destroy(struct world *w)
{
	sdei_destroy(&w->sdei);
	pthread_mutex_destroy(&w->lock.mutex);
}

/* ---- registers ---- */

static inline uint64_t mix(uint64_t x)
{
	x += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

/* A PSTATE as a PE with these features can have it: EL0 or EL1, AArch64 or AArch32 at EL0. */
static inline uint64_t some_pstate(uint64_t random, uint32_t features)
{
	static const uint64_t modes[] = { 0x0, 0x4, 0x5, 0x10 };
	uint64_t mode = modes[random & 3];
	uint64_t pstate = mode | (random & UINT64_C(0xf13003c0)); /* NZCV, DIT, SS, IL, DAIF */

	if (mode == 0x10)
		return pstate | (random & 0x0600fe20); /* IT, E, T */
	pstate |= random & 0x00800c00;                 /* UAO, BTYPE */
	if (features & SDEI_PE_PAN)
		pstate |= random & UINT64_C(1) << 22;
	if (features & SDEI_PE_SSBS)
		pstate |= random & UINT64_C(1) << 12;
	if (features & SDEI_PE_MTE2)
		pstate |= random & UINT64_C(1) << 25;
	if (features & SDEI_PE_NMI)
		pstate |= random & UINT64_C(1) << 13;
	return pstate;
}

/* The guest has run for a while: all registers have new values. */
static inline void some_registers(uint64_t seed, uint32_t features, struct sdei_ctx *ctx,
				  struct sdei_sysregs *sys)
{
	for (unsigned i = 0; i < COUNT(ctx->x); i++)
		ctx->x[i] = mix(seed + i);
	ctx->pc = mix(seed + 100) & ~UINT64_C(3);
	ctx->pstate = some_pstate(mix(seed + 101), features);
	sys->sctlr = mix(seed + 102);
	sys->vbar = mix(seed + 103) & ~UINT64_C(0x7ff);
	sys->features = features;
}

/* ---- steps ---- */

enum step_kind {
	STEP_CALL,     /* fid, arg */
	STEP_EVALUATE, /* the PE looks, asked or not; arg[0]: enum look */
	STEP_SETTLE,   /* every PE looks as long as it is asked to; pe goes first */
	STEP_TRIGGER,  /* arg[0]: event, arg[1]: PE or SDEI_NO_PE */
	STEP_LINE,     /* arg[0]: which of world_irqs, arg[1]: level; pe: whose PPI */
	STEP_BUSY,     /* arg[0]: which of world_irqs, arg[1]: it is pending at the GIC */
	STEP_ON,
	STEP_OFF,
	STEP_RESUMED,
	STEP_RUN, /* the guest runs; arg[0]: seed of the new registers */
	STEP_RESET,
	STEP_KINDS
};

/* The ways in which a PE's thread may answer a kick. */
enum look {
	LOOK,              /* with sdei_evaluate() */
	LOOK_IF_WANTED,    /* if sdei_wants() says that there is something; else not at all */
	LOOK_WITHOUT_VBAR, /* without VBAR_EL1, although it may be needed */
	LOOKS
};

struct step {
	uint8_t kind, pe;
	uint32_t fid;
	uint64_t arg[5];
};

enum {
	FID_VERSION = 0xc4000020,
	FID_REGISTER,
	FID_ENABLE,
	FID_DISABLE,
	FID_CONTEXT,
	FID_COMPLETE,
	FID_RESUME,
	FID_UNREGISTER,
	FID_STATUS,
	FID_GET_INFO,
	FID_ROUTING_SET,
	FID_MASK,
	FID_UNMASK,
	FID_BIND,
	FID_RELEASE,
	FID_SIGNAL,
	FID_FEATURES,
	FID_PRIVATE_RESET,
	FID_SHARED_RESET,
};

struct step_choice {
	enum step_kind kind;
	uint32_t fid;
	unsigned weight;
	unsigned nargs;
	const char *name;
};

/* How often each step is drawn: what sets things up and what ends handlers must outweigh what tears
 * things down, or most steps would be refused. */
static const struct step_choice step_choices[] = {
	{ STEP_CALL, FID_VERSION, 1, 0, "VERSION" },
	{ STEP_CALL, FID_REGISTER, 30, 5, "REGISTER" },
	{ STEP_CALL, FID_ENABLE, 30, 1, "ENABLE" },
	{ STEP_CALL, FID_DISABLE, 8, 1, "DISABLE" },
	{ STEP_CALL, FID_CONTEXT, 8, 1, "CONTEXT" },
	{ STEP_CALL, FID_COMPLETE, 24, 1, "COMPLETE" },
	{ STEP_CALL, FID_RESUME, 12, 1, "COMPLETE_AND_RESUME" },
	{ STEP_CALL, FID_UNREGISTER, 10, 1, "UNREGISTER" },
	{ STEP_CALL, FID_STATUS, 3, 1, "STATUS" },
	{ STEP_CALL, FID_GET_INFO, 4, 2, "GET_INFO" },
	{ STEP_CALL, FID_ROUTING_SET, 8, 3, "ROUTING_SET" },
	{ STEP_CALL, FID_MASK, 8, 0, "PE_MASK" },
	{ STEP_CALL, FID_UNMASK, 24, 0, "PE_UNMASK" },
	{ STEP_CALL, FID_BIND, 12, 1, "INTERRUPT_BIND" },
	{ STEP_CALL, FID_RELEASE, 6, 1, "INTERRUPT_RELEASE" },
	{ STEP_CALL, FID_SIGNAL, 16, 2, "SIGNAL" },
	{ STEP_CALL, FID_FEATURES, 1, 1, "FEATURES" },
	{ STEP_CALL, FID_PRIVATE_RESET, 2, 0, "PRIVATE_RESET" },
	{ STEP_CALL, FID_SHARED_RESET, 2, 0, "SHARED_RESET" },
	{ STEP_CALL, 0xc4000033, 1, 0, "number 33" },
	{ STEP_CALL, 0xc400003f, 1, 0, "number 3f" },
	{ STEP_EVALUATE, 0, 40, 1, "looks" },
	{ STEP_SETTLE, 0, 12, 0, "looks, then all the others" },
	{ STEP_TRIGGER, 0, 40, 2, "trigger of" },
	{ STEP_LINE, 0, 14, 2, "line" },
	{ STEP_BUSY, 0, 2, 2, "line pending at the GIC" },
	{ STEP_ON, 0, 10, 0, "comes on" },
	{ STEP_OFF, 0, 4, 0, "goes off" },
	{ STEP_RESUMED, 0, 2, 0, "resumes from power-down" },
	{ STEP_RUN, 0, 16, 1, "runs on: new registers" },
	{ STEP_RESET, 0, 1, 0, "machine reset" },
};

/* Where small numbers come from: random ones, or a fuzzer's bytes. */
struct source {
	uint64_t random;     /* state, if there is no data */
	const uint8_t *data; /* or NULL */
	size_t size;
	/* What most steps are about, so that they meet each other; nfocus = 0: all the same. */
	unsigned nfocus;
	uint32_t event[2];
	unsigned pe, irq;
};

/* A number below n, n <= 2^16. Data that has ended reads as 0. */
static inline unsigned pick(struct source *s, unsigned n)
{
	unsigned v = 0;

	if (!s->data) {
		s->random = mix(s->random);
		return (unsigned)(s->random >> 20) % n;
	}
	for (unsigned width = n > 256 ? 2 : 1; width && s->size; width--, s->size--)
		v = v << 8 | *s->data++;
	return v % n;
}

static inline uint64_t pick_of(struct source *s, const uint64_t *values, unsigned n)
{
	return values[pick(s, n)];
}

/* Mostly an event that may exist; else a wrong number. */
static inline uint64_t pick_event(struct source *s)
{
	static const uint64_t bad[] = { 1,          0x40000000,          0x40000005, 0x40000104,
					0x40ffffff, 0x41000001,          0x80000000, 0xffffffff,
					0xc0000001, UINT64_C(0xfffffffe) };
	unsigned kind = pick(s, 32);

	if (kind >= 12 && s->nfocus)
		return s->event[pick(s, s->nfocus)];
	if (kind == 0)
		return pick_of(s, bad, COUNT(bad));
	if (kind < 8)
		return SLOT_BASE + pick(s, 4);
	return world_numbers[pick(s, COUNT(world_numbers))];
}

/* Decide what it will be about. */
static inline void draw_focus(struct source *s)
{
	unsigned n = pick(s, 3);

	for (unsigned i = 0; i < n; i++)
		s->event[i] = (uint32_t)pick_event(s);
	s->pe = pick(s, NPE);
	s->irq = pick(s, NIRQS);
	if (n == 1 && pick(s, 2))
		s->event[0] = SLOT_BASE + (world_irqs[s->irq].shared ? 2 : 0);
	s->nfocus = n;
}

static inline unsigned pick_irq(struct source *s)
{
	return s->nfocus && pick(s, 3) ? s->irq : pick(s, NIRQS);
}

static inline unsigned pick_pe(struct source *s)
{
	return s->nfocus && pick(s, 2) ? s->pe : pick(s, NPE);
}

static inline uint64_t pick_affinity(struct source *s)
{
	static const uint64_t bad[] = { 2,
					0x100,
					0x80000000,
					0x80000001,
					0x1000000,
					UINT64_C(0x10000000001),
					UINT64_C(0x8000000000000000),
					UINT64_C(0x100000000),
					~UINT64_C(0) };

	if (pick(s, 12) == 0)
		return pick_of(s, bad, COUNT(bad));
	return world_mpidr[pick_pe(s)];
}

static inline void pick_register(struct source *s, uint64_t *arg)
{
	static const uint64_t bad_ep[] = { 0, 1, 2, 0x1003, ~UINT64_C(0) };
	static const uint64_t bad_flags[] = { 4, 7, UINT64_C(1) << 32, UINT64_C(1) << 63,
					      ~UINT64_C(0) };

	arg[0] = pick_event(s);
	arg[1] = UINT64_C(0xffff800000000000) + 0x1000 * (1 + pick(s, 250));
	if (pick(s, 16) == 0)
		arg[1] = pick_of(s, bad_ep, COUNT(bad_ep));
	arg[2] = mix(pick(s, 256));
	arg[3] = pick(s, 8) == 0 ? 2 : 0;
	arg[3] |= pick(s, 3) == 0 ? 1 : 0;
	if (pick(s, 24) == 0)
		arg[3] = pick_of(s, bad_flags, COUNT(bad_flags));
	arg[4] = pick_affinity(s);
}

static inline uint64_t pick_intid(struct source *s)
{
	static const uint64_t bad[] = { 0, 15, 27, 32, 1019, 1020, 1023, 8192, 0xffffffff };

	if (pick(s, 8) == 0)
		return pick_of(s, bad, COUNT(bad));
	return world_irqs[pick_irq(s)].intid;
}

static inline void pick_call_args(struct source *s, struct step *step)
{
	static const uint64_t params[] = { 0, 1, 2, 3, 4, 9, 16, 17, 18, 31, 0xffffffff };
	static const uint64_t addresses[] = { 0xffff000000000280, 0x1000, 0x1002, 0x1001,
					      0xffff800010000480 };
	static const uint64_t modes[] = {
		0, 1, 0, 1, 0, 1, 2, 3, UINT64_C(1) << 63, UINT64_C(1) << 32
	};
	static const uint64_t features[] = { 0, 1, 2, 0xffffffff };

	switch (step->fid) {
	case FID_REGISTER:
		pick_register(s, step->arg);
		break;
	case FID_CONTEXT:
		step->arg[0] = pick_of(s, params, COUNT(params));
		break;
	case FID_COMPLETE:
		step->arg[0] = pick(s, 4);
		break;
	case FID_RESUME:
		step->arg[0] = pick_of(s, addresses, COUNT(addresses));
		break;
	case FID_GET_INFO:
		step->arg[0] = pick_event(s);
		step->arg[1] = pick(s, 6);
		break;
	case FID_ROUTING_SET:
		step->arg[0] = pick_event(s);
		step->arg[1] = pick_of(s, modes, COUNT(modes));
		step->arg[2] = pick_affinity(s);
		break;
	case FID_BIND:
		step->arg[0] = pick_intid(s);
		break;
	case FID_SIGNAL:
		step->arg[0] = pick(s, 8) ? 0 : pick_event(s);
		step->arg[1] = pick_affinity(s);
		break;
	case FID_FEATURES:
		step->arg[0] = pick_of(s, features, COUNT(features));
		break;
	default:
		step->arg[0] = pick_event(s);
	}
}

/* Seldom, rubbish in the upper half of an argument whose type has 32 bits: an event, a parameter, an
 * interrupt, a feature. */
static inline void pick_rubbish(struct source *s, struct step *step)
{
	unsigned which = step->fid == FID_GET_INFO ? pick(s, 2) : 0;

	if (step->fid != FID_RESUME && pick(s, 40) == 0)
		step->arg[which] |= UINT64_C(0xdead000000000000);
}

static inline bool world_is_shared(uint32_t event)
{
	return event == 0x40000003 || event == 0x40000004 || event == SLOT_BASE + 2 ||
	       event == SLOT_BASE + 3;
}

/* Mostly with the PE that the event's type asks for. */
static inline void pick_trigger(struct source *s, uint64_t *arg)
{
	unsigned pe = pick_pe(s);

	arg[0] = (uint32_t)pick_event(s);
	arg[1] = world_is_shared((uint32_t)arg[0]) ? SDEI_NO_PE : pe;
	if (pick(s, 24) == 0)
		arg[1] = pick(s, 2) ? SDEI_NO_PE : pe + pick(s, 2) * NPE;
}

/* The registers' seed is drawn, not counted, so that a step means the same in a shorter sequence. */
static inline struct step pick_step(struct source *s, const unsigned *weights)
{
	struct step step = { 0 };
	unsigned total = 0, at, i = 0;

	for (unsigned k = 0; k < COUNT(step_choices); k++)
		total += weights[k];
	for (at = pick(s, total); at >= weights[i]; i++)
		at -= weights[i];
	step.kind = (uint8_t)step_choices[i].kind;
	step.fid = step_choices[i].fid;
	step.pe = (uint8_t)pick_pe(s);
	if (step.kind == STEP_CALL && step_choices[i].nargs) {
		pick_call_args(s, &step);
		pick_rubbish(s, &step);
	}
	if (step.kind == STEP_TRIGGER)
		pick_trigger(s, step.arg);
	if (step.kind == STEP_LINE || step.kind == STEP_BUSY) {
		step.arg[0] = pick_irq(s);
		step.arg[1] = pick(s, step.kind == STEP_LINE ? 2 : 3) == 1;
	}
	if (step.kind == STEP_EVALUATE)
		step.arg[0] = pick(s, LOOKS);
	if (step.kind == STEP_RUN)
		step.arg[0] = pick(s, 65536);
	return step;
}

static inline const struct step_choice *step_choice(const struct step *step)
{
	for (unsigned i = 0; i < COUNT(step_choices); i++)
		if (step_choices[i].kind == step->kind && step_choices[i].fid == step->fid)
			return &step_choices[i];
	return &step_choices[0];
}

static inline void print_args(FILE *out, const struct step *step, const char *const *names,
			      unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		fprintf(out, " %s=0x%" PRIx64, names[i], step->arg[i]);
}

static inline void print_call(FILE *out, const struct step *step, unsigned nargs)
{
	static const char *const reg[] = { "event", "ep", "arg", "flags", "affinity" };
	static const char *const info[] = { "event", "info" };
	static const char *const routing[] = { "event", "mode", "affinity" };
	static const char *const signal[] = { "event", "target" };
	static const char *const number[] = { "number" };

	if (step->fid == FID_REGISTER)
		print_args(out, step, reg, nargs);
	else if (step->fid == FID_GET_INFO)
		print_args(out, step, info, nargs);
	else if (step->fid == FID_ROUTING_SET)
		print_args(out, step, routing, nargs);
	else if (step->fid == FID_SIGNAL)
		print_args(out, step, signal, nargs);
	else if (step->fid == FID_CONTEXT || step->fid == FID_COMPLETE || step->fid == FID_RESUME ||
		 step->fid == FID_BIND || step->fid == FID_FEATURES)
		print_args(out, step, number, nargs);
	else
		print_args(out, step, reg, nargs);
}

/* One line without its end. */
static inline void step_print(FILE *out, const struct step *step)
{
	const struct step_choice *choice = step_choice(step);

	switch (step->kind) {
	case STEP_TRIGGER:
		fprintf(out, "trigger event=0x%" PRIx64, step->arg[0]);
		if (step->arg[1] != SDEI_NO_PE)
			fprintf(out, " for PE %" PRIu64, step->arg[1]);
		return;
	case STEP_LINE:
	case STEP_BUSY:
		fprintf(out, "%s %u%s", choice->name, world_irqs[step->arg[0]].intid,
			step->arg[1] ? " high" : " low");
		if (!world_irqs[step->arg[0]].shared)
			fprintf(out, " at PE %u", step->pe);
		return;
	case STEP_RESET:
		fprintf(out, "%s", choice->name);
		return;
	default:
		fprintf(out, "PE %u %s", step->pe, choice->name);
	}
	if (step->kind == STEP_CALL)
		print_call(out, step, choice->nargs);
	if (step->kind == STEP_EVALUATE && step->arg[0] != LOOK)
		fprintf(out, "%s",
			step->arg[0] == LOOK_IF_WANTED ? " if sdei_wants() says so"
						       : ", VBAR_EL1 withheld");
	if (step->kind == STEP_RUN)
		fprintf(out, " (seed 0x%" PRIx64 ")", step->arg[0]);
}

/* ---- making them happen ---- */

/* What sdei/ answered. */
struct outcome {
	bool applied; /* false: the step means nothing now, nothing happened */
	enum fw_result result;
	int64_t ret;
	enum sdei_triggered triggered;
	bool changed; /* sdei_evaluate() says that the context changed */
};

static inline void world_count(struct world *w, uint32_t event, unsigned pe)
{
	for (unsigned e = 0; e < NEVENTS; e++)
		if (w->sdei.event[e].def.num == event)
			w->triggered[e][pe < NPE ? pe : 0]++;
}

static inline void world_call(struct fw_locked locked, struct world *w, const struct step *step,
			      struct outcome *out)
{
	const struct fw_call *row = fw_find(&w->service, step->fid);
	struct smccc call = {
		.fid = step->fid,
		.pe = step->pe,
		.nargs = row ? row->nargs : 0,
	};

	/* As arm64/fw.c does it: arguments the table does not list were never fetched. */
	for (unsigned i = 0; i < SMCCC_MAX_ARGS; i++)
		call.arg[i] = i < call.nargs && i < COUNT(step->arg) ? step->arg[i]
								     : UINT64_C(0xa5a5a5a5a5a5a5a5);
	out->result = sdei_call(locked, &w->sdei, row, &call);
	out->ret = call.ret;
	if (out->result == FW_RETURN)
		w->ctx[step->pe].x[0] = (uint64_t)call.ret;
	if (step->fid == FID_SIGNAL && call.ret == SDEI_SUCCESS)
		for (unsigned pe = 0; pe < NPE; pe++)
			if (world_mpidr[pe] == step->arg[1])
				world_count(w, 0, pe);
}

static inline void world_trigger(struct fw_locked locked, struct world *w, uint32_t event,
				 unsigned pe, struct outcome *out)
{
	out->triggered = sdei_trigger(locked, &w->sdei, event, pe, "test");
	if (out->triggered == SDEI_TRIGGERED)
		world_count(w, event, pe);
}

/* A line's owner tells SDEI of rising level lines, and triggers the event of a rising edge. */
static inline void world_line(struct fw_locked locked, struct world *w, const struct step *step,
			      struct outcome *out)
{
	const struct world_irq *irq = &world_irqs[step->arg[0]];
	bool *line = &w->line[step->arg[0]][irq->shared ? 0 : step->pe];
	bool rises = step->arg[1] && !*line;
	uint32_t event = sdei_bound_event(locked, &w->sdei, irq->intid);

	*line = step->arg[1];
	if (!rises)
		return;
	if (irq->level)
		sdei_line_raised(locked, &w->sdei, irq->intid);
	else if (event != SDEI_NO_EVENT)
		world_trigger(locked, w, event, irq->shared ? SDEI_NO_PE : step->pe, out);
}

static inline bool world_evaluate(struct fw_locked locked, struct world *w, unsigned pe,
				  enum look look)
{
	unsigned wants = sdei_wants(locked, &w->sdei, pe);

	w->kicked[pe] = false;
	w->current = (int)pe;
	w->want_vbar = wants & SDEI_WANT_VBAR && look != LOOK_WITHOUT_VBAR;
	if (look == LOOK_IF_WANTED && !(wants & SDEI_WANT_ENTRY))
		return false;
	return sdei_evaluate(locked, &w->sdei, pe);
}

/* Every PE looks while it is asked to. False: they ask each other for ever. */
static inline bool world_settle(struct fw_locked locked, struct world *w, unsigned first)
{
	for (unsigned round = 0; round < 64; round++) {
		bool asked = false;

		for (unsigned i = 0; i < NPE; i++) {
			if (!w->kicked[(first + i) % NPE])
				continue;
			asked = true;
			world_evaluate(locked, w, (first + i) % NPE, LOOK);
		}
		if (!asked)
			return true;
	}
	return false;
}

/* A PE that changes its power state looked at its requests while it did. */
static inline void world_power(struct fw_locked locked, struct world *w, const struct step *step)
{
	unsigned pe = step->pe;

	w->on[pe] = step->kind != STEP_OFF;
	if (step->kind == STEP_ON)
		sdei_pe_on(locked, &w->sdei, pe);
	if (step->kind == STEP_OFF)
		sdei_pe_off(locked, &w->sdei, pe);
	if (step->kind == STEP_RESUMED)
		sdei_pe_resumed(locked, &w->sdei, pe);
	w->kicked[pe] = false;
	if (step->kind != STEP_OFF)
		some_registers(pe, world_features[pe], &w->ctx[pe], &w->sys[pe]);
}

static inline void world_reset(struct fw_locked locked, struct world *w)
{
	sdei_reset(locked, &w->sdei);
	memset(w->on, 0, sizeof(w->on));
	memset(w->kicked, 0, sizeof(w->kicked));
	memset(w->triggered, 0, sizeof(w->triggered));
	w->entered = w->left = 0;
}

/* Does the step mean something in this state? */
static inline bool step_applies(struct fw_locked locked, const struct world *w,
				const struct step *step)
{
	unsigned pe = step->pe;

	switch (step->kind) {
	case STEP_CALL:
	case STEP_RUN:
	case STEP_OFF:
		return w->on[pe];
	case STEP_ON:
		return !w->on[pe];
	case STEP_RESUMED:
		return w->on[pe] && !sdei_in_handler(locked, &w->sdei, pe);
	default:
		return true;
	}
}

/* Apply one step. STEP_SETTLE is the caller's to take apart. */
static inline struct outcome world_step(struct fw_locked locked, struct world *w,
					const struct step *step)
{
	struct outcome out = { .applied = step_applies(locked, w, step) };

	if (!out.applied)
		return out;
	w->current = step->pe;
	w->want_vbar = sdei_wants(locked, &w->sdei, step->pe) & SDEI_WANT_VBAR;
	if (step->kind == STEP_TRIGGER || step->kind == STEP_LINE || step->kind == STEP_RESET)
		w->current = -1;
	if (step->kind == STEP_CALL)
		world_call(locked, w, step, &out);
	else if (step->kind == STEP_EVALUATE)
		out.changed = world_evaluate(locked, w, step->pe, (enum look)step->arg[0]);
	else if (step->kind == STEP_TRIGGER)
		world_trigger(locked, w, (uint32_t)step->arg[0], (unsigned)step->arg[1], &out);
	else if (step->kind == STEP_LINE)
		world_line(locked, w, step, &out);
	else if (step->kind == STEP_BUSY)
		w->busy[step->arg[0]] = step->arg[1];
	else if (step->kind == STEP_RUN)
		some_registers(step->arg[0] * 1000, world_features[step->pe], &w->ctx[step->pe],
			       &w->sys[step->pe]);
	else if (step->kind == STEP_RESET)
		world_reset(locked, w);
	else if (step->kind != STEP_SETTLE)
		world_power(locked, w, step);
	w->current = -1;
	return out;
}

#endif
