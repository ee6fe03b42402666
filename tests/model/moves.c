/*
 * What can happen next, and the part of arm64/fw.c: which calls reach which firmware function, and
 * what a change of a PE's power means to SDEI. One move is what the firmware does under one hold of
 * its lock; between two moves any other can happen.
 *
 * A kicked PE may still make calls before it looks: its kick may have come while it was on its way
 * out of the guest for a call.
 */
#include "tests/model/model.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum move_class { SDEI_CALL, PSCI_CALL, OUTSIDE, THREAD };

static const struct move_def {
	enum move_class class;
	uint32_t fid;
	const char *name;
} move_defs[MV_NR] = {
	/* clang-format off */
	[MV_REGISTER]      = { SDEI_CALL, 0xc4000021, "EVENT_REGISTER"             },
	[MV_ENABLE]        = { SDEI_CALL, 0xc4000022, "EVENT_ENABLE"               },
	[MV_DISABLE]       = { SDEI_CALL, 0xc4000023, "EVENT_DISABLE"              },
	[MV_UNREGISTER]    = { SDEI_CALL, 0xc4000027, "EVENT_UNREGISTER"           },
	[MV_ROUTING]       = { SDEI_CALL, 0xc400002a, "EVENT_ROUTING_SET"          },
	[MV_MASK]          = { SDEI_CALL, 0xc400002b, "PE_MASK"                    },
	[MV_UNMASK]        = { SDEI_CALL, 0xc400002c, "PE_UNMASK"                  },
	[MV_SIGNAL]        = { SDEI_CALL, 0xc400002f, "EVENT_SIGNAL"               },
	[MV_BIND]          = { SDEI_CALL, 0xc400002d, "INTERRUPT_BIND"             },
	[MV_RELEASE]       = { SDEI_CALL, 0xc400002e, "INTERRUPT_RELEASE"          },
	[MV_COMPLETE]      = { SDEI_CALL, 0xc4000025, "EVENT_COMPLETE"             },
	[MV_RESUME]        = { SDEI_CALL, 0xc4000026, "EVENT_COMPLETE_AND_RESUME"  },
	[MV_PRIVATE_RESET] = { SDEI_CALL, 0xc4000031, "PRIVATE_RESET"              },
	[MV_SHARED_RESET]  = { SDEI_CALL, 0xc4000032, "SHARED_RESET"               },
	[MV_CPU_ON]        = { PSCI_CALL, 0xc4000003, "CPU_ON"                     },
	[MV_CPU_OFF]       = { PSCI_CALL, 0x84000002, "CPU_OFF"                    },
	[MV_FREEZE]        = { PSCI_CALL, 0x8400000b, "CPU_FREEZE"                 },
	[MV_STANDBY]       = { PSCI_CALL, 0xc4000001, "CPU_SUSPEND standby"        },
	[MV_POWERDOWN]     = { PSCI_CALL, 0xc4000001, "CPU_SUSPEND power-down"     },
	[MV_SYSTEM_SUSPEND] = { PSCI_CALL, 0xc400000e, "SYSTEM_SUSPEND"            },
	[MV_TRIGGER]       = { OUTSIDE,   0,          "the platform triggers"      },
	[MV_EDGE]          = { OUTSIDE,   0,          "edge of"                    },
	[MV_LINE_UP]       = { OUTSIDE,   0,          "line up:"                   },
	[MV_LINE_DOWN]     = { OUTSIDE,   0,          "line down:"                 },
	[MV_NOTICE]        = { OUTSIDE,   0,          "told of"                    },
	[MV_LOOK]          = { THREAD,    0,          "was kicked and looks"       },
	[MV_ENTER]         = { THREAD,    0,          "has looked and goes on"     },
	[MV_TAKE_ON]       = { THREAD,    0,          "starts, powered on"         },
	[MV_WAKE]          = { THREAD,    0,          "is woken by an interrupt"   },
	[MV_ERET]          = { THREAD,    0,          "returns from the exception" },
	/* clang-format on */
};

#define POWER_STATE_STANDBY   0x00000000u
#define POWER_STATE_POWERDOWN 0x00010000u

/* ---- which moves there are ---- */

static unsigned mask_or_first(unsigned mask)
{
	return mask ? mask : 1;
}

