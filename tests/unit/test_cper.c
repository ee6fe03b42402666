/*
 * Records as a guest sees them. The decoder here knows the layout from ACPI 6.5 18.3.2.7.1 and UEFI 2.10
 * N.2.4.4 and N.2.5 only, and shares nothing with ras/cper.c.
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

#include "lib/types.h"
#include "ras/cper.h"

#define PATTERN 0xa5 /* what a block holds before a record is written into it */

/* ---- the decoder ---- */

static uint64_t get(const uint8_t *data, size_t at, unsigned bytes)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < bytes; i++)
		value += (uint64_t)data[at + i] * (UINT64_C(1) << (8 * i));
	return value;
}

/* A field by its place in the layout, and what it must hold. */
struct field {
	const char *name;
	size_t at;
	unsigned bytes;
	uint64_t value;
};

static void check_field(const uint8_t *data, const char *what, const struct field *field)
{
	uint64_t found = get(data, field->at, field->bytes);

	if (found != field->value)
		fail_msg("%s, %s at %zu: expected 0x%llx, found 0x%llx", what, field->name,
			 field->at, (unsigned long long)field->value, (unsigned long long)found);
}

/* The fields follow one another without a gap up to `size`, so that no byte is left unlooked at. */
static void check_fields(const uint8_t *data, const char *what, const struct field *fields,
			 unsigned n, size_t size)
{
	size_t at = 0;

	for (unsigned i = 0; i < n; i++) {
		if (fields[i].at != at)
			fail_msg("%s: the test has no field at %zu", what, at);
		check_field(data, what, &fields[i]);
		at += fields[i].bytes;
	}
	if (at != size)
		fail_msg("%s: the test looks at %zu of %zu bytes", what, at, size);
}

enum { STATUS = 20, ENTRY = 72, MEMORY = 80, ARM = 72 };

/* GUIDs in memory: three little-endian numbers, then bytes. */
static const uint8_t memory_guid[16] = { 0x14, 0x11, 0xbc, 0xa5, 0x64, 0x6f, 0xde, 0x4e,
					 0xb8, 0x63, 0x3e, 0x83, 0xed, 0x7c, 0x83, 0xb1 };
static const uint8_t arm_guid[16] = { 0x16, 0x3d, 0x9e, 0xe1, 0x11, 0xbc, 0xe4, 0x11,
				      0x9c, 0xaa, 0xc2, 0x05, 0x1d, 0x5d, 0x46, 0xb0 };

static void check_guid(const uint8_t *entry, const uint8_t guid[16], const char *what)
{
	if (memcmp(entry, guid, 16) != 0)
		fail_msg("%s: the GUID is another", what);
}

/* ---- writing ---- */

static const struct cper_time noon = { 2026, 11, 21, 12, 34, 56 };
static const struct cper_memory page = { .address = 0x123456789000, .type = 3 };
static const struct cper_arm core = { .mpidr = 0x81000102,
				      .midr = 0x410fd0c1,
				      .type = 2,
				      .has_address = true,
				      .address = 0x87654321f000 };

struct block {
	uint8_t data[CPER_BLOCK_BYTES];
	size_t used;
};

static struct cper_writer begin(struct block *block, enum cper_severity severity,
				const struct cper_time *time)
{
	struct cper_writer w;

	memset(block->data, PATTERN, sizeof(block->data));
	cper_begin(&w, block->data, sizeof(block->data), severity, time);
	return w;
}

static void end(struct cper_writer *w, struct block *block)
{
	int rc = cper_end(w);

	if (rc <= 0)
		fail_msg("expected a record, found %d", rc);
	block->used = (size_t)rc;
	for (size_t i = block->used; i < sizeof(block->data); i++)
		if (block->data[i] != PATTERN)
			fail_msg("byte %zu was written, the record ends at %zu", i, block->used);
}

/* A record of one section. */
static struct block one_page(enum cper_severity severity, bool threshold)
{
	struct cper_memory memory = page;
	struct block block;
	struct cper_writer w = begin(&block, severity, &noon);

	memory.threshold = threshold;
	cper_add_memory(&w, &memory);
	end(&w, &block);
	return block;
}

static struct block one_core(const struct cper_arm *arm)
{
	struct block block;
	struct cper_writer w = begin(&block, CPER_RECOVERABLE, NULL);

	cper_add_arm(&w, arm);
	end(&w, &block);
	return block;
}

