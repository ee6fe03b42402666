/* Bytes of tables: order, room, the ACPI header and its checksum, the address structure, GUIDs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/bytes.h"
#include "lib/types.h"

static uint8_t room[64];

static struct bytes fresh(size_t size)
{
	memset(room, 0xee, sizeof(room));
	return bytes_in(room, size);
}

static void expect_bytes(const struct bytes *b, const uint8_t *want, size_t n)
{
	if (b->used != n)
		fail_msg("expected %zu bytes, found %zu", n, b->used);
	for (size_t i = 0; i < n; i++) {
		if (b->data[i] != want[i])
			fail_msg("byte %zu: expected 0x%02x, found 0x%02x", i, want[i], b->data[i]);
	}
}

static void numbers_are_written_and_read_little_endian(void **unused)
{
	static const uint8_t want[] = { 0x01, 0x03, 0x02, 0x07, 0x06, 0x05, 0x04, 0x0f,
					0x0e, 0x0d, 0x0c, 0x0b, 0x0a, 0x09, 0x08 };
	struct bytes b = fresh(sizeof(room));

	(void)unused;
	bytes_u8(&b, 0x01);
	bytes_u16(&b, 0x0203);
	bytes_u32(&b, 0x04050607);
	bytes_u64(&b, UINT64_C(0x08090a0b0c0d0e0f));
	expect_bytes(&b, want, sizeof(want));
	assert_int_equal(le16_at(room + 1), 0x0203);
	assert_int_equal(le32_at(room + 3), 0x04050607);
	assert_int_equal(le64_at(room + 7), UINT64_C(0x08090a0b0c0d0e0f));
}

static void the_highest_bit_survives(void **unused)
{
	struct bytes b = fresh(sizeof(room));

	(void)unused;
	bytes_u64(&b, UINT64_C(0xfedcba9876543210));
	assert_int_equal(le64_at(room), UINT64_C(0xfedcba9876543210));
	assert_int_equal(le32_at(room + 4), UINT32_C(0xfedcba98));
	assert_int_equal(le16_at(room + 6), 0xfedc);
}

static void what_does_not_fit_ends_the_writing(void **unused)
{
	struct bytes b = fresh(6);

	(void)unused;
	bytes_u32(&b, 0);
	assert_false(b.full);
	bytes_u32(&b, 0x11111111);
	assert_true(b.full);
	bytes_u8(&b, 0x22); /* would fit */
	assert_int_equal(b.used, 4);
	assert_int_equal(room[4], 0xee);
	assert_int_equal(room[6], 0xee);
}

static void the_last_byte_of_room_is_used(void **unused)
{
	struct bytes b = fresh(4);

	(void)unused;
	bytes_u32(&b, 0x01020304);
	assert_false(b.full);
	bytes_zero(&b, 0);
	assert_false(b.full);
	bytes_zero(&b, 1);
	assert_true(b.full);
}

static void an_enormous_length_does_not_wrap(void **unused)
{
	struct bytes b = fresh(16);

	(void)unused;
	bytes_u32(&b, 0);
	bytes_zero(&b, SIZE_MAX);
	assert_true(b.full);
	assert_int_equal(b.used, 4);
}

static void text_is_cut_or_filled_up(void **unused)
{
	struct bytes b = fresh(sizeof(room));

	(void)unused;
	bytes_text(&b, "AB", 4, ' ');
	bytes_text(&b, "ABCDEF", 4, ' ');
	bytes_text(&b, "", 2, '\0');
	expect_bytes(&b, (const uint8_t *)"AB  ABCD\0\0", 10);
}

static void copies_and_zeroes(void **unused)
{
	static const uint8_t data[] = { 9, 8, 7 };
	struct bytes b = fresh(sizeof(room));

	(void)unused;
	bytes_copy(&b, data, sizeof(data));
	bytes_zero(&b, 2);
	expect_bytes(&b, (const uint8_t[]){ 9, 8, 7, 0, 0 }, 5);
}

