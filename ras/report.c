/*
 * Errors in that nobody has consumed, lost pages and corrected errors, and finished records of
 * injections.
 *
 * A page enters the poison map QUEUED and deliver.c finds its way from there; so what was decided when it
 * came in binds nobody once the guest is ready for more.
 * Source: ACPI 6.5 18.3.2 for the sources; the rest is rasvm's own. State: struct ras, under the firmware
 * lock.
 */
#include <errno.h>
#include <string.h>

#include "ras/ras_private.h"

static uint64_t end_of(const struct ras_error *error)
{
	return error->base.v + error->bytes;
}

static uint32_t pages_in(uint64_t from, uint64_t to)
{
	return (uint32_t)((to - from) / RAS_PAGE_BYTES);
}

struct ras_error ras_normalise(struct ras *ras, const struct ras_error *error)
{
	struct ras_error e = *error;

	ras_clock(ras, e.seen_ns);
	e.id = ras_id(ras, e.id);
	e.at = gpa(align_down(e.at.v, RAS_PAGE_BYTES));
	e.base = gpa(align_down(e.base.v, RAS_PAGE_BYTES));
	e.bytes = align_down(e.bytes, RAS_PAGE_BYTES);
	if (!e.bytes || e.at.v < e.base.v || e.at.v - e.base.v >= e.bytes) {
		e.base = e.at;
		e.bytes = RAS_PAGE_BYTES;
	}
	return e;
}

/* ---- the firmware's own pages ---- */

static void note_healed(struct ras *ras, const struct ras_error *error, uint64_t from, uint64_t to)
{
	struct ras_note note = ras_note_error(RAS_NOTE_HEALED, error);

	note.gpa = from;
	note.bytes = to - from;
	note.text = "the firmware's own page";
	ras_tell(ras, &note);
}

/* 0, or -errno of the first page that stays bad. */
static int repair(struct ras *ras, const struct ras_error *error, uint64_t from, uint64_t to)
{
	uint64_t used = ras->ghes.region.v + RAS_USED_BYTES;

	for (uint64_t page = from; page < to && page < used; page += RAS_PAGE_BYTES) {
		int ret = ghes_repair(&ras->ghes, gpa(page));

		if (ret)
			return ret;
	}
	poison_forget(ras->map, gpa(from), pages_in(from, to));
	note_healed(ras, error, from, to);
	return 0;
}

bool ras_repair_own(struct ras *ras, const struct ras_error *error)
{
	uint64_t region = ras->ghes.region.v;
	uint64_t from = error->base.v, to = end_of(error);

	if (!region || error->class == RAS_CE)
		return false;
	if (from < region)
		from = region;
	if (to > region + RAS_REGION_BYTES)
		to = region + RAS_REGION_BYTES;
	if (from >= to)
		return false;
	return !repair(ras, error, from, to) && ghes_owns(&ras->ghes, error->at);
}

void ras_repair_region(struct ras *ras)
{
	for (uint64_t offset = 0; offset < RAS_REGION_BYTES; offset += RAS_PAGE_BYTES) {
		gpa_t page = gpa(ras->ghes.region.v + offset);
		int i = poison_find(ras->map, page);
		struct ras_error error = { .at = page, .base = page, .bytes = RAS_PAGE_BYTES };

		if (i < 0)
			continue;
		error.class = ras->map->class[i] == RAS_CE ? RAS_CE : RAS_AO;
		error.id = ras->map->id[i];
		(void)ras_repair_own(ras, &error);
	}
}

/* ---- into the map ---- */

void ras_stop_full(struct ras *ras, uint32_t id)
{
	ras_stop(ras, id,
		 "more pages of guest memory are lost than rasvm keeps account of; replace the "
		 "memory before starting the guest again");
}

static uint8_t flags_of(const struct ras_error *error)
{
	if (error->class == RAS_CE)
		return error->threshold ? POISON_THRESHOLD : 0;
	return error->fatal ? POISON_FATAL : 0;
}

/* Entries that this error brought; there is no other mark of them. */
static void set_flags(struct poison_map *map, const struct ras_error *error)
{
	for (unsigned i = 0; i < map->n; i++)
		if (map->id[i] == error->id && map->state[i] == POISON_QUEUED)
			map->flags[i] = flags_of(error);
}

static int add_part(struct ras *ras, const struct ras_error *error, uint64_t from, uint64_t to,
		    enum poison_state state, enum ras_class class)
{
	if (from >= to)
		return 0;
	return poison_add(ras->map, gpa(from), pages_in(from, to), state, class, error->id,
			  error->seen_ns);
}

int ras_add_rest(struct ras *ras, const struct ras_error *error)
{
	enum poison_state state = error->bytes > RAS_TELL_MAX_BYTES ? POISON_SEEN : POISON_QUEUED;
	uint64_t region = ras->ghes.region.v ? ras->ghes.region.v : UINT64_MAX - RAS_REGION_BYTES;
	uint64_t own = region + RAS_REGION_BYTES, to = end_of(error);
	int before, behind;

	/* The firmware's own pages are there again already. */
	before = add_part(ras, error, error->base.v, to < region ? to : region, state, RAS_AO);
	if (before < 0)
		return before;
	behind = add_part(ras, error, error->base.v > own ? error->base.v : own, to, state, RAS_AO);
	return behind < 0 ? behind : before + behind;
}

/* Entries in [from, to) that came as corrected errors and are not in the way of a further one: their record
 * is out, or they said less. */
