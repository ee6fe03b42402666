/*
 * The poison map: which pages of guest RAM are known to be bad, and how far the news of each has got.
 * Pure data, declared in a field table, since snapshots and migration carry it.
 *
 * An entry is a run of pages with one state. All functions under the firmware lock.
 */
#ifndef RAS_POISON_H
#define RAS_POISON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/lock.h"
#include "lib/state.h"
#include "ras/error.h"

#define POISON_MAX 8192 /* entries; a machine with more bad pages is stopped */

enum poison_state {
	POISON_FREE,     /* no entry */
	POISON_SEEN,     /* known; the guest is not told (policy, or the rest of a huge page) */
	POISON_QUEUED,   /* waits for its record to be written */
	POISON_NOTIFIED, /* in a record, or an abort was taken */
	POISON_ACKED,    /* the guest acknowledged the record */
	POISON_CONSUMED, /* a CPU used it: it took an abort */
	POISON_HEALED,   /* replaced by a fresh page; kept for the operator */
	POISON_NR_STATES
};
const char *poison_state_name(enum poison_state state);

/* Structure of arrays: lib/state.h describes arrays of numbers. Sorted by gpa; entry i is valid for
 * i < n; runs do not overlap. */
struct poison_map {
	uint64_t gpa[POISON_MAX]; /* first page */
	uint64_t seen_ns
		[POISON_MAX]; /* CLOCK_MONOTONIC when it became known; relative after a load */
	uint32_t pages[POISON_MAX]; /* of RAS_PAGE_BYTES */
	uint32_t id[POISON_MAX];    /* of the error that brought it */
	uint32_t order[POISON_MAX]; /* QUEUED: smaller goes first */
	uint8_t state[POISON_MAX];  /* enum poison_state */
	uint8_t class[POISON_MAX];  /* enum ras_class it came as */
	uint8_t flags[POISON_MAX];  /* POISON_* below */
	uint8_t source[POISON_MAX]; /* NOTIFIED: enum ghes_id of its record, or POISON_NO_SOURCE */
	uint32_t n;
	uint32_t next_order;
};

#define POISON_NO_SOURCE 0xff
#define POISON_THRESHOLD 1u /* CE past its threshold */
#define POISON_FATAL     2u

extern const struct state_desc poison_state_desc;

void poison_init(struct poison_map *map);

/* Index of the entry that contains the page, or -1. */
int poison_find(const struct poison_map *map, gpa_t page);

/* Add a run of `pages` pages at `at` (aligned), but for the parts that are known already, in `state`. Number
 * of entries added, which have the same order; 0: all of it was known; -ENOSPC: no room, nothing was added;
 * -EINVAL: not a range of pages, or no such state. HEALED entries give way to the new one, and so do
 * corrected errors to one that is not, and ACKED ones to a further one. */
int poison_add(struct poison_map *map, gpa_t at, uint32_t pages, enum poison_state state,
	       enum ras_class class, uint32_t id, uint64_t now_ns)
	__attribute__((warn_unused_result));

/* Make [at, at + pages) an entry of its own and return its index, splitting its run; indexes behind it
 * change. -ENOENT: not all of it lies in one run; -ENOSPC: no room, nothing was split. */
int poison_split(struct poison_map *map, gpa_t at, uint32_t pages)
	__attribute__((warn_unused_result));

/* The state of an entry becomes `state`, if it may come after the present one. False: it may not, and
 * nothing happened (say, an acknowledgement for a page that was consumed meanwhile). An entry that is
 * QUEUED by this goes last, and one that does not become NOTIFIED has no source any more. */
bool poison_step(struct poison_map *map, unsigned index, enum poison_state state);

/* The QUEUED entry that goes first among those of `class`, the one with the lowest address if they came
 * together; or -1. */
int poison_first_queued(const struct poison_map *map, enum ras_class class);

/* Forget entries in [at, at + pages): the memory is good again. When there is no room to split a run, the
 * shorter of what remains of it is forgotten too. */
void poison_forget(struct poison_map *map, gpa_t at, uint32_t pages);

/* A life of the guest is over: what it was told counts no more. Entries of bad pages stay and are SEEN;
 * HEALED ones and corrected errors go. */
void poison_reset(struct poison_map *map);

/* A line an entry, for the operator. */
void poison_print(const struct poison_map *map, FILE *out);

#endif
