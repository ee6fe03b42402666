/*
 * What a vCPU takes of hardware errors, on its own thread, between two KVM_RUNs: a synchronous external
 * abort by register writes, an SError by KVM.
 *
 * The abort is written by ourselves for all kinds of access: KVM can inject one for data only, and only
 * after an exit for MMIO. Before PC is written, whatever exit KVM is in is finished: else it would add 4
 * to the new PC. The SError comes last: newer kernels take it at once and change PC (Linux 6.17).
 *
 * State: vcpu.errors under the firmware lock; the rest is the owner's.
 * Source: Linux Documentation/virt/kvm/api.rst (KVM_SET_VCPU_EVENTS, KVM_EXIT_ARM_SEA).
 * Left out: cancelling an SError, for which KVM has no call; the machine's reset makes a new VM.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "arm64/kvm_compat.h"
#include "arm64/vm.h"
#include "lib/clock.h"

#define PSTATE_AARCH32 (UINT64_C(1) << 4)
#define PSTATE_EL      UINT64_C(0xc) /* AArch64 */

/* ISS of an abort, Arm DDI 0487, ESR_EL1. */
#define ESR_EC(esr)  ((unsigned)((esr) >> 26 & 0x3f))
#define ISS_FNV      (UINT64_C(1) << 10)
#define ISS_WNR      (UINT64_C(1) << 6)
#define ISS_SET(iss) ((unsigned)((iss) >> 11 & 3))

/* ras/ counts what it notes itself. */
static void tell(struct fw_locked fw, struct vm *vm, const struct ras_note *note)
{
	(void)fw;
	vm->ras.counts[note->kind]++;
	vm->ras.config.ops->note(vm, note);
}

/* ---- aborts ---- */

/* Have all registers at hand that taking an exception reads, and PC free to be written. */
static int prepare(struct vcpu *vcpu, uint64_t *sctlr2)
{
	int r = vcpu_finish_exit(vcpu);

	*sctlr2 = 0;
	if (r == 0)
		r = regs_load(vcpu, REG_BIT(REG_PC) | REG_BIT(REG_PSTATE) | REG_BIT(REG_VBAR) |
					    REG_BIT(REG_SCTLR));
	if (r == 0 && vcpu->vm->has_sctlr2)
		r = vcpu_get_reg(vcpu, kvm_reg_sys(3, 0, 1, 0, 3), sctlr2);
	return r;
}

static struct sea_entry take_abort(struct vcpu *vcpu, const struct sea *sea, uint64_t sctlr2)
{
	const struct sea_pe pe = {
		.pc = regs_get(vcpu, REG_PC),
		.pstate = regs_get(vcpu, REG_PSTATE),
		.vbar = regs_get(vcpu, REG_VBAR),
		.sctlr = regs_get(vcpu, REG_SCTLR),
		.sctlr2 = sctlr2,
		.features = vcpu->vm->pe_features,
	};
	struct sea_entry e = sea_enter(sea, &pe);

	regs_put(vcpu, REG_PC, e.pc);
	regs_put(vcpu, REG_PSTATE, e.pstate);
	regs_put(vcpu, REG_ELR, e.elr);
	regs_put(vcpu, REG_SPSR, e.spsr);
	regs_put(vcpu, REG_ESR, e.esr);
	regs_put(vcpu, REG_FAR, e.far);
	return e;
}

static struct ras_caps caps_of(const struct vcpu *vcpu)
{
	uint64_t pstate = regs_get(vcpu, REG_PSTATE);
	bool aarch32 = pstate & PSTATE_AARCH32;

	return (struct ras_caps){
		.aarch32 = aarch32,
		.el0 = aarch32 || !(pstate & PSTATE_EL),
		.vectors = regs_get(vcpu, REG_VBAR) != 0,
	};
}

