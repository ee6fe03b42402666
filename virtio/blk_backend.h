/*
 * What a disk asks of its file, and of what serves it: a pool of threads, or an io_uring. Offsets and
 * lengths are bytes of the file. Requests belong to the caller, who keeps them until they are handed back;
 * nothing is allocated for one.
 *
 * Threads: all functions belong to the thread that serves the device.
 */
#ifndef VIRTIO_BLK_BACKEND_H
#define VIRTIO_BLK_BACKEND_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "lib/err.h"

#define BLK_SECTOR_BYTES 512u
#define BLK_MAX_RANGES   16u /* of one DISCARD or WRITE_ZEROES */

enum blk_op { BLK_READ, BLK_WRITE, BLK_FLUSH, BLK_DISCARD, BLK_WRITE_ZEROES };

struct blk_range {
	uint64_t offset, bytes;
	bool may_unmap; /* BLK_WRITE_ZEROES: a hole will do */
};

struct blk_io {
	enum blk_op op;
	bool stable;      /* BLK_WRITE: has reached the medium when it is done */
	unsigned nranges; /* BLK_READ, BLK_WRITE: 1; BLK_FLUSH: 0 */
	unsigned niov;
	struct iovec *iov;   /* exactly range[0].bytes; both are used up while it is served */
	int result;          /* when it is handed back: 0 or -errno */
	struct blk_io *next; /* the backend's; in a list that is handed back, the next one */
	struct blk_range range[BLK_MAX_RANGES];
};

/* A list of requests, oldest first. */
struct blk_list {
	struct blk_io *first, **last;
};

struct blk_file;
struct blk_backend;

struct blk_backend_ops {
	const char *name; /* as the option aio= has it */
	/* Take a request. It may wait for begin(). */
	void (*submit)(struct blk_backend *b, struct blk_io *io);
	/* Have everything that was submitted served: one system call, or one thread woken. */
	void (*begin)(struct blk_backend *b);
	/* Append what is done to `done`; with `wait`, which needs something under way, at least one. */
	void (*finished)(struct blk_backend *b, bool wait, struct blk_list *done);
	/* Give up what has not begun: it comes back as -ECANCELED. NULL: all has. */
	void (*drop)(struct blk_backend *b);
	/* Nothing is under way. */
	void (*close)(struct blk_backend *b);
};

struct blk_backend {
	const struct blk_backend_ops *ops;
	const struct blk_file *file;
	int fd;             /* readable when something is done; the caller calls finished() */
	unsigned under_way; /* submitted and not handed back; the caller counts */
};

/* The pool: threads that each serve one request at a time; serves everything. *b is NULL after an error.
 * 0, or -errno with `err`. `file` outlives it. */
int blk_pool_open(struct blk_backend **b, const struct blk_file *file, struct err *err)
	__attribute__((warn_unused_result));

/* The ring, for up to `depth` requests at once: serves reads and writes that need no bounce buffer, and
 * flushes. 0, or -errno and *b is NULL: -ENOTSUP: not part of this build; others: the kernel refused. */
int blk_uring_open(struct blk_backend **b, const struct blk_file *file, unsigned depth)
	__attribute__((warn_unused_result));

static inline void blk_list_init(struct blk_list *list)
{
	list->first = 0;
	list->last = &list->first;
}

static inline void blk_list_add(struct blk_list *list, struct blk_io *io)
{
	io->next = 0;
	*list->last = io;
	list->last = &io->next;
}

/* Move all of `from` to the end of `to`. */
static inline void blk_list_move(struct blk_list *to, struct blk_list *from)
{
	if (!from->first)
		return;
	*to->last = from->first;
	to->last = from->last;
	blk_list_init(from);
}

#endif
