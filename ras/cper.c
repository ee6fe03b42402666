/*
 * Writing and checking records: a generic error status block with data entries (ACPI 6.5 18.3.2.7.1), a
 * section of memory (UEFI 2.10 N.2.5) or of an Arm processor (N.2.4.4) in each.
 *
 * The caller owns writer and block. Left out: raw data behind the entries, which is checked but never
 * written; contexts and vendor data of the Arm section.
 */
#include "ras/cper.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>

#include "lib/types.h"
#include "ras/cper_private.h"

/* Memory section, UEFI 2.10 N.2.5: which fields say something. */
#define MEMORY_VALID_ADDRESS (UINT64_C(1) << 1)
#define MEMORY_VALID_TYPE    (UINT64_C(1) << 14)

/* Arm processor section and the error information in it, UEFI 2.10 N.2.4.4 and N.2.4.4.1. */
#define ARM_VALID_MPIDR        0x1u
#define ARM_INFO_VALID_FLAGS   0x2u
#define ARM_INFO_VALID_ADDRESS 0x10u
#define ARM_INFO_ONLY_ERROR    0x3u /* the first that was captured, and the last */

static const char *const severities[] = {
	[CPER_RECOVERABLE] = "recoverable",
	[CPER_FATAL] = "fatal",
	[CPER_CORRECTED] = "corrected",
	[CPER_INFO] = "info",
};

const char *cper_severity_name(enum cper_severity severity)
{
	return (unsigned)severity < ARRAY_SIZE(severities) ? severities[severity] : NULL;
}

/* ---- writing ---- */

void cper_begin(struct cper_writer *w, void *block, size_t size, enum cper_severity severity,
		const struct cper_time *time)
{
	*w = (struct cper_writer){
		.out = bytes_in(block, size),
		.severity = severity,
		.time = time ? *time : (struct cper_time){ 0 },
	};
	bytes_zero(&w->out, CPER_STATUS_BYTES);
}

static uint8_t bcd(unsigned value)
{
	return (uint8_t)(value / 10 % 10 << 4 | value % 10);
}

static bool has_time(const struct cper_time *time)
{
	return time->year || time->month || time->day || time->hour || time->minute || time->second;
}

/* A decimal digit in each half byte. Not marked precise: the record may have been written later than the
 * error happened. */
static void add_time(struct bytes *out, const struct cper_time *time)
{
	bytes_u8(out, bcd(time->second));
	bytes_u8(out, bcd(time->minute));
	bytes_u8(out, bcd(time->hour));
	bytes_u8(out, 0);
	bytes_u8(out, bcd(time->day));
	bytes_u8(out, bcd(time->month));
	bytes_u8(out, bcd(time->year % 100u));
	bytes_u8(out, bcd(time->year / 100u));
}

/* The id is there so that two records are never the same: Linux drops a record that equals one of the last
 * ten seconds. */
static void add_fru_text(struct bytes *out, uint32_t id)
{
	char text[CPER_FRU_TEXT_BYTES + 1] = "";

	if (id)
		snprintf(text, sizeof(text), "rasvm id %" PRIu32, id);
	bytes_text(out, text, CPER_FRU_TEXT_BYTES, 0);
}

/* The data entry in front of a section of n bytes. The GUID was written. */
static void add_entry(struct cper_writer *w, uint8_t flags, size_t n)
{
	unsigned valid = has_time(&w->time) ? CPER_VALID_TIME : 0;

	if (w->id)
		valid |= CPER_VALID_FRU_TEXT;
	if (w->sections == 0)
		flags |= CPER_FLAG_PRIMARY;
	bytes_u32(&w->out, (uint32_t)w->severity);
	bytes_u16(&w->out, CPER_REVISION);
	bytes_u8(&w->out, (uint8_t)valid);
	bytes_u8(&w->out, flags);
	bytes_u32(&w->out, (uint32_t)n);
	bytes_zero(&w->out, CPER_GUID_BYTES); /* FRU id */
	add_fru_text(&w->out, w->id);
	add_time(&w->out, &w->time);
	w->sections++;
}

