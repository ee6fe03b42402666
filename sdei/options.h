/*
 * The operator's side of SDEI: the platform's events, further ones from the command line, and
 * triggers. The same text names an event on the command line, in scripts and on the control socket.
 * Pure.
 */
#ifndef SDEI_OPTIONS_H
#define SDEI_OPTIONS_H

#include <stdint.h>
#include <stdio.h>

#include "lib/err.h"
#include "sdei/sdei.h"

#define SDEI_MAX_USER_EVENTS 16
#define SDEI_MAX_TRIGGERS    32
#define SDEI_NO_CPU          UINT32_MAX

#define SDEI_PRIVATE_SLOTS 4 /* for INTERRUPT_BIND; DEN0054C recommends at least 2 of each kind */
#define SDEI_SHARED_SLOTS  4
#define SDEI_SLOT_BASE     UINT32_C(0x40000100)

/* The events every machine has besides event 0, and the watchdog's, which is there with
 * --sdei-watchdog only. */
#define SDEI_EVENT_PRIVATE_NORMAL   UINT32_C(0x40000001)
#define SDEI_EVENT_PRIVATE_CRITICAL UINT32_C(0x40000002)
#define SDEI_EVENT_SHARED_NORMAL    UINT32_C(0x40000003)
#define SDEI_EVENT_SHARED_CRITICAL  UINT32_C(0x40000004)
#define SDEI_EVENT_RAS_NORMAL       UINT32_C(0x40000010)
#define SDEI_EVENT_RAS_CRITICAL     UINT32_C(0x40000011)
#define SDEI_EVENT_WATCHDOG         UINT32_C(0x40000008) /* private, normal */

struct sdei_platform_event {
	const char *name; /* "private-normal", "shared-critical", "watchdog"... */
	struct sdei_event_def def;
	const char *purpose; /* one line, for docs and listings */
};
extern const struct sdei_platform_event sdei_platform_events[];
extern const unsigned sdei_nplatform_events;

/* When and what to trigger. */
struct sdei_trigger_rule {
	uint64_t at_ns;    /* after the machine's start */
	uint64_t every_ns; /* then again at this distance; 0: once */
	uint32_t count;    /* how often in all; 0: without end (with every_ns) */
	uint32_t event;
	uint32_t cpu; /* index, or SDEI_NO_CPU */
};

/* Parse "NUM,type=private|shared,prio=normal|critical" and append it to events[0..*n), of
 * SDEI_MAX_USER_EVENTS. NUM must be a free vendor number: not a platform event, not a slot, not
 * given before. 0, or -EINVAL/-ENOSPC/-EEXIST with nothing appended and `err` a sentence that
 * continues after the quoted text. */
int sdei_parse_event(struct sdei_event_def *events, unsigned *n, const char *text, struct err *err)
	__attribute__((warn_unused_result));

/* Parse "at=TIME,event=N[,cpu=M][,every=TIME[,count=K]]" in any order and append it to rules[0..*n),
 * of SDEI_MAX_TRIGGERS. N is a number or the name of a platform event. at= may be left out: 0. Times
 * are at most a year, so that they can be added to a clock. Which events and CPUs exist is checked
 * by sdei_check_trigger(). Errors as above. */
int sdei_parse_trigger(struct sdei_trigger_rule *rules, unsigned *n, const char *text,
		       struct err *err) __attribute__((warn_unused_result));

/* Does the event exist, and does cpu= fit it: needed for a private event, below `ncpus`; not allowed
 * for a shared one, which goes where the guest routed it. events[0..n) are those of the command line;
 * event 0 and the platform's are known. 0, or -EINVAL with `err` a sentence that continues after the
 * quoted rule. */
int sdei_check_trigger(const struct sdei_trigger_rule *rule, const struct sdei_event_def *events,
		       unsigned n, bool watchdog, unsigned ncpus, struct err *err)
	__attribute__((warn_unused_result));

/* Write as the parsers read it. */
void sdei_print_event(const struct sdei_event_def *event, FILE *out);
void sdei_print_trigger(const struct sdei_trigger_rule *rule, FILE *out);

/* All platform events of a machine, those of the command line behind them, into defs[], which has
 * room for SDEI_MAX_EVENTS. Returns their number. */
unsigned sdei_list_events(const struct sdei_event_def *user, unsigned nuser, bool watchdog,
			  struct sdei_event_def *defs);

#endif
