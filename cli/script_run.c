/*
 * See script_run.h. A statement is a function that is called until it is done or has failed; what it waits
 * for is in the run. The first failure ends the script: its block is "not ok", and so are those that are
 * never reached.
 */
#include "cli/script_run.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "lib/ere.h"
#include "lib/json_line.h"
#include "lib/types.h"

/* What Linux prints when something is badly wrong: panic, oops and die(), BUG and its kin, the watchdogs for
 * soft and hard lockups, hung tasks, RCU stalls; KASAN and friends begin their reports with BUG:. */
static const char builtin_pattern[] =
	"Kernel panic - not syncing|Internal error: |Oops( -|: )|Unable to handle kernel |"
	"(^|[] ])BUG: |kernel BUG at |watchdog: BUG: soft lockup|soft lockup - CPU|"
	"Watchdog detected hard LOCKUP|blocked for more than [0-9]+ seconds|"
	"rcu.*detected (expedited )?stalls|rcu.*self-detected stall|Bad mode in .* handler";

enum step { STEP_DONE, STEP_WAIT, STEP_FAILED };

/* ---- results ---- */

static void add_last_lines(struct script_run *run, struct script_result *result)
{
	unsigned n = 0;

	while (n < SCRIPT_LAST_LINES && script_console_last(&run->console, n))
		n++;
	for (unsigned i = 0; i < n; i++)
		result->last[i] = script_console_last(&run->console, n - 1 - i);
	result->nlast = n;
}

static const char *block_name(const struct script_run *run, const struct script_statement *check)
{
	return run->script->bytes + run->script->piece[check->text.first].at;
}

/* The check that closes the block which goes on. There always is one. */
static const struct script_statement *closing_check(const struct script_run *run)
{
	unsigned i = run->next;

	while (run->script->statement[i].op != SCRIPT_CHECK)
		i++;
	return &run->script->statement[i];
}

static void close_block(struct script_run *run, struct script_result *result, uint64_t now_ns)
{
	result->name = block_name(run, closing_check(run));
	result->number = ++run->block;
	result->took_ns = now_ns - run->block_ns;
	run->failed |= result->outcome != SCRIPT_PASSED;
	run->block_ns = now_ns;
	run->guest_points = run->guest_failures = 0;
	run->ops->result(run->world, result);
}

static void end_script(struct script_run *run, uint64_t now_ns, bool grace)
{
	run->phase = SCRIPT_ENDING;
	run->begun = false;
	run->deadline_ns = now_ns + (grace ? SCRIPT_GRACE_NS : 0);
	run->grace_end_ns = grace ? now_ns + SCRIPT_GRACE_MAX_NS : 0;
	run->retry_ns = SCRIPT_NO_DEADLINE;
}

/* The guest goes on about what failed the run. */
static void put_off_stop(struct script_run *run, uint64_t now_ns)
{
	if (run->phase != SCRIPT_ENDING || !run->grace_end_ns)
		return;
	run->deadline_ns = now_ns + SCRIPT_GRACE_NS;
	if (run->deadline_ns > run->grace_end_ns)
		run->deadline_ns = run->grace_end_ns;
}

/* The rest of the plan. */
static void report_not_reached(struct script_run *run, uint64_t now_ns)
{
	while (run->block < run->script->nblocks) {
		struct script_result result = { .outcome = SCRIPT_NOT_REACHED };

		run->next = (unsigned)(closing_check(run) - run->script->statement) + 1;
		if (run->next == run->script->nstatements)
			return;
		close_block(run, &result, now_ns);
	}
}

/* The block that goes on has failed, and with it the script. `statement` NULL: at no statement. */
static void fail(struct script_run *run, const struct script_statement *statement,
		 const char *message, uint64_t now_ns, bool grace)
{
	struct script_result result = { .outcome = SCRIPT_FAILED, .message = message };

	if (statement) {
		result.statement = run->script->bytes + statement->source;
		result.line = statement->line;
	}
	add_last_lines(run, &result);
	close_block(run, &result, now_ns);
	report_not_reached(run, now_ns);
	end_script(run, now_ns, grace);
}

