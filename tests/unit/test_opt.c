/* Option tables: what the command line means, and what is said when it means nothing. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/clock.h"
#include "lib/opt.h"
#include "lib/parse.h"
#include "lib/types.h"

struct target {
	bool flag;
	int feature, colour;
	unsigned number;
	uint64_t size, time;
	const char *text, *custom, *positional;
	unsigned actions;
};

enum { OFF, ON, RED, GREEN };

static const struct opt_choice on_off[] = { { "on", ON }, { "off", OFF }, { NULL, 0 } };
static const struct opt_choice colours[] = { { "red", RED }, { "green", GREEN }, { NULL, 0 } };
static const struct opt_choice nothing[] = { { "none", 0 }, { NULL, 0 } };

static int parse_custom(void *target, const struct opt *opt, const char *value, struct err *err)
{
	struct target *t = target;

	(void)opt;
	if (strcmp(value, "bad") == 0)
		return err_set(err, -22, "is bad");
	t->custom = value;
	return 0;
}

static int parse_action(void *target, const struct opt *opt, const char *value, struct err *err)
{
	struct target *t = target;

	(void)opt, (void)value, (void)err;
	t->actions++;
	return 0;
}

static int take_positional(void *target, const char *text, struct err *err)
{
	struct target *t = target;

	(void)err;
	t->positional = text;
	return 0;
}

#define AT(field) offsetof(struct target, field)

static const struct opt rows[] = {
	/* clang-format off */
	{ .kind = OPT_GROUP, .help = "Things" },
	{ .name = "flag", .letter = 'f', .kind = OPT_FLAG, .offset = AT(flag), .help = "A flag." },
	{ .name = "flagship", .kind = OPT_STRING, .offset = AT(text), .arg = "NAME",
	  .help = "A ship." },
	{ .name = "feature", .kind = OPT_SWITCH, .offset = AT(feature), .choices = on_off,
	  .help = "A feature." },
	{ .name = "colour", .letter = 'c', .kind = OPT_CHOICE, .offset = AT(colour),
	  .choices = colours, .arg = "COLOUR", .help = "A colour." },
	{ .name = "number", .letter = 'n', .kind = OPT_NUMBER, .offset = AT(number), .min = 1,
	  .max = 512, .zero = "auto", .arg = "N", .help = "A number." },
	{ .name = "size", .letter = 's', .kind = OPT_SIZE, .offset = AT(size), .min = 4096,
	  .max = GIB(4), .multiple_of = 4096, .arg = "SIZE", .help = "A size." },
	{ .name = "time", .kind = OPT_DURATION, .offset = AT(time), .min = 1,
	  .max = 3600 * NS_PER_SEC, .arg = "TIME", .help = "A time." },
	{ .name = "custom", .letter = 'x', .kind = OPT_CUSTOM, .parse = parse_custom, .arg = "X",
	  .help = "Anything." },
	{ .name = "act", .letter = 'a', .kind = OPT_ACTION, .parse = parse_action, .help = "Act.",
	  .flags = OPT_COMMAND_LINE },
	{ .name = "ignored", .kind = OPT_IGNORED, .flags = OPT_NO_VALUE },
	{ .name = "absent", .letter = 'd', .kind = OPT_UNAVAILABLE, .choices = nothing },
	/* clang-format on */
};

static const struct opt_table table = {
	.rows = rows,
	.nrows = ARRAY_SIZE(rows),
	.positional = take_positional,
};

/* Parse up to four arguments; the list ends with NULL. */
static int parse4(struct target *t, struct err *err, const char *a, const char *b, const char *c,
		  const char *d)
{
	const char *argv[] = { a, b, c, d, NULL };
	int argc = 0;

	while (argv[argc])
		argc++;
	memset(t, 0, sizeof(*t));
	err->text[0] = '\0';
	return opt_parse(&table, t, argc, argv, err);
}

static struct target parsed(const char *a, const char *b)
{
	struct target t;
	struct err err;

	if (parse4(&t, &err, a, b, NULL, NULL) != 0)
		fail_msg("%s %s: expected to be accepted, found: %s", a, b ? b : "", err.text);
	return t;
}

