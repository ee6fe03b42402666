/*
 * See blk_disk.h. The threads are always there: they serve what a ring does not (holes, zeroes, bounce
 * buffers), and everything where there is none.
 *
 * Long transfers are theirs, too: they take long, and those that go past the page cache a ring does twice. A ring first tries without waiting, and the kernel
 * then refuses what it would have to split for the disk's limits (Linux 6.12, block/blk-merge.c: REQ_NOWAIT),
 * after it has pinned all pages; a thread of the kernel begins anew. By count of instructions 1 MiB each, one
 * and 32 at a time, were 1.18 and 1.36 x as fast by our threads.
 *
 * A read that the page cache can answer is best done in place: handing it to a thread costs two switches,
 * and a ring's own attempt costs half as much again for a single one, and no less for one of a batch. A long
 * read is handed on: a thread copies while this one goes on.
 */
#include "virtio/blk_disk.h"

#include <errno.h>
#include <string.h>

#include "lib/log.h"
#include "lib/types.h"

#define CACHED_MAX_BYTES KIB(64)

/* What a ring has begun is not given up when the guest resets, so nothing that takes long. */
#define RING_MAX_BYTES MIB(4)

/* Disks take this at once: 64 pages wherever they are, and as many bytes. */
#define DIRECT_MAX_BYTES KIB(256)

/* Seccomp filters of containers and sysctls refuse rings. */
static int open_uring(struct blk_disk *d, const struct blk_options *options, unsigned depth,
		      struct err *err)
{
	int r;

	if (options->aio == BLK_AIO_THREADS)
		return 0;
	r = blk_uring_open(&d->backend[BLK_DISK_URING], &d->file, depth);
	if (r && options->aio == BLK_AIO_URING)
		return err_set(
			err, r, "disk \"%s\": aio=io_uring: %s; use aio=threads", options->path,
			r == -ENOTSUP ? "this rasvm was built without liburing" : strerror(-r));
	if (r)
		log_debug("disk \"%s\": no io_uring (%s), threads serve it", options->path,
			  strerror(-r));
	return 0;
}

int blk_disk_open(struct blk_disk *d, const struct blk_options *options, unsigned depth,
		  struct err *err)
{
	int rc;

	*d = (struct blk_disk){ .file.fd = -1 };
	blk_list_init(&d->done);
	rc = blk_file_open(&d->file, options, err);
	if (rc)
		return rc;
	rc = blk_pool_open(&d->backend[BLK_DISK_POOL], &d->file, err);
	if (!rc)
		rc = open_uring(d, options, depth, err);
	if (rc) {
		blk_disk_close(d);
		return rc;
	}
	d->tries_cache = !d->file.direct;
	return 0;
}

void blk_disk_close(struct blk_disk *d)
{
	for (unsigned i = 0; i < BLK_DISK_BACKENDS; i++)
		if (d->backend[i])
			d->backend[i]->ops->close(d->backend[i]);
	if (d->file.bytes) /* it was opened: no disk is empty */
		blk_file_close(&d->file);
	*d = (struct blk_disk){ .file.fd = -1 };
}

static bool is_long(const struct blk_disk *d, const struct blk_io *io)
{
	return (io->op == BLK_READ || io->op == BLK_WRITE) &&
	       io->range[0].bytes > (d->file.direct ? DIRECT_MAX_BYTES : RING_MAX_BYTES);
}

static struct blk_backend *backend_for(const struct blk_disk *d, const struct blk_io *io)
{
	struct blk_backend *uring = d->backend[BLK_DISK_URING];

	if (!uring || io->op == BLK_DISCARD || io->op == BLK_WRITE_ZEROES || is_long(d, io) ||
	    blk_file_needs_bounce(&d->file, io))
		return d->backend[BLK_DISK_POOL];
	return uring;
}

static bool done_at_once(struct blk_disk *d, struct blk_io *io)
{
	if (!d->tries_cache || io->op != BLK_READ || io->range[0].bytes > CACHED_MAX_BYTES)
		return false;
	return blk_file_read_cached(&d->file, io, &d->tries_cache);
}

void blk_disk_submit(struct blk_disk *d, struct blk_io *io)
{
	struct blk_backend *b;

	io->result = 0;
	if (done_at_once(d, io)) {
		blk_list_add(&d->done, io);
		return;
	}
	b = backend_for(d, io);
	b->ops->submit(b, io);
	b->under_way++;
}

void blk_disk_begin(struct blk_disk *d)
{
	for (unsigned i = 0; i < BLK_DISK_BACKENDS; i++)
		if (d->backend[i] && d->backend[i]->under_way)
			d->backend[i]->ops->begin(d->backend[i]);
}

void blk_disk_drop(struct blk_disk *d)
{
	for (unsigned i = 0; i < BLK_DISK_BACKENDS; i++)
		if (d->backend[i] && d->backend[i]->ops->drop)
			d->backend[i]->ops->drop(d->backend[i]);
}

bool blk_disk_is_busy(const struct blk_disk *d)
{
	for (unsigned i = 0; i < BLK_DISK_BACKENDS; i++)
		if (d->backend[i] && d->backend[i]->under_way)
			return true;
	return d->done.first;
}

static void take_finished(struct blk_backend *b, bool wait, struct blk_list *done)
{
	struct blk_list some;

	blk_list_init(&some);
	b->ops->finished(b, wait, &some);
	for (const struct blk_io *io = some.first; io; io = io->next)
		b->under_way--;
	blk_list_move(done, &some);
}

void blk_disk_finished(struct blk_disk *d, bool wait, struct blk_list *done)
{
	blk_list_move(done, &d->done);
	for (unsigned i = 0; i < BLK_DISK_BACKENDS; i++)
		if (d->backend[i] && d->backend[i]->under_way)
			take_finished(d->backend[i], wait && !done->first, done);
}
