/* --trace: the line of each step in an SDEI event's life. */
#include <inttypes.h>
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

#include "lib/types.h"
#include "trace_fixture.h"

/* The line of a note of `duration_ns` at 1 s. */
static void expect_line(struct file *f, struct sdei_note note, uint64_t duration_ns,
			const char *line)
{
	assert_int_equal(truncate(f->path, 0), 0);
	trace_sdei(&f->trace, 1000000000, &note, duration_ns);
	assert_string_equal(written(f), line);
}

static void a_trigger_says_by_whom_and_for_which_pe(void **state)
{
	expect_line(*state,
		    (struct sdei_note){ .kind = SDEI_NOTE_TRIGGERED,
					.event = SDEI_EVENT_VENDOR_BASE + 1,
					.pe = 3,
					.by = "operator" },
		    0,
		    "{\"t_ns\":1000000000,\"cpu\":3,\"event\":\"sdei_triggered\","
		    "\"sdei\":\"0x40000001\",\"by\":\"operator\"}\n");
}

static void without_a_pe_there_is_no_cpu(void **state)
{
	expect_line(*state,
		    (struct sdei_note){ .kind = SDEI_NOTE_TRIGGERED,
					.event = SDEI_EVENT_VENDOR_BASE + 3,
					.pe = SDEI_NO_PE,
					.by = "guest" },
		    0,
		    "{\"t_ns\":1000000000,\"event\":\"sdei_triggered\",\"sdei\":\"0x40000003\","
		    "\"by\":\"guest\"}\n");
}

static void nobody_given_nobody_named(void **state)
{
	expect_line(*state, (struct sdei_note){ .kind = SDEI_NOTE_TRIGGERED }, 0,
		    "{\"t_ns\":1000000000,\"cpu\":0,\"event\":\"sdei_triggered\","
		    "\"sdei\":\"0x0\"}\n");
}

static void what_waits_or_is_dropped_says_why(void **state)
{
	static const struct {
		enum sdei_note_kind kind;
		const char *name;
	} kinds[] = { { SDEI_NOTE_DROPPED, "sdei_dropped" }, { SDEI_NOTE_PENDED, "sdei_pended" } };

	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
		for (int why = SDEI_HOLD_UNREGISTERED; why <= SDEI_HOLD_NO_PE; why++) {
			const struct sdei_note note = { .kind = kinds[i].kind,
							.event = 0x40000002,
							.pe = 1,
							.why = (enum sdei_hold)why };
			char line[200];

			snprintf(line, sizeof(line),
				 "{\"t_ns\":1000000000,\"cpu\":1,\"event\":\"%s\","
				 "\"sdei\":\"0x40000002\",\"why\":\"%s\"}\n",
				 kinds[i].name, sdei_hold_name(note.why));
			expect_line(*state, note, 0, line);
		}
	}
}

static void routed_has_the_pe_only(void **state)
{
	expect_line(*state,
		    (struct sdei_note){ .kind = SDEI_NOTE_ROUTED, .event = 0x40000003, .pe = 511 },
		    0,
		    "{\"t_ns\":1000000000,\"cpu\":511,\"event\":\"sdei_routed\","
		    "\"sdei\":\"0x40000003\"}\n");
}

static void entered_shows_what_was_interrupted(void **state)
{
	expect_line(*state,
		    (struct sdei_note){ .kind = SDEI_NOTE_ENTERED,
					.event = 0x40000004,
					.pe = 2,
					.depth = 2,
					.pc = UINT64_C(0xffff800080012344),
					.pstate = 0x600003c5 },
		    0,
		    "{\"t_ns\":1000000000,\"cpu\":2,\"event\":\"sdei_entered\","
		    "\"sdei\":\"0x40000004\",\"pc\":\"0xffff800080012344\","
		    "\"pstate\":\"0x600003c5\",\"depth\":2}\n");
}

