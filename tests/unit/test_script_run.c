/* Scripts at work, with a clock and verbs that are the test's own. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/script_run.h"
#include "lib/clock.h"
#include "lib/types.h"

/* A run and everything it did, in order: "send:root\n|inject:...|ok 1 name|...". */
struct world {
	struct script script;
	struct script_run run;
	uint64_t now_ns;
	char log[4096];
	int answer;         /* of the verbs */
	unsigned busy;      /* so many calls answer -EAGAIN first */
	char message[1024]; /* of the last failure */
	unsigned nlast;
	bool stopped;
};

static void add(struct world *w, const char *what, const char *text, size_t n)
{
	size_t used = strlen(w->log);

	snprintf(w->log + used, sizeof(w->log) - used, "%s%s%.*s", used ? "|" : "", what, (int)n,
		 text);
}

static int answer(struct world *w, const char *what, const char *text, size_t n, struct err *err)
{
	if (w->busy) {
		w->busy--;
		return err_set(err, -EAGAIN, "not now");
	}
	add(w, what, text, n);
	return w->answer ? err_set(err, w->answer, "no: %s", what) : 0;
}

static int do_send(void *world, const void *bytes, uint32_t n, struct err *err)
{
	return answer(world, "send:", bytes, n, err);
}

static int do_inject(void *world, const char *rule, struct err *err)
{
	return answer(world, "inject:", rule, strlen(rule), err);
}

static int do_trigger(void *world, const char *what, struct err *err)
{
	return answer(world, "trigger:", what, strlen(what), err);
}

static int do_pause(void *world, struct err *err)
{
	return answer(world, "pause", "", 0, err);
}

static int do_resume(void *world, struct err *err)
{
	return answer(world, "resume", "", 0, err);
}

static int do_reset(void *world, struct err *err)
{
	return answer(world, "reset", "", 0, err);
}

static int do_powerdown(void *world, struct err *err)
{
	return answer(world, "powerdown", "", 0, err);
}

static int do_stop(void *world, struct err *err)
{
	((struct world *)world)->stopped = true;
	return answer(world, "stop", "", 0, err);
}

static void do_note(void *world, const char *text)
{
	/* Of what only the transcript sees, marks are of interest. */
	if (strncmp(text, "mark: ", 6) == 0)
		add(world, "", text, strlen(text));
}

static void do_result(void *world, const struct script_result *r)
{
	static const char *const outcome[] = { "ok", "not ok", "not reached" };
	struct world *w = world;
	char text[256];

	snprintf(text, sizeof(text), "%s%s %u %s", r->guest ? "guest " : "", outcome[r->outcome],
		 r->number, r->name);
	add(w, "", text, strlen(text));
	if (r->outcome != SCRIPT_FAILED)
		return;
	snprintf(w->message, sizeof(w->message), "%u: %s", r->line, r->message);
	w->nlast = r->nlast;
	for (unsigned i = 0; i < r->nlast; i++)
		assert_non_null(r->last[i]);
}

static const struct script_run_ops ops = {
	.send = do_send,
	.inject = do_inject,
	.trigger = do_trigger,
	.pause = do_pause,
	.resume = do_resume,
	.reset = do_reset,
	.stop = do_stop,
	.note = do_note,
	.powerdown = do_powerdown,
	.result = do_result,
};

static struct world *make(const char *text)
{
	const struct script_defines none = { NULL, 0 };
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	if (script_parse(&w->script, "t", text, strlen(text), &none))
		fail_msg("%s: %s", text, w->script.error[0].text);
	assert_int_equal(script_run_open(&w->run, &w->script, &ops, w), 0);
	w->now_ns = 1000;
	return w;
}

static void drop(struct world *w)
{
	script_run_close(&w->run);
	script_free(&w->script);
	free(w);
}

/* Let time pass up to `until_ns`, with a tick whenever the run wants one. */
static void pass_until(struct world *w, uint64_t until_ns)
{
	for (;;) {
		uint64_t at_ns = script_run_deadline(&w->run);

		if (at_ns > until_ns)
			break;
		if (at_ns > w->now_ns)
			w->now_ns = at_ns;
		script_run_tick(&w->run, w->now_ns);
	}
	w->now_ns = until_ns;
}

