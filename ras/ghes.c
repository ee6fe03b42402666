/*
 * Generic hardware error sources, version 2: writing records for the guest and seeing what became of
 * them.
 *
 * Source: ACPI 6.5 18.3.2.7 (error status block), 18.3.2.8 (version 2, read acknowledgement).
 * State: struct ghes, the caller's, under the firmware lock; the region in guest RAM (layout.h), which
 * the guest writes whenever it likes. Left out: what is in a record (cper.c), telling the guest that
 * there is one, and how long to wait (ras.c).
 *
 * Where a block is comes from layout.h, never from its cell in guest memory.
 */
#include "ras/ghes.h"

#include <endian.h>
#include <errno.h>
#include <stdatomic.h>

#include "lib/types.h"
#include "ras/error.h"
#include "ras/hest.h"

/* Of writing a record. Whichever page is bad, its renewal leaves good cells too. */
#define ATTEMPTS 2

#define STATUS_BYTES 4
#define ACK_BIT      UINT64_C(1)

static const struct state_field source_fields[] = {
	STATE_FIELD(1, struct ghes_source, written_ns),
	STATE_FIELD(2, struct ghes_source, written),
	STATE_FIELD(3, struct ghes_source, id),
	STATE_FIELD(4, struct ghes_source, busy),
	STATE_FIELD(5, struct ghes_source, late),
	STATE_ARRAY(6, struct ghes_source, padding),
	STATE_LAST,
};

const struct state_desc ghes_source_desc = {
	.name = "ghes-source",
	.size = sizeof(struct ghes_source),
	.fields = source_fields,
};

const char *ghes_name(enum ghes_id id)
{
	static const char *const names[GHES_NR] = {
		[GHES_SEA] = "sea",
		[GHES_SDEI_NORMAL] = "sdei-normal",
		[GHES_SDEI_CRITICAL] = "sdei-critical",
		[GHES_GED] = "ged",
		[GHES_POLLED] = "polled",
	};

	return (unsigned)id < GHES_NR ? names[id] : "unknown";
}

bool ghes_owns(const struct ghes *ghes, gpa_t page)
{
	return ghes->region.v && page.v >= ghes->region.v &&
	       page.v - ghes->region.v < RAS_REGION_BYTES;
}

/* ---- memory ---- */

static int raw_write(struct ghes *ghes, unsigned offset, const void *data, size_t n)
{
	const struct ghes_memory *memory = &ghes->memory;

	return memory->write(memory->world, gpa(ghes->region.v + offset), data, n);
}

static int raw_renew(struct ghes *ghes, unsigned offset)
{
	const struct ghes_memory *memory = &ghes->memory;

	return memory->renew(memory->world,
			     gpa(ghes->region.v + align_down(offset, RAS_PAGE_BYTES)));
}

static int write_cells(struct ghes *ghes)
{
	uint64_t block[GHES_NR], ack[GHES_NR];
	int rc;

	for (unsigned id = 0; id < GHES_NR; id++) {
		block[id] = htole64(ghes->region.v + RAS_BLOCK(id));
		ack[id] = htole64(ACK_BIT);
	}
	rc = raw_write(ghes, RAS_CELL(0), block, sizeof(block));
	return rc ? rc : raw_write(ghes, RAS_ACK(0), ack, sizeof(ack));
}

static int write_trigger(struct ghes *ghes)
{
	uint8_t trigger[EINJ_TRIGGER_BYTES];
	struct bytes b = bytes_in(trigger, sizeof(trigger));

	einj_trigger_write(&b, ghes->region);
	return raw_write(ghes, RAS_EINJ_TRIGGER, trigger, sizeof(trigger));
}

/* What `write` writes, in the page at `offset`, which is renewed if it is bad. */
static int restore(struct ghes *ghes, unsigned offset, int (*write)(struct ghes *))
{
	int rc = write(ghes);

	if (rc != -EHWPOISON)
		return rc;
	rc = raw_renew(ghes, offset);
	return rc ? rc : write(ghes);
}

/* All that the guest only reads, and the acknowledgements. */
static int restore_cells(struct ghes *ghes)
{
	int rc = restore(ghes, RAS_CELL(0), write_cells);

	return rc ? rc : restore(ghes, RAS_EINJ_TRIGGER, write_trigger);
}

/* A fresh page. The host's pages may be larger and more may be gone, so the cells are written whichever
 * page it was; with all sources acknowledged a record that was lost counts as read. */
static int renew(struct ghes *ghes, unsigned offset)
{
	int rc = raw_renew(ghes, offset);

	return rc ? rc : restore_cells(ghes);
}

/* -EHWPOISON: the page was bad and is a fresh one now, so trying again makes sense. */
static int write_at(struct ghes *ghes, unsigned offset, const void *data, size_t n)
{
	int rc = raw_write(ghes, offset, data, n);

	if (rc == -EHWPOISON)
		rc = renew(ghes, offset);
	else
		return rc;
	return rc ? rc : -EHWPOISON;
}

