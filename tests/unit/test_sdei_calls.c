/* SDEI: what the calls answer, and in which order they find fault. */
#include <errno.h>

#include "sdei_fixture.h"

#define EP  UINT64_C(0x10000)
#define BAD SDEI_INVALID_PARAMETERS

/* Numbers that are no event here: absent, unbound, and ones that are an event if bits are lost. */
static const uint64_t bad_events[] = {
	1,       0x00ffffff, 0x40000000,    0x40000004,    0x40ffffff,    0x80000000, 0xffffffff,
	UNBOUND, FIRST_PPI,  SN | 1u << 24, SN | 1u << 29, SN | 1u << 31, SN & 0xff,  UINT64_MAX,
};

/* Targets no PE answers to: absent ones, and a PE's own with a bit outside the affinity fields. */
static const uint64_t bad_affinities[] = {
	0x2,
	0x3,
	0x100,
	0x10000,
	UINT64_C(0x200000000),
	UINT64_C(0xff00ffffff),
	UINT64_C(1) | UINT64_C(1) << 24,
	UINT64_C(1) | UINT64_C(1) << 31,
	UINT64_C(1) | UINT64_C(1) << 40,
	UINT64_C(1) | UINT64_C(1) << 63,
	0xffffffff,
	UINT64_MAX,
};

/* An argument of 32 bits with something in the upper half of its register. */
static uint64_t wide(uint64_t value)
{
	return value | UINT64_C(1) << 32;
}

static void version_is_1_1_of_this_vendor(void **state)
{
	expect(*state, 0, VERSION, ARGS(0), 0x0001000152415356);
}

static void features_tell_slots_and_relative_mode(void **state)
{
	expect(*state, 0, FEATURES, ARGS(0), SLOTS << 16 | SLOTS);
	expect(*state, 0, FEATURES, ARGS(1), 1);
	expect(*state, 0, FEATURES, ARGS(2), BAD);
	expect(*state, 0, FEATURES, ARGS(0xffffffff), BAD);
	expect(*state, 0, FEATURES, ARGS(wide(0)), SLOTS << 16 | SLOTS);
	expect(*state, 0, FEATURES, ARGS(UINT64_MAX), BAD);
}

static void other_functions_are_not_supported(void **state)
{
	for (uint32_t fid = 0xc4000033; fid < 0xc4000040; fid++)
		expect(*state, 0, fid, ARGS(0), SDEI_NOT_SUPPORTED);
	for (uint32_t fid = 0x84000020; fid < 0x84000040; fid++)
		expect(*state, 0, fid, ARGS(0), SDEI_NOT_SUPPORTED);
}

static void the_table_has_19_calls_in_order(void **state)
{
	(void)state;
	assert_int_equal(sdei_ncalls, 19);
	for (unsigned i = 0; i < sdei_ncalls; i++) {
		assert_int_equal(sdei_calls[i].fid, VERSION + i);
		assert_memory_equal(sdei_calls[i].name, "SDEI_", 5);
		assert_true(sdei_calls[i].nargs <= 5);
		assert_int_equal(sdei_calls[i].flags & FW_CALL_SYSREGS,
				 sdei_calls[i].fid == COMPLETE_AND_RESUME ? FW_CALL_SYSREGS : 0);
	}
}

static void no_call_takes_a_number_that_is_no_event(void **state)
{
	static const uint32_t fids[] = { ENABLE,   DISABLE,     UNREGISTER, STATUS,
					 GET_INFO, ROUTING_SET, RELEASE,    SIGNAL };

	for (unsigned i = 0; i < ARRAY_SIZE(bad_events); i++) {
		expect(*state, 0, REGISTER, ARGS(bad_events[i], EP), BAD);
		for (unsigned j = 0; j < ARRAY_SIZE(fids); j++)
			expect(*state, 0, fids[j], ARGS(bad_events[i]), BAD);
	}
}

