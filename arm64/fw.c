/*
 * Between KVM's hypercall exits and the pure firmware: fetch the arguments a function takes, ask
 * hypercall/ what happens, write the result or change what the vCPU does.
 *
 * KVM's exit leaves PC after the HVC or SMC and fills in nothing but the function id; registers are
 * read one by one, no more than the function's row says (Linux api.rst, KVM_EXIT_HYPERCALL).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "arm64/kvm_compat.h"
#include "arm64/vm.h"
#include "lib/clock.h"

static void wake_pe(void *world, unsigned pe)
{
	struct vm *vm = world;

	pthread_cond_broadcast(&vm->vcpu[pe].wake);
}

static const struct psci_ops psci_ops = { .wake = wake_pe };

int fw_init(struct vm *vm, struct err *err)
{
	const struct psci_config config = {
		.version = vm->config->psci_version,
		.on_pending = vm->config->psci_on_pending,
		.npe = vm->board.config.ncpus,
		.ram_base = vm->mem.base,
		.ram_bytes = vm->mem.size,
		.ops = &psci_ops,
		.world = vm,
		.faults = &vm->faults,
	};

	vm->faults = vm->config->faults;
	vm->psci_service = (struct fw_service){ "psci", psci_calls, psci_ncalls, &vm->psci };
	vm->call_count = calloc((size_t)config.npe * (psci_ncalls + 1), sizeof(*vm->call_count));
	if (!vm->call_count)
		return err_set(err, -ENOMEM, "out of memory");
	for (unsigned i = 0; i < config.npe; i++)
		vm->pe[i].mpidr = vm->mpidr[i];
	return psci_init(&vm->psci, &config, vm->pe, err);
}

void fw_destroy(struct vm *vm)
{
	free(vm->call_count);
	vm->call_count = NULL;
}

void fw_reset(struct vm *vm, bool warm)
{
	struct fw_locked fw = fw_lock(&vm->fw);

	psci_reset(fw, &vm->psci, vm->boot_entry, warm);
	fw_unlock(fw);
}

bool fw_wait_on(struct vcpu *vcpu, struct psci_entry *entry)
{
	struct vm *vm = vcpu->vm;
	struct fw_locked fw = fw_lock(&vm->fw);
	bool on = false;

	while (!(atomic_load(&vcpu->req) & VCPU_REQ_STOP)) {
		on = psci_take_on(fw, &vm->psci, vcpu->index, entry);
		if (on)
			break;
		pthread_cond_wait(&vcpu->wake, &vm->fw.mutex);
	}
	fw_unlock(fw);
	if (on && trace_on(&vm->trace))
		trace_event(&vm->trace, clock_now_ns() - vm->started_ns, vcpu->index, "power_on");
	return on;
}

static enum vcpu_next stop_with(struct vcpu *vcpu, enum vm_event event)
{
	/* These calls do not return. Should the vCPU run again all the same, it sees a failure. */
	if (vcpu_set_reg(vcpu, kvm_reg_x(0), (uint64_t)(int64_t)PSCI_INTERNAL_FAILURE))
		log_warn("CPU %u: cannot write x0", vcpu->index);
	vm_report(vcpu->vm, event);
	return VCPU_STOP;
}

static enum vcpu_next go_off(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;

	if (!vcpu->last_off)
		return VCPU_OFF;
	if (vm->config->all_off == ALL_OFF_EXIT) {
		log_error("every CPU of the guest is off: nothing can run any more");
		vm_report(vm, VM_ALL_OFF);
		return VCPU_STOP;
	}
	log_info("every CPU of the guest is off; waiting, as --all-off=wait asks");
	return VCPU_OFF;
}

static enum vcpu_next go_to_sleep(struct vcpu *vcpu)
{
	int r;

	/* KVM_RUN now waits for a deliverable interrupt and then exits with a WAKEUP event; an
	 * interrupt that is pending already counts. The state stays until it is changed back, so a
	 * kick in between does no harm. */
	r = vcpu_set_mp_state(vcpu, KVM_MP_STATE_SUSPENDED);
	if (r < 0)
		return vcpu_fail(vcpu, "KVM cannot suspend the CPU");
	vcpu->suspended = true;
	return VCPU_CONTINUE;
}

static enum vcpu_next apply(struct vcpu *vcpu, const struct smccc *call, enum fw_result result)
{
	switch (result) {
	case FW_RETURN:
		if (vcpu_set_reg(vcpu, kvm_reg_x(0), (uint64_t)call->ret))
			return vcpu_fail(vcpu, "cannot write the result of a firmware call");
		return VCPU_CONTINUE;
	case FW_PE_OFF:
		return go_off(vcpu);
	case FW_PE_SUSPEND:
		return go_to_sleep(vcpu);
	case FW_SYSTEM_OFF:
		return stop_with(vcpu, VM_POWEROFF);
	case FW_HIBERNATE_OFF:
		return stop_with(vcpu, VM_HIBERNATE);
	case FW_SYSTEM_RESET:
		return stop_with(vcpu, VM_RESET);
	case FW_WARM_RESET:
		return stop_with(vcpu, VM_WARM_RESET);
	}
	return vcpu_fail(vcpu, "the firmware answered with a result that does not exist");
}

