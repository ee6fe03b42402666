/*
 * A guest's call stack by its frame records. Pure: memory is read through a function. The guest is hostile:
 * whatever its memory says, the walk ends.
 *
 * Source: Arm AAPCS64 6.4.6 (frame records: the caller's frame pointer, then the return address); DDI 0487 D8.10
 * (pointer authentication codes lie in the bits of an address that are not translated). Leaves out: code
 * without frame pointers, exception entries, names.
 */
#ifndef ARM64_BACKTRACE_H
#define ARM64_BACKTRACE_H

#include <stdbool.h>
#include <stdint.h>

#define BACKTRACE_MAX 64

struct backtrace_regs {
	uint64_t pc, fp, tcr; /* fp is x29; tcr is TCR_EL1 */
	bool big_endian;
};

/* Program counters, innermost first, into pc[0..BACKTRACE_MAX); how many, at least 1. `read` gets 8 bytes at a
 * virtual address, in their order in memory: 0 or -errno, which ends the walk. */
unsigned backtrace_walk(const struct backtrace_regs *regs,
			int (*read)(void *world, uint64_t va, uint8_t bytes[8]), void *world,
			uint64_t pc[BACKTRACE_MAX]);

#endif
