/*
 * The virtio-pci transport: capabilities and registers of a PCI function in front of struct virtio_device.
 *
 * Source: virtio 1.2, 4.1.2 (identifiers), 4.1.4 (capabilities and their structures), 4.1.5 (initialization and
 * operation).
 *
 * Two BARs. The one of 32 bits has what reading changes, or what a driver must find below 4 GiB if it likes: the
 * interrupt status, the MSI-X table and pending bits. The one of 64 bits has registers that reading leaves alone,
 * so it may be prefetchable, and goes above RAM: common configuration, device configuration, doorbells.
 *
 * State is the virtio_device's and the PCI function's, but for struct virtio_pci_state; the vCPU that makes an
 * access holds the leaf lock. Interrupts come from any thread without it: they read vectors atomically.
 *
 * While the driver has bus mastering switched off, the device is held still as in a paused machine: it finishes
 * what it has and takes nothing from its queues.
 *
 * Left out: see pci.h. A register of common configuration takes accesses of its own width only (4.1.3.1), those of
 * 64 bits in halves; others read 0 and change nothing.
 */
#include "virtio/pci.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/bytes.h"
#include "lib/clock.h"
#include "lib/types.h"

#define VENDOR_ID      0x1af4
#define DEVICE_ID_BASE 0x1040
#define REVISION       1 /* not transitional */

/* The BARs and what is where in them. */
#define BAR_STATUS       0u
#define STATUS_BYTES     KIB(8)
#define STATUS_ISR       0x0000u
#define STATUS_MSIX      0x1000u
#define STATUS_PENDING   0x1800u
#define BAR_REGISTERS    2u
#define REGISTERS_BYTES  KIB(16)
#define REGISTERS_COMMON 0x0000u
#define REGISTERS_CONFIG 0x1000u
#define REGISTERS_NOTIFY 0x2000u
#define CONFIG_MAX_BYTES (REGISTERS_NOTIFY - REGISTERS_CONFIG)
#define NOTIFY_STRIDE    4u /* notify_off_multiplier */

_Static_assert(PCI_MSIX_MAX > VIRTIO_MAX_QUEUES, "no vector for some queues");
_Static_assert(STATUS_MSIX + 16 * PCI_MSIX_MAX <= STATUS_PENDING, "MSI-X table");
_Static_assert(REGISTERS_NOTIFY + NOTIFY_STRIDE * VIRTIO_MAX_QUEUES <= REGISTERS_BYTES,
	       "doorbells");

/* 4.1.4 */
enum { CFG_COMMON = 1, CFG_NOTIFY, CFG_ISR, CFG_DEVICE, CFG_PCI };
#define CAP_BYTES        16u
#define CAP_NOTIFY_BYTES 20u
#define CAP_WINDOW_BYTES 20u
/* Of the capability CFG_PCI, from its start. */
#define WINDOW_BAR    4u
#define WINDOW_OFFSET 8u
#define WINDOW_LENGTH 12u
#define WINDOW_DATA   16u

/* 4.1.4.3 struct virtio_pci_common_cfg */
enum {
	COMMON_FEATURES_SELECT = 0x00,
	COMMON_FEATURES = 0x04,
	COMMON_DRIVER_FEATURES_SELECT = 0x08,
	COMMON_DRIVER_FEATURES = 0x0c,
	COMMON_CONFIG_VECTOR = 0x10,
	COMMON_NUM_QUEUES = 0x12,
	COMMON_STATUS = 0x14,
	COMMON_GENERATION = 0x15,
	COMMON_QUEUE_SELECT = 0x16,
	COMMON_QUEUE_SIZE = 0x18,
	COMMON_QUEUE_VECTOR = 0x1a,
	COMMON_QUEUE_ENABLE = 0x1c,
	COMMON_QUEUE_NOTIFY_OFF = 0x1e,
	COMMON_QUEUE_DESC = 0x20,
	COMMON_QUEUE_DRIVER = 0x28,
	COMMON_QUEUE_DEVICE = 0x30,
	COMMON_QUEUE_NOTIFY_DATA = 0x38,
	COMMON_QUEUE_RESET = 0x3a,
	COMMON_BYTES = 0x3c,
};