static int read_at(struct ghes *ghes, unsigned offset, void *data, size_t n)
{
	const struct ghes_memory *memory = &ghes->memory;
	int rc = memory->read(memory->world, gpa(ghes->region.v + offset), data, n);

	if (rc != -EHWPOISON)
		return rc;
	rc = renew(ghes, offset);
	return rc ? rc : -EHWPOISON;
}

/* A page that can be read was not lost: an injection can say so of any page. */
int ghes_repair(struct ghes *ghes, gpa_t page)
{
	uint64_t word;
	int rc;

	if (!ghes_owns(ghes, page))
		return 0;
	rc = read_at(ghes, (unsigned)(page.v - ghes->region.v), &word, sizeof(word));
	return rc == -EHWPOISON ? 0 : rc;
}

/* ---- reset ---- */

static int empty_block(struct ghes *ghes, enum ghes_id id)
{
	static const uint8_t nothing[CPER_BLOCK_BYTES];
	int rc = write_at(ghes, RAS_BLOCK(id), nothing, sizeof(nothing));

	/* A fresh page is empty. */
	return rc == -EHWPOISON ? 0 : rc;
}

int ghes_reset(struct ghes *ghes)
{
	int rc;

	for (unsigned id = 0; id < GHES_NR; id++)
		ghes->source[id] = (struct ghes_source){ .busy = 0 };
	if (!ghes->region.v)
		return 0;
	rc = restore_cells(ghes);
	for (unsigned id = 0; !rc && id < GHES_NR; id++)
		rc = empty_block(ghes, id);
	return rc;
}

/* ---- records ---- */

/* What the guest's two words say; each is read once. */
static int read_state(struct ghes *ghes, enum ghes_id id, enum ghes_state *state)
{
	uint32_t status = 0;
	uint64_t ack = 0;
	int rc = read_at(ghes, RAS_BLOCK(id), &status, STATUS_BYTES);

	*state = GHES_UNREAD;
	if (rc || status)
		return rc;
	rc = read_at(ghes, RAS_ACK(id), &ack, sizeof(ack));
	*state = le64toh(ack) & ACK_BIT ? GHES_IDLE : GHES_UNACKED;
	return rc;
}

enum ghes_state ghes_look(struct ghes *ghes, enum ghes_id id)
{
	struct ghes_source *source = &ghes->source[id];
	enum ghes_state state;

	if (!source->busy)
		return GHES_IDLE;
	if (read_state(ghes, id, &state))
		state = GHES_IDLE;
	atomic_thread_fence(memory_order_acquire);
	if (state == GHES_IDLE) {
		source->busy = 0;
		source->late = 0;
	}
	return state;
}

/* The status makes a record of it, so it is taken away first and written last. The acknowledgement is
 * taken back in between: afterwards, a quick guest's would be lost. */
static int write_record(struct ghes *ghes, enum ghes_id id, const uint8_t *record, size_t n)
{
	static const uint64_t no_ack;
	static const uint32_t no_status;
	int rc = write_at(ghes, RAS_BLOCK(id), &no_status, STATUS_BYTES);

	atomic_thread_fence(memory_order_release);
	if (!rc)
		rc = write_at(ghes, RAS_ACK(id), &no_ack, sizeof(no_ack));
	if (!rc)
		rc = write_at(ghes, RAS_BLOCK(id) + STATUS_BYTES, record + STATUS_BYTES,
			      n - STATUS_BYTES);
	atomic_thread_fence(memory_order_release);
	return rc ? rc : write_at(ghes, RAS_BLOCK(id), record, STATUS_BYTES);
}

int ghes_put(struct ghes *ghes, enum ghes_id id, const void *record, size_t n, uint32_t error,
	     uint64_t now_ns, bool force)
{
	struct ghes_source *source = &ghes->source[id];
	int rc = -EHWPOISON;

	if (!ghes->region.v)
		return -ENODEV;
	if (n < CPER_STATUS_BYTES || n > CPER_BLOCK_BYTES)
		return -EINVAL;
	if (!force && ghes_look(ghes, id) != GHES_IDLE)
		return -EBUSY;
	for (unsigned i = 0; rc == -EHWPOISON && i < ATTEMPTS; i++)
		rc = write_record(ghes, id, record, n);
	source->busy = !rc;
	source->late = 0;
	if (rc)
		return rc;
	source->written_ns = now_ns;
	source->written++;
	source->id = error;
	return 0;
}

bool ghes_retract(struct ghes *ghes, enum ghes_id id)
{
	static const uint32_t no_status;

	if (ghes_look(ghes, id) != GHES_UNREAD)
		return false;
	/* If the page is bad, its fresh one has no record either. */
	if (write_at(ghes, RAS_BLOCK(id), &no_status, STATUS_BYTES) &&
	    ghes_look(ghes, id) == GHES_UNREAD)
		return false;
	ghes->source[id].busy = 0;
	ghes->source[id].late = 0;
	return true;
}
