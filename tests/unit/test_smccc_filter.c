/* --smccc: parsing, KVM's rules, and the list that is installed. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hypercall/smccc_filter.h"
#include "lib/types.h"

struct list {
	struct smccc_range range[SMCCC_FILTER_MAX_RANGES];
	unsigned n;
};

static void add(struct list *l, const char *text)
{
	struct err err = { "" };

	if (smccc_filter_parse(l->range, &l->n, text, &err))
		fail_msg("\"%s\" %s", text, err.text);
}

static int check(const struct list *l, unsigned own, struct err *err)
{
	err->text[0] = '\0';
	return smccc_filter_check(l->range, l->n, own, err);
}

static void assert_range(const struct smccc_range *r, uint32_t base, uint32_t count,
			 enum smccc_action action)
{
	assert_int_equal(r->base, base);
	assert_int_equal(r->count, count);
	assert_int_equal(r->action, action);
}

static void ranges_are_hex_or_decimal(void **state)
{
	struct list l = { .n = 0 };

	(void)state;
	add(&l, "0x82000000+0x100=deny");
	add(&l, "2197815296+16=log");
	add(&l, "0xffffffff+1=kernel");
	assert_int_equal(l.n, 3);
	assert_range(&l.range[0], 0x82000000, 0x100, SMCCC_ACT_DENY);
	assert_range(&l.range[1], 0x83000000, 16, SMCCC_ACT_LOG);
	assert_range(&l.range[2], 0xffffffff, 1, SMCCC_ACT_KERNEL);
}

static void a_name_stands_for_the_ranges_of_both_widths(void **state)
{
	struct list l = { .n = 0 };

	(void)state;
	add(&l, "sip=log");
	assert_int_equal(l.n, 2);
	assert_range(&l.range[0], 0x82000000, 0x10000, SMCCC_ACT_LOG);
	assert_range(&l.range[1], 0xc2000000, 0x10000, SMCCC_ACT_LOG);
	add(&l, "trng=deny");
	assert_int_equal(l.n, 4);
	assert_range(&l.range[2], 0x84000050, 4, SMCCC_ACT_DENY);
	assert_range(&l.range[3], 0xc4000053, 1, SMCCC_ACT_DENY);
	add(&l, "psci-0.1=deny");
	assert_int_equal(l.n, 5);
	assert_range(&l.range[4], 0x95c1ba5e, 4, SMCCC_ACT_DENY);
}

static void names_that_no_one_else_has_are_accepted_together(void **state)
{
	static const char *const names[] = { "cpu=log", "sip=log",          "oem=log",
					     "std=log", "std-hyp=log",      "vendor-hyp=deny",
					     "tos=log", "vendor-el3=kernel" };
	struct list l = { .n = 0 };
	struct err err;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
		add(&l, names[i]);
	if (check(&l, SMCCC_OWN_PSCI, &err))
		fail_msg("%s", err.text);
}

static void wrong_texts_are_refused_with_a_reason(void **state)
{
	static const struct {
		const char *text, *says;
	} bad[] = {
		/* clang-format off */
		{ "",                            "no action"      },
		{ "sip",                         "no action"      },
		{ "sip=",                        "unknown action" },
		{ "sip=allow",                   "allow"          },
		{ "=deny",                       "unknown range"  },
		{ "sipp=deny",                   "sipp"           },
		{ "SIP=deny",                    "vendor-hyp"     },
		{ "0x82000000=deny",             "BASE+COUNT"     },
		{ "0x82000000+=deny",            "BASE+COUNT"     },
		{ "+1=deny",                     "BASE+COUNT"     },
		{ "0x82000000+1+1=deny",         "BASE+COUNT"     },
		{ "0x82000000 + 1=deny",         "BASE+COUNT"     },
		{ "-1+1=deny",                   "BASE+COUNT"     },
		{ "0x100000000+1=deny",          "32-bit"         },
		{ "0x82000000+0x100000000=deny", "32-bit"         },
		{ "0x82000000+0=deny",           "empty"          },
		{ "0xffffffff+2=deny",           "past"           },
		{ "0x82000000+0x7e000001=deny",  "past"           },
		/* clang-format on */
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		struct list l = { .n = 0 };
		struct err err = { "" };

		assert_int_equal(smccc_filter_parse(l.range, &l.n, bad[i].text, &err), -EINVAL);
		assert_int_equal(l.n, 0);
		if (!strstr(err.text, bad[i].says))
			fail_msg("\"%s\": expected a message with \"%s\", found \"%s\"",
				 bad[i].text, bad[i].says, err.text);
	}
}

