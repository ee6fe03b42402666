/* SDEI: which event runs where and when: masking, pending, priorities, routing, hand-over. */
#include "sdei_fixture.h"

static void trigger_runs_once(void **state)
{
	struct fixture *f = *state;

	ready(f, 0, PN);
	trigger(f, PN, 0);
	expect_enters(f, 0, PN);
	expect_status(f, 0, PN, 7);
	complete(f, 0);
	expect_status(f, 0, PN, 3);
	expect_idle(f, 0);
}

static void triggers_before_the_run_are_one(void **state)
{
	struct fixture *f = *state;

	ready(f, 0, PN);
	for (unsigned i = 0; i < 5; i++)
		trigger(f, PN, 0);
	assert_int_equal(f->kicks[0], 1);
	expect_enters(f, 0, PN);
	complete(f, 0);
	expect_idle(f, 0);
}

static void triggers_while_running_run_once_more(void **state)
{
	struct fixture *f = *state;

	ready(f, 0, PN);
	trigger(f, PN, 0);
	expect_enters(f, 0, PN);
	for (unsigned i = 0; i < 5; i++)
		trigger(f, PN, 0);
	expect_idle(f, 0);
	complete(f, 0);
	expect_enters(f, 0, PN);
	complete(f, 0);
	expect_idle(f, 0);
}

static void a_disabled_event_waits_for_enable(void **state)
{
	struct fixture *f = *state;

	expect(f, 0, REGISTER, ARGS(PN, ep_of(PN)), SDEI_SUCCESS);
	trigger(f, PN, 0);
	expect_idle(f, 0);
	expect(f, 0, ENABLE, ARGS(PN), SDEI_SUCCESS);
	expect_enters(f, 0, PN);
}

static void a_masked_pe_waits_for_unmask(void **state)
{
	struct fixture *f = *state;

	ready(f, 0, PN);
	expect(f, 0, PE_MASK, ARGS(0), 1);
	trigger(f, PN, 0);
	expect_idle(f, 0);
	expect(f, 0, PE_UNMASK, ARGS(0), 0);
	expect_enters(f, 0, PN);
}

static void masked_and_disabled_waits_for_both(void **state)
{
	struct fixture *f = *state;

	expect(f, 0, REGISTER, ARGS(PN, ep_of(PN)), SDEI_SUCCESS);
	expect(f, 0, PE_MASK, ARGS(0), 1);
	trigger(f, PN, 0);
	expect(f, 0, ENABLE, ARGS(PN), SDEI_SUCCESS);
	expect_idle(f, 0);
	expect(f, 0, PE_UNMASK, ARGS(0), 0);
	expect_enters(f, 0, PN);
}

static void disable_takes_back_what_was_asked(void **state)
{
	struct fixture *f = *state;

	ready(f, 0, PN);
	trigger(f, PN, 0);
	expect(f, 0, DISABLE, ARGS(PN), SDEI_SUCCESS);
	expect_idle(f, 0);
	expect(f, 0, ENABLE, ARGS(PN), SDEI_SUCCESS);
	expect_enters(f, 0, PN);
	complete(f, 0);
	expect_idle(f, 0);
}

static void unregister_drops_what_is_pending(void **state)
{
	struct fixture *f = *state;
	const uint32_t events[] = { E0, PN };

	for (unsigned i = 0; i < ARRAY_SIZE(events); i++) {
		expect(f, 0, PE_MASK, ARGS(0), 1);
		ready(f, 0, events[i]);
		if (events[i] == E0)
			expect(f, 1, SIGNAL, ARGS(E0, 0), SDEI_SUCCESS);
		else
			trigger(f, events[i], 0);
		expect(f, 0, UNREGISTER, ARGS(events[i]), SDEI_SUCCESS);
		ready(f, 0, events[i]);
		expect(f, 0, PE_UNMASK, ARGS(0), 0);
		expect_idle(f, 0);
	}
}

static void a_platform_event_nobody_registered_is_dropped(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(try_trigger(f, PN, 0), SDEI_TRIGGER_DROPPED);
	assert_int_equal(try_trigger(f, SN, SDEI_NO_PE), SDEI_TRIGGER_DROPPED);
	assert_int_equal(try_trigger(f, E0, 0), SDEI_TRIGGER_DROPPED);
	ready(f, 0, PN);
	ready(f, 0, SN);
	expect_idle(f, 0);
	assert_int_equal(try_trigger(f, PN, 1), SDEI_TRIGGER_DROPPED);
}

