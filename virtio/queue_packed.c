/*
 * The packed ring (virtio 1.2, 2.8): one ring of descriptors that the driver makes available and the device
 * overwrites as used. Whose turn an entry is follows from two of its flags and a wrap counter on each side,
 * which changes whenever the end of the ring is passed.
 *
 * A place is an entry and a wrap counter; so there are twice as many places as entries, and the distance of two
 * is known without counting rounds.
 */
#include <stdatomic.h>
#include <stddef.h>

#include "virtio/queue_private.h"

/* 2.8.1: both equal to the wrap counter: used; only AVAIL: available. */
#define DESC_AVAIL (1u << 7)
#define DESC_USED  (1u << 15)

#define FLAGS_OFFSET 14u

/* 2.8.14: a word of event suppression: place, and what is wanted. */
#define EVENT_WRAP         (1u << 15)
#define EVENT_FLAGS_SHIFT  16
#define EVENT_FLAGS        3u
#define EVENT_FLAG_ENABLE  0u
#define EVENT_FLAG_DISABLE 1u
#define EVENT_FLAG_DESC    2u

struct place {
	uint16_t entry;
	uint8_t wrap; /* 0 or 1; begins with 1 */
};

static struct place next_avail(const struct virtq *q)
{
	return (struct place){ q->state.next_avail, q->state.avail_wrap };
}

static struct place next_used(const struct virtq *q)
{
	return (struct place){ q->state.next_used, q->state.used_wrap };
}

static struct place told_used(const struct virtq *q)
{
	return (struct place){ q->state.told_used, q->state.told_wrap };
}

static struct place after(const struct virtq *q, struct place at, unsigned n)
{
	unsigned entry = at.entry + n;

	if (entry < q->state.size)
		return (struct place){ (uint16_t)entry, at.wrap };
	return (struct place){ (uint16_t)(entry - q->state.size), at.wrap ^ 1 };
}

/* How many entries after `from` is `to`? Less than twice the ring. */
static unsigned distance(uint16_t size, struct place from, struct place to)
{
	int n = (to.entry + (from.wrap == to.wrap ? 0 : size)) - from.entry;

	return (unsigned)(n < 0 ? n + 2 * size : n);
}

static unsigned under_way(const struct virtq *q)
{
	return distance(q->state.size, next_used(q), next_avail(q));
}

const char *packed_bad_places(const struct virtq_state *s)
{
	struct place used = { s->next_used, s->used_wrap },
		     avail = { s->next_avail, s->avail_wrap };

	if (s->next_avail >= s->size || s->next_used >= s->size || s->told_used >= s->size)
		return "a place in the ring is beyond its end";
	if (s->avail_wrap > 1 || s->used_wrap > 1 || s->told_wrap > 1)
		return "a wrap counter is neither 0 nor 1";
	if (distance(s->size, used, avail) > s->size)
		return "more requests are under way than the queue has entries";
	return NULL;
}

/* ---- requests ---- */

static uint8_t *entry_at(const struct virtq *q, struct place at)
{
	return q->desc_ring + (size_t)at.entry * DESC_BYTES;
}

static bool is_available(uint16_t flags, struct place at)
{
	bool avail = flags & DESC_AVAIL, used = flags & DESC_USED;

	return avail == at.wrap && used != at.wrap;
}

/* The flags of the next descriptor; what it says can be read afterwards. */
static bool look(struct virtq *q, uint16_t *flags)
{
	bool good = queue_load16(q, entry_at(q, next_avail(q)) + FLAGS_OFFSET, flags);

	atomic_thread_fence(memory_order_acquire);
	return good;
}

/* 2.8.7: all entries of an indirect table belong to the request, and only WRITE of their flags counts. */
static bool collect_table(struct virtq *q, const struct queue_part *indirect,
			  struct virtq_chain *chain)
{
	struct queue_table table = queue_indirect(q, indirect);

	if (!table.at)
		return false;
	for (uint32_t i = 0; i < table.entries; i++) {
		struct queue_desc desc;
		struct queue_part part;

		if (!queue_load_desc(q, table.at, i, &desc))
			return false;
		part = (struct queue_part){ desc.addr, desc.len, desc.half[1] & DESC_WRITE };
		if (!queue_add_part(q, chain, &part))
			return false;
	}
	return true;
}

/* 2.8.5: a list of descriptors is of one kind. */
static bool collect_indirect(struct virtq *q, const struct queue_part *part,
			     struct virtq_chain *chain)
{
	if (chain->nread + chain->nwrite)
		return queue_break(q, "an indirect descriptor follows another descriptor");
	return collect_table(q, part, chain);
}

/* Read entry `at` of the ring, of which `flags` were read before if it is the first of a request. */
static bool load_entry(struct virtq *q, struct place at, const uint16_t *flags,
		       struct virtq_chain *chain, struct queue_part *part)
{
	struct queue_desc desc;

	if (!queue_load_desc(q, q->desc_ring, at.entry, &desc))
		return false;
	*part = (struct queue_part){ desc.addr, desc.len, flags ? *flags : desc.half[1] };
	chain->id = desc.half[0]; /* of the last one that counts */
	if (!is_available(part->flags, at))
		return queue_break(q, "a chain goes on in a descriptor that is not available");
	return true;
}

