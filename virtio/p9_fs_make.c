/*
 * 9P: mkdir, mknod, symlink, link, readlink. See p9_fs.h; what becomes of owners and of things that a user
 * cannot make, p9_ids.h.
 */
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "virtio/p9_fs_private.h"

/* Something to be made: `mode` with its type. */
struct make {
	const struct p9_fid *dir;
	char name[P9_NAME_BYTES];
	char target[PATH_MAX]; /* of a symbolic link */
	uint32_t mode, gid;
	dev_t rdev;
};

static int write_all(int fd, const char *text, size_t n)
{
	while (n) {
		ssize_t done = write(fd, text, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return done ? -errno : -EIO;
		text += done;
		n -= (size_t)done;
	}
	return 0;
}

/* With mapped ids: what is neither a directory nor a plain file is a file with the link's target in it, or
 * nothing. */
static int make_stand_in(const struct make *m)
{
	int fd = p9_path_create(m->dir->path_fd, m->name, O_WRONLY, 0600), r;

	if (fd < 0)
		return fd;
	r = write_all(fd, m->target, strlen(m->target));
	if (r)
		unlinkat(m->dir->path_fd, m->name, 0);
	close(fd);
	return r;
}

/* Set-user-ID and set-group-ID come when the owner is right. */
static int make_node(const struct p9_fs *fs, const struct make *m)
{
	int dir = m->dir->path_fd;
	bool mapped = fs->ids == P9_IDS_MAPPED;

	if (S_ISDIR(m->mode))
		return mkdirat(dir, m->name, mapped ? 0700 : m->mode & 07777) ? -errno : 0;
	if (mapped)
		return make_stand_in(m);
	if (S_ISLNK(m->mode))
		return symlinkat(m->target, dir, m->name) ? -errno : 0;
	return mknodat(dir, m->name, m->mode & (S_IFMT | S_ISVTX | 0777), m->rdev) ? -errno : 0;
}

static void unmake(const struct make *m)
{
	unlinkat(m->dir->path_fd, m->name, S_ISDIR(m->mode) ? AT_REMOVEDIR : 0);
}

/* Give what was just made its owner. */
static int adopt(struct p9_call *c, const struct make *m, struct p9_qid *qid)
{
	int fd = p9_path_step(m->dir->path_fd, m->name), r;

	if (fd < 0)
		return fd;
	r = p9_ids_new(c->fs->ids, fd, m->mode, m->dir->uid, m->gid, m->rdev);
	if (!r)
		r = p9_call_stat(c->fs, fd, NULL, qid);
	close(fd);
	return r;
}

static int make(struct p9_call *c, const struct make *m)
{
	struct p9_qid qid;
	int r;

	if (c->in.bad)
		return -EINVAL;
	r = make_node(c->fs, m);
	if (r)
		return r;
	r = adopt(c, m, &qid);
	if (r) {
		unmake(m);
		return r;
	}
	p9_put_qid(&c->out, &qid);
	return 0;
}

/* The first fields of all three. */
static int get_place(struct p9_call *c, struct make *m)
{
	struct p9_fid *dir;
	int r = p9_call_file(c, &dir);

	m->dir = dir;
	m->target[0] = '\0';
	m->rdev = 0;
	return r ? r : p9_call_name(c, m->name);
}

int p9_call_mkdir(struct p9_call *c)
{
	struct make m;
	int r = get_place(c, &m);

	if (r)
		return r;
	m.mode = S_IFDIR | (p9_get_u32(&c->in) & 07777);
	m.gid = p9_get_u32(&c->in);
	return make(c, &m);
}

int p9_call_mknod(struct p9_call *c)
{
	struct make m;
	int r = get_place(c, &m);
	uint32_t major;

	if (r)
		return r;
	m.mode = p9_get_u32(&c->in) & (S_IFMT | 07777);
	major = p9_get_u32(&c->in);
	m.rdev = makedev(major, p9_get_u32(&c->in));
	m.gid = p9_get_u32(&c->in);
	if (!(m.mode & S_IFMT))
		m.mode |= S_IFREG;
	if (!S_ISREG(m.mode) && !S_ISCHR(m.mode) && !S_ISBLK(m.mode) && !S_ISFIFO(m.mode) &&
	    !S_ISSOCK(m.mode))
		return -EINVAL;
	return make(c, &m);
}

int p9_call_symlink(struct p9_call *c)
{
	struct make m;
	int r = get_place(c, &m);

	if (!r)
		r = p9_call_text(c, m.target, sizeof(m.target));
	if (r)
		return r;
	if (!m.target[0])
		return -ENOENT;
	m.mode = S_IFLNK | 0777;
	m.gid = p9_get_u32(&c->in);
	return make(c, &m);
}

/* A link of the file itself, of a symbolic link too. */
int p9_call_link(struct p9_call *c)
{
	char name[P9_NAME_BYTES], proc[P9_PROC_BYTES];
	struct p9_fid *dir, *file;
	int r = p9_call_file(c, &dir);

	if (!r)
		r = p9_call_file(c, &file);
	if (!r)
		r = p9_call_name(c, name);
	if (r)
		return r;
	return linkat(AT_FDCWD, p9_path_proc(file->path_fd, proc), dir->path_fd, name,
		      AT_SYMLINK_FOLLOW)
		       ? -errno
		       : 0;
}

/* The target of a link with mapped ids. */
static ssize_t read_stand_in(int path_fd, char *target, size_t size)
{
	int fd = p9_path_reopen(path_fd, O_RDONLY);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = pread(fd, target, size, 0);
	if (n < 0)
		n = -errno;
	close(fd);
	return n;
}

static ssize_t read_link(const struct p9_fs *fs, int path_fd, char *target, size_t size)
{
	struct stat host, guest;
	int r = p9_path_stat(path_fd, &host);
	ssize_t n;

	if (!r)
		r = p9_call_stat(fs, path_fd, &guest, NULL);
	if (r)
		return r;
	if (!S_ISLNK(guest.st_mode))
		return -EINVAL;
	if (S_ISREG(host.st_mode))
		return read_stand_in(path_fd, target, size);
	n = readlinkat(path_fd, "", target, size);
	return n < 0 ? -errno : n;
}

int p9_call_readlink(struct p9_call *c)
{
	char target[PATH_MAX];
	struct p9_fid *fid;
	int r = p9_call_file(c, &fid);
	ssize_t n;

	if (r)
		return r;
	n = read_link(c->fs, fid->path_fd, target, sizeof(target));
	if (n < 0)
		return (int)n;
	p9_put_text(&c->out, target, (size_t)n);
	return 0;
}
