/*
 * The poison map: runs of bad guest pages, sorted by address, none overlapping another.
 *
 * Source: rasvm's own. State: struct poison_map, the caller's, under the firmware lock. Left out: what
 * to do about a page (ras.c), and whether an address is guest RAM (the caller knows).
 */
#include "ras/poison.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/types.h"
#include "ras/layout.h"

/* The arrays come first: an entry is one element of each. */
static const struct state_field fields[] = {
	STATE_ARRAY(1, struct poison_map, gpa),         STATE_ARRAY(2, struct poison_map, seen_ns),
	STATE_ARRAY(3, struct poison_map, pages),       STATE_ARRAY(4, struct poison_map, id),
	STATE_ARRAY(5, struct poison_map, order),       STATE_ARRAY(6, struct poison_map, state),
	STATE_ARRAY(7, struct poison_map, class),       STATE_ARRAY(8, struct poison_map, flags),
	STATE_ARRAY(9, struct poison_map, source),      STATE_FIELD(10, struct poison_map, n),
	STATE_FIELD(11, struct poison_map, next_order), STATE_LAST,
};

const struct state_desc poison_state_desc = {
	.name = "poison",
	.size = sizeof(struct poison_map),
	.fields = fields,
};

static const char *const state_names[POISON_NR_STATES] = {
	[POISON_FREE] = "free",         [POISON_SEEN] = "seen",   [POISON_QUEUED] = "queued",
	[POISON_NOTIFIED] = "notified", [POISON_ACKED] = "acked", [POISON_CONSUMED] = "consumed",
	[POISON_HEALED] = "healed",
};

#define MAY(state) (1u << (state))

/* The states that may come after each. Only a page whose news is still rasvm's can be queued again;
 * one that was used stays so until it is replaced. */
static const unsigned may_follow[POISON_NR_STATES] = {
	[POISON_SEEN] = MAY(POISON_QUEUED) | MAY(POISON_NOTIFIED) | MAY(POISON_CONSUMED) |
			MAY(POISON_HEALED),
	[POISON_QUEUED] =
		MAY(POISON_SEEN) | MAY(POISON_NOTIFIED) | MAY(POISON_CONSUMED) | MAY(POISON_HEALED),
	[POISON_NOTIFIED] =
		MAY(POISON_QUEUED) | MAY(POISON_ACKED) | MAY(POISON_CONSUMED) | MAY(POISON_HEALED),
	[POISON_ACKED] = MAY(POISON_CONSUMED) | MAY(POISON_HEALED),
	[POISON_CONSUMED] = MAY(POISON_HEALED),
};

const char *poison_state_name(enum poison_state state)
{
	return (unsigned)state < POISON_NR_STATES ? state_names[state] : "unknown";
}

/* ---- entries ---- */

static uint64_t end_of(const struct poison_map *map, unsigned i)
{
	return map->gpa[i] + map->pages[i] * RAS_PAGE_BYTES;
}

