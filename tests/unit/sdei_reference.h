/*
 * A deliberately naive model of SDEI 1.1 to judge sdei/ by: arrays of bools and if-chains, written
 * from the specification and from what sdei.h promises, without any code, table or constant of
 * sdei/. It does not know which PE will take a shared event: it says which PEs may, and what a PE
 * that looks now must enter.
 *
 * Source: Arm DEN0054C. Where the document leaves a choice, the model takes the project's:
 * - critical events first, then the lowest number;
 * - the mask holds off critical events inside a normal handler too;
 * - the platform's triggers of an unregistered handler are dropped, EVENT_SIGNAL's stay;
 * - UNREGISTER and the resets discard what is pending, UNREGISTER also when it answers PENDING;
 *   calls that are refused change nothing;
 * - a level-triggered bound interrupt is pending while its line is high;
 * - arguments of 32 bits are compared in all 64 (ref_number() says it);
 * - CPU_OFF forgets the PE's private handlers and what was pending for them.
 */
#ifndef TESTS_UNIT_SDEI_REFERENCE_H
#define TESTS_UNIT_SDEI_REFERENCE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define REF_PES    3
#define REF_EVENTS 9
#define REF_IRQS   7
#define REF_NONE   (-1)

/* Rules that a test may have the model get wrong, to see that a difference is found. */
enum ref_wrong {
	REF_RIGHT,
	REF_WRONG_UNREGISTER_KEEPS_PENDING,
	REF_WRONG_CRITICAL_IGNORES_MASK,
	REF_WRONG_RESUME_KEEPS_HANDLERS_X,
	REF_WRONG_SHARED_RUNS_TWICE,
	REF_WRONG_OFF_KEEPS_HANDLERS,
	REF_NR_WRONG
};

struct ref_ctx {
	uint64_t x[18], pc, pstate;
};

/* The machine's events, ascending by number. */
struct ref_event {
	uint32_t num;
	bool shared, critical, slot;
};

/* Interrupts: what may be bound, and what it is. */
struct ref_irq {
	uint32_t intid;
	bool shared, level, given; /* given: the client may have it */
};

struct ref_setup {
	uint64_t mpidr[REF_PES];
	struct ref_event event[REF_EVENTS];
	struct ref_irq irq[REF_IRQS];
	bool pan[REF_PES], ssbs[REF_PES], mte2[REF_PES], nmi[REF_PES];
};

/* Of a shared event, only column 0 of registered, enabled and pending is used; running says which
 * PE runs it in both cases. */
struct ref {
	const struct ref_setup *setup;
	enum ref_wrong wrong;
	bool registered[REF_EVENTS][REF_PES];
	bool enabled[REF_EVENTS][REF_PES];
	bool running[REF_EVENTS][REF_PES];
	bool pending[REF_EVENTS][REF_PES];
	bool relative[REF_EVENTS][REF_PES];
	uint64_t ep[REF_EVENTS][REF_PES], arg[REF_EVENTS][REF_PES];
	bool rm_pe[REF_EVENTS];
	int route[REF_EVENTS];
	int bound[REF_EVENTS];        /* index of the interrupt, or REF_NONE */
	bool line[REF_IRQS][REF_PES]; /* an SPI's is in column 0 */
	bool busy[REF_IRQS];          /* pending or active at the interrupt controller */
	bool on[REF_PES], masked[REF_PES];
	int depth[REF_PES];
	int frame_event[REF_PES][4];
	struct ref_ctx frame[REF_PES][4];
	struct ref_ctx ctx[REF_PES];
	uint64_t sctlr[REF_PES], vbar[REF_PES], elr[REF_PES], spsr[REF_PES];
	unsigned entered, left; /* since the last reset, all PEs */
};

struct ref_result {
	bool returns; /* with `ret` in x0; else the context was replaced */
	int64_t ret;
};

/* ---- who is who ---- */

