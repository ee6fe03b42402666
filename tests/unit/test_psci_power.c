/* PSCI: CPU_ON, CPU_OFF, CPU_FREEZE, AFFINITY_INFO, NODE_HW_STATE. */
#include "psci_fixture.h"

#define CPU_ON64        (FID_CPU_ON | SMCCC_64BIT)
#define AFFINITY_INFO64 (FID_AFFINITY_INFO | SMCCC_64BIT)
#define NODE_HW_STATE64 (FID_NODE_HW_STATE | SMCCC_64BIT)

#define HW_ON      0
#define HW_OFF     1
#define HW_STANDBY 2

/* Targets no PE answers to: absent ones, and a PE's own with a bit outside the affinity fields. */
static const uint64_t bad_targets[] = {
	0x2,
	0x100,
	0x10000,
	UINT64_C(0x200000000),
	0xff00ffffff,
	UINT64_C(1) | UINT64_C(1) << 24,
	UINT64_C(1) | UINT64_C(1) << 31,
	UINT64_C(1) | UINT64_C(1) << 40,
	UINT64_C(1) | UINT64_C(1) << 63,
	0xffffffff,
	UINT64_MAX,
};

static const uint64_t bad_entries[] = {
	0,
	ENTRY + 1,
	ENTRY + 2,
	ENTRY + 3,
	0x1000000,
	RAM_BASE - 4,
	RAM_BASE + RAM_BYTES,
	RAM_BASE + RAM_BYTES - 2,
	UINT64_MAX,
	UINT64_MAX - 3,
};

static void at_boot_only_the_boot_pe_is_on(void **state)
{
	struct fixture *f = *state;

	expect(f, 0, AFFINITY_INFO64, ARGS(0, 0), PSCI_PE_ON);
	for (unsigned pe = 1; pe < NPE; pe++)
		expect(f, 0, AFFINITY_INFO64, ARGS(fixture_mpidr[pe], 0), PSCI_PE_OFF);
}

static void cpu_on_starts_the_target_with_entry_and_context(void **state)
{
	struct fixture *f = *state;
	struct psci_entry entry;

	f->big_endian = true;
	expect(f, 0, CPU_ON64, ARGS(fixture_mpidr[3], ENTRY, CTX), PSCI_SUCCESS);
	assert_int_equal(f->wakes[3], 1);
	expect(f, 0, AFFINITY_INFO64, ARGS(fixture_mpidr[3], 0), PSCI_PE_ON);
	assert_true(take_on(f, 3, &entry));
	assert_int_equal(entry.pc, ENTRY);
	assert_int_equal(entry.ctx, CTX);
	assert_true(entry.big_endian);
	assert_false(take_on(f, 3, &entry));
}

static void cpu_on_32_truncates_its_arguments(void **state)
{
	const uint64_t garbage = UINT64_C(0xdeadbeef) << 32;
	struct fixture *f = *state;
	struct psci_entry entry;

	expect(f, 0, FID_CPU_ON, ARGS(garbage | 1, garbage | ENTRY, CTX), PSCI_SUCCESS);
	assert_true(take_on(f, 1, &entry));
	assert_int_equal(entry.pc, ENTRY);
	assert_int_equal(entry.ctx, (uint32_t)CTX);
}

static void cpu_on_32_cannot_name_a_pe_with_aff3(void **state)
{
	/* Truncated, PE 3 is PE 1. */
	struct fixture *f = *state;

	expect(f, 0, FID_CPU_ON, ARGS(fixture_mpidr[3], ENTRY, 0), PSCI_SUCCESS);
	expect(f, 0, AFFINITY_INFO64, ARGS(fixture_mpidr[3], 0), PSCI_PE_OFF);
	expect(f, 0, AFFINITY_INFO64, ARGS(fixture_mpidr[1], 0), PSCI_PE_ON);
}

static void cpu_on_refuses_a_target_that_does_not_exist(void **state)
{
	for (unsigned i = 0; i < ARRAY_SIZE(bad_targets); i++)
		expect(*state, 0, CPU_ON64, ARGS(bad_targets[i], ENTRY, 0),
		       PSCI_INVALID_PARAMETERS);
}

static void cpu_on_refuses_a_bad_entry_and_leaves_the_target_off(void **state)
{
	struct fixture *f = *state;
	struct psci_entry entry;

	for (unsigned i = 0; i < ARRAY_SIZE(bad_entries); i++)
		expect(f, 0, CPU_ON64, ARGS(1, bad_entries[i], 0), PSCI_INVALID_ADDRESS);
	expect(f, 0, AFFINITY_INFO64, ARGS(1, 0), PSCI_PE_OFF);
	assert_false(take_on(f, 1, &entry));
}

