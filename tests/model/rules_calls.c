/*
 * What the guest's calls answer and what becomes of the handlers: for each handler the state after
 * a step is worked out from the state before and the meaning of the call (DEN0054C 5.1 and 6.1), not
 * by the core's table. A handler that the step is not about must be as it was.
 */
#include "tests/model/model.h"

#define REG SDEI_REGISTERED
#define ENA SDEI_ENABLED
#define RUN SDEI_RUNNING

/* ---- results ---- */

static bool all_unregistered(const struct world *w, const struct state *before, unsigned e)
{
	for (unsigned i = 0; i < NPE; i++)
		if (before->handler[handler_index(w, e, i)].state)
			return false;
	return true;
}

/* UNREGISTER of everything of one type was not fully possible. */
static bool some_run(const struct world *w, const struct state *before, bool shared, unsigned pe)
{
	for (unsigned e = 0; e < w->sdei.nevents; e++)
		if (event_is_shared(w, e) == shared &&
		    before->handler[handler_index(w, e, pe)].state & RUN)
			return true;
	return false;
}

/* A private slot that is bound keeps its binding while a PE has a handler for it. */
static bool some_slot_stays(const struct world *w, const struct state *before)
{
	for (unsigned e = 0; e < w->sdei.nevents; e++)
		if (before->slot_intid[e] && !event_is_shared(w, e) &&
		    !all_unregistered(w, before, e))
			return true;
	return false;
}

static int64_t unregister_result(unsigned state)
{
	if (!state)
		return SDEI_DENIED;
	return state & RUN ? SDEI_PENDING : SDEI_SUCCESS;
}

static int64_t granted(bool yes)
{
	return yes ? SDEI_SUCCESS : SDEI_DENIED;
}

/* The number of a slot that is not bound names no event. */
static bool names_event(const struct world *w, const struct state *before, unsigned e)
{
	return !w->sdei.event[e].slot || before->slot_intid[e];
}

static int64_t event_call_result(const struct world *w, const struct state *before, struct move m)
{
	unsigned state = before->handler[handler_index(w, m.obj, m.pe)].state;

	if (!names_event(w, before, m.obj))
		return SDEI_INVALID_PARAMETERS;
	switch (m.kind) {
	case MV_REGISTER:
		return granted(state == 0);
	case MV_UNREGISTER:
		return unregister_result(state);
	case MV_ROUTING:
		return granted(state == REG);
	case MV_RELEASE:
		return granted(all_unregistered(w, before, m.obj));
	default: /* ENABLE, DISABLE */
		return granted(state & REG);
	}
}

static bool in_handler(const struct state *before, unsigned pe)
{
	return before->pe[pe].depth > 0;
}

static bool others_off(const struct state *before, unsigned pe)
{
	for (unsigned i = 0; i < NPE; i++)
		if (i != pe && before->power[i].power != PSCI_PE_OFF)
			return false;
	return true;
}

static int64_t cpu_on_result(const struct state *before, unsigned target)
{
	switch (before->power[target].power) {
	case PSCI_PE_OFF:
		return PSCI_SUCCESS;
	case PSCI_PE_ON_PENDING:
		return PSCI_ON_PENDING;
	default:
		return PSCI_ALREADY_ON;
	}
}

/* What a call that returns must answer; those that need not be listed answer SUCCESS. */
static int64_t expected_result(const struct world *w, const struct state *before, struct move m)
{
	switch (m.kind) {
	case MV_REGISTER:
	case MV_ENABLE:
	case MV_DISABLE:
	case MV_UNREGISTER:
	case MV_ROUTING:
	case MV_RELEASE:
		return event_call_result(w, before, m);
	case MV_MASK:
		return !before->pe[m.pe].masked;
	case MV_PRIVATE_RESET:
		return granted(!some_run(w, before, false, m.pe));
	case MV_SHARED_RESET:
		return granted(!some_run(w, before, true, m.pe) && !some_slot_stays(w, before));
	case MV_CPU_ON:
		return cpu_on_result(before, m.obj);
	case MV_COMPLETE:
	case MV_RESUME:
	case MV_STANDBY:
	case MV_POWERDOWN:
	case MV_SYSTEM_SUSPEND:
		return SDEI_DENIED; /* else it would not return */
	default:
		return SDEI_SUCCESS;
	}
}

static bool must_return(const struct state *before, struct move m)
{
	switch (m.kind) {
	case MV_COMPLETE:
	case MV_RESUME:
		return !in_handler(before, m.pe);
	case MV_STANDBY:
	case MV_POWERDOWN:
		return in_handler(before, m.pe);
	case MV_SYSTEM_SUSPEND:
		return in_handler(before, m.pe) || !others_off(before, m.pe);
	case MV_CPU_OFF:
	case MV_FREEZE:
		return false;
	default:
		return true;
	}
}

/* The slot a bound interrupt has, or the errors: its line is up, or no slot of its type is free. */
static void check_bind(struct world *w, const struct state *before, struct move m, int64_t ret)
{
	const struct model_irq *irq = &w->config->irqs[m.obj];
	bool bound = before->bound[m.obj], up = irq_is_up_anywhere(w, irq);
	unsigned free_slots = 0;

	for (unsigned e = 0; e < w->sdei.nevents; e++) {
		const struct sdei_event *event = &w->sdei.event[e];

		free_slots += event->slot && event_is_shared(w, e) == irq->shared &&
			      !before->slot_intid[e];
		if (ret == event->def.num && event->slot && event->intid == irq->intid)
			return;
	}
	if (bound || ret != (up ? SDEI_DENIED : SDEI_OUT_OF_RESOURCE) || (!up && free_slots))
		world_fail(w, "INTERRUPT_BIND of %u answers %lld", irq->intid, (long long)ret);
}

