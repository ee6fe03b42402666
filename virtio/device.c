/*
 * What all virtio devices have in common: the status state machine, features, doorbells, and the life of
 * queues from DRIVER_OK to reset.
 *
 * Source: virtio 1.2, 2.1 (status), 2.2 (features), 2.4 (reset), 2.5 (configuration), 3.1.1 (order of
 * initialization).
 *
 * struct virtio_state belongs to who holds the transport's leaf lock; queues, and whether they are served,
 * to the I/O thread. Functions with "on_io" in their name run there, by iothread_call().
 *
 * Left out: VIRTIO_F_RING_RESET, notification data, in-order use, legacy devices.
 */
#include "virtio/device.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/types.h"

#define MESSAGES_AT_ONCE 5
#define MESSAGE_INTERVAL (10 * NS_PER_SEC)

static const struct state_field virtio_fields[] = {
	STATE_FIELD(1, struct virtio_state, driver_features),
	STATE_FIELD(2, struct virtio_state, features_select),
	STATE_FIELD(3, struct virtio_state, driver_features_select),
	STATE_FIELD(4, struct virtio_state, queue_select),
	STATE_FIELD(5, struct virtio_state, config_generation),
	STATE_FIELD(6, struct virtio_state, isr),
	STATE_FIELD(7, struct virtio_state, config_vector),
	STATE_FIELD(8, struct virtio_state, status),
	STATE_FIELD(9, struct virtio_state, features_beyond),
	STATE_LAST,
};

const struct state_desc virtio_state_desc = {
	.name = "virtio",
	.size = sizeof(struct virtio_state),
	.offset = offsetof(struct virtio_device, state),
	.fields = virtio_fields,
};

static void add(_Atomic uint64_t *count)
{
	atomic_fetch_add_explicit(count, 1, memory_order_relaxed);
}

static void call(struct virtio_device *dev, void (*fn)(struct virtio_device *dev))
{
	if (fn)
		fn(dev);
}

/* ---- a queue that is broken ---- */

static void config_interrupt(struct virtio_device *dev)
{
	if (atomic_load(&dev->driver_ok) && dev->transport)
		dev->transport->config_interrupt(dev);
}

/* 2.1.2: after DEVICE_NEEDS_RESET is set, a driver that was ready gets a configuration interrupt. */
static void tell_broken_on_io(struct virtio_device *dev, unsigned n)
{
	const struct virtq *q = &dev->queue[n];

	if (dev->told_broken >> n & 1)
		return;
	dev->told_broken |= UINT64_C(1) << n;
	add(&dev->counts.errors);
	if (log_allow(&dev->log, clock_now_ns()))
		log_warn("%s: queue %u is broken until the guest resets the device: %s", dev->label,
			 n, q->why ? q->why : "marked so in the state that was loaded");
	atomic_store(&dev->needs_reset, 1);
	config_interrupt(dev);
}

void virtio_break(struct virtio_device *dev, unsigned n, const char *why)
{
	struct virtq *q = &dev->queue[n];

	if (!q->state.broken) {
		q->state.broken = 1;
		q->why = why;
	}
	tell_broken_on_io(dev, n);
}

/* ---- serving queues, on the I/O thread ---- */

bool virtio_pop(struct virtio_device *dev, unsigned n, struct virtq_chain *chain)
{
	if (!dev->live || !dev->queue[n].state.enabled)
		return false;
	switch (virtq_pop(&dev->queue[n], chain)) {
	case VIRTQ_REQUEST:
		add(&dev->counts.requests);
		return true;
	case VIRTQ_BROKEN:
		tell_broken_on_io(dev, n);
		return false;
	case VIRTQ_NOTHING:
		break;
	}
	return false;
}

void virtio_unpop(struct virtio_device *dev, unsigned n, const struct virtq_chain *chain)
{
	atomic_fetch_sub_explicit(&dev->counts.requests, 1, memory_order_relaxed);
	virtq_unpop(&dev->queue[n], chain);
}

bool virtio_rest(struct virtio_device *dev, unsigned n)
{
	return dev->live && dev->queue[n].state.enabled && virtq_want_kicks(&dev->queue[n]);
}

