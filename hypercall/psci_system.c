/*
 * PSCI: the machine as a whole. SYSTEM_OFF, SYSTEM_RESET, their second editions, memory protection.
 *
 * Source: Arm DEN0022F.b section 5, the functions named.
 * State: psci->mem_protect, under the firmware lock. The calls only say what is to happen; whoever
 * owns the machine stops the PEs and does it.
 * Left out: vendor-specific reset types (bit 31 of the type); there are none.
 */
#include "hypercall/psci_private.h"

#define RESET_WARM        0u
#define OFF_HIBERNATE_OLD 0u /* the first edition of 1.3 numbered the only type 0 */
#define OFF_HIBERNATE     1u

enum fw_result psci_call_system_off(struct fw_locked locked, void *self, struct smccc *call)
{
	(void)locked;
	(void)self;
	(void)call;
	return FW_SYSTEM_OFF;
}

enum fw_result psci_call_system_reset(struct fw_locked locked, void *self, struct smccc *call)
{
	(void)locked;
	(void)self;
	(void)call;
	return FW_SYSTEM_RESET;
}

/* The cookie has a meaning for vendor types only. */
enum fw_result psci_call_system_reset2(struct fw_locked locked, void *self, struct smccc *call)
{
	(void)locked;
	(void)self;
	if ((uint32_t)call->arg[0] != RESET_WARM)
		return psci_return(call, PSCI_INVALID_PARAMETERS);
	return FW_WARM_RESET;
}

/* The cookie must be zero. */
enum fw_result psci_call_system_off2(struct fw_locked locked, void *self, struct smccc *call)
{
	uint32_t type = (uint32_t)call->arg[0];

	(void)locked;
	(void)self;
	if ((type != OFF_HIBERNATE_OLD && type != OFF_HIBERNATE) || call->arg[1])
		return psci_return(call, PSCI_INVALID_PARAMETERS);
	return FW_HIBERNATE_OFF;
}

/* Returns the previous setting. */
enum fw_result psci_call_mem_protect(struct fw_locked locked, void *self, struct smccc *call)
{
	struct psci *psci = self;
	bool was = psci->mem_protect;

	(void)locked;
	psci->mem_protect = call->arg[0] != 0;
	return psci_return(call, was);
}

enum fw_result psci_call_mem_check_range(struct fw_locked locked, void *self, struct smccc *call)
{
	const struct psci *psci = self;

	(void)locked;
	if (!psci_in_ram(psci, call->arg[0], call->arg[1]))
		return psci_return(call, PSCI_DENIED);
	return psci_return(call, PSCI_SUCCESS);
}

bool psci_mem_protect(struct fw_locked locked, const struct psci *psci)
{
	(void)locked;
	return psci->mem_protect;
}
