/* Injected firmware faults: parsing, printing, and which calls they hit. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hypercall/fault.h"
#include "hypercall/psci.h"

static const struct fw_service *psci_service(void)
{
	static struct fw_service service = { .name = "PSCI" };

	service.calls = psci_calls;
	service.ncalls = psci_ncalls;
	return &service;
}

static void add_fail(struct fault_table *t, const char *text)
{
	struct err err = { "" };

	if (fault_parse_fail(t, psci_service(), text, &err))
		fail_msg("\"%s\" %s", text, err.text);
}

static void add_delay(struct fault_table *t, const char *text)
{
	struct err err = { "" };

	if (fault_parse_delay(t, psci_service(), text, &err))
		fail_msg("\"%s\" %s", text, err.text);
}

static const struct fw_call *row(uint32_t fid)
{
	return fw_find(psci_service(), fid);
}

/* The code a call of `fid` by `pe` fails with, or `none`. */
static int64_t hit(struct fault_table *t, uint32_t fid, unsigned pe, int64_t none)
{
	struct fw_lock lock = { PTHREAD_MUTEX_INITIALIZER };
	struct fw_locked locked = fw_lock(&lock);
	int64_t code = none;

	if (!fault_fail(locked, t, row(fid), pe, &code))
		code = none;
	fw_unlock(locked);
	return code;
}

static uint64_t delay(struct fault_table *t, uint32_t fid, unsigned pe)
{
	struct fw_lock lock = { PTHREAD_MUTEX_INITIALIZER };
	struct fw_locked locked = fw_lock(&lock);
	uint64_t ns = fault_delay(locked, t, row(fid), pe);

	fw_unlock(locked);
	return ns;
}

static void a_rule_hits_both_widths_of_its_function_only(void **state)
{
	struct fault_table t = { .n = 0 };

	(void)state;
	add_fail(&t, "CPU_ON=DENIED");
	assert_int_equal(hit(&t, 0x84000003, 0, 99), PSCI_DENIED);
	assert_int_equal(hit(&t, 0xc4000003, 7, 99), PSCI_DENIED);
	assert_int_equal(hit(&t, 0x84000002, 0, 99), 99);
	assert_int_equal(hit(&t, 0x84000099, 0, 99), 99);
}

static void a_rule_with_a_cpu_hits_that_cpu_only(void **state)
{
	struct fault_table t = { .n = 0 };

	(void)state;
	add_fail(&t, "CPU_OFF,cpu=1=DENIED");
	assert_int_equal(hit(&t, 0x84000002, 0, 99), 99);
	assert_int_equal(hit(&t, 0x84000002, 1, 99), PSCI_DENIED);
}

static void a_count_is_used_up_by_hits_only(void **state)
{
	struct fault_table t = { .n = 0 };

	(void)state;
	add_fail(&t, "CPU_ON,count=2,cpu=1=-6");
	assert_int_equal(hit(&t, 0xc4000003, 0, 99), 99);
	assert_int_equal(hit(&t, 0xc4000003, 1, 99), PSCI_INTERNAL_FAILURE);
	assert_int_equal(hit(&t, 0xc4000003, 1, 99), PSCI_INTERNAL_FAILURE);
	assert_int_equal(hit(&t, 0xc4000003, 1, 99), 99);
}

static void without_a_count_every_call_is_hit(void **state)
{
	struct fault_table t = { .n = 0 };

	(void)state;
	add_fail(&t, "CPU_ON=DENIED");
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(hit(&t, 0xc4000003, 0, 99), PSCI_DENIED);
}

static void the_next_rule_follows_when_one_is_used_up(void **state)
{
	struct fault_table t = { .n = 0 };

	(void)state;
	add_fail(&t, "CPU_ON,count=1=DENIED");
	add_fail(&t, "CPU_ON,count=1=INTERNAL_FAILURE");
	assert_int_equal(hit(&t, 0xc4000003, 0, 99), PSCI_DENIED);
	assert_int_equal(hit(&t, 0xc4000003, 0, 99), PSCI_INTERNAL_FAILURE);
	assert_int_equal(hit(&t, 0xc4000003, 0, 99), 99);
}

