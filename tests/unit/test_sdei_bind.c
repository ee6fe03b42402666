/* SDEI: INTERRUPT_BIND and INTERRUPT_RELEASE, and interrupts as events. */
#include "sdei_fixture.h"

#define BAD SDEI_INVALID_PARAMETERS

static void bind_gives_the_slots_of_each_kind_in_order(void **state)
{
	struct fixture *f = *state;

	expect(f, 0, BIND, ARGS(SPI_EDGE), FIRST_SPI);
	expect(f, 1, BIND, ARGS(PPI_EDGE), FIRST_PPI);
	expect(f, 2, BIND, ARGS(SPI_LEVEL), FIRST_SPI + 1);
	expect(f, 0, BIND, ARGS(PPI_LEVEL), FIRST_PPI + 1);
}

static void a_bound_event_is_normal_and_has_its_interrupts_type(void **state)
{
	struct fixture *f = *state;
	const struct {
		uint32_t intid;
		int64_t event;
		int type;
	} table[] = { { SPI_LEVEL, FIRST_SPI, 1 }, { PPI_LEVEL, FIRST_PPI, 0 } };

	for (unsigned i = 0; i < ARRAY_SIZE(table); i++) {
		uint64_t event = (uint64_t)table[i].event;

		expect(f, 0, BIND, ARGS(table[i].intid), table[i].event);
		expect(f, 1, GET_INFO, ARGS(event, 0), table[i].type);
		expect(f, 1, GET_INFO, ARGS(event, 1), 1);
		expect(f, 1, GET_INFO, ARGS(event, 2), SDEI_NORMAL);
		expect_status(f, 1, event, 0);
	}
}

static void bind_again_gives_the_same_event(void **state)
{
	struct fixture *f = *state;

	for (unsigned pe = 0; pe < OFF; pe++)
		expect(f, pe, BIND, ARGS(SPI_EDGE), FIRST_SPI);
	expect(f, 0, BIND, ARGS(PPI_EDGE), FIRST_PPI);
	expect(f, 1, BIND, ARGS(PPI_EDGE), FIRST_PPI);
	expect(f, 0, BIND, ARGS(SPI_LEVEL), FIRST_SPI + 1);
}

static void bind_refuses_what_is_not_the_clients(void **state)
{
	struct fixture *f = *state;
	const uint64_t bad[] = { 0,    1,    15,   16,   19,   39,  48,
				 1019, 1020, 1023, 4096, 8192, ~0u, UINT64_MAX };

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		expect(f, 0, BIND, ARGS(bad[i]), BAD);
	expect(f, 0, BIND, ARGS(SPI_ACTIVE), SDEI_DENIED);
	expect(f, 0, BIND, ARGS(SPI_EDGE), FIRST_SPI);
}

/* Even if the world would give it. */
static int64_t give_anything(void *world, uint32_t intid, unsigned pe, struct sdei_irq *irq)
{
	(void)world;
	(void)intid;
	(void)pe;
	*irq = (struct sdei_irq){ .shared = true };
	return SDEI_SUCCESS;
}

static void bind_refuses_sgis_and_special_numbers_itself(void **state)
{
	struct fixture *f = *state;
	struct sdei_ops ops = fixture_ops;
	const uint64_t bad[] = { 0, 15, 1020, 1023, UINT64_C(1) << 32 };

	ops.irq_bind = give_anything;
	f->sdei.config.ops = &ops;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		expect(f, 0, BIND, ARGS(bad[i]), BAD);
	expect(f, 0, BIND, ARGS(16), FIRST_SPI);
	expect(f, 0, BIND, ARGS(1019), FIRST_SPI + 1);
	f->sdei.config.ops = &fixture_ops;
}

static void without_interrupts_to_bind_bind_refuses(void **state)
{
	struct fixture *f = *state;
	struct sdei_ops ops = fixture_ops;

	ops.irq_bind = NULL;
	f->sdei.config.ops = &ops;
	expect(f, 0, BIND, ARGS(SPI_EDGE), BAD);
}

static void slots_run_out_and_come_back(void **state)
{
	struct fixture *f = *state;

	expect(f, 0, BIND, ARGS(41), FIRST_SPI);
	expect(f, 0, BIND, ARGS(43), FIRST_SPI + 1);
	expect(f, 0, BIND, ARGS(45), SDEI_OUT_OF_RESOURCE);
	assert_false(f->bound[45]);
	expect(f, 0, BIND, ARGS(21), FIRST_PPI);
	expect(f, 0, BIND, ARGS(23), FIRST_PPI + 1);
	expect(f, 0, BIND, ARGS(22), SDEI_OUT_OF_RESOURCE);
	assert_false(f->bound[22]);
	/* A bound one needs no slot. */
	expect(f, 0, BIND, ARGS(43), FIRST_SPI + 1);
	expect(f, 0, RELEASE, ARGS(FIRST_SPI), SDEI_SUCCESS);
	expect(f, 0, BIND, ARGS(45), FIRST_SPI);
}

