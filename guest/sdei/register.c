/* Group I: registering, enabling and their opposites (Arm DEN0054C 5.1.2, 5.1.3, 5.1.8). The state
 * machine as a whole is in states.c. */
#include "guest/sdei/suite.h"

#define MPIDR_BIT31 UINT64_C(0x80000000)

static uint64_t event_of(enum slot slot)
{
	return suite.event[slot];
}

static void expect_status(struct run *t, enum slot slot, int64_t status, const char *when)
{
	expect_eq(t, sdei_status(event_of(slot)), status, "STATUS(%s) %s", slot_name(slot), when);
}

static void expect_round(struct run *t, enum slot slot)
{
	const char *name = slot_name(slot);
	uint64_t event = event_of(slot);

	expect_status(t, slot, 0, "at first");
	expect_eq(t, register_slot(slot, 0, 0, 0), SDEI_SUCCESS, "REGISTER(%s)", name);
	expect_status(t, slot, 1, "registered");
	expect_eq(t, sdei_enable(event), SDEI_SUCCESS, "ENABLE(%s)", name);
	expect_status(t, slot, 3, "enabled");
	expect_eq(t, sdei_disable(event), SDEI_SUCCESS, "DISABLE(%s)", name);
	expect_status(t, slot, 1, "disabled");
	expect_eq(t, sdei_unregister(event), SDEI_SUCCESS, "UNREGISTER(%s)", name);
	expect_status(t, slot, 0, "unregistered");
}

static void i01(struct run *t)
{
	for (unsigned i = 0; i < NSTATIC; i++)
		expect_round(t, i);
	for (unsigned i = 0; i < NSTATIC; i++)
		expect_round(t, i);
}

static void expect_unknown(struct run *t, uint64_t event)
{
	const struct {
		const char *call;
		int64_t ret;
	} results[] = {
		{ "REGISTER", sdei_register(event, entry_of(E0), 0, 0, 0) },
		{ "ENABLE", sdei_enable(event) },
		{ "DISABLE", sdei_disable(event) },
		{ "UNREGISTER", sdei_unregister(event) },
		{ "STATUS", sdei_status(event) },
		{ "GET_INFO", sdei_info(event, SDEI_INFO_TYPE) },
		{ "ROUTING_SET", sdei_routing_set(event, SDEI_RM_ANY, 0) },
		{ "RELEASE", sdei_release(event) },
		{ "SIGNAL", smccc(SDEI_FID_SIGNAL, event, this_cpu()->mpidr, 0) },
	};

	for (unsigned i = 0; i < ARRAY_LEN(results); i++)
		expect_eq(t, results[i].ret, SDEI_INVALID_PARAMETERS, "%s(event 0x%lx)",
			  results[i].call, event);
}

static void i02(struct run *t)
{
	static const uint64_t unknown[] = { 1,          0x00ffffff, 0x40ffffff, 0x80000000,
					    0xc0000001, 0xffffffff, UINT64_MAX };

	for (unsigned i = 0; i < ARRAY_LEN(unknown); i++)
		expect_unknown(t, unknown[i]);
	for (unsigned bit = 24; bit < 30; bit++) {
		expect_unknown(t, UINT64_C(1) << bit);
		expect_unknown(t, event_of(PN) | UINT64_C(1) << bit);
	}
}

static void i03(struct run *t)
{
	const uint64_t first = 0x1111, second = 0x2222;

	for (unsigned i = 0; i < NSTATIC; i++) {
		uint64_t event = event_of(i);

		expect_eq(t, register_slot(i, first, 0, 0), SDEI_SUCCESS, "REGISTER(%s)",
			  slot_name(i));
		expect_eq(t, sdei_register(event, exact_entry_of(i), second, 0, 0), SDEI_DENIED,
			  "REGISTER(%s) again", slot_name(i));
		expect_status(t, i, 1, "after the second REGISTER");
		sdei_enable(event);
		expect_eq(t, sdei_register(event, exact_entry_of(i), second, 0, 0), SDEI_DENIED,
			  "REGISTER(%s) while enabled", slot_name(i));
		expect_status(t, i, 3, "after the third REGISTER");
	}
	sdei_pe_unmask();
	for (unsigned i = 0; i < (suite.trigger ? NSTATIC : 1); i++) {
		fire(i, this_cpu());
		expect_eq(t, (int64_t)runs_on(0, i), 1, "%s: handlers entered", slot_name(i));
		expect_hex(t, this_sdei()->last[i].x[1], first, "%s: argument", slot_name(i));
	}
}