static void a_very_long_text_is_refused(void **state)
{
	struct list l = { .n = 0 };
	struct err err = { "" };
	char text[1000];

	(void)state;
	memset(text, '0', sizeof(text));
	memcpy(text + sizeof(text) - 6, "=deny", 6);
	assert_int_equal(smccc_filter_parse(l.range, &l.n, text, &err), -EINVAL);
	assert_non_null(strstr(err.text, "too long"));
}

static void a_full_list_takes_no_more_and_no_half_name(void **state)
{
	struct list l = { .n = 0 };
	struct err err = { "" };

	(void)state;
	while (l.n < SMCCC_FILTER_MAX_RANGES - 1)
		add(&l, "0x82000000+1=deny");
	assert_int_equal(smccc_filter_parse(l.range, &l.n, "sip=deny", &err), -ENOSPC);
	assert_int_equal(l.n, SMCCC_FILTER_MAX_RANGES - 1);
	add(&l, "0x82000000+1=deny");
	assert_int_equal(smccc_filter_parse(l.range, &l.n, "0+1=deny", &err), -ENOSPC);
	assert_int_equal(l.n, SMCCC_FILTER_MAX_RANGES);
}

/* A single range, and what KVM or rasvm says to it. */
static void check_one(const char *text, unsigned own, int expected, const char *says)
{
	struct list l = { .n = 0 };
	struct err err;
	int found;

	add(&l, text);
	found = check(&l, own, &err);
	if (found != expected || (says && !strstr(err.text, says)))
		fail_msg("%s: expected %d with \"%s\", found %d with \"%s\"", text, expected,
			 says ? says : "", found, err.text);
}

static void ranges_the_kernel_keeps_are_refused(void **state)
{
	(void)state;
	check_one("arch=deny", SMCCC_OWN_PSCI, -EEXIST, "KVM keeps");
	check_one("0x80000000+1=deny", SMCCC_OWN_PSCI, -EEXIST, "KVM keeps");
	check_one("0x8000ffff+1=deny", SMCCC_OWN_PSCI, -EEXIST, "KVM keeps");
	check_one("0x7fffffff+2=deny", 0, -EEXIST, "KVM keeps");
	check_one("0xc0000000+1=deny", SMCCC_OWN_PSCI, -EEXIST, "KVM keeps");
	check_one("0xc000ffff+2=deny", SMCCC_OWN_PSCI, -EEXIST, "KVM keeps");
	check_one("0+0xffffffff=deny", SMCCC_OWN_PSCI, -EEXIST, "KVM keeps");
	check_one("0x7fffffff+1=deny", SMCCC_OWN_PSCI, 0, NULL);
	check_one("0x80010000+1=deny", SMCCC_OWN_PSCI, 0, NULL);
	check_one("0xbfffffff+1=deny", SMCCC_OWN_PSCI, 0, NULL);
	check_one("0xc0010000+1=deny", SMCCC_OWN_PSCI, 0, NULL);
}

static void rasvms_own_ranges_are_refused_while_it_serves_them(void **state)
{
	static const char *const ids[] = { "psci=deny",         "sdei=log",
					   "psci-0.1=log",      "0x8400003f+1=deny",
					   "0xc400003f+2=deny", "0xc3ffffff+2=deny",
					   "0x95c1ba61+1=deny" };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(ids); i++) {
		check_one(ids[i], SMCCC_OWN_PSCI, -EEXIST, "--psci kernel");
		check_one(ids[i], 0, 0, NULL);
	}
	check_one("0x84000040+1=deny", SMCCC_OWN_PSCI, 0, NULL);
	check_one("0x95c1ba5d+1=deny", SMCCC_OWN_PSCI, 0, NULL);
	check_one("0x95c1ba62+1=deny", SMCCC_OWN_PSCI, 0, NULL);
}

