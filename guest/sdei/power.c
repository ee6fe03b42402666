/* Group R: SDEI and the power states of CPUs and machine (Arm DEN0054C 5.5, 6.6; DEN0022F.b). */
#include "guest/sdei/suite.h"

#define ASLEEP_US      50000          /* after that a CPU that is about to suspend has */
#define SUSPENDED_US   500000         /* after that it has even if the host held it up */
#define FALLBACK_US    400000         /* a timer ends a suspend that is not refused */
#define LATE_WAKE_US   (2 * STALL_US) /* a timer ends a suspend that the event does not end */
#define WAKE_ROUNDS    100
#define RASVM_STANDBY  0x00000000u /* original format, if the device tree lists no state */
#define RASVM_POWERED  0x00010000u
#define POWERDOWN_ORIG 16 /* bits of power_state */
#define POWERDOWN_EXT  30
#define MARKER_OFFSET  UINT64_C(0x40000) /* from the start of RAM; below where images go */
#define MARKER_MAGIC   UINT64_C(0x5344454957524d31)

static uint64_t entry_point(void)
{
	return (uint64_t)secondary_entry;
}

static bool is_powerdown(uint32_t state)
{
	int64_t features = psci_features(PSCI_CPU_SUSPEND);

	return state >> (features >= 0 && features & 2 ? POWERDOWN_EXT : POWERDOWN_ORIG) & 1;
}

static uint32_t find_state(bool powerdown)
{
	for (unsigned i = 0; i < machine.nidle; i++)
		if (is_powerdown(machine.idle_state[i]) == powerdown)
			return machine.idle_state[i];
	return powerdown ? RASVM_POWERED : RASVM_STANDBY;
}

static int64_t call1(struct run *t, uint64_t fid, uint64_t event)
{
	return call_on(t, 1, fid, event, 0, 0);
}

static bool restart_cpu1(struct run *t)
{
	return expect(t, smp_stop(&machine.cpu[1]), "cpu1: expected OFF") && start_or_fail(t, 1);
}

static void r01(struct run *t)
{
	if (!start_or_fail(t, 1))
		return;
	for (unsigned life = 0; life < 3; life++) {
		expect_eq(t, call1(t, SDEI_FID_PE_MASK, 0), 0, "life %u: PE_MASK after CPU_ON",
			  life);
		expect_eq(t, call1(t, SDEI_FID_STATUS, suite.event[PN]), 0,
			  "life %u: EVENT_STATUS(PN)", life);
		expect_eq(t, call1(t, SDEI_FID_STATUS, 0), 0, "life %u: EVENT_STATUS(0)", life);
		if (!make_ready(t, 1, PN) || !make_ready(t, 1, E0))
			return;
		expect_eq(t, register_on(t, 1, SN, 0, 0), life ? SDEI_DENIED : SDEI_SUCCESS,
			  "life %u: EVENT_REGISTER(SN)", life);
		if (!restart_cpu1(t))
			return;
		expect_eq(t, sdei_status(suite.event[SN]), SDEI_REGISTERED,
			  "life %u: EVENT_STATUS(SN) after the CPU that registered it went OFF",
			  life);
	}
}

/* Masked and without handlers although it was the boot CPU's only life that ended. */
static uint64_t job_wait_for_boot_cpu(uint64_t arg)
{
	struct cpu *boot = &machine.cpu[0];
	uint64_t start = timer_now();

	(void)arg;
	while (psci_affinity(boot->mpidr, 0) != AFFINITY_OFF &&
	       timer_us_since(start) < STALL_US * machine.time_scale)
		cpu_relax();
	return (uint64_t)psci_cpu_on(boot->mpidr, entry_point(), 0);
}

static void r01_boot(struct run *t)
{
	struct cpu *boot = this_cpu();

	if (!start_or_fail(t, 1))
		return;
	register_enable(t, E0, 0);
	sdei_pe_unmask();
	smp_post(&machine.cpu[1], job_wait_for_boot_cpu, 0);
	irq_disable();
	boot->resume_armed = true;
	if (context_save(&boot->resume) == 0) {
		psci_cpu_off();
		boot->resume_armed = false;
		expect(t, false, "CPU_OFF of the boot CPU returned");
	}
	irq_enable();
	expect_eq(t, sdei_pe_mask(), 0, "boot CPU: PE_MASK after CPU_OFF and CPU_ON");
	expect_eq(t, sdei_status(0), 0, "boot CPU: EVENT_STATUS(0) after CPU_OFF and CPU_ON");
}

