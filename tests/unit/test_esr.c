/* Syndromes: names of severities, which of two SErrors stays, and what the text of a value says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/types.h"
#include "ras/esr.h"

/* ---- severities ---- */

/* Arm DDI 0487, ESR_EL1, ISS of an SError: AET is bits 12:10, DFSC 0x11 in bits 5:0. */
static const struct {
	const char *name;
	unsigned aet;
	uint64_t iss;
} severities[] = {
	{ "uc", 0, 0x0011 },  { "ueu", 1, 0x0411 }, { "ueo", 2, 0x0811 },
	{ "uer", 3, 0x0c11 }, { "ce", 6, 0x1811 },
};

static void every_severity_has_a_name_and_a_syndrome(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(severities); i++) {
		uint64_t iss = 0;

		assert_true(esr_aet_parse(severities[i].name, &iss));
		if (iss != severities[i].iss)
			fail_msg("%s: expected 0x%llx, found 0x%llx", severities[i].name,
				 (unsigned long long)severities[i].iss, (unsigned long long)iss);
		assert_string_equal(esr_aet_name(severities[i].aet), severities[i].name);
	}
}

static void reserved_and_unknown_severities_have_none(void **state)
{
	static const char *const names[] = { "", "UC", "ue", "ueux", "reserved", "ce " };
	uint64_t iss = 5;

	(void)state;
	assert_null(esr_aet_name(4));
	assert_null(esr_aet_name(5));
	assert_null(esr_aet_name(7));
	assert_null(esr_aet_name(8));
	assert_null(esr_aet_name(UINT32_MAX));
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
		assert_false(esr_aet_parse(names[i], &iss));
	assert_int_equal(iss, 5);
}

/* ---- one SError is pending at most ---- */

/* From the least severe on; those of one row are equal. */
static const struct {
	const char *name;
	struct ras_serror serror;
	unsigned rank;
} pending[] = {
	{ "CE", { true, true, 0x1811 }, 1 },
	{ "CE with EA", { true, true, 0x1a11 }, 1 },
	{ "UEO", { true, true, 0x0811 }, 2 },
	{ "UER", { true, true, 0x0c11 }, 3 },
	{ "UER with IESB", { true, true, 0x2c11 }, 3 },
	{ "UEU", { true, true, 0x0411 }, 4 },
	{ "UC", { true, true, 0x0011 }, 5 },
	{ "no syndrome", { true, false, 0 }, 5 },
	{ "no syndrome, bits left over", { true, false, 0x1811 }, 5 },
	{ "implementation defined", { true, true, 0x1000000 }, 5 },
	{ "implementation defined, as if CE", { true, true, 0x1001811 }, 5 },
	{ "uncategorised", { true, true, 0 }, 5 },
	{ "another DFSC, as if CE", { true, true, 0x1812 }, 5 },
	{ "reserved AET 4", { true, true, 0x1011 }, 5 },
	{ "reserved AET 7", { true, true, 0x1c11 }, 5 },
};

static bool same(struct ras_serror a, struct ras_serror b)
{
	return a.pending == b.pending && a.has_esr == b.has_esr && a.iss == b.iss;
}

static void the_more_severe_of_two_stays_and_the_old_of_equals(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(pending); i++) {
		for (unsigned j = 0; j < ARRAY_SIZE(pending); j++) {
			bool take_new = pending[j].rank > pending[i].rank;
			struct ras_serror merged =
				ras_serror_merge(pending[i].serror, pending[j].serror);

			if (!same(merged, pending[take_new ? j : i].serror))
				fail_msg("%s, then %s: expected %s, found 0x%llx", pending[i].name,
					 pending[j].name, pending[take_new ? j : i].name,
					 (unsigned long long)merged.iss);
		}
	}
}

static void nothing_pending_never_wins(void **state)
{
	const struct ras_serror none = { false, false, 0 }, stale = { false, true, 0x11 };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(pending); i++) {
		assert_true(same(ras_serror_merge(none, pending[i].serror), pending[i].serror));
		assert_true(same(ras_serror_merge(pending[i].serror, none), pending[i].serror));
		assert_true(same(ras_serror_merge(stale, pending[i].serror), pending[i].serror));
		assert_true(same(ras_serror_merge(pending[i].serror, stale), pending[i].serror));
	}
	assert_false(ras_serror_merge(none, none).pending);
	assert_false(ras_serror_merge(none, stale).pending);
}

/* ---- text ---- */

static char *text_of(uint64_t esr)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	esr_print(esr, out);
	fclose(out);
	return text;
}

