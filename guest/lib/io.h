/*
 * System registers, barriers and device registers.
 *
 * No atomics: with the MMU off memory is Device-like and exclusives need not work (Arm DDI0487,
 * B2.9), so everything shared between CPUs in this library has one writer per word.
 */
#ifndef GUEST_LIB_IO_H
#define GUEST_LIB_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The register is part of the instruction, so these cannot be functions. */
#define sysreg_read(name)                                                                          \
	({                                                                                         \
		uint64_t value_;                                                                   \
		asm volatile("mrs %0, " #name : "=r"(value_)::"memory");                           \
		value_;                                                                            \
	})
#define sysreg_write(name, value)                                                                  \
	asm volatile("msr " #name ", %0" ::"r"((uint64_t)(value)) : "memory")

#define MPIDR_AFFINITY UINT64_C(0xff00ffffff)

#define SCTLR_M  (UINT64_C(1) << 0)
#define SCTLR_C  (UINT64_C(1) << 2)
#define SCTLR_I  (UINT64_C(1) << 12)
#define SCTLR_EE (UINT64_C(1) << 25)

#define DAIF_I   (UINT64_C(1) << 7)
#define DAIF_ALL UINT64_C(0x3c0)

static inline void barrier_full(void)
{
	asm volatile("dsb sy" ::: "memory");
}

static inline void barrier_isb(void)
{
	asm volatile("isb" ::: "memory");
}

static inline void cpu_relax(void)
{
	asm volatile("yield" ::: "memory");
}

static inline void irq_disable(void)
{
	asm volatile("msr daifset, #2" ::: "memory");
}

static inline void irq_enable(void)
{
	asm volatile("msr daifclr, #2" ::: "memory");
}

static inline uint32_t mmio_read32(uint64_t address)
{
	uint32_t value;

	asm volatile("ldr %w0, [%1]" : "=r"(value) : "r"(address) : "memory");
	return value;
}

static inline void mmio_write32(uint64_t address, uint32_t value)
{
	asm volatile("str %w0, [%1]" ::"r"(value), "r"(address) : "memory");
}

static inline uint8_t mmio_read8(uint64_t address)
{
	uint8_t value;

	asm volatile("ldrb %w0, [%1]" : "=r"(value) : "r"(address) : "memory");
	return value;
}

static inline void mmio_write8(uint64_t address, uint8_t value)
{
	asm volatile("strb %w0, [%1]" ::"r"(value), "r"(address) : "memory");
}

/* Clean and invalidate [start, start + bytes) to the point of coherency, for readers with the MMU
 * off. */
static inline void cache_clean_invalidate(const void *start, size_t bytes)
{
	uint64_t line = UINT64_C(4) << (sysreg_read(ctr_el0) >> 16 & 15);
	uint64_t at = (uint64_t)start & ~(line - 1);

	barrier_full();
	for (; at < (uint64_t)start + bytes; at += line)
		asm volatile("dc civac, %0" ::"r"(at) : "memory");
	barrier_full();
}

#endif
