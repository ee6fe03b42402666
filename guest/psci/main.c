/*
 * The suite's entry: finds the machine, says what it found, runs the groups, powers off.
 * Boot arguments are in guest/README.md.
 */
#include "guest/psci/suite.h"

void guest_start(const void *dtb, uint64_t boot_el, uint64_t sctlr);

static const struct test_group *const groups[] = { &group_smccc, &group_discovery, &group_cpu_on,
						   &group_race,  &group_suspend,   &group_system,
						   &group_mpidr, &group_tree,      &group_report,
						   &group_panic };

static void apply_bootargs(void)
{
	char value[16];

	machine.mmu = !(bootarg("mmu", value, sizeof(value)) && !strcmp(value, "off"));
	machine.time_scale = bootarg_number("timescale", 1);
	if (bootarg("conduit", value, sizeof(value)))
		machine.conduit = strcmp(value, "smc") ? CONDUIT_HVC : CONDUIT_SMC;
}

static void describe_machine(void)
{
	uint64_t ram = 0;

	for (unsigned i = 0; i < machine.nram; i++)
		ram += machine.ram[i].size;
	print("# psci suite: %u cpus, %lu MiB RAM, GICv%u, conduit %s (device tree: %s), MMU %s, entered at EL%lu\n",
	      machine.ncpus, ram >> 20,
	      machine.gic == GIC_V3   ? 3
	      : machine.gic == GIC_V2 ? 2
				      : 0,
	      machine.conduit == CONDUIT_SMC ? "smc" : "hvc",
	      machine.dt_conduit == CONDUIT_SMC ? "smc" : "hvc", machine.mmu ? "on" : "off",
	      machine.boot_el);
}

static bool conduit_works(void)
{
	bool undefined;
	int64_t version = smccc_try(machine.conduit == CONDUIT_SMC ? CALL_SMC0 : CALL_HVC0,
				    PSCI_VERSION, 0, 0, 0, &undefined);

	if (!undefined && version >= 2)
		return true;
	print("Bail out! PSCI_VERSION: expected a version through this conduit, found %s%ld\n",
	      undefined ? "an undefined instruction, x0 = " : "", version);
	return false;
}

void guest_start(const void *dtb, uint64_t boot_el, uint64_t sctlr)
{
	static struct cpu early; /* for exceptions before the device tree is read */

	sysreg_write(tpidr_el1, &early);
	if (!machine_init(dtb))
		psci_system_off();
	machine.boot_el = boot_el;
	machine.boot_sctlr = sctlr;
	apply_bootargs();
	print("TAP version 13\n");
	smp_init();
	describe_machine();
	if (conduit_works())
		tap_run(groups, ARRAY_LEN(groups));
	else
		machine.conduit = machine.dt_conduit;
	psci_system_off();
}
