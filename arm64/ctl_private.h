/* Between the files of the control server that know the machine. All main thread, without vm.fw. */
#ifndef ARM64_CTL_PRIVATE_H
#define ARM64_CTL_PRIVATE_H

#include "arm64/ctl.h"
#include "arm64/ctl_operator.h"
#include "arm64/vm.h"

/* `world` of the server's functions is a struct ctl_operator. */
static inline struct vm *ctl_vm(void *world)
{
	return ((struct ctl_operator *)world)->vm;
}

/* Answers: rows. 0, or -errno with `err`. */
int ctl_status(void *world, struct ctl_answer *answer, struct err *err);
int ctl_stat(void *world, struct ctl_answer *answer, struct err *err);
int ctl_debug(void *world, uint32_t cpu, struct ctl_answer *answer, struct err *err);
int ctl_sdei(void *world, struct ctl_answer *answer, struct err *err);

#endif
