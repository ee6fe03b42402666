/* `rasvm stat --prometheus`: the answer to stat as metrics. */
#ifndef CLI_CLIENT_METRICS_H
#define CLI_CLIENT_METRICS_H

#include "lib/err.h"

/* Ask the guest `name` and print. 0, or -errno with `err`. */
int client_metrics(const char *name, struct err *err) __attribute__((warn_unused_result));

#endif