/* The PE used a page: what it does then is up to ras/. `how` is what is known of the access. */
static enum vcpu_next consume(struct vcpu *vcpu, const struct ras_error *error,
			      const struct sea *how)
{
	struct vm *vm = vcpu->vm;
	struct ras_verdict v;
	struct sea_entry e;
	struct fw_locked fw;
	uint64_t sctlr2;

	if (prepare(vcpu, &sctlr2))
		return vcpu_fail(vcpu, "cannot read the context that met a memory error");
	fw = fw_lock(&vm->fw);
	v = ras_consume(fw, &vm->ras, error, vcpu->index, regs_get(vcpu, REG_PC), caps_of(vcpu));
	if (v.what == RAS_DO_SEA) {
		v.sea.ifetch = how->ifetch;
		v.sea.write = how->write;
		v.sea.far_valid = how->far_valid;
		v.sea.far = how->far;
		e = take_abort(vcpu, &v.sea, sctlr2);
		ras_taken(fw, &vm->ras, &v, vcpu->index, error->base, error->bytes, e.elr, e.esr);
	}
	fw_unlock(fw);
	/* It would meet the page again before the main thread has stopped it. */
	return v.what == RAS_DO_STOP ? VCPU_STOP : VCPU_CONTINUE;
}

/* The run ends for an error that no page of RAM goes with. */
static enum vcpu_next end_run(struct vcpu *vcpu, uint32_t id, const char *why)
{
	struct vm *vm = vcpu->vm;
	const struct ras_note note = { .kind = RAS_NOTE_STOPPED,
				       .id = id,
				       .pe = vcpu->index,
				       .source = GHES_NR,
				       .text = why };
	struct fw_locked fw = fw_lock(&vm->fw);

	tell(fw, vm, &note);
	fw_unlock(fw);
	fw_ras_stop(vm, why);
	return VCPU_STOP;
}

/* An abort that concerns no page of RAM. */
static enum vcpu_next abort_without_page(struct vcpu *vcpu, const struct sea *sea, uint32_t id)
{
	struct vm *vm = vcpu->vm;
	struct ras_note note = { .kind = RAS_NOTE_TAKEN,
				 .id = id,
				 .class = RAS_AR,
				 .way = RAS_WAY_SEA,
				 .pe = vcpu->index,
				 .source = GHES_NR };
	struct sea_entry e;
	struct fw_locked fw;
	uint64_t sctlr2;

	if (prepare(vcpu, &sctlr2))
		return vcpu_fail(vcpu, "cannot read the context that takes an external abort");
	if (!regs_get(vcpu, REG_VBAR))
		return end_run(vcpu, id,
			       "a CPU met an external abort before the guest had exception vectors "
			       "(VBAR_EL1 is 0), so it cannot be told");
	e = take_abort(vcpu, sea, sctlr2);
	note.pc = e.elr;
	note.esr = e.esr;
	fw = fw_lock(&vm->fw);
	tell(fw, vm, &note);
	fw_unlock(fw);
	return VCPU_CONTINUE;
}

/* ---- was it a fetch? ---- */

/* KVM does not say how the page was used. If the instruction itself lies in it, it was the fetch: an
 * instruction that cannot be fetched uses nothing. */
static bool was_fetch(struct vcpu *vcpu, const struct ras_error *error)
{
	struct err err;
	gpa_t at;

	if (regs_load(vcpu, REG_BIT(REG_PC)) || vcpu_walk(vcpu, regs_get(vcpu, REG_PC), &at, &err))
		return false;
	return at.v >= error->base.v && at.v - error->base.v < error->bytes;
}

/* What is known of an access: its address only if it was a fetch, since KVM tells no other. */
static struct sea access_by(struct vcpu *vcpu, bool ifetch)
{
	struct sea sea = { .ifetch = ifetch };

	if (ifetch && regs_load(vcpu, REG_BIT(REG_PC)) == 0) {
		sea.far_valid = true;
		sea.far = regs_get(vcpu, REG_PC);
	}
	return sea;
}

/* ---- SError ---- */

/* The first PE that is on, or RAS_NO_PE. With --psci kernel that is not known here; the boot CPU is. */
static unsigned any_pe(const struct vm *vm)
{
	for (unsigned i = 0; i < vm->nvcpus; i++)
		if (vm->config->psci == PSCI_KERNEL || vm->pe[i].power == PSCI_PE_ON)
			return i;
	return RAS_NO_PE;
}

static bool same_serror(struct ras_serror a, struct ras_serror b)
{
	return a.pending == b.pending && a.has_esr == b.has_esr && (!a.has_esr || a.iss == b.iss);
}

