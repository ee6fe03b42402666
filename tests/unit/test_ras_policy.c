/* --ras: defaults, parsing, printing what is parsed again, every bad value's message. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/clock.h"
#include "lib/types.h"
#include "ras/policy.h"

#define DEFAULT_TEXT "ao=auto,ar=auto,ce=auto,heal=reset,limit=8,serror=auto,ack=10s,fallback=1s"

static void parse(struct ras_policy *policy, const char *text)
{
	struct err err = { "" };

	if (ras_policy_parse(policy, text, &err))
		fail_msg("\"%s\" %s", text, err.text);
}

static void check_print(const struct ras_policy *policy, const char *expected)
{
	char text[512] = "";
	FILE *out = fmemopen(text, sizeof(text), "w");

	assert_non_null(out);
	ras_policy_print(policy, out);
	fclose(out);
	assert_string_equal(text, expected);
}

static void the_default_is_auto_and_asks_for_nothing(void **state)
{
	struct ras_policy policy = ras_policy_default();

	(void)state;
	check_print(&policy, DEFAULT_TEXT);
	assert_false(policy.given);
	assert_int_equal(policy.ao, RAS_AO_AUTO);
	assert_int_equal(policy.ar, RAS_AR_AUTO);
	assert_int_equal(policy.ce, RAS_CE_AUTO);
	assert_int_equal(policy.heal, RAS_HEAL_RESET);
	assert_int_equal(policy.limit_per_s, 8);
	assert_true(policy.serror == RAS_SERROR_AUTO);
	assert_int_equal(policy.ack_ns, 10 * NS_PER_SEC);
	assert_int_equal(policy.fallback_ns, NS_PER_SEC);
}

/* What is asked, and all of it as it is printed: canonical, and read back to the same. */
static const struct {
	const char *text, *printed;
} good[] = {
	/* clang-format off */
	{ "ao=auto",         DEFAULT_TEXT },
	{ "ao=none",         "ao=none,ar=auto,ce=auto,heal=reset,limit=8,serror=auto,ack=10s,fallback=1s" },
	{ "ao=sdei",         "ao=sdei,ar=auto,ce=auto,heal=reset,limit=8,serror=auto,ack=10s,fallback=1s" },
	{ "ao=serror",       "ao=serror,ar=auto,ce=auto,heal=reset,limit=8,serror=auto,ack=10s,fallback=1s" },
	{ "ao=ged",          "ao=ged,ar=auto,ce=auto,heal=reset,limit=8,serror=auto,ack=10s,fallback=1s" },
	{ "ao=polled",       "ao=polled,ar=auto,ce=auto,heal=reset,limit=8,serror=auto,ack=10s,fallback=1s" },
	{ "ao=stop",         "ao=stop,ar=auto,ce=auto,heal=reset,limit=8,serror=auto,ack=10s,fallback=1s" },
	{ "ar=auto",         DEFAULT_TEXT },
	{ "ar=sea",          "ao=auto,ar=sea,ce=auto,heal=reset,limit=8,serror=auto,ack=10s,fallback=1s" },
	{ "ar=serror",       "ao=auto,ar=serror,ce=auto,heal=reset,limit=8,serror=auto,ack=10s,fallback=1s" },
	{ "ar=stop",         "ao=auto,ar=stop,ce=auto,heal=reset,limit=8,serror=auto,ack=10s,fallback=1s" },
	{ "ce=auto",         DEFAULT_TEXT },
	{ "ce=none",         "ao=auto,ar=auto,ce=none,heal=reset,limit=8,serror=auto,ack=10s,fallback=1s" },
	{ "ce=sdei",         "ao=auto,ar=auto,ce=sdei,heal=reset,limit=8,serror=auto,ack=10s,fallback=1s" },
	{ "ce=ged",          "ao=auto,ar=auto,ce=ged,heal=reset,limit=8,serror=auto,ack=10s,fallback=1s" },
	{ "ce=polled",       "ao=auto,ar=auto,ce=polled,heal=reset,limit=8,serror=auto,ack=10s,fallback=1s" },
	{ "heal=reset",      DEFAULT_TEXT },
	{ "heal=never",      "ao=auto,ar=auto,ce=auto,heal=never,limit=8,serror=auto,ack=10s,fallback=1s" },
	{ "heal=after-kill", "ao=auto,ar=auto,ce=auto,heal=after-kill,limit=8,serror=auto,ack=10s,fallback=1s" },
	{ "limit=1",         "ao=auto,ar=auto,ce=auto,heal=reset,limit=1,serror=auto,ack=10s,fallback=1s" },
	{ "limit=0x2710",    "ao=auto,ar=auto,ce=auto,heal=reset,limit=10000,serror=auto,ack=10s,fallback=1s" },
	{ "serror=auto",     DEFAULT_TEXT },
	{ "serror=none",     "ao=auto,ar=auto,ce=auto,heal=reset,limit=8,serror=none,ack=10s,fallback=1s" },
	{ "serror=0",        "ao=auto,ar=auto,ce=auto,heal=reset,limit=8,serror=0x0,ack=10s,fallback=1s" },
	{ "serror=0x411",    "ao=auto,ar=auto,ce=auto,heal=reset,limit=8,serror=0x411,ack=10s,fallback=1s" },
	{ "serror=33554431", "ao=auto,ar=auto,ce=auto,heal=reset,limit=8,serror=0x1ffffff,ack=10s,fallback=1s" },
	{ "ack=1ms",         "ao=auto,ar=auto,ce=auto,heal=reset,limit=8,serror=auto,ack=1ms,fallback=1s" },
	{ "ack=90",          "ao=auto,ar=auto,ce=auto,heal=reset,limit=8,serror=auto,ack=90s,fallback=1s" },
	{ "fallback=250ms",  "ao=auto,ar=auto,ce=auto,heal=reset,limit=8,serror=auto,ack=10s,fallback=250ms" },
	{ "fallback=3s,ack=20s,serror=0xc11,limit=99,heal=never,ce=ged,ar=stop,ao=sdei",
	  "ao=sdei,ar=stop,ce=ged,heal=never,limit=99,serror=0xc11,ack=20s,fallback=3s" },
	/* clang-format on */
};

