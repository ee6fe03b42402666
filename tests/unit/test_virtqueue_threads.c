/*
 * Driver and device in two threads, each asleep whenever it has nothing to do: a wake-up that is lost shows as
 * a run that does not end. What is in requests arrives whole, too.
 *
 * Waits have a generous limit; the run itself depends on no timing. Left out: the thread sanitizer, which
 * does not know the fences by which both sides order what they do.
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <time.h>

#include "tests/unit/virtq_driver.h"

#define REQUESTS     3000u
#define PATIENCE_S   60
#define LOST_WAKE_UP 1

struct pair {
	struct driver d;
	sem_t kick, interrupt;
	_Atomic unsigned result; /* LOST_WAKE_UP, or what was wrong */
	uint64_t sleeps;
};

/* A wake-up, however often it was given since the last one. False: none came. */
static bool await(struct pair *p, sem_t *sem)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until); /* the time of day may be set meanwhile */
	until.tv_sec += PATIENCE_S;
	while (sem_clockwait(sem, CLOCK_MONOTONIC, &until))
		if (errno != EINTR) {
			p->result = LOST_WAKE_UP;
			return false;
		}
	return true;
}

/* ---- the device ---- */

static void serve_one(struct pair *p, const struct virtq_chain *chain)
{
	uint64_t number = 0;

	if (virtq_read(chain, 0, &number, sizeof(number)) != sizeof(number))
		p->result = 2;
	number = ~number;
	if (virtq_write(chain, 0, &number, sizeof(number)) != sizeof(number))
		p->result = 3;
	virtq_push(&p->d.q, chain, sizeof(number));
}

/* How a device serves: without kicks while there are requests, then once more with them. */
static unsigned serve(struct pair *p, struct virtq_chain *chain)
{
	struct virtq *q = &p->d.q;
	enum virtq_got got;
	unsigned n = 0;

	do {
		virtq_stop_kicks(q);
		for (; (got = virtq_pop(q, chain)) == VIRTQ_REQUEST; n++) {
			serve_one(p, chain);
			if (n % 3 == 0 && virtq_should_interrupt(q))
				sem_post(&p->interrupt);
		}
		if (got == VIRTQ_BROKEN)
			p->result = 4;
		if (virtq_should_interrupt(q))
			sem_post(&p->interrupt);
	} while (virtq_want_kicks(q));
	return n;
}

static void *device(void *data)
{
	static struct virtq_chain chain[2];
	struct pair *p = data;

	for (unsigned served = serve(p, &chain[p->d.packed]); served < REQUESTS && !p->result;)
		if (await(p, &p->kick))
			served += serve(p, &chain[p->d.packed]);
	sem_post(&p->interrupt); /* whatever happened, the driver has a look */
	return NULL;
}

/* ---- the driver ---- */

static uint64_t *number_at(struct pair *p, unsigned slot, unsigned which)
{
	return guest_ptr(&p->d, buffer_at(slot) + UINT64_C(8) * which, 8);
}

/* As many as there is room for. */
static unsigned add_some(struct pair *p, unsigned from)
{
	unsigned n = from;

	while (n < REQUESTS && p->d.free >= 2) {
		unsigned slot = p->d.free_list[p->d.free_ids - 1];
		struct driver_part part[] = { { buffer_at(slot), 8, false },
					      { buffer_at(slot) + 8, 8, true } };

		*number_at(p, slot, 0) = n++;
		if (driver_add(&p->d, part, 2, n % 3 && p->d.indirect ? 0 : 2) != (int)slot)
			p->result = 5;
		if (n % 5 == 0)
			break;
	}
	if (driver_needs_kick(&p->d))
		sem_post(&p->kick);
	return n - from;
}

static unsigned collect_all(struct pair *p)
{
	unsigned id, n = 0;
	uint32_t len;

	for (; driver_collect(&p->d, &id, &len); n++)
		if (len != 8 || *number_at(p, id, 1) != ~*number_at(p, id, 0))
			p->result = 6;
	return n;
}

static void drive(struct pair *p)
{
	unsigned added = 0, collected = 0;

	while (collected < REQUESTS && !p->result) {
		unsigned n = add_some(p, added), back = collect_all(p);

		added += n;
		collected += back;
		if (n || back || collected == REQUESTS || driver_want_interrupts(&p->d, 0))
			continue;
		p->sleeps++;
		if (!await(p, &p->interrupt))
			return;
		driver_no_interrupts(&p->d);
	}
}

static void run(const struct driver_setup *setup)
{
	static struct pair p;
	pthread_t thread;

	memset(&p, 0, sizeof(p));
	driver_open(&p.d, setup);
	sem_init(&p.kick, 0, 0);
	sem_init(&p.interrupt, 0, 0);
	assert_int_equal(pthread_create(&thread, NULL, device, &p), 0);
	drive(&p);
	pthread_join(thread, NULL);
	if (p.result)
		fail_msg("%s, size %u, event index %d: result %u (1: a wake-up was lost), %llu of "
			 "%u collected",
			 p.d.packed ? "packed" : "split", p.d.size, p.d.event_idx, p.result,
			 (unsigned long long)p.d.collected, REQUESTS);
	sem_destroy(&p.kick);
	sem_destroy(&p.interrupt);
	driver_close(&p.d);
}

static void run_each(bool packed)
{
	static const uint16_t sizes[] = { 2, 4, 32 };

#ifdef __SANITIZE_THREAD__
	skip();
#endif
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++)
		for (unsigned event_idx = 0; event_idx < 2; event_idx++) {
			struct driver_setup setup = { .packed = packed,
						      .size = sizes[i],
						      .event_idx = event_idx,
						      .indirect = i & 1 };

			run(&setup);
		}
}

static void no_wake_up_of_a_split_ring_is_lost(void **state)
{
	(void)state;
	run_each(false);
}

static void no_wake_up_of_a_packed_ring_is_lost(void **state)
{
	(void)state;
	run_each(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_wake_up_of_a_split_ring_is_lost),
		cmocka_unit_test(no_wake_up_of_a_packed_ring_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
