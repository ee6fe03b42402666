/* The AML encoder against bytes worked out by hand from the grammar (ACPI 6.5 20.2), and what it says of
 * tables it cannot write. Whole tables are judged by iasl in test_acpi. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "arm64/aml.h"
#include "lib/types.h"

static uint8_t room[8192];
static struct bytes out;
static struct aml aml;

static int begin(void **unused)
{
	(void)unused;
	memset(room, 0xee, sizeof(room));
	out = bytes_in(room, sizeof(room));
	aml = aml_in(&out);
	return 0;
}

/* clang-format off */
#define EXPECT(...) expect((const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))
/* clang-format on */

static void expect(const uint8_t *want, size_t n)
{
	assert_false(aml.broken);
	for (size_t i = 0; i < n && i < out.used; i++) {
		if (room[i] != want[i])
			fail_msg("byte %zu: expected 0x%02x, found 0x%02x", i, want[i], room[i]);
	}
	if (out.used != n)
		fail_msg("expected %zu bytes, found %zu", n, out.used);
}

static void integers_take_the_shortest_form(void **unused)
{
	(void)unused;
	aml_name_integer(&aml, "A", 0);
	aml_name_integer(&aml, "A", 1);
	aml_name_integer(&aml, "A", 2);
	aml_name_integer(&aml, "A", 0x100);
	aml_name_integer(&aml, "A", 0x10000);
	aml_name_integer(&aml, "A", UINT64_C(0x100000000));
	EXPECT(0x08, 'A', '_', '_', '_', 0x00,                          /* Zero */
	       0x08, 'A', '_', '_', '_', 0x01,                          /* One */
	       0x08, 'A', '_', '_', '_', 0x0a, 2,                       /* byte */
	       0x08, 'A', '_', '_', '_', 0x0b, 0, 1,                    /* word */
	       0x08, 'A', '_', '_', '_', 0x0c, 0, 0, 1, 0,              /* double word */
	       0x08, 'A', '_', '_', '_', 0x0e, 0, 0, 0, 0, 1, 0, 0, 0); /* quad word */
}

static void strings_end_with_zero(void **unused)
{
	(void)unused;
	aml_name_string(&aml, "_HID", "ACPI0007");
	EXPECT(0x08, '_', 'H', 'I', 'D', 0x0d, 'A', 'C', 'P', 'I', '0', '0', '0', '7', 0);
}

static void eisa_identities_are_packed(void **unused)
{
	(void)unused;
	aml_name_eisa(&aml, "_HID", "PNP0501");
	aml_name_eisa(&aml, "_HID", "PNP0C33");
	aml_name_eisa(&aml, "_HID", "ABCFEDC");
	EXPECT(0x08, '_', 'H', 'I', 'D', 0x0c, 0x41, 0xd0, 0x05, 0x01, /* */
	       0x08, '_', 'H', 'I', 'D', 0x0c, 0x41, 0xd0, 0x0c, 0x33, /* */
	       0x08, '_', 'H', 'I', 'D', 0x0c, 0x04, 0x43, 0xfe, 0xdc);
}

static void paths_have_a_prefix_by_their_number_of_segments(void **unused)
{
	(void)unused;
	aml_notify(&aml, "\\", 0);
	aml_notify(&aml, "\\_SB", 0);
	aml_notify(&aml, "\\_SB.GED", 0);
	aml_notify(&aml, "AB.CD.EF", 0);
	EXPECT(0x86, '\\', 0x00, 0x00,                                         /* */
	       0x86, '\\', '_', 'S', 'B', '_', 0x00,                           /* */
	       0x86, '\\', 0x2e, '_', 'S', 'B', '_', 'G', 'E', 'D', '_', 0x00, /* */
	       0x86, 0x2f, 3, 'A', 'B', '_', '_', 'C', 'D', '_', '_', 'E', 'F', '_', '_', 0x00);
}

static void a_package_counts_itself_and_what_is_in_it(void **unused)
{
	(void)unused;
	aml_scope(&aml, "\\_SB");
	aml_device(&aml, "DEV");
	aml_name_integer(&aml, "_UID", 3);
	aml_close(&aml);
	aml_close(&aml);
	/* 3 + 4 + 7 = 14; 3 + 5 + 2 + 14 = 24: bits 3:0 in the first byte, 2 bytes follow */
	EXPECT(0x10, 0x88, 0x01, 0x00, '\\', '_', 'S', 'B', '_', /* */
	       0x5b, 0x82, 0x8e, 0x00, 0x00, 'D', 'E', 'V', '_', /* */
	       0x08, '_', 'U', 'I', 'D', 0x0a, 3);
	assert_int_equal(aml.depth, 0);
}

