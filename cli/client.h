/*
 * A connection to a running guest (docs/control.md), for the commands that control it. One request at a time;
 * events that come between are handed on. Waits with deadlines: a guest whose rasvm is stopped does not hang
 * its clients.
 */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arm64/ctl_dir.h"
#include "arm64/ctl_request.h"
#include "lib/err.h"
#include "lib/json_line.h"

#define CLIENT_PATIENCE_NS UINT64_C(10000000000) /* for an answer */
#define CLIENT_NO_DEADLINE UINT64_MAX

struct client {
	int fd;     /* -1: not connected */
	bool ended; /* the guest closed the connection */
	size_t taken, len;
	char in[4 * CTL_LINE_BYTES];
};

/* A line from the guest: as text, without its newline, and taken apart. */
struct client_line {
	char text[CTL_LINE_BYTES];
	size_t n;
	char parts[CTL_LINE_BYTES]; /* what `json` points into */
	struct json_line json;
};

/* Is called with each row of an answer. */
typedef void client_row_fn(void *world, const struct client_line *row);

/* Connect to the guest `name`. 0, or -errno with `err` a sentence. */
int client_open(struct client *client, const char *name, struct err *err)
	__attribute__((warn_unused_result));

/* Connect to one in an open directory; results of ctl_dir_connect(), without a sentence. */
int client_open_at(struct client *client, const struct ctl_dir *dir, const char *name)
	__attribute__((warn_unused_result));
void client_close(struct client *client);

/* Send a request, with the argument `name` unless that is NULL. 0, or -errno with `err`. */
int client_send(struct client *client, enum ctl_verb verb, const char *name, const char *value,
		struct err *err) __attribute__((warn_unused_result));

/* Until the guest says anything, which it does at once when it is asked for events. 0, -ETIMEDOUT after
 * CLIENT_PATIENCE_NS, or another -errno; with `err`. */
int client_wait(const struct client *client, struct err *err) __attribute__((warn_unused_result));

/* The next line. 0; -ETIMEDOUT; -EPIPE: the guest closed the connection; or another -errno; with `err`. */
int client_receive(struct client *client, struct client_line *line, uint64_t deadline_ns,
		   struct err *err) __attribute__((warn_unused_result));

/* client_send(), then hand on the answer's rows (fn may be NULL). 0; or -errno with `err`, which is what the
 * guest said: -EPROTO, or -EAGAIN: the same may succeed in a moment. */
int client_do(struct client *client, enum ctl_verb verb, const char *name, const char *value,
	      client_row_fn *fn, void *world, struct err *err) __attribute__((warn_unused_result));

/* ... of a guest that is connected to just for this. */
int client_do_once(const char *guest, enum ctl_verb verb, const char *name, const char *value,
		   client_row_fn *fn, void *world, struct err *err)
	__attribute__((warn_unused_result));

/* Print text of a guest's: control characters become "?". */
void client_print(const char *text, size_t n);

#endif
