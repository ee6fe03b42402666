/* The script language: what each statement becomes, every error with its line and column, limits. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arm64/status.h"
#include "cli/script.h"
#include "cli/script_text.h"
#include "lib/clock.h"
#include "lib/types.h"

static const struct script_defines no_defines;

static struct script accept_with(const struct script_defines *defines, const char *text)
{
	struct script s;
	int rc = script_parse(&s, "boot.script", text, strlen(text), defines);

	if (rc != 0)
		fail_msg("%s\nexpected to be accepted, found: %u:%u: %s", text, s.error[0].line,
			 s.error[0].column, s.error[0].text);
	return s;
}

static struct script accept(const char *text)
{
	return accept_with(&no_defines, text);
}

/* The text of a statement, with the values of `values`. */
static const char *text_of(const struct script *s, unsigned i, const struct script_values *values)
{
	static char text[SCRIPT_LINE_BYTES];
	size_t n;

	assert_int_equal(script_expand(s, s->statement[i].text, values, false, text, &n, NULL), 0);
	return text;
}

static void each_statement_is_what_it_says(void **state)
{
	static const enum script_op ops[] = {
		SCRIPT_EXPECT,  SCRIPT_SEND,         SCRIPT_SLEEP,     SCRIPT_INJECT,
		SCRIPT_SDEI,    SCRIPT_PAUSE,        SCRIPT_RESUME,    SCRIPT_RESET,
		SCRIPT_FAIL_ON, SCRIPT_FAIL_ON_NONE, SCRIPT_ALLOW,     SCRIPT_CHECK,
		SCRIPT_SET,     SCRIPT_MARK,         SCRIPT_POWERDOWN, SCRIPT_EXPECT_EXIT,
		SCRIPT_STOP,
	};
	struct script s = accept("# a comment\n"
				 "timeout 90s\n"
				 "expect timeout=30s /login: /   # and another\n"
				 "send \"root\\n\"\n"
				 "\tsleep 2s\r\n"
				 "\n"
				 "inject mem-ao,gpa=0x90000000\n"
				 "sdei trigger private-normal,cpu=1\n"
				 "pause\nresume\nreset\n"
				 "fail-on /segfault/\nfail-on none\nallow /hung/\n"
				 "check \"a # name\"\n"
				 "set A=b c\nmark \"here\"\npowerdown\n"
				 "expect-exit poweroff\nstop");

	(void)state;
	/* What follows the check is a block without a name. */
	assert_int_equal(s.nstatements, ARRAY_SIZE(ops) + 1);
	assert_int_equal(s.nblocks, 2);
	assert_true(s.unnamed);
	for (unsigned i = 0; i < ARRAY_SIZE(ops); i++)
		assert_int_equal(s.statement[i].op, ops[i]);
	assert_int_equal(s.statement[0].wait_ns, 30 * NS_PER_SEC);
	assert_int_equal(s.statement[0].line, 3);
	assert_string_equal(s.bytes + s.statement[0].source, "expect timeout=30s /login: /");
	assert_int_equal(s.statement[1].wait_ns, 90 * NS_PER_SEC);
	assert_int_equal(s.statement[2].wait_ns, 2 * NS_PER_SEC);
	assert_string_equal(text_of(&s, 11, &(struct script_values){ 0 }), "a # name");
	assert_string_equal(text_of(&s, 12, &(struct script_values){ 0 }), "b c");
	assert_int_equal(s.statement[15].status, STATUS_POWEROFF);
	script_free(&s);
}

static void escapes_become_bytes(void **state)
{
	static const char expected[] = "a\"\\$\n\r\t\x1b\0\x01\xff z";
	struct script s = accept("send \"a\\\"\\\\\\$\\n\\r\\t\\e\\0\\x01\\xFf z\"");
	struct script_values none = { 0 };
	char text[SCRIPT_LINE_BYTES];
	size_t n;

	(void)state;
	assert_int_equal(script_expand(&s, s.statement[0].text, &none, false, text, &n, NULL), 0);
	assert_int_equal(n, sizeof(expected) - 1);
	assert_memory_equal(text, expected, n);
	script_free(&s);
}

static void values_are_put_in(void **state)
{
	static const char *const define[] = { "HOST=a.b", "EMPTY=" };
	const struct script_defines defines = { define, ARRAY_SIZE(define) };
	struct script_values values = { 0 };
	struct script s = accept_with(&defines, "expect /x(.)/\n"
						"mark \"$HOST ${HOST}s $1${1}0$EMPTY 5$ $$HOST\"\n"
						"expect /^$HOST\\/$/\n");
	char text[SCRIPT_LINE_BYTES];
	size_t n;

	(void)state;
	/* Definitions are statements in front of the script's. */
	assert_int_equal(s.statement[0].op, SCRIPT_SET);
	assert_int_equal(s.statement[1].op, SCRIPT_SET);
	assert_int_equal(script_value_set(&values.variable[0], "a.b", 3, true), 0);
	assert_int_equal(script_value_set(&values.variable[1], "", 0, true), 0);
	assert_int_equal(script_value_set(&values.group[1], "9", 1, false), 0);
	assert_string_equal(text_of(&s, 3, &values), "a.b a.bs 990 5$ $HOST");
	/* In a regular expression a value stands for itself. */
	assert_int_equal(script_expand(&s, s.statement[4].text, &values, true, text, &n, NULL), 0);
	assert_string_equal(text, "^a\\.b/$");
	script_values_free(&values);
	script_free(&s);
}

