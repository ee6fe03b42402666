/* Many errors: order and rate of a storm, random errors with guests that come, go, mask, dawdle and
 * lie, and memory that does not grow. */
#include "ras_world.h"

#define PAGES 700 /* random errors hit one of these */
#define STEPS 1000

/* ---- a storm ---- */

static void a_storm_is_told_in_order(void **state)
{
	struct world *w = *state;
	unsigned n = 50;

	guest_register(w);
	for (unsigned i = 0; i < n; i++)
		report(w, RAS_AO, page((i * 37) % 101));
	run(w, 10 * SECOND);
	assert_int_equal(w->seen, n);
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(w->saw[i].gpa, page((i * 37) % 101));
		assert_true(w->saw[i].sections <= CPER_MAX_SECTIONS);
		expect_state(w, w->saw[i].gpa, POISON_ACKED);
	}
	assert_false(ras_waits(w->fw, &w->ras));
}

/* The most pages that were told in any second: a full bucket, and what comes in meanwhile. */
static unsigned busiest_second(const struct world *w)
{
	unsigned most = 0;

	for (unsigned i = 0; i < w->seen; i++) {
		unsigned n = 0;

		while (i + n < w->seen && w->saw[i + n].at_ns < w->saw[i].at_ns + SECOND)
			n++;
		if (n > most)
			most = n;
	}
	return most;
}

static void a_storm_keeps_to_the_rate(void **state)
{
	static const struct {
		const char *policy;
		unsigned rate;
		bool dt;
	} rows[] = {
		{ "limit=16", 16, false }, { "limit=3", 3, false },    { "limit=100", 100, false },
		{ "limit=16", 16, true },  { "limit=100", 100, true },
	};
	struct world *w = *state;

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		unsigned n = 8 * rows[i].rate;

		world_with(w, rows[i].policy, rows[i].dt);
		guest_register(w);
		for (unsigned p = 0; p < n; p++)
			report(w, RAS_AO, page(p));
		run(w, 6 * SECOND);
		assert_in_range(w->seen, 6 * rows[i].rate - 1, 7 * rows[i].rate + 1);
		run(w, 6 * SECOND);
		assert_int_equal(w->seen, n);
		assert_in_range(busiest_second(w), rows[i].rate, 2 * rows[i].rate + 1);
	}
}

static void a_full_record_has_16_pages(void **state)
{
	struct world *w = *state;

	world_with(w, "limit=10000", false);
	guest_register(w);
	w->guest.deaf = true;
	for (unsigned i = 0; i < 1 + 17; i++)
		report(w, RAS_AO, page(2 * i));
	w->guest.deaf = false;
	run(w, 100 * MS);
	assert_int_equal(w->seen, 18);
	assert_int_equal(w->saw[0].sections, 1);
	assert_int_equal(w->saw[1].sections, 16);
	assert_int_equal(w->saw[17].sections, 1);
}

/* Ranges that do not fit what the limit gives are told in parts. */
static void ranges_are_split_where_the_limit_says(void **state)
{
	struct world *w = *state;

	world_with(w, "limit=5", false);
	guest_register(w);
	for (unsigned i = 0; i < 3; i++) {
		struct ras_error error = error_at(w, RAS_AO, page(32 * i + 3));

		error.base = gpa(page(32 * i));
		error.bytes = KIB(64);
		ras_report(w->fw, &w->ras, &error);
	}
	assert_int_equal(last_note(w, RAS_NOTE_NOTIFIED)->pages, 5);
	run(w, 15 * SECOND);
	assert_int_equal(w->seen, 48);
	for (unsigned i = 0; i < 48; i++) {
		unsigned range = i / 16, nth = i % 16;
		unsigned at = nth == 0 ? 3 : nth <= 3 ? nth - 1 : nth;

		assert_int_equal(w->saw[i].gpa, page(32 * range + at));
	}
}

/* A run can only be told in parts if there is room for its other part. */
static void a_run_that_cannot_be_split_is_not_called_told(void **state)
{
	struct world *w = *state;
	struct ras_error error;

	world_with(w, "limit=3", false);
	guest_register(w);
	for (unsigned i = 0; i < POISON_MAX - 2; i++)
		assert_int_equal(poison_add(w->ras.map, gpa(page(100 + 2 * i)), 1, POISON_SEEN,
					    RAS_AO, 1, w->now_ns),
				 1);
	error = error_at(w, RAS_AO, page(0));
	error.bytes = KIB(64);
	ras_report(w->fw, &w->ras, &error);
	assert_int_equal(last_note(w, RAS_NOTE_NOTIFIED)->pages, 1);
	expect_state(w, page(1), POISON_QUEUED);
	run(w, 2 * SECOND);
	assert_int_equal(w->seen, 1);
	assert_int_equal(w->stops, 1);
	expect_state(w, page(1), POISON_QUEUED);
}