static int fetch(struct vcpu *vcpu, const struct fw_call *row, struct smccc *call)
{
	uint64_t sctlr;

	for (unsigned i = 0; i < row->nargs; i++) {
		int r = vcpu_get_reg(vcpu, kvm_reg_x(i + 1), &call->arg[i]);

		if (r)
			return r;
	}
	call->nargs = row->nargs;
	if (row->flags & FW_CALL_ENTRY) {
		int r = vcpu_get_reg(vcpu, kvm_reg_sys(3, 0, 1, 0, 0), &sctlr);

		if (r)
			return r;
		call->big_endian = sctlr & SCTLR_EE;
	}
	return 0;
}

/* A function nobody here knows takes no arguments, but whoever traces wants to see what came. */
static int fetch_unknown(struct vcpu *vcpu, struct smccc *call)
{
	if (!trace_on(&vcpu->vm->trace) && !vcpu->vm->config->nsmccc)
		return 0;
	for (; call->nargs < TRACE_UNKNOWN_ARGS; call->nargs++) {
		int r = vcpu_get_reg(vcpu, kvm_reg_x(call->nargs + 1), &call->arg[call->nargs]);

		if (r)
			return r;
	}
	return 0;
}

/* --psci-delay: the guest waits inside its call. A stop request ends the wait. */
static void delay(struct vcpu *vcpu, uint64_t ns)
{
	struct fw_lock *lock = &vcpu->vm->fw;
	struct timespec until = clock_timespec(clock_now_ns() + ns);
	struct fw_locked fw = fw_lock(lock);

	while (!(atomic_load(&vcpu->req) & VCPU_REQ_STOP))
		if (pthread_cond_timedwait(&vcpu->wake, &lock->mutex, &until) == ETIMEDOUT)
			break;
	fw_unlock(fw);
}

static void count_call(struct vcpu *vcpu, const struct fw_call *row)
{
	size_t i = row ? (size_t)(row - psci_calls) : psci_ncalls;

	vcpu->vm->call_count[vcpu->index * (size_t)(psci_ncalls + 1) + i]++;
}

/* --smccc RANGE=log. */
static void log_call(struct vcpu *vcpu, const struct smccc *call)
{
	const struct run_config *c = vcpu->vm->config;

	for (unsigned i = 0; i < c->nsmccc; i++) {
		const struct smccc_range *r = &c->smccc[i];

		if (r->action != SMCCC_ACT_LOG || call->fid - r->base >= r->count)
			continue;
		if (log_allow(&vcpu->smccc_log, call->now_ns))
			log_warn(
				"CPU %u: %s call %#x (%s), x1 %#llx x2 %#llx x3 %#llx: not supported",
				vcpu->index, call->conduit == SMCCC_SMC ? "smc" : "hvc", call->fid,
				smccc_owner_name(call->fid), (unsigned long long)call->arg[0],
				(unsigned long long)call->arg[1], (unsigned long long)call->arg[2]);
		return;
	}
}

static enum fw_result serve(struct vcpu *vcpu, const struct fw_call *row, struct smccc *call)
{
	struct vm *vm = vcpu->vm;
	enum fw_result result;
	struct fw_locked fw;

	if (row && vm->faults.n) {
		fw = fw_lock(&vm->fw);
		uint64_t wait_ns = fault_delay(fw, &vm->faults, row, vcpu->index);

		fw_unlock(fw);
		if (wait_ns)
			delay(vcpu, wait_ns);
	}
	fw = fw_lock(&vm->fw);
	result = psci_call(fw, &vm->psci, row, call);
	vcpu->last_off = result == FW_PE_OFF && psci_all_off(fw, &vm->psci);
	fw_unlock(fw);
	return result;
}

enum vcpu_next fw_hypercall(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;
	struct smccc call = {
		.fid = (uint32_t)vcpu->run->hypercall.nr,
		.conduit = kvm_hypercall_flags(vcpu->run) & KVM_HYPERCALL_EXIT_SMC ? SMCCC_SMC
										   : SMCCC_HVC,
		.pe = vcpu->index,
		.now_ns = clock_now_ns(),
	};
	/* With PSCI in KVM such a call can only come from a range the operator wants logged. */
	const struct fw_call *row =
		vm->config->psci == PSCI_USER ? fw_find(&vm->psci_service, call.fid) : NULL;
	enum fw_result result;

	if (row ? fetch(vcpu, row, &call) : fetch_unknown(vcpu, &call))
		return vcpu_fail(vcpu, "cannot read the arguments of a firmware call");
	count_call(vcpu, row);
	if (!row)
		log_call(vcpu, &call);
	result = serve(vcpu, row, &call);
	if (trace_on(&vm->trace))
		trace_call(&vm->trace, call.now_ns - vm->started_ns, row, &call, result);
	return apply(vcpu, &call, result);
}

enum vcpu_next fw_wakeup(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;
	uint64_t now_ns = clock_now_ns();
	struct psci_entry entry;
	struct fw_locked fw;
	bool restart;

	if (!vcpu->suspended)
		return VCPU_CONTINUE;
	vcpu->suspended = false;
	if (vcpu_set_mp_state(vcpu, KVM_MP_STATE_RUNNABLE))
		return vcpu_fail(vcpu, "KVM cannot resume the CPU");
	fw = fw_lock(&vm->fw);
	restart = psci_wake(fw, &vm->psci, vcpu->index, now_ns, &entry);
	fw_unlock(fw);
	if (trace_on(&vm->trace))
		trace_event(&vm->trace, now_ns - vm->started_ns, vcpu->index,
			    restart ? "wake_at_entry" : "wake");
	if (restart ? vcpu_reset(vcpu, &entry, true) : vcpu_set_reg(vcpu, kvm_reg_x(0), 0))
		return vcpu_fail(vcpu, "cannot resume the CPU");
	return VCPU_CONTINUE;
}
