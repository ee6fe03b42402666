/*
 * Group G: calls on the whole machine (Arm DEN0022F.b 5.9 to 5.14, 5.20, 5.23). Those that end it are
 * run on request; the machine's exit is half of their result and the host checks it.
 */
#include "guest/psci/suite.h"

#include "guest/lib/dt.h"

#define SUSPEND_ROUNDS 100
#define WARM_BOOTS     3
#define MARKER_OFFSET  UINT64_C(0x40000) /* from the start of RAM; below where images go */
#define MARKER_MAGIC   UINT64_C(0x5053434957524d31)

static uint64_t job_call0(uint64_t fid)
{
	return (uint64_t)smccc(fid, 0, 0, 0);
}

static uint64_t job_forever(uint64_t arg)
{
	while (arg != UINT64_MAX)
		cpu_relax();
	return 0;
}

static void start_busy(struct run *t)
{
	for (unsigned i = 1; i < machine.ncpus; i++)
		if (start_or_fail(t, i))
			smp_post(&machine.cpu[i], job_forever, 0);
}

static void end_from_boot_cpu(struct run *t, uint64_t fid, uint64_t x1)
{
	announce_end(t);
	expect(t, false, "0x%lx returned %ld: expected no return", fid, smccc(fid, x1, 0, 0));
}

static void end_from_secondary(struct run *t, uint64_t fid)
{
	if (!start_or_fail(t, 1))
		return;
	announce_end(t);
	smp_post(&machine.cpu[1], job_call0, fid);
	timer_spin_us(STALL_US * machine.time_scale);
	expect(t, false, "0x%lx on cpu1: expected the machine to end", fid);
}

static void g01_boot(struct run *t)
{
	start_busy(t);
	end_from_boot_cpu(t, PSCI_SYSTEM_OFF, 0);
}

static void g01_secondary(struct run *t)
{
	for (unsigned i = 2; i < machine.ncpus; i++)
		if (start_or_fail(t, i))
			smp_post(&machine.cpu[i], job_forever, 0);
	end_from_secondary(t, PSCI_SYSTEM_OFF);
}

static void g01_alone(struct run *t)
{
	end_from_boot_cpu(t, PSCI_SYSTEM_OFF, 0);
}

static void expect_fresh_boot(struct run *t)
{
	expect(t, dt_valid(machine.dtb), "x0 at boot: expected a device tree, found 0x%lx",
	       (uint64_t)machine.dtb);
	expect_hex(t, machine.boot_sctlr & (SCTLR_M | SCTLR_C), 0, "SCTLR M, C at boot");
	for (unsigned i = 1; i < machine.ncpus; i++)
		expect_eq(t, psci_affinity(machine.cpu[i].mpidr, 0), AFFINITY_OFF,
			  "AFFINITY_INFO(cpu%u) at boot", i);
}

static void g02_reset(struct run *t)
{
	expect_fresh_boot(t);
	start_busy(t);
	end_from_boot_cpu(t, PSCI_SYSTEM_RESET, 0);
}

static void g02_reset_secondary(struct run *t)
{
	expect_fresh_boot(t);
	end_from_secondary(t, PSCI_SYSTEM_RESET);
}

struct marker {
	uint64_t magic, boots;
};

static struct marker *warm_marker(void)
{
	return (struct marker *)(machine.ram[0].base + MARKER_OFFSET);
}

static void warm_reset(struct run *t, uint64_t boots)
{
	int64_t ret;

	*warm_marker() = (struct marker){ MARKER_MAGIC, boots };
	cache_clean_invalidate(warm_marker(), sizeof(struct marker));
	note("boot %lu: warm reset", boots);
	if (boots & 1 && machine.ncpus > 1) { /* in turn from a busy machine and from cpu1 */
		start_busy(t);
	} else if (machine.ncpus > 1 && start_or_fail(t, 1)) {
		smp_post(&machine.cpu[1], job_call0, PSCI_SYSTEM_RESET2);
		timer_spin_us(STALL_US * machine.time_scale);
		expect(t, false, "SYSTEM_RESET2 on cpu1: expected a reset");
		return;
	}
	ret = smccc(PSCI_SYSTEM_RESET2, 0, 0, 0);
	expect(t, false, "SYSTEM_RESET2(0): expected no return, found %ld", ret);
}