/* Giving requests back may have found the ring broken. */
void virtio_interrupt(struct virtio_device *dev, unsigned n)
{
	bool wanted = virtq_should_interrupt(&dev->queue[n]);

	if (dev->queue[n].state.broken) {
		tell_broken_on_io(dev, n);
		return;
	}
	if (!wanted)
		return;
	add(&dev->counts.interrupts);
	if (dev->transport)
		dev->transport->interrupt(dev, n);
}

static bool served_on_io(const struct virtio_device *dev, unsigned n)
{
	const struct virtq_state *q = &dev->queue[n].state;

	return dev->live && q->enabled && !q->broken;
}

void virtio_kicked(struct virtio_device *dev, unsigned n)
{
	if (n >= dev->nqueues || !served_on_io(dev, n))
		return;
	add(&dev->counts.kicks);
	dev->ops->kick(dev, n);
}

/* Kicks may have been missed, or never sent. */
static void look_at_all_on_io(struct virtio_device *dev)
{
	for (unsigned n = 0; n < dev->nqueues; n++) {
		if (served_on_io(dev, n) && dev->ops->kick)
			dev->ops->kick(dev, n);
	}
}

/* ---- doorbells ---- */

static void empty_eventfd(int fd)
{
	uint64_t count;

	if (read(fd, &count, sizeof(count)) < 0)
		return; /* nothing in it */
}

static void on_doorbell(void *arg, uint32_t events)
{
	const struct virtio_doorbell *bell = arg;

	(void)events;
	empty_eventfd(bell->fd);
	virtio_kicked(bell->dev, bell->queue);
}

/* A loop that is full is no error: kicks then come through virtio_kick(). */
static void watch_on_io(struct virtio_device *dev, unsigned n)
{
	struct virtio_doorbell *bell = &dev->doorbell[n];

	if (bell->fd < 0 || bell->watched)
		return;
	empty_eventfd(bell->fd);
	bell->watched = loop_add(&dev->io->loop, bell->fd, EPOLLIN, on_doorbell, bell) == 0;
}

static void unwatch_on_io(struct virtio_device *dev, unsigned n)
{
	struct virtio_doorbell *bell = &dev->doorbell[n];

	if (!bell->watched)
		return;
	loop_remove(&dev->io->loop, bell->fd);
	bell->watched = false;
}

/* Lent, it counts as watched: kicks go into it. */
int virtio_lend_doorbell(struct virtio_device *dev, unsigned n, bool lent)
{
	struct virtio_doorbell *bell = &dev->doorbell[n];

	if (!bell->watched)
		return -1;
	loop_remove(&dev->io->loop, bell->fd);
	if (!lent)
		bell->watched = loop_add(&dev->io->loop, bell->fd, EPOLLIN, on_doorbell, bell) == 0;
	return bell->watched ? bell->fd : -1;
}

int virtio_kick_fd(const struct virtio_device *dev, unsigned n)
{
	if (n >= dev->nqueues || !dev->doorbell[n].watched)
		return -1;
	return dev->doorbell[n].fd;
}

static bool ring(struct virtio_device *dev, unsigned n)
{
	int fd = virtio_kick_fd(dev, n);
	uint64_t one = 1;

	return fd >= 0 && write(fd, &one, sizeof(one)) == (ssize_t)sizeof(one);
}

bool virtio_yield(struct virtio_device *dev, unsigned n)
{
	return ring(dev, n);
}

bool virtio_end_turn(struct virtio_device *dev, unsigned n, bool empty)
{
	virtio_interrupt(dev, n);
	if (empty && !virtio_rest(dev, n))
		return false;
	return !virtio_yield(dev, n);
}

static void kick_on_io(void *arg)
{
	const struct virtio_doorbell *bell = arg;

	virtio_kicked(bell->dev, bell->queue);
}

/* An eventfd does not wait for the request to be served; a driver may kick what it likes, when it likes. */
void virtio_kick(struct virtio_device *dev, unsigned n)
{
	if (n >= dev->nqueues || !atomic_load(&dev->driver_ok) || ring(dev, n))
		return;
	iothread_call(dev->io, kick_on_io, &dev->doorbell[n]);
}

/* ---- start, stop ---- */

