/* Group D: CPU_ON, CPU_OFF, AFFINITY_INFO (Arm DEN0022F.b 5.5 to 5.7, 6.4.3). */
#include "guest/psci/suite.h"

#define BIT(n) (UINT64_C(1) << (n))

static void d01(struct run *t)
{
	expect_eq(t, psci_affinity(machine.cpu[0].mpidr, 0), AFFINITY_ON, "AFFINITY_INFO(boot)");
	for (unsigned i = 1; i < machine.ncpus; i++)
		expect_eq(t, psci_affinity(machine.cpu[i].mpidr, 0), AFFINITY_OFF,
			  "AFFINITY_INFO(cpu%u)", i);
}

static void d02(struct run *t)
{
	const uint64_t ctx = UINT64_C(0xfedcba9876543210);
	struct cpu *cpu = &machine.cpu[1];
	int64_t ret;
	bool up = smp_start(cpu, ctx, &ret);

	expect_eq(t, ret, PSCI_SUCCESS, "CPU_ON(cpu1)");
	if (!expect(t, up, "cpu1: expected to reach the entry point"))
		return;
	expect_hex(t, cpu->entry.ctx, ctx, "cpu1: x0 at entry");
	expect_eq(t, psci_affinity(cpu->mpidr, 0), AFFINITY_ON, "AFFINITY_INFO(cpu1)");
}

static void d03(struct run *t)
{
	for (unsigned i = 1; i < machine.ncpus && i < 8; i++) {
		struct entry_state *e = &machine.cpu[i].entry;

		if (!start_or_fail(t, i))
			continue;
		expect_hex(t, e->current_el, machine.boot_el << 2, "cpu%u: CurrentEL", i);
		expect_hex(t, e->spsel & 1, 1, "cpu%u: SPSel", i);
		expect_hex(t, e->daif, DAIF_ALL, "cpu%u: DAIF", i);
		expect_hex(t, e->sctlr & (SCTLR_M | SCTLR_C | SCTLR_I | SCTLR_EE), 0,
			   "cpu%u: SCTLR M, C, I, EE", i);
		expect_hex(t, e->mpidr & MPIDR_AFFINITY, machine.cpu[i].mpidr, "cpu%u: MPIDR", i);
		expect_eq(t, (int64_t)e->cntfrq_hz, (int64_t)sysreg_read(cntfrq_el0),
			  "cpu%u: CNTFRQ", i);
	}
}

static bool suspend_cpu(struct run *t, unsigned i, uint64_t powerdown)
{
	if (!start_or_fail(t, i))
		return false;
	machine.cpu[i].scratch = 0;
	smp_post(&machine.cpu[i], job_suspend_until_sgi, powerdown);
	return expect(t, wait_suspended(&machine.cpu[i]), "cpu%u: expected it to suspend", i);
}

static void wake_cpu(struct run *t, unsigned i)
{
	struct cpu *cpu = &machine.cpu[i];

	gic_send_sgi(cpu, SGI_TEST);
	if (expect(t, smp_wait(cpu, STALL_US), "cpu%u: expected to wake from its suspend", i))
		expect_eq(t, (int64_t)cpu->result, PSCI_SUCCESS, "cpu%u: CPU_SUSPEND", i);
}

static void d06(struct run *t)
{
	uint64_t entry = (uint64_t)secondary_entry;

	expect_eq(t, psci_cpu_on(machine.cpu[0].mpidr, entry, 0), PSCI_ALREADY_ON, "CPU_ON(self)");
	if (machine.ncpus < 2 || !start_or_fail(t, 1))
		return;
	expect_eq(t, psci_cpu_on(machine.cpu[1].mpidr, entry, 0), PSCI_ALREADY_ON,
		  "CPU_ON(running cpu1)");
	for (uint64_t powerdown = 0; powerdown < 2; powerdown++) {
		smp_stop(&machine.cpu[1]);
		if (!suspend_cpu(t, 1, powerdown))
			return;
		expect_eq(t, psci_cpu_on(machine.cpu[1].mpidr, entry, 0), PSCI_ALREADY_ON,
			  "CPU_ON(cpu1 in %s)", powerdown ? "power-down" : "standby");
		wake_cpu(t, 1);
	}
}