static void i04(struct run *t)
{
	for (unsigned i = 0; i < NSTATIC; i++) {
		const char *name = slot_name(i);
		uint64_t event = event_of(i);

		expect_eq(t, sdei_enable(event), SDEI_DENIED, "ENABLE(%s) unregistered", name);
		expect_eq(t, sdei_disable(event), SDEI_DENIED, "DISABLE(%s) unregistered", name);
		expect_eq(t, register_slot(i, 0, 0, 0), SDEI_SUCCESS, "REGISTER(%s)", name);
		expect_eq(t, sdei_disable(event), SDEI_SUCCESS, "DISABLE(%s) registered", name);
		expect_eq(t, sdei_enable(event), SDEI_SUCCESS, "ENABLE(%s)", name);
		expect_eq(t, sdei_enable(event), SDEI_SUCCESS, "ENABLE(%s) again", name);
		expect_status(t, i, 3, "enabled twice");
		expect_eq(t, sdei_disable(event), SDEI_SUCCESS, "DISABLE(%s)", name);
		expect_eq(t, sdei_disable(event), SDEI_SUCCESS, "DISABLE(%s) again", name);
		expect_status(t, i, 1, "disabled twice");
	}
}

static void i05(struct run *t)
{
	for (unsigned i = 0; i < NSTATIC; i++) {
		const char *name = slot_name(i);

		expect_eq(t, sdei_unregister(event_of(i)), SDEI_DENIED,
			  "UNREGISTER(%s) unregistered", name);
		if (!register_enable(t, i, 0))
			continue;
		expect_eq(t, sdei_unregister(event_of(i)), SDEI_SUCCESS, "UNREGISTER(%s) enabled",
			  name);
		expect_status(t, i, 0, "unregistered");
		expect_eq(t, sdei_unregister(event_of(i)), SDEI_DENIED, "UNREGISTER(%s) again",
			  name);
		expect_eq(t, register_slot(i, 0, 0, 0), SDEI_SUCCESS, "REGISTER(%s) anew", name);
		expect_status(t, i, 1, "registered anew: not enabled");
	}
}

static void i06(struct run *t)
{
	/* Firmware need not find out that an entry point is bad. */
	static const int64_t refused[] = { SDEI_INVALID_PARAMETERS, SDEI_SUCCESS };
	static const uint64_t bad[] = { 0, 1, 2, 3 };
	static const uint64_t unmapped[] = { UINT64_C(1) << 47, UINT64_C(0xffff000000001000),
					     UINT64_C(0xfffffffffffffffc), 4 };

	for (unsigned i = 0; i < NSTATIC; i++) {
		for (unsigned b = 0; b < ARRAY_LEN(bad); b++) {
			uint64_t ep = bad[b] ? entry_of(i) | bad[b] : 0;

			if (expect_one_of(t, sdei_register(event_of(i), ep, 0, 0, 0), refused,
					  ARRAY_LEN(refused), "REGISTER(%s, ep 0x%lx)",
					  slot_name(i), ep))
				sdei_unregister(event_of(i));
			expect_status(t, i, 0, "after that");
		}
		for (unsigned u = 0; u < ARRAY_LEN(unmapped); u++) {
			expect_eq(t, sdei_register(event_of(i), unmapped[u], 0, 0, 0), SDEI_SUCCESS,
				  "REGISTER(%s, ep 0x%lx)", slot_name(i), unmapped[u]);
			sdei_unregister(event_of(i));
		}
	}
}