static const struct {
	const char *text;
	unsigned line, column;
	const char *part; /* of the message */
} errors[] = {
	/* clang-format off */
	{ "expext /x/",                        1, 1,  "\"expext\": no such statement; \"expect\" is near" },
	{ "\n  frobnicate",                    2, 3,  "no such statement (docs/scripts.md" },
	{ "expect",                            1, 7,  "between slashes is missing" },
	{ "expect login",                      1, 8,  "between slashes is missing" },
	{ "expect /login",                     1, 8,  "the closing / of this" },
	{ "expect /a\\/",                      1, 8,  "the closing / of this" },
	{ "expect /(/",                        1, 8,  "is no regular expression" },
	{ "expect //",                         1, 8,  "an empty regular expression" },
	{ "expect /(a)\\1/",                   1, 8,  "back-reference" },
	{ "expect /((a{99}){99}){99}/",        1, 8,  "is too large" },
	{ "expect /a{1,999}{1,999}/",          1, 8,  "is too large" },
	{ "expect /a/ b",                      1, 12, "only a comment" },
	{ "expect /a/b",                       1, 11, "only a comment" },
	{ "expect timeout= /a/",               1, 16, "is not a" },
	{ "expect timeout=5x /a/",             1, 16, "\"5x\"" },
	{ "expect timeout=0 /a/",              1, 16, "not more than 0" },
	{ "expect timeout=25h /a/",            1, 16, "at most 24h" },
	{ "sleep",                             1, 6,  "a time is missing" },
	{ "sleep x",                           1, 7,  "\"x\"" },
	{ "timeout # none",                    1, 9,  "a time is missing" },
	{ "send root",                         1, 6,  "in quotes is missing" },
	{ "send \"root",                       1, 6,  "the closing \" of this" },
	{ "send \"a\\q\"",                     1, 8,  "no such escape" },
	{ "send \"a\\xg0\"",                   1, 8,  "no such escape" },
	{ "mark \"$NOBODY\"",                  1, 7,  "$NOBODY: not set; set it before, or give --define NOBODY=" },
	{ "mark \"${A\"",                      1, 7,  "a name and a } must follow" },
	{ "mark \"${}\"",                      1, 7,  "a name and a } must follow" },
	{ "mark \"$1\"",                       1, 7,  "no expect with a ( ) comes before" },
	{ "expect /(a)/\nmark \"$2\"",         2, 7,  "the expect in line 1 has 1 ( )" },
	{ "expect /(a)/\nmark \"$0\"",         2, 7,  "groups are $1 to $9" },
	{ "inject",                            1, 7,  "an injection is missing" },
	{ "inject mem-xx",                     1, 8,  "\"mem-xx\"" },
	{ "inject mem-ao,gpa=zz",              1, 8,  "gpa" },
	{ "sdei",                              1, 5,  "\"trigger\" is missing" },
	{ "sdei trigger",                      1, 13, "an event is missing" },
	{ "sdei trigger nothing",              1, 14, "nothing" },
	{ "sdei trigger shared-normal,at=5s",  1, 14, "a script triggers at once" },
	{ "pause now",                         1, 7,  "only a comment" },
	{ "fail-on segfault",                  1, 9,  "between slashes is missing" },
	{ "fail-on nonesuch",                  1, 13, "only a comment" },
	{ "expect-exit",                       1, 12, "a status is missing" },
	{ "expect-exit fine",                  1, 13, "\"fine\" is no exit status" },
	{ "expect-exit 256",                   1, 13, "is no exit status" },
	{ "check boot",                        1, 7,  "in quotes is missing" },
	{ "check \"\"",                        1, 7,  "an empty name" },
	{ "expect /(a)/\ncheck \"$1\"",        2, 7,  "must be known before the run" },
	{ "expect /(a)/\nsleep $1",            2, 7,  "must be known before the run" },
	{ "set",                               1, 4,  "NAME=VALUE is missing" },
	{ "set 1A=b",                          1, 5,  "NAME=VALUE is missing" },
	{ "set A",                             1, 5,  "NAME=VALUE is missing" },
	{ "set A=$B",                          1, 7,  "$B: not set" },
	{ "set aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa=1", 1, 5, "at most 31 characters" },
	/* clang-format on */
};

