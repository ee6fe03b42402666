/*
 * Virtqueues (virtio 1.2, 2.6): what both ring formats have in common. Where the rings are, the checks of a
 * request's parts, and copying to and from its buffers. The formats are in queue_split.c and queue_packed.c.
 *
 * The queue belongs to the I/O thread. Left out: see queue.h.
 */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "lib/guard.h"
#include "virtio/queue_private.h"

/* 2.7.5.2: a request has at most 2^32 bytes. */
#define REQUEST_MAX_BYTES (UINT64_C(1) << 32)

const struct state_field virtq_fields[] = {
	STATE_FIELD(1, struct virtq_state, desc),
	STATE_FIELD(2, struct virtq_state, driver),
	STATE_FIELD(3, struct virtq_state, device),
	STATE_FIELD(4, struct virtq_state, size),
	STATE_FIELD(5, struct virtq_state, vector),
	STATE_FIELD(6, struct virtq_state, next_avail),
	STATE_FIELD(7, struct virtq_state, next_used),
	STATE_FIELD(8, struct virtq_state, told_used),
	STATE_FIELD(9, struct virtq_state, enabled),
	STATE_FIELD(10, struct virtq_state, broken),
	STATE_FIELD(11, struct virtq_state, avail_wrap),
	STATE_FIELD(12, struct virtq_state, used_wrap),
	STATE_FIELD(13, struct virtq_state, told_wrap),
	STATE_FIELD(14, struct virtq_state, pad),
	STATE_LAST,
};

/* ---- setting up ---- */

void virtq_init(struct virtq *q, const struct mem *mem, uint16_t max_size)
{
	*q = (struct virtq){ .mem = mem, .max_size = max_size };
	virtq_reset(q);
}

void virtq_reset(struct virtq *q)
{
	const struct mem *mem = q->mem;
	uint16_t max_size = q->max_size;

	*q = (struct virtq){ .mem = mem, .max_size = max_size };
	q->state.size = max_size;
	q->state.vector = VIRTIO_NO_VECTOR;
	q->state.avail_wrap = q->state.used_wrap = q->state.told_wrap = 1;
}

bool queue_break(struct virtq *q, const char *why)
{
	q->state.broken = 1;
	q->why = why;
	return false;
}

/* A part of a queue: how it has to be aligned, how large it is, and what to say otherwise. */
struct area {
	uint32_t align, entry_bytes, other_bytes;
	const char *unaligned, *outside;
};

enum { DESC_AREA, DRIVER_AREA, DEVICE_AREA, NR_AREAS };

/* 2.7, 2.8.10.1 */
static const struct area split_areas[NR_AREAS] = {
	[DESC_AREA] = { 16, DESC_BYTES, 0,
			"the address of the descriptor table is not a multiple of 16",
			"the descriptor table is not inside RAM" },
	[DRIVER_AREA] = { 2, 2, 6, "the address of the available ring is not a multiple of 2",
			  "the available ring is not inside RAM" },
	[DEVICE_AREA] = { 4, 8, 6, "the address of the used ring is not a multiple of 4",
			  "the used ring is not inside RAM" },
};

static const struct area packed_areas[NR_AREAS] = {
	[DESC_AREA] = { 16, DESC_BYTES, 0,
			"the address of the descriptor ring is not a multiple of 16",
			"the descriptor ring is not inside RAM" },
	[DRIVER_AREA] = { 4, 0, 4,
			  "the address of the driver's event suppression is not a multiple of 4",
			  "the driver's event suppression is not inside RAM" },
	[DEVICE_AREA] = { 4, 0, 4,
			  "the address of the device's event suppression is not a multiple of 4",
			  "the device's event suppression is not inside RAM" },
};

/* NULL: broken. */
static uint8_t *find_area(struct virtq *q, const struct area *area, uint64_t addr)
{
	uint64_t bytes = (uint64_t)area->entry_bytes * q->state.size + area->other_bytes;
	uint8_t *at = mem_ptr(q->mem, gpa(addr), bytes);

	if (addr % area->align)
		queue_break(q, area->unaligned);
	else if (!at)
		queue_break(q, area->outside);
	return q->state.broken ? NULL : at;
}

static const char *bad_size(const struct virtq *q)
{
	uint16_t size = q->state.size;

	if (!size)
		return "the queue has no entries";
	if (size > q->max_size)
		return "the queue has more entries than the device offers";
	if (!q->packed && size & (size - 1))
		return "the number of the queue's entries is not a power of two";
	return q->packed ? packed_bad_places(&q->state) : split_bad_places(&q->state);
}

