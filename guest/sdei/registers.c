/*
 * Register integrity: a CPU in a loop that checks every register (registers.S) takes events at random
 * moments, from a handler that changes all it may change. The boot CPU signals, each event after the
 * one before was entered, so the number of runs is known too.
 */
#include "guest/sdei/suite.h"

#define DEFAULT_EVENTS  300
#define LONGEST_GAP_US  200
#define SCRATCH_OFFSET  7 /* of the ns16550's scratch register */
#define SCRATCH_PATTERN 0xfe

/* registers.S: what a failed check was about; + number of the register. */
enum {
	CHECK_NONE = 0,
	CHECK_X = 1,
	CHECK_SP = 32,
	CHECK_NZCV_A,
	CHECK_NZCV_B,
	CHECK_DAIF,
	CHECK_CURRENT_EL,
	CHECK_SPSEL,
	CHECK_LOAD = 64,
	CHECK_Q_LOW = 128,
	CHECK_Q_HIGH = 160,
};

/* The registers when a check failed; written by the victim. The register the check was about holds
 * the bits that differ from its pattern. */
struct registers_found {
	uint64_t x[31];
	uint64_t check;
};

struct registers_sink {  /* registers.S: registers_handler */
	uint64_t events; /* written by the handler, as is last_pc */
	uint64_t last_pc;
	uint64_t resume; /* where to resume, or 0: complete */
	uint64_t conduit;
};

extern const char registers_handler[], registers_resume[], registers_el0[];
void registers_el1(void);
void registers_mmio(void);
void registers_wfi(void);

struct registers_found registers_found __attribute__((aligned(CACHE_LINE)));
uint64_t registers_saved[2], registers_loops, registers_stop, registers_device;
static struct registers_sink sink __attribute__((aligned(CACHE_LINE)));

_Static_assert(offsetof(struct registers_found, check) == 248, "registers.S");
_Static_assert(offsetof(struct registers_sink, resume) == 16, "registers.S");

static uint64_t x_pattern(unsigned n)
{
	return ((UINT64_C(1) << (n + 1)) - 1) * UINT64_C(0x100000001);
}

static uint64_t q_low_pattern(unsigned n)
{
	return ((UINT64_C(1) << (n + 1)) - 1) << 16;
}

static uint64_t q_high_pattern(unsigned n)
{
	return ~q_low_pattern(n);
}

static uint64_t sp_pattern(unsigned n)
{
	(void)n;
	return UINT64_C(0xf0f0f0f0f0f0f0f0);
}

/* NZCV_A and NZCV_B, DAIF, CurrentEL, SPSel; in this order from CHECK_NZCV_A on. */
static uint64_t pstate_pattern(unsigned n)
{
	static const uint64_t values[] = { 0x60000000, 0x90000000, 0x2c0, 4, 1 };

	return values[n];
}

static uint64_t load_pattern(unsigned n)
{
	(void)n;
	return SCRATCH_PATTERN;
}

/* What a check looks at: registers `name` 0 to `count` - 1, and which of them holds the difference. */
static const struct meaning {
	unsigned first, count;
	const char *name, *part;
	uint64_t (*pattern)(unsigned n);
	bool in_x0;
} meanings[] = {
	{ CHECK_X, 31, "x", "", x_pattern, false },
	{ CHECK_SP, 1, "SP, not x", "", sp_pattern, true },
	{ CHECK_NZCV_A, 5, "PSTATE field (0, 1 NZCV, 2 DAIF, 3 CurrentEL, 4 SPSel) ", "",
	  pstate_pattern, true },
	{ CHECK_LOAD, 31, "device load to w", "", load_pattern, false },
	{ CHECK_Q_LOW, 32, "q", "[63:0]", q_low_pattern, true },
	{ CHECK_Q_HIGH, 32, "q", "[127:64]", q_high_pattern, true },
};

static const struct meaning *find_meaning(uint64_t check)
{
	for (unsigned i = 0; i < ARRAY_LEN(meanings); i++)
		if (check >= meanings[i].first && check < meanings[i].first + meanings[i].count)
			return &meanings[i];
	return NULL;
}

/* Say which register was wrong, and which others are. x0 and x1 are in use for checks and device
 * addresses, so there they prove nothing unless the check was about them. */
static void expect_registers(struct run *t)
{
	const struct registers_found *f = &registers_found;
	const struct meaning *m = find_meaning(f->check);
	unsigned n, holder;

	if (f->check == CHECK_NONE)
		return;
	if (!expect(t, m, "victim's report: expected a known check, found %lu", f->check))
		return;
	n = (unsigned)f->check - m->first;
	holder = m->in_x0 ? 0 : n;
	expect_hex(t, f->x[holder] ^ m->pattern(n), m->pattern(n),
		   "%s%u%s, after event %lu, which interrupted image+0x%lx", m->name, n, m->part,
		   sink.events, (sink.last_pc - (uint64_t)image_start) & 0xffffff);
	for (unsigned i = 2; i < 31; i++)
		if (i != holder)
			expect_hex(t, f->x[i], x_pattern(i), "... and x%u", i);
}

static void loop_el0(void)
{
	el0_run(registers_el0, 0);
}

struct variant {
	void (*loop)(void);
	bool resume; /* end the handlers by EVENT_COMPLETE_AND_RESUME */
	bool device; /* needs the scratch register */
};

