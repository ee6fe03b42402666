/*
 * SDEI: which pending event goes to which PE, and when.
 *
 * An event that is triggered becomes pending and some PE that can take it is asked to look
 * (ops->kick); what was asked of whom stands in the handler. A PE that looks enters whatever it can
 * take itself, asked or not: that step, under the lock, is the only one that ends a pending event, so
 * one trigger runs once. After everything that changes a PE or a handler the pending events are gone
 * through again: one whose PE can no longer take it is handed to another, so none is lost.
 *
 * Source: Arm DEN0054C section 4.2 (priorities), 4.3 (masking and pending events), 4.4 (routing),
 * 5.1.12, 5.1.13 and 5.1.16 (the calls).
 * State: struct sdei, under the firmware lock.
 */
#include <stddef.h>

#include "sdei/sdei_private.h"

static enum sdei_hold handler_hold(const struct sdei_handler *handler)
{
	if (!(handler->state & SDEI_REGISTERED))
		return SDEI_HOLD_UNREGISTERED;
	if (!(handler->state & SDEI_ENABLED))
		return SDEI_HOLD_DISABLED;
	return handler->state & SDEI_RUNNING ? SDEI_HOLD_RUNNING : SDEI_HOLD_NOT;
}

/* A critical event interrupts a normal handler; nothing else interrupts a handler. */
static bool busy(const struct sdei *sdei, const struct sdei_event *event, const struct sdei_pe *pe)
{
	const struct sdei_frame *frame = sdei_innermost(pe);

	if (!frame)
		return false;
	return event->def.priority == SDEI_NORMAL ||
	       sdei->event[frame->event].def.priority == SDEI_CRITICAL;
}

static enum sdei_hold pe_hold(const struct sdei *sdei, const struct sdei_event *event,
			      unsigned index)
{
	const struct sdei_pe *pe = &sdei->pe[index];

	if (!pe->on)
		return SDEI_HOLD_OFF;
	if (pe->masked)
		return SDEI_HOLD_MASKED;
	return busy(sdei, event, pe) ? SDEI_HOLD_BUSY : SDEI_HOLD_NOT;
}

static bool is_pending(const struct sdei *sdei, const struct sdei_event *event, unsigned pe)
{
	const struct sdei_config *c = &sdei->config;

	if (event->level)
		return c->ops->irq_level(c->world, event->intid, pe);
	return sdei_handler_of(sdei, event, pe)->pending;
}

/* Which PE takes a shared event that any may take: the one that is asked already, the preferred one,
 * the first that can. */
static unsigned any_taker(const struct sdei *sdei, const struct sdei_event *event, unsigned asked,
			  unsigned preferred)
{
	if (asked != SDEI_NO_PE && !pe_hold(sdei, event, asked))
		return asked;
	if (!pe_hold(sdei, event, preferred))
		return preferred;
	for (unsigned pe = 0; pe < sdei->config.npe; pe++)
		if (!pe_hold(sdei, event, pe))
			return pe;
	return SDEI_NO_PE;
}

/* The one PE that can take the event, or SDEI_NO_PE: any may. `pe` is that of a private event. */
static unsigned target_of(const struct sdei *sdei, const struct sdei_event *event, unsigned pe)
{
	return event->def.type == SDEI_PRIVATE ? pe : sdei_handler_of(sdei, event, pe)->target;
}

/* Who takes the event, if it is pending: *taker, or SDEI_NO_PE and why it must wait. `pe` is that of
 * a private event, the preferred one for a shared event. */
static enum sdei_hold find_taker(const struct sdei *sdei, const struct sdei_event *event,
				 unsigned pe, unsigned *taker)
{
	const struct sdei_handler *handler = sdei_handler_of(sdei, event, pe);
	enum sdei_hold hold = handler_hold(handler);
	unsigned target = target_of(sdei, event, pe);

	*taker = SDEI_NO_PE;
	if (hold)
		return hold;
	if (target == SDEI_NO_PE) {
		*taker = any_taker(sdei, event, handler->asked, pe);
		return *taker == SDEI_NO_PE ? SDEI_HOLD_NO_PE : SDEI_HOLD_NOT;
	}
	hold = pe_hold(sdei, event, target);
	if (!hold)
		*taker = target;
	return hold;
}

