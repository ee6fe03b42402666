/*
 * Test timer: interrupt lines that a guest can raise by itself, at once or after a delay: one SPI and,
 * for each CPU, one PPI. It is there with --test-timer, to try interrupt handling and SDEI's
 * INTERRUPT_BIND with lines that nothing else uses. Level-triggered: a line stays up until cleared.
 *
 * Registers, 64 bits wide, little-endian. Channel 0 is the SPI, channel 1 + n the PPI of CPU n; channel
 * c has its registers at 16 * c:
 *   +0 RAISE  write: raise the line that many nanoseconds from now, 0 for at once; replaces an earlier
 *             delay. Read: nanoseconds left, 0 if none is running.
 *   +8 LEVEL  write: lower the line and cancel the delay (any value). Read: 1 while the line is up.
 * Other widths than 8 bytes, addresses between registers and channels of CPUs that do not exist read
 * as 0 and are ignored. Described in docs/sdei.md.
 */
#ifndef ARM64_DEV_TEST_TIMER_H
#define ARM64_DEV_TEST_TIMER_H

#include "arm64/dev/device.h"

#define TEST_TIMER_BLOCK_BYTES  0x4000
#define TEST_TIMER_MAX_CPUS     512
#define TEST_TIMER_CHANNELS     (1 + TEST_TIMER_MAX_CPUS)
#define TEST_TIMER_CHANNEL_SIZE 16

_Static_assert(TEST_TIMER_CHANNELS *TEST_TIMER_CHANNEL_SIZE <= TEST_TIMER_BLOCK_BYTES,
	       "not all channels fit");

struct test_timer_ops {
	uint64_t (*now_ns)(void *world); /* CLOCK_MONOTONIC */
	/* Call test_timer_tick() when now_ns() reaches deadline_ns; UINT64_MAX: no call wanted.
	 * Replaces the deadline given before. Leaf lock held. */
	void (*set_alarm)(void *world, uint64_t deadline_ns);
	/* Drive the PPI of one CPU. Leaf lock held; must not call back. */
	void (*set_ppi)(void *world, unsigned cpu, bool level);
};

struct test_timer_state {
	uint64_t stopped_ns;                       /* when quiesced, by now_ns(); 0: running */
	uint64_t deadline_ns[TEST_TIMER_CHANNELS]; /* by now_ns(); UINT64_MAX: none */
	uint8_t level[TEST_TIMER_CHANNELS];        /* 1: the line is up */
	uint8_t padding[7];                        /* 0 */
};

struct test_timer {
	struct device dev; /* first */
	struct test_timer_state state;
	struct irq_line irq; /* the SPI */
	unsigned ncpus;
	const struct test_timer_ops *ops;
	void *world;
};

/* All lines low, no delay running. Drives nothing. ncpus is 1..TEST_TIMER_MAX_CPUS. */
void test_timer_init(struct test_timer *t, gpa_t base, struct irq_line irq, unsigned ncpus,
		     const struct test_timer_ops *ops, void *world);

/* A deadline may have come: look and raise. Caller holds t->dev.lock. */
void test_timer_tick(struct test_timer *t);

#endif
