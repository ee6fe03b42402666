/*
 * SDEI: the machine's events, their handlers, and the life of the service.
 *
 * Source: Arm DEN0054C section 4.1 (event numbers) and 4.4 (private and shared events).
 * State: struct sdei, owned by the caller, under the firmware lock. The list of events is made once;
 * only which slot is bound to which interrupt changes (bind.c).
 */
#include <errno.h>
#include <stdlib.h>

#include "lib/types.h"
#include "sdei/sdei_private.h"

/* An index of the first event whose number is not below `num`. */
static unsigned lower_bound(const struct sdei *sdei, uint64_t num)
{
	unsigned low = 0, high = sdei->nevents;

	while (low < high) {
		unsigned middle = low + (high - low) / 2;

		if (sdei->event[middle].def.num < num)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct sdei_event *sdei_lookup(const struct sdei *sdei, uint64_t num)
{
	unsigned i = lower_bound(sdei, num);
	const struct sdei_event *event = &sdei->event[i];

	if (i == sdei->nevents || event->def.num != num)
		return NULL;
	return event->slot && !event->intid ? NULL : event;
}

struct sdei_event *sdei_lookup_bound(struct sdei *sdei, uint64_t intid)
{
	for (unsigned i = 0; i < sdei->nevents; i++)
		if (sdei->event[i].intid && sdei->event[i].intid == intid)
			return &sdei->event[i];
	return NULL;
}

unsigned sdei_nhandlers_of(const struct sdei *sdei, const struct sdei_event *event)
{
	return event->def.type == SDEI_PRIVATE ? sdei->config.npe : 1;
}

uint16_t sdei_find_pe(const struct sdei *sdei, uint64_t mpidr)
{
	/* No PE has a bit outside the affinity fields, so a guest's value with one matches none. */
	for (unsigned i = 0; i < sdei->config.npe; i++)
		if (sdei->config.mpidr[i] == mpidr)
			return (uint16_t)i;
	return SDEI_NO_PE;
}

int64_t sdei_step(struct sdei_handler *handler, enum sdei_op op)
{
	struct sdei_step step = sdei_next_state(handler->state, op);

	handler->state = step.next;
	return step.result;
}

void sdei_forget(struct sdei_handler *handler)
{
	*handler = (struct sdei_handler){
		.target = SDEI_NO_PE,
		.runner = SDEI_NO_PE,
		.asked = SDEI_NO_PE,
	};
}

int64_t sdei_unregister(struct sdei_handler *handler)
{
	struct sdei_step step = sdei_next_state(handler->state, SDEI_OP_UNREGISTER);
	uint16_t runner = handler->runner;

	if (step.result == SDEI_DENIED)
		return SDEI_DENIED;
	sdei_forget(handler);
	handler->state = step.next;
	handler->runner = runner;
	return step.result;
}

void sdei_tell(const struct sdei *sdei, const struct sdei_note *note)
{
	if (sdei->config.ops->note)
		sdei->config.ops->note(sdei->config.world, note);
}

const struct sdei_event_def *sdei_find(struct fw_locked locked, const struct sdei *sdei,
				       uint32_t num)
{
	const struct sdei_event *event = sdei_lookup(sdei, num);

	(void)locked;
	return event ? &event->def : NULL;
}

unsigned sdei_status(struct fw_locked locked, const struct sdei *sdei, uint32_t num, unsigned pe)
{
	const struct sdei_event *event = sdei_lookup(sdei, num);

	(void)locked;
	if (!event || (event->def.type == SDEI_PRIVATE && pe >= sdei->config.npe))
		return 0;
	return sdei_handler_of(sdei, event, pe)->state;
}

/* ---- the list of events ---- */

static bool in_slots(const struct sdei_config *c, uint32_t num)
{
	return num >= c->slot_base && num - c->slot_base < c->private_slots + c->shared_slots;
}

static bool vendor_number(uint64_t num)
{
	return num >= SDEI_EVENT_VENDOR_BASE && num <= SDEI_EVENT_VENDOR_LAST;
}

static int check_sizes(const struct sdei_config *c, struct err *err)
{
	uint64_t slots = (uint64_t)c->private_slots + c->shared_slots;

	if (!c->npe || c->npe > SDEI_MAX_PES)
		return err_set(err, -EINVAL, "SDEI serves 1 to %d PEs, not %u", SDEI_MAX_PES,
			       c->npe);
	if (UINT64_C(1) + c->nevents + slots > SDEI_MAX_EVENTS)
		return err_set(err, -EINVAL,
			       "%u SDEI events and %llu slots for bound interrupts are more than "
			       "the %d that fit beside event 0",
			       c->nevents, (unsigned long long)slots, SDEI_MAX_EVENTS - 1);
	if (slots && !(vendor_number(c->slot_base) && vendor_number(c->slot_base + slots - 1)))
		return err_set(err, -EINVAL,
			       "SDEI slots from 0x%x are not all vendor events (0x%x to 0x%x)",
			       c->slot_base, SDEI_EVENT_VENDOR_BASE, SDEI_EVENT_VENDOR_LAST);
	return 0;
}

static int check_event(const struct sdei_config *c, unsigned i, struct err *err)
{
	uint32_t num = c->events[i].num;

	if (!vendor_number(num))
		return err_set(err, -EINVAL, "SDEI event 0x%x is not a vendor event (0x%x to 0x%x)",
			       num, SDEI_EVENT_VENDOR_BASE, SDEI_EVENT_VENDOR_LAST);
	if (in_slots(c, num))
		return err_set(err, -EINVAL,
			       "SDEI event 0x%x is kept for bound interrupts: use another number",
			       num);
	for (unsigned j = 0; j < i; j++)
		if (c->events[j].num == num)
			return err_set(err, -EINVAL, "SDEI event 0x%x is defined twice", num);
	return 0;
}

static int check_config(const struct sdei_config *c, struct err *err)
{
	int rc = check_sizes(c, err);

	for (unsigned i = 0; !rc && i < c->nevents; i++)
		rc = check_event(c, i, err);
	return rc;
}

/* Insert by number. */
static void add_event(struct sdei *sdei, struct sdei_event_def def, bool slot)
{
	unsigned at = lower_bound(sdei, def.num);

	for (unsigned i = sdei->nevents++; i > at; i--)
		sdei->event[i] = sdei->event[i - 1];
	sdei->event[at] = (struct sdei_event){ .def = def, .slot = slot };
}

static void add_slots(struct sdei *sdei)
{
	const struct sdei_config *c = &sdei->config;

	for (unsigned i = 0; i < c->private_slots + c->shared_slots; i++) {
		struct sdei_event_def def = {
			.num = c->slot_base + i,
			.type = i < c->private_slots ? SDEI_PRIVATE : SDEI_SHARED,
			.priority = SDEI_NORMAL,
		};

		add_event(sdei, def, true);
	}
}

static void number_handlers(struct sdei *sdei)
{
	for (unsigned i = 0; i < sdei->nevents; i++) {
		sdei->event[i].handler = sdei->nhandlers;
		sdei->nhandlers += sdei_nhandlers_of(sdei, &sdei->event[i]);
	}
}

static void list_events(struct sdei *sdei)
{
	const struct sdei_event_def signalled = { SDEI_EVENT_SIGNALLED, SDEI_PRIVATE, SDEI_NORMAL };

	add_event(sdei, signalled, false);
	for (unsigned i = 0; i < sdei->config.nevents; i++)
		add_event(sdei, sdei->config.events[i], false);
	add_slots(sdei);
	sdei->config.events = NULL; /* copied */
	number_handlers(sdei);
}

static void reset_state(struct sdei *sdei)
{
	for (unsigned i = 0; i < sdei->nhandlers; i++)
		sdei_forget(&sdei->handler[i]);
	for (unsigned i = 0; i < sdei->config.npe; i++)
		sdei->pe[i] = (struct sdei_pe){ .on = false, .masked = true };
}

int sdei_init(struct sdei *sdei, const struct sdei_config *config, struct err *err)
{
	int rc = check_config(config, err);

	*sdei = (struct sdei){ 0 };
	if (rc)
		return rc;
	sdei->config = *config;
	list_events(sdei);
	sdei->handler = calloc(sdei->nhandlers, sizeof(*sdei->handler));
	sdei->pe = calloc(config->npe, sizeof(*sdei->pe));
	if (!sdei->handler || !sdei->pe) {
		sdei_destroy(sdei);
		return err_set(err, -ENOMEM, "no memory for %u SDEI handlers", sdei->nhandlers);
	}
	reset_state(sdei);
	return 0;
}

void sdei_destroy(struct sdei *sdei)
{
	free(sdei->handler);
	free(sdei->pe);
	sdei->handler = NULL;
	sdei->pe = NULL;
}

void sdei_reset(struct fw_locked locked, struct sdei *sdei)
{
	(void)locked;
	reset_state(sdei);
	(void)sdei_release_all(sdei);
}
