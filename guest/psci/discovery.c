/* Group C: PSCI discovery (Arm DEN0022F.b 5.1, 5.3, 5.15). */
#include "guest/psci/suite.h"

#define MAX_CPUS_ASKED 8
#define PSCI_1_0       0x10000

static bool has_features(struct run *t)
{
	if (smccc(PSCI_VERSION, 0, 0, 0) >= PSCI_1_0)
		return true;
	skip(t, "PSCI_FEATURES came with PSCI 1.0");
	return false;
}

static uint64_t job_version(uint64_t arg)
{
	(void)arg;
	return (uint64_t)smccc(PSCI_VERSION, 0, 0, 0);
}

static uint64_t job_features_hash(uint64_t arg)
{
	uint64_t hash = arg;

	for (unsigned i = 0; i < npsci_functions; i++) {
		hash = hash * 31 + (uint64_t)psci_features(psci_functions[i].fid32);
		hash = hash * 31 + (uint64_t)psci_features(psci_functions[i].fid32 | SMCCC_64BIT);
	}
	return hash;
}

static void c01(struct run *t)
{
	int64_t version = smccc(PSCI_VERSION, 0, 0, 0);
	bool known = (version >= 0x10000 && version <= 0x10003) || version == 2;
	uint64_t features = job_features_hash(1);

	note("PSCI version %ld.%ld", version >> 16, version & 0xffff);
	expect(t, known, "PSCI_VERSION: expected 0.2 or 1.0 to 1.3, found 0x%lx",
	       (uint64_t)version);
	for (unsigned i = 1; i < machine.ncpus && i < MAX_CPUS_ASKED; i++) {
		uint64_t found = 0;

		if (!start_or_fail(t, i))
			return;
		smp_run(&machine.cpu[i], job_version, 0, &found);
		expect_eq(t, (int64_t)found, version, "PSCI_VERSION on cpu%u", i);
		smp_run(&machine.cpu[i], job_features_hash, 1, &found);
		expect_hex(t, found, features, "hash of all PSCI_FEATURES on cpu%u", i);
	}
}

static void c02(struct run *t)
{
	if (has_features(t))
		expect_eq(t, psci_features(SMCCC_VERSION), 0, "PSCI_FEATURES(SMCCC_VERSION)");
}

static void expect_feature(struct run *t, const struct psci_function *f, uint64_t fid,
			   uint64_t version)
{
	int64_t found;

	if (!fid || !f->mandatory_since || f->mandatory_since > version)
		return;
	found = psci_features(fid);
	expect(t, found >= 0, "PSCI_FEATURES(%s 0x%lx): expected >= 0, found %ld", f->name, fid,
	       found);
}

static void c03(struct run *t)
{
	static const uint64_t never[] = { 0xc400a011, 0,          SDEI_VERSION, 0x84000050,
					  0xc4000053, 0x80000001, 0x80008000,   0x84000016,
					  0x84000017, 0xc4000000, 0xc4000002,   0xc4000008 };

	if (!has_features(t))
		return;
	for (unsigned i = 0; i < npsci_functions; i++) {
		uint64_t version = (uint64_t)smccc(PSCI_VERSION, 0, 0, 0);

		expect_feature(t, &psci_functions[i], psci_functions[i].fid32, version);
		expect_feature(t, &psci_functions[i], psci_functions[i].fid64, version);
	}
	for (unsigned i = 0; i < ARRAY_LEN(never); i++)
		expect_eq(t, psci_features(never[i]), PSCI_NOT_SUPPORTED, "PSCI_FEATURES(0x%lx)",
			  never[i]);
	expect_eq(t, smccc(PSCI_FEATURES, PSCI_VERSION | UINT64_C(0xffffffff00000000), 0, 0), 0,
		  "PSCI_FEATURES(PSCI_VERSION) with x1[63:32] set");
}

static void c04(struct run *t)
{
	if (!has_features(t))
		return;
	for (unsigned i = 0; i < npsci_functions; i++) {
		int64_t found = psci_features(psci_functions[i].fid32);

		if (found < 0)
			continue;
		if (i == FN_CPU_SUSPEND)
			expect(t, !(found & ~INT64_C(3)),
			       "PSCI_FEATURES(CPU_SUSPEND): expected bits 1:0 only, found %ld",
			       found);
		else if (psci_functions[i].fid32 == PSCI_SYSTEM_OFF2_32)
			expect(t, found & 1,
			       "PSCI_FEATURES(SYSTEM_OFF2): expected bit 0, found %ld", found);
		else
			expect_eq(t, found, 0, "PSCI_FEATURES(%s)", psci_functions[i].name);
	}
}

/* Arguments that make each function fail or do nothing, so that it can be called; functions that
 * cannot are left out. */
struct probe {
	uint64_t number, x1, x2;
};
static const struct probe probes[] = {
	{ 0, 0, 0 },         { 1, 0xffffffff, 2 }, /* reserved bits */
	{ 3, 0xff00ff, 0 },                        /* absent CPU */
	{ 4, 0xff00ff, 0 },  { 5, 0xff00ff, 0 },   { 6, 0, 0 },
	{ 7, 0, 0 },         { 10, 0, 0 },         { 12, 2, 0 }, /* entry not aligned */
	{ 13, 0xff00ff, 0 }, { 14, 2, 0 },         { 15, 2, 0 }, /* no such mode */
	{ 16, 0xff00ff, 0 }, { 17, 0xff00ff, 0 },  { 18, 1, 0 }, /* reserved type */
	{ 19, 0, 0 },                                            /* protection off: as it is */
	{ 20, 0, 0 },                                            /* empty range */
	{ 21, 2, 0 },                                            /* reserved type */
};