static void expect_stays_off(struct run *t, uint64_t entries, const char *after)
{
	timer_spin_us(ASLEEP_US);
	expect_eq(t, psci_affinity(machine.cpu[1].mpidr, 0), AFFINITY_OFF,
		  "AFFINITY_INFO(cpu1) after %s", after);
	expect_eq(t, (int64_t)shared_read(&machine.cpu[1].entries), (int64_t)entries,
		  "starts of cpu1 after %s", after);
}

/* Signals to an OFF CPU pend until it is on, registered, enabled and unmasked. */
static void r03(struct run *t)
{
	struct cpu *cpu = &machine.cpu[1];
	uint64_t entries;

	if (!start_or_fail(t, 1) || !make_ready(t, 1, E0) ||
	    !expect(t, smp_stop(cpu), "cpu1: expected OFF"))
		return;
	entries = shared_read(&cpu->entries);
	expect_eq(t, sdei_signal(cpu->mpidr), SDEI_SUCCESS, "EVENT_SIGNAL to an OFF CPU");
	expect_eq(t, sdei_signal(cpu->mpidr), SDEI_SUCCESS, "EVENT_SIGNAL to an OFF CPU, again");
	expect_stays_off(t, entries, "EVENT_SIGNAL");
	if (!start_or_fail(t, 1))
		return;
	timer_spin_us(ASLEEP_US);
	expect_eq(t, (int64_t)runs_on(1, E0), 0, "runs on cpu1 before it registered");
	if (!make_ready(t, 1, E0))
		return;
	timer_spin_us(ASLEEP_US);
	expect(t, runs_on(1, E0) <= 1 && (runs_on(1, E0) == 1 || !t->strict),
	       "runs of what was signalled while cpu1 was OFF: expected %s1, found %lu",
	       t->strict ? "" : "0 or ", runs_on(1, E0));
}

static void r03_shared(struct run *t)
{
	struct cpu *cpu = &machine.cpu[1];
	uint64_t entries = shared_read(&cpu->entries);

	if (need_trigger(t))
		return;
	expect_eq(t, register_slot(SN, 0, SDEI_RM_PE, cpu->mpidr), SDEI_SUCCESS,
		  "EVENT_REGISTER(SN) for an OFF CPU");
	expect_eq(t, sdei_enable(suite.event[SN]), SDEI_SUCCESS, "EVENT_ENABLE(SN)");
	sdei_pe_unmask();
	expect_eq(t, fire(SN, NULL), 0, "trigger of SN");
	expect_stays_off(t, entries, "a trigger for it");
	expect_eq(t, (int64_t)runs_in_all(SN), 0, "runs of SN while its CPU is OFF");
	if (!start_or_fail(t, 1))
		return;
	timer_spin_us(ASLEEP_US);
	expect_eq(t, (int64_t)runs_in_all(SN), 0, "runs of SN while cpu1 is masked");
	call1(t, SDEI_FID_PE_UNMASK, 0);
	wait_runs(1, SN, 1, STALL_US);
	timer_spin_us(ASLEEP_US);
	expect_eq(t, (int64_t)runs_on(1, SN), 1, "runs of SN on cpu1 when it is unmasked");
	expect_eq(t, (int64_t)runs_in_all(SN), 1, "runs of SN in all");
}

static void handler_psci(struct sdei_entry *entry)
{
	struct sdei_cpu *s = this_sdei();

	(void)entry;
	s->word[0] = (uint64_t)smccc(PSCI_VERSION, 0, 0, 0);
	s->word[1] = (uint64_t)psci_affinity(this_cpu()->mpidr, 0);
	s->word[2] = (uint64_t)psci_affinity(machine.cpu[1].mpidr, 0);
	s->word[3] = (uint64_t)psci_features(PSCI_CPU_ON);
	s->word[4] = (uint64_t)psci_cpu_on(machine.cpu[1].mpidr, entry_point(), 0);
}

