/* Split virtqueues: a correct driver in random steps, and drivers that are wrong in one thing each. */
#include <errno.h>

#include "tests/unit/virtq_random.h"

static struct virtq_chain chain;

/* ---- a correct driver ---- */

static const struct driver_setup usual = { .size = 8, .event_idx = true, .indirect = true };

static void each_size_with_each_feature(void **state)
{
	(void)state;
	for (unsigned size = 1; size <= VIRTQ_MAX_SIZE; size *= 2)
		for (unsigned features = 0; features < 4; features++) {
			struct driver_setup setup = { .size = (uint16_t)size,
						      .event_idx = features & 1,
						      .indirect = features & 2 };

			run_random(&setup, size * 4 + features + 1, 2800);
		}
}

/* The indexes pass 65535 early on. */
static void indexes_wrap_around(void **state)
{
	(void)state;
	for (unsigned features = 0; features < 4; features++) {
		struct driver_setup setup = { .size = 16,
					      .start = 65530,
					      .event_idx = features & 1,
					      .indirect = features & 2 };

		run_random(&setup, 77 + features, 3000);
	}
}

/* More than 2^16 requests in one go. */
static void a_long_run(void **state)
{
	struct driver driver, *d = &driver;
	unsigned id;
	uint32_t len;

	(void)state;
	driver_open(d, &usual);
	for (unsigned i = 0; i < 70000; i++) {
		int added = driver_add_one(d, buffer_at(i % 8), i % 100, false);

		assert_int_equal(virtq_pop(&d->q, &chain), VIRTQ_REQUEST);
		assert_int_equal(chain.id, added);
		assert_int_equal(chain.read_bytes, i % 100);
		virtq_push(&d->q, &chain, i);
		assert_true(driver_collect(d, &id, &len));
		assert_int_equal(len, i);
	}
	driver_close(d);
}

/* Nobody asked for 65536 pushes; they are not taken for none. */
static void a_full_round_without_a_question_is_not_nothing(void **state)
{
	static const struct driver_setup setup = { .size = 8 };
	struct driver driver, *d = &driver;
	unsigned id;
	uint32_t len;

	(void)state;
	driver_open(d, &setup);
	for (unsigned i = 0; i < 65536; i++) {
		driver_add_one(d, buffer_at(0), 1, false);
		assert_int_equal(virtq_pop(&d->q, &chain), VIRTQ_REQUEST);
		virtq_push(&d->q, &chain, 0);
		assert_true(driver_collect(d, &id, &len));
	}
	assert_true(virtq_should_interrupt(&d->q));
	assert_false(virtq_should_interrupt(&d->q));
	driver_close(d);
}

static void a_request_as_long_as_the_queue(void **state)
{
	struct driver_part part[VIRTQ_MAX_CHAIN];

	(void)state;
	for (unsigned i = 0; i < VIRTQ_MAX_CHAIN; i++)
		part[i] = (struct driver_part){ buffer_at(i), i, i >= 100 };
	for (unsigned size = 1; size <= VIRTQ_MAX_SIZE; size *= 2) {
		struct driver_setup setup = { .size = (uint16_t)size, .indirect = true };
		struct driver d;

		driver_open(&d, &setup);
		assert_int_equal(driver_add(&d, part, size, size), 0);
		assert_int_equal(virtq_pop(&d.q, &chain), VIRTQ_REQUEST);
		assert_int_equal(chain.nread + chain.nwrite, size);
		driver_close(&d);
		/* In a table it may be longer. */
		driver_open(&d, &setup);
		assert_int_equal(driver_add(&d, part, VIRTQ_MAX_CHAIN, 0), 0);
		assert_int_equal(virtq_pop(&d.q, &chain), VIRTQ_REQUEST);
		assert_int_equal(chain.nread, 100);
		assert_int_equal(chain.nwrite, 156);
		driver_close(&d);
	}
}

