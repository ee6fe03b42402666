/*
 * A network backend over a stream socket, as passt speaks it (and QEMU's -netdev stream): before each frame
 * its length, four bytes, most significant first. Frames are bare: no header of virtio, full checksums.
 *
 * Source: passt(1), "--socket"; QEMU's documentation of -netdev stream.
 *
 * Both directions go through a buffer: many short frames are then one system call, and a frame that the socket
 * takes or gives only in part is finished later. The I/O thread owns it.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/log.h"
#include "virtio/net_backend.h"
#include "virtio/net_iov.h"
#include "virtio/net_spawn.h"

#define LENGTH_BYTES 4u

/* passt takes no longer frame than this. */
#define MAX_SEND_BYTES 65535u
#define MIN_BYTES      14u /* an Ethernet header */

#define RX_BUFFER (256u << 10)
#define TX_BUFFER (256u << 10)
#define LOG_LINE  200u

struct stream_buffer {
	uint8_t *data;
	size_t size, first, end; /* [first, end) is to be consumed */
};

struct net_stream {
	struct net_backend backend; /* first */
	struct iothread *io;
	int fd;
	int log_fd;
	pid_t child;
	struct stream_buffer rx, tx;
	char line[LOG_LINE]; /* of what the program prints */
	size_t line_bytes;
};

static struct net_stream *to_stream(struct net_backend *b)
{
	return (struct net_stream *)b;
}

/* ---- what the program prints ---- */

static void log_line(struct net_stream *s)
{
	if (!s->line_bytes)
		return;
	snprintf(s->backend.why, sizeof(s->backend.why), "%.*s", (int)s->line_bytes, s->line);
	log_debug("%s: %s", s->backend.name, s->backend.why);
	s->line_bytes = 0;
}

static void log_bytes(struct net_stream *s, const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (text[i] == '\n' || s->line_bytes == sizeof(s->line))
			log_line(s);
		if ((unsigned char)text[i] >= ' ')
			s->line[s->line_bytes++] = text[i];
	}
}

