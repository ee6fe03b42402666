/* `rasvm timeline`: what becomes of a trace, as text and as a page, and that no file can upset it. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arm64/timeline.h"
#include "lib/types.h"

/* An AO by SDEI, an AR by an external abort, an SError, and the machine around them. */
static const char sample[] =
	"{\"t_ns\":1000,\"cpu\":1,\"event\":\"power_on\"}\n"
	"{\"t_ns\":2000,\"cpu\":0,\"conduit\":\"hvc\",\"fid\":\"0x84000000\",\"name\":\"PSCI_VERSION\","
	"\"args\":[],\"ret\":65539}\n"
	"{\"t_ns\":13021337000,\"event\":\"ras_injected\",\"ras\":1,\"kind\":\"mem-ao\",\"from\":\"rule\"}\n"
	"{\"t_ns\":13023001000,\"event\":\"ras_signal\",\"ras\":1,\"class\":\"ao\",\"gpa\":\"0x8a3f2000\","
	"\"bytes\":4096,\"from\":\"host\"}\n"
	"{\"t_ns\":13023010500,\"event\":\"ras_decided\",\"ras\":1,\"way\":\"sdei\",\"why\":\"auto: event "
	"registered\"}\n"
	"{\"t_ns\":13023050000,\"event\":\"sdei_triggered\",\"sdei\":\"0x40000010\",\"by\":\"ras\"}\n"
	"{\"t_ns\":13023060000,\"event\":\"ras_notified\",\"ras\":1,\"way\":\"sdei\","
	"\"source\":\"sdei-normal\",\"pages\":1}\n"
	"{\"t_ns\":13023310000,\"cpu\":1,\"event\":\"sdei_entered\",\"sdei\":\"0x40000010\","
	"\"pc\":\"0xffff800080012344\",\"pstate\":\"0x600003c5\",\"depth\":1}\n"
	"{\"t_ns\":13023910000,\"cpu\":1,\"event\":\"sdei_resumed\",\"sdei\":\"0x40000010\","
	"\"pc\":\"0xffff800080012344\",\"duration_ns\":600000,\"depth\":1}\n"
	"{\"t_ns\":13023920000,\"event\":\"ras_acked\",\"ras\":1,\"source\":\"sdei-normal\","
	"\"latency_ns\":860000}\n"
	"{\"t_ns\":16000000000,\"event\":\"ras_injected\",\"ras\":2,\"kind\":\"mem-ar\",\"from\":\"rule\"}\n"
	"{\"t_ns\":16500000000,\"cpu\":0,\"event\":\"ras_signal\",\"ras\":2,\"class\":\"ar\","
	"\"gpa\":\"0x8a3f3000\",\"bytes\":4096,\"from\":\"host\"}\n"
	"{\"t_ns\":16500010000,\"event\":\"ras_decided\",\"ras\":2,\"way\":\"sea\",\"why\":\"auto\"}\n"
	"{\"t_ns\":16500020000,\"event\":\"ras_notified\",\"ras\":2,\"way\":\"sea\",\"source\":\"sea\","
	"\"pages\":1}\n"
	"{\"t_ns\":16500030000,\"cpu\":0,\"event\":\"ras_taken\",\"ras\":2,\"pc\":\"0x400123\","
	"\"esr\":\"0x92000410\",\"way\":\"sea\"}\n"
	"{\"t_ns\":16501030000,\"event\":\"ras_acked\",\"ras\":2,\"source\":\"sea\",\"latency_ns\":1010000}\n"
	"{\"t_ns\":18000000000,\"event\":\"ras_injected\",\"ras\":3,\"kind\":\"serror\",\"from\":\"rule\"}\n"
	"{\"t_ns\":18000100000,\"cpu\":1,\"event\":\"ras_taken\",\"ras\":3,\"pc\":\"0x1000\","
	"\"esr\":\"0x811\",\"way\":\"serror\"}\n"
	"{\"t_ns\":21000000000,\"cpu\":0,\"conduit\":\"hvc\",\"fid\":\"0x84000008\","
	"\"name\":\"PSCI_SYSTEM_OFF\",\"args\":[],\"action\":\"system_off\"}\n";

