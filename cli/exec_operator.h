/* Who runs a command in a guest: between the machine's calls (arm64/operator.h), the port by which the guest's
 * init reports, and the signals and deadlines of the host. Main thread, but for what the port brings. */
#ifndef CLI_EXEC_OPERATOR_H
#define CLI_EXEC_OPERATOR_H

#include "arm64/operator.h"
#include "cli/exec_options.h"
#include "cli/exec_status.h"
#include "virtio/console.h"

#define EXEC_TAIL_BYTES 65536
#define EXEC_PORTS      4

struct exec_operator {
	const struct exec_options *options;
	struct vm *vm; /* NULL: not open */
	struct exec_report report;
	int report_fd, timer_fd; /* -1: none */
	int signal;              /* the last that came; 0: none */
	uint32_t signals;        /* all that came, a bit each */
	unsigned nsignals;       /* that the command was told of */
	bool late, output_lost;
	uint8_t tail[EXEC_TAIL_BYTES]; /* what the console printed last: a ring */
	uint64_t printed;
};

/* Begin; the options outlive it. */
void exec_operator_init(struct exec_operator *op, const struct exec_options *options);

/* The ports of the guest: this process's standard streams, and init's. 0, or -errno with `err`; the descriptors
 * in them are given away with the configuration. */
int exec_operator_ports(struct exec_operator *op, struct console_port_config ports[EXEC_PORTS],
			struct err *err) __attribute__((warn_unused_result));

/* Write what is left of the console's output to standard error. */
void exec_operator_show_tail(const struct exec_operator *op);

/* `self` is the struct exec_operator. */
extern const struct operator_ops exec_operator_ops;

#endif