/* Width of the register that begins at an offset; 0: none does. */
static const uint8_t widths[COMMON_BYTES] = {
	[COMMON_FEATURES_SELECT] = 4,
	[COMMON_FEATURES] = 4,
	[COMMON_DRIVER_FEATURES_SELECT] = 4,
	[COMMON_DRIVER_FEATURES] = 4,
	[COMMON_CONFIG_VECTOR] = 2,
	[COMMON_NUM_QUEUES] = 2,
	[COMMON_STATUS] = 1,
	[COMMON_GENERATION] = 1,
	[COMMON_QUEUE_SELECT] = 2,
	[COMMON_QUEUE_SIZE] = 2,
	[COMMON_QUEUE_VECTOR] = 2,
	[COMMON_QUEUE_ENABLE] = 2,
	[COMMON_QUEUE_NOTIFY_OFF] = 2,
	[COMMON_QUEUE_DESC] = 4,
	[COMMON_QUEUE_DESC + 4] = 4,
	[COMMON_QUEUE_DRIVER] = 4,
	[COMMON_QUEUE_DRIVER + 4] = 4,
	[COMMON_QUEUE_DEVICE] = 4,
	[COMMON_QUEUE_DEVICE + 4] = 4,
	[COMMON_QUEUE_NOTIFY_DATA] = 2,
	[COMMON_QUEUE_RESET] = 2,
};

/* PCI class codes: what an operating system shows for a device it has no driver for. */
static const struct {
	enum virtio_id id;
	uint32_t class;
} classes[] = {
	{ VIRTIO_ID_NET, 0x020000 },     /* Ethernet */
	{ VIRTIO_ID_BLOCK, 0x018000 },   /* mass storage, other */
	{ VIRTIO_ID_CONSOLE, 0x078000 }, /* communication, other */
};

#define CLASS_OTHER 0xff0000u /* fits no class */

static struct virtio_pci *to_pci(struct pci_function *f)
{
	return (struct virtio_pci *)f;
}

/* Vectors and interrupts; any thread, no lock but that of INTx */

static void signal_vector(const struct virtio_pci *p, uint16_t vector)
{
	uint64_t one = 1;

	if (vector >= p->pci.nvectors)
		return; /* VIRTIO_NO_VECTOR */
	/* Fails only if 2^64 - 2 are waiting already. */
	if (write(p->pci.vector_fd[vector], &one, sizeof(one)) < 0)
		log_error("%s: cannot signal vector %u: %s", p->virtio->label, vector,
			  strerror(errno));
}

/* 4.1.5.3, 4.1.5.4: the interrupt status is for INTx only. */
static void interrupt(struct virtio_device *dev, const uint16_t *vector, uint32_t isr)
{
	struct virtio_pci *p = dev->transport_world;

	if (pci_msix_enabled(&p->pci)) {
		signal_vector(p, __atomic_load_n(vector, __ATOMIC_RELAXED));
		return;
	}
	__atomic_fetch_or(&dev->state.isr, isr, __ATOMIC_SEQ_CST);
	pci_intx_update(&p->pci);
}

static void queue_interrupt(struct virtio_device *dev, unsigned queue)
{
	interrupt(dev, &dev->queue[queue].state.vector, VIRTIO_ISR_QUEUE);
}

static void config_interrupt(struct virtio_device *dev)
{
	interrupt(dev, &dev->state.config_vector, VIRTIO_ISR_CONFIG);
}

static bool function_intx(struct pci_function *f)
{
	return __atomic_load_n(&to_pci(f)->virtio->state.isr, __ATOMIC_SEQ_CST) != 0;
}

