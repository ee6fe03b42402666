/* SDEI: what a handler finds in its registers, and what COMPLETE and COMPLETE_AND_RESUME leave. */
#include "sdei_fixture.h"

#define RESUME UINT64_C(0xffff800000012280)

/* SPSR_EL1 and SCTLR_EL1, Arm DDI0487. */
#define NZCV      UINT64_C(0xf0000000)
#define TCO       (UINT64_C(1) << 25)
#define DIT       (UINT64_C(1) << 24)
#define UAO       (UINT64_C(1) << 23)
#define PAN       (UINT64_C(1) << 22)
#define SS        (UINT64_C(1) << 21)
#define IL        (UINT64_C(1) << 20)
#define ALLINT    (UINT64_C(1) << 13)
#define SSBS      (UINT64_C(1) << 12)
#define BTYPE     (UINT64_C(3) << 10)
#define DAIF      UINT64_C(0x3c0)
#define EL1H      UINT64_C(0x5)
#define EL1T      UINT64_C(0x4)
#define EL0T      UINT64_C(0x0)
#define AARCH32   UINT64_C(0x10) /* User mode */
#define EXCEPTION (DAIF | EL1H)

#define SPAN      (UINT64_C(1) << 23)
#define DSSBS     (UINT64_C(1) << 44)
#define SPINTMASK (UINT64_C(1) << 62)

#define ALL_FEATURES (SDEI_PE_PAN | SDEI_PE_SSBS | SDEI_PE_MTE2 | SDEI_PE_NMI)

static const struct {
	const char *what;
	uint64_t interrupted;
	uint32_t features;
	uint64_t sctlr;
	uint64_t expected;
} pstates[] = {
	/* clang-format off */
	{ "EL1h, open",              EL1H,               0, 0,    EXCEPTION },
	{ "EL1h, masked",            EXCEPTION,          0, 0,    EXCEPTION },
	{ "EL1t",                    EL1T,               0, 0,    EXCEPTION },
	{ "EL0",                     EL0T,               0, 0,    EXCEPTION },
	{ "flags and DIT are kept",  NZCV | DIT | EL0T,  0, 0,    NZCV | DIT | EXCEPTION },
	{ "a flag alone is kept",    UINT64_C(1) << 29,  0, 0,    UINT64_C(1) << 29 | EXCEPTION },
	{ "UAO, SS, IL, BTYPE go",   UAO | SS | IL | BTYPE | EL1H, ALL_FEATURES, SPAN | SPINTMASK, TCO | EXCEPTION },
	{ "SSBS and ALLINT go",      SSBS | ALLINT | EL1H, SDEI_PE_SSBS | SDEI_PE_NMI, SPINTMASK, EXCEPTION },
	{ "PAN set",                 EL1H,               SDEI_PE_PAN, 0,    PAN | EXCEPTION },
	{ "PAN not set with SPAN",   EL1H,               SDEI_PE_PAN, SPAN, EXCEPTION },
	{ "PAN kept with SPAN",      PAN | EL1H,         SDEI_PE_PAN, SPAN, PAN | EXCEPTION },
	{ "no PAN",                  EL1H,               ALL_FEATURES & ~SDEI_PE_PAN, SPINTMASK, TCO | EXCEPTION },
	{ "SSBS from DSSBS",         EL1H,               SDEI_PE_SSBS, DSSBS, SSBS | EXCEPTION },
	{ "no SSBS",                 EL1H,               0, DSSBS, EXCEPTION },
	{ "TCO with MTE2",           EL1H,               SDEI_PE_MTE2, 0, TCO | EXCEPTION },
	{ "TCO goes without MTE2",   TCO | EL1H,         0, 0,    EXCEPTION },
	{ "ALLINT set",              EL1H,               SDEI_PE_NMI, 0, ALLINT | EXCEPTION },
	{ "ALLINT not, SPINTMASK",   EL1H,               SDEI_PE_NMI, SPINTMASK, EXCEPTION },
	{ "no NMI",                  EL1H,               0, 0,    EXCEPTION },
	{ "all at once",             NZCV | DIT | SS | EL0T, ALL_FEATURES, DSSBS,
		NZCV | DIT | TCO | PAN | SSBS | ALLINT | EXCEPTION },
	/* AArch32 EL0: Q, IT, GE, E and T are not an AArch64 PSTATE's. */
	{ "AArch32 EL0",             NZCV | DIT | UINT64_C(0x0e0ffe20) | AARCH32, 0, 0, NZCV | DIT | EXCEPTION },
	{ "bits beyond 32",          UINT64_C(0xffffffff00000000) | EL1H, 0, 0, EXCEPTION },
	/* clang-format on */
};

