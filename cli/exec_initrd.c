/* See exec_initrd.h. */
#include "cli/exec_initrd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/cpio.h"
#include "lib/types.h"

#define MODULES_DIR      "rasvm/modules"
#define MODULE_MAX_BYTES (256u << 20)

/* What the command gets from this process's environment unasked, and what if that does not have it. */
static const struct {
	const char *name, *otherwise;
} passed[] = {
	{ "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" },
	{ "HOME", "/" },
	{ "TERM", "dumb" },
	{ "LANG", NULL },
	{ "LC_ALL", NULL },
	{ "TZ", NULL },
};

/* What 9p over virtio needs of a kernel, besides the transport. */
static const char *const needed[] = { "virtio_console", "9pnet_virtio", "9p" };

static void put(FILE *out, char kind, const char *text)
{
	fprintf(out, "%c%s", kind, text);
	fputc('\0', out);
}

static void put_variable(FILE *out, const char *name, const char *value)
{
	fprintf(out, "E%s=%s", name, value);
	fputc('\0', out);
}

static void put_environment(FILE *out, const struct exec_options *options, const char *cwd)
{
	for (unsigned i = 0; i < ARRAY_SIZE(passed); i++) {
		const char *value = getenv(passed[i].name);

		if (value || passed[i].otherwise)
			put_variable(out, passed[i].name, value ? value : passed[i].otherwise);
	}
	put_variable(out, "PWD", cwd);
	for (unsigned i = 0; i < options->nenv; i++) {
		const char *value = getenv(options->env[i]);

		if (strchr(options->env[i], '='))
			put(out, 'E', options->env[i]);
		else if (value)
			put_variable(out, options->env[i], value);
	}
}

static const char *file_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

void exec_record_write(FILE *out, const struct exec_options *options, const char *cwd,
		       const struct modules *modules)
{
	for (unsigned i = 0; i < modules->n; i++) {
		fprintf(out, "M/" MODULES_DIR "/%s", file_name(modules->path[i]));
		fputc('\0', out);
	}
	put(out, 'C', cwd);
	put(out, 'W', options->rw ? "rw" : "ro");
	put_environment(out, options, cwd);
	for (unsigned i = 0; i < options->ncommand; i++)
		put(out, 'A', options->command[i]);
}

int exec_modules_add(struct modules *modules, const struct exec_options *options, struct err *err)
{
	const struct run_config *c = &options->run.config;
	bool pci = c->transport == CONFIG_VIRTIO_PCI;
	int r = modules_add(modules, pci ? "virtio_pci" : "virtio_mmio", err);

	for (unsigned i = 0; r == 0 && i < ARRAY_SIZE(needed); i++)
		r = modules_add(modules, needed[i], err);
	if (r == 0 && c->ndisks)
		r = modules_add(modules, "virtio_blk", err);
	if (r == 0 && c->nnics)
		r = modules_add(modules, "virtio_net", err);
	if (r == 0 && c->rng)
		r = modules_add(modules, "virtio_rng", err);
	return r;
}

/* ---- the archive ---- */

static int read_module(int fd, size_t bytes, char *data, size_t *used)
{
	*used = 0;
	while (*used < bytes) {
		ssize_t n = read(fd, data + *used, bytes - *used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		*used += (size_t)n;
	}
	return 0;
}

static int put_open_module(struct cpio *c, const char *path, int fd)
{
	char name[320];
	struct stat st;
	char *data;
	size_t n;
	int r;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size <= 0 || st.st_size > MODULE_MAX_BYTES)
		return -EFBIG;
	data = malloc((size_t)st.st_size);
	if (!data)
		return -ENOMEM;
	r = read_module(fd, (size_t)st.st_size, data, &n);
	snprintf(name, sizeof(name), MODULES_DIR "/%.255s", file_name(path));
	if (r == 0)
		cpio_file(c, name, 0644, data, n);
	free(data);
	return r;
}

static int put_module(struct cpio *c, const struct modules *modules, unsigned i, struct err *err)
{
	char path[2 * MODULES_PATH_BYTES];
	int fd, r;

	snprintf(path, sizeof(path), "%s/%s", modules->dir, modules->path[i]);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	r = fd < 0 ? -errno : put_open_module(c, path, fd);
	if (fd >= 0)
		close(fd);
	return r ? err_set(err, r, "--modules: %.300s: %s", path, strerror(-r)) : 0;
}

static int put_record(struct cpio *c, const struct exec_options *options, const char *cwd,
		      const struct modules *modules, struct err *err)
{
	char *record = NULL;
	size_t bytes = 0;
	FILE *f = open_memstream(&record, &bytes);
	bool failed = !f;

	if (f) {
		exec_record_write(f, options, cwd, modules);
		failed = ferror(f);
		failed |= fclose(f) != 0;
	}
	if (!failed)
		cpio_file(c, "rasvm/command", 0600, record, bytes);
	free(record);
	return failed ? err_set(err, -ENOMEM, "out of memory for the command") : 0;
}

static int write_archive(struct cpio *c, const struct exec_options *options, const char *cwd,
			 const struct modules *modules, struct err *err)
{
	int r = put_record(c, options, cwd, modules, err);

	for (unsigned i = 0; r == 0 && i < modules->n; i++)
		r = put_module(c, modules, i, err);
	return r;
}

static int find_modules(struct modules *modules, const struct exec_options *options,
			struct err *err)
{
	struct err why = { "" };
	int r;

	*modules = (struct modules){ 0 };
	if (!options->modules)
		return 0;
	r = modules_open(modules, options->modules, &why);
	if (r == 0)
		r = exec_modules_add(modules, options, &why);
	return r ? err_set(err, r, "--modules %s", why.text) : 0;
}

int exec_initrd_write(int fd, const struct exec_options *options, const char *cwd, const void *init,
		      size_t init_bytes, struct err *err)
{
	static const char *const dirs[] = { "dev", "rasvm", MODULES_DIR };
	struct modules modules;
	struct cpio c;
	int r = find_modules(&modules, options, err);

	if (r == 0) {
		cpio_begin(&c, fd);
		for (unsigned i = 0; i < ARRAY_SIZE(dirs); i++)
			cpio_dir(&c, dirs[i], 0755);
		/* For the time before init has mounted /dev. */
		cpio_char_device(&c, "dev/console", 0600, 5, 1);
		cpio_file(&c, "init", 0755, init, init_bytes);
		r = write_archive(&c, options, cwd, &modules, err);
	}
	modules_close(&modules);
	return r ? r : cpio_end(&c, err);
}
