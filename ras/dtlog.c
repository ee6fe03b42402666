/*
 * Guests without ACPI: pages told by the log page and the SDEI events ras-normal and ras-critical, and
 * seeing how far the guest has read.
 *
 * Source: rasvm's own, documented for guests in docs/ras.md. State: ras.told_log, under the firmware lock:
 * what each entry says that the guest has not passed. Left out: the page itself (logpage.c).
 */
#include "ras/ras_private.h"

static const uint32_t events[2] = { RAS_EVENT_NORMAL, RAS_EVENT_CRITICAL };

static struct ras_logged *entry_of(struct ras *ras, uint64_t index)
{
	return &ras->told_log.entry[index % LOGPAGE_N];
}

bool ras_log_busy(const struct ras *ras)
{
	return ras->told_log.acked != ras->log.head;
}

static void tell(struct ras *ras, enum ras_note_kind kind, const struct ras_logged *entry)
{
	struct ras_note note = ras_note_of(kind);

	note.id = entry->told.id;
	note.class = entry->class;
	note.way = RAS_WAY_SDEI;
	note.gpa = entry->told.gpa;
	note.bytes = entry->told.pages * RAS_PAGE_BYTES;
	note.pages = entry->told.pages;
	if (kind != RAS_NOTE_NOTIFIED)
		note.latency_ns = ras->now_ns - entry->written_ns;
	ras_tell(ras, &note);
}

/* ---- what the guest has read ---- */

/* The entry's pages that are still only told, and not consumed meanwhile. */
static void step_pages(struct poison_map *map, const struct ras_logged *entry,
		       enum poison_state state)
{
	uint64_t from = entry->told.gpa, to = from + entry->told.pages * RAS_PAGE_BYTES;

	if (entry->class == RAS_AR)
		return;
	for (unsigned i = map->n; i-- > 0;) {
		if (map->gpa[i] < from || map->gpa[i] >= to || map->state[i] != POISON_NOTIFIED)
			continue;
		if (state == POISON_ACKED && map->class[i] == RAS_CE)
			poison_forget(map, gpa(map->gpa[i]), map->pages[i]);
		else
			poison_step(map, i, state);
	}
}

static void acknowledged(struct ras *ras, uint64_t tail)
{
	struct ras_log *log = &ras->told_log;

	for (; log->acked < tail; log->acked++) {
		struct ras_logged *entry = entry_of(ras, log->acked);

		tell(ras, RAS_NOTE_ACKED, entry);
		step_pages(ras->map, entry, POISON_ACKED);
		ras->alive = true;
		ras_changed(ras);
	}
}

/* The page was replaced, and with it all that the guest had not read: it has to be told again. */
static void queue_again(struct ras *ras)
{
	struct ras_log *log = &ras->told_log;

	for (; log->acked < ras->log.head; log->acked++)
		step_pages(ras->map, entry_of(ras, log->acked), POISON_QUEUED);
	log->lost = false;
	ras_changed(ras);
}

static void read_tail(struct ras *ras)
{
	uint64_t tail = logpage_tail(&ras->log, &ras->ghes);

	if (ras->told_log.lost)
		queue_again(ras);
	else
		acknowledged(ras, tail);
}

/* ---- announcing ---- */

static bool has_entries(struct ras *ras, bool fatal)
{
	for (uint64_t i = ras->told_log.acked; i < ras->log.head; i++)
		if (entry_of(ras, i)->fatal == fatal)
			return true;
	return false;
}

/* Once for what is there, again after the guest has registered anew, and again after a long silence. */
static void ring(struct fw_locked fw, struct ras *ras, bool fatal)
{
	const struct ras_config *c = &ras->config;
	struct ras_log *log = &ras->told_log;

	if (c->ops->sdei_state(fw, c->world, events[fatal]) == RAS_SDEI_NONE) {
		log->rung[fatal] = false;
		return;
	}
	if (log->rung[fatal] && ras->now_ns - log->rung_ns[fatal] < c->policy.ack_ns)
		return;
	log->rung[fatal] = true;
	log->rung_ns[fatal] = ras->now_ns;
	c->ops->sdei_trigger(fw, c->world, events[fatal]);
}

