/*
 * virtio entropy device. See rng.h.
 *
 * A request gets bytes in pieces that the host's kernel makes without being interrupted, up to a limit, and
 * after a number of requests others on the I/O thread have their turn: a guest that wants nothing but random
 * bytes does not hold up its disks.
 */
#include "virtio/rng.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#define PIECE_BYTES 256 /* getrandom(2): these are given whole, whatever signals come */
#define TURN        64  /* requests */

/* How many bytes of the request were filled. A poisoned page ends it. */
static uint32_t fill(const struct virtq_chain *chain)
{
	uint8_t piece[PIECE_BYTES];
	uint32_t done = 0;

	while (done < VIRTIO_RNG_REQUEST_BYTES && done < chain->write_bytes) {
		uint64_t left = chain->write_bytes - done;
		ssize_t n = getrandom(piece, left < PIECE_BYTES ? left : PIECE_BYTES, 0);

		if (n <= 0 || virtq_write(chain, done, piece, (size_t)n) != n)
			break;
		done += (uint32_t)n;
	}
	return done;
}

/* True: the queue is empty. */
static bool serve_turn(struct virtio_rng *rng)
{
	for (unsigned i = 0; i < TURN; i++) {
		if (!virtio_pop(&rng->virtio, 0, &rng->chain))
			return true;
		virtq_push(&rng->queue, &rng->chain, fill(&rng->chain));
	}
	return false;
}

static void rng_kick(struct virtio_device *dev, unsigned n)
{
	struct virtio_rng *rng = (struct virtio_rng *)dev;

	while (virtio_end_turn(dev, n, serve_turn(rng)))
		;
}

static const struct virtio_ops rng_ops = {
	.name = "rng",
	.id = VIRTIO_ID_RNG,
	.kick = rng_kick,
};

/* The first look waits until the host's generator is seeded; later ones cannot. */
int virtio_rng_open(struct virtio_rng *rng, struct iothread *io, const struct mem *mem,
		    unsigned index, struct err *err)
{
	uint8_t byte;

	if (getrandom(&byte, sizeof(byte), 0) < 0)
		return err_set(err, -errno, "rng%u: the host's kernel gives no random bytes: %s",
			       index, strerror(errno));
	virtq_init(&rng->queue, mem, VIRTQ_MAX_SIZE);
	virtio_init(&rng->virtio, &rng_ops, io, mem, &rng->queue, 1, 0);
	snprintf(rng->virtio.label, sizeof(rng->virtio.label), "rng%u", index);
	return 0;
}

void virtio_rng_close(struct virtio_rng *rng)
{
	(void)rng; /* nothing of the host's is held */
}
