/*
 * A network interface: frames between a guest's queues and a backend (net_backend.h).
 *
 * Source: virtio 1.2, 5.1. Threads: as virtio/device.h says; the backend and all queues belong to the I/O
 * thread.
 */
#ifndef VIRTIO_NET_H
#define VIRTIO_NET_H

#include "virtio/device.h"
#include "virtio/net_backend.h"
#include "virtio/net_options.h"

/* 5.1.3 Feature bits. */
#define VIRTIO_NET_F_CSUM          (UINT64_C(1) << 0)
#define VIRTIO_NET_F_GUEST_CSUM    (UINT64_C(1) << 1)
#define VIRTIO_NET_F_MTU           (UINT64_C(1) << 3)
#define VIRTIO_NET_F_MAC           (UINT64_C(1) << 5)
#define VIRTIO_NET_F_GUEST_TSO4    (UINT64_C(1) << 7)
#define VIRTIO_NET_F_GUEST_TSO6    (UINT64_C(1) << 8)
#define VIRTIO_NET_F_GUEST_ECN     (UINT64_C(1) << 9)
#define VIRTIO_NET_F_HOST_TSO4     (UINT64_C(1) << 11)
#define VIRTIO_NET_F_HOST_TSO6     (UINT64_C(1) << 12)
#define VIRTIO_NET_F_HOST_ECN      (UINT64_C(1) << 13)
#define VIRTIO_NET_F_MRG_RXBUF     (UINT64_C(1) << 15)
#define VIRTIO_NET_F_STATUS        (UINT64_C(1) << 16)
#define VIRTIO_NET_F_CTRL_VQ       (UINT64_C(1) << 17)
#define VIRTIO_NET_F_CTRL_RX       (UINT64_C(1) << 18)
#define VIRTIO_NET_F_CTRL_RX_EXTRA (UINT64_C(1) << 20)
#define VIRTIO_NET_F_MQ            (UINT64_C(1) << 22)
#define VIRTIO_NET_F_CTRL_MAC_ADDR (UINT64_C(1) << 23)

/* 5.1.4 Device configuration layout. */
#define VIRTIO_NET_CONFIG_BYTES 12u
#define VIRTIO_NET_S_LINK_UP    1u

/* Saved and loaded. */
struct net_state {
	uint64_t mac; /* first byte lowest; atomically: the driver reads it in its configuration */
	uint16_t pairs;  /* in use */
	uint8_t rx_mode; /* bit n: command n of 5.1.6.5.1 is on */
	uint8_t pad[5];
};

/* I/O thread writes, others read. */
struct net_counts {
	_Atomic uint64_t rx_frames, rx_bytes, rx_dropped, tx_frames, tx_bytes, tx_dropped;
};

struct net_pair;  /* private: net_private.h */
struct vhost_net; /* private: vhost_net.h */

struct virtio_net {
	struct virtio_device virtio; /* first */
	struct net_state state;
	struct virtq queue[2 * NET_MAX_PAIRS + 1];
	struct net_backend *backend;
	struct net_pair *pair;   /* [backend->pairs] */
	struct vhost_net *vhost; /* NULL: not used */
	bool vhost_runs;         /* I/O thread: it serves the pairs in use */
	uint8_t *spill;          /* what a frame has more than the driver's buffers have room for */
	struct virtq_chain chain; /* I/O thread: the request being looked at */
	uint64_t mac;             /* that of the options, to which a reset returns */
	uint16_t mtu;             /* 0: not offered */
	bool mergeable;           /* negotiated */
	uint32_t need;            /* bytes of buffers that any frame fits in */
	bool control_again;       /* commands were left in the queue */
	int again_fd;             /* eventfd: a queue was left with work in it; -1 */
	_Atomic bool gone;        /* the backend */
	struct net_counts frames;
};

/* Open the backend and make the device, "net<index>". Main thread, before the guest runs. 0, or -errno with
 * `err`. */
int virtio_net_open(struct virtio_net *net, const struct net_options *o, struct iothread *io,
		    const struct mem *mem, unsigned index, struct err *err)
	__attribute__((warn_unused_result));

/* Give everything back, programs that were started too. Main thread, the I/O thread has ended, or by
 * iothread_call(). Safe on a zeroed one. */
void virtio_net_close(struct virtio_net *net);

#endif
