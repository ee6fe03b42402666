/* See operator.h: the same for all of them. */
#include "arm64/operator.h"

#include <errno.h>
#include <limits.h>

#include "arm64/vm.h"

/* A guest may make lines faster than they are handed on; the loop has other things to do in between. */
#define EVENTS_A_TURN 256

/* More than wait at once, unless the guest makes them meanwhile. */
#define EVENTS_BEFORE_OUTPUT 4096

int operators_add(struct vm *vm, const struct run_operator *op, struct err *err)
{
	struct operators *o = &vm->operators;

	if (o->n == OPERATORS_MAX)
		return err_set(err, -ENOSPC, "more than %d want to watch the run", OPERATORS_MAX);
	o->op[o->n++] = *op;
	return 0;
}

int operators_open(struct vm *vm, struct err *err)
{
	struct operators *o = &vm->operators;

	for (; o->opened < o->n; o->opened++) {
		const struct run_operator *op = &o->op[o->opened];
		int r = op->ops->open ? op->ops->open(op->self, vm, err) : 0;

		if (r)
			return r;
		if (op->ops->wants_events)
			trace_tap_want(&vm->trace.tap, true);
	}
	return 0;
}

void operators_close(struct vm *vm)
{
	struct operators *o = &vm->operators;

	for (unsigned i = 0; i < o->n; i++)
		if (o->op[i].ops->close)
			o->op[i].ops->close(o->op[i].self);
	o->n = o->opened = 0;
}

void operators_started(struct vm *vm)
{
	const struct operators *o = &vm->operators;

	for (unsigned i = 0; i < o->opened; i++)
		if (o->op[i].ops->started)
			o->op[i].ops->started(o->op[i].self);
}

static void tell_event(const struct operators *o, const char *json, unsigned n)
{
	for (unsigned i = 0; i < o->opened; i++)
		if (o->op[i].ops->event)
			o->op[i].ops->event(o->op[i].self, json, n);
}

static bool hand_on_event(struct vm *vm)
{
	char line[TRACE_LINE_BYTES];
	size_t n = trace_tap_take(&vm->trace.tap, line);

	if (n)
		tell_event(&vm->operators, line, (unsigned)n);
	return n != 0;
}

/* True: none is left. */
static bool hand_on_events(struct vm *vm, unsigned most)
{
	for (unsigned i = 0; i < most; i++)
		if (!hand_on_event(vm))
			return true;
	return false;
}

/* What the guest reported before it wrote this is heard before it: text may say that it is done. */
void operators_output(struct vm *vm, const uint8_t *bytes, unsigned n)
{
	const struct operators *o = &vm->operators;

	hand_on_events(vm, EVENTS_BEFORE_OUTPUT);
	for (unsigned i = 0; i < o->opened; i++)
		if (o->op[i].ops->output)
			o->op[i].ops->output(o->op[i].self, bytes, n);
}

void operators_input(struct vm *vm, const uint8_t *bytes, unsigned n)
{
	const struct operators *o = &vm->operators;

	for (unsigned i = 0; i < o->opened; i++)
		if (o->op[i].ops->input)
			o->op[i].ops->input(o->op[i].self, bytes, n);
}

void operators_changed(struct vm *vm, const char *what)
{
	const struct operators *o = &vm->operators;

	for (unsigned i = 0; i < o->opened; i++)
		if (o->op[i].ops->changed)
			o->op[i].ops->changed(o->op[i].self, what);
}

void operators_reset(struct vm *vm)
{
	const struct operators *o = &vm->operators;

	hand_on_events(vm, UINT_MAX);
	for (unsigned i = 0; i < o->opened; i++)
		if (o->op[i].ops->reset)
			o->op[i].ops->reset(o->op[i].self);
}

bool operators_signal(struct vm *vm, int sig)
{
	const struct operators *o = &vm->operators;

	for (unsigned i = 0; i < o->opened; i++)
		if (o->op[i].ops->signal && o->op[i].ops->signal(o->op[i].self, sig))
			return true;
	return false;
}

void operators_some_events(struct vm *vm)
{
	if (!hand_on_events(vm, EVENTS_A_TURN))
		trace_tap_wake(&vm->trace.tap);
}

enum exit_status operators_ended(struct vm *vm, enum exit_status status)
{
	const struct operators *o = &vm->operators;

	hand_on_events(vm, UINT_MAX);
	for (unsigned i = 0; i < o->opened; i++)
		if (o->op[i].ops->ended)
			status = o->op[i].ops->ended(o->op[i].self, status);
	return status;
}
