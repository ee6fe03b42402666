/*
 * libFuzzer on virtio/queue*.c: the bytes are what a hostile driver writes into RAM, between the calls of a
 * device and between all of their accesses to memory, and which accesses meet poison. What must hold: buffers
 * lie in RAM; only the rings and indirect tables are read, only what belongs to the device is written; calls
 * end; no more is under way than the ring has entries; a broken queue says why and touches nothing more.
 *
 * guard_copy() is replaced, so that each access is seen.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/guard.h"
#include "lib/types.h"
#include "virtio/queue.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RAM       UINT64_C(0x80000000)
#define RAM_BYTES 0x8000u

/* Where the driver puts things if it does not put them elsewhere. */
#define AT_DESC   (RAM + 0x1000)
#define AT_DRIVER (RAM + 0x2000)
#define AT_DEVICE (RAM + 0x3000)
#define AT_TABLE  (RAM + 0x4000)

#define MAX_HELD 256u /* requests the device has */

/* Descriptors of the ring and of a table, two loads each, and some words. */
#define MAX_ACCESSES (2u * (VIRTQ_MAX_CHAIN + VIRTQ_MAX_SIZE) + 16u)

enum call {
	START,
	POP,
	PUSH,
	WORK,
	INTERRUPT,
	STOP_KICKS,
	WANT_KICKS,
	UNPOP,
	READ,
	WRITE,
	NR_CALLS
};

static const char *const call_names[NR_CALLS] = { "start",     "pop",        "push",       "work",
						  "interrupt", "stop kicks", "want kicks", "unpop",
						  "read",      "write" };

struct held {
	uint16_t id, nslots;
};

struct area {
	uint64_t at, bytes;
};

struct fuzz {
	uint8_t ram[RAM_BYTES];
	struct mem mem;
	struct virtq q;
	struct virtq_chain chain; /* the last one that was popped */
	bool has_chain;
	struct held held[MAX_HELD];
	unsigned nheld, slots_held;
	bool can_unpop; /* the last one is still held, and last in `held` */
	const uint8_t *data;
	size_t size;
	enum call call; /* under way */
	unsigned accesses;
	struct area named[MAX_ACCESSES]; /* by the descriptors of the ring that were read */
	unsigned nnamed;
	bool was_broken; /* when the call began */
};

/* guard_copy() has no argument to pass it by. */
static struct fuzz *fuzz_now;

static uint8_t next(struct fuzz *f)
{
	if (!f->size)
		return 0;
	f->size--;
	return *f->data++;
}

static uint16_t next16(struct fuzz *f)
{
	uint16_t low = next(f);

	return (uint16_t)(low | next(f) << 8);
}

static void must(const struct fuzz *f, bool holds, const char *rule, uint64_t a, uint64_t b)
{
	if (holds)
		return;
	fprintf(stderr, "in \"%s\": %s (0x%" PRIx64 ", 0x%" PRIx64 ")\n", call_names[f->call], rule,
		a, b);
	abort();
}

/* ---- the driver ---- */

static uint64_t hostile_address(struct fuzz *f)
{
	uint8_t pick = next(f);

	if (pick < 0xc0)
		return RAM + (uint64_t)(pick & 7) * 0x1000 + (pick >> 3) * 16u;
	if (pick < 0xd0)
		return AT_TABLE;
	if (pick < 0xe0)
		return RAM + RAM_BYTES - (pick & 15);
	if (pick < 0xf0)
		return RAM - (pick & 15);
	return UINT64_MAX >> (next(f) & 63);
}

static uint32_t hostile_length(struct fuzz *f)
{
	uint8_t pick = next(f);

	if (pick < 0x80)
		return pick & 0x70;
	if (pick < 0xf0)
		return pick;
	return UINT32_MAX >> (pick & 15) >> (next(f) & 15);
}

static void poke(struct fuzz *f, uint64_t at, const void *value, size_t n)
{
	uint64_t offset = at - RAM;

	if (offset <= RAM_BYTES - n)
		memcpy(f->ram + offset, value, n);
}

static void poke16(struct fuzz *f, uint64_t at, uint16_t value)
{
	poke(f, at, &value, sizeof(value));
}

