/*
 * See console.h. Main thread, but for the two uart_ops, which come on a vCPU's thread and only arm
 * a timer or signal an eventfd.
 */
#include "arm64/console.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/tty.h"

#define KEY_ESCAPE 0x01 /* Ctrl-a */

/* What a Linux kernel prints when it dies. After the second line it does nothing any more. */
static const char *const panic_text[2] = {
	"Kernel panic - not syncing",
	"---[ end Kernel panic",
};

/* ---- the vCPU's side ---- */

static void arm_flush(struct console *con, uint64_t delay_ns)
{
	struct itimerspec when = { .it_value = clock_timespec(delay_ns) };

	timerfd_settime(con->flush_fd, 0, &when, NULL);
}

static void on_tx_ready(void *world, bool urgent)
{
	arm_flush(world, urgent ? 1 : CONSOLE_FLUSH_NS);
}

static void on_rx_space(void *world)
{
	struct console *con = world;
	uint64_t one = 1;

	if (write(con->space_fd, &one, sizeof(one)) < 0)
		log_error("cannot wake the console: %s", strerror(errno));
}

const struct uart_ops console_uart_ops = { .tx_ready = on_tx_ready, .rx_space = on_rx_space };

/* ---- output ---- */

static void watch_for_panic(struct console *con, const uint8_t *bytes, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		for (unsigned t = 0; t < 2; t++) {
			unsigned *m = &con->panic_match[t];

			/* No text has its first byte again in its beginning, so a mismatch can only
			 * start over at this very byte. */
			if (bytes[i] != (uint8_t)panic_text[t][*m])
				*m = 0;
			if (bytes[i] == (uint8_t)panic_text[t][*m])
				++*m;
			if (panic_text[t][*m] != '\0')
				continue;
			*m = 0;
			con->ops->panic(con->world, t == 1);
		}
	}
}

static void refill(struct console *con)
{
	pthread_mutex_lock(&con->uart->dev.lock);
	con->out_head = 0;
	con->out_len = uart_drain(con->uart, con->out, sizeof(con->out));
	pthread_mutex_unlock(&con->uart->dev.lock);
	watch_for_panic(con, con->out, con->out_len);
}

static void lose_reader(struct console *con, int error)
{
	log_warn("nobody reads the console any more: %s", strerror(error));
	loop_remove(con->loop, con->out_fd);
	con->out_fd = -1;
	con->out_len = 0;
	con->ops->quit(con->world);
}

static void wait_for_reader(struct console *con, bool wait)
{
	if (con->out_waiting == wait)
		return;
	con->out_waiting = wait;
	con->out_dropping = false;
	if (wait && con->may_drop)
		arm_flush(con, CONSOLE_DROP_NS);
	loop_modify(con->loop, con->out_fd, wait ? EPOLLOUT : 0);
}

/* Write until there is nothing left, or the reader takes no more. */
static void pump_out(struct console *con)
{
	while (con->uart) {
		ssize_t n;

		if (!con->out_len)
			refill(con);
		if (!con->out_len)
			break;
		if (con->out_fd < 0) {
			con->out_len = 0;
			continue;
		}
		n = write(con->out_fd, con->out + con->out_head, con->out_len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN && con->out_dropping) {
			con->out_len = 0;
			continue;
		}
		if (n < 0 && errno == EAGAIN) {
			wait_for_reader(con, true);
			return;
		}
		if (n < 0) {
			lose_reader(con, errno);
			continue;
		}
		con->out_head += (unsigned)n;
		con->out_len -= (unsigned)n;
	}
	if (!con->out_dropping)
		wait_for_reader(con, false);
}

static void on_flush(void *arg, uint32_t events)
{
	struct console *con = arg;
	uint64_t expired;

	(void)events;
	if (read(con->flush_fd, &expired, sizeof(expired)) <= 0)
		return;
	/* A pty nobody has open fills up and stays full. After a while the guest goes on without. */
	if (con->out_waiting && con->may_drop)
		con->out_dropping = true;
	if (!con->out_waiting || con->out_dropping)
		pump_out(con);
}