static const char expected[] =
	"sample: 19 lines, 3 errors, up to 21.000000 s\n"
	"  to the guest: least 30.00 us, median 100 us, most 309 us, of 3\n"
	"  to acknowledgement: least 919 us, median 1.03 ms, most 1.03 ms, of 2\n"
	"\n"
	"Error 1: mem-ao at 0x8a3f2000\n"
	"      13.021337 s             injection         mem-ao, by rule\n"
	"      13.023001 s   +1.66 ms  signal            ao, 4096 bytes at 0x8a3f2000, from host\n"
	"      13.023010 s   +9.50 us  decision          sdei (auto: event registered)\n"
	"      13.023060 s  +49.50 us  notification      sdei, record in source sdei-normal, 1 page\n"
	"      13.023310 s    +250 us  handler entered   CPU 1: SDEI event 0x40000010, interrupted at "
	"0xffff800080012344\n"
	"      13.023910 s    +600 us  handler done      CPU 1 after 600 us\n"
	"      13.023920 s  +10.00 us  acknowledged      source sdei-normal, latency 860 us\n"
	"  signal to guest 309 us, to acknowledgement 919 us\n"
	"\n"
	"Error 2: mem-ar at 0x8a3f3000\n"
	"      16.000000 s             injection         mem-ar, by rule\n"
	"      16.500000 s    +500 ms  signal            ar, 4096 bytes at 0x8a3f3000, from host, used by "
	"CPU 0\n"
	"      16.500010 s  +10.00 us  decision          sea (auto)\n"
	"      16.500020 s  +10.00 us  notification      sea, record in source sea, 1 page\n"
	"      16.500030 s  +10.00 us  exception taken   CPU 0: sea, esr 0x92000410, interrupted at "
	"0x400123\n"
	"      16.501030 s   +1.00 ms  acknowledged      source sea, latency 1.01 ms\n"
	"  signal to guest 30.00 us, to acknowledgement 1.03 ms\n"
	"\n"
	"Error 3: serror\n"
	"      18.000000 s             injection         serror, by rule\n"
	"      18.000100 s    +100 us  exception taken   CPU 1: serror, esr 0x811, interrupted at 0x1000\n"
	"  injection to guest 100 us\n"
	"\n"
	"Other steps\n"
	"       0.000001 s             CPU on            CPU 1, power_on\n"
	"      21.000000 s             machine off       CPU 0, system_off\n";

static void read_bytes(struct timeline *tl, const char *text, size_t n)
{
	struct err err = { "" };
	FILE *in = tmpfile();

	assert_non_null(in);
	assert_int_equal(fwrite(text, 1, n, in), n);
	rewind(in);
	if (timeline_read(tl, in, &err) != 0)
		fail_msg("expected the trace to be read, found: %s", err.text);
	fclose(in);
}

static void read_text(struct timeline *tl, const char *text)
{
	read_bytes(tl, text, strlen(text));
}

static char *printed(const struct timeline *tl, const char *name)
{
	char *text;
	size_t n;
	FILE *out = open_memstream(&text, &n);

	assert_non_null(out);
	timeline_print(tl, name, out);
	fclose(out);
	return text;
}

static char *page(const struct timeline *tl, const char *name)
{
	char *text;
	size_t n;
	FILE *out = open_memstream(&text, &n);

	assert_non_null(out);
	timeline_html_begin(out);
	timeline_html_add(tl, name, out);
	timeline_html_add(tl, name, out);
	timeline_html_end(out);
	fclose(out);
	return text;
}

static unsigned steps_of_kind(const struct timeline *tl, uint64_t id, enum timeline_kind kind)
{
	unsigned n = 0;

	for (unsigned e = 0; e < tl->nerrors; e++)
		for (unsigned i = 0; tl->error[e].id == id && i < tl->error[e].nsteps; i++)
			n += timeline_step_of(tl, &tl->error[e], i)->kind == kind;
	return n;
}

static void expect_steps(const struct timeline *tl, uint64_t id, enum timeline_kind kind,
			 unsigned count)
{
	unsigned found = steps_of_kind(tl, id, kind);

	if (found != count)
		fail_msg("error %" PRIu64 ", %s: expected %u, found %u", id,
			 timeline_kinds[kind].title, count, found);
}

/* ---- what is read ---- */

static void a_trace_becomes_this_text(void **state)
{
	struct timeline tl;
	char *text;

	(void)state;
	read_text(&tl, sample);
	text = printed(&tl, "sample");
	assert_string_equal(text, expected);
	free(text);
	timeline_free(&tl);
}

static void latencies_count_from_the_signal(void **state)
{
	struct timeline tl;
	uint64_t ns = 0;

	(void)state;
	read_text(&tl, sample);
	assert_int_equal(tl.nerrors, 3);
	assert_true(timeline_to_guest_ns(&tl, &tl.error[0], &ns));
	assert_int_equal(ns, 309000);
	assert_true(timeline_to_ack_ns(&tl, &tl.error[0], &ns));
	assert_int_equal(ns, 919000);
	assert_true(timeline_to_guest_ns(&tl, &tl.error[2], &ns));
	assert_int_equal(ns, 100000);
	assert_false(timeline_to_ack_ns(&tl, &tl.error[2], &ns));
	timeline_free(&tl);
}

