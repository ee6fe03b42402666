/*
 * An archive in the form that Linux unpacks as an initramfs: cpio, "newc". Written to a descriptor as it is
 * made; the first error is kept and told at the end, so callers need not look at each call.
 *
 * Source: Linux Documentation/driver-api/early-userspace/buffer-format.rst. Left out: hard links, checksums,
 * owners other than root; times are 0, so the same input makes the same archive.
 */
#ifndef LIB_CPIO_H
#define LIB_CPIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/err.h"

struct cpio {
	int fd;         /* the caller's */
	uint64_t bytes; /* written so far */
	uint32_t inode;
	int error; /* -errno of the first thing that failed, or 0 */
};

/* Begin at the descriptor's position. */
void cpio_begin(struct cpio *c, int fd);

/* Names are paths without a leading slash; a directory comes before what is in it. Modes are permissions
 * only. A name or a file that the format has no room for is -EFBIG. */
void cpio_dir(struct cpio *c, const char *name, mode_t mode);
void cpio_file(struct cpio *c, const char *name, mode_t mode, const void *data, size_t n);
void cpio_symlink(struct cpio *c, const char *name, const char *target);
void cpio_char_device(struct cpio *c, const char *name, mode_t mode, unsigned major,
		      unsigned minor);

/* Write the end. 0, or the first -errno with `err`. */
int cpio_end(struct cpio *c, struct err *err) __attribute__((warn_unused_result));

#endif
