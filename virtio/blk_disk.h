/*
 * A disk's file with what serves it: which request goes to the ring, which to the threads, and which is done
 * at once because the page cache has it. Belongs to the I/O thread, but for opening and closing.
 */
#ifndef VIRTIO_BLK_DISK_H
#define VIRTIO_BLK_DISK_H

#include <stdbool.h>

#include "lib/err.h"
#include "virtio/blk_backend.h"
#include "virtio/blk_file.h"

enum { BLK_DISK_POOL, BLK_DISK_URING, BLK_DISK_BACKENDS };

struct blk_disk {
	struct blk_file file;
	struct blk_backend *backend[BLK_DISK_BACKENDS]; /* NULL: not in use */
	bool tries_cache;                               /* reads are first tried without blocking */
	struct blk_list done;                           /* by that */
};

/* `depth`: how many requests may be under way. 0, or -errno with `err` naming the file. */
int blk_disk_open(struct blk_disk *d, const struct blk_options *options, unsigned depth,
		  struct err *err) __attribute__((warn_unused_result));

/* Nothing is under way. Safe on a zeroed one. */
void blk_disk_close(struct blk_disk *d);

/* Take a request, which blk_disk_begin() at the latest begins. */
void blk_disk_submit(struct blk_disk *d, struct blk_io *io);
void blk_disk_begin(struct blk_disk *d);

/* Give up what has not begun: it is finished, with the result -ECANCELED. */
void blk_disk_drop(struct blk_disk *d);

/* Something was submitted that has not been handed back. */
bool blk_disk_is_busy(const struct blk_disk *d);

/* Append what is done to `done`; with `wait`, at least one if the disk is busy. */
void blk_disk_finished(struct blk_disk *d, bool wait, struct blk_list *done);

#endif
