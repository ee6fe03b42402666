/*
 * The virtio-mmio transport: registers in front of struct virtio_device.
 *
 * Source: virtio 1.2, 4.2.2 (register layout), 4.2.3 (initialization and operation).
 *
 * Registers are reached by aligned 32-bit accesses only (4.2.2.2); others read 0 and change nothing.
 * Configuration space takes any access. The interrupt is an edge: each event signals irq_fd once, after its
 * bit is in InterruptStatus. All state is the virtio_device's; the vCPU that makes an access holds the leaf
 * lock.
 *
 * Left out: shared memory regions, VIRTIO_F_RING_RESET (QueueReset reads 0), VIRTIO_F_NOTIFICATION_DATA.
 */
#include "virtio/mmio.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"

enum {
	REG_MAGIC = 0x000,
	REG_VERSION = 0x004,
	REG_DEVICE_ID = 0x008,
	REG_VENDOR_ID = 0x00c,
	REG_DEVICE_FEATURES = 0x010,
	REG_DEVICE_FEATURES_SEL = 0x014,
	REG_DRIVER_FEATURES = 0x020,
	REG_DRIVER_FEATURES_SEL = 0x024,
	REG_QUEUE_SEL = 0x030,
	REG_QUEUE_NUM_MAX = 0x034,
	REG_QUEUE_NUM = 0x038,
	REG_QUEUE_READY = 0x044,
	REG_QUEUE_NOTIFY = VIRTIO_MMIO_NOTIFY,
	REG_INTERRUPT_STATUS = 0x060,
	REG_INTERRUPT_ACK = 0x064,
	REG_STATUS = 0x070,
	REG_QUEUE_DESC_LOW = 0x080,
	REG_QUEUE_DESC_HIGH = 0x084,
	REG_QUEUE_DRIVER_LOW = 0x090,
	REG_QUEUE_DRIVER_HIGH = 0x094,
	REG_QUEUE_DEVICE_LOW = 0x0a0,
	REG_QUEUE_DEVICE_HIGH = 0x0a4,
	REG_SHM_LEN_LOW = 0x0b0,
	REG_SHM_LEN_HIGH = 0x0b4,
	REG_SHM_BASE_LOW = 0x0b8,
	REG_SHM_BASE_HIGH = 0x0bc,
	REG_CONFIG_GENERATION = 0x0fc,
	REG_CONFIG = 0x100,
};

#define MAGIC   0x74726976u /* "virt" */
#define VERSION 2
#define VENDOR  0x56534152u /* "RASV" */

static struct virtio_mmio *to_mmio(struct device *dev)
{
	return (struct virtio_mmio *)dev;
}

/* ---- interrupts; any thread, no lock ---- */

static void raise_interrupt(struct virtio_device *dev, uint32_t isr)
{
	const struct virtio_mmio *m = dev->transport_world;
	uint64_t one = 1;

	__atomic_fetch_or(&dev->state.isr, isr, __ATOMIC_SEQ_CST);
	/* Fails only if 2^64 - 2 are waiting already. */
	if (m->irq_fd >= 0 && write(m->irq_fd, &one, sizeof(one)) < 0)
		log_error("%s: cannot raise the interrupt: %s", dev->label, strerror(errno));
}

static void queue_interrupt(struct virtio_device *dev, unsigned queue)
{
	(void)queue; /* one interrupt for all */
	raise_interrupt(dev, VIRTIO_ISR_QUEUE);
}

static void config_interrupt(struct virtio_device *dev)
{
	raise_interrupt(dev, VIRTIO_ISR_CONFIG);
}

static uint32_t interrupt_status(const struct virtio_mmio *m)
{
	return __atomic_load_n(&m->virtio->state.isr, __ATOMIC_SEQ_CST);
}

static void acknowledge(struct virtio_mmio *m, uint32_t bits)
{
	__atomic_fetch_and(&m->virtio->state.isr, ~bits, __ATOMIC_SEQ_CST);
}

/* ---- doorbells ---- */

