/* Packed virtqueues: a correct driver in random steps, and drivers that are wrong in one thing each. What does
 * not depend on the ring's format is in test_virtqueue_split.c. */
#include <errno.h>

#include "tests/unit/virtq_random.h"

static struct virtq_chain chain;

static const struct driver_setup usual = {
	.packed = true, .size = 8, .event_idx = true, .indirect = true
};

/* ---- a correct driver ---- */

static void sizes_with_each_feature(void **state)
{
	static const uint16_t sizes[] = { 1, 2, 3, 4, 5, 7, 8, 13, 64, 100, 255, 256 };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++)
		for (unsigned features = 0; features < 4; features++) {
			struct driver_setup setup = { .packed = true,
						      .size = sizes[i],
						      .event_idx = features & 1,
						      .indirect = features & 2 };

			run_random(&setup, i * 4 + features + 1, 2000);
		}
}

static void each_size_from_1_to_256(void **state)
{
	(void)state;
	for (unsigned size = 1; size <= VIRTQ_MAX_SIZE; size++) {
		struct driver_setup setup = { .packed = true,
					      .size = (uint16_t)size,
					      .event_idx = true };
		struct driver d;

		driver_open(&d, &setup);
		for (unsigned i = 0; i < 2 * size + 3; i++) {
			unsigned id;
			uint32_t len;

			assert_int_not_equal(driver_add_one(&d, AT_BUFFERS, i, true), -1);
			assert_int_equal(virtq_pop(&d.q, &chain), VIRTQ_REQUEST);
			assert_int_equal(virtq_pop(&d.q, &chain), VIRTQ_NOTHING);
			virtq_push(&d.q, &chain, i);
			assert_true(driver_collect(&d, &id, &len));
			assert_int_equal(len, i);
		}
		driver_close(&d);
	}
}

/* From each place of a ring, with either wrap counter. */
static void each_place_to_start(void **state)
{
	(void)state;
	for (unsigned start = 0; start < 14; start++) {
		struct driver_setup setup = { .packed = true,
					      .size = 7,
					      .start = start,
					      .event_idx = true,
					      .indirect = start & 1 };

		run_random(&setup, 100 + start, 1000);
	}
}

static void a_request_as_long_as_the_queue(void **state)
{
	struct driver_part part[VIRTQ_MAX_CHAIN];

	(void)state;
	for (unsigned i = 0; i < VIRTQ_MAX_CHAIN; i++)
		part[i] = (struct driver_part){ buffer_at(i), i, i >= 100 };
	for (unsigned size = 1; size <= VIRTQ_MAX_SIZE; size += 51) {
		struct driver_setup setup = {
			.packed = true, .size = (uint16_t)size, .start = size / 2, .indirect = true
		};
		struct driver d;

		driver_open(&d, &setup);
		assert_int_not_equal(driver_add(&d, part, size, size), -1);
		assert_int_equal(virtq_pop(&d.q, &chain), VIRTQ_REQUEST);
		assert_int_equal(chain.nslots, size);
		assert_int_equal(chain.nread + chain.nwrite, size);
		assert_int_equal(virtq_pop(&d.q, &chain), VIRTQ_NOTHING);
		driver_close(&d);
		driver_open(&d, &setup);
		assert_int_not_equal(driver_add(&d, part, VIRTQ_MAX_CHAIN, 0), -1);
		assert_int_equal(virtq_pop(&d.q, &chain), VIRTQ_REQUEST);
		assert_int_equal(chain.nslots, 1);
		assert_int_equal(chain.nread, 100);
		assert_int_equal(chain.nwrite, 156);
		driver_close(&d);
	}
}

