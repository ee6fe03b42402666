/*
 * virtio console: the device, its configuration and its control queues. See console.h; console_port.c moves
 * the bytes.
 *
 * Source: virtio 1.2, 5.3.4 (configuration), 5.3.5 (initialization), 5.3.6.2 (control messages).
 *
 * Control messages towards the guest are not queued: each port has a bit for what it is to be told, and the
 * message is made when the guest has a buffer for it. A guest may send its own in any order.
 */
#include "virtio/console.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/types.h"
#include "virtio/console_private.h"

#define CONTROL_IN_QUEUE  2u /* messages to the guest */
#define CONTROL_OUT_QUEUE 3u
#define CONFIG_BYTES      12u /* up to and with emerg_wr, which is not offered */

/* 5.3.6.2 */
enum event {
	EVENT_DEVICE_READY = 0,
	EVENT_DEVICE_ADD = 1,
	EVENT_PORT_READY = 3,
	EVENT_CONSOLE_PORT = 4,
	EVENT_RESIZE = 5,
	EVENT_PORT_OPEN = 6,
	EVENT_PORT_NAME = 7,
};

/* Bits of virtio_console_state.pending. */
#define PENDING_ADD     1u
#define PENDING_CONSOLE 2u
#define PENDING_NAME    4u
#define PENDING_RESIZE  8u
#define PENDING_OPEN    16u

/* In the order in which a port's messages are sent. */
static const struct {
	uint8_t bit, event;
} messages[] = {
	{ PENDING_ADD, EVENT_DEVICE_ADD }, { PENDING_CONSOLE, EVENT_CONSOLE_PORT },
	{ PENDING_NAME, EVENT_PORT_NAME }, { PENDING_RESIZE, EVENT_RESIZE },
	{ PENDING_OPEN, EVENT_PORT_OPEN },
};

/* All fields little-endian. */
struct control {
	uint32_t id;
	uint16_t event;
	uint16_t value;
};

struct control_message {
	struct control control;
	union {
		uint16_t size[2]; /* columns, rows */
		char name[VIRTIO_CONSOLE_NAME_BYTES];
	};
};

static const struct state_field console_fields[] = {
	STATE_ARRAY(1, struct virtio_console_state, written),
	STATE_ARRAY(2, struct virtio_console_state, pending),
	STATE_ARRAY(3, struct virtio_console_state, guest_ready),
	STATE_ARRAY(4, struct virtio_console_state, guest_open),
	STATE_ARRAY(5, struct virtio_console_state, finishing),
	STATE_ARRAY(6, struct virtio_console_state, host_closed),
	STATE_FIELD(7, struct virtio_console_state, cols),
	STATE_FIELD(8, struct virtio_console_state, rows),
	STATE_ARRAY(9, struct virtio_console_state, pad),
	STATE_LAST,
};

static const struct state_desc console_state_desc = {
	.name = "virtio-console",
	.size = sizeof(struct virtio_console_state),
	.offset = offsetof(struct virtio_console, state),
	.fields = console_fields,
};

static struct virtio_console *to_console(struct virtio_device *dev)
{
	return (struct virtio_console *)dev;
}

static uint16_t size_of_terminal(const uint16_t *cols_or_rows)
{
	return __atomic_load_n(cols_or_rows, __ATOMIC_SEQ_CST);
}

/* ---- messages to the guest ---- */

/* Its bytes. */
static size_t make_message(const struct virtio_console_port *port, unsigned event,
			   struct control_message *m)
{
	const struct virtio_console_state *s = &port->console->state;
	size_t n = sizeof(m->control);

	*m = (struct control_message){ 0 };
	m->control.id = htole32(port->id);
	m->control.event = htole16((uint16_t)event);
	m->control.value = htole16(1);
	switch (event) {
	case EVENT_PORT_OPEN:
		m->control.value = htole16(!s->host_closed[port->id]);
		return n;
	case EVENT_RESIZE:
		m->size[0] = htole16(size_of_terminal(&s->cols));
		m->size[1] = htole16(size_of_terminal(&s->rows));
		return n + sizeof(m->size);
	case EVENT_PORT_NAME:
		memcpy(m->name, port->name, sizeof(m->name));
		return n + strlen(port->name);
	}
	return n;
}

