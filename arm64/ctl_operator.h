/*
 * The control server as one that watches and drives a run (arm64/operator.h): for a guest with a name. Main
 * thread.
 */
#ifndef ARM64_CTL_OPERATOR_H
#define ARM64_CTL_OPERATOR_H

#include <stdbool.h>

#include "arm64/ctl_dir.h"
#include "arm64/operator.h"

struct ctl;

/* What ctl_operator_ops take as `self`: zeroed, one a run. */
struct ctl_operator {
	struct vm *vm;
	struct ctl *ctl; /* owned; NULL: not open */
	bool tracing;    /* the machine was asked for lines of its trace */
	bool named;      /* place is taken */
	struct ctl_place place;
};

/* Take a name before anything is made or opened for the run; who connects waits from then on until the operator is
 * open. 0, or -errno with `err`: -EADDRINUSE, a guest of that name runs. */
int ctl_operator_take_name(struct ctl_operator *o, const char *name, struct err *err)
	__attribute__((warn_unused_result));

/* Give it back, after close(), if it was taken. */
void ctl_operator_leave_name(struct ctl_operator *o);

/* open() needs a name that was taken. */
extern const struct operator_ops ctl_operator_ops;

#endif