/* An entry of the ring's table or of the indirect one; the last halves are a matter of the format. */
static void write_desc(struct fuzz *f)
{
	uint8_t pick = next(f);
	uint64_t at = (pick & 0x80 ? AT_TABLE : f->q.state.desc) + 16u * (pick & 0x7fu);
	uint64_t addr = hostile_address(f);
	uint32_t len = hostile_length(f);

	poke(f, at, &addr, sizeof(addr));
	poke(f, at + 8, &len, sizeof(len));
	poke16(f, at + (f->q.packed ? 14 : 12), next(f) & 7);
	poke16(f, at + (f->q.packed ? 12 : 14), next(f));
}

/* As a driver would do it: the next one in turn. */
static void make_available(struct fuzz *f)
{
	const struct virtq_state *s = &f->q.state;
	unsigned n = s->next_avail + (next(f) & 3);
	bool wrap = s->avail_wrap;
	uint16_t idx = 0;

	if (!s->size)
		return;
	if (f->q.packed) {
		wrap ^= n >= s->size;
		poke16(f, s->desc + 16u * (n % s->size) + 14,
		       (uint16_t)((wrap ? 0x80u : 0x8000u) | (next(f) & 7)));
		return;
	}
	memcpy(&idx, f->ram + ((s->driver - RAM + 2) & (RAM_BYTES - 2)), sizeof(idx));
	poke16(f, s->driver + 4 + 2u * (idx % s->size), next(f));
	poke16(f, s->driver + 2, (uint16_t)(idx + 1));
}

static void driver_acts(struct fuzz *f)
{
	uint8_t pick = next(f);

	if (pick < 0x60)
		return;
	if (pick < 0xa0)
		write_desc(f);
	else if (pick < 0xe0)
		make_available(f);
	else if (pick < 0xf0)
		poke16(f, f->q.state.driver + (pick & 7) * 2, next16(f));
	else
		poke16(f, RAM + (next16(f) & (RAM_BYTES - 2)), next16(f));
}

/* ---- what a call may touch ---- */

static bool lies_in(uint64_t at, size_t n, const struct area *area)
{
	return at >= area->at && at - area->at <= area->bytes && n <= area->bytes - (at - area->at);
}

static bool lies_in_buffers(const struct fuzz *f, uint64_t at, size_t n, bool write)
{
	const struct virtq_chain *c = &f->chain;
	unsigned begin = write ? c->nread : 0, end = write ? c->nread + c->nwrite : c->nread;

	for (unsigned i = begin; i < end; i++) {
		const uint8_t *base = c->iov[i].iov_base;
		struct area area = { RAM + (uint64_t)(base - f->ram), c->iov[i].iov_len };

		if (lies_in(at, n, &area))
			return true;
	}
	return false;
}

static bool lies_in_named(const struct fuzz *f, uint64_t at, size_t n)
{
	for (unsigned i = 0; i < f->nnamed; i++)
		if (lies_in(at, n, &f->named[i]))
			return true;
	return false;
}

static bool may_read(const struct fuzz *f, uint64_t at, size_t n)
{
	const struct virtq_state *s = &f->q.state;
	struct area desc = { s->desc, 16u * s->size };
	struct area driver = { s->driver, f->q.packed ? 4 : 6 + 2u * s->size };

	if (f->call == READ)
		return lies_in_buffers(f, at, n, false);
	if (lies_in(at, n, &desc) || lies_in(at, n, &driver))
		return true;
	return f->call == POP && n == 16 && lies_in_named(f, at, n);
}

/* What was read, as the device has it now. A table may lie in the ring, so not only the last one counts. */
static void note_desc(struct fuzz *f, uint64_t at, const void *copied, size_t n)
{
	struct area desc = { f->q.state.desc, 16u * f->q.state.size };
	uint32_t len;

	if (f->call != POP || n != 16 || !lies_in(at, n, &desc))
		return;
	memcpy(&f->named[f->nnamed].at, copied, sizeof(f->named[0].at));
	memcpy(&len, (const uint8_t *)copied + 8, sizeof(len));
	f->named[f->nnamed++].bytes = len;
}

static bool may_write(const struct fuzz *f, uint64_t at, size_t n)
{
	const struct virtq_state *s = &f->q.state;
	struct area desc = { s->desc, 16u * s->size };
	struct area device = { s->device, f->q.packed ? 4 : 6 + 8u * s->size };

	if (f->call == WRITE)
		return lies_in_buffers(f, at, n, true);
	if (f->call == PUSH && f->q.packed)
		return lies_in(at, n, &desc);
	return (f->call == PUSH || f->call == STOP_KICKS || f->call == WANT_KICKS) &&
	       lies_in(at, n, &device);
}

