/*
 * The network device: features, configuration, which queues are served, and the life of its backend.
 *
 * Source: virtio 1.2, 5.1.2 (queues), 5.1.3 (features), 5.1.4 (configuration), 5.1.5 (initialization).
 *
 * The I/O thread owns it, but for the configuration, which is read under the transport's leaf lock.
 * Left out: UDP offloads (UFO, USO), VIRTIO_NET_F_GUEST_ANNOUNCE, hash reporting and receive-side scaling.
 */
#include "virtio/net.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "lib/bytes.h"
#include "lib/clock.h"
#include "lib/types.h"
#include "virtio/net_private.h"
#include "virtio/vhost_net.h"

#define QUEUE_SIZE 256

#define OFFLOAD_FEATURES                                                                           \
	(VIRTIO_NET_F_CSUM | VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_TSO4 |                   \
	 VIRTIO_NET_F_GUEST_TSO6 | VIRTIO_NET_F_GUEST_ECN | VIRTIO_NET_F_HOST_TSO4 |               \
	 VIRTIO_NET_F_HOST_TSO6 | VIRTIO_NET_F_HOST_ECN)

static const struct state_field net_fields[] = {
	STATE_FIELD(1, struct net_state, mac),
	STATE_FIELD(2, struct net_state, pairs),
	STATE_FIELD(3, struct net_state, rx_mode),
	STATE_ARRAY(4, struct net_state, pad),
	STATE_LAST,
};

static const struct state_desc net_state_desc = {
	.name = "net",
	.size = sizeof(struct net_state),
	.offset = offsetof(struct virtio_net, state),
	.fields = net_fields,
};

static struct virtio_net *to_net(struct virtio_device *dev)
{
	return (struct virtio_net *)dev;
}

static bool is_used(const struct net_pair *pair)
{
	return pair->index < pair->net->state.pairs;
}

/* ---- the loop ---- */

static void on_backend(void *arg, uint32_t events)
{
	struct net_pair *pair = arg;

	if (!pair->net->virtio.live) {
		net_unwatch(pair);
		return;
	}
	if (pair->tx.waits)
		net_tx_serve(pair);
	if (events & ~(uint32_t)EPOLLOUT)
		net_rx_serve(pair);
}

void net_unwatch(struct net_pair *pair)
{
	const struct net_backend *b = pair->net->backend;

	if (pair->watched)
		loop_remove(&pair->net->virtio.io->loop, b->ops->fd(b, pair->index));
	pair->watched = 0;
}

/* With nothing to wait for it leaves the loop: epoll would still report that the other end is gone. */
void net_watch(struct net_pair *pair)
{
	const struct net_backend *b = pair->net->backend;
	struct loop *loop = &pair->net->virtio.io->loop;
	uint32_t events = (pair->rx.starved ? 0 : EPOLLIN) | (pair->tx.waits ? EPOLLOUT : 0);
	int fd = b->ops->fd(b, pair->index);

	if (atomic_load(&pair->net->gone) || !pair->net->virtio.live || !is_used(pair))
		events = 0;
	if (events == pair->watched)
		return;
	if (!events)
		net_unwatch(pair);
	else if (pair->watched)
		loop_modify(loop, fd, events);
	else if (loop_add(loop, fd, events, on_backend, pair))
		events = 0;
	pair->watched = events;
}

void net_serve_again(struct virtio_net *net)
{
	uint64_t one = 1;

	if (write(net->again_fd, &one, sizeof(one)) < 0)
		return; /* it is full of these already */
}

static void serve_what_was_left(struct virtio_net *net)
{
	for (unsigned i = 0; i < net->backend->pairs && net->virtio.live; i++) {
		if (net->pair[i].tx.again)
			net_tx_serve(&net->pair[i]);
		if (net->pair[i].rx.again)
			net_rx_serve(&net->pair[i]);
	}
	if (net->control_again && net->virtio.live)
		net_control_serve(net);
}

