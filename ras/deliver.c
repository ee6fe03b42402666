/*
 * From the poison map to the guest: which pages go out together, by which way, in which order.
 *
 * Pages of one CPER severity are a stream and are told in the order in which they came. How a stream goes
 * out is decided each time something could go, so a guest that registers a handler, or stops listening,
 * changes it for what still waits. A source takes what waits for it longest: pages, or a finished record
 * of an injection.
 * State: struct ras, under the firmware lock. Left out: the queue itself (batch.c), what happens once a
 * record is in its source (sources.c), guests without GHES (dtlog.c).
 */
#include <string.h>

#include "ras/ras_private.h"

/* What is about to happen to a stream. */
struct plan {
	struct ras_decision decision;
	unsigned source; /* enum ghes_id; GHES_NR: not by a source, or nothing waits */
	uint32_t order;  /* of the first page */
};

static const char *send_pages(struct fw_locked fw, struct ras *ras, enum cper_severity stream,
			      const struct plan *plan)
{
	enum ghes_id source = (enum ghes_id)plan->source;
	struct ras_sent *sent = &ras->sent[source];
	struct ras_batch batch;
	uint32_t tokens = limit_take(&ras->limit, CPER_MAX_SECTIONS, ras->now_ns);
	int pages;

	if (!tokens)
		return "the rate limit";
	pages = ras_take_batch(ras, stream, tokens, &batch);
	limit_return(&ras->limit, tokens - (pages > 0 ? (uint32_t)pages : 0));
	if (pages < 0) {
		ras_stop_full(ras, ras->map->id[ras_first_of(ras->map, stream)]);
		return "the map of lost pages is full";
	}
	if (ras_write_pages(ras, sent, &batch, stream)) {
		sent->n = 0;
		return "its record cannot be written";
	}
	sent->way = plan->decision.way;
	ras_batch_told(ras, &batch, (uint8_t)source);
	ras_send(fw, ras, source, false);
	return "acknowledgement of the pages before";
}

/* ---- plans ---- */

struct ras_decision ras_decide_for(struct fw_locked fw, struct ras *ras, enum ras_class class,
				   uint8_t flags)
{
	const struct ras_error error = {
		.class = class == RAS_CE ? RAS_CE : RAS_AO,
		.threshold = flags & POISON_THRESHOLD,
		.fatal = flags & POISON_FATAL,
	};
	struct ras_caps caps = { 0 };

	ras_fill_caps(fw, ras, error.fatal, &caps);
	return ras_decide(&ras->config.policy, &error, &caps);
}

static unsigned source_of(const struct ras *ras, enum ras_way way, enum cper_severity stream)
{
	if (!ras_has_ghes(ras))
		return GHES_NR;
	if (way == RAS_WAY_GED)
		return GHES_GED;
	if (way == RAS_WAY_POLLED)
		return GHES_POLLED;
	if (way != RAS_WAY_SDEI)
		return GHES_NR;
	return stream == CPER_FATAL ? GHES_SDEI_CRITICAL : GHES_SDEI_NORMAL;
}

/* The guest has become ready for more, or for less, than when this was decided. */
static void note_change(struct ras *ras, unsigned entry, enum cper_severity stream,
			const struct ras_decision *decision)
{
	struct ras_note note = ras_note_of(RAS_NOTE_DECIDED);

	if (ras->decided[stream] == decision->way)
		return;
	ras->decided[stream] = decision->way;
	note.id = ras->map->id[entry];
	note.class = ras->map->class[entry];
	note.gpa = ras->map->gpa[entry];
	note.bytes = ras->map->pages[entry] * RAS_PAGE_BYTES;
	note.way = decision->way;
	note.text = decision->why;
	ras_tell(ras, &note);
}

/* False: nothing waits. */
static bool make_plan(struct fw_locked fw, struct ras *ras, enum cper_severity stream,
		      struct plan *plan)
{
	int first = ras_first_of(ras->map, stream);
	enum ras_class class;

	plan->source = GHES_NR;
	if (first < 0)
		return false;
	class = (enum ras_class)ras->map->class[first];
	plan->decision = ras_decide_for(fw, ras, class, ras->map->flags[first]);
	note_change(ras, (unsigned)first, stream, &plan->decision);
	plan->source = source_of(ras, plan->decision.way, stream);
	plan->order = ras->map->order[first];
	return true;
}

/* ---- ways without a record ---- */

/* They are remembered, and nobody is told. */
static void shelve(struct ras *ras, enum cper_severity stream)
{
	for (unsigned i = ras->map->n; i-- > 0;) {
		if (!ras_in_stream(ras->map, i, stream))
			continue;
		if (stream == CPER_CORRECTED)
			poison_forget(ras->map, gpa(ras->map->gpa[i]), ras->map->pages[i]);
		else
			poison_step(ras->map, i, POISON_SEEN);
	}
	ras_changed(ras);
}

static void note_serror(struct ras *ras, const struct ras_told *run)
{
	struct ras_note note = ras_note_of(RAS_NOTE_NOTIFIED);

	note.id = run->id;
	note.way = RAS_WAY_SERROR;
	note.gpa = run->gpa;
	note.bytes = run->pages * RAS_PAGE_BYTES;
	note.pages = run->pages;
	ras_tell(ras, &note);
}

