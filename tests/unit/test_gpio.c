/* PL061: pins, masks in addresses, interrupts by edge and level, reset, and state that was loaded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "arm64/dev/bus.h"
#include "arm64/dev/gpio.h"

#define BASE  UINT64_C(0x01060000)
#define INTID 44

enum {
	DATA = 0x000,
	ALL = 0x3fc, /* of DATA */
	DIR = 0x400,
	IS = 0x404,
	IBE = 0x408,
	IEV = 0x40c,
	IE = 0x410,
	RIS = 0x414,
	MIS = 0x418,
	IC = 0x41c,
	AFSEL = 0x420
};

struct world {
	struct bus bus;
	struct gpio gpio;
	bool level;
	unsigned changes;
};

static void set_irq(void *world, uint32_t intid, bool level)
{
	struct world *w = world;

	assert_int_equal(intid, INTID);
	w->level = level;
	w->changes++;
}

static int build(void **state)
{
	static struct world w;

	memset(&w, 0, sizeof(w));
	gpio_init(&w.gpio, gpa(BASE), (struct irq_line){ set_irq, &w, INTID });
	*state = &w;
	return bus_add(&w.bus, &w.gpio.dev, NULL);
}

static uint64_t get(struct world *w, uint64_t reg)
{
	uint64_t value = UINT64_MAX;

	assert_true(bus_read(&w->bus, gpa(BASE + reg), 1, &value));
	return value;
}

static void put(struct world *w, uint64_t reg, uint64_t value)
{
	assert_true(bus_write(&w->bus, gpa(BASE + reg), 1, value));
}

static void drive(struct world *w, unsigned pin, bool level)
{
	device_lock(&w->gpio.dev);
	gpio_drive(&w->gpio, pin, level);
	device_unlock(&w->gpio.dev);
}

static void it_identifies_as_a_pl061(void **state)
{
	static const uint8_t want[] = { 0x61, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1 };

	for (unsigned i = 0; i < ARRAY_SIZE(want); i++)
		assert_int_equal(get(*state, 0xfe0 + 4 * i), want[i]);
}

static void the_address_is_a_mask_of_the_data(void **state)
{
	struct world *w = *state;

	put(w, DIR, 0xff);
	put(w, ALL, 0xa5);
	assert_int_equal(get(w, ALL), 0xa5);
	assert_int_equal(get(w, DATA + (0x0f << 2)), 0x05);
	put(w, DATA + (0x0f << 2), 0xff);
	assert_int_equal(get(w, ALL), 0xaf);
	put(w, DATA, 0);
	assert_int_equal(get(w, ALL), 0xaf);
	assert_int_equal(get(w, DATA), 0);
}

static void inputs_read_what_is_driven_outputs_what_was_written(void **state)
{
	struct world *w = *state;

	drive(w, 0, true);
	drive(w, 7, true);
	assert_int_equal(get(w, ALL), 0x81);
	put(w, ALL, 0x7e);
	assert_int_equal(get(w, ALL), 0x81);
	put(w, DIR, 0x0f);
	assert_int_equal(get(w, ALL), 0x8e);
	drive(w, 7, false);
	assert_int_equal(get(w, ALL), 0x0e);
}

static void a_rising_edge_is_kept_until_it_is_cleared(void **state)
{
	struct world *w = *state;

	put(w, IEV, 1);
	put(w, IE, 1);
	drive(w, 0, true);
	drive(w, 0, false);
	assert_true(w->level);
	assert_int_equal(get(w, RIS), 1);
	assert_int_equal(get(w, MIS), 1);
	put(w, IC, 0xfe);
	assert_true(w->level);
	put(w, IC, 1);
	assert_false(w->level);
	assert_int_equal(get(w, RIS), 0);
	assert_int_equal(w->changes, 2);
	drive(w, 0, false);
	assert_false(w->level);
}

static void falling_and_both_edges_can_be_asked_for(void **state)
{
	struct world *w = *state;

	drive(w, 3, true);
	assert_int_equal(get(w, RIS), 0);
	drive(w, 3, false);
	assert_int_equal(get(w, RIS), 8);
	put(w, IC, 8);
	put(w, IBE, 8);
	drive(w, 3, true);
	assert_int_equal(get(w, RIS), 8);
	put(w, IC, 8);
	drive(w, 3, false);
	assert_int_equal(get(w, RIS), 8);
	assert_false(w->level);
}

static void an_edge_while_masked_comes_with_the_unmasking(void **state)
{
	struct world *w = *state;

	put(w, IEV, 0xff);
	drive(w, 5, true);
	assert_int_equal(get(w, RIS), 0x20);
	assert_int_equal(get(w, MIS), 0);
	assert_false(w->level);
	put(w, IE, 0x20);
	assert_true(w->level);
	put(w, IE, 0);
	assert_false(w->level);
}

