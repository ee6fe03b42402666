/*
 * Injected firmware faults: the n-th call of a function by a PE answers a chosen code, or is
 * delayed. The command line's --psci-fail and --psci-delay. Pure.
 */
#ifndef HYPERCALL_FAULT_H
#define HYPERCALL_FAULT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/err.h"
#include "lib/smccc.h"

#define FAULT_MAX_RULES 32
#define FAULT_ANY_PE    UINT32_MAX

struct fault_rule {
	char function[32];  /* name without PSCI_ prefix and width, e.g. "CPU_ON" */
	uint32_t pe;        /* calling PE, or FAULT_ANY_PE */
	uint32_t remaining; /* calls still to hit; UINT32_MAX: every call */
	bool delay;         /* else: fail */
	int64_t code;       /* x0 of a failing call */
	uint64_t delay_ns;
};

struct fault_table {
	struct fault_rule rule[FAULT_MAX_RULES];
	unsigned n;
};

/* Parse "FUNCTION[,cpu=N][,count=K]=CODE"; CODE is a PSCI error name (DENIED) or a number, and the
 * function must be one of `service`, with or without PSCI_ before it. Without cpu= every PE is
 * meant, without count= every call. 0 or -EINVAL/-ENOSPC with `t` as it was and `err` a sentence
 * that continues after the quoted text. */
int fault_parse_fail(struct fault_table *t, const struct fw_service *service, const char *text,
		     struct err *err) __attribute__((warn_unused_result));

/* Parse "FUNCTION[,cpu=N][,count=K]=DURATION" (ns, us, ms, s; lib/parse.h). The same errors. */
int fault_parse_delay(struct fault_table *t, const struct fw_service *service, const char *text,
		      struct err *err) __attribute__((warn_unused_result));

/* Write a rule as the parser of its kind reads it. */
void fault_print(const struct fault_rule *rule, FILE *out);

/* A call is about to be served: true if a rule makes it fail, with the code in *code. Uses one
 * call of the rule up; the first rule that hits wins. `row` NULL: no. */
bool fault_fail(struct fw_locked, struct fault_table *t, const struct fw_call *row, unsigned pe,
		int64_t *code);

/* Nanoseconds to wait before serving the call; 0: none. Uses one call of the rule up. The caller
 * waits without the lock. */
uint64_t fault_delay(struct fw_locked, struct fault_table *t, const struct fw_call *row,
		     unsigned pe);

#endif