/* 2.8.7: in an indirect table only WRITE counts. */
static void other_flags_of_a_table_are_ignored(void **state)
{
	static const struct driver_part part[] = { { AT_BUFFERS, 1, false },
						   { AT_BUFFERS, 2, true } };
	struct driver driver, *d = &driver;
	int id;

	(void)state;
	driver_open(d, &usual);
	id = driver_add(d, part, 2, 0);
	table_entry(d, 0, 0)->packed.id = 77;
	desc_at(d, 0)->packed.flags |= F_WRITE;
	for (unsigned i = 0; i < 2; i++) {
		struct desc *desc = table_entry(d, (unsigned)id, i);

		desc->packed.id = 99;
		desc->packed.flags = (uint16_t)(desc->packed.flags | ~F_WRITE);
	}
	assert_int_equal(virtq_pop(&d->q, &chain), VIRTQ_REQUEST);
	assert_int_equal(chain.id, id);
	assert_int_equal(chain.read_bytes, 1);
	assert_int_equal(chain.write_bytes, 2);
	driver_close(d);
}

/* 2.8.6: the id of a list is that of its last descriptor. */
static void the_last_descriptor_has_the_id(void **state)
{
	static const struct driver_part part[] = { { AT_BUFFERS, 1, false },
						   { AT_BUFFERS, 2, true } };
	struct driver driver, *d = &driver;

	(void)state;
	driver_open(d, &usual);
	driver_add(d, part, 2, 2);
	desc_at(d, 0)->packed.id = 0xabcd;
	desc_at(d, 1)->packed.id = 0x1234;
	assert_int_equal(virtq_pop(&d->q, &chain), VIRTQ_REQUEST);
	assert_int_equal(chain.id, 0x1234);
	driver_close(d);
}

/* 2.8.3: WRITE in a used descriptor says that something was written. */
static void a_used_descriptor_says_whether_it_was_written(void **state)
{
	struct driver driver, *d = &driver;

	(void)state;
	driver_open(d, &usual);
	for (unsigned i = 0; i < 2; i++) {
		driver_add_one(d, AT_BUFFERS, 8, true);
		assert_int_equal(virtq_pop(&d->q, &chain), VIRTQ_REQUEST);
		virtq_push(&d->q, &chain, i ? 5 : 0);
	}
	assert_int_equal(desc_at(d, 0)->packed.flags, F_AVAIL | F_USED);
	assert_int_equal(desc_at(d, 0)->len, 0);
	assert_int_equal(desc_at(d, 1)->packed.flags, F_AVAIL | F_USED | F_WRITE);
	assert_int_equal(desc_at(d, 1)->len, 5);
	driver_close(d);
}

/* A completion takes the first free place, not that of its own descriptors. */
static void completions_are_written_in_their_order(void **state)
{
	static const struct driver_part part[] = { { AT_BUFFERS, 1, false },
						   { AT_BUFFERS, 2, false },
						   { AT_BUFFERS, 4, true } };
	static struct virtq_chain first;
	struct driver driver, *d = &driver;

	(void)state;
	driver_open(d, &usual);
	driver_add(d, part, 1, 1);
	driver_add(d, part, 3, 3);
	assert_int_equal(virtq_pop(&d->q, &first), VIRTQ_REQUEST);
	assert_int_equal(virtq_pop(&d->q, &chain), VIRTQ_REQUEST);
	virtq_push(&d->q, &chain, 0);
	assert_int_equal(desc_at(d, 0)->packed.id, chain.id);
	assert_int_equal(d->q.state.next_used, 3);
	virtq_push(&d->q, &first, 0);
	assert_int_equal(desc_at(d, 3)->packed.id, first.id);
	assert_int_equal(desc_at(d, 3)->packed.flags, F_AVAIL | F_USED);
	assert_int_equal(d->q.state.next_used, 4);
	driver_close(d);
}

