/*
 * The walk through a guest's page tables: each page size, each level at which a translation may end,
 * both halves of the address space, 52-bit addresses, and tables of a hostile guest. What is expected
 * is taken from the tables of Arm DDI 0487 D8, written down here anew.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arm64/walk.h"

#define MAX_WORDS 64
#define LEVELS    5 /* -1 to 3 */
#define NO_LEVEL  (-2)

#define SCTLR_M  UINT64_C(1)
#define SCTLR_EE (UINT64_C(1) << 25)
#define TCR_DS   (UINT64_C(1) << 59)
#define TCR_TBI0 (UINT64_C(1) << 37)
#define TCR_TBI1 (UINT64_C(1) << 38)
#define TCR_EPD0 (UINT64_C(1) << 7)
#define TCR_EPD1 (UINT64_C(1) << 23)

/* Guest memory: the words that were written; all others cannot be read. */
struct memory {
	uint64_t at[MAX_WORDS], word[MAX_WORDS];
	unsigned n, reads;
};

static void put(struct memory *m, uint64_t at, uint64_t word)
{
	assert_true(m->n < MAX_WORDS);
	m->at[m->n] = at;
	m->word[m->n++] = word;
}

static int read_word(void *world, gpa_t at, uint64_t *word)
{
	struct memory *m = world;

	m->reads++;
	for (unsigned i = m->n; i > 0; i--) {
		if (m->at[i - 1] == at.v) {
			*word = m->word[i - 1];
			return 0;
		}
	}
	return -1;
}

/* What every word of memory holds. */
static int read_same(void *world, gpa_t at, uint64_t *word)
{
	struct memory *m = world;

	(void)at;
	m->reads++;
	*word = m->word[0];
	return 0;
}

enum granule { G4K, G16K, G64K };

/* The lowest address bit that the table of each level, from -1 on, resolves; 0: no such level. */
static const unsigned lowest_bit[][LEVELS] = {
	[G4K] = { 48, 39, 30, 21, 12 },
	[G16K] = { 0, 47, 36, 25, 14 },
	[G64K] = { 0, 0, 42, 29, 16 },
};

/* A translation regime as the guest would set it up. */
struct setup {
	enum granule granule;
	unsigned va_bits;
	bool wide; /* 52-bit output: FEAT_LPA2's descriptors, or FEAT_LPA's with 64 KiB */
	bool upper, big_endian;
};

static struct walk_regs regs_of(const struct setup *s)
{
	static const uint64_t tg0[] = { 0, 2, 1 }, tg1[] = { 2, 1, 3 };
	uint64_t tsz = 64 - s->va_bits, other = 16;
	struct walk_regs r = { .sctlr = SCTLR_M | (s->big_endian ? SCTLR_EE : 0) };

	/* The other half is set up differently, so that it is seen if it is used. */
	r.tcr = s->upper ? tsz << 16 | tg1[s->granule] << 30 | other |
				   tg0[(s->granule + 1) % 3] << 14
			 : tsz | tg0[s->granule] << 14 | other << 16 |
				   tg1[(s->granule + 1) % 3] << 30;
	r.tcr |= (s->wide ? UINT64_C(6) : UINT64_C(5)) << 32;
	r.tcr |= s->wide && s->granule != G64K ? TCR_DS : 0;
	r.mmfr0 = 6 | UINT64_C(1) << 28 | UINT64_C(2) << 20;
	r.ttbr0 = r.ttbr1 = UINT64_C(0x6660000);
	return r;
}

static uint64_t ones(unsigned n)
{
	return (UINT64_C(1) << n) - 1;
}

/* Address bits 51 and up to 48 where each format keeps them. */
static uint64_t encode(const struct setup *s, uint64_t at)
{
	if (!s->wide)
		return at;
	if (s->granule == G64K)
		return (at & ones(48)) | at >> 48 << 12;
	return (at & ones(50)) | at >> 50 << 8;
}

static uint64_t encode_ttbr(const struct setup *s, uint64_t at)
{
	return s->wide ? (at & ones(48)) | at >> 48 << 2 : at;
}

static void put_descriptor(struct memory *m, const struct setup *s, uint64_t at, uint64_t word)
{
	put(m, at, s->big_endian ? __builtin_bswap64(word) : word);
}

static int first_level(const struct setup *s)
{
	for (int level = -1; level <= 3; level++) {
		unsigned low = lowest_bit[s->granule][level + 1];

		if (low && low < s->va_bits)
			return level;
	}
	fail_msg("no level resolves %u bits", s->va_bits);
	return NO_LEVEL;
}

