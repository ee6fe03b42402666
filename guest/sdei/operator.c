/*
 * A client that only listens, for events that come from outside the guest: the operator's triggers and
 * the watchdog. Not part of the conformance groups: on request, by test=W01 with
 *   listen=EVENT[+EVENT...]  numbers, up to four; the handler is registered on every CPU that is there
 *   bind=INTID               binds it and listens to the event that gives
 *   period=MS                sets the watchdog's period by rasvm's call
 *   for=SECONDS              how long to listen, 3 by default
 *   masked=yes               with all interrupts masked, in a loop: as a locked-up kernel
 * Prints "# event NUMBER ran N on cpu C" for each.
 */
#include "guest/sdei/suite.h"

#define MAX_LISTEN 4

static enum slot listening[MAX_LISTEN];
static unsigned nlisten;

/* The records are kept by slot, and the first with the number counts. */
static enum slot slot_for(uint64_t event)
{
	for (unsigned i = 0; i < NSTATIC; i++)
		if (suite.event[i] == event)
			return i;
	return B0 + nlisten;
}

static void listen_to(struct run *t, uint64_t event)
{
	enum slot slot = slot_for(event);
	int64_t type = sdei_info(event, SDEI_INFO_TYPE);

	if (!expect(t, type >= 0 && nlisten < MAX_LISTEN, "event 0x%lx exists: EVENT_GET_INFO %ld",
		    event, type))
		return;
	suite.event[slot] = event;
	listening[nlisten++] = slot;
	for (unsigned i = 0; i < machine.ncpus && (type == SDEI_TYPE_PRIVATE || i == 0); i++) {
		expect_eq(t, register_on(t, i, slot, SDEI_RM_ANY, 0), SDEI_SUCCESS,
			  "EVENT_REGISTER of 0x%lx on cpu%u", event, i);
		expect_eq(t, call_on(t, i, SDEI_FID_ENABLE, event, 0, 0), SDEI_SUCCESS,
			  "EVENT_ENABLE of 0x%lx on cpu%u", event, i);
	}
}

static void listen_to_all(struct run *t)
{
	static char text[96];
	uint64_t intid = bootarg_number("bind", 0);
	const char *at = text;

	if (bootarg("listen", text, sizeof(text)))
		while (*at) {
			listen_to(t, parse_number(at));
			while (*at && *at++ != '+')
				;
		}
	if (intid) {
		int64_t event = sdei_bind(intid);

		if (expect(t, event > 0, "INTERRUPT_BIND of %lu: found %ld", intid, event))
			listen_to(t, (uint64_t)event);
	}
}

static uint64_t job_spin_masked(uint64_t us)
{
	irq_disable();
	timer_spin_us(us);
	irq_enable();
	return 0;
}

static void w01(struct run *t)
{
	uint64_t us = bootarg_number("for", 3) * SECOND_US, period = bootarg_number("period", 0);
	char value[8];

	nlisten = 0;
	if (!start_all(t))
		return;
	listen_to_all(t);
	for (unsigned i = 0; i < machine.ncpus; i++)
		call_on(t, i, SDEI_FID_PE_UNMASK, 0, 0, 0);
	if (period)
		expect_eq(t, smccc(VENDOR_FID_SDEI_WATCHDOG, period, 0, 0), 0,
			  "the call that sets the watchdog's period");
	note("listening");
	if (machine.ncpus > 1 && bootarg("masked", value, sizeof(value))) {
		smp_post(&machine.cpu[1], job_spin_masked, us);
		smp_wait(&machine.cpu[1], us + 10 * SECOND_US);
	} else {
		timer_spin_us(us);
	}
	for (unsigned i = 0; i < nlisten; i++)
		for (unsigned cpu = 0; cpu < machine.ncpus; cpu++)
			note("event 0x%lx ran %lu on cpu%u", suite.event[listening[i]],
			     runs_on(cpu, listening[i]), cpu);
}

static const struct test tests[] = {
	{ "W01", "listen for events from outside", w01, 30, 1, true },
};
const struct test_group group_operator = { tests, ARRAY_LEN(tests) };