static void wire(struct virtio_mmio *m, unsigned n, int fd)
{
	gpa_t notify = gpa(m->dev.base.v + REG_QUEUE_NOTIFY);
	int r = m->ops->wire_kick(m->world, notify, n, fd, true);

	if (r == 0)
		m->wired |= UINT64_C(1) << n;
	else if (log_allow(&m->virtio->driver_log, clock_now_ns()))
		log_warn("%s: kicks of queue %u leave the guest one by one: %s", m->virtio->label,
			 n, strerror(-r));
}

static void unwire(struct virtio_mmio *m, unsigned n)
{
	gpa_t notify = gpa(m->dev.base.v + REG_QUEUE_NOTIFY);

	if (m->wired >> n & 1)
		m->ops->wire_kick(m->world, notify, n, m->virtio->doorbell[n].fd, false);
	m->wired &= ~(UINT64_C(1) << n);
}

static void running(struct virtio_device *dev, bool is_running)
{
	struct virtio_mmio *m = dev->transport_world;

	if (!m->ops || !m->ops->wire_kick)
		return;
	for (unsigned n = 0; n < dev->nqueues; n++) {
		int fd = virtio_kick_fd(dev, n);

		if (!is_running)
			unwire(m, n);
		else if (fd >= 0)
			wire(m, n, fd);
	}
}

static const struct virtio_transport transport = {
	.interrupt = queue_interrupt,
	.config_interrupt = config_interrupt,
	.running = running,
};

/* ---- registers ---- */

static uint32_t queue_num_max(struct virtio_device *virtio)
{
	const struct virtq *q = virtio_selected_queue(virtio);

	return q ? q->max_size : 0;
}

static uint32_t queue_ready(struct virtio_device *virtio)
{
	const struct virtq *q = virtio_selected_queue(virtio);

	return q ? q->state.enabled : 0;
}

static uint32_t read_register(struct virtio_mmio *m, uint64_t offset)
{
	struct virtio_device *virtio = m->virtio;

	switch (offset) {
	case REG_MAGIC:
		return MAGIC;
	case REG_VERSION:
		return VERSION;
	case REG_DEVICE_ID:
		return virtio->ops->id;
	case REG_VENDOR_ID:
		return VENDOR;
	case REG_DEVICE_FEATURES:
		return virtio_features(virtio, virtio->state.features_select);
	case REG_QUEUE_NUM_MAX:
		return queue_num_max(virtio);
	case REG_QUEUE_READY:
		return queue_ready(virtio);
	case REG_INTERRUPT_STATUS:
		return interrupt_status(m);
	case REG_STATUS:
		return virtio_status(virtio);
	case REG_SHM_LEN_LOW:
	case REG_SHM_LEN_HIGH:
	case REG_SHM_BASE_LOW:
	case REG_SHM_BASE_HIGH:
		return UINT32_MAX; /* no such region */
	case REG_CONFIG_GENERATION:
		return __atomic_load_n(&virtio->state.config_generation, __ATOMIC_SEQ_CST);
	}
	return 0;
}

/* What no queue can have becomes 0, which virtq_start() refuses like any other wrong size. */
static void set_queue_num(struct virtio_device *virtio, uint32_t value)
{
	struct virtq *q = virtio_queue_to_set_up(virtio);

	if (q)
		q->state.size = value <= UINT16_MAX ? (uint16_t)value : 0;
}

static uint64_t *queue_address(struct virtq_state *q, uint64_t offset)
{
	switch (offset & ~UINT64_C(4)) {
	case REG_QUEUE_DESC_LOW:
		return &q->desc;
	case REG_QUEUE_DRIVER_LOW:
		return &q->driver;
	}
	return &q->device;
}

static void set_queue_address(struct virtio_device *virtio, uint64_t offset, uint32_t value)
{
	struct virtq *q = virtio_queue_to_set_up(virtio);
	unsigned shift = offset & 4 ? 32 : 0;
	uint64_t *address;

	if (!q)
		return;
	address = queue_address(&q->state, offset);
	*address = (*address & ~((uint64_t)UINT32_MAX << shift)) | (uint64_t)value << shift;
}

