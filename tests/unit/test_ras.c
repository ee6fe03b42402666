/* Errors and the guest: what comes in, ids and notes, the simple ways out, lives of the guest. */
#include "ras_world.h"

/* ---- start ---- */

static void a_machine_that_cannot_be_is_refused(void **state)
{
	struct world *w = *state;
	struct ras_config config = world_config(w);
	struct ras ras;
	struct err err;

	config.npe = 0;
	assert_int_equal(ras_init(&ras, &config, &err), -EINVAL);
	assert_non_null(strstr(err.text, "1 to 512"));
	config.npe = RAS_MAX_PES + 1;
	assert_int_equal(ras_init(&ras, &config, &err), -EINVAL);
	config.npe = 1;
	config.policy.limit_per_s = 0;
	assert_int_equal(ras_init(&ras, &config, &err), -EINVAL);
	config.policy.limit_per_s = 1;
	config.ops = NULL;
	assert_int_equal(ras_init(&ras, &config, &err), -EINVAL);
}

static void a_region_that_cannot_be_written_is_an_error(void **state)
{
	struct world *w = *state;
	struct err err;

	w->write_error = -EFAULT;
	assert_int_equal(ras_reset(w->fw, &w->ras, gpa(REGION), true, w->now_ns, &err), -EFAULT);
	assert_non_null(strstr(err.text, "0x80100000"));
}

static void nothing_waits_at_first(void **state)
{
	struct world *w = *state;

	assert_false(ras_waits(w->fw, &w->ras));
	assert_int_equal(w->alarm_ns, UINT64_MAX);
}

/* ---- one error's life ---- */

static void an_error_is_followed_from_signal_to_acknowledgement(void **state)
{
	static const enum ras_note_kind kinds[] = { RAS_NOTE_SIGNAL, RAS_NOTE_DECIDED,
						    RAS_NOTE_NOTIFIED, RAS_NOTE_ACKED };
	struct world *w = *state;

	guest_register(w);
	report(w, RAS_AO, page(3));
	run(w, 20 * MS);
	expect_kinds(w, 0, kinds, 4);
	for (unsigned i = 0; i < w->notes; i++) {
		assert_int_equal(w->note[i].id, w->note[0].id);
		assert_int_equal(w->note[i].gpa, page(3));
		assert_int_equal(w->note[i].bytes, PAGE);
		assert_int_equal(w->note[i].pe, RAS_NO_PE);
	}
	assert_string_equal(w->note[0].from, "test");
	assert_int_equal(w->note[1].way, RAS_WAY_SDEI);
	assert_non_null(w->note[1].text);
	assert_int_equal(w->note[2].source, GHES_SDEI_NORMAL);
	assert_int_equal(w->note[3].latency_ns, 5 * MS);
	expect_state(w, page(3), POISON_ACKED);
	assert_int_equal(times_seen(w, page(3)), 1);
	assert_int_equal(w->ras.counts[RAS_NOTE_ACKED], 1);
	assert_int_equal(w->alarm_ns, UINT64_MAX);
}

static void ids_grow(void **state)
{
	struct world *w = *state;
	uint32_t last = 0;

	for (unsigned i = 0; i < 20; i++) {
		uint32_t injected = ras_injected(w->fw, &w->ras, "mem-ao", "cli");

		assert_true(injected > last);
		assert_string_equal(last_note(w, RAS_NOTE_INJECTED)->text, "mem-ao");
		report(w, RAS_AO, page(i));
		last = last_note(w, RAS_NOTE_SIGNAL)->id;
		assert_true(last > injected);
	}
	world_reset(w, true);
	assert_true(ras_injected(w->fw, &w->ras, "sea", "cli") > last);
}

static void an_injection_keeps_its_id(void **state)
{
	struct world *w = *state;
	struct ras_error error = error_at(w, RAS_AO, page(1));

	error.id = ras_injected(w->fw, &w->ras, "mem-ao", "cli");
	guest_register(w);
	ras_report(w->fw, &w->ras, &error);
	run(w, 10 * MS);
	assert_int_equal(last_note(w, RAS_NOTE_ACKED)->id, error.id);
}

static void a_known_page_is_dropped(void **state)
{
	static const enum ras_note_kind kinds[] = { RAS_NOTE_SIGNAL, RAS_NOTE_KNOWN };
	struct world *w = *state;
	unsigned before;

	guest_register(w);
	report(w, RAS_AO, page(0));
	for (unsigned i = 0; i < 2; i++) {
		before = w->notes;
		report(w, RAS_AO, page(0));
		expect_kinds(w, before, kinds, 2);
		run(w, 20 * MS);
	}
	assert_int_equal(times_seen(w, page(0)), 1);
}

