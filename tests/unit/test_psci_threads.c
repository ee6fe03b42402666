/*
 * PSCI under real concurrency: every PE is a thread that sleeps while it is OFF, as in arm64/fw.c.
 * Threads count what they find wrong; only the main thread asserts.
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "hypercall/psci.h"

#define NPE              8
#define TARGET           (NPE - 1)
#define RAM_BASE         UINT64_C(0x80000000)
#define FID_CPU_OFF      0x84000002u
#define FID_CPU_ON       0xc4000003u
#define FID_AFFINITY     0xc4000004u
#define STORM_CALLS      40000
#define RACE_ROUNDS      1000
#define WATCHDOG_SECONDS 300

struct world;

struct pe_thread {
	struct world *world;
	unsigned index;
	pthread_t thread;
	pthread_cond_t wake;
	uint32_t random;
	uint64_t granted_ctx; /* of the CPU_ON that won last */
	unsigned granted;     /* CPU_ON calls for this PE that succeeded */
	unsigned started;     /* times this thread started */
};

/* All of it under the firmware lock, but for the barrier. */
struct world {
	struct fw_lock lock;
	struct psci psci;
	struct psci_pe pe[NPE];
	struct fw_service service;
	struct pe_thread thread[NPE];
	bool stop;
	bool release;    /* race test: the target may go off */
	uint64_t ticket; /* a different context id for each CPU_ON */
	unsigned wrong_ctx, double_start, wrong_affinity, wrong_result;
	unsigned winners;
	pthread_barrier_t barrier;
};

static void wake_pe(void *opaque, unsigned pe)
{
	struct world *w = opaque;

	pthread_cond_signal(&w->thread[pe].wake);
}

static const struct psci_ops ops = { .wake = wake_pe };

static void world_init(struct world *w, bool on_pending)
{
	const struct psci_config config = {
		.version = PSCI_VERSION_1_3,
		.on_pending = on_pending,
		.npe = NPE,
		.ram_base = gpa(RAM_BASE),
		.ram_bytes = MIB(1),
		.ops = &ops,
		.world = w,
	};
	struct err err;

	memset(w, 0, sizeof(*w));
	pthread_mutex_init(&w->lock.mutex, NULL);
	pthread_barrier_init(&w->barrier, NULL, NPE - 1);
	for (unsigned i = 0; i < NPE; i++) {
		w->pe[i].mpidr = i;
		w->thread[i] = (struct pe_thread){ .world = w, .index = i, .random = 2 * i + 1 };
		pthread_cond_init(&w->thread[i].wake, NULL);
	}
	w->service = (struct fw_service){
		.name = "PSCI", .calls = psci_calls, .ncalls = psci_ncalls, .self = &w->psci
	};
	assert_int_equal(psci_init(&w->psci, &config, w->pe, &err), 0);

	struct fw_locked locked = fw_lock(&w->lock);
	psci_reset(locked, &w->psci, (struct psci_entry){ .pc = RAM_BASE }, false);
	w->thread[0].granted = 1;
	fw_unlock(locked);
}

static void world_destroy(struct world *w)
{
	for (unsigned i = 0; i < NPE; i++)
		pthread_cond_destroy(&w->thread[i].wake);
	pthread_barrier_destroy(&w->barrier);
	pthread_mutex_destroy(&w->lock.mutex);
}

static enum fw_result call_locked(struct fw_locked locked, struct pe_thread *t, uint32_t fid,
				  uint64_t x1, uint64_t x2, uint64_t x3, int64_t *ret)
{
	struct world *w = t->world;
	struct smccc call = { .fid = fid, .pe = t->index, .arg = { x1, x2, x3 } };
	enum fw_result result = psci_call(locked, &w->psci, fw_find(&w->service, fid), &call);

	*ret = call.ret;
	return result;
}

/* CPU_ON of `pe`; a success is booked before anyone else gets the lock. */
static int64_t cpu_on(struct pe_thread *t, unsigned pe)
{
	struct world *w = t->world;
	struct pe_thread *target = &w->thread[pe];
	struct fw_locked locked = fw_lock(&w->lock);
	uint64_t ctx = ++w->ticket;
	int64_t ret = PSCI_DENIED;

	if (!w->stop)
		call_locked(locked, t, FID_CPU_ON, pe, RAM_BASE, ctx, &ret);
	if (ret == PSCI_SUCCESS) {
		w->double_start += target->granted != target->started;
		target->granted++;
		target->granted_ctx = ctx;
		w->winners++;
	}
	fw_unlock(locked);
	return ret;
}

