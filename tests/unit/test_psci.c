/* PSCI discovery: the table, versions, FEATURES, and the life of the service. */
#include "psci_fixture.h"

#include <string.h>

#define V0_2  PSCI_VERSION_0_2
#define V1_0  PSCI_VERSION_1_0
#define V1_1  PSCI_VERSION_1_1
#define V1_3  PSCI_VERSION_1_3
#define NEVER UINT32_MAX

static const uint32_t all_versions[] = { PSCI_VERSION_0_2, PSCI_VERSION_1_0, PSCI_VERSION_1_1,
					 PSCI_VERSION_1_2, PSCI_VERSION_1_3 };

/* The 22 functions of DEN0022F.b, written down independently of the code's own table. */
static const struct function {
	uint32_t fid;
	uint32_t since;
	bool has64;
	int64_t features;
} functions[] = {
	/* clang-format off */
	{ FID_VERSION,                 V0_2,  false, 0 },
	{ FID_CPU_SUSPEND,             V0_2,  true,  1 },
	{ FID_CPU_OFF,                 V0_2,  false, 0 },
	{ FID_CPU_ON,                  V0_2,  true,  0 },
	{ FID_AFFINITY_INFO,           V0_2,  true,  0 },
	{ FID_MIGRATE,                 NEVER, true,  0 },
	{ FID_MIGRATE_INFO_TYPE,       V0_2,  false, 0 },
	{ FID_MIGRATE_INFO_UP_CPU,     NEVER, true,  0 },
	{ FID_SYSTEM_OFF,              V0_2,  false, 0 },
	{ FID_SYSTEM_RESET,            V0_2,  false, 0 },
	{ FID_FEATURES,                V1_0,  false, 0 },
	{ FID_CPU_FREEZE,              V1_0,  false, 0 },
	{ FID_CPU_DEFAULT_SUSPEND,     V1_0,  true,  0 },
	{ FID_NODE_HW_STATE,           V1_0,  true,  0 },
	{ FID_SYSTEM_SUSPEND,          V1_0,  true,  0 },
	{ FID_SET_SUSPEND_MODE,        V1_0,  false, 0 },
	{ FID_STAT_RESIDENCY,          V1_0,  true,  0 },
	{ FID_STAT_COUNT,              V1_0,  true,  0 },
	{ FID_SYSTEM_RESET2,           V1_1,  true,  0 },
	{ FID_MEM_PROTECT,             V1_1,  false, 0 },
	{ FID_MEM_PROTECT_CHECK_RANGE, V1_1,  true,  0 },
	{ FID_SYSTEM_OFF2,             V1_3,  true,  1 },
	/* clang-format on */
};

static void table_is_sorted_and_complete(void **state)
{
	unsigned expected = 0;

	(void)state;
	for (unsigned i = 1; i < psci_ncalls; i++)
		assert_true(psci_calls[i - 1].fid < psci_calls[i].fid);
	for (unsigned i = 0; i < ARRAY_SIZE(functions); i++)
		expected += 1 + functions[i].has64;
	assert_int_equal(psci_ncalls, expected);
}

static void both_widths_of_a_function_are_alike(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < psci_ncalls; i++) {
		const struct fw_call *row = &psci_calls[i];
		const struct fw_call *other = fw_find(&f->service, row->fid ^ SMCCC_64BIT);

		if (!other)
			continue;
		assert_string_equal(row->name, other->name);
		assert_int_equal(row->since, other->since);
		assert_int_equal(row->nargs, other->nargs);
		assert_int_equal(row->flags, other->flags);
		assert_ptr_equal(row->fn, other->fn);
	}
}

static void functions_that_start_or_suspend_a_pe_are_marked(void **state)
{
	(void)state;
	for (unsigned i = 0; i < psci_ncalls; i++) {
		uint32_t fid = psci_calls[i].fid & ~SMCCC_64BIT;
		bool suspend = fid == FID_CPU_SUSPEND || fid == FID_CPU_DEFAULT_SUSPEND ||
			       fid == FID_SYSTEM_SUSPEND;
		bool entry = suspend || fid == FID_CPU_ON;

		assert_int_equal(psci_calls[i].flags,
				 (entry ? FW_CALL_ENTRY : 0) | (suspend ? FW_CALL_SUSPEND : 0));
	}
}

static void version_is_what_was_configured(void **state)
{
	struct fixture *f = *state;

	for (unsigned v = 0; v < ARRAY_SIZE(all_versions); v++) {
		fixture_init(f, all_versions[v], false);
		for (unsigned pe = 0; pe < NPE; pe++)
			expect(f, pe, FID_VERSION, ARGS(0), all_versions[v]);
	}
}

