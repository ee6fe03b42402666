/*
 * A driver of a virtqueue, split or packed, over guest RAM of its own: what the tests of virtio/queue*.c play
 * against. It counts in 64 bits and works indexes and wrap counters out from that, so that it shares no
 * arithmetic with what it tests. Hostile tests change the memory behind its back.
 *
 * Source: virtio 1.2, 2.7.13 (split), 2.8.21 (packed).
 */
#ifndef TESTS_VIRTQ_DRIVER_H
#define TESTS_VIRTQ_DRIVER_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/guard.h"
#include "lib/types.h"
#include "virtio/queue.h"

#define RAM       UINT64_C(0x80000000)
#define RAM_BYTES MIB(4)
#define END       (RAM + RAM_BYTES)
#define LAST_PAGE (END - 0x1000)

/* Where things are in RAM unless a test says otherwise; tables and buffers have a page for each request. */
#define AT_DESC    (RAM + 0x1000)
#define AT_DRIVER  (RAM + 0x4000)
#define AT_DEVICE  (RAM + 0x8000)
#define AT_TABLES  (RAM + MIB(1))
#define AT_BUFFERS (RAM + MIB(2))
#define SLOT_BYTES 0x1000u

#define F_NEXT     1u
#define F_WRITE    2u
#define F_INDIRECT 4u
#define F_AVAIL    0x80u
#define F_USED     0x8000u

struct desc {
	uint64_t addr;
	uint32_t len;
	union {
		struct {
			uint16_t flags, next;
		} split;
		struct {
			uint16_t id, flags;
		} packed;
	};
};

struct driver_part {
	uint64_t addr;
	uint32_t len;
	bool write;
};

struct driver_setup {
	bool packed, event_idx, indirect, shared /* RAM is a file, which can be cut */;
	uint16_t size;
	uint64_t start;                /* entries that were made available and used before */
	uint64_t desc, driver, device; /* 0: the usual places */
};

struct driver {
	struct mem ram;
	struct virtq q;
	bool packed, event_idx, indirect;
	uint16_t size;
	uint64_t desc, driver, device;
	/* Split: entries of the rings. Packed: descriptors. */
	uint64_t added, kicked, collected;
	unsigned free; /* descriptors */
	uint16_t free_list
		[VIRTQ_MAX_SIZE]; /* split: descriptors; packed: ids. The first `free_ids` */
	unsigned free_ids;
	struct {
		uint16_t n, desc[VIRTQ_MAX_SIZE]; /* packed: only how many */
	} taken[VIRTQ_MAX_SIZE];                  /* by id */
};

/* ---- memory ---- */

static inline void *guest_ptr(const struct driver *d, uint64_t at, uint64_t bytes)
{
	void *p = mem_ptr(&d->ram, gpa(at), bytes);

	if (!p)
		abort();
	return p;
}

static inline uint16_t *word16(const struct driver *d, uint64_t at)
{
	return guest_ptr(d, at, 2);
}

static inline uint32_t *word32(const struct driver *d, uint64_t at)
{
	return guest_ptr(d, at, 4);
}

static inline struct desc *desc_at(const struct driver *d, unsigned i)
{
	return (struct desc *)guest_ptr(d, d->desc + 16u * i, 16);
}

static inline struct desc *table_entry(const struct driver *d, unsigned id, unsigned i)
{
	return (struct desc *)guest_ptr(d, AT_TABLES + (uint64_t)id * SLOT_BYTES + 16u * i, 16);
}

static inline uint64_t buffer_at(unsigned slot)
{
	return AT_BUFFERS + (uint64_t)slot * SLOT_BYTES;
}

/* ---- the split ring's words ---- */

static inline uint16_t *avail_flags(const struct driver *d)
{
	return word16(d, d->driver);
}

static inline uint16_t *avail_idx(const struct driver *d)
{
	return word16(d, d->driver + 2);
}

static inline uint16_t *avail_ring(const struct driver *d, uint64_t n)
{
	return word16(d, d->driver + 4 + 2 * (n % d->size));
}

static inline uint16_t *used_event(const struct driver *d)
{
	return word16(d, d->driver + 4 + 2u * d->size);
}

static inline uint16_t *used_flags(const struct driver *d)
{
	return word16(d, d->device);
}

static inline uint16_t *used_idx(const struct driver *d)
{
	return word16(d, d->device + 2);
}