static unsigned expand(const struct pattern *p, struct move *moves)
{
	unsigned n = 0;

	for (unsigned pe = 0; pe < NPE; pe++)
		for (unsigned obj = 0; obj < MAX_EVENTS; obj++)
			for (unsigned arg = 0; arg <= ROUTE_ANY; arg++) {
				if (!(mask_or_first(p->pes) & BIT(pe)) ||
				    !(mask_or_first(p->objs) & BIT(obj)) ||
				    !(mask_or_first(p->args) & BIT(arg)))
					continue;
				moves[n++] = (struct move){ (uint8_t)p->kind, (uint8_t)pe,
							    (uint8_t)obj, (uint8_t)arg };
			}
	return n;
}

unsigned moves_list(const struct config *config, struct move *moves)
{
	unsigned n = 0;

	for (const struct pattern *p = config->moves; p->kind != MV_NR; p++) {
		if (n + NPE * MAX_EVENTS * (ROUTE_ANY + 1) > MAX_MOVES)
			return 0;
		n += expand(p, &moves[n]);
	}
	return n;
}

/* ---- when they are possible ---- */

/* Its thread is past psci_take_on(), and not waiting for the next. */
static bool is_started(const struct world *w, unsigned pe)
{
	return w->power[pe].power == PSCI_PE_ON && !w->power[pe].fresh;
}

/* It executes the guest's instructions. */
static bool in_guest(const struct world *w, unsigned pe)
{
	return is_started(w, pe) && w->power[pe].suspend == PSCI_RUNNING && !w->looking[pe];
}

static uint32_t event_of_irq(const struct world *w, unsigned irq)
{
	return sdei_bound_event(w->fw, &w->sdei, w->config->irqs[irq].intid);
}

bool move_possible(const struct world *w, struct move m)
{
	switch (m.kind) {
	case MV_TRIGGER:
		return true;
	case MV_EDGE:
		return event_of_irq(w, m.obj) != SDEI_NO_EVENT;
	case MV_LINE_UP:
		return !w->level[m.obj][m.pe];
	case MV_LINE_DOWN:
		return w->level[m.obj][m.pe];
	case MV_NOTICE:
		return w->raised[m.obj];
	case MV_LOOK:
		return w->kick[m.pe] && is_started(w, m.pe) && !w->looking[m.pe];
	case MV_ENTER:
		return w->looking[m.pe];
	case MV_TAKE_ON:
		return w->power[m.pe].fresh;
	case MV_WAKE:
		return w->power[m.pe].suspend != PSCI_RUNNING && !w->looking[m.pe];
	case MV_ERET:
		return in_guest(w, m.pe) && w->token[m.pe] == TOKEN_RESUMED;
	default:
		return in_guest(w, m.pe);
	}
}

/* ---- calls of the guest ---- */

static void set_routing(uint64_t *mode, uint64_t *affinity, unsigned routing)
{
	*mode = routing != ROUTE_ANY;
	*affinity = routing != ROUTE_ANY ? model_mpidr(routing) : 0;
}

static void fill_args(const struct world *w, struct move m, uint64_t *arg)
{
	switch (m.kind) {
	case MV_SIGNAL:
		arg[1] = model_mpidr(m.obj);
		break;
	case MV_BIND:
		arg[0] = w->config->irqs[m.obj].intid;
		break;
	case MV_RESUME:
		arg[0] = MODEL_RESUME_PC;
		break;
	case MV_CPU_ON:
		arg[0] = model_mpidr(m.obj);
		arg[1] = MODEL_ENTRY_PC;
		break;
	case MV_STANDBY:
	case MV_POWERDOWN:
		arg[0] = m.kind == MV_STANDBY ? POWER_STATE_STANDBY : POWER_STATE_POWERDOWN;
		arg[1] = MODEL_ENTRY_PC;
		break;
	case MV_SYSTEM_SUSPEND:
		arg[0] = MODEL_ENTRY_PC;
		break;
	default:
		arg[0] = w->sdei.event[m.obj].def.num;
	}
	if (m.kind == MV_ROUTING)
		set_routing(&arg[1], &arg[2], m.arg);
	if (m.kind == MV_REGISTER) {
		arg[1] = model_ep(m.obj);
		arg[2] = model_arg(m.obj);
		set_routing(&arg[3], &arg[4], m.arg);
	}
}

static enum fw_result call_sdei(struct world *w, struct smccc *call)
{
	const struct fw_service service = { .calls = sdei_calls, .ncalls = sdei_ncalls };

