/*
 * Records on their way: written into a source, announced, acknowledged, overdue, moved to another source
 * when nobody will read them where they are.
 *
 * Source: ACPI 6.5 18.3.2.8 (acknowledgement), 18.3.2.9 (notification).
 * State: ras.sent, under the firmware lock. A record's bytes stay there until the guest has acknowledged
 * it, because the block in guest memory can be lost, or the source turn out to be deaf. Nothing ever ends
 * because a guest did not acknowledge.
 */
#include "ras/ras_private.h"

bool ras_busy(const struct ras *ras, enum ghes_id source)
{
	return ras->sent[source].n;
}

/* ---- notes ---- */

static struct ras_note note_of(const struct ras *ras, enum ras_note_kind kind, enum ghes_id source,
			       const struct ras_told *told)
{
	const struct ras_sent *sent = &ras->sent[source];
	struct ras_note note = ras_note_of(kind);

	note.id = told->id;
	note.class = sent->class;
	note.way = sent->way;
	note.gpa = told->gpa;
	note.bytes = told->pages * RAS_PAGE_BYTES;
	note.source = source;
	note.pages = sent->pages;
	return note;
}

/* One for each error in the record. */
static void tell_all(struct ras *ras, enum ras_note_kind kind, enum ghes_id source,
		     uint64_t latency_ns, const char *text)
{
	const struct ras_sent *sent = &ras->sent[source];

	for (unsigned i = 0; i < sent->ntold; i++) {
		struct ras_note note = note_of(ras, kind, source, &sent->told[i]);

		note.latency_ns = latency_ns;
		note.text = text;
		ras_tell(ras, &note);
	}
}

static uint64_t age_ns(const struct ras *ras, enum ghes_id source)
{
	return ras->now_ns - ras->ghes.source[source].written_ns;
}

/* ---- announcing ---- */

static uint32_t event_of(enum ghes_id source)
{
	return source == GHES_SDEI_CRITICAL ? RAS_EVENT_CRITICAL : RAS_EVENT_NORMAL;
}

static bool has_event(enum ghes_id source)
{
	return source == GHES_SDEI_NORMAL || source == GHES_SDEI_CRITICAL;
}

static enum ras_sdei event_state(struct fw_locked fw, struct ras *ras, enum ghes_id source)
{
	const struct ras_config *c = &ras->config;
	enum ras_sdei state = c->ops->sdei_state(fw, c->world, event_of(source));

	if (state != RAS_SDEI_NONE)
		ras->alive = true;
	return state;
}

/* An event that is registered is kept by SDEI until a PE takes it; one that is not would be dropped. */
static void ring(struct fw_locked fw, struct ras *ras, enum ghes_id source)
{
	const struct ras_config *c = &ras->config;
	struct ras_sent *sent = &ras->sent[source];

	if (has_event(source) && event_state(fw, ras, source) == RAS_SDEI_NONE)
		return;
	sent->rung = true;
	sent->rung_ns = ras->now_ns;
	if (has_event(source))
		c->ops->sdei_trigger(fw, c->world, event_of(source));
	else if (source == GHES_GED)
		c->ops->ged(c->world);
}

void ras_send(struct fw_locked fw, struct ras *ras, enum ghes_id source, bool force)
{
	struct ras_sent *sent = &ras->sent[source];
	bool again = sent->written;

	sent->written = !ghes_put(&ras->ghes, source, sent->bytes, sent->n, sent->told[0].id,
				  ras->now_ns, force);
	if (!sent->written)
		return;
	sent->lost = false;
	ras_changed(ras);
	if (!again)
		tell_all(ras, RAS_NOTE_NOTIFIED, source, 0, NULL);
	ring(fw, ras, source);
}

/* ---- acknowledgement ---- */

static bool is_acked(const struct poison_map *map, unsigned i, enum ghes_id source)
{
	return map->state[i] == POISON_NOTIFIED && map->source[i] == source;
}