/* In `version`, fid is present or not, in the call and in FEATURES. */
static void check_agreement(uint32_t version, uint32_t fid, bool present, int64_t features)
{
	struct fixture f;
	int64_t ret = 0;
	enum fw_result result;
	bool called, offered;

	/* Right for FEATURES and wrong for many others, but only an absent function answers
	 * NOT_SUPPORTED. */
	fixture_init(&f, version, false);
	result = invoke(&f, 0, fid, ARGS(FID_VERSION), &ret);
	called = !(result == FW_RETURN && ret == PSCI_NOT_SUPPORTED);
	if (called != present)
		fail_msg("version %x, call %08x: expected %s, found %s", version, fid,
			 present ? "present" : "absent", called ? "present" : "absent");
	if (version < PSCI_VERSION_1_0)
		return;
	fixture_init(&f, version, false);
	invoke(&f, 0, FID_FEATURES, ARGS(fid), &ret);
	offered = ret >= 0;
	if (offered != present || (present && ret != features))
		fail_msg("version %x, FEATURES(%08x): expected %lld, found %lld", version, fid,
			 present ? (long long)features : -1LL, (long long)ret);
}

static void features_and_calls_agree_in_every_version_and_width(void **state)
{
	(void)state;
	for (unsigned v = 0; v < ARRAY_SIZE(all_versions); v++) {
		for (unsigned i = 0; i < ARRAY_SIZE(functions); i++) {
			const struct function *fn = &functions[i];
			bool present = fn->since <= all_versions[v];

			check_agreement(all_versions[v], fn->fid, present, fn->features);
			check_agreement(all_versions[v], fn->fid | SMCCC_64BIT,
					present && fn->has64, fn->features);
		}
	}
}

static void ids_beyond_the_last_function_are_not_supported(void **state)
{
	struct fixture *f = *state;

	for (uint32_t number = 0x16; number < 0x20; number++) {
		expect(f, 0, 0x84000000 + number, ARGS(0), PSCI_NOT_SUPPORTED);
		expect(f, 0, 0xc4000000 + number, ARGS(0), PSCI_NOT_SUPPORTED);
	}
}

static void hinted_yielding_and_reserved_ids_are_not_supported(void **state)
{
	static const uint32_t wrong[] = { 0x84010000, 0x84020000, 0x84800000, 0x04000000,
					  0x44000003, 1337,       0 };
	struct fixture *f = *state;

	for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++)
		expect(f, 0, wrong[i], ARGS(0), PSCI_NOT_SUPPORTED);
}

static void features_offers_smccc_version_and_no_foreign_function(void **state)
{
	static const uint32_t foreign[] = { 0x80000001, 0x80008000, 0xc4000020, 0x84000020,
					    0x84000050, 0xc400a011, 0,          0x95c1ba5e };
	struct fixture *f = *state;

	expect(f, 0, FID_FEATURES, ARGS(0x80000000), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(foreign); i++)
		expect(f, 0, FID_FEATURES, ARGS(foreign[i]), PSCI_NOT_SUPPORTED);
}

static void features_ignores_the_upper_half_of_its_argument(void **state)
{
	expect(*state, 0, FID_FEATURES, ARGS(0xdeadbeef00000000 | FID_CPU_ON), 0);
}

static void a_bad_entry_is_invalid_parameters_before_1_0(void **state)
{
	const struct args args = ARGS(1, ENTRY + 2, 0);
	struct fixture *f = *state;

	for (unsigned v = 0; v < ARRAY_SIZE(all_versions); v++) {
		int64_t code = all_versions[v] == PSCI_VERSION_0_2 ? PSCI_INVALID_PARAMETERS
								   : PSCI_INVALID_ADDRESS;

		fixture_init(f, all_versions[v], false);
		expect(f, 0, FID_CPU_ON | SMCCC_64BIT, args, code);
		expect(f, 0, FID_CPU_SUSPEND | SMCCC_64BIT, ARGS(0x10000, 2, 0), code);
	}
}

static void migrate_info_type_says_no_trusted_os(void **state)
{
	expect(*state, 0, FID_MIGRATE_INFO_TYPE, ARGS(0), 2);
	expect(*state, 3, FID_MIGRATE_INFO_TYPE, ARGS(0), 2);
}

static void an_injected_fault_replaces_the_result_and_the_effect(void **state)
{
	struct fixture *f = *state;
	struct err err;

	assert_int_equal(fault_parse_fail(&f->faults, &f->service, "CPU_ON,count=1=DENIED", &err),
			 0);
	assert_int_equal(fault_parse_fail(&f->faults, &f->service,
					  "SYSTEM_OFF,cpu=0=INTERNAL_FAILURE", &err),
			 0);
	expect(f, 0, FID_CPU_ON, ARGS(1, ENTRY, 0), PSCI_DENIED);
	expect(f, 0, FID_AFFINITY_INFO, ARGS(1, 0), PSCI_PE_OFF);
	expect(f, 0, FID_CPU_ON, ARGS(1, ENTRY, 0), PSCI_SUCCESS);
	expect(f, 0, FID_SYSTEM_OFF, ARGS(0), PSCI_INTERNAL_FAILURE);
	expect_result(f, 1, FID_SYSTEM_OFF, ARGS(0), FW_SYSTEM_OFF);
}

