/*
 * SDEI under real concurrency: every PE is a thread that looks when it was kicked and sleeps when it
 * has nothing to do, as in arm64/run.c; another thread triggers shared events. Each sender waits
 * until its last event was taken before it sends the next, so that none may coalesce: as many must be
 * entered as were sent. A lost one would leave its sender waiting for ever, which a deadline ends.
 * Threads count what they find wrong; only the main thread asserts.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/clock.h"
#include "sdei/sdei.h"

#define NPE 4
/* Goes off and on. The one that is asked first, so that much must be handed over; nobody sends it
 * event 0. */
#define HOTPLUG_PE       0
#define ROUNDS           4000 /* events of each kind */
#define DEADLINE_SECONDS 40
#define WATCHDOG_SECONDS 250

#define PRIVATE_CRITICAL UINT32_C(0x40000002)
#define SHARED_NORMAL    UINT32_C(0x40000003)
#define SHARED_CRITICAL  UINT32_C(0x40000004)
#define EP(event)        (UINT64_C(0x10000) + ((event)&7) * 0x1000)
#define GUEST_PC         UINT64_C(0x80000)

enum {
	FID_REGISTER = 0xc4000021,
	FID_ENABLE = 0xc4000022,
	FID_DISABLE = 0xc4000023,
	FID_CONTEXT = 0xc4000024,
	FID_COMPLETE = 0xc4000025,
	FID_RESUME = 0xc4000026,
	FID_STATUS = 0xc4000028,
	FID_MASK = 0xc400002b,
	FID_UNMASK = 0xc400002c,
	FID_SIGNAL = 0xc400002f,
};

static const uint64_t mpidr[NPE] = { 0, 1, 0x100, 0x101 };
static const struct sdei_event_def events[] = {
	{ PRIVATE_CRITICAL, SDEI_PRIVATE, SDEI_CRITICAL },
	{ SHARED_NORMAL, SDEI_SHARED, SDEI_NORMAL },
	{ SHARED_CRITICAL, SDEI_SHARED, SDEI_CRITICAL },
};

struct world;

/* Registers and depth are the thread's own: no lock guards them, so that a thread sanitizer sees it
 * if SDEI touches those of a PE that is not calling. */
struct pe_thread {
	struct world *world;
	unsigned index;
	pthread_t thread;
	atomic_bool kicked;
	pthread_cond_t wake;
	uint32_t random;
	struct sdei_ctx ctx;
	unsigned depth;
};

/* Sent and taken, of one sender's events. Under the firmware lock. */
struct account {
	unsigned sent, entered;
	pthread_cond_t taken;
};

/* Under the firmware lock, but for what has its own rule. */
struct world {
	struct fw_lock lock;
	struct sdei sdei;
	struct fw_service service;
	struct pe_thread pe[NPE];
	struct account signalled[NPE]; /* event 0, by its target: the PE before it sends */
	struct account shared[2]; /* SHARED_NORMAL, SHARED_CRITICAL: the trigger thread sends */
	unsigned running[2];      /* handlers of the shared events that run now */
	unsigned critical_sent, critical_entered;
	unsigned senders; /* that are not done */
	bool stop;
	unsigned lost, doubled, wrong_result, wrong_entry, two_at_once;
	unsigned off_inside; /* how often the hotplug PE went off inside a handler */
};

/* ---- the fake world ---- */

static void get_ctx(void *opaque, unsigned pe, struct sdei_ctx *ctx)
{
	struct world *w = opaque;

	*ctx = w->pe[pe].ctx;
}

static void set_ctx(void *opaque, unsigned pe, const struct sdei_ctx *ctx)
{
	struct world *w = opaque;

	w->pe[pe].ctx = *ctx;
}

static void get_sysregs(void *opaque, unsigned pe, struct sdei_sysregs *sys)
{
	(void)opaque;
	(void)pe;
	*sys = (struct sdei_sysregs){ 0 };
}