static void tell_pended(const struct sdei *sdei, const struct sdei_event *event, unsigned pe,
			enum sdei_hold why)
{
	const struct sdei_note note = {
		.kind = SDEI_NOTE_PENDED,
		.event = event->def.num,
		.pe = target_of(sdei, event, pe),
		.why = why,
	};

	sdei_tell(sdei, &note);
}

static void ask(struct sdei *sdei, const struct sdei_event *event, unsigned pe)
{
	const struct sdei_note note = {
		.kind = SDEI_NOTE_ROUTED,
		.event = event->def.num,
		.pe = pe,
	};

	sdei_tell(sdei, &note);
	sdei->config.ops->kick(sdei->config.world, pe);
}

/* See to it that the event, if pending, is asked of a PE that can take it now. */
static void route(struct sdei *sdei, const struct sdei_event *event, unsigned pe)
{
	struct sdei_handler *handler = sdei_handler_of(sdei, event, pe);
	enum sdei_hold hold;
	unsigned taker;

	if (!is_pending(sdei, event, pe)) {
		handler->asked = SDEI_NO_PE;
		return;
	}
	hold = find_taker(sdei, event, pe, &taker);
	if (taker == handler->asked)
		return;
	handler->asked = (uint16_t)taker;
	if (hold)
		tell_pended(sdei, event, pe, hold);
	else
		ask(sdei, event, taker);
}

void sdei_reroute(struct sdei *sdei, unsigned pe)
{
	for (unsigned i = 0; i < sdei->nevents; i++)
		route(sdei, &sdei->event[i], pe);
}

/* ---- becoming pending ---- */

static void tell_triggered(const struct sdei *sdei, const struct sdei_event *event, unsigned pe,
			   const char *by)
{
	const struct sdei_note note = {
		.kind = SDEI_NOTE_TRIGGERED,
		.event = event->def.num,
		.pe = target_of(sdei, event, pe),
		.by = by,
	};

	sdei_tell(sdei, &note);
}

/* An event that nobody asks a PE for yet, or asks for again; `pe` is that of a private event, any for
 * a shared one. */
static void triggered(struct sdei *sdei, const struct sdei_event *event, unsigned pe,
		      const char *by)
{
	unsigned taker;
	enum sdei_hold hold = find_taker(sdei, event, pe, &taker);

	tell_triggered(sdei, event, pe, by);
	if (hold)
		tell_pended(sdei, event, pe, hold);
	else
		route(sdei, event, pe);
}

static void dropped(struct sdei *sdei, const struct sdei_event *event, unsigned pe, const char *by)
{
	const struct sdei_note note = {
		.kind = SDEI_NOTE_DROPPED,
		.event = event->def.num,
		.pe = target_of(sdei, event, pe),
		.why = SDEI_HOLD_UNREGISTERED,
	};

	tell_triggered(sdei, event, pe, by);
	sdei_tell(sdei, &note);
}

enum sdei_triggered sdei_trigger(struct fw_locked locked, struct sdei *sdei, uint32_t num,
				 unsigned pe, const char *by)
{
	const struct sdei_event *event = sdei_lookup(sdei, num);
	struct sdei_handler *handler;

	(void)locked;
	if (!event || event->level)
		return SDEI_TRIGGER_NO_EVENT;
	if (event->def.type == SDEI_SHARED ? pe != SDEI_NO_PE : pe >= sdei->config.npe)
		return SDEI_TRIGGER_BAD_PE;
	if (event->def.type == SDEI_SHARED)
		pe = 0;
	handler = sdei_handler_of(sdei, event, pe);
	if (!(handler->state & SDEI_REGISTERED)) {
		dropped(sdei, event, pe, by);
		return SDEI_TRIGGER_DROPPED;
	}
	handler->pending = true;
	triggered(sdei, event, pe, by);
	return SDEI_TRIGGERED;
}

/* EVENT_SIGNAL: event 0 is kept also for a PE that has not registered it or is off. */
enum fw_result sdei_call_signal(struct fw_locked locked, void *self, struct smccc *call)
{
	struct sdei *sdei = self;
	const struct sdei_event *event = &sdei->event[0];
	uint16_t target = sdei_find_pe(sdei, call->arg[1]);

