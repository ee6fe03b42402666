/*
 * Storms: many events from and to everywhere for soak= seconds, with exact accounts at the end.
 * seed= repeats a run's random numbers (not its timing).
 */
#include "guest/sdei/suite.h"

#define MAX_STORM_CPUS 17
#define SETTLE_US      50000
#define RASVM_STANDBY  0x00000000u
#define RASVM_POWERED  0x00010000u
#define POWERDOWN_BIT  16

/*
 * Signals coalesce, so runs say little. What is exact: a handler that runs after a signal sees what
 * the sender had written before it. sent[j] is the number of signals to CPU j, counted before each;
 * seen[i] what the handler found in CPU i's count. Written by the CPU they belong to.
 */
struct account {
	uint64_t sent[MAX_STORM_CPUS];
	uint64_t seen[MAX_STORM_CPUS];
	uint64_t seed;
	uint64_t masked;      /* between PE_MASK and PE_UNMASK */
	uint64_t runs_masked; /* handlers entered there */
	uint64_t failed;      /* result of a call that should have been 0 */
} __attribute__((aligned(2 * CACHE_LINE)));

static struct account account[MAX_STORM_CPUS];
static uint64_t storm_over;

static unsigned storm_cpus(void)
{
	return machine.ncpus < MAX_STORM_CPUS ? machine.ncpus : MAX_STORM_CPUS;
}

static void storm_init(void)
{
	uint64_t seed = bootarg_number("seed", timer_now());

	note("seed=%lu", seed);
	memset(account, 0, sizeof(account));
	for (unsigned i = 0; i < MAX_STORM_CPUS; i++)
		account[i].seed = random_next(&seed);
	shared_write(&storm_over, 0);
}

static void handler_account(struct sdei_entry *entry)
{
	unsigned self = this_cpu()->index;
	struct account *a = &account[self];

	(void)entry;
	a->runs_masked += a->masked;
	for (unsigned i = 0; i < storm_cpus(); i++)
		a->seen[i] = shared_read(&account[i].sent[self]);
	barrier_full();
}

static int64_t send(unsigned self, unsigned target)
{
	shared_write(&account[self].sent[target], account[self].sent[target] + 1);
	return sdei_signal(machine.cpu[target].mpidr);
}

static void send_at_random(unsigned self)
{
	struct account *a = &account[self];
	uint64_t dice = random_next(&a->seed);

	if (send(self, (unsigned)(dice >> 32) % storm_cpus()) != SDEI_SUCCESS)
		a->failed++;
	if (dice % 8 == 0)
		timer_spin_us(dice >> 8 & 63);
}

static uint64_t signals_to(unsigned target)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < storm_cpus(); i++)
		n += shared_read(&account[i].sent[target]);
	return n;
}

/* Signals whose run has not come: seen lags behind sent. */
static uint64_t signals_lost(unsigned target)
{
	uint64_t lost = 0;

	for (unsigned i = 0; i < storm_cpus(); i++)
		lost += shared_read(&account[i].sent[target]) -
			shared_read(&account[target].seen[i]);
	return lost;
}

static void wait_drained(unsigned target)
{
	uint64_t start = timer_now();

	while (signals_lost(target) && timer_us_since(start) < STALL_US * machine.time_scale)
		cpu_relax();
}

static void expect_no_call_failed(struct run *t)
{
	for (unsigned i = 0; i < storm_cpus(); i++)
		expect_eq(t, (int64_t)account[i].failed, 0, "cpu%u: EVENT_SIGNAL calls that failed",
			  i);
}

static void expect_accounts(struct run *t)
{
	uint64_t sent = 0, runs = 0;

	for (unsigned i = 0; i < storm_cpus(); i++)
		wait_drained(i);
	/* What was drained may have one more run to come, of a signal that changed nothing. No more
	 * signals are sent, and a call of an unmasked CPU returns after all that was pending for it. */
	for (unsigned i = 0; i < storm_cpus(); i++)
		call_on(t, i, SDEI_FID_STATUS, SDEI_EVENT_SIGNALLED, 0, 0);
	for (unsigned i = 0; i < storm_cpus(); i++) {
		expect_eq(t, (int64_t)signals_lost(i), 0, "cpu%u: signals without a run after them",
			  i);
		expect(t, runs_on(i, E0) <= signals_to(i),
		       "cpu%u: expected at most %lu runs for as many signals, found %lu", i,
		       signals_to(i), runs_on(i, E0));
		sent += signals_to(i);
		runs += runs_on(i, E0);
	}
	expect_no_call_failed(t);
	note("storm signal: signalled %lu ran %lu", sent, runs);
}

