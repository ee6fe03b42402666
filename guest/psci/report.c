/*
 * Group V: rasvm's calls by which a guest reports (guest/rasvm.h). Not PSCI, and on request only: they need
 * --vendor-calls, and what they say are results of the run.
 */
#include "guest/psci/suite.h"
#include "guest/rasvm.h"

static void v01(struct run *t)
{
	static const char text[] = "the guest's own check, with \"quotes\" and \\";
	const struct {
		uint64_t address, bytes;
		int64_t expected;
	} cases[] = {
		{ (uint64_t)text, 0, RASVM_INVALID_PARAMETERS },
		{ (uint64_t)text, RASVM_TEXT_BYTES + 1, RASVM_INVALID_PARAMETERS },
		{ (uint64_t)text, (UINT64_C(1) << 32) + 1, RASVM_INVALID_PARAMETERS },
		{ address_in_device(), 4, RASVM_INVALID_PARAMETERS },
		{ address_outside_ram(), 4, RASVM_INVALID_PARAMETERS },
		{ UINT64_MAX, 1, RASVM_INVALID_PARAMETERS },
		{ UINT64_MAX - 1, 4, RASVM_INVALID_PARAMETERS },
		{ (uint64_t)text, RASVM_TEXT_BYTES, RASVM_SUCCESS },
	};

	for (unsigned i = 0; i < ARRAY_LEN(cases); i++)
		expect_eq(t, smccc(RASVM_FID_MARK, cases[i].address, cases[i].bytes, 0),
			  cases[i].expected, "MARK of %lu bytes at 0x%lx", cases[i].bytes,
			  cases[i].address);
	expect_eq(t, rasvm_mark("a mark"), RASVM_SUCCESS, "MARK");
	expect_eq(t, rasvm_pass(text), RASVM_SUCCESS, "PASS");
}

static void v02(struct run *t)
{
	char text[] = "a check of the guest that fails";

	expect_eq(t, rasvm_fail(text), RASVM_SUCCESS, "FAIL");
}

static void v03(struct run *t)
{
	expect_eq(t, rasvm_exit(bootarg_number("exit", 0)), RASVM_SUCCESS,
		  "EXIT, which must not return");
}

static void v04(struct run *t)
{
	expect_eq(t, rasvm_pass("nobody hears this"), RASVM_NOT_SUPPORTED, "PASS");
	expect_eq(t, rasvm_exit(1), RASVM_NOT_SUPPORTED, "EXIT");
}

static const struct test tests[] = {
	{ "V01", "what a guest reports: pass and mark", v01, 0, 0, true },
	{ "V02", "what a guest reports: fail", v02, 0, 0, true },
	{ "V03", "the guest ends the run", v03, 0, 0, true },
	{ "V04", "no calls without --vendor-calls", v04, 0, 0, true },
};
const struct test_group group_report = { tests, ARRAY_LEN(tests) };
