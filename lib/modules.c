/* See modules.h. */
#include "lib/modules.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/types.h"

#define INDEX_MAX_BYTES (64u << 20)

/* How a module may be compressed. */
static const char *const suffixes[] = { "", ".xz", ".zst", ".gz" };

/* What a module needs where modules.dep does not say. Those that are not there, and not built in, belong to
 * another version of the kernel. */
static const struct {
	const char *name, *needs;
} known[] = {
	/* clang-format off */
	{ "virtio_ring",    "virtio" },
	{ "virtio_mmio",    "virtio_ring" },
	{ "virtio_pci",     "virtio_pci_modern_dev" },
	{ "virtio_pci",     "virtio_pci_legacy_dev" },
	{ "virtio_pci",     "virtio_ring" },
	{ "virtio_console", "virtio_ring" },
	{ "virtio_blk",     "virtio_ring" },
	{ "virtio_rng",     "virtio_ring" },
	{ "virtio_rng",     "rng_core" },
	{ "net_failover",   "failover" },
	{ "virtio_net",     "net_failover" },
	{ "virtio_net",     "virtio_ring" },
	{ "fscache",        "netfs" },
	{ "9pnet",          "netfs" },
	{ "9pnet_virtio",   "virtio_ring" },
	{ "9pnet_virtio",   "9pnet" },
	{ "9p",             "netfs" },
	{ "9p",             "fscache" },
	{ "9p",             "9pnet" },
	/* clang-format on */
};

/* ---- the directory ---- */

static bool is_dir(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool has_index(const char *dir)
{
	static const char *const names[] = { "modules.dep", "modules.order", "modules.builtin" };

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		char path[MODULES_PATH_BYTES + 32];

		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		if (access(path, F_OK) == 0)
			return true;
	}
	return false;
}

static int two_versions(const char *parent, const char *one, const char *other, struct err *err)
{
	return err_set(err, -EINVAL,
		       "%.200s has modules of several kernels (%.60s, %.60s): name one of these "
		       "directories",
		       parent, one, other);
}

/* The one directory of a kernel below `parent`; m->dir stays empty if there is none. */
static int find_version(struct modules *m, const char *parent, struct err *err)
{
	char found[256] = "", path[MODULES_PATH_BYTES];
	DIR *d = opendir(parent);
	struct dirent *e;
	int r = 0;

	if (!d)
		return 0;
	while (r == 0 && (e = readdir(d))) {
		int n = snprintf(path, sizeof(path), "%s/%s", parent, e->d_name);

		if (e->d_name[0] == '.' || n >= (int)sizeof(path) || !is_dir(path) ||
		    !has_index(path))
			continue;
		if (found[0])
			r = two_versions(parent, found, e->d_name, err);
		snprintf(found, sizeof(found), "%s", e->d_name);
		memcpy(m->dir, path, (size_t)n + 1);
	}
	closedir(d);
	return r;
}

static int find_dir(struct modules *m, const char *dir, struct err *err)
{
	static const char *const parents[] = { "lib/modules", "usr/lib/modules", "." };

	if (strlen(dir) + 32 > sizeof(m->dir))
		return err_set(err, -ENAMETOOLONG, "%.60s...: the path is too long", dir);
	if (!is_dir(dir))
		return err_set(err, -ENOTDIR, "%.300s: %s", dir,
			       access(dir, F_OK) ? strerror(errno) : "is not a directory");
	if (has_index(dir)) {
		snprintf(m->dir, sizeof(m->dir), "%s", dir);
		return 0;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(parents) && !m->dir[0]; i++) {
		char parent[MODULES_PATH_BYTES];
		int r;

		snprintf(parent, sizeof(parent), "%s/%s", dir, parents[i]);
		r = find_version(m, parent, err);
		if (r)
			return r;
	}
	if (!m->dir[0])
		return err_set(err, -ENOENT,
			       "%.300s: no kernel modules there: expected modules.dep or "
			       "modules.order in it, or in a directory below its lib/modules",
			       dir);
	return 0;
}

/* ---- the index files ---- */

/* The text of a file in the directory; *text stays NULL if there is none. */
static int read_index(const struct modules *m, const char *name, char **text, struct err *err)
{
	char path[MODULES_PATH_BYTES + 32];
	struct stat st;
	ssize_t n = 0;
	size_t used = 0;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", m->dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0
				       : err_set(err, -errno, "%.300s: %s", path, strerror(errno));
	if (fstat(fd, &st) < 0 || st.st_size < 0 || st.st_size > INDEX_MAX_BYTES) {
		close(fd);
		return err_set(err, -EFBIG, "%.300s: is too large to be an index of modules", path);
	}
	*text = malloc((size_t)st.st_size + 1);
	while (*text && used < (size_t)st.st_size &&
	       (n = read(fd, *text + used, (size_t)st.st_size - used)) > 0)
		used += (size_t)n;
	close(fd);
	if (!*text)
		return err_set(err, -ENOMEM, "%.300s: out of memory", path);
	(*text)[used] = '\0';
	return n < 0 ? err_set(err, -EIO, "%.300s: cannot be read", path) : 0;
}

