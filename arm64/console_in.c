/*
 * The console's way in: from a descriptor to the UART's receive FIFO, no faster than the guest
 * reads, and the operator's escape keys.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "arm64/console_private.h"

#define KEY_ESCAPE 0x01 /* Ctrl-a */

static const char help_text[] = "\r\n"
				"Ctrl-a x  stop the guest and quit\r\n"
				"Ctrl-a b  send a BREAK (magic SysRq on Linux)\r\n"
				"Ctrl-a p  pause the guest, or go on\r\n"
				"Ctrl-a o  press the power button\r\n"
				"Ctrl-a m  list the memory that is known to be bad\r\n"
				"Ctrl-a a  send Ctrl-a\r\n"
				"Ctrl-a h  this help\r\n";

static void send_break(struct console *con)
{
	device_lock(&con->uart->dev);
	uart_break(con->uart);
	device_unlock(&con->uart->dev);
}

static void tell(const struct console *con, void (*fn)(void *world))
{
	if (fn)
		fn(con->world);
}

/* The key after Ctrl-a. True: a Ctrl-a goes to the guest. */
static bool escape_key(struct console *con, uint8_t key)
{
	switch (key) {
	case 'x':
	case 'X':
		con->ops->quit(con->world);
		return false;
	case 'b':
	case 'B':
		send_break(con);
		return false;
	case 'p':
	case 'P':
		tell(con, con->ops->pause);
		return false;
	case 'o':
	case 'O':
		tell(con, con->ops->button);
		return false;
	case 'm':
	case 'M':
		tell(con, con->ops->list_errors);
		return false;
	case 'a':
	case KEY_ESCAPE:
		return true;
	default:
		(void)!write(STDERR_FILENO, help_text, sizeof(help_text) - 1);
		return false;
	}
}

/* Queue a typed byte; dropped if CONSOLE_IN_BYTES wait already. */
static void queue_key(struct console_in *in, uint8_t byte)
{
	if (in->len < sizeof(in->buf))
		in->buf[in->len++] = byte;
}

static void take_keys(struct console *con, const uint8_t *keys, unsigned n)
{
	struct console_in *in = &con->in;

	for (unsigned i = 0; i < n; i++) {
		if (in->escape) {
			in->escape = false;
			if (escape_key(con, keys[i]))
				queue_key(in, KEY_ESCAPE);
		} else if (keys[i] == KEY_ESCAPE) {
			in->escape = true;
		} else {
			queue_key(in, keys[i]);
		}
	}
}

/* Hand what was read to the UART. True if it took all. */
static bool feed_uart(struct console *con)
{
	struct console_in *in = &con->in;
	unsigned taken;

	if (!in->len)
		return true;
	device_lock(&con->uart->dev);
	taken = uart_receive(con->uart, in->buf + in->head, in->len);
	device_unlock(&con->uart->dev);
	if (taken && con->ops->input)
		con->ops->input(con->world, in->buf + in->head, taken);
	in->head += taken;
	in->len -= taken;
	return in->len == 0;
}

/* So that there is room behind what waits. */
static void move_to_start(struct console_in *in)
{
	memmove(in->buf, in->buf + in->head, in->len);
	in->head = 0;
}

int console_send(struct console *con, const void *bytes, uint32_t n)
{
	struct console_in *in = &con->in;

	if (!con->uart || n > sizeof(in->buf) - in->len)
		return -EAGAIN;
	move_to_start(in);
	memcpy(in->buf + in->len, bytes, n);
	in->len += n;
	feed_uart(con);
	return 0;
}

static void pause_input(struct console *con, bool pause)
{
	struct console_in *in = &con->in;

	if (in->paused == pause)
		return;
	in->paused = pause;
	/* epoll reports a hang-up whether or not it was asked for; edge-triggered it does so once
	 * and not in a loop. */
	if (in->pollable)
		loop_modify(con->loop, in->fd, pause ? EPOLLET : EPOLLIN);
}

static void end_input(struct console *con)
{
	struct console_in *in = &con->in;

	loop_remove(con->loop, in->fd);
	if (in->own)
		close(in->fd);
	in->fd = -1;
}

/* A read(2) that found nothing: is that the end? A pty without a far end gives EIO; console.c keeps
 * one open. */
static void read_nothing(struct console *con, ssize_t n)
{
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	end_input(con);
}

/* Into an empty buffer. False: there is nothing (more) to read now. */
static bool read_stream(struct console *con)
{
	struct console_in *in = &con->in;
	ssize_t n = read(in->fd, in->buf, sizeof(in->buf));

	if (n <= 0) {
		read_nothing(con, n);
		return false;
	}
	in->head = 0;
	in->len = (unsigned)n;
	return true;
}

/* Feed the guest, reading when it wants more. A file can be read at any time; of what can be polled
 * only one read is known not to block, and that when it was said to be `readable`. */
static void pump(struct console *con, bool readable)
{
	struct console_in *in = &con->in;

	while (feed_uart(con)) {
		if (in->fd < 0 || !readable || !read_stream(con)) {
			pause_input(con, false);
			return;
		}
		readable = !in->pollable;
	}
	pause_input(con, true);
}

void console_pump_in(struct console *con)
{
	if (!con->in.tty)
		pump(con, !con->in.pollable);
}

/* A terminal is read even while the guest takes nothing: Ctrl-a x must work then above all. */
static void pump_keys(struct console *con)
{
	struct console_in *in = &con->in;
	uint8_t keys[256];
	ssize_t n = read(in->fd, keys, sizeof(keys));

	if (n <= 0) {
		read_nothing(con, n);
		return;
	}
	move_to_start(in);
	take_keys(con, keys, (unsigned)n);
	feed_uart(con);
}

void console_on_readable(void *arg, uint32_t events)
{
	struct console *con = arg;

	(void)events;
	if (con->in.paused)
		return; /* a hang-up; it is read when the guest has room */
	if (con->in.tty)
		pump_keys(con);
	else
		pump(con, true);
}

void console_on_space(void *arg, uint32_t events)
{
	struct console *con = arg;
	uint64_t count;

	(void)events;
	if (read(con->space_fd, &count, sizeof(count)) <= 0 || !con->uart)
		return;
	if (con->in.tty)
		feed_uart(con);
	else
		console_pump_in(con);
}
