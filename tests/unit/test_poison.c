/*
 * The poison map: adding around what is known, splitting, states, its capacity, reset; and random
 * operations against a model that keeps every page by itself.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/types.h"
#include "ras/ghes.h"
#include "ras/poison.h"

#define RAM  UINT64_C(0x80000000)
#define PAGE UINT64_C(4096)

static gpa_t page(uint64_t n)
{
	return gpa(RAM + n * PAGE);
}

static int setup(void **state)
{
	struct poison_map *map = test_malloc(sizeof(*map));

	memset(map, 0x5a, sizeof(*map));
	poison_init(map);
	*state = map;
	return 0;
}

static int teardown(void **state)
{
	test_free(*state);
	return 0;
}

static int add(struct poison_map *map, uint64_t first, uint32_t pages, enum poison_state state)
{
	return poison_add(map, page(first), pages, state, RAS_AO, 1, 100);
}

static void must_add(struct poison_map *map, uint64_t first, uint32_t pages,
		     enum poison_state state, enum ras_class class, uint32_t id, int expected)
{
	int found = poison_add(map, page(first), pages, state, class, id, 100);

	if (found != expected)
		fail_msg("%u pages at page %llu: expected %d, found %d", pages,
			 (unsigned long long)first, expected, found);
}

/* "0+2 seen 1, 4+1 queued 2": first page, pages, state, id of each entry. */
static void check_map(const struct poison_map *map, const char *expected)
{
	char found[1024] = "";
	size_t used = 0;

	for (unsigned i = 0; i < map->n && used < sizeof(found); i++)
		used += (size_t)snprintf(
			found + used, sizeof(found) - used, "%s%llu+%u %s %u", i ? ", " : "",
			(unsigned long long)((map->gpa[i] - RAM) / PAGE), map->pages[i],
			poison_state_name(map->state[i]), map->id[i]);
	assert_string_equal(found, expected);
}

/* Entries beyond n leave nothing behind. */
static void check_rest_is_zero(const struct poison_map *map)
{
	for (unsigned i = map->n; i < POISON_MAX; i++)
		if (map->gpa[i] || map->seen_ns[i] || map->pages[i] || map->id[i] ||
		    map->order[i] || map->state[i] || map->class[i] || map->flags[i] ||
		    map->source[i])
			fail_msg("entry %u of %u is not empty", i, map->n);
}

/* ---- adding and finding ---- */

static void an_added_run_is_found_page_by_page(void **state)
{
	struct poison_map *map = *state;

	must_add(map, 4, 3, POISON_QUEUED, RAS_AO, 9, 1);
	assert_int_equal(poison_find(map, page(3)), -1);
	assert_int_equal(poison_find(map, page(4)), 0);
	assert_int_equal(poison_find(map, page(6)), 0);
	assert_int_equal(poison_find(map, gpa(page(6).v + 4095)), 0);
	assert_int_equal(poison_find(map, page(7)), -1);
	assert_int_equal(map->seen_ns[0], 100);
	assert_int_equal(map->class[0], RAS_AO);
	assert_int_equal(map->source[0], POISON_NO_SOURCE);
	assert_int_equal(map->flags[0], 0);
	check_map(map, "4+3 queued 9");
}

static void an_empty_map_knows_nothing(void **state)
{
	struct poison_map *map = *state;

	assert_int_equal(poison_find(map, gpa(0)), -1);
	assert_int_equal(poison_find(map, gpa(UINT64_MAX)), -1);
	assert_int_equal(poison_first_queued(map, RAS_AO), -1);
	check_rest_is_zero(map);
}

static void entries_are_sorted_whatever_the_order_of_adding(void **state)
{
	struct poison_map *map = *state;

	must_add(map, 8, 1, POISON_SEEN, RAS_AO, 1, 1);
	must_add(map, 2, 1, POISON_SEEN, RAS_AO, 2, 1);
	must_add(map, 5, 1, POISON_SEEN, RAS_AO, 3, 1);
	must_add(map, 9, 1, POISON_SEEN, RAS_AO, 4, 1);
	check_map(map, "2+1 seen 2, 5+1 seen 3, 8+1 seen 1, 9+1 seen 4");
}

