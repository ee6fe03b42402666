/* Group B: SMC Calling Convention (Arm DEN0028). */
#include "guest/psci/suite.h"

#define LEGACY_PSCI_BASE                                                                           \
	UINT64_C(0x95c1ba5e) /* PSCI 0.1 as KVM numbered it: suspend, off, on, migrate */

static const char *conduit_name(enum conduit c)
{
	return c == CONDUIT_SMC ? "smc" : "hvc";
}

struct call {
	enum conduit conduit;
	uint64_t fid, x1, x2, x3;
};

static uint64_t job_call(uint64_t arg)
{
	const struct call *c = (const struct call *)arg;

	return (uint64_t)smccc_call(c->conduit, c->fid, c->x1, c->x2, c->x3, NULL);
}

/* Make a call that might stop the CPU on cpu1, if there is one; a CPU lost is a failure. */
static void expect_call_elsewhere(struct run *t, const struct call *c, int64_t expected)
{
	struct cpu *cpu = machine.ncpus > 1 ? &machine.cpu[1] : NULL;
	uint64_t found = 0;

	if (!cpu) {
		expect_eq(t, (int64_t)job_call((uint64_t)c), expected, "%s 0x%lx",
			  conduit_name(c->conduit), c->fid);
		return;
	}
	if (psci_affinity(cpu->mpidr, 0) != AFFINITY_ON && !start_or_fail(t, 1))
		return;
	smp_post(cpu, job_call, (uint64_t)c);
	if (!expect(t, smp_wait(cpu, STALL_US), "%s 0x%lx: expected %ld, found no return",
		    conduit_name(c->conduit), c->fid, expected)) {
		smp_stop_all();
		return;
	}
	found = cpu->result;
	expect_eq(t, (int64_t)found, expected, "%s 0x%lx", conduit_name(c->conduit), c->fid);
}

static void b01(struct run *t)
{
	enum conduit conduits[2];
	unsigned n = working_conduits(conduits);
	/* A firmware that does serve CPU_OFF would stop the only CPU: ask for MIGRATE alone then. */
	unsigned first = machine.ncpus > 1 || t->strict ? 0 : 3;

	for (unsigned c = 0; c < n; c++)
		for (unsigned i = first; i < 4; i++)
			expect_call_elsewhere(t,
					      &(struct call){ conduits[c], LEGACY_PSCI_BASE + i,
							      UINT64_MAX, 0, 0 },
					      PSCI_NOT_SUPPORTED);
}

static void b02(struct run *t)
{
	enum conduit conduits[2];
	unsigned n = working_conduits(conduits);
	int64_t version = smccc(PSCI_VERSION, 0, 0, 0);

	for (unsigned c = 0; c < n; c++) {
		expect_eq(t,
			  smccc_call(conduits[c], PSCI_VERSION | UINT64_C(0xdeadbeef00000000), 0, 0,
				     0, NULL),
			  version, "%s PSCI_VERSION with x0[63:32] set", conduit_name(conduits[c]));
		expect_eq(t, smccc_call(conduits[c], PSCI_VERSION, 0, 0, 0, NULL), version,
			  "%s PSCI_VERSION", conduit_name(conduits[c]));
	}
}

/* Calls that return and change nothing. */
static const uint64_t harmless[] = { PSCI_VERSION,    PSCI_AFFINITY_INFO,
				     PSCI_FEATURES,   PSCI_MIGRATE_INFO_TYPE,
				     PSCI_CPU_ON,     PSCI_SET_SUSPEND_MODE,
				     PSCI_STAT_COUNT, PSCI_NODE_HW_STATE,
				     SDEI_VERSION,    0x8400001f,
				     SMCCC_VERSION,   PSCI_MEM_CHECK_RANGE };
#define BAD_ARGUMENT UINT64_C(0xff00ff00ff) /* no CPU, no mode, no function, no RAM */

