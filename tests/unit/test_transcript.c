/* The transcript: order, times, and that each byte can be told from its line. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/transcript.h"

static uint64_t clock_ns_value;

static uint64_t fake_now(void)
{
	return clock_ns_value;
}

static const struct operator_ops *ops = &transcript_operator_ops;

static struct transcript make(char *path)
{
	struct transcript t = { 0 };
	struct err err = { "" };
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	close(fd);
	clock_ns_value = 5000000000;
	assert_int_equal(transcript_open(&t, path, fake_now, &err), 0);
	return t;
}

/* Close it and compare the file. */
static void is(struct transcript *t, const char *path, const char *expected)
{
	static char text[65536];
	FILE *f;

	assert_int_equal(transcript_close(t), 0);
	f = fopen(path, "r");
	assert_non_null(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	unlink(path);
	assert_string_equal(text, expected);
}

static void output(struct transcript *t, const char *text)
{
	ops->output(t, (const uint8_t *)text, (unsigned)strlen(text));
}

static void lines_stand_in_order_with_their_times(void **state)
{
	static const char json[] = "{\"event\":\"reset\"}";
	char path[] = "/tmp/rasvm-transcript.XXXXXX";
	struct transcript t = make(path);

	(void)state;
	ops->started(&t);
	clock_ns_value += 1234567890;
	output(&t, "boot\r\nlog");
	clock_ns_value += 1000000000;
	output(&t, "in: ");
	ops->input(&t, (const uint8_t *)"root\n", 5);
	output(&t, "# \n");
	ops->event(&t, json, sizeof(json) - 1);
	ops->reset(&t);
	transcript_note(&t, "mark: here");
	assert_int_equal(ops->ended(&t, STATUS_RESET), STATUS_RESET);
	is(&t, path,
	   "    0.000000 note  the guest starts\n"
	   "    1.234567 out   boot\n"
	   "    1.234567 out   login: \\\n"
	   "    2.234567 in    root\\n\n"
	   "    2.234567 out   # \n"
	   "    2.234567 event {\"event\":\"reset\"}\n"
	   "    2.234567 note  the guest begins anew\n"
	   "    2.234567 note  mark: here\n"
	   "    2.234567 note  the run ended with status 4: the guest reset and --on-reset=exit "
	   "was given\n");
}

static void bytes_that_are_no_text_are_escaped(void **state)
{
	char path[] = "/tmp/rasvm-transcript.XXXXXX";
	struct transcript t = make(path);

	(void)state;
	ops->output(&t, (const uint8_t *)"a\0\x1b[m\\\t\r\xff z\r\n", 13);
	ops->input(&t, (const uint8_t *)"\x03", 1);
	is(&t, path,
	   "    0.000000 out   a\\x00\\x1b[m\\\\\\t\\r\\xff z\n"
	   "    0.000000 in    \\x03\n");
}

static void an_unfinished_line_is_not_lost(void **state)
{
	char path[] = "/tmp/rasvm-transcript.XXXXXX";
	struct transcript t = make(path);

	(void)state;
	output(&t, "# ");
	is(&t, path, "    0.000000 out   # \\\n");
}

static void a_long_line_is_broken(void **state)
{
	char path[] = "/tmp/rasvm-transcript.XXXXXX", line[TRANSCRIPT_LINE_BYTES + 2];
	char expected[2 * sizeof(line)];
	struct transcript t = make(path);

	(void)state;
	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 2] = 'y';
	line[sizeof(line) - 1] = '\n';
	ops->output(&t, (const uint8_t *)line, sizeof(line));
	snprintf(expected, sizeof(expected), "    0.000000 out   %.*s\\\n    0.000000 out   y\n",
		 TRANSCRIPT_LINE_BYTES, line);
	is(&t, path, expected);
}

static void errors_are_told(void **state)
{
	struct transcript t = { 0 };
	struct err err = { "" };

	(void)state;
	assert_int_equal(transcript_open(&t, "/nowhere/x", fake_now, &err), -ENOENT);
	assert_non_null(strstr(err.text, "--transcript /nowhere/x: "));
	assert_int_equal(transcript_close(&t), 0);
	transcript_note(&t, "nothing happens");
	assert_int_equal(transcript_open(&t, "/dev/full", fake_now, &err), 0);
	output(&t, "x\n");
	assert_int_equal(transcript_close(&t), -EIO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_stand_in_order_with_their_times),
		cmocka_unit_test(bytes_that_are_no_text_are_escaped),
		cmocka_unit_test(an_unfinished_line_is_not_lost),
		cmocka_unit_test(a_long_line_is_broken),
		cmocka_unit_test(errors_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
