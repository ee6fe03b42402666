/*
 * Group I: every operation in every state of a handler, for each kind of event (Arm DEN0054C 6.1).
 *
 * The table is that of a shared event bound to an interrupt, the only kind for which all columns mean
 * something; expected_cell() says where other kinds differ.
 */
#include "guest/sdei/suite.h"

static uint64_t event_of(enum slot slot)
{
	return suite.event[slot];
}

enum op {
	OP_REGISTER,
	OP_ENABLE,
	OP_DISABLE,
	OP_UNREGISTER,
	OP_ROUTING_SET,
	OP_RELEASE,
	OP_CONTEXT,
	OP_COMPLETE,
	OP_RESUME,
	NR_OPS
};
static const char *const op_name[NR_OPS] = { "REGISTER",   "ENABLE",      "DISABLE",
					     "UNREGISTER", "ROUTING_SET", "RELEASE",
					     "CONTEXT",    "COMPLETE",    "COMPLETE_AND_RESUME" };

struct cell {
	int64_t result, next;
};

#define GONE SDEI_INVALID_PARAMETERS /* STATUS of an event that was released */

struct row {
	int64_t state; /* as STATUS shows it */
	struct cell cell[OP_CONTEXT + 1];
};
static const struct row rows[] = {
	{ 0, { { 0, 1 }, { -3, 0 }, { -3, 0 }, { -3, 0 }, { -3, 0 }, { 0, GONE }, { -3, 0 } } },
	{ 4, { { -3, 4 }, { -3, 4 }, { -3, 4 }, { -5, 4 }, { -3, 4 }, { -3, 4 }, { 0, 4 } } },
	{ 1, { { -3, 1 }, { 0, 3 }, { 0, 1 }, { 0, 0 }, { 0, 1 }, { -3, 1 }, { -3, 1 } } },
	{ 5, { { -3, 5 }, { 0, 7 }, { 0, 5 }, { -5, 4 }, { -3, 5 }, { -3, 5 }, { 0, 5 } } },
	{ 3, { { -3, 3 }, { 0, 3 }, { 0, 1 }, { 0, 0 }, { -3, 3 }, { -3, 3 }, { -3, 3 } } },
	{ 7, { { -3, 7 }, { 0, 7 }, { 0, 5 }, { -5, 4 }, { -3, 7 }, { -3, 7 }, { 0, 7 } } },
};

static struct {
	enum op op;
	int64_t state;  /* to reach in the handler */
	int64_t before; /* STATUS found there */
	int64_t result, after;
} matrix;

static int64_t do_op(enum slot slot, enum op op)
{
	uint64_t event = event_of(slot);

	switch (op) {
	case OP_REGISTER:
		return register_slot(slot, 0, 0, 0);
	case OP_ENABLE:
		return sdei_enable(event);
	case OP_DISABLE:
		return sdei_disable(event);
	case OP_UNREGISTER:
		return sdei_unregister(event);
	case OP_ROUTING_SET:
		return sdei_routing_set(event, SDEI_RM_ANY, 0);
	case OP_RELEASE:
		return sdei_release(event);
	case OP_CONTEXT:
		return sdei_context(0);
	case OP_COMPLETE:
		return smccc(SDEI_FID_COMPLETE, SDEI_HANDLED, 0, 0);
	default:
		return smccc(SDEI_FID_COMPLETE_AND_RESUME, (uint64_t)sdei_resume_point, 0, 0);
	}
}

static bool is_bound(enum slot slot)
{
	return slot >= B0 && slot <= B3;
}

/* Only SPIs and PPIs of the test timer are bound here; B0 is the SPI, B1 the PPI of this CPU. */
static void line_raise(enum slot slot)
{
	*(volatile uint64_t *)(suite.test_timer.base + (slot == B1 ? 16 : 0)) = 0;
}

static void line_lower(enum slot slot)
{
	*(volatile uint64_t *)(suite.test_timer.base + (slot == B1 ? 16 : 0) + 8) = 0;
}

static void matrix_handler(struct sdei_entry *entry)
{
	enum slot slot = entry->slot;

	if (is_bound(slot))
		line_lower(slot);
	if (matrix.state != 7)
		sdei_disable(event_of(slot));
	if (matrix.state == 4)
		sdei_unregister(event_of(slot));
	matrix.before = sdei_status(event_of(slot));
	if (matrix.op == OP_COMPLETE)
		return;
	if (matrix.op == OP_RESUME) {
		entry->leave = SDEI_FID_COMPLETE_AND_RESUME;
		entry->leave_arg = (uint64_t)sdei_resume_point;
		return;
	}
	matrix.result = do_op(slot, matrix.op);
	/* A line's event comes at its own time: the interrupted x0 may be anything but an error. */
	if (matrix.op == OP_CONTEXT && is_bound(slot) && matrix.result != SDEI_DENIED)
		matrix.result = SDEI_SUCCESS;
	matrix.after = sdei_status(event_of(slot));
}

