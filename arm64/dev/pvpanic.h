/*
 * Panic notification: one register by which a guest's kernel says that it has panicked, whether or not it has
 * a console.
 *
 * Source: QEMU docs/specs/pvpanic (register and bits); Linux drivers/misc/pvpanic (qemu,pvpanic-mmio in a
 * device tree, QEMU0001 in ACPI).
 */
#ifndef ARM64_DEV_PVPANIC_H
#define ARM64_DEV_PVPANIC_H

#include "arm64/dev/device.h"

#define PVPANIC_BLOCK_BYTES 2

#define PVPANIC_PANICKED     0x01u /* the kernel panicked, and stops or restarts */
#define PVPANIC_CRASH_LOADED 0x02u /* the kernel panicked, and a crash kernel takes over */
#define PVPANIC_EVENTS       (PVPANIC_PANICKED | PVPANIC_CRASH_LOADED)

struct pvpanic {
	struct device dev; /* first */
	/* The guest said so: PVPANIC_* bits, at least one. Leaf lock held. */
	void (*told)(void *world, unsigned events);
	void *world;
};

void pvpanic_init(struct pvpanic *pvpanic, gpa_t base, void (*told)(void *world, unsigned events),
		  void *world);

#endif