static uint64_t job_signal_storm(uint64_t us)
{
	uint64_t start = timer_now();

	while (timer_us_since(start) < us)
		send_at_random(this_cpu()->index);
	return 0;
}

static void z01(struct run *t)
{
	uint64_t us = t->soak_s * SECOND_US;

	storm_init();
	if (!start_all(t))
		return;
	set_handler(E0, handler_account);
	for (unsigned i = 0; i < storm_cpus(); i++)
		if (!make_ready(t, i, E0))
			return;
	for (unsigned i = 1; i < storm_cpus(); i++)
		smp_post(&machine.cpu[i], job_signal_storm, us);
	job_signal_storm(us);
	for (unsigned i = 1; i < storm_cpus(); i++)
		expect(t, smp_wait(&machine.cpu[i], STALL_US), "cpu%u: lost", i);
	expect_accounts(t);
}

/* One stay of a CPU in the hotplug storm: handlers set up, signals sent, perhaps a suspend that its
 * own timer or an event ends. The result is the first call's that failed. */
static uint64_t job_stay(uint64_t dice)
{
	unsigned self = this_cpu()->index;
	uint32_t state = dice & 1 ? RASVM_POWERED : RASVM_STANDBY;
	struct suspend_result r = { 0 };

	if (!(sdei_status(0) & SDEI_ENABLED)) {
		int64_t ret = register_slot(E0, 0, 0, 0);

		if (ret == SDEI_SUCCESS)
			ret = sdei_enable(0);
		if (ret != SDEI_SUCCESS)
			return (uint64_t)ret;
	}
	sdei_pe_unmask();
	for (unsigned n = 0; n < (dice >> 4 & 15); n++)
		send_at_random(self);
	if (dice & 2) {
		irq_disable();
		timer_wake_in_us(100 + (dice >> 8) % 2000);
		r = psci_suspend(PSCI_CPU_SUSPEND, state, (uint64_t)secondary_entry, dice);
		timer_wake_cancel();
		irq_enable();
		barrier_isb();
		sdei_pe_unmask();
	}
	return (uint64_t)r.ret;
}

static bool hotplug_step(struct run *t, unsigned i, uint64_t dice)
{
	struct cpu *cpu = &machine.cpu[i];
	int64_t affinity = psci_affinity(cpu->mpidr, 0);

	if (!expect(t, affinity >= 0 && affinity <= 2,
		    "AFFINITY_INFO(cpu%u): expected 0 to 2, found %ld", i, affinity))
		return false;
	if (affinity == AFFINITY_OFF)
		return start_or_fail(t, i);
	if (affinity == AFFINITY_ON_PENDING)
		return true;
	if (!expect(t, smp_wait(cpu, STALL_US), "cpu%u: lost wake-up: job not done in 10 s", i))
		return false;
	if ((int64_t)cpu->result < 0)
		return expect_eq(t, (int64_t)cpu->result, 0, "cpu%u: SDEI call or CPU_SUSPEND", i);
	if (dice % 4 == 0)
		return expect(t, smp_stop(cpu), "cpu%u: expected OFF", i);
	smp_post(cpu, job_stay, dice >> 4);
	return true;
}

/* A CPU that goes OFF forgets what was pending for it, so the accounts are of a last round with all
 * CPUs on. */
static void expect_all_alive(struct run *t)
{
	for (unsigned i = 1; i < storm_cpus(); i++) {
		if (psci_affinity(machine.cpu[i].mpidr, 0) == AFFINITY_OFF && !start_or_fail(t, i))
			return;
		if (!expect(t, smp_wait(&machine.cpu[i], STALL_US), "cpu%u: lost", i))
			return;
		smp_post(&machine.cpu[i], job_stay, 0xf0);
	}
	for (unsigned i = 1; i < storm_cpus(); i++)
		expect(t,
		       smp_wait(&machine.cpu[i], STALL_US) && machine.cpu[i].result == SDEI_SUCCESS,
		       "cpu%u: expected its job to end with 0, found %ld", i,
		       (int64_t)machine.cpu[i].result);
	for (unsigned i = 0; i < storm_cpus(); i++)
		send(0, i);
	expect_accounts(t);
}

