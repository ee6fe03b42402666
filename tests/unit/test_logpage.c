/*
 * The log page of guests without ACPI: what it looks like in memory, the order of writes, a full ring, a
 * guest that writes what it likes, a bad page. Offsets are numbers here, as the guest has them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "ghes_fixture.h"
#include "lib/types.h"
#include "ras/logpage.h"

#define LOG     0x3000
#define HEAD    (LOG + 16)
#define TAIL    (LOG + 24)
#define ENTRIES 126

struct test {
	struct fake fake;
	struct ghes ghes;
	struct logpage log;
};

static int setup(void **state)
{
	struct test *t = test_calloc(1, sizeof(*t));

	fake_init(&t->fake, &t->ghes);
	if (ghes_reset(&t->ghes) || logpage_reset(&t->log, &t->ghes))
		return -1;
	t->fake.accesses = 0;
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	test_free(*state);
	return 0;
}

static void put(struct test *t, uint32_t id, int expected)
{
	struct ras_error error = { .class = RAS_AR,
				   .id = id,
				   .at = gpa(0x80203000),
				   .base = gpa(0x80200000),
				   .bytes = 0x200000 };
	int rc = logpage_put(&t->log, &t->ghes, &error, 5000000000 + id);

	if (rc != expected)
		fail_msg("entry %u: expected %d, found %d", id, expected, rc);
}

static void check(const struct test *t, uint64_t offset, size_t n, uint64_t expected)
{
	uint64_t found = fake_get(&t->fake, offset, n);

	if (found != expected)
		fail_msg("offset 0x%llx: expected 0x%llx, found 0x%llx", (unsigned long long)offset,
			 (unsigned long long)expected, (unsigned long long)found);
}

static void check_header(const struct test *t, uint64_t head, uint64_t tail)
{
	check(t, LOG + 0, 4, 0x4d534152);
	check(t, LOG + 4, 4, 1);
	check(t, LOG + 8, 4, ENTRIES);
	check(t, LOG + 12, 4, 32);
	check(t, HEAD, 8, head);
	check(t, TAIL, 8, tail);
}

/* Entry `n` of all that were written, where it is in the ring. */
static void check_entry(const struct test *t, unsigned n, uint32_t id)
{
	uint64_t at = LOG + 64 + n % ENTRIES * 32;

	check(t, at + 0, 8, 0x80200000);
	check(t, at + 8, 8, 0x200000);
	check(t, at + 16, 4, 1);
	check(t, at + 20, 4, id);
	check(t, at + 24, 8, 5000000000 + id);
}

static void an_empty_page_has_a_header(void **state)
{
	struct test *t = *state;

	check_header(t, 0, 0);
	assert_int_equal(logpage_tail(&t->log, &t->ghes), 0);
}

static void the_magic_reads_as_text(void **state)
{
	struct test *t = *state;

	assert_memory_equal(t->fake.ram + LOG, "RASM", 4);
}

static void an_entry_says_what_was_lost(void **state)
{
	struct test *t = *state;

	put(t, 7, 0);
	check_header(t, 1, 0);
	check_entry(t, 0, 7);
}

static void an_entry_is_there_before_head_says_so(void **state)
{
	struct test *t = *state;
	unsigned writes = 0;

	put(t, 7, 0);
	for (unsigned i = 0; i < t->fake.accesses; i++) {
		const struct access *access = &t->fake.access[i];

		if (access->kind != ACCESS_WRITE)
			continue;
		assert_int_equal(access->offset, writes == 0 ? LOG + 64 : HEAD);
		assert_int_equal(access->n, writes == 0 ? 32 : 8);
		writes++;
	}
	assert_int_equal(writes, 2);
}

static void a_full_ring_waits_for_the_guest(void **state)
{
	struct test *t = *state;

	for (unsigned i = 0; i < ENTRIES; i++)
		put(t, i, 0);
	put(t, 999, -EBUSY);
	check_header(t, ENTRIES, 0);
	for (unsigned i = 0; i < ENTRIES; i++)
		check_entry(t, i, i);
	/* Behind the last entry another block begins. */
	check(t, LOG + 0x1000, 8, 0);

	fake_set(&t->fake, TAIL, 2, 8);
	put(t, 200, 0);
	put(t, 201, 0);
	put(t, 999, -EBUSY);
	check_entry(t, 126, 200);
	check_entry(t, 127, 201);
	check_entry(t, 2, 2);
}

static void a_guest_that_keeps_up_can_go_on_forever(void **state)
{
	struct test *t = *state;

	for (unsigned i = 0; i < 1000; i++) {
		put(t, i, 0);
		check_entry(t, i, i);
		check(t, HEAD, 8, i + 1);
		fake_set(&t->fake, TAIL, i + 1, 8);
		assert_int_equal(logpage_tail(&t->log, &t->ghes), i + 1);
	}
}

static void a_tail_is_never_beyond_what_was_written(void **state)
{
	static const struct {
		uint64_t written, tail;
	} tails[] = {
		/* 300 were written. */
		{ 300, 300 },  { 299, 299 },        { 174, 174 },
		{ 173, 174 },  { 0, 174 },          { 301, 300 },
		{ 1000, 300 }, { UINT64_MAX, 300 }, { UINT64_C(1) << 63, 300 },
	};
	struct test *t = *state;

	for (unsigned i = 0; i < 300; i++) {
		put(t, i, 0);
		fake_set(&t->fake, TAIL, i + 1, 8);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(tails); i++) {
		uint64_t found;

		fake_set(&t->fake, TAIL, tails[i].written, 8);
		found = logpage_tail(&t->log, &t->ghes);
		if (found != tails[i].tail)
			fail_msg("tail %llu: expected %llu, found %llu",
				 (unsigned long long)tails[i].written,
				 (unsigned long long)tails[i].tail, (unsigned long long)found);
	}
}

