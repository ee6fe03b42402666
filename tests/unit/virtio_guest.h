/*
 * A guest in front of one virtio-mmio device: it sets the device up through its registers, on a bus, makes
 * requests of one buffer each available, kicks, waits for its interrupt's eventfd. The device's side is real,
 * with an I/O thread if a test wants one.
 *
 * Words of the rings are written behind the thread sanitizer's back: what orders them are fences, which it
 * does not know.
 *
 * Source: virtio 1.2, 4.2.3.1 (initialization), 2.7.13 (split), 2.8.21 (packed).
 */
#ifndef TESTS_VIRTIO_GUEST_H
#define TESTS_VIRTIO_GUEST_H

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "arm64/dev/bus.h"
#include "lib/clock.h"
#include "virtio/mmio.h"

#define GUEST_RAM        UINT64_C(0x80000000)
#define GUEST_RAM_BYTES  MIB(4)
#define GUEST_MMIO       UINT64_C(0x03000000)
#define GUEST_QUEUES     40
#define GUEST_SIZE       8u /* entries of a queue */
#define GUEST_SLOT_BYTES 0x1000u
#define GUEST_DEADLINE   (30 * NS_PER_SEC)

#define UNSEEN __attribute__((no_sanitize("thread"), noinline, unused))

enum {
	R_MAGIC = 0x000,
	R_VERSION = 0x004,
	R_DEVICE_ID = 0x008,
	R_VENDOR_ID = 0x00c,
	R_FEATURES = 0x010,
	R_FEATURES_SEL = 0x014,
	R_DRIVER_FEATURES = 0x020,
	R_DRIVER_FEATURES_SEL = 0x024,
	R_QUEUE_SEL = 0x030,
	R_QUEUE_NUM_MAX = 0x034,
	R_QUEUE_NUM = 0x038,
	R_QUEUE_READY = 0x044,
	R_NOTIFY = 0x050,
	R_ISR = 0x060,
	R_ACK = 0x064,
	R_STATUS = 0x070,
	R_DESC = 0x080,
	R_DRIVER = 0x090,
	R_DEVICE = 0x0a0,
	R_SHM_SEL = 0x0ac,
	R_SHM_LEN = 0x0b0,
	R_SHM_BASE = 0x0b8,
	R_QUEUE_RESET = 0x0c0,
	R_GENERATION = 0x0fc,
	R_CONFIG = 0x100,
};

struct guest_queue {
	uint64_t added, collected; /* requests, ever */
};

struct guest {
	struct mem ram;
	struct iothread io;
	struct bus bus;
	struct virtio_mmio mmio;
	int irq_fd;
	bool packed;
	struct guest_queue queue[GUEST_QUEUES];
	int wired[GUEST_QUEUES]; /* eventfd that wire_kick() was told; -1: none */
	int wire_error;          /* what wire_kick() answers */
	/* guest_never_stops() */
	uint32_t fed_bytes;
	bool fed_to_write;
	unsigned nfed;
};

/* ---- registers ---- */

static inline uint64_t guest_read(struct guest *g, uint64_t reg, unsigned len)
{
	uint64_t value = UINT64_MAX;

	assert_true(bus_read(&g->bus, gpa(GUEST_MMIO + reg), len, &value));
	return value;
}

static inline void guest_write(struct guest *g, uint64_t reg, unsigned len, uint64_t value)
{
	assert_true(bus_write(&g->bus, gpa(GUEST_MMIO + reg), len, value));
}

static inline uint32_t get(struct guest *g, uint64_t reg)
{
	return (uint32_t)guest_read(g, reg, 4);
}

static inline void set(struct guest *g, uint64_t reg, uint32_t value)
{
	guest_write(g, reg, 4, value);
}

static inline void check_register(struct guest *g, const char *name, uint64_t reg,
				  uint32_t expected)
{
	uint32_t found = get(g, reg);

	if (found != expected)
		fail_msg("%s (0x%03x): expected 0x%x, found 0x%x", name, (unsigned)reg, expected,
			 found);
}

/* ---- building ---- */