static void a_trigger_while_unregister_is_pending_is_dropped(void **state)
{
	struct fixture *f = *state;

	ready(f, 0, PN);
	trigger(f, PN, 0);
	expect_enters(f, 0, PN);
	expect(f, 0, UNREGISTER, ARGS(PN), SDEI_PENDING);
	assert_int_equal(try_trigger(f, PN, 0), SDEI_TRIGGER_DROPPED);
	complete(f, 0);
	ready(f, 0, PN);
	expect_idle(f, 0);
}

static void triggers_name_events_and_pes_that_exist(void **state)
{
	struct fixture *f = *state;
	const uint32_t bad[] = { 1, 0x40000000, UNBOUND, 0x80000000, SDEI_NO_EVENT };

	ready(f, 0, PN);
	ready(f, 0, SN);
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(try_trigger(f, bad[i], 0), SDEI_TRIGGER_NO_EVENT);
	assert_int_equal(try_trigger(f, PN, NPE), SDEI_TRIGGER_BAD_PE);
	assert_int_equal(try_trigger(f, PN, SDEI_NO_PE), SDEI_TRIGGER_BAD_PE);
	assert_int_equal(try_trigger(f, SN, 0), SDEI_TRIGGER_BAD_PE);
	expect_idle(f, 0);
}

/* ---- EVENT_SIGNAL ---- */

static void signal_runs_on_its_target(void **state)
{
	struct fixture *f = *state;

	for (unsigned pe = 0; pe < OFF; pe++)
		ready(f, pe, E0);
	for (unsigned from = 0; from < OFF; from++)
		for (unsigned to = 0; to < OFF; to++) {
			expect(f, from, SIGNAL, ARGS(E0, fixture_mpidr[to]), SDEI_SUCCESS);
			for (unsigned pe = 0; pe < OFF; pe++)
				assert_int_equal(look(f, pe), pe == to ? E0 : SDEI_NO_EVENT);
			complete(f, to);
		}
}

static void signal_before_register_is_kept(void **state)
{
	struct fixture *f = *state;

	expect(f, 1, SIGNAL, ARGS(E0, 0), SDEI_SUCCESS);
	expect_idle(f, 0);
	expect(f, 0, REGISTER, ARGS(E0, ep_of(E0)), SDEI_SUCCESS);
	expect_idle(f, 0);
	expect(f, 0, ENABLE, ARGS(E0), SDEI_SUCCESS);
	expect_enters(f, 0, E0);
	complete(f, 0);
	expect_idle(f, 0);
}

static void a_refused_unregister_keeps_the_signal(void **state)
{
	struct fixture *f = *state;

	expect(f, 1, SIGNAL, ARGS(E0, 0), SDEI_SUCCESS);
	expect(f, 0, UNREGISTER, ARGS(E0), SDEI_DENIED);
	ready(f, 0, E0);
	expect_enters(f, 0, E0);
}

static void signal_to_self_in_its_handler_runs_once_more(void **state)
{
	struct fixture *f = *state;

	ready(f, 0, E0);
	expect(f, 0, SIGNAL, ARGS(E0, 0), SDEI_SUCCESS);
	expect_enters(f, 0, E0);
	expect(f, 0, SIGNAL, ARGS(E0, 0), SDEI_SUCCESS);
	expect(f, 0, SIGNAL, ARGS(E0, 0), SDEI_SUCCESS);
	expect_idle(f, 0);
	complete(f, 0);
	expect_enters(f, 0, E0);
	complete(f, 0);
	expect_idle(f, 0);
}

static void a_signal_after_unregister_in_the_handler_is_kept(void **state)
{
	struct fixture *f = *state;

	ready(f, 0, E0);
	expect(f, 0, SIGNAL, ARGS(E0, 0), SDEI_SUCCESS);
	expect_enters(f, 0, E0);
	expect(f, 0, UNREGISTER, ARGS(E0), SDEI_PENDING);
	expect(f, 0, SIGNAL, ARGS(E0, 0), SDEI_SUCCESS);
	complete(f, 0);
	expect_status(f, 0, E0, 0);
	expect_idle(f, 0);
	ready(f, 0, E0);
	expect_enters(f, 0, E0);
}

