/* SDEI: PRIVATE_RESET, SHARED_RESET, power states of a PE, reset of the machine. */
#include "sdei_fixture.h"

static void run_private(struct fixture *f, uint32_t event, unsigned pe)
{
	ready(f, pe, event);
	trigger(f, event, pe);
	expect_enters(f, pe, event);
}

static void run_shared(struct fixture *f, uint32_t event, unsigned pe)
{
	ready_routed(f, 0, event, RM_PE, fixture_mpidr[pe]);
	trigger_shared(f, event);
	expect_enters(f, pe, event);
}

/* ---- PRIVATE_RESET ---- */

static void private_reset_unregisters_the_callers_private_events(void **state)
{
	struct fixture *f = *state;

	ready(f, 0, E0);
	ready(f, 0, PN);
	expect(f, 0, REGISTER, ARGS(PC, ep_of(PC)), SDEI_SUCCESS);
	ready(f, 1, PN);
	ready(f, 0, SN);
	expect(f, 0, BIND, ARGS(PPI_EDGE), FIRST_PPI);
	ready(f, 0, FIRST_PPI);
	expect(f, 0, PRIVATE_RESET, ARGS(0), SDEI_SUCCESS);
	expect_status(f, 0, E0, 0);
	expect_status(f, 0, PN, 0);
	expect_status(f, 0, PC, 0);
	expect_status(f, 0, FIRST_PPI, 0);
	expect_status(f, 1, PN, 3);
	expect_status(f, 0, SN, 3);
	assert_true(f->bound[PPI_EDGE]);
	expect(f, 0, PE_MASK, ARGS(0), 1);
}

static void private_reset_drops_what_is_pending_event_0_too(void **state)
{
	struct fixture *f = *state;

	expect(f, 0, PE_MASK, ARGS(0), 1);
	ready(f, 0, PN);
	trigger(f, PN, 0);
	expect(f, 1, SIGNAL, ARGS(E0, 0), SDEI_SUCCESS);
	expect(f, 1, SIGNAL, ARGS(E0, fixture_mpidr[1]), SDEI_SUCCESS);
	expect(f, 0, PRIVATE_RESET, ARGS(0), SDEI_SUCCESS);
	ready(f, 0, PN);
	ready(f, 0, E0);
	expect(f, 0, PE_UNMASK, ARGS(0), 0);
	expect_idle(f, 0);
	/* Another PE's is kept. */
	ready(f, 1, E0);
	expect_enters(f, 1, E0);
}

static void private_reset_in_a_private_handler_is_denied_but_done(void **state)
{
	struct fixture *f = *state;

	ready(f, 0, PC);
	run_private(f, PN, 0);
	for (unsigned i = 0; i < 2; i++) {
		expect(f, 0, PRIVATE_RESET, ARGS(0), SDEI_DENIED);
		expect_status(f, 0, PN, 4);
		expect_status(f, 0, PC, 0);
	}
	complete(f, 0);
	expect_status(f, 0, PN, 0);
	expect(f, 0, PRIVATE_RESET, ARGS(0), SDEI_SUCCESS);
}

static void private_reset_in_a_shared_handler_succeeds(void **state)
{
	struct fixture *f = *state;

	ready(f, 0, PN);
	run_shared(f, SN, 0);
	expect(f, 0, PRIVATE_RESET, ARGS(0), SDEI_SUCCESS);
	expect_status(f, 0, PN, 0);
	expect_status(f, 0, SN, 7);
	complete(f, 0);
}

/* ---- SHARED_RESET ---- */

static void shared_reset_unregisters_and_unbinds(void **state)
{
	struct fixture *f = *state;

	ready(f, 0, SN);
	expect(f, 1, REGISTER, ARGS(SC, ep_of(SC)), SDEI_SUCCESS);
	ready(f, 0, PN);
	expect(f, 0, BIND, ARGS(SPI_EDGE), FIRST_SPI);
	expect(f, 0, BIND, ARGS(PPI_EDGE), FIRST_PPI);
	ready(f, 0, FIRST_SPI);
	expect(f, 2, PE_MASK, ARGS(0), 1);
	expect(f, 2, SHARED_RESET, ARGS(0), SDEI_SUCCESS);
	expect_status(f, 0, SN, 0);
	expect_status(f, 0, SC, 0);
	expect_status(f, 0, PN, 3);
	expect(f, 0, STATUS, ARGS(FIRST_SPI), SDEI_INVALID_PARAMETERS);
	expect(f, 0, STATUS, ARGS(FIRST_PPI), SDEI_INVALID_PARAMETERS);
	assert_false(f->bound[SPI_EDGE] || f->bound[PPI_EDGE]);
	expect(f, 2, PE_MASK, ARGS(0), 0);
	expect(f, 0, PE_MASK, ARGS(0), 1);
}

