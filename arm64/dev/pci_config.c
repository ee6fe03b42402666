/*
 * The configuration space of a PCI function: header, base addresses, capabilities.
 *
 * Source: PCI Express Base 5.0, 7.5.1.1 and 7.5.1.2 (header of type 0); PCI Local Bus 3.0, 6.2.5.1.
 *
 * What never changes is in f->config, built by the functions that put a function together; what the guest
 * can write is in f->state. A register that is written in part is read, merged and written whole: no register
 * here has bits that are cleared by writing ones.
 *
 * A BAR is decoded while memory space is enabled in the command register and the whole of it lies in a window
 * of the host bridge. So it is not while the guest sizes it, or has written one half of a 64-bit address.
 *
 * Left out: what the header has for I/O space, ROM, self test, parity and system errors: read-only 0.
 */
#include <assert.h>
#include <string.h>

#include "arm64/dev/pci_private.h"

/* 7.5.1.1, 7.5.1.2 */
#define REG_VENDOR           0x00
#define REG_DEVICE           0x02
#define REG_COMMAND          0x04 /* and status */
#define REG_REVISION         0x08 /* and class */
#define REG_CACHE_LINE       0x0c /* and latency timer, header type, self test */
#define REG_BAR              0x10
#define REG_SUBSYSTEM_VENDOR 0x2c
#define REG_SUBSYSTEM        0x2e
#define REG_CAPABILITIES     0x34
#define REG_INTERRUPT        0x3c /* line, pin */
#define HEADER_BYTES         0x40

#define STATUS_CAPABILITIES 0x0010u
#define COMMAND_WRITABLE    (PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_OFF)
#define PIN_INTA            1
#define BAR_WIDE            0x4u
#define BAR_PREFETCH        0x8u
#define BAR_LOWEST          16u /* bytes: the flags' room */

static void put16(uint8_t *to, uint32_t v)
{
	to[0] = (uint8_t)v;
	to[1] = (uint8_t)(v >> 8);
}

static uint32_t get32(const uint8_t *from)
{
	return from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 | (uint32_t)from[3] << 24;
}

/* BARs */

/* Whether BAR register n is the upper half of the 64-bit BAR before it. */
static bool is_upper(const struct pci_function *f, unsigned n)
{
	return n > 0 && f->bar[n - 1].wide;
}

static uint32_t read_bar(const struct pci_function *f, unsigned n)
{
	const struct pci_bar *bar = &f->bar[n];

	if (is_upper(f, n))
		return (uint32_t)(f->state.bar[n - 1] >> 32);
	if (!bar->size)
		return 0;
	return (uint32_t)f->state.bar[n] | (bar->wide ? BAR_WIDE : 0) |
	       (bar->prefetch ? BAR_PREFETCH : 0);
}

/* Address bits below the size are wired to 0, which is how the guest learns the size. */
static uint64_t bar_mask(const struct pci_bar *bar)
{
	uint64_t mask = bar->size ? ~(bar->size - 1) : 0;

	return bar->wide ? mask : mask & UINT32_MAX;
}

static bool decoded(const struct pci_function *f, unsigned n)
{
	return f->bar[n].size && f->state.command & PCI_COMMAND_MEMORY &&
	       pci_host_decodes(f->host, f->state.bar[n], f->bar[n].size);
}

static void tell_mapped(struct pci_function *f, unsigned n, uint64_t at, bool on)
{
	f->mapped[n] = on;
	f->mapped_at[n] = gpa(at);
	if (f->ops->mapped)
		f->ops->mapped(f, n, gpa(at), on);
}

/* Bring what is mapped up to date: first what goes, so that another may take its place. */
static void remap(struct pci_function *f)
{
	for (unsigned n = 0; n < PCI_BARS; n++) {
		if (f->mapped[n] && (!decoded(f, n) || f->mapped_at[n].v != f->state.bar[n]))
			tell_mapped(f, n, f->mapped_at[n].v, false);
	}
	for (unsigned n = 0; n < PCI_BARS; n++) {
		if (!f->mapped[n] && decoded(f, n))
			tell_mapped(f, n, f->state.bar[n], true);
	}
}

