/*
 * libFuzzer on the memory that firmware and guest share about errors (ras/ghes.c, ras/logpage.c): the
 * bytes are calls of rasvm and, between them and between all of their accesses, what a hostile guest writes
 * into the region and which pages go bad. What must hold: rasvm reads and writes only what the call is
 * about, never by an address from guest memory; calls end; and a source whose record was acknowledged
 * properly is free, whatever happened before.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/types.h"
#include "ras/logpage.h"
#include "tests/unit/ghes_fixture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TRIGGER      0x1100
#define LOG          0x3000
#define LOG_ENTRIES  126
#define MAX_PER_CALL 64 /* accesses: a reset that finds each page bad is the longest */

enum step {
	PUT,
	FORCE,
	LOOK,
	RETRACT,
	REPAIR,
	RESET,
	LOG_PUT,
	LOG_TAIL,
	LOG_RESET,
	READ,
	NR_STEPS
};

static const char *const step_names[NR_STEPS] = { "put",       "force", "look",    "retract",
						  "repair",    "reset", "log put", "log tail",
						  "log reset", "read" };

struct fuzz {
	struct fake fake;
	struct ghes ghes;
	struct logpage log;
	const uint8_t *data;
	size_t size;
	enum step step;   /* under way */
	unsigned id;      /* ... for this source */
	bool quiet;       /* the guest and the pages leave this call alone */
	unsigned checked; /* accesses of this call */
};

static uint8_t next(struct fuzz *f)
{
	if (!f->size)
		return 0;
	f->size--;
	return *f->data++;
}

static void violated(const struct fuzz *f, const char *rule, uint64_t a, uint64_t b)
{
	fprintf(stderr, "in \"%s\" of source %u: %s (0x%" PRIx64 ", 0x%" PRIx64 ")\n",
		step_names[f->step], f->id, rule, a, b);
	abort();
}

static void must(const struct fuzz *f, bool holds, const char *rule, uint64_t a, uint64_t b)
{
	if (!holds)
		violated(f, rule, a, b);
}

/* ---- the guest ---- */

static uint64_t hostile_value(struct fuzz *f)
{
	static const uint64_t values[] = {
		0, 1, 2, UINT64_MAX, REGION, REGION + 0x4000, 0x4d534152
	};
	uint8_t pick = next(f);

	if (pick < ARRAY_SIZE(values))
		return values[pick];
	return (uint64_t)pick << (next(f) % 57);
}

static uint64_t hostile_place(struct fuzz *f)
{
	uint8_t pick = next(f);
	unsigned id = pick % GHES_NR;

	switch (pick >> 5) {
	case 0:
		return cell_of(id);
	case 1:
	case 2:
		return ack_of(id);
	case 3:
	case 4:
		return block_of(id);
	case 5:
		return LOG + UINT64_C(8) * (pick % 4);
	default:
		return (uint64_t)pick << 9 | next(f);
	}
}

static void guest_acts(struct fuzz *f)
{
	uint8_t pick = next(f);

	if (pick >= 0xf0)
		f->fake.bad[next(f) % NR_PAGES] = true;
	else if (pick >= 0xe0)
		guest_clear(&f->fake, pick % GHES_NR);
	else if (pick >= 0xd0)
		guest_ack(&f->fake, pick % GHES_NR);
	else if (pick >= 0x80)
		fake_set(&f->fake, hostile_place(f), hostile_value(f), pick & 1 ? 8 : 4);
}

/* ---- what a call may touch ---- */

static bool is_within(const struct access *access, uint64_t from, uint64_t to)
{
	return access->offset >= from && access->offset + access->n <= to;
}

static bool is_log_step(const struct fuzz *f)
{
	return f->step == LOG_PUT || f->step == LOG_TAIL || f->step == LOG_RESET;
}

