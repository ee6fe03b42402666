/*
 * SDEI: the table of calls, and those that ask about or change an event's handler. Every call
 * checks all it was given first, in the order the specification lists the errors, and only then
 * changes anything.
 *
 * Source: Arm DEN0054C section 5.1, the functions named.
 * State: struct sdei, under the firmware lock.
 */
#include <assert.h>
#include <stddef.h>

#include "lib/types.h"
#include "sdei/sdei_private.h"

/* EVENT_REGISTER's flags, DEN0054C 5.1.2. */
#define FLAG_RM_PE    UINT64_C(1)
#define FLAG_RELATIVE UINT64_C(2)

#define ROUTING_ANY UINT64_C(0)
#define ROUTING_PE  UINT64_C(1)

#define EP_ALIGN 4 /* bytes of an instruction */

/* What EVENT_GET_INFO and SDEI_FEATURES can be asked, DEN0054C 5.1.10 and 5.1.17. */
enum info { INFO_TYPE, INFO_SIGNAL, INFO_PRIORITY, INFO_ROUTING_MODE, INFO_ROUTING_AFFINITY };
enum feature { FEATURE_BIND_SLOTS, FEATURE_RELATIVE_MODE };

enum { CAN_BE_SIGNALLED = 0, CANNOT_BE_SIGNALLED = 1 };

#define W1      FW_CALL_W1
#define W2      FW_CALL_W2
#define SYSREGS FW_CALL_SYSREGS

/* Sorted by function id: version that has it (all do), name, number of arguments. */
const struct fw_call sdei_calls[] = {
	/* clang-format off */
	{ 0xc4000020, 0, "SDEI_VERSION",                   0, 0,       sdei_call_version             },
	{ 0xc4000021, 0, "SDEI_EVENT_REGISTER",            5, W1,      sdei_call_register            },
	{ 0xc4000022, 0, "SDEI_EVENT_ENABLE",              1, W1,      sdei_call_enable              },
	{ 0xc4000023, 0, "SDEI_EVENT_DISABLE",             1, W1,      sdei_call_disable             },
	{ 0xc4000024, 0, "SDEI_EVENT_CONTEXT",             1, W1,      sdei_call_context             },
	{ 0xc4000025, 0, "SDEI_EVENT_COMPLETE",            1, W1,      sdei_call_complete            },
	{ 0xc4000026, 0, "SDEI_EVENT_COMPLETE_AND_RESUME", 1, SYSREGS, sdei_call_complete_and_resume },
	{ 0xc4000027, 0, "SDEI_EVENT_UNREGISTER",          1, W1,      sdei_call_unregister          },
	{ 0xc4000028, 0, "SDEI_EVENT_STATUS",              1, W1,      sdei_call_status              },
	{ 0xc4000029, 0, "SDEI_EVENT_GET_INFO",            2, W1 | W2, sdei_call_get_info            },
	{ 0xc400002a, 0, "SDEI_EVENT_ROUTING_SET",         3, W1,      sdei_call_routing_set         },
	{ 0xc400002b, 0, "SDEI_PE_MASK",                   0, 0,       sdei_call_pe_mask             },
	{ 0xc400002c, 0, "SDEI_PE_UNMASK",                 0, 0,       sdei_call_pe_unmask           },
	{ 0xc400002d, 0, "SDEI_INTERRUPT_BIND",            1, W1,      sdei_call_bind                },
	{ 0xc400002e, 0, "SDEI_INTERRUPT_RELEASE",         1, W1,      sdei_call_release             },
	{ 0xc400002f, 0, "SDEI_EVENT_SIGNAL",              2, W1,      sdei_call_signal              },
	{ 0xc4000030, 0, "SDEI_FEATURES",                  1, W1,      sdei_call_features            },
	{ 0xc4000031, 0, "SDEI_PRIVATE_RESET",             0, 0,       sdei_call_private_reset       },
	{ 0xc4000032, 0, "SDEI_SHARED_RESET",              0, 0,       sdei_call_shared_reset        },
	/* clang-format on */
};
const unsigned sdei_ncalls = ARRAY_SIZE(sdei_calls);

