/* The subcommand table, `rasvm help`, `rasvm version` and the form of error messages. Pure. */
#include <ctype.h>
#include <string.h>

#include "arm64/status.h"
#include "cli/command.h"
#include "cli/options.h"
#include "lib/opt.h"

const struct command command_table[COMMAND_COUNT] = {
	/* clang-format off */
	[COMMAND_RUN]     = { "run", "[options] [KERNEL]", "build a machine and run a guest in it" },
	[COMMAND_DOCTOR]  = { "doctor", "", "show what this host's KVM offers" },
	[COMMAND_DECODE]  = { "decode", "esr VALUE | cper FILE", "show an exception syndrome, or an error record in a file (- is standard input), as text" },
	[COMMAND_TIMELINE] = { "timeline", "[--html FILE] TRACE...", "show what became of each hardware error in a trace" },
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

void help_print_command(enum command_id id, FILE *out)
{
	const struct command *c = &command_table[id];

	fprintf(out, "Usage: rasvm %s%s%s\n", c->name, c->synopsis[0] ? " " : "", c->synopsis);
	fprintf(out, "\n%c%s.\n", toupper((unsigned char)c->summary[0]), c->summary + 1);
	if (id == COMMAND_RUN)
		print_run_help(out);
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