static void what_is_parsed_is_printed_and_parsed_again(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(good); i++) {
		struct ras_policy once = ras_policy_default(), twice = ras_policy_default();

		parse(&once, good[i].text);
		check_print(&once, good[i].printed);
		assert_true(once.given);
		parse(&twice, good[i].printed);
		check_print(&twice, good[i].printed);
	}
}

static void choices_become_what_they_say(void **state)
{
	struct ras_policy policy = ras_policy_default();

	(void)state;
	parse(&policy, "ao=polled,ar=serror,ce=sdei,heal=after-kill,limit=7,serror=none,ack=2s,"
		       "fallback=3ms");
	assert_int_equal(policy.ao, RAS_AO_POLLED);
	assert_int_equal(policy.ar, RAS_AR_SERROR);
	assert_int_equal(policy.ce, RAS_CE_SDEI);
	assert_int_equal(policy.heal, RAS_HEAL_AFTER_KILL);
	assert_int_equal(policy.limit_per_s, 7);
	assert_true(policy.serror == RAS_SERROR_NO_ESR);
	assert_int_equal(policy.ack_ns, 2 * NS_PER_SEC);
	assert_int_equal(policy.fallback_ns, 3 * NS_PER_MS);
}

static void a_second_text_adds_to_the_first(void **state)
{
	struct ras_policy policy = ras_policy_default();

	(void)state;
	parse(&policy, "ao=sdei,limit=5");
	parse(&policy, "ar=stop,limit=6");
	check_print(&policy, "ao=sdei,ar=stop,ce=auto,heal=reset,limit=6,serror=auto,ack=10s,"
			     "fallback=1s");
}

/* The message continues after the quoted text. */
static const struct {
	const char *text, *says;
} bad[] = {
	/* clang-format off */
	{ "",                   "has the unknown part \"\": write any of ao=auto|none|sdei|serror|ged|polled|stop, "
				"ar=auto|sea|serror|stop, ce=auto|none|sdei|ged|polled, "
				"heal=reset|never|after-kill, limit=RATE, serror=auto|none|ISS, ack=TIME, "
				"fallback=TIME" },
	{ ",",                  "has the unknown part \"\"" },
	{ "ao=none,",           "has the unknown part \"\"" },
	{ "auto",               "has the unknown part \"auto\"" },
	{ "ao",                 "has the unknown part \"ao\"" },
	{ "AO=none",            "has the unknown part \"AO=none\"" },
	{ "a=none",             "has the unknown part \"a=none\"" },
	{ "aoo=none",           "has the unknown part \"aoo=none\"" },
	{ " ao=none",           "has the unknown part \" ao=none\"" },
	{ "=none",              "has the unknown part \"=none\"" },
	{ "given=1",            "has the unknown part \"given=1\"" },
	{ "ao=none,ao=none",    "has ao= twice: once is enough" },
	{ "ao=",                "has \"ao=\": use auto, none, sdei, serror, ged, polled or stop" },
	{ "ao=sea",             "has \"ao=sea\": use auto, none, sdei, serror, ged, polled or stop" },
	{ "ao=SDEI",            "has \"ao=SDEI\": use auto" },
	{ "ao=sdei ",           "has \"ao=sdei \": use auto" },
	{ "ao=none=none",       "has \"ao=none=none\": use auto" },
	{ "ar=",                "has \"ar=\": use auto, sea, serror or stop" },
	{ "ar=none",            "has \"ar=none\": use auto, sea, serror or stop" },
	{ "ar=sdei",            "has \"ar=sdei\": use auto, sea, serror or stop" },
	{ "ce=stop",            "has \"ce=stop\": use auto, none, sdei, ged or polled" },
	{ "ce=serror",          "has \"ce=serror\": use auto, none, sdei, ged or polled" },
	{ "heal=always",        "has \"heal=always\": use reset, never or after-kill" },
	{ "heal=after_kill",    "has \"heal=after_kill\": use reset, never or after-kill" },
	{ "limit=0",            "has \"limit=0\": the value must be 1 to 10000" },
	{ "limit=10001",        "has \"limit=10001\": the value must be 1 to 10000" },
	{ "limit=4294967297",   "has \"limit=4294967297\": the value must be 1 to 10000" },
	{ "limit=-1",           "has \"limit=-1\": the value must be 1 to 10000" },
	{ "limit=16/s",         "has \"limit=16/s\": the value must be 1 to 10000" },
	{ "limit=",             "has \"limit=\": the value must be 1 to 10000" },
	{ "serror=",            "has \"serror=\": use auto, none (no syndrome) or a syndrome of 0 to 0x1ffffff, "
				"bits 24:0 of ESR_EL1" },
	{ "serror=0x2000000",   "has \"serror=0x2000000\": use auto, none" },
	{ "serror=0xbe000411",  "has \"serror=0xbe000411\": use auto, none" },
	{ "serror=-1",          "has \"serror=-1\": use auto, none" },
	{ "serror=18446744073709551615", "has \"serror=18446744073709551615\": use auto, none" },
	{ "serror=ueu",         "has \"serror=ueu\": use auto, none" },
	{ "ack=",               "has \"ack=\": write seconds, or a number with one of ns us ms s m h, from 1ms to" },
	{ "ack=0",              "has \"ack=0\": write seconds" },
	{ "ack=999us",          "has \"ack=999us\": write seconds" },
	{ "ack=367d",           "has \"ack=367d\": write seconds" },
	{ "ack=8785h",          "has \"ack=8785h\": write seconds" },
	{ "fallback=0ms",       "has \"fallback=0ms\": write seconds, or a number with one of ns us ms s m h, from 1ms to" },
	{ "fallback=soon",      "has \"fallback=soon\": write seconds" },
	/* clang-format on */
};