static void only_what_was_written_can_be_overwritten(void **unused)
{
	struct bytes b = fresh(sizeof(room));

	(void)unused;
	bytes_zero(&b, 15);
	bytes_set_u8(&b, 0, 0x01);
	bytes_set_u16(&b, 1, 0x0203);
	bytes_set_u32(&b, 3, 0x04050607);
	bytes_set_u64(&b, 7, UINT64_C(0x08090a0b0c0d0e0f));
	assert_int_equal(room[0], 0x01);
	assert_int_equal(le16_at(room + 1), 0x0203);
	assert_int_equal(le32_at(room + 3), 0x04050607);
	assert_int_equal(le64_at(room + 7), UINT64_C(0x08090a0b0c0d0e0f));
	bytes_set_u64(&b, 8, 0); /* reaches one byte too far */
	bytes_set_u8(&b, 15, 0);
	bytes_set_u8(&b, SIZE_MAX, 0);
	assert_int_equal(le64_at(room + 7), UINT64_C(0x08090a0b0c0d0e0f));
	assert_int_equal(room[15], 0xee);
}

static void a_table_sums_to_zero_and_knows_its_length(void **unused)
{
	struct bytes b = fresh(sizeof(room));
	size_t begin;
	uint8_t sum = 0;

	(void)unused;
	bytes_u32(&b, 0xffffffff); /* something before it, which does not count */
	begin = acpi_begin(&b, "TEST", 3);
	assert_int_equal(begin, 4);
	assert_int_equal(b.used, 4 + 36);
	bytes_u64(&b, UINT64_C(0x123456789abcdef0));
	acpi_end(&b, begin);
	assert_memory_equal(room + 4, "TEST", 4);
	assert_int_equal(le32_at(room + 8), 44);
	assert_int_equal(room[12], 3);
	for (size_t i = begin; i < b.used; i++)
		sum = (uint8_t)(sum + room[i]);
	assert_int_equal(sum, 0);
}

static void a_table_that_does_not_fit_is_left_alone(void **unused)
{
	struct bytes b = fresh(40);
	size_t begin = acpi_begin(&b, "TEST", 1);

	(void)unused;
	bytes_u64(&b, 0);
	acpi_end(&b, begin);
	assert_true(b.full);
	assert_int_equal(le32_at(room + 4), 0);
}

static void the_checksum_completes_the_sum(void **unused)
{
	(void)unused;
	assert_int_equal(acpi_checksum("", 0), 0);
	assert_int_equal(acpi_checksum("\x01\x02\x03", 3), 0xfa);
	assert_int_equal(acpi_checksum("\x80\x80", 2), 0);
}

static void an_address_structure_says_its_access_size(void **unused)
{
	static const struct {
		uint8_t width, access;
	} rows[] = { { 8, 1 }, { 16, 2 }, { 32, 3 }, { 64, 4 } };

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct bytes b = fresh(sizeof(room));

		acpi_gas(&b, rows[i].width, UINT64_C(0x1122334455667788));
		assert_int_equal(b.used, 12);
		assert_int_equal(room[0], 0); /* system memory */
		assert_int_equal(room[1], rows[i].width);
		assert_int_equal(room[2], 0);
		assert_int_equal(room[3], rows[i].access);
		assert_int_equal(le64_at(room + 4), UINT64_C(0x1122334455667788));
	}
}

static void a_guid_is_mixed_endian(void **unused)
{
	static const uint8_t want[] = { 0x14, 0x11, 0xbc, 0xa5, 0x64, 0x6f, 0xde, 0x4e,
					0xb8, 0x63, 0x3e, 0x83, 0xed, 0x7c, 0x83, 0xb1 };
	struct bytes b = fresh(sizeof(room));

	(void)unused;
	bytes_guid(&b, "a5bc1114-6f64-4ede-b863-3e83ed7c83b1");
	expect_bytes(&b, want, sizeof(want));
	b = fresh(sizeof(room));
	bytes_guid(&b, "A5BC1114-6F64-4EDE-B863-3E83ED7C83B1");
	expect_bytes(&b, want, sizeof(want));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_written_and_read_little_endian),
		cmocka_unit_test(the_highest_bit_survives),
		cmocka_unit_test(what_does_not_fit_ends_the_writing),
		cmocka_unit_test(the_last_byte_of_room_is_used),
		cmocka_unit_test(an_enormous_length_does_not_wrap),
		cmocka_unit_test(text_is_cut_or_filled_up),
		cmocka_unit_test(copies_and_zeroes),
		cmocka_unit_test(only_what_was_written_can_be_overwritten),
		cmocka_unit_test(a_table_sums_to_zero_and_knows_its_length),
		cmocka_unit_test(a_table_that_does_not_fit_is_left_alone),
		cmocka_unit_test(the_checksum_completes_the_sum),
		cmocka_unit_test(an_address_structure_says_its_access_size),
		cmocka_unit_test(a_guid_is_mixed_endian),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