static bool is_guest(const struct fuzz *f, const void *at)
{
	return (const uint8_t *)at >= f->ram && (const uint8_t *)at < f->ram + RAM_BYTES;
}

int guard_copy(void *to, const void *from, size_t n)
{
	struct fuzz *f = fuzz_now;
	bool writes = is_guest(f, to);
	const uint8_t *guest = writes ? to : from;
	uint64_t at = RAM + (uint64_t)(guest - f->ram);

	must(f, is_guest(f, guest) && at - RAM + n <= RAM_BYTES, "outside RAM", at, n);
	must(f, writes ? may_write(f, at, n) : may_read(f, at, n), writes ? "written" : "read", at,
	     n);
	must(f, !f->was_broken || f->call == READ || f->call == WRITE, "a broken queue is used", at,
	     n);
	must(f, ++f->accesses <= MAX_ACCESSES, "without end", f->accesses, 0);
	if (f->size && next(f) == 0xff)
		return -EHWPOISON;
	memcpy(to, from, n);
	if (!writes)
		note_desc(f, at, to, n);
	driver_acts(f);
	return 0;
}

/* ---- the device ---- */

static void check_state(const struct fuzz *f)
{
	const struct virtq *q = &f->q;
	const struct virtq_state *s = &q->state;

	must(f, !s->broken == !q->why, "a broken queue says why", s->broken, 0);
	if (s->broken || !q->packed)
		return;
	must(f, s->next_avail < s->size && s->next_used < s->size, "places in the ring",
	     s->next_avail, s->next_used);
	must(f, s->avail_wrap <= 1 && s->used_wrap <= 1, "wrap counters", s->avail_wrap,
	     s->used_wrap);
}

static void check_chain(const struct fuzz *f)
{
	const struct virtq_chain *c = &f->chain;
	uint64_t bytes = 0;

	must(f, c->nread + c->nwrite <= VIRTQ_MAX_CHAIN, "parts", c->nread, c->nwrite);
	for (unsigned i = 0; i < c->nread + c->nwrite; i++) {
		const uint8_t *base = c->iov[i].iov_base;

		must(f,
		     base >= f->ram && base <= f->ram + RAM_BYTES &&
			     c->iov[i].iov_len <= (size_t)(f->ram + RAM_BYTES - base),
		     "a buffer outside RAM", i, c->iov[i].iov_len);
		bytes += c->iov[i].iov_len;
	}
	must(f, bytes == c->read_bytes + c->write_bytes, "bytes of a request", bytes,
	     c->read_bytes);
	must(f, c->nslots >= 1 && c->nslots <= f->q.state.size, "entries of a request", c->nslots,
	     0);
	must(f, f->q.packed || c->id < f->q.state.size, "id of a request", c->id, 0);
}

static void pop(struct fuzz *f)
{
	enum virtq_got got = virtq_pop(&f->q, &f->chain);

	must(f, (got == VIRTQ_BROKEN) == !!f->q.state.broken, "broken is broken", got,
	     f->q.state.broken);
	f->has_chain = got == VIRTQ_REQUEST;
	f->can_unpop = false;
	if (got != VIRTQ_REQUEST)
		return;
	check_chain(f);
	f->slots_held += f->chain.nslots;
	must(f, f->slots_held <= f->q.state.size, "entries under way", f->slots_held,
	     f->q.state.size);
	f->held[f->nheld++] = (struct held){ f->chain.id, f->chain.nslots };
	f->can_unpop = true;
}

static void unpop(struct fuzz *f)
{
	if (!f->can_unpop)
		return;
	virtq_unpop(&f->q, &f->chain);
	f->slots_held -= f->chain.nslots;
	f->nheld--;
	f->can_unpop = f->has_chain = false;
}

/* Some of those that are held. */
static void push(struct fuzz *f)
{
	struct virtq_used used[4];
	unsigned n = 1 + next(f) % 4;

	if (n > f->nheld)
		n = f->nheld;
	if (!n)
		return;
	f->can_unpop = false;
	for (unsigned i = 0; i < n; i++) {
		unsigned which = next(f) % f->nheld;

		used[i] = (struct virtq_used){ f->held[which].id, f->held[which].nslots, next(f) };
		f->slots_held -= used[i].nslots;
		f->held[which] = f->held[--f->nheld];
	}
	virtq_push_all(&f->q, used, n);
}

