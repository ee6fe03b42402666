/*
 * The ACPI tables: fields at the offsets of ACPI 6.5 chapter 5 and of the SPCR, for each interrupt
 * controller and up to 512 CPUs, with and without SDEI and PMU; and iasl as a judge that knows nothing of
 * us: it reads every table without a complaint, and compiles what it read to the same bytes again.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "arm64/acpi.h"
#include "ras/layout.h"

#define AT     UINT64_C(0x1f0000000)
#define REGION UINT64_C(0x1f0100000)
#define HEADER 36

static uint64_t mpidr[BOARD_MAX_CPUS];
static uint8_t blob[ACPI_MAX_BYTES];
static size_t blob_bytes;

struct machine {
	unsigned ncpus;
	enum board_gic gic;
	bool sdei, pmu;
	bool pci;
	unsigned nvirtio;
};

static struct board make_board(const struct machine *m)
{
	struct board_config c = { .ncpus = m->ncpus,
				  .pvpanic = true,
				  .ram_bytes = GIB(8),
				  .gic = m->gic,
				  .pmu = m->pmu,
				  .sdei = m->sdei,
				  .tables = BOARD_TABLES_ACPI,
				  .pci = m->pci,
				  .nvirtio_mmio = m->nvirtio,
				  .ipa_bits = 40,
				  .mpidr = mpidr };
	struct err err = { "" };
	struct board b;

	for (unsigned i = 0; i < m->ncpus; i++)
		mpidr[i] = board_default_mpidr(i);
	if (board_layout(&b, &c, &err))
		fail_msg("%s", err.text);
	return b;
}

static const struct acpi_params where = { .at = { AT }, .region = { REGION } };

static void build(const struct board *b)
{
	struct err err = { "" };
	int ret;

	memset(blob, 0xee, sizeof(blob));
	ret = acpi_build(b, &where, blob, sizeof(blob), &err);
	if (ret < 0)
		fail_msg("acpi_build: %d (%s)", ret, err.text);
	blob_bytes = (size_t)ret;
}

static struct board build_machine(const struct machine *m)
{
	struct board b = make_board(m);

	build(&b);
	return b;
}

/* Reading back */

static uint64_t value_at(const uint8_t *p, size_t n)
{
	uint64_t v = 0;

	while (n-- > 0)
		v = v << 8 | p[n];
	return v;
}

static void expect(const uint8_t *table, const char *field, size_t at, size_t n, uint64_t want)
{
	uint64_t found = value_at(table + at, n);

	if (found != want)
		fail_msg("%.4s: %s at %zu: expected 0x%llx, found 0x%llx", (const char *)table,
			 field, at, (unsigned long long)want, (unsigned long long)found);
}

/* The bytes of a table by its GPA: inside what was built. */
static const uint8_t *table_at(uint64_t address)
{
	uint64_t offset = address - AT;
	size_t length;

	if (offset > blob_bytes - HEADER || offset % 8)
		fail_msg("a table at 0x%llx: not in the tables, or not aligned",
			 (unsigned long long)address);
	length = value_at(blob + offset + 4, 4);
	if (length < HEADER || length > blob_bytes - offset)
		fail_msg("%.4s: a length of %zu", (const char *)blob + offset, length);
	return blob + offset;
}

static size_t length_of(const uint8_t *table)
{
	return value_at(table + 4, 4);
}

static void expect_sum_0(const uint8_t *table)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < length_of(table); i++)
		sum = (uint8_t)(sum + table[i]);
	if (sum)
		fail_msg("%.4s: expected a sum of 0, found 0x%02x", (const char *)table, sum);
}

static const uint8_t *xsdt(void)
{
	return table_at(value_at(blob + 24, 8));
}

static unsigned xsdt_count(void)
{
	return (unsigned)((length_of(xsdt()) - HEADER) / 8);
}

static const uint8_t *xsdt_table(size_t i)
{
	return table_at(value_at(xsdt() + HEADER + 8 * i, 8));
}

static const uint8_t *find(const char *signature)
{
	for (unsigned i = 0; i < xsdt_count(); i++) {
		if (!memcmp(xsdt_table(i), signature, 4))
			return xsdt_table(i);
	}
	return NULL;
}

static const uint8_t *get(const char *signature, unsigned revision, size_t length)
{
	const uint8_t *t = find(signature);

	if (!t)
		fail_msg("expected a table %s, found none", signature);
	expect(t, "revision", 8, 1, revision);
	if (length)
		expect(t, "length", 4, 4, length);
	return t;
}

static const uint8_t *dsdt(void)
{
	return table_at(value_at(get("FACP", 6, 276) + 140, 8));
}