static bool legitimately_minus_one(uint64_t number)
{
	return number == 6 || number == 10; /* MIGRATE_INFO_TYPE -1 is an answer; FEATURES(0) */
}

static void expect_agreement(struct run *t, const struct psci_function *f, const struct probe *p,
			     uint64_t fid)
{
	int64_t feature = psci_features(fid), found;

	found = suspend_refused(fid, p->x1, p->x2, 0); /* some are suspend calls */
	if (legitimately_minus_one(p->number) && feature >= 0)
		return;
	expect(t, (feature >= 0) == (found != PSCI_NOT_SUPPORTED),
	       "%s 0x%lx: PSCI_FEATURES says %ld, the call %ld", f->name, fid, feature, found);
}

static uint64_t job_single_call(uint64_t fid)
{
	return (uint64_t)smccc(fid, 0, 0, 0);
}

/* CPU_OFF and CPU_FREEZE: present means that the CPU does not come back. */
static void expect_stop_agreement(struct run *t, const struct psci_function *f)
{
	int64_t feature = psci_features(f->fid32);
	bool returned;

	if (machine.ncpus < 2 || !start_or_fail(t, 1))
		return;
	smp_post(&machine.cpu[1], job_single_call, f->fid32);
	returned = smp_wait(&machine.cpu[1], 200000);
	expect(t, (feature >= 0) == !returned, "%s: PSCI_FEATURES says %ld, the call %s", f->name,
	       feature, returned ? "returned" : "did not return");
	if (!returned)
		expect(t, smp_wait_off(&machine.cpu[1], STALL_US), "cpu1: expected OFF after %s",
		       f->name);
	else
		smp_stop(&machine.cpu[1]);
}

static void c05(struct run *t)
{
	if (!has_features(t))
		return;
	if (machine.ncpus > 2)
		start_or_fail(t, 2); /* keeps SYSTEM_SUSPEND from succeeding */
	for (unsigned i = 0; i < ARRAY_LEN(probes); i++) {
		const struct psci_function *f = &psci_functions[probes[i].number];

		expect_agreement(t, f, &probes[i], f->fid32);
		if (!f->fid64)
			continue;
		expect_agreement(t, f, &probes[i], f->fid64);
		expect_eq(t, psci_features(f->fid64), psci_features(f->fid32),
			  "PSCI_FEATURES(%s) in SMC64 against SMC32", f->name);
	}
	expect_stop_agreement(t, &psci_functions[FN_CPU_OFF]);
	expect_stop_agreement(t, &psci_functions[FN_CPU_FREEZE]);
	for (unsigned i = FN_SYSTEM_OFF; i <= FN_SYSTEM_RESET; i++)
		expect(t, psci_features(psci_functions[i].fid32) >= 0,
		       "PSCI_FEATURES(%s): expected >= 0", psci_functions[i].name);
	expect_eq(t, psci_features(PSCI_STAT_COUNT) >= 0, psci_features(PSCI_STAT_RESIDENCY) >= 0,
		  "STAT_COUNT and STAT_RESIDENCY present together");
	expect_eq(t, psci_features(PSCI_MEM_PROTECT) >= 0, psci_features(PSCI_MEM_CHECK_RANGE) >= 0,
		  "MEM_PROTECT and MEM_PROTECT_CHECK_RANGE present together");
}

static void c08(struct run *t)
{
	static const int64_t types[] = { 2, PSCI_NOT_SUPPORTED };

	for (unsigned i = 0; i < 3; i++)
		expect_one_of(t, smccc(PSCI_MIGRATE_INFO_TYPE, 0, 0, 0), types, ARRAY_LEN(types),
			      "MIGRATE_INFO_TYPE");
	expect_eq(t, smccc(PSCI_MIGRATE, 0, 0, 0), PSCI_NOT_SUPPORTED, "MIGRATE");
	expect_eq(t, smccc(PSCI_MIGRATE | SMCCC_64BIT, 0, 0, 0), PSCI_NOT_SUPPORTED,
		  "MIGRATE, SMC64");
}

static const struct test tests[] = {
	{ "C01", "version known and the same on all CPUs", c01, 0, 0, false },
	{ "C02", "PSCI_FEATURES(SMCCC_VERSION) is 0", c02, 0, 0, false },
	{ "C03", "PSCI_FEATURES of mandatory and of unknown functions", c03, 0, 0, false },
	{ "C04", "PSCI_FEATURES flags", c04, 0, 0, false },
	{ "C05", "PSCI_FEATURES agrees with the calls, in both widths", c05, 0, 0, false },
	{ "C08", "no Trusted OS: MIGRATE_INFO_TYPE and MIGRATE", c08, 0, 0, false },
};
const struct test_group group_discovery = { tests, ARRAY_LEN(tests) };
