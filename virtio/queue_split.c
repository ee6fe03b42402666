/*
 * The split ring (virtio 1.2, 2.7): a table of descriptors, the ring in which the driver makes chains of them
 * available, and the ring in which the device gives them back. Indexes run freely, modulo 2^16.
 *
 * The driver's available index is looked at only when all that it announced before has been taken.
 */
#include <stdatomic.h>
#include <stddef.h>

#include "virtio/queue_private.h"

/* 2.7.6, 2.7.8: both rings have flags and an index first, and an event index behind the entries. */
#define RING_FLAGS 0u
#define RING_IDX   2u
#define RING_FIRST 4u

#define AVAIL_ENTRY_BYTES  2u
#define USED_ENTRY_BYTES   8u
#define AVAIL_NO_INTERRUPT 1u
#define USED_NO_NOTIFY     1u

static uint16_t distance(uint16_t from, uint16_t to)
{
	return (uint16_t)(to - from);
}

static size_t entry_of(const struct virtq *q, uint16_t index)
{
	return index & (q->state.size - 1u);
}

static const uint8_t *avail_entry(const struct virtq *q, uint16_t index)
{
	return q->driver_ring + RING_FIRST + entry_of(q, index) * AVAIL_ENTRY_BYTES;
}

static uint8_t *used_entry(const struct virtq *q, uint16_t index)
{
	return q->device_ring + RING_FIRST + entry_of(q, index) * USED_ENTRY_BYTES;
}

/* 2.7.7: up to where the driver wants no interrupts; behind the available ring. */
static const uint8_t *used_event(const struct virtq *q)
{
	return q->driver_ring + RING_FIRST + (size_t)q->state.size * AVAIL_ENTRY_BYTES;
}

/* 2.7.10: up to where the device wants no kicks; behind the used ring. */
static uint8_t *avail_event(const struct virtq *q)
{
	return q->device_ring + RING_FIRST + (size_t)q->state.size * USED_ENTRY_BYTES;
}

const char *split_bad_places(const struct virtq_state *s)
{
	if (distance(s->next_used, s->next_avail) > s->size)
		return "more requests are under way than the queue has entries";
	return NULL;
}

/* ---- requests ---- */

/* See how far the driver has got. What it made available can be read afterwards. */
static bool look(struct virtq *q)
{
	struct virtq_state *s = &q->state;
	unsigned under_way = distance(s->next_used, s->next_avail);

	if (!queue_load16(q, q->driver_ring + RING_IDX, &q->avail_seen))
		return false;
	atomic_thread_fence(memory_order_acquire);
	if (distance(s->next_avail, q->avail_seen) > s->size - under_way)
		return queue_break(q, "the available index is further ahead than the queue has "
				      "entries");
	return true;
}

/* Take the descriptors of a table from `first` on, until the chain ends or at an indirect one, which is handed
 * out in `last`. False: broken. */
static bool follow(struct virtq *q, const struct queue_table *table, uint32_t first,
		   struct virtq_chain *chain, struct queue_part *last)
{
	uint32_t at = first;

	for (uint32_t n = 0; n < table->entries; n++) {
		struct queue_desc desc;

		if (!queue_load_desc(q, table->at, at, &desc))
			return false;
		*last = (struct queue_part){ desc.addr, desc.len, desc.half[0] };
		if (last->flags & DESC_INDIRECT)
			return true;
		if (!queue_add_part(q, chain, last))
			return false;
		if (!(last->flags & DESC_NEXT))
			return true;
		at = desc.half[1];
		if (at >= table->entries)
			return queue_break(q, "a chain goes on beyond the descriptor table");
	}
	return queue_break(q, "a chain of descriptors has a loop");
}

/* 2.7.5.3: a chain ends in at most one indirect table, which has none itself. An indirect chain may be longer
 * than the queue: Linux makes it so where it chose a smaller queue than offered. */