/* Counts its boots in RAM: the run starts anew after each and ends, with a verdict, at the third. */
static void g02_warm(struct run *t)
{
	struct marker found = *warm_marker();

	if (psci_features(PSCI_SYSTEM_RESET2) < 0) {
		skip(t, "no SYSTEM_RESET2");
		return;
	}
	expect_fresh_boot(t);
	if (found.magic != MARKER_MAGIC)
		found.boots = 0;
	if (found.boots + 1 < WARM_BOOTS && t->failures == 0)
		warm_reset(t, found.boots + 1);
	warm_marker()->magic = 0;
	expect_eq(t, (int64_t)found.boots + 1, WARM_BOOTS, "boots counted in RAM");
}

static void expect_reset2(struct run *t, uint64_t fid, bool present)
{
	static const uint64_t reserved[] = { 1, 2, 0x7fffffff };
	static const uint64_t vendor[] = { 0x80000000, 0x80000001, 0x80000002, 0xffffffff };

	for (unsigned i = 0; i < ARRAY_LEN(reserved); i++)
		expect_eq(t, smccc(fid, reserved[i], 0, 0),
			  present ? PSCI_INVALID_PARAMETERS : PSCI_NOT_SUPPORTED,
			  "SYSTEM_RESET2 0x%lx type 0x%lx", fid, reserved[i]);
	for (unsigned i = 0; i < ARRAY_LEN(vendor); i++) {
		int64_t found = smccc(fid, vendor[i], 0, 0);

		if (t->strict)
			expect_eq(t, found, PSCI_INVALID_PARAMETERS,
				  "SYSTEM_RESET2 0x%lx vendor type 0x%lx", fid, vendor[i]);
		else
			expect(t, found < 0,
			       "SYSTEM_RESET2 0x%lx vendor type 0x%lx: expected < 0, found %ld",
			       fid, vendor[i], found);
	}
}

static void g04(struct run *t)
{
	bool present = psci_features(PSCI_SYSTEM_RESET2) >= 0;

	expect_reset2(t, PSCI_SYSTEM_RESET2_32, present);
	expect_reset2(t, PSCI_SYSTEM_RESET2, present);
}

static void g06(struct run *t)
{
	uint64_t ram = machine.ram[0].base, size = machine.ram[0].size;
	const struct {
		uint64_t base, bytes;
		int64_t expected;
	} ranges[] = {
		{ ram, size, 0 },
		{ ram, 1, 0 },
		{ ram + size - 1, 1, 0 },
		{ ram, 0, PSCI_DENIED },
		{ ram, size + 1, PSCI_DENIED },
		{ address_in_device(), 16, PSCI_DENIED },
		{ ram, UINT64_MAX, PSCI_DENIED },
		{ UINT64_MAX - 15, 32, PSCI_DENIED },
		{ address_outside_ram(), 4096, PSCI_DENIED },
	};

	if (psci_features(PSCI_MEM_PROTECT) < 0) {
		expect_eq(t, smccc(PSCI_MEM_PROTECT, 0, 0, 0), PSCI_NOT_SUPPORTED, "MEM_PROTECT");
		skip(t, "no MEM_PROTECT");
		return;
	}
	expect_eq(t, smccc(PSCI_MEM_PROTECT, 1, 0, 0), 0, "MEM_PROTECT(1), first");
	expect_eq(t, smccc(PSCI_MEM_PROTECT, 1, 0, 0), 1, "MEM_PROTECT(1), again");
	expect_eq(t, smccc(PSCI_MEM_PROTECT, 0, 0, 0), 1, "MEM_PROTECT(0)");
	expect_eq(t, smccc(PSCI_MEM_PROTECT, 0, 0, 0), 0, "MEM_PROTECT(0), again");
	for (unsigned i = 0; i < ARRAY_LEN(ranges); i++)
		expect_eq(t, smccc(PSCI_MEM_CHECK_RANGE, ranges[i].base, ranges[i].bytes, 0),
			  ranges[i].expected, "MEM_PROTECT_CHECK_RANGE(0x%lx, 0x%lx)",
			  ranges[i].base, ranges[i].bytes);
}