static void start_queue_on_io(struct virtio_device *dev, unsigned n)
{
	struct virtq *q = &dev->queue[n];

	if (!q->state.enabled)
		return;
	q->packed = virtio_has(dev, VIRTIO_FEATURE_RING_PACKED);
	q->event_idx = virtio_has(dev, VIRTIO_FEATURE_EVENT_IDX);
	q->indirect = virtio_has(dev, VIRTIO_FEATURE_INDIRECT_DESC);
	if (q->state.broken || !virtq_start(q)) {
		tell_broken_on_io(dev, n);
		return;
	}
	watch_on_io(dev, n);
}

/* With a machine that is held still (its state was loaded, say), serving waits for resume. */
static void start_on_io(void *arg)
{
	struct virtio_device *dev = arg;

	for (unsigned n = 0; n < dev->nqueues; n++)
		start_queue_on_io(dev, n);
	dev->started = true;
	dev->live = !dev->quiesced;
	call(dev, dev->ops->start);
	if (dev->quiesced)
		call(dev, dev->ops->quiesce);
	else
		look_at_all_on_io(dev);
}

static void halt_on_io(void *arg)
{
	struct virtio_device *dev = arg;

	dev->live = false;
	for (unsigned n = 0; n < dev->nqueues; n++)
		unwatch_on_io(dev, n);
	if (dev->started)
		call(dev, dev->ops->stop);
	dev->started = false;
}

static void reset_on_io(void *arg)
{
	struct virtio_device *dev = arg;

	halt_on_io(dev);
	for (unsigned n = 0; n < dev->nqueues; n++)
		virtq_reset(&dev->queue[n]);
	dev->told_broken = 0;
}

static void tell_running(struct virtio_device *dev, bool running)
{
	if (dev->transport && dev->transport->running)
		dev->transport->running(dev, running);
}

static void start(struct virtio_device *dev)
{
	atomic_store(&dev->driver_ok, true);
	iothread_call(dev->io, start_on_io, dev);
	tell_running(dev, true);
}

/* Doorbells go first, so that none of them rings for a queue that is gone. */
static void silence(struct virtio_device *dev)
{
	if (atomic_exchange(&dev->driver_ok, false))
		tell_running(dev, false);
}

/* ---- status (2.1, 3.1.1) ---- */

/* The configuration generation goes on counting: a driver that is reset in the middle of reading sees a
 * change. */
void virtio_reset(struct virtio_device *dev)
{
	uint32_t generation = __atomic_load_n(&dev->state.config_generation, __ATOMIC_SEQ_CST);

	silence(dev);
	iothread_call(dev->io, reset_on_io, dev);
	dev->state.driver_features = 0;
	dev->state.features_select = 0;
	dev->state.driver_features_select = 0;
	dev->state.queue_select = 0;
	dev->state.config_vector = VIRTIO_NO_VECTOR;
	dev->state.status = 0;
	dev->state.features_beyond = 0;
	__atomic_store_n(&dev->state.config_generation, generation, __ATOMIC_SEQ_CST);
	__atomic_store_n(&dev->state.isr, 0, __ATOMIC_SEQ_CST);
	atomic_store(&dev->needs_reset, 0);
}

/* 2.2.2, 6.1: only what was offered, and no legacy driver. */
static bool features_are_acceptable(struct virtio_device *dev)
{
	uint64_t accepted = dev->state.driver_features;

	if (!(accepted & ~dev->features) && accepted & VIRTIO_FEATURE_VERSION_1 &&
	    !dev->state.features_beyond)
		return true;
	if (log_allow(&dev->driver_log, clock_now_ns()))
		log_warn("%s: the guest's driver accepts features 0x%llx%s of 0x%llx: refused",
			 dev->label, (unsigned long long)accepted,
			 dev->state.features_beyond ? " and some above bit 63" : "",
			 (unsigned long long)dev->features);
	return false;
}

/* 3.1.1: each step only after those before it. One write may take several. */
static const struct {
	uint8_t bit, after;
} steps[] = {
	{ VIRTIO_STATUS_ACKNOWLEDGE, 0 },
	{ VIRTIO_STATUS_DRIVER, VIRTIO_STATUS_ACKNOWLEDGE },
	{ VIRTIO_STATUS_FEATURES_OK, VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER },
	{ VIRTIO_STATUS_DRIVER_OK,
	  VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_FEATURES_OK },
};

