/*
 * Register integrity: a CPU in a loop that checks every register (registers.S) takes events at random
 * moments, from a handler that changes all it may change. The boot CPU signals, one event after the
 * other was entered, so the number of runs is known too.
 */
#include "guest/sdei/suite.h"

#define DEFAULT_EVENTS  300
#define PROGRESS_US     (10 * SECOND_US)
#define LONGEST_GAP_US  200
#define SCRATCH_OFFSET  7 /* of the ns16550's scratch register */
#define SCRATCH_PATTERN 0xfe

/* registers.S: what a failed check was about; number + register. */
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
	CHECK_LOAD_SIGNED = 96,
	CHECK_Q_LOW = 128,
	CHECK_Q_HIGH = 160,
};

/* The registers when a check failed; the one it was about, differing from its pattern in the bits
 * that are set. Written by the victim. */
struct registers_found {
	uint64_t x[31];
	uint64_t check;
};

struct registers_sink {   /* registers.S: registers_handler */
	uint64_t events;  /* written by the handler */
	uint64_t last_pc; /* what the last event interrupted */
	uint64_t resume;  /* where to resume, or 0: complete */
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

/* A CPU at EL0 cannot be reached by what needs EL1: it is only a place to be interrupted in. */
static void at_el0(void)
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
	this_cpu()->scratch = 1;
	v->loop();
	sdei_pe_mask();
	return (uint64_t)sdei_unregister(0);
}

static uint64_t x_pattern(unsigned n)
{
	return ((UINT64_C(1) << (n + 1)) - 1) * UINT64_C(0x100000001);
}

static uint64_t q_low_pattern(unsigned n)
{
	return ((UINT64_C(1) << (n + 1)) - 1) << 16;
}

/* Name, number of the register and expected value of a check. */
struct meaning {
	unsigned first, last;
	const char *name; /* with the register's number, if there are several */
	uint64_t (*pattern)(unsigned n);
	uint64_t value; /* without `pattern` */
	bool through_x0;
};

static uint64_t q_high_pattern(unsigned n)
{
	return ~q_low_pattern(n);
}

static const struct meaning meanings[] = {
	{ CHECK_X, CHECK_X + 30, "x%u", x_pattern, 0, false },
	{ CHECK_SP, CHECK_SP, "SP", NULL, UINT64_C(0xf0f0f0f0f0f0f0f0), true },
	{ CHECK_NZCV_A, CHECK_NZCV_A, "NZCV", NULL, 0x60000000, true },
	{ CHECK_NZCV_B, CHECK_NZCV_B, "NZCV", NULL, 0x90000000, true },
	{ CHECK_DAIF, CHECK_DAIF, "DAIF", NULL, 0x2c0, true },
	{ CHECK_CURRENT_EL, CHECK_CURRENT_EL, "CurrentEL", NULL, 4, true },
	{ CHECK_SPSEL, CHECK_SPSEL, "SPSel", NULL, 1, true },
	{ CHECK_LOAD, CHECK_LOAD + 30, "device load to w%u", NULL, SCRATCH_PATTERN, false },
	{ CHECK_LOAD_SIGNED, CHECK_LOAD_SIGNED + 30, "signed device load to x%u", NULL,
	  UINT64_C(0xfffffffffffffffe), false },
	{ CHECK_Q_LOW, CHECK_Q_LOW + 31, "q%u[63:0]", q_low_pattern, 0, true },
	{ CHECK_Q_HIGH, CHECK_Q_HIGH + 31, "q%u[127:64]", q_high_pattern, 0, true },
};

static const struct meaning *find_meaning(uint64_t check)
{
	for (unsigned i = 0; i < ARRAY_LEN(meanings); i++)
		if (check >= meanings[i].first && check <= meanings[i].last)
			return &meanings[i];
	return NULL;
}

/* Say which register was wrong, and which others are. The failed check left the difference, not the
 * value, in the register it used; x1 holds a device address in the device loop. */
static void expect_registers(struct run *t)
{
	const struct registers_found *f = &registers_found;
	const struct meaning *m = find_meaning(f->check);
	unsigned n, used;
	char name[40];

	if (f->check == CHECK_NONE)
		return;
	if (!expect(t, m, "victim's report: expected a known check, found %lu", f->check))
		return;
	n = (unsigned)f->check - m->first;
	used = m->through_x0 ? 0 : n;
	format_text(name, sizeof(name), m->name, n);
	expect_hex(t, f->x[used] ^ (m->pattern ? m->pattern(n) : m->value),
		   m->pattern ? m->pattern(n) : m->value, "%s, after event %lu at image+0x%lx",
		   name, sink.events, sink.last_pc - (uint64_t)image_start);
	for (unsigned i = 2; i < 31; i++)
		if (i != used)
			expect_hex(t, f->x[i], x_pattern(i), "... and x%u", i);
}