/* Entries of an indirect table need not follow one another. */
static void a_table_may_be_in_any_order(void **state)
{
	struct driver driver, *d = &driver;

	(void)state;
	driver_open(d, &usual);
	assert_int_equal(driver_add_one(d, AT_TABLES, 16 * 4, false), 0);
	desc_at(d, 0)->split.flags = F_INDIRECT | F_WRITE; /* 2.7.5.3.2: WRITE does not count */
	*table_entry(d, 0, 0) = (struct desc){ RAM, 1, .split = { F_NEXT, 3 } };
	*table_entry(d, 0, 3) = (struct desc){ RAM, 2, .split = { F_NEXT, 1 } };
	*table_entry(d, 0, 1) = (struct desc){ RAM, 4, .split = { F_WRITE, 9 } };
	assert_int_equal(virtq_pop(&d->q, &chain), VIRTQ_REQUEST);
	assert_int_equal(chain.nread, 2);
	assert_int_equal(chain.read_bytes, 3);
	assert_int_equal(chain.write_bytes, 4);
	driver_close(d);
}

static void the_first_and_last_byte_of_ram_are_buffers(void **state)
{
	struct driver driver, *d = &driver;

	(void)state;
	driver_open(d, &usual);
	driver_add_one(d, RAM, 1, true);
	driver_add_one(d, RAM + RAM_BYTES - 1, 1, true);
	driver_add_one(d, RAM, RAM_BYTES, true);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(virtq_pop(&d->q, &chain), VIRTQ_REQUEST);
	assert_int_equal(chain.write_bytes, RAM_BYTES);
	assert_int_equal(virtq_pop(&d->q, &chain), VIRTQ_NOTHING);
	driver_close(d);
}

/* Indirect, across the ends of buffers, and from and to places beyond them. */
static void copies_end_where_the_buffers_end(void **state)
{
	static const struct driver_part part[] = {
		{ AT_BUFFERS, 3, false },     { 0, 0, false },
		{ AT_BUFFERS + 8, 2, false }, { 1, 0, true },
		{ AT_BUFFERS + 16, 4, true },
	};
	struct driver driver, *d = &driver;
	char bytes[8] = "";

	(void)state;
	driver_open(d, &usual);
	memcpy(guest_ptr(d, AT_BUFFERS, 24), "abcABCABdeABABABwxyzABCD", 24);
	assert_int_equal(driver_add(d, part, ARRAY_SIZE(part), 1), 0);
	assert_int_equal(virtq_pop(&d->q, &chain), VIRTQ_REQUEST);
	assert_int_equal(chain.nread, 3);
	assert_int_equal(chain.nwrite, 2);
	assert_int_equal(virtq_read(&chain, 0, bytes, 8), 5);
	assert_memory_equal(bytes, "abcde", 5);
	assert_int_equal(virtq_read(&chain, 2, bytes, 2), 2);
	assert_memory_equal(bytes, "cd", 2);
	assert_int_equal(virtq_read(&chain, 5, bytes, 1), 0);
	assert_int_equal(virtq_read(&chain, UINT64_MAX, bytes, 8), 0);
	assert_int_equal(virtq_read(&chain, 0, bytes, 0), 0);
	assert_int_equal(virtq_write(&chain, 1, "12345678", 8), 3);
	assert_int_equal(virtq_write(&chain, 4, "12345678", 8), 0);
	assert_int_equal(virtq_write(&chain, UINT64_MAX, "1", 1), 0);
	assert_memory_equal(guest_ptr(d, AT_BUFFERS, 24), "abcABCABdeABABABw123ABCD", 24);
	driver_close(d);
}

/* ---- a driver that is wrong in one thing ---- */

static void add_two_parts(struct driver *d)
{
	static const struct driver_part part[] = { { AT_BUFFERS, 64, false },
						   { AT_BUFFERS + 64, 64, true } };

	if (driver_add(d, part, 2, 2) != 0)
		abort();
}

static void add_table(struct driver *d)
{
	static const struct driver_part part[] = { { AT_BUFFERS, 64, false },
						   { AT_BUFFERS + 64, 64, true } };

	if (driver_add(d, part, 2, 0) != 0)
		abort();
}