static void pages_acked(struct poison_map *map, enum ghes_id source)
{
	for (unsigned i = map->n; i-- > 0;) {
		if (!is_acked(map, i, source))
			continue;
		if (map->class[i] == RAS_CE)
			poison_forget(map, gpa(map->gpa[i]), map->pages[i]);
		else
			poison_step(map, i, POISON_ACKED);
	}
}

static void acknowledged(struct ras *ras, enum ghes_id source)
{
	tell_all(ras, RAS_NOTE_ACKED, source, age_ns(ras, source), NULL);
	pages_acked(ras->map, source);
	ras->sent[source].n = 0;
	ras->alive = true;
	ras_changed(ras);
}

/* ---- nobody reads it ---- */

static bool is_auto(const struct ras *ras, enum ras_class class)
{
	const struct ras_policy *policy = &ras->config.policy;

	return class == RAS_CE ? policy->ce == RAS_CE_AUTO : policy->ao == RAS_AO_AUTO;
}

static void pages_moved(struct poison_map *map, enum ghes_id from, enum ghes_id to)
{
	for (unsigned i = 0; i < map->n; i++)
		if (is_acked(map, i, from))
			map->source[i] = (uint8_t)to;
}

/* The record goes to another source of the guest's, if that is free; it is never in both. */
static void fall_back(struct fw_locked fw, struct ras *ras, enum ghes_id from, enum ghes_id to,
		      const char *why)
{
	struct ras_sent *sent = &ras->sent[from];

	if (ras_busy(ras, to) || !ghes_retract(&ras->ghes, from))
		return;
	sent->way = to == GHES_GED ? RAS_WAY_GED : RAS_WAY_POLLED;
	tell_all(ras, RAS_NOTE_FALLBACK, from, age_ns(ras, from), why);
	pages_moved(ras->map, from, to);
	ras->sent[to] = *sent;
	sent->n = 0;
	sent->written = false;
	ras->sent[to].written = false;
	ras->sent[to].rung = false;
	ras->sent[to].stuck = false;
	ras_send(fw, ras, to, false);
}

/* How long the event has not been one that could be entered. */
static bool is_stuck(struct ras *ras, struct ras_sent *sent, enum ras_sdei state)
{
	if (state == RAS_SDEI_READY) {
		sent->stuck = false;
		return false;
	}
	if (!sent->stuck)
		sent->stuck_ns = ras->now_ns;
	sent->stuck = true;
	return ras->now_ns - sent->stuck_ns >= ras->config.policy.fallback_ns;
}

/* A record for an SDEI event, unread. */
static void watch_event(struct fw_locked fw, struct ras *ras, enum ghes_id source)
{
	struct ras_sent *sent = &ras->sent[source];
	enum ras_sdei state = event_state(fw, ras, source);

	if (state == RAS_SDEI_NONE)
		sent->rung = false;
	else if (!sent->rung)
		ring(fw, ras, source);
	if (is_stuck(ras, sent, state) && sent->pages && is_auto(ras, sent->class))
		fall_back(fw, ras, source, GHES_GED,
			  state == RAS_SDEI_NONE ? "no handler is registered for the event"
						 : "no CPU takes the event");
}

/* A record for the interrupt, unread. Before the guest has used any source it will look when it finds
 * them. */
static void watch_interrupt(struct fw_locked fw, struct ras *ras)
{
	const struct ras_sent *sent = &ras->sent[GHES_GED];

	if (ras->alive && sent->pages && is_auto(ras, sent->class) &&
	    age_ns(ras, GHES_GED) >= ras->config.policy.ack_ns)
		fall_back(fw, ras, GHES_GED, GHES_POLLED, "nobody serves the interrupt");
}

static uint64_t patience_ns(const struct ras *ras, enum ghes_id source)
{
	return source == GHES_SEA ? RAS_SEA_ACK_NS : ras->config.policy.ack_ns;
}

static void tell_late(struct ras *ras, enum ghes_id source)
{
	struct ghes_source *s = &ras->ghes.source[source];

	if (s->late)
		return;
	s->late = 1;
	tell_all(ras, RAS_NOTE_UNACKED, source, age_ns(ras, source), NULL);
}

