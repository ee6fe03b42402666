/*
 * PCI: what configuration space reads and what of it can be written; BARs that are sized, moved, put over each
 * other and outside of the windows, with the functions told in order; MSI-X and INTx; reset, pause and load; and
 * 100000 random writes, after each of which what is decoded is what the registers say.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arm64/dev/bus.h"
#include "arm64/dev/pci.h"

#define ECAM     UINT64_C(0x40000000)
#define WINDOW32 UINT64_C(0x50000000)
#define SIZE32   UINT64_C(0x30000000)
#define WINDOW64 UINT64_C(0xe000000000)
#define SIZE64   UINT64_C(0x2000006000) /* a BAR of 16 KiB can reach over the end */
#define INTX     40
#define VECTORS  65
#define TABLE    0x1000
#define PBA      0x1800
#define SLOTS    3

/* Functions in slots 0, 1, 5: a 32-bit BAR 0 of 8 KiB with MSI-X, a 64-bit BAR 2 of 16 KiB, a 32-bit BAR 5 of 16
 * bytes. */
static const unsigned slots[SLOTS] = { 0, 1, 5 };

struct fake {
	struct pci_function pci; /* first */
	char name;
	bool intx;
	bool fd_signalled[VECTORS];
	uint8_t window[8]; /* wired configuration bytes */
	uint32_t written;
};

struct world {
	struct bus bus;
	struct pci_host host;
	struct fake f[SLOTS];
	char log[8192]; /* what was called, a word each */
	bool line[4];
};

static struct world *the_world;

static void note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void note(const char *fmt, ...)
{
	size_t used = strlen(the_world->log);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(the_world->log + used, sizeof(the_world->log) - used, fmt, ap);
	va_end(ap);
}

static void forget(struct world *w)
{
	w->log[0] = '\0';
}

/* What was called since the last look. */
static void expect_log(struct world *w, const char *want)
{
	if (strcmp(w->log, want) != 0)
		fail_msg("expected the calls \"%s\", found \"%s\"", want, w->log);
	forget(w);
}

/* The functions */

static struct fake *fake(struct pci_function *f)
{
	return (struct fake *)f;
}

static uint64_t fake_read(struct pci_function *f, unsigned bar, uint64_t offset, unsigned len)
{
	assert_true(offset % len == 0 && len <= 4);
	note("%c:r%u+%llx.%u ", fake(f)->name, bar, (unsigned long long)offset, len);
	return 0x80818283u + (uint32_t)offset;
}

static void fake_write(struct pci_function *f, unsigned bar, uint64_t offset, unsigned len,
		       uint64_t value)
{
	assert_true(offset % len == 0 && len <= 4);
	note("%c:w%u+%llx.%u=%llx ", fake(f)->name, bar, (unsigned long long)offset, len,
	     (unsigned long long)value);
}

static void fake_mapped(struct pci_function *f, unsigned bar, gpa_t at, bool on)
{
	note("%c:%s%u@%llx ", fake(f)->name, on ? "map" : "unmap", bar, (unsigned long long)at.v);
}

static uint32_t fake_config_read(struct pci_function *f, unsigned offset, unsigned len)
{
	uint32_t v = 0;

	for (unsigned i = 0; i < len; i++)
		v |= (uint32_t)fake(f)->window[offset - f->wired_at + i] << 8 * i;
	return v;
}

static void fake_config_write(struct pci_function *f, unsigned offset, unsigned len, uint32_t value)
{
	for (unsigned i = 0; i < len; i++)
		fake(f)->window[offset - f->wired_at + i] = (uint8_t)(value >> 8 * i);
}

static void fake_master(struct pci_function *f, bool on)
{
	note("%c:master%d ", fake(f)->name, on);
}

static bool fake_intx(struct pci_function *f)
{
	return fake(f)->intx;
}

static void fake_signal(struct pci_function *f, unsigned n)
{
	assert_in_range(n, 0, VECTORS - 1);
	fake(f)->fd_signalled[n] = true;
	note("%c:signal%u ", fake(f)->name, n);
}

static void fake_reset(struct pci_function *f)
{
	fake(f)->intx = false;
	note("%c:reset ", fake(f)->name);
}

static void fake_quiesce(struct pci_function *f)
{
	note("%c:quiesce ", fake(f)->name);
}

static void fake_resume(struct pci_function *f, bool master)
{
	note("%c:resume%d ", fake(f)->name, master);
}

static const struct pci_function_ops fake_ops = {
	.name = "fake",
	.read = fake_read,
	.write = fake_write,
	.mapped = fake_mapped,
	.config_read = fake_config_read,
	.config_write = fake_config_write,
	.master = fake_master,
	.intx = fake_intx,
	.signal = fake_signal,
	.reset = fake_reset,
	.quiesce = fake_quiesce,
	.resume = fake_resume,
};

