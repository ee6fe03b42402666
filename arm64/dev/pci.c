/*
 * The PCI host bridge: ECAM, the memory windows, INTx lines; which function an access is for.
 *
 * Source: PCI Express Base 5.0, 7.2.2 (ECAM), 2.3.1 (what has no completer reads all ones), 2.2.8.1 (INTx);
 * PCI Local Bus 3.0, 6.2.5 (base addresses). Configuration registers: pci_config.c; MSI-X: pci_msix.c.
 *
 * The machine owns the host, devices own their functions; all state is under the leaf lock of the ECAM but
 * for `asserted` and `intx_on`, which are under intx_lock.
 *
 * Two BARs at one address are both decoded, and the function in the lower slot, then the lower BAR, gets the
 * accesses; a guest that does that on real hardware gets both at once.
 */
#include "arm64/dev/pci.h"

#include <errno.h>

#include "arm64/dev/pci_private.h"

#define ECAM_BUS_BYTES      (UINT64_C(1) << 20)
#define ECAM_FUNCTION_BYTES 4096u
#define ECAM_SLOT(offset)   ((offset) >> 15 & 0x1f)
#define ECAM_NUMBER(offset) ((offset) >> 12 & 7) /* of the function in its slot */
#define CONFIG_BYTES        256u

static struct pci_host *of_ecam(struct device *dev)
{
	return (struct pci_host *)dev;
}

/* Accesses in parts */

/* Bytes of the next part of an access of which `left` are left: aligned, and at most 4. */
static unsigned part_bytes(uint64_t at, unsigned left)
{
	unsigned n = 4;

	while (n > left || at % n)
		n /= 2;
	return n;
}

static uint32_t all_ones(unsigned len)
{
	return len < 4 ? (1u << 8 * len) - 1 : UINT32_MAX;
}

/* One part, at an offset of the ECAM or at an address of a window. */
typedef uint32_t read_part(struct pci_host *host, uint64_t at, unsigned len);
typedef void write_part(struct pci_host *host, uint64_t at, unsigned len, uint32_t value);

static uint64_t read_parts(struct pci_host *host, uint64_t at, unsigned len, read_part *fn)
{
	uint64_t value = 0;

	for (unsigned done = 0, n; done < len && done < sizeof(value); done += n) {
		n = part_bytes(at + done, len - done);
		value |= (uint64_t)(fn(host, at + done, n) & all_ones(n)) << 8 * done;
	}
	return value;
}

static void write_parts(struct pci_host *host, uint64_t at, unsigned len, uint64_t value,
			write_part *fn)
{
	for (unsigned done = 0, n; done < len; done += n) {
		n = part_bytes(at + done, len - done);
		fn(host, at + done, n, (uint32_t)(value >> 8 * done) & all_ones(n));
	}
}

/* ECAM */

static struct pci_function *function_at(const struct pci_host *host, uint64_t offset)
{
	if (offset >= ECAM_BUS_BYTES || ECAM_NUMBER(offset))
		return NULL;
	return host->slot[ECAM_SLOT(offset)];
}

/* Behind the 256 bytes of a function there are no extended capabilities: 0. */
static uint32_t ecam_read_part(struct pci_host *host, uint64_t offset, unsigned len)
{
	struct pci_function *f = function_at(host, offset);
	unsigned reg = (unsigned)(offset % ECAM_FUNCTION_BYTES);

	if (!f)
		return UINT32_MAX;
	return reg < CONFIG_BYTES ? pci_config_read(f, reg, len) : 0;
}

static void ecam_write_part(struct pci_host *host, uint64_t offset, unsigned len, uint32_t value)
{
	struct pci_function *f = function_at(host, offset);
	unsigned reg = (unsigned)(offset % ECAM_FUNCTION_BYTES);

	if (f && reg < CONFIG_BYTES)
		pci_config_write(f, reg, len, value);
}

static uint64_t ecam_read(struct device *dev, uint64_t offset, unsigned len)
{
	return read_parts(of_ecam(dev), offset, len, ecam_read_part);
}

static void ecam_write(struct device *dev, uint64_t offset, unsigned len, uint64_t value)
{
	write_parts(of_ecam(dev), offset, len, value, ecam_write_part);
}

/* Windows */

