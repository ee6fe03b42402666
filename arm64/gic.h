/* The in-kernel interrupt controller: GICv2 or GICv3, with an ITS if the board has one. */
#ifndef ARM64_GIC_H
#define ARM64_GIC_H

#include "arm64/vm.h"

/* Create the controller the board names. All vCPUs exist already. 0, or -errno with `err`. */
int gic_create(struct vm *vm, struct err *err) __attribute__((warn_unused_result));

/* The controller for `choice` on this host: AUTO prefers GICv3 with ITS, then GICv3, then GICv2.
 * 0, or -EOPNOTSUPP with `err` naming what the host has. */
int gic_choose(const struct host_caps *caps, enum irqchip_choice choice, enum board_gic *gic,
	       struct err *err) __attribute__((warn_unused_result));

/* State of an SPI, or of CPU `cpu`'s own interrupt below 32, as the guest would read it: `pending` is
 * true too for a level-triggered interrupt whose line is up. 0; -EINVAL for an interrupt or CPU that
 * does not exist; -EBUSY while any vCPU is inside KVM_RUN, also one that waits there in WFI, so whoever
 * retries has to kick them all; or another -errno. The calling thread's own vCPU must be outside
 * KVM_RUN. */
int gic_irq_state(struct vm *vm, uint32_t intid, unsigned cpu, bool *pending, bool *active)
	__attribute__((warn_unused_result));

#endif
