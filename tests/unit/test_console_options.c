/* --port: what is read, what is refused, and that it is printed as it is read. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/types.h"
#include "virtio/console_options.h"

static void all_parts_are_read(void **state)
{
	struct console_port_options o;
	struct err err = { "" };

	(void)state;
	assert_int_equal(console_port_parse(&o, "log,out=/tmp/a b\\,c,in=x,console", &err), 0);
	assert_string_equal(o.name, "log");
	assert_string_equal(o.out, "/tmp/a b,c");
	assert_string_equal(o.in, "x");
	assert_true(o.console);
}

static void bad_ports_are_refused_by_what_is_wrong(void **state)
{
	static const struct {
		const char *text, *part;
	} bad[] = {
		{ "", "has no name" },
		{ "in=x", "a port's name comes first" },
		{ "a b,in=x", "a port's name comes first" },
		{ "log", "has neither in=FILE nor out=FILE" },
		{ "log,console", "has neither in=FILE nor out=FILE" },
		{ "log,in=", "has no file after in=" },
		{ "log,in=x,console=1", "write console alone" },
		{ "log,in=x,what", "what" },
		{ "abcdefghijklmnopqrstuvwxyzabcdef,in=x", "at most 31" },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		struct console_port_options o = { .name = "as it was" };
		struct err err = { "" };

		if (console_port_parse(&o, bad[i].text, &err) == 0)
			fail_msg("\"%s\": expected an error with \"%s\", found it accepted",
				 bad[i].text, bad[i].part);
		if (!strstr(err.text, bad[i].part))
			fail_msg("\"%s\": expected \"%s\", found: %s", bad[i].text, bad[i].part,
				 err.text);
		assert_string_equal(o.name, "as it was");
	}
}

static void a_port_is_printed_as_it_is_read(void **state)
{
	static const char *const texts[] = { "log,out=/tmp/a b\\,c", "a,in=x,out=y,console" };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(texts); i++) {
		struct console_port_options o;
		struct err err = { "" };
		char *text = NULL;
		size_t n = 0;
		FILE *f = open_memstream(&text, &n);

		assert_int_equal(console_port_parse(&o, texts[i], &err), 0);
		console_port_print(&o, f);
		fclose(f);
		assert_string_equal(text, texts[i]);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_parts_are_read),
		cmocka_unit_test(bad_ports_are_refused_by_what_is_wrong),
		cmocka_unit_test(a_port_is_printed_as_it_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
