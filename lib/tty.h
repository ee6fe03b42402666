/*
 * The terminal on stdin: raw mode, and back to what it was on every way out, including a crash.
 * The saved settings belong to the process, as the terminal does; there is one.
 */
#ifndef LIB_TTY_H
#define LIB_TTY_H

#include <stdbool.h>

/* If `fd` is a terminal: save its settings, set raw mode, arrange for the settings to come back if
 * rasvm dies of a signal. True if it is a terminal and raw now. */
bool tty_raw(int fd);

/* True if `fd` is a terminal that another process group uses now: reading or changing it would stop
 * this process. */
bool tty_in_background(int fd);

/* Set raw mode on a terminal nobody types at (a pty's far end); nothing is saved. */
void tty_make_raw(int fd);

/* Set raw mode again, after the process was stopped and continued. */
void tty_continue(void);

/* Put the saved settings back. Safe at any time, also in a signal handler. */
void tty_restore(void);

#endif
