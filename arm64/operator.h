/*
 * Who watches and drives a run from outside the machine: a script, the transcript, the control socket. The
 * machine calls them; they act by arm64/verbs.h. All functions run on the main thread, in the order in which
 * things happened; what is NULL is not wanted.
 */
#ifndef ARM64_OPERATOR_H
#define ARM64_OPERATOR_H

#include <stdbool.h>
#include <stdint.h>

#include "arm64/status.h"
#include "lib/err.h"

struct vm;

struct operator_ops {
	/* The machine is built, no vCPU has run: join vm's loop here. 0, or an error that ends the run
	 * (STATUS_USAGE). */
	int (*open)(void *self, struct vm *vm, struct err *err);
	/* The guest starts for the first time. */
	void (*started)(void *self);
	/* The guest printed on the first serial port. */
	void (*output)(void *self, const uint8_t *bytes, unsigned n);
	/* Bytes were given to it as input, by whomever. */
	void (*input)(void *self, const uint8_t *bytes, unsigned n);
	/* A line of the trace (arm64/trace.h), without its newline: always if `wants_events`, else while some
	 * operator wants them (trace_tap_want(&vm->trace.tap, ...)). */
	void (*event)(void *self, const char *json, unsigned n);
	/* An operator changed the guest: "paused", "resumed", "powerdown". */
	void (*changed)(void *self, const char *what);
	/* One life of the guest ended and another begins. */
	void (*reset)(void *self);
	/* A signal came that would end the run. True: taken, the run goes on. */
	bool (*signal)(void *self, int sig);
	/* The run is over: the status that rasvm is to exit with, its own or another. */
	enum exit_status (*ended)(void *self, enum exit_status status);
	/* Leave the loop, close. Safe without open(). */
	void (*close)(void *self);
	bool wants_events;
};

struct run_operator {
	const struct operator_ops *ops;
	void *self;
};

#define OPERATORS_MAX 4

/* Part of struct vm. */
struct operators {
	struct run_operator op[OPERATORS_MAX];
	unsigned n;
	unsigned opened;
};

/* For the machine; main thread. One more, before operators_open(). 0, or -ENOSPC with `err`. */
int operators_add(struct vm *vm, const struct run_operator *op, struct err *err)
	__attribute__((warn_unused_result));

/* Open those that were added, in their order. 0, or -errno with `err`; then operators_close(). */
int operators_open(struct vm *vm, struct err *err) __attribute__((warn_unused_result));
void operators_close(struct vm *vm);
void operators_started(struct vm *vm);
void operators_output(struct vm *vm, const uint8_t *bytes, unsigned n);
void operators_input(struct vm *vm, const uint8_t *bytes, unsigned n);
void operators_changed(struct vm *vm, const char *what);
void operators_reset(struct vm *vm);

/* Whether somebody took the signal. */
bool operators_signal(struct vm *vm, int sig);

/* Hand on what the trace has said meanwhile. It may go on: what is more than a turn's worth is for the next
 * round of the loop. */
void operators_some_events(struct vm *vm);

/* Ask each in turn what the run is to end with. */
enum exit_status operators_ended(struct vm *vm, enum exit_status status);

#endif