static void pass(struct world *w, uint64_t ns)
{
	pass_until(w, w->now_ns + ns);
}

static void start(struct world *w)
{
	script_run_started(&w->run, w->now_ns);
	pass(w, 0);
}

/* The guest prints, and the run has a look at it. */
static void prints(struct world *w, const char *text)
{
	script_run_output(&w->run, (const uint8_t *)text, (unsigned)strlen(text), w->now_ns);
	pass(w, 0);
}

static enum exit_status ends(struct world *w, enum exit_status status)
{
	return script_run_ended(&w->run, status, w->now_ns);
}

static void expect_and_send(void **state)
{
	struct world *w = make("expect /login: /\nsend \"root\\n\"\nexpect /# $/\ncheck \"login\"\n"
			       "powerdown\nexpect-exit poweroff\ncheck \"off\"\n");

	(void)state;
	start(w);
	prints(w, "booting\r\nlogin: ");
	/* More of the line might follow. */
	assert_string_equal(w->log, "");
	pass(w, SCRIPT_QUIET_NS);
	assert_string_equal(w->log, "send:root\n");
	prints(w, "root\r\n# ");
	pass(w, SCRIPT_QUIET_NS);
	assert_string_equal(w->log, "send:root\n|ok 1 login|powerdown");
	assert_int_equal(ends(w, STATUS_POWEROFF), STATUS_POWEROFF);
	assert_string_equal(w->log, "send:root\n|ok 1 login|powerdown|ok 2 off");
	assert_false(w->stopped);
	drop(w);
}

static void a_match_consumes_up_to_its_end(void **state)
{
	struct world *w =
		make("expect /a/\nexpect /a/\ncheck \"two\"\nexpect /^b/\ncheck \"begin\"\n"
		     "expect /c/\ncheck \"c\"");

	(void)state;
	start(w);
	/* ^ is the begin of a line only, not of what is left of one. */
	prints(w, "xa-ab\n");
	assert_string_equal(w->log, "ok 1 two");
	prints(w, "b\n");
	assert_string_equal(w->log, "ok 1 two|ok 2 begin");
	prints(w, "no\nc\n");
	assert_string_equal(w->log, "ok 1 two|ok 2 begin|ok 3 c|stop");
	drop(w);
}

static void what_came_before_the_expect_counts(void **state)
{
	struct world *w = make("sleep 1s\nexpect /early/");

	(void)state;
	start(w);
	prints(w, "an early line\n");
	pass(w, NS_PER_SEC);
	assert_string_equal(w->log, "ok 1 rest of the script|stop");
	drop(w);
}

static void groups_are_kept_for_later(void **state)
{
	struct world *w = make("expect /page (0x[0-9a-f]+)( .*)?$/\nexpect /ready/\n"
			       "set A=<$1$2>\nmark \"$A\"\ninject mem-ao,gpa=$1\n");

	(void)state;
	start(w);
	/* A part of a number is not taken for all of it. */
	prints(w, "page 0x8");
	prints(w, "8000\nready\n");
	assert_string_equal(
		w->log, "mark: <0x88000>|inject:mem-ao,gpa=0x88000|ok 1 rest of the script|stop");
	drop(w);
}

static void terminal_sequences_and_control_bytes_are_not_seen(void **state)
{
	static const char text[] = "\x1b[1;32mo\x1b[0mk\0\a \x1b]0;title\x07re\rady\x1b(B\x1bM\r\n";
	struct world *w = make("expect /^ok ready$/");

	(void)state;
	start(w);
	script_run_output(&w->run, (const uint8_t *)text, sizeof(text) - 1, w->now_ns);
	pass(w, 0);
	assert_string_equal(w->log, "ok 1 rest of the script|stop");
	drop(w);
}

