/*
 * SDEI's shell: the pure state machine of sdei/ meets real vCPU registers, interrupt lines, and
 * threads.
 *
 * An event is entered on the vCPU's own thread, between two KVM_RUNs: first whatever exit is under
 * way is finished, so that the interrupted context is one the guest could have observed; then the
 * registers are read into the cache of regs.h, without the firmware lock; then sdei_evaluate()
 * decides under the lock, touching memory only. Should the event have gone elsewhere meanwhile,
 * nothing has happened.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "arm64/gic.h"
#include "arm64/kvm_compat.h"
#include "arm64/vm.h"
#include "lib/clock.h"

/* ---- what sdei/ needs of the world ---- */

static void get_ctx(void *world, unsigned pe, struct sdei_ctx *ctx)
{
	const struct vcpu *vcpu = &((struct vm *)world)->vcpu[pe];

	for (unsigned i = 0; i < ARRAY_SIZE(ctx->x); i++)
		ctx->x[i] = regs_get(vcpu, REG_X0 + i);
	ctx->pc = regs_get(vcpu, REG_PC);
	ctx->pstate = regs_get(vcpu, REG_PSTATE);
}

static void get_sysregs(void *world, unsigned pe, struct sdei_sysregs *sys)
{
	const struct vm *vm = world;
	const struct vcpu *vcpu = &vm->vcpu[pe];

	sys->sctlr = regs_get(vcpu, REG_SCTLR);
	sys->vbar = regs_get(vcpu, REG_VBAR);
	sys->have_vbar = vcpu->regs.valid & REG_BIT(REG_VBAR);
	sys->features = vm->pe_features;
}

static void set_ctx(void *world, unsigned pe, const struct sdei_ctx *ctx)
{
	struct vcpu *vcpu = &((struct vm *)world)->vcpu[pe];

	for (unsigned i = 0; i < ARRAY_SIZE(ctx->x); i++)
		regs_put(vcpu, REG_X0 + i, ctx->x[i]);
	regs_put(vcpu, REG_PC, ctx->pc);
	regs_put(vcpu, REG_PSTATE, ctx->pstate);
}

static void set_exception(void *world, unsigned pe, uint64_t elr, uint64_t spsr)
{
	struct vcpu *vcpu = &((struct vm *)world)->vcpu[pe];

	regs_put(vcpu, REG_ELR, elr);
	regs_put(vcpu, REG_SPSR, spsr);
}

static void kick(void *world, unsigned pe)
{
	struct vm *vm = world;

	/* There are no vCPUs after a reset that failed, and the operator's triggers still come. */
	if (pe < vm->nvcpus)
		vcpu_kick(&vm->vcpu[pe], VCPU_REQ_SDEI);
}

/* The watchdog poses as the secure timer's interrupt, which is what clients bind. */
static bool is_watchdog_irq(const struct vm *vm, uint32_t intid)
{
	return intid == INTID_TIMER_SECURE && vm->config->sdei_watchdog_ns;
}

static int64_t irq_bind(void *world, uint32_t intid, unsigned pe, struct sdei_irq *irq)
{
	struct vm *vm = world;

	if (is_watchdog_irq(vm, intid)) {
		*irq = (struct sdei_irq){ .shared = false, .level = false };
		return SDEI_SUCCESS;
	}
	if (!lines_owned(vm, intid))
		return SDEI_INVALID_PARAMETERS;
	if (!vm->vcpu[pe].bind_inactive || !lines_bind(vm, intid))
		return SDEI_DENIED;
	*irq = (struct sdei_irq){ .shared = intid >= INTID_SPI_BASE, .level = true };
	return SDEI_SUCCESS;
}

static void irq_release(void *world, uint32_t intid)
{
	struct vm *vm = world;

	if (!is_watchdog_irq(vm, intid))
		lines_release(vm, intid);
}

static bool irq_level(void *world, uint32_t intid, unsigned pe)
{
	return lines_level(world, intid, pe);
}

