/*
 * The suite's entry: finds the machine, says what it found, runs the groups, powers off.
 * Boot arguments are in guest/README.md.
 */
#include "guest/sdei/suite.h"

void guest_start(const void *dtb, uint64_t boot_el, uint64_t sctlr);

static const struct test_group *const groups[] = {
	&group_identity, &group_register, &group_states,    &group_info,
	&group_signal,   &group_entry,    &group_complete,  &group_mask,
	&group_shared,   &group_bind,     &group_reset,     &group_power,
	&group_kvm,      &group_storm,    &group_registers, &group_operator,
};

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
	print("# sdei suite: %u cpus, GICv%u, conduit %s, MMU %s, SDEI_VERSION 0x%lx, trigger call %s, test timer %s\n",
	      machine.ncpus,
	      machine.gic == GIC_V3   ? 3
	      : machine.gic == GIC_V2 ? 2
				      : 0,
	      machine.conduit == CONDUIT_SMC ? "smc" : "hvc", machine.mmu ? "on" : "off",
	      (uint64_t)suite.version, suite.trigger ? "yes" : "no",
	      suite.test_timer.base ? "yes" : "no");
}

/* H05 is about a machine without SDEI; nothing else can be asked of one. */
static bool can_run(void)
{
	char value[16];

	if (suite.version >= 0 || (bootarg("test", value, sizeof(value)) && !strcmp(value, "H05")))
		return true;
	if (bootarg("strict", value, sizeof(value)))
		print("Bail out! SDEI_VERSION: expected a version, found %ld\n", suite.version);
	else
		print("1..0 # SKIP no SDEI: SDEI_VERSION is %ld\n", suite.version);
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
	sdei_suite_init();
	smp_init();
	sdei_discover();
	describe_machine();
	tap_set_cleanup(sdei_cleanup);
	if (can_run())
		tap_run(groups, ARRAY_LEN(groups));
	psci_system_off();
}