static void copy(struct fuzz *f, bool write)
{
	uint8_t bytes[300] = { 0 };
	uint64_t offset = next(f);
	size_t n = next16(f) % sizeof(bytes);
	uint64_t there = write ? f->chain.write_bytes : f->chain.read_bytes;
	uint64_t expected = offset >= there ? 0 : there - offset < n ? there - offset : n;
	ssize_t done;

	if (!f->has_chain)
		return;
	done = write ? virtq_write(&f->chain, offset, bytes, n)
		     : virtq_read(&f->chain, offset, bytes, n);
	must(f, done == -EHWPOISON || (uint64_t)done == expected, "bytes copied", expected,
	     (uint64_t)done);
}

/* Saved and loaded: nothing but the state is left. */
static void start_again(struct fuzz *f)
{
	struct virtq_state saved = f->q.state;
	bool packed = f->q.packed, event_idx = f->q.event_idx, indirect = f->q.indirect;
	bool broken = saved.broken;

	virtq_init(&f->q, &f->mem, VIRTQ_MAX_SIZE);
	f->q.packed = packed;
	f->q.event_idx = event_idx;
	f->q.indirect = indirect;
	f->q.state = saved;
	must(f, virtq_start(&f->q) != broken, "starts again", broken, f->q.state.broken);
}

static void one_call(struct fuzz *f, enum call call)
{
	f->call = call;
	f->accesses = 0;
	f->nnamed = 0;
	f->was_broken = f->q.state.broken;
	if (call == START)
		start_again(f);
	else if (call == POP)
		pop(f);
	else if (call == PUSH)
		push(f);
	else if (call == WORK)
		virtq_has_work(&f->q);
	else if (call == INTERRUPT)
		virtq_should_interrupt(&f->q);
	else if (call == STOP_KICKS)
		virtq_stop_kicks(&f->q);
	else if (call == WANT_KICKS)
		virtq_want_kicks(&f->q);
	else if (call == UNPOP)
		unpop(f);
	else
		copy(f, call == WRITE);
	check_state(f);
}

/* Any state at all, as a hostile saved one might be; or a usual one. */
static void choose_setup(struct fuzz *f)
{
	uint8_t features = next(f);
	struct virtq_state *s = &f->q.state;

	virtq_init(&f->q, &f->mem, VIRTQ_MAX_SIZE);
	f->q.packed = features & 1;
	f->q.event_idx = features & 2;
	f->q.indirect = features & 4;
	s->size = f->q.packed ? next(f) : (uint16_t)(1u << (next(f) % 9));
	s->desc = AT_DESC;
	s->driver = AT_DRIVER;
	s->device = AT_DEVICE;
	if (!(features & 8))
		return;
	s->next_avail = s->next_used = s->told_used = next16(f);
	if (!(features & 16))
		return;
	s->desc = hostile_address(f);
	s->driver = hostile_address(f);
	s->device = hostile_address(f);
	s->size = next16(f);
	s->next_avail = next16(f);
	s->avail_wrap = next(f);
	s->used_wrap = next(f);
	s->told_wrap = next(f);
}

static unsigned under_way(const struct virtq *q)
{
	const struct virtq_state *s = &q->state;

	if (!q->packed)
		return (uint16_t)(s->next_avail - s->next_used);
	return (unsigned)(s->next_avail - s->next_used +
			  (s->avail_wrap == s->used_wrap ? 0 : s->size));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fuzz fuzz;
	struct fuzz *f = &fuzz;

	memset(f, 0, sizeof(*f));
	f->data = data;
	f->size = size;
	f->mem = (struct mem){ .base = gpa(RAM), .size = RAM_BYTES, .hva = f->ram, .fd = -1 };
	fuzz_now = f;
	choose_setup(f);
	if (!virtq_start(&f->q)) {
		must(f, f->q.why && virtq_pop(&f->q, &f->chain) == VIRTQ_BROKEN,
		     "what does not start is broken", 0, 0);
		return 0;
	}
	f->slots_held = under_way(&f->q);
	while (f->size) {
		uint8_t pick = next(f);

		if (pick & 0x80)
			driver_acts(f);
		else
			one_call(f, pick % NR_CALLS);
	}
	return 0;
}