/* False: the step is out of order, and so are those that follow. */
static bool take_step(struct virtio_device *dev, unsigned i)
{
	if ((dev->state.status & steps[i].after) != steps[i].after)
		return false;
	if (steps[i].bit == VIRTIO_STATUS_FEATURES_OK && !features_are_acceptable(dev))
		return false;
	dev->state.status |= steps[i].bit;
	if (steps[i].bit == VIRTIO_STATUS_DRIVER_OK)
		start(dev);
	return true;
}

/* The driver has given up: its memory is left alone, though it has not asked for a reset. */
static void fail(struct virtio_device *dev)
{
	dev->state.status |= VIRTIO_STATUS_FAILED;
	silence(dev);
	iothread_call(dev->io, halt_on_io, dev);
}

/* Bits that were set stay (2.1.1: the driver must not clear any); DEVICE_NEEDS_RESET is the device's. */
void virtio_set_status(struct virtio_device *dev, uint32_t status)
{
	if (status == 0) {
		virtio_reset(dev);
		return;
	}
	if (dev->state.status & VIRTIO_STATUS_FAILED)
		return;
	if (status & VIRTIO_STATUS_FAILED) {
		fail(dev);
		return;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(steps); i++) {
		if (!(status & ~dev->state.status & steps[i].bit))
			continue;
		if (!take_step(dev, i))
			return;
	}
}

uint32_t virtio_status(struct virtio_device *dev)
{
	uint32_t status = dev->state.status;

	return atomic_load(&dev->needs_reset) ? status | VIRTIO_STATUS_NEEDS_RESET : status;
}

/* ---- features (2.2) ---- */

uint32_t virtio_features(struct virtio_device *dev, uint32_t half)
{
	return half < 2 ? (uint32_t)(dev->features >> 32 * half) : 0;
}

/* 3.1.1 step 5: nothing new after FEATURES_OK. */
void virtio_set_driver_features(struct virtio_device *dev, uint32_t half, uint32_t value)
{
	uint64_t *features = &dev->state.driver_features;

	if (dev->state.status & VIRTIO_STATUS_FEATURES_OK)
		return;
	if (half == 0)
		*features = (*features & ~(uint64_t)UINT32_MAX) | value;
	else if (half == 1)
		*features = (*features & UINT32_MAX) | (uint64_t)value << 32;
	else if (value)
		dev->state.features_beyond = 1;
}

/* ---- configuration (2.5) ---- */

/* Bytes behind the configuration read 0. */
void virtio_config_read(struct virtio_device *dev, uint32_t offset, void *to, uint32_t n)
{
	uint32_t size = dev->ops->config_bytes;

	memset(to, 0, n);
	if (offset >= size || !dev->ops->read_config)
		return;
	dev->ops->read_config(dev, offset, to, n < size - offset ? n : size - offset);
}

void virtio_config_write(struct virtio_device *dev, uint32_t offset, const void *from, uint32_t n)
{
	uint32_t size = dev->ops->config_bytes;

	if (offset < size && n <= size - offset && dev->ops->write_config)
		dev->ops->write_config(dev, offset, from, n);
}

void virtio_config_changed(struct virtio_device *dev)
{
	__atomic_fetch_add(&dev->state.config_generation, 1, __ATOMIC_SEQ_CST);
	config_interrupt(dev);
}

/* ---- queues, from the driver's side ---- */

struct virtq *virtio_selected_queue(struct virtio_device *dev)
{
	uint32_t n = dev->state.queue_select;

	return n < dev->nqueues ? &dev->queue[n] : NULL;
}

struct virtq *virtio_queue_to_set_up(struct virtio_device *dev)
{
	struct virtq *q = virtio_selected_queue(dev);

	if (!q || q->state.enabled || dev->state.status & VIRTIO_STATUS_DRIVER_OK)
		return NULL;
	return q;
}

/* Only the whole device can be made to finish what it has. */
static void disable_on_io(void *arg)
{
	const struct virtio_doorbell *bell = arg;
	struct virtio_device *dev = bell->dev;
	bool was_live = dev->live;

	dev->live = false;
	if (was_live)
		call(dev, dev->ops->quiesce);
	unwatch_on_io(dev, bell->queue);
	virtq_reset(&dev->queue[bell->queue]);
	dev->live = was_live;
	if (!was_live)
		return;
	call(dev, dev->ops->resume);
	look_at_all_on_io(dev);
}