static void entry_pstate_is_an_exceptions(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(pstates); i++) {
		struct sdei_sysregs sys = { .sctlr = pstates[i].sctlr,
					    .features = pstates[i].features };
		uint64_t found = sdei_entry_pstate(pstates[i].interrupted, &sys);

		if (found != pstates[i].expected)
			fail_msg("%s: expected PSTATE 0x%llx, found 0x%llx", pstates[i].what,
				 (unsigned long long)pstates[i].expected,
				 (unsigned long long)found);
	}
}

static void expect_ctx(const struct sdei_ctx *found, const struct sdei_ctx *expected)
{
	for (unsigned i = 0; i < ARRAY_SIZE(found->x); i++)
		if (found->x[i] != expected->x[i])
			fail_msg("x%u: expected 0x%llx, found 0x%llx", i,
				 (unsigned long long)expected->x[i],
				 (unsigned long long)found->x[i]);
	assert_int_equal(found->pc, expected->pc);
	assert_int_equal(found->pstate, expected->pstate);
}

/* Make the handler of `event` run on PE 0, interrupting `ctx`. */
static void interrupt(struct fixture *f, uint32_t event, struct sdei_ctx ctx)
{
	f->ctx[0] = ctx;
	trigger(f, event, 0);
	expect_enters(f, 0, event);
}

static struct sdei_ctx user_ctx(void)
{
	struct sdei_ctx ctx = some_ctx(7);

	ctx.pc = 0x400123;
	ctx.pstate = NZCV | SS | BTYPE | EL0T;
	return ctx;
}

static void a_handler_finds_what_the_specification_says(void **state)
{
	struct fixture *f = *state;
	struct sdei_ctx expected = user_ctx();

	f->sys = (struct sdei_sysregs){ .sctlr = DSSBS, .features = ALL_FEATURES };
	ready(f, 0, PN);
	interrupt(f, PN, user_ctx());
	expected.x[0] = PN;
	expected.x[1] = arg_of(PN);
	expected.x[2] = user_ctx().pc;
	expected.x[3] = user_ctx().pstate;
	expected.pc = ep_of(PN);
	expected.pstate = NZCV | TCO | PAN | SSBS | ALLINT | EXCEPTION;
	expect_ctx(&f->ctx[0], &expected);
	assert_int_equal(f->elr[0] | f->spsr[0], 0);
}

static void registers_are_read_once(void **state)
{
	struct fixture *f = *state;

	ready(f, 0, PN);
	trigger(f, PN, 0);
	expect_enters(f, 0, PN);
	assert_int_equal(f->get_ctxs, 1);
	assert_int_equal(f->get_sysregs, 1);
	complete(f, 0);
	assert_int_equal(f->get_ctxs, 1);
	assert_int_equal(f->get_sysregs, 1);
}

static void context_gives_the_interrupted_registers(void **state)
{
	struct fixture *f = *state;
	struct sdei_ctx interrupted = user_ctx();

	ready(f, 0, PN);
	interrupt(f, PN, interrupted);
	f->ctx[0] = some_ctx(99);
	for (unsigned i = 0; i < ARRAY_SIZE(interrupted.x); i++)
		expect(f, 0, CONTEXT, ARGS(i), (int64_t)interrupted.x[i]);
}

static void complete_restores_everything(void **state)
{
	struct fixture *f = *state;
	struct sdei_ctx interrupted = user_ctx();

	ready(f, 0, PN);
	interrupt(f, PN, interrupted);
	f->ctx[0] = some_ctx(99);
	complete(f, 0);
	expect_ctx(&f->ctx[0], &interrupted);
	assert_int_equal(f->elr[0] | f->spsr[0], 0);
}

static void a_frame_that_ended_keeps_nothing(void **state)
{
	static const struct sdei_frame empty;
	struct fixture *f = *state;

	ready(f, 0, PN);
	interrupt(f, PN, user_ctx());
	complete(f, 0);
	assert_memory_equal(&f->sdei.pe[0].frame[0], &empty, sizeof(empty));
}

static void complete_with_any_status_completes(void **state)
{
	struct fixture *f = *state;
	const uint64_t statuses[] = { 0, 1, 2, UINT64_MAX };

	ready(f, 0, PN);
	for (unsigned i = 0; i < ARRAY_SIZE(statuses); i++) {
		interrupt(f, PN, user_ctx());
		expect_resumed(f, 0, COMPLETE, ARGS(statuses[i]));
		expect_status(f, 0, PN, 3);
	}
}

static struct sdei_ctx resumed_ctx(struct sdei_ctx interrupted, uint64_t pstate)
{
	interrupted.pc = RESUME;
	interrupted.pstate = pstate;
	return interrupted;
}

