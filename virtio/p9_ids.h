/*
 * Owners, modes and kinds of files as the guest sees them (enum p9_ids). With mapped ids they live in the
 * extended attribute "user.rasvm.stat" of the host's file, whose text is five numbers: the mode with its file
 * type in octal, uid, gid, and major and minor number of a device, in decimal:
 *
 *     100644 0 0 0 0
 *
 * A symbolic link, device node, FIFO or socket of the guest is a regular file on the host, the link's content
 * its target. The host's own modes are 0600 and 0700, so that the guest's modes never lock rasvm out. A file
 * without the attribute is seen as it is. Attributes cannot be set on links of the host: their owner cannot
 * be changed.
 */
#ifndef VIRTIO_P9_IDS_H
#define VIRTIO_P9_IDS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "virtio/p9_options.h"

#define P9_IDS_XATTR  "user.rasvm.stat"
#define P9_IDS_PREFIX "user.rasvm." /* names that a guest does not see */

/* stat(2) of the file of `fd` (O_PATH or not) as the guest is to see it. 0 or -errno. */
int p9_ids_stat(enum p9_ids ids, int fd, struct stat *st) __attribute__((warn_unused_result));

/* What a file is to become; P9_NO_ID and a mode of P9_NO_ID stay. Mapped: no host attribute but ours changes.
 * 0 or -errno. */
int p9_ids_change(enum p9_ids ids, int fd, uint32_t mode, uint32_t uid, uint32_t gid)
	__attribute__((warn_unused_result));

/* Give a file just made its owner; mode with its file type. Passthrough: the owner as far as the host permits
 * it; the file was made with its mode but for the set-user-ID and set-group-ID bits, which it gets here once
 * it has its owner. 0 or -errno. */
int p9_ids_new(enum p9_ids ids, int fd, uint32_t mode, uint32_t uid, uint32_t gid, dev_t rdev)
	__attribute__((warn_unused_result));

/* Mapped: whether the file system of `fd` holds such attributes. 0 or -errno. */
int p9_ids_probe(int fd) __attribute__((warn_unused_result));

#endif