static void an_open_sequence_hides_no_line(void **state)
{
	struct world *w = make("expect /never/");

	(void)state;
	start(w);
	prints(w, "\x1b]0;hidden\nKernel panic - not syncing: x\n");
	pass(w, SCRIPT_GRACE_NS);
	assert_string_equal(w->log, "not ok 1 rest of the script|stop");
	drop(w);
}

static void a_deadline_fails_the_block_and_ends_the_script(void **state)
{
	struct world *w = make("check \"first\"\nexpect timeout=5s /x/\ncheck \"second\"\n"
			       "send \"a\"\ncheck \"third\"\nmark \"m\"\n");

	(void)state;
	start(w);
	prints(w, "one\ntwo\nthr");
	pass(w, 5 * NS_PER_SEC - 1);
	assert_string_equal(w->log, "ok 1 first");
	pass(w, 1);
	assert_string_equal(w->log, "ok 1 first|not ok 2 second|not reached 3 third|"
				    "not reached 4 rest of the script|stop");
	assert_string_equal(w->message, "2: within 5 s a line that matches did not come");
	assert_int_equal(w->nlast, 3);
	assert_int_equal(ends(w, STATUS_INTERRUPTED), STATUS_SCRIPT);
	drop(w);
}

static void sleep_and_the_default_timeout(void **state)
{
	struct world *w = make("sleep 2s\nmark \"slept\"\ntimeout 3s\nexpect /x/\n");

	(void)state;
	start(w);
	pass(w, 2 * NS_PER_SEC - 1);
	assert_string_equal(w->log, "");
	pass(w, 1);
	assert_string_equal(w->log, "mark: slept");
	pass(w, 3 * NS_PER_SEC - 1);
	assert_string_equal(w->log, "mark: slept");
	pass(w, 1);
	assert_string_equal(w->log, "mark: slept|not ok 1 rest of the script|stop");
	drop(w);
}

static void sending_is_tried_until_there_is_room(void **state)
{
	struct world *w = make("send timeout=1s \"a\"\n");

	(void)state;
	w->busy = 3;
	start(w);
	assert_string_equal(w->log, "");
	pass(w, 3 * SCRIPT_RETRY_NS);
	assert_string_equal(w->log, "send:a|ok 1 rest of the script|stop");
	drop(w);

	w = make("send timeout=1s \"a\"\n");
	w->busy = 1000000;
	start(w);
	pass(w, NS_PER_SEC - 1);
	assert_string_equal(w->log, "");
	w->busy = 1;
	pass(w, SCRIPT_RETRY_NS);
	assert_string_equal(w->log, "not ok 1 rest of the script|stop");
	assert_string_equal(w->message, "1: not now");
	drop(w);
}

static void a_verb_that_fails_fails_its_block(void **state)
{
	struct world *w = make("pause\ncheck \"a\"\n");

	(void)state;
	w->answer = -EINVAL;
	start(w);
	assert_string_equal(w->log, "pause|not ok 1 a|stop");
	assert_string_equal(w->message, "1: no: pause");
	drop(w);
}

static void verbs_are_called_in_order(void **state)
{
	struct world *w = make("pause\nresume\nsdei trigger shared-normal\nreset\n"
			       "inject serror\npowerdown\nstop\nexpect-exit interrupted\n");

	(void)state;
	start(w);
	assert_string_equal(w->log, "pause|resume|trigger:shared-normal|reset|inject:serror|"
				    "powerdown|stop");
	assert_int_equal(ends(w, STATUS_INTERRUPTED), STATUS_POWEROFF);
	drop(w);
}

static const char *const bad_lines[] = {
	"[    1.2] Kernel panic - not syncing: Fatal exception",
	"[    1.2] Internal error: Oops: 96000004 [#1] SMP",
	"Internal error: synchronous external abort: 96000410 [#1]",
	"Unable to handle kernel NULL pointer dereference at virtual address 0",
	"[    1.2] BUG: KASAN: use-after-free in f",
	"BUG: sleeping function called from invalid context",
	"kernel BUG at mm/slub.c:1",
	"watchdog: BUG: soft lockup - CPU#0 stuck for 22s!",
	"INFO: task sh:42 blocked for more than 120 seconds.",
	"rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:",
	"rcu: INFO: rcu_sched self-detected stall on CPU",
};