static void r04(struct run *t)
{
	struct sdei_cpu *s = this_sdei();
	uint64_t entries = shared_read(&machine.cpu[1].entries);

	register_enable(t, E0, 0);
	set_handler(E0, handler_psci);
	sdei_pe_unmask();
	fire(E0, this_cpu());
	if (!expect(t, wait_ends(0, E0, 1, STALL_US), "expected the handler to run"))
		return;
	expect_eq(t, (int64_t)s->word[0], smccc(PSCI_VERSION, 0, 0, 0), "PSCI_VERSION");
	expect_eq(t, (int64_t)s->word[1], AFFINITY_ON, "AFFINITY_INFO(self)");
	expect_eq(t, (int64_t)s->word[2], AFFINITY_OFF, "AFFINITY_INFO(cpu1)");
	expect_eq(t, (int64_t)s->word[3], 0, "PSCI_FEATURES(CPU_ON)");
	expect_eq(t, (int64_t)s->word[4], PSCI_SUCCESS, "CPU_ON(cpu1)");
	expect(t, smp_wait_entry(&machine.cpu[1], entries, STALL_US), "cpu1: expected a start");
}

struct suspend_call {
	uint64_t fid, x1, x2, x3;
};

/* Calls that would stop the CPU; the timer ends one that does. */
static void handler_suspends(struct sdei_entry *entry)
{
	const struct suspend_call calls[] = {
		{ PSCI_CPU_SUSPEND, find_state(false), entry_point(), 0 },
		{ PSCI_CPU_SUSPEND, find_state(true), entry_point(), 0 },
		{ PSCI_DEFAULT_SUSPEND, entry_point(), 0, 0 },
		{ PSCI_SYSTEM_SUSPEND, entry_point(), 0, 0 },
	};

	(void)entry;
	for (unsigned i = 0; i < ARRAY_LEN(calls); i++) {
		const struct suspend_call *c = &calls[i];
		struct suspend_result r;

		timer_wake_in_us(FALLBACK_US);
		r = psci_suspend(c->fid, c->x1, c->x2, c->x3);
		timer_wake_cancel();
		this_sdei()->word[2 * i] = (uint64_t)r.ret;
		this_sdei()->word[2 * i + 1] = r.via_entry;
	}
}

static void r04_suspend(struct run *t)
{
	static const char *const names[] = { "CPU_SUSPEND(standby)", "CPU_SUSPEND(power-down)",
					     "CPU_DEFAULT_SUSPEND", "SYSTEM_SUSPEND" };
	const uint64_t *word = this_sdei()->word;

	if (!t->strict) {
		skip(t, "what suspend calls do in a handler is the platform's choice");
		return;
	}
	register_enable(t, E0, 0);
	set_handler(E0, handler_suspends);
	sdei_pe_unmask();
	fire(E0, this_cpu());
	if (!expect(t, wait_ends(0, E0, 1, STALL_US), "expected the handler to run"))
		return;
	for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
		expect_eq(t, (int64_t)word[2 * i], PSCI_DENIED, "%s in a handler", names[i]);
		expect_eq(t, (int64_t)word[2 * i + 1], 0, "%s in a handler: came back by its entry",
			  names[i]);
	}
	fire(E0, this_cpu());
	expect_eq(t, (int64_t)runs_on(0, E0), 2, "runs after the suspend calls");
}

static void handler_cpu_off(struct sdei_entry *entry)
{
	(void)entry;
	psci_cpu_off();
	this_sdei()->word[0] = 1; /* returned */
}

static void handler_unregister_off(struct sdei_entry *entry)
{
	this_sdei()->word[1] = (uint64_t)sdei_unregister(suite.event[entry->slot]);
	psci_cpu_off();
	this_sdei()->word[0] = 1;
}

static void handler_freeze(struct sdei_entry *entry)
{
	(void)entry;
	smccc(PSCI_CPU_FREEZE, 0, 0, 0);
	this_sdei()->word[0] = 1;
}