static void cpu_on_takes_the_first_and_last_word_of_ram(void **state)
{
	struct fixture *f = *state;

	expect(f, 0, CPU_ON64, ARGS(1, RAM_BASE, 0), PSCI_SUCCESS);
	expect(f, 0, CPU_ON64, ARGS(fixture_mpidr[2], RAM_BASE + RAM_BYTES - 4, 0), PSCI_SUCCESS);
}

static void cpu_on_of_a_pe_that_is_on_is_refused(void **state)
{
	struct fixture *f = *state;

	power_on(f, 1);
	expect(f, 0, CPU_ON64, ARGS(0, ENTRY, 0), PSCI_ALREADY_ON);
	expect(f, 0, CPU_ON64, ARGS(1, ENTRY, 0), PSCI_ALREADY_ON);
	expect_result(f, 1, FID_CPU_SUSPEND, ARGS(0), FW_PE_SUSPEND);
	expect(f, 0, CPU_ON64, ARGS(1, ENTRY, 0), PSCI_ALREADY_ON);
}

static void cpu_on_judges_target_then_entry_then_state(void **state)
{
	struct fixture *f = *state;

	expect(f, 0, CPU_ON64, ARGS(0x55, 1, 0), PSCI_INVALID_PARAMETERS);
	expect(f, 0, CPU_ON64, ARGS(0, 1, 0), PSCI_INVALID_ADDRESS);
}

static void a_losing_cpu_on_does_not_touch_the_winners_entry(void **state)
{
	struct fixture *f = *state;
	struct psci_entry entry;

	for (unsigned pending = 0; pending < 2; pending++) {
		fixture_init(f, PSCI_VERSION_1_3, pending);
		expect(f, 0, CPU_ON64, ARGS(1, ENTRY, CTX), PSCI_SUCCESS);
		f->big_endian = true;
		expect(f, 0, CPU_ON64, ARGS(1, ENTRY + 64, 1),
		       pending ? PSCI_ON_PENDING : PSCI_ALREADY_ON);
		assert_true(take_on(f, 1, &entry));
		assert_int_equal(entry.pc, ENTRY);
		assert_int_equal(entry.ctx, CTX);
		assert_false(entry.big_endian);
		assert_int_equal(f->wakes[1], 1);
	}
}

static void on_pending_lasts_until_the_thread_starts(void **state)
{
	struct fixture *f = *state;
	struct psci_entry entry;

	fixture_init(f, PSCI_VERSION_1_3, true);
	expect(f, 0, CPU_ON64, ARGS(1, ENTRY, 0), PSCI_SUCCESS);
	expect(f, 0, AFFINITY_INFO64, ARGS(1, 0), PSCI_PE_ON_PENDING);
	expect(f, 0, CPU_ON64, ARGS(1, ENTRY, 0), PSCI_ON_PENDING);
	assert_true(take_on(f, 1, &entry));
	expect(f, 0, AFFINITY_INFO64, ARGS(1, 0), PSCI_PE_ON);
	expect(f, 0, CPU_ON64, ARGS(1, ENTRY, 0), PSCI_ALREADY_ON);
}

static void cpu_off_is_left_by_cpu_on(void **state)
{
	struct fixture *f = *state;
	struct psci_entry entry;

	power_on(f, 1);
	expect_result(f, 1, FID_CPU_OFF, ARGS(0x10000), FW_PE_OFF);
	assert_false(take_on(f, 1, &entry));
	expect(f, 0, AFFINITY_INFO64, ARGS(1, 0), PSCI_PE_OFF);
	expect(f, 0, CPU_ON64, ARGS(1, ENTRY + 4, 9), PSCI_SUCCESS);
	assert_true(take_on(f, 1, &entry));
	assert_int_equal(entry.pc, ENTRY + 4);
	assert_int_equal(entry.ctx, 9);
}

static void the_boot_pe_can_go_off_and_come_back(void **state)
{
	struct fixture *f = *state;
	struct psci_entry entry;

	power_on(f, 2);
	expect_result(f, 0, FID_CPU_OFF, ARGS(0), FW_PE_OFF);
	expect(f, 2, CPU_ON64, ARGS(0, ENTRY, 0), PSCI_SUCCESS);
	assert_true(take_on(f, 0, &entry));
}

static bool all_off(struct fixture *f)
{
	struct fw_locked locked = fw_lock(&f->lock);
	bool off = psci_all_off(locked, &f->psci);

	fw_unlock(locked);
	return off;
}

static void all_off_is_true_when_the_last_pe_leaves(void **state)
{
	struct fixture *f = *state;

	power_on(f, 1);
	expect_result(f, 0, FID_CPU_OFF, ARGS(0), FW_PE_OFF);
	assert_false(all_off(f));
	expect_result(f, 1, FID_CPU_SUSPEND, ARGS(0), FW_PE_SUSPEND);
	assert_false(all_off(f));
	wake(f, 1, &(struct psci_entry){ 0 });
	expect_result(f, 1, FID_CPU_OFF, ARGS(0), FW_PE_OFF);
	assert_true(all_off(f));
}

