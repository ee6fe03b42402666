/*
 * Group P: interrupts bound to events (Arm DEN0054C 5.1.14, 5.1.15), with lines that nothing else
 * uses: those of rasvm's test timer (arm64/dev/test_timer.h), an SPI and a PPI of each CPU. They are
 * level-triggered: up until lowered.
 */
#include "guest/sdei/suite.h"

#include "guest/lib/dt.h"

#define CHANNEL_BYTES 16
#define REG_RAISE     0
#define REG_LEVEL     8
#define SPI_CHANNEL   0
#define MAX_LINES     64
#define FIRST_SPI     32
#define LAST_SPI      1019
#define GICD_ICFGR    0xc00 /* two bits an interrupt; the upper one: edge-triggered */
#define QUIET_US      20000 /* long enough for an interrupt or event that should not be */
#define DELAY_US      50000 /* until a line rises */
#define VENDOR_FIRST  0x40000000
#define VENDOR_LAST   0x40ffffff
#define RUNS_HIGH     3 /* runs for which handler_lower_late() leaves the line up */

/* The test timer's registers are 64 bits wide. */
static void write64(uint64_t address, uint64_t value)
{
	asm volatile("str %0, [%1]" ::"r"(value), "r"(address) : "memory");
}

static uint64_t channel_base(unsigned channel)
{
	return suite.test_timer.base + channel * CHANNEL_BYTES;
}

static unsigned ppi_channel(unsigned cpu)
{
	return 1 + cpu;
}

static void line_raise(unsigned channel)
{
	write64(channel_base(channel) + REG_RAISE, 0);
}

static void line_lower(unsigned channel)
{
	write64(channel_base(channel) + REG_LEVEL, 0);
	barrier_full();
}

/* As the device tree has it; an interrupt controller may start with edges. */
static void make_level_triggered(uint32_t intid)
{
	uint64_t reg = machine.gicd.base + GICD_ICFGR + intid / 16 * 4;

	mmio_write32(reg, mmio_read32(reg) & ~(2u << intid % 16 * 2));
}

/* After a test that failed half-way too: start with all lines down. */
static bool need_timer(struct run *t)
{
	if (!suite.test_timer.base) {
		if (t->strict)
			expect(t, false, "no test timer in the device tree: run with --test-timer");
		else
			skip(t, "no test timer");
		return true;
	}
	for (unsigned i = 0; i <= machine.ncpus; i++)
		line_lower(i);
	gic_spi_enable(suite.test_spi, false);
	make_level_triggered(suite.test_spi);
	gic_spi_set_pending(suite.test_spi, false);
	return false;
}

static void handler_lower_spi(struct sdei_entry *entry)
{
	(void)entry;
	line_lower(SPI_CHANNEL);
}

static void handler_lower_late(struct sdei_entry *entry)
{
	if (this_sdei()->runs[entry->slot] > RUNS_HIGH)
		line_lower(SPI_CHANNEL);
}

static void handler_lower_ppi(struct sdei_entry *entry)
{
	(void)entry;
	line_lower(ppi_channel(this_cpu()->index));
}

/* INTERRUPT_BIND into a slot of the suite; the line is expected to be free. */
static bool bind_slot(struct run *t, enum slot slot, uint32_t intid)
{
	int64_t event = sdei_bind(intid);

	if (!expect(t, event >= VENDOR_FIRST && event <= VENDOR_LAST,
		    "INTERRUPT_BIND(%u): expected 0x40000000 to 0x40ffffff, found %ld", intid,
		    event))
		return false;
	suite.event[slot] = (uint64_t)event;
	return true;
}

static void release_slot(struct run *t, enum slot slot)
{
	expect_eq(t, sdei_release(suite.event[slot]), SDEI_SUCCESS, "INTERRUPT_RELEASE(0x%lx)",
		  suite.event[slot]);
	expect_eq(t, sdei_status(suite.event[slot]), SDEI_INVALID_PARAMETERS,
		  "EVENT_STATUS(0x%lx) after its release", suite.event[slot]);
	suite.event[slot] = NO_EVENT;
}

