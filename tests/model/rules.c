/*
 * What must always hold. rules_state() judges a state by itself, rules_move() the step from one
 * state to the next. Both are written from DEN0054C and read the core's records; they call none of
 * the functions under test but sdei_wants() and sdei_in_handler(), which they check.
 *
 * Pending events are followed one by one: the only things that set a pending bit are a trigger and
 * EVENT_SIGNAL, the only things that clear it are the entry of the handler and the calls that give
 * the handler up. So none is lost and none is delivered twice.
 */
#include "tests/model/model.h"

#include <string.h>

#define REG SDEI_REGISTERED
#define ENA SDEI_ENABLED
#define RUN SDEI_RUNNING

static const struct sdei_handler *handler_of(const struct world *w, unsigned e, unsigned pe)
{
	return &w->sdei.handler[handler_index(w, e, pe)];
}

static unsigned number_of(const struct world *w, unsigned e)
{
	return w->sdei.event[e].def.num;
}

/* ---- frames ---- */

static bool critical_frame(const struct world *w, const struct sdei_pe *pe)
{
	for (unsigned d = 0; d < pe->depth && d < SDEI_MAX_FRAMES; d++)
		if (event_is_critical(w, pe->frame[d].event))
			return true;
	return false;
}

static void check_frame(struct world *w, unsigned i, unsigned e)
{
	const struct sdei_handler *h;

	if (e >= w->sdei.nevents) {
		world_fail(w, "a frame of PE%u names event index %u", i, e);
		return;
	}
	h = handler_of(w, e, i);
	if (!(h->state & RUN))
		world_fail(w, "event %#x has a frame on PE%u and does not run", number_of(w, e), i);
	if (event_is_shared(w, e) && h->runner != i)
		world_fail(w, "event %#x has a frame on PE%u but runs on PE%d", number_of(w, e), i,
			   (int16_t)h->runner);
}

/* At most a critical handler over a normal one. */
static void check_nesting(struct world *w, unsigned i)
{
	const struct sdei_pe *pe = &w->sdei.pe[i];

	if (pe->depth > SDEI_MAX_FRAMES) {
		world_fail(w, "PE%u has %u frames", i, pe->depth);
		return;
	}
	for (unsigned d = 0; d < pe->depth; d++)
		check_frame(w, i, pe->frame[d].event);
	if (pe->depth == 2 && !w->fail[0] &&
	    (event_is_critical(w, pe->frame[0].event) || !event_is_critical(w, pe->frame[1].event)))
		world_fail(w, "PE%u nests %#x over %#x", i, number_of(w, pe->frame[1].event),
			   number_of(w, pe->frame[0].event));
}

static unsigned count_frames(const struct world *w, unsigned e, unsigned first, unsigned end)
{
	unsigned n = 0;

	for (unsigned i = first; i < end; i++)
		for (unsigned d = 0; d < w->sdei.pe[i].depth && d < SDEI_MAX_FRAMES; d++)
			n += w->sdei.pe[i].frame[d].event == e;
	return n;
}

/* A running handler has one frame in the machine, or on its PE; another has none. */
static void check_running(struct world *w, unsigned e)
{
	bool shared = event_is_shared(w, e);

	for (unsigned i = 0; i < (shared ? 1 : NPE); i++) {
		unsigned frames = count_frames(w, e, shared ? 0 : i, shared ? NPE : i + 1);
		bool running = handler_of(w, e, i)->state & RUN;

		if (frames != running)
			world_fail(w, "event %#x %s and has %u frames", number_of(w, e),
				   running ? "runs" : "does not run", frames);
	}
}

/* ---- handlers ---- */

static void check_handler(struct world *w, unsigned e, unsigned i)
{
	const struct sdei_handler *h = handler_of(w, e, i);
	const struct sdei_event *event = &w->sdei.event[e];

	if (h->state >= SDEI_NR_STATES || ((h->state & ENA) && !(h->state & REG)))
		world_fail(w, "event %#x is enabled but not registered (state %u)", number_of(w, e),
			   h->state);
	if (h->pending && event->level)
		world_fail(w, "level-triggered event %#x has a stored pending bit",
			   number_of(w, e));
	if (event->slot && !event->intid && (h->state || h->pending))
		world_fail(w, "slot %#x is free but has a handler on PE%u", number_of(w, e), i);
	if (!event_is_shared(w, e) && e && !w->sdei.pe[i].on && (h->state || h->pending))
		world_fail(w, "PE%u is off and keeps private event %#x", i, number_of(w, e));
	if ((h->state & REG) ? h->ep != model_ep(e) : h->ep != 0)
		world_fail(w, "event %#x in state %u has the entry point %#llx", number_of(w, e),
			   h->state, (unsigned long long)h->ep);
	if (!(h->state & REG) && h->pending && e)
		world_fail(w, "event %#x is pending without a handler", number_of(w, e));
}

