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
#include "lib/counter.h"

static void wake_pe(void *world, unsigned pe)
{
	struct vm *vm = world;

	pthread_cond_broadcast(&vm->vcpu[pe].wake);
}

static const struct psci_ops psci_ops = { .wake = wake_pe };

/* PSCI's calls, and what they mean for SDEI (DEN0054C 5.5): a PE that goes off ends its handlers, and
 * one that runs a handler may not suspend. */
static enum fw_result serve_psci(struct fw_locked fw, void *self, const struct fw_call *row,
				 struct smccc *call)
{
	struct vm *vm = self;
	enum fw_result result;

	if (row && row->flags & FW_CALL_SUSPEND && row->since <= vm->psci.config.version &&
	    vm->config->sdei && sdei_in_handler(fw, &vm->sdei, call->pe)) {
		call->ret = PSCI_DENIED;
		return FW_RETURN;
	}
	result = psci_call(fw, &vm->psci, row, call);
	if (result != FW_PE_OFF)
		return result;
	if (vm->config->sdei)
		sdei_pe_off(fw, &vm->sdei, call->pe);
	fw_ras_drop(fw, &vm->vcpu[call->pe], "dropped: the CPU went off");
	return result;
}

static enum fw_result serve_sdei(struct fw_locked fw, void *self, const struct fw_call *row,
				 struct smccc *call)
{
	return sdei_call(fw, &((struct vm *)self)->sdei, row, call);
}

static enum fw_result serve_vendor(struct fw_locked fw, void *self, const struct fw_call *row,
				   struct smccc *call)
{
	return vendor_call(fw, &((struct vm *)self)->vendor, row, call);
}

/* VENDOR_SDEI_TRIGGER: the PE is named by its MPIDR. */
static int64_t vendor_trigger(struct fw_locked fw, void *world, uint64_t event, uint64_t mpidr)
{
	struct vm *vm = world;
	unsigned pe = 0;

	if (!vm->config->sdei)
		return VENDOR_NOT_SUPPORTED;
	while (mpidr != VENDOR_NO_PE && pe < vm->nvcpus && vm->mpidr[pe] != mpidr)
		pe++;
	if (event > UINT32_MAX || pe == vm->nvcpus)
		return VENDOR_INVALID_PARAMETERS;
	switch (sdei_trigger(fw, &vm->sdei, (uint32_t)event,
			     mpidr == VENDOR_NO_PE ? SDEI_NO_PE : pe, "vendor")) {
	case SDEI_TRIGGERED:
		return VENDOR_SUCCESS;
	case SDEI_TRIGGER_DROPPED:
		return VENDOR_DENIED;
	default:
		return VENDOR_INVALID_PARAMETERS;
	}
}

static int64_t vendor_watchdog(struct fw_locked fw, void *world, uint64_t period_ns)
{
	(void)fw;
	sdei_timers_watchdog(world, period_ns);
	return VENDOR_SUCCESS;
}

static int vendor_read(struct fw_locked fw, void *world, uint64_t at, void *bytes, uint32_t n)
{
	struct vm *vm = world;

	(void)fw;
	return mem_read(&vm->mem, gpa(at), bytes, n);
}

static void vendor_said(struct fw_locked fw, void *world, uint32_t fid, unsigned pe,
			const char *text)
{
	struct vm *vm = world;

	(void)fw;
	if (trace_on(&vm->trace))
		trace_guest(&vm->trace, clock_now_ns() - vm->started_ns, pe,
			    fid == VENDOR_PASS   ? "guest_pass"
			    : fid == VENDOR_FAIL ? "guest_fail"
						 : "guest_mark",
			    text);
}

/* Which vendor calls there are: indexed by whether --vendor-calls was given, and --sdei-watchdog. */
static const struct vendor_ops vendor_ops[2][2] = {
	{ { NULL, NULL, NULL, NULL }, { NULL, vendor_watchdog, NULL, NULL } },
	{ { vendor_trigger, NULL, vendor_read, vendor_said },
	  { vendor_trigger, vendor_watchdog, vendor_read, vendor_said } },
};