static void set_vector(void *world, struct pci_function *f, unsigned n,
		       const struct pci_msix_entry *entry, bool live)
{
	(void)world;
	if (live)
		note("%c:v%u=%llx/%x ", fake(f)->name, n, (unsigned long long)entry->address,
		     entry->data);
	else
		note("%c:v%u- ", fake(f)->name, n);
}

static bool vector_pending(void *world, struct pci_function *f, unsigned n, bool take)
{
	bool was = fake(f)->fd_signalled[n];

	(void)world;
	if (take)
		fake(f)->fd_signalled[n] = false;
	return was;
}

static const struct pci_msix_ops msix_ops = {
	.set = set_vector,
	.pending = vector_pending,
};

static void drive(void *world, uint32_t intid, bool level)
{
	((struct world *)world)->line[intid - INTX] = level;
}

static const uint8_t body[] = { 0x10, 0x55, 1, 2, 3, 4, 0xaa, 0xbb, 0xcc, 0xdd, 5, 6, 7, 8 };

static void make_function(struct world *w, unsigned i)
{
	const struct pci_ids ids = { 0x1af4, 0x1042, 0x1234, 0x5678, 0x018002, 7 };
	struct pci_function *f = &w->f[i].pci;
	unsigned cap;

	pci_function_init(f, &fake_ops, &ids);
	pci_add_bar(f, 0, KIB(8), false, false);
	pci_add_bar(f, 2, KIB(16), true, true);
	pci_add_bar(f, 5, 16, false, false);
	cap = pci_add_capability(f, PCI_CAP_VENDOR, body, sizeof(body));
	pci_wire_config(f, cap + 4, 8);
	pci_add_msix(f, VECTORS, 0, TABLE, PBA);
	for (unsigned n = 0; n < VECTORS - 1; n++)
		f->vector_fd[n] = 1000; /* nobody uses the number; the last one has none */
	w->f[i].name = (char)('a' + i);
}

static int build(void **state)
{
	static struct world w;
	const struct pci_map map = { { gpa(ECAM), MIB(256) },
				     { gpa(WINDOW32), SIZE32 },
				     { gpa(WINDOW64), SIZE64 } };
	struct irq_line intx[4];

	memset(&w, 0, sizeof(w));
	the_world = &w;
	for (uint32_t i = 0; i < 4; i++)
		intx[i] = (struct irq_line){ drive, &w, INTX + i };
	pci_host_init(&w.host, &map, intx, &msix_ops, &w);
	for (unsigned i = 0; i < SLOTS; i++) {
		make_function(&w, i);
		assert_int_equal(pci_host_add(&w.host, &w.f[i].pci, slots[i], NULL), 0);
	}
	assert_int_equal(bus_add(&w.bus, &w.host.ecam, NULL), 0);
	assert_int_equal(bus_add(&w.bus, &w.host.window32, NULL), 0);
	assert_int_equal(bus_add(&w.bus, &w.host.window64, NULL), 0);
	forget(&w);
	*state = &w;
	return 0;
}

/* What the guest does */

static uint64_t get(struct world *w, uint64_t at, unsigned len)
{
	uint64_t value = 0;

	assert_true(bus_read(&w->bus, gpa(at), len, &value));
	return value;
}

static void put(struct world *w, uint64_t at, unsigned len, uint64_t value)
{
	assert_true(bus_write(&w->bus, gpa(at), len, value));
}

static uint64_t config_at(unsigned slot, unsigned reg)
{
	return ECAM + (uint64_t)slot * 0x8000 + reg;
}

static uint32_t config(struct world *w, unsigned slot, unsigned reg, unsigned len)
{
	return (uint32_t)get(w, config_at(slot, reg), len);
}

static void set_config(struct world *w, unsigned slot, unsigned reg, unsigned len, uint32_t value)
{
	put(w, config_at(slot, reg), len, value);
}

static void expect_config(struct world *w, unsigned slot, unsigned reg, unsigned len, uint32_t want)
{
	uint32_t found = config(w, slot, reg, len);

	if (found != want)
		fail_msg("slot %u, register 0x%02x: expected 0x%x, found 0x%x", slot, reg, want,
			 found);
}

static void set_bar(struct world *w, unsigned slot, unsigned n, uint32_t value)
{
	set_config(w, slot, 0x10 + 4 * n, 4, value);
}

static unsigned find_cap(struct world *w, unsigned slot, uint8_t id)
{
	unsigned at = config(w, slot, 0x34, 1);

	while (at && config(w, slot, at, 1) != id)
		at = config(w, slot, at + 1, 1);
	return at;
}

#define MEMORY   2
#define MASTER   4
#define INTX_OFF 0x400

static void command(struct world *w, unsigned slot, uint16_t value)
{
	set_config(w, slot, 4, 2, value);
}

/* Header */

