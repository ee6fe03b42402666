/*
 * Error sources in shared memory: the order of writes, the states of a record, bad pages, and a guest that
 * writes what it likes. Offsets and values are numbers here, as a guest has them from ACPI.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "ghes_fixture.h"
#include "lib/types.h"

#define SOURCE GHES_SDEI_NORMAL
#define LENGTH 172 /* a record with one memory section */

struct test {
	struct fake fake;
	struct ghes ghes;
	uint8_t record[4096];
};

static int setup(void **state)
{
	struct test *t = test_calloc(1, sizeof(*t));

	fake_init(&t->fake, &t->ghes);
	if (ghes_reset(&t->ghes))
		return -1;
	make_record(t->record, LENGTH, 0x5c);
	t->fake.accesses = 0;
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	test_free(*state);
	return 0;
}

static void check_state(struct test *t, enum ghes_id id, enum ghes_state expected)
{
	enum ghes_state found = ghes_look(&t->ghes, id);

	if (found != expected)
		fail_msg("source %s: expected state %d, found %d", ghes_name(id), expected, found);
}

static void put(struct test *t, enum ghes_id id, bool force, int expected)
{
	int rc = ghes_put(&t->ghes, id, t->record, LENGTH, 7, 1000, force);

	if (rc != expected)
		fail_msg("source %s: expected %d, found %d", ghes_name(id), expected, rc);
}

static void check_word(const struct test *t, uint64_t offset, size_t n, uint64_t expected)
{
	uint64_t found = fake_get(&t->fake, offset, n);

	if (found != expected)
		fail_msg("offset 0x%llx: expected 0x%llx, found 0x%llx", (unsigned long long)offset,
			 (unsigned long long)expected, (unsigned long long)found);
}

static void check_cells(const struct test *t)
{
	for (unsigned id = 0; id < GHES_NR; id++)
		check_word(t, cell_of(id), 8, REGION + block_of(id));
}

/* The guest reads a record as it should. */
static void guest_takes(struct test *t, enum ghes_id id)
{
	uint8_t copy[4096];
	int n = guest_copy(&t->fake, id, copy);

	assert_int_equal(n, LENGTH);
	assert_memory_equal(copy, t->record, LENGTH);
	guest_clear(&t->fake, id);
	guest_ack(&t->fake, id);
}

/* ---- layout ---- */

static void reset_writes_cells_and_empties_blocks(void **state)
{
	struct test *t = *state;

	check_cells(t);
	for (unsigned id = 0; id < GHES_NR; id++) {
		check_word(t, ack_of(id), 8, 1);
		for (unsigned i = 0; i < 4096; i += 8)
			check_word(t, block_of(id) + i, 8, 0);
		check_state(t, id, GHES_IDLE);
	}
}

static void reset_leaves_the_rest_of_the_region_alone(void **state)
{
	struct test *t = *state;

	check_word(t, 0x1000, 8, UINT64_C(0xa5a5a5a5a5a5a5a5)); /* EINJ parameters */
	check_word(t, 0x2000, 8, UINT64_C(0xa5a5a5a5a5a5a5a5)); /* BERT */
	check_word(t, 0x3000, 8, UINT64_C(0xa5a5a5a5a5a5a5a5)); /* log page */
	check_word(t, 0x9000, 8, UINT64_C(0xa5a5a5a5a5a5a5a5)); /* behind the last block */
}

static void reset_forgets_records(void **state)
{
	struct test *t = *state;

	put(t, SOURCE, false, 0);
	assert_int_equal(ghes_reset(&t->ghes), 0);
	check_state(t, SOURCE, GHES_IDLE);
	assert_int_equal(t->ghes.source[SOURCE].written, 0);
	check_word(t, block_of(SOURCE), 4, 0);
	check_word(t, ack_of(SOURCE), 8, 1);
}

