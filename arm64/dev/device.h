/*
 * What a board device is: a block of registers, an interrupt line, state that can be reset, saved
 * and loaded. No KVM in this folder; the world is reached through struct irq_line and the
 * callbacks each device declares.
 *
 * Locks: the bus takes the device's leaf lock around read, write, reset, quiesce and resume; device
 * code contains no locking. Functions of a device that other threads call (console input, a timer)
 * say so and expect the caller to hold device_lock().
 */
#ifndef ARM64_DEV_DEVICE_H
#define ARM64_DEV_DEVICE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/state.h"
#include "lib/types.h"

/* An interrupt input of the machine. `set` may be called from any thread, with the device's leaf
 * lock held, and must not call back into the device. */
struct irq_line {
	void (*set)(void *world, uint32_t intid, bool level);
	void *world;
	uint32_t intid;
};

static inline void irq_set(const struct irq_line *line, bool level)
{
	if (line->set)
		line->set(line->world, line->intid, level);
}

struct device;

struct device_ops {
	const char *name;
	/* `len` is 1, 2, 4 or 8 bytes and offset + len lies inside the block. Values are the access's
	 * own bytes, zero-extended. */
	uint64_t (*read)(struct device *dev, uint64_t offset, unsigned len);
	void (*write)(struct device *dev, uint64_t offset, unsigned len, uint64_t value);
	void (*reset)(struct device *dev);   /* to power-on state; lowers its interrupt */
	void (*quiesce)(struct device *dev); /* stop producing side effects; may be NULL */
	void (*resume)(struct device *dev);  /* re-drive interrupt and timers; may be NULL */
	const struct state_desc *state;      /* migrated state, may be NULL */
};

/* First member of every device's struct. Owned by whoever made it; the bus only points to it. */
struct device {
	const struct device_ops *ops;
	gpa_t base;
	uint64_t size;
	pthread_mutex_t lock;  /* leaf lock */
	struct device *leader; /* the device whose lock serves this one too; NULL: its own does */
};

/* For the _init() function of a device. */
static inline void device_init(struct device *dev, const struct device_ops *ops, gpa_t base,
			       uint64_t size)
{
	dev->ops = ops;
	dev->base = base;
	dev->size = size;
	dev->leader = NULL;
	pthread_mutex_init(&dev->lock, NULL);
}

/* The leaf lock: nothing else is locked while it is held. Not recursive. */
static inline void device_lock(struct device *dev)
{
	pthread_mutex_lock(dev->leader ? &dev->leader->lock : &dev->lock);
}

static inline void device_unlock(struct device *dev)
{
	pthread_mutex_unlock(dev->leader ? &dev->leader->lock : &dev->lock);
}

#endif