/* For each machine worth telling apart. */
static void for_each_machine(void (*check)(const struct machine *m, const struct board *b))
{
	static const unsigned counts[] = { 1, 8, 17, 512 };
	struct board b;

	for (unsigned i = 0; i < ARRAY_SIZE(counts) * 4 * 4; i++) {
		struct machine m = { .ncpus = counts[i / 16],
				     .gic = (enum board_gic)(i / 4 % 4),
				     .sdei = i & 1,
				     .pmu = i & 2,
				     .pci = i & 2,
				     .nvirtio = i & 1 ? 3 : 0 };

		if (m.ncpus > board_gic_max_cpus(m.gic))
			continue;
		b = build_machine(&m);
		check(&m, &b);
	}
}

/* RSDP, XSDT */

static void the_rsdp_points_to_the_xsdt(void **unused)
{
	struct machine m = { 4, BOARD_GICV3, true, true, false, 0 };
	uint8_t sum = 0;

	(void)unused;
	build_machine(&m);
	assert_memory_equal(blob, "RSD PTR ", 8);
	for (unsigned i = 0; i < 20; i++)
		sum = (uint8_t)(sum + blob[i]);
	assert_int_equal(sum, 0);
	for (unsigned i = 20; i < 36; i++)
		sum = (uint8_t)(sum + blob[i]);
	assert_int_equal(sum, 0);
	expect(blob, "revision", 15, 1, 2);
	expect(blob, "RSDT", 16, 4, 0);
	expect(blob, "length", 20, 4, 36);
	assert_memory_equal(xsdt(), "XSDT", 4);
	expect(xsdt(), "revision", 8, 1, 1);
}

static void check_list(const struct machine *m, const struct board *b)
{
	static const char *const names[] = { "FACP", "APIC", "GTDT", "SPCR",
					     "PPTT", "HEST", "BERT", "EINJ" };

	(void)b;
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
		assert_non_null(find(names[i]));
	assert_int_equal(find("SDEI") != NULL, m->sdei);
	assert_int_equal(find("MCFG") != NULL, m->pci);
	assert_int_equal(find("IORT") != NULL, m->pci && m->gic == BOARD_GICV3_ITS);
	assert_int_equal(xsdt_count(), ARRAY_SIZE(names) + m->sdei + (find("MCFG") != NULL) +
					       (find("IORT") != NULL));
	assert_memory_equal(dsdt(), "DSDT", 4);
	for (unsigned i = 0; i < xsdt_count(); i++)
		expect_sum_0(xsdt_table(i));
	expect_sum_0(xsdt());
	expect_sum_0(dsdt());
}

static void every_machine_has_its_tables_each_with_a_correct_sum(void **unused)
{
	(void)unused;
	for_each_machine(check_list);
}

static void tables_follow_one_another_without_overlap(void **unused)
{
	struct machine m = { 17, BOARD_GICV3_ITS, true, true, false, 0 };
	const uint8_t *end = blob + 36, *t;

	(void)unused;
	build_machine(&m);
	for (unsigned i = 0; i < xsdt_count() + 2; i++) {
		t = i == 0 ? dsdt() : i <= xsdt_count() ? xsdt_table(i - 1) : xsdt();
		if (t < end || t - end >= 16)
			fail_msg("%.4s begins %td bytes behind the table before it",
				 (const char *)t, t - end);
		end = t + length_of(t);
	}
	assert_int_equal(end - blob, blob_bytes);
}

static void a_machine_without_injection_device_has_no_einj(void **unused)
{
	struct machine m = { 1, BOARD_GICV3, true, true, false, 0 };
	struct board b = make_board(&m);

	(void)unused;
	b.block[BOARD_EINJ].size = 0;
	build(&b);
	assert_null(find("EINJ"));
	assert_non_null(find("HEST"));
}

static void too_little_room_is_an_error_that_says_so(void **unused)
{
	struct machine m = { 17, BOARD_GICV3, true, true, false, 0 };
	struct board b = build_machine(&m);
	size_t need = blob_bytes;
	struct err err = { "" };

	(void)unused;
	for (size_t size = 0; size < need; size += 97) {
		memset(blob, 0xee, sizeof(blob));
		assert_int_equal(acpi_build(&b, &where, blob, size, &err), -ENOSPC);
		assert_int_equal(blob[size], 0xee);
	}
	assert_non_null(strstr(err.text, "17 CPUs"));
	assert_int_equal(acpi_build(&b, &where, blob, need, &err), (int)need);
}

/* FADT */

static void check_fadt(const struct machine *m, const struct board *b)
{
	const uint8_t *t = get("FACP", 6, 276);

	(void)m;
	(void)b;
	expect(t, "FACS", 36, 4, 0);
	expect(t, "DSDT of 32 bits", 40, 4, 0);
	expect(t, "flags: power and sleep button, hardware-reduced", 112, 4, 0x100030);
	expect(t, "ARM boot flags: PSCI, HVC", 129, 2, 3);
	expect(t, "minor version", 131, 1, 5);
	expect(t, "X_FACS", 132, 8, 0);
	assert_memory_equal(t + 268, "RASVM\0\0", 8);
	for (size_t i = 44; i < 112; i++)
		expect(t, "fixed hardware", i, 1, 0);
	for (size_t i = 148; i < 268; i++)
		expect(t, "fixed hardware, sleep registers", i, 1, 0);
}

