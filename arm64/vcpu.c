/*
 * One vCPU: creating it, resetting it, its registers, kicking it out of the guest.
 *
 * Source: Linux Documentation/virt/kvm/api.rst (KVM_ARM_VCPU_INIT, KVM_SET_ONE_REG),
 * devices/vcpu.rst; Arm DEN0022F.b 6.4.3 for the state a PE starts with.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "arm64/kvm_compat.h"
#include "arm64/vm.h"
#include "arm64/walk.h"
#include "lib/bytes.h"
#include "lib/clock.h"
#include "lib/counter.h"

int vcpu_get_reg(struct vcpu *vcpu, uint64_t id, uint64_t *value)
{
	counter_add(&vcpu->stats.reg_reads, 1);
	return kvm_reg_get(vcpu->fd, id, value);
}

int vcpu_set_reg(struct vcpu *vcpu, uint64_t id, uint64_t value)
{
	counter_add(&vcpu->stats.reg_writes, 1);
	return kvm_reg_set(vcpu->fd, id, value);
}

static int read_descriptor(void *world, gpa_t at, uint64_t *descriptor)
{
	const struct vm *vm = world;
	uint8_t raw[sizeof(*descriptor)] = { 0 };
	int r = mem_read(&vm->mem, at, raw, sizeof(raw));

	*descriptor = le64_at(raw);
	return r;
}

int vcpu_walk(struct vcpu *vcpu, uint64_t va, gpa_t *at, struct err *err)
{
	struct walk_regs regs;
	const struct {
		uint64_t id, *value;
	} want[] = {
		{ kvm_reg_sys(3, 0, 1, 0, 0), &regs.sctlr },
		{ kvm_reg_sys(3, 0, 2, 0, 2), &regs.tcr },
		{ kvm_reg_sys(3, 0, 2, 0, 0), &regs.ttbr0 },
		{ kvm_reg_sys(3, 0, 2, 0, 1), &regs.ttbr1 },
		{ kvm_reg_sys(3, 0, 0, 7, 0), &regs.mmfr0 },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(want); i++) {
		int r = kvm_reg_get(vcpu->fd, want[i].id, want[i].value);

		if (r)
			return err_set(err, r, "cannot be translated: the registers of CPU %u: %s",
				       vcpu->index, strerror(-r));
	}
	return walk(&regs, va, read_descriptor, vcpu->vm, at, err);
}

int vcpu_set_mp_state(struct vcpu *vcpu, uint32_t state)
{
	struct kvm_mp_state mp = { .mp_state = state };

	return kvm_ioctl_ptr(vcpu->fd, KVM_SET_MP_STATE, &mp, sizeof(mp));
}

static int vcpu_init(struct vcpu *vcpu)
{
	struct kvm_vcpu_init init;
	int r = kvm_ioctl_ptr(vcpu->vm->vm_fd, KVM_ARM_PREFERRED_TARGET, &init, sizeof(init));

	if (r < 0)
		return r;
	init.features[0] = vcpu->vm->vcpu_features;
	/* With PSCI in KVM all but the boot CPU wait inside KVM; with ours they wait in
	 * fw_wait_on(). The bit is not part of what must stay the same between two INITs. */
	if (vcpu->vm->config->psci == PSCI_KERNEL && vcpu->index)
		init.features[0] |= 1u << KVM_ARM_VCPU_POWER_OFF;
	return kvm_ioctl_ptr(vcpu->fd, KVM_ARM_VCPU_INIT, &init, sizeof(init));
}