static void completed_has_status_and_duration(void **state)
{
	expect_line(*state,
		    (struct sdei_note){ .kind = SDEI_NOTE_COMPLETED,
					.event = 0,
					.pe = 0,
					.depth = 1,
					.status = UINT64_MAX },
		    4321,
		    "{\"t_ns\":1000000000,\"cpu\":0,\"event\":\"sdei_completed\",\"sdei\":\"0x0\","
		    "\"status\":18446744073709551615,\"duration_ns\":4321,\"depth\":1}\n");
}

static void resumed_has_the_address_and_duration(void **state)
{
	expect_line(*state,
		    (struct sdei_note){ .kind = SDEI_NOTE_RESUMED,
					.event = 0x40000001,
					.pe = 0,
					.depth = 1,
					.pc = 0x80081000 },
		    UINT64_MAX,
		    "{\"t_ns\":1000000000,\"cpu\":0,\"event\":\"sdei_resumed\","
		    "\"sdei\":\"0x40000001\",\"pc\":\"0x80081000\","
		    "\"duration_ns\":18446744073709551615,\"depth\":1}\n");
}

static void ended_has_the_depth(void **state)
{
	expect_line(*state,
		    (struct sdei_note){
			    .kind = SDEI_NOTE_ENDED, .event = 0x40000001, .pe = 7, .depth = 2 },
		    99,
		    "{\"t_ns\":1000000000,\"cpu\":7,\"event\":\"sdei_ended\","
		    "\"sdei\":\"0x40000001\",\"depth\":2}\n");
}

static void lines_follow_each_other(void **state)
{
	struct file *f = *state;
	const struct sdei_note note = { .kind = SDEI_NOTE_ROUTED, .event = 5 };

	trace_sdei(&f->trace, 1, &note, 0);
	trace_event(&f->trace, 2, 0, "reset");
	trace_sdei(&f->trace, UINT64_MAX, &note, 0);
	assert_string_equal(written(f),
			    "{\"t_ns\":1,\"cpu\":0,\"event\":\"sdei_routed\",\"sdei\":\"0x5\"}\n"
			    "{\"t_ns\":2,\"cpu\":0,\"event\":\"reset\"}\n"
			    "{\"t_ns\":18446744073709551615,\"cpu\":0,\"event\":\"sdei_routed\","
			    "\"sdei\":\"0x5\"}\n");
	assert_int_equal(f->trace.lost, 0);
}

/* No note, however long, makes a line without an end. */
static void a_line_is_never_longer_than_its_room(void **state)
{
	struct file *f = *state;
	static char by[2000];
	struct stat st;

	memset(by, 'x', sizeof(by) - 1);
	trace_sdei(&f->trace, 1, &(struct sdei_note){ .kind = SDEI_NOTE_TRIGGERED, .by = by }, 0);
	assert_int_equal(stat(f->path, &st), 0);
	assert_in_range(st.st_size, 100, TRACE_LINE_BYTES - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_trigger_says_by_whom_and_for_which_pe, open_file,
						close_file),
		cmocka_unit_test_setup_teardown(without_a_pe_there_is_no_cpu, open_file,
						close_file),
		cmocka_unit_test_setup_teardown(nobody_given_nobody_named, open_file, close_file),
		cmocka_unit_test_setup_teardown(what_waits_or_is_dropped_says_why, open_file,
						close_file),
		cmocka_unit_test_setup_teardown(routed_has_the_pe_only, open_file, close_file),
		cmocka_unit_test_setup_teardown(entered_shows_what_was_interrupted, open_file,
						close_file),
		cmocka_unit_test_setup_teardown(completed_has_status_and_duration, open_file,
						close_file),
		cmocka_unit_test_setup_teardown(resumed_has_the_address_and_duration, open_file,
						close_file),
		cmocka_unit_test_setup_teardown(ended_has_the_depth, open_file, close_file),
		cmocka_unit_test_setup_teardown(lines_follow_each_other, open_file, close_file),
		cmocka_unit_test_setup_teardown(a_line_is_never_longer_than_its_room, open_file,
						close_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
