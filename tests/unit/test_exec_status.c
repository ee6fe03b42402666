/* What `rasvm exec` exits with: of each report of the guest, each end of a run, and what git bisect makes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/exec_status.h"
#include "lib/types.h"

static void hear(struct exec_report *r, const char *text)
{
	exec_report_take(r, (const uint8_t *)text, strlen(text));
}

static void each_end_has_its_status(void **state)
{
	static const struct {
		const char *report;
		enum exit_status status;
		int signal;
		bool late;
		int expected;
		bool show_console;
	} ends[] = {
		/* clang-format off */
		/* What the command says counts, however the run ended. */
		{ "ready\nexit 0\n",    STATUS_INTERRUPTED, 0,  false, 0,   false },
		{ "ready\nexit 1\n",    STATUS_INTERRUPTED, 0,  false, 1,   false },
		{ "ready\nexit 124\n",  STATUS_POWEROFF,    0,  false, 124, false },
		{ "ready\nexit 125\n",  STATUS_INTERRUPTED, 0,  false, 125, false },
		{ "ready\nexit 127\n",  STATUS_TIMEOUT,     0,  false, 127, false },
		{ "ready\nexit 255\n",  STATUS_PANIC,       0,  false, 255, false },
		{ "ready\nexit 7\n",    STATUS_INTERRUPTED, 2,  false, 7,   false },
		{ "ready\nexit 0\n",    STATUS_INTERRUPTED, 0,  true,  0,   false },
		{ "ready\nsignal 11\n", STATUS_INTERRUPTED, 0,  false, 120, false },
		{ "ready\nsignal 11\n", STATUS_INTERRUPTED, 2,  false, 120, false },
		{ "ready\nsignal 2\n",  STATUS_INTERRUPTED, 2,  false, 130, false },
		{ "ready\nsignal 15\n", STATUS_INTERRUPTED, 15, false, 143, false },
		{ "ready\nsignal 64\n", STATUS_INTERRUPTED, 0,  false, 120, false },
		{ "cannot do it\n",     STATUS_POWEROFF,    0,  false, 125, false },
		/* It says nothing. */
		{ "ready\n",            STATUS_POWEROFF,    0,  false, 121, true },
		{ "ready\n",            STATUS_RESET,       0,  false, 121, true },
		{ "ready\n",            STATUS_ALL_OFF,     0,  false, 121, true },
		{ "ready\n",            STATUS_HIBERNATE,   0,  false, 121, true },
		{ "ready\n",            STATUS_HARDWARE,    0,  false, 121, true },
		{ "ready\n",            STATUS_PANIC,       0,  false, 122, true },
		{ "",                   STATUS_PANIC,       0,  false, 125, true },
		{ "ready\n",            STATUS_TIMEOUT,     0,  false, 123, true },
		{ "",                   STATUS_TIMEOUT,     0,  false, 125, true },
		{ "",                   STATUS_INTERRUPTED, 0,  true,  125, true },
		{ "",                   STATUS_POWEROFF,    0,  false, 125, true },
		{ "",                   STATUS_RESET,       0,  false, 125, true },
		{ "",                   STATUS_INTERRUPTED, 2,  false, 130, false },
		{ "ready\n",            STATUS_INTERRUPTED, 15, false, 143, false },
		{ "ready\n",            STATUS_INTERRUPTED, 0,  false, 255, false },
		{ "",                   STATUS_USAGE,       0,  false, 255, false },
		{ "",                   STATUS_HOST_KVM,    0,  false, 255, false },
		{ "ready\n",            STATUS_HOST_KVM,    0,  false, 255, false },
		{ "",                   STATUS_INTERNAL,    0,  false, 255, false },
		{ "ready\n",            STATUS_GUEST_EXIT + 9, 0, false, 9, false },
		/* clang-format on */
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(ends); i++) {
		struct exec_report report = { 0 };
		const struct exec_outcome outcome = { .report = &report,
						      .status = ends[i].status,
						      .signal = ends[i].signal,
						      .signals = UINT32_C(1) << ends[i].signal,
						      .late = ends[i].late };
		struct exec_verdict v;

		hear(&report, ends[i].report);
		v = exec_judge(&outcome);
		if (v.status != ends[i].expected || v.show_console != ends[i].show_console)
			fail_msg(
				"\"%s\", run %d, signal %d, late %d: expected %d (console %d), found "
				"%d (console %d)",
				ends[i].report, (int)ends[i].status, ends[i].signal, ends[i].late,
				ends[i].expected, ends[i].show_console, v.status, v.show_console);
	}
}