/* Tables that map `va` to `pa` by a page or a block of `leaf` level. */
static void map(struct memory *m, struct walk_regs *r, const struct setup *s, uint64_t va,
		uint64_t pa, int leaf)
{
	uint64_t table = UINT64_C(0x80000000) | (s->wide ? UINT64_C(0xa) << 48 : 0);
	/* Bits that are no part of the address; shareability is where FEAT_LPA2 has some. */
	const uint64_t attributes = UINT64_C(0x0060000000000c00) | (s->wide ? 0 : 0x300);
	unsigned high = s->va_bits;

	*(s->upper ? &r->ttbr1 : &r->ttbr0) = encode_ttbr(s, table) | 1; /* CnP */
	for (int level = first_level(s); level <= leaf; level++) {
		unsigned low = lowest_bit[s->granule][level + 1];
		uint64_t entry = table + 8 * (va >> low & ones(high - low));

		table += 0x10000;
		if (level == leaf)
			put_descriptor(m, s, entry,
				       encode(s, pa & ~ones(low)) | attributes |
					       (leaf == 3 ? 3 : 1));
		else
			put_descriptor(m, s, entry, encode(s, table) | 3);
		high = low;
	}
}

static void expect_mapped(const struct setup *s, uint64_t va, uint64_t pa, int leaf)
{
	struct memory m = { .n = 0 };
	struct walk_regs r = regs_of(s);
	struct err err = { "" };
	gpa_t found = { 0 };

	map(&m, &r, s, va, pa, leaf);
	if (walk(&r, va, read_word, &m, &found, &err) != 0)
		fail_msg("granule %d, %u bits, %s, level %d: expected 0x%llx, found: it %s",
			 s->granule, s->va_bits, s->wide ? "wide" : "narrow", leaf,
			 (unsigned long long)pa, err.text);
	if (found.v != pa)
		fail_msg("granule %d, %u bits, %s, level %d: expected 0x%llx, found 0x%llx",
			 s->granule, s->va_bits, s->wide ? "wide" : "narrow", leaf,
			 (unsigned long long)pa, (unsigned long long)found.v);
}

static uint64_t random_u64(void)
{
	return (uint64_t)rand() << 42 ^ (uint64_t)rand() << 21 ^ (uint64_t)rand();
}

/* An address of the half in question, and one it is to lead to: same bits below the leaf. */
static void try_leaf(const struct setup *s, int leaf)
{
	unsigned low = lowest_bit[s->granule][leaf + 1];
	uint64_t va = random_u64() & ones(s->va_bits);
	uint64_t pa = random_u64() & ones(s->wide ? 52 : 48);

	if (s->upper)
		va |= ~ones(s->va_bits);
	pa = (pa & ~ones(low)) | (va & ones(low));
	expect_mapped(s, va, pa, leaf);
}

struct block {
	enum granule granule;
	bool wide;
	int first_leaf; /* the lowest level with blocks; all up to 3 have them */
	unsigned min_bits, max_bits;
};

/* Arm DDI 0487 D8.3, translation granules and block sizes. */
static const struct block blocks[] = {
	/* clang-format off */
	{ G4K,  false, 1, 16, 48 },
	{ G4K,  true,  0, 16, 52 },
	{ G16K, false, 2, 16, 48 },
	{ G16K, true,  1, 16, 52 },
	{ G64K, false, 2, 17, 52 },
	{ G64K, true,  1, 17, 52 },
	/* clang-format on */
};

#define NBLOCKS (sizeof(blocks) / sizeof(blocks[0]))

static void try_sizes(const struct block *b, bool upper)
{
	for (unsigned va_bits = b->min_bits; va_bits <= b->max_bits; va_bits++) {
		struct setup s = {
			.granule = b->granule, .va_bits = va_bits, .wide = b->wide, .upper = upper
		};
		int first = first_level(&s);

		for (int leaf = first > b->first_leaf ? first : b->first_leaf; leaf <= 3; leaf++)
			try_leaf(&s, leaf);
	}
}

static void pages_and_blocks_of_every_size_in_both_halves(void **state)
{
	(void)state;
	srand(1);
	for (unsigned i = 0; i < NBLOCKS; i++) {
		try_sizes(&blocks[i], false);
		try_sizes(&blocks[i], true);
	}
}

static void tables_of_a_big_endian_kernel(void **state)
{
	struct setup s = { .granule = G4K, .va_bits = 48, .upper = true, .big_endian = true };

	(void)state;
	srand(2);
	for (int leaf = 1; leaf <= 3; leaf++)
		try_leaf(&s, leaf);
}

