/* The options of `rasvm exec`: those of `rasvm run` and its own, and the command that is to be run. Pure. */
#ifndef CLI_EXEC_OPTIONS_H
#define CLI_EXEC_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/options.h"

#define EXEC_MAX_ENV 64

struct exec_options {
	struct run_options run;        /* first: the target of its own table */
	const char *root;              /* directory of the host that is the guest's root */
	const char *modules;           /* directory of kernel modules or NULL: all is built in */
	bool rw;                       /* the current directory may be written */
	bool verbose;                  /* show the guest's console */
	uint64_t boot_timeout_ns;      /* 0: none */
	const char *env[EXEC_MAX_ENV]; /* NAME or NAME=VALUE */
	unsigned nenv;
	const char *const *command; /* ncommand, at least 1; NULL: --help */
	unsigned ncommand;
};

/* Its own options, without those of `run`. */
extern const struct opt_table exec_option_table;

void exec_options_init(struct exec_options *options);
void exec_options_free(struct exec_options *options);

/* Read the arguments after "exec": options, "--", the command. argv must outlive `options`. 0, or -errno with
 * `err`. */
int exec_options_parse(struct exec_options *options, int argc, const char *const *argv,
		       struct err *err) __attribute__((warn_unused_result));

/* Replace what is not given by what fits the run, and check what exec has no use for: shares of the guest's root
 * and of `cwd`, the kernel's command line. 0, or -errno with `err`. */
int exec_options_finish(struct exec_options *options, const struct host_facts *host,
			const char *cwd, struct err *err) __attribute__((warn_unused_result));

#endif
