/*
 * 9P: lopen, lcreate, read, write, fsync, lock, getlock. See p9_fs.h. Data moves between guest memory and the
 * file without a copy.
 *
 * Only regular files and directories are ever opened. A FIFO, socket or device node in the share belongs to
 * the guest's kernel, as it does on any network file system.
 */
#include <fcntl.h>
#include <unistd.h>

#include "virtio/p9_fs_private.h"

/* Before what is there already is opened, another process may have put something else in its place. */
#define TRIES 16

/* ---- opening ---- */

static int openable(const struct p9_fs *fs, int path_fd, const struct stat *st, int flags)
{
	bool writes = (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC);

	if (S_ISLNK(st->st_mode))
		return -ELOOP;
	if (!S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode))
		return -ENXIO;
	if (S_ISDIR(st->st_mode) && writes)
		return -EISDIR;
	if (!S_ISDIR(st->st_mode) && (flags & O_DIRECTORY))
		return -ENOTDIR;
	if (fs->ro && writes)
		return -EROFS;
	return S_ISDIR(st->st_mode) ? 0 : p9_path_check_data(path_fd);
}

/* A share that is read-only should not even change times of access, where that is permitted. */
static int reopen(const struct p9_fs *fs, int path_fd, int flags)
{
	int fd = -EPERM;

	flags &= ~O_EXCL;
	if (fs->ro)
		fd = p9_path_reopen(path_fd, flags | O_NOATIME);
	return fd == -EPERM ? p9_path_reopen(path_fd, flags) : fd;
}

static void put_opened(struct p9_call *c, const struct p9_qid *qid)
{
	p9_put_qid(&c->out, qid);
	bytes_u32(&c->out, 0); /* iounit: as much as a message holds */
}

static enum p9_fid_kind kind_of(const struct stat *st)
{
	return S_ISDIR(st->st_mode) ? P9_FID_DIR : P9_FID_FILE;
}

int p9_call_lopen(struct p9_call *c)
{
	struct p9_fid *fid;
	struct p9_qid qid;
	struct stat st;
	int r = p9_call_fid(c, &fid), flags = p9_open_flags(p9_get_u32(&c->in));

	if (r)
		return r;
	if (c->in.bad || fid->kind != P9_FID_PATH)
		return -EINVAL;
	r = p9_call_stat(c->fs, fid->path_fd, &st, &qid);
	if (!r)
		r = openable(c->fs, fid->path_fd, &st, flags);
	if (!r)
		r = reopen(c->fs, fid->path_fd, flags);
	if (r < 0)
		return r;
	fid->io_fd = r;
	fid->kind = kind_of(&st);
	put_opened(c, &qid);
	return 0;
}

/* ---- creating ---- */

struct create {
	const char *name;
	int dir_fd, flags;
	uint32_t mode, uid, gid;
};

static int create_new(const struct p9_fs *fs, const struct create *w)
{
	bool mapped = fs->ids == P9_IDS_MAPPED;
	int fd = p9_path_create(w->dir_fd, w->name, w->flags,
				mapped ? 0600 : w->mode & (0777 | S_ISVTX));
	int r;

	if (fd < 0)
		return fd;
	r = p9_ids_new(fs->ids, fd, S_IFREG | w->mode, w->uid, w->gid, 0);
	if (!r)
		return fd;
	close(fd);
	unlinkat(w->dir_fd, w->name, 0);
	return r;
}

static int open_existing(const struct p9_fs *fs, const struct create *w)
{
	int path_fd = p9_path_step(w->dir_fd, w->name), r;
	struct stat st;

	if (path_fd < 0)
		return path_fd;
	r = p9_call_stat(fs, path_fd, &st, NULL);
	if (!r && S_ISDIR(st.st_mode))
		r = -EISDIR;
	if (!r)
		r = openable(fs, path_fd, &st, w->flags);
	if (!r)
		r = reopen(fs, path_fd, w->flags);
	close(path_fd);
	return r;
}

/* Without O_EXCL what exists is opened; but never by its name, which might stand for a link or a device. */
static int create(const struct p9_fs *fs, const struct create *w)
{
	int fd = -ENOENT;

	for (unsigned i = 0; i < TRIES && fd == -ENOENT; i++) {
		fd = create_new(fs, w);
		if (fd != -EEXIST || (w->flags & O_EXCL))
			break;
		fd = open_existing(fs, w);
	}
	return fd;
}

/* The fid of the directory becomes that of the new file. */
static int become(struct p9_call *c, struct p9_fid *fid, int io_fd)
{
	struct p9_qid qid;
	int path_fd = p9_path_of(io_fd);
	int r = path_fd < 0 ? path_fd : p9_call_stat(c->fs, path_fd, NULL, &qid);

	if (r) {
		if (path_fd >= 0)
			close(path_fd);
		close(io_fd);
		return r;
	}
	close(fid->path_fd);
	fid->path_fd = path_fd;
	fid->io_fd = io_fd;
	fid->kind = P9_FID_FILE;
	put_opened(c, &qid);
	return 0;
}