static void d07(struct run *t)
{
	uint64_t target = machine.cpu[machine.ncpus > 1].mpidr, entry = (uint64_t)secondary_entry;
	const uint64_t bad[] = { 0xffffffff,       UINT64_MAX,       absent_mpidr(),
				 target | BIT(31), target | BIT(24), target | BIT(30),
				 target | BIT(40), target | BIT(63) };

	for (unsigned i = 0; i < ARRAY_LEN(bad); i++)
		expect_eq(t, psci_cpu_on(bad[i], entry, 0), PSCI_INVALID_PARAMETERS,
			  "CPU_ON(0x%lx)", bad[i]);
	expect_eq(t, smccc(PSCI_CPU_ON32, target | BIT(31), entry, 0), PSCI_INVALID_PARAMETERS,
		  "SMC32 CPU_ON(0x%lx)", target | BIT(31));
	for (unsigned i = 1; i < machine.ncpus; i++)
		expect_eq(t, psci_affinity(machine.cpu[i].mpidr, 0), AFFINITY_OFF,
			  "AFFINITY_INFO(cpu%u) afterwards", i);
}

/* False if the call was wrongly accepted: the CPU may now run at a bad address. */
static bool expect_entry_refused(struct run *t, const struct cpu *cpu, uint64_t entry)
{
	int64_t ret = psci_cpu_on(cpu->mpidr, entry, 0);

	expect_eq(t, ret, bad_address(), "CPU_ON with entry 0x%lx", entry);
	if (ret == PSCI_SUCCESS) {
		timer_spin_us(
			10000); /* let it become visible, so that the runner sees it is lost */
		return false;
	}
	return expect_eq(t, psci_affinity(cpu->mpidr, 0), AFFINITY_OFF,
			 "AFFINITY_INFO after entry 0x%lx", entry);
}

static void d09(struct run *t)
{
	uint64_t good = (uint64_t)secondary_entry;
	const uint64_t bad[] = {
		good | 1,
		good | 2,
		address_outside_ram(),
		address_in_device(),
		UINT64_MAX & ~UINT64_C(3),
		good | BIT(55),
		0,
	};
	/* The last CPU: if it starts at a bad address the suite goes on without it. */
	struct cpu *cpu = &machine.cpu[machine.ncpus - 1];
	uint64_t before = shared_read(&cpu->entries);

	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		if (bad[i] == 0 && ram_contains(0, 4))
			continue;
		if (!expect_entry_refused(t, cpu, bad[i]))
			return;
	}
	expect_eq(t, (int64_t)shared_read(&cpu->entries), (int64_t)before, "target: starts");
}

static void d10(struct run *t)
{
	const int64_t both[] = { bad_address(), PSCI_ALREADY_ON };

	expect_eq(t, psci_cpu_on(absent_mpidr(), 2, 0), PSCI_INVALID_PARAMETERS,
		  "CPU_ON with invalid target and entry");
	expect_one_of(t, psci_cpu_on(machine.cpu[0].mpidr, 2, 0), both, ARRAY_LEN(both),
		      "CPU_ON with a target that is ON and an invalid entry");
}

static uint64_t job_off_with_argument(uint64_t power_state)
{
	return (uint64_t)smccc(PSCI_CPU_OFF, power_state, 0, 0);
}

static void d11(struct run *t)
{
	for (unsigned i = 1; i < machine.ncpus; i++) {
		struct cpu *cpu = &machine.cpu[i];

		for (unsigned round = 0; round < 2; round++) {
			if (!start_or_fail(t, i))
				break;
			smp_post(cpu, job_off_with_argument, round ? 0x10000 : 0);
			if (!expect(t, smp_wait_off(cpu, STALL_US),
				    "cpu%u: expected OFF, found %ld", i,
				    psci_affinity(cpu->mpidr, 0)))
				break;
			expect(t, shared_read(&cpu->done_sequence) != cpu->job.sequence,
			       "cpu%u: CPU_OFF returned %ld", i, (int64_t)cpu->result);
		}
	}
}

