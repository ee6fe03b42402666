/*
 * The interrupt lines that rasvm's own devices drive: to KVM's interrupt controller, or, while the
 * guest has bound one (INTERRUPT_BIND), to its SDEI event.
 *
 * A device drives its line under its leaf lock, when the firmware lock may not be taken; so SDEI
 * hears of a bound line's rise from the main loop, and asks for the level when it needs it.
 */
#ifndef ARM64_LINES_H
#define ARM64_LINES_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "arm64/board.h"
#include "lib/err.h"

struct vm;

struct lines {
	pthread_mutex_t lock; /* innermost; for all below */
	bool level[BOARD_NR_INTIDS];
	bool bound[BOARD_NR_INTIDS];
	bool raised[BOARD_NR_INTIDS];   /* bound, and up since lines_take_raised() */
	bool ppi_level[BOARD_MAX_CPUS]; /* of INTID_TEST_TIMER */
	int event_fd;                   /* some line is in `raised` */
};

/* 0 or -errno with `err`. Main thread, as is lines_close(). */
int lines_open(struct lines *lines, struct err *err) __attribute__((warn_unused_result));
void lines_close(struct lines *lines);

/* True if rasvm drives this interrupt by itself, so that the guest may bind it. */
bool lines_owned(const struct vm *vm, uint32_t intid);

/* Drive an SPI; `world` is the struct vm. Any thread. */
void lines_set(void *world, uint32_t intid, bool level);

/* Raise an SPI that the guest has as edge-triggered, and lower it. `world` is the struct vm. Any thread. */
void lines_pulse(void *world, uint32_t intid);

/* What wakes a sleeping guest has happened: the pin of its GPIO controller rises, and falls. Nothing without
 * such a controller. Caller holds device_lock() of vm->gpio.dev. */
void lines_wake(struct vm *vm);

/* Drive one CPU's PPI of the test timer. Any thread. */
void lines_set_ppi(void *world, unsigned cpu, bool level);

/* Level of an SPI, or of a CPU's PPI. Any thread. */
bool lines_level(struct vm *vm, uint32_t intid, unsigned cpu);

/* From now on the line is SDEI's. False, and nothing done, if it is up (on any CPU, for a PPI). Any
 * thread. */
bool lines_bind(struct vm *vm, uint32_t intid);

/* The line is the interrupt controller's again, which sees its level. Any thread. */
void lines_release(struct vm *vm, uint32_t intid);

/* The first bound line from `intid` on that rose, or 0. Main thread, after event_fd became readable. */
uint32_t lines_take_raised(struct lines *lines, uint32_t intid);

#endif