/* An argument whose type has 32 bits: rubbish in the upper half of its register is nothing. */
static inline uint64_t ref_number(uint64_t arg)
{
	return (uint32_t)arg;
}

/* Index of an existing event. */
static inline int ref_event_index(const struct ref *r, uint64_t arg)
{
	for (int e = 0; e < REF_EVENTS; e++)
		if (r->setup->event[e].num == ref_number(arg))
			return !r->setup->event[e].slot || r->bound[e] != REF_NONE ? e : REF_NONE;
	return REF_NONE;
}

static inline int ref_pe_index(const struct ref *r, uint64_t mpidr)
{
	for (int p = 0; p < REF_PES; p++)
		if (r->setup->mpidr[p] == mpidr)
			return p;
	return REF_NONE;
}

static inline int ref_irq_index(const struct ref *r, uint64_t intid)
{
	for (int i = 0; i < REF_IRQS; i++)
		if (r->setup->irq[i].intid == intid)
			return i;
	return REF_NONE;
}

static inline bool ref_is_shared(const struct ref *r, int e)
{
	return r->setup->event[e].shared;
}

static inline int ref_column(const struct ref *r, int e, int pe)
{
	return ref_is_shared(r, e) ? 0 : pe;
}

static inline bool ref_runs_anywhere(const struct ref *r, int e)
{
	for (int p = 0; p < REF_PES; p++)
		if (r->running[e][p])
			return true;
	return false;
}

/* As the PE sees it: a shared event's handler runs for all when it runs. */
static inline bool ref_is_running(const struct ref *r, int e, int pe)
{
	return ref_is_shared(r, e) ? ref_runs_anywhere(r, e) : r->running[e][pe];
}

static inline unsigned ref_status(const struct ref *r, int e, int pe)
{
	int c = ref_column(r, e, pe);

	return (r->registered[e][c] ? 1u : 0) | (r->enabled[e][c] ? 2u : 0) |
	       (ref_is_running(r, e, pe) ? 4u : 0);
}

static inline bool ref_is_level(const struct ref *r, int e)
{
	return r->bound[e] != REF_NONE && r->setup->irq[r->bound[e]].level;
}

/* ---- dispatch ---- */

static inline bool ref_is_pending(const struct ref *r, int e, int pe)
{
	if (ref_is_level(r, e))
		return r->line[r->bound[e]][ref_column(r, e, pe)];
	return r->pending[e][ref_column(r, e, pe)];
}

static inline bool ref_runs_critical(const struct ref *r, int pe)
{
	for (int d = 0; d < r->depth[pe]; d++)
		if (r->setup->event[r->frame_event[pe][d]].critical)
			return true;
	return false;
}

static inline bool ref_may_interrupt(const struct ref *r, int e, int pe)
{
	if (r->setup->event[e].critical)
		return !ref_runs_critical(r, pe);
	return r->depth[pe] == 0;
}

static inline bool ref_can_enter(const struct ref *r, int e, int pe)
{
	bool mask = r->masked[pe];

	if (r->wrong == REF_WRONG_CRITICAL_IGNORES_MASK && r->setup->event[e].critical)
		mask = false;
	if (!r->on[pe] || mask)
		return false;
	if (!r->enabled[e][ref_column(r, e, pe)] || !ref_is_pending(r, e, pe))
		return false;
	if (ref_is_shared(r, e) && r->rm_pe[e] && r->route[e] != pe)
		return false;
	if (ref_is_shared(r, e) && ref_runs_anywhere(r, e) &&
	    r->wrong != REF_WRONG_SHARED_RUNS_TWICE)
		return false;
	return ref_may_interrupt(r, e, pe);
}

/* What the PE must enter if it looks now, or REF_NONE. */
static inline int ref_next(const struct ref *r, int pe)
{
	for (int e = 0; e < REF_EVENTS; e++)
		if (r->setup->event[e].critical && ref_can_enter(r, e, pe))
			return e;
	for (int e = 0; e < REF_EVENTS; e++)
		if (ref_can_enter(r, e, pe))
			return e;
	return REF_NONE;
}

