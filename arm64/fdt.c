/*
 * The device tree the guest boots with: what the board table says, in the bindings Linux and others
 * read. Written front to back with libfdt's sequential writer.
 *
 * Sources: Devicetree Specification v0.4; Linux Documentation/devicetree/bindings: arm/cpus,
 * cpu/cpu-topology, cpu/idle-states, arm/psci, arm/firmware/sdei, timer/arm,arch_timer,
 * interrupt-controller/arm,gic and arm,gic-v3, arm/pmu, serial/8250, rtc/arm,pl031; booting.rst,
 * section 2, for /chosen; input/gpio-keys; misc/pvpanic-mmio; reserved-memory/reserved-memory; virtio/mmio; pci/host-generic-pci,
 * pci/pci-msi and IEEE 1275's PCI binding, 2.2.1 (addresses); arm64/uefi.rst for UEFI's part of /chosen. The test timer and the error log are rasvm's own: arm64/dev/test_timer.h,
 * ras/logpage.h.
 *
 * Left out: blocks the board only reserves; stolen time, which a guest finds by hypercall; cache
 * sizes, which it finds in the CPU.
 */
#include "arm64/fdt.h"

#include <errno.h>
#include <inttypes.h>
#include <libfdt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hypercall/psci.h"
#include "ras/layout.h"

/* Interrupt specifier, bindings arm,gic and arm,gic-v3. */
#define IRQ_SPI         0
#define IRQ_PPI         1
#define IRQ_EDGE_RISING 1
#define IRQ_LEVEL_HIGH  4
#define IRQ_LEVEL_LOW   8
#define IRQ_PPI_CPUS(n) (((1u << (n)) - 1) << 8) /* GICv2: which CPUs have the PPI */
#define INTID_PPI_BASE  16

/* The PCI bus binding: the first cell of an address, and how an interrupt is found by a function's slot and
 * its pin. Slots that differ by 4 share interrupts. */
#define PCI_SPACE_MEMORY32 0x02000000u
#define PCI_SPACE_MEMORY64 0x43000000u /* prefetchable: only such BARs are 64 bits wide */
#define PCI_SLOT_CELL(n)   ((uint32_t)(n) << 11)
#define PCI_PINS           4
#define PCI_BUSES          256
#define PCI_REQUESTERS     0x10000 /* every bus, slot and function */

#define RTC_CLOCK_HZ 24000000 /* of the bus interface; nothing counts it */
#define BAUD         "115200n8"
#define KEY_POWER    116 /* Linux input event codes */

/* linux,uefi-secure-boot: not a property of the mainline kernel, but those of Debian and Ubuntu take no memory
 * map without it. */
#define SECURE_BOOT_DISABLED 2

/* Phandles: any number but 0 and -1 does, as long as it is used once. */
enum {
	PHANDLE_GIC = 1,
	PHANDLE_MSI,
	PHANDLE_RTC_CLOCK,
	PHANDLE_IDLE, /* and following, one a power state */
	PHANDLE_CPU = PHANDLE_IDLE + PSCI_MAX_POWER_STATES,
	PHANDLE_L2 = PHANDLE_CPU + BOARD_MAX_CPUS,
};

/* The tree being written. After an error all writing is skipped, so that it is checked once. */
struct tree {
	void *fdt;
	int error; /* of libfdt */
};

/* Primitives */

