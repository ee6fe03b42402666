/*
 * `rasvm timeline`: what a --trace file tells of errors, put in order: each error from its injection or
 * the host's signal to the guest's acknowledgement, and what else happened to the machine. The file is
 * hostile: a line that is not one of ours is counted and passed over. Pure.
 *
 * The trace does not say for which error an SDEI handler runs, or which errors shared a record. Here a
 * handler of event ras-normal or ras-critical belongs to all errors that were notified by it and had no
 * handler yet, and an acknowledgement to all that were notified by its source and had none.
 */
#ifndef ARM64_TIMELINE_H
#define ARM64_TIMELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/err.h"

#define TIMELINE_LINE_BYTES 4096  /* longer lines are not ours; the trace cuts its own at 512 */
#define TIMELINE_MAX_STEPS  65536 /* what comes after is counted only */
#define TIMELINE_MAX_CPUS   512
#define TIMELINE_NO_CPU     UINT64_MAX
#define TIMELINE_TEXT_BYTES 200

/* Steps, the first ones as in enum ras_note_kind. */
enum timeline_kind {
	TIMELINE_INJECTED,
	TIMELINE_SIGNAL,
	TIMELINE_KNOWN,
	TIMELINE_DECIDED,
	TIMELINE_QUEUED,
	TIMELINE_NOTIFIED,
	TIMELINE_TAKEN,
	TIMELINE_ACKED,
	TIMELINE_UNACKED,
	TIMELINE_FALLBACK,
	TIMELINE_HEALED,
	TIMELINE_STOPPED,
	TIMELINE_HANDLER, /* the handler of an error's SDEI event was entered */
	TIMELINE_DONE,    /* ... and has ended */
	TIMELINE_CPU_ON,
	TIMELINE_CPU_OFF,
	TIMELINE_RESET,
	TIMELINE_OFF, /* the guest asked for power off or a reset */
	TIMELINE_NR_KINDS
};

enum timeline_lane { TIMELINE_LANE_HOST, TIMELINE_LANE_POLICY, TIMELINE_LANE_CPU };

struct timeline_kind_row {
	const char *title; /* "signal" */
	const char *style; /* of its mark in the page, and in the legend; of a family of kinds */
	enum timeline_lane lane;
};
extern const struct timeline_kind_row timeline_kinds[TIMELINE_NR_KINDS];

/* One line of the trace. Which members mean something depends on its kind; texts are printable ASCII. */
struct timeline_step {
	uint64_t t_ns;
	enum timeline_kind kind;
	unsigned place; /* among the steps of the file */
	bool linked;    /* it belongs to an error */
	uint64_t error; /* the id of the error that the line names; 0: none */
	uint64_t cpu;   /* TIMELINE_NO_CPU: none */
	uint64_t event; /* SDEI event number */
	uint64_t gpa, bytes, pc, esr, pages, status;
	uint64_t duration_ns; /* of a handler; of a record until its acknowledgement */
	char class[8], way[16], source[16], from[24];
	char text[80]; /* why; kind of an injection; name of an event of the machine */
};

/* An error: its steps are timeline.link[first..first + nsteps), in order of time. */
struct timeline_error {
	uint64_t id;
	unsigned first, nsteps;
};

struct timeline_link {
	uint64_t error;
	unsigned step; /* index into timeline.step */
};

struct timeline {
	struct timeline_step *step; /* in order of time */
	unsigned nsteps;
	struct timeline_link *link;
	unsigned nlinks;
	struct timeline_error *error; /* in order of their first steps */
	unsigned nerrors;
	uint64_t end_ns;  /* the latest time in the file */
	uint64_t lines;   /* of rasvm's trace, whether shown or not */
	uint64_t skipped; /* lines that are not */
	uint64_t dropped; /* steps beyond TIMELINE_MAX_STEPS */
};

/* Read a trace up to its end. 0; -ENOMEM; -EIO, with `err` what read(2) said. `tl` is to be given to
 * timeline_free() in any case. */
int timeline_read(struct timeline *tl, FILE *in, struct err *err)
	__attribute__((warn_unused_result));
void timeline_free(struct timeline *tl);

/* Step number `i` of an error. */
const struct timeline_step *timeline_step_of(const struct timeline *tl,
					     const struct timeline_error *error, unsigned i);

/* The first step of that kind in an error, or NULL. */
const struct timeline_step *timeline_find(const struct timeline *tl,
					  const struct timeline_error *error,
					  enum timeline_kind kind);

/* How long from the signal (without one, the injection) to the first instruction in the guest that has to
 * do with it, and to the last acknowledgement. False: there is no such pair. */
bool timeline_to_guest_ns(const struct timeline *tl, const struct timeline_error *error,
			  uint64_t *ns);
bool timeline_to_ack_ns(const struct timeline *tl, const struct timeline_error *error,
			uint64_t *ns);

/* Text for people, not escaped for anything: what a step says besides its kind; what an error is; times. */
void timeline_describe(const struct timeline_step *step, char text[TIMELINE_TEXT_BYTES]);
void timeline_describe_error(const struct timeline *tl, const struct timeline_error *error,
			     char text[TIMELINE_TEXT_BYTES]);
void timeline_describe_latency(const struct timeline *tl, const struct timeline_error *error,
			       char text[TIMELINE_TEXT_BYTES]);
void timeline_format_time(uint64_t t_ns, char text[TIMELINE_TEXT_BYTES]);   /* "12.345678 s" */
void timeline_format_duration(uint64_t ns, char text[TIMELINE_TEXT_BYTES]); /* "1.23 ms" */

/* All of it as text. `name` is the file's; control characters in it become "?". */
void timeline_print(const struct timeline *tl, const char *name, FILE *out);

/* A page of HTML: one begin, any number of traces, one end. It refers to nothing outside itself. */
void timeline_html_begin(FILE *out);
void timeline_html_add(const struct timeline *tl, const char *name, FILE *out);
void timeline_html_end(FILE *out);

#endif
