/*
 * GICv2 (Arm IHI0048) and GICv3 (IHI0069), one security state's view, polled set-up. All interrupts
 * in one group with one priority. State is in the hardware and in struct cpu (redistributor base or
 * interface mask).
 */
#include "guest/lib/gic.h"

#include "guest/lib/exc.h"
#include "guest/lib/io.h"

enum {
	GICD_CTLR = 0x000,
	GICD_TYPER = 0x004,
	GICD_IGROUPR = 0x080,
	GICD_ISENABLER = 0x100,
	GICD_ICENABLER = 0x180,
	GICD_ISPENDR = 0x200,
	GICD_ICPENDR = 0x280,
	GICD_IPRIORITYR = 0x400,
	GICD_ITARGETSR = 0x800,
	GICD_SGIR = 0xf00,
	GICD_CPENDSGIR = 0xf10,
	GICD_IROUTER = 0x6000,
	GICC_CTLR = 0x000,
	GICC_PMR = 0x004,
	GICC_IAR = 0x00c,
	GICC_EOIR = 0x010,
	GICR_TYPER = 0x0008,
	GICR_WAKER = 0x0014,
	GICR_SGI_FRAME = 0x10000,
};

#define GICD_CTLR_V3     0x12u /* ARE, group 1 */
#define GICD_CTLR_RWP    (1u << 31)
#define GICR_TYPER_VLPIS (1u << 1)
#define GICR_TYPER_LAST  (1u << 4)
#define WAKER_SLEEP      (1u << 1)
#define WAKER_ASLEEP     (1u << 2)
#define PRIORITY_ALL     0xa0a0a0a0u
#define SGI_ENABLE       0xffffu
#define POLL_LIMIT       1000000u

static uint64_t dist(unsigned offset)
{
	return machine.gicd.base + offset;
}

static uint32_t private_enables(void)
{
	return SGI_ENABLE | 1u << machine.timer_virt_intid | 1u << machine.timer_phys_intid;
}

uint32_t gic_last_spi(void)
{
	uint32_t lines, last;

	if (machine.gic == GIC_NONE)
		return 0;
	lines = 32 * ((mmio_read32(dist(GICD_TYPER)) & 31) + 1);
	last = lines > 1020 ? 1019 : lines - 1;
	return last >= 32 ? last : 0;
}

static void wait_rwp(void)
{
	for (unsigned i = 0; i < POLL_LIMIT && (mmio_read32(dist(GICD_CTLR)) & GICD_CTLR_RWP); i++)
		cpu_relax();
}

void gic_init(void)
{
	if (machine.gic == GIC_NONE)
		return;
	mmio_write32(dist(GICD_CTLR), 0);
	for (uint32_t intid = 32; intid <= gic_last_spi(); intid += 32) {
		mmio_write32(dist(GICD_ICENABLER + intid / 8), UINT32_MAX);
		mmio_write32(dist(GICD_ICPENDR + intid / 8), UINT32_MAX);
		if (machine.gic == GIC_V3)
			mmio_write32(dist(GICD_IGROUPR + intid / 8), UINT32_MAX);
	}
	for (uint32_t intid = 32; intid <= gic_last_spi(); intid += 4)
		mmio_write32(dist(GICD_IPRIORITYR + intid), PRIORITY_ALL);
	mmio_write32(dist(GICD_CTLR), machine.gic == GIC_V3 ? GICD_CTLR_V3 : 1);
	if (machine.gic == GIC_V3)
		wait_rwp();
}

/* Aff3.Aff2.Aff1.Aff0 in 32 bits, as GICR_TYPER has it. */
static uint32_t packed_affinity(uint64_t mpidr)
{
	return (uint32_t)(mpidr >> 8 & 0xff000000) | (uint32_t)(mpidr & 0xffffff);
}

static uint64_t redist_in_region(const struct region *region, uint32_t affinity)
{
	uint64_t at = region->base;

	while (at < region->base + region->size) {
		uint32_t typer = mmio_read32(at + GICR_TYPER);

		if (mmio_read32(at + GICR_TYPER + 4) == affinity)
			return at;
		if (typer & GICR_TYPER_LAST)
			break;
		at += machine.gicr_stride ? machine.gicr_stride
					  : (typer & GICR_TYPER_VLPIS ? 0x40000 : 0x20000);
	}
	return 0;
}

static uint64_t find_redist(uint64_t mpidr)
{
	for (unsigned i = 0; i < machine.ngicr; i++) {
		uint64_t at = redist_in_region(&machine.gicr[i], packed_affinity(mpidr));

		if (at)
			return at;
	}
	return 0;
}

/* What was to stop this CPU in an earlier life, and came too late, is not to stop it now. */
static void forget_abort(uint64_t frame, bool per_source)
{
	if (per_source)
		mmio_write32(frame + GICD_CPENDSGIR + SGI_ABORT / 4 * 4,
			     0xffu << SGI_ABORT % 4 * 8);
	else
		mmio_write32(frame + GICD_ICPENDR, 1u << SGI_ABORT);
}