static inline int guest_wire(void *world, gpa_t notify, unsigned queue, int fd, bool on)
{
	struct guest *g = world;

	assert_int_equal(notify.v, GUEST_MMIO + R_NOTIFY);
	if (on && g->wire_error)
		return g->wire_error;
	assert_int_equal(g->wired[queue] >= 0, !on);
	g->wired[queue] = on ? fd : -1;
	return 0;
}

/* RAM and an I/O thread that does not run yet; then a device is opened over them. */
static inline void guest_build(struct guest *g)
{
	static const struct guest empty;
	struct err err = { "" };

	*g = empty;
	if (mem_map(&g->ram, gpa(GUEST_RAM), GUEST_RAM_BYTES, MEM_ANON, NULL, &err) ||
	    iothread_open(&g->io, &err))
		fail_msg("%s", err.text);
	g->irq_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	assert_true(g->irq_fd >= 0);
	for (unsigned n = 0; n < GUEST_QUEUES; n++)
		g->wired[n] = -1;
}

static inline void guest_plug(struct guest *g, struct virtio_device *virtio)
{
	static const struct virtio_mmio_ops ops = { .wire_kick = guest_wire };
	struct err err = { "" };

	if (virtio_mmio_init(&g->mmio, gpa(GUEST_MMIO), virtio, g->irq_fd, &ops, g, &err) ||
	    bus_add(&g->bus, &g->mmio.dev, &err))
		fail_msg("%s", err.text);
	bus_freeze(&g->bus);
}

static inline void guest_start_thread(struct guest *g)
{
	struct err err = { "" };

	if (iothread_start(&g->io, "test", &err))
		fail_msg("%s", err.text);
}

static inline void guest_tear_down(struct guest *g)
{
	iothread_close(&g->io);
	virtio_mmio_close(&g->mmio);
	close(g->irq_fd);
	mem_unmap(&g->ram);
}

/* ---- the driver's side of initialization ---- */

static inline void guest_negotiate(struct guest *g, uint64_t features)
{
	features |= VIRTIO_FEATURE_VERSION_1;
	g->packed = features & VIRTIO_FEATURE_RING_PACKED;
	set(g, R_STATUS, 0);
	set(g, R_STATUS, 1);
	set(g, R_STATUS, 3);
	for (uint32_t half = 0; half < 2; half++) {
		set(g, R_DRIVER_FEATURES_SEL, half);
		set(g, R_DRIVER_FEATURES, (uint32_t)(features >> 32 * half));
	}
	set(g, R_STATUS, 11);
	check_register(g, "Status", R_STATUS, 11);
}

static inline uint64_t queue_base(unsigned n)
{
	return GUEST_RAM + n * UINT64_C(0x10000);
}

static inline uint64_t slot_at(unsigned n, unsigned slot)
{
	return queue_base(n) + 0x4000 + slot * UINT64_C(0x1000);
}

static inline void *guest_memory(struct guest *g, uint64_t at, uint64_t bytes)
{
	void *p = mem_ptr(&g->ram, gpa(at), bytes);

	assert_non_null(p);
	return p;
}

static inline void set64(struct guest *g, uint64_t reg, uint64_t value)
{
	set(g, reg, (uint32_t)value);
	set(g, reg + 4, (uint32_t)(value >> 32));
}

static UNSEEN void clear_rings(struct guest *g, unsigned n)
{
	volatile uint64_t *words = guest_memory(g, queue_base(n), 0x4000);

	for (unsigned i = 0; i < 0x4000 / 8; i++)
		words[i] = 0;
	g->queue[n] = (struct guest_queue){ 0, 0 };
}

static inline void guest_set_up_queue(struct guest *g, unsigned n)
{
	clear_rings(g, n);
	set(g, R_QUEUE_SEL, n);
	set(g, R_QUEUE_NUM, GUEST_SIZE);
	set64(g, R_DESC, queue_base(n));
	set64(g, R_DRIVER, queue_base(n) + 0x1000);
	set64(g, R_DEVICE, queue_base(n) + 0x2000);
	set(g, R_QUEUE_READY, 1);
	check_register(g, "QueueReady", R_QUEUE_READY, 1);
}

