/* Test timer: raising at once and later, clearing, CPUs' own lines, reset, stopping and loading, and
 * random use against a plain model. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arm64/dev/bus.h"
#include "arm64/dev/test_timer.h"

#define BASE  UINT64_C(0x01030000)
#define INTID 37
#define NCPUS 3
#define T0    UINT64_C(5000000000)
#define NEVER UINT64_MAX

enum { SPI = 0, PPI0, PPI1, PPI2, CHANNELS };

struct world {
	struct bus bus;
	struct test_timer timer;
	uint64_t now_ns, deadline_ns;
	bool level[TEST_TIMER_CHANNELS];
	unsigned changes; /* calls that drove a line */
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
	w->level[SPI] = level;
	w->changes++;
}

static void set_ppi(void *world, unsigned cpu, bool level)
{
	struct world *w = world;

	assert_in_range(cpu, 0, w->timer.ncpus - 1);
	w->level[1 + cpu] = level;
	w->changes++;
}

static const struct test_timer_ops ops = { now, set_alarm, set_ppi };

static void build_with(struct world *w, unsigned ncpus)
{
	memset(w, 0, sizeof(*w));
	w->now_ns = T0;
	w->deadline_ns = NEVER;
	test_timer_init(&w->timer, gpa(BASE), (struct irq_line){ set_irq, w, INTID }, ncpus, &ops,
			w);
	assert_int_equal(bus_add(&w->bus, &w->timer.dev, NULL), 0);
}

static int build(void **state)
{
	static struct world w;

	build_with(&w, NCPUS);
	*state = &w;
	return 0;
}

static uint64_t reg_raise(unsigned channel)
{
	return BASE + 16 * (uint64_t)channel;
}

static uint64_t reg_level(unsigned channel)
{
	return reg_raise(channel) + 8;
}

static uint64_t get(struct world *w, uint64_t at)
{
	uint64_t value = 0;

	assert_true(bus_read(&w->bus, gpa(at), 8, &value));
	return value;
}

static void raise_in(struct world *w, unsigned channel, uint64_t delay_ns)
{
	assert_true(bus_write(&w->bus, gpa(reg_raise(channel)), 8, delay_ns));
}

static void clear(struct world *w, unsigned channel)
{
	assert_true(bus_write(&w->bus, gpa(reg_level(channel)), 8, 0));
}

static void tick(struct world *w)
{
	device_lock(&w->timer.dev);
	test_timer_tick(&w->timer);
	device_unlock(&w->timer.dev);
}

/* The host's clock moves on and its timer, if due, calls. */
static void pass(struct world *w, uint64_t ns)
{
	w->now_ns += ns;
	if (w->now_ns >= w->deadline_ns)
		tick(w);
}

/* The line, as driven and as read back. */
static void expect_level(struct world *w, unsigned channel, bool level)
{
	uint64_t reads = get(w, reg_level(channel));

	if (w->level[channel] != level || reads != level)
		fail_msg("channel %u: expected %d, found line %d, LEVEL %" PRIu64, channel, level,
			 w->level[channel], reads);
}

static void at_first_all_is_low_and_nothing_was_driven(void **state)
{
	struct world *w = *state;

	for (unsigned c = 0; c < CHANNELS; c++) {
		expect_level(w, c, false);
		assert_int_equal(get(w, reg_raise(c)), 0);
	}
	assert_int_equal(w->changes, 0);
	assert_int_equal(w->deadline_ns, NEVER);
}

static void zero_raises_at_once_and_the_line_stays_up(void **state)
{
	struct world *w = *state;

	raise_in(w, SPI, 0);
	expect_level(w, SPI, true);
	assert_int_equal(w->deadline_ns, NEVER);
	pass(w, 1000000);
	expect_level(w, SPI, true);
	clear(w, SPI);
	expect_level(w, SPI, false);
	assert_int_equal(w->changes, 2);
}

static void raising_a_raised_line_changes_nothing(void **state)
{
	struct world *w = *state;

	raise_in(w, PPI1, 0);
	raise_in(w, PPI1, 0);
	expect_level(w, PPI1, true);
	assert_int_equal(w->changes, 1);
}