static uint32_t take_isr(struct virtio_pci *p)
{
	uint32_t isr = __atomic_exchange_n(&p->virtio->state.isr, 0, __ATOMIC_SEQ_CST);

	pci_intx_update(&p->pci);
	return isr;
}

/* 4.1.5.1.2: a vector that does not exist reads back as none. */
static void set_vector(const struct virtio_pci *p, uint16_t *vector, uint32_t value)
{
	uint16_t now = value < p->pci.nvectors ? (uint16_t)value : VIRTIO_NO_VECTOR;

	__atomic_store_n(vector, now, __ATOMIC_RELAXED);
}

/* Doorbells */

static void wire(struct virtio_pci *p, unsigned n, int fd)
{
	uint64_t base = p->pci.mapped_at[BAR_REGISTERS].v + REGISTERS_NOTIFY;
	gpa_t at = gpa(base + (uint64_t)n * NOTIFY_STRIDE);
	int r = p->ops->wire_kick(p->world, at, fd, true);

	if (r == 0) {
		p->wired |= UINT64_C(1) << n;
		p->wired_at[n] = at;
	} else if (log_allow(&p->virtio->driver_log, clock_now_ns())) {
		log_warn("%s: kicks of queue %u leave the guest one by one: %s", p->virtio->label,
			 n, strerror(-r));
	}
}

static void unwire(struct virtio_pci *p, unsigned n)
{
	if (p->wired >> n & 1)
		p->ops->wire_kick(p->world, p->wired_at[n], p->virtio->doorbell[n].fd, false);
	p->wired &= ~(UINT64_C(1) << n);
}

/* Where doorbells are, or whether there are any, has changed. */
static void rewire(struct virtio_pci *p, bool on)
{
	if (!p->ops)
		return;
	for (unsigned n = 0; n < p->virtio->nqueues; n++) {
		int fd = virtio_kick_fd(p->virtio, n);

		unwire(p, n);
		if (on && fd >= 0)
			wire(p, n, fd);
	}
}

static void running(struct virtio_device *dev, bool is_running)
{
	struct virtio_pci *p = dev->transport_world;

	rewire(p, is_running && p->pci.mapped[BAR_REGISTERS]);
}

static void function_mapped(struct pci_function *f, unsigned bar, gpa_t at, bool on)
{
	struct virtio_pci *p = to_pci(f);

	(void)at; /* f->mapped_at */
	if (bar == BAR_REGISTERS)
		rewire(p, on); /* a queue that is not served has no doorbell */
}

/* By INTx there is none: the interrupt status has to be set as well. */
static int irq_fd(struct virtio_device *dev, unsigned queue)
{
	const struct virtio_pci *p = dev->transport_world;
	uint16_t vector = __atomic_load_n(&dev->queue[queue].state.vector, __ATOMIC_RELAXED);

	return pci_msix_enabled(&p->pci) && vector < p->pci.nvectors ? p->pci.vector_fd[vector]
								     : -1;
}

static const struct virtio_transport transport = {
	.interrupt = queue_interrupt,
	.config_interrupt = config_interrupt,
	.running = running,
	.irq_fd = irq_fd,
};

/* Common configuration: registers of the selected queue */

static const uint64_t *queue_address(const struct virtq_state *q, unsigned reg)
{
	switch (reg & ~7u) {
	case COMMON_QUEUE_DESC:
		return &q->desc;
	case COMMON_QUEUE_DRIVER:
		return &q->driver;
	}
	return &q->device;
}

/* All registers of a queue that does not exist read 0 (4.1.4.3.1). */
static uint32_t read_queue_register(const struct virtio_device *dev, const struct virtq *q,
				    unsigned reg)
{
	switch (reg) {
	case COMMON_QUEUE_SIZE:
		return q->state.size; /* the largest, until the driver writes it */
	case COMMON_QUEUE_VECTOR:
		return q->state.vector;
	case COMMON_QUEUE_ENABLE:
		return q->state.enabled;
	case COMMON_QUEUE_NOTIFY_OFF:
		return dev->state.queue_select;
	case COMMON_QUEUE_NOTIFY_DATA:
	case COMMON_QUEUE_RESET:
		return 0;
	}
	return (uint32_t)(*queue_address(&q->state, reg) >> (reg & 4 ? 32 : 0));
}