static void the_region_begins_and_ends_where_it_should(void **state)
{
	struct test *t = *state;

	assert_false(ghes_owns(&t->ghes, gpa(REGION - 4096)));
	assert_true(ghes_owns(&t->ghes, gpa(REGION)));
	assert_true(ghes_owns(&t->ghes, gpa(REGION + KIB(128) - 4096)));
	assert_false(ghes_owns(&t->ghes, gpa(REGION + KIB(128))));
	assert_false(ghes_owns(&t->ghes, gpa(0)));
	t->ghes.region = gpa(0);
	assert_false(ghes_owns(&t->ghes, gpa(0)));
}

static void the_field_table_covers_a_source(void **state)
{
	uint8_t seen[sizeof(struct ghes_source)] = { 0 };

	(void)state;
	assert_int_equal(ghes_source_desc.size, sizeof(struct ghes_source));
	for (const struct state_field *f = ghes_source_desc.fields; f->id; f++)
		for (size_t i = 0; i < (size_t)f->size * f->count; i++)
			seen[f->offset + i]++;
	for (size_t i = 0; i < sizeof(seen); i++)
		if (seen[i] != 1)
			fail_msg("byte %zu is described %u times", i, seen[i]);
}

static void sources_have_names(void **state)
{
	static const char *const names[] = { "sea", "sdei-normal", "sdei-critical", "ged",
					     "polled" };

	(void)state;
	assert_int_equal(ARRAY_SIZE(names), GHES_NR);
	for (unsigned id = 0; id < GHES_NR; id++)
		assert_string_equal(ghes_name(id), names[id]);
	assert_string_equal(ghes_name(GHES_NR), "unknown");
}

/* ---- a record's way ---- */

static void the_payload_is_there_before_the_status_says_so(void **state)
{
	static const struct access expected[] = {
		{ ACCESS_WRITE, 0x5000, 4, 0 },
		{ ACCESS_WRITE, 0x0108, 8, 0 },
		{ ACCESS_WRITE, 0x5004, LENGTH - 4, 0 },
		{ ACCESS_WRITE, 0x5000, 4, 0x12 },
	};
	struct test *t = *state;

	put(t, GHES_SDEI_NORMAL, false, 0);
	assert_int_equal(t->fake.accesses, ARRAY_SIZE(expected));
	for (unsigned i = 0; i < ARRAY_SIZE(expected); i++) {
		const struct access *found = &t->fake.access[i];

		if (found->kind != expected[i].kind || found->offset != expected[i].offset ||
		    found->n != expected[i].n)
			fail_msg("access %u: kind %d, offset 0x%llx, %zu bytes", i, found->kind,
				 (unsigned long long)found->offset, found->n);
		if (found->n <= 8)
			assert_int_equal(found->value, expected[i].value);
	}
	assert_memory_equal(t->fake.ram + 0x5000, t->record, LENGTH);
}

static void a_record_is_unread_then_unacknowledged_then_gone(void **state)
{
	struct test *t = *state;

	for (unsigned id = 0; id < GHES_NR; id++) {
		put(t, id, false, 0);
		check_state(t, id, GHES_UNREAD);
		guest_clear(&t->fake, id);
		check_state(t, id, GHES_UNACKED);
		guest_ack(&t->fake, id);
		check_state(t, id, GHES_IDLE);
		assert_int_equal(t->ghes.source[id].busy, 0);
	}
}

static void a_source_takes_the_next_record_after_the_acknowledgement(void **state)
{
	struct test *t = *state;

	for (unsigned i = 1; i <= 3; i++) {
		make_record(t->record, LENGTH, (uint8_t)i);
		put(t, SOURCE, false, 0);
		put(t, SOURCE, false, -EBUSY);
		guest_takes(t, SOURCE);
		assert_int_equal(t->ghes.source[SOURCE].written, i);
	}
}

static void a_busy_block_is_not_touched(void **state)
{
	struct test *t = *state;

	put(t, SOURCE, false, 0);
	guest_clear(&t->fake, SOURCE);
	t->fake.accesses = 0;
	put(t, SOURCE, false, -EBUSY);
	for (unsigned i = 0; i < t->fake.accesses; i++)
		assert_int_equal(t->fake.access[i].kind, ACCESS_READ);
}

