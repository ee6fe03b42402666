/* Group E: calls that race with each other. */
#include "guest/psci/suite.h"

#define MAX_RACERS  16
#define RACE_ROUNDS 20

struct racer {
	int64_t ret;
} __attribute__((aligned(CACHE_LINE)));

static struct barrier start_line;
static struct racer racers[MAX_RACERS];
static struct cpu *race_target;

static uint64_t job_race_cpu_on(uint64_t slot)
{
	barrier_wait(&start_line, (unsigned)slot);
	racers[slot].ret =
		psci_cpu_on(race_target->mpidr, (uint64_t)secondary_entry, 0x1000 + slot);
	return 0;
}

static unsigned count_ret(unsigned n, int64_t ret)
{
	unsigned count = 0;

	for (unsigned i = 0; i < n; i++)
		count += racers[i].ret == ret;
	return count;
}

static uint64_t winner_ctx(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (racers[i].ret == PSCI_SUCCESS)
			return 0x1000 + i;
	return 0;
}

/* CPUs 0..n-1 race to start CPU n. */
static bool one_race(struct run *t, unsigned n)
{
	static const int64_t losers[] = { PSCI_ALREADY_ON, PSCI_ON_PENDING };
	uint64_t before = shared_read(&race_target->entries);

	barrier_init(&start_line, n);
	for (unsigned i = 1; i < n; i++)
		smp_post(&machine.cpu[i], job_race_cpu_on, i);
	job_race_cpu_on(0);
	for (unsigned i = 1; i < n; i++)
		if (!expect(t, smp_wait(&machine.cpu[i], STALL_US), "cpu%u: CPU_ON did not return",
			    i))
			return false;
	if (!expect_eq(t, count_ret(n, PSCI_SUCCESS), 1, "CPU_ON calls that succeeded"))
		return false;
	for (unsigned i = 0; i < n; i++)
		if (racers[i].ret != PSCI_SUCCESS)
			expect_one_of(t, racers[i].ret, losers, ARRAY_LEN(losers),
				      "cpu%u: losing CPU_ON", i);
	if (!expect(t, smp_wait_entry(race_target, before, STALL_US), "target: expected a start"))
		return false;
	timer_spin_us(2000);
	expect_eq(t, (int64_t)(shared_read(&race_target->entries) - before), 1, "target: starts");
	expect_hex(t, race_target->entry.ctx, winner_ctx(n), "target: x0 (the winner's)");
	return expect(t, smp_stop(race_target), "target: expected OFF");
}

static void e01(struct run *t)
{
	unsigned n = machine.ncpus - 1;

	if (n > MAX_RACERS)
		n = MAX_RACERS;
	race_target = &machine.cpu[n];
	for (unsigned i = 1; i < n; i++)
		if (!start_or_fail(t, i))
			return;
	for (unsigned round = 0; round < RACE_ROUNDS; round++)
		if (!one_race(t, n))
			return;
}

static uint64_t job_off(uint64_t arg)
{
	(void)arg;
	psci_cpu_off();
	return 0;
}

static void e05(struct run *t)
{
	static const int64_t legal[] = { PSCI_ALREADY_ON };
	struct cpu *cpu = &machine.cpu[1];

	if (!start_or_fail(t, 1))
		return;
	for (uint64_t round = 0; round < 200; round++) {
		uint64_t before = shared_read(&cpu->entries), start = timer_now();
		int64_t ret;

		smp_post(cpu, job_off, 0);
		do {
			ret = psci_cpu_on(cpu->mpidr, (uint64_t)secondary_entry, round);
			if (ret != PSCI_SUCCESS &&
			    !expect_one_of(t, ret, legal, 1, "CPU_ON during CPU_OFF"))
				return;
		} while (ret != PSCI_SUCCESS &&
			 timer_us_since(start) < STALL_US * machine.time_scale);
		if (!expect_eq(t, ret, PSCI_SUCCESS,
			       "round %lu: CPU_ON while and after it goes OFF", round) ||
		    !expect(t, smp_wait_entry(cpu, before, STALL_US), "round %lu: lost start",
			    round))
			return;
		expect_hex(t, cpu->entry.ctx, round, "round %lu: x0", round);
	}
}

