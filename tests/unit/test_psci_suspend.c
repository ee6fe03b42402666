/* PSCI: CPU_SUSPEND, CPU_DEFAULT_SUSPEND, SYSTEM_SUSPEND, suspend modes, statistics. */
#include "psci_fixture.h"

#define CPU_SUSPEND64         (FID_CPU_SUSPEND | SMCCC_64BIT)
#define CPU_DEFAULT_SUSPEND64 (FID_CPU_DEFAULT_SUSPEND | SMCCC_64BIT)
#define SYSTEM_SUSPEND64      (FID_SYSTEM_SUSPEND | SMCCC_64BIT)
#define STAT_COUNT64          (FID_STAT_COUNT | SMCCC_64BIT)
#define STAT_RESIDENCY64      (FID_STAT_RESIDENCY | SMCCC_64BIT)

#define STANDBY   0x00000000u
#define POWERDOWN 0x00010000u
#define CLUSTER   0x01010000u

#define PLATFORM_COORDINATED 0
#define OS_INITIATED         1

static void power_states_fit_the_advertised_format(void **state)
{
	(void)state;
	assert_int_equal(psci_npower_states, 3);
	for (unsigned i = 0; i < psci_npower_states; i++) {
		const struct psci_power_state *s = &psci_power_states[i];

		/* Original format: 31:26 and 23:17 zero, level in 25:24, type in 16. */
		assert_int_equal(s->power_state & 0xfcfe0000, 0);
		assert_int_equal(s->power_state >> 24, s->level);
		assert_int_equal(s->power_state >> 16 & 1, s->powerdown);
		assert_true(s->min_residency_us >= s->entry_latency_us + s->exit_latency_us);
	}
}

static void standby_ignores_entry_and_returns_zero(void **state)
{
	struct psci_entry entry = { .pc = 1 };
	struct fixture *f = *state;

	expect_result(f, 0, CPU_SUSPEND64, ARGS(STANDBY, 3, CTX), FW_PE_SUSPEND);
	assert_false(wake(f, 0, &entry));
	assert_int_equal(entry.pc, 1);
}

static void powerdown_resumes_at_its_entry(void **state)
{
	static const uint32_t states[] = { POWERDOWN, CLUSTER };
	struct fixture *f = *state;

	f->big_endian = true;
	for (unsigned i = 0; i < ARRAY_SIZE(states); i++) {
		struct psci_entry entry = { 0 };

		expect_result(f, 0, CPU_SUSPEND64, ARGS(states[i], ENTRY, CTX), FW_PE_SUSPEND);
		assert_true(wake(f, 0, &entry));
		assert_int_equal(entry.pc, ENTRY);
		assert_int_equal(entry.ctx, CTX);
		assert_true(entry.big_endian);
	}
}

static void suspend_32_truncates_entry_and_context(void **state)
{
	struct psci_entry entry = { 0 };
	struct fixture *f = *state;

	expect_result(f, 0, FID_CPU_SUSPEND,
		      ARGS(UINT64_MAX << 32 | POWERDOWN, UINT64_MAX << 32 | ENTRY, CTX),
		      FW_PE_SUSPEND);
	assert_true(wake(f, 0, &entry));
	assert_int_equal(entry.pc, ENTRY);
	assert_int_equal(entry.ctx, (uint32_t)CTX);
}

static void power_state_is_a_32_bit_argument(void **state)
{
	expect_result(*state, 0, CPU_SUSPEND64, ARGS(UINT64_C(1) << 32 | POWERDOWN, ENTRY, 0),
		      FW_PE_SUSPEND);
}

