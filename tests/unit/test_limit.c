/* The token bucket: bursts, a steady rate, and clocks that misbehave. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/clock.h"
#include "lib/types.h"
#include "ras/limit.h"

#define START UINT64_C(123456789)

static const uint32_t rates[] = { 1, 2, 3, 7, 16, 999, 9999, 10000 };

static void check_take(struct ras_limit *limit, uint32_t wanted, uint64_t now_ns, uint32_t expected)
{
	uint32_t found = limit_take(limit, wanted, now_ns);

	if (found != expected)
		fail_msg("rate %u, %u wanted: expected %u, found %u", limit->rate_per_s, wanted,
			 expected, found);
}

static void a_full_bucket_gives_its_rate_at_once(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(rates); i++) {
		struct ras_limit limit;

		limit_init(&limit, rates[i], START);
		check_take(&limit, UINT32_MAX, START, rates[i]);
		check_take(&limit, 1, START, 0);
	}
}

static void a_full_bucket_gives_its_rate_one_by_one(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(rates); i++) {
		struct ras_limit limit;

		limit_init(&limit, rates[i], START);
		for (uint32_t token = 0; token < rates[i]; token++)
			check_take(&limit, 1, START, 1);
		check_take(&limit, 1, START, 0);
	}
}

static void no_more_is_given_than_wanted(void **state)
{
	struct ras_limit limit;

	(void)state;
	limit_init(&limit, 16, START);
	check_take(&limit, 0, START, 0);
	check_take(&limit, 10, START, 10);
	check_take(&limit, 10, START, 6);
}

static void an_empty_bucket_fills_at_its_rate(void **state)
{
	struct ras_limit limit;

	(void)state;
	limit_init(&limit, 10, START);
	check_take(&limit, 10, START, 10);
	check_take(&limit, 10, START + 99 * NS_PER_MS, 0);
	check_take(&limit, 10, START + 100 * NS_PER_MS, 1);
	check_take(&limit, 10, START + 450 * NS_PER_MS, 3);
	check_take(&limit, 10, START + 500 * NS_PER_MS, 1);
}

static void a_bucket_holds_no_more_than_a_second(void **state)
{
	struct ras_limit limit;

	(void)state;
	limit_init(&limit, 16, START);
	check_take(&limit, 100, START + 3600 * NS_PER_SEC, 16);
	check_take(&limit, 100, UINT64_C(1) << 62, 16);
	/* 16 times that time is more than 64 bits hold. */
	check_take(&limit, 100, (UINT64_C(1) << 62) + (UINT64_C(1) << 60), 16);
	check_take(&limit, 100, UINT64_MAX, 16);
}

static void a_clock_that_goes_backwards_gives_nothing(void **state)
{
	struct ras_limit limit;

	(void)state;
	limit_init(&limit, 10, START + NS_PER_SEC);
	check_take(&limit, 10, START + NS_PER_SEC, 10);
	check_take(&limit, 10, START, 0);
	check_take(&limit, 10, 0, 0);
	assert_int_equal(limit_ready_ns(&limit, 0), 100 * NS_PER_MS);
	check_take(&limit, 10, 100 * NS_PER_MS, 1);
}

static void unused_tokens_can_be_taken_again(void **state)
{
	struct ras_limit limit;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(rates); i++) {
		limit_init(&limit, rates[i], START);
		check_take(&limit, rates[i], START, rates[i]);
		limit_return(&limit, rates[i]);
		check_take(&limit, rates[i], START, rates[i]);
		limit_return(&limit, 1);
		check_take(&limit, 2, START, 1);
		check_take(&limit, 1, START, 0);
	}
}

static void giving_back_does_not_overfill(void **state)
{
	struct ras_limit limit;

	(void)state;
	limit_init(&limit, 16, START);
	limit_return(&limit, UINT32_MAX);
	check_take(&limit, 100, START, 16);
}

/* The alarm is set for that time: too early would find no token, again and again. */
static void a_token_is_there_when_it_was_promised(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(rates); i++) {
		uint64_t now_ns = START, ready_ns;
		struct ras_limit limit;

		limit_init(&limit, rates[i], now_ns);
		assert_int_equal(limit_ready_ns(&limit, now_ns), now_ns);
		check_take(&limit, rates[i], now_ns, rates[i]);
		for (unsigned n = 0; n < 100; n++) {
			ready_ns = limit_ready_ns(&limit, now_ns);
			assert_true(ready_ns > now_ns);
			assert_true(ready_ns - now_ns <= NS_PER_SEC / rates[i] + 1);
			assert_int_equal(limit_ready_ns(&limit, ready_ns), ready_ns);
			now_ns = ready_ns;
			check_take(&limit, 2, now_ns, 1);
		}
	}
}

static void over_any_time_the_rate_is_kept(void **state)
{
	(void)state;
	srand(1);
	for (unsigned i = 0; i < ARRAY_SIZE(rates); i++) {
		uint64_t now_ns = START, given = 0, expected;
		struct ras_limit limit;

		limit_init(&limit, rates[i], now_ns);
		while (now_ns < START + 100 * NS_PER_SEC) {
			now_ns += (uint64_t)rand() % NS_PER_MS;
			given += limit_take(&limit, UINT32_MAX, now_ns);
		}
		expected = rates[i] + (now_ns - START) * rates[i] / NS_PER_SEC;
		/* A bucket of few tokens overflows now and then between two calls. */
		if (given > expected || given + 1 + expected / 100 < expected)
			fail_msg("rate %u: expected about %llu, found %llu", rates[i],
				 (unsigned long long)expected, (unsigned long long)given);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_bucket_gives_its_rate_at_once),
		cmocka_unit_test(a_full_bucket_gives_its_rate_one_by_one),
		cmocka_unit_test(no_more_is_given_than_wanted),
		cmocka_unit_test(an_empty_bucket_fills_at_its_rate),
		cmocka_unit_test(a_bucket_holds_no_more_than_a_second),
		cmocka_unit_test(a_clock_that_goes_backwards_gives_nothing),
		cmocka_unit_test(unused_tokens_can_be_taken_again),
		cmocka_unit_test(giving_back_does_not_overfill),
		cmocka_unit_test(a_token_is_there_when_it_was_promised),
		cmocka_unit_test(over_any_time_the_rate_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
