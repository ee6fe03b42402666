/* Text of records: what is valid is shown and nothing else, and hostile bytes do no harm. */
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

enum { STATUS = 20, ENTRY = 72 };

struct text {
	char *text; /* the caller frees it */
	bool good;
};

static struct text print(const void *record, size_t n)
{
	struct text t = { NULL, false };
	size_t len = 0;
	FILE *out = open_memstream(&t.text, &len);

	assert_non_null(out);
	t.good = cper_print(record, n, out);
	fclose(out);
	return t;
}

static void has(const struct text *t, const char *part)
{
	if (!strstr(t->text, part))
		fail_msg("expected \"%s\" in:\n%s", part, t->text);
}

static void has_not(const struct text *t, const char *part)
{
	if (strstr(t->text, part))
		fail_msg("expected no \"%s\" in:\n%s", part, t->text);
}

/* One section under `guid`. */
struct record {
	uint8_t data[CPER_BLOCK_BYTES];
	size_t n;
};

static void put(uint8_t *data, size_t at, unsigned bytes, uint64_t value)
{
	for (unsigned i = 0; i < bytes; i++)
		data[at + i] = (uint8_t)(value >> (8 * i));
}

static const uint8_t memory_guid[16] = { 0x14, 0x11, 0xbc, 0xa5, 0x64, 0x6f, 0xde, 0x4e,
					 0xb8, 0x63, 0x3e, 0x83, 0xed, 0x7c, 0x83, 0xb1 };
static const uint8_t arm_guid[16] = { 0x16, 0x3d, 0x9e, 0xe1, 0x11, 0xbc, 0xe4, 0x11,
				      0x9c, 0xaa, 0xc2, 0x05, 0x1d, 0x5d, 0x46, 0xb0 };
static const uint8_t other_guid[16] = { 0x78, 0x56, 0x34, 0x12, 0x34, 0x12, 0x78, 0x56,
					0x9a, 0xbc, 0xde, 0xf0, 0x12, 0x34, 0x56, 0x78 };

static struct record section(const uint8_t guid[16], const void *body, size_t n)
{
	struct record r;
	struct cper_writer w;
	int rc;

	cper_begin(&w, r.data, sizeof(r.data), CPER_RECOVERABLE, NULL);
	cper_add_raw(&w, guid, body, n);
	rc = cper_end(&w);
	assert_true(rc > 0);
	r.n = (size_t)rc;
	return r;
}

static struct text print_section(const uint8_t guid[16], const void *body, size_t n)
{
	struct record r = section(guid, body, n);

	return print(r.data, r.n);
}

/* ---- what rasvm writes ---- */

static void a_page_reads_like_this(void **state)
{
	static const struct cper_time time = { 2026, 11, 21, 12, 34, 56 };
	uint8_t block[CPER_BLOCK_BYTES];
	struct cper_writer w;
	struct text t;

	(void)state;
	cper_begin(&w, block, sizeof(block), CPER_CORRECTED, &time);
	w.id = 17;
	cper_add_memory(&w, &(struct cper_memory){ 0x80123000, 3, true });
	t = print(block, (size_t)cper_end(&w));
	assert_true(t.good);
	assert_string_equal(t.text, "generic error status block\n"
				    "  block status: 0x00000012 (corrected)\n"
				    "  entries: 1\n"
				    "  severity: 2 (corrected)\n"
				    "  data length: 152\n"
				    "  section 1 at offset 20: memory, 80 bytes\n"
				    "    GUID: a5bc1114-6f64-4ede-b863-3e83ed7c83b1\n"
				    "    severity: 2 (corrected)\n"
				    "    revision: 3.0\n"
				    "    flags: 0x09 (primary, threshold exceeded)\n"
				    "    FRU text: \"rasvm id 17\"\n"
				    "    time: 2026-11-21 12:34:56\n"
				    "    physical address: 0x0000000080123000\n"
				    "    error type: 3 (multi-bit ECC)\n");
	free(t.text);
}

static void a_core_reads_like_this(void **state)
{
	uint8_t block[CPER_BLOCK_BYTES];
	struct cper_writer w;
	struct text t;

	(void)state;
	cper_begin(&w, block, sizeof(block), CPER_FATAL, NULL);
	cper_add_arm(&w, &(struct cper_arm){ .mpidr = 0x80000001,
					     .midr = 0x410fd0c1,
					     .type = 2,
					     .has_address = true,
					     .address = 0x90000000 });
	t = print(block, (size_t)cper_end(&w));
	assert_true(t.good);
	assert_non_null(strstr(t.text, "    MPIDR: 0x0000000080000001\n"
				       "    MIDR: 0x00000000410fd0c1\n"
				       "    error information 1:\n"
				       "      type: 0x02 (cache)\n"
				       "      flags: 0x03 (first, last)\n"
				       "      physical address: 0x0000000090000000\n"));
	has_not(&t, "affinity");
	has_not(&t, "running");
	has_not(&t, "virtual");
	has_not(&t, "wrong");
	free(t.text);
}

