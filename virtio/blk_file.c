/*
 * Reads, writes, flushes and holes in the file of a disk, by system calls that take the guest's own buffers.
 * A poisoned page of them is an EFAULT of the kernel.
 *
 * Direct access wants aligned buffers (open(2), "O_DIRECT"); others go through a bounce buffer of the caller.
 *
 * Left out: image formats; zoned and encrypted devices; sizes that change.
 */
#include "virtio/blk_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/guard.h"
#include "lib/log.h"
#include "lib/types.h"

#define PAGE_BYTES 4096u

/* ---- opening ---- */

static int directory_error(const char *path, struct err *err)
{
	return err_set(
		err, -EISDIR,
		"disk \"%s\" is a directory: share it by 9p, or name a disk image or block device",
		path);
}

static int open_error(const char *path, int error, struct err *err)
{
	const char *hint = "";

	if (error == EISDIR)
		return directory_error(path, err);
	if (error == EROFS || error == EACCES || error == EPERM)
		hint = " (a disk that is only read is opened with ro)";
	else if (error == EBUSY)
		hint = " (the host uses it: unmount it, or open it with ro)";
	else if (error == EINVAL)
		hint = " (does its file system know direct access?)";
	return err_set(err, -error, "cannot open disk \"%s\": %s%s", path, strerror(error), hint);
}

/* Of a block device: -EBUSY if the host itself uses it, has it mounted, say (open(2), "O_EXCL"). */
static int exclusive(const struct blk_file *f, const char *path)
{
	struct stat st;

	return !f->ro && stat(path, &st) == 0 && S_ISBLK(st.st_mode) ? O_EXCL : 0;
}

/* Opening a FIFO would wait for its other end; but a ring takes O_NONBLOCK for a wish not to wait for a file
 * either. */
static int open_path(struct blk_file *f, const char *path, struct err *err)
{
	int flags = (f->ro ? O_RDONLY : O_RDWR) | (f->direct ? O_DIRECT : 0);

	f->fd = open(path, flags | exclusive(f, path) | O_CLOEXEC | O_NONBLOCK);
	if (f->fd < 0 || fcntl(f->fd, F_SETFL, flags))
		return open_error(path, errno, err);
	return 0;
}

static int check_kind(struct blk_file *f, const char *path, const struct stat *st, struct err *err)
{
	if (S_ISDIR(st->st_mode))
		return directory_error(path, err);
	if (!S_ISREG(st->st_mode) && !S_ISBLK(st->st_mode))
		return err_set(
			err, -EINVAL,
			"disk \"%s\" is neither a file nor a block device: name one of these",
			path);
	f->is_device = S_ISBLK(st->st_mode);
	return 0;
}

/* The lock belongs to the open file, so a second disk of this rasvm counts as well. A file system without
 * locks is no reason to refuse it. */
static int lock_file(const struct blk_file *f, const char *path, struct err *err)
{
	struct flock lock = { .l_type = f->ro ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET };

	if (!fcntl(f->fd, F_OFD_SETLK, &lock))
		return 0;
	if (errno == EAGAIN || errno == EACCES)
		return err_set(
			err, -EBUSY,
			"disk \"%s\" is in use: %s; end that, use a copy, or open it with ro "
			"everywhere",
			path,
			f->ro ? "another disk or program writes to it"
			      : "another disk or program has it open");
	log_warn("disk \"%s\" cannot be locked (%s): nothing keeps others from writing to it", path,
		 strerror(errno));
	return 0;
}

static uint32_t device_number(int fd, unsigned long request, uint32_t otherwise)
{
	uint32_t value = 0;

	return ioctl(fd, request, &value) || !value ? otherwise : value;
}

/* statx() tells since Linux 6.1; before that it has to be tried. */
static void find_file_alignment(struct blk_file *f)
{
	void *block = NULL;

#ifdef STATX_DIOALIGN
	struct statx st;

	if (!statx(f->fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &st) && st.stx_mask & STATX_DIOALIGN &&
	    st.stx_dio_offset_align) {
		f->memory_align = st.stx_dio_mem_align;
		f->block_bytes = st.stx_dio_offset_align;
		return;
	}
#endif
	f->memory_align = f->block_bytes = PAGE_BYTES;
	if (posix_memalign(&block, PAGE_BYTES, PAGE_BYTES))
		return;
	if (pread(f->fd, block, BLK_SECTOR_BYTES, 0) >= 0)
		f->block_bytes = BLK_SECTOR_BYTES;
	free(block);
}

static void find_alignment(struct blk_file *f)
{
	f->block_bytes = BLK_SECTOR_BYTES;
	f->memory_align = 1;
	if (!f->direct)
		return;
	if (f->is_device)
		f->block_bytes = f->memory_align =
			device_number(f->fd, BLKSSZGET, BLK_SECTOR_BYTES);
	else
		find_file_alignment(f);
	/* A file system that takes single bytes: the guest's unit stays a sector. */
	if (f->block_bytes < BLK_SECTOR_BYTES)
		f->block_bytes = BLK_SECTOR_BYTES;
}