/* An abort whose record nobody read, told again by an event. */
static void the_guest_is_reached_by_whatever_came_first(void **state)
{
	struct timeline tl;
	uint64_t ns = 0;

	(void)state;
	read_text(&tl,
		  "{\"t_ns\":10,\"event\":\"ras_signal\",\"ras\":1}\n"
		  "{\"t_ns\":13,\"cpu\":0,\"event\":\"ras_taken\",\"ras\":1}\n"
		  "{\"t_ns\":20,\"event\":\"ras_notified\",\"ras\":1,\"way\":\"sdei\"}\n"
		  "{\"t_ns\":30,\"cpu\":0,\"event\":\"sdei_entered\",\"sdei\":\"0x40000010\"}\n");
	expect_steps(&tl, 1, TIMELINE_HANDLER, 1);
	assert_true(timeline_to_guest_ns(&tl, &tl.error[0], &ns));
	assert_int_equal(ns, 3);
	timeline_free(&tl);
}

static void lines_that_are_not_ours_are_counted(void **state)
{
	static const char *const lines[] = {
		"",
		"not JSON",
		"{}",
		"[]",
		"{\"event\":\"reset\",\"cpu\":0}",
		"{\"t_ns\":\"1\",\"event\":\"reset\",\"cpu\":0}",
		"{\"t_ns\":-1,\"event\":\"reset\",\"cpu\":0}",
		"{\"t_ns\":18446744073709551616,\"event\":\"reset\",\"cpu\":0}",
		"{\"t_ns\":1}",
		"{\"t_ns\":1,\"event\":7}",
		"{\"t_ns\":1,\"event\":\"reset\"}",
		"{\"t_ns\":1,\"event\":\"reset\",\"cpu\":0,\"ras\":1}",
		"{\"t_ns\":1,\"event\":\"reset\",\"cpu\":512}",
		"{\"t_ns\":1,\"event\":\"reset\",\"cpu\":18446744073709551614}",
		"{\"t_ns\":1,\"event\":\"ras_signal\"}",
		"{\"t_ns\":1,\"event\":\"ras_signal\",\"ras\":99999999999999999999}",
		"{\"t_ns\":1,\"event\":\"ras_signal\",\"ras\":1,\"gpa\":\"nowhere\"}",
		"{\"t_ns\":1,\"event\":\"ras_signal\",\"ras\":1",
	};
	char text[2000] = "";
	struct timeline tl;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(lines); i++) {
		read_bytes(&tl, lines[i], strlen(lines[i]));
		if (lines[i][0] && (tl.skipped != 1 || tl.lines != 0 || tl.nsteps != 0))
			fail_msg("expected it to be passed over: %s", lines[i]);
		timeline_free(&tl);
		strcat(strcat(text, lines[i]), "\n");
	}
	strcat(text, "{\"t_ns\":5,\"event\":\"ras_signal\",\"ras\":1}\n");
	read_text(&tl, text);
	assert_int_equal(tl.skipped, ARRAY_SIZE(lines));
	assert_int_equal(tl.lines, 1);
	assert_int_equal(tl.nerrors, 1);
	timeline_free(&tl);
}

static void an_empty_file_has_no_lines(void **state)
{
	struct timeline tl;
	char *text;

	(void)state;
	read_text(&tl, "");
	text = printed(&tl, "empty");
	assert_string_equal(text, "empty: 0 lines, 0 errors, up to 0.000000 s\n");
	free(text);
	timeline_free(&tl);
}

/* What is too long is passed over whole: its end is not taken for a line. */
static void long_lines_are_passed_over(void **state)
{
	static const char step[] = "{\"t_ns\":5,\"event\":\"ras_signal\",\"ras\":1}";
	static char text[3 * TIMELINE_LINE_BYTES];
	struct timeline tl;

	(void)state;
	for (int beyond = 0; beyond < 2; beyond++) {
		size_t blanks = TIMELINE_LINE_BYTES - strlen(step) + (size_t)beyond;

		snprintf(text, sizeof(text), "%*s%s\n%s", (int)blanks, "", step, step);
		read_text(&tl, text);
		assert_int_equal(tl.nsteps, 2 - beyond);
		assert_int_equal(tl.skipped, beyond);
		timeline_free(&tl);
	}
	/* Not even if what is kept of it would do. */
	snprintf(text, sizeof(text), "%s%*s", step, TIMELINE_LINE_BYTES, "");
	read_text(&tl, text);
	assert_int_equal(tl.skipped, 1);
	assert_int_equal(tl.nsteps, 0);
	timeline_free(&tl);
	memset(text, 'x', sizeof(text));
	read_bytes(&tl, text, sizeof(text));
	assert_int_equal(tl.skipped, 1);
	timeline_free(&tl);
}