static void unlisted_and_reserved_power_states_are_invalid(void **state)
{
	struct fixture *f = *state;

	for (unsigned bit = 0; bit < 32; bit++) {
		uint32_t power_state = POWERDOWN ^ UINT32_C(1) << bit;

		if (power_state != STANDBY && power_state != CLUSTER)
			expect(f, 0, CPU_SUSPEND64, ARGS(power_state, ENTRY, 0),
			       PSCI_INVALID_PARAMETERS);
	}
	expect(f, 0, CPU_SUSPEND64, ARGS(0x01000000, ENTRY, 0), PSCI_INVALID_PARAMETERS);
	expect(f, 0, CPU_SUSPEND64, ARGS(0x40000000, ENTRY, 0), PSCI_INVALID_PARAMETERS);
	expect(f, 0, CPU_SUSPEND64, ARGS(0xffffffff, ENTRY, 0), PSCI_INVALID_PARAMETERS);
}

static void powerdown_with_a_bad_entry_is_refused_and_does_not_suspend(void **state)
{
	struct psci_entry entry;
	struct fixture *f = *state;

	expect(f, 0, CPU_SUSPEND64, ARGS(POWERDOWN, ENTRY + 2, 0), PSCI_INVALID_ADDRESS);
	expect(f, 0, CPU_SUSPEND64, ARGS(CLUSTER, 0x1000, 0), PSCI_INVALID_ADDRESS);
	expect(f, 0, CPU_SUSPEND64, ARGS(0xffffffff, 1, 0), PSCI_INVALID_PARAMETERS);
	assert_false(wake(f, 0, &entry));
	expect(f, 0, STAT_COUNT64, ARGS(0, POWERDOWN), 0);
}

static void default_suspend_resumes_at_its_entry(void **state)
{
	struct psci_entry entry = { 0 };
	struct fixture *f = *state;

	expect(f, 0, CPU_DEFAULT_SUSPEND64, ARGS(ENTRY + 1, 0), PSCI_INVALID_ADDRESS);
	expect_result(f, 0, CPU_DEFAULT_SUSPEND64, ARGS(ENTRY, CTX), FW_PE_SUSPEND);
	assert_true(wake(f, 0, &entry));
	assert_int_equal(entry.pc, ENTRY);
	assert_int_equal(entry.ctx, CTX);
}

static void a_wake_without_a_suspend_does_nothing(void **state)
{
	struct psci_entry entry = { .pc = 5 };
	struct fixture *f = *state;

	assert_false(wake(f, 0, &entry));
	assert_false(wake(f, 1, &entry));
	assert_int_equal(entry.pc, 5);
	expect(f, 0, STAT_COUNT64, ARGS(0, STANDBY), 0);
}

static void system_suspend_needs_all_others_off(void **state)
{
	struct psci_entry entry = { 0 };
	struct fixture *f = *state;

	power_on(f, 1);
	expect(f, 0, SYSTEM_SUSPEND64, ARGS(ENTRY, CTX), PSCI_DENIED);
	expect_result(f, 1, CPU_SUSPEND64, ARGS(POWERDOWN, ENTRY, 0), FW_PE_SUSPEND);
	expect(f, 0, SYSTEM_SUSPEND64, ARGS(ENTRY, CTX), PSCI_DENIED);
	wake(f, 1, &entry);
	expect_result(f, 1, FID_CPU_OFF, ARGS(0), FW_PE_OFF);
	expect_result(f, 0, SYSTEM_SUSPEND64, ARGS(ENTRY, CTX), FW_PE_SUSPEND);
	assert_true(wake(f, 0, &entry));
	assert_int_equal(entry.pc, ENTRY);
	assert_int_equal(entry.ctx, CTX);
	expect(f, 0, FID_AFFINITY_INFO, ARGS(1, 0), PSCI_PE_OFF);
}

static void system_suspend_counts_a_pe_that_is_on_pending(void **state)
{
	struct fixture *f = *state;

	fixture_init(f, PSCI_VERSION_1_3, true);
	expect(f, 0, FID_CPU_ON, ARGS(1, ENTRY, 0), PSCI_SUCCESS);
	expect(f, 0, SYSTEM_SUSPEND64, ARGS(ENTRY, 0), PSCI_DENIED);
}