static void an_address_inside_the_page_is_that_page(void **state)
{
	struct world *w = *state;
	struct ras_error error = error_at(w, RAS_AO, page(2) + 0x123);

	error.base = gpa(page(7));
	error.bytes = 0;
	guest_register(w);
	ras_report(w->fw, &w->ras, &error);
	expect_state(w, page(2), POISON_NOTIFIED);
	expect_state(w, page(7), POISON_FREE);
}

/* ---- corrected errors ---- */

static void a_corrected_error_is_forgotten_when_acknowledged(void **state)
{
	struct world *w = *state;

	guest_register(w);
	w->guest.serves_ged = true;
	report(w, RAS_CE, page(5));
	run(w, 20 * MS);
	assert_int_equal(w->seen, 1);
	assert_int_equal(w->saw[0].severity, CPER_CORRECTED);
	assert_int_equal(w->saw[0].type, 2);
	assert_int_equal(w->saw[0].source, GHES_GED);
	assert_false(w->saw[0].flags & CPER_FLAG_THRESHOLD);
	expect_state(w, page(5), POISON_FREE);
	report(w, RAS_CE, page(5));
	run(w, 20 * MS);
	assert_int_equal(w->seen, 2);
}

static void the_threshold_reaches_the_guest(void **state)
{
	struct world *w = *state;
	struct ras_error error = error_at(w, RAS_CE, page(5));

	guest_register(w);
	w->guest.serves_ged = true;
	error.threshold = true;
	ras_report(w->fw, &w->ras, &error);
	run(w, 20 * MS);
	assert_int_equal(w->seen, 1);
	assert_true(w->saw[0].flags & CPER_FLAG_THRESHOLD);
}

static void a_corrected_error_that_waits_is_known(void **state)
{
	struct world *w = *state;
	struct ras_error error = error_at(w, RAS_CE, page(1));

	guest_register(w);
	report(w, RAS_CE, page(0));
	report(w, RAS_CE, page(1));
	report(w, RAS_CE, page(1));
	assert_int_equal(count_notes(w, RAS_NOTE_KNOWN), 1);
	error.threshold = true;
	ras_report(w->fw, &w->ras, &error);
	assert_int_equal(count_notes(w, RAS_NOTE_KNOWN), 1);
	w->guest.serves_ged = true;
	run(w, 50 * MS);
	assert_int_equal(times_seen(w, page(1)), 1);
	assert_true(w->saw[1].flags & CPER_FLAG_THRESHOLD);
}

static void a_corrected_error_in_a_record_may_come_again(void **state)
{
	struct world *w = *state;

	guest_register(w);
	report(w, RAS_CE, page(0));
	report(w, RAS_CE, page(0));
	assert_int_equal(count_notes(w, RAS_NOTE_KNOWN), 0);
	w->guest.serves_ged = true;
	run(w, 50 * MS);
	assert_int_equal(times_seen(w, page(0)), 2);
	expect_state(w, page(0), POISON_FREE);
}

static void a_lost_page_is_told_though_it_was_corrected_before(void **state)
{
	struct world *w = *state;

	guest_register(w);
	report(w, RAS_CE, page(0));
	report(w, RAS_CE, page(1));
	report(w, RAS_AO, page(0));
	report(w, RAS_AO, page(1));
	report(w, RAS_CE, page(1));
	assert_int_equal(count_notes(w, RAS_NOTE_KNOWN), 1);
	w->guest.serves_ged = true;
	run(w, 50 * MS);
	expect_state(w, page(0), POISON_ACKED);
	expect_state(w, page(1), POISON_ACKED);
}

/* ---- ways without a record ---- */

static void none_remembers_the_page(void **state)
{
	struct world *w = *state;

	world_with(w, "ao=none,ce=none", false);
	guest_register(w);
	report(w, RAS_AO, page(0));
	report(w, RAS_CE, page(1));
	expect_state(w, page(0), POISON_SEEN);
	expect_state(w, page(1), POISON_FREE);
	assert_int_equal(count_notes(w, RAS_NOTE_NOTIFIED), 0);
	assert_false(ras_waits(w->fw, &w->ras));
}

static void stop_ends_the_run_once(void **state)
{
	struct world *w = *state;

	world_with(w, "ao=stop", false);
	guest_register(w);
	report(w, RAS_AO, page(0));
	assert_int_equal(w->stops, 1);
	assert_non_null(strstr(w->why, "ao=stop"));
	assert_int_equal(last_note(w, RAS_NOTE_STOPPED)->id, last_note(w, RAS_NOTE_SIGNAL)->id);
	report(w, RAS_AO, page(1));
	run(w, 200 * MS);
	assert_int_equal(w->stops, 1);
	assert_int_equal(w->alarm_ns, UINT64_MAX);
}

