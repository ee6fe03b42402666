/* The I/O thread: calls from several threads, from itself, before it runs; ends at every stage; its loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/iothread.h"
#include "lib/types.h"

static void open_thread(struct iothread *io)
{
	struct err err = { "" };

	if (iothread_open(io, &err))
		fail_msg("%s", err.text);
}

static void start_thread(struct iothread *io)
{
	struct err err = { "" };

	open_thread(io);
	if (iothread_start(io, "a-name-longer-than-15", &err))
		fail_msg("%s", err.text);
}

static void note_thread(void *arg)
{
	*(pthread_t *)arg = pthread_self();
}

static void a_call_runs_on_the_thread_and_is_waited_for(void **state)
{
	static struct iothread io;
	pthread_t ran_on = pthread_self();

	(void)state;
	start_thread(&io);
	iothread_call(&io, note_thread, &ran_on);
	assert_true(pthread_equal(ran_on, io.thread));
	iothread_close(&io);
}

static void before_the_thread_runs_a_call_runs_in_the_caller(void **state)
{
	static struct iothread io;
	pthread_t ran_on;

	(void)state;
	open_thread(&io);
	iothread_call(&io, note_thread, &ran_on);
	assert_true(pthread_equal(ran_on, pthread_self()));
	iothread_close(&io);
}

struct nested {
	struct iothread *io;
	unsigned depth, deepest;
	pthread_t ran_on;
};

static void call_again(void *arg)
{
	struct nested *n = arg;

	if (++n->depth < n->deepest)
		iothread_call(n->io, call_again, n);
	n->ran_on = pthread_self();
}

static void the_thread_may_call_itself(void **state)
{
	static struct iothread io;
	struct nested n = { .io = &io, .deepest = 5 };

	(void)state;
	start_thread(&io);
	iothread_call(&io, call_again, &n);
	assert_int_equal(n.depth, 5);
	assert_true(pthread_equal(n.ran_on, io.thread));
	iothread_close(&io);
}

#define CALLERS 4
#define CALLS   2000

/* Not atomic: only the I/O thread touches it, and a caller sees what its own call did. */
struct counter {
	struct iothread *io;
	unsigned total;
	_Atomic unsigned wrong;
};

struct increment {
	struct counter *counter;
	unsigned before, after;
};

static void increment(void *arg)
{
	struct increment *i = arg;

	i->before = i->counter->total++;
	i->after = i->counter->total;
}

static void *call_often(void *arg)
{
	struct counter *counter = arg;
	unsigned last = 0;

	for (unsigned n = 0; n < CALLS; n++) {
		struct increment i = { .counter = counter };

		iothread_call(counter->io, increment, &i);
		if (i.after != i.before + 1 || i.after <= last)
			counter->wrong++;
		last = i.after;
	}
	return NULL;
}

static void calls_of_several_threads_do_not_mix(void **state)
{
	static struct iothread io;
	struct counter counter = { .io = &io };
	pthread_t caller[CALLERS];

	(void)state;
	start_thread(&io);
	for (unsigned i = 0; i < CALLERS; i++)
		assert_int_equal(pthread_create(&caller[i], NULL, call_often, &counter), 0);
	for (unsigned i = 0; i < CALLERS; i++)
		assert_int_equal(pthread_join(caller[i], NULL), 0);
	iothread_close(&io);
	assert_int_equal(counter.wrong, 0);
	assert_int_equal(counter.total, CALLERS * CALLS);
}

/* A source of the loop that hands each event on to another eventfd. */
struct echo {
	struct iothread *io;
	int in, out;
};

static void on_echo(void *arg, uint32_t events)
{
	struct echo *e = arg;
	uint64_t value;

	(void)events;
	if (read(e->in, &value, sizeof(value)) == (ssize_t)sizeof(value) &&
	    write(e->out, &value, sizeof(value)) < 0)
		close(e->out); /* the test's read fails */
}

static void add_echo(void *arg)
{
	struct echo *e = arg;

	if (loop_add(&e->io->loop, e->in, EPOLLIN, on_echo, e))
		close(e->out);
}

static void remove_echo(void *arg)
{
	struct echo *e = arg;

	loop_remove(&e->io->loop, e->in);
}

static void events_are_served_between_calls(void **state)
{
	static struct iothread io;
	struct echo e = { .io = &io, .in = eventfd(0, EFD_NONBLOCK), .out = eventfd(0, 0) };

	(void)state;
	start_thread(&io);
	iothread_call(&io, add_echo, &e);
	for (uint64_t i = 1; i < 200; i++) {
		uint64_t found = 0;

		assert_int_equal(write(e.in, &i, sizeof(i)), sizeof(i));
		assert_int_equal(read(e.out, &found, sizeof(found)), sizeof(found));
		assert_int_equal(found, i);
	}
	iothread_call(&io, remove_echo, &e);
	iothread_close(&io);
	close(e.in);
	close(e.out);
}

static void it_can_be_closed_at_every_stage(void **state)
{
	static struct iothread io;

	(void)state;
	io = (struct iothread){ .wake_fd = -1 };
	iothread_close(&io);
	open_thread(&io);
	iothread_close(&io);
	iothread_close(&io);
	start_thread(&io);
	iothread_close(&io);
	iothread_close(&io);
	assert_int_equal(io.wake_fd, -1);
	assert_int_equal(io.loop.epoll_fd, -1);
}

static void it_can_be_opened_again(void **state)
{
	static struct iothread io;
	pthread_t ran_on;

	(void)state;
	for (unsigned i = 0; i < 50; i++) {
		start_thread(&io);
		iothread_call(&io, note_thread, &ran_on);
		assert_true(pthread_equal(ran_on, io.thread));
		iothread_close(&io);
	}
}

static void a_long_name_is_cut(void **state)
{
	static struct iothread io;

	(void)state;
	start_thread(&io);
	assert_string_equal(io.name, "a-name-longer-t");
	iothread_close(&io);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_runs_on_the_thread_and_is_waited_for),
		cmocka_unit_test(before_the_thread_runs_a_call_runs_in_the_caller),
		cmocka_unit_test(the_thread_may_call_itself),
		cmocka_unit_test(calls_of_several_threads_do_not_mix),
		cmocka_unit_test(events_are_served_between_calls),
		cmocka_unit_test(it_can_be_closed_at_every_stage),
		cmocka_unit_test(it_can_be_opened_again),
		cmocka_unit_test(a_long_name_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
