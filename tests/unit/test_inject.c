/* The injection language: what each rule means, what makes no sense, and that what is printed reads
 * back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/clock.h"
#include "lib/types.h"
#include "ras/inject.h"
#include "ras/policy.h"

static const struct inject_machine machine = {
	.ncpus = 4,
	.ram = { 0x80000000 },
	.ram_bytes = MIB(256),
	.acpi = true,
	.sdei = true,
};

static struct inject_rule accept(const char *text)
{
	struct inject_rule rules[INJECT_MAX_RULES];
	struct err err = { "" };
	unsigned n = 0;

	memset(rules, 0xa5, sizeof(rules));
	if (inject_parse(rules, &n, text, &err) != 0)
		fail_msg("%s: expected to be accepted, found: it %s", text, err.text);
	assert_int_equal(n, 1);
	return rules[0];
}

static void refuse(const char *text, const char *part)
{
	struct inject_rule rules[INJECT_MAX_RULES];
	struct err err = { "" };
	unsigned n = 3;

	if (inject_parse(rules, &n, text, &err) == 0)
		fail_msg("%s: expected an error with \"%s\", found it accepted", text, part);
	if (!strstr(err.text, part))
		fail_msg("%s: expected an error with \"%s\", found: %s", text, part, err.text);
	assert_int_equal(n, 3);
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

/* Each text, and how it is printed: as short as it can be written. */
static void rules_are_printed_as_short_as_they_can_be_written(void **state)
{
	static const char *const cases[][2] = {
		/* clang-format off */
		{ "mem-ao", "mem-ao" },
		{ "mem-ao,at=0,pages=1,level=model,count=1,every=1s", "mem-ao,every=1s,count=1" },
		{ "mem-ao,gpa=4096,at=1500ms", "mem-ao,at=1500ms,gpa=0x1000" },
		{ "mem-ao,sev=fatal,gpa=0x80000000", "mem-ao,gpa=0x80000000,sev=fatal" },
		{ "mem-ao,level=real,pages=512", "mem-ao,pages=512,level=real" },
		{ "mem-ao,range=0x80000000-0x80004000", "mem-ao,range=0x80000000-0x80004000" },
		{ "mem-ao,gpa=$1,when=console:addr (0x[0-9a-f]+)",
		  "mem-ao,when=console:addr (0x[0-9a-f]+),gpa=$1" },
		{ "mem-ar,va=0xffff800010000000,cpu=2,level=uffd",
		  "mem-ar,cpu=2,va=0xffff800010000000,level=uffd" },
		{ "mem-ar,ifetch,cpu=1", "mem-ar,cpu=1,ifetch" },
		{ "mem-ce,threshold", "mem-ce,threshold" },
		{ "serror", "serror,esr=0x811" },
		{ "serror,aet=uc", "serror,esr=0x11" },
		{ "serror,aet=ueu", "serror,esr=0x411" },
		{ "serror,aet=ueo", "serror,esr=0x811" },
		{ "serror,aet=uer", "serror,esr=0xc11" },
		{ "serror,aet=ce", "serror,esr=0x1811" },
		{ "serror,esr=0x1ffffff,cpu=0", "serror,cpu=0,esr=0x1ffffff" },
		{ "serror,no-esr", "serror,no-esr" },
		{ "sea", "sea" },
		{ "sea,ifetch,when=exit:1000", "sea,when=exit:1000,ifetch" },
		{ "sdei,event=ras-normal", "sdei,event=0x40000010" },
		{ "sdei,event=ras-critical", "sdei,event=0x40000011" },
		{ "sdei,event=0,cpu=3", "sdei,cpu=3,event=0x0" },
		{ "ghes", "ghes" },
		{ "ghes,source=sea,sev=corrected,section=mem", "ghes,source=sea,sev=corrected" },
		{ "ghes,section=raw,file=a\\,b\\\\", "ghes,section=raw,file=a\\,b\\\\" },
		{ "ghes,section=arm,source=polled", "ghes,source=polled,section=arm" },
		{ "arm-proc,gpa=0x80000000,sev=info,source=ged",
		  "arm-proc,gpa=0x80000000,source=ged,sev=info" },
		{ "storm", "storm,pages=32" },
		{ "storm,pages=17,sev=corrected", "storm,pages=17,sev=corrected" },
		{ "mem-ao,when=console:a\\,b\\.,count=0,at=2", "mem-ao,at=2s,when=console:a\\,b\\.,count=0" },
		{ "mem-ao,every=1us", "mem-ao,every=1us" },
		/* clang-format on */
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct inject_rule rule = accept(cases[i][0]), again;
		char *text = print(&rule);

		if (strcmp(text, cases[i][1]) != 0)
			fail_msg("%s: expected \"%s\", found \"%s\"", cases[i][0], cases[i][1],
				 text);
		again = accept(text);
		assert_memory_equal(&again, &rule, sizeof(rule));
		free(text);
	}
}

