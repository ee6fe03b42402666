/* Group S: what a monitor that runs the guest by hardware virtualization has to get right. */
#include "guest/sdei/suite.h"

#define LATENCY_ROUNDS   50
#define LATENCY_LIMIT_US 10000
#define SPIN_ROUNDS      UINT64_MAX
#define SVE_ROUNDS       100
#define SVE_MAX_VL_BYTES 256
#define NZ               32 /* Z registers; then 16 P registers and FFR, an eighth as long each */
#define NP               17

static uint64_t stop_spinning;

static uint64_t job_spin(uint64_t masked)
{
	if (masked)
		irq_disable();
	shared_write(&this_cpu()->scratch, 1);
	sdei_spin(&stop_spinning, SPIN_ROUNDS);
	irq_enable();
	return 0;
}

static void send_event(void)
{
	sdei_signal(machine.cpu[1].mpidr);
}

static void send_sgi(void)
{
	gic_send_sgi(&machine.cpu[1], SGI_TEST);
}

struct latency {
	uint64_t us[LATENCY_ROUNDS]; /* ascending */
	unsigned n;
};

static void insert(struct latency *l, uint64_t us)
{
	unsigned i = l->n++;

	for (; i > 0 && l->us[i - 1] > us; i--)
		l->us[i] = l->us[i - 1];
	l->us[i] = us;
}

/* Send, and wait until *count grows; microseconds, or 0 if that does not happen. */
static uint64_t one_latency(void (*send)(void), const uint64_t *count)
{
	uint64_t before = shared_read(count), start = timer_now();

	send();
	while (shared_read(count) == before)
		if (timer_us_since(start) > STALL_US * machine.time_scale)
			return 0;
	return timer_us_since(start) + 1;
}

/* LATENCY_ROUNDS times, while cpu1 spins. False: one did not come, or cpu1 is lost. */
static bool measure(struct run *t, struct latency *l, void (*send)(void), const uint64_t *count,
		    bool masked)
{
	struct cpu *cpu = &machine.cpu[1];
	uint64_t us = 1;

	l->n = 0;
	shared_write(&stop_spinning, 0);
	shared_write(&cpu->scratch, 0);
	smp_post(cpu, job_spin, masked);
	smp_wait_word(&cpu->scratch, 1, STALL_US);
	while (us && l->n < LATENCY_ROUNDS) {
		timer_spin_us(2000);
		us = one_latency(send, count);
		insert(l, us);
	}
	shared_write(&stop_spinning, 1);
	return expect(t, us, "%s %u: expected it to arrive", masked ? "event" : "interrupt",
		      l->n) &&
	       expect(t, smp_wait(cpu, STALL_US), "cpu1: lost");
}

static void print_latency(const char *what, const struct latency *l)
{
	note("%s: median %lu us, longest %lu us", what, l->us[l->n / 2], l->us[l->n - 1]);
}

/* An interrupt to the same CPU tells how long a busy host takes to reach it; an event takes one way
 * more, out of the guest. On a host with more to do than CPUs, the quicker ones say what it costs. */
static void s03(struct run *t)
{
	static struct latency event, sgi;
	uint64_t limit;

	if (!start_or_fail(t, 1) || !make_ready(t, 1, E0) ||
	    !measure(t, &sgi, send_sgi, &machine.cpu[1].irq_count[SGI_TEST], false) ||
	    !measure(t, &event, send_event, &sdei_of(&machine.cpu[1])->runs[E0], true))
		return;
	limit = LATENCY_LIMIT_US * machine.time_scale + 2 * sgi.us[LATENCY_ROUNDS / 2];
	print_latency("interrupt", &sgi);
	print_latency("event", &event);
	expect_eq(t, (int64_t)runs_on(1, E0), LATENCY_ROUNDS, "runs of event 0");
	expect(t, event.us[LATENCY_ROUNDS / 4] <= limit,
	       "expected a quarter of the events within %lu us, found %lu us", limit,
	       event.us[LATENCY_ROUNDS / 4]);
}

uint64_t sve_enable(void);
void sve_hold(const uint8_t *in, uint8_t *out, const uint64_t *stop);

static uint8_t sve_in[(NZ + NP / 8 + 1) * SVE_MAX_VL_BYTES] __attribute__((aligned(16)));
static uint8_t sve_out[sizeof(sve_in)] __attribute__((aligned(16)));
static uint64_t sve_stop;

static bool has_sve(void)
{
	return sysreg_read(id_aa64pfr0_el1) >> 32 & 15;
}

static unsigned sve_bytes(uint64_t vl)
{
	return (unsigned)(NZ * vl + NP * vl / 8);
}

/* FFR may only hold ones from bit 0 on. */
static void fill_sve(uint64_t vl, uint64_t seed)
{
	unsigned bytes = sve_bytes(vl), ffr = bytes - (unsigned)vl / 8;

	for (unsigned i = 0; i < bytes; i++) {
		sve_in[i] = i < ffr ? (uint8_t)(random_next(&seed) >> 24) : 0;
		sve_out[i] = (uint8_t)~sve_in[i];
	}
	sve_in[ffr] = 0x3f;
}