static void release_forgets_the_number(void **state)
{
	struct fixture *f = *state;

	expect(f, 0, BIND, ARGS(SPI_EDGE), FIRST_SPI);
	assert_true(f->bound[SPI_EDGE]);
	expect(f, 1, RELEASE, ARGS(FIRST_SPI), SDEI_SUCCESS);
	assert_false(f->bound[SPI_EDGE]);
	expect(f, 0, STATUS, ARGS(FIRST_SPI), BAD);
	expect(f, 0, REGISTER, ARGS(FIRST_SPI, 4), BAD);
	expect(f, 0, RELEASE, ARGS(FIRST_SPI), BAD);
	assert_int_equal(try_trigger(f, FIRST_SPI, SDEI_NO_PE), SDEI_TRIGGER_NO_EVENT);
}

static void release_refuses_events_that_are_not_bound(void **state)
{
	struct fixture *f = *state;
	const uint32_t bad[] = { E0, PN, SN, UNBOUND };

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		expect(f, 0, RELEASE, ARGS(bad[i]), BAD);
	expect(f, 0, BIND, ARGS(SPI_EDGE), FIRST_SPI);
}

static void release_waits_for_every_pe(void **state)
{
	struct fixture *f = *state;

	expect(f, 0, BIND, ARGS(PPI_EDGE), FIRST_PPI);
	expect(f, 2, REGISTER, ARGS(FIRST_PPI, 4), SDEI_SUCCESS);
	expect(f, 0, RELEASE, ARGS(FIRST_PPI), SDEI_DENIED);
	assert_true(f->bound[PPI_EDGE]);
	expect(f, 2, UNREGISTER, ARGS(FIRST_PPI), SDEI_SUCCESS);
	expect(f, 0, RELEASE, ARGS(FIRST_PPI), SDEI_SUCCESS);
}

static void release_waits_for_the_handler(void **state)
{
	struct fixture *f = *state;

	expect(f, 0, BIND, ARGS(SPI_EDGE), FIRST_SPI);
	ready(f, 0, FIRST_SPI);
	trigger_shared(f, FIRST_SPI);
	expect_enters(f, 0, FIRST_SPI);
	expect(f, 0, UNREGISTER, ARGS(FIRST_SPI), SDEI_PENDING);
	expect(f, 1, RELEASE, ARGS(FIRST_SPI), SDEI_DENIED);
	complete(f, 0);
	expect(f, 1, RELEASE, ARGS(FIRST_SPI), SDEI_SUCCESS);
}

static void the_private_handlers_of_a_pe_that_is_off_do_not_hold_a_binding(void **state)
{
	struct fixture *f = *state;

	expect(f, 0, BIND, ARGS(PPI_EDGE), FIRST_PPI);
	ready(f, 1, FIRST_PPI);
	expect(f, 0, RELEASE, ARGS(FIRST_PPI), SDEI_DENIED);
	power(f, 1, sdei_pe_off);
	expect(f, 0, RELEASE, ARGS(FIRST_PPI), SDEI_SUCCESS);
}

static void bound_event_finds_the_binding(void **state)
{
	struct fixture *f = *state;
	struct fw_locked locked;

	expect(f, 0, BIND, ARGS(SPI_EDGE), FIRST_SPI);
	locked = fw_lock(&f->lock);
	assert_int_equal(sdei_bound_event(locked, &f->sdei, SPI_EDGE), FIRST_SPI);
	assert_int_equal(sdei_bound_event(locked, &f->sdei, SPI_LEVEL), SDEI_NO_EVENT);
	assert_int_equal(sdei_bound_event(locked, &f->sdei, 0), SDEI_NO_EVENT);
	fw_unlock(locked);
}

/* ---- edge-triggered ---- */

static void an_edge_runs_once(void **state)
{
	struct fixture *f = *state;

	expect(f, 0, BIND, ARGS(SPI_EDGE), FIRST_SPI);
	ready(f, 0, FIRST_SPI);
	set_line(f, SPI_EDGE, 0, true);
	expect_idle(f, 0);
	trigger_shared(f, FIRST_SPI);
	expect_enters(f, 0, FIRST_SPI);
	complete(f, 0);
	expect_idle(f, 0);
}

static void a_private_edge_runs_on_its_pe(void **state)
{
	struct fixture *f = *state;

	expect(f, 0, BIND, ARGS(PPI_EDGE), FIRST_PPI);
	ready(f, 0, FIRST_PPI);
	ready(f, 1, FIRST_PPI);
	trigger(f, FIRST_PPI, 1);
	expect_idle(f, 0);
	expect_enters(f, 1, FIRST_PPI);
	expect_status(f, 0, FIRST_PPI, 3);
}