/* ---- at random ---- */

static uint64_t random_state;

static unsigned random_below(unsigned n)
{
	random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)((random_state >> 33) % n);
}

struct history {
	bool lost[PAGES], consumed[PAGES];
};

static void random_report(struct world *w, struct history *h)
{
	struct ras_error error = error_at(w, RAS_AO, 0);
	unsigned first = random_below(PAGES), n = 1;

	if (!random_below(4)) {
		n = 16;
		first = first / 16 * 16;
		if (first + n > PAGES)
			return;
	}
	error.base = gpa(page(first));
	error.bytes = n * PAGE;
	error.at = gpa(page(first + random_below(n)));
	ras_report(w->fw, &w->ras, &error);
	for (unsigned i = 0; i < n; i++)
		h->lost[first + i] = true;
}

static void random_consume(struct world *w, struct history *h)
{
	unsigned n = random_below(PAGES);
	struct ras_error error = error_at(w, RAS_AR, page(n));
	struct ras_caps caps = { .el0 = random_below(2), .vectors = true };
	struct ras_verdict v = ras_consume(w->fw, &w->ras, &error, random_below(NPE), n, caps);

	assert_int_equal(v.what, RAS_DO_SEA);
	ras_taken(w->fw, &w->ras, &v, 0, error.at, PAGE, n, 0);
	h->lost[n] = true;
	h->consumed[n] = true;
	if (!w->guest.deaf && random_below(3))
		guest_take(w, GHES_SEA);
}

static void random_guest(struct world *w)
{
	struct guest *g = &w->guest;

	switch (random_below(8)) {
	case 0:
		g->deaf = !g->deaf;
		break;
	case 1:
		g->masked = !g->masked;
		tick(w);
		break;
	case 2:
		guest_register(w);
		break;
	case 3:
		guest_unregister(w);
		break;
	case 4:
		g->serves_ged = !g->serves_ged;
		break;
	case 5:
		g->polls = !g->polls;
		break;
	default:
		g->ack_delay_ns = 300 * MS * random_below(4);
	}
}

static void random_loss_in_region(struct world *w)
{
	unsigned n = random_below(RAS_USED_BYTES / PAGE);

	w->bad[n] = true;
	if (random_below(2))
		report(w, RAS_AO, REGION + n * PAGE);
}

/* A guest at its best until nothing waits. */
static void settle(struct world *w)
{
	w->guest.deaf = false;
	w->guest.masked = false;
	w->guest.ack_delay_ns = 0;
	guest_boot(w);
	guest_register(w);
	for (unsigned i = 0; i < 100 && ras_waits(w->fw, &w->ras); i++)
		run(w, SECOND);
	assert_false(ras_waits(w->fw, &w->ras));
	assert_int_equal(w->alarm_ns, UINT64_MAX);
	assert_int_equal(w->stops, 0);
}

static void expect_order_of_notes(const struct world *w)
{
	uint32_t last = 0;

	for (unsigned i = 0; i < w->notes; i++) {
		assert_int_not_equal(w->note[i].id, RAS_NO_ID);
		if (w->note[i].kind != RAS_NOTE_SIGNAL)
			continue;
		assert_true(w->note[i].id > last);
		last = w->note[i].id;
	}
}

/* Every record out was acknowledged, and nothing else was. */
static void expect_acknowledged(const struct world *w)
{
	unsigned out = count_notes(w, RAS_NOTE_NOTIFIED), moved = 0;

	for (unsigned i = 0; i < w->notes; i++)
		moved += w->note[i].kind == RAS_NOTE_FALLBACK && w->note[i].source != GHES_SEA;
	assert_int_equal(count_notes(w, RAS_NOTE_ACKED), out - moved);
}

/* Only AO, no memory of the firmware lost: each page is told exactly once, whatever the guest does. */
static void each_page_is_told_exactly_once(void **state)
{
	struct world *w = *state;

	for (unsigned seed = 1; seed <= 20; seed++) {
		struct history h = { 0 };

		random_state = seed;
		world_with(w, "limit=10000,ack=2s", seed % 3 == 0);
		for (unsigned i = 0; i < STEPS; i++) {
			random_report(w, &h);
			random_guest(w);
			run(w, random_below(300) * MS);
		}
		settle(w);
		for (unsigned i = 0; i < PAGES; i++) {
			if (times_seen(w, page(i)) != h.lost[i])
				fail_msg("seed %u: page %u was told %u times", seed, i,
					 times_seen(w, page(i)));
			expect_state(w, page(i), h.lost[i] ? POISON_ACKED : POISON_FREE);
		}
		expect_order_of_notes(w);
		expect_acknowledged(w);
	}
}