static void a_delay_raises_on_time(void **state)
{
	struct world *w = *state;

	raise_in(w, SPI, 500);
	assert_int_equal(w->deadline_ns, T0 + 500);
	assert_int_equal(get(w, reg_raise(SPI)), 500);
	pass(w, 499);
	expect_level(w, SPI, false);
	assert_int_equal(get(w, reg_raise(SPI)), 1);
	pass(w, 1);
	expect_level(w, SPI, true);
	assert_int_equal(get(w, reg_raise(SPI)), 0);
	assert_int_equal(w->deadline_ns, NEVER);
	assert_int_equal(w->changes, 1);
}

static void a_delay_can_be_replaced(void **state)
{
	struct world *w = *state;

	raise_in(w, SPI, 500);
	raise_in(w, SPI, 2000);
	assert_int_equal(w->deadline_ns, T0 + 2000);
	pass(w, 1999);
	expect_level(w, SPI, false);
	raise_in(w, SPI, 10);
	pass(w, 10);
	expect_level(w, SPI, true);
	clear(w, SPI);
	raise_in(w, SPI, 500);
	raise_in(w, SPI, 0);
	clear(w, SPI);
	pass(w, 10000);
	expect_level(w, SPI, false); /* "at once" replaced the 500 */
}

static void clearing_cancels_the_delay(void **state)
{
	struct world *w = *state;

	raise_in(w, SPI, 500);
	clear(w, SPI);
	assert_int_equal(w->deadline_ns, NEVER);
	assert_int_equal(get(w, reg_raise(SPI)), 0);
	pass(w, 10000);
	expect_level(w, SPI, false);
	assert_int_equal(w->changes, 0);
}

static void a_delay_that_ends_unseen_is_cancelled_by_clearing(void **state)
{
	struct world *w = *state;

	raise_in(w, SPI, 500);
	w->now_ns += 1000; /* the host's timer is late */
	clear(w, SPI);
	expect_level(w, SPI, false);
	tick(w);
	expect_level(w, SPI, false);
}

static void a_read_sees_a_delay_that_has_ended(void **state)
{
	struct world *w = *state;

	raise_in(w, PPI0, 500);
	w->now_ns += 500; /* the host's timer is late */
	assert_int_equal(get(w, reg_level(PPI0)), 1);
	assert_true(w->level[PPI0]);
}

static void a_delay_while_the_line_is_up_can_run(void **state)
{
	struct world *w = *state;

	raise_in(w, SPI, 0);
	raise_in(w, SPI, 500);
	expect_level(w, SPI, true);
	assert_int_equal(get(w, reg_raise(SPI)), 500);
	pass(w, 500);
	expect_level(w, SPI, true);
	assert_int_equal(w->changes, 1);
}

static void each_cpu_has_its_own_line_and_delay(void **state)
{
	struct world *w = *state;

	raise_in(w, PPI2, 300);
	raise_in(w, PPI0, 100);
	raise_in(w, SPI, 200);
	assert_int_equal(w->deadline_ns, T0 + 100);
	pass(w, 100);
	expect_level(w, PPI0, true);
	expect_level(w, SPI, false);
	assert_int_equal(w->deadline_ns, T0 + 200);
	pass(w, 100);
	expect_level(w, SPI, true);
	expect_level(w, PPI2, false);
	pass(w, 100);
	expect_level(w, PPI2, true);
	expect_level(w, PPI1, false);
	clear(w, PPI0);
	expect_level(w, PPI0, false);
	expect_level(w, PPI2, true);
}

static void a_tick_that_comes_early_is_harmless(void **state)
{
	struct world *w = *state;

	raise_in(w, SPI, 500);
	w->now_ns += 499;
	w->deadline_ns = NEVER; /* the host's timer has run out and is not set */
	tick(w);
	expect_level(w, SPI, false);
	assert_int_equal(w->deadline_ns, T0 + 500);
}

