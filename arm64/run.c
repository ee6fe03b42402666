/*
 * The vCPU thread: wait for power-on, reset, run the guest, serve its exits.
 *
 * One rule for every exit handler: it returns what the thread does next (enum vcpu_next); an error
 * of the host is reported by the handler through vm_report(), with the registers, and ends the
 * thread.
 *
 * Source: Linux Documentation/virt/kvm/api.rst, section 5 (struct kvm_run).
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "arm64/kvm_compat.h"
#include "arm64/vm.h"
#include "lib/clock.h"
#include "lib/counter.h"

enum vcpu_next vcpu_fail(struct vcpu *vcpu, const char *reason)
{
	vcpu_dump(vcpu, reason);
	vm_report(vcpu->vm, VM_HOST_ERROR);
	return VCPU_STOP;
}

/* Nothing lives at this address: reads give 0, writes go nowhere. */
static void unclaimed(struct vcpu *vcpu, uint64_t at, unsigned len, bool is_write)
{
	counter_add(&vcpu->stats.unclaimed, 1);
	if (log_allow(&vcpu->unclaimed_log, clock_now_ns()))
		log_warn("CPU %u: %u-byte %s at guest address %#llx, where no device is",
			 vcpu->index, len, is_write ? "write" : "read", (unsigned long long)at);
}

static enum vcpu_next exit_mmio(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	const struct bus *bus = &vcpu->vm->bus;
	gpa_t at = gpa(run->mmio.phys_addr);
	unsigned len = run->mmio.len;
	uint64_t value = 0;

	vcpu->exit_pending = true;
	if (len > sizeof(value))
		return vcpu_fail(vcpu, "KVM reported an access of more than 8 bytes");
	if (run->mmio.is_write) {
		memcpy(&value, run->mmio.data, len);
		if (!bus_write(bus, at, len, value))
			unclaimed(vcpu, at.v, len, true);
		return VCPU_CONTINUE;
	}
	if (!bus_read(bus, at, len, &value))
		unclaimed(vcpu, at.v, len, false);
	memcpy(run->mmio.data, &value, len);
	return VCPU_CONTINUE;
}

/* A load or store that KVM cannot decode (a pair, writeback), to an address where no RAM is. The
 * guest gets the synchronous external abort that hardware would give for a bus error. */
static enum vcpu_next exit_nisv(struct vcpu *vcpu)
{
	struct kvm_vcpu_events events = { 0 };
	int r;

	unclaimed(vcpu, vcpu->run->arm_nisv.fault_ipa, 0, vcpu->run->arm_nisv.esr_iss & 1 << 6);
	if (!vcpu->vm->caps.inject_ext_dabt)
		return vcpu_fail(
			vcpu, "an access KVM cannot decode, and this KVM cannot inject an abort");
	events.exception.ext_dabt_pending = 1;
	vcpu->exit_pending = true;
	r = kvm_ioctl_ptr(vcpu->fd, KVM_SET_VCPU_EVENTS, &events, sizeof(events));
	return r < 0 ? vcpu_fail(vcpu, "KVM cannot inject an external abort") : VCPU_CONTINUE;
}

static enum vcpu_next report(struct vcpu *vcpu, enum vm_event event)
{
	vm_report(vcpu->vm, event);
	return VCPU_STOP;
}

static enum vcpu_next exit_system_event(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;

	switch (run->system_event.type) {
	case KVM_SYSTEM_EVENT_WAKEUP:
		return fw_wakeup(vcpu);
	case KVM_SYSTEM_EVENT_SHUTDOWN:
		if (run->system_event.ndata &&
		    run->system_event.data[0] & KVM_SYSTEM_EVENT_SHUTDOWN_FLAG_PSCI_OFF2)
			return report(vcpu, VM_HIBERNATE);
		return report(vcpu, VM_POWEROFF);
	case KVM_SYSTEM_EVENT_RESET:
		if (run->system_event.ndata &&
		    run->system_event.data[0] & KVM_SYSTEM_EVENT_RESET_FLAG_PSCI_RESET2)
			return report(vcpu, VM_WARM_RESET);
		return report(vcpu, VM_RESET);
	case KVM_SYSTEM_EVENT_CRASH:
		return report(vcpu, VM_PANIC);
	default:
		return vcpu_fail(vcpu, "KVM reported a system event that rasvm does not know");
	}
}

