/* Who watches and drives a run by the options of `rasvm run`: the transcript, the script. Main thread. */
#ifndef CLI_RUN_OPERATORS_H
#define CLI_RUN_OPERATORS_H

#include <stdio.h>

#include "arm64/ctl_dir.h"
#include "arm64/operator.h"
#include "cli/options.h"
#include "cli/script.h"
#include "cli/transcript.h"

struct script_operator;

/* Zero-initialise. */
struct run_operators {
	struct run_operator op[OPERATORS_MAX]; /* for struct run_config */
	unsigned n;
	struct script script;
	struct script_operator *scripted; /* NULL: no script */
	struct transcript transcript;
	FILE *tap, *junit;
	struct ctl_place place; /* of its name */
	bool named;             /* place is taken */
};

/* Read the script, if there is one. 0, or -errno: with `err`, or with err->text empty if the script has errors,
 * which were printed. */
int run_operators_load(struct run_operators *operators, const struct script_options *options,
		       struct err *err) __attribute__((warn_unused_result));

/* Take the guest's name, open the files and fill `op`; a name comes before the files, which a guest that has it may
 * be using. Without --tap the results go to standard output, and what else would be
 * written there from now on to standard error. 0, or -errno with `err`; then run_operators_close(). */
int run_operators_open(struct run_operators *operators, const struct run_options *options,
		       struct err *err) __attribute__((warn_unused_result));

/* What was opened goes into `config`, for a run; `operators` outlives it. */
void run_operators_configure(const struct run_operators *operators, struct run_config *config);

/* 0, or -EIO with a message: not all could be written. */
int run_operators_close(struct run_operators *operators);

/* Give back what run_operators_load() took. */
void run_operators_free(struct run_operators *operators);

#endif
