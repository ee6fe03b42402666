/* See inject.h: when a rule is due. A timer of the main loop carries all of it. */
#include "arm64/inject.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "arm64/inject_private.h"
#include "arm64/vm.h"
#include "lib/clock.h"
#include "lib/ere.h"
#include "lib/keylist.h"

/* An unfinished line is looked at when nothing followed for this long. */
#define QUIET_NS (20 * NS_PER_MS)

/* Until what could not be done yet is tried again: the PE is busy; the machine is being reset. */
#define RETRY_NS (1 * NS_PER_MS)
#define RESET_NS (10 * NS_PER_MS)

_Static_assert(INJECT_MAX_RULES <= 32, "each rule has a bit in struct injector");

static bool has(uint32_t set, unsigned i)
{
	return set & UINT32_C(1) << i;
}

/* ---- the timer ---- */

/* The rule that is due next, or -1. */
static int next_rule(const struct injector *in)
{
	int next = -1;

	for (unsigned i = 0; i < in->nrules; i++)
		if (in->due_ns[i] && (next < 0 || in->due_ns[i] < in->due_ns[next]))
			next = (int)i;
	return next;
}

static void set_timer(const struct injector *in, uint64_t at_ns)
{
	const struct itimerspec when = { .it_value = clock_timespec(at_ns) };

	timerfd_settime(in->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

static bool exits_are_due(const struct injector *in)
{
	uint64_t wanted = atomic_load(&in->exits_wanted);

	return wanted && atomic_load(&in->exits) >= wanted;
}

static void arm(struct injector *in)
{
	int i = next_rule(in);
	uint64_t next = i < 0 ? 0 : in->due_ns[i];

	if (in->quiet_ns && (!next || in->quiet_ns < next))
		next = in->quiet_ns;
	set_timer(in, next);
	/* A vCPU that counted the exit just before has set the timer to no avail. */
	if (exits_are_due(in))
		set_timer(in, 1);
}

/* ---- occasions ---- */

static void occasion(struct injector *in, unsigned i, uint64_t now_ns)
{
	if (!has(in->over, i) && !in->due_ns[i])
		in->due_ns[i] = now_ns + in->rule[i].at_ns;
}

static void want_next_exits(struct injector *in)
{
	uint64_t next = 0;

	for (unsigned i = 0; i < in->nrules; i++)
		if (in->rule[i].when == INJECT_EXIT && !has(in->occurred, i) &&
		    (!next || in->rule[i].exit < next))
			next = in->rule[i].exit;
	atomic_store(&in->exits_wanted, next);
}

static void look_at_exits(struct injector *in, uint64_t now_ns)
{
	uint64_t exits = atomic_load(&in->exits);

	if (!exits_are_due(in))
		return;
	for (unsigned i = 0; i < in->nrules; i++) {
		if (in->rule[i].when != INJECT_EXIT || has(in->occurred, i) ||
		    in->rule[i].exit > exits)
			continue;
		in->occurred |= UINT32_C(1) << i;
		occasion(in, i, now_ns);
	}
	want_next_exits(in);
}

/* Whoever counts the wanted exit sets the timer. If `exits_wanted` becomes smaller than the count
 * meanwhile, the main thread sees that in arm(), which looks at the count after it stored the other. */
void inject_exit(struct injector *in)
{
	uint64_t exits = atomic_fetch_add(&in->exits, 1) + 1;

	if (exits == atomic_load(&in->exits_wanted))
		set_timer(in, 1);
}

/* ---- the console ---- */

/* The address that the line has, hexadecimal. */
static bool capture(struct injector *in, unsigned i, const regmatch_t *part)
{
	const char *start = in->line + part->rm_so;
	char *end;

	if (part->rm_so < 0)
		return false;
	errno = 0;
	in->captured[i] = strtoull(start, &end, 16);
	return !errno && end == in->line + part->rm_eo && end > start;
}

/* What has come of a line does not end it, for $; nor is the number in it known to be whole. */
static void match_rule(struct injector *in, unsigned i, bool whole, uint64_t now_ns)
{
	regmatch_t part[2];

	if (!whole && in->rule[i].place == INJECT_CAPTURE)
		return;
	if (regexec(&in->regex[i], in->line, 2, part, whole ? 0 : REG_NOTEOL) != 0)
		return;
	in->matched |= UINT32_C(1) << i;
	/* One that is under way keeps its address. */
	if (in->due_ns[i])
		return;
	if (in->rule[i].place == INJECT_CAPTURE && !capture(in, i, &part[1])) {
		if (log_allow(&in->log, now_ns))
			log_warn("--inject: gpa=$1: the console line \"%.200s\" has no hexadecimal "
				 "number there",
				 in->line);
		return;
	}
	occasion(in, i, now_ns);
}

static void match_line(struct injector *in, bool whole, uint64_t now_ns)
{
	unsigned used = in->line_used;

	if (used && in->line[used - 1] == '\r')
		used--;
	in->line[used] = '\0';
	for (unsigned i = 0; i < in->nrules; i++)
		if (has(in->compiled, i) && !has(in->over | in->matched, i))
			match_rule(in, i, whole, now_ns);
}

static void take_byte(struct injector *in, char c, uint64_t now_ns)
{
	if (c == '\n') {
		match_line(in, true, now_ns);
		in->line_used = 0;
		in->matched = 0;
	} else if (c != '\0' && in->line_used < sizeof(in->line) - 1) {
		in->line[in->line_used++] = c;
	}
}

void inject_console(struct vm *vm, const uint8_t *bytes, unsigned n)
{
	struct injector *in = &vm->injector;
	uint64_t now_ns;

	if (!in->compiled || !n)
		return;
	now_ns = clock_now_ns();
	for (unsigned i = 0; i < n; i++)
		take_byte(in, (char)bytes[i], now_ns);
	in->quiet_ns = in->line_used ? now_ns + QUIET_NS : 0;
	arm(in);
}

/* ---- rules that are due ---- */

/* Times that passed while the main thread was busy are left out, not made up for: else whoever cannot
 * keep up would have more to do each time. */
static void use_up(struct injector *in, unsigned i, uint64_t now_ns)
{
	struct inject_rule *rule = &in->rule[i];

	if (rule->count && --rule->count == 0)
		in->over |= UINT32_C(1) << i;
	if (has(in->over, i) || !rule->every_ns)
		in->due_ns[i] = 0;
	else
		in->due_ns[i] += ((now_ns - in->due_ns[i]) / rule->every_ns + 1) * rule->every_ns;
}

static void carry_out(struct vm *vm, unsigned i, uint64_t now_ns)
{
	struct injector *in = &vm->injector;
	struct inject_rule rule = in->rule[i];
	struct err err = { "" };
	uint32_t id;
	int rc;

	if (rule.place == INJECT_CAPTURE) {
		rule.place = INJECT_GPA;
		rule.address = in->captured[i];
	}
	rc = inject_fire(vm, &rule, "operator", &id, &err);
	if (rc == -EBUSY) {
		in->due_ns[i] = now_ns + RETRY_NS;
		return;
	}
	if (rc && log_allow(&in->log, now_ns))
		log_warn("--inject: %s: %s", inject_kind_name(rule.kind), err.text);
	use_up(in, i, now_ns);
}

static void on_timer(void *arg, uint32_t events)
{
	struct vm *vm = arg;
	struct injector *in = &vm->injector;
	uint64_t expired, now_ns;
	int i;

	(void)events;
	if (read(in->timer_fd, &expired, sizeof(expired)) <= 0)
		return;
	now_ns = clock_now_ns();
	if (atomic_load(&vm->event) != VM_RUNNING) {
		set_timer(in, now_ns + RESET_NS);
		return;
	}
	look_at_exits(in, now_ns);
	if (in->quiet_ns && in->quiet_ns <= now_ns) {
		in->quiet_ns = 0;
		match_line(in, false, now_ns);
	}
	while ((i = next_rule(in)) >= 0 && in->due_ns[i] <= now_ns)
		carry_out(vm, (unsigned)i, now_ns);
	arm(in);
}

/* ---- opening ---- */

static int bad_rule(const struct inject_rule *rule, int rc, const char *reason, struct err *err)
{
	char text[KEYLIST_MAX_BYTES] = "";

	inject_text(rule, text, sizeof(text));
	return err_set(err, rc, "--inject \"%.180s\": %.300s", text, reason);
}

static int compile(struct injector *in, unsigned i, struct err *err)
{
	const struct inject_rule *rule = &in->rule[i];
	struct err reason;

	if (rule->when != INJECT_CONSOLE)
		return 0;
	if (ere_compile(&in->regex[i], rule->console, &reason))
		return err_set(err, -EINVAL, "the regular expression %.300s", reason.text);
	in->compiled |= UINT32_C(1) << i;
	if (rule->place == INJECT_CAPTURE && in->regex[i].re_nsub == 0)
		return err_set(
			err, -EINVAL,
			"gpa=$1 is what the first ( ) of the regular expression matches, but "
			"there is none: put the address's part in ( )");
	return 0;
}

/* Put a rule in place `i`. */
static int set_rule(struct vm *vm, unsigned i, const struct inject_rule *rule, struct err *err)
{
	struct injector *in = &vm->injector;
	int rc;

	in->rule[i] = *rule;
	if (i == in->nrules)
		in->nrules++;
	rc = inject_check_host(vm, rule, err);
	return rc ? rc : compile(in, i, err);
}

static int open_rules(struct vm *vm, struct err *err)
{
	for (unsigned i = 0; i < vm->config->ninject; i++) {
		const struct inject_rule *rule = &vm->config->inject[i];
		struct err reason = { "" };
		int rc = set_rule(vm, i, rule, &reason);

		if (rc)
			return bad_rule(rule, rc, reason.text, err);
	}
	return 0;
}

static int open_timer(struct vm *vm, struct err *err)
{
	struct injector *in = &vm->injector;
	int rc;

	in->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	rc = in->timer_fd < 0 ? -errno : loop_add(&vm->loop, in->timer_fd, EPOLLIN, on_timer, vm);
	if (rc == 0)
		return 0;
	/* A rule that comes later tries again. */
	if (in->timer_fd >= 0)
		close(in->timer_fd);
	in->timer_fd = -1;
	return err_set(err, rc, "cannot set up the timer of --inject: %s", strerror(-rc));
}

/* The same seed places the kernel and the errors, so that a run can be repeated. */
static uint64_t seed(const struct run_config *config)
{
	uint64_t value = config->kaslr_seed;

	if (!config->kaslr_seed_given &&
	    getrandom(&value, sizeof(value), GRND_NONBLOCK) != sizeof(value))
		value = clock_now_ns();
	return value ? value : 1;
}

int inject_open(struct vm *vm, struct err *err)
{
	struct injector *in = &vm->injector;
	int rc;

	pthread_mutex_init(&in->lock, NULL);
	in->opened = true;
	in->timer_fd = -1;
	in->random = seed(vm->config);
	in->log = (struct log_limit){ .interval_ns = NS_PER_SEC, .burst = 20 };
	rc = open_rules(vm, err);
	if (rc == 0 && in->nrules)
		rc = open_timer(vm, err);
	return rc;
}

void inject_close(struct vm *vm)
{
	struct injector *in = &vm->injector;

	if (!in->opened)
		return;
	in->opened = false;
	for (unsigned i = 0; i < in->nrules; i++)
		if (has(in->compiled, i))
			regfree(&in->regex[i]);
	in->compiled = 0;
	in->nrules = 0;
	if (in->timer_fd >= 0)
		close(in->timer_fd);
	in->timer_fd = -1;
	pthread_mutex_destroy(&in->lock);
}

/* ---- rules that come later ---- */

static bool is_free(const struct injector *in, unsigned i)
{
	return has(in->over, i) && !in->due_ns[i];
}

static void forget_rule(struct injector *in, unsigned i)
{
	if (has(in->compiled, i))
		regfree(&in->regex[i]);
	in->compiled &= ~(UINT32_C(1) << i);
	in->occurred &= ~(UINT32_C(1) << i);
	in->matched &= ~(UINT32_C(1) << i);
	in->over &= ~(UINT32_C(1) << i);
}

/* A place that is free or whose rule has done all it is to, or -1. */
static int find_room(struct injector *in)
{
	for (unsigned i = 0; i < in->nrules; i++) {
		if (is_free(in, i)) {
			forget_rule(in, i);
			return (int)i;
		}
	}
	return in->nrules < INJECT_MAX_RULES ? (int)in->nrules : -1;
}

static int join(struct vm *vm, const struct inject_rule *rule, struct err *err)
{
	struct injector *in = &vm->injector;
	int i, rc = in->timer_fd < 0 ? open_timer(vm, err) : 0;

	if (rc)
		return rc;
	i = find_room(in);
	if (i < 0)
		return err_set(err, -ENOSPC,
			       "%d rules are at work already; one that is over makes room",
			       INJECT_MAX_RULES);
	rc = set_rule(vm, (unsigned)i, rule, err);
	if (rc) {
		in->over |= UINT32_C(1) << i;
		return rc;
	}
	if (rule->when == INJECT_AT)
		occasion(in, (unsigned)i, clock_now_ns());
	want_next_exits(in);
	arm(in);
	return 0;
}

int inject_add(struct vm *vm, const struct inject_rule *rule, const char *from, uint32_t *id,
	       struct err *err)
{
	int rc;

	*id = 0;
	if (rule->when != INJECT_AT || rule->at_ns || rule->every_ns)
		return join(vm, rule, err);
	if (rule->place == INJECT_CAPTURE)
		return err_set(err, -EINVAL, "gpa=$1 is only for when=console");
	rc = inject_check_host(vm, rule, err);
	return rc ? rc : inject_fire(vm, rule, from, id, err);
}

void inject_start(struct vm *vm)
{
	struct injector *in = &vm->injector;

	if (!in->nrules)
		return;
	for (unsigned i = 0; i < in->nrules; i++)
		if (in->rule[i].when == INJECT_AT)
			occasion(in, i, vm->started_ns);
	want_next_exits(in);
	arm(in);
}
