/* See run_operators.h. The transcript comes before the script, so that a line of the guest stands before what
 * the script makes of it. */
#include "cli/run_operators.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cli/script_operator.h"
#include "lib/clock.h"
#include "lib/log.h"

int run_operators_load(struct run_operators *o, const struct script_options *options,
		       struct err *err)
{
	const struct script_defines defines = { options->define, options->ndefines };
	int rc;

	if (!options->script)
		return 0;
	rc = script_load(&o->script, options->script, &defines, err);
	if (rc < 0 && !err->text[0])
		script_print_errors(&o->script, stderr);
	return rc;
}

static int open_file(FILE **f, const char *option, const char *path, struct err *err)
{
	if (!path)
		return 0;
	*f = fopen(path, "we");
	if (!*f)
		return err_set(err, -errno, "--%s %s: %s", option, path, strerror(errno));
	return 0;
}

/* Results alone on standard output, for whoever reads TAP: a guest may print it, too. */
static int take_stdout(FILE **f, struct err *err)
{
	int fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

	*f = fd < 0 ? NULL : fdopen(fd, "w");
	if (!*f || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
		return err_set(err, -EBADF,
			       "--script: there is no standard output and error; use --tap FILE");
	return 0;
}

static int add(struct run_operators *o, const struct operator_ops *ops, void *self, struct err *err)
{
	if (o->n == OPERATORS_MAX)
		return err_set(err, -ENOSPC, "more than %d watch the run", OPERATORS_MAX);
	o->op[o->n].ops = ops;
	o->op[o->n++].self = self;
	return 0;
}

static int open_script(struct run_operators *o, const struct script_options *options,
		       struct err *err)
{
	int rc = options->tap ? open_file(&o->tap, "tap", options->tap, err)
			      : take_stdout(&o->tap, err);

	if (rc == 0)
		rc = open_file(&o->junit, "junit", options->junit, err);
	if (rc < 0)
		return rc;
	o->scripted = script_operator_new(&o->script, o->tap, o->junit, &o->transcript);
	if (!o->scripted)
		return err_set(err, -ENOMEM, "--script: out of memory");
	return add(o, &script_operator_ops, o->scripted, err);
}

static int take_name(struct run_operators *o, const char *name, struct err *err)
{
	struct ctl_env env = ctl_env_now();
	int rc = ctl_place_take(&o->place, &env, name, err);

	o->named = rc == 0;
	if (rc < 0)
		ctl_place_leave(&o->place);
	return rc;
}

int run_operators_open(struct run_operators *o, const struct run_options *options, struct err *err)
{
	const struct script_options *script = &options->script;
	int rc = options->config.name ? take_name(o, options->config.name, err) : 0;

	if (rc == 0 && script->transcript)
		rc = transcript_open(&o->transcript, script->transcript, clock_now_ns, err);
	if (rc == 0 && script->transcript)
		rc = add(o, &transcript_operator_ops, &o->transcript, err);
	if (rc == 0 && script->script)
		rc = open_script(o, script, err);
	if (rc == 0 && o->scripted && options->config.vendor_calls)
		script_operator_expect_reports(o->scripted);
	return rc;
}

void run_operators_configure(const struct run_operators *o, struct run_config *config)
{
	config->operators = o->op;
	config->noperators = o->n;
	config->place = o->named ? &o->place : NULL;
}

static int close_file(FILE *f)
{
	return f && fclose(f) != 0 ? -EIO : 0;
}

int run_operators_close(struct run_operators *o)
{
	int rc = 0;

	if (script_operator_free(o->scripted) | close_file(o->tap) | close_file(o->junit)) {
		log_error("--script: not all results could be written");
		rc = -EIO;
	}
	if (transcript_close(&o->transcript)) {
		log_error("--transcript: not all of it could be written");
		rc = -EIO;
	}
	if (o->named)
		ctl_place_leave(&o->place);
	o->named = false;
	o->scripted = NULL;
	o->tap = o->junit = NULL;
	o->n = 0;
	return rc;
}

void run_operators_free(struct run_operators *o)
{
	script_free(&o->script);
}
