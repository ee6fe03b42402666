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
	ras_pause(w->fw, &w->ras);
	assert_int_equal(ras_reset(w->fw, &w->ras, gpa(REGION), w->now_ns, &err), -EFAULT);
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

/* ---- between lives ---- */

/* What is left of the life before is torn down: none of it may be asked or told anything. */
static void between_lives_an_error_is_only_entered(void **state)
{
	static const enum ras_note_kind kinds[] = { RAS_NOTE_SIGNAL, RAS_NOTE_DECIDED };
	struct world *w = *state;
	unsigned noted;
	uint8_t before[RAS_REGION_BYTES];
	struct ras_error error = error_at(w, RAS_AO, page(0));

	guest_register(w);
	ras_pause(w->fw, &w->ras);
	memcpy(before, w->region, sizeof(before));
	noted = w->notes;
	ras_report(w->fw, &w->ras, &error);
	expect_kinds(w, noted, kinds, 2);
	assert_int_equal(w->note[noted + 1].way, RAS_WAY_NONE);
	assert_string_equal(w->note[noted + 1].from, "test");
	report(w, RAS_CE, page(1));
	report(w, RAS_AO, REGION);
	assert_int_equal(
		ras_send_record(w->fw, &w->ras, GHES_GED, before, CPER_BLOCK_BYTES, 1, w->now_ns),
		-ENODEV);
	w->now_ns += 10 * SECOND;
	tick(w);
	assert_memory_equal(w->region, before, sizeof(before));
	assert_int_equal(w->triggers[0] + w->triggers[1] + w->pulses + w->renewals, 0);
	assert_int_equal(w->alarm_ns, UINT64_MAX);
	assert_false(ras_waits(w->fw, &w->ras));
	expect_state(w, page(0), POISON_QUEUED);
}

static void an_error_that_comes_while_ram_is_loaded_is_told(void **state)
{
	static const bool tables[] = { false, true };
	struct world *w = *state;

	for (unsigned i = 0; i < ARRAY_SIZE(tables); i++) {
		world_with(w, "", tables[i]);
		guest_register(w);
		report(w, RAS_AO, page(0));
		run(w, 20 * MS);
		ras_pause(w->fw, &w->ras);
		report(w, RAS_AO, page(0));
		world_clear(w);
		report(w, RAS_AO, page(1));
		world_start(w);
		expect_state(w, page(0), POISON_FREE);
		expect_state(w, page(1), POISON_QUEUED);
		assert_int_equal(w->alarm_ns - w->now_ns, 5 * MS);
		w->seen = 0;
		guest_boot(w);
		guest_register(w);
		run(w, SECOND);
		assert_int_equal(times_seen(w, page(0)), 0);
		assert_int_equal(times_seen(w, page(1)), 1);
		expect_state(w, page(1), POISON_ACKED);
		world_reset(w, true);
		assert_int_equal(w->ras.map->n, 0);
	}
}

static void without_healing_only_what_came_later_is_told(void **state)
{
	struct world *w = *state;

	guest_register(w);
	report(w, RAS_AO, page(0));
	ras_pause(w->fw, &w->ras);
	report(w, RAS_AO, page(0));
	report(w, RAS_AO, page(1));
	world_start(w);
	guest_boot(w);
	guest_register(w);
	w->seen = 0;
	run(w, SECOND);
	expect_state(w, page(0), POISON_SEEN);
	expect_state(w, page(1), POISON_ACKED);
	assert_int_equal(w->seen, 1);
}

/* The one page of it that is known to be used is told, and the rest remembered. */
static void of_a_huge_page_that_is_lost_between_lives_nothing_is_forgotten(void **state)
{
	struct world *w = *state;
	struct ras_error error = error_at(w, RAS_AO, page(3));

	error.base = gpa(page(0));
	error.bytes = MIB(2);
	ras_pause(w->fw, &w->ras);
	world_clear(w);
	ras_report(w->fw, &w->ras, &error);
	world_start(w);
	expect_state(w, page(0), POISON_SEEN);
	expect_state(w, page(3), POISON_QUEUED);
	expect_state(w, page(511), POISON_SEEN);
}

static void an_error_before_the_first_life_is_told_to_it(void **state)
{
	struct world *w = *state;
	struct ras_config config = world_config(w);

	world_build(w, &config);
	report(w, RAS_AO, page(0));
	tick(w);
	assert_int_equal(w->alarms, 0);
	world_start(w);
	guest_boot(w);
	guest_register(w);
	run(w, SECOND);
	assert_int_equal(times_seen(w, page(0)), 1);
	expect_state(w, page(0), POISON_ACKED);
}

static void the_policy_stops_the_next_life(void **state)
{
	struct world *w = *state;

	world_with(w, "ao=stop", false);
	ras_pause(w->fw, &w->ras);
	report(w, RAS_AO, page(0));
	assert_int_equal(w->stops, 0);
	world_start(w);
	run(w, 100 * MS);
	assert_int_equal(w->stops, 1);
}

