/* Group Q: PRIVATE_RESET and SHARED_RESET (Arm DEN0054C 5.1.19, 5.1.20). */
#include "guest/sdei/suite.h"

#define QUIET_US 5000

static const enum slot private_slots[] = { E0, PN, PC };
static const enum slot shared_slots[] = { SN, SC };

static void expect_status(struct run *t, enum slot slot, int64_t expected, const char *when)
{
	expect_eq(t, sdei_status(suite.event[slot]), expected, "%s: EVENT_STATUS(%s)", when,
		  slot_name(slot));
}

static void register_all(struct run *t, const enum slot *slots, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		register_enable(t, slots[i], 0);
}

static void q01(struct run *t)
{
	uint64_t pn = suite.event[PN];
	bool two = machine.ncpus > 1;

	if (two && (!start_or_fail(t, 1) || !make_ready(t, 1, PN)))
		return;
	register_all(t, private_slots, ARRAY_LEN(private_slots));
	sdei_disable(suite.event[PC]);
	register_enable(t, SN, 0);
	sdei_pe_unmask();
	expect_eq(t, sdei_private_reset(), SDEI_SUCCESS, "PRIVATE_RESET");
	for (unsigned i = 0; i < ARRAY_LEN(private_slots); i++)
		expect_status(t, private_slots[i], 0, "after PRIVATE_RESET");
	expect_status(t, SN, SDEI_REGISTERED | SDEI_ENABLED, "after PRIVATE_RESET");
	expect_eq(t, sdei_pe_mask(), 1, "PE_MASK after PRIVATE_RESET of an unmasked PE");
	expect_eq(t, sdei_private_reset(), SDEI_SUCCESS, "PRIVATE_RESET, again");
	if (two)
		expect_eq(t, call_on(t, 1, SDEI_FID_STATUS, pn, 0, 0),
			  SDEI_REGISTERED | SDEI_ENABLED, "cpu1: EVENT_STATUS(PN)");
}

/* What was pending when its handler was reset does not run the next one. */
static void q01_pending(struct run *t)
{
	register_enable(t, E0, 0);
	expect_eq(t, fire(E0, this_cpu()), SDEI_SUCCESS, "EVENT_SIGNAL while masked");
	if (suite.trigger) {
		register_enable(t, PN, 0);
		fire(PN, this_cpu());
	}
	expect_eq(t, sdei_private_reset(), SDEI_SUCCESS, "PRIVATE_RESET");
	register_enable(t, E0, 0);
	register_enable(t, PN, 0);
	sdei_pe_unmask();
	timer_spin_us(QUIET_US);
	expect_eq(t, (int64_t)runs_on(0, E0), 0, "runs of event 0 that was pending before");
	expect_eq(t, (int64_t)runs_on(0, PN), 0, "runs of PN that was pending before");
	fire(E0, this_cpu());
	expect_eq(t, (int64_t)runs_on(0, E0), 1, "runs of event 0 after a new signal");
}

/* Handlers that make calls and keep the results in word[]. */

static void handler_private_reset(struct sdei_entry *entry)
{
	struct sdei_cpu *s = this_sdei();

	s->word[0] = (uint64_t)sdei_private_reset();
	s->word[1] = (uint64_t)sdei_status(suite.event[entry->slot]);
	s->word[2] = (uint64_t)sdei_status(suite.event[PC]);
	s->word[3] = (uint64_t)sdei_private_reset();
	s->word[4] = (uint64_t)sdei_status(suite.event[entry->slot]);
	s->word[5] = (uint64_t)sdei_context(0);
}

static void expect_words(struct run *t, const char *const *what, const int64_t *expected,
			 unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		expect_eq(t, (int64_t)this_sdei()->word[i], expected[i], "%s", what[i]);
}

