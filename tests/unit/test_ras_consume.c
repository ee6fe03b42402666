/* Errors that a CPU consumed: verdicts, records of aborts, repetition, healing. */
#include "ras_world.h"

#define PC UINT64_C(0xffff800080012340)

static const struct ras_caps user = { .el0 = true, .vectors = true };
static const struct ras_caps kernel = { .vectors = true };

static struct ras_verdict consume_error(struct world *w, const struct ras_error *error, unsigned pe,
					struct ras_caps caps)
{
	return ras_consume(w->fw, &w->ras, error, pe, PC, caps);
}

static struct ras_verdict consume(struct world *w, uint64_t at, unsigned pe, struct ras_caps caps)
{
	struct ras_error error = error_at(w, RAS_AR, at);

	return consume_error(w, &error, pe, caps);
}

/* ---- the abort and its record ---- */

static void an_abort_comes_with_a_record(void **state)
{
	static const enum ras_note_kind kinds[] = { RAS_NOTE_SIGNAL, RAS_NOTE_DECIDED,
						    RAS_NOTE_NOTIFIED, RAS_NOTE_TAKEN,
						    RAS_NOTE_ACKED };
	struct world *w = *state;
	struct ras_verdict v = consume(w, page(0), 2, user);

	assert_int_equal(v.what, RAS_DO_SEA);
	assert_false(v.sea.far_valid);
	assert_int_equal(v.sea.set, SEA_RECOVERABLE);
	assert_false(v.heal_after);
	expect_state(w, page(0), POISON_CONSUMED);
	ras_taken(w->fw, &w->ras, &v, 2, gpa(page(0)), PAGE, PC, 0x92000410);
	guest_take(w, GHES_SEA);
	run(w, 20 * MS);
	assert_int_equal(times_seen(w, page(0)), 1);
	assert_int_equal(w->saw[0].severity, CPER_RECOVERABLE);
	expect_kinds(w, 0, kinds, 5);
	assert_int_equal(w->note[0].pe, 2);
	assert_int_equal(w->note[0].pc, PC);
	assert_int_equal(w->note[1].way, RAS_WAY_SEA);
	assert_int_equal(w->note[2].source, GHES_SEA);
	assert_int_equal(w->note[3].pe, 2);
	assert_int_equal(w->note[3].esr, 0x92000410);
	for (unsigned i = 0; i < w->notes; i++)
		assert_int_equal(w->note[i].id, v.id);
	expect_state(w, page(0), POISON_CONSUMED);
	assert_false(ras_waits(w->fw, &w->ras));
	assert_int_equal(w->triggers[0] + w->triggers[1] + w->pulses, 0);
}

static void a_page_in_the_queue_is_not_told_twice(void **state)
{
	struct world *w = *state;

	guest_register(w);
	w->guest.deaf = true;
	report(w, RAS_AO, page(0));
	report(w, RAS_AO, page(1));
	assert_int_equal(consume(w, page(1), 0, user).what, RAS_DO_SEA);
	guest_take(w, GHES_SEA);
	w->guest.deaf = false;
	run(w, 100 * MS);
	assert_int_equal(times_seen(w, page(0)), 1);
	assert_int_equal(times_seen(w, page(1)), 1);
	report(w, RAS_AO, page(1));
	assert_int_equal(last_note(w, RAS_NOTE_KNOWN)->gpa, page(1));
}

static void a_page_in_a_record_stays_consumed(void **state)
{
	struct world *w = *state;

	guest_register(w);
	w->guest.deaf = true;
	report(w, RAS_AO, page(0));
	assert_int_equal(consume(w, page(0), 0, user).what, RAS_DO_SEA);
	guest_take(w, GHES_SEA);
	w->guest.deaf = false;
	run(w, 100 * MS);
	assert_int_equal(count_notes(w, RAS_NOTE_ACKED), 2);
	expect_state(w, page(0), POISON_CONSUMED);
}

static void a_page_of_a_huge_page_that_was_lost_aborts(void **state)
{
	struct world *w = *state;
	struct ras_error error = error_at(w, RAS_AO, page(5));

	guest_register(w);
	error.base = gpa(page(0));
	error.bytes = MIB(2);
	ras_report(w->fw, &w->ras, &error);
	error.class = RAS_AR;
	error.id = RAS_NO_ID;
	error.at = gpa(page(9));
	assert_int_equal(consume_error(w, &error, 0, user).what, RAS_DO_SEA);
	guest_take(w, GHES_SEA);
	run(w, 100 * MS);
	assert_int_equal(w->seen, 2);
	expect_state(w, page(8), POISON_SEEN);
	expect_state(w, page(9), POISON_CONSUMED);
	expect_state(w, page(10), POISON_SEEN);
}

