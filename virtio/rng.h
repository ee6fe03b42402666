/*
 * virtio entropy device: random bytes of the host's kernel.
 *
 * Source: virtio 1.2, 5.4. No state beyond that of every device.
 */
#ifndef VIRTIO_RNG_H
#define VIRTIO_RNG_H

#include "virtio/device.h"

#define VIRTIO_RNG_REQUEST_BYTES                                                                   \
	4096 /* what one request gets at most (5.4.6.2 allows less than it asks) */

struct virtio_rng {
	struct virtio_device virtio; /* first */
	struct virtq queue;
	struct virtq_chain chain; /* the request at hand; I/O thread */
};

/* A device labelled "rng<index>". Main thread, before the guest runs. 0, or -errno with `err`: the host has no
 * random bytes. */
int virtio_rng_open(struct virtio_rng *rng, struct iothread *io, const struct mem *mem,
		    unsigned index, struct err *err) __attribute__((warn_unused_result));

/* Safe on a zeroed one. */
void virtio_rng_close(struct virtio_rng *rng);

#endif