/* PSTATE after an exception taken to EL1h with everything masked: only NZCV, DIT and PAN survive. */
static inline uint64_t ref_exception_pstate(const struct ref *r, int pe, uint64_t old)
{
	uint64_t fresh = 0x3c5;

	for (int bit = 28; bit <= 31; bit++)
		fresh |= old & UINT64_C(1) << bit;
	fresh |= old & UINT64_C(1) << 24;                   /* DIT */
	fresh |= old & UINT64_C(1) << 22;                   /* PAN */
	if (r->setup->pan[pe] && !(r->sctlr[pe] >> 23 & 1)) /* SPAN */
		fresh |= UINT64_C(1) << 22;
	if (r->setup->ssbs[pe] && r->sctlr[pe] >> 44 & 1) /* DSSBS */
		fresh |= UINT64_C(1) << 12;
	if (r->setup->mte2[pe])
		fresh |= UINT64_C(1) << 25;                 /* TCO */
	if (r->setup->nmi[pe] && !(r->sctlr[pe] >> 62 & 1)) /* SPINTMASK */
		fresh |= UINT64_C(1) << 13;                 /* ALLINT */
	return fresh;
}

static inline void ref_enter(struct ref *r, int e, int pe)
{
	struct ref_ctx *now = &r->ctx[pe];
	struct ref_ctx old = *now;
	int c = ref_column(r, e, pe);

	r->frame[pe][r->depth[pe]] = old;
	r->frame_event[pe][r->depth[pe]] = e;
	r->depth[pe]++;
	r->pending[e][c] = false;
	r->running[e][pe] = true;
	r->entered++;
	now->x[0] = r->setup->event[e].num;
	now->x[1] = r->arg[e][c];
	now->x[2] = old.pc;
	now->x[3] = old.pstate;
	now->pc = r->relative[e][c] ? r->vbar[pe] + r->ep[e][c] : r->ep[e][c];
	now->pstate = ref_exception_pstate(r, pe, old.pstate);
}

/* The PE looks: it enters what it can. */
static inline void ref_evaluate(struct ref *r, int pe)
{
	int e;

	while ((e = ref_next(r, pe)) != REF_NONE)
		ref_enter(r, e, pe);
}

/* The innermost handler of the PE is done; returns the context it interrupted. */
static inline struct ref_ctx ref_leave(struct ref *r, int pe)
{
	r->depth[pe]--;
	r->left++;
	r->running[r->frame_event[pe][r->depth[pe]]][pe] = false;
	return r->frame[pe][r->depth[pe]];
}

/* ---- the world ---- */

static inline void ref_reset(struct ref *r, const struct ref_setup *setup, enum ref_wrong wrong)
{
	memset(r, 0, sizeof(*r));
	r->setup = setup;
	r->wrong = wrong;
	for (int e = 0; e < REF_EVENTS; e++)
		r->bound[e] = REF_NONE;
	for (int p = 0; p < REF_PES; p++)
		r->masked[p] = true;
}

enum ref_triggered { REF_TRIGGERED, REF_DROPPED, REF_NO_EVENT, REF_BAD_PE };

/* The platform triggers an event; `pe` is REF_NONE for a shared one. A level-triggered event is there
 * when its line says so; it cannot be triggered. */
static inline enum ref_triggered ref_trigger(struct ref *r, uint32_t num, int pe)
{
	int e = ref_event_index(r, num);

	if (e == REF_NONE || ref_is_level(r, e))
		return REF_NO_EVENT;
	if (ref_is_shared(r, e) ? pe != REF_NONE : pe < 0 || pe >= REF_PES)
		return REF_BAD_PE;
	if (!r->registered[e][ref_column(r, e, pe)])
		return REF_DROPPED;
	r->pending[e][ref_column(r, e, pe)] = true;
	return REF_TRIGGERED;
}