static void on_again(void *arg, uint32_t events)
{
	struct virtio_net *net = arg;
	uint64_t count;

	(void)events;
	if (read(net->again_fd, &count, sizeof(count)) > 0)
		serve_what_was_left(net);
}

/* ---- the backend is gone ---- */

/* Frames that wait for it are dropped when they are looked at again. */
void net_gone(struct virtio_net *net)
{
	if (atomic_exchange(&net->gone, true))
		return;
	log_warn("%s: %s is gone: the guest sees the link down until rasvm is started again%s%s",
		 net->virtio.label, net->backend->name, net->backend->why[0] ? "; it said: " : "",
		 net->backend->why);
	for (unsigned i = 0; i < net->backend->pairs; i++) {
		net_unwatch(&net->pair[i]);
		net->pair[i].tx.again = net->pair[i].tx.held;
	}
	net_serve_again(net);
	virtio_config_changed(&net->virtio);
}

/* ---- configuration ---- */

/* 5.1.4 */
static void read_config(struct virtio_device *dev, uint32_t offset, void *to, uint32_t n)
{
	struct virtio_net *net = to_net(dev);
	uint64_t mac = __atomic_load_n(&net->state.mac, __ATOMIC_RELAXED);
	uint8_t data[VIRTIO_NET_CONFIG_BYTES];
	struct bytes b = bytes_in(data, sizeof(data));

	bytes_u32(&b, (uint32_t)mac);
	bytes_u16(&b, (uint16_t)(mac >> 32));
	bytes_u16(&b, (uint16_t)(atomic_load(&net->gone) ? 0 : VIRTIO_NET_S_LINK_UP));
	bytes_u16(&b, (uint16_t)net->backend->pairs);
	bytes_u16(&b, net->mtu);
	memcpy(to, data + offset, n);
}

/* ---- queues in use ---- */

/* 5.1.2: behind the pairs, of which there is one unless VIRTIO_NET_F_MQ was negotiated. */
unsigned net_control_queue(const struct virtio_net *net)
{
	return virtio_has(&net->virtio, VIRTIO_NET_F_MQ) ? 2 * net->backend->pairs : 2;
}

static void start_vhost(struct virtio_net *net)
{
	if (net->vhost && net->virtio.live)
		net->vhost_runs = vhost_net_start(net->vhost, net->state.pairs);
}

static void stop_vhost(struct virtio_net *net)
{
	if (net->vhost_runs)
		vhost_net_stop(net->vhost);
	net->vhost_runs = false;
}

static void serve_pair(struct net_pair *pair)
{
	net_rx_serve(pair);
	net_tx_serve(pair);
}

static void leave_pair(struct net_pair *pair)
{
	net_unwatch(pair);
	net_rx_undo(pair);
	net_tx_undo(pair);
}

static int change_pairs(struct virtio_net *net, unsigned n)
{
	int r = net->backend->ops->set_pairs ? net->backend->ops->set_pairs(net->backend, n) : 0;

	if (r == 0)
		net->state.pairs = (uint16_t)n;
	return r;
}

int net_use_pairs(struct virtio_net *net, unsigned n)
{
	/* Where vhost could not be started it is tried again, with nothing of the rings held here. */
	unsigned first_left = net->vhost ? 0 : n, before = net->state.pairs;
	unsigned served = net->vhost ? 0 : before;
	int r;

	stop_vhost(net);
	for (unsigned i = first_left; i < before; i++)
		leave_pair(&net->pair[i]);
	r = change_pairs(net, n);
	start_vhost(net);
	for (unsigned i = served; i < net->state.pairs && !net->vhost_runs; i++)
		serve_pair(&net->pair[i]);
	return r;
}

/* ---- life ---- */

/* A frame with offload may have 64 KiB. */
static uint32_t bytes_needed(const struct virtio_net *net)
{
	if (!net->mergeable)
		return 1;
	if (net->backend->offload &&
	    net->virtio.state.driver_features & (VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_TSO6))
		return NET_HEADER_BYTES + NET_FRAME_BYTES;
	return NET_HEADER_BYTES + net->backend->usual_bytes;
}

