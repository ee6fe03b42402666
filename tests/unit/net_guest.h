/*
 * A guest's driver of a network interface, on top of virtio_guest.h: requests of several buffers, each by an
 * indirect table, and what a driver does with them. Buffers lie in the upper half of RAM, where a test says.
 *
 * Source: virtio 1.2, 5.1.6.
 */
#ifndef TESTS_NET_GUEST_H
#define TESTS_NET_GUEST_H

#include "virtio/net.h"
#include "virtio_guest.h"

#define NET_TABLES  (GUEST_RAM + MIB(2))
#define NET_BUFFERS (GUEST_RAM + MIB(3))
#define NET_QUEUES  (2 * NET_MAX_PAIRS + 1)

#define RX0 0u
#define TX0 1u
#define CTL 2u

/* What every test's driver accepts. */
#define NET_BASIC VIRTIO_FEATURE_INDIRECT_DESC
#define NET_FULL                                                                                   \
	(NET_BASIC | VIRTIO_NET_F_MAC | VIRTIO_NET_F_STATUS | VIRTIO_NET_F_MRG_RXBUF |             \
	 VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_CTRL_RX | VIRTIO_NET_F_CTRL_RX_EXTRA |                \
	 VIRTIO_NET_F_CTRL_MAC_ADDR)

struct net_part {
	uint64_t at;
	uint32_t len;
	bool write;
};

struct net_guest {
	struct guest g;
	struct virtio_net net;
};

static inline void parse_options(struct net_options *o, const char *text)
{
	struct err err = { "" };

	if (net_options_parse(o, text, &err))
		fail_msg("\"%s\" %s", text, err.text);
}

/* Open the device and plug it in; no driver yet. */
static inline void net_build(struct net_guest *n, const char *options)
{
	struct net_options o;
	struct err err = { "" };

	guest_build(&n->g);
	parse_options(&o, options);
	if (virtio_net_open(&n->net, &o, &n->g.io, &n->g.ram, 0, &err))
		fail_msg("%s", err.text);
	guest_plug(&n->g, &n->net.virtio);
}

static inline void net_tear_down(struct net_guest *n)
{
	iothread_close(&n->g.io);
	virtio_net_close(&n->net);
	guest_tear_down(&n->g);
}

static UNSEEN void write_table(struct guest *g, uint64_t at, const struct net_part *part,
			       unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		uint8_t *desc = guest_memory(g, at + 16 * i, 16);
		bool more = i + 1 < n;

		*(volatile uint64_t *)(void *)desc = part[i].at;
		*(volatile uint32_t *)(void *)(desc + 8) = part[i].len;
		*(volatile uint16_t *)(void *)(desc + 12) =
			(uint16_t)((part[i].write ? 2 : 0) | (more && !g->packed ? 1 : 0));
		*(volatile uint16_t *)(void *)(desc + 14) = (uint16_t)(more ? i + 1 : 0);
		if (g->packed) {
			*(volatile uint16_t *)(void *)(desc + 12) = 0;
			*(volatile uint16_t *)(void *)(desc + 14) = part[i].write ? 2 : 0;
		}
	}
}

static UNSEEN void write_indirect(struct guest *g, unsigned q, unsigned slot, uint64_t table,
				  uint32_t bytes, bool wrap)
{
	uint8_t *desc = guest_memory(g, queue_base(q) + 16 * slot, 16);

	*(volatile uint64_t *)(void *)desc = table;
	*(volatile uint32_t *)(void *)(desc + 8) = bytes;
	if (!g->packed) {
		*(volatile uint16_t *)(void *)(desc + 12) = 4;
		return;
	}
	*(volatile uint16_t *)(void *)(desc + 12) = (uint16_t)slot;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	*(volatile uint16_t *)(void *)(desc + 14) = (uint16_t)(4 | (wrap ? 0x80 : 0x8000));
}