static void the_header_says_what_the_function_is(void **state)
{
	struct world *w = *state;

	for (unsigned i = 0; i < SLOTS; i++) {
		expect_config(w, slots[i], 0x00, 4, 0x10421af4);
		expect_config(w, slots[i], 0x04, 4, 0x00100000); /* a list of capabilities */
		expect_config(w, slots[i], 0x08, 4, 0x01800207);
		expect_config(w, slots[i], 0x0c, 4, 0);
		expect_config(w, slots[i], 0x2c, 4, 0x56781234);
		expect_config(w, slots[i], 0x30, 4, 0);
		expect_config(w, slots[i], 0x34, 4, 0x40);
		expect_config(w, slots[i], 0x3c, 4, 0x100); /* INTA */
	}
}

static void what_is_not_there_reads_all_ones(void **state)
{
	static const uint64_t offsets[] = {
		0x8000 * 2,      0x8000 * 31,     0x1000,    /* slots, function 1 */
		0x7000,          0x8000 + 0x1000, 1 << 20,   /* functions, bus 1 */
		(1 << 20) * 5,   0xff00000,       0xffffff8, /* the last bytes */
		0x8000 * 2 + 64,
	};
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
		for (unsigned len = 1; len <= 8; len *= 2) {
			uint64_t found = get(w, ECAM + offsets[i], len);

			if (found != UINT64_MAX >> (64 - 8 * len))
				fail_msg("0x%llx, %u bytes: expected all ones, found 0x%llx",
					 (unsigned long long)offsets[i], len,
					 (unsigned long long)found);
			put(w, ECAM + offsets[i], len, 0);
		}
	}
	for (uint64_t offset = 0x100; offset < 0x1000; offset += 4)
		assert_int_equal(get(w, ECAM + offset, 4), 0); /* no extended capabilities */
}

/* Bits of each double word of the header that keep what is written. */
static const uint32_t writable[16] = {
	[1] = MEMORY | MASTER | INTX_OFF,
	[3] = 0xff, /* cache line size */
	[4] = 0xffffe000,
	[6] = 0xffffc000,
	[7] = 0xffffffff,
	[9] = 0xfffffff0,
	[15] = 0xff, /* interrupt line */
};

static void only_writable_bits_are_written(void **state)
{
	struct world *w = *state;

	for (unsigned reg = 0; reg < 0x40; reg += 4) {
		uint32_t before = config(w, 1, reg, 4), want = before | writable[reg / 4];

		set_config(w, 1, reg, 4, UINT32_MAX);
		expect_config(w, 1, reg, 4, want);
		set_config(w, 1, reg, 4, 0);
		expect_config(w, 1, reg, 4, before & ~writable[reg / 4]);
		expect_config(w, 0, reg, 4, before);
	}
	for (unsigned reg = 0x40; reg < 0x100; reg += 4) {
		uint32_t before = config(w, 1, reg, 4);
		bool wired = reg == 0x44 || reg == 0x48, msix = reg == 0x50;

		set_config(w, 1, reg, 4, ~before);
		expect_config(w, 1, reg, 4, wired ? ~before : msix ? before | 0xc0000000 : before);
	}
}

static void any_width_and_place_of_an_access_is_served(void **state)
{
	struct world *w = *state;
	uint8_t bytes[0x100];

	set_config(w, 0, 0x3c, 1, 0x5a);
	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)config(w, 0, i, 1);
	for (unsigned len = 2; len <= 8; len *= 2) {
		for (unsigned at = 0; at + len <= sizeof(bytes); at++) {
			uint64_t want = 0, found = get(w, config_at(0, at), len);

			for (unsigned i = len; i-- > 0;)
				want = want << 8 | bytes[at + i];
			if (found != want)
				fail_msg("%u bytes at 0x%x: expected 0x%llx, found 0x%llx", len, at,
					 (unsigned long long)want, (unsigned long long)found);
		}
	}
	put(w, config_at(0, 0x17), 4, 0xaabbccdd); /* the end of BAR 1, the start of BAR 2 */
	expect_config(w, 0, 0x18, 4, 0x00aa800c);
	put(w, config_at(0, 0x18), 8, UINT64_C(0x123456789abcdef0));
	expect_config(w, 0, 0x18, 4, 0x9abcc00c);
	expect_config(w, 0, 0x1c, 4, 0x12345678);
}

static void capabilities_are_a_list(void **state)
{
	struct world *w = *state;

	expect_config(w, 0, 0x34, 1, 0x40);
	expect_config(w, 0, 0x40, 4, 0x55105009); /* vendor-specific, next at 0x50 */
	expect_config(w, 0, 0x4c, 4, 0x08070605);
	expect_config(w, 0, 0x50, 4, 0x00400011); /* MSI-X, the last one, 65 vectors */
	expect_config(w, 0, 0x54, 4, TABLE | 0);
	expect_config(w, 0, 0x58, 4, PBA | 0);
}

