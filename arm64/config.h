/*
 * What one `rasvm run` was asked to build. Filled by cli/ from the command line and the config file,
 * read by arm64/ and never changed once the machine is built. Strings are owned by whoever filled
 * it and outlive the machine.
 */
#ifndef ARM64_CONFIG_H
#define ARM64_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "arm64/board.h"
#include "arm64/operator.h"
#include "hypercall/fault.h"
#include "hypercall/smccc_filter.h"
#include "lib/mem.h"
#include "ras/inject.h"
#include "ras/policy.h"
#include "sdei/options.h"
#include "virtio/blk_options.h"
#include "virtio/console.h"
#include "virtio/console_options.h"
#include "virtio/net_options.h"
#include "virtio/p9_options.h"

enum console_kind { CONSOLE_STDIO, CONSOLE_PTY, CONSOLE_FILE, CONSOLE_NONE };
enum irqchip_choice {
	IRQCHIP_AUTO,
	IRQCHIP_GICV2,
	IRQCHIP_GICV2M,
	IRQCHIP_GICV3,
	IRQCHIP_GICV3_ITS
};
/* After AUTO in the order of enum board_tables. */
enum tables_choice { TABLES_AUTO, TABLES_DT, TABLES_ACPI, TABLES_BOTH };
enum on_reset { ON_RESET_REBOOT, ON_RESET_EXIT };
enum on_panic { ON_PANIC_EXIT, ON_PANIC_CONTINUE };
enum all_off { ALL_OFF_EXIT, ALL_OFF_WAIT };
/* What the guest's virtual counter does while the guest is paused. */
enum pause_clock { PAUSE_CLOCK_STOP, PAUSE_CLOCK_RUN };
enum psci_owner { PSCI_USER, PSCI_KERNEL };
/* A CPU feature the guest sees: as the host has it, or not at all. */
enum feature { FEATURE_AUTO, FEATURE_ON, FEATURE_OFF };

enum virtio_behind { CONFIG_VIRTIO_MMIO, CONFIG_VIRTIO_PCI };

#define CONFIG_MAX_SMCCC_RANGES SMCCC_FILTER_MAX_RANGES
#define CONFIG_MAX_DISKS        16
#define CONFIG_MAX_NICS         16
#define CONFIG_MAX_SHARES       16
#define CONFIG_MAX_PORTS        8

struct run_config {
	const char *kernel, *initrd, *params; /* params: kernel command line or NULL */
	bool flat;
	unsigned cpus;
	uint64_t ram_bytes;
	const char *name; /* guest name or NULL */
	/* Where it is controlled: taken, the caller's; NULL: nowhere. */
	const struct ctl_place *place;

	enum mem_backing backing;
	const char *backing_path;
	enum irqchip_choice irqchip;
	enum feature sve, pauth, pmu, pvtime;
	unsigned sve_max_vl; /* bits; 0: the host's */
	bool kaslr_seed_given;
	uint64_t kaslr_seed;
	const char *vcpu_affinity; /* host CPU list or NULL, e.g. "0-3,7" */
	bool cpuidle;              /* describe PSCI power states in the DT */

	enum console_kind console;
	const char *console_path; /* CONSOLE_FILE */

	enum psci_owner psci;
	uint32_t psci_version;
	bool psci_version_given; /* by the user; else psci_version is the default */
	bool psci_on_pending;
	struct fault_table faults; /* --psci-fail, --psci-delay */
	struct smccc_range smccc[CONFIG_MAX_SMCCC_RANGES];
	unsigned nsmccc;

	bool sdei; /* offer SDEI; always false with PSCI_KERNEL */
	struct sdei_event_def sdei_event[SDEI_MAX_USER_EVENTS];
	unsigned nsdei_events;
	struct sdei_trigger_rule sdei_trigger[SDEI_MAX_TRIGGERS];
	unsigned nsdei_triggers;
	uint64_t sdei_watchdog_ns; /* 0: no watchdog event */
	bool vendor_calls;         /* the guest may use rasvm's own calls */
	bool test_timer;           /* interrupt lines that the guest can raise */
	bool pvpanic;              /* a register for a kernel that panics */

	enum tables_choice tables;
	struct ras_policy ras;
	struct inject_rule inject[INJECT_MAX_RULES];
	unsigned ninject;

	enum virtio_behind transport;
	bool pci; /* a PCI host bridge even if nothing is behind it */
	struct blk_options disk[CONFIG_MAX_DISKS];
	unsigned ndisks;
	struct net_options nic[CONFIG_MAX_NICS];
	unsigned nnics;
	struct p9_options share[CONFIG_MAX_SHARES];
	unsigned nshares;
	bool rng;
	/* Ports of a virtio console: those that come with descriptors, which are given away, and those that name
	 * files. */
	const struct console_port_config *port;
	unsigned nports;
	struct console_port_options port_option[CONFIG_MAX_PORTS];
	unsigned nport_options;

	enum on_reset on_reset;
	enum on_panic on_panic;
	enum all_off all_off;
	enum pause_clock pause_clock;
	uint64_t timeout_ns; /* 0: none */

	const struct run_operator *operators; /* who watch and drive the run; filled by cli/run.c */
	unsigned noperators;

	const char *trace_path;    /* --trace FILE or NULL */
	const char *dump_dtb_path; /* --dump-dtb FILE or NULL */
	bool stats;
	bool dry_run;
	bool single_step; /* stop after each guest instruction */
};

/* SMCCC_OWN_*: the calls that rasvm itself serves for this machine. */
static inline unsigned config_own_calls(const struct run_config *c)
{
	return smccc_filter_own(c->psci == PSCI_USER, c->vendor_calls || c->sdei_watchdog_ns);
}

/* How the machine is described to the guest. Not chosen: by ACPI if the operator asked for something that
 * reaches the guest by a GHES, else by a device tree. */
static inline enum board_tables config_tables(const struct run_config *c)
{
	bool wants_acpi = ras_policy_wants_acpi(&c->ras);

	if (c->tables != TABLES_AUTO)
		return (enum board_tables)(c->tables - TABLES_DT);
	for (unsigned i = 0; i < c->ninject; i++)
		wants_acpi |= inject_wants_acpi(&c->inject[i]);
	return wants_acpi && !c->flat ? BOARD_TABLES_ACPI : BOARD_TABLES_DT;
}

#endif
