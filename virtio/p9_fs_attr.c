/*
 * 9P: getattr, setattr, statfs. See p9_fs.h. Left out: btime, generation and data version of Rgetattr, which
 * Linux guests do without.
 */
#include <fcntl.h>
#include <sys/statfs.h>
#include <time.h>
#include <unistd.h>

#include "virtio/p9_fs_private.h"

/* linux/magic.h: V9FS_MAGIC. The guest is not to take the share for what lies below it. */
#define FS_TYPE 0x01021997u

static void put_time(struct bytes *b, const struct timespec *t)
{
	bytes_u64(b, (uint64_t)t->tv_sec);
	bytes_u64(b, (uint64_t)t->tv_nsec);
}

int p9_call_getattr(struct p9_call *c)
{
	struct p9_fid *fid;
	struct p9_qid qid;
	struct stat st;
	int r = p9_call_file(c, &fid);

	if (!r)
		r = p9_call_stat(c->fs, fid->path_fd, &st, &qid);
	if (r)
		return r;
	bytes_u64(&c->out, P9_GETATTR_BASIC);
	p9_put_qid(&c->out, &qid);
	bytes_u32(&c->out, st.st_mode);
	bytes_u32(&c->out, st.st_uid);
	bytes_u32(&c->out, st.st_gid);
	bytes_u64(&c->out, st.st_nlink);
	bytes_u64(&c->out, st.st_rdev);
	bytes_u64(&c->out, (uint64_t)st.st_size);
	bytes_u64(&c->out, (uint64_t)st.st_blksize);
	bytes_u64(&c->out, (uint64_t)st.st_blocks);
	put_time(&c->out, &st.st_atim);
	put_time(&c->out, &st.st_mtim);
	put_time(&c->out, &st.st_ctim);
	bytes_zero(&c->out, 32); /* btime, generation, data version */
	return 0;
}

struct change {
	uint32_t valid, mode, uid, gid;
	uint64_t size;
	struct timespec time[2]; /* as utimensat(2) takes them */
};

static struct timespec get_time(struct p9_call *c, bool change, bool given)
{
	struct timespec t = { .tv_sec = (time_t)p9_get_u64(&c->in),
			      .tv_nsec = (long)p9_get_u64(&c->in) };

	if (!change)
		return (struct timespec){ .tv_nsec = UTIME_OMIT };
	return given ? t : (struct timespec){ .tv_nsec = UTIME_NOW };
}

static bool time_valid(const struct timespec *t)
{
	return t->tv_nsec == UTIME_OMIT || t->tv_nsec == UTIME_NOW ||
	       (t->tv_nsec >= 0 && t->tv_nsec < 1000000000);
}

static int get_change(struct p9_call *c, struct change *to)
{
	to->valid = p9_get_u32(&c->in);
	to->mode = p9_get_u32(&c->in);
	to->uid = p9_get_u32(&c->in);
	to->gid = p9_get_u32(&c->in);
	to->size = p9_get_u64(&c->in);
	to->time[0] = get_time(c, to->valid & P9_SETATTR_ATIME, to->valid & P9_SETATTR_ATIME_SET);
	to->time[1] = get_time(c, to->valid & P9_SETATTR_MTIME, to->valid & P9_SETATTR_MTIME_SET);
	if (c->in.bad || !time_valid(&to->time[0]) || !time_valid(&to->time[1]))
		return -EINVAL;
	if (!(to->valid & P9_SETATTR_MODE))
		to->mode = P9_NO_ID;
	if (!(to->valid & P9_SETATTR_UID))
		to->uid = P9_NO_ID;
	if (!(to->valid & P9_SETATTR_GID))
		to->gid = P9_NO_ID;
	return 0;
}

static int set_ids(const struct p9_fs *fs, const struct p9_fid *fid, const struct change *to)
{
	if (to->mode == P9_NO_ID && to->uid == P9_NO_ID && to->gid == P9_NO_ID)
		return 0;
	return p9_ids_change(fs->ids, fid->path_fd, to->mode, to->uid, to->gid);
}

/* A file that was opened for writing can be cut whatever its mode is now. */
static int set_size(const struct p9_fs *fs, const struct p9_fid *fid, const struct change *to)
{
	char proc[P9_PROC_BYTES];
	struct stat st;
	int r;

	if (!(to->valid & P9_SETATTR_SIZE))
		return 0;
	r = p9_call_stat(fs, fid->path_fd, &st, NULL);
	if (r)
		return r;
	if (!S_ISREG(st.st_mode))
		return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	if (to->size > INT64_MAX)
		return -EFBIG;
	if (fid->kind == P9_FID_FILE && !ftruncate(fid->io_fd, (off_t)to->size))
		return 0;
	return truncate(p9_path_proc(fid->path_fd, proc), (off_t)to->size) ? -errno : 0;
}

/* The change time alone is what a change of nothing sets. */
static int set_times(const struct p9_fid *fid, const struct change *to)
{
	char proc[P9_PROC_BYTES];

	if (to->valid & (P9_SETATTR_ATIME | P9_SETATTR_MTIME))
		return utimensat(AT_FDCWD, p9_path_proc(fid->path_fd, proc), to->time, 0) ? -errno
											  : 0;
	if (to->valid == P9_SETATTR_CTIME)
		return fchownat(fid->path_fd, "", P9_NO_ID, P9_NO_ID, AT_EMPTY_PATH) ? -errno : 0;
	return 0;
}

/* Times last: the others change them. */
int p9_call_setattr(struct p9_call *c)
{
	struct change to;
	struct p9_fid *fid;
	int r = p9_call_file(c, &fid);

	if (!r)
		r = get_change(c, &to);
	if (!r)
		r = set_ids(c->fs, fid, &to);
	if (!r)
		r = set_size(c->fs, fid, &to);
	return r ? r : set_times(fid, &to);
}

int p9_call_statfs(struct p9_call *c)
{
	struct p9_fid *fid;
	struct statfs st;
	int r = p9_call_file(c, &fid);

	if (r)
		return r;
	if (fstatfs(fid->path_fd, &st))
		return -errno;
	bytes_u32(&c->out, FS_TYPE);
	bytes_u32(&c->out, (uint32_t)st.f_bsize);
	bytes_u64(&c->out, st.f_blocks);
	bytes_u64(&c->out, st.f_bfree);
	bytes_u64(&c->out, st.f_bavail);
	bytes_u64(&c->out, st.f_files);
	bytes_u64(&c->out, st.f_ffree);
	bytes_u64(&c->out, (uint32_t)st.f_fsid.__val[0] | (uint64_t)st.f_fsid.__val[1] << 32);
	bytes_u32(&c->out, (uint32_t)st.f_namelen);
	return 0;
}
