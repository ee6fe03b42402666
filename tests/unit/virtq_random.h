/*
 * A driver and a device on one queue, in random steps, against a reference: each request comes out once, in
 * order and with its contents; each completion arrives once, in the order of completion; whoever sleeps is
 * woken if there is something for it, and the driver exactly when it asked to be.
 *
 * The reference counts entries in 64 bits. A failure prints the seed and the step.
 */
#ifndef TESTS_VIRTQ_RANDOM_H
#define TESTS_VIRTQ_RANDOM_H

#include "tests/unit/virtq_driver.h"

#define MAX_PARTS  8u
#define PART_BYTES 120u
#define UNTOUCHED  0xee

struct request {
	uint64_t number;
	unsigned n;
	struct driver_part part[MAX_PARTS];
	uint32_t written;
	struct virtq_chain chain; /* as the device got it */
};

struct id_fifo {
	uint16_t id[VIRTQ_MAX_SIZE];
	uint64_t in, out;
};

struct world {
	struct driver d;
	uint64_t seed, rng, step, requests;
	struct request request[VIRTQ_MAX_SIZE]; /* by id */
	struct id_fifo available, used;         /* by the driver, by the device */
	uint16_t flying[VIRTQ_MAX_SIZE];        /* ids that the device has */
	unsigned nflying;
	uint64_t told, pushed; /* entries of the ring, as the driver counts them */
	unsigned later;        /* how many used entries the driver sleeps through */
	bool device_awake, driver_awake;
	uint64_t interrupts, moves;
};

static inline unsigned pick(struct world *w, unsigned n)
{
	w->rng ^= w->rng << 13;
	w->rng ^= w->rng >> 7;
	w->rng ^= w->rng << 17;
	return (unsigned)(w->rng >> 33) % n;
}

static inline void must(struct world *w, bool holds, const char *rule, uint64_t expected,
			uint64_t found)
{
	if (!holds)
		fail_msg("size %u%s%s%s, seed %llu, step %llu: %s: expected %llu, found %llu%s%s",
			 w->d.size, w->d.packed ? ", packed" : "",
			 w->d.event_idx ? ", event index" : "", w->d.indirect ? ", indirect" : "",
			 (unsigned long long)w->seed, (unsigned long long)w->step, rule,
			 (unsigned long long)expected, (unsigned long long)found,
			 w->d.q.why ? "; the queue: " : "", w->d.q.why ? w->d.q.why : "");
}

static inline void equal(struct world *w, const char *rule, uint64_t expected, uint64_t found)
{
	must(w, expected == found, rule, expected, found);
}

static inline void fifo_put(struct id_fifo *fifo, unsigned id)
{
	fifo->id[fifo->in++ % VIRTQ_MAX_SIZE] = (uint16_t)id;
}

static inline unsigned fifo_get(struct id_fifo *fifo)
{
	return fifo->id[fifo->out++ % VIRTQ_MAX_SIZE];
}

/* Byte `i` of what is read, or written, in a request. */
static inline uint8_t content(const struct request *r, bool write, uint64_t i)
{
	return (uint8_t)((r->number * 31 + i * 7 + write) % 251);
}

/* ---- the driver ---- */

static inline void choose_parts(struct world *w, struct request *r, unsigned slot)
{
	unsigned reads, most = w->d.size < MAX_PARTS ? w->d.size : MAX_PARTS;

	r->n = 1 + pick(w, most);
	reads = pick(w, r->n + 1);
	for (unsigned i = 0; i < r->n; i++)
		r->part[i] =
			(struct driver_part){ buffer_at(slot) + i * 256 + pick(w, 64),
					      pick(w, 5) ? pick(w, PART_BYTES) : 0, i >= reads };
}

static inline void fill_buffers(struct world *w, const struct request *r)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < r->n; i++) {
		const struct driver_part *part = &r->part[i];
		uint8_t *at = guest_ptr(&w->d, part->addr, part->len);

		memset(at, UNTOUCHED, part->len);
		for (uint32_t byte = 0; !part->write && byte < part->len; byte++)
			at[byte] = content(r, false, n++);
	}
}