/* One SError says it for all of them: it has no address. */
static void send_serror(struct fw_locked fw, struct ras *ras, enum cper_severity stream)
{
	const struct ras_config *c = &ras->config;
	struct poison_map *map = ras->map;
	uint32_t first = map->id[ras_first_of(map, stream)];

	for (unsigned i = 0; i < map->n; i++) {
		struct ras_told run = ras_run_of(map, i);

		if (!ras_in_stream(map, i, stream) || !poison_step(map, i, POISON_NOTIFIED))
			continue;
		map->source[i] = POISON_NO_SOURCE;
		note_serror(ras, &run);
	}
	ras_changed(ras);
	c->ops->serror(fw, c->world, RAS_NO_PE, ras_policy_serror(ras), first);
}

static const char *go_without_record(struct fw_locked fw, struct ras *ras,
				     enum cper_severity stream, const struct ras_decision *decision)
{
	uint32_t id = ras->map->id[ras_first_of(ras->map, stream)];

	if (decision->way == RAS_WAY_SDEI && ras->ghes.region.v)
		return ras_log_deliver(fw, ras, stream);
	if (decision->way == RAS_WAY_NONE && decision->later)
		return decision->why;
	if (decision->way == RAS_WAY_SERROR) {
		send_serror(fw, ras, stream);
		return NULL;
	}
	shelve(ras, stream);
	if (decision->way == RAS_WAY_STOP)
		ras_stop(ras, id,
			 "a page of guest memory is lost, and the policy for that is ao=stop");
	return NULL;
}

/* ---- sources ---- */

static struct ras_record *first_record(struct ras *ras, enum ghes_id source)
{
	struct ras_record *first = NULL;

	for (unsigned i = 0; i < RAS_MAX_RECORDS; i++) {
		struct ras_record *r = &ras->record[i];

		if (r->n && r->source == source &&
		    (!first || ras_is_before(r->order, first->order)))
			first = r;
	}
	return first;
}

static enum ras_way way_of(enum ghes_id source)
{
	static const enum ras_way ways[GHES_NR] = {
		[GHES_SEA] = RAS_WAY_SEA,
		[GHES_SDEI_NORMAL] = RAS_WAY_SDEI,
		[GHES_SDEI_CRITICAL] = RAS_WAY_SDEI,
		[GHES_GED] = RAS_WAY_GED,
		[GHES_POLLED] = RAS_WAY_POLLED,
	};

	return ways[source];
}

static void send_record(struct fw_locked fw, struct ras *ras, struct ras_record *record)
{
	struct ras_sent *sent = &ras->sent[record->source];

	memset(sent, 0, sizeof(*sent));
	memcpy(sent->bytes, record->bytes, record->n);
	sent->n = record->n;
	sent->way = way_of(record->source);
	sent->told[0].id = record->id;
	sent->ntold = 1;
	record->n = 0;
	ras_send(fw, ras, record->source, false);
}

/* The stream whose first page waits longest for the source; RAS_STREAMS: none waits for it. */
static unsigned first_stream(const struct plan plans[RAS_STREAMS], enum ghes_id source)
{
	unsigned first = RAS_STREAMS;

	for (unsigned i = 0; i < RAS_STREAMS; i++)
		if (plans[i].source == source &&
		    (first == RAS_STREAMS || ras_is_before(plans[i].order, plans[first].order)))
			first = i;
	return first;
}

static void feed(struct fw_locked fw, struct ras *ras, enum ghes_id source,
		 const struct plan plans[RAS_STREAMS], const char *waits[RAS_STREAMS])
{
	unsigned stream = first_stream(plans, source);
	struct ras_record *record = first_record(ras, source);

	if (ras_busy(ras, source))
		return;
	if (record && (stream == RAS_STREAMS || ras_is_before(record->order, plans[stream].order)))
		send_record(fw, ras, record);
	else if (stream < RAS_STREAMS)
		waits[stream] = send_pages(fw, ras, (enum cper_severity)stream, &plans[stream]);
}

void ras_deliver(struct fw_locked fw, struct ras *ras, const char *waits[RAS_STREAMS])
{
	struct plan plans[RAS_STREAMS];

	if (!ras->stopped) {
		ras_watch_sources(fw, ras);
		ras_log_watch(fw, ras);
	}
	for (unsigned i = 0; i < RAS_STREAMS; i++) {
		enum cper_severity stream = (enum cper_severity)i;

		waits[i] = NULL;
		if (ras->stopped || !make_plan(fw, ras, stream, &plans[i]))
			plans[i].source = GHES_NR;
		else if (plans[i].source == GHES_NR)
			waits[i] = go_without_record(fw, ras, stream, &plans[i].decision);
		else
			waits[i] = "acknowledgement of the record before";
	}
	for (unsigned i = 0; i < GHES_NR && !ras->stopped; i++)
		feed(fw, ras, (enum ghes_id)i, plans, waits);
}
