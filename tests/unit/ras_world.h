/*
 * A machine and a guest for the tests of ras/: the firmware's region as an array, SDEI as two events that
 * are registered, masked and pending, a clock that the tests move, and a list of all notes. The guest
 * reads records by the protocol of ACPI 6.5 18.3.2.8, with a parser of its own, and writes down which
 * pages it was told, in which order; how well it behaves is a matter of flags.
 */
#ifndef TESTS_UNIT_RAS_WORLD_H
#define TESTS_UNIT_RAS_WORLD_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ras/ras.h"

#define REGION       UINT64_C(0x80100000)
#define RAM          UINT64_C(0x90000000)
#define PAGE         RAS_PAGE_BYTES
#define MS           UINT64_C(1000000)
#define SECOND       UINT64_C(1000000000)
#define NPE          4
#define MAX_NOTES    65536
#define MAX_SEEN     65536
#define REGION_PAGES (RAS_REGION_BYTES / PAGE)

/* What the guest found in records, a page each. */
struct seen {
	uint64_t gpa;
	unsigned source; /* GHES_NR: the log page */
	uint32_t severity, section_severity, class;
	uint8_t flags, type;
	unsigned sections; /* in that record */
	uint64_t at_ns;
};

struct guest {
	bool has_event[2]; /* handler registered and enabled: normal, critical */
	bool masked;       /* on all PEs */
	bool serves_ged;
	bool polls;
	bool deaf; /* never looks */
	uint64_t ack_delay_ns;
	bool pending[2], ged_pending;
	uint64_t ack_due_ns[GHES_NR]; /* 0: nothing to acknowledge */
	uint64_t tail;
};

struct world {
	struct fw_lock lock;
	struct fw_locked fw;
	struct ras ras;
	uint8_t region[RAS_REGION_BYTES];
	bool bad[REGION_PAGES];
	int write_error; /* what writing the region says; 0: it works */
	int renew_result;
	uint32_t reads;
	bool tail_jumps; /* another CPU of the guest moves the log page's tail to and fro */
	struct guest guest;
	uint64_t now_ns, alarm_ns;
	unsigned alarms, triggers[2], dropped, pulses, renewals;
	unsigned serrors, serror_pe;
	struct ras_serror serror;
	unsigned heals;
	uint64_t healed_gpa, healed_bytes;
	int heal_result;
	unsigned stops;
	const char *why;
	unsigned notes;
	struct ras_note note[MAX_NOTES];
	unsigned seen;
	struct seen saw[MAX_SEEN];
};

/* ---- the machine ---- */

static inline int world_access(struct world *w, gpa_t at, size_t n, uint8_t **data)
{
	uint64_t offset = at.v - REGION;

	if (at.v < REGION || offset + n > RAS_REGION_BYTES)
		return -EFAULT;
	for (uint64_t page = offset / PAGE; page <= (offset + n - 1) / PAGE; page++)
		if (w->bad[page])
			return -EHWPOISON;
	*data = w->region + offset;
	return 0;
}

static inline int world_read(void *world, gpa_t at, void *data, size_t n)
{
	struct world *w = world;
	uint8_t *from, *tail = w->region + RAS_LOG_PAGE + LOGPAGE_TAIL;
	int ret = world_access(world, at, n, &from);

	if (w->tail_jumps)
		memset(tail, ++w->reads % 3 ? 0 : 0xff, 8);
	if (!ret)
		memcpy(data, from, n);
	return ret;
}

static inline int world_write(void *world, gpa_t at, const void *data, size_t n)
{
	struct world *w = world;
	uint8_t *to;
	int ret = w->write_error ? w->write_error : world_access(w, at, n, &to);

	if (!ret)
		memcpy(to, data, n);
	return ret;
}

static inline int world_renew(void *world, gpa_t page)
{
	struct world *w = world;
	uint64_t index = (page.v - REGION) / PAGE, n;

	assert_true(page.v >= REGION && index < REGION_PAGES && page.v % PAGE == 0);
	if (w->renew_result)
		return w->renew_result;
	n = w->ras.config.host_page_bytes ? w->ras.config.host_page_bytes / PAGE : 1;
	index -= index % n;
	memset(&w->bad[index], 0, n);
	memset(w->region + index * PAGE, 0, n * PAGE);
	w->renewals++;
	return 0;
}

