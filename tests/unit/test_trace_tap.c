/* The trace inside rasvm: lines come out whole and in order, and what is lost is counted. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "arm64/trace_tap.h"

static struct trace_tap tap;

static int setup(void **state)
{
	struct err err;

	(void)state;
	memset(&tap, 0, sizeof(tap));
	return trace_tap_open(&tap, &err);
}

static int teardown(void **state)
{
	(void)state;
	trace_tap_close(&tap);
	return 0;
}

static void put(const char *line)
{
	trace_tap_put(&tap, line, strlen(line));
}

static void lines_come_out_in_order_without_their_newline(void **state)
{
	char line[TRACE_LINE_BYTES];

	(void)state;
	put("{\"a\":1}\n");
	put("{\"b\":2}\n");
	assert_int_equal(trace_tap_take(&tap, line), 7);
	assert_string_equal(line, "{\"a\":1}");
	assert_int_equal(trace_tap_take(&tap, line), 7);
	assert_string_equal(line, "{\"b\":2}");
	assert_int_equal(trace_tap_take(&tap, line), 0);
}

/* The reader may take some lines only; no further line would wake it. */
static void a_reader_that_leaves_lines_is_woken_again(void **state)
{
	char line[TRACE_LINE_BYTES];
	uint64_t count;

	(void)state;
	put("x\n");
	put("y\n");
	assert_int_equal(read(tap.event_fd, &count, sizeof(count)), sizeof(count));
	assert_int_equal(trace_tap_take(&tap, line), 1);
	put("z\n");
	assert_int_equal(read(tap.event_fd, &count, sizeof(count)), -1);
	trace_tap_wake(&tap);
	assert_int_equal(read(tap.event_fd, &count, sizeof(count)), sizeof(count));
}

static void the_first_line_of_an_empty_tap_wakes_the_reader(void **state)
{
	char line[TRACE_LINE_BYTES];
	uint64_t count;

	(void)state;
	assert_int_equal(read(tap.event_fd, &count, sizeof(count)), -1);
	put("x\n");
	put("y\n");
	assert_int_equal(read(tap.event_fd, &count, sizeof(count)), sizeof(count));
	while (trace_tap_take(&tap, line))
		;
	assert_int_equal(read(tap.event_fd, &count, sizeof(count)), -1);
	put("z\n");
	assert_int_equal(read(tap.event_fd, &count, sizeof(count)), sizeof(count));
}

static void what_does_not_fit_is_lost_and_counted(void **state)
{
	char text[TRACE_LINE_BYTES + 1], line[TRACE_LINE_BYTES], want[64];
	unsigned fit = TRACE_TAP_BYTES / TRACE_LINE_BYTES;

	(void)state;
	memset(text, 'a', sizeof(text));
	text[TRACE_LINE_BYTES - 1] = '\n';
	for (unsigned i = 0; i < fit + 7; i++)
		trace_tap_put(&tap, text, TRACE_LINE_BYTES);
	for (unsigned i = 0; i < fit; i++)
		assert_int_equal(trace_tap_take(&tap, line), TRACE_LINE_BYTES - 1);
	snprintf(want, sizeof(want), "{\"event\":\"lost\",\"lines\":%u}", 7u);
	assert_int_equal(trace_tap_take(&tap, line), strlen(want));
	assert_string_equal(line, want);
	assert_int_equal(trace_tap_take(&tap, line), 0);
}

static void a_line_may_lie_around_the_end_of_the_ring(void **state)
{
	char text[102], line[TRACE_LINE_BYTES];

	(void)state;
	memset(text, 'b', sizeof(text));
	text[100] = '\n';
	for (unsigned i = 0; i < 3 * TRACE_TAP_BYTES / 101; i++) {
		text[0] = (char)('a' + i % 26);
		trace_tap_put(&tap, text, 101);
		assert_int_equal(trace_tap_take(&tap, line), 100);
		assert_memory_equal(line, text, 100);
	}
}

static void *writer(void *arg)
{
	char text[64];

	for (unsigned i = 0; i < 300; i++) {
		int n = snprintf(text, sizeof(text), "%s %u\n", (const char *)arg, i);

		trace_tap_put(&tap, text, (size_t)n);
	}
	return NULL;
}

static void lines_of_several_threads_never_mix(void **state)
{
	static char names[2][2] = { "p", "q" };
	char line[TRACE_LINE_BYTES];
	unsigned next[2] = { 0, 0 }, i;
	pthread_t thread[2];
	char name;

	(void)state;
	for (i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, writer, names[i]), 0);
	for (i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	while (trace_tap_take(&tap, line)) {
		assert_int_equal(sscanf(line, "%c %u", &name, &i), 2);
		assert_int_equal(i, next[name - 'p']++);
	}
	assert_int_equal(next[0], 300);
	assert_int_equal(next[1], 300);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(lines_come_out_in_order_without_their_newline,
						setup, teardown),
		cmocka_unit_test_setup_teardown(a_reader_that_leaves_lines_is_woken_again, setup,
						teardown),
		cmocka_unit_test_setup_teardown(the_first_line_of_an_empty_tap_wakes_the_reader,
						setup, teardown),
		cmocka_unit_test_setup_teardown(what_does_not_fit_is_lost_and_counted, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_line_may_lie_around_the_end_of_the_ring, setup,
						teardown),
		cmocka_unit_test_setup_teardown(lines_of_several_threads_never_mix, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
