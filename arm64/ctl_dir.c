/*
 * See ctl_dir.h. Leaves out: user databases other than the file (a static program cannot ask them); such users
 * have HOME set.
 */
#include "arm64/ctl_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define DIR_FLAGS    (O_RDONLY | O_DIRECTORY | O_CLOEXEC)
#define OTHERS       0077u /* permissions of anybody but the owner */
#define OTHERS_WRITE 0022u
#define FILE_BYTES   (CTL_NAME_BYTES + 5)
#define BACKLOG      16

struct ctl_env ctl_env_now(void)
{
	return (struct ctl_env){
		.runtime_dir = getenv("XDG_RUNTIME_DIR"),
		.home = getenv("HOME"),
		.passwd = "/etc/passwd",
		.uid = geteuid(),
	};
}

int ctl_name_check(const char *name, struct err *err)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	size_t n = strlen(name);

	if (n == 0 || n >= CTL_NAME_BYTES)
		return err_set(err, -EINVAL, "a guest's name has 1 to %u characters, not %zu",
			       CTL_NAME_BYTES - 1, n);
	if (name[0] == '.' || name[0] == '-' || strspn(name, allowed) != n)
		return err_set(
			err, -EINVAL,
			"\"%.70s\": a guest's name has letters, digits, \".\", \"_\" and \"-\", and "
			"begins with a letter, a digit or \"_\"",
			name);
	return 0;
}

/* ---- the directories ---- */

/* Field number `index` of a line of the user database, ended with 0; NULL: it has none. */
static char *passwd_field(char *line, unsigned index)
{
	for (; index > 0 && line; index--) {
		line = strchr(line, ':');
		line += line != NULL;
	}
	if (line)
		line[strcspn(line, ":\n")] = '\0';
	return line;
}

/* passwd(5): name:password:UID:GID:comment:home:shell. */
static bool home_in_line(char *line, uid_t uid, char path[CTL_PATH_BYTES])
{
	char *home = passwd_field(line, 5), *number = passwd_field(line, 2), *end;
	unsigned long found;

	if (!home || !number || home[0] != '/')
		return false;
	found = strtoul(number, &end, 10);
	if (end == number || *end || found != uid)
		return false;
	return snprintf(path, CTL_PATH_BYTES, "%s", home) < CTL_PATH_BYTES;
}

static bool home_of_user(const struct ctl_env *env, char path[CTL_PATH_BYTES])
{
	FILE *in = fopen(env->passwd, "re");
	char *line = NULL;
	size_t size = 0;
	bool found = false;

	while (in && !found && getline(&line, &size, in) > 0)
		found = home_in_line(line, env->uid, path);
	free(line);
	if (in)
		fclose(in);
	return found;
}

static bool is_absolute(const char *path)
{
	return path && path[0] == '/';
}

static int base_path(const struct ctl_env *env, enum ctl_dir_kind kind, char path[CTL_PATH_BYTES],
		     struct err *err)
{
	const char *given = kind == CTL_DIR_RUNTIME ? env->runtime_dir : env->home;

	if (is_absolute(given)) {
		if (snprintf(path, CTL_PATH_BYTES, "%s", given) < CTL_PATH_BYTES)
			return 0;
		return err_set(err, -ENAMETOOLONG, "the path in %s is too long",
			       kind == CTL_DIR_RUNTIME ? "XDG_RUNTIME_DIR" : "HOME");
	}
	if (kind == CTL_DIR_RUNTIME)
		return err_set(err, -ENOENT, "XDG_RUNTIME_DIR is not set to an absolute path");
	if (home_of_user(env, path))
		return 0;
	return err_set(
		err, -ENXIO,
		"HOME is not set to an absolute path, and %s has no home of user %u: set HOME or "
		"XDG_RUNTIME_DIR",
		env->passwd, (unsigned)env->uid);
}

static int path_error(struct err *err, int code, const char *path)
{
	return err_set(err, code, "%.400s: %s", path, strerror(-code));
}

/* XDG asks for 0700; what matters is that nobody else can put anything there. */
static int check_runtime_dir(int fd, const struct ctl_env *env, const char *path, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return path_error(err, -errno, path);
	if (st.st_uid != env->uid || st.st_mode & OTHERS_WRITE)
		return err_set(
			err, -EPERM,
			"XDG_RUNTIME_DIR %.300s belongs to user %u and has mode %#o: not used",
			path, (unsigned)st.st_uid, st.st_mode & 07777);
	return 0;
}

