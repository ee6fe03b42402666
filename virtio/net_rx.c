/*
 * Receiving: frames from the backend straight into the driver's buffers.
 *
 * Source: virtio 1.2, 5.1.6.3 (setting up receive buffers), 5.1.6.4 (processing of incoming packets).
 *
 * How long a frame is shows only when it has been read, so buffers for any frame are taken first; those it did
 * not need stay for the next. Behind them lies a spill, by which a frame that was too long is noticed: it is
 * dropped. As long as the driver has no buffers the backend is not read.
 *
 * Owner: the I/O thread. Left out: filtering by address or VLAN; the device is as if promiscuous, which
 * 5.1.6.5.1 and 5.1.6.5.2 allow.
 */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "virtio/net_iov.h"
#include "virtio/net_private.h"

/* 5.1.6: offset of num_buffers in struct virtio_net_hdr. */
#define NUM_BUFFERS 10u

static struct virtq *queue_of(const struct net_pair *pair)
{
	return &pair->net->queue[net_rx_queue(pair)];
}

/* ---- buffers ---- */

static void push(struct net_pair *pair, const struct net_rx_buffer *buffer, uint32_t written)
{
	struct virtq_chain *chain = &pair->net->chain;

	chain->id = buffer->id;
	chain->nslots = buffer->nslots;
	virtq_push(queue_of(pair), chain, written);
}

static void move_to_front(struct net_rx *rx)
{
	memmove(rx->buffer, rx->buffer + rx->first, rx->n * sizeof(rx->buffer[0]));
	memmove(rx->iov, rx->iov + rx->first_iov, rx->niov * sizeof(rx->iov[0]));
	rx->first = rx->first_iov = 0;
}

static bool has_room(struct net_rx *rx)
{
	if (rx->first + rx->n == VIRTQ_MAX_SIZE ||
	    rx->first_iov + rx->niov + VIRTQ_MAX_CHAIN > NET_RX_IOVS)
		move_to_front(rx);
	return rx->n < VIRTQ_MAX_SIZE && rx->niov + VIRTQ_MAX_CHAIN <= NET_RX_IOVS;
}

static uint32_t bytes_of(const struct virtq_chain *chain)
{
	return chain->write_bytes < UINT32_MAX ? (uint32_t)chain->write_bytes : UINT32_MAX;
}

static void keep(struct net_rx *rx, const struct virtq_chain *chain)
{
	memcpy(rx->iov + rx->first_iov + rx->niov, chain->iov + chain->nread,
	       chain->nwrite * sizeof(chain->iov[0]));
	rx->buffer[rx->first + rx->n++] = (struct net_rx_buffer){
		.id = chain->id,
		.nslots = chain->nslots,
		.niov = (uint16_t)chain->nwrite,
		.bytes = bytes_of(chain),
	};
	rx->niov += chain->nwrite;
	rx->bytes += bytes_of(chain);
}

/* 5.1.6.3.1: a buffer has room for the header at least; what has not is of no use, and goes back. */
static bool take(struct net_pair *pair)
{
	struct virtio_net *net = pair->net;
	struct virtq_chain *chain = &net->chain;

	if (!virtio_pop(&net->virtio, net_rx_queue(pair), chain))
		return false;
	if (chain->write_bytes >= NET_HEADER_BYTES) {
		keep(&pair->rx, chain);
		return true;
	}
	net_count(&net->frames.rx_dropped, 1);
	virtq_push(queue_of(pair), chain, 0);
	virtio_interrupt(&net->virtio, net_rx_queue(pair));
	return true;
}

static bool has_enough(const struct net_pair *pair)
{
	const struct net_rx *rx = &pair->rx;

	return rx->n && (!pair->net->mergeable || rx->bytes >= pair->net->need);
}

/* Take buffers until any frame fits, or until there are no more. A driver that never had as many gets the
 * frames that fit into what it has. */
static bool gather(struct net_pair *pair)
{
	struct net_rx *rx = &pair->rx;

	/* Not more than the queue has at a time: a driver could go on for ever. */
	for (unsigned i = 0; i < VIRTQ_MAX_SIZE && !has_enough(pair); i++)
		if (!has_room(rx) || !take(pair))
			break;
	if (rx->bytes > rx->most)
		rx->most = rx->bytes;
	return has_enough(pair) || (rx->n && (rx->most < pair->net->need || !has_room(rx)));
}

/* Buffers of the driver, or wait for its kick. One that goes on making too few available has to wait for its
 * turn. */
static bool find_buffers(struct net_pair *pair)
{
	struct net_rx *rx = &pair->rx;
	struct virtq *q = queue_of(pair);

	rx->starved = false;
	for (unsigned i = 0; i < VIRTQ_MAX_SIZE && !gather(pair); i++) {
		rx->quiet = false;
		rx->starved = !virtq_want_kicks(q);
		if (rx->starved)
			return false;
		rx->again = i + 1 == VIRTQ_MAX_SIZE;
	}
	if (!rx->quiet && !rx->again)
		virtq_stop_kicks(q);
	rx->quiet = !rx->again;
	return !rx->again;
}

static void drop_first(struct net_rx *rx)
{
	const struct net_rx_buffer *buffer = &rx->buffer[rx->first];

	rx->first++;
	rx->n--;
	rx->first_iov += buffer->niov;
	rx->niov -= buffer->niov;
	rx->bytes -= buffer->bytes;
}

/* ---- frames ---- */