/* An event's number has 32 bits: a caller that sets w1 leaves anything in the rest of x1. */
static void the_upper_half_of_an_event_number_says_nothing(void **state)
{
	struct fixture *f = *state;

	expect(f, 0, REGISTER, ARGS(wide(SN), EP), SDEI_SUCCESS);
	expect(f, 0, ENABLE, ARGS(wide(SN)), SDEI_SUCCESS);
	expect(f, 0, STATUS, ARGS(wide(SN)), SDEI_REGISTERED | SDEI_ENABLED);
	expect(f, 0, STATUS, ARGS(SN), SDEI_REGISTERED | SDEI_ENABLED);
	expect(f, 0, GET_INFO, ARGS(wide(SN), wide(0)), SDEI_SHARED);
	expect(f, 0, UNREGISTER, ARGS(wide(SN)), SDEI_SUCCESS);
}

static void register_refuses_bad_parameters_first(void **state)
{
	struct fixture *f = *state;
	const uint64_t bad_flags[] = { 4, 8, UINT64_C(1) << 32, UINT64_C(1) << 63, UINT64_MAX };
	const uint64_t bad_eps[] = { 0, 1, 2, 3, EP + 1, EP + 2, UINT64_MAX };

	/* In a state that alone would be DENIED. */
	expect(f, 0, REGISTER, ARGS(SN, EP), SDEI_SUCCESS);
	for (unsigned i = 0; i < ARRAY_SIZE(bad_flags); i++)
		expect(f, 0, REGISTER, ARGS(SN, EP, 0, bad_flags[i]), BAD);
	for (unsigned i = 0; i < ARRAY_SIZE(bad_eps); i++)
		expect(f, 0, REGISTER, ARGS(SN, bad_eps[i]), BAD);
	for (unsigned i = 0; i < ARRAY_SIZE(bad_affinities); i++)
		expect(f, 0, REGISTER, ARGS(SN, EP, 0, RM_PE, bad_affinities[i]), BAD);
	expect(f, 0, REGISTER, ARGS(SN, EP), SDEI_DENIED);
	expect_status(f, 0, SN, 1);
}

static void register_takes_a_relative_entry_point_of_zero(void **state)
{
	struct fixture *f = *state;

	expect(f, 0, REGISTER, ARGS(PN, 2, 0, RELATIVE), BAD);
	expect(f, 0, REGISTER, ARGS(PN, 0, 0, RELATIVE), SDEI_SUCCESS);
	expect(f, 0, REGISTER, ARGS(SN, 0, 0, RELATIVE | RM_PE, fixture_mpidr[1]), SDEI_SUCCESS);
}

static void register_ignores_the_affinity_where_it_means_nothing(void **state)
{
	struct fixture *f = *state;

	expect(f, 0, REGISTER, ARGS(SN, EP, 0, RM_ANY, UINT64_MAX), SDEI_SUCCESS);
	expect(f, 0, REGISTER, ARGS(PN, EP, 0, RM_PE, UINT64_MAX), SDEI_SUCCESS);
	expect(f, 0, GET_INFO, ARGS(SN, 3), 0);
}

static void register_refused_changes_nothing(void **state)
{
	struct fixture *f = *state;

	ready_routed(f, 0, SN, RM_PE, fixture_mpidr[1]);
	expect(f, 0, REGISTER, ARGS(SN, EP, 7, RELATIVE, 0), SDEI_DENIED);
	trigger_shared(f, SN);
	expect_enters(f, 1, SN);
	assert_int_equal(f->ctx[1].pc, ep_of(SN));
	assert_int_equal(f->ctx[1].x[1], arg_of(SN));
}

static void a_private_handler_is_the_callers_own(void **state)
{
	struct fixture *f = *state;

	expect(f, 0, REGISTER, ARGS(PN, EP), SDEI_SUCCESS);
	expect(f, 1, ENABLE, ARGS(PN), SDEI_DENIED);
	expect(f, 0, ENABLE, ARGS(PN), SDEI_SUCCESS);
	expect_status(f, 0, PN, 3);
	expect_status(f, 1, PN, 0);
	expect(f, 1, UNREGISTER, ARGS(PN), SDEI_DENIED);
}

static void a_shared_handler_is_everyones(void **state)
{
	struct fixture *f = *state;

	expect(f, 0, REGISTER, ARGS(SN, EP), SDEI_SUCCESS);
	expect(f, 1, REGISTER, ARGS(SN, EP), SDEI_DENIED);
	expect(f, 1, ENABLE, ARGS(SN), SDEI_SUCCESS);
	for (unsigned pe = 0; pe < 3; pe++)
		expect_status(f, pe, SN, 3);
	expect(f, 2, UNREGISTER, ARGS(SN), SDEI_SUCCESS);
	expect_status(f, 0, SN, 0);
}