/* Ours and nobody else's. */
static int check_private(int fd, const struct ctl_env *env, const char *path, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return path_error(err, -errno, path);
	if (st.st_uid != env->uid)
		return err_set(err, -EPERM,
			       "%.300s belongs to user %u, so control sockets are not safe there",
			       path, (unsigned)st.st_uid);
	if (st.st_mode & OTHERS)
		return err_set(err, -EPERM,
			       "%.300s has mode %#o, so others could reach control sockets there: "
			       "chmod 700",
			       path, st.st_mode & 07777);
	return 0;
}

/* Go down from `*fd` to its directory `name`, which is private and may have to be made. */
static int enter(int *fd, const char *name, const struct ctl_env *env, bool create,
		 char path[CTL_PATH_BYTES], struct err *err)
{
	size_t n = strlen(path);
	int below;

	if ((size_t)snprintf(path + n, CTL_PATH_BYTES - n, "/%s", name) >= CTL_PATH_BYTES - n)
		return err_set(err, -ENAMETOOLONG, "%.300s...: the path is too long", path);
	if (create && mkdirat(*fd, name, 0700) < 0 && errno != EEXIST)
		return path_error(err, -errno, path);
	below = openat(*fd, name, DIR_FLAGS | O_NOFOLLOW);
	if (below < 0)
		return path_error(err, -errno, path);
	close(*fd);
	*fd = below;
	return check_private(below, env, path, err);
}

int ctl_dir_open(struct ctl_dir *dir, const struct ctl_env *env, enum ctl_dir_kind kind,
		 bool create, struct err *err)
{
	int r;

	dir->fd = -1;
	r = base_path(env, kind, dir->path, err);
	if (r)
		return r;
	dir->fd = open(dir->path, DIR_FLAGS);
	if (dir->fd < 0)
		return path_error(err, -errno, dir->path);
	if (kind == CTL_DIR_RUNTIME) {
		r = check_runtime_dir(dir->fd, env, dir->path, err);
		if (r == 0)
			r = enter(&dir->fd, "rasvm", env, create, dir->path, err);
	} else {
		r = enter(&dir->fd, ".rasvm", env, create, dir->path, err);
		if (r == 0)
			r = enter(&dir->fd, "run", env, create, dir->path, err);
	}
	if (r)
		ctl_dir_close(dir);
	return r;
}

void ctl_dir_close(struct ctl_dir *dir)
{
	if (dir->fd >= 0)
		close(dir->fd);
	dir->fd = -1;
}

/* ---- sockets ---- */

static void file_name(char file[FILE_BYTES], const char *name, const char *suffix)
{
	snprintf(file, FILE_BYTES, "%.*s%s", CTL_NAME_BYTES - 1, name, suffix);
}

/* unix(7): the address has 108 bytes. A longer path is reached through the descriptor of its directory. */
static struct sockaddr_un address_of(const struct ctl_dir *dir, const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const size_t size = sizeof(address.sun_path);
	char file[FILE_BYTES];

	file_name(file, name, ".sock");
	if ((size_t)snprintf(address.sun_path, size, "%s/%s", dir->path, file) >= size)
		snprintf(address.sun_path, size, "/proc/self/fd/%d/%s", dir->fd, file);
	return address;
}

int ctl_dir_connect(const struct ctl_dir *dir, const char *name)
{
	struct sockaddr_un address = address_of(dir, name);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), r;

	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	r = -errno;
	close(fd);
	return r;
}