static inline uint32_t *used_ring(const struct driver *d, uint64_t n)
{
	return word32(d, d->device + 4 + 8 * (n % d->size));
}

static inline uint16_t *avail_event(const struct driver *d)
{
	return word16(d, d->device + 4 + 8u * d->size);
}

/* ---- the packed ring's ---- */

/* 2.8.1: counters are 1 in the first round. */
static inline bool wrap_of(const struct driver *d, uint64_t n)
{
	return !(n / d->size & 1);
}

/* As in an event suppression word. */
static inline uint16_t place_of(const struct driver *d, uint64_t n)
{
	if (!d->packed)
		return (uint16_t)n;
	return (uint16_t)(n % d->size | (uint64_t)wrap_of(d, n) << 15);
}

static inline uint16_t available_flags(const struct driver *d, uint64_t n)
{
	return wrap_of(d, n) ? F_AVAIL : F_USED;
}

/* ---- opening ---- */

static inline void set_places(struct driver *d, uint64_t start)
{
	struct virtq_state *s = &d->q.state;

	d->added = d->kicked = d->collected = start;
	if (d->packed) {
		s->next_avail = s->next_used = s->told_used = (uint16_t)(start % d->size);
		s->avail_wrap = s->used_wrap = s->told_wrap = wrap_of(d, start);
		for (uint64_t n = start < d->size ? 0 : start - d->size; n < start; n++)
			desc_at(d, (unsigned)(n % d->size))->packed.flags =
				wrap_of(d, n) ? F_AVAIL | F_USED : 0;
		return;
	}
	s->next_avail = s->next_used = s->told_used = (uint16_t)start;
	*avail_idx(d) = *used_idx(d) = *used_event(d) = *avail_event(d) = (uint16_t)start;
}

/* As far as the device is told before DRIVER_OK; virtq_start() is the test's. */
static inline void driver_prepare(struct driver *d, const struct driver_setup *setup)
{
	struct err err = { "" };

	memset(d, 0, sizeof(*d));
	if (mem_map(&d->ram, gpa(RAM), RAM_BYTES, setup->shared ? MEM_MEMFD : MEM_ANON, NULL, &err))
		abort();
	d->packed = setup->packed;
	d->event_idx = setup->event_idx;
	d->indirect = setup->indirect;
	d->size = setup->size;
	d->desc = setup->desc ? setup->desc : AT_DESC;
	d->driver = setup->driver ? setup->driver : AT_DRIVER;
	d->device = setup->device ? setup->device : AT_DEVICE;
	for (unsigned i = 0; i < d->size; i++)
		d->free_list[i] = (uint16_t)(d->size - 1 - i);
	d->free = d->free_ids = d->size;
	virtq_init(&d->q, &d->ram, VIRTQ_MAX_SIZE);
	d->q.packed = d->packed;
	d->q.event_idx = d->event_idx;
	d->q.indirect = d->indirect;
	d->q.state.size = d->size;
	d->q.state.desc = d->desc;
	d->q.state.driver = d->driver;
	d->q.state.device = d->device;
	d->q.state.enabled = 1;
	set_places(d, setup->start);
}

static inline void driver_open(struct driver *d, const struct driver_setup *setup)
{
	driver_prepare(d, setup);
	if (!virtq_start(&d->q))
		fail_msg("a queue of %u entries does not start: %s", d->size, d->q.why);
}

static inline void driver_close(struct driver *d)
{
	mem_unmap(&d->ram);
}

/* All of RAM from the page of `at` on is lost, as if it were poisoned. Needs setup.shared. */
static inline void lose_from(struct driver *d, uint64_t at)
{
	if (ftruncate(d->ram.fd, (off_t)align_down(at - RAM, 4096)))
		abort();
}

/* ---- making requests available ---- */

static inline struct desc part_desc(const struct driver_part *part)
{
	return (struct desc){ .addr = part->addr, .len = part->len };
}

static inline unsigned part_flags(const struct driver_part *part)
{
	return part->write ? F_WRITE : 0;
}

/* An indirect table of request `id`, and the descriptor for it. */
static inline struct desc write_table(struct driver *d, unsigned id, const struct driver_part *part,
				      unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct desc desc = part_desc(&part[i]);

		if (d->packed) {
			desc.packed.flags = (uint16_t)part_flags(&part[i]);
		} else {
			desc.split.flags =
				(uint16_t)(part_flags(&part[i]) | (i + 1 < n ? F_NEXT : 0));
			desc.split.next = (uint16_t)(i + 1 < n ? i + 1 : 0);
		}
		*table_entry(d, id, i) = desc;
	}
	return (struct desc){ .addr = AT_TABLES + (uint64_t)id * SLOT_BYTES, .len = 16 * n };
}