static void the_fadt_is_that_of_a_hardware_reduced_machine_with_psci(void **unused)
{
	(void)unused;
	for_each_machine(check_fadt);
}

/* MADT */

/* The n-th structure of a type, or NULL. */
static const uint8_t *madt_entry(unsigned type, unsigned n)
{
	const uint8_t *t = get("APIC", 5, 0);
	const uint8_t *at = t + 44, *end = t + length_of(t);

	for (; at < end; at += at[1]) {
		if (at[1] < 4 || at[1] > end - at)
			fail_msg("APIC: a structure of %u bytes at %td", at[1], at - t);
		if (at[0] == type && n-- == 0)
			return at;
	}
	return NULL;
}

static void field(const uint8_t *entry, const char *name, size_t at, size_t n, uint64_t want)
{
	uint64_t found = value_at(entry + at, n);

	if (found != want)
		fail_msg("APIC: structure %u: %s at %zu: expected 0x%llx, found 0x%llx", entry[0],
			 name, at, (unsigned long long)want, (unsigned long long)found);
}

static const uint8_t *only_entry(unsigned type, unsigned length)
{
	const uint8_t *e = madt_entry(type, 0);

	assert_non_null(e);
	field(e, "length", 1, 1, length);
	assert_null(madt_entry(type, 1));
	return e;
}

static void check_gicc(const uint8_t *e, const struct board *b, unsigned cpu)
{
	bool v2 = board_gic_is_v2(b->config.gic);

	field(e, "length", 1, 1, 80);
	field(e, "CPU interface number", 4, 4, cpu);
	field(e, "ACPI processor UID", 8, 4, cpu);
	field(e, "flags: enabled", 12, 4, 1);
	field(e, "parking protocol", 16, 4, 0);
	field(e, "performance interrupt", 20, 4, b->config.pmu ? 23 : 0);
	field(e, "parked address", 24, 8, 0);
	field(e, "CPU interface", 32, 8, v2 ? b->block[BOARD_GIC_CPUI].base : 0);
	field(e, "GICV", 40, 8, 0);
	field(e, "GICH", 48, 8, 0);
	field(e, "maintenance interrupt", 56, 4, 0);
	field(e, "GICR", 60, 8, 0);
	field(e, "MPIDR", 68, 8, mpidr[cpu]);
	field(e, "efficiency class", 76, 4, 0);
}

static void check_msi(const struct board *b)
{
	const struct board_block *v2m = &b->block[BOARD_GIC_V2M], *its = &b->block[BOARD_GIC_ITS];
	const uint8_t *e;

	if (b->config.gic == BOARD_GICV2M) {
		e = only_entry(13, 24);
		field(e, "MSI frame", 8, 8, v2m->base);
		field(e, "flags: count and base given", 16, 4, 1);
		field(e, "SPI count", 20, 2, v2m->nintids);
		field(e, "SPI base", 22, 2, v2m->intid);
	} else {
		assert_null(madt_entry(13, 0));
	}
	if (b->config.gic == BOARD_GICV3_ITS) {
		e = only_entry(15, 20);
		field(e, "ITS id", 4, 4, 0);
		field(e, "ITS", 8, 8, its->base);
	} else {
		assert_null(madt_entry(15, 0));
	}
}

static void check_madt(const struct machine *m, const struct board *b)
{
	bool v2 = board_gic_is_v2(m->gic);
	const uint8_t *e = only_entry(12, 24);

	field(e, "GIC id", 4, 4, 0);
	field(e, "distributor", 8, 8, b->block[BOARD_GIC_DIST].base);
	field(e, "version", 20, 1, v2 ? 2 : 3);
	for (unsigned i = 0; i < m->ncpus; i++) {
		e = madt_entry(11, i);
		assert_non_null(e);
		check_gicc(e, b, i);
	}
	assert_null(madt_entry(11, m->ncpus));
	if (v2) {
		assert_null(madt_entry(14, 0));
	} else {
		e = only_entry(14, 16);
		field(e, "redistributors", 4, 8, b->block[BOARD_GIC_REDIST].base);
		field(e, "their length", 12, 4, m->ncpus * KIB(128));
	}
	check_msi(b);
}

static void the_madt_has_every_cpu_and_the_parts_of_its_gic(void **unused)
{
	(void)unused;
	for_each_machine(check_madt);
}

static void the_madt_has_the_mpidr_of_the_board(void **unused)
{
	struct machine m = { 2, BOARD_GICV3, true, true, false, 0 };
	struct board b = make_board(&m);

	(void)unused;
	mpidr[1] = UINT64_C(0x1200030201);
	build(&b);
	field(madt_entry(11, 1), "MPIDR", 68, 8, UINT64_C(0x1200030201));
}