static void check_status(const struct block *block, uint64_t status, uint64_t severity)
{
	const struct field fields[] = {
		{ "block status", 0, 4, status }, { "raw data offset", 4, 4, 0 },
		{ "raw data length", 8, 4, 0 },   { "data length", 12, 4, block->used - STATUS },
		{ "severity", 16, 4, severity },
	};

	check_fields(block->data, "status block", fields, ARRAY_SIZE(fields), STATUS);
}

static void the_status_block_counts_and_grades(void **state)
{
	static const uint64_t uncorrected = 1, corrected = 2, one_entry = 1 << 4;
	struct block block;

	(void)state;
	block = one_page(CPER_RECOVERABLE, false);
	check_status(&block, uncorrected | one_entry, 0);
	block = one_page(CPER_FATAL, false);
	check_status(&block, uncorrected | one_entry, 1);
	block = one_page(CPER_CORRECTED, false);
	check_status(&block, corrected | one_entry, 2);
	block = one_page(CPER_INFO, false);
	check_status(&block, corrected | one_entry, 3);
}

static void several_sections_are_several_errors(void **state)
{
	static const struct {
		enum cper_severity severity;
		uint64_t bits;
	} cases[] = { { CPER_RECOVERABLE, 1 | 4 }, { CPER_CORRECTED, 2 | 8 } };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct block block;
		struct cper_writer w = begin(&block, cases[i].severity, NULL);

		cper_add_memory(&w, &page);
		cper_add_arm(&w, &core);
		cper_add_memory(&w, &page);
		end(&w, &block);
		check_status(&block, cases[i].bits | 3 << 4, cases[i].severity);
		assert_int_equal(block.used, STATUS + 3 * ENTRY + 2 * MEMORY + ARM);
	}
}

/* A data entry. `time` and `text` are 8 and 20 bytes that are compared as they are. */
static void check_entry(const uint8_t *entry, const uint8_t guid[16], uint64_t severity,
			uint64_t valid, uint64_t flags, uint64_t length)
{
	const struct field fields[] = {
		{ "severity", 16, 4, severity }, { "revision", 20, 2, 0x300 },
		{ "validation", 22, 1, valid },  { "flags", 23, 1, flags },
		{ "length", 24, 4, length },     { "FRU id, low", 28, 8, 0 },
		{ "FRU id, high", 36, 8, 0 },
	};

	check_guid(entry, guid, "data entry");
	for (unsigned i = 0; i < ARRAY_SIZE(fields); i++)
		check_field(entry, "data entry", &fields[i]);
}

static void a_data_entry_has_revision_3_and_a_time(void **state)
{
	static const uint8_t time[8] = { 0x56, 0x34, 0x12, 0, 0x21, 0x11, 0x26, 0x20 };
	static const uint8_t no_text[20] = { 0 };
	struct block block = one_page(CPER_FATAL, false);
	const uint8_t *entry = block.data + STATUS;

	(void)state;
	check_entry(entry, memory_guid, 1, 4, 1, MEMORY);
	assert_memory_equal(entry + 44, no_text, 20);
	assert_memory_equal(entry + 64, time, 8);
}

static void without_a_time_none_is_valid(void **state)
{
	static const struct cper_time zero = { 0 };
	static const uint8_t nothing[8] = { 0 };
	struct block block;
	struct cper_writer w = begin(&block, CPER_RECOVERABLE, &zero);

	(void)state;
	cper_add_memory(&w, &page);
	end(&w, &block);
	check_entry(block.data + STATUS, memory_guid, 0, 0, 1, MEMORY);
	assert_memory_equal(block.data + STATUS + 64, nothing, 8);
	block = one_core(&core);
	check_entry(block.data + STATUS, arm_guid, 0, 0, 1, ARM);
}

static void all_times_are_decimal_digits(void **state)
{
	static const struct cper_time times[] = {
		{ 1970, 1, 1, 0, 0, 0 },
		{ 1999, 12, 31, 23, 59, 60 },
		{ 2100, 9, 10, 9, 9, 9 },
		{ 9999, 12, 31, 23, 59, 59 },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(times); i++) {
		const struct cper_time *t = &times[i];
		struct block block;
		struct cper_writer w = begin(&block, CPER_RECOVERABLE, t);
		char found[32], expected[32];
		const uint8_t *at = block.data + STATUS + 64;

		cper_add_memory(&w, &page);
		end(&w, &block);
		snprintf(found, sizeof(found), "%02x%02x-%02x-%02x %02x:%02x:%02x", at[7], at[6],
			 at[5], at[4], at[2], at[1], at[0]);
		snprintf(expected, sizeof(expected), "%04u-%02u-%02u %02u:%02u:%02u", t->year,
			 t->month, t->day, t->hour, t->minute, t->second);
		assert_string_equal(found, expected);
	}
}

