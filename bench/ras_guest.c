/*
 * The guest that hardware errors are reported to. Boot arguments: errors=N, how many it waits for, and
 * mode=
 *   ao      registers the event of errors nobody used, and spins; its handler completes at once, and the
 *           log page is acknowledged behind it
 *   growth  the same, and says "bench: sample NAME" before the first error, after a tenth of them and
 *           after the last, for whoever looks at the VMM's memory
 *   ar      reads the pages of a range in turn until they abort; a page that did is left alone
 * It says "bench: ready" when errors may come, then "value ras_errors N", and powers off: once it has had
 * N, or when nothing came for a while. Errors have to be in [PAGES_FROM, PAGES_TO), which nobody else uses.
 * The log page: docs/ras.md, "Device tree guests".
 */
#include "guest/lib/cpu.h"
#include "guest/lib/dt.h"
#include "guest/lib/exc.h"
#include "guest/lib/io.h"
#include "guest/lib/print.h"
#include "guest/lib/psci.h"
#include "guest/lib/sdei.h"
#include "guest/lib/smp.h"
#include "guest/lib/timer.h"

#define PAGES_FROM UINT64_C(0x81000000) /* bench/host.sh injects here */
#define PAGES_TO   UINT64_C(0x81400000)
#define PAGE_BYTES UINT64_C(4096)
#define PAGES      ((PAGES_TO - PAGES_FROM) / PAGE_BYTES)
#define LOG_OFFSET 0x3000
#define QUIET_US   UINT64_C(8000000)

#define EC_DATA_ABORT_SAME  0x25u
#define ESR_FAULT_STATUS    0x3f
#define EXTERNAL_ABORT      0x10
#define VECTOR_SYNC_CURRENT 4

struct log_page {
	uint32_t magic, version, entries, entry_bytes;
	uint64_t head, tail;
};

static struct log_page *log_page;
static uint32_t event;
static uint64_t handled; /* counted by the handler */
static bool aborted;

extern const char ras_handler[];
void guest_start(const void *dtb, uint64_t boot_el, uint64_t sctlr);

static _Noreturn void give_up(const char *what, int64_t code)
{
	print("bench: %s: %ld\n", what, code);
	psci_system_off();
}

static _Noreturn void finish(uint64_t errors)
{
	print("value ras_errors %lu\n", errors);
	psci_system_off();
}

/* ---- errors that nobody used ---- */

static bool find_log(const void *dtb, const struct dt_node *node, void *arg)
{
	uint64_t base, size;

	(void)arg;
	if (!dt_has_string(dtb, node, "compatible", "rasvm,error-log"))
		return true;
	dt_reg(dtb, node, 0, &base, &size);
	log_page = (struct log_page *)(base + LOG_OFFSET);
	event = dt_cell(dtb, node, "sdei-events", 0, 0);
	return false;
}

static void listen(void)
{
	int64_t r;

	dt_walk(machine.dtb, find_log, NULL);
	if (!log_page)
		give_up("the device tree has no error log", 0);
	r = sdei_register(event, (uint64_t)ras_handler, (uint64_t)&handled, 0, 0);
	if (r == SDEI_SUCCESS)
		r = sdei_enable(event);
	if (r != SDEI_SUCCESS)
		give_up("the event of errors cannot be registered", r);
	sdei_pe_unmask();
}

/* Until `errors` have been announced and read, or nothing comes any more. How many that were. */
static uint64_t take_until(uint64_t first, uint64_t errors)
{
	uint64_t at = shared_read(&log_page->tail), last = timer_now();

	while (at - first < errors && timer_us_since(last) < QUIET_US) {
		uint64_t head = shared_read(&log_page->head);

		if (head == at)
			continue;
		/* The handler runs in between; what it was told of is in the page already. */
		at = head;
		shared_write(&log_page->tail, at);
		last = timer_now();
	}
	return at - first;
}

static void take_errors(uint64_t errors, bool sampled)
{
	uint64_t first;

	listen();
	first = shared_read(&log_page->head);
	shared_write(&log_page->tail, first);
	if (sampled)
		print("bench: sample begin\n");
	print("bench: ready\n");
	if (sampled) {
		take_until(first, errors / 10);
		print("bench: sample early\n");
	}
	errors = take_until(first, errors);
	if (sampled) {
		print("bench: sample end\n");
		timer_spin_us(1000000);
	}
	finish(errors);
}

/* ---- pages that are bad when used ---- */

static bool take_abort(struct frame *frame, uint64_t vector)
{
	if (vector != VECTOR_SYNC_CURRENT || ESR_EC(frame->esr) != EC_DATA_ABORT_SAME ||
	    (frame->esr & ESR_FAULT_STATUS) != EXTERNAL_ABORT)
		return false;
	frame->elr += 4;
	aborted = true;
	return true;
}

static bool page_aborts(uint64_t page)
{
	uint64_t value;

	aborted = false;
	asm volatile("ldr %0, [%1]" : "=&r"(value) : "r"(page) : "memory");
	return aborted;
}

static void use_pages(uint64_t errors)
{
	static bool lost[PAGES];
	uint64_t n = 0, last;

	exception_set_hook(take_abort);
	print("bench: ready\n");
	last = timer_now();
	while (n < errors && timer_us_since(last) < QUIET_US) {
		for (uint64_t i = 0; i < PAGES; i++) {
			if (lost[i] || !page_aborts(PAGES_FROM + i * PAGE_BYTES))
				continue;
			lost[i] = true;
			n++;
			last = timer_now();
		}
	}
	finish(n);
}

void guest_start(const void *dtb, uint64_t boot_el, uint64_t sctlr)
{
	static struct cpu early; /* for exceptions before the device tree is read */
	char mode[16] = "";
	uint64_t errors;

	(void)boot_el;
	(void)sctlr;
	sysreg_write(tpidr_el1, &early);
	if (!machine_init(dtb))
		psci_system_off();
	machine.mmu = true;
	machine.time_scale = 10;
	machine.conduit = CONDUIT_HVC;
	smp_init();
	bootarg("mode", mode, sizeof(mode));
	errors = bootarg_number("errors", 100);
	if (strcmp(mode, "ar") == 0)
		use_pages(errors);
	take_errors(errors, strcmp(mode, "growth") == 0);
}