static void a_byte_0_does_not_end_the_file(void **state)
{
	static const char text[] = "{\"t_ns\":5,\0\"event\":\"ras_signal\",\"ras\":1}\n"
				   "{\"t_ns\":6,\"event\":\"ras_signal\",\"ras\":2}\n";
	struct timeline tl;

	(void)state;
	read_bytes(&tl, text, sizeof(text) - 1);
	assert_int_equal(tl.skipped, 1);
	assert_int_equal(tl.nerrors, 1);
	assert_int_equal(tl.error[0].id, 2);
	timeline_free(&tl);
}

static void the_largest_numbers_are_shown(void **state)
{
	struct timeline tl;
	char *text;

	(void)state;
	read_text(
		&tl,
		"{\"t_ns\":0,\"event\":\"ras_signal\",\"ras\":18446744073709551615,\"class\":\"ao\","
		"\"gpa\":\"0xffffffffffffffff\",\"bytes\":18446744073709551615}\n"
		"{\"t_ns\":18446744073709551615,\"event\":\"ras_acked\",\"ras\":18446744073709551615,"
		"\"latency_ns\":18446744073709551615}\n");
	text = printed(&tl, "huge");
	assert_string_equal(
		text,
		"huge: 2 lines, 1 error, up to 18446744073.709551 s\n"
		"\nError 18446744073709551615: ao at 0xffffffffffffffff\n"
		"       0.000000 s             signal            ao, 18446744073709551615 bytes at "
		"0xffffffffffffffff\n"
		"  18446744073.709551 s  +18446744073 s  acknowledged      latency 18446744073 s\n"
		"  signal to acknowledgement 18446744073 s\n");
	free(text);
	timeline_free(&tl);
}

static void lines_are_put_in_order_of_time(void **state)
{
	struct timeline tl;

	(void)state;
	read_text(&tl, "{\"t_ns\":9,\"event\":\"ras_signal\",\"ras\":2}\n"
		       "{\"t_ns\":7,\"event\":\"ras_decided\",\"ras\":1,\"way\":\"ged\"}\n"
		       "{\"t_ns\":7,\"event\":\"ras_queued\",\"ras\":1,\"way\":\"ged\"}\n"
		       "{\"t_ns\":3,\"event\":\"ras_signal\",\"ras\":1}\n");
	assert_int_equal(tl.nerrors, 2);
	assert_int_equal(tl.error[0].id, 1);
	assert_int_equal(tl.error[0].nsteps, 3);
	assert_int_equal(timeline_step_of(&tl, &tl.error[0], 0)->kind, TIMELINE_SIGNAL);
	assert_int_equal(timeline_step_of(&tl, &tl.error[0], 1)->kind, TIMELINE_DECIDED);
	assert_int_equal(timeline_step_of(&tl, &tl.error[0], 2)->kind, TIMELINE_QUEUED);
	assert_int_equal(tl.end_ns, 9);
	timeline_free(&tl);
}

static void steps_beyond_the_limit_are_counted(void **state)
{
	struct timeline tl;
	struct err err = { "" };
	FILE *in = tmpfile();
	char *text;

	(void)state;
	assert_non_null(in);
	for (unsigned i = 0; i < TIMELINE_MAX_STEPS + 3; i++)
		fprintf(in, "{\"t_ns\":%u,\"event\":\"ras_signal\",\"ras\":%u}\n", i, i + 1);
	rewind(in);
	assert_int_equal(timeline_read(&tl, in, &err), 0);
	fclose(in);
	assert_int_equal(tl.nsteps, TIMELINE_MAX_STEPS);
	assert_int_equal(tl.nerrors, TIMELINE_MAX_STEPS);
	assert_int_equal(tl.dropped, 3);
	text = page(&tl, "storm");
	assert_non_null(strstr(text, "more errors are not drawn"));
	assert_in_range(strlen(text), 10000, 2000000);
	free(text);
	timeline_free(&tl);
}

/* ---- what belongs together ---- */

static void a_record_of_two_errors_is_handled_for_both(void **state)
{
	struct timeline tl;

	(void)state;
	read_text(&tl,
		  "{\"t_ns\":1,\"event\":\"ras_notified\",\"ras\":1,\"way\":\"sdei\","
		  "\"source\":\"sdei-normal\",\"pages\":2}\n"
		  "{\"t_ns\":2,\"event\":\"ras_notified\",\"ras\":2,\"way\":\"sdei\","
		  "\"source\":\"sdei-normal\",\"pages\":2}\n"
		  "{\"t_ns\":3,\"cpu\":0,\"event\":\"sdei_entered\",\"sdei\":\"0x40000010\"}\n"
		  "{\"t_ns\":4,\"event\":\"ras_acked\",\"ras\":1,\"source\":\"sdei-normal\"}\n"
		  "{\"t_ns\":5,\"cpu\":0,\"event\":\"sdei_completed\",\"sdei\":\"0x40000010\"}\n"
		  "{\"t_ns\":6,\"cpu\":0,\"event\":\"sdei_entered\",\"sdei\":\"0x40000010\"}\n"
		  "{\"t_ns\":7,\"event\":\"ras_acked\",\"ras\":9,\"source\":\"sdei-normal\"}\n");
	for (uint64_t id = 1; id <= 2; id++) {
		expect_steps(&tl, id, TIMELINE_HANDLER, 1);
		expect_steps(&tl, id, TIMELINE_DONE, 1);
		expect_steps(&tl, id, TIMELINE_ACKED, 1);
	}
	timeline_free(&tl);
}