/* ---- validation bits ---- */

/* UEFI 2.10 N.2.5: the bit that makes a field valid, and the line it then has. Every byte of the section
 * is its own offset. */
static const struct {
	unsigned bit;
	const char *line;
} memory_lines[] = {
	/* clang-format off */
	{ 0,  "error status: 0x0f0e0d0c0b0a0908"     },
	{ 1,  "physical address: 0x1716151413121110" },
	{ 2,  "address mask: 0x1f1e1d1c1b1a1918"     },
	{ 3,  "node: 8480"                           },
	{ 4,  "card: 8994"                           },
	{ 5,  "module: 9508"                         },
	{ 6,  "bank: 10022"                          },
	{ 7,  "device: 10536"                        },
	{ 8,  "row: 11050"                           },
	{ 9,  "column: 11564"                        },
	{ 10, "bit position: 12078"                  },
	{ 11, "requestor: 0x3736353433323130"        },
	{ 12, "responder: 0x3f3e3d3c3b3a3938"        },
	{ 13, "target: 0x4746454443424140"           },
	{ 14, "error type: 72 (unknown)"             },
	{ 15, "rank: 19274"                          },
	{ 16, "card handle: 0x4d4c"                  },
	{ 17, "module handle: 0x4f4e"                },
	{ 18, "extended: 0x49"                       },
	{ 19, "bank: 10022"                          },
	{ 20, "bank: 10022"                          },
	{ 21, "extended: 0x49"                       },
	/* clang-format on */
};

static void memory_body(uint8_t body[80], uint64_t valid)
{
	for (unsigned i = 0; i < 80; i++)
		body[i] = (uint8_t)i;
	put(body, 0, 8, valid);
}

static void a_memory_field_is_shown_if_its_bit_is_set(void **state)
{
	uint8_t body[80];

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(memory_lines); i++) {
		char line[80];
		struct text t;

		snprintf(line, sizeof(line), "\n    %s\n", memory_lines[i].line);
		memory_body(body, UINT64_C(1) << memory_lines[i].bit);
		t = print_section(memory_guid, body, sizeof(body));
		has(&t, line);
		free(t.text);
		/* Bank and extended have several bits each. */
		memory_body(body, ~((UINT64_C(1) << memory_lines[i].bit) | 0x3c0040));
		t = print_section(memory_guid, body, sizeof(body));
		has_not(&t, line);
		free(t.text);
	}
}

static void an_old_memory_section_has_no_rank(void **state)
{
	uint8_t body[80];
	struct text t;

	(void)state;
	memory_body(body, 1 << 14 | 1 << 15);
	t = print_section(memory_guid, body, 73);
	assert_true(t.good);
	has(&t, "error type: 72");
	has(&t, "rank: said to be valid, but only 73 bytes are there");
	free(t.text);
	t = print_section(memory_guid, body, 72);
	has(&t, "wrong: 72 bytes, such a section has at least 73");
	has(&t, "0040  40 41 42 43 44 45 46 47\n");
	has_not(&t, "error type");
	free(t.text);
}

static void all_memory_error_types_have_names(void **state)
{
	static const char *const names[] = {
		"unknown",        "no error",        "single-bit ECC",    "multi-bit ECC",
		"single-symbol",  "multi-symbol",    "master abort",      "target abort",
		"parity",         "watchdog",        "invalid address",   "mirror broken",
		"memory sparing", "scrub corrected", "scrub uncorrected", "physical memory map-out",
	};
	uint8_t body[80];

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		char line[64];
		struct text t;

		memory_body(body, 1 << 14);
		body[72] = (uint8_t)i;
		snprintf(line, sizeof(line), "error type: %u (%s", i, names[i]);
		t = print_section(memory_guid, body, sizeof(body));
		has(&t, line);
		free(t.text);
	}
}

/* ---- data entries ---- */

