/* Group F: CPU_SUSPEND and its relatives (Arm DEN0022F.b 5.4, 5.16 to 5.22). */
#include "guest/psci/suite.h"

#define WAKE_US              20000
#define RACE_ROUNDS          1000
#define FORMAT_EXT_RESERVED  UINT64_C(0xb0000000)
#define FORMAT_ORIG_RESERVED UINT64_C(0xfcfe0000)

static uint64_t entry_point(void)
{
	return (uint64_t)secondary_entry;
}

/* Drop the timer interrupt that woke us. */
static void drain_interrupts(void)
{
	timer_wake_cancel();
	irq_enable();
	barrier_isb();
}

struct sysregs {
	uint64_t value[10];
};

static struct sysregs read_sysregs(void)
{
	return (struct sysregs){ { sysreg_read(sctlr_el1), sysreg_read(ttbr0_el1),
				   sysreg_read(tcr_el1), sysreg_read(mair_el1),
				   sysreg_read(vbar_el1), sysreg_read(cpacr_el1),
				   sysreg_read(tpidr_el1), sysreg_read(cntkctl_el1),
				   sysreg_read(mpidr_el1), sysreg_read(daif) } };
}

/* Standby with every register watched, woken by the timer with interrupts masked. */
static void standby_canary(struct run *t, uint64_t entry)
{
	static struct smccc_canary c;
	struct sysregs before, after;
	uint64_t start, us, seed = 1234;

	for (unsigned i = 0; i < 31; i++)
		c.x_in[i] = random_next(&seed);
	c.sp_el0_in = seed & ~UINT64_C(15);
	c.x_in[0] = PSCI_CPU_SUSPEND;
	c.x_in[1] = standby_state();
	c.x_in[2] = entry;
	irq_disable();
	before = read_sysregs();
	start = timer_now();
	timer_wake_in_us(WAKE_US);
	if (machine.conduit == CONDUIT_SMC)
		smccc_canary_smc(&c);
	else
		smccc_canary_hvc(&c);
	us = timer_us_since(start);
	after = read_sysregs();
	drain_interrupts();
	expect_eq(t, (int64_t)c.x_out[0], PSCI_SUCCESS, "CPU_SUSPEND(standby, entry 0x%lx)", entry);
	expect(t, us >= WAKE_US * 9 / 10 && us < STALL_US * machine.time_scale,
	       "standby: expected %u us until the timer, found %lu us", WAKE_US, us);
	for (unsigned i = 19; i < 31; i++)
		expect_hex(t, c.x_out[i], c.x_in[i], "standby: x%u", i);
	expect_hex(t, c.sp_out, c.sp_in, "standby: SP");
	expect_hex(t, c.sp_el0_out, c.sp_el0_in, "standby: SP_EL0");
	for (unsigned i = 0; i < ARRAY_LEN(before.value); i++)
		expect_hex(t, after.value[i], before.value[i], "standby: system register #%u", i);
}

static void f01(struct run *t)
{
	standby_canary(t, entry_point());
	standby_canary(t, 1); /* a standby state ignores entry and context */
}

/* Timer wake-up from a power-down call; checks the way back. */
static void expect_powerdown_resume(struct run *t, const char *name, uint64_t fid, uint64_t x1,
				    uint64_t x2, uint64_t x3, uint64_t ctx)
{
	struct suspend_result r;

	irq_disable();
	timer_wake_in_us(WAKE_US);
	r = psci_suspend(fid, x1, x2, x3);
	drain_interrupts();
	if (r.via_entry)
		expect_hex(t, r.ctx, ctx, "%s: x0 at the resume entry", name);
	else
		expect_eq(t, r.ret, PSCI_SUCCESS, "%s: return without power-down", name);
	if (r.via_entry)
		expect_hex(t, this_cpu()->entry.daif, DAIF_ALL, "%s: DAIF at entry", name);
	expect(t, r.elapsed_us < STALL_US * machine.time_scale,
	       "%s: expected to wake after %u us, found %lu us", name, WAKE_US, r.elapsed_us);
	if (t->strict)
		expect(t, r.via_entry, "%s: expected to resume at the entry point", name);
}