static void only_what_is_new_is_added(void **state)
{
	static const struct {
		uint64_t first;
		uint32_t pages;
		int added;
		const char *map;
	} cases[] = {
		/* clang-format off */
		/* Known before: pages 4-5 and 8. */
		{ 4,  2,  0, "4+2 seen 1, 8+1 seen 1" },
		{ 5,  1,  0, "4+2 seen 1, 8+1 seen 1" },
		{ 2,  2,  1, "2+2 queued 2, 4+2 seen 1, 8+1 seen 1" },
		{ 3,  2,  1, "3+1 queued 2, 4+2 seen 1, 8+1 seen 1" },
		{ 5,  2,  1, "4+2 seen 1, 6+1 queued 2, 8+1 seen 1" },
		{ 4,  5,  1, "4+2 seen 1, 6+2 queued 2, 8+1 seen 1" },
		{ 6,  2,  1, "4+2 seen 1, 6+2 queued 2, 8+1 seen 1" },
		{ 2,  10, 3, "2+2 queued 2, 4+2 seen 1, 6+2 queued 2, 8+1 seen 1, 9+3 queued 2" },
		{ 0,  5,  1, "0+4 queued 2, 4+2 seen 1, 8+1 seen 1" },
		{ 9,  1,  1, "4+2 seen 1, 8+1 seen 1, 9+1 queued 2" },
		{ 20, 4,  1, "4+2 seen 1, 8+1 seen 1, 20+4 queued 2" },
		{ 4,  0,  0, "4+2 seen 1, 8+1 seen 1" },
		{ 6,  0,  0, "4+2 seen 1, 8+1 seen 1" },
		/* clang-format on */
	};
	struct poison_map *map = *state;

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		poison_init(map);
		must_add(map, 4, 2, POISON_SEEN, RAS_AO, 1, 1);
		must_add(map, 8, 1, POISON_SEEN, RAS_AO, 1, 1);
		must_add(map, cases[i].first, cases[i].pages, POISON_QUEUED, RAS_AR, 2,
			 cases[i].added);
		check_map(map, cases[i].map);
	}
}

static void the_page_that_is_used_is_known_from_the_range_that_was_lost(void **state)
{
	struct poison_map *map = *state;

	must_add(map, 512, 512, POISON_SEEN, RAS_AO, 1, 1);
	must_add(map, 700, 1, POISON_CONSUMED, RAS_AR, 2, 0);
	check_map(map, "512+512 seen 1");
}

static void bad_ranges_and_states_are_refused(void **state)
{
	struct poison_map *map = *state;
	const uint64_t last = UINT64_MAX - (PAGE - 1);

	assert_int_equal(poison_add(map, gpa(1), 1, POISON_SEEN, RAS_AO, 1, 0), -EINVAL);
	assert_int_equal(poison_add(map, gpa(RAM + 512), 1, POISON_SEEN, RAS_AO, 1, 0), -EINVAL);
	assert_int_equal(poison_add(map, gpa(last), 1, POISON_SEEN, RAS_AO, 1, 0), -EINVAL);
	assert_int_equal(poison_add(map, gpa(last - PAGE), UINT32_MAX, POISON_SEEN, RAS_AO, 1, 0),
			 -EINVAL);
	assert_int_equal(add(map, 0, 1, POISON_FREE), -EINVAL);
	assert_int_equal(add(map, 0, 1, POISON_NR_STATES), -EINVAL);
	assert_int_equal(map->n, 0);
	assert_int_equal(poison_add(map, gpa(last - PAGE), 1, POISON_SEEN, RAS_AO, 1, 0), 1);
	assert_int_equal(poison_find(map, gpa(last - 1)), 0);
}

static void a_new_entry_has_nothing_of_its_neighbours(void **state)
{
	struct poison_map *map = *state;

	must_add(map, 8, 1, POISON_QUEUED, RAS_AO, 1, 1);
	map->flags[0] = POISON_FATAL;
	map->source[0] = GHES_GED;
	must_add(map, 4, 1, POISON_QUEUED, RAS_AO, 2, 1);
	assert_int_equal(map->flags[0], 0);
	assert_int_equal(map->source[0], POISON_NO_SOURCE);
	assert_int_equal(map->flags[1], POISON_FATAL);
	assert_int_equal(map->source[1], GHES_GED);
}

/* ---- what gives way ---- */

