/*
 * A virtio block device over a file or block device of the host: reads, writes, flushes, holes, zeroes, and
 * faults on request.
 *
 * Threads: opened and closed by the main thread; requests are taken, and given back, by the I/O thread. What
 * they need is allocated when the device is opened. The file's threads or ring touch the guest's buffers of
 * requests that are under way, and nothing else of the device.
 *
 * Source: virtio 1.2, 5.2. Left out: SIZE_MAX, GEOMETRY, LIFETIME, SECURE_ERASE; resizing.
 */
#ifndef VIRTIO_BLK_H
#define VIRTIO_BLK_H

#include "lib/err.h"
#include "virtio/blk_disk.h"
#include "virtio/blk_options.h"
#include "virtio/blk_request.h"
#include "virtio/device.h"

#define VIRTIO_BLK_QUEUE_SIZE VIRTQ_MAX_SIZE

/* 5.2.3: feature bits. */
#define VIRTIO_BLK_F_SEG_MAX      (UINT64_C(1) << 2)
#define VIRTIO_BLK_F_RO           (UINT64_C(1) << 5)
#define VIRTIO_BLK_F_BLK_SIZE     (UINT64_C(1) << 6)
#define VIRTIO_BLK_F_FLUSH        (UINT64_C(1) << 9)
#define VIRTIO_BLK_F_TOPOLOGY     (UINT64_C(1) << 10)
#define VIRTIO_BLK_F_CONFIG_WCE   (UINT64_C(1) << 11)
#define VIRTIO_BLK_F_MQ           (UINT64_C(1) << 12)
#define VIRTIO_BLK_F_DISCARD      (UINT64_C(1) << 13)
#define VIRTIO_BLK_F_WRITE_ZEROES (UINT64_C(1) << 14)

/* Saved and loaded. */
struct blk_state {
	uint64_t fault_seen[BLK_MAX_FAULTS]; /* requests each fault is about, since rasvm started */
	uint64_t writeback;                  /* config field; atomically: a vCPU thread writes it */
};

struct virtio_blk {
	struct virtio_device virtio; /* first */
	struct blk_state state;
	struct blk_options options;
	struct blk_disk disk;
	struct blk_limits limits; /* its write_through: while the device is started */
	struct virtq queue[BLK_MAX_QUEUES];
	/* All below: the I/O thread's. */
	/* VIRTIO_BLK_QUEUE_SIZE each; NULL: not allocated. [0 .. nfresh) was never used. */
	struct blk_request *request[BLK_MAX_QUEUES];
	unsigned nfresh[BLK_MAX_QUEUES];
	struct blk_request *unused[BLK_MAX_QUEUES];
	struct blk_request *delayed; /* soonest first */
	/* A bit for each queue that */
	unsigned to_interrupt; /* got requests back */
	unsigned postponed;    /* has had its turn and more to do */
	bool stopping;         /* what is done is not given back any more */
	int timer_fd;          /* for `delayed`, and at once for `postponed` */
};

extern const struct state_desc virtio_blk_state_desc;

/* Open the file; label "blk<index>". Before the guest runs. 0, or -errno with `err` naming the file and what
 * is wrong; virtio_blk_close() is then not needed, but safe. */
int virtio_blk_open(struct virtio_blk *blk, const struct blk_options *options, struct iothread *io,
		    const struct mem *mem, unsigned index, struct err *err)
	__attribute__((warn_unused_result));

/* Wait for what is under way and close the file; a driver's requests are not looked at any more. The virtio
 * device may still be reset and detached. Safe on a zeroed one, and twice. */
void virtio_blk_close(struct virtio_blk *blk);

#endif