/* Read a frame behind the room for its header. How long both are; or -errno. */
static ssize_t receive(struct net_pair *pair)
{
	struct virtio_net *net = pair->net;
	struct net_backend *b = net->backend;
	struct iovec *iov = pair->rx.iov + pair->rx.first_iov, saved;
	unsigned n = pair->rx.niov, first;
	size_t skip = NET_HEADER_BYTES - b->header_bytes, offset;
	ssize_t got;

	iov[n] = (struct iovec){ net->spill, NET_HEADER_BYTES + NET_FRAME_BYTES };
	first = net_iov_find(iov, n, skip, &offset);
	saved = iov[first];
	iov[first].iov_base = (uint8_t *)saved.iov_base + offset;
	iov[first].iov_len -= offset;
	got = b->ops->receive(b, pair->index, iov + first, n - first + 1);
	iov[first] = saved;
	return got < 0 ? got : got + (ssize_t)skip;
}

static unsigned buffers_for(const struct net_rx *rx, size_t bytes)
{
	unsigned n = 0;

	for (size_t room = 0; room < bytes; n++)
		room += rx->buffer[rx->first + n].bytes;
	return n;
}

/* 5.1.6.4.1: without VIRTIO_NET_F_MRG_RXBUF num_buffers is 1 as well. */
static int write_header(struct net_pair *pair, unsigned nbuffers)
{
	const struct net_rx *rx = &pair->rx;
	uint8_t header[NET_HEADER_BYTES] = { 0 };
	uint16_t num = htole16((uint16_t)nbuffers);
	size_t known = pair->net->backend->header_bytes ? NUM_BUFFERS : 0;

	memcpy(header + NUM_BUFFERS, &num, sizeof(num));
	return net_iov_write(rx->iov + rx->first_iov, rx->niov, known, header + known,
			     NET_HEADER_BYTES - known);
}

/* A page of the buffers is poisoned, and which is not known: the driver gets them all back, empty. */
static void give_up_buffers(struct net_pair *pair)
{
	struct net_rx *rx = &pair->rx;

	net_count(&pair->net->frames.rx_dropped, 1);
	while (rx->n) {
		push(pair, &rx->buffer[rx->first], 0);
		drop_first(rx);
	}
}

static bool fits(const struct net_pair *pair, size_t bytes)
{
	const struct net_rx *rx = &pair->rx;

	if (bytes < NET_HEADER_BYTES + NET_MIN_FRAME)
		return false;
	return bytes <= (pair->net->mergeable ? rx->bytes : rx->buffer[rx->first].bytes);
}

/* A driver that has found the first buffer of a frame takes the others for granted. */
static void push_frame(struct net_pair *pair, unsigned nbuffers, size_t bytes)
{
	struct virtq_used used[VIRTQ_MAX_SIZE];
	struct net_rx *rx = &pair->rx;

	for (unsigned i = 0; i < nbuffers; i++) {
		const struct net_rx_buffer *buffer = &rx->buffer[rx->first];
		size_t part = buffer->bytes < bytes ? buffer->bytes : bytes;

		used[i] = (struct virtq_used){ buffer->id, buffer->nslots, (uint32_t)part };
		drop_first(rx);
		bytes -= part;
	}
	virtq_push_all(queue_of(pair), used, nbuffers);
}

/* `bytes` bytes are in the buffers, but for the header. */
static void deliver(struct net_pair *pair, size_t bytes)
{
	struct virtio_net *net = pair->net;
	unsigned nbuffers;

	if (!fits(pair, bytes)) {
		net_count(&net->frames.rx_dropped, 1);
		return;
	}
	nbuffers = buffers_for(&pair->rx, bytes);
	if (write_header(pair, nbuffers)) {
		give_up_buffers(pair);
		return;
	}
	net_count(&net->frames.rx_frames, 1);
	net_count(&net->frames.rx_bytes, bytes - NET_HEADER_BYTES);
	push_frame(pair, nbuffers, bytes);
}

/* False: no frame now. */
static bool receive_one(struct net_pair *pair)
{
	ssize_t got = receive(pair);

	if (got == -EAGAIN)
		return false;
	if (got == -EPIPE) {
		net_gone(pair->net);
		return false;
	}
	if (got >= 0)
		deliver(pair, (size_t)got);
	else if (got == -EFAULT)
		give_up_buffers(pair);
	else
		net_count(&pair->net->frames.rx_dropped, 1);
	return true;
}

/* The first frame of a batch is told at once, so that the guest wakes up while the rest is read. */
void net_rx_serve(struct net_pair *pair)
{
	struct virtio_net *net = pair->net;
	unsigned done = 0;

	pair->rx.again = false;
	while (done < NET_BUDGET && !atomic_load(&net->gone) && find_buffers(pair) &&
	       receive_one(pair)) {
		if (done++ == 0)
			virtio_interrupt(&net->virtio, net_rx_queue(pair));
	}
	if (done > 1)
		virtio_interrupt(&net->virtio, net_rx_queue(pair));
	pair->rx.again |= done == NET_BUDGET;
	if (pair->rx.again)
		net_serve_again(net);
	net_watch(pair);
}

/* ---- the end ---- */

void net_rx_undo(struct net_pair *pair)
{
	struct net_rx *rx = &pair->rx;
	struct virtq_chain *chain = &pair->net->chain;

	while (rx->n) {
		const struct net_rx_buffer *last = &rx->buffer[rx->first + --rx->n];

		chain->id = last->id;
		chain->nslots = last->nslots;
		virtq_unpop(queue_of(pair), chain);
	}
	net_rx_forget(pair);
}

void net_rx_forget(struct net_pair *pair)
{
	struct net_rx *rx = &pair->rx;

	rx->first = rx->n = rx->first_iov = rx->niov = 0;
	rx->bytes = rx->most = 0;
	rx->starved = rx->quiet = rx->again = false;
}
