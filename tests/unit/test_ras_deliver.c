/* Errors on their way to the guest: sources, order, masking, fallback, deaf and hostile guests, guests
 * without ACPI. */
#include "ras_world.h"

static void report_range(struct world *w, uint64_t at, uint64_t base, uint64_t bytes)
{
	struct ras_error error = error_at(w, RAS_AO, at);

	error.base = gpa(base);
	error.bytes = bytes;
	ras_report(w->fw, &w->ras, &error);
}

/* A record as an injection brings it, of one memory section. */
static size_t make_record(uint8_t *block, uint64_t at)
{
	const struct cper_memory memory = { .address = at, .type = 14 };
	struct cper_writer writer;
	int n;

	cper_begin(&writer, block, CPER_BLOCK_BYTES, CPER_RECOVERABLE, NULL);
	cper_add_memory(&writer, &memory);
	n = cper_end(&writer);
	assert_true(n > 0);
	return (size_t)n;
}

static int send(struct world *w, enum ghes_id source, uint64_t at, uint32_t id)
{
	uint8_t block[CPER_BLOCK_BYTES];
	size_t n = make_record(block, at);

	return ras_send_record(w->fw, &w->ras, source, block, n, id, w->now_ns);
}

/* ---- what is in a record ---- */

static void a_record_is_one_the_guest_accepts(void **state)
{
	struct world *w = *state;
	struct err err;

	guest_register(w);
	w->guest.deaf = true;
	report(w, RAS_AO, page(4));
	assert_true(cper_check(block_of(w, GHES_SDEI_NORMAL), CPER_BLOCK_BYTES, &err) > 0);
	assert_int_equal(get64(w->region + RAS_ACK(GHES_SDEI_NORMAL)) & 1, 0);
	w->guest.deaf = false;
	guest_step(w);
	assert_int_equal(w->saw[0].gpa, page(4));
	assert_int_equal(w->saw[0].severity, CPER_RECOVERABLE);
	assert_int_equal(w->saw[0].section_severity, CPER_RECOVERABLE);
	assert_int_equal(w->saw[0].type, 3);
}

static void a_fatal_error_is_a_critical_event(void **state)
{
	struct world *w = *state;
	struct ras_error error = error_at(w, RAS_AO, page(1));

	guest_register(w);
	w->guest.deaf = true;
	report(w, RAS_AO, page(0));
	error.fatal = true;
	ras_report(w->fw, &w->ras, &error);
	assert_int_equal(w->triggers[0], 1);
	assert_int_equal(w->triggers[1], 1);
	w->guest.deaf = false;
	run(w, 10 * MS);
	assert_int_equal(times_seen(w, page(1)), 1);
	assert_int_equal(w->saw[1].source, GHES_SDEI_CRITICAL);
	assert_int_equal(w->saw[1].severity, CPER_FATAL);
	expect_state(w, page(0), POISON_ACKED);
	expect_state(w, page(1), POISON_ACKED);
}

static void no_two_records_are_the_same(void **state)
{
	struct world *w = *state;
	uint8_t first[CPER_BLOCK_BYTES];

	guest_register(w);
	w->guest.serves_ged = true;
	report(w, RAS_CE, page(0));
	memcpy(first, block_of(w, GHES_GED), sizeof(first));
	run(w, 10 * MS);
	report(w, RAS_CE, page(0));
	assert_memory_not_equal(first, block_of(w, GHES_GED), sizeof(first));
}

/* ---- ranges ---- */

static void of_64_kib_the_page_that_is_known_goes_first(void **state)
{
	struct world *w = *state;

	guest_register(w);
	report_range(w, page(5), page(0), KIB(64));
	run(w, 10 * MS);
	assert_int_equal(w->seen, 16);
	assert_int_equal(w->saw[0].gpa, page(5));
	assert_int_equal(w->saw[0].sections, 16);
	for (unsigned i = 1; i < 16; i++)
		assert_int_equal(w->saw[i].gpa, page(i <= 5 ? i - 1 : i));
	for (unsigned i = 0; i < 16; i++)
		expect_state(w, page(i), POISON_ACKED);
	assert_int_equal(count_notes(w, RAS_NOTE_NOTIFIED), 1);
	assert_int_equal(last_note(w, RAS_NOTE_NOTIFIED)->pages, 16);
	assert_int_equal(count_notes(w, RAS_NOTE_ACKED), 1);
}

