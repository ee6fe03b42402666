/*
 * PSCI: the power state of single PEs. CPU_ON, CPU_OFF, CPU_FREEZE, AFFINITY_INFO, NODE_HW_STATE.
 *
 * Source: Arm DEN0022F.b section 5, the functions named.
 * State: struct psci_pe, under the firmware lock, so that the test of a state and its change are
 * one step and one of many racing CPU_ON calls wins. The PE's own thread turns a granted CPU_ON
 * into a running PE with psci_take_on().
 */
#include "hypercall/psci_private.h"

#include <stddef.h>

#define LEVEL_CLUSTER 1u
#define LEVEL_LAST    3u

/* What NODE_HW_STATE returns. */
enum hw_state { HW_ON = 0, HW_OFF = 1, HW_STANDBY = 2 };

/* Position of the lowest affinity field that counts at a level. */
static const unsigned level_shift[LEVEL_LAST + 1] = { 0, 8, 16, 32 };

struct psci_pe *psci_find_pe(const struct psci *psci, uint64_t mpidr)
{
	/* No PE has a bit outside the affinity fields, so a target with one matches none. */
	for (unsigned i = 0; i < psci->config.npe; i++)
		if (psci->pe[i].mpidr == mpidr)
			return &psci->pe[i];
	return NULL;
}

bool psci_others_off(const struct psci *psci, unsigned pe)
{
	for (unsigned i = 0; i < psci->config.npe; i++)
		if (i != pe && psci->pe[i].power != PSCI_PE_OFF)
			return false;
	return true;
}

void psci_power_on(struct psci *psci, struct psci_pe *pe, struct psci_entry entry)
{
	const struct psci_config *c = &psci->config;

	pe->entry = entry;
	pe->frozen = false;
	pe->fresh = true;
	pe->power = c->on_pending ? PSCI_PE_ON_PENDING : PSCI_PE_ON;
	if (c->ops)
		c->ops->wake(c->world, (unsigned)(pe - psci->pe));
}

bool psci_take_on(struct fw_locked locked, struct psci *psci, unsigned pe, struct psci_entry *entry)
{
	struct psci_pe *self = &psci->pe[pe];

	(void)locked;
	if (!self->fresh)
		return false;
	self->fresh = false;
	self->power = PSCI_PE_ON;
	*entry = self->entry;
	return true;
}

bool psci_all_off(struct fw_locked locked, const struct psci *psci)
{
	(void)locked;
	return psci_others_off(psci, psci->config.npe);
}

/* Parameters are judged before the state, as they would be by firmware that has
 * to look the target up; the entry point is stored only by the call that wins. */
enum fw_result psci_call_cpu_on(struct fw_locked locked, void *self, struct smccc *call)
{
	struct psci *psci = self;
	struct psci_pe *target = psci_find_pe(psci, call->arg[0]);
	int64_t bad_entry = psci_check_entry(psci, call->arg[1]);

	(void)locked;
	if (!target)
		return psci_return(call, PSCI_INVALID_PARAMETERS);
	if (bad_entry)
		return psci_return(call, bad_entry);
	if (target->power == PSCI_PE_ON)
		return psci_return(call, PSCI_ALREADY_ON);
	if (target->power == PSCI_PE_ON_PENDING)
		return psci_return(call, PSCI_ON_PENDING);
	psci_power_on(psci, target, psci_entry_of(call, 1));
	return psci_return(call, PSCI_SUCCESS);
}

enum fw_result psci_call_cpu_off(struct fw_locked locked, void *self, struct smccc *call)
{
	struct psci *psci = self;

	(void)locked;
	psci->pe[call->pe].power = PSCI_PE_OFF;
	return FW_PE_OFF;
}

/* OFF in all but the fate of its interrupts, and left by CPU_ON only. */
enum fw_result psci_call_cpu_freeze(struct fw_locked locked, void *self, struct smccc *call)
{
	struct psci *psci = self;

	psci->pe[call->pe].frozen = true;
	return psci_call_cpu_off(locked, self, call);
}

/* True if `mpidr` belongs to the node of `level` that `target` names; lower fields are ignored. */
static bool in_node(uint64_t mpidr, uint64_t target, uint32_t level)
{
	return ((mpidr ^ target) & PSCI_AFFINITY_MASK) >> level_shift[level] == 0;
}

static bool node_exists(const struct psci *psci, uint64_t target, uint32_t level)
{
	if (target & ~PSCI_AFFINITY_MASK)
		return false;
	for (unsigned i = 0; i < psci->config.npe; i++)
		if (in_node(psci->pe[i].mpidr, target, level))
			return true;
	return false;
}

/* ON if any PE of the node is, else ON_PENDING if any is, else OFF. */
static enum psci_power node_power(const struct psci *psci, uint64_t target, uint32_t level)
{
	enum psci_power power = PSCI_PE_OFF;

	for (unsigned i = 0; i < psci->config.npe; i++) {
		if (!in_node(psci->pe[i].mpidr, target, level))
			continue;
		if (psci->pe[i].power == PSCI_PE_ON)
			return PSCI_PE_ON;
		if (psci->pe[i].power == PSCI_PE_ON_PENDING)
			power = PSCI_PE_ON_PENDING;
	}
	return power;
}

/* Levels above 0 are optional from 1.0 on and required before. */
enum fw_result psci_call_affinity_info(struct fw_locked locked, void *self, struct smccc *call)
{
	const struct psci *psci = self;
	uint32_t level = (uint32_t)call->arg[1];

	(void)locked;
	if (level > LEVEL_LAST || !node_exists(psci, call->arg[0], level))
		return psci_return(call, PSCI_INVALID_PARAMETERS);
	return psci_return(call, node_power(psci, call->arg[0], level));
}

static enum hw_state pe_hw_state(const struct psci_pe *pe)
{
	if (pe->power != PSCI_PE_ON)
		return HW_OFF;
	switch (pe->suspend) {
	case PSCI_RUNNING:
		return HW_ON;
	case PSCI_STANDBY:
		return HW_STANDBY;
	default:
		return HW_OFF;
	}
}

/* A node is as awake as the most awake of its PEs. */
static enum hw_state node_hw_state(const struct psci *psci, uint64_t target, uint32_t level)
{
	enum hw_state state = HW_OFF;

	for (unsigned i = 0; i < psci->config.npe; i++) {
		if (!in_node(psci->pe[i].mpidr, target, level))
			continue;
		if (pe_hw_state(&psci->pe[i]) == HW_ON)
			return HW_ON;
		if (pe_hw_state(&psci->pe[i]) == HW_STANDBY)
			state = HW_STANDBY;
	}
	return state;
}

/* The machine has power domains at PE and cluster level. */
enum fw_result psci_call_node_hw_state(struct fw_locked locked, void *self, struct smccc *call)
{
	const struct psci *psci = self;
	uint32_t level = (uint32_t)call->arg[1];

	(void)locked;
	if (level > LEVEL_CLUSTER || !node_exists(psci, call->arg[0], level))
		return psci_return(call, PSCI_INVALID_PARAMETERS);
	return psci_return(call, node_hw_state(psci, call->arg[0], level));
}