static void delays_and_failures_do_not_mix(void **state)
{
	struct fault_table t = { .n = 0 };

	(void)state;
	add_delay(&t, "CPU_ON,count=1=5ms");
	add_fail(&t, "CPU_ON,count=1=DENIED");
	assert_int_equal(delay(&t, 0xc4000003, 0), 5000000);
	assert_int_equal(delay(&t, 0xc4000003, 0), 0);
	assert_int_equal(hit(&t, 0xc4000003, 0, 99), PSCI_DENIED);
	assert_int_equal(delay(&t, 0x84000099, 0), 0);
}

static void durations_have_units(void **state)
{
	struct fault_table t = { .n = 0 };

	(void)state;
	add_delay(&t, "CPU_ON=7ns");
	add_delay(&t, "CPU_OFF=7us");
	add_delay(&t, "SYSTEM_OFF=7s");
	assert_int_equal(delay(&t, 0xc4000003, 0), 7);
	assert_int_equal(delay(&t, 0x84000002, 0), 7000);
	assert_int_equal(delay(&t, 0x84000008, 0), UINT64_C(7000000000));
}

static void the_psci_prefix_is_optional(void **state)
{
	struct fault_table t = { .n = 0 };

	(void)state;
	add_fail(&t, "PSCI_FEATURES=NOT_SUPPORTED");
	add_fail(&t, "VERSION=2");
	add_fail(&t, "PSCI_CPU_OFF=DENIED");
	assert_int_equal(hit(&t, 0x8400000a, 0, 99), PSCI_NOT_SUPPORTED);
	assert_int_equal(hit(&t, 0x84000000, 0, 99), 2);
	assert_int_equal(hit(&t, 0x84000002, 0, 99), PSCI_DENIED);
}

static void codes_are_names_or_numbers(void **state)
{
	struct fault_table t = { .n = 0 };

	(void)state;
	add_fail(&t, "CPU_ON,count=1=SUCCESS");
	add_fail(&t, "CPU_ON,count=1=INVALID_ADDRESS");
	add_fail(&t, "CPU_ON,count=1=-12345");
	add_fail(&t, "CPU_ON,count=1=0x7fffffffffffffff");
	assert_int_equal(hit(&t, 0xc4000003, 0, 99), PSCI_SUCCESS);
	assert_int_equal(hit(&t, 0xc4000003, 0, 99), PSCI_INVALID_ADDRESS);
	assert_int_equal(hit(&t, 0xc4000003, 0, 99), -12345);
	assert_int_equal(hit(&t, 0xc4000003, 0, 99), INT64_MAX);
}

/* Texts that are refused, and a word the message must contain. */
static const struct bad {
	const char *text, *says;
} bad_fail[] = {
	/* clang-format off */
	{ "",                                                        "no value"     },
	{ "CPU_ON",                                                  "no value"     },
	{ "=DENIED",                                                 "no function"  },
	{ "CPU_ONN=DENIED",                                          "CPU_ONN"      },
	{ "cpu_on=DENIED",                                           "CPU_ON"       },
	{ "CPU_O=DENIED",                                            "no function"  },
	{ "A_NAME_THAT_IS_LONGER_THAN_ANY_FUNCTION_THERE_IS=DENIED", "no function"  },
	{ "CPU_ON=",                                                 "result"       },
	{ "CPU_ON=NO_SUCH_CODE",                                     "NO_SUCH_CODE" },
	{ "CPU_ON=--3",                                              "--3"          },
	{ "CPU_ON=0x8000000000000000",                               "result"       },
	{ "CPU_ON=99999999999999999999",                             "result"       },
	{ "CPU_ON,=DENIED",                                          "unknown part" },
	{ "CPU_ON,cpu=DENIED",                                       "unknown part" },
	{ "CPU_ON,cpu==DENIED",                                      "cpu="         },
	{ "CPU_ON,cpu=-1=DENIED",                                    "cpu=-1"       },
	{ "CPU_ON,cpu=512=DENIED",                                   "0 to 511"     },
	{ "CPU_ON,cpu=1x=DENIED",                                    "cpu=1x"       },
	{ "CPU_ON,cpu= 1=DENIED",                                    "cpu= 1"       },
	{ "CPU_ON,count=0=DENIED",                                   "count=0"      },
	{ "CPU_ON,count=4294967295=DENIED",                          "count="       },
	{ "CPU_ON,count=4294967297=DENIED",                          "count="       },
	{ "CPU_ON,times=3=DENIED",                                   "times"        },
	/* clang-format on */
};