static void a_rule_says_when(void **state)
{
	struct inject_rule rule = accept("sea,at=5");

	(void)state;
	assert_int_equal(rule.when, INJECT_AT);
	assert_int_equal(rule.at_ns, 5 * NS_PER_SEC);
	assert_int_equal(rule.count, 1);
	assert_int_equal(rule.every_ns, 0);
	assert_int_equal(rule.cpu, INJECT_ANY_CPU);
	rule = accept("sea,every=10ms");
	assert_int_equal(rule.every_ns, 10 * NS_PER_MS);
	assert_int_equal(rule.count, 0);
	rule = accept("sea,when=exit:77,every=10ms,count=3");
	assert_int_equal(rule.when, INJECT_EXIT);
	assert_int_equal(rule.exit, 77);
	assert_int_equal(rule.count, 3);
	rule = accept("sea,when=console:^login\\, please: $,count=2");
	assert_int_equal(rule.when, INJECT_CONSOLE);
	assert_string_equal(rule.console, "^login, please: $");
	assert_int_equal(rule.count, 2);
}

static void times_that_make_no_sense_are_refused(void **state)
{
	(void)state;
	refuse("sea,at=soon", "has \"at=soon\"");
	refuse("sea,every=0", "has \"every=0\"");
	refuse("sea,every=999ns", "has \"every=999ns\"");
	refuse("sea,count=2", "has count= without every= or when=console");
	refuse("sea,when=exit:5,count=2", "has count= without every= or when=console");
	refuse("sea,when=exit:0", "has \"when=exit=0\"");
	refuse("sea,when=exit:", "has \"when=exit=\"");
	refuse("sea,when=later", "use console:REGEX or exit:N");
	refuse("sea,when=console:", "has an empty regular expression");
	refuse("sea,when=console:a\\", "ends in a backslash");
	refuse("sea,at=1,at=2", "at= twice");
	refuse("sea,gpa=$1", "sea does not take");
	refuse("mem-ao,gpa=$1", "without when=console");
	refuse("mem-ao,gpa=$1,when=exit:3", "without when=console");
}

static void parts_that_are_unknown_or_not_of_the_kind_are_refused(void **state)
{
	(void)state;
	refuse("", "has the kind \"\"");
	refuse("mem", "has the kind \"mem\": use mem-ao, ");
	refuse("mem-ao,", "unknown part \"\"");
	refuse("mem-ao,pid=1", "unknown part \"pid=1\"");
	refuse("mem-ao,gpa", "unknown part \"gpa\"");
	refuse("mem-ao,esr=0x11", "has esr=, which mem-ao does not take");
	refuse("mem-ao,threshold", "has threshold, which mem-ao does not take");
	refuse("serror,level=uffd", "has level=, which serror does not take");
	refuse("serror,ifetch", "has ifetch, which serror does not take");
	refuse("sea,esr=1", "has esr=, which sea does not take");
	refuse("arm-proc,file=x", "has file=, which arm-proc does not take");
	refuse("storm,level=uffd", "has level=, which storm does not take");
	refuse("sdei,event=1,source=ged", "has source=, which sdei does not take");
	refuse("mem-ce,threshold=yes", "threshold takes no value");
	refuse("sea,ifetch=", "ifetch takes no value");
	refuse("serror,no-esr=1", "no-esr takes no value");
}