static void expect_runs_stay(struct run *t, enum slot slot, uint64_t n, const char *when)
{
	wait_runs(0, slot, n, STALL_US);
	timer_spin_us(QUIET_US);
	expect_eq(t, (int64_t)runs_in_all(slot), (int64_t)n, "%s: runs of the handler", when);
}

/* What the interrupt controller gives within QUIET_US; interrupts masked, so nothing is taken. */
static uint32_t poll_interrupt(void)
{
	uint64_t start = timer_now();
	uint32_t token;

	do
		token = gic_ack();
	while (gic_intid(token) >= 1020 && timer_us_since(start) < QUIET_US);
	return token;
}

static void expect_no_interrupt(struct run *t, const char *when)
{
	uint32_t token;

	irq_disable();
	token = poll_interrupt();
	if (gic_intid(token) < 1020) {
		expect(t, gic_intid(token) != suite.test_spi,
		       "%s: INTID %u came to the interrupt controller", when, suite.test_spi);
		gic_eoi(token);
	}
	irq_enable();
}

/* The line's interrupt, taken by polling: the handler of interrupts would not lower the line. */
static void expect_interrupt(struct run *t, const char *when)
{
	uint32_t token;

	irq_disable();
	line_raise(SPI_CHANNEL);
	token = poll_interrupt();
	line_lower(SPI_CHANNEL);
	expect_eq(t, gic_intid(token), suite.test_spi, "%s: INTID from the interrupt controller",
		  when);
	if (gic_intid(token) < 1020)
		gic_eoi(token);
	irq_enable();
}

static void enable_spi(void)
{
	gic_spi_route(suite.test_spi, &machine.cpu[0]);
	gic_spi_enable(suite.test_spi, true);
}

static void expect_info(struct run *t, enum slot slot, int64_t type)
{
	expect_eq(t, sdei_info(suite.event[slot], SDEI_INFO_TYPE), type, "EVENT_GET_INFO(type)");
	expect_eq(t, sdei_info(suite.event[slot], SDEI_INFO_PRIORITY), SDEI_PRIORITY_NORMAL,
		  "EVENT_GET_INFO(priority)");
	expect_eq(t, sdei_info(suite.event[slot], SDEI_INFO_SIGNALABLE), SDEI_CANNOT_BE_SIGNALLED,
		  "EVENT_GET_INFO(signalable)");
}

static void p01(struct run *t)
{
	const uint64_t arg = UINT64_C(0xfedcba9876543210);

	if (need_timer(t))
		return;
	enable_spi();
	expect_interrupt(t, "before INTERRUPT_BIND");
	if (!bind_slot(t, B0, suite.test_spi))
		return;
	expect_info(t, B0, SDEI_TYPE_SHARED);
	set_handler(B0, handler_lower_spi);
	register_enable(t, B0, arg);
	sdei_pe_unmask();
	for (uint64_t i = 1; i <= 3; i++) {
		line_raise(SPI_CHANNEL);
		expect_runs_stay(t, B0, i, "line raised, lowered in the handler");
	}
	expect_hex(t, this_sdei()->last[B0].x[0], suite.event[B0], "handler's x0");
	expect_hex(t, this_sdei()->last[B0].x[1], arg, "handler's x1");
	expect_eq(t, sdei_unregister(suite.event[B0]), SDEI_SUCCESS, "EVENT_UNREGISTER");
	release_slot(t, B0);
	expect_interrupt(t, "after INTERRUPT_RELEASE");
	gic_spi_enable(suite.test_spi, false);
}

/* The line stays up through the first completions. */
static void p01_level(struct run *t)
{
	if (need_timer(t) || !bind_slot(t, B0, suite.test_spi))
		return;
	set_handler(B0, handler_lower_late);
	register_enable(t, B0, 0);
	sdei_pe_unmask();
	line_raise(SPI_CHANNEL);
	expect_runs_stay(t, B0, RUNS_HIGH + 1, "line up until the handler's last run");
}

