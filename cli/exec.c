/* `rasvm exec`: run one command in a guest that is made for it. docs/exec.md. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include "arm64/machine.h"
#include "cli/command.h"
#include "cli/exec_initrd.h"
#include "cli/exec_operator.h"
#include "cli/exec_options.h"
#include "cli/exec_status.h"
#include "cli/run_operators.h"

/* One run. */
struct exec {
	struct exec_options options;
	struct exec_operator operator;
	struct run_operators others;
	char cwd[PATH_MAX];
	char initrd[32]; /* a path, of the descriptor */
	int initrd_fd;   /* -1: none */
};

static int fail(const struct err *err)
{
	help_print_error("exec", err->text);
	return EXEC_ERROR;
}

/* *init: all of it, to be freed. */
static int unpack_init(unsigned char **init, struct err *err)
{
	z_stream z = { .avail_in = (unsigned)guest_init_gz_bytes,
		       .avail_out = (unsigned)guest_init_bytes };
	int r = Z_MEM_ERROR;

	*init = malloc(guest_init_bytes);
	/* 16: with the header of gzip. */
	if (*init && inflateInit2(&z, MAX_WBITS + 16) == Z_OK) {
		z.next_in = (unsigned char *)(uintptr_t)guest_init_gz;
		z.next_out = *init;
		r = inflate(&z, Z_FINISH);
		inflateEnd(&z);
	}
	return r == Z_STREAM_END ? 0 : err_set(err, -ENOMEM, "out of memory for the guest's init");
}

static int make_initrd(struct exec *x, struct err *err)
{
	unsigned char *init = NULL;
	int r = unpack_init(&init, err);

	if (r == 0) {
		x->initrd_fd = memfd_create("rasvm-exec-initrd", MFD_CLOEXEC);
		if (x->initrd_fd < 0)
			r = err_set(err, -errno, "memfd: %s", strerror(errno));
	}
	if (r == 0)
		r = exec_initrd_write(x->initrd_fd, &x->options, x->cwd, init, guest_init_bytes,
				      err);
	free(init);
	snprintf(x->initrd, sizeof(x->initrd), "/proc/self/fd/%d", x->initrd_fd);
	x->options.run.config.initrd = x->initrd;
	return r;
}

static int find_cwd(struct exec *x, struct err *err)
{
	if (!getcwd(x->cwd, sizeof(x->cwd)))
		return err_set(err, -errno, "the current directory: %s", strerror(errno));
	if (x->cwd[0] != '/')
		return err_set(err, -ENOENT, "the current directory cannot be reached from /");
	return 0;
}

static int add_operator(struct exec *x, struct err *err)
{
	struct run_operators *o = &x->others;
	int r = run_operators_open(o, &x->options.run, err);

	if (r == 0 && o->n == OPERATORS_MAX)
		r = err_set(err, -ENOSPC, "more than %d watch the run", OPERATORS_MAX);
	if (r)
		return r;
	o->op[o->n].ops = &exec_operator_ops;
	o->op[o->n++].self = &x->operator;
	return 0;
}

static int judge(const struct exec *x, enum exit_status status)
{
	const struct exec_outcome outcome = {
		.report = &x->operator.report,
		.status = status,
		.signal = x->operator.signal,
		.signals = x->operator.signals,
		.late = x->operator.late,
		.output_lost = x->operator.output_lost,
	};
	struct exec_verdict v = exec_judge(&outcome);

	if (v.show_console)
		exec_operator_show_tail(&x->operator);
	if (v.text[0])
		help_print_error("exec", v.text);
	return v.status;
}

static int run_guest(struct exec *x)
{
	struct run_config config = x->options.run.config;
	struct console_port_config ports[EXEC_PORTS];
	struct err err = { "" };
	enum exit_status status;

	if (add_operator(x, &err) || exec_operator_ports(&x->operator, ports, &err))
		return fail(&err);
	run_operators_configure(&x->others, &config);
	config.port = ports;
	config.nports = EXEC_PORTS;
	status = machine_run(&config);
	return judge(x, status);
}

static int run(struct exec *x, int argc, char **argv)
{
	const struct host_facts host = options_host_facts();
	struct err err = { "" };

	if (exec_options_parse(&x->options, argc, (const char *const *)argv, &err))
		return fail(&err);
	if (x->options.run.help) {
		help_print_command(COMMAND_EXEC, stdout);
		return command_finish_output(stdout) == STATUS_POWEROFF ? 0 : EXEC_ERROR;
	}
	log_set_level(x->options.run.loglevel);
	if (find_cwd(x, &err) || exec_options_finish(&x->options, &host, x->cwd, &err) ||
	    make_initrd(x, &err) || config_check(&x->options.run.config, &err))
		return fail(&err);
	if (x->options.run.config.dry_run)
		return machine_dry_run(&x->options.run.config, stdout) == STATUS_POWEROFF &&
				       command_finish_output(stdout) == STATUS_POWEROFF
			       ? 0
			       : EXEC_ERROR;
	return run_guest(x);
}

int command_exec(int argc, char **argv)
{
	struct exec *x = calloc(1, sizeof(*x));
	int status;

	if (!x) {
		help_print_error("exec", "out of memory");
		return EXEC_ERROR;
	}
	x->initrd_fd = -1;
	exec_options_init(&x->options);
	exec_operator_init(&x->operator, & x->options);
	status = run(x, argc, argv);
	if (run_operators_close(&x->others) && status == 0)
		status = EXEC_ERROR;
	run_operators_free(&x->others);
	if (x->operator.report_fd >= 0)
		close(x->operator.report_fd);
	if (x->initrd_fd >= 0)
		close(x->initrd_fd);
	exec_options_free(&x->options);
	free(x);
	return status;
}