static bool is_power_of_two(uint32_t v)
{
	return v && !(v & (v - 1));
}

/* A page is the unit of anything that is cached. */
static void find_physical(struct blk_file *f, const struct stat *st)
{
	uint32_t bytes = (uint32_t)st->st_blksize;

	if (f->is_device)
		bytes = device_number(f->fd, BLKPBSZGET, PAGE_BYTES);
	if (!is_power_of_two(bytes) || bytes > KIB(64))
		bytes = PAGE_BYTES;
	f->physical_bytes = bytes < f->block_bytes ? f->block_bytes : bytes;
}

static int find_size(struct blk_file *f, const char *path, const struct stat *st, struct err *err)
{
	uint64_t bytes = (uint64_t)st->st_size;

	if (f->is_device && ioctl(f->fd, BLKGETSIZE64, &bytes))
		return err_set(err, -errno, "cannot find out the size of disk \"%s\": %s", path,
			       strerror(errno));
	f->bytes = align_down(bytes, f->block_bytes);
	if (!f->bytes)
		return err_set(err, -EINVAL,
			       "disk \"%s\" has %" PRIu64
			       " bytes, less than one block of %u: give it a "
			       "size (truncate -s 1G FILE)",
			       path, bytes, f->block_bytes);
	if (f->bytes != bytes)
		log_warn("disk \"%s\": its %" PRIu64
			 " bytes are not a multiple of %u; the guest does not "
			 "see the last %" PRIu64,
			 path, bytes, f->block_bytes, bytes - f->bytes);
	return 0;
}

/* Behind the end of a file there is nothing to be lost by the attempt. Its end is less than a block behind what the
 * guest sees. A device is asked request by request. */
static bool can_punch(const struct blk_file *f)
{
	if (f->ro)
		return false;
	return f->is_device || !fallocate(f->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
					  (off_t)(align_up(f->bytes, MIB(1)) + MIB(1)), PAGE_BYTES);
}

static int open_steps(struct blk_file *f, const char *path, struct err *err)
{
	struct stat st;
	int rc = open_path(f, path, err);

	if (rc)
		return rc;
	if (fstat(f->fd, &st))
		return open_error(path, errno, err);
	rc = check_kind(f, path, &st, err);
	if (!rc)
		rc = lock_file(f, path, err);
	if (rc)
		return rc;
	find_alignment(f);
	find_physical(f, &st);
	rc = find_size(f, path, &st, err);
	f->can_discard = !rc && can_punch(f);
	return rc;
}

int blk_file_open(struct blk_file *f, const struct blk_options *options, struct err *err)
{
	int rc;

	*f = (struct blk_file){ .fd = -1, .ro = options->ro, .direct = options->direct };
	rc = open_steps(f, options->path, err);
	if (rc)
		blk_file_close(f);
	return rc;
}

void blk_file_close(struct blk_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
}

/* ---- reading and writing ---- */

void blk_io_advance(struct blk_io *io, uint64_t n)
{
	io->range[0].offset += n;
	io->range[0].bytes -= n;
	while (io->niov && n >= io->iov->iov_len) {
		n -= io->iov->iov_len;
		io->iov++;
		io->niov--;
	}
	if (io->niov) {
		io->iov->iov_base = (uint8_t *)io->iov->iov_base + n;
		io->iov->iov_len -= n;
	}
}

static ssize_t transfer_some(const struct blk_file *f, const struct blk_io *io, int flags)
{
	const struct blk_range *range = &io->range[0];

	if (io->op == BLK_READ)
		return preadv2(f->fd, io->iov, (int)io->niov, (off_t)range->offset, flags);
	return pwritev2(f->fd, io->iov, (int)io->niov, (off_t)range->offset,
			flags | (io->stable ? RWF_DSYNC : 0));
}

