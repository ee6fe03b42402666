/*
 * Carrying a script out: what it waits for, what it does, what it found. Pure: the clock is an argument, and
 * what acts on the guest is a struct of functions; script_operator.c connects both to a machine.
 *
 * Nothing acts within script_run_output(), _event() and _reset(): they only note what came. Whoever drives the
 * run calls script_run_tick() when script_run_deadline() has come, which may be at once.
 */
#ifndef CLI_SCRIPT_RUN_H
#define CLI_SCRIPT_RUN_H

#include <regex.h>
#include <stdbool.h>
#include <stdint.h>

#include "arm64/status.h"
#include "cli/script.h"
#include "cli/script_console.h"
#include "cli/script_text.h"
#include "lib/err.h"

#define SCRIPT_NO_DEADLINE      UINT64_MAX
#define SCRIPT_MAX_PATTERNS     64   /* of fail-on, and of allow */
#define SCRIPT_MAX_GUEST_POINTS 4096 /* reported; further ones only count */
/* After a line that fails the run the guest goes on until it has been quiet for so long, or has had so much
 * time: what it says about it is to be in the transcript. */
#define SCRIPT_GRACE_NS     UINT64_C(1000000000)
#define SCRIPT_GRACE_MAX_NS UINT64_C(10000000000)
#define SCRIPT_RETRY_NS     UINT64_C(10000000)

enum script_outcome { SCRIPT_PASSED, SCRIPT_FAILED, SCRIPT_NOT_REACHED };

/* A named result. All texts last for the call only. */
struct script_result {
	enum script_outcome outcome;
	bool guest;      /* the guest's own, within the block that goes on */
	unsigned number; /* of the block, from 1; of the guest's: within its block */
	const char *name;
	uint64_t took_ns;
	/* FAILED; else NULL and 0. */
	const char *message;
	const char *statement; /* NULL: it was no statement's fault */
	unsigned line;
	const char *last[SCRIPT_LAST_LINES]; /* of the console, oldest first */
	unsigned nlast;
};

/* What acts on the guest: arm64/verbs.h. 0, or -errno with `err` a sentence; -EAGAIN and -EBUSY: not now. */
struct script_run_ops {
	int (*send)(void *world, const void *bytes, uint32_t n, struct err *err);
	int (*inject)(void *world, const char *rule, struct err *err);
	int (*trigger)(void *world, const char *what, struct err *err);
	int (*pause)(void *world, struct err *err);
	int (*resume)(void *world, struct err *err);
	int (*reset)(void *world, struct err *err);
	int (*powerdown)(void *world, struct err *err);
	int (*stop)(void *world, struct err *err);
	/* A line for the transcript. */
	void (*note)(void *world, const char *text);
	void (*result)(void *world, const struct script_result *result);
};

struct script_patterns {
	regex_t regex[SCRIPT_MAX_PATTERNS];
	unsigned n;
};

enum script_phase {
	SCRIPT_BEFORE,  /* the guest has not started */
	SCRIPT_RUNNING, /* statements are left */
	SCRIPT_ENDING,  /* none are; the guest is to be stopped */
	SCRIPT_ENDED    /* the guest has ended */
};

struct script_run {
	const struct script *script;
	const struct script_run_ops *ops;
	void *world;
	enum script_phase phase;
	unsigned next; /* statement */
	bool begun;    /* it has, and is waiting */
	regex_t expect;
	bool expecting;       /* `expect` is compiled */
	uint64_t deadline_ns; /* of its wait */
	uint64_t retry_ns;    /* when it is tried again; SCRIPT_NO_DEADLINE: not by itself */
	bool work;            /* something came: look at it now */

	struct script_values values;
	struct script_console console;
	struct script_patterns fail_on, allow;
	regex_t builtin; /* what fails a run unless the script says otherwise */
	bool builtin_on, builtin_compiled;
	char bad_line[SCRIPT_LAST_BYTES + 64]; /* what fail-on has to say; empty: nothing */

	unsigned block; /* that goes on, from 0 */
	uint64_t block_ns;
	bool guest_reports; /* the guest may have results of its own: losing an event is a failure */
	unsigned guest_points, guest_failures; /* of this block */
	unsigned nguest;                       /* of all */
	bool failed;                           /* a block did */

	uint64_t grace_end_ns;   /* ENDING: output puts the stop off until then; 0: it does not */
	bool stop_asked, over;   /* over: the guest has ended, with: */
	enum exit_status status; /* the run's own */
	bool status_expected;    /* an expect-exit found it */
	bool sleep_cut;          /* it came during a sleep, and no expect-exit has found it yet */
};

/* Begin; the script must outlive the run. 0 or -ENOMEM. script_run_close() in all cases. */
int script_run_open(struct script_run *run, const struct script *script,
		    const struct script_run_ops *ops, void *world)
	__attribute__((warn_unused_result));
void script_run_close(struct script_run *run);

/* The guest starts. */
void script_run_started(struct script_run *run, uint64_t now_ns);

/* It printed something; it said something by a vendor call (a line of the trace, or any other); it begins
 * anew. */
void script_run_output(struct script_run *run, const uint8_t *bytes, unsigned n, uint64_t now_ns);
void script_run_event(struct script_run *run, const char *json, unsigned n, uint64_t now_ns);
void script_run_reset(struct script_run *run);

/* When to call script_run_tick(): 0 is at once, SCRIPT_NO_DEADLINE is never. */
uint64_t script_run_deadline(const struct script_run *run);
void script_run_tick(struct script_run *run, uint64_t now_ns);

/* The guest has ended. What rasvm is to exit with: the status itself if rasvm or its host failed or somebody
 * else stopped the run, STATUS_SCRIPT if a block failed, else STATUS_POWEROFF. */
enum exit_status script_run_ended(struct script_run *run, enum exit_status status, uint64_t now_ns);

#endif
