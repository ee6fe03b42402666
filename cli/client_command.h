/* What the commands for a running guest have in common: options, help, messages, exit status. */
#ifndef CLI_CLIENT_COMMAND_H
#define CLI_CLIENT_COMMAND_H

#include "cli/client_options.h"
#include "cli/command.h"

/* Does it. 0, or -errno with `err`; -EINVAL: it was asked for something that makes no sense. */
typedef int client_command_fn(const struct client_options *options, struct err *err);

/* Read the arguments of command `id`, then call `fn` unless --help was among them. The exit status:
 * STATUS_POWEROFF, STATUS_USAGE, or STATUS_INTERNAL: the guest is not there, or could not do it. */
int client_command(enum command_id id, int argc, char **argv, client_command_fn *fn);

#endif
