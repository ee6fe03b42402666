/* Shared by the files of errors in and notifications out: ras.c, report.c, consume.c, batch.c,
 * deliver.c, sources.c, dtlog.c. */
#ifndef RAS_RAS_PRIVATE_H
#define RAS_RAS_PRIVATE_H

#include "ras/ras.h"

/* ---- ras.c ---- */

/* `wanted`, or a new id if it is RAS_NO_ID. */
uint32_t ras_id(struct ras *ras, uint32_t wanted);

/* Time has gone on to `now_ns`, or not: two threads that report may come in the other order. */
void ras_clock(struct ras *ras, uint64_t now_ns);

/* Something moved on: look again soon. */
void ras_changed(struct ras *ras);

/* Ask for the next ras_tick(), by what waits. The last thing every way in does. */
void ras_set_alarm(struct fw_locked fw, struct ras *ras);

/* A note with its kind and no PE and no source; ras_tell() counts it and passes it on. */
struct ras_note ras_note_of(enum ras_note_kind kind);
struct ras_note ras_note_error(enum ras_note_kind kind, const struct ras_error *error);
void ras_tell(struct ras *ras, const struct ras_note *note);

/* End the run, once. `why` is a static sentence. */
void ras_stop(struct ras *ras, uint32_t id, const char *why);

/* Fill in all of `caps` that is not the PE's. `fatal`: of the critical event. */
void ras_fill_caps(struct fw_locked fw, struct ras *ras, bool fatal, struct ras_caps *caps);

/* The guest was given GHES, and the region for them exists. */
bool ras_has_ghes(const struct ras *ras);

/* The syndrome of an SError that the policy sends. */
struct ras_serror ras_policy_serror(const struct ras *ras);

/* ---- report.c ---- */

/* The error with an id, and with a range that is one: whole pages that contain `at`. */
struct ras_error ras_normalise(struct ras *ras, const struct ras_error *error);

/* Make good those of the error's pages that are the firmware's own; the next ras_deliver() writes again what
 * was in them. True: the bad page was one of them, so that nobody has to be told. */
bool ras_repair_own(struct ras *ras, const struct ras_error *error);

/* The region is new, and pages of it may be in the map: ras_repair_own() of each. */
void ras_repair_region(struct ras *ras);

/* Enter the error's other pages into the map: as AO to be told, or only remembered if they are too many. How
 * many entries are new, or -ENOSPC. */
int ras_add_rest(struct ras *ras, const struct ras_error *error)
	__attribute__((warn_unused_result));

/* A map that is full is a reason to end the run. */
void ras_stop_full(struct ras *ras, uint32_t id);

/* ---- batch.c ---- */

/* The severity of a map's entry in a record; also its stream, below RAS_STREAMS. */
enum cper_severity ras_severity(enum ras_class class, bool fatal);

/* Is entry i queued, in that stream? */
bool ras_in_stream(const struct poison_map *map, unsigned i, enum cper_severity stream);

/* The entry that goes first, or -1. */
int ras_first_of(const struct poison_map *map, enum cper_severity stream);

/* One order comes before the other; they wrap around. */
bool ras_is_before(uint32_t a, uint32_t b);

struct ras_told ras_run_of(const struct poison_map *map, unsigned i);

/* The pages of one stream that go out together: the first ones in order, at most CPER_MAX_SECTIONS. */
struct ras_batch {
	unsigned n;
	uint32_t pages;
	struct ras_told run[CPER_MAX_SECTIONS];
	uint8_t flags[CPER_MAX_SECTIONS];
	uint8_t class[CPER_MAX_SECTIONS];
};

/* The first `pages` (1..CPER_MAX_SECTIONS) pages of what is queued in `stream`, or fewer, each run an entry
 * of its own. Number of pages, or -ENOSPC: the map is full. */
int ras_take_batch(struct ras *ras, enum cper_severity stream, uint32_t pages,
		   struct ras_batch *batch) __attribute__((warn_unused_result));

/* The runs of the batch have left the queue; `source` is enum ghes_id or POISON_NO_SOURCE. */
void ras_batch_told(struct ras *ras, const struct ras_batch *batch, uint8_t source);

/* Make `sent` a record of the batch. 0 or -errno. */
int ras_write_pages(struct ras *ras, struct ras_sent *sent, const struct ras_batch *batch,
		    enum cper_severity severity) __attribute__((warn_unused_result));

/* ---- deliver.c ---- */

/* How the guest would be told of such pages now. */
struct ras_decision ras_decide_for(struct fw_locked fw, struct ras *ras, enum ras_class class,
				   uint8_t flags);

/* See what was acknowledged, send whatever can be sent. waits[stream]: static, why pages of that stream are still queued; or NULL. */
void ras_deliver(struct fw_locked fw, struct ras *ras, const char *waits[RAS_STREAMS]);

/* ---- sources.c ---- */

/* Write what sent[source] holds and have the guest look. On failure it stays, and is tried again. */
void ras_send(struct fw_locked fw, struct ras *ras, enum ghes_id source, bool force);

/* See which records were acknowledged; move those that nobody will read; have the guest look again. */
void ras_watch_sources(struct fw_locked fw, struct ras *ras);

/* Something is in the source, or has to go there. */
bool ras_busy(const struct ras *ras, enum ghes_id source);

/* The next abort, for `page`, needs the place of the record of the abort before. */
void ras_clear_sea(struct fw_locked fw, struct ras *ras, gpa_t page);

/* ---- dtlog.c ---- */

/* Tell pages of a stream by the log page, as many as go. NULL, or why the rest waits. */
const char *ras_log_deliver(struct fw_locked fw, struct ras *ras, enum cper_severity stream);

/* Tell of a page that a PE consumes, if the guest listens. */
void ras_log_consumed(struct fw_locked fw, struct ras *ras, const struct ras_error *error);

void ras_log_watch(struct fw_locked fw, struct ras *ras);

bool ras_log_busy(const struct ras *ras);

#endif
