/*
 * From a kernel's virtual address to a guest physical one, by the guest's own page tables. Pure: memory is
 * read through a function. The guest is hostile: whatever the tables say, the walk ends.
 *
 * Source: Arm DDI 0487 D8 (VMSAv8-64), granules of 4, 16 and 64 KiB, stage 1, with FEAT_LPA2 and FEAT_LVA.
 */
#ifndef ARM64_WALK_H
#define ARM64_WALK_H

#include "lib/err.h"
#include "lib/types.h"

struct walk_regs {
	uint64_t sctlr, tcr, ttbr0, ttbr1, mmfr0; /* _EL1; mmfr0 is ID_AA64MMFR0_EL1 */
};

/* `read` gets 8 bytes of guest memory: 0 or -errno. 0 with *gpa; or -EFAULT, -EINVAL with `err` a sentence that
 * says at which level the walk ended and why. */
int walk(const struct walk_regs *regs, uint64_t va,
	 int (*read)(void *world, gpa_t at, uint64_t *descriptor), void *world, gpa_t *found,
	 struct err *err) __attribute__((warn_unused_result));

#endif