static void a_healed_page_can_go_bad_again(void **state)
{
	struct poison_map *map = *state;

	must_add(map, 4, 4, POISON_SEEN, RAS_AO, 1, 1);
	assert_true(poison_step(map, 0, POISON_HEALED));
	must_add(map, 5, 1, POISON_QUEUED, RAS_AR, 2, 1);
	check_map(map, "4+1 healed 1, 5+1 queued 2, 6+2 healed 1");
	must_add(map, 0, 16, POISON_QUEUED, RAS_AO, 3, 2);
	check_map(map, "0+5 queued 3, 5+1 queued 2, 6+10 queued 3");
}

static void a_corrected_error_gives_way_to_one_that_is_not(void **state)
{
	struct poison_map *map = *state;

	must_add(map, 4, 1, POISON_QUEUED, RAS_CE, 1, 1);
	must_add(map, 4, 1, POISON_QUEUED, RAS_CE, 2, 0);
	must_add(map, 4, 1, POISON_QUEUED, RAS_AO, 3, 1);
	check_map(map, "4+1 queued 3");
	assert_int_equal(map->class[0], RAS_AO);
	must_add(map, 4, 1, POISON_QUEUED, RAS_CE, 4, 0);
	check_map(map, "4+1 queued 3");
}

static void a_corrected_error_can_happen_again_once_it_is_acknowledged(void **state)
{
	struct poison_map *map = *state;

	must_add(map, 4, 1, POISON_QUEUED, RAS_CE, 1, 1);
	assert_true(poison_step(map, 0, POISON_NOTIFIED));
	must_add(map, 4, 1, POISON_QUEUED, RAS_CE, 2, 0);
	assert_true(poison_step(map, 0, POISON_ACKED));
	must_add(map, 4, 1, POISON_QUEUED, RAS_CE, 3, 1);
	check_map(map, "4+1 queued 3");
	/* An error that was not corrected stays known. */
	must_add(map, 6, 1, POISON_QUEUED, RAS_AO, 4, 1);
	assert_true(poison_step(map, 1, POISON_NOTIFIED));
	assert_true(poison_step(map, 1, POISON_ACKED));
	must_add(map, 6, 1, POISON_QUEUED, RAS_AO, 5, 0);
}

/* ---- splitting and forgetting ---- */

static void a_run_is_split_where_asked(void **state)
{
	static const struct {
		uint64_t first;
		uint32_t pages;
		int index;
		const char *map;
	} cases[] = {
		/* clang-format off */
		/* Of a run of pages 4-7, the second of two entries. */
		{ 4, 4, 1,       "0+1 seen 1, 4+4 queued 2" },
		{ 4, 1, 1,       "0+1 seen 1, 4+1 queued 2, 5+3 queued 2" },
		{ 7, 1, 2,       "0+1 seen 1, 4+3 queued 2, 7+1 queued 2" },
		{ 5, 2, 2,       "0+1 seen 1, 4+1 queued 2, 5+2 queued 2, 7+1 queued 2" },
		{ 3, 1, -ENOENT, "0+1 seen 1, 4+4 queued 2" },
		{ 3, 2, -ENOENT, "0+1 seen 1, 4+4 queued 2" },
		{ 7, 2, -ENOENT, "0+1 seen 1, 4+4 queued 2" },
		{ 8, 1, -ENOENT, "0+1 seen 1, 4+4 queued 2" },
		{ 5, 0, -ENOENT, "0+1 seen 1, 4+4 queued 2" },
		/* clang-format on */
	};
	struct poison_map *map = *state;

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		int found;

		poison_init(map);
		must_add(map, 0, 1, POISON_SEEN, RAS_AO, 1, 1);
		must_add(map, 4, 4, POISON_QUEUED, RAS_AO, 2, 1);
		found = poison_split(map, page(cases[i].first), cases[i].pages);
		if (found != cases[i].index)
			fail_msg("case %u: expected %d, found %d", i, cases[i].index, found);
		check_map(map, cases[i].map);
	}
	assert_int_equal(poison_split(map, gpa(page(5).v + 1), 1), -ENOENT);
}