static void refuse(const struct walk_regs *r, struct memory *m, uint64_t va, const char *part)
{
	struct err err = { "" };
	gpa_t found = { 0 };
	int rc = walk(r, va, read_word, m, &found, &err);

	if (rc == 0)
		fail_msg("0x%llx: expected \"%s\", found 0x%llx", (unsigned long long)va, part,
			 (unsigned long long)found.v);
	if (!strstr(err.text, part))
		fail_msg("0x%llx: expected \"%s\", found \"%s\"", (unsigned long long)va, part,
			 err.text);
}

static void a_block_at_a_level_without_blocks_is_refused(void **state)
{
	(void)state;
	for (unsigned i = 0; i < NBLOCKS; i++) {
		const struct block *b = &blocks[i];
		struct setup s = { .granule = b->granule, .va_bits = b->max_bits, .wide = b->wide };

		for (int leaf = first_level(&s); leaf < b->first_leaf; leaf++) {
			struct walk_regs r = regs_of(&s);
			struct memory m = { .n = 0 };
			char part[32];

			map(&m, &r, &s, 0x1234, 0, leaf);
			snprintf(part, sizeof(part), "table of level %d has", leaf);
			refuse(&r, &m, 0x1234, part);
		}
	}
}

static void an_entry_that_is_not_valid_is_refused_with_its_level(void **state)
{
	const struct setup s = { .granule = G4K, .va_bits = 48, .upper = true };
	const uint64_t va = UINT64_C(0xffff800012345678);

	(void)state;
	for (int level = 0; level <= 3; level++) {
		/* Not valid; at the last level also what is a block elsewhere. */
		for (unsigned type = 0; type <= (level == 3 ? 2 : 0); type++) {
			struct walk_regs r = regs_of(&s);
			struct memory m = { .n = 0 };
			char part[64];

			map(&m, &r, &s, va, 0x5000, 3);
			m.word[level] = (m.word[level] & ~UINT64_C(3)) | type;
			snprintf(part, sizeof(part),
				 "is not mapped: the guest's table of level %d has", level);
			refuse(&r, &m, va, part);
		}
	}
}

static void a_table_outside_of_ram_is_refused(void **state)
{
	const struct setup s = { .granule = G64K, .va_bits = 48 };
	struct walk_regs r = regs_of(&s);
	struct memory m = { .n = 0 };

	(void)state;
	map(&m, &r, &s, 0x12345678, 0x5000, 3);
	m.n = 2;
	refuse(&r, &m, 0x12345678, "table of level 3 would be at");
	m.n = 0;
	refuse(&r, &m, 0x12345678, "table of level 1 would be at 0x80000000, which cannot be read");
}

static void addresses_beyond_the_output_size_are_refused(void **state)
{
	const struct setup s = { .granule = G4K, .va_bits = 39 };
	struct walk_regs r = regs_of(&s);
	struct memory m = { .n = 0 };

	(void)state;
	r.tcr &= ~(UINT64_C(7) << 32);
	r.tcr |= UINT64_C(2) << 32; /* 40 bits */
	map(&m, &r, &s, 0x1000, UINT64_C(1) << 40, 3);
	refuse(&r, &m, 0x1000, "leads to 0x10000000000, beyond 40 address bits");
	m.n = 0;
	map(&m, &r, &s, 0x1000, (UINT64_C(1) << 40) - 4096, 3);
	expect_mapped(&s, 0x1000, (UINT64_C(1) << 40) - 4096, 3);
	m.word[0] |= UINT64_C(1) << 41;
	refuse(&r, &m, 0x1000, "beyond 40 address bits");
	r.ttbr0 |= UINT64_C(1) << 45;
	refuse(&r, &m, 0x1000, "beyond 40 address bits");
}

static void the_processors_output_size_limits_the_guests(void **state)
{
	const struct setup s = { .granule = G4K, .va_bits = 39 };
	struct walk_regs r = regs_of(&s);
	struct memory m = { .n = 0 };

	(void)state;
	r.mmfr0 = 1; /* 36 bits */
	map(&m, &r, &s, 0x1000, UINT64_C(1) << 36, 3);
	refuse(&r, &m, 0x1000, "beyond 36 address bits");
}

