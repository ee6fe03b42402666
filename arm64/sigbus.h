/*
 * SIGBUS: the host's kernel reports hardware memory errors.
 *
 * MCEERR_AO (a page was found bad, nobody used it) goes to the RAS thread, the only one that asked for
 * early reports (PR_MCE_KILL_EARLY; the main thread sets LATE before any other thread starts). The
 * handler leaves a note and wakes that thread, which then takes locks and reports the page. It does not
 * block SIGBUS: while it writes to guest RAM it may meet a bad page like anybody else.
 *
 * MCEERR_AR (somebody used it) goes to whoever did. The process-wide handler does one of three things:
 * in guard_copy() it goes back there (lib/guard.h); in a vCPU's KVM_RUN it leaves a note in the vCPU and
 * sets immediate_exit; anywhere else it says so and lets the process die, since rasvm's own memory is
 * lost. Every other SIGBUS (BUS_ADRERR: a truncated file, no huge page left) ends the process the same
 * way.
 *
 * SIGBUS is not queued: of two pages that go bad at once one may be reported. So the RAS thread looks
 * for others that the host has taken out of use (pagescan.h), once a second at most; what that does not
 * find is found when it is used.
 *
 * Source: Linux Documentation/mm/hwpoison.rst, sigaction(2) (si_addr_lsb), prctl(2) (PR_MCE_KILL),
 * virt/kvm/api.rst (KVM_RUN, KVM_EXIT_ARM_SEA).
 */
#ifndef ARM64_SIGBUS_H
#define ARM64_SIGBUS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"

struct vm;
struct vcpu;

#define SIGBUS_STASH 16

struct sigbus_signal {
	uintptr_t addr;   /* host address: the page, or a byte of it */
	unsigned lsb;     /* log2 of the bytes that are lost, as far as the host knows */
	uint64_t seen_ns; /* CLOCK_MONOTONIC */
};

/* Signals a thread got and has not looked at. Written by the handler in that same thread. */
struct sigbus_stash {
	_Atomic unsigned n;
	struct sigbus_signal signal[SIGBUS_STASH]; /* a ring: the last ones, if there were more */
};

struct ras_thread {
	pthread_t thread;
	bool started;
	int event_fd; /* there are signals, or it is to end */
	_Atomic bool end;
	struct sigbus_stash stash;
	uint64_t scanned_ns; /* RAS thread: the last scan; 0: none */
	unsigned scan_type;  /* ... for pages of this kind; PAGESCAN_NONE: no scan is due */
};

/* Handler, early-kill policy, RAS thread. Main thread, before any other thread but those that inherit
 * the policy. 0, or -errno with `err`. */
int sigbus_open(struct vm *vm, struct err *err) __attribute__((warn_unused_result));

/* End the RAS thread; the handler stays, harmless. Safe if sigbus_open() failed or was not called. */
void sigbus_close(struct vm *vm);

/* A vCPU's thread begins and ends: where AR signals in KVM_RUN go. Owner thread. */
void sigbus_enter_vcpu(struct vcpu *vcpu);
void sigbus_leave_vcpu(void);

/* Take the signals out of a stash of this thread: how many, oldest first. */
unsigned sigbus_take(struct sigbus_stash *stash, struct sigbus_signal out[SIGBUS_STASH]);

/* True if the thread has got signals; costs a load. */
static inline bool sigbus_any(struct sigbus_stash *stash)
{
	return atomic_load_explicit(&stash->n, memory_order_relaxed) != 0;
}

#endif
