/*
 * KVM ioctls with types: the size of what is passed is checked against the ioctl number, the
 * result is 0 or -errno. And what the host's KVM offers, probed once.
 */
#ifndef ARM64_KVM_H
#define ARM64_KVM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

/* What this host's KVM can do. Filled by kvm_probe(). */
struct host_caps {
	bool present;      /* /dev/kvm opened; the rest is 0 without it */
	unsigned ipa_bits; /* largest guest physical address width */
	unsigned max_vcpus;
	unsigned vcpu_map_bytes;
	bool smccc_filter; /* Linux >= 6.4 */
	bool immediate_exit, mp_state, nisv_to_user, inject_ext_dabt;
	bool gicv2, gicv3, its;
	bool sve, pauth, pmu, pvtime, mte, aarch32;
	bool ras; /* SError with a chosen syndrome can be injected */
	bool system_suspend, binary_stats, counter_offset, writable_id_regs, sea_to_user;
	bool irq_line_layout2;
};

/* Open /dev/kvm (or `path`) and check the API version. A descriptor, or -errno with `err` saying
 * what to do about it. */
int kvm_open(const char *path, struct err *err) __attribute__((warn_unused_result));

/* Fill `caps` by asking an empty VM, made for that and left open: taking a VM down costs more than
 * making one, so whoever wants to run a guest in a VM with kvm_probe_ipa_bits() address bits uses this one.
 * Its descriptor, or -errno with `err` written. */
int kvm_probe(int kvm_fd, struct host_caps *caps, struct err *err)
	__attribute__((warn_unused_result));

/* The address bits of a VM that kvm_probe() makes: 40, what every KVM has, or less if the host has
 * less. */
unsigned kvm_probe_ipa_bits(const struct host_caps *caps);

/* ioctl with an integer argument or none; >= 0 or -errno. EINTR is returned, not retried. */
int kvm_ioctl_int(int fd, unsigned long request, unsigned long arg)
	__attribute__((warn_unused_result));

/* ioctl with a struct of `size` bytes, which must be the size the request number encodes. */
int kvm_ioctl_ptr(int fd, unsigned long request, void *arg, size_t size)
	__attribute__((warn_unused_result));

/* KVM_CHECK_EXTENSION: the capability's value, 0 if absent or on error. */
int kvm_cap(int fd, unsigned long cap);

/* Device attributes of a VM, vCPU or device descriptor; `data` is what the attribute takes.
 * 0 or -errno. */
int kvm_attr_set(int fd, uint32_t group, uint64_t attr, const void *data)
	__attribute__((warn_unused_result));
int kvm_attr_get(int fd, uint32_t group, uint64_t attr, void *data)
	__attribute__((warn_unused_result));
bool kvm_attr_has(int fd, uint32_t group, uint64_t attr);

/* One 64-bit (or, by its id, narrower) register. 0 or -errno. */
int kvm_reg_get(int vcpu_fd, uint64_t id, uint64_t *value) __attribute__((warn_unused_result));
int kvm_reg_set(int vcpu_fd, uint64_t id, uint64_t value) __attribute__((warn_unused_result));

/* Ids for kvm_reg_*. */
uint64_t kvm_reg_x(unsigned n); /* x0..x30 */
extern const uint64_t KVM_REG_ID_PC, KVM_REG_ID_PSTATE, KVM_REG_ID_SP_EL0, KVM_REG_ID_SP_EL1,
	KVM_REG_ID_ELR_EL1, KVM_REG_ID_SPSR_EL1;
/* System register by its encoding, Arm DDI 0487 C5. */
uint64_t kvm_reg_sys(unsigned op0, unsigned op1, unsigned crn, unsigned crm, unsigned op2);

#endif