static void an_acknowledgement_without_reading_does_not_count(void **state)
{
	struct test *t = *state;

	put(t, SOURCE, false, 0);
	guest_ack(&t->fake, SOURCE);
	check_state(t, SOURCE, GHES_UNREAD);
	put(t, SOURCE, false, -EBUSY);
	guest_clear(&t->fake, SOURCE);
	check_state(t, SOURCE, GHES_IDLE);
}

static void sources_do_not_disturb_each_other(void **state)
{
	struct test *t = *state;

	for (unsigned id = 0; id < GHES_NR; id++)
		put(t, id, false, 0);
	guest_takes(t, GHES_GED);
	for (unsigned id = 0; id < GHES_NR; id++)
		check_state(t, id, id == GHES_GED ? GHES_IDLE : GHES_UNREAD);
}

static void force_writes_over_what_was_not_acknowledged(void **state)
{
	struct test *t = *state;

	put(t, SOURCE, false, 0);
	make_record(t->record, LENGTH, 2);
	put(t, SOURCE, true, 0);
	guest_clear(&t->fake, SOURCE);
	make_record(t->record, LENGTH, 3);
	put(t, SOURCE, true, 0);
	check_state(t, SOURCE, GHES_UNREAD);
	guest_takes(t, SOURCE);
	check_state(t, SOURCE, GHES_IDLE);
}

static void a_late_acknowledgement_is_not_one_of_the_next_record(void **state)
{
	struct test *t = *state;

	put(t, SOURCE, false, 0);
	guest_clear(&t->fake, SOURCE);
	put(t, SOURCE, true, 0);
	guest_ack(&t->fake, SOURCE); /* of the first */
	check_state(t, SOURCE, GHES_UNREAD);
}

static void a_source_remembers_what_was_written_and_when(void **state)
{
	struct test *t = *state;
	const struct ghes_source *source = &t->ghes.source[GHES_POLLED];

	assert_int_equal(ghes_put(&t->ghes, GHES_POLLED, t->record, LENGTH, 42, 99, false), 0);
	assert_int_equal(source->id, 42);
	assert_int_equal(source->written_ns, 99);
	assert_int_equal(source->written, 1);
	assert_int_equal(source->busy, 1);
}

static void an_acknowledgement_ends_being_late(void **state)
{
	struct test *t = *state;

	put(t, SOURCE, false, 0);
	t->ghes.source[SOURCE].late = 1;
	check_state(t, SOURCE, GHES_UNREAD);
	assert_int_equal(t->ghes.source[SOURCE].late, 1);
	guest_takes(t, SOURCE);
	check_state(t, SOURCE, GHES_IDLE);
	assert_int_equal(t->ghes.source[SOURCE].late, 0);
}

static void records_of_impossible_length_are_refused(void **state)
{
	static const struct {
		size_t n;
		int rc;
	} lengths[] = {
		{ 0, -EINVAL }, { 4, -EINVAL }, { 19, -EINVAL },
		{ 20, 0 },      { 4096, 0 },    { 4097, -EINVAL },
	};
	struct test *t = *state;
	uint8_t record[4097];

	memset(record, 1, sizeof(record));
	for (unsigned i = 0; i < ARRAY_SIZE(lengths); i++) {
		int rc = ghes_put(&t->ghes, SOURCE, record, lengths[i].n, 1, 0, true);

		if (rc != lengths[i].rc)
			fail_msg("%zu bytes: expected %d, found %d", lengths[i].n, lengths[i].rc,
				 rc);
	}
	/* The largest ends with its block. */
	check_word(t, block_of(SOURCE) + 4096, 8, 0);
}

static void without_a_region_nothing_is_written(void **state)
{
	struct test *t = *state;

	t->ghes.region = gpa(0);
	assert_int_equal(ghes_reset(&t->ghes), 0);
	put(t, SOURCE, false, -ENODEV);
	put(t, SOURCE, true, -ENODEV);
	check_state(t, SOURCE, GHES_IDLE);
	assert_false(ghes_retract(&t->ghes, SOURCE));
	assert_int_equal(ghes_repair(&t->ghes, gpa(0)), 0);
	assert_int_equal(t->fake.accesses, 0);
}