static void of_a_huge_page_only_the_page_that_is_known_is_told(void **state)
{
	struct world *w = *state;

	guest_register(w);
	report_range(w, page(5), page(0), MIB(2));
	run(w, SECOND);
	assert_int_equal(w->seen, 1);
	assert_int_equal(w->saw[0].gpa, page(5));
	expect_state(w, page(5), POISON_ACKED);
	expect_state(w, page(4), POISON_SEEN);
	expect_state(w, page(511), POISON_SEEN);
	expect_state(w, page(512), POISON_FREE);
}

/* ---- order ---- */

static void pages_behind_a_record_keep_their_order(void **state)
{
	static const unsigned order[] = { 9, 3, 7, 1, 8, 2 };
	struct world *w = *state;

	guest_register(w);
	w->guest.ack_delay_ns = 20 * MS;
	for (unsigned i = 0; i < ARRAY_SIZE(order); i++)
		report(w, RAS_AO, page(order[i]));
	assert_non_null(strstr(last_note(w, RAS_NOTE_QUEUED)->text, "acknowledgement"));
	run(w, 200 * MS);
	assert_int_equal(w->seen, ARRAY_SIZE(order));
	for (unsigned i = 0; i < ARRAY_SIZE(order); i++)
		assert_int_equal(w->saw[i].gpa, page(order[i]));
	assert_int_equal(w->saw[0].sections, 1);
	assert_int_equal(w->saw[1].sections, 5);
}

static void each_error_of_a_record_has_its_notes(void **state)
{
	struct world *w = *state;

	guest_register(w);
	w->guest.ack_delay_ns = 20 * MS;
	for (unsigned i = 0; i < 4; i++)
		report(w, RAS_AO, page(i));
	run(w, 200 * MS);
	assert_int_equal(count_notes(w, RAS_NOTE_NOTIFIED), 4);
	assert_int_equal(count_notes(w, RAS_NOTE_ACKED), 4);
	assert_int_equal(last_note(w, RAS_NOTE_ACKED)->pages, 3);
}

static void records_of_injections_queue_with_the_pages(void **state)
{
	struct world *w = *state;

	guest_register(w);
	w->guest.ack_delay_ns = 10 * MS;
	report(w, RAS_AO, page(0));
	assert_int_equal(send(w, GHES_SDEI_NORMAL, page(100), 7), 0);
	report(w, RAS_AO, page(1));
	assert_int_equal(send(w, GHES_SDEI_NORMAL, page(101), 8), 0);
	run(w, 200 * MS);
	assert_int_equal(w->seen, 4);
	assert_int_equal(w->saw[0].gpa, page(0));
	assert_int_equal(w->saw[1].gpa, page(100));
	assert_int_equal(w->saw[2].gpa, page(1));
	assert_int_equal(w->saw[3].gpa, page(101));
	assert_int_equal(last_note(w, RAS_NOTE_ACKED)->id, 8);
}

static void a_record_goes_to_the_source_it_names(void **state)
{
	struct world *w = *state;

	guest_boot(w);
	guest_register(w);
	for (unsigned i = 0; i < GHES_NR; i++)
		assert_int_equal(send(w, (enum ghes_id)i, page(i), i + 1), 0);
	assert_int_equal(w->triggers[0] + w->triggers[1], 2);
	assert_int_equal(w->pulses, 1);
	guest_take(w, GHES_SEA);
	run(w, 20 * MS);
	assert_int_equal(w->seen, GHES_NR);
	for (unsigned i = 0; i < GHES_NR; i++)
		assert_int_equal(w->saw[i].gpa, page(w->saw[i].source));
	assert_int_equal(count_notes(w, RAS_NOTE_ACKED), GHES_NR);
}