static void a_fault_does_not_make_an_absent_function_present(void **state)
{
	struct fixture *f = *state;
	struct err err;

	fixture_init(f, PSCI_VERSION_1_0, false);
	assert_int_equal(fault_parse_fail(&f->faults, &f->service, "SYSTEM_OFF2=DENIED", &err), 0);
	expect(f, 0, FID_SYSTEM_OFF2, ARGS(0), PSCI_NOT_SUPPORTED);
}

static void reset_restores_the_initial_state(void **state)
{
	struct fixture *f = *state;
	struct psci_entry entry = { 0 };

	power_on(f, 1);
	expect_result(f, 1, FID_CPU_SUSPEND, ARGS(0x10000, ENTRY, 0), FW_PE_SUSPEND);
	expect(f, 0, FID_MEM_PROTECT, ARGS(1), 0);
	wake(f, 1, &entry);

	struct fw_locked locked = fw_lock(&f->lock);
	psci_reset(locked, &f->psci, (struct psci_entry){ .pc = ENTRY + 64, .ctx = 7 }, false);
	assert_false(psci_mem_protect(locked, &f->psci));
	fw_unlock(locked);

	assert_true(take_on(f, 0, &entry));
	assert_int_equal(entry.pc, ENTRY + 64);
	assert_int_equal(entry.ctx, 7);
	assert_false(take_on(f, 1, &entry));
	expect(f, 0, FID_AFFINITY_INFO, ARGS(1, 0), PSCI_PE_OFF);
	expect(f, 0, FID_STAT_COUNT, ARGS(1, 0x10000), 0);
	expect(f, 0, FID_MEM_PROTECT, ARGS(0), 0);
	/* Forgotten as well: that a CPU was suspended, so OS-initiated mode may be chosen. */
	expect(f, 0, FID_SET_SUSPEND_MODE, ARGS(1), PSCI_SUCCESS);
}

static void reset_restores_platform_coordinated_mode(void **state)
{
	struct fixture *f = *state;
	struct psci_entry entry;

	expect(f, 0, FID_SET_SUSPEND_MODE, ARGS(1), PSCI_SUCCESS);
	struct fw_locked locked = fw_lock(&f->lock);
	psci_reset(locked, &f->psci, (struct psci_entry){ .pc = ENTRY }, false);
	fw_unlock(locked);
	assert_true(take_on(f, 0, &entry));
	power_on(f, 1);
	/* OS-initiated, this would be denied: PE 1 of the same cluster runs. */
	expect_result(f, 0, FID_CPU_SUSPEND, ARGS(0x01010000, ENTRY, 0), FW_PE_SUSPEND);
}

static void a_warm_reset_keeps_memory_protected(void **state)
{
	struct fixture *f = *state;
	struct fw_locked locked;

	expect(f, 0, FID_MEM_PROTECT, ARGS(1), 0);
	locked = fw_lock(&f->lock);
	psci_reset(locked, &f->psci, (struct psci_entry){ .pc = ENTRY }, true);
	assert_true(psci_mem_protect(locked, &f->psci));
	psci_reset(locked, &f->psci, (struct psci_entry){ .pc = ENTRY }, false);
	assert_false(psci_mem_protect(locked, &f->psci));
	fw_unlock(locked);
}

static void after_init_nothing_runs(void **state)
{
	struct psci_pe pe[2] = { { .mpidr = 0, .fresh = true }, { .mpidr = 1 } };
	const struct psci_config config = { .version = PSCI_VERSION_1_3,
					    .npe = 2,
					    .ram_base = gpa(RAM_BASE),
					    .ram_bytes = RAM_BYTES };
	struct fw_lock lock = { PTHREAD_MUTEX_INITIALIZER };
	struct psci_entry entry;
	struct psci psci;
	struct err err;

	(void)state;
	assert_int_equal(psci_init(&psci, &config, pe, &err), 0);
	struct fw_locked locked = fw_lock(&lock);
	assert_true(psci_all_off(locked, &psci));
	assert_false(psci_take_on(locked, &psci, 0, &entry));
	psci_reset(locked, &psci, (struct psci_entry){ .pc = ENTRY }, false);
	assert_false(psci_all_off(locked, &psci));
	fw_unlock(locked);
}

