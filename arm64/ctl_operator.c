/* See ctl_operator.h: from the machine's operators to the server, and from the server to the verbs. */
#include "arm64/ctl_operator.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arm64/ctl_dir.h"
#include "arm64/ctl_private.h"
#include "arm64/verbs.h"
#include "lib/clock.h"

#define FROM "control" /* in traces: who did it */

/* ---- verbs ---- */

static int do_pause(void *world, struct err *err)
{
	return verb_pause(ctl_vm(world), err);
}

static int do_resume(void *world, struct err *err)
{
	return verb_resume(ctl_vm(world), err);
}

static int do_reset(void *world, struct err *err)
{
	return verb_reset(ctl_vm(world), err);
}

static int do_powerdown(void *world, struct err *err)
{
	return verb_powerdown(ctl_vm(world), err);
}

static int do_stop(void *world, struct err *err)
{
	return verb_stop(ctl_vm(world), err);
}

static int do_send(void *world, const void *bytes, uint32_t n, struct err *err)
{
	return verb_send(ctl_vm(world), bytes, n, err);
}

static int do_inject(void *world, const char *rule, uint32_t *id, struct err *err)
{
	return verb_inject(ctl_vm(world), rule, FROM, id, err);
}

static int do_trigger(void *world, const char *what, struct err *err)
{
	return verb_trigger(ctl_vm(world), what, FROM, err);
}

/* Lines of the trace are only made while somebody wants them. */
static void listen_to(void *world, uint32_t events)
{
	struct ctl_operator *o = world;
	bool wanted = (events & CTL_EVENT_TRACE) != 0;

	if (wanted != o->tracing)
		trace_tap_want(&o->vm->trace.tap, wanted);
	o->tracing = wanted;
}

int ctl_status(void *world, struct ctl_answer *answer, struct err *err)
{
	const struct vm *vm = ctl_vm(world);
	struct ctl_line row;

	(void)err;
	ctl_row(answer, &row, "guest");
	json_text(&row.w, "name", vm->config->name);
	json_number(&row.w, "pid", (uint64_t)vm->pid);
	json_text(&row.w, "state", vm->paused ? "paused" : "running");
	json_number(&row.w, "cpus", vm->board.config.ncpus);
	json_number(&row.w, "memory_bytes", vm->board.config.ram_bytes);
	json_number(&row.w, "uptime_ns", clock_now_ns() - vm->started_ns);
	json_number(&row.w, "resets", vm->resets);
	json_text(&row.w, "version", RASVM_VERSION);
	ctl_add(answer, &row);
	return 0;
}

static const struct ctl_ops verbs = {
	.pause = do_pause,
	.resume = do_resume,
	.reset = do_reset,
	.powerdown = do_powerdown,
	.stop = do_stop,
	.send = do_send,
	.inject = do_inject,
	.trigger = do_trigger,
	.status = ctl_status,
	.stat = ctl_stat,
	.debug = ctl_debug,
	.sdei = ctl_sdei,
	.listen = listen_to,
};

/* ---- the run ---- */

/* Whatever it comes to, close() is called. */
static int on_open(void *self, struct vm *vm, struct err *err)
{
	struct ctl_operator *o = self;

	o->vm = vm;
	o->ctl = calloc(1, sizeof(*o->ctl));
	if (!o->ctl)
		return err_set(err, -ENOMEM, "--name: out of memory");
	return ctl_open(o->ctl, vm->config->place->listen_fd, &vm->loop, &verbs, o, err);
}

static void on_output(void *self, const uint8_t *bytes, unsigned n)
{
	struct ctl_operator *o = self;

	ctl_tell_bytes(o->ctl, CTL_EVENT_CONSOLE, bytes, n);
}

static void on_input(void *self, const uint8_t *bytes, unsigned n)
{
	struct ctl_operator *o = self;

	ctl_tell_bytes(o->ctl, CTL_EVENT_INPUT, bytes, n);
}

static void on_event(void *self, const char *json, unsigned n)
{
	struct ctl_operator *o = self;
	struct ctl_line line;

	if (!ctl_wanted(o->ctl, CTL_EVENT_TRACE))
		return;
	ctl_event(&line, "trace");
	json_raw(&line.w, "trace", json, n);
	ctl_tell(o->ctl, CTL_EVENT_TRACE, &line);
}

static void on_changed(void *self, const char *what)
{
	struct ctl_operator *o = self;
	struct ctl_line line;

	ctl_event(&line, what);
	ctl_tell(o->ctl, CTL_EVENT_STATE, &line);
}

static void on_reset(void *self)
{
	on_changed(self, "reset");
}

static enum exit_status on_ended(void *self, enum exit_status status)
{
	struct ctl_operator *o = self;
	struct ctl_line line;

	ctl_event(&line, "ended");
	json_number(&line.w, "status", (uint64_t)status);
	json_text(&line.w, "why", status_text(status));
	ctl_tell(o->ctl, CTL_EVENT_STATE, &line);
	return status;
}

static void on_close(void *self)
{
	struct ctl_operator *o = self;

	if (!o->ctl)
		return;
	ctl_close(o->ctl);
	free(o->ctl);
	o->ctl = NULL;
}

const struct operator_ops ctl_operator_ops = {
	.open = on_open,
	.output = on_output,
	.input = on_input,
	.event = on_event,
	.changed = on_changed,
	.reset = on_reset,
	.ended = on_ended,
	.close = on_close,
};
