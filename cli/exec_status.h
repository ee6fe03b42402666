/*
 * How a command in a guest ended, as `rasvm exec` says it to whoever started it: what the guest's init reports
 * (guest/init/init.h), how the run ended, and the exit status of both. Pure.
 *
 * The numbers are chosen for `git bisect run`, which takes 0 as good, 125 as "cannot be tested", 1 to 127
 * otherwise as bad, and stops at any other.
 */
#ifndef CLI_EXEC_STATUS_H
#define CLI_EXEC_STATUS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arm64/status.h"

/* Besides the command's own, of which 126 and 127 mean what they mean in a shell. */
enum exec_status {
	EXEC_KILLED = 120,  /* a signal ended the command */
	EXEC_LOST = 121,    /* the guest ended, and did not say how the command did */
	EXEC_PANIC = 122,   /* the guest's kernel panicked under the command */
	EXEC_TIMEOUT = 123, /* --timeout passed, and the command still ran */
	EXEC_NO_BOOT = 125, /* the guest never came so far that the command could start */
	EXEC_SIGNAL =
		128, /* and the number of a signal that was sent to rasvm, and ended the command */
	EXEC_ERROR = 255, /* rasvm itself: usage, host, output that was lost */
};

enum exec_word { EXEC_NOTHING, EXEC_EXIT, EXEC_BY_SIGNAL, EXEC_CANNOT };

/* Written by the thread that exec_report_take() is called on; others may read `ready`, and all the rest once
 * `word` is not EXEC_NOTHING. */
struct exec_report {
	_Atomic bool ready;          /* the command was started */
	_Atomic enum exec_word word; /* the last */
	int value;                   /* EXIT: the status, BY_SIGNAL: the signal */
	char text[256];              /* CANNOT: why */
	char line[512];              /* so far */
	size_t used;
};

/* Bytes that the guest wrote to its port. Lines that say nothing that is known are skipped. */
void exec_report_take(struct exec_report *report, const uint8_t *bytes, size_t n);

/* What there is to judge. */
struct exec_outcome {
	const struct exec_report *report;
	enum exit_status status; /* of the run */
	int signal;              /* the last that was sent to rasvm; 0: none */
	uint32_t signals;        /* all, a bit each */
	bool late;               /* stopped because --boot-timeout had passed */
	bool output_lost;        /* not all that the command wrote got to where it belongs */
};

struct exec_verdict {
	int status;
	bool show_console; /* what the guest's console said last may tell more */
	char text[512];    /* for a person; empty: there is nothing to say */
};

struct exec_verdict exec_judge(const struct exec_outcome *outcome);

#endif