static bool inside(const struct device *window, uint64_t at, uint64_t size)
{
	uint64_t offset = at - window->base.v;

	return at >= window->base.v && offset < window->size && size <= window->size - offset;
}

bool pci_host_decodes(const struct pci_host *host, uint64_t at, uint64_t size)
{
	return inside(&host->window32, at, size) || inside(&host->window64, at, size);
}

/* The BAR of this function that is decoded at an address, or PCI_BARS. */
static unsigned bar_at(const struct pci_function *f, uint64_t at)
{
	unsigned n = 0;

	while (n < PCI_BARS && (!f->mapped[n] || at < f->mapped_at[n].v ||
				at - f->mapped_at[n].v >= f->bar[n].size))
		n++;
	return n;
}

/* What is decoded at an address: the function and its BAR, or NULL. */
static struct pci_function *claim(const struct pci_host *host, uint64_t at, unsigned *bar)
{
	for (unsigned i = 0; i < PCI_SLOTS; i++) {
		if (!host->slot[i])
			continue;
		*bar = bar_at(host->slot[i], at);
		if (*bar < PCI_BARS)
			return host->slot[i];
	}
	return NULL;
}

static uint32_t window_read_part(struct pci_host *host, uint64_t at, unsigned len)
{
	unsigned bar;
	struct pci_function *f = claim(host, at, &bar);

	return f ? pci_bar_read(f, bar, at - f->mapped_at[bar].v, len) : UINT32_MAX;
}

static void window_write_part(struct pci_host *host, uint64_t at, unsigned len, uint32_t value)
{
	unsigned bar;
	struct pci_function *f = claim(host, at, &bar);

	if (f)
		pci_bar_write(f, bar, at - f->mapped_at[bar].v, len, value);
}

static uint64_t window_read(struct device *dev, uint64_t offset, unsigned len)
{
	return read_parts(of_ecam(dev->leader), dev->base.v + offset, len, window_read_part);
}

static void window_write(struct device *dev, uint64_t offset, unsigned len, uint64_t value)
{
	write_parts(of_ecam(dev->leader), dev->base.v + offset, len, value, window_write_part);
}

static bool in_bar(const struct pci_function *f, unsigned bar, uint64_t offset, unsigned len)
{
	return bar < PCI_BARS && offset < f->bar[bar].size && len <= f->bar[bar].size - offset;
}

uint32_t pci_bar_read(struct pci_function *f, unsigned bar, uint64_t offset, unsigned len)
{
	uint32_t value;

	if (!in_bar(f, bar, offset, len))
		return UINT32_MAX;
	if (pci_msix_read(f, bar, offset, len, &value))
		return value;
	return f->ops->read ? (uint32_t)f->ops->read(f, bar, offset, len) : 0;
}

void pci_bar_write(struct pci_function *f, unsigned bar, uint64_t offset, unsigned len,
		   uint32_t value)
{
	if (!in_bar(f, bar, offset, len) || pci_msix_write(f, bar, offset, len, value))
		return;
	if (f->ops->write)
		f->ops->write(f, bar, offset, len, value);
}

/* INTx */

/* Under intx_lock: the slot holds its line up, or does not. Lines are shared. */
static void hold_line(struct pci_host *host, unsigned slot, bool up)
{
	unsigned line = slot % PCI_INTX_LINES;
	uint32_t before = host->asserted[line];
	uint32_t after = up ? before | 1u << slot : before & ~(1u << slot);

	host->asserted[line] = after;
	if (!before != !after)
		irq_set(&host->intx[line], after != 0);
}

/* Under intx_lock, so that the level that is asked for last is the one that is driven last. */
static void drive(struct pci_function *f)
{
	bool up = f->intx_on && f->ops->intx && f->ops->intx(f);

	hold_line(f->host, f->slot, up);
}

void pci_intx_update(struct pci_function *f)
{
	if (!f->host)
		return;
	pthread_mutex_lock(&f->host->intx_lock);
	drive(f);
	pthread_mutex_unlock(&f->host->intx_lock);
}

void pci_intx_gate(struct pci_function *f)
{
	bool on = !(f->state.command & PCI_COMMAND_INTX_OFF) && !pci_msix_enabled(f);

	pthread_mutex_lock(&f->host->intx_lock);
	f->intx_on = on;
	drive(f);
	pthread_mutex_unlock(&f->host->intx_lock);
}

