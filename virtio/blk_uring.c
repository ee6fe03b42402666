/*
 * Reads, writes and flushes of a disk by an io_uring. One system call submits a batch, and what is in the
 * page cache is done when it returns; the ring's descriptor is readable when more is done.
 *
 * The completion queue has room for all that can be under way, so it never overflows. What was done in part is
 * submitted again for the rest. Belongs to the thread that serves the device.
 *
 * Source: io_uring(7), liburing. Left out: registered buffers and files, kernel polling. Without liburing at
 * build time there is only blk_uring_open(), which says so.
 */
#include <errno.h>

#include "virtio/blk_backend.h"

#ifdef HAVE_LIBURING

#include <fcntl.h>
#include <liburing.h>
#include <sched.h>
#include <stdlib.h>

#include "virtio/blk_file.h"

#define SQ_ENTRIES 256

/* Linux 5.5 and 5.4: no completion is lost, and buffers lists are read when they are submitted. */
#define NEEDED (IORING_FEAT_NODROP | IORING_FEAT_SUBMIT_STABLE)

struct blk_uring {
	struct blk_backend backend; /* first */
	struct io_uring ring;
};

static struct blk_uring *uring_of(struct blk_backend *b)
{
	return (struct blk_uring *)b;
}

/* The kernel refuses when it has no memory left, and before it has taken a signal: both pass. */
static void uring_begin(struct blk_backend *b)
{
	struct blk_uring *u = uring_of(b);

	while (io_uring_sq_ready(&u->ring))
		if (io_uring_submit(&u->ring) < 0)
			sched_yield();
}

/* After begin() there is room. */
static struct io_uring_sqe *next_sqe(struct blk_backend *b)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&uring_of(b)->ring);

	if (sqe)
		return sqe;
	uring_begin(b);
	return io_uring_get_sqe(&uring_of(b)->ring);
}

static void uring_submit(struct blk_backend *b, struct blk_io *io)
{
	struct io_uring_sqe *sqe = next_sqe(b);
	uint64_t offset = io->range[0].offset;
	int fd = b->file->fd;

	if (io->op == BLK_FLUSH)
		io_uring_prep_fsync(sqe, fd, IORING_FSYNC_DATASYNC);
	else if (io->op == BLK_READ)
		io_uring_prep_readv(sqe, fd, io->iov, io->niov, offset);
	else
		io_uring_prep_writev2(sqe, fd, io->iov, io->niov, offset,
				      io->stable ? RWF_DSYNC : 0);
	io_uring_sqe_set_data(sqe, io);
}

/* True: done, with its result; else the rest has been submitted. */
static bool take_result(struct blk_backend *b, struct blk_io *io, int res)
{
	if (res == -EINTR || res == -EAGAIN) {
		uring_submit(b, io);
		return false;
	}
	io->result = res < 0 ? res : 0;
	if (res < 0 || io->op == BLK_FLUSH)
		return true;
	if (res == 0)
		io->result = -EIO; /* the file has become shorter */
	blk_io_advance(io, (uint64_t)res);
	if (res == 0 || !io->range[0].bytes)
		return true;
	uring_submit(b, io);
	return false;
}

static void take_completions(struct blk_backend *b, struct blk_list *done)
{
	struct io_uring *ring = &uring_of(b)->ring;
	struct io_uring_cqe *cqe;

	while (!io_uring_peek_cqe(ring, &cqe)) {
		struct blk_io *io = io_uring_cqe_get_data(cqe);
		int res = cqe->res;

		io_uring_cqe_seen(ring, cqe);
		if (take_result(b, io, res))
			blk_list_add(done, io);
	}
	uring_begin(b);
}

static void uring_finished(struct blk_backend *b, bool wait, struct blk_list *done)
{
	struct io_uring_cqe *cqe;

	take_completions(b, done);
	while (wait && !done->first) {
		if (io_uring_wait_cqe(&uring_of(b)->ring, &cqe) < 0)
			sched_yield(); /* a signal */
		take_completions(b, done);
	}
}

static void uring_close(struct blk_backend *b)
{
	io_uring_queue_exit(&uring_of(b)->ring);
	free(uring_of(b));
}

static const struct blk_backend_ops uring_ops = {
	.name = "io_uring",
	.submit = uring_submit,
	.begin = uring_begin,
	.finished = uring_finished,
	.close = uring_close,
};

int blk_uring_open(struct blk_backend **b, const struct blk_file *file, unsigned depth)
{
	struct io_uring_params params = { .flags = IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP,
					  .cq_entries = depth < SQ_ENTRIES ? SQ_ENTRIES : depth };
	struct blk_uring *u = calloc(1, sizeof(*u));
	int r;

	*b = NULL;
	if (!u)
		return -ENOMEM;
	u->backend = (struct blk_backend){ .ops = &uring_ops, .file = file };
	r = io_uring_queue_init_params(SQ_ENTRIES, &u->ring, &params);
	if (r) {
		free(u);
		return r;
	}
	if ((params.features & NEEDED) != NEEDED) {
		uring_close(&u->backend);
		return -ENOSYS;
	}
	fcntl(u->ring.ring_fd, F_SETFD, FD_CLOEXEC);
	u->backend.fd = u->ring.ring_fd;
	*b = &u->backend;
	return 0;
}

#else

int blk_uring_open(struct blk_backend **b, const struct blk_file *file, unsigned depth)
{
	(void)file;
	(void)depth;
	*b = 0;
	return -ENOTSUP;
}

#endif