/* On cpu1, SN's handler turns the CPU off; then cpu1 is on again and SN's status as expected. */
static bool off_in_handler(struct run *t, handler_fn *fn, int64_t status, const char *how)
{
	bool off;

	if (!start_or_fail(t, 1))
		return false;
	register_enable(t, SN, 0);
	set_handler(SN, fn);
	call1(t, SDEI_FID_PE_UNMASK, 0);
	fire(SN, NULL);
	off = smp_wait_off(&machine.cpu[1], STALL_US);
	expect_eq(t, (int64_t)sdei_of(&machine.cpu[1])->word[0], 0, "%s returned", how);
	set_handler(SN, NULL);
	return expect(t, off, "cpu1: expected OFF after %s", how) &&
	       expect_eq(t, sdei_status(suite.event[SN]), status, "EVENT_STATUS(SN) after %s", how);
}

/* The handler counts as complete: the event runs elsewhere, and its CPU takes events again. */
static void expect_nothing_left(struct run *t, const char *how)
{
	clear_records();
	sdei_pe_unmask();
	fire(SN, NULL);
	wait_runs(0, SN, 1, STALL_US);
	expect_eq(t, (int64_t)runs_on(0, SN), 1, "runs of SN on cpu0 after %s", how);
	sdei_pe_mask();
	if (!start_or_fail(t, 1))
		return;
	expect_eq(t, call1(t, SDEI_FID_COMPLETE, 0), SDEI_DENIED,
		  "cpu1: EVENT_COMPLETE in the life after %s", how);
	if (!make_ready(t, 1, E0))
		return;
	fire(E0, &machine.cpu[1]);
	expect(t, wait_runs(1, E0, 1, STALL_US), "cpu1: expected event 0 to run after %s", how);
	smp_stop(&machine.cpu[1]);
	sdei_unregister(suite.event[SN]);
}

static void r06(struct run *t)
{
	if (need_trigger(t))
		return;
	if (off_in_handler(t, handler_cpu_off, SDEI_REGISTERED | SDEI_ENABLED, "CPU_OFF"))
		expect_nothing_left(t, "CPU_OFF in a handler");
	if (psci_features(PSCI_CPU_FREEZE) >= 0 &&
	    off_in_handler(t, handler_freeze, SDEI_REGISTERED | SDEI_ENABLED, "CPU_FREEZE"))
		expect_nothing_left(t, "CPU_FREEZE in a handler");
	if (off_in_handler(t, handler_unregister_off, 0, "EVENT_UNREGISTER and CPU_OFF"))
		expect_eq(t, register_slot(SN, 0, 0, 0), SDEI_SUCCESS,
			  "EVENT_REGISTER(SN) after its handler unregistered and went OFF");
}

/* A private handler, and a critical one over it, both ended by CPU_OFF. */
static void handler_fire_critical(struct sdei_entry *entry)
{
	(void)entry;
	fire(PC, this_cpu());
	this_sdei()->word[0] = 1;
}

static void r06_nested(struct run *t)
{
	struct cpu *cpu = &machine.cpu[1];

	if (need_trigger(t) || !start_or_fail(t, 1) || !make_ready(t, 1, E0) ||
	    !make_ready(t, 1, PC))
		return;
	set_handler(E0, handler_fire_critical);
	set_handler(PC, handler_cpu_off);
	fire(E0, cpu);
	if (!expect(t, smp_wait_off(cpu, STALL_US), "cpu1: expected OFF"))
		return;
	expect_eq(t, (int64_t)sdei_of(cpu)->word[0], 0, "a handler went on after CPU_OFF");
	set_handler(E0, NULL);
	set_handler(PC, NULL);
	clear_records();
	if (!start_or_fail(t, 1) || !make_ready(t, 1, E0) || !make_ready(t, 1, PC))
		return;
	fire(E0, cpu);
	fire(PC, cpu);
	expect(t, wait_runs(1, E0, 1, STALL_US), "cpu1: expected event 0 in the next life");
	expect(t, wait_runs(1, PC, 1, STALL_US), "cpu1: expected PC in the next life");
}

/* R07: calls that end the machine. The result line comes before, as the machine's exit is half of the
 * result; a call that returns is a failure of the same name. */

static uint64_t end_fid;

static void handler_end(struct sdei_entry *entry)
{
	(void)entry;
	this_sdei()->word[0] = (uint64_t)smccc(end_fid, 0, 0, 0);
}

static void end_in_handler(struct run *t, uint64_t fid)
{
	end_fid = fid;
	register_enable(t, E0, 0);
	set_handler(E0, handler_end);
	sdei_pe_unmask();
	fire(E0, this_cpu());
	expect(t, false, "0x%lx in a handler: expected no return, found %ld", fid,
	       (int64_t)this_sdei()->word[0]);
}