static void the_rest_of_64_kib_is_told_as_nobody_used_it(void **state)
{
	struct world *w = *state;
	struct ras_error error = error_at(w, RAS_AR, page(5));

	guest_register(w);
	error.base = gpa(page(0));
	error.bytes = KIB(64);
	assert_int_equal(consume_error(w, &error, 0, user).what, RAS_DO_SEA);
	guest_take(w, GHES_SEA);
	assert_int_equal(w->seen, 1);
	assert_int_equal(w->saw[0].gpa, page(5));
	run(w, 20 * MS);
	assert_int_equal(w->seen, 16);
	for (unsigned i = 1; i < 16; i++)
		assert_int_equal(w->saw[i].source, GHES_SDEI_NORMAL);
	expect_state(w, page(15), POISON_ACKED);
}

static void a_corrected_page_that_is_used_up_aborts(void **state)
{
	struct world *w = *state;

	report(w, RAS_CE, page(0));
	assert_int_equal(consume(w, page(0), 0, user).what, RAS_DO_SEA);
	expect_state(w, page(0), POISON_CONSUMED);
}

/* ---- one block for all aborts ---- */

static void a_record_that_was_read_gives_way(void **state)
{
	struct world *w = *state;

	guest_register(w);
	consume(w, page(0), 0, user);
	guest_take(w, GHES_SEA);
	consume(w, page(1), 1, user);
	guest_take(w, GHES_SEA);
	run(w, SECOND);
	assert_int_equal(w->seen, 2);
	assert_int_equal(count_notes(w, RAS_NOTE_ACKED), 2);
	assert_int_equal(count_notes(w, RAS_NOTE_UNACKED), 0);
}

/* Two CPUs at once: the record of the first is overwritten before it is read. */
static void the_page_of_a_record_overwritten_unread_is_told_otherwise(void **state)
{
	struct world *w = *state;

	guest_register(w);
	consume(w, page(0), 0, user);
	consume(w, page(1), 1, user);
	assert_int_equal(count_notes(w, RAS_NOTE_UNACKED), 1);
	assert_int_equal(last_note(w, RAS_NOTE_FALLBACK)->gpa, page(0));
	guest_take(w, GHES_SEA);
	run(w, 100 * MS);
	assert_int_equal(times_seen(w, page(0)), 1);
	assert_int_equal(times_seen(w, page(1)), 1);
	expect_state(w, page(0), POISON_ACKED);
	expect_state(w, page(1), POISON_CONSUMED);
}

static void a_record_that_waits_for_its_acknowledgement_is_overwritten(void **state)
{
	struct world *w = *state;

	guest_register(w);
	w->guest.ack_delay_ns = SECOND;
	consume(w, page(0), 0, user);
	guest_take(w, GHES_SEA);
	consume(w, page(1), 1, user);
	assert_true(has_record(w, GHES_SEA));
	assert_int_equal(count_notes(w, RAS_NOTE_UNACKED), 1);
	assert_int_equal(count_notes(w, RAS_NOTE_FALLBACK), 0);
}

/* What a kernel does that aborts itself: it never looks. */
static void a_record_nobody_reads_is_told_otherwise_in_time(void **state)
{
	struct world *w = *state;

	guest_register(w);
	consume(w, page(0), 0, kernel);
	run(w, 1900 * MS);
	assert_int_equal(w->seen, 0);
	assert_int_equal(count_notes(w, RAS_NOTE_UNACKED), 0);
	run(w, 300 * MS);
	assert_int_equal(times_seen(w, page(0)), 1);
	assert_int_equal(count_notes(w, RAS_NOTE_UNACKED), 1);
	expect_state(w, page(0), POISON_ACKED);
	run(w, 60 * SECOND);
	assert_int_equal(w->seen, 1);
	assert_int_equal(count_notes(w, RAS_NOTE_FALLBACK), 1);
}

static void with_ao_none_an_unread_record_stays_alone(void **state)
{
	struct world *w = *state;

	world_with(w, "ao=none", false);
	guest_register(w);
	consume(w, page(0), 0, kernel);
	run(w, 10 * SECOND);
	assert_int_equal(w->seen, 0);
	expect_state(w, page(0), POISON_CONSUMED);
	assert_int_equal(count_notes(w, RAS_NOTE_UNACKED), 1);
}