static bool collect(struct virtq *q, uint16_t head, struct virtq_chain *chain)
{
	struct queue_table table = { .at = q->desc_ring, .entries = q->state.size };
	struct queue_part last;

	if (!follow(q, &table, head, chain, &last))
		return false;
	if (!(last.flags & DESC_INDIRECT))
		return true;
	table = queue_indirect(q, &last);
	if (!table.at || !follow(q, &table, 0, chain, &last))
		return false;
	if (last.flags & DESC_INDIRECT)
		return queue_break(q, "an indirect table refers to another");
	return true;
}

enum virtq_got split_pop(struct virtq *q, struct virtq_chain *chain)
{
	struct virtq_state *s = &q->state;

	if (q->avail_seen == s->next_avail && !look(q))
		return VIRTQ_BROKEN;
	if (q->avail_seen == s->next_avail)
		return VIRTQ_NOTHING;
	queue_chain_begin(chain);
	if (!queue_load16(q, avail_entry(q, s->next_avail), &chain->id))
		return VIRTQ_BROKEN;
	if (chain->id >= s->size) {
		queue_break(q, "the available ring names a descriptor beyond the table");
		return VIRTQ_BROKEN;
	}
	if (!collect(q, chain->id, chain))
		return VIRTQ_BROKEN;
	chain->nslots = 1;
	s->next_avail++;
	return VIRTQ_REQUEST;
}

/* Something to take, or to find broken by taking it. */
bool split_has_work(struct virtq *q)
{
	if (q->avail_seen == q->state.next_avail && !look(q))
		return true;
	return q->avail_seen != q->state.next_avail;
}

/* 65536 pushes that nobody asked about must not look like none. */
static void move_used(struct virtq_state *s, unsigned n)
{
	bool round = distance(s->told_used, s->next_used) + n > UINT16_MAX;

	s->next_used = (uint16_t)(s->next_used + n);
	if (round)
		s->told_used = (uint16_t)(s->next_used + 1);
}

/* 2.7.8: an entry is head and length. The index makes all of them seen. */
void split_push_all(struct virtq *q, const struct virtq_used *used, unsigned n)
{
	struct virtq_state *s = &q->state;

	for (unsigned i = 0; i < n; i++) {
		uint64_t entry = (uint64_t)used[i].written << 32 | used[i].id;

		if (!queue_store64(q, used_entry(q, (uint16_t)(s->next_used + i)), entry))
			return;
	}
	move_used(s, n);
	atomic_thread_fence(memory_order_release);
	queue_store16(q, q->device_ring + RING_IDX, s->next_used);
}

/* ---- interrupts and kicks ---- */

/* 2.7.7.2: with an event index, if the entry of that index is among the new ones. */
static bool passed(uint16_t event, uint16_t old, uint16_t new)
{
	return distance(event, new) - 1u < distance(old, new);
}

bool split_should_interrupt(struct virtq *q)
{
	struct virtq_state *s = &q->state;
	uint16_t old = s->told_used, word;

	s->told_used = s->next_used;
	if (old == s->next_used)
		return false;
	/* The driver sets its wish and then looks at the used index; we do the reverse. */
	atomic_thread_fence(memory_order_seq_cst);
	if (!queue_load16(q, q->event_idx ? used_event(q) : q->driver_ring + RING_FLAGS, &word))
		return true;
	return q->event_idx ? passed(word, old, s->next_used) : !(word & AVAIL_NO_INTERRUPT);
}

/* With an event index nothing is to be done: the driver kicks when it passes the old one, and has. */
void split_stop_kicks(struct virtq *q)
{
	if (!q->event_idx)
		queue_store16(q, q->device_ring + RING_FLAGS, USED_NO_NOTIFY);
}

bool split_want_kicks(struct virtq *q)
{
	bool stored = q->event_idx ? queue_store16(q, avail_event(q), q->state.next_avail)
				   : queue_store16(q, q->device_ring + RING_FLAGS, 0);

	/* The driver makes a request available and then looks at our wish; we do the reverse. */
	atomic_thread_fence(memory_order_seq_cst);
	return !stored || split_has_work(q);
}