static void b03(struct run *t)
{
	enum conduit conduits[2];
	unsigned n = working_conduits(conduits);

	for (unsigned c = 0; c < n; c++)
		for (unsigned i = 0; i < ARRAY_LEN(harmless); i++) {
			struct smccc_regs regs = { { harmless[i], BAD_ARGUMENT, 0, 0 } };
			uint64_t counts[3];

			smccc_count(&regs, conduits[c], counts);
			expect(t, counts[0] == 1 && counts[1] == 1 && counts[2] == 1,
			       "%s 0x%lx: expected each canary to run once, found %lu, call, %lu %lu",
			       conduit_name(conduits[c]), harmless[i], counts[0], counts[1],
			       counts[2]);
		}
}

static void fill_canary(struct smccc_canary *c, uint64_t seed)
{
	for (unsigned i = 0; i < 31; i++)
		c->x_in[i] = random_next(&seed);
	for (unsigned i = 0; i < 32; i++) {
		c->q_in[i][0] = random_next(&seed);
		c->q_in[i][1] = random_next(&seed);
	}
	c->nzcv_in = seed & UINT64_C(0xf0000000);
	c->sp_el0_in = seed & ~UINT64_C(15);
}

static void expect_canary(struct run *t, const struct smccc_canary *c, uint64_t fid,
			  unsigned first_x)
{
	for (unsigned i = first_x; i < 31; i++)
		expect_hex(t, c->x_out[i], c->x_in[i], "0x%lx: x%u", fid, i);
	expect_hex(t, c->nzcv_out, c->nzcv_in, "0x%lx: NZCV", fid);
	expect_hex(t, c->sp_out, c->sp_in, "0x%lx: SP", fid);
	expect_hex(t, c->sp_el0_out, c->sp_el0_in, "0x%lx: SP_EL0", fid);
	for (unsigned i = 0; i < 32; i++) {
		expect_hex(t, c->q_out[i][0], c->q_in[i][0], "0x%lx: q%u[63:0]", fid, i);
		expect_hex(t, c->q_out[i][1], c->q_in[i][1], "0x%lx: q%u[127:64]", fid, i);
	}
}

/* x0-x3 carry results, x4-x17 too before SMCCC 1.1. */
static unsigned first_preserved(const struct run *t, uint64_t fid)
{
	if (t->strict && fid != SMCCC_VERSION)
		return 1;
	return psci_features(SMCCC_VERSION) >= 0 && smccc(SMCCC_VERSION, 0, 0, 0) > 0x10000 ? 4
											    : 18;
}

static void b04(struct run *t)
{
	static struct smccc_canary c;
	enum conduit conduits[2];
	unsigned n = working_conduits(conduits);

	for (unsigned k = 0; k < n; k++)
		for (unsigned i = 0; i < ARRAY_LEN(harmless); i++) {
			fill_canary(&c, harmless[i] + k);
			c.x_in[0] = harmless[i];
			c.x_in[1] = BAD_ARGUMENT;
			if (conduits[k] == CONDUIT_SMC)
				smccc_canary_smc(&c);
			else
				smccc_canary_hvc(&c);
			expect_canary(t, &c, harmless[i], first_preserved(t, harmless[i]));
		}
}

static void expect_unknown(struct run *t, enum conduit conduit, uint64_t first, uint64_t last)
{
	for (uint64_t fid = first; fid <= last; fid++)
		expect_call_elsewhere(t, &(struct call){ conduit, fid, BAD_ARGUMENT, 0, 0 },
				      PSCI_NOT_SUPPORTED);
}

static void b06(struct run *t)
{
	enum conduit conduits[2];
	unsigned n = working_conduits(conduits);

	for (unsigned c = 0; c < n; c++) {
		bool undefined;
		int64_t wild = smccc_try(conduits[c] == CONDUIT_SMC ? CALL_SMC0 : CALL_HVC0, 1337,
					 0, 0, 0, &undefined);

		expect_unknown(t, conduits[c], 0x84000016, 0x8400001f);
		expect_unknown(t, conduits[c], 0xc4000016, 0xc400001f);
		expect_unknown(t, conduits[c], 0xc4000033, 0xc400003f);
		expect_unknown(t, conduits[c], 0x84000020, 0x8400003f);
		for (unsigned i = 0; i < npsci_functions; i++)
			if (!psci_functions[i].fid64)
				expect_unknown(t, conduits[c],
					       psci_functions[i].fid32 | SMCCC_64BIT,
					       psci_functions[i].fid32 | SMCCC_64BIT);
		expect(t, undefined || wild == PSCI_NOT_SUPPORTED,
		       "%s id 1337: expected -1 or an undefined instruction, found %ld",
		       conduit_name(conduits[c]), wild);
	}
}

