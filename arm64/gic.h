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

#endif
