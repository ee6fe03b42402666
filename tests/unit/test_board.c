/* The memory map: addresses, interrupts, limits, and that nothing overlaps. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arm64/board.h"
#include "arm64/status.h"

static const enum board_gic gics[] = { BOARD_GICV2, BOARD_GICV2M, BOARD_GICV3, BOARD_GICV3_ITS };

static struct board_config config(unsigned ncpus, enum board_gic gic)
{
	return (struct board_config){ .ncpus = ncpus,
				      .ram_bytes = MIB(256),
				      .gic = gic,
				      .pvtime = true,
				      .test_timer = true,
				      .pvpanic = true,
				      .ipa_bits = 40 };
}

static struct board layout(unsigned ncpus, enum board_gic gic)
{
	struct board_config c = config(ncpus, gic);
	struct err err = { "" };
	struct board b;

	if (board_layout(&b, &c, &err))
		fail_msg("%u CPUs, %s: %s", ncpus, board_gic_name(gic), err.text);
	return b;
}

static void expect_block(const struct board *b, enum board_id id, uint64_t base, uint64_t size,
			 uint32_t intid)
{
	const struct board_block *k = &b->block[id];

	if (k->base != base || k->size != size || k->intid != intid)
		fail_msg("%s: expected 0x%llx + 0x%llx INTID %u, found 0x%llx + 0x%llx INTID %u",
			 k->name, (unsigned long long)base, (unsigned long long)size, intid,
			 (unsigned long long)k->base, (unsigned long long)k->size, k->intid);
}

static void the_fixed_blocks_are_where_they_always_were(void **unused)
{
	struct board b = layout(1, BOARD_GICV3);

	(void)unused;
	expect_block(&b, BOARD_UART0, 0x01000000, 8, 32);
	expect_block(&b, BOARD_UART1, 0x01001000, 8, 33);
	expect_block(&b, BOARD_UART2, 0x01002000, 8, 34);
	expect_block(&b, BOARD_UART3, 0x01003000, 8, 35);
	expect_block(&b, BOARD_RTC, 0x01010000, 0x1000, 36);
	expect_block(&b, BOARD_PVTIME, 0x01020000, KIB(64), INTID_NONE);
	expect_block(&b, BOARD_TEST_TIMER, 0x01030000, 0x4000, 37);
	expect_block(&b, BOARD_PVPANIC, 0x01050000, 2, INTID_NONE);
	expect_block(&b, BOARD_FLASH, 0x02000000, MIB(16), INTID_NONE);
	expect_block(&b, BOARD_GIC_DIST, 0x3fff0000, KIB(64), INTID_NONE);
	expect_block(&b, BOARD_PCI_ECAM, 0x40000000, MIB(256), INTID_NONE);
	expect_block(&b, BOARD_PCI_MMIO, 0x50000000, 0x30000000, INTID_NONE);
	expect_block(&b, BOARD_RAM, 0x80000000, MIB(256), INTID_NONE);
	assert_int_equal(b.block[BOARD_VIRTIO_MMIO].base, 0x03000000);
}

/* With devices, blocks that were only kept free are in use, at the same addresses. */
static void pci_and_virtio_have_their_blocks_and_interrupts(void **unused)
{
	struct board_config c = config(1, BOARD_GICV3);
	struct board b = layout(1, BOARD_GICV3);

	(void)unused;
	assert_true(b.block[BOARD_PCI_ECAM].reserved && b.block[BOARD_PCI_MMIO].reserved);
	assert_true(b.block[BOARD_VIRTIO_MMIO].reserved);
	expect_block(&b, BOARD_VIRTIO_MMIO, 0x03000000, MIB(1), INTID_NONE);
	assert_int_equal(b.block[BOARD_PCI_MMIO64].size, 0);
	c.pci = true;
	c.nvirtio_mmio = BOARD_MAX_VIRTIO_MMIO;
	assert_int_equal(board_layout(&b, &c, NULL), 0);
	assert_false(b.block[BOARD_PCI_ECAM].reserved || b.block[BOARD_PCI_MMIO].reserved);
	assert_false(b.block[BOARD_VIRTIO_MMIO].reserved);
	expect_block(&b, BOARD_PCI_ECAM, 0x40000000, MIB(256), 40);
	assert_int_equal(b.block[BOARD_PCI_ECAM].nintids, 4);
	expect_block(&b, BOARD_PCI_MMIO, 0x50000000, 0x30000000, INTID_NONE);
	expect_block(&b, BOARD_VIRTIO_MMIO, 0x03000000, MIB(1), 48);
	assert_int_equal(b.block[BOARD_VIRTIO_MMIO].nintids, 64);
	assert_int_equal(BOARD_VIRTIO_STRIDE, 0x200);
}