int modules_open(struct modules *m, const char *dir, struct err *err)
{
	int r;

	*m = (struct modules){ 0 };
	r = find_dir(m, dir, err);
	if (r == 0)
		r = read_index(m, "modules.dep", &m->dep, err);
	if (r == 0)
		r = read_index(m, "modules.order", &m->order, err);
	return r ? r : read_index(m, "modules.builtin", &m->builtin, err);
}

void modules_close(struct modules *m)
{
	for (unsigned i = 0; i < m->n; i++)
		free(m->path[i]);
	free(m->dep);
	free(m->order);
	free(m->builtin);
	*m = (struct modules){ 0 };
}

static char plain(char c)
{
	return c == '-' ? '_' : c;
}

/* Whether path[0..n) is the file of module `name`, whatever its directory and compression. */
static bool is_file_of(const char *path, size_t n, const char *name)
{
	size_t name_bytes = strlen(name), at = n;

	while (at > 0 && path[at - 1] != '/')
		at--;
	if (n - at < name_bytes + 3 || memcmp(path + at + name_bytes, ".ko", 3) != 0)
		return false;
	if (n - at > name_bytes + 3 && path[at + name_bytes + 3] != '.')
		return false;
	for (size_t i = 0; i < name_bytes; i++)
		if (plain(path[at + i]) != plain(name[i]))
			return false;
	return true;
}

/* The line of an index whose path, up to `end`, is that of `name`; *bytes of it. An index has thousands. */
static const char *find_line(const char *text, char end, const char *name, size_t *bytes)
{
	for (const char *line = text; line && *line;) {
		const char *next = strchrnul(line, '\n');
		const char *path_end = memchr(line, end, (size_t)(next - line));

		*bytes = (size_t)((path_end ? path_end : next) - line);
		if (is_file_of(line, *bytes, name))
			return line;
		line = *next ? next + 1 : next;
	}
	return NULL;
}

static bool is_builtin(const struct modules *m, const char *name)
{
	size_t n;

	return find_line(m->builtin, '\n', name, &n);
}

/* ---- adding ---- */

/* The file below the directory, as it is or compressed. */
static int add_file(struct modules *m, const char *path, size_t n, struct err *err)
{
	for (unsigned i = 0; i < m->n; i++)
		if (strncmp(m->path[i], path, n) == 0 && strchr(".", m->path[i][n]))
			return 0;
	if (m->n == MODULES_MAX)
		return err_set(err, -ENOSPC, "more than %d modules would be needed", MODULES_MAX);
	for (unsigned i = 0; i < ARRAY_SIZE(suffixes); i++) {
		char file[2 * MODULES_PATH_BYTES];

		if (snprintf(file, sizeof(file), "%s/%.*s%s", m->dir, (int)n, path, suffixes[i]) >=
			    (int)sizeof(file) ||
		    access(file, F_OK) < 0)
			continue;
		m->path[m->n] = strdup(file + strlen(m->dir) + 1);
		if (!m->path[m->n])
			return err_set(err, -ENOMEM, "out of memory for a list of modules");
		m->n++;
		return 0;
	}
	return err_set(err, -ENOENT, "%.200s: %.*s is listed, but is not there", m->dir, (int)n,
		       path);
}

/* A line "PATH: DEPENDENCY...", in which what has to be loaded first stands last. */
static int add_line(struct modules *m, const char *line, size_t path, struct err *err)
{
	const char *first = line + path + strspn(line + path, ": ");
	const char *end = line + strcspn(line, "\n");

	while (end > first) {
		const char *word = end;
		int r;

		while (word > first && word[-1] != ' ')
			word--;
		r = word < end ? add_file(m, word, (size_t)(end - word), err) : 0;
		if (r)
			return r;
		end = word > first ? word - 1 : first;
	}
	return add_file(m, line, path, err);
}

static int add_by_dep(struct modules *m, const char *name, struct err *err)
{
	size_t path;
	const char *line = find_line(m->dep, ':', name, &path);

	return line ? add_line(m, line, path, err) : -ENOENT;
}

/* What the known modules need goes three levels deep. */
static int add_by_order(struct modules *m, const char *name,
			struct err *err) // NOLINT(misc-no-recursion)
{
	size_t path;
	const char *line = find_line(m->order, '\n', name, &path);

	for (unsigned i = 0; line && i < ARRAY_SIZE(known); i++) {
		int r = strcmp(known[i].name, name) == 0 && !is_builtin(m, known[i].needs)
				? add_by_order(m, known[i].needs, err)
				: 0;

		if (r && r != -ENOENT)
			return r;
	}
	return line ? add_file(m, line, path, err) : -ENOENT;
}

int modules_add(struct modules *m, const char *name, struct err *err)
{
	int r;

	if (is_builtin(m, name))
		return 0;
	err->text[0] = '\0';
	r = m->dep ? add_by_dep(m, name, err) : add_by_order(m, name, err);
	if (r == -ENOENT && !err->text[0])
		return err_set(err, r,
			       "%.300s: there is no module %s, and modules.builtin does not say "
			       "that it is built in",
			       m->dir, name);
	return r;
}
