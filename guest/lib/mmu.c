/*
 * Stage 1 translation, 4 KiB granule, 39-bit addresses (Arm DDI0487, D8): every gigabyte is a Device
 * block, but for RAM, which is Normal write-back in 2 MiB blocks. The gigabyte that holds the image
 * is mapped again at the top for EL0, since memory EL0 may write cannot be executed at EL1.
 */
#include "guest/lib/mmu.h"

#include "guest/lib/cpu.h"
#include "guest/lib/io.h"

#define GIB           (UINT64_C(1) << 30)
#define BLOCK_BYTES   (UINT64_C(1) << 21)
#define TABLE_ENTRIES 512
#define EL0_SLOT      511

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

static uint64_t build_tables(void)
{
	uint64_t *root = ram_alloc(4096, 4096);

	for (uint64_t i = 0; i < TABLE_ENTRIES; i++)
		root[i] = in_ram(i * GIB, GIB)
				  ? (uint64_t)table_of_gib(i * GIB, DESC_NORMAL | DESC_UXN) |
					    DESC_TABLE
				  : i * GIB | DESC_BLOCK | DESC_DEVICE;
	root[EL0_SLOT] =
		(uint64_t)table_of_gib(image_gib(), DESC_NORMAL | DESC_EL0 | DESC_PXN) | DESC_TABLE;
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
