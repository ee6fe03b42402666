/*
 * Carrying out injections: when each rule of --inject is due (inject.c), and one function that does it,
 * whoever asks: command line, script, control client, the guest's EINJ (inject_fire.c).
 *
 * A rule's occasion is the machine's start (at=), a line of the console (when=console) or a number of
 * exits (when=exit); at= is then a delay. While a rule is due, further occasions of it are not
 * counted: the guest cannot pile up work here. Occasions and counts go on across the guest's resets.
 */
#ifndef ARM64_INJECT_H
#define ARM64_INJECT_H

#include <pthread.h>
#include <regex.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/log.h"
#include "ras/inject.h"

struct vm;

#define INJECT_LINE_BYTES 1024 /* what is looked at of a console line */
#define INJECT_MARKS      256
/* Memory errors that the guest may ask its EINJ for: far fewer than the page map holds, which ends the run
 * when it is full. */
#define INJECT_EINJ_MAX 1024

/* A page that was made bad in the host's eyes, so that the signal for it can be told from others. */
struct inject_mark {
	uint64_t from, to; /* GPAs, [from, to) */
	uint32_t id;
};

/* Rules at work. Main thread, but for what says otherwise. All 0: nothing to close. */
struct injector {
	struct inject_rule rule[INJECT_MAX_RULES]; /* the machine's own copy: used up */
	regex_t regex[INJECT_MAX_RULES];           /* INJECT_CONSOLE */
	uint64_t due_ns[INJECT_MAX_RULES];         /* CLOCK_MONOTONIC; 0: not due */
	uint64_t captured[INJECT_MAX_RULES];       /* INJECT_CAPTURE: address in the line */
	unsigned nrules;
	/* A bit a rule: `regex` is there; INJECT_EXIT: it had its occasion; it has done all it is to;
	 * the present line matched it. */
	uint32_t compiled, occurred, over, matched;
	int timer_fd; /* -1: none */

	char line[INJECT_LINE_BYTES]; /* the console's present line */
	unsigned line_used;
	uint64_t quiet_ns; /* when an unfinished line is looked at; 0: there is none */

	_Atomic uint64_t exits;        /* any vCPU thread */
	_Atomic uint64_t exits_wanted; /* the next number that is an occasion; 0: none */

	uint64_t random; /* state of the generator for places; not 0 */
	struct log_limit log;

	unsigned einj_errors; /* memory errors by the guest's EINJ since inject_forget() */
	bool einj_refused;    /* one of them was too many, and that was logged */

	bool opened;
	pthread_mutex_t lock;                  /* a leaf, of the marks */
	struct inject_mark mark[INJECT_MARKS]; /* under `lock`; the last INJECT_MARKS of them */
	unsigned nmarks;
};

/* Compile the rules and see that the host can do what they ask (userfaultfd, privilege, RAS): at start, so
 * that a bad rule is known before the guest runs. 0, or -errno with `err` naming the rule. Main thread,
 * after vm_create() and open_events(). */
int inject_open(struct vm *vm, struct err *err) __attribute__((warn_unused_result));
void inject_close(struct vm *vm);

/* The guest starts for the first time: times count from here, vm->started_ns. Main thread. */
void inject_start(struct vm *vm);

/* Console output went by. Each line is matched without its end; an unfinished one, a prompt say, once
 * nothing followed for a moment. One line is one occasion for a rule at most. Main thread. */
void inject_console(struct vm *vm, const uint8_t *bytes, unsigned n);

/* True if some rule waits for a number of exits. Any thread; cheap. */
static inline bool inject_wants_exits(const struct injector *in)
{
	return atomic_load_explicit(&in->exits_wanted, memory_order_relaxed) != 0;
}

/* KVM_RUN returned with an exit (kicks do not count). Any thread; only if inject_wants_exits(). */
void inject_exit(struct injector *in);

/* Do what one rule says, once, now. `from` is static ("operator", "einj", ...). *id gets the error's
 * number. 0; -EBUSY: the PE has not taken the one before, try again; or -errno with `err` a sentence.
 * Main thread, without vm.fw. */
int inject_fire(struct vm *vm, const struct inject_rule *rule, const char *from, uint32_t *id,
		struct err *err) __attribute__((warn_unused_result));

/* A rule from a script or a client. One that says nothing of when is done at once, as by inject_fire(); any
 * other joins those of --inject, its times counting from now, and *id is 0. 0; -ENOSPC: INJECT_MAX_RULES are
 * at work; or another -errno, with `err` a sentence. Main thread, without vm.fw. */
int inject_add(struct vm *vm, const struct inject_rule *rule, const char *from, uint32_t *id,
	       struct err *err) __attribute__((warn_unused_result));

/* Nothing, unless the guest wrote EINJ's EXECUTE: do what it asked and report. Main thread. */
void inject_einj(struct vm *vm);

/* The id of the injection (level=uffd or real) that made this page bad, or RAS_NO_ID. Any thread, with or
 * without vm.fw. */
uint32_t inject_id_of(struct vm *vm, gpa_t page);

/* A reset has replaced all lost pages: what happens to them from now on is no injection of before, and the
 * guest's EINJ may lose pages again. Main thread, no vCPU exists. */
void inject_forget(struct vm *vm);

#endif