static void write_bar(struct pci_function *f, unsigned n, uint32_t value)
{
	unsigned low = is_upper(f, n) ? n - 1 : n;
	uint64_t at = f->state.bar[low];

	if (low == n)
		at = (at & ~(uint64_t)UINT32_MAX) | value;
	else
		at = (at & UINT32_MAX) | (uint64_t)value << 32;
	f->state.bar[low] = at & bar_mask(&f->bar[low]);
	remap(f);
}

/* Command and status */

static uint32_t read_command(struct pci_function *f)
{
	uint32_t status = get32(f->config + REG_COMMAND) >> 16;

	/* Raised whether or not the line may be driven (7.5.1.1.4). */
	if (f->ops->intx && f->ops->intx(f))
		status |= PCI_STATUS_INTX;
	return f->state.command | status << 16;
}

static void tell_master(struct pci_function *f)
{
	bool on = f->state.command & PCI_COMMAND_MASTER;

	if (on == f->master)
		return;
	f->master = on;
	if (f->ops->master)
		f->ops->master(f, on);
}

static void write_command(struct pci_function *f, uint32_t value)
{
	f->state.command = value & COMMAND_WRITABLE;
	remap(f);
	tell_master(f);
	pci_msix_update(f); /* a message is a write to memory */
	pci_intx_gate(f);
}

/* Registers: double words */

static uint32_t read_register(struct pci_function *f, unsigned reg)
{
	uint32_t constant = get32(f->config + reg);

	if (reg >= REG_BAR && reg < REG_BAR + 4 * PCI_BARS)
		return read_bar(f, (reg - REG_BAR) / 4);
	if (reg == REG_COMMAND)
		return read_command(f);
	if (reg == REG_CACHE_LINE)
		return constant | f->state.cache_line;
	if (reg == REG_INTERRUPT)
		return constant | f->state.interrupt_line;
	if (f->nvectors && reg == f->msix_cap)
		return constant | (uint32_t)f->state.msix_control << 16;
	return constant;
}

static void write_register(struct pci_function *f, unsigned reg, uint32_t value)
{
	if (reg >= REG_BAR && reg < REG_BAR + 4 * PCI_BARS)
		write_bar(f, (reg - REG_BAR) / 4, value);
	else if (reg == REG_COMMAND)
		write_command(f, value);
	else if (reg == REG_CACHE_LINE)
		f->state.cache_line = (uint8_t)value;
	else if (reg == REG_INTERRUPT)
		f->state.interrupt_line = (uint8_t)value;
	else if (f->nvectors && reg == f->msix_cap)
		pci_msix_control(f, (uint16_t)(value >> 16));
}

static bool is_wired(const struct pci_function *f, unsigned offset)
{
	return offset >= f->wired_at && offset - f->wired_at < f->wired_bytes;
}

uint32_t pci_config_read(struct pci_function *f, unsigned offset, unsigned len)
{
	if (is_wired(f, offset))
		return f->ops->config_read ? f->ops->config_read(f, offset, len) : 0;
	return read_register(f, offset & ~3u) >> 8 * (offset & 3);
}

/* `value` in the place of the bytes that are written, the rest as it was. */
static uint32_t merge(uint32_t old, unsigned offset, unsigned len, uint32_t value)
{
	uint32_t mask = len < 4 ? (1u << 8 * len) - 1 : UINT32_MAX;
	unsigned shift = 8 * (offset & 3);

	return (old & ~(mask << shift)) | (value & mask) << shift;
}

void pci_config_write(struct pci_function *f, unsigned offset, unsigned len, uint32_t value)
{
	unsigned reg = offset & ~3u;

	if (!is_wired(f, offset))
		write_register(f, reg, merge(read_register(f, reg), offset, len, value));
	else if (f->ops->config_write)
		f->ops->config_write(f, offset, len, value);
}

/* Reset and load */

