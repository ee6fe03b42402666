/*
 * How long an SDEI event takes to arrive, measured by the guest with CNTVCT_EL0, which is the same on
 * all of its CPUs: event 0 signalled to itself, and to another CPU that spins or waits in WFI, beside
 * a GIC SGI to the same CPU. Prints "value NAME NANOSECONDS" lines and powers off:
 *   sdei_self            EVENT_SIGNAL's HVC to the handler's first instruction
 *   sdei_trip            ... to the instruction after it, the handler having completed at once
 *   sdei_signals N       how many signals to itself that were
 *   signal_spin_p50 ...  from before the HVC here to the handler's first instruction there: the
 *                        median, and (_p99) what one in a hundred exceeds; signal_wfi as well
 *   sgi_spin_p50 ...     the same for an SGI, to the first instruction of the IRQ vector
 * Boot arguments: batches=N of BATCH_SIGNALS signals to itself, of which the fastest counts;
 * samples=N of each kind between CPUs, 0 for none.
 */
#include "guest/lib/cpu.h"
#include "guest/lib/exc.h"
#include "guest/lib/gic.h"
#include "guest/lib/io.h"
#include "guest/lib/print.h"
#include "guest/lib/psci.h"
#include "guest/lib/sdei.h"
#include "guest/lib/smp.h"
#include "guest/lib/timer.h"

#define BATCH_SIGNALS 20
#define MAX_SAMPLES   1000
#define SGI_TIMED     1
#define ANSWER_US     10000000
#define ASLEEP_US     200000
#define SPIN_PAUSE_US 20
/* KVM polls for up to half a millisecond before it blocks a CPU in WFI (halt_poll_ns). */
#define WFI_PAUSE_US 3000

/* Between the CPUs; sdei_times.S knows the layout. */
struct mailbox {
	uint64_t stop;  /* sender: the other is to leave its loop */
	uint64_t taken; /* receiver: counter at the first instruction; sender: 0 */
	uint64_t seen;  /* receiver: `taken` as its loop saw it, so the handler has been left */
};

struct series {
	uint64_t ticks[MAX_SAMPLES];
	unsigned n;
};

static struct mailbox mailbox __attribute__((aligned(CACHE_LINE)));
static uint64_t handler_counter __attribute__((aligned(CACHE_LINE)));
static struct series signals, sgis;
static uint64_t woken; /* times the receiver had gone to sleep unseen */

extern const char signal_handler[], take_vectors[], vectors[];
void signal_timed(uint64_t mpidr, uint64_t counter[2]);
void wait_spinning(struct mailbox *m);
void wait_in_wfi(struct mailbox *m);
void take_irq(uint64_t counter);
void guest_start(const void *dtb, uint64_t boot_el, uint64_t sctlr);

static uint64_t ns(uint64_t ticks)
{
	return ticks * 1000000000 / sysreg_read(cntfrq_el0);
}

static _Noreturn void give_up(const char *what, int64_t code)
{
	print("bench: %s: %ld\n", what, code);
	psci_system_off();
}

static void listen(uint64_t *counter)
{
	int64_t r = sdei_register(SDEI_EVENT_SIGNALLED, (uint64_t)signal_handler, (uint64_t)counter,
				  0, 0);

	if (r == SDEI_SUCCESS)
		r = sdei_enable(SDEI_EVENT_SIGNALLED);
	if (r != SDEI_SUCCESS)
		give_up("event 0 cannot be registered", r);
	sdei_pe_unmask();
}

/* ---- to itself ---- */

static void signal_self(unsigned batches)
{
	uint64_t mpidr = machine.cpu[0].mpidr, counter[2];
	uint64_t least_entry = UINT64_MAX, least_trip = UINT64_MAX;

	if (!batches)
		return;
	listen(&handler_counter);
	irq_enable(); /* none comes, but the handler's PSTATE differs, as it would */
	for (unsigned i = 0; i < batches; i++) {
		uint64_t entry = 0, trip = 0;

		for (unsigned j = 0; j < BATCH_SIGNALS; j++) {
			signal_timed(mpidr, counter);
			entry += handler_counter - counter[0];
			trip += counter[1] - counter[0];
		}
		least_entry = entry < least_entry ? entry : least_entry;
		least_trip = trip < least_trip ? trip : least_trip;
	}
	irq_disable();
	print("value sdei_self %lu\n", ns(least_entry) / BATCH_SIGNALS);
	print("value sdei_trip %lu\n", ns(least_trip) / BATCH_SIGNALS);
	print("value sdei_signals %lu\n", (uint64_t)batches * BATCH_SIGNALS);
}

/* ---- to another ---- */

/* On the receiver: from the IRQ vector. */
void take_irq(uint64_t counter)
{
	uint32_t token = gic_ack();

	gic_eoi(token);
	shared_write(&mailbox.taken, counter);
}