/* Make a request available; no kick. */
static inline void net_add(struct net_guest *n, unsigned queue, const struct net_part *part,
			   unsigned nparts)
{
	struct guest_queue *q = &n->g.queue[queue];
	unsigned slot = q->added % GUEST_SIZE;
	uint64_t table = NET_TABLES + queue * UINT64_C(0x8000) + slot * UINT64_C(0x1000);

	assert_true(q->added - q->collected < GUEST_SIZE);
	write_table(&n->g, table, part, nparts);
	write_indirect(&n->g, queue, slot, table, 16 * nparts, !(q->added / GUEST_SIZE & 1));
	q->added++;
	if (!n->g.packed)
		announce(&n->g, queue, (uint16_t)slot, (uint16_t)q->added);
}

static inline void net_put(struct net_guest *n, uint64_t at, const void *bytes, size_t len)
{
	copy_unseen(guest_memory(&n->g, at, len), bytes, len);
}

static inline void net_get(struct net_guest *n, uint64_t at, void *bytes, size_t len)
{
	copy_unseen(bytes, guest_memory(&n->g, at, len), len);
}

/* The next request given back, and how much was written. */
static inline bool net_collect(struct net_guest *n, unsigned queue, uint32_t *len)
{
	struct guest_queue *q = &n->g.queue[queue];

	if (q->collected == q->added || !used_at(&n->g, queue, q->collected, len))
		return false;
	q->collected++;
	return true;
}

static inline uint32_t net_wait(struct net_guest *n, unsigned queue)
{
	uint64_t end_ns = clock_now_ns() + GUEST_DEADLINE;
	uint32_t len = 0;

	while (!net_collect(n, queue, &len)) {
		if (clock_now_ns() > end_ns)
			fail_msg("queue %u: a request was not given back", queue);
		guest_settle(&n->g);
	}
	return len;
}

static inline void nothing_given_back(struct net_guest *n, unsigned queue)
{
	uint32_t len;

	guest_settle(&n->g);
	if (net_collect(n, queue, &len))
		fail_msg("queue %u: a request was given back, with %u bytes", queue, len);
}

/* A frame whose bytes tell where they belong. */
static inline void make_frame(uint8_t *frame, size_t bytes, unsigned seed)
{
	for (size_t i = 0; i < bytes; i++)
		frame[i] = (uint8_t)(i * 7 + seed * 31 + (i >> 8));
}

static inline void check_bytes(const char *what, const uint8_t *found, const uint8_t *expected,
			       size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		if (found[i] != expected[i])
			fail_msg("%s: byte %zu of %zu: expected 0x%02x, found 0x%02x", what, i,
				 bytes, expected[i], found[i]);
}

static inline void check_count(const char *name, _Atomic uint64_t *count, uint64_t expected)
{
	if (*count != expected)
		fail_msg("%s: expected %llu, found %llu", name, (unsigned long long)expected,
			 (unsigned long long)*count);
}

/* A header of zeroes and a frame, in buffers of their own, from `at` on. */
static inline void net_send(struct net_guest *n, unsigned queue, uint64_t at, const uint8_t *frame,
			    uint32_t bytes)
{
	static const uint8_t header[NET_HEADER_BYTES];
	struct net_part part[] = { { at, sizeof(header), false },
				   { at + sizeof(header), bytes, false } };

	net_put(n, at, header, sizeof(header));
	net_put(n, at + sizeof(header), frame, bytes);
	net_add(n, queue, part, 2);
}

static inline void net_offer(struct net_guest *n, unsigned queue, uint64_t at, uint32_t bytes)
{
	struct net_part part = { at, bytes, true };

	net_add(n, queue, &part, 1);
}

/* A command of the control queue, and its answer. */
static inline uint8_t net_command(struct net_guest *n, unsigned queue, const void *command,
				  uint32_t bytes)
{
	uint64_t at = NET_BUFFERS + 0xf0000;
	struct net_part part[] = { { at, bytes, false }, { at + 0x8000, 1, true } };
	uint8_t ack = 0xee;

	net_put(n, at, command, bytes);
	net_put(n, at + 0x8000, &ack, 1);
	net_add(n, queue, part, 2);
	guest_kick(&n->g, queue);
	assert_int_equal(net_wait(n, queue), 1);
	net_get(n, at + 0x8000, &ack, 1);
	return ack;
}

#endif