static void p01_dropped(struct run *t)
{
	if (need_timer(t) || !bind_slot(t, B0, suite.test_spi))
		return;
	set_handler(B0, handler_lower_spi);
	register_enable(t, B0, 0);
	line_raise(SPI_CHANNEL);
	timer_spin_us(QUIET_US);
	line_lower(SPI_CHANNEL);
	sdei_pe_unmask();
	expect_runs_stay(t, B0, 0, "line dropped before PE_UNMASK");
	sdei_pe_mask();
	line_raise(SPI_CHANNEL);
	expect_runs_stay(t, B0, 0, "line up while the PE is masked");
	sdei_pe_unmask();
	expect_runs_stay(t, B0, 1, "line still up at PE_UNMASK");
	sdei_disable(suite.event[B0]);
	line_raise(SPI_CHANNEL);
	expect_runs_stay(t, B0, 1, "line up while the event is disabled");
	sdei_enable(suite.event[B0]);
	expect_runs_stay(t, B0, 2, "line still up at EVENT_ENABLE");
}

/* A line that was up when its event was registered, and one that rises after a delay. */
static void p01_delayed(struct run *t)
{
	uint64_t start, early;

	if (need_timer(t) || !bind_slot(t, B0, suite.test_spi))
		return;
	set_handler(B0, handler_lower_spi);
	sdei_pe_unmask();
	line_raise(SPI_CHANNEL);
	timer_spin_us(QUIET_US);
	register_enable(t, B0, 0);
	expect_runs_stay(t, B0, 1, "line up since before EVENT_REGISTER");
	start = timer_now();
	write64(channel_base(SPI_CHANNEL) + REG_RAISE, DELAY_US * 1000);
	early = runs_on(0, B0);
	/* Else the host held this CPU up, and the second run may have been due. */
	if (timer_us_since(start) < DELAY_US)
		expect_eq(t, (int64_t)early, 1, "runs before the delay is over");
	expect_runs_stay(t, B0, 2, "line raised after a delay");
}

static bool run_ppi_on(struct run *t, unsigned cpu, uint64_t n)
{
	line_raise(ppi_channel(cpu));
	if (!expect(t, wait_ends(cpu, B0, n, STALL_US),
		    "cpu%u: expected run %lu of the PPI's handler, found %lu", cpu, n,
		    runs_on(cpu, B0)))
		return false;
	return true;
}

static void p01_ppi(struct run *t)
{
	if (need_timer(t) || !start_all(t) || !bind_slot(t, B0, suite.test_ppi))
		return;
	expect_info(t, B0, SDEI_TYPE_PRIVATE);
	set_handler(B0, handler_lower_ppi);
	for (unsigned i = 0; i < machine.ncpus; i++)
		if (!make_ready(t, i, B0))
			return;
	for (uint64_t round = 1; round <= 3; round++)
		for (unsigned i = 0; i < machine.ncpus; i++)
			if (!run_ppi_on(t, i, round))
				return;
	timer_spin_us(QUIET_US);
	for (unsigned i = 0; i < machine.ncpus; i++)
		expect_eq(t, (int64_t)runs_on(i, B0), 3, "cpu%u: runs of its PPI's handler", i);
	for (unsigned i = machine.ncpus; i-- > 0;) {
		expect_eq(t, sdei_release(suite.event[B0]), SDEI_DENIED,
			  "INTERRUPT_RELEASE while cpu%u has it registered", i);
		expect_eq(t, call_on(t, i, SDEI_FID_UNREGISTER, suite.event[B0], 0, 0),
			  SDEI_SUCCESS, "cpu%u: EVENT_UNREGISTER", i);
	}
	release_slot(t, B0);
}