/* Where the processor does not have the feature, DS means nothing. */
static void lpa2_needs_the_processors_consent(void **state)
{
	const struct setup s = { .granule = G4K, .va_bits = 48 };
	struct walk_regs r = regs_of(&s);
	struct memory m = { .n = 0 };
	struct err err = { "" };
	gpa_t found = { 0 };

	(void)state;
	map(&m, &r, &s, 0x1000, 0x5000, 3);
	m.word[3] |= UINT64_C(3) << 8; /* shareability, or address bits 51:50 */
	r.tcr |= TCR_DS;
	r.mmfr0 &= ~(UINT64_C(15) << 28);
	assert_int_equal(walk(&r, 0x1000, read_word, &m, &found, &err), 0);
	assert_int_equal(found.v, 0x5000);
}

static void tables_that_lead_to_themselves_end(void **state)
{
	(void)state;
	for (unsigned i = 0; i < NBLOCKS; i++) {
		struct setup s = { .granule = blocks[i].granule,
				   .va_bits = blocks[i].max_bits,
				   .wide = blocks[i].wide };
		struct walk_regs r = regs_of(&s);
		struct memory m = { .word = { 0x6660003 } };
		struct err err = { "" };
		gpa_t found = { 0 };

		assert_int_equal(walk(&r, 0, read_same, &m, &found, &err), 0);
		assert_int_equal(m.reads, 3 - first_level(&s) + 1);
	}
}

static void anything_in_registers_and_tables_ends(void **state)
{
	(void)state;
	srand(3);
	for (unsigned i = 0; i < 200000; i++) {
		struct walk_regs r = { random_u64() | SCTLR_M, random_u64(), random_u64(),
				       random_u64(), random_u64() };
		struct memory m = { .word = { random_u64() | 3 } };
		uint64_t va = rand() & 1 ? ~random_u64() >> (16 + rand() % 12) : random_u64();
		struct err err = { "" };
		gpa_t found = { UINT64_MAX };
		int rc = walk(&r, va, read_same, &m, &found, &err);

		assert_true(m.reads <= LEVELS);
		if (rc == 0)
			assert_true(found.v < UINT64_C(1) << 52);
		else
			assert_string_not_equal(err.text, "");
	}
}

static void addresses_between_the_halves_are_refused(void **state)
{
	const struct setup low = { .granule = G4K, .va_bits = 39 };
	const struct setup high = { .granule = G4K, .va_bits = 39, .upper = true };
	struct walk_regs r = regs_of(&low);
	struct memory m = { .n = 0 };

	(void)state;
	map(&m, &r, &low, 0x1000, 0x5000, 3);
	refuse(&r, &m, UINT64_C(0x8000001000), "the guest's virtual addresses have 39 bits");
	refuse(&r, &m, UINT64_C(0x0100000000001000), "have 39 bits");
	r = regs_of(&high);
	m.n = 0;
	map(&m, &r, &high, UINT64_C(0xffffff8000001000), 0x5000, 3);
	refuse(&r, &m, UINT64_C(0xffffff0000001000), "have 39 bits");
	refuse(&r, &m, UINT64_C(0xf7ffff8000001000), "have 39 bits");
}

static void expect(const struct walk_regs *r, struct memory *m, uint64_t va, uint64_t pa)
{
	struct err err = { "" };
	gpa_t found = { 0 };

	if (walk(r, va, read_word, m, &found, &err) != 0)
		fail_msg("0x%llx: expected 0x%llx, found: it %s", (unsigned long long)va,
			 (unsigned long long)pa, err.text);
	assert_int_equal(found.v, pa);
}

static void a_tag_is_ignored_where_the_guest_says_so(void **state)
{
	const struct setup low = { .granule = G4K, .va_bits = 39 };
	const struct setup high = { .granule = G4K, .va_bits = 39, .upper = true };
	struct walk_regs r = regs_of(&low);
	struct memory m = { .n = 0 };

	(void)state;
	map(&m, &r, &low, 0x1abc, 0x5abc, 3);
	r.tcr |= TCR_TBI1;
	refuse(&r, &m, UINT64_C(0xab00000000001abc), "have 39 bits");
	r.tcr |= TCR_TBI0;
	expect(&r, &m, UINT64_C(0xab00000000001abc), 0x5abc);
	r = regs_of(&high);
	m.n = 0;
	map(&m, &r, &high, UINT64_C(0xffffff8000001abc), 0x5abc, 3);
	r.tcr |= TCR_TBI1;
	expect(&r, &m, UINT64_C(0xf4ffff8000001abc), 0x5abc);
	refuse(&r, &m, UINT64_C(0xf4bfff8000001abc), "have 39 bits");
}

