/* See cpulist.h. */
#include "lib/cpulist.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

static int parse_cpu(const char **text, unsigned long *cpu)
{
	char *end;

	if (!isdigit((unsigned char)**text))
		return -EINVAL;
	errno = 0;
	*cpu = strtoul(*text, &end, 10);
	if (errno || *cpu >= CPU_SETSIZE)
		return -EINVAL;
	*text = end;
	return 0;
}

static int parse_range(const char **text, cpu_set_t *set)
{
	unsigned long first, last;

	if (parse_cpu(text, &first))
		return -EINVAL;
	last = first;
	if (**text == '-') {
		(*text)++;
		if (parse_cpu(text, &last) || last < first)
			return -EINVAL;
	}
	for (unsigned long cpu = first; cpu <= last; cpu++)
		CPU_SET(cpu, set);
	return 0;
}

int cpulist_parse(const char *text, cpu_set_t *set, struct err *err)
{
	const char *p = text;

	CPU_ZERO(set);
	for (;;) {
		if (parse_range(&p, set))
			break;
		if (*p == '\0')
			return 0;
		if (*p++ != ',')
			break;
	}
	return err_set(err, -EINVAL,
		       "\"%s\" is not a CPU list: write numbers below %d and ranges, as in 0-3,7",
		       text, CPU_SETSIZE);
}