/* CPU_OFF forgets private registrations, so it must not keep a binding alive. */
static void p01_ppi_off(struct run *t)
{
	if (need_timer(t) || !start_or_fail(t, 1) || !bind_slot(t, B0, suite.test_ppi) ||
	    !make_ready(t, 1, B0))
		return;
	expect(t, smp_stop(&machine.cpu[1]), "cpu1: expected OFF");
	if (t->strict)
		release_slot(t, B0);
}

static void p02(struct run *t)
{
	const uint64_t bad[] = { 0,
				 15,
				 1020,
				 1023,
				 1024,
				 4096,
				 0xffffffff,
				 UINT64_MAX,
				 machine.timer_virt_intid,
				 machine.timer_phys_intid,
				 gic_last_spi() < LAST_SPI ? gic_last_spi() + 1 : 1020 };

	for (unsigned i = 0; i < ARRAY_LEN(bad); i++)
		expect_eq(t, sdei_bind(bad[i]), SDEI_INVALID_PARAMETERS, "INTERRUPT_BIND(0x%lx)",
			  bad[i]);
}

/* Binding is refused; when the reason is gone it is not. */
static void expect_busy(struct run *t, const char *why)
{
	int64_t ret = sdei_bind(suite.test_spi);

	expect_eq(t, ret, SDEI_DENIED, "INTERRUPT_BIND of an interrupt that is %s", why);
	if (ret > 0)
		sdei_release((uint64_t)ret);
}

static void expect_free(struct run *t, const char *why)
{
	if (bind_slot(t, B0, suite.test_spi))
		release_slot(t, B0);
	else
		note("... %s", why);
}

static void p02_busy(struct run *t)
{
	uint32_t token;

	if (need_timer(t))
		return;
	line_raise(SPI_CHANNEL);
	expect_busy(t, "pending, its line up");
	line_lower(SPI_CHANNEL);
	expect_free(t, "the line is down");
	gic_spi_set_pending(suite.test_spi, true);
	expect_busy(t, "pending by GICD_ISPENDR");
	gic_spi_set_pending(suite.test_spi, false);
	expect_free(t, "GICD_ICPENDR was written");
	enable_spi();
	irq_disable();
	line_raise(SPI_CHANNEL);
	token = poll_interrupt();
	line_lower(SPI_CHANNEL);
	if (expect_eq(t, gic_intid(token), suite.test_spi, "INTID acknowledged")) {
		expect_busy(t, "active");
		gic_eoi(token);
	}
	irq_enable();
	expect_free(t, "it was deactivated");
	gic_spi_enable(suite.test_spi, false);
}

static void p03(struct run *t)
{
	if (need_timer(t) || !start_all(t) || !bind_slot(t, B0, suite.test_spi) ||
	    !bind_slot(t, B1, suite.test_ppi))
		return;
	expect(t, suite.event[B0] != suite.event[B1],
	       "expected different events for SPI and PPI, both have 0x%lx", suite.event[B0]);
	for (unsigned round = 0; round < 20; round++)
		for (unsigned i = 0; i < machine.ncpus; i++) {
			expect_eq(t, call_on(t, i, SDEI_FID_BIND, suite.test_spi, 0, 0),
				  (int64_t)suite.event[B0], "cpu%u: INTERRUPT_BIND(SPI) again", i);
			expect_eq(t, call_on(t, i, SDEI_FID_BIND, suite.test_ppi, 0, 0),
				  (int64_t)suite.event[B1], "cpu%u: INTERRUPT_BIND(PPI) again", i);
		}
	register_enable(t, B0, 0);
	line_raise(SPI_CHANNEL);
	expect_eq(t, sdei_bind(suite.test_spi), (int64_t)suite.event[B0],
		  "INTERRUPT_BIND again, registered and with its line up");
	line_lower(SPI_CHANNEL);
}