static void the_vendor_range_is_refused_while_rasvm_serves_it(void **state)
{
	static const char *const ids[] = { "vendor-hyp=deny", "0xc6005000+1=log",
					   "0xc600500f+2=deny", "0xc6004fff+2=kernel" };
	unsigned both = SMCCC_OWN_PSCI | SMCCC_OWN_VENDOR;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(ids); i++) {
		check_one(ids[i], both, -EEXIST, "--vendor-calls");
		check_one(ids[i], SMCCC_OWN_PSCI, 0, NULL);
	}
	check_one("psci=deny", both, -EEXIST, "--psci kernel");
	check_one("0xc6004fff+1=deny", both, 0, NULL);
	check_one("0xc6005010+1=deny", both, 0, NULL);
	check_one("0x86005000+0x10=deny", both, 0, NULL);
}

static void ranges_may_touch_but_not_overlap(void **state)
{
	struct list l = { .n = 0 };
	struct err err;

	(void)state;
	add(&l, "0x82000000+0x10=deny");
	add(&l, "0x82000010+0x10=log");
	add(&l, "0x81fffff0+0x10=log");
	assert_int_equal(check(&l, SMCCC_OWN_PSCI, &err), 0);
	add(&l, "0x8200001f+1=deny");
	assert_int_equal(check(&l, SMCCC_OWN_PSCI, &err), -EEXIST);
	assert_non_null(strstr(err.text, "0x8200001f"));
	assert_non_null(strstr(err.text, "0x82000010"));
	l.n = 3;
	add(&l, "0x82000000+1=log");
	assert_int_equal(check(&l, SMCCC_OWN_PSCI, &err), -EEXIST);
}

static void the_check_does_not_trust_the_parser(void **state)
{
	struct list empty = { .range = { { 0x82000000, 0, SMCCC_ACT_DENY } }, .n = 1 };
	struct list wraps = { .range = { { 0x82000000, 0x7e000001, SMCCC_ACT_DENY } }, .n = 1 };
	struct err err;

	(void)state;
	assert_int_equal(check(&empty, SMCCC_OWN_PSCI, &err), -EINVAL);
	assert_int_equal(check(&wraps, SMCCC_OWN_PSCI, &err), -EINVAL);
}

static void assert_entry(const struct smccc_filter_entry *e, uint32_t base, uint32_t count,
			 enum smccc_kvm_action action)
{
	assert_int_equal(e->base, base);
	assert_int_equal(e->count, count);
	assert_int_equal(e->kvm_action, action);
}

static void the_plan_is_rasvms_ranges_then_the_users(void **state)
{
	struct smccc_filter_entry e[SMCCC_FILTER_MAX_ENTRIES];
	struct list l = { .n = 0 };

	(void)state;
	add(&l, "0x82000000+1=deny");
	add(&l, "0x83000000+2=log");
	add(&l, "0x81000000+3=kernel");
	assert_int_equal(smccc_filter_plan(l.range, l.n, SMCCC_OWN_PSCI, e), 6);
	assert_entry(&e[0], 0x84000000, 0x40, SMCCC_KVM_FWD_TO_USER);
	assert_entry(&e[1], 0xc4000000, 0x40, SMCCC_KVM_FWD_TO_USER);
	assert_entry(&e[2], 0x95c1ba5e, 4, SMCCC_KVM_DENY);
	assert_entry(&e[3], 0x82000000, 1, SMCCC_KVM_DENY);
	assert_entry(&e[4], 0x83000000, 2, SMCCC_KVM_FWD_TO_USER);
	assert_entry(&e[5], 0x81000000, 3, SMCCC_KVM_HANDLE);
}

