/* See exec_options.h. */
#include "cli/exec_options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/types.h"

#define TARGET(field) offsetof(struct exec_options, field)

#define ROOT_TAG "rasvm.root"
#define CWD_TAG  "rasvm.cwd"

/* What comes before -p: a console to see what went wrong by, and nothing on it but that; an end, not a wait, when
 * the kernel panics. */
#define PARAMS "console=ttyS0 quiet panic=-1 rdinit=/init"

static int parse_env(void *target, const struct opt *opt, const char *value, struct err *err)
{
	struct exec_options *options = target;

	(void)opt;
	if (value[0] == '\0' || value[0] == '=')
		return err_set(err, -EINVAL, "has no name");
	if (options->nenv == EXEC_MAX_ENV)
		return err_set(err, -ENOSPC, "is one too many: at most %d can be given",
			       EXEC_MAX_ENV);
	options->env[options->nenv++] = value;
	return 0;
}

static bool print_env(const void *target, const struct opt *opt, unsigned index, FILE *out)
{
	const struct exec_options *options = target;

	(void)opt;
	if (index >= options->nenv)
		return false;
	fputs(options->env[index], out);
	return true;
}

static const struct opt exec_rows[] = {
	/* clang-format off */
	{ .kind = OPT_GROUP, .help = "Command" },
	{ .name = "root", .kind = OPT_STRING, .flags = OPT_PATH | OPT_COMMAND_LINE,
	  .offset = TARGET(root), .arg = "DIR",
	  .help = "The guest's root file system: a directory of the host, / if not given. The "
		  "guest cannot write it." },
	{ .name = "rw", .kind = OPT_FLAG, .flags = OPT_COMMAND_LINE, .offset = TARGET(rw),
	  .help = "The guest may write the current directory." },
	{ .name = "env", .kind = OPT_CUSTOM, .flags = OPT_REPEAT | OPT_COMMAND_LINE,
	  .arg = "NAME[=VALUE]", .parse = parse_env, .print = print_env,
	  .help = "Set a variable of the command's environment, to this process's value if none "
		  "is given. Repeatable." },
	{ .name = "modules", .kind = OPT_STRING, .flags = OPT_PATH | OPT_COMMAND_LINE,
	  .offset = TARGET(modules), .arg = "DIR",
	  .help = "Where the kernel's modules are: a directory lib/modules/VERSION, or one with "
		  "such a directory in it, an unpacked package say.",
	  .more = "What virtio and 9p need is taken from there. Without it the kernel has them "
		  "built in." },
	{ .name = "boot-timeout", .kind = OPT_DURATION, .flags = OPT_COMMAND_LINE,
	  .offset = TARGET(boot_timeout_ns), .arg = "TIME", .min = 1,
	  .max = UINT64_C(24) * 3600 * NS_PER_SEC, .zero = "none",
	  .help = "How long the guest has until the command starts; 5m if not given." },
	{ .name = "verbose", .kind = OPT_FLAG, .flags = OPT_COMMAND_LINE,
	  .offset = TARGET(verbose),
	  .help = "Show the guest's console on standard error." },
	/* clang-format on */
};

const struct opt_table exec_option_table = {
	.rows = exec_rows,
	.nrows = ARRAY_SIZE(exec_rows),
};

void exec_options_init(struct exec_options *options)
{
	/* memset, so that padding is 0 too. */
	memset(options, 0, sizeof(*options));
	options_init(&options->run);
	options->run.config.params = PARAMS;
	options->run.config.console = CONSOLE_NONE;
	options->run.config.on_reset = ON_RESET_EXIT;
	options->root = "/";
	options->boot_timeout_ns = 300 * NS_PER_SEC;
}

void exec_options_free(struct exec_options *options)
{
	options_free(&options->run);
}

/* One table of both; the rows of `run` keep their offsets because their target is the first member. */
static int parse_both(struct exec_options *options, int argc, const char *const *argv,
		      struct err *err)
{
	unsigned n = run_option_table.nrows + exec_option_table.nrows;
	struct opt *rows = calloc(n, sizeof(*rows));
	struct opt_table both = { rows, n, run_option_table.positional };
	int r;

	if (!rows)
		return err_set(err, -ENOMEM, "out of memory for options");
	memcpy(rows, exec_option_table.rows, exec_option_table.nrows * sizeof(*rows));
	memcpy(rows + exec_option_table.nrows, run_option_table.rows,
	       run_option_table.nrows * sizeof(*rows));
	r = opt_parse(&both, options, argc, argv, err);
	free(rows);
	return r;
}

int exec_options_parse(struct exec_options *options, int argc, const char *const *argv,
		       struct err *err)
{
	int n = 0, r;

	while (n < argc && strcmp(argv[n], "--") != 0)
		n++;
	r = parse_both(options, n, argv, err);
	if (r || options->run.help)
		return r;
	if (n + 1 >= argc)
		return err_set(err, -EINVAL,
			       "no command: write it after --, as in rasvm exec -k Image -- "
			       "./test.sh");
	options->command = argv + n + 1;
	options->ncommand = (unsigned)(argc - n - 1);
	return 0;
}

/* The first option that means nothing here, or NULL. */
static const char *useless(const struct run_options *run)
{
	const struct {
		bool given;
		const char *name;
	} options[] = {
		{ run->config.initrd, "initrd" },   { run->config.flat, "flat" },
		{ run->script.script, "script" },   { run->script.check, "script-check" },
		{ run->script.tap, "tap" },         { run->script.junit, "junit" },
		{ run->script.ndefines, "define" }, { run->print_config, "print-config" },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(options); i++)
		if (options[i].given)
			return options[i].name;
	return NULL;
}

static int add_share(struct run_config *c, const char *dir, const char *tag, bool ro,
		     struct err *err)
{
	struct p9_options *share = &c->share[c->nshares];

	if (c->nshares == CONFIG_MAX_SHARES)
		return err_set(err, -ENOSPC,
			       "--9p: one too many: exec shares two directories itself");
	if (strlen(dir) >= sizeof(share->dir))
		return err_set(err, -ENAMETOOLONG, "%.60s...: the path is too long", dir);
	*share = (struct p9_options){ .ro = ro };
	snprintf(share->dir, sizeof(share->dir), "%s", dir);
	snprintf(share->tag, sizeof(share->tag), "%s", tag);
	c->nshares++;
	return 0;
}

int exec_options_finish(struct exec_options *options, const struct host_facts *host,
			const char *cwd, struct err *err)
{
	const char *name = useless(&options->run);
	struct run_config *c = &options->run.config;
	int r;

	if (name)
		return err_set(err, -EINVAL, "--%s: has no meaning for exec", name);
	if (c->console == CONSOLE_STDIO)
		return err_set(err, -EINVAL,
			       "--console serial: standard input and output are the command's; "
			       "--verbose shows the guest's console");
	if (options->rw && strcmp(cwd, "/") == 0)
		return err_set(
			err, -EINVAL,
			"--rw: the current directory is /, which the guest cannot write; change "
			"to a directory below it");
	r = options_finish(&options->run, host, err);
	if (r == 0)
		r = add_share(c, options->root, ROOT_TAG, true, err);
	return r ? r : add_share(c, cwd, CWD_TAG, !options->rw, err);
}