/* With aborts whose records nobody reads, and the firmware's pages failing under it: every page is told. */
static void no_page_is_lost(void **state)
{
	struct world *w = *state;

	for (unsigned seed = 1; seed <= 20; seed++) {
		struct history h = { 0 };

		random_state = UINT64_C(1000) * seed;
		world_with(w, "limit=10000,ack=2s", false);
		for (unsigned i = 0; i < STEPS; i++) {
			random_report(w, &h);
			if (!random_below(3))
				random_consume(w, &h);
			if (!random_below(20))
				random_loss_in_region(w);
			random_guest(w);
			run(w, random_below(300) * MS);
		}
		memset(w->bad, 0, sizeof(w->bad));
		settle(w);
		run(w, 5 * SECOND);
		for (unsigned i = 0; i < PAGES; i++) {
			enum poison_state s = state_of(w, page(i));

			if (h.lost[i] != (times_seen(w, page(i)) > 0))
				fail_msg("seed %u: page %u, %s, lost %d, told %u times", seed, i,
					 poison_state_name(s), h.lost[i], times_seen(w, page(i)));
			if (h.lost[i] && !h.consumed[i])
				expect_state(w, page(i), POISON_ACKED);
		}
		expect_order_of_notes(w);
	}
}

static void scribble(struct world *w)
{
	static const unsigned where[] = {
		RAS_CELL(0),         RAS_ACK(0),   RAS_BLOCK(GHES_SDEI_NORMAL),
		RAS_BLOCK(GHES_GED), RAS_LOG_PAGE, RAS_BLOCK(GHES_SEA)
	};
	unsigned at = where[random_below(ARRAY_SIZE(where))] + random_below(48);

	for (unsigned i = random_below(24); i > 0; i--)
		w->region[at + i] = (uint8_t)(random_below(2) ? 0 : random_below(256));
}

/* It is deaf, so that it never trips over what it has written itself. */
static void a_hostile_guest_harms_only_itself(void **state)
{
	struct world *w = *state;

	for (unsigned seed = 1; seed <= 20; seed++) {
		struct history h = { 0 };

		random_state = UINT64_C(77) * seed;
		world_with(w, "limit=10000,ack=2s", seed % 2);
		for (unsigned i = 0; i < STEPS; i++) {
			random_guest(w);
			w->guest.deaf = true;
			random_report(w, &h);
			if (!random_below(4))
				random_consume(w, &h);
			for (unsigned n = random_below(8); n > 0; n--)
				scribble(w);
			run(w, random_below(100) * MS);
		}
		assert_int_equal(w->stops, 0);
		expect_order_of_notes(w);
		world_reset(w, true);
		memset(w->region + RAS_EINJ_PARAMS, 0, PAGE);
		report(w, RAS_AO, page(1));
		w->seen = 0;
		settle(w);
		assert_int_equal(times_seen(w, page(1)), 1);
	}
}

/* ---- memory ---- */

static void pass_one(struct world *w, unsigned i)
{
	report(w, i % 2 ? RAS_CE : RAS_AO, page(i % 1000));
	run(w, 10 * MS);
	w->seen = 0;
	w->notes = 0;
	if (i % 1000 == 999)
		world_reset(w, true);
	guest_register(w);
	w->guest.serves_ged = true;
}

/* What is kept of an error goes with its acknowledgement, or with the guest's life. */
static void ten_thousand_errors_leave_nothing_behind(void **state)
{
	struct world *w = *state;

	world_with(w, "limit=10000", false);
	for (unsigned i = 0; i < 10000; i++)
		pass_one(w, i);
	assert_int_equal(w->ras.map->n, 0);
	assert_false(ras_waits(w->fw, &w->ras));
	assert_int_equal(w->ras.counts[RAS_NOTE_ACKED], w->ras.counts[RAS_NOTE_NOTIFIED]);
	assert_int_equal(w->ras.counts[RAS_NOTE_SIGNAL], 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RAS_TEST(a_storm_is_told_in_order),
		RAS_TEST(a_storm_keeps_to_the_rate),
		RAS_TEST(a_full_record_has_16_pages),
		RAS_TEST(ranges_are_split_where_the_limit_says),
		RAS_TEST(a_run_that_cannot_be_split_is_not_called_told),
		RAS_TEST(each_page_is_told_exactly_once),
		RAS_TEST(no_page_is_lost),
		RAS_TEST(a_hostile_guest_harms_only_itself),
		RAS_TEST(ten_thousand_errors_leave_nothing_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
