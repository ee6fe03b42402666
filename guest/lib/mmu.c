/*
 * Stage 1 translation, 4 KiB granule, 39-bit addresses (Arm DDI0487, D8): every gigabyte is a Device
 * block, but for RAM, which is Normal write-back in 2 MiB blocks. The gigabyte that holds the image
 * is mapped again at the top for EL0, since memory EL0 may write cannot be executed at EL1; once more
 * for EL0 below 4 GiB, where AArch32 can reach it, if a gigabyte is free there; and once more for EL1
 * far above 4 GiB, so that an address cut to 32 bits is seen to be another.
 */
#include "guest/lib/mmu.h"

#include "guest/lib/cpu.h"
#include "guest/lib/io.h"

#define GIB           (UINT64_C(1) << 30)
#define BLOCK_BYTES   (UINT64_C(1) << 21)
#define TABLE_ENTRIES 512
#define EL0_SLOT      511
#define HIGH_SLOT     504 /* the first of four */
#define LOW_SLOTS     4   /* gigabytes with 32-bit addresses */

#define DESC_BLOCK  UINT64_C(1)
#define DESC_TABLE  UINT64_C(3)
#define DESC_AF     (UINT64_C(1) << 10)
#define DESC_INNER  (UINT64_C(3) << 8)
#define DESC_EL0    (UINT64_C(1) << 6)
#define DESC_PXN    (UINT64_C(1) << 53)
#define DESC_UXN    (UINT64_C(1) << 54)
#define DESC_DEVICE (DESC_AF | DESC_PXN | DESC_UXN)           /* MAIR index 0 */
#define DESC_NORMAL (DESC_AF | DESC_INNER | UINT64_C(1) << 2) /* MAIR index 1 */

#define MAIR_VALUE UINT64_C(0xff00)
/* T0SZ 25, inner and outer write-back, inner shareable, no TTBR1 walks. */
#define TCR_VALUE  (UINT64_C(25) | 1 << 8 | 1 << 10 | 3 << 12 | 1 << 23)
#define SCTLR_RES1 UINT64_C(0x30d00800)

static bool in_ram(uint64_t base, uint64_t size)
{
	for (unsigned i = 0; i < machine.nram; i++)
		if (base < machine.ram[i].base + machine.ram[i].size &&
		    base + size > machine.ram[i].base)
			return true;
	return false;
}

static bool in_gib(const struct region *device, uint64_t gib)
{
	return device->size && device->base / GIB == gib;
}

static bool gib_is_free(uint64_t gib)
{
	const struct region *near[] = { &machine.uart, &machine.gicd, &machine.gicc };

	if (in_ram(gib * GIB, GIB))
		return false;
	for (unsigned i = 0; i < sizeof(near) / sizeof(near[0]); i++)
		if (in_gib(near[i], gib))
			return false;
	for (unsigned i = 0; i < machine.ngicr; i++)
		if (in_gib(&machine.gicr[i], gib))
			return false;
	return true;
}

/* 0 if none is free. The first gigabyte is left to devices. */
static uint64_t el0_low_slot(void)
{
	uint64_t slot = LOW_SLOTS - 1;

	while (slot && !gib_is_free(slot))
		slot--;
	return slot;
}

static uint64_t *table_of_gib(uint64_t base, uint64_t normal)
{
	uint64_t *table = ram_alloc(4096, 4096);

	for (uint64_t i = 0; i < TABLE_ENTRIES; i++) {
		uint64_t at = base + i * BLOCK_BYTES;

		table[i] = at | DESC_BLOCK | (in_ram(at, BLOCK_BYTES) ? normal : DESC_DEVICE);
	}
	return table;
}

static uint64_t image_gib(void)
{
	return (uint64_t)image_start & ~(GIB - 1);
}

static uint64_t high_slot(void)
{
	return HIGH_SLOT + image_gib() / GIB % LOW_SLOTS;
}

static uint64_t build_tables(void)
{
	uint64_t *root = ram_alloc(4096, 4096), low = el0_low_slot();

	for (uint64_t i = 0; i < TABLE_ENTRIES; i++)
		root[i] = in_ram(i * GIB, GIB)
				  ? (uint64_t)table_of_gib(i * GIB, DESC_NORMAL | DESC_UXN) |
					    DESC_TABLE
				  : i * GIB | DESC_BLOCK | DESC_DEVICE;
	root[EL0_SLOT] =
		(uint64_t)table_of_gib(image_gib(), DESC_NORMAL | DESC_EL0 | DESC_PXN) | DESC_TABLE;
	if (low)
		root[low] = root[EL0_SLOT];
	root[high_slot()] = root[image_gib() / GIB];
	return (uint64_t)root;
}

void mmu_init(struct mmu_regs *regs)
{
	uint64_t pa_range = sysreg_read(id_aa64mmfr0_el1) & 15;

	*regs = (struct mmu_regs){ .sctlr = SCTLR_RES1 };
	if (!machine.mmu)
		return;
	regs->ttbr0 = build_tables();
	regs->tcr = TCR_VALUE | (pa_range > 5 ? 5 : pa_range) << 32;
	regs->mair = MAIR_VALUE;
	regs->sctlr = SCTLR_RES1 | SCTLR_M | SCTLR_C | SCTLR_I;
}

uint64_t mmu_el0_address(const void *p)
{
	if (!machine.mmu)
		return (uint64_t)p;
	return EL0_SLOT * GIB + ((uint64_t)p & (GIB - 1));
}

uint64_t mmu_el0_low_address(const void *p)
{
	uint64_t slot = el0_low_slot();

	if (!machine.mmu)
		return (uint64_t)p < LOW_SLOTS * GIB ? (uint64_t)p : 0;
	return slot ? slot * GIB + ((uint64_t)p & (GIB - 1)) : 0;
}

uint64_t mmu_high_address(const void *p)
{
	return machine.mmu ? high_slot() * GIB + ((uint64_t)p & (GIB - 1)) : 0;
}