/* ---- taking a record back ---- */

static void an_unread_record_can_be_taken_back(void **state)
{
	struct test *t = *state;
	uint8_t copy[4096];

	put(t, SOURCE, false, 0);
	assert_true(ghes_retract(&t->ghes, SOURCE));
	assert_int_equal(guest_copy(&t->fake, SOURCE, copy), 0);
	check_state(t, SOURCE, GHES_IDLE);
	put(t, SOURCE, false, 0);
	check_state(t, SOURCE, GHES_UNREAD);
	guest_takes(t, SOURCE);
}

static void a_record_that_was_read_cannot_be_taken_back(void **state)
{
	struct test *t = *state;

	assert_false(ghes_retract(&t->ghes, SOURCE));
	put(t, SOURCE, false, 0);
	guest_clear(&t->fake, SOURCE);
	assert_false(ghes_retract(&t->ghes, SOURCE));
	check_state(t, SOURCE, GHES_UNACKED);
	guest_ack(&t->fake, SOURCE);
	assert_false(ghes_retract(&t->ghes, SOURCE));
}

static void a_record_lost_with_its_page_cannot_be_taken_back(void **state)
{
	struct test *t = *state;

	put(t, SOURCE, false, 0);
	t->fake.bad[5] = true;
	assert_false(ghes_retract(&t->ghes, SOURCE));
	check_state(t, SOURCE, GHES_IDLE);
}

/* ---- a hostile guest ---- */

static void a_changed_address_cell_changes_nothing(void **state)
{
	static const uint64_t hostile[] = {
		0, 1, UINT64_MAX, REGION, REGION + 0x4000, REGION + 0x8ffc
	};
	struct test *t = *state;

	for (unsigned i = 0; i < ARRAY_SIZE(hostile); i++) {
		for (unsigned id = 0; id < GHES_NR; id++)
			fake_set(&t->fake, cell_of(id), hostile[i], 8);
		t->fake.accesses = 0;
		put(t, SOURCE, true, 0);
		check_state(t, SOURCE, GHES_UNREAD);
		assert_true(t->fake.accesses <= MAX_ACCESS);
		for (unsigned a = 0; a < t->fake.accesses; a++) {
			const struct access *access = &t->fake.access[a];

			if (access->offset < 0x100)
				fail_msg("a cell was accessed at 0x%llx",
					 (unsigned long long)access->offset);
			if (access->kind == ACCESS_WRITE && access->offset != 0x108 &&
			    access->offset / 4096 != 5)
				fail_msg("written to 0x%llx", (unsigned long long)access->offset);
		}
		assert_memory_equal(t->fake.ram + 0x5000, t->record, LENGTH);
	}
}

static void only_bit_0_acknowledges(void **state)
{
	static const struct {
		uint64_t ack;
		enum ghes_state state;
	} values[] = {
		{ 0, GHES_UNACKED },
		{ 2, GHES_UNACKED },
		{ UINT64_C(0x100000000), GHES_UNACKED },
		{ UINT64_MAX - 1, GHES_UNACKED },
		{ 1, GHES_IDLE },
		{ 3, GHES_IDLE },
		{ UINT64_MAX, GHES_IDLE },
	};
	struct test *t = *state;

	for (unsigned i = 0; i < ARRAY_SIZE(values); i++) {
		put(t, SOURCE, true, 0);
		guest_clear(&t->fake, SOURCE);
		fake_set(&t->fake, ack_of(SOURCE), values[i].ack, 8);
		check_state(t, SOURCE, values[i].state);
	}
}

