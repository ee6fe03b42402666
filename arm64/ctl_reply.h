/*
 * What the control server sends: replies to requests, and events. An answer is some rows, a line each, and a
 * last line that says how it ended; it is made at once and sent as fast as the client takes it. Pure.
 *
 *   {"id":1,"row":"cpu",...}      any number of them
 *   {"id":1,"ok":true,...}        or {"id":1,"error":"a sentence"}
 */
#ifndef ARM64_CTL_REPLY_H
#define ARM64_CTL_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arm64/ctl_request.h"
#include "lib/json_write.h"

struct ctl_answer {
	uint64_t id;
	bool has_id;
	char *text; /* owned; lines */
	size_t n, size;
	size_t sent;
	bool failed; /* no memory: the client cannot be answered */
};

/* A line that is being written; its members go to `w`. */
struct ctl_line {
	struct json_write w;
	char text[CTL_LINE_BYTES];
};

/* Begin an answer to `request`; what was in it is given back. */
void ctl_answer_begin(struct ctl_answer *answer, const struct ctl_request *request);
void ctl_answer_free(struct ctl_answer *answer);

/* A row of an answer: begin, write members to line->w, end. One that does not fit a line is left out. */
void ctl_row(const struct ctl_answer *answer, struct ctl_line *line, const char *kind);

/* The last line, of success, into which members may be written as well. */
void ctl_ok(const struct ctl_answer *answer, struct ctl_line *line);

/* The line is complete: add it. */
void ctl_add(struct ctl_answer *answer, struct ctl_line *line);

/* The last line, of failure: what was in the answer before is dropped. `again`: the same request may succeed
 * in a moment. */
void ctl_error(struct ctl_answer *answer, const char *sentence, bool again);

/* Begin an event; complete it with json_finish(). */
void ctl_event(struct ctl_line *line, const char *kind);

#endif
