/*
 * The control server of a running guest: clients connect to a socket, send requests, a line each, and get
 * answers and, if they subscribed, events (docs/control.md). What the requests do is behind struct ctl_ops.
 *
 * Everything runs on the main thread, by its loop, and nothing waits for a client: what one does not take is
 * kept, a whole answer and CTL_OUT_BYTES of events, and then the client is dropped. One that says nothing costs
 * nothing. Requests of a client are done in order, and the next only when the answer before has been taken.
 */
#ifndef ARM64_CTL_H
#define ARM64_CTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "arm64/ctl_reply.h"
#include "arm64/ctl_request.h"
#include "lib/err.h"
#include "lib/loop.h"

#define CTL_MAX_CLIENTS 8
#define CTL_OUT_BYTES   65536 /* of events, a client */

/* What can be asked of the guest; 0, or -errno with `err` a sentence. Main thread, may not block. */
struct ctl_ops {
	int (*pause)(void *world, struct err *err);
	int (*resume)(void *world, struct err *err);
	int (*reset)(void *world, struct err *err);
	int (*powerdown)(void *world, struct err *err);
	int (*stop)(void *world, struct err *err);
	int (*send)(void *world, const void *bytes, uint32_t n, struct err *err);
	int (*inject)(void *world, const char *rule, uint32_t *id, struct err *err);
	int (*trigger)(void *world, const char *what, struct err *err);
	/* Write rows (ctl_row()). */
	int (*status)(void *world, struct ctl_answer *answer, struct err *err);
	int (*stat)(void *world, struct ctl_answer *answer, struct err *err);
	int (*debug)(void *world, uint32_t cpu, struct ctl_answer *answer, struct err *err);
	int (*sdei)(void *world, struct ctl_answer *answer, struct err *err);
	/* What clients want to be told has changed: CTL_EVENT_* of all together. */
	void (*listen)(void *world, uint32_t events);
};

struct ctl_client {
	struct ctl *ctl;
	int fd;          /* -1: free */
	bool ended;      /* it will send nothing more */
	uint32_t events; /* CTL_EVENT_* it wants */
	size_t in_len;
	char in[CTL_LINE_BYTES];
	struct ctl_answer answer; /* .n > .sent: not all of it was taken */
	size_t out_head, out_len; /* whole lines, but for the first if cut_line */
	bool cut_line;            /* part of the first line was taken */
	char out[CTL_OUT_BYTES];
};

struct ctl {
	struct loop *loop;
	const struct ctl_ops *ops;
	void *world;
	uid_t uid;       /* who may connect, besides root */
	int fd;          /* listening; the caller's */
	uint32_t events; /* as ops->listen was told */
	int spare_fd; /* given up for a moment to refuse a client when there is no other descriptor */
	struct ctl_client client[CTL_MAX_CLIENTS];
};

/* Serve clients that connect to `fd`, a listening socket that does not block and stays the caller's. 0, or
 * -errno with `err`. */
int ctl_open(struct ctl *ctl, int fd, struct loop *loop, const struct ctl_ops *ops, void *world,
	     struct err *err) __attribute__((warn_unused_result));

/* Send what clients take at once, and let them go. Safe after a failed ctl_open(). */
void ctl_close(struct ctl *ctl);

/* True if some client wants events of these kinds. */
bool ctl_wanted(const struct ctl *ctl, uint32_t events);

/* Tell those that want events of this kind: a line made by ctl_event(). */
void ctl_tell(struct ctl *ctl, uint32_t event, struct ctl_line *line);

/* Bytes on the serial port, as CTL_EVENT_CONSOLE or CTL_EVENT_INPUT. */
void ctl_tell_bytes(struct ctl *ctl, uint32_t event, const uint8_t *bytes, size_t n);

#endif
