/* `rasvm run`: from arguments to a machine. */
#include "arm64/machine.h"
#include "cli/command.h"
#include "cli/config_file.h"
#include "cli/options.h"

static int usage_error(const struct err *err)
{
	help_print_error("run", err->text);
	return STATUS_USAGE;
}

static int print_config(const struct run_options *options)
{
	if (config_file_print(options, stdout) < 0) {
		help_print_error("run", "--print-config: out of memory");
		return STATUS_INTERNAL;
	}
	return command_finish_output(stdout);
}

static int start(const struct run_options *options)
{
	struct err err = { "" };
	int status, written;

	log_set_level(options->loglevel);
	if (config_check(&options->config, &err) < 0)
		return usage_error(&err);
	if (!options->config.dry_run)
		return machine_run(&options->config);
	status = machine_dry_run(&options->config, stdout);
	written = command_finish_output(stdout);
	return status ? status : written;
}

static int run(struct run_options *options, int argc, char **argv)
{
	struct host_facts host = options_host_facts();
	struct err err = { "" };

	if (options_parse(options, argc, (const char *const *)argv, &err) < 0)
		return usage_error(&err);
	if (options->help) {
		help_print_command(COMMAND_RUN, stdout);
		return command_finish_output(stdout);
	}
	if (options_finish(options, &host, &err) < 0)
		return usage_error(&err);
	return options->print_config ? print_config(options) : start(options);
}

int command_run(int argc, char **argv)
{
	struct run_options options;
	int status;

	options_init(&options);
	status = run(&options, argc, argv);
	options_free(&options);
	return status;
}
