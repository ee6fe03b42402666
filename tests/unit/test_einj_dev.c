/* The injection device: its registers, the machine's answer, reset, and state that was loaded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "arm64/dev/bus.h"
#include "arm64/dev/einj.h"

#define BASE UINT64_C(0x01040000)

struct world {
	struct bus bus;
	struct einj einj;
	unsigned executed;
};

static void execute(void *world)
{
	((struct world *)world)->executed++;
}

static int build(void **state)
{
	static struct world w;

	memset(&w, 0, sizeof(w));
	einj_init(&w.einj, gpa(BASE), execute, &w);
	*state = &w;
	return bus_add(&w.bus, &w.einj.dev, NULL);
}

static uint64_t get(struct world *w, uint64_t reg, unsigned len)
{
	uint64_t value = UINT64_MAX;

	assert_true(bus_read(&w->bus, gpa(BASE + reg), len, &value));
	return value;
}

static void put(struct world *w, uint64_t reg, unsigned len, uint64_t value)
{
	assert_true(bus_write(&w->bus, gpa(BASE + reg), len, value));
}

static void done(struct world *w, uint32_t status)
{
	device_lock(&w->einj.dev);
	einj_done(&w->einj, status);
	device_unlock(&w->einj.dev);
}

static void it_offers_the_types_that_can_be_injected(void **state)
{
	assert_int_equal(get(*state, EINJ_REG_CAPS, 4), EINJ_TYPES);
	assert_int_equal(get(*state, EINJ_REG_CAPS, 8), EINJ_TYPES);
	assert_int_equal(get(*state, EINJ_REG_CAPS + 4, 4), 0);
	put(*state, EINJ_REG_CAPS, 8, 0);
	assert_int_equal(get(*state, EINJ_REG_CAPS, 8), EINJ_TYPES);
}

static void the_type_reads_back(void **state)
{
	put(*state, EINJ_REG_TYPE, 4, 0x10);
	assert_int_equal(get(*state, EINJ_REG_TYPE, 4), 0x10);
	put(*state, EINJ_REG_TYPE, 8, 0x8);
	assert_int_equal(get(*state, EINJ_REG_TYPE, 8), 0x8);
}

static void parts_of_a_register_are_not_written(void **state)
{
	struct world *w = *state;

	put(w, EINJ_REG_TYPE, 4, 0x10);
	put(w, EINJ_REG_TYPE, 1, 0x20);
	put(w, EINJ_REG_TYPE, 2, 0x20);
	put(w, EINJ_REG_TYPE + 4, 4, 0x20);
	put(w, EINJ_REG_EXECUTE, 1, 1);
	put(w, EINJ_REG_EXECUTE + 4, 4, 1);
	assert_int_equal(get(w, EINJ_REG_TYPE, 4), 0x10);
	assert_int_equal(w->executed, 0);
}

static void it_is_busy_until_the_machine_has_done_it(void **state)
{
	struct world *w = *state;

	assert_int_equal(get(w, EINJ_REG_BUSY, 8), 0);
	put(w, EINJ_REG_EXECUTE, 8, 1);
	assert_int_equal(w->executed, 1);
	assert_int_equal(get(w, EINJ_REG_BUSY, 8), 1);
	done(w, EINJ_INVALID);
	assert_int_equal(get(w, EINJ_REG_BUSY, 8), 0);
	assert_int_equal(get(w, EINJ_REG_STATUS, 8), EINJ_INVALID);
	put(w, EINJ_REG_EXECUTE, 4, 1);
	assert_int_equal(w->executed, 2);
	done(w, EINJ_SUCCESS);
	assert_int_equal(get(w, EINJ_REG_STATUS, 4), EINJ_SUCCESS);
}

static void a_second_one_meanwhile_is_not_started(void **state)
{
	struct world *w = *state;

	put(w, EINJ_REG_EXECUTE, 8, 1);
	put(w, EINJ_REG_EXECUTE, 8, 1);
	assert_int_equal(w->executed, 1);
}

static void status_and_busy_are_the_machine_s(void **state)
{
	struct world *w = *state;

	put(w, EINJ_REG_STATUS, 8, 2);
	put(w, EINJ_REG_BUSY, 8, 1);
	assert_int_equal(get(w, EINJ_REG_STATUS, 8), 0);
	assert_int_equal(get(w, EINJ_REG_BUSY, 8), 0);
}

static void what_is_between_and_behind_the_registers_is_nothing(void **state)
{
	struct world *w = *state;

	for (uint64_t reg = EINJ_REG_BYTES; reg < EINJ_BLOCK_BYTES; reg += 8) {
		put(w, reg, 8, UINT64_MAX);
		assert_int_equal(get(w, reg, 8), 0);
	}
	assert_int_equal(get(w, EINJ_REG_EXECUTE, 8), 0);
	assert_int_equal(w->executed, 0);
}

static void a_reset_forgets_all(void **state)
{
	struct world *w = *state;

	put(w, EINJ_REG_TYPE, 8, 0x10);
	put(w, EINJ_REG_EXECUTE, 8, 1);
	w->einj.state.status = EINJ_FAILURE;
	bus_reset(&w->bus);
	bus_resume(&w->bus);
	assert_int_equal(get(w, EINJ_REG_TYPE, 8), 0);
	assert_int_equal(get(w, EINJ_REG_BUSY, 8), 0);
	assert_int_equal(get(w, EINJ_REG_STATUS, 8), 0);
	assert_int_equal(w->executed, 1);
}

static void one_that_was_under_way_is_asked_for_again_after_a_load(void **state)
{
	struct world *w = *state;

	w->einj.state = (struct einj_state){ .type = 8, .busy = 0xff };
	bus_resume(&w->bus);
	assert_int_equal(w->executed, 1);
	assert_int_equal(get(w, EINJ_REG_BUSY, 8), 1);
	w->einj.state = (struct einj_state){ .type = 8, .busy = 0xfe };
	bus_resume(&w->bus);
	assert_int_equal(w->executed, 1);
	assert_int_equal(get(w, EINJ_REG_BUSY, 8), 0);
}

static void all_of_the_state_is_declared(void **state)
{
	const struct state_desc *desc = ((struct world *)*state)->einj.dev.ops->state;

	assert_int_equal(desc->size, sizeof(struct einj_state));
	assert_int_equal(state_covered(desc), desc->size);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(it_offers_the_types_that_can_be_injected, build),
		cmocka_unit_test_setup(the_type_reads_back, build),
		cmocka_unit_test_setup(parts_of_a_register_are_not_written, build),
		cmocka_unit_test_setup(it_is_busy_until_the_machine_has_done_it, build),
		cmocka_unit_test_setup(a_second_one_meanwhile_is_not_started, build),
		cmocka_unit_test_setup(status_and_busy_are_the_machine_s, build),
		cmocka_unit_test_setup(what_is_between_and_behind_the_registers_is_nothing, build),
		cmocka_unit_test_setup(a_reset_forgets_all, build),
		cmocka_unit_test_setup(one_that_was_under_way_is_asked_for_again_after_a_load,
				       build),
		cmocka_unit_test_setup(all_of_the_state_is_declared, build),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