static void q02(struct run *t)
{
	static const char *const what[] = { "PRIVATE_RESET in a private handler",
					    "EVENT_STATUS of that event", "EVENT_STATUS of another",
					    "PRIVATE_RESET, again",
					    "EVENT_STATUS of that event, again" };
	static const int64_t expected[] = { SDEI_DENIED, SDEI_RUNNING, 0, SDEI_DENIED,
					    SDEI_RUNNING };

	register_all(t, private_slots, ARRAY_LEN(private_slots));
	set_handler(E0, handler_private_reset);
	sdei_pe_unmask();
	expect_eq(t, fire(E0, this_cpu()), SDEI_SUCCESS, "EVENT_SIGNAL");
	if (!expect(t, wait_ends(0, E0, 1, STALL_US), "expected the handler to run"))
		return;
	expect_words(t, what, expected, ARRAY_LEN(what));
	expect(t, (int64_t)this_sdei()->word[5] != SDEI_DENIED,
	       "EVENT_CONTEXT after the resets: expected the register, found DENIED");
	expect_status(t, E0, 0, "after the handler");
	expect_eq(t, sdei_private_reset(), SDEI_SUCCESS, "PRIVATE_RESET after the handler");
	set_handler(E0, NULL);
	register_enable(t, E0, 0);
	fire(E0, this_cpu());
	expect_eq(t, (int64_t)runs_on(0, E0), 2, "runs after it was registered anew");
}

/* A shared handler is none of PRIVATE_RESET's business. */
static void q02_shared(struct run *t)
{
	if (need_trigger(t))
		return;
	register_all(t, private_slots, ARRAY_LEN(private_slots));
	register_enable(t, SN, 0);
	set_handler(SN, handler_private_reset);
	sdei_pe_unmask();
	fire(SN, NULL);
	if (!expect(t, wait_ends(0, SN, 1, STALL_US), "expected the handler to run"))
		return;
	expect_eq(t, (int64_t)this_sdei()->word[0], SDEI_SUCCESS,
		  "PRIVATE_RESET in a shared handler");
	expect_eq(t, (int64_t)this_sdei()->word[1], SDEI_REGISTERED | SDEI_ENABLED | SDEI_RUNNING,
		  "EVENT_STATUS(SN) afterwards");
	expect_eq(t, (int64_t)this_sdei()->word[2], 0, "EVENT_STATUS(PC) afterwards");
	expect_status(t, SN, SDEI_REGISTERED | SDEI_ENABLED, "after the handler");
}

static bool bind_test_lines(struct run *t)
{
	int64_t spi = sdei_bind(suite.test_spi), ppi = sdei_bind(suite.test_ppi);

	suite.event[B0] = (uint64_t)spi;
	suite.event[B1] = (uint64_t)ppi;
	return expect(t, spi > 0, "INTERRUPT_BIND(SPI): expected an event, found %ld", spi) &&
	       expect(t, ppi > 0, "INTERRUPT_BIND(PPI): expected an event, found %ld", ppi);
}

static void expect_released(struct run *t, enum slot slot)
{
	expect_status(t, slot, SDEI_INVALID_PARAMETERS, "after SHARED_RESET");
	suite.event[slot] = NO_EVENT;
}

static void q04(struct run *t)
{
	bool bound = suite.test_timer.base;

	if (bound && !bind_test_lines(t))
		return;
	register_all(t, shared_slots, ARRAY_LEN(shared_slots));
	if (bound)
		register_enable(t, B0, 0);
	register_enable(t, PN, 0);
	sdei_pe_unmask();
	expect_eq(t, sdei_shared_reset(), SDEI_SUCCESS, "SHARED_RESET");
	for (unsigned i = 0; i < ARRAY_LEN(shared_slots); i++)
		expect_status(t, shared_slots[i], 0, "after SHARED_RESET");
	expect_status(t, PN, SDEI_REGISTERED | SDEI_ENABLED, "after SHARED_RESET");
	expect_eq(t, sdei_pe_mask(), 1, "PE_MASK after SHARED_RESET with the PE unmasked");
	if (bound) {
		expect_released(t, B0);
		expect_released(t, B1);
	}
	expect_eq(t, sdei_shared_reset(), SDEI_SUCCESS, "SHARED_RESET, again");
}

static void q04_pending(struct run *t)
{
	if (need_trigger(t))
		return;
	register_enable(t, SN, 0);
	expect_eq(t, fire(SN, NULL), 0, "trigger while masked");
	expect_eq(t, sdei_shared_reset(), SDEI_SUCCESS, "SHARED_RESET");
	register_enable(t, SN, 0);
	sdei_pe_unmask();
	timer_spin_us(QUIET_US);
	expect_eq(t, (int64_t)runs_in_all(SN), 0, "runs of SN that was pending before");
	fire(SN, NULL);
	expect_eq(t, (int64_t)runs_in_all(SN), 1, "runs of SN after a new trigger");
}

