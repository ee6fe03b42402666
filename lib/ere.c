/*
 * See ere.h.
 *
 * Source: POSIX.1-2017 9.4, extended regular expressions. glibc builds the whole automaton of a bounded
 * repetition, and backtracks for back-references, which the standard does not have here: a few characters
 * would take all memory or time.
 */
#include "lib/ere.h"

#include <errno.h>
#include <string.h>

#define MAX_SIZE   2048 /* of its automaton, by the estimate below */
#define MAX_BYTES  1024
#define MAX_DEPTH  32
#define MAX_REPEAT 100000 /* keeps products in range */

/* A walk over an expression that sums up how large its automaton becomes. */
struct measure {
	const char *p;
	unsigned long sum[MAX_DEPTH]; /* of the group at each depth, without its last part */
	unsigned long last;           /* the part that a repetition would multiply */
	unsigned depth;
	const char *why; /* it is refused */
};

/* After a [: to its ]. A ] right at the start, and what stands in [: :], is part of the list. */
static void skip_bracket(struct measure *m)
{
	if (*m->p == '^')
		m->p++;
	if (*m->p == ']')
		m->p++;
	while (*m->p && *m->p != ']') {
		char kind = m->p[0] == '[' ? m->p[1] : '\0';

		if (kind != ':' && kind != '.' && kind != '=') {
			m->p++;
			continue;
		}
		for (m->p += 2; *m->p && !(m->p[0] == kind && m->p[1] == ']'); m->p++)
			;
		if (*m->p)
			m->p += 2;
	}
	if (*m->p)
		m->p++;
}

/* After a {: the largest number before the }, which is passed over, too. */
static unsigned long repeat_count(struct measure *m)
{
	unsigned long most = 1, number = 0;

	for (; *m->p && *m->p != '}'; m->p++) {
		if (*m->p < '0' || *m->p > '9') {
			number = 0;
			continue;
		}
		number = number * 10 + (unsigned long)(*m->p - '0');
		if (number > MAX_REPEAT)
			number = MAX_REPEAT;
		if (number > most)
			most = number;
	}
	if (*m->p)
		m->p++;
	return most;
}

static void begin_part(struct measure *m, unsigned long size)
{
	m->sum[m->depth] += m->last;
	m->last = size;
}

static void open_group(struct measure *m)
{
	begin_part(m, 0);
	if (m->depth + 1 == MAX_DEPTH) {
		m->why = "has groups inside each other more than 31 deep";
		return;
	}
	m->sum[++m->depth] = 0;
}

static void close_group(struct measure *m)
{
	if (m->depth == 0)
		return; /* regcomp() has an opinion about it */
	m->last += m->sum[m->depth--] + 1;
}

static void measure_one(struct measure *m)
{
	char c = *m->p++;

	if (c == '\\' && *m->p >= '1' && *m->p <= '9')
		m->why = "has a back-reference (\\1 to \\9), which is not served";
	else if (c == '(')
		open_group(m);
	else if (c == ')')
		close_group(m);
	else if (c == '{')
		m->last *= repeat_count(m);
	else if (c == '*' || c == '+' || c == '?')
		m->last *= 2;
	else
		begin_part(m, 1);
	if (c == '\\' && *m->p)
		m->p++;
	if (c == '[')
		skip_bracket(m);
	if (m->last > MAX_SIZE || m->sum[m->depth] > MAX_SIZE)
		m->why = "is too large: its repetitions multiply to too much";
}

/* NULL, or why it is refused. */
static const char *measure(const char *text)
{
	struct measure m = { .p = text };

	if (strlen(text) > MAX_BYTES)
		return "is longer than 1024 characters";
	while (*m.p && !m.why)
		measure_one(&m);
	return m.why;
}

int ere_compile(regex_t *regex, const char *text, struct err *err)
{
	const char *why = measure(text);
	char reason[128];
	int rc;

	if (why)
		return err_set(err, -EINVAL, "%s", why);
	rc = regcomp(regex, text, REG_EXTENDED);
	if (rc == 0)
		return 0;
	regerror(rc, NULL, reason, sizeof(reason));
	return err_set(err, -EINVAL, "is no regular expression: %s", reason);
}