static uint64_t job_victim(uint64_t arg)
{
	const struct variant *v = (const struct variant *)arg;
	int64_t ret = sdei_register(0, (uint64_t)registers_handler, (uint64_t)&sink, 0, 0);

	if (ret == SDEI_SUCCESS)
		ret = sdei_enable(0);
	if (ret != SDEI_SUCCESS)
		return (uint64_t)ret;
	sdei_pe_unmask();
	irq_disable();
	shared_write(&this_cpu()->scratch, 1);
	v->loop();
	irq_enable();
	sdei_pe_mask();
	return (uint64_t)sdei_unregister(0);
}

static bool wait_events(uint64_t n)
{
	uint64_t start = timer_now();

	while (shared_read(&sink.events) < n) {
		if (shared_read(&registers_found.check) != CHECK_NONE ||
		    timer_us_since(start) > STALL_US * machine.time_scale)
			return false;
		cpu_relax();
	}
	return true;
}

/* Signals at random distances, some of them right behind each other. */
static void send_events(struct run *t, struct cpu *victim, uint64_t n)
{
	uint64_t seed = bootarg_number("seed", timer_now());

	note("seed=%lu", seed);
	for (uint64_t i = 1; i <= n; i++) {
		uint64_t dice = random_next(&seed);

		if (dice & 3)
			timer_spin_us((dice >> 8) % LONGEST_GAP_US);
		if (!expect_eq(t, sdei_signal(victim->mpidr), SDEI_SUCCESS, "EVENT_SIGNAL"))
			return;
		if (!wait_events(i)) {
			expect(t, registers_found.check != CHECK_NONE,
			       "event %lu of %lu: expected the handler to run, found %lu runs", i,
			       n, sink.events);
			return;
		}
	}
}

/* A register that can be written and keeps its value, in a device outside the kernel. */
static bool find_scratch_register(void)
{
	registers_device = machine.uart.base + SCRATCH_OFFSET;
	mmio_write8(registers_device, SCRATCH_PATTERN);
	return mmio_read8(registers_device) == SCRATCH_PATTERN;
}

static void run_variant(struct run *t, const struct variant *v)
{
	struct cpu *victim = &machine.cpu[machine.ncpus - 1];
	uint64_t events = bootarg_number("events", DEFAULT_EVENTS);

	if (v->device && !find_scratch_register()) {
		skip(t, "the serial port has no scratch register at offset 7");
		return;
	}
	memset(&registers_found, 0, sizeof(registers_found));
	sink = (struct registers_sink){ .resume = v->resume ? (uint64_t)registers_resume : 0,
					.conduit = machine.conduit == CONDUIT_SMC };
	registers_loops = 0;
	shared_write(&registers_stop, 0);
	if (!start_or_fail(t, machine.ncpus - 1))
		return;
	shared_write(&victim->scratch, 0);
	smp_post(victim, job_victim, (uint64_t)v);
	if (!expect(t, smp_wait_word(&victim->scratch, 1, STALL_US),
		    "victim: expected it to get ready"))
		return;
	send_events(t, victim, events);
	timer_spin_us(LONGEST_GAP_US);
	shared_write(&registers_stop, 1);
	gic_send_sgi(victim, SGI_TEST); /* out of WFI */
	if (expect(t, smp_wait(victim, STALL_US), "victim: expected it to stop"))
		expect_eq(t, (int64_t)victim->result, SDEI_SUCCESS, "victim: SDEI calls");
	expect_registers(t);
	note("%lu events in %lu rounds of checks", sink.events, registers_loops);
	if (t->failures == 0)
		expect_eq(t, (int64_t)sink.events, (int64_t)events, "runs of the handler");
}

static void x01(struct run *t)
{
	run_variant(t, &(const struct variant){ registers_el1, false, false });
}

static void x02(struct run *t)
{
	run_variant(t, &(const struct variant){ loop_el0, false, false });
}

static void x03(struct run *t)
{
	run_variant(t, &(const struct variant){ registers_mmio, false, true });
}

static void x04(struct run *t)
{
	run_variant(t, &(const struct variant){ registers_wfi, false, false });
}

static void x05(struct run *t)
{
	run_variant(t, &(const struct variant){ registers_el1, true, false });
}

static void x06(struct run *t)
{
	run_variant(t, &(const struct variant){ loop_el0, true, false });
}

static void x07(struct run *t)
{
	run_variant(t, &(const struct variant){ registers_mmio, true, true });
}

#define LIMIT_S 3600 /* events= says how long it takes; a lost event ends it early */

static const struct test tests[] = {
	{ "X01", "registers at EL1 survive events (events= number)", x01, LIMIT_S, 2, false },
	{ "X02", "registers at EL0 survive events", x02, LIMIT_S, 2, false },
	{ "X03", "registers and device loads survive events", x03, LIMIT_S, 2, false },
	{ "X04", "registers survive events in WFI", x04, LIMIT_S, 2, false },
	{ "X05", "EL1, by EVENT_COMPLETE_AND_RESUME", x05, LIMIT_S, 2, false },
	{ "X06", "EL0, by EVENT_COMPLETE_AND_RESUME", x06, LIMIT_S, 2, false },
	{ "X07", "device loads, by EVENT_COMPLETE_AND_RESUME", x07, LIMIT_S, 2, false },
};
const struct test_group group_registers = { tests, ARRAY_LEN(tests) };
