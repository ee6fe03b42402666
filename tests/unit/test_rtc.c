/* PL031: time, alarm, interrupt, reset, and state that was loaded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "arm64/dev/bus.h"
#include "arm64/dev/rtc.h"

#define BASE  UINT64_C(0x01010000)
#define INTID 36
#define S     UINT64_C(1000000000)
#define T0    UINT64_C(1700000000) /* host time at the start, seconds */
#define NEVER UINT64_MAX

enum {
	DR = 0x00,
	MR = 0x04,
	LR = 0x08,
	CR = 0x0c,
	IMSC = 0x10,
	RIS = 0x14,
	MIS = 0x18,
	ICR = 0x1c
};

struct world {
	struct bus bus;
	struct rtc rtc;
	uint64_t now_ns, deadline_ns;
	bool level;
	unsigned changes;
};

static uint64_t now(void *world)
{
	return ((struct world *)world)->now_ns;
}

static void set_alarm(void *world, uint64_t deadline_ns)
{
	((struct world *)world)->deadline_ns = deadline_ns;
}

static void set_irq(void *world, uint32_t intid, bool level)
{
	struct world *w = world;

	assert_int_equal(intid, INTID);
	w->level = level;
	w->changes++;
}

static const struct rtc_ops ops = { now, set_alarm };

static int build(void **state)
{
	static struct world w;

	memset(&w, 0, sizeof(w));
	w.now_ns = T0 * S + S / 2;
	w.deadline_ns = NEVER;
	rtc_init(&w.rtc, gpa(BASE), (struct irq_line){ set_irq, &w, INTID }, &ops, &w);
	*state = &w;
	return bus_add(&w.bus, &w.rtc.dev, NULL);
}

static uint64_t get(struct world *w, uint64_t reg)
{
	uint64_t value = 0;

	assert_true(bus_read(&w->bus, gpa(BASE + reg), 4, &value));
	return value;
}

static void put(struct world *w, uint64_t reg, uint64_t value)
{
	assert_true(bus_write(&w->bus, gpa(BASE + reg), 4, value));
}

/* The host's clock moves on and its timer, if due, calls. */
static void pass(struct world *w, uint64_t seconds)
{
	w->now_ns += seconds * S;
	if (w->now_ns < w->deadline_ns)
		return;
	device_lock(&w->rtc.dev);
	rtc_tick(&w->rtc);
	device_unlock(&w->rtc.dev);
}

static void it_identifies_as_a_pl031(void **state)
{
	static const uint8_t want[] = { 0x31, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1 };

	for (unsigned i = 0; i < ARRAY_SIZE(want); i++)
		assert_int_equal(get(*state, 0xfe0 + 4 * i), want[i]);
}

static void it_gives_the_host_s_time_at_first(void **state)
{
	struct world *w = *state;

	assert_int_equal(get(w, DR), T0);
	pass(w, 10);
	assert_int_equal(get(w, DR), T0 + 10);
	assert_int_equal(get(w, CR), 1);
}

static void the_guest_can_set_the_time(void **state)
{
	struct world *w = *state;

	put(w, LR, 1000);
	assert_int_equal(get(w, LR), 1000);
	assert_int_equal(get(w, DR), 1000);
	pass(w, 5);
	assert_int_equal(get(w, DR), 1005);
	assert_int_equal(get(w, LR), 1000);
}

static void the_counter_wraps_at_32_bits(void **state)
{
	struct world *w = *state;

	put(w, LR, UINT32_MAX);
	assert_int_equal(get(w, DR), UINT32_MAX);
	pass(w, 2);
	assert_int_equal(get(w, DR), 1);
}