/* A bound private event that is registered keeps its binding, and the call says so. */
static void q04_bound(struct run *t)
{
	if (!suite.test_timer.base) {
		skip(t, "no test timer");
		return;
	}
	if (!bind_test_lines(t))
		return;
	register_enable(t, B1, 0);
	register_enable(t, SN, 0);
	expect_eq(t, sdei_shared_reset(), SDEI_DENIED,
		  "SHARED_RESET with a bound private event registered");
	expect_status(t, SN, 0, "after SHARED_RESET");
	expect_status(t, B1, SDEI_REGISTERED | SDEI_ENABLED, "after SHARED_RESET");
	if (t->strict)
		expect_released(t, B0);
	expect_eq(t, sdei_private_reset(), SDEI_SUCCESS, "PRIVATE_RESET");
	expect_eq(t, sdei_shared_reset(), SDEI_SUCCESS, "SHARED_RESET after PRIVATE_RESET");
	expect_released(t, B1);
}

static void handler_shared_reset(struct sdei_entry *entry)
{
	struct sdei_cpu *s = this_sdei();
	uint64_t event = suite.event[entry->slot];

	s->word[0] = (uint64_t)sdei_shared_reset();
	s->word[1] = (uint64_t)sdei_status(event);
	s->word[2] = (uint64_t)sdei_status(suite.event[SC]);
	s->word[3] = (uint64_t)sdei_unregister(event);
	s->word[4] = (uint64_t)sdei_shared_reset();
	s->word[5] = (uint64_t)sdei_status(event);
}

static void q05(struct run *t)
{
	static const char *const what[] = { "SHARED_RESET in a shared handler",
					    "EVENT_STATUS of that event",
					    "EVENT_STATUS of another",
					    "EVENT_UNREGISTER of that event",
					    "SHARED_RESET, again",
					    "EVENT_STATUS of that event, again" };
	static const int64_t expected[] = { SDEI_DENIED,  SDEI_RUNNING, 0,
					    SDEI_PENDING, SDEI_DENIED,  SDEI_RUNNING };

	if (need_trigger(t))
		return;
	register_all(t, shared_slots, ARRAY_LEN(shared_slots));
	if (suite.test_timer.base && !bind_test_lines(t))
		return;
	set_handler(SN, handler_shared_reset);
	sdei_pe_unmask();
	fire(SN, NULL);
	if (!expect(t, wait_ends(0, SN, 1, STALL_US), "expected the handler to run"))
		return;
	expect_words(t, what, expected, ARRAY_LEN(what));
	expect_status(t, SN, 0, "after the handler");
	if (suite.test_timer.base)
		expect_status(t, B0, 0, "the binding stays");
	expect_eq(t, sdei_shared_reset(), SDEI_SUCCESS, "SHARED_RESET after the handler");
	if (suite.test_timer.base) {
		expect_released(t, B0);
		expect_released(t, B1);
	}
}

/* From a private handler nothing stands against it, nor with one that runs on another CPU. */
static void q05_private(struct run *t)
{
	register_all(t, shared_slots, ARRAY_LEN(shared_slots));
	register_enable(t, E0, 0);
	set_handler(E0, handler_shared_reset);
	sdei_pe_unmask();
	fire(E0, this_cpu());
	if (!expect(t, wait_ends(0, E0, 1, STALL_US), "expected the handler to run"))
		return;
	expect_eq(t, (int64_t)this_sdei()->word[0], SDEI_SUCCESS,
		  "SHARED_RESET in a private handler");
	expect_eq(t, (int64_t)this_sdei()->word[1], SDEI_REGISTERED | SDEI_ENABLED | SDEI_RUNNING,
		  "EVENT_STATUS(event 0) afterwards");
	expect_status(t, SN, 0, "after SHARED_RESET");
	expect_status(t, SC, 0, "after SHARED_RESET");
}