/* The PE takes one SError for two: this is the other one. */
static void tell_merged(struct fw_locked fw, struct vcpu *vcpu, uint32_t id)
{
	const struct ras_note note = { .kind = RAS_NOTE_KNOWN,
				       .id = id,
				       .way = RAS_WAY_SERROR,
				       .pe = vcpu->index,
				       .source = GHES_NR,
				       .text = "merged: another SError is pending" };

	tell(fw, vcpu->vm, &note);
}

/* What is asked of the PE so far, and one more. */
static void add_serror(struct fw_locked fw, struct vcpu *vcpu, struct ras_serror serror,
		       uint32_t id)
{
	struct vcpu_errors *e = &vcpu->errors;
	struct ras_serror old = e->serror;
	uint32_t old_id = e->serror_id;

	e->serror = ras_serror_merge(old, serror);
	if (old.pending && same_serror(e->serror, old)) {
		tell_merged(fw, vcpu, id);
		return;
	}
	e->serror_id = id;
	if (old.pending)
		tell_merged(fw, vcpu, old_id);
}

void fw_ras_serror(struct fw_locked fw, struct vm *vm, unsigned pe, struct ras_serror serror,
		   uint32_t id)
{
	struct vcpu *vcpu;

	if (pe == RAS_NO_PE)
		pe = any_pe(vm);
	if (pe >= vm->nvcpus)
		return; /* between two lives of the guest */
	vcpu = &vm->vcpu[pe];
	serror.pending = true;
	add_serror(fw, vcpu, serror, id);
	/* A PE that is off goes on waiting, and looks when it is on. */
	vcpu_kick(vcpu, VCPU_REQ_RAS);
}

static struct ras_serror pending_serror(const struct kvm_vcpu_events *events)
{
	return (struct ras_serror){
		.pending = events->exception.serror_pending,
		.has_esr = events->exception.serror_has_esr,
		.iss = events->exception.serror_esr,
	};
}

/* A second one would silently replace the syndrome of the first, so both are merged: *kept says that KVM's
 * stays as it is. */
static int give_serror(struct vcpu *vcpu, struct ras_serror serror, bool *kept)
{
	struct kvm_vcpu_events events = { 0 };
	int r = kvm_ioctl_ptr(vcpu->fd, KVM_GET_VCPU_EVENTS, &events, sizeof(events));
	struct ras_serror old = pending_serror(&events);

	if (r < 0)
		return r;
	*kept = old.pending && same_serror(ras_serror_merge(old, serror), old);
	if (*kept)
		return 0;
	memset(&events, 0, sizeof(events));
	events.exception.serror_pending = 1;
	events.exception.serror_has_esr = serror.has_esr;
	events.exception.serror_esr = serror.has_esr ? serror.iss : 0;
	return kvm_ioctl_ptr(vcpu->fd, KVM_SET_VCPU_EVENTS, &events, sizeof(events));
}

/* One that KVM had before was noted when KVM was given it. */
static void note_serror(struct vcpu *vcpu, struct ras_serror serror, uint32_t id, uint64_t pc,
			bool kept)
{
	struct vm *vm = vcpu->vm;
	const struct ras_note note = {
		.kind = RAS_NOTE_TAKEN,
		.id = id,
		.way = RAS_WAY_SERROR,
		.pe = vcpu->index,
		.source = GHES_NR,
		.pc = pc,
		.esr = serror.has_esr ? (uint64_t)ESR_EC_SERROR << 26 | ESR_IL | serror.iss : 0,
		.text = serror.has_esr ? NULL : "without a syndrome",
	};
	struct fw_locked fw = fw_lock(&vm->fw);

	if (kept)
		tell_merged(fw, vcpu, id);
	else
		tell(fw, vm, &note);
	fw_unlock(fw);
}

static enum vcpu_next take_serror(struct vcpu *vcpu, struct ras_serror serror, uint32_t id)
{
	bool kept;
	uint64_t pc;