static void the_alarm_raises_the_interrupt_on_time(void **state)
{
	struct world *w = *state;

	put(w, IMSC, 1);
	put(w, MR, T0 + 5);
	assert_int_equal(w->deadline_ns, (T0 + 5) * S);
	pass(w, 4);
	assert_false(w->level);
	assert_int_equal(get(w, RIS), 0);
	pass(w, 1);
	assert_true(w->level);
	assert_int_equal(get(w, RIS), 1);
	assert_int_equal(get(w, MIS), 1);
	assert_int_equal(w->deadline_ns, NEVER);
	put(w, ICR, 1);
	assert_false(w->level);
	assert_int_equal(get(w, RIS), 0);
	assert_int_equal(w->changes, 2);
}

static void a_tick_that_comes_early_is_harmless(void **state)
{
	struct world *w = *state;

	put(w, IMSC, 1);
	put(w, MR, T0 + 5);
	device_lock(&w->rtc.dev);
	rtc_tick(&w->rtc);
	device_unlock(&w->rtc.dev);
	assert_false(w->level);
	assert_int_equal(w->deadline_ns, (T0 + 5) * S);
}

static void a_match_with_the_present_second_is_immediate(void **state)
{
	struct world *w = *state;

	put(w, IMSC, 1);
	put(w, MR, T0);
	assert_true(w->level);
	put(w, ICR, 1);
	assert_false(w->level); /* once a match, not for the whole second */
	assert_int_equal(get(w, RIS), 0);
}

static void an_alarm_across_the_wrap_comes(void **state)
{
	struct world *w = *state;

	put(w, LR, UINT32_MAX - 1);
	put(w, IMSC, 1);
	put(w, MR, 3);
	assert_int_equal(w->deadline_ns, (T0 + 5) * S);
	pass(w, 4);
	assert_false(w->level);
	pass(w, 1);
	assert_true(w->level);
	assert_int_equal(get(w, DR), 3);
}

static void a_match_in_the_past_waits_for_the_wrap(void **state)
{
	struct world *w = *state;

	put(w, IMSC, 1);
	put(w, MR, T0 - 1);
	assert_false(w->level);
	assert_int_equal(w->deadline_ns, (T0 + UINT32_MAX) * S);
	pass(w, UINT32_MAX);
	assert_true(w->level);
	put(w, ICR, 1);
	assert_int_equal(w->deadline_ns, (T0 + UINT32_MAX + (UINT64_C(1) << 32)) * S);
}

static void setting_the_time_moves_the_alarm(void **state)
{
	struct world *w = *state;

	put(w, IMSC, 1);
	put(w, MR, 2000);
	put(w, LR, 1990);
	assert_int_equal(w->deadline_ns, (T0 + 10) * S);
}

static void a_masked_alarm_is_raw_only_and_asks_for_no_timer(void **state)
{
	struct world *w = *state;

	put(w, MR, T0 + 5);
	assert_int_equal(w->deadline_ns, NEVER);
	pass(w, 6);
	assert_int_equal(get(w, RIS), 1);
	assert_int_equal(get(w, MIS), 0);
	assert_false(w->level);
	put(w, IMSC, 1);
	assert_true(w->level);
	put(w, IMSC, 0);
	assert_false(w->level);
}

static void reset_keeps_the_time_and_drops_the_alarm(void **state)
{
	struct world *w = *state;

	put(w, LR, 1000);
	put(w, IMSC, 1);
	put(w, MR, 1000);
	assert_true(w->level);
	put(w, MR, 1010);
	bus_reset(&w->bus);
	assert_false(w->level);
	assert_int_equal(w->deadline_ns, NEVER);
	assert_int_equal(get(w, DR), 1000);
	assert_int_equal(get(w, MR), 0);
	assert_int_equal(get(w, IMSC), 0);
	pass(w, 20);
	assert_int_equal(get(w, RIS), 0);
	assert_false(w->level);
}

static void an_alarm_due_while_saved_comes_after_loading(void **state)
{
	struct world *w = *state;
	struct rtc_state saved;

	put(w, IMSC, 1);
	put(w, MR, T0 + 5);
	bus_quiesce(&w->bus);
	assert_int_equal(w->deadline_ns, NEVER);
	saved = w->rtc.state;
	build(state);
	w->rtc.state = saved;
	w->now_ns += 60 * S;
	bus_resume(&w->bus);
	assert_true(w->level);
}