static void parts_of_a_run_keep_what_was_known_of_it(void **state)
{
	struct poison_map *map = *state;

	must_add(map, 4, 4, POISON_QUEUED, RAS_AO, 2, 1);
	map->flags[0] = POISON_FATAL;
	assert_int_equal(poison_split(map, page(5), 1), 1);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(map->flags[i], POISON_FATAL);
		assert_int_equal(map->order[i], map->order[0]);
		assert_int_equal(map->seen_ns[i], 100);
		assert_int_equal(map->source[i], POISON_NO_SOURCE);
	}
}

static void forgetting_cuts_runs_at_the_edges(void **state)
{
	static const struct {
		uint64_t first;
		uint32_t pages;
		const char *map;
	} cases[] = {
		/* clang-format off */
		{ 4, 4,  "10+2 seen 2" },
		{ 0, 4,  "4+4 seen 1, 10+2 seen 2" },
		{ 8, 2,  "4+4 seen 1, 10+2 seen 2" },
		{ 4, 1,  "5+3 seen 1, 10+2 seen 2" },
		{ 7, 1,  "4+3 seen 1, 10+2 seen 2" },
		{ 5, 1,  "4+1 seen 1, 6+2 seen 1, 10+2 seen 2" },
		{ 6, 5,  "4+2 seen 1, 11+1 seen 2" },
		{ 0, 99, "" },
		{ 5, 0,  "4+4 seen 1, 10+2 seen 2" },
		/* clang-format on */
	};
	struct poison_map *map = *state;

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		poison_init(map);
		must_add(map, 4, 4, POISON_SEEN, RAS_AO, 1, 1);
		must_add(map, 10, 2, POISON_SEEN, RAS_AO, 2, 1);
		poison_forget(map, page(cases[i].first), cases[i].pages);
		check_map(map, cases[i].map);
		check_rest_is_zero(map);
	}
	/* Not a range of pages. */
	poison_forget(map, gpa(UINT64_MAX - 4095), 1);
	poison_forget(map, gpa(page(4).v + 1), 1);
	check_map(map, "4+4 seen 1, 10+2 seen 2");
}

/* ---- states ---- */

static void only_these_states_follow_each_other(void **state)
{
	static const char *const from_to[] = {
		"seen>queued",     "seen>notified",   "seen>consumed",     "seen>healed",
		"queued>seen",     "queued>notified", "queued>consumed",   "queued>healed",
		"notified>queued", "notified>acked",  "notified>consumed", "notified>healed",
		"acked>consumed",  "acked>healed",    "consumed>healed",
	};
	struct poison_map *map = *state;

	for (unsigned from = POISON_SEEN; from < POISON_NR_STATES; from++) {
		for (unsigned to = 0; to <= POISON_NR_STATES; to++) {
			bool allowed = false, stepped;
			char name[32];

			snprintf(name, sizeof(name), "%s>%s", poison_state_name(from),
				 poison_state_name(to));
			for (unsigned i = 0; i < ARRAY_SIZE(from_to); i++)
				allowed |= strcmp(from_to[i], name) == 0;
			poison_init(map);
			assert_int_equal(add(map, 0, 1, from), 1);
			stepped = poison_step(map, 0, to);
			if (stepped != allowed)
				fail_msg("%s: expected %d, found %d", name, allowed, stepped);
			assert_int_equal(map->state[0], allowed ? to : from);
		}
	}
}

static void a_state_of_no_entry_cannot_change(void **state)
{
	struct poison_map *map = *state;

	assert_false(poison_step(map, 0, POISON_SEEN));
	assert_int_equal(add(map, 0, 1, POISON_SEEN), 1);
	assert_false(poison_step(map, 1, POISON_QUEUED));
	assert_false(poison_step(map, POISON_MAX, POISON_QUEUED));
}

static void states_have_names(void **state)
{
	static const char *const names[] = { "free",  "seen",     "queued", "notified",
					     "acked", "consumed", "healed" };

	(void)state;
	assert_int_equal(ARRAY_SIZE(names), POISON_NR_STATES);
	for (unsigned i = 0; i < POISON_NR_STATES; i++)
		assert_string_equal(poison_state_name(i), names[i]);
	assert_string_equal(poison_state_name(POISON_NR_STATES), "unknown");
}