	(void)locked;
	if (call->arg[0] != SDEI_EVENT_SIGNALLED || target == SDEI_NO_PE)
		return sdei_return(call, SDEI_INVALID_PARAMETERS);
	sdei_handler_of(sdei, event, target)->pending = true;
	triggered(sdei, event, target, "signal");
	return sdei_return(call, SDEI_SUCCESS);
}

/* A PE that is asked already may have looked while the line was low, which leaves no trace. */
static void line_high(struct sdei *sdei, const struct sdei_event *event, unsigned pe)
{
	uint16_t asked = sdei_handler_of(sdei, event, pe)->asked;

	if (asked == SDEI_NO_PE)
		triggered(sdei, event, pe, "line");
	else
		sdei->config.ops->kick(sdei->config.world, asked);
}

void sdei_line_raised(struct fw_locked locked, struct sdei *sdei, uint32_t intid)
{
	const struct sdei_event *event = sdei_lookup_bound(sdei, intid);

	(void)locked;
	if (!event || !event->level)
		return;
	for (unsigned pe = 0; pe < sdei_nhandlers_of(sdei, event); pe++)
		if (is_pending(sdei, event, pe))
			line_high(sdei, event, pe);
}

bool sdei_deliverable(struct fw_locked locked, const struct sdei *sdei, uint32_t num)
{
	const struct sdei_event *event = sdei_lookup(sdei, num);
	unsigned taker;

	(void)locked;
	return event && event->def.type == SDEI_SHARED &&
	       find_taker(sdei, event, 0, &taker) == SDEI_HOLD_NOT;
}

/* ---- masking ---- */

enum fw_result sdei_call_pe_mask(struct fw_locked locked, void *self, struct smccc *call)
{
	struct sdei_pe *pe = &((struct sdei *)self)->pe[call->pe];
	bool was_masked = pe->masked;

	(void)locked;
	pe->masked = true;
	return sdei_return(call, was_masked ? 0 : 1);
}

enum fw_result sdei_call_pe_unmask(struct fw_locked locked, void *self, struct smccc *call)
{
	struct sdei *sdei = self;

	(void)locked;
	sdei->pe[call->pe].masked = false;
	return sdei_return(call, SDEI_SUCCESS);
}

/* ---- a PE looks ---- */

static bool can_enter(const struct sdei *sdei, const struct sdei_event *event, unsigned pe)
{
	const struct sdei_handler *handler = sdei_handler_of(sdei, event, pe);

	if (!is_pending(sdei, event, pe) || handler_hold(handler) || pe_hold(sdei, event, pe))
		return false;
	return !handler->rm_pe || handler->target == pe;
}

/* The most urgent event: critical before normal, then the lowest number. */
static const struct sdei_event *choose(const struct sdei *sdei, unsigned pe)
{
	const struct sdei_event *best = NULL;

	for (unsigned i = 0; i < sdei->nevents; i++) {
		const struct sdei_event *event = &sdei->event[i];

		if (best && event->def.priority == SDEI_NORMAL)
			continue;
		if (!can_enter(sdei, event, pe))
			continue;
		if (event->def.priority == SDEI_CRITICAL)
			return event;
		best = event;
	}
	return best;
}

unsigned sdei_wants(struct fw_locked locked, const struct sdei *sdei, unsigned pe)
{
	const struct sdei_event *event = choose(sdei, pe);

	(void)locked;
	if (!event)
		return 0;
	return SDEI_WANT_ENTRY | (sdei_handler_of(sdei, event, pe)->relative ? SDEI_WANT_VBAR : 0);
}

/* One event is all: nothing pending interrupts a critical handler, and where a normal one was the
 * most urgent there was no critical event to interrupt it. */
bool sdei_evaluate(struct fw_locked locked, struct sdei *sdei, unsigned pe)
{
	const struct sdei_event *event = choose(sdei, pe);

	(void)locked;
	if (event && !sdei_enter(sdei, event, pe)) {
		sdei->config.ops->kick(sdei->config.world, pe);
		return false;
	}
	sdei_reroute(sdei, pe);
	return event != NULL;
}
