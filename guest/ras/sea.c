/*
 * F: synchronous external aborts (Arm DDI0487, ESR_EL1 ISS for data and instruction aborts). The host does not
 * tell which virtual address was used, so FAR_EL1 is not valid, but for a fetch, which PC names.
 */
#include "guest/ras/suite.h"

#define ESR_IL       (UINT64_C(1) << 25)
#define ESR_FNV      (UINT64_C(1) << 10)
#define ESR_WNR      (UINT64_C(1) << 6)
#define FSC_EXTERNAL UINT64_C(0x10)
#define ABORT(ec)    ((UINT64_C(ec) << 26) | ESR_IL | ESR_FNV | FSC_EXTERNAL)
#define FETCH(ec)    ((UINT64_C(ec) << 26) | ESR_IL | FSC_EXTERNAL)

#define SCRATCH_OFFSET 7 /* of the ns16550's scratch register */
#define DEVICE_ABORTS  20

#define SPSR_EL0T UINT64_C(0x3c0)
#define SPSR_NZCV (UINT64_C(0xf) << 28)

static uint64_t *page(void)
{
	static uint8_t pages[8 * PAGE_BYTES] __attribute__((aligned(PAGE_BYTES)));
	static unsigned next;

	/* A page that was lost is not used again. */
	return (uint64_t *)(pages + PAGE_BYTES * (next++ % 8));
}

static bool in_loop(uint64_t pc, uint64_t alias)
{
	return pc - alias < (uint64_t)(ras_spin_end - ras_spin_begin);
}

/* One that concerns no access: it comes in a loop, which goes on. `far`: of a fetch, which is PC. */
static void spin_case(struct run *t, const char *name, uint64_t esr, bool far)
{
	struct ras_cpu *c = &ras_cpu[0];
	uint64_t changed;

	inject(name, 0);
	changed = ras_spin(&c->stop, SPIN_ROUNDS);
	if (!expect_eq(t, (int64_t)c->count, 1, "taken"))
		return;
	expect_entry(t, &c->last, VECTOR_SYNC_SPX, esr);
	expect_hex(t, c->last.frame.far, far ? c->last.frame.elr : 0, "FAR_EL1");
	expect_eq(t, (int64_t)changed, 0, "registers changed");
}

static void f01(struct run *t)
{
	spin_case(t, "sea", ABORT(0x25), false);
}

static void f02(struct run *t)
{
	spin_case(t, "sea-ifetch", FETCH(0x21), true);
}

/* The abort may come before the loop is reached: asked for until one came in the loop at `loop`. */
static bool taken_in(struct run *t, uint64_t vector, uint64_t loop,
		     uint64_t (*spin)(struct ras_cpu *c), uint64_t *changed)
{
	struct ras_cpu *c = &ras_cpu[0];

	for (unsigned i = 1; i <= RACE_TRIES; i++) {
		shared_write(&c->stop, 0);
		inject("sea", 0);
		*changed = spin(c);
		if (!expect_eq(t, (int64_t)c->count, i, "taken"))
			return false;
		if (c->last.vector == vector && in_loop(c->last.frame.elr, loop))
			return true;
	}
	expect_eq(t, (int64_t)c->last.vector, (int64_t)vector, "vector");
	return expect(t, in_loop(c->last.frame.elr, loop), "ELR_EL1 0x%lx is in the loop",
		      c->last.frame.elr);
}

static uint64_t spin_at_el0(struct ras_cpu *c)
{
	return el0_run_spsr(ras_spin_el0, mmu_el0_address(&c->stop), SPSR_EL0T);
}

static void f03(struct run *t)
{
	struct ras_cpu *c = &ras_cpu[0];
	uint64_t changed;

	if (!taken_in(t, VECTOR_SYNC_EL0, mmu_el0_address(ras_spin_begin), spin_at_el0, &changed))
		return;
	expect_entry(t, &c->last, VECTOR_SYNC_EL0, ABORT(0x24));
	expect_eq(t, (int64_t)changed, 0, "registers changed");
	expect_hex(t, c->last.frame.spsr & ~SPSR_NZCV, SPSR_EL0T, "SPSR_EL1, but for flags");
}

static uint64_t spin_with_sp0(struct ras_cpu *c)
{
	return ras_spin_sp0(&c->stop, SPIN_ROUNDS);
}

static void f04(struct run *t)
{
	struct ras_cpu *c = &ras_cpu[0];
	uint64_t changed;

	if (taken_in(t, VECTOR_SYNC_SP0, (uint64_t)ras_spin_begin, spin_with_sp0, &changed))
		expect_entry(t, &c->last, VECTOR_SYNC_SP0, ABORT(0x25));
}

/* Lose a page, and wait until it is lost: its contents go. Nothing is taken before it is used. */
static bool lose(struct run *t, const char *name, volatile uint64_t *at)
{
	*at = 1;
	inject(name, (uint64_t)at);
	if (!injected(t))
		return false;
	memset(&ras_cpu[0], 0, sizeof(ras_cpu[0]));
	return true;
}

