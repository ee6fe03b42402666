/* The bus: which device answers which access, and who may be added. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "arm64/dev/bus.h"

struct probe {
	struct device dev; /* first */
	uint64_t offset, value;
	unsigned len, reads, writes, resets;
	int order; /* when it was reset */
	bool locked;
};

static int reset_order;

static struct probe *to_probe(struct device *dev)
{
	return (struct probe *)dev;
}

static bool is_locked(struct device *dev)
{
	if (pthread_mutex_trylock(&dev->lock))
		return true;
	pthread_mutex_unlock(&dev->lock);
	return false;
}

static uint64_t probe_read(struct device *dev, uint64_t offset, unsigned len)
{
	struct probe *p = to_probe(dev);

	p->offset = offset;
	p->len = len;
	p->reads++;
	p->locked = is_locked(dev);
	return 0x1122334455667788;
}

static void probe_write(struct device *dev, uint64_t offset, unsigned len, uint64_t value)
{
	struct probe *p = to_probe(dev);

	p->offset = offset;
	p->len = len;
	p->value = value;
	p->writes++;
	p->locked = is_locked(dev);
}

static void probe_reset(struct device *dev)
{
	struct probe *p = to_probe(dev);

	p->resets++;
	p->order = ++reset_order;
	p->locked = is_locked(dev);
}

static const struct device_ops probe_ops = {
	.name = "probe", .read = probe_read, .write = probe_write, .reset = probe_reset
};
static const struct device_ops other_ops = {
	.name = "other", .read = probe_read, .write = probe_write, .reset = probe_reset
};

static void make(struct probe *p, uint64_t base, uint64_t size)
{
	memset(p, 0, sizeof(*p));
	device_init(&p->dev, &probe_ops, gpa(base), size);
}

/* Two neighbours, a gap, a third; added out of order. */
struct world {
	struct bus bus;
	struct probe a, b, c;
};

static int build(void **state)
{
	static struct world w;

	memset(&w, 0, sizeof(w));
	make(&w.a, 0x1000, 8);
	make(&w.b, 0x1008, 8);
	make(&w.c, 0x2000, 0x1000);
	*state = &w;
	return bus_add(&w.bus, &w.c.dev, NULL) || bus_add(&w.bus, &w.a.dev, NULL) ||
	       bus_add(&w.bus, &w.b.dev, NULL);
}

static void an_empty_bus_answers_nothing(void **unused)
{
	struct bus bus = { 0 };
	uint64_t value = 1;

	(void)unused;
	bus_freeze(&bus);
	assert_false(bus_read(&bus, gpa(0), 1, &value));
	assert_int_equal(value, 0);
	assert_false(bus_read(&bus, gpa(UINT64_MAX), 8, &value));
	assert_false(bus_write(&bus, gpa(0x1000), 4, 1));
	bus_reset(&bus);
	bus_quiesce(&bus);
	bus_resume(&bus);
}

static void an_access_reaches_the_device_that_holds_it(void **state)
{
	struct world *w = *state;
	const struct {
		uint64_t at;
		unsigned len;
		struct probe *who;
		uint64_t offset;
	} cases[] = {
		{ 0x0fff, 1, NULL, 0 },
		{ 0x1000, 1, &w->a, 0 },
		{ 0x1007, 1, &w->a, 7 },
		{ 0x1000, 8, &w->a, 0 },
		{ 0x1008, 1, &w->b, 0 },
		{ 0x100c, 4, &w->b, 4 },
		{ 0x1010, 1, NULL, 0 },
		{ 0x1fff, 1, NULL, 0 },
		{ 0x2000, 2, &w->c, 0 },
		{ 0x2ff8, 8, &w->c, 0xff8 },
		{ 0x3000, 1, NULL, 0 },
		/* straddling an end or a start */
		{ 0x0fff, 2, NULL, 0 },
		{ 0x1007, 2, NULL, 0 },
		{ 0x1004, 8, NULL, 0 },
		{ 0x100c, 8, NULL, 0 },
		{ 0x2ffd, 4, NULL, 0 },
		{ UINT64_MAX, 8, NULL, 0 },
		{ 0, 8, NULL, 0 },
	};

	bus_freeze(&w->bus);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		unsigned before = w->a.reads + w->b.reads + w->c.reads;
		unsigned expected = cases[i].who ? cases[i].who->reads + 1 : 0;
		uint64_t value = 1;
		bool answered = bus_read(&w->bus, gpa(cases[i].at), cases[i].len, &value);

		if (answered != !!cases[i].who)
			fail_msg("0x%llx, %u bytes: expected %s answer",
				 (unsigned long long)cases[i].at, cases[i].len,
				 cases[i].who ? "an" : "no");
		assert_int_equal(w->a.reads + w->b.reads + w->c.reads, before + answered);
		if (!answered) {
			assert_int_equal(value, 0);
			continue;
		}
		assert_int_equal(cases[i].who->reads, expected);
		assert_int_equal(cases[i].who->offset, cases[i].offset);
		assert_int_equal(cases[i].who->len, cases[i].len);
	}
}

static void values_are_cut_to_the_access(void **state)
{
	static const uint64_t want[] = {
		[1] = 0x88, [2] = 0x7788, [4] = 0x55667788, [8] = 0x1122334455667788
	};
	struct world *w = *state;

	for (unsigned len = 1; len <= 8; len *= 2) {
		uint64_t value = 0;

		assert_true(bus_read(&w->bus, gpa(0x1000), len, &value));
		assert_int_equal(value, want[len]);
		assert_true(bus_write(&w->bus, gpa(0x1000), len, 0x1122334455667788));
		assert_int_equal(w->a.value, want[len]);
	}
}