static void errors_name_line_and_column(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(errors); i++) {
		const char *text = errors[i].text;
		struct script s;

		if (script_parse(&s, "x", text, strlen(text), &no_defines) != -EINVAL)
			fail_msg("%s: expected an error with \"%s\", found it accepted", text,
				 errors[i].part);
		if (s.nerrors != 1 || s.error[0].line != errors[i].line ||
		    s.error[0].column != errors[i].column ||
		    !strstr(s.error[0].text, errors[i].part))
			fail_msg("%s: expected %u:%u: ...%s..., found %u errors, %u:%u: %s", text,
				 errors[i].line, errors[i].column, errors[i].part, s.nerrors,
				 s.error[0].line, s.error[0].column, s.error[0].text);
		script_free(&s);
	}
}

static char *printed_errors(const struct script *s)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	script_print_errors(s, f);
	fclose(f);
	return text;
}

static void all_errors_are_reported_at_once(void **state)
{
	/* A name whose value is in error, and groups of an expression that is: once each. */
	static const char text[] = "expect /(/\nset A=$B\nmark \"$A $1\"\nfrob\nsleep 1s\nsend x\n";
	struct script s;
	char *printed;

	(void)state;
	assert_int_equal(script_parse(&s, "b.script", text, strlen(text), &no_defines), -EINVAL);
	printed = printed_errors(&s);
	assert_int_equal(s.nerrors, 4);
	assert_memory_equal(printed, "b.script:1:8: ", 14);
	assert_non_null(strstr(printed, "\nb.script:2:7: $B: not set"));
	assert_non_null(strstr(printed, "\nb.script:4:1: \"frob\""));
	assert_non_null(strstr(printed, "\nb.script:6:6: a text in quotes"));
	free(printed);
	script_free(&s);
}

static void more_errors_than_are_shown_are_counted(void **state)
{
	char text[2 * (SCRIPT_MAX_ERRORS + 7) + 1];
	struct script s;
	char *printed;

	(void)state;
	for (unsigned i = 0; i < sizeof(text) - 1; i++)
		text[i] = i % 2 ? '\n' : '?';
	assert_int_equal(script_parse(&s, "x", text, sizeof(text) - 1, &no_defines), -EINVAL);
	printed = printed_errors(&s);
	assert_int_equal(s.nerrors, SCRIPT_MAX_ERRORS + 7);
	assert_non_null(strstr(printed, "\nx: 7 more errors\n"));
	free(printed);
	script_free(&s);
}

/* The only error of text[0..n). */
static void refuse_bytes(const char *text, size_t n, const char *part)
{
	struct script s;

	if (script_parse(&s, "x", text, n, &no_defines) != -EINVAL)
		fail_msg("expected an error with \"%s\", found it accepted", part);
	if (!strstr(s.error[0].text, part))
		fail_msg("expected an error with \"%s\", found: %s", part, s.error[0].text);
	script_free(&s);
}

static void sizes_have_limits(void **state)
{
	const size_t n = SCRIPT_MAX_BYTES + 1;
	char *text = calloc(1, n);

	(void)state;
	assert_non_null(text);
	refuse_bytes("mark \"a\0b\"", 10, "a zero byte");
	memset(text, '#', n);
	refuse_bytes(text, n, "larger than 1 MiB");
	refuse_bytes(text, SCRIPT_LINE_BYTES, "at most 4095 characters");
	for (unsigned i = 0; i <= SCRIPT_MAX_STATEMENTS; i++)
		memcpy(text + i * 6, "pause\n", 6);
	refuse_bytes(text, 6 * (SCRIPT_MAX_STATEMENTS + 1), "at most 4096 statements");
	free(text);
}

static void a_value_cannot_grow_without_end(void **state)
{
	static const char text[] =
		"set A=0123456789abcdef0123456789abcdef\n"
		"set A=$A$A$A$A\nset A=$A$A$A$A\nset A=$A$A$A$A\nset A=$A$A$A$A\n";
	struct script s;

	(void)state;
	assert_int_equal(script_parse(&s, "x", text, strlen(text), &no_defines), -EINVAL);
	assert_int_equal(s.nerrors, 1);
	assert_int_equal(s.error[0].line, 5);
	script_free(&s);
}

static void definitions_are_checked(void **state)
{
	static const char *const bad[] = { "", "A", "=b", "1=2", "a-b=c" };
	struct err err;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(script_check_define(bad[i], &err), -EINVAL);
	assert_int_equal(script_check_define("A_1=", &err), 0);
	assert_int_equal(script_check_define("a=b=c", &err), 0);
}

static void an_empty_script_has_one_result(void **state)
{
	struct script s = accept("# nothing\n");

	(void)state;
	assert_int_equal(s.nblocks, 1);
	assert_int_equal(s.nstatements, 1);
	script_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_statement_is_what_it_says),
		cmocka_unit_test(escapes_become_bytes),
		cmocka_unit_test(values_are_put_in),
		cmocka_unit_test(errors_name_line_and_column),
		cmocka_unit_test(all_errors_are_reported_at_once),
		cmocka_unit_test(more_errors_than_are_shown_are_counted),
		cmocka_unit_test(sizes_have_limits),
		cmocka_unit_test(a_value_cannot_grow_without_end),
		cmocka_unit_test(definitions_are_checked),
		cmocka_unit_test(an_empty_script_has_one_result),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