static void signal_to_self_returns_success_into_the_saved_context(void **state)
{
	struct fixture *f = *state;

	ready(f, 0, E0);
	f->ctx[0] = some_ctx(9);
	expect(f, 0, SIGNAL, ARGS(E0, 0), SDEI_SUCCESS);
	expect_enters(f, 0, E0);
	expect(f, 0, CONTEXT, ARGS(0), SDEI_SUCCESS);
	expect(f, 0, CONTEXT, ARGS(1), (int64_t)some_ctx(9).x[1]);
	complete(f, 0);
	assert_int_equal(f->ctx[0].x[0], SDEI_SUCCESS);
	assert_int_equal(f->ctx[0].pc, some_ctx(9).pc);
}

/* ---- priorities ---- */

static const struct {
	uint32_t runs, comes;
	bool interrupts;
} pairs[] = {
	{ PN, PC, true },  { PN, SC, true },  { SN, PC, true },  { SN, SC, true },
	{ PN, SN, false }, { SN, PN, false }, { PN, E0, false }, { PC, SC, false },
	{ SC, PC, false }, { PC, PN, false }, { SC, SN, false }, { PC, E0, false },
};

static bool is_shared(uint32_t event)
{
	return event == SN || event == SC;
}

static void trigger_on_0(struct fixture *f, uint32_t event)
{
	trigger(f, event, is_shared(event) ? SDEI_NO_PE : 0);
}

static void check_pair(uint32_t runs, uint32_t comes, bool interrupts)
{
	struct fixture f;

	fixture_init(&f);
	ready_routed(&f, 0, runs, RM_PE, fixture_mpidr[0]);
	ready_routed(&f, 0, comes, RM_PE, fixture_mpidr[0]);
	trigger_on_0(&f, runs);
	expect_enters(&f, 0, runs);
	trigger_on_0(&f, comes);
	assert_int_equal(f.kicked[0], interrupts);
	assert_int_equal(look(&f, 0), interrupts ? comes : SDEI_NO_EVENT);
	complete(&f, 0);
	assert_int_equal(look(&f, 0), interrupts ? SDEI_NO_EVENT : comes);
	complete(&f, 0);
	assert_false(in_handler(&f, 0));
	expect_idle(&f, 0);
	sdei_destroy(&f.sdei);
}

static void only_critical_interrupts_only_normal(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(pairs); i++)
		check_pair(pairs[i].runs, pairs[i].comes, pairs[i].interrupts);
}

static void nothing_interrupts_two_handlers(void **state)
{
	struct fixture *f = *state;
	const uint32_t events[] = { PN, PC, E0, SN, SC };

	for (unsigned i = 0; i < ARRAY_SIZE(events); i++)
		ready_routed(f, 0, events[i], RM_PE, fixture_mpidr[0]);
	trigger_on_0(f, PN);
	expect_enters(f, 0, PN);
	trigger_on_0(f, PC);
	expect_enters(f, 0, PC);
	for (unsigned i = 0; i < ARRAY_SIZE(events); i++)
		trigger_on_0(f, events[i]);
	assert_false(f->kicked[0]);
	assert_int_equal(wants(f, 0), 0);
}

static void pending_events_run_critical_first_then_by_number(void **state)
{
	struct fixture *f = *state;
	const uint32_t order[] = { PC, SC, E0, SN, PN };

	for (unsigned i = 0; i < ARRAY_SIZE(order); i++)
		ready_routed(f, 0, order[i], RM_PE, fixture_mpidr[0]);
	expect(f, 0, PE_MASK, ARGS(0), 1);
	for (unsigned i = ARRAY_SIZE(order); i-- > 0;)
		trigger_on_0(f, order[i]);
	expect_idle(f, 0);
	expect(f, 0, PE_UNMASK, ARGS(0), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(order); i++) {
		expect_enters(f, 0, order[i]);
		complete(f, 0);
	}
	expect_idle(f, 0);
}

static void a_mask_in_a_handler_holds_until_unmask(void **state)
{
	struct fixture *f = *state;

	ready(f, 0, PN);
	ready(f, 0, PC);
	trigger(f, PN, 0);
	expect_enters(f, 0, PN);
	expect(f, 0, PE_MASK, ARGS(0), 1);
	trigger(f, PC, 0);
	expect_idle(f, 0);
	complete(f, 0);
	expect_idle(f, 0);
	expect(f, 0, PE_MASK, ARGS(0), 0);
	expect(f, 0, PE_UNMASK, ARGS(0), 0);
	expect_enters(f, 0, PC);
}