/* What the text must have, each a part of a line; '!' in front: must not have. */
static const struct {
	uint64_t esr;
	const char *parts[8];
} texts[] = {
	/* clang-format off */
	{ 0xbe000011, { "ESR 0x00000000be000011", "EC    0x2f  SError", "IDS   0x00", "AET   0x00  uncontainable (UC)", "DFSC  0x11  asynchronous SError" } },
	{ 0xbe000411, { "AET   0x01  unrecoverable (UEU)", "ISS   0x0000411", "EA    0x00", "!FnV" } },
	{ 0xbe000811, { "AET   0x02  restartable (UEO)" } },
	{ 0xbe000c11, { "AET   0x03  recoverable (UER)" } },
	{ 0xbe001011, { "AET   0x04  reserved" } },
	{ 0xbe001411, { "AET   0x05  reserved" } },
	{ 0xbe001811, { "AET   0x06  corrected (CE)" } },
	{ 0xbe001c11, { "AET   0x07  reserved" } },
	{ 0xbe000611, { "EA    0x01" } },
	{ 0xbe002411, { "IESB  0x01" } },
	{ 0xbe000000, { "DFSC  0x00  uncategorised", "!AET" } },
	{ 0xbe000412, { "DFSC  0x12  reserved", "!AET" } },
	{ 0xbf000000, { "IDS   0x01", "implementation defined", "!AET", "!DFSC" } },
	{ 0xbfffffff, { "IDS   0x01", "ISS   0x1ffffff" } },
	/* An ISS alone. */
	{ 0x00000c11, { "ISS 0x0000c11, read as that of an SError", "AET   0x03", "!EC  " } },
	{ 0x01000000, { "IDS   0x01", "!EC  " } },
	{ 0x00000000, { "uncategorised", "!EC  " } },
	/* Not one: the IL bit is set. */
	{ 0x02000000, { "EC    0x00  unknown reason", "IL    0x01", "!SError" } },
	/* Synchronous external aborts. */
	{ 0x92000410, { "EC    0x24  data abort from a lower", "FnV   0x01", "SET   0x00  recoverable (UER)", "WnR   0x00  read", "DFSC  0x10  synchronous external abort, not on", "ISV   0x00", "CM    0x00" } },
	{ 0x96000010, { "EC    0x25  data abort from the same", "FnV   0x00", "EA    0x00" } },
	{ 0x96001050, { "SET   0x02  uncontainable (UC)", "WnR   0x01  write" } },
	{ 0x96000810, { "SET   0x01  reserved" } },
	{ 0x96001810, { "SET   0x03  restartable (UEO)" } },
	{ 0x96000310, { "EA    0x01", "CM    0x01" } },
	{ 0x82000410, { "EC    0x20  instruction abort from a lower", "FnV   0x01", "SET   0x00", "IFSC  0x10", "!WnR", "!ISV", "!CM" } },
	{ 0x86000010, { "EC    0x21  instruction abort from the same" } },
	/* Walks and parity; SET is for 0x10 only. */
	{ 0x96000012, { "DFSC  0x12  synchronous external abort on a translation table walk, level -2" } },
	{ 0x96000013, { "DFSC  0x13  synchronous external abort on a translation table walk, level -1" } },
	{ 0x96000014, { "walk, level 0", "!SET" } },
	{ 0x96000015, { "walk, level 1" } },
	{ 0x96000016, { "walk, level 2" } },
	{ 0x96000017, { "walk, level 3" } },
	{ 0x96000018, { "parity or ECC error, not on" } },
	{ 0x9600001b, { "parity or ECC error on a translation table walk, level -1" } },
	{ 0x9600001c, { "parity or ECC error on a translation table walk, level 0" } },
	{ 0x9600001f, { "parity or ECC error on a translation table walk, level 3" } },
	{ 0x96000019, { "DFSC  0x19  reserved" } },
	{ 0x96000004, { "translation fault, level 0" } },
	{ 0x96000007, { "translation fault, level 3" } },
	{ 0x9600000f, { "permission fault, level 3" } },
	{ 0x96000021, { "alignment fault" } },
	{ 0x9600003f, { "DFSC  0x3f  reserved" } },
	/* What the instruction was: a store of x3, 8 bytes. */
	{ 0x97c38050, { "ISV   0x01", "access: size 8, x3", "WnR   0x01" } },
	{ 0x97254010, { "access: size 1, sign extended, w5, acquire or release" } },
	/* Others. */
	{ 0x56000000, { "EC    0x15  SVC" } },
	{ 0x32000000, { "EC    0x0c  not described here", "IL    0x01" } },
	{ 0xfe000000, { "EC    0x3f  not described here" } },
	{ 0x00000001be000011, { "63:32 0x00000001", "AET   0x00" } },
	{ UINT64_MAX, { "ISS   0x1ffffff", "63:32 0xffffffff" } },
	/* clang-format on */
};

static void the_text_says_what_the_bits_mean(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(texts); i++) {
		char *text = text_of(texts[i].esr);

		for (unsigned k = 0; k < 8 && texts[i].parts[k]; k++) {
			const char *part = texts[i].parts[k];
			bool wanted = part[0] != '!';

			if (!!strstr(text, part + !wanted) != wanted)
				fail_msg("0x%llx: expected %s\"%s\", found:\n%s",
					 (unsigned long long)texts[i].esr, wanted ? "" : "no ",
					 part + !wanted, text);
		}
		free(text);
	}
}

/* Each line but the first is indented, none is empty, and the text ends with a new line. */
static void any_value_has_a_tidy_text(void **state)
{
	(void)state;
	srand(1);
	for (unsigned i = 0; i < 20000; i++) {
		uint64_t esr = (uint64_t)rand() << 33 ^ (uint64_t)rand() << 16 ^ (uint64_t)rand();
		char *text;

		if (i % 2)
			esr = (uint64_t)(i % 64) << 26 | (esr & 0x3ffffff);
		text = text_of(esr);
		assert_int_equal(text[strlen(text) - 1], '\n');
		for (const char *p = text; (p = strchr(p, '\n')) && p[1]; p++)
			if (strncmp(p, "\n  ", 3) != 0)
				fail_msg("0x%llx: a line is not indented:\n%s",
					 (unsigned long long)esr, text);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_severity_has_a_name_and_a_syndrome),
		cmocka_unit_test(reserved_and_unknown_severities_have_none),
		cmocka_unit_test(the_more_severe_of_two_stays_and_the_old_of_equals),
		cmocka_unit_test(nothing_pending_never_wins),
		cmocka_unit_test(the_text_says_what_the_bits_mean),
		cmocka_unit_test(any_value_has_a_tidy_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
