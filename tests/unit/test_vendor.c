/* rasvm's own calls: arguments reach the ops, results reach x0, ids that do not exist. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "hypercall/vendor.h"
#include "lib/types.h"

struct world {
	struct fw_lock lock;
	struct vendor vendor;
	int64_t answer; /* of the ops */
	unsigned triggers, watchdogs;
	uint64_t event, mpidr, period_ns;
	uint64_t gpa; /* of the last read */
	unsigned reads, nsaid;
	const char *memory; /* what is there to read; NULL: nothing */
	uint32_t said_fid;
	unsigned said_pe;
	char said[VENDOR_TEXT_BYTES + 1];
};

static int64_t trigger(struct fw_locked locked, void *world, uint64_t event, uint64_t mpidr)
{
	struct world *w = world;

	assert_ptr_equal(locked.lock, &w->lock);
	w->triggers++;
	w->event = event;
	w->mpidr = mpidr;
	return w->answer;
}

static int64_t watchdog(struct fw_locked locked, void *world, uint64_t period_ns)
{
	struct world *w = world;

	assert_ptr_equal(locked.lock, &w->lock);
	w->watchdogs++;
	w->period_ns = period_ns;
	return w->answer;
}

static int read_memory(struct fw_locked locked, void *world, uint64_t gpa, void *bytes, uint32_t n)
{
	struct world *w = world;

	assert_ptr_equal(locked.lock, &w->lock);
	w->reads++;
	w->gpa = gpa;
	if (!w->memory)
		return -EFAULT;
	memcpy(bytes, w->memory, n);
	return 0;
}

static void said(struct fw_locked locked, void *world, uint32_t fid, unsigned pe, const char *text)
{
	struct world *w = world;

	assert_ptr_equal(locked.lock, &w->lock);
	w->nsaid++;
	w->said_fid = fid;
	w->said_pe = pe;
	snprintf(w->said, sizeof(w->said), "%s", text);
}

static const struct vendor_ops ops = {
	.sdei_trigger = trigger, .sdei_watchdog = watchdog, .read = read_memory, .said = said
};

static struct world make(const struct vendor_ops *with)
{
	return (struct world){ .lock = { PTHREAD_MUTEX_INITIALIZER }, .vendor = { .ops = with } };
}

/* Make a call by PE 3 as arm64/fw.c does. */
static enum fw_result call_it(struct world *w, uint32_t fid, uint64_t x1, uint64_t x2, int64_t *ret)
{
	const struct fw_service service = { .calls = vendor_calls, .ncalls = vendor_ncalls };
	struct smccc call = { .fid = fid, .pe = 3, .arg = { x1, x2 }, .ret = 0x55 };
	struct fw_locked locked = fw_lock(&w->lock);
	enum fw_result result;

	w->vendor.world = w;
	result = vendor_call(locked, &w->vendor, fw_find(&service, fid), &call);
	fw_unlock(locked);
	*ret = call.ret;
	return result;
}

/* The same of a call that returns; x0. */
static int64_t invoke(struct world *w, uint32_t fid, uint64_t x1, uint64_t x2)
{
	int64_t ret;

	assert_int_equal(call_it(w, fid, x1, x2, &ret), FW_RETURN);
	return ret;
}

static void the_table_is_sorted_and_within_the_range(void **state)
{
	(void)state;
	for (unsigned i = 0; i < vendor_ncalls; i++) {
		const struct fw_call *row = &vendor_calls[i];

		assert_in_range(row->fid, VENDOR_BASE, VENDOR_BASE + VENDOR_COUNT - 1);
		assert_true(i == 0 || row->fid > vendor_calls[i - 1].fid);
		assert_non_null(row->name);
		assert_non_null(row->fn);
		assert_true(row->nargs <= SMCCC_MAX_ARGS);
	}
}

static void a_trigger_has_the_guest_s_arguments_in_full(void **state)
{
	struct world w = make(&ops);

	(void)state;
	assert_int_equal(invoke(&w, VENDOR_SDEI_TRIGGER, 0x40000001, 0x100000001), 0);
	assert_int_equal(w.triggers, 1);
	assert_int_equal(w.watchdogs, 0);
	assert_int_equal(w.event, 0x40000001);
	assert_int_equal(w.mpidr, 0x100000001);
	assert_int_equal(invoke(&w, VENDOR_SDEI_TRIGGER, UINT64_MAX, VENDOR_NO_PE), 0);
	assert_int_equal(w.event, UINT64_MAX);
	assert_int_equal(w.mpidr, VENDOR_NO_PE);
}