static void the_vendor_calls_are_planned_when_asked_for(void **state)
{
	struct smccc_filter_entry e[SMCCC_FILTER_MAX_ENTRIES];
	struct list l = { .n = 0 };

	(void)state;
	add(&l, "0x82000000+1=deny");
	assert_int_equal(smccc_filter_plan(l.range, l.n, SMCCC_OWN_PSCI | SMCCC_OWN_VENDOR, e), 5);
	assert_entry(&e[2], 0x95c1ba5e, 4, SMCCC_KVM_DENY);
	assert_entry(&e[3], 0xc6005000, 0x10, SMCCC_KVM_FWD_TO_USER);
	assert_entry(&e[4], 0x82000000, 1, SMCCC_KVM_DENY);
}

static void vendor_calls_need_rasvms_firmware(void **state)
{
	(void)state;
	assert_int_equal(smccc_filter_own(true, true), SMCCC_OWN_PSCI | SMCCC_OWN_VENDOR);
	assert_int_equal(smccc_filter_own(true, false), SMCCC_OWN_PSCI);
	assert_int_equal(smccc_filter_own(false, true), 0);
	assert_int_equal(smccc_filter_own(false, false), 0);
}

static void with_psci_in_the_kernel_only_the_users_ranges_are_planned(void **state)
{
	struct smccc_filter_entry e[SMCCC_FILTER_MAX_ENTRIES];
	struct list l = { .n = 0 };

	(void)state;
	assert_int_equal(smccc_filter_plan(l.range, l.n, 0, e), 0);
	add(&l, "0x82000000+1=deny");
	assert_int_equal(smccc_filter_plan(l.range, l.n, 0, e), 1);
	assert_entry(&e[0], 0x82000000, 1, SMCCC_KVM_DENY);
}

static void a_full_list_fits_the_plan(void **state)
{
	struct smccc_filter_entry e[SMCCC_FILTER_MAX_ENTRIES];
	struct list l = { .n = 0 };

	(void)state;
	while (l.n < SMCCC_FILTER_MAX_RANGES)
		add(&l, "0x82000000+1=deny");
	assert_int_equal(smccc_filter_plan(l.range, l.n, SMCCC_OWN_PSCI | SMCCC_OWN_VENDOR, e),
			 SMCCC_FILTER_MAX_ENTRIES);
}

static void actions_have_the_names_that_are_parsed(void **state)
{
	(void)state;
	assert_string_equal(smccc_action_name(SMCCC_ACT_KERNEL), "kernel");
	assert_string_equal(smccc_action_name(SMCCC_ACT_DENY), "deny");
	assert_string_equal(smccc_action_name(SMCCC_ACT_LOG), "log");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_are_hex_or_decimal),
		cmocka_unit_test(a_name_stands_for_the_ranges_of_both_widths),
		cmocka_unit_test(names_that_no_one_else_has_are_accepted_together),
		cmocka_unit_test(wrong_texts_are_refused_with_a_reason),
		cmocka_unit_test(a_very_long_text_is_refused),
		cmocka_unit_test(a_full_list_takes_no_more_and_no_half_name),
		cmocka_unit_test(ranges_the_kernel_keeps_are_refused),
		cmocka_unit_test(rasvms_own_ranges_are_refused_while_it_serves_them),
		cmocka_unit_test(the_vendor_range_is_refused_while_rasvm_serves_it),
		cmocka_unit_test(ranges_may_touch_but_not_overlap),
		cmocka_unit_test(the_check_does_not_trust_the_parser),
		cmocka_unit_test(the_plan_is_rasvms_ranges_then_the_users),
		cmocka_unit_test(the_vendor_calls_are_planned_when_asked_for),
		cmocka_unit_test(vendor_calls_need_rasvms_firmware),
		cmocka_unit_test(with_psci_in_the_kernel_only_the_users_ranges_are_planned),
		cmocka_unit_test(a_full_list_fits_the_plan),
		cmocka_unit_test(actions_have_the_names_that_are_parsed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
