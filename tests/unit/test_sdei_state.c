/* SDEI: the life of a handler, every cell of DEN0054C's table of states, through the guest's calls. */
#include "sdei_fixture.h"

/* States as three digits: registered, enabled, running. */
static unsigned bits(unsigned digits)
{
	return (digits / 100 ? 1 : 0) | (digits / 10 % 10 ? 2 : 0) | (digits % 10 ? 4 : 0);
}

/* What each operation answers in each state, and the state afterwards. RELEASE leaves the number
 * unknown, which is no state. */
enum op { OP_REGISTER, OP_ENABLE, OP_DISABLE, OP_UNREGISTER, OP_ROUTING_SET, OP_RELEASE, NR_OPS };

#define GONE 999

static const struct {
	unsigned state;
	struct {
		int result;
		unsigned next;
	} op[NR_OPS];
} law[] = {
	/* clang-format off */
	/*       REGISTER     ENABLE       DISABLE      UNREGISTER   ROUTING_SET  RELEASE */
	{ 0,   { {  0, 100 }, { -3,   0 }, { -3,   0 }, { -3,   0 }, { -3,   0 }, {  0, GONE } } },
	{ 1,   { { -3,   1 }, { -3,   1 }, { -3,   1 }, { -5,   1 }, { -3,   1 }, { -3,   1 } } },
	{ 100, { { -3, 100 }, {  0, 110 }, {  0, 100 }, {  0,   0 }, {  0, 100 }, { -3, 100 } } },
	{ 101, { { -3, 101 }, {  0, 111 }, {  0, 101 }, { -5,   1 }, { -3, 101 }, { -3, 101 } } },
	{ 110, { { -3, 110 }, {  0, 110 }, {  0, 100 }, {  0,   0 }, { -3, 110 }, { -3, 110 } } },
	{ 111, { { -3, 111 }, {  0, 111 }, {  0, 101 }, { -5,   1 }, { -3, 111 }, { -3, 111 } } },
	/* clang-format on */
};

/* Where the caller, PE 0, is. */
enum place { OUTSIDE, IN_PRIVATE, IN_SHARED, IN_ITSELF, NR_PLACES };
static const char *const place_names[] = { "outside", "in a private handler", "in a shared handler",
					   "in the handler itself" };

/* The events, by kind. Those of bound interrupts are bound first. */
static const struct kind {
	const char *name;
	uint32_t event;
	uint32_t intid; /* 0: a platform event */
	bool shared;
} kinds[] = {
	{ "private", PN, 0, false },
	{ "shared", SN, 0, true },
	{ "bound PPI", FIRST_PPI, PPI_EDGE, false },
	{ "bound SPI", FIRST_SPI, SPI_EDGE, true },
};

static bool running(unsigned state)
{
	return state % 10;
}

/* A shared handler runs on PE 1 while PE 0 calls; all others on PE 0. */
static unsigned runner_of(const struct kind *kind, enum place place)
{
	return kind->shared && place != IN_ITSELF ? 1 : 0;
}

static bool possible(const struct kind *kind, unsigned state, enum place place)
{
	if (place == IN_ITSELF)
		return running(state);
	/* PE 0 runs its own private handler: it is not outside. */
	return !(place == OUTSIDE && running(state) && !kind->shared);
}

static void run_on(struct fixture *f, uint32_t event, bool shared, unsigned pe)
{
	trigger(f, event, shared ? SDEI_NO_PE : pe);
	expect_enters(f, pe, event);
}

/* Bring the handler into a state by the calls a guest would make. */
static void bring(struct fixture *f, const struct kind *kind, unsigned state, unsigned runner)
{
	if (kind->intid)
		expect(f, 0, BIND, ARGS(kind->intid), kind->event);
	if (state == 0)
		return;
	ready_routed(f, 0, kind->event, RM_PE, fixture_mpidr[runner]);
	if (running(state))
		run_on(f, kind->event, kind->shared, runner);
	if (state / 10 % 10 == 0)
		expect(f, 0, DISABLE, ARGS(kind->event), SDEI_SUCCESS);
	if (state == 1)
		expect(f, 0, UNREGISTER, ARGS(kind->event), SDEI_PENDING);
	expect_status(f, 0, kind->event, bits(state));
}