static void add_services(struct vm *vm)
{
	const struct run_config *c = vm->config;

	/* With PSCI in KVM a call that comes here is from a range the operator wants logged. */
	if (c->psci == PSCI_USER)
		vm->service[FW_PSCI] =
			(struct fw_service){ "psci", psci_calls, psci_ncalls, vm, serve_psci };
	if (c->sdei)
		vm->service[FW_SDEI] =
			(struct fw_service){ "sdei", sdei_calls, sdei_ncalls, vm, serve_sdei };
	vm->vendor.ops = &vendor_ops[c->vendor_calls][c->sdei_watchdog_ns > 0];
	vm->vendor.world = vm;
	if (config_own_calls(c) & SMCCC_OWN_VENDOR)
		vm->service[FW_VENDOR] = (struct fw_service){ "vendor", vendor_calls, vendor_ncalls,
							      vm, serve_vendor };
	vm->nfunctions = 0;
	for (unsigned i = 0; i < FW_NSERVICES; i++)
		vm->nfunctions += vm->service[i].ncalls;
}

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
	int r;

	vm->faults = vm->config->faults;
	add_services(vm);
	vm->call_count = calloc((size_t)config.npe * (vm->nfunctions + 1), sizeof(*vm->call_count));
	if (!vm->call_count)
		return err_set(err, -ENOMEM, "out of memory");
	for (unsigned i = 0; i < config.npe; i++)
		vm->pe[i].mpidr = vm->mpidr[i];
	r = psci_init(&vm->psci, &config, vm->pe, err);
	if (r == 0 && vm->config->sdei)
		r = fw_sdei_init(vm, err);
	return r;
}

void fw_destroy(struct vm *vm)
{
	free(vm->call_count);
	vm->call_count = NULL;
	sdei_destroy(&vm->sdei);
}

void fw_reset(struct vm *vm, bool warm)
{
	struct fw_locked fw = fw_lock(&vm->fw);

	psci_reset(fw, &vm->psci, vm->boot_entry, warm);
	if (vm->config->sdei)
		sdei_reset(fw, &vm->sdei);
	fw_unlock(fw);
	if (vm->config->sdei_watchdog_ns)
		sdei_timers_watchdog(vm, vm->config->sdei_watchdog_ns);
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
	/* Asked for between its being turned on and now. */
	if (on)
		fw_ras_drop(fw, vcpu, "dropped: the CPU was just turned on");
	if (on && vm->config->sdei)
		sdei_pe_on(fw, &vm->sdei, vcpu->index);
	fw_unlock(fw);
	if (on && trace_on(&vm->trace))
		trace_event(&vm->trace, clock_now_ns() - vm->started_ns, vcpu->index, "power_on");
	return on;
}

static enum vcpu_next stop_with(struct vcpu *vcpu, enum vm_event event)
{
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
		regs_put(vcpu, REG_X0, (uint64_t)call->ret);
		return VCPU_CONTINUE;
	case FW_RESUMED:
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
	case FW_GUEST_EXIT:
		atomic_store(&vcpu->vm->guest_exit, call->arg[0]);
		return stop_with(vcpu, VM_GUEST_EXIT);
	}
	return vcpu_fail(vcpu, "the firmware answered with a result that does not exist");
}

static int fetch(struct vcpu *vcpu, const struct fw_call *row, struct smccc *call)
{
	uint32_t registers = REGS_X(1, row->nargs);
	int r;

	if (row->flags & (FW_CALL_ENTRY | FW_CALL_SYSREGS))
		registers |= REG_BIT(REG_SCTLR);
	r = regs_load(vcpu, registers);
	if (r)
		return r;
	for (call->nargs = 0; call->nargs < row->nargs; call->nargs++)
		call->arg[call->nargs] = regs_get(vcpu, REG_X0 + 1 + call->nargs);
	if (row->flags & FW_CALL_ENTRY)
		call->big_endian = regs_get(vcpu, REG_SCTLR) & SCTLR_EE;
	return 0;
}

