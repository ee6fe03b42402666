/*
 * What --port says: NAME[,in=FILE][,out=FILE][,console]. A comma that belongs to a file's name is written with a
 * backslash before it. Pure.
 */
#ifndef VIRTIO_CONSOLE_OPTIONS_H
#define VIRTIO_CONSOLE_OPTIONS_H

#include <stdbool.h>
#include <stdio.h>

#include "lib/err.h"
#include "lib/keylist.h"

#define CONSOLE_PORT_NAME_MAX 31 /* bytes, without a final 0 */

/* Plain data; strings are copies, empty: not given. */
struct console_port_options {
	char name[CONSOLE_PORT_NAME_MAX + 1]; /* the guest's /dev/virtio-ports/NAME */
	char in[KEYLIST_MAX_BYTES];           /* the guest reads this file or FIFO */
	char out[KEYLIST_MAX_BYTES]; /* ... writes this one: made or truncated, but for a FIFO */
	bool console;                /* a terminal of the guest: hvc0, hvc1, ... */
};

/* Read `text`. 0, or -errno with `err`, a sentence that continues after the quoted text; *o is then as it
 * was. */
int console_port_parse(struct console_port_options *o, const char *text, struct err *err)
	__attribute__((warn_unused_result));

/* Write the form that console_port_parse() reads. */
void console_port_print(const struct console_port_options *o, FILE *out);

#endif