static void index_too_far(struct driver *d)
{
	*avail_idx(d) = 9;
}

static void index_backwards(struct driver *d)
{
	*avail_idx(d) = UINT16_MAX;
}

static void too_far_with_requests_under_way(struct driver *d)
{
	for (unsigned i = 0; i < 3; i++) {
		driver_add_one(d, AT_BUFFERS, 1, false);
		assert_int_equal(virtq_pop(&d->q, &chain), VIRTQ_REQUEST);
	}
	*avail_idx(d) = 3 + 6;
}

static void head_beyond_table(struct driver *d)
{
	add_two_parts(d);
	*avail_ring(d, 0) = 8;
}

static void head_all_ones(struct driver *d)
{
	add_two_parts(d);
	*avail_ring(d, 0) = UINT16_MAX;
}

static void next_beyond_table(struct driver *d)
{
	add_two_parts(d);
	desc_at(d, 0)->split.next = 8;
}

static void next_is_itself(struct driver *d)
{
	add_two_parts(d);
	desc_at(d, 0)->split.next = 0;
}

static void last_points_back(struct driver *d)
{
	add_two_parts(d);
	desc_at(d, 0)->split.flags = F_NEXT | F_WRITE;
	desc_at(d, 1)->split.flags = F_NEXT | F_WRITE;
	desc_at(d, 1)->split.next = 0;
}

static void read_after_write(struct driver *d)
{
	add_two_parts(d);
	desc_at(d, 0)->split.flags = F_NEXT | F_WRITE;
	desc_at(d, 1)->split.flags = 0;
}

static void read_after_empty_write(struct driver *d)
{
	read_after_write(d);
	desc_at(d, 0)->len = 0;
}

static void buffer_before_ram(struct driver *d)
{
	driver_add_one(d, RAM - 1, 2, false);
}

static void buffer_over_the_end(struct driver *d)
{
	driver_add_one(d, RAM + RAM_BYTES - 1, 2, true);
}

static void buffer_around_the_address_space(struct driver *d)
{
	driver_add_one(d, UINT64_MAX - 1, UINT32_MAX, true);
}

static void buffer_of_all_ones(struct driver *d)
{
	driver_add_one(d, RAM, UINT32_MAX, true);
}

static void too_many_parts(struct driver *d)
{
	driver_add_one(d, AT_TABLES, 16 * 257, false);
	desc_at(d, 0)->split.flags = F_INDIRECT;
	for (unsigned i = 0; i < 257; i++)
		*table_entry(d, 0, i) =
			(struct desc){ RAM, 1, .split = { F_NEXT, (uint16_t)(i + 1) } };
	table_entry(d, 0, 256)->split.flags = 0;
}

static void table_not_negotiated(struct driver *d)
{
	d->q.indirect = false;
	add_table(d);
}

static void table_with_next(struct driver *d)
{
	add_table(d);
	desc_at(d, 0)->split.flags = F_INDIRECT | F_NEXT;
}

static void table_empty(struct driver *d)
{
	add_table(d);
	desc_at(d, 0)->len = 0;
}

static void table_of_17_bytes(struct driver *d)
{
	add_table(d);
	desc_at(d, 0)->len = 17;
}

static void table_outside(struct driver *d)
{
	add_table(d);
	desc_at(d, 0)->addr = RAM + RAM_BYTES - 16;
}

static void table_of_all_ones(struct driver *d)
{
	add_table(d);
	desc_at(d, 0)->len = 0xfffffff0;
}

static void table_in_table(struct driver *d)
{
	add_table(d);
	table_entry(d, 0, 1)->split.flags = F_INDIRECT;
	table_entry(d, 0, 1)->addr = AT_TABLES;
	table_entry(d, 0, 1)->len = 32;
}

static void next_beyond_table_of_two(struct driver *d)
{
	add_table(d);
	table_entry(d, 0, 0)->split.next = 2;
}