static void set_queue_address(struct virtq_state *q, unsigned reg, uint32_t value)
{
	uint64_t *const address[] = { &q->desc, &q->driver, &q->device };
	uint64_t *to = address[(reg - COMMON_QUEUE_DESC) / 8];
	unsigned shift = reg & 4 ? 32 : 0;

	*to = (*to & ~((uint64_t)UINT32_MAX << shift)) | (uint64_t)value << shift;
}

/* A queue is enabled by 1 and disabled by a reset of the device only. */
static void enable_queue(struct virtio_device *dev, uint32_t value)
{
	if (value == 1)
		virtio_enable_queue(dev, true);
}

/* Who serves the queue from outside has the old vector's eventfd; it asks again at resume. */
static void set_queue_vector(struct virtio_pci *p, struct virtq *q, uint32_t value)
{
	bool served = atomic_load(&p->virtio->driver_ok) && p->pci.master && !p->held;

	if (served)
		virtio_quiesce(p->virtio);
	set_vector(p, &q->state.vector, value);
	if (served)
		virtio_resume(p->virtio);
}

static void write_queue_register(struct virtio_pci *p, unsigned reg, uint32_t value)
{
	struct virtq *q = virtio_selected_queue(p->virtio);

	if (q && reg == COMMON_QUEUE_VECTOR)
		set_queue_vector(p, q, value);
	if (reg == COMMON_QUEUE_ENABLE)
		enable_queue(p->virtio, value);
	q = virtio_queue_to_set_up(p->virtio);
	if (!q)
		return;
	if (reg == COMMON_QUEUE_SIZE)
		q->state.size = (uint16_t)value;
	else if (reg >= COMMON_QUEUE_DESC && reg < COMMON_QUEUE_NOTIFY_DATA)
		set_queue_address(&q->state, reg, value);
}

/* Common configuration: registers of the device */

static uint32_t read_device_register(struct virtio_device *dev, unsigned reg)
{
	switch (reg) {
	case COMMON_FEATURES_SELECT:
		return dev->state.features_select;
	case COMMON_FEATURES:
		return virtio_features(dev, dev->state.features_select);
	case COMMON_DRIVER_FEATURES_SELECT:
		return dev->state.driver_features_select;
	case COMMON_DRIVER_FEATURES:
		if (dev->state.driver_features_select > 1)
			return 0;
		return (uint32_t)(dev->state.driver_features >>
				  32 * dev->state.driver_features_select);
	case COMMON_CONFIG_VECTOR:
		return dev->state.config_vector;
	case COMMON_NUM_QUEUES:
		return dev->nqueues;
	case COMMON_STATUS:
		return virtio_status(dev);
	case COMMON_GENERATION:
		return __atomic_load_n(&dev->state.config_generation, __ATOMIC_SEQ_CST) & 0xff;
	case COMMON_QUEUE_SELECT:
		return dev->state.queue_select;
	}
	return 0;
}

static uint32_t read_common(struct virtio_pci *p, unsigned reg)
{
	const struct virtq *q = virtio_selected_queue(p->virtio);

	if (reg < COMMON_QUEUE_SIZE)
		return read_device_register(p->virtio, reg);
	return q ? read_queue_register(p->virtio, q, reg) : 0;
}

/* 4.1.4.3.1: 0 resets; the interrupt status goes, and INTx with it. */
static void set_status(struct virtio_pci *p, uint32_t value)
{
	virtio_set_status(p->virtio, value);
	pci_intx_update(&p->pci);
}