static inline uint16_t take_desc(struct driver *d)
{
	d->free--;
	return d->free_list[--d->free_ids];
}

static inline int split_add(struct driver *d, const struct driver_part *part, unsigned n,
			    unsigned direct)
{
	unsigned slots = direct + (direct < n), id = d->free_list[d->free_ids - 1];

	d->taken[id].n = (uint16_t)slots;
	for (unsigned i = 0; i < slots; i++)
		d->taken[id].desc[i] = take_desc(d);
	for (unsigned i = 0; i < slots; i++) {
		struct desc desc;

		if (i == direct) {
			desc = write_table(d, id, part + direct, n - direct);
			desc.split.flags = F_INDIRECT;
		} else {
			desc = part_desc(&part[i]);
			desc.split.flags = (uint16_t)part_flags(&part[i]);
		}
		if (i + 1 < slots) {
			desc.split.flags |= F_NEXT;
			desc.split.next = d->taken[id].desc[i + 1];
		}
		*desc_at(d, d->taken[id].desc[i]) = desc;
	}
	*avail_ring(d, d->added++) = (uint16_t)id;
	__atomic_store_n(avail_idx(d), (uint16_t)d->added, __ATOMIC_RELEASE);
	return (int)id;
}

static inline int packed_add(struct driver *d, const struct driver_part *part, unsigned n,
			     unsigned direct)
{
	unsigned slots = direct < n ? 1 : n, id = d->free_list[--d->free_ids];
	uint16_t head_flags = 0;

	d->taken[id].n = (uint16_t)slots;
	d->free -= slots;
	for (unsigned i = 0; i < slots; i++) {
		struct desc *to = desc_at(d, (unsigned)((d->added + i) % d->size));
		struct desc desc = part_desc(&part[i]);
		unsigned flags = available_flags(d, d->added + i);

		if (direct < n) {
			desc = write_table(d, id, part, n);
			flags |= F_INDIRECT;
		} else {
			flags |= part_flags(&part[i]) | (i + 1 < slots ? F_NEXT : 0);
		}
		to->addr = desc.addr;
		to->len = desc.len;
		to->packed.id = (uint16_t)id;
		if (i)
			to->packed.flags = (uint16_t)flags;
		else
			head_flags = (uint16_t)flags;
	}
	__atomic_store_n(&desc_at(d, (unsigned)(d->added % d->size))->packed.flags, head_flags,
			 __ATOMIC_RELEASE);
	d->added += slots;
	return (int)id;
}

/* Make a request of `n` parts available, the first `direct` of them in the ring itself, the others in an
 * indirect table (packed: all or none). Its id, or -1: no room. */
static inline int driver_add(struct driver *d, const struct driver_part *part, unsigned n,
			     unsigned direct)
{
	if (d->free < direct + (direct < n))
		return -1;
	return d->packed ? packed_add(d, part, n, direct) : split_add(d, part, n, direct);
}

/* A request of one part, which nothing is wrong with. */
static inline int driver_add_one(struct driver *d, uint64_t addr, uint32_t len, bool write)
{
	struct driver_part part = { addr, len, write };

	return driver_add(d, &part, 1, 1);
}

/* ---- taking them back ---- */

static inline bool used_is_there(const struct driver *d)
{
	const struct desc *desc = desc_at(d, (unsigned)(d->collected % d->size));
	bool wrap = wrap_of(d, d->collected);
	uint16_t flags;

	if (!d->packed)
		return __atomic_load_n(used_idx(d), __ATOMIC_ACQUIRE) != (uint16_t)d->collected;
	flags = __atomic_load_n(&desc->packed.flags, __ATOMIC_ACQUIRE);
	return !!(flags & F_AVAIL) == wrap && !!(flags & F_USED) == wrap;
}