static void the_64_bit_window_is_the_top_eighth_above_ram(void **unused)
{
	static const struct {
		unsigned ipa_bits;
		uint64_t ram, base, size; /* size 0: no window */
	} cases[] = {
		{ 32, MIB(256), 0, 0 },
		{ 33, MIB(256), GIB(7), GIB(1) },
		{ 33, GIB(5), GIB(7), GIB(1) },
		{ 33, GIB(5) + 4096, 0, 0 },
		{ 36, GIB(1), GIB(56), GIB(8) },
		{ 39, GIB(1), GIB(448), GIB(64) },
		{ 40, GIB(1), GIB(896), GIB(128) },
		{ 40, GIB(894), GIB(896), GIB(128) },
		{ 40, GIB(895), 0, 0 },
		{ 41, GIB(895), GIB(1792), GIB(256) },
		{ 48, GIB(1), GIB(7) << 15, GIB(1) << 15 },
		{ 52, GIB(1), GIB(7) << 15, GIB(1) << 15 }, /* not all kernels have 52 */
		{ 64, GIB(1), GIB(7) << 15, GIB(1) << 15 },
		{ 52, GIB(8) << 15, 0, 0 },
	};

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct board_config c = config(1, BOARD_GICV3);
		struct err err = { "" };
		struct board b;

		c.pci = true;
		c.ipa_bits = cases[i].ipa_bits;
		c.ram_bytes = cases[i].ram;
		if (board_layout(&b, &c, &err))
			fail_msg("case %zu: %s", i, err.text);
		expect_block(&b, BOARD_PCI_MMIO64, cases[i].base, cases[i].size, INTID_NONE);
		c.pci = false;
		assert_int_equal(board_layout(&b, &c, &err), 0);
		assert_int_equal(b.block[BOARD_PCI_MMIO64].size, 0);
	}
}

static void too_many_virtio_devices_are_refused(void **unused)
{
	struct board_config c = config(1, BOARD_GICV3);
	struct err err = { "" };
	struct board b;

	(void)unused;
	c.nvirtio_mmio = 65;
	assert_int_equal(board_layout(&b, &c, &err), -EINVAL);
	assert_non_null(strstr(err.text, "65 virtio devices"));
	assert_non_null(strstr(err.text, "64"));
	assert_non_null(strstr(err.text, "--virtio-transport pci"));
}

static void gicv3_grows_downwards(void **unused)
{
	struct board b = layout(1, BOARD_GICV3_ITS);

	(void)unused;
	expect_block(&b, BOARD_GIC_REDIST, 0x3ffd0000, KIB(128), INTID_NONE);
	expect_block(&b, BOARD_GIC_ITS, 0x3ffb0000, KIB(128), INTID_NONE);
	b = layout(512, BOARD_GICV3_ITS);
	expect_block(&b, BOARD_GIC_REDIST, 0x3bff0000, MIB(64), INTID_NONE);
	expect_block(&b, BOARD_GIC_ITS, 0x3bfd0000, KIB(128), INTID_NONE);
	b = layout(17, BOARD_GICV3);
	expect_block(&b, BOARD_GIC_REDIST, 0x3fff0000 - 17 * KIB(128), 17 * KIB(128), INTID_NONE);
	assert_int_equal(b.block[BOARD_GIC_ITS].size, 0);
	assert_int_equal(b.block[BOARD_GIC_CPUI].size, 0);
}

static void gicv2_has_a_cpu_interface_and_perhaps_a_frame(void **unused)
{
	struct board b = layout(8, BOARD_GICV2M);

	(void)unused;
	expect_block(&b, BOARD_GIC_CPUI, 0x3ffe0000, KIB(8), INTID_NONE);
	expect_block(&b, BOARD_GIC_V2M, 0x3ffd0000, 0x1000, 224);
	assert_int_equal(b.block[BOARD_GIC_V2M].nintids, 32);
	assert_int_equal(b.block[BOARD_GIC_REDIST].size, 0);
	b = layout(8, BOARD_GICV2);
	assert_int_equal(b.block[BOARD_GIC_V2M].size, 0);
}

