/*
 * Network backends over descriptors that rasvm was given (fd=): what each is shows by itself. A socket that
 * keeps frames apart carries them bare, one a message; a stream as passt does; a tap as net_tap.c.
 *
 * The I/O thread owns them.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "virtio/net_backend.h"

struct net_packet {
	struct net_backend backend; /* first */
	int fd;
	bool keeps_end; /* SOCK_SEQPACKET: a message of no bytes is the end */
};

static struct net_packet *to_packet(struct net_backend *b)
{
	return (struct net_packet *)b;
}

/* A datagram socket's other end may be opened again by somebody else; then it takes frames again. */
static int packet_send(struct net_backend *b, unsigned pair, const struct iovec *iov, unsigned n,
		       size_t bytes)
{
	/* sendmsg() does not change the list. */
	union {
		const struct iovec *from;
		struct iovec *to;
	} list = { .from = iov };
	struct msghdr msg = { .msg_iov = list.to, .msg_iovlen = n };

	(void)pair;
	(void)bytes;
	if (sendmsg(to_packet(b)->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return 0;
	return errno == ECONNRESET ? -EPIPE : -errno;
}

static ssize_t packet_receive(struct net_backend *b, unsigned pair, const struct iovec *iov,
			      unsigned n)
{
	const struct net_packet *p = to_packet(b);
	union {
		const struct iovec *from;
		struct iovec *to;
	} list = { .from = iov };
	struct msghdr msg = { .msg_iov = list.to, .msg_iovlen = n };
	ssize_t got = recvmsg(p->fd, &msg, MSG_DONTWAIT);

	(void)pair;
	if (got == 0 && p->keeps_end)
		return -EPIPE;
	if (got < 0)
		return errno == ECONNRESET || errno == ENOTCONN ? -EPIPE : -errno;
	return got;
}

static int packet_fd(const struct net_backend *b, unsigned pair)
{
	(void)pair;
	return ((const struct net_packet *)b)->fd;
}

static void packet_close(struct net_backend *b)
{
	close(to_packet(b)->fd);
	free(b);
}

static const struct net_backend_ops packet_ops = {
	.name = "packet socket",
	.send = packet_send,
	.receive = packet_receive,
	.fd = packet_fd,
	.close = packet_close,
};

static int socket_type(int fd)
{
	socklen_t n = sizeof(int);
	int type;

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) < 0 ? -1 : type;
}

int net_packet_open(struct net_backend **b, int fd, const char *label, struct err *err)
{
	struct net_packet *p = calloc(1, sizeof(*p));

	if (!p)
		return err_set(err, -ENOMEM, "%s: no memory for the socket's state", label);
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) {
		free(p);
		return err_set(err, -errno, "%s: descriptor %d: %s", label, fd, strerror(errno));
	}
	p->backend.ops = &packet_ops;
	p->backend.pairs = 1;
	p->backend.usual_bytes = NET_FRAME_BYTES;
	p->fd = fd;
	p->keeps_end = socket_type(fd) == SOCK_SEQPACKET;
	snprintf(p->backend.name, sizeof(p->backend.name), "socket %d", fd);
	*b = &p->backend;
	return 0;
}

static bool is_tap(int fd)
{
	struct ifreq ifr;

	return ioctl(fd, TUNGETIFF, &ifr) == 0;
}

static int open_inherited(struct net_backend **b, const struct net_options *o, struct iothread *io,
			  const char *label, struct err *err)
{
	int fd = o->fd[0];

	if (fcntl(fd, F_GETFD) < 0)
		return err_set(
			err, -errno,
			"%s: descriptor %d is not open: the program that starts rasvm has to "
			"leave it open",
			label, fd);
	if (is_tap(fd))
		return net_tap_adopt(b, o, label, err);
	if (o->nfds > 1)
		return err_set(err, -EINVAL,
			       "%s: descriptor %d is no tap: only a tap has several queues", label,
			       fd);
	switch (socket_type(fd)) {
	case SOCK_DGRAM:
	case SOCK_SEQPACKET:
		return net_packet_open(b, fd, label, err);
	case SOCK_STREAM:
		return net_stream_open(b, fd, -1, -1, io, label, err);
	}
	return err_set(
		err, -EINVAL,
		"%s: descriptor %d is neither a tap nor a datagram, seqpacket or stream socket",
		label, fd);
}

int net_backend_open(struct net_backend **b, const struct net_options *o, struct iothread *io,
		     const char *label, unsigned index, struct err *err)
{
	if (o->nfds)
		return open_inherited(b, o, io, label, err);
	if (o->mode == NET_MODE_USER)
		return net_passt_open(b, o, io, label, err);
	return net_tap_open(b, o, label, index, err);
}