/* ---- power ---- */

static void check_power(struct world *w, unsigned i)
{
	const struct psci_pe *power = &w->power[i];
	const struct sdei_pe *pe = &w->sdei.pe[i];
	bool on = power->power == PSCI_PE_ON && !power->fresh;

	if (pe->on != on)
		world_fail(w, "PE%u is %s for SDEI, %s for PSCI", i, pe->on ? "on" : "off",
			   on ? "on" : "off");
	if (!on && pe->depth)
		world_fail(w, "PE%u is off and runs a handler", i);
	if (!on && power->suspend != PSCI_RUNNING)
		world_fail(w, "PE%u is off and suspended", i);
	if (!on && w->looking[i])
		world_fail(w, "PE%u is off and looks for events", i);
	if (power->suspend != PSCI_RUNNING && pe->depth)
		world_fail(w, "PE%u is suspended in a handler", i);
	if (sdei_in_handler(w->fw, &w->sdei, i) != (pe->depth > 0))
		world_fail(w, "sdei_in_handler() is wrong for PE%u", i);
}

/* ---- bound interrupts ---- */

static void check_binding(struct world *w, unsigned irq)
{
	unsigned n = 0;

	for (unsigned e = 0; e < w->sdei.nevents; e++)
		n += w->sdei.event[e].slot && w->sdei.event[e].intid == w->config->irqs[irq].intid;
	if (n != w->bound[irq])
		world_fail(w, "interrupt %u is %s and has %u slots", w->config->irqs[irq].intid,
			   w->bound[irq] ? "bound" : "not bound", n);
}

/* ---- no wake is lost ---- */

static bool is_pending(const struct world *w, unsigned e, unsigned pe)
{
	const struct sdei_event *event = &w->sdei.event[e];

	if (event->level)
		return irq_is_up(w, event->intid, pe);
	return handler_of(w, e, pe)->pending;
}

/* DEN0054C 4.3.1, 4.4: the event can be entered on this PE now. */
static bool can_enter(const struct world *w, unsigned e, unsigned i)
{
	const struct sdei_handler *h = handler_of(w, e, i);
	const struct sdei_pe *pe = &w->sdei.pe[i];

	if (h->state != (REG | ENA) || !is_pending(w, e, i))
		return false;
	if (!pe->on || pe->masked)
		return false;
	if (event_is_shared(w, e) && h->rm_pe && h->target != i)
		return false;
	return event_is_critical(w, e) ? !critical_frame(w, pe) : pe->depth == 0;
}

static bool can_enter_any(const struct world *w, unsigned i)
{
	for (unsigned e = 0; e < w->sdei.nevents; e++)
		if (can_enter(w, e, i))
			return true;
	return false;
}

static bool is_kicked(const struct world *w, unsigned i)
{
	return w->kick[i] || w->looking[i];
}

/* Some PE that could take the event was kicked and has not done looking, or the firmware is yet to be
 * told of the line. */
static void check_kicked_shared(struct world *w, unsigned e)
{
	bool can = false;

	for (unsigned i = 0; i < NPE; i++) {
		if (!can_enter(w, e, i))
			continue;
		if (is_kicked(w, i))
			return;
		can = true;
	}
	if (can)
		world_fail(w, "event %#x waits, a PE could take it, and none that could was kicked",
			   number_of(w, e));
}

static bool is_untold(const struct world *w, unsigned e)
{
	const struct model_irq *irq = find_irq(w, w->sdei.event[e].intid);

	return irq && w->raised[irq - w->config->irqs];
}

static void check_kicked(struct world *w, unsigned e)
{
	if (is_untold(w, e))
		return;
	if (event_is_shared(w, e)) {
		check_kicked_shared(w, e);
		return;
	}
	for (unsigned i = 0; i < NPE; i++)
		if (can_enter(w, e, i) && !is_kicked(w, i))
			world_fail(w, "event %#x waits on PE%u, which was not kicked",
				   number_of(w, e), i);
}

static void check_wants(struct world *w, unsigned i)
{
	bool wants = sdei_wants(w->fw, &w->sdei, i) & SDEI_WANT_ENTRY;

	if (wants != can_enter_any(w, i))
		world_fail(w, "sdei_wants() says %s for PE%u", wants ? "yes" : "no", i);
}