/* What the table says, for this kind of event. */
static struct cell expected_cell(enum slot slot, const struct row *row, enum op op)
{
	bool private = !slot_shared(slot) || slot == B1;

	if (op == OP_ROUTING_SET && private)
		return (struct cell){ SDEI_INVALID_PARAMETERS, row->state };
	if (op == OP_RELEASE && !is_bound(slot))
		return (struct cell){ SDEI_INVALID_PARAMETERS, row->state };
	if (op >= OP_COMPLETE)
		return (struct cell){ SDEI_DENIED, row->state }; /* outside a handler */
	return row->cell[op];
}

static void expect_cell(struct run *t, enum slot slot, const struct row *row, enum op op,
			int64_t result, int64_t after)
{
	struct cell c = expected_cell(slot, row, op);

	expect_eq(t, result, c.result, "%s in state %ld: %s", slot_name(slot), row->state,
		  op_name[op]);
	expect_eq(t, after, c.next, "%s in state %ld: STATUS after %s", slot_name(slot), row->state,
		  op_name[op]);
}

static void trigger_slot(enum slot slot)
{
	if (is_bound(slot))
		line_raise(slot);
	else
		fire(slot, this_cpu());
}

/* The state after a handler ended: running is over, unregistering finished. */
static int64_t completed(int64_t state)
{
	return state & SDEI_REGISTERED ? state & ~SDEI_RUNNING : 0;
}

static void expect_in_handler(struct run *t, enum slot slot, const struct row *row, enum op op)
{
	bool leaves = op >= OP_COMPLETE;
	uint64_t before = runs_on(0, slot), resumes = this_sdei()->resumes;

	matrix.op = op;
	matrix.state = row->state;
	set_handler(slot, matrix_handler);
	if (!register_enable(t, slot, 0))
		return;
	trigger_slot(slot);
	if (!expect(t, wait_ends(0, slot, before + 1, STALL_US), "%s: expected its handler to run",
		    slot_name(slot)))
		return;
	expect_eq(t, matrix.before, row->state, "%s: STATUS reached in the handler",
		  slot_name(slot));
	if (!leaves)
		expect_cell(t, slot, row, op, matrix.result, matrix.after);
	if (op == OP_RESUME)
		expect_eq(t, (int64_t)(this_sdei()->resumes - resumes), 1,
			  "%s in state %ld: COMPLETE_AND_RESUME came to its address",
			  slot_name(slot), row->state);
	expect_eq(t, sdei_status(event_of(slot)), completed(leaves ? row->state : matrix.after),
		  "%s in state %ld, %s: STATUS after completion", slot_name(slot), row->state,
		  op_name[op]);
}

static void expect_outside(struct run *t, enum slot slot, const struct row *row, enum op op)
{
	int64_t result;

	if (row->state & SDEI_REGISTERED)
		register_slot(slot, 0, 0, 0);
	if (row->state & SDEI_ENABLED)
		sdei_enable(event_of(slot));
	expect_eq(t, sdei_status(event_of(slot)), row->state, "%s: STATUS reached",
		  slot_name(slot));
	result = do_op(slot, op);
	expect_cell(t, slot, row, op, result, sdei_status(event_of(slot)));
}

static bool bind_slot(struct run *t, enum slot slot)
{
	int64_t event = sdei_bind(slot == B1 ? suite.test_ppi : suite.test_spi);

	suite.event[slot] = event > 0 ? (uint64_t)event : NO_EVENT;
	return expect(t, event > 0, "BIND(%s): expected an event, found %ld", slot_name(slot),
		      event);
}

static void expect_matrix(struct run *t, enum slot slot)
{
	for (unsigned r = 0; r < ARRAY_LEN(rows); r++)
		for (enum op op = 0; op < NR_OPS; op++) {
			if (is_bound(slot) && suite.event[slot] == NO_EVENT && !bind_slot(t, slot))
				return;
			if (!(rows[r].state & SDEI_RUNNING))
				expect_outside(t, slot, &rows[r], op);
			else if (slot == E0 || suite.trigger || is_bound(slot))
				expect_in_handler(t, slot, &rows[r], op);
			sdei_unregister(event_of(slot));
			if (is_bound(slot) && sdei_status(event_of(slot)) < 0)
				suite.event[slot] = NO_EVENT;
		}
}

static void i13(struct run *t)
{
	sdei_pe_unmask();
	for (unsigned i = 0; i < NSTATIC; i++)
		expect_matrix(t, i);
	if (!suite.trigger)
		note("no call to trigger platform events: states 4, 5, 7 of event 0 only");
	if (suite.test_timer.base) {
		expect_matrix(t, B0);
		expect_matrix(t, B1);
	} else {
		note("no test timer: bound events not looked at");
	}
}

static const struct test tests[] = {
	{ "I13", "every operation in every state", i13, 60, 0, false },
};
const struct test_group group_states = { tests, ARRAY_LEN(tests) };
