/*
 * The table of fids of one share: what numbers of the guest's choice stand for. Preallocated; looked up by a
 * hash of the number.
 *
 * A fid holds an O_PATH descriptor of its file, which stays with that file whatever becomes of its name, and
 * if it was opened a second one for I/O. Belongs to the thread that runs the share's requests.
 */
#ifndef VIRTIO_P9_FID_H
#define VIRTIO_P9_FID_H

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

enum p9_fid_kind {
	P9_FID_FREE,
	P9_FID_PATH,      /* walked to */
	P9_FID_FILE,      /* opened: io_fd is a regular file */
	P9_FID_DIR,       /* opened: io_fd is a directory */
	P9_FID_XATTR_GET, /* an extended attribute's value or the list of names, read once */
	P9_FID_XATTR_SET, /* one to be set at clunk */
};

/* An extended attribute on its way. */
struct p9_xattr {
	size_t size, written; /* bytes of `data`; how many of them the guest has written */
	int flags;            /* of setxattr(2) */
	char name[256];       /* of one to be set */
	uint8_t data[];
};

struct p9_fid {
	uint32_t id;
	uint32_t uid; /* of the user whom it was attached for; P9_NO_ID: not said */
	enum p9_fid_kind kind;
	int path_fd;            /* O_PATH */
	int io_fd;              /* -1: not opened */
	struct p9_xattr *xattr; /* the fid's own */
	uint32_t next;          /* in its chain, or of free ones: index + 1; 0 ends */
};

/* Extended attributes under way, all together: more is refused. */
#define P9_MAX_XATTR_BYTES ((size_t)4 << 20)

struct p9_fids {
	struct p9_fid *fid; /* [0, used) were ever used */
	uint32_t *bucket;   /* index + 1 of the first of a chain; 0: empty */
	uint32_t max, used, count, nbuckets;
	uint32_t free;
	size_t xattr_bytes;
};

/* Room for `max` fids. 0 or -ENOMEM with `err`. */
int p9_fids_open(struct p9_fids *f, uint32_t max, struct err *err)
	__attribute__((warn_unused_result));

/* Drop all fids and the table. Safe on a zeroed struct. */
void p9_fids_close(struct p9_fids *f);

/* The fid, or NULL: there is none of this number. */
struct p9_fid *p9_fid_find(const struct p9_fids *f, uint32_t id);

/* A new fid, a PATH one that takes path_fd over. 0; -EINVAL: in use; -EMFILE: the table is full; path_fd is
 * the caller's then. `made` may be NULL. */
int p9_fid_add(struct p9_fids *f, uint32_t id, uint32_t uid, int path_fd, struct p9_fid **made)
	__attribute__((warn_unused_result));

/* Close what the fid holds and forget it. */
void p9_fid_drop(struct p9_fids *f, struct p9_fid *fid);
void p9_fids_drop_all(struct p9_fids *f);

/* Give `fid` an attribute of `size` bytes, all 0. 0; -ENOMEM: no memory, or too much of it under way. */
int p9_fid_add_xattr(struct p9_fids *f, struct p9_fid *fid, size_t size)
	__attribute__((warn_unused_result));

#endif
