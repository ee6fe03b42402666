/*
 * rasvm's own calls: a guest triggers SDEI events, sets the period of the SDEI watchdog, reports results and
 * ends the run.
 *
 * Source: vendor.h, which is their definition; Arm DEN0028 for the range of the vendor specific
 * hypervisor services.
 * Holds no state. Left out: SMC32 forms; the calls have 64-bit arguments only.
 */
#include "hypercall/vendor.h"

#include <stddef.h>

#include "lib/types.h"

#define NS_PER_MS UINT64_C(1000000)

static enum fw_result vendor_return(struct smccc *call, int64_t ret)
{
	call->ret = ret;
	return FW_RETURN;
}

static enum fw_result call_sdei_trigger(struct fw_locked locked, void *self, struct smccc *call)
{
	const struct vendor *v = self;

	if (!v->ops->sdei_trigger)
		return vendor_return(call, VENDOR_NOT_SUPPORTED);
	return vendor_return(call,
			     v->ops->sdei_trigger(locked, v->world, call->arg[0], call->arg[1]));
}

static enum fw_result call_sdei_watchdog(struct fw_locked locked, void *self, struct smccc *call)
{
	const struct vendor *v = self;
	uint64_t period_ms = call->arg[0];

	if (!v->ops->sdei_watchdog)
		return vendor_return(call, VENDOR_NOT_SUPPORTED);
	if (period_ms > VENDOR_MAX_PERIOD_MS)
		return vendor_return(call, VENDOR_INVALID_PARAMETERS);
	return vendor_return(call, v->ops->sdei_watchdog(locked, v->world, period_ms * NS_PER_MS));
}

/* The guest's memory is read once; from then on only the copy counts. */
static enum fw_result call_say(struct fw_locked locked, void *self, struct smccc *call)
{
	const struct vendor *v = self;
	char text[VENDOR_TEXT_BYTES + 1];
	uint64_t n = call->arg[1];

	if (!v->ops->said)
		return vendor_return(call, VENDOR_NOT_SUPPORTED);
	if (n == 0 || n > VENDOR_TEXT_BYTES ||
	    v->ops->read(locked, v->world, call->arg[0], text, (uint32_t)n))
		return vendor_return(call, VENDOR_INVALID_PARAMETERS);
	for (uint64_t i = 0; i < n; i++)
		if (text[i] < ' ' || text[i] > '~')
			text[i] = '?';
	text[n] = '\0';
	v->ops->said(locked, v->world, call->fid, call->pe, text);
	return vendor_return(call, VENDOR_SUCCESS);
}

static enum fw_result call_exit(struct fw_locked locked, void *self, struct smccc *call)
{
	const struct vendor *v = self;

	(void)locked;
	if (!v->ops->said)
		return vendor_return(call, VENDOR_NOT_SUPPORTED);
	return FW_GUEST_EXIT;
}

const struct fw_call vendor_calls[] = {
	/* clang-format off */
	{ VENDOR_SDEI_TRIGGER,  0, "RASVM_SDEI_TRIGGER",  2, 0, call_sdei_trigger  },
	{ VENDOR_SDEI_WATCHDOG, 0, "RASVM_SDEI_WATCHDOG", 1, 0, call_sdei_watchdog },
	{ VENDOR_PASS,          0, "RASVM_PASS",          2, 0, call_say           },
	{ VENDOR_FAIL,          0, "RASVM_FAIL",          2, 0, call_say           },
	{ VENDOR_MARK,          0, "RASVM_MARK",          2, 0, call_say           },
	{ VENDOR_EXIT,          0, "RASVM_EXIT",          1, 0, call_exit          },
	/* clang-format on */
};
const unsigned vendor_ncalls = ARRAY_SIZE(vendor_calls);

enum fw_result vendor_call(struct fw_locked locked, struct vendor *vendor,
			   const struct fw_call *row, struct smccc *call)
{
	if (!row)
		return vendor_return(call, VENDOR_NOT_SUPPORTED);
	return row->fn(locked, vendor, call);
}
