/* Values with parts: how they are cut, and what is said about those that are wrong. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/clock.h"
#include "lib/keylist.h"
#include "lib/types.h"

struct target {
	char first[64];
	char name[64];
	char bare[64]; /* "(alone)" if it came without a value */
	unsigned taken;
	uint64_t number;
};

static int take_first(void *target, const char *text, struct err *err)
{
	struct target *t = target;

	if (strcmp(text, "refuse") == 0)
		return err_set(err, -EEXIST, "was refused");
	snprintf(t->first, sizeof(t->first), "%s", text);
	return 0;
}

static int take_name(void *target, const char *value, struct err *err)
{
	struct target *t = target;

	(void)err;
	t->taken++;
	snprintf(t->name, sizeof(t->name), "%s", value);
	return 0;
}

static int take_bare(void *target, const char *value, struct err *err)
{
	struct target *t = target;

	(void)err;
	t->taken++;
	snprintf(t->bare, sizeof(t->bare), "%s", value ? value : "(alone)");
	return 0;
}

static int take_number(void *target, const char *value, struct err *err)
{
	struct target *t = target;

	t->taken++;
	return keylist_number("number", value, 3, 7, &t->number, err);
}

static const struct keylist_key keys[] = {
	{ "name", take_name, false },
	{ "bare", take_bare, true },
	{ "number", take_number, false },
};

enum { NAME = 1, BARE = 2, NUMBER = 4 };

static const struct keylist list = { keys, ARRAY_SIZE(keys), "FIRST,name=X[,bare[=Y]]" };

typedef int take_fn(void *target, const char *text, struct err *err);

static struct target parse(take_fn *first, const char *text, unsigned expected)
{
	struct target t = { .taken = 0 };
	struct err err = { "" };
	unsigned given = 77;

	if (keylist_parse(&list, &t, first, text, &given, &err))
		fail_msg("\"%s\" %s", text, err.text);
	if (given != expected)
		fail_msg("\"%s\": expected the keys 0x%x, found 0x%x", text, expected, given);
	return t;
}

static void refuse(take_fn *first, const char *text, int expected, const char *says)
{
	struct target t = { .taken = 0 };
	struct err err = { "" };
	unsigned given;
	int rc = keylist_parse(&list, &t, first, text, &given, &err);

	if (rc != expected)
		fail_msg("\"%s\": expected %d, found %d (%s)", text, expected, rc, err.text);
	if (!strstr(err.text, says))
		fail_msg("\"%s\": expected \"%s\" in the message, found \"%s\"", text, says,
			 err.text);
}

static void parts_come_in_any_order_and_their_keys_are_told(void **state)
{
	struct target t;

	(void)state;
	t = parse(NULL, "name=a,number=5", NAME | NUMBER);
	assert_string_equal(t.name, "a");
	assert_int_equal(t.number, 5);
	t = parse(NULL, "number=7,bare=z,name=b", NAME | BARE | NUMBER);
	assert_string_equal(t.name, "b");
	assert_string_equal(t.bare, "z");
	assert_int_equal(t.number, 7);
}

static void what_stands_first_goes_to_its_own_function(void **state)
{
	struct target t;

	(void)state;
	t = parse(take_first, "kind", 0);
	assert_string_equal(t.first, "kind");
	t = parse(take_first, "kind=of,name=x", NAME);
	assert_string_equal(t.first, "kind=of");
	assert_string_equal(t.name, "x");
	t = parse(take_first, "", 0);
	assert_string_equal(t.first, "");
	refuse(take_first, "refuse,name=x", -EEXIST, "was refused");
	refuse(take_first, "kind,other=x", -EINVAL, "unknown part \"other=x\"");
	refuse(take_first, "kind,", -EINVAL, "unknown part \"\"");
}

static void a_name_alone_is_for_keys_that_say_so(void **state)
{
	(void)state;
	assert_string_equal(parse(NULL, "bare", BARE).bare, "(alone)");
	assert_string_equal(parse(NULL, "bare=", BARE).bare, "");
	assert_string_equal(parse(NULL, "bare=no", BARE).bare, "no");
	refuse(NULL, "name", -EINVAL, "unknown part \"name\"");
	refuse(NULL, "bare,name", -EINVAL, "unknown part \"name\"");
}

static void a_value_may_hold_equals_signs_and_blanks(void **state)
{
	(void)state;
	assert_string_equal(parse(NULL, "name=a=b c==", NAME).name, "a=b c==");
	assert_string_equal(parse(NULL, "name=", NAME).name, "");
}