static void shared_reset_drops_what_is_pending(void **state)
{
	struct fixture *f = *state;

	ready_routed(f, 0, SN, RM_PE, fixture_mpidr[OFF]);
	trigger_shared(f, SN);
	expect(f, 0, SHARED_RESET, ARGS(0), SDEI_SUCCESS);
	ready(f, 0, SN);
	for (unsigned pe = 0; pe < OFF; pe++)
		expect_idle(f, pe);
}

static void shared_reset_while_a_shared_handler_runs_keeps_bindings(void **state)
{
	struct fixture *f = *state;

	expect(f, 0, BIND, ARGS(SPI_EDGE), FIRST_SPI);
	expect(f, 0, BIND, ARGS(PPI_EDGE), FIRST_PPI);
	ready(f, 0, SC);
	ready(f, 0, FIRST_SPI);
	run_shared(f, SN, 1);
	for (unsigned i = 0; i < 2; i++) {
		expect(f, 0, SHARED_RESET, ARGS(0), SDEI_DENIED);
		expect_status(f, 0, SN, 4);
		expect_status(f, 0, SC, 0);
		expect_status(f, 0, FIRST_SPI, 0);
		expect_status(f, 0, FIRST_PPI, 0);
	}
	complete(f, 1);
	expect_status(f, 0, SN, 0);
	expect(f, 0, SHARED_RESET, ARGS(0), SDEI_SUCCESS);
	expect(f, 0, STATUS, ARGS(FIRST_SPI), SDEI_INVALID_PARAMETERS);
}

static void shared_reset_after_unregister_in_the_handler_is_denied(void **state)
{
	struct fixture *f = *state;

	run_shared(f, SN, 0);
	expect(f, 0, UNREGISTER, ARGS(SN), SDEI_PENDING);
	expect(f, 0, SHARED_RESET, ARGS(0), SDEI_DENIED);
	complete(f, 0);
	expect(f, 0, SHARED_RESET, ARGS(0), SDEI_SUCCESS);
}

static void shared_reset_keeps_only_bindings_of_registered_private_events(void **state)
{
	struct fixture *f = *state;

	expect(f, 0, BIND, ARGS(21), FIRST_PPI);
	expect(f, 0, BIND, ARGS(23), FIRST_PPI + 1);
	expect(f, 0, BIND, ARGS(41), FIRST_SPI);
	ready(f, 2, FIRST_PPI);
	expect(f, 0, SHARED_RESET, ARGS(0), SDEI_DENIED);
	expect_status(f, 2, FIRST_PPI, 3);
	expect(f, 0, STATUS, ARGS(FIRST_PPI + 1), SDEI_INVALID_PARAMETERS);
	expect(f, 0, STATUS, ARGS(FIRST_SPI), SDEI_INVALID_PARAMETERS);
	expect(f, 2, PRIVATE_RESET, ARGS(0), SDEI_SUCCESS);
	expect(f, 0, SHARED_RESET, ARGS(0), SDEI_SUCCESS);
	expect(f, 0, STATUS, ARGS(FIRST_PPI), SDEI_INVALID_PARAMETERS);
}

static void the_sequence_of_a_client_that_starts(void **state)
{
	struct fixture *f = *state;

	for (unsigned round = 0; round < 2; round++) {
		for (unsigned pe = 0; pe < OFF; pe++)
			expect(f, pe, PRIVATE_RESET, ARGS(0), SDEI_SUCCESS);
		expect(f, 0, SHARED_RESET, ARGS(0), SDEI_SUCCESS);
		for (unsigned pe = 0; pe < OFF; pe++)
			ready(f, pe, E0);
		expect(f, 0, BIND, ARGS(SPI_LEVEL), FIRST_SPI);
		ready(f, 0, FIRST_SPI);
	}
}

/* ---- power ---- */

