/* GICv2m frame: what it says about itself, and which writes become interrupts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "arm64/dev/bus.h"
#include "arm64/dev/v2m.h"

#define FRAME UINT64_C(0x3ffd0000)
#define FIRST 224
#define COUNT 32

struct world {
	struct bus bus;
	struct v2m v2m;
	unsigned calls;
	uint32_t intid[4];
	bool level[4];
};

static void record(void *world, uint32_t intid, bool level)
{
	struct world *w = world;

	if (w->calls < ARRAY_SIZE(w->intid)) {
		w->intid[w->calls] = intid;
		w->level[w->calls] = level;
	}
	w->calls++;
}

static int build(void **state)
{
	static struct world w;

	memset(&w, 0, sizeof(w));
	v2m_init(&w.v2m, gpa(FRAME), (struct irq_line){ record, &w, FIRST }, COUNT);
	*state = &w;
	return bus_add(&w.bus, &w.v2m.dev, NULL);
}

static uint64_t get(struct world *w, uint64_t offset, unsigned len)
{
	uint64_t value = 0;

	assert_true(bus_read(&w->bus, gpa(FRAME + offset), len, &value));
	return value;
}

static void typer_gives_the_range_of_spis(void **state)
{
	uint64_t typer = get(*state, 0x008, 4);

	assert_int_equal(typer >> 16 & 0x3ff, FIRST);
	assert_int_equal(typer & 0x3ff, COUNT);
	assert_int_equal(typer & 0xfc00fc00, 0);
}

static void other_registers_read_zero(void **state)
{
	for (uint64_t offset = 0; offset < V2M_BLOCK_BYTES; offset += 4) {
		if (offset != 0x008)
			assert_int_equal(get(*state, offset, 4), 0);
	}
}

static void a_write_pulses_the_spi(void **state)
{
	struct world *w = *state;

	for (uint32_t spi = FIRST; spi < FIRST + COUNT; spi++) {
		w->calls = 0;
		assert_true(bus_write(&w->bus, gpa(FRAME + 0x40), spi % 2 ? 2 : 4, spi));
		assert_int_equal(w->calls, 2);
		assert_int_equal(w->intid[0], spi);
		assert_int_equal(w->intid[1], spi);
		assert_true(w->level[0]);
		assert_false(w->level[1]);
	}
}

static void other_writes_do_nothing(void **state)
{
	static const struct {
		uint64_t offset;
		unsigned len;
		uint64_t value;
	} cases[] = {
		{ 0x40, 4, FIRST - 1 },  { 0x40, 4, FIRST + COUNT }, { 0x40, 4, 0 },
		{ 0x40, 4, UINT32_MAX }, { 0x40, 8, UINT64_MAX },    { 0x40, 4, FIRST | 1u << 31 },
		{ 0x40, 1, FIRST },      { 0x40, 8, FIRST },         { 0x44, 4, FIRST },
		{ 0x42, 2, FIRST },      { 0x08, 4, FIRST },         { 0x00, 4, FIRST },
	};
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_true(bus_write(&w->bus, gpa(FRAME + cases[i].offset), cases[i].len,
				      cases[i].value));
		if (w->calls)
			fail_msg("case %zu: expected no interrupt, found INTID %u", i, w->intid[0]);
	}
	bus_reset(&w->bus);
	assert_int_equal(w->calls, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(typer_gives_the_range_of_spis, build),
		cmocka_unit_test_setup(other_registers_read_zero, build),
		cmocka_unit_test_setup(a_write_pulses_the_spi, build),
		cmocka_unit_test_setup(other_writes_do_nothing, build),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
