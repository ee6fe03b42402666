/* `rasvm run`: from arguments to a machine. */
#include <errno.h>
#include <sys/stat.h>

#include "arm64/image.h"
#include "arm64/machine.h"
#include "cli/command.h"
#include "cli/config_file.h"
#include "cli/option_devices.h"
#include "cli/options.h"
#include "cli/run_operators.h"

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

static int dry_run(const struct run_options *options)
{
	int status = machine_dry_run(&options->config, stdout);
	int written = command_finish_output(stdout);

	return status ? status : written;
}

/* Run the guest with whoever watches and drives it. */
static int run_operated(const struct run_options *options, struct run_operators *operators)
{
	struct run_config config = options->config;
	struct err err = { "" };
	int status;

	/* Whoever reads results is told of a guest that cannot be started, too. */
	if (run_operators_open(operators, options, &err) < 0 ||
	    config_check(&options->config, &err) < 0) {
		run_operators_close(operators);
		return usage_error(&err);
	}
	run_operators_configure(operators, &config);
	status = machine_run(&config);
	if (run_operators_close(operators) < 0 && status == STATUS_POWEROFF)
		status = STATUS_INTERNAL;
	return status;
}

static int run_with(const struct run_options *options, struct run_operators *operators)
{
	struct err err = { "" };

	if (run_operators_load(operators, &options->script, &err) < 0)
		return err.text[0] ? usage_error(&err) : STATUS_USAGE;
	if (options->script.check)
		return STATUS_POWEROFF;
	if (!options->config.dry_run)
		return run_operated(options, operators);
	if (config_check(&options->config, &err) < 0)
		return usage_error(&err);
	return dry_run(options);
}

static int start(const struct run_options *options)
{
	struct run_operators operators = { 0 };
	int status;

	log_set_level(options->loglevel);
	status = run_with(options, &operators);
	run_operators_free(&operators);
	return status;
}

/* A disk that is a directory is the root file system. */
static int find_root(struct run_options *options, struct err *err)
{
	struct stat st;

	for (unsigned i = 0; i < options->config.ndisks; i++) {
		if (stat(options->config.disk[i].path, &st) < 0 || !S_ISDIR(st.st_mode))
			continue;
		if (device_disk_is_directory(options, i, err) < 0)
			return -EINVAL;
		i--;
	}
	return device_add_root_params(options, err);
}

/* lkvm knows no --flat: what it does not recognise is one. */
static void find_flat(struct run_options *options)
{
	struct run_config *c = &options->config;

	if (options->nodefaults && c->kernel && image_is_unknown(c->kernel))
		c->flat = true;
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
	if (!options->print_config)
		find_flat(options);
	if (options_finish(options, &host, &err) < 0)
		return usage_error(&err);
	if (!options->print_config && find_root(options, &err) < 0)
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