static inline unsigned choose_direct(struct world *w, unsigned n)
{
	if (!w->d.indirect || pick(w, 3) == 0)
		return n;
	return w->d.packed ? 0 : pick(w, n); /* split: some, then a table */
}

static inline void add_one(struct world *w)
{
	/* The id that the driver is going to choose; its buffers are free. */
	unsigned id = w->d.free_ids ? w->d.free_list[w->d.free_ids - 1] : 0;
	struct request *r = &w->request[id];
	struct request next = { .number = w->requests };
	unsigned direct;

	choose_parts(w, &next, id);
	direct = choose_direct(w, next.n);
	if (!w->d.free_ids || w->d.free < direct + (direct < next.n))
		return;
	*r = next;
	fill_buffers(w, r);
	equal(w, "id of an added request", id, (unsigned)driver_add(&w->d, r->part, r->n, direct));
	fifo_put(&w->available, id);
	w->requests++;
}

static inline void step_add(struct world *w)
{
	for (unsigned n = 1 + pick(w, 4); n; n--)
		add_one(w);
	if (driver_needs_kick(&w->d))
		w->device_awake = true;
}

static inline void check_written(struct world *w, const struct request *r)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < r->n; i++) {
		const uint8_t *at = guest_ptr(&w->d, r->part[i].addr, r->part[i].len);

		for (uint32_t byte = 0; r->part[i].write && byte < r->part[i].len; byte++, n++)
			equal(w, "byte of a buffer that was written",
			      n < r->written ? content(r, true, n) : UNTOUCHED, at[byte]);
	}
}

static inline void step_collect(struct world *w)
{
	unsigned id, expected;
	uint32_t len;

	if (!w->driver_awake)
		return;
	for (unsigned n = 1 + pick(w, 8); n && driver_collect(&w->d, &id, &len); n--) {
		must(w, w->used.in != w->used.out, "nothing was pushed, and this id is used", 0,
		     id);
		expected = fifo_get(&w->used);
		equal(w, "id of the next used request", expected, id);
		equal(w, "bytes written", w->request[id].written, len);
		check_written(w, &w->request[id]);
	}
}

static inline void step_no_interrupts(struct world *w)
{
	if (w->driver_awake)
		driver_no_interrupts(&w->d);
}

static inline void step_driver_sleeps(struct world *w)
{
	unsigned awaited = (unsigned)(w->d.added - w->d.collected);

	if (!w->driver_awake)
		return;
	w->later = w->d.event_idx && awaited && pick(w, 3) == 0 ? pick(w, awaited) : 0;
	if (driver_want_interrupts(&w->d, w->later) && w->pushed - w->d.collected > w->later)
		return;
	w->driver_awake = false;
}

/* ---- the device ---- */

static inline void check_iov(struct world *w, const struct request *r,
			     const struct virtq_chain *chain)
{
	uint64_t bytes[2] = { 0 };
	unsigned n[2] = { 0 };

	for (unsigned i = 0; i < r->n; i++) {
		const struct driver_part *part = &r->part[i];

		n[part->write]++;
		bytes[part->write] += part->len;
		equal(w, "length of a buffer", part->len, chain->iov[i].iov_len);
		if (part->len)
			must(w, chain->iov[i].iov_base == guest_ptr(&w->d, part->addr, part->len),
			     "address of a buffer", part->addr, (uintptr_t)chain->iov[i].iov_base);
	}
	equal(w, "buffers to read", n[0], chain->nread);
	equal(w, "buffers to write", n[1], chain->nwrite);
	equal(w, "bytes to read", bytes[0], chain->read_bytes);
	equal(w, "bytes to write", bytes[1], chain->write_bytes);
}