static void set_exception(void *opaque, unsigned pe, uint64_t elr, uint64_t spsr)
{
	(void)opaque;
	(void)pe;
	(void)elr;
	(void)spsr;
}

static void kick(void *opaque, unsigned pe)
{
	struct world *w = opaque;

	atomic_store(&w->pe[pe].kicked, true);
	pthread_cond_signal(&w->pe[pe].wake);
}

/* Which shared event, or -1. */
static int shared_index(uint32_t event)
{
	return event == SHARED_NORMAL ? 0 : event == SHARED_CRITICAL ? 1 : -1;
}

static void note_entry(struct world *w, struct account *account)
{
	account->entered++;
	w->doubled += account->entered > account->sent;
	pthread_cond_signal(&account->taken);
	pthread_cond_signal(&w->pe[HOTPLUG_PE].wake);
}

static void note_entered(struct world *w, const struct sdei_note *n)
{
	int shared = shared_index(n->event);

	if (n->event == PRIVATE_CRITICAL)
		w->critical_entered++;
	else if (shared < 0)
		note_entry(w, &w->signalled[n->pe]);
	else
		note_entry(w, &w->shared[shared]);
	if (shared >= 0)
		w->two_at_once += w->running[shared]++ != 0;
}

static void note(void *opaque, const struct sdei_note *n)
{
	struct world *w = opaque;
	int shared = shared_index(n->event);

	if (n->kind == SDEI_NOTE_ENTERED)
		note_entered(w, n);
	if (shared >= 0 && (n->kind == SDEI_NOTE_COMPLETED || n->kind == SDEI_NOTE_RESUMED ||
			    n->kind == SDEI_NOTE_ENDED))
		w->running[shared]--;
}

static const struct sdei_ops ops = {
	.get_ctx = get_ctx,
	.get_sysregs = get_sysregs,
	.set_ctx = set_ctx,
	.set_exception = set_exception,
	.kick = kick,
	.note = note,
};