static void any_status_but_0_is_unread(void **state)
{
	static const uint32_t statuses[] = { 1, 0x10, 0x80000000, UINT32_MAX };
	struct test *t = *state;

	for (unsigned i = 0; i < ARRAY_SIZE(statuses); i++) {
		put(t, SOURCE, true, 0);
		fake_set(&t->fake, block_of(SOURCE), statuses[i], 4);
		guest_ack(&t->fake, SOURCE);
		check_state(t, SOURCE, GHES_UNREAD);
	}
}

static void what_the_guest_puts_into_an_idle_block_is_no_record(void **state)
{
	struct test *t = *state;

	memset(t->fake.ram + block_of(SOURCE), 0xff, 4096);
	fake_set(&t->fake, ack_of(SOURCE), 0, 8);
	check_state(t, SOURCE, GHES_IDLE);
	assert_int_equal(t->fake.accesses, 0);
	put(t, SOURCE, false, 0);
	check_state(t, SOURCE, GHES_UNREAD);
	guest_takes(t, SOURCE);
	check_state(t, SOURCE, GHES_IDLE);
}

/* Both words are read at most once, so what was checked is what is used. */
static void a_look_reads_each_word_once(void **state)
{
	struct test *t = *state;

	put(t, SOURCE, false, 0);
	guest_clear(&t->fake, SOURCE);
	t->fake.accesses = 0;
	check_state(t, SOURCE, GHES_UNACKED);
	assert_int_equal(t->fake.accesses, 2);
	assert_int_equal(t->fake.access[0].offset, block_of(SOURCE));
	assert_int_equal(t->fake.access[0].n, 4);
	assert_int_equal(t->fake.access[1].offset, ack_of(SOURCE));
	assert_int_equal(t->fake.access[1].n, 8);
}

/* A guest that acknowledges the moment a status is there. */
static void acknowledge_at_once(struct fake *fake)
{
	if (fake_get(fake, block_of(SOURCE), 4)) {
		guest_clear(fake, SOURCE);
		guest_ack(fake, SOURCE);
	}
}

static void a_quick_acknowledgement_is_not_lost(void **state)
{
	struct test *t = *state;

	t->fake.guest = acknowledge_at_once;
	put(t, SOURCE, false, 0);
	check_state(t, SOURCE, GHES_IDLE);
}

/* ---- bad pages ---- */

static unsigned renewals(const struct test *t)
{
	unsigned n = 0;

	for (unsigned i = 0; i < t->fake.accesses && i < MAX_ACCESS; i++)
		n += t->fake.access[i].kind == ACCESS_RENEW;
	return n;
}

static void a_record_is_written_to_a_fresh_page_if_its_page_is_bad(void **state)
{
	struct test *t = *state;

	t->fake.bad[5] = true;
	put(t, GHES_SDEI_NORMAL, false, 0);
	assert_int_equal(renewals(t), 1);
	check_state(t, GHES_SDEI_NORMAL, GHES_UNREAD);
	guest_takes(t, GHES_SDEI_NORMAL);
	check_cells(t);
}

static void bad_cells_are_written_again(void **state)
{
	struct test *t = *state;

	put(t, GHES_GED, false, 0);
	t->fake.bad[0] = true;
	put(t, SOURCE, false, 0);
	assert_int_equal(renewals(t), 1);
	check_cells(t);
	check_word(t, ack_of(SOURCE), 8, 0);
	check_state(t, SOURCE, GHES_UNREAD);
	check_state(t, GHES_GED, GHES_UNREAD);
	guest_takes(t, SOURCE);
	guest_takes(t, GHES_GED);
	check_state(t, SOURCE, GHES_IDLE);
	check_state(t, GHES_GED, GHES_IDLE);
}

static void both_pages_may_be_bad(void **state)
{
	struct test *t = *state;

	t->fake.bad[0] = t->fake.bad[5] = true;
	put(t, SOURCE, false, 0);
	assert_int_equal(renewals(t), 2);
	check_cells(t);
	guest_takes(t, SOURCE);
	check_state(t, SOURCE, GHES_IDLE);
}

