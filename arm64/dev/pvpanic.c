/*
 * Panic notification. Read: the events the machine understands. Written: those that happened.
 *
 * Source: QEMU docs/specs/pvpanic. The register is one byte; the block has two, as the Linux binding's reg.
 *
 * No state: what was told is the machine's business, which forgets it when the guest starts again.
 * Left out: the event of an orderly shutdown, for which PSCI has a call.
 */
#include "arm64/dev/pvpanic.h"

#define EVENTS_AT 0

static uint64_t pvpanic_read(struct device *dev, uint64_t offset, unsigned len)
{
	(void)dev;
	(void)len;
	return offset == EVENTS_AT ? PVPANIC_EVENTS : 0;
}

static void pvpanic_write(struct device *dev, uint64_t offset, unsigned len, uint64_t value)
{
	struct pvpanic *pvpanic = (struct pvpanic *)dev;
	unsigned events = (unsigned)value & PVPANIC_EVENTS;

	(void)len; /* of a wider access the first byte counts */
	if (offset == EVENTS_AT && events)
		pvpanic->told(pvpanic->world, events);
}

static void pvpanic_reset(struct device *dev)
{
	(void)dev; /* nothing is kept */
}

static const struct device_ops pvpanic_device_ops = {
	.name = "pvpanic",
	.read = pvpanic_read,
	.write = pvpanic_write,
	.reset = pvpanic_reset,
};

void pvpanic_init(struct pvpanic *pvpanic, gpa_t base, void (*told)(void *world, unsigned events),
		  void *world)
{
	*pvpanic = (struct pvpanic){ .told = told, .world = world };
	device_init(&pvpanic->dev, &pvpanic_device_ops, base, PVPANIC_BLOCK_BYTES);
}