static bool may_write(const struct fuzz *f, const struct access *access)
{
	/* Cells of all sources, and EINJ's trigger table, when a page was renewed. */
	if (is_within(access, cell_of(0), cell_of(GHES_NR)) ||
	    is_within(access, TRIGGER, TRIGGER + 24) ||
	    is_within(access, ack_of(0), ack_of(GHES_NR)))
		return true;
	if (is_log_step(f))
		return is_within(access, LOG, LOG + 4096);
	if (f->step == RESET)
		return is_within(access, block_of(0), block_of(GHES_NR));
	return f->step != REPAIR && f->step != LOOK &&
	       is_within(access, block_of(f->id), block_of(f->id) + 4096);
}

static bool may_read(const struct fuzz *f, const struct access *access)
{
	if (is_log_step(f))
		return is_within(access, LOG, LOG + 32) ||
		       (access->offset == LOG && access->n == 8);
	/* Is it bad? */
	if (f->step == REPAIR)
		return access->offset % 4096 == 0 && access->n == 8;
	return is_within(access, block_of(f->id), block_of(f->id) + 4) ||
	       is_within(access, ack_of(f->id), ack_of(f->id) + 8);
}

static void check_access(struct fuzz *f, const struct access *access)
{
	switch (access->kind) {
	case ACCESS_READ:
		must(f, may_read(f, access), "read elsewhere", access->offset, access->n);
		break;
	case ACCESS_WRITE:
		must(f, may_write(f, access), "written elsewhere", access->offset, access->n);
		break;
	case ACCESS_RENEW:
		must(f, access->offset % 4096 == 0 && is_within(access, 0, sizeof(f->fake.ram)),
		     "renewed elsewhere", access->offset, access->n);
		break;
	}
}

/* After each access of rasvm's. */
static void on_access(struct fake *fake)
{
	struct fuzz *f = fake->guest_data;

	check_access(f, &fake->access[fake->accesses - 1]);
	must(f, ++f->checked <= MAX_PER_CALL, "without end", f->checked, 0);
	fake->accesses = 0;
	if (!f->quiet)
		guest_acts(f);
}

/* ---- calls ---- */

static void put(struct fuzz *f, bool force)
{
	static const size_t lengths[] = { 0, 19, 20, 172, 4096, 4097 };
	size_t n = lengths[next(f) % ARRAY_SIZE(lengths)];
	bool was_busy = f->ghes.source[f->id].busy, fits = n >= 20 && n <= 4096;
	uint8_t record[4097] = { 0 };
	int rc;

	if (n)
		make_record(record, n < 20 ? 20 : n, 0x5c);
	rc = ghes_put(&f->ghes, (enum ghes_id)f->id, record, n, 1, 0, force);
	must(f, fits || rc == -EINVAL, "an impossible length was taken", n, (uint64_t)rc);
	must(f, !fits || rc != -EINVAL, "a possible length was refused", n, (uint64_t)rc);
	must(f, rc != -EBUSY || (was_busy && !force), "busy without a record", was_busy, force);
	if (rc == 0)
		must(f, f->ghes.source[f->id].busy, "written and not busy", n, 0);
	else if (rc != -EBUSY && fits)
		must(f, !f->ghes.source[f->id].busy, "not written and busy", n, (uint64_t)rc);
	if (!f->quiet)
		return;
	must(f, rc == 0 || rc == -EBUSY || !fits, "failed without a cause", n, (uint64_t)rc);
	if (rc)
		return;
	must(f, memcmp(f->fake.ram + block_of(f->id), record, n) == 0, "another record", n, 0);
	must(f, fake_get(&f->fake, ack_of(f->id), 8) == 0, "acknowledged beforehand", 0, 0);
}

static void look(struct fuzz *f)
{
	bool was_busy = f->ghes.source[f->id].busy;
	enum ghes_state state = ghes_look(&f->ghes, (enum ghes_id)f->id);

	must(f, state == GHES_IDLE || was_busy, "a record out of nothing", state, 0);
	must(f, (state == GHES_IDLE) == !f->ghes.source[f->id].busy, "busy and idle", state, 0);
}