bool virtq_start(struct virtq *q)
{
	const struct area *areas = q->packed ? packed_areas : split_areas;
	const char *why = bad_size(q);

	if (q->state.broken)
		return queue_break(q, q->why ? q->why : "the queue was broken before");
	if (why)
		return queue_break(q, why);
	q->desc_ring = find_area(q, &areas[DESC_AREA], q->state.desc);
	if (q->desc_ring)
		q->driver_ring = find_area(q, &areas[DRIVER_AREA], q->state.driver);
	if (q->driver_ring)
		q->device_ring = find_area(q, &areas[DEVICE_AREA], q->state.device);
	q->avail_seen = q->state.next_avail;
	return !q->state.broken;
}

/* ---- ring memory ---- */

static bool load(struct virtq *q, const uint8_t *at, void *value, size_t n)
{
	if (!guard_copy(value, at, n))
		return true;
	return queue_break(q, "a page of the rings is poisoned");
}

static bool store(struct virtq *q, uint8_t *at, const void *value, size_t n)
{
	if (!guard_copy(at, value, n))
		return true;
	return queue_break(q, "a page of the rings is poisoned");
}

bool queue_load16(struct virtq *q, const uint8_t *at, uint16_t *value)
{
	uint16_t raw = 0;
	bool good = load(q, at, &raw, sizeof(raw));

	*value = le16toh(raw);
	return good;
}

bool queue_load32(struct virtq *q, const uint8_t *at, uint32_t *value)
{
	uint32_t raw = 0;
	bool good = load(q, at, &raw, sizeof(raw));

	*value = le32toh(raw);
	return good;
}

bool queue_store16(struct virtq *q, uint8_t *at, uint16_t value)
{
	uint16_t raw = htole16(value);

	return store(q, at, &raw, sizeof(raw));
}

bool queue_store32(struct virtq *q, uint8_t *at, uint32_t value)
{
	uint32_t raw = htole32(value);

	return store(q, at, &raw, sizeof(raw));
}

bool queue_store64(struct virtq *q, uint8_t *at, uint64_t value)
{
	uint64_t raw = htole64(value);

	return store(q, at, &raw, sizeof(raw));
}

bool queue_load_desc(struct virtq *q, const uint8_t *table, uint32_t i, struct queue_desc *desc)
{
	if (guard_copy(desc, table + (size_t)i * DESC_BYTES, sizeof(*desc)))
		return queue_break(q, table == q->desc_ring
					      ? "a page of the descriptors is poisoned"
					      : "a page of an indirect table is poisoned");
	desc->addr = le64toh(desc->addr);
	desc->len = le32toh(desc->len);
	desc->half[0] = le16toh(desc->half[0]);
	desc->half[1] = le16toh(desc->half[1]);
	return true;
}

/* ---- requests ---- */

void queue_chain_begin(struct virtq_chain *chain)
{
	chain->nslots = 0;
	chain->nread = chain->nwrite = 0;
	chain->read_bytes = chain->write_bytes = 0;
}

/* A part of no bytes is a part, wherever it is said to be. */
static void *buffer(const struct virtq *q, const struct queue_part *part)
{
	return part->len ? mem_ptr(q->mem, gpa(part->addr), part->len) : q->mem->hva;
}

bool queue_add_part(struct virtq *q, struct virtq_chain *chain, const struct queue_part *part)
{
	unsigned n = chain->nread + chain->nwrite;
	bool write = part->flags & DESC_WRITE;
	void *at = buffer(q, part);

	if (n == VIRTQ_MAX_CHAIN)
		return queue_break(q, "a request has more than 256 parts");
	if (!at)
		return queue_break(q, "a buffer is not inside RAM");
	if (!write && chain->nwrite)
		return queue_break(q, "a buffer to read comes after one to write");
	chain->iov[n] = (struct iovec){ .iov_base = at, .iov_len = part->len };
	*(write ? &chain->nwrite : &chain->nread) += 1;
	*(write ? &chain->write_bytes : &chain->read_bytes) += part->len;
	if (chain->read_bytes + chain->write_bytes > REQUEST_MAX_BYTES)
		return queue_break(q, "the buffers of a request have more than 4 GiB");
	return true;
}

static const char *bad_indirect(const struct virtq *q, const struct queue_part *part)
{
	if (!q->indirect)
		return "an indirect descriptor, though the driver did not ask for them";
	if (part->flags & DESC_NEXT)
		return "a descriptor follows an indirect one";
	if (!part->len)
		return "an indirect table has no entries";
	if (part->len % DESC_BYTES)
		return "the size of an indirect table is not a multiple of 16";
	return NULL;
}