static void values_out_of_bounds_are_refused(void **state)
{
	(void)state;
	refuse("mem-ao,cpu=512", "has \"cpu=512\"");
	refuse("mem-ao,gpa=here", "has \"gpa=here\"");
	refuse("mem-ao,pages=0", "has \"pages=0\"");
	refuse("mem-ao,pages=262145", "has \"pages=262145\"");
	refuse("storm,pages=8193", "has \"pages=8193\"");
	refuse("mem-ao,level=hard", "use model, uffd or real");
	refuse("mem-ao,range=0x1000", "has \"range=0x1000\"");
	refuse("mem-ao,range=0x2000-0x1000", "FROM below TO");
	refuse("mem-ao,range=0x1000-0x1000", "FROM below TO");
	refuse("mem-ao,range=0x1000-0x2001", "multiples of 4096");
	refuse("mem-ao,range=0x1001-0x3000", "multiples of 4096");
	refuse("mem-ao,range=00000000000000000000000000000000000-0x1000", "FROM-TO");
	refuse("serror,esr=0x2000000", "0 to 0x1ffffff");
	refuse("serror,aet=bad", "use ce, ueo, uer, ueu or uc");
	refuse("sdei,event=nmi", "use an event's number, ras-normal or ras-critical");
	refuse("sdei,event=0x100000000", "use an event's number");
	refuse("ghes,source=scsi", "use sea, sdei-normal, sdei-critical, ged or polled");
	refuse("ghes,section=pcie", "use mem, arm or raw");
	refuse("ghes,sev=worst", "use recoverable, fatal, corrected or info");
}

static void combinations_without_a_meaning_are_refused(void **state)
{
	(void)state;
	refuse("mem-ao,gpa=1,va=2", "has both gpa and va");
	refuse("mem-ao,va=1,range=0x1000-0x2000", "has both va and range");
	refuse("serror,esr=1,aet=ce", "has both esr and aet");
	refuse("serror,aet=ce,no-esr", "has both aet and no-esr");
	refuse("serror,esr=1,no-esr", "has both esr and no-esr");
	refuse("mem-ce,level=real", "use level=model");
	refuse("mem-ce,level=uffd", "use level=model");
	refuse("mem-ar,level=uffd,ifetch", "has ifetch with level=uffd");
	refuse("mem-ao,cpu=1", "where no CPU is concerned");
	refuse("mem-ar,cpu=1,level=uffd", "where no CPU is concerned");
	refuse("storm,cpu=1", "where no CPU is concerned");
	refuse("mem-ao,sev=corrected", "or mem-ce");
	refuse("mem-ao,sev=info", "or mem-ce");
	refuse("mem-ao,sev=fatal,level=uffd", "use level=model");
	refuse("storm,sev=fatal", "use recoverable or corrected");
	refuse("sdei", "names no event");
	refuse("ghes,section=raw", "without file=");
	refuse("ghes,file=x", "has file= without section=raw");
	refuse("ghes,section=raw,file=", "has an empty file name");
	refuse("ghes,section=raw,file=x,gpa=1", "has an address with section=raw");
}