	return sdei_call(w->fw, &w->sdei, fw_find(&service, call->fid), call);
}

/* A PE in a handler may not suspend; one that goes off ends its handlers. */
static enum fw_result call_psci(struct world *w, struct smccc *call)
{
	const struct fw_service service = { .calls = psci_calls, .ncalls = psci_ncalls };
	const struct fw_call *row = fw_find(&service, call->fid);
	enum fw_result result;

	if (row && row->flags & FW_CALL_SUSPEND && sdei_in_handler(w->fw, &w->sdei, call->pe)) {
		call->ret = PSCI_DENIED;
		return FW_RETURN;
	}
	result = psci_call(w->fw, &w->psci, row, call);
	if (result == FW_PE_OFF)
		sdei_pe_off(w->fw, &w->sdei, call->pe);
	return result;
}

static void guest_call(struct world *w, struct move m, struct outcome *out)
{
	struct smccc call = { .fid = move_defs[m.kind].fid, .pe = m.pe };

	fill_args(w, m, call.arg);
	out->called = true;
	out->result =
		move_defs[m.kind].class == SDEI_CALL ? call_sdei(w, &call) : call_psci(w, &call);
	out->ret = call.ret;
	if (out->result == FW_PE_OFF)
		w->token[m.pe] = TOKEN_MAIN;
}

/* ---- the rest ---- */

/* Back from a suspend: at the call, or at the entry point with SDEI masked. */
static void end_suspend(struct world *w, unsigned pe)
{
	struct psci_entry entry;

	if (psci_wake(w->fw, &w->psci, pe, 0, &entry))
		sdei_pe_resumed(w->fw, &w->sdei, pe);
}

static bool wants_entry(const struct world *w, unsigned pe)
{
	return sdei_wants(w->fw, &w->sdei, pe) & SDEI_WANT_ENTRY;
}

/* The thread has left KVM_RUN, takes the request and, if there is nothing to enter, is done. */
static void look(struct world *w, unsigned pe)
{
	w->kick[pe] = false;
	if (wants_entry(w, pe))
		w->looking[pe] = LOOKING_ENTER;
}

/* An event ends a suspend; after a power-down one the PE is masked, and the event waits. */
static void enter(struct world *w, unsigned pe)
{
	if (w->looking[pe] == LOOKING_WOKEN) {
		w->looking[pe] = wants_entry(w, pe) ? LOOKING_ENTER : LOOKING_NOT;
		return;
	}
	if (w->power[pe].suspend != PSCI_RUNNING) {
		end_suspend(w, pe);
		w->looking[pe] = LOOKING_WOKEN;
		return;
	}
	w->looking[pe] = LOOKING_NOT;
	sdei_evaluate(w->fw, &w->sdei, pe);
}

static void take_on(struct world *w, unsigned pe)
{
	struct psci_entry entry;

	if (!psci_take_on(w->fw, &w->psci, pe, &entry))
		world_fail(w, "PE%u was powered on and does not start", pe);
	sdei_pe_on(w->fw, &w->sdei, pe);
}

static void eret(struct world *w, unsigned pe)
{
	const struct sdei_pe *p = &w->sdei.pe[pe];

	w->token[pe] =
		(uint8_t)(p->depth ? TOKEN_HANDLER + p->frame[p->depth - 1].event : TOKEN_MAIN);
}

static void trigger(struct world *w, uint32_t event, bool shared, unsigned pe, struct outcome *out)
{
	w->caller = NPE;
	out->triggered = sdei_trigger(w->fw, &w->sdei, event, shared ? SDEI_NO_PE : pe, "model");
}

/* The device does not wait for the firmware: it leaves word for the main thread. */
static void set_line(struct world *w, struct move m, bool up)
{
	w->caller = NPE;
	w->level[m.obj][m.pe] = up;
	if (up && w->bound[m.obj])
		w->raised[m.obj] = true;
}

static void notice(struct world *w, struct move m)
{
	w->caller = NPE;
	w->raised[m.obj] = false;
	sdei_line_raised(w->fw, &w->sdei, w->config->irqs[m.obj].intid);
}