static void a_handler_belongs_to_its_event_and_cpu(void **state)
{
	struct timeline tl;

	(void)state;
	read_text(&tl,
		  "{\"t_ns\":1,\"event\":\"ras_notified\",\"ras\":1,\"way\":\"sdei\","
		  "\"source\":\"sdei-normal\"}\n"
		  "{\"t_ns\":2,\"event\":\"ras_notified\",\"ras\":2,\"way\":\"sdei\","
		  "\"source\":\"sdei-critical\"}\n"
		  "{\"t_ns\":3,\"event\":\"ras_notified\",\"ras\":3,\"way\":\"ged\","
		  "\"source\":\"ged\"}\n"
		  "{\"t_ns\":4,\"cpu\":5,\"event\":\"sdei_entered\",\"sdei\":\"0x40000001\"}\n"
		  "{\"t_ns\":5,\"cpu\":2,\"event\":\"sdei_entered\",\"sdei\":\"0x40000011\"}\n"
		  "{\"t_ns\":6,\"cpu\":3,\"event\":\"sdei_completed\",\"sdei\":\"0x40000011\"}\n"
		  "{\"t_ns\":7,\"cpu\":2,\"event\":\"sdei_completed\",\"sdei\":\"0x40000010\"}\n"
		  "{\"t_ns\":8,\"event\":\"ras_acked\",\"ras\":3,\"source\":\"ged\"}\n");
	expect_steps(&tl, 1, TIMELINE_HANDLER, 0);
	expect_steps(&tl, 2, TIMELINE_HANDLER, 1);
	expect_steps(&tl, 2, TIMELINE_DONE, 0);
	expect_steps(&tl, 3, TIMELINE_HANDLER, 0);
	expect_steps(&tl, 3, TIMELINE_ACKED, 1);
	expect_steps(&tl, 1, TIMELINE_ACKED, 0);
	timeline_free(&tl);
}

static void a_second_run_of_the_handler_is_not_the_errors(void **state)
{
	struct timeline tl;

	(void)state;
	read_text(&tl,
		  "{\"t_ns\":1,\"event\":\"ras_notified\",\"ras\":1,\"way\":\"sdei\","
		  "\"source\":\"sdei-normal\"}\n"
		  "{\"t_ns\":2,\"cpu\":0,\"event\":\"sdei_entered\",\"sdei\":\"0x40000010\"}\n"
		  "{\"t_ns\":3,\"cpu\":0,\"event\":\"sdei_completed\",\"sdei\":\"0x40000010\"}\n"
		  "{\"t_ns\":4,\"cpu\":1,\"event\":\"sdei_entered\",\"sdei\":\"0x40000010\"}\n"
		  "{\"t_ns\":5,\"cpu\":1,\"event\":\"sdei_completed\",\"sdei\":\"0x40000010\"}\n");
	expect_steps(&tl, 1, TIMELINE_HANDLER, 1);
	expect_steps(&tl, 1, TIMELINE_DONE, 1);
	timeline_free(&tl);
}

static void without_a_source_both_events_will_do(void **state)
{
	struct timeline tl;

	(void)state;
	read_text(&tl,
		  "{\"t_ns\":1,\"event\":\"ras_notified\",\"ras\":1,\"way\":\"sdei\",\"pages\":1}\n"
		  "{\"t_ns\":2,\"cpu\":0,\"event\":\"sdei_entered\",\"sdei\":\"0x40000011\"}\n"
		  "{\"t_ns\":3,\"cpu\":0,\"event\":\"sdei_ended\",\"sdei\":\"0x40000011\"}\n"
		  "{\"t_ns\":4,\"event\":\"ras_acked\",\"ras\":1}\n");
	expect_steps(&tl, 1, TIMELINE_HANDLER, 1);
	expect_steps(&tl, 1, TIMELINE_DONE, 1);
	expect_steps(&tl, 1, TIMELINE_ACKED, 1);
	timeline_free(&tl);
}