/* False: the guest has no buffer. */
static bool send_message(struct virtio_console_port *port, unsigned event)
{
	struct virtio_console *con = port->console;
	struct control_message m;
	size_t n = make_message(port, event, &m);

	if (!virtio_pop(&con->virtio, CONTROL_IN_QUEUE, &con->into))
		return false;
	if (virtq_write(&con->into, 0, &m, n) != (ssize_t)n) {
		virtio_break(&con->virtio, CONTROL_IN_QUEUE,
			     "a buffer for a control message is poisoned or too small for it");
		return false;
	}
	virtq_push(&con->queue[CONTROL_IN_QUEUE], &con->into, (uint32_t)n);
	return true;
}

static bool send_messages_of_port(struct virtio_console_port *port)
{
	uint8_t *pending = &port->console->state.pending[port->id];

	for (unsigned i = 0; i < ARRAY_SIZE(messages); i++) {
		if (!(*pending & messages[i].bit))
			continue;
		if (!send_message(port, messages[i].event))
			return false;
		*pending &= (uint8_t)~messages[i].bit;
	}
	return true;
}

static bool send_messages_once(struct virtio_console *con)
{
	for (unsigned i = 0; i < con->nports; i++) {
		if (!send_messages_of_port(&con->port[i]))
			return false;
	}
	return true;
}

static void send_messages(struct virtio_console *con)
{
	bool all;

	do {
		all = send_messages_once(con);
		virtio_interrupt(&con->virtio, CONTROL_IN_QUEUE);
	} while (!all && virtio_rest(&con->virtio, CONTROL_IN_QUEUE));
}

void console_tell_closed(struct virtio_console_port *port)
{
	port->console->state.host_closed[port->id] = 1;
	port->console->state.pending[port->id] |= PENDING_OPEN;
	send_messages(port->console);
}

/* ---- messages from the guest ---- */

static void add_all_ports(struct virtio_console *con)
{
	for (unsigned i = 0; i < con->nports; i++)
		con->state.pending[i] |= PENDING_ADD;
}

static bool size_is_known(const struct virtio_console *con)
{
	return virtio_has(&con->virtio, VIRTIO_CONSOLE_F_SIZE) &&
	       size_of_terminal(&con->state.cols) && size_of_terminal(&con->state.rows);
}

static void introduce(struct virtio_console_port *port)
{
	unsigned bits = PENDING_NAME | PENDING_OPEN;

	if (port->is_console)
		bits |= PENDING_CONSOLE;
	if (port->is_console && size_is_known(port->console))
		bits |= PENDING_RESIZE;
	port->console->state.guest_ready[port->id] = 1;
	port->console->state.pending[port->id] |= (uint8_t)bits;
}

static void set_guest_open(struct virtio_console_port *port, bool open)
{
	struct virtio_console_state *s = &port->console->state;

	if (s->guest_open[port->id] == open)
		return;
	s->guest_open[port->id] = open;
	s->finishing[port->id] = !open && port->finish_out;
	if (port->opened)
		port->opened(port->arg, open);
	console_port_rest(port);
	console_port_serve_in(port);
	console_port_serve_out(port);
}

static void refuse(struct virtio_console *con, const struct control *c)
{
	if (log_allow(&con->virtio.log, clock_now_ns()))
		log_warn("%s: control message %u for port %u makes no sense: ignored",
			 con->virtio.label, le16toh(c->event), le32toh(c->id));
}

static void handle(struct virtio_console *con, const struct control *c)
{
	uint32_t id = le32toh(c->id);
	bool value = c->value != 0;

	if (le16toh(c->event) == EVENT_DEVICE_READY) {
		if (value)
			add_all_ports(con);
		return;
	}
	if (id >= con->nports) {
		refuse(con, c);
		return;
	}
	switch (le16toh(c->event)) {
	case EVENT_PORT_READY:
		if (value)
			introduce(&con->port[id]);
		break;
	case EVENT_PORT_OPEN:
		set_guest_open(&con->port[id], value);
		break;
	default:
		refuse(con, c);
	}
}

/* The chain is given back first: what a message leads to uses it for other queues. True: no more there. */
static bool handle_turn(struct virtio_console *con)
{
	struct control c;

	for (unsigned i = 0; i < CONSOLE_TURN; i++) {
		bool whole;

		if (!virtio_pop(&con->virtio, CONTROL_OUT_QUEUE, &con->out_of))
			return true;
		whole = virtq_read(&con->out_of, 0, &c, sizeof(c)) == (ssize_t)sizeof(c);
		virtq_push(&con->queue[CONTROL_OUT_QUEUE], &con->out_of, 0);
		if (whole)
			handle(con, &c);
		send_messages(con);
	}
	return false;
}

