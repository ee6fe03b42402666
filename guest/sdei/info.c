/* Group J: EVENT_STATUS, EVENT_GET_INFO, EVENT_ROUTING_SET (Arm DEN0054C 5.1.9 to 5.1.11). */
#include "guest/sdei/suite.h"

#define BAD_INFO 5
#define MPIDR_MT UINT64_C(0x80000000) /* RES1 in the register, to be zero in an argument */

/* What a handler saw of its own event: words 0 and up. */
static void look_at_status(struct sdei_entry *entry)
{
	uint64_t event = suite.event[entry->slot];
	uint64_t *word = this_sdei()->word;

	word[0] = (uint64_t)sdei_status(event);
	sdei_disable(event);
	word[1] = (uint64_t)sdei_status(event);
	word[2] = (uint64_t)sdei_unregister(event);
	word[3] = (uint64_t)sdei_status(event);
}

static void expect_all_states(struct run *t, enum slot slot)
{
	static const char *const when[] = { "in the handler", "disabled in the handler", NULL,
					    "unregistered in the handler" };
	static const int64_t seen[] = { 7, 5, SDEI_PENDING, 4 };
	const uint64_t *word = this_sdei()->word;
	uint64_t event = suite.event[slot];

	expect_eq(t, sdei_status(event), 0, "%s: STATUS at first", slot_name(slot));
	expect_eq(t, register_slot(slot, 0, 0, 0), SDEI_SUCCESS, "REGISTER(%s)", slot_name(slot));
	expect_eq(t, sdei_status(event), 1, "%s: STATUS registered", slot_name(slot));
	expect_eq(t, sdei_enable(event), SDEI_SUCCESS, "ENABLE(%s)", slot_name(slot));
	expect_eq(t, sdei_status(event), 3, "%s: STATUS enabled", slot_name(slot));
	set_handler(slot, look_at_status);
	expect_eq(t, fire(slot, this_cpu()), SDEI_SUCCESS, "%s: trigger", slot_name(slot));
	if (!expect_eq(t, (int64_t)runs_on(0, slot), 1, "%s: handlers entered", slot_name(slot)))
		return;
	for (unsigned i = 0; i < ARRAY_LEN(seen); i++)
		expect_eq(t, (int64_t)word[i], seen[i], "%s: %s %s", slot_name(slot),
			  when[i] ? "STATUS" : "UNREGISTER", when[i] ? when[i] : "in the handler");
	expect_eq(t, sdei_status(event), 0, "%s: STATUS afterwards", slot_name(slot));
}

static void j01(struct run *t)
{
	sdei_pe_unmask();
	expect_all_states(t, E0);
	if (need_trigger(t))
		return;
	for (unsigned i = PN; i < NSTATIC; i++)
		expect_all_states(t, i);
}

static void expect_routing(struct run *t, const char *when, int64_t mode, int64_t affinity)
{
	expect_eq(t, sdei_info(suite.event[SN], SDEI_INFO_MODE), mode, "GET_INFO(SN, mode) %s",
		  when);
	expect_eq(t, sdei_info(suite.event[SN], SDEI_INFO_AFFINITY), affinity,
		  "GET_INFO(SN, affinity) %s", when);
}

static void look_at_info(struct sdei_entry *entry)
{
	uint64_t *word = this_sdei()->word;

	(void)entry;
	for (unsigned i = 0; i <= BAD_INFO; i++)
		word[i] = (uint64_t)sdei_info(suite.event[SN], i);
}

static void expect_info_in_handler(struct run *t, int64_t affinity)
{
	const int64_t expected[] = {
		SDEI_TYPE_SHARED, SDEI_CANNOT_BE_SIGNALLED, SDEI_PRIORITY_NORMAL, SDEI_RM_PE,
		affinity,         SDEI_INVALID_PARAMETERS
	};

	if (!suite.trigger)
		return;
	set_handler(SN, look_at_info);
	expect_eq(t, sdei_enable(suite.event[SN]), SDEI_SUCCESS, "ENABLE(SN)");
	sdei_pe_unmask();
	expect_eq(t, fire(SN, this_cpu()), SDEI_SUCCESS, "SN: trigger");
	if (!expect_eq(t, (int64_t)runs_on(0, SN), 1, "SN: handlers entered"))
		return;
	for (unsigned i = 0; i <= BAD_INFO; i++)
		expect_eq(t, (int64_t)this_sdei()->word[i], expected[i],
			  "GET_INFO(SN, %u) in its handler", i);
}