static void a_source_belongs_to_a_notified_entry(void **state)
{
	struct poison_map *map = *state;

	assert_int_equal(add(map, 0, 1, POISON_QUEUED), 1);
	assert_true(poison_step(map, 0, POISON_NOTIFIED));
	map->source[0] = GHES_SDEI_NORMAL;
	assert_true(poison_step(map, 0, POISON_QUEUED));
	assert_int_equal(map->source[0], POISON_NO_SOURCE);
}

/* ---- the queue ---- */

static void the_oldest_of_a_class_goes_first(void **state)
{
	struct poison_map *map = *state;

	must_add(map, 9, 1, POISON_QUEUED, RAS_AO, 1, 1);
	must_add(map, 7, 1, POISON_QUEUED, RAS_CE, 2, 1);
	must_add(map, 3, 1, POISON_QUEUED, RAS_AO, 3, 1);
	must_add(map, 1, 1, POISON_SEEN, RAS_AO, 4, 1);
	assert_int_equal(poison_first_queued(map, RAS_AO), poison_find(map, page(9)));
	assert_int_equal(poison_first_queued(map, RAS_CE), poison_find(map, page(7)));
	assert_int_equal(poison_first_queued(map, RAS_AR), -1);
	assert_true(poison_step(map, (unsigned)poison_find(map, page(9)), POISON_NOTIFIED));
	assert_int_equal(poison_first_queued(map, RAS_AO), poison_find(map, page(3)));
	/* What is queued again, or later, goes last. */
	assert_true(poison_step(map, (unsigned)poison_find(map, page(1)), POISON_QUEUED));
	assert_true(poison_step(map, (unsigned)poison_find(map, page(9)), POISON_QUEUED));
	assert_true(poison_step(map, (unsigned)poison_find(map, page(3)), POISON_NOTIFIED));
	assert_int_equal(poison_first_queued(map, RAS_AO), poison_find(map, page(1)));
}

static void what_came_together_goes_by_address(void **state)
{
	struct poison_map *map = *state;

	/* The exact page first, then the rest of its huge page. */
	must_add(map, 100, 1, POISON_QUEUED, RAS_AO, 1, 1);
	must_add(map, 0, 512, POISON_QUEUED, RAS_AO, 1, 2);
	assert_int_equal(poison_first_queued(map, RAS_AO), 1);
	assert_true(poison_step(map, 1, POISON_NOTIFIED));
	assert_int_equal(poison_first_queued(map, RAS_AO), 0);
	assert_true(poison_step(map, 0, POISON_NOTIFIED));
	assert_int_equal(poison_first_queued(map, RAS_AO), 2);
}

static void the_order_survives_its_counters_wrap(void **state)
{
	struct poison_map *map = *state;

	map->next_order = UINT32_MAX;
	must_add(map, 9, 1, POISON_QUEUED, RAS_AO, 1, 1);
	must_add(map, 3, 1, POISON_QUEUED, RAS_AO, 2, 1);
	assert_int_equal(map->next_order, 1);
	assert_int_equal(poison_first_queued(map, RAS_AO), poison_find(map, page(9)));
}

/* ---- capacity ---- */

/* Every other page, so that no two entries touch. */
static void fill(struct poison_map *map, unsigned entries)
{
	for (unsigned i = 0; i < entries; i++)
		if (add(map, UINT64_C(2) * i, 1, POISON_SEEN) != 1)
			fail_msg("entry %u was not added", i);
}

static void a_full_map_takes_no_more_and_stays_as_it_is(void **state)
{
	struct poison_map *map = *state, *before = test_malloc(sizeof(*before));

	fill(map, POISON_MAX);
	memcpy(before, map, sizeof(*map));
	assert_int_equal(add(map, UINT64_C(2) * POISON_MAX, 1, POISON_SEEN), -ENOSPC);
	assert_int_equal(add(map, 1, 1, POISON_SEEN), -ENOSPC);
	assert_int_equal(add(map, 0, 1, POISON_SEEN), 0);
	assert_memory_equal(before, map, sizeof(*map));
	test_free(before);
	poison_forget(map, page(0), 1);
	assert_int_equal(add(map, 1, 1, POISON_SEEN), 1);
	assert_int_equal(map->n, POISON_MAX);
}