static void tell_late(struct ras *ras)
{
	for (uint64_t i = ras->told_log.acked; i < ras->log.head; i++) {
		struct ras_logged *entry = entry_of(ras, i);

		if (ras->now_ns - entry->written_ns < ras->config.policy.ack_ns)
			return;
		if (entry->late)
			continue;
		entry->late = true;
		tell(ras, RAS_NOTE_UNACKED, entry);
	}
}

void ras_log_watch(struct fw_locked fw, struct ras *ras)
{
	if (!ras_log_busy(ras))
		return;
	read_tail(ras);
	tell_late(ras);
	for (unsigned fatal = 0; fatal < 2; fatal++)
		if (has_entries(ras, fatal))
			ring(fw, ras, fatal);
}

/* ---- writing ---- */

/* False: no room until the guest has read, or the page cannot be written. */
static bool put(struct ras *ras, const struct ras_logged *entry)
{
	const struct ras_error error = {
		.class = entry->class,
		.id = entry->told.id,
		.at = gpa(entry->told.gpa),
		.base = gpa(entry->told.gpa),
		.bytes = entry->told.pages * RAS_PAGE_BYTES,
	};
	uint64_t at = ras->log.head;

	if (at - ras->told_log.acked >= LOGPAGE_N)
		return false;
	if (logpage_put(&ras->log, &ras->ghes, &error, ras->now_ns - ras->start_ns))
		return false;
	*entry_of(ras, at) = *entry;
	ras->told_log.rung[entry->fatal] = false;
	ras_changed(ras);
	tell(ras, RAS_NOTE_NOTIFIED, entry);
	return true;
}

static struct ras_logged logged(const struct ras *ras, const struct ras_batch *batch)
{
	return (struct ras_logged){
		.told = batch->run[0],
		.class = (enum ras_class)batch->class[0],
		.fatal = batch->flags[0] & POISON_FATAL,
		.written_ns = ras->now_ns,
	};
}

/* One entry of the queue, or as much of it as the rate limit gives. NULL: told. */
static const char *tell_one(struct ras *ras, enum cper_severity stream)
{
	uint32_t tokens = limit_take(&ras->limit, CPER_MAX_SECTIONS, ras->now_ns);
	struct ras_batch batch;
	struct ras_logged entry;
	bool done;

	if (!tokens)
		return "the rate limit";
	if (ras_take_batch(ras, stream, tokens, &batch) < 0) {
		limit_return(&ras->limit, tokens);
		ras_stop_full(ras, ras->map->id[ras_first_of(ras->map, stream)]);
		return "the map of lost pages is full";
	}
	batch.n = 1;
	batch.pages = batch.run[0].pages;
	entry = logged(ras, &batch);
	done = put(ras, &entry);
	limit_return(&ras->limit, tokens - (done ? batch.pages : 0));
	if (!done)
		return "the guest has to read the log page";
	ras_batch_told(ras, &batch, POISON_NO_SOURCE);
	return NULL;
}

const char *ras_log_deliver(struct fw_locked fw, struct ras *ras, enum cper_severity stream)
{
	const char *waits = NULL;

	read_tail(ras);
	while (!waits && ras_first_of(ras->map, stream) >= 0)
		waits = tell_one(ras, stream);
	for (unsigned fatal = 0; fatal < 2; fatal++)
		if (has_entries(ras, fatal))
			ring(fw, ras, fatal);
	return waits;
}

void ras_log_consumed(struct fw_locked fw, struct ras *ras, const struct ras_error *error)
{
	const struct ras_config *c = &ras->config;
	const struct ras_logged entry = {
		.told = { error->at.v, 1, error->id },
		.class = RAS_AR,
		.written_ns = ras->now_ns,
	};

	if (!ras->ghes.region.v || !c->sdei_offered ||
	    c->ops->sdei_state(fw, c->world, RAS_EVENT_NORMAL) == RAS_SDEI_NONE)
		return;
	read_tail(ras);
	if (put(ras, &entry))
		ring(fw, ras, false);
}