static void set_offload(struct virtio_net *net, uint64_t features)
{
	struct net_backend *b = net->backend;
	int r = b->offload && !atomic_load(&net->gone) ? b->ops->set_offload(b, features) : 0;

	if (r && log_allow(&net->virtio.log, clock_now_ns()))
		log_warn("%s: cannot set the offloads of %s: %s", net->virtio.label, b->name,
			 strerror(-r));
}

/* The number of pairs may have been loaded. Queues are looked at by kick() afterwards. */
static void start(struct virtio_device *dev)
{
	struct virtio_net *net = to_net(dev);
	unsigned pairs = net->state.pairs;

	net->mergeable = virtio_has(dev, VIRTIO_NET_F_MRG_RXBUF);
	net->need = bytes_needed(net);
	set_offload(net, dev->state.driver_features & OFFLOAD_FEATURES);
	if (pairs < 1 || pairs > net->backend->pairs || !virtio_has(dev, VIRTIO_NET_F_MQ))
		pairs = 1;
	if (change_pairs(net, pairs))
		net->state.pairs = 1;
	start_vhost(net);
}

static void kick(struct virtio_device *dev, unsigned n)
{
	struct virtio_net *net = to_net(dev);
	struct net_pair *pair;

	if (n == net_control_queue(net)) {
		net_control_serve(net);
		return;
	}
	if (n / 2 >= net->state.pairs)
		return;
	pair = &net->pair[n / 2];
	if (net->vhost_runs)
		vhost_net_kick(net->vhost, n);
	else if (n % 2)
		net_tx_serve(pair);
	else
		net_rx_serve(pair);
}

static void quiesce(struct virtio_device *dev)
{
	struct virtio_net *net = to_net(dev);

	stop_vhost(net);
	for (unsigned i = 0; i < net->backend->pairs; i++)
		leave_pair(&net->pair[i]);
	net->control_again = false;
}

static void resume(struct virtio_device *dev)
{
	start_vhost(to_net(dev));
}

static void set_defaults(struct virtio_net *net)
{
	net->state = (struct net_state){ .pairs = 1 };
	__atomic_store_n(&net->state.mac, net->mac, __ATOMIC_RELAXED);
}

static void stop(struct virtio_device *dev)
{
	struct virtio_net *net = to_net(dev);

	stop_vhost(net);
	for (unsigned i = 0; i < net->backend->pairs; i++) {
		net_unwatch(&net->pair[i]);
		net_rx_forget(&net->pair[i]);
		net_tx_forget(&net->pair[i]);
	}
	net->control_again = false;
	set_offload(net, 0);
	change_pairs(net, 1);
	set_defaults(net);
}

static const struct virtio_ops net_ops = {
	.name = "net",
	.id = VIRTIO_ID_NET,
	.config_bytes = VIRTIO_NET_CONFIG_BYTES,
	.read_config = read_config,
	.start = start,
	.kick = kick,
	.stop = stop,
	.quiesce = quiesce,
	.resume = resume,
	.state = &net_state_desc,
};

/* ---- building ---- */

static uint64_t features_of(const struct virtio_net *net)
{
	uint64_t features = VIRTIO_NET_F_MAC | VIRTIO_NET_F_STATUS | VIRTIO_NET_F_MRG_RXBUF |
			    VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_CTRL_RX |
			    VIRTIO_NET_F_CTRL_RX_EXTRA | VIRTIO_NET_F_CTRL_MAC_ADDR;

	if (net->backend->offload)
		features |= OFFLOAD_FEATURES;
	if (net->backend->pairs > 1)
		features |= VIRTIO_NET_F_MQ;
	if (net->mtu)
		features |= VIRTIO_NET_F_MTU;
	return features;
}

/* A guest with a name has the same addresses each time, on this host and for this user; one without gets others
 * with each start. */
