/*
 * What an operator can do to a running guest: one function a verb, for the console's keys, scripts and the
 * control socket alike. Main thread, without vm.fw. 0, or -errno with `err` a sentence.
 */
#ifndef ARM64_VERBS_H
#define ARM64_VERBS_H

#include <stdint.h>

#include "lib/err.h"

struct vm;

/* No vCPU and no device goes on until verb_resume(). What the guest's clock does meanwhile: --pause-clock
 * (run: it finds the time has passed; stop: its virtual counter stands still). -EALREADY; -EBUSY: the guest is
 * about to end or to start again. */
int verb_pause(struct vm *vm, struct err *err) __attribute__((warn_unused_result));
int verb_resume(struct vm *vm, struct err *err) __attribute__((warn_unused_result));

/* The machine was made anew: a guest that was on its way to a reset when it was paused stays paused, and its new
 * clock stands still, too. No vCPU runs yet. */
void verbs_new_life(struct vm *vm);

/* As the machine's reset button: a new life of the guest, also with --on-reset=exit. */
int verb_reset(struct vm *vm, struct err *err) __attribute__((warn_unused_result));

/* Press the power button: what the guest makes of it is its own affair. */
int verb_powerdown(struct vm *vm, struct err *err) __attribute__((warn_unused_result));

/* End the run now: STATUS_INTERRUPTED. */
int verb_stop(struct vm *vm, struct err *err) __attribute__((warn_unused_result));

/* Give bytes to the first serial port, as if typed. All or nothing: -EAGAIN, no room now; try again later.
 * They reach the guest in order with other input. */
int verb_send(struct vm *vm, const void *bytes, uint32_t n, struct err *err)
	__attribute__((warn_unused_result));

/* Do what one rule of the injection language says (docs/ras.md): see inject_add(). -EBUSY: the PE has not
 * taken the one before, try again. `from` is static. */
int verb_inject(struct vm *vm, const char *rule, const char *from, uint32_t *id, struct err *err)
	__attribute__((warn_unused_result));

/* Trigger an SDEI event: "EVENT[,cpu=N]", EVENT as in --sdei-trigger. -ENOENT: dropped, the guest has not
 * registered it. `from` is static. */
int verb_trigger(struct vm *vm, const char *what, const char *from, struct err *err)
	__attribute__((warn_unused_result));

#endif
