/*
 * See p9_path.h. Holds no state.
 *
 * RESOLVE_BENEATH keeps each look-up below its directory, RESOLVE_NO_SYMLINKS lets it end at a symbolic link
 * (O_PATH and O_NOFOLLOW) and go through none, RESOLVE_NO_MAGICLINKS refuses those of /proc, should /proc be
 * shared. What lies below a mount point is part of the share, but for files that only look like data.
 */
#include "virtio/p9_path.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/types.h"

#define RESOLVE (RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS)

/* openat2 answers EAGAIN if something was renamed while it looked; this often at most. */
#define TRIES 64

static int beneath(int dir_fd, const char *path, int flags, mode_t mode)
{
	struct open_how how = { .flags = (uint64_t)(unsigned)(flags | O_CLOEXEC | O_NOFOLLOW),
				.mode = mode,
				.resolve = RESOLVE };
	long fd = -1;

	for (unsigned i = 0; i < TRIES; i++) {
		fd = syscall(SYS_openat2, dir_fd, path, &how, sizeof(how));
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
			break;
	}
	return fd < 0 ? -errno : (int)fd;
}

static int no_openat2(const char *dir, int error, struct err *err)
{
	if (error == ENOSYS)
		return err_set(err, -error,
			       "cannot share the directory %s: this host's kernel has no openat2, "
			       "which keeps a guest inside it; use Linux 5.6 or newer",
			       dir);
	return err_set(err, -error,
		       "cannot share the directory %s: openat2, which keeps a guest inside it, "
		       "fails: %s",
		       dir, strerror(error));
}

/* Whether the calls that everything rests on work here. */
static int check_root(int fd, const char *dir, struct err *err)
{
	int again = beneath(fd, ".", O_PATH | O_DIRECTORY, 0);

	if (again < 0)
		return no_openat2(dir, -again, err);
	close(again);
	again = p9_path_reopen(fd, O_RDONLY | O_DIRECTORY);
	if (again == -ENOENT)
		return err_set(err, again, "cannot share the directory %s: /proc is not mounted",
			       dir);
	if (again < 0)
		return err_set(err, again, "cannot share the directory %s: it cannot be read: %s",
			       dir, strerror(-again));
	close(again);
	return 0;
}

int p9_path_root(const char *dir, struct err *err)
{
	int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (fd < 0)
		return err_set(err, -errno, "cannot share the directory %s: %s", dir,
			       strerror(errno));
	r = check_root(fd, dir, err);
	if (!r)
		return fd;
	close(fd);
	return r;
}

int p9_path_step(int dir_fd, const char *name)
{
	return beneath(dir_fd, name, O_PATH, 0);
}

int p9_path_create(int dir_fd, const char *name, int flags, mode_t mode)
{
	return beneath(dir_fd, name, flags | O_CREAT | O_EXCL | O_NOCTTY, mode);
}

const char *p9_path_proc(int fd, char text[P9_PROC_BYTES])
{
	snprintf(text, P9_PROC_BYTES, "/proc/self/fd/%d", fd);
	return text;
}

int p9_path_reopen(int path_fd, int flags)
{
	char proc[P9_PROC_BYTES];
	int fd = open(p9_path_proc(path_fd, proc), flags | O_CLOEXEC | O_NOCTTY);

	return fd < 0 ? -errno : fd;
}

int p9_path_of(int io_fd)
{
	return p9_path_reopen(io_fd, O_PATH);
}

int p9_path_stat(int fd, struct stat *st)
{
	return fstatat(fd, "", st, AT_EMPTY_PATH) ? -errno : 0;
}

/* linux/magic.h */
static bool is_door(uint32_t fs_type)
{
	static const uint32_t doors[] = {
		PROC_SUPER_MAGIC, SYSFS_MAGIC,        DEBUGFS_MAGIC,       TRACEFS_MAGIC,
		SECURITYFS_MAGIC, CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC, BPF_FS_MAGIC,
		BINFMTFS_MAGIC,   EFIVARFS_MAGIC,     SELINUX_MAGIC,       SMACK_MAGIC,
	};

	for (size_t i = 0; i < ARRAY_SIZE(doors); i++)
		if (fs_type == doors[i])
			return true;
	return false;
}

int p9_path_check_data(int fd)
{
	struct statfs fs;

	if (fstatfs(fd, &fs))
		return -errno;
	return is_door((uint32_t)fs.f_type) ? -EACCES : 0;
}

bool p9_path_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Where the kernel sees the file of `fd` now. */
static int current_path(int fd, char path[PATH_MAX])
{
	char proc[P9_PROC_BYTES];
	ssize_t n = readlink(p9_path_proc(fd, proc), path, PATH_MAX);

	if (n < 0)
		return -errno;
	if (n == PATH_MAX)
		return -ENAMETOOLONG;
	path[n] = '\0';
	return 0;
}

/* Where the part of `path` below `root` begins. -ENOENT: it is not below; -EXDEV: it is the root. */
static ssize_t below(const char *root, const char *path)
{
	size_t n = strcmp(root, "/") ? strlen(root) : 0;

	if (!strcmp(root, path))
		return -EXDEV;
	if (strncmp(root, path, n) != 0 || path[n] != '/')
		return -ENOENT;
	return (ssize_t)n + 1;
}

/* Cut the last name off `path`, which becomes "." if there is no other. */
static int split(char *path, char name[P9_NAME_BYTES])
{
	char *slash = strrchr(path, '/');
	const char *last = slash ? slash + 1 : path;
	size_t n = strlen(last);

	if (n >= P9_NAME_BYTES)
		return -ENOENT; /* a deleted file's, which has a note behind it */
	memcpy(name, last, n + 1);
	if (slash)
		*slash = '\0';
	else
		memcpy(path, ".", 2);
	return 0;
}

/* Is `name` in `dir_fd` still the file of `fd`? */
static int check_name(int dir_fd, const char *name, int fd)
{
	struct stat found, wanted;
	int r = p9_path_stat(fd, &wanted);

	if (r)
		return r;
	if (fstatat(dir_fd, name, &found, AT_SYMLINK_NOFOLLOW))
		return -errno;
	return p9_path_same(&found, &wanted) ? 0 : -ENOENT;
}

/* The path is only a hint where to look: the look-up starts at the root and stays below it. */
static int find_parent(int root_fd, int fd, char name[P9_NAME_BYTES])
{
	char root[PATH_MAX], path[PATH_MAX];
	int r = current_path(root_fd, root), dir_fd;
	ssize_t at;

	if (!r)
		r = current_path(fd, path);
	if (r)
		return r;
	at = below(root, path);
	if (at < 0)
		return (int)at;
	r = split(path + at, name);
	if (r)
		return r;
	dir_fd = beneath(root_fd, path + at, O_PATH | O_DIRECTORY, 0);
	if (dir_fd < 0)
		return dir_fd;
	r = check_name(dir_fd, name, fd);
	if (!r)
		return dir_fd;
	close(dir_fd);
	return r;
}

int p9_path_parent(int root_fd, int fd, char name[P9_NAME_BYTES])
{
	int r = -ENOENT;

	/* A rename between two of the steps is not the end of the file. */
	for (unsigned i = 0; i < TRIES && (r == -ENOENT || r == -ENOTDIR); i++)
		r = find_parent(root_fd, fd, name);
	return r;
}
