/* Group O: shared events on several CPUs (Arm DEN0054C 4.4, 6.2). */
#include "guest/sdei/suite.h"

#define QUIET_US      5000 /* long enough for a run that should not be */
#define ANY_TRIGGERS  25
#define ONE_TRIGGERS  5
#define ROUTE_CPUS    4 /* targets and triggering CPUs of O01, spread over all there are */
#define UNMASK_ROUNDS 50

/* Wait until the slot's handler was entered n times in all, then a while: exactly n. */
static bool expect_total(struct run *t, enum slot slot, uint64_t n, const char *when)
{
	uint64_t start = timer_now();

	while (runs_in_all(slot) < n && timer_us_since(start) < STALL_US * machine.time_scale)
		cpu_relax();
	return expect_eq(t, (int64_t)runs_in_all(slot), (int64_t)n, "%s: runs of %s", when,
			 slot_name(slot));
}

static bool expect_total_stays(struct run *t, enum slot slot, uint64_t n, const char *when)
{
	timer_spin_us(QUIET_US);
	return expect_total(t, slot, n, when);
}

static void expect_call(struct run *t, unsigned cpu, uint64_t fid, uint64_t event, int64_t expected,
			const char *name)
{
	expect_eq(t, call_on(t, cpu, fid, event, 0, 0), expected, "cpu%u: %s", cpu, name);
}

/* PE_MASK or PE_UNMASK on all CPUs from `first` on. */
static void mask_all(struct run *t, unsigned first, bool mask)
{
	for (unsigned i = first; i < machine.ncpus; i++)
		call_on(t, i, mask ? SDEI_FID_PE_MASK : SDEI_FID_PE_UNMASK, 0, 0, 0);
}

static bool others_started(struct run *t)
{
	return !need_trigger(t) && start_all(t);
}

static unsigned stride(void)
{
	return (machine.ncpus + ROUTE_CPUS - 1) / ROUTE_CPUS;
}

/* Registered, enabled and triggered each on another CPU than the one it is routed to. */
static void one_route(struct run *t, enum slot slot, unsigned target, bool by_routing_set)
{
	unsigned n = machine.ncpus;
	uint64_t event = suite.event[slot], mpidr = machine.cpu[target].mpidr, triggers = 0;

	clear_records();
	expect_eq(t,
		  register_on(t, (target + 1) % n, slot, by_routing_set ? SDEI_RM_ANY : SDEI_RM_PE,
			      by_routing_set ? 0 : mpidr),
		  SDEI_SUCCESS, "cpu%u: EVENT_REGISTER", (target + 1) % n);
	if (by_routing_set)
		expect_eq(t,
			  call_on(t, (target + 3) % n, SDEI_FID_ROUTING_SET, event, SDEI_RM_PE,
				  mpidr),
			  SDEI_SUCCESS, "cpu%u: EVENT_ROUTING_SET", (target + 3) % n);
	expect_call(t, (target + 2) % n, SDEI_FID_ENABLE, event, SDEI_SUCCESS, "EVENT_ENABLE");
	for (unsigned from = 0; from < n; from += stride())
		if (!expect_eq(t, call_on(t, from, VENDOR_FID_SDEI_TRIGGER, event, SDEI_NO_PE, 0),
			       0, "trigger on cpu%u", from) ||
		    !expect_total(t, slot, ++triggers, "RM_PE"))
			break;
	expect_total_stays(t, slot, triggers, "RM_PE");
	expect_eq(t, (int64_t)runs_on(target, slot), (int64_t)triggers,
		  "runs of %s on cpu%u, where it is routed", slot_name(slot), target);
	wait_status(slot, SDEI_REGISTERED | SDEI_ENABLED, STALL_US);
	expect_call(t, (target + 1) % n, SDEI_FID_UNREGISTER, event, SDEI_SUCCESS,
		    "EVENT_UNREGISTER");
}

static void o01(struct run *t)
{
	if (!others_started(t))
		return;
	mask_all(t, 0, false);
	for (unsigned target = 0; target < machine.ncpus; target += stride()) {
		one_route(t, SN, target, false);
		one_route(t, SC, target, true);
	}
}

static bool trigger_and_count(struct run *t, enum slot slot, uint64_t n)
{
	for (uint64_t i = 1; i <= n; i++)
		if (!expect_eq(t, fire(slot, NULL), 0, "trigger %lu of %s", i, slot_name(slot)) ||
		    !expect_total(t, slot, i, "RM_ANY, one trigger after the other"))
			return false;
	return expect_total_stays(t, slot, n, "RM_ANY, after the last trigger");
}

