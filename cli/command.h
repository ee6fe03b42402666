/* The subcommands: one table for dispatch, help, man page and completion. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include <stdio.h>

enum command_id {
	COMMAND_RUN,
	COMMAND_EXEC,
	COMMAND_DOCTOR,
	COMMAND_DECODE,
	COMMAND_TIMELINE,
	COMMAND_LIST,
	COMMAND_PAUSE,
	COMMAND_RESUME,
	COMMAND_STOP,
	COMMAND_RESET,
	COMMAND_STAT,
	COMMAND_DEBUG,
	COMMAND_SDEI,
	COMMAND_INJECT,
	COMMAND_EVENTS,
	COMMAND_CONSOLE,
	COMMAND_HELP,
	COMMAND_VERSION,
	COMMAND_COUNT
};

struct command {
	const char *name;
	const char *synopsis; /* what follows the name */
	const char *summary;  /* one line, without a full stop */
};

/* Indexed by enum command_id. */
extern const struct command command_table[COMMAND_COUNT];

/* The row called `name`, or -1. */
int command_find(const char *name);

/* Report a command that does not exist, with the one that was probably meant. Returns STATUS_USAGE. */
int command_unknown(const char *where, const char *name);

/* The text of `rasvm help` and `rasvm help NAME`. */
void help_print_all(FILE *out);
void help_print_command(enum command_id id, FILE *out);
void help_print_version(FILE *out);

/* One line on stderr, "rasvm WHERE: text"; control characters in it become "?". `where` may be
 * empty. */
void help_print_error(const char *where, const char *text);

/* Subcommands: argv[0..argc) follows the name. They return the exit status (arm64/status.h). */
int command_run(int argc, char **argv);
int command_exec(int argc, char **argv);
int command_doctor(int argc, char **argv);
int command_decode(int argc, char **argv);
int command_timeline(int argc, char **argv);
int command_list(int argc, char **argv);
int command_pause(int argc, char **argv);
int command_resume(int argc, char **argv);
int command_stop(int argc, char **argv);
int command_reset(int argc, char **argv);
int command_stat(int argc, char **argv);
int command_debug(int argc, char **argv);
int command_sdei(int argc, char **argv);
int command_inject(int argc, char **argv);
int command_events(int argc, char **argv);
int command_console(int argc, char **argv);
int command_help(int argc, char **argv);
int command_version(int argc, char **argv);

/* STATUS_POWEROFF, or STATUS_INTERNAL with a message if `out` could not be written. */
int command_finish_output(FILE *out);

#endif