static void all_parts_of_a_run_are_added_or_none(void **state)
{
	struct poison_map *map = *state;

	fill(map, POISON_MAX - 2);
	/* Three gaps: between the first four. */
	assert_int_equal(add(map, 0, 7, POISON_QUEUED), -ENOSPC);
	assert_int_equal(map->n, POISON_MAX - 2);
	assert_int_equal(poison_find(map, page(1)), -1);
	assert_int_equal(add(map, 0, 5, POISON_QUEUED), 2);
	assert_int_equal(map->n, POISON_MAX);
}

static void a_split_that_does_not_fit_changes_nothing(void **state)
{
	struct poison_map *map = *state;

	assert_int_equal(poison_add(map, gpa(0x1000), 5, POISON_SEEN, RAS_AO, 1, 0), 1);
	fill(map, POISON_MAX - 2);
	assert_int_equal(poison_split(map, gpa(0x3000), 1), -ENOSPC);
	assert_int_equal(map->pages[0], 5);
	assert_int_equal(map->n, POISON_MAX - 1);
	assert_int_equal(poison_split(map, gpa(0x1000), 1), 0);
	assert_int_equal(map->n, POISON_MAX);
	assert_int_equal(poison_split(map, gpa(0x2000), 1), -ENOSPC);
	assert_int_equal(poison_split(map, gpa(0x2000), 4), 1);
}

static void forgetting_works_in_a_full_map(void **state)
{
	struct poison_map *map = *state;

	assert_int_equal(poison_add(map, gpa(0x1000), 5, POISON_SEEN, RAS_AO, 1, 0), 1);
	fill(map, POISON_MAX - 1);
	poison_forget(map, gpa(0x2000), 1);
	assert_int_equal(map->n, POISON_MAX);
	/* The longer remainder is kept: a page is known too little rather than too much. */
	assert_int_equal(poison_find(map, gpa(0x1000)), -1);
	assert_int_equal(poison_find(map, gpa(0x2000)), -1);
	assert_int_equal(poison_find(map, gpa(0x3000)), 0);
	assert_int_equal(poison_find(map, gpa(0x5000)), 0);
	assert_int_equal(map->pages[0], 3);
}

/* ---- reset, printing, fields ---- */

static void reset_forgets_what_is_good_and_what_was_told_of_the_rest(void **state)
{
	struct poison_map *map = *state;

	for (unsigned to = POISON_SEEN; to < POISON_NR_STATES; to++)
		must_add(map, UINT64_C(2) * to, 1, to, RAS_AO, to, 1);
	must_add(map, 20, 1, POISON_QUEUED, RAS_CE, 20, 1);
	map->source[2] = GHES_GED;
	poison_reset(map);
	check_map(map, "2+1 seen 1, 4+1 seen 2, 6+1 seen 3, 8+1 seen 4, 10+1 seen 5");
	check_rest_is_zero(map);
	for (unsigned i = 0; i < map->n; i++)
		assert_int_equal(map->source[i], POISON_NO_SOURCE);
	assert_int_equal(poison_first_queued(map, RAS_AO), -1);
}

static void the_operator_sees_a_line_an_entry(void **state)
{
	struct poison_map *map = *state;
	char text[1024] = "";
	FILE *out = fmemopen(text, sizeof(text), "w");

	must_add(map, 1, 1, POISON_QUEUED, RAS_AO, 7, 1);
	must_add(map, 2, 511, POISON_SEEN, RAS_AO, 7, 1);
	must_add(map, 1000, 1, POISON_QUEUED, RAS_CE, 8, 1);
	assert_true(poison_step(map, 2, POISON_NOTIFIED));
	map->source[2] = GHES_GED;
	map->flags[2] = POISON_THRESHOLD;
	map->flags[0] = POISON_FATAL;
	assert_non_null(out);
	poison_print(map, out);
	fclose(out);
	assert_string_equal(text, "gpa=0x80001000 pages=1 state=queued class=ao id=7 fatal\n"
				  "gpa=0x80002000 pages=511 state=seen class=ao id=7\n"
				  "gpa=0x803e8000 pages=1 state=notified class=ce id=8 source=ged "
				  "threshold\n");
}