static void disable_queue(struct virtio_device *dev, unsigned n)
{
	bool running = atomic_load(&dev->driver_ok);

	if (running)
		tell_running(dev, false);
	iothread_call(dev->io, disable_on_io, &dev->doorbell[n]);
	if (running)
		tell_running(dev, true);
}

void virtio_enable_queue(struct virtio_device *dev, bool on)
{
	struct virtq *q = on ? virtio_queue_to_set_up(dev) : virtio_selected_queue(dev);

	if (!q || q->state.enabled == on)
		return;
	if (on)
		q->state.enabled = 1;
	else
		disable_queue(dev, dev->state.queue_select);
}

/* ---- the machine ---- */

static void quiesce_on_io(void *arg)
{
	struct virtio_device *dev = arg;
	bool was_live = dev->live;

	dev->live = false;
	dev->quiesced = true;
	if (was_live)
		call(dev, dev->ops->quiesce);
}

void virtio_quiesce(struct virtio_device *dev)
{
	iothread_call(dev->io, quiesce_on_io, dev);
	if (atomic_load(&dev->needs_reset))
		dev->state.status |= VIRTIO_STATUS_NEEDS_RESET;
}

static void resume_on_io(void *arg)
{
	struct virtio_device *dev = arg;
	bool was_quiesced = dev->quiesced;

	dev->quiesced = false;
	if (!dev->started || !was_quiesced)
		return;
	dev->live = true;
	call(dev, dev->ops->resume);
	look_at_all_on_io(dev);
}

static bool loaded_running(const struct virtio_device *dev)
{
	return dev->state.status & VIRTIO_STATUS_DRIVER_OK &&
	       !(dev->state.status & VIRTIO_STATUS_FAILED) && !atomic_load(&dev->driver_ok);
}

/* The state may have been loaded: then its queues have to be started where they were. */
void virtio_resume(struct virtio_device *dev)
{
	if (dev->state.status & VIRTIO_STATUS_NEEDS_RESET)
		atomic_store(&dev->needs_reset, 1);
	dev->state.status &= (uint8_t)~VIRTIO_STATUS_NEEDS_RESET;
	iothread_call(dev->io, resume_on_io, dev);
	if (loaded_running(dev))
		start(dev);
}

/* ---- building the machine ---- */

static struct log_limit message_limit(void)
{
	return (struct log_limit){ .interval_ns = MESSAGE_INTERVAL, .burst = MESSAGES_AT_ONCE };
}

void virtio_init(struct virtio_device *dev, const struct virtio_ops *ops, struct iothread *io,
		 const struct mem *mem, struct virtq *queues, unsigned nqueues, uint64_t features)
{
	*dev = (struct virtio_device){ .ops = ops, .io = io, .mem = mem, .queue = queues };
	dev->nqueues = nqueues < VIRTIO_MAX_QUEUES ? nqueues : VIRTIO_MAX_QUEUES;
	dev->features = features | VIRTIO_FEATURE_VERSION_1 | VIRTIO_FEATURE_RING_PACKED |
			VIRTIO_FEATURE_EVENT_IDX | VIRTIO_FEATURE_INDIRECT_DESC;
	dev->state.config_vector = VIRTIO_NO_VECTOR;
	dev->log = dev->driver_log = message_limit();
	snprintf(dev->label, sizeof(dev->label), "%s", ops->name);
	for (unsigned n = 0; n < VIRTIO_MAX_QUEUES; n++)
		dev->doorbell[n] = (struct virtio_doorbell){ dev, n, -1, false };
}

int virtio_attach(struct virtio_device *dev, const struct virtio_transport *transport, void *world,
		  struct err *err)
{
	for (unsigned n = 0; n < dev->nqueues; n++) {
		dev->doorbell[n].fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		if (dev->doorbell[n].fd < 0) {
			int r = err_set(err, -errno, "%s: cannot make the doorbell of queue %u: %s",
					dev->label, n, strerror(errno));

			virtio_detach(dev);
			return r;
		}
	}
	dev->transport = transport;
	dev->transport_world = world;
	return 0;
}

void virtio_detach(struct virtio_device *dev)
{
	for (unsigned n = 0; n < dev->nqueues; n++) {
		unwatch_on_io(dev, n);
		if (dev->doorbell[n].fd >= 0)
			close(dev->doorbell[n].fd);
		dev->doorbell[n].fd = -1;
	}
	dev->transport = NULL;
}
