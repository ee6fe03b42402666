/* A synchronous external abort by register writes: class, syndrome, vector and saved state for every
 * place it may come from. The numbers are written out, not made from the code's own names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/exception.h"
#include "lib/types.h"
#include "ras/sea.h"

#define VBAR UINT64_C(0xffff800008010800)
#define PC   UINT64_C(0xffff800008123454)
#define FAR  UINT64_C(0xffff000001234567)

/* PSTATE of the PE that takes it. */
#define EL0     UINT64_C(0x0)
#define EL1T    UINT64_C(0x4)
#define EL1H    UINT64_C(0x5)
#define AARCH32 UINT64_C(0x10)

static struct sea_pe pe_in(uint64_t pstate)
{
	return (struct sea_pe){ .pc = PC, .pstate = pstate, .vbar = VBAR, .sctlr = 1 << 23 };
}

static void expect(const char *what, const char *which, uint64_t expected, uint64_t found)
{
	if (expected != found)
		fail_msg("%s: expected %s 0x%llx, found 0x%llx", what, which,
			 (unsigned long long)expected, (unsigned long long)found);
}

static const struct {
	const char *what;
	uint64_t pstate;
	bool ifetch;
	uint64_t esr; /* with FnV clear, SET 0, a read */
	uint64_t offset;
} places[] = {
	/* clang-format off */
	{ "data, EL0",             EL0,     false, 0x92000010, 0x400 },
	{ "data, EL0, AArch32",    AARCH32, false, 0x92000010, 0x600 },
	{ "data, EL1, SP0",        EL1T,    false, 0x96000010, 0x000 },
	{ "data, EL1, SPx",        EL1H,    false, 0x96000010, 0x200 },
	{ "fetch, EL0",            EL0,     true,  0x82000010, 0x400 },
	{ "fetch, EL0, AArch32",   AARCH32, true,  0x82000010, 0x600 },
	{ "fetch, EL1, SP0",       EL1T,    true,  0x86000010, 0x000 },
	{ "fetch, EL1, SPx",       EL1H,    true,  0x86000010, 0x200 },
	/* clang-format on */
};

static void every_place_has_its_class_and_vector(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
		const struct sea sea = { .ifetch = places[i].ifetch,
					 .far_valid = true,
					 .far = FAR };
		const struct sea_pe pe = pe_in(places[i].pstate);
		struct sea_entry e = sea_enter(&sea, &pe);

		expect(places[i].what, "ESR", places[i].esr, e.esr);
		expect(places[i].what, "PC", VBAR + places[i].offset, e.pc);
		expect(places[i].what, "FAR", FAR, e.far);
		expect(places[i].what, "ELR", PC, e.elr);
		expect(places[i].what, "SPSR", places[i].pstate, e.spsr);
		expect(places[i].what, "PSTATE", 0x3c5, e.pstate);
	}
}

static const struct {
	const char *what;
	struct sea sea;
	uint64_t esr; /* from EL1 */
} syndromes[] = {
	/* clang-format off */
	{ "no address",            { .far = FAR },                                      0x96000410 },
	{ "no address, fetch",     { .far = FAR, .ifetch = true },                      0x86000410 },
	{ "a write",               { .far_valid = true, .write = true },                0x96000050 },
	{ "a fetch is no write",   { .far_valid = true, .write = true, .ifetch = true }, 0x86000010 },
	{ "uncontainable",         { .far_valid = true, .set = SEA_UNCONTAINABLE },     0x96001010 },
	{ "restartable",           { .far_valid = true, .set = SEA_RESTARTABLE },       0x96001810 },
	{ "restartable, fetch",    { .far_valid = true, .set = SEA_RESTARTABLE, .ifetch = true }, 0x86001810 },
	{ "all of a data abort",   { .write = true, .set = SEA_RESTARTABLE },           0x96001c50 },
	/* clang-format on */
};

static void the_syndrome_says_what_is_known(void **state)
{
	const struct sea_pe pe = pe_in(EL1H);

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(syndromes); i++) {
		struct sea_entry e = sea_enter(&syndromes[i].sea, &pe);

		expect(syndromes[i].what, "ESR", syndromes[i].esr, e.esr);
		expect(syndromes[i].what, "FAR",
		       syndromes[i].sea.far_valid ? syndromes[i].sea.far : 0, e.far);
	}
}

static const struct {
	const char *what;
	uint64_t pstate, sctlr;
	uint32_t features;
	uint64_t expected;
} pstates[] = {
	/* clang-format off */
	{ "flags, DIT",       0xf1000000 | EL0, 0,                   0,           0xf10003c5 },
	{ "SS, IL, UAO go",   0x00b00c00 | EL1H, 0,                  0,           0x3c5 },
	{ "PAN",              EL0,              0,                   LIB_PE_PAN,  0x4003c5 },
	{ "SPAN",             EL0,              UINT64_C(1) << 23,   LIB_PE_PAN,  0x3c5 },
	{ "PAN was set",      0x400000 | EL1H,  UINT64_C(1) << 23,   LIB_PE_PAN,  0x4003c5 },
	{ "DSSBS",            EL0,              UINT64_C(1) << 44,   LIB_PE_SSBS, 0x13c5 },
	{ "MTE",              EL0,              0,                   LIB_PE_MTE2, 0x20003c5 },
	{ "NMI",              EL0,              0,                   LIB_PE_NMI,  0x23c5 },
	{ "AArch32 state",    0x6e0ffe20 | AARCH32, 0,               0,           0x600003c5 },
	/* clang-format on */
};

static void pstate_is_an_exceptions(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(pstates); i++) {
		const struct sea sea = { 0 };
		const struct sea_pe pe = { .pc = PC,
					   .pstate = pstates[i].pstate,
					   .sctlr = pstates[i].sctlr,
					   .features = pstates[i].features };
		struct sea_entry e = sea_enter(&sea, &pe);

		expect(pstates[i].what, "PSTATE", pstates[i].expected, e.pstate);
		expect(pstates[i].what, "SPSR", pstates[i].pstate, e.spsr);
	}
}

static void ease_sends_it_to_the_serror_vector(void **state)
{
	const struct sea sea = { .far_valid = true };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
		struct sea_pe pe = pe_in(places[i].pstate);

		pe.sctlr2 = UINT64_C(1) << 5;
		expect(places[i].what, "PC", VBAR + places[i].offset + 0x180,
		       sea_enter(&sea, &pe).pc);
		pe.sctlr2 = ~pe.sctlr2;
		expect(places[i].what, "PC", VBAR + places[i].offset, sea_enter(&sea, &pe).pc);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_place_has_its_class_and_vector),
		cmocka_unit_test(the_syndrome_says_what_is_known),
		cmocka_unit_test(pstate_is_an_exceptions),
		cmocka_unit_test(ease_sends_it_to_the_serror_vector),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