/* The driver makes the first descriptor of a request available last (2.8.6), so all of it is there. */
static bool collect(struct virtq *q, uint16_t first_flags, struct virtq_chain *chain)
{
	unsigned room = q->state.size - under_way(q);
	struct place at = next_avail(q);

	for (; chain->nslots < room; at = after(q, at, 1)) {
		struct queue_part part;

		if (!load_entry(q, at, chain->nslots ? NULL : &first_flags, chain, &part))
			return false;
		chain->nslots++;
		if (part.flags & DESC_INDIRECT)
			return collect_indirect(q, &part, chain);
		if (!queue_add_part(q, chain, &part))
			return false;
		if (!(part.flags & DESC_NEXT))
			return true;
	}
	return queue_break(q, "more descriptors are available than the ring has room for");
}

enum virtq_got packed_pop(struct virtq *q, struct virtq_chain *chain)
{
	struct place at = next_avail(q);
	uint16_t flags;

	if (!look(q, &flags))
		return VIRTQ_BROKEN;
	if (!is_available(flags, at))
		return VIRTQ_NOTHING;
	queue_chain_begin(chain);
	if (!collect(q, flags, chain))
		return VIRTQ_BROKEN;
	at = after(q, at, chain->nslots);
	q->state.next_avail = at.entry;
	q->state.avail_wrap = at.wrap;
	return VIRTQ_REQUEST;
}

/* Something to take, or to find broken by taking it. */
bool packed_has_work(struct virtq *q)
{
	uint16_t flags;

	return !look(q, &flags) || is_available(flags, next_avail(q));
}

static void tell(struct virtq *q, struct place at)
{
	q->state.told_used = at.entry;
	q->state.told_wrap = at.wrap;
}

/* The request's place in the ring of used descriptors is free again: what was pushed must not seem to be
 * less than it was because nobody asked about it for two rounds. */
static void move_used(struct virtq *q, unsigned nslots)
{
	unsigned limit = 2u * q->state.size;
	unsigned pushed = distance(q->state.size, told_used(q), next_used(q)) + nslots;
	struct place at = after(q, next_used(q), nslots);

	q->state.next_used = at.entry;
	q->state.used_wrap = at.wrap;
	if (pushed >= limit)
		tell(q, after(q, at, 1));
}

/* 2.8.3: length and buffer id of a used descriptor. */
static bool fill_used(struct virtq *q, struct place at, const struct virtq_used *used)
{
	uint8_t *entry = entry_at(q, at);

	return queue_store32(q, entry + offsetof(struct queue_desc, len), used->written) &&
	       queue_store16(q, entry + offsetof(struct queue_desc, half), used->id);
}

static bool show_used(struct virtq *q, struct place at, const struct virtq_used *used)
{
	unsigned flags = (at.wrap ? DESC_AVAIL | DESC_USED : 0) | (used->written ? DESC_WRITE : 0);

	return queue_store16(q, entry_at(q, at) + FLAGS_OFFSET, (uint16_t)flags);
}

/* 2.8.6: one used descriptor for a whole request. A driver looks at them in order, so the first one's flags make
 * all of them seen. */
void packed_push_all(struct virtq *q, const struct virtq_used *used, unsigned n)
{
	struct place first = next_used(q);
	unsigned nslots = used[0].nslots;

	for (unsigned i = 1; i < n; i++) {
		struct place at = after(q, first, nslots);

		if (!fill_used(q, at, &used[i]) || !show_used(q, at, &used[i]))
			return;
		nslots += used[i].nslots;
	}
	if (!fill_used(q, first, &used[0]))
		return;
	atomic_thread_fence(memory_order_release);
	if (show_used(q, first, &used[0]))
		move_used(q, nslots);
}

/* ---- interrupts and kicks ---- */

/* Is the place that the driver waits for among those from `old` up to what is used next? A place beyond the
 * ring: rather one interrupt too many. */
static bool passed(const struct virtq *q, uint16_t event, struct place old)
{
	struct place wanted = { event & (EVENT_WRAP - 1u), event & EVENT_WRAP ? 1 : 0 };
	struct place now = next_used(q);
	uint16_t size = q->state.size;

	if (wanted.entry >= size)
		return true;
	return distance(size, wanted, now) - 1u < distance(size, old, now);
}

bool packed_should_interrupt(struct virtq *q)
{
	struct place old = told_used(q);
	uint32_t word;

	tell(q, next_used(q));
	if (!distance(q->state.size, old, next_used(q)))
		return false;
	/* The driver sets its wish and then looks at the used descriptor; we do the reverse. */
	atomic_thread_fence(memory_order_seq_cst);
	if (!queue_load32(q, q->driver_ring, &word))
		return true;
	switch (word >> EVENT_FLAGS_SHIFT & EVENT_FLAGS) {
	case EVENT_FLAG_DISABLE:
		return false;
	case EVENT_FLAG_DESC:
		return !q->event_idx || passed(q, (uint16_t)word, old);
	default:
		return true;
	}
}

void packed_stop_kicks(struct virtq *q)
{
	queue_store32(q, q->device_ring, EVENT_FLAG_DISABLE << EVENT_FLAGS_SHIFT);
}

bool packed_want_kicks(struct virtq *q)
{
	uint32_t wish = EVENT_FLAG_ENABLE << EVENT_FLAGS_SHIFT;
	bool stored;

	if (q->event_idx)
		wish = EVENT_FLAG_DESC << EVENT_FLAGS_SHIFT | q->state.next_avail |
		       (q->state.avail_wrap ? EVENT_WRAP : 0);
	stored = queue_store32(q, q->device_ring, wish);
	/* The driver makes a request available and then looks at our wish; we do the reverse. */
	atomic_thread_fence(memory_order_seq_cst);
	return !stored || packed_has_work(q);
}