/* A genuine one: the page is lost in the host, and used. */
static void f05(struct run *t)
{
	struct ras_cpu *c = &ras_cpu[0];
	uint64_t *at = page(), found;

	if (!lose(t, "lose", at))
		return;
	c->resume = RESUME_NEXT;
	found = ras_load_from((uint64_t)at, 0x1234);
	if (!expect_eq(t, (int64_t)c->count, 1, "taken"))
		return;
	expect_entry(t, &c->last, VECTOR_SYNC_SPX, ABORT(0x25));
	expect_hex(t, c->last.frame.elr, (uint64_t)ras_load_at, "ELR_EL1: the load");
	expect_hex(t, found, 0x1234, "the load's register, untouched");
	expect_hex(t, c->last.frame.x[2], (uint64_t)at, "the load's base register");
}

static void f06(struct run *t)
{
	struct ras_cpu *c = &ras_cpu[0];
	uint64_t *at = page();

	if (!lose(t, "lose", at))
		return;
	c->resume = RESUME_NEXT;
	ras_store_to((uint64_t)at, 7);
	if (!expect_eq(t, (int64_t)c->count, 1, "taken"))
		return;
	expect_eq(t, (int64_t)c->last.vector, VECTOR_SYNC_SPX, "vector");
	expect_hex(t, c->last.frame.esr & ~ESR_WNR, ABORT(0x25), "ESR_EL1, but for WnR");
	expect_hex(t, c->last.frame.elr, (uint64_t)ras_store_at, "ELR_EL1: the store");
}

static void f07(struct run *t)
{
	struct ras_cpu *c = &ras_cpu[0];
	uint64_t *at = page(), found;

	if (!lose(t, "lose", at))
		return;
	c->resume = RESUME_NEXT;
	found = el0_run_spsr(ras_load_el0, mmu_el0_address(at), SPSR_EL0T);
	if (!expect_eq(t, (int64_t)c->count, 1, "taken"))
		return;
	expect_entry(t, &c->last, VECTOR_SYNC_EL0, ABORT(0x24));
	expect_hex(t, c->last.frame.elr, mmu_el0_address(ras_load_el0_at), "ELR_EL1: the load");
	expect_hex(t, found, UINT64_MAX, "the load's register, untouched");
}

/* A fetch from a lost page. */
static void f08(struct run *t)
{
	struct ras_cpu *c = &ras_cpu[0];
	uint32_t *code = (uint32_t *)page();

	if (!lose(t, "lose", (uint64_t *)code))
		return;
	c->resume = RESUME_CALLER;
	asm volatile("ic iallu\n\tdsb sy\n\tisb\n\tblr %0" ::"r"(code) : "x30", "memory");
	if (!expect_eq(t, (int64_t)c->count, 1, "taken"))
		return;
	expect_entry(t, &c->last, VECTOR_SYNC_SPX, FETCH(0x21));
	expect_hex(t, c->last.frame.elr, (uint64_t)code, "ELR_EL1");
	expect_hex(t, c->last.frame.far, (uint64_t)code, "FAR_EL1");
}

/* The same error without any harm to the host's page. */
static void f09(struct run *t)
{
	struct ras_cpu *c = &ras_cpu[0];

	inject("use-model", (uint64_t)page());
	ras_spin(&c->stop, SPIN_ROUNDS);
	if (!expect_eq(t, (int64_t)c->count, 1, "taken"))
		return;
	expect_entry(t, &c->last, VECTOR_SYNC_SPX, ABORT(0x25));
}

/* In a loop of device loads, each of which leaves the guest: many, since not every abort comes while a
 * load is still to be completed. The load's result and the abort's vector are both right. */
static void f10(struct run *t)
{
	struct ras_cpu *c = &ras_cpu[0];
	uint64_t device = machine.uart.base + SCRATCH_OFFSET;

	mmio_write8(device, DEVICE_PATTERN);
	if (mmio_read8(device) != DEVICE_PATTERN) {
		skip(t, "the UART has no scratch register");
		return;
	}
	for (unsigned i = 1; i <= DEVICE_ABORTS && t->failures == 0; i++) {
		shared_write(&c->stop, 0);
		inject("sea", 0);
		expect_eq(t, (int64_t)ras_spin_device(&c->stop, device), 0,
			  "abort %u: registers changed", i);
		expect_eq(t, (int64_t)c->count, i, "taken");
		expect_entry(t, &c->last, VECTOR_SYNC_SPX, ABORT(0x25));
	}
}

static const struct test tests[] = {
	{ "F01", "an abort in a loop at EL1", f01, 0, 0, false },
	{ "F02", "an instruction abort in a loop at EL1", f02, 0, 0, false },
	{ "F03", "an abort in a loop at EL0", f03, 0, 0, false },
	{ "F04", "an abort in a loop at EL1 with SP_EL0", f04, 0, 0, false },
	{ "F05", "a load from a lost page at EL1", f05, 0, 0, false },
	{ "F06", "a store to a lost page at EL1", f06, 0, 0, false },
	{ "F07", "a load from a lost page at EL0", f07, 0, 0, false },
	{ "F08", "a fetch from a lost page at EL1", f08, 0, 0, false },
	{ "F09", "an abort of level model", f09, 0, 0, false },
	{ "F10", "aborts in a loop of device loads", f10, 0, 0, false },
};
const struct test_group group_sea = { tests, ARRAY_LEN(tests) };
