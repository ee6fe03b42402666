/* What a guest asks of the injection device (ACPI 6.5 18.6) as a rule. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/types.h"
#include "ras/einj.h"

#define PAGE UINT64_C(0x80123000)

/* The SET_ERROR_TYPE_WITH_ADDRESS structure, byte by byte. */
struct params {
	uint8_t bytes[EINJ_PARAMS_BYTES];
};

static void put(struct params *p, unsigned at, uint64_t value, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		p->bytes[at + i] = (uint8_t)(value >> 8 * i);
}

static struct params params(uint32_t type, uint32_t flags, uint32_t cpu, uint64_t address)
{
	struct params p;

	memset(&p, 0, sizeof(p));
	put(&p, 0, type, 4);
	put(&p, 8, flags, 4);
	put(&p, 12, cpu, 4);
	put(&p, 16, address, 8);
	put(&p, 24, ~UINT64_C(0xfff), 8);
	return p;
}

static char *print(const struct inject_rule *rule)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	inject_print(rule, f);
	fclose(f);
	return text;
}

/* The rule is the one that `text` stands for in the language. */
static void is_rule(const struct inject_rule *rule, const char *text)
{
	struct inject_rule rules[INJECT_MAX_RULES];
	struct err err = { "" };
	unsigned n = 0;
	char *found = print(rule);

	if (inject_parse(rules, &n, text, &err) != 0)
		fail_msg("%s: expected a rule, found: it %s", text, err.text);
	if (memcmp(&rules[0], rule, sizeof(*rule)) != 0)
		fail_msg("expected \"%s\", found \"%s\"", text, found);
	free(found);
}

static void each_type_becomes_a_rule(void **state)
{
	static const struct {
		uint32_t type, flags;
		const char *rule;
	} cases[] = {
		{ 0x01, 0, "arm-proc,sev=corrected" },
		{ 0x02, 0, "arm-proc" },
		{ 0x04, 0, "serror,aet=ueu" },
		{ 0x01, 1, "arm-proc,sev=corrected,cpu=3" },
		{ 0x02, 1, "arm-proc,cpu=3" },
		{ 0x04, 1, "serror,esr=0x411,cpu=3" },
		{ 0x08, 2, "mem-ce,threshold,gpa=0x80123456" },
		{ 0x10, 2, "mem-ao,level=uffd,gpa=0x80123456" },
		{ 0x20, 2, "mem-ao,sev=fatal,gpa=0x80123456" },
		{ 0x10, 3, "mem-ao,level=uffd,gpa=0x80123456" },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct params p = params(cases[i].type, cases[i].flags, 3, PAGE + 0x456);
		struct inject_rule rule;
		struct err err = { "" };

		memset(&rule, 0xa5, sizeof(rule));
		/* What the register says counts for nothing beside the structure. */
		if (einj_rule(0x40, p.bytes, &rule, &err) != 0)
			fail_msg("type %#x: expected \"%s\", found: %s", cases[i].type,
				 cases[i].rule, err.text);
		is_rule(&rule, cases[i].rule);
	}
}

static void the_register_counts_where_the_structure_names_no_type(void **state)
{
	struct params p = params(0, 3, 3, PAGE);
	struct inject_rule rule;
	struct err err = { "" };

	(void)state;
	assert_int_equal(einj_rule(0x4, p.bytes, &rule, &err), 0);
	is_rule(&rule, "serror,aet=ueu");
	assert_int_equal(einj_rule(0x2, NULL, &rule, &err), 0);
	is_rule(&rule, "arm-proc");
}

static void refused(uint32_t type, const struct params *p, const char *part)
{
	struct inject_rule rule;
	struct err err = { "" };

	if (einj_rule(type, p ? p->bytes : NULL, &rule, &err) == 0)
		fail_msg("type %#x: expected \"%s\", found it accepted", type, part);
	if (!strstr(err.text, part))
		fail_msg("type %#x: expected \"%s\", found \"%s\"", type, part, err.text);
}

static void what_is_not_offered_is_refused(void **state)
{
	static const uint32_t types[] = { 0, 0x3, 0x18, 0x40, 0x80, 0x100, 0x800, 0x80000000, ~0u };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(types); i++) {
		struct params p = params(types[i], 3, 0, PAGE);

		refused(types[i], &p, "not one of those offered");
		refused(types[i], NULL, "not one of those offered");
	}
}

static void a_memory_error_needs_an_address(void **state)
{
	static const uint32_t types[] = { 0x08, 0x10, 0x20 };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(types); i++) {
		struct params p = params(types[i], 1, 0, PAGE), stale = params(0, 2, 0, PAGE);

		refused(types[i], &p, "without an address");
		refused(types[i], &stale, "without an address");
		refused(types[i], NULL, "without an address");
	}
}

static void every_offered_type_is_known(void **state)
{
	(void)state;
	for (unsigned bit = 0; bit < 32; bit++) {
		uint32_t type = UINT32_C(1) << bit;
		struct params p = params(type, 2, 0, PAGE);
		struct inject_rule rule;
		struct err err = { "" };
		bool known = einj_rule(type, p.bytes, &rule, &err) == 0;

		if (known != (bool)(EINJ_TYPES & type))
			fail_msg("type %#x: expected %s, found %s", type,
				 known ? "refused" : "accepted", known ? "accepted" : "refused");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_type_becomes_a_rule),
		cmocka_unit_test(the_register_counts_where_the_structure_names_no_type),
		cmocka_unit_test(what_is_not_offered_is_refused),
		cmocka_unit_test(a_memory_error_needs_an_address),
		cmocka_unit_test(every_offered_type_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
