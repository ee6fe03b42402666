/* Modules, and the ports they make. See init.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guest/init/init.h"

#define COMPRESSED 4 /* finit_module(2): MODULE_INIT_COMPRESSED_FILE, Linux 5.17 */
#define PORTS_DIR  "/sys/class/virtio-ports"

static bool is_compressed(const char *path)
{
	size_t n = strlen(path);

	return n > 3 && strcmp(path + n - 3, ".ko") != 0;
}

static void load_module(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool compressed = is_compressed(path);

	if (fd < 0)
		cannot("module %s: %s", path, strerror(errno));
	if (syscall(SYS_finit_module, fd, "", compressed ? COMPRESSED : 0) < 0 && errno != EEXIST)
		cannot("module %s: %s%s", path, strerror(errno),
		       compressed && (errno == EOPNOTSUPP || errno == EINVAL)
			       ? ": this kernel cannot unpack it (CONFIG_MODULE_DECOMPRESS); give "
				 "--modules a directory with uncompressed ones"
		       : errno == ENOEXEC ? ": it belongs to another kernel"
					  : "");
	close(fd);
}

void load_modules(const struct command *c)
{
	for (char **path = c->module; *path; path++)
		load_module(*path);
}

/* Whether `dir`'s port has this name. */
static bool is_named(const char *dir, const char *name)
{
	char path[300], text[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/%s/name", PORTS_DIR, dir);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return strcmp(text, name) == 0;
}

/* A descriptor of the port, or -1: it is not there yet. */
static int open_port(const char *name, int flags)
{
	DIR *d = opendir(PORTS_DIR);
	struct dirent *e;
	int fd = -1;

	while (d && fd < 0 && (e = readdir(d))) {
		char path[300];

		snprintf(path, sizeof(path), "/dev/%s", e->d_name);
		if (e->d_name[0] != '.' && is_named(e->d_name, name))
			fd = open(path, flags | O_NONBLOCK | O_CLOEXEC);
	}
	if (d)
		closedir(d);
	return fd;
}

static int wait_for_port(const char *name, int flags)
{
	for (unsigned ms = 0; ms < WAIT_MS; ms += 5) {
		int fd = open_port(name, flags);

		if (fd >= 0)
			return fd;
		nap_ms(5);
	}
	cannot("there is no port %s: this kernel has no driver for rasvm's virtio devices, or for "
	       "virtio-console, built in; name the directory of its modules by --modules",
	       name);
}

/* A port that the host has not yet announced as open looks like one at its end. */
static void wait_until_connected(int fd)
{
	for (unsigned ms = 0; ms < WAIT_MS; ms++) {
		struct pollfd p = { .fd = fd, .events = POLLIN };

		if (poll(&p, 1, 0) >= 0 && !(p.revents & POLLHUP))
			return;
		nap_ms(1);
	}
}

/* The host tells of the ports in the order of their numbers, of which rasvm.ctl has the last: once that is
 * connected the others have been, and an end of input is one. */
void open_ports(struct ports *p)
{
	static const struct {
		const char *name;
		int flags, port;
	} order[] = {
		{ "rasvm.ctl", O_RDWR, PORT_CTL },
		{ "rasvm.in", O_RDONLY, PORT_IN },
		{ "rasvm.out", O_WRONLY, PORT_OUT },
		{ "rasvm.err", O_WRONLY, PORT_ERR },
	};

	for (unsigned i = 0; i < PORTS; i++) {
		p->fd[order[i].port] = wait_for_port(order[i].name, order[i].flags);
		if (i == 0)
			wait_until_connected(p->fd[PORT_CTL]);
	}
}