static void loop_in_table(struct driver *d)
{
	add_table(d);
	table_entry(d, 0, 1)->split.flags = F_NEXT | F_WRITE;
	table_entry(d, 0, 1)->split.next = 1;
}

static const struct wrong wrongs[] = {
	{ "index too far", index_too_far,
	  "the available index is further ahead than the queue has entries" },
	{ "index backwards", index_backwards,
	  "the available index is further ahead than the queue has entries" },
	{ "too far with requests under way", too_far_with_requests_under_way,
	  "the available index is further ahead than the queue has entries" },
	{ "head beyond the table", head_beyond_table,
	  "the available ring names a descriptor beyond the table" },
	{ "head all ones", head_all_ones,
	  "the available ring names a descriptor beyond the table" },
	{ "next beyond the table", next_beyond_table,
	  "a chain goes on beyond the descriptor table" },
	{ "next is itself", next_is_itself, "a chain of descriptors has a loop" },
	{ "last points back", last_points_back, "a chain of descriptors has a loop" },
	{ "read after write", read_after_write, "a buffer to read comes after one to write" },
	{ "read after empty write", read_after_empty_write,
	  "a buffer to read comes after one to write" },
	{ "buffer before RAM", buffer_before_ram, "a buffer is not inside RAM" },
	{ "buffer over the end", buffer_over_the_end, "a buffer is not inside RAM" },
	{ "buffer around the address space", buffer_around_the_address_space,
	  "a buffer is not inside RAM" },
	{ "buffer of all ones", buffer_of_all_ones, "a buffer is not inside RAM" },
	{ "too many parts", too_many_parts, "a request has more than 256 parts" },
	{ "table not negotiated", table_not_negotiated,
	  "an indirect descriptor, though the driver did not ask for them" },
	{ "table with next", table_with_next, "a descriptor follows an indirect one" },
	{ "table empty", table_empty, "an indirect table has no entries" },
	{ "table of 17 bytes", table_of_17_bytes,
	  "the size of an indirect table is not a multiple of 16" },
	{ "table outside", table_outside, "an indirect table is not inside RAM" },
	{ "table of all ones", table_of_all_ones, "an indirect table is not inside RAM" },
	{ "table in a table", table_in_table, "an indirect table refers to another" },
	{ "next beyond a table of two", next_beyond_table_of_two,
	  "a chain goes on beyond the descriptor table" },
	{ "loop in a table", loop_in_table, "a chain of descriptors has a loop" },
};

static void each_wrong_thing_breaks_the_queue(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(wrongs); i++)
		check_wrong(&usual, &wrongs[i], &chain);
}

/* A table that names all of RAM `n` times. */
static void add_all_of_ram(struct driver *d, unsigned n)
{
	static struct driver_part part[VIRTQ_MAX_CHAIN];

	for (unsigned i = 0; i < n; i++)
		part[i] = (struct driver_part){ RAM, (uint32_t)d->ram.size, false };
	assert_int_not_equal(driver_add(d, part, n, 0), -1);
}

static void a_request_of_more_than_4_gib_breaks_the_queue(void **state)
{
	struct driver driver, *d = &driver;
	struct err err;

	(void)state;
	driver_prepare(d, &usual);
	mem_unmap(&d->ram);
	assert_int_equal(mem_map(&d->ram, gpa(RAM), MIB(32), MEM_ANON, NULL, &err), 0);
	assert_true(virtq_start(&d->q));
	add_all_of_ram(d, 128);
	assert_int_equal(virtq_pop(&d->q, &chain), VIRTQ_REQUEST);
	assert_int_equal(chain.read_bytes, GIB(4));
	add_all_of_ram(d, 129);
	assert_broken(d, &chain, "the buffers of a request have more than 4 GiB");
	driver_close(d);
}

