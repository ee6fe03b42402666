/*
 * The test runner: selection by boot arguments, one TAP line a test, a watchdog around each, all
 * other CPUs off before and after it. The only state is the running test's.
 */
#include "guest/lib/tap.h"

#include "guest/lib/cpu.h"
#include "guest/lib/exc.h"
#include "guest/lib/io.h"
#include "guest/lib/print.h"
#include "guest/lib/psci.h"
#include "guest/lib/smp.h"
#include "guest/lib/timer.h"

#define MAX_FAILURES_PRINTED 12
#define DEFAULT_LIMIT_S      20
#define DEFAULT_SOAK_S       3

static struct run run;
static struct context run_context;
static const char *abort_reason;
static void (*cleanup)(struct run *t);

void tap_set_cleanup(void (*fn)(struct run *t))
{
	cleanup = fn;
}

static void print_what(const char *what, va_list args)
{
	print("# ");
	vprint(what, args);
}

/* Counts a failure; true if it is to be printed. */
static bool count_failure(struct run *t)
{
	return t->failures++ < MAX_FAILURES_PRINTED;
}

bool expect_eq(struct run *t, int64_t found, int64_t expected, const char *what, ...)
{
	va_list args;

	if (found == expected)
		return true;
	if (count_failure(t)) {
		va_start(args, what);
		print_what(what, args);
		va_end(args);
		print(": expected %ld, found %ld\n", expected, found);
	}
	return false;
}

bool expect_hex(struct run *t, uint64_t found, uint64_t expected, const char *what, ...)
{
	va_list args;

	if (found == expected)
		return true;
	if (count_failure(t)) {
		va_start(args, what);
		print_what(what, args);
		va_end(args);
		print(": expected 0x%lx, found 0x%lx\n", expected, found);
	}
	return false;
}

bool expect(struct run *t, bool ok, const char *what, ...)
{
	va_list args;

	if (!ok && count_failure(t)) {
		va_start(args, what);
		print_what(what, args);
		va_end(args);
		print("\n");
	}
	return ok;
}

bool expect_one_of(struct run *t, int64_t found, const int64_t *legal, unsigned n, const char *what,
		   ...)
{
	unsigned allowed = t->strict ? 1 : n;
	va_list args;

	for (unsigned i = 0; i < allowed; i++)
		if (found == legal[i])
			return true;
	if (count_failure(t)) {
		va_start(args, what);
		print_what(what, args);
		va_end(args);
		print(": expected");
		for (unsigned i = 0; i < allowed; i++)
			print("%s %ld", i ? " or" : "", legal[i]);
		print(", found %ld\n", found);
	}
	return false;
}

void skip(struct run *t, const char *reason)
{
	t->skipped = reason;
}

void note(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_what(format, args);
	va_end(args);
	print("\n");
}

static void abort_test(const char *reason)
{
	abort_reason = reason;
	context_restore(&run_context, 1);
}

/* A CPU that does not go OFF whatever one does: a failure, and if it is the last one, the suite goes
 * on without it. */
static void drop_lost_cpus(void)
{
	for (unsigned i = 1; i < machine.ncpus; i++)
		if (psci_affinity(machine.cpu[i].mpidr, 0) != AFFINITY_OFF && count_failure(&run))
			print("# cpu%u could not be powered off after the test\n", i);
	while (machine.ncpus > 1 &&
	       psci_affinity(machine.cpu[machine.ncpus - 1].mpidr, 0) != AFFINITY_OFF)
		print("# cpu%u is left out from here on\n", --machine.ncpus);
}

static void report_crashes(void)
{
	for (unsigned i = 1; i < machine.ncpus; i++) {
		struct crash *c = &machine.cpu[i].crash;

		if (!c->seen)
			continue;
		run.failures++;
		print("# cpu%u took an exception: vector %lu ESR 0x%lx ELR image+0x%lx FAR 0x%lx LR image+0x%lx\n",
		      i, c->vector, c->esr, c->elr - (uint64_t)image_start, c->far,
		      c->lr - (uint64_t)image_start);
		c->seen = false;
	}
}

static void call_test(const struct test *test)
{
	unsigned limit = test->limit_s ? test->limit_s : DEFAULT_LIMIT_S;

	abort_reason = NULL;
	if (context_save(&run_context) == 0) {
		watchdog_start(limit * machine.time_scale + run.soak_s);
		irq_enable();
		test->fn(&run);
	}
	irq_disable();
	watchdog_stop();
	timer_wake_cancel();
	this_cpu()->resume_armed = false;
	this_cpu()->expected.armed = false;
	/* Let what the test left pending go by. */
	irq_enable();
	barrier_isb();
	if (abort_reason && count_failure(&run))
		print("# %s (limit %lu s)\n", abort_reason,
		      limit * machine.time_scale + run.soak_s);
}

static bool run_one(const struct test *test, unsigned number)
{
	run.test = test;
	run.failures = 0;
	run.skipped = NULL;
	if (machine.ncpus < test->min_cpus)
		skip(&run, "needs more CPUs");
	else
		call_test(test);
	if (!smp_stop_all())
		drop_lost_cpus();
	report_crashes();
	if (cleanup)
		cleanup(&run);
	print("%sok %u - %s %s%s%s\n", run.failures ? "not " : "", number, test->name, test->title,
	      run.skipped && !run.failures ? " # SKIP " : "",
	      run.skipped && !run.failures ? run.skipped : "");
	return run.failures == 0;
}

/* test=D07,E01 and group=DE (letters) or group=S07; a test in on_request needs its full name. */
static bool in_list(const char *list, const char *name)
{
	size_t length = strlen(name);

	for (const char *p = list; *p;) {
		size_t n = 0;

		while (p[n] && p[n] != ',')
			n++;
		if (n == length && !strncmp(p, name, n))
			return true;
		p += n + (p[n] == ',');
	}
	return false;
}

static bool selected(const struct test *test)
{
	char list[128];

	if (bootarg("test", list, sizeof(list)))
		return in_list(list, test->name);
	if (test->on_request)
		return false;
	if (bootarg("skip", list, sizeof(list)) && in_list(list, test->name))
		return false;
	if (!bootarg("group", list, sizeof(list)))
		return true;
	for (const char *p = list; *p; p++)
		if (*p == test->name[0])
			return true;
	return false;
}

static unsigned count_selected(const struct test_group *const *groups, unsigned ngroups)
{
	unsigned n = 0;

	for (unsigned g = 0; g < ngroups; g++)
		for (unsigned i = 0; i < groups[g]->ntests; i++)
			n += selected(&groups[g]->test[i]);
	return n;
}

unsigned tap_run(const struct test_group *const *groups, unsigned ngroups)
{
	char strict[16];
	unsigned number = 0, failed = 0;

	run.strict = bootarg("strict", strict, sizeof(strict)) && !strcmp(strict, "rasvm");
	run.soak_s = bootarg_number("soak", DEFAULT_SOAK_S);
	exception_set_abort(abort_test);
	print("1..%u\n", count_selected(groups, ngroups));
	for (unsigned g = 0; g < ngroups; g++)
		for (unsigned i = 0; i < groups[g]->ntests; i++)
			if (selected(&groups[g]->test[i]))
				failed += !run_one(&groups[g]->test[i], ++number);
	print("# %u run, %u failed\n", number, failed);
	return failed;
}