/* Vector lengths up to --sve-max-vl bits. Bit n of word w stands for (64 w + n + 1) * 128 bits. */
static int limit_sve(struct vcpu *vcpu, unsigned max_vl, struct err *err)
{
	uint64_t vls[KVM_ARM64_SVE_VLS_WORDS];
	struct kvm_one_reg reg = { .id = KVM_REG_ARM64_SVE_VLS, .addr = (uintptr_t)vls };
	int r = kvm_ioctl_ptr(vcpu->fd, KVM_GET_ONE_REG, &reg, sizeof(reg));

	if (r < 0)
		return err_set(err, r, "cannot read the SVE vector lengths: %s", strerror(-r));
	for (unsigned vq = max_vl / 128; vq < 64 * KVM_ARM64_SVE_VLS_WORDS; vq++)
		vls[vq / 64] &= ~(UINT64_C(1) << (vq % 64));
	r = kvm_ioctl_ptr(vcpu->fd, KVM_SET_ONE_REG, &reg, sizeof(reg));
	if (r < 0)
		return err_set(err, r, "--sve-max-vl %u: this CPU has no such vector length",
			       max_vl);
	return 0;
}

static int finalize_sve(struct vcpu *vcpu, struct err *err)
{
	unsigned max_vl = vcpu->vm->config->sve_max_vl;
	int what = KVM_ARM_VCPU_SVE, r;

	if (!(vcpu->vm->vcpu_features & 1u << KVM_ARM_VCPU_SVE))
		return 0;
	r = max_vl ? limit_sve(vcpu, max_vl, err) : 0;
	if (r)
		return r;
	r = kvm_ioctl_ptr(vcpu->fd, KVM_ARM_VCPU_FINALIZE, &what, sizeof(what));
	if (r < 0)
		return err_set(err, r, "KVM cannot finalize SVE: %s", strerror(-r));
	return 0;
}

/* KVM's in-kernel firmware shows its own PSCI version; present the one that was asked for. */
static int set_kernel_psci_version(struct vcpu *vcpu, struct err *err)
{
	const struct run_config *c = vcpu->vm->config;
	int r;

	if (c->psci != PSCI_KERNEL || !c->psci_version_given)
		return 0;
	r = kvm_reg_set(vcpu->fd, KVM_REG_ARM_PSCI_VERSION, c->psci_version);
	if (r < 0)
		return err_set(err, r, "--psci-version: this host's KVM cannot present it: %s",
			       strerror(-r));
	return 0;
}

/* The device tree and PSCI name CPUs by MPIDR; KVM must agree. */
static int check_mpidr(struct vcpu *vcpu, struct err *err)
{
	uint64_t expected = vcpu->vm->mpidr[vcpu->index], found;
	int r = kvm_reg_get(vcpu->fd, kvm_reg_sys(3, 0, 0, 0, 5), &found);

	if (r < 0)
		return err_set(err, r, "CPU %u: cannot read MPIDR_EL1: %s", vcpu->index,
			       strerror(-r));
	if ((found & MPIDR_AFFINITY) != expected)
		return err_set(err, -EPROTO,
			       "CPU %u: KVM gave it MPIDR %#llx, the board says %#llx", vcpu->index,
			       (unsigned long long)found, (unsigned long long)expected);
	return 0;
}

int vcpu_create(struct vm *vm, unsigned index, struct err *err)
{
	struct vcpu *c = &vm->vcpu[index];
	pthread_condattr_t attr;
	int r;

	*c = (struct vcpu){ .vm = vm, .index = index, .fd = -1, .stats_fd = -1 };
	if (vm->holds)
		c->req = VCPU_REQ_HOLD;
	c->unclaimed_log = (struct log_limit){ .interval_ns = NS_PER_SEC, .burst = 5 };
	c->smccc_log = (struct log_limit){ .interval_ns = NS_PER_SEC, .burst = 100 };
	c->ras_log = (struct log_limit){ .interval_ns = NS_PER_SEC, .burst = 5 };
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&c->wake, &attr);
	pthread_condattr_destroy(&attr);
	c->fd = kvm_ioctl_int(vm->vm_fd, KVM_CREATE_VCPU, index);
	if (c->fd < 0)
		return err_set(err, c->fd, "KVM cannot create CPU %u of %u: %s", index,
			       vm->board.config.ncpus, strerror(-c->fd));
	c->run = mmap(NULL, vm->caps.vcpu_map_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, c->fd, 0);
	if (c->run == MAP_FAILED) {
		r = -errno;
		c->run = NULL;
		vcpu_destroy(c);
		return err_set(err, r, "cannot map CPU %u: %s", index, strerror(-r));
	}
	r = vcpu_init(c);
	if (r < 0)
		err_set(err, r, "KVM_ARM_VCPU_INIT of CPU %u with features %#x: %s", index,
			vm->vcpu_features, strerror(-r));
	if (r == 0)
		r = finalize_sve(c, err);
	if (r == 0)
		r = set_kernel_psci_version(c, err);
	if (r == 0)
		r = check_mpidr(c, err);
	if (r < 0)
		vcpu_destroy(c);
	return r;
}

