/* HEST, BERT, EINJ, the SDEI table and the trigger table, field by field at the offsets of ACPI 6.5
 * 18.3.2.8, table 18.14, 18.3.1 and 18.6. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ras/einj.h"
#include "ras/hest.h"

#define REGION UINT64_C(0x9abcd0000)
#define EINJ   UINT64_C(0x01040000)
#define GSI    38

#define HEST_ENTRIES_AT 40
#define GHES_BYTES      92
#define EINJ_ENTRIES_AT 48
#define EINJ_ENTRY      32

static uint8_t room[4096];

static struct bytes fresh(void)
{
	memset(room, 0xee, sizeof(room));
	return bytes_in(room, sizeof(room));
}

static struct hest_params params(bool sdei, uint32_t gsi)
{
	return (struct hest_params){
		.region = gpa(REGION), .sdei = sdei, .ged_gsi = gsi, .einj = gpa(EINJ)
	};
}

static uint64_t value_at(size_t at, size_t n)
{
	uint64_t v = 0;

	for (size_t i = n; i-- > 0;)
		v = v << 8 | room[at + i];
	return v;
}

static void expect(const char *field, size_t at, size_t n, uint64_t want)
{
	uint64_t found = value_at(at, n);

	if (found != want)
		fail_msg("%s at %zu: expected 0x%llx, found 0x%llx", field, at,
			 (unsigned long long)want, (unsigned long long)found);
}

static void expect_gas(const char *field, size_t at, uint64_t address)
{
	expect(field, at, 1, 0); /* system memory */
	expect(field, at + 1, 1, 64);
	expect(field, at + 2, 1, 0);
	expect(field, at + 3, 1, 4);
	expect(field, at + 4, 8, address);
}

static void expect_header(const struct bytes *b, const char *signature, size_t length)
{
	uint8_t sum = 0;

	assert_false(b->full);
	assert_memory_equal(room, signature, 4);
	expect("length", 4, 4, length);
	assert_int_equal(b->used, length);
	expect("revision", 8, 1, 1);
	for (size_t i = 0; i < length; i++)
		sum = (uint8_t)(sum + room[i]);
	assert_int_equal(sum, 0);
}

static void build_hest(bool sdei, uint32_t gsi, unsigned sources)
{
	struct hest_params p = params(sdei, gsi);
	struct bytes b = fresh();

	hest_write(&b, &p);
	expect_header(&b, "HEST", HEST_ENTRIES_AT + sources * GHES_BYTES);
	expect("error source count", 36, 4, sources);
}

/* The n-th source of the table. */
static void expect_source(unsigned n, enum ghes_id id, unsigned notify, uint32_t poll_ms,
			  uint32_t vector)
{
	size_t at = HEST_ENTRIES_AT + n * GHES_BYTES;

	expect("type", at + 0, 2, 10);
	expect("source id", at + 2, 2, id);
	expect("related source id", at + 4, 2, 0xffff);
	expect("flags", at + 6, 1, 0);
	expect("enabled", at + 7, 1, 1);
	expect("records to preallocate", at + 8, 4, 1);
	expect("max sections per record", at + 12, 4, 16);
	expect("max raw data length", at + 16, 4, 0x1000);
	expect_gas("error status address", at + 20, REGION + RAS_CELL(id));
	expect("notification type", at + 32, 1, notify);
	expect("notification length", at + 33, 1, 28);
	expect("configuration write enable", at + 34, 2, 0);
	expect("poll interval", at + 36, 4, poll_ms);
	expect("vector", at + 40, 4, vector);
	expect("thresholds", at + 44, 8, 0);
	expect("thresholds", at + 52, 8, 0);
	expect("error status block length", at + 60, 4, 0x1000);
	expect_gas("read ack register", at + 64, REGION + RAS_ACK(id));
	expect("read ack preserve", at + 76, 8, UINT64_C(0xfffffffffffffffe));
	expect("read ack write", at + 84, 8, 1);
}

static void hest_has_five_sources(void **unused)
{
	(void)unused;
	build_hest(true, GSI, 5);
	expect_source(0, GHES_SEA, 8, 0, 0);
	expect_source(1, GHES_SDEI_NORMAL, 11, 0, RAS_EVENT_NORMAL);
	expect_source(2, GHES_SDEI_CRITICAL, 11, 0, RAS_EVENT_CRITICAL);
	expect_source(3, GHES_GED, 10, 0, GSI);
	expect_source(4, GHES_POLLED, 0, 1000, 0);
}

static void without_sdei_its_sources_are_missing(void **unused)
{
	(void)unused;
	build_hest(false, GSI, 3);
	expect_source(0, GHES_SEA, 8, 0, 0);
	expect_source(1, GHES_GED, 10, 0, GSI);
	expect_source(2, GHES_POLLED, 0, 1000, 0);
}