/* A driver that writes nonsense there gets interrupts, rather than none. */
static void odd_wishes_mean_interrupts(void **state)
{
	static const uint32_t wishes[] = { 2u << 16 | 8, 2u << 16 | 0xffff, 3u << 16, 0xfffc0000 };
	struct driver driver, *d = &driver;

	(void)state;
	driver_open(d, &usual);
	for (unsigned i = 0; i < ARRAY_SIZE(wishes); i++) {
		driver_add_one(d, AT_BUFFERS, 8, true);
		*word32(d, d->driver) = wishes[i];
		assert_int_equal(virtq_pop(&d->q, &chain), VIRTQ_REQUEST);
		virtq_push(&d->q, &chain, 0);
		assert_true(virtq_should_interrupt(&d->q));
		assert_false(virtq_should_interrupt(&d->q));
	}
	driver_close(d);
}

/* ---- a driver that is wrong in one thing ---- */

static void add_two_parts(struct driver *d)
{
	static const struct driver_part part[] = { { AT_BUFFERS, 64, false },
						   { AT_BUFFERS + 64, 64, true } };

	assert_int_not_equal(driver_add(d, part, 2, 2), -1);
}

/* Its table is the last one. */
static void add_table(struct driver *d)
{
	static const struct driver_part part[] = { { AT_BUFFERS, 64, false },
						   { AT_BUFFERS + 64, 64, true } };

	assert_int_equal(driver_add(d, part, 2, 0), 0);
}

static void rest_not_available(struct driver *d)
{
	add_two_parts(d);
	desc_at(d, 1)->packed.flags = F_WRITE;
}

static void rest_of_the_other_round(struct driver *d)
{
	add_two_parts(d);
	desc_at(d, 1)->packed.flags = F_USED | F_WRITE;
}

static void rest_used(struct driver *d)
{
	add_two_parts(d);
	desc_at(d, 1)->packed.flags = F_AVAIL | F_USED | F_WRITE;
}

static void endless_chain(struct driver *d)
{
	for (unsigned i = 0; i < 8; i++)
		*desc_at(d, i) = (struct desc){ RAM, 1, .packed = { 0, F_AVAIL | F_NEXT } };
}

/* The ring is full of requests under way; the driver makes the first one available again. */
static void available_twice(struct driver *d)
{
	for (unsigned i = 0; i < 8; i++) {
		driver_add_one(d, AT_BUFFERS, 1, false);
		assert_int_equal(virtq_pop(&d->q, &chain), VIRTQ_REQUEST);
	}
	desc_at(d, 0)->packed.flags = F_USED;
}

static void chain_over_one_under_way(struct driver *d)
{
	driver_add_one(d, AT_BUFFERS, 1, false);
	assert_int_equal(virtq_pop(&d->q, &chain), VIRTQ_REQUEST);
	for (unsigned i = 1; i < 9; i++)
		desc_at(d, i % 8)->packed.flags = (i < 8 ? F_AVAIL : F_USED) | F_NEXT;
}

static void read_after_write(struct driver *d)
{
	add_two_parts(d);
	desc_at(d, 0)->packed.flags = F_AVAIL | F_NEXT | F_WRITE;
	desc_at(d, 1)->packed.flags = F_AVAIL;
}

static void buffer_outside(struct driver *d)
{
	driver_add_one(d, END - 1, 2, true);
}

static void buffer_around_the_address_space(struct driver *d)
{
	driver_add_one(d, UINT64_MAX - 1, UINT32_MAX, true);
}

static void too_many_parts(struct driver *d)
{
	add_table(d);
	desc_at(d, 0)->addr = AT_TABLES;
	desc_at(d, 0)->len = 16 * 257;
	for (unsigned i = 0; i < 257; i++)
		*table_entry(d, 0, i) = (struct desc){ RAM, 1, .packed = { 0, 0 } };
}

static void table_not_negotiated(struct driver *d)
{
	d->q.indirect = false;
	add_table(d);
}

static void table_with_next(struct driver *d)
{
	add_table(d);
	desc_at(d, 0)->packed.flags |= F_NEXT;
}

static void table_behind_a_descriptor(struct driver *d)
{
	add_two_parts(d);
	desc_at(d, 1)->packed.flags |= F_INDIRECT;
}

