/* Identity-mapped stage 1 translation, and an alias of the image's gigabyte for EL0. */
#ifndef GUEST_LIB_MMU_H
#define GUEST_LIB_MMU_H

#include <stdint.h>

struct mmu_regs {
	uint64_t ttbr0, tcr, mair, sctlr;
};

/* Build the tables (MMU still off). With machine.mmu false, only the register values for "off". */
void mmu_init(struct mmu_regs *regs);

/* start.S */
void mmu_load(uint64_t ttbr0, uint64_t tcr, uint64_t mair, uint64_t sctlr);

/* Where EL0 finds what EL1 has at `p`. */
uint64_t mmu_el0_address(const void *p);

/* The same below 4 GiB, for EL0 in AArch32; 0 if there is no room for it. */
uint64_t mmu_el0_low_address(const void *p);

/* Where EL1 finds what it has at `p` a second time, above 4 GiB; the low 32 bits are those of `p`. 0
 * with the MMU off. */
uint64_t mmu_high_address(const void *p);

#endif