static int add_pmu(struct vcpu *vcpu, struct err *err)
{
	int intid = INTID_PMU;
	int r = kvm_attr_set(vcpu->fd, KVM_ARM_VCPU_PMU_V3_CTRL, KVM_ARM_VCPU_PMU_V3_IRQ, &intid);

	if (r == 0)
		r = kvm_attr_set(vcpu->fd, KVM_ARM_VCPU_PMU_V3_CTRL, KVM_ARM_VCPU_PMU_V3_INIT,
				 NULL);
	if (r < 0)
		return err_set(err, r,
			       "KVM cannot set up the PMU of CPU %u: %s; --no-pmu does without",
			       vcpu->index, strerror(-r));
	return 0;
}

static int add_pvtime(struct vcpu *vcpu, struct err *err)
{
	uint64_t at = vcpu->vm->board.block[BOARD_PVTIME].base + 64ull * vcpu->index;
	int r = kvm_attr_set(vcpu->fd, KVM_ARM_VCPU_PVTIME_CTRL, KVM_ARM_VCPU_PVTIME_IPA, &at);

	if (r < 0)
		return err_set(
			err, r,
			"KVM cannot set up stolen time of CPU %u: %s; --no-pvtime does without",
			vcpu->index, strerror(-r));
	return 0;
}

static int single_step(struct vcpu *vcpu, struct err *err)
{
	struct kvm_guest_debug debug = { .control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP };
	int r = kvm_ioctl_ptr(vcpu->fd, KVM_SET_GUEST_DEBUG, &debug, sizeof(debug));

	if (r < 0)
		return err_set(err, r, "--debug-single-step: this host's KVM cannot: %s",
			       strerror(-r));
	return 0;
}

/* Now, as the vCPU's own descriptor answers nobody while it is in KVM_RUN. Without it there are no such counters. */
static void open_stats(struct vcpu *vcpu)
{
	const struct run_config *c = vcpu->vm->config;

	if ((c->stats || c->name) && vcpu->vm->caps.binary_stats)
		vcpu->stats_fd = kvm_ioctl_int(vcpu->fd, KVM_GET_STATS_FD, 0);
}

int vcpu_finish(struct vcpu *vcpu, struct err *err)
{
	const struct board_config *board = &vcpu->vm->board.config;
	int r = board->pmu ? add_pmu(vcpu, err) : 0;

	if (r == 0 && board->pvtime)
		r = add_pvtime(vcpu, err);
	if (r == 0 && vcpu->vm->config->single_step)
		r = single_step(vcpu, err);
	open_stats(vcpu);
	return r;
}

/* ID register fields, Arm DDI0487 D19.2.66 (ID_AA64PFR1_EL1), D19.2.63 (ID_AA64MMFR1_EL1). */
static const struct {
	unsigned crm, op2; /* of the register, with op0 3, op1 0, CRn 0 */
	unsigned shift, at_least;
	uint32_t feature;
} pe_features[] = {
	/* clang-format off */
	{ 7, 1, 20, 1, LIB_PE_PAN  },
	{ 4, 1,  4, 1, LIB_PE_SSBS },
	{ 4, 1,  8, 2, LIB_PE_MTE2 },
	{ 4, 1, 36, 1, LIB_PE_NMI  },
	/* clang-format on */
};