static void a_loaded_alarm_is_armed_again(void **state)
{
	struct world *w = *state;

	put(w, IMSC, 1);
	put(w, MR, T0 + 5);
	bus_quiesce(&w->bus);
	bus_resume(&w->bus);
	assert_int_equal(w->deadline_ns, (T0 + 5) * S);
	assert_false(w->level);
}

static void hostile_loaded_state_stays_within_bounds(void **state)
{
	static const int64_t odd[] = { INT64_MIN, INT64_MAX, -1, 0, 1 };
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
		for (size_t k = 0; k < ARRAY_SIZE(odd); k++) {
			memset(&w->rtc.state, 0xff, sizeof(w->rtc.state));
			w->rtc.state.offset_s = odd[i];
			w->rtc.state.alarm_s = odd[k];
			bus_resume(&w->bus);
			assert_true(w->rtc.state.ris <= 1 && w->rtc.state.imsc == 1);
			put(w, ICR, 1);
			put(w, MR, 7);
			put(w, LR, 5);
			assert_int_equal(get(w, DR), 5);
		}
	}
}

static void odd_accesses_are_harmless(void **state)
{
	struct world *w = *state;
	uint64_t value;

	assert_true(bus_write(&w->bus, gpa(BASE + LR), 1, 7));
	assert_true(bus_write(&w->bus, gpa(BASE + LR), 8, 7));
	assert_true(bus_write(&w->bus, gpa(BASE + LR + 1), 2, 7));
	put(w, DR, 7);
	put(w, CR, 0);
	put(w, 0x800, 7);
	assert_int_equal(get(w, DR), T0);
	assert_int_equal(get(w, CR), 1);
	assert_int_equal(get(w, 0x800), 0);
	put(w, LR, 0x11223344);
	assert_true(bus_read(&w->bus, gpa(BASE + LR + 1), 1, &value));
	assert_int_equal(value, 0x33);
	assert_true(bus_read(&w->bus, gpa(BASE + LR + 2), 2, &value));
	assert_int_equal(value, 0x1122);
	assert_true(bus_read(&w->bus, gpa(BASE + LR), 8, &value));
	assert_int_equal(value, 0x11223344);
	assert_true(bus_read(&w->bus, gpa(BASE + 0xff8), 8, &value));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(it_identifies_as_a_pl031, build),
		cmocka_unit_test_setup(it_gives_the_host_s_time_at_first, build),
		cmocka_unit_test_setup(the_guest_can_set_the_time, build),
		cmocka_unit_test_setup(the_counter_wraps_at_32_bits, build),
		cmocka_unit_test_setup(the_alarm_raises_the_interrupt_on_time, build),
		cmocka_unit_test_setup(a_tick_that_comes_early_is_harmless, build),
		cmocka_unit_test_setup(a_match_with_the_present_second_is_immediate, build),
		cmocka_unit_test_setup(an_alarm_across_the_wrap_comes, build),
		cmocka_unit_test_setup(a_match_in_the_past_waits_for_the_wrap, build),
		cmocka_unit_test_setup(setting_the_time_moves_the_alarm, build),
		cmocka_unit_test_setup(a_masked_alarm_is_raw_only_and_asks_for_no_timer, build),
		cmocka_unit_test_setup(reset_keeps_the_time_and_drops_the_alarm, build),
		cmocka_unit_test_setup(an_alarm_due_while_saved_comes_after_loading, build),
		cmocka_unit_test_setup(a_loaded_alarm_is_armed_again, build),
		cmocka_unit_test_setup(hostile_loaded_state_stays_within_bounds, build),
		cmocka_unit_test_setup(odd_accesses_are_harmless, build),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
