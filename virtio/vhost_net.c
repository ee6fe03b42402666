/*
 * The kernel's vhost-net, one instance a pair of queues.
 *
 * Source: <linux/vhost.h>; Linux drivers/vhost has no other documentation. virtio 1.2, 2.7 (only split rings).
 *
 * A kick goes from the guest's doorbell to the kernel without rasvm. So does an interrupt if the transport has
 * an eventfd for it; else (virtio-mmio, where a register says why) the I/O thread passes it on.
 *
 * The I/O thread owns it. While it runs, the places in the rings are the kernel's; they come back with
 * VHOST_GET_VRING_BASE. All that the kernel took it has given back by then, so both places are one.
 * Left out: logging of written pages.
 */
#include "virtio/vhost_net.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vhost.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "virtio/net_private.h"

#define VHOST_PATH "/dev/vhost-net"

/* Features about rings and headers, on which driver and kernel have to agree. */
#define NEEDED_FEATURES                                                                            \
	(VIRTIO_FEATURE_VERSION_1 | VIRTIO_NET_F_MRG_RXBUF | VIRTIO_FEATURE_EVENT_IDX |            \
	 VIRTIO_FEATURE_INDIRECT_DESC)

struct vhost_queue {
	struct vhost_net *vhost;
	unsigned n;   /* of the device */
	int call_fd;  /* the kernel interrupts by it; watched unless the transport has its own */
	int error_fd; /* the kernel found the ring broken */
	int kick_fd;  /* for queues without a doorbell */
	int doorbell; /* while it runs: what the kernel listens to */
	bool relayed, runs;
};

struct vhost_net {
	struct virtio_net *net;
	int fd[NET_MAX_PAIRS];
	unsigned npairs; /* descriptors that are open */
	struct vhost_queue queue[2 * NET_MAX_PAIRS];
};

static int fd_of(const struct vhost_queue *q)
{
	return q->vhost->fd[q->n / 2];
}

static struct virtq *ring_of(const struct vhost_queue *q)
{
	return &q->vhost->net->queue[q->n];
}

static unsigned vhost_index(const struct vhost_queue *q)
{
	return q->n % 2;
}

/* ---- what the kernel has to say ---- */

static void drain(int fd)
{
	uint64_t count;

	if (read(fd, &count, sizeof(count)) < 0)
		return; /* nothing in it */
}

static void on_call(void *arg, uint32_t events)
{
	const struct vhost_queue *q = arg;
	struct virtio_device *dev = &q->vhost->net->virtio;

	(void)events;
	drain(q->call_fd);
	net_count(&dev->counts.interrupts, 1);
	if (dev->transport)
		dev->transport->interrupt(dev, q->n);
}

static void on_error(void *arg, uint32_t events)
{
	const struct vhost_queue *q = arg;

	(void)events;
	drain(q->error_fd);
	virtio_break(&q->vhost->net->virtio, q->n, "the host's kernel (vhost-net) found it so");
}

/* ---- starting ---- */

static int set_state(const struct vhost_queue *q, unsigned long request, unsigned num)
{
	struct vhost_vring_state state = { .index = vhost_index(q), .num = num };

	return ioctl(fd_of(q), request, &state) < 0 ? -errno : 0;
}

static int set_file(const struct vhost_queue *q, unsigned long request, int fd)
{
	struct vhost_vring_file file = { .index = vhost_index(q), .fd = fd };

	return ioctl(fd_of(q), request, &file) < 0 ? -errno : 0;
}

static int set_addresses(const struct vhost_queue *q)
{
	const struct virtq *ring = ring_of(q);
	struct vhost_vring_addr addr = {
		.index = vhost_index(q),
		.desc_user_addr = (uintptr_t)ring->desc_ring,
		.avail_user_addr = (uintptr_t)ring->driver_ring,
		.used_user_addr = (uintptr_t)ring->device_ring,
	};

	return ioctl(fd_of(q), VHOST_SET_VRING_ADDR, &addr) < 0 ? -errno : 0;
}