static void a_machine_starts_off_and_masked(void **state)
{
	struct sdei_config config = fixture_config;
	struct fw_lock lock = { PTHREAD_MUTEX_INITIALIZER };
	struct fw_locked locked = fw_lock(&lock);
	struct sdei sdei;
	struct err err;

	(void)state;
	assert_int_equal(sdei_init(&sdei, &config, &err), 0);
	for (unsigned pe = 0; pe < NPE; pe++) {
		assert_false(sdei.pe[pe].on);
		assert_true(sdei.pe[pe].masked);
		assert_int_equal(sdei_status(locked, &sdei, PN, pe), 0);
	}
	fw_unlock(locked);
	sdei_destroy(&sdei);
}

static void a_pe_comes_on_masked(void **state)
{
	struct fixture *f = *state;

	power(f, OFF, sdei_pe_on);
	expect(f, OFF, PE_MASK, ARGS(0), 0);
	expect(f, OFF, PE_UNMASK, ARGS(0), 0);
	power(f, OFF, sdei_pe_off);
	power(f, OFF, sdei_pe_on);
	expect(f, OFF, PE_MASK, ARGS(0), 0);
}

static void off_forgets_private_handlers_and_what_is_pending(void **state)
{
	struct fixture *f = *state;

	expect(f, 1, PE_MASK, ARGS(0), 1);
	ready(f, 1, PN);
	ready(f, 1, E0);
	ready(f, 1, SN);
	ready(f, 0, PN);
	trigger(f, PN, 1);
	expect(f, 0, SIGNAL, ARGS(E0, fixture_mpidr[1]), SDEI_SUCCESS);
	power(f, 1, sdei_pe_off);
	power(f, 1, sdei_pe_on);
	expect_status(f, 1, PN, 0);
	expect_status(f, 1, E0, 0);
	expect_status(f, 0, PN, 3);
	expect_status(f, 1, SN, 3);
	ready(f, 1, PN);
	ready(f, 1, E0);
	expect(f, 1, PE_UNMASK, ARGS(0), 0);
	expect_idle(f, 1);
}

static void a_pe_that_went_off_is_off_and_masked(void **state)
{
	struct fixture *f = *state;

	ready_routed(f, 0, SN, RM_PE, fixture_mpidr[1]);
	power(f, 1, sdei_pe_off);
	assert_true(f->sdei.pe[1].masked);
	f->notes = 0;
	trigger_shared(f, SN);
	assert_int_equal(f->note[1].kind, SDEI_NOTE_PENDED);
	assert_int_equal(f->note[1].why, SDEI_HOLD_OFF);
	assert_int_equal(f->kicks[1], 0);
}

static void a_signal_to_a_pe_that_is_off_waits_for_it(void **state)
{
	struct fixture *f = *state;

	expect(f, 0, SIGNAL, ARGS(E0, fixture_mpidr[OFF]), SDEI_SUCCESS);
	assert_int_equal(f->kicks[OFF], 0);
	power(f, OFF, sdei_pe_on);
	ready(f, OFF, E0);
	expect_idle(f, OFF);
	expect(f, OFF, PE_UNMASK, ARGS(0), 0);
	expect_enters(f, OFF, E0);
}

static void a_private_trigger_for_a_pe_that_is_off_is_dropped(void **state)
{
	struct fixture *f = *state;

	ready(f, 1, PN);
	power(f, 1, sdei_pe_off);
	assert_int_equal(try_trigger(f, PN, 1), SDEI_TRIGGER_DROPPED);
}

static void off_in_handlers_ends_them(void **state)
{
	struct fixture *f = *state;

	run_shared(f, SN, 1);
	trigger_shared(f, SN);
	run_private(f, PC, 1);
	power(f, 1, sdei_pe_off);
	assert_false(in_handler(f, 1));
	expect_status(f, 0, SN, 3);
	/* The shared event waits for its PE, which is another run of it. */
	power(f, 1, sdei_pe_on);
	expect_status(f, 1, PC, 0);
	expect(f, 1, COMPLETE, ARGS(0), SDEI_DENIED);
	expect(f, 1, PE_UNMASK, ARGS(0), 0);
	expect_enters(f, 1, SN);
}

static void off_in_a_shared_handler_lets_another_pe_run_it(void **state)
{
	struct fixture *f = *state;

	ready(f, 0, SN);
	trigger_shared(f, SN);
	expect_enters(f, 0, SN);
	trigger_shared(f, SN);
	power(f, 0, sdei_pe_off);
	expect_enters(f, 1, SN);
}