static inline unsigned world_event(uint32_t event)
{
	assert_true(event == RAS_EVENT_NORMAL || event == RAS_EVENT_CRITICAL);
	return event == RAS_EVENT_CRITICAL;
}

static inline enum ras_sdei world_sdei_state(struct fw_locked fw, void *world, uint32_t event)
{
	struct world *w = world;

	(void)fw;
	if (!w->guest.has_event[world_event(event)])
		return RAS_SDEI_NONE;
	return w->guest.masked ? RAS_SDEI_MASKED : RAS_SDEI_READY;
}

static inline void world_sdei_trigger(struct fw_locked fw, void *world, uint32_t event)
{
	struct world *w = world;
	unsigned i = world_event(event);

	(void)fw;
	if (!w->guest.has_event[i]) {
		w->dropped++;
		return;
	}
	w->triggers[i]++;
	w->guest.pending[i] = true;
}

static inline void world_ged(void *world)
{
	struct world *w = world;

	w->pulses++;
	w->guest.ged_pending = true;
}

static inline void world_serror(struct fw_locked fw, void *world, unsigned pe,
				struct ras_serror serror, uint32_t id)
{
	struct world *w = world;

	(void)fw;
	assert_int_not_equal(id, RAS_NO_ID);
	w->serrors++;
	w->serror_pe = pe;
	w->serror = serror;
}

static inline int world_heal(void *world, gpa_t at, uint64_t bytes)
{
	struct world *w = world;

	w->heals++;
	w->healed_gpa = at.v;
	w->healed_bytes = bytes;
	return w->heal_result;
}

static inline void world_stop(void *world, const char *why)
{
	struct world *w = world;

	w->stops++;
	w->why = why;
}

static inline void world_alarm(void *world, uint64_t deadline_ns)
{
	struct world *w = world;

	w->alarms++;
	w->alarm_ns = deadline_ns;
}

static inline void world_note(void *world, const struct ras_note *note)
{
	struct world *w = world;

	assert_true(w->notes < MAX_NOTES);
	w->note[w->notes++] = *note;
}

static inline struct cper_time world_time(void *world)
{
	(void)world;
	return (struct cper_time){ 2026, 11, 21, 12, 30, 15 };
}

static const struct ras_ops world_ops = {
	.sdei_state = world_sdei_state,
	.sdei_trigger = world_sdei_trigger,
	.ged = world_ged,
	.serror = world_serror,
	.heal = world_heal,
	.stop = world_stop,
	.alarm = world_alarm,
	.note = world_note,
	.time = world_time,
};

static inline struct ras_config world_config(struct world *w)
{
	struct ras_config config = {
		.policy = ras_policy_default(),
		.npe = NPE,
		.acpi = true,
		.sdei_offered = true,
		.serror_esr = true,
		.memory = { world_read, world_write, world_renew, w },
		.ops = &world_ops,
		.world = w,
	};

	/* A whole record at once. */
	config.policy.limit_per_s = CPER_MAX_SECTIONS;
	return config;
}

/* RAM is cleared: all pages that are known by now are replaced. */
static inline void world_clear(struct world *w)
{
	while (w->ras.map->n)
		poison_forget(w->ras.map, gpa(w->ras.map->gpa[0]), w->ras.map->pages[0]);
}

static inline void world_start(struct world *w)
{
	struct err err;

	memset(&w->guest, 0, sizeof(w->guest));
	assert_int_equal(ras_reset(w->fw, &w->ras, gpa(REGION), w->now_ns, &err), 0);
}

static inline void world_reset(struct world *w, bool healed)
{
	ras_pause(w->fw, &w->ras);
	if (healed)
		world_clear(w);
	world_start(w);
}

/* Start over as another machine, of which no guest runs yet. */
static inline void world_build(struct world *w, const struct ras_config *config)
{
	struct err err;

	if (w->ras.map)
		ras_destroy(&w->ras);
	memset(w, 0, sizeof(*w));
	w->now_ns = 1000 * SECOND;
	w->alarm_ns = UINT64_MAX;
	pthread_mutex_init(&w->lock.mutex, NULL);
	w->fw = (struct fw_locked){ &w->lock };
	assert_int_equal(ras_init(&w->ras, config, &err), 0);
}