static void the_field_table_covers_the_map(void **state)
{
	uint8_t *seen = test_calloc(1, sizeof(struct poison_map));

	(void)state;
	assert_int_equal(poison_state_desc.size, sizeof(struct poison_map));
	assert_int_equal(state_covered(&poison_state_desc), sizeof(struct poison_map));
	for (const struct state_field *f = poison_state_desc.fields; f->id; f++)
		for (size_t i = 0; i < (size_t)f->size * f->count; i++)
			seen[f->offset + i]++;
	for (size_t i = 0; i < sizeof(struct poison_map); i++)
		if (seen[i] != 1)
			fail_msg("byte %zu is described %u times", i, seen[i]);
	test_free(seen);
}

/* ---- against a model ---- */

#define MODEL_PAGES 64
#define STEPS       20000

/* What is known of one page; state 0: nothing. */
struct model_page {
	unsigned state, class, id, order, source;
};

struct model {
	struct model_page page[MODEL_PAGES];
	unsigned next_order;
};

static unsigned draw(unsigned below)
{
	return (unsigned)rand() % below;
}

static bool model_is_known(const struct model_page *p, unsigned class)
{
	if (p->state == POISON_FREE || p->state == POISON_HEALED)
		return false;
	if (p->class != RAS_CE)
		return true;
	return class == RAS_CE && p->state != POISON_ACKED;
}

/* The number of runs it adds. */
static int model_add(struct model *m, unsigned first, unsigned pages, unsigned state,
		     unsigned class, unsigned id)
{
	bool in_run = false;
	int runs = 0;

	for (unsigned i = first; i < first + pages; i++) {
		bool new = !model_is_known(&m->page[i], class);

		if (new)
			m->page[i] = (struct model_page){ state, class, id, m->next_order,
							  POISON_NO_SOURCE };
		runs += new && !in_run;
		in_run = new;
	}
	m->next_order += runs > 0;
	return runs;
}

static bool model_may_step(unsigned from, unsigned to)
{
	switch (to) {
	case POISON_SEEN:
		return from == POISON_QUEUED;
	case POISON_QUEUED:
		return from == POISON_SEEN || from == POISON_NOTIFIED;
	case POISON_NOTIFIED:
		return from == POISON_SEEN || from == POISON_QUEUED;
	case POISON_ACKED:
		return from == POISON_NOTIFIED;
	case POISON_CONSUMED:
		return from && from < POISON_CONSUMED;
	case POISON_HEALED:
		return from && from < POISON_HEALED;
	default:
		return false;
	}
}

static int model_first_queued(const struct model *m, unsigned class)
{
	int first = -1;

	for (int i = 0; i < MODEL_PAGES; i++)
		if (m->page[i].state == POISON_QUEUED && m->page[i].class == class &&
		    (first < 0 || m->page[i].order < m->page[first].order))
			first = i;
	return first;
}

static void compare(const struct model *m, const struct poison_map *map)
{
	for (unsigned i = 0; i < map->n; i++) {
		assert_true(map->pages[i] > 0);
		assert_true(map->gpa[i] >= RAM);
		if (i)
			assert_true(map->gpa[i] >= map->gpa[i - 1] + map->pages[i - 1] * PAGE);
	}
	for (unsigned i = 0; i < MODEL_PAGES; i++) {
		const struct model_page *p = &m->page[i];
		int found = poison_find(map, page(i));

		if ((found >= 0) != (p->state != POISON_FREE))
			fail_msg("page %u: expected state %u, found entry %d", i, p->state, found);
		if (found < 0)
			continue;
		if (map->state[found] != p->state || map->class[found] != p->class ||
		    map->id[found] != p->id || map->source[found] != p->source)
			fail_msg("page %u: expected state %u class %u id %u source %u, found %u %u "
				 "%u %u",
				 i, p->state, p->class, p->id, p->source, map->state[found],
				 map->class[found], map -> id[found], map -> source[found]);
	}
	for (unsigned class = 0; class < RAS_NR_CLASSES; class ++) {
		int index = poison_first_queued(map, class),
		    expected = model_first_queued(m, class);
		int found = index < 0 ? -1 : (int)((map->gpa[index] - RAM) / PAGE);

		if (found != expected)
			fail_msg("class %u: expected page %d first, found %d", class, expected,
				 found);
	}
	check_rest_is_zero(map);
}