static void q05_elsewhere(struct run *t)
{
	if (need_trigger(t) || !start_or_fail(t, 1))
		return;
	register_enable(t, SN, 0);
	set_handler(SN, handler_held);
	call_on(t, 1, SDEI_FID_PE_UNMASK, 0, 0, 0);
	fire(SN, NULL);
	if (!expect(t, wait_runs(1, SN, 1, STALL_US), "cpu1: expected the handler to run"))
		return;
	expect_eq(t, sdei_shared_reset(), SDEI_DENIED, "SHARED_RESET while SN runs on cpu1");
	expect_status(t, SN, SDEI_RUNNING, "after SHARED_RESET");
	release_held();
	expect(t, wait_status(SN, 0, STALL_US),
	       "EVENT_STATUS(SN) after its handler: expected 0, found %ld",
	       sdei_status(suite.event[SN]));
	expect_eq(t, sdei_shared_reset(), SDEI_SUCCESS, "SHARED_RESET after its handler");
}

/* What Linux does when its driver starts: reset every PE, then what is shared, then unmask. */
static void client_start(struct run *t, const char *when)
{
	for (unsigned i = 0; i < machine.ncpus; i++)
		expect_eq(t, call_on(t, i, SDEI_FID_PRIVATE_RESET, 0, 0, 0), SDEI_SUCCESS,
			  "%s: cpu%u: PRIVATE_RESET", when, i);
	expect_eq(t, sdei_shared_reset(), SDEI_SUCCESS, "%s: SHARED_RESET", when);
	for (unsigned i = 0; i < machine.ncpus; i++)
		expect_eq(t, call_on(t, i, SDEI_FID_PE_UNMASK, 0, 0, 0), SDEI_SUCCESS,
			  "%s: cpu%u: PE_UNMASK", when, i);
}

static void use_everything(struct run *t)
{
	for (unsigned i = 0; i < machine.ncpus; i++)
		for (unsigned k = 0; k < ARRAY_LEN(private_slots); k++)
			make_ready(t, i, private_slots[k]);
	register_all(t, shared_slots, ARRAY_LEN(shared_slots));
	if (suite.test_timer.base)
		bind_test_lines(t);
	for (unsigned round = 0; round < 1 + 40 / machine.ncpus; round++)
		for (unsigned i = 0; i < machine.ncpus; i++)
			for (enum slot slot = E0; slot < (suite.trigger ? NSTATIC : PN); slot++)
				fire(slot, &machine.cpu[i]);
	/* A handler that still ran would be a reason to deny the resets: none runs on a CPU that
	 * answers, and none starts on one that is masked. */
	for (unsigned i = 0; i < machine.ncpus; i++)
		expect_eq(t, call_on(t, i, SDEI_FID_PE_MASK, 0, 0, 0), 1, "cpu%u: PE_MASK", i);
}

static void q07(struct run *t)
{
	if (!start_all(t))
		return;
	client_start(t, "at first");
	for (unsigned round = 0; round < 3; round++) {
		use_everything(t);
		client_start(t, "after heavy use");
		forget_bound();
	}
	for (unsigned i = 0; i < machine.ncpus; i++)
		for (enum slot slot = E0; slot < NSTATIC; slot++)
			expect_eq(t, call_on(t, i, SDEI_FID_STATUS, suite.event[slot], 0, 0), 0,
				  "cpu%u: EVENT_STATUS(%s)", i, slot_name(slot));
}

static const struct test tests[] = {
	{ "Q01", "PRIVATE_RESET: this CPU's private handlers, and nothing else", q01, 0, 0, false },
	{ "Q01-pending", "PRIVATE_RESET discards what was pending", q01_pending, 0, 0, false },
	{ "Q02", "PRIVATE_RESET in a private handler", q02, 0, 0, false },
	{ "Q02-shared", "PRIVATE_RESET in a shared handler", q02_shared, 0, 0, false },
	{ "Q04", "SHARED_RESET: shared handlers and bindings, and nothing else", q04, 0, 0, false },
	{ "Q04-pending", "SHARED_RESET discards what was pending", q04_pending, 0, 0, false },
	{ "Q04-bound", "SHARED_RESET with a bound private event registered", q04_bound, 0, 0,
	  false },
	{ "Q05", "SHARED_RESET in a shared handler", q05, 0, 0, false },
	{ "Q05-private", "SHARED_RESET in a private handler", q05_private, 0, 0, false },
	{ "Q05-elsewhere", "SHARED_RESET while a shared handler runs on another CPU", q05_elsewhere,
	  0, 2, false },
	{ "Q07", "a client's start: PRIVATE_RESET everywhere, SHARED_RESET, PE_UNMASK", q07, 60, 0,
	  false },
};
const struct test_group group_reset = { tests, ARRAY_LEN(tests) };