static void f02(struct run *t)
{
	const uint64_t ctx = UINT64_C(0xa1b2c3d4e5f60718);

	expect_powerdown_resume(t, "CPU_SUSPEND(power-down)", PSCI_CPU_SUSPEND, powerdown_state(),
				entry_point(), ctx, ctx);
	if (!(entry_point() >> 32))
		expect_powerdown_resume(t, "SMC32 CPU_SUSPEND(power-down)", PSCI_CPU_SUSPEND32,
					powerdown_state(), entry_point(), ctx, ctx & 0xffffffff);
	for (unsigned i = 0; i < machine.nidle; i++)
		if (is_powerdown(machine.idle_state[i]))
			expect_powerdown_resume(t, "CPU_SUSPEND(idle state of the device tree)",
						PSCI_CPU_SUSPEND, machine.idle_state[i],
						entry_point(), ctx + i, ctx + i);
	for (uint64_t bad = 1; bad <= 2; bad++)
		expect_eq(t,
			  suspend_refused(PSCI_CPU_SUSPEND, powerdown_state(), entry_point() | bad,
					  0),
			  bad_address(), "CPU_SUSPEND(power-down) with entry bit %lu", bad - 1);
}

static void f03(struct run *t)
{
	const uint32_t states[] = { standby_state(), powerdown_state() };

	if (machine.gic == GIC_NONE) {
		skip(t, "no GIC in the device tree");
		return;
	}
	for (unsigned i = 0; i < ARRAY_LEN(states); i++) {
		struct suspend_result r;
		uint64_t before = this_cpu()->irq_count[SGI_TEST];

		irq_disable();
		gic_send_sgi(this_cpu(), SGI_TEST);
		r = psci_suspend(PSCI_CPU_SUSPEND, states[i], entry_point(), 0);
		irq_enable();
		barrier_isb();
		expect(t, r.via_entry || r.ret == 0, "state 0x%x: expected 0, found %ld", states[i],
		       r.ret);
		expect(t, r.elapsed_us < STALL_US * machine.time_scale,
		       "state 0x%x with an interrupt pending: expected no wait, found %lu us",
		       states[i], r.elapsed_us);
		expect_eq(t, (int64_t)(this_cpu()->irq_count[SGI_TEST] - before), 1,
			  "state 0x%x: pending SGIs delivered afterwards", states[i]);
	}
}

static void f04(struct run *t)
{
	uint64_t reserved = extended_format() ? FORMAT_EXT_RESERVED : FORMAT_ORIG_RESERVED;
	static const int64_t unlisted[] = { PSCI_INVALID_PARAMETERS, PSCI_SUCCESS };
	struct suspend_result r;

	for (unsigned bit = 0; bit < 32; bit++) {
		if (!(reserved >> bit & 1))
			continue;
		expect_eq(t,
			  suspend_refused(PSCI_CPU_SUSPEND, UINT64_C(1) << bit, entry_point(), 0),
			  PSCI_INVALID_PARAMETERS, "CPU_SUSPEND with reserved bit %u", bit);
	}
	irq_disable();
	timer_wake_in_us(WAKE_US);
	r = psci_suspend(PSCI_CPU_SUSPEND, 0x1234, entry_point(), 0);
	drain_interrupts();
	if (!r.via_entry)
		expect_one_of(t, r.ret, unlisted, ARRAY_LEN(unlisted),
			      "CPU_SUSPEND with an unlisted state id");
}