/* Tell the machine the level of every line, whatever it was told before. */
static void drive_lines(struct pci_host *host)
{
	pthread_mutex_lock(&host->intx_lock);
	for (unsigned i = 0; i < PCI_INTX_LINES; i++)
		irq_set(&host->intx[i], host->asserted[i] != 0);
	pthread_mutex_unlock(&host->intx_lock);
}

/* Reset, quiesce, resume: the ECAM stands for all three devices */

/* The device stops before its registers are forgotten. */
static void ecam_reset(struct device *dev)
{
	struct pci_host *host = of_ecam(dev);

	for (unsigned i = 0; i < PCI_SLOTS; i++) {
		struct pci_function *f = host->slot[i];

		if (!f)
			continue;
		if (f->ops->reset)
			f->ops->reset(f);
		pci_config_reset(f);
	}
	drive_lines(host);
}

static void ecam_quiesce(struct device *dev)
{
	struct pci_host *host = of_ecam(dev);

	for (unsigned i = 0; i < PCI_SLOTS; i++) {
		struct pci_function *f = host->slot[i];

		if (!f)
			continue;
		if (f->ops->quiesce)
			f->ops->quiesce(f);
		pci_msix_quiesce(f);
	}
}

static void ecam_resume(struct device *dev)
{
	struct pci_host *host = of_ecam(dev);

	for (unsigned i = 0; i < PCI_SLOTS; i++) {
		struct pci_function *f = host->slot[i];

		if (!f)
			continue;
		pci_config_resume(f);
		if (f->ops->resume)
			f->ops->resume(f, f->master);
		pci_intx_update(f);
	}
	drive_lines(host);
}

static void window_reset(struct device *dev)
{
	(void)dev; /* what is behind it is reset with the ECAM */
}

static const struct device_ops ecam_ops = {
	.name = "pci-ecam",
	.read = ecam_read,
	.write = ecam_write,
	.reset = ecam_reset,
	.quiesce = ecam_quiesce,
	.resume = ecam_resume,
};

static const struct device_ops window_ops = {
	.name = "pci-window",
	.read = window_read,
	.write = window_write,
	.reset = window_reset,
};

/* Putting it together */

static void init_window(struct pci_host *host, struct device *dev, const struct mem_range *range)
{
	device_init(dev, &window_ops, range->at, range->bytes);
	dev->leader = &host->ecam;
}

void pci_host_init(struct pci_host *host, const struct pci_map *map,
		   const struct irq_line intx[PCI_INTX_LINES], const struct pci_msix_ops *ops,
		   void *world)
{
	*host = (struct pci_host){ .msix = ops, .world = world };
	device_init(&host->ecam, &ecam_ops, map->ecam.at, map->ecam.bytes);
	init_window(host, &host->window32, &map->window32);
	init_window(host, &host->window64, &map->window64);
	pthread_mutex_init(&host->intx_lock, NULL);
	for (unsigned i = 0; i < PCI_INTX_LINES; i++)
		host->intx[i] = intx[i];
}

static unsigned free_slot(const struct pci_host *host)
{
	unsigned slot = 0;

	while (slot < PCI_SLOTS && host->slot[slot])
		slot++;
	return slot;
}

int pci_host_add(struct pci_host *host, struct pci_function *f, unsigned slot, struct err *err)
{
	if (slot > PCI_SLOTS)
		return err_set(err, -EINVAL, "PCI function %s: slot %u; there are 0 to %d",
			       f->ops->name, slot, PCI_SLOTS - 1);
	if (slot == PCI_ANY_SLOT)
		slot = free_slot(host);
	if (slot == PCI_SLOTS)
		return err_set(err, -ENOSPC,
			       "PCI function %s: all %d slots are taken; give fewer devices, or "
			       "--virtio-transport mmio",
			       f->ops->name, PCI_SLOTS);
	if (host->slot[slot])
		return err_set(err, -EEXIST, "PCI function %s: slot %u is taken by %s",
			       f->ops->name, slot, host->slot[slot]->ops->name);
	host->slot[slot] = f;
	f->host = host;
	f->slot = slot;
	pci_config_reset(f);
	return 0;
}