static void a_lost_record_counts_as_acknowledged(void **state)
{
	struct test *t = *state;

	put(t, SOURCE, false, 0);
	t->fake.bad[5] = true;
	check_state(t, SOURCE, GHES_IDLE);
	assert_false(t->fake.bad[5]);
	check_word(t, ack_of(SOURCE), 8, 1);
}

static void a_lost_acknowledgement_counts_as_given(void **state)
{
	struct test *t = *state;

	put(t, SOURCE, false, 0);
	guest_clear(&t->fake, SOURCE);
	t->fake.bad[0] = true;
	check_state(t, SOURCE, GHES_IDLE);
	check_cells(t);
}

static void reset_renews_bad_pages(void **state)
{
	struct test *t = *state;

	t->fake.bad[0] = t->fake.bad[4] = t->fake.bad[8] = true;
	assert_int_equal(ghes_reset(&t->ghes), 0);
	for (unsigned i = 0; i < NR_PAGES; i++)
		assert_false(t->fake.bad[i]);
	reset_writes_cells_and_empties_blocks(state);
}

/* ACPI 6.5 18.6.4: header size 16, one table of 16 bytes without entries; behind it, its address. */
static void check_trigger(const struct test *t)
{
	assert_int_equal(fake_get(&t->fake, 0x1100, 4), 16);
	assert_int_equal(fake_get(&t->fake, 0x1108, 4), 16);
	assert_int_equal(fake_get(&t->fake, 0x110c, 4), 0);
	assert_int_equal(fake_get(&t->fake, 0x1110, 8), REGION + 0x1100);
}

static void reset_writes_the_trigger_table_of_einj(void **state)
{
	struct test *t = *state;

	t->fake.bad[1] = true;
	assert_int_equal(ghes_reset(&t->ghes), 0);
	check_trigger(t);
	t->fake.bad[1] = true;
	memset(t->fake.ram + 0x1000, 0, 4096);
	assert_int_equal(ghes_repair(&t->ghes, gpa(REGION + 0x1000)), 0);
	assert_false(t->fake.bad[1]);
	check_trigger(t);
}

/* The host's page is larger than a block: everything in it goes at once. */
static void a_large_bad_page_takes_all_records_with_it(void **state)
{
	struct test *t = *state;

	t->fake.host_page = KIB(64);
	for (unsigned id = 0; id < GHES_NR; id++)
		put(t, id, false, 0);
	t->fake.bad[6] = true;
	check_state(t, GHES_SDEI_CRITICAL, GHES_IDLE);
	check_cells(t);
	for (unsigned id = 0; id < GHES_NR; id++) {
		check_state(t, id, GHES_IDLE);
		put(t, id, false, 0);
		guest_takes(t, id);
	}
}

static void repair_makes_a_reported_page_good(void **state)
{
	static const unsigned pages[] = { 0, 1, 4, 5, 8, NR_PAGES - 1 };
	struct test *t = *state;

	for (unsigned i = 0; i < ARRAY_SIZE(pages); i++) {
		put(t, SOURCE, true, 0);
		t->fake.bad[pages[i]] = true;
		/* Any address in the page will do. */
		assert_int_equal(
			ghes_repair(&t->ghes, gpa(REGION + pages[i] * UINT64_C(4096) + 0x123)), 0);
		assert_false(t->fake.bad[pages[i]]);
		check_cells(t);
		check_state(t, SOURCE, pages[i] == 5 ? GHES_IDLE : GHES_UNREAD);
	}
}

static void repair_of_a_page_elsewhere_does_nothing(void **state)
{
	struct test *t = *state;

	assert_int_equal(ghes_repair(&t->ghes, gpa(REGION - 4096)), 0);
	assert_int_equal(ghes_repair(&t->ghes, gpa(REGION + KIB(128))), 0);
	assert_int_equal(t->fake.accesses, 0);
}

