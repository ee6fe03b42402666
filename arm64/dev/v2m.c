/*
 * GICv2m frame: turns a write of an interrupt number into a pulse of that SPI.
 *
 * Source: Arm DEN0029 (SBSA), "GICv2m architecture", register summary. No state: the frame's
 * registers are constants and the GIC latches the edge.
 * Left out: the secure alias of MSI_SETSPI and the CoreSight identification registers, which
 * read 0.
 */
#include "arm64/dev/v2m.h"

#define MSI_TYPER     0x008
#define MSI_SETSPI_NS 0x040

static struct v2m *to_v2m(struct device *dev)
{
	return (struct v2m *)dev;
}

static uint64_t v2m_read(struct device *dev, uint64_t offset, unsigned len)
{
	const struct v2m *v2m = to_v2m(dev);

	if (offset == MSI_TYPER && len == 4)
		return v2m->irq.intid << 16 | v2m->nspis;
	return 0;
}

/* A PCI function writes 16 or 32 bits (PCI 3.0, 6.8.1: MSI data is 16 bits, zero-extended). */
static void v2m_write(struct device *dev, uint64_t offset, unsigned len, uint64_t value)
{
	const struct v2m *v2m = to_v2m(dev);
	struct irq_line spi = v2m->irq;

	if (offset != MSI_SETSPI_NS || (len != 2 && len != 4))
		return;
	if (value < v2m->irq.intid || value - v2m->irq.intid >= v2m->nspis)
		return;
	spi.intid = (uint32_t)value;
	irq_set(&spi, true);
	irq_set(&spi, false);
}

static void v2m_reset(struct device *dev)
{
	(void)dev; /* nothing is kept */
}

static const struct device_ops v2m_ops = {
	.name = "gic-v2m",
	.read = v2m_read,
	.write = v2m_write,
	.reset = v2m_reset,
};

void v2m_init(struct v2m *v2m, gpa_t base, struct irq_line irq, uint32_t nspis)
{
	*v2m = (struct v2m){ .irq = irq, .nspis = nspis };
	device_init(&v2m->dev, &v2m_ops, base, V2M_BLOCK_BYTES);
}