static void the_longest_delay_does_not_wrap(void **state)
{
	static const uint64_t delays[] = { UINT64_MAX, UINT64_MAX - 1, UINT64_MAX - T0,
					   UINT64_MAX - T0 - 1, UINT64_MAX - T0 - 2 };
	struct world *w = *state;

	for (unsigned i = 0; i < ARRAY_SIZE(delays); i++) {
		raise_in(w, SPI, delays[i]);
		expect_level(w, SPI, false);
		if (w->deadline_ns <= T0 || w->deadline_ns == NEVER)
			fail_msg("delay 0x%" PRIx64 ": deadline 0x%" PRIx64, delays[i],
				 w->deadline_ns);
		assert_true(get(w, reg_raise(SPI)) > 0);
	}
}

static void channels_of_absent_cpus_do_nothing(void **state)
{
	struct world *w = *state;
	uint64_t value;

	for (uint64_t at = reg_raise(CHANNELS); at < BASE + TEST_TIMER_BLOCK_BYTES; at += 8) {
		assert_true(bus_write(&w->bus, gpa(at), 8, 0));
		assert_true(bus_write(&w->bus, gpa(at), 8, 5));
		assert_true(bus_read(&w->bus, gpa(at), 8, &value));
		if (value)
			fail_msg("0x%" PRIx64 ": expected 0, found 0x%" PRIx64, at, value);
	}
	pass(w, 1000);
	assert_int_equal(w->changes, 0);
	assert_int_equal(w->deadline_ns, NEVER);
}

static void the_last_of_512_cpus_has_a_channel(void **state)
{
	static struct world w;

	(void)state;
	build_with(&w, TEST_TIMER_MAX_CPUS);
	raise_in(&w, TEST_TIMER_MAX_CPUS, 0);
	expect_level(&w, TEST_TIMER_MAX_CPUS, true);
	assert_int_equal(get(&w, reg_level(TEST_TIMER_MAX_CPUS - 1)), 0);
	assert_int_equal(get(&w, reg_level(TEST_TIMER_MAX_CPUS + 1)), 0);
}

static void other_widths_and_places_between_registers_do_nothing(void **state)
{
	static const unsigned widths[] = { 1, 2, 4 };
	struct world *w = *state;
	uint64_t value;

	for (unsigned i = 0; i < ARRAY_SIZE(widths); i++) {
		assert_true(bus_write(&w->bus, gpa(reg_raise(SPI)), widths[i], 0));
		assert_true(bus_write(&w->bus, gpa(reg_raise(PPI0)), widths[i], 9));
	}
	for (uint64_t off = 1; off < 8; off++)
		assert_true(bus_write(&w->bus, gpa(BASE + off), 8, 0));
	assert_int_equal(w->changes, 0);
	assert_int_equal(w->deadline_ns, NEVER);
	raise_in(w, SPI, 0);
	raise_in(w, PPI0, UINT64_C(0x1111111111));
	for (unsigned i = 0; i < ARRAY_SIZE(widths); i++) {
		assert_true(bus_write(&w->bus, gpa(reg_level(SPI)), widths[i], 0));
		assert_true(bus_read(&w->bus, gpa(reg_level(SPI)), widths[i], &value));
		assert_int_equal(value, 0);
		assert_true(bus_read(&w->bus, gpa(reg_raise(PPI0)), widths[i], &value));
		assert_int_equal(value, 0);
	}
	for (uint64_t off = 1; off < 16; off += off == 7 ? 2 : 1) {
		assert_true(bus_write(&w->bus, gpa(BASE + off), 8, 0));
		assert_true(bus_read(&w->bus, gpa(BASE + off), 8, &value));
		if (value)
			fail_msg("offset %" PRIu64 ": expected 0, found 0x%" PRIx64, off, value);
	}
	expect_level(w, SPI, true);
}

static void reset_lowers_everything(void **state)
{
	struct world *w = *state;

	for (unsigned c = 0; c < CHANNELS; c++)
		raise_in(w, c, 0);
	raise_in(w, PPI1, 500);
	bus_reset(&w->bus);
	assert_int_equal(w->deadline_ns, NEVER);
	for (unsigned c = 0; c < CHANNELS; c++)
		expect_level(w, c, false);
	pass(w, 1000);
	expect_level(w, PPI1, false);
}