static void an_serror_has_the_syndrome_of_the_policy(void **state)
{
	static const struct {
		const char *policy;
		bool cpu, has_esr;
		uint64_t iss;
	} rows[] = {
		{ "ao=serror", true, true, 0x411 },
		{ "ao=serror", false, false, 0 },
		{ "ao=serror,serror=0x811", true, true, 0x811 },
		{ "ao=serror,serror=none", true, false, 0 },
	};
	struct world *w = *state;

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		world_with(w, rows[i].policy, false);
		w->ras.config.serror_esr = rows[i].cpu;
		report(w, RAS_AO, page(i));
		assert_int_equal(w->serrors, 1);
		assert_int_equal(w->serror_pe, RAS_NO_PE);
		assert_true(w->serror.pending);
		assert_int_equal(w->serror.has_esr, rows[i].has_esr);
		assert_int_equal(w->serror.iss, rows[i].iss);
		expect_state(w, page(i), POISON_NOTIFIED);
		assert_int_equal(last_note(w, RAS_NOTE_NOTIFIED)->way, RAS_WAY_SERROR);
	}
}

/* ---- lives of the guest ---- */

static void a_reset_without_healing_remembers_and_is_silent(void **state)
{
	struct world *w = *state;

	guest_register(w);
	report(w, RAS_AO, page(0));
	report(w, RAS_AO, page(1));
	world_reset(w, false);
	guest_register(w);
	run(w, SECOND);
	assert_int_equal(w->seen, 0);
	expect_state(w, page(0), POISON_SEEN);
	report(w, RAS_AO, page(0));
	assert_int_equal(last_note(w, RAS_NOTE_KNOWN)->gpa, page(0));
	assert_false(ras_waits(w->fw, &w->ras));
}

static void a_reset_with_healing_forgets(void **state)
{
	struct world *w = *state;

	guest_register(w);
	report(w, RAS_AO, page(0));
	run(w, 20 * MS);
	world_reset(w, true);
	expect_state(w, page(0), POISON_FREE);
	guest_register(w);
	report(w, RAS_AO, page(0));
	run(w, 20 * MS);
	assert_int_equal(times_seen(w, page(0)), 2);
}

static void a_stopped_machine_can_be_reset(void **state)
{
	struct world *w = *state;

	world_with(w, "ao=stop", false);
	report(w, RAS_AO, page(0));
	world_reset(w, true);
	report(w, RAS_AO, page(0));
	assert_int_equal(w->stops, 2);
}

/* ---- the firmware's own pages ---- */

static void a_lost_block_is_written_again(void **state)
{
	struct world *w = *state;
	uint64_t block = REGION + RAS_BLOCK(GHES_SDEI_NORMAL);

	guest_register(w);
	w->guest.deaf = true;
	report(w, RAS_AO, page(0));
	w->bad[RAS_BLOCK(GHES_SDEI_NORMAL) / PAGE] = true;
	report(w, RAS_AO, block);
	assert_int_equal(last_note(w, RAS_NOTE_HEALED)->gpa, block);
	assert_true(has_record(w, GHES_SDEI_NORMAL));
	expect_state(w, block, POISON_FREE);
	expect_state(w, page(0), POISON_NOTIFIED);
	w->guest.deaf = false;
	run(w, 20 * MS);
	assert_int_equal(times_seen(w, page(0)), 1);
	expect_state(w, page(0), POISON_ACKED);
}

/* Nobody reported it: the firmware finds out when it looks. */
static void a_block_found_lost_is_written_again(void **state)
{
	static const unsigned offsets[] = { RAS_BLOCK(GHES_SDEI_NORMAL), RAS_ACK(0) };
	struct world *w = *state;

	for (unsigned i = 0; i < ARRAY_SIZE(offsets); i++) {
		world_with(w, "", false);
		guest_register(w);
		w->guest.deaf = true;
		report(w, RAS_AO, page(0));
		w->bad[offsets[i] / PAGE] = true;
		w->now_ns += 5 * MS;
		tick(w);
		expect_state(w, page(0), POISON_NOTIFIED);
		w->guest.deaf = false;
		w->bad[offsets[i] / PAGE] = false;
		run(w, 20 * MS);
		assert_int_equal(times_seen(w, page(0)), 1);
		expect_state(w, page(0), POISON_ACKED);
	}
}