static void a_reset_ends_what_was_open(void **state)
{
	struct timeline tl;

	(void)state;
	read_text(&tl,
		  "{\"t_ns\":1,\"event\":\"ras_notified\",\"ras\":1,\"way\":\"sdei\","
		  "\"source\":\"sdei-normal\"}\n"
		  "{\"t_ns\":2,\"cpu\":0,\"event\":\"reset\"}\n"
		  "{\"t_ns\":3,\"cpu\":0,\"event\":\"sdei_entered\",\"sdei\":\"0x40000010\"}\n"
		  "{\"t_ns\":4,\"event\":\"ras_acked\",\"ras\":2,\"source\":\"sdei-normal\"}\n");
	expect_steps(&tl, 1, TIMELINE_HANDLER, 0);
	expect_steps(&tl, 1, TIMELINE_ACKED, 0);
	timeline_free(&tl);
}

static void steps_of_no_error_are_not_lost(void **state)
{
	struct timeline tl;
	char *text;

	(void)state;
	read_text(
		&tl,
		"{\"t_ns\":1,\"event\":\"ras_healed\",\"ras\":0,\"gpa\":\"0x1000\",\"bytes\":4096}\n"
		"{\"t_ns\":2,\"cpu\":3,\"event\":\"sdei_entered\",\"sdei\":\"0x40000010\","
		"\"pc\":\"0x10\"}\n");
	text = printed(&tl, "t");
	assert_string_equal(text,
			    "t: 2 lines, 0 errors, up to 0.000000 s\n"
			    "\nOther steps\n"
			    "       0.000000 s             page replaced     4096 bytes at 0x1000\n"
			    "       0.000000 s             handler entered   CPU 3: SDEI event "
			    "0x40000010, interrupted at 0x10\n");
	free(text);
	timeline_free(&tl);
}

static void many_open_notifications_do_no_harm(void **state)
{
	static char text[2000 * 120];
	struct timeline tl;
	size_t n = 0;

	(void)state;
	for (unsigned i = 1; i <= 2000; i++)
		n += (size_t)snprintf(
			text + n, sizeof(text) - n,
			"{\"t_ns\":%u,\"event\":\"ras_notified\",\"ras\":%u,\"way\":\"sdei\","
			"\"source\":\"sdei-normal\"}\n",
			i, i);
	snprintf(text + n, sizeof(text) - n,
		 "{\"t_ns\":9999,\"cpu\":0,\"event\":\"sdei_entered\",\"sdei\":\"0x40000010\"}\n");
	read_text(&tl, text);
	assert_int_equal(tl.nerrors, 2000);
	expect_steps(&tl, 2000, TIMELINE_HANDLER, 1);
	expect_steps(&tl, 1, TIMELINE_HANDLER, 0);
	timeline_free(&tl);
}

/* ---- texts ---- */

static void durations_have_three_digits(void **state)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} rows[] = {
		{ 0, "0 ns" },
		{ 999, "999 ns" },
		{ 1000, "1.00 us" },
		{ 99999, "99.99 us" },
		{ 100000, "100 us" },
		{ 999999, "999 us" },
		{ 1000000, "1.00 ms" },
		{ 1230000000, "1.23 s" },
		{ UINT64_C(123456000000), "123 s" },
	};
	char text[TIMELINE_TEXT_BYTES];

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		timeline_format_duration(rows[i].ns, text);
		assert_string_equal(text, rows[i].text);
	}
}

/* A terminal is told nothing by a file's texts or its name. */
static void control_characters_are_not_printed(void **state)
{
	struct timeline tl;
	char *text;

	(void)state;
	read_text(&tl,
		  "{\"t_ns\":1,\"event\":\"ras_decided\",\"ras\":1,\"way\":\"\\u001b[2J\",\"why\":"
		  "\"\x1b\x9b \\u0007\\n\\u00e4\"}\n"
		  "{\"t_ns\":1,\"event\":\"ras_decided\",\"ras\":1,\"way\":\"\\u001b[2J\",\"why\":"
		  "\"\x7f\x9b \\u0007\\n\\u00e4\"}\n");
	text = printed(&tl, "\x1b[0m\n");
	for (const char *p = text; *p; p++)
		if (*p != '\n' && (*p < ' ' || *p > '~'))
			fail_msg("expected printable text, found byte 0x%02x", (unsigned char)*p);
	assert_non_null(strstr(text, "?[0m?: 1 lines"));
	assert_non_null(strstr(text, "?[2J (?\? ?\?\?\?)"));
	free(text);
	timeline_free(&tl);
}

