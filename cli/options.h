/* The options of `rasvm run`: the table, the struct it fills, defaults and cross checks. Pure. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arm64/config.h"
#include "cli/script.h"
#include "lib/err.h"
#include "lib/log.h"
#include "lib/opt.h"

/* Text that belongs to a struct run_options: joined parameters, config files. */
struct text {
	struct text *next;
	char text[];
};

/* Who watches and drives the run: cli/run_operators.h. Paths are NULL if not given. */
struct script_options {
	const char *script, *tap, *junit, *transcript;
	bool check; /* --script-check */
	const char *define[SCRIPT_MAX_VARIABLES];
	unsigned ndefines;
};

struct run_options {
	struct run_config config;
	struct script_options script;
	enum log_level loglevel;
	bool help;         /* --help */
	bool print_config; /* --print-config */
	bool nodefaults;
	struct text *texts;
};

/* What the defaults depend on. */
struct host_facts {
	unsigned online_cpus;
	uint64_t ram_bytes; /* 0: unknown */
};

extern const struct opt_table run_option_table;

/* All defaults. Number of CPUs and memory size are 0, "auto", until options_finish(). */
void options_init(struct run_options *options);

/* Give back what the strings in `options` live in. */
void options_free(struct run_options *options);

/* Room for `bytes` that lives as long as `options`, or NULL. */
char *options_room(struct run_options *options, size_t bytes);

/* Read the arguments after "run". argv must outlive `options`. 0, or -errno with `err` written. */
int options_parse(struct run_options *options, int argc, const char *const *argv, struct err *err)
	__attribute__((warn_unused_result));

/* Replace "auto" by numbers and check what concerns more than one option. 0, or -EINVAL with `err`
 * written. */
int options_finish(struct run_options *options, const struct host_facts *host, struct err *err)
	__attribute__((warn_unused_result));

/* This host. */
struct host_facts options_host_facts(void);

#endif
