/* Call stacks as guests have them, and as hostile ones make them up. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arm64/backtrace.h"

#define BASE  UINT64_C(0xffff800010000000)
#define TCR48 (UINT64_C(16) << 16 | 16) /* both halves have 48 bits */

/* Memory from BASE on. */
struct stack {
	uint64_t word[512];
	unsigned reads;
};

static int read_stack(void *world, uint64_t va, uint8_t bytes[8])
{
	struct stack *s = world;

	s->reads++;
	if (va < BASE || va - BASE > sizeof(s->word) - 8)
		return -EFAULT;
	memcpy(bytes, (uint8_t *)s->word + (va - BASE), 8);
	return 0;
}

static void put_frame(struct stack *s, unsigned at, uint64_t caller, uint64_t link)
{
	s->word[at] = caller;
	s->word[at + 1] = link;
}

static void frames_are_followed_to_the_last(void **state)
{
	const struct backtrace_regs regs = { .pc = 0x1000, .fp = BASE + 16, .tcr = TCR48 };
	struct stack s = { .reads = 0 };
	uint64_t pc[BACKTRACE_MAX];

	(void)state;
	put_frame(&s, 2, BASE + 80, BASE + 0x100);
	put_frame(&s, 10, BASE + 160, BASE + 0x200);
	put_frame(&s, 20, 0, BASE + 0x300);
	assert_int_equal(backtrace_walk(&regs, read_stack, &s, pc), 4);
	assert_true(pc[0] == 0x1000 && pc[1] == BASE + 0x100 && pc[2] == BASE + 0x200 &&
		    pc[3] == BASE + 0x300);
}

static void codes_in_return_addresses_are_taken_out(void **state)
{
	const struct backtrace_regs regs = { .pc = 1, .fp = BASE, .tcr = TCR48 };
	struct stack s = { .reads = 0 };
	uint64_t pc[BACKTRACE_MAX];

	(void)state;
	put_frame(&s, 0, BASE + 16, UINT64_C(0x5aa5800010000100)); /* bit 55: the upper half */
	put_frame(&s, 2, 0, UINT64_C(0x5a2a000000400100));
	assert_int_equal(backtrace_walk(&regs, read_stack, &s, pc), 3);
	assert_true(pc[1] == UINT64_C(0xffff800010000100));
	assert_true(pc[2] == UINT64_C(0x400100));
}

static void big_endian_frames_are_read(void **state)
{
	const struct backtrace_regs regs = {
		.pc = 1, .fp = BASE, .tcr = TCR48, .big_endian = true
	};
	struct stack s = { .reads = 0 };
	uint64_t pc[BACKTRACE_MAX];

	(void)state;
	put_frame(&s, 0, 0, __builtin_bswap64(BASE + 0x100));
	assert_int_equal(backtrace_walk(&regs, read_stack, &s, pc), 2);
	assert_true(pc[1] == BASE + 0x100);
}

static void a_walk_always_ends(void **state)
{
	static const uint64_t first[] = { 0, 1, BASE + 4, UINT64_MAX, UINT64_MAX - 7, 0x1000 };
	struct stack s = { .reads = 0 };
	uint64_t pc[BACKTRACE_MAX];

	(void)state;
	for (unsigned i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
		const struct backtrace_regs regs = { .pc = 7, .fp = first[i] };

		assert_int_equal(backtrace_walk(&regs, read_stack, &s, pc), 1);
		assert_true(pc[0] == 7);
	}
	const struct backtrace_regs regs = { .pc = 7, .fp = BASE, .tcr = UINT64_MAX };

	put_frame(&s, 0, BASE, 5); /* itself */
	assert_int_equal(backtrace_walk(&regs, read_stack, &s, pc), 2);
	put_frame(&s, 0, BASE + 16, 5); /* a circle of two */
	put_frame(&s, 2, BASE, 6);
	s.reads = 0;
	assert_int_equal(backtrace_walk(&regs, read_stack, &s, pc), BACKTRACE_MAX);
	assert_true(s.reads <= 2 * BACKTRACE_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_are_followed_to_the_last),
		cmocka_unit_test(codes_in_return_addresses_are_taken_out),
		cmocka_unit_test(big_endian_frames_are_read),
		cmocka_unit_test(a_walk_always_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