int vcpu_probe(struct vm *vm, struct err *err)
{
	uint64_t value;

	vm->pe_features = 0;
	for (unsigned i = 0; i < ARRAY_SIZE(pe_features); i++) {
		uint64_t id = kvm_reg_sys(3, 0, 0, pe_features[i].crm, pe_features[i].op2);
		int r = kvm_reg_get(vm->vcpu[0].fd, id, &value);

		if (r)
			return err_set(err, r, "cannot read the CPU's feature registers: %s",
				       strerror(-r));
		if ((value >> pe_features[i].shift & 15) >= pe_features[i].at_least)
			vm->pe_features |= pe_features[i].feature;
	}
	vm->has_sctlr2 = kvm_reg_get(vm->vcpu[0].fd, kvm_reg_sys(3, 0, 1, 0, 3), &value) == 0;
	return 0;
}

void vcpu_destroy(struct vcpu *vcpu)
{
	if (vcpu->run)
		munmap(vcpu->run, vcpu->vm->caps.vcpu_map_bytes);
	vcpu->run = NULL;
	if (vcpu->stats_fd >= 0)
		close(vcpu->stats_fd);
	if (vcpu->fd >= 0)
		close(vcpu->fd);
	vcpu->fd = vcpu->stats_fd = -1;
	pthread_cond_destroy(&vcpu->wake);
}

/* KVM_ARM_VCPU_INIT stops the timers; through a power-down suspend they keep counting, since the
 * device tree calls them always-on. */
static const struct {
	uint64_t ctl, cval;
} timer_regs[] = {
	{ KVM_REG_ARM_TIMER_CTL, KVM_REG_ARM_TIMER_CVAL },
	{ KVM_REG_ARM_PTIMER_CTL, KVM_REG_ARM_PTIMER_CVAL },
};

struct timers {
	uint64_t ctl[ARRAY_SIZE(timer_regs)], cval[ARRAY_SIZE(timer_regs)];
};

static int timers_save(struct vcpu *vcpu, struct timers *t)
{
	int r = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(timer_regs) && !r; i++) {
		r = vcpu_get_reg(vcpu, timer_regs[i].ctl, &t->ctl[i]);
		if (!r)
			r = vcpu_get_reg(vcpu, timer_regs[i].cval, &t->cval[i]);
	}
	return r;
}

static int timers_restore(struct vcpu *vcpu, const struct timers *t)
{
	int r = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(timer_regs) && !r; i++) {
		r = vcpu_set_reg(vcpu, timer_regs[i].cval, t->cval[i]);
		if (!r)
			r = vcpu_set_reg(vcpu, timer_regs[i].ctl, t->ctl[i]);
	}
	return r;
}

static int set_entry(struct vcpu *vcpu, const struct psci_entry *entry)
{
	uint64_t sctlr_id = kvm_reg_sys(3, 0, 1, 0, 0), sctlr;
	int r;

	if (entry->big_endian) {
		r = vcpu_get_reg(vcpu, sctlr_id, &sctlr);
		if (r == 0)
			r = vcpu_set_reg(vcpu, sctlr_id, sctlr | SCTLR_EE);
		if (r)
			return r;
	}
	regs_put(vcpu, REG_PC, entry->pc);
	regs_put(vcpu, REG_X0, entry->ctx);
	return 0;
}

/* A reset drops a pending SError, but KVM_ARM_VCPU_INIT does not and KVM has no call that does (up to
 * 6.12): only another VM, as made at the machine's reset, is without. The PE starts with SErrors masked,
 * and takes it when it unmasks them. */
static void look_for_serror(struct vcpu *vcpu)
{
	struct kvm_vcpu_events events = { 0 };

	if (kvm_ioctl_ptr(vcpu->fd, KVM_GET_VCPU_EVENTS, &events, sizeof(events)) == 0 &&
	    events.exception.serror_pending && log_allow(&vcpu->ras_log, clock_now_ns()))
		log_warn(
			"CPU %u starts with an SError that was pending when it was turned off: KVM "
			"keeps it",
			vcpu->index);
}