/* Nothing is given back by a broken queue: the rings stay as they are. */
static void a_broken_queue_writes_nothing(void **state)
{
	static struct virtq_chain good;
	struct driver driver, *d = &driver;
	static uint8_t before[6 + 8 * 8];

	(void)state;
	driver_open(d, &usual);
	driver_add_one(d, AT_BUFFERS, 1, true);
	assert_int_equal(virtq_pop(&d->q, &good), VIRTQ_REQUEST);
	index_too_far(d);
	memcpy(before, guest_ptr(d, d->device, sizeof(before)), sizeof(before));
	assert_broken(d, &chain, "the available index is further ahead than the queue has entries");
	virtq_push(&d->q, &good, 1);
	virtq_stop_kicks(&d->q);
	virtq_want_kicks(&d->q);
	assert_memory_equal(before, guest_ptr(d, d->device, sizeof(before)), sizeof(before));
	driver_close(d);
}

/* What was made available before stays good, and is what was there when it was made so. */
static void a_reset_heals(void **state)
{
	struct driver driver, *d = &driver;
	struct virtq_state setup;

	(void)state;
	driver_open(d, &usual);
	setup = d->q.state;
	index_too_far(d);
	assert_broken(d, &chain, "the available index is further ahead than the queue has entries");
	virtq_reset(&d->q);
	assert_null(d->q.why);
	assert_int_equal(d->q.state.enabled, 0);
	assert_int_equal(d->q.state.size, VIRTQ_MAX_SIZE);
	assert_int_equal(d->q.state.desc, 0);
	assert_int_equal(d->q.state.vector, VIRTIO_NO_VECTOR);
	assert_int_equal(virtq_pop(&d->q, &chain), VIRTQ_NOTHING);
	assert_false(virtq_has_work(&d->q));
	d->q.state = setup;
	*avail_idx(d) = 0;
	assert_true(virtq_start(&d->q));
	driver_add_one(d, AT_BUFFERS, 1, false);
	assert_int_equal(virtq_pop(&d->q, &chain), VIRTQ_REQUEST);
	driver_close(d);
}

/* ---- where the rings are ---- */

struct setup_case {
	const char *why;
	uint64_t desc, driver, device;
	unsigned size;
};

static const struct setup_case bad_setups[] = {
	{ "the queue has no entries", AT_DESC, AT_DRIVER, AT_DEVICE, 0 },
	{ "the queue has more entries than the device offers", AT_DESC, AT_DRIVER, AT_DEVICE, 512 },
	{ "the number of the queue's entries is not a power of two", AT_DESC, AT_DRIVER, AT_DEVICE,
	  6 },
	{ "the address of the descriptor table is not a multiple of 16", AT_DESC + 8, AT_DRIVER,
	  AT_DEVICE, 8 },
	{ "the address of the available ring is not a multiple of 2", AT_DESC, AT_DRIVER + 1,
	  AT_DEVICE, 8 },
	{ "the address of the used ring is not a multiple of 4", AT_DESC, AT_DRIVER, AT_DEVICE + 2,
	  8 },
	{ "the descriptor table is not inside RAM", END - 8 * 16 + 16, AT_DRIVER, AT_DEVICE, 8 },
	{ "the descriptor table is not inside RAM", UINT64_MAX - 15, AT_DRIVER, AT_DEVICE, 8 },
	{ "the available ring is not inside RAM", AT_DESC, END - 20, AT_DEVICE, 8 },
	{ "the available ring is not inside RAM", AT_DESC, 0, AT_DEVICE, 8 },
	{ "the used ring is not inside RAM", AT_DESC, AT_DRIVER, END - 68, 8 },
};

static void places_of_the_rings_are_checked(void **state)
{
	struct driver d;

	(void)state;
	driver_prepare(&d, &usual);
	for (unsigned i = 0; i < ARRAY_SIZE(bad_setups); i++) {
		const struct setup_case *bad = &bad_setups[i];

		virtq_reset(&d.q);
		d.q.state.desc = bad->desc;
		d.q.state.driver = bad->driver;
		d.q.state.device = bad->device;
		d.q.state.size = (uint16_t)bad->size;
		assert_false(virtq_start(&d.q));
		assert_string_equal(d.q.why, bad->why);
		assert_int_equal(virtq_pop(&d.q, &chain), VIRTQ_BROKEN);
	}
	driver_close(&d);
}