static int wire_kicks(struct vhost_queue *q)
{
	int lent = virtio_lend_doorbell(&q->vhost->net->virtio, q->n, true);

	q->doorbell = lent >= 0 ? lent : q->kick_fd;
	return set_file(q, VHOST_SET_VRING_KICK, q->doorbell);
}

static int wire_calls(struct vhost_queue *q)
{
	struct virtio_device *dev = &q->vhost->net->virtio;
	int fd = dev->transport && dev->transport->irq_fd ? dev->transport->irq_fd(dev, q->n) : -1;
	int r = 0;

	if (fd < 0) {
		r = loop_add(&dev->io->loop, q->call_fd, EPOLLIN, on_call, q);
		q->relayed = r == 0;
	}
	return r ? r : set_file(q, VHOST_SET_VRING_CALL, fd < 0 ? q->call_fd : fd);
}

static int set_up(struct vhost_queue *q)
{
	int r = set_state(q, VHOST_SET_VRING_NUM, ring_of(q)->state.size);

	if (!r)
		r = set_state(q, VHOST_SET_VRING_BASE, ring_of(q)->state.next_avail);
	if (!r)
		r = set_addresses(q);
	if (!r)
		r = wire_kicks(q);
	if (!r)
		r = wire_calls(q);
	if (!r)
		r = set_file(q, VHOST_SET_VRING_ERR, q->error_fd);
	return r ? r : loop_add(&q->vhost->net->virtio.io->loop, q->error_fd, EPOLLIN, on_error, q);
}

/* One region: struct vhost_memory and its only entry. */
static int set_memory(int fd, const struct mem *mem)
{
	_Alignas(struct vhost_memory)
		uint8_t table[sizeof(struct vhost_memory) + sizeof(struct vhost_memory_region)];
	struct vhost_memory head = { .nregions = 1 };
	struct vhost_memory_region region = { .guest_phys_addr = mem->base.v,
					      .memory_size = mem->size,
					      .userspace_addr = (uintptr_t)mem->hva };

	memcpy(table, &head, sizeof(head));
	memcpy(table + sizeof(head), &region, sizeof(region));
	return ioctl(fd, VHOST_SET_MEM_TABLE, table) < 0 ? -errno : 0;
}

/* The kernel starts with a queue as soon as it has the tap. */
static int start_queue(struct vhost_queue *q)
{
	const struct net_backend *b = q->vhost->net->backend;
	int r;

	if (!ring_of(q)->state.enabled || ring_of(q)->state.broken)
		return 0;
	q->runs = true;
	r = set_up(q);
	return r ? r : set_file(q, VHOST_NET_SET_BACKEND, b->ops->fd(b, q->n / 2));
}

static int start_pair(struct vhost_net *v, unsigned pair)
{
	uint64_t features = v->net->virtio.state.driver_features & NEEDED_FEATURES;
	struct vhost_queue *queue = v->queue + 2 * (size_t)pair;
	int r = ioctl(v->fd[pair], VHOST_SET_FEATURES, &features) < 0 ? -errno : 0;

	if (!r)
		r = set_memory(v->fd[pair], v->net->virtio.mem);
	if (!r)
		r = start_queue(&queue[0]);
	return r ? r : start_queue(&queue[1]);
}

bool vhost_net_start(struct vhost_net *v, unsigned pairs)
{
	int r = 0;

	for (unsigned i = 0; i < pairs && !r; i++)
		r = start_pair(v, i);
	if (!r)
		return true;
	log_info("%s: vhost-net does not take its queues: %s; frames go through rasvm",
		 v->net->virtio.label, strerror(-r));
	vhost_net_stop(v);
	return false;
}

/* ---- stopping ---- */