/* GTDT, SPCR */

static void check_gtdt(const struct machine *m, const struct board *b)
{
	const uint8_t *t = get("GTDT", 3, 104);

	(void)m;
	(void)b;
	expect(t, "counter base", 36, 8, UINT64_MAX);
	expect(t, "secure EL1 timer", 48, 4, 29);
	expect(t, "its flags: always on", 52, 4, 4);
	expect(t, "EL1 timer", 56, 4, 30);
	expect(t, "its flags: always on", 60, 4, 4);
	expect(t, "virtual timer", 64, 4, 27);
	expect(t, "its flags: always on", 68, 4, 4);
	expect(t, "EL2 timer", 72, 4, 26);
	expect(t, "its flags: always on", 76, 4, 4);
	expect(t, "counter read base", 80, 8, UINT64_MAX);
	expect(t, "platform timers", 88, 4, 0);
	expect(t, "virtual EL2 timer", 96, 8, 0);
}

static void the_gtdt_has_the_timers_of_the_device_tree(void **unused)
{
	(void)unused;
	for_each_machine(check_gtdt);
}

static void check_spcr(const struct machine *m, const struct board *b)
{
	const uint8_t *t = get("SPCR", 2, 80);

	(void)m;
	expect(t, "interface type: 16550 by address structure", 36, 1, 0x12);
	expect(t, "space: memory", 40, 1, 0);
	expect(t, "register width", 41, 1, 8);
	expect(t, "register offset", 42, 1, 0);
	expect(t, "access: byte", 43, 1, 1);
	expect(t, "base", 44, 8, b->block[BOARD_UART0].base);
	expect(t, "interrupt type: GIC", 52, 1, 8);
	expect(t, "interrupt", 54, 4, b->block[BOARD_UART0].intid);
	expect(t, "baud: 115200", 58, 1, 7);
	expect(t, "parity", 59, 1, 0);
	expect(t, "stop bits", 60, 1, 1);
	expect(t, "flow control", 61, 1, 0);
	expect(t, "PCI device: none", 64, 2, 0xffff);
	expect(t, "PCI vendor: none", 66, 2, 0xffff);
	expect(t, "the rest", 68, 8, 0);
}

static void the_spcr_is_the_first_uart_with_byte_registers(void **unused)
{
	(void)unused;
	for_each_machine(check_spcr);
}

/* PPTT */

/* Offset of the n-th node (type 0) in the table. */
static size_t pptt_node(unsigned n)
{
	const uint8_t *t = get("PPTT", 2, 0);
	size_t at = HEADER;

	for (; at < length_of(t); at += t[at + 1]) {
		if (t[at + 1] < 20)
			fail_msg("PPTT: a structure of %u bytes at %zu", t[at + 1], at);
		if (t[at] == 0 && n-- == 0)
			return at;
	}
	return 0;
}

/* The node of a CPU: a leaf with its UID. */
static size_t pptt_leaf(unsigned uid)
{
	const uint8_t *t = get("PPTT", 2, 0);
	size_t at;

	for (unsigned n = 0; (at = pptt_node(n)) != 0; n++) {
		if (value_at(t + at + 4, 4) == 0xa && value_at(t + at + 12, 4) == uid)
			return at;
	}
	fail_msg("PPTT: expected a leaf for CPU %u, found none", uid);
	return 0;
}

static void expect_cache(size_t node, size_t n, unsigned type)
{
	const uint8_t *t = get("PPTT", 2, 0);
	size_t at = value_at(t + node + 20 + 4 * n, 4);

	expect(t, "cache: type", at, 1, 1);
	expect(t, "cache: length", at + 1, 1, 24);
	expect(t, "cache: flags: type valid", at + 4, 4, 0x10);
	expect(t, "cache: next level", at + 8, 4, 0);
	expect(t, "cache: attributes", at + 21, 1, type << 2);
}

static void expect_leaf(unsigned uid, size_t *cluster)
{
	const uint8_t *t = get("PPTT", 2, 0);
	size_t at = pptt_leaf(uid);

	*cluster = value_at(t + at + 8, 4);
	expect(t, "core: length", at + 1, 1, 28);
	expect(t, "core: resources", at + 16, 4, 2);
	expect_cache(at, 0, 0); /* data */
	expect_cache(at, 1, 1); /* instruction */
	expect(t, "cluster: type", *cluster, 1, 0);
	expect(t, "cluster: length", *cluster + 1, 1, 24);
	expect(t, "cluster: flags", *cluster + 4, 4, 0x10);
	expect(t, "cluster: resources", *cluster + 16, 4, 1);
	expect_cache(*cluster, 0, 2); /* unified */
	expect(t, "cluster: parent", *cluster + 8, 4, pptt_node(0));
}