static void a_record_that_cannot_be_written_aborts_all_the_same(void **state)
{
	struct world *w = *state;

	w->write_error = -EFAULT;
	assert_int_equal(consume(w, page(0), 0, user).what, RAS_DO_SEA);
	assert_int_equal(count_notes(w, RAS_NOTE_NOTIFIED), 0);
	w->write_error = 0;
	run(w, 100 * MS);
	assert_int_equal(count_notes(w, RAS_NOTE_NOTIFIED), 1);
}

/* ---- no progress ---- */

static void a_kernel_without_progress_gets_an_serror_and_then_the_end(void **state)
{
	struct world *w = *state;
	uint32_t last = 0;

	for (unsigned i = 0; i < RAS_AR_REPEATS; i++) {
		struct ras_verdict v = consume(w, page(0), 1, kernel);

		assert_int_equal(v.what, RAS_DO_SEA);
		assert_true(v.id > last);
		last = v.id;
		guest_take(w, GHES_SEA);
		run(w, 10 * MS);
	}
	assert_int_equal(w->seen, RAS_AR_REPEATS);
	assert_int_equal(consume(w, page(0), 1, kernel).what, RAS_DO_SERROR);
	assert_int_equal(w->serrors, 1);
	assert_int_equal(w->serror_pe, 1);
	assert_true(w->serror.pending);
	assert_false(w->serror.has_esr);
	assert_int_equal(w->stops, 0);
	assert_int_equal(consume(w, page(0), 1, kernel).what, RAS_DO_STOP);
	assert_int_equal(w->stops, 1);
	assert_non_null(strstr(w->why, "again and again"));
	assert_int_equal(consume(w, page(0), 1, kernel).what, RAS_DO_STOP);
	assert_int_equal(w->stops, 1);
}

/* It catches the signal and goes back to where it was. */
static void a_process_may_use_its_lost_page_again_and_again(void **state)
{
	static const char *const policies[] = { "", "ar=sea" };
	struct world *w = *state;
	const struct ras_caps old = { .el0 = true, .aarch32 = true, .vectors = true };

	for (unsigned i = 0; i < ARRAY_SIZE(policies); i++) {
		world_with(w, policies[i], false);
		for (unsigned n = 0; n < 20 * RAS_AR_REPEATS; n++) {
			struct ras_verdict v = consume(w, page(0), 1, n % 2 ? old : user);

			assert_int_equal(v.what, RAS_DO_SEA);
			guest_take(w, GHES_SEA);
			run(w, MS);
		}
		assert_int_equal(w->serrors, 0);
		assert_int_equal(w->stops, 0);
		assert_int_equal(times_seen(w, page(0)), 20 * RAS_AR_REPEATS);
	}
}

/* What its processes did before says nothing about the kernel. */
static void aborts_of_a_process_do_not_count_against_its_kernel(void **state)
{
	struct world *w = *state;

	for (unsigned i = 0; i < 2 * RAS_AR_REPEATS; i++)
		assert_int_equal(consume(w, page(0), 1, user).what, RAS_DO_SEA);
	for (unsigned i = 0; i < RAS_AR_REPEATS; i++)
		assert_int_equal(consume(w, page(0), 1, kernel).what, RAS_DO_SEA);
	assert_int_equal(consume(w, page(0), 1, kernel).what, RAS_DO_SERROR);
}

static void an_explicit_abort_is_not_replaced_by_an_serror(void **state)
{
	struct world *w = *state;

	world_with(w, "ar=sea", false);
	for (unsigned i = 0; i < RAS_AR_REPEATS; i++)
		assert_int_equal(consume(w, page(0), 1, kernel).what, RAS_DO_SEA);
	assert_int_equal(consume(w, page(0), 1, kernel).what, RAS_DO_STOP);
	assert_int_equal(w->serrors, 0);
}

static void aborts_elsewhere_or_later_are_no_repetition(void **state)
{
	struct world *w = *state;
	struct ras_error error = error_at(w, RAS_AR, page(0));

	for (unsigned i = 0; i < 3 * RAS_AR_REPEATS; i++) {
		consume(w, page(i % 2), 1, kernel);
		assert_int_equal(
			ras_consume(w->fw, &w->ras, &error, 2, PC + (i % 2 ? 4 : 0), kernel).what,
			RAS_DO_SEA);
		assert_int_equal(consume(w, page(0), i % NPE, kernel).what, RAS_DO_SEA);
	}
	for (unsigned i = 0; i < 3 * RAS_AR_REPEATS; i++) {
		run(w, SECOND);
		assert_int_equal(consume(w, page(7), 3, kernel).what, RAS_DO_SEA);
	}
	assert_int_equal(w->stops + w->serrors, 0);
}