static void b11(struct run *t)
{
	const uint64_t garbage = UINT64_C(0xa5a5a5a500000000);
	struct cpu *cpu = &machine.cpu[1];
	uint64_t before = shared_read(&cpu->entries), entry = (uint64_t)secondary_entry;

	if (entry >> 32 || cpu->mpidr >> 32) {
		skip(t, "the image or the target's affinity does not fit in 32 bits");
		return;
	}
	expect_eq(t,
		  smccc(PSCI_CPU_ON32, cpu->mpidr | garbage, entry | garbage, 0x89abcdef | garbage),
		  PSCI_SUCCESS, "SMC32 CPU_ON with x1-x3[63:32] set");
	if (expect(t, smp_wait_entry(cpu, before, STALL_US), "cpu1: expected a start, found none"))
		expect_hex(t, cpu->entry.ctx, 0x89abcdef, "cpu1: x0 at entry");
	expect_eq(t, smccc(PSCI_AFFINITY_INFO32, cpu->mpidr | garbage, garbage, 0), AFFINITY_ON,
		  "SMC32 AFFINITY_INFO with x1, x2[63:32] set");
}

static void b12(struct run *t)
{
	static const uint64_t ids[] = { PSCI_VERSION, PSCI_AFFINITY_INFO, PSCI_AFFINITY_INFO32,
					PSCI_FEATURES, SDEI_VERSION };

	for (unsigned i = 0; i < ARRAY_LEN(ids); i++) {
		for (unsigned bit = 16; bit <= 23; bit++)
			expect_eq(t, smccc(ids[i] | UINT64_C(1) << bit, BAD_ARGUMENT, 0, 0),
				  PSCI_NOT_SUPPORTED, "0x%lx with bit %u", ids[i], bit);
		expect_eq(t, smccc(ids[i] & ~UINT64_C(0x80000000), BAD_ARGUMENT, 0, 0),
			  PSCI_NOT_SUPPORTED, "yielding form of 0x%lx", ids[i]);
	}
}

static void b13(struct run *t)
{
	enum conduit conduits[2];
	unsigned n = working_conduits(conduits);
	bool undefined;

	if (conduits[n - 1] != CONDUIT_SMC) {
		skip(t, "SMC is undefined here");
		return;
	}
	/* If this fails SYSTEM_OFF would end the run. */
	if (!expect_eq(t, smccc_try(CALL_SMC1, PSCI_VERSION, 0, 0, 0, &undefined),
		       PSCI_NOT_SUPPORTED, "SMC #1 PSCI_VERSION"))
		return;
	expect_eq(t, smccc_try(CALL_SMC1, PSCI_SYSTEM_OFF, 0, 0, 0, &undefined), PSCI_NOT_SUPPORTED,
		  "SMC #1 SYSTEM_OFF");
}

static void expect_undefined_at_el0(struct run *t, const void *code, const char *what)
{
	uint64_t esr = 0;
	bool taken;

	exception_expect();
	el0_run(code, PSCI_VERSION);
	taken = exception_taken(&esr);
	expect(t, taken && ESR_EC(esr) == EC_UNKNOWN,
	       "%s at EL0: expected an undefined instruction exception, found %s (class 0x%x)",
	       what, taken ? "another exception" : "none", ESR_EC(esr));
}

static void b15(struct run *t)
{
	expect_undefined_at_el0(t, el0_hvc, "HVC");
	expect_undefined_at_el0(t, el0_smc, "SMC");
}