static void expect_mode_changes(struct run *t)
{
	static const int64_t fresh_or_used[] = { PSCI_SUCCESS, PSCI_DENIED };
	int64_t ret = smccc(PSCI_SET_SUSPEND_MODE, 1, 0, 0);

	/* A CPU_SUSPEND since boot makes it -3; run test=F07 alone to see 0. */
	if (ret != PSCI_SUCCESS) {
		struct run lenient = *t;

		lenient.strict = false;
		expect_one_of(&lenient, ret, fresh_or_used, 2, "SET_SUSPEND_MODE(1)");
		t->failures = lenient.failures;
		note("a CPU_SUSPEND was made before: OS-initiated mode refused (%ld)", ret);
		return;
	}
	if (machine.ncpus > 1 && start_or_fail(t, 1)) {
		expect_eq(t, smccc(PSCI_SET_SUSPEND_MODE, 0, 0, 0), PSCI_DENIED,
			  "SET_SUSPEND_MODE(0) with cpu1 ON");
		smp_stop(&machine.cpu[1]);
	}
	expect_eq(t, smccc(PSCI_SET_SUSPEND_MODE, 0, 0, 0), PSCI_SUCCESS,
		  "SET_SUSPEND_MODE(0) with all others OFF");
	timer_wake_in_us(1000);
	smccc(PSCI_CPU_SUSPEND, standby_state(), 0, 0);
	drain_interrupts();
	expect_eq(t, smccc(PSCI_SET_SUSPEND_MODE, 1, 0, 0), PSCI_DENIED,
		  "SET_SUSPEND_MODE(1) after a CPU_SUSPEND");
}

static void f07(struct run *t)
{
	int64_t present = psci_features(PSCI_SET_SUSPEND_MODE);
	int64_t flags = psci_features(PSCI_CPU_SUSPEND);

	if (present < 0) {
		expect_eq(t, smccc(PSCI_SET_SUSPEND_MODE, 1, 0, 0), PSCI_NOT_SUPPORTED,
			  "SET_SUSPEND_MODE");
		expect(t, flags < 0 || !(flags & 1),
		       "PSCI_FEATURES(CPU_SUSPEND): expected bit 0 clear, found %ld", flags);
		return;
	}
	expect_eq(t, smccc(PSCI_SET_SUSPEND_MODE, 2, 0, 0), PSCI_INVALID_PARAMETERS,
		  "SET_SUSPEND_MODE(2)");
	expect_eq(t, smccc(PSCI_SET_SUSPEND_MODE, 0xffffffff, 0, 0), PSCI_INVALID_PARAMETERS,
		  "SET_SUSPEND_MODE(0xffffffff)");
	if (flags & 1)
		expect_mode_changes(t);
	else
		expect_eq(t, smccc(PSCI_SET_SUSPEND_MODE, 0, 0, 0), PSCI_SUCCESS,
			  "SET_SUSPEND_MODE(0)");
}

static uint64_t job_freeze(uint64_t arg)
{
	(void)arg;
	return (uint64_t)smccc(PSCI_CPU_FREEZE, 0, 0, 0);
}

static void expect_freeze(struct run *t)
{
	struct cpu *cpu = &machine.cpu[1];
	uint64_t before;

	if (psci_features(PSCI_CPU_FREEZE) < 0 || machine.ncpus < 2 || !start_or_fail(t, 1))
		return;
	before = shared_read(&cpu->entries);
	smp_post(cpu, job_freeze, 0);
	if (!expect(t, smp_wait_off(cpu, STALL_US), "cpu1: expected OFF after CPU_FREEZE"))
		return;
	gic_send_sgi(cpu, SGI_TEST);
	timer_spin_us(50000);
	expect_eq(t, psci_affinity(cpu->mpidr, 0), AFFINITY_OFF, "frozen cpu1 with an SGI pending");
	expect_eq(t, (int64_t)shared_read(&cpu->entries), (int64_t)before, "frozen cpu1: starts");
	start_or_fail(t, 1);
	smp_stop(cpu);
}

static void expect_node_state(struct run *t)
{
	uint64_t self = machine.cpu[0].mpidr;

	if (psci_features(PSCI_NODE_HW_STATE) < 0)
		return;
	expect_eq(t, smccc(PSCI_NODE_HW_STATE, self, 0, 0), 0, "NODE_HW_STATE(self, 0)");
	if (machine.ncpus > 1)
		expect_eq(t, smccc(PSCI_NODE_HW_STATE, machine.cpu[1].mpidr, 0, 0), 1,
			  "NODE_HW_STATE(cpu1 OFF, 0)");
	expect_eq(t, smccc(PSCI_NODE_HW_STATE, absent_mpidr(), 0, 0), PSCI_INVALID_PARAMETERS,
		  "NODE_HW_STATE(absent, 0)");
	expect_eq(t, smccc(PSCI_NODE_HW_STATE, self, 4, 0), PSCI_INVALID_PARAMETERS,
		  "NODE_HW_STATE(self, 4)");
}

