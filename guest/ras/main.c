/*
 * The suite's entry: finds the machine, says what it found, runs the groups, powers off.
 * Boot arguments are in guest/README.md.
 */
#include "guest/lib/psci.h"
#include "guest/ras/suite.h"

void guest_start(const void *dtb, uint64_t boot_el, uint64_t sctlr);

static const struct test_group *const groups[] = { &group_serror, &group_sea, &group_log,
						   &group_stolen };

static void apply_bootargs(void)
{
	char value[16];

	machine.mmu = !(bootarg("mmu", value, sizeof(value)) && !strcmp(value, "off"));
	machine.time_scale = bootarg_number("timescale", 1);
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
	ras_discover();
	print("# ras suite: %u cpus, RAS extension %s, MMU %s, error log at 0x%lx\n", machine.ncpus,
	      ras_machine.ras ? "yes" : "no", machine.mmu ? "on" : "off", ras_machine.log.base);
	tap_set_cleanup(ras_cleanup);
	tap_run(groups, ARRAY_LEN(groups));
	psci_system_off();
}