static void begin(struct tree *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void begin(struct tree *t, const char *fmt, ...)
{
	char name[64];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(name, sizeof(name), fmt, ap);
	va_end(ap);
	if (!t->error)
		t->error = fdt_begin_node(t->fdt, name);
}

static void end(struct tree *t)
{
	if (!t->error)
		t->error = fdt_end_node(t->fdt);
}

static void prop_bytes(struct tree *t, const char *name, const void *bytes, size_t n)
{
	if (!t->error)
		t->error = fdt_property(t->fdt, name, bytes, (int)n);
}

static void prop_flag(struct tree *t, const char *name)
{
	prop_bytes(t, name, NULL, 0);
}

static void prop_string(struct tree *t, const char *name, const char *text)
{
	prop_bytes(t, name, text, strlen(text) + 1);
}

static void prop_cells(struct tree *t, const char *name, const uint32_t *cells, unsigned n)
{
	void *at = NULL;

	if (!t->error)
		t->error = fdt_property_placeholder(t->fdt, name, (int)(n * 4), &at);
	for (unsigned i = 0; !t->error && i < n; i++)
		fdt32_st((uint32_t *)at + i, cells[i]);
}

static void prop_u32(struct tree *t, const char *name, uint32_t value)
{
	prop_cells(t, name, &value, 1);
}

static void prop_u64(struct tree *t, const char *name, uint64_t value)
{
	const uint32_t cells[] = { (uint32_t)(value >> 32), (uint32_t)value };

	prop_cells(t, name, cells, 2);
}

static void phandle(struct tree *t, uint32_t value)
{
	prop_u32(t, "phandle", value);
}

static void address_cells(struct tree *t, uint32_t address, uint32_t size)
{
	prop_u32(t, "#address-cells", address);
	prop_u32(t, "#size-cells", size);
}

/* "reg" of one or two blocks; `b` may be NULL. */
static void prop_reg(struct tree *t, const struct board_block *a, const struct board_block *b)
{
	const struct board_block *block[] = { a, b };
	uint32_t cells[8];
	unsigned n = 0;

	for (unsigned i = 0; i < 2 && block[i]; i++) {
		cells[n++] = (uint32_t)(block[i]->base >> 32);
		cells[n++] = (uint32_t)block[i]->base;
		cells[n++] = (uint32_t)(block[i]->size >> 32);
		cells[n++] = (uint32_t)block[i]->size;
	}
	prop_cells(t, "reg", cells, n);
}

static void prop_spi(struct tree *t, const struct board_block *block)
{
	const uint32_t cells[] = { IRQ_SPI, block->intid - INTID_SPI_BASE, IRQ_LEVEL_HIGH };

	prop_cells(t, "interrupts", cells, ARRAY_SIZE(cells));
}

/* Flags of a PPI: the trigger, and with GICv2 the CPUs that have it. */
static uint32_t ppi_flags(const struct board *board, uint32_t trigger)
{
	return board_gic_is_v2(board->config.gic) ? trigger | IRQ_PPI_CPUS(board->config.ncpus)
						  : trigger;
}

/* Nodes */

/* A kernel takes all of these or none. */
static void uefi(struct tree *t, const struct efi_handoff *efi)
{
	prop_u64(t, "linux,uefi-system-table", efi->system_table.v);
	prop_u64(t, "linux,uefi-mmap-start", efi->memory_map.v);
	prop_u32(t, "linux,uefi-mmap-size", efi->memory_map_bytes);
	prop_u32(t, "linux,uefi-mmap-desc-size", efi->descriptor_bytes);
	prop_u32(t, "linux,uefi-mmap-desc-ver", efi->descriptor_version);
	prop_u32(t, "linux,uefi-secure-boot", SECURE_BOOT_DISABLED);
}

/* In a stub the console is in SPCR. */
static void chosen(struct tree *t, const struct fdt_params *p, bool stub)
{
	begin(t, "chosen");
	prop_string(t, "bootargs", p->cmdline ? p->cmdline : "");
	if (!stub)
		prop_string(t, "stdout-path", "serial0:" BAUD);
	if (p->initrd_end.v > p->initrd_start.v) {
		prop_u64(t, "linux,initrd-start", p->initrd_start.v);
		prop_u64(t, "linux,initrd-end", p->initrd_end.v);
	}
	if (p->kaslr_seed)
		prop_u64(t, "kaslr-seed", p->kaslr_seed);
	if (p->rng_seed && p->rng_seed_bytes)
		prop_bytes(t, "rng-seed", p->rng_seed, p->rng_seed_bytes);
	if (p->efi)
		uefi(t, p->efi);
	end(t);
}

static void aliases(struct tree *t, const struct board *board)
{
	char name[16], path[40];

	begin(t, "aliases");
	for (unsigned i = 0; i <= BOARD_UART3 - BOARD_UART0; i++) {
		snprintf(name, sizeof(name), "serial%u", i);
		snprintf(path, sizeof(path), "/serial@%" PRIx64,
			 board->block[BOARD_UART0 + i].base);
		prop_string(t, name, path);
	}
	end(t);
}

static void memory(struct tree *t, const struct board *board)
{
	const struct board_block *ram = &board->block[BOARD_RAM];

	begin(t, "memory@%" PRIx64, ram->base);
	prop_string(t, "device_type", "memory");
	prop_reg(t, ram, NULL);
	end(t);
}

/* The region in which errors are told, and the events that announce them. */
static void reserved_memory(struct tree *t, const struct board *board, gpa_t region)
{
	const struct board_block block = { .base = region.v, .size = RAS_REGION_BYTES };
	const uint32_t events[] = { RAS_EVENT_NORMAL, RAS_EVENT_CRITICAL };

	begin(t, "reserved-memory");
	address_cells(t, 2, 2);
	prop_flag(t, "ranges");
	begin(t, "error-log@%" PRIx64, block.base);
	prop_string(t, "compatible", "rasvm,error-log");
	prop_reg(t, &block, NULL);
	prop_flag(t, "no-map");
	if (board->config.sdei)
		prop_cells(t, "sdei-events", events, ARRAY_SIZE(events));
	end(t);
	end(t);
}

/* CPUs */

/* Cluster of each CPU: CPUs that differ in Aff0 only. Numbered in order of appearance; returns how
 * many there are. */
static unsigned find_clusters(const struct board_config *c, uint16_t *cluster)
{
	unsigned n = 0;

	for (unsigned i = 0; i < c->ncpus; i++) {
		unsigned k = 0;

		while (k < i && c->mpidr[k] >> 8 != c->mpidr[i] >> 8)
			k++;
		cluster[i] = (uint16_t)(k < i ? cluster[k] : n++);
	}
	return n;
}

static void prop_idle_states(struct tree *t)
{
	uint32_t state[PSCI_MAX_POWER_STATES];

	for (unsigned i = 0; i < psci_npower_states; i++)
		state[i] = PHANDLE_IDLE + i;
	prop_cells(t, "cpu-idle-states", state, psci_npower_states);
}

static void cpu(struct tree *t, const struct board_config *c, unsigned i, unsigned cluster)
{
	begin(t, "cpu@%" PRIx64, c->mpidr[i]);
	phandle(t, PHANDLE_CPU + i);
	prop_string(t, "device_type", "cpu");
	prop_string(t, "compatible", "arm,armv8");
	prop_u64(t, "reg", c->mpidr[i]);
	prop_string(t, "enable-method", "psci");
	prop_u32(t, "next-level-cache", PHANDLE_L2 + cluster);
	if (c->idle_states)
		prop_idle_states(t);
	end(t);
}

static void cpu_map(struct tree *t, const struct board_config *c, const uint16_t *cluster,
		    unsigned nclusters)
{
	begin(t, "cpu-map");
	for (unsigned k = 0; k < nclusters; k++) {
		unsigned core = 0;

		begin(t, "cluster%u", k);
		for (unsigned i = 0; i < c->ncpus; i++) {
			if (cluster[i] != k)
				continue;
			begin(t, "core%u", core++);
			prop_u32(t, "cpu", PHANDLE_CPU + i);
			end(t);
		}
		end(t);
	}
	end(t);
}

static void l2_cache(struct tree *t, unsigned cluster)
{
	begin(t, "l2-cache%u", cluster);
	phandle(t, PHANDLE_L2 + cluster);
	prop_string(t, "compatible", "cache");
	prop_u32(t, "cache-level", 2);
	prop_flag(t, "cache-unified");
	end(t);
}

/* No local-timer-stop: the virtual timer of a suspended CPU goes on and wakes it. */
static void idle_state(struct tree *t, const struct psci_power_state *s, unsigned row)
{
	begin(t, "%s", s->name);
	phandle(t, PHANDLE_IDLE + row);
	prop_string(t, "compatible", "arm,idle-state");
	prop_u32(t, "arm,psci-suspend-param", s->power_state);
	prop_u32(t, "entry-latency-us", s->entry_latency_us);
	prop_u32(t, "exit-latency-us", s->exit_latency_us);
	prop_u32(t, "min-residency-us", s->min_residency_us);
	end(t);
}

static void idle_states(struct tree *t)
{
	begin(t, "idle-states");
	prop_string(t, "entry-method", "psci");
	for (unsigned i = 0; i < psci_npower_states; i++)
		idle_state(t, &psci_power_states[i], i);
	end(t);
}

static void cpus(struct tree *t, const struct board *board)
{
	const struct board_config *c = &board->config;
	uint16_t cluster[BOARD_MAX_CPUS];
	unsigned nclusters = find_clusters(c, cluster);

	begin(t, "cpus");
	address_cells(t, 2, 0);
	cpu_map(t, c, cluster, nclusters);
	for (unsigned i = 0; i < c->ncpus; i++)
		cpu(t, c, i, cluster[i]);
	for (unsigned k = 0; k < nclusters; k++)
		l2_cache(t, k);
	if (c->idle_states)
		idle_states(t);
	end(t);
}

static void psci(struct tree *t, uint32_t version)
{
	static const char v1_0[] = "arm,psci-1.0\0arm,psci-0.2";
	static const char v0_2[] = "arm,psci-0.2";

	begin(t, "psci");
	if (version >= PSCI_VERSION_1_0)
		prop_bytes(t, "compatible", v1_0, sizeof(v1_0));
	else
		prop_bytes(t, "compatible", v0_2, sizeof(v0_2));
	prop_string(t, "method", "hvc");
	end(t);
}

/* Nothing below /firmware has an address, so it needs no "ranges". */
static void firmware(struct tree *t)
{
	begin(t, "firmware");
	begin(t, "sdei");
	prop_string(t, "compatible", "arm,sdei-1.0");
	prop_string(t, "method", "hvc");
	end(t);
	end(t);
}

/* Interrupts */

static void timer(struct tree *t, const struct board *board)
{
	/* The order is the binding's. */
	static const uint32_t intid[] = { INTID_TIMER_SECURE, INTID_TIMER_PHYS, INTID_TIMER_VIRT,
					  INTID_TIMER_HYP };
	uint32_t cells[3 * ARRAY_SIZE(intid)], *at = cells;

	for (unsigned i = 0; i < ARRAY_SIZE(intid); i++) {
		*at++ = IRQ_PPI;
		*at++ = intid[i] - INTID_PPI_BASE;
		*at++ = ppi_flags(board, IRQ_LEVEL_LOW);
	}
	begin(t, "timer");
	prop_string(t, "compatible", "arm,armv8-timer");
	prop_cells(t, "interrupts", cells, ARRAY_SIZE(cells));
	prop_flag(t, "always-on");
	end(t);
}

static void pmu(struct tree *t, const struct board *board)
{
	const uint32_t cells[] = { IRQ_PPI, INTID_PMU - INTID_PPI_BASE,
				   ppi_flags(board, IRQ_LEVEL_HIGH) };

	begin(t, "pmu");
	prop_string(t, "compatible", "arm,armv8-pmuv3");
	prop_cells(t, "interrupts", cells, ARRAY_SIZE(cells));
	end(t);
}

static void gic_its(struct tree *t, const struct board_block *its)
{
	begin(t, "msi-controller@%" PRIx64, its->base);
	phandle(t, PHANDLE_MSI);
	prop_string(t, "compatible", "arm,gic-v3-its");
	prop_reg(t, its, NULL);
	prop_flag(t, "msi-controller");
	prop_u32(t, "#msi-cells", 1);
	end(t);
}

static void gic_v2m(struct tree *t, const struct board_block *frame)
{
	begin(t, "v2m@%" PRIx64, frame->base);
	phandle(t, PHANDLE_MSI);
	prop_string(t, "compatible", "arm,gic-v2m-frame");
	prop_reg(t, frame, NULL);
	prop_flag(t, "msi-controller");
	prop_u32(t, "arm,msi-base-spi", frame->intid); /* counted as an INTID */
	prop_u32(t, "arm,msi-num-spis", frame->nintids);
	end(t);
}

static void gic(struct tree *t, const struct board *board)
{
	const struct board_block *dist = &board->block[BOARD_GIC_DIST];
	bool v2 = board_gic_is_v2(board->config.gic);

	begin(t, "interrupt-controller@%" PRIx64, dist->base);
	phandle(t, PHANDLE_GIC);
	prop_string(t, "compatible", v2 ? "arm,cortex-a15-gic" : "arm,gic-v3");
	prop_reg(t, dist, &board->block[v2 ? BOARD_GIC_CPUI : BOARD_GIC_REDIST]);
	prop_u32(t, "#interrupt-cells", 3);
	prop_flag(t, "interrupt-controller");
	address_cells(t, 2, 2);
	prop_flag(t, "ranges");
	if (board->config.gic == BOARD_GICV3_ITS)
		gic_its(t, &board->block[BOARD_GIC_ITS]);
	if (board->config.gic == BOARD_GICV2M)
		gic_v2m(t, &board->block[BOARD_GIC_V2M]);
	end(t);
}

/* Devices */

static void uart(struct tree *t, const struct board_block *block)
{
	begin(t, "serial@%" PRIx64, block->base);
	prop_string(t, "compatible", "ns16550a");
	prop_reg(t, block, NULL);
	prop_spi(t, block);
	prop_u32(t, "clock-frequency", BOARD_UART_CLOCK_HZ);
	end(t);
}

static void rtc(struct tree *t, const struct board_block *block)
{
	static const char compatible[] = "arm,pl031\0arm,primecell";

	begin(t, "apb-pclk");
	phandle(t, PHANDLE_RTC_CLOCK);
	prop_string(t, "compatible", "fixed-clock");
	prop_u32(t, "#clock-cells", 0);
	prop_u32(t, "clock-frequency", RTC_CLOCK_HZ);
	end(t);
	begin(t, "rtc@%" PRIx64, block->base);
	prop_bytes(t, "compatible", compatible, sizeof(compatible));
	prop_reg(t, block, NULL);
	prop_spi(t, block);
	prop_u32(t, "clocks", PHANDLE_RTC_CLOCK);
	prop_string(t, "clock-names", "apb_pclk");
	end(t);
}

static void test_timer(struct tree *t, const struct board *board)
{
	const struct board_block *block = &board->block[BOARD_TEST_TIMER];
	const uint32_t irqs[] = {
		IRQ_SPI, block->intid - INTID_SPI_BASE,     IRQ_LEVEL_HIGH,
		IRQ_PPI, INTID_TEST_TIMER - INTID_PPI_BASE, ppi_flags(board, IRQ_LEVEL_HIGH),
	};

	begin(t, "test-timer@%" PRIx64, block->base);
	prop_string(t, "compatible", "rasvm,test-timer");
	prop_reg(t, block, NULL);
	prop_cells(t, "interrupts", irqs, ARRAY_SIZE(irqs));
	end(t);
}

/* No GPIO: the key has an interrupt, and each one is a press. */
static void power_button(struct tree *t)
{
	const uint32_t irq[] = { IRQ_SPI, INTID_POWER_BUTTON - INTID_SPI_BASE, IRQ_EDGE_RISING };

	begin(t, "gpio-keys");
	prop_string(t, "compatible", "gpio-keys");
	begin(t, "power");
	prop_string(t, "label", "power");
	prop_u32(t, "linux,code", KEY_POWER);
	prop_cells(t, "interrupts", irq, ARRAY_SIZE(irq));
	prop_flag(t, "wakeup-source");
	end(t);
	end(t);
}

static void pvpanic(struct tree *t, const struct board_block *block)
{
	begin(t, "pvpanic@%" PRIx64, block->base);
	prop_string(t, "compatible", "qemu,pvpanic-mmio");
	prop_reg(t, block, NULL);
	end(t);
}

/* The block holds all of them, one behind the other. */
static void virtio_mmio(struct tree *t, const struct board_block *block, unsigned n)
{
	const struct board_block one = { .base = block->base + n * BOARD_VIRTIO_STRIDE,
					 .size = BOARD_VIRTIO_STRIDE };
	const uint32_t irq[] = { IRQ_SPI, block->intid + n - INTID_SPI_BASE, IRQ_EDGE_RISING };

	begin(t, "virtio_mmio@%" PRIx64, one.base);
	prop_string(t, "compatible", "virtio,mmio");
	prop_reg(t, &one, NULL);
	prop_cells(t, "interrupts", irq, ARRAY_SIZE(irq));
	prop_flag(t, "dma-coherent");
	end(t);
}

/* PCI */

/* A row of "ranges": addresses on the bus are those of the CPUs. */
static uint32_t *pci_range(uint32_t *at, uint32_t space, const struct board_block *window)
{
	const uint32_t base[] = { (uint32_t)(window->base >> 32), (uint32_t)window->base };

	*at++ = space;
	*at++ = base[0];
	*at++ = base[1];
	*at++ = base[0];
	*at++ = base[1];
	*at++ = (uint32_t)(window->size >> 32);
	*at++ = (uint32_t)window->size;
	return at;
}

static void pci_ranges(struct tree *t, const struct board *board)
{
	const struct board_block *wide = &board->block[BOARD_PCI_MMIO64];
	uint32_t cells[2 * 7], *at = cells;

	at = pci_range(at, PCI_SPACE_MEMORY32, &board->block[BOARD_PCI_MMIO]);
	if (wide->size)
		at = pci_range(at, PCI_SPACE_MEMORY64, wide);
	prop_cells(t, "ranges", cells, (unsigned)(at - cells));
}

/* A row each slot and pin; the interrupt controller's unit address has 2 cells and does not matter. */
static void pci_interrupt_map(struct tree *t, uint32_t first_intid)
{
	static const uint32_t mask[] = { PCI_SLOT_CELL(BOARD_PCI_NINTX - 1), 0, 0, 7 };
	uint32_t cells[BOARD_PCI_NINTX * PCI_PINS * 10], *at = cells;

	for (unsigned i = 0; i < BOARD_PCI_NINTX * PCI_PINS; i++) {
		unsigned slot = i / PCI_PINS, pin = i % PCI_PINS;
		const uint32_t row[] = {
			PCI_SLOT_CELL(slot),
			0,
			0,
			pin + 1,
			PHANDLE_GIC,
			0,
			0,
			IRQ_SPI,
			first_intid - INTID_SPI_BASE + (slot + pin) % BOARD_PCI_NINTX,
			IRQ_LEVEL_HIGH,
		};

		memcpy(at, row, sizeof(row));
		at += ARRAY_SIZE(row);
	}
	prop_cells(t, "interrupt-map-mask", mask, ARRAY_SIZE(mask));
	prop_cells(t, "interrupt-map", cells, ARRAY_SIZE(cells));
}

/* Where messages go: to the ITS with the requester's number, or to the frame of a GICv2. Else there are none. */
static void pci_msi(struct tree *t, enum board_gic gic)
{
	const uint32_t map[] = { 0, PHANDLE_MSI, 0, PCI_REQUESTERS };

	if (gic == BOARD_GICV3_ITS)
		prop_cells(t, "msi-map", map, ARRAY_SIZE(map));
	if (gic == BOARD_GICV2M)
		prop_u32(t, "msi-parent", PHANDLE_MSI);
}

static void pci(struct tree *t, const struct board *board)
{
	const struct board_block *ecam = &board->block[BOARD_PCI_ECAM];
	const uint32_t buses[] = { 0, PCI_BUSES - 1 };

	begin(t, "pci@%" PRIx64, ecam->base);
	prop_string(t, "compatible", "pci-host-ecam-generic");
	prop_string(t, "device_type", "pci");
	prop_reg(t, ecam, NULL);
	prop_cells(t, "bus-range", buses, ARRAY_SIZE(buses));
	prop_u32(t, "linux,pci-domain", 0);
	address_cells(t, 3, 2);
	pci_ranges(t, board);
	prop_u32(t, "#interrupt-cells", 1);
	pci_interrupt_map(t, ecam->intid);
	pci_msi(t, board->config.gic);
	prop_flag(t, "dma-coherent");
	end(t);
}

static void stub_root(struct tree *t, const struct fdt_params *params)
{
	begin(t, "%s", "");
	address_cells(t, 2, 2);
	chosen(t, params, true);
	end(t);
}

static void root(struct tree *t, const struct board *board, const struct fdt_params *params)
{
	begin(t, "%s", "");
	prop_string(t, "compatible", "linux,dummy-virt");
	prop_string(t, "model", "rasvm");
	address_cells(t, 2, 2);
	prop_u32(t, "interrupt-parent", PHANDLE_GIC);
	chosen(t, params, false);
	aliases(t, board);
	memory(t, board);
	if (params->ras_region.v)
		reserved_memory(t, board, params->ras_region);
	cpus(t, board);
	psci(t, board->config.psci_version);
	if (board->config.sdei)
		firmware(t);
	gic(t, board);
	timer(t, board);
	if (board->config.pmu)
		pmu(t, board);
	for (unsigned i = BOARD_UART0; i <= BOARD_UART3; i++)
		uart(t, &board->block[i]);
	rtc(t, &board->block[BOARD_RTC]);
	power_button(t);
	if (board->block[BOARD_PVPANIC].size)
		pvpanic(t, &board->block[BOARD_PVPANIC]);
	if (board->config.test_timer)
		test_timer(t, board);
	for (unsigned n = 0; n < board->config.nvirtio_mmio; n++)
		virtio_mmio(t, &board->block[BOARD_VIRTIO_MMIO], n);
	if (board->config.pci)
		pci(t, board);
	end(t);
}

int fdt_build(const struct board *board, const struct fdt_params *params, void *buf, size_t size,
	      struct err *err)
{
	struct tree t = { .fdt = buf };

	t.error = fdt_create(buf, size < INT_MAX ? (int)size : INT_MAX);
	if (!t.error)
		t.error = fdt_finish_reservemap(buf);
	if (board->config.tables == BOARD_TABLES_ACPI)
		stub_root(&t, params);
	else
		root(&t, board, params);
	if (!t.error)
		t.error = fdt_finish(buf);
	if (t.error == -FDT_ERR_NOSPACE)
		return err_set(err, -ENOSPC,
			       "the device tree does not fit in %zu bytes; shorten --params", size);
	if (t.error)
		return err_set(err, -EINVAL, "writing the device tree: %s", fdt_strerror(t.error));
	return (int)fdt_totalsize(buf);
}