static void j02(struct run *t)
{
	static const enum slot private_events[] = { E0, PN, PC };
	int64_t self = (int64_t)this_cpu()->mpidr;

	for (unsigned i = 0; i < ARRAY_LEN(private_events); i++)
		for (unsigned info = SDEI_INFO_MODE; info <= SDEI_INFO_AFFINITY; info++)
			expect_eq(t, sdei_info(suite.event[private_events[i]], info),
				  SDEI_INVALID_PARAMETERS, "GET_INFO(%s, %u)",
				  slot_name(private_events[i]), info);
	expect_routing(t, "unregistered", SDEI_DENIED, SDEI_DENIED);
	expect_eq(t, register_slot(SN, 0, SDEI_RM_ANY, (uint64_t)self), SDEI_SUCCESS,
		  "REGISTER(SN, RM_ANY)");
	expect_routing(t, "registered RM_ANY", SDEI_RM_ANY, SDEI_INVALID_PARAMETERS);
	expect_eq(t, sdei_unregister(suite.event[SN]), SDEI_SUCCESS, "UNREGISTER(SN)");
	expect_eq(t, register_slot(SN, 0, SDEI_RM_PE, (uint64_t)self), SDEI_SUCCESS,
		  "REGISTER(SN, RM_PE)");
	expect_routing(t, "registered RM_PE", SDEI_RM_PE, self);
	expect_eq(t, sdei_info(suite.event[SN], BAD_INFO), SDEI_INVALID_PARAMETERS,
		  "GET_INFO(SN, %u)", BAD_INFO);
	expect_eq(t, sdei_info(suite.event[SN], UINT64_MAX), SDEI_INVALID_PARAMETERS,
		  "GET_INFO(SN, all ones)");
	expect_info_in_handler(t, self);
}

static void expect_bad_routing(struct run *t, uint64_t event, uint64_t mode, uint64_t affinity,
			       const char *what)
{
	expect_eq(t, sdei_routing_set(event, mode, affinity), SDEI_INVALID_PARAMETERS,
		  "ROUTING_SET(%s)", what);
}

static void j03(struct run *t)
{
	struct cpu *last = &machine.cpu[machine.ncpus - 1];
	uint64_t sn = suite.event[SN], self = this_cpu()->mpidr;

	expect_bad_routing(t, 0x40ffffff, SDEI_RM_ANY, 0, "unknown event");
	expect_bad_routing(t, suite.event[E0], SDEI_RM_ANY, 0, "event 0");
	expect_bad_routing(t, suite.event[PN], SDEI_RM_ANY, 0, "private event");
	expect_eq(t, sdei_routing_set(sn, SDEI_RM_ANY, 0), SDEI_DENIED, "ROUTING_SET unregistered");
	expect_eq(t, register_slot(SN, 0, SDEI_RM_ANY, 0), SDEI_SUCCESS, "REGISTER(SN)");
	expect_bad_routing(t, sn, 2, self, "mode 2");
	expect_bad_routing(t, sn, SDEI_RM_PE | UINT64_C(1) << 63, self, "mode bit 63");
	expect_bad_routing(t, sn, SDEI_RM_PE | UINT64_C(1) << 32, self, "mode bit 32");
	expect_bad_routing(t, sn, SDEI_RM_PE, absent_mpidr(), "absent PE");
	expect_bad_routing(t, sn, SDEI_RM_PE, self | MPIDR_MT, "affinity bit 31");
	expect_bad_routing(t, sn, SDEI_RM_PE, self | UINT64_C(1) << 40, "affinity bit 40");
	expect_bad_routing(t, sn, SDEI_RM_PE, UINT64_MAX, "affinity all ones");
	expect_routing(t, "after refusals", SDEI_RM_ANY, SDEI_INVALID_PARAMETERS);
	/* A PE that is off can be named. */
	expect_eq(t, sdei_routing_set(sn, SDEI_RM_PE, last->mpidr), SDEI_SUCCESS,
		  "ROUTING_SET(RM_PE, last CPU)");
	expect_routing(t, "routed to the last CPU", SDEI_RM_PE, (int64_t)last->mpidr);
	expect_eq(t, sdei_routing_set(sn, SDEI_RM_ANY, absent_mpidr()), SDEI_SUCCESS,
		  "ROUTING_SET(RM_ANY) ignores the affinity");
	expect_routing(t, "routed RM_ANY", SDEI_RM_ANY, SDEI_INVALID_PARAMETERS);
	expect_eq(t, sdei_enable(sn), SDEI_SUCCESS, "ENABLE(SN)");
	expect_eq(t, sdei_routing_set(sn, SDEI_RM_PE, self), SDEI_DENIED, "ROUTING_SET enabled");
	expect_eq(t, sdei_disable(sn), SDEI_SUCCESS, "DISABLE(SN)");
	expect_eq(t, sdei_routing_set(sn, SDEI_RM_PE, self), SDEI_SUCCESS,
		  "ROUTING_SET disabled again");
}

static const struct test tests[] = {
	{ "J01", "STATUS in every state", j01, 0, 0, false },
	{ "J02", "GET_INFO of routing", j02, 0, 0, false },
	{ "J03", "ROUTING_SET", j03, 0, 0, false },
};
const struct test_group group_info = { tests, ARRAY_LEN(tests) };
