/*
 * The injection language with any text: it is taken or refused with a reason, and a rule that was taken
 * prints as a text that is read back as the same rule. The rule is then held against a machine.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/types.h"
#include "ras/inject.h"

#define MAX_BYTES 600

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void violated(const char *rule, const char *text, const char *other)
{
	fprintf(stderr, "violated: %s\n  text   %s\n  second %s\n", rule, text, other);
	abort();
}

static char *print(const struct inject_rule *rule)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		abort();
	inject_print(rule, f);
	fclose(f);
	return text;
}

static void reads_back(const struct inject_rule *rule, const char *text)
{
	struct inject_rule again[INJECT_MAX_RULES];
	struct err err = { "" };
	char *printed = print(rule);
	unsigned n = 0;

	if (inject_parse(again, &n, printed, &err))
		violated("what is printed is read", text, printed);
	if (memcmp(&again[0], rule, sizeof(*rule)) != 0)
		violated("what is printed means the same", text, printed);
	free(printed);
}

static void fits_or_not(const struct inject_rule *rule, const char *text)
{
	const struct inject_machine machines[] = {
		{ 1, gpa(0x80000000), MIB(64), true, true },
		{ 512, gpa(0x80000000), UINT64_C(1) << 52, false, false },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(machines); i++) {
		struct err err = { "" };

		if (inject_check(rule, &machines[i], &err) && !err.text[0])
			violated("a refusal has a reason", text, "");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct inject_rule rules[INJECT_MAX_RULES];
	struct err err = { "" };
	char text[MAX_BYTES + 1];
	unsigned n = 0;
	int rc;

	if (size > MAX_BYTES)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	rc = inject_parse(rules, &n, text, &err);
	if (rc ? n != 0 || !err.text[0] : n != 1)
		violated("one rule, or a reason", text, err.text);
	if (rc)
		return 0;
	reads_back(&rules[0], text);
	fits_or_not(&rules[0], text);
	return 0;
}