static void a_handler_that_disables_and_unregisters_itself_ends(void **state)
{
	struct fixture *f = *state;

	ready(f, 0, PN);
	trigger(f, PN, 0);
	expect_enters(f, 0, PN);
	trigger(f, PN, 0);
	expect(f, 0, DISABLE, ARGS(PN), SDEI_SUCCESS);
	expect(f, 0, UNREGISTER, ARGS(PN), SDEI_PENDING);
	expect(f, 0, UNREGISTER, ARGS(PN), SDEI_PENDING);
	expect_status(f, 0, PN, 4);
	expect(f, 0, CONTEXT, ARGS(2), (int64_t)f->sdei.pe[0].frame[0].ctx.x[2]);
	complete(f, 0);
	expect_status(f, 0, PN, 0);
	expect_idle(f, 0);
}

/* ---- shared events ---- */

static void rm_pe_runs_on_its_pe_only(void **state)
{
	struct fixture *f = *state;

	ready_routed(f, 0, SN, RM_PE, fixture_mpidr[1]);
	expect(f, 1, PE_MASK, ARGS(0), 1);
	trigger_shared(f, SN);
	for (unsigned pe = 0; pe < OFF; pe++) {
		assert_int_equal(f->kicks[pe], 0);
		assert_int_equal(wants(f, pe), 0);
	}
	expect(f, 1, PE_UNMASK, ARGS(0), 0);
	assert_int_equal(wants(f, 0), 0);
	expect_enters(f, 1, SN);
	expect_status(f, 0, SN, 7);
}

static void rm_pe_waits_for_a_pe_that_is_off(void **state)
{
	struct fixture *f = *state;

	ready_routed(f, 0, SN, RM_PE, fixture_mpidr[OFF]);
	trigger_shared(f, SN);
	assert_int_equal(f->kicks[OFF], 0);
	power(f, OFF, sdei_pe_on);
	expect_idle(f, OFF);
	expect(f, OFF, PE_UNMASK, ARGS(0), 0);
	expect_enters(f, OFF, SN);
}

static void routing_set_moves_a_pending_event(void **state)
{
	struct fixture *f = *state;

	expect(f, 0, REGISTER, ARGS(SN, ep_of(SN), 0, RM_PE, fixture_mpidr[1]), SDEI_SUCCESS);
	trigger_shared(f, SN);
	expect(f, 0, ROUTING_SET, ARGS(SN, RM_PE, fixture_mpidr[2]), SDEI_SUCCESS);
	expect(f, 0, ENABLE, ARGS(SN), SDEI_SUCCESS);
	expect_idle(f, 0);
	expect_idle(f, 1);
	expect_enters(f, 2, SN);
}

static void rm_any_asks_one_pe_only_and_the_first(void **state)
{
	struct fixture *f = *state;

	ready(f, 1, SN);
	trigger_shared(f, SN);
	trigger_shared(f, SN);
	assert_int_equal(f->kicks[0], 1);
	assert_int_equal(f->kicks[1] + f->kicks[2] + f->kicks[OFF], 0);
	expect_enters(f, 0, SN);
	complete(f, 0);
	for (unsigned pe = 0; pe < NPE; pe++)
		expect_idle(f, pe);
}

static void rm_any_prefers_the_pe_that_calls(void **state)
{
	struct fixture *f = *state;

	expect(f, 0, REGISTER, ARGS(SN, ep_of(SN)), SDEI_SUCCESS);
	trigger_shared(f, SN);
	expect(f, 2, ENABLE, ARGS(SN), SDEI_SUCCESS);
	expect_idle(f, 0);
	expect_enters(f, 2, SN);
}

static void rm_any_keeps_to_the_pe_it_asked(void **state)
{
	struct fixture *f = *state;

	ready(f, 0, SN);
	trigger_shared(f, SN);
	/* Others call meanwhile, and could take it too. */
	expect(f, 1, VERSION, ARGS(0), (int64_t)(SDEI_VERSION_1_1 | SDEI_VENDOR));
	expect(f, 2, PE_UNMASK, ARGS(0), 0);
	assert_int_equal(f->kicks[0], 1);
	assert_int_equal(f->kicks[1] + f->kicks[2], 0);
}

static void rm_any_goes_to_whoever_looks_first(void **state)
{
	struct fixture *f = *state;

	ready(f, 0, SN);
	trigger_shared(f, SN);
	f->kicked[2] = true;
	expect_enters(f, 2, SN);
	expect_idle(f, 0);
	complete(f, 2);
	for (unsigned pe = 0; pe < NPE; pe++)
		expect_idle(f, pe);
}

