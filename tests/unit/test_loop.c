/* The event loop: sources that come and go, also while the events of a round are being handed out. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/loop.h"
#include "lib/types.h"

static struct loop loop;

static int open_loop(void **state)
{
	struct err err = { "" };

	(void)state;
	return loop_init(&loop, &err);
}

static int close_loop(void **state)
{
	(void)state;
	loop_close(&loop);
	return 0;
}

static int new_event(unsigned value)
{
	int fd = eventfd(value, EFD_NONBLOCK | EFD_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void count(void *arg, uint32_t events)
{
	(void)events;
	++*(unsigned *)arg;
}

static void run_once(void)
{
	assert_int_equal(loop_once(&loop, 0), 0);
}

static void a_source_is_called_while_it_is_ready(void **state)
{
	unsigned calls = 0;
	int fd = new_event(0);
	uint64_t value = 1;

	(void)state;
	assert_int_equal(loop_add(&loop, fd, EPOLLIN, count, &calls), 0);
	run_once();
	assert_int_equal(calls, 0);
	assert_int_equal(write(fd, &value, sizeof(value)), sizeof(value));
	run_once();
	run_once();
	assert_int_equal(calls, 2);
	assert_int_equal(read(fd, &value, sizeof(value)), sizeof(value));
	run_once();
	assert_int_equal(calls, 2);
	close(fd);
}

static void what_is_watched_can_be_changed(void **state)
{
	unsigned calls = 0;
	int fd = new_event(1);

	(void)state;
	assert_int_equal(loop_add(&loop, fd, EPOLLIN, count, &calls), 0);
	loop_modify(&loop, fd, 0);
	run_once();
	assert_int_equal(calls, 0);
	loop_modify(&loop, fd, EPOLLOUT);
	run_once();
	assert_int_equal(calls, 1);
	loop_modify(&loop, fd + 1, EPOLLIN); /* is not there */
	loop_modify(&loop, -1, EPOLLIN);
	close(fd);
}

static void a_removed_source_is_not_called(void **state)
{
	unsigned calls = 0;
	int fd = new_event(1);

	(void)state;
	assert_int_equal(loop_add(&loop, fd, EPOLLIN, count, &calls), 0);
	loop_remove(&loop, fd);
	loop_remove(&loop, fd);
	loop_remove(&loop, -1);
	run_once();
	assert_int_equal(calls, 0);
	close(fd);
}

static void a_file_is_refused_and_takes_no_place(void **state)
{
	char path[] = "/tmp/rasvm-test-loop-XXXXXX";
	unsigned calls = 0;
	int file = mkstemp(path), fd = new_event(1);

	(void)state;
	unlink(path);
	for (unsigned i = 0; i < 2 * LOOP_MAX_SOURCES; i++)
		assert_int_equal(loop_add(&loop, file, EPOLLIN, count, &calls), -EPERM);
	assert_int_equal(loop_add(&loop, fd, EPOLLIN, count, &calls), 0);
	run_once();
	assert_int_equal(calls, 1);
	close(file);
	close(fd);
}

static void the_same_twice_is_refused(void **state)
{
	unsigned calls = 0;
	int fd = new_event(1);

	(void)state;
	assert_int_equal(loop_add(&loop, fd, EPOLLIN, count, &calls), 0);
	assert_int_equal(loop_add(&loop, fd, EPOLLIN, count, &calls), -EEXIST);
	run_once();
	assert_int_equal(calls, 1);
	close(fd);
}

/* ---- within a round ---- */

struct swap;

struct member {
	struct swap *swap;
	int fd;
	unsigned calls;
};

/* Whoever of two ready sources is called first removes the other and adds a newcomer, which may be watched
 * for something that does not happen. */
struct swap {
	struct member old[2], new;
	bool done;
};

static void on_new(void *arg, uint32_t events)
{
	(void)events;
	((struct member *)arg)->calls++;
}

static void on_old(void *arg, uint32_t events)
{
	struct member *self = arg;
	struct swap *swap = self->swap;
	struct member *other = self == &swap->old[0] ? &swap->old[1] : &swap->old[0];

	(void)events;
	self->calls++;
	if (swap->done)
		return;
	swap->done = true;
	loop_remove(&loop, other->fd);
	if (loop_add(&loop, swap->new.fd, EPOLLIN, on_new, &swap->new))
		swap->new.calls = 1000;
}