static void retract(struct fuzz *f)
{
	bool was_busy = f->ghes.source[f->id].busy;
	bool gone = ghes_retract(&f->ghes, (enum ghes_id)f->id);

	must(f, !gone || was_busy, "took back what was not there", 0, 0);
	must(f, !gone || !f->ghes.source[f->id].busy, "taken back and busy", 0, 0);
	if (gone && f->quiet)
		must(f, !fake_get(&f->fake, block_of(f->id), 4), "taken back and there", 0, 0);
}

static void log_put(struct fuzz *f)
{
	struct ras_error error = { .class = RAS_AO, .base = gpa(0x80000000), .bytes = 4096 };
	uint64_t head = f->log.head;
	int rc = logpage_put(&f->log, &f->ghes, &error, 0);

	must(f, f->log.head == head + (rc == 0), "head moved wrongly", head, f->log.head);
}

static void log_tail(struct fuzz *f)
{
	uint64_t tail = logpage_tail(&f->log, &f->ghes), head = f->log.head;

	must(f, tail <= head && head - tail <= LOG_ENTRIES, "a tail outside the ring", tail, head);
}

static void repair(struct fuzz *f)
{
	unsigned page = next(f) % NR_PAGES;

	(void)ghes_repair(&f->ghes, gpa(REGION + page * UINT64_C(4096)));
	if (f->quiet)
		must(f, !f->fake.bad[page], "still bad after its repair", page, 0);
}

/* As ACPI wants it, undisturbed; the record may be nonsense if another was faster. */
static void read_properly(struct fuzz *f)
{
	guest_clear(&f->fake, f->id);
	guest_ack(&f->fake, f->id);
	f->quiet = true;
	must(f, ghes_look(&f->ghes, (enum ghes_id)f->id) == GHES_IDLE, "acknowledged and not free",
	     fake_get(&f->fake, block_of(f->id), 4), fake_get(&f->fake, ack_of(f->id), 8));
}

static void take_step(struct fuzz *f)
{
	switch (f->step) {
	case PUT:
	case FORCE:
		put(f, f->step == FORCE);
		break;
	case LOOK:
		look(f);
		break;
	case RETRACT:
		retract(f);
		break;
	case REPAIR:
		repair(f);
		break;
	case RESET:
		(void)!ghes_reset(&f->ghes);
		break;
	case LOG_PUT:
		log_put(f);
		break;
	case LOG_TAIL:
		log_tail(f);
		break;
	case LOG_RESET:
		(void)!logpage_reset(&f->log, &f->ghes);
		break;
	case READ:
	default:
		read_properly(f);
		break;
	}
}

static void begin(struct fuzz *f, enum step step, unsigned id, bool quiet)
{
	f->step = step;
	f->id = id;
	f->quiet = quiet;
	f->checked = 0;
}

/* Whatever happened: with a guest that behaves, every source works. */
static void check_all_usable(struct fuzz *f)
{
	uint8_t record[172];

	make_record(record, sizeof(record), 1);
	for (unsigned id = 0; id < GHES_NR; id++) {
		begin(f, READ, id, true);
		read_properly(f);
		begin(f, PUT, id, true);
		must(f, !ghes_put(&f->ghes, id, record, sizeof(record), 1, 0, false),
		     "a free source took no record", 0, 0);
		must(f, ghes_look(&f->ghes, id) == GHES_UNREAD, "a new record is not there", 0, 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fuzz f;

	fake_init(&f.fake, &f.ghes);
	f.log.head = 0;
	f.data = data;
	f.size = size;
	f.fake.guest = on_access;
	f.fake.guest_data = &f;
	f.fake.host_page = size && data[0] & 1 ? KIB(64) : 4096;
	begin(&f, RESET, 0, true);
	must(&f, !ghes_reset(&f.ghes), "the region cannot be reset", 0, 0);
	begin(&f, LOG_RESET, 0, true);
	must(&f, !logpage_reset(&f.log, &f.ghes), "the log page cannot be reset", 0, 0);
	while (f.size) {
		uint8_t choice = next(&f), of = next(&f);

		begin(&f, choice % NR_STEPS, of % GHES_NR, of & 0x80);
		guest_acts(&f);
		take_step(&f);
	}
	check_all_usable(&f);
	return 0;
}