static void forget_corrected(struct poison_map *map, const struct ras_error *error)
{
	for (uint64_t at = error->base.v; at < end_of(error); at += RAS_PAGE_BYTES) {
		int i = poison_find(map, gpa(at));

		if (i < 0 || map->class[i] != RAS_CE)
			continue;
		if (map->state[i] != POISON_QUEUED || map->flags[i] < flags_of(error))
			poison_forget(map, gpa(at), 1);
	}
}

static int add_corrected(struct ras *ras, const struct ras_error *error)
{
	forget_corrected(ras->map, error);
	return add_part(ras, error, error->base.v, end_of(error), POISON_QUEUED, RAS_CE);
}

static int add_lost(struct ras *ras, const struct ras_error *error)
{
	uint64_t at = error->at.v;
	int one = add_part(ras, error, at, at + RAS_PAGE_BYTES, POISON_QUEUED, RAS_AO);
	int rest;

	if (one < 0)
		return one;
	rest = ras_add_rest(ras, error);
	return rest < 0 ? rest : one + rest;
}

/* A corrected error that finds no room says nothing that has to be known. */
static void no_room(struct ras *ras, const struct ras_error *error)
{
	struct ras_note note = ras_note_error(RAS_NOTE_KNOWN, error);

	if (error->class != RAS_CE) {
		ras_stop_full(ras, error->id);
		return;
	}
	note.text = "dropped: no room for another corrected error";
	ras_tell(ras, &note);
}

/* True: there is something new in the map. */
static bool enter(struct ras *ras, const struct ras_error *error)
{
	int added = error->class == RAS_CE ? add_corrected(ras, error) : add_lost(ras, error);
	struct ras_note note = ras_note_error(RAS_NOTE_KNOWN, error);

	if (added < 0) {
		no_room(ras, error);
		return false;
	}
	if (!added) {
		ras_tell(ras, &note);
		return false;
	}
	set_flags(ras->map, error);
	return true;
}

/* ---- errors ---- */

static void note_decided(struct fw_locked fw, struct ras *ras, const struct ras_error *error)
{
	struct ras_decision d = ras_decide_for(fw, ras, error->class, flags_of(error));
	struct ras_note note = ras_note_error(RAS_NOTE_DECIDED, error);

	ras->decided[ras_severity(error->class, error->fatal)] = d.way;
	note.way = d.way;
	note.text = d.why;
	ras_tell(ras, &note);
}

/* The operator hears of it at once. */
static void note_later(struct ras *ras, const struct ras_error *error)
{
	struct ras_note note = ras_note_error(RAS_NOTE_DECIDED, error);

	note.way = RAS_WAY_NONE;
	note.text = "no guest runs, so the next one is told";
	ras_tell(ras, &note);
}

static void note_queued(struct ras *ras, const struct ras_error *error, const char *waits)
{
	enum cper_severity stream = ras_severity(error->class, error->fatal);
	struct ras_note note = ras_note_error(RAS_NOTE_QUEUED, error);
	const struct poison_map *map = ras->map;

	for (unsigned i = 0; i < map->n; i++) {
		if (map->id[i] != error->id || map->state[i] != POISON_QUEUED)
			continue;
		note.way = ras->decided[stream];
		note.text = waits;
		ras_tell(ras, &note);
		return;
	}
}

void ras_report(struct fw_locked fw, struct ras *ras, const struct ras_error *error)
{
	struct ras_error e = ras_normalise(ras, error);
	struct ras_note note = ras_note_error(RAS_NOTE_SIGNAL, &e);
	const char *waits[RAS_STREAMS];
	bool new = false;

	ras_tell(ras, &note);
	if (ras->stopped)
		return;
	if (!ras->running) {
		if (enter(ras, &e))
			note_later(ras, &e);
		return;
	}
	if (ras_repair_own(ras, &e)) {
		if (ras_add_rest(ras, &e) < 0)
			ras_stop_full(ras, e.id);
	} else if (enter(ras, &e)) {
		note_decided(fw, ras, &e);
		new = true;
	}
	ras_changed(ras);
	ras_deliver(fw, ras, waits);
	if (new)
		note_queued(ras, &e, waits[ras_severity(e.class, e.fatal)]);
	ras_set_alarm(fw, ras);
}

/* ---- finished records ---- */

static struct ras_record *free_record(struct ras *ras)
{
	for (unsigned i = 0; i < RAS_MAX_RECORDS; i++)
		if (!ras->record[i].n)
			return &ras->record[i];
	return NULL;
}

static void note_record(struct ras *ras, const struct ras_record *record)
{
	struct ras_note note = ras_note_of(RAS_NOTE_QUEUED);

	note.id = record->id;
	note.source = record->source;
	note.text = "the source is in use";
	ras_tell(ras, &note);
}

int ras_send_record(struct fw_locked fw, struct ras *ras, enum ghes_id source, const void *record,
		    size_t n, uint32_t id, uint64_t now_ns)
{
	const char *waits[RAS_STREAMS];
	struct ras_record *r;

	ras_clock(ras, now_ns);
	if (!ras_has_ghes(ras))
		return -ENODEV;
	if (n < CPER_STATUS_BYTES || n > CPER_BLOCK_BYTES || (unsigned)source >= GHES_NR)
		return -EINVAL;
	r = free_record(ras);
	if (!r)
		return -ENOSPC;
	r->id = ras_id(ras, id);
	r->source = source;
	r->order = ras->map->next_order++;
	r->n = n;
	memcpy(r->bytes, record, n);
	if (ras_busy(ras, source))
		note_record(ras, r);
	ras_changed(ras);
	ras_deliver(fw, ras, waits);
	ras_set_alarm(fw, ras);
	return 0;
}