/* Where each kind of note counts; --stats. */
static uint64_t *counter(struct sdei_counts *c, enum sdei_note_kind kind)
{
	switch (kind) {
	case SDEI_NOTE_TRIGGERED:
		return &c->triggered;
	case SDEI_NOTE_DROPPED:
		return &c->dropped;
	case SDEI_NOTE_ENTERED:
		return &c->entered;
	case SDEI_NOTE_COMPLETED:
		return &c->completed;
	case SDEI_NOTE_RESUMED:
		return &c->resumed;
	default:
		return NULL;
	}
}

static void count(struct vm *vm, const struct sdei_note *n)
{
	uint64_t *c;
	unsigned i = 0;

	while (i < vm->sdei.nevents && vm->sdei.event[i].def.num != n->event)
		i++;
	c = i < vm->sdei.nevents ? counter(&vm->sdei_counts[i], n->kind) : NULL;
	if (c)
		++*c;
}

static void note(void *world, const struct sdei_note *n)
{
	struct vm *vm = world;
	uint64_t now_ns, *entered_ns, duration_ns = 0;

	count(vm, n);
	if (!trace_on(&vm->trace))
		return;
	now_ns = clock_now_ns();
	if (n->depth) {
		entered_ns = &vm->vcpu[n->pe].entered_ns[n->depth - 1];
		if (n->kind == SDEI_NOTE_ENTERED)
			*entered_ns = now_ns;
		duration_ns = now_ns - *entered_ns;
	}
	trace_sdei(&vm->trace, now_ns - vm->started_ns, n, duration_ns);
}

static const struct sdei_ops sdei_ops = {
	.get_ctx = get_ctx,
	.get_sysregs = get_sysregs,
	.set_ctx = set_ctx,
	.set_exception = set_exception,
	.kick = kick,
	.irq_bind = irq_bind,
	.irq_release = irq_release,
	.irq_level = irq_level,
	.note = note,
};

int fw_sdei_init(struct vm *vm, struct err *err)
{
	const struct run_config *c = vm->config;
	struct sdei_event_def events[SDEI_MAX_EVENTS];
	struct sdei_config config = {
		.npe = vm->board.config.ncpus,
		.mpidr = vm->mpidr,
		.events = events,
		.private_slots = SDEI_PRIVATE_SLOTS,
		.shared_slots = SDEI_SHARED_SLOTS,
		.slot_base = SDEI_SLOT_BASE,
		.ops = &sdei_ops,
		.world = vm,
	};

	config.nevents =
		sdei_list_events(c->sdei_event, c->nsdei_events, c->sdei_watchdog_ns > 0, events);
	return sdei_init(&vm->sdei, &config, err);
}

/* ---- entering events ---- */

static unsigned wants(struct vcpu *vcpu)
{
	struct fw_locked fw = fw_lock(&vcpu->vm->fw);
	unsigned want = sdei_wants(fw, &vcpu->vm->sdei, vcpu->index);

	fw_unlock(fw);
	return want;
}

enum vcpu_next fw_sdei(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;
	uint32_t registers = REGS_CONTEXT | REG_BIT(REG_SCTLR);
	unsigned want = wants(vcpu);
	struct fw_locked fw;

	if (!(want & SDEI_WANT_ENTRY))
		return VCPU_CONTINUE;
	/* The event ends the suspend; after a power-down one the PE is masked, and the event waits. */
	if (vcpu->suspended) {
		enum vcpu_next next = fw_wakeup(vcpu);

		if (next != VCPU_CONTINUE || !(wants(vcpu) & SDEI_WANT_ENTRY))
			return next;
	}
	if (want & SDEI_WANT_VBAR)
		registers |= REG_BIT(REG_VBAR);
	if (vcpu_finish_exit(vcpu))
		return vcpu_fail(vcpu, "KVM did not finish an exit before an SDEI event");
	if (regs_load(vcpu, registers))
		return vcpu_fail(vcpu, "cannot read the context that an SDEI event interrupts");
	fw = fw_lock(&vm->fw);
	sdei_evaluate(fw, &vm->sdei, vcpu->index);
	fw_unlock(fw);
	return VCPU_CONTINUE;
}