static void what_a_broken_kernel_prints_fails_a_run(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(bad_lines); i++) {
		struct world *w = make("expect /never/\ncheck \"a\"\n");

		start(w);
		prints(w, bad_lines[i]);
		prints(w, "\n");
		if (strcmp(w->log, "not ok 1 a") != 0)
			fail_msg("%s: expected to fail the run, found: %s", bad_lines[i], w->log);
		/* What follows still goes to the transcript. */
		pass(w, SCRIPT_GRACE_NS);
		assert_true(w->stopped);
		assert_int_equal(ends(w, STATUS_PANIC), STATUS_SCRIPT);
		drop(w);
	}
}

static void the_guest_may_finish_what_it_says_but_not_for_ever(void **state)
{
	struct world *w = make("expect /never/\n");

	(void)state;
	start(w);
	prints(w, "Kernel panic - not syncing: x\n");
	for (unsigned i = 0; i < 2 * SCRIPT_GRACE_MAX_NS / SCRIPT_GRACE_NS - 1; i++) {
		pass(w, SCRIPT_GRACE_NS / 2);
		assert_false(w->stopped);
		prints(w, "more\n");
	}
	pass(w, SCRIPT_GRACE_NS / 2);
	assert_true(w->stopped);
	drop(w);
}

static void other_lines_do_not(void **state)
{
	static const char *const good[] = { "debug: BUGS: none", "no panic here", "ooops",
					    "a task blocked for more than it should" };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(good); i++) {
		struct world *w = make("expect /never/\n");

		start(w);
		prints(w, good[i]);
		prints(w, "\n");
		assert_string_equal(w->log, "");
		drop(w);
	}
}

static void what_fails_a_run_can_be_chosen(void **state)
{
	struct world *w = make("fail-on none\nexpect /panic/\nexpect-exit panic\n");

	(void)state;
	start(w);
	prints(w, "Kernel panic - not syncing: wanted\n");
	assert_int_equal(ends(w, STATUS_PANIC), STATUS_POWEROFF);
	drop(w);

	w = make("allow /BUG: .* known/\nfail-on /segfault/\nexpect /never/\n");
	start(w);
	prints(w, "BUG: this is known\n");
	assert_string_equal(w->log, "");
	prints(w, "init: segfault\n");
	assert_string_equal(w->log, "not ok 1 rest of the script");
	drop(w);
}

static void the_guest_s_end_is_compared(void **state)
{
	struct world *w = make("expect-exit reset\ncheck \"a\"");

	(void)state;
	start(w);
	assert_int_equal(ends(w, STATUS_POWEROFF), STATUS_SCRIPT);
	assert_string_equal(w->log, "not ok 1 a");
	assert_non_null(strstr(w->message, "status 0 (the guest powered off), not with 4"));
	drop(w);

	w = make("expect-exit timeout=2s 71");
	start(w);
	pass(w, 2 * NS_PER_SEC);
	assert_string_equal(w->message, "1: within 2 s the end of the run did not come");
	drop(w);
}

static void an_early_end_fails_what_waits(void **state)
{
	struct world *w = make("expect /x/\ncheck \"a\"\nmark \"m\"\ncheck \"b\"\n");

	(void)state;
	start(w);
	assert_int_equal(ends(w, STATUS_POWEROFF), STATUS_SCRIPT);
	assert_string_equal(w->log, "not ok 1 a|not reached 2 b");
	drop(w);

	/* Not a sleep, and not what its last output answers. */
	w = make("sleep 1h\nexpect /bye/\nexpect-exit 0\n");
	start(w);
	prints(w, "bye");
	assert_int_equal(ends(w, STATUS_POWEROFF), STATUS_POWEROFF);
	drop(w);
}