static void a_long_package_has_all_bits_of_its_length(void **unused)
{
	(void)unused;
	aml_scope(&aml, "A");
	bytes_zero(&out, 0x1234 - 3 - 4);
	aml_close(&aml);
	assert_int_equal(room[1], 0x84);
	assert_int_equal(room[2], 0x23);
	assert_int_equal(room[3], 0x01);
}

static void methods_say_arguments_and_serialization(void **unused)
{
	(void)unused;
	aml_method(&aml, "_EVT", 1, true);
	aml_if_arg_equals(&aml, 0, 38);
	aml_notify(&aml, "ERRD", 0x80);
	aml_close(&aml);
	aml_return_arg(&aml, 0);
	aml_close(&aml);
	aml_method(&aml, "_OSC", 4, false);
	aml_close(&aml);
	EXPECT(0x14, 0x89, 0x01, 0x00, '_', 'E', 'V', 'T', 0x09, /* method, 25 bytes */
	       0xa0, 0x8e, 0x00, 0x00, 0x93, 0x68, 0x0a, 38, /* if, 14 bytes: LEqual (Arg0, 38) */
	       0x86, 'E', 'R', 'R', 'D', 0x0a, 0x80,         /* */
	       0xa4, 0x68,                                   /* */
	       0x14, 0x88, 0x00, 0x00, '_', 'O', 'S', 'C', 0x04);
}

static void buffers_of_an_argument_are_looked_at_and_changed(void **unused)
{
	(void)unused;
	aml_dword_of_arg(&aml, 3, 4, "CAPS");
	aml_if_any_bit(&aml, "CAPS", 6);
	aml_or(&aml, "CAPS", 0x10);
	aml_close(&aml);
	aml_and(&aml, "CAPS", 1);
	EXPECT(0x8a, 0x6b, 0x0a, 4, 'C', 'A', 'P', 'S',                         /* */
	       0xa0, 0x86, 0x01, 0x00, 0x7b, 'C', 'A', 'P', 'S', 0x0a, 6, 0x00, /* */
	       0x7d, 'C', 'A', 'P', 'S', 0x0a, 0x10, 'C', 'A', 'P', 'S',        /* */
	       0x7b, 'C', 'A', 'P', 'S', 0x01, 'C', 'A', 'P', 'S');
}

static void guids_are_compared_as_buffers(void **unused)
{
	(void)unused;
	aml_if_arg_is_guid(&aml, 0, "0811b06e-4a27-44f9-8d60-3cbbc22e7b48");
	aml_close(&aml);
	EXPECT(0xa0, 0x8b, 0x01, 0x00, 0x93, 0x68, 0x11, 0x85, 0x01, 0x00, 0x0a, 16, 0x6e, 0xb0,
	       0x11, 0x08, 0x27, 0x4a, 0xf9, 0x44, 0x8d, 0x60, 0x3c, 0xbb, 0xc2, 0x2e, 0x7b, 0x48);
}

static void resources_are_a_buffer_with_an_end_tag(void **unused)
{
	(void)unused;
	aml_crs_begin(&aml);
	aml_memory32_fixed(&aml, 0x01002000, 8, true);
	aml_interrupt(&aml, 34, false);
	aml_interrupt(&aml, 38, true);
	aml_crs_end(&aml);
	/* 12 + 9 + 9 + 2 = 32 bytes of descriptors, 6 more in the package */
	EXPECT(0x08, '_', 'C', 'R', 'S', 0x11, 0x86, 0x02, 0x00, 0x0b, 32, 0,    /* */
	       0x86, 9, 0, 0x01, 0x00, 0x20, 0x00, 0x01, 0x08, 0x00, 0x00, 0x00, /* */
	       0x89, 6, 0, 0x01, 1, 34, 0, 0, 0, /* consumer, level */
	       0x89, 6, 0, 0x03, 1, 38, 0, 0, 0, /* consumer, edge */
	       0x79, 0x00);
}

static void a_pin_that_wakes_is_an_edge_of_its_controller(void **unused)
{
	(void)unused;
	aml_gpio_wake(&aml, "\\_SB.GPI0", 0x0103);
	/* 23 bytes of head, 2 of the pin, 10 of the name */
	EXPECT(0x8c, 32, 0, 1, 0,      /* revision, interrupt */
	       0x01, 0, 0x11, 0, 3,    /* consumer; edge, high, exclusive, wake; no pull */
	       0, 0, 0, 0,             /* drive strength, debounce */
	       23, 0, 0, 25, 0, 35, 0, /* where pin, name and vendor data are */
	       0, 0, 0x03, 0x01, '\\', '_', 'S', 'B', '.', 'G', 'P', 'I', '0', 0);
	begin(NULL);
	aml_aei_begin(&aml);
	aml_crs_end(&aml);
	EXPECT(0x08, '_', 'A', 'E', 'I', 0x11, 0x88, 0x00, 0x00, 0x0b, 2, 0, 0x79, 0x00);
}

