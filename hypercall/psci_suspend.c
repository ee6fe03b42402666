/*
 * PSCI: suspending. CPU_SUSPEND, CPU_DEFAULT_SUSPEND, SYSTEM_SUSPEND, the choice between platform
 * coordinated and OS-initiated mode, and the statistics.
 *
 * Source: Arm DEN0022F.b 4.2 (coordination) and section 5, the functions named; power_state in the
 * original format.
 * State: struct psci_pe, under the firmware lock. Here a PE becomes suspended; its thread waits for
 * the wake event and then calls psci_wake().
 * Left out: coordination has no effect on an emulated cluster, so a request for the cluster is
 * never downgraded and counts as the state it named.
 */
#include "hypercall/psci_private.h"

#include <stddef.h>

#define MODE_PLATFORM_COORDINATED 0u
#define MODE_OS_INITIATED         1u

/* CPU_DEFAULT_SUSPEND takes the deepest state that does not depend on other PEs. */
#define DEFAULT_STATE 1u

#define CLUSTER_MASK (PSCI_AFFINITY_MASK & ~UINT64_C(0xff))

/* power_state, original format: [25:24] level, [16] power-down, [15:0] state id. */
const struct psci_power_state psci_power_states[] = {
	/* clang-format off */
	{ "cpu-standby",       0x00000000, 0, false, 10,  10,   100  },
	{ "cpu-powerdown",     0x00010000, 0, true,  300, 600,  2000 },
	{ "cluster-powerdown", 0x01010000, 1, true,  500, 1000, 5000 },
	/* clang-format on */
};
const unsigned psci_npower_states = ARRAY_SIZE(psci_power_states);

_Static_assert(ARRAY_SIZE(psci_power_states) <= PSCI_MAX_POWER_STATES,
	       "statistics have a row each");

/* Row of the table, or -1: a state that is not listed or has a reserved bit set. */
static int find_state(uint32_t power_state)
{
	for (unsigned i = 0; i < psci_npower_states; i++)
		if (psci_power_states[i].power_state == power_state)
			return (int)i;
	return -1;
}

static bool is_running(const struct psci_pe *pe)
{
	return pe->power != PSCI_PE_OFF && pe->suspend == PSCI_RUNNING;
}

static bool last_in_cluster(const struct psci *psci, const struct psci_pe *self)
{
	for (unsigned i = 0; i < psci->config.npe; i++) {
		const struct psci_pe *other = &psci->pe[i];
		bool same_cluster = !((other->mpidr ^ self->mpidr) & CLUSTER_MASK);

		if (other != self && same_cluster && is_running(other))
			return false;
	}
	return true;
}

static enum fw_result begin_suspend(struct psci_pe *pe, enum psci_suspend kind,
				    struct psci_entry entry, uint64_t now_ns)
{
	pe->suspend = kind;
	pe->entry = entry;
	pe->suspended_at_ns = now_ns;
	return FW_PE_SUSPEND;
}

/* A standby state has no use for the entry point and does not look at it. */
enum fw_result psci_call_cpu_suspend(struct fw_locked locked, void *self, struct smccc *call)
{
	struct psci *psci = self;
	struct psci_pe *pe = &psci->pe[call->pe];
	int row = find_state((uint32_t)call->arg[0]);
	int64_t bad_entry = psci_check_entry(psci, call->arg[1]);

	(void)locked;
	if (row < 0)
		return psci_return(call, PSCI_INVALID_PARAMETERS);
	if (psci_power_states[row].powerdown && bad_entry)
		return psci_return(call, bad_entry);
	if (psci->osi && psci_power_states[row].level > 0 && !last_in_cluster(psci, pe))
		return psci_return(call, PSCI_DENIED);
	psci->suspended_since_mode = true;
	pe->suspend_state = (unsigned)row;
	return begin_suspend(pe, psci_power_states[row].powerdown ? PSCI_POWERDOWN : PSCI_STANDBY,
			     psci_entry_of(call, 1), call->now_ns);
}

enum fw_result psci_call_cpu_default_suspend(struct fw_locked locked, void *self,
					     struct smccc *call)
{
	struct psci *psci = self;
	struct psci_pe *pe = &psci->pe[call->pe];
	int64_t bad_entry = psci_check_entry(psci, call->arg[0]);