static void write_common(struct virtio_pci *p, unsigned reg, uint32_t value)
{
	struct virtio_device *dev = p->virtio;

	switch (reg) {
	case COMMON_FEATURES_SELECT:
		dev->state.features_select = value;
		break;
	case COMMON_DRIVER_FEATURES_SELECT:
		dev->state.driver_features_select = value;
		break;
	case COMMON_DRIVER_FEATURES:
		virtio_set_driver_features(dev, dev->state.driver_features_select, value);
		break;
	case COMMON_CONFIG_VECTOR:
		set_vector(p, &dev->state.config_vector, value);
		break;
	case COMMON_STATUS:
		set_status(p, value);
		break;
	case COMMON_QUEUE_SELECT:
		dev->state.queue_select = value;
		break;
	default:
		write_queue_register(p, reg, value);
		break;
	}
}

/* The BARs */

/* A register of common configuration begins there and has that width. */
static bool is_register(uint64_t offset, unsigned len)
{
	return offset < COMMON_BYTES && widths[offset] == len;
}

static bool is_config(const struct virtio_pci *p, uint64_t offset)
{
	return offset >= REGISTERS_CONFIG &&
	       offset - REGISTERS_CONFIG < p->virtio->ops->config_bytes;
}

static uint64_t function_read(struct pci_function *f, unsigned bar, uint64_t offset, unsigned len)
{
	struct virtio_pci *p = to_pci(f);
	uint8_t bytes[4] = { 0 };

	if (bar == BAR_STATUS)
		return offset == STATUS_ISR ? take_isr(p) : 0;
	if (is_register(offset, len))
		return read_common(p, (unsigned)offset);
	if (!is_config(p, offset))
		return 0;
	virtio_config_read(p->virtio, (uint32_t)(offset - REGISTERS_CONFIG), bytes, len);
	return le32_at(bytes);
}

/* The address says which queue; the value is its number again (4.1.5.2). */
static void ring(struct virtio_pci *p, uint64_t offset)
{
	if (offset % NOTIFY_STRIDE == 0 && offset / NOTIFY_STRIDE < p->virtio->nqueues)
		virtio_kick(p->virtio, (unsigned)(offset / NOTIFY_STRIDE));
}

static void function_write(struct pci_function *f, unsigned bar, uint64_t offset, unsigned len,
			   uint64_t value)
{
	struct virtio_pci *p = to_pci(f);
	const uint8_t bytes[4] = { (uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16),
				   (uint8_t)(value >> 24) };

	if (bar != BAR_REGISTERS)
		return;
	if (offset >= REGISTERS_NOTIFY)
		ring(p, offset - REGISTERS_NOTIFY);
	else if (is_register(offset, len))
		write_common(p, (unsigned)offset, (uint32_t)value);
	else if (is_config(p, offset))
		virtio_config_write(p->virtio, (uint32_t)(offset - REGISTERS_CONFIG), bytes, len);
}

/* The window in configuration space (4.1.4.9) */

/* The driver must choose an access that there is; for another, nothing happens. */
static bool window_is_right(const struct virtio_pci *p, unsigned reg, unsigned len)
{
	const struct virtio_pci_state *s = &p->state;

	return reg == WINDOW_DATA && s->window_length == len && s->window_offset % len == 0;
}

static uint32_t window_register(const struct virtio_pci *p, unsigned reg)
{
	switch (reg) {
	case WINDOW_BAR:
		return p->state.window_bar;
	case WINDOW_OFFSET:
		return p->state.window_offset;
	case WINDOW_LENGTH:
		return p->state.window_length;
	}
	return 0;
}

static uint32_t function_config_read(struct pci_function *f, unsigned offset, unsigned len)
{
	struct virtio_pci *p = to_pci(f);
	unsigned reg = offset - p->window_cap;

	if (window_is_right(p, reg, len))
		return pci_bar_read(f, p->state.window_bar, p->state.window_offset, len);
	return window_register(p, reg & ~3u) >> 8 * (reg & 3);
}

