/* The command line: subcommand table, options, help. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

/* Run the subcommand argv asks for; returns the process's exit status (arm64/status.h). */
int cli_main(int argc, char **argv);

#endif