static void a_huge_page_around_the_region_is_told_without_it(void **state)
{
	struct world *w = *state;
	struct ras_error error = error_at(w, RAS_AO, REGION - 0x5000);

	error.base = gpa(REGION - MIB(1));
	error.bytes = MIB(2);
	guest_register(w);
	memset(w->bad, 1, sizeof(w->bad));
	ras_report(w->fw, &w->ras, &error);
	run(w, 20 * MS);
	assert_int_equal(w->seen, 1);
	expect_state(w, REGION - 0x5000, POISON_ACKED);
	expect_state(w, REGION - PAGE, POISON_SEEN);
	expect_state(w, REGION, POISON_FREE);
	expect_state(w, REGION + RAS_REGION_BYTES - PAGE, POISON_FREE);
	expect_state(w, REGION + RAS_REGION_BYTES, POISON_SEEN);
}

/* ---- time ---- */

static void the_alarm_backs_off_from_5_to_100_ms(void **state)
{
	static const uint64_t steps[] = { 5, 5, 10, 20, 40, 80, 100, 100 };
	struct world *w = *state;

	guest_register(w);
	w->guest.deaf = true;
	report(w, RAS_AO, page(0));
	for (unsigned i = 0; i < ARRAY_SIZE(steps); i++) {
		assert_int_equal((w->alarm_ns - w->now_ns) / MS, steps[i]);
		w->now_ns = w->alarm_ns;
		tick(w);
	}
	report(w, RAS_AO, page(1));
	assert_int_equal(w->alarm_ns - w->now_ns, 5 * MS);
	w->guest.deaf = false;
	run(w, 50 * MS);
	assert_false(ras_waits(w->fw, &w->ras));
	assert_int_equal(w->alarm_ns, UINT64_MAX);
}

/* Two threads report; the one that saw its error first gets the lock last. */
static void an_error_seen_earlier_may_come_later(void **state)
{
	struct world *w = *state;
	struct ras_error error = error_at(w, RAS_AO, page(1));

	guest_register(w);
	w->now_ns += SECOND;
	report(w, RAS_AO, page(0));
	ras_report(w->fw, &w->ras, &error);
	assert_true(w->alarm_ns > w->now_ns);
	run(w, 50 * MS);
	expect_state(w, page(1), POISON_ACKED);
	assert_true(last_note(w, RAS_NOTE_ACKED)->latency_ns < SECOND);
}

/* ---- full ---- */

static void a_map_that_is_full_ends_the_run(void **state)
{
	struct world *w = *state;

	guest_register(w);
	w->guest.deaf = true;
	for (unsigned i = 0; i < POISON_MAX; i++)
		report(w, RAS_AO, page(2 * i));
	assert_int_equal(w->stops, 0);
	report(w, RAS_AO, page(2 * POISON_MAX));
	assert_int_equal(w->stops, 1);
	assert_non_null(strstr(w->why, "more pages"));
}

static void a_map_that_is_full_drops_corrected_errors(void **state)
{
	struct world *w = *state;

	guest_register(w);
	w->guest.deaf = true;
	for (unsigned i = 0; i < POISON_MAX + 5; i++)
		report(w, RAS_CE, page(2 * i));
	assert_int_equal(w->stops, 0);
	assert_int_equal(count_notes(w, RAS_NOTE_KNOWN), 5);
	report(w, RAS_AO, page(0));
	assert_int_equal(w->stops, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RAS_TEST(a_machine_that_cannot_be_is_refused),
		RAS_TEST(a_region_that_cannot_be_written_is_an_error),
		RAS_TEST(nothing_waits_at_first),
		RAS_TEST(an_error_is_followed_from_signal_to_acknowledgement),
		RAS_TEST(ids_grow),
		RAS_TEST(an_injection_keeps_its_id),
		RAS_TEST(a_known_page_is_dropped),
		RAS_TEST(an_address_inside_the_page_is_that_page),
		RAS_TEST(a_corrected_error_is_forgotten_when_acknowledged),
		RAS_TEST(the_threshold_reaches_the_guest),
		RAS_TEST(a_corrected_error_that_waits_is_known),
		RAS_TEST(a_corrected_error_in_a_record_may_come_again),
		RAS_TEST(a_lost_page_is_told_though_it_was_corrected_before),
		RAS_TEST(none_remembers_the_page),
		RAS_TEST(stop_ends_the_run_once),
		RAS_TEST(an_serror_has_the_syndrome_of_the_policy),
		RAS_TEST(a_reset_without_healing_remembers_and_is_silent),
		RAS_TEST(a_reset_with_healing_forgets),
		RAS_TEST(a_stopped_machine_can_be_reset),
		RAS_TEST(a_lost_block_is_written_again),
		RAS_TEST(a_block_found_lost_is_written_again),
		RAS_TEST(a_huge_page_around_the_region_is_told_without_it),
		RAS_TEST(the_alarm_backs_off_from_5_to_100_ms),
		RAS_TEST(an_error_seen_earlier_may_come_later),
		RAS_TEST(a_map_that_is_full_ends_the_run),
		RAS_TEST(a_map_that_is_full_drops_corrected_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
