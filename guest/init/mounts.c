/*
 * The file system that the command sees. See init.h.
 *
 * A tmpfs is the root. What the shared root has at its top is bound into it or, symbolic links, made again; so
 * directories can be made that the share, which is read-only, does not have. /dev, /proc, /sys, /tmp and /run
 * are the guest's own. The command's directory is a share of its own, mounted at the path it has on the host:
 * where the root has no such directory, an empty tmpfs takes the place of the last one on the way that there is.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/init/init.h"

#define SHARE "/rasvm/root" /* the shared root as it is */
#define ROOT  "/root"       /* what the command sees */

static const struct {
	const char *dir, *type;
	mode_t mode;
} own[] = {
	{ "dev", "devtmpfs", 0755 },   { "proc", "proc", 0555 },      { "sys", "sysfs", 0555 },
	{ "dev/pts", "devpts", 0755 }, { "dev/shm", "tmpfs", 01777 }, { "tmp", "tmpfs", 01777 },
	{ "run", "tmpfs", 0755 },
};

#define OWN (sizeof(own) / sizeof(own[0]))

static bool is_own(const char *name)
{
	for (unsigned i = 0; i < OWN; i++)
		if (strcmp(own[i].dir, name) == 0)
			return true;
	return false;
}

static void mount_one(const char *what, const char *at, const char *type, unsigned long flags,
		      const char *options)
{
	if (mount(what, at, type, flags, options) < 0)
		cannot("mounting %s at %s: %s", type, at, strerror(errno));
}

/* For init itself. */
void mount_own(void)
{
	for (unsigned i = 0; i < 3; i++) {
		char at[16];

		snprintf(at, sizeof(at), "/%s", own[i].dir);
		mkdir(at, own[i].mode);
		mount_one(own[i].type, at, own[i].type, 0, NULL);
	}
}

/* For the command. What a kernel may lack is left out: shared memory and pseudo terminals. */
static void mount_own_in_root(void)
{
	for (unsigned i = 0; i < OWN; i++) {
		char at[32], mode[16];
		bool optional = strncmp(own[i].dir, "dev/", 4) == 0;

		snprintf(at, sizeof(at), ROOT "/%s", own[i].dir);
		snprintf(mode, sizeof(mode), "mode=%o", (unsigned)own[i].mode);
		mkdir(at, own[i].mode);
		if (optional)
			mount(own[i].type, at, own[i].type, 0, NULL);
		else
			mount_one(own[i].type, at, own[i].type, 0,
				  strcmp(own[i].type, "tmpfs") == 0 ? mode : NULL);
	}
}

/* The names by which shells know a process's own streams; devtmpfs does not have them. */
static void link_streams(void)
{
	static const char *const links[][2] = {
		{ "/proc/self/fd", ROOT "/dev/fd" },
		{ "/proc/self/fd/0", ROOT "/dev/stdin" },
		{ "/proc/self/fd/1", ROOT "/dev/stdout" },
		{ "/proc/self/fd/2", ROOT "/dev/stderr" },
	};

	for (unsigned i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		if (symlink(links[i][0], links[i][1]) < 0 && errno != EEXIST)
			cannot("%s: %s", links[i][1], strerror(errno));
}

/* A share by its tag, whose device may not be there yet. What the host's directory holds may change while it is
 * shared, which caches do not hear of; only the one that can be written does without most of them. */
static void mount_share(const char *tag, const char *at, bool rw)
{
	char options[128];

	snprintf(options, sizeof(options), "trans=virtio,version=9p2000.L,msize=262144,cache=%s",
		 rw ? "mmap" : "loose");
	for (unsigned ms = 0; mount(tag, at, "9p", rw ? 0 : MS_RDONLY, options) < 0; ms += 10) {
		if (errno == ENODEV)
			cannot("this kernel has no 9p built in; name the directory of its modules by "
			       "--modules");
		if (errno != ENOENT || ms >= WAIT_MS)
			cannot("mounting the share %s: %s", tag, strerror(errno));
		nap_ms(10);
	}
}

static void link_again(const char *from, const char *to)
{
	char target[PATH_MAX];
	ssize_t n = readlink(from, target, sizeof(target) - 1);

	if (n < 0)
		return;
	target[n] = '\0';
	symlink(target, to);
}

/* An entry at the top of the shared root. One that cannot be bound is left out: another file system of the host
 * that its owner may not look into, say. */
static void take_entry(const char *name)
{
	char from[PATH_MAX], to[PATH_MAX];
	struct stat st;

	snprintf(from, sizeof(from), SHARE "/%s", name);
	snprintf(to, sizeof(to), ROOT "/%s", name);
	if (lstat(from, &st) < 0)
		return;
	if (S_ISLNK(st.st_mode)) {
		link_again(from, to);
		return;
	}
	if (S_ISDIR(st.st_mode))
		mkdir(to, 0755);
	else
		mknod(to, S_IFREG | 0644, 0);
	if (mount(from, to, NULL, MS_BIND, NULL) < 0) {
		rmdir(to);
		unlink(to);
	}
}

static void take_root(void)
{
	DIR *d = opendir(SHARE);
	struct dirent *e;

	if (!d)
		cannot("the shared root: %s", strerror(errno));
	while ((e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
		    !is_own(e->d_name))
			take_entry(e->d_name);
	closedir(d);
}

/* All of the path's directories, in the root. */
static void make_path(const char *path)
{
	char at[PATH_MAX], parent[PATH_MAX] = ROOT;

	for (const char *end = path; *end;) {
		end += strspn(end, "/");
		end += strcspn(end, "/");
		snprintf(at, sizeof(at), ROOT "%.*s", (int)(end - path), path);
		if (mkdir(at, 0755) < 0 && errno != EEXIST) {
			if (errno != EROFS)
				cannot("%s: %s", path, strerror(errno));
			mount_one("tmpfs", parent, "tmpfs", 0, "mode=755");
			if (mkdir(at, 0755) < 0)
				cannot("%s: %s", path, strerror(errno));
		}
		memcpy(parent, at, sizeof(parent));
	}
}

static void take_cwd(const struct command *c)
{
	char at[PATH_MAX];

	snprintf(at, sizeof(at), ROOT "%s", c->cwd);
	if (strcmp(c->cwd, "/") == 0)
		return;
	make_path(c->cwd);
	mount_share("rasvm.cwd", at, c->rw);
}

void build_root(const struct command *c)
{
	mkdir(SHARE, 0755);
	mkdir(ROOT, 0755);
	mount_share("rasvm.root", SHARE, false);
	mount_one("tmpfs", ROOT, "tmpfs", 0, "mode=755");
	take_root();
	mount_own_in_root();
	link_streams();
	take_cwd(c);
	mount(NULL, ROOT, NULL, MS_REMOUNT | MS_RDONLY, NULL);
	if (chroot(ROOT) < 0 || chdir("/") < 0)
		cannot("chroot: %s", strerror(errno));
}