/* CPUs whose bit is set in `unmasked` may run it. */
static void one_any(struct run *t, enum slot slot, uint64_t unmasked, uint64_t triggers)
{
	clear_records();
	for (unsigned i = 0; i < machine.ncpus; i++)
		call_on(t, i, unmasked >> i & 1 ? SDEI_FID_PE_UNMASK : SDEI_FID_PE_MASK, 0, 0, 0);
	if (!trigger_and_count(t, slot, triggers))
		return;
	for (unsigned i = 0; i < machine.ncpus; i++)
		if (!(unmasked >> i & 1))
			expect_eq(t, (int64_t)runs_on(i, slot), 0, "runs of %s on cpu%u, masked",
				  slot_name(slot), i);
}

static void o02(struct run *t)
{
	uint64_t all = (UINT64_C(1) << machine.ncpus) - 1;

	if (!others_started(t))
		return;
	for (enum slot slot = SN; slot <= SC; slot++) {
		register_enable(t, slot, 0);
		one_any(t, slot, all, ANY_TRIGGERS);
		one_any(t, slot, all & ~UINT64_C(1), ANY_TRIGGERS); /* not the one that triggers */
		one_any(t, slot, all & UINT64_C(0xaaaaaaaaaaaaaaaa), ANY_TRIGGERS);
		for (unsigned i = 0; i < machine.ncpus; i += stride())
			one_any(t, slot, UINT64_C(1) << i, ONE_TRIGGERS);
		mask_all(t, 0, true);
		expect_eq(t, sdei_unregister(suite.event[slot]), SDEI_SUCCESS,
			  "EVENT_UNREGISTER of %s", slot_name(slot));
	}
}

static struct barrier unmask_line;
static uint64_t remask; /* the number of rounds that are over */

static uint64_t job_unmask_together(uint64_t round)
{
	barrier_wait(&unmask_line, this_cpu()->index);
	sdei_pe_unmask();
	while (shared_read(&remask) < round)
		cpu_relax();
	return (uint64_t)sdei_pe_mask();
}

static bool one_unmask_race(struct run *t, enum slot slot, uint64_t round)
{
	expect_eq(t, fire(slot, NULL), 0, "trigger %lu", round);
	timer_spin_us(round % 4 * 100);
	if (!expect_total(t, slot, round - 1, "all masked"))
		return false;
	barrier_init(&unmask_line, machine.ncpus);
	for (unsigned i = 1; i < machine.ncpus; i++)
		smp_post(&machine.cpu[i], job_unmask_together, round);
	barrier_wait(&unmask_line, 0);
	sdei_pe_unmask();
	if (!expect_total(t, slot, round, "all unmasked together"))
		return false;
	shared_write(&remask, round);
	expect_eq(t, sdei_pe_mask(), 1, "cpu0: PE_MASK after round %lu", round);
	for (unsigned i = 1; i < machine.ncpus; i++)
		if (!expect(t, smp_wait(&machine.cpu[i], STALL_US), "cpu%u: lost", i) ||
		    !expect_eq(t, (int64_t)machine.cpu[i].result, 1, "cpu%u: PE_MASK", i))
			return false;
	return expect_total(t, slot, round, "after the round");
}

static void o04(struct run *t)
{
	if (machine.ncpus > BARRIER_SLOTS) {
		skip(t, "more CPUs than the barrier holds");
		return;
	}
	if (!others_started(t))
		return;
	for (enum slot slot = SN; slot <= SC; slot++) {
		shared_write(&remask, 0);
		register_enable(t, slot, 0);
		for (uint64_t round = 1; round <= UNMASK_ROUNDS; round++)
			if (!one_unmask_race(t, slot, round))
				break;
		sdei_unregister(suite.event[slot]);
	}
}

/* Handlers of this event are entered one at a time: word[0] says that it runs on this CPU, word[1]
 * counts those found on another one. */
static void handler_alone(struct sdei_entry *entry)
{
	struct sdei_cpu *self = this_sdei();

	(void)entry;
	shared_write(&self->word[0], 1);
	for (unsigned round = 0; round < 4; round++) {
		for (unsigned i = 0; i < machine.ncpus; i++) {
			struct sdei_cpu *other = sdei_of(&machine.cpu[i]);

			if (other != self && shared_read(&other->word[0]))
				self->word[1]++;
		}
		timer_spin_us(20);
	}
	shared_write(&self->word[0], 0);
}

