/*
 * The page in which a guest without ACPI finds its errors: one writer, one reader, a ring of entries.
 *
 * Source: rasvm's own, documented for guests in docs/ras.md. State: struct logpage, the caller's, under
 * the firmware lock; the page itself is the guest's to write, so head is kept outside of it. Left out:
 * telling the guest (ras.c).
 */
#include "ras/logpage.h"

#include <errno.h>
#include <stdatomic.h>

#include "lib/bytes.h"
#include "lib/types.h"

#define VERSION      1
#define HEADER_BYTES 32

_Static_assert(LOGPAGE_ENTRIES + LOGPAGE_N * LOGPAGE_ENTRY_BYTES <= RAS_PAGE_BYTES,
	       "the ring is larger than its page");

static gpa_t page_of(const struct ghes *ghes)
{
	return gpa(ghes->region.v + RAS_LOG_PAGE);
}

static int write_at(const struct ghes *ghes, uint64_t offset, const void *data, size_t n)
{
	return ghes->memory.write(ghes->memory.world, gpa(page_of(ghes).v + offset), data, n);
}

/* As if the guest had read all there was. */
static int write_header(const struct logpage *log, const struct ghes *ghes)
{
	uint8_t header[HEADER_BYTES];
	struct bytes b = bytes_in(header, sizeof(header));

	bytes_u32(&b, LOGPAGE_MAGIC);
	bytes_u32(&b, VERSION);
	bytes_u32(&b, LOGPAGE_N);
	bytes_u32(&b, LOGPAGE_ENTRY_BYTES);
	bytes_u64(&b, log->head);
	bytes_u64(&b, log->head);
	return write_at(ghes, 0, header, sizeof(header));
}

int logpage_reset(struct logpage *log, const struct ghes *ghes)
{
	int rc;

	log->head = 0;
	if (!ghes->region.v)
		return 0;
	rc = write_header(log, ghes);
	if (rc != -EHWPOISON)
		return rc;
	rc = ghes->memory.renew(ghes->memory.world, page_of(ghes));
	return rc ? rc : write_header(log, ghes);
}

/* At most LOGPAGE_N behind head, at most head: a value outside is one the guest made up. */
static uint64_t clamp_tail(const struct logpage *log, uint64_t tail)
{
	uint64_t oldest = log->head > LOGPAGE_N ? log->head - LOGPAGE_N : 0;

	if (tail > log->head)
		return log->head;
	return tail < oldest ? oldest : tail;
}

/* How far the guest has read. A page that is bad, or is not a log page since it was replaced, is made
 * one; what was in it counts as read. */
static int read_tail(const struct logpage *log, struct ghes *ghes, uint64_t *tail)
{
	uint8_t header[HEADER_BYTES];
	int rc = ghes->memory.read(ghes->memory.world, page_of(ghes), header, sizeof(header));

	if (!rc && le32_at(header) == LOGPAGE_MAGIC) {
		*tail = clamp_tail(log, le64_at(header + LOGPAGE_TAIL));
		return 0;
	}
	if (rc == -EHWPOISON)
		rc = ghes_repair(ghes, page_of(ghes));
	if (rc)
		return rc;
	*tail = log->head;
	return write_header(log, ghes);
}

uint64_t logpage_tail(const struct logpage *log, struct ghes *ghes)
{
	uint64_t tail = log->head;

	/* An unusable page holds nothing the guest could still read. */
	if (ghes->region.v && read_tail(log, ghes, &tail))
		return log->head;
	return tail;
}

static int write_entry(const struct logpage *log, const struct ghes *ghes,
		       const struct ras_error *error, uint64_t since_start_ns)
{
	uint64_t at = LOGPAGE_ENTRIES + log->head % LOGPAGE_N * LOGPAGE_ENTRY_BYTES;
	uint8_t entry[LOGPAGE_ENTRY_BYTES];
	struct bytes b = bytes_in(entry, sizeof(entry));

	bytes_u64(&b, error->base.v);
	bytes_u64(&b, error->bytes);
	bytes_u32(&b, (uint32_t)error->class);
	bytes_u32(&b, error->id);
	bytes_u64(&b, since_start_ns);
	return write_at(ghes, at, entry, sizeof(entry));
}

/* The entry, then the head that makes it one. */
static int append(const struct logpage *log, const struct ghes *ghes, const struct ras_error *error,
		  uint64_t since_start_ns)
{
	uint8_t head[8];
	struct bytes b = bytes_in(head, sizeof(head));
	int rc = write_entry(log, ghes, error, since_start_ns);

	bytes_u64(&b, log->head + 1);
	atomic_thread_fence(memory_order_release);
	return rc ? rc : write_at(ghes, LOGPAGE_HEAD, head, sizeof(head));
}

int logpage_put(struct logpage *log, struct ghes *ghes, const struct ras_error *error,
		uint64_t since_start_ns)
{
	uint64_t tail;
	int rc;

	if (!ghes->region.v)
		return -ENODEV;
	rc = read_tail(log, ghes, &tail);
	if (rc)
		return rc;
	if (log->head - tail == LOGPAGE_N)
		return -EBUSY;
	rc = append(log, ghes, error, since_start_ns);
	if (!rc)
		log->head++;
	return rc;
}
