/*
 * What the groups share: the machine's SDEI, the C half of the event handler with its records, calls
 * on other CPUs, waiting, and cleaning up after a test.
 *
 * Records of a CPU are written by that CPU only; behaviours by the boot CPU, while nothing that uses
 * them is under way.
 */
#include "guest/sdei/suite.h"

#include "guest/lib/dt.h"

#define HELD_LIMIT_US   STALL_US
#define CALL_LIMIT_US   STALL_US
#define PPI_BASE        16
#define SPI_BASE        32
#define MAX_LEFT_FRAMES 2

/* A platform's own numbers for the events below; rasvm's unless the boot arguments say otherwise. */
static const struct slot_info {
	const char *name, *bootarg;
	uint64_t number;
	bool shared, critical;
} slot_info[NSLOTS] = {
	[E0] = { "event 0", NULL, SDEI_EVENT_SIGNALLED, false, false },
	[PN] = { "PN", "pn", 0x40000001, false, false },
	[PC] = { "PC", "pc", 0x40000002, false, true },
	[SN] = { "SN", "sn", 0x40000003, true, false },
	[SC] = { "SC", "sc", 0x40000004, true, true },
	[B0] = { "bound 0", NULL, NO_EVENT, true, false },
	[B1] = { "bound 1", NULL, NO_EVENT, true, false },
	[B2] = { "bound 2", NULL, NO_EVENT, true, false },
	[B3] = { "bound 3", NULL, NO_EVENT, true, false },
	[SLOT_OTHER] = { "another event", NULL, NO_EVENT, true, false },
};

struct suite suite;
static handler_fn *behaviour[NSLOTS];
static void (*resumed_behaviour)(struct sdei_regs *regs);
static uint64_t held_released;

void sdei_dispatch(struct sdei_entry *entry);
void sdei_resumed(struct sdei_regs *regs);
_Noreturn void sdei_leave_refused(int64_t error);
int64_t sdei_abandon_at(uint64_t fid, uint64_t conduit);

const char *slot_name(enum slot slot)
{
	return slot_info[slot].name;
}

bool slot_shared(enum slot slot)
{
	return slot_info[slot].shared;
}

bool slot_critical(enum slot slot)
{
	return slot_info[slot].critical;
}

/* The machine */

void sdei_suite_init(void)
{
	_Static_assert(offsetof(struct cpu, sdei) == 56, "CPU_SDEI in handler.S");
	_Static_assert(offsetof(struct sdei_entry, leave) == 320, "LEAVE_OFF in handler.S");
	_Static_assert(offsetof(struct sdei_entry, conduit) == 336, "CONDUIT_OFF in handler.S");
	for (unsigned i = 0; i < machine.ncpus; i++)
		machine.cpu[i].sdei = ram_alloc(sizeof(struct sdei_cpu), 2 * CACHE_LINE);
}

static bool scan_test_timer(const void *dtb, const struct dt_node *node, void *arg)
{
	(void)arg;
	if (!dt_has_string(dtb, node, "compatible", "rasvm,test-timer"))
		return true;
	dt_reg(dtb, node, 0, &suite.test_timer.base, &suite.test_timer.size);
	suite.test_spi = SPI_BASE + dt_cell(dtb, node, "interrupts", 1, 0);
	suite.test_ppi = PPI_BASE + dt_cell(dtb, node, "interrupts", 4, 0);
	return false;
}

void sdei_discover(void)
{
	for (unsigned i = 0; i < NSLOTS; i++)
		suite.event[i] = slot_info[i].bootarg
					 ? bootarg_number(slot_info[i].bootarg, slot_info[i].number)
					 : slot_info[i].number;
	suite.version = sdei_version();
	suite.trigger = vendor_trigger(NO_EVENT, SDEI_NO_PE) != SDEI_NOT_SUPPORTED;
	dt_walk(machine.dtb, scan_test_timer, NULL);
}