static void resume_looks_like_an_exception(void **state)
{
	struct fixture *f = *state;
	struct sdei_ctx expected = resumed_ctx(user_ctx(), NZCV | PAN | EXCEPTION);

	f->sys = (struct sdei_sysregs){ .features = SDEI_PE_PAN };
	ready(f, 0, PN);
	interrupt(f, PN, user_ctx());
	f->ctx[0] = some_ctx(99);
	expect_resumed(f, 0, COMPLETE_AND_RESUME, ARGS(RESUME));
	expect_ctx(&f->ctx[0], &expected);
	assert_int_equal(f->elr[0], user_ctx().pc);
	assert_int_equal(f->spsr[0], user_ctx().pstate);
	expect_status(f, 0, PN, 3);
}

static void an_event_after_resume_interrupts_the_resume_address(void **state)
{
	struct fixture *f = *state;

	ready(f, 0, PN);
	interrupt(f, PN, user_ctx());
	trigger(f, PN, 0);
	expect_resumed(f, 0, COMPLETE_AND_RESUME, ARGS(RESUME));
	expect_enters(f, 0, PN);
	assert_int_equal(f->ctx[0].x[2], RESUME);
	assert_int_equal(f->ctx[0].x[3], NZCV | EXCEPTION);
	assert_int_equal(f->elr[0], user_ctx().pc);
	complete(f, 0);
	assert_int_equal(f->ctx[0].pc, RESUME);
}

static void events_back_to_back_see_the_same_interrupted_context(void **state)
{
	struct fixture *f = *state;
	struct sdei_ctx interrupted = user_ctx();

	ready(f, 0, PN);
	ready(f, 0, E0);
	interrupt(f, PN, interrupted);
	expect(f, 0, SIGNAL, ARGS(E0, 0), SDEI_SUCCESS);
	f->ctx[0] = some_ctx(99);
	complete(f, 0);
	expect_enters(f, 0, E0);
	assert_int_equal(f->ctx[0].x[2], interrupted.pc);
	assert_int_equal(f->ctx[0].x[3], interrupted.pstate);
	for (unsigned i = 0; i < ARRAY_SIZE(interrupted.x); i++)
		expect(f, 0, CONTEXT, ARGS(i), (int64_t)interrupted.x[i]);
	complete(f, 0);
	expect_ctx(&f->ctx[0], &interrupted);
}

/* A normal handler with a critical one over it; `normal` is what the latter interrupted. */
static void nest(struct fixture *f, struct sdei_ctx outer, struct sdei_ctx normal)
{
	ready(f, 0, PN);
	ready(f, 0, PC);
	interrupt(f, PN, outer);
	interrupt(f, PC, normal);
}

static void nested_handlers_have_contexts_of_their_own(void **state)
{
	struct fixture *f = *state;
	struct sdei_ctx outer = user_ctx(), normal = some_ctx(50);

	nest(f, outer, normal);
	assert_int_equal(f->ctx[0].x[2], normal.pc);
	expect(f, 0, CONTEXT, ARGS(17), (int64_t)normal.x[17]);
	complete(f, 0);
	expect_ctx(&f->ctx[0], &normal);
	expect(f, 0, CONTEXT, ARGS(17), (int64_t)outer.x[17]);
	complete(f, 0);
	expect_ctx(&f->ctx[0], &outer);
	expect(f, 0, CONTEXT, ARGS(17), SDEI_DENIED);
}

static void a_critical_event_interrupts_the_first_instruction_of_a_normal_handler(void **state)
{
	struct fixture *f = *state;

	ready(f, 0, PN);
	ready(f, 0, PC);
	trigger(f, PN, 0);
	expect_enters(f, 0, PN);
	trigger(f, PC, 0);
	expect_enters(f, 0, PC);
	assert_int_equal(f->ctx[0].x[2], ep_of(PN));
	complete(f, 0);
	assert_int_equal(f->ctx[0].pc, ep_of(PN));
	assert_int_equal(f->ctx[0].x[0], PN);
	assert_int_equal(f->ctx[0].x[1], arg_of(PN));
}

static void resume_out_of_nested_handlers(void **state)
{
	struct fixture *f = *state;
	struct sdei_ctx outer = user_ctx(), normal = some_ctx(50);
	struct sdei_ctx expected = resumed_ctx(normal, EXCEPTION);

	nest(f, outer, normal);
	expect_resumed(f, 0, COMPLETE_AND_RESUME, ARGS(RESUME));
	expect_ctx(&f->ctx[0], &expected);
	assert_int_equal(f->elr[0], normal.pc);
	assert_int_equal(f->spsr[0], normal.pstate);
	/* The dispatcher takes the normal handler for running still. */
	expect_status(f, 0, PN, 7);
	expect(f, 0, CONTEXT, ARGS(17), (int64_t)outer.x[17]);
	expect_resumed(f, 0, COMPLETE_AND_RESUME, ARGS(RESUME + 4));
	assert_int_equal(f->ctx[0].pc, RESUME + 4);
	assert_int_equal(f->elr[0], outer.pc);
	assert_int_equal(f->spsr[0], outer.pstate);
	assert_false(in_handler(f, 0));
}