static uint64_t job_trigger_for(uint64_t us)
{
	uint64_t start = timer_now(), n = 0;

	while (timer_us_since(start) < us) {
		fire(SN, NULL);
		n++;
	}
	return n;
}

static void expect_never_twice(struct run *t)
{
	uint64_t triggers = 0;

	set_handler(SN, handler_alone);
	clear_records();
	mask_all(t, 0, false);
	for (unsigned i = 1; i < machine.ncpus; i++)
		smp_post(&machine.cpu[i], job_trigger_for, SECOND_US / 2);
	triggers = job_trigger_for(SECOND_US / 2);
	for (unsigned i = 1; i < machine.ncpus; i++)
		if (expect(t, smp_wait(&machine.cpu[i], STALL_US), "cpu%u: lost", i))
			triggers += machine.cpu[i].result;
	wait_status(SN, SDEI_REGISTERED | SDEI_ENABLED, STALL_US);
	for (unsigned i = 0; i < machine.ncpus; i++)
		expect_eq(t, (int64_t)sdei_of(&machine.cpu[i])->word[1], 0,
			  "cpu%u: times that it found the handler running elsewhere", i);
	expect(t, runs_in_all(SN) > 0 && runs_in_all(SN) <= triggers,
	       "expected 1 to %lu runs for as many triggers, found %lu", triggers, runs_in_all(SN));
}

static void o05(struct run *t)
{
	if (!others_started(t))
		return;
	register_enable(t, SN, 0);
	set_handler(SN, handler_held);
	mask_all(t, 1, false);
	fire(SN, NULL);
	if (expect_total(t, SN, 1, "first trigger")) {
		for (unsigned i = 0; i < 3; i++)
			fire(SN, NULL);
		expect_total_stays(t, SN, 1, "triggered while it runs, others able to");
	}
	release_held();
	expect_total(t, SN, 2, "after the first completed");
	expect_total_stays(t, SN, 2, "after the second completed");
	wait_status(SN, SDEI_REGISTERED | SDEI_ENABLED, STALL_US);
	expect_never_twice(t);
}

/* SN registered, enabled and held in its handler on cpu1, the only one that takes it. */
static bool held_on_cpu1(struct run *t)
{
	if (!others_started(t))
		return false;
	register_enable(t, SN, 0);
	set_handler(SN, handler_held);
	expect_call(t, 1, SDEI_FID_PE_UNMASK, 0, SDEI_SUCCESS, "PE_UNMASK");
	fire(SN, NULL);
	return expect(t, wait_runs(1, SN, 1, STALL_US), "cpu1: expected the handler of SN to run");
}

static void o07(struct run *t)
{
	uint64_t event = suite.event[SN];
	unsigned other = machine.ncpus > 2 ? 2 : 0;

	if (!held_on_cpu1(t))
		return;
	expect_call(t, other, SDEI_FID_UNREGISTER, event, SDEI_PENDING, "EVENT_UNREGISTER");
	expect_eq(t, sdei_unregister(event), SDEI_PENDING, "EVENT_UNREGISTER, again");
	expect_eq(t, sdei_status(event), SDEI_RUNNING, "EVENT_STATUS");
	expect_eq(t, register_slot(SN, 0, 0, 0), SDEI_DENIED, "EVENT_REGISTER while it runs");
	expect_eq(t, sdei_enable(event), SDEI_DENIED, "EVENT_ENABLE while it runs");
	expect_eq(t, fire(SN, NULL), SDEI_DENIED, "trigger of an unregistered handler");
	release_held();
	expect(t, wait_status(SN, 0, STALL_US),
	       "EVENT_STATUS after it completed: expected 0, found %ld", sdei_status(event));
	expect_eq(t, sdei_unregister(event), SDEI_DENIED, "EVENT_UNREGISTER after it completed");
	expect_eq(t, register_on(t, other, SN, 0, 0), SDEI_SUCCESS, "cpu%u: EVENT_REGISTER", other);
	expect_eq(t, sdei_enable(event), SDEI_SUCCESS, "EVENT_ENABLE");
	expect_total_stays(t, SN, 1, "registered anew");
	fire(SN, NULL);
	expect_total_stays(t, SN, 2, "registered anew and triggered");
}

