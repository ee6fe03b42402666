/*
 * From a guest physical address to a device. Filled while the machine is built, then frozen: a
 * sorted array and a binary search, no lock and no allocation per access.
 */
#ifndef ARM64_DEV_BUS_H
#define ARM64_DEV_BUS_H

#include "arm64/dev/device.h"
#include "lib/err.h"

#define BUS_MAX_DEVICES 128

struct bus {
	struct device *dev[BUS_MAX_DEVICES]; /* ascending by base */
	unsigned n;
	bool frozen;
};

/* Add a device. 0; -EBUSY after bus_freeze(), -ENOSPC, -EINVAL (empty or wraps), -EEXIST (overlap;
 * `err` names both). */
int bus_add(struct bus *bus, struct device *dev, struct err *err)
	__attribute__((warn_unused_result));

/* No more devices; accesses may start, from any thread. */
void bus_freeze(struct bus *bus);

/* One guest access of `len` bytes (1, 2, 4, 8) at `at`. True if a device answered; false: nothing
 * lives there or the access straddles the end of a block (reads give 0). Takes the leaf lock. */
bool bus_read(const struct bus *bus, gpa_t at, unsigned len, uint64_t *value);
bool bus_write(const struct bus *bus, gpa_t at, unsigned len, uint64_t value);

/* Reset, quiesce or resume every device, in order of address. */
void bus_reset(const struct bus *bus);
void bus_quiesce(const struct bus *bus);
void bus_resume(const struct bus *bus);

#endif