static void the_id_is_in_the_text_of_each_section(void **state)
{
	static const uint8_t longest[20] = "rasvm id 4294967295", next[20] = "rasvm id 7";
	struct block block;
	struct cper_writer w = begin(&block, CPER_RECOVERABLE, &noon);

	(void)state;
	w.id = UINT32_MAX;
	cper_add_memory(&w, &page);
	w.id = 7;
	cper_add_arm(&w, &core);
	end(&w, &block);
	check_entry(block.data + STATUS, memory_guid, 0, 6, 1, MEMORY);
	check_entry(block.data + STATUS + ENTRY + MEMORY, arm_guid, 0, 6, 0, ARM);
	assert_memory_equal(block.data + STATUS + 44, longest, 20);
	assert_memory_equal(block.data + STATUS + ENTRY + MEMORY + 44, next, 20);
}

static void the_first_section_is_primary_and_threshold_is_told(void **state)
{
	struct cper_memory often = page;
	struct block block;
	struct cper_writer w = begin(&block, CPER_CORRECTED, NULL);

	(void)state;
	often.threshold = true;
	cper_add_memory(&w, &page);
	cper_add_memory(&w, &often);
	end(&w, &block);
	check_entry(block.data + STATUS, memory_guid, 2, 0, 1, MEMORY);
	check_entry(block.data + STATUS + ENTRY + MEMORY, memory_guid, 2, 0, 8, MEMORY);
	block = one_page(CPER_CORRECTED, true);
	check_entry(block.data + STATUS, memory_guid, 2, 4, 9, MEMORY);
}

static void a_memory_section_has_address_and_type(void **state)
{
	static const struct field fields[] = {
		{ "validation", 0, 8, 0x4002 },
		{ "error status", 8, 8, 0 },
		{ "physical address", 16, 8, 0x123456789000 },
		{ "address mask", 24, 8, 0 },
		{ "node", 32, 2, 0 },
		{ "card", 34, 2, 0 },
		{ "module", 36, 2, 0 },
		{ "bank", 38, 2, 0 },
		{ "device", 40, 2, 0 },
		{ "row", 42, 2, 0 },
		{ "column", 44, 2, 0 },
		{ "bit position", 46, 2, 0 },
		{ "requestor", 48, 8, 0 },
		{ "responder", 56, 8, 0 },
		{ "target", 64, 8, 0 },
		{ "error type", 72, 1, 3 },
		{ "extended", 73, 1, 0 },
		{ "rank", 74, 2, 0 },
		{ "card handle", 76, 2, 0 },
		{ "module handle", 78, 2, 0 },
	};
	struct block block = one_page(CPER_RECOVERABLE, false);

	(void)state;
	check_fields(block.data + STATUS + ENTRY, "memory section", fields, ARRAY_SIZE(fields),
		     MEMORY);
}

static void check_core(const struct cper_arm *arm, uint64_t info_valid, uint64_t address)
{
	const struct field fields[] = {
		{ "validation", 0, 4, 1 },
		{ "error informations", 4, 2, 1 },
		{ "contexts", 6, 2, 0 },
		{ "section length", 8, 4, 72 },
		{ "affinity level", 12, 1, 0 },
		{ "reserved", 13, 3, 0 },
		{ "MPIDR", 16, 8, arm->mpidr },
		{ "MIDR", 24, 8, arm->midr },
		{ "running state", 32, 4, 0 },
		{ "PSCI state", 36, 4, 0 },
		{ "information: version", 40, 1, 0 },
		{ "information: length", 41, 1, 32 },
		{ "information: validation", 42, 2, info_valid },
		{ "information: type", 44, 1, arm->type },
		{ "information: multiple", 45, 2, 0 },
		{ "information: flags", 47, 1, 3 },
		{ "information: information", 48, 8, 0 },
		{ "information: virtual address", 56, 8, 0 },
		{ "information: physical address", 64, 8, address },
	};
	struct block block = one_core(arm);

	check_fields(block.data + STATUS + ENTRY, "Arm section", fields, ARRAY_SIZE(fields), ARM);
}

static void an_arm_section_has_one_error(void **state)
{
	struct cper_arm nowhere = core;

	(void)state;
	nowhere.has_address = false;
	nowhere.type = 0x10;
	check_core(&core, 0x12, 0x87654321f000);
	check_core(&nowhere, 0x02, 0);
}

