/* CPU lists as the kernel writes them: "0-3,7". */
#ifndef LIB_CPULIST_H
#define LIB_CPULIST_H

#include <sched.h>

#include "lib/err.h"

/* Parse `text` into `set`. 0, or -EINVAL with `err` written. */
int cpulist_parse(const char *text, cpu_set_t *set, struct err *err)
	__attribute__((warn_unused_result));

#endif
