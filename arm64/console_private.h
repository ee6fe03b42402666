/* Between console.c, console_in.c and console_out.c. */
#ifndef ARM64_CONSOLE_PRIVATE_H
#define ARM64_CONSOLE_PRIVATE_H

#include "arm64/console.h"

/* Write until there is nothing left or the reader takes no more. */
void console_pump_out(struct console *con);

/* The flush timer, `delay_ns` from now. Any thread. */
void console_arm_flush(struct console *con, uint64_t delay_ns);

/* Loop functions; `arg` is the console. */
void console_on_flush(void *arg, uint32_t events);
void console_on_writable(void *arg, uint32_t events);
void console_on_readable(void *arg, uint32_t events);
void console_on_space(void *arg, uint32_t events);

/* Hand input to the guest while it has room; of a file, read on. */
void console_pump_in(struct console *con);

#endif
