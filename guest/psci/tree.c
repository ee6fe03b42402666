/* U01: what the device tree says about PSCI is true (Linux bindings arm/psci.yaml, arm/cpus.yaml). */
#include "guest/psci/suite.h"

static void expect_method_works(struct run *t)
{
	enum conduit conduits[2];
	unsigned n = working_conduits(conduits);

	for (unsigned i = 0; i < n; i++)
		if (conduits[i] == machine.dt_conduit)
			return;
	expect(t, false, "method \"%s\": expected this conduit to work, found it does not",
	       machine.dt_conduit == CONDUIT_SMC ? "smc" : "hvc");
}

static void u01(struct run *t)
{
	int64_t version = smccc(PSCI_VERSION, 0, 0, 0);

	expect(t, machine.psci_node, "expected a node /psci, found none");
	expect(t, machine.psci_compatible_02, "/psci compatible: expected \"arm,psci-0.2\"");
	expect_eq(t, machine.psci_compatible_10, version >= 0x10000,
		  "/psci compatible: \"arm,psci-1.0\" with PSCI version 0x%lx", (uint64_t)version);
	expect(t, machine.psci_method_known, "/psci method: expected \"hvc\" or \"smc\"");
	expect_method_works(t);
	expect_eq(t, machine.cpus_without_psci_method, 0,
		  "cpu nodes without enable-method \"psci\"");
	for (unsigned i = 0; i < machine.ncpus; i++)
		expect_hex(t, machine.cpu[i].mpidr & ~MPIDR_AFFINITY, 0,
			   "cpu%u: reg bits outside the affinity fields", i);
	expect_hex(t, sysreg_read(mpidr_el1) & MPIDR_AFFINITY, machine.cpu[0].mpidr,
		   "boot CPU: MPIDR_EL1 against its cpu node's reg");
	for (unsigned i = 0; i < machine.nidle; i++)
		expect(t,
		       !(machine.idle_state[i] & (extended_format() ? 0xb0000000u : 0xfcfe0000u)),
		       "idle state 0x%x: reserved bits in arm,psci-suspend-param",
		       machine.idle_state[i]);
}

static const struct test tests[] = {
	{ "U01", "the device tree describes PSCI truthfully", u01, 0, 0, false },
};
const struct test_group group_tree = { tests, ARRAY_LEN(tests) };
