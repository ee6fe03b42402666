/* The subcommand table, `rasvm help`, `rasvm version` and the form of error messages. Pure. */
#include <ctype.h>
#include <string.h>

#include "arm64/status.h"
#include "cli/client_options.h"
#include "cli/command.h"
#include "cli/exec_options.h"
#include "cli/options.h"
#include "lib/opt.h"

const struct command command_table[COMMAND_COUNT] = {
	/* clang-format off */
	[COMMAND_RUN]     = { "run", "[options] [KERNEL]", "build a machine and run a guest in it" },
	[COMMAND_EXEC]    = { "exec", "[options] -- COMMAND [ARGUMENT...]", "run a command in a guest, with this host's files, and exit with its status" },
	[COMMAND_DOCTOR]  = { "doctor", "", "show what this host's KVM offers" },
	[COMMAND_DECODE]  = { "decode", "esr VALUE | cper FILE", "show an exception syndrome, or an error record in a file (- is standard input), as text" },
	[COMMAND_TIMELINE] = { "timeline", "[--html FILE] TRACE...", "show what became of each hardware error in a trace" },
	[COMMAND_LIST] = { "list", "[--json]", "show the guests that run under a name" },
	[COMMAND_PAUSE] = { "pause", "NAME", "stop a guest's CPUs and devices until resume" },
	[COMMAND_RESUME] = { "resume", "NAME", "let a paused guest go on" },
	[COMMAND_STOP] = { "stop", "[--timeout TIME] [--force] NAME", "press a guest's power button and wait until it has powered off" },
	[COMMAND_RESET] = { "reset", "NAME", "press a guest's reset button" },
	[COMMAND_STAT] = { "stat", "[--json | --prometheus] NAME", "show what a guest has done: exits, firmware calls, errors, devices" },
	[COMMAND_DEBUG] = { "debug", "[--cpu N] [--json] NAME", "show registers, call stack and last exits of a guest's CPUs" },
	[COMMAND_SDEI] = { "sdei", "[--json] NAME [trigger EVENT[,cpu=N]]", "show a guest's SDEI events and CPUs, or trigger an event" },
	[COMMAND_INJECT] = { "inject", "NAME RULE", "inject a hardware error, by a rule as --inject takes it" },
	[COMMAND_EVENTS] = { "events", "NAME [KIND,...]", "follow a guest's events, a JSON object a line, until it ends" },
	[COMMAND_CONSOLE] = { "console", "NAME", "attach to a guest's first serial port; Ctrl-a d detaches" },
	[COMMAND_HELP]    = { "help", "[COMMAND]", "show how a command is used" },
	[COMMAND_VERSION] = { "version", "", "show the version" },
	/* clang-format on */
};

int command_find(const char *name)
{
	for (int i = 0; i < COMMAND_COUNT; i++)
		if (strcmp(command_table[i].name, name) == 0)
			return i;
	return -1;
}

static const char *nearest_command(const char *name)
{
	const char *names[COMMAND_COUNT];

	for (unsigned i = 0; i < COMMAND_COUNT; i++)
		names[i] = command_table[i].name;
	return opt_nearest(name, names, COMMAND_COUNT);
}

void help_print_error(const char *where, const char *text)
{
	fprintf(stderr, "rasvm%s%s: ", where[0] ? " " : "", where);
	for (const char *p = text; *p; p++)
		fputc(iscntrl((unsigned char)*p) ? '?' : *p, stderr);
	fputc('\n', stderr);
}

int command_finish_output(FILE *out)
{
	if (fflush(out) == 0 && !ferror(out))
		return STATUS_POWEROFF;
	help_print_error("", "cannot write the output");
	return STATUS_INTERNAL;
}

void help_print_version(FILE *out)
{
	fprintf(out, "rasvm %s\n", RASVM_VERSION);
}

void help_print_all(FILE *out)
{
	fputs("rasvm runs arm64 guests under KVM and is their firmware.\n\n"
	      "Usage: rasvm COMMAND [arguments]\n\nCommands:\n",
	      out);
	for (unsigned i = 0; i < COMMAND_COUNT; i++)
		fprintf(out, "  %-10s%s\n", command_table[i].name, command_table[i].summary);
	fputs("\nExample:\n"
	      "  rasvm run -k Image -i initrd.gz -c 2 -m 1G -p \"console=ttyS0\"\n\n"
	      "`rasvm help run` lists the options; the manual is rasvm(1).\n",
	      out);
}

static void print_run_help(FILE *out)
{
	struct run_options defaults;

	options_init(&defaults);
	opt_print_help(&run_option_table, &defaults, out);
	fputs("\nLong options may be cut short as long as they stay unique. The names are those\n"
	      "of `lkvm run` where it has the option. While the guest runs, Ctrl-a x stops it\n"
	      "and Ctrl-a h shows the other keys. rasvm(1) has the exit statuses.\n",
	      out);
}

static void print_exec_help(FILE *out)
{
	struct exec_options defaults;

	exec_options_init(&defaults);
	opt_print_help(&exec_option_table, &defaults, out);
	exec_options_free(&defaults);
	fputs("\nBesides these, the options of `rasvm run`, such as -k, -c, -m, -p and --timeout.\n"
	      "Statuses of its own: 120 a signal ended the command, 121 the guest ended before\n"
	      "it, 122 kernel panic, 123 --timeout, 125 the guest never came up, 255 rasvm itself.\n",
	      out);
}

static void print_client_help(enum command_id id, FILE *out)
{
	struct client_options defaults;

	client_options_init(&defaults);
	fputc('\n', out);
	opt_print_help(client_option_table(id), &defaults, out);
}

void help_print_command(enum command_id id, FILE *out)
{
	const struct command *c = &command_table[id];

	fprintf(out, "Usage: rasvm %s%s%s\n", c->name, c->synopsis[0] ? " " : "", c->synopsis);
	fprintf(out, "\n%c%s.\n", toupper((unsigned char)c->summary[0]), c->summary + 1);
	if (id == COMMAND_RUN)
		print_run_help(out);
	if (id == COMMAND_EXEC)
		print_exec_help(out);
	if (client_option_table(id))
		print_client_help(id, out);
}

int command_unknown(const char *where, const char *name)
{
	const char *near = nearest_command(name);
	char text[160];

	if (near)
		snprintf(text, sizeof(text), "\"%.60s\": no such command; did you mean %s?", name,
			 near);
	else
		snprintf(text, sizeof(text), "\"%.60s\": no such command; `rasvm help` lists all",
			 name);
	help_print_error(where, text);
	return STATUS_USAGE;
}

int command_help(int argc, char **argv)
{
	int id;

	if (argc > 1) {
		help_print_error("help", "takes the name of one command");
		return STATUS_USAGE;
	}
	if (argc == 0) {
		help_print_all(stdout);
		return command_finish_output(stdout);
	}
	id = strcmp(argv[0], "--help") == 0 ? COMMAND_HELP : command_find(argv[0]);
	if (id < 0)
		return command_unknown("help", argv[0]);
	help_print_command((enum command_id)id, stdout);
	return command_finish_output(stdout);
}

int command_version(int argc, char **argv)
{
	if (argc > 0 && strcmp(argv[0], "--help") == 0) {
		help_print_command(COMMAND_VERSION, stdout);
		return command_finish_output(stdout);
	}
	if (argc > 0) {
		help_print_error("version", "takes no arguments");
		return STATUS_USAGE;
	}
	help_print_version(stdout);
	return command_finish_output(stdout);
}
