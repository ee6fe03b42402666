/* Group K: EVENT_SIGNAL (Arm DEN0054C 5.1.16). */
#include "guest/sdei/suite.h"

#define SELF_ROUNDS    20
#define SERIAL_SIGNALS 60
#define MESSAGE_ROUNDS UINT64_C(100000)
#define MESSAGE_WORDS  8
#define MAX_SENDERS    16

static void k01(struct run *t)
{
	expect_eq(t, sdei_signal(this_cpu()->mpidr), SDEI_SUCCESS, "SIGNAL(self), unregistered");
	expect_eq(t, sdei_unregister(0), SDEI_DENIED, "UNREGISTER(0), unregistered");
	if (!register_enable(t, E0, 0))
		return;
	sdei_pe_unmask();
	/* What was signalled above may be kept or not (N12). */
	clear_records();
	for (int64_t i = 1; i <= SELF_ROUNDS; i++) {
		expect_eq(t, sdei_signal(this_cpu()->mpidr), SDEI_SUCCESS, "SIGNAL(self)");
		expect_eq(t, (int64_t)runs_on(0, E0), i, "handlers entered at SIGNAL's return");
	}
}

static uint64_t job_signal_others(uint64_t self)
{
	int64_t ret = SDEI_SUCCESS;

	for (unsigned i = 0; i < machine.ncpus; i++)
		if (i != self && ret == SDEI_SUCCESS)
			ret = sdei_signal(machine.cpu[i].mpidr);
	return (uint64_t)ret;
}

static void expect_serial_signals(struct run *t)
{
	int64_t rounds = 1 + SERIAL_SIGNALS / machine.ncpus;

	for (int64_t round = 1; round <= rounds; round++)
		for (unsigned i = 1; i < machine.ncpus; i++) {
			expect_eq(t, fire(E0, &machine.cpu[i]), SDEI_SUCCESS, "SIGNAL(cpu%u)", i);
			if (!expect(t, wait_ends(i, E0, (uint64_t)round, STALL_US),
				    "cpu%u: expected handler run %ld, found %lu", i, round,
				    runs_on(i, E0)))
				return;
		}
	for (unsigned i = 0; i < machine.ncpus; i++)
		expect_eq(t, (int64_t)runs_on(i, E0), i ? rounds : 0,
			  "cpu%u: handlers entered, one for each signal", i);
}

static void expect_all_to_all(struct run *t)
{
	clear_records();
	for (unsigned i = 1; i < machine.ncpus; i++)
		smp_post(&machine.cpu[i], job_signal_others, i);
	expect_eq(t, (int64_t)job_signal_others(0), SDEI_SUCCESS, "cpu0: SIGNAL");
	for (unsigned i = 1; i < machine.ncpus; i++)
		if (expect(t, smp_wait(&machine.cpu[i], STALL_US), "cpu%u: no return", i))
			expect_eq(t, (int64_t)machine.cpu[i].result, SDEI_SUCCESS, "cpu%u: SIGNAL",
				  i);
	for (unsigned i = 0; i < machine.ncpus; i++)
		expect(t, wait_runs(i, E0, 1, STALL_US),
		       "cpu%u: signalled by all others, expected its handler to run", i);
}

static void k02(struct run *t)
{
	if (!make_ready(t, 0, E0) || !start_all(t))
		return;
	for (unsigned i = 1; i < machine.ncpus; i++)
		if (!make_ready(t, i, E0))
			return;
	expect_serial_signals(t);
	expect_all_to_all(t);
}