static void g08(struct run *t)
{
	static const uint64_t fids[] = { PSCI_SYSTEM_OFF2_32, PSCI_SYSTEM_OFF2 };
	static const uint64_t bad[] = { 2, 3, 0x80000001, 0x80000000 };

	if (psci_features(PSCI_SYSTEM_OFF2) < 0) {
		expect_eq(t, smccc(PSCI_SYSTEM_OFF2, 2, 0, 0), PSCI_NOT_SUPPORTED, "SYSTEM_OFF2");
		skip(t, "no SYSTEM_OFF2");
		return;
	}
	for (unsigned f = 0; f < ARRAY_LEN(fids); f++) {
		expect_eq(t, psci_features(fids[f]), 1, "PSCI_FEATURES(0x%lx)", fids[f]);
		for (unsigned i = 0; i < ARRAY_LEN(bad); i++)
			expect_eq(t, smccc(fids[f], bad[i], 0, 0), PSCI_INVALID_PARAMETERS,
				  "0x%lx type 0x%lx", fids[f], bad[i]);
		for (uint64_t type = 0; type < 2; type++)
			expect_eq(t, smccc(fids[f], type, 1, 0), PSCI_INVALID_PARAMETERS,
				  "0x%lx type %lu with cookie 1", fids[f], type);
	}
}

static void g08_off0(struct run *t)
{
	end_from_boot_cpu(t, PSCI_SYSTEM_OFF2, 0);
}

static void g08_off1(struct run *t)
{
	start_busy(t);
	end_from_boot_cpu(t, PSCI_SYSTEM_OFF2, 1);
}

static uint64_t checksum(uint64_t base, uint64_t bytes)
{
	uint64_t sum = 0;

	for (uint64_t at = base; at < base + bytes; at += 8)
		sum = sum * 31 + *(const uint64_t *)at;
	return sum;
}

static bool one_system_suspend(struct run *t, uint64_t round)
{
	struct suspend_result r;
	uint64_t ctx = UINT64_C(0xc0ffee0000000000) + round,
		 before = this_cpu()->irq_count[SGI_TEST];

	irq_disable();
	gic_send_sgi(this_cpu(), SGI_TEST);
	r = psci_suspend(PSCI_SYSTEM_SUSPEND, (uint64_t)secondary_entry, ctx, 0);
	irq_enable();
	barrier_isb();
	return expect(t, r.via_entry,
		      "round %lu: expected to resume at the entry, found return %ld", round,
		      r.ret) &&
	       expect_hex(t, r.ctx, ctx, "round %lu: x0", round) &&
	       expect_hex(t, this_cpu()->entry.daif, DAIF_ALL, "round %lu: DAIF", round) &&
	       expect(t, r.elapsed_us < STALL_US * machine.time_scale,
		      "round %lu: prompt resume, found %lu us", round, r.elapsed_us) &&
	       expect_eq(t, (int64_t)(this_cpu()->irq_count[SGI_TEST] - before), 1,
			 "round %lu: SGIs delivered after the resume", round);
}