static void without_an_interrupt_the_ged_source_is_missing(void **unused)
{
	(void)unused;
	build_hest(true, 0, 4);
	expect_source(2, GHES_SDEI_CRITICAL, 11, 0, RAS_EVENT_CRITICAL);
	expect_source(3, GHES_POLLED, 0, 1000, 0);
}

static void bert_points_to_the_region(void **unused)
{
	struct hest_params p = params(true, GSI);
	struct bytes b = fresh();

	(void)unused;
	bert_write(&b, &p);
	expect_header(&b, "BERT", 48);
	expect("boot error region length", 36, 4, CPER_BLOCK_BYTES);
	expect("boot error region", 40, 8, REGION + RAS_BERT);
}

static void the_sdei_table_is_a_header(void **unused)
{
	struct bytes b = fresh();

	(void)unused;
	sdei_table_write(&b);
	expect_header(&b, "SDEI", 36);
}

/* Instruction entries. */
enum { READ = 0, WRITE = 2, WRITE_VALUE = 3, NOOP = 4 };

static void expect_entry(unsigned action, unsigned instruction, uint64_t address, uint64_t value,
			 uint64_t mask)
{
	size_t at = EINJ_ENTRIES_AT + action * EINJ_ENTRY; /* they are in order */

	expect("action", at + 0, 1, action);
	expect("instruction", at + 1, 1, instruction);
	expect("flags", at + 2, 1, 0);
	expect("reserved", at + 3, 1, 0);
	if (instruction == NOOP)
		expect("address of nothing", at + 8, 8, 0);
	else
		expect_gas("register region", at + 4, address);
	expect("value", at + 16, 8, value);
	expect("mask", at + 24, 8, mask);
}

static void einj_has_all_actions(void **unused)
{
	struct hest_params p = params(true, GSI);
	struct bytes b = fresh();

	(void)unused;
	einj_write(&b, &p);
	expect_header(&b, "EINJ", EINJ_ENTRIES_AT + 9 * EINJ_ENTRY);
	expect("header size", 36, 4, 48);
	expect("flags", 40, 4, 0);
	expect("entries", 44, 4, 9);
	expect_entry(0, NOOP, 0, 0, 0);
	expect_entry(1, READ, REGION + RAS_EINJ_TRIGGER + 16, 0, UINT64_MAX);
	expect_entry(2, WRITE, EINJ + EINJ_REG_TYPE, 0, 0xffffffff);
	expect_entry(3, READ, EINJ + EINJ_REG_CAPS, 0, 0xffffffff);
	expect_entry(4, NOOP, 0, 0, 0);
	expect_entry(5, WRITE_VALUE, EINJ + EINJ_REG_EXECUTE, 1, 0xffffffff);
	expect_entry(6, READ, EINJ + EINJ_REG_BUSY, 0, 1);
	expect_entry(7, READ, EINJ + EINJ_REG_STATUS, 0, 0xffffffff);
	expect_entry(8, WRITE, REGION + RAS_EINJ_PARAMS, 0, 0xffffffff);
}

static void the_trigger_table_is_empty_and_its_address_follows(void **unused)
{
	struct bytes b = fresh();

	(void)unused;
	einj_trigger_write(&b, gpa(REGION));
	assert_int_equal(b.used, EINJ_TRIGGER_BYTES);
	expect("header size", 0, 4, 16);
	expect("revision", 4, 4, 1);
	expect("table size", 8, 4, 16);
	expect("entry count", 12, 4, 0);
	expect("address", 16, 8, REGION + RAS_EINJ_TRIGGER);
}

static void a_table_that_does_not_fit_is_noticed(void **unused)
{
	struct hest_params p = params(true, GSI);

	(void)unused;
	for (size_t size = 0; size < HEST_ENTRIES_AT + 5 * GHES_BYTES; size += 7) {
		struct bytes b = fresh();

		b.size = size;
		hest_write(&b, &p);
		assert_true(b.full);
		assert_int_equal(room[size], 0xee);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hest_has_five_sources),
		cmocka_unit_test(without_sdei_its_sources_are_missing),
		cmocka_unit_test(without_an_interrupt_the_ged_source_is_missing),
		cmocka_unit_test(bert_points_to_the_region),
		cmocka_unit_test(the_sdei_table_is_a_header),
		cmocka_unit_test(einj_has_all_actions),
		cmocka_unit_test(the_trigger_table_is_empty_and_its_address_follows),
		cmocka_unit_test(a_table_that_does_not_fit_is_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
