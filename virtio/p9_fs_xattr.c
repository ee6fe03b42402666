/*
 * 9P: xattrwalk, xattrcreate, and reading and writing of what they give. An attribute is read as a whole when
 * it is walked to, and set as a whole when its fid is clunked. See p9_fs.h.
 *
 * With mapped ids a guest has attributes "user.*" but for ours, and only on files and directories of the host:
 * those of other kinds would act on the host.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "lib/guard.h"
#include "virtio/p9_fs_private.h"

#define XATTR_MAX_BYTES P9_SCRATCH_BYTES

static bool starts(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

static bool visible(const struct p9_fs *fs, const char *name)
{
	if (fs->ids == P9_IDS_PASSTHROUGH)
		return true;
	return starts(name, "user.") && !starts(name, P9_IDS_PREFIX);
}

/* Take the names out that the guest does not see; what is left, in bytes. */
static size_t filter(const struct p9_fs *fs, char *names, size_t n)
{
	size_t kept = 0;

	for (size_t at = 0; at < n;) {
		size_t len = strnlen(names + at, n - at) + 1;

		if (len > n - at)
			break;
		if (visible(fs, names + at)) {
			memmove(names + kept, names + at, len);
			kept += len;
		}
		at += len;
	}
	return kept;
}

/* The attribute's value, or the list of names if `name` is empty, to the scratch buffer: bytes or -errno. */
static ssize_t load(const struct p9_fs *fs, int fd, const char *name)
{
	char proc[P9_PROC_BYTES], *to = (char *)fs->scratch;
	ssize_t n;

	if (name[0] && !visible(fs, name))
		return starts(name, "user.") ? -ENODATA : -EOPNOTSUPP;
	p9_path_proc(fd, proc);
	n = name[0] ? getxattr(proc, name, to, P9_SCRATCH_BYTES)
		    : listxattr(proc, to, P9_SCRATCH_BYTES);
	if (n < 0)
		return -errno;
	return name[0] ? n : (ssize_t)filter(fs, to, (size_t)n);
}

/* A fid of its own, with a descriptor of its file that nobody needs but that every fid has. */
static int add_fid(struct p9_call *c, const struct p9_fid *from, uint32_t id, size_t size)
{
	int fd = fcntl(from->path_fd, F_DUPFD_CLOEXEC, 0);
	struct p9_fid *fid;
	int r;

	if (fd < 0)
		return -errno;
	r = p9_fid_add(&c->fs->fids, id, from->uid, fd, &fid);
	if (r) {
		close(fd);
		return r;
	}
	r = p9_fid_add_xattr(&c->fs->fids, fid, size);
	if (r) {
		p9_fid_drop(&c->fs->fids, fid);
		return r;
	}
	fid->kind = P9_FID_XATTR_GET;
	memcpy(fid->xattr->data, c->fs->scratch, size);
	return 0;
}

int p9_call_xattrwalk(struct p9_call *c)
{
	char name[sizeof(((struct p9_xattr *)0)->name)];
	struct p9_fid *fid;
	int r = p9_call_file(c, &fid);
	uint32_t id = p9_get_u32(&c->in);
	ssize_t n;

	if (!r)
		r = p9_call_text(c, name, sizeof(name));
	if (r)
		return r;
	if (id == P9_NO_ID)
		return -EINVAL;
	n = load(c->fs, fid->path_fd, name);
	if (n < 0)
		return (int)n;
	r = add_fid(c, fid, id, (size_t)n);
	if (!r)
		bytes_u64(&c->out, (uint64_t)n);
	return r;
}

int p9_call_xattrcreate(struct p9_call *c)
{
	char name[sizeof(((struct p9_xattr *)0)->name)];
	struct p9_fid *fid;
	int r = p9_call_fid(c, &fid);
	uint64_t size;
	uint32_t flags;

	if (!r)
		r = p9_call_text(c, name, sizeof(name));
	if (r)
		return r;
	size = p9_get_u64(&c->in);
	flags = p9_get_u32(&c->in);
	if (c->in.bad || fid->kind != P9_FID_PATH || (flags & ~(XATTR_CREATE | XATTR_REPLACE)))
		return -EINVAL;
	if (size > XATTR_MAX_BYTES)
		return -E2BIG;
	if (!visible(c->fs, name))
		return -EOPNOTSUPP;
	r = p9_fid_add_xattr(&c->fs->fids, fid, size);
	if (r)
		return r;
	fid->kind = P9_FID_XATTR_SET;
	fid->xattr->flags = (int)flags;
	memcpy(fid->xattr->name, name, sizeof(name));
	return 0;
}

int p9_xattr_read(struct p9_call *c, const struct p9_xattr *x, uint64_t offset, uint32_t count)
{
	if (offset > x->size)
		offset = x->size;
	if (count > x->size - offset)
		count = (uint32_t)(x->size - offset);
	if (count > p9_call_room(c))
		return -EMSGSIZE;
	bytes_u32(&c->out, count);
	bytes_copy(&c->out, x->data + offset, count);
	return 0;
}

int p9_xattr_write(struct p9_call *c, struct p9_xattr *x, uint64_t offset, uint32_t count)
{
	const struct p9_io *io = c->io;
	uint8_t *to;

	if (offset > x->size || count > x->size - offset)
		return -ENOSPC;
	to = x->data + offset;
	for (unsigned i = 0; i < io->nin; i++) {
		int r = guard_copy(to, io->in[i].iov_base, io->in[i].iov_len);

		if (r)
			return r;
		to += io->in[i].iov_len;
	}
	x->written += count;
	bytes_u32(&c->out, count);
	return 0;
}

/* Nothing, in place of what is there, is how a guest removes an attribute. */
int p9_xattr_set(const struct p9_fid *fid)
{
	const struct p9_xattr *x = fid->xattr;
	char proc[P9_PROC_BYTES];

	if (x->written != x->size)
		return -EINVAL;
	p9_path_proc(fid->path_fd, proc);
	if (!x->size && (x->flags & XATTR_REPLACE))
		return removexattr(proc, x->name) ? -errno : 0;
	return setxattr(proc, x->name, x->data, x->size, x->flags) ? -errno : 0;
}