static void system_suspend_refuses_a_bad_entry(void **state)
{
	struct fixture *f = *state;

	expect(f, 0, SYSTEM_SUSPEND64, ARGS(0, 0), PSCI_INVALID_ADDRESS);
	expect(f, 0, FID_SYSTEM_SUSPEND, ARGS(ENTRY + 2, 0), PSCI_INVALID_ADDRESS);
}

static void suspend_mode_takes_two_values(void **state)
{
	struct fixture *f = *state;

	expect(f, 0, FID_SET_SUSPEND_MODE, ARGS(2), PSCI_INVALID_PARAMETERS);
	expect(f, 0, FID_SET_SUSPEND_MODE, ARGS(0xffffffff), PSCI_INVALID_PARAMETERS);
	expect(f, 0, FID_SET_SUSPEND_MODE, ARGS(PLATFORM_COORDINATED), PSCI_SUCCESS);
	expect(f, 0, FID_SET_SUSPEND_MODE, ARGS(OS_INITIATED), PSCI_SUCCESS);
	expect(f, 0, FID_SET_SUSPEND_MODE, ARGS(OS_INITIATED), PSCI_SUCCESS);
	expect(f, 0, FID_SET_SUSPEND_MODE, ARGS(PLATFORM_COORDINATED), PSCI_SUCCESS);
}

static void os_initiated_mode_is_denied_after_a_cpu_suspend(void **state)
{
	struct psci_entry entry;
	struct fixture *f = *state;

	expect_result(f, 0, CPU_SUSPEND64, ARGS(STANDBY), FW_PE_SUSPEND);
	wake(f, 0, &entry);
	expect(f, 0, FID_SET_SUSPEND_MODE, ARGS(OS_INITIATED), PSCI_DENIED);
	expect(f, 0, FID_SET_SUSPEND_MODE, ARGS(PLATFORM_COORDINATED), PSCI_SUCCESS);
	expect(f, 0, FID_SET_SUSPEND_MODE, ARGS(OS_INITIATED), PSCI_DENIED);
}

static void os_initiated_mode_is_denied_while_a_pe_is_suspended(void **state)
{
	struct psci_entry entry;
	struct fixture *f = *state;

	power_on(f, 1);
	expect_result(f, 1, CPU_DEFAULT_SUSPEND64, ARGS(ENTRY), FW_PE_SUSPEND);
	expect(f, 0, FID_SET_SUSPEND_MODE, ARGS(OS_INITIATED), PSCI_DENIED);
	wake(f, 1, &entry);
	expect(f, 0, FID_SET_SUSPEND_MODE, ARGS(OS_INITIATED), PSCI_SUCCESS);
}

static void platform_mode_is_denied_unless_all_others_are_off(void **state)
{
	struct fixture *f = *state;

	power_on(f, 1);
	expect(f, 0, FID_SET_SUSPEND_MODE, ARGS(OS_INITIATED), PSCI_SUCCESS);
	expect(f, 0, FID_SET_SUSPEND_MODE, ARGS(PLATFORM_COORDINATED), PSCI_DENIED);
	expect_result(f, 1, FID_CPU_OFF, ARGS(0), FW_PE_OFF);
	expect(f, 0, FID_SET_SUSPEND_MODE, ARGS(PLATFORM_COORDINATED), PSCI_SUCCESS);
}

static void a_mode_change_forgets_earlier_suspends(void **state)
{
	struct psci_entry entry;
	struct fixture *f = *state;

	expect(f, 0, FID_SET_SUSPEND_MODE, ARGS(OS_INITIATED), PSCI_SUCCESS);
	expect_result(f, 0, CPU_SUSPEND64, ARGS(STANDBY), FW_PE_SUSPEND);
	wake(f, 0, &entry);
	expect(f, 0, FID_SET_SUSPEND_MODE, ARGS(PLATFORM_COORDINATED), PSCI_SUCCESS);
	expect(f, 0, FID_SET_SUSPEND_MODE, ARGS(OS_INITIATED), PSCI_SUCCESS);
}