static void note(struct script_run *run, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void note(struct script_run *run, const char *fmt, ...)
{
	char text[SCRIPT_LINE_BYTES + 64];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	run->ops->note(run->world, text);
}

/* ---- lines that fail a run ---- */

static bool matches(const struct script_patterns *patterns, const char *line)
{
	for (unsigned i = 0; i < patterns->n; i++)
		if (regexec(&patterns->regex[i], line, 0, NULL, 0) == 0)
			return true;
	return false;
}

static void look_at_line(void *arg, const char *line)
{
	struct script_run *run = arg;

	if (run->bad_line[0] || run->phase != SCRIPT_RUNNING)
		return;
	if (!(run->builtin_on && regexec(&run->builtin, line, 0, NULL, 0) == 0) &&
	    !matches(&run->fail_on, line))
		return;
	if (matches(&run->allow, line))
		return;
	snprintf(run->bad_line, sizeof(run->bad_line),
		 "the guest printed a line that fails a run: %.150s", line);
}

static void forget_patterns(struct script_patterns *patterns)
{
	while (patterns->n)
		regfree(&patterns->regex[--patterns->n]);
}

/* ---- statements ---- */

/* What a statement failed of. */
struct failure {
	char text[sizeof(struct err) + 128];
};

static enum step failed(struct failure *why, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static enum step failed(struct failure *why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why->text, sizeof(why->text), fmt, ap);
	va_end(ap);
	return STEP_FAILED;
}

/* A time as people write it: "2.5 s". */
struct seconds {
	char text[32];
};

static struct seconds seconds(uint64_t ns)
{
	struct seconds s;

	snprintf(s.text, sizeof(s.text), "%.3g s", (double)ns / 1e9);
	return s;
}

/* The statement's text with its variables; false with *why. */
static bool expand(struct script_run *run, const struct script_statement *st, bool quote,
		   char *text, size_t *n, struct failure *why)
{
	if (script_expand(run->script, st->text, &run->values, quote, text, n, NULL) == 0)
		return true;
	failed(why, "with its variables it is longer than %d characters", SCRIPT_LINE_BYTES - 1);
	return false;
}

static bool compile(struct script_run *run, const struct script_statement *st, regex_t *regex,
		    struct failure *why)
{
	char text[SCRIPT_LINE_BYTES];
	struct err reason = { "" };
	size_t n;

	if (!expand(run, st, true, text, &n, why))
		return false;
	if (!*text || strlen(text) != n) {
		failed(why,
		       "with its variables the regular expression is %s, so it would match "
		       "what it should not",
		       *text ? "cut short by a zero byte" : "empty");
		return false;
	}
	if (ere_compile(regex, text, &reason) == 0)
		return true;
	failed(why, "/%.200s/ %.300s", text, reason.text);
	return false;
}

/* Still waiting: or is it too late? `what` is what did not come. */
static enum step wait_on(struct script_run *run, const struct script_statement *st, uint64_t now_ns,
			 struct failure *why, const char *what)
{
	if (run->over)
		return failed(why, "the run ended (%s) before %s", status_text(run->status), what);
	if (now_ns < run->deadline_ns)
		return STEP_WAIT;
	return failed(why, "within %s %s did not come", seconds(st->wait_ns).text, what);
}

static enum step step_patterns(struct script_run *run, const struct script_statement *st,
			       struct script_patterns *patterns, struct failure *why)
{
	if (patterns->n == SCRIPT_MAX_PATTERNS)
		return failed(why, "more than %d patterns", SCRIPT_MAX_PATTERNS);
	if (!compile(run, st, &patterns->regex[patterns->n], why))
		return STEP_FAILED;
	patterns->n++;
	return STEP_DONE;
}

static enum step step_allow(struct script_run *run, const struct script_statement *st,
			    uint64_t now_ns, struct failure *why)
{
	(void)now_ns;
	return step_patterns(run, st, &run->allow, why);
}

static enum step step_fail_on(struct script_run *run, const struct script_statement *st,
			      uint64_t now_ns, struct failure *why)
{
	(void)now_ns;
	return step_patterns(run, st, &run->fail_on, why);
}

static enum step step_fail_on_none(struct script_run *run, const struct script_statement *st,
				   uint64_t now_ns, struct failure *why)
{
	(void)st, (void)now_ns, (void)why;
	run->builtin_on = false;
	forget_patterns(&run->fail_on);
	return STEP_DONE;
}

static enum step step_check(struct script_run *run, const struct script_statement *st,
			    uint64_t now_ns, struct failure *why)
{
	struct script_result result = { .outcome = SCRIPT_PASSED };
	char message[64];

	(void)st;
	if (run->sleep_cut)
		return failed(why,
			      "the run ended (%s) during a sleep, and no expect-exit waits "
			      "for that",
			      status_text(run->status));
	if (run->guest_failures) {
		snprintf(message, sizeof(message), "the guest reported %u %s", run->guest_failures,
			 run->guest_failures == 1 ? "failure" : "failures");
		result.outcome = SCRIPT_FAILED;
		result.message = message;
		add_last_lines(run, &result);
	}
	/* What follows the last check without a name of its own may be nothing. */
	close_block(run, &result, now_ns);
	return STEP_DONE;
}

static int keep_groups(struct script_run *run, const char *line, const regmatch_t *groups)
{
	for (unsigned i = 1; i <= SCRIPT_MAX_GROUPS && i <= run->expect.re_nsub; i++) {
		const regmatch_t *g = &groups[i];
		size_t n = g->rm_so < 0 ? 0 : (size_t)(g->rm_eo - g->rm_so);

		if (script_value_set(&run->values.group[i], g->rm_so < 0 ? "" : line + g->rm_so, n,
				     false))
			return -ENOMEM;
	}
	return 0;
}

static enum step step_expect(struct script_run *run, const struct script_statement *st,
			     uint64_t now_ns, struct failure *why)
{
	regmatch_t groups[SCRIPT_MAX_GROUPS + 1];
	char line[SCRIPT_CONSOLE_LINE + 1];

	if (!run->expecting && !compile(run, st, &run->expect, why))
		return STEP_FAILED;
	run->expecting = true;
	if (!script_console_find(&run->console, &run->expect, groups, ARRAY_SIZE(groups), line))
		return wait_on(run, st, now_ns, why, "a line that matches");
	if (keep_groups(run, line, groups))
		return failed(why, "out of memory");
	return STEP_DONE;
}

static enum step step_expect_exit(struct script_run *run, const struct script_statement *st,
				  uint64_t now_ns, struct failure *why)
{
	if (!run->over)
		return wait_on(run, st, now_ns, why, "the end of the run");
	if ((int)run->status != st->status)
		return failed(why, "the run ended with status %d (%s), not with %d (%s)",
			      (int)run->status, status_text(run->status), st->status,
			      status_text((enum exit_status)st->status));
	run->status_expected = true;
	run->sleep_cut = false;
	return STEP_DONE;
}

static enum step step_mark(struct script_run *run, const struct script_statement *st,
			   uint64_t now_ns, struct failure *why)
{
	char text[SCRIPT_LINE_BYTES];
	size_t n;

	(void)now_ns;
	if (!expand(run, st, false, text, &n, why))
		return STEP_FAILED;
	note(run, "mark: %s", text);
	return STEP_DONE;
}

static enum step step_set(struct script_run *run, const struct script_statement *st,
			  uint64_t now_ns, struct failure *why)
{
	char text[SCRIPT_LINE_BYTES];
	size_t n;

	(void)now_ns;
	if (!expand(run, st, false, text, &n, why))
		return STEP_FAILED;
	if (script_value_set(&run->values.variable[st->variable], text, n, false))
		return failed(why, "out of memory");
	return STEP_DONE;
}

/* A guest that has ended sleeps no more. Whether it should have, the rest of the block says. */
static enum step step_sleep(struct script_run *run, const struct script_statement *st,
			    uint64_t now_ns, struct failure *why)
{
	(void)st, (void)why;
	if (now_ns >= run->deadline_ns)
		return STEP_DONE;
	run->sleep_cut |= run->over && !run->stop_asked && !run->status_expected;
	return run->over ? STEP_DONE : STEP_WAIT;
}

/* A verb was called: done, to be tried again until the deadline, or failed. */
static enum step after_verb(struct script_run *run, uint64_t now_ns, int rc, const struct err *err,
			    struct failure *why)
{
	if (rc == 0)
		return STEP_DONE;
	if ((rc != -EAGAIN && rc != -EBUSY) || now_ns >= run->deadline_ns)
		return failed(why, "%s", err->text[0] ? err->text : strerror(-rc));
	run->retry_ns = now_ns + SCRIPT_RETRY_NS;
	return STEP_WAIT;
}

static enum step step_text_verb(struct script_run *run, const struct script_statement *st,
				uint64_t now_ns, struct failure *why)
{
	struct err err = { "" };
	char text[SCRIPT_LINE_BYTES];
	size_t n;
	int rc;

	if (run->over)
		return wait_on(run, st, now_ns, why, "this could be done");
	if (!expand(run, st, false, text, &n, why))
		return STEP_FAILED;
	if (st->op == SCRIPT_SEND)
		rc = n ? run->ops->send(run->world, text, (uint32_t)n, &err) : 0;
	else if (st->op == SCRIPT_INJECT)
		rc = run->ops->inject(run->world, text, &err);
	else
		rc = run->ops->trigger(run->world, text, &err);
	return after_verb(run, now_ns, rc, &err, why);
}

static enum step step_verb(struct script_run *run, const struct script_statement *st,
			   uint64_t now_ns, struct failure *why)
{
	int (*const verb[SCRIPT_NR_OPS])(void *, struct err *) = {
		[SCRIPT_PAUSE] = run->ops->pause,         [SCRIPT_RESUME] = run->ops->resume,
		[SCRIPT_RESET] = run->ops->reset,         [SCRIPT_STOP] = run->ops->stop,
		[SCRIPT_POWERDOWN] = run->ops->powerdown,
	};
	struct err err = { "" };

	if (run->over)
		return wait_on(run, st, now_ns, why, "this could be done");
	run->stop_asked |= st->op == SCRIPT_STOP;
	return after_verb(run, now_ns, verb[st->op](run->world, &err), &err, why);
}

typedef enum step step_fn(struct script_run *run, const struct script_statement *st,
			  uint64_t now_ns, struct failure *why);

static step_fn *const steps[SCRIPT_NR_OPS] = {
	/* clang-format off */
	[SCRIPT_ALLOW]        = step_allow,
	[SCRIPT_CHECK]        = step_check,
	[SCRIPT_EXPECT]       = step_expect,
	[SCRIPT_EXPECT_EXIT]  = step_expect_exit,
	[SCRIPT_FAIL_ON]      = step_fail_on,
	[SCRIPT_FAIL_ON_NONE] = step_fail_on_none,
	[SCRIPT_INJECT]       = step_text_verb,
	[SCRIPT_MARK]         = step_mark,
	[SCRIPT_PAUSE]        = step_verb,
	[SCRIPT_POWERDOWN]    = step_verb,
	[SCRIPT_RESET]        = step_verb,
	[SCRIPT_RESUME]       = step_verb,
	[SCRIPT_SDEI]         = step_text_verb,
	[SCRIPT_SEND]         = step_text_verb,
	[SCRIPT_SET]          = step_set,
	[SCRIPT_SLEEP]        = step_sleep,
	[SCRIPT_STOP]         = step_verb,
	/* clang-format on */
};

/* ---- going on ---- */

static void begin(struct script_run *run, const struct script_statement *st, uint64_t now_ns)
{
	run->begun = true;
	run->deadline_ns = now_ns + st->wait_ns;
	run->retry_ns = SCRIPT_NO_DEADLINE;
	/* Those of --define are in no line. */
	if (st->line && run->script->bytes[st->source])
		note(run, "%s:%u: %s", run->script->path, st->line,
		     run->script->bytes + st->source);
}

static void end_statement(struct script_run *run)
{
	run->begun = false;
	if (run->expecting)
		regfree(&run->expect);
	run->expecting = false;
}

static bool fail_on_bad_line(struct script_run *run, uint64_t now_ns)
{
	if (!run->bad_line[0])
		return false;
	end_statement(run);
	fail(run, &run->script->statement[run->next], run->bad_line, now_ns, true);
	return true;
}

static void go_on(struct script_run *run, uint64_t now_ns)
{
	while (run->phase == SCRIPT_RUNNING) {
		const struct script_statement *st = &run->script->statement[run->next];
		struct failure why;
		enum step step;

		if (fail_on_bad_line(run, now_ns))
			return;
		if (!run->begun)
			begin(run, st, now_ns);
		step = steps[st->op](run, st, now_ns, &why);
		if (step == STEP_WAIT)
			return;
		end_statement(run);
		if (step == STEP_FAILED) {
			fail(run, st, why.text, now_ns, false);
			return;
		}
		if (++run->next == run->script->nstatements)
			end_script(run, now_ns, false);
	}
}

static void stop_guest(struct script_run *run)
{
	struct err err = { "" };

	if (run->stop_asked)
		return;
	run->stop_asked = true;
	run->deadline_ns = SCRIPT_NO_DEADLINE;
	note(run, "the script is over: stopping the guest");
	if (run->ops->stop(run->world, &err))
		note(run, "%s", err.text);
}

void script_run_tick(struct script_run *run, uint64_t now_ns)
{
	run->work = false;
	if (script_console_tick(&run->console, now_ns))
		look_at_line(run, script_console_unfinished(&run->console));
	if (run->phase == SCRIPT_RUNNING)
		go_on(run, now_ns);
	if (run->phase == SCRIPT_ENDING && !run->over && now_ns >= run->deadline_ns)
		stop_guest(run);
}

uint64_t script_run_deadline(const struct script_run *run)
{
	uint64_t next = SCRIPT_NO_DEADLINE;

	if (run->phase == SCRIPT_BEFORE || run->phase == SCRIPT_ENDED)
		return next;
	if (run->work)
		return 0;
	if (run->phase == SCRIPT_ENDING)
		return run->stop_asked ? next : run->deadline_ns;
	if (run->begun)
		next = run->deadline_ns;
	if (run->retry_ns < next)
		next = run->retry_ns;
	if (run->console.quiet_ns && run->console.quiet_ns < next)
		next = run->console.quiet_ns;
	return next;
}

/* ---- what comes from the guest ---- */

void script_run_started(struct script_run *run, uint64_t now_ns)
{
	run->phase = SCRIPT_RUNNING;
	run->block_ns = now_ns;
	run->work = true;
}

void script_run_output(struct script_run *run, const uint8_t *bytes, unsigned n, uint64_t now_ns)
{
	script_console_add(&run->console, bytes, n, now_ns, look_at_line, run);
	put_off_stop(run, now_ns);
	run->work = true;
}

static void guest_point(struct script_run *run, bool passed, const char *name, uint64_t now_ns)
{
	const struct script_result result = {
		.outcome = passed ? SCRIPT_PASSED : SCRIPT_FAILED,
		.guest = true,
		.number = run->guest_points + 1,
		.name = name,
		.took_ns = now_ns - run->block_ns,
		.message = passed ? NULL : "the guest says so",
	};

	run->guest_failures += !passed;
	if (run->nguest == SCRIPT_MAX_GUEST_POINTS)
		return;
	run->nguest++;
	run->guest_points++;
	run->ops->result(run->world, &result);
}

/* Events came faster than they were read: some of them may have been results. */
static void events_lost(struct script_run *run, const struct json_line *line, uint64_t now_ns)
{
	char name[64];
	uint64_t lines;

	if (!run->guest_reports || !json_line_u64(line, "lines", &lines))
		return;
	snprintf(name, sizeof(name), "%llu events were lost", (unsigned long long)lines);
	guest_point(run, false, name, now_ns);
}

void script_run_event(struct script_run *run, const char *json, unsigned n, uint64_t now_ns)
{
	static const char pass[] = "guest_pass", fail_name[] = "guest_fail";
	char copy[SCRIPT_LINE_BYTES];
	struct json_line line;
	const char *event, *text;

	if (run->phase != SCRIPT_RUNNING || n >= sizeof(copy) ||
	    (!memmem(json, n, "\"guest_", 7) && !memmem(json, n, "\"lost\"", 6)))
		return;
	memcpy(copy, json, n);
	copy[n] = '\0';
	if (json_line_split(&line, copy, n))
		return;
	event = json_line_text(&line, "event");
	text = json_line_text(&line, "text");
	if (event && strcmp(event, "lost") == 0)
		events_lost(run, &line, now_ns);
	if (event && text && (strcmp(event, pass) == 0 || strcmp(event, fail_name) == 0))
		guest_point(run, strcmp(event, pass) == 0, text, now_ns);
}

void script_run_reset(struct script_run *run)
{
	script_console_end(&run->console, look_at_line, run);
	run->work = true;
}

/* ---- the ends ---- */

int script_run_open(struct script_run *run, const struct script *script,
		    const struct script_run_ops *ops, void *world)
{
	memset(run, 0, sizeof(*run));
	run->script = script;
	run->ops = ops;
	run->world = world;
	run->retry_ns = SCRIPT_NO_DEADLINE;
	if (regcomp(&run->builtin, builtin_pattern, REG_EXTENDED | REG_NOSUB))
		return -ENOMEM;
	run->builtin_on = run->builtin_compiled = true;
	return 0;
}

void script_run_close(struct script_run *run)
{
	end_statement(run);
	forget_patterns(&run->fail_on);
	forget_patterns(&run->allow);
	if (run->builtin_compiled)
		regfree(&run->builtin);
	run->builtin_compiled = false;
	script_values_free(&run->values);
}

/* Of rasvm or its host, not of the guest: no result of a test. */
static bool is_host_failure(enum exit_status status)
{
	return status == STATUS_INTERNAL || status == STATUS_USAGE || status == STATUS_HOST_KVM;
}

enum exit_status script_run_ended(struct script_run *run, enum exit_status status, uint64_t now_ns)
{
	bool by_others = status == STATUS_INTERRUPTED && !run->stop_asked;

	run->over = true;
	run->status = status;
	script_console_end(&run->console, look_at_line, run);
	if (run->phase == SCRIPT_RUNNING)
		go_on(run, now_ns);
	run->phase = SCRIPT_ENDED;
	if ((is_host_failure(status) || by_others) && !run->status_expected)
		return status;
	return run->failed ? STATUS_SCRIPT : STATUS_POWEROFF;
}