static void on_log(void *arg, uint32_t events)
{
	struct net_stream *s = arg;
	char text[1024];
	ssize_t n = read(s->log_fd, text, sizeof(text));

	(void)events;
	if (n > 0) {
		log_bytes(s, text, (size_t)n);
		return;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	log_line(s);
	loop_remove(&s->io->loop, s->log_fd);
}

/* What a program says last may be why it ended. */
static int lost(struct net_stream *s)
{
	char text[1024];
	ssize_t n;

	while (s->log_fd >= 0 && (n = read(s->log_fd, text, sizeof(text))) > 0)
		log_bytes(s, text, (size_t)n);
	log_line(s);
	return -EPIPE;
}

/* ---- from the guest ---- */

static void make_room(struct stream_buffer *b)
{
	memmove(b->data, b->data + b->first, b->end - b->first);
	b->end -= b->first;
	b->first = 0;
}

static int stream_flush(struct net_backend *b, unsigned pair)
{
	struct net_stream *s = to_stream(b);
	struct stream_buffer *tx = &s->tx;

	(void)pair;
	while (tx->first < tx->end) {
		ssize_t n = send(s->fd, tx->data + tx->first, tx->end - tx->first,
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? -EAGAIN : lost(s);
		tx->first += (size_t)n;
	}
	tx->first = tx->end = 0;
	return 0;
}

static bool has_room(const struct stream_buffer *tx, size_t bytes)
{
	return tx->size - tx->end >= LENGTH_BYTES + bytes;
}

/* Room for a frame, if need be by sending what is there. */
static int find_room(struct net_stream *s, size_t bytes)
{
	int r;

	if (has_room(&s->tx, bytes))
		return 0;
	r = stream_flush(&s->backend, 0);
	if (r == -EPIPE)
		return r;
	make_room(&s->tx);
	return has_room(&s->tx, bytes) ? 0 : -EAGAIN;
}

static int stream_send(struct net_backend *b, unsigned pair, const struct iovec *iov, unsigned n,
		       size_t bytes)
{
	struct net_stream *s = to_stream(b);
	struct stream_buffer *tx = &s->tx;
	uint32_t length = htobe32((uint32_t)bytes);
	int r;

	(void)pair;
	if (bytes > MAX_SEND_BYTES)
		return -EMSGSIZE;
	r = find_room(s, bytes);
	if (r)
		return r;
	/* Only a whole frame counts: a poisoned page spoils nothing but itself. */
	if (net_iov_read(iov, n, 0, tx->data + tx->end + LENGTH_BYTES, bytes))
		return -EFAULT;
	memcpy(tx->data + tx->end, &length, LENGTH_BYTES);
	tx->end += LENGTH_BYTES + bytes;
	return 0;
}

/* ---- to the guest ---- */

/* The length of the frame that is next, all of it there. 0: not yet; -EPROTO: this is no frame. */
static ssize_t next_frame(const struct stream_buffer *rx)
{
	size_t there = rx->end - rx->first;
	uint32_t length;

	if (there < LENGTH_BYTES)
		return 0;
	memcpy(&length, rx->data + rx->first, LENGTH_BYTES);
	length = be32toh(length);
	if (length < MIN_BYTES || length > NET_FRAME_BYTES)
		return -EPROTO;
	return there - LENGTH_BYTES < length ? 0 : (ssize_t)length;
}

/* 0; -EAGAIN, -EPIPE. A whole frame always has room. */
static int fill(struct net_stream *s)
{
	struct stream_buffer *rx = &s->rx;
	ssize_t n;

	if (rx->first)
		make_room(rx);
	n = recv(s->fd, rx->data + rx->end, rx->size - rx->end, MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? -EAGAIN : lost(s);
	rx->end += (size_t)n;
	return n ? 0 : lost(s);
}

/* Framing that is lost does not come back. */
static int out_of_step(struct net_stream *s)
{
	log_warn("%s: a frame is said to have fewer than %u or more than %u bytes: is this passt?",
		 s->backend.name, MIN_BYTES, NET_FRAME_BYTES);
	shutdown(s->fd, SHUT_RDWR);
	return -EPIPE;
}

static ssize_t stream_receive(struct net_backend *b, unsigned pair, const struct iovec *iov,
			      unsigned n)
{
	struct net_stream *s = to_stream(b);
	ssize_t bytes;
	int r = 0;

	(void)pair;
	while ((bytes = next_frame(&s->rx)) == 0 && r == 0)
		r = fill(s);
	if (bytes == 0)
		return r;
	if (bytes < 0)
		return out_of_step(s);
	r = net_iov_write(iov, n, 0, s->rx.data + s->rx.first + LENGTH_BYTES, (size_t)bytes);
	s->rx.first += LENGTH_BYTES + (size_t)bytes;
	return r ? r : bytes;
}

static int stream_fd(const struct net_backend *b, unsigned pair)
{
	(void)pair;
	return ((const struct net_stream *)b)->fd;
}

/* ---- making, closing ---- */

static void free_stream(struct net_stream *s)
{
	free(s->rx.data);
	free(s->tx.data);
	free(s);
}

static void stream_close(struct net_backend *b)
{
	struct net_stream *s = to_stream(b);

	close(s->fd);
	if (s->log_fd >= 0) {
		loop_remove(&s->io->loop, s->log_fd);
		close(s->log_fd);
	}
	net_end_program(s->child);
	free_stream(s);
}

static const struct net_backend_ops stream_ops = {
	.name = "stream",
	.send = stream_send,
	.flush = stream_flush,
	.receive = stream_receive,
	.fd = stream_fd,
	.close = stream_close,
};

static struct net_stream *new_stream(void)
{
	struct net_stream *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->rx = (struct stream_buffer){ .data = malloc(RX_BUFFER), .size = RX_BUFFER };
	s->tx = (struct stream_buffer){ .data = malloc(TX_BUFFER), .size = TX_BUFFER };
	if (s->rx.data && s->tx.data)
		return s;
	free_stream(s);
	return NULL;
}

int net_stream_open(struct net_backend **b, int fd, pid_t child, int log_fd, struct iothread *io,
		    const char *label, struct err *err)
{
	struct net_stream *s = new_stream();
	int r;

	if (!s)
		return err_set(err, -ENOMEM, "%s: no memory for the buffers of a stream", label);
	s->backend.ops = &stream_ops;
	s->backend.pairs = 1;
	s->backend.usual_bytes = NET_FRAME_BYTES;
	s->io = io;
	s->fd = fd;
	s->log_fd = log_fd;
	s->child = child;
	snprintf(s->backend.name, sizeof(s->backend.name), "%s", child > 0 ? "passt" : "stream");
	r = fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ? -errno : 0;
	if (!r && log_fd >= 0)
		r = loop_add(&io->loop, log_fd, EPOLLIN, on_log, s);
	if (r) {
		free_stream(s);
		return err_set(err, r, "%s: descriptor %d: %s", label, fd, strerror(-r));
	}
	*b = &s->backend;
	return 0;
}
