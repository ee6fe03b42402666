/*
 * An error that explains itself. The function that finds the fault writes one line (what was asked,
 * what was found, what to do); callers pass it up unchanged and whoever owns the terminal prints it.
 */
#ifndef LIB_ERR_H
#define LIB_ERR_H

struct err {
	char text[512]; /* one line, no newline at the end; empty: nothing written */
};

/* Write the text and return `code` (a negative errno), so that callers can write
 * `return err_set(err, -EINVAL, ...)`. A text that is too long is cut. `e` may be NULL. */
int err_set(struct err *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