static uint32_t merge(uint32_t old, unsigned shift, unsigned len, uint32_t value)
{
	uint32_t mask = len < 4 ? (1u << 8 * len) - 1 : UINT32_MAX;

	return (old & ~(mask << shift)) | (value & mask) << shift;
}

static void function_config_write(struct pci_function *f, unsigned offset, unsigned len,
				  uint32_t value)
{
	struct virtio_pci *p = to_pci(f);
	unsigned reg = offset - p->window_cap;
	uint32_t merged = merge(window_register(p, reg & ~3u), 8 * (reg & 3), len, value);

	if (window_is_right(p, reg, len))
		pci_bar_write(f, p->state.window_bar, p->state.window_offset, len, value);
	else if ((reg & ~3u) == WINDOW_BAR)
		p->state.window_bar = (uint8_t)merged;
	else if ((reg & ~3u) == WINDOW_OFFSET)
		p->state.window_offset = merged;
	else if ((reg & ~3u) == WINDOW_LENGTH)
		p->state.window_length = merged;
}

/* Bus mastering, reset, pause */

/* A vCPU may still be about an access of its own when the machine is held still. */
static void function_master(struct pci_function *f, bool on)
{
	struct virtio_pci *p = to_pci(f);

	if (!on)
		virtio_quiesce(p->virtio);
	else if (!p->held)
		virtio_resume(p->virtio);
}

/* Bus mastering is off afterwards. */
static void function_reset(struct pci_function *f)
{
	struct virtio_pci *p = to_pci(f);

	virtio_reset(p->virtio);
	virtio_quiesce(p->virtio);
	p->state = (struct virtio_pci_state){ .window_bar = 0 };
}

/* What was pending when the state was saved is so again. */
static void function_signal(struct pci_function *f, unsigned vector)
{
	signal_vector(to_pci(f), (uint16_t)vector);
}

static void function_quiesce(struct pci_function *f)
{
	to_pci(f)->held = true;
	virtio_quiesce(to_pci(f)->virtio);
}

static void function_resume(struct pci_function *f, bool master)
{
	to_pci(f)->held = false;
	if (master)
		virtio_resume(to_pci(f)->virtio);
}

static const struct pci_function_ops function_ops = {
	.name = "virtio-pci",
	.read = function_read,
	.write = function_write,
	.mapped = function_mapped,
	.config_read = function_config_read,
	.config_write = function_config_write,
	.master = function_master,
	.intx = function_intx,
	.signal = function_signal,
	.reset = function_reset,
	.quiesce = function_quiesce,
	.resume = function_resume,
};

/* Putting it together */

static uint32_t class_of(enum virtio_id id)
{
	for (unsigned i = 0; i < ARRAY_SIZE(classes); i++)
		if (classes[i].id == id)
			return classes[i].class;
	return CLASS_OTHER;
}

/* struct virtio_pci_cap (4.1.4), without its first two bytes, and what follows it. */
static unsigned add_capability(struct virtio_pci *p, uint8_t type, uint8_t bar, uint32_t offset,
			       uint32_t length, unsigned cap_bytes, uint32_t extra)
{
	uint8_t body[CAP_NOTIFY_BYTES];
	struct bytes b = bytes_in(body, sizeof(body));

	bytes_u8(&b, (uint8_t)cap_bytes);
	bytes_u8(&b, type);
	bytes_u8(&b, bar);
	bytes_zero(&b, 1 + 2); /* id, padding */
	bytes_u32(&b, offset);
	bytes_u32(&b, length);
	bytes_u32(&b, extra);
	return pci_add_capability(&p->pci, PCI_CAP_VENDOR, body, cap_bytes - 2);
}

