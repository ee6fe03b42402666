/*
 * The machine's memory map and interrupts. One table of blocks; most are fixed, the interrupt
 * controller's depend on its kind and on the number of CPUs, RAM on its size, and the window for 64-bit PCI
 * addresses on what is left above RAM.
 *
 * Owner: the machine, which lays the board out once and never changes it.
 * Addresses of a PCI host and of virtio-mmio devices are kept free in a machine that has none.
 */
#include "arm64/board.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "arm64/dev/einj.h"
#include "arm64/dev/gpio.h"
#include "arm64/dev/pvpanic.h"
#include "arm64/dev/rtc.h"
#include "arm64/dev/test_timer.h"
#include "arm64/dev/uart.h"
#include "arm64/dev/v2m.h"

#define UART_BASE        UINT64_C(0x01000000)
#define UART_STRIDE      UINT64_C(0x1000)
#define RTC_BASE         UINT64_C(0x01010000)
#define PVTIME_BASE      UINT64_C(0x01020000)
#define TEST_TIMER_BASE  UINT64_C(0x01030000)
#define EINJ_BASE        UINT64_C(0x01040000)
#define PVPANIC_BASE     UINT64_C(0x01050000)
#define GPIO_BASE        UINT64_C(0x01060000)
#define FLASH_BASE       UINT64_C(0x02000000)
#define VIRTIO_BASE      UINT64_C(0x03000000)
#define GIC_DIST_BASE    UINT64_C(0x3fff0000)
#define PCI_ECAM_BASE    UINT64_C(0x40000000)
#define PCI_MMIO_BASE    UINT64_C(0x50000000)
#define PVTIME_BYTES     KIB(64) /* 64 bytes a CPU (Arm DEN0057A 4.3); KVM maps whole pages */
#define FLASH_BYTES      MIB(16)
#define VIRTIO_BYTES     MIB(1)
#define GIC_DIST_BYTES   KIB(64)
#define GIC_REDIST_BYTES KIB(128) /* a CPU: RD_base and SGI_base frames (Arm IHI0069 12.10) */
#define GIC_ITS_BYTES    KIB(128) /* control and translation frames (Arm IHI0069 12.18) */
#define GIC_CPUI_BYTES   KIB(8)   /* Arm IHI0048B 4.1.3 */
#define GIC_STRIDE       KIB(64)  /* GICv2 frames lie in pages of their own on any host */
#define PCI_ECAM_BYTES   MIB(256)
#define PCI_MMIO_BYTES   (BOARD_RAM_BASE - PCI_MMIO_BASE)
#define UART_INTID       32
#define RTC_INTID        36
#define TEST_TIMER_INTID 37
#define V2M_NINTIDS      32 /* the last interrupts of the GIC */
/* The window for 64-bit PCI addresses is the last eighth of what the guest can address, within what any arm64
 * kernel can: 48 bits. Below 4 GiB it would not serve. */
#define PCI_MMIO64_MAX_BITS 48
#define PCI_MMIO64_MIN_BITS 33

_Static_assert(UART_BLOCK_BYTES <= UART_STRIDE, "UARTs overlap");
_Static_assert(UART_BASE + 4 * UART_STRIDE <= RTC_BASE, "UARTs reach into the RTC");
_Static_assert(RTC_BASE + RTC_BLOCK_BYTES <= PVTIME_BASE, "RTC reaches into stolen time");
_Static_assert(BOARD_MAX_CPUS *UINT64_C(64) <= PVTIME_BYTES, "stolen time: too small for all CPUs");
_Static_assert(PVTIME_BASE + PVTIME_BYTES <= TEST_TIMER_BASE,
	       "stolen time reaches into the test timer");
_Static_assert(BOARD_MAX_CPUS <= TEST_TIMER_MAX_CPUS, "test timer: no channel for some CPUs");
_Static_assert(TEST_TIMER_BASE + TEST_TIMER_BLOCK_BYTES <= EINJ_BASE,
	       "test timer reaches into error injection");
_Static_assert(EINJ_BASE + EINJ_BLOCK_BYTES <= PVPANIC_BASE,
	       "error injection reaches into panic notification");
_Static_assert(PVPANIC_BASE + PVPANIC_BLOCK_BYTES <= GPIO_BASE,
	       "panic notification reaches into GPIO");
_Static_assert(GPIO_BASE + GPIO_BLOCK_BYTES <= FLASH_BASE, "GPIO reaches into flash");
_Static_assert(BOARD_GPIO_WAKE_PIN < GPIO_PINS, "no such pin");
_Static_assert(FLASH_BASE + FLASH_BYTES <= VIRTIO_BASE, "flash reaches into virtio-mmio");
_Static_assert(VIRTIO_BASE + VIRTIO_BYTES <=
		       GIC_DIST_BASE - BOARD_MAX_CPUS * GIC_REDIST_BYTES - GIC_ITS_BYTES,
	       "virtio-mmio reaches into the GIC");