static void rasvms_own_failures_stop_a_bisection(void **state)
{
	static const enum exit_status statuses[] = { STATUS_INTERNAL, STATUS_USAGE,
						     STATUS_HOST_KVM };
	const struct exec_report report = { 0 };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(statuses); i++) {
		const struct exec_outcome outcome = { .report = &report, .status = statuses[i] };

		assert_true(exec_judge(&outcome).status >= 128);
	}
}

/* Ctrl-C, and SIGTERM from an impatient harness while the report is on its way. */
static void each_signal_that_was_sent_counts(void **state)
{
	struct exec_report report = { 0 };
	const struct exec_outcome outcome = { .report = &report,
					      .status = STATUS_INTERRUPTED,
					      .signal = 15,
					      .signals = 1u << 2 | 1u << 15 };

	(void)state;
	hear(&report, "ready\nsignal 2\n");
	assert_int_equal(exec_judge(&outcome).status, 130);
}

static void success_with_output_lost_is_none(void **state)
{
	static const struct {
		const char *report;
		int expected;
	} ends[] = { { "ready\nexit 0\n", 255 },
		     { "ready\nexit 3\n", 3 },
		     { "ready\nsignal 9\n", 120 } };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(ends); i++) {
		struct exec_report report = { 0 };
		const struct exec_outcome outcome = { .report = &report, .output_lost = true };
		struct exec_verdict v;

		hear(&report, ends[i].report);
		v = exec_judge(&outcome);
		assert_int_equal(v.status, ends[i].expected);
		assert_int_equal(strstr(v.text, "could be written") != NULL, v.status == 255);
	}
}

static void a_line_may_come_in_pieces(void **state)
{
	struct exec_report r = { 0 };

	(void)state;
	hear(&r, "rea");
	assert_false(r.ready);
	hear(&r, "dy\nex");
	assert_true(r.ready);
	hear(&r, "it 4");
	assert_int_equal(r.word, EXEC_NOTHING);
	hear(&r, "2\nsignal 9\n");
	assert_int_equal(r.word, EXEC_EXIT);
	assert_int_equal(r.value, 42);
}

static void lines_that_mean_nothing_are_skipped(void **state)
{
	static const char *const lines[] = { "\n",           "exit\n",    "exit x\n",
					     "exit 256\n",   "exit -1\n", "signal 0\n",
					     "signal 128\n", "READY\n",   "cannot\n" };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(lines); i++) {
		struct exec_report r = { 0 };

		hear(&r, lines[i]);
		if (r.ready || r.word != EXEC_NOTHING)
			fail_msg("\"%s\": expected nothing, found word %d", lines[i], (int)r.word);
	}
}

static void a_line_of_any_length_does_no_harm(void **state)
{
	struct exec_report r = { 0 };

	(void)state;
	hear(&r, "cannot ");
	for (unsigned i = 0; i < 5000; i++)
		hear(&r, "x");
	hear(&r, "\n");
	assert_int_equal(r.word, EXEC_CANNOT);
	assert_int_equal(strlen(r.text), sizeof(r.text) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_end_has_its_status),
		cmocka_unit_test(rasvms_own_failures_stop_a_bisection),
		cmocka_unit_test(each_signal_that_was_sent_counts),
		cmocka_unit_test(success_with_output_lost_is_none),
		cmocka_unit_test(a_line_may_come_in_pieces),
		cmocka_unit_test(lines_that_mean_nothing_are_skipped),
		cmocka_unit_test(a_line_of_any_length_does_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