static void too_many_records_are_refused(void **state)
{
	struct world *w = *state;

	for (unsigned i = 0; i <= RAS_MAX_RECORDS; i++)
		assert_int_equal(send(w, GHES_POLLED, page(i), 0), 0);
	assert_int_equal(send(w, GHES_POLLED, page(0), 0), -ENOSPC);
	guest_boot(w);
	run(w, SECOND);
	assert_int_equal(w->seen, RAS_MAX_RECORDS + 1);
	assert_int_equal(send(w, GHES_POLLED, page(0), 0), 0);
}

static void records_need_acpi_and_a_length(void **state)
{
	struct world *w = *state;
	uint8_t block[CPER_BLOCK_BYTES + 1] = { 0 };

	assert_int_equal(ras_send_record(w->fw, &w->ras, GHES_GED, block, 19, 1, w->now_ns),
			 -EINVAL);
	assert_int_equal(
		ras_send_record(w->fw, &w->ras, GHES_GED, block, sizeof(block), 1, w->now_ns),
		-EINVAL);
	assert_int_equal(send(w, GHES_NR, page(0), 0), -EINVAL);
	world_with(w, "", true);
	assert_int_equal(send(w, GHES_GED, page(0), 0), -ENODEV);
}

/* ---- before the guest is up ---- */

static void an_error_before_boot_waits_in_the_block(void **state)
{
	struct world *w = *state;

	report(w, RAS_AO, page(0));
	assert_true(has_record(w, GHES_SDEI_NORMAL));
	assert_int_equal(w->triggers[0] + w->dropped, 0);
	run(w, 100 * MS);
	guest_boot(w);
	run(w, 100 * MS);
	assert_int_equal(times_seen(w, page(0)), 1);
	expect_state(w, page(0), POISON_ACKED);
	assert_true(w->ras.alive);
}

static void a_record_that_waits_is_announced_at_registration(void **state)
{
	struct world *w = *state;

	report(w, RAS_AO, page(0));
	run(w, 100 * MS);
	assert_true(ras_waits(w->fw, &w->ras));
	guest_register(w);
	assert_int_equal(w->triggers[0], 1);
	run(w, 100 * MS);
	assert_int_equal(w->triggers[0], 1);
	expect_state(w, page(0), POISON_ACKED);
}

static void a_guest_without_sdei_finds_the_record_at_its_ged_source(void **state)
{
	struct world *w = *state;

	report(w, RAS_AO, page(0));
	run(w, 30 * SECOND);
	assert_false(has_record(w, GHES_SDEI_NORMAL));
	assert_true(has_record(w, GHES_GED));
	assert_int_equal(count_notes(w, RAS_NOTE_FALLBACK), 1);
	guest_boot(w);
	run(w, 100 * MS);
	assert_int_equal(times_seen(w, page(0)), 1);
	expect_state(w, page(0), POISON_ACKED);
	report(w, RAS_AO, page(1));
	run(w, 100 * MS);
	assert_int_equal(w->saw[1].source, GHES_GED);
}

/* ---- masked, registered, gone ---- */

static void masked_then_unmasked(void **state)
{
	struct world *w = *state;

	guest_register(w);
	w->guest.masked = true;
	report(w, RAS_AO, page(0));
	run(w, 500 * MS);
	assert_int_equal(w->seen, 0);
	w->guest.masked = false;
	tick(w);
	run(w, 200 * MS);
	assert_int_equal(times_seen(w, page(0)), 1);
	assert_int_equal(w->saw[0].source, GHES_SDEI_NORMAL);
	assert_int_equal(count_notes(w, RAS_NOTE_FALLBACK), 0);
	assert_int_equal(w->triggers[0], 1);
}

static void a_masked_event_falls_back_after_its_time(void **state)
{
	struct world *w = *state;

	guest_register(w);
	w->guest.masked = true;
	w->guest.serves_ged = true;
	report(w, RAS_AO, page(0));
	run(w, 990 * MS);
	assert_int_equal(w->seen, 0);
	run(w, 300 * MS);
	assert_int_equal(times_seen(w, page(0)), 1);
	assert_int_equal(w->saw[0].source, GHES_GED);
	assert_int_equal(last_note(w, RAS_NOTE_FALLBACK)->way, RAS_WAY_GED);
	assert_non_null(strstr(last_note(w, RAS_NOTE_FALLBACK)->text, "no CPU takes"));
	assert_int_equal(count_notes(w, RAS_NOTE_NOTIFIED), 2);
	assert_int_equal(count_notes(w, RAS_NOTE_ACKED), 1);
	w->guest.masked = false;
	tick(w);
	run(w, SECOND);
	assert_int_equal(times_seen(w, page(0)), 1);
	assert_false(ras_waits(w->fw, &w->ras));
}