static void os_initiated_cluster_powerdown_is_for_the_last_pe_of_it(void **state)
{
	struct psci_entry entry;
	struct fixture *f = *state;

	power_on(f, 1);
	power_on(f, 2);
	expect(f, 0, FID_SET_SUSPEND_MODE, ARGS(OS_INITIATED), PSCI_SUCCESS);
	expect(f, 0, CPU_SUSPEND64, ARGS(CLUSTER, ENTRY, 0), PSCI_DENIED);
	expect(f, 0, CPU_SUSPEND64, ARGS(CLUSTER, ENTRY + 1, 0), PSCI_INVALID_ADDRESS);
	/* PE 2 is alone in the other cluster; PE 0 is the last once PE 1 sleeps or is off. */
	expect_result(f, 2, CPU_SUSPEND64, ARGS(CLUSTER, ENTRY, 0), FW_PE_SUSPEND);
	expect_result(f, 1, CPU_SUSPEND64, ARGS(POWERDOWN, ENTRY, 0), FW_PE_SUSPEND);
	expect_result(f, 0, CPU_SUSPEND64, ARGS(CLUSTER, ENTRY, 0), FW_PE_SUSPEND);
	wake(f, 0, &entry);
	wake(f, 1, &entry);
	expect(f, 0, CPU_SUSPEND64, ARGS(CLUSTER, ENTRY, 0), PSCI_DENIED);
	expect_result(f, 1, FID_CPU_OFF, ARGS(0), FW_PE_OFF);
	expect_result(f, 0, CPU_SUSPEND64, ARGS(CLUSTER, ENTRY, 0), FW_PE_SUSPEND);
}

static void platform_coordinated_cluster_powerdown_is_not_denied(void **state)
{
	struct fixture *f = *state;

	power_on(f, 1);
	expect_result(f, 0, CPU_SUSPEND64, ARGS(CLUSTER, ENTRY, 0), FW_PE_SUSPEND);
}

static void suspend_for(struct fixture *f, unsigned pe, uint32_t power_state, uint64_t ns)
{
	struct psci_entry entry;

	expect_result(f, pe, CPU_SUSPEND64, ARGS(power_state, ENTRY, 0), FW_PE_SUSPEND);
	f->now_ns += ns;
	wake(f, pe, &entry);
}

static void statistics_are_kept_per_pe_and_state(void **state)
{
	struct fixture *f = *state;

	power_on(f, 2);
	suspend_for(f, 0, STANDBY, 1500);
	suspend_for(f, 0, STANDBY, 1500);
	suspend_for(f, 0, POWERDOWN, 7000);
	suspend_for(f, 2, CLUSTER, 9999999);
	expect(f, 0, STAT_COUNT64, ARGS(0, STANDBY), 2);
	expect(f, 0, STAT_RESIDENCY64, ARGS(0, STANDBY), 3);
	expect(f, 0, STAT_COUNT64, ARGS(0, POWERDOWN), 1);
	expect(f, 0, STAT_RESIDENCY64, ARGS(0, POWERDOWN), 7);
	expect(f, 0, STAT_COUNT64, ARGS(0, CLUSTER), 0);
	expect(f, 0, STAT_COUNT64, ARGS(fixture_mpidr[2], CLUSTER), 1);
	expect(f, 0, STAT_RESIDENCY64, ARGS(fixture_mpidr[2], CLUSTER), 9999);
	expect(f, 2, FID_STAT_COUNT, ARGS(0, STANDBY), 2);
	expect(f, 2, FID_STAT_RESIDENCY, ARGS(0, STANDBY), 3);
}