	if (serror.has_esr && !vcpu->vm->caps.ras) {
		if (log_allow(&vcpu->ras_log, clock_now_ns()))
			log_warn("CPU %u: no SError with the syndrome 0x%" PRIx64
				 ": this host's CPUs have no RAS extension; ask for one without",
				 vcpu->index, serror.iss);
		return VCPU_CONTINUE;
	}
	if (vcpu_finish_exit(vcpu) || regs_load(vcpu, REG_BIT(REG_PC)))
		return vcpu_fail(vcpu, "cannot read the context that takes an SError");
	pc = regs_get(vcpu, REG_PC);
	if (regs_flush(vcpu))
		return vcpu_fail(vcpu, "cannot write the registers before an SError");
	if (give_serror(vcpu, serror, &kept))
		return vcpu_fail(vcpu, "KVM cannot inject an SError");
	note_serror(vcpu, serror, id, pc, kept);
	return VCPU_CONTINUE;
}

/* ---- requests ---- */

static bool wants_abort(const struct vcpu_errors *e)
{
	return e->consume || e->sea;
}

/* The error was not entered anywhere: this is all there will be of it. */
static void tell_dropped(struct fw_locked fw, struct vcpu *vcpu, uint32_t id, gpa_t at,
			 const char *why)
{
	const struct ras_note note = { .kind = RAS_NOTE_DECIDED,
				       .id = id,
				       .class = RAS_AR,
				       .way = RAS_WAY_NONE,
				       .pe = vcpu->index,
				       .gpa = at.v,
				       .source = GHES_NR,
				       .text = why };

	tell(fw, vcpu->vm, &note);
	if (log_allow(&vcpu->ras_log, clock_now_ns()))
		log_warn("CPU %u: an injected abort was %s", vcpu->index, why);
}

void fw_ras_drop(struct fw_locked fw, struct vcpu *vcpu, const char *why)
{
	struct vcpu_errors *e = &vcpu->errors;

	if (e->consume)
		tell_dropped(fw, vcpu, e->error.id, e->error.at, why);
	if (e->sea)
		tell_dropped(fw, vcpu, e->sea_id, gpa(0), why);
	e->consume = false;
	e->sea = false;
}

static bool has_requests(struct vcpu *vcpu)
{
	struct fw_locked fw = fw_lock(&vcpu->vm->fw);
	bool any = wants_abort(&vcpu->errors) || vcpu->errors.serror.pending;

	fw_unlock(fw);
	return any;
}

/* Without the aborts if there is a reason why not. */
static struct vcpu_errors take_requests(struct vcpu *vcpu, const char *why_not)
{
	struct fw_locked fw = fw_lock(&vcpu->vm->fw);
	struct vcpu_errors errors;

	if (why_not)
		fw_ras_drop(fw, vcpu, why_not);
	errors = vcpu->errors;
	memset(&vcpu->errors, 0, sizeof(vcpu->errors));
	fw_unlock(fw);
	return errors;
}

/* A PE that is off waits in fw_wait_on(), but with --psci kernel in KVM_RUN, from where a kick gets it. */
static int is_off_in_kvm(struct vcpu *vcpu, bool *off)
{
	struct kvm_mp_state mp = { 0 };
	int r = 0;

	if (vcpu->vm->config->psci == PSCI_KERNEL)
		r = kvm_ioctl_ptr(vcpu->fd, KVM_GET_MP_STATE, &mp, sizeof(mp));
	*off = r == 0 && mp.mp_state == KVM_MP_STATE_STOPPED;
	return r < 0 ? r : 0;
}

/* *why_not: the reason why the PE can take no abort, or NULL. 0 or -errno. */
static int look_for_obstacle(struct vcpu *vcpu, const char **why_not)
{
	bool off;
	int r = is_off_in_kvm(vcpu, &off);

	*why_not = NULL;
	if (r == 0)
		r = regs_load(vcpu, REG_BIT(REG_VBAR));
	if (r)
		return r;
	if (off)
		*why_not = "dropped: the CPU is off";
	else if (!regs_get(vcpu, REG_VBAR))
		*why_not = "dropped: the CPU has no exception vectors";
	return 0;
}

static enum vcpu_next take(struct vcpu *vcpu, const struct vcpu_errors *e)
{
	enum vcpu_next next = VCPU_CONTINUE;
	struct sea how = { 0 };

