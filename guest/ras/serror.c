/*
 * E: SErrors. Virtual ones, taken to EL1 (Arm DDI0487 D1.3.6 and ESR_EL1, ISS for an SError).
 */
#include "guest/lib/psci.h"
#include "guest/ras/suite.h"

#define ESR_SERROR   UINT64_C(0xbe000000) /* EC 0x2f, IL */
#define ESR_IDS      (UINT64_C(1) << 24)
#define ISS_UC       UINT64_C(0x0011)
#define ISS_UEU      UINT64_C(0x0411)
#define ISS_UEO      UINT64_C(0x0811)
#define ISS_UER      UINT64_C(0x0c11)
#define ISS_CE       UINT64_C(0x1811)
#define ISS_ODD      UINT64_C(0x155aa11) /* IDS and bits that mean nothing */
#define DISR_A       (UINT64_C(1) << 31)
#define SPSR_EL0T    (DAIF_ALL & ~PSTATE_A)
#define SPSR_MODE_SP UINT64_C(0xf)
#define SPSR_EL1T    4
#define SPSR_EL1H    5

static void serror_enable(void)
{
	asm volatile("msr daifclr, #4\n\tisb" ::: "memory");
}

static void serror_disable(void)
{
	asm volatile("msr daifset, #4\n\tisb" ::: "memory");
}

static bool serror_pending(void)
{
	return sysreg_read(isr_el1) & ISR_A;
}

static bool wait_pending(struct run *t)
{
	uint64_t start = timer_now();

	while (!serror_pending() && timer_us_since(start) < STALL_US * machine.time_scale)
		cpu_relax();
	return expect(t, serror_pending(), "ISR_EL1.A while an SError is pending and masked");
}

/* A masked SError named `name` arrives and is then let in: it is there at once, with that syndrome. */
static void expect_syndrome(struct run *t, const char *name, uint64_t iss)
{
	struct ras_cpu *c = &ras_cpu[0];
	uint64_t before = c->count;

	inject(name, 0);
	if (!wait_pending(t))
		return;
	expect_eq(t, (int64_t)c->count, (int64_t)before, "taken while masked (%s)", name);
	serror_enable();
	barrier_isb();
	serror_disable();
	if (!expect_eq(t, (int64_t)shared_read(&c->count), (int64_t)before + 1, "taken (%s)", name))
		return;
	expect_entry(t, &c->last, VECTOR_SERROR_SPX, ESR_SERROR | iss);
	expect(t, !serror_pending(), "nothing is pending after %s was taken", name);
}

static void e01(struct run *t)
{
	static const struct {
		const char *name;
		uint64_t iss;
	} cases[] = {
		{ "serror-uc", ISS_UC },   { "serror-ueu", ISS_UEU }, { "serror-ueo", ISS_UEO },
		{ "serror-uer", ISS_UER }, { "serror-ce", ISS_CE },   { "serror-odd", ISS_ODD },
	};

	if (!ras_machine.ras) {
		skip(t, "this CPU has no RAS extension");
		return;
	}
	for (unsigned i = 0; i < ARRAY_LEN(cases); i++)
		expect_syndrome(t, cases[i].name, cases[i].iss);
}

/* Without a syndrome: implementation defined. KVM gives ISS 0 with IDS on CPUs that have RAS. */
static void e02(struct run *t)
{
	struct ras_cpu *c = &ras_cpu[0];

	if (ras_machine.ras) {
		expect_syndrome(t, "serror-none", ESR_IDS);
		return;
	}
	inject("serror-none", 0);
	if (!wait_pending(t))
		return;
	serror_enable();
	barrier_isb();
	serror_disable();
	expect_eq(t, (int64_t)shared_read(&c->count), 1, "taken");
	expect_eq(t, (int64_t)c->last.vector, VECTOR_SERROR_SPX, "vector");
	expect_hex(t, c->last.frame.esr >> 26, ESR_SERROR >> 26, "ESR_EL1.EC");
}

/* In a loop, at EL1 with either stack pointer: comes where the loop is, changes nothing there. */
static void spin_case(struct run *t, uint64_t (*spin)(const uint64_t *, uint64_t), uint64_t vector,
		      uint64_t mode)
{
	struct ras_cpu *c = &ras_cpu[0];
	const struct frame *f = &c->last.frame;
	uint64_t changed;

	inject("serror-none", 0);
	changed = spin(&c->stop, SPIN_ROUNDS);
	if (!expect_eq(t, (int64_t)c->count, 1, "taken"))
		return;
	expect_eq(t, (int64_t)c->last.vector, (int64_t)vector, "vector");
	expect_eq(t, (int64_t)changed, 0, "registers changed");
	expect_hex(t, f->spsr & SPSR_MODE_SP, mode, "mode in SPSR_EL1");
	expect(t, !(f->spsr & PSTATE_A), "PSTATE.A was 0 in SPSR_EL1 0x%lx", f->spsr);
	/* The injection may win against the loop; then it is taken where SErrors are let in. */
	expect(t,
	       f->elr - (uint64_t)ras_spin_begin <= 12 || f->elr - (uint64_t)ras_spin_unmasked <= 4,
	       "ELR image+0x%lx is in the loop, image+0x%lx, or before it, image+0x%lx",
	       f->elr - (uint64_t)image_start, (uint64_t)ras_spin_begin - (uint64_t)image_start,
	       (uint64_t)ras_spin_unmasked - (uint64_t)image_start);
}