static void clusters_are_cpus_that_differ_in_aff0_only(void **unused)
{
	static const uint64_t ids[] = { 0x0, 0x100, 0x1, 0x10000, 0x101, 0x100000000 };
	static const unsigned like[] = { 0, 1, 0, 3, 1, 5 };
	struct machine m = { ARRAY_SIZE(ids), BOARD_GICV3, true, true, false, 0 };
	struct board b = make_board(&m);
	size_t cluster[ARRAY_SIZE(ids)];
	const uint8_t *t;

	(void)unused;
	memcpy(mpidr, ids, sizeof(ids));
	build(&b);
	t = get("PPTT", 2, 0);
	expect(t, "package: flags", pptt_node(0) + 4, 4, 0x11);
	expect(t, "package: parent", pptt_node(0) + 8, 4, 0);
	for (unsigned i = 0; i < ARRAY_SIZE(ids); i++)
		expect_leaf(i, &cluster[i]);
	for (unsigned i = 0; i < ARRAY_SIZE(ids); i++) {
		for (unsigned k = 0; k < ARRAY_SIZE(ids); k++)
			assert_int_equal(cluster[i] == cluster[k], like[i] == like[k]);
	}
}

static void a_large_machine_has_a_leaf_a_cpu_and_16_a_cluster(void **unused)
{
	struct machine m = { 512, BOARD_GICV3, true, true, false, 0 };
	size_t cluster = 0, last = 0;
	unsigned clusters = 0;

	(void)unused;
	build_machine(&m);
	for (unsigned i = 0; i < m.ncpus; i++) {
		expect_leaf(i, &cluster);
		clusters += cluster != last;
		last = cluster;
	}
	assert_int_equal(clusters, 512 / 16);
	assert_int_equal(pptt_node(1 + 32 + 512), 0);
	assert_true(blob_bytes <= ACPI_MAX_BYTES);
}

/* MCFG, IORT */

static void the_mcfg_is_the_ecam_of_the_board(void **unused)
{
	struct machine m = { 1, BOARD_GICV3, true, true, .pci = true };
	const uint8_t *t;

	(void)unused;
	build_machine(&m);
	t = get("MCFG", 1, 60);
	expect(t, "reserved", 36, 8, 0);
	expect(t, "address", 44, 8, 0x40000000);
	expect(t, "segment", 52, 2, 0);
	expect(t, "first bus", 54, 1, 0);
	expect(t, "last bus", 55, 1, 255);
}

static void the_iort_leads_every_requester_to_the_its(void **unused)
{
	struct machine m = { 1, BOARD_GICV3_ITS, true, true, .pci = true };
	const uint8_t *t;

	(void)unused;
	build_machine(&m);
	t = get("IORT", 0, 48 + 24 + 56);
	expect(t, "nodes", 36, 4, 2);
	expect(t, "where they are", 40, 4, 48);
	expect(t, "first node: ITS group", 48, 1, 0);
	expect(t, "its length", 49, 2, 24);
	expect(t, "ITSes", 64, 4, 1);
	expect(t, "its id, as in the MADT", 68, 4, 0);
	expect(t, "second node: root complex", 72, 1, 2);
	expect(t, "its length", 73, 2, 56);
	expect(t, "mappings", 80, 4, 1);
	expect(t, "where they are", 84, 4, 36);
	expect(t, "coherent", 88, 4, 1);
	expect(t, "memory access flags", 95, 1, 3);
	expect(t, "segment", 100, 4, 0);
	expect(t, "address bits", 104, 1, 64);
	expect(t, "mapping: from", 108, 4, 0);
	expect(t, "mapping: last", 112, 4, 0xffff);
	expect(t, "mapping: to", 116, 4, 0);
	expect(t, "mapping: node", 120, 4, 48);
	expect(t, "mapping: flags", 124, 4, 0);
}

/* Tables about errors: their contents are test_hest's; here what the machine gives them. */

static void the_error_tables_are_about_this_machine(void **unused)
{
	struct machine m = { 2, BOARD_GICV3, true, true, false, 0 };
	struct board b = build_machine(&m);
	const uint8_t *hest = get("HEST", 1, 40 + 5 * 92);

	(void)unused;
	expect(hest, "cell of the first source", 40 + 24, 8, REGION + RAS_CELL(GHES_SEA));
	expect(hest, "interrupt of the GED", 40 + 3 * 92 + 40, 4, INTID_GED_ERROR);
	expect(get("BERT", 1, 48), "region", 40, 8, REGION + RAS_BERT);
	expect(get("EINJ", 1, 48 + 9 * 32), "register of the error type", 48 + 2 * 32 + 8, 8,
	       b.block[BOARD_EINJ].base);
	m.sdei = false;
	build_machine(&m);
	get("HEST", 1, 40 + 3 * 92);
}

/* The judge */

static char dir[64];
static char text[MIB(2)], other[MIB(2)];