void forget_bound(void)
{
	for (unsigned i = B0; i <= B3; i++)
		suite.event[i] = NO_EVENT;
}

uint64_t absent_mpidr(void)
{
	uint64_t mpidr = 0;

	for (unsigned i = 0; i < machine.ncpus_present; i++)
		if (machine.cpu[i].mpidr >= mpidr)
			mpidr = machine.cpu[i].mpidr + 1;
	return mpidr;
}

uint64_t random_next(uint64_t *state)
{
	uint64_t x = *state ? *state : UINT64_C(0x9e3779b97f4a7c15);

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return *state = x;
}

/* The handler */

static enum slot slot_of(uint64_t event)
{
	for (unsigned i = 0; i < SLOT_OTHER; i++)
		if (suite.event[i] == event)
			return i;
	return SLOT_OTHER;
}

static void log_add(struct sdei_cpu *s, uint64_t what)
{
	if (s->nlog < LOG_ENTRIES)
		s->log[s->nlog] = what;
	s->nlog++;
}

static void check_entry(struct sdei_cpu *s, const struct sdei_entry *e)
{
	const struct sdei_regs *r = &e->regs;

	if (r->daif != DAIF_ALL || r->current_el != 1 << 2 || r->spsel != 1)
		s->no_masking++;
	/* The one thing that may be interrupted is a normal handler, by a critical one. */
	if (s->depth != 0 && !(s->depth == 1 && e->level == 1))
		s->wrong_nesting++;
}

/* Returning would hang the CPU, beyond the reach of time limits: end the test, or this CPU. */
static _Noreturn void cannot_go_on(const char *why, int64_t value)
{
	struct cpu *cpu = this_cpu();

	if (cpu->index == 0) {
		print("# %s: %ld\n", why, value);
		run_abort(why);
	}
	cpu->crash.seen = true;
	cpu->crash.vector = (uint64_t)value;
	barrier_full();
	psci_cpu_off();
	for (;;)
		asm volatile("wfi");
}

void sdei_leave_refused(int64_t error)
{
	cannot_go_on("the call that ends a handler returned", error);
}

void sdei_dispatch(struct sdei_entry *e)
{
	struct sdei_cpu *s = this_sdei();
	enum slot slot = slot_of(e->regs.x[0]);
	handler_fn *fn = behaviour[slot];

	e->slot = slot;
	e->level = e != &s->level[0].entry;
	e->conduit = machine.conduit == CONDUIT_SMC;
	e->leave = SDEI_FID_COMPLETE;
	e->leave_arg = SDEI_HANDLED;
	check_entry(s, e);
	s->depth++;
	s->last[slot] = e->regs;
	log_add(s, slot);
	shared_write(&s->runs[slot], s->runs[slot] + 1);
	if (fn)
		fn(e);
	log_add(s, slot | LOG_END);
	s->depth--;
	shared_write(&s->ends[slot], s->ends[slot] + 1);
}

void sdei_resumed(struct sdei_regs *regs)
{
	struct sdei_cpu *s = this_sdei();

	if (regs->elr == (uint64_t)sdei_resume_point)
		cannot_go_on("ELR_EL1 at the resume address leads there again", (int64_t)regs->elr);
	s->resumed = *regs;
	log_add(s, LOG_RESUMED);
	shared_write(&s->resumes, s->resumes + 1);
	if (resumed_behaviour)
		resumed_behaviour(regs);
}

void set_handler(enum slot slot, handler_fn *fn)
{
	behaviour[slot] = fn;
	barrier_full();
}

void set_resumed(void (*fn)(struct sdei_regs *regs))
{
	resumed_behaviour = fn;
	barrier_full();
}

void handler_held(struct sdei_entry *entry)
{
	(void)entry;
	smp_wait_word(&held_released, 1, HELD_LIMIT_US);
}

void release_held(void)
{
	shared_write(&held_released, 1);
}

void hold_again(void)
{
	shared_write(&held_released, 0);
}