void cper_add_memory(struct cper_writer *w, const struct cper_memory *memory)
{
	struct bytes *out = &w->out;

	bytes_guid(out, CPER_GUID_MEMORY);
	add_entry(w, memory->threshold ? CPER_FLAG_THRESHOLD : 0, CPER_MEMORY_BYTES);
	bytes_u64(out, MEMORY_VALID_ADDRESS | MEMORY_VALID_TYPE);
	bytes_u64(out, 0); /* error status */
	bytes_u64(out, memory->address);
	bytes_zero(out, 48); /* address mask; node to bit position; requestor, responder, target */
	bytes_u8(out, memory->type);
	bytes_zero(out, 7); /* extended; rank; handles of card and module */
}

static void add_arm_info(struct bytes *out, const struct cper_arm *arm)
{
	unsigned valid = ARM_INFO_VALID_FLAGS;

	if (arm->has_address)
		valid |= ARM_INFO_VALID_ADDRESS;
	bytes_u8(out, 0); /* version */
	bytes_u8(out, CPER_ARM_INFO_BYTES);
	bytes_u16(out, (uint16_t)valid);
	bytes_u8(out, arm->type);
	bytes_u16(out, 0); /* one error */
	bytes_u8(out, ARM_INFO_ONLY_ERROR);
	bytes_u64(out, 0); /* error information */
	bytes_u64(out, 0); /* virtual address */
	bytes_u64(out, arm->has_address ? arm->address : 0);
}

void cper_add_arm(struct cper_writer *w, const struct cper_arm *arm)
{
	struct bytes *out = &w->out;

	bytes_guid(out, CPER_GUID_ARM);
	add_entry(w, 0, CPER_ARM_BYTES + CPER_ARM_INFO_BYTES);
	bytes_u32(out, ARM_VALID_MPIDR);
	bytes_u16(out, 1); /* error informations */
	bytes_u16(out, 0); /* contexts */
	bytes_u32(out, CPER_ARM_BYTES + CPER_ARM_INFO_BYTES);
	bytes_zero(out, 4); /* affinity level */
	bytes_u64(out, arm->mpidr);
	bytes_u64(out, arm->midr);
	bytes_zero(out, 8); /* running state, PSCI state */
	add_arm_info(out, arm);
}

void cper_add_raw(struct cper_writer *w, const uint8_t guid[16], const void *data, size_t n)
{
	if (n > w->out.size) {
		w->out.full = true;
		return;
	}
	bytes_copy(&w->out, guid, CPER_GUID_BYTES);
	add_entry(w, 0, n);
	bytes_copy(&w->out, data, n);
}

static uint32_t block_status(const struct cper_writer *w)
{
	bool corrected = w->severity == CPER_CORRECTED || w->severity == CPER_INFO;
	uint32_t status = corrected ? CPER_STATUS_CE : CPER_STATUS_UE;

	if (w->sections > 1)
		status |= corrected ? CPER_STATUS_MULTI_CE : CPER_STATUS_MULTI_UE;
	return status | w->sections << CPER_STATUS_COUNT_SHIFT;
}

int cper_end(struct cper_writer *w)
{
	if (w->out.full || w->sections > CPER_MAX_SECTIONS || w->out.used > INT_MAX)
		return -ENOSPC;
	if (w->sections == 0)
		return -EINVAL;
	bytes_set_u32(&w->out, CPER_STATUS_AT, block_status(w));
	bytes_set_u32(&w->out, CPER_DATA_BYTES_AT, (uint32_t)(w->out.used - CPER_STATUS_BYTES));
	bytes_set_u32(&w->out, CPER_SEVERITY_AT, (uint32_t)w->severity);
	return (int)w->out.used;
}

/* ---- checking ---- */

int cper_section_at(const uint8_t *record, size_t at, size_t end, struct cper_section *section,
		    struct err *err)
{
	const uint8_t *entry = record + at;
	size_t left = end - at;
	uint32_t claimed;