static int64_t affinity_info(struct pe_thread *t, unsigned pe)
{
	struct fw_locked locked = fw_lock(&t->world->lock);
	int64_t ret = -1;

	call_locked(locked, t, FID_AFFINITY, pe, 0, 0, &ret);
	fw_unlock(locked);
	return ret;
}

static void cpu_off(struct pe_thread *t)
{
	struct fw_locked locked = fw_lock(&t->world->lock);
	int64_t ret;

	if (call_locked(locked, t, FID_CPU_OFF, 0, 0, 0, &ret) != FW_PE_OFF)
		t->world->wrong_result++;
	fw_unlock(locked);
}

/* Sleep while OFF. False: the machine stops, and nobody turned this PE on before that. */
static bool wait_on(struct pe_thread *t)
{
	struct world *w = t->world;
	struct psci_entry entry = { 0 };
	struct fw_locked locked = fw_lock(&w->lock);
	bool on;

	while (!(on = psci_take_on(locked, &w->psci, t->index, &entry)) && !w->stop)
		pthread_cond_wait(&t->wake, &w->lock.mutex);
	if (on) {
		t->started++;
		w->double_start += t->started != t->granted;
		w->wrong_ctx += entry.ctx != t->granted_ctx;
	}
	fw_unlock(locked);
	return on;
}

static uint32_t next_random(struct pe_thread *t)
{
	t->random = t->random * 1664525u + 1013904223u;
	return t->random >> 16;
}

static bool stopping(struct pe_thread *t)
{
	struct fw_locked locked = fw_lock(&t->world->lock);
	bool stop = t->world->stop;

	fw_unlock(locked);
	return stop;
}

static void count(struct world *w, unsigned *counter)
{
	struct fw_locked locked = fw_lock(&w->lock);

	(*counter)++;
	fw_unlock(locked);
}

/* One random call other than CPU_OFF. */
static void storm_call(struct pe_thread *t)
{
	struct world *w = t->world;
	unsigned pe = next_random(t) % NPE;
	int64_t pending = w->psci.config.on_pending ? PSCI_PE_ON_PENDING : PSCI_PE_OFF;
	int64_t ret;

	if (next_random(t) % 2) {
		ret = affinity_info(t, pe);
		if (ret < PSCI_PE_ON || (ret > PSCI_PE_OFF && ret != pending))
			count(w, &w->wrong_affinity);
		if (pe == t->index && ret != PSCI_PE_ON)
			count(w, &w->wrong_affinity);
		return;
	}
	ret = cpu_on(t, pe);
	if (ret == PSCI_SUCCESS ? pe == t->index : ret == PSCI_INVALID_PARAMETERS)
		count(w, &w->wrong_result);
}

static void *storm_pe(void *arg)
{
	struct pe_thread *t = arg;

	while (wait_on(t)) {
		do
			storm_call(t);
		while (!stopping(t) && next_random(t) % 8);
		cpu_off(t);
	}
	return NULL;
}

/* PE 0 stays on, so that the machine never dies, and ends the storm. */
static void *storm_boot_pe(void *arg)
{
	struct pe_thread *t = arg;
	struct world *w = t->world;
	struct fw_locked locked;

	wait_on(t);
	for (unsigned i = 0; i < STORM_CALLS; i++)
		storm_call(t);
	locked = fw_lock(&w->lock);
	w->stop = true;
	for (unsigned i = 0; i < NPE; i++)
		pthread_cond_signal(&w->thread[i].wake);
	fw_unlock(locked);
	return NULL;
}

static void run(struct world *w, unsigned pe, void *(*body)(void *))
{
	assert_int_equal(pthread_create(&w->thread[pe].thread, NULL, body, &w->thread[pe]), 0);
}

static void join_all(struct world *w)
{
	for (unsigned i = 0; i < NPE; i++)
		pthread_join(w->thread[i].thread, NULL);
}

