/* See script_operator.h. The script acts in its timer's function only, never while the machine tells of
 * something: verbs may be called from the event loop alone. */
#include "cli/script_operator.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "arm64/verbs.h"
#include "arm64/vm.h"
#include "lib/clock.h"
#include "lib/log.h"

/* ---- what acts ---- */

static struct vm *vm_of(void *world)
{
	return ((struct script_operator *)world)->vm;
}

static int do_send(void *world, const void *bytes, uint32_t n, struct err *err)
{
	return verb_send(vm_of(world), bytes, n, err);
}

static int do_inject(void *world, const char *rule, struct err *err)
{
	uint32_t id;

	return verb_inject(vm_of(world), rule, "script", &id, err);
}

static int do_trigger(void *world, const char *what, struct err *err)
{
	return verb_trigger(vm_of(world), what, "script", err);
}

static int do_pause(void *world, struct err *err)
{
	return verb_pause(vm_of(world), err);
}

static int do_resume(void *world, struct err *err)
{
	return verb_resume(vm_of(world), err);
}

static int do_reset(void *world, struct err *err)
{
	return verb_reset(vm_of(world), err);
}

static int do_powerdown(void *world, struct err *err)
{
	return verb_powerdown(vm_of(world), err);
}

/* What the guest said last is not cut off because the script is over. */
static int do_stop(void *world, struct err *err)
{
	struct vm *vm = vm_of(world);

	return vm->finishing ? 0 : verb_stop(vm, err);
}

static void do_note(void *world, const char *text)
{
	transcript_note(((struct script_operator *)world)->transcript, text);
}

static void do_result(void *world, const struct script_result *result)
{
	static const char *const outcome[] = {
		[SCRIPT_PASSED] = "ok",
		[SCRIPT_FAILED] = "not ok",
		[SCRIPT_NOT_REACHED] = "not reached",
	};
	struct script_operator *op = world;
	char text[SCRIPT_LINE_BYTES];

	script_report_result(&op->report, result);
	snprintf(text, sizeof(text), "%s: %.400s%s%s", outcome[result->outcome], result->name,
		 result->message ? ": " : "", result->message ? result->message : "");
	transcript_note(op->transcript, text);
	if (result->outcome != SCRIPT_FAILED)
		return;
	if (result->statement)
		log_error("%s:%u: %s: %s", op->path, result->line, result->name, result->message);
	else
		log_error("%s: %s: %s", op->path, result->name, result->message);
}

static const struct script_run_ops run_ops = {
	.send = do_send,
	.inject = do_inject,
	.trigger = do_trigger,
	.pause = do_pause,
	.resume = do_resume,
	.reset = do_reset,
	.powerdown = do_powerdown,
	.stop = do_stop,
	.note = do_note,
	.result = do_result,
};

/* ---- what the machine tells ---- */

static void arm(struct script_operator *op)
{
	uint64_t at_ns = script_run_deadline(&op->run);
	struct itimerspec when = { 0 };

	if (at_ns != SCRIPT_NO_DEADLINE)
		when.it_value = clock_timespec(at_ns ? at_ns : 1);
	timerfd_settime(op->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

static void on_timer(void *arg, uint32_t events)
{
	struct script_operator *op = arg;
	uint64_t expired;

	(void)events;
	if (read(op->timer_fd, &expired, sizeof(expired)) <= 0)
		return;
	script_run_tick(&op->run, clock_now_ns());
	arm(op);
}

static int on_open(void *self, struct vm *vm, struct err *err)
{
	struct script_operator *op = self;
	int rc;

	op->vm = vm;
	op->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (op->timer_fd < 0)
		return err_set(err, -errno, "--script: cannot make a timer: %s", strerror(errno));
	rc = loop_add(&vm->loop, op->timer_fd, EPOLLIN, on_timer, op);
	return rc ? err_set(err, rc, "--script: cannot watch its timer: %s", strerror(-rc)) : 0;
}

static void on_started(void *self)
{
	struct script_operator *op = self;

	op->started_ns = clock_now_ns();
	script_run_started(&op->run, op->started_ns);
	arm(op);
}

static void on_output(void *self, const uint8_t *bytes, unsigned n)
{
	struct script_operator *op = self;

	script_run_output(&op->run, bytes, n, clock_now_ns());
	arm(op);
}

static void on_event(void *self, const char *json, unsigned n)
{
	struct script_operator *op = self;

	script_run_event(&op->run, json, n, clock_now_ns());
}

static void on_reset(void *self)
{
	struct script_operator *op = self;

	script_run_reset(&op->run);
	arm(op);
}

static enum exit_status on_ended(void *self, enum exit_status status)
{
	struct script_operator *op = self;
	uint64_t now_ns = clock_now_ns();

	status = script_run_ended(&op->run, status, now_ns);
	if (script_report_finish(&op->report, now_ns - op->started_ns))
		op->failed = true;
	return status;
}

static void on_close(void *self)
{
	struct script_operator *op = self;

	if (op->timer_fd >= 0) {
		loop_remove(&op->vm->loop, op->timer_fd);
		close(op->timer_fd);
	}
	op->timer_fd = -1;
	op->vm = NULL;
}

const struct operator_ops script_operator_ops = {
	.open = on_open,
	.started = on_started,
	.output = on_output,
	.event = on_event,
	.reset = on_reset,
	.ended = on_ended,
	.close = on_close,
	.wants_events = true,
};

/* ---- making one ---- */

struct script_operator *script_operator_new(const struct script *script, FILE *tap, FILE *junit,
					    struct transcript *transcript)
{
	struct script_operator *op = calloc(1, sizeof(*op));

	if (!op)
		return NULL;
	op->timer_fd = -1;
	op->transcript = transcript;
	op->path = script->path;
	op->report.tap = tap;
	op->report.junit = junit;
	if (script_run_open(&op->run, script, &run_ops, op) ||
	    script_report_open(&op->report, script->path, script->nblocks)) {
		script_operator_free(op);
		return NULL;
	}
	return op;
}

void script_operator_expect_reports(struct script_operator *op)
{
	op->run.guest_reports = true;
}

int script_operator_free(struct script_operator *op)
{
	int rc;

	if (!op)
		return 0;
	rc = op->failed ? -EIO : 0;
	script_report_bail_out(&op->report, "the guest was not started");
	script_run_close(&op->run);
	script_report_close(&op->report);
	free(op);
	return rc;
}