static void rm_any_moves_on_when_the_pe_masks(void **state)
{
	struct fixture *f = *state;

	ready(f, 0, SN);
	trigger_shared(f, SN);
	expect(f, 0, PE_MASK, ARGS(0), 1);
	expect(f, 1, PE_MASK, ARGS(0), 1);
	expect_idle(f, 0);
	expect_idle(f, 1);
	expect_enters(f, 2, SN);
}

static void rm_any_moves_on_when_the_pe_goes_off(void **state)
{
	struct fixture *f = *state;

	ready(f, 0, SN);
	trigger_shared(f, SN);
	power(f, 0, sdei_pe_off);
	expect_idle(f, 0);
	expect_enters(f, 1, SN);
}

static void rm_any_moves_on_when_the_pe_resumes_masked(void **state)
{
	struct fixture *f = *state;

	ready(f, 0, SN);
	trigger_shared(f, SN);
	power(f, 0, sdei_pe_resumed);
	expect_idle(f, 0);
	expect_enters(f, 1, SN);
}

static void rm_any_moves_on_when_the_pe_gets_busy(void **state)
{
	struct fixture *f = *state;

	ready(f, 0, SN);
	ready(f, 0, PC);
	trigger_shared(f, SN);
	trigger(f, PC, 0);
	expect_enters(f, 0, PC);
	expect_enters(f, 1, SN);
	complete(f, 0);
	expect_idle(f, 0);
}

static void rm_any_without_a_pe_waits_for_the_first(void **state)
{
	struct fixture *f = *state;

	ready(f, 0, SN);
	for (unsigned pe = 0; pe < OFF; pe++)
		expect(f, pe, PE_MASK, ARGS(0), 1);
	trigger_shared(f, SN);
	for (unsigned pe = 0; pe < NPE; pe++)
		expect_idle(f, pe);
	for (unsigned pe = OFF; pe-- > 0;)
		expect(f, pe, PE_UNMASK, ARGS(0), 0);
	expect_idle(f, 0);
	expect_idle(f, 1);
	expect_enters(f, 2, SN);
	complete(f, 2);
	for (unsigned pe = 0; pe < NPE; pe++)
		expect_idle(f, pe);
}

static void rm_any_waits_for_a_handler_to_complete(void **state)
{
	struct fixture *f = *state;

	for (unsigned pe = 0; pe < OFF; pe++) {
		ready(f, pe, PN);
		trigger(f, PN, pe);
		expect_enters(f, pe, PN);
	}
	ready(f, 0, SN);
	trigger_shared(f, SN);
	for (unsigned pe = 0; pe < OFF; pe++)
		expect_idle(f, pe);
	complete(f, 1);
	expect_enters(f, 1, SN);
}

static void rm_any_goes_to_a_pe_that_has_come_on(void **state)
{
	struct fixture *f = *state;

	ready(f, 0, SN);
	for (unsigned pe = 0; pe < OFF; pe++)
		expect(f, pe, PE_MASK, ARGS(0), 1);
	trigger_shared(f, SN);
	start(f, OFF);
	expect_enters(f, OFF, SN);
}

static void a_shared_handler_runs_on_one_pe_at_a_time(void **state)
{
	struct fixture *f = *state;

	ready(f, 0, SN);
	trigger_shared(f, SN);
	expect_enters(f, 0, SN);
	trigger_shared(f, SN);
	for (unsigned pe = 0; pe < OFF; pe++) {
		f->kicked[pe] = true;
		expect_idle(f, pe);
	}
	complete(f, 0);
	expect_enters(f, 0, SN);
}

static void a_shared_retrigger_goes_elsewhere_if_the_runner_cannot(void **state)
{
	struct fixture *f = *state;

	ready(f, 0, SN);
	trigger_shared(f, SN);
	expect_enters(f, 0, SN);
	trigger_shared(f, SN);
	expect(f, 0, PE_MASK, ARGS(0), 1);
	complete(f, 0);
	expect_idle(f, 0);
	expect_enters(f, 1, SN);
}

static uint16_t runner_of(const struct fixture *f, uint32_t event)
{
	for (unsigned i = 0; i < f->sdei.nevents; i++)
		if (f->sdei.event[i].def.num == event)
			return f->sdei.handler[f->sdei.event[i].handler].runner;
	return SDEI_NO_PE - 1;
}