static inline int ref_bound_event(const struct ref *r, int irq)
{
	for (int e = 0; e < REF_EVENTS; e++)
		if (r->bound[e] == irq)
			return e;
	return REF_NONE;
}

static inline void ref_pe_on(struct ref *r, int pe)
{
	r->on[pe] = true;
	r->masked[pe] = true;
}

static inline void ref_forget(struct ref *r, int e, int c)
{
	r->registered[e][c] = false;
	r->enabled[e][c] = false;
	if (r->wrong != REF_WRONG_UNREGISTER_KEEPS_PENDING)
		r->pending[e][c] = false;
}

static inline void ref_pe_off(struct ref *r, int pe)
{
	while (r->depth[pe] > 0)
		ref_leave(r, pe);
	for (int e = 0; e < REF_EVENTS; e++)
		if (!ref_is_shared(r, e) && r->wrong != REF_WRONG_OFF_KEEPS_HANDLERS)
			ref_forget(r, e, pe);
	r->on[pe] = false;
	r->masked[pe] = true;
}

/* ---- calls ---- */

static inline struct ref_result ref_return(int64_t ret)
{
	return (struct ref_result){ true, ret };
}

static inline int64_t ref_register(struct ref *r, int pe, const uint64_t *a)
{
	int e = ref_event_index(r, a[0]);
	uint64_t ep = a[1], flags = a[3];
	bool relative = flags & 2;
	int c, target;

	if (e == REF_NONE || flags & ~UINT64_C(3))
		return -2;
	if (ep % 4 != 0 || (ep == 0 && !relative))
		return -2;
	target = ref_pe_index(r, a[4]);
	if (ref_is_shared(r, e) && flags & 1 && target == REF_NONE)
		return -2;
	c = ref_column(r, e, pe);
	if (r->registered[e][c] || ref_is_running(r, e, pe))
		return -3;
	r->registered[e][c] = true;
	r->enabled[e][c] = false;
	r->ep[e][c] = ep;
	r->arg[e][c] = a[2];
	r->relative[e][c] = relative;
	r->rm_pe[e] = ref_is_shared(r, e) && flags & 1;
	r->route[e] = target;
	return 0;
}

static inline int64_t ref_set_enabled(struct ref *r, int pe, uint64_t event, bool enabled)
{
	int e = ref_event_index(r, event);

	if (e == REF_NONE)
		return -2;
	if (!r->registered[e][ref_column(r, e, pe)])
		return -3;
	r->enabled[e][ref_column(r, e, pe)] = enabled;
	return 0;
}

static inline int64_t ref_unregister(struct ref *r, int pe, int e)
{
	if (e == REF_NONE)
		return -2;
	if (ref_status(r, e, pe) == 0)
		return -3;
	ref_forget(r, e, ref_column(r, e, pe));
	return ref_is_running(r, e, pe) ? -5 : 0;
}

static inline int64_t ref_context(const struct ref *r, int pe, uint64_t param)
{
	if (param > 17)
		return -2;
	if (r->depth[pe] == 0)
		return -3;
	return (int64_t)r->frame[pe][r->depth[pe] - 1].x[param];
}

static inline struct ref_result ref_complete(struct ref *r, int pe)
{
	if (r->depth[pe] == 0)
		return ref_return(-3);
	r->ctx[pe] = ref_leave(r, pe);
	return (struct ref_result){ false, 0 };
}

