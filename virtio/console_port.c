/*
 * The streams of a console port: between its two queues and its two descriptors. See console.h.
 *
 * A request is taken only for as long as a transfer lasts: what could not be moved at once is put back, and of
 * output it is noted how much is out already. So nothing is under way when a device is held still.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "lib/clock.h"
#include "virtio/console_private.h"

static bool ports_are_negotiated(const struct virtio_console *con)
{
	return virtio_has(&con->virtio, VIRTIO_CONSOLE_F_MULTIPORT);
}

static bool warn(struct virtio_console_port *port)
{
	return log_allow(&port->console->virtio.log, clock_now_ns());
}

/* ---- into the guest ---- */

static void on_input(void *arg, uint32_t events)
{
	(void)events;
	console_port_serve_in(arg);
}

static void watch_in(struct virtio_console_port *port, bool on)
{
	struct loop *loop = &port->console->virtio.io->loop;

	if (!on)
		console_fd_unwatch(&port->in, loop);
	else if (port->in.fd >= 0 && !console_fd_watch(&port->in, loop, EPOLLIN, on_input, port) &&
		 warn(port))
		log_warn("%s: input of port '%s' cannot be waited for", port->console->virtio.label,
			 port->name);
}

/* A character device of the guest drops what comes while it is not open; a terminal takes it. */
static bool guest_listens(const struct virtio_console_port *port)
{
	if (!ports_are_negotiated(port->console))
		return port->id == 0;
	return port->is_console || port->console->state.guest_open[port->id];
}

static bool has_source(const struct virtio_console_port *port)
{
	return port->receive ? port->backlog_bytes != 0 : port->in.fd >= 0;
}

static ssize_t take_backlog(struct virtio_console_port *port, const struct virtq_chain *chain)
{
	ssize_t n = virtq_write(chain, 0, port->backlog, port->backlog_bytes);

	if (n <= 0)
		return n;
	port->backlog_bytes -= (unsigned)n;
	memmove(port->backlog, port->backlog + n, port->backlog_bytes);
	return n;
}

static ssize_t take_input(struct virtio_console_port *port, const struct virtq_chain *chain)
{
	if (port->receive)
		return take_backlog(port, chain);
	return console_fd_readv(&port->in, chain->iov + chain->nread, chain->nwrite);
}

/* What a terminal's end means to a guest is that nobody types any more; a stream's reader is told. */
static void end_input(struct virtio_console_port *port, int error)
{
	if (error && warn(port))
		log_warn("%s: input of port '%s' ended: %s", port->console->virtio.label,
			 port->name, strerror(error));
	console_fd_close(&port->in, &port->console->virtio.io->loop);
	if (!port->is_console)
		console_tell_closed(port);
}

/* One request. True: go on. */
static bool receive_one(struct virtio_console_port *port)
{
	struct virtio_device *dev = &port->console->virtio;
	struct virtq_chain *chain = &port->console->into;
	unsigned n = console_in_queue(port->id);
	ssize_t got;

	if (!chain->write_bytes) {
		virtio_break(dev, n, "a buffer for input has no room");
		return false;
	}
	got = take_input(port, chain);
	if (got > 0) {
		virtq_push(&dev->queue[n], chain, (uint32_t)got);
		return true;
	}
	if (got == -EFAULT || got == -EHWPOISON) {
		virtio_break(dev, n, "a page of a buffer for input is poisoned");
		return false;
	}
	virtio_unpop(dev, n, chain);
	if (got == -EAGAIN)
		watch_in(port, true);
	else
		end_input(port, (int)-got);
	return false;
}

enum turn { TURN_STUCK, TURN_EMPTY, TURN_OVER };

/* A queue to which something was added meanwhile was not empty: a guest that adds as fast as it is served does not
 * keep the thread from others. */
static enum turn end_turn(struct virtio_device *dev, unsigned n, enum turn turn)
{
	virtio_interrupt(dev, n);
	return turn == TURN_EMPTY && virtio_rest(dev, n) ? TURN_OVER : turn;
}

/* No buffers: nothing is read, so nothing is watched. */
static enum turn receive_turn(struct virtio_console_port *port)
{
	struct virtio_device *dev = &port->console->virtio;
	unsigned n = console_in_queue(port->id);

	for (unsigned i = 0; i < CONSOLE_TURN; i++) {
		if (!has_source(port) || !guest_listens(port))
			return TURN_STUCK;
		if (!virtio_pop(dev, n, &port->console->into)) {
			watch_in(port, false);
			return TURN_EMPTY;
		}
		if (!receive_one(port))
			return TURN_STUCK;
	}
	return TURN_OVER;
}

void console_port_serve_in(struct virtio_console_port *port)
{
	struct virtio_device *dev = &port->console->virtio;
	unsigned n = console_in_queue(port->id);
	enum turn turn;

	if (!dev->live)
		return;
	do
		turn = end_turn(dev, n, receive_turn(port));
	while (turn == TURN_OVER && !virtio_yield(dev, n));
}

/* ---- out of the guest ---- */

static void on_room(void *arg, uint32_t events)
{
	(void)events;
	console_port_serve_out(arg);
}

