/* JSON that is written is JSON that can be read, whatever the texts hold and however small the room is. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base64.h"
#include "lib/json_line.h"
#include "lib/json_write.h"
#include "lib/types.h"

static void values_stand_as_json_has_them(void **state)
{
	char text[200];
	struct json_write w = json_write_in(text, sizeof(text));

	(void)state;
	json_object(&w, NULL);
	json_number(&w, "id", UINT64_MAX);
	json_bool(&w, "ok", true);
	json_hex(&w, "at", 0xfeed);
	json_list(&w, "list");
	json_text(&w, NULL, "a");
	json_number(&w, NULL, 0);
	json_object(&w, NULL);
	json_close(&w);
	json_close(&w);
	json_raw(&w, "raw", "{\"x\":1}", 7);
	size_t n = json_finish(&w);

	assert_int_equal(n, strlen(text));
	assert_string_equal(text, "{\"id\":18446744073709551615,\"ok\":true,\"at\":\"0xfeed\","
				  "\"list\":[\"a\",0,{}],\"raw\":{\"x\":1}}\n");
}

static void check_text(const char *bytes, size_t n, const char *expected)
{
	char text[100], want[120];
	struct json_write w = json_write_in(text, sizeof(text));

	json_object(&w, NULL);
	json_text_n(&w, "t", bytes, n);
	assert_int_not_equal(json_finish(&w), 0);
	snprintf(want, sizeof(want), "{\"t\":\"%s\"}\n", expected);
	assert_string_equal(text, want);
}

static void what_json_does_not_take_is_escaped(void **state)
{
	(void)state;
	check_text("a\"\\\n\r\t\b\f\x01\x7f/", 11, "a\\\"\\\\\\n\\r\\t\\b\\f\\u0001\\u007f/");
	check_text("\0x", 2, "\\u0000x");
	check_text("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9,
		   "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
}

static void bytes_that_are_no_utf8_are_replaced(void **state)
{
	static const struct {
		const char *bytes, *expected;
	} rows[] = {
		{ "\xff", "\\ufffd" },
		{ "\xc3", "\\ufffd" },
		{ "\xc3(", "\\ufffd(" },
		{ "\xc0\xaf", "\\ufffd\\ufffd" },                       /* too long a form */
		{ "\xe0\x80\xaf", "\\ufffd\\ufffd\\ufffd" },            /* the same */
		{ "\xed\xa0\x80", "\\ufffd\\ufffd\\ufffd" },            /* half of a pair */
		{ "\xf4\x90\x80\x80", "\\ufffd\\ufffd\\ufffd\\ufffd" }, /* beyond the last */
		{ "\xe2\x82", "\\ufffd\\ufffd" },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
		check_text(rows[i].bytes, strlen(rows[i].bytes), rows[i].expected);
}

static size_t write_sample(char *text, size_t size)
{
	struct json_write w = json_write_in(text, size);

	json_object(&w, NULL);
	json_text(&w, "name", "a\nb\xff");
	json_list(&w, "l");
	json_hex(&w, NULL, 7);
	json_number(&w, NULL, 99);
	return json_finish(&w);
}

/* Every size: it fits, or it is told; nothing is written beyond the end (the sanitizer looks). */
static void any_room_is_respected(void **state)
{
	char all[100];
	size_t need = write_sample(all, sizeof(all));

	(void)state;
	assert_int_not_equal(need, 0);
	for (size_t size = 1; size <= need + 2; size++) {
		char *text = malloc(size);

		assert_non_null(text);
		assert_int_equal(write_sample(text, size), size > need ? need : 0);
		free(text);
	}
}

static void nesting_has_an_end(void **state)
{
	char text[100];
	struct json_write w = json_write_in(text, sizeof(text));

	(void)state;
	for (unsigned i = 0; i <= JSON_WRITE_MAX_DEPTH; i++)
		json_list(&w, NULL);
	assert_int_equal(json_finish(&w), 0);
	w = json_write_in(text, sizeof(text));
	for (unsigned i = 0; i < JSON_WRITE_MAX_DEPTH; i++)
		json_list(&w, NULL);
	assert_int_not_equal(json_finish(&w), 0);
	json_close(&w);
}

/* Any text of bytes without 0 comes back as it was, if it is UTF-8. */
static void what_is_written_is_read(void **state)
{
	char ascii[128], text[600];
	struct json_line line;

	(void)state;
	for (unsigned i = 1; i < 128; i++)
		ascii[i - 1] = (char)i;
	ascii[127] = '\0';
	struct json_write w = json_write_in(text, sizeof(text));

	json_object(&w, NULL);
	json_text(&w, "t", ascii);
	json_hex(&w, "n", UINT64_MAX);
	assert_int_equal(json_line_split(&line, text, json_finish(&w)), 0);
	assert_string_equal(json_line_text(&line, "t"), ascii);
	uint64_t n = 0;

	assert_true(json_line_u64(&line, "n", &n));
	assert_true(n == UINT64_MAX);
}

/* ---- base 64 ---- */

static void base64_has_the_forms_of_the_rfc(void **state)
{
	static const char *const rows[][2] = {
		{ "", "" },
		{ "f", "Zg==" },
		{ "fo", "Zm8=" },
		{ "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" },
		{ "foobar", "Zm9vYmFy" },
	};
	char text[32], bytes[32];

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		size_t n = strlen(rows[i][0]);

		base64_encode(text, rows[i][0], n);
		assert_string_equal(text, rows[i][1]);
		assert_int_equal(strlen(text), BASE64_CHARS(n));
		assert_int_equal(base64_decode(bytes, text, strlen(text)), n);
		assert_memory_equal(bytes, rows[i][0], n);
	}
}

static void base64_of_any_bytes_comes_back(void **state)
{
	uint8_t bytes[256], back[256];
	char text[BASE64_CHARS(sizeof(bytes)) + 1];

	(void)state;
	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 151);
	for (size_t n = 0; n <= sizeof(bytes); n++) {
		base64_encode(text, bytes, n);
		assert_int_equal(base64_decode(back, text, strlen(text)), n);
		assert_memory_equal(back, bytes, n);
		/* In place, too. */
		assert_int_equal(base64_decode(text, text, BASE64_CHARS(n)), n);
		assert_memory_equal(text, bytes, n);
	}
}

static void what_is_no_base64_is_refused(void **state)
{
	static const char *const rows[] = { "A",
					    "AA",
					    "AAA",
					    "====",
					    "A===",
					    "AA=A",
					    "Zh==",
					    "Zm9=",
					    "Zm9v\n",
					    "Zm 9",
					    "Zg==Zg==",
					    "Zm9-",
					    "\xff\xff\xff\xff" };
	char bytes[32];

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
		if (base64_decode(bytes, rows[i], strlen(rows[i])) != -EINVAL)
			fail_msg("\"%s\": expected -EINVAL", rows[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_stand_as_json_has_them),
		cmocka_unit_test(what_json_does_not_take_is_escaped),
		cmocka_unit_test(bytes_that_are_no_utf8_are_replaced),
		cmocka_unit_test(any_room_is_respected),
		cmocka_unit_test(nesting_has_an_end),
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(base64_has_the_forms_of_the_rfc),
		cmocka_unit_test(base64_of_any_bytes_comes_back),
		cmocka_unit_test(what_is_no_base64_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
