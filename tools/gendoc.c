/*
 * Fills documentation templates from the tables of the program:
 *
 *   gendoc man [TEMPLATE]          docs/rasvm.1.in
 *   gendoc completion [TEMPLATE]   docs/completion.bash.in
 *
 * writes the template to standard output with each line that is only a placeholder replaced:
 *
 *   @COMMANDS@       subcommands, mdoc list items
 *   @OPTIONS@        options of `run`, mdoc subsections
 *   @EXEC_OPTIONS@   those that only `exec` has, mdoc subsections
 *   @EXIT_STATUS@    exit statuses, mdoc list items
 *   @COMMAND_WORDS@  subcommands, a line each
 *   @OPTION_WORDS@   options of `run`, a line each
 *   @EXEC_WORDS@     those that only `exec` has, a line each
 *   @VALUE_CASES@    values of options, as arms of a bash case
 *
 * Runs on the building machine; only needs the parts that do not touch KVM.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arm64/status.h"
#include "cli/command.h"
#include "cli/exec_options.h"
#include "cli/options.h"
#include "lib/opt.h"
#include "lib/types.h"

static void commands(FILE *out)
{
	for (unsigned i = 0; i < COMMAND_COUNT; i++) {
		const struct command *c = &command_table[i];

		fprintf(out, ".It Nm Cm %s%s%s\n", c->name, c->synopsis[0] ? " Ar " : "",
			c->synopsis);
		fprintf(out, "%c%s.\n", c->summary[0] - 'a' + 'A', c->summary + 1);
	}
}

static void options(FILE *out)
{
	struct run_options defaults;

	options_init(&defaults);
	opt_print_man(&run_option_table, &defaults, out);
}

static void exec_options(FILE *out)
{
	struct exec_options defaults;

	exec_options_init(&defaults);
	opt_print_man(&exec_option_table, &defaults, out);
	exec_options_free(&defaults);
}

static void exec_words(FILE *out)
{
	opt_print_words(&exec_option_table, out);
}

static void exit_status(FILE *out)
{
	for (unsigned i = 0; i < status_table_rows; i++)
		fprintf(out, ".It %d\n%s: %s.\n", (int)status_table[i].status, status_table[i].name,
			status_table[i].text);
}

static void command_words(FILE *out)
{
	for (unsigned i = 0; i < COMMAND_COUNT; i++)
		fprintf(out, "%s\n", command_table[i].name);
}

static void option_words(FILE *out)
{
	opt_print_words(&run_option_table, out);
}

static void value_cases(FILE *out)
{
	opt_print_value_cases(&run_option_table, out);
}

static const struct {
	const char *placeholder;
	void (*print)(FILE *out);
} sections[] = {
	/* clang-format off */
	{ "@COMMANDS@\n",      commands      },
	{ "@OPTIONS@\n",       options       },
	{ "@EXEC_OPTIONS@\n",  exec_options  },
	{ "@EXEC_WORDS@\n",    exec_words    },
	{ "@EXIT_STATUS@\n",   exit_status   },
	{ "@COMMAND_WORDS@\n", command_words },
	{ "@OPTION_WORDS@\n",  option_words  },
	{ "@VALUE_CASES@\n",   value_cases   },
	/* clang-format on */
};

static bool fill(const char *line)
{
	for (unsigned i = 0; i < ARRAY_SIZE(sections); i++) {
		if (strcmp(line, sections[i].placeholder) == 0) {
			sections[i].print(stdout);
			return true;
		}
	}
	return false;
}

/* The template to use if none is named, or NULL. */
static const char *default_template(const char *kind)
{
	if (strcmp(kind, "man") == 0)
		return "docs/rasvm.1.in";
	return strcmp(kind, "completion") == 0 ? "docs/completion.bash.in" : NULL;
}

static int fill_file(const char *path)
{
	FILE *in = fopen(path, "re");
	char *line = NULL;
	size_t size = 0;
	bool failed;

	if (!in) {
		perror(path);
		return 1;
	}
	while (getline(&line, &size, in) > 0)
		if (!fill(line))
			fputs(line, stdout);
	free(line);
	failed = ferror(in) || fflush(stdout) != 0;
	fclose(in);
	if (failed)
		fprintf(stderr, "gendoc: %s: cannot read it or write the output\n", path);
	return failed;
}

int main(int argc, char **argv)
{
	const char *path = argc > 1 ? default_template(argv[1]) : NULL;

	if (!path || argc > 3) {
		fputs("usage: gendoc man|completion [TEMPLATE]\n", stderr);
		return 2;
	}
	return fill_file(argc == 3 ? argv[2] : path);
}