static void a_half_that_is_switched_off_is_refused(void **state)
{
	const struct setup low = { .granule = G4K, .va_bits = 39 };
	const struct setup high = { .granule = G4K, .va_bits = 39, .upper = true };
	struct walk_regs r = regs_of(&low);
	struct memory m = { .n = 0 };

	(void)state;
	map(&m, &r, &low, 0x1000, 0x5000, 3);
	r.tcr |= TCR_EPD1;
	expect(&r, &m, 0x1000, 0x5000);
	r.tcr |= TCR_EPD0;
	refuse(&r, &m, 0x1000, "switches TTBR0_EL1 off");
	r = regs_of(&high);
	m.n = 0;
	map(&m, &r, &high, UINT64_C(0xffffff8000001000), 0x5000, 3);
	r.tcr |= TCR_EPD0;
	expect(&r, &m, UINT64_C(0xffffff8000001000), 0x5000);
	r.tcr |= TCR_EPD1;
	refuse(&r, &m, UINT64_C(0xffffff8000001000), "switches TTBR1_EL1 off");
}

/* Address bits 51:48 of the register are there with 52-bit addresses only. */
static void bits_of_the_register_that_are_no_address_are_ignored(void **state)
{
	const struct setup s = { .granule = G4K, .va_bits = 48 };
	struct walk_regs r = regs_of(&s);
	struct memory m = { .n = 0 };

	(void)state;
	map(&m, &r, &s, 0x1000, 0x5000, 3);
	r.tcr |= UINT64_C(7) << 32;
	r.ttbr0 |= UINT64_C(15) << 2 | UINT64_C(0x1234) << 48;
	expect(&r, &m, 0x1000, 0x5000);
}

static void settings_that_the_architecture_reserves_are_refused(void **state)
{
	const struct setup s = { .granule = G4K, .va_bits = 39 };
	struct walk_regs r = regs_of(&s), bad;
	struct memory m = { .n = 0 };

	(void)state;
	bad = r;
	bad.tcr |= 3 << 14;
	refuse(&bad, &m, 0x1000, "reserved page size");
	bad = r;
	bad.tcr &= ~(UINT64_C(3) << 30);
	refuse(&bad, &m, UINT64_MAX, "reserved page size");
	bad = r;
	bad.tcr = (bad.tcr & ~UINT64_C(63)) | 15;
	refuse(&bad, &m, 0x1000, "T0SZ of TCR_EL1");
	bad.tcr = (bad.tcr & ~UINT64_C(63)) | 49;
	refuse(&bad, &m, 0x1000, "is 49, allowed are 16 to 48");
	bad.tcr |= TCR_DS;
	bad.tcr = (bad.tcr & ~UINT64_C(63)) | 11;
	refuse(&bad, &m, 0x1000, "is 11, allowed are 12 to 48");
	bad.tcr = 1 << 14 | 48;
	refuse(&bad, &m, 0x1000, "is 48, allowed are 12 to 47");
}

static void without_translation_an_address_is_its_own(void **state)
{
	struct walk_regs r = { .sctlr = 0, .mmfr0 = 2 };
	struct memory m = { .n = 0 };

	(void)state;
	expect(&r, &m, 0x80001234, 0x80001234);
	expect(&r, &m, (UINT64_C(1) << 40) - 1, (UINT64_C(1) << 40) - 1);
	refuse(&r, &m, UINT64_C(1) << 40, "the CPU's MMU is off");
	refuse(&r, &m, UINT64_C(0xffff800010000000), "the CPU's MMU is off");
	assert_int_equal(m.reads, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_and_blocks_of_every_size_in_both_halves),
		cmocka_unit_test(tables_of_a_big_endian_kernel),
		cmocka_unit_test(a_block_at_a_level_without_blocks_is_refused),
		cmocka_unit_test(an_entry_that_is_not_valid_is_refused_with_its_level),
		cmocka_unit_test(a_table_outside_of_ram_is_refused),
		cmocka_unit_test(addresses_beyond_the_output_size_are_refused),
		cmocka_unit_test(the_processors_output_size_limits_the_guests),
		cmocka_unit_test(lpa2_needs_the_processors_consent),
		cmocka_unit_test(tables_that_lead_to_themselves_end),
		cmocka_unit_test(anything_in_registers_and_tables_ends),
		cmocka_unit_test(addresses_between_the_halves_are_refused),
		cmocka_unit_test(a_tag_is_ignored_where_the_guest_says_so),
		cmocka_unit_test(a_half_that_is_switched_off_is_refused),
		cmocka_unit_test(bits_of_the_register_that_are_no_address_are_ignored),
		cmocka_unit_test(settings_that_the_architecture_reserves_are_refused),
		cmocka_unit_test(without_translation_an_address_is_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
