/*
 * SDEI events that come by themselves: --sdei-trigger's, and the watchdog's period. Both are timers of
 * the main loop.
 */
#ifndef ARM64_SDEI_TIMERS_H
#define ARM64_SDEI_TIMERS_H

#include <stdint.h>

#include "lib/err.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "sdei/options.h"

struct vm;

struct sdei_timers {
	struct sdei_trigger_rule rule[SDEI_MAX_TRIGGERS]; /* the machine's own copy: used up */
	uint64_t due_ns[SDEI_MAX_TRIGGERS];               /* CLOCK_MONOTONIC; 0: used up */
	unsigned nrules;
	struct log_limit log;
	int trigger_fd, watchdog_fd;
};

/* Make the timers that the configuration asks for and put them on vm->loop. 0 or -errno with `err`. Main thread. */
int sdei_timers_open(struct vm *vm, struct err *err) __attribute__((warn_unused_result));
void sdei_timers_close(struct vm *vm);

/* The machine starts now: times of --sdei-trigger count from vm->started_ns. Main thread. */
void sdei_timers_start(struct vm *vm);

/* Watchdog events every `period_ns`, the first a whole period from now; 0: none. Only with
 * --sdei-watchdog. Any thread. */
void sdei_timers_watchdog(struct vm *vm, uint64_t period_ns);

#endif
