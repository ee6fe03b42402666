/*
 * Opening and closing the console's ends. See console.h; console_out.c and console_in.c move the
 * bytes. Main thread, but for the two uart_ops, which come on a vCPU's thread and only arm a timer
 * or signal an eventfd.
 */
#include "arm64/console.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "arm64/console_private.h"
#include "lib/log.h"
#include "lib/tty.h"

static void on_tx_ready(void *world, bool urgent)
{
	console_arm_flush(world, urgent ? 1 : CONSOLE_FLUSH_NS);
}

static void on_rx_space(void *world)
{
	struct console *con = world;
	uint64_t one = 1;

	if (write(con->space_fd, &one, sizeof(one)) < 0)
		log_error("cannot wake the console: %s", strerror(errno));
}

const struct uart_ops console_uart_ops = { .tx_ready = on_tx_ready, .rx_space = on_rx_space };

/* A descriptor of our own for stdin or stdout that does not block. O_NONBLOCK on the inherited one
 * would change it for every process that shares it. A socket cannot be opened again, nor can a
 * terminal of another user: those stay as they are and *blocking says so. Files never block. */
static int reopen(int fd, int flags, bool *blocking)
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
	*blocking = own < 0;
	return own < 0 ? fd : own;
}

static void open_stdio(struct console *con)
{
	bool in_blocking = false; /* read only when epoll says so */

	if (!tty_in_background(STDIN_FILENO)) {
		con->in.tty = tty_raw(STDIN_FILENO);
		con->in.fd = reopen(STDIN_FILENO, O_RDONLY, &in_blocking);
	}
	con->in.own = con->in.fd > STDERR_FILENO;
	con->out.fd = reopen(STDOUT_FILENO, O_WRONLY, &con->out.blocking);
	con->out.own = con->out.fd > STDERR_FILENO;
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
	con->in.fd = fd;
	con->out.fd = fcntl(fd, F_DUPFD_CLOEXEC, 0); /* in the loop each has events of its own */
	con->in.own = con->out.own = con->out.may_drop = true;
	/* Without an open other end every read fails until somebody opens it. */
	con->keep_fd = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (con->keep_fd >= 0)
		tty_make_raw(con->keep_fd);
	fprintf(stderr, "rasvm: console on %s\n", name);
	return 0;
}

static int open_file(struct console *con, const char *path, struct err *err)
{
	con->out.fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	con->out.own = true;
	if (con->out.fd < 0)
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
		.loop = loop,
		.ops = ops,
		.world = world,
		.in.fd = -1,
		.out.fd = -1,
		.keep_fd = -1,
		.flush_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC),
		.space_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC),
	};
	if (con->flush_fd < 0 || con->space_fd < 0)
		return err_set(err, -EMFILE, "console: cannot make a timer and an event");
	r = open_ends(con, config, err);
	if (r)
		return r;
	r = loop_add(loop, con->flush_fd, EPOLLIN, console_on_flush, con);
	if (r == 0)
		r = loop_add(loop, con->space_fd, EPOLLIN, console_on_space, con);
	return r ? err_set(err, r, "console: %s", strerror(-r)) : 0;
}

void console_attach(struct console *con, struct uart *uart)
{
	con->uart = uart;
	if (con->out.fd >= 0 && loop_add(con->loop, con->out.fd, 0, console_on_writable, con) < 0)
		log_debug("console output goes to a file, which never blocks");
	if (con->in.fd < 0)
		return;
	con->in.pollable = loop_add(con->loop, con->in.fd, EPOLLIN, console_on_readable, con) == 0;
	if (!con->in.pollable)
		console_pump_in(con);
}

static void close_fd(struct console *con, int *fd, bool own)
{
	loop_remove(con->loop, *fd);
	if (*fd >= 0 && own)
		close(*fd);
	*fd = -1;
}

void console_close(struct console *con)
{
	if (!con->loop)
		return;
	if (con->in.tty)
		tty_restore();
	close_fd(con, &con->in.fd, con->in.own);
	close_fd(con, &con->out.fd, con->out.own);
	close_fd(con, &con->keep_fd, true);
	close_fd(con, &con->flush_fd, true);
	close_fd(con, &con->space_fd, true);
	con->loop = NULL;
}