/* Almost any call can change what can be entered where, so the question is asked after each. */
enum fw_result sdei_call(struct fw_locked locked, struct sdei *sdei, const struct fw_call *row,
			 struct smccc *call)
{
	enum fw_result result;

	assert(call->pe < sdei->config.npe);
	if (!row)
		return sdei_return(call, SDEI_NOT_SUPPORTED);
	smccc_narrow(call, row);
	result = row->fn(locked, sdei, call);
	sdei_reroute(sdei, call->pe);
	return result;
}

/* The caller's handler of the event in x1, or NULL: no such event. */
static struct sdei_handler *named_handler(const struct sdei *sdei, const struct smccc *call)
{
	const struct sdei_event *event = sdei_lookup(sdei, call->arg[0]);

	return event ? sdei_handler_of(sdei, event, call->pe) : NULL;
}

static enum fw_result step_named(const struct sdei *sdei, struct smccc *call, enum sdei_op op)
{
	struct sdei_handler *handler = named_handler(sdei, call);

	if (!handler)
		return sdei_return(call, SDEI_INVALID_PARAMETERS);
	return sdei_return(call, sdei_step(handler, op));
}

enum fw_result sdei_call_version(struct fw_locked locked, void *self, struct smccc *call)
{
	(void)locked;
	(void)self;
	return sdei_return(call, (int64_t)(SDEI_VERSION_1_1 | SDEI_VENDOR));
}

/* Numbers of the slots for bound interrupts; relative mode is there. */
enum fw_result sdei_call_features(struct fw_locked locked, void *self, struct smccc *call)
{
	const struct sdei_config *c = &((const struct sdei *)self)->config;

	(void)locked;
	switch (call->arg[0]) {
	case FEATURE_BIND_SLOTS:
		return sdei_return(call, (int64_t)c->shared_slots << 16 | c->private_slots);
	case FEATURE_RELATIVE_MODE:
		return sdei_return(call, 1);
	default:
		return sdei_return(call, SDEI_INVALID_PARAMETERS);
	}
}

/* The address may become mapped only later, so no more than its form is judged. Zero is an address
 * like any other only if it counts from VBAR_EL1. */
static bool entry_point_valid(uint64_t ep, uint64_t flags)
{
	return ep % EP_ALIGN == 0 && (ep || flags & FLAG_RELATIVE);
}

/* A routing mode with its affinity: which PE, or SDEI_NO_PE for any. False: there is no such mode or PE. */
static bool parse_routing(const struct sdei *sdei, uint64_t mode, uint64_t affinity,
			  uint16_t *target)
{
	*target = mode == ROUTING_PE ? sdei_find_pe(sdei, affinity) : SDEI_NO_PE;
	return mode == ROUTING_ANY || *target != SDEI_NO_PE;
}

static void set_routing(struct sdei_handler *handler, uint16_t target)
{
	handler->rm_pe = target != SDEI_NO_PE;
	handler->target = target;
}

/* Routing means nothing for a private event and is not even looked at. */
enum fw_result sdei_call_register(struct fw_locked locked, void *self, struct smccc *call)
{
	const struct sdei *sdei = self;
	uint64_t ep = call->arg[1], flags = call->arg[3];
	const struct sdei_event *event = sdei_lookup(sdei, call->arg[0]);
	uint64_t mode = event && event->def.type == SDEI_SHARED ? flags & FLAG_RM_PE : ROUTING_ANY;
	struct sdei_handler *handler;
	uint16_t target;

	(void)locked;
	if (!event || flags & ~(FLAG_RM_PE | FLAG_RELATIVE) || !entry_point_valid(ep, flags) ||
	    !parse_routing(sdei, mode, call->arg[4], &target))
		return sdei_return(call, SDEI_INVALID_PARAMETERS);
	handler = sdei_handler_of(sdei, event, call->pe);
	if (sdei_step(handler, SDEI_OP_REGISTER) != SDEI_SUCCESS)
		return sdei_return(call, SDEI_DENIED);
	handler->ep = ep;
	handler->arg = call->arg[2];
	handler->relative = flags & FLAG_RELATIVE;
	set_routing(handler, target);
	return sdei_return(call, SDEI_SUCCESS);
}