static int transfer(const struct blk_file *f, struct blk_io *io)
{
	while (io->range[0].bytes) {
		ssize_t n = transfer_some(f, io, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		blk_io_advance(io, (uint64_t)n);
	}
	return 0;
}

bool blk_file_read_cached(const struct blk_file *f, struct blk_io *io, bool *supported)
{
	ssize_t n = transfer_some(f, io, RWF_NOWAIT);

	if (n < 0 && errno == EOPNOTSUPP)
		*supported = false;
	if (n > 0)
		blk_io_advance(io, (uint64_t)n);
	return !io->range[0].bytes;
}

bool blk_file_needs_bounce(const struct blk_file *f, const struct blk_io *io)
{
	uintptr_t wrong = 0;

	if (!f->direct || (io->op != BLK_READ && io->op != BLK_WRITE))
		return false;
	for (unsigned i = 0; i < io->niov; i++) {
		wrong |= (uintptr_t)io->iov[i].iov_base & (f->memory_align - 1);
		wrong |= io->iov[i].iov_len & (f->block_bytes - 1);
	}
	return wrong;
}

/* Copy `n` bytes between the bounce buffer and the next buffers of the guest, which may be poisoned. */
static int copy_bounce(struct blk_io *io, uint8_t *bounce, uint64_t n)
{
	while (n) {
		uint64_t part = io->iov->iov_len < n ? io->iov->iov_len : n;
		int rc = io->op == BLK_READ ? guard_copy(io->iov->iov_base, bounce, part)
					    : guard_copy(bounce, io->iov->iov_base, part);

		if (rc)
			return -EFAULT;
		blk_io_advance(io, part);
		bounce += part;
		n -= part;
	}
	return 0;
}

static int transfer_bounced(const struct blk_file *f, struct blk_io *io, uint8_t *bounce)
{
	while (io->range[0].bytes) {
		uint64_t left = io->range[0].bytes;
		struct iovec iov = { bounce, left < BLK_BOUNCE_BYTES ? left : BLK_BOUNCE_BYTES };
		struct blk_io part = { .op = io->op,
				       .stable = io->stable,
				       .iov = &iov,
				       .niov = 1,
				       .nranges = 1,
				       .range = { { .offset = io->range[0].offset,
						    .bytes = iov.iov_len } } };
		uint64_t n = iov.iov_len;
		int rc = 0;

		if (io->op == BLK_WRITE)
			rc = copy_bounce(io, bounce, n);
		if (!rc)
			rc = transfer(f, &part);
		if (!rc && io->op == BLK_READ)
			rc = copy_bounce(io, bounce, n);
		if (rc)
			return rc;
	}
	return 0;
}

/* ---- holes and zeroes ---- */

static int allocate(const struct blk_file *f, int mode, const struct blk_range *range)
{
	int rc;

	do
		rc = fallocate(f->fd, mode, (off_t)range->offset, (off_t)range->bytes);
	while (rc && errno == EINTR);
	return rc ? -errno : 0;
}

static int punch(const struct blk_file *f, const struct blk_range *range)
{
	return allocate(f, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, range);
}

/* It is a hint. A device of larger sectors takes no parts of these, although the guest was told what to align to. */
static int discard(const struct blk_file *f, const struct blk_io *io)
{
	int rc = 0;

	for (unsigned i = 0; i < io->nranges && !rc; i++)
		rc = punch(f, &io->range[i]);
	return rc == -EINVAL ? 0 : rc;
}

/* -EINVAL: not for parts of this device's sectors. */
static bool has_no_way(int rc)
{
	return rc == -EOPNOTSUPP || rc == -EINVAL;
}

/* For what has no other way to write zeroes. */
static int write_zero_bytes(const struct blk_file *f, const struct blk_range *range)
{
	static const uint8_t zeroes[16 << 10] __attribute__((aligned(4096)));
	struct blk_range left = *range;

	while (left.bytes) {
		size_t n = left.bytes < sizeof(zeroes) ? left.bytes : sizeof(zeroes);
		ssize_t done = pwrite(f->fd, zeroes, n, (off_t)left.offset);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return done < 0 ? -errno : -EIO;
		left.offset += (uint64_t)done;
		left.bytes -= (uint64_t)done;
	}
	return 0;
}

static int zero(const struct blk_file *f, const struct blk_range *range)
{
	int rc = -EOPNOTSUPP;

	if (range->may_unmap)
		rc = punch(f, range);
	if (has_no_way(rc))
		rc = allocate(f, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, range);
	if (has_no_way(rc))
		rc = write_zero_bytes(f, range);
	return rc;
}

static int write_zeroes(const struct blk_file *f, const struct blk_io *io)
{
	int rc = 0;

	for (unsigned i = 0; i < io->nranges && !rc; i++)
		rc = zero(f, &io->range[i]);
	return rc;
}

static int flush(const struct blk_file *f)
{
	return fdatasync(f->fd) ? -errno : 0;
}

int blk_file_serve(const struct blk_file *f, struct blk_io *io, void *bounce)
{
	int rc = 0;

	switch (io->op) {
	case BLK_READ:
	case BLK_WRITE:
		return blk_file_needs_bounce(f, io) ? transfer_bounced(f, io, bounce)
						    : transfer(f, io);
	case BLK_FLUSH:
		return flush(f);
	case BLK_DISCARD:
		return discard(f, io);
	case BLK_WRITE_ZEROES:
		rc = write_zeroes(f, io);
		return rc || !io->stable ? rc : flush(f);
	}
	return -EINVAL;
}
