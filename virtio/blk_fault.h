/*
 * Faults of a disk, on request: which requests are to fail, late, or half done.
 *
 * A rule names a kind of request, and hits every one of it, or with `at` those that touch that sector, or
 * with `every` the Nth, 2Nth, ... of those (they are counted over all queues, from when rasvm starts; a reset
 * of the guest does not begin anew). A request that is hit is answered with an I/O error and the file is left
 * as it was. A write that is hit by a rule with `torn` leaves the first half of its sectors in the file,
 * rounded down (of the disk's blocks, where they are larger: direct access to a device of 4 KiB). With `delay` the request waits that long before all this happens; it is cut short when the
 * device is reset or paused. A request hit by several rules waits for the longest of them.
 *
 * Pure. Source: rasvm's own; docs/devices.md.
 */
#ifndef VIRTIO_BLK_FAULT_H
#define VIRTIO_BLK_FAULT_H

#include <stdbool.h>
#include <stdint.h>

#include "virtio/blk_backend.h"

#define BLK_MAX_FAULTS 4u

enum blk_fault_kind {
	BLK_FAULT_READ,
	BLK_FAULT_WRITE,
	BLK_FAULT_FLUSH,
	BLK_FAULT_DISCARD, /* and WRITE_ZEROES */
	BLK_FAULT_KINDS
};

struct blk_fault {
	enum blk_fault_kind kind;
	bool has_at, torn;
	uint64_t at;    /* sector of 512 bytes */
	uint64_t every; /* 0: each one */
	uint64_t delay_ns;
};

struct blk_fault_hit {
	bool fail, torn;
	uint64_t delay_ns;
};

/* What is to become of this request. seen[i], of fault[i], counts the requests the rule is about. */
struct blk_fault_hit blk_fault_ask(const struct blk_fault *fault, unsigned n, uint64_t *seen,
				   const struct blk_io *io);

/* Keep the first half of a write's blocks, rounded down: nothing of a single one. Its iovecs are cut
 * accordingly. */
void blk_fault_tear(struct blk_io *io, uint32_t block_bytes);

#endif