void rules_state(struct world *w)
{
	for (unsigned i = 0; i < NPE && !w->fail[0]; i++) {
		check_power(w, i);
		check_nesting(w, i);
	}
	for (unsigned e = 0; e < w->sdei.nevents && !w->fail[0]; e++) {
		check_running(w, e);
		for (unsigned i = 0; i < NPE; i++)
			check_handler(w, e, i);
	}
	for (unsigned i = 0; i < w->config->nirqs; i++)
		check_binding(w, i);
	for (unsigned e = 0; e < w->sdei.nevents && !w->fail[0]; e++)
		check_kicked(w, e);
	for (unsigned i = 0; i < NPE && !w->fail[0]; i++)
		check_wants(w, i);
}

/* ---- steps: entering ---- */

/* This step was the one in which the PE enters what it can. */
static bool has_evaluated(const struct state *before, struct move m)
{
	return m.kind == MV_ENTER && before->looking[m.pe] == LOOKING_ENTER &&
	       before->power[m.pe].suspend == PSCI_RUNNING;
}

/* The registers a handler starts with, over the context `was` (DEN0054C 4.3). */
static void entry_ctx(const struct world *w, unsigned e, const struct sdei_ctx *was,
		      struct sdei_ctx *ctx)
{
	const struct sdei_sysregs none = { .sctlr = 0 };

	*ctx = *was;
	ctx->x[0] = number_of(w, e);
	ctx->x[1] = model_arg(e);
	ctx->x[2] = was->pc;
	ctx->x[3] = was->pstate;
	ctx->pc = model_ep(e);
	ctx->pstate = sdei_entry_pstate(was->pstate, &none);
}

static const struct sdei_handler *handler_before(const struct world *w, const struct state *before,
						 unsigned e, unsigned pe)
{
	return &before->handler[handler_index(w, e, pe)];
}

/* It was allowed: looked at from the state before, with `below` frames under it. */
static void check_entry(struct world *w, const struct state *before, unsigned e, unsigned i,
			unsigned below)
{
	const struct sdei_handler *h = handler_before(w, before, e, i);
	unsigned num = number_of(w, e);

	if (before->power[i].power != PSCI_PE_ON || before->power[i].fresh)
		world_fail(w, "event %#x entered on PE%u, which is off", num, i);
	if (w->power[i].suspend != PSCI_RUNNING)
		world_fail(w, "event %#x entered on PE%u, which is suspended", num, i);
	if (w->sdei.pe[i].masked)
		world_fail(w, "event %#x entered on PE%u, which is masked", num, i);
	if (h->state != (REG | ENA))
		world_fail(w, "event %#x entered on PE%u in state %u", num, i, h->state);
	if (!is_pending(w, e, i) && !h->pending)
		world_fail(w, "event %#x entered on PE%u without a trigger", num, i);
	if (event_is_shared(w, e) && h->rm_pe && h->target != i)
		world_fail(w, "event %#x entered on PE%u, routed to PE%u", num, i, h->target);
	if (below && !event_is_critical(w, e))
		world_fail(w, "normal event %#x entered on PE%u over another", num, i);
}

/* The handler has run its first instructions: its registers are its own symbols now. */
static void check_entries(struct world *w, const struct state *before, unsigned i)
{
	struct sdei_pe *pe = &w->sdei.pe[i];
	struct sdei_ctx ctx;

	model_ctx(i, before->token[i], &ctx);
	for (unsigned d = before->pe[i].depth; d < pe->depth && !w->fail[0]; d++) {
		struct sdei_frame *f = &pe->frame[d];

		check_frame(w, i, f->event);
		if (w->fail[0])
			return;
		check_entry(w, before, f->event, i, d);
		if (memcmp(&f->ctx, &ctx, sizeof(ctx)))
			world_fail(w, "frame %u of PE%u is not the context that was interrupted", d,
				   i);
		model_ctx(i, w->token[i], &f->ctx);
		entry_ctx(w, f->event, &ctx, &ctx);
		w->token[i] = (uint8_t)(TOKEN_HANDLER + f->event);
	}
	if (memcmp(&w->ctx[i], &ctx, sizeof(ctx)))
		world_fail(w, "PE%u has not the registers a handler starts with", i);
	if (can_enter_any(w, i))
		world_fail(w, "PE%u has looked and left an event it could enter", i);
}

/* ---- steps: leaving ---- */