/* 4.1.4.6: a device without configuration has no capability for it. */
static void add_capabilities(struct virtio_pci *p)
{
	const struct virtio_device *dev = p->virtio;

	add_capability(p, CFG_COMMON, BAR_REGISTERS, REGISTERS_COMMON, COMMON_BYTES, CAP_BYTES, 0);
	add_capability(p, CFG_ISR, BAR_STATUS, STATUS_ISR, 1, CAP_BYTES, 0);
	if (dev->ops->config_bytes)
		add_capability(p, CFG_DEVICE, BAR_REGISTERS, REGISTERS_CONFIG,
			       dev->ops->config_bytes, CAP_BYTES, 0);
	add_capability(p, CFG_NOTIFY, BAR_REGISTERS, REGISTERS_NOTIFY, NOTIFY_STRIDE * dev->nqueues,
		       CAP_NOTIFY_BYTES, NOTIFY_STRIDE);
	p->window_cap = add_capability(p, CFG_PCI, 0, 0, 0, CAP_WINDOW_BYTES, 0);
	pci_wire_config(&p->pci, p->window_cap + WINDOW_BAR, CAP_WINDOW_BYTES - WINDOW_BAR);
}

static void init_function(struct virtio_pci *p)
{
	const struct pci_ids ids = {
		.vendor = VENDOR_ID,
		.device = (uint16_t)(DEVICE_ID_BASE + p->virtio->ops->id),
		.subsystem_vendor = VENDOR_ID,
		.subsystem = (uint16_t)(DEVICE_ID_BASE + p->virtio->ops->id),
		.class = class_of(p->virtio->ops->id),
		.revision = REVISION,
	};

	assert(p->virtio->ops->config_bytes <= CONFIG_MAX_BYTES);
	pci_function_init(&p->pci, &function_ops, &ids);
	pci_add_bar(&p->pci, BAR_STATUS, STATUS_BYTES, false, false);
	pci_add_bar(&p->pci, BAR_REGISTERS, REGISTERS_BYTES, true, true);
	add_capabilities(p);
	pci_add_msix(&p->pci, 1 + p->virtio->nqueues, BAR_STATUS, STATUS_MSIX, STATUS_PENDING);
}

static int open_vectors(struct virtio_pci *p, struct err *err)
{
	for (unsigned n = 0; n < p->pci.nvectors; n++) {
		p->pci.vector_fd[n] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		if (p->pci.vector_fd[n] < 0)
			return err_set(err, -errno, "%s: cannot make the eventfd of vector %u: %s",
				       p->virtio->label, n, strerror(errno));
	}
	return 0;
}

int virtio_pci_init(struct virtio_pci *p, struct virtio_device *virtio,
		    const struct virtio_pci_ops *ops, void *world, struct err *err)
{
	int r;

	*p = (struct virtio_pci){ .virtio = virtio, .ops = ops, .world = world };
	init_function(p);
	r = virtio_attach(virtio, &transport, p, err);
	if (!r)
		r = open_vectors(p, err);
	if (r)
		virtio_pci_close(p);
	else
		virtio_quiesce(virtio); /* until the driver switches bus mastering on */
	return r;
}

void virtio_pci_close(struct virtio_pci *p)
{
	if (!p->virtio)
		return;
	rewire(p, false);
	virtio_detach(p->virtio);
	for (unsigned n = 0; n < p->pci.nvectors; n++) {
		if (p->pci.vector_fd[n] >= 0)
			close(p->pci.vector_fd[n]);
		p->pci.vector_fd[n] = -1;
	}
	p->virtio = NULL;
}

static const struct state_field virtio_pci_fields[] = {
	STATE_FIELD(1, struct virtio_pci_state, window_offset),
	STATE_FIELD(2, struct virtio_pci_state, window_length),
	STATE_FIELD(3, struct virtio_pci_state, window_bar),
	STATE_ARRAY(4, struct virtio_pci_state, pad),
	STATE_LAST,
};

const struct state_desc virtio_pci_desc = {
	.name = "virtio-pci",
	.size = sizeof(struct virtio_pci_state),
	.offset = offsetof(struct virtio_pci, state),
	.fields = virtio_pci_fields,
};
