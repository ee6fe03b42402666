/*
 * The trace inside rasvm: lines that any thread writes, read by the main thread for whoever watches the run
 * (arm64/operator.h). A bounded ring; what nobody takes in time is lost and counted, the guest never waits.
 */
#ifndef ARM64_TRACE_TAP_H
#define ARM64_TRACE_TAP_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

#define TRACE_TAP_BYTES 65536
#define TRACE_LINE_BYTES                                                                           \
	1024 /* with its newline; a text of the guest in which all is escaped fits */

struct trace_tap {
	_Atomic unsigned wanted; /* by how many; 0: lines are not kept */
	int event_fd;            /* there are lines; -1: not open */
	pthread_mutex_t lock;    /* a leaf, for all below */
	size_t head, used;
	uint64_t lost; /* lines since the last one that was taken */
	char ring[TRACE_TAP_BYTES];
};

/* 0 or -errno with `err`. Main thread, as is trace_tap_close(), which is safe on one with event_fd -1. */
int trace_tap_open(struct trace_tap *tap, struct err *err) __attribute__((warn_unused_result));
void trace_tap_close(struct trace_tap *tap);

/* One more wants lines, or one less. Main thread. */
void trace_tap_want(struct trace_tap *tap, bool on);

/* True if somebody wants lines. Any thread. */
static inline bool trace_tap_on(const struct trace_tap *tap)
{
	return atomic_load_explicit(&tap->wanted, memory_order_relaxed) != 0;
}

/* Keep a line: n bytes, the last of them its newline. Any thread. */
void trace_tap_put(struct trace_tap *tap, const char *line, size_t n);

/* There are lines left: have `event_fd` say so. Any thread. */
void trace_tap_wake(struct trace_tap *tap);

/* The oldest line without its newline, with a final 0, into line[TRACE_LINE_BYTES]; its length, or 0: none.
 * If lines were lost behind the last one that is there, one says so: {"event":"lost","lines":N}. Main thread. */
size_t trace_tap_take(struct trace_tap *tap, char *line);

#endif