static void b16(struct run *t)
{
	static const uint64_t workarounds[] = { 0x80008000, 0x80007fff, 0x80003fff };
	int64_t version = smccc(SMCCC_VERSION, 0, 0, 0);

	expect(t, version >= 0x10001 && version < 0x80000000,
	       "SMCCC_VERSION: expected 0x10001 or later, found %ld", version);
	for (unsigned i = 0; i < ARRAY_LEN(workarounds); i++) {
		int64_t found = smccc(SMCCC_ARCH_FEATURES, workarounds[i], 0, 0);

		note("ARCH_FEATURES(0x%lx) = %ld", workarounds[i], found);
		expect(t, found >= -2 && found <= 1,
		       "ARCH_FEATURES(0x%lx): expected -2..1, found %ld", workarounds[i], found);
	}
	expect_eq(t, smccc(SMCCC_ARCH_FEATURES, PSCI_VERSION, 0, 0), PSCI_NOT_SUPPORTED,
		  "ARCH_FEATURES of a function outside the Arch range");
}

static int64_t call_big_endian(uint64_t fid, uint64_t x1, uint64_t x2, uint64_t x3)
{
	struct smccc_regs regs = { { fid, x1, x2, x3 } };
	uint64_t daif = sysreg_read(daif);

	sysreg_write(daif, daif | DAIF_ALL);
	smccc_raw(&regs,
		  machine.conduit == CONDUIT_SMC ? CALL_SMC0_BIG_ENDIAN : CALL_HVC0_BIG_ENDIAN);
	sysreg_write(daif, daif);
	return (int64_t)regs.x[0];
}

static void b19(struct run *t)
{
	struct cpu *cpu = machine.ncpus > 1 ? &machine.cpu[1] : NULL;
	uint64_t before;

	if (!(sysreg_read(id_aa64mmfr0_el1) >> 8 & 15)) {
		skip(t, "no big-endian support");
		return;
	}
	for (unsigned i = 0; i < ARRAY_LEN(harmless); i++)
		expect_eq(t, call_big_endian(harmless[i], BAD_ARGUMENT, 0, 0),
			  smccc(harmless[i], BAD_ARGUMENT, 0, 0), "0x%lx big-endian", harmless[i]);
	if (!cpu)
		return;
	before = shared_read(&cpu->entries);
	expect_eq(t,
		  call_big_endian(PSCI_CPU_ON, cpu->mpidr, (uint64_t)secondary_entry,
				  UINT64_C(0x0123456789abcdef)),
		  PSCI_SUCCESS, "CPU_ON big-endian");
	if (!expect(t, smp_wait_entry(cpu, before, STALL_US), "cpu1: expected a start, found none"))
		return;
	expect_hex(t, cpu->entry.ctx, UINT64_C(0x0123456789abcdef), "cpu1: x0 at entry");
	expect_hex(t, cpu->entry.sctlr & SCTLR_EE, SCTLR_EE,
		   "cpu1: SCTLR.EE at entry (the caller's)");
}

static const struct test tests[] = {
	{ "B01", "denied ids answer NOT_SUPPORTED", b01, 60, 0, false },
	{ "B02", "only W0 selects the function", b02, 0, 0, false },
	{ "B03", "execution continues at the next instruction", b03, 0, 0, false },
	{ "B04", "registers a call must preserve are preserved", b04, 0, 0, false },
	{ "B06", "unknown ids answer -1 in all 64 bits", b06, 60, 0, false },
	{ "B11", "SMC32 CPU_ON ignores the upper halves of its arguments", b11, 0, 2, false },
	{ "B12", "ids with reserved bits and yielding forms answer -1", b12, 0, 0, false },
	{ "B13", "SMC with an immediate answers -1 and does nothing", b13, 0, 0, false },
	{ "B15", "calls from EL0 are undefined", b15, 0, 0, false },
	{ "B16", "SMCCC version and architecture features", b16, 0, 0, false },
	{ "B19", "a big-endian caller is served, its CPU_ON starts big-endian", b19, 0, 0, false },
};
const struct test_group group_smccc = { tests, ARRAY_LEN(tests) };
