/* SDEI client calls (Arm DEN0054C 5.1) through the run's conduit. No state. */
#include "guest/lib/sdei.h"

#include "guest/lib/cpu.h"
#include "guest/lib/smccc.h"

int64_t sdei_call(uint64_t fid, uint64_t x1, uint64_t x2, uint64_t x3, uint64_t x4, uint64_t x5)
{
	struct smccc_regs regs = { { fid, x1, x2, x3, x4, x5 } };

	smccc_raw(&regs, machine.conduit == CONDUIT_SMC ? CALL_SMC0 : CALL_HVC0);
	return (int64_t)regs.x[0];
}

int64_t sdei_version(void)
{
	return smccc(SDEI_FID_VERSION, 0, 0, 0);
}

int64_t sdei_register(uint64_t event, uint64_t ep, uint64_t arg, uint64_t flags, uint64_t affinity)
{
	return sdei_call(SDEI_FID_REGISTER, event, ep, arg, flags, affinity);
}

int64_t sdei_enable(uint64_t event)
{
	return smccc(SDEI_FID_ENABLE, event, 0, 0);
}

int64_t sdei_disable(uint64_t event)
{
	return smccc(SDEI_FID_DISABLE, event, 0, 0);
}

int64_t sdei_context(uint64_t param)
{
	return smccc(SDEI_FID_CONTEXT, param, 0, 0);
}

int64_t sdei_unregister(uint64_t event)
{
	return smccc(SDEI_FID_UNREGISTER, event, 0, 0);
}

int64_t sdei_status(uint64_t event)
{
	return smccc(SDEI_FID_STATUS, event, 0, 0);
}

int64_t sdei_info(uint64_t event, uint64_t info)
{
	return smccc(SDEI_FID_GET_INFO, event, info, 0);
}

int64_t sdei_routing_set(uint64_t event, uint64_t mode, uint64_t affinity)
{
	return smccc(SDEI_FID_ROUTING_SET, event, mode, affinity);
}

int64_t sdei_pe_mask(void)
{
	return smccc(SDEI_FID_PE_MASK, 0, 0, 0);
}

int64_t sdei_pe_unmask(void)
{
	return smccc(SDEI_FID_PE_UNMASK, 0, 0, 0);
}

int64_t sdei_bind(uint64_t intid)
{
	return smccc(SDEI_FID_BIND, intid, 0, 0);
}

int64_t sdei_release(uint64_t event)
{
	return smccc(SDEI_FID_RELEASE, event, 0, 0);
}

int64_t sdei_signal(uint64_t mpidr)
{
	return smccc(SDEI_FID_SIGNAL, SDEI_EVENT_SIGNALLED, mpidr, 0);
}

int64_t sdei_features(uint64_t feature)
{
	return smccc(SDEI_FID_FEATURES, feature, 0, 0);
}

int64_t sdei_private_reset(void)
{
	return smccc(SDEI_FID_PRIVATE_RESET, 0, 0, 0);
}

int64_t sdei_shared_reset(void)
{
	return smccc(SDEI_FID_SHARED_RESET, 0, 0, 0);
}

int64_t vendor_trigger(uint64_t event, uint64_t mpidr)
{
	return smccc(VENDOR_FID_SDEI_TRIGGER, event, mpidr, 0);
}