/* On the receiver. */
static uint64_t receive(uint64_t in_wfi)
{
	irq_disable();
	sysreg_write(vbar_el1, (uint64_t)take_vectors);
	barrier_isb();
	listen(&mailbox.taken);
	shared_write(&mailbox.seen, 0);
	if (in_wfi)
		wait_in_wfi(&mailbox);
	else
		wait_spinning(&mailbox);
	sdei_pe_mask();
	sdei_unregister(SDEI_EVENT_SIGNALLED);
	sysreg_write(vbar_el1, (uint64_t)vectors);
	barrier_isb();
	return 0;
}

static void send_sgi(const struct cpu *to, uint64_t *counter)
{
	*counter = timer_now();
	gic_send_sgi(to, SGI_TIMED);
}

static void send_signal(const struct cpu *to, uint64_t *counter)
{
	uint64_t around[2];

	signal_timed(to->mpidr, around);
	*counter = around[0];
}

/* Until the receiver's handler has written another counter than `old`. */
static uint64_t wait_taken(uint64_t old)
{
	uint64_t start = timer_now(), taken;

	while ((taken = shared_read(&mailbox.taken)) == old)
		if (timer_us_since(start) > ANSWER_US)
			give_up("no answer from the other CPU; samples so far", (int64_t)signals.n);
	return taken;
}

/* Until it has left its handler and looked. If it was interrupted after it had looked and before its
 * WFI, as a busy host can bring about, it sleeps now without having seen `taken`: wake it. */
static void wait_seen(const struct cpu *receiver, uint64_t taken)
{
	uint64_t start = timer_now();

	while (shared_read(&mailbox.seen) != taken) {
		if (timer_us_since(start) < ASLEEP_US)
			continue;
		woken++;
		gic_send_sgi(receiver, SGI_TIMED);
		taken = wait_taken(taken);
		start = timer_now();
	}
}

static void sample(struct series *s, void (*send)(const struct cpu *, uint64_t *),
		   const struct cpu *to, uint64_t pause_us)
{
	uint64_t sent, taken;

	/* Not in step with anything periodic. */
	timer_spin_us(pause_us + timer_now() % (pause_us / 2));
	shared_write(&mailbox.taken, 0);
	send(to, &sent);
	taken = wait_taken(0);
	s->ticks[s->n++] = taken - sent;
	wait_seen(to, taken);
}

static void sort(uint64_t *v, unsigned n)
{
	for (unsigned i = 1; i < n; i++) {
		uint64_t x = v[i];
		unsigned j = i;

		for (; j && v[j - 1] > x; j--)
			v[j] = v[j - 1];
		v[j] = x;
	}
}

static void report(const char *what, const char *where, struct series *s)
{
	sort(s->ticks, s->n);
	print("value %s_%s_p50 %lu\n", what, where, ns(s->ticks[s->n / 2]));
	print("value %s_%s_p99 %lu\n", what, where, ns(s->ticks[s->n * 99 / 100]));
}

/* The two kinds take turns, so that both see the same noise. */
static void between(struct cpu *to, const char *where, bool in_wfi, unsigned samples)
{
	uint64_t pause_us = in_wfi ? WFI_PAUSE_US : SPIN_PAUSE_US;

	signals.n = sgis.n = 0;
	mailbox = (struct mailbox){ .seen = 1 };
	smp_post(to, receive, in_wfi);
	while (shared_read(&mailbox.seen))
		cpu_relax();
	for (unsigned i = 0; i < samples; i++) {
		sample(&sgis, send_sgi, to, pause_us);
		sample(&signals, send_signal, to, pause_us);
	}
	shared_write(&mailbox.stop, 1);
	gic_send_sgi(to, SGI_TIMED);
	if (!smp_wait(to, ANSWER_US))
		give_up("the other CPU did not stop", in_wfi);
	report("sgi", where, &sgis);
	report("signal", where, &signals);
	if (woken)
		print("bench: %s: the other CPU was caught before its WFI %lu times\n", where,
		      woken);
}

void guest_start(const void *dtb, uint64_t boot_el, uint64_t sctlr)
{
	static struct cpu early; /* for exceptions before the device tree is read */
	unsigned samples;

	(void)boot_el;
	(void)sctlr;
	sysreg_write(tpidr_el1, &early);
	if (!machine_init(dtb))
		psci_system_off();
	machine.mmu = true;
	machine.time_scale = 10;
	machine.conduit = CONDUIT_HVC;
	smp_init();
	signal_self((unsigned)bootarg_number("batches", 100));
	samples = (unsigned)bootarg_number("samples", MAX_SAMPLES);
	if (samples > MAX_SAMPLES)
		samples = MAX_SAMPLES;
	if (samples && machine.ncpus > 1) {
		int64_t r = 0;

		if (!smp_start(&machine.cpu[1], 0, &r))
			give_up("the other CPU did not start", r);
		between(&machine.cpu[1], "spin", false, samples);
		between(&machine.cpu[1], "wfi", true, samples);
	}
	psci_system_off();
}
