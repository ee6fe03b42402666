/*
 * A synchronous external abort by register writes: what the architecture does when it takes one to EL1.
 * Pure.
 *
 * Source: Arm DDI 0487, AArch64.TakeException, ESR_EL1 for instruction and data aborts, SCTLR_EL1.
 */
#ifndef RAS_SEA_H
#define RAS_SEA_H

#include <stdbool.h>
#include <stdint.h>

/* Synchronous error type, ESR bits 12:11 (FEAT_RAS); only for FSC 0x10. */
enum sea_set { SEA_RECOVERABLE = 0, SEA_UNCONTAINABLE = 2, SEA_RESTARTABLE = 3 };

struct sea {
	bool ifetch;
	bool write;
	bool far_valid; /* far is the guest virtual address; else FnV is set and FAR_EL1 becomes 0 */
	uint64_t far;
	enum sea_set set;
};

/* The PE that takes it. */
struct sea_pe {
	uint64_t pc, pstate; /* PSTATE in SPSR_ELx layout; may be AArch32's */
	uint64_t vbar, sctlr;
	uint64_t sctlr2;   /* 0 where it does not exist */
	uint32_t features; /* LIB_PE_*, lib/exception.h */
};

struct sea_entry {
	uint64_t pc, pstate;
	uint64_t elr, spsr, esr, far;
};

struct sea_entry sea_enter(const struct sea *sea, const struct sea_pe *pe);

#endif