/* ---- INTERRUPT_BIND ---- */

#define GIC_RETRY_NS  (50 * NS_PER_US)
#define GIC_RETRY_MAX 40000 /* two seconds */

/* Pending or active at the interrupt controller? KVM tells only while no vCPU runs. */
static bool inactive_on(struct vcpu *vcpu, uint32_t intid, unsigned cpu)
{
	const struct timespec pause = { .tv_nsec = GIC_RETRY_NS };
	bool pending = true, active = true;
	int r = -EBUSY;

	for (unsigned i = 0; r == -EBUSY && i < GIC_RETRY_MAX; i++) {
		r = gic_irq_state(vcpu->vm, intid, cpu, &pending, &active);
		if (r == -EBUSY)
			clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
	}
	if (r)
		log_warn("CPU %u: cannot read the state of interrupt %u: %s", vcpu->index, intid,
			 strerror(-r));
	return r == 0 && !pending && !active;
}

static bool inactive(struct vcpu *vcpu, uint32_t intid)
{
	unsigned n = intid < INTID_SPI_BASE ? vcpu->vm->nvcpus : 1;

	for (unsigned cpu = 0; cpu < n; cpu++)
		if (!inactive_on(vcpu, intid, cpu))
			return false;
	return true;
}

bool fw_sdei_begin_bind(struct vcpu *vcpu, uint32_t intid)
{
	struct vm *vm = vcpu->vm;
	bool bound;

	if (!lines_owned(vm, intid))
		return false;
	struct fw_locked fw = fw_lock(&vm->fw);
	bound = sdei_bound_event(fw, &vm->sdei, intid) != SDEI_NO_EVENT;
	fw_unlock(fw);
	if (bound)
		return false;
	vm_hold(vm, vcpu);
	vcpu->bind_inactive = inactive(vcpu, intid);
	return true;
}

void fw_sdei_end_bind(struct vcpu *vcpu)
{
	vcpu->bind_inactive = false;
	vm_unhold(vcpu->vm);
}

/* ---- triggers from outside ---- */

void fw_sdei_lines(struct vm *vm)
{
	/* Each line once: one that rises again makes event_fd readable again, and a guest that does
	 * nothing else must not keep the main loop here. */
	for (uint32_t intid = 0; (intid = lines_take_raised(&vm->lines, intid)); intid++) {
		struct fw_locked fw = fw_lock(&vm->fw);

		sdei_line_raised(fw, &vm->sdei, intid);
		fw_unlock(fw);
	}
}

int fw_sdei_trigger(struct vm *vm, uint32_t event, unsigned cpu, const char *by, struct err *err)
{
	unsigned pe = cpu == SDEI_NO_CPU ? SDEI_NO_PE : cpu;
	enum sdei_triggered result;
	struct fw_locked fw;

	if (!vm->config->sdei)
		return err_set(err, -EOPNOTSUPP, "SDEI event %#x: this guest has no SDEI", event);
	fw = fw_lock(&vm->fw);
	result = sdei_trigger(fw, &vm->sdei, event, pe, by);
	fw_unlock(fw);
	switch (result) {
	case SDEI_TRIGGERED:
		return 0;
	case SDEI_TRIGGER_DROPPED:
		return err_set(err, -ENOENT,
			       "SDEI event %#x: dropped, the guest has not registered it", event);
	case SDEI_TRIGGER_NO_EVENT:
		return err_set(err, -EINVAL, "SDEI event %#x: there is no such event", event);
	case SDEI_TRIGGER_BAD_PE:
		break;
	}
	return err_set(
		err, -EINVAL,
		"SDEI event %#x: a private event needs a CPU that exists, a shared one takes "
		"none",
		event);
}