/* All SPIs that can be bound: each has an event of its own, and no more of them than slots. */
static void p04(struct run *t)
{
	static int64_t events[MAX_LINES];
	int64_t slots = sdei_features(SDEI_BIND_SLOTS) >> 16, refused = 0;
	unsigned n = 0;

	for (uint32_t intid = FIRST_SPI; intid <= gic_last_spi() && n < MAX_LINES; intid++) {
		int64_t event = sdei_bind(intid);

		if (event > 0)
			events[n++] = event;
		else if (event == SDEI_OUT_OF_RESOURCE)
			refused++;
		else
			expect(t, event == SDEI_INVALID_PARAMETERS || event == SDEI_DENIED,
			       "INTERRUPT_BIND(%u): expected an event, -2, -3 or -10, found %ld",
			       intid, event);
	}
	for (unsigned i = 0; i < n; i++)
		for (unsigned j = 0; j < i; j++)
			expect(t, events[i] != events[j],
			       "expected different events, bindings %u and %u have 0x%lx", j, i,
			       (uint64_t)events[i]);
	expect(t, n <= slots && (refused == 0 || n == slots),
	       "expected at most %ld bindings, and -10 only with as many, found %u and %ld times -10",
	       slots, n, refused);
	note("%u SPIs bound of %ld slots, %ld refused for lack of a slot", n, slots, refused);
	for (unsigned i = 0; i < n; i++)
		expect_eq(t, sdei_release((uint64_t)events[i]), SDEI_SUCCESS,
			  "INTERRUPT_RELEASE(0x%lx)", (uint64_t)events[i]);
	if (n == 0)
		skip(t, "no SPI that can be bound");
}

static void expect_release_refused(struct run *t, const char *why)
{
	expect_eq(t, sdei_release(suite.event[B0]), SDEI_DENIED,
		  "INTERRUPT_RELEASE of an event that is %s", why);
}

static void p05(struct run *t)
{
	const uint64_t bad[] = { 0,          suite.event[PN], suite.event[SN], 1,
				 0x40ffffff, 0x80000000,      UINT64_MAX };
	uint64_t number;

	for (unsigned i = 0; i < ARRAY_LEN(bad); i++)
		expect_eq(t, sdei_release(bad[i]), SDEI_INVALID_PARAMETERS,
			  "INTERRUPT_RELEASE(0x%lx)", bad[i]);
	if (need_timer(t) || !bind_slot(t, B0, suite.test_spi))
		return;
	number = suite.event[B0];
	register_slot(B0, 0, 0, 0);
	expect_release_refused(t, "registered");
	sdei_enable(number);
	expect_release_refused(t, "enabled");
	sdei_unregister(number);
	release_slot(t, B0);
	expect_eq(t, sdei_release(number), SDEI_INVALID_PARAMETERS, "INTERRUPT_RELEASE, again");
	expect_eq(t, register_slot(B0, 0, 0, 0), SDEI_INVALID_PARAMETERS,
		  "EVENT_REGISTER of a released event");
	if (bind_slot(t, B0, suite.test_spi))
		release_slot(t, B0);
}

/* Running, and unregister-pending, on another CPU. */
static void p05_running(struct run *t)
{
	if (need_timer(t) || !start_or_fail(t, 1) || !bind_slot(t, B0, suite.test_spi))
		return;
	set_handler(B0, handler_held);
	register_enable(t, B0, 0);
	call_on(t, 1, SDEI_FID_PE_UNMASK, 0, 0, 0);
	line_raise(SPI_CHANNEL);
	if (!expect(t, wait_runs(1, B0, 1, STALL_US), "cpu1: expected the handler to run"))
		return;
	line_lower(SPI_CHANNEL);
	expect_release_refused(t, "running");
	expect_eq(t, sdei_unregister(suite.event[B0]), SDEI_PENDING, "EVENT_UNREGISTER");
	expect_release_refused(t, "unregister-pending");
	release_held();
	expect(t, wait_status(B0, 0, STALL_US), "EVENT_STATUS: expected 0, found %ld",
	       sdei_status(suite.event[B0]));
	release_slot(t, B0);
}