void pci_config_reset(struct pci_function *f)
{
	f->master = false;
	pci_msix_reset(f);
	f->state = (struct pci_function_state){ .command = 0 };
	for (unsigned n = 0; n < f->nvectors; n++)
		f->state.msix_masked[n] = 1; /* 7.7.2.7: the value after reset */
	remap(f);
	pci_intx_gate(f);
}

/* A loaded state may hold anything. */
static void clean(struct pci_function_state *s, const struct pci_function *f)
{
	s->command &= COMMAND_WRITABLE;
	for (unsigned n = 0; n < PCI_BARS; n++)
		s->bar[n] &= bar_mask(&f->bar[n]);
}

void pci_config_resume(struct pci_function *f)
{
	clean(&f->state, f);
	remap(f);
	f->master = f->state.command & PCI_COMMAND_MASTER; /* ops->resume is told */
	pci_msix_resume(f);
}

/* Putting a function together */

void pci_function_init(struct pci_function *f, const struct pci_function_ops *ops,
		       const struct pci_ids *ids)
{
	*f = (struct pci_function){
		.ops = ops,
		.next_cap = HEADER_BYTES,
		.last_cap = REG_CAPABILITIES,
	};
	for (unsigned n = 0; n < PCI_MSIX_MAX; n++)
		f->vector_fd[n] = -1;
	put16(f->config + REG_VENDOR, ids->vendor);
	put16(f->config + REG_DEVICE, ids->device);
	put16(f->config + REG_REVISION, ids->revision | (ids->class & 0xff) << 8);
	put16(f->config + REG_REVISION + 2, ids->class >> 8);
	put16(f->config + REG_SUBSYSTEM_VENDOR, ids->subsystem_vendor);
	put16(f->config + REG_SUBSYSTEM, ids->subsystem);
	f->config[REG_INTERRUPT + 1] = PIN_INTA;
}

void pci_add_bar(struct pci_function *f, unsigned n, uint64_t size, bool wide, bool prefetch)
{
	assert(n + wide < PCI_BARS && !f->bar[n].size && !is_upper(f, n));
	assert(size >= BAR_LOWEST && (size & (size - 1)) == 0);
	assert(wide || size <= UINT32_MAX);
	f->bar[n] = (struct pci_bar){ .size = size, .wide = wide, .prefetch = prefetch };
}

unsigned pci_add_capability(struct pci_function *f, uint8_t id, const void *body, unsigned n)
{
	unsigned at = f->next_cap;

	assert(at + 2 + n <= sizeof(f->config));
	f->config[at] = id;
	memcpy(f->config + at + 2, body, n);
	f->config[f->last_cap] = (uint8_t)at;
	f->config[REG_COMMAND + 2] |= STATUS_CAPABILITIES;
	f->last_cap = at + 1;
	f->next_cap = (at + 2 + n + 3) & ~3u;
	return at;
}

void pci_wire_config(struct pci_function *f, unsigned offset, unsigned n)
{
	assert(offset >= HEADER_BYTES && offset + n <= f->next_cap && (offset | n) % 4 == 0);
	f->wired_at = offset;
	f->wired_bytes = n;
}

static const struct state_field function_fields[] = {
	STATE_ARRAY(1, struct pci_function_state, bar),
	STATE_ARRAY(2, struct pci_function_state, msix_address),
	STATE_ARRAY(3, struct pci_function_state, msix_pending),
	STATE_ARRAY(4, struct pci_function_state, msix_data),
	STATE_ARRAY(5, struct pci_function_state, msix_masked),
	STATE_FIELD(6, struct pci_function_state, command),
	STATE_FIELD(7, struct pci_function_state, msix_control),
	STATE_FIELD(8, struct pci_function_state, interrupt_line),
	STATE_FIELD(9, struct pci_function_state, cache_line),
	STATE_ARRAY(10, struct pci_function_state, pad),
	STATE_LAST,
};

const struct state_desc pci_function_desc = {
	.name = "pci-function",
	.size = sizeof(struct pci_function_state),
	.offset = offsetof(struct pci_function, state),
	.fields = function_fields,
};