static void wired_bytes_are_the_function_s_own(void **state)
{
	struct world *w = *state;

	set_config(w, 1, 0x44, 4, 0x11223344);
	set_config(w, 1, 0x4a, 1, 0x99);
	assert_int_equal(w->f[1].window[0], 0x44);
	assert_int_equal(w->f[1].window[6], 0x99);
	expect_config(w, 1, 0x46, 2, 0x1122);
	expect_config(w, 1, 0x48, 4, 0x00990000);
	expect_config(w, 0, 0x44, 4, 0);
}

/* BARs */

static void a_bar_is_sized_by_writing_ones(void **state)
{
	struct world *w = *state;

	for (unsigned n = 0; n < 6; n++)
		set_bar(w, 0, n, UINT32_MAX);
	expect_config(w, 0, 0x10, 4, 0xffffe000); /* 8 KiB, 32 bits */
	expect_config(w, 0, 0x14, 4, 0);
	expect_config(w, 0, 0x18, 4, 0xffffc00c); /* 16 KiB, 64 bits, prefetchable */
	expect_config(w, 0, 0x1c, 4, 0xffffffff);
	expect_config(w, 0, 0x20, 4, 0);
	expect_config(w, 0, 0x24, 4, 0xfffffff0);
	expect_log(w, "");
}

static void a_bar_is_mapped_while_memory_space_is_on(void **state)
{
	struct world *w = *state;

	set_bar(w, 0, 0, 0x50002000);
	expect_log(w, "");
	command(w, 0, MEMORY);
	expect_log(w, "a:map0@50002000 ");
	command(w, 0, MEMORY | INTX_OFF);
	expect_log(w, "");
	set_bar(w, 0, 0, 0x50004000);
	expect_log(w, "a:unmap0@50002000 a:map0@50004000 ");
	set_bar(w, 0, 0, 0x50004fff); /* the same: low bits are not address */
	expect_log(w, "");
	set_bar(w, 0, 0, UINT32_MAX); /* sizing it while it is decoded */
	expect_log(w, "a:unmap0@50004000 ");
	set_bar(w, 0, 0, 0x50004000);
	expect_log(w, "a:map0@50004000 ");
	command(w, 0, 0);
	expect_log(w, "a:unmap0@50004000 ");
}

static void a_64_bit_bar_is_written_in_halves(void **state)
{
	struct world *w = *state;

	command(w, 1, MEMORY);
	set_bar(w, 1, 2, 0x00004000);
	expect_log(w, "");
	set_bar(w, 1, 3, 0xe0);
	expect_log(w, "b:map2@e000004000 ");
	set_bar(w, 1, 2, 0x00008000);
	expect_log(w, "b:unmap2@e000004000 b:map2@e000008000 ");
	set_bar(w, 1, 3, 0); /* on its way to the window below 4 GiB */
	expect_log(w, "b:unmap2@e000008000 ");
	set_bar(w, 1, 2, 0x60000000);
	expect_log(w, "b:map2@60000000 ");
	put(w, config_at(1, 0x18), 8, UINT64_C(0xe100000000));
	expect_log(w, "b:unmap2@60000000 b:map2@e100000000 ");
}

static void outside_of_the_windows_nothing_is_decoded(void **state)
{
	static const struct {
		unsigned bar;
		uint64_t at;
		bool decoded;
	} cases[] = {
		{ 0, 0, false },
		{ 0, 0x4fffe000, false },
		{ 0, 0x50000000, true },
		{ 0, 0x7fffe000, true },
		{ 0, 0x80000000, false }, /* RAM */
		{ 0, 0xffffe000, false },
		{ 0, 0x40000000, false }, /* ECAM */
		{ 0, 0x01000000, false }, /* a UART */
		{ 2, 0x7fffc000, true },
		{ 2, UINT64_C(0xdfffffc000), false },
		{ 2, UINT64_C(0xe000000000), true },
		{ 2, UINT64_C(0x10000000000), true },
		{ 2, UINT64_C(0x10000004000), false }, /* half of it would be in the window */
		{ 2, UINT64_C(0xffffffffffffc000), false },
	};
	struct world *w = *state;

	command(w, 0, MEMORY);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		set_bar(w, 0, cases[i].bar, (uint32_t)cases[i].at);
		if (cases[i].bar == 2)
			set_bar(w, 0, 3, (uint32_t)(cases[i].at >> 32));
		if (w->f[0].pci.mapped[cases[i].bar] != cases[i].decoded)
			fail_msg("BAR %u at 0x%llx: expected %s", cases[i].bar,
				 (unsigned long long)cases[i].at,
				 cases[i].decoded ? "decoded" : "not decoded");
	}
}