void console_flush(struct console *con, int wait_ms)
{
	uint64_t deadline = clock_now_ns() + (uint64_t)wait_ms * NS_PER_MS;

	pump_out(con);
	while (con->out_waiting && clock_now_ns() < deadline) {
		struct pollfd p = { .fd = con->out_fd, .events = POLLOUT };

		if (poll(&p, 1, wait_ms) <= 0)
			return;
		pump_out(con);
	}
}

/* ---- input ---- */

static const char help_text[] = "\r\n"
				"Ctrl-a x  stop the guest and quit\r\n"
				"Ctrl-a b  send a BREAK (magic SysRq on Linux)\r\n"
				"Ctrl-a a  send Ctrl-a\r\n"
				"Ctrl-a h  this help\r\n";

/* The key after Ctrl-a. True: `*key` goes to the guest. */
static bool escape_key(struct console *con, const uint8_t *key)
{
	switch (*key) {
	case 'x':
	case 'X':
		con->ops->quit(con->world);
		return false;
	case 'b':
	case 'B':
		pthread_mutex_lock(&con->uart->dev.lock);
		uart_break(con->uart);
		pthread_mutex_unlock(&con->uart->dev.lock);
		return false;
	case 'a':
	case KEY_ESCAPE:
		return true;
	default:
		if (write(STDERR_FILENO, help_text, sizeof(help_text) - 1) < 0)
			return false;
		return false;
	}
}

/* Take the escape keys out of con->in[0..n); returns how many bytes are left for the guest. */
static unsigned filter_keys(struct console *con, unsigned n)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < n; i++) {
		uint8_t key = con->in[i];

		if (con->escape) {
			con->escape = false;
			if (escape_key(con, &key))
				con->in[kept++] = KEY_ESCAPE;
		} else if (key == KEY_ESCAPE) {
			con->escape = true;
		} else {
			con->in[kept++] = key;
		}
	}
	return kept;
}

/* Hand what was read to the UART. True if it took all. */
static bool feed_uart(struct console *con)
{
	unsigned taken;

	if (!con->in_len)
		return true;
	pthread_mutex_lock(&con->uart->dev.lock);
	taken = uart_receive(con->uart, con->in + con->in_head, con->in_len);
	pthread_mutex_unlock(&con->uart->dev.lock);
	con->in_head += taken;
	con->in_len -= taken;
	return con->in_len == 0;
}

static void pause_input(struct console *con, bool pause)
{
	if (con->in_paused == pause)
		return;
	con->in_paused = pause;
	if (con->in_pollable)
		loop_modify(con->loop, con->in_fd, pause ? 0 : EPOLLIN);
}

static void end_input(struct console *con)
{
	loop_remove(con->loop, con->in_fd);
	if (con->own_in)
		close(con->in_fd);
	con->in_fd = -1;
}

/* Read once. False: there is nothing (more) to read now. */
static bool read_input(struct console *con)
{
	ssize_t n = read(con->in_fd, con->in, sizeof(con->in));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	/* A pty whose other end is closed gives EIO; keep_fd prevents that. The rest is the end. */
	if (n <= 0) {
		end_input(con);
		return false;
	}
	con->in_head = 0;
	con->in_len = con->tty ? filter_keys(con, (unsigned)n) : (unsigned)n;
	return true;
}

static void pump_in(struct console *con)
{
	while (con->uart) {
		if (!feed_uart(con)) {
			pause_input(con, true);
			return;
		}
		if (con->in_fd < 0 || !read_input(con))
			break;
		/* One read for each time it was said to be readable; a file always is. */
		if (con->in_pollable && feed_uart(con))
			break;
	}
	pause_input(con, false);
}

static void on_readable(void *arg, uint32_t events)
{
	(void)events;
	pump_in(arg);
}

static void on_space(void *arg, uint32_t events)
{
	struct console *con = arg;
	uint64_t count;

	(void)events;
	if (read(con->space_fd, &count, sizeof(count)) > 0)
		pump_in(con);
}

static void on_writable(void *arg, uint32_t events)
{
	struct console *con = arg;

	(void)events;
	con->out_dropping = false;
	pump_out(con);
}

/* ---- opening and closing ---- */

/* A descriptor of our own for stdin or stdout that does not block. O_NONBLOCK on the inherited one
 * would change it for every process that shares it. Files never block; sockets cannot be opened
 * again and stay as they are. */
