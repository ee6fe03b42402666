/*
 * Which SMCCC calls KVM hands to user space: ranges of function ids from the command line
 * (--smccc), the rules KVM has for them, and the list to install. Pure: arm64/vm.c installs.
 *
 * Source: Linux Documentation/virt/kvm/devices/vm.rst, KVM_ARM_VM_SMCCC_FILTER.
 */
#ifndef HYPERCALL_SMCCC_FILTER_H
#define HYPERCALL_SMCCC_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"

/* Who answers. LOG: forwarded to rasvm, traced and answered NOT_SUPPORTED. */
enum smccc_action { SMCCC_ACT_KERNEL, SMCCC_ACT_DENY, SMCCC_ACT_LOG };

/* Function ids [base, base + count). */
struct smccc_range {
	uint32_t base, count;
	enum smccc_action action;
};

#define SMCCC_FILTER_MAX_RANGES 16

/* Parse "RANGE=deny|kernel|log" and append it to ranges[0..*n), of SMCCC_FILTER_MAX_RANGES. RANGE
 * is BASE+COUNT or a name, which may stand for two ranges. 0, or -EINVAL/-ENOSPC with nothing
 * appended and `err` a sentence that continues after the quoted text. */
int smccc_filter_parse(struct smccc_range *ranges, unsigned *n, const char *text, struct err *err)
	__attribute__((warn_unused_result));

/* What rasvm itself serves, as flags. */
#define SMCCC_OWN_PSCI   1u /* PSCI and SDEI forwarded to it, PSCI 0.1 denied */
#define SMCCC_OWN_VENDOR 2u /* its vendor calls, hypercall/vendor.h */

/* The flags of a machine. The vendor calls belong to rasvm's firmware, so without `user_psci` there
 * are none. */
static inline unsigned smccc_filter_own(bool user_psci, bool vendor_calls)
{
	if (!user_psci)
		return 0;
	return SMCCC_OWN_PSCI | (vendor_calls ? SMCCC_OWN_VENDOR : 0);
}

/* Check the whole list as KVM would when it is installed: -EINVAL for an empty range or one past
 * 2^32, -EEXIST for one that overlaps another, or one KVM keeps for itself, or one that rasvm itself
 * serves (`own`); `err` says in words which and why. */
int smccc_filter_check(const struct smccc_range *ranges, unsigned n, unsigned own, struct err *err)
	__attribute__((warn_unused_result));

/* Numbers of the KVM user interface. */
enum smccc_kvm_action { SMCCC_KVM_HANDLE = 0, SMCCC_KVM_DENY = 1, SMCCC_KVM_FWD_TO_USER = 2 };

struct smccc_filter_entry {
	uint32_t base, count;
	uint8_t kvm_action; /* enum smccc_kvm_action */
};

#define SMCCC_FILTER_OWN_RANGES  4
#define SMCCC_FILTER_MAX_ENTRIES (SMCCC_FILTER_OWN_RANGES + SMCCC_FILTER_MAX_RANGES)

/* Everything to install, in order: rasvm's own ranges, as the flags `own` say, then the checked list.
 * Returns the number of entries written. */
unsigned smccc_filter_plan(const struct smccc_range *ranges, unsigned n, unsigned own,
			   struct smccc_filter_entry entries[SMCCC_FILTER_MAX_ENTRIES]);

/* "kernel", "deny", "log". */
const char *smccc_action_name(enum smccc_action action);

#endif
