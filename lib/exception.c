/*
 * What the architecture does to PSTATE and PC when an exception is taken to EL1 in AArch64 state.
 *
 * Source: Arm DDI 0487 D1.3 and AArch64.TakeException; the layouts of SPSR_EL1 and SCTLR_EL1.
 * Left out: SS and IL (no software step or illegal state survives an exception), exceptions to EL2.
 */
#include "lib/exception.h"

#include <stdbool.h>
#include <stddef.h>

#include "lib/types.h"

#define BIT(n) (UINT64_C(1) << (n))

/* SPSR_EL1. */
#define PSTATE_NZCV    (BIT(31) | BIT(30) | BIT(29) | BIT(28))
#define PSTATE_TCO     BIT(25)
#define PSTATE_DIT     BIT(24)
#define PSTATE_PAN     BIT(22)
#define PSTATE_ALLINT  BIT(13)
#define PSTATE_SSBS    BIT(12)
#define PSTATE_DAIF    (BIT(9) | BIT(8) | BIT(7) | BIT(6))
#define PSTATE_AARCH32 BIT(4)
#define PSTATE_EL      (BIT(3) | BIT(2)) /* AArch64 */
#define PSTATE_SP      BIT(0)            /* AArch64: the stack pointer of this EL, not EL0's */
#define PSTATE_EL1H    UINT64_C(5)

/* SCTLR_EL1. */
#define SCTLR_SPAN      BIT(23)
#define SCTLR_DSSBS     BIT(44)
#define SCTLR_SPINTMASK BIT(62)

/* Bits that an exception sets, each on PEs with a feature and with a bit of SCTLR_EL1 at one value;
 * those not here and not kept become 0. */
static const struct {
	uint64_t pstate, sctlr;
	uint32_t feature;
	bool when; /* set if the SCTLR_EL1 bit is this */
} exception_sets[] = {
	{ PSTATE_PAN, SCTLR_SPAN, LIB_PE_PAN, false },
	{ PSTATE_SSBS, SCTLR_DSSBS, LIB_PE_SSBS, true },
	{ PSTATE_TCO, 0, LIB_PE_MTE2, false },
	{ PSTATE_ALLINT, SCTLR_SPINTMASK, LIB_PE_NMI, false },
};

uint64_t exception_pstate(uint64_t interrupted, uint64_t sctlr, uint32_t features)
{
	uint64_t kept = interrupted & (PSTATE_NZCV | PSTATE_DIT | PSTATE_PAN);
	uint64_t pstate = kept | PSTATE_DAIF | PSTATE_EL1H;

	for (size_t i = 0; i < ARRAY_SIZE(exception_sets); i++) {
		bool bit = sctlr & exception_sets[i].sctlr;

		if (features & exception_sets[i].feature && bit == exception_sets[i].when)
			pstate |= exception_sets[i].pstate;
	}
	return pstate;
}

/* DDI 0487 D1.3.1.3, vector offsets from the vector table base address. */
uint64_t exception_vector(uint64_t interrupted)
{
	if (interrupted & PSTATE_AARCH32)
		return 0x600;
	if (!(interrupted & PSTATE_EL))
		return 0x400;
	return interrupted & PSTATE_SP ? 0x200 : 0x000;
}
