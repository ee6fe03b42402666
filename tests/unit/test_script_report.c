/* TAP and JUnit: what each result becomes, and that nothing a guest prints breaks the form. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/script_report.h"
#include "lib/types.h"

struct files {
	FILE *tap, *junit;
	char *tap_text, *junit_text;
	size_t tap_bytes, junit_bytes;
	struct script_report report;
};

/* In place: the streams keep the addresses of their texts. */
static void make(struct files *f, unsigned plan)
{
	memset(f, 0, sizeof(*f));
	f->tap = open_memstream(&f->tap_text, &f->tap_bytes);
	f->junit = open_memstream(&f->junit_text, &f->junit_bytes);
	assert_true(f->tap && f->junit);
	f->report.tap = f->tap;
	f->report.junit = f->junit;
	assert_int_equal(script_report_open(&f->report, "a&b.script", plan), 0);
}

/* Finish, and see both; drop() gives them back. */
static void finish(struct files *f)
{
	assert_int_equal(script_report_finish(&f->report, 2500000000), 0);
	script_report_close(&f->report);
	fclose(f->tap);
	fclose(f->junit);
}

static void drop(struct files *f)
{
	free(f->tap_text);
	free(f->junit_text);
}

static const struct script_result passed = {
	.outcome = SCRIPT_PASSED, .number = 1, .name = "boot", .took_ns = 1500000000
};
static const struct script_result failed = {
	.outcome = SCRIPT_FAILED,
	.number = 2,
	.name = "login # SKIP \\ <x>",
	.took_ns = 250000000,
	.message = "no \"login\" & nothing else",
	.statement = "expect /<\\d>/",
	.line = 7,
	.last = { "first", "se\x1b]cond", "\xc3\xa4\xff\xed\xa0\x80\xef\xbf\xbf]]>" },
	.nlast = 3,
};
static const struct script_result not_reached = { .outcome = SCRIPT_NOT_REACHED,
						  .number = 3,
						  .name = "rest" };

static void tap(void **state)
{
	static const char expected[] = "TAP version 13\n"
				       "1..3\n"
				       "ok 1 - boot\n"
				       "not ok 2 - login \\# SKIP \\\\ <x>\n"
				       "  ---\n"
				       "  message: \"no \\\"login\\\" & nothing else\"\n"
				       "  file: \"a&b.script\"\n"
				       "  line: 7\n"
				       "  statement: \"expect /<\\\\d>/\"\n"
				       "  seconds: 0.250\n"
				       "  console:\n"
				       "    - \"first\"\n"
				       "    - \"se\\x1b]cond\"\n"
				       "    - \"\xc3\xa4\\xff\\xed\\xa0\\x80\\xef\\xbf\\xbf]]>\"\n"
				       "  ...\n"
				       "not ok 3 - rest # not reached\n";
	struct files f;

	(void)state;
	make(&f, 3);
	script_report_result(&f.report, &passed);
	script_report_result(&f.report, &failed);
	script_report_result(&f.report, &not_reached);
	finish(&f);
	assert_string_equal(f.tap_text, expected);
	drop(&f);
}

static void junit(void **state)
{
	static const char expected[] =
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<testsuite name=\"a&amp;b.script\" tests=\"3\" failures=\"2\" errors=\"0\" "
		"skipped=\"0\" time=\"2.500\">\n"
		"  <testcase classname=\"a&amp;b.script\" name=\"boot\" time=\"1.500\">\n"
		"  </testcase>\n"
		"  <testcase classname=\"a&amp;b.script\" name=\"login # SKIP \\ &lt;x&gt;\" "
		"time=\"0.250\">\n"
		"    <failure message=\"no &quot;login&quot; &amp; nothing else\">"
		"a&amp;b.script:7: expect /&lt;\\d&gt;/\n"
		"first\n"
		"se\\x1b]cond\n"
		"\xc3\xa4\\xff\\xed\\xa0\\x80\\xef\\xbf\\xbf]]&gt;</failure>\n"
		"  </testcase>\n"
		"  <testcase classname=\"a&amp;b.script\" name=\"rest\" time=\"0.000\">\n"
		"    <failure message=\"not reached\"></failure>\n"
		"  </testcase>\n"
		"</testsuite>\n";
	struct files f;

	(void)state;
	make(&f, 3);
	script_report_result(&f.report, &passed);
	script_report_result(&f.report, &failed);
	script_report_result(&f.report, &not_reached);
	finish(&f);
	assert_string_equal(f.junit_text, expected);
	drop(&f);
}