_Static_assert(GIC_DIST_BASE + GIC_DIST_BYTES <= PCI_ECAM_BASE, "GIC reaches into PCI");
_Static_assert(GIC_CPUI_BYTES <= GIC_STRIDE && V2M_BLOCK_BYTES <= GIC_STRIDE, "GICv2 frames");
_Static_assert(PCI_ECAM_BASE + PCI_ECAM_BYTES <= PCI_MMIO_BASE, "PCI configuration overlaps");
_Static_assert(PCI_MMIO_BASE < BOARD_RAM_BASE, "PCI memory reaches into RAM");
_Static_assert(UART_INTID + 4 <= RTC_INTID, "UART interrupts reach the RTC's");
_Static_assert(RTC_INTID < TEST_TIMER_INTID, "RTC and test timer share an interrupt");
_Static_assert(TEST_TIMER_INTID < INTID_GED_ERROR && INTID_GED_ERROR < INTID_POWER_BUTTON,
	       "the test timer, the event device and the power button share an interrupt");
_Static_assert(INTID_POWER_BUTTON < INTID_PCI && INTID_PCI + BOARD_PCI_NINTX <= INTID_GPIO &&
		       INTID_GPIO < INTID_VIRTIO_MMIO,
	       "the power button, PCI, GPIO and virtio-mmio share an interrupt");
_Static_assert(INTID_VIRTIO_MMIO + BOARD_MAX_VIRTIO_MMIO <= BOARD_NR_INTIDS - V2M_NINTIDS,
	       "MSIs share an interrupt of virtio-mmio");
_Static_assert(BOARD_MAX_VIRTIO_MMIO *BOARD_VIRTIO_STRIDE <= VIRTIO_BYTES,
	       "virtio-mmio: too small for all devices");
_Static_assert(BOARD_NR_INTIDS % 32 == 0, "a GIC has interrupts in groups of 32");

/* Blocks that are the same in every machine. */
static const struct board_block fixed[BOARD_NR_BLOCKS] = {
	[BOARD_UART0] = { "uart0", UART_BASE, UART_BLOCK_BYTES, UART_INTID, 1, false },
	[BOARD_UART1] = { "uart1", UART_BASE + UART_STRIDE, UART_BLOCK_BYTES, UART_INTID + 1, 1,
			  false },
	[BOARD_UART2] = { "uart2", UART_BASE + 2 * UART_STRIDE, UART_BLOCK_BYTES, UART_INTID + 2, 1,
			  false },
	[BOARD_UART3] = { "uart3", UART_BASE + 3 * UART_STRIDE, UART_BLOCK_BYTES, UART_INTID + 3, 1,
			  false },
	[BOARD_RTC] = { "rtc", RTC_BASE, RTC_BLOCK_BYTES, RTC_INTID, 1, false },
	[BOARD_PVTIME] = { "stolen-time", PVTIME_BASE, 0, INTID_NONE, 0, false },
	[BOARD_TEST_TIMER] = { "test-timer", TEST_TIMER_BASE, 0, TEST_TIMER_INTID, 1, false },
	[BOARD_EINJ] = { "einj", EINJ_BASE, 0, INTID_NONE, 0, false },
	[BOARD_PVPANIC] = { "pvpanic", PVPANIC_BASE, 0, INTID_NONE, 0, false },
	[BOARD_GPIO] = { "gpio", GPIO_BASE, 0, INTID_GPIO, 1, false },
	[BOARD_FLASH] = { "flash", FLASH_BASE, FLASH_BYTES, INTID_NONE, 0, true },
	[BOARD_VIRTIO_MMIO] = { "virtio-mmio", VIRTIO_BASE, VIRTIO_BYTES, INTID_NONE, 0, true },
	[BOARD_GIC_V2M] = { "gic-v2m", GIC_DIST_BASE, 0, INTID_NONE, 0, false },
	[BOARD_GIC_ITS] = { "gic-its", GIC_DIST_BASE, 0, INTID_NONE, 0, false },
	[BOARD_GIC_REDIST] = { "gic-redist", GIC_DIST_BASE, 0, INTID_NONE, 0, false },
	[BOARD_GIC_CPUI] = { "gic-cpu", GIC_DIST_BASE, 0, INTID_NONE, 0, false },
	[BOARD_GIC_DIST] = { "gic-dist", GIC_DIST_BASE, GIC_DIST_BYTES, INTID_NONE, 0, false },
	[BOARD_PCI_ECAM] = { "pci-ecam", PCI_ECAM_BASE, PCI_ECAM_BYTES, INTID_NONE, 0, true },
	[BOARD_PCI_MMIO] = { "pci-mmio", PCI_MMIO_BASE, PCI_MMIO_BYTES, INTID_NONE, 0, true },
	[BOARD_RAM] = { "ram", BOARD_RAM_BASE, 0, INTID_NONE, 0, false },
	[BOARD_PCI_MMIO64] = { "pci-mmio64", 0, 0, INTID_NONE, 0, false },
};

