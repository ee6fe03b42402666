/*
 * What the files of the PSCI service share: psci.c (table, discovery, life of the service),
 * psci_power.c (CPU_ON and friends), psci_suspend.c, psci_system.c. Nobody else includes this.
 */
#ifndef HYPERCALL_PSCI_PRIVATE_H
#define HYPERCALL_PSCI_PRIVATE_H

#include "hypercall/psci.h"

/* Affinity fields in MPIDR_EL1 positions; all other bits of a target must be zero. */
#define PSCI_AFFINITY_MASK UINT64_C(0xff00ffffff)

/* The calls, one a function of the specification; `self` is the struct psci. */
fw_fn psci_call_version;
fw_fn psci_call_features;
fw_fn psci_call_migrate_info_type;
/* psci_power.c */
fw_fn psci_call_cpu_on;
fw_fn psci_call_cpu_off;
fw_fn psci_call_cpu_freeze;
fw_fn psci_call_affinity_info;
fw_fn psci_call_node_hw_state;
/* psci_suspend.c */
fw_fn psci_call_cpu_suspend;
fw_fn psci_call_cpu_default_suspend;
fw_fn psci_call_system_suspend;
fw_fn psci_call_set_suspend_mode;
fw_fn psci_call_stat_residency;
fw_fn psci_call_stat_count;
/* psci_system.c */
fw_fn psci_call_system_off;
fw_fn psci_call_system_off2;
fw_fn psci_call_system_reset;
fw_fn psci_call_system_reset2;
fw_fn psci_call_mem_protect;
fw_fn psci_call_mem_check_range;

static inline enum fw_result psci_return(struct smccc *call, int64_t value)
{
	call->ret = value;
	return FW_RETURN;
}

/* PSCI_FEATURES' flags for CPU_SUSPEND and SYSTEM_OFF2. */
#define PSCI_FEATURE_OS_INITIATED  INT64_C(1) /* bit 1 zero: original power_state format */
#define PSCI_FEATURE_HIBERNATE_OFF INT64_C(1)

/* The PE a guest's argument names, or NULL. A linear search: an MPIDR is never an index. */
struct psci_pe *psci_find_pe(const struct psci *psci, uint64_t mpidr);

/* True if every PE other than `pe` is OFF. */
bool psci_others_off(const struct psci *psci, unsigned pe);

/* OFF to ON (or ON_PENDING), to start at `entry`; tells the PE's thread. */
void psci_power_on(struct psci *psci, struct psci_pe *pe, struct psci_entry entry);

/* Check an entry point: an instruction address in RAM. SUCCESS, or the code the presented version
 * has for a bad address. */
int64_t psci_check_entry(const struct psci *psci, uint64_t pc);

/* The entry point and context id that a call carries from argument `first` on. */
struct psci_entry psci_entry_of(const struct smccc *call, unsigned first);

/* True if [base, base + len) is RAM and not empty. */
bool psci_in_ram(const struct psci *psci, uint64_t base, uint64_t len);

#endif
