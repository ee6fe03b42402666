/*
 * virtio-9p: a directory of the host as a file system of the guest, found by its mount tag. One queue, whose
 * requests are 9P2000.L messages (virtio/p9_fs.h).
 *
 * The host's file system may take its time: a thread of the share's own serves the requests, one after the
 * other, so nothing else on the I/O thread waits for it. A reset does: it returns when the request under way
 * has ended.
 *
 * Source: the device is not part of virtio 1.2 but for its number (5, device ID 9): feature and configuration
 * are those of Linux, include/uapi/linux/virtio_9p.h.
 */
#ifndef VIRTIO_P9_H
#define VIRTIO_P9_H

#include <pthread.h>

#include "virtio/device.h"
#include "virtio/p9_fs.h"
#include "virtio/p9_options.h"

#define VIRTIO_9P_MOUNT_TAG UINT64_C(1) /* feature bit 0: the configuration holds a tag */

#define VIRTIO_P9_SLOTS 64 /* requests taken from the queue and not given back */

struct p9_slot {
	struct virtq_chain chain;
	uint32_t written;
	const char *broken; /* what is wrong with the request; NULL: answered */
	struct p9_slot *next;
};

/* First in, first out. */
struct p9_slots {
	struct p9_slot *first, *last;
};

struct virtio_p9 {
	struct virtio_device virtio; /* first */
	struct virtq queue;
	bool opened;
	char tag[P9_TAG_MAX + 1];
	/* The worker's while `busy`; else the I/O thread's. */
	struct p9_fs fs;
	struct p9_io *io;
	struct log_limit log; /* the worker's */
	struct p9_slot *slot; /* [0, VIRTIO_P9_SLOTS) */
	struct p9_slots free; /* the I/O thread's */
	pthread_t worker;
	bool started;
	int done_fd;           /* eventfd: there is something in `done` */
	pthread_mutex_t lock;  /* a leaf, of what follows */
	pthread_cond_t work;   /* `todo` is not empty, or `end` */
	pthread_cond_t rested; /* `busy` became false */
	struct p9_slots todo, done;
	bool busy, end;
};

/* Share the directory, start its thread; label "9p<index>". Raises the process's limit of open files as far as
 * it may. Main thread, before the guest runs. 0, or -errno with `err`, which names the directory; closed
 * then. */
int virtio_p9_open(struct virtio_p9 *p, const struct p9_options *options, struct iothread *io,
		   const struct mem *mem, unsigned index, struct err *err)
	__attribute__((warn_unused_result));

/* Wait for the request under way, end the thread, close all files. Safe on a zeroed struct, and twice. Main
 * thread, after the I/O thread has ended, or through iothread_call(). */
void virtio_p9_close(struct virtio_p9 *p);

#endif