static void what_is_not_configured_is_absent(void **unused)
{
	struct board_config c = config(1, BOARD_GICV3);
	struct board b;

	(void)unused;
	c.pvtime = false;
	assert_int_equal(board_layout(&b, &c, NULL), 0);
	assert_int_equal(b.block[BOARD_PVTIME].size, 0);
	assert_true(b.block[BOARD_TEST_TIMER].size > 0);
	c.test_timer = false;
	assert_int_equal(board_layout(&b, &c, NULL), 0);
	assert_int_equal(b.block[BOARD_TEST_TIMER].size, 0);
	assert_true(b.block[BOARD_PVPANIC].size > 0);
	c.pvpanic = false;
	assert_int_equal(board_layout(&b, &c, NULL), 0);
	assert_int_equal(b.block[BOARD_PVPANIC].size, 0);
}

static void injection_and_gpio_come_with_acpi(void **unused)
{
	struct board_config c = config(1, BOARD_GICV3);
	struct board b;

	(void)unused;
	assert_int_equal(board_layout(&b, &c, NULL), 0);
	assert_false(board_has_acpi(&b));
	assert_int_equal(b.block[BOARD_EINJ].size, 0);
	assert_int_equal(b.block[BOARD_GPIO].size, 0);
	c.tables = BOARD_TABLES_ACPI;
	assert_int_equal(board_layout(&b, &c, NULL), 0);
	assert_true(board_has_acpi(&b));
	expect_block(&b, BOARD_EINJ, 0x01040000, 0x1000, INTID_NONE);
	expect_block(&b, BOARD_GPIO, 0x01060000, 0x1000, 44);
	c.tables = BOARD_TABLES_BOTH;
	assert_int_equal(board_layout(&b, &c, NULL), 0);
	assert_true(board_has_acpi(&b));
	expect_block(&b, BOARD_EINJ, 0x01040000, 0x1000, INTID_NONE);
	expect_block(&b, BOARD_GPIO, 0x01060000, 0x1000, 44);
	assert_string_equal(board_tables_name(BOARD_TABLES_DT), "dt");
	assert_string_equal(board_tables_name(BOARD_TABLES_ACPI), "acpi");
	assert_string_equal(board_tables_name(BOARD_TABLES_BOTH), "both");
}

/* Interrupts without a block of registers. */
static void the_button_and_the_event_device_share_no_interrupt(void **unused)
{
	static const uint32_t intids[] = { INTID_GED_ERROR, INTID_POWER_BUTTON };

	(void)unused;
	assert_int_equal(INTID_GED_ERROR, 38);
	assert_int_equal(INTID_POWER_BUTTON, 39);
	for (unsigned g = 0; g < ARRAY_SIZE(gics); g++) {
		struct board b = layout(1, gics[g]);

		for (unsigned i = 0; i < BOARD_NR_BLOCKS; i++)
			for (unsigned k = 0; k < ARRAY_SIZE(intids); k++)
				if (b.block[i].size &&
				    intids[k] - b.block[i].intid < b.block[i].nintids)
					fail_msg("%s has interrupt %u", b.block[i].name, intids[k]);
	}
}

/* The runtime services' map of memory has parts of 64 KiB, and no other device may be in the clock's. */
static void the_clock_is_alone_in_its_64k(void **unused)
{
	struct board_config c = config(1, BOARD_GICV3);
	struct board b;

	(void)unused;
	c.tables = BOARD_TABLES_ACPI;
	assert_int_equal(board_layout(&b, &c, NULL), 0);
	for (unsigned i = 0; i < BOARD_NR_BLOCKS; i++)
		if (i != BOARD_RTC && b.block[i].size &&
		    b.block[i].base / KIB(64) == b.block[BOARD_RTC].base / KIB(64))
			fail_msg("%s is in the clock's 64 KiB", b.block[i].name);
}