static void requeue(struct ras *ras, const struct ras_told *told)
{
	int entry = poison_find(ras->map, gpa(told->gpa));

	if (!told->pages || entry < 0 || ras->map->state[entry] != POISON_CONSUMED)
		return;
	poison_forget(ras->map, gpa(told->gpa), 1);
	/* There is room: an entry has just gone, or a page of one that stays. */
	if (poison_add(ras->map, gpa(told->gpa), 1, POISON_QUEUED, RAS_AO, told->id, ras->now_ns) <
	    0)
		ras_stop_full(ras, told->id);
}

static bool has_record(enum ras_way way)
{
	return way == RAS_WAY_SDEI || way == RAS_WAY_GED || way == RAS_WAY_POLLED;
}

/* Nobody has read the record of an abort: a kernel that aborted itself never does. Its page is still bad, so
 * it is told as AO too; the record stays. */
static void retell_sea(struct fw_locked fw, struct ras *ras)
{
	struct ras_sent *sent = &ras->sent[GHES_SEA];
	struct ras_decision d = ras_decide_for(fw, ras, RAS_AO, 0);

	if (sent->retold || !sent->pages || !has_record(d.way))
		return;
	sent->retold = true;
	sent->way = d.way;
	tell_all(ras, RAS_NOTE_FALLBACK, GHES_SEA, age_ns(ras, GHES_SEA),
		 "the record of the abort was not read");
	sent->way = RAS_WAY_SEA;
	for (unsigned i = 0; i < sent->ntold; i++)
		requeue(ras, &sent->told[i]);
	ras_changed(ras);
}

static void watch_unread(struct fw_locked fw, struct ras *ras, enum ghes_id source)
{
	if (has_event(source))
		watch_event(fw, ras, source);
	else if (source == GHES_GED)
		watch_interrupt(fw, ras);
}

/* An overdue record that is still where it was: have the guest look once more. */
static void insist(struct fw_locked fw, struct ras *ras, enum ghes_id source)
{
	const struct ras_sent *sent = &ras->sent[source];

	if (source == GHES_SEA)
		retell_sea(fw, ras);
	else if (sent->rung && ras->now_ns - sent->rung_ns >= patience_ns(ras, source))
		ring(fw, ras, source);
}

static void unacknowledged(struct fw_locked fw, struct ras *ras, enum ghes_id source,
			   enum ghes_state state)
{
	bool overdue = age_ns(ras, source) >= patience_ns(ras, source);

	if (overdue)
		tell_late(ras, source);
	if (state != GHES_UNREAD)
		return;
	watch_unread(fw, ras, source);
	if (overdue && ras_busy(ras, source))
		insist(fw, ras, source);
}

static void watch(struct fw_locked fw, struct ras *ras, enum ghes_id source)
{
	struct ras_sent *sent = &ras->sent[source];
	enum ghes_state state;

	if (!sent->written) {
		ras_send(fw, ras, source, source == GHES_SEA);
		return;
	}
	state = ghes_look(&ras->ghes, source);
	if (state == GHES_IDLE && sent->lost) {
		ras_send(fw, ras, source, true);
		return;
	}
	sent->lost = false;
	if (state == GHES_IDLE)
		acknowledged(ras, source);
	else
		unacknowledged(fw, ras, source, state);
}

void ras_clear_sea(struct fw_locked fw, struct ras *ras, gpa_t page)
{
	const struct ras_sent *sent = &ras->sent[GHES_SEA];

	if (ras_busy(ras, GHES_SEA) && sent->written)
		watch(fw, ras, GHES_SEA);
	if (!ras_busy(ras, GHES_SEA))
		return;
	tell_late(ras, GHES_SEA);
	if (sent->told[0].gpa != page.v && ghes_look(&ras->ghes, GHES_SEA) == GHES_UNREAD)
		retell_sea(fw, ras);
}

void ras_watch_sources(struct fw_locked fw, struct ras *ras)
{
	for (unsigned i = 0; i < GHES_NR; i++)
		if (ras_busy(ras, (enum ghes_id)i))
			watch(fw, ras, (enum ghes_id)i);
}