static void text_of_a_fru_is_escaped(void **state)
{
	static const uint8_t nasty[20] = "a\033[2Jb\n\"\\\xff\x7f~";
	static const uint8_t full[20] = { 'x', 'x', 'x', 'x', 'x', 'x', 'x', 'x', 'x', 'x',
					  'x', 'x', 'x', 'x', 'x', 'x', 'x', 'x', 'x', 'x' };
	struct record r = section(other_guid, "", 0);
	struct text t;

	(void)state;
	r.data[STATUS + 22] = 2;
	memcpy(r.data + STATUS + 44, nasty, 20);
	t = print(r.data, r.n);
	has(&t, "FRU text: \"a\\x1b[2Jb\\x0a\\\"\\\\\\xff\\x7f~\"\n");
	has_not(&t, "FRU id");
	has_not(&t, "time:");
	free(t.text);
	memcpy(r.data + STATUS + 44, full, 20);
	t = print(r.data, r.n);
	has(&t, "FRU text: \"xxxxxxxxxxxxxxxxxxxx\"\n");
	free(t.text);
}

static void id_and_time_are_shown_if_valid(void **state)
{
	static const uint8_t time[8] = { 0x59, 0x58, 0x23, 1, 0x31, 0x12, 0x99, 0xfa };
	struct record r = section(other_guid, "", 0);
	struct text t;

	(void)state;
	r.data[STATUS + 22] = 5;
	r.data[STATUS + 23] = 0x3f;
	memcpy(r.data + STATUS + 28, memory_guid, 16);
	memcpy(r.data + STATUS + 64, time, 8);
	t = print(r.data, r.n);
	has(&t, "FRU id: a5bc1114-6f64-4ede-b863-3e83ed7c83b1\n");
	has(&t, "time: fa99-12-31 23:58:59, precise\n");
	has(&t, "(primary, containment warning, reset, threshold exceeded, not accessible, "
		"latent)");
	has_not(&t, "FRU text");
	free(t.text);
}

static void sections_of_other_kinds_have_names_and_a_dump(void **state)
{
	static const struct {
		uint8_t guid[16];
		const char *name;
	} kinds[] = {
		{ { 0x54, 0xe9, 0x95, 0xd9, 0xc1, 0xbb, 0x0f, 0x43, 0xad, 0x91, 0xb4, 0x4d, 0xcb,
		    0x3c, 0x6f, 0x35 },
		  "PCIe" },
		{ { 0xad, 0xcc, 0x76, 0x98, 0xb4, 0x47, 0xdb, 0x4b, 0xb6, 0x5e, 0x16, 0xf1, 0x93,
		    0xc4, 0xf3, 0xdb },
		  "generic processor" },
		{ { 0xb0, 0xa0, 0x3e, 0xdc, 0x44, 0xa1, 0x97, 0x47, 0xb9, 0x5b, 0x53, 0xfa, 0x24,
		    0x2b, 0x6e, 0x1d },
		  "x86 processor" },
		{ { 0x78, 0x56, 0x34, 0x12 }, "of an unknown kind" },
	};
	static const uint8_t body[3] = { 0xde, 0x00, 0x0a };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
		char line[80];
		struct text t = print_section(kinds[i].guid, body, sizeof(body));

		snprintf(line, sizeof(line), "section 1 at offset 20: %s, 3 bytes", kinds[i].name);
		assert_true(t.good);
		has(&t, line);
		has(&t, "    0000  de 00 0a\n");
		free(t.text);
	}
}

static void a_dump_is_limited(void **state)
{
	static const uint8_t body[300];
	struct text t;

	(void)state;
	t = print_section(other_guid, body, 256);
	has(&t, "\n    00f0 ");
	has_not(&t, "more bytes");
	free(t.text);
	t = print_section(other_guid, body, 300);
	has(&t, "\n    44 more bytes\n");
	has_not(&t, "\n    0100 ");
	free(t.text);
}

/* ---- Arm processor sections ---- */

static size_t arm_body(uint8_t *body, uint32_t valid, unsigned infos, unsigned contexts)
{
	memset(body, 0, 1024);
	put(body, 0, 4, valid);
	put(body, 4, 2, infos);
	put(body, 6, 2, contexts);
	put(body, 12, 1, 2);
	put(body, 16, 8, 0x81000000);
	put(body, 32, 4, 1);
	for (unsigned i = 0; i < infos; i++)
		put(body, 40 + 32 * i + 1, 1, 32);
	put(body, 8, 4, 40 + 32 * infos);
	return 40 + 32 * infos;
}