static void expect_denied_with_others(struct run *t)
{
	uint64_t entry = (uint64_t)secondary_entry;
	struct cpu *cpu = &machine.cpu[1];

	if (machine.ncpus < 2 || !start_or_fail(t, 1))
		return;
	expect_eq(t, suspend_refused(PSCI_SYSTEM_SUSPEND, entry, 0, 0), PSCI_DENIED,
		  "SYSTEM_SUSPEND with cpu1 ON");
	cpu->scratch = 0;
	smp_post(cpu, job_suspend_until_sgi, 0);
	if (!expect(t, wait_suspended(cpu), "cpu1: expected it to suspend"))
		return;
	expect_eq(t, suspend_refused(PSCI_SYSTEM_SUSPEND, entry, 0, 0), PSCI_DENIED,
		  "SYSTEM_SUSPEND with cpu1 suspended");
	gic_send_sgi(cpu, SGI_TEST);
	expect(t, smp_wait(cpu, STALL_US), "cpu1: expected to wake from its suspend");
	smp_stop(cpu);
}

static void g09(struct run *t)
{
	uint64_t image = (uint64_t)image_start, sum;

	if (psci_features(PSCI_SYSTEM_SUSPEND) < 0) {
		expect_eq(t, suspend_refused(PSCI_SYSTEM_SUSPEND, (uint64_t)secondary_entry, 0, 0),
			  PSCI_NOT_SUPPORTED, "SYSTEM_SUSPEND");
		skip(t, "no SYSTEM_SUSPEND");
		return;
	}
	for (uint64_t bad = 1; bad <= 2; bad++)
		expect_eq(
			t,
			suspend_refused(PSCI_SYSTEM_SUSPEND, (uint64_t)secondary_entry | bad, 0, 0),
			PSCI_INVALID_ADDRESS, "SYSTEM_SUSPEND with entry bit %lu", bad - 1);
	expect_eq(t, suspend_refused(PSCI_SYSTEM_SUSPEND, address_outside_ram(), 0, 0),
		  PSCI_INVALID_ADDRESS, "SYSTEM_SUSPEND with an entry outside RAM");
	expect_denied_with_others(t);
	sum = checksum(image, 16384);
	for (uint64_t round = 0; round < SUSPEND_ROUNDS; round++)
		if (!one_system_suspend(t, round))
			return;
	expect_hex(t, checksum(image, 16384), sum, "checksum of the image's code");
	for (unsigned i = 1; i < machine.ncpus; i++)
		expect_eq(t, psci_affinity(machine.cpu[i].mpidr, 0), AFFINITY_OFF,
			  "AFFINITY_INFO(cpu%u) after the suspends", i);
}

static const struct test tests[] = {
	{ "G01-boot", "SYSTEM_OFF from the boot CPU, others running", g01_boot, 0, 0, true },
	{ "G01-secondary", "SYSTEM_OFF from a secondary, others running", g01_secondary, 0, 2,
	  true },
	{ "G01-alone", "SYSTEM_OFF with secondaries never started", g01_alone, 0, 0, true },
	{ "G02-reset", "SYSTEM_RESET from the boot CPU", g02_reset, 0, 0, true },
	{ "G02-reset-secondary", "SYSTEM_RESET from a secondary", g02_reset_secondary, 0, 2, true },
	{ "G02-warm", "warm reset keeps RAM and restarts the image", g02_warm, 0, 0, true },
	{ "G04", "SYSTEM_RESET2 types", g04, 0, 0, false },
	{ "G06", "MEM_PROTECT and MEM_PROTECT_CHECK_RANGE", g06, 0, 0, false },
	{ "G08", "SYSTEM_OFF2 arguments", g08, 0, 0, false },
	{ "G08-off0", "SYSTEM_OFF2 type 0 hibernates", g08_off0, 0, 0, true },
	{ "G08-off1", "SYSTEM_OFF2 type 1 hibernates", g08_off1, 0, 0, true },
	{ "G09", "SYSTEM_SUSPEND, a hundred times", g09, 60, 0, false },
};
const struct test_group group_system = { tests, ARRAY_LEN(tests) };