/* Read from `offset` on, asking for more than there is. */
static inline void check_contents(struct world *w, const struct request *r,
				  const struct virtq_chain *chain, uint64_t offset)
{
	uint8_t bytes[MAX_PARTS * PART_BYTES + 1];
	uint64_t left = chain->read_bytes - offset;
	ssize_t n = virtq_read(chain, offset, bytes, sizeof(bytes));

	equal(w, "bytes that were read", left, (uint64_t)n);
	for (uint64_t i = 0; i < left; i++)
		equal(w, "byte of a request", content(r, false, offset + i), bytes[i]);
}

static inline void step_pop(struct world *w)
{
	static struct virtq_chain chain;
	bool expected = w->available.in != w->available.out;
	struct request *r;

	if (!w->device_awake)
		return;
	if (pick(w, 2))
		equal(w, "is there work", expected, virtq_has_work(&w->d.q));
	equal(w, "what pop says", expected ? VIRTQ_REQUEST : VIRTQ_NOTHING,
	      virtq_pop(&w->d.q, &chain));
	if (!expected)
		return;
	equal(w, "id of the next request", fifo_get(&w->available), chain.id);
	r = &w->request[chain.id];
	r->chain = chain;
	check_iov(w, r, &chain);
	check_contents(w, r, &chain, pick(w, (unsigned)chain.read_bytes + 1));
	w->flying[w->nflying++] = chain.id;
}

/* Some are taken and put back: the next to be taken are the same. */
static inline void step_unpop(struct world *w)
{
	static struct virtq_chain chain[3];
	uint64_t left = w->available.in - w->available.out;
	unsigned n = 0;

	if (!w->device_awake)
		return;
	for (; n < ARRAY_SIZE(chain) && n < left; n++) {
		equal(w, "what pop says", VIRTQ_REQUEST, virtq_pop(&w->d.q, &chain[n]));
		equal(w, "id of a request that is put back",
		      w->available.id[(w->available.out + n) % VIRTQ_MAX_SIZE], chain[n].id);
	}
	while (n)
		virtq_unpop(&w->d.q, &chain[--n]);
}

static inline void write_buffers(struct world *w, struct request *r)
{
	uint8_t bytes[MAX_PARTS * PART_BYTES];
	uint32_t half;

	r->written = pick(w, (unsigned)r->chain.write_bytes + 1);
	half = r->written / 2;
	for (uint32_t i = 0; i < r->written; i++)
		bytes[i] = content(r, true, i);
	equal(w, "bytes that were written", half, (uint64_t)virtq_write(&r->chain, 0, bytes, half));
	equal(w, "bytes that were written behind them", r->written - half,
	      (uint64_t)virtq_write(&r->chain, half, bytes + half, r->written - half));
}

/* One that the device has, any of them. */
static inline const struct request *land(struct world *w)
{
	unsigned which = pick(w, w->nflying), id = w->flying[which];
	struct request *r = &w->request[id];

	w->flying[which] = w->flying[--w->nflying];
	write_buffers(w, r);
	w->pushed += w->d.packed ? w->d.taken[id].n : 1;
	fifo_put(&w->used, id);
	return r;
}

static inline void step_push(struct world *w)
{
	unsigned n = w->nflying ? 1 + pick(w, w->nflying < 4 ? w->nflying : 4) : 0;
	struct virtq_used used[4];

	for (unsigned i = 0; i < n; i++) {
		const struct request *r = land(w);

		used[i] = (struct virtq_used){ r->chain.id, r->chain.nslots, r->written };
	}
	if (n == 1)
		virtq_push(&w->d.q,
			   &(struct virtq_chain){ .id = used[0].id, .nslots = used[0].nslots },
			   used[0].written);
	else if (n)
		virtq_push_all(&w->d.q, used, n);
}

/* What is in memory about it now; an index names the same entry again after one round of its numbers, and what
 * was pushed before that is not looked at. */