static void packages_say_how_many_elements_they_have(void **unused)
{
	(void)unused;
	aml_name_package(&aml, "_PRT", 1);
	aml_package(&aml, 2);
	aml_integer(&aml, 0x1ffff);
	aml_integer(&aml, 40);
	aml_close(&aml);
	aml_close(&aml);
	/* 3 + 1 + 5 + 2 = 11; 3 + 1 + 1 + 11 = 16 */
	EXPECT(0x08, '_', 'P', 'R', 'T', 0x12, 0x80, 0x01, 0x00, 1, /* */
	       0x12, 0x8b, 0x00, 0x00, 2, 0x0c, 0xff, 0xff, 0x01, 0x00, 0x0a, 40);
	begin(NULL);
	aml_package(&aml, 256);
	assert_true(aml.broken);
}

static void windows_have_the_width_of_their_addresses(void **unused)
{
	(void)unused;
	aml_pci_buses(&aml, 0, 256);
	EXPECT(0x88, 13, 0, 2, 0x0c, 0, 0, 0, 0, 0, 0xff, 0, 0, 0, 0, 1);
	begin(NULL);
	aml_pci_memory32(&aml, 0x50000000, 0x30000000);
	EXPECT(0x87, 23, 0, 0, 0x0c, 1, 0, 0, 0, 0, 0, 0, 0, 0x50, 0xff, 0xff, 0xff, 0x7f, 0, 0, 0,
	       0, 0, 0, 0, 0x30);
	begin(NULL);
	aml_pci_memory64(&aml, UINT64_C(0xe000000000), UINT64_C(0x2000000000));
	EXPECT(0x8a, 43, 0, 0, 0x0c, 7,                            /* read-write, prefetchable */
	       0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xe0, 0, 0, 0,  /* granularity, first */
	       0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0,              /* last */
	       0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x20, 0, 0, 0); /* translation, length */
}

static void read_only_memory_says_so(void **unused)
{
	(void)unused;
	aml_memory32_fixed(&aml, 0, 1, false);
	EXPECT(0x86, 9, 0, 0x00, 0, 0, 0, 0, 1, 0, 0, 0);
}

static void bad_names_break_the_table(void **unused)
{
	static const char *const names[] = {
		"ABCDE", "ABC.ABCDE", "A.", ".A", "1ABC", "abc", "A-B"
	};

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		begin(NULL);
		aml_name_integer(&aml, names[i], 0);
		if (!aml.broken)
			fail_msg("\"%s\": expected that it breaks the table, it did not", names[i]);
	}
	begin(NULL);
	aml_name_eisa(&aml, "_HID", "ACPI0007");
	assert_true(aml.broken);
}

static void nesting_has_a_limit_both_ways(void **unused)
{
	(void)unused;
	for (unsigned i = 0; i < AML_MAX_DEPTH; i++)
		aml_scope(&aml, "A");
	assert_false(aml.broken);
	aml_scope(&aml, "A");
	assert_true(aml.broken);
	begin(NULL);
	aml_close(&aml);
	assert_true(aml.broken);
	begin(NULL);
	aml_crs_end(&aml);
	assert_true(aml.broken);
}

static void running_out_of_room_is_not_a_broken_table(void **unused)
{
	(void)unused;
	for (size_t size = 0; size < 40; size++) {
		memset(room, 0xee, sizeof(room));
		out = bytes_in(room, size);
		aml = aml_in(&out);
		aml_device(&aml, "DEV");
		aml_crs_begin(&aml);
		aml_memory32_fixed(&aml, 0, 1, true);
		aml_interrupt(&aml, 1, true);
		aml_crs_end(&aml);
		aml_close(&aml);
		assert_true(out.full);
		assert_false(aml.broken);
		assert_int_equal(room[size], 0xee);
	}
}

#define TEST(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(integers_take_the_shortest_form),
		TEST(strings_end_with_zero),
		TEST(eisa_identities_are_packed),
		TEST(paths_have_a_prefix_by_their_number_of_segments),
		TEST(a_package_counts_itself_and_what_is_in_it),
		TEST(a_long_package_has_all_bits_of_its_length),
		TEST(methods_say_arguments_and_serialization),
		TEST(buffers_of_an_argument_are_looked_at_and_changed),
		TEST(guids_are_compared_as_buffers),
		TEST(resources_are_a_buffer_with_an_end_tag),
		TEST(a_pin_that_wakes_is_an_edge_of_its_controller),
		TEST(packages_say_how_many_elements_they_have),
		TEST(windows_have_the_width_of_their_addresses),
		TEST(read_only_memory_says_so),
		TEST(bad_names_break_the_table),
		TEST(nesting_has_a_limit_both_ways),
		TEST(running_out_of_room_is_not_a_broken_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