struct queue_table queue_indirect(struct virtq *q, const struct queue_part *part)
{
	const uint8_t *at = mem_ptr(q->mem, gpa(part->addr), part->len);
	const char *why = bad_indirect(q, part);

	if (!why && !at)
		why = "an indirect table is not inside RAM";
	if (why) {
		queue_break(q, why);
		return (struct queue_table){ .at = NULL };
	}
	return (struct queue_table){ .at = at, .entries = part->len / DESC_BYTES };
}

/* Started, and nothing was wrong with it. */
static bool is_usable(const struct virtq *q)
{
	return q->device_ring && !q->state.broken;
}

enum virtq_got virtq_pop(struct virtq *q, struct virtq_chain *chain)
{
	if (!is_usable(q))
		return q->state.broken ? VIRTQ_BROKEN : VIRTQ_NOTHING;
	return q->packed ? packed_pop(q, chain) : split_pop(q, chain);
}

/* A split ring has one place a request, and its index runs freely. */
void virtq_unpop(struct virtq *q, const struct virtq_chain *chain)
{
	struct virtq_state *s = &q->state;

	if (!is_usable(q))
		return;
	if (q->packed && s->next_avail < chain->nslots) {
		s->next_avail = (uint16_t)(s->next_avail + s->size);
		s->avail_wrap ^= 1;
	}
	s->next_avail = (uint16_t)(s->next_avail - chain->nslots);
}

bool virtq_has_work(struct virtq *q)
{
	if (!is_usable(q))
		return false;
	return q->packed ? packed_has_work(q) : split_has_work(q);
}

void virtq_push_all(struct virtq *q, const struct virtq_used *used, unsigned n)
{
	if (!is_usable(q))
		return;
	if (q->packed)
		packed_push_all(q, used, n);
	else
		split_push_all(q, used, n);
}

void virtq_push(struct virtq *q, const struct virtq_chain *chain, uint32_t written)
{
	const struct virtq_used used = { chain->id, chain->nslots, written };

	virtq_push_all(q, &used, 1);
}

bool virtq_should_interrupt(struct virtq *q)
{
	if (!is_usable(q))
		return false;
	return q->packed ? packed_should_interrupt(q) : split_should_interrupt(q);
}

void virtq_stop_kicks(struct virtq *q)
{
	if (!is_usable(q))
		return;
	if (q->packed)
		packed_stop_kicks(q);
	else
		split_stop_kicks(q);
}

bool virtq_want_kicks(struct virtq *q)
{
	if (!is_usable(q))
		return false;
	return q->packed ? packed_want_kicks(q) : split_want_kicks(q);
}

/* ---- buffers ---- */

/* A side of a copy: where in a list of buffers it is. */
struct cursor {
	const struct iovec *iov, *end;
	uint64_t offset; /* in *iov */
};

static struct cursor cursor_at(const struct iovec *iov, unsigned n, uint64_t offset)
{
	struct cursor c = { .iov = iov, .end = iov + n, .offset = offset };

	while (c.iov < c.end && c.offset >= c.iov->iov_len)
		c.offset -= c.iov++->iov_len;
	return c;
}

/* The next run of at most `n` bytes; 0: the buffers end. */
static size_t cursor_next(struct cursor *c, size_t n, uint8_t **at)
{
	size_t left;

	while (c->iov < c->end && c->offset == c->iov->iov_len) {
		c->iov++;
		c->offset = 0;
	}
	if (c->iov == c->end)
		return 0;
	*at = (uint8_t *)c->iov->iov_base + c->offset;
	left = c->iov->iov_len - c->offset;
	n = n < left ? n : left;
	c->offset += n;
	return n;
}

ssize_t virtq_read(const struct virtq_chain *chain, uint64_t offset, void *to, size_t n)
{
	struct cursor c = cursor_at(chain->iov, chain->nread, offset);
	size_t done = 0, run;
	uint8_t *at;

	while (done < n && (run = cursor_next(&c, n - done, &at))) {
		if (guard_copy((uint8_t *)to + done, at, run))
			return -EHWPOISON;
		done += run;
	}
	return (ssize_t)done;
}

ssize_t virtq_write(const struct virtq_chain *chain, uint64_t offset, const void *from, size_t n)
{
	struct cursor c = cursor_at(chain->iov + chain->nread, chain->nwrite, offset);
	size_t done = 0, run;
	uint8_t *at;

	while (done < n && (run = cursor_next(&c, n - done, &at))) {
		if (guard_copy(at, (const uint8_t *)from + done, run))
			return -EHWPOISON;
		done += run;
	}
	return (ssize_t)done;
}