static void accesses_go_to_the_bar_in_parts(void **state)
{
	struct world *w = *state;

	command(w, 0, MEMORY);
	set_bar(w, 0, 2, 0);
	set_bar(w, 0, 3, 0xe0);
	forget(w);
	assert_int_equal(get(w, WINDOW64 + 0x10, 4), 0x80818293);
	assert_int_equal(get(w, WINDOW64 + 0x10, 1), 0x93);
	assert_int_equal(get(w, WINDOW64 + 0x10, 8), UINT64_C(0x8081829780818293));
	expect_log(w, "a:r2+10.4 a:r2+10.1 a:r2+10.4 a:r2+14.4 ");
	put(w, WINDOW64 + 0x20, 2, 0x1234);
	put(w, WINDOW64 + 0x21, 4, 0x55667788);
	put(w, WINDOW64 + 0x28, 8, UINT64_C(0x1111111122222222));
	expect_log(w, "a:w2+20.2=1234 a:w2+21.1=88 a:w2+22.2=6677 a:w2+24.1=55 "
		      "a:w2+28.4=22222222 a:w2+2c.4=11111111 ");
	assert_int_equal(get(w, WINDOW64 + KIB(16), 8), UINT64_MAX); /* behind it */
	put(w, WINDOW64 + KIB(16), 8, 1);
	assert_int_equal(get(w, WINDOW64 + KIB(16) - 2, 4), 0xffffc281); /* over its end */
	expect_log(w, "a:r2+3ffe.2 ");
	assert_int_equal(get(w, WINDOW32, 4), UINT32_MAX);
	expect_log(w, "");
}

static void of_two_bars_at_one_address_the_lower_slot_answers(void **state)
{
	struct world *w = *state;

	command(w, 1, MEMORY);
	command(w, 5, MEMORY);
	set_bar(w, 5, 0, 0x50000000);
	set_bar(w, 1, 0, 0x50000000);
	set_bar(w, 1, 5, 0x50000010);
	expect_log(w, "c:map0@50000000 b:map0@50000000 b:map5@50000010 ");
	get(w, 0x50000010, 4);
	expect_log(w, "b:r0+10.4 ");
	set_bar(w, 1, 0, 0x50010000);
	get(w, 0x50000010, 4);
	get(w, 0x50000020, 4);
	expect_log(w, "b:unmap0@50000000 b:map0@50010000 b:r5+0.4 c:r0+20.4 ");
	command(w, 1, 0);
	get(w, 0x50000010, 4);
	expect_log(w, "b:unmap0@50010000 b:unmap5@50000010 c:r0+10.4 ");
}

/* MSI-X */

static uint64_t entry_at(unsigned n, unsigned word)
{
	return 0x50000000 + TABLE + 16 * n + 4 * word;
}

static void set_entry(struct world *w, unsigned n, uint64_t address, uint32_t data,
		      uint32_t control)
{
	put(w, entry_at(n, 0), 8, address);
	put(w, entry_at(n, 2), 4, data);
	put(w, entry_at(n, 3), 4, control);
}

/* Function a, its BARs mapped, with bus mastering; MSI-X control as given. */
static void msix(struct world *w, uint16_t control)
{
	set_bar(w, 0, 0, 0x50000000);
	command(w, 0, MEMORY | MASTER);
	set_config(w, 0, find_cap(w, 0, PCI_CAP_MSIX) + 2, 2, control);
	forget(w);
}

#define ENABLE   0x8000
#define MASK_ALL 0x4000

static uint64_t pending_bits(struct world *w)
{
	return get(w, 0x50000000 + PBA, 8);
}

static void the_table_is_masked_after_reset_and_reads_back(void **state)
{
	struct world *w = *state;

	msix(w, 0);
	for (unsigned n = 0; n < VECTORS; n++) {
		assert_int_equal(get(w, entry_at(n, 3), 4), 1);
		assert_int_equal(get(w, entry_at(n, 0), 8), 0);
	}
	for (unsigned n = 0; n < VECTORS; n++)
		set_entry(w, n, UINT64_C(0x100000003) * (n + 1), 0x1000 + n, UINT32_MAX);
	for (unsigned n = 0; n < VECTORS; n++) {
		uint64_t want = UINT64_C(0x100000003) * (n + 1);

		assert_int_equal(get(w, entry_at(n, 0), 8), want & ~UINT64_C(3));
		assert_int_equal(get(w, entry_at(n, 2), 4), 0x1000 + n);
		assert_int_equal(get(w, entry_at(n, 3), 4), 1);
	}
	put(w, entry_at(2, 2), 1, 0x77); /* not defined: nothing */
	assert_int_equal(get(w, entry_at(2, 2), 4), 0x1002);
	assert_int_equal(get(w, entry_at(2, 2), 2), 0);
	get(w, entry_at(VECTORS, 0), 4); /* behind the table */
	expect_log(w, "a:r0+1410.4 ");
}

