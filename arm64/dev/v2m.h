/*
 * GICv2m frame: a write of an interrupt number to MSI_SETSPI_NS pulses that SPI. Lets a GICv2
 * machine have MSIs.
 *
 * Source: Arm DEN0029 (Server Base System Architecture) v3, appendix E, "GICv2m architecture".
 */
#ifndef ARM64_DEV_V2M_H
#define ARM64_DEV_V2M_H

#include "arm64/dev/device.h"

#define V2M_BLOCK_BYTES 0x1000

struct v2m {
	struct device dev;   /* first */
	struct irq_line irq; /* intid: first SPI of the frame */
	uint32_t nspis;
};

void v2m_init(struct v2m *v2m, gpa_t base, struct irq_line irq, uint32_t nspis);

#endif