static void write_register(struct virtio_mmio *m, uint64_t offset, uint32_t value)
{
	struct virtio_device *virtio = m->virtio;

	switch (offset) {
	case REG_DEVICE_FEATURES_SEL:
		virtio->state.features_select = value;
		break;
	case REG_DRIVER_FEATURES:
		virtio_set_driver_features(virtio, virtio->state.driver_features_select, value);
		break;
	case REG_DRIVER_FEATURES_SEL:
		virtio->state.driver_features_select = value;
		break;
	case REG_QUEUE_SEL:
		virtio->state.queue_select = value;
		break;
	case REG_QUEUE_NUM:
		set_queue_num(virtio, value);
		break;
	case REG_QUEUE_READY:
		virtio_enable_queue(virtio, value & 1);
		break;
	case REG_QUEUE_NOTIFY:
		virtio_kick(virtio, value);
		break;
	case REG_INTERRUPT_ACK:
		acknowledge(m, value);
		break;
	case REG_STATUS:
		virtio_set_status(virtio, value);
		break;
	case REG_QUEUE_DESC_LOW:
	case REG_QUEUE_DESC_HIGH:
	case REG_QUEUE_DRIVER_LOW:
	case REG_QUEUE_DRIVER_HIGH:
	case REG_QUEUE_DEVICE_LOW:
	case REG_QUEUE_DEVICE_HIGH:
		set_queue_address(virtio, offset, value);
		break;
	}
}

/* ---- accesses ---- */

static bool access_is_right(struct virtio_mmio *m, const char *what, uint64_t offset, unsigned len)
{
	if (len == 4 && offset % 4 == 0)
		return true;
	if (log_allow(&m->virtio->driver_log, clock_now_ns()))
		log_warn("%s: the guest %s %u bytes at register 0x%03llx; registers take aligned "
			 "accesses of 4: ignored",
			 m->virtio->label, what, len, (unsigned long long)offset);
	return false;
}

static uint64_t mmio_read(struct device *dev, uint64_t offset, unsigned len)
{
	struct virtio_mmio *m = to_mmio(dev);
	uint64_t value = 0;

	if (offset >= REG_CONFIG)
		virtio_config_read(m->virtio, (uint32_t)(offset - REG_CONFIG), &value, len);
	else if (access_is_right(m, "reads", offset, len))
		value = read_register(m, offset);
	return value;
}

static void mmio_write(struct device *dev, uint64_t offset, unsigned len, uint64_t value)
{
	struct virtio_mmio *m = to_mmio(dev);

	if (offset >= REG_CONFIG)
		virtio_config_write(m->virtio, (uint32_t)(offset - REG_CONFIG), &value, len);
	else if (access_is_right(m, "writes", offset, len))
		write_register(m, offset, (uint32_t)value);
}

static void mmio_reset(struct device *dev)
{
	virtio_reset(to_mmio(dev)->virtio);
}

static void mmio_quiesce(struct device *dev)
{
	virtio_quiesce(to_mmio(dev)->virtio);
}

/* An edge that a saved machine had in its eventfd is not in the new one's. */
static void mmio_resume(struct device *dev)
{
	struct virtio_mmio *m = to_mmio(dev);

	virtio_resume(m->virtio);
	if (interrupt_status(m))
		raise_interrupt(m->virtio, 0);
}

static const struct device_ops mmio_ops = {
	.name = "virtio-mmio",
	.read = mmio_read,
	.write = mmio_write,
	.reset = mmio_reset,
	.quiesce = mmio_quiesce,
	.resume = mmio_resume,
};

int virtio_mmio_init(struct virtio_mmio *m, gpa_t base, struct virtio_device *virtio, int irq_fd,
		     const struct virtio_mmio_ops *ops, void *world, struct err *err)
{
	*m = (struct virtio_mmio){ .virtio = virtio, .irq_fd = irq_fd, .ops = ops, .world = world };
	device_init(&m->dev, &mmio_ops, base, VIRTIO_MMIO_BLOCK_BYTES);
	return virtio_attach(virtio, &transport, m, err);
}

void virtio_mmio_close(struct virtio_mmio *m)
{
	if (!m->virtio)
		return;
	running(m->virtio, false);
	virtio_detach(m->virtio);
	m->virtio = NULL;
}