static void handle_messages(struct virtio_console *con)
{
	while (virtio_end_turn(&con->virtio, CONTROL_OUT_QUEUE, handle_turn(con)))
		;
}

/* ---- the device ---- */

static void console_kick(struct virtio_device *dev, unsigned n)
{
	struct virtio_console *con = to_console(dev);
	unsigned port = n < 2 ? 0 : (n - 2) / 2;

	if (n == CONTROL_IN_QUEUE)
		send_messages(con);
	else if (n == CONTROL_OUT_QUEUE)
		handle_messages(con);
	else if (n == console_in_queue(port))
		console_port_serve_in(&con->port[port]);
	else
		console_port_serve_out(&con->port[port]);
}

static void console_quiesce(struct virtio_device *dev)
{
	struct virtio_console *con = to_console(dev);

	for (unsigned i = 0; i < con->nports; i++)
		console_port_rest(&con->port[i]);
}

/* Where input has ended it stays so for the next driver. */
static void forget_driver(struct virtio_console_port *port)
{
	struct virtio_console_state *s = &port->console->state;

	if (s->guest_open[port->id] && port->opened)
		port->opened(port->arg, false);
	s->written[port->id] = 0;
	s->pending[port->id] = 0;
	s->guest_ready[port->id] = 0;
	s->guest_open[port->id] = 0;
	s->finishing[port->id] = 0;
	port->backlog_bytes = 0;
}

static void console_stop(struct virtio_device *dev)
{
	struct virtio_console *con = to_console(dev);

	console_quiesce(dev);
	for (unsigned i = 0; i < con->nports; i++)
		forget_driver(&con->port[i]);
}

/* 5.3.4: cols, rows, max_nr_ports. */
static void console_read_config(struct virtio_device *dev, uint32_t offset, void *to, uint32_t n)
{
	const struct virtio_console *con = to_console(dev);
	uint8_t config[CONFIG_BYTES] = { 0 };
	uint16_t cols = htole16(size_of_terminal(&con->state.cols));
	uint16_t rows = htole16(size_of_terminal(&con->state.rows));
	uint32_t ports = htole32(con->nports);

	memcpy(config, &cols, sizeof(cols));
	memcpy(config + 2, &rows, sizeof(rows));
	memcpy(config + 4, &ports, sizeof(ports));
	memcpy(to, config + offset, n);
}

static const struct virtio_ops console_ops = {
	.name = "console",
	.id = VIRTIO_ID_CONSOLE,
	.config_bytes = CONFIG_BYTES,
	.read_config = console_read_config,
	.kick = console_kick,
	.stop = console_stop,
	.quiesce = console_quiesce,
	.state = &console_state_desc,
};

/* ---- for others ---- */

struct send_call {
	struct virtio_console_port *port;
	const void *bytes;
	unsigned n;
	int result;
};

static void send_on_io(void *arg)
{
	struct send_call *call = arg;
	struct virtio_console_port *port = call->port;

	call->result = -EAGAIN;
	if (call->n > sizeof(port->backlog) - port->backlog_bytes)
		return;
	memcpy(port->backlog + port->backlog_bytes, call->bytes, call->n);
	port->backlog_bytes += call->n;
	call->result = 0;
	console_port_serve_in(port);
}

int virtio_console_send(struct virtio_console *con, unsigned port, const void *bytes, unsigned n)
{
	struct send_call call = { .bytes = bytes, .n = n };

	if (port >= con->nports || !con->port[port].receive)
		return -EINVAL;
	call.port = &con->port[port];
	iothread_call(con->virtio.io, send_on_io, &call);
	return call.result;
}

static void resize_on_io(void *arg)
{
	struct virtio_console *con = arg;

	if (!con->virtio.started || !size_is_known(con))
		return;
	for (unsigned i = 0; i < con->nports; i++) {
		if (con->port[i].is_console && con->state.guest_ready[i])
			con->state.pending[i] |= PENDING_RESIZE;
	}
	send_messages(con);
}

void virtio_console_resize(struct virtio_console *con, uint16_t cols, uint16_t rows)
{
	__atomic_store_n(&con->state.cols, cols, __ATOMIC_SEQ_CST);
	__atomic_store_n(&con->state.rows, rows, __ATOMIC_SEQ_CST);
	iothread_call(con->virtio.io, resize_on_io, con);
	virtio_config_changed(&con->virtio);
}

struct drained_call {
	struct virtio_console *con;
	bool drained;
};