static void announce_end(const struct run *t)
{
	if (t->failures == 0)
		print("ok 1 - %s %s (result: the machine's exit)\n", t->test->name, t->test->title);
}

/* As a machine that has just booted: nothing registered, all masked; the number of an earlier life's
 * binding is unknown. */
static void expect_initial(struct run *t)
{
	expect_eq(t, sdei_pe_mask(), 0, "PE_MASK at boot");
	for (enum slot slot = E0; slot < NSTATIC; slot++)
		expect_eq(t, sdei_status(suite.event[slot]), 0, "EVENT_STATUS(%s) at boot",
			  slot_name(slot));
	if (machine.ncpus > 1 && start_or_fail(t, 1)) {
		expect_eq(t, call1(t, SDEI_FID_PE_MASK, 0), 0, "cpu1: PE_MASK at boot");
		for (enum slot slot = E0; slot < NSTATIC; slot++)
			expect_eq(t, call1(t, SDEI_FID_STATUS, suite.event[slot]), 0,
				  "cpu1: EVENT_STATUS(%s) at boot", slot_name(slot));
	}
}

static void r07_off(struct run *t)
{
	announce_end(t);
	end_in_handler(t, PSCI_SYSTEM_OFF);
}

static void r07_reset(struct run *t)
{
	expect_initial(t);
	announce_end(t);
	end_in_handler(t, PSCI_SYSTEM_RESET);
}

struct marker {
	uint64_t magic, bound;
};

static struct marker *marker(void)
{
	return (struct marker *)(machine.ram[0].base + MARKER_OFFSET);
}

static void use_and_reset(struct run *t)
{
	int64_t bound = suite.test_timer.base ? sdei_bind(suite.test_spi) : 0x40ffffff;

	*marker() = (struct marker){ MARKER_MAGIC, (uint64_t)bound };
	cache_clean_invalidate(marker(), sizeof(struct marker));
	for (enum slot slot = PN; slot < NSTATIC; slot++)
		register_enable(t, slot, 0);
	if (machine.ncpus > 1) {
		make_ready(t, 1, E0);
		make_ready(t, 1, PN);
	}
	note("first boot: everything registered, unmasked; warm reset in a handler");
	end_in_handler(t, PSCI_SYSTEM_RESET2);
}

/* Boots twice; a mark in RAM tells the boots apart. */
static void r07_warm(struct run *t)
{
	struct marker found = *marker();

	if (psci_features(PSCI_SYSTEM_RESET2) < 0) {
		skip(t, "no SYSTEM_RESET2");
		return;
	}
	expect_initial(t);
	if (found.magic != MARKER_MAGIC) {
		if (t->failures == 0)
			use_and_reset(t);
		return;
	}
	marker()->magic = 0;
	cache_clean_invalidate(marker(), sizeof(struct marker));
	expect_eq(t, sdei_status(found.bound), SDEI_INVALID_PARAMETERS,
		  "EVENT_STATUS(0x%lx), bound before the reset", found.bound);
	note("second boot: state checked");
}

/* Suspends on cpu1. word[] of its records: what the handler and the job found. */
enum { W_X0, W_VIA_ENTRY, W_RET, W_ELAPSED, W_MASKED, W_STATUS, W_RUNS_MASKED, W_RUNS, W_ROUNDS };

static void handler_context(struct sdei_entry *entry)
{
	(void)entry;
	this_sdei()->word[W_X0] = (uint64_t)sdei_context(0);
}

/* A timer ends a suspend that the event does not end. `signalled`: the event is on its way. */
static struct sleep {
	uint64_t state, fallback_us;
	uint64_t signalled __attribute__((aligned(CACHE_LINE)));
} sleep;