static inline void world_open(struct world *w, const struct ras_config *config)
{
	world_build(w, config);
	world_start(w);
}

static inline int world_setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct ras_config config;

	assert_non_null(w);
	config = world_config(w);
	world_open(w, &config);
	*state = w;
	return 0;
}

static inline int world_teardown(void **state)
{
	struct world *w = *state;

	ras_destroy(&w->ras);
	free(w);
	return 0;
}

/* A machine with that policy; `dt`: without ACPI. */
static inline void world_with(struct world *w, const char *policy, bool dt)
{
	struct ras_config config = world_config(w);
	struct err err;

	if (*policy)
		assert_int_equal(ras_policy_parse(&config.policy, policy, &err), 0);
	config.acpi = !dt;
	world_open(w, &config);
}

/* ---- the guest ---- */

static inline uint32_t get32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t get64(const uint8_t *p)
{
	return get32(p) | (uint64_t)get32(p + 4) << 32;
}

static inline void put64(uint8_t *p, uint64_t v)
{
	for (unsigned i = 0; i < 8; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static inline uint8_t *block_of(struct world *w, unsigned source)
{
	return w->region + (get64(w->region + RAS_CELL(source)) - REGION);
}

static inline bool has_record(struct world *w, unsigned source)
{
	return get32(block_of(w, source)) != 0;
}

static inline void guest_saw(struct world *w, const struct seen *seen)
{
	assert_true(w->seen < MAX_SEEN);
	w->saw[w->seen] = *seen;
	w->saw[w->seen++].at_ns = w->now_ns;
}

/* ACPI 6.5 18.3.2.7.1 and UEFI 2.10 N.2.5; only memory sections are written down. */
static inline void guest_parse(struct world *w, unsigned source, const uint8_t *block)
{
	static const uint8_t memory[16] = { 0x14, 0x11, 0xbc, 0xa5, 0x64, 0x6f, 0xde, 0x4e,
					    0xb8, 0x63, 0x3e, 0x83, 0xed, 0x7c, 0x83, 0xb1 };
	uint32_t length = get32(block + 12), at = 20;
	unsigned sections = get32(block) >> 4 & 0x3ff;

	assert_true(length <= CPER_BLOCK_BYTES - 20);
	while (at < 20 + length) {
		const uint8_t *entry = block + at;
		uint32_t bytes = get32(entry + 24);
		const struct seen seen = {
			.gpa = get64(entry + 72 + 16),
			.source = source,
			.severity = get32(block + 16),
			.section_severity = get32(entry + 16),
			.flags = entry[23],
			.type = entry[72 + 72],
			.sections = sections,
		};

		if (!memcmp(entry, memory, sizeof(memory)))
			guest_saw(w, &seen);
		at += 72 + bytes;
	}
	assert_int_equal(at, 20 + length);
}

static inline void guest_ack(struct world *w, unsigned source)
{
	uint8_t *ack = w->region + RAS_ACK(source);

	w->guest.ack_due_ns[source] = 0;
	put64(ack, (get64(ack) & ~UINT64_C(1)) | 1);
}

static inline void guest_take(struct world *w, unsigned source)
{
	if (!has_record(w, source))
		return;
	guest_parse(w, source, block_of(w, source));
	memset(block_of(w, source), 0, 4);
	w->guest.ack_due_ns[source] = w->now_ns + w->guest.ack_delay_ns;
	if (!w->guest.ack_delay_ns)
		guest_ack(w, source);
}

static inline void guest_read_log(struct world *w)
{
	const uint8_t *page = w->region + RAS_LOG_PAGE;
	uint64_t head = get64(page + LOGPAGE_HEAD);
	uint64_t tail = get64(page + LOGPAGE_TAIL);

	if (get32(page) != LOGPAGE_MAGIC)
		return;
	for (; tail < head; tail++) {
		const uint8_t *entry =
			page + LOGPAGE_ENTRIES + tail % LOGPAGE_N * LOGPAGE_ENTRY_BYTES;
		struct seen seen = { .source = GHES_NR, .class = get32(entry + 16) };

		for (uint64_t i = 0; i < get64(entry + 8) / PAGE; i++) {
			seen.gpa = get64(entry) + i * PAGE;
			guest_saw(w, &seen);
		}
	}
	put64(w->region + RAS_LOG_PAGE + LOGPAGE_TAIL, tail);
}

static inline void guest_event(struct world *w, unsigned event)
{
	struct guest *g = &w->guest;

	if (!g->pending[event] || !g->has_event[event] || g->masked)
		return;
	g->pending[event] = false;
	if (w->ras.config.acpi)
		guest_take(w, event ? GHES_SDEI_CRITICAL : GHES_SDEI_NORMAL);
	else
		guest_read_log(w);
}

/* Whatever the guest would do at this moment. */
static inline void guest_step(struct world *w)
{
	struct guest *g = &w->guest;

	for (unsigned i = 0; i < GHES_NR; i++)
		if (g->ack_due_ns[i] && g->ack_due_ns[i] <= w->now_ns)
			guest_ack(w, i);
	if (g->deaf)
		return;
	guest_event(w, 0);
	guest_event(w, 1);
	if (g->ged_pending && g->serves_ged) {
		g->ged_pending = false;
		guest_take(w, GHES_GED);
	}
	if (g->polls)
		guest_take(w, GHES_POLLED);
}

/* Linux and its drivers: look at what is there, then be told. */
static inline void guest_boot(struct world *w)
{
	w->guest.serves_ged = true;
	w->guest.polls = true;
	for (unsigned i = 0; i < GHES_NR; i++)
		guest_take(w, i);
}

/* ---- together ---- */

static inline void tick(struct world *w)
{
	ras_tick(w->fw, &w->ras, w->now_ns);
}

static inline void guest_register(struct world *w)
{
	w->guest.has_event[0] = true;
	w->guest.has_event[1] = true;
	tick(w);
}

/* UNREGISTER takes back what is pending (DEN0054C 5.1.5). */
static inline void guest_unregister(struct world *w)
{
	memset(w->guest.has_event, 0, sizeof(w->guest.has_event));
	memset(w->guest.pending, 0, sizeof(w->guest.pending));
	tick(w);
}

/* Time passes in millisecond steps; the alarm is obeyed, the guest does what it does. */
static inline void run(struct world *w, uint64_t ns)
{
	uint64_t end_ns = w->now_ns + ns;

	guest_step(w);
	while (w->now_ns < end_ns) {
		w->now_ns += MS;
		guest_step(w);
		if (w->now_ns >= w->alarm_ns)
			tick(w);
	}
}

static inline struct ras_error error_at(struct world *w, enum ras_class class, uint64_t at)
{
	return (struct ras_error){
		.class = class,
		.at = gpa(at),
		.base = gpa(at),
		.bytes = PAGE,
		.seen_ns = w->now_ns,
		.from = "test",
	};
}

static inline void report(struct world *w, enum ras_class class, uint64_t at)
{
	struct ras_error error = error_at(w, class, at);

	ras_report(w->fw, &w->ras, &error);
}

static inline uint64_t page(unsigned n)
{
	return RAM + n * PAGE;
}

static inline enum poison_state state_of(struct world *w, uint64_t at)
{
	int i = poison_find(w->ras.map, gpa(at));

	return i < 0 ? POISON_FREE : (enum poison_state)w->ras.map->state[i];
}

#define expect_state(w, at, state)                                                                 \
	assert_string_equal(poison_state_name(state_of(w, at)), poison_state_name(state))

static inline unsigned count_notes(const struct world *w, enum ras_note_kind kind)
{
	unsigned n = 0;

	for (unsigned i = 0; i < w->notes; i++)
		n += w->note[i].kind == kind;
	return n;
}

/* The last note of that kind. */
static inline const struct ras_note *last_note(const struct world *w, enum ras_note_kind kind)
{
	for (unsigned i = w->notes; i-- > 0;)
		if (w->note[i].kind == kind)
			return &w->note[i];
	fail_msg("no note of kind %u among %u", (unsigned)kind, w->notes);
	return NULL;
}

static inline void expect_kinds(const struct world *w, unsigned first,
				const enum ras_note_kind *kinds, unsigned n)
{
	assert_int_equal(w->notes - first, n);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(w->note[first + i].kind, kinds[i]);
}

static inline unsigned times_seen(const struct world *w, uint64_t at)
{
	unsigned n = 0;

	for (unsigned i = 0; i < w->seen; i++)
		n += w->saw[i].gpa == at;
	return n;
}

#define RAS_TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

#endif