static void resuming_drives_lines_and_alarm_again(void **state)
{
	struct world *w = *state;

	raise_in(w, SPI, 0);
	raise_in(w, PPI1, 0);
	raise_in(w, PPI2, 500);
	bus_quiesce(&w->bus);
	assert_int_equal(w->deadline_ns, NEVER);
	memset(w->level, 0, sizeof(w->level)); /* the interrupt controller was made anew */
	w->level[PPI0] = true;
	bus_resume(&w->bus);
	expect_level(w, SPI, true);
	expect_level(w, PPI0, false);
	expect_level(w, PPI1, true);
	expect_level(w, PPI2, false);
	assert_int_equal(w->deadline_ns, T0 + 500);
}

static void a_delay_runs_only_while_the_machine_does(void **state)
{
	struct world *w = *state;

	raise_in(w, SPI, 500);
	pass(w, 200);
	bus_quiesce(&w->bus);
	w->now_ns += 10000;
	tick(w); /* was on its way */
	assert_false(w->level[SPI]);
	bus_quiesce(&w->bus); /* once more changes nothing */
	w->now_ns += 10000;
	bus_resume(&w->bus);
	expect_level(w, SPI, false);
	assert_int_equal(get(w, reg_raise(SPI)), 300);
	pass(w, 299);
	expect_level(w, SPI, false);
	pass(w, 1);
	expect_level(w, SPI, true);
}

/* The other host's clock is far behind this one's. */
static void a_delay_goes_on_where_it_is_loaded(void **state)
{
	struct world *w = *state;
	struct test_timer_state saved;

	raise_in(w, SPI, 500);
	raise_in(w, PPI1, 0);
	pass(w, 100);
	bus_quiesce(&w->bus);
	saved = w->timer.state;
	build(state);
	w->now_ns = 7;
	w->timer.state = saved;
	bus_resume(&w->bus);
	assert_int_equal(get(w, reg_raise(SPI)), 400);
	assert_int_equal(w->deadline_ns, 7 + 400);
	expect_level(w, PPI1, true);
	pass(w, 400);
	expect_level(w, SPI, true);
}

static void hostile_loaded_state_stays_within_bounds(void **state)
{
	static const uint8_t fill[] = { 0xff, 0x80, 0x7f, 0x01, 0xfe };
	struct world *w = *state;

	for (unsigned i = 0; i < ARRAY_SIZE(fill); i++) {
		memset(&w->timer.state, fill[i], sizeof(w->timer.state));
		bus_resume(&w->bus);
		for (unsigned c = 0; c < CHANNELS; c++) {
			assert_true(get(w, reg_level(c)) <= 1);
			clear(w, c);
			expect_level(w, c, false);
			raise_in(w, c, 5);
		}
		pass(w, 5);
		for (unsigned c = 0; c < CHANNELS; c++)
			expect_level(w, c, true);
	}
}

/* Random use against a model of the register description. */

struct model {
	bool up[CHANNELS];
	uint64_t due[CHANNELS]; /* NEVER: none */
	uint64_t stopped;       /* 0: running */
};

static void model_look(struct model *m, uint64_t at)
{
	for (unsigned c = 0; c < CHANNELS; c++) {
		if (m->due[c] > at)
			continue;
		m->due[c] = NEVER;
		m->up[c] = true;
	}
}

static void model_resume(struct model *m, uint64_t at)
{
	for (unsigned c = 0; c < CHANNELS; c++)
		if (m->due[c] != NEVER)
			m->due[c] += at - m->stopped;
	m->stopped = 0;
}

static void model_reset(struct model *m)
{
	*m = (struct model){ .stopped = 0 };
	for (unsigned c = 0; c < CHANNELS; c++)
		m->due[c] = NEVER;
}

static uint64_t model_next(const struct model *m)
{
	uint64_t next = NEVER;

	for (unsigned c = 0; c < CHANNELS; c++)
		next = m->due[c] < next ? m->due[c] : next;
	return next;
}

static void random_access(struct world *w, struct model *m, unsigned dice)
{
	unsigned c = (unsigned)rand() % CHANNELS;
	uint64_t delay = (uint64_t)rand() % 100;

	switch (dice % 4) {
	case 0:
		raise_in(w, c, delay);
		m->due[c] = w->now_ns + delay;
		break;
	case 1:
		clear(w, c);
		m->due[c] = NEVER;
		m->up[c] = false;
		break;
	case 2:
		get(w, reg_raise((unsigned)rand() % 1000));
		break;
	case 3:
		assert_true(bus_write(&w->bus, gpa(reg_raise(c)), 4, delay));
		break;
	}
}

