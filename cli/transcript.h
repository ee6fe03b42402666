/*
 * --transcript: what a run looked like from outside, in one file: what the guest printed, what it was given,
 * what its firmware did, what the operator did. docs/scripts.md describes the lines. Pure but for the clock,
 * which is a function.
 *
 *     SECONDS out   TEXT      a line of the console
 *     SECONDS in    TEXT      input
 *     SECONDS event JSON      a line of the trace
 *     SECONDS note  TEXT      a script's statement, a mark, the start, a reset, the end
 *
 * In TEXT a byte that is no printable ASCII character is written \xHH, or \n \r \t, and a backslash \\; a
 * backslash at the end says that the line goes on in another one, of the same kind.
 */
#ifndef CLI_TRANSCRIPT_H
#define CLI_TRANSCRIPT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "arm64/operator.h"
#include "lib/err.h"

#define TRANSCRIPT_LINE_BYTES 1024 /* of the guest's in one line of the file */

/* Zero-initialise. Main thread. */
struct transcript {
	FILE *file; /* NULL: none */
	const char *path;
	uint64_t (*now_ns)(void);
	uint64_t start_ns;
	uint8_t line[TRANSCRIPT_LINE_BYTES]; /* of the console, not yet written */
	unsigned used;
	uint64_t line_ns; /* when it began */
};

/* Open `path` for writing (created or truncated). 0, or -errno with `err`. */
int transcript_open(struct transcript *transcript, const char *path, uint64_t (*now_ns)(void),
		    struct err *err) __attribute__((warn_unused_result));

/* A line of kind "note". Nothing if there is no file. */
void transcript_note(struct transcript *transcript, const char *text);

/* Safe on a zeroed one. 0, or -EIO: not all could be written. */
int transcript_close(struct transcript *transcript);

/* For struct run_operator; `self` is the struct transcript. */
extern const struct operator_ops transcript_operator_ops;

#endif
