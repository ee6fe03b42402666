/* --trace: the line of each step in an error's life. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/json_line.h"
#include "lib/types.h"
#include "trace_fixture.h"

/* A note with something in every field, of which each kind tells its part. */
static struct ras_note full(enum ras_note_kind kind)
{
	return (struct ras_note){
		.kind = kind,
		.id = 7,
		.class = RAS_AR,
		.way = RAS_WAY_SEA,
		.pe = RAS_NO_PE,
		.gpa = 0x8a3f2000,
		.bytes = 2097152,
		.pc = UINT64_C(0xffff800080012344),
		.esr = 0x92000410,
		.latency_ns = 4321,
		.source = GHES_SEA,
		.pages = 16,
		.text = "because",
		.from = "host",
	};
}

static void expect_line(struct file *f, const struct ras_note *note, const char *line)
{
	assert_int_equal(truncate(f->path, 0), 0);
	trace_ras(&f->trace, 1000000000, note);
	assert_string_equal(written(f), line);
}

static void each_kind_tells_its_part_and_no_more(void **state)
{
	static const char *const lines[RAS_NR_NOTES] = {
		[RAS_NOTE_INJECTED] =
			"ras_injected\",\"ras\":7,\"kind\":\"because\",\"from\":\"host\"}\n",
		[RAS_NOTE_SIGNAL] =
			"ras_signal\",\"ras\":7,\"class\":\"ar\",\"gpa\":\"0x8a3f2000\","
			"\"bytes\":2097152,\"from\":\"host\"}\n",
		[RAS_NOTE_KNOWN] = "ras_known\",\"ras\":7,\"class\":\"ar\",\"gpa\":\"0x8a3f2000\","
				   "\"why\":\"because\"}\n",
		[RAS_NOTE_DECIDED] =
			"ras_decided\",\"ras\":7,\"way\":\"sea\",\"why\":\"because\"}\n",
		[RAS_NOTE_QUEUED] = "ras_queued\",\"ras\":7,\"way\":\"sea\",\"why\":\"because\"}\n",
		[RAS_NOTE_NOTIFIED] = "ras_notified\",\"ras\":7,\"way\":\"sea\",\"source\":\"sea\","
				      "\"pages\":16}\n",
		[RAS_NOTE_TAKEN] = "ras_taken\",\"ras\":7,\"pc\":\"0xffff800080012344\","
				   "\"esr\":\"0x92000410\",\"way\":\"sea\"}\n",
		[RAS_NOTE_ACKED] =
			"ras_acked\",\"ras\":7,\"source\":\"sea\",\"latency_ns\":4321}\n",
		[RAS_NOTE_UNACKED] =
			"ras_unacked\",\"ras\":7,\"source\":\"sea\",\"latency_ns\":4321}\n",
		[RAS_NOTE_FALLBACK] =
			"ras_fallback\",\"ras\":7,\"way\":\"sea\",\"why\":\"because\"}\n",
		[RAS_NOTE_HEALED] =
			"ras_healed\",\"ras\":7,\"gpa\":\"0x8a3f2000\",\"bytes\":2097152}\n",
		[RAS_NOTE_STOPPED] = "ras_stopped\",\"ras\":7,\"why\":\"because\"}\n",
	};

	for (int kind = 0; kind < RAS_NR_NOTES; kind++) {
		const struct ras_note note = full((enum ras_note_kind)kind);
		char line[300];

		snprintf(line, sizeof(line), "{\"t_ns\":1000000000,\"event\":\"%s", lines[kind]);
		expect_line(*state, &note, line);
	}
}

static void a_pe_that_is_concerned_is_named(void **state)
{
	struct ras_note note = full(RAS_NOTE_TAKEN);

	note.pe = 3;
	note.way = RAS_WAY_SERROR;
	note.esr = 0x811;
	expect_line(*state, &note,
		    "{\"t_ns\":1000000000,\"cpu\":3,\"event\":\"ras_taken\",\"ras\":7,"
		    "\"pc\":\"0xffff800080012344\",\"esr\":\"0x811\",\"way\":\"serror\"}\n");
}

static void what_is_not_there_is_not_told(void **state)
{
	struct ras_note note = full(RAS_NOTE_NOTIFIED);

	note.source = GHES_NR;
	note.way = RAS_WAY_SERROR;
	note.pages = 0;
	expect_line(*state, &note,
		    "{\"t_ns\":1000000000,\"event\":\"ras_notified\",\"ras\":7,\"way\":\"serror\","
		    "\"pages\":0}\n");
	note = full(RAS_NOTE_INJECTED);
	note.text = NULL;
	note.from = NULL;
	expect_line(*state, &note, "{\"t_ns\":1000000000,\"event\":\"ras_injected\",\"ras\":7}\n");
}

static void numbers_of_64_bits_fit(void **state)
{
	struct ras_note note = full(RAS_NOTE_SIGNAL);

	note.id = UINT32_MAX;
	note.gpa = UINT64_MAX;
	note.bytes = UINT64_MAX;
	note.class = RAS_CE;
	expect_line(
		*state, &note,
		"{\"t_ns\":1000000000,\"event\":\"ras_signal\",\"ras\":4294967295,\"class\":\"ce\","
		"\"gpa\":\"0xffffffffffffffff\",\"bytes\":18446744073709551615,"
		"\"from\":\"host\"}\n");
}

/* So that `rasvm timeline` can read it. */
static void every_line_is_json(void **state)
{
	struct file *f = *state;

	for (int kind = 0; kind < RAS_NR_NOTES; kind++) {
		const struct ras_note note = full((enum ras_note_kind)kind);
		struct json_line line;
		char *text;

		assert_int_equal(truncate(f->path, 0), 0);
		trace_ras(&f->trace, UINT64_MAX, &note);
		text = written(f);
		if (json_line_split(&line, text, strlen(text)) < 0)
			fail_msg("expected a JSON object, found %s", text);
	}
}

/* No note, however long, makes a line without an end. */
static void a_line_is_never_longer_than_its_room(void **state)
{
	struct file *f = *state;
	static char why[2000];
	struct ras_note note = full(RAS_NOTE_STOPPED);
	struct stat st;

	memset(why, 'x', sizeof(why) - 1);
	note.text = why;
	trace_ras(&f->trace, 1, &note);
	assert_int_equal(stat(f->path, &st), 0);
	assert_in_range(st.st_size, 100, TRACE_LINE_BYTES - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_kind_tells_its_part_and_no_more, open_file,
						close_file),
		cmocka_unit_test_setup_teardown(a_pe_that_is_concerned_is_named, open_file,
						close_file),
		cmocka_unit_test_setup_teardown(what_is_not_there_is_not_told, open_file,
						close_file),
		cmocka_unit_test_setup_teardown(numbers_of_64_bits_fit, open_file, close_file),
		cmocka_unit_test_setup_teardown(every_line_is_json, open_file, close_file),
		cmocka_unit_test_setup_teardown(a_line_is_never_longer_than_its_room, open_file,
						close_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