int p9_call_lcreate(struct p9_call *c)
{
	char name[P9_NAME_BYTES];
	struct create w = { .name = name };
	struct p9_fid *fid;
	int r = p9_call_fid(c, &fid);

	if (!r)
		r = p9_call_name(c, name);
	if (r)
		return r;
	w.flags = p9_open_flags(p9_get_u32(&c->in)) & ~O_DIRECTORY;
	w.mode = p9_get_u32(&c->in) & 07777;
	w.gid = p9_get_u32(&c->in);
	if (c->in.bad || fid->kind != P9_FID_PATH)
		return -EINVAL;
	w.uid = fid->uid;
	w.dir_fd = fid->path_fd;
	r = create(c->fs, &w);
	return r < 0 ? r : become(c, fid, r);
}

/* ---- data ---- */

static int not_a_file(const struct p9_fid *fid)
{
	return fid->kind == P9_FID_DIR ? -EISDIR : -EBADF;
}

static int read_file(struct p9_call *c, const struct p9_fid *fid, uint64_t offset, uint32_t count)
{
	struct p9_io *io = c->io;
	ssize_t n;

	if (count > c->fs->state.msize - P9_READ_BYTES)
		count = c->fs->state.msize - P9_READ_BYTES;
	if (count > io->room - P9_READ_BYTES)
		return -EMSGSIZE;
	io->nout = p9_iov_slice(io->out, io->nout, 0, count, io->out);
	do
		n = preadv(fid->io_fd, io->out, (int)io->nout, (off_t)offset);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	io->data_bytes = (size_t)n;
	bytes_u32(&c->out, (uint32_t)n);
	return 0;
}

int p9_call_read(struct p9_call *c)
{
	struct p9_fid *fid;
	int r = p9_call_fid(c, &fid);
	uint64_t offset = p9_get_u64(&c->in);
	uint32_t count = p9_get_u32(&c->in);

	if (r)
		return r;
	if (c->in.bad)
		return -EINVAL;
	if (fid->kind == P9_FID_XATTR_GET)
		return p9_xattr_read(c, fid->xattr, offset, count);
	return fid->kind == P9_FID_FILE ? read_file(c, fid, offset, count) : not_a_file(fid);
}

static int write_file(struct p9_call *c, const struct p9_fid *fid, uint64_t offset)
{
	struct p9_io *io = c->io;
	ssize_t n;

	do
		n = pwritev(fid->io_fd, io->in, (int)io->nin, (off_t)offset);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	bytes_u32(&c->out, (uint32_t)n);
	return 0;
}

int p9_call_write(struct p9_call *c)
{
	struct p9_io *io = c->io;
	struct p9_fid *fid;
	int r = p9_call_fid(c, &fid);
	uint64_t offset = p9_get_u64(&c->in);
	uint32_t count = p9_get_u32(&c->in);

	if (r)
		return r;
	if (c->in.bad || count > io->sent_bytes - P9_WRITE_BYTES)
		return -EINVAL;
	if (count > c->fs->state.msize - P9_WRITE_BYTES)
		return -EMSGSIZE;
	io->nin = p9_iov_slice(io->in, io->nin, 0, count, io->in);
	if (fid->kind == P9_FID_XATTR_SET)
		return p9_xattr_write(c, fid->xattr, offset, count);
	return fid->kind == P9_FID_FILE ? write_file(c, fid, offset) : not_a_file(fid);
}

static bool opened(const struct p9_fid *fid)
{
	return fid->kind == P9_FID_FILE || fid->kind == P9_FID_DIR;
}

int p9_call_fsync(struct p9_call *c)
{
	struct p9_fid *fid;
	int r = p9_call_fid(c, &fid);
	uint32_t data_only = p9_get_u32(&c->in);

	if (r)
		return r;
	if (c->in.bad)
		return -EINVAL;
	if (!opened(fid))
		return -EBADF;
	return (data_only ? fdatasync(fid->io_fd) : fsync(fid->io_fd)) ? -errno : 0;
}

/* ---- locks: see p9_fs.h ---- */

int p9_call_lock(struct p9_call *c)
{
	struct p9_fid *fid;
	int r = p9_call_fid(c, &fid);
	uint8_t type = p9_get_u8(&c->in);

	if (r)
		return r;
	p9_get_u32(&c->in); /* flags */
	p9_get_u64(&c->in); /* start */
	p9_get_u64(&c->in); /* length */
	p9_get_u32(&c->in); /* process */
	p9_get_text(&c->in);
	if (c->in.bad || type > P9_LOCK_UNLOCK)
		return -EINVAL;
	if (!opened(fid))
		return -EBADF;
	bytes_u8(&c->out, P9_LOCK_SUCCESS);
	return 0;
}

int p9_call_getlock(struct p9_call *c)
{
	struct p9_fid *fid;
	struct p9_text client;
	uint64_t start, length;
	int r = p9_call_fid(c, &fid);
	uint8_t type = p9_get_u8(&c->in);
	uint32_t process;

	if (r)
		return r;
	start = p9_get_u64(&c->in);
	length = p9_get_u64(&c->in);
	process = p9_get_u32(&c->in);
	client = p9_get_text(&c->in);
	if (c->in.bad || type > P9_LOCK_UNLOCK)
		return -EINVAL;
	if (!opened(fid))
		return -EBADF;
	bytes_u8(&c->out, P9_LOCK_UNLOCK);
	bytes_u64(&c->out, start);
	bytes_u64(&c->out, length);
	bytes_u32(&c->out, process);
	p9_put_text(&c->out, client.at, client.n);
	return 0;
}
