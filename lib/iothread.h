/*
 * A thread with an event loop of its own, which serves devices. Others have functions run on it and wait for
 * them: what the guest's CPUs set up (queues, resets) is changed only there, so the way of a request through
 * a device takes no lock.
 *
 * A caller may hold a device's leaf lock while it waits: functions run here never take one.
 */
#ifndef LIB_IOTHREAD_H
#define LIB_IOTHREAD_H

#include <pthread.h>
#include <stdbool.h>

#include "lib/loop.h"

struct iothread_call; /* private */

struct iothread {
	struct loop loop; /* belongs to the thread once it runs */
	pthread_t thread;
	bool started;
	int wake_fd;          /* -1: not open */
	bool end;             /* the thread's own: set by a call */
	pthread_mutex_t lock; /* a leaf, of the queue of calls */
	pthread_cond_t finished;
	struct iothread_call *calls, **last;
	char name[16];
};

/* Make the loop; the thread does not run yet, and functions called before it does run in the caller.
 * 0, or -errno with `err`. */
int iothread_open(struct iothread *io, struct err *err) __attribute__((warn_unused_result));

/* Start the thread under `name` (15 characters at most). 0, or -errno with `err`. */
int iothread_start(struct iothread *io, const char *name, struct err *err)
	__attribute__((warn_unused_result));

/* End the thread and give everything back. Safe on one that was never opened (wake_fd -1). */
void iothread_close(struct iothread *io);

/* Run fn(arg) on the thread, between two events, and wait until it has returned. From the thread itself: a
 * plain call. Any thread. */
void iothread_call(struct iothread *io, void (*fn)(void *arg), void *arg);

#endif
