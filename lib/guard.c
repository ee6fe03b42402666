/*
 * Accesses that may meet poisoned memory: before the bytes are touched, the thread notes where they
 * are and where to go on; the SIGBUS handler finds the note and jumps there.
 *
 * The note lives on the stack of guard_copy(), its address in a variable of the thread, which the
 * handler of the same thread reads. Left out: nesting, which nobody needs.
 */
#include "lib/guard.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

/* The largest page of an arm64 host. Memory that goes bad while it is read may be reported by the
 * address of its page, not of the byte. */
#define PAGE_MAX_BYTES ((uintptr_t)64 << 10)

struct span {
	uintptr_t first, last;
};

struct guard {
	sigjmp_buf back;
	struct span side[2]; /* what is read, what is written */
};

/* Reached without a call, so that a handler may use it. */
static _Thread_local struct guard *volatile active __attribute__((tls_model("initial-exec")));

static struct span pages_of(const void *at, size_t n)
{
	uintptr_t first = (uintptr_t)at;

	return (struct span){ first & ~(PAGE_MAX_BYTES - 1),
			      (first + n - 1) | (PAGE_MAX_BYTES - 1) };
}

/* The handler's signal is still blocked, as it did not return. */
static void unblock(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGBUS);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

int guard_copy(void *to, const void *from, size_t n)
{
	struct guard guard;

	if (!n)
		return 0;
	guard.side[0] = pages_of(from, n);
	guard.side[1] = pages_of(to, n);
	if (sigsetjmp(guard.back, 0)) {
		active = NULL;
		unblock();
		return -EHWPOISON;
	}
	active = &guard;
	atomic_signal_fence(memory_order_seq_cst);
	memcpy(to, from, n);
	atomic_signal_fence(memory_order_seq_cst);
	active = NULL;
	return 0;
}

static bool contains(const struct span *span, uintptr_t at)
{
	return span->first <= at && at <= span->last;
}

bool guard_catch(uintptr_t fault)
{
	struct guard *guard = active;

	if (!guard || (!contains(&guard->side[0], fault) && !contains(&guard->side[1], fault)))
		return false;
	siglongjmp(guard->back, 1);
}