static void a_level_lasts_as_long_as_the_pin(void **state)
{
	struct world *w = *state;

	put(w, IS, 2);
	put(w, IEV, 2);
	put(w, IE, 2);
	assert_false(w->level);
	drive(w, 1, true);
	assert_true(w->level);
	put(w, IC, 2);
	assert_true(w->level);
	drive(w, 1, false);
	assert_false(w->level);
	put(w, IEV, 0);
	assert_true(w->level);
	put(w, IS, 0);
	assert_false(w->level);
	assert_int_equal(get(w, RIS), 0);
}

static void one_interrupt_stands_for_all_pins(void **state)
{
	struct world *w = *state;

	put(w, IEV, 0xff);
	put(w, IE, 0xff);
	for (unsigned pin = 0; pin < GPIO_PINS; pin++)
		drive(w, pin, true);
	assert_int_equal(get(w, RIS), 0xff);
	assert_int_equal(w->changes, 1);
	put(w, IC, 0x7f);
	assert_true(w->level);
	put(w, IC, 0x80);
	assert_false(w->level);
}

static void registers_read_back(void **state)
{
	static const uint64_t regs[] = { DIR, IS, IBE, IEV, IE, AFSEL };

	for (unsigned i = 0; i < ARRAY_SIZE(regs); i++) {
		put(*state, regs[i], 0xc0 | i);
		assert_int_equal(get(*state, regs[i]), 0xc0 | i);
	}
	put(*state, RIS, 0xff);
	put(*state, MIS, 0xff);
	assert_int_equal(get(*state, IC), 0);
	assert_int_equal(get(*state, 0x424), 0);
}

static void wide_and_odd_accesses_are_harmless(void **state)
{
	struct world *w = *state;
	uint64_t value;

	assert_true(bus_write(&w->bus, gpa(BASE + DIR), 4, 0xffffff0f));
	assert_true(bus_read(&w->bus, gpa(BASE + DIR), 8, &value));
	assert_int_equal(value, 0x0f);
	assert_true(bus_write(&w->bus, gpa(BASE + DIR + 1), 1, 0xff));
	assert_true(bus_read(&w->bus, gpa(BASE + DIR + 1), 2, &value));
	assert_int_equal(value, 0);
	assert_int_equal(get(w, DIR), 0x0f);
	drive(w, 200, true); /* no such pin: some pin */
}

static void a_reset_leaves_the_pins_as_they_are_driven(void **state)
{
	struct world *w = *state;

	put(w, IEV, 1);
	put(w, IE, 1);
	drive(w, 0, true);
	assert_true(w->level);
	bus_reset(&w->bus);
	assert_false(w->level);
	assert_int_equal(get(w, IE) | get(w, IEV) | get(w, RIS), 0);
	assert_int_equal(get(w, ALL), 1);
}

static void a_loaded_interrupt_is_driven_again(void **state)
{
	struct world *w = *state;
	struct gpio_state saved;

	put(w, IEV, 1);
	put(w, IE, 1);
	drive(w, 0, true);
	bus_quiesce(&w->bus);
	saved = w->gpio.state;
	build(state);
	w->gpio.state = saved;
	bus_resume(&w->bus);
	assert_true(w->level);
	put(w, IC, 1);
	assert_false(w->level);
}

static void all_state_is_in_the_table(void **state)
{
	struct world *w = *state;
	const struct state_desc *desc = w->gpio.dev.ops->state;

	assert_int_equal(state_covered(desc), desc->size);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(it_identifies_as_a_pl061, build),
		cmocka_unit_test_setup(the_address_is_a_mask_of_the_data, build),
		cmocka_unit_test_setup(inputs_read_what_is_driven_outputs_what_was_written, build),
		cmocka_unit_test_setup(a_rising_edge_is_kept_until_it_is_cleared, build),
		cmocka_unit_test_setup(falling_and_both_edges_can_be_asked_for, build),
		cmocka_unit_test_setup(an_edge_while_masked_comes_with_the_unmasking, build),
		cmocka_unit_test_setup(a_level_lasts_as_long_as_the_pin, build),
		cmocka_unit_test_setup(one_interrupt_stands_for_all_pins, build),
		cmocka_unit_test_setup(registers_read_back, build),
		cmocka_unit_test_setup(wide_and_odd_accesses_are_harmless, build),
		cmocka_unit_test_setup(a_reset_leaves_the_pins_as_they_are_driven, build),
		cmocka_unit_test_setup(a_loaded_interrupt_is_driven_again, build),
		cmocka_unit_test_setup(all_state_is_in_the_table, build),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
