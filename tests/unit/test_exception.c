/* PSTATE and vector of an exception taken to EL1: every bit of the interrupted PSTATE, every feature
 * with and without, every bit of SCTLR_EL1 that matters, and the four places it may come from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/exception.h"
#include "lib/types.h"

#define BIT(n) (UINT64_C(1) << (n))

/* SPSR_EL1 and SCTLR_EL1, Arm DDI 0487. */
#define NZCV      (BIT(31) | BIT(30) | BIT(29) | BIT(28))
#define TCO       BIT(25)
#define DIT       BIT(24)
#define PAN       BIT(22)
#define ALLINT    BIT(13)
#define SSBS      BIT(12)
#define SPAN      BIT(23)
#define DSSBS     BIT(44)
#define SPINTMASK BIT(62)
#define MASKED    UINT64_C(0x3c5) /* D, A, I, F, EL1h */

#define ALL (LIB_PE_PAN | LIB_PE_SSBS | LIB_PE_MTE2 | LIB_PE_NMI)

static const struct {
	const char *what;
	uint64_t interrupted, sctlr;
	uint32_t features;
	uint64_t expected;
} rows[] = {
	/* clang-format off */
	{ "EL0",                       0x0,        0,         0,           MASKED },
	{ "EL1t",                      0x4,        0,         0,           MASKED },
	{ "EL1h, all masked",          0x3c5,      0,         0,           MASKED },
	{ "AArch32 User",              0x10,       0,         0,           MASKED },
	{ "condition flags",           NZCV | 5,   0,         0,           NZCV | MASKED },
	{ "DIT",                       DIT | 5,    0,         0,           DIT | MASKED },
	{ "PAN kept",                  PAN | 5,    SPAN,      LIB_PE_PAN,  PAN | MASKED },
	{ "PAN set",                   5,          0,         LIB_PE_PAN,  PAN | MASKED },
	{ "PAN left, SPAN",            5,          SPAN,      LIB_PE_PAN,  MASKED },
	{ "no PAN",                    5,          0,         ALL & ~LIB_PE_PAN, TCO | ALLINT | MASKED },
	{ "SSBS from DSSBS",           5,          DSSBS,     LIB_PE_SSBS, SSBS | MASKED },
	{ "SSBS cleared",              SSBS | 5,   0,         LIB_PE_SSBS, MASKED },
	{ "no SSBS",                   SSBS | 5,   DSSBS,     0,           MASKED },
	{ "TCO",                       5,          0,         LIB_PE_MTE2, TCO | MASKED },
	{ "no MTE2",                   TCO | 5,    0,         0,           MASKED },
	{ "ALLINT",                    5,          0,         LIB_PE_NMI,  ALLINT | MASKED },
	{ "ALLINT left, SPINTMASK",    ALLINT | 5, SPINTMASK, LIB_PE_NMI,  MASKED },
	{ "no NMI",                    ALLINT | 5, 0,         0,           MASKED },
	{ "all",                       NZCV | DIT, DSSBS,     ALL,
		NZCV | DIT | PAN | SSBS | TCO | ALLINT | MASKED },
	/* clang-format on */
};

static void pstate_is_as_the_architecture_says(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t found =
			exception_pstate(rows[i].interrupted, rows[i].sctlr, rows[i].features);

		if (found != rows[i].expected)
			fail_msg("%s: expected PSTATE 0x%llx, found 0x%llx", rows[i].what,
				 (unsigned long long)rows[i].expected, (unsigned long long)found);
	}
}

static void only_flags_dit_and_pan_survive(void **state)
{
	const uint64_t kept = NZCV | DIT | PAN;

	(void)state;
	for (unsigned bit = 0; bit < 64; bit++) {
		uint64_t found = exception_pstate(BIT(bit), SPAN | SPINTMASK, 0);
		uint64_t expected = (BIT(bit) & kept) | MASKED;

		if (found != expected)
			fail_msg("bit %u of the interrupted PSTATE: expected 0x%llx, found 0x%llx",
				 bit, (unsigned long long)expected, (unsigned long long)found);
	}
}

static void other_bits_of_sctlr_change_nothing(void **state)
{
	const uint64_t matter = SPAN | DSSBS | SPINTMASK;

	(void)state;
	for (unsigned bit = 0; bit < 64; bit++)
		if (!(BIT(bit) & matter) &&
		    exception_pstate(5, BIT(bit), ALL) != exception_pstate(5, 0, ALL))
			fail_msg("bit %u of SCTLR_EL1 changes PSTATE", bit);
}

static void vectors_are_chosen_by_where_it_came_from(void **state)
{
	static const struct {
		uint64_t pstate, offset;
	} cases[] = {
		{ 0x4, 0x000 },          /* EL1t */
		{ 0x3c4 | NZCV, 0x000 }, /* ... masked */
		{ 0x5, 0x200 },          /* EL1h */
		{ 0x3c5 | NZCV, 0x200 }, /* ... masked */
		{ 0x0, 0x400 },          /* EL0 */
		{ NZCV | PAN | SSBS, 0x400 },
		{ 0x10, 0x600 }, /* AArch32 User */
		{ 0x1f, 0x600 }, /* ... whatever the mode's other bits say */
		{ 0x10 | NZCV | 0x20, 0x600 },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++)
		if (exception_vector(cases[i].pstate) != cases[i].offset)
			fail_msg("PSTATE 0x%llx: expected offset 0x%llx, found 0x%llx",
				 (unsigned long long)cases[i].pstate,
				 (unsigned long long)cases[i].offset,
				 (unsigned long long)exception_vector(cases[i].pstate));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pstate_is_as_the_architecture_says),
		cmocka_unit_test(only_flags_dit_and_pan_survive),
		cmocka_unit_test(other_bits_of_sctlr_change_nothing),
		cmocka_unit_test(vectors_are_chosen_by_where_it_came_from),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
