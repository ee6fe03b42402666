/*
 * The shared memory of a generic hardware error source, version 2: one block a record, an address cell,
 * an acknowledgement cell. The guest owns that memory too and is hostile: nothing rasvm needs is ever
 * read back from it but the two words of the protocol, each once.
 *
 * Source: ACPI 6.5 18.3.2.8; the order of writes is that of 18.3.2.7: payload, then block status.
 */
#ifndef RAS_GHES_H
#define RAS_GHES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/state.h"
#include "ras/layout.h"

/* Guest memory, guarded. 0; -EFAULT: not guest RAM; -EHWPOISON: the page is bad. */
struct ghes_memory {
	int (*read)(void *world, gpa_t at, void *data, size_t n);
	int (*write)(void *world, gpa_t at, const void *data, size_t n);
	/* Give the firmware's own page at `page` (RAS_PAGE_BYTES, aligned) a fresh frame of zeroes. */
	int (*renew)(void *world, gpa_t page);
	void *world;
};

enum ghes_state {
	GHES_IDLE,    /* nothing there: a record may be written */
	GHES_UNREAD,  /* a record the guest has not read */
	GHES_UNACKED, /* it has cleared the status, or taken the record, and not acknowledged */
};

/* One source: rasvm's side. */
struct ghes_source {
	uint64_t written_ns; /* CLOCK_MONOTONIC, of the record in the block */
	uint32_t written;    /* records so far */
	uint32_t id;         /* of the error in the block; for several, of the first */
	uint8_t busy;        /* 1: a record is in the block, unacknowledged */
	uint8_t late;        /* 1: its acknowledgement is overdue, and was reported */
	uint8_t padding[6];  /* 0 */
};

extern const struct state_desc ghes_source_desc;

struct ghes {
	struct ghes_memory memory;
	gpa_t region; /* RAS_REGION_BYTES; v 0: this machine has none, and ghes_put() says -ENODEV */
	struct ghes_source source[GHES_NR];
};

/* Write cells and empty blocks: at start and reset, after RAM was cleared and loaded. Pages that are bad
 * are renewed. 0 or -errno: the region cannot be written at all. */
int ghes_reset(struct ghes *ghes) __attribute__((warn_unused_result));

/* Look at the guest's side. A source that was busy and is IDLE now has been acknowledged: its status is
 * cleared and its acknowledgement set. A bad page is renewed and counts as acknowledged. */
enum ghes_state ghes_look(struct ghes *ghes, enum ghes_id id);

/* Write a finished record (cper_end()) of n <= CPER_BLOCK_BYTES bytes. `force`: over one that was not
 * acknowledged. 0; -EBUSY: the block is in use; -EINVAL: too short or too long; -errno. */
int ghes_put(struct ghes *ghes, enum ghes_id id, const void *record, size_t n, uint32_t error,
	     uint64_t now_ns, bool force) __attribute__((warn_unused_result));

/* Take a record back that the guest has not read, so that another source can have it. True: it is gone
 * from the block. */
bool ghes_retract(struct ghes *ghes, enum ghes_id id);

/* Repair a page of the region that was reported bad: one that really is gets a fresh frame, and what the
 * guest only reads is written again. 0, also for pages elsewhere; or -errno: it stays bad. */
int ghes_repair(struct ghes *ghes, gpa_t page) __attribute__((warn_unused_result));

/* True if the page lies in the region. */
bool ghes_owns(const struct ghes *ghes, gpa_t page);

#endif
