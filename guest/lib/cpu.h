/*
 * One record a CPU, and what the device tree said about the machine. A field is written by one CPU
 * only; who, is said beside it.
 */
#ifndef GUEST_LIB_CPU_H
#define GUEST_LIB_CPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest/lib/io.h"
#include "guest/lib/smccc.h"

#define MAX_CPUS           512
#define STACK_BYTES        8192
#define CACHE_LINE         64
#define MAX_RAM_BANKS      4
#define MAX_REDIST_REGIONS 4
#define MAX_IDLE_STATES    8
#define AARCH32_REGS       15

/* What a CPU found in its registers when it was entered (start.S writes it, same order). */
struct entry_state {
	uint64_t ctx, current_el, daif, spsel, cntfrq_hz, sctlr, mpidr;
};

/* Callee-saved registers, stack and return address: see context_save(). */
struct context {
	uint64_t x19_to_x30[12], sp, pad;
};

struct expected_exception {
	bool armed, taken;
	uint64_t esr, elr;
};

struct crash {
	bool seen;
	uint64_t esr, elr, far, lr, vector;
};

struct job {
	uint64_t (*fn)(uint64_t arg);
	uint64_t arg;
	uint64_t sequence;
};

struct cpu {
	/* Written by this CPU. */
	struct entry_state entry; /* first: start.S */
	void *sdei;               /* struct sdei_cpu of the SDEI suite; boot CPU, once; handler.S */
	uint64_t entries;         /* times it came in through secondary_entry */
	uint64_t done_sequence;   /* last job finished */
	uint64_t result;          /* what it returned */
	uint64_t irq_count[32];   /* interrupts taken, by INTID; SPIs count in irq_spi */
	uint64_t irq_spi;
	uint64_t scratch;      /* for tests: progress of the running job */
	struct context resume; /* continue here when entered, if resume_armed */
	bool resume_armed;
	struct context el0_return;
	uint64_t el0_result;
	uint64_t el0_r[AARCH32_REGS]; /* r0 to r14 when AArch32 code left EL0 */
	struct expected_exception expected;
	struct crash crash;
	uint64_t redist_base; /* GICv3 */
	uint32_t gicv2_mask;  /* GICv2: bit of this CPU's interface */

	/* Written by the boot CPU. */
	struct job job __attribute__((aligned(CACHE_LINE)));
	unsigned index;
	uint64_t mpidr;     /* affinity fields */
	uint64_t stack_top; /* where jobs run */
} __attribute__((aligned(2 * CACHE_LINE)));

enum gic_kind { GIC_NONE, GIC_V2, GIC_V3 };

struct region {
	uint64_t base, size;
};

struct machine {
	const void *dtb;
	const char *bootargs;
	uint64_t boot_el; /* 1 or 2: where the loader entered */
	uint64_t boot_sctlr;
	struct region ram[MAX_RAM_BANKS];
	unsigned nram;
	struct region uart;

	enum gic_kind gic;
	struct region gicd, gicc, gicr[MAX_REDIST_REGIONS];
	unsigned ngicr;
	uint64_t gicr_stride;
	uint32_t timer_phys_intid, timer_virt_intid;

	bool psci_node, psci_method_known;
	bool psci_compatible_02, psci_compatible_10;
	enum conduit dt_conduit;
	enum conduit conduit; /* what the run uses: bootarg or dt_conduit */
	unsigned cpus_without_psci_method;

	uint32_t idle_state[MAX_IDLE_STATES]; /* arm,psci-suspend-param */
	unsigned nidle;

	bool mmu;
	uint64_t time_scale; /* limits of waits are multiplied by this: slow machines */
	unsigned ncpus;
	unsigned ncpus_present; /* with those a test has lost */
	struct cpu *cpu;        /* ncpus of them; [0] is the boot CPU */
};

extern struct machine machine;

static inline struct cpu *this_cpu(void)
{
	return (struct cpu *)sysreg_read(tpidr_el1);
}

/* Read or write a word another CPU writes or reads, in order with what surrounds it. */
static inline uint64_t shared_read(const uint64_t *word)
{
	uint64_t value = *(const volatile uint64_t *)word;

	asm volatile("dmb sy" ::: "memory");
	return value;
}

static inline void shared_write(uint64_t *word, uint64_t value)
{
	asm volatile("dmb sy" ::: "memory");
	*(volatile uint64_t *)word = value;
	asm volatile("dsb sy\n\tsev" ::: "memory");
}

/* Returns 0; returns again with `value` when context_restore() is called. The caller's frame must
 * still exist. The second return is with DAIF masked. */
uint64_t context_save(struct context *c) __attribute__((returns_twice));
_Noreturn void context_restore(struct context *c, uint64_t value);
_Noreturn void call_on_stack(uint64_t stack_top, void (*fn)(struct cpu *), struct cpu *cpu);

/* Where CPU_ON and the suspend calls should send a CPU. */
extern const char secondary_entry[];
extern const char image_start[], image_end[];

/* Memory from behind the image, cleared, never freed; before the MMU is on. `align` is a power of
 * two. */
void *ram_alloc(uint64_t bytes, uint64_t align);

/* True if [base, base + size) is all RAM. */
bool ram_contains(uint64_t base, uint64_t size);

/* Read the device tree into `machine`; false if there is none. */
bool machine_init(const void *dtb);

/* Value of key=value in the bootargs, copied to buf; false if the key is not there. */
bool bootarg(const char *key, char *buf, size_t size);
uint64_t bootarg_number(const char *key, uint64_t absent);

#endif
