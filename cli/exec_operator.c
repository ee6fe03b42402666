/* See exec_operator.h. */
#include "cli/exec_operator.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "arm64/verbs.h"
#include "arm64/vm.h"
#include "lib/clock.h"
#include "lib/tty.h"

#define CTL_PORT      3 /* the last: guest/init relies on it */
#define SIGNALS_TO_GO 3 /* so many, and the guest is not asked any more */

void exec_operator_init(struct exec_operator *op, const struct exec_options *options)
{
	memset(op, 0, sizeof(*op));
	op->options = options;
	op->report_fd = op->timer_fd = -1;
}

/* ---- the ports ---- */

/* On the I/O thread. */
static void receive(void *arg, const uint8_t *bytes, unsigned n)
{
	struct exec_operator *op = arg;
	uint64_t one = 1;

	exec_report_take(&op->report, bytes, n);
	if (write(op->report_fd, &one, sizeof(one)) < 0)
		log_debug("exec: eventfd: %s", strerror(errno));
}

/* A terminal would stop whoever reads it from the background, though nothing was typed. */
static int own_copy(int fd, int *copy, struct err *err)
{
	if (fd == STDIN_FILENO && tty_in_background(fd))
		*copy = open("/dev/null", O_RDONLY | O_CLOEXEC);
	else
		*copy = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	return *copy < 0 ? err_set(err, -errno, "standard stream %d: %s", fd, strerror(errno)) : 0;
}

int exec_operator_ports(struct exec_operator *op, struct console_port_config ports[EXEC_PORTS],
			struct err *err)
{
	int fd[3] = { -1, -1, -1 }, r = 0;

	op->report_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (op->report_fd < 0)
		return err_set(err, -errno, "eventfd: %s", strerror(errno));
	for (int i = 0; r == 0 && i < 3; i++)
		r = own_copy(i, &fd[i], err);
	if (r) {
		for (int i = 0; i < 3 && fd[i] >= 0; i++)
			close(fd[i]);
		return r;
	}
	ports[0] = (struct console_port_config){ .name = "rasvm.in", .in_fd = fd[0], .out_fd = -1 };
	ports[1] = (struct console_port_config){
		.name = "rasvm.out", .in_fd = -1, .out_fd = fd[1], .hang_up = true
	};
	ports[2] = (struct console_port_config){
		.name = "rasvm.err", .in_fd = -1, .out_fd = fd[2], .hang_up = true
	};
	ports[CTL_PORT] = (struct console_port_config){
		.name = "rasvm.ctl", .in_fd = -1, .out_fd = -1, .receive = receive, .arg = op
	};
	return 0;
}

/* ---- what happens ---- */

static void set_timer(const struct exec_operator *op, uint64_t delay_ns)
{
	struct itimerspec when = { .it_value = clock_timespec(delay_ns) };

	timerfd_settime(op->timer_fd, 0, &when, NULL);
}

static void stop(struct exec_operator *op)
{
	struct err err = { "" };

	if (verb_stop(op->vm, &err))
		log_warn("exec: %s", err.text);
}

/* The guest has nothing more to do once the last word is said: it is not waited for. What it wrote before is. */
static void on_report(void *arg, uint32_t events)
{
	struct exec_operator *op = arg;
	uint64_t count;

	(void)events;
	if (read(op->report_fd, &count, sizeof(count)) < 0)
		return;
	if (atomic_load(&op->report.ready))
		set_timer(op, 0);
	if (atomic_load(&op->report.word) != EXEC_NOTHING)
		stop(op);
}

static void on_late(void *arg, uint32_t events)
{
	struct exec_operator *op = arg;
	uint64_t count;

	(void)events;
	if (read(op->timer_fd, &count, sizeof(count)) < 0 || atomic_load(&op->report.ready) ||
	    atomic_load(&op->report.word) != EXEC_NOTHING)
		return;
	op->late = true;
	stop(op);
}

static int op_open(void *self, struct vm *vm, struct err *err)
{
	struct exec_operator *op = self;
	int r;

	op->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	r = op->timer_fd < 0 ? -errno : loop_add(&vm->loop, op->timer_fd, EPOLLIN, on_late, op);
	if (r == 0)
		r = loop_add(&vm->loop, op->report_fd, EPOLLIN, on_report, op);
	if (r)
		return err_set(err, r, "exec: cannot set up its events: %s", strerror(-r));
	op->vm = vm;
	return 0;
}

static void op_started(void *self)
{
	struct exec_operator *op = self;

	if (op->options->boot_timeout_ns)
		set_timer(op, op->options->boot_timeout_ns);
}

static void op_output(void *self, const uint8_t *bytes, unsigned n)
{
	struct exec_operator *op = self;

	if (op->options->verbose)
		fwrite(bytes, 1, n, stderr);
	for (unsigned i = 0; i < n; i++)
		op->tail[op->printed++ % EXEC_TAIL_BYTES] = bytes[i];
}

/* The next life has a command of its own to start. The devices are held still. */
static void op_reset(void *self)
{
	struct exec_operator *op = self;

	atomic_store(&op->report.ready, false);
	op->report.used = 0;
	op_started(op);
}

/* To the command, if there is one that can be told: not before it begins, nor once it has ended. */
static bool op_signal(void *self, int sig)
{
	struct exec_operator *op = self;
	char line[32];
	int n = snprintf(line, sizeof(line), "signal %d\n", sig);

	op->signal = sig;
	op->signals |= UINT32_C(1) << (sig & 31);
	if (!atomic_load(&op->report.ready) || atomic_load(&op->report.word) != EXEC_NOTHING ||
	    ++op->nsignals >= SIGNALS_TO_GO)
		return false;
	return virtio_console_send(op->vm->devices.console, CTL_PORT, line, (unsigned)n) == 0;
}

/* A reader that stands still, --timeout, a full disk. */
static enum exit_status op_ended(void *self, enum exit_status status)
{
	struct exec_operator *op = self;

	op->output_lost =
		!devices_drained(op->vm) || virtio_console_lost_output(op->vm->devices.console);
	return status;
}

static void op_close(void *self)
{
	struct exec_operator *op = self;

	if (op->vm) {
		loop_remove(&op->vm->loop, op->timer_fd);
		loop_remove(&op->vm->loop, op->report_fd);
	}
	if (op->timer_fd >= 0)
		close(op->timer_fd);
	op->timer_fd = -1;
	op->vm = NULL;
}

const struct operator_ops exec_operator_ops = {
	.open = op_open,
	.started = op_started,
	.output = op_output,
	.reset = op_reset,
	.signal = op_signal,
	.ended = op_ended,
	.close = op_close,
};

/* ---- afterwards ---- */

void exec_operator_show_tail(const struct exec_operator *op)
{
	uint64_t n = op->printed < EXEC_TAIL_BYTES ? op->printed : EXEC_TAIL_BYTES;

	if (!n || op->options->verbose)
		return;
	fputs("--- the guest's console\n", stderr);
	for (uint64_t i = op->printed - n; i < op->printed; i++)
		if (op->tail[i % EXEC_TAIL_BYTES] != '\r')
			fputc(op->tail[i % EXEC_TAIL_BYTES], stderr);
	fputs(op->tail[(op->printed - 1) % EXEC_TAIL_BYTES] == '\n' ? "---\n" : "\n---\n", stderr);
}