static void check_no_overlap(const struct board *b)
{
	for (unsigned i = 0; i < BOARD_NR_BLOCKS; i++) {
		const struct board_block *k = &b->block[i];

		assert_non_null(k->name);
		assert_true(k->nintids == 0 || k->intid + k->nintids <= BOARD_NR_INTIDS);
		for (unsigned j = 0; j < i; j++) {
			const struct board_block *o = &b->block[j];

			if (k->size && o->size && o->base + o->size > k->base)
				fail_msg("%s and %s overlap or are out of order", o->name, k->name);
			if (k->nintids && o->nintids && o->intid + o->nintids > k->intid &&
			    k->intid + k->nintids > o->intid)
				fail_msg("%s and %s share an interrupt", o->name, k->name);
		}
	}
}

static void nothing_overlaps_with_any_gic_and_number_of_cpus(void **unused)
{
	(void)unused;
	for (unsigned g = 0; g < ARRAY_SIZE(gics); g++) {
		for (unsigned n = 1; n <= board_gic_max_cpus(gics[g]); n++) {
			struct board_config c = config(n, gics[g]);
			struct board b = layout(n, gics[g]);

			check_no_overlap(&b);
			c.pci = true;
			c.nvirtio_mmio = BOARD_MAX_VIRTIO_MMIO;
			assert_int_equal(board_layout(&b, &c, NULL), 0);
			check_no_overlap(&b);
		}
	}
}

static void gic_blocks_are_aligned_to_64k(void **unused)
{
	(void)unused;
	for (unsigned g = 0; g < ARRAY_SIZE(gics); g++) {
		struct board b = layout(3, gics[g]);

		for (unsigned id = BOARD_GIC_V2M; id <= BOARD_GIC_DIST; id++)
			assert_int_equal(b.block[id].base % KIB(64), 0);
	}
}

static void mpidr_is_kvm_s_default(void **unused)
{
	static const struct {
		unsigned index;
		uint64_t mpidr;
	} cases[] = { { 0, 0 },        { 15, 0xf },      { 16, 0x100 },
		      { 17, 0x101 },   { 255, 0xf0f },   { 256, 0x1000 },
		      { 511, 0x1f0f }, { 4095, 0xff0f }, { 4096, 0x10000 } };

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(board_default_mpidr(cases[i].index), cases[i].mpidr);
}

static void limits_are_named_with_their_option(void **unused)
{
	static const struct {
		unsigned ncpus;
		enum board_gic gic;
		uint64_t ram;
		unsigned ipa_bits;
		const char *option, *limit; /* NULL: accepted */
	} cases[] = {
		{ 0, BOARD_GICV3, MIB(1), 40, "-c 0", "512" },
		{ 513, BOARD_GICV3, MIB(1), 40, "-c 513", "512" },
		{ UINT32_MAX, BOARD_GICV3_ITS, MIB(1), 40, "-c 4294967295", "512" },
		{ 9, BOARD_GICV2, MIB(1), 40, "-c 9", "1 to 8" },
		{ 9, BOARD_GICV2M, MIB(1), 40, "-c 9", "gicv3" },
		{ 600, BOARD_GICV2, MIB(1), 40, "-c 600", "1 to 8" },
		{ 512, BOARD_GICV3_ITS, MIB(1), 40, NULL, NULL },
		{ 1, BOARD_GICV3, 0, 40, "-m", "0" },
		{ 1, BOARD_GICV3, 4097, 40, "-m", "4 KiB" },
		{ 1, BOARD_GICV3, GIB(2), 32, NULL, NULL },
		{ 1, BOARD_GICV3, GIB(2) + 4096, 32, "-m", "2048M" },
		{ 1, BOARD_GICV3, GIB(1022), 40, NULL, NULL },
		{ 1, BOARD_GICV3, GIB(1023), 40, "-m", "40 bits" },
		{ 1, BOARD_GICV3, 4096, 31, "-m", "31 bits" },
		{ 1, BOARD_GICV3, 4096, 0, "-m", "0 bits" },
		{ 1, BOARD_GICV3, UINT64_MAX - 4095, 40, "-m", "40 bits" },
		{ 1, BOARD_GICV3, UINT64_MAX - 4095, 64, "-m", "64 bits" },
	};

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct board_config c = config(cases[i].ncpus, cases[i].gic);
		struct err err = { "" };
		struct board b;
		int ret;

		c.ram_bytes = cases[i].ram;
		c.ipa_bits = cases[i].ipa_bits;
		ret = board_layout(&b, &c, &err);
		if (ret != (cases[i].option ? -EINVAL : 0))
			fail_msg("case %zu: found %d (%s)", i, ret, err.text);
		if (ret &&
		    (!strstr(err.text, cases[i].option) || !strstr(err.text, cases[i].limit)))
			fail_msg("case %zu: expected \"%s\" and \"%s\", found \"%s\"", i,
				 cases[i].option, cases[i].limit, err.text);
	}
}