static void all_off_counts_a_pe_that_is_on_pending(void **state)
{
	struct fixture *f = *state;

	fixture_init(f, PSCI_VERSION_1_3, true);
	expect(f, 0, CPU_ON64, ARGS(1, ENTRY, 0), PSCI_SUCCESS);
	expect_result(f, 0, FID_CPU_OFF, ARGS(0), FW_PE_OFF);
	assert_false(all_off(f));
}

static void cpu_freeze_is_left_by_cpu_on_only(void **state)
{
	struct fixture *f = *state;
	struct psci_entry entry;

	power_on(f, 1);
	expect_result(f, 1, FID_CPU_FREEZE, ARGS(0), FW_PE_OFF);
	assert_true(f->pe[1].frozen);
	expect(f, 0, AFFINITY_INFO64, ARGS(1, 0), PSCI_PE_OFF);
	expect(f, 0, NODE_HW_STATE64, ARGS(1, 0), HW_OFF);
	assert_false(take_on(f, 1, &entry));
	expect(f, 0, CPU_ON64, ARGS(1, ENTRY, 0), PSCI_SUCCESS);
	assert_true(take_on(f, 1, &entry));
	assert_false(f->pe[1].frozen);
}

static void affinity_of_a_suspended_pe_is_on(void **state)
{
	struct fixture *f = *state;

	power_on(f, 1);
	expect_result(f, 1, FID_CPU_SUSPEND, ARGS(0x10000, ENTRY, 0), FW_PE_SUSPEND);
	expect(f, 0, AFFINITY_INFO64, ARGS(1, 0), PSCI_PE_ON);
}

static void affinity_levels_above_0_aggregate(void **state)
{
	struct fixture *f = *state;

	/* Lower fields are ignored: 0xff in Aff0 is no PE, but its cluster exists. */
	expect(f, 0, AFFINITY_INFO64, ARGS(0xff, 1), PSCI_PE_ON);
	expect(f, 0, AFFINITY_INFO64, ARGS(0xffff, 2), PSCI_PE_ON);
	expect(f, 0, AFFINITY_INFO64, ARGS(0xffffff, 3), PSCI_PE_ON);
	for (unsigned level = 1; level <= 3; level++)
		expect(f, 0, AFFINITY_INFO64, ARGS(fixture_mpidr[2], level), PSCI_PE_OFF);
	power_on(f, 3);
	for (unsigned level = 1; level <= 3; level++)
		expect(f, 0, AFFINITY_INFO64, ARGS(fixture_mpidr[2], level), PSCI_PE_ON);
}

static void affinity_of_a_node_is_pending_before_off(void **state)
{
	struct fixture *f = *state;

	fixture_init(f, PSCI_VERSION_1_3, true);
	expect(f, 0, CPU_ON64, ARGS(fixture_mpidr[3], ENTRY, 0), PSCI_SUCCESS);
	expect(f, 0, AFFINITY_INFO64, ARGS(fixture_mpidr[2], 1), PSCI_PE_ON_PENDING);
	expect(f, 0, CPU_ON64, ARGS(1, ENTRY, 0), PSCI_SUCCESS);
	expect(f, 0, AFFINITY_INFO64, ARGS(0, 1), PSCI_PE_ON);
}

static void affinity_info_refuses_bad_targets_and_levels(void **state)
{
	static const uint64_t bad_levels[] = { 4, 5, 0x80000000, 0xffffffff };
	struct fixture *f = *state;

	for (unsigned i = 0; i < ARRAY_SIZE(bad_targets); i++)
		expect(f, 0, AFFINITY_INFO64, ARGS(bad_targets[i], 0), PSCI_INVALID_PARAMETERS);
	for (unsigned i = 0; i < ARRAY_SIZE(bad_levels); i++)
		expect(f, 0, AFFINITY_INFO64, ARGS(0, bad_levels[i]), PSCI_INVALID_PARAMETERS);
	for (unsigned level = 1; level <= 3; level++) {
		expect(f, 0, AFFINITY_INFO64, ARGS(UINT64_C(1) << 24, level),
		       PSCI_INVALID_PARAMETERS);
		expect(f, 0, AFFINITY_INFO64, ARGS(UINT64_C(1) << 40, level),
		       PSCI_INVALID_PARAMETERS);
		expect(f, 0, AFFINITY_INFO64, ARGS(UINT64_C(7) << 32, level),
		       PSCI_INVALID_PARAMETERS);
	}
}

static void affinity_level_is_a_32_bit_argument(void **state)
{
	expect(*state, 0, AFFINITY_INFO64, ARGS(0, UINT64_C(1) << 32), PSCI_PE_ON);
}

