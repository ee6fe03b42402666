/*
 * rasvm's own calls: a guest triggers SDEI events and sets the period of the SDEI watchdog.
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

const struct fw_call vendor_calls[] = {
	/* clang-format off */
	{ VENDOR_SDEI_TRIGGER,  0, "RASVM_SDEI_TRIGGER",  2, 0, call_sdei_trigger  },
	{ VENDOR_SDEI_WATCHDOG, 0, "RASVM_SDEI_WATCHDOG", 1, 0, call_sdei_watchdog },
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