static uint64_t job_arm_timer_and_off(uint64_t us)
{
	irq_disable();
	timer_wake_in_us(us);
	psci_cpu_off();
	return 0;
}

static void d12(struct run *t)
{
	struct cpu *cpu = &machine.cpu[1];
	uint32_t spi = gic_last_spi();
	uint64_t before;

	if (machine.gic == GIC_NONE) {
		skip(t, "no GIC in the device tree");
		return;
	}
	if (!start_or_fail(t, 1))
		return;
	before = shared_read(&cpu->entries);
	smp_post(cpu, job_arm_timer_and_off, 50000);
	if (!expect(t, smp_wait_off(cpu, STALL_US), "cpu1: expected OFF"))
		return;
	gic_send_sgi(cpu, SGI_TEST);
	if (spi) {
		gic_spi_route(spi, cpu);
		gic_spi_enable(spi, true);
		gic_spi_set_pending(spi, true);
	}
	for (unsigned i = 0; i < 10; i++) {
		timer_spin_us(30000);
		if (!expect_eq(t, psci_affinity(cpu->mpidr, 0), AFFINITY_OFF,
			       "AFFINITY_INFO(cpu1) with interrupts pending"))
			break;
	}
	expect_eq(t, (int64_t)shared_read(&cpu->entries), (int64_t)before, "cpu1: starts");
	if (spi) {
		gic_spi_set_pending(spi, false);
		gic_spi_enable(spi, false);
	}
	start_or_fail(t, 1);
}

/* What levels above 0 say if they aggregate: ON if any CPU below the node is. */
static int64_t aggregate(uint64_t mpidr, unsigned level)
{
	uint64_t ignore = level >= 3 ? 0xffffff : BIT(8 * level) - 1;

	for (unsigned i = 0; i < machine.ncpus; i++)
		if ((machine.cpu[i].mpidr & ~ignore) == (mpidr & ~ignore) &&
		    psci_affinity(machine.cpu[i].mpidr, 0) == AFFINITY_ON)
			return AFFINITY_ON;
	return AFFINITY_OFF;
}

static void expect_levels(struct run *t)
{
	for (unsigned level = 1; level <= 3; level++)
		for (unsigned i = 0; i < machine.ncpus && i < 18; i++) {
			uint64_t mpidr = machine.cpu[i].mpidr;
			const int64_t legal[] = { aggregate(mpidr, level),
						  PSCI_INVALID_PARAMETERS };

			expect_one_of(t, psci_affinity(mpidr, level), legal, ARRAY_LEN(legal),
				      "AFFINITY_INFO(cpu%u, level %u)", i, level);
		}
}

static void d14(struct run *t)
{
	static const uint64_t levels[] = { 4, 5, 0x80000000, 0xffffffff };
	static const unsigned mbz[] = { 24, 30, 31, 40, 55, 63 };
	uint64_t self = machine.cpu[0].mpidr;

	for (unsigned i = 0; i < ARRAY_LEN(levels); i++)
		expect_eq(t, psci_affinity(self, levels[i]), PSCI_INVALID_PARAMETERS,
			  "AFFINITY_INFO(boot, level 0x%lx)", levels[i]);
	for (unsigned i = 0; i < ARRAY_LEN(mbz); i++)
		expect_eq(t, psci_affinity(self | BIT(mbz[i]), 0), PSCI_INVALID_PARAMETERS,
			  "AFFINITY_INFO(boot | bit %u)", mbz[i]);
	expect_eq(t, psci_affinity(absent_mpidr(), 0), PSCI_INVALID_PARAMETERS,
		  "AFFINITY_INFO(absent 0x%lx)", absent_mpidr());
	expect_levels(t);
	if (machine.ncpus > 1 && start_or_fail(t, machine.ncpus - 1))
		expect_levels(t);
}

static void d16(struct run *t)
{
	for (uint64_t powerdown = 0; powerdown < 2; powerdown++) {
		if (!suspend_cpu(t, 1, powerdown))
			return;
		expect_eq(t, psci_affinity(machine.cpu[1].mpidr, 0), AFFINITY_ON,
			  "AFFINITY_INFO(cpu1 in %s)", powerdown ? "power-down" : "standby");
		wake_cpu(t, 1);
		smp_stop(&machine.cpu[1]);
	}
}

