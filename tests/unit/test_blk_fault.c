/* Which requests a rule hits, and what is left of a torn write. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/types.h"
#include "virtio/blk_fault.h"

static struct blk_io request(enum blk_op op, uint64_t sector, uint64_t nsectors)
{
	return (struct blk_io){
		.op = op,
		.nranges = op == BLK_FLUSH ? 0 : 1,
		.range = { { .offset = sector * BLK_SECTOR_BYTES,
			     .bytes = nsectors * BLK_SECTOR_BYTES } },
	};
}

static bool fails(const struct blk_fault *fault, uint64_t *seen, struct blk_io io)
{
	return blk_fault_ask(fault, 1, seen, &io).fail;
}

static void a_rule_hits_its_kind_only(void **state)
{
	static const enum blk_fault_kind kind_of[] = {
		[BLK_READ] = BLK_FAULT_READ,
		[BLK_WRITE] = BLK_FAULT_WRITE,
		[BLK_FLUSH] = BLK_FAULT_FLUSH,
		[BLK_DISCARD] = BLK_FAULT_DISCARD,
		[BLK_WRITE_ZEROES] = BLK_FAULT_DISCARD,
	};

	(void)state;
	for (enum blk_op op = BLK_READ; op <= BLK_WRITE_ZEROES; op++) {
		for (enum blk_fault_kind kind = BLK_FAULT_READ; kind < BLK_FAULT_KINDS; kind++) {
			struct blk_fault fault = { .kind = kind };
			uint64_t seen = 0;
			bool found = fails(&fault, &seen, request(op, 0, 8));

			if (found != (kind_of[op] == kind))
				fail_msg("operation %d, rule %d: found %d", op, kind, found);
		}
	}
}

static void at_hits_what_touches_the_sector(void **state)
{
	struct blk_fault fault = { .kind = BLK_FAULT_READ, .has_at = true, .at = 8 };
	uint64_t seen = 0;

	(void)state;
	assert_false(fails(&fault, &seen, request(BLK_READ, 0, 8)));
	assert_true(fails(&fault, &seen, request(BLK_READ, 0, 9)));
	assert_true(fails(&fault, &seen, request(BLK_READ, 8, 1)));
	assert_false(fails(&fault, &seen, request(BLK_READ, 9, 8)));
	assert_int_equal(seen, 2);
}

static void at_looks_at_all_ranges(void **state)
{
	struct blk_fault fault = { .kind = BLK_FAULT_DISCARD, .has_at = true, .at = 100 };
	struct blk_io io = request(BLK_DISCARD, 0, 8);
	uint64_t seen = 0;

	(void)state;
	io.nranges = 2;
	io.range[1] = (struct blk_range){ .offset = 96 * 512, .bytes = 8 * 512 };
	assert_true(fails(&fault, &seen, io));
	io.nranges = 1;
	assert_false(fails(&fault, &seen, io));
}

static void every_hits_each_nth(void **state)
{
	struct blk_fault fault = { .kind = BLK_FAULT_FLUSH, .every = 3 };
	uint64_t seen = 0;

	(void)state;
	for (unsigned i = 1; i <= 9; i++) {
		bool found = fails(&fault, &seen, request(BLK_FLUSH, 0, 0));

		if (found != (i % 3 == 0))
			fail_msg("flush %u: found %d", i, found);
		assert_false(fails(&fault, &seen, request(BLK_READ, 0, 1)));
	}
}

static void every_counts_what_touches_the_sector(void **state)
{
	struct blk_fault fault = { .kind = BLK_FAULT_READ, .has_at = true, .at = 5, .every = 2 };
	uint64_t seen = 0;

	(void)state;
	assert_false(fails(&fault, &seen, request(BLK_READ, 5, 1)));
	assert_false(fails(&fault, &seen, request(BLK_READ, 6, 1)));
	assert_true(fails(&fault, &seen, request(BLK_READ, 5, 1)));
}

static void of_several_rules_the_longest_delay_counts(void **state)
{
	const struct blk_fault fault[] = {
		{ .kind = BLK_FAULT_WRITE, .delay_ns = 5 },
		{ .kind = BLK_FAULT_WRITE, .delay_ns = 9, .torn = true },
		{ .kind = BLK_FAULT_WRITE, .every = 2, .delay_ns = 100 },
		{ .kind = BLK_FAULT_READ, .delay_ns = 1000 },
	};
	struct blk_io io = request(BLK_WRITE, 0, 1);
	uint64_t seen[ARRAY_SIZE(fault)] = { 0 };
	struct blk_fault_hit hit = blk_fault_ask(fault, ARRAY_SIZE(fault), seen, &io);

	(void)state;
	assert_true(hit.fail);
	assert_true(hit.torn);
	assert_int_equal(hit.delay_ns, 9);
	hit = blk_fault_ask(fault, ARRAY_SIZE(fault), seen, &io);
	assert_int_equal(hit.delay_ns, 100);
}

static void a_torn_write_keeps_its_first_half(void **state)
{
	static const struct {
		uint64_t sectors, block_bytes, expected;
	} cases[] = {
		{ 8, 512, 2048 },   { 3, 512, 512 }, { 1, 512, 0 },
		{ 24, 4096, 4096 }, { 8, 4096, 0 },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t bytes = cases[i].sectors * 512, left = 0;
		struct iovec iov[3] = { { .iov_len = 100 },
					{ .iov_len = 300 },
					{ .iov_len = bytes - 400 } };
		struct blk_io io = request(BLK_WRITE, 0, cases[i].sectors);

		io.iov = iov;
		io.niov = 3;
		blk_fault_tear(&io, (uint32_t)cases[i].block_bytes);
		for (unsigned k = 0; k < io.niov; k++)
			left += iov[k].iov_len;
		if (io.range[0].bytes != cases[i].expected || left != cases[i].expected)
			fail_msg("case %u: expected %llu bytes, found %llu and buffers of %llu", i,
				 (unsigned long long)cases[i].expected,
				 (unsigned long long)io.range[0].bytes, (unsigned long long)left);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rule_hits_its_kind_only),
		cmocka_unit_test(at_hits_what_touches_the_sector),
		cmocka_unit_test(at_looks_at_all_ranges),
		cmocka_unit_test(every_hits_each_nth),
		cmocka_unit_test(every_counts_what_touches_the_sector),
		cmocka_unit_test(of_several_rules_the_longest_delay_counts),
		cmocka_unit_test(a_torn_write_keeps_its_first_half),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