static void a_page_that_cannot_be_renewed_is_an_error(void **state)
{
	struct test *t = *state;

	t->fake.bad[5] = true;
	t->fake.renew_rc = -ENOMEM;
	put(t, SOURCE, false, -ENOMEM);
	assert_int_equal(t->ghes.source[SOURCE].busy, 0);
	check_state(t, SOURCE, GHES_IDLE);
	assert_int_equal(t->ghes.source[SOURCE].written, 0);
	assert_true(ghes_repair(&t->ghes, gpa(REGION + 0x5000)) < 0);
	assert_int_equal(ghes_reset(&t->ghes), -ENOMEM);
	t->fake.renew_rc = 0;
	put(t, SOURCE, false, 0);
	check_state(t, SOURCE, GHES_UNREAD);
}

/* The host says renewed and the page is bad again, each time. */
static void poison_all(struct fake *fake)
{
	memset(fake->bad, 1, sizeof(fake->bad));
}

static void pages_that_stay_bad_end_in_an_error(void **state)
{
	struct test *t = *state;

	put(t, GHES_GED, false, 0);
	t->fake.guest = poison_all;
	poison_all(&t->fake);
	put(t, SOURCE, false, -EHWPOISON);
	assert_int_equal(ghes_reset(&t->ghes), -EHWPOISON);
	check_state(t, GHES_GED, GHES_IDLE);
	assert_true(t->fake.accesses < MAX_ACCESS);
}

static void a_region_outside_ram_is_an_error(void **state)
{
	struct test *t = *state;

	put(t, SOURCE, false, 0);
	t->fake.access_rc = -EFAULT;
	check_state(t, SOURCE, GHES_IDLE);
	put(t, SOURCE, true, -EFAULT);
	assert_false(ghes_retract(&t->ghes, SOURCE));
	assert_int_equal(ghes_reset(&t->ghes), -EFAULT);
	assert_int_equal(renewals(t), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(reset_writes_cells_and_empties_blocks),
		TEST(reset_leaves_the_rest_of_the_region_alone),
		TEST(reset_forgets_records),
		TEST(the_region_begins_and_ends_where_it_should),
		TEST(the_field_table_covers_a_source),
		TEST(sources_have_names),
		TEST(the_payload_is_there_before_the_status_says_so),
		TEST(a_record_is_unread_then_unacknowledged_then_gone),
		TEST(a_source_takes_the_next_record_after_the_acknowledgement),
		TEST(a_busy_block_is_not_touched),
		TEST(an_acknowledgement_without_reading_does_not_count),
		TEST(sources_do_not_disturb_each_other),
		TEST(force_writes_over_what_was_not_acknowledged),
		TEST(a_late_acknowledgement_is_not_one_of_the_next_record),
		TEST(a_source_remembers_what_was_written_and_when),
		TEST(an_acknowledgement_ends_being_late),
		TEST(records_of_impossible_length_are_refused),
		TEST(without_a_region_nothing_is_written),
		TEST(an_unread_record_can_be_taken_back),
		TEST(a_record_that_was_read_cannot_be_taken_back),
		TEST(a_record_lost_with_its_page_cannot_be_taken_back),
		TEST(a_changed_address_cell_changes_nothing),
		TEST(only_bit_0_acknowledges),
		TEST(any_status_but_0_is_unread),
		TEST(what_the_guest_puts_into_an_idle_block_is_no_record),
		TEST(a_look_reads_each_word_once),
		TEST(a_quick_acknowledgement_is_not_lost),
		TEST(a_record_is_written_to_a_fresh_page_if_its_page_is_bad),
		TEST(bad_cells_are_written_again),
		TEST(both_pages_may_be_bad),
		TEST(a_lost_record_counts_as_acknowledged),
		TEST(a_lost_acknowledgement_counts_as_given),
		TEST(reset_renews_bad_pages),
		TEST(reset_writes_the_trigger_table_of_einj),
		TEST(a_large_bad_page_takes_all_records_with_it),
		TEST(repair_makes_a_reported_page_good),
		TEST(repair_of_a_page_elsewhere_does_nothing),
		TEST(a_page_that_cannot_be_renewed_is_an_error),
		TEST(pages_that_stay_bad_end_in_an_error),
		TEST(a_region_outside_ram_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