/* Of the running machine, or of the stopped one, which makes no accesses. */
static void random_step(struct world *w, struct model *m)
{
	unsigned dice = (unsigned)rand() % 64;

	if (dice == 0) {
		bus_reset(&w->bus);
		model_reset(m);
	} else if (m->stopped && dice < 16) {
		bus_resume(&w->bus);
		model_resume(m, w->now_ns);
	} else if (!m->stopped && dice == 1) {
		bus_quiesce(&w->bus);
		m->stopped = w->now_ns;
	} else if (dice < 32 || m->stopped) {
		pass(w, (uint64_t)rand() % 60);
	} else {
		random_access(w, m, dice);
	}
	if (!m->stopped)
		model_look(m, w->now_ns);
}

static void random_use_is_as_described(void **state)
{
	struct world *w = *state;
	struct model m;

	srand(20240229);
	model_reset(&m);
	for (unsigned i = 0; i < 200000; i++) {
		random_step(w, &m);
		for (unsigned c = 0; c < CHANNELS; c++)
			if (w->level[c] != m.up[c])
				fail_msg("step %u, channel %u: expected %d, found %d", i, c,
					 m.up[c], w->level[c]);
		if (w->deadline_ns != (m.stopped ? NEVER : model_next(&m)))
			fail_msg("step %u: expected alarm %" PRIu64 ", found %" PRIu64, i,
				 m.stopped ? NEVER : model_next(&m), w->deadline_ns);
	}
}

static void the_state_table_covers_the_struct(void **state)
{
	const struct state_desc *desc = ((struct world *)*state)->timer.dev.ops->state;
	size_t end = 0;

	assert_int_equal(desc->size, sizeof(struct test_timer_state));
	assert_int_equal(desc->offset, offsetof(struct test_timer, state));
	for (const struct state_field *f = desc->fields; f->id; f++) {
		assert_int_equal(f->offset, end); /* in order, no gap, no overlap */
		end += (size_t)f->size * f->count;
	}
	assert_int_equal(end, sizeof(struct test_timer_state));
	assert_int_equal(state_covered(desc), sizeof(struct test_timer_state));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(at_first_all_is_low_and_nothing_was_driven, build),
		cmocka_unit_test_setup(zero_raises_at_once_and_the_line_stays_up, build),
		cmocka_unit_test_setup(raising_a_raised_line_changes_nothing, build),
		cmocka_unit_test_setup(a_delay_raises_on_time, build),
		cmocka_unit_test_setup(a_delay_can_be_replaced, build),
		cmocka_unit_test_setup(clearing_cancels_the_delay, build),
		cmocka_unit_test_setup(a_delay_that_ends_unseen_is_cancelled_by_clearing, build),
		cmocka_unit_test_setup(a_read_sees_a_delay_that_has_ended, build),
		cmocka_unit_test_setup(a_delay_while_the_line_is_up_can_run, build),
		cmocka_unit_test_setup(each_cpu_has_its_own_line_and_delay, build),
		cmocka_unit_test_setup(a_tick_that_comes_early_is_harmless, build),
		cmocka_unit_test_setup(the_longest_delay_does_not_wrap, build),
		cmocka_unit_test_setup(channels_of_absent_cpus_do_nothing, build),
		cmocka_unit_test_setup(the_last_of_512_cpus_has_a_channel, build),
		cmocka_unit_test_setup(other_widths_and_places_between_registers_do_nothing, build),
		cmocka_unit_test_setup(reset_lowers_everything, build),
		cmocka_unit_test_setup(resuming_drives_lines_and_alarm_again, build),
		cmocka_unit_test_setup(a_delay_runs_only_while_the_machine_does, build),
		cmocka_unit_test_setup(a_delay_goes_on_where_it_is_loaded, build),
		cmocka_unit_test_setup(hostile_loaded_state_stays_within_bounds, build),
		cmocka_unit_test_setup(random_use_is_as_described, build),
		cmocka_unit_test_setup(the_state_table_covers_the_struct, build),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