static void the_leaf_lock_is_held_in_every_call(void **state)
{
	struct world *w = *state;
	uint64_t value;

	assert_true(bus_read(&w->bus, gpa(0x1000), 1, &value));
	assert_true(w->a.locked);
	w->a.locked = false;
	assert_true(bus_write(&w->bus, gpa(0x1000), 1, 0));
	assert_true(w->a.locked);
	w->a.locked = false;
	bus_reset(&w->bus);
	assert_true(w->a.locked);
	assert_false(is_locked(&w->a.dev));
}

static void reset_goes_in_order_of_address(void **state)
{
	struct world *w = *state;

	bus_reset(&w->bus);
	assert_int_equal(w->a.resets + w->b.resets + w->c.resets, 3);
	assert_true(w->a.order < w->b.order && w->b.order < w->c.order);
	bus_quiesce(&w->bus); /* the probes have neither */
	bus_resume(&w->bus);
}

static void nothing_is_added_to_a_frozen_bus(void **state)
{
	struct world *w = *state;
	struct err err = { "" };
	struct probe late;

	make(&late, 0x9000, 8);
	bus_freeze(&w->bus);
	assert_int_equal(bus_add(&w->bus, &late.dev, &err), -EBUSY);
	assert_int_equal(w->bus.n, 3);
	assert_non_null(strstr(err.text, "probe"));
}

static void overlaps_are_refused_by_both_names(void **state)
{
	static const struct {
		uint64_t base, size;
		int ret;
	} cases[] = {
		{ 0x1000, 8, -EEXIST }, { 0x0fff, 2, -EEXIST },
		{ 0x1007, 1, -EEXIST }, { 0x0000, 0x10000, -EEXIST },
		{ 0x2800, 8, -EEXIST }, { 0x100f, 0x100, -EEXIST },
		{ 0x1ff9, 8, -EEXIST }, { 0, UINT64_MAX, -EEXIST },
		{ 0x1010, 0xff0, 0 },   { 0xff8, 8, 0 },
		{ 0x3000, 1, 0 },
	};
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		static struct probe extra[ARRAY_SIZE(cases)];
		struct err err = { "" };
		int ret;

		make(&extra[i], cases[i].base, cases[i].size);
		extra[i].dev.ops = &other_ops;
		ret = bus_add(&w->bus, &extra[i].dev, &err);
		if (ret != cases[i].ret)
			fail_msg("0x%llx + 0x%llx: expected %d, found %d (%s)",
				 (unsigned long long)cases[i].base,
				 (unsigned long long)cases[i].size, cases[i].ret, ret, err.text);
		if (ret && (!strstr(err.text, "probe") || !strstr(err.text, "other")))
			fail_msg("expected both names, found \"%s\"", err.text);
	}
}

static void empty_and_wrapping_blocks_are_refused(void **unused)
{
	struct bus bus = { 0 };
	struct probe p;

	(void)unused;
	make(&p, 0x1000, 0);
	assert_int_equal(bus_add(&bus, &p.dev, NULL), -EINVAL);
	make(&p, UINT64_MAX - 6, 8);
	assert_int_equal(bus_add(&bus, &p.dev, NULL), -EINVAL);
	make(&p, UINT64_MAX - 7, 8);
	assert_int_equal(bus_add(&bus, &p.dev, NULL), 0);
}

static void the_last_bytes_of_the_address_space_work(void **unused)
{
	struct bus bus = { 0 };
	struct probe p;
	uint64_t value;

	(void)unused;
	make(&p, UINT64_MAX - 7, 8);
	assert_int_equal(bus_add(&bus, &p.dev, NULL), 0);
	assert_true(bus_read(&bus, gpa(UINT64_MAX - 7), 8, &value));
	assert_true(bus_read(&bus, gpa(UINT64_MAX), 1, &value));
	assert_false(bus_read(&bus, gpa(UINT64_MAX), 2, &value));
}

static void a_full_bus_says_so(void **unused)
{
	static struct probe p[BUS_MAX_DEVICES + 1];
	struct bus bus = { 0 };
	uint64_t value;

	(void)unused;
	for (unsigned i = 0; i < BUS_MAX_DEVICES; i++) {
		make(&p[i], 0x1000 - i * 8, 8); /* downwards */
		assert_int_equal(bus_add(&bus, &p[i].dev, NULL), 0);
	}
	make(&p[BUS_MAX_DEVICES], 0x2000, 8);
	assert_int_equal(bus_add(&bus, &p[BUS_MAX_DEVICES].dev, NULL), -ENOSPC);
	for (unsigned i = 0; i < BUS_MAX_DEVICES; i++) {
		assert_true(bus_read(&bus, gpa(0x1000 - i * 8 + 3), 1, &value));
		assert_int_equal(p[i].reads, 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_bus_answers_nothing),
		cmocka_unit_test_setup(an_access_reaches_the_device_that_holds_it, build),
		cmocka_unit_test_setup(values_are_cut_to_the_access, build),
		cmocka_unit_test_setup(the_leaf_lock_is_held_in_every_call, build),
		cmocka_unit_test_setup(reset_goes_in_order_of_address, build),
		cmocka_unit_test_setup(nothing_is_added_to_a_frozen_bus, build),
		cmocka_unit_test_setup(overlaps_are_refused_by_both_names, build),
		cmocka_unit_test(empty_and_wrapping_blocks_are_refused),
		cmocka_unit_test(the_last_bytes_of_the_address_space_work),
		cmocka_unit_test(a_full_bus_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