static void arm_fields_obey_their_bits(void **state)
{
	uint8_t body[1024];
	size_t n = arm_body(body, 6, 1, 0);
	struct text t;

	(void)state;
	put(body, 40 + 2, 2, 0xd);
	put(body, 40 + 4, 1, 0x1e);
	put(body, 40 + 5, 2, 1);
	put(body, 40 + 16, 8, 0xffff800012345678);
	t = print_section(arm_guid, body, n);
	has(&t, "affinity level: 2\n");
	has(&t, "running state: 1 (running)\n");
	has(&t, "PSCI state: 0x00000000\n");
	has(&t, "type: 0x1e (cache, TLB, bus, micro-architectural)\n");
	has(&t, "multiple: 1 (several errors)\n");
	has(&t, "information: 0x0000000000000000\n");
	has(&t, "virtual address: 0xffff800012345678\n");
	has_not(&t, "MPIDR");
	has_not(&t, "physical");
	has_not(&t, "      flags");
	has_not(&t, "wrong");
	free(t.text);
}

static void contexts_are_skipped_by_their_size(void **state)
{
	uint8_t body[1024];
	size_t n = arm_body(body, 8, 1, 2);
	struct text t;

	(void)state;
	put(body, n + 2, 2, 5);
	put(body, n + 4, 4, 16);
	put(body, n + 24 + 2, 2, 99);
	put(body, n + 24 + 4, 4, 0);
	n += 32;
	memcpy(body + n, "vendor", 6);
	n += 6;
	put(body, 8, 4, n);
	t = print_section(arm_guid, body, n);
	has(&t, "    context 1: type 5 (AArch64 EL1), 16 bytes\n");
	has(&t, "    context 2: type 99 (unknown), 0 bytes\n");
	has(&t, "    vendor data: 6 bytes\n      0000  76 65 6e 64 6f 72\n");
	has_not(&t, "wrong");
	free(t.text);
}

static void arm_lengths_that_lie_are_told(void **state)
{
	/* What is overwritten in a section of one information and one context of 8 bytes (88 bytes). */
	static const struct {
		size_t at;
		unsigned bytes;
		uint64_t value;
		const char *says;
	} cases[] = {
		/* clang-format off */
		{ 8,  4, 4096,       "wrong: it says that it has 4096 bytes, there are 88"              },
		{ 4,  2, 2,          "error information 2:\n      wrong: its length is 0, 16 bytes"     },
		{ 4,  2, 65535,      "error information 2:\n      wrong:"                               },
		{ 41, 1, 31,         "wrong: its length is 31, 48 bytes are left, 32 are needed"        },
		{ 41, 1, 0,          "wrong: its length is 0, 48 bytes are left"                        },
		{ 41, 1, 49,         "wrong: its length is 49, 48 bytes are left"                       },
		{ 6,  2, 2,          "wrong: context 2 has 0 bytes, its head alone has 8"               },
		{ 6,  2, 0,          "wrong: left over: 16 bytes"                                       },
		{ 76, 4, 9,          "wrong: 8 bytes are left for context 1"                            },
		{ 76, 4, UINT32_MAX, "context 1: type 4 (AArch64 general purpose), 4294967295 bytes"    },
		{ 76, 4, 7,          "wrong: left over: 1 bytes"                                        },
		/* clang-format on */
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		uint8_t body[1024];
		size_t n = arm_body(body, 0, 1, 1);
		struct text t;

		put(body, n + 2, 2, 4);
		put(body, n + 4, 4, 8);
		n += 16;
		put(body, 8, 4, n);
		put(body, cases[i].at, cases[i].bytes, cases[i].value);
		t = print_section(arm_guid, body, n);
		assert_true(t.good);
		has(&t, cases[i].says);
		free(t.text);
	}
}

static void an_arm_section_without_its_head_is_dumped(void **state)
{
	uint8_t body[1024];
	struct text t;

	(void)state;
	arm_body(body, 1, 0, 0);
	t = print_section(arm_guid, body, 39);
	has(&t, "wrong: 39 bytes, such a section has at least 40");
	has_not(&t, "MPIDR");
	free(t.text);
}

/* ---- records that are not good ---- */

static void a_bad_record_is_shown_as_far_as_it_goes(void **state)
{
	uint8_t body[80];
	struct record r;
	struct text t;

	(void)state;
	memory_body(body, 2);
	r = section(memory_guid, body, sizeof(body));
	t = print(r.data, r.n - 1);
	assert_false(t.good);
	has(&t, "physical address: 0x1716151413121110");
	has(&t, "  not a valid record: offset 12: the data length is 152, but 151 bytes follow");
	free(t.text);
	put(r.data, 16, 4, 9);
	t = print(r.data, r.n);
	assert_false(t.good);
	has(&t, "  severity: 9 (unknown)\n");
	has(&t, "not a valid record: offset 16");
	has(&t, "physical address");
	free(t.text);
}