static void drained_on_io(void *arg)
{
	struct drained_call *call = arg;
	struct virtio_console *con = call->con;

	call->drained = true;
	/* Nobody serves the queues (bus mastering is off, the driver gave up, the guest is paused). */
	if (!con->virtio.live)
		return;
	for (unsigned i = 0; i < con->nports; i++) {
		/* The guest may have ended before it kicked. */
		console_port_serve_out(&con->port[i]);
		if (virtq_has_work(&con->queue[console_out_queue(i)]))
			call->drained = false;
	}
}

bool virtio_console_drained(struct virtio_console *con)
{
	struct drained_call call = { .con = con };

	iothread_call(con->virtio.io, drained_on_io, &call);
	return call.drained;
}

bool virtio_console_lost_output(const struct virtio_console *con)
{
	return atomic_load(&con->lost_output);
}

/* ---- opening and closing ---- */

static void close_fds(const struct console_port_config *config)
{
	if (config->in_fd >= 0)
		close(config->in_fd);
	if (config->out_fd >= 0 && config->out_fd != config->in_fd)
		close(config->out_fd);
}

/* One descriptor for both directions becomes two: each is watched for itself. Both are the port's, or closed. */
static int open_fds(struct virtio_console_port *port, const struct console_port_config *config,
		    struct err *err)
{
	int out = config->out_fd, r;

	if (out >= 0 && out == config->in_fd)
		out = fcntl(out, F_DUPFD_CLOEXEC, 0);
	if (out < 0 && config->out_fd >= 0) {
		r = err_set(err, -errno, "cannot duplicate descriptor %d: %s", config->out_fd,
			    strerror(errno));
		close_fds(config);
		return r;
	}
	r = console_fd_open(&port->in, config->in_fd, O_RDONLY, err);
	if (!r)
		return console_fd_open(&port->out, out, O_WRONLY, err);
	if (out >= 0)
		close(out);
	return r;
}

static int open_port(struct virtio_console *con, const struct console_port_config *config,
		     struct err *err)
{
	struct virtio_console_port *port = &con->port[con->nports];

	*port = (struct virtio_console_port){
		.console = con,
		.id = con->nports++,
		.is_console = config->console,
		.finish_out = config->finish_out,
		.hang_up = config->hang_up,
		.in.fd = -1,
		.out.fd = -1,
		.receive = config->receive,
		.opened = config->opened,
		.arg = config->arg,
	};
	if (strlen(config->name) >= sizeof(port->name)) {
		close_fds(config);
		return err_set(err, -ENAMETOOLONG,
			       "the name '%s' of a console port is longer than %zu bytes",
			       config->name, sizeof(port->name) - 1);
	}
	memcpy(port->name, config->name, strlen(config->name));
	return open_fds(port, config, err);
}

static void init_device(struct virtio_console *con, unsigned nports, struct iothread *io,
			const struct mem *mem, unsigned index)
{
	unsigned nqueues = 2 * (nports + 1);

	for (unsigned i = 0; i < nqueues; i++)
		virtq_init(&con->queue[i], mem, VIRTQ_MAX_SIZE);
	virtio_init(&con->virtio, &console_ops, io, mem, con->queue, nqueues,
		    VIRTIO_CONSOLE_F_SIZE | VIRTIO_CONSOLE_F_MULTIPORT);
	snprintf(con->virtio.label, sizeof(con->virtio.label), "console%u", index);
}

int virtio_console_open(struct virtio_console *con, const struct console_port_config *ports,
			unsigned nports, struct iothread *io, const struct mem *mem, unsigned index,
			struct err *err)
{
	int r = 0;

	*con = (struct virtio_console){ .nports = 0 };
	if (nports && nports <= VIRTIO_CONSOLE_MAX_PORTS)
		init_device(con, nports, io, mem, index);
	else
		r = err_set(err, -EINVAL, "console%u: %u ports asked for; it has 1 to %d", index,
			    nports, VIRTIO_CONSOLE_MAX_PORTS);
	for (unsigned i = 0; i < nports; i++) {
		if (r)
			close_fds(&ports[i]);
		else
			r = open_port(con, &ports[i], err);
	}
	if (r)
		virtio_console_close(con);
	return r;
}

void virtio_console_close(struct virtio_console *con)
{
	for (unsigned i = 0; i < con->nports; i++) {
		console_fd_close(&con->port[i].in, &con->virtio.io->loop);
		console_fd_close(&con->port[i].out, &con->virtio.io->loop);
	}
	con->nports = 0;
}