/* The next used request: id and length as the device said. False: none. */
static inline bool driver_collect(struct driver *d, unsigned *id, uint32_t *len)
{
	const struct desc *desc = desc_at(d, (unsigned)(d->collected % d->size));

	if (!used_is_there(d))
		return false;
	*id = d->packed ? desc->packed.id : used_ring(d, d->collected)[0];
	*len = d->packed ? desc->len : used_ring(d, d->collected)[1];
	if (*id >= d->size || !d->taken[*id].n)
		fail_msg("used id %u was not under way", *id);
	d->free += d->taken[*id].n;
	for (unsigned i = 0; !d->packed && i < d->taken[*id].n; i++)
		d->free_list[d->free_ids++] = d->taken[*id].desc[i];
	if (d->packed)
		d->free_list[d->free_ids++] = (uint16_t)*id;
	d->collected += d->packed ? d->taken[*id].n : 1;
	d->taken[*id].n = 0;
	return true;
}

/* ---- interrupts and kicks ---- */

/* Is `place` among those of [from, to)? */
static inline bool is_place_within(const struct driver *d, uint16_t place, uint64_t from,
				   uint64_t to)
{
	for (uint64_t n = from; n < to; n++)
		if (place_of(d, n) == place)
			return true;
	return false;
}

/* Does the device want to hear of what was added since this was asked last? */
static inline bool driver_needs_kick(struct driver *d)
{
	uint64_t from = d->kicked;
	uint32_t word;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	d->kicked = d->added;
	if (!d->packed && !d->event_idx)
		return !(__atomic_load_n(used_flags(d), __ATOMIC_RELAXED) & 1);
	if (!d->packed)
		return is_place_within(d, __atomic_load_n(avail_event(d), __ATOMIC_RELAXED), from,
				       d->added);
	word = __atomic_load_n(word32(d, d->device), __ATOMIC_RELAXED);
	if (word >> 16 == 2)
		return is_place_within(d, (uint16_t)word, from, d->added);
	return word >> 16 == 0;
}

/* Interrupts are wanted when `later` more entries than collected were used. True: that is so already. */
static inline bool driver_want_interrupts(struct driver *d, unsigned later)
{
	uint64_t wanted = d->collected + later;

	if (d->packed)
		__atomic_store_n(word32(d, d->driver),
				 d->event_idx ? 2u << 16 | place_of(d, wanted) : 0,
				 __ATOMIC_RELAXED);
	else if (d->event_idx)
		__atomic_store_n(used_event(d), (uint16_t)wanted, __ATOMIC_RELAXED);
	else
		__atomic_store_n(avail_flags(d), 0, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return used_is_there(d);
}

/* With an event index in the split ring there is no way to say so but an index that is far away. */
static inline void driver_no_interrupts(struct driver *d)
{
	if (d->packed)
		__atomic_store_n(word32(d, d->driver), 1u << 16, __ATOMIC_RELAXED);
	else if (!d->event_idx)
		__atomic_store_n(avail_flags(d), 1, __ATOMIC_RELAXED);
}

/* ---- what tests ask ---- */

/* The queue is broken, says `why`, and stays so. */
static inline void assert_broken(struct driver *d, struct virtq_chain *chain, const char *why)
{
	const char *found;

	if (virtq_pop(&d->q, chain) != VIRTQ_BROKEN)
		fail_msg("expected the queue to break: %s", why);
	found = d->q.why ? d->q.why : "(nothing)";
	if (strcmp(found, why) != 0)
		fail_msg("expected \"%s\", found \"%s\"", why, found);
	assert_int_equal(d->q.state.broken, 1);
	assert_int_equal(virtq_pop(&d->q, chain), VIRTQ_BROKEN);
	assert_false(virtq_has_work(&d->q));
	assert_false(virtq_want_kicks(&d->q));
	assert_false(virtq_should_interrupt(&d->q));
}

/* A driver that is right but for one thing, and what the queue says to it. */
struct wrong {
	const char *name;
	void (*make)(struct driver *d);
	const char *why;
};

static inline void check_wrong(const struct driver_setup *setup, const struct wrong *wrong,
			       struct virtq_chain *chain)
{
	struct driver d;

	driver_open(&d, setup);
	wrong->make(&d);
	if (!virtq_has_work(&d.q))
		fail_msg("%s: is not worth a look", wrong->name);
	assert_broken(&d, chain, wrong->why);
	driver_close(&d);
}

static inline void on_sigbus(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	guard_catch((uintptr_t)info->si_addr);
	_exit(42);
}

static inline void catch_sigbus(void)
{
	struct sigaction action = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO };

	assert_int_equal(sigaction(SIGBUS, &action, NULL), 0);
}

#endif