/* After the queue was made to stop: where it is. */
static void read_place(const struct vhost_queue *q)
{
	struct vhost_vring_state state = { .index = vhost_index(q) };
	struct virtq *ring = ring_of(q);

	if (ioctl(fd_of(q), VHOST_GET_VRING_BASE, &state) < 0) {
		virtio_break(&q->vhost->net->virtio, q->n, "vhost-net does not say where it is");
		return;
	}
	ring->state.next_avail = ring->state.next_used = ring->state.told_used =
		(uint16_t)state.num;
	ring->avail_seen = (uint16_t)state.num;
}

static void stop_queue(struct vhost_queue *q)
{
	struct virtio_device *dev = &q->vhost->net->virtio;

	set_file(q, VHOST_NET_SET_BACKEND, -1);
	read_place(q);
	virtio_lend_doorbell(dev, q->n, false);
	loop_remove(&dev->io->loop, q->error_fd);
	if (q->relayed) {
		loop_remove(&dev->io->loop, q->call_fd);
		on_call(q, 0); /* one may have come since */
	}
	q->relayed = q->runs = false;
}

void vhost_net_stop(struct vhost_net *v)
{
	for (unsigned i = 0; i < 2 * v->npairs; i++)
		if (v->queue[i].runs)
			stop_queue(&v->queue[i]);
}

void vhost_net_kick(struct vhost_net *v, unsigned n)
{
	uint64_t one = 1;

	if (v->queue[n].runs && write(v->queue[n].doorbell, &one, sizeof(one)) < 0)
		return; /* it is full of these already */
}

/* ---- opening, closing ---- */

static int open_queue(struct vhost_net *v, unsigned n, struct err *err)
{
	struct vhost_queue *q = &v->queue[n];

	*q = (struct vhost_queue){ .vhost = v, .n = n, .doorbell = -1 };
	q->call_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	q->error_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	q->kick_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (q->call_fd >= 0 && q->error_fd >= 0 && q->kick_fd >= 0)
		return 0;
	return err_set(err, -errno, "cannot make eventfds for vhost-net: %s", strerror(errno));
}

static int open_pair(struct vhost_net *v, struct err *err)
{
	uint64_t features = 0;
	int fd = open(VHOST_PATH, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return err_set(err, -errno, "cannot open " VHOST_PATH " (modprobe vhost_net): %s",
			       strerror(errno));
	v->fd[v->npairs++] = fd;
	if (ioctl(fd, VHOST_SET_OWNER) < 0 || ioctl(fd, VHOST_GET_FEATURES, &features) < 0)
		return err_set(err, -errno, VHOST_PATH ": %s", strerror(errno));
	if ((features & NEEDED_FEATURES) != NEEDED_FEATURES)
		return err_set(err, -ENOTSUP, VHOST_PATH " has features 0x%llx, 0x%llx are needed",
			       (unsigned long long)features, (unsigned long long)NEEDED_FEATURES);
	return 0;
}

int vhost_net_open(struct vhost_net **v, struct virtio_net *net, struct err *err)
{
	struct vhost_net *new = calloc(1, sizeof(*new));
	int r = 0;

	if (!new)
		return err_set(err, -ENOMEM, "no memory for vhost-net");
	new->net = net;
	for (unsigned n = 0; n < 2 * NET_MAX_PAIRS; n++)
		new->queue[n].call_fd = new->queue[n].error_fd = new->queue[n].kick_fd = -1;
	while (!r && new->npairs < net->backend->pairs)
		r = open_pair(new, err);
	for (unsigned n = 0; !r && n < 2 * net->backend->pairs; n++)
		r = open_queue(new, n, err);
	if (r)
		vhost_net_close(new);
	else
		*v = new;
	return r;
}

static void close_if_open(int fd)
{
	if (fd >= 0)
		close(fd);
}

void vhost_net_close(struct vhost_net *v)
{
	if (!v)
		return;
	for (unsigned n = 0; n < 2 * NET_MAX_PAIRS; n++) {
		close_if_open(v->queue[n].call_fd);
		close_if_open(v->queue[n].error_fd);
		close_if_open(v->queue[n].kick_fd);
	}
	while (v->npairs)
		close(v->fd[--v->npairs]);
	free(v);
}
