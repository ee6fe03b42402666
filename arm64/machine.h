/*
 * The one thing cli/ asks of arm64/: build the machine that `config` describes, run it to its end,
 * take everything down again.
 */
#ifndef ARM64_MACHINE_H
#define ARM64_MACHINE_H

#include <stdio.h>

#include "arm64/config.h"
#include "arm64/status.h"
#include "lib/err.h"

/* Check what can be checked without KVM (files, sizes, ranges); used before anything is created.
 * 0, or -EINVAL with `err` naming option, value and reason: exit status 2. */
int config_check(const struct run_config *config, struct err *err)
	__attribute__((warn_unused_result));

/* Run the guest to its end. Blocks; owns the calling thread, the terminal and the process's signal
 * dispositions meanwhile. Errors were printed. */
enum exit_status machine_run(const struct run_config *config);

/* --dry-run: print the machine to `out`. Uses /dev/kvm for defaults if there is one. */
enum exit_status machine_dry_run(const struct run_config *config, FILE *out);

/* `rasvm doctor`: what this host's KVM offers, a line a capability, what is missing and what that
 * costs. STATUS_POWEROFF if `rasvm run` can work here with defaults, else STATUS_HOST_KVM. */
enum exit_status machine_doctor(FILE *out);

#endif
