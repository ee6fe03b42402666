/*
 * KVM definitions newer than the oldest headers rasvm builds with (Linux 6.1). Numbers are UAPI
 * and never change; each is guarded so that newer headers win.
 */
#ifndef ARM64_KVM_COMPAT_H
#define ARM64_KVM_COMPAT_H

#include <linux/kvm.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* SMCCC filter, Linux 6.4: Documentation/virt/kvm/devices/vm.rst, "KVM_ARM_VM_SMCCC_CTRL". */
#ifndef KVM_ARM_VM_SMCCC_CTRL
#define KVM_ARM_VM_SMCCC_CTRL   0
#define KVM_ARM_VM_SMCCC_FILTER 0
enum kvm_smccc_filter_action {
	KVM_SMCCC_FILTER_HANDLE = 0,
	KVM_SMCCC_FILTER_DENY,
	KVM_SMCCC_FILTER_FWD_TO_USER,
};
struct kvm_smccc_filter {
	uint32_t base;
	uint32_t nr_functions;
	uint8_t action;
	uint8_t pad[15];
};
#endif
_Static_assert(sizeof(struct kvm_smccc_filter) == 24, "UAPI layout");

#ifndef KVM_HYPERCALL_EXIT_SMC
#define KVM_HYPERCALL_EXIT_SMC   (1U << 0)
#define KVM_HYPERCALL_EXIT_16BIT (1U << 1)
#endif

/* Linux 6.13, with PSCI in KVM. */
#ifndef KVM_SYSTEM_EVENT_SHUTDOWN_FLAG_PSCI_OFF2
#define KVM_SYSTEM_EVENT_SHUTDOWN_FLAG_PSCI_OFF2 (1ULL << 0)
#endif

#ifndef KVM_CAP_COUNTER_OFFSET
#define KVM_CAP_COUNTER_OFFSET 227
#endif
#ifndef KVM_CAP_ARM_EAGER_SPLIT_CHUNK_SIZE
#define KVM_CAP_ARM_EAGER_SPLIT_CHUNK_SIZE 228
#endif
#ifndef KVM_CAP_ARM_SUPPORTED_REG_MASK_RANGES
#define KVM_CAP_ARM_SUPPORTED_REG_MASK_RANGES 230
#endif
#ifndef KVM_CAP_ARM_WRITABLE_IMP_ID_REGS
#define KVM_CAP_ARM_WRITABLE_IMP_ID_REGS 239
#endif
#ifndef KVM_CAP_ARM_EL2
#define KVM_CAP_ARM_EL2 240
#endif
#ifndef KVM_CAP_ARM_SEA_TO_USER
#define KVM_CAP_ARM_SEA_TO_USER 245
#endif
#ifndef KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP
#define KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP 225
#endif

/* Linux 6.19, virt/kvm/api.rst. */
#ifndef KVM_EXIT_ARM_SEA
#define KVM_EXIT_ARM_SEA                41
#define KVM_EXIT_ARM_SEA_FLAG_GPA_VALID (1ULL << 0)
#endif

/* What the kernel calls kvm_run.arm_sea, at the place of every exit's data. */
struct kvm_exit_arm_sea {
	uint64_t flags;
	uint64_t esr;
	uint64_t gva; /* if FnV of `esr` is clear */
	uint64_t gpa; /* if GPA_VALID */
};

static inline struct kvm_exit_arm_sea kvm_exit_arm_sea(const struct kvm_run *run)
{
	struct kvm_exit_arm_sea sea;

	memcpy(&sea, (const char *)run + offsetof(struct kvm_run, hypercall), sizeof(sea));
	return sea;
}

/* `flags` of a hypercall exit; headers before 6.4 call the field's low half `longmode`. */
static inline uint64_t kvm_hypercall_flags(const struct kvm_run *run)
{
	uint64_t flags;

	memcpy(&flags,
	       (const char *)run + offsetof(struct kvm_run, hypercall.ret) + sizeof(uint64_t),
	       sizeof(flags));
	return flags;
}

#endif