static void go(struct fixture *f, enum place place)
{
	const uint32_t handler[] = { [IN_PRIVATE] = PC, [IN_SHARED] = SC };

	if (place != IN_PRIVATE && place != IN_SHARED)
		return;
	ready_routed(f, 0, handler[place], RM_PE, fixture_mpidr[0]);
	run_on(f, handler[place], place == IN_SHARED, 0);
}

static int64_t operate(struct fixture *f, const struct kind *kind, enum op op)
{
	static const uint32_t fid[] = {
		REGISTER, ENABLE, DISABLE, UNREGISTER, ROUTING_SET, RELEASE
	};
	struct args args = ARGS(kind->event);
	int64_t ret = 0;

	if (op == OP_REGISTER)
		args = ARGS(kind->event, ep_of(kind->event));
	assert_int_equal(invoke(f, 0, fid[op], args, &ret), FW_RETURN);
	return ret;
}

/* Two operations are not for all events. */
static bool applies(const struct kind *kind, enum op op)
{
	return !(op == OP_RELEASE && !kind->intid) && !(op == OP_ROUTING_SET && !kind->shared);
}

static void check_cell(const struct kind *kind, unsigned row, enum op op, enum place place)
{
	struct fixture f;
	unsigned state = law[row].state, next = law[row].op[op].next;
	int64_t expected = law[row].op[op].result, found, status = 0, expected_status = bits(next);

	fixture_init(&f);
	bring(&f, kind, state, runner_of(kind, place));
	go(&f, place);
	found = operate(&f, kind, op);
	invoke(&f, 0, STATUS, ARGS(kind->event), &status);
	if (!applies(kind, op)) {
		expected = SDEI_INVALID_PARAMETERS;
		expected_status = bits(state);
	} else if (next == GONE) {
		expected_status = SDEI_INVALID_PARAMETERS;
	}
	sdei_destroy(&f.sdei);
	if (found != expected || status != expected_status)
		fail_msg("%s event in state %03u, operation %d %s: expected %lld and status %lld, "
			 "found %lld and %lld",
			 kind->name, state, op, place_names[place], (long long)expected,
			 (long long)expected_status, (long long)found, (long long)status);
}

static void every_cell_from_everywhere(void **state)
{
	unsigned cells = 0;

	(void)state;
	for (unsigned k = 0; k < ARRAY_SIZE(kinds); k++)
		for (unsigned row = 0; row < ARRAY_SIZE(law); row++)
			for (enum place place = 0; place < NR_PLACES; place++)
				for (enum op op = 0; op < NR_OPS; op++) {
					if (!possible(&kinds[k], law[row].state, place))
						continue;
					check_cell(&kinds[k], row, op, place);
					cells++;
				}
	/* Of 4 x 6 x 4 x 6: 3 states x 4 kinds cannot be in themselves, and 3 x 2 not outside. */
	assert_int_equal(cells, 4 * 6 * 4 * 6 - 3 * 4 * 6 - 3 * 2 * 6);
}

/* CONTEXT and COMPLETE are for the handler the caller is in, whatever state another has. */
static void check_innermost(const struct kind *kind, unsigned digits, enum place place,
			    uint32_t fid)
{
	struct fixture f;
	unsigned runner = runner_of(kind, place);
	/* PE 0 also is in a handler if the place is over the event's own. */
	bool inside = place != OUTSIDE;
	int64_t ret = 0;
	enum fw_result result;

	fixture_init(&f);
	bring(&f, kind, digits, runner);
	go(&f, place);
	result = invoke(&f, 0, fid, ARGS(fid == CONTEXT ? 1 : 0), &ret);
	if (inside && fid != CONTEXT)
		assert_int_equal(result, FW_RESUMED);
	else
		assert_int_equal(result, FW_RETURN);
	if (!inside)
		assert_int_equal(ret, SDEI_DENIED);
	if (inside && fid == CONTEXT && place != IN_ITSELF && running(digits) && runner == 0)
		assert_int_equal(ret, arg_of(kind->event)); /* x1 of the handler below */
	/* Only its own COMPLETE ends a handler. */
	if (place == IN_ITSELF && fid != CONTEXT)
		digits -= 1;
	expect_status(&f, 0, kind->event, bits(digits));
	sdei_destroy(&f.sdei);
}