/* Run a command in the directory; what it prints goes to the file "log". */
static void run(const char *cmd)
{
	char line[512];
	int status;

	snprintf(line, sizeof(line), "cd %s && { %s; } >log 2>&1", dir, cmd);
	status = system(line);
	if (status)
		fail_msg("`%s` ended with status 0x%x; see %s/log", cmd, status, dir);
}

/* A new directory, for the files of a test; a test that fails leaves it behind. */
static void make_dir(void)
{
	const char *tmp = getenv("TMPDIR");

	if (system("iasl -v >/dev/null 2>&1"))
		fail_msg("iasl is not installed; it is in the package acpica-tools");
	snprintf(dir, sizeof(dir), "%.40s/test_acpi-XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(dir))
		fail_msg("%s: %s", dir, strerror(errno));
}

static FILE *open_file(const char *name, const char *mode)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, mode);
	if (!f)
		fail_msg("%s: %s", path, strerror(errno));
	return f;
}

static void write_file(const char *name, const void *data, size_t n)
{
	FILE *f = open_file(name, "wb");

	assert_int_equal(fwrite(data, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

/* The contents, with a 0 behind them. */
static size_t read_file(const char *name, char *into)
{
	FILE *f = open_file(name, "rb");
	size_t n = fread(into, 1, sizeof(text) - 1, f);

	fclose(f);
	into[n] = '\0';
	assert_in_range(n, 1, sizeof(text) - 2);
	return n;
}

static void expect_none_of(const char *name, const char *const *words, unsigned n)
{
	read_file(name, text);
	for (unsigned i = 0; i < n; i++) {
		if (strstr(text, words[i]))
			fail_msg("iasl says \"%s\" in %s/%s", words[i], dir, name);
	}
}

static void expect_in_log(const char *want)
{
	read_file("log", text);
	if (!strstr(text, want))
		fail_msg("expected that iasl says \"%s\", see %s/log", want, dir);
}

/* iasl ends with status 0 whatever it thinks of a table: what it prints counts. */
static void disassemble(const char *files)
{
	static const char *const complaints[] = { "Warning", "Error", "nvalid", "nknown",
						  "ould not" };
	char cmd[64];

	snprintf(cmd, sizeof(cmd), "iasl -d %s", files);
	run(cmd);
	expect_none_of("log", complaints, ARRAY_SIZE(complaints));
}

static void judge_data_table(const uint8_t *t)
{
	static const char *const complaints[] = { "****", "nknown", "nvalid" };
	char name[16], cmd[64];

	snprintf(name, sizeof(name), "%.4s.dsl", (const char *)t);
	expect_none_of(name, complaints, ARRAY_SIZE(complaints));
	snprintf(cmd, sizeof(cmd), "iasl %s", name);
	run(cmd);
	snprintf(name, sizeof(name), "%.4s.aml", (const char *)t);
	if (read_file(name, text) != length_of(t))
		fail_msg("%s: expected %zu bytes, see %s", name, length_of(t), dir);
	/* The header differs in the compiler's name and so in the sum. */
	assert_memory_equal(text, t, 9);
	assert_memory_equal(text + HEADER, t + HEADER, length_of(t) - HEADER);
}

/* The encoding may be shorter, but the meaning is the same. */
static void judge_dsdt(void)
{
	const char *a, *b;

	run("iasl -oa -tc DSDT.dsl"); /* names as they are written */
	expect_in_log("0 Errors, 0 Warnings, 0 Remarks");
	run("mv DSDT.aml again.dat");
	disassemble("again.dat");
	read_file("DSDT.dsl", text);
	read_file("again.dsl", other);
	a = strstr(text, "DefinitionBlock");
	b = strstr(other, "DefinitionBlock");
	assert_non_null(a);
	assert_non_null(b);
	assert_string_equal(a, b);
}

static void judge(const struct machine *m)
{
	char name[16];

	build_machine(m);
	make_dir();
	write_file("DSDT.dat", dsdt(), length_of(dsdt()));
	write_file("XSDT.dat", xsdt(), length_of(xsdt()));
	for (unsigned i = 0; i < xsdt_count(); i++) {
		snprintf(name, sizeof(name), "%.4s.dat", (const char *)xsdt_table(i));
		write_file(name, xsdt_table(i), length_of(xsdt_table(i)));
	}
	disassemble("*.dat");
	judge_dsdt();
	for (unsigned i = 0; i < xsdt_count(); i++)
		judge_data_table(xsdt_table(i));
	run("rm -rf $PWD");
}

static void iasl_has_nothing_to_say_against_the_tables_of_one_cpu(void **unused)
{
	(void)unused;
	judge(&(struct machine){ 1, BOARD_GICV3, true, true, false, 0 });
}

static void iasl_has_nothing_to_say_against_gicv2(void **unused)
{
	(void)unused;
	judge(&(struct machine){ 8, BOARD_GICV2, false, false, false, 0 });
}

static void iasl_has_nothing_to_say_against_gicv2m(void **unused)
{
	(void)unused;
	judge(&(struct machine){ 8, BOARD_GICV2M, true, true, false, 0 });
}

static void iasl_has_nothing_to_say_against_17_cpus_without_sdei_and_pmu(void **unused)
{
	(void)unused;
	judge(&(struct machine){ 17, BOARD_GICV3, false, false, false, 0 });
}

static void iasl_has_nothing_to_say_against_512_cpus_with_its(void **unused)
{
	(void)unused;
	judge(&(struct machine){ 512, BOARD_GICV3_ITS, true, true, false, 0 });
}

static void iasl_has_nothing_to_say_against_pci_and_virtio(void **unused)
{
	(void)unused;
	judge(&(struct machine){ 2, BOARD_GICV3_ITS, true, true, .pci = true, .nvirtio = 64 });
	judge(&(struct machine){ 1, BOARD_GICV2M, true, true, .pci = true, .nvirtio = 1 });
}

/* What the DSDT says, in the judge's words. */
static void expect_asl(const char *want)
{
	if (!strstr(text, want))
		fail_msg("expected in the DSDT: %s\nfound:\n%s", want, text);
}

/* The text without blanks at the start of lines, so that nesting does not matter. */
static void read_dsdt(void)
{
	char *to = text;
	bool start = true;

	read_file("DSDT.dsl", text);
	for (const char *from = text; *from; from++) {
		if (start && *from == ' ')
			continue;
		start = *from == '\n';
		*to++ = *from;
	}
	*to = '\0';
}

static void the_dsdt_has_the_devices_of_the_board(void **unused)
{
	struct machine m = { 3, BOARD_GICV3, true, true, false, 0 };

	(void)unused;
	build_machine(&m);
	make_dir();
	write_file("DSDT.dat", dsdt(), length_of(dsdt()));
	disassemble("DSDT.dat");
	read_dsdt();
	expect_asl("Device (C002)\n{\nName (_HID, \"ACPI0007\" /* Processor Device */)  "
		   "// _HID: Hardware ID\nName (_UID, 0x02)");
	assert_null(strstr(text, "Device (C003)"));
	expect_asl("Device (COM3)\n{\nName (_HID, EisaId (\"PNP0501\") "
		   "/* 16550A-compatible COM Serial Port */)  // _HID: Hardware ID\n"
		   "Name (_UID, 0x03)");
	expect_asl("Memory32Fixed (ReadWrite,\n0x01003000,         // Address Base\n"
		   "0x00000008,         // Address Length\n)\n"
		   "Interrupt (ResourceConsumer, Level, ActiveHigh, Exclusive, ,, )\n{\n"
		   "0x00000023,\n}");
	expect_asl("Name (_HID, \"ACPI0013\" /* Generic Event Device */)");
	expect_asl("Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive, ,, )\n{\n"
		   "0x00000026,\n}\n"
		   "Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive, ,, )\n{\n"
		   "0x00000027,\n}");
	expect_asl("If ((Arg0 == 0x26))\n{\nNotify (\\_SB.ERRD, 0x80)");
	expect_asl("If ((Arg0 == 0x27))\n{\nNotify (\\_SB.PWRB, 0x80)");
	expect_asl("Device (\\_SB.GPI0)\n{\nName (_HID, \"ARMH0061\")");
	expect_asl("Name (_AEI, ResourceTemplate ()");
	expect_asl("GpioInt (Edge, ActiveHigh, ExclusiveAndWake, PullNone, 0x0000,\n"
		   "\"\\\\_SB.GPI0\", 0x00, ResourceConsumer, ,\n)\n{   // Pin list\n0x0000\n}");
	expect_asl("Method (_E00, 0, Serialized)");
	expect_asl("Device (PEVT)\n{\nName (_HID, \"QEMU0001\")");
	expect_asl("Device (\\_SB.ERRD)\n{\nName (_HID, EisaId (\"PNP0C33\")");
	expect_asl("Device (\\_SB.PWRB)\n{\nName (_HID, EisaId (\"PNP0C0C\")");
	expect_asl("Method (_OSC, 4, Serialized)");
	expect_asl("Platform-wide Capabilities");
	expect_asl("CAPS &= 0x10\nReturn (Arg3)");
	assert_null(strstr(text, "LNRO0005"));
	assert_null(strstr(text, "PNP0A08"));
	run("rm -rf $PWD");
}

static void the_dsdt_has_the_virtio_devices(void **unused)
{
	struct machine m = { 1, BOARD_GICV3, true, true, .nvirtio = 17 };

	(void)unused;
	build_machine(&m);
	make_dir();
	write_file("DSDT.dat", dsdt(), length_of(dsdt()));
	disassemble("DSDT.dat");
	read_dsdt();
	expect_asl("Device (VI10)\n{\nName (_HID, \"LNRO0005\")  // _HID: Hardware ID\n"
		   "Name (_UID, 0x10)  // _UID: Unique ID\n"
		   "Name (_CCA, One)  // _CCA: Cache Coherency Attribute\n");
	expect_asl("Memory32Fixed (ReadWrite,\n0x03002000,         // Address Base\n"
		   "0x00000200,         // Address Length\n)\n"
		   "Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive, ,, )\n{\n"
		   "0x00000040,\n}");
	assert_null(strstr(text, "Device (VI11)"));
	run("rm -rf $PWD");
}

static void the_dsdt_has_the_pci_host(void **unused)
{
	struct machine m = { 1, BOARD_GICV3, true, true, .pci = true };

	(void)unused;
	build_machine(&m);
	make_dir();
	write_file("DSDT.dat", dsdt(), length_of(dsdt()));
	disassemble("DSDT.dat");
	read_dsdt();
	expect_asl("Device (PCI0)\n{\nName (_HID, EisaId (\"PNP0A08\") /* PCI Express Bus */)  "
		   "// _HID: Hardware ID\nName (_CID, EisaId (\"PNP0A03\") /* PCI Bus */)");
	expect_asl("Name (_SEG, Zero)");
	expect_asl("Name (_BBN, Zero)");
	expect_asl("Name (_CCA, One)");
	expect_asl(
		"WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode,\n"
		"0x0000,             // Granularity\n0x0000,             // Range Minimum\n"
		"0x00FF,             // Range Maximum\n0x0000,             // Translation Offset\n"
		"0x0100,             // Length");
	expect_asl("DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable, "
		   "ReadWrite,\n0x00000000,         // Granularity\n"
		   "0x50000000,         // Range Minimum\n0x7FFFFFFF,         // Range Maximum\n"
		   "0x00000000,         // Translation Offset\n0x30000000,         // Length");
	expect_asl("QWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, Prefetchable, "
		   "ReadWrite,\n0x0000000000000000, // Granularity\n"
		   "0x000000E000000000, // Range Minimum\n0x000000FFFFFFFFFF, // Range Maximum\n"
		   "0x0000000000000000, // Translation Offset\n0x0000002000000000, // Length");
	/* Slot 0 INTA, slot 1 INTD, slot 31 INTA. */
	expect_asl("Name (_PRT, Package (0x80)");
	expect_asl("Package (0x04)\n{\n0xFFFF, \nZero, \nZero, \n0x28\n}");
	expect_asl("Package (0x04)\n{\n0x0001FFFF, \n0x03, \nZero, \n0x28\n}");
	expect_asl("Package (0x04)\n{\n0x001FFFFF, \nZero, \nZero, \n0x2B\n}");
	expect_asl("33db4d5b-1ff7-401c-9657-7441c03dd766");
	expect_asl("CAPS &= 0x1F\nReturn (Arg3)");
	expect_asl("Device (ECAM)\n{\nName (_HID, EisaId (\"PNP0C02\")");
	expect_asl("Memory32Fixed (ReadWrite,\n0x40000000,         // Address Base\n"
		   "0x10000000,         // Address Length");
	run("rm -rf $PWD");
}

#define TEST(name) cmocka_unit_test(name)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_rsdp_points_to_the_xsdt),
		TEST(every_machine_has_its_tables_each_with_a_correct_sum),
		TEST(tables_follow_one_another_without_overlap),
		TEST(a_machine_without_injection_device_has_no_einj),
		TEST(too_little_room_is_an_error_that_says_so),
		TEST(the_fadt_is_that_of_a_hardware_reduced_machine_with_psci),
		TEST(the_madt_has_every_cpu_and_the_parts_of_its_gic),
		TEST(the_madt_has_the_mpidr_of_the_board),
		TEST(the_gtdt_has_the_timers_of_the_device_tree),
		TEST(the_spcr_is_the_first_uart_with_byte_registers),
		TEST(clusters_are_cpus_that_differ_in_aff0_only),
		TEST(a_large_machine_has_a_leaf_a_cpu_and_16_a_cluster),
		TEST(the_mcfg_is_the_ecam_of_the_board),
		TEST(the_iort_leads_every_requester_to_the_its),
		TEST(the_error_tables_are_about_this_machine),
		TEST(iasl_has_nothing_to_say_against_the_tables_of_one_cpu),
		TEST(iasl_has_nothing_to_say_against_gicv2),
		TEST(iasl_has_nothing_to_say_against_gicv2m),
		TEST(iasl_has_nothing_to_say_against_17_cpus_without_sdei_and_pmu),
		TEST(iasl_has_nothing_to_say_against_512_cpus_with_its),
		TEST(iasl_has_nothing_to_say_against_pci_and_virtio),
		TEST(the_dsdt_has_the_devices_of_the_board),
		TEST(the_dsdt_has_the_virtio_devices),
		TEST(the_dsdt_has_the_pci_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