	*section = (struct cper_section){ .entry = entry, .entry_bytes = CPER_OLD_ENTRY_BYTES };
	if (left >= CPER_OLD_ENTRY_BYTES &&
	    le16_at(entry + CPER_ENTRY_REVISION_AT) >= CPER_REVISION)
		section->entry_bytes = CPER_ENTRY_BYTES;
	if (left < section->entry_bytes)
		return err_set(err, -ENODATA,
			       "offset %zu: %zu bytes are left for a data entry, which has %zu", at,
			       left, section->entry_bytes);
	left -= section->entry_bytes;
	claimed = le32_at(entry + CPER_ENTRY_BODY_BYTES_AT);
	section->severity = le32_at(entry + CPER_ENTRY_SEVERITY_AT);
	section->body = entry + section->entry_bytes;
	section->body_bytes = claimed < left ? claimed : left;
	section->next = at + section->entry_bytes + section->body_bytes;
	if (claimed > left)
		return err_set(err, -EINVAL,
			       "offset %zu: the section's length is %" PRIu32
			       ", but %zu bytes are left",
			       at + CPER_ENTRY_BODY_BYTES_AT, claimed, left);
	return 0;
}

static int check_severity(size_t at, uint32_t severity, struct err *err)
{
	if (severity < ARRAY_SIZE(severities))
		return 0;
	return err_set(err, -EINVAL,
		       "offset %zu: the severity is %" PRIu32 ", which must be 0 to 3", at,
		       severity);
}

static int check_status(const uint8_t *record, size_t n, struct err *err)
{
	uint32_t data_bytes;

	if (n < CPER_STATUS_BYTES)
		return err_set(err, -EINVAL,
			       "offset 0: %zu bytes are there, the status block alone has %d", n,
			       CPER_STATUS_BYTES);
	data_bytes = le32_at(record + CPER_DATA_BYTES_AT);
	if (le32_at(record + CPER_STATUS_AT) == 0)
		return err_set(
			err, -EINVAL,
			"offset 0: the block status is 0, which says that there is no error");
	if (data_bytes == 0)
		return err_set(err, -EINVAL,
			       "offset %d: the data length is 0, a record has at least one section",
			       CPER_DATA_BYTES_AT);
	if (data_bytes > n - CPER_STATUS_BYTES)
		return err_set(err, -EINVAL,
			       "offset %d: the data length is %" PRIu32
			       ", but %zu bytes follow the status block",
			       CPER_DATA_BYTES_AT, data_bytes, n - CPER_STATUS_BYTES);
	return check_severity(CPER_SEVERITY_AT, le32_at(record + CPER_SEVERITY_AT), err);
}

/* The number of bytes of the record with what is behind its entries, which end at `end`. */
static int check_raw_data(const uint8_t *record, size_t n, size_t end, struct err *err)
{
	uint64_t offset = le32_at(record + CPER_RAW_OFFSET_AT);
	uint64_t bytes = le32_at(record + CPER_RAW_BYTES_AT);

	if (bytes == 0)
		return (int)end;
	if (offset < end)
		return err_set(err, -EINVAL,
			       "offset %d: the raw data is at %" PRIu64
			       ", but the sections end at %zu",
			       CPER_RAW_OFFSET_AT, offset, end);
	if (offset + bytes > n)
		return err_set(err, -EINVAL,
			       "offset %d: the raw data ends at %" PRIu64
			       ", but %zu bytes are there",
			       CPER_RAW_BYTES_AT, offset + bytes, n);
	return (int)(offset + bytes);
}

int cper_check(const void *record, size_t n, struct err *err)
{
	const uint8_t *bytes = record;
	struct cper_section section;
	size_t at = CPER_STATUS_BYTES, end;
	int rc;

	if (n > INT_MAX)
		n = INT_MAX;
	rc = check_status(bytes, n, err);
	if (rc)
		return rc;
	end = CPER_STATUS_BYTES + le32_at(bytes + CPER_DATA_BYTES_AT);
	while (at < end) {
		if (cper_section_at(bytes, at, end, &section, err) ||
		    check_severity(at + CPER_ENTRY_SEVERITY_AT, section.severity, err))
			return -EINVAL;
		at = section.next;
	}
	return check_raw_data(bytes, n, end, err);
}
