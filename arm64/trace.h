/*
 * --trace: one JSON object a line for every firmware call and every step in an SDEI event's life.
 * Off, it costs the tests of two words.
 */
#ifndef ARM64_TRACE_H
#define ARM64_TRACE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "arm64/trace_tap.h"
#include "lib/err.h"
#include "lib/smccc.h"
#include "ras/ras.h"
#include "sdei/sdei.h"

#define TRACE_UNKNOWN_ARGS 3 /* x1.. shown of a call that no function table has */

struct trace {
	int fd;                /* -1: no file */
	_Atomic uint64_t lost; /* lines that could not be written */
	struct trace_tap tap;  /* lines for whoever watches the run */
};

/* Open `path` for writing (created or truncated); NULL: no file. 0, or -errno with `err`. */
int trace_open(struct trace *trace, const char *path, struct err *err)
	__attribute__((warn_unused_result));
void trace_close(struct trace *trace);

static inline bool trace_on(const struct trace *trace)
{
	return trace->fd >= 0 || trace_tap_on(&trace->tap);
}

/* Write one call. t_ns counts from the machine's start; `call` holds fid, conduit, pe, the
 * call->nargs arguments and, for FW_RETURN, the result. `row` NULL: unknown function. Any thread. */
void trace_call(struct trace *trace, uint64_t t_ns, const struct fw_call *row,
		const struct smccc *call, enum fw_result result);

/* Write an event that is not a call: "power_on", "wake", "reset", ... Any thread. */
void trace_event(struct trace *trace, uint64_t t_ns, unsigned cpu, const char *event);

/* Write what the guest said by a vendor call: "guest_pass", "guest_fail" or "guest_mark"; the text is
 * printable ASCII, VENDOR_TEXT_BYTES (hypercall/vendor.h) at most. Any thread. */
void trace_guest(struct trace *trace, uint64_t t_ns, unsigned cpu, const char *event,
		 const char *text);

/* Write a step in an SDEI event's life. `duration_ns`: from the handler's entry, used for a handler
 * that completed or resumed. Any thread. */
void trace_sdei(struct trace *trace, uint64_t t_ns, const struct sdei_note *note,
		uint64_t duration_ns);

/* Write a step in an error's life. Any thread. */
void trace_ras(struct trace *trace, uint64_t t_ns, const struct ras_note *note);

#endif