static void k03(struct run *t)
{
	static const int64_t wide[] = { SDEI_SUCCESS, SDEI_INVALID_PARAMETERS };
	const uint64_t self = this_cpu()->mpidr;
	const struct {
		uint64_t event, mpidr;
		const char *what;
	} bad[] = {
		{ suite.event[PN], self, "PN, registered" },
		{ suite.event[SN], self, "SN" },
		{ 1, self, "event 1" },
		{ UINT64_MAX, self, "event -1" },
		{ 0, absent_mpidr(), "absent PE" },
		{ 0, self | UINT64_C(1) << 24, "target bit 24" },
		{ 0, self | UINT64_C(1) << 31, "target bit 31" },
		{ 0, self | UINT64_C(1) << 40, "target bit 40" },
		{ 0, UINT64_MAX, "target all ones" },
	};

	if (!register_enable(t, E0, 0) || (t->strict && !register_enable(t, PN, 0)))
		return;
	sdei_pe_unmask();
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++)
		expect_eq(t, smccc(SDEI_FID_SIGNAL, bad[i].event, bad[i].mpidr, 0),
			  SDEI_INVALID_PARAMETERS, "SIGNAL(%s)", bad[i].what);
	expect_eq(t, (int64_t)runs_on(0, PN), 0, "PN: handlers entered");
	expect_eq(t, (int64_t)runs_on(0, E0), 0, "event 0: handlers entered");
	/* The event is an int32: firmware may look at the upper half of its register or not. */
	expect_one_of(t, smccc(SDEI_FID_SIGNAL, UINT64_C(1) << 32, self, 0), wide, ARRAY_LEN(wide),
		      "SIGNAL(event 0, upper half of x1 not zero)");
}

/* In the first run only: signal this very event, and see that nothing nests. */
static void signal_self_once(struct sdei_entry *entry)
{
	struct sdei_cpu *s = this_sdei();

	(void)entry;
	if (s->runs[E0] > 1)
		return;
	for (unsigned i = 0; i < 3; i++)
		s->word[0] |= (uint64_t)sdei_signal(this_cpu()->mpidr);
	s->word[1] = s->runs[E0];
	s->word[2] = (uint64_t)sdei_status(0);
}

static void k06(struct run *t)
{
	const struct sdei_cpu *s = this_sdei();

	set_handler(E0, signal_self_once);
	if (!register_enable(t, E0, 0))
		return;
	sdei_pe_unmask();
	expect_eq(t, sdei_signal(this_cpu()->mpidr), SDEI_SUCCESS, "SIGNAL(self)");
	expect_eq(t, (int64_t)s->word[0], SDEI_SUCCESS, "SIGNAL(self) three times in the handler");
	expect_eq(t, (int64_t)s->word[1], 1, "handlers entered before the first one ended");
	expect_eq(t, (int64_t)s->word[2], 7, "STATUS in the handler with a signal pending");
	expect_eq(t, (int64_t)runs_on(0, E0), 2, "handlers entered in all");
}

static struct {
	uint64_t data[MESSAGE_WORDS][CACHE_LINE / 8]; /* the sender writes plainly */
	uint64_t wrong;                               /* the handler's */
	uint64_t answered;
} message __attribute__((aligned(CACHE_LINE)));

static void read_message(struct sdei_entry *entry)
{
	uint64_t round = message.answered + 1;

	(void)entry;
	for (unsigned i = 0; i < MESSAGE_WORDS; i++)
		message.wrong += *(volatile uint64_t *)&message.data[i][0] != round;
	shared_write(&message.answered, round);
}

static void k07(struct run *t)
{
	uint64_t start = timer_now(), round = 0;

	memset(&message, 0, sizeof(message));
	set_handler(E0, read_message);
	if (!start_or_fail(t, 1) || !make_ready(t, 1, E0))
		return;
	while (round < MESSAGE_ROUNDS && timer_us_since(start) < t->soak_s * SECOND_US) {
		round++;
		for (unsigned i = 0; i < MESSAGE_WORDS; i++)
			*(volatile uint64_t *)&message.data[i][0] = round;
		/* No barrier: the call itself has to order what came before it. */
		if (!expect_eq(t, sdei_signal(machine.cpu[1].mpidr), SDEI_SUCCESS, "SIGNAL"))
			return;
		while (shared_read(&message.answered) != round)
			if (!expect(t,
				    timer_us_since(start) <
					    t->soak_s * SECOND_US + STALL_US * machine.time_scale,
				    "round %lu: expected the handler to run, found %lu answers",
				    round, message.answered))
				return;
	}
	note("%lu rounds", round);
	expect_eq(t, (int64_t)message.wrong, 0, "words not up to date in the handler");
	expect_eq(t, (int64_t)runs_on(1, E0), (int64_t)round, "handlers entered");
}

