/* lib/json_line.h: what is a flat JSON object, and what its members say; any other bytes are refused. */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/json_line.h"
#include "lib/types.h"

/* A copy of the text in memory of just its size, so that a step beyond it is seen. */
static char *exact(const char *text, size_t n)
{
	char *copy = malloc(n ? n : 1);

	assert_non_null(copy);
	memcpy(copy, text, n);
	return copy;
}

static void expect(const char *text, int expected)
{
	size_t n = strlen(text);
	char *copy = exact(text, n);
	struct json_line line;
	int found = json_line_split(&line, copy, n);

	free(copy);
	if (found != expected)
		fail_msg("expected %d, found %d: %s", expected, found, text);
}

static void objects_are_taken(void **state)
{
	static const char *const texts[] = {
		"{}",
		" { } \r\n",
		"{\"a\":1}",
		"{\"a\":\"b\",\"c\":-1.5e+3 , \"d\" : true,\"e\":null,\"f\":false}",
		"{\"a\":[]}",
		"{\"a\":[1,\"x\",[],{}],\"b\":{\"c\":[{\"d\":0}]}}",
		"{\"a\":[[[[[[[[1]]]]]]]]}",
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(texts); i++)
		expect(texts[i], 0);
}

static void other_bytes_are_refused(void **state)
{
	static const char *const texts[] = {
		"",
		" ",
		"[]",
		"1",
		"\"a\"",
		"{",
		"}",
		"{\"a\"",
		"{\"a\":",
		"{\"a\":}",
		"{\"a\":1",
		"{\"a\":1,}",
		"{,}",
		"{a:1}",
		"{1:1}",
		"{\"a\":1}}",
		"{\"a\":1}x",
		"{\"a\":[}",
		"{\"a\":[1}",
		"{\"a\":[1,]}",
		"{\"a\":[,1]}",
		"{\"a\":{1}}",
		"{\"a\":{\"b\"}}",
		"{\"a\":01}",
		"{\"a\":-}",
		"{\"a\":1.}",
		"{\"a\":1e}",
		"{\"a\":+1}",
		"{\"a\":tru}",
		"{\"a\":nullx}",
		"{\"a\":\"}",
		"{\"a\":\"\\\"}",
		"{\"a\":\"\\x\"}",
		"{\"a\":\"\\u12\"}",
		"{\"a\":\"\\u0000\"}",
		"{\"a\":\"\\ud800\"}",
		"{\"a\":\"\\ud800\\u0041\"}",
		"{\"a\":\"\\udc00\"}",
		"{\"a\":\"\t\"}",
		"{\"a\" 1}",
		"{\"a\":1 \"b\":2}",
		"{\"a\":[[[[[[[[[1]]]]]]]]]}",
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(texts); i++)
		expect(texts[i], -EINVAL);
}

static void every_beginning_of_a_line_is_refused(void **state)
{
	static const char text[] =
		"{\"t_ns\":12,\"a\":[\"0x1\",{\"b\":\"\\u00e4\"}],\"c\":\"x\\n\"}";

	(void)state;
	for (size_t n = 0; n < sizeof(text) - 1; n++) {
		char *copy = exact(text, n);
		struct json_line line;

		if (json_line_split(&line, copy, n) != -EINVAL)
			fail_msg("expected -EINVAL for the first %zu bytes of %s", n, text);
		free(copy);
	}
	expect(text, 0);
}

static void a_byte_0_is_refused(void **state)
{
	char text[] = "{\"a\":\"b\"}", other[] = "{\"a\":\"\\b\"}";
	struct json_line line;

	(void)state;
	text[6] = '\0';
	assert_int_equal(json_line_split(&line, text, sizeof(text) - 1), -EINVAL);
	other[7] = '\0';
	assert_int_equal(json_line_split(&line, other, sizeof(other) - 1), -EINVAL);
}

static void members_are_counted(void **state)
{
	char text[400] = "{";
	size_t n;

	(void)state;
	for (int i = 0; i < JSON_LINE_MAX_MEMBERS; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s\"%c\":1",
			 i ? "," : "", 'a' + i % 26 - (i / 26) * 32);
	n = strlen(text);
	strcpy(text + n, "}");
	expect(text, 0);
	strcpy(text + n, ",\"z\":1}");
	expect(text, -EINVAL);
}

static void texts_are_decoded(void **state)
{
	char text[] =
		"{\"a\":\"q\\\"b\\\\s\\/\\b\\f\\n\\r\\t\",\"u\":\"\\u0041\\u00e4\\u20AC\\ud83d\\ude00\","
		"\"n\":1,\"e\":\"\",\"a\":\"second\"}";
	struct json_line line;

	(void)state;
	assert_int_equal(json_line_split(&line, text, sizeof(text) - 1), 0);
	assert_string_equal(json_line_text(&line, "a"), "q\"b\\s/\b\f\n\r\t");
	assert_string_equal(json_line_text(&line, "u"), "A\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
	assert_string_equal(json_line_text(&line, "e"), "");
	assert_null(json_line_text(&line, "n"));
	assert_null(json_line_text(&line, "b"));
	assert_true(json_line_has(&line, "n"));
	assert_false(json_line_has(&line, "b"));
}

static void numbers_have_64_bits(void **state)
{
	static const struct {
		const char *value;
		bool good;
		uint64_t number;
	} rows[] = {
		{ "0", true, 0 },
		{ "18446744073709551615", true, UINT64_MAX },
		{ "\"0xffffffffffffffff\"", true, UINT64_MAX },
		{ "\"0x0\"", true, 0 },
		{ "18446744073709551616", false, 0 },
		{ "99999999999999999999999999999999999999", false, 0 },
		{ "\"0x10000000000000000\"", false, 0 },
		{ "-1", false, 0 },
		{ "1.0", false, 0 },
		{ "1e3", false, 0 },
		{ "\"1\"", false, 0 },
		{ "\"0x\"", false, 0 },
		{ "\"0xg\"", false, 0 },
		{ "\"\"", false, 0 },
		{ "[1]", false, 0 },
		{ "true", false, 0 },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		char text[100];
		struct json_line line;
		uint64_t number = 0;
		int n = snprintf(text, sizeof(text), "{\"a\":%s}", rows[i].value);

		assert_int_equal(json_line_split(&line, text, (size_t)n), 0);
		if (json_line_u64(&line, "a", &number) != rows[i].good ||
		    (rows[i].good && number != rows[i].number))
			fail_msg("%s: expected %d %" PRIu64 ", found %" PRIu64, rows[i].value,
				 rows[i].good, rows[i].number, number);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects_are_taken),
		cmocka_unit_test(other_bytes_are_refused),
		cmocka_unit_test(every_beginning_of_a_line_is_refused),
		cmocka_unit_test(a_byte_0_is_refused),
		cmocka_unit_test(members_are_counted),
		cmocka_unit_test(texts_are_decoded),
		cmocka_unit_test(numbers_have_64_bits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
