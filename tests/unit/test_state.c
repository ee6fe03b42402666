/* State tables: coverage is counted, and every device's table covers its whole struct. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "arm64/dev/rtc.h"
#include "arm64/dev/uart.h"
#include "lib/state.h"

struct sample {
	uint64_t wide;
	uint16_t array[4];
	uint8_t byte[8];
};

static const struct state_field all[] = { STATE_FIELD(1, struct sample, wide),
					  STATE_ARRAY(2, struct sample, array),
					  STATE_ARRAY(3, struct sample, byte), STATE_LAST };
static const struct state_field one_missing[] = { STATE_FIELD(1, struct sample, wide),
						  STATE_ARRAY(3, struct sample, byte), STATE_LAST };

static void a_complete_table_covers_the_struct(void **unused)
{
	const struct state_desc desc = { "sample", sizeof(struct sample), 0, all };

	(void)unused;
	assert_int_equal(state_covered(&desc), sizeof(struct sample));
}

static void a_forgotten_field_is_noticed(void **unused)
{
	const struct state_desc desc = { "sample", sizeof(struct sample), 0, one_missing };

	(void)unused;
	assert_int_equal(state_covered(&desc), sizeof(struct sample) - 8);
}

static void an_array_is_described_by_element_and_count(void **unused)
{
	(void)unused;
	assert_int_equal(all[1].size, 2);
	assert_int_equal(all[1].count, 4);
	assert_int_equal(all[1].offset, 8);
	assert_string_equal(all[1].name, "array");
}

/* Coverage alone is blind to a field listed twice in place of another. */
static void check_device(const struct state_desc *desc)
{
	uint8_t seen[1024] = { 0 };

	assert_true(desc->size <= sizeof(seen));
	for (const struct state_field *f = desc->fields; f->id; f++) {
		assert_true(f->size == 1 || f->size == 2 || f->size == 4 || f->size == 8);
		assert_true(f->offset + (size_t)f->size * f->count <= desc->size);
		for (size_t i = 0; i < (size_t)f->size * f->count; i++) {
			if (seen[f->offset + i]++)
				fail_msg("%s.%s overlaps another field", desc->name, f->name);
		}
		for (const struct state_field *g = desc->fields; g < f; g++)
			assert_int_not_equal(g->id, f->id);
	}
	assert_int_equal(state_covered(desc), desc->size);
}

static uint64_t time_zero(void *world)
{
	(void)world;
	return 0;
}

static void the_uart_table_is_complete(void **unused)
{
	static struct uart uart;

	(void)unused;
	uart_init(&uart, gpa(0), (struct irq_line){ 0 }, NULL, NULL);
	check_device(uart.dev.ops->state);
}

static void the_rtc_table_is_complete(void **unused)
{
	static const struct rtc_ops ops = { .now_ns = time_zero };
	struct rtc rtc;

	(void)unused;
	rtc_init(&rtc, gpa(0), (struct irq_line){ 0 }, &ops, NULL);
	check_device(rtc.dev.ops->state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_complete_table_covers_the_struct),
		cmocka_unit_test(a_forgotten_field_is_noticed),
		cmocka_unit_test(an_array_is_described_by_element_and_count),
		cmocka_unit_test(the_uart_table_is_complete),
		cmocka_unit_test(the_rtc_table_is_complete),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