static int reopen(int fd, int flags)
{
	struct stat st;
	char path[32];
	int own;

	if (fstat(fd, &st) < 0)
		return -1;
	if (S_ISREG(st.st_mode))
		return fd;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	own = open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	return own < 0 ? fd : own;
}

static void open_stdio(struct console *con)
{
	if (!tty_in_background(STDIN_FILENO)) {
		con->tty = tty_raw(STDIN_FILENO);
		con->in_fd = reopen(STDIN_FILENO, O_RDONLY);
	}
	con->own_in = con->in_fd > STDERR_FILENO;
	con->out_fd = reopen(STDOUT_FILENO, O_WRONLY);
	con->own_out = con->out_fd > STDERR_FILENO;
}

static int open_pty(struct console *con, struct err *err)
{
	char name[64];
	int fd = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0 || grantpt(fd) < 0 || unlockpt(fd) < 0 ||
	    ptsname_r(fd, name, sizeof(name)) != 0) {
		int e = errno;

		if (fd >= 0)
			close(fd);
		return err_set(err, -e, "--console pty: cannot make a pseudo terminal: %s",
			       strerror(e));
	}
	con->in_fd = fd;
	con->out_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0); /* in the loop each has events of its own */
	con->own_in = con->own_out = con->may_drop = true;
	/* Without an open other end every read fails until somebody opens it. */
	con->keep_fd = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (con->keep_fd >= 0)
		tty_make_raw(con->keep_fd);
	fprintf(stderr, "rasvm: console on %s\n", name);
	return 0;
}

static int open_file(struct console *con, const char *path, struct err *err)
{
	con->out_fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	con->own_out = true;
	if (con->out_fd < 0)
		return err_set(err, -errno, "--console %s: %s", path, strerror(errno));
	return 0;
}

static int open_ends(struct console *con, const struct run_config *config, struct err *err)
{
	switch (config->console) {
	case CONSOLE_STDIO:
		open_stdio(con);
		return 0;
	case CONSOLE_PTY:
		return open_pty(con, err);
	case CONSOLE_FILE:
		return open_file(con, config->console_path, err);
	case CONSOLE_NONE:
		break;
	}
	return 0;
}

int console_open(struct console *con, const struct run_config *config, struct loop *loop,
		 const struct console_ops *ops, void *world, struct err *err)
{
	int r;

	*con = (struct console){
		.loop = loop, .ops = ops, .world = world, .in_fd = -1, .out_fd = -1, .keep_fd = -1
	};
	con->flush_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	con->space_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (con->flush_fd < 0 || con->space_fd < 0)
		return err_set(err, -errno, "console: %s", strerror(errno));
	r = open_ends(con, config, err);
	if (r == 0)
		r = loop_add(loop, con->flush_fd, EPOLLIN, on_flush, con);
	if (r == 0)
		r = loop_add(loop, con->space_fd, EPOLLIN, on_space, con);
	return r;
}

void console_attach(struct console *con, struct uart *uart)
{
	con->uart = uart;
	if (con->out_fd >= 0 && loop_add(con->loop, con->out_fd, 0, on_writable, con) < 0)
		log_debug("console output is a file: it never blocks");
	if (con->in_fd < 0)
		return;
	con->in_pollable = loop_add(con->loop, con->in_fd, EPOLLIN, on_readable, con) == 0;
	if (!con->in_pollable)
		pump_in(con);
}

static void close_fd(int *fd, bool own)
{
	if (*fd >= 0 && own)
		close(*fd);
	*fd = -1;
}

void console_close(struct console *con)
{
	if (!con->loop)
		return;
	console_flush(con, 1000);
	loop_remove(con->loop, con->in_fd);
	loop_remove(con->loop, con->out_fd);
	loop_remove(con->loop, con->flush_fd);
	loop_remove(con->loop, con->space_fd);
	if (con->tty)
		tty_restore();
	close_fd(&con->in_fd, con->own_in);
	close_fd(&con->out_fd, con->own_out);
	close_fd(&con->keep_fd, true);
	close_fd(&con->flush_fd, true);
	close_fd(&con->space_fd, true);
}