static void masking_for_a_moment_starts_the_time_again(void **state)
{
	struct world *w = *state;

	guest_register(w);
	w->guest.deaf = true;
	report(w, RAS_AO, page(0));
	for (unsigned i = 0; i < 5; i++) {
		w->guest.masked = true;
		tick(w);
		run(w, 700 * MS);
		w->guest.masked = false;
		tick(w);
		run(w, 200 * MS);
	}
	assert_int_equal(count_notes(w, RAS_NOTE_FALLBACK), 0);
}

/* Event masked, interrupt not served, then polled: each way is left once its time is over. */
static void the_whole_chain_of_ways(void **state)
{
	struct world *w = *state;
	unsigned first;

	guest_register(w);
	w->guest.masked = true;
	report(w, RAS_AO, page(0));
	first = w->notes;
	run(w, 12 * SECOND);
	assert_int_equal(count_notes(w, RAS_NOTE_FALLBACK), 2);
	assert_int_equal(w->note[first].way, RAS_WAY_GED);
	assert_int_equal(last_note(w, RAS_NOTE_FALLBACK)->way, RAS_WAY_POLLED);
	assert_int_equal(count_notes(w, RAS_NOTE_UNACKED), 1);
	assert_true(has_record(w, GHES_POLLED));
	assert_false(has_record(w, GHES_GED) || has_record(w, GHES_SDEI_NORMAL));
	expect_state(w, page(0), POISON_NOTIFIED);
	run(w, 100 * SECOND);
	assert_int_equal(count_notes(w, RAS_NOTE_UNACKED), 2);
	w->guest.polls = true;
	run(w, SECOND);
	assert_int_equal(times_seen(w, page(0)), 1);
	expect_state(w, page(0), POISON_ACKED);
}

static void an_explicit_way_has_no_fallback(void **state)
{
	struct world *w = *state;

	world_with(w, "ao=sdei", false);
	guest_boot(w);
	guest_register(w);
	w->guest.masked = true;
	report(w, RAS_AO, page(0));
	run(w, 60 * SECOND);
	assert_int_equal(count_notes(w, RAS_NOTE_FALLBACK), 0);
	assert_int_equal(count_notes(w, RAS_NOTE_UNACKED), 1);
	w->guest.masked = false;
	tick(w);
	run(w, SECOND);
	expect_state(w, page(0), POISON_ACKED);
}

static void a_handler_that_goes_takes_the_event_with_it(void **state)
{
	struct world *w = *state;

	guest_register(w);
	w->guest.masked = true;
	report(w, RAS_AO, page(0));
	guest_unregister(w);
	w->guest.masked = false;
	guest_register(w);
	assert_int_equal(w->triggers[0], 2);
	run(w, 100 * MS);
	assert_int_equal(times_seen(w, page(0)), 1);
	guest_unregister(w);
	w->guest.serves_ged = true;
	report(w, RAS_AO, page(1));
	run(w, 100 * MS);
	assert_int_equal(w->saw[1].source, GHES_GED);
}

/* ao=sdei: without a handler pages wait; what was decided then is decided again. */
static void a_decision_is_made_again_when_the_guest_registers(void **state)
{
	struct world *w = *state;

	world_with(w, "ao=sdei", false);
	guest_register(w);
	report(w, RAS_AO, page(2));
	run(w, 20 * MS);
	guest_unregister(w);
	report(w, RAS_AO, page(0));
	report(w, RAS_AO, page(1));
	assert_int_equal(last_note(w, RAS_NOTE_DECIDED)->way, RAS_WAY_NONE);
	assert_int_equal(last_note(w, RAS_NOTE_QUEUED)->gpa, page(1));
	run(w, 20 * SECOND);
	expect_state(w, page(0), POISON_QUEUED);
	guest_register(w);
	assert_int_equal(last_note(w, RAS_NOTE_DECIDED)->way, RAS_WAY_SDEI);
	run(w, 100 * MS);
	expect_state(w, page(0), POISON_ACKED);
	expect_state(w, page(1), POISON_ACKED);
	assert_int_equal(w->saw[1].sections, 2);
}