static void expect_statistics(struct run *t)
{
	uint64_t self = machine.cpu[0].mpidr, state = powerdown_state();
	int64_t count, before, residency = 0;

	if (psci_features(PSCI_STAT_COUNT) < 0)
		return;
	expect_eq(t, smccc(PSCI_STAT_COUNT, absent_mpidr(), state, 0), 0, "STAT_COUNT(absent)");
	expect_eq(t, smccc(PSCI_STAT_COUNT, self, 0xffffffff, 0), 0,
		  "STAT_COUNT(self, 0xffffffff)");
	expect_eq(t, smccc(PSCI_STAT_RESIDENCY, self, 0xffffffff, 0), 0,
		  "STAT_RESIDENCY(self, 0xffffffff)");
	/* The timer starts before the call; the host may hold the CPU up between them, but not often. */
	for (unsigned i = 0; i < 5 && residency < WAKE_US / 2; i++) {
		count = smccc(PSCI_STAT_COUNT, self, state, 0);
		before = smccc(PSCI_STAT_RESIDENCY, self, state, 0);
		expect_powerdown_resume(t, "CPU_SUSPEND(power-down)", PSCI_CPU_SUSPEND, state,
					entry_point(), 7, 7);
		expect_eq(t, smccc(PSCI_STAT_COUNT, self, state, 0), count + 1,
			  "STAT_COUNT after one more suspend");
		residency = smccc(PSCI_STAT_RESIDENCY, self, state, 0) - before;
	}
	expect(t, residency >= WAKE_US / 2 && (uint64_t)residency < STALL_US * machine.time_scale,
	       "STAT_RESIDENCY: expected to grow by about %u us, found %ld us", WAKE_US, residency);
}

static void f08(struct run *t)
{
	const uint64_t ctx = UINT64_C(0x5566778899aabbcc);

	if (psci_features(PSCI_DEFAULT_SUSPEND) >= 0) {
		expect_powerdown_resume(t, "CPU_DEFAULT_SUSPEND", PSCI_DEFAULT_SUSPEND,
					entry_point(), ctx, 0, ctx);
		expect_eq(t, suspend_refused(PSCI_DEFAULT_SUSPEND, entry_point() | 2, 0, 0),
			  PSCI_INVALID_ADDRESS, "CPU_DEFAULT_SUSPEND with an unaligned entry");
	}
	expect_freeze(t);
	expect_node_state(t);
	expect_statistics(t);
	if (t->strict)
		for (uint64_t fid = 0x8400000b; fid <= 0x84000011; fid++)
			expect(t, psci_features(fid) >= 0,
			       "PSCI_FEATURES(0x%lx): expected >= 0, found %ld", fid,
			       psci_features(fid));
}

static void f10(struct run *t)
{
	unsigned wrong = 0;

	for (unsigned i = 0; i < RACE_ROUNDS; i++) {
		int64_t ret;

		irq_disable();
		timer_wake_in_us(50 + i % 7 * 30);
		if (i & 1)
			asm volatile("wfi" ::: "memory");
		ret = smccc(PSCI_CPU_SUSPEND, standby_state(), 0, 0);
		drain_interrupts();
		if (ret != PSCI_SUCCESS && wrong++ < 3)
			expect_eq(t, ret, PSCI_SUCCESS, "round %u: CPU_SUSPEND", i);
	}
}

static const struct test tests[] = {
	{ "F07", "SET_SUSPEND_MODE", f07, 0, 0, false },
	{ "F01", "standby returns 0 on a masked timer interrupt, all else unchanged", f01, 0, 0,
	  false },
	{ "F02", "power-down resumes at the entry point", f02, 0, 0, false },
	{ "F03", "a pending interrupt ends a suspend at once", f03, 0, 0, false },
	{ "F04", "power_state is checked", f04, 0, 0, false },
	{ "F08", "DEFAULT_SUSPEND, FREEZE, NODE_HW_STATE and STAT, where present", f08, 0, 0,
	  false },
	{ "F10", "a thousand WFI and CPU_SUSPEND", f10, 60, 0, false },
};
const struct test_group group_suspend = { tests, ARRAY_LEN(tests) };