static void rings_may_end_where_ram_ends(void **state)
{
	static const struct driver_setup setups[] = {
		{ .size = 8, .desc = END - 8 * 16 },
		{ .size = 8, .driver = END - 22 },
		{ .size = 16, .device = END - (6 + 16 * 8) - 2 },
		{ .size = 1, .desc = RAM },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(setups); i++)
		run_random(&setups[i], 5 + i, 1000);
}

static void a_loaded_state_is_checked(void **state)
{
	struct driver d;

	(void)state;
	driver_prepare(&d, &usual);
	d.q.state.next_avail = 9;
	assert_false(virtq_start(&d.q));
	assert_string_equal(d.q.why, "more requests are under way than the queue has entries");
	d.q.state.broken = 0;
	d.q.state.next_used = 1;
	assert_true(virtq_start(&d.q));
	d.q.why = NULL;
	d.q.state.broken = 1;
	assert_false(virtq_start(&d.q));
	assert_string_equal(d.q.why, "the queue was broken before");
	driver_close(&d);
}

static void the_table_of_fields_is_complete(void **state)
{
	struct state_desc desc = { "virtq", sizeof(struct virtq_state), 0, virtq_fields };

	(void)state;
	assert_int_equal(state_covered(&desc), sizeof(struct virtq_state));
}

/* ---- poison ---- */

static const struct driver_setup poisonable = {
	.size = 8, .event_idx = true, .indirect = true, .shared = true
};

static void open_with(struct driver *d, uint64_t desc, uint64_t driver, uint64_t device)
{
	struct driver_setup setup = poisonable;

	setup.desc = desc;
	setup.driver = driver;
	setup.device = device;
	driver_open(d, &setup);
	driver_add_one(d, AT_BUFFERS, 64, true);
}

static void poison_in_the_available_ring(void **state)
{
	struct driver d;

	(void)state;
	catch_sigbus();
	open_with(&d, 0, LAST_PAGE, 0);
	lose_from(&d, LAST_PAGE);
	assert_true(virtq_has_work(&d.q)); /* pop will say what */
	assert_false(virtq_has_work(&d.q));
	assert_broken(&d, &chain, "a page of the rings is poisoned");
	driver_close(&d);
	open_with(&d, 0, LAST_PAGE, 0);
	assert_int_equal(virtq_pop(&d.q, &chain), VIRTQ_REQUEST);
	lose_from(&d, LAST_PAGE);
	virtq_push(&d.q, &chain, 0);
	assert_true(virtq_should_interrupt(&d.q)); /* rather one too many */
	assert_broken(&d, &chain, "a page of the rings is poisoned");
	driver_close(&d);
}

/* Its index is in a good page, its entries are not. */
static void poison_behind_the_available_index(void **state)
{
	struct driver d;

	(void)state;
	catch_sigbus();
	open_with(&d, 0, LAST_PAGE - 4, 0);
	lose_from(&d, LAST_PAGE);
	assert_broken(&d, &chain, "a page of the rings is poisoned");
	driver_close(&d);
}

static void poison_in_the_used_ring(void **state)
{
	struct driver d;

	(void)state;
	catch_sigbus();
	open_with(&d, 0, 0, LAST_PAGE);
	assert_int_equal(virtq_pop(&d.q, &chain), VIRTQ_REQUEST);
	lose_from(&d, LAST_PAGE);
	virtq_push(&d.q, &chain, 0);
	assert_broken(&d, &chain, "a page of the rings is poisoned");
	driver_close(&d);
	open_with(&d, 0, 0, LAST_PAGE);
	lose_from(&d, LAST_PAGE);
	assert_true(virtq_want_kicks(&d.q));
	assert_broken(&d, &chain, "a page of the rings is poisoned");
	driver_close(&d);
}