static void other_move(struct world *w, struct move m, struct outcome *out)
{
	switch (m.kind) {
	case MV_TRIGGER:
		trigger(w, w->sdei.event[m.obj].def.num, event_is_shared(w, m.obj), m.pe, out);
		break;
	case MV_EDGE:
		trigger(w, event_of_irq(w, m.obj), w->config->irqs[m.obj].shared, m.pe, out);
		break;
	case MV_LINE_UP:
	case MV_LINE_DOWN:
		set_line(w, m, m.kind == MV_LINE_UP);
		break;
	case MV_NOTICE:
		notice(w, m);
		break;
	case MV_LOOK:
		look(w, m.pe);
		break;
	case MV_ENTER:
		enter(w, m.pe);
		break;
	case MV_TAKE_ON:
		take_on(w, m.pe);
		break;
	case MV_WAKE:
		end_suspend(w, m.pe);
		break;
	case MV_ERET:
		eret(w, m.pe);
		break;
	default:
		world_fail(w, "move %u does not exist", m.kind);
	}
}

struct outcome move_apply(struct world *w, struct move m)
{
	struct outcome out = { .result = FW_RETURN };

	w->caller = m.pe;
	w->exception = false;
	for (unsigned pe = 0; pe < NPE; pe++)
		model_ctx(pe, w->token[pe], &w->ctx[pe]);
	if (move_defs[m.kind].class == SDEI_CALL || move_defs[m.kind].class == PSCI_CALL)
		guest_call(w, m, &out);
	else
		other_move(w, m, &out);
	return out;
}

/* ---- to rest ---- */

static const struct sdei_event *innermost(const struct world *w, unsigned pe)
{
	const struct sdei_pe *p = &w->sdei.pe[pe];

	return p->depth ? &w->sdei.event[p->frame[p->depth - 1].event] : NULL;
}

/* A handler of a level-triggered event that is still up: it turns its device off. */
static bool turns_line_off(const struct world *w, struct move m)
{
	const struct model_irq *irq = &w->config->irqs[m.obj];

	for (unsigned pe = 0; pe < NPE; pe++) {
		const struct sdei_event *e = innermost(w, pe);

		if (e && e->intid == irq->intid && (irq->shared || pe == m.pe))
			return true;
	}
	return false;
}

static bool brings_rest(const struct world *w, struct move m)
{
	if (!move_possible(w, m))
		return false;
	if (m.kind == MV_LINE_DOWN)
		return turns_line_off(w, m);
	return m.kind != MV_COMPLETE || w->sdei.pe[m.pe].depth;
}

int move_to_rest(const struct world *w, const struct move *moves, unsigned n)
{
	static const enum move_kind order[] = { MV_NOTICE, MV_LOOK, MV_ENTER, MV_LINE_DOWN,
						MV_COMPLETE };

	for (unsigned k = 0; k < ARRAY_SIZE(order); k++)
		for (unsigned i = 0; i < n; i++)
			if (moves[i].kind == order[k] && brings_rest(w, moves[i]))
				return (int)i;
	return -1;
}

/* ---- for people ---- */

const char *move_name(struct move m)
{
	return move_defs[m.kind].name;
}

static const char *event_name(const struct world *w, unsigned e)
{
	static const char *const names[2][2] = {
		{ "private-normal", "private-critical" },
		{ "shared-normal", "shared-critical" },
	};
	const struct sdei_event *event = &w->sdei.event[e];

	if (e == 0)
		return "event 0";
	if (event->slot)
		return event->def.type == SDEI_SHARED ? "shared-slot" : "private-slot";
	return names[event->def.type][event->def.priority];
}

static void print_routing(unsigned routing)
{
	if (routing == ROUTE_ANY)
		printf(", RM_ANY");
	else
		printf(", RM_PE PE%u", routing);
}

static void print_object(const struct world *w, struct move m)
{
	switch (m.kind) {
	case MV_MASK:
	case MV_UNMASK:
	case MV_COMPLETE:
	case MV_RESUME:
	case MV_PRIVATE_RESET:
	case MV_SHARED_RESET:
	case MV_CPU_OFF:
	case MV_FREEZE:
	case MV_STANDBY:
	case MV_POWERDOWN:
	case MV_SYSTEM_SUSPEND:
		break;
	case MV_SIGNAL:
	case MV_CPU_ON:
		printf(" PE%u", m.obj);
		break;
	case MV_BIND:
		printf(" interrupt %u", w->config->irqs[m.obj].intid);
		break;
	default:
		printf(" %s", event_name(w, m.obj));
	}
	if (m.kind == MV_REGISTER && !event_is_shared(w, m.obj))
		return;
	if (m.kind == MV_REGISTER || m.kind == MV_ROUTING)
		print_routing(m.arg);
}

