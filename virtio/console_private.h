/* What console.c (queues, control messages) and console_port.c (the streams) share. */
#ifndef VIRTIO_CONSOLE_PRIVATE_H
#define VIRTIO_CONSOLE_PRIVATE_H

#include "virtio/console.h"

#define CONSOLE_TURN 64 /* requests, after which others on the I/O thread have their turn */

/* 5.3.2: a pair of queues a port, and the control pair behind the first. */
static inline unsigned console_in_queue(unsigned port)
{
	return port ? 2 * port + 2 : 0;
}

static inline unsigned console_out_queue(unsigned port)
{
	return console_in_queue(port) + 1;
}

/* Move what can be moved: into the guest, out of it. */
void console_port_serve_in(struct virtio_console_port *port);
void console_port_serve_out(struct virtio_console_port *port);

/* Leave the loop; the next serve joins it again. */
void console_port_rest(struct virtio_console_port *port);

/* Its input has ended: tell the guest (console.c). */
void console_tell_closed(struct virtio_console_port *port);

#endif