static void a_running_handler_names_its_pe(void **state)
{
	struct fixture *f = *state;

	ready_routed(f, 0, SN, RM_PE, fixture_mpidr[1]);
	assert_int_equal(runner_of(f, SN), SDEI_NO_PE);
	trigger_shared(f, SN);
	expect_enters(f, 1, SN);
	assert_int_equal(runner_of(f, SN), 1);
	expect(f, 0, UNREGISTER, ARGS(SN), SDEI_PENDING);
	assert_int_equal(runner_of(f, SN), 1);
	complete(f, 1);
	assert_int_equal(runner_of(f, SN), SDEI_NO_PE);
}

static void unregister_from_another_pe_waits_for_the_handler(void **state)
{
	struct fixture *f = *state;

	ready(f, 0, SN);
	trigger_shared(f, SN);
	expect_enters(f, 0, SN);
	expect(f, 1, UNREGISTER, ARGS(SN), SDEI_PENDING);
	expect(f, 1, REGISTER, ARGS(SN, ep_of(SN)), SDEI_DENIED);
	complete(f, 0);
	expect(f, 1, UNREGISTER, ARGS(SN), SDEI_DENIED);
	expect(f, 1, REGISTER, ARGS(SN, ep_of(SN)), SDEI_SUCCESS);
}

static void disable_from_another_pe_lets_the_handler_end(void **state)
{
	struct fixture *f = *state;

	ready(f, 0, SN);
	trigger_shared(f, SN);
	expect_enters(f, 0, SN);
	trigger_shared(f, SN);
	expect(f, 1, DISABLE, ARGS(SN), SDEI_SUCCESS);
	complete(f, 0);
	for (unsigned pe = 0; pe < OFF; pe++)
		expect_idle(f, pe);
	expect_status(f, 2, SN, 1);
}

/* ---- what the PE's thread is told ---- */

static void wants_says_what_evaluate_would_do(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(wants(f, 0), 0);
	ready(f, 0, PN);
	expect(f, 0, REGISTER, ARGS(PC, 0x80, 0, RELATIVE), SDEI_SUCCESS);
	expect(f, 0, ENABLE, ARGS(PC), SDEI_SUCCESS);
	trigger(f, PN, 0);
	assert_int_equal(wants(f, 0), SDEI_WANT_ENTRY);
	assert_int_equal(wants(f, 1), 0);
	trigger(f, PC, 0);
	assert_int_equal(wants(f, 0), SDEI_WANT_ENTRY | SDEI_WANT_VBAR);
	expect(f, 0, PE_MASK, ARGS(0), 1);
	assert_int_equal(wants(f, 0), 0);
}

static void nothing_pending_costs_no_registers(void **state)
{
	struct fixture *f = *state;

	ready(f, 0, PN);
	f->kicked[0] = true;
	expect_idle(f, 0);
	assert_int_equal(f->get_ctxs + f->get_sysregs, 0);
	assert_int_equal(f->kicks[0], 0);
}

/* ---- the trace ---- */

static void expect_note(struct fixture *f, unsigned i, struct sdei_note expected)
{
	const struct sdei_note *found = &f->note[i];

	if (i >= f->notes)
		fail_msg("note %u: expected kind %d, found only %u notes", i, expected.kind,
			 f->notes);
	assert_int_equal(found->kind, expected.kind);
	assert_int_equal(found->event, expected.event);
	assert_int_equal(found->pe, expected.pe);
	assert_int_equal(found->depth, expected.depth);
	assert_int_equal(found->why, expected.why);
	assert_int_equal(found->pc, expected.pc);
	assert_int_equal(found->pstate, expected.pstate);
	assert_int_equal(found->status, expected.status);
	if (expected.by)
		assert_string_equal(found->by, expected.by);
	else
		assert_null(found->by);
}

static void notes_tell_a_life(void **state)
{
	struct fixture *f = *state;

	ready(f, 0, PN);
	f->ctx[0] = some_ctx(3);
	trigger(f, PN, 0);
	expect_enters(f, 0, PN);
	expect_resumed(f, 0, COMPLETE, ARGS(1));
	assert_int_equal(f->notes, 4);
	expect_note(f, 0,
		    (struct sdei_note){ SDEI_NOTE_TRIGGERED, .event = PN, .pe = 0, .by = "test" });
	expect_note(f, 1, (struct sdei_note){ SDEI_NOTE_ROUTED, .event = PN, .pe = 0 });
	expect_note(f, 2,
		    (struct sdei_note){ SDEI_NOTE_ENTERED, .event = PN, .pe = 0, .depth = 1,
					.pc = some_ctx(3).pc, .pstate = some_ctx(3).pstate });
	expect_note(
		f, 3,
		(struct sdei_note){ SDEI_NOTE_COMPLETED, .event = PN, .depth = 1, .status = 1 });
}