/* Expect an error that says `part`. */
static void refused(const char *a, const char *b, const char *part)
{
	struct target t;
	struct err err;

	if (parse4(&t, &err, a, b, NULL, NULL) == 0)
		fail_msg("%s %s: expected an error with \"%s\", found it accepted", a, b ? b : "",
			 part);
	if (!strstr(err.text, part))
		fail_msg("%s %s: expected an error with \"%s\", found: %s", a, b ? b : "", part,
			 err.text);
	if (strchr(err.text, '\n'))
		fail_msg("%s: the error is more than one line: %s", a, err.text);
}

static void all_forms_of_a_value_mean_the_same(void **state)
{
	(void)state;
	assert_int_equal(parsed("--number", "7").number, 7);
	assert_int_equal(parsed("--number=7", NULL).number, 7);
	assert_int_equal(parsed("-n", "7").number, 7);
	assert_int_equal(parsed("-n7", NULL).number, 7);
	assert_int_equal(parsed("--numb", "7").number, 7);
	assert_int_equal(parsed("--num=7", NULL).number, 7);
	assert_int_equal(parsed("--number", "0x10").number, 16);
}

static void an_exact_name_wins_over_a_longer_one(void **state)
{
	(void)state;
	assert_true(parsed("--flag", NULL).flag);
	assert_string_equal(parsed("--flags", "x").text, "x");
	refused("--fla", NULL, "it could be --flag, --flagship");
}

static void flags_and_switches_have_a_negative_form(void **state)
{
	struct target t;
	struct err err;

	(void)state;
	assert_int_equal(parse4(&t, &err, "--flag", "--no-flag", "--feature", NULL), 0);
	assert_false(t.flag);
	assert_int_equal(t.feature, ON);
	assert_int_equal(parse4(&t, &err, "--feature", "--no-feature", "--flag=yes", NULL), 0);
	assert_int_equal(t.feature, OFF);
	assert_true(t.flag);
	assert_int_equal(parsed("--feature=on", NULL).feature, ON);
	refused("--flag=maybe", NULL, "neither yes nor no");
	refused("--feature=maybe", NULL, "is not one of: on, off");
	refused("--no-flag=1", NULL, "takes no value");
	refused("--no-number", NULL, "no such option");
}

static void a_flag_does_not_take_the_next_argument(void **state)
{
	struct target t = parsed("--flag", "no");

	(void)state;
	assert_true(t.flag);
	assert_string_equal(t.positional, "no");
	t = parsed("--feature", "off");
	assert_int_equal(t.feature, ON);
	assert_string_equal(t.positional, "off");
}

static void letters_can_be_joined_until_one_takes_a_value(void **state)
{
	struct target t = parsed("-fan9", NULL);

	(void)state;
	assert_true(t.flag);
	assert_int_equal(t.actions, 1);
	assert_int_equal(t.number, 9);
	refused("-fq", NULL, "-q: no such option");
}

static void two_dashes_end_the_options(void **state)
{
	(void)state;
	assert_string_equal(parsed("--", "--flag").positional, "--flag");
	assert_string_equal(parsed("-", NULL).positional, "-");
}

static void options_may_follow_other_arguments(void **state)
{
	struct target t = parsed("kernel", "--flag");

	(void)state;
	assert_string_equal(t.positional, "kernel");
	assert_true(t.flag);
}

static void a_value_may_look_like_an_option(void **state)
{
	(void)state;
	assert_string_equal(parsed("--custom", "--flag").custom, "--flag");
	assert_string_equal(parsed("--custom=", NULL).custom, "");
}

static void numbers_outside_the_range_are_refused(void **state)
{
	(void)state;
	refused("-n", "0", "too small; allowed: from 1 to 512, or auto");
	refused("-n", "513", "too large");
	refused("-n", "-1", "is negative");
	refused("-n", "+1", "is not a number");
	refused("-n", " 1", "is not a number");
	refused("-n", "", "is not a number");
	refused("-n", "1x", "\"x\" follows the digits");
	refused("-n", "0x", "is not a number");
	refused("-n", "0x-1", "is not a number");
	refused("-n", "0x0x1", "\"x1\" follows the digits");
	refused("-n", "18446744073709551617", "too large");
	refused("-n", "4294967297", "too large");
	assert_int_equal(parsed("-n", "auto").number, 0);
}