static void the_op_s_answer_is_x0(void **state)
{
	static const int64_t answers[] = { VENDOR_SUCCESS, VENDOR_NOT_SUPPORTED,
					   VENDOR_INVALID_PARAMETERS, VENDOR_DENIED };
	struct world w = make(&ops);

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(answers); i++) {
		w.answer = answers[i];
		assert_int_equal(invoke(&w, VENDOR_SDEI_TRIGGER, 1, 2), answers[i]);
		assert_int_equal(invoke(&w, VENDOR_SDEI_WATCHDOG, 1, 0), answers[i]);
	}
}

static void milliseconds_become_nanoseconds(void **state)
{
	static const struct {
		uint64_t ms, ns;
	} cases[] = {
		{ 0, 0 },
		{ 1, UINT64_C(1000000) },
		{ 2500, UINT64_C(2500000000) },
		{ VENDOR_MAX_PERIOD_MS, UINT64_C(86400000000000) },
	};
	struct world w = make(&ops);

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		w.period_ns = UINT64_MAX;
		assert_int_equal(invoke(&w, VENDOR_SDEI_WATCHDOG, cases[i].ms, 0), 0);
		assert_int_equal(w.period_ns, cases[i].ns);
		assert_int_equal(w.watchdogs, i + 1);
	}
	assert_int_equal(w.triggers, 0);
}

static void a_period_that_is_too_long_is_refused(void **state)
{
	/* The last but one would be 1 ms once multiplied and cut to 64 bits. */
	static const uint64_t bad[] = { VENDOR_MAX_PERIOD_MS + 1, UINT64_C(1) << 32,
					(UINT64_C(1) << 58) + 1, UINT64_MAX };
	struct world w = make(&ops);

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(invoke(&w, VENDOR_SDEI_WATCHDOG, bad[i], 0),
				 VENDOR_INVALID_PARAMETERS);
	assert_int_equal(w.watchdogs, 0);
}

static void a_call_without_an_op_is_not_supported(void **state)
{
	static const struct vendor_ops none, only_trigger = { .sdei_trigger = trigger },
					     only_watchdog = { .sdei_watchdog = watchdog };
	struct world w = make(&none);

	(void)state;
	assert_int_equal(invoke(&w, VENDOR_SDEI_TRIGGER, 1, 2), VENDOR_NOT_SUPPORTED);
	assert_int_equal(invoke(&w, VENDOR_SDEI_WATCHDOG, 1, 0), VENDOR_NOT_SUPPORTED);
	assert_int_equal(invoke(&w, VENDOR_SDEI_WATCHDOG, UINT64_MAX, 0), VENDOR_NOT_SUPPORTED);
	w = make(&only_trigger);
	assert_int_equal(invoke(&w, VENDOR_SDEI_TRIGGER, 1, 2), 0);
	assert_int_equal(invoke(&w, VENDOR_SDEI_WATCHDOG, 1, 0), VENDOR_NOT_SUPPORTED);
	w = make(&only_watchdog);
	assert_int_equal(invoke(&w, VENDOR_SDEI_TRIGGER, 1, 2), VENDOR_NOT_SUPPORTED);
	assert_int_equal(invoke(&w, VENDOR_SDEI_WATCHDOG, 1, 0), 0);
}

static const uint32_t sayings[] = { VENDOR_PASS, VENDOR_FAIL, VENDOR_MARK };

static void what_the_guest_says_is_passed_on(void **state)
{
	struct world w = make(&ops);

	(void)state;
	w.memory = "text and more";
	for (unsigned i = 0; i < ARRAY_SIZE(sayings); i++) {
		assert_int_equal(invoke(&w, sayings[i], 0x80001234, 4), 0);
		assert_int_equal(w.nsaid, i + 1);
		assert_int_equal(w.reads, i + 1);
		assert_int_equal(w.said_fid, sayings[i]);
		assert_int_equal(w.said_pe, 3);
		assert_int_equal(w.gpa, 0x80001234);
		assert_string_equal(w.said, "text");
	}
}