static void p08(struct run *t)
{
	if (need_timer(t))
		return;
	enable_spi();
	if (!bind_slot(t, B0, suite.test_spi))
		return;
	line_raise(SPI_CHANNEL);
	expect_no_interrupt(t, "bound, not registered");
	register_slot(B0, 0, 0, 0);
	expect_no_interrupt(t, "bound and registered");
	sdei_enable(suite.event[B0]);
	expect_no_interrupt(t, "bound, enabled, PE masked");
	set_handler(B0, handler_lower_spi);
	sdei_pe_unmask();
	expect_runs_stay(t, B0, 1, "PE unmasked");
	sdei_pe_mask();
	line_raise(SPI_CHANNEL);
	expect_no_interrupt(t, "bound, enabled, PE masked again");
	sdei_unregister(suite.event[B0]);
	expect_no_interrupt(t, "bound, unregistered");
	irq_disable(); /* the line is up */
	release_slot(t, B0);
	expect_interrupt(t, "released with its line up");
	gic_spi_enable(suite.test_spi, false);
}

struct device_lines {
	uint32_t intid[MAX_LINES];
	unsigned n;
};

static bool scan_devices(const void *dtb, const struct dt_node *node, void *arg)
{
	struct device_lines *lines = arg;

	if (lines->n < MAX_LINES &&
	    (dt_has_string(dtb, node, "compatible", "ns16550a") ||
	     dt_has_string(dtb, node, "compatible", "arm,pl031")) &&
	    dt_cell(dtb, node, "interrupts", 0, 1) == 0)
		lines->intid[lines->n++] = FIRST_SPI + dt_cell(dtb, node, "interrupts", 1, 0);
	return true;
}

/* Serial ports and clock: devices whose lines rasvm drives itself. */
static void p01_devices(struct run *t)
{
	struct device_lines lines = { .n = 0 };

	if (!t->strict) {
		skip(t, "which interrupts can be bound is the platform's choice");
		return;
	}
	dt_walk(machine.dtb, scan_devices, &lines);
	expect(t, lines.n >= 2, "serial ports and clock in the device tree: expected 2, found %u",
	       lines.n);
	for (unsigned i = 0; i < lines.n; i++)
		if (bind_slot(t, B0, lines.intid[i])) {
			expect_info(t, B0, SDEI_TYPE_SHARED);
			release_slot(t, B0);
		}
}

static const struct test tests[] = {
	{ "P01", "a bound SPI runs its handler, a released one is an interrupt again", p01, 0, 0,
	  false },
	{ "P01-level", "a line that is up at the completion runs the handler again", p01_level, 0,
	  0, false },
	{ "P01-dropped", "a line runs the handler if it is still up", p01_dropped, 0, 0, false },
	{ "P01-delayed", "a line up before EVENT_REGISTER, and one that rises later", p01_delayed,
	  0, 0, false },
	{ "P01-ppi", "a bound PPI is private: each CPU has its own", p01_ppi, 0, 0, false },
	{ "P01-ppi-off", "CPU_OFF lets go of a bound PPI", p01_ppi_off, 0, 2, false },
	{ "P01-devices", "interrupts of serial ports and clock can be bound", p01_devices, 0, 0,
	  false },
	{ "P02", "interrupts that cannot be bound", p02, 0, 0, false },
	{ "P02-busy", "pending and active interrupts cannot be bound", p02_busy, 0, 0, false },
	{ "P03", "binding again gives the same event", p03, 0, 0, false },
	{ "P04", "each binding takes a slot", p04, 0, 0, false },
	{ "P05", "INTERRUPT_RELEASE: which events, in which states", p05, 0, 0, false },
	{ "P05-running", "INTERRUPT_RELEASE while the handler runs elsewhere", p05_running, 0, 2,
	  false },
	{ "P08", "a bound interrupt never reaches the interrupt controller", p08, 0, 0, false },
};
const struct test_group group_bind = { tests, ARRAY_LEN(tests) };
