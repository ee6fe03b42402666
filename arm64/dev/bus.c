/*
 * Guest physical address to device: a sorted array, searched by halving.
 *
 * The machine owns the bus and the devices. Devices are added by one thread before bus_freeze();
 * from then on the array is read only, so that any vCPU looks up without a lock.
 */
#include "arm64/dev/bus.h"

#include <errno.h>
#include <inttypes.h>

/* Index of the first device whose base is above `at`. */
static unsigned first_above(const struct bus *bus, uint64_t at)
{
	unsigned low = 0, high = bus->n;

	while (low < high) {
		unsigned mid = (low + high) / 2;

		if (bus->dev[mid]->base.v > at)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

static bool overlap(const struct device *a, const struct device *b)
{
	return a->base.v <= b->base.v + (b->size - 1) && b->base.v <= a->base.v + (a->size - 1);
}

/* The device next to place `i` that `dev` would overlap, or NULL. */
static const struct device *neighbour_in_the_way(const struct bus *bus, unsigned i,
						 const struct device *dev)
{
	if (i > 0 && overlap(bus->dev[i - 1], dev))
		return bus->dev[i - 1];
	if (i < bus->n && overlap(bus->dev[i], dev))
		return bus->dev[i];
	return NULL;
}

static int check_range(const struct device *dev, struct err *err)
{
	if (dev->size && dev->base.v + (dev->size - 1) >= dev->base.v)
		return 0;
	return err_set(err, -EINVAL,
		       "device %s at 0x%" PRIx64 ": its size of %" PRIu64
		       " bytes is 0 or passes the end of the address space",
		       dev->ops->name, dev->base.v, dev->size);
}

int bus_add(struct bus *bus, struct device *dev, struct err *err)
{
	const struct device *other;
	unsigned place;

	if (bus->frozen)
		return err_set(err, -EBUSY, "device %s: added after the machine was built",
			       dev->ops->name);
	if (bus->n == BUS_MAX_DEVICES)
		return err_set(err, -ENOSPC, "device %s: the bus holds at most %d devices",
			       dev->ops->name, BUS_MAX_DEVICES);
	if (check_range(dev, err))
		return -EINVAL;
	place = first_above(bus, dev->base.v);
	other = neighbour_in_the_way(bus, place, dev);
	if (other)
		return err_set(err, -EEXIST,
			       "device %s at 0x%" PRIx64 " overlaps device %s at 0x%" PRIx64,
			       dev->ops->name, dev->base.v, other->ops->name, other->base.v);
	for (unsigned i = bus->n; i > place; i--)
		bus->dev[i] = bus->dev[i - 1];
	bus->dev[place] = dev;
	bus->n++;
	return 0;
}

void bus_freeze(struct bus *bus)
{
	bus->frozen = true;
}

/* The device that holds all of [at, at + len), or NULL. */
static struct device *find(const struct bus *bus, gpa_t at, unsigned len)
{
	unsigned above = first_above(bus, at.v);
	struct device *dev;
	uint64_t offset;

	if (!above)
		return NULL;
	dev = bus->dev[above - 1];
	offset = at.v - dev->base.v;
	return offset < dev->size && len <= dev->size - offset ? dev : NULL;
}

static uint64_t low_bytes(uint64_t value, unsigned len)
{
	return len < 8 ? value & ((UINT64_C(1) << 8 * len) - 1) : value;
}

bool bus_read(const struct bus *bus, gpa_t at, unsigned len, uint64_t *value)
{
	struct device *dev = find(bus, at, len);

	*value = 0;
	if (!dev)
		return false;
	device_lock(dev);
	*value = low_bytes(dev->ops->read(dev, at.v - dev->base.v, len), len);
	device_unlock(dev);
	return true;
}

bool bus_write(const struct bus *bus, gpa_t at, unsigned len, uint64_t value)
{
	struct device *dev = find(bus, at, len);

	if (!dev)
		return false;
	device_lock(dev);
	dev->ops->write(dev, at.v - dev->base.v, len, low_bytes(value, len));
	device_unlock(dev);
	return true;
}

static void call(struct device *dev, void (*fn)(struct device *dev))
{
	if (!fn)
		return;
	device_lock(dev);
	fn(dev);
	device_unlock(dev);
}

void bus_reset(const struct bus *bus)
{
	for (unsigned i = 0; i < bus->n; i++)
		call(bus->dev[i], bus->dev[i]->ops->reset);
}

void bus_quiesce(const struct bus *bus)
{
	for (unsigned i = 0; i < bus->n; i++)
		call(bus->dev[i], bus->dev[i]->ops->quiesce);
}

void bus_resume(const struct bus *bus)
{
	for (unsigned i = 0; i < bus->n; i++)
		call(bus->dev[i], bus->dev[i]->ops->resume);
}
