/* S07: every CPU of the device tree is reached by its MPIDR, also with Aff1 > 0. */
#include "guest/psci/suite.h"

static void expect_unique(struct run *t)
{
	for (unsigned i = 0; i < machine.ncpus; i++)
		for (unsigned j = i + 1; j < machine.ncpus; j++)
			expect(t, machine.cpu[i].mpidr != machine.cpu[j].mpidr,
			       "cpu%u and cpu%u: expected different MPIDRs, both have 0x%lx", i, j,
			       machine.cpu[i].mpidr);
}

static void s07(struct run *t)
{
	uint64_t wanted = bootarg_number("cpus", machine.ncpus), aff1 = 0;

	expect_eq(t, machine.ncpus, (int64_t)wanted, "CPUs in the device tree (cpus=)");
	expect_unique(t);
	for (unsigned i = 1; i < machine.ncpus; i++) {
		struct cpu *cpu = &machine.cpu[i];

		aff1 |= cpu->mpidr >> 8 & 0xff;
		if (!start_or_fail(t, i))
			continue;
		expect_hex(t, cpu->entry.mpidr & MPIDR_AFFINITY, cpu->mpidr, "cpu%u: MPIDR_EL1", i);
		expect_hex(t, cpu->entry.ctx, i, "cpu%u: x0", i);
		expect_eq(t, psci_affinity(cpu->mpidr, 0), AFFINITY_ON, "AFFINITY_INFO(0x%lx)",
			  cpu->mpidr);
	}
	note("%u CPUs, highest MPIDR 0x%lx", machine.ncpus, machine.cpu[machine.ncpus - 1].mpidr);
	if (t->strict && machine.ncpus > 16)
		expect(t, aff1 != 0, "with %u CPUs: expected Aff1 > 0 in some MPIDR",
		       machine.ncpus);
}

static const struct test tests[] = {
	{ "S07", "CPU_ON by true MPIDR, all CPUs at once", s07, 120, 0, false },
};
const struct test_group group_mpidr = { tests, ARRAY_LEN(tests) };