static void a_vector_is_live_when_nothing_masks_it(void **state)
{
	struct world *w = *state;

	msix(w, 0);
	set_entry(w, 3, 0xfee0, 33, 0);
	expect_log(w, "");
	set_config(w, 0, 0x52, 2, ENABLE | MASK_ALL);
	expect_log(w, "");
	assert_true(pci_msix_enabled(&w->f[0].pci));
	set_config(w, 0, 0x52, 2, ENABLE);
	expect_log(w, "a:v3=fee0/21 ");
	put(w, entry_at(3, 3), 4, 1);
	expect_log(w, "a:v3- ");
	put(w, entry_at(3, 3), 4, 0);
	expect_log(w, "a:v3=fee0/21 ");
	command(w, 0, MEMORY);
	expect_log(w, "a:master0 a:v3- ");
	command(w, 0, MEMORY | MASTER);
	expect_log(w, "a:master1 a:v3=fee0/21 ");
	set_config(w, 0, 0x52, 2, 0);
	expect_log(w, "a:v3- ");
	assert_false(pci_msix_enabled(&w->f[0].pci));
}

static void a_live_message_that_is_changed_counts_at_once(void **state)
{
	struct world *w = *state;

	msix(w, ENABLE);
	set_entry(w, 0, 0x1000, 1, 0);
	expect_log(w, "a:v0=1000/1 ");
	put(w, entry_at(0, 2), 4, 2);
	put(w, entry_at(0, 2), 4, 2);
	put(w, entry_at(0, 1), 4, 5);
	expect_log(w, "a:v0=1000/2 a:v0=500001000/2 ");
}

static void an_eventfd_is_its_vector_s_pending_bit(void **state)
{
	struct world *w = *state;
	bool *signalled = w->f[0].fd_signalled;

	msix(w, ENABLE);
	signalled[0] = signalled[31] = signalled[63] = true;
	signalled[64] = true; /* has no eventfd: not looked at */
	assert_int_equal(pending_bits(w), UINT64_C(0x8000000080000001));
	assert_int_equal(get(w, 0x50000000 + PBA + 8, 4), 0);
	put(w, 0x50000000 + PBA, 8, 0); /* read-only */
	assert_int_equal(pending_bits(w), UINT64_C(0x8000000080000001));
	expect_log(w, "");
	set_entry(w, 0, 0x1000, 9, 0);
	expect_log(w, "a:v0=1000/9 "); /* raised by the wiring */
	assert_int_equal(pending_bits(w), UINT64_C(0x8000000080000000));
	put(w, entry_at(0, 3), 4, 1);
	signalled[0] = false;
	assert_int_equal(pending_bits(w), UINT64_C(0x8000000080000000));
}

/* INTx */

static void raise(struct world *w, unsigned i, bool level)
{
	w->f[i].intx = level;
	pci_intx_update(&w->f[i].pci);
}

static void slots_share_lines(void **state)
{
	struct world *w = *state;

	raise(w, 0, true);
	assert_true(w->line[0] && !w->line[1] && !w->line[2] && !w->line[3]);
	raise(w, 1, true);
	raise(w, 2, true); /* slot 5: line 1 too */
	assert_true(w->line[1]);
	raise(w, 1, false);
	assert_true(w->line[1]);
	raise(w, 2, false);
	assert_false(w->line[1]);
	assert_true(w->line[0]);
}

static void intx_can_be_disabled_and_is_off_with_msix(void **state)
{
	struct world *w = *state;

	raise(w, 0, true);
	expect_config(w, 0, 6, 2, 0x18);
	command(w, 0, INTX_OFF);
	assert_false(w->line[0]);
	expect_config(w, 0, 6, 2, 0x18); /* the status tells all the same */
	command(w, 0, 0);
	assert_true(w->line[0]);
	set_config(w, 0, 0x52, 2, ENABLE);
	assert_false(w->line[0]);
	set_config(w, 0, 0x52, 2, 0);
	assert_true(w->line[0]);
	raise(w, 0, false);
	assert_false(w->line[0]);
	expect_config(w, 0, 6, 2, 0x10);
}

/* Reset, pause, load */

static void a_reset_forgets_what_the_guest_set_up(void **state)
{
	struct world *w = *state;

	msix(w, ENABLE);
	set_entry(w, 3, 0x1000, 9, 0);
	set_config(w, 0, 0x3c, 1, 0x42);
	set_config(w, 0, 0x0c, 1, 0x10);
	raise(w, 1, true);
	w->f[0].fd_signalled[1] = true;
	forget(w);
	bus_reset(&w->bus);
	expect_log(w, "a:reset a:v3- a:unmap0@50000000 b:reset c:reset ");
	for (unsigned reg = 0; reg < 0x60; reg += 4) {
		if (reg != 0x44 && reg != 0x48)
			expect_config(w, 0, reg, 4, config(w, 5, reg, 4));
	}
	for (unsigned i = 0; i < 4; i++)
		assert_false(w->line[i]);
	msix(w, ENABLE);
	assert_int_equal(get(w, entry_at(3, 3), 4), 1);
	assert_int_equal(get(w, entry_at(3, 0), 8), 0);
	assert_int_equal(pending_bits(w), 0);
}