static void a_text_is_bounded_and_printable(void **state)
{
	static const char bytes[] = "a\0\n\x1b[\x7f\x80\xff~ ";
	char longest[VENDOR_TEXT_BYTES];
	struct world w = make(&ops);

	(void)state;
	w.memory = bytes;
	assert_int_equal(invoke(&w, VENDOR_MARK, 0, sizeof(bytes) - 1), 0);
	assert_string_equal(w.said, "a???[???~ ");
	memset(longest, 'x', sizeof(longest));
	w.memory = longest;
	assert_int_equal(invoke(&w, VENDOR_MARK, 0, sizeof(longest)), 0);
	assert_int_equal(strlen(w.said), sizeof(longest));
}

static void a_bad_text_is_refused(void **state)
{
	static const uint64_t lengths[] = { 0, VENDOR_TEXT_BYTES + 1, UINT64_C(1) << 32,
					    (UINT64_C(1) << 32) + 1, UINT64_MAX };
	struct world w = make(&ops);

	(void)state;
	w.memory = "x";
	for (unsigned i = 0; i < ARRAY_SIZE(lengths); i++)
		assert_int_equal(invoke(&w, VENDOR_PASS, 0, lengths[i]), VENDOR_INVALID_PARAMETERS);
	assert_int_equal(w.reads, 0);
	w.memory = NULL;
	assert_int_equal(invoke(&w, VENDOR_PASS, UINT64_MAX, 4), VENDOR_INVALID_PARAMETERS);
	assert_int_equal(w.reads, 1);
	assert_int_equal(w.nsaid, 0);
}

static void exit_does_not_return(void **state)
{
	struct world w = make(&ops);
	int64_t ret;

	(void)state;
	assert_int_equal(call_it(&w, VENDOR_EXIT, 7, 0, &ret), FW_GUEST_EXIT);
}

static void without_leave_to_say_something_there_is_no_exit(void **state)
{
	static const struct vendor_ops only_watchdog = { .sdei_watchdog = watchdog };
	struct world w = make(&only_watchdog);

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(sayings); i++)
		assert_int_equal(invoke(&w, sayings[i], 0, 1), VENDOR_NOT_SUPPORTED);
	assert_int_equal(invoke(&w, VENDOR_EXIT, 0, 0), VENDOR_NOT_SUPPORTED);
}

static void other_ids_of_the_range_are_not_supported(void **state)
{
	struct world w = make(&ops);

	(void)state;
	for (uint32_t fid = VENDOR_EXIT + 1; fid < VENDOR_BASE + VENDOR_COUNT; fid++)
		assert_int_equal(invoke(&w, fid, 0, 0), VENDOR_NOT_SUPPORTED);
	assert_int_equal(w.triggers + w.watchdogs, 0);
}

static void there_are_no_32_bit_forms(void **state)
{
	struct world w = make(&ops);

	(void)state;
	for (unsigned i = 0; i < vendor_ncalls; i++)
		assert_int_equal(invoke(&w, vendor_calls[i].fid & ~SMCCC_64BIT, 0, 0),
				 VENDOR_NOT_SUPPORTED);
	assert_int_equal(w.triggers + w.watchdogs, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table_is_sorted_and_within_the_range),
		cmocka_unit_test(a_trigger_has_the_guest_s_arguments_in_full),
		cmocka_unit_test(the_op_s_answer_is_x0),
		cmocka_unit_test(milliseconds_become_nanoseconds),
		cmocka_unit_test(a_period_that_is_too_long_is_refused),
		cmocka_unit_test(a_call_without_an_op_is_not_supported),
		cmocka_unit_test(what_the_guest_says_is_passed_on),
		cmocka_unit_test(a_text_is_bounded_and_printable),
		cmocka_unit_test(a_bad_text_is_refused),
		cmocka_unit_test(exit_does_not_return),
		cmocka_unit_test(without_leave_to_say_something_there_is_no_exit),
		cmocka_unit_test(other_ids_of_the_range_are_not_supported),
		cmocka_unit_test(there_are_no_32_bit_forms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