/* Each changes one thing of a good configuration, so that psci_init() has to refuse it. */
static void spoil_version(struct psci_config *c, struct psci_pe *pe)
{
	(void)pe;
	c->version = 0x10004;
}

static void spoil_no_pe(struct psci_config *c, struct psci_pe *pe)
{
	(void)pe;
	c->npe = 0;
}

static void spoil_many_pes(struct psci_config *c, struct psci_pe *pe)
{
	(void)pe;
	c->npe = PSCI_MAX_PES + 1;
}

static void spoil_boot_pe(struct psci_config *c, struct psci_pe *pe)
{
	(void)pe;
	c->boot_pe = 2;
}

static void spoil_ram(struct psci_config *c, struct psci_pe *pe)
{
	(void)pe;
	c->ram_bytes = UINT64_MAX;
}

static void spoil_mpidr_bits(struct psci_config *c, struct psci_pe *pe)
{
	(void)c;
	pe[1].mpidr |= UINT64_C(1) << 31;
}

static void spoil_mpidr_unique(struct psci_config *c, struct psci_pe *pe)
{
	(void)c;
	pe[1].mpidr = pe[0].mpidr;
}

static void init_refuses_an_impossible_machine(void **state)
{
	static void (*const spoil[])(struct psci_config *, struct psci_pe *) = {
		spoil_version, spoil_no_pe,      spoil_many_pes,     spoil_boot_pe,
		spoil_ram,     spoil_mpidr_bits, spoil_mpidr_unique,
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(spoil); i++) {
		struct psci_pe pe[2] = { { .mpidr = 0 }, { .mpidr = 1 } };
		struct psci_config config = { .version = PSCI_VERSION_1_3,
					      .npe = 2,
					      .ram_base = gpa(RAM_BASE),
					      .ram_bytes = RAM_BYTES };
		struct psci psci;
		struct err err = { "" };

		spoil[i](&config, pe);
		assert_int_equal(psci_init(&psci, &config, pe, &err), -EINVAL);
		assert_true(err.text[0]);
	}
}

static void versions_are_parsed_by_name(void **state)
{
	static const char *const wrong[] = {
		"", "1", "1.4", "0.1", "1.30", " 1.3", "1.3 ", "v1.3"
	};
	struct err err = { "" };
	uint32_t version = 0;

	(void)state;
	assert_int_equal(psci_parse_version("0.2", &version, &err), 0);
	assert_int_equal(version, PSCI_VERSION_0_2);
	assert_int_equal(psci_parse_version("1.3", &version, &err), 0);
	assert_int_equal(version, PSCI_VERSION_1_3);
	for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_int_equal(psci_parse_version(wrong[i], &version, &err), -EINVAL);
	assert_non_null(strstr(err.text, "0.2"));
	assert_int_equal(version, PSCI_VERSION_1_3);
}

static void return_codes_have_names(void **state)
{
	(void)state;
	assert_string_equal(psci_error_name(0), "SUCCESS");
	assert_string_equal(psci_error_name(-1), "NOT_SUPPORTED");
	assert_string_equal(psci_error_name(-3), "DENIED");
	assert_string_equal(psci_error_name(-9), "INVALID_ADDRESS");
	assert_null(psci_error_name(-10));
	assert_null(psci_error_name(1));
	assert_null(psci_error_name(INT64_MIN));
	assert_null(psci_error_name(INT64_MAX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table_is_sorted_and_complete),
		PSCI_TEST(both_widths_of_a_function_are_alike),
		cmocka_unit_test(functions_that_start_or_suspend_a_pe_are_marked),
		PSCI_TEST(version_is_what_was_configured),
		cmocka_unit_test(features_and_calls_agree_in_every_version_and_width),
		PSCI_TEST(ids_beyond_the_last_function_are_not_supported),
		PSCI_TEST(hinted_yielding_and_reserved_ids_are_not_supported),
		PSCI_TEST(features_offers_smccc_version_and_no_foreign_function),
		PSCI_TEST(features_ignores_the_upper_half_of_its_argument),
		PSCI_TEST(a_bad_entry_is_invalid_parameters_before_1_0),
		PSCI_TEST(migrate_info_type_says_no_trusted_os),
		PSCI_TEST(an_injected_fault_replaces_the_result_and_the_effect),
		PSCI_TEST(a_fault_does_not_make_an_absent_function_present),
		PSCI_TEST(reset_restores_the_initial_state),
		PSCI_TEST(reset_restores_platform_coordinated_mode),
		PSCI_TEST(a_warm_reset_keeps_memory_protected),
		cmocka_unit_test(after_init_nothing_runs),
		cmocka_unit_test(init_refuses_an_impossible_machine),
		cmocka_unit_test(versions_are_parsed_by_name),
		cmocka_unit_test(return_codes_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