static void bad_values_are_refused_with_a_sentence(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		struct ras_policy policy = ras_policy_default();
		struct err err = { "" };
		int rc = ras_policy_parse(&policy, bad[i].text, &err);

		if (rc != -EINVAL)
			fail_msg("\"%s\": expected %d, found %d", bad[i].text, -EINVAL, rc);
		if (strncmp(err.text, bad[i].says, strlen(bad[i].says)) != 0)
			fail_msg("\"%s\": expected \"%s\", found \"%s\"", bad[i].text, bad[i].says,
				 err.text);
		assert_false(policy.given);
	}
}

static void an_error_leaves_the_policy_as_it_was(void **state)
{
	struct ras_policy policy = ras_policy_default();
	struct err err;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		char text[600];

		snprintf(text, sizeof(text), "ar=stop,heal=never,%s", bad[i].text);
		assert_int_equal(ras_policy_parse(&policy, text, &err), -EINVAL);
		check_print(&policy, DEFAULT_TEXT);
	}
}

static void a_text_without_end_is_refused(void **state)
{
	struct ras_policy policy = ras_policy_default();
	struct err err = { "" };
	char text[5000];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(ras_policy_parse(&policy, text, &err), -EINVAL);
	assert_non_null(strstr(err.text, "too long"));
	check_print(&policy, DEFAULT_TEXT);
}

static void acpi_is_wanted_when_a_record_is(void **state)
{
	static const struct {
		const char *text;
		bool wants;
	} texts[] = {
		{ "ao=auto", true },
		{ "ao=sdei", true },
		{ "ao=ged", true },
		{ "ao=polled", true },
		{ "ao=none", false },
		{ "ao=serror", false },
		{ "ao=stop", false },
		{ "ao=none,ce=auto", false },
		{ "ao=none,ce=sdei", true },
		{ "ao=stop,ce=ged", true },
		{ "ao=none,ce=polled", true },
		{ "ao=none,ce=none,ar=sea", false },
		{ "limit=5", true },
		{ "ar=sea", true },
	};
	struct ras_policy policy = ras_policy_default();

	(void)state;
	assert_false(ras_policy_wants_acpi(&policy));
	for (unsigned i = 0; i < ARRAY_SIZE(texts); i++) {
		policy = ras_policy_default();
		parse(&policy, texts[i].text);
		if (ras_policy_wants_acpi(&policy) != texts[i].wants)
			fail_msg("\"%s\": expected %d", texts[i].text, texts[i].wants);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_default_is_auto_and_asks_for_nothing),
		cmocka_unit_test(what_is_parsed_is_printed_and_parsed_again),
		cmocka_unit_test(choices_become_what_they_say),
		cmocka_unit_test(a_second_text_adds_to_the_first),
		cmocka_unit_test(bad_values_are_refused_with_a_sentence),
		cmocka_unit_test(an_error_leaves_the_policy_as_it_was),
		cmocka_unit_test(a_text_without_end_is_refused),
		cmocka_unit_test(acpi_is_wanted_when_a_record_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