static void texts_that_are_too_long_are_refused(void **state)
{
	char text[600];

	(void)state;
	memset(text, 'x', sizeof(text));
	memcpy(text, "sea,when=console:", 17);
	text[17 + 255] = '\0';
	accept(text);
	text[17 + 255] = 'x';
	text[17 + 256] = '\0';
	refuse(text, "has a regular expression of 256 characters: at most 255 are allowed");
	text[17 + 256] = 'x';
	text[sizeof(text) - 1] = '\0';
	refuse(text, "is too long: 599 characters");
	/* What is printed may be longer ("at=1s"), and has to be read. */
	memcpy(text, "ghes,at=1,section=raw,file=", 27);
	memcpy(text + 250, ",when=console:", 14);
	text[505] = '\0';
	accept(text);
	memcpy(text, "ghes,section=raw,at=1,file=", 27);
	text[505] = 'x';
	text[511] = '\0';
	refuse(text, "is too long: 512 characters with all units, at most 511 are read");
}

static void there_is_room_for_as_many_rules_as_promised(void **state)
{
	struct inject_rule rules[INJECT_MAX_RULES];
	struct err err = { "" };
	unsigned n = 0;

	(void)state;
	while (n < INJECT_MAX_RULES)
		assert_int_equal(inject_parse(rules, &n, "sea", &err), 0);
	assert_int_not_equal(inject_parse(rules, &n, "sea", &err), 0);
	assert_int_equal(n, INJECT_MAX_RULES);
	assert_string_equal(err.text, "is one rule too many: there is room for 32");
}

static void check_good(const char *text, const struct inject_machine *m)
{
	struct inject_rule rule = accept(text);
	struct err err = { "" };

	if (inject_check(&rule, m, &err) != 0)
		fail_msg("%s: expected to fit the machine, found: it %s", text, err.text);
}

static void check_bad(const char *text, const struct inject_machine *m, const char *part)
{
	struct inject_rule rule = accept(text);
	struct err err = { "" };

	if (inject_check(&rule, m, &err) == 0)
		fail_msg("%s: expected \"%s\", found that it fits the machine", text, part);
	if (!strstr(err.text, part))
		fail_msg("%s: expected \"%s\", found: %s", text, part, err.text);
}

static void rules_that_fit_the_machine(void **state)
{
	static const char *const good[] = {
		"mem-ao",
		"mem-ao,gpa=0x80000000",
		"mem-ao,gpa=0x8fffffff",
		"mem-ao,gpa=0x8fffe000,pages=2",
		"mem-ao,range=0x80000000-0x90000000,pages=65536",
		"mem-ar,va=0xffff000000000000,cpu=3",
		"mem-ao,gpa=$1,when=console:(.*)",
		"storm,range=0x80000000-0x80001000,pages=8192",
		"storm,gpa=0x8e000000,pages=8192",
		"ghes,source=sdei-critical",
		"arm-proc,cpu=3",
		"sdei,event=1",
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(good); i++)
		check_good(good[i], &machine);
}

static void rules_that_name_what_the_machine_has_not_are_refused(void **state)
{
	struct inject_machine bare = machine;

	(void)state;
	bare.acpi = bare.sdei = false;
	check_bad("mem-ar,cpu=4", &machine, "with --cpus 4 they are 0 to 3");
	check_bad("mem-ao,gpa=0x7fffffff", &machine, "0x80000000 to 0x8fffffff");
	check_bad("mem-ao,gpa=0x90000000", &machine, "not all RAM");
	check_bad("mem-ao,gpa=0x8ffff000,pages=2", &machine, "8192 bytes, which are not all RAM");
	check_bad("mem-ao,gpa=0xffffffffffffffff,pages=2", &machine, "not all RAM");
	check_bad("mem-ao,range=0x7ffff000-0x80001000", &machine, "a range that is not all RAM");
	check_bad("mem-ao,range=0x80000000-0x90001000", &machine, "a range that is not all RAM");
	check_bad("mem-ao,range=0x80000000-0x80002000,pages=3", &machine, "3 pages in a row");
	check_bad("mem-ao,pages=65537", &machine, "65537 pages in a row");
	check_bad("storm,gpa=0x8e001000,pages=8192", &machine, "not all RAM");
	check_bad("ghes", &bare, "--firmware-tables acpi or both");
	check_bad("arm-proc", &bare, "--firmware-tables acpi or both");
	check_bad("sdei,event=1", &bare, "needs SDEI");
	bare.acpi = true;
	check_bad("ghes,source=sdei-normal", &bare, "needs SDEI");
	check_good("ghes", &bare);
	check_good("arm-proc,source=polled", &bare);
	bare.acpi = false;
	check_good("mem-ao", &bare);
	check_good("serror", &bare);
}

