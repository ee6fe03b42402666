/* Named checks with TAP output (Test Anything Protocol 12), run by the boot CPU. */
#ifndef GUEST_LIB_TAP_H
#define GUEST_LIB_TAP_H

#include <stdbool.h>
#include <stdint.h>

struct run;

struct test {
	const char *name; /* label of the conformance list, "D07" or a variant "G01-boot" */
	const char *title;
	void (*fn)(struct run *);
	unsigned limit_s;  /* reported as timed out after this; soak= is added */
	unsigned min_cpus; /* skipped with fewer */
	bool on_request;   /* ends the machine or lasts: only by test=NAME */
};

struct run {
	bool strict;     /* strict=rasvm: the documented choices of rasvm, not all that is legal */
	uint64_t soak_s; /* length of the stress tests */
	const struct test *test;
	unsigned failures;
	const char *skipped; /* reason or NULL */
};

/* Each prints "# what: expected X, found Y" on failure and counts it. */
bool expect_eq(struct run *t, int64_t found, int64_t expected, const char *what, ...)
	__attribute__((format(printf, 4, 5)));
bool expect_hex(struct run *t, uint64_t found, uint64_t expected, const char *what, ...)
	__attribute__((format(printf, 4, 5)));
bool expect(struct run *t, bool ok, const char *what, ...) __attribute__((format(printf, 3, 4)));

/* `legal` is the list of allowed values, n of them; with strict only the first is. */
bool expect_one_of(struct run *t, int64_t found, const int64_t *legal, unsigned n, const char *what,
		   ...) __attribute__((format(printf, 5, 6)));

void skip(struct run *t, const char *reason);
void note(const char *format, ...) __attribute__((format(printf, 1, 2)));

struct test_group {
	const struct test *test;
	unsigned ntests;
};

/* Called after each test, skipped ones too, with all other CPUs off; what it expects counts for that
 * test. */
void tap_set_cleanup(void (*fn)(struct run *t));

/* Run what the bootargs group= and test= select (default: all but on_request); number failed. */
unsigned tap_run(const struct test_group *const *groups, unsigned ngroups);

#endif
