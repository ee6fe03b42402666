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

/* memcpy() may move the bytes of a word one by one, as that of glibc for arm64 does with two: a guest that
 * changes or reads an index meanwhile would make or see a wrong one. */
static void copy(void *to, const void *from, size_t n)
{
	bool aligned = !(((uintptr_t)to | (uintptr_t)from) & (n - 1));

	if (n == 2 && aligned)
		__atomic_store_n((uint16_t *)to,
				 __atomic_load_n((const uint16_t *)from, __ATOMIC_RELAXED),
				 __ATOMIC_RELAXED);
	else if (n == 4 && aligned)
		__atomic_store_n((uint32_t *)to,
				 __atomic_load_n((const uint32_t *)from, __ATOMIC_RELAXED),
				 __ATOMIC_RELAXED);
	else if (n == 8 && aligned)
		__atomic_store_n((uint64_t *)to,
				 __atomic_load_n((const uint64_t *)from, __ATOMIC_RELAXED),
				 __ATOMIC_RELAXED);
	else
		memcpy(to, from, n);
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
	copy(to, from, n);
	atomic_signal_fence(memory_order_seq_cst);
	active = NULL;
	return 0;
}

static bool meets(const struct span *span, uintptr_t first, uintptr_t last)
{
	return span->first <= last && first <= span->last;
}

bool guard_catch_within(uintptr_t first, uintptr_t last)
{
	struct guard *guard = active;

	if (!guard ||
	    (!meets(&guard->side[0], first, last) && !meets(&guard->side[1], first, last)))
		return false;
	siglongjmp(guard->back, 1);
}

bool guard_catch(uintptr_t fault)
{
	return guard_catch_within(fault, fault);
}
