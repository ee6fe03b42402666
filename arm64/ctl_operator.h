/*
 * The control server as one that watches and drives a run (arm64/operator.h): for a guest with a name. Main
 * thread.
 */
#ifndef ARM64_CTL_OPERATOR_H
#define ARM64_CTL_OPERATOR_H

#include <stdbool.h>

#include "arm64/operator.h"

struct ctl;

/* What ctl_operator_ops take as `self`: zeroed, one a run. */
struct ctl_operator {
	struct vm *vm;
	struct ctl *ctl; /* owned; NULL: not open */
	bool tracing;    /* the machine was asked for lines of its trace */
};

/* open() needs config->place. */
extern const struct operator_ops ctl_operator_ops;

#endif