static void watch_out(struct virtio_console_port *port, bool on)
{
	struct loop *loop = &port->console->virtio.io->loop;

	if (!on)
		console_fd_unwatch(&port->out, loop);
	else if (!console_fd_watch(&port->out, loop, EPOLLOUT, on_room, port) && warn(port))
		log_warn("%s: output of port '%s' cannot be waited for",
			 port->console->virtio.label, port->name);
}

/* Leave out the first `done` bytes of the request's readable part. */
static struct iovec *skip(struct virtq_chain *chain, uint64_t done, unsigned *left)
{
	struct iovec *iov = chain->iov;
	unsigned n = chain->nread;

	while (n > 1 && done >= iov->iov_len) {
		done -= iov->iov_len;
		iov++;
		n--;
	}
	iov->iov_base = (uint8_t *)iov->iov_base + done;
	iov->iov_len -= done;
	*left = n;
	return iov;
}

/* Whoever reads is gone, or the disk is full: the guest goes on without. */
static void lose_output(struct virtio_console_port *port, int error)
{
	if (error != EPIPE) {
		atomic_store(&port->console->lost_output, true);
		if (warn(port))
			log_warn("%s: output of port '%s' goes nowhere from now on: %s",
				 port->console->virtio.label, port->name, strerror(error));
	}
	console_fd_close(&port->out, &port->console->virtio.io->loop);
	if (port->hang_up)
		console_tell_closed(port);
}

static ssize_t give_to_rasvm(struct virtio_console_port *port, const struct virtq_chain *chain,
			     uint64_t done)
{
	uint8_t bytes[512];
	ssize_t n = virtq_read(chain, done, bytes, sizeof(bytes));

	if (n > 0)
		port->receive(port->arg, bytes, (unsigned)n);
	return n;
}

/* How many bytes more are out; -EAGAIN; or -EFAULT: the rest cannot be read and is given up. */
static ssize_t give_output(struct virtio_console_port *port, struct virtq_chain *chain,
			   uint64_t done)
{
	struct iovec *iov;
	unsigned n;
	ssize_t r;

	if (port->receive) {
		r = give_to_rasvm(port, chain, done);
		return r == -EHWPOISON ? -EFAULT : r;
	}
	if (port->out.fd < 0)
		return (ssize_t)(chain->read_bytes - done);
	iov = skip(chain, done, &n);
	r = console_fd_writev(&port->out, iov, n);
	if (r > 0 || r == -EAGAIN || r == -EFAULT)
		return r;
	lose_output(port, r ? (int)-r : EIO);
	return (ssize_t)(chain->read_bytes - done);
}

static void finish_request(struct virtio_console_port *port)
{
	struct virtio_device *dev = &port->console->virtio;

	port->console->state.written[port->id] = 0;
	virtq_push(&dev->queue[console_out_queue(port->id)], &port->console->out_of, 0);
}

/* One request, or the beginning of one. True: go on. */
static bool send_one(struct virtio_console_port *port)
{
	struct virtio_device *dev = &port->console->virtio;
	struct virtq_chain *chain = &port->console->out_of;
	uint64_t *written = &port->console->state.written[port->id];
	ssize_t n;

	/* The driver may have made it shorter meanwhile. */
	if (*written >= chain->read_bytes) {
		finish_request(port);
		return true;
	}
	n = give_output(port, chain, *written);
	if (n == -EFAULT) {
		atomic_fetch_add(&dev->counts.errors, 1);
		if (warn(port))
			log_warn(
				"%s: port '%s': a page of the guest's output is poisoned; the rest "
				"of that request is lost",
				dev->label, port->name);
		finish_request(port);
		return true;
	}
	if (n > 0)
		*written += (uint64_t)n;
	if (*written >= chain->read_bytes) {
		finish_request(port);
		return true;
	}
	virtio_unpop(dev, console_out_queue(port->id), chain);
	if (n >= 0)
		return true;
	watch_out(port, true);
	return false;
}

static void finish_port(struct virtio_console_port *port)
{
	uint8_t *finishing = &port->console->state.finishing[port->id];

	if (!*finishing)
		return;
	*finishing = 0;
	console_fd_close(&port->out, &port->console->virtio.io->loop);
}

static enum turn send_turn(struct virtio_console_port *port)
{
	struct virtio_device *dev = &port->console->virtio;

	for (unsigned i = 0; i < CONSOLE_TURN; i++) {
		if (!virtio_pop(dev, console_out_queue(port->id), &port->console->out_of))
			return TURN_EMPTY;
		if (!send_one(port))
			return TURN_STUCK;
	}
	return TURN_OVER;
}

void console_port_serve_out(struct virtio_console_port *port)
{
	struct virtio_device *dev = &port->console->virtio;
	unsigned n = console_out_queue(port->id);
	enum turn turn;

	if (!dev->live)
		return;
	do
		turn = end_turn(dev, n, send_turn(port));
	while (turn == TURN_OVER && !virtio_yield(dev, n));
	if (turn == TURN_STUCK)
		return;
	watch_out(port, false);
	if (turn == TURN_EMPTY)
		finish_port(port);
}

void console_port_rest(struct virtio_console_port *port)
{
	watch_in(port, false);
	watch_out(port, false);
}