static void check_completed(struct world *w, const struct state *before, unsigned i)
{
	const struct sdei_frame *f = &before->pe[i].frame[before->pe[i].depth - 1];

	if (memcmp(&w->ctx[i], &f->ctx, sizeof(f->ctx)))
		world_fail(w, "EVENT_COMPLETE on PE%u does not restore what was interrupted", i);
	if (w->exception)
		world_fail(w, "EVENT_COMPLETE on PE%u writes ELR_EL1", i);
	w->token[i] = (uint8_t)model_token(f->ctx.pc);
}

static void check_resumed(struct world *w, const struct state *before, unsigned i)
{
	const struct sdei_sysregs none = { .sctlr = 0 };
	const struct sdei_ctx *was = &before->pe[i].frame[before->pe[i].depth - 1].ctx;
	struct sdei_ctx want = *was;

	want.pc = MODEL_RESUME_PC;
	want.pstate = sdei_entry_pstate(was->pstate, &none);
	if (memcmp(&w->ctx[i], &want, sizeof(want)))
		world_fail(w, "EVENT_COMPLETE_AND_RESUME on PE%u leaves wrong registers", i);
	if (!w->exception || w->elr != was->pc || w->spsr != was->pstate)
		world_fail(w, "EVENT_COMPLETE_AND_RESUME on PE%u: wrong ELR_EL1 or SPSR_EL1", i);
	w->token[i] = TOKEN_RESUMED;
}

static void check_leaving(struct world *w, const struct state *before, struct move m,
			  const struct outcome *out)
{
	unsigned depth = before->pe[m.pe].depth;
	bool done = out->result == FW_RESUMED;

	if (!done && out->ret != SDEI_DENIED)
		world_fail(w, "a handler's end has the result %lld", (long long)out->ret);
	if (done != (depth > 0)) {
		world_fail(w, "PE%u with %u handlers: the end of one is %s", m.pe, depth,
			   done ? "granted" : "refused");
		return;
	}
	if (!done)
		return;
	if (w->sdei.pe[m.pe].depth != depth - 1)
		world_fail(w, "PE%u ended one handler and has %u of %u", m.pe,
			   w->sdei.pe[m.pe].depth, depth);
	else if (m.kind == MV_COMPLETE)
		check_completed(w, before, m.pe);
	else
		check_resumed(w, before, m.pe);
}

/* ---- steps: who runs what ---- */

static bool same_frames(const struct sdei_pe *a, const struct sdei_pe *b, unsigned n)
{
	for (unsigned d = 0; d < n && d < SDEI_MAX_FRAMES; d++)
		if (a->frame[d].event != b->frame[d].event ||
		    memcmp(&a->frame[d].ctx, &b->frame[d].ctx, sizeof(a->frame[d].ctx)))
			return false;
	return true;
}

/* Only looking adds frames, only an end takes one away, and what stays is untouched. */
static void check_depth(struct world *w, const struct state *before, struct move m,
			const struct outcome *out)
{
	for (unsigned i = 0; i < NPE; i++) {
		const struct sdei_pe *pe = &w->sdei.pe[i], *was = &before->pe[i];
		bool own = i == m.pe;

		if (pe->depth > was->depth && !(own && has_evaluated(before, m)))
			world_fail(w, "PE%u entered a handler in somebody's call", i);
		if (pe->depth < was->depth &&
		    !(own && (out->result == FW_RESUMED || out->result == FW_PE_OFF)))
			world_fail(w, "PE%u lost a frame", i);
		if (!same_frames(pe, was, pe->depth < was->depth ? pe->depth : was->depth))
			world_fail(w, "a frame of PE%u was changed", i);
	}
}

/* ---- steps: pending events ---- */

/* UNREGISTER discards what is pending, also when it is repeated while the handler still runs. */
static bool gives_up(const struct world *w, struct move m, const struct outcome *out, unsigned e,
		     unsigned i)
{
	switch (m.kind) {
	case MV_UNREGISTER:
		return m.obj == e && (event_is_shared(w, e) || m.pe == i) &&
		       out->ret != SDEI_DENIED;
	case MV_PRIVATE_RESET:
		return !event_is_shared(w, e) && m.pe == i;
	case MV_SHARED_RESET:
		return event_is_shared(w, e);
	case MV_CPU_OFF:
	case MV_FREEZE:
		return !event_is_shared(w, e) && m.pe == i;
	default:
		return false;
	}
}

static bool is_target(const struct world *w, const struct state *before, struct move m, unsigned e,
		      unsigned i)
{
	bool registered = handler_before(w, before, e, i)->state & REG;

	switch (m.kind) {
	case MV_SIGNAL:
		return e == 0 && m.obj == i;
	case MV_TRIGGER:
		return registered && m.obj == e && (event_is_shared(w, e) || m.pe == i);
	case MV_EDGE:
		return registered && w->sdei.event[e].intid == w->config->irqs[m.obj].intid &&
		       (event_is_shared(w, e) || m.pe == i);
	default:
		return false;
	}
}