static uint64_t seed_of(const char *guest)
{
	uint64_t seed = (uint64_t)getpid();
	struct utsname host;
	uid_t uid = getuid();

	if (!guest && getrandom(&seed, sizeof(seed), GRND_NONBLOCK) == (ssize_t)sizeof(seed))
		return seed;
	if (!guest)
		return net_seed(seed, &uid, sizeof(uid));
	seed = net_seed(0, guest, strlen(guest));
	if (uname(&host) == 0)
		seed = net_seed(seed, host.nodename, strlen(host.nodename));
	return net_seed(seed, &uid, sizeof(uid));
}

static void choose_mac(struct virtio_net *net, const struct net_options *o, unsigned index)
{
	uint8_t mac[8] = { 0 };

	if (o->mac_given)
		memcpy(mac, o->mac, NET_MAC_BYTES);
	else
		net_default_mac(seed_of(o->guest_name), index, mac);
	net->mac = le64_at(mac);
}

static int make_pairs(struct virtio_net *net)
{
	net->pair = calloc(net->backend->pairs, sizeof(*net->pair));
	if (!net->pair)
		return -ENOMEM;
	for (unsigned i = 0; i < net->backend->pairs; i++) {
		net->pair[i].net = net;
		net->pair[i].index = i;
	}
	net->spill = malloc(NET_HEADER_BYTES + NET_FRAME_BYTES);
	if (!net->spill)
		return -ENOMEM;
	net->again_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (net->again_fd < 0)
		return -errno;
	return loop_add(&net->virtio.io->loop, net->again_fd, EPOLLIN, on_again, net);
}

/* The kernel's vhost knows no packed ring. */
static void try_vhost(struct virtio_net *net, const struct net_options *o)
{
	struct err err = { "" };

	if (!net->backend->tap || !net->backend->header_bytes || o->vhost == NET_VHOST_OFF)
		return;
	if (vhost_net_open(&net->vhost, net, &err) == 0) {
		net->virtio.features &= ~VIRTIO_FEATURE_RING_PACKED;
		return;
	}
	if (o->vhost == NET_VHOST_ON)
		log_warn("%s: vhost=1: %s; frames go through rasvm", net->virtio.label, err.text);
	else
		log_debug("%s: %s; frames go through rasvm", net->virtio.label, err.text);
}

static void init_queues(struct virtio_net *net, const struct mem *mem)
{
	for (unsigned i = 0; i < ARRAY_SIZE(net->queue); i++)
		virtq_init(&net->queue[i], mem, QUEUE_SIZE);
}

int virtio_net_open(struct virtio_net *net, const struct net_options *o, struct iothread *io,
		    const struct mem *mem, unsigned index, struct err *err)
{
	char label[16];
	int r;

	*net = (struct virtio_net){ .again_fd = -1, .mtu = o->mtu };
	snprintf(label, sizeof(label), "net%u", index);
	r = net_backend_open(&net->backend, o, io, label, index, err);
	if (r)
		return r;
	init_queues(net, mem);
	virtio_init(&net->virtio, &net_ops, io, mem, net->queue, 2 * net->backend->pairs + 1,
		    features_of(net));
	memcpy(net->virtio.label, label, sizeof(label));
	choose_mac(net, o, index);
	set_defaults(net);
	r = make_pairs(net);
	if (r) {
		virtio_net_close(net);
		return err_set(err, r, "%s: cannot make its queues: %s", label, strerror(-r));
	}
	try_vhost(net, o);
	return 0;
}

void virtio_net_close(struct virtio_net *net)
{
	if (!net->backend)
		return;
	stop_vhost(net);
	vhost_net_close(net->vhost);
	for (unsigned i = 0; net->pair && i < net->backend->pairs; i++)
		net_unwatch(&net->pair[i]);
	if (net->again_fd >= 0) {
		loop_remove(&net->virtio.io->loop, net->again_fd);
		close(net->again_fd);
	}
	net->backend->ops->close(net->backend);
	free(net->pair);
	free(net->spill);
	net->backend = NULL;
	net->pair = NULL;
	net->spill = NULL;
	net->vhost = NULL;
}