static void entries_that_are_not_there_are_missed(void **state)
{
	struct record r = section(other_guid, "", 0);
	struct text t;

	(void)state;
	put(r.data, 0, 4, 1 | 3 << 4);
	t = print(r.data, r.n);
	assert_true(t.good);
	has(&t, "entries: 3\n");
	has(&t, "wrong: 3 entries are announced, 1 are there\n");
	free(t.text);
}

static void raw_data_is_dumped(void **state)
{
	struct record r = section(other_guid, "", 0);
	struct text t;

	(void)state;
	put(r.data, 4, 4, r.n);
	put(r.data, 8, 4, 4);
	put(r.data, r.n, 4, 0x44332211);
	t = print(r.data, r.n + 4);
	assert_true(t.good);
	has(&t, "raw data at offset 92: 4 bytes\n    0000  11 22 33 44\n");
	free(t.text);
	put(r.data, 8, 4, UINT32_MAX);
	t = print(r.data, r.n + 4);
	assert_false(t.good);
	has(&t, "raw data at offset 92: 4294967295 bytes\n    0000  11 22 33 44\n");
	free(t.text);
}

static void nothing_at_all_is_no_record(void **state)
{
	static const uint8_t zeroes[64];
	struct text t = print(zeroes, 0);

	(void)state;
	assert_false(t.good);
	has(&t, "not a valid record: offset 0: 0 bytes are there");
	free(t.text);
	t = print(zeroes, sizeof(zeroes));
	assert_false(t.good);
	has(&t, "not a valid record: offset 0: the block status is 0");
	free(t.text);
}

/* ---- any bytes ---- */

/* From a good record with some bytes changed, in a buffer of its exact size. */
static void check_damaged(const struct record *r)
{
	size_t n = 1 + (size_t)rand() % r->n;
	uint8_t *copy = malloc(n);
	struct text t;

	assert_non_null(copy);
	memcpy(copy, r->data, n);
	for (int k = rand() % 8; k >= 0; k--)
		copy[(size_t)rand() % n] = (uint8_t)(rand() % 3 ? rand() % 256 : 255);
	t = print(copy, n);
	assert_int_equal(t.good, cper_check(copy, n, NULL) > 0);
	assert_int_equal(!t.good, strstr(t.text, "not a valid record") != NULL);
	for (const char *p = t.text; *p; p++)
		if ((*p < ' ' || *p > '~') && *p != '\n')
			fail_msg("a control character, 0x%02x, in the text", *p & 0xff);
	free(t.text);
	free(copy);
}

static void damaged_records_do_no_harm(void **state)
{
	uint8_t body[1024];
	struct record memory, arm;
	size_t n = arm_body(body, 15, 2, 0);

	(void)state;
	arm = section(arm_guid, body, n);
	memory_body(body, UINT64_MAX);
	memory = section(memory_guid, body, 80);
	srand(1);
	for (unsigned i = 0; i < 20000; i++)
		check_damaged(i % 2 ? &memory : &arm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_page_reads_like_this),
		cmocka_unit_test(a_core_reads_like_this),
		cmocka_unit_test(a_memory_field_is_shown_if_its_bit_is_set),
		cmocka_unit_test(an_old_memory_section_has_no_rank),
		cmocka_unit_test(all_memory_error_types_have_names),
		cmocka_unit_test(text_of_a_fru_is_escaped),
		cmocka_unit_test(id_and_time_are_shown_if_valid),
		cmocka_unit_test(sections_of_other_kinds_have_names_and_a_dump),
		cmocka_unit_test(a_dump_is_limited),
		cmocka_unit_test(arm_fields_obey_their_bits),
		cmocka_unit_test(contexts_are_skipped_by_their_size),
		cmocka_unit_test(arm_lengths_that_lie_are_told),
		cmocka_unit_test(an_arm_section_without_its_head_is_dumped),
		cmocka_unit_test(a_bad_record_is_shown_as_far_as_it_goes),
		cmocka_unit_test(entries_that_are_not_there_are_missed),
		cmocka_unit_test(raw_data_is_dumped),
		cmocka_unit_test(nothing_at_all_is_no_record),
		cmocka_unit_test(damaged_records_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