static void timed_suspend(const struct sleep *how)
{
	struct sdei_cpu *s = this_sdei();
	struct suspend_result r;

	irq_disable();
	timer_wake_in_us(how->fallback_us);
	shared_write(&this_cpu()->scratch, 1);
	r = psci_suspend(PSCI_CPU_SUSPEND, how->state, entry_point(), 0);
	s->word[W_MASKED] = (uint64_t)sdei_pe_mask();
	timer_wake_cancel();
	irq_enable();
	barrier_isb();
	s->word[W_VIA_ENTRY] = r.via_entry;
	s->word[W_RET] = (uint64_t)r.ret;
	s->word[W_ELAPSED] = r.elapsed_us;
	s->word[W_STATUS] = (uint64_t)sdei_status(suite.event[E0]);
	s->word[W_RUNS_MASKED] = s->runs[E0];
	smp_wait_word(&sleep.signalled, 1, STALL_US); /* the timer may have been first */
	sdei_pe_unmask();
	s->word[W_RUNS] = shared_read(&s->runs[E0]);
}

static uint64_t job_suspend(uint64_t how)
{
	timed_suspend((const struct sleep *)how);
	return 0;
}

/* cpu1 asleep, then signalled. */
static const uint64_t *signal_asleep(struct run *t, uint64_t state, uint64_t fallback_us)
{
	struct cpu *cpu = &machine.cpu[1];

	shared_write(&cpu->scratch, 0);
	sleep.state = state;
	sleep.fallback_us = fallback_us;
	shared_write(&sleep.signalled, 0);
	smp_post(cpu, job_suspend, (uint64_t)&sleep);
	if (!expect(t, smp_wait_word(&cpu->scratch, 1, STALL_US), "cpu1: expected it to suspend"))
		return NULL;
	timer_spin_us(SUSPENDED_US);
	expect_eq(t, sdei_signal(cpu->mpidr), SDEI_SUCCESS, "EVENT_SIGNAL");
	shared_write(&sleep.signalled, 1);
	if (!expect(t, smp_wait(cpu, LATE_WAKE_US + STALL_US), "cpu1: expected to wake up"))
		return NULL;
	return sdei_of(cpu)->word;
}

static void expect_woken(struct run *t, const uint64_t *word)
{
	expect(t, word[W_ELAPSED] < STALL_US,
	       "expected the event to end the suspend after %u us, found %lu us (the timer is at %lu)",
	       SUSPENDED_US, word[W_ELAPSED], LATE_WAKE_US);
}

static void r08(struct run *t)
{
	const uint64_t *word;

	if (!start_or_fail(t, 1) || !make_ready(t, 1, E0))
		return;
	set_handler(E0, handler_context);
	word = signal_asleep(t, find_state(false), LATE_WAKE_US);
	if (!word)
		return;
	expect_woken(t, word);
	expect_eq(t, (int64_t)word[W_X0], 0, "x0 of the interrupted context (EVENT_CONTEXT)");
	expect_eq(t, (int64_t)word[W_RET], PSCI_SUCCESS, "CPU_SUSPEND(standby)");
	expect_eq(t, (int64_t)word[W_VIA_ENTRY], 0, "came back by the entry point");
	expect_eq(t, (int64_t)word[W_RUNS_MASKED], 1, "runs when CPU_SUSPEND had returned");
	expect_eq(t, (int64_t)word[W_RUNS], 1, "runs in all");
	expect_eq(t, (int64_t)word[W_MASKED], 1, "PE_MASK after a standby state");
}

/* A masked CPU need not wake, but keeps the event. */
static void r08_masked(struct run *t)
{
	const uint64_t *word;

	if (!start_or_fail(t, 1) || !make_ready(t, 1, E0))
		return;
	call1(t, SDEI_FID_PE_MASK, 0);
	word = signal_asleep(t, find_state(false), 3 * SECOND_US);
	if (!word)
		return;
	expect_eq(t, (int64_t)word[W_RET], PSCI_SUCCESS, "CPU_SUSPEND(standby)");
	expect_eq(t, (int64_t)word[W_MASKED], 0, "PE_MASK after a standby state of a masked CPU");
	expect_eq(t, (int64_t)word[W_RUNS_MASKED], 0, "runs before PE_UNMASK");
	expect_eq(t, (int64_t)word[W_RUNS], 1, "runs after PE_UNMASK");
}

/* Standby again and again until told to stop; SGI_TEST tells. */
static uint64_t job_standby_until_sgi(uint64_t state)
{
	struct cpu *self = this_cpu();
	uint64_t taken = self->irq_count[SGI_TEST], wrong = 0;

	irq_disable();
	while (shared_read(&self->irq_count[SGI_TEST]) == taken) {
		if (smccc(PSCI_CPU_SUSPEND, state, entry_point(), 0) != PSCI_SUCCESS)
			wrong++;
		irq_enable();
		barrier_isb();
		irq_disable();
		this_sdei()->word[W_ROUNDS]++;
	}
	irq_enable();
	return wrong;
}