static void notes_tell_nesting_and_resuming(void **state)
{
	struct fixture *f = *state;

	ready(f, 0, PN);
	ready(f, 0, PC);
	trigger(f, PN, 0);
	expect_enters(f, 0, PN);
	trigger(f, PC, 0);
	expect_enters(f, 0, PC);
	f->notes = 0;
	expect_resumed(f, 0, COMPLETE_AND_RESUME, ARGS(0x1000));
	power(f, 0, sdei_pe_off);
	assert_int_equal(f->notes, 2);
	expect_note(f, 0,
		    (struct sdei_note){ SDEI_NOTE_RESUMED, .event = PC, .depth = 2, .pc = 0x1000 });
	expect_note(f, 1, (struct sdei_note){ SDEI_NOTE_ENDED, .event = PN, .depth = 1 });
}

/* Why an event waits, as the trace says when it is triggered. */
static void expect_pended(struct fixture *f, uint32_t event, unsigned pe, enum sdei_hold why)
{
	f->notes = 0;
	trigger(f, event, is_shared(event) ? SDEI_NO_PE : pe);
	assert_int_equal(f->notes, 2);
	expect_note(
		f, 0,
		(struct sdei_note){ SDEI_NOTE_TRIGGERED, .event = event, .pe = pe, .by = "test" });
	expect_note(f, 1,
		    (struct sdei_note){ SDEI_NOTE_PENDED, .event = event, .pe = pe, .why = why });
}

static void notes_tell_why_an_event_waits(void **state)
{
	struct fixture *f = *state;

	expect(f, 0, REGISTER, ARGS(PN, ep_of(PN)), SDEI_SUCCESS);
	expect_pended(f, PN, 0, SDEI_HOLD_DISABLED);
	expect(f, 0, ENABLE, ARGS(PN), SDEI_SUCCESS);
	expect_enters(f, 0, PN);
	expect_pended(f, PN, 0, SDEI_HOLD_RUNNING);
	ready_routed(f, 0, SN, RM_PE, fixture_mpidr[0]);
	expect_pended(f, SN, 0, SDEI_HOLD_BUSY);
	ready_routed(f, 0, SC, RM_PE, fixture_mpidr[OFF]);
	expect_pended(f, SC, OFF, SDEI_HOLD_OFF);
	expect(f, 1, PE_MASK, ARGS(0), 1);
	ready(f, 1, PC);
	expect_pended(f, PC, 1, SDEI_HOLD_MASKED);
	complete(f, 0);
	expect(f, 0, UNREGISTER, ARGS(SN), SDEI_SUCCESS);
	ready(f, 0, SN);
	for (unsigned pe = 0; pe < OFF; pe++)
		expect(f, pe, PE_MASK, ARGS(0), pe != 1);
	expect_pended(f, SN, SDEI_NO_PE, SDEI_HOLD_NO_PE);
}

static void notes_tell_signals_drops_and_hand_over(void **state)
{
	struct fixture *f = *state;

	expect(f, 0, SIGNAL, ARGS(E0, fixture_mpidr[1]), SDEI_SUCCESS);
	assert_int_equal(try_trigger(f, PN, 2), SDEI_TRIGGER_DROPPED);
	assert_int_equal(f->notes, 4);
	expect_note(
		f, 0,
		(struct sdei_note){ SDEI_NOTE_TRIGGERED, .event = E0, .pe = 1, .by = "signal" });
	expect_note(f, 1,
		    (struct sdei_note){ SDEI_NOTE_PENDED, .event = E0, .pe = 1,
					.why = SDEI_HOLD_UNREGISTERED });
	expect_note(f, 2,
		    (struct sdei_note){ SDEI_NOTE_TRIGGERED, .event = PN, .pe = 2, .by = "test" });
	expect_note(f, 3,
		    (struct sdei_note){ SDEI_NOTE_DROPPED, .event = PN, .pe = 2,
					.why = SDEI_HOLD_UNREGISTERED });
	f->notes = 0;
	ready(f, 0, SN);
	trigger_shared(f, SN);
	expect(f, 0, PE_MASK, ARGS(0), 1);
	assert_int_equal(f->notes, 3);
	expect_note(f, 1, (struct sdei_note){ SDEI_NOTE_ROUTED, .event = SN, .pe = 0 });
	expect_note(f, 2, (struct sdei_note){ SDEI_NOTE_ROUTED, .event = SN, .pe = 1 });
}