static void e03(struct run *t)
{
	spin_case(t, ras_spin_open, VECTOR_SERROR_SPX, SPSR_EL1H);
}

static void e04(struct run *t)
{
	spin_case(t, ras_spin_sp0, VECTOR_SERROR_SP0, SPSR_EL1T);
}

static void e05(struct run *t)
{
	struct ras_cpu *c = &ras_cpu[0];
	const struct frame *f = &c->last.frame;
	uint64_t changed;

	inject("serror-none", 0);
	changed = el0_run_spsr(ras_spin_el0, mmu_el0_address(&c->stop), SPSR_EL0T);
	if (!expect_eq(t, (int64_t)c->count, 1, "taken"))
		return;
	expect_eq(t, (int64_t)c->last.vector, VECTOR_SERROR_EL0, "vector");
	expect_eq(t, (int64_t)changed, 0, "registers changed");
	expect_hex(t, f->spsr & 0xf, 0, "mode in SPSR_EL1");
	expect_hex(t, c->last.daif, DAIF_ALL, "DAIF in the handler");
}

/*
 * WFI ends and the SError is taken behind it. One that comes before WFI does not end it; the timer does then,
 * and another is asked for.
 */
static void e06(struct run *t)
{
	struct ras_cpu *c = &ras_cpu[0];

	for (unsigned i = 1; i <= RACE_TRIES; i++) {
		uint64_t behind = 0, start = timer_now();

		inject("serror-none", 0);
		serror_enable();
		while (shared_read(&c->count) < i &&
		       timer_us_since(start) < STALL_US * machine.time_scale) {
			timer_wake_in_us(SECOND_US);
			asm volatile("adr %0, 1f\n\twfi\n1:" : "=&r"(behind)::"memory");
		}
		serror_disable();
		timer_wake_cancel();
		if (!expect_eq(t, (int64_t)c->count, i, "taken"))
			return;
		if (c->last.frame.elr == behind)
			return;
	}
	expect(t, false, "the SError came before WFI each time: expected one in %u behind it",
	       RACE_TRIES);
}

/* Two while masked: one is pending, the more severe. */
static void merge(struct run *t, const char *first, const char *second, uint64_t iss)
{
	struct ras_cpu *c = &ras_cpu[0];
	uint64_t before = c->count;

	inject(first, 0);
	if (!wait_pending(t))
		return;
	inject(second, 0);
	if (!injected(t))
		return;
	before = c->count;
	serror_enable();
	barrier_isb();
	timer_spin_us(QUIET_US / 10);
	serror_disable();
	expect_eq(t, (int64_t)(c->count - before), 1, "%s, then %s: SErrors taken", first, second);
	expect_hex(t, c->last.frame.esr, ESR_SERROR | iss, "%s, then %s: ESR_EL1", first, second);
}

static void e07(struct run *t)
{
	if (!ras_machine.ras) {
		skip(t, "this CPU has no RAS extension");
		return;
	}
	merge(t, "serror-ce", "serror-uer", ISS_UER);
	merge(t, "serror-uer", "serror-ce", ISS_UER);
	merge(t, "serror-ueo", "serror-ueu", ISS_UEU);
	merge(t, "serror-uc", "serror-ueo", ISS_UC);
}

/* ESB defers a masked SError to DISR_EL1. */
static void e08(struct run *t)
{
	uint64_t disr;

	if (!ras_machine.ras) {
		skip(t, "this CPU has no RAS extension");
		return;
	}
	sysreg_write(S3_0_C12_C1_1, 0);
	inject("serror-uer", 0);
	if (!wait_pending(t))
		return;
	asm volatile("hint #16\n\tisb" ::: "memory"); /* ESB */
	disr = sysreg_read(S3_0_C12_C1_1);
	expect_hex(t, disr, DISR_A | ISS_UER, "DISR_EL1 after ESB");
	expect(t, !serror_pending(), "nothing is pending after ESB");
	serror_enable();
	barrier_isb();
	serror_disable();
	expect_eq(t, (int64_t)ras_cpu[0].count, 0, "taken after ESB");
	sysreg_write(S3_0_C12_C1_1, 0);
}