/* A function nobody here knows takes no arguments, but whoever traces wants to see what came. */
static int fetch_unknown(struct vcpu *vcpu, struct smccc *call)
{
	if (!trace_on(&vcpu->vm->trace) && !vcpu->vm->config->nsmccc)
		return 0;
	if (regs_load(vcpu, REGS_X(1, TRACE_UNKNOWN_ARGS)))
		return -EIO;
	for (; call->nargs < TRACE_UNKNOWN_ARGS; call->nargs++)
		call->arg[call->nargs] = regs_get(vcpu, REG_X0 + 1 + call->nargs);
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

/* What a function id stands for. */
struct function {
	const struct fw_service *service; /* NULL, as is row: unknown */
	const struct fw_call *row;
	size_t number; /* where it counts in call_count */
};

static struct function find_function(const struct vm *vm, uint32_t fid)
{
	struct function f = { NULL, NULL, 0 };

	for (unsigned i = 0; i < FW_NSERVICES; i++) {
		const struct fw_service *s = &vm->service[i];

		f.row = fw_find(s, fid);
		if (f.row) {
			f.service = s;
			f.number += (size_t)(f.row - s->calls);
			break;
		}
		f.number += s->ncalls;
	}
	return f;
}

static void count_call(struct vcpu *vcpu, size_t function)
{
	struct vm *vm = vcpu->vm;

	counter_add(&vm->call_count[vcpu->index * (size_t)(vm->nfunctions + 1) + function], 1);
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

static enum fw_result serve(struct vcpu *vcpu, const struct function *f, struct smccc *call)
{
	struct vm *vm = vcpu->vm;
	enum fw_result result;
	struct fw_locked fw;

	if (!f->service) {
		call->ret = SMCCC_NOT_SUPPORTED;
		return FW_RETURN;
	}
	if (f->service == &vm->service[FW_PSCI] && vm->faults.n) {
		fw = fw_lock(&vm->fw);
		uint64_t wait_ns = fault_delay(fw, &vm->faults, f->row, vcpu->index);

		fw_unlock(fw);
		if (wait_ns)
			delay(vcpu, wait_ns);
	}
	fw = fw_lock(&vm->fw);
	result = f->service->serve(fw, f->service->self, f->row, call);
	/* The guest may have registered, unmasked or completed what errors wait for. */
	if (f->service == &vm->service[FW_SDEI] &&
	    (call->fid == SDEI_FID_EVENT_ENABLE || ras_waits(fw, &vm->ras)))
		ras_tick(fw, &vm->ras, call->now_ns);
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
	const struct function f = find_function(vm, call.fid);
	enum fw_result result;
	bool binding;

	if (f.row ? fetch(vcpu, f.row, &call) : fetch_unknown(vcpu, &call))
		return vcpu_fail(vcpu, "cannot read the arguments of a firmware call");
	count_call(vcpu, f.number);
	if (!f.row)
		log_call(vcpu, &call);
	binding = f.service == &vm->service[FW_SDEI] && call.fid == SDEI_FID_INTERRUPT_BIND &&
		  fw_sdei_begin_bind(vcpu, (uint32_t)call.arg[0]);
	result = serve(vcpu, &f, &call);
	if (binding)
		fw_sdei_end_bind(vcpu);
	if (trace_on(&vm->trace))
		trace_call(&vm->trace, call.now_ns - vm->started_ns, f.row, &call, result);
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
	if (restart && vm->config->sdei)
		sdei_pe_resumed(fw, &vm->sdei, vcpu->index);
	if (restart)
		fw_ras_drop(fw, vcpu, "dropped: the CPU had powered down");
	fw_unlock(fw);
	if (trace_on(&vm->trace))
		trace_event(&vm->trace, now_ns - vm->started_ns, vcpu->index,
			    restart ? "wake_at_entry" : "wake");
	if (!restart)
		regs_put(vcpu, REG_X0, PSCI_SUCCESS);
	else if (vcpu_reset(vcpu, &entry, true))
		return vcpu_fail(vcpu, "cannot resume the CPU");
	return VCPU_CONTINUE;
}