/* ---- other verdicts ---- */

static void an_serror_by_policy_goes_to_the_cpu(void **state)
{
	struct world *w = *state;
	struct ras_verdict v;

	world_with(w, "ar=serror", false);
	v = consume(w, page(0), 3, kernel);
	assert_int_equal(v.what, RAS_DO_SERROR);
	assert_int_equal(w->serror_pe, 3);
	assert_int_equal(w->serror.iss, 0x411);
	assert_false(has_record(w, GHES_SEA));
	for (unsigned i = 1; i < RAS_AR_REPEATS; i++)
		assert_int_equal(consume(w, page(0), 3, kernel).what, RAS_DO_SERROR);
	assert_int_equal(consume(w, page(0), 3, kernel).what, RAS_DO_STOP);
}

static void stop_by_policy(void **state)
{
	struct world *w = *state;

	world_with(w, "ar=stop", false);
	assert_int_equal(consume(w, page(0), 0, user).what, RAS_DO_STOP);
	assert_non_null(strstr(w->why, "ar=stop"));
	assert_int_equal(last_note(w, RAS_NOTE_DECIDED)->way, RAS_WAY_STOP);
}

static void a_guest_without_vectors_ends(void **state)
{
	struct world *w = *state;

	assert_int_equal(consume(w, page(0), 0, (struct ras_caps){ 0 }).what, RAS_DO_STOP);
	assert_non_null(strstr(w->why, "VBAR_EL1"));
}

static void a_pe_that_does_not_exist_is_refused(void **state)
{
	struct world *w = *state;

	assert_int_equal(consume(w, page(0), NPE, user).what, RAS_DO_STOP);
}

static void a_page_of_the_firmware_is_made_good(void **state)
{
	struct world *w = *state;

	w->bad[2] = true;
	assert_int_equal(consume(w, REGION + RAS_BERT, 0, user).what, RAS_DO_RETRY);
	assert_false(w->bad[2]);
	assert_int_equal(w->renewals, 1);
	assert_int_equal(last_note(w, RAS_NOTE_HEALED)->gpa, REGION + RAS_BERT);
	expect_state(w, REGION + RAS_BERT, POISON_FREE);
	assert_int_equal(w->seen, 0);
	assert_false(ras_waits(w->fw, &w->ras));
}

/* Running on would meet it again for ever. */
static void a_page_of_the_firmware_that_stays_bad_aborts(void **state)
{
	struct world *w = *state;

	w->bad[RAS_BERT / PAGE] = true;
	w->renew_result = -EOPNOTSUPP;
	assert_int_equal(consume(w, REGION + RAS_BERT, 0, kernel).what, RAS_DO_SEA);
	expect_state(w, REGION + RAS_BERT, POISON_CONSUMED);
	assert_int_equal(count_notes(w, RAS_NOTE_HEALED), 0);
}

static void the_block_of_aborts_is_written_again(void **state)
{
	struct world *w = *state;
	uint64_t block = REGION + RAS_BLOCK(GHES_SEA);

	consume(w, page(0), 0, user);
	w->bad[RAS_BLOCK(GHES_SEA) / PAGE] = true;
	assert_int_equal(consume(w, block, 0, kernel).what, RAS_DO_RETRY);
	guest_take(w, GHES_SEA);
	assert_int_equal(times_seen(w, page(0)), 1);
}

/* ---- healing ---- */

static void after_kill_the_page_is_replaced_once_the_abort_was_taken(void **state)
{
	struct world *w = *state;
	struct ras_verdict v;

	world_with(w, "heal=after-kill", true);
	v = consume(w, page(0), 0, user);
	assert_true(v.heal_after);
	assert_int_equal(w->heals, 0);
	ras_taken(w->fw, &w->ras, &v, 0, gpa(page(0)), PAGE, PC, 0);
	assert_int_equal(w->heals, 1);
	assert_int_equal(w->healed_gpa, page(0));
	assert_int_equal(w->healed_bytes, PAGE);
	assert_int_equal(last_note(w, RAS_NOTE_HEALED)->id, v.id);
	expect_state(w, page(0), POISON_FREE);
}