static uint64_t open_spin(uint64_t stop)
{
	return ras_spin_open((const uint64_t *)stop, SPIN_ROUNDS);
}

/* cpu=1 goes to that CPU and no other. */
static void e09(struct run *t)
{
	int64_t ret;

	if (!expect(t, smp_start(&machine.cpu[1], 0, &ret), "cpu1 starts"))
		return;
	smp_post(&machine.cpu[1], open_spin, (uint64_t)&ras_cpu[1].stop);
	inject("serror-cpu1", 0);
	if (!wait_taken(t, 1, 1))
		return;
	expect(t, smp_wait(&machine.cpu[1], STALL_US), "cpu1 ends its loop");
	expect_eq(t, (int64_t)ras_cpu[0].count, 0, "taken by cpu0");
	expect_eq(t, (int64_t)ras_cpu[1].last.vector, VECTOR_SERROR_SPX, "vector on cpu1");
	expect_eq(t, (int64_t)machine.cpu[1].result, 0, "registers changed on cpu1");
}

/* Let in what is pending; SErrors taken so far. On the CPU itself. */
static uint64_t let_in(uint64_t index)
{
	serror_enable();
	barrier_isb();
	timer_spin_us(QUIET_US / 10);
	serror_disable();
	return shared_read(&ras_cpu[index].count);
}

static uint64_t job_wait_pending(uint64_t us)
{
	uint64_t start = timer_now();

	while (!serror_pending() && timer_us_since(start) < us)
		cpu_relax();
	return serror_pending();
}

/* On cpu1. */
static void expect_result(struct run *t, uint64_t (*job)(uint64_t), uint64_t arg, int64_t result,
			  const char *what)
{
	smp_post(&machine.cpu[1], job, arg);
	if (expect(t, smp_wait(&machine.cpu[1], 2 * STALL_US * machine.time_scale), "cpu1 answers"))
		expect_eq(t, (int64_t)machine.cpu[1].result, result, "%s", what);
}

static void expect_none_pending(struct run *t)
{
	int64_t ret;

	expect(t, !serror_pending(), "ISR_EL1.A is 0 at boot");
	expect_eq(t, (int64_t)let_in(0), 0, "SErrors taken by cpu0 at boot");
	if (expect(t, smp_start(&machine.cpu[1], 0, &ret), "cpu1 starts"))
		expect_result(t, let_in, 1, 0, "SErrors taken by cpu1 after CPU_ON");
}

/* The SErrors asked for are injected once, however often the machine boots; the abort, which is asked for
 * last, always. Where it finds no SError pending there was none to be had. */
static bool have_serrors(struct run *t)
{
	inject("serror-once", 0);
	inject("serror-once-cpu1", 0);
	inject("sea", 0);
	ras_spin(&ras_cpu[0].stop, SPIN_ROUNDS);
	if (!serror_pending())
		return false;
	expect_result(t, job_wait_pending, STALL_US * machine.time_scale, 1, "ISR_EL1.A on cpu1");
	return t->failures == 0;
}

/* Each boot begins without a pending SError. The first ends by a reset with one pending on either CPU, the
 * second is the last. Whoever runs this sees whether there were two. */
static void across_reset(struct run *t, uint64_t fid)
{
	expect_none_pending(t);
	if (t->failures || !have_serrors(t))
		return;
	note("SErrors are pending on both CPUs: reset");
	expect(t, false, "0x%lx returned %ld: expected no return", fid, smccc(fid, 0, 0, 0));
}

static void e10_reset(struct run *t)
{
	across_reset(t, PSCI_SYSTEM_RESET);
}

static void e10_warm(struct run *t)
{
	across_reset(t, PSCI_SYSTEM_RESET2);
}

static const struct test tests[] = {
	{ "E01", "an SError has the syndrome it was injected with", e01, 60, 0, false },
	{ "E02", "an SError without a syndrome", e02, 0, 0, false },
	{ "E03", "an SError in a loop at EL1", e03, 0, 0, false },
	{ "E04", "an SError in a loop at EL1 with SP_EL0", e04, 0, 0, false },
	{ "E05", "an SError in a loop at EL0", e05, 0, 0, false },
	{ "E06", "an SError ends WFI", e06, 60, 0, false },
	{ "E07", "of two pending SErrors the more severe stays", e07, 60, 0, false },
	{ "E08", "ESB defers an SError", e08, 0, 0, false },
	{ "E09", "an SError goes to the CPU that was named", e09, 0, 2, false },
	{ "E10-reset", "SYSTEM_RESET drops pending SErrors", e10_reset, 60, 2, true },
	{ "E10-warm", "so does SYSTEM_RESET2", e10_warm, 60, 2, true },
};
const struct test_group group_serror = { tests, ARRAY_LEN(tests) };
