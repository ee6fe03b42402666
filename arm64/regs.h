/*
 * The registers of a vCPU that firmware calls and events touch, kept while the vCPU is outside
 * KVM_RUN: each is read at most once, and written at most once before the guest runs again, and only
 * if it changed. On arm64 KVM has one ioctl a register, so this is what a firmware call costs.
 */
#ifndef ARM64_REGS_H
#define ARM64_REGS_H

#include <stdint.h>

struct vcpu;

/* In the order in which KVM gets them. PSTATE is first: while it says AArch32, KVM cuts PC and x0 to x14
 * to 32 bits at each write of any of these. */
enum vcpu_reg {
	REG_PSTATE,
	REG_X0, /* REG_X0 + n is xn, n up to 17 */
	REG_PC = REG_X0 + 18,
	REG_ELR,
	REG_SPSR,
	REG_SCTLR,
	REG_VBAR,
	REG_ESR,
	REG_FAR,
	NR_REGS
};

#define REGS_X(first, count) (((1u << (count)) - 1) << (REG_X0 + (first)))
#define REG_BIT(reg)         (1u << (reg))
#define REGS_CONTEXT         (REGS_X(0, 18) | REG_BIT(REG_PC) | REG_BIT(REG_PSTATE))

struct vcpu_regs {
	uint64_t value[NR_REGS];
	uint32_t valid; /* REG_BIT of those known */
	uint32_t dirty; /* ... of those KVM does not have yet */
};

/* All of these: owner thread, outside KVM_RUN. */

/* Read those of `set` that are not known yet. 0 or -errno. */
int regs_load(struct vcpu *vcpu, uint32_t set) __attribute__((warn_unused_result));

/* A register that was loaded or put. */
uint64_t regs_get(const struct vcpu *vcpu, enum vcpu_reg reg);

void regs_put(struct vcpu *vcpu, enum vcpu_reg reg, uint64_t value);

/* Give KVM what changed, and know nothing any more. 0 or -errno. */
int regs_flush(struct vcpu *vcpu) __attribute__((warn_unused_result));

/* Know nothing any more; what was put is lost. For a vCPU that is reset. */
void regs_forget(struct vcpu *vcpu);

#endif
