/*
 * The console while a vCPU's thread uses the UART: the two sides share the UART's leaf lock, a timer
 * and an eventfd. Runs under a thread checker too.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "console_fixture.h"

#define BYTES      200000 /* several times the UART's ring and a pipe */
#define DEADLINE_S 50

/* The members but `done` and `stop` belong to the thread until it is joined. */
struct guest {
	struct fixture *f;
	size_t to_send, to_receive;
	size_t sent;
	struct stream received;
	atomic_bool done, stop;
};

static void *guest_thread(void *arg)
{
	struct guest *g = arg;

	guest_listen(g->f);
	while ((g->sent < g->to_send || g->received.n < g->to_receive) && !atomic_load(&g->stop)) {
		uint8_t lsr = guest_get(g->f, LSR), byte;

		if (lsr & LSR_DR) {
			byte = guest_get(g->f, RBR);
			stream_take(&g->received, &byte, 1);
		}
		if (lsr & LSR_THRE && g->sent < g->to_send)
			guest_put(g->f, THR, stream_byte(g->sent++));
		else if (!(lsr & LSR_DR))
			sched_yield();
	}
	atomic_store(&g->done, true);
	return NULL;
}

/* Run the guest to its end, being writer of stdin, loop and reader of stdout. */
static void exchange(struct guest *g)
{
	struct fixture *f = g->f;
	struct stream out = { 0 };
	uint64_t end = clock_now_ns() + DEADLINE_S * NS_PER_SEC;
	size_t given = 0;
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, guest_thread, g), 0);
	while ((!atomic_load(&g->done) || out.n < g->to_send) && clock_now_ns() < end) {
		if (loop_once(&f->loop, 1))
			break;
		given = give_in(f->in, given, g->to_receive);
		take_out(f->out, &out);
	}
	atomic_store(&g->stop, true);
	pthread_join(thread, NULL);
	expect_stream("stdout", &out, g->to_send);
	expect_stream("the guest", &g->received, g->to_receive);
}

static void all_output_of_a_vcpu_arrives_in_order(void **state)
{
	struct guest g = { .f = *state, .to_send = BYTES };

	stdin_is_pipe(g.f);
	stdout_is_pipe(g.f);
	open_console(g.f);
	exchange(&g);
}

static void all_input_reaches_a_vcpu_in_order(void **state)
{
	struct guest g = { .f = *state, .to_receive = BYTES };

	stdin_is_pipe(g.f);
	stdout_is_pipe(g.f);
	open_console(g.f);
	exchange(&g);
}

static void both_directions_work_at_the_same_time(void **state)
{
	struct guest g = { .f = *state, .to_send = BYTES, .to_receive = BYTES };

	stdin_is_pipe(g.f);
	stdout_is_pipe(g.f);
	open_console(g.f);
	exchange(&g);
}

static void both_directions_work_through_blocking_sockets(void **state)
{
	struct guest g = { .f = *state, .to_send = BYTES, .to_receive = BYTES };

	is_socket(&g.f->in, STDIN_FILENO);
	is_socket(&g.f->out, STDOUT_FILENO);
	open_console(g.f);
	exchange(&g);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_build, fixture_destroy)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(all_output_of_a_vcpu_arrives_in_order),
		TEST(all_input_reaches_a_vcpu_in_order),
		TEST(both_directions_work_at_the_same_time),
		TEST(both_directions_work_through_blocking_sockets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