static void sizes_have_binary_suffixes_and_mib_by_default(void **state)
{
	(void)state;
	assert_int_equal(parsed("-s", "2").size, MIB(2));
	assert_int_equal(parsed("-s", "4096B").size, 4096);
	assert_int_equal(parsed("-s", "8k").size, KIB(8));
	assert_int_equal(parsed("-s", "1G").size, GIB(1));
	refused("-s", "0", "too small; allowed: from 4K to 4G");
	refused("-s", "8G", "too large");
	refused("-s", "99999999T", "too large");
	refused("-s", "17592186044416M", "too large");
	refused("-s", "4097B", "not a multiple of 4K");
	refused("-s", "1.5G", "none of the suffixes");
	refused("-s", "1GB", "none of the suffixes");
	refused("-s", "-1G", "is negative");
}

static void durations_have_units_and_seconds_by_default(void **state)
{
	(void)state;
	assert_int_equal(parsed("--time", "3").time, 3 * NS_PER_SEC);
	assert_int_equal(parsed("--time", "3ns").time, 3);
	assert_int_equal(parsed("--time", "3us").time, 3 * NS_PER_US);
	assert_int_equal(parsed("--time", "3ms").time, 3 * NS_PER_MS);
	assert_int_equal(parsed("--time", "3m").time, 180 * NS_PER_SEC);
	assert_int_equal(parsed("--time", "1h").time, 3600 * NS_PER_SEC);
	refused("--time", "2h", "too large; allowed: from 1ns to 1h");
	refused("--time", "5124096h", "too large");
	refused("--time", "3MS", "none of the suffixes");
}

static void choices_are_listed_when_the_value_is_none(void **state)
{
	(void)state;
	assert_int_equal(parsed("-c", "green").colour, GREEN);
	refused("-c", "blue", "-c/--colour: \"blue\" is not one of: red, green");
	refused("-c", "gree", "is not one of");
}

static void a_missing_value_is_named(void **state)
{
	(void)state;
	refused("--number", NULL, "--number: the value N is missing");
	refused("-n", NULL, "-n/--number: the value N is missing");
}

static void an_empty_string_is_refused(void **state)
{
	(void)state;
	refused("--flagship=", NULL, "--flagship: \"\" is empty");
}

static void errors_of_a_parser_get_option_and_value(void **state)
{
	(void)state;
	refused("--custom", "bad", "--custom: \"bad\" is bad");
}

static void the_nearest_name_is_suggested(void **state)
{
	(void)state;
	refused("--nubmer", "1", "did you mean --number?");
	refused("--no-featur=1", NULL, "--no-feature: takes no value");
	refused("--no-faeture", NULL, "did you mean --no-feature?");
	refused("--zzzzzzzz", NULL, "no such option; --help lists all");
	refused("--=x", NULL, "no such option");
	refused("--a-name-that-is-much-longer-than-any-option-could-be-really", NULL,
		"no such option");
}

static void ignored_options_change_nothing(void **state)
{
	struct target none = parsed("kernel", NULL), t = parsed("--ignored", "kernel");

	(void)state;
	assert_string_equal(t.positional, "kernel");
	none.positional = t.positional = NULL;
	assert_memory_equal(&t, &none, sizeof(t));
}

static void unavailable_options_say_so_unless_they_ask_for_nothing(void **state)
{
	struct target t;
	struct err err;

	(void)state;
	assert_int_equal(parse4(&t, &err, "--absent", "x", NULL, NULL), -ENOTSUP);
	assert_string_equal(err.text, "--absent: not available in this version");
	assert_int_equal(parse4(&t, &err, "-d", "none", NULL, NULL), 0);
	assert_int_equal(parse4(&t, &err, "--absent=none", NULL, NULL, NULL), 0);
}

static void config_names_are_exact(void **state)
{
	struct target t = { .number = 0 };
	struct err err;

	(void)state;
	assert_int_equal(opt_set(&table, &t, "number", "5", &err), 0);
	assert_int_equal(t.number, 5);
	assert_int_not_equal(opt_set(&table, &t, "numb", "5", &err), 0);
	assert_non_null(strstr(err.text, "did you mean number?"));
	assert_int_not_equal(opt_set(&table, &t, "act", NULL, &err), 0);
	assert_non_null(strstr(err.text, "command line only"));
	assert_int_not_equal(opt_set(&table, &t, "number", NULL, &err), 0);
}

static void check_size_text(uint64_t bytes, const char *expected)
{
	char text[PARSE_TEXT_BYTES];
	uint64_t again = 1;

	parse_print_size(bytes, text);
	assert_string_equal(text, expected);
	assert_int_equal(parse_size(text, 1, &again, NULL), 0);
	assert_int_equal(again, bytes);
}