static void set_up_swap(struct swap *swap)
{
	*swap = (struct swap){ .done = false };
	for (unsigned i = 0; i < 2; i++) {
		swap->old[i] = (struct member){ .swap = swap, .fd = new_event(1) };
		assert_int_equal(loop_add(&loop, swap->old[i].fd, EPOLLIN, on_old, &swap->old[i]),
				 0);
	}
	swap->new = (struct member){ .swap = swap, .fd = new_event(0) };
}

static void close_swap(const struct swap *swap)
{
	close(swap->old[0].fd);
	close(swap->old[1].fd);
	close(swap->new.fd);
}

static void an_event_of_a_removed_source_does_not_reach_a_new_one(void **state)
{
	struct swap swap;

	(void)state;
	set_up_swap(&swap);
	run_once();
	assert_true(swap.done);
	assert_int_equal(swap.old[0].calls + swap.old[1].calls, 1);
	assert_int_equal(swap.new.calls, 0);
	close_swap(&swap);
}

static void a_new_source_is_called_from_the_next_round_on(void **state)
{
	uint64_t one = 1;
	struct swap swap;

	(void)state;
	set_up_swap(&swap);
	assert_int_equal(write(swap.new.fd, &one, sizeof(one)), sizeof(one));
	run_once();
	assert_int_equal(swap.new.calls, 0);
	run_once();
	assert_int_equal(swap.new.calls, 1);
	close_swap(&swap);
}

struct suicide {
	int fd;
	unsigned calls;
};

static void remove_self(void *arg, uint32_t events)
{
	struct suicide *s = arg;

	(void)events;
	s->calls++;
	loop_remove(&loop, s->fd);
}

static void a_source_may_remove_itself(void **state)
{
	struct suicide s = { .fd = new_event(1) };

	(void)state;
	assert_int_equal(loop_add(&loop, s.fd, EPOLLIN, remove_self, &s), 0);
	run_once();
	run_once();
	assert_int_equal(s.calls, 1);
	close(s.fd);
}

/* ---- how many ---- */

static void places_are_taken_again_in_later_rounds(void **state)
{
	unsigned calls = 0;
	int fd = new_event(0);

	(void)state;
	for (unsigned i = 0; i < 4 * LOOP_MAX_SOURCES; i++) {
		int r = loop_add(&loop, fd, EPOLLIN, count, &calls);

		if (r)
			fail_msg("source %u: expected 0, found %d", i, r);
		loop_remove(&loop, fd);
		run_once();
	}
	assert_int_equal(loop.used, 1);
	close(fd);
}

/* As many descriptors as there are places are more than a shell allows by default. */
static void allow_descriptors(void)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void a_full_loop_says_so_and_goes_on(void **state)
{
	unsigned calls = 0, added = 0;
	int fd[LOOP_MAX_SOURCES + 1];

	(void)state;
	allow_descriptors();
	for (unsigned i = 0; i < ARRAY_SIZE(fd); i++) {
		fd[i] = new_event(1);
		added += loop_add(&loop, fd[i], EPOLLIN, count, &calls) == 0;
	}
	assert_int_equal(added, LOOP_MAX_SOURCES);
	assert_int_equal(loop_add(&loop, fd[LOOP_MAX_SOURCES], EPOLLIN, count, &calls), -ENOSPC);
	run_once();
	assert_true(calls);
	loop_remove(&loop, fd[3]);
	run_once();
	assert_int_equal(loop_add(&loop, fd[LOOP_MAX_SOURCES], EPOLLIN, count, &calls), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(fd); i++)
		close(fd[i]);
}

#define T(name) cmocka_unit_test_setup_teardown(name, open_loop, close_loop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_source_is_called_while_it_is_ready),
		T(what_is_watched_can_be_changed),
		T(a_removed_source_is_not_called),
		T(a_file_is_refused_and_takes_no_place),
		T(the_same_twice_is_refused),
		T(an_event_of_a_removed_source_does_not_reach_a_new_one),
		T(a_new_source_is_called_from_the_next_round_on),
		T(a_source_may_remove_itself),
		T(places_are_taken_again_in_later_rounds),
		T(a_full_loop_says_so_and_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