static inline bool wants_interrupt(struct world *w)
{
	uint64_t round = w->d.packed ? 2u * w->d.size : 65536;
	uint64_t from = w->pushed - w->told < round ? w->told : w->pushed - round + 1;
	uint32_t word = w->d.packed ? *word32(&w->d, w->d.driver) : 0;

	if (w->pushed == w->told)
		return false;
	if (w->d.packed && word >> 16 != 2)
		return word >> 16 == 0;
	if (!w->d.packed && !w->d.event_idx)
		return !*avail_flags(&w->d);
	return is_place_within(&w->d, w->d.packed ? (uint16_t)word : *used_event(&w->d), from,
			       w->pushed);
}

static inline void step_interrupt(struct world *w)
{
	bool expected = wants_interrupt(w);

	equal(w, "interrupt", expected, virtq_should_interrupt(&w->d.q));
	w->told = w->pushed;
	w->driver_awake |= expected;
	w->interrupts += expected;
	if (!w->driver_awake)
		must(w, w->pushed - w->d.collected <= w->later,
		     "used entries that a sleeping driver does not know of", w->later,
		     w->pushed - w->d.collected);
}

static inline void step_device_sleeps(struct world *w)
{
	if (!w->device_awake)
		return;
	if (pick(w, 2))
		virtq_stop_kicks(&w->d.q);
	else
		w->device_awake = virtq_want_kicks(&w->d.q);
}

/* Save, and go on with another struct, field by field as the table says. */
static inline void step_move(struct world *w)
{
	struct virtq_state saved = w->d.q.state;
	struct virtq *q = &w->d.q;

	memset(q, 0x5a, sizeof(*q));
	virtq_init(q, &w->d.ram, VIRTQ_MAX_SIZE);
	q->packed = w->d.packed;
	q->event_idx = w->d.event_idx;
	q->indirect = w->d.indirect;
	for (const struct state_field *f = virtq_fields; f->id; f++)
		memcpy((uint8_t *)&q->state + f->offset, (uint8_t *)&saved + f->offset,
		       (size_t)f->size * f->count);
	must(w, virtq_start(q), "a loaded queue starts", 1, 0);
	w->moves++;
}

/* ---- the run ---- */

static inline void check_sleepers(struct world *w)
{
	if (!w->device_awake)
		equal(w, "requests that a sleeping device does not know of", 0,
		      w->available.in - w->available.out);
}

static inline void random_step(struct world *w)
{
	static void (*const steps[])(struct world * w) = {
		step_add,           step_add,           step_pop,           step_pop,
		step_pop,           step_push,          step_push,          step_push,
		step_interrupt,     step_collect,       step_collect,       step_collect,
		step_no_interrupts, step_driver_sleeps, step_device_sleeps, step_device_sleeps,
		step_unpop,
	};
	unsigned which = pick(w, ARRAY_SIZE(steps) * 8 + 1);

	if (which == ARRAY_SIZE(steps) * 8)
		step_move(w);
	else
		steps[which % ARRAY_SIZE(steps)](w);
	check_sleepers(w);
}

/* Everything under way comes to its end. */
static inline void drain(struct world *w)
{
	w->device_awake = w->driver_awake = true;
	while (w->available.in != w->available.out)
		step_pop(w);
	while (w->nflying)
		step_push(w);
	while (w->used.in != w->used.out)
		step_collect(w);
	equal(w, "entries that came back", w->d.added, w->d.collected);
	equal(w, "what pop says at the end", VIRTQ_NOTHING,
	      virtq_pop(&w->d.q, &w->request[0].chain));
}

static inline void run_random(const struct driver_setup *setup, uint64_t seed, unsigned steps)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	driver_open(&w->d, setup);
	w->seed = w->rng = seed;
	w->told = w->pushed = setup->start;
	w->driver_awake = true;
	for (w->step = 0; w->step < steps; w->step++)
		random_step(w);
	drain(w);
	must(w, w->interrupts && w->moves, "interrupts and moves of a run", 1, 0);
	must(w, w->requests > steps / 50, "requests of a run", steps / 50, w->requests);
	driver_close(&w->d);
	free(w);
}

#endif
