/* A trace in a file of its own, and what was written to it. */
#ifndef TESTS_UNIT_TRACE_FIXTURE_H
#define TESTS_UNIT_TRACE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "arm64/trace.h"

struct file {
	char path[32];
	struct trace trace;
};

static inline int open_file(void **state)
{
	static struct file f;
	struct err err = { "" };
	int fd;

	strcpy(f.path, "/tmp/rasvm-test-XXXXXX");
	fd = mkstemp(f.path);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(trace_open(&f.trace, f.path, &err), 0);
	*state = &f;
	return 0;
}

static inline int close_file(void **state)
{
	struct file *f = *state;

	trace_close(&f->trace);
	unlink(f->path);
	return 0;
}

/* All that was written. */
static inline char *written(const struct file *f)
{
	static char text[4096];
	FILE *in = fopen(f->path, "r");
	size_t n;

	assert_non_null(in);
	n = fread(text, 1, sizeof(text) - 1, in);
	fclose(in);
	text[n] = '\0';
	return text;
}

#endif
