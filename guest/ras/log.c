/*
 * G: the error log of a guest without ACPI: the page that the device tree names, and its SDEI events. Layout:
 * docs/ras.md, "Device tree guests".
 */
#include "guest/ras/suite.h"

#define LOG_MAGIC   UINT32_C(0x4d534152)
#define LOG_OFFSET  0x3000
#define LOG_HEADER  64
#define FLOOD_PAGES 140 /* more than fit */

struct log_page {
	uint32_t magic, version, entries, entry_bytes;
	uint64_t head, tail;
};

struct log_entry {
	uint64_t gpa, bytes;
	uint32_t class, id;
	uint64_t time_ns;
};

static uint64_t handled;

static struct log_page *log_page(void)
{
	return (struct log_page *)(ras_machine.log.base + LOG_OFFSET);
}

static struct log_entry *log_entry(uint64_t n)
{
	struct log_page *p = log_page();

	return (struct log_entry *)((uint64_t)p + LOG_HEADER) + n % p->entries;
}

static bool have_log(struct run *t)
{
	if (ras_machine.log.base)
		return true;
	skip(t, "the device tree has no error log");
	return false;
}

static bool listen(struct run *t)
{
	uint64_t event = ras_machine.events[0];

	handled = 0;
	sdei_private_reset();
	sdei_shared_reset();
	return expect_eq(t,
			 sdei_register(event, (uint64_t)ras_sdei_handler, (uint64_t)&handled, 0, 0),
			 0, "EVENT_REGISTER of 0x%lx", event) &&
	       expect_eq(t, sdei_enable(event), 0, "EVENT_ENABLE") &&
	       expect_eq(t, sdei_pe_unmask(), 0, "PE_UNMASK");
}

static void deafen(void)
{
	sdei_pe_mask();
	sdei_unregister(ras_machine.events[0]);
	sdei_shared_reset();
}

static bool wait_head(struct run *t, uint64_t head)
{
	return expect(t, smp_wait_word(&log_page()->head, head, STALL_US),
		      "head: expected %lu, found %lu", head, log_page()->head);
}

static void g01(struct run *t)
{
	struct log_page *p = log_page();

	if (!have_log(t))
		return;
	expect_hex(t, p->magic, LOG_MAGIC, "magic");
	expect_eq(t, p->version, 1, "version");
	expect_eq(t, p->entry_bytes, sizeof(struct log_entry), "bytes of an entry");
	expect_eq(t, p->entries, (PAGE_BYTES - LOG_HEADER) / sizeof(struct log_entry), "entries");
	for (unsigned i = 0; i < 2; i++)
		expect_eq(t, sdei_info(ras_machine.events[i], SDEI_INFO_PRIORITY), i,
			  "priority of event 0x%lx", (uint64_t)ras_machine.events[i]);
}

/* An error comes with an event and an entry. */
static void g02(struct run *t)
{
	static uint8_t page[PAGE_BYTES] __attribute__((aligned(PAGE_BYTES)));
	struct log_page *p = log_page();
	uint64_t head;

	if (!have_log(t) || !listen(t))
		return;
	head = p->head;
	inject("ao", (uint64_t)page);
	if (wait_head(t, head + 1)) {
		struct log_entry *e = log_entry(head);

		expect(t, smp_wait_word(&handled, 1, STALL_US), "the event's handler ran");
		expect_hex(t, e->gpa, (uint64_t)page, "address in the entry");
		expect_hex(t, e->bytes, PAGE_BYTES, "bytes in the entry");
		expect_eq(t, e->class, 0, "class in the entry");
		expect(t, e->id != 0, "the entry has an id");
		shared_write(&p->tail, p->head);
	}
	inject("ao", (uint64_t)page); /* known already: told once */
	timer_spin_us(QUIET_US * machine.time_scale);
	expect_eq(t, (int64_t)p->head, (int64_t)head + 1, "head after the same page again");
	deafen();
}

/* Errors beyond what fits wait until the guest has read. */
static void g03(struct run *t)
{
	struct log_page *p = log_page();
	uint64_t first, start;

	if (!have_log(t) || !listen(t))
		return;
	shared_write(&p->tail, p->head);
	first = p->head;
	inject("flood", 0);
	wait_head(t, first + p->entries);
	timer_spin_us(QUIET_US * machine.time_scale);
	expect_eq(t, (int64_t)(p->head - p->tail), p->entries, "entries the guest has not read");
	start = timer_now();
	while (p->head - first < FLOOD_PAGES &&
	       timer_us_since(start) < STALL_US * machine.time_scale)
		shared_write(&p->tail, shared_read(&p->head));
	expect_eq(t, (int64_t)(p->head - first), FLOOD_PAGES, "entries in all");
	shared_write(&p->tail, p->head);
	deafen();
}

/* A tail that is nonsense harms nobody. */
static void g04(struct run *t)
{
	static uint8_t pages[3 * PAGE_BYTES] __attribute__((aligned(PAGE_BYTES)));
	struct log_page *p = log_page();
	uint64_t head;

	if (!have_log(t) || !listen(t))
		return;
	shared_write(&p->tail, p->head);
	head = p->head;
	shared_write(&p->tail, UINT64_MAX);
	p->magic = 0;
	p->entries = 0xffffffff;
	inject("ao", (uint64_t)pages);
	wait_head(t, head + 1);
	shared_write(&p->tail, head + 1000);
	inject("ao", (uint64_t)pages + PAGE_BYTES);
	wait_head(t, head + 2);
	p->magic = LOG_MAGIC;
	p->entries = (PAGE_BYTES - LOG_HEADER) / sizeof(struct log_entry);
	shared_write(&p->tail, p->head);
	inject("ao", (uint64_t)pages + 2 * PAGE_BYTES);
	wait_head(t, head + 3);
	shared_write(&p->tail, p->head);
	deafen();
}

/* The event waits while every CPU masks it. */
static void g05(struct run *t)
{
	static uint8_t page[PAGE_BYTES] __attribute__((aligned(PAGE_BYTES)));
	struct log_page *p = log_page();
	uint64_t head;

	if (!have_log(t) || !listen(t))
		return;
	shared_write(&p->tail, p->head);
	head = p->head;
	expect_eq(t, sdei_pe_mask(), 1, "PE_MASK");
	inject("ao", (uint64_t)page);
	wait_head(t, head + 1);
	timer_spin_us(QUIET_US);
	expect_eq(t, (int64_t)shared_read(&handled), 0, "runs of the handler while masked");
	expect_eq(t, sdei_pe_unmask(), 0, "PE_UNMASK");
	smp_wait_word(&handled, 1, STALL_US);
	expect_eq(t, (int64_t)shared_read(&handled), 1, "runs of the handler after PE_UNMASK");
	shared_write(&p->tail, p->head);
	deafen();
}

static const struct test tests[] = {
	{ "G01", "the log page and its events are there", g01, 0, 0, false },
	{ "G02", "an error comes with an event and an entry, once", g02, 0, 0, false },
	{ "G03", "errors that do not fit wait", g03, 60, 0, false },
	{ "G04", "a log page full of nonsense", g04, 60, 0, false },
	{ "G05", "an event waits while all CPUs mask it", g05, 0, 0, false },
};
const struct test_group group_log = { tests, ARRAY_LEN(tests) };
