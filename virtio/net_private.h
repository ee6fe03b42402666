/* What the files of the network device share. For virtio/net*.c and virtio/vhost_net.c only. */
#ifndef VIRTIO_NET_PRIVATE_H
#define VIRTIO_NET_PRIVATE_H

#include "virtio/net.h"

#define NET_RX_IOVS   512u
#define NET_BUDGET    256u /* frames of a queue that are served before others have their turn */
#define NET_MIN_FRAME 14u

/* A receive buffer that the driver made available. */
struct net_rx_buffer {
	uint16_t id, nslots; /* as in struct virtq_chain */
	uint16_t niov;
	uint32_t bytes;
};

/* Buffers taken from the receive queue and not yet used, oldest first. What is used or taken back leaves from
 * one end, so places before `first` and `first_iov` are free. */
struct net_rx {
	struct net_rx_buffer buffer[VIRTQ_MAX_SIZE];
	unsigned first, n;
	struct iovec iov[NET_RX_IOVS + 1]; /* one more, for the spill */
	unsigned first_iov, niov;
	uint64_t bytes; /* of all of them */
	uint64_t most;  /* that there ever were at once in this driver's life */
	bool starved;   /* waits for a kick */
	bool quiet;     /* the driver was asked not to kick */
	bool again;
};

struct net_tx {
	struct virtq_chain chain; /* `held`: taken, and the backend could not take it */
	bool held;
	bool waits; /* for EPOLLOUT */
	bool again;
	unsigned first, n; /* of chain.iov: what is sent */
	uint64_t bytes;
};

struct net_pair {
	struct virtio_net *net;
	unsigned index;
	uint32_t watched; /* events the loop waits for; 0: none, not in the loop */
	struct net_rx rx;
	struct net_tx tx;
};

static inline unsigned net_rx_queue(const struct net_pair *pair)
{
	return 2 * pair->index;
}

static inline unsigned net_tx_queue(const struct net_pair *pair)
{
	return 2 * pair->index + 1;
}

static inline void net_count(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

/* All of what follows: I/O thread. */

/* net.c */
void net_watch(struct net_pair *pair); /* as rx.starved and tx.waits have it */
void net_unwatch(struct net_pair *pair);
void net_serve_again(struct virtio_net *net); /* those with rx.again, tx.again, in the next round */
void net_gone(struct virtio_net *net);        /* the backend: link down, the guest goes on */
/* From 1 to backend->pairs are in use. 0 or -errno. */
int net_use_pairs(struct virtio_net *net, unsigned n);
unsigned net_control_queue(const struct virtio_net *net);

/* net_rx.c, net_tx.c */
void net_rx_serve(struct net_pair *pair);
void net_rx_undo(struct net_pair *pair);   /* buffers go back to the queue, as if never taken */
void net_rx_forget(struct net_pair *pair); /* the queue is gone */
void net_tx_serve(struct net_pair *pair);
void net_tx_undo(struct net_pair *pair);
void net_tx_forget(struct net_pair *pair);

/* net_control.c */
void net_control_serve(struct virtio_net *net);

#endif