static void private_init(uint64_t frame, bool group1)
{
	forget_abort(frame, !group1);
	if (group1)
		mmio_write32(frame + GICD_IGROUPR, UINT32_MAX);
	for (unsigned intid = 0; intid < 32; intid += 4)
		mmio_write32(frame + GICD_IPRIORITYR + intid, PRIORITY_ALL);
	mmio_write32(frame + GICD_ISENABLER, private_enables());
}

static void v3_cpu_init(struct cpu *cpu)
{
	if (!cpu->redist_base)
		cpu->redist_base = find_redist(cpu->mpidr);
	if (!cpu->redist_base)
		return;
	mmio_write32(cpu->redist_base + GICR_WAKER,
		     mmio_read32(cpu->redist_base + GICR_WAKER) & ~WAKER_SLEEP);
	for (unsigned i = 0;
	     i < POLL_LIMIT && (mmio_read32(cpu->redist_base + GICR_WAKER) & WAKER_ASLEEP); i++)
		cpu_relax();
	private_init(cpu->redist_base + GICR_SGI_FRAME, true);
	sysreg_write(S3_0_C12_C12_5, sysreg_read(S3_0_C12_C12_5) | 1); /* ICC_SRE_EL1 */
	barrier_isb();
	sysreg_write(S3_0_C4_C6_0, 0xff); /* ICC_PMR_EL1 */
	sysreg_write(S3_0_C12_C12_3, 0);  /* ICC_BPR1_EL1 */
	sysreg_write(S3_0_C12_C12_4, 0);  /* ICC_CTLR_EL1: EOI also deactivates */
	sysreg_write(S3_0_C12_C12_7, 1);  /* ICC_IGRPEN1_EL1 */
	barrier_isb();
}

static void v2_cpu_init(struct cpu *cpu)
{
	cpu->gicv2_mask = mmio_read32(dist(GICD_ITARGETSR)) & 0xff;
	if (!cpu->gicv2_mask)
		cpu->gicv2_mask = 1; /* uniprocessor: the register reads as zero */
	private_init(machine.gicd.base, false);
	mmio_write32(machine.gicc.base + GICC_PMR, 0xff);
	mmio_write32(machine.gicc.base + GICC_CTLR, 1);
}

void gic_cpu_init(struct cpu *cpu)
{
	if (machine.gic == GIC_V3)
		v3_cpu_init(cpu);
	else if (machine.gic == GIC_V2)
		v2_cpu_init(cpu);
}

uint32_t gic_ack(void)
{
	uint32_t token;

	if (machine.gic == GIC_V2)
		return mmio_read32(machine.gicc.base + GICC_IAR);
	token = (uint32_t)sysreg_read(S3_0_C12_C12_0); /* ICC_IAR1_EL1 */
	barrier_full();
	return token;
}

uint32_t gic_intid(uint32_t token)
{
	return machine.gic == GIC_V2 ? token & 0x3ff : token & 0xffffff;
}

void gic_eoi(uint32_t token)
{
	if (machine.gic == GIC_V2) {
		mmio_write32(machine.gicc.base + GICC_EOIR, token);
		return;
	}
	sysreg_write(S3_0_C12_C12_1, token); /* ICC_EOIR1_EL1 */
	barrier_isb();
}

void gic_send_sgi(const struct cpu *target, unsigned sgi)
{
	uint64_t m = target->mpidr;

	barrier_full();
	if (machine.gic == GIC_V2) {
		mmio_write32(dist(GICD_SGIR), target->gicv2_mask << 16 | sgi);
		return;
	}
	sysreg_write(S3_0_C12_C11_5, /* ICC_SGI1R_EL1 */
		     (m >> 32 & 0xff) << 48 | (m >> 4 & 15) << 44 | (m >> 16 & 0xff) << 32 |
			     (uint64_t)sgi << 24 | (m >> 8 & 0xff) << 16 | UINT64_C(1) << (m & 15));
	barrier_isb();
}

void gic_spi_route(uint32_t intid, const struct cpu *target)
{
	if (machine.gic == GIC_V2) {
		mmio_write8(dist(GICD_ITARGETSR + intid), (uint8_t)target->gicv2_mask);
		return;
	}
	mmio_write32(dist(GICD_IROUTER + 8 * intid), (uint32_t)target->mpidr);
	mmio_write32(dist(GICD_IROUTER + 8 * intid) + 4, (uint32_t)(target->mpidr >> 32));
}

void gic_spi_set_pending(uint32_t intid, bool pending)
{
	mmio_write32(dist((pending ? GICD_ISPENDR : GICD_ICPENDR) + intid / 32 * 4),
		     1u << intid % 32);
}

void gic_spi_enable(uint32_t intid, bool enable)
{
	mmio_write32(dist((enable ? GICD_ISENABLER : GICD_ICENABLER) + intid / 32 * 4),
		     1u << intid % 32);
}