static void an_end_in_a_sleep_has_to_be_expected(void **state)
{
	static const struct {
		const char *script;
		enum exit_status end, expected;
		const char *log;
	} ends_of[] = {
		{ "sleep 1h\ncheck \"up\"\n", STATUS_TIMEOUT, STATUS_SCRIPT, "not ok 1 up" },
		{ "sleep 1h\ncheck \"up\"\n", STATUS_PANIC, STATUS_SCRIPT, "not ok 1 up" },
		{ "sleep 1h\ncheck \"up\"\n", STATUS_RESET, STATUS_SCRIPT, "not ok 1 up" },
		{ "sleep 1h", STATUS_TIMEOUT, STATUS_SCRIPT, "not ok 1 rest of the script" },
		{ "sleep 1h\ncheck \"up\"\nexpect-exit timeout\n", STATUS_TIMEOUT, STATUS_SCRIPT,
		  "not ok 1 up|not reached 2 rest of the script" },
		{ "sleep 1h\nexpect-exit timeout\ncheck \"slow\"\n", STATUS_TIMEOUT,
		  STATUS_POWEROFF, "ok 1 slow" },
		{ "expect-exit panic\nsleep 1h\ncheck \"dead\"\n", STATUS_PANIC, STATUS_POWEROFF,
		  "ok 1 dead" },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(ends_of); i++) {
		struct world *w = make(ends_of[i].script);
		enum exit_status found;

		start(w);
		pass(w, NS_PER_SEC);
		found = ends(w, ends_of[i].end);
		if (found != ends_of[i].expected || strcmp(w->log, ends_of[i].log) != 0)
			fail_msg("%s: expected %d \"%s\", found %d \"%s\"", ends_of[i].script,
				 (int)ends_of[i].expected, ends_of[i].log, (int)found, w->log);
		drop(w);
	}
}

static void an_expression_that_becomes_nothing_fails(void **state)
{
	struct world *w = make("expect /token=([a-z]*)/\nexpect /$1/\ncheck \"same\"\n");

	(void)state;
	start(w);
	prints(w, "token=\nanything\n");
	assert_string_equal(w->log, "not ok 1 same|stop");
	assert_non_null(strstr(w->message, "expression is empty"));
	drop(w);

	w = make("set V=\"\\0abc\"\nexpect /^$V$/\ncheck \"it\"\n");
	start(w);
	prints(w, "anything\n");
	assert_string_equal(w->log, "not ok 1 it|stop");
	assert_non_null(strstr(w->message, "cut short by a zero byte"));
	drop(w);
}

static void the_host_s_failures_are_passed_on(void **state)
{
	static const enum exit_status passed_on[] = { STATUS_INTERNAL, STATUS_USAGE,
						      STATUS_HOST_KVM, STATUS_INTERRUPTED };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(passed_on); i++) {
		struct world *w = make("expect /x/\n");

		start(w);
		assert_int_equal(ends(w, passed_on[i]), passed_on[i]);
		assert_string_equal(w->log, "not ok 1 rest of the script");
		drop(w);
	}
}

static void says(struct world *w, const char *json)
{
	script_run_event(&w->run, json, (unsigned)strlen(json), w->now_ns);
}

static void the_guest_s_own_results(void **state)
{
	struct world *w = make("expect /done/\ncheck \"a\"\nexpect /done/\ncheck \"b\"\n");

	(void)state;
	start(w);
	says(w, "{\"t_ns\":1,\"cpu\":0,\"event\":\"guest_pass\",\"text\":\"one\"}");
	says(w, "{\"t_ns\":1,\"cpu\":0,\"event\":\"guest_fail\",\"text\":\"two\"}");
	says(w, "{\"t_ns\":1,\"cpu\":0,\"event\":\"guest_mark\",\"text\":\"three\"}");
	says(w, "{\"t_ns\":1,\"cpu\":0,\"event\":\"guest_pass\"}");
	says(w, "{\"event\":\"guest_pass\"");
	prints(w, "done\n");
	assert_string_equal(w->log, "guest ok 1 one|guest not ok 2 two|not ok 1 a");
	prints(w, "done\n");
	assert_int_equal(ends(w, STATUS_INTERRUPTED), STATUS_SCRIPT);
	assert_non_null(strstr(w->log, "|ok 2 b|stop"));
	drop(w);
}