static void info_of_unregistered_events(void **state)
{
	static const struct {
		uint32_t event;
		int type, signal, priority;
	} table[] = {
		{ E0, 0, 0, 0 }, { PN, 0, 1, 0 }, { PC, 0, 1, 1 }, { SN, 1, 1, 0 }, { SC, 1, 1, 1 }
	};

	for (unsigned i = 0; i < ARRAY_SIZE(table); i++) {
		expect(*state, 0, GET_INFO, ARGS(table[i].event, 0), table[i].type);
		expect(*state, 0, GET_INFO, ARGS(table[i].event, 1), table[i].signal);
		expect(*state, 0, GET_INFO, ARGS(table[i].event, 2), table[i].priority);
	}
}

static void info_of_routing(void **state)
{
	struct fixture *f = *state;

	for (uint64_t info = 3; info <= 4; info++) {
		expect(f, 0, GET_INFO, ARGS(SN, info), SDEI_DENIED);
		expect(f, 0, GET_INFO, ARGS(PN, info), BAD);
	}
	expect(f, 0, REGISTER, ARGS(PN, EP), SDEI_SUCCESS);
	expect(f, 0, GET_INFO, ARGS(PN, 3), BAD);
	expect(f, 0, REGISTER, ARGS(SN, EP), SDEI_SUCCESS);
	expect(f, 0, GET_INFO, ARGS(SN, 3), 0);
	expect(f, 0, GET_INFO, ARGS(SN, 4), BAD);
	expect(f, 0, REGISTER, ARGS(SC, EP, 0, RM_PE, fixture_mpidr[OFF]), SDEI_SUCCESS);
	expect(f, 0, GET_INFO, ARGS(SC, 3), 1);
	expect(f, 0, GET_INFO, ARGS(SC, 4), (int64_t)fixture_mpidr[OFF]);
	expect(f, 0, UNREGISTER, ARGS(SC), SDEI_SUCCESS);
	expect(f, 0, GET_INFO, ARGS(SC, 4), SDEI_DENIED);
}

static void info_of_routing_is_gone_when_unregister_is_pending(void **state)
{
	struct fixture *f = *state;

	ready_routed(f, 0, SN, RM_PE, fixture_mpidr[0]);
	trigger_shared(f, SN);
	expect_enters(f, 0, SN);
	expect(f, 0, GET_INFO, ARGS(SN, 4), (int64_t)fixture_mpidr[0]);
	expect(f, 0, UNREGISTER, ARGS(SN), SDEI_PENDING);
	expect(f, 0, GET_INFO, ARGS(SN, 3), SDEI_DENIED);
	expect(f, 0, GET_INFO, ARGS(SN, 4), SDEI_DENIED);
}

static void unknown_info_is_refused(void **state)
{
	const uint64_t bad[] = { 5, 0xffffffff, wide(5), UINT64_MAX };

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		expect(*state, 0, GET_INFO, ARGS(SN, bad[i]), BAD);
}

static void routing_set_refuses_bad_parameters_first(void **state)
{
	struct fixture *f = *state;
	const uint64_t bad_modes[] = { 2, 3, wide(0), wide(1), UINT64_C(1) << 63, UINT64_MAX };

	expect(f, 0, ROUTING_SET, ARGS(PN, RM_ANY), BAD);
	for (unsigned i = 0; i < ARRAY_SIZE(bad_modes); i++)
		expect(f, 0, ROUTING_SET, ARGS(SN, bad_modes[i]), BAD);
	for (unsigned i = 0; i < ARRAY_SIZE(bad_affinities); i++)
		expect(f, 0, ROUTING_SET, ARGS(SN, RM_PE, bad_affinities[i]), BAD);
	expect(f, 0, ROUTING_SET, ARGS(SN, RM_ANY, UINT64_MAX), SDEI_DENIED);
}

