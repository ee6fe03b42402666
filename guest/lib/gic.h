/* The least of GICv2 (Arm IHI0048) and GICv3 (IHI0069) a test needs: SGIs, PPIs, one SPI. */
#ifndef GUEST_LIB_GIC_H
#define GUEST_LIB_GIC_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/lib/cpu.h"

void gic_init(void);                /* distributor; boot CPU, once */
void gic_cpu_init(struct cpu *cpu); /* on the CPU itself, at every entry; keeps what is pending,
				     * but for SGI_ABORT */

uint32_t gic_ack(void); /* a token for gic_eoi() */
uint32_t gic_intid(uint32_t token);
void gic_eoi(uint32_t token);

/* Send SGI 0..15. The target must have been through gic_cpu_init() once with GICv2. */
void gic_send_sgi(const struct cpu *target, unsigned sgi);

uint32_t gic_last_spi(void); /* highest SPI implemented, or 0: none */
void gic_spi_route(uint32_t intid, const struct cpu *target);
void gic_spi_set_pending(uint32_t intid, bool pending);
void gic_spi_enable(uint32_t intid, bool enable);

#endif
