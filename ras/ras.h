/*
 * Errors in, notifications out: the one place where a host's signal and an injection meet. Decides by
 * policy.h, keeps what cannot be told yet, watches for the guest's acknowledgement, falls back to the
 * next way, limits the rate. Pure but for its ops; all of it under the firmware lock.
 *
 * Who calls what: the RAS thread and the main thread report (ras_report); a vCPU's own thread consumes
 * (ras_consume); the main thread ticks. Ops must not take the firmware lock.
 */
#ifndef RAS_RAS_H
#define RAS_RAS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/lock.h"
#include "ras/error.h"
#include "ras/esr.h"
#include "ras/ghes.h"
#include "ras/limit.h"
#include "ras/logpage.h"
#include "ras/poison.h"
#include "ras/policy.h"
#include "ras/sea.h"

#define RAS_MAX_PES     512
#define RAS_MAX_RECORDS 16 /* finished records of injections that wait for their source */
#define RAS_AR_REPEATS  8  /* aborts for one page at one PC before the guest is given up */

#define RAS_AR_REPEAT_NS   UINT64_C(1000000000) /* further apart they are not a repetition */
#define RAS_SEA_ACK_NS     UINT64_C(2000000000) /* a record of an abort is overdue after that */
#define RAS_ALARM_MIN_NS   UINT64_C(5000000)    /* back-off of ras_tick() */
#define RAS_ALARM_MAX_NS   UINT64_C(100000000)
#define RAS_TELL_MAX_BYTES UINT64_C(65536) /* of a larger lost range only one page is told */

/* An error's life, for a trace and --stats. */
enum ras_note_kind {
	RAS_NOTE_INJECTED, /* text: the rule's kind; from */
	RAS_NOTE_SIGNAL,   /* class, gpa, bytes, from, pe (AR): the error entered */
	RAS_NOTE_KNOWN,    /* class, gpa: nothing new, dropped */
	RAS_NOTE_DECIDED,  /* way, text: why */
	RAS_NOTE_QUEUED,   /* way, text: what it waits for */
	RAS_NOTE_NOTIFIED, /* way, source; pages: in this record */
	RAS_NOTE_TAKEN,    /* pe, way: SEA or SError written into that PE; pc, esr */
	RAS_NOTE_ACKED,    /* source, latency_ns since it was written */
	RAS_NOTE_UNACKED,  /* source, latency_ns: overdue */
	RAS_NOTE_FALLBACK, /* way: the next; text: why */
	RAS_NOTE_HEALED,   /* gpa, bytes */
	RAS_NOTE_STOPPED,  /* text: why */
	RAS_NR_NOTES
};

struct ras_note {
	enum ras_note_kind kind;
	uint32_t id;
	enum ras_class class;
	enum ras_way way;
	unsigned pe; /* RAS_NO_PE: none */
	uint64_t gpa, bytes;
	uint64_t pc, esr;
	uint64_t latency_ns;
	unsigned source; /* enum ghes_id, or GHES_NR: none */
	unsigned pages;
	const char *text; /* static, or NULL */
	const char *from;
};

#define RAS_NO_PE UINT32_MAX

struct ras_ops {
	/* How ready the guest is for a shared event, and trigger it. */
	enum ras_sdei (*sdei_state)(struct fw_locked fw, void *world, uint32_t event);
	void (*sdei_trigger)(struct fw_locked fw, void *world, uint32_t event);
	void (*ged)(void *world); /* pulse the GED's interrupt */
	/* An SError for a PE (RAS_NO_PE: one of the host's choice that is on). It is merged with what is
	 * pending there, and noted as TAKEN, when the PE's own thread gets to it. */
	void (*serror)(struct fw_locked fw, void *world, unsigned pe, struct ras_serror serror,
		       uint32_t id);
	/* Replace lost pages of guest RAM by zeroes. 0 or -errno. */
	int (*heal)(void *world, gpa_t at, uint64_t bytes);
	/* End the run; `why` is a sentence. Only remembers and wakes the main thread. */
	void (*stop)(void *world, const char *why);
	/* Call ras_tick() at `deadline_ns` (CLOCK_MONOTONIC); UINT64_MAX: no call wanted. */
	void (*alarm)(void *world, uint64_t deadline_ns);
	void (*note)(void *world, const struct ras_note *note); /* NULL: nobody listens */
	struct cper_time (*time)(void *world);                  /* UTC, for records */
};

struct ras_config {
	struct ras_policy policy;
	unsigned npe;
	bool acpi; /* the guest is given GHES */
	bool sdei_offered;
	bool serror_esr; /* see ras_caps */
	struct ghes_memory memory;
	uint64_t host_page_bytes; /* memory.renew replaces as much, aligned; 0: RAS_PAGE_BYTES */
	const struct ras_ops *ops;
	void *world;
};

/* A finished record that waits for its source: from an injection, not from the page map. */
struct ras_record {
	uint32_t id;
	enum ghes_id source;
	size_t n; /* 0: free */
	uint32_t order;
	uint8_t bytes[CPER_BLOCK_BYTES];
};

/* What the guest was told of one error. */
struct ras_told {
	uint64_t gpa;   /* of the first page */
	uint32_t pages; /* 0: a record of an injection */
	uint32_t id;
};

/* What is in a source's block, or has to go there: kept until the guest acknowledged it, so that it can
 * be written again, or moved to another source while nobody has read it. */