/* True if `fd` is still what the name stands for: one who left may have taken the file away meanwhile. */
static bool is_current(const struct ctl_dir *dir, const char *file, int fd)
{
	struct stat ours, there;

	return fstat(fd, &ours) == 0 && fstatat(dir->fd, file, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
	       ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
}

/* A descriptor that holds the lock; -EWOULDBLOCK: somebody else does; or -errno. */
static int lock_name(const struct ctl_dir *dir, const char *name)
{
	char file[FILE_BYTES];
	int fd, r;

	file_name(file, name, ".lock");
	for (;;) {
		fd = openat(dir->fd, file, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd < 0)
			return -errno;
		r = flock(fd, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;
		if (r == 0 && is_current(dir, file, fd))
			return fd;
		close(fd);
		if (r)
			return r;
	}
}

/* With the lock held: nobody else looks at these files then. */
static void remove_files(const struct ctl_dir *dir, const char *name)
{
	char file[FILE_BYTES];

	file_name(file, name, ".sock");
	unlinkat(dir->fd, file, 0);
	file_name(file, name, ".lock");
	unlinkat(dir->fd, file, 0);
}

bool ctl_dir_clean(const struct ctl_dir *dir, const char *name)
{
	int fd = lock_name(dir, name);

	if (fd < 0)
		return false;
	remove_files(dir, name);
	close(fd);
	return true;
}

/* ---- a guest's place ---- */

static int take_dir(struct ctl_place *place, const struct ctl_env *env, struct err *err)
{
	struct err why = { "" };
	int r;

	if (ctl_dir_open(&place->dir, env, CTL_DIR_RUNTIME, true, &why) == 0)
		return 0;
	r = ctl_dir_open(&place->dir, env, CTL_DIR_HOME, true, &why);
	if (r)
		return err_set(err, r,
			       "--name %s: there is no place for its control socket: %.400s",
			       place->name, why.text);
	return 0;
}

/* The name may be taken in the other directory too; clients would find only one of the two. */
static bool runs_elsewhere(const struct ctl_place *place, const struct ctl_env *env)
{
	struct ctl_dir other;
	struct err ignored;
	bool runs = false;
	int fd;

	for (unsigned kind = 0; kind < CTL_NR_DIRS && !runs; kind++) {
		if (ctl_dir_open(&other, env, (enum ctl_dir_kind)kind, false, &ignored))
			continue;
		fd = strcmp(other.path, place->dir.path) ? ctl_dir_connect(&other, place->name)
							 : -1;
		runs = fd >= 0 || fd == -EAGAIN;
		if (fd >= 0)
			close(fd);
		ctl_dir_close(&other);
	}
	return runs;
}

/* For the message of whoever finds the name taken. */
static void write_pid(int fd)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%d\n", (int)getpid());

	if (ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t)n, 0) != n)
		return; /* it says "unknown" then */
}

static void read_pid(const struct ctl_place *place, char text[16])
{
	char file[FILE_BYTES];
	ssize_t n = -1;
	int fd;

	file_name(file, place->name, ".lock");
	fd = openat(place->dir.fd, file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, text, 15);
		close(fd);
	}
	text[n > 0 ? n : 0] = '\0';
	text[strspn(text, "0123456789")] = '\0';
	if (!text[0])
		snprintf(text, 16, "unknown");
}

static int name_taken(const struct ctl_place *place, struct err *err)
{
	char pid[16];

	read_pid(place, pid);
	return err_set(err, -EADDRINUSE,
		       "--name %s: a guest of that name runs already (process %s, in %.300s)",
		       place->name, pid, place->dir.path);
}

static int take_name(struct ctl_place *place, const struct ctl_env *env, struct err *err)
{
	int fd = lock_name(&place->dir, place->name);

	if (fd == -EWOULDBLOCK)
		return name_taken(place, err);
	if (fd < 0)
		return err_set(err, fd, "--name %s: cannot lock it in %.300s: %s", place->name,
			       place->dir.path, strerror(-fd));
	place->lock_fd = fd;
	write_pid(fd);
	if (runs_elsewhere(place, env))
		return err_set(err, -EADDRINUSE, "--name %s: a guest of that name runs already",
			       place->name);
	return 0;
}

static int listen_at(struct ctl_place *place, struct err *err)
{
	struct sockaddr_un address = address_of(&place->dir, place->name);
	char file[FILE_BYTES];
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	file_name(file, place->name, ".sock");
	unlinkat(place->dir.fd, file, 0); /* we have the lock: it is left over */
	place->listen_fd = fd;
	if (fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 &&
	    listen(fd, BACKLOG) == 0)
		return 0;
	return err_set(err, -errno, "--name %s: cannot make the control socket in %.300s: %s",
		       place->name, place->dir.path, strerror(errno));
}

int ctl_place_take(struct ctl_place *place, const struct ctl_env *env, const char *name,
		   struct err *err)
{
	int r;

	place->dir.fd = place->lock_fd = place->listen_fd = -1;
	r = ctl_name_check(name, err);
	if (r)
		return r;
	snprintf(place->name, sizeof(place->name), "%s", name);
	r = take_dir(place, env, err);
	if (r == 0)
		r = take_name(place, env, err);
	return r ? r : listen_at(place, err);
}

void ctl_place_leave(struct ctl_place *place)
{
	if (place->lock_fd >= 0) {
		remove_files(&place->dir, place->name);
		close(place->lock_fd);
	}
	if (place->listen_fd >= 0)
		close(place->listen_fd);
	ctl_dir_close(&place->dir);
	place->lock_fd = place->listen_fd = -1;
}
