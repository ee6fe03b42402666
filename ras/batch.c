/*
 * The queue in the poison map, and the pages of it that go out together in one record.
 *
 * Source: UEFI 2.10 N.2.5 (memory section, table N.17 for the types). State: the poison map of struct ras, under
 * the firmware lock. Left out: when and which way (deliver.c).
 */
#include <string.h>

#include "ras/cper.h"
#include "ras/ras_private.h"

enum cper_severity ras_severity(enum ras_class class, bool fatal)
{
	if (class == RAS_CE)
		return CPER_CORRECTED;
	return fatal ? CPER_FATAL : CPER_RECOVERABLE;
}

bool ras_in_stream(const struct poison_map *map, unsigned i, enum cper_severity stream)
{
	bool fatal = map->flags[i] & POISON_FATAL;

	return map->state[i] == POISON_QUEUED &&
	       ras_severity((enum ras_class)map->class[i], fatal) == stream;
}

/* Orders wrap around. */
bool ras_is_before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

int ras_first_of(const struct poison_map *map, enum cper_severity stream)
{
	int first = -1;

	for (unsigned i = 0; i < map->n; i++)
		if (ras_in_stream(map, i, stream) &&
		    (first < 0 || ras_is_before(map->order[i], map->order[first])))
			first = (int)i;
	return first;
}

struct ras_told ras_run_of(const struct poison_map *map, unsigned i)
{
	return (struct ras_told){ map->gpa[i], map->pages[i], map->id[i] };
}

/* Entries of a stream, sorted by order, then address; as many as a record has sections. */
struct sorted {
	unsigned n;
	unsigned index[CPER_MAX_SECTIONS];
};

static void sort_in(const struct poison_map *map, struct sorted *sorted, unsigned entry)
{
	unsigned at = sorted->n;

	while (at && ras_is_before(map->order[entry], map->order[sorted->index[at - 1]]))
		at--;
	if (at == CPER_MAX_SECTIONS)
		return;
	if (sorted->n < CPER_MAX_SECTIONS)
		sorted->n++;
	memmove(&sorted->index[at + 1], &sorted->index[at],
		(sorted->n - at - 1) * sizeof(sorted->index[0]));
	sorted->index[at] = entry;
}

static void sort_stream(const struct poison_map *map, enum cper_severity stream,
			struct sorted *sorted)
{
	sorted->n = 0;
	for (unsigned i = 0; i < map->n; i++)
		if (ras_in_stream(map, i, stream))
			sort_in(map, sorted, i);
}

static void add_run(struct ras_batch *batch, const struct poison_map *map, unsigned i,
		    uint32_t room)
{
	unsigned n = batch->n++;

	batch->run[n] = ras_run_of(map, i);
	if (batch->run[n].pages > room)
		batch->run[n].pages = room;
	batch->pages += batch->run[n].pages;
	batch->flags[n] = map->flags[i];
	batch->class[n] = map->class[i];
}

/* The last run may be a part of its entry. */
static int split_last(struct ras *ras, struct ras_batch *batch)
{
	const struct ras_told *last = &batch->run[batch->n - 1];
	int ret = poison_split(ras->map, gpa(last->gpa), last->pages);

	if (ret >= 0)
		return 0;
	batch->pages -= last->pages;
	batch->n--;
	return batch->n ? 0 : ret;
}

int ras_take_batch(struct ras *ras, enum cper_severity stream, uint32_t pages,
		   struct ras_batch *batch)
{
	struct sorted sorted;
	int ret = 0;

	batch->n = 0;
	batch->pages = 0;
	sort_stream(ras->map, stream, &sorted);
	for (unsigned i = 0; i < sorted.n && batch->pages < pages; i++)
		add_run(batch, ras->map, sorted.index[i], pages - batch->pages);
	if (batch->n)
		ret = split_last(ras, batch);
	return ret ? ret : (int)batch->pages;
}

void ras_batch_told(struct ras *ras, const struct ras_batch *batch, uint8_t source)
{
	for (unsigned i = 0; i < batch->n; i++) {
		int entry = poison_find(ras->map, gpa(batch->run[i].gpa));

		if (entry >= 0 && poison_step(ras->map, (unsigned)entry, POISON_NOTIFIED))
			ras->map->source[entry] = source;
	}
}

/* ---- a record of pages ---- */

/* UEFI 2.10 table N.17. */
#define SINGLE_BIT 2
#define MULTI_BIT  3

static void add_sections(struct cper_writer *w, const struct ras_batch *batch, unsigned run)
{
	struct cper_memory memory = {
		.address = batch->run[run].gpa,
		.type = batch->class[run] == RAS_CE ? SINGLE_BIT : MULTI_BIT,
		.threshold = batch->flags[run] & POISON_THRESHOLD,
	};

	w->id = batch->run[run].id;
	for (uint32_t i = 0; i < batch->run[run].pages; i++) {
		cper_add_memory(w, &memory);
		memory.address += RAS_PAGE_BYTES;
	}
}

static void add_told(struct ras_sent *sent, const struct ras_told *run)
{
	for (unsigned i = 0; i < sent->ntold; i++) {
		if (sent->told[i].id != run->id)
			continue;
		sent->told[i].pages += run->pages;
		return;
	}
	sent->told[sent->ntold++] = *run;
}

int ras_write_pages(struct ras *ras, struct ras_sent *sent, const struct ras_batch *batch,
		    enum cper_severity severity)
{
	const struct ras_config *c = &ras->config;
	struct cper_time time = { 0 };
	struct cper_writer w;
	int n;

	if (c->ops->time)
		time = c->ops->time(c->world);
	memset(sent, 0, sizeof(*sent));
	cper_begin(&w, sent->bytes, sizeof(sent->bytes), severity, &time);
	for (unsigned i = 0; i < batch->n; i++) {
		add_sections(&w, batch, i);
		add_told(sent, &batch->run[i]);
	}
	n = cper_end(&w);
	if (n < 0)
		return n;
	sent->n = (size_t)n;
	sent->pages = batch->pages;
	sent->class = batch->class[0];
	return 0;
}