/* Up to DRIVER_OK, with all queues. */
static inline void guest_set_up(struct guest *g, uint64_t features)
{
	guest_negotiate(g, features);
	for (unsigned n = 0; n < g->mmio.virtio->nqueues; n++)
		guest_set_up_queue(g, n);
	set(g, R_STATUS, 15);
	check_register(g, "Status", R_STATUS, 15);
}

/* ---- requests ---- */

/* A buffer's descriptor; the packed ring's flags come last and make it available. */
static UNSEEN void write_desc(struct guest *g, unsigned n, unsigned slot, uint32_t len, bool write,
			      bool wrap)
{
	uint8_t *desc = guest_memory(g, queue_base(n) + 16 * slot, 16);
	uint16_t flags = write ? 2 : 0;

	*(volatile uint64_t *)(void *)desc = slot_at(n, slot);
	*(volatile uint32_t *)(void *)(desc + 8) = len;
	if (!g->packed) {
		*(volatile uint16_t *)(void *)(desc + 12) = flags;
		return;
	}
	*(volatile uint16_t *)(void *)(desc + 12) = (uint16_t)slot;
	flags |= wrap ? 0x80 : 0x8000;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	*(volatile uint16_t *)(void *)(desc + 14) = flags;
}

static UNSEEN void announce(struct guest *g, unsigned n, uint16_t slot, uint16_t index)
{
	uint8_t *ring = guest_memory(g, queue_base(n) + 0x1000, 4 + 2 * GUEST_SIZE);

	*(volatile uint16_t *)(void *)(ring + 4 + 2 * slot) = slot;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	*(volatile uint16_t *)(void *)(ring + 2) = index;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* Make slot's buffer available, of `len` bytes. Its slot. */
static inline unsigned guest_add(struct guest *g, unsigned n, uint32_t len, bool write)
{
	struct guest_queue *q = &g->queue[n];
	unsigned slot = q->added % GUEST_SIZE;
	bool wrap = !(q->added / GUEST_SIZE & 1);

	if (q->added - q->collected >= GUEST_SIZE)
		fail_msg("queue %u: no room for another request", n);
	write_desc(g, n, slot, len, write, wrap);
	q->added++;
	if (!g->packed)
		announce(g, n, (uint16_t)slot, (uint16_t)q->added);
	return slot;
}

static inline void guest_kick(struct guest *g, unsigned n)
{
	uint64_t one = 1;

	if (g->wired[n] >= 0)
		assert_int_equal(write(g->wired[n], &one, sizeof(one)), sizeof(one));
	else
		set(g, R_NOTIFY, n);
}

static UNSEEN void copy_unseen(volatile uint8_t *to, const volatile uint8_t *from, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		to[i] = from[i];
}

static inline void guest_send(struct guest *g, unsigned n, const void *bytes, uint32_t len)
{
	unsigned slot = g->queue[n].added % GUEST_SIZE;

	copy_unseen(guest_memory(g, slot_at(n, slot), len), bytes, len);
	guest_add(g, n, len, false);
	guest_kick(g, n);
}

/* Offer all free slots for input, with `len` bytes each. */
static inline void guest_offer(struct guest *g, unsigned n, uint32_t len)
{
	while (g->queue[n].added - g->queue[n].collected < GUEST_SIZE)
		guest_add(g, n, len, true);
	guest_kick(g, n);
}

static UNSEEN bool used_at(struct guest *g, unsigned n, uint64_t index, uint32_t *len)
{
	unsigned slot = index % GUEST_SIZE;
	bool wrap = !(index / GUEST_SIZE & 1);
	const uint8_t *used = guest_memory(g, queue_base(n) + 0x2000, 4 + 8 * GUEST_SIZE);
	const uint8_t *desc = guest_memory(g, queue_base(n) + 16 * slot, 16);
	uint16_t flags;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!g->packed) {
		if (*(const volatile uint16_t *)(const void *)(used + 2) == (uint16_t)index)
			return false;
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		*len = *(const volatile uint32_t *)(const void *)(used + 4 + 8 * slot + 4);
		return true;
	}
	flags = *(const volatile uint16_t *)(const void *)(desc + 14);
	if (!!(flags & 0x80) != wrap || !!(flags & 0x8000) != wrap)
		return false;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	*len = *(const volatile uint32_t *)(const void *)(desc + 8);
	return true;
}