static inline struct ref_result ref_resume(struct ref *r, int pe, uint64_t address)
{
	struct ref_ctx old;

	if (r->depth[pe] == 0)
		return ref_return(-3);
	if (address % 4 != 0)
		return ref_return(-2);
	old = ref_leave(r, pe);
	if (r->wrong != REF_WRONG_RESUME_KEEPS_HANDLERS_X)
		memcpy(r->ctx[pe].x, old.x, sizeof(old.x));
	r->ctx[pe].pc = address;
	r->ctx[pe].pstate = ref_exception_pstate(r, pe, old.pstate);
	r->elr[pe] = old.pc;
	r->spsr[pe] = old.pstate;
	return (struct ref_result){ false, 0 };
}

static inline int64_t ref_get_status(const struct ref *r, int pe, uint64_t event)
{
	int e = ref_event_index(r, event);

	return e == REF_NONE ? -2 : (int64_t)ref_status(r, e, pe);
}

static inline int64_t ref_get_info(const struct ref *r, uint64_t event, uint64_t info)
{
	int e = ref_event_index(r, event);

	if (e == REF_NONE || info > 4)
		return -2;
	if (info == 0)
		return ref_is_shared(r, e) ? 1 : 0;
	if (info == 1)
		return r->setup->event[e].num == 0 ? 0 : 1; /* 0: can be signalled */
	if (info == 2)
		return r->setup->event[e].critical ? 1 : 0;
	if (!ref_is_shared(r, e))
		return -2;
	if (!r->registered[e][0])
		return -3;
	if (info == 3)
		return r->rm_pe[e] ? 1 : 0;
	return r->rm_pe[e] ? (int64_t)r->setup->mpidr[r->route[e]] : -2;
}

static inline int64_t ref_routing_set(struct ref *r, int pe, const uint64_t *a)
{
	int e = ref_event_index(r, a[0]);

	if (e == REF_NONE || !ref_is_shared(r, e) || a[1] > 1)
		return -2;
	if (a[1] == 1 && ref_pe_index(r, a[2]) == REF_NONE)
		return -2;
	if (ref_status(r, e, pe) != 1)
		return -3;
	r->rm_pe[e] = a[1] == 1;
	r->route[e] = ref_pe_index(r, a[2]);
	return 0;
}

static inline int64_t ref_mask(struct ref *r, int pe)
{
	int64_t ret = r->masked[pe] ? 0 : 1;

	r->masked[pe] = true;
	return ret;
}

static inline bool ref_is_free_slot(const struct ref *r, int e, bool shared)
{
	return r->setup->event[e].slot && ref_is_shared(r, e) == shared && r->bound[e] == REF_NONE;
}

/* Which of the free slots is taken is not ours to say: the one of `answer`, if that is free. */
static inline int64_t ref_bind(struct ref *r, uint64_t intid, int64_t answer)
{
	int irq = ref_irq_index(r, intid), slot = REF_NONE;

	if (irq == REF_NONE || !r->setup->irq[irq].given)
		return -2;
	if (ref_bound_event(r, irq) != REF_NONE)
		return r->setup->event[ref_bound_event(r, irq)].num;
	if (r->busy[irq])
		return -3;
	for (int e = REF_EVENTS - 1; e >= 0; e--)
		if (ref_is_free_slot(r, e, r->setup->irq[irq].shared) &&
		    (slot == REF_NONE || r->setup->event[slot].num != answer))
			slot = e;
	if (slot == REF_NONE)
		return -10;
	r->bound[slot] = irq;
	return r->setup->event[slot].num;
}

static inline bool ref_is_used(const struct ref *r, int e)
{
	for (int p = 0; p < REF_PES; p++)
		if (ref_status(r, e, p) != 0)
			return true;
	return false;
}

static inline void ref_unbind(struct ref *r, int e)
{
	r->bound[e] = REF_NONE;
	for (int p = 0; p < REF_PES; p++)
		r->pending[e][p] = false;
}

static inline int64_t ref_release(struct ref *r, uint64_t event)
{
	int e = ref_event_index(r, event);

	if (e == REF_NONE || r->bound[e] == REF_NONE)
		return -2;
	if (ref_is_used(r, e))
		return -3;
	ref_unbind(r, e);
	return 0;
}