static void expect_flags(struct run *t, enum slot slot, uint64_t flags, uint64_t affinity,
			 int64_t expected, const char *what)
{
	expect_eq(t, register_slot(slot, 0, flags, affinity), expected, "REGISTER(%s, %s)",
		  slot_name(slot), what);
	sdei_unregister(event_of(slot));
}

static void i09(struct run *t)
{
	static const int64_t ignored[] = { SDEI_SUCCESS, SDEI_INVALID_PARAMETERS };
	const uint64_t self = this_cpu()->mpidr;
	const int64_t invalid = SDEI_INVALID_PARAMETERS;

	for (unsigned bit = 2; bit < 64; bit++) {
		expect_flags(t, SN, UINT64_C(1) << bit, 0, invalid, "one reserved flag");
		expect_flags(t, PN, UINT64_C(1) << bit, 0, invalid, "one reserved flag");
	}
	if (sdei_features(SDEI_RELATIVE_MODE) != 1)
		expect_flags(t, SN, SDEI_RELATIVE, 0, invalid, "relative without support");
	for (unsigned i = SN; i <= SC; i++) {
		expect_flags(t, i, SDEI_RM_PE, absent_mpidr(), invalid, "RM_PE, absent PE");
		expect_flags(t, i, SDEI_RM_PE, self | MPIDR_BIT31, invalid, "RM_PE, bit 31");
		expect_flags(t, i, SDEI_RM_PE, self | UINT64_C(1) << 24, invalid, "RM_PE, bit 24");
		expect_flags(t, i, SDEI_RM_PE, self | UINT64_C(1) << 40, invalid, "RM_PE, bit 40");
		expect_flags(t, i, SDEI_RM_PE, UINT64_MAX, invalid, "RM_PE, all ones");
		expect_flags(t, i, SDEI_RM_ANY, UINT64_MAX, SDEI_SUCCESS, "RM_ANY, all ones");
		for (unsigned cpu = 0; cpu < machine.ncpus; cpu++)
			expect_flags(t, i, SDEI_RM_PE, machine.cpu[cpu].mpidr, SDEI_SUCCESS,
				     "RM_PE, a CPU");
	}
	/* Routing means nothing to a private event. */
	expect_one_of(t, register_slot(PN, 0, SDEI_RM_PE, UINT64_MAX), ignored, ARRAY_LEN(ignored),
		      "REGISTER(PN, RM_PE, all ones)");
}

static int64_t status_on(struct run *t, unsigned cpu, enum slot slot)
{
	return call_on(t, cpu, SDEI_FID_STATUS, event_of(slot), 0, 0);
}

static void i11(struct run *t)
{
	static const enum slot private_events[] = { E0, PN, PC };

	if (!start_or_fail(t, 1))
		return;
	for (unsigned i = 0; i < ARRAY_LEN(private_events); i++) {
		enum slot slot = private_events[i];
		const char *name = slot_name(slot);

		register_enable(t, slot, 0);
		expect_eq(t, status_on(t, 1, slot), 0, "cpu1: STATUS(%s), registered on cpu0",
			  name);
		expect_eq(t, call_on(t, 1, SDEI_FID_ENABLE, event_of(slot), 0, 0), SDEI_DENIED,
			  "cpu1: ENABLE(%s)", name);
		expect_eq(t, call_on(t, 1, SDEI_FID_UNREGISTER, event_of(slot), 0, 0), SDEI_DENIED,
			  "cpu1: UNREGISTER(%s)", name);
		expect_eq(t, register_on(t, 1, slot, 0, 0), SDEI_SUCCESS, "cpu1: REGISTER(%s)",
			  name);
		expect_eq(t, status_on(t, 1, slot), 1, "cpu1: STATUS(%s)", name);
		expect_status(t, slot, 3, "on cpu0");
		expect_eq(t, sdei_unregister(event_of(slot)), SDEI_SUCCESS, "UNREGISTER(%s)", name);
		expect_eq(t, status_on(t, 1, slot), 1, "cpu1: STATUS(%s) after that on cpu0", name);
	}
}

