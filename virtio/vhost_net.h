/*
 * Queues of a network device served by the host's kernel (vhost-net): it takes frames from a tap and gives
 * them to the driver without rasvm, kicked and interrupting by eventfds.
 *
 * I/O thread, but for open and close.
 */
#ifndef VIRTIO_VHOST_NET_H
#define VIRTIO_VHOST_NET_H

#include "virtio/net.h"

/* For net->backend, which is a tap. 0, or -errno with `err`: there is no vhost-net, or not all of it that is
 * needed. Main thread, before the guest runs. */
int vhost_net_open(struct vhost_net **v, struct virtio_net *net, struct err *err)
	__attribute__((warn_unused_result));

/* Serve pairs 0..pairs-1 from where their queues are. False: the kernel would not, the operator has been told,
 * and nothing is served. */
bool vhost_net_start(struct vhost_net *v, unsigned pairs);

/* Serve no more; the queues know where they are. When it returns the kernel leaves guest memory alone. */
void vhost_net_stop(struct vhost_net *v);

/* Queue `n` may have something. */
void vhost_net_kick(struct vhost_net *v, unsigned n);

/* Stopped. NULL: nothing. */
void vhost_net_close(struct vhost_net *v);

#endif