static void a_raw_section_is_as_it_was_given(void **state)
{
	static const uint8_t guid[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };
	static const uint8_t body[5] = { 0xde, 0xad, 0, 0xbe, 0xef };
	struct block block;
	struct cper_writer w = begin(&block, CPER_INFO, NULL);
	struct err err = { "" };

	(void)state;
	cper_add_raw(&w, guid, body, sizeof(body));
	cper_add_raw(&w, guid, NULL, 0);
	end(&w, &block);
	assert_int_equal(block.used, STATUS + 2 * ENTRY + 5);
	check_entry(block.data + STATUS, guid, 3, 0, 1, 5);
	assert_memory_equal(block.data + STATUS + ENTRY, body, 5);
	check_entry(block.data + STATUS + ENTRY + 5, guid, 3, 0, 0, 0);
	assert_int_equal(cper_check(block.data, block.used, &err), block.used);
}

/* ---- room ---- */

static int pages(struct block *block, size_t size, unsigned n)
{
	struct cper_writer w;

	memset(block->data, PATTERN, sizeof(block->data));
	cper_begin(&w, block->data, size, CPER_RECOVERABLE, &noon);
	for (unsigned i = 0; i < n; i++) {
		struct cper_memory memory = page;

		memory.address += i * 0x1000;
		cper_add_memory(&w, &memory);
	}
	return cper_end(&w);
}

static void sixteen_pages_fit_a_block_and_no_seventeenth(void **state)
{
	struct block block;

	(void)state;
	assert_int_equal(pages(&block, CPER_BLOCK_BYTES, 16), 2452);
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(get(block.data, 20 + i * 152u + 72 + 16, 8),
				 page.address + i * 0x1000);
	assert_int_equal(get(block.data, 0, 4), 1 | 4 | 16 << 4);
	assert_int_equal(pages(&block, CPER_BLOCK_BYTES, 17), -ENOSPC);
	assert_int_equal(pages(&block, CPER_BLOCK_BYTES, 1000), -ENOSPC);
}

static void a_record_without_a_section_is_none(void **state)
{
	struct block block;

	(void)state;
	assert_int_equal(pages(&block, CPER_BLOCK_BYTES, 0), -EINVAL);
}

static void no_byte_behind_the_room_is_touched(void **state)
{
	struct block block;

	(void)state;
	for (size_t size = 0; size <= 2452; size++) {
		int rc = pages(&block, size, 16);

		if (rc != (size < 2452 ? -ENOSPC : 2452))
			fail_msg("%zu bytes of room: found %d", size, rc);
		for (size_t i = size; i < sizeof(block.data); i++)
			if (block.data[i] != PATTERN)
				fail_msg("%zu bytes of room: byte %zu was written", size, i);
	}
}

static void raw_sections_have_to_fit_too(void **state)
{
	static const uint8_t guid[16], body[CPER_BLOCK_BYTES];
	const size_t most = CPER_BLOCK_BYTES - STATUS - ENTRY;
	struct block block;
	struct cper_writer w = begin(&block, CPER_INFO, NULL);

	(void)state;
	cper_add_raw(&w, guid, body, most);
	assert_int_equal(cper_end(&w), CPER_BLOCK_BYTES);
	w = begin(&block, CPER_INFO, NULL);
	cper_add_raw(&w, guid, body, most + 1);
	assert_int_equal(cper_end(&w), -ENOSPC);
	w = begin(&block, CPER_INFO, NULL);
	cper_add_raw(&w, guid, body, SIZE_MAX);
	assert_int_equal(cper_end(&w), -ENOSPC);
	/* What fits after something that did not: the record stays unfinished. */
	w = begin(&block, CPER_INFO, NULL);
	cper_add_raw(&w, guid, body, most + 1);
	cper_add_raw(&w, guid, body, 1);
	assert_int_equal(cper_end(&w), -ENOSPC);
}

/* ---- round trips ---- */

static uint64_t random64(void)
{
	return (uint64_t)rand() << 42 ^ (uint64_t)rand() << 21 ^ (uint64_t)rand();
}

