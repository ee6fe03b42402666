/* PSCI: SYSTEM_OFF, SYSTEM_RESET, SYSTEM_RESET2, SYSTEM_OFF2, MEM_PROTECT. */
#include "psci_fixture.h"

#define SYSTEM_RESET2_64 (FID_SYSTEM_RESET2 | SMCCC_64BIT)
#define SYSTEM_OFF2_64   (FID_SYSTEM_OFF2 | SMCCC_64BIT)
#define CHECK_RANGE_64   (FID_MEM_PROTECT_CHECK_RANGE | SMCCC_64BIT)

static void off_and_reset_work_from_any_pe(void **state)
{
	struct fixture *f = *state;

	power_on(f, 1);
	for (unsigned pe = 0; pe < 2; pe++) {
		expect_result(f, pe, FID_SYSTEM_OFF, ARGS(0), FW_SYSTEM_OFF);
		expect_result(f, pe, FID_SYSTEM_RESET, ARGS(0), FW_SYSTEM_RESET);
	}
}

static void reset2_knows_the_warm_reset_only(void **state)
{
	static const uint64_t bad_types[] = {
		1, 2, 0x7fffffff, 0x80000000, 0x80000002, 0xffffffff
	};
	struct fixture *f = *state;

	expect_result(f, 0, FID_SYSTEM_RESET2, ARGS(0, 0), FW_WARM_RESET);
	expect_result(f, 0, SYSTEM_RESET2_64, ARGS(0, 0), FW_WARM_RESET);
	expect_result(f, 0, SYSTEM_RESET2_64, ARGS(UINT64_C(1) << 32, CTX), FW_WARM_RESET);
	for (unsigned i = 0; i < ARRAY_SIZE(bad_types); i++) {
		expect(f, 0, FID_SYSTEM_RESET2, ARGS(bad_types[i]), PSCI_INVALID_PARAMETERS);
		expect(f, 0, SYSTEM_RESET2_64, ARGS(bad_types[i]), PSCI_INVALID_PARAMETERS);
	}
}

static void off2_hibernates(void **state)
{
	static const uint64_t bad_types[] = { 2, 3, 0x80000001, 0xffffffff };
	struct fixture *f = *state;

	for (uint64_t type = 0; type < 2; type++) {
		expect_result(f, 0, FID_SYSTEM_OFF2, ARGS(type, 0), FW_HIBERNATE_OFF);
		expect_result(f, 0, SYSTEM_OFF2_64, ARGS(type, 0), FW_HIBERNATE_OFF);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(bad_types); i++) {
		expect(f, 0, FID_SYSTEM_OFF2, ARGS(bad_types[i], 0), PSCI_INVALID_PARAMETERS);
		expect(f, 0, SYSTEM_OFF2_64, ARGS(bad_types[i], 0), PSCI_INVALID_PARAMETERS);
	}
}

static void off2_refuses_a_cookie_of_the_calls_width(void **state)
{
	const uint64_t high = UINT64_C(1) << 32;
	struct fixture *f = *state;

	expect(f, 0, FID_SYSTEM_OFF2, ARGS(1, 1), PSCI_INVALID_PARAMETERS);
	expect(f, 0, SYSTEM_OFF2_64, ARGS(1, 1), PSCI_INVALID_PARAMETERS);
	expect(f, 0, SYSTEM_OFF2_64, ARGS(1, high), PSCI_INVALID_PARAMETERS);
	expect_result(f, 0, FID_SYSTEM_OFF2, ARGS(1, high), FW_HIBERNATE_OFF);
}

static bool protected_now(struct fixture *f)
{
	struct fw_locked locked = fw_lock(&f->lock);
	bool on = psci_mem_protect(locked, &f->psci);

	fw_unlock(locked);
	return on;
}

static void mem_protect_returns_the_previous_setting(void **state)
{
	struct fixture *f = *state;

	assert_false(protected_now(f));
	expect(f, 0, FID_MEM_PROTECT, ARGS(1), 0);
	assert_true(protected_now(f));
	expect(f, 0, FID_MEM_PROTECT, ARGS(0x100), 1);
	assert_true(protected_now(f));
	expect(f, 0, FID_MEM_PROTECT, ARGS(0), 1);
	assert_false(protected_now(f));
	expect(f, 0, FID_MEM_PROTECT, ARGS(UINT64_C(1) << 32), 0);
	assert_false(protected_now(f));
}

static void check_range_accepts_ram_and_nothing_else(void **state)
{
	static const uint64_t bad[][2] = {
		{ RAM_BASE, 0 },
		{ RAM_BASE - 1, 1 },
		{ RAM_BASE - 1, 2 },
		{ RAM_BASE, RAM_BYTES + 1 },
		{ RAM_BASE + RAM_BYTES, 1 },
		{ RAM_BASE + RAM_BYTES - 1, 2 },
		{ 0x1000000, 0x1000 },
		{ RAM_BASE, UINT64_MAX },
		{ RAM_BASE + 1, UINT64_MAX },
		{ UINT64_MAX, 1 },
		{ UINT64_MAX, UINT64_MAX },
		{ 0, UINT64_MAX },
	};
	struct fixture *f = *state;

	expect(f, 0, CHECK_RANGE_64, ARGS(RAM_BASE, RAM_BYTES), PSCI_SUCCESS);
	expect(f, 0, CHECK_RANGE_64, ARGS(RAM_BASE, 1), PSCI_SUCCESS);
	expect(f, 0, CHECK_RANGE_64, ARGS(RAM_BASE + RAM_BYTES - 1, 1), PSCI_SUCCESS);
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		expect(f, 0, CHECK_RANGE_64, ARGS(bad[i][0], bad[i][1]), PSCI_DENIED);
}

static void check_range_32_truncates_its_arguments(void **state)
{
	const uint64_t high = UINT64_C(5) << 32;
	struct fixture *f = *state;

	expect(f, 0, FID_MEM_PROTECT_CHECK_RANGE, ARGS(high | RAM_BASE, high | 1), PSCI_SUCCESS);
	expect(f, 0, FID_MEM_PROTECT_CHECK_RANGE, ARGS(RAM_BASE, high), PSCI_DENIED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PSCI_TEST(off_and_reset_work_from_any_pe),
		PSCI_TEST(reset2_knows_the_warm_reset_only),
		PSCI_TEST(off2_hibernates),
		PSCI_TEST(off2_refuses_a_cookie_of_the_calls_width),
		PSCI_TEST(mem_protect_returns_the_previous_setting),
		PSCI_TEST(check_range_accepts_ram_and_nothing_else),
		PSCI_TEST(check_range_32_truncates_its_arguments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
