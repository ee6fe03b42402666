/*
 * A console as arm64/machine.c has it, with a loop and a UART, for the tests of arm64/console*.c.
 * The test holds the far ends of stdin and stdout and plays the guest on the UART's registers. The
 * test program's own stdin and stdout are put away meanwhile and come back in fixture_destroy().
 */
#ifndef TESTS_UNIT_CONSOLE_FIXTURE_H
#define TESTS_UNIT_CONSOLE_FIXTURE_H

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "arm64/console.h"
#include "arm64/dev/bus.h"
#include "lib/clock.h"

#define UART_BASE        UINT64_C(0x01000000)
#define WATCHDOG_SECONDS 60 /* a loop that blocks kills the program */

enum { RBR = 0, THR = 0, FCR = 2, MCR = 4, LSR = 5 };
enum { LSR_DR = 0x01, LSR_THRE = 0x20 };

struct fixture {
	struct loop loop;
	struct bus bus;
	struct uart uart;
	struct console console;
	struct run_config config; /* all zero: stdin and stdout */
	struct err err;
	int saved[2]; /* the test program's stdin and stdout */
	int in, out;  /* far ends, which do not block; -1: none */
	unsigned quits, pauses, panics, final_panics;
};

/* A stream of bytes that tells a lost, doubled or swapped byte, and has no Ctrl-a in it. */
struct stream {
	size_t n, wrong;
	size_t first_wrong;
};

static inline uint8_t stream_byte(size_t i)
{
	return (uint8_t)(2 + (i * 31 + i / 250 * 7) % 250);
}

static inline void stream_fill(uint8_t *bytes, size_t from, size_t n)
{
	for (size_t i = 0; i < n; i++)
		bytes[i] = stream_byte(from + i);
}

/* The next n bytes of the stream, as they arrived. */
static inline void stream_take(struct stream *s, const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++, s->n++) {
		if (bytes[i] != stream_byte(s->n) && !s->wrong++)
			s->first_wrong = s->n;
	}
}

static inline void expect_stream(const char *what, const struct stream *s, size_t n)
{
	if (s->n != n || s->wrong)
		fail_msg("%s: expected %zu bytes in order, found %zu, %zu of them wrong "
			 "(the first at %zu)",
			 what, n, s->n, s->wrong, s->first_wrong);
}

static inline void fixture_quit(void *world)
{
	((struct fixture *)world)->quits++;
}

static inline void fixture_panic(void *world, bool final)
{
	struct fixture *f = world;

	if (final)
		f->final_panics++;
	else
		f->panics++;
}

static inline void fixture_pause(void *world)
{
	((struct fixture *)world)->pauses++;
}

static const struct console_ops fixture_ops = {
	.quit = fixture_quit,
	.pause = fixture_pause,
	.panic = fixture_panic,
};

static inline int fixture_build(void **state)
{
	static struct fixture f;

	fflush(NULL);
	memset(&f, 0, sizeof(f));
	f.in = f.out = -1;
	for (int fd = 0; fd < 2; fd++)
		f.saved[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 10);
	if (loop_init(&f.loop, &f.err))
		return -1;
	uart_init(&f.uart, gpa(UART_BASE), (struct irq_line){ NULL, NULL, 32 }, &console_uart_ops,
		  &f.console);
	signal(SIGPIPE, SIG_IGN);
	alarm(WATCHDOG_SECONDS);
	*state = &f;
	return bus_add(&f.bus, &f.uart.dev, &f.err);
}