static void context_and_complete_take_the_innermost_handler(void **state)
{
	static const uint32_t fids[] = { CONTEXT, COMPLETE, COMPLETE_AND_RESUME };

	(void)state;
	for (unsigned k = 0; k < ARRAY_SIZE(kinds); k++)
		for (unsigned row = 0; row < ARRAY_SIZE(law); row++)
			for (enum place place = 0; place < NR_PLACES; place++)
				for (unsigned i = 0; i < ARRAY_SIZE(fids); i++)
					if (possible(&kinds[k], law[row].state, place))
						check_innermost(&kinds[k], law[row].state, place,
								fids[i]);
}

/* The table itself, as sdei.h offers it. */
static void next_state_agrees(void **state)
{
	static const enum sdei_op ops[] = { SDEI_OP_REGISTER,    SDEI_OP_ENABLE,
					    SDEI_OP_DISABLE,     SDEI_OP_UNREGISTER,
					    SDEI_OP_ROUTING_SET, SDEI_OP_RELEASE };

	(void)state;
	for (unsigned row = 0; row < ARRAY_SIZE(law); row++)
		for (enum op op = 0; op < NR_OPS; op++) {
			struct sdei_step step = sdei_next_state(bits(law[row].state), ops[op]);
			unsigned next = law[row].op[op].next;

			assert_int_equal(step.result, law[row].op[op].result);
			assert_int_equal(step.next, next == GONE ? 0 : bits(next));
		}
}

static void only_a_running_handler_has_a_context_and_completes(void **state)
{
	(void)state;
	for (unsigned row = 0; row < ARRAY_SIZE(law); row++) {
		unsigned digits = law[row].state;
		struct sdei_step context = sdei_next_state(bits(digits), SDEI_OP_CONTEXT);
		struct sdei_step completed = sdei_next_state(bits(digits), SDEI_OP_COMPLETE);

		assert_int_equal(context.result, running(digits) ? 0 : -3);
		assert_int_equal(context.next, bits(digits));
		assert_int_equal(completed.result, running(digits) ? 0 : -3);
		assert_int_equal(completed.next, bits(digits - digits % 10));
	}
}

static void only_110_is_dispatched(void **state)
{
	(void)state;
	for (unsigned s = 0; s < SDEI_NR_STATES; s++) {
		struct sdei_step step = sdei_next_state(s, SDEI_OP_DISPATCH);

		assert_int_equal(step.result, s == bits(110) ? 0 : -3);
		assert_int_equal(step.next, s == bits(110) ? bits(111) : s);
	}
}

static void impossible_states_refuse_everything(void **state)
{
	static const unsigned impossible[] = { 10, 11 };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(impossible); i++)
		for (enum sdei_op op = 0; op < SDEI_NR_OPS; op++) {
			struct sdei_step step = sdei_next_state(bits(impossible[i]), op);

			assert_int_equal(step.result, SDEI_DENIED);
			assert_int_equal(step.next, bits(impossible[i]));
		}
}

static void errors_and_holds_have_names(void **state)
{
	(void)state;
	assert_string_equal(sdei_error_name(0), "SUCCESS");
	assert_string_equal(sdei_error_name(-1), "NOT_SUPPORTED");
	assert_string_equal(sdei_error_name(-2), "INVALID_PARAMETERS");
	assert_string_equal(sdei_error_name(-3), "DENIED");
	assert_string_equal(sdei_error_name(-5), "PENDING");
	assert_string_equal(sdei_error_name(-10), "OUT_OF_RESOURCE");
	assert_null(sdei_error_name(-4));
	assert_null(sdei_error_name(1));
	assert_null(sdei_error_name(INT64_MIN));
	assert_null(sdei_error_name(INT64_C(-3) & 0xffffffff));
	for (enum sdei_hold why = SDEI_HOLD_NOT; why <= SDEI_HOLD_NO_PE; why++)
		assert_non_null(sdei_hold_name(why));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cell_from_everywhere),
		cmocka_unit_test(context_and_complete_take_the_innermost_handler),
		cmocka_unit_test(next_state_agrees),
		cmocka_unit_test(only_a_running_handler_has_a_context_and_completes),
		cmocka_unit_test(only_110_is_dispatched),
		cmocka_unit_test(impossible_states_refuse_everything),
		cmocka_unit_test(errors_and_holds_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