/* ---- guests that do not behave ---- */

static void a_late_acknowledgement_is_noted_and_nothing_is_lost(void **state)
{
	struct world *w = *state;

	world_with(w, "ao=polled,ack=2s", false);
	guest_boot(w);
	report(w, RAS_AO, page(0));
	w->guest.deaf = true;
	w->guest.ack_due_ns[GHES_POLLED] = 0;
	for (unsigned i = 1; i < 40; i++)
		report(w, RAS_AO, page(i));
	run(w, 60 * SECOND);
	assert_int_equal(count_notes(w, RAS_NOTE_UNACKED), 1);
	assert_in_range(last_note(w, RAS_NOTE_UNACKED)->latency_ns, 2 * SECOND,
			2 * SECOND + 200 * MS);
	w->guest.deaf = false;
	run(w, 60 * SECOND);
	assert_int_equal(w->seen, 40);
	for (unsigned i = 0; i < 40; i++)
		expect_state(w, page(i), POISON_ACKED);
	assert_int_equal(w->stops, 0);
}

static void a_lost_notification_is_repeated(void **state)
{
	struct world *w = *state;

	world_with(w, "ao=sdei,ack=2s", false);
	guest_register(w);
	report(w, RAS_AO, page(0));
	w->guest.pending[0] = false;
	run(w, 3 * SECOND);
	assert_int_equal(w->triggers[0], 2);
	expect_state(w, page(0), POISON_ACKED);
}

static void reading_without_acknowledging_keeps_the_rest_waiting(void **state)
{
	struct world *w = *state;

	guest_register(w);
	w->guest.ack_delay_ns = 15 * SECOND;
	report(w, RAS_AO, page(0));
	report(w, RAS_AO, page(1));
	run(w, 14 * SECOND);
	assert_int_equal(w->seen, 1);
	assert_int_equal(count_notes(w, RAS_NOTE_FALLBACK), 0);
	assert_int_equal(count_notes(w, RAS_NOTE_UNACKED), 1);
	w->guest.ack_delay_ns = 0;
	run(w, 2 * SECOND);
	expect_state(w, page(1), POISON_ACKED);
}

static void acknowledging_what_was_not_read_does_not_free_the_source(void **state)
{
	struct world *w = *state;

	guest_register(w);
	w->guest.deaf = true;
	report(w, RAS_AO, page(0));
	for (unsigned i = 0; i < 50; i++) {
		guest_ack(w, GHES_SDEI_NORMAL);
		w->now_ns += 5 * MS;
		tick(w);
	}
	expect_state(w, page(0), POISON_NOTIFIED);
	assert_true(has_record(w, GHES_SDEI_NORMAL));
}

static void moved_cells_move_nothing(void **state)
{
	struct world *w = *state;

	guest_register(w);
	for (unsigned i = 0; i < GHES_NR; i++)
		put64(w->region + RAS_CELL(i), UINT64_MAX - 5);
	w->guest.deaf = true;
	report(w, RAS_AO, page(0));
	assert_int_not_equal(get32(w->region + RAS_BLOCK(GHES_SDEI_NORMAL)), 0);
}

static void a_region_that_cannot_be_written_for_a_while_loses_nothing(void **state)
{
	struct world *w = *state;

	guest_register(w);
	w->write_error = -EFAULT;
	report(w, RAS_AO, page(0));
	run(w, SECOND);
	assert_int_equal(count_notes(w, RAS_NOTE_NOTIFIED), 0);
	w->write_error = 0;
	run(w, SECOND);
	assert_int_equal(count_notes(w, RAS_NOTE_NOTIFIED), 1);
	expect_state(w, page(0), POISON_ACKED);
}

