/* See cli.h: from the first argument to the function of a subcommand. */
#include "cli/cli.h"

#include <string.h>

#include "cli/command.h"

static int (*const command_fn[COMMAND_COUNT])(int argc, char **argv) = {
	/* clang-format off */
	[COMMAND_RUN]      = command_run,
	[COMMAND_EXEC]     = command_exec,
	[COMMAND_DOCTOR]   = command_doctor,
	[COMMAND_DECODE]   = command_decode,
	[COMMAND_TIMELINE] = command_timeline,
	[COMMAND_LIST]     = command_list,
	[COMMAND_PAUSE]    = command_pause,
	[COMMAND_RESUME]   = command_resume,
	[COMMAND_STOP]     = command_stop,
	[COMMAND_RESET]    = command_reset,
	[COMMAND_STAT]     = command_stat,
	[COMMAND_DEBUG]    = command_debug,
	[COMMAND_SDEI]     = command_sdei,
	[COMMAND_INJECT]   = command_inject,
	[COMMAND_EVENTS]   = command_events,
	[COMMAND_CONSOLE]  = command_console,
	[COMMAND_HELP]     = command_help,
	[COMMAND_VERSION]  = command_version,
	/* clang-format on */
};

/* Options people try in place of a subcommand. */
static const char *command_name(const char *text)
{
	static const char *const other[][2] = {
		{ "--help", "help" },
		{ "-h", "help" },
		{ "--version", "version" },
		{ "-V", "version" },
	};

	for (unsigned i = 0; i < sizeof(other) / sizeof(other[0]); i++)
		if (strcmp(text, other[i][0]) == 0)
			return other[i][1];
	return text;
}

int cli_main(int argc, char **argv)
{
	int id;

	if (argc < 2)
		return command_help(0, argv);
	id = command_find(command_name(argv[1]));
	if (id < 0)
		return command_unknown("", argv[1]);
	return command_fn[id](argc - 2, argv + 2);
}