static void routing_set_shows_in_info(void **state)
{
	struct fixture *f = *state;

	expect(f, 0, REGISTER, ARGS(SN, EP), SDEI_SUCCESS);
	expect(f, 1, ROUTING_SET, ARGS(SN, RM_PE, fixture_mpidr[2]), SDEI_SUCCESS);
	expect(f, 0, GET_INFO, ARGS(SN, 3), 1);
	expect(f, 0, GET_INFO, ARGS(SN, 4), (int64_t)fixture_mpidr[2]);
	expect(f, 0, ROUTING_SET, ARGS(SN, RM_ANY, UINT64_MAX), SDEI_SUCCESS);
	expect(f, 0, GET_INFO, ARGS(SN, 3), 0);
	expect(f, 0, GET_INFO, ARGS(SN, 4), BAD);
}

static void routing_set_refused_changes_nothing(void **state)
{
	struct fixture *f = *state;

	ready_routed(f, 0, SN, RM_PE, fixture_mpidr[1]);
	expect(f, 0, ROUTING_SET, ARGS(SN, RM_PE, fixture_mpidr[2]), SDEI_DENIED);
	expect(f, 0, GET_INFO, ARGS(SN, 4), (int64_t)fixture_mpidr[1]);
}

static void context_judges_its_parameter_first(void **state)
{
	struct fixture *f = *state;
	const uint64_t bad[] = { 18, 31, 0xffffffff, wide(18), UINT64_MAX };

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		expect(f, 0, CONTEXT, ARGS(bad[i]), BAD);
	expect(f, 0, CONTEXT, ARGS(17), SDEI_DENIED);
	ready(f, 0, PN);
	trigger(f, PN, 0);
	expect_enters(f, 0, PN);
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		expect(f, 0, CONTEXT, ARGS(bad[i]), BAD);
	expect(f, 1, CONTEXT, ARGS(0), SDEI_DENIED);
}

static void complete_is_denied_outside_a_handler(void **state)
{
	struct fixture *f = *state;

	expect(f, 0, COMPLETE, ARGS(0), SDEI_DENIED);
	expect(f, 0, COMPLETE_AND_RESUME, ARGS(EP), SDEI_DENIED);
	expect(f, 0, COMPLETE_AND_RESUME, ARGS(EP + 1), SDEI_DENIED);
	ready(f, 0, SN);
	trigger_shared(f, SN);
	expect_enters(f, 0, SN);
	expect(f, 1, COMPLETE, ARGS(0), SDEI_DENIED);
	expect(f, 1, COMPLETE_AND_RESUME, ARGS(EP), SDEI_DENIED);
	expect_status(f, 1, SN, 7);
}

static void a_bad_resume_address_leaves_the_handler_running(void **state)
{
	struct fixture *f = *state;

	ready(f, 0, PN);
	trigger(f, PN, 0);
	expect_enters(f, 0, PN);
	for (uint64_t low = 1; low < 4; low++)
		expect(f, 0, COMPLETE_AND_RESUME, ARGS(EP + low), BAD);
	expect_status(f, 0, PN, 7);
	assert_true(in_handler(f, 0));
	expect_resumed(f, 0, COMPLETE_AND_RESUME, ARGS(EP));
	expect_status(f, 0, PN, 3);
	assert_false(in_handler(f, 0));
}

static void mask_tells_whether_it_did(void **state)
{
	struct fixture *f = *state;

	expect(f, 0, PE_MASK, ARGS(0), 1);
	expect(f, 0, PE_MASK, ARGS(0), 0);
	expect(f, 1, PE_MASK, ARGS(0), 1);
	expect(f, 0, PE_UNMASK, ARGS(0), 0);
	expect(f, 0, PE_UNMASK, ARGS(0), 0);
	expect(f, 1, PE_MASK, ARGS(0), 0);
	expect(f, 0, PE_MASK, ARGS(0), 1);
}

