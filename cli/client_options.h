/* The options of the commands that control running guests. Pure. */
#ifndef CLI_CLIENT_OPTIONS_H
#define CLI_CLIENT_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/command.h"
#include "lib/err.h"
#include "lib/opt.h"

#define CLIENT_MAX_WORDS 4

struct client_options {
	const char *name; /* of the guest; NULL: `list` */
	bool help, json, prometheus, force;
	uint64_t timeout_ns;
	const char *cpu;                    /* NULL: all */
	const char *word[CLIENT_MAX_WORDS]; /* what follows the name */
	unsigned nwords;
};

/* The options of a command; NULL: it is not one of these. */
const struct opt_table *client_option_table(enum command_id id);

void client_options_init(struct client_options *options);

/* Read what follows the command's name. 0, or -EINVAL with `err`. */
int client_options_parse(enum command_id id, struct client_options *options, int argc, char **argv,
			 struct err *err) __attribute__((warn_unused_result));

#endif