static void long_texts_are_cut(void **state)
{
	static char text[TIMELINE_LINE_BYTES];
	char long_text[1000];
	struct timeline tl;
	char *out;

	(void)state;
	memset(long_text, 'x', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	snprintf(text, sizeof(text),
		 "{\"t_ns\":1,\"event\":\"ras_decided\",\"ras\":1,\"way\":\"%s\",\"why\":\"%s\"}\n",
		 long_text, long_text);
	read_text(&tl, text);
	out = printed(&tl, long_text);
	assert_in_range(strlen(out), 200, 500);
	free(out);
	timeline_free(&tl);
}

/* ---- the page ---- */

#define MAX_OPEN_TAGS 32

struct tags {
	char open[MAX_OPEN_TAGS][16];
	unsigned n;
	unsigned seen;
};

/* "<...>": open, close or neither. Returns what follows. */
static const char *check_tag(struct tags *tags, const char *at)
{
	const char *end = strchr(at, '>');
	char name[16];
	unsigned quotes = 0;

	if (!end)
		fail_msg("expected a tag to end: %.60s", at);
	for (const char *p = at; p < end; p++) {
		quotes += *p == '"';
		if (p > at && *p == '<')
			fail_msg("expected no < in a tag: %.60s", at);
	}
	if (quotes % 2)
		fail_msg("expected quotes in pairs: %.60s", at);
	tags->seen++;
	if (at[1] == '!' || end[-1] == '/')
		return end + 1;
	if (sscanf(at, "<%15[/a-z0-9]", name) != 1)
		fail_msg("expected a tag, found %.60s", at);
	if (name[0] != '/') {
		assert_true(tags->n < MAX_OPEN_TAGS);
		strcpy(tags->open[tags->n++], name);
	} else if (tags->n == 0 || strcmp(tags->open[--tags->n], name + 1) != 0) {
		fail_msg("expected </%s>, found %.60s", tags->open[tags->n], at);
	}
	return end + 1;
}

static const char *check_entity(const char *at)
{
	static const char *const allowed[] = { "&amp;", "&lt;", "&gt;", "&quot;", "&#39;" };

	for (unsigned i = 0; i < ARRAY_SIZE(allowed); i++)
		if (strncmp(at, allowed[i], strlen(allowed[i])) == 0)
			return at + strlen(allowed[i]);
	fail_msg("expected an entity, found %.20s", at);
	return NULL;
}

/* Every tag is closed in its order, nothing outside the page is named, nothing is a script. */
static void check_page(const char *text)
{
	static const char *const forbidden[] = { "<script", "http:",   "https:", "src=",   "href=",
						 "url(",    "@import", "onload", "onclick" };
	struct tags tags = { .n = 0 };

	for (const char *p = text; *p;) {
		if (*p == '<')
			p = check_tag(&tags, p);
		else if (*p == '&')
			p = check_entity(p);
		else if (*p == '>' && tags.n && strcmp(tags.open[tags.n - 1], "style") != 0)
			fail_msg("expected no > outside a tag: %.40s", p);
		else
			p++;
	}
	if (tags.n)
		fail_msg("expected all tags closed, found <%s> open", tags.open[tags.n - 1]);
	assert_in_range(tags.seen, 20, 1000000);
	for (unsigned i = 0; i < ARRAY_SIZE(forbidden); i++)
		if (strstr(text, forbidden[i]))
			fail_msg("expected no \"%s\" in the page", forbidden[i]);
}

static void the_page_is_well_formed(void **state)
{
	static const char *const parts[] = { "<!DOCTYPE html>",
					     "<svg",
					     "vCPU 0",
					     "vCPU 1",
					     "host",
					     "rasvm, policy",
					     "host signal",
					     "policy decision",
					     "notification",
					     "guest handler",
					     "acknowledgement",
					     "Error 2: mem-ar",
					     "13.023310 s",
					     "+250 us",
					     "<rect class=\"mark "
					     "handler\"" };
	struct timeline tl;
	char *text;

	(void)state;
	read_text(&tl, sample);
	text = page(&tl, "sample");
	check_page(text);
	for (unsigned i = 0; i < ARRAY_SIZE(parts); i++)
		if (!strstr(text, parts[i]))
			fail_msg("expected \"%s\" in the page", parts[i]);
	free(text);
	timeline_free(&tl);
}

static void everything_in_the_page_is_escaped(void **state)
{
	struct timeline tl;
	char *text;

	(void)state;
	read_text(
		&tl,
		"{\"t_ns\":1,\"event\":\"ras_injected\",\"ras\":1,\"kind\":\"<script>&'\\\"\",\"from\":\"</p>\"}\n"
		"{\"t_ns\":2,\"event\":\"ras_signal\",\"ras\":1,\"class\":\"<b>\",\"from\":\"<script>\"}\n"
		"{\"t_ns\":3,\"event\":\"ras_decided\",\"ras\":1,\"way\":\"</title>\",\"why\":\"<script>\"}\n"
		"{\"t_ns\":4,\"event\":\"ras_notified\",\"ras\":1,\"way\":\"<script>\",\"source\":\"<a&b>\"}\n"
		"{\"t_ns\":5,\"cpu\":1,\"event\":\"ras_taken\",\"ras\":1,\"way\":\"<script>\"}\n"
		"{\"t_ns\":6,\"event\":\"ras_acked\",\"ras\":1,\"source\":\"<script>\"}\n"
		"{\"t_ns\":7,\"event\":\"ras_fallback\",\"ras\":1,\"way\":\"<script>\",\"why\":\"\\\"&\"}\n"
		"{\"t_ns\":8,\"event\":\"ras_stopped\",\"ras\":0,\"why\":\"<script>\\u003c\"}\n");
	text = page(&tl, "<script>&\"'.json");
	check_page(text);
	assert_non_null(strstr(text, "&lt;script&gt;&amp;&quot;&#39;.json"));
	assert_non_null(strstr(text, "&lt;script&gt;&amp;&#39;&quot;, by &lt;/p&gt;"));
	free(text);
	timeline_free(&tl);
}

static void every_cpu_has_a_place(void **state)
{
	static char text[TIMELINE_MAX_CPUS * 60 + 1000];
	struct timeline tl;
	size_t n = 0;
	char *out;

	(void)state;
	for (unsigned i = 0; i < TIMELINE_MAX_CPUS; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
				      "{\"t_ns\":%u,\"cpu\":%u,\"event\":\"power_on\"}\n", i, i);
	read_text(&tl, text);
	assert_int_equal(tl.nsteps, TIMELINE_MAX_CPUS);
	out = page(&tl, "cpus");
	check_page(out);
	assert_non_null(strstr(out, "vCPU 30<"));
	assert_non_null(strstr(out, "vCPU 31 and on"));
	assert_null(strstr(out, ">vCPU 32"));
	free(out);
	timeline_free(&tl);
}

static void the_largest_times_are_drawn(void **state)
{
	static const char *const ends[] = { "0", "1", "999999", "18446744073709551615" };
	char text[300], *out;
	struct timeline tl;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(ends); i++) {
		snprintf(text, sizeof(text),
			 "{\"t_ns\":0,\"event\":\"ras_signal\",\"ras\":1}\n"
			 "{\"t_ns\":%s,\"event\":\"ras_acked\",\"ras\":1}\n",
			 ends[i]);
		read_text(&tl, text);
		assert_int_equal(tl.nsteps, 2);
		out = page(&tl, "end");
		check_page(out);
		free(out);
		timeline_free(&tl);
	}
}

