/*
 * Group W: the register by which a kernel says that it has panicked (Linux binding misc/pvpanic-mmio). Not
 * PSCI, and on request only: what is said there ends the run, or decides its exit status.
 */
#include "guest/lib/dt.h"
#include "guest/psci/suite.h"

#define PANICKED     1
#define CRASH_LOADED 2

static bool find_register(const void *dtb, const struct dt_node *node, void *arg)
{
	struct region *found = arg;

	if (!dt_has_string(dtb, node, "compatible", "qemu,pvpanic-mmio"))
		return true;
	dt_reg(dtb, node, 0, &found->base, &found->size);
	return false;
}

/* Its address, or 0 and a failure. */
static uint64_t panic_register(struct run *t)
{
	struct region found = { 0, 0 };

	dt_walk(machine.dtb, find_register, &found);
	expect_eq(t, (int64_t)found.size, 2, "size of the register in the device tree");
	return found.base;
}

static void w01(struct run *t)
{
	uint64_t at = panic_register(t);

	if (!at)
		return;
	expect_hex(t, mmio_read8(at), PANICKED | CRASH_LOADED, "events understood");
	mmio_write8(at, 0xfc);
	mmio_write8(at, CRASH_LOADED);
	expect_hex(t, mmio_read8(at), PANICKED | CRASH_LOADED, "events understood, afterwards");
}

/* A kernel that hangs: the machine ends it. */
static void w02(struct run *t)
{
	uint64_t at = panic_register(t);

	if (!at)
		return;
	announce_end(t);
	mmio_write8(at, PANICKED);
	timer_spin_us(SECOND_US * 100);
	expect(t, false, "expected the machine to end, found that it runs");
}

/* A kernel that restarts. */
static void w03(struct run *t)
{
	uint64_t at = panic_register(t);

	if (!at)
		return;
	announce_end(t);
	mmio_write8(at, PANICKED);
	expect_eq(t, smccc(PSCI_SYSTEM_RESET, 0, 0, 0), PSCI_SUCCESS,
		  "SYSTEM_RESET, which must not return");
}

static void w04(struct run *t)
{
	struct region found = { 0, 0 };

	dt_walk(machine.dtb, find_register, &found);
	expect_hex(t, found.base, 0, "the register in the device tree");
}

static const struct test tests[] = {
	{ "W01", "the panic register: events, and one that ends nothing", w01, 0, 0, true },
	{ "W02", "a panic that hangs", w02, 0, 0, true },
	{ "W03", "a panic that restarts", w03, 0, 0, true },
	{ "W04", "no panic register with --no-pvpanic", w04, 0, 0, true },
};
const struct test_group group_panic = { tests, ARRAY_LEN(tests) };