static void each_part_comes_once(void **state)
{
	(void)state;
	refuse(NULL, "name=a,name=a", -EINVAL, "has name= twice: once is enough");
	refuse(NULL, "bare,name=a,bare", -EINVAL, "has bare twice");
	refuse(NULL, "bare,bare=1", -EINVAL, "has bare= twice");
}

static void unknown_parts_are_named_with_the_form(void **state)
{
	static const char *const texts[] = { "",        ",",       "name=a,", "=a",
					     "nam=a",   "names=a", " name=a", "Name=a",
					     "name =a", "bar",     "bares" };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(texts); i++)
		refuse(NULL, texts[i], -EINVAL, "write FIRST,name=X[,bare[=Y]]");
	refuse(NULL, "name=a,,bare", -EINVAL, "unknown part \"\"");
}

static void errors_of_a_value_end_the_parsing(void **state)
{
	struct target t = { .taken = 0 };
	unsigned given;

	(void)state;
	refuse(NULL, "number=8", -EINVAL, "has \"number=8\": the value must be 3 to 7");
	assert_int_equal(keylist_parse(&list, &t, NULL, "name=a,number=2,bare", &given, NULL),
			 -EINVAL);
	assert_int_equal(t.taken, 2);
	assert_string_equal(t.bare, "");
}

static void a_backslash_keeps_a_comma(void **state)
{
	static const struct {
		const char *text, *name;
		unsigned given;
	} cases[] = {
		/* clang-format off */
		{ "name=a\\,b",             "a,b",       NAME        },
		{ "name=\\,,bare",          ",",         NAME | BARE },
		{ "name=a\\,b\\,c,bare",    "a,b,c",     NAME | BARE },
		{ "name=\\d\\.x,bare",      "\\d\\.x",   NAME | BARE },
		{ "name=a\\\\,bare",        "a\\\\",     NAME | BARE },
		{ "name=a\\\\\\,bare",      "a\\\\,bare", NAME       },
		{ "name=a\\",               "a\\",       NAME        },
		{ "name=\\\\",              "\\\\",      NAME        },
		/* clang-format on */
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct target t = parse(NULL, cases[i].text, cases[i].given);

		if (strcmp(t.name, cases[i].name) != 0)
			fail_msg("%s: expected %s, found %s", cases[i].text, cases[i].name, t.name);
	}
	assert_string_equal(parse(take_first, "a\\,b,name=c", NAME).first, "a,b");
}

static void the_longest_text_is_read_and_a_longer_one_refused(void **state)
{
	char text[KEYLIST_MAX_BYTES + 1];

	(void)state;
	memset(text, 'x', sizeof(text));
	memcpy(text, "name=", 5);
	text[KEYLIST_MAX_BYTES - 1] = '\0';
	assert_int_equal(strlen(parse(NULL, text, NAME).name), 63);
	text[KEYLIST_MAX_BYTES - 1] = 'x';
	text[KEYLIST_MAX_BYTES] = '\0';
	refuse(NULL, text, -EINVAL, "is too long: 512 characters, at most 511 are read");
}

static int ignore(void *target, const char *value, struct err *err)
{
	(void)value;
	(void)err;
	++*(unsigned *)target;
	return 0;
}

static void as_many_keys_as_there_are_bits(void **state)
{
	char names[KEYLIST_MAX_KEYS][8], text[KEYLIST_MAX_BYTES] = "";
	struct keylist_key many[KEYLIST_MAX_KEYS];
	const struct keylist all = { many, KEYLIST_MAX_KEYS, "many" };
	unsigned taken = 0, given;

	(void)state;
	for (unsigned i = 0; i < KEYLIST_MAX_KEYS; i++) {
		snprintf(names[i], sizeof(names[i]), "k%u", i);
		many[i] = (struct keylist_key){ names[i], ignore, true };
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%sk%u", i ? "," : "",
			 i);
	}
	assert_int_equal(keylist_parse(&all, &taken, NULL, text, &given, NULL), 0);
	assert_int_equal(taken, KEYLIST_MAX_KEYS);
	assert_int_equal(given, UINT32_MAX);
	assert_int_equal(keylist_parse(&all, &taken, NULL, "k31,k31", &given, NULL), -EINVAL);
}

/* ---- values ---- */

