/*
 * virtio console: ports, each a stream in both directions with a name. Port 0 serves a driver that knows only
 * one.
 *
 * No byte is lost: input is read only when the guest has a buffer for it, output stays in the guest's queue
 * until the descriptor takes it (a guest whose console nobody reads waits). Where input ends the port is
 * closed towards the guest, after the last byte; with a port that also carries output the guest's writers
 * wait from then on, so give input and output of a program ports of their own.
 *
 * Threads: the I/O thread owns the ports; functions for others say so.
 * Source: virtio 1.2, 5.3. Left out: VIRTIO_CONSOLE_F_EMERG_WRITE, ports that come and go.
 */
#ifndef VIRTIO_CONSOLE_H
#define VIRTIO_CONSOLE_H

#include "virtio/console_fd.h"
#include "virtio/device.h"

#define VIRTIO_CONSOLE_MAX_PORTS  16
#define VIRTIO_CONSOLE_NAME_BYTES 32   /* with the final 0 */
#define VIRTIO_CONSOLE_BACKLOG    4096 /* bytes virtio_console_send() holds for a port */

#define VIRTIO_CONSOLE_F_SIZE      (UINT64_C(1) << 0)
#define VIRTIO_CONSOLE_F_MULTIPORT (UINT64_C(1) << 1)

struct console_port_config {
	const char *name; /* as under /dev/virtio-ports; copied */
	/* -1: none; the same twice is allowed. Given away: closed by the console. */
	int in_fd, out_fd;
	bool console;    /* a terminal of the guest (hvc), else a character device */
	bool finish_out; /* close out_fd when the guest has closed the port and all is written */
	/* Close the port towards the guest when nobody reads out_fd any more; else what it writes is lost, and
	 * it is not told. */
	bool hang_up;
	/* Not NULL: served by rasvm itself, the descriptors are -1. The guest's bytes; on the I/O thread, where
	 * virtio_console_send() may be called at once. */
	void (*receive)(void *arg, const uint8_t *bytes, unsigned n);
	/* The guest opened or closed the port, or is gone; on the I/O thread. May be NULL. */
	void (*opened)(void *arg, bool open);
	void *arg;
};

/* Saved and loaded; arrays by port. Bytes read from in_fd are never held, so none are here. */
struct virtio_console_state {
	uint64_t written
		[VIRTIO_CONSOLE_MAX_PORTS]; /* bytes of the next request that are out already */
	uint8_t pending[VIRTIO_CONSOLE_MAX_PORTS];     /* control messages to send, a bit each */
	uint8_t guest_ready[VIRTIO_CONSOLE_MAX_PORTS]; /* knows the port */
	uint8_t guest_open[VIRTIO_CONSOLE_MAX_PORTS];
	uint8_t finishing[VIRTIO_CONSOLE_MAX_PORTS]; /* closed by the guest, not all written */
	uint8_t host_closed[VIRTIO_CONSOLE_MAX_PORTS];
	uint16_t cols, rows; /* of the terminal; 0: not known. Atomically */
	uint8_t pad[4];      /* to a multiple of 8 bytes */
};

struct virtio_console;

struct virtio_console_port {
	struct virtio_console *console;
	unsigned id;
	char name[VIRTIO_CONSOLE_NAME_BYTES];
	bool is_console, finish_out, hang_up;
	struct console_fd in, out;
	void (*receive)(void *arg, const uint8_t *bytes, unsigned n);
	void (*opened)(void *arg, bool open);
	void *arg;
	uint8_t backlog[VIRTIO_CONSOLE_BACKLOG]; /* virtio_console_send() */
	unsigned backlog_bytes;
};

struct virtio_console {
	struct virtio_device virtio; /* first */
	struct virtio_console_state state;
	struct virtio_console_port port[VIRTIO_CONSOLE_MAX_PORTS];
	unsigned nports;
	_Atomic bool lost_output; /* a write failed, not because the reader went away */
	struct virtq queue[2 * (VIRTIO_CONSOLE_MAX_PORTS + 1)];
	/* The requests at hand. Two, because what a port's receive() is given may be answered at once. */
	struct virtq_chain into, out_of;
};

/* A device labelled "console<index>". Main thread, before the guest runs. 0; or -errno with `err`, and all
 * descriptors of `ports` are closed. */
int virtio_console_open(struct virtio_console *con, const struct console_port_config *ports,
			unsigned nports, struct iothread *io, const struct mem *mem, unsigned index,
			struct err *err) __attribute__((warn_unused_result));

/* After the I/O thread has ended. Safe on a zeroed one. */
void virtio_console_close(struct virtio_console *con);

/* Bytes for the guest by a port that rasvm serves. All of them or none: -EAGAIN, there is no room until the
 * guest reads. What the guest has not got when it is reset is forgotten. -EINVAL: no such port. Any thread but a
 * vCPU's. */
int virtio_console_send(struct virtio_console *con, unsigned port, const void *bytes, unsigned n)
	__attribute__((warn_unused_result));

/* The terminal has this size from now on. Any thread but a vCPU's. */
void virtio_console_resize(struct virtio_console *con, uint16_t cols, uint16_t rows);

/* Whether all that the guest wrote is out, kicked or not; or cannot get out, as the device is held still. To be
 * asked, until it is so, before a guest's last words are taken away. Any thread but a vCPU's. */
bool virtio_console_drained(struct virtio_console *con);

/* Whether output of some port got lost: a disk was full, say. A reader that went away wants no more. Any thread. */
bool virtio_console_lost_output(const struct virtio_console *con);

#endif