int64_t sdei_abandon(void)
{
	uint64_t daif = sysreg_read(daif);
	int64_t ret = sdei_abandon_at(SDEI_FID_COMPLETE_AND_RESUME, machine.conduit == CONDUIT_SMC);

	sysreg_write(daif, daif);
	return ret;
}

/* Registering and triggering */

uint64_t entry_of(enum slot slot)
{
	return (uint64_t)(slot_critical(slot) ? sdei_entry_critical : sdei_entry_normal);
}

uint64_t exact_entry_of(enum slot slot)
{
	return (uint64_t)(slot_critical(slot) ? sdei_entry_critical_exact
					      : sdei_entry_normal_exact);
}

int64_t register_slot(enum slot slot, uint64_t arg, uint64_t flags, uint64_t affinity)
{
	return sdei_register(suite.event[slot], entry_of(slot), arg, flags, affinity);
}

bool register_enable(struct run *t, enum slot slot, uint64_t arg)
{
	return expect_eq(t, register_slot(slot, arg, 0, 0), SDEI_SUCCESS, "REGISTER(%s)",
			 slot_name(slot)) &&
	       expect_eq(t, sdei_enable(suite.event[slot]), SDEI_SUCCESS, "ENABLE(%s)",
			 slot_name(slot));
}

int64_t fire(enum slot slot, const struct cpu *cpu)
{
	if (slot == E0)
		return sdei_signal(cpu->mpidr);
	return vendor_trigger(suite.event[slot], slot_shared(slot) ? SDEI_NO_PE : cpu->mpidr);
}

bool need_trigger(struct run *t)
{
	if (suite.trigger)
		return false;
	if (t->strict)
		expect(t, false, "no vendor call to trigger events: run with --vendor-calls");
	else
		skip(t, "no call to trigger platform events");
	return true;
}

/* Other CPUs */

bool start_or_fail(struct run *t, unsigned i)
{
	int64_t ret;
	bool up = smp_start(&machine.cpu[i], i, &ret);

	return expect(t, up, "cpu%u: expected CPU_ON 0 and a start, found %ld and %s", i, ret,
		      up ? "a start" : "no start");
}

bool start_all(struct run *t)
{
	for (unsigned i = 1; i < machine.ncpus; i++)
		if (!start_or_fail(t, i))
			return false;
	return true;
}

static struct remote_call {
	uint64_t fid, x1, x2, x3, x4, x5;
} remote_call;

static uint64_t job_call(uint64_t arg)
{
	const struct remote_call *c = (const struct remote_call *)arg;

	return (uint64_t)sdei_call(c->fid, c->x1, c->x2, c->x3, c->x4, c->x5);
}

static int64_t call5_on(struct run *t, unsigned i, struct remote_call call)
{
	struct cpu *cpu = &machine.cpu[i];

	if (i == 0)
		return (int64_t)job_call((uint64_t)&call);
	remote_call = call;
	smp_post(cpu, job_call, (uint64_t)&remote_call);
	if (!expect(t, smp_wait(cpu, CALL_LIMIT_US), "cpu%u: 0x%lx did not return", i, call.fid))
		return CALL_LOST;
	return (int64_t)cpu->result;
}

int64_t call_on(struct run *t, unsigned i, uint64_t fid, uint64_t x1, uint64_t x2, uint64_t x3)
{
	return call5_on(t, i, (struct remote_call){ fid, x1, x2, x3, 0, 0 });
}

int64_t register_on(struct run *t, unsigned i, enum slot slot, uint64_t flags, uint64_t affinity)
{
	return call5_on(t, i,
			(struct remote_call){ SDEI_FID_REGISTER, suite.event[slot], entry_of(slot),
					      i, flags, affinity });
}

int64_t register_at_on(struct run *t, unsigned i, enum slot slot, uint64_t ep)
{
	return call5_on(t, i,
			(struct remote_call){ SDEI_FID_REGISTER, suite.event[slot], ep, i, 0, 0 });
}

