/* Regular expressions from outside: those that people write are taken, those that take all memory or time are not. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/ere.h"
#include "lib/types.h"

static void those_that_people_write_are_taken(void **state)
{
	static const char *const good[] = {
		"[0-9a-f]{16} [0-9a-f]{16} [0-9a-f]{16} [0-9a-f]{16}",
		"^\\[ *[0-9]+\\.[0-9]{6}\\] (usb|pci) [^]/]+$",
		"[[:alnum:]_]+@[[:alnum:]-]+:~# ?$",
		"a{1,3}b{2,}|(c|d)*",
		"[]abc][^]]",
		"a{20}{20}",
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(good); i++) {
		struct err err = { "" };
		regex_t regex;

		if (ere_compile(&regex, good[i], &err))
			fail_msg("/%s/ expected to be taken, found: %s", good[i], err.text);
		regfree(&regex);
	}
}

/* Those with repetitions would be compiled for minutes. */
static void those_that_cannot_be_afforded_are_refused(void **state)
{
	static const struct {
		const char *text, *why;
	} bad[] = {
		{ "((a{99}){99}){99}", "is too large" },  { "a{1,999}{1,999}", "is too large" },
		{ "(a{999}){999}{999}", "is too large" }, { "[ab]{99}{99}", "is too large" },
		{ "(a)\\1", "back-reference" },           { "(", "is no regular expression" },
		{ "a{", "is no regular expression" },     { "a{1", "is no regular expression" },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		struct err err = { "" };
		regex_t regex;
		int rc = ere_compile(&regex, bad[i].text, &err);

		if (rc != -EINVAL || !strstr(err.text, bad[i].why))
			fail_msg("/%s/: expected '%s', found %d and '%s'", bad[i].text, bad[i].why,
				 rc, err.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(those_that_people_write_are_taken),
		cmocka_unit_test(those_that_cannot_be_afforded_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