/* K08: sent[s][d] counts what s has signalled to d, written before the call; seen[d][s] is what d's
 * handler last saw of it. In the end they agree unless a signal got lost. */
static struct {
	uint64_t sent[MAX_SENDERS][MAX_SENDERS];
	uint64_t seen[MAX_SENDERS][MAX_SENDERS];
	uint64_t errors[MAX_SENDERS];
	uint64_t stop;
	unsigned n;
} storm;

static void storm_handler(struct sdei_entry *entry)
{
	unsigned self = this_cpu()->index;

	(void)entry;
	for (unsigned s = 0; s < storm.n; s++)
		storm.seen[self][s] = shared_read(&storm.sent[s][self]);
}

static uint64_t job_storm(uint64_t self)
{
	uint64_t seed = self + 1;

	while (!shared_read(&storm.stop)) {
		unsigned d = (unsigned)(random_next(&seed) % storm.n);

		shared_write(&storm.sent[self][d], storm.sent[self][d] + 1);
		storm.errors[self] += sdei_signal(machine.cpu[d].mpidr) != SDEI_SUCCESS;
	}
	return 0;
}

static uint64_t job_storm_for(uint64_t soak_us)
{
	uint64_t seed = 77, start = timer_now();

	while (timer_us_since(start) < soak_us) {
		unsigned d = (unsigned)(random_next(&seed) % storm.n);

		shared_write(&storm.sent[0][d], storm.sent[0][d] + 1);
		storm.errors[0] += sdei_signal(machine.cpu[d].mpidr) != SDEI_SUCCESS;
	}
	shared_write(&storm.stop, 1);
	return 0;
}

static bool drained(unsigned d)
{
	for (unsigned s = 0; s < storm.n; s++)
		if (shared_read(&storm.seen[d][s]) != shared_read(&storm.sent[s][d]))
			return false;
	return true;
}

static void expect_drained(struct run *t)
{
	uint64_t start = timer_now(), sent = 0, runs = 0;

	for (unsigned d = 0; d < storm.n; d++) {
		while (!drained(d) && timer_us_since(start) < STALL_US * machine.time_scale)
			cpu_relax();
		for (unsigned s = 0; s < storm.n; s++) {
			expect_eq(t, (int64_t)storm.seen[d][s], (int64_t)storm.sent[s][d],
				  "cpu%u: last signal of cpu%u seen in its handler", d, s);
			sent += storm.sent[s][d];
		}
		expect_eq(t, (int64_t)storm.errors[d], 0, "cpu%u: SIGNAL calls that failed", d);
		runs += runs_on(d, E0);
	}
	expect(t, runs <= sent, "expected at most a run for each signal, found %lu for %lu", runs,
	       sent);
	note("%lu signals, %lu handlers entered", sent, runs);
}

static void k08(struct run *t)
{
	memset(&storm, 0, sizeof(storm));
	storm.n = machine.ncpus < MAX_SENDERS ? machine.ncpus : MAX_SENDERS;
	set_handler(E0, storm_handler);
	if (!make_ready(t, 0, E0))
		return;
	for (unsigned i = 1; i < storm.n; i++)
		if (!start_or_fail(t, i) || !make_ready(t, i, E0))
			return;
	for (unsigned i = 1; i < storm.n; i++)
		smp_post(&machine.cpu[i], job_storm, i);
	job_storm_for(t->soak_s * SECOND_US);
	for (unsigned i = 1; i < storm.n; i++)
		if (!expect(t, smp_wait(&machine.cpu[i], STALL_US), "cpu%u hangs", i))
			return;
	expect_drained(t);
}

static const struct test tests[] = {
	{ "K01", "a signal to self runs its handler at once", k01, 0, 0, false },
	{ "K02", "signals to every other CPU, serially and all to all", k02, 60, 2, false },
	{ "K03", "only event 0 and existing CPUs", k03, 0, 0, false },
	{ "K06", "a signal in event 0's own handler: once more afterwards", k06, 0, 0, false },
	{ "K07", "memory written before SIGNAL is seen by the handler", k07, 0, 2, false },
	{ "K08", "all CPUs signal each other", k08, 0, 2, false },
};
const struct test_group group_signal = { tests, ARRAY_LEN(tests) };