static uint64_t job_hold_sve(uint64_t seed)
{
	uint64_t vl = sve_enable();

	fill_sve(vl, seed);
	shared_write(&this_cpu()->scratch, 1);
	sve_hold(sve_in, sve_out, &sve_stop);
	return vl;
}

static void expect_sve(struct run *t, uint64_t vl)
{
	for (unsigned i = 0; i < sve_bytes(vl); i++) {
		unsigned p = (unsigned)((i - NZ * vl) / (vl / 8));

		if (i < NZ * vl)
			expect_hex(t, sve_out[i], sve_in[i], "z%u, byte %u", (unsigned)(i / vl),
				   (unsigned)(i % vl));
		else
			expect_hex(t, sve_out[i], sve_in[i], "%s%u, byte %u",
				   p == NP - 1 ? "FFR, not p" : "p", p, (unsigned)(i % (vl / 8)));
	}
}

/* cpu1 holds patterns while events come. */
static void one_sve_life(struct run *t, uint64_t seed)
{
	struct cpu *cpu = &machine.cpu[1];

	if (!start_or_fail(t, 1) || !make_ready(t, 1, E0))
		return;
	shared_write(&sve_stop, 0);
	shared_write(&cpu->scratch, 0);
	smp_post(cpu, job_hold_sve, seed);
	if (!expect(t, smp_wait_word(&cpu->scratch, 1, STALL_US), "cpu1: SVE did not work"))
		return;
	for (uint64_t n = 1; n <= SVE_ROUNDS; n++) {
		timer_spin_us(random_next(&seed) % 200);
		sdei_signal(cpu->mpidr);
		if (!expect(t, wait_runs(1, E0, n, STALL_US), "event %lu: lost", n))
			break;
	}
	shared_write(&sve_stop, 1);
	if (!expect(t, smp_wait(cpu, STALL_US), "cpu1: lost"))
		return;
	note("vectors of %lu bits, %lu events", cpu->result * 8, runs_on(1, E0));
	expect_sve(t, cpu->result);
	clear_records();
	expect(t, smp_stop(cpu), "cpu1: expected OFF");
}

static void s05(struct run *t)
{
	if (!has_sve()) {
		skip(t, "no SVE");
		return;
	}
	for (uint64_t life = 1; life <= 3 && t->failures == 0; life++)
		one_sve_life(t, life);
}

/* Every CPU is reached by the MPIDR it has, and no other is. */
static void expect_signal_reaches(struct run *t, unsigned i)
{
	sdei_signal(machine.cpu[i].mpidr);
	expect(t, wait_runs(i, E0, 1, STALL_US), "EVENT_SIGNAL(0x%lx): expected cpu%u to run it",
	       machine.cpu[i].mpidr, i);
	expect_eq(t, (int64_t)runs_in_all(E0), i + 1, "runs of event 0 in all, signalled to cpu%u",
		  i);
}

static void expect_route_reaches(struct run *t, unsigned i)
{
	uint64_t event = suite.event[SN];

	expect_eq(t, register_slot(SN, 0, SDEI_RM_PE, machine.cpu[i].mpidr), SDEI_SUCCESS,
		  "EVENT_REGISTER(SN) for 0x%lx", machine.cpu[i].mpidr);
	expect_hex(t, (uint64_t)sdei_info(event, SDEI_INFO_AFFINITY), machine.cpu[i].mpidr,
		   "EVENT_GET_INFO(affinity) of SN");
	sdei_enable(event);
	fire(SN, NULL);
	expect(t, wait_runs(i, SN, 1, STALL_US), "RM_PE 0x%lx: expected cpu%u to run SN",
	       machine.cpu[i].mpidr, i);
	wait_status(SN, SDEI_REGISTERED | SDEI_ENABLED, STALL_US);
	expect_eq(t, (int64_t)runs_in_all(SN), i + 1, "runs of SN in all, routed to cpu%u", i);
	sdei_unregister(event);
}

static void s07(struct run *t)
{
	expect_eq(t, machine.ncpus, (int64_t)bootarg_number("cpus", machine.ncpus),
		  "CPUs in the device tree (cpus=)");
	if (!start_all(t))
		return;
	for (unsigned i = 0; i < machine.ncpus; i++)
		if (!make_ready(t, i, E0))
			return;
	for (unsigned i = 0; i < machine.ncpus; i++)
		expect_signal_reaches(t, i);
	for (unsigned i = 0; suite.trigger && i < machine.ncpus; i++)
		expect_route_reaches(t, i);
	note("%u CPUs, highest MPIDR 0x%lx", machine.ncpus, machine.cpu[machine.ncpus - 1].mpidr);
}

static const struct test tests[] = {
	{ "S03", "a CPU that spins with everything masked takes events in time", s03, 0, 2, false },
	{ "S05", "SVE registers survive events, and CPU_OFF and CPU_ON", s05, 60, 2, false },
	{ "S07", "EVENT_SIGNAL and RM_PE by true MPIDR", s07, 120, 0, false },
};
const struct test_group group_kvm = { tests, ARRAY_LEN(tests) };