/* The next request given back, in order; false: none yet. */
static inline bool guest_collect(struct guest *g, unsigned n, uint8_t *to, uint32_t *len)
{
	struct guest_queue *q = &g->queue[n];

	if (q->collected == q->added || !used_at(g, n, q->collected, len))
		return false;
	if (*len > GUEST_SLOT_BYTES)
		fail_msg("queue %u: %u bytes were written into %u", n, *len, GUEST_SLOT_BYTES);
	if (to)
		copy_unseen(to, guest_memory(g, slot_at(n, q->collected % GUEST_SIZE), *len), *len);
	q->collected++;
	return true;
}

/* The same, waiting: a device that does not answer fails the test. An interrupt ends a nap early. */
static inline uint32_t guest_wait(struct guest *g, unsigned n, uint8_t *to)
{
	uint64_t end_ns = clock_now_ns() + GUEST_DEADLINE, count;
	struct pollfd p = { .fd = g->irq_fd, .events = POLLIN };
	uint32_t len;

	while (!guest_collect(g, n, to, &len)) {
		if (clock_now_ns() > end_ns)
			fail_msg("queue %u: a request was not given back", n);
		if (!g->io.started && loop_once(&g->io.loop, 0) < 0)
			fail_msg("the loop does not run");
		if (poll(&p, 1, g->io.started ? 5 : 0) > 0 &&
		    read(g->irq_fd, &count, sizeof(count)) < 0)
			fail_msg("the interrupt's eventfd cannot be read");
	}
	return len;
}

/* How often the interrupt was raised since this was asked last. */
static inline uint64_t guest_interrupts(struct guest *g)
{
	uint64_t count = 0;

	return read(g->irq_fd, &count, sizeof(count)) > 0 ? count : 0;
}

#define GUEST_MOST_FED 10000

/* A driver on another CPU, in place of the interrupt: for each request that comes back there is a new one. */
static inline void guest_feed(struct virtio_device *dev, unsigned n)
{
	struct virtio_mmio *mmio = dev->transport_world;
	struct guest *g = (struct guest *)((uint8_t *)mmio - offsetof(struct guest, mmio));
	uint32_t len;

	while (g->nfed < GUEST_MOST_FED && guest_collect(g, n, NULL, &len)) {
		guest_add(g, n, g->fed_bytes, g->fed_to_write);
		g->nfed++;
	}
}

/* One that goes on adding requests, of `len` bytes each, is served on, but does not keep the thread. */
static inline void guest_never_stops(struct guest *g, unsigned n, uint32_t len, bool write)
{
	static const struct virtio_transport feeding = { .interrupt = guest_feed };
	struct virtio_device *dev = g->mmio.virtio;
	const struct virtio_transport *own = dev->transport;

	g->fed_bytes = len;
	g->fed_to_write = write;
	dev->transport = &feeding;
	guest_add(g, n, len, write);
	guest_kick(g, n);
	assert_true(loop_once(&g->io.loop, 0) >= 0);
	if (g->nfed < 1 || g->nfed > 100)
		fail_msg("expected 1 to 100 requests served in one go, found %u", g->nfed);
	while (g->nfed < 1000)
		assert_true(loop_once(&g->io.loop, 0) >= 0);
	dev->transport = own;
}

static inline void nothing_on_io(void *arg)
{
	(void)arg;
}

/* Let the I/O thread (or, without one, the loop) do all that is to be done now. */
static inline void guest_settle(struct guest *g)
{
	for (unsigned i = 0; i < 8; i++) {
		if (g->io.started)
			iothread_call(&g->io, nothing_on_io, NULL);
		else
			assert_int_equal(loop_once(&g->io.loop, 0), 0);
	}
}

/* Wait until what `fn` looks at is so. */
static inline void guest_until(struct guest *g, bool (*fn)(void *arg), void *arg, const char *what)
{
	uint64_t end_ns = clock_now_ns() + GUEST_DEADLINE;

	while (!fn(arg)) {
		guest_settle(g);
		if (clock_now_ns() > end_ns)
			fail_msg("it did not come about that %s", what);
		poll(NULL, 0, 1);
	}
}

#endif