static void off_finishes_a_pending_unregister(void **state)
{
	struct fixture *f = *state;

	run_shared(f, SN, 1);
	expect(f, 0, UNREGISTER, ARGS(SN), SDEI_PENDING);
	power(f, 1, sdei_pe_off);
	expect_status(f, 0, SN, 0);
	expect(f, 0, REGISTER, ARGS(SN, ep_of(SN)), SDEI_SUCCESS);
}

static void a_pe_resumes_masked_with_its_handlers(void **state)
{
	struct fixture *f = *state;

	ready(f, 0, PN);
	trigger(f, PN, 0);
	power(f, 0, sdei_pe_resumed);
	expect_idle(f, 0);
	expect_status(f, 0, PN, 3);
	expect(f, 0, PE_MASK, ARGS(0), 0);
	expect(f, 0, PE_UNMASK, ARGS(0), 0);
	expect_enters(f, 0, PN);
}

static void an_event_wants_out_of_standby(void **state)
{
	struct fixture *f = *state;

	ready(f, 0, PN);
	expect(f, 0, PE_MASK, ARGS(0), 1);
	trigger(f, PN, 0);
	assert_int_equal(wants(f, 0), 0);
	expect(f, 0, PE_UNMASK, ARGS(0), 0);
	assert_int_equal(wants(f, 0), SDEI_WANT_ENTRY);
}

/* ---- reset of the machine ---- */

static void machine_reset_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	struct fw_locked locked;

	run_private(f, PN, 0);
	run_private(f, PC, 0);
	run_shared(f, SN, 1);
	expect(f, 0, BIND, ARGS(SPI_EDGE), FIRST_SPI);
	expect(f, 0, BIND, ARGS(PPI_EDGE), FIRST_PPI);
	ready(f, 0, FIRST_SPI);
	ready(f, 1, FIRST_PPI);
	expect(f, 0, SIGNAL, ARGS(E0, fixture_mpidr[2]), SDEI_SUCCESS);
	locked = fw_lock(&f->lock);
	sdei_reset(locked, &f->sdei);
	fw_unlock(locked);
	assert_false(f->bound[SPI_EDGE] || f->bound[PPI_EDGE]);
	for (unsigned pe = 0; pe < NPE; pe++) {
		power(f, pe, sdei_pe_on);
		expect(f, pe, PE_MASK, ARGS(0), 0);
		assert_false(in_handler(f, pe));
		expect_status(f, pe, PN, 0);
		expect_status(f, pe, PC, 0);
		expect_status(f, pe, SN, 0);
		expect(f, pe, STATUS, ARGS(FIRST_SPI), SDEI_INVALID_PARAMETERS);
		expect(f, pe, STATUS, ARGS(FIRST_PPI), SDEI_INVALID_PARAMETERS);
	}
	ready(f, 2, E0);
	f->kicked[2] = false;
	expect(f, 2, PE_UNMASK, ARGS(0), 0);
	expect_idle(f, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SDEI_TEST(private_reset_unregisters_the_callers_private_events),
		SDEI_TEST(private_reset_drops_what_is_pending_event_0_too),
		SDEI_TEST(private_reset_in_a_private_handler_is_denied_but_done),
		SDEI_TEST(private_reset_in_a_shared_handler_succeeds),
		SDEI_TEST(shared_reset_unregisters_and_unbinds),
		SDEI_TEST(shared_reset_drops_what_is_pending),
		SDEI_TEST(shared_reset_while_a_shared_handler_runs_keeps_bindings),
		SDEI_TEST(shared_reset_after_unregister_in_the_handler_is_denied),
		SDEI_TEST(shared_reset_keeps_only_bindings_of_registered_private_events),
		SDEI_TEST(the_sequence_of_a_client_that_starts),
		cmocka_unit_test(a_machine_starts_off_and_masked),
		SDEI_TEST(a_pe_comes_on_masked),
		SDEI_TEST(off_forgets_private_handlers_and_what_is_pending),
		SDEI_TEST(a_pe_that_went_off_is_off_and_masked),
		SDEI_TEST(a_signal_to_a_pe_that_is_off_waits_for_it),
		SDEI_TEST(a_private_trigger_for_a_pe_that_is_off_is_dropped),
		SDEI_TEST(off_in_handlers_ends_them),
		SDEI_TEST(off_in_a_shared_handler_lets_another_pe_run_it),
		SDEI_TEST(off_finishes_a_pending_unregister),
		SDEI_TEST(a_pe_resumes_masked_with_its_handlers),
		SDEI_TEST(an_event_wants_out_of_standby),
		SDEI_TEST(machine_reset_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