static void i12(struct run *t)
{
	unsigned last = machine.ncpus - 1;

	if (!start_all(t))
		return;
	for (unsigned i = SN; i <= SC; i++) {
		expect_eq(t, register_slot(i, 0, 0, 0), SDEI_SUCCESS, "cpu0: REGISTER(%s)",
			  slot_name(i));
		expect_eq(t, register_on(t, 1, i, 0, 0), SDEI_DENIED, "cpu1: REGISTER(%s)",
			  slot_name(i));
		expect_eq(t, call_on(t, 1, SDEI_FID_ENABLE, event_of(i), 0, 0), SDEI_SUCCESS,
			  "cpu1: ENABLE(%s)", slot_name(i));
		for (unsigned cpu = 0; cpu < machine.ncpus; cpu++)
			expect_eq(t, status_on(t, cpu, i), 3, "cpu%u: STATUS(%s)", cpu,
				  slot_name(i));
		expect_eq(t, call_on(t, last, SDEI_FID_UNREGISTER, event_of(i), 0, 0), SDEI_SUCCESS,
			  "cpu%u: UNREGISTER(%s)", last, slot_name(i));
		for (unsigned cpu = 0; cpu < machine.ncpus; cpu++)
			expect_eq(t, status_on(t, cpu, i), 0, "cpu%u: STATUS(%s)", cpu,
				  slot_name(i));
	}
}

static void i16(struct run *t)
{
	if (need_trigger(t) || !start_or_fail(t, 1))
		return;
	for (unsigned i = SN; i <= SC; i++) {
		const char *name = slot_name(i);
		uint64_t event = event_of(i);

		clear_records();
		set_handler(i, handler_held);
		expect_eq(t, register_slot(i, 0, SDEI_RM_PE, machine.cpu[1].mpidr), SDEI_SUCCESS,
			  "REGISTER(%s, RM_PE, cpu1)", name);
		sdei_enable(event);
		call_on(t, 1, SDEI_FID_PE_UNMASK, 0, 0, 0);
		expect_eq(t, fire(i, NULL), SDEI_SUCCESS, "%s: trigger", name);
		if (!expect(t, wait_runs(1, i, 1, STALL_US), "%s: expected to run on cpu1", name))
			return;
		for (unsigned n = 0; n < 2; n++)
			expect_eq(t, sdei_unregister(event), SDEI_PENDING,
				  "UNREGISTER(%s) while cpu1 runs it", name);
		expect_status(t, i, 4, "then");
		expect_eq(t, register_slot(i, 0, 0, 0), SDEI_DENIED, "REGISTER(%s) then", name);
		release_held();
		expect(t, wait_status(i, 0, STALL_US),
		       "STATUS(%s): expected 0 after completion, found %ld", name,
		       sdei_status(event));
		expect_eq(t, sdei_unregister(event), SDEI_DENIED, "UNREGISTER(%s) afterwards",
			  name);
		expect_eq(t, register_slot(i, 0, 0, 0), SDEI_SUCCESS, "REGISTER(%s) afterwards",
			  name);
		sdei_unregister(event);
		hold_again();
	}
}

static const struct test tests[] = {
	{ "I01", "register, enable, disable, unregister", i01, 0, 0, false },
	{ "I02", "unknown event numbers", i02, 0, 0, false },
	{ "I03", "registered twice: the first registration stays", i03, 0, 0, false },
	{ "I04", "ENABLE and DISABLE unregistered, and twice", i04, 0, 0, false },
	{ "I05", "UNREGISTER unregistered, and while enabled", i05, 0, 0, false },
	{ "I06", "entry points", i06, 0, 0, false },
	{ "I09", "flags and affinity", i09, 0, 0, false },
	{ "I11", "a private event is registered on one CPU", i11, 0, 2, false },
	{ "I12", "a shared event is registered for all", i12, 0, 2, false },
	{ "I16", "UNREGISTER while another CPU runs the handler", i16, 0, 2, false },
};
const struct test_group group_register = { tests, ARRAY_LEN(tests) };