bool make_ready(struct run *t, unsigned i, enum slot slot)
{
	return expect_eq(t, register_on(t, i, slot, 0, 0), SDEI_SUCCESS, "cpu%u: REGISTER(%s)", i,
			 slot_name(slot)) &&
	       expect_eq(t, call_on(t, i, SDEI_FID_ENABLE, suite.event[slot], 0, 0), SDEI_SUCCESS,
			 "cpu%u: ENABLE(%s)", i, slot_name(slot)) &&
	       expect_eq(t, call_on(t, i, SDEI_FID_PE_UNMASK, 0, 0, 0), SDEI_SUCCESS,
			 "cpu%u: PE_UNMASK", i);
}

/* Waiting */

bool wait_runs(unsigned cpu, enum slot slot, uint64_t n, uint64_t us)
{
	return smp_wait_word(&sdei_of(&machine.cpu[cpu])->runs[slot], n, us);
}

bool wait_ends(unsigned cpu, enum slot slot, uint64_t n, uint64_t us)
{
	return smp_wait_word(&sdei_of(&machine.cpu[cpu])->ends[slot], n, us);
}

bool wait_status(enum slot slot, int64_t status, uint64_t us)
{
	uint64_t start = timer_now();

	while (sdei_status(suite.event[slot]) != status)
		if (timer_us_since(start) > us * machine.time_scale)
			return false;
	return true;
}

uint64_t runs_on(unsigned cpu, enum slot slot)
{
	return shared_read(&sdei_of(&machine.cpu[cpu])->runs[slot]);
}

uint64_t runs_in_all(enum slot slot)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < machine.ncpus; i++)
		n += runs_on(i, slot);
	return n;
}

/* Cleaning up */

void clear_records(void)
{
	for (unsigned i = 0; i < machine.ncpus; i++) {
		struct sdei_cpu *s = sdei_of(&machine.cpu[i]);

		memset(s->runs, 0, sizeof(*s) - offsetof(struct sdei_cpu, runs));
	}
	barrier_full();
}

static void expect_clean_records(struct run *t)
{
	for (unsigned i = 0; i < machine.ncpus; i++) {
		const struct sdei_cpu *s = sdei_of(&machine.cpu[i]);

		expect_eq(t, (int64_t)s->wrong_nesting, 0,
			  "cpu%u: handlers entered over one of their class", i);
		expect_eq(t, (int64_t)s->no_masking, 0,
			  "cpu%u: handlers entered without EL1h and DAIF=1111", i);
	}
}

static void end_left_handlers(struct run *t)
{
	unsigned n = 0;

	while (n < MAX_LEFT_FRAMES && sdei_abandon() == SDEI_SUCCESS)
		n++;
	expect(t, n == 0 || t->failures, "expected no handler running after the test, found %u", n);
}

/* Only the boot CPU is on. Event numbers of bound interrupts die with the binding. */
void sdei_cleanup(struct run *t)
{
	if (suite.version < 0)
		return;
	end_left_handlers(t);
	sdei_pe_mask();
	for (unsigned i = 0; i < NSLOTS; i++)
		if (suite.event[i] != NO_EVENT)
			sdei_unregister(suite.event[i]);
	for (unsigned i = B0; i <= B3; i++)
		if (suite.event[i] != NO_EVENT)
			sdei_release(suite.event[i]);
	sdei_private_reset();
	sdei_shared_reset();
	forget_bound();
	/* A signal may be kept for an event 0 that is registered later. */
	if (register_slot(E0, 0, 0, 0) == SDEI_SUCCESS)
		sdei_unregister(SDEI_EVENT_SIGNALLED);
	for (unsigned i = 0; i < NSTATIC; i++)
		expect(t, sdei_status(suite.event[i]) <= 0, "%s is still registered after the test",
		       slot_name(i));
	expect_clean_records(t);
	memset(behaviour, 0, sizeof(behaviour));
	resumed_behaviour = NULL;
	held_released = 0;
	clear_records();
}