static void the_guest_s_results_are_a_subtest(void **state)
{
	static const struct script_result results[] = {
		{ .outcome = SCRIPT_PASSED, .guest = true, .number = 1, .name = "x" },
		{ .outcome = SCRIPT_FAILED,
		  .guest = true,
		  .number = 2,
		  .name = "y",
		  .message = "m" },
		{ .outcome = SCRIPT_PASSED, .number = 1, .name = "a" },
		{ .outcome = SCRIPT_PASSED, .number = 2, .name = "b" },
	};
	struct files f;

	(void)state;
	make(&f, 2);
	for (unsigned i = 0; i < ARRAY_SIZE(results); i++)
		script_report_result(&f.report, &results[i]);
	finish(&f);
	assert_string_equal(f.tap_text, "TAP version 13\n1..2\n"
					"    ok 1 - x\n"
					"    not ok 2 - y\n"
					"      ---\n"
					"      message: \"m\"\n"
					"      seconds: 0.000\n"
					"      ...\n"
					"    1..2\n"
					"ok 1 - a\n"
					"ok 2 - b\n");
	assert_non_null(strstr(f.junit_text, "tests=\"4\" failures=\"1\""));
	assert_non_null(strstr(f.junit_text, "classname=\"guest\" name=\"x\""));
	drop(&f);
}

/* Every byte and every pair of bytes: only what XML 1.0 allows comes out, as UTF-8. */
static void any_bytes_are_good_xml(void **state)
{
	(void)state;
	for (unsigned pair = 0x0101; pair < 0x10000; pair++) {
		const char name[] = { (char)(pair >> 8), (char)pair, '\0' };
		const struct script_result result = { .name = name, .number = 1 };
		struct files f;

		if (!name[0] || !name[1] || (pair & 0xff) % 5 != (pair >> 8) % 5)
			continue;
		make(&f, 1);
		script_report_result(&f.report, &result);
		finish(&f);
		for (const unsigned char *c = (unsigned char *)f.junit_text; *c; c++)
			if ((*c < ' ' && *c != '\n') || *c == 0x7f ||
			    (*c >= 0x80 && ((c[0] & 0xe0) != 0xc0 || (c++, *c & 0xc0) != 0x80)))
				fail_msg("name %04x: found byte %02x in %s", pair, *c,
					 f.junit_text);
			else if (*c >= 0x80 && *c < 0xa0 && c[-1] == 0xc2)
				fail_msg("name %04x: found U+%04x in %s", pair, *c, f.junit_text);
		drop(&f);
	}
}

static void a_run_that_did_not_start_bails_out(void **state)
{
	struct files f;

	(void)state;
	make(&f, 2);
	script_report_bail_out(&f.report, "the guest was not started");
	finish(&f);
	script_report_bail_out(&f.report, "too late");
	assert_string_equal(f.tap_text,
			    "TAP version 13\n1..2\nBail out! the guest was not started\n");
	assert_non_null(strstr(f.junit_text, " tests=\"1\" failures=\"0\" errors=\"1\""));
	assert_non_null(strstr(f.junit_text, "<error message=\"the guest was not started\"/>"));
	assert_null(strstr(f.junit_text, "too late"));
	drop(&f);
}

static void a_full_disk_is_an_error(void **state)
{
	struct script_report report = { .tap = fopen("/dev/full", "w") };

	(void)state;
	assert_non_null(report.tap);
	assert_int_equal(script_report_open(&report, "x", 1), 0);
	script_report_result(&report, &passed);
	assert_int_equal(script_report_finish(&report, 1), -EIO);
	script_report_close(&report);
	fclose(report.tap);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tap),
		cmocka_unit_test(junit),
		cmocka_unit_test(the_guest_s_results_are_a_subtest),
		cmocka_unit_test(any_bytes_are_good_xml),
		cmocka_unit_test(a_run_that_did_not_start_bails_out),
		cmocka_unit_test(a_full_disk_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