static void world_init(struct world *w)
{
	const struct sdei_config config = {
		.npe = NPE,
		.mpidr = mpidr,
		.events = events,
		.nevents = sizeof(events) / sizeof(events[0]),
		.slot_base = 0x40000100,
		.ops = &ops,
		.world = w,
	};
	pthread_condattr_t attr; /* not the time of day, which may be set meanwhile */
	struct err err;

	memset(w, 0, sizeof(*w));
	pthread_mutex_init(&w->lock.mutex, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	for (unsigned i = 0; i < NPE; i++) {
		w->pe[i].world = w;
		w->pe[i].index = i;
		w->pe[i].random = 2 * i + 1;
		w->pe[i].ctx.pc = GUEST_PC;
		pthread_cond_init(&w->pe[i].wake, NULL);
		pthread_cond_init(&w->signalled[i].taken, &attr);
	}
	pthread_cond_init(&w->shared[0].taken, &attr);
	pthread_cond_init(&w->shared[1].taken, &attr);
	pthread_condattr_destroy(&attr);
	w->service = (struct fw_service){ "SDEI", sdei_calls, sdei_ncalls, &w->sdei, NULL };
	assert_int_equal(sdei_init(&w->sdei, &config, &err), 0);
}

static void world_destroy(struct world *w)
{
	for (unsigned i = 0; i < NPE; i++) {
		pthread_cond_destroy(&w->pe[i].wake);
		pthread_cond_destroy(&w->signalled[i].taken);
	}
	pthread_cond_destroy(&w->shared[0].taken);
	pthread_cond_destroy(&w->shared[1].taken);
	sdei_destroy(&w->sdei);
	pthread_mutex_destroy(&w->lock.mutex);
}

/* ---- what a PE does ---- */

static uint32_t next_random(struct pe_thread *t)
{
	t->random = t->random * 1664525u + 1013904223u;
	return t->random >> 16;
}

struct args {
	uint64_t x[5];
};

static enum fw_result call_locked(struct fw_locked locked, struct pe_thread *t, uint32_t fid,
				  struct args args)
{
	struct world *w = t->world;
	struct smccc call = { .fid = fid, .pe = t->index, .nargs = 5 };
	enum fw_result result;

	memcpy(call.arg, args.x, sizeof(args.x));
	result = sdei_call(locked, &w->sdei, fw_find(&w->service, fid), &call);
	if (result == FW_RETURN)
		t->ctx.x[0] = (uint64_t)call.ret;
	return result;
}

/* A call that must return `expected`. */
static void call(struct pe_thread *t, uint32_t fid, struct args args, int64_t expected)
{
	struct world *w = t->world;
	struct fw_locked locked = fw_lock(&w->lock);

	if (call_locked(locked, t, fid, args) != FW_RETURN || (int64_t)t->ctx.x[0] != expected)
		w->wrong_result++;
	fw_unlock(locked);
}

/* Answer a kick, in one of the two ways that sdei.h allows. */
static void look(struct pe_thread *t)
{
	struct world *w = t->world;
	struct fw_locked locked;

	if (!atomic_exchange(&t->kicked, false))
		return;
	locked = fw_lock(&w->lock);
	if ((next_random(t) % 2 || sdei_wants(locked, &w->sdei, t->index)) &&
	    sdei_evaluate(locked, &w->sdei, t->index)) {
		t->depth++;
		w->wrong_entry += t->ctx.pc != EP((uint32_t)t->ctx.x[0]) || t->depth > 2;
	}
	fw_unlock(locked);
}

static void leave(struct pe_thread *t)
{
	static const struct args none = { { 0 } };
	struct world *w = t->world;
	struct fw_locked locked = fw_lock(&w->lock);
	bool resume = next_random(t) % 4 == 0;

	t->depth--;
	if (call_locked(locked, t, resume ? FID_RESUME : FID_COMPLETE, none) != FW_RESUMED)
		w->wrong_result++;
	fw_unlock(locked);
}

static void register_event(struct pe_thread *t, uint32_t event)
{
	call(t, FID_REGISTER, (struct args){ { event, EP(event), event } }, SDEI_SUCCESS);
	call(t, FID_ENABLE, (struct args){ { event } }, SDEI_SUCCESS);
}

static void come_on(struct pe_thread *t)
{
	struct fw_locked locked = fw_lock(&t->world->lock);

	sdei_pe_on(locked, &t->world->sdei, t->index);
	fw_unlock(locked);
	t->ctx.pc = GUEST_PC;
	register_event(t, SDEI_EVENT_SIGNALLED);
	register_event(t, PRIVATE_CRITICAL);
}

/* Off, at any moment, also in a handler or while it was asked to take a shared event; until the
 * others have taken what was sent by then, for nobody else can. */
static void off_and_on(struct pe_thread *t)
{
	struct world *w = t->world;
	struct fw_locked locked = fw_lock(&w->lock);
	unsigned normal = w->shared[0].sent, critical = w->shared[1].sent;

	sdei_pe_off(locked, &w->sdei, t->index);
	w->off_inside += t->depth > 0;
	while (!w->stop && (w->shared[0].entered < normal || w->shared[1].entered < critical))
		pthread_cond_wait(&t->wake, &w->lock.mutex);
	fw_unlock(locked);
	t->depth = 0;
	atomic_store(&t->kicked, false);
	come_on(t);
}

/* Send event 0 to the next PE, if it has taken the last one. */
static void signal_next(struct pe_thread *t)
{
	struct world *w = t->world;
	unsigned target = (t->index + 1) % NPE;
	struct account *account = &w->signalled[target];
	struct fw_locked locked = fw_lock(&w->lock);

	if (account->sent == account->entered && account->sent < ROUNDS) {
		if (++account->sent == ROUNDS)
			w->senders--;
		call_locked(locked, t, FID_SIGNAL, (struct args){ { 0, mpidr[target] } });
		w->wrong_result += t->ctx.x[0] != SDEI_SUCCESS;
	}
	fw_unlock(locked);
}

static void trigger_critical(struct pe_thread *t)
{
	struct world *w = t->world;
	struct fw_locked locked = fw_lock(&w->lock);

	w->critical_sent++;
	w->wrong_result += sdei_trigger(locked, &w->sdei, PRIVATE_CRITICAL, t->index, "test") !=
			   SDEI_TRIGGERED;
	fw_unlock(locked);
}

/* What changes who may take an event; undone before the PE sleeps (disabled, masked) or at once. */
static void mask_or_disable(struct pe_thread *t)
{
	static const struct args none = { { 0 } };
	uint32_t event = next_random(t) % 2 ? SHARED_NORMAL : SHARED_CRITICAL;
	struct fw_locked locked;

	switch (next_random(t) % 3) {
	case 0:
		locked = fw_lock(&t->world->lock);
		call_locked(locked, t, FID_MASK, none);
		fw_unlock(locked);
		break;
	case 1:
		call(t, FID_UNMASK, none, 0);
		break;
	default:
		call(t, FID_DISABLE, (struct args){ { event } }, SDEI_SUCCESS);
		call(t, FID_ENABLE, (struct args){ { event } }, SDEI_SUCCESS);
	}
}

/* WFI: nothing is masked any more, so whatever is for this PE must come with a kick. An interrupt of
 * the guest's own ends it too, but makes nobody look. */
static void wait_for_interrupt(struct pe_thread *t)
{
	struct world *w = t->world;
	struct fw_locked locked;

	call(t, FID_UNMASK, (struct args){ { 0 } }, 0);
	locked = fw_lock(&w->lock);
	if (!atomic_load(&t->kicked) && !w->stop)
		pthread_cond_wait(&t->wake, &w->lock.mutex);
	fw_unlock(locked);
}

static void live(struct pe_thread *t)
{
	unsigned what = next_random(t) % 16;

	if (what == 15 && t->index == HOTPLUG_PE)
		off_and_on(t);
	look(t);
	if (t->depth && what < 10)
		leave(t);
	else if (what < 3)
		mask_or_disable(t);
	else if (what < 4)
		trigger_critical(t);
	else if (what < 12 && (t->index + 1) % NPE != HOTPLUG_PE)
		signal_next(t);
	else if (!t->depth)
		wait_for_interrupt(t);
}

static bool stopping(struct world *w)
{
	struct fw_locked locked = fw_lock(&w->lock);
	bool stop = w->stop;

	fw_unlock(locked);
	return stop;
}

/* To the end: whatever is pending is taken and completed. */
static void drain(struct pe_thread *t)
{
	call(t, FID_UNMASK, (struct args){ { 0 } }, 0);
	do {
		look(t);
		while (t->depth) {
			leave(t);
			look(t);
		}
	} while (atomic_load(&t->kicked));
}

static void *run_pe(void *arg)
{
	struct pe_thread *t = arg;

	while (!stopping(t->world))
		live(t);
	drain(t);
	return NULL;
}

/* ---- the thread that triggers ---- */

/* Wait until the last event of this account was taken. False: it was not, in all that time. */
static bool wait_taken(struct world *w, struct account *account)
{
	struct timespec deadline;

	clock_gettime(CLOCK_MONOTONIC, &deadline);
	deadline.tv_sec += DEADLINE_SECONDS;
	while (account->entered != account->sent)
		if (pthread_cond_timedwait(&account->taken, &w->lock.mutex, &deadline) == ETIMEDOUT)
			return false;
	return true;
}

static void trigger_shared(struct fw_locked locked, struct world *w, unsigned i)
{
	uint32_t event = i ? SHARED_CRITICAL : SHARED_NORMAL;

	if (!wait_taken(w, &w->shared[i])) {
		w->lost++;
		w->shared[i].entered = w->shared[i].sent;
	}
	w->shared[i].sent++;
	if (sdei_trigger(locked, &w->sdei, event, SDEI_NO_PE, "test") != SDEI_TRIGGERED)
		w->wrong_result++;
}

/* The guest's own interrupts, for PEs that sleep although they have more to send. */
static struct fw_locked wait_senders(struct fw_locked locked, struct world *w)
{
	uint64_t end_ns = clock_now_ns() + DEADLINE_SECONDS * NS_PER_SEC;

	while (w->senders && clock_now_ns() < end_ns) {
		for (unsigned i = 0; i < NPE; i++)
			pthread_cond_signal(&w->pe[i].wake);
		fw_unlock(locked);
		usleep(100);
		locked = fw_lock(&w->lock);
	}
	w->lost += w->senders;
	return locked;
}

/* Shared events one by one, both kinds at a time; then wait for the signals and stop the PEs. */
static void *run_trigger(void *arg)
{
	struct world *w = arg;
	struct fw_locked locked = fw_lock(&w->lock);

	for (unsigned n = 0; n < ROUNDS && !w->lost; n++)
		for (unsigned i = 0; i < 2; i++)
			trigger_shared(locked, w, i);
	for (unsigned i = 0; i < 2; i++)
		w->lost += !wait_taken(w, &w->shared[i]);
	locked = wait_senders(locked, w);
	for (unsigned i = 0; i < NPE; i++)
		w->lost += !wait_taken(w, &w->signalled[i]);
	w->stop = true;
	for (unsigned i = 0; i < NPE; i++)
		pthread_cond_signal(&w->pe[i].wake);
	fw_unlock(locked);
	return NULL;
}

static void assert_nothing_wrong(const struct world *w)
{
	assert_int_equal(w->lost, 0);
	assert_int_equal(w->doubled, 0);
	assert_int_equal(w->two_at_once, 0);
	assert_int_equal(w->wrong_entry, 0);
	assert_int_equal(w->wrong_result, 0);
}

static void assert_drained(struct world *w)
{
	struct fw_locked locked = fw_lock(&w->lock);

	for (unsigned i = 0; i < NPE; i++) {
		assert_false(sdei_in_handler(locked, &w->sdei, i));
		assert_int_equal(sdei_wants(locked, &w->sdei, i), 0);
	}
	fw_unlock(locked);
}

static void no_event_is_lost_or_entered_twice(void **state)
{
	struct world w;
	pthread_t trigger;

	(void)state;
	alarm(WATCHDOG_SECONDS);
	world_init(&w);
	for (unsigned i = 0; i < NPE; i++)
		come_on(&w.pe[i]);
	register_event(&w.pe[0], SHARED_NORMAL);
	register_event(&w.pe[0], SHARED_CRITICAL);
	w.senders = NPE - 1;
	for (unsigned i = 0; i < NPE; i++)
		assert_int_equal(pthread_create(&w.pe[i].thread, NULL, run_pe, &w.pe[i]), 0);
	assert_int_equal(pthread_create(&trigger, NULL, run_trigger, &w), 0);
	pthread_join(trigger, NULL);
	for (unsigned i = 0; i < NPE; i++)
		pthread_join(w.pe[i].thread, NULL);
	assert_nothing_wrong(&w);
	for (unsigned i = 0; i < NPE; i++)
		assert_int_equal(w.signalled[i].entered, i == HOTPLUG_PE ? 0 : ROUNDS);
	assert_int_equal(w.shared[0].entered, ROUNDS);
	assert_int_equal(w.shared[1].entered, ROUNDS);
	assert_in_range(w.critical_entered, 1, w.critical_sent);
	assert_in_range(w.off_inside, 1, UINT32_MAX);
	assert_drained(&w);
	world_destroy(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_event_is_lost_or_entered_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