static void random_add(struct model *m, struct poison_map *map, unsigned id)
{
	unsigned first = draw(MODEL_PAGES), pages = 1 + draw(MODEL_PAGES - first);
	unsigned state = POISON_SEEN + draw(POISON_NR_STATES - 1), class = draw(RAS_NR_CLASSES);
	int expected;

	if (draw(2))
		pages = 1;
	expected = model_add(m, first, pages, state, class, id);
	must_add(map, first, pages, state, class, id, expected);
}

/* A part of one entry takes a step; the model's pages do so each by itself. */
static void random_step(struct model *m, struct poison_map *map)
{
	unsigned entry, first, pages, to = draw(POISON_NR_STATES);
	bool queued = false;
	int index;

	if (!map->n)
		return;
	entry = draw(map->n);
	first = (unsigned)((map->gpa[entry] - RAM) / PAGE) + draw(map->pages[entry]);
	pages = 1 + draw((unsigned)((map->gpa[entry] - RAM) / PAGE) + map->pages[entry] - first);
	index = poison_split(map, page(first), pages);
	assert_true(index >= 0);
	assert_int_equal(map->gpa[index], page(first).v);
	assert_int_equal(map->pages[index], pages);
	assert_int_equal(poison_step(map, (unsigned)index, to),
			 model_may_step(m->page[first].state, to));
	for (unsigned i = first; i < first + pages; i++) {
		if (!model_may_step(m->page[i].state, to))
			continue;
		m->page[i].state = to;
		if (to == POISON_QUEUED) {
			m->page[i].order = m->next_order;
			queued = true;
		}
	}
	m->next_order += queued;
}

static void random_forget(struct model *m, struct poison_map *map)
{
	unsigned first = draw(MODEL_PAGES), pages = 1 + draw(MODEL_PAGES - first);

	poison_forget(map, page(first), pages);
	memset(&m->page[first], 0, pages * sizeof(m->page[0]));
}

static void random_reset(struct model *m, struct poison_map *map)
{
	poison_reset(map);
	for (unsigned i = 0; i < MODEL_PAGES; i++) {
		struct model_page *p = &m->page[i];

		if (p->state == POISON_HEALED || (p->state && p->class == RAS_CE))
			*p = (struct model_page){ 0 };
		else if (p->state)
			p->state = POISON_SEEN;
	}
}

static void random_operations_agree_with_a_model_of_single_pages(void **state)
{
	struct poison_map *map = *state;
	struct model model = { .next_order = 0 };

	srand(2);
	for (unsigned i = 0; i < STEPS; i++) {
		unsigned kind = draw(100);

		if (kind < 45)
			random_add(&model, map, i);
		else if (kind < 85)
			random_step(&model, map);
		else if (kind < 98)
			random_forget(&model, map);
		else
			random_reset(&model, map);
		compare(&model, map);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_added_run_is_found_page_by_page),
		TEST(an_empty_map_knows_nothing),
		TEST(entries_are_sorted_whatever_the_order_of_adding),
		TEST(only_what_is_new_is_added),
		TEST(the_page_that_is_used_is_known_from_the_range_that_was_lost),
		TEST(bad_ranges_and_states_are_refused),
		TEST(a_new_entry_has_nothing_of_its_neighbours),
		TEST(a_healed_page_can_go_bad_again),
		TEST(a_corrected_error_gives_way_to_one_that_is_not),
		TEST(a_corrected_error_can_happen_again_once_it_is_acknowledged),
		TEST(a_run_is_split_where_asked),
		TEST(parts_of_a_run_keep_what_was_known_of_it),
		TEST(forgetting_cuts_runs_at_the_edges),
		TEST(only_these_states_follow_each_other),
		TEST(a_state_of_no_entry_cannot_change),
		TEST(states_have_names),
		TEST(a_source_belongs_to_a_notified_entry),
		TEST(the_oldest_of_a_class_goes_first),
		TEST(what_came_together_goes_by_address),
		TEST(the_order_survives_its_counters_wrap),
		TEST(a_full_map_takes_no_more_and_stays_as_it_is),
		TEST(all_parts_of_a_run_are_added_or_none),
		TEST(a_split_that_does_not_fit_changes_nothing),
		TEST(forgetting_works_in_a_full_map),
		TEST(reset_forgets_what_is_good_and_what_was_told_of_the_rest),
		TEST(the_operator_sees_a_line_an_entry),
		TEST(the_field_table_covers_the_map),
		TEST(random_operations_agree_with_a_model_of_single_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
