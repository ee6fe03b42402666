/*
 * The guest's first UART and the outside: stdin and stdout, a pseudo terminal, a file or nothing.
 * Output is collected and written in batches, at most CONSOLE_FLUSH_NS later; input waits in its
 * source until the guest has room, so none is lost. Only a terminal is read at any time, for its
 * escape keys; what is typed while CONSOLE_IN_BYTES wait for the guest is dropped.
 */
#ifndef ARM64_CONSOLE_H
#define ARM64_CONSOLE_H

#include <stdbool.h>
#include <stdint.h>

#include "arm64/config.h"
#include "arm64/dev/uart.h"
#include "lib/err.h"
#include "lib/loop.h"

#define CONSOLE_FLUSH_NS UINT64_C(5000000) /* the promise is 10 ms; half is left for scheduling */
#define CONSOLE_DROP_NS  UINT64_C(1000000000)
#define CONSOLE_IN_BYTES 4096

/* What the console tells its owner. Main thread. */
struct console_ops {
	void (*quit)(void *world);        /* Ctrl-a x, or the output can go nowhere any more */
	void (*pause)(void *world);       /* Ctrl-a p: pause or go on; may be NULL */
	void (*button)(void *world);      /* Ctrl-a o: the power button; may be NULL */
	void (*list_errors)(void *world); /* Ctrl-a m: bad memory; may be NULL */
	/* Bytes the guest printed; may be NULL. */
	void (*output)(void *world, const uint8_t *bytes, unsigned n);
	/* Bytes were given to the guest as input; may be NULL. */
	void (*input)(void *world, const uint8_t *bytes, unsigned n);
	void (*panic)(void *world, bool final); /* panic text seen; final: the guest halted there */
};

struct console_out {
	int fd; /* -1: none */
	bool own;
	bool blocking; /* O_NONBLOCK could not be had: ask before each write */
	bool waiting;  /* for fd to take more */
	bool may_drop; /* a pty: output is lost while nobody reads it for CONSOLE_DROP_NS */
	bool dropping;
	uint64_t drop_at_ns; /* while waiting: unless the reader takes something; else 0 */
	uint8_t buf[4096];   /* taken from the UART, not yet written */
	unsigned head, len;
	unsigned panic_match[2];
};

struct console_in {
	int fd; /* -1: none, or ended */
	bool own;
	bool pollable;                 /* false: a regular file, always readable */
	bool paused;                   /* waiting for room in the guest */
	bool tty;                      /* raw mode was set on stdin; escape keys work */
	bool escape;                   /* Ctrl-a was typed */
	uint8_t buf[CONSOLE_IN_BYTES]; /* read from fd, not yet taken by the UART */
	unsigned head, len;
};

struct console {
	struct loop *loop; /* NULL: never opened */
	struct uart *uart;
	const struct console_ops *ops;
	void *world;
	struct console_out out;
	struct console_in in;
	int keep_fd;  /* other end of the pty, held open so that it does not hang up */
	int flush_fd; /* timerfd: output waits */
	int space_fd; /* eventfd: the guest made room for input */
};

/* Open what config asks for and join the loop. 0, or -errno with `err` written; console_close() is
 * to be called in both cases. Main thread, as all that follows. */
int console_open(struct console *console, const struct run_config *config, struct loop *loop,
		 const struct console_ops *ops, void *world, struct err *err)
	__attribute__((warn_unused_result));

/* Tell the console which UART it serves (whose ops are console_uart_ops and whose world is the
 * console) and begin to read input. */
void console_attach(struct console *console, struct uart *uart);

/* Give the guest input as if it had been typed, behind what waits already. All or nothing: 0, or -EAGAIN: no
 * room now. n is at most CONSOLE_IN_BYTES. */
int console_send(struct console *console, const void *bytes, uint32_t n)
	__attribute__((warn_unused_result));

/* Write what can be written without waiting. True if nothing is left that a reader may still
 * take; false: it waits for the reader, run the loop. */
bool console_flush(struct console *console);

/* Restore the terminal, leave the loop, close. Safe on a zeroed console. */
void console_close(struct console *console);

extern const struct uart_ops console_uart_ops;

#endif
