/* Group H: SDEI_VERSION, SDEI_FEATURES and what an event is (Arm DEN0054C 5.1.1, 5.1.10, 5.1.17). */
#include "guest/sdei/suite.h"

#include "guest/lib/dt.h"

#define MINOR(version)         ((version) >> 32 & 0xffff)
#define SLOTS_SHARED(features) ((uint64_t)(features) >> 16 & 0xffff)
#define SLOTS_PRIV(features)   ((uint64_t)(features)&0xffff)
#define SLOTS_LEAST            2

static void expect_version(struct run *t, const char *where)
{
	int64_t version = sdei_version();

	expect_hex(t, (uint64_t)version, (uint64_t)suite.version, "SDEI_VERSION %s", where);
}

static void ask_version(struct sdei_entry *entry)
{
	(void)entry;
	this_sdei()->word[0] = (uint64_t)sdei_version();
}

static void h01(struct run *t)
{
	uint64_t version = (uint64_t)sdei_version();
	int64_t relative = sdei_features(SDEI_RELATIVE_MODE);

	expect_hex(t, version >> 48, 1, "SDEI_VERSION bits 63:48, reserved bit and major");
	expect(t, MINOR(version) <= 1, "SDEI_VERSION minor: expected 0 or 1, found %lu",
	       MINOR(version));
	/* Relative mode came with 1.1: before, its feature number is reserved. */
	if (MINOR(version) == 0)
		expect_eq(t, relative, SDEI_INVALID_PARAMETERS, "FEATURES(1) of version 1.0");
	else
		expect(t, relative == 0 || relative == 1,
		       "FEATURES(1) of version 1.1: expected 0 or 1, found %ld", relative);
	if (t->strict)
		expect_hex(t, version, UINT64_C(0x0001000152415356), "SDEI_VERSION of rasvm");
	sdei_pe_unmask();
	expect_version(t, "unmasked");
	set_handler(E0, ask_version);
	if (!register_enable(t, E0, 0))
		return;
	expect_eq(t, fire(E0, this_cpu()), SDEI_SUCCESS, "SIGNAL(self)");
	expect_eq(t, (int64_t)runs_on(0, E0), 1, "handlers entered");
	expect_hex(t, this_sdei()->word[0], version, "SDEI_VERSION in a handler");
	sdei_pe_mask();
	expect_version(t, "masked");
}

static void h02(struct run *t)
{
	int64_t slots = sdei_features(SDEI_BIND_SLOTS);

	if (expect(t, slots >= 0, "FEATURES(0): expected slots, found %ld", slots)) {
		expect_hex(t, (uint64_t)slots >> 32, 0, "FEATURES(0) bits 63:32");
		expect(t, SLOTS_SHARED(slots) >= SLOTS_LEAST,
		       "FEATURES(0): expected >= 2 shared slots, found %lu", SLOTS_SHARED(slots));
		expect(t, SLOTS_PRIV(slots) >= SLOTS_LEAST,
		       "FEATURES(0): expected >= 2 private slots, found %lu", SLOTS_PRIV(slots));
	}
	expect_eq(t, sdei_features(2), SDEI_INVALID_PARAMETERS, "FEATURES(2)");
	expect_eq(t, sdei_features(0xffffffff), SDEI_INVALID_PARAMETERS, "FEATURES(0xffffffff)");
}

static void expect_kind(struct run *t, uint64_t event, const char *name, int64_t type,
			int64_t signalable, int64_t priority)
{
	expect_eq(t, sdei_info(event, SDEI_INFO_TYPE), type, "GET_INFO(%s, type)", name);
	expect_eq(t, sdei_info(event, SDEI_INFO_SIGNALABLE), signalable,
		  "GET_INFO(%s, cannot be signalled)", name);
	expect_eq(t, sdei_info(event, SDEI_INFO_PRIORITY), priority, "GET_INFO(%s, priority)",
		  name);
}

static void expect_bound_kind(struct run *t, uint32_t intid, const char *name, int64_t type)
{
	int64_t event = sdei_bind(intid);

	if (!expect(t, event > 0, "BIND(%s %u): expected an event, found %ld", name, intid, event))
		return;
	expect_kind(t, (uint64_t)event, name, type, SDEI_CANNOT_BE_SIGNALLED, SDEI_PRIORITY_NORMAL);
	expect_eq(t, sdei_release((uint64_t)event), SDEI_SUCCESS, "RELEASE(%s)", name);
}

static void h03(struct run *t)
{
	for (unsigned i = 0; i < NSTATIC; i++) {
		if (i != E0 && sdei_status(suite.event[i]) < 0 && !t->strict) {
			note("%s (0x%lx) does not exist here", slot_name(i), suite.event[i]);
			continue;
		}
		expect_eq(t, sdei_status(suite.event[i]), 0, "STATUS(%s)", slot_name(i));
		expect_kind(t, suite.event[i], slot_name(i),
			    slot_shared(i) ? SDEI_TYPE_SHARED : SDEI_TYPE_PRIVATE,
			    i == E0 ? SDEI_CAN_BE_SIGNALLED : SDEI_CANNOT_BE_SIGNALLED,
			    slot_critical(i) ? SDEI_PRIORITY_CRITICAL : SDEI_PRIORITY_NORMAL);
	}
	if (!suite.test_timer.base) {
		note("no test timer: bound events not looked at");
		return;
	}
	expect_bound_kind(t, suite.test_spi, "bound SPI", SDEI_TYPE_SHARED);
	expect_bound_kind(t, suite.test_ppi, "bound PPI", SDEI_TYPE_PRIVATE);
}

static bool scan_sdei_node(const void *dtb, const struct dt_node *node, void *arg)
{
	*(bool *)arg |= dt_has_string(dtb, node, "compatible", "arm,sdei-1.0");
	return true;
}

static void h05(struct run *t)
{
	bool node = false;

	for (uint64_t fid = SDEI_FID_FIRST; fid <= SDEI_FID_LAST; fid++)
		expect_eq(t, sdei_call(fid, 0, 0, 0, 0, 0), SDEI_NOT_SUPPORTED, "0x%lx", fid);
	dt_walk(machine.dtb, scan_sdei_node, &node);
	expect(t, !node, "expected no arm,sdei-1.0 node in the device tree, found one");
}

static const struct test tests[] = {
	{ "H01", "VERSION, masked and unmasked, in and out of handlers", h01, 0, 0, false },
	{ "H02", "FEATURES", h02, 0, 0, false },
	{ "H03", "type and priority of unregistered events", h03, 0, 0, false },
	{ "H05", "a machine without SDEI answers NOT_SUPPORTED", h05, 0, 0, true },
};
const struct test_group group_identity = { tests, ARRAY_LEN(tests) };