static void a_handler_left_without_complete_blocks_its_class(void **state)
{
	struct fixture *f = *state;

	ready(f, 0, PN);
	ready(f, 0, E0);
	ready(f, 0, PC);
	interrupt(f, PN, user_ctx());
	f->ctx[0] = some_ctx(60); /* as after an ERET */
	expect(f, 0, SIGNAL, ARGS(E0, 0), SDEI_SUCCESS);
	expect_idle(f, 0);
	trigger(f, PC, 0);
	expect_enters(f, 0, PC);
	complete(f, 0);
	complete(f, 0);
	expect_enters(f, 0, E0);
}

/* ---- relative mode ---- */

#define VBAR UINT64_C(0xffff800010000800)

static void ready_relative(struct fixture *f, uint64_t ep)
{
	expect(f, 0, REGISTER, ARGS(PN, ep, 5, RELATIVE), SDEI_SUCCESS);
	expect(f, 0, ENABLE, ARGS(PN), SDEI_SUCCESS);
}

static void relative_entry_counts_from_vbar_at_the_time(void **state)
{
	struct fixture *f = *state;

	ready_relative(f, 0x84);
	f->sys = (struct sdei_sysregs){ .vbar = VBAR, .have_vbar = true };
	interrupt(f, PN, user_ctx());
	assert_int_equal(f->ctx[0].pc, VBAR + 0x84);
	complete(f, 0);
	f->sys.vbar += 0x1000;
	interrupt(f, PN, user_ctx());
	assert_int_equal(f->ctx[0].pc, VBAR + 0x1084);
}

static void relative_entry_may_wrap(void **state)
{
	struct fixture *f = *state;

	ready_relative(f, (uint64_t)-4);
	f->sys = (struct sdei_sysregs){ .vbar = VBAR, .have_vbar = true };
	interrupt(f, PN, user_ctx());
	assert_int_equal(f->ctx[0].pc, VBAR - 4);
}

static void without_vbar_nothing_happens_but_a_kick(void **state)
{
	struct fixture *f = *state;
	struct sdei_ctx interrupted = user_ctx();

	ready_relative(f, 0x80);
	f->ctx[0] = interrupted;
	f->sys.have_vbar = false;
	trigger(f, PN, 0);
	expect_idle(f, 0);
	assert_true(f->kicked[0]);
	assert_int_equal(f->get_ctxs, 0);
	expect_ctx(&f->ctx[0], &interrupted);
	expect_status(f, 0, PN, 3);
	assert_int_equal(wants(f, 0), SDEI_WANT_ENTRY | SDEI_WANT_VBAR);
	f->sys = (struct sdei_sysregs){ .vbar = VBAR, .have_vbar = true };
	expect_enters(f, 0, PN);
	complete(f, 0);
	expect_idle(f, 0);
}

static void an_absolute_handler_needs_no_vbar(void **state)
{
	struct fixture *f = *state;

	f->sys = (struct sdei_sysregs){ .vbar = VBAR, .have_vbar = false };
	ready(f, 0, PN);
	interrupt(f, PN, user_ctx());
	assert_int_equal(f->ctx[0].pc, ep_of(PN));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entry_pstate_is_an_exceptions),
		SDEI_TEST(a_handler_finds_what_the_specification_says),
		SDEI_TEST(registers_are_read_once),
		SDEI_TEST(context_gives_the_interrupted_registers),
		SDEI_TEST(complete_restores_everything),
		SDEI_TEST(a_frame_that_ended_keeps_nothing),
		SDEI_TEST(complete_with_any_status_completes),
		SDEI_TEST(resume_looks_like_an_exception),
		SDEI_TEST(an_event_after_resume_interrupts_the_resume_address),
		SDEI_TEST(events_back_to_back_see_the_same_interrupted_context),
		SDEI_TEST(nested_handlers_have_contexts_of_their_own),
		SDEI_TEST(a_critical_event_interrupts_the_first_instruction_of_a_normal_handler),
		SDEI_TEST(resume_out_of_nested_handlers),
		SDEI_TEST(a_handler_left_without_complete_blocks_its_class),
		SDEI_TEST(relative_entry_counts_from_vbar_at_the_time),
		SDEI_TEST(relative_entry_may_wrap),
		SDEI_TEST(without_vbar_nothing_happens_but_a_kick),
		SDEI_TEST(an_absolute_handler_needs_no_vbar),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