/* ---- guests without ACPI ---- */

static void a_device_tree_guest_reads_the_log_page(void **state)
{
	struct world *w = *state;

	world_with(w, "", true);
	guest_register(w);
	report_range(w, page(5), page(0), KIB(64));
	assert_int_equal(w->triggers[0], 1);
	run(w, 50 * MS);
	assert_int_equal(w->seen, 16);
	assert_int_equal(w->saw[0].gpa, page(5));
	assert_int_equal(w->saw[0].source, GHES_NR);
	assert_int_equal(w->saw[0].class, RAS_AO);
	for (unsigned i = 0; i < 16; i++)
		expect_state(w, page(i), POISON_ACKED);
	assert_false(ras_waits(w->fw, &w->ras));
	assert_false(has_record(w, GHES_SDEI_NORMAL));
}

static void a_device_tree_guest_that_registers_late_is_told_then(void **state)
{
	struct world *w = *state;

	world_with(w, "", true);
	report(w, RAS_AO, page(0));
	run(w, 10 * SECOND);
	expect_state(w, page(0), POISON_QUEUED);
	guest_register(w);
	run(w, 50 * MS);
	expect_state(w, page(0), POISON_ACKED);
}

static void a_fatal_error_in_the_log_is_a_critical_event(void **state)
{
	struct world *w = *state;
	struct ras_error error;

	world_with(w, "", true);
	guest_register(w);
	error = error_at(w, RAS_AO, page(0));
	error.fatal = true;
	ras_report(w->fw, &w->ras, &error);
	assert_int_equal(w->triggers[0], 0);
	assert_int_equal(w->triggers[1], 1);
}

static void a_log_page_nobody_reads_loses_nothing(void **state)
{
	struct world *w = *state;

	world_with(w, "limit=10000,ack=3s", true);
	guest_register(w);
	w->guest.deaf = true;
	for (unsigned i = 0; i < 300; i++)
		report(w, RAS_AO, page(2 * i));
	run(w, 10 * SECOND);
	assert_int_equal(count_notes(w, RAS_NOTE_NOTIFIED), LOGPAGE_N);
	assert_int_equal(count_notes(w, RAS_NOTE_UNACKED), LOGPAGE_N);
	assert_non_null(strstr(last_note(w, RAS_NOTE_QUEUED)->text, "log page"));
	w->guest.deaf = false;
	run(w, 10 * SECOND);
	assert_int_equal(w->seen, 300);
	for (unsigned i = 0; i < 300; i++) {
		assert_int_equal(w->saw[i].gpa, page(2 * i));
		expect_state(w, page(2 * i), POISON_ACKED);
	}
}

static void a_log_page_that_is_lost_is_written_again(void **state)
{
	struct world *w = *state;
	uint64_t log_page = REGION + RAS_LOG_PAGE;

	world_with(w, "", true);
	guest_register(w);
	w->guest.deaf = true;
	report(w, RAS_AO, page(0));
	report(w, RAS_AO, page(1));
	w->bad[RAS_LOG_PAGE / PAGE] = true;
	report(w, RAS_AO, log_page);
	w->guest.deaf = false;
	run(w, 50 * MS);
	assert_int_equal(times_seen(w, page(0)), 1);
	assert_int_equal(times_seen(w, page(1)), 1);
	expect_state(w, page(0), POISON_ACKED);
	expect_state(w, page(1), POISON_ACKED);
}

static void a_hostile_tail_is_not_believed(void **state)
{
	struct world *w = *state;

	world_with(w, "", true);
	guest_register(w);
	w->guest.deaf = true;
	report(w, RAS_AO, page(0));
	put64(w->region + RAS_LOG_PAGE + LOGPAGE_TAIL, UINT64_MAX);
	tick(w);
	put64(w->region + RAS_LOG_PAGE + LOGPAGE_TAIL, 0);
	for (unsigned i = 1; i < 400; i++) {
		report(w, RAS_AO, page(i));
		put64(w->region + RAS_LOG_PAGE + LOGPAGE_TAIL, i % 3 ? UINT64_MAX : 0);
		run(w, 100 * MS);
	}
	put64(w->region + RAS_LOG_PAGE + LOGPAGE_TAIL, w->ras.log.head);
	run(w, 30 * SECOND);
	for (unsigned i = 0; i < 400; i++)
		expect_state(w, page(i), POISON_ACKED);
}