/* ---- level-triggered ---- */

static void ready_level(struct fixture *f)
{
	expect(f, 0, BIND, ARGS(SPI_LEVEL), FIRST_SPI);
	ready(f, 0, FIRST_SPI);
	f->notes = 0;
}

static void a_level_runs_until_it_falls(void **state)
{
	struct fixture *f = *state;

	ready_level(f);
	set_line(f, SPI_LEVEL, 0, true);
	for (unsigned i = 0; i < 3; i++) {
		expect_enters(f, 0, FIRST_SPI);
		complete(f, 0);
	}
	expect_enters(f, 0, FIRST_SPI);
	set_line(f, SPI_LEVEL, 0, false);
	complete(f, 0);
	expect_idle(f, 0);
}

static void a_level_that_falls_before_the_pe_looks_does_not_run(void **state)
{
	struct fixture *f = *state;

	ready_level(f);
	set_line(f, SPI_LEVEL, 0, true);
	set_line(f, SPI_LEVEL, 0, false);
	expect_idle(f, 0);
	set_line(f, SPI_LEVEL, 0, true);
	expect_enters(f, 0, FIRST_SPI);
}

/* The shell asks sdei_wants() first and does not evaluate if there is nothing. */
static void a_level_that_rises_again_after_a_look_is_not_lost(void **state)
{
	struct fixture *f = *state;

	ready_level(f);
	set_line(f, SPI_LEVEL, 0, true);
	set_line(f, SPI_LEVEL, 0, false);
	f->kicked[0] = false;
	assert_int_equal(wants(f, 0), 0);
	set_line(f, SPI_LEVEL, 0, true);
	expect_enters(f, 0, FIRST_SPI);
}

static void a_level_waits_for_enable_and_unmask(void **state)
{
	struct fixture *f = *state;

	f->line[SPI_LEVEL][0] = true;
	expect(f, 0, BIND, ARGS(SPI_LEVEL), FIRST_SPI);
	expect(f, 0, REGISTER, ARGS(FIRST_SPI, 4, 0, RM_PE, fixture_mpidr[0]), SDEI_SUCCESS);
	expect(f, 0, PE_MASK, ARGS(0), 1);
	expect_idle(f, 0);
	expect(f, 0, ENABLE, ARGS(FIRST_SPI), SDEI_SUCCESS);
	expect_idle(f, 0);
	expect(f, 0, PE_UNMASK, ARGS(0), 0);
	expect_enters(f, 0, FIRST_SPI);
}

static void spurious_rises_are_harmless(void **state)
{
	struct fixture *f = *state;
	const uint32_t intids[] = { 0, SPI_EDGE, SPI_LEVEL, PPI_LEVEL, 1023, UINT32_MAX };

	ready_level(f);
	for (unsigned i = 0; i < ARRAY_SIZE(intids); i++) {
		struct fw_locked locked = fw_lock(&f->lock);

		sdei_line_raised(locked, &f->sdei, intids[i]);
		fw_unlock(locked);
	}
	expect_idle(f, 0);
	assert_int_equal(f->notes, 0);
}

static void a_line_that_rises_after_its_pe_masked_goes_elsewhere(void **state)
{
	struct fixture *f = *state;

	ready_level(f);
	set_line(f, SPI_LEVEL, 0, true);
	set_line(f, SPI_LEVEL, 0, false);
	expect(f, 0, PE_MASK, ARGS(0), 1);
	expect_idle(f, 0);
	set_line(f, SPI_LEVEL, 0, true);
	/* At once, not when the masked PE has looked in vain. */
	assert_false(f->kicked[0]);
	expect_enters(f, 1, FIRST_SPI);
}

static void a_rise_of_an_edge_is_no_trigger(void **state)
{
	struct fixture *f = *state;

	expect(f, 0, BIND, ARGS(SPI_EDGE), FIRST_SPI);
	expect(f, 0, REGISTER, ARGS(FIRST_SPI, 4), SDEI_SUCCESS);
	trigger_shared(f, FIRST_SPI);
	f->notes = 0;
	set_line(f, SPI_EDGE, 0, true);
	assert_int_equal(f->notes, 0);
}

static void each_ppi_line_is_its_pes(void **state)
{
	struct fixture *f = *state;

	expect(f, 0, BIND, ARGS(PPI_LEVEL), FIRST_PPI);
	ready(f, 0, FIRST_PPI);
	ready(f, 1, FIRST_PPI);
	set_line(f, PPI_LEVEL, 1, true);
	assert_int_equal(f->kicks[0], 0);
	expect_enters(f, 1, FIRST_PPI);
	set_line(f, PPI_LEVEL, 0, true);
	expect_enters(f, 0, FIRST_PPI);
	set_line(f, PPI_LEVEL, 0, false);
	complete(f, 0);
	expect_idle(f, 0);
	complete(f, 1);
	expect_enters(f, 1, FIRST_PPI);
}