int vcpu_reset(struct vcpu *vcpu, const struct psci_entry *entry, bool keep_timers)
{
	struct timers timers;
	int r = 0;

	regs_forget(vcpu);
	if (vcpu->has_run)
		look_for_serror(vcpu);
	if (keep_timers)
		r = timers_save(vcpu, &timers);
	/* A vCPU that never ran is as INIT left it when it was created. */
	if (r == 0 && vcpu->has_run)
		r = vcpu_init(vcpu);
	if (r == 0 && keep_timers)
		r = timers_restore(vcpu, &timers);
	return r ? r : set_entry(vcpu, entry);
}

/* A load that is being emulated, an abort to be injected: KVM carries them out at the next KVM_RUN,
 * which with immediate_exit does only that (api.rst, KVM_EXIT_MMIO). */
int vcpu_finish_exit(struct vcpu *vcpu)
{
	if (!vcpu->exit_pending)
		return 0;
	vcpu->exit_pending = false;
	__atomic_store_n(&vcpu->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	counter_add(&vcpu->stats.runs, 1);
	__atomic_store_n(&vcpu->recent[vcpu->stats.runs % VCPU_RECENT], VCPU_RECENT_KICK,
			 __ATOMIC_RELAXED);
	if (ioctl(vcpu->fd, KVM_RUN, 0) < 0 && errno == EINTR)
		return 0;
	return -EIO;
}

void vcpu_kick(struct vcpu *vcpu, uint32_t req)
{
	atomic_fetch_or(&vcpu->req, req);
	/* The owner sets in_guest before it looks at `req`: either it sees the request, or we see
	 * in_guest. It clears immediate_exit before both, so that KVM sees this one. The signal is
	 * for an owner that is in KVM_RUN already. */
	if (!atomic_load(&vcpu->in_guest))
		return;
	atomic_fetch_add(&vcpu->kicks, 1);
	__atomic_store_n(&vcpu->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	syscall(SYS_tgkill, vcpu->vm->pid, atomic_load(&vcpu->tid), SIGUSR1);
}

void vcpu_request(struct vcpu *vcpu, uint32_t req)
{
	struct fw_locked fw;

	vcpu_kick(vcpu, req);
	/* Waiting for power-on, say: the waiter looks at `req` under vm.fw, so it cannot miss this. */
	fw = fw_lock(&vcpu->vm->fw);
	pthread_cond_broadcast(&vcpu->wake);
	fw_unlock(fw);
}

static void dump_reg(struct vcpu *vcpu, const char *name, uint64_t id)
{
	uint64_t v;

	if (kvm_reg_get(vcpu->fd, id, &v) == 0)
		log_error("  %-9s %016llx", name, (unsigned long long)v);
	else
		log_error("  %-9s (unreadable)", name);
}

void vcpu_dump(struct vcpu *vcpu, const char *reason)
{
	char name[8];

	log_error("CPU %u: %s; last exit reason %u", vcpu->index, reason, vcpu->run->exit_reason);
	dump_reg(vcpu, "pc", KVM_REG_ID_PC);
	dump_reg(vcpu, "pstate", KVM_REG_ID_PSTATE);
	for (unsigned i = 0; i < 31; i++) {
		snprintf(name, sizeof(name), "x%u", i);
		dump_reg(vcpu, name, kvm_reg_x(i));
	}
	dump_reg(vcpu, "sp_el0", KVM_REG_ID_SP_EL0);
	dump_reg(vcpu, "sp_el1", KVM_REG_ID_SP_EL1);
	dump_reg(vcpu, "elr_el1", KVM_REG_ID_ELR_EL1);
	dump_reg(vcpu, "spsr_el1", KVM_REG_ID_SPSR_EL1);
	dump_reg(vcpu, "sctlr_el1", kvm_reg_sys(3, 0, 1, 0, 0));
	dump_reg(vcpu, "esr_el1", kvm_reg_sys(3, 0, 5, 2, 0));
	dump_reg(vcpu, "far_el1", kvm_reg_sys(3, 0, 6, 0, 0));
	dump_reg(vcpu, "vbar_el1", kvm_reg_sys(3, 0, 12, 0, 0));
}
