/*
 * The data sheet: every address and interrupt of the machine, in one table. The device tree, the
 * ACPI tables, --dry-run and the code that creates the devices all read this. Pure.
 *
 * The map is the one of kvmtool's arm64 machine, so guests and test suites built for it run
 * unchanged.
 */
#ifndef ARM64_BOARD_H
#define ARM64_BOARD_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/err.h"
#include "lib/types.h"

#define BOARD_MAX_CPUS        512
#define BOARD_MAX_VIRTIO_MMIO 64

/* Interrupt numbers as the GIC architecture counts them (INTID): PPI n is 16 + n, SPI n 32 + n. */
#define INTID_TEST_TIMER   18 /* one of each CPU's own */
#define INTID_PMU          23
#define INTID_TIMER_HYP    26
#define INTID_TIMER_VIRT   27
#define INTID_TIMER_SECURE 29
#define INTID_TIMER_PHYS   30
#define INTID_SPI_BASE     32
#define BOARD_NR_INTIDS    256 /* SGI + PPI + SPI given to the GIC */
#define INTID_NONE         0
#define INTID_GED_ERROR    38 /* edge: the generic event device reports a hardware error */
#define INTID_POWER_BUTTON 39 /* edge: the power button was pressed */
#define INTID_PCI          40 /* level, 4 of them: INTA to INTD of PCI slot 0 */
#define INTID_GPIO         44 /* level: the GPIO controller of an ACPI guest */
#define INTID_VIRTIO_MMIO  48 /* edge: one each device, BOARD_MAX_VIRTIO_MMIO at most */

#define BOARD_RAM_BASE         UINT64_C(0x80000000)
#define BOARD_FLAT_LOAD_OFFSET UINT64_C(0x80000)
#define BOARD_UART_CLOCK_HZ    1843200
#define BOARD_VIRTIO_STRIDE    UINT64_C(0x200) /* from one virtio-mmio device to the next */
#define BOARD_PCI_NINTX        4
#define BOARD_GPIO_WAKE_PIN                                                                        \
	0 /* rises when the clock's alarm is due and when the power button is pressed */

enum board_gic { BOARD_GICV2, BOARD_GICV2M, BOARD_GICV3, BOARD_GICV3_ITS };

/* How the machine is described to the guest. */
enum board_tables { BOARD_TABLES_DT, BOARD_TABLES_ACPI, BOARD_TABLES_BOTH };

enum board_id {
	BOARD_UART0,
	BOARD_UART1,
	BOARD_UART2,
	BOARD_UART3,
	BOARD_RTC,
	BOARD_PVTIME,
	BOARD_TEST_TIMER,
	BOARD_EINJ,
	BOARD_PVPANIC,
	BOARD_GPIO,
	BOARD_FLASH,
	BOARD_VIRTIO_MMIO,
	BOARD_GIC_V2M,
	BOARD_GIC_ITS,
	BOARD_GIC_REDIST,
	BOARD_GIC_CPUI,
	BOARD_GIC_DIST,
	BOARD_PCI_ECAM,
	BOARD_PCI_MMIO,
	BOARD_RAM,
	BOARD_PCI_MMIO64,
	BOARD_NR_BLOCKS
};

struct board_block {
	const char *name;
	uint64_t base;    /* GPA */
	uint64_t size;    /* bytes; 0: not in this machine */
	uint32_t intid;   /* first interrupt or INTID_NONE */
	uint32_t nintids; /* how many in a row */
	bool reserved;    /* addresses kept free for a device this machine does not have */
};

struct board_config {
	unsigned ncpus;     /* 1..BOARD_MAX_CPUS */
	uint64_t ram_bytes; /* multiple of 4 KiB */
	enum board_gic gic;
	bool pmu;
	bool pvtime;
	bool sdei; /* describe SDEI to the guest */
	enum board_tables tables;
	bool test_timer;       /* interrupt lines that the guest can raise */
	bool pvpanic;          /* a register for a kernel that panics */
	bool idle_states;      /* describe the PSCI power states to the guest's cpuidle */
	bool pci;              /* a host bridge, with room for 32 functions */
	unsigned nvirtio_mmio; /* 0..BOARD_MAX_VIRTIO_MMIO */
	uint32_t psci_version;
	unsigned ipa_bits; /* width of a guest physical address */
	const uint64_t
		*mpidr; /* MPIDR affinity of each CPU, ncpus of them; must outlive the board */
};

struct board {
	struct board_config config;
	struct board_block block[BOARD_NR_BLOCKS]; /* ascending by base, by enum order */
};

/* Lay the machine out. 0, or -EINVAL with `err` saying which value does not fit and the limit. */
int board_layout(struct board *board, const struct board_config *config, struct err *err)
	__attribute__((warn_unused_result));

/* MPIDR affinity bits KVM gives vCPU `index` by default: Aff0 = index[3:0], Aff1 = index[11:4],
 * Aff2 = index[19:12]. 16 CPUs a cluster, because a GICv3 SGI addresses 16 values of Aff0. */
uint64_t board_default_mpidr(unsigned index);

const char *board_gic_name(enum board_gic gic);

/* True if the guest is given ACPI tables, and with them error sources. */
static inline bool board_has_acpi(const struct board *board)
{
	return board->config.tables != BOARD_TABLES_DT;
}

/* "dt", "acpi", "both" */
const char *board_tables_name(enum board_tables tables);

/* True for a GICv2, with or without the MSI frame. */
bool board_gic_is_v2(enum board_gic gic);

/* Most CPUs the interrupt controller can address: 8 for GICv2, BOARD_MAX_CPUS for GICv3. */
unsigned board_gic_max_cpus(enum board_gic gic);

/* The text of --dry-run: a line a block, with address range, size and interrupts. */
void board_print(const struct board *board, FILE *out);

#endif
