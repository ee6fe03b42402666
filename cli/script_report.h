/*
 * The results of a script as a file: TAP (version 13, which KTAP's readers take as well) while the run goes
 * on, JUnit's XML at its end. Pure.
 */
#ifndef CLI_SCRIPT_REPORT_H
#define CLI_SCRIPT_REPORT_H

#include <stdint.h>
#include <stdio.h>

#include "cli/script_run.h"

/* Zero-initialise; the two files, either of which may be NULL, stay the caller's. */
struct script_report {
	FILE *tap, *junit;
	const char *suite; /* the script's name */
	FILE *cases;       /* testcases so far, in memory */
	char *cases_text;
	size_t cases_bytes;
	unsigned tests, failures;
	unsigned guest_points; /* of the present block */
	bool finished;
};

/* Begin: `plan` results will come, besides the guest's. 0 or -ENOMEM. script_report_close() in all cases. */
int script_report_open(struct script_report *report, const char *suite, unsigned plan)
	__attribute__((warn_unused_result));
void script_report_result(struct script_report *report, const struct script_result *result);

/* There will be no results: the guest was not started. Does nothing after script_report_finish() or before
 * script_report_open(). */
void script_report_bail_out(struct script_report *report, const char *why);

/* All came; `took_ns` the whole run. 0, or -EIO: something could not be written. */
int script_report_finish(struct script_report *report, uint64_t took_ns)
	__attribute__((warn_unused_result));
void script_report_close(struct script_report *report);

#endif