	if (wants_abort(e))
		how = access_by(vcpu, e->ifetch);
	if (e->consume)
		next = consume(vcpu, &e->error, &how);
	if (e->sea && next == VCPU_CONTINUE)
		next = abort_without_page(vcpu, &how, e->sea_id);
	if (e->serror.pending && next == VCPU_CONTINUE)
		next = take_serror(vcpu, e->serror, e->serror_id);
	return next;
}

/* ---- ways in ---- */

enum vcpu_next fw_ras(struct vcpu *vcpu)
{
	enum vcpu_next next = VCPU_CONTINUE;
	struct vcpu_errors errors;
	const char *why_not;

	if (!has_requests(vcpu))
		return VCPU_CONTINUE;
	/* It ends the suspend; a power-down one goes on at its entry point, without the aborts. */
	if (vcpu->suspended)
		next = fw_wakeup(vcpu);
	if (next != VCPU_CONTINUE)
		return next;
	if (vcpu_finish_exit(vcpu))
		return vcpu_fail(vcpu, "KVM did not finish an exit before a memory error");
	if (look_for_obstacle(vcpu, &why_not))
		return vcpu_fail(vcpu, "cannot see whether the CPU can take an abort");
	errors = take_requests(vcpu, why_not);
	return take(vcpu, &errors);
}

/* The access that the PE is about to make again. */
static enum vcpu_next consume_signal(struct vcpu *vcpu, const struct sigbus_signal *s)
{
	struct vm *vm = vcpu->vm;
	struct ras_error error;
	struct sea how;
	gpa_t at;

	if (!vm_gpa_of(vm, s->addr, &at)) {
		(void)fw_ras_renew_pvtime(vm, s->addr);
		return VCPU_CONTINUE;
	}
	error = fw_ras_error(vm, RAS_AR, at, s->lsb, s->seen_ns);
	if (vcpu_finish_exit(vcpu))
		return vcpu_fail(vcpu, "KVM did not finish an exit before a memory error");
	how = access_by(vcpu, was_fetch(vcpu, &error));
	return consume(vcpu, &error, &how);
}

/* A page that was used before another was: the guest gets there again, or not. */
static void report_signal(struct vm *vm, const struct sigbus_signal *s)
{
	struct ras_error error;
	gpa_t at;

	if (!vm_gpa_of(vm, s->addr, &at)) {
		(void)fw_ras_renew_pvtime(vm, s->addr);
		return;
	}
	error = fw_ras_error(vm, RAS_AO, at, s->lsb, s->seen_ns);
	fw_ras_report(vm, &error);
}

enum vcpu_next fw_ras_consumed(struct vcpu *vcpu)
{
	struct sigbus_signal signal[SIGBUS_STASH];
	unsigned n = sigbus_take(&vcpu->bus_errors, signal);

	if (!n)
		return VCPU_CONTINUE;
	for (unsigned i = 0; i + 1 < n; i++)
		report_signal(vcpu->vm, &signal[i]);
	return consume_signal(vcpu, &signal[n - 1]);
}

/* The kernel tells of the access, but what it tells may be about no page of RAM. */
enum vcpu_next fw_ras_exit_sea(struct vcpu *vcpu)
{
	const struct kvm_exit_arm_sea exit = kvm_exit_arm_sea(vcpu->run);
	struct vm *vm = vcpu->vm;
	unsigned ec = ESR_EC(exit.esr);
	const struct sea how = {
		.ifetch = ec == ESR_EC_IABT_LOW || ec == ESR_EC_IABT_SAME,
		.write = exit.esr & ISS_WNR,
		.far_valid = !(exit.esr & ISS_FNV),
		.far = exit.gva,
		.set = ISS_SET(exit.esr),
	};

	if (exit.flags & KVM_EXIT_ARM_SEA_FLAG_GPA_VALID &&
	    mem_contains(&vm->mem, gpa(exit.gpa), 1)) {
		struct ras_error error = fw_ras_error(vm, RAS_AR, gpa(exit.gpa), 0, clock_now_ns());

		return consume(vcpu, &error, &how);
	}
	if (log_allow(&vcpu->ras_log, clock_now_ns()))
		log_warn("CPU %u: the host's CPU met an external abort outside the guest's RAM",
			 vcpu->index);
	return abort_without_page(vcpu, &how, RAS_NO_ID);
}