static void lost_events_fail_a_run_with_reports(void **state)
{
	struct world *w = make("expect /done/\ncheck \"a\"\nexpect /done/\ncheck \"b\"\n");

	(void)state;
	start(w);
	says(w, "{\"event\":\"lost\",\"lines\":3}");
	prints(w, "done\n");
	w->run.guest_reports = true;
	says(w, "{\"event\":\"lost\",\"lines\":3}");
	prints(w, "done\n");
	assert_string_equal(w->log, "ok 1 a|guest not ok 1 3 events were lost|not ok 2 b|stop");
	drop(w);
}

static void a_reset_ends_a_line(void **state)
{
	struct world *w = make("expect /^abc$/\nexpect /^def/\n");

	(void)state;
	start(w);
	prints(w, "abc");
	script_run_reset(&w->run);
	prints(w, "def\n");
	assert_string_equal(w->log, "ok 1 rest of the script|stop");
	drop(w);
}

static void a_guest_that_prints_without_end_is_bounded(void **state)
{
	struct world *w = make("sleep 1s\nexpect /^last$/\n");
	char block[1000];

	(void)state;
	start(w);
	memset(block, 'x', sizeof(block));
	for (unsigned i = 0; i < 1000; i++)
		script_run_output(&w->run, (const uint8_t *)block, sizeof(block), w->now_ns);
	for (unsigned i = 0; i < 100000; i++)
		script_run_output(&w->run, (const uint8_t *)"a line\n", 7, w->now_ns);
	prints(w, "last\n");
	assert_true(w->run.console.dropped > 0);
	pass(w, NS_PER_SEC);
	assert_string_equal(w->log, "ok 1 rest of the script|stop");
	drop(w);
}

static void nothing_to_wait_for_is_no_deadline(void **state)
{
	struct world *w = make("expect-exit 0\n");

	(void)state;
	assert_int_equal(script_run_deadline(&w->run), SCRIPT_NO_DEADLINE);
	start(w);
	assert_int_equal(script_run_deadline(&w->run), 1000 + SCRIPT_DEFAULT_NS);
	ends(w, STATUS_POWEROFF);
	assert_int_equal(script_run_deadline(&w->run), SCRIPT_NO_DEADLINE);
	drop(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(expect_and_send),
		cmocka_unit_test(a_match_consumes_up_to_its_end),
		cmocka_unit_test(what_came_before_the_expect_counts),
		cmocka_unit_test(groups_are_kept_for_later),
		cmocka_unit_test(terminal_sequences_and_control_bytes_are_not_seen),
		cmocka_unit_test(an_open_sequence_hides_no_line),
		cmocka_unit_test(a_deadline_fails_the_block_and_ends_the_script),
		cmocka_unit_test(sleep_and_the_default_timeout),
		cmocka_unit_test(sending_is_tried_until_there_is_room),
		cmocka_unit_test(a_verb_that_fails_fails_its_block),
		cmocka_unit_test(verbs_are_called_in_order),
		cmocka_unit_test(what_a_broken_kernel_prints_fails_a_run),
		cmocka_unit_test(the_guest_may_finish_what_it_says_but_not_for_ever),
		cmocka_unit_test(other_lines_do_not),
		cmocka_unit_test(what_fails_a_run_can_be_chosen),
		cmocka_unit_test(the_guest_s_end_is_compared),
		cmocka_unit_test(an_early_end_fails_what_waits),
		cmocka_unit_test(an_end_in_a_sleep_has_to_be_expected),
		cmocka_unit_test(an_expression_that_becomes_nothing_fails),
		cmocka_unit_test(the_host_s_failures_are_passed_on),
		cmocka_unit_test(the_guest_s_own_results),
		cmocka_unit_test(lost_events_fail_a_run_with_reports),
		cmocka_unit_test(a_reset_ends_a_line),
		cmocka_unit_test(a_guest_that_prints_without_end_is_bounded),
		cmocka_unit_test(nothing_to_wait_for_is_no_deadline),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