static void check_result(struct world *w, const struct state *before, struct move m,
			 const struct outcome *out)
{
	bool returns = out->result == FW_RETURN;

	if (returns != must_return(before, m)) {
		world_fail(w, "the call %s", returns ? "returns" : "does not return");
		return;
	}
	if (m.kind == MV_BIND)
		check_bind(w, before, m, out->ret);
	else if (returns && out->ret != expected_result(w, before, m))
		world_fail(w, "the call answers %lld, expected was %lld", (long long)out->ret,
			   (long long)expected_result(w, before, m));
}

/* ---- handlers ---- */

static bool is_top(const struct state *before, unsigned pe, unsigned e)
{
	const struct sdei_pe *p = &before->pe[pe];

	return p->depth && p->frame[p->depth - 1].event == e;
}

static bool has_frame(const struct sdei_pe *pe, unsigned e)
{
	for (unsigned d = 0; d < pe->depth && d < SDEI_MAX_FRAMES; d++)
		if (pe->frame[d].event == e)
			return true;
	return false;
}

/* UNREGISTER: a running handler goes on unregistered. */
static unsigned unregistered(unsigned state)
{
	return state & RUN;
}

/* A PE goes off: its private handlers are gone, a shared one that it ran is complete. */
static unsigned off_state(const struct world *w, const struct state *before, struct move m,
			  unsigned e, unsigned i, unsigned state)
{
	if (!event_is_shared(w, e))
		return i == m.pe ? 0 : state;
	return has_frame(&before->pe[m.pe], e) ? state & ~RUN : state;
}

/* The state of event e's handler (on PE i if it is private) after a granted move. */
static unsigned expected_state(const struct world *w, const struct state *before, struct move m,
			       unsigned e, unsigned i)
{
	unsigned state = before->handler[handler_index(w, e, i)].state;
	bool shared = event_is_shared(w, e);
	bool own = shared || i == m.pe;
	bool named = own && m.obj == e;

	switch (m.kind) {
	case MV_REGISTER:
		return named ? REG : state;
	case MV_ENABLE:
		return named ? state | ENA : state;
	case MV_DISABLE:
		return named ? state & ~ENA : state;
	case MV_UNREGISTER:
		return named ? unregistered(state) : state;
	case MV_PRIVATE_RESET:
		return own && !shared ? unregistered(state) : state;
	case MV_SHARED_RESET:
		return shared ? unregistered(state) : state;
	case MV_COMPLETE:
	case MV_RESUME:
		return own && is_top(before, m.pe, e) ? state & ~RUN : state;
	case MV_ENTER:
		return own && has_frame(&w->sdei.pe[m.pe], e) ? state | RUN : state;
	case MV_CPU_OFF:
	case MV_FREEZE:
		return off_state(w, before, m, e, i, state);
	default:
		return state;
	}
}

static bool is_refused(struct move m, const struct outcome *out)
{
	return out->called && out->result == FW_RETURN && out->ret < 0 &&
	       out->ret != SDEI_PENDING && m.kind != MV_PRIVATE_RESET && m.kind != MV_SHARED_RESET;
}

/* Routing is set by REGISTER and ROUTING_SET, kept while registered. */
static void check_routing(struct world *w, const struct state *before, struct move m, unsigned e,
			  bool refused)
{
	const struct sdei_handler *h = &w->sdei.handler[handler_index(w, e, 0)];
	const struct sdei_handler *was = &before->handler[handler_index(w, e, 0)];
	bool set = !refused && m.obj == e && (m.kind == MV_REGISTER || m.kind == MV_ROUTING);
	bool rm_pe = set ? m.arg != ROUTE_ANY : was->rm_pe;
	unsigned target = set ? m.arg : was->target;

	if (!event_is_shared(w, e) || !(h->state & REG))
		return;
	if (h->rm_pe != rm_pe || (rm_pe && h->target != target))
		world_fail(w, "event %#x is routed %s PE%d", w->sdei.event[e].def.num,
			   h->rm_pe ? "to" : "to any, not to", (int16_t)h->target);
}

static void wrong_state(struct world *w, unsigned e, unsigned i, unsigned have, unsigned want)
{
	world_fail(w, "the handler of %#x (PE%u) is in state %u%u%u, not %u%u%u",
		   w->sdei.event[e].def.num, i, !!(have & REG), !!(have & ENA), !!(have & RUN),
		   !!(want & REG), !!(want & ENA), !!(want & RUN));
}

static void check_handlers(struct world *w, const struct state *before, struct move m,
			   const struct outcome *out)
{
	bool refused = is_refused(m, out);

	for (unsigned e = 0; e < w->sdei.nevents; e++) {
		check_routing(w, before, m, e, refused);
		for (unsigned i = 0; i < NPE; i++) {
			unsigned h = handler_index(w, e, i);
			unsigned have = w->sdei.handler[h].state;
			unsigned want = refused ? before->handler[h].state
						: expected_state(w, before, m, e, i);

			if (have != want)
				wrong_state(w, e, i, have, want);
		}
	}
}

void rules_calls(struct world *w, const struct state *before, struct move m,
		 const struct outcome *out)
{
	if (out->called)
		check_result(w, before, m, out);
	if (!w->fail[0])
		check_handlers(w, before, m, out);
}