static enum vcpu_next exit_fail_entry(struct vcpu *vcpu)
{
	log_error("CPU %u: hardware_entry_failure_reason %#llx", vcpu->index,
		  (unsigned long long)vcpu->run->fail_entry.hardware_entry_failure_reason);
	return vcpu_fail(vcpu, "the processor refused to enter the guest");
}

static enum vcpu_next exit_internal(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;

	log_error("CPU %u: internal error suberror %u", vcpu->index, run->internal.suberror);
	for (unsigned i = 0; i < run->internal.ndata && i < ARRAY_SIZE(run->internal.data); i++)
		log_error("  data[%u]   %016llx", i, (unsigned long long)run->internal.data[i]);
	return vcpu_fail(vcpu, "KVM met an internal error");
}

static enum vcpu_next exit_nothing(struct vcpu *vcpu)
{
	(void)vcpu;
	return VCPU_CONTINUE;
}

static const struct {
	const char *name;
	enum vcpu_next (*fn)(struct vcpu *);
} exits[VCPU_EXIT_REASONS] = {
	[KVM_EXIT_MMIO] = { "mmio", exit_mmio },
	[KVM_EXIT_HYPERCALL] = { "hypercall", fw_hypercall },
	[KVM_EXIT_ARM_NISV] = { "nisv", exit_nisv },
	[KVM_EXIT_SYSTEM_EVENT] = { "system-event", exit_system_event },
	[KVM_EXIT_INTR] = { "interrupted", exit_nothing },
	[KVM_EXIT_DEBUG] = { "single-step", exit_nothing },
	[KVM_EXIT_FAIL_ENTRY] = { "fail-entry", exit_fail_entry },
	[KVM_EXIT_INTERNAL_ERROR] = { "internal-error", exit_internal },
	[KVM_EXIT_ARM_SEA] = { "sea", fw_ras_exit_sea },
};

const char *vcpu_exit_name(unsigned reason)
{
	return reason < VCPU_EXIT_REASONS ? exits[reason].name : NULL;
}

static enum vcpu_next serve_exit(struct vcpu *vcpu)
{
	unsigned reason = vcpu->run->exit_reason;

	if (reason >= VCPU_EXIT_REASONS || !exits[reason].fn) {
		counter_add(&vcpu->stats.exits[VCPU_EXIT_REASONS - 1], 1);
		return vcpu_fail(vcpu, "KVM_RUN returned an exit reason that rasvm does not know");
	}
	counter_add(&vcpu->stats.exits[reason], 1);
	if (inject_wants_exits(&vcpu->vm->injector))
		inject_exit(&vcpu->vm->injector);
	return exits[reason].fn(vcpu);
}

static enum vcpu_next run_failed(struct vcpu *vcpu, int error)
{
	char reason[96];

	if (error == EINTR || error == EAGAIN) {
		counter_add(&vcpu->stats.interrupted, 1);
		return VCPU_CONTINUE;
	}
	snprintf(reason, sizeof(reason), "KVM_RUN failed: %s", strerror(error));
	return vcpu_fail(vcpu, reason);
}

/* Somebody wants the guest to stand still. */
static void hold(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;
	struct fw_locked fw = fw_lock(&vm->fw);

	atomic_fetch_and(&vcpu->req, ~VCPU_REQ_HOLD);
	while (vm->holds && !(atomic_load(&vcpu->req) & VCPU_REQ_STOP))
		pthread_cond_wait(&vcpu->wake, &vm->fw.mutex);
	fw_unlock(fw);
}

static enum vcpu_next serve_requests(struct vcpu *vcpu, uint32_t req)
{
	enum vcpu_next next = VCPU_CONTINUE;

	if (req & VCPU_REQ_STOP)
		return VCPU_STOP;
	if (req & VCPU_REQ_HOLD)
		hold(vcpu);
	/* Before looking: what comes later sets it again. */
	atomic_fetch_and(&vcpu->req, ~(req & (VCPU_REQ_SDEI | VCPU_REQ_RAS)));
	/* The abort first: an event interrupts the handler of the abort, not the other way round. */
	if (req & VCPU_REQ_RAS)
		next = fw_ras(vcpu);
	if (req & VCPU_REQ_SDEI && next == VCPU_CONTINUE)
		next = fw_sdei(vcpu);
	return next;
}

