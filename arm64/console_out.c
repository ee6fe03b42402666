/*
 * The console's way out: from the UART's ring to a descriptor, in batches. Watches the text for a
 * kernel panic on its way.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "arm64/console_private.h"
#include "lib/clock.h"
#include "lib/log.h"

/* A descriptor that may block takes this much at once when poll() calls it writable: less than any
 * pipe, terminal or socket has room for then. */
#define BLOCKING_CHUNK 256

/* What a Linux kernel prints when it dies. After the second it does nothing any more. The first
 * byte of each does not come again in it, so a mismatch can only start over at the byte at hand. */
static const char *const panic_text[2] = {
	"Kernel panic - not syncing",
	"[ end Kernel panic",
};

static void watch_for_panic(struct console *con, unsigned text, uint8_t byte)
{
	unsigned *m = &con->out.panic_match[text];

	if (byte != (uint8_t)panic_text[text][*m])
		*m = 0;
	if (byte == (uint8_t)panic_text[text][*m])
		++*m;
	if (panic_text[text][*m] != '\0')
		return;
	*m = 0;
	con->ops->panic(con->world, text == 1);
}

static void refill(struct console *con)
{
	struct console_out *out = &con->out;

	device_lock(&con->uart->dev);
	out->head = 0;
	out->len = uart_drain(con->uart, out->buf, sizeof(out->buf));
	device_unlock(&con->uart->dev);
	for (unsigned i = 0; i < out->len; i++) {
		watch_for_panic(con, 0, out->buf[i]);
		watch_for_panic(con, 1, out->buf[i]);
	}
	if (out->len && con->ops->output)
		con->ops->output(con->world, out->buf, out->len);
}

static void lose_output(struct console *con, int error)
{
	struct console_out *out = &con->out;

	log_warn("stopping: console output can go nowhere: %s", strerror(error));
	loop_remove(con->loop, out->fd);
	if (out->own)
		close(out->fd);
	out->fd = -1;
	out->len = 0;
	out->waiting = false;
	con->ops->quit(con->world);
}

/* The time to wait for a reader who takes nothing begins anew when he took something. */
static void start_drop_time(struct console *con)
{
	struct console_out *out = &con->out;

	if (!out->may_drop || out->drop_at_ns)
		return;
	out->drop_at_ns = clock_now_ns() + CONSOLE_DROP_NS;
	console_arm_flush(con, CONSOLE_DROP_NS);
}

static void wait_for_reader(struct console *con, bool wait)
{
	struct console_out *out = &con->out;

	if (wait)
		start_drop_time(con);
	else
		out->drop_at_ns = 0;
	if (out->waiting == wait)
		return;
	out->waiting = wait;
	loop_modify(con->loop, out->fd, wait ? EPOLLOUT : 0);
}

/* Like write(2) on a descriptor that does not block. */
static ssize_t write_some(const struct console_out *out)
{
	struct pollfd p = { .fd = out->fd, .events = POLLOUT };
	size_t n = out->len;

	if (!out->blocking)
		return write(out->fd, out->buf + out->head, n);
	if (poll(&p, 1, 0) <= 0) {
		errno = EAGAIN;
		return -1;
	}
	return write(out->fd, out->buf + out->head, n < BLOCKING_CHUNK ? n : BLOCKING_CHUNK);
}

/* One step. False: the reader takes no more now. */
static bool write_once(struct console *con)
{
	struct console_out *out = &con->out;
	ssize_t n;

	if (out->fd < 0) {
		out->len = 0;
		return true;
	}
	n = write_some(out);
	if (n >= 0) {
		out->head += (unsigned)n;
		out->len -= (unsigned)n;
		return true;
	}
	if (errno == EINTR)
		return true;
	if (errno != EAGAIN) {
		lose_output(con, errno);
		return true;
	}
	if (out->dropping)
		out->len = 0;
	return out->dropping;
}

void console_pump_out(struct console *con)
{
	while (con->uart) {
		if (!con->out.len)
			refill(con);
		if (!con->out.len)
			break;
		if (!write_once(con)) {
			wait_for_reader(con, true);
			return;
		}
	}
	if (!con->out.dropping)
		wait_for_reader(con, false);
}

void console_arm_flush(struct console *con, uint64_t delay_ns)
{
	struct itimerspec when = { .it_value = clock_timespec(delay_ns) };

	timerfd_settime(con->flush_fd, 0, &when, NULL);
}

void console_on_flush(void *arg, uint32_t events)
{
	struct console *con = arg;
	struct console_out *out = &con->out;
	uint64_t expired, now_ns;

	(void)events;
	if (read(con->flush_fd, &expired, sizeof(expired)) <= 0)
		return;
	if (!out->waiting) {
		console_pump_out(con);
		return;
	}
	if (!out->may_drop)
		return; /* on_writable will come */
	/* A pty nobody has open fills up and stays full. After a while the guest goes on without.
	 * The guest's output arms the same timer, so it may have come too early. */
	now_ns = clock_now_ns();
	if (now_ns < out->drop_at_ns) {
		console_arm_flush(con, out->drop_at_ns - now_ns);
		return;
	}
	/* Only on_writable ends this: a pty may have room for a little more without a reader. */
	out->dropping = true;
	console_pump_out(con);
}

void console_on_writable(void *arg, uint32_t events)
{
	struct console *con = arg;

	if (!(events & EPOLLOUT) && events & (EPOLLERR | EPOLLHUP))
		lose_output(con, EPIPE);
	con->out.dropping = false;
	con->out.drop_at_ns = 0;
	console_pump_out(con);
}

bool console_flush(struct console *con)
{
	if (con->loop)
		console_pump_out(con);
	return !con->out.waiting || con->out.dropping;
}