/* Where it lies is known only when RAM was loaded. */
static void pages_lost_where_the_region_comes_to_lie_are_made_good(void **state)
{
	struct world *w = *state;
	const unsigned block = RAS_BLOCK(GHES_GED);
	struct ras_error around = error_at(w, RAS_AO, REGION - PAGE);

	around.base = gpa(REGION - MIB(1));
	around.bytes = MIB(2);
	ras_pause(w->fw, &w->ras);
	w->bad[block / PAGE] = true;
	w->bad[RAS_BERT / PAGE] = true;
	report(w, RAS_AO, REGION + block);
	report(w, RAS_AO, REGION + RAS_BERT);
	ras_report(w->fw, &w->ras, &around);
	expect_state(w, REGION + RAS_BERT, POISON_QUEUED);
	expect_state(w, REGION, POISON_SEEN);
	world_start(w);
	expect_state(w, REGION + RAS_REGION_BYTES - PAGE, POISON_FREE);
	expect_state(w, REGION + RAS_REGION_BYTES, POISON_SEEN);
	assert_false(w->bad[block / PAGE]);
	assert_false(w->bad[RAS_BERT / PAGE]);
	expect_state(w, REGION - PAGE, POISON_QUEUED);
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

/* The guest has read the record and is at work on it. */
static void a_record_that_was_read_is_not_sent_again_for_another_page(void **state)
{
	static const unsigned offsets[] = { RAS_BLOCK(GHES_GED), RAS_BERT, RAS_LOG_PAGE,
					    RAS_ACK(0) };
	struct world *w = *state;

	for (unsigned i = 0; i < ARRAY_SIZE(offsets); i++) {
		world_with(w, "", false);
		guest_register(w);
		w->guest.ack_delay_ns = SECOND;
		report(w, RAS_AO, page(0));
		guest_step(w);
		assert_int_equal(times_seen(w, page(0)), 1);
		w->bad[offsets[i] / PAGE] = true;
		report(w, RAS_AO, REGION + offsets[i]);
		assert_int_equal(w->renewals, 1);
		run(w, 5 * SECOND);
		if (times_seen(w, page(0)) != 1)
			fail_msg("region page at 0x%x: page told %u times, expected 1", offsets[i],
				 times_seen(w, page(0)));
		expect_state(w, page(0), POISON_ACKED);
	}
}

static void an_entry_of_the_log_is_not_told_again_for_another_page(void **state)
{
	struct world *w = *state;

	world_with(w, "", true);
	guest_register(w);
	w->guest.deaf = true;
	report(w, RAS_AO, page(0));
	w->bad[RAS_BERT / PAGE] = true;
	report(w, RAS_AO, REGION + RAS_BERT);
	assert_int_equal(w->renewals, 1);
	w->guest.deaf = false;
	run(w, SECOND);
	assert_int_equal(count_notes(w, RAS_NOTE_NOTIFIED), 1);
	assert_int_equal(times_seen(w, page(0)), 1);
	expect_state(w, page(0), POISON_ACKED);
}

/* Pages of 64 KiB: with the boot error record went the blocks, or the log. */
static void what_the_hosts_larger_page_took_along_is_sent_again(void **state)
{
	static const bool tables[] = { false, true };
	struct world *w = *state;

	for (unsigned i = 0; i < ARRAY_SIZE(tables); i++) {
		world_with(w, "", tables[i]);
		w->ras.config.host_page_bytes = KIB(64);
		guest_register(w);
		w->guest.deaf = true;
		report(w, RAS_AO, page(0));
		memset(w->bad, 1, 16);
		report(w, RAS_AO, REGION + RAS_BERT);
		w->guest.deaf = false;
		run(w, 5 * SECOND);
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
		RAS_TEST(between_lives_an_error_is_only_entered),
		RAS_TEST(an_error_that_comes_while_ram_is_loaded_is_told),
		RAS_TEST(without_healing_only_what_came_later_is_told),
		RAS_TEST(of_a_huge_page_that_is_lost_between_lives_nothing_is_forgotten),
		RAS_TEST(an_error_before_the_first_life_is_told_to_it),
		RAS_TEST(the_policy_stops_the_next_life),
		RAS_TEST(pages_lost_where_the_region_comes_to_lie_are_made_good),
		RAS_TEST(a_lost_block_is_written_again),
		RAS_TEST(a_block_found_lost_is_written_again),
		RAS_TEST(a_record_that_was_read_is_not_sent_again_for_another_page),
		RAS_TEST(an_entry_of_the_log_is_not_told_again_for_another_page),
		RAS_TEST(what_the_hosts_larger_page_took_along_is_sent_again),
		RAS_TEST(a_huge_page_around_the_region_is_told_without_it),
		RAS_TEST(the_alarm_backs_off_from_5_to_100_ms),
		RAS_TEST(an_error_seen_earlier_may_come_later),
		RAS_TEST(a_map_that_is_full_ends_the_run),
		RAS_TEST(a_map_that_is_full_drops_corrected_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
