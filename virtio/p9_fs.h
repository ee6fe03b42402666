/*
 * A 9P2000.L file server for one directory of the host: a request's bytes in, the reply's bytes out. Knows
 * nothing of queues and threads.
 *
 * The guest is not trusted with anything outside the directory: see virtio/p9_path.h. Inside it acts with the
 * rights of rasvm's process (enum p9_ids says whose files become); Linux guests check permissions themselves.
 *
 * Source: virtio/p9_codec.h. Left out: authentication (Tauth: the directory was given to the guest as a whole,
 * and so is `aname`); 9P2000 and 9P2000.u messages; locks are granted always, as a Linux guest has sorted out
 * its own processes before it asks, and other guests and the host's processes are not held off by them.
 * Everything else is answered EOPNOTSUPP.
 */
#ifndef VIRTIO_P9_FS_H
#define VIRTIO_P9_FS_H

#include <sys/uio.h>

#include "lib/state.h"
#include "virtio/p9_codec.h"
#include "virtio/p9_fid.h"
#include "virtio/p9_options.h"

/* The longest request but for a Twrite's data, and the longest reply but for an Rread's: a path of 4095
 * bytes, two names and change; an extended attribute of 64 KiB. */
#define P9_REQUEST_BYTES 8192
#define P9_REPLY_BYTES   (P9_READ_BYTES + (64u << 10))
#define P9_MAX_PARTS     256 /* of data in guest memory */

/* Saved and loaded. Fids are descriptors of the host and cannot be: a share can move to another host only
 * while the guest has none. */
struct p9_fs_state {
	uint32_t msize; /* agreed by Tversion; 0: none yet */
};

extern const struct state_field p9_fs_fields[];

struct p9_fs {
	struct p9_fs_state state;
	int root_fd; /* O_PATH */
	dev_t root_dev;
	ino_t root_ino;
	bool ro;
	enum p9_ids ids;
	struct p9_fids fids;
	uint8_t *scratch; /* directory entries, attributes */
};

/* One request. */
struct p9_io {
	/* A copy of the request, or of its first P9_REQUEST_BYTES; and how long the guest's buffer is. */
	uint8_t request[P9_REQUEST_BYTES];
	size_t request_bytes;
	uint64_t sent_bytes;
	/* What lies P9_WRITE_BYTES behind the request's start, and the room P9_READ_BYTES behind the reply's:
	 * data goes straight between there and a file. Guest memory; may be poisoned. */
	struct iovec in[P9_MAX_PARTS], out[P9_MAX_PARTS];
	unsigned nin, nout;
	uint64_t room; /* bytes for the whole reply; at least P9_ERROR_BYTES */
	/* The answer: reply[0..reply_bytes), and data_bytes were put into `out`. */
	uint8_t reply[P9_REPLY_BYTES];
	size_t reply_bytes, data_bytes;
};

/* Share the directory `o` names. At most `max_fids` fids, each of which takes up to two descriptors. 0, or
 * -errno with `err`. */
int p9_fs_open(struct p9_fs *fs, const struct p9_options *o, uint32_t max_fids, struct err *err)
	__attribute__((warn_unused_result));

/* Safe on a zeroed struct and after an open that failed. */
void p9_fs_close(struct p9_fs *fs);

/* The session ends: all fids are dropped, as before the first Tversion. */
void p9_fs_reset(struct p9_fs *fs);

/* Serve one request, of which at least P9_HEADER_BYTES are there. There is always a reply. May take as long as
 * the host's file system takes. */
void p9_fs_serve(struct p9_fs *fs, struct p9_io *io);

/* New files are to have the modes that the guest says: no umask, in the calling thread only. False: the host
 * refuses that, and then the umask of the process applies. */
bool p9_fs_enter_thread(void);

#endif
