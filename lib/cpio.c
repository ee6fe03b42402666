/* See cpio.h. An entry is a header of 13 hexadecimal fields, the name with its final 0, and the contents; name
 * and contents end at a multiple of 4 bytes. */
#include "lib/cpio.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADER_BYTES   110u
#define NAME_MAX_BYTES 4096u /* PATH_MAX of the kernel that unpacks it */

struct entry {
	const char *name;
	mode_t mode;
	const void *data;
	size_t bytes;
	unsigned major, minor;
};

void cpio_begin(struct cpio *c, int fd)
{
	*c = (struct cpio){ .fd = fd };
}

static void put(struct cpio *c, const void *data, size_t n)
{
	const char *at = data;

	while (n && !c->error) {
		ssize_t wrote = write(c->fd, at, n);

		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote <= 0) {
			c->error = wrote < 0 ? -errno : -EIO;
			return;
		}
		at += wrote;
		n -= (size_t)wrote;
		c->bytes += (uint64_t)wrote;
	}
}

static void pad(struct cpio *c)
{
	static const char zeroes[4];

	put(c, zeroes, (4 - c->bytes % 4) % 4);
}

static void put_entry(struct cpio *c, const struct entry *e)
{
	char header[HEADER_BYTES + 1];
	size_t name_bytes = strlen(e->name) + 1;

	if (e->bytes > UINT32_MAX || name_bytes > NAME_MAX_BYTES) {
		c->error = c->error ? c->error : -EFBIG;
		return;
	}
	/* Inode, mode, user, group, links, time, size, device of the file, device that it is, name, checksum. */
	snprintf(header, sizeof(header),
		 "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", ++c->inode,
		 (unsigned)e->mode, 0u, 0u, 1u, 0u, (unsigned)e->bytes, 0u, 0u, e->major, e->minor,
		 (unsigned)name_bytes, 0u);
	put(c, header, HEADER_BYTES);
	put(c, e->name, name_bytes);
	pad(c);
	put(c, e->data, e->bytes);
	pad(c);
}

void cpio_dir(struct cpio *c, const char *name, mode_t mode)
{
	put_entry(c, &(struct entry){ .name = name, .mode = S_IFDIR | mode });
}

void cpio_file(struct cpio *c, const char *name, mode_t mode, const void *data, size_t n)
{
	put_entry(c, &(struct entry){
			     .name = name, .mode = S_IFREG | mode, .data = data, .bytes = n });
}

void cpio_symlink(struct cpio *c, const char *name, const char *target)
{
	put_entry(c, &(struct entry){ .name = name,
				      .mode = S_IFLNK | 0777,
				      .data = target,
				      .bytes = strlen(target) });
}

void cpio_char_device(struct cpio *c, const char *name, mode_t mode, unsigned major, unsigned minor)
{
	put_entry(c,
		  &(struct entry){
			  .name = name, .mode = S_IFCHR | mode, .major = major, .minor = minor });
}

int cpio_end(struct cpio *c, struct err *err)
{
	put_entry(c, &(struct entry){ .name = "TRAILER!!!" });
	if (c->error)
		return err_set(err, c->error, "cannot write the initramfs: %s",
			       strerror(-c->error));
	return 0;
}
