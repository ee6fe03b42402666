/* Other CPUs: start, stop, run a function there. Only the boot CPU calls these unless said. */
#ifndef GUEST_LIB_SMP_H
#define GUEST_LIB_SMP_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/lib/cpu.h"

/* Stacks, translation tables, the table secondaries find themselves in; MMU and GIC on this CPU. */
void smp_init(void);

/* CPU_ON and wait until it waits for jobs. False after a second, or if CPU_ON failed (*ret). */
bool smp_start(struct cpu *cpu, uint64_t ctx, int64_t *ret);

/* Wait until *word, which somebody else writes, is n or more. False after `us`, which time_scale multiplies,
 * as in all waits here. Any CPU, handlers too. */
bool smp_wait_word(const uint64_t *word, uint64_t n, uint64_t us);

/* After somebody called CPU_ON: wait until the CPU has come in more than `entries_before` times. */
bool smp_wait_entry(const struct cpu *cpu, uint64_t entries_before, uint64_t us);

/* Make it power itself off and wait for AFFINITY_INFO to say so. */
bool smp_stop(struct cpu *cpu);
bool smp_wait_off(const struct cpu *cpu, uint64_t us);

/* All but the boot CPU, also those that hang with interrupts unmasked. False if one stays on. */
bool smp_stop_all(void);

/* Give a started CPU a job; wait for its end. */
void smp_post(struct cpu *cpu, uint64_t (*fn)(uint64_t), uint64_t arg);
bool smp_wait(struct cpu *cpu, uint64_t us);
bool smp_run(struct cpu *cpu, uint64_t (*fn)(uint64_t), uint64_t arg, uint64_t *result);

/* Spin barrier for CPUs 0..n-1 of `slot`: one writer a slot, so it works with the MMU off. Any CPU. */
#define BARRIER_SLOTS 64
struct barrier {
	struct {
		uint64_t phase;
	} __attribute__((aligned(CACHE_LINE))) slot[BARRIER_SLOTS];
	unsigned n;
};
void barrier_init(struct barrier *b, unsigned n);
void barrier_wait(struct barrier *b, unsigned slot);

#endif
