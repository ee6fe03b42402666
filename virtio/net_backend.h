/*
 * Where the frames of a network interface go to and come from: a tap, a socket, passt.
 *
 * A backend is made on the main thread, before the guest runs, and from then on belongs to the I/O thread of
 * its device. Frames are Ethernet without a checksum; in front of each, in both directions, are header_bytes
 * of struct virtio_net_hdr (virtio 1.2, 5.1.6) if the other side understands it, else none.
 */
#ifndef VIRTIO_NET_BACKEND_H
#define VIRTIO_NET_BACKEND_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "lib/err.h"
#include "lib/iothread.h"
#include "virtio/net_options.h"

#define NET_HEADER_BYTES 12u
/* The longest frame: 64 KiB of IP, and an Ethernet header with a VLAN tag. */
#define NET_FRAME_BYTES 65554u

struct net_backend;

struct net_backend_ops {
	const char *name; /* for messages */
	/* Take one frame of `bytes` bytes, at most header_bytes + NET_FRAME_BYTES, for queue pair `pair`. 0: it
	 * will be sent. -EAGAIN: not now, ask again when ready() says EPOLLOUT. -EPIPE: the other side is gone
	 * for good. Other -errno: this frame cannot be sent; -EFAULT: a page of it is poisoned. */
	int (*send)(struct net_backend *b, unsigned pair, const struct iovec *iov, unsigned n,
		    size_t bytes);
	/* After a batch of sends. 0, -EAGAIN: to be called again on EPOLLOUT; -EPIPE. NULL: nothing to do. */
	int (*flush)(struct net_backend *b, unsigned pair);
	/* Put the next frame into iov: how long it is, and what does not fit is lost. -EAGAIN: none; -EPIPE;
	 * -EFAULT: a page of the buffers is poisoned, and the frame is lost. Other -errno: lost too. */
	ssize_t (*receive)(struct net_backend *b, unsigned pair, const struct iovec *iov,
			   unsigned n);
	/* What epoll watches for pair `pair`. */
	int (*fd)(const struct net_backend *b, unsigned pair);
	/* The driver takes and gives frames with these of the virtio features CSUM, GUEST_CSUM, *_TSO4, *_TSO6
	 * and *_ECN. NULL: there are none. 0 or -errno. */
	int (*set_offload)(struct net_backend *b, uint64_t features);
	/* Pairs 0..n-1 are in use. NULL: there is one. 0 or -errno. */
	int (*set_pairs)(struct net_backend *b, unsigned n);
	/* Main thread, the I/O thread has ended or is in an iothread_call(). Frees `b`. */
	void (*close)(struct net_backend *b);
};

struct net_backend {
	const struct net_backend_ops *ops;
	unsigned header_bytes; /* 0 or NET_HEADER_BYTES */
	unsigned pairs;        /* at most NET_MAX_PAIRS */
	bool offload;          /* set_offload() works; header_bytes is not 0 */
	bool tap;              /* vhost can take its descriptors */
	uint32_t usual_bytes;  /* no frame is longer without offload, that is likely */
	char name[64];         /* "tap0", "passt" */
	char why[256];         /* it is gone: what is known about that, or empty */
};

/* What the options ask for. `label` and `index`: of the device. 0 and *b, or -errno with `err`, which names
 * what is missing. Main thread, before the guest runs. */
int net_backend_open(struct net_backend **b, const struct net_options *o, struct iothread *io,
		     const char *label, unsigned index, struct err *err)
	__attribute__((warn_unused_result));

/* ---- the kinds ---- */

/* net_tap.c: a tap of the host, opened here or inherited. Descriptors become the backend's if it succeeds. */
int net_tap_open(struct net_backend **b, const struct net_options *o, const char *label,
		 unsigned index, struct err *err) __attribute__((warn_unused_result));
int net_tap_adopt(struct net_backend **b, const struct net_options *o, const char *label,
		  struct err *err) __attribute__((warn_unused_result));

/* net_fd.c: a socket that keeps frames apart (SOCK_DGRAM, SOCK_SEQPACKET). */
int net_packet_open(struct net_backend **b, int fd, const char *label, struct err *err)
	__attribute__((warn_unused_result));

/* net_passt.c: a stream with a length before each frame. `child` is a program at its other end that ends with
 * it, or -1; `log_fd` what it prints, or -1. Both descriptors become the backend's if it succeeds. */
int net_stream_open(struct net_backend **b, int fd, pid_t child, int log_fd, struct iothread *io,
		    const char *label, struct err *err) __attribute__((warn_unused_result));

/* net_passt_start.c: passt, started here or found at o->socket. */
int net_passt_open(struct net_backend **b, const struct net_options *o, struct iothread *io,
		   const char *label, struct err *err) __attribute__((warn_unused_result));

#endif