static void assert_nothing_wrong(const struct world *w)
{
	assert_int_equal(w->double_start, 0);
	assert_int_equal(w->wrong_ctx, 0);
	assert_int_equal(w->wrong_affinity, 0);
	assert_int_equal(w->wrong_result, 0);
}

static void storm(bool on_pending)
{
	struct world w;

	alarm(WATCHDOG_SECONDS);
	world_init(&w, on_pending);
	run(&w, 0, storm_boot_pe);
	for (unsigned i = 1; i < NPE; i++)
		run(&w, i, storm_pe);
	join_all(&w);
	assert_nothing_wrong(&w);
	for (unsigned i = 0; i < NPE; i++) {
		assert_int_equal(w.thread[i].started, w.thread[i].granted);
		assert_true(w.thread[i].started > 0);
	}
	world_destroy(&w);
}

static void storm_loses_no_start_and_starts_nobody_twice(void **state)
{
	(void)state;
	storm(false);
}

static void storm_with_on_pending_loses_no_start(void **state)
{
	(void)state;
	storm(true);
}

/* The loser's code; ALREADY_ON also with ON_PENDING, once the target runs. */
static bool is_losers_code(const struct world *w, int64_t ret)
{
	if (ret == PSCI_ON_PENDING)
		return w->psci.config.on_pending;
	return ret == PSCI_ALREADY_ON;
}

/* One round's end: one winner, one start; then send the target off and see it go. */
static void race_judge(struct pe_thread *t, unsigned round)
{
	struct world *w = t->world;
	struct fw_locked locked;

	while (affinity_info(t, TARGET) != PSCI_PE_ON)
		sched_yield();
	locked = fw_lock(&w->lock);
	w->double_start += w->winners != 1 || w->thread[TARGET].granted != round + 1;
	w->winners = 0;
	w->release = true;
	pthread_cond_signal(&w->thread[TARGET].wake);
	fw_unlock(locked);
	while (affinity_info(t, TARGET) != PSCI_PE_OFF)
		sched_yield();
}

static void *race_caller(void *arg)
{
	struct pe_thread *t = arg;
	struct world *w = t->world;

	for (unsigned round = 0; round < RACE_ROUNDS; round++) {
		int64_t ret;

		pthread_barrier_wait(&w->barrier);
		ret = cpu_on(t, TARGET);
		if (ret != PSCI_SUCCESS && !is_losers_code(w, ret))
			count(w, &w->wrong_result);
		pthread_barrier_wait(&w->barrier);
		if (t->index == 0)
			race_judge(t, round);
	}
	return NULL;
}

static void *race_target(void *arg)
{
	struct pe_thread *t = arg;
	struct world *w = t->world;

	for (unsigned round = 0; round < RACE_ROUNDS && wait_on(t); round++) {
		struct fw_locked locked = fw_lock(&w->lock);

		while (!w->release)
			pthread_cond_wait(&t->wake, &w->lock.mutex);
		w->release = false;
		fw_unlock(locked);
		cpu_off(t);
	}
	return NULL;
}

static void race(bool on_pending)
{
	struct world w;

	alarm(WATCHDOG_SECONDS);
	world_init(&w, on_pending);
	assert_true(wait_on(&w.thread[0]));
	for (unsigned i = 1; i < TARGET; i++) {
		assert_int_equal(cpu_on(&w.thread[0], i), PSCI_SUCCESS);
		assert_true(wait_on(&w.thread[i]));
	}
	w.winners = 0;
	for (unsigned i = 0; i < TARGET; i++)
		run(&w, i, race_caller);
	run(&w, TARGET, race_target);
	join_all(&w);
	assert_nothing_wrong(&w);
	assert_int_equal(w.thread[TARGET].started, RACE_ROUNDS);
	assert_int_equal(w.thread[TARGET].granted, RACE_ROUNDS);
	world_destroy(&w);
}

static void of_many_cpu_on_calls_one_wins(void **state)
{
	(void)state;
	race(false);
}

static void of_many_cpu_on_calls_one_wins_with_on_pending(void **state)
{
	(void)state;
	race(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(storm_loses_no_start_and_starts_nobody_twice),
		cmocka_unit_test(storm_with_on_pending_loses_no_start),
		cmocka_unit_test(of_many_cpu_on_calls_one_wins),
		cmocka_unit_test(of_many_cpu_on_calls_one_wins_with_on_pending),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