static void the_print_has_a_line_a_block(void **unused)
{
	struct board b = layout(2, BOARD_GICV2M);
	unsigned lines = 0, blocks = 0;
	char *text = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);

	(void)unused;
	board_print(&b, out);
	fclose(out);
	for (char *c = text; *c; c++)
		lines += *c == '\n';
	for (unsigned i = 0; i < BOARD_NR_BLOCKS; i++) {
		blocks += b.block[i].size != 0;
		assert_int_equal(!!strstr(text, b.block[i].name), b.block[i].size != 0);
	}
	assert_int_equal(lines, blocks);
	assert_non_null(strstr(text, "0x0001000000-0x0001000007"));
	assert_non_null(strstr(text, "INTID 32\n"));
	assert_non_null(strstr(text, "INTID 224-255\n"));
	assert_non_null(
		strstr(text, "test-timer   0x0001030000-0x0001033fff     16 KiB  INTID 37\n"));
	assert_non_null(strstr(text, "256 MiB"));
	assert_non_null(strstr(text, "(reserved)"));
	free(text);
}

static void the_print_has_the_devices_that_are_there(void **unused)
{
	struct board_config c = config(1, BOARD_GICV3);
	struct board b;
	char *text = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);

	(void)unused;
	c.pci = true;
	c.nvirtio_mmio = 1;
	assert_int_equal(board_layout(&b, &c, NULL), 0);
	board_print(&b, out);
	fclose(out);
	assert_non_null(
		strstr(text, "virtio-mmio  0x0003000000-0x00030fffff      1 MiB  INTID 48\n"));
	assert_non_null(
		strstr(text, "pci-ecam     0x0040000000-0x004fffffff    256 MiB  INTID 40-43\n"));
	assert_non_null(strstr(text, "pci-mmio     0x0050000000-0x007fffffff    768 MiB\n"));
	assert_non_null(strstr(text, "pci-mmio64   0xe000000000-0xffffffffff    128 GiB\n"));
	free(text);
}

static void every_exit_status_has_one_row(void **unused)
{
	(void)unused;
	assert_int_equal(status_table_rows, STATUS_SCRIPT + 2);
	for (unsigned i = 0; i < status_table_rows; i++) {
		assert_int_equal(status_table[i].status,
				 i <= STATUS_SCRIPT ? i : STATUS_GUEST_EXIT);
		assert_true(strlen(status_table[i].name) > 0);
		assert_true(strlen(status_table[i].text) > 0);
		assert_null(strchr(status_table[i].text, '\n'));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_fixed_blocks_are_where_they_always_were),
		cmocka_unit_test(pci_and_virtio_have_their_blocks_and_interrupts),
		cmocka_unit_test(the_64_bit_window_is_the_top_eighth_above_ram),
		cmocka_unit_test(too_many_virtio_devices_are_refused),
		cmocka_unit_test(gicv3_grows_downwards),
		cmocka_unit_test(gicv2_has_a_cpu_interface_and_perhaps_a_frame),
		cmocka_unit_test(what_is_not_configured_is_absent),
		cmocka_unit_test(injection_and_gpio_come_with_acpi),
		cmocka_unit_test(the_button_and_the_event_device_share_no_interrupt),
		cmocka_unit_test(the_clock_is_alone_in_its_64k),
		cmocka_unit_test(nothing_overlaps_with_any_gic_and_number_of_cpus),
		cmocka_unit_test(gic_blocks_are_aligned_to_64k),
		cmocka_unit_test(mpidr_is_kvm_s_default),
		cmocka_unit_test(limits_are_named_with_their_option),
		cmocka_unit_test(the_print_has_a_line_a_block),
		cmocka_unit_test(the_print_has_the_devices_that_are_there),
		cmocka_unit_test(every_exit_status_has_one_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
