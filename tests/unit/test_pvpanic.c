/* Panic notification: what the register offers and takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "arm64/dev/bus.h"
#include "arm64/dev/pvpanic.h"

#define BASE UINT64_C(0x01050000)

struct world {
	struct bus bus;
	struct pvpanic pvpanic;
	unsigned times, events;
};

static void told(void *world, unsigned events)
{
	struct world *w = world;

	w->times++;
	w->events = events;
}

static int build(void **state)
{
	static struct world w;

	memset(&w, 0, sizeof(w));
	pvpanic_init(&w.pvpanic, gpa(BASE), told, &w);
	*state = &w;
	return bus_add(&w.bus, &w.pvpanic.dev, NULL);
}

static void put(struct world *w, uint64_t offset, unsigned len, uint64_t value)
{
	assert_true(bus_write(&w->bus, gpa(BASE + offset), len, value));
}

static void it_reads_as_the_events_it_understands(void **state)
{
	struct world *w = *state;
	uint64_t value = UINT64_MAX;

	assert_true(bus_read(&w->bus, gpa(BASE), 1, &value));
	assert_int_equal(value, 3);
	assert_true(bus_read(&w->bus, gpa(BASE), 2, &value));
	assert_int_equal(value, 3);
	assert_true(bus_read(&w->bus, gpa(BASE + 1), 1, &value));
	assert_int_equal(value, 0);
	assert_false(bus_read(&w->bus, gpa(BASE), 4, &value));
}

static void each_event_is_told(void **state)
{
	struct world *w = *state;

	for (unsigned events = 1; events <= 3; events++) {
		put(w, 0, 1, events);
		assert_int_equal(w->times, events);
		assert_int_equal(w->events, events);
	}
	put(w, 0, 2, 1);
	assert_int_equal(w->times, 4);
	assert_int_equal(w->events, PVPANIC_PANICKED);
}

static void unknown_events_are_not(void **state)
{
	struct world *w = *state;

	put(w, 0, 1, 0);
	put(w, 0, 1, 0xfc);
	put(w, 0, 2, 0xff00);
	put(w, 1, 1, 0xff);
	assert_int_equal(w->times, 0);
	put(w, 0, 1, 0xfe);
	assert_int_equal(w->times, 1);
	assert_int_equal(w->events, PVPANIC_CRASH_LOADED);
}

static void a_reset_tells_nothing(void **state)
{
	struct world *w = *state;

	put(w, 0, 1, 1);
	bus_quiesce(&w->bus);
	bus_reset(&w->bus);
	bus_resume(&w->bus);
	assert_int_equal(w->times, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(it_reads_as_the_events_it_understands, build),
		cmocka_unit_test_setup(each_event_is_told, build),
		cmocka_unit_test_setup(unknown_events_are_not, build),
		cmocka_unit_test_setup(a_reset_tells_nothing, build),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