static void o08(struct run *t)
{
	uint64_t event = suite.event[SN];

	if (!held_on_cpu1(t))
		return;
	expect_eq(t, fire(SN, NULL), 0, "trigger while it runs");
	expect_eq(t, sdei_disable(event), SDEI_SUCCESS, "EVENT_DISABLE while it runs");
	expect_eq(t, sdei_status(event), SDEI_REGISTERED | SDEI_RUNNING, "EVENT_STATUS");
	release_held();
	expect(t, wait_status(SN, SDEI_REGISTERED, STALL_US),
	       "EVENT_STATUS after it completed: expected 1, found %ld", sdei_status(event));
	expect_total_stays(t, SN, 1, "disabled while it ran");
	expect_eq(t, sdei_enable(event), SDEI_SUCCESS, "EVENT_ENABLE");
	expect_total_stays(t, SN, 2, "enabled with a trigger pending");
}

/* What a loop found wrong: word[0] the step that failed, [1] its result, [2] rounds done. */
enum {
	STEP_NONE,
	STEP_REGISTER,
	STEP_ENABLE,
	STEP_TRIGGER,
	STEP_RUN,
	STEP_DISABLE,
	STEP_UNREGISTER
};

static bool step(struct sdei_cpu *self, uint64_t number, int64_t found, int64_t expected)
{
	if (found == expected)
		return true;
	self->word[0] = number;
	self->word[1] = (uint64_t)found;
	return false;
}

/* A private event's whole life on this CPU; a trigger for itself runs before the call returns. */
static bool one_life(struct sdei_cpu *self, enum slot slot)
{
	uint64_t event = suite.event[slot], runs = self->runs[slot];

	return step(self, STEP_REGISTER, register_slot(slot, 0, 0, 0), SDEI_SUCCESS) &&
	       step(self, STEP_ENABLE, sdei_enable(event), SDEI_SUCCESS) &&
	       step(self, STEP_TRIGGER, fire(slot, this_cpu()), SDEI_SUCCESS) &&
	       step(self, STEP_RUN, (int64_t)(shared_read(&self->runs[slot]) - runs), 1) &&
	       step(self, STEP_DISABLE, sdei_disable(event), SDEI_SUCCESS) &&
	       step(self, STEP_UNREGISTER, sdei_unregister(event), SDEI_SUCCESS);
}

static uint64_t job_lives(uint64_t us)
{
	struct sdei_cpu *self = this_sdei();
	uint64_t start = timer_now();

	sdei_pe_unmask();
	do {
		if (!one_life(self, E0) ||
		    (suite.trigger && (!one_life(self, PN) || !one_life(self, PC))))
			break;
		self->word[2]++;
	} while (timer_us_since(start) < us);
	sdei_pe_mask();
	return 0;
}

static void o09(struct run *t)
{
	uint64_t us = t->soak_s * SECOND_US, rounds = 0;

	if (!start_all(t))
		return;
	for (unsigned i = 1; i < machine.ncpus; i++)
		smp_post(&machine.cpu[i], job_lives, us);
	job_lives(us);
	for (unsigned i = 1; i < machine.ncpus; i++)
		expect(t, smp_wait(&machine.cpu[i], STALL_US), "cpu%u: lost", i);
	for (unsigned i = 0; i < machine.ncpus; i++) {
		const struct sdei_cpu *c = sdei_of(&machine.cpu[i]);

		rounds += c->word[2];
		expect(t, c->word[0] == STEP_NONE && c->word[2] > 0,
		       "cpu%u, round %lu: step %lu (1 register, 2 enable, 3 trigger, 4 runs, 5 disable, 6 unregister) gave %ld",
		       i, c->word[2], c->word[0], (int64_t)c->word[1]);
	}
	note("%lu rounds", rounds);
}

static const struct test tests[] = {
	{ "O01", "RM_PE: runs on the named CPU, whoever registers, enables, triggers", o01, 60, 2,
	  false },
	{ "O02", "RM_ANY: each trigger runs once, on a CPU that is not masked", o02, 60, 2, false },
	{ "O04", "RM_ANY pending, all CPUs unmask together: runs once", o04, 60, 2, false },
	{ "O05", "a shared handler never runs twice at a time", o05, 30, 3, false },
	{ "O07", "unregistered by another CPU while it runs", o07, 0, 2, false },
	{ "O08", "disabled by another CPU while it runs", o08, 0, 2, false },
	{ "O09", "whole lives of private events on all CPUs at once (soak= seconds)", o09, 30, 0,
	  false },
};
const struct test_group group_shared = { tests, ARRAY_LEN(tests) };