static bool entered(const struct world *w, const struct state *before, unsigned e, unsigned i)
{
	return (handler_of(w, e, i)->state & RUN) &&
	       !(handler_before(w, before, e, i)->state & RUN);
}

static void check_pending(struct world *w, const struct state *before, struct move m,
			  const struct outcome *out, unsigned e, unsigned i)
{
	bool want = handler_before(w, before, e, i)->pending;
	bool have = handler_of(w, e, i)->pending;

	if (entered(w, before, e, i) || gives_up(w, m, out, e, i))
		want = false;
	else if (is_target(w, before, m, e, i))
		want = true;
	if (have != want)
		world_fail(w, "event %#x (PE%u) is %s, it should be %s", number_of(w, e), i,
			   have ? "pending" : "not pending", want ? "pending" : "not pending");
}

/* ---- steps: calls ---- */

/* Without what any call may catch up with: a line that changed, of which the firmware was not told,
 * is seen, and a PE asked, or not asked any more. */
static void pack_without_lines(struct world *w, struct packed *p)
{
	for (unsigned e = 0; e < w->sdei.nevents; e++)
		for (unsigned i = 0; i < NPE; i++)
			if (w->sdei.event[e].level)
				w->sdei.handler[handler_index(w, e, i)].asked = SDEI_NO_PE;
	for (unsigned i = 0; i < w->config->nirqs; i++)
		for (unsigned pe = 0; w->raised[i] && pe < NPE; pe++)
			w->kick[pe] = false;
	pack(w, p);
}

/* A call that is refused has changed nothing; resets and UNREGISTER do what they can. */
static void check_refused(struct world *w, const struct state *before, struct move m,
			  const struct outcome *out)
{
	struct packed now, was;
	struct state after;

	if (w->fail[0] || !out->called || out->result != FW_RETURN || out->ret >= 0 ||
	    m.kind == MV_PRIVATE_RESET || m.kind == MV_SHARED_RESET || out->ret == SDEI_PENDING)
		return;
	world_save(w, &after);
	pack_without_lines(w, &now);
	if (w->fail[0])
		return;
	world_load(w, before);
	pack_without_lines(w, &was);
	world_load(w, &after);
	if (memcmp(&now, &was, sizeof(now)))
		world_fail(w, "a call that was refused changed something");
}

static bool ended_powerdown(const struct world *w, const struct state *before, unsigned i)
{
	enum psci_suspend was = before->power[i].suspend;

	return w->power[i].suspend == PSCI_RUNNING &&
	       (was == PSCI_POWERDOWN || was == PSCI_SYSTEM_SUSPENDED);
}

/* DEN0054C 4.3, 5.5: PEs come up masked; else only the PE's own calls change its mask. */
static void check_mask(struct world *w, const struct state *before, struct move m,
		       const struct outcome *out)
{
	bool was = before->pe[m.pe].masked;

	bool want = was, have = w->sdei.pe[m.pe].masked;

	if (m.kind == MV_MASK || m.kind == MV_TAKE_ON || out->result == FW_PE_OFF ||
	    ended_powerdown(w, before, m.pe))
		want = true;
	if (m.kind == MV_UNMASK)
		want = false;
	if (have != want)
		world_fail(w, "PE%u is %smasked", m.pe, have ? "" : "not ");
}

static void check_masks_of_others(struct world *w, const struct state *before, struct move m)
{
	for (unsigned i = 0; i < NPE; i++)
		if (i != m.pe && w->sdei.pe[i].masked != before->pe[i].masked)
			world_fail(w, "the mask of PE%u was changed by PE%u", i, m.pe);
}

void rules_move(struct world *w, const struct state *before, struct move m,
		const struct outcome *out)
{
	check_depth(w, before, m, out);
	if (has_evaluated(before, m))
		check_entries(w, before, m.pe);
	if (m.kind == MV_COMPLETE || m.kind == MV_RESUME)
		check_leaving(w, before, m, out);
	for (unsigned e = 0; e < w->sdei.nevents && !w->fail[0]; e++)
		for (unsigned i = 0; i < NPE; i++)
			check_pending(w, before, m, out, e, i);
	rules_calls(w, before, m, out);
	check_mask(w, before, m, out);
	check_masks_of_others(w, before, m);
	check_refused(w, before, m, out);
}