	(void)locked;
	if (bad_entry)
		return psci_return(call, bad_entry);
	pe->suspend_state = DEFAULT_STATE;
	return begin_suspend(pe, PSCI_POWERDOWN, psci_entry_of(call, 0), call->now_ns);
}

/* A suspended PE is not OFF, and one that is ON_PENDING is not any more. */
enum fw_result psci_call_system_suspend(struct fw_locked locked, void *self, struct smccc *call)
{
	struct psci *psci = self;
	int64_t bad_entry = psci_check_entry(psci, call->arg[0]);

	(void)locked;
	if (bad_entry)
		return psci_return(call, bad_entry);
	if (!psci_others_off(psci, call->pe))
		return psci_return(call, PSCI_DENIED);
	return begin_suspend(&psci->pe[call->pe], PSCI_SYSTEM_SUSPENDED, psci_entry_of(call, 0),
			     call->now_ns);
}

static void account(struct psci_pe *pe, uint64_t now_ns)
{
	pe->stat_count[pe->suspend_state]++;
	if (now_ns > pe->suspended_at_ns)
		pe->stat_residency_ns[pe->suspend_state] += now_ns - pe->suspended_at_ns;
}

bool psci_wake(struct fw_locked locked, struct psci *psci, unsigned pe, uint64_t now_ns,
	       struct psci_entry *entry)
{
	struct psci_pe *self = &psci->pe[pe];
	enum psci_suspend was = self->suspend;

	(void)locked;
	self->suspend = PSCI_RUNNING;
	if (was == PSCI_STANDBY || was == PSCI_POWERDOWN)
		account(self, now_ns);
	if (was != PSCI_POWERDOWN && was != PSCI_SYSTEM_SUSPENDED)
		return false;
	*entry = self->entry;
	return true;
}

static bool any_suspended(const struct psci *psci)
{
	for (unsigned i = 0; i < psci->config.npe; i++)
		if (psci->pe[i].suspend != PSCI_RUNNING)
			return true;
	return false;
}

static bool mode_change_allowed(const struct psci *psci, uint32_t mode, unsigned pe)
{
	if (mode == MODE_PLATFORM_COORDINATED)
		return psci_others_off(psci, pe);
	return !psci->suspended_since_mode && !any_suspended(psci);
}

/* Asking for the present mode is no change and always allowed. */
enum fw_result psci_call_set_suspend_mode(struct fw_locked locked, void *self, struct smccc *call)
{
	struct psci *psci = self;
	uint32_t mode = (uint32_t)call->arg[0];

	(void)locked;
	if (mode > MODE_OS_INITIATED)
		return psci_return(call, PSCI_INVALID_PARAMETERS);
	if (psci->osi == (mode == MODE_OS_INITIATED))
		return psci_return(call, PSCI_SUCCESS);
	if (!mode_change_allowed(psci, mode, call->pe))
		return psci_return(call, PSCI_DENIED);
	psci->osi = mode == MODE_OS_INITIATED;
	psci->suspended_since_mode = false;
	return psci_return(call, PSCI_SUCCESS);
}

/* A result as wide as the convention of the call: SMC32 returns W0. */
static int64_t result_of(const struct smccc *call, uint64_t value)
{
	return (int64_t)(call->fid & SMCCC_64BIT ? value : (uint32_t)value);
}

/* Microseconds, 0 if there is no such PE or state. */
enum fw_result psci_call_stat_residency(struct fw_locked locked, void *self, struct smccc *call)
{
	const uint64_t ns_per_us = 1000;
	const struct psci_pe *pe = psci_find_pe(self, call->arg[0]);
	int row = find_state((uint32_t)call->arg[1]);

	(void)locked;
	if (!pe || row < 0)
		return psci_return(call, 0);
	return psci_return(call, result_of(call, pe->stat_residency_ns[row] / ns_per_us));
}

/* Completed suspends, 0 if there is no such PE or state. */
enum fw_result psci_call_stat_count(struct fw_locked locked, void *self, struct smccc *call)
{
	const struct psci_pe *pe = psci_find_pe(self, call->arg[0]);
	int row = find_state((uint32_t)call->arg[1]);

	(void)locked;
	if (!pe || row < 0)
		return psci_return(call, 0);
	return psci_return(call, result_of(call, pe->stat_count[row]));
}