static void table_empty(struct driver *d)
{
	add_table(d);
	desc_at(d, 0)->len = 0;
}

static void table_of_31_bytes(struct driver *d)
{
	add_table(d);
	desc_at(d, 0)->len = 31;
}

static void table_outside(struct driver *d)
{
	add_table(d);
	desc_at(d, 0)->addr = END - 16;
}

static void table_of_all_ones(struct driver *d)
{
	add_table(d);
	desc_at(d, 0)->len = 0xfffffff0;
}

static void bad_buffer_in_table(struct driver *d)
{
	add_table(d);
	desc_at(d, 0)->addr = AT_TABLES;
	*table_entry(d, 0, 0) = (struct desc){ 0, 1, .packed = { 0, 0 } };
}

static const struct wrong wrongs[] = {
	{ "rest not available", rest_not_available,
	  "a chain goes on in a descriptor that is not available" },
	{ "rest of the other round", rest_of_the_other_round,
	  "a chain goes on in a descriptor that is not available" },
	{ "rest used", rest_used, "a chain goes on in a descriptor that is not available" },
	{ "endless chain", endless_chain,
	  "more descriptors are available than the ring has room for" },
	{ "available twice", available_twice,
	  "more descriptors are available than the ring has room for" },
	{ "chain over one under way", chain_over_one_under_way,
	  "more descriptors are available than the ring has room for" },
	{ "read after write", read_after_write, "a buffer to read comes after one to write" },
	{ "buffer outside", buffer_outside, "a buffer is not inside RAM" },
	{ "buffer around the address space", buffer_around_the_address_space,
	  "a buffer is not inside RAM" },
	{ "too many parts", too_many_parts, "a request has more than 256 parts" },
	{ "table not negotiated", table_not_negotiated,
	  "an indirect descriptor, though the driver did not ask for them" },
	{ "table with next", table_with_next, "a descriptor follows an indirect one" },
	{ "table behind a descriptor", table_behind_a_descriptor,
	  "an indirect descriptor follows another descriptor" },
	{ "table empty", table_empty, "an indirect table has no entries" },
	{ "table of 31 bytes", table_of_31_bytes,
	  "the size of an indirect table is not a multiple of 16" },
	{ "table outside", table_outside, "an indirect table is not inside RAM" },
	{ "table of all ones", table_of_all_ones, "an indirect table is not inside RAM" },
	{ "bad buffer in a table", bad_buffer_in_table, "a buffer is not inside RAM" },
};

static void each_wrong_thing_breaks_the_queue(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(wrongs); i++)
		check_wrong(&usual, &wrongs[i], &chain);
}

/* Only the turn of the next descriptor counts. */
static void a_descriptor_of_another_turn_is_nothing(void **state)
{
	static const uint16_t flags[] = { 0, F_USED, F_AVAIL | F_USED, F_NEXT | F_WRITE };
	struct driver driver, *d = &driver;

	(void)state;
	driver_open(d, &usual);
	for (unsigned i = 0; i < ARRAY_SIZE(flags); i++) {
		desc_at(d, 0)->packed.flags = flags[i];
		assert_false(virtq_has_work(&d->q));
		assert_int_equal(virtq_pop(&d->q, &chain), VIRTQ_NOTHING);
	}
	driver_close(d);
}

/* ---- where the ring is, and what was loaded ---- */

struct setup_case {
	const char *why;
	struct virtq_state state;
};

#define PLACES .desc = AT_DESC, .driver = AT_DRIVER, .device = AT_DEVICE