/* On cpu1: when the boot CPU is off turn it on again. */
static uint64_t job_revive_boot_cpu(uint64_t ctx)
{
	struct cpu *boot = &machine.cpu[0];
	int64_t ret;

	if (!smp_wait_off(boot, STALL_US))
		return 1;
	timer_spin_us(20000);
	ret = psci_cpu_on(boot->mpidr, (uint64_t)secondary_entry, ctx);
	if (ret != PSCI_SUCCESS)
		print("Bail out! D17: CPU_ON(boot CPU): expected 0, found %ld\n", ret);
	return (uint64_t)ret;
}

static void d17(struct run *t)
{
	const uint64_t ctx = UINT64_C(0x1122334455667788);
	struct suspend_result r;

	if (!start_or_fail(t, 1))
		return;
	smp_post(&machine.cpu[1], job_revive_boot_cpu, ctx);
	/* As a suspend: the context is kept and entered again. */
	r = psci_suspend(PSCI_CPU_OFF, 0, 0, 0);
	if (!expect(t, r.via_entry, "CPU_OFF on the boot CPU: expected no return, found %ld",
		    r.ret))
		return;
	expect_hex(t, r.ctx, ctx, "boot CPU: x0 at entry");
	expect(t, smp_wait(&machine.cpu[1], STALL_US), "cpu1: expected its CPU_ON to return");
	expect_eq(t, (int64_t)machine.cpu[1].result, PSCI_SUCCESS, "CPU_ON(boot CPU)");
	expect_eq(t, psci_affinity(machine.cpu[0].mpidr, 0), AFFINITY_ON, "AFFINITY_INFO(boot)");
}

static void d18(struct run *t)
{
	note("the last CPU powers itself off; the machine's policy decides what follows");
	print("ok 1 - D18 all CPUs off (result: the machine's exit)\n");
	psci_cpu_off();
	expect(t, false, "CPU_OFF on the last CPU returned");
}

static void d19(struct run *t)
{
	uint64_t seed = timer_now();
	unsigned n = machine.ncpus;

	for (unsigned round = 0; round < 10; round++) {
		for (unsigned i = 1; i < n; i++) {
			uint64_t ctx = random_next(&seed);
			int64_t ret;
			bool up = smp_start(&machine.cpu[i], ctx, &ret);

			if (!expect(t, up, "round %u cpu%u: expected a start, CPU_ON gave %ld",
				    round, i, ret))
				return;
			expect_hex(t, machine.cpu[i].entry.ctx, ctx, "round %u cpu%u: x0", round,
				   i);
		}
		if (!expect(t, smp_stop_all(), "round %u: expected all CPUs OFF", round))
			return;
	}
}

static const struct test tests[] = {
	{ "D01", "at start the boot CPU is ON, the others OFF", d01, 0, 0, false },
	{ "D02", "CPU_ON starts the target with its context", d02, 0, 2, false },
	{ "D03", "state of a CPU at its entry point", d03, 0, 2, false },
	{ "D06", "CPU_ON of a CPU that is ON, running or suspended", d06, 0, 0, false },
	{ "D07", "CPU_ON of an invalid target", d07, 0, 0, false },
	{ "D09", "CPU_ON with an invalid entry point", d09, 0, 2, false },
	{ "D10", "CPU_ON: order of the checks", d10, 0, 0, false },
	{ "D11", "CPU_OFF and CPU_ON again, every CPU", d11, 60, 2, false },
	{ "D12", "interrupts do not wake a CPU that is OFF", d12, 0, 2, false },
	{ "D14", "AFFINITY_INFO levels and invalid arguments", d14, 60, 0, false },
	{ "D16", "AFFINITY_INFO of a suspended CPU is ON", d16, 0, 2, false },
	{ "D17", "the boot CPU goes OFF and is turned on by another", d17, 0, 2, false },
	{ "D18", "the last CPU goes OFF", d18, 0, 0, true },
	{ "D19", "context ids over ten rounds", d19, 120, 2, false },
};
const struct test_group group_cpu_on = { tests, ARRAY_LEN(tests) };