static void check_random_record(void)
{
	const enum cper_severity severity = (enum cper_severity)(rand() % 4);
	const unsigned n = 1 + (unsigned)rand() % 16;
	uint64_t address[16];
	struct block block;
	struct cper_writer w = begin(&block, severity, rand() % 2 ? &noon : NULL);
	struct err err = { "" };
	size_t at = STATUS;

	for (unsigned i = 0; i < n; i++) {
		address[i] = random64();
		if (i % 2)
			cper_add_memory(&w, &(struct cper_memory){ .address = address[i] });
		else
			cper_add_arm(&w, &(struct cper_arm){ .mpidr = address[i] });
	}
	end(&w, &block);
	if (cper_check(block.data, sizeof(block.data), &err) != (int)block.used)
		fail_msg("%u sections: %s", n, err.text);
	for (unsigned i = 0; i < n; i++) {
		check_guid(block.data + at, i % 2 ? memory_guid : arm_guid, "section");
		assert_int_equal(get(block.data, at + 16, 4), severity);
		assert_true(get(block.data, at + ENTRY + 16, 8) == address[i]);
		at += ENTRY + get(block.data, at + 24, 4);
	}
	assert_int_equal(at, block.used);
}

static void what_is_written_reads_back(void **state)
{
	(void)state;
	srand(1);
	for (unsigned i = 0; i < 2000; i++)
		check_random_record();
}

/* ---- checking ---- */

/* A record of two memory sections, one field of it overwritten: what the message says. */
static const struct bad {
	size_t at;
	unsigned bytes;
	uint64_t value;
	const char *says;
} bad_fields[] = {
	/* clang-format off */
	{ 0,   4, 0,          "offset 0: the block status is 0"                                       },
	{ 12,  4, 0,          "offset 12: the data length is 0"                                       },
	{ 12,  4, 305,        "offset 12: the data length is 305, but 304 bytes follow"               },
	{ 12,  4, UINT32_MAX, "offset 12: the data length is 4294967295, but 304 bytes"               },
	{ 12,  4, 303,        "offset 196: the section's length is 80, but 79 bytes are left"         },
	{ 12,  4, 153,        "offset 172: 1 bytes are left for a data entry, which has 64"           },
	{ 12,  4, 152 + 71,   "offset 172: 71 bytes are left for a data entry, which has 72"          },
	{ 12,  4, 71,         "offset 20: 71 bytes are left for a data entry, which has 72"           },
	{ 12,  4, 1,          "offset 20: 1 bytes are left"                                           },
	{ 16,  4, 4,          "offset 16: the severity is 4, which must be 0 to 3"                    },
	{ 16,  4, UINT32_MAX, "offset 16: the severity is 4294967295"                                 },
	{ 36,  4, 4,          "offset 36: the severity is 4"                                          },
	{ 188, 4, 77,         "offset 188: the severity is 77"                                        },
	{ 44,  4, 233,        "offset 44: the section's length is 233, but 232 bytes are left"        },
	{ 44,  4, UINT32_MAX, "offset 44: the section's length is 4294967295"                         },
	{ 44,  4, 231,        "offset 323: 1 bytes are left for a data entry"                         },
	{ 196, 4, 79,         "offset 323: 1 bytes are left for a data entry"                         },
	{ 196, 4, 81,         "offset 196: the section's length is 81, but 80 bytes are left"         },
	{ 196, 4, 0,          "offset 268: the section's length is 4294967295, but 8 bytes are left"   },
	{ 8,   4, 1,          "offset 4: the raw data is at 0, but the sections end at 324"           },
	/* clang-format on */
};

static struct block two_pages(void)
{
	struct block block;

	block.used = (size_t)pages(&block, CPER_BLOCK_BYTES, 2);
	assert_int_equal(block.used, 324);
	/* So that a section that ends too early leaves something that is no entry. */
	memset(block.data + 244, 0xff, 80);
	return block;
}

static void put(uint8_t *data, size_t at, unsigned bytes, uint64_t value)
{
	for (unsigned i = 0; i < bytes; i++)
		data[at + i] = (uint8_t)(value >> (8 * i));
}

static void wrong_fields_are_refused_with_their_offset(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(bad_fields); i++) {
		const struct bad *bad = &bad_fields[i];
		struct block block = two_pages();
		struct err err = { "" };
		int rc;

		put(block.data, bad->at, bad->bytes, bad->value);
		rc = cper_check(block.data, block.used, &err);
		if (rc != -EINVAL || !strstr(err.text, bad->says))
			fail_msg("%llu at %zu: expected \"%s\", found %d \"%s\"",
				 (unsigned long long)bad->value, bad->at, bad->says, rc, err.text);
		assert_int_equal(cper_check(block.data, block.used, NULL), -EINVAL);
	}
}