/* ---- any bytes ---- */

static uint64_t random_below(uint64_t *seed, uint64_t limit)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed % limit;
}

/* The sample with bytes changed, cut out and doubled: under sanitizers, and the page stays a page. */
static void damaged_traces_do_no_harm(void **state)
{
	static const char letters[] = "{}[]\",:\\0123456789xeE-.\n u\0\x1b<>&";
	uint64_t seed = 20261121;
	char text[sizeof(sample)];
	struct timeline tl;
	char *out;

	(void)state;
	for (int round = 0; round < 300; round++) {
		memcpy(text, sample, sizeof(sample));
		for (uint64_t k = 1 + random_below(&seed, 60); k; k--)
			text[random_below(&seed, sizeof(sample) - 1)] =
				letters[random_below(&seed, sizeof(letters) - 1)];
		read_bytes(&tl, text, sizeof(sample) - 1 - random_below(&seed, 200));
		out = page(&tl, "damaged");
		check_page(out);
		free(out);
		free(printed(&tl, "damaged"));
		timeline_free(&tl);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_trace_becomes_this_text),
		cmocka_unit_test(latencies_count_from_the_signal),
		cmocka_unit_test(the_guest_is_reached_by_whatever_came_first),
		cmocka_unit_test(lines_that_are_not_ours_are_counted),
		cmocka_unit_test(an_empty_file_has_no_lines),
		cmocka_unit_test(long_lines_are_passed_over),
		cmocka_unit_test(a_byte_0_does_not_end_the_file),
		cmocka_unit_test(the_largest_numbers_are_shown),
		cmocka_unit_test(lines_are_put_in_order_of_time),
		cmocka_unit_test(steps_beyond_the_limit_are_counted),
		cmocka_unit_test(a_record_of_two_errors_is_handled_for_both),
		cmocka_unit_test(a_handler_belongs_to_its_event_and_cpu),
		cmocka_unit_test(a_second_run_of_the_handler_is_not_the_errors),
		cmocka_unit_test(without_a_source_both_events_will_do),
		cmocka_unit_test(a_reset_ends_what_was_open),
		cmocka_unit_test(steps_of_no_error_are_not_lost),
		cmocka_unit_test(many_open_notifications_do_no_harm),
		cmocka_unit_test(durations_have_three_digits),
		cmocka_unit_test(control_characters_are_not_printed),
		cmocka_unit_test(long_texts_are_cut),
		cmocka_unit_test(the_page_is_well_formed),
		cmocka_unit_test(everything_in_the_page_is_escaped),
		cmocka_unit_test(every_cpu_has_a_place),
		cmocka_unit_test(the_largest_times_are_drawn),
		cmocka_unit_test(damaged_traces_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