static void a_tail_that_moves_between_two_looks_loses_nothing(void **state)
{
	struct world *w = *state;

	world_with(w, "limit=10000", true);
	guest_register(w);
	w->guest.deaf = true;
	for (unsigned i = 0; i < LOGPAGE_N; i++)
		report(w, RAS_AO, page(2 * i));
	w->tail_jumps = true;
	for (unsigned i = LOGPAGE_N; i < 1000; i++)
		report(w, RAS_AO, page(2 * i));
	w->tail_jumps = false;
	for (unsigned i = 0; i < 20; i++) {
		put64(w->region + RAS_LOG_PAGE + LOGPAGE_TAIL, w->ras.log.head);
		run(w, SECOND);
	}
	for (unsigned i = 0; i < 1000; i++)
		expect_state(w, page(2 * i), POISON_ACKED);
}

static void a_guest_with_neither_is_left_alone(void **state)
{
	struct world *w = *state;
	struct err err;

	world_with(w, "", true);
	ras_pause(w->fw, &w->ras);
	assert_int_equal(ras_reset(w->fw, &w->ras, gpa(0), w->now_ns, &err), 0);
	report(w, RAS_AO, page(0));
	report(w, RAS_CE, page(1));
	expect_state(w, page(0), POISON_SEEN);
	assert_false(ras_waits(w->fw, &w->ras));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RAS_TEST(a_record_is_one_the_guest_accepts),
		RAS_TEST(a_fatal_error_is_a_critical_event),
		RAS_TEST(no_two_records_are_the_same),
		RAS_TEST(of_64_kib_the_page_that_is_known_goes_first),
		RAS_TEST(of_a_huge_page_only_the_page_that_is_known_is_told),
		RAS_TEST(pages_behind_a_record_keep_their_order),
		RAS_TEST(each_error_of_a_record_has_its_notes),
		RAS_TEST(records_of_injections_queue_with_the_pages),
		RAS_TEST(a_record_goes_to_the_source_it_names),
		RAS_TEST(too_many_records_are_refused),
		RAS_TEST(records_need_acpi_and_a_length),
		RAS_TEST(an_error_before_boot_waits_in_the_block),
		RAS_TEST(a_record_that_waits_is_announced_at_registration),
		RAS_TEST(a_guest_without_sdei_finds_the_record_at_its_ged_source),
		RAS_TEST(masked_then_unmasked),
		RAS_TEST(a_masked_event_falls_back_after_its_time),
		RAS_TEST(masking_for_a_moment_starts_the_time_again),
		RAS_TEST(the_whole_chain_of_ways),
		RAS_TEST(an_explicit_way_has_no_fallback),
		RAS_TEST(a_handler_that_goes_takes_the_event_with_it),
		RAS_TEST(a_decision_is_made_again_when_the_guest_registers),
		RAS_TEST(a_late_acknowledgement_is_noted_and_nothing_is_lost),
		RAS_TEST(a_lost_notification_is_repeated),
		RAS_TEST(reading_without_acknowledging_keeps_the_rest_waiting),
		RAS_TEST(acknowledging_what_was_not_read_does_not_free_the_source),
		RAS_TEST(moved_cells_move_nothing),
		RAS_TEST(a_region_that_cannot_be_written_for_a_while_loses_nothing),
		RAS_TEST(a_device_tree_guest_reads_the_log_page),
		RAS_TEST(a_device_tree_guest_that_registers_late_is_told_then),
		RAS_TEST(a_fatal_error_in_the_log_is_a_critical_event),
		RAS_TEST(a_log_page_nobody_reads_loses_nothing),
		RAS_TEST(a_log_page_that_is_lost_is_written_again),
		RAS_TEST(a_hostile_tail_is_not_believed),
		RAS_TEST(a_tail_that_moves_between_two_looks_loses_nothing),
		RAS_TEST(a_guest_with_neither_is_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
