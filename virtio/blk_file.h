/*
 * The file or block device behind a disk: opening it, what it is like, and serving one request in the thread
 * that asks. What it holds does not change after it was opened, so any number of threads may use it.
 */
#ifndef VIRTIO_BLK_FILE_H
#define VIRTIO_BLK_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "virtio/blk_backend.h"
#include "virtio/blk_options.h"

/* The largest part of a request that goes through a bounce buffer at once. */
#define BLK_BOUNCE_BYTES (256u << 10)

struct blk_file {
	int fd; /* -1: not open */
	bool ro, direct, is_device;
	bool can_discard; /* holes can be made */
	uint64_t bytes;   /* a multiple of block_bytes */
	uint32_t
		block_bytes; /* what reads and writes are a multiple of: 512, or more with direct */
	uint32_t physical_bytes; /* what is best written as a whole */
	uint32_t memory_align;   /* direct: of buffers; a power of two */
};

/* Open and lock the file that `options` name. A size that is not a multiple of a block is rounded down, with
 * a warning. 0, or -errno with `err` naming the file. */
int blk_file_open(struct blk_file *f, const struct blk_options *options, struct err *err)
	__attribute__((warn_unused_result));

/* Safe on one that is not open (fd -1). */
void blk_file_close(struct blk_file *f);

/* True: the request's buffers are not aligned as direct access needs it. */
bool blk_file_needs_bounce(const struct blk_file *f, const struct blk_io *io);

/* Serve a request; may block. `bounce` is BLK_BOUNCE_BYTES, aligned to pages, or NULL if no request can need
 * it. 0 or -errno: -EFAULT: a page of a buffer is poisoned; -EIO: the file has become shorter; -EOPNOTSUPP: it
 * cannot discard. */
int blk_file_serve(const struct blk_file *f, struct blk_io *io, void *bounce)
	__attribute__((warn_unused_result));

/* Read what is in the page cache, without blocking. True: that was all of it; else the rest remains to be
 * served, and *supported becomes false if this file cannot do it at all. */
bool blk_file_read_cached(const struct blk_file *f, struct blk_io *io, bool *supported);

/* The first `n` bytes of range[0] are done. */
void blk_io_advance(struct blk_io *io, uint64_t n);

#endif