static void r08_race(struct run *t)
{
	struct cpu *cpu = &machine.cpu[1];
	uint64_t seed = timer_now();

	if (!start_or_fail(t, 1) || !make_ready(t, 1, E0))
		return;
	smp_post(cpu, job_standby_until_sgi, find_state(false));
	for (uint64_t i = 1; i <= WAKE_ROUNDS; i++) {
		timer_spin_us(random_next(&seed) % 300);
		sdei_signal(cpu->mpidr);
		if (!expect(t, wait_runs(1, E0, i, STALL_US),
			    "round %lu: cpu1 slept through the event", i))
			break;
	}
	gic_send_sgi(cpu, SGI_TEST);
	if (!expect(t, smp_wait(cpu, STALL_US), "cpu1: slept through an SGI"))
		return;
	expect_eq(t, (int64_t)cpu->result, 0, "CPU_SUSPEND calls that failed");
	expect_eq(t, (int64_t)runs_on(1, E0), WAKE_ROUNDS, "runs of event 0");
}

static void r10(struct run *t)
{
	const uint64_t *word;

	if (!start_or_fail(t, 1) || !make_ready(t, 1, E0))
		return;
	word = signal_asleep(t, find_state(true), LATE_WAKE_US);
	if (!word)
		return;
	if (!word[W_VIA_ENTRY]) {
		expect(t, !t->strict, "CPU_SUSPEND(power-down): expected its entry point");
		skip(t, "the power-down state was taken as a standby state");
		return;
	}
	if (t->strict)
		expect_woken(t, word);
	expect_eq(t, (int64_t)word[W_MASKED], 0, "PE_MASK after a power-down state");
	expect_eq(t, (int64_t)word[W_STATUS], SDEI_REGISTERED | SDEI_ENABLED,
		  "EVENT_STATUS(0) after a power-down state");
	expect_eq(t, (int64_t)word[W_RUNS_MASKED], 0, "runs before PE_UNMASK");
	expect_eq(t, (int64_t)word[W_RUNS], 1, "runs after PE_UNMASK");
}

static void r10_system(struct run *t)
{
	struct suspend_result r;

	if (psci_features(PSCI_SYSTEM_SUSPEND) < 0) {
		skip(t, "no SYSTEM_SUSPEND");
		return;
	}
	register_enable(t, E0, 0);
	register_enable(t, SN, 0);
	sdei_signal(this_cpu()->mpidr);
	irq_disable();
	gic_send_sgi(this_cpu(), SGI_TEST);
	r = psci_suspend(PSCI_SYSTEM_SUSPEND, entry_point(), 0, 0);
	irq_enable();
	barrier_isb();
	expect(t, r.via_entry, "SYSTEM_SUSPEND: expected its entry point, found return %ld", r.ret);
	expect_eq(t, (int64_t)runs_on(0, E0), 0, "runs before PE_UNMASK");
	expect_eq(t, sdei_pe_mask(), 0, "PE_MASK after SYSTEM_SUSPEND");
	expect_eq(t, sdei_status(0), SDEI_REGISTERED | SDEI_ENABLED, "EVENT_STATUS(0)");
	expect_eq(t, sdei_status(suite.event[SN]), SDEI_REGISTERED | SDEI_ENABLED,
		  "EVENT_STATUS(SN)");
	sdei_pe_unmask();
	expect_eq(t, (int64_t)runs_on(0, E0), 1, "runs after PE_UNMASK");
	irq_disable();
	gic_send_sgi(this_cpu(), SGI_TEST);
	psci_suspend(PSCI_SYSTEM_SUSPEND, entry_point(), 0, 0);
	irq_enable();
	expect_eq(t, sdei_pe_mask(), 0, "PE_MASK after SYSTEM_SUSPEND of an unmasked CPU");
}

/* WFI with interrupts masked until the handler has run; its address. It may end for any reason (Arm ARM, Wait for
 * Interrupt), and the event may come before it. */
