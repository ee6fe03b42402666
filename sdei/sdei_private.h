/*
 * What the files of the SDEI service share: state.c (transition table), event.c (events, handlers,
 * life of the service), calls.c (table of calls, the simple ones), dispatch.c (which event goes
 * where), entry.c (into a handler and out of it), bind.c (interrupts), reset.c (resets and power).
 * Nobody else includes this.
 */
#ifndef SDEI_SDEI_PRIVATE_H
#define SDEI_SDEI_PRIVATE_H

#include "sdei/sdei.h"

/* The calls, one a function of the specification; `self` is the struct sdei. */
fw_fn sdei_call_version;
fw_fn sdei_call_register;
fw_fn sdei_call_enable;
fw_fn sdei_call_disable;
fw_fn sdei_call_unregister;
fw_fn sdei_call_status;
fw_fn sdei_call_get_info;
fw_fn sdei_call_routing_set;
fw_fn sdei_call_features;
/* dispatch.c */
fw_fn sdei_call_pe_mask;
fw_fn sdei_call_pe_unmask;
fw_fn sdei_call_signal;
/* entry.c */
fw_fn sdei_call_context;
fw_fn sdei_call_complete;
fw_fn sdei_call_complete_and_resume;
/* bind.c */
fw_fn sdei_call_bind;
fw_fn sdei_call_release;
/* reset.c */
fw_fn sdei_call_private_reset;
fw_fn sdei_call_shared_reset;

static inline enum fw_result sdei_return(struct smccc *call, int64_t value)
{
	call->ret = value;
	return FW_RETURN;
}

/* event.c. A guest's event number, all 64 bits of it, or NULL: no such event now. */
const struct sdei_event *sdei_lookup(const struct sdei *sdei, uint64_t num);

/* The event bound to an interrupt, or NULL. */
struct sdei_event *sdei_lookup_bound(struct sdei *sdei, uint64_t intid);

/* The handler of a shared event, or of a private one on `pe`. Here, because every call asks it of
 * every event. */
static inline struct sdei_handler *sdei_handler_of(const struct sdei *sdei,
						   const struct sdei_event *event, unsigned pe)
{
	return &sdei->handler[event->handler + (event->def.type == SDEI_PRIVATE ? pe : 0)];
}

/* How many handlers the event has: one, or one for each PE. Use as PE 0 to n - 1. */
unsigned sdei_nhandlers_of(const struct sdei *sdei, const struct sdei_event *event);

/* Index of the PE with this affinity, all 64 bits of it, or SDEI_NO_PE. */
uint16_t sdei_find_pe(const struct sdei *sdei, uint64_t mpidr);

/* Look the operation up and commit it. */
int64_t sdei_step(struct sdei_handler *handler, enum sdei_op op);

/* UNREGISTER: SUCCESS, PENDING or DENIED. What is left is the state and the runner. */
int64_t sdei_unregister(struct sdei_handler *handler);

/* Forget all about a handler. */
void sdei_forget(struct sdei_handler *handler);

void sdei_tell(const struct sdei *sdei, const struct sdei_note *note);

/* dispatch.c. Something happened on `pe` (a call, its power) that may have made events eligible, or
 * a PE that was asked ineligible: ask again where needed. */
void sdei_reroute(struct sdei *sdei, unsigned pe);

/* entry.c. Enter the event's handler on `pe`, which is known to be right; false, with nothing done,
 * if a register is missing that this needs. */
bool sdei_enter(struct sdei *sdei, const struct sdei_event *event, unsigned pe);

/* The innermost frame or NULL. */
const struct sdei_frame *sdei_innermost(const struct sdei_pe *pe);

/* End the innermost handler, of which there is one. Returns its frame; `note` is passed on with
 * event, PE and depth filled in. */
struct sdei_frame sdei_end(struct sdei *sdei, unsigned pe, struct sdei_note note);

/* bind.c. Give every bound interrupt back whose event has no handler left: SUCCESS, or DENIED if
 * some had to stay. */
int64_t sdei_release_all(struct sdei *sdei);

#endif