static inline void fixture_close_far(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Close the console and the far ends; others can be opened. */
static inline void fixture_close(struct fixture *f)
{
	console_close(&f->console);
	fixture_close_far(&f->in);
	fixture_close_far(&f->out);
}

static inline int fixture_destroy(void **state)
{
	struct fixture *f = *state;

	alarm(0);
	fixture_close(f);
	for (int fd = 0; fd < 2; fd++) {
		if (f->saved[fd] >= 0) {
			dup2(f->saved[fd], fd);
			close(f->saved[fd]);
		}
	}
	loop_close(&f->loop);
	return 0;
}

static inline void far_end(int *far, int fd)
{
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	*far = fd;
}

static inline void become(int fd, int as)
{
	dup2(fd, as);
	close(fd);
}

/* Stdin or stdout as one end of a pipe or of a stream socket; the other is f->in or f->out. */

static inline void stdin_is_pipe(struct fixture *f)
{
	int p[2];

	assert_int_equal(pipe(p), 0);
	become(p[0], STDIN_FILENO);
	far_end(&f->in, p[1]);
}

static inline void stdout_is_pipe(struct fixture *f)
{
	int p[2];

	assert_int_equal(pipe(p), 0);
	become(p[1], STDOUT_FILENO);
	far_end(&f->out, p[0]);
}

static inline void is_socket(int *far, int as)
{
	int p[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, p), 0);
	become(p[0], as);
	far_end(far, p[1]);
}

static inline void open_console(struct fixture *f)
{
	int ret = console_open(&f->console, &f->config, &f->loop, &fixture_ops, f, &f->err);

	if (ret)
		fail_msg("expected a console, found %d (%s)", ret, f->err.text);
	console_attach(&f->console, &f->uart);
}

/* The guest */

static inline uint8_t guest_get(struct fixture *f, uint64_t reg)
{
	uint64_t value = 0;

	bus_read(&f->bus, gpa(UART_BASE + reg), 1, &value);
	return (uint8_t)value;
}

static inline void guest_put(struct fixture *f, uint64_t reg, uint8_t value)
{
	bus_write(&f->bus, gpa(UART_BASE + reg), 1, value);
}

/* What a driver does to receive: FIFOs, RTS. */
static inline void guest_listen(struct fixture *f)
{
	guest_put(f, FCR, 0x01);
	guest_put(f, MCR, 0x0b);
}

/* Up to n bytes as long as the transmitter is idle; returns how many. */
static inline size_t guest_send(struct fixture *f, const uint8_t *bytes, size_t n)
{
	size_t sent = 0;

	while (sent < n && guest_get(f, LSR) & LSR_THRE)
		guest_put(f, THR, bytes[sent++]);
	return sent;
}

/* Up to n bytes that are there; returns how many. */
static inline size_t guest_receive(struct fixture *f, uint8_t *bytes, size_t n)
{
	size_t got = 0;

	while (got < n && guest_get(f, LSR) & LSR_DR)
		bytes[got++] = guest_get(f, RBR);
	return got;
}

/* The world */

/* Run the loop for so long; returns how often it had something to do or waited 10 ms in vain. */
static inline unsigned run_ms(struct fixture *f, unsigned ms)
{
	uint64_t end = clock_now_ns() + ms * NS_PER_MS;
	unsigned rounds = 0;

	do {
		assert_int_equal(loop_once(&f->loop, 10), 0);
		rounds++;
	} while (clock_now_ns() < end);
	return rounds;
}

/* What has come out since; 0: nothing. */
static inline size_t read_out(int fd, uint8_t *bytes, size_t n)
{
	ssize_t got = read(fd, bytes, n);

	return got > 0 ? (size_t)got : 0;
}

static inline void take_out(int fd, struct stream *s)
{
	uint8_t bytes[4096];
	size_t n;

	while ((n = read_out(fd, bytes, sizeof(bytes))))
		stream_take(s, bytes, n);
}

/* Write as much of the stream up to `total` as there is room for; returns how much is written. */
static inline size_t give_in(int fd, size_t done, size_t total)
{
	uint8_t bytes[4096];

	while (done < total) {
		size_t n = total - done < sizeof(bytes) ? total - done : sizeof(bytes);
		ssize_t put;

		stream_fill(bytes, done, n);
		put = write(fd, bytes, n);
		if (put <= 0)
			break;
		done += (size_t)put;
	}
	return done;
}

#endif
