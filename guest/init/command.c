/* Reads what rasvm has written into the initramfs. See init.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/init/init.h"

/* The whole file and a final 0, or NULL with errno. */
static char *read_file(const char *path, size_t *bytes)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	char *text;
	ssize_t n = 1;

	if (fd < 0 || fstat(fd, &st) < 0)
		return NULL;
	text = calloc(1, (size_t)st.st_size + 1);
	*bytes = 0;
	while (text && *bytes < (size_t)st.st_size && n > 0) {
		n = read(fd, text + *bytes, (size_t)st.st_size - *bytes);
		if (n > 0)
			*bytes += (size_t)n;
	}
	close(fd);
	return text;
}

static size_t count_strings(const char *text, size_t bytes)
{
	size_t n = 0;

	for (size_t i = 0; i < bytes; i++)
		n += text[i] == '\0';
	return n;
}

/* Sorts a string into where it belongs. */
static int take(struct command *c, char *text, size_t *n)
{
	switch (text[0]) {
	case 'M':
		c->module[n[0]++] = text + 1;
		return 0;
	case 'E':
		c->env[n[1]++] = text + 1;
		return 0;
	case 'A':
		c->arg[n[2]++] = text + 1;
		return 0;
	case 'C':
		c->cwd = text + 1;
		return 0;
	case 'W':
		c->rw = strcmp(text + 1, "rw") == 0;
		return 0;
	default:
		return -EINVAL;
	}
}

int command_read(struct command *c)
{
	size_t bytes, strings, n[3] = { 0 };
	char *text = read_file(RECORD, &bytes);

	if (!text)
		return errno ? -errno : -EIO;
	strings = count_strings(text, bytes);
	c->module = calloc(strings + 1, sizeof(char *));
	c->env = calloc(strings + 1, sizeof(char *));
	c->arg = calloc(strings + 1, sizeof(char *));
	c->record = text;
	c->cwd = NULL;
	c->rw = false;
	if (!c->module || !c->env || !c->arg)
		return -ENOMEM;
	for (char *at = text; at < text + bytes; at += strlen(at) + 1) {
		int r = take(c, at, n);

		if (r)
			return r;
	}
	return c->cwd && n[2] ? 0 : -EINVAL;
}