static void statistics_of_an_invalid_combination_are_zero(void **state)
{
	struct fixture *f = *state;

	suspend_for(f, 0, STANDBY, 5000);
	expect(f, 0, STAT_COUNT64, ARGS(0, 0x40000000), 0);
	expect(f, 0, STAT_RESIDENCY64, ARGS(0, 0x40000000), 0);
	expect(f, 0, STAT_COUNT64, ARGS(0x80000000, STANDBY), 0);
	expect(f, 0, STAT_RESIDENCY64, ARGS(UINT64_MAX, STANDBY), 0);
}

static void a_32_bit_residency_has_32_bits(void **state)
{
	const uint64_t us = UINT64_C(0x180000001);
	struct fixture *f = *state;

	suspend_for(f, 0, STANDBY, us * 1000);
	expect(f, 0, STAT_RESIDENCY64, ARGS(0, STANDBY), (int64_t)us);
	expect(f, 0, FID_STAT_RESIDENCY, ARGS(0, STANDBY), 0x80000001);
}

static void a_clock_that_stands_still_or_runs_back_adds_nothing(void **state)
{
	struct fixture *f = *state;

	suspend_for(f, 0, STANDBY, 0);
	suspend_for(f, 0, STANDBY, (uint64_t)-500);
	expect(f, 0, STAT_COUNT64, ARGS(0, STANDBY), 2);
	expect(f, 0, STAT_RESIDENCY64, ARGS(0, STANDBY), 0);
}

static void default_suspend_counts_as_a_core_powerdown(void **state)
{
	struct psci_entry entry;
	struct fixture *f = *state;

	expect_result(f, 0, CPU_DEFAULT_SUSPEND64, ARGS(ENTRY), FW_PE_SUSPEND);
	wake(f, 0, &entry);
	expect(f, 0, STAT_COUNT64, ARGS(0, POWERDOWN), 1);
	expect_result(f, 0, SYSTEM_SUSPEND64, ARGS(ENTRY), FW_PE_SUSPEND);
	wake(f, 0, &entry);
	expect(f, 0, STAT_COUNT64, ARGS(0, POWERDOWN), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(power_states_fit_the_advertised_format),
		PSCI_TEST(standby_ignores_entry_and_returns_zero),
		PSCI_TEST(powerdown_resumes_at_its_entry),
		PSCI_TEST(suspend_32_truncates_entry_and_context),
		PSCI_TEST(power_state_is_a_32_bit_argument),
		PSCI_TEST(unlisted_and_reserved_power_states_are_invalid),
		PSCI_TEST(powerdown_with_a_bad_entry_is_refused_and_does_not_suspend),
		PSCI_TEST(default_suspend_resumes_at_its_entry),
		PSCI_TEST(a_wake_without_a_suspend_does_nothing),
		PSCI_TEST(system_suspend_needs_all_others_off),
		PSCI_TEST(system_suspend_counts_a_pe_that_is_on_pending),
		PSCI_TEST(system_suspend_refuses_a_bad_entry),
		PSCI_TEST(suspend_mode_takes_two_values),
		PSCI_TEST(os_initiated_mode_is_denied_after_a_cpu_suspend),
		PSCI_TEST(os_initiated_mode_is_denied_while_a_pe_is_suspended),
		PSCI_TEST(platform_mode_is_denied_unless_all_others_are_off),
		PSCI_TEST(a_mode_change_forgets_earlier_suspends),
		PSCI_TEST(os_initiated_cluster_powerdown_is_for_the_last_pe_of_it),
		PSCI_TEST(platform_coordinated_cluster_powerdown_is_not_denied),
		PSCI_TEST(statistics_are_kept_per_pe_and_state),
		PSCI_TEST(statistics_of_an_invalid_combination_are_zero),
		PSCI_TEST(a_32_bit_residency_has_32_bits),
		PSCI_TEST(a_clock_that_stands_still_or_runs_back_adds_nothing),
		PSCI_TEST(default_suspend_counts_as_a_core_powerdown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
