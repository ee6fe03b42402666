/* See verbs.h. */
#include "arm64/verbs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "arm64/kvm_compat.h"
#include "arm64/vm.h"
#include "lib/clock.h"
#include "lib/keylist.h"

/* ---- pause ---- */

/* The virtual counter is the VM's, so any vCPU's register will do; none is in KVM_RUN.
 * api.rst 4.68: writing KVM_REG_ARM_TIMER_CNT moves the offset between it and the physical counter. */
static void stop_clock(struct vm *vm)
{
	int r = !vm->nvcpus ? -ENXIO
			    : kvm_reg_get(vm->vcpu[0].fd, KVM_REG_ARM_TIMER_CNT, &vm->paused_count);

	vm->clock_stopped = r == 0;
	if (r)
		log_warn("cannot read the guest's clock, which goes on: %s", strerror(-r));
}

static void start_clock(struct vm *vm)
{
	int r = 0;

	if (vm->clock_stopped && vm->nvcpus)
		r = kvm_reg_set(vm->vcpu[0].fd, KVM_REG_ARM_TIMER_CNT, vm->paused_count);
	vm->clock_stopped = false;
	if (r)
		log_warn("cannot set the guest's clock, which has gone on: %s", strerror(-r));
}

static int not_ending(struct vm *vm, struct err *err)
{
	if (atomic_load(&vm->event) == VM_RUNNING)
		return 0;
	return err_set(err, -EBUSY, "the guest is about to end or to start again");
}

int verb_pause(struct vm *vm, struct err *err)
{
	int r;

	if (vm->paused)
		return err_set(err, -EALREADY, "the guest is paused already");
	r = not_ending(vm, err);
	if (r)
		return r;
	vm->paused = true;
	vm_hold_still(vm);
	bus_quiesce(&vm->bus);
	if (vm->config->pause_clock == PAUSE_CLOCK_STOP)
		stop_clock(vm);
	if (trace_on(&vm->trace))
		trace_event(&vm->trace, clock_now_ns() - vm->started_ns, 0, "pause");
	operators_changed(vm, "paused");
	return 0;
}

int verb_resume(struct vm *vm, struct err *err)
{
	if (!vm->paused)
		return err_set(err, -EALREADY, "the guest is not paused");
	start_clock(vm);
	bus_resume(&vm->bus);
	vm->paused = false;
	if (trace_on(&vm->trace))
		trace_event(&vm->trace, clock_now_ns() - vm->started_ns, 0, "resume");
	operators_changed(vm, "resumed");
	vm_unhold(vm);
	return 0;
}

void verbs_new_life(struct vm *vm)
{
	if (vm->clock_stopped)
		stop_clock(vm);
}

/* ---- ends ---- */

int verb_reset(struct vm *vm, struct err *err)
{
	int r = not_ending(vm, err);

	if (r)
		return r;
	if (vm->paused)
		r = verb_resume(vm, err);
	if (r)
		return r;
	log_info("the operator resets the guest");
	vm->reset_asked = true;
	vm_report(vm, VM_RESET);
	return 0;
}

/* An edge: the interrupt controller remembers it, and there is no device to read afterwards. Lines and pins
 * are those of the machine, whichever tables the guest goes by. */
int verb_powerdown(struct vm *vm, struct err *err)
{
	int r = not_ending(vm, err);

	if (r)
		return r;
	lines_pulse(vm, INTID_POWER_BUTTON);
	device_lock(&vm->gpio.dev);
	lines_wake(vm);
	device_unlock(&vm->gpio.dev);
	log_info("the power button was pressed");
	operators_changed(vm, "powerdown");
	return 0;
}

int verb_stop(struct vm *vm, struct err *err)
{
	(void)err;
	vm_end(vm, VM_INTERRUPTED);
	return 0;
}

/* ---- input, errors, events ---- */

int verb_send(struct vm *vm, const void *bytes, uint32_t n, struct err *err)
{
	if (n > CONSOLE_IN_BYTES)
		return err_set(err, -EINVAL, "%" PRIu32 " bytes at once: at most %d", n,
			       CONSOLE_IN_BYTES);
	if (console_send(&vm->console, bytes, n))
		return err_set(err, -EAGAIN,
			       "the guest has not taken yet what was sent before; try again");
	return 0;
}

/* Whoever reads a text says what is wrong with it, but not which it is. */
static int bad_text(const char *text, int code, const struct err *why, struct err *err)
{
	return err_set(err, code, "\"%.150s\": %.340s", text, why->text);
}

int verb_inject(struct vm *vm, const char *rule, const char *from, uint32_t *id, struct err *err)
{
	struct inject_rule rules[INJECT_MAX_RULES];
	struct err why = { "" };
	unsigned n = 0;
	int r = inject_parse(rules, &n, rule, &why);

	if (r)
		return bad_text(rule, r, &why, err);
	r = not_ending(vm, err);
	if (r)
		return r;
	r = inject_add(vm, &rules[0], from, id, &why);
	return r ? bad_text(rule, r, &why, err) : 0;
}

/* What --sdei-trigger says of an event, without its times. */
static int parse_trigger(const struct vm *vm, const char *what, struct sdei_trigger_rule *rule,
			 struct err *err)
{
	const struct run_config *c = vm->config;
	struct sdei_trigger_rule rules[SDEI_MAX_TRIGGERS];
	char text[KEYLIST_MAX_BYTES];
	unsigned n = 0;
	int r;

	if (!c->sdei)
		return err_set(err, -EOPNOTSUPP, "this guest was started without SDEI");
	if ((size_t)snprintf(text, sizeof(text), "event=%s", what) >= sizeof(text))
		return err_set(err, -EINVAL, "the text is too long");
	r = sdei_parse_trigger(rules, &n, text, err);
	if (r)
		return r;
	*rule = rules[0];
	if (rule->at_ns || rule->every_ns)
		return err_set(err, -EINVAL, "at= and every= are for --sdei-trigger only");
	return sdei_check_trigger(rule, c->sdei_event, c->nsdei_events, c->sdei_watchdog_ns != 0,
				  c->cpus, err);
}

int verb_trigger(struct vm *vm, const char *what, const char *from, struct err *err)
{
	struct sdei_trigger_rule rule = { 0 };
	struct err why = { "" };
	int r = parse_trigger(vm, what, &rule, &why);

	if (r)
		return bad_text(what, r, &why, err);
	r = not_ending(vm, err);
	return r ? r : fw_sdei_trigger(vm, rule.event, rule.cpu, from, err);
}