static void a_pause_keeps_what_is_pending_in_the_state(void **state)
{
	struct world *w = *state;

	msix(w, ENABLE);
	set_entry(w, 3, 0x1000, 9, 0);
	raise(w, 1, true);
	w->f[0].fd_signalled[1] = true;
	forget(w);
	bus_quiesce(&w->bus);
	expect_log(w, "a:quiesce b:quiesce c:quiesce ");
	assert_int_equal(w->f[0].pci.state.msix_pending[0], 2);
	assert_false(w->f[0].fd_signalled[1]);
	w->line[1] = false; /* a new machine: nothing is driven */
	bus_resume(&w->bus);
	expect_log(w, "a:v3=1000/9 a:signal1 a:resume1 b:resume0 c:resume0 ");
	assert_true(w->line[1]);
	assert_int_equal(pending_bits(w), 2);
	assert_int_equal(w->f[0].pci.state.msix_pending[0], 0);
	set_entry(w, 1, 0x1000, 7, 0);
	expect_log(w, "a:v1=1000/7 ");
}

static void a_state_that_is_loaded_is_put_in_force(void **state)
{
	struct world *w = *state;
	struct pci_function *f = &w->f[0].pci;

	memset(&f->state, 0, sizeof(f->state));
	f->state.command = MEMORY | MASTER;
	f->state.msix_control = ENABLE;
	f->state.bar[0] = 0x50002000;
	f->state.bar[2] = WINDOW64;
	for (unsigned n = 0; n < VECTORS; n++)
		f->state.msix_masked[n] = n != 50;
	f->state.msix_address[50] = 0x2000;
	f->state.msix_pending[0] = UINT64_C(1) << 50;
	bus_resume(&w->bus);
	expect_log(w, "a:map0@50002000 a:map2@e000000000 a:signal50 a:v50=2000/0 a:resume1 "
		      "b:resume0 c:resume0 ");
}

static void a_state_of_garbage_does_no_harm(void **state)
{
	struct world *w = *state;
	struct pci_function *f = &w->f[0].pci;

	memset(&f->state, 0xff, sizeof(f->state));
	bus_resume(&w->bus);
	expect_config(w, 0, 4, 2, MEMORY | MASTER | INTX_OFF);
	expect_config(w, 0, 0x10, 4, 0xffffe000);
	expect_config(w, 0, 0x14, 4, 0);
	expect_config(w, 0, 0x52, 2, 0xc040);
	assert_int_equal(f->state.msix_pending[0] | f->state.msix_pending[1], 0);
	assert_true(w->f[0].fd_signalled[0] && w->f[0].fd_signalled[64]);
	assert_false(f->mapped[0] || f->mapped[2]);
}

static void all_of_the_state_is_declared(void **state)
{
	(void)state;
	assert_int_equal(pci_function_desc.size, sizeof(struct pci_function_state));
	assert_int_equal(state_covered(&pci_function_desc), pci_function_desc.size);
	assert_int_equal(pci_function_desc.offset, offsetof(struct pci_function, state));
}

static void slots_are_given_out_once(void **state)
{
	static struct fake more[PCI_SLOTS];
	const struct pci_ids ids = { .vendor = 1 };
	struct world *w = *state;
	struct err err = { "" };
	unsigned n = 0;

	memset(more, 0, sizeof(more));
	for (unsigned i = 0; i < PCI_SLOTS; i++)
		pci_function_init(&more[i].pci, &fake_ops, &ids);
	assert_int_equal(pci_host_add(&w->host, &more[0].pci, 5, &err), -EEXIST);
	assert_non_null(strstr(err.text, "slot 5 is taken by fake"));
	assert_int_equal(pci_host_add(&w->host, &more[0].pci, 33, &err), -EINVAL);
	while (pci_host_add(&w->host, &more[n].pci, PCI_ANY_SLOT, &err) == 0)
		n++;
	assert_int_equal(n, PCI_SLOTS - SLOTS);
	assert_non_null(strstr(err.text, "32 slots"));
	assert_int_equal(more[0].pci.slot, 2);
	assert_int_equal(pci_requester_id(&more[0].pci), 0x10);
}

/* Random */

static uint64_t random_state;

static uint64_t next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static bool in_window(uint64_t at, uint64_t size)
{
	return (at >= WINDOW32 && at + size <= WINDOW32 + SIZE32 && at + size > at) ||
	       (at >= WINDOW64 && at + size <= WINDOW64 + SIZE64 && at + size > at);
}