static void a_record_that_is_cut_off_is_refused(void **state)
{
	struct block block = two_pages();

	(void)state;
	for (size_t n = 0; n < block.used; n++) {
		uint8_t *copy = malloc(n ? n : 1); /* the sanitizer sees a read behind it */
		struct err err = { "" };

		assert_non_null(copy);
		memcpy(copy, block.data, n);
		if (cper_check(copy, n, &err) != -EINVAL)
			fail_msg("%zu of %zu bytes were accepted", n, block.used);
		assert_non_null(
			strstr(err.text, n < STATUS ? "status block alone has 20" : "offset 12"));
		free(copy);
	}
}

static void what_follows_a_record_is_not_its_own(void **state)
{
	struct block block = two_pages();

	(void)state;
	assert_int_equal(cper_check(block.data, block.used, NULL), 324);
	assert_int_equal(cper_check(block.data, sizeof(block.data), NULL), 324);
}

static void entries_before_revision_3_are_shorter(void **state)
{
	uint8_t record[STATUS + 64 + MEMORY] = { 0 };
	struct err err = { "" };

	(void)state;
	put(record, 0, 4, 0x11);
	put(record, 12, 4, 64 + MEMORY);
	memcpy(record + STATUS, memory_guid, 16);
	put(record, STATUS + 20, 2, 0x201);
	put(record, STATUS + 24, 4, MEMORY);
	if (cper_check(record, sizeof(record), &err) != sizeof(record))
		fail_msg("%s", err.text);
	put(record, STATUS + 20, 2, 0x300);
	assert_int_equal(cper_check(record, sizeof(record), &err), -EINVAL);
	put(record, STATUS + 24, 4, MEMORY - 8);
	assert_int_equal(cper_check(record, sizeof(record), &err), sizeof(record));
}

static void raw_data_lies_behind_the_sections(void **state)
{
	struct block block = two_pages();
	struct err err = { "" };

	(void)state;
	put(block.data, 4, 4, 330);
	put(block.data, 8, 4, 10);
	assert_int_equal(cper_check(block.data, 340, &err), 340);
	assert_int_equal(cper_check(block.data, 339, &err), -EINVAL);
	assert_non_null(strstr(err.text, "offset 8: the raw data ends at 340, but 339 bytes"));
	put(block.data, 4, 4, 323);
	assert_int_equal(cper_check(block.data, 400, &err), -EINVAL);
	assert_non_null(strstr(err.text, "offset 4: the raw data is at 323"));
	put(block.data, 4, 4, UINT32_MAX);
	put(block.data, 8, 4, UINT32_MAX);
	assert_int_equal(cper_check(block.data, 400, &err), -EINVAL);
}

static void severities_have_names(void **state)
{
	(void)state;
	assert_string_equal(cper_severity_name(CPER_RECOVERABLE), "recoverable");
	assert_string_equal(cper_severity_name(CPER_FATAL), "fatal");
	assert_string_equal(cper_severity_name(CPER_CORRECTED), "corrected");
	assert_string_equal(cper_severity_name(CPER_INFO), "info");
	assert_null(cper_severity_name((enum cper_severity)4));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_status_block_counts_and_grades),
		cmocka_unit_test(several_sections_are_several_errors),
		cmocka_unit_test(a_data_entry_has_revision_3_and_a_time),
		cmocka_unit_test(without_a_time_none_is_valid),
		cmocka_unit_test(all_times_are_decimal_digits),
		cmocka_unit_test(the_id_is_in_the_text_of_each_section),
		cmocka_unit_test(the_first_section_is_primary_and_threshold_is_told),
		cmocka_unit_test(a_memory_section_has_address_and_type),
		cmocka_unit_test(an_arm_section_has_one_error),
		cmocka_unit_test(a_raw_section_is_as_it_was_given),
		cmocka_unit_test(sixteen_pages_fit_a_block_and_no_seventeenth),
		cmocka_unit_test(a_record_without_a_section_is_none),
		cmocka_unit_test(no_byte_behind_the_room_is_touched),
		cmocka_unit_test(raw_sections_have_to_fit_too),
		cmocka_unit_test(what_is_written_reads_back),
		cmocka_unit_test(wrong_fields_are_refused_with_their_offset),
		cmocka_unit_test(a_record_that_is_cut_off_is_refused),
		cmocka_unit_test(what_follows_a_record_is_not_its_own),
		cmocka_unit_test(entries_before_revision_3_are_shorter),
		cmocka_unit_test(raw_data_lies_behind_the_sections),
		cmocka_unit_test(severities_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
