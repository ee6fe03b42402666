/*
 * A synchronous external abort, as registers: what a PE holds after it took one to EL1.
 *
 * Source: Arm DDI 0487, AArch64.TakeException; ESR_EL1, ISS encodings for Instruction Abort and Data
 * Abort; SCTLR2_EL1 (FEAT_DoubleFault2).
 * Left out: aborts on translation table walks (their own fault codes), and ISS bits that only a
 * decoded instruction could fill (ISV stays 0).
 */
#include "ras/sea.h"

#include "lib/exception.h"
#include "ras/esr.h"

#define BIT(n) (UINT64_C(1) << (n))

/* ISS of both kinds of abort. */
#define ISS_SET(set) ((uint64_t)(set) << 11)
#define ISS_FNV      BIT(10)
#define ISS_WNR      BIT(6)         /* data aborts only */
#define FSC_SEA      UINT64_C(0x10) /* not on a translation table walk */

#define SCTLR2_EASE   BIT(5) /* such aborts go to the SError vectors */
#define SERROR_VECTOR UINT64_C(0x180)

#define PSTATE_EL      UINT64_C(0xc) /* M[3:2] of AArch64; AArch32 here is EL0 always */
#define PSTATE_AARCH32 BIT(4)

static bool from_el0(uint64_t pstate)
{
	return pstate & PSTATE_AARCH32 || !(pstate & PSTATE_EL);
}

static uint64_t class_of(const struct sea *sea, uint64_t pstate)
{
	if (sea->ifetch)
		return from_el0(pstate) ? ESR_EC_IABT_LOW : ESR_EC_IABT_SAME;
	return from_el0(pstate) ? ESR_EC_DABT_LOW : ESR_EC_DABT_SAME;
}

static uint64_t syndrome(const struct sea *sea, uint64_t pstate)
{
	uint64_t esr = class_of(sea, pstate) << 26 | ESR_IL | ISS_SET(sea->set) | FSC_SEA;

	if (!sea->far_valid)
		esr |= ISS_FNV;
	if (sea->write && !sea->ifetch)
		esr |= ISS_WNR;
	return esr;
}

struct sea_entry sea_enter(const struct sea *sea, const struct sea_pe *pe)
{
	uint64_t offset = exception_vector(pe->pstate);

	if (pe->sctlr2 & SCTLR2_EASE)
		offset += SERROR_VECTOR;
	return (struct sea_entry){
		.pc = pe->vbar + offset,
		.pstate = exception_pstate(pe->pstate, pe->sctlr, pe->features),
		.elr = pe->pc,
		.spsr = pe->pstate,
		.esr = syndrome(sea, pe->pstate),
		.far = sea->far_valid ? sea->far : 0,
	};
}