static void a_tail_moved_back_makes_the_ring_full(void **state)
{
	struct test *t = *state;

	for (unsigned i = 0; i < 300; i++) {
		put(t, i, 0);
		fake_set(&t->fake, TAIL, i + 1, 8);
	}
	fake_set(&t->fake, TAIL, 0, 8);
	put(t, 999, -EBUSY);
	fake_set(&t->fake, TAIL, 175, 8);
	put(t, 300, 0);
}

static void a_head_the_guest_wrote_is_not_used(void **state)
{
	struct test *t = *state;

	put(t, 1, 0);
	fake_set(&t->fake, HEAD, 0xffffff, 8);
	fake_set(&t->fake, LOG + 8, 0xffffffff, 4);
	fake_set(&t->fake, LOG + 12, 0, 4);
	put(t, 2, 0);
	check(t, HEAD, 8, 2);
	check_entry(t, 1, 2);
}

static void a_header_that_was_overwritten_is_written_again(void **state)
{
	struct test *t = *state;

	for (unsigned i = 0; i < 5; i++)
		put(t, i, 0);
	memset(t->fake.ram + LOG, 0, 4096);
	assert_int_equal(logpage_tail(&t->log, &t->ghes), 5);
	check_header(t, 5, 5);
	memset(t->fake.ram + LOG, 0xff, 4096);
	put(t, 5, 0);
	check_header(t, 6, 5);
	check_entry(t, 5, 5);
}

static void a_bad_page_is_replaced_and_its_entries_count_as_read(void **state)
{
	struct test *t = *state;

	for (unsigned i = 0; i < ENTRIES; i++)
		put(t, i, 0);
	t->fake.bad[3] = true;
	put(t, 126, 0);
	assert_false(t->fake.bad[3]);
	check_header(t, 127, 126);
	check_entry(t, 126, 126);
	t->fake.bad[3] = true;
	assert_int_equal(logpage_tail(&t->log, &t->ghes), 127);
	check_header(t, 127, 127);
}

static void a_page_that_was_repaired_gets_its_header_back(void **state)
{
	struct test *t = *state;

	put(t, 0, 0);
	t->fake.bad[3] = true;
	assert_int_equal(ghes_repair(&t->ghes, gpa(REGION + LOG)), 0);
	put(t, 1, 0);
	check_header(t, 2, 1);
}

static void reset_begins_anew_even_on_a_bad_page(void **state)
{
	struct test *t = *state;

	put(t, 0, 0);
	t->fake.bad[3] = true;
	assert_int_equal(logpage_reset(&t->log, &t->ghes), 0);
	check_header(t, 0, 0);
	put(t, 1, 0);
	check_entry(t, 0, 1);
}

static void a_page_that_cannot_be_written_is_an_error(void **state)
{
	struct test *t = *state;

	put(t, 0, 0);
	t->fake.bad[3] = true;
	t->fake.renew_rc = -ENOMEM;
	put(t, 1, -ENOMEM);
	assert_int_equal(logpage_reset(&t->log, &t->ghes), -ENOMEM);
	t->fake.access_rc = -EFAULT;
	put(t, 1, -EFAULT);
	assert_int_equal(logpage_tail(&t->log, &t->ghes), t->log.head);
	assert_int_equal(logpage_reset(&t->log, &t->ghes), -EFAULT);
}

static void an_entry_that_was_not_written_does_not_count(void **state)
{
	struct test *t = *state;

	put(t, 0, 0);
	t->fake.access_rc = -EFAULT;
	put(t, 1, -EFAULT);
	t->fake.access_rc = 0;
	put(t, 2, 0);
	check_header(t, 2, 0);
	check_entry(t, 1, 2);
}

/* The page goes bad after the header was read. */
static void poison_after_reading(struct fake *fake)
{
	if (fake->access[fake->accesses - 1].kind == ACCESS_READ)
		fake->bad[3] = true;
}

static void a_page_that_goes_bad_on_the_way_is_not_lost(void **state)
{
	struct test *t = *state;

	put(t, 0, 0);
	t->fake.accesses = 0;
	t->fake.guest = poison_after_reading;
	put(t, 1, -EHWPOISON);
	t->fake.guest = NULL;
	put(t, 2, 0);
	check_header(t, 2, 1);
	check_entry(t, 1, 2);
}

static void without_a_region_nothing_is_written(void **state)
{
	struct test *t = *state;

	t->ghes.region = gpa(0);
	assert_int_equal(logpage_reset(&t->log, &t->ghes), 0);
	put(t, 0, -ENODEV);
	assert_int_equal(logpage_tail(&t->log, &t->ghes), 0);
	assert_int_equal(t->fake.accesses, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_empty_page_has_a_header),
		TEST(the_magic_reads_as_text),
		TEST(an_entry_says_what_was_lost),
		TEST(an_entry_is_there_before_head_says_so),
		TEST(a_full_ring_waits_for_the_guest),
		TEST(a_guest_that_keeps_up_can_go_on_forever),
		TEST(a_tail_is_never_beyond_what_was_written),
		TEST(a_tail_moved_back_makes_the_ring_full),
		TEST(a_head_the_guest_wrote_is_not_used),
		TEST(a_header_that_was_overwritten_is_written_again),
		TEST(a_bad_page_is_replaced_and_its_entries_count_as_read),
		TEST(a_page_that_was_repaired_gets_its_header_back),
		TEST(reset_begins_anew_even_on_a_bad_page),
		TEST(a_page_that_cannot_be_written_is_an_error),
		TEST(an_entry_that_was_not_written_does_not_count),
		TEST(a_page_that_goes_bad_on_the_way_is_not_lost),
		TEST(without_a_region_nothing_is_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
