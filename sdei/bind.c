/*
 * SDEI: INTERRUPT_BIND and INTERRUPT_RELEASE. An interrupt of the client becomes an event: each
 * slot, with its number, stands for one interrupt, of a PE's own (PPI) or of all PEs (SPI).
 *
 * Source: Arm DEN0054C sections 4.6 and 5.1.14, 5.1.15; INTID ranges from Arm IHI0069 (GIC).
 * State: intid and level of a slot, under the firmware lock. Which interrupts may be bound, and the
 * lines, are the world's (struct sdei_ops).
 * Left out: SGIs, extended ranges and LPIs cannot be bound.
 */
#include <stddef.h>

#include "sdei/sdei_private.h"

#define INTID_FIRST 16u   /* SGIs are below */
#define INTID_LAST  1019u /* special numbers and further ranges are above */

static struct sdei_event *free_slot(struct sdei *sdei, enum sdei_type type)
{
	for (unsigned i = 0; i < sdei->nevents; i++) {
		struct sdei_event *event = &sdei->event[i];

		if (event->slot && !event->intid && event->def.type == type)
			return event;
	}
	return NULL;
}

/* The event for an interrupt that has none: its number, or an error. */
static int64_t bind(struct sdei *sdei, uint32_t intid, unsigned pe)
{
	const struct sdei_config *c = &sdei->config;
	struct sdei_irq irq = { 0 };
	struct sdei_event *slot;
	int64_t result = c->ops->irq_bind(c->world, intid, pe, &irq);

	if (result != SDEI_SUCCESS)
		return result;
	slot = free_slot(sdei, irq.shared ? SDEI_SHARED : SDEI_PRIVATE);
	if (!slot) {
		c->ops->irq_release(c->world, intid);
		return SDEI_OUT_OF_RESOURCE;
	}
	slot->intid = intid;
	slot->level = irq.level;
	return slot->def.num;
}

enum fw_result sdei_call_bind(struct fw_locked locked, void *self, struct smccc *call)
{
	struct sdei *sdei = self;
	uint64_t intid = call->arg[0];
	const struct sdei_event *bound = sdei_lookup_bound(sdei, intid);

	(void)locked;
	if (bound)
		return sdei_return(call, bound->def.num);
	if (intid < INTID_FIRST || intid > INTID_LAST || !sdei->config.ops->irq_bind)
		return sdei_return(call, SDEI_INVALID_PARAMETERS);
	return sdei_return(call, bind(sdei, (uint32_t)intid, call->pe));
}

/* The number is unknown from here on. Unless unregistered on every PE it must stay. */
static int64_t release(struct sdei *sdei, struct sdei_event *slot)
{
	const struct sdei_config *c = &sdei->config;
	uint32_t intid = slot->intid;

	for (unsigned pe = 0; pe < sdei_nhandlers_of(sdei, slot); pe++)
		if (sdei_next_state(sdei_handler_of(sdei, slot, pe)->state, SDEI_OP_RELEASE)
			    .result != SDEI_SUCCESS)
			return SDEI_DENIED;
	slot->intid = 0;
	slot->level = false;
	c->ops->irq_release(c->world, intid);
	return SDEI_SUCCESS;
}

enum fw_result sdei_call_release(struct fw_locked locked, void *self, struct smccc *call)
{
	struct sdei *sdei = self;
	const struct sdei_event *event = sdei_lookup(sdei, call->arg[0]);

	(void)locked;
	if (!event || !event->slot)
		return sdei_return(call, SDEI_INVALID_PARAMETERS);
	return sdei_return(call, release(sdei, sdei_lookup_bound(sdei, event->intid)));
}

int64_t sdei_release_all(struct sdei *sdei)
{
	int64_t result = SDEI_SUCCESS;

	for (unsigned i = 0; i < sdei->nevents; i++)
		if (sdei->event[i].intid && release(sdei, &sdei->event[i]) != SDEI_SUCCESS)
			result = SDEI_DENIED;
	return result;
}

uint32_t sdei_bound_event(struct fw_locked locked, const struct sdei *sdei, uint32_t intid)
{
	(void)locked;
	for (unsigned i = 0; i < sdei->nevents; i++)
		if (sdei->event[i].intid && sdei->event[i].intid == intid)
			return sdei->event[i].def.num;
	return SDEI_NO_EVENT;
}