static void affinity_info_32_sees_32_bits_of_the_target(void **state)
{
	expect(*state, 0, FID_AFFINITY_INFO, ARGS(fixture_mpidr[2], 0), PSCI_PE_ON);
}

static void hw_state_follows_running_standby_and_power_down(void **state)
{
	struct fixture *f = *state;
	struct psci_entry entry;

	expect(f, 0, NODE_HW_STATE64, ARGS(0, 0), HW_ON);
	expect(f, 0, NODE_HW_STATE64, ARGS(1, 0), HW_OFF);
	power_on(f, 1);
	expect(f, 0, NODE_HW_STATE64, ARGS(1, 0), HW_ON);
	expect_result(f, 1, FID_CPU_SUSPEND, ARGS(0), FW_PE_SUSPEND);
	expect(f, 0, NODE_HW_STATE64, ARGS(1, 0), HW_STANDBY);
	wake(f, 1, &entry);
	expect(f, 0, NODE_HW_STATE64, ARGS(1, 0), HW_ON);
	expect_result(f, 1, FID_CPU_SUSPEND, ARGS(0x10000, ENTRY, 0), FW_PE_SUSPEND);
	expect(f, 0, NODE_HW_STATE64, ARGS(1, 0), HW_OFF);
	wake(f, 1, &entry);
	expect(f, 0, FID_NODE_HW_STATE, ARGS(1, 0), HW_ON);
}

static void hw_state_of_a_cluster_is_that_of_its_most_awake_pe(void **state)
{
	struct fixture *f = *state;

	expect(f, 0, NODE_HW_STATE64, ARGS(0, 1), HW_ON);
	expect(f, 0, NODE_HW_STATE64, ARGS(fixture_mpidr[2], 1), HW_OFF);
	power_on(f, 2);
	expect_result(f, 2, FID_CPU_SUSPEND, ARGS(0), FW_PE_SUSPEND);
	expect(f, 0, NODE_HW_STATE64, ARGS(fixture_mpidr[3], 1), HW_STANDBY);
	power_on(f, 3);
	expect(f, 0, NODE_HW_STATE64, ARGS(fixture_mpidr[3], 1), HW_ON);
}

static void hw_state_refuses_bad_targets_and_levels(void **state)
{
	static const uint64_t bad_levels[] = { 2, 3, 4, 0xffffffff };
	struct fixture *f = *state;

	for (unsigned i = 0; i < ARRAY_SIZE(bad_targets); i++)
		expect(f, 0, NODE_HW_STATE64, ARGS(bad_targets[i], 0), PSCI_INVALID_PARAMETERS);
	for (unsigned i = 0; i < ARRAY_SIZE(bad_levels); i++)
		expect(f, 0, NODE_HW_STATE64, ARGS(0, bad_levels[i]), PSCI_INVALID_PARAMETERS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PSCI_TEST(at_boot_only_the_boot_pe_is_on),
		PSCI_TEST(cpu_on_starts_the_target_with_entry_and_context),
		PSCI_TEST(cpu_on_32_truncates_its_arguments),
		PSCI_TEST(cpu_on_32_cannot_name_a_pe_with_aff3),
		PSCI_TEST(cpu_on_refuses_a_target_that_does_not_exist),
		PSCI_TEST(cpu_on_refuses_a_bad_entry_and_leaves_the_target_off),
		PSCI_TEST(cpu_on_takes_the_first_and_last_word_of_ram),
		PSCI_TEST(cpu_on_of_a_pe_that_is_on_is_refused),
		PSCI_TEST(cpu_on_judges_target_then_entry_then_state),
		PSCI_TEST(a_losing_cpu_on_does_not_touch_the_winners_entry),
		PSCI_TEST(on_pending_lasts_until_the_thread_starts),
		PSCI_TEST(cpu_off_is_left_by_cpu_on),
		PSCI_TEST(the_boot_pe_can_go_off_and_come_back),
		PSCI_TEST(all_off_is_true_when_the_last_pe_leaves),
		PSCI_TEST(all_off_counts_a_pe_that_is_on_pending),
		PSCI_TEST(cpu_freeze_is_left_by_cpu_on_only),
		PSCI_TEST(affinity_of_a_suspended_pe_is_on),
		PSCI_TEST(affinity_levels_above_0_aggregate),
		PSCI_TEST(affinity_of_a_node_is_pending_before_off),
		PSCI_TEST(affinity_info_refuses_bad_targets_and_levels),
		PSCI_TEST(affinity_level_is_a_32_bit_argument),
		PSCI_TEST(affinity_info_32_sees_32_bits_of_the_target),
		PSCI_TEST(hw_state_follows_running_standby_and_power_down),
		PSCI_TEST(hw_state_of_a_cluster_is_that_of_its_most_awake_pe),
		PSCI_TEST(hw_state_refuses_bad_targets_and_levels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