static void e06(struct run *t)
{
	for (unsigned round = 0; round < 5; round++) {
		for (unsigned i = 1; i < machine.ncpus; i++)
			if (!start_or_fail(t, i))
				return;
		for (unsigned i = 1; i < machine.ncpus; i++)
			smp_post(&machine.cpu[i], job_off, 0);
		for (unsigned i = 1; i < machine.ncpus; i++) {
			struct cpu *cpu = &machine.cpu[i];

			expect(t, smp_wait_off(cpu, STALL_US), "cpu%u: expected OFF, found %ld", i,
			       psci_affinity(cpu->mpidr, 0));
			expect(t, shared_read(&cpu->done_sequence) != cpu->job.sequence,
			       "cpu%u: CPU_OFF returned", i);
		}
	}
}

/* Suspend for a random short time, woken by the CPU's own timer. */
static uint64_t job_timed_suspend(uint64_t seed)
{
	uint32_t state = seed & 1 ? powerdown_state() : standby_state();
	struct suspend_result r;

	irq_disable();
	timer_wake_in_us(100 + (seed >> 8) % 2000);
	r = psci_suspend(PSCI_CPU_SUSPEND, state, (uint64_t)secondary_entry, seed);
	irq_enable();
	barrier_isb();
	timer_wake_cancel();
	return (uint64_t)r.ret;
}

static uint64_t job_spin(uint64_t us)
{
	timer_spin_us(us % 500);
	return 0;
}

/* One random step for one CPU; false after a failure. */
static bool storm_step(struct run *t, unsigned i, uint64_t dice, uint64_t *steps)
{
	struct cpu *cpu = &machine.cpu[i];
	int64_t affinity = psci_affinity(cpu->mpidr, 0);

	if (!expect(t, affinity >= 0 && affinity <= 2,
		    "AFFINITY_INFO(cpu%u): expected 0..2, found %ld", i, affinity))
		return false;
	(*steps)++;
	if (affinity == AFFINITY_OFF)
		return start_or_fail(t, i);
	if (affinity == AFFINITY_ON_PENDING)
		return true;
	if (!expect(t, smp_wait(cpu, STALL_US), "cpu%u: lost wake-up: job not done in 10 s", i))
		return false;
	if ((int64_t)cpu->result < 0)
		return expect_eq(t, (int64_t)cpu->result, 0, "cpu%u: CPU_SUSPEND", i);
	if (dice % 4 == 0)
		return expect(t, smp_stop(cpu), "cpu%u: expected OFF", i);
	smp_post(cpu, dice % 4 == 1 ? job_spin : job_timed_suspend, dice >> 4);
	return true;
}

static void e07(struct run *t)
{
	uint64_t seed = bootarg_number("seed", timer_now()), start = timer_now(), steps = 0;
	unsigned n = machine.ncpus < 17 ? machine.ncpus : 17;

	note("seed=%lu", seed);
	while (timer_us_since(start) < t->soak_s * SECOND_US) {
		uint64_t dice = random_next(&seed);

		if (!storm_step(t, 1 + (unsigned)(dice >> 32) % (n - 1), dice & 0xffffffff, &steps))
			return;
	}
	note("%lu steps in %lu s", steps, t->soak_s);
}

static const struct test tests[] = {
	{ "E01", "all CPUs turn one on at once: one wins", e01, 60, 3, false },
	{ "E05", "CPU_ON in a loop while the target goes OFF", e05, 60, 2, false },
	{ "E06", "all secondaries go OFF at once", e06, 120, 2, false },
	{ "E07", "random on, off and suspend (soak= seconds)", e07, 30, 2, false },
};
const struct test_group group_race = { tests, ARRAY_LEN(tests) };