static void z02(struct run *t)
{
	uint64_t start = timer_now(), steps = 0;

	storm_init();
	set_handler(E0, handler_account);
	register_enable(t, E0, 0);
	sdei_pe_unmask();
	while (timer_us_since(start) < t->soak_s * SECOND_US) {
		uint64_t dice = random_next(&account[0].seed);

		if (!hotplug_step(t, 1 + (unsigned)(dice >> 40) % (storm_cpus() - 1),
				  dice & 0xffffffff))
			return;
		send_at_random(0);
		steps++;
	}
	note("%lu steps in %lu s", steps, t->soak_s);
	expect_all_alive(t);
}

/* Mask and unmask at random until the storm is over. */
static uint64_t job_mask_at_random(uint64_t arg)
{
	struct account *a = &account[this_cpu()->index];

	(void)arg;
	while (!shared_read(&storm_over)) {
		uint64_t dice = random_next(&a->seed);

		sdei_pe_mask();
		a->masked = 1;
		barrier_full();
		timer_spin_us(dice & 127);
		a->masked = 0;
		barrier_full();
		sdei_pe_unmask();
		timer_spin_us(dice >> 8 & 127);
	}
	return 0;
}

static uint64_t runs_of_shared(void)
{
	return runs_in_all(SN) + runs_in_all(SC);
}

/* One trigger, acknowledged by its handler before the next; the boot CPU masked or not. */
static bool one_trigger(struct run *t, uint64_t n, uint64_t dice)
{
	uint64_t start = timer_now();
	struct account *a = &account[0];

	a->masked = dice & 1;
	if (dice & 1)
		sdei_pe_mask();
	else
		sdei_pe_unmask();
	if (!expect_eq(t, fire(dice & 2 ? SN : SC, NULL), 0, "trigger %lu", n))
		return false;
	while (runs_of_shared() < n && timer_us_since(start) < STALL_US * machine.time_scale)
		cpu_relax();
	if (dice % 16 == 0)
		timer_spin_us(dice >> 8 & 511);
	return expect_eq(t, (int64_t)runs_of_shared(), (int64_t)n, "runs after trigger %lu", n);
}

static void expect_none_masked(struct run *t)
{
	for (unsigned i = 0; i < storm_cpus(); i++) {
		expect_eq(t, (int64_t)account[i].runs_masked, 0,
			  "cpu%u: handlers entered while masked", i);
		note("cpu%u: %lu", i, runs_on(i, SN) + runs_on(i, SC));
	}
}

static void z03(struct run *t)
{
	uint64_t start = timer_now(), n = 0;

	if (need_trigger(t))
		return;
	storm_init();
	if (!start_all(t))
		return;
	set_handler(SN, handler_account);
	set_handler(SC, handler_account);
	register_enable(t, SN, 0);
	register_enable(t, SC, 0);
	for (unsigned i = 1; i < storm_cpus(); i++)
		smp_post(&machine.cpu[i], job_mask_at_random, 0);
	while (timer_us_since(start) < t->soak_s * SECOND_US)
		if (!one_trigger(t, ++n, random_next(&account[0].seed)))
			break;
	timer_spin_us(SETTLE_US);
	shared_write(&storm_over, 1);
	for (unsigned i = 1; i < storm_cpus(); i++)
		expect(t, smp_wait(&machine.cpu[i], STALL_US), "cpu%u: lost", i);
	sdei_pe_mask();
	account[0].masked = 0;
	expect_none_masked(t);
	note("storm rm-any: triggered %lu ran %lu", n, runs_of_shared());
	expect_eq(t, (int64_t)runs_of_shared(), (int64_t)n, "runs in all");
}

static const struct test tests[] = {
	{ "Z01", "all CPUs signal all CPUs: nothing lost (soak= seconds)", z01, 60, 0, false },
	{ "Z02", "random on, off, suspend with signals (soak= seconds)", z02, 60, 2, false },
	{ "Z03", "RM_ANY with random masking: each trigger runs once (soak= seconds)", z03, 60, 2,
	  false },
};
const struct test_group group_storm = { tests, ARRAY_LEN(tests) };
