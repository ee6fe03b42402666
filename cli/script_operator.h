/* A script at work on a machine: script_run.h between the machine's calls (arm64/operator.h), its verbs, its
 * event loop, and the files for the results. Main thread. */
#ifndef CLI_SCRIPT_OPERATOR_H
#define CLI_SCRIPT_OPERATOR_H

#include <stdio.h>

#include "arm64/operator.h"
#include "cli/script_report.h"
#include "cli/script_run.h"
#include "cli/transcript.h"

struct script_operator {
	struct script_run run;
	struct script_report report;
	struct transcript *transcript;
	const char *path;
	struct vm *vm; /* NULL: not open */
	int timer_fd;  /* -1: none */
	uint64_t started_ns;
	bool failed; /* results could not be written */
};

/* A new one for `script`, which writes its results to tap and junit (either may be NULL; both stay the
 * caller's, as does the transcript), or NULL: no memory. */
struct script_operator *script_operator_new(const struct script *script, FILE *tap, FILE *junit,
					    struct transcript *transcript);

/* The guest may report results by vendor calls. */
void script_operator_expect_reports(struct script_operator *op);

/* NULL is none. 0, or -EIO: results could not be written. */
int script_operator_free(struct script_operator *op);

/* `self` is the struct script_operator. */
extern const struct operator_ops script_operator_ops;

#endif