static const struct setup_case bad_setups[] = {
	{ "the queue has no entries", { PLACES, .size = 0 } },
	{ "the queue has more entries than the device offers", { PLACES, .size = 257 } },
	{ "the address of the descriptor ring is not a multiple of 16",
	  { .desc = AT_DESC + 8, .driver = AT_DRIVER, .device = AT_DEVICE, .size = 7 } },
	{ "the address of the driver's event suppression is not a multiple of 4",
	  { .desc = AT_DESC, .driver = AT_DRIVER + 2, .device = AT_DEVICE, .size = 7 } },
	{ "the address of the device's event suppression is not a multiple of 4",
	  { .desc = AT_DESC, .driver = AT_DRIVER, .device = AT_DEVICE + 2, .size = 7 } },
	{ "the descriptor ring is not inside RAM",
	  { .desc = END - 6 * 16, .driver = AT_DRIVER, .device = AT_DEVICE, .size = 7 } },
	{ "the driver's event suppression is not inside RAM",
	  { .desc = AT_DESC, .driver = END, .device = AT_DEVICE, .size = 7 } },
	{ "the device's event suppression is not inside RAM",
	  { .desc = AT_DESC, .driver = AT_DRIVER, .device = RAM - 4, .size = 7 } },
	{ "a place in the ring is beyond its end", { PLACES, .size = 7, .next_avail = 7 } },
	{ "a place in the ring is beyond its end", { PLACES, .size = 7, .next_used = 7 } },
	{ "a place in the ring is beyond its end", { PLACES, .size = 7, .told_used = 7 } },
	{ "a wrap counter is neither 0 nor 1", { PLACES, .size = 7, .avail_wrap = 2 } },
	{ "a wrap counter is neither 0 nor 1", { PLACES, .size = 7, .used_wrap = 2 } },
	{ "a wrap counter is neither 0 nor 1", { PLACES, .size = 7, .told_wrap = 2 } },
	{ "more requests are under way than the queue has entries",
	  { PLACES, .size = 7, .next_used = 3, .next_avail = 4, .avail_wrap = 1 } },
	{ "the queue was broken before", { PLACES, .size = 7, .broken = 1 } },
};

static void what_is_started_is_checked(void **state)
{
	struct driver d;

	(void)state;
	driver_prepare(&d, &usual);
	for (unsigned i = 0; i < ARRAY_SIZE(bad_setups); i++) {
		virtq_reset(&d.q);
		d.q.packed = true;
		d.q.state = bad_setups[i].state;
		if (virtq_start(&d.q))
			fail_msg("expected \"%s\", and the queue starts", bad_setups[i].why);
		assert_string_equal(d.q.why, bad_setups[i].why);
		assert_int_equal(virtq_pop(&d.q, &chain), VIRTQ_BROKEN);
	}
	driver_close(&d);
}

static void the_ring_may_end_where_ram_ends(void **state)
{
	static const struct driver_setup setups[] = {
		{ .packed = true, .size = 7, .desc = END - 7 * 16 },
		{ .packed = true, .size = 7, .driver = END - 4 },
		{ .packed = true, .size = 7, .device = END - 4, .desc = RAM },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(setups); i++)
		run_random(&setups[i], 5 + i, 1000);
}

/* ---- poison ---- */

static void open_with(struct driver *d, uint64_t desc, uint64_t driver, uint64_t device)
{
	struct driver_setup setup = usual;

	setup.shared = true;
	setup.desc = desc;
	setup.driver = driver;
	setup.device = device;
	driver_open(d, &setup);
	driver_add_one(d, AT_BUFFERS, 64, true);
}

static void poison_in_the_ring(void **state)
{
	struct driver d;

	(void)state;
	catch_sigbus();
	open_with(&d, LAST_PAGE, 0, 0);
	lose_from(&d, LAST_PAGE);
	assert_true(virtq_has_work(&d.q)); /* pop will say what */
	assert_false(virtq_has_work(&d.q));
	assert_broken(&d, &chain, "a page of the rings is poisoned");
	driver_close(&d);
	open_with(&d, LAST_PAGE, 0, 0);
	assert_int_equal(virtq_pop(&d.q, &chain), VIRTQ_REQUEST);
	lose_from(&d, LAST_PAGE);
	virtq_push(&d.q, &chain, 0);
	assert_broken(&d, &chain, "a page of the rings is poisoned");
	driver_close(&d);
}