static void signal_is_for_event_0_and_pes_that_exist(void **state)
{
	struct fixture *f = *state;

	ready(f, 0, PN);
	ready(f, 0, E0);
	expect(f, 0, SIGNAL, ARGS(PN, 0), BAD);
	for (unsigned i = 0; i < ARRAY_SIZE(bad_affinities); i++)
		expect(f, 0, SIGNAL, ARGS(E0, bad_affinities[i]), BAD);
	expect_idle(f, 0);
	expect(f, 0, SIGNAL, ARGS(wide(0), 0), SDEI_SUCCESS);
	for (unsigned pe = 0; pe < NPE; pe++) {
		expect(f, 0, SIGNAL, ARGS(E0, fixture_mpidr[pe]), SDEI_SUCCESS);
		expect(f, 0, SIGNAL, ARGS(E0, fixture_mpidr[pe]), SDEI_SUCCESS);
	}
}

static void calls_that_always_work_do_in_a_masked_handler(void **state)
{
	struct fixture *f = *state;

	ready(f, 0, PC);
	trigger(f, PC, 0);
	expect_enters(f, 0, PC);
	expect(f, 0, PE_MASK, ARGS(0), 1);
	version_is_1_1_of_this_vendor(state);
	features_tell_slots_and_relative_mode(state);
	info_of_unregistered_events(state);
	expect_status(f, 0, PC, 7);
	expect(f, 0, SIGNAL, ARGS(E0, 0), SDEI_SUCCESS);
	expect(f, 0, BIND, ARGS(SPI_EDGE), FIRST_SPI);
	expect(f, 0, RELEASE, ARGS(FIRST_SPI), SDEI_SUCCESS);
	expect(f, 0, PE_UNMASK, ARGS(0), 0);
	expect(f, 0, SHARED_RESET, ARGS(0), SDEI_SUCCESS);
	expect(f, 0, PRIVATE_RESET, ARGS(0), SDEI_DENIED);
}

static void the_operators_view(void **state)
{
	struct fixture *f = *state;
	struct fw_locked locked;

	ready(f, 1, PN);
	ready(f, 1, SC); /* behind PN by number */
	expect(f, 0, BIND, ARGS(SPI_EDGE), FIRST_SPI);
	locked = fw_lock(&f->lock);
	assert_int_equal(sdei_find(locked, &f->sdei, E0)->type, SDEI_PRIVATE);
	assert_int_equal(sdei_find(locked, &f->sdei, SC)->priority, SDEI_CRITICAL);
	assert_int_equal(sdei_find(locked, &f->sdei, FIRST_SPI)->type, SDEI_SHARED);
	assert_null(sdei_find(locked, &f->sdei, FIRST_SPI + 1));
	assert_null(sdei_find(locked, &f->sdei, SDEI_NO_EVENT));
	assert_int_equal(sdei_status(locked, &f->sdei, PN, 1), 3);
	assert_int_equal(sdei_status(locked, &f->sdei, PN, 0), 0);
	assert_int_equal(sdei_status(locked, &f->sdei, PN, NPE), 0);
	assert_int_equal(sdei_status(locked, &f->sdei, SDEI_NO_EVENT, 0), 0);
	assert_int_equal(sdei_status(locked, &f->sdei, SN, SDEI_NO_PE), 0);
	fw_unlock(locked);
}

/* ---- what is no machine ---- */

static void refuses(const struct sdei_config *config, const char *why)
{
	struct sdei sdei;
	struct err err = { "" };

	assert_int_equal(sdei_init(&sdei, config, &err), -EINVAL);
	if (!strstr(err.text, why))
		fail_msg("expected \"...%s...\", found \"%s\"", why, err.text);
	sdei_destroy(&sdei);
}

static void refuses_event(uint32_t num, const char *why)
{
	struct sdei_config config = fixture_config;
	const struct sdei_event_def events[] = { { SN, SDEI_SHARED, SDEI_NORMAL },
						 { num, SDEI_SHARED, SDEI_NORMAL } };

	config.events = events;
	config.nevents = 2;
	refuses(&config, why);
}

static void init_refuses_events_that_do_not_fit(void **state)
{
	(void)state;
	refuses_event(0, "event 0x0 is not a vendor event");
	refuses_event(1, "not a vendor event");
	refuses_event(0x41000000, "not a vendor event");
	refuses_event(SDEI_NO_EVENT, "not a vendor event");
	refuses_event(SN, "defined twice");
	refuses_event(SLOT_BASE, "kept for bound interrupts");
	refuses_event(UNBOUND, "kept for bound interrupts");
}

