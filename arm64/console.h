/*
 * The guest's first UART and the outside: stdin and stdout, a pseudo terminal, a file or nothing.
 * Output is collected and written in batches, at most CONSOLE_FLUSH_NS later; input waits in its
 * source until the guest has room, so none is lost.
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

/* What the console tells its owner. Main thread. */
struct console_ops {
	void (*quit)(void *world);              /* Ctrl-a x, or nobody reads the output any more */
	void (*panic)(void *world, bool final); /* panic text seen; final: the guest halted there */
};

#define CONSOLE_DROP_NS UINT64_C(1000000000)

struct console {
	struct loop *loop;
	struct uart *uart;
	const struct console_ops *ops;
	void *world;
	int in_fd, out_fd; /* -1: none */
	int keep_fd;       /* other end of the pty, held open so that it does not hang up */
	int flush_fd;      /* timerfd */
	int space_fd;      /* eventfd: the guest made room for input */
	bool own_in, own_out;
	bool in_pollable; /* false: a regular file, always readable */
	bool in_paused;   /* waiting for room in the guest */
	bool tty;         /* raw mode was set on stdin; escape keys work */
	bool escape;      /* Ctrl-a was typed */
	uint8_t in[256];  /* read from in_fd, not yet taken by the UART */
	unsigned in_head, in_len;
	uint8_t out[4096]; /* taken from the UART, not yet written */
	unsigned out_head, out_len;
	bool out_waiting; /* for out_fd to take more */
	bool may_drop;    /* a pty: output is lost while nobody reads it for CONSOLE_DROP_NS */
	bool out_dropping;
	unsigned panic_match[2];
};

/* Attach `uart`'s world to what config asks for. On success uart_init() may be given
 * console_uart_ops with the console as its world. 0, or -errno with `err` written. */
int console_open(struct console *console, const struct run_config *config, struct loop *loop,
		 const struct console_ops *ops, void *world, struct err *err)
	__attribute__((warn_unused_result));

/* Tell the console which UART it serves and begin to read input. */
void console_attach(struct console *console, struct uart *uart);

/* Write all output there is, waiting up to `wait_ms` for a slow reader; main thread. */
void console_flush(struct console *console, int wait_ms);

/* Flush, restore the terminal, close. Safe on a console that never opened (all fds -1). */
void console_close(struct console *console);

extern const struct uart_ops console_uart_ops;

#endif