static void a_machine_nobody_listens_to_works(void **state)
{
	struct fixture *f = *state;
	struct sdei_ops deaf = fixture_ops;

	deaf.note = NULL;
	f->sdei.config.ops = &deaf;
	triggers_while_running_run_once_more(state);
	rm_any_moves_on_when_the_pe_masks(state);
	assert_int_equal(f->notes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SDEI_TEST(trigger_runs_once),
		SDEI_TEST(triggers_before_the_run_are_one),
		SDEI_TEST(triggers_while_running_run_once_more),
		SDEI_TEST(a_disabled_event_waits_for_enable),
		SDEI_TEST(a_masked_pe_waits_for_unmask),
		SDEI_TEST(masked_and_disabled_waits_for_both),
		SDEI_TEST(disable_takes_back_what_was_asked),
		SDEI_TEST(unregister_drops_what_is_pending),
		SDEI_TEST(a_platform_event_nobody_registered_is_dropped),
		SDEI_TEST(a_trigger_while_unregister_is_pending_is_dropped),
		SDEI_TEST(triggers_name_events_and_pes_that_exist),
		SDEI_TEST(signal_runs_on_its_target),
		SDEI_TEST(signal_before_register_is_kept),
		SDEI_TEST(a_refused_unregister_keeps_the_signal),
		SDEI_TEST(signal_to_self_in_its_handler_runs_once_more),
		SDEI_TEST(a_signal_after_unregister_in_the_handler_is_kept),
		SDEI_TEST(signal_to_self_returns_success_into_the_saved_context),
		cmocka_unit_test(only_critical_interrupts_only_normal),
		SDEI_TEST(nothing_interrupts_two_handlers),
		SDEI_TEST(pending_events_run_critical_first_then_by_number),
		SDEI_TEST(a_mask_in_a_handler_holds_until_unmask),
		SDEI_TEST(a_handler_that_disables_and_unregisters_itself_ends),
		SDEI_TEST(rm_pe_runs_on_its_pe_only),
		SDEI_TEST(rm_pe_waits_for_a_pe_that_is_off),
		SDEI_TEST(routing_set_moves_a_pending_event),
		SDEI_TEST(rm_any_asks_one_pe_only_and_the_first),
		SDEI_TEST(rm_any_prefers_the_pe_that_calls),
		SDEI_TEST(rm_any_keeps_to_the_pe_it_asked),
		SDEI_TEST(rm_any_goes_to_whoever_looks_first),
		SDEI_TEST(rm_any_moves_on_when_the_pe_masks),
		SDEI_TEST(rm_any_moves_on_when_the_pe_goes_off),
		SDEI_TEST(rm_any_moves_on_when_the_pe_resumes_masked),
		SDEI_TEST(rm_any_moves_on_when_the_pe_gets_busy),
		SDEI_TEST(rm_any_without_a_pe_waits_for_the_first),
		SDEI_TEST(rm_any_waits_for_a_handler_to_complete),
		SDEI_TEST(rm_any_goes_to_a_pe_that_has_come_on),
		SDEI_TEST(a_shared_handler_runs_on_one_pe_at_a_time),
		SDEI_TEST(a_shared_retrigger_goes_elsewhere_if_the_runner_cannot),
		SDEI_TEST(a_running_handler_names_its_pe),
		SDEI_TEST(unregister_from_another_pe_waits_for_the_handler),
		SDEI_TEST(disable_from_another_pe_lets_the_handler_end),
		SDEI_TEST(wants_says_what_evaluate_would_do),
		SDEI_TEST(nothing_pending_costs_no_registers),
		SDEI_TEST(notes_tell_a_life),
		SDEI_TEST(notes_tell_nesting_and_resuming),
		SDEI_TEST(notes_tell_why_an_event_waits),
		SDEI_TEST(notes_tell_signals_drops_and_hand_over),
		SDEI_TEST(a_machine_nobody_listens_to_works),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