enum fw_result sdei_call_enable(struct fw_locked locked, void *self, struct smccc *call)
{
	(void)locked;
	return step_named(self, call, SDEI_OP_ENABLE);
}

/* Does not stop a handler that runs, and keeps what is pending. */
enum fw_result sdei_call_disable(struct fw_locked locked, void *self, struct smccc *call)
{
	(void)locked;
	return step_named(self, call, SDEI_OP_DISABLE);
}

enum fw_result sdei_call_unregister(struct fw_locked locked, void *self, struct smccc *call)
{
	struct sdei_handler *handler = named_handler(self, call);

	(void)locked;
	if (!handler)
		return sdei_return(call, SDEI_INVALID_PARAMETERS);
	return sdei_return(call, sdei_unregister(handler));
}

enum fw_result sdei_call_status(struct fw_locked locked, void *self, struct smccc *call)
{
	const struct sdei_handler *handler = named_handler(self, call);

	(void)locked;
	return sdei_return(call, handler ? handler->state : SDEI_INVALID_PARAMETERS);
}

static int64_t routing_mode(const struct sdei *sdei, const struct sdei_event *event)
{
	const struct sdei_handler *handler;

	if (event->def.type == SDEI_PRIVATE)
		return SDEI_INVALID_PARAMETERS;
	handler = sdei_handler_of(sdei, event, 0);
	if (!(handler->state & SDEI_REGISTERED))
		return SDEI_DENIED;
	return (int64_t)(handler->rm_pe ? ROUTING_PE : ROUTING_ANY);
}

static int64_t routing_affinity(const struct sdei *sdei, const struct sdei_event *event)
{
	int64_t mode = routing_mode(sdei, event);

	if (mode < 0)
		return mode;
	if (mode == ROUTING_ANY)
		return SDEI_INVALID_PARAMETERS;
	return (int64_t)sdei->config.mpidr[sdei_handler_of(sdei, event, 0)->target];
}

enum fw_result sdei_call_get_info(struct fw_locked locked, void *self, struct smccc *call)
{
	const struct sdei *sdei = self;
	const struct sdei_event *event = sdei_lookup(sdei, call->arg[0]);

	(void)locked;
	if (!event)
		return sdei_return(call, SDEI_INVALID_PARAMETERS);
	switch (call->arg[1]) {
	case INFO_TYPE:
		return sdei_return(call, event->def.type);
	case INFO_SIGNAL:
		return sdei_return(call, event->def.num == SDEI_EVENT_SIGNALLED
						 ? CAN_BE_SIGNALLED
						 : CANNOT_BE_SIGNALLED);
	case INFO_PRIORITY:
		return sdei_return(call, event->def.priority);
	case INFO_ROUTING_MODE:
		return sdei_return(call, routing_mode(sdei, event));
	case INFO_ROUTING_AFFINITY:
		return sdei_return(call, routing_affinity(sdei, event));
	default:
		return sdei_return(call, SDEI_INVALID_PARAMETERS);
	}
}

enum fw_result sdei_call_routing_set(struct fw_locked locked, void *self, struct smccc *call)
{
	const struct sdei *sdei = self;
	const struct sdei_event *event = sdei_lookup(sdei, call->arg[0]);
	uint64_t mode = call->arg[1];
	struct sdei_handler *handler;
	uint16_t target;

	(void)locked;
	if (!event || event->def.type == SDEI_PRIVATE ||
	    !parse_routing(sdei, mode, call->arg[2], &target))
		return sdei_return(call, SDEI_INVALID_PARAMETERS);
	handler = sdei_handler_of(sdei, event, call->pe);
	if (sdei_step(handler, SDEI_OP_ROUTING_SET) != SDEI_SUCCESS)
		return sdei_return(call, SDEI_DENIED);
	set_routing(handler, target);
	return sdei_return(call, SDEI_SUCCESS);
}