static void printed_sizes_are_short_and_read_back(void **state)
{
	(void)state;
	check_size_text(0, "0B");
	check_size_text(1, "1B");
	check_size_text(MIB(1536), "1536M");
	check_size_text(GIB(2), "2G");
	check_size_text(UINT64_C(1) << 50, "1P");
	check_size_text(UINT64_MAX, "18446744073709551615B");
}

static void check_time_text(uint64_t ns, const char *expected)
{
	char text[PARSE_TEXT_BYTES];
	uint64_t again = 1;

	parse_print_duration(ns, text);
	assert_string_equal(text, expected);
	assert_int_equal(parse_duration(text, &again, NULL), 0);
	assert_int_equal(again, ns);
}

static void printed_durations_are_short_and_read_back(void **state)
{
	(void)state;
	check_time_text(0, "0ns");
	check_time_text(1, "1ns");
	check_time_text(1500 * NS_PER_US, "1500us");
	check_time_text(90 * NS_PER_SEC, "90s");
	check_time_text(7200 * NS_PER_SEC, "2h");
	check_time_text(UINT64_MAX, "18446744073709551615ns");
}

/* What a print function of a table writes; the caller frees it. */
static char *printed(void (*print)(const struct opt_table *, const void *, FILE *))
{
	struct target defaults = { .number = 3, .colour = GREEN };
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	print(&table, &defaults, f);
	fclose(f);
	return text;
}

static void help_shows_names_values_and_defaults(void **state)
{
	char *help = printed(opt_print_help);

	(void)state;
	assert_non_null(strstr(help, "\nThings:\n"));
	assert_non_null(strstr(help, "  -f, --[no-]flag           A flag.\n"));
	assert_non_null(strstr(help, "  -n, --number N            A number. Default: 3.\n"));
	assert_non_null(strstr(help, "A colour. Default: green."));
	assert_null(strstr(help, "absent"));
	assert_null(strstr(help, "ignored"));
	free(help);
}

static void the_man_page_has_one_item_an_option(void **state)
{
	char *man = printed(opt_print_man);

	(void)state;
	assert_non_null(strstr(man, ".Ss Things\n.Bl -tag -width Ds\n.It Fl f , Fl -[no-]flag\n"));
	assert_non_null(strstr(man, ".It Fl n , Fl -number Ar N\nA number.\nDefault: 3.\n"));
	assert_string_equal(man + strlen(man) - 4, ".El\n");
	free(man);
}

static void text_is_wrapped_at_the_width(void **state)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	(void)state;
	assert_non_null(f);
	opt_print_wrapped("aaaa bbbb cccc averylongwordthatdoesnotfit d", 2, 2, 12, f);
	fclose(f);
	assert_string_equal(text, "aaaa bbbb\n  cccc\n  averylongwordthatdoesnotfit\n  d\n");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_forms_of_a_value_mean_the_same),
		cmocka_unit_test(an_exact_name_wins_over_a_longer_one),
		cmocka_unit_test(flags_and_switches_have_a_negative_form),
		cmocka_unit_test(a_flag_does_not_take_the_next_argument),
		cmocka_unit_test(letters_can_be_joined_until_one_takes_a_value),
		cmocka_unit_test(two_dashes_end_the_options),
		cmocka_unit_test(options_may_follow_other_arguments),
		cmocka_unit_test(a_value_may_look_like_an_option),
		cmocka_unit_test(numbers_outside_the_range_are_refused),
		cmocka_unit_test(sizes_have_binary_suffixes_and_mib_by_default),
		cmocka_unit_test(durations_have_units_and_seconds_by_default),
		cmocka_unit_test(choices_are_listed_when_the_value_is_none),
		cmocka_unit_test(a_missing_value_is_named),
		cmocka_unit_test(an_empty_string_is_refused),
		cmocka_unit_test(errors_of_a_parser_get_option_and_value),
		cmocka_unit_test(the_nearest_name_is_suggested),
		cmocka_unit_test(ignored_options_change_nothing),
		cmocka_unit_test(unavailable_options_say_so_unless_they_ask_for_nothing),
		cmocka_unit_test(config_names_are_exact),
		cmocka_unit_test(printed_sizes_are_short_and_read_back),
		cmocka_unit_test(printed_durations_are_short_and_read_back),
		cmocka_unit_test(help_shows_names_values_and_defaults),
		cmocka_unit_test(the_man_page_has_one_item_an_option),
		cmocka_unit_test(text_is_wrapped_at_the_width),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