static const struct {
	const char *name;
	unsigned max_cpus;
} gics[] = {
	[BOARD_GICV2] = { "gicv2", 8 },
	[BOARD_GICV2M] = { "gicv2m", 8 },
	[BOARD_GICV3] = { "gicv3", BOARD_MAX_CPUS },
	[BOARD_GICV3_ITS] = { "gicv3-its", BOARD_MAX_CPUS },
};

uint64_t board_default_mpidr(unsigned index)
{
	return (index & 0xfu) | (uint64_t)(index >> 4 & 0xffu) << 8 |
	       (uint64_t)(index >> 12 & 0xffu) << 16;
}

const char *board_tables_name(enum board_tables tables)
{
	static const char *const names[] = {
		[BOARD_TABLES_DT] = "dt",
		[BOARD_TABLES_ACPI] = "acpi",
		[BOARD_TABLES_BOTH] = "both",
	};

	return names[tables];
}

const char *board_gic_name(enum board_gic gic)
{
	return gics[gic].name;
}

unsigned board_gic_max_cpus(enum board_gic gic)
{
	return gics[gic].max_cpus;
}

static int check_cpus(const struct board_config *c, struct err *err)
{
	unsigned max = board_gic_max_cpus(c->gic);

	if (c->ncpus && c->ncpus <= max)
		return 0;
	if (c->ncpus && c->ncpus <= BOARD_MAX_CPUS)
		return err_set(err, -EINVAL,
			       "-c %u: %s serves 1 to %u CPUs; give fewer, or --irqchip gicv3",
			       c->ncpus, board_gic_name(c->gic), max);
	return err_set(err, -EINVAL, "-c %u: the machine has 1 to %u CPUs", c->ncpus, max);
}

/* RAM runs from BOARD_RAM_BASE to the end of what the guest can address, at most. */
static int check_ram(const struct board_config *c, struct err *err)
{
	uint64_t end = c->ipa_bits < 64 ? UINT64_C(1) << c->ipa_bits : UINT64_MAX;
	uint64_t max = end > BOARD_RAM_BASE ? align_down(end - BOARD_RAM_BASE, KIB(4)) : 0;

	if (!c->ram_bytes || c->ram_bytes % KIB(4))
		return err_set(err, -EINVAL,
			       "-m: %" PRIu64
			       " bytes of RAM; it has to be a multiple of 4 KiB, and "
			       "more than 0",
			       c->ram_bytes);
	if (c->ram_bytes > max)
		return err_set(err, -EINVAL,
			       "-m: %" PRIu64 " MiB of RAM do not fit; guest physical addresses "
			       "have %u bits here and RAM starts at 0x%" PRIx64
			       ", so -m is at most %" PRIu64 "M",
			       c->ram_bytes >> 20, c->ipa_bits, BOARD_RAM_BASE, max >> 20);
	return 0;
}

/* Put a block of `size` bytes below `above`, `room` bytes lower. */
static void place_below(struct board *b, enum board_id id, enum board_id above, uint64_t room,
			uint64_t size)
{
	b->block[id].base = b->block[above].base - room;
	b->block[id].size = size;
}

static void lay_out_gicv2(struct board *b)
{
	struct board_block *v2m = &b->block[BOARD_GIC_V2M];

	place_below(b, BOARD_GIC_CPUI, BOARD_GIC_DIST, GIC_STRIDE, GIC_CPUI_BYTES);
	if (b->config.gic != BOARD_GICV2M)
		return;
	place_below(b, BOARD_GIC_V2M, BOARD_GIC_CPUI, GIC_STRIDE, V2M_BLOCK_BYTES);
	v2m->intid = BOARD_NR_INTIDS - V2M_NINTIDS;
	v2m->nintids = V2M_NINTIDS;
}

static void lay_out_gicv3(struct board *b)
{
	uint64_t redist = b->config.ncpus * GIC_REDIST_BYTES;

	place_below(b, BOARD_GIC_REDIST, BOARD_GIC_DIST, redist, redist);
	if (b->config.gic == BOARD_GICV3_ITS)
		place_below(b, BOARD_GIC_ITS, BOARD_GIC_REDIST, GIC_ITS_BYTES, GIC_ITS_BYTES);
}

static int check_virtio(const struct board_config *c, struct err *err)
{
	if (c->nvirtio_mmio <= BOARD_MAX_VIRTIO_MMIO)
		return 0;
	return err_set(
		err, -EINVAL,
		"%u virtio devices: the machine has room for %d behind virtio-mmio; give fewer, "
		"or --virtio-transport pci",
		c->nvirtio_mmio, BOARD_MAX_VIRTIO_MMIO);
}