/* The first entry that ends after `at`; n if none does. */
static unsigned first_ending_after(const struct poison_map *map, uint64_t at)
{
	unsigned low = 0, high = map->n;

	while (low < high) {
		unsigned middle = low + (high - low) / 2;

		if (end_of(map, middle) <= at)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void move_entries(struct poison_map *map, unsigned to, unsigned from, unsigned count)
{
	uint8_t *base = (uint8_t *)map;

	for (const struct state_field *f = fields; f->count == POISON_MAX; f++)
		memmove(base + f->offset + (size_t)to * f->size,
			base + f->offset + (size_t)from * f->size, (size_t)count * f->size);
}

/* Nothing of a former entry stays behind, so that equal maps are equal bytes. */
static void clear_entries(struct poison_map *map, unsigned from, unsigned count)
{
	uint8_t *base = (uint8_t *)map;

	for (const struct state_field *f = fields; f->count == POISON_MAX; f++)
		memset(base + f->offset + (size_t)from * f->size, 0, (size_t)count * f->size);
}

/* Entry i twice; the caller makes two of it. There is room. */
static void duplicate(struct poison_map *map, unsigned i)
{
	move_entries(map, i + 1, i, map->n - i);
	map->n++;
}

static void remove_entry(struct poison_map *map, unsigned i)
{
	move_entries(map, i, i + 1, map->n - i - 1);
	map->n--;
	clear_entries(map, map->n, 1);
}

static void set_range(struct poison_map *map, unsigned i, uint64_t from, uint64_t to)
{
	map->gpa[i] = from;
	map->pages[i] = (uint32_t)((to - from) / RAS_PAGE_BYTES);
}

void poison_init(struct poison_map *map)
{
	memset(map, 0, sizeof(*map));
}

int poison_find(const struct poison_map *map, gpa_t page)
{
	unsigned i = first_ending_after(map, page.v);

	return i < map->n && map->gpa[i] <= page.v ? (int)i : -1;
}

/* A range of whole pages that does not reach the end of the address space. */
static bool is_range(gpa_t at, uint32_t pages)
{
	return at.v % RAS_PAGE_BYTES == 0 && at.v <= UINT64_MAX - pages * RAS_PAGE_BYTES;
}

/* ---- taking out ---- */

/* Take [from, to) out of entry i. With a full map a hole in the middle cannot be kept: the shorter
 * remainder goes as well; a page that is still bad makes itself known again. How many entries are left
 * of it. */
static unsigned cut(struct poison_map *map, unsigned i, uint64_t from, uint64_t to)
{
	uint64_t start = map->gpa[i], end = end_of(map, i);
	uint64_t before = from > start ? from - start : 0;
	uint64_t after = to < end ? end - to : 0;

	if (before && after && map->n < POISON_MAX) {
		duplicate(map, i);
		set_range(map, i, start, from);
		set_range(map, i + 1, to, end);
		return 2;
	}
	if (!before && !after) {
		remove_entry(map, i);
		return 0;
	}
	if (before >= after)
		set_range(map, i, start, from);
	else
		set_range(map, i, to, end);
	return 1;
}

void poison_forget(struct poison_map *map, gpa_t at, uint32_t pages)
{
	uint64_t end = at.v + pages * RAS_PAGE_BYTES;

	if (!pages || !is_range(at, pages))
		return;
	for (unsigned i = first_ending_after(map, at.v); i < map->n && map->gpa[i] < end;)
		i += cut(map, i, at.v, end);
}

/* Entries that say nothing against a new error of that class: the page was replaced; its error was
 * corrected and now it is not; or an earlier corrected error is over and done with. */
static bool gives_way(const struct poison_map *map, unsigned i, enum ras_class class)
{
	if (map->state[i] == POISON_HEALED)
		return true;
	return map->class[i] == RAS_CE && (class != RAS_CE || map->state[i] == POISON_ACKED);
}

static void clear_the_way(struct poison_map *map, uint64_t from, uint64_t to, enum ras_class class)
{
	for (unsigned i = first_ending_after(map, from); i < map->n && map->gpa[i] < to;)
		i += gives_way(map, i, class) ? cut(map, i, from, to) : 1;
}

/* ---- putting in ---- */

/* The next part of [*from, end) that is in no entry: *from becomes its start, *index where it goes. Its
 * end, or 0: there is none. */
static uint64_t next_gap(const struct poison_map *map, uint64_t *from, uint64_t end,
			 unsigned *index)
{
	unsigned i = first_ending_after(map, *from);

	while (i < map->n && map->gpa[i] <= *from)
		*from = end_of(map, i++);
	*index = i;
	if (*from >= end)
		return 0;
	return i < map->n && map->gpa[i] < end ? map->gpa[i] : end;
}

static unsigned count_gaps(const struct poison_map *map, uint64_t from, uint64_t end)
{
	unsigned gaps = 0, index;
	uint64_t stop;

	while ((stop = next_gap(map, &from, end, &index))) {
		gaps++;
		from = stop;
	}
	return gaps;
}

static void insert(struct poison_map *map, unsigned i, uint64_t from, uint64_t to)
{
	duplicate(map, i);
	clear_entries(map, i, 1);
	set_range(map, i, from, to);
	map->source[i] = POISON_NO_SOURCE;
}

int poison_add(struct poison_map *map, gpa_t at, uint32_t pages, enum poison_state state,
	       enum ras_class class, uint32_t id, uint64_t now_ns)
{
	uint64_t from = at.v, end = at.v + pages * RAS_PAGE_BYTES, stop;
	unsigned gaps, i;

	if (!is_range(at, pages) || state == POISON_FREE || (unsigned)state >= POISON_NR_STATES)
		return -EINVAL;
	if (!pages)
		return 0;
	clear_the_way(map, from, end, class);
	gaps = count_gaps(map, from, end);
	if (gaps > POISON_MAX - map->n)
		return -ENOSPC;
	while ((stop = next_gap(map, &from, end, &i))) {
		insert(map, i, from, stop);
		map->id[i] = id;
		map->seen_ns[i] = now_ns;
		map->state[i] = (uint8_t)state;
		map->class[i] = (uint8_t) class;
		map->order[i] = map->next_order;
		from = stop;
	}
	map->next_order += gaps > 0;
	return (int)gaps;
}

int poison_split(struct poison_map *map, gpa_t at, uint32_t pages)
{
	int found = poison_find(map, at);
	uint64_t start, end, to = at.v + pages * RAS_PAGE_BYTES;
	unsigned i, more;

	if (!pages || !is_range(at, pages) || found < 0)
		return -ENOENT;
	i = (unsigned)found;
	start = map->gpa[i];
	end = end_of(map, i);
	if (to > end)
		return -ENOENT;
	more = (at.v > start) + (to < end);
	if (more > POISON_MAX - map->n)
		return -ENOSPC;
	if (to < end) {
		duplicate(map, i);
		set_range(map, i + 1, to, end);
	}
	if (at.v > start) {
		duplicate(map, i);
		set_range(map, i++, start, at.v);
	}
	set_range(map, i, at.v, to);
	return (int)i;
}

/* ---- states ---- */

bool poison_step(struct poison_map *map, unsigned index, enum poison_state state)
{
	if (index >= map->n || (unsigned)state >= POISON_NR_STATES ||
	    !(may_follow[map->state[index]] & MAY(state)))
		return false;
	map->state[index] = (uint8_t)state;
	if (state != POISON_NOTIFIED)
		map->source[index] = POISON_NO_SOURCE;
	if (state == POISON_QUEUED)
		map->order[index] = map->next_order++;
	return true;
}

int poison_first_queued(const struct poison_map *map, enum ras_class class)
{
	int first = -1;

	for (unsigned i = 0; i < map->n; i++) {
		if (map->state[i] != POISON_QUEUED || map->class[i] != class)
			continue;
		/* The difference, since the numbers wrap around. */
		if (first < 0 || (int32_t)(map->order[i] - map->order[first]) < 0)
			first = (int)i;
	}
	return first;
}

/* Pages that are good now: replaced, or their errors were corrected. */
static bool is_good(const struct poison_map *map, unsigned i)
{
	return map->state[i] == POISON_HEALED || map->class[i] == RAS_CE;
}

void poison_reset(struct poison_map *map)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < map->n; i++) {
		if (is_good(map, i))
			continue;
		move_entries(map, kept, i, 1);
		map->state[kept] = POISON_SEEN;
		map->source[kept] = POISON_NO_SOURCE;
		kept++;
	}
	clear_entries(map, kept, map->n - kept);
	map->n = kept;
}

static void print_entry(const struct poison_map *map, unsigned i, FILE *out)
{
	fprintf(out, "gpa=0x%" PRIx64 " pages=%" PRIu32 " state=%s class=%s id=%" PRIu32,
		map->gpa[i], map->pages[i], poison_state_name(map->state[i]),
		ras_class_name(map->class[i]), map->id[i]);
	if (map->source[i] < GHES_NR)
		fprintf(out, " source=%s", ghes_name(map->source[i]));
	if (map->flags[i] & POISON_THRESHOLD)
		fputs(" threshold", out);
	if (map->flags[i] & POISON_FATAL)
		fputs(" fatal", out);
	fputc('\n', out);
}

void poison_print(const struct poison_map *map, FILE *out)
{
	for (unsigned i = 0; i < map->n; i++)
		print_entry(map, i, out);
}