static void kinds_that_reach_the_guest_by_records_want_acpi(void **state)
{
	static const struct {
		const char *text;
		bool wants;
	} cases[] = {
		{ "mem-ao", true },  { "mem-ar", true },        { "mem-ce", true },
		{ "ghes", true },    { "arm-proc", true },      { "storm", true },
		{ "serror", false }, { "sdei,event=1", false }, { "sea", false },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct inject_rule rule = accept(cases[i].text);

		if (inject_wants_acpi(&rule) != cases[i].wants)
			fail_msg("%s: expected %d, found %d", cases[i].text, cases[i].wants,
				 !cases[i].wants);
	}
}

/* ---- random texts ---- */

static const char *const words[] = {
	"mem-ao",       "mem-ar",
	"mem-ce",       "serror",
	"sea",          "sdei",
	"ghes",         "arm-proc",
	"storm",        "at=5s",
	"at=1",         "when=exit:3",
	"cpu=1",        "gpa=1",
	"gpa=$1",       "va=0x10",
	"pages=2",      "level=uffd",
	"esr=17",       "aet=uer",
	"no-esr",       "ifetch",
	"event=7",      "source=ged",
	"sev=fatal",    "sev=corrected",
	"section=raw",  "section=arm",
	"file=a\\\\b",  "count=3",
	"every=1s",     "threshold",
	"range=0-4096", "when=console:a\\,b",
	"file=x",       "count=0",
};

static void random_text(char *text, size_t size)
{
	size_t used = (size_t)snprintf(text, size, "%s", words[rand() % 9]);

	for (int parts = rand() % 4; parts > 0 && used < size; parts--)
		used += (size_t)snprintf(text + used, size - used, ",%s",
					 words[9 + (unsigned)rand() % (ARRAY_SIZE(words) - 9)]);
}

static void whatever_is_accepted_prints_and_reads_back(void **state)
{
	unsigned accepted = 0;

	(void)state;
	srand(1);
	for (unsigned i = 0; i < 100000; i++) {
		struct inject_rule rules[INJECT_MAX_RULES], again;
		struct err err;
		char text[256], *printed;
		unsigned n = 0;

		random_text(text, sizeof(text));
		if (inject_parse(rules, &n, text, &err) != 0)
			continue;
		accepted++;
		printed = print(&rules[0]);
		again = accept(printed);
		if (memcmp(&again, &rules[0], sizeof(again)) != 0)
			fail_msg("%s was printed as %s, which means something else", text, printed);
		free(printed);
	}
	assert_in_range(accepted, 5000, 100000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_are_printed_as_short_as_they_can_be_written),
		cmocka_unit_test(a_rule_says_when),
		cmocka_unit_test(times_that_make_no_sense_are_refused),
		cmocka_unit_test(parts_that_are_unknown_or_not_of_the_kind_are_refused),
		cmocka_unit_test(values_out_of_bounds_are_refused),
		cmocka_unit_test(combinations_without_a_meaning_are_refused),
		cmocka_unit_test(texts_that_are_too_long_are_refused),
		cmocka_unit_test(there_is_room_for_as_many_rules_as_promised),
		cmocka_unit_test(rules_that_fit_the_machine),
		cmocka_unit_test(rules_that_name_what_the_machine_has_not_are_refused),
		cmocka_unit_test(kinds_that_reach_the_guest_by_records_want_acpi),
		cmocka_unit_test(whatever_is_accepted_prints_and_reads_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