static void lay_out_virtio(struct board *b)
{
	struct board_block *virtio = &b->block[BOARD_VIRTIO_MMIO];

	if (!b->config.nvirtio_mmio)
		return;
	virtio->reserved = false;
	virtio->intid = INTID_VIRTIO_MMIO;
	virtio->nintids = b->config.nvirtio_mmio;
}

/* RAM that reaches into its place leaves no window. */
static void lay_out_pci_mmio64(struct board *b)
{
	struct board_block *window = &b->block[BOARD_PCI_MMIO64];
	unsigned bits = b->config.ipa_bits;
	uint64_t size;

	if (bits < PCI_MMIO64_MIN_BITS)
		return;
	if (bits > PCI_MMIO64_MAX_BITS)
		bits = PCI_MMIO64_MAX_BITS;
	size = UINT64_C(1) << (bits - 3);
	if (b->config.ram_bytes > 7 * size - BOARD_RAM_BASE)
		return;
	window->base = 7 * size;
	window->size = size;
}

static void lay_out_pci(struct board *b)
{
	struct board_block *ecam = &b->block[BOARD_PCI_ECAM];

	if (!b->config.pci)
		return;
	ecam->reserved = false;
	ecam->intid = INTID_PCI;
	ecam->nintids = BOARD_PCI_NINTX;
	b->block[BOARD_PCI_MMIO].reserved = false;
	lay_out_pci_mmio64(b);
}

bool board_gic_is_v2(enum board_gic gic)
{
	return gic == BOARD_GICV2 || gic == BOARD_GICV2M;
}

/* The blocks that depend on the configuration must not run into their neighbours. */
static int check_order(const struct board *b, struct err *err)
{
	const struct board_block *last = NULL;

	for (unsigned i = 0; i < BOARD_NR_BLOCKS; i++) {
		const struct board_block *k = &b->block[i];

		if (!k->size)
			continue;
		if (last && k->base - last->base < last->size)
			return err_set(err, -EINVAL,
				       "-c %u: %s at 0x%" PRIx64 " overlaps %s at 0x%" PRIx64,
				       b->config.ncpus, k->name, k->base, last->name, last->base);
		last = k;
	}
	return 0;
}

int board_layout(struct board *b, const struct board_config *config, struct err *err)
{
	int ret = check_cpus(config, err);

	if (!ret)
		ret = check_ram(config, err);
	if (!ret)
		ret = check_virtio(config, err);
	if (ret)
		return ret;
	b->config = *config;
	memcpy(b->block, fixed, sizeof(fixed));
	b->block[BOARD_PVTIME].size = config->pvtime ? PVTIME_BYTES : 0;
	b->block[BOARD_TEST_TIMER].size = config->test_timer ? TEST_TIMER_BLOCK_BYTES : 0;
	b->block[BOARD_EINJ].size = board_has_acpi(b) ? EINJ_BLOCK_BYTES : 0;
	b->block[BOARD_PVPANIC].size = config->pvpanic ? PVPANIC_BLOCK_BYTES : 0;
	b->block[BOARD_GPIO].size = board_has_acpi(b) ? GPIO_BLOCK_BYTES : 0;
	b->block[BOARD_RAM].size = config->ram_bytes;
	if (board_gic_is_v2(config->gic))
		lay_out_gicv2(b);
	else
		lay_out_gicv3(b);
	lay_out_virtio(b);
	lay_out_pci(b);
	return check_order(b, err);
}

/* "64 KiB": the largest unit that divides the size. */
static void print_size(uint64_t bytes, FILE *out)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	unsigned u = 0;

	for (; bytes && bytes % 1024 == 0 && u + 1 < ARRAY_SIZE(units); u++)
		bytes /= 1024;
	fprintf(out, "%5" PRIu64 " %-3s", bytes, units[u]);
}

static void print_block(const struct board_block *k, FILE *out)
{
	fprintf(out, "%-12s 0x%010" PRIx64 "-0x%010" PRIx64 "  ", k->name, k->base,
		k->base + (k->size - 1));
	print_size(k->size, out);
	if (k->nintids == 1)
		fprintf(out, "  INTID %u", k->intid);
	else if (k->nintids)
		fprintf(out, "  INTID %u-%u", k->intid, k->intid + k->nintids - 1);
	fprintf(out, "%s\n", k->reserved ? "  (reserved)" : "");
}

void board_print(const struct board *b, FILE *out)
{
	for (unsigned i = 0; i < BOARD_NR_BLOCKS; i++) {
		if (b->block[i].size)
			print_block(&b->block[i], out);
	}
}