struct ras_sent {
	size_t n;     /* bytes of the record; 0: nothing is out */
	bool written; /* false: writing failed and is tried again */
	bool rung;    /* the guest was told to look */
	bool stuck;   /* its SDEI event cannot be entered, since stuck_ns */
	bool retold;  /* SEA: its pages go the way of AO, as nobody reads it */
	bool lost;    /* the block was replaced: write it again unless it is there */
	uint64_t rung_ns, stuck_ns;
	enum ras_way way;
	enum ras_class class;
	uint32_t pages; /* 0: a record of an injection */
	unsigned ntold;
	struct ras_told told[CPER_MAX_SECTIONS]; /* an error each */
	uint8_t bytes[CPER_BLOCK_BYTES];
};

/* An entry of the log page (logpage.h) that the guest has not passed: entry i is at i % LOGPAGE_N. */
struct ras_logged {
	struct ras_told told;
	enum ras_class class;
	bool fatal;
	bool late;
	uint64_t written_ns;
};

struct ras_log {
	struct ras_logged entry[LOGPAGE_N];
	uint64_t acked; /* how far the guest has read, of logpage.head */
	bool rung[2];   /* per event, critical second: the guest was told to look */
	uint64_t rung_ns[2];
	bool lost; /* the page was replaced */
};

/* Pages of one CPER severity (recoverable, fatal, corrected) are told in order. */
#define RAS_STREAMS 3

/* Per PE: to see that a guest makes no progress. */
struct ras_pe {
	uint64_t last_pc, last_gpa, last_ns;
	uint32_t repeats; /* aborts for that page at that PC, less than RAS_AR_REPEAT_NS apart */
};

struct ras {
	struct ras_config config;
	struct ghes ghes;
	struct logpage log;
	struct poison_map *map; /* owned */
	struct ras_limit limit;
	struct ras_record record[RAS_MAX_RECORDS];
	struct ras_sent sent[GHES_NR];
	struct ras_log told_log;
	enum ras_way decided[RAS_STREAMS]; /* the way last noted for a stream */
	struct ras_pe *pe;                 /* npe of them, owned */
	bool running;                      /* between ras_reset() and ras_pause() */
	bool alive;                        /* ras_caps.ghes_alive */
	bool stopped;
	uint32_t next_id;
	uint64_t now_ns;               /* the latest time anybody told; never goes back */
	uint64_t changed_ns;           /* when something last moved on: the alarm's back-off */
	uint64_t alarm_ns;             /* as ops->alarm was told */
	uint64_t start_ns;             /* of this life of the guest */
	uint64_t counts[RAS_NR_NOTES]; /* --stats */
};

/* Allocates; the guest does not run yet, see ras_pause(). 0, or -ENOMEM or -EINVAL (npe, ops) with `err`.
 * `ras` may be uninitialised and must stay where it is; on failure there is nothing to destroy. */
int ras_init(struct ras *ras, const struct ras_config *config, struct err *err)
	__attribute__((warn_unused_result));
void ras_destroy(struct ras *ras);

/* A life of the guest is over. Until ras_reset() errors of ras_report() are only entered into the map, since
 * there is nobody to tell and the region may be anything's. What the map holds now is SEEN, and its owner
 * is to poison_forget() what it replaces of that; errors that come from now on are told to the next life. */
void ras_pause(struct fw_locked fw, struct ras *ras);

/* A new life of the guest, after ras_init() or ras_pause(): RAM was loaded, the region is at `region` (v 0:
 * none). 0 or -errno with `err`: the region cannot be written. */
int ras_reset(struct fw_locked fw, struct ras *ras, gpa_t region, uint64_t now_ns, struct err *err)
	__attribute__((warn_unused_result));

/* An id for an injection, and its first note. `kind` and `from` are static. */
uint32_t ras_injected(struct fw_locked fw, struct ras *ras, const char *kind, const char *from);

/* An error nobody has consumed: AO or CE. In guest RAM; what lies outside is the caller's. Between two lives
 * of the guest too. */
void ras_report(struct fw_locked fw, struct ras *ras, const struct ras_error *error);

/* A finished record of an injection, for one source. 0; -ENOSPC: too many wait; -ENODEV: no GHES. */
int ras_send_record(struct fw_locked fw, struct ras *ras, enum ghes_id source, const void *record,
		    size_t n, uint32_t id, uint64_t now_ns) __attribute__((warn_unused_result));

/* What the PE that consumed a page is to do. */
enum ras_do {
	RAS_DO_RETRY,  /* the page is good again: run on */
	RAS_DO_SEA,    /* take `sea`; its record, if any, is written */
	RAS_DO_SERROR, /* an SError was asked for by ops->serror: run on */
	RAS_DO_STOP,   /* the run ends */
};
struct ras_verdict {
	enum ras_do what;
	struct sea sea;
	bool heal_after; /* after the abort was taken from EL0: replace the page (heal=after-kill) */
	uint32_t id;
};

/* An error that PE `pe` consumed (AR), at program counter `pc`; `caps` says el0, aarch32, vectors of it, the
 * rest is filled in here. */
struct ras_verdict ras_consume(struct fw_locked fw, struct ras *ras, const struct ras_error *error,
			       unsigned pe, uint64_t pc, struct ras_caps caps);

/* The owner has written the abort into the PE. */
void ras_taken(struct fw_locked fw, struct ras *ras, const struct ras_verdict *verdict, unsigned pe,
	       gpa_t at, uint64_t bytes, uint64_t pc, uint64_t esr);

/* Time has passed, or something changed that queued errors may wait for: the guest registered, enabled,
 * unmasked, completed. Looks at acknowledgements, sends what can be sent. */
void ras_tick(struct fw_locked fw, struct ras *ras, uint64_t now_ns);

/* True if anything waits: worth a ras_tick() after each SDEI call. Cheap. */
bool ras_waits(struct fw_locked fw, const struct ras *ras);

#endif
