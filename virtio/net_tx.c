/*
 * Transmitting: frames from the driver's buffers straight to the backend.
 *
 * Source: virtio 1.2, 5.1.6.2 (packet transmission).
 *
 * A frame that the backend cannot take now is kept, with all that follow, until it can. Frames that make no
 * sense are dropped and counted, and the driver gets its buffers back.
 *
 * Owner: the I/O thread.
 */
#include <errno.h>

#include "virtio/net_iov.h"
#include "virtio/net_private.h"

static struct virtq *queue_of(const struct net_pair *pair)
{
	return &pair->net->queue[net_tx_queue(pair)];
}

/* Give the chain back. */
static void finish(struct net_pair *pair)
{
	virtq_push(queue_of(pair), &pair->tx.chain, 0);
	pair->tx.held = false;
}

static void drop(struct net_pair *pair)
{
	net_count(&pair->net->frames.tx_dropped, 1);
	finish(pair);
}

/* Leave out the header where the backend has none. */
static void find_frame(struct net_pair *pair)
{
	struct net_tx *tx = &pair->tx;
	size_t skip = NET_HEADER_BYTES - pair->net->backend->header_bytes, offset;
	unsigned first = net_iov_find(tx->chain.iov, tx->chain.nread, skip, &offset);
	struct iovec *iov = &tx->chain.iov[first];

	tx->first = first;
	tx->n = tx->chain.nread - first;
	tx->bytes = tx->chain.read_bytes - skip;
	iov->iov_base = (uint8_t *)iov->iov_base + offset;
	iov->iov_len -= offset;
}

static bool has_frame(const struct virtq_chain *chain)
{
	return chain->read_bytes >= NET_HEADER_BYTES + NET_MIN_FRAME &&
	       chain->read_bytes <= NET_HEADER_BYTES + NET_FRAME_BYTES;
}

/* The next frame, the one that was kept first. False: there is none. */
static bool take(struct net_pair *pair)
{
	struct net_tx *tx = &pair->tx;

	if (tx->held)
		return true;
	if (!virtio_pop(&pair->net->virtio, net_tx_queue(pair), &tx->chain))
		return false;
	tx->held = true;
	if (has_frame(&tx->chain))
		find_frame(pair);
	else
		tx->bytes = 0;
	return true;
}

/* False: not now. */
static bool send_one(struct net_pair *pair)
{
	struct virtio_net *net = pair->net;
	struct net_backend *b = net->backend;
	struct net_tx *tx = &pair->tx;
	int r = -EINVAL;

	if (tx->bytes && !atomic_load(&net->gone))
		r = b->ops->send(b, pair->index, tx->chain.iov + tx->first, tx->n, tx->bytes);
	if (r == -EAGAIN)
		return false;
	if (r == -EPIPE)
		net_gone(net);
	if (r) {
		drop(pair);
		return true;
	}
	net_count(&net->frames.tx_frames, 1);
	net_count(&net->frames.tx_bytes, tx->bytes - b->header_bytes);
	finish(pair);
	return true;
}

static bool flush(struct net_pair *pair)
{
	struct net_backend *b = pair->net->backend;
	int r;

	if (!b->ops->flush || atomic_load(&pair->net->gone))
		return true;
	r = b->ops->flush(b, pair->index);
	if (r == -EPIPE)
		net_gone(pair->net);
	return r != -EAGAIN;
}

/* Frames until there are no more, the backend is full, or it is the turn of others. How many were given
 * back. */
static unsigned send_all(struct net_pair *pair)
{
	struct virtq *q = queue_of(pair);
	unsigned done = 0;

	do {
		virtq_stop_kicks(q);
		for (; done < NET_BUDGET && take(pair); done++) {
			if (!send_one(pair)) {
				pair->tx.waits = true;
				return done;
			}
		}
	} while (done < NET_BUDGET && virtq_want_kicks(q));
	pair->tx.again = done == NET_BUDGET;
	return done;
}

void net_tx_serve(struct net_pair *pair)
{
	struct net_tx *tx = &pair->tx;
	unsigned done;

	tx->waits = tx->again = false;
	done = send_all(pair);
	if (!flush(pair))
		tx->waits = true;
	if (done)
		virtio_interrupt(&pair->net->virtio, net_tx_queue(pair));
	if (tx->again)
		net_serve_again(pair->net);
	net_watch(pair);
}

void net_tx_undo(struct net_pair *pair)
{
	if (pair->tx.held)
		virtq_unpop(queue_of(pair), &pair->tx.chain);
	net_tx_forget(pair);
}

void net_tx_forget(struct net_pair *pair)
{
	pair->tx.held = pair->tx.waits = pair->tx.again = false;
}
