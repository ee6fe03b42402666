/*
 * PSTATE with which an exception is taken to EL1h: the same for an SDEI handler and for an abort. Pure.
 *
 * Source: Arm DDI 0487 D1.3, AArch64.TakeException.
 */
#ifndef LIB_EXCEPTION_H
#define LIB_EXCEPTION_H

#include <stdint.h>

/* Features of a PE that change it. */
#define LIB_PE_PAN  1u
#define LIB_PE_SSBS 2u
#define LIB_PE_MTE2 4u
#define LIB_PE_NMI  8u

/* From the interrupted PSTATE (SPSR_ELx layout), SCTLR_EL1 and LIB_PE_*. */
uint64_t exception_pstate(uint64_t interrupted, uint64_t sctlr, uint32_t features);

/* Offset from VBAR_EL1 of the synchronous vector taken from that PSTATE; add 0x180 for SError's. */
uint64_t exception_vector(uint64_t interrupted);

#endif