static void init_refuses_sizes_that_do_not_fit(void **state)
{
	struct sdei_config config = fixture_config;

	(void)state;
	config.npe = 0;
	refuses(&config, "1 to 512 PEs, not 0");
	config.npe = SDEI_MAX_PES + 1;
	refuses(&config, "not 513");
	config = fixture_config;
	config.shared_slots = SDEI_MAX_EVENTS - 1 - config.nevents - config.private_slots + 1;
	refuses(&config, "more than the 63");
	config = fixture_config;
	config.private_slots = UINT32_MAX;
	refuses(&config, "more than the 63");
	config = fixture_config;
	config.nevents = UINT32_MAX;
	refuses(&config, "more than the 63");
	config = fixture_config;
	config.slot_base = SDEI_EVENT_VENDOR_LAST - 2;
	refuses(&config, "not all vendor events");
	config.slot_base = SDEI_EVENT_VENDOR_BASE - 1;
	refuses(&config, "not all vendor events");
}

static void init_takes_the_largest_machine(void **state)
{
	static uint64_t mpidr[SDEI_MAX_PES];
	struct sdei_event_def events[SDEI_MAX_EVENTS - 1];
	struct sdei_config config = fixture_config;
	struct fw_lock lock = { PTHREAD_MUTEX_INITIALIZER };
	struct fw_locked locked;
	struct sdei sdei;
	struct err err;

	(void)state;
	for (unsigned i = 0; i < SDEI_MAX_PES; i++)
		mpidr[i] = i;
	for (unsigned i = 0; i < ARRAY_SIZE(events); i++)
		events[i] = (struct sdei_event_def){ SDEI_EVENT_VENDOR_LAST - i, i % 2, 0 };
	config.npe = SDEI_MAX_PES;
	config.mpidr = mpidr;
	config.events = events;
	config.nevents = ARRAY_SIZE(events);
	config.private_slots = 0;
	config.shared_slots = 0;
	assert_int_equal(sdei_init(&sdei, &config, &err), 0);
	locked = fw_lock(&lock);
	for (unsigned i = 0; i < ARRAY_SIZE(events); i++)
		assert_int_equal(sdei_find(locked, &sdei, events[i].num)->type, events[i].type);
	fw_unlock(locked);
	sdei_destroy(&sdei);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SDEI_TEST(version_is_1_1_of_this_vendor),
		SDEI_TEST(features_tell_slots_and_relative_mode),
		SDEI_TEST(other_functions_are_not_supported),
		SDEI_TEST(the_table_has_19_calls_in_order),
		SDEI_TEST(no_call_takes_a_number_that_is_no_event),
		SDEI_TEST(the_upper_half_of_an_event_number_says_nothing),
		SDEI_TEST(register_refuses_bad_parameters_first),
		SDEI_TEST(register_takes_a_relative_entry_point_of_zero),
		SDEI_TEST(register_ignores_the_affinity_where_it_means_nothing),
		SDEI_TEST(register_refused_changes_nothing),
		SDEI_TEST(a_private_handler_is_the_callers_own),
		SDEI_TEST(a_shared_handler_is_everyones),
		SDEI_TEST(info_of_unregistered_events),
		SDEI_TEST(info_of_routing),
		SDEI_TEST(info_of_routing_is_gone_when_unregister_is_pending),
		SDEI_TEST(unknown_info_is_refused),
		SDEI_TEST(routing_set_refuses_bad_parameters_first),
		SDEI_TEST(routing_set_shows_in_info),
		SDEI_TEST(routing_set_refused_changes_nothing),
		SDEI_TEST(context_judges_its_parameter_first),
		SDEI_TEST(complete_is_denied_outside_a_handler),
		SDEI_TEST(a_bad_resume_address_leaves_the_handler_running),
		SDEI_TEST(mask_tells_whether_it_did),
		SDEI_TEST(signal_is_for_event_0_and_pes_that_exist),
		SDEI_TEST(calls_that_always_work_do_in_a_masked_handler),
		SDEI_TEST(the_operators_view),
		cmocka_unit_test(init_refuses_events_that_do_not_fit),
		cmocka_unit_test(init_refuses_sizes_that_do_not_fit),
		cmocka_unit_test(init_takes_the_largest_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
