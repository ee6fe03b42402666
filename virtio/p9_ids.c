/*
 * See p9_ids.h. Holds no state. What the attribute says is checked like everything from outside: an attribute
 * that makes no sense is as good as none, and a directory stays a directory.
 */
#include "virtio/p9_ids.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "virtio/p9_codec.h"
#include "virtio/p9_path.h"

#define ATTR_BYTES 80

struct attr {
	uint32_t mode, uid, gid, major, minor;
};

static bool type_known(uint32_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
	case S_IFDIR:
	case S_IFLNK:
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK:
		return true;
	default:
		return false;
	}
}

static bool parse_attr(const char *text, struct attr *a)
{
	int end = 0;
	int n = sscanf(text, "%o %u %u %u %u%n", &a->mode, &a->uid, &a->gid, &a->major, &a->minor,
		       &end);

	return n == 5 && !text[end] && a->mode <= (S_IFMT | 07777) && type_known(a->mode);
}

/* The file's attribute. 1; 0: it has none that makes sense; -errno. */
static int load_attr(int fd, struct attr *a)
{
	char proc[P9_PROC_BYTES], text[ATTR_BYTES];
	ssize_t n = getxattr(p9_path_proc(fd, proc), P9_IDS_XATTR, text, sizeof(text) - 1);

	if (n < 0)
		return errno == ENODATA || errno == EOPNOTSUPP || errno == ERANGE || errno == EPERM
			       ? 0
			       : -errno;
	text[n] = '\0';
	return parse_attr(text, a);
}

static int store_attr(int fd, const struct attr *a)
{
	char proc[P9_PROC_BYTES], text[ATTR_BYTES];
	int n = snprintf(text, sizeof(text), "%o %u %u %u %u", a->mode, a->uid, a->gid, a->major,
			 a->minor);

	return setxattr(p9_path_proc(fd, proc), P9_IDS_XATTR, text, (size_t)n, 0) ? -errno : 0;
}

/* Only a regular file can stand for something else. */
static void apply_attr(const struct attr *a, struct stat *st)
{
	uint32_t type = st->st_mode & S_IFMT;

	if (type == S_IFREG && (a->mode & S_IFMT) != S_IFDIR)
		type = a->mode & S_IFMT;
	st->st_mode = type | (a->mode & 07777);
	st->st_uid = a->uid;
	st->st_gid = a->gid;
	st->st_rdev = type == S_IFCHR || type == S_IFBLK ? makedev(a->major, a->minor) : 0;
}

int p9_ids_stat(enum p9_ids ids, int fd, struct stat *st)
{
	struct attr a = { 0 };
	int r = p9_path_stat(fd, st);

	if (r || ids == P9_IDS_PASSTHROUGH)
		return r;
	if (!S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode))
		return 0;
	r = load_attr(fd, &a);
	if (r > 0)
		apply_attr(&a, st);
	return r < 0 ? r : 0;
}

/* As chown(2) does: who changes the owner takes privileges away from a program. */
static void drop_privileges(uint32_t *mode)
{
	if (S_ISDIR(*mode))
		return;
	*mode &= ~(uint32_t)S_ISUID;
	if (*mode & S_IXGRP)
		*mode &= ~(uint32_t)S_ISGID;
}

static int change_mapped(int fd, uint32_t mode, uint32_t uid, uint32_t gid)
{
	struct stat st;
	struct attr a;
	int r = p9_ids_stat(P9_IDS_MAPPED, fd, &st);

	if (r)
		return r;
	a = (struct attr){ st.st_mode, st.st_uid, st.st_gid, major(st.st_rdev), minor(st.st_rdev) };
	if (uid != P9_NO_ID)
		a.uid = uid;
	if (gid != P9_NO_ID)
		a.gid = gid;
	if (uid != P9_NO_ID || gid != P9_NO_ID)
		drop_privileges(&a.mode);
	if (mode != P9_NO_ID)
		a.mode = (a.mode & S_IFMT) | (mode & 07777);
	return store_attr(fd, &a);
}

static int change_host(int fd, uint32_t mode, uint32_t uid, uint32_t gid)
{
	char proc[P9_PROC_BYTES];

	if ((uid != P9_NO_ID || gid != P9_NO_ID) && fchownat(fd, "", uid, gid, AT_EMPTY_PATH))
		return -errno;
	if (mode != P9_NO_ID && chmod(p9_path_proc(fd, proc), mode & 07777))
		return -errno;
	return 0;
}

int p9_ids_change(enum p9_ids ids, int fd, uint32_t mode, uint32_t uid, uint32_t gid)
{
	return ids == P9_IDS_MAPPED ? change_mapped(fd, mode, uid, gid)
				    : change_host(fd, mode, uid, gid);
}

/* An owner that this host does not grant is no reason to do without the file: EPERM to a user, EINVAL to an
 * id that the user namespace lacks. */
static int give_to(int fd, uint32_t mode, uint32_t uid, uint32_t gid)
{
	bool again = !S_ISLNK(mode) && !S_ISDIR(mode) && (mode & (S_ISUID | S_ISGID));
	int r = change_host(fd, P9_NO_ID, uid, gid);

	if (r == -EPERM || r == -EINVAL)
		return 0;
	return r || !again ? r : change_host(fd, mode, P9_NO_ID, P9_NO_ID);
}

int p9_ids_new(enum p9_ids ids, int fd, uint32_t mode, uint32_t uid, uint32_t gid, dev_t rdev)
{
	struct attr a = { mode, uid, gid, major(rdev), minor(rdev) };

	if (ids == P9_IDS_PASSTHROUGH)
		return give_to(fd, mode, uid, gid);
	if (a.uid == P9_NO_ID)
		a.uid = geteuid();
	if (a.gid == P9_NO_ID)
		a.gid = getegid();
	return store_attr(fd, &a);
}

int p9_ids_probe(int fd)
{
	char proc[P9_PROC_BYTES], text[ATTR_BYTES];

	if (getxattr(p9_path_proc(fd, proc), P9_IDS_XATTR, text, sizeof(text)) >= 0)
		return 0;
	return errno == ENODATA || errno == ERANGE ? 0 : -errno;
}
