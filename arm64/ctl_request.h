/*
 * What clients may ask of a running guest: one table of verbs for the server, the clients and
 * docs/control.md; and a line from a client as a request. Pure.
 */
#ifndef ARM64_CTL_REQUEST_H
#define ARM64_CTL_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

#define CTL_LINE_BYTES 4096 /* longest line, with its newline, in both directions */

enum ctl_verb {
	CTL_STATUS,
	CTL_PAUSE,
	CTL_RESUME,
	CTL_RESET,
	CTL_POWERDOWN,
	CTL_STOP,
	CTL_SEND,
	CTL_INJECT,
	CTL_TRIGGER,
	CTL_STAT,
	CTL_DEBUG,
	CTL_SDEI,
	CTL_SUBSCRIBE,
	CTL_NR_VERBS
};

/* Kinds of events, for `subscribe`. */
#define CTL_EVENT_TRACE   1u /* what --trace writes */
#define CTL_EVENT_CONSOLE 2u /* what the guest prints on its first serial port */
#define CTL_EVENT_INPUT   4u /* what it is given there */
#define CTL_EVENT_STATE   8u /* paused, resumed, reset, ended */
#define CTL_NR_EVENTS     4

#define CTL_ALL_CPUS UINT32_MAX

struct ctl_request {
	uint64_t id; /* as the client gave it, for the reply */
	bool has_id;
	enum ctl_verb verb;
	const char *text; /* inject, trigger: what; send: the bytes. Points into the line */
	uint32_t nbytes;  /* send */
	uint32_t cpu;     /* debug: index or CTL_ALL_CPUS */
	uint32_t events;  /* subscribe: CTL_EVENT_* */
};

/* The name of a verb in "do". */
const char *ctl_verb_name(enum ctl_verb verb);

/* The name of kind number `index` of events (bit 1 << index). */
const char *ctl_event_name(unsigned index);

/* "trace,console" as bits; empty: none. 0, or -EINVAL with `err`. */
int ctl_events_parse(const char *text, uint32_t *events, struct err *err)
	__attribute__((warn_unused_result));

/* Take line[0..n), without its newline, apart; it is changed and must live as long as `request`. 0, or
 * -EINVAL with `err` a sentence for the client; the id is filled in as far as it was understood. */
int ctl_request_parse(struct ctl_request *request, char *line, size_t n, struct err *err)
	__attribute__((warn_unused_result));

#endif
