/*
 * SDEI: the client's resets, and what the power states of a PE mean for its events.
 *
 * Source: Arm DEN0054C section 5.1.18, 5.1.19 (the calls) and 5.5 (power states).
 * State: struct sdei, under the firmware lock.
 */
#include "sdei/sdei_private.h"

/* Unregister all events of one type, those of one PE if private, and drop what is pending. DENIED
 * if the handler of any runs: it is unregistered when it completes. */
static int64_t unregister_all(struct sdei *sdei, enum sdei_type type, unsigned pe)
{
	int64_t result = SDEI_SUCCESS;

	for (unsigned i = 0; i < sdei->nevents; i++) {
		const struct sdei_event *event = &sdei->event[i];
		struct sdei_handler *handler;

		if (event->def.type != type)
			continue;
		handler = sdei_handler_of(sdei, event, pe);
		handler->pending = false;
		if (sdei_unregister(handler) == SDEI_PENDING)
			result = SDEI_DENIED;
	}
	return result;
}

enum fw_result sdei_call_private_reset(struct fw_locked locked, void *self, struct smccc *call)
{
	(void)locked;
	return sdei_return(call, unregister_all(self, SDEI_PRIVATE, call->pe));
}

/* Bindings stay, all of them, while a shared handler runs. */
enum fw_result sdei_call_shared_reset(struct fw_locked locked, void *self, struct smccc *call)
{
	struct sdei *sdei = self;

	(void)locked;
	if (unregister_all(sdei, SDEI_SHARED, call->pe) != SDEI_SUCCESS)
		return sdei_return(call, SDEI_DENIED);
	return sdei_return(call, sdei_release_all(sdei));
}

/* ---- power ---- */

void sdei_pe_on(struct fw_locked locked, struct sdei *sdei, unsigned pe)
{
	(void)locked;
	sdei->pe[pe].on = true;
	sdei->pe[pe].masked = true;
	sdei_reroute(sdei, pe);
}

void sdei_pe_resumed(struct fw_locked locked, struct sdei *sdei, unsigned pe)
{
	(void)locked;
	sdei->pe[pe].masked = true;
	sdei_reroute(sdei, pe);
}

void sdei_pe_off(struct fw_locked locked, struct sdei *sdei, unsigned pe)
{
	(void)locked;
	while (sdei->pe[pe].depth)
		(void)sdei_end(sdei, pe, (struct sdei_note){ .kind = SDEI_NOTE_ENDED });
	(void)unregister_all(sdei, SDEI_PRIVATE, pe);
	sdei->pe[pe].on = false;
	sdei->pe[pe].masked = true;
	sdei_reroute(sdei, pe);
}