/* What the registers say, read as a guest reads them. */
static void check_decoding(struct world *w, unsigned i)
{
	static const struct {
		unsigned bar;
		uint64_t size;
	} bars[] = { { 0, KIB(8) }, { 2, KIB(16) }, { 5, 16 } };
	const struct pci_function *f = &w->f[i].pci;

	for (unsigned k = 0; k < ARRAY_SIZE(bars); k++) {
		unsigned n = bars[k].bar;
		uint64_t at = config(w, slots[i], 0x10 + 4 * n, 4) & ~0xfu;
		bool on;

		if (n == 2)
			at |= (uint64_t)config(w, slots[i], 0x1c, 4) << 32;
		on = config(w, slots[i], 4, 2) & MEMORY && in_window(at, bars[k].size);
		if (f->mapped[n] != on || (on && f->mapped_at[n].v != at))
			fail_msg(
				"slot %u BAR %u at 0x%llx: expected decoding %d, found %d at 0x%llx",
				slots[i], n, (unsigned long long)at, on, f->mapped[n],
				(unsigned long long)f->mapped_at[n].v);
		assert_int_equal(at % bars[k].size, 0);
	}
}

static void check_vectors(struct world *w, unsigned i)
{
	const struct pci_function *f = &w->f[i].pci;
	uint16_t control = (uint16_t)config(w, slots[i], 0x52, 2);
	bool master = config(w, slots[i], 4, 2) & MASTER;

	for (unsigned n = 0; n < VECTORS; n++) {
		bool live = master && (control & (ENABLE | MASK_ALL)) == ENABLE &&
			    !f->state.msix_masked[n];

		if (f->live[n] != live)
			fail_msg("slot %u vector %u: expected live %d, found %d", slots[i], n, live,
				 f->live[n]);
	}
}

/* Mostly near the BARs, with values that hit windows often. */
static void random_write(struct world *w)
{
	static const uint64_t values[] = { 0x50000000, 0x7ffff000, 0x60004000, 0xe0,       0x100,
					   UINT32_MAX, MEMORY,     MASTER,     0xc0000000, 0 };
	uint64_t r = next_random();
	unsigned slot = slots[r % SLOTS], len = 1u << (r >> 8) % 4;
	unsigned reg = (r >> 16) % 4 ? (r >> 24) % 0x30 : (r >> 24) % 0x100;
	uint64_t value = (r >> 40) % 4 ? values[next_random() % ARRAY_SIZE(values)] : next_random();

	if ((r >> 48) % 8 == 0 && w->f[0].pci.mapped[0])
		put(w, w->f[0].pci.mapped_at[0].v + TABLE + (r >> 24) % 0x410, len, value);
	else
		put(w, config_at(slot, reg), len, value);
}

static void after_any_writes_what_is_decoded_is_what_registers_say(void **state)
{
	struct world *w = *state;
	unsigned long mapped = 0, steps = 100000;

	random_state = 88172645463325252;
	for (unsigned long step = 0; step < steps; step++) {
		forget(w);
		random_write(w);
		for (unsigned i = 0; i < SLOTS; i++) {
			check_decoding(w, i);
			mapped += w->f[i].pci.mapped[0] + w->f[i].pci.mapped[2];
		}
		if (step % 16 == 0)
			for (unsigned i = 0; i < SLOTS; i++)
				check_vectors(w, i);
		if (step % 5000 == 4999)
			bus_reset(&w->bus);
	}
	assert_in_range(mapped, steps / 100, steps * 6); /* the test saw something */
}

#define TEST(name) cmocka_unit_test_setup(name, build)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_header_says_what_the_function_is),
		TEST(what_is_not_there_reads_all_ones),
		TEST(only_writable_bits_are_written),
		TEST(any_width_and_place_of_an_access_is_served),
		TEST(capabilities_are_a_list),
		TEST(wired_bytes_are_the_function_s_own),
		TEST(a_bar_is_sized_by_writing_ones),
		TEST(a_bar_is_mapped_while_memory_space_is_on),
		TEST(a_64_bit_bar_is_written_in_halves),
		TEST(outside_of_the_windows_nothing_is_decoded),
		TEST(accesses_go_to_the_bar_in_parts),
		TEST(of_two_bars_at_one_address_the_lower_slot_answers),
		TEST(the_table_is_masked_after_reset_and_reads_back),
		TEST(a_vector_is_live_when_nothing_masks_it),
		TEST(a_live_message_that_is_changed_counts_at_once),
		TEST(an_eventfd_is_its_vector_s_pending_bit),
		TEST(slots_share_lines),
		TEST(intx_can_be_disabled_and_is_off_with_msix),
		TEST(a_reset_forgets_what_the_guest_set_up),
		TEST(a_pause_keeps_what_is_pending_in_the_state),
		TEST(a_state_that_is_loaded_is_put_in_force),
		TEST(a_state_of_garbage_does_no_harm),
		TEST(all_of_the_state_is_declared),
		TEST(slots_are_given_out_once),
		TEST(after_any_writes_what_is_decoded_is_what_registers_say),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