/* A frame in several buffers is seen as a whole or not at all. */
static void pushed_together_none_is_seen_before_all_are_there(void **state)
{
	struct virtq_used used[2];
	struct driver d;

	(void)state;
	catch_sigbus();
	open_with(&d, 0, 0, LAST_PAGE - 12); /* the second entry is in the last page */
	driver_add_one(&d, AT_BUFFERS, 64, true);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(virtq_pop(&d.q, &chain), VIRTQ_REQUEST);
		used[i] = (struct virtq_used){ chain.id, chain.nslots, 64 };
	}
	lose_from(&d, LAST_PAGE);
	virtq_push_all(&d.q, used, 2);
	assert_int_equal(*used_idx(&d), 0);
	assert_broken(&d, &chain, "a page of the rings is poisoned");
	driver_close(&d);
}

static void poison_in_descriptors(void **state)
{
	struct driver d;

	(void)state;
	catch_sigbus();
	open_with(&d, LAST_PAGE, 0, 0);
	lose_from(&d, LAST_PAGE);
	assert_broken(&d, &chain, "a page of the descriptors is poisoned");
	driver_close(&d);
	open_with(&d, 0, 0, 0);
	desc_at(&d, 0)->addr = LAST_PAGE;
	desc_at(&d, 0)->split.flags = F_INDIRECT;
	lose_from(&d, LAST_PAGE);
	assert_broken(&d, &chain, "a page of an indirect table is poisoned");
	driver_close(&d);
}

/* The queue goes on. */
static void poison_in_a_buffer(void **state)
{
	static const struct driver_part part[] = {
		{ AT_BUFFERS, 16, false },
		{ LAST_PAGE, 16, false },
		{ AT_BUFFERS + 16, 16, true },
		{ LAST_PAGE + 16, 16, true },
	};
	struct driver d;
	uint8_t bytes[32] = { 0 };

	(void)state;
	catch_sigbus();
	driver_open(&d, &poisonable);
	driver_add(&d, part, 4, 4);
	lose_from(&d, LAST_PAGE);
	assert_int_equal(virtq_pop(&d.q, &chain), VIRTQ_REQUEST);
	assert_int_equal(virtq_read(&chain, 0, bytes, 16), 16);
	assert_int_equal(virtq_read(&chain, 0, bytes, 17), -EHWPOISON);
	assert_int_equal(virtq_read(&chain, 31, bytes, 1), -EHWPOISON);
	assert_int_equal(virtq_write(&chain, 0, bytes, 16), 16);
	assert_int_equal(virtq_write(&chain, 15, bytes, 2), -EHWPOISON);
	assert_int_equal(d.q.state.broken, 0);
	virtq_push(&d.q, &chain, 0);
	assert_true(used_is_there(&d));
	driver_close(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_size_with_each_feature),
		cmocka_unit_test(indexes_wrap_around),
		cmocka_unit_test(a_long_run),
		cmocka_unit_test(a_full_round_without_a_question_is_not_nothing),
		cmocka_unit_test(a_request_as_long_as_the_queue),
		cmocka_unit_test(a_table_may_be_in_any_order),
		cmocka_unit_test(the_first_and_last_byte_of_ram_are_buffers),
		cmocka_unit_test(copies_end_where_the_buffers_end),
		cmocka_unit_test(each_wrong_thing_breaks_the_queue),
		cmocka_unit_test(a_request_of_more_than_4_gib_breaks_the_queue),
		cmocka_unit_test(a_broken_queue_writes_nothing),
		cmocka_unit_test(a_reset_heals),
		cmocka_unit_test(places_of_the_rings_are_checked),
		cmocka_unit_test(rings_may_end_where_ram_ends),
		cmocka_unit_test(a_loaded_state_is_checked),
		cmocka_unit_test(the_table_of_fields_is_complete),
		cmocka_unit_test(poison_in_the_available_ring),
		cmocka_unit_test(poison_behind_the_available_index),
		cmocka_unit_test(poison_in_the_used_ring),
		cmocka_unit_test(pushed_together_none_is_seen_before_all_are_there),
		cmocka_unit_test(poison_in_descriptors),
		cmocka_unit_test(poison_in_a_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