static void times_have_limits(void **state)
{
	struct err err = { "" };
	uint64_t ns = 1;

	(void)state;
	assert_int_equal(keylist_time("at", "5", 0, &ns, &err), 0);
	assert_int_equal(ns, 5 * NS_PER_SEC);
	assert_int_equal(keylist_time("at", "8784h", 0, &ns, &err), 0);
	assert_int_equal(ns, KEYLIST_MAX_TIME_NS);
	assert_int_equal(keylist_time("at", "10us", 10000, &ns, &err), 0);
	assert_int_equal(keylist_time("at", "9us", 10000, &ns, &err), -EINVAL);
	assert_string_equal(err.text,
			    "has \"at=9us\": write seconds, or a number with one of ns us "
			    "ms s m h, from 10us to 8784h");
	assert_int_equal(keylist_time("at", "8785h", 0, &ns, NULL), -EINVAL);
	assert_int_equal(keylist_time("at", "", 0, &ns, NULL), -EINVAL);
	assert_int_equal(keylist_time("at", "soon", 0, &ns, NULL), -EINVAL);
	assert_int_equal(ns, 10000);
}

static void numbers_have_limits(void **state)
{
	struct err err = { "" };
	uint64_t number = 1;

	(void)state;
	assert_int_equal(keylist_number("n", "0x10", 0, UINT64_MAX, &number, &err), 0);
	assert_int_equal(number, 16);
	assert_int_equal(keylist_number("n", "18446744073709551615", 1, UINT64_MAX, &number, &err),
			 0);
	assert_true(number == UINT64_MAX);
	assert_int_equal(keylist_number("n", "18446744073709551616", 1, UINT64_MAX, &number, &err),
			 -EINVAL);
	assert_int_equal(keylist_number("n", "0", 1, 9, &number, &err), -EINVAL);
	assert_string_equal(err.text, "has \"n=0\": the value must be 1 to 9");
	assert_int_equal(keylist_number("n", "-1", 0, 9, &number, NULL), -EINVAL);
	assert_int_equal(keylist_number("n", "", 0, 9, &number, NULL), -EINVAL);
	assert_int_equal(keylist_number("n", "1 ", 0, 9, &number, NULL), -EINVAL);
	assert_true(number == UINT64_MAX);
}

static void choices_are_listed(void **state)
{
	static const char *const choices[] = { "auto", "none", "sdei" };
	struct err err = { "" };
	unsigned index = 9;

	(void)state;
	assert_int_equal(keylist_choice("ao", "sdei", choices, 3, &index, &err), 0);
	assert_int_equal(index, 2);
	assert_int_equal(keylist_choice("ao", "auto", choices, 3, &index, &err), 0);
	assert_int_equal(index, 0);
	assert_int_equal(keylist_choice("ao", "SDEI", choices, 3, &index, &err), -EINVAL);
	assert_string_equal(err.text, "has \"ao=SDEI\": use auto, none or sdei");
	assert_int_equal(keylist_choice("ao", "aut", choices, 2, &index, &err), -EINVAL);
	assert_string_equal(err.text, "has \"ao=aut\": use auto or none");
	assert_int_equal(keylist_choice("ao", "", choices, 1, &index, &err), -EINVAL);
	assert_string_equal(err.text, "has \"ao=\": use auto");
	assert_int_equal(index, 0);
}

static void a_long_list_of_choices_is_cut(void **state)
{
	static const char word[] = "a-choice-with-a-name-of-thirty-2";
	const char *choices[40];
	struct err err = { "" };
	unsigned index;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(choices); i++)
		choices[i] = word;
	assert_int_equal(keylist_choice("x", "y", choices, 40, &index, &err), -EINVAL);
	assert_true(strlen(err.text) < sizeof(err.text) - 1);
	assert_non_null(strstr(err.text, word));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts_come_in_any_order_and_their_keys_are_told),
		cmocka_unit_test(what_stands_first_goes_to_its_own_function),
		cmocka_unit_test(a_name_alone_is_for_keys_that_say_so),
		cmocka_unit_test(a_value_may_hold_equals_signs_and_blanks),
		cmocka_unit_test(each_part_comes_once),
		cmocka_unit_test(unknown_parts_are_named_with_the_form),
		cmocka_unit_test(errors_of_a_value_end_the_parsing),
		cmocka_unit_test(a_backslash_keeps_a_comma),
		cmocka_unit_test(the_longest_text_is_read_and_a_longer_one_refused),
		cmocka_unit_test(as_many_keys_as_there_are_bits),
		cmocka_unit_test(times_have_limits),
		cmocka_unit_test(numbers_have_limits),
		cmocka_unit_test(choices_are_listed),
		cmocka_unit_test(a_long_list_of_choices_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
