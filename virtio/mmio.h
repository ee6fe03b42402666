/*
 * The virtio-mmio transport: one device behind a block of registers and one interrupt, edge-triggered (it
 * goes by an eventfd). Legacy drivers see version 2 and leave it alone.
 *
 * Source: virtio 1.2, 4.2. Leaves out: shared memory regions (none of our devices has one: length all ones).
 */
#ifndef VIRTIO_MMIO_H
#define VIRTIO_MMIO_H

#include "arm64/dev/device.h"
#include "virtio/device.h"

#define VIRTIO_MMIO_BLOCK_BYTES 0x200
#define VIRTIO_MMIO_NOTIFY      0x050 /* QueueNotify: the value is the queue's number */

/* What the transport needs of the machine. vCPU threads (under the leaf lock) or the main thread. */
struct virtio_mmio_ops {
	/* Have stores of `queue` to QueueNotify signal `fd` without an exit, or no longer. 0 or -errno: then
	 * they arrive as writes. */
	int (*wire_kick)(void *world, gpa_t notify, unsigned queue, int fd, bool on);
};

struct virtio_mmio {
	struct device dev; /* first */
	struct virtio_device *virtio;
	int irq_fd; /* eventfd that raises the interrupt; the owner's */
	const struct virtio_mmio_ops *ops;
	void *world;
	uint64_t wired; /* queues whose doorbell is wired; under the leaf lock */
};

/* `virtio` was set up by its kind's init and outlives this. Main thread, before the guest runs. 0, or -errno
 * with `err`. */
int virtio_mmio_init(struct virtio_mmio *m, gpa_t base, struct virtio_device *virtio, int irq_fd,
		     const struct virtio_mmio_ops *ops, void *world, struct err *err)
	__attribute__((warn_unused_result));

/* Give the doorbells back, unwired. No vCPU runs and the I/O thread has ended. Safe on a zeroed one. */
void virtio_mmio_close(struct virtio_mmio *m);

#endif