static void print_result(const struct move_def *def, const struct outcome *out)
{
	const char *name = NULL;

	if (out->result != FW_RETURN) {
		printf(" does not return");
		return;
	}
	if (out->ret <= 0)
		name = def->class == SDEI_CALL ? sdei_error_name(out->ret)
					       : psci_error_name(out->ret);
	if (name)
		printf(" = %s", name);
	else
		printf(" = %#llx", (unsigned long long)out->ret);
}

void move_print(const struct world *w, struct move m, const struct outcome *out)
{
	const struct move_def *def = &move_defs[m.kind];
	bool irq = m.kind == MV_EDGE || m.kind == MV_NOTICE || m.kind == MV_LINE_UP ||
		   m.kind == MV_LINE_DOWN;

	if (def->class == OUTSIDE) {
		printf("%s ", def->name);
		if (irq)
			printf("interrupt %u", w->config->irqs[m.obj].intid);
		else
			printf("%s", event_name(w, m.obj));
		if (irq ? !w->config->irqs[m.obj].shared : !event_is_shared(w, m.obj))
			printf(" of PE%u", m.pe);
		if (out->triggered == SDEI_TRIGGER_DROPPED)
			printf(": dropped");
		return;
	}
	printf("PE%u %s", m.pe, def->name);
	if (def->class == THREAD)
		return;
	print_object(w, m);
	print_result(def, out);
}

static void print_pe(const struct world *w, unsigned i)
{
	static const char *const suspend[] = { "", " standby", " power-down", " system-suspend" };
	const struct sdei_pe *pe = &w->sdei.pe[i];

	printf(" PE%u %s%s%s%s%s", i,
	       pe->on              ? "on"
	       : w->power[i].fresh ? "starting"
				   : "off",
	       suspend[w->power[i].suspend & 3], pe->masked ? " masked" : "",
	       w->kick[i] ? " kicked" : "", w->looking[i] ? " looking" : "");
	for (unsigned d = 0; d < pe->depth && d < SDEI_MAX_FRAMES; d++)
		printf(" >%s", event_name(w, pe->frame[d].event));
	if (w->token[i] == TOKEN_RESUMED)
		printf(" (resumed)");
	printf(";");
}

static void print_pe_index(const char *what, uint16_t pe)
{
	if (pe != SDEI_NO_PE)
		printf(" %s PE%u", what, pe);
}

static void print_handler(const struct world *w, unsigned e, const struct sdei_handler *h)
{
	bool up = w->sdei.event[e].level &&
		  irq_is_up(w, w->sdei.event[e].intid,
			    (unsigned)(h - w->sdei.handler) - w->sdei.event[e].handler);

	printf(" %u%u%u", !!(h->state & SDEI_REGISTERED), !!(h->state & SDEI_ENABLED),
	       !!(h->state & SDEI_RUNNING));
	printf("%s%s", h->pending ? "+pending" : "", up ? "+up" : "");
	if (!event_is_shared(w, e))
		return;
	if (h->rm_pe)
		print_pe_index("for", h->target);
	if (h->state & SDEI_RUNNING)
		print_pe_index("on", h->runner);
	if (h->pending || up)
		print_pe_index("asked", h->asked);
}

static void print_irqs(const struct world *w)
{
	for (unsigned i = 0; i < w->config->nirqs; i++)
		if (w->raised[i])
			printf(" interrupt %u not told;", w->config->irqs[i].intid);
}

/* One line: the PEs, then each event that is not in its first state. */
void state_print(const struct world *w)
{
	for (unsigned i = 0; i < NPE; i++)
		print_pe(w, i);
	for (unsigned e = 0; e < w->sdei.nevents; e++) {
		const struct sdei_event *event = &w->sdei.event[e];
		const struct sdei_handler *h = &w->sdei.handler[event->handler];
		unsigned n = event_is_shared(w, e) ? 1 : NPE;
		bool used = event->intid != 0;

		for (unsigned i = 0; i < n; i++)
			used = used || h[i].state || h[i].pending;
		if (!used)
			continue;
		printf(" %s", event_name(w, e));
		if (event->slot && event->intid)
			printf("(%u)", event->intid);
		for (unsigned i = 0; i < n; i++)
			print_handler(w, e, &h[i]);
		printf(";");
	}
	print_irqs(w);
	printf("\n");
}