static inline int64_t ref_signal(struct ref *r, uint64_t event, uint64_t target)
{
	if (ref_number(event) != 0 || ref_pe_index(r, target) == REF_NONE)
		return -2;
	r->pending[0][ref_pe_index(r, target)] = true;
	return 0;
}

static inline int64_t ref_features(const struct ref *r, uint64_t feature)
{
	int64_t slots[2] = { 0, 0 };

	if (feature == 1)
		return 1; /* relative mode */
	if (feature != 0)
		return -2;
	for (int e = 0; e < REF_EVENTS; e++)
		if (r->setup->event[e].slot)
			slots[ref_is_shared(r, e)]++;
	return slots[1] << 16 | slots[0];
}

static inline int64_t ref_private_reset(struct ref *r, int pe)
{
	int64_t ret = 0;

	for (int e = 0; e < REF_EVENTS; e++) {
		if (ref_is_shared(r, e))
			continue;
		if (ref_unregister(r, pe, e) == -5)
			ret = -3;
		r->pending[e][pe] = false;
	}
	return ret;
}

static inline int64_t ref_shared_reset(struct ref *r, int pe)
{
	int64_t ret = 0;

	for (int e = 0; e < REF_EVENTS; e++)
		if (ref_is_shared(r, e) && ref_unregister(r, pe, e) == -5)
			ret = -3;
	if (ret != 0)
		return ret;
	for (int e = 0; e < REF_EVENTS; e++) {
		if (r->bound[e] == REF_NONE)
			continue;
		if (ref_is_used(r, e))
			ret = -3;
		else
			ref_unbind(r, e);
	}
	return ret;
}

/* A call by a PE. `answer` is what the judged code said; only INTERRUPT_BIND looks at it. */
static inline struct ref_result ref_call(struct ref *r, int pe, uint32_t fid, const uint64_t *a,
					 int64_t answer)
{
	struct ref_result result = ref_return(-1);

	if (fid == 0xc4000020)
		result.ret = INT64_C(0x0001000152415356);
	if (fid == 0xc4000021)
		result.ret = ref_register(r, pe, a);
	if (fid == 0xc4000022)
		result.ret = ref_set_enabled(r, pe, a[0], true);
	if (fid == 0xc4000023)
		result.ret = ref_set_enabled(r, pe, a[0], false);
	if (fid == 0xc4000024)
		result.ret = ref_context(r, pe, ref_number(a[0]));
	if (fid == 0xc4000025)
		result = ref_complete(r, pe);
	if (fid == 0xc4000026)
		result = ref_resume(r, pe, a[0]);
	if (fid == 0xc4000027)
		result.ret = ref_unregister(r, pe, ref_event_index(r, a[0]));
	if (fid == 0xc4000028)
		result.ret = ref_get_status(r, pe, a[0]);
	if (fid == 0xc4000029)
		result.ret = ref_get_info(r, a[0], ref_number(a[1]));
	if (fid == 0xc400002a)
		result.ret = ref_routing_set(r, pe, a);
	if (fid == 0xc400002b)
		result.ret = ref_mask(r, pe);
	if (fid == 0xc400002c)
		result.ret = r->masked[pe] = false;
	if (fid == 0xc400002d)
		result.ret = ref_bind(r, ref_number(a[0]), answer);
	if (fid == 0xc400002e)
		result.ret = ref_release(r, a[0]);
	if (fid == 0xc400002f)
		result.ret = ref_signal(r, a[0], a[1]);
	if (fid == 0xc4000030)
		result.ret = ref_features(r, ref_number(a[0]));
	if (fid == 0xc4000031)
		result.ret = ref_private_reset(r, pe);
	if (fid == 0xc4000032)
		result.ret = ref_shared_reset(r, pe);
	if (result.returns)
		r->ctx[pe].x[0] = (uint64_t)result.ret;
	return result;
}

#endif