static uint64_t job_wfi(uint64_t runs)
{
	uint64_t at = 0;

	irq_disable();
	shared_write(&this_cpu()->scratch, 1);
	while (shared_read(&this_sdei()->runs[E0]) < runs)
		asm volatile("adr	%0, 1f\n"
			     "1:	wfi"
			     : "=r"(at)::"memory");
	irq_enable();
	barrier_isb();
	return at;
}

/* WFE until the handler has run; other wake-ups do no harm. */
static uint64_t job_wfe(uint64_t runs)
{
	uint64_t n = 0;

	irq_disable();
	shared_write(&this_cpu()->scratch, 1);
	while (shared_read(&this_sdei()->runs[E0]) < runs) {
		asm volatile("wfe" ::: "memory");
		n++;
	}
	irq_enable();
	return n;
}

static bool signal_waiting(struct run *t, uint64_t (*job)(uint64_t), uint64_t arg)
{
	struct cpu *cpu = &machine.cpu[1];
	bool awake;

	shared_write(&cpu->scratch, 0);
	smp_post(cpu, job, arg);
	smp_wait_word(&cpu->scratch, 1, STALL_US);
	timer_spin_us(ASLEEP_US / 2);
	sdei_signal(cpu->mpidr);
	awake = expect(t, wait_runs(1, E0, arg, STALL_US) && smp_wait(cpu, STALL_US),
		       "run %lu: expected the event to wake cpu1", arg);
	if (!awake)
		gic_send_sgi(cpu, SGI_TEST);
	return awake;
}

static void r12(struct run *t)
{
	struct sdei_cpu *s = sdei_of(&machine.cpu[1]);
	uint64_t n = 0, at = 0, pc = 0;
	unsigned asleep = 0;

	if (!start_or_fail(t, 1) || !make_ready(t, 1, E0))
		return;
	for (unsigned round = 0; round < 10; round++) {
		if (!signal_waiting(t, job_wfi, ++n))
			return;
		at = machine.cpu[1].result;
		pc = s->last[E0].x[2];
		asleep += pc == at || pc == at + 4;
	}
	expect(t, asleep > 0,
	       "WFI at image+0x%lx: expected x2 there or behind it once in 10 times, found image+0x%lx",
	       at - (uint64_t)image_start, pc - (uint64_t)image_start);
	for (unsigned round = 0; round < 5; round++)
		if (!signal_waiting(t, job_wfe, ++n))
			return;
}

static const struct test tests[] = {
	{ "R01", "CPU_ON: masked, no private handlers; shared ones stay", r01, 0, 2, false },
	{ "R01-boot", "the same for the boot CPU", r01_boot, 0, 2, false },
	{ "R03", "EVENT_SIGNAL does not wake an OFF CPU", r03, 0, 2, false },
	{ "R03-shared", "a shared event routed to an OFF CPU waits for it", r03_shared, 0, 2,
	  false },
	{ "R04", "PSCI calls in a handler", r04, 0, 2, false },
	{ "R04-suspend", "suspend calls in a handler are DENIED", r04_suspend, 0, 0, false },
	{ "R06", "CPU_OFF and CPU_FREEZE in a handler complete it", r06, 60, 2, false },
	{ "R06-nested", "CPU_OFF in a critical handler over a normal one", r06_nested, 0, 2,
	  false },
	{ "R07-off", "SYSTEM_OFF in a handler", r07_off, 0, 0, true },
	{ "R07-reset", "SYSTEM_RESET in a handler", r07_reset, 0, 0, true },
	{ "R07-warm", "SYSTEM_RESET2 in a handler: SDEI as at boot", r07_warm, 0, 0, true },
	{ "R08", "an event ends a standby state", r08, 60, 2, false },
	{ "R08-masked", "an event for a masked CPU in standby is kept", r08_masked, 60, 2, false },
	{ "R08-race", "events at random moments around CPU_SUSPEND", r08_race, 60, 2, false },
	{ "R10", "power-down: handlers kept, masked, the event runs at PE_UNMASK", r10, 60, 2,
	  false },
	{ "R10-system", "SYSTEM_SUSPEND: handlers kept, masked", r10_system, 0, 0, false },
	{ "R12", "an event ends WFI and WFE", r12, 0, 2, false },
};
const struct test_group group_power = { tests, ARRAY_LEN(tests) };