static const struct bad bad_delay[] = {
	/* clang-format off */
	{ "CPU_ON",                    "no value"  },
	{ "CPU_ON=",                   "duration"  },
	{ "CPU_ON=fast",               "fast"      },
	{ "CPU_ON=-1ms",               "-1ms"      },
	{ "CPU_ON=1.5ms",              "1.5ms"     },
	{ "CPU_ON=1fortnight",         "fortnight" },
	{ "CPU_ON=99999999999999999s", "duration"  },
	/* clang-format on */
};

typedef int parser(struct fault_table *, const struct fw_service *, const char *, struct err *);

static void check_refused(parser *parse, const struct bad *bad)
{
	struct fault_table t = { .n = 0 };
	struct err err = { "" };

	assert_int_equal(parse(&t, psci_service(), bad->text, &err), -EINVAL);
	assert_int_equal(t.n, 0);
	if (!strstr(err.text, bad->says))
		fail_msg("\"%s\": expected a message with \"%s\", found \"%s\"", bad->text,
			 bad->says, err.text);
}

static void wrong_texts_are_refused_with_a_reason(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(bad_fail); i++)
		check_refused(fault_parse_fail, &bad_fail[i]);
	for (unsigned i = 0; i < ARRAY_SIZE(bad_delay); i++)
		check_refused(fault_parse_delay, &bad_delay[i]);
}

static void a_very_long_text_is_refused(void **state)
{
	char text[1000];
	const struct bad bad = { text, "too long" };

	(void)state;
	memset(text, 'A', sizeof(text));
	memcpy(text + sizeof(text) - 8, "=DENIED", 8);
	check_refused(fault_parse_fail, &bad);
}

static void an_unknown_function_is_answered_with_the_known_ones(void **state)
{
	struct fault_table t = { .n = 0 };
	struct err err = { "" };

	(void)state;
	assert_int_equal(fault_parse_fail(&t, psci_service(), "NONE=0", &err), -EINVAL);
	assert_non_null(strstr(err.text, " VERSION"));
	assert_non_null(strstr(err.text, " SYSTEM_OFF2"));
}

static void a_full_table_takes_no_more(void **state)
{
	struct fault_table t = { .n = 0 };
	struct err err = { "" };

	(void)state;
	for (unsigned i = 0; i < FAULT_MAX_RULES; i++)
		add_fail(&t, "CPU_ON=DENIED");
	assert_int_equal(fault_parse_fail(&t, psci_service(), "CPU_ON=DENIED", &err), -ENOSPC);
	assert_int_equal(fault_parse_delay(&t, psci_service(), "CPU_ON=1s", &err), -ENOSPC);
	assert_int_equal(t.n, FAULT_MAX_RULES);
}

static void check_print(const struct fault_table *t, const char *expected)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	fault_print(&t->rule[t->n - 1], out);
	fclose(out);
	assert_string_equal(text, expected);
	free(text);
}

static void rules_are_printed_as_they_are_parsed(void **state)
{
	static const char *const fails[] = { "CPU_ON=DENIED",
					     "CPU_ON,cpu=3,count=2=INTERNAL_FAILURE",
					     "VERSION,count=1=65536", "CPU_OFF=-100" };
	static const char *const delays[] = { "CPU_ON=5ms", "SYSTEM_OFF,cpu=0=2s" };
	struct fault_table t = { .n = 0 };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(fails); i++) {
		add_fail(&t, fails[i]);
		check_print(&t, fails[i]);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(delays); i++) {
		add_delay(&t, delays[i]);
		check_print(&t, delays[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rule_hits_both_widths_of_its_function_only),
		cmocka_unit_test(a_rule_with_a_cpu_hits_that_cpu_only),
		cmocka_unit_test(a_count_is_used_up_by_hits_only),
		cmocka_unit_test(without_a_count_every_call_is_hit),
		cmocka_unit_test(the_next_rule_follows_when_one_is_used_up),
		cmocka_unit_test(delays_and_failures_do_not_mix),
		cmocka_unit_test(durations_have_units),
		cmocka_unit_test(the_psci_prefix_is_optional),
		cmocka_unit_test(codes_are_names_or_numbers),
		cmocka_unit_test(wrong_texts_are_refused_with_a_reason),
		cmocka_unit_test(a_very_long_text_is_refused),
		cmocka_unit_test(an_unknown_function_is_answered_with_the_known_ones),
		cmocka_unit_test(a_full_table_takes_no_more),
		cmocka_unit_test(rules_are_printed_as_they_are_parsed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