static void a_level_is_handed_over_like_any_event(void **state)
{
	struct fixture *f = *state;

	ready_level(f);
	set_line(f, SPI_LEVEL, 0, true);
	expect(f, 0, PE_MASK, ARGS(0), 1);
	expect_idle(f, 0);
	expect_enters(f, 1, FIRST_SPI);
	complete(f, 1);
	expect_enters(f, 1, FIRST_SPI);
}

static void a_level_is_pended_by_its_line_only(void **state)
{
	struct fixture *f = *state;

	ready_level(f);
	assert_int_equal(try_trigger(f, FIRST_SPI, SDEI_NO_PE), SDEI_TRIGGER_NO_EVENT);
	expect_idle(f, 0);
}

static void the_trace_says_it_was_the_line(void **state)
{
	struct fixture *f = *state;

	ready_level(f);
	set_line(f, SPI_LEVEL, 0, true);
	set_line(f, SPI_LEVEL, 0, true);
	assert_int_equal(f->notes, 2);
	assert_int_equal(f->note[0].kind, SDEI_NOTE_TRIGGERED);
	assert_int_equal(f->note[0].event, FIRST_SPI);
	assert_string_equal(f->note[0].by, "line");
	assert_int_equal(f->note[1].kind, SDEI_NOTE_ROUTED);
	assert_int_equal(f->note[1].pe, 0);
	/* That the line stays high while its handler runs is nothing new. */
	expect_enters(f, 0, FIRST_SPI);
	assert_int_equal(f->notes, 3);
	assert_int_equal(f->note[2].kind, SDEI_NOTE_ENTERED);
}

static void a_slot_keeps_nothing_of_its_last_interrupt(void **state)
{
	struct fixture *f = *state;

	ready_level(f);
	set_line(f, SPI_LEVEL, 0, true);
	expect_enters(f, 0, FIRST_SPI);
	complete(f, 0);
	expect(f, 0, UNREGISTER, ARGS(FIRST_SPI), SDEI_SUCCESS);
	expect(f, 0, RELEASE, ARGS(FIRST_SPI), SDEI_SUCCESS);
	f->kicked[0] = false;
	expect(f, 0, BIND, ARGS(SPI_EDGE), FIRST_SPI);
	ready(f, 0, FIRST_SPI);
	expect_idle(f, 0);
	trigger_shared(f, FIRST_SPI);
	expect_enters(f, 0, FIRST_SPI);
	complete(f, 0);
	expect_idle(f, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SDEI_TEST(bind_gives_the_slots_of_each_kind_in_order),
		SDEI_TEST(a_bound_event_is_normal_and_has_its_interrupts_type),
		SDEI_TEST(bind_again_gives_the_same_event),
		SDEI_TEST(bind_refuses_what_is_not_the_clients),
		SDEI_TEST(bind_refuses_sgis_and_special_numbers_itself),
		SDEI_TEST(without_interrupts_to_bind_bind_refuses),
		SDEI_TEST(slots_run_out_and_come_back),
		SDEI_TEST(release_forgets_the_number),
		SDEI_TEST(release_refuses_events_that_are_not_bound),
		SDEI_TEST(release_waits_for_every_pe),
		SDEI_TEST(release_waits_for_the_handler),
		SDEI_TEST(the_private_handlers_of_a_pe_that_is_off_do_not_hold_a_binding),
		SDEI_TEST(bound_event_finds_the_binding),
		SDEI_TEST(an_edge_runs_once),
		SDEI_TEST(a_private_edge_runs_on_its_pe),
		SDEI_TEST(a_level_runs_until_it_falls),
		SDEI_TEST(a_level_that_falls_before_the_pe_looks_does_not_run),
		SDEI_TEST(a_level_that_rises_again_after_a_look_is_not_lost),
		SDEI_TEST(a_level_waits_for_enable_and_unmask),
		SDEI_TEST(spurious_rises_are_harmless),
		SDEI_TEST(a_line_that_rises_after_its_pe_masked_goes_elsewhere),
		SDEI_TEST(a_rise_of_an_edge_is_no_trigger),
		SDEI_TEST(each_ppi_line_is_its_pes),
		SDEI_TEST(a_level_is_handed_over_like_any_event),
		SDEI_TEST(a_level_is_pended_by_its_line_only),
		SDEI_TEST(the_trace_says_it_was_the_line),
		SDEI_TEST(a_slot_keeps_nothing_of_its_last_interrupt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