static void a_page_that_cannot_be_replaced_stays_known(void **state)
{
	struct world *w = *state;
	struct ras_verdict v;

	world_with(w, "heal=after-kill", true);
	w->heal_result = -ENOMEM;
	v = consume(w, page(0), 0, user);
	ras_taken(w->fw, &w->ras, &v, 0, gpa(page(0)), PAGE, PC, 0);
	assert_int_equal(count_notes(w, RAS_NOTE_HEALED), 0);
	expect_state(w, page(0), POISON_CONSUMED);
}

static void nothing_is_replaced_behind_a_kernel_or_a_guest_that_retires_pages(void **state)
{
	static const struct {
		const char *policy;
		bool dt, el0;
	} rows[] = {
		{ "heal=after-kill", true, false },
		{ "heal=after-kill", false, true },
		{ "heal=reset", true, true },
		{ "heal=never", true, true },
	};
	struct world *w = *state;

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		struct ras_verdict v;

		world_with(w, rows[i].policy, rows[i].dt);
		v = consume(w, page(0), 0, rows[i].el0 ? user : kernel);
		assert_false(v.heal_after);
		ras_taken(w->fw, &w->ras, &v, 0, gpa(page(0)), PAGE, PC, 0);
		assert_int_equal(w->heals, 0);
	}
}

/* ---- guests without ACPI ---- */

static void a_device_tree_guest_finds_the_page_in_the_log(void **state)
{
	struct world *w = *state;

	world_with(w, "", true);
	consume(w, page(0), 0, user);
	assert_int_equal(w->ras.log.head, 0);
	guest_register(w);
	assert_int_equal(consume(w, page(1), 0, user).what, RAS_DO_SEA);
	assert_int_equal(w->triggers[0], 1);
	run(w, 20 * MS);
	assert_int_equal(w->seen, 1);
	assert_int_equal(w->saw[0].gpa, page(1));
	assert_int_equal(w->saw[0].class, RAS_AR);
	expect_state(w, page(1), POISON_CONSUMED);
	assert_false(has_record(w, GHES_SEA));
	assert_false(ras_waits(w->fw, &w->ras));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RAS_TEST(an_abort_comes_with_a_record),
		RAS_TEST(a_page_in_the_queue_is_not_told_twice),
		RAS_TEST(a_page_in_a_record_stays_consumed),
		RAS_TEST(a_page_of_a_huge_page_that_was_lost_aborts),
		RAS_TEST(the_rest_of_64_kib_is_told_as_nobody_used_it),
		RAS_TEST(a_corrected_page_that_is_used_up_aborts),
		RAS_TEST(a_record_that_was_read_gives_way),
		RAS_TEST(the_page_of_a_record_overwritten_unread_is_told_otherwise),
		RAS_TEST(a_record_that_waits_for_its_acknowledgement_is_overwritten),
		RAS_TEST(a_record_nobody_reads_is_told_otherwise_in_time),
		RAS_TEST(with_ao_none_an_unread_record_stays_alone),
		RAS_TEST(a_record_that_cannot_be_written_aborts_all_the_same),
		RAS_TEST(a_kernel_without_progress_gets_an_serror_and_then_the_end),
		RAS_TEST(a_process_may_use_its_lost_page_again_and_again),
		RAS_TEST(aborts_of_a_process_do_not_count_against_its_kernel),
		RAS_TEST(an_explicit_abort_is_not_replaced_by_an_serror),
		RAS_TEST(aborts_elsewhere_or_later_are_no_repetition),
		RAS_TEST(an_serror_by_policy_goes_to_the_cpu),
		RAS_TEST(stop_by_policy),
		RAS_TEST(a_guest_without_vectors_ends),
		RAS_TEST(a_pe_that_does_not_exist_is_refused),
		RAS_TEST(a_page_of_the_firmware_is_made_good),
		RAS_TEST(a_page_of_the_firmware_that_stays_bad_aborts),
		RAS_TEST(the_block_of_aborts_is_written_again),
		RAS_TEST(after_kill_the_page_is_replaced_once_the_abort_was_taken),
		RAS_TEST(a_page_that_cannot_be_replaced_stays_known),
		RAS_TEST(nothing_is_replaced_behind_a_kernel_or_a_guest_that_retires_pages),
		RAS_TEST(a_device_tree_guest_finds_the_page_in_the_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
