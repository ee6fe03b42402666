/* SMC Calling Convention calls, with the whole register state visible. Source: Arm DEN0028. */
#ifndef GUEST_LIB_SMCCC_H
#define GUEST_LIB_SMCCC_H

#include <stdbool.h>
#include <stdint.h>

enum conduit { CONDUIT_HVC, CONDUIT_SMC };

/* How the call instruction is made; smccc.S has one stub for each, in this order. */
enum call_insn {
	CALL_HVC0,
	CALL_SMC0,
	CALL_HVC1, /* immediate 1 */
	CALL_SMC1,
	CALL_HVC0_BIG_ENDIAN, /* with SCTLR_EL1.EE set and the MMU off; mask interrupts first */
	CALL_SMC0_BIG_ENDIAN,
	CALL_NR
};

struct smccc_regs {
	uint64_t x[18]; /* x0..x17: before the call, then after it */
};

/* Load x0..x17, make the call, store x0..x17. */
void smccc_raw(struct smccc_regs *regs, enum call_insn insn);

/* Count instructions around the call: counts[0] before it, [1] and [2] the two after it. */
void smccc_count(struct smccc_regs *regs, enum conduit conduit, uint64_t counts[3]);

/* Everything a call has to leave alone: set before, stored after. Layout known to smccc.S. */
struct smccc_canary {
	uint64_t x_in[31], nzcv_in;
	uint64_t q_in[32][2];
	uint64_t x_out[31], nzcv_out;
	uint64_t q_out[32][2];
	uint64_t sp_in, sp_out, sp_el0_in, sp_el0_out;
} __attribute__((aligned(16)));
void smccc_canary_hvc(struct smccc_canary *c);
void smccc_canary_smc(struct smccc_canary *c);

/* Make a call; x0 and, if `out` is not NULL, x0..x17 after it. */
int64_t smccc_call(enum conduit conduit, uint64_t fid, uint64_t x1, uint64_t x2, uint64_t x3,
		   struct smccc_regs *out);

/* As smccc_call, but the instruction may be undefined: then *undefined is set. */
int64_t smccc_try(enum call_insn insn, uint64_t fid, uint64_t x1, uint64_t x2, uint64_t x3,
		  bool *undefined);

/* With the run's conduit. */
int64_t smccc(uint64_t fid, uint64_t x1, uint64_t x2, uint64_t x3);

#endif