/* The first descriptor of a request is in a good page, the second is not. */
static void poison_in_the_middle_of_a_request(void **state)
{
	struct driver d;

	(void)state;
	catch_sigbus();
	open_with(&d, LAST_PAGE - 16, 0, 0);
	desc_at(&d, 0)->packed.flags |= F_NEXT;
	lose_from(&d, LAST_PAGE);
	assert_broken(&d, &chain, "a page of the descriptors is poisoned");
	driver_close(&d);
}

/* A frame in several buffers is seen as a whole or not at all. */
static void pushed_together_none_is_seen_before_all_are_there(void **state)
{
	struct virtq_used used[2];
	struct driver d;

	(void)state;
	catch_sigbus();
	open_with(&d, LAST_PAGE - 16, 0, 0); /* the second descriptor is in the last page */
	driver_add_one(&d, AT_BUFFERS, 64, true);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(virtq_pop(&d.q, &chain), VIRTQ_REQUEST);
		used[i] = (struct virtq_used){ chain.id, chain.nslots, 64 };
	}
	lose_from(&d, LAST_PAGE);
	virtq_push_all(&d.q, used, 2);
	assert_false(used_is_there(&d));
	assert_broken(&d, &chain, "a page of the rings is poisoned");
	driver_close(&d);
}

static void poison_in_a_table(void **state)
{
	struct driver d;

	(void)state;
	catch_sigbus();
	open_with(&d, 0, 0, 0);
	desc_at(&d, 0)->addr = LAST_PAGE;
	desc_at(&d, 0)->packed.flags |= F_INDIRECT;
	lose_from(&d, LAST_PAGE);
	assert_broken(&d, &chain, "a page of an indirect table is poisoned");
	driver_close(&d);
}

static void poison_in_event_suppression(void **state)
{
	struct driver d;

	(void)state;
	catch_sigbus();
	open_with(&d, 0, LAST_PAGE, 0);
	assert_int_equal(virtq_pop(&d.q, &chain), VIRTQ_REQUEST);
	lose_from(&d, LAST_PAGE);
	virtq_push(&d.q, &chain, 0);
	assert_true(virtq_should_interrupt(&d.q)); /* rather one too many */
	assert_broken(&d, &chain, "a page of the rings is poisoned");
	driver_close(&d);
	open_with(&d, 0, 0, LAST_PAGE);
	lose_from(&d, LAST_PAGE);
	assert_true(virtq_want_kicks(&d.q));
	assert_broken(&d, &chain, "a page of the rings is poisoned");
	driver_close(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_with_each_feature),
		cmocka_unit_test(each_size_from_1_to_256),
		cmocka_unit_test(each_place_to_start),
		cmocka_unit_test(a_request_as_long_as_the_queue),
		cmocka_unit_test(other_flags_of_a_table_are_ignored),
		cmocka_unit_test(the_last_descriptor_has_the_id),
		cmocka_unit_test(a_used_descriptor_says_whether_it_was_written),
		cmocka_unit_test(completions_are_written_in_their_order),
		cmocka_unit_test(odd_wishes_mean_interrupts),
		cmocka_unit_test(each_wrong_thing_breaks_the_queue),
		cmocka_unit_test(a_descriptor_of_another_turn_is_nothing),
		cmocka_unit_test(what_is_started_is_checked),
		cmocka_unit_test(the_ring_may_end_where_ram_ends),
		cmocka_unit_test(poison_in_the_ring),
		cmocka_unit_test(poison_in_the_middle_of_a_request),
		cmocka_unit_test(pushed_together_none_is_seen_before_all_are_there),
		cmocka_unit_test(poison_in_a_table),
		cmocka_unit_test(poison_in_event_suppression),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