/* The guest used bad memory. KVM reports that by a signal and no exit; should there be one all the
 * same, it is served first. */
static enum vcpu_next run_met_error(struct vcpu *vcpu, int error)
{
	enum vcpu_next next = error ? VCPU_CONTINUE : serve_exit(vcpu);

	counter_add(&vcpu->stats.interrupted, error != 0);
	return next == VCPU_CONTINUE ? fw_ras_consumed(vcpu) : next;
}

/* For whoever looks what a CPU did last. */
static void note_exit(struct vcpu *vcpu, int error)
{
	uint8_t *recent = &vcpu->recent[vcpu->stats.runs % VCPU_RECENT];

	__atomic_store_n(recent, error ? VCPU_RECENT_KICK : (uint8_t)vcpu->run->exit_reason,
			 __ATOMIC_RELAXED);
}

static enum vcpu_next run_once(struct vcpu *vcpu)
{
	enum vcpu_next next;
	int r;

	if (vcpu->regs.valid && regs_flush(vcpu))
		return vcpu_fail(vcpu, "cannot write the registers that a firmware call changed");
	vcpu->has_run = true;
	vcpu->exit_pending = false;
	counter_add(&vcpu->stats.runs, 1);
	r = ioctl(vcpu->fd, KVM_RUN, 0) < 0 ? errno : 0;
	/* In this order: see vm_hold_still(). */
	atomic_store(&vcpu->in_device, vcpu->run->exit_reason == KVM_EXIT_MMIO);
	atomic_store(&vcpu->in_guest, false);
	note_exit(vcpu, r);
	if (sigbus_any(&vcpu->bus_errors))
		next = run_met_error(vcpu, r);
	else
		next = r ? run_failed(vcpu, r) : serve_exit(vcpu);
	atomic_store(&vcpu->in_device, false);
	return next;
}

static enum vcpu_next run_guest(struct vcpu *vcpu)
{
	enum vcpu_next next = VCPU_CONTINUE;

	while (next == VCPU_CONTINUE) {
		uint32_t req;

		/* In this order: see vcpu_kick(). */
		__atomic_store_n(&vcpu->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
		atomic_store(&vcpu->in_guest, true);
		req = atomic_load(&vcpu->req);
		if (!req) {
			next = run_once(vcpu);
			continue;
		}
		atomic_store(&vcpu->in_guest, false);
		next = serve_requests(vcpu, req);
	}
	atomic_store(&vcpu->in_guest, false);
	return next;
}

/* KVM answers PSCI itself (--psci kernel): the boot CPU starts, the others wait in KVM. */
static void run_under_kernel_psci(struct vcpu *vcpu)
{
	if (vcpu->index == 0 && vcpu_reset(vcpu, &vcpu->vm->boot_entry, false)) {
		vcpu_fail(vcpu, "cannot set the registers of the boot CPU");
		return;
	}
	run_guest(vcpu);
}

static void run_under_own_psci(struct vcpu *vcpu)
{
	struct psci_entry entry;

	while (fw_wait_on(vcpu, &entry)) {
		if (vcpu_reset(vcpu, &entry, false)) {
			vcpu_fail(vcpu, "cannot reset the CPU");
			return;
		}
		if (run_guest(vcpu) == VCPU_STOP)
			return;
	}
}

void *vcpu_thread(void *arg)
{
	struct vcpu *vcpu = arg;
	char name[16]; /* what the kernel takes */

	snprintf(name, sizeof(name), "vcpu-%u", vcpu->index);
	pthread_setname_np(pthread_self(), name);
	atomic_store(&vcpu->tid, (int)syscall(SYS_gettid));
	sigbus_enter_vcpu(vcpu);
	if (vcpu->vm->config->psci == PSCI_KERNEL)
		run_under_kernel_psci(vcpu);
	else
		run_under_own_psci(vcpu);
	sigbus_leave_vcpu();
	atomic_store(&vcpu->tid, 0);
	return NULL;
}
