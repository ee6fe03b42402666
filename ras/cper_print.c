/*
 * Text of a record for people: ACPI 6.5 18.3.2.7.1. Sections that rasvm writes itself are in
 * cper_sections.c; others have a name if they are common, and are dumped.
 *
 * Bytes may come from anywhere: no length is believed before it was compared with what is there. Holds
 * no state. Left out: the fields of PCIe and x86 sections.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/types.h"
#include "ras/cper.h"
#include "ras/cper_private.h"
#include "ras/cper_text.h"

/* ---- data entries ---- */

static const struct kind {
	const char *guid;
	const char *name;
	void (*print)(FILE *out, const uint8_t *body, size_t n); /* NULL: dumped */
} kinds[] = {
	/* clang-format off */
	{ CPER_GUID_MEMORY,                       "memory",                          cper_print_memory },
	{ CPER_GUID_ARM,                          "Arm processor",                   cper_print_arm    },
	{ "61ec04fc-48e6-d813-25c9-8daa44750b12", "memory 2",                        NULL         },
	{ "9876ccad-47b4-4bdb-b65e-16f193c4f3db", "generic processor",               NULL         },
	{ "dc3ea0b0-a144-4797-b95b-53fa242b6e1d", "x86 processor",                   NULL         },
	{ "d995e954-bbc1-430f-ad91-b44dcb3c6f35", "PCIe",                            NULL         },
	{ "81212a96-09ed-4996-9471-8d729c8e69ed", "firmware error record reference", NULL         },
	/* clang-format on */
};

static const struct kind *find_kind(const char *guid)
{
	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strcmp(kinds[i].guid, guid) == 0)
			return &kinds[i];
	return NULL;
}

static void print_severity(FILE *out, int indent, uint32_t severity)
{
	const char *name =
		severity <= CPER_INFO ? cper_severity_name((enum cper_severity)severity) : NULL;

	fprintf(out, "%*sseverity: %" PRIu32 " (%s)\n", indent, "", severity,
		name ? name : "unknown");
}

/* Two digits a byte, so that their hexadecimal text is the number; wrong digits show as letters. */
static void print_time(FILE *out, const uint8_t *time)
{
	fprintf(out, "    time: %02x%02x-%02x-%02x %02x:%02x:%02x%s\n", time[7], time[6], time[5],
		time[4], time[2], time[1], time[0], time[3] & 1 ? ", precise" : "");
}

static void print_identity(FILE *out, const struct cper_section *section)
{
	unsigned valid = section->entry[CPER_ENTRY_VALID_AT];
	char guid[CPER_GUID_TEXT_BYTES];

	if (valid & CPER_VALID_FRU_ID) {
		cper_guid_text(section->entry + CPER_ENTRY_FRU_ID_AT, guid);
		fprintf(out, "    FRU id: %s\n", guid);
	}
	if (valid & CPER_VALID_FRU_TEXT) {
		fputs("    FRU text: ", out);
		cper_print_quoted(out, section->entry + CPER_ENTRY_FRU_TEXT_AT,
				  CPER_FRU_TEXT_BYTES);
	}
	if (!(valid & CPER_VALID_TIME))
		return;
	if (section->entry_bytes == CPER_ENTRY_BYTES)
		print_time(out, section->entry + CPER_ENTRY_TIME_AT);
	else
		fputs("    wrong: a time is said to be valid, which this revision has not\n", out);
}

static void print_entry(FILE *out, const struct cper_section *section)
{
	static const char *const flag_names[] = { "primary",        "containment warning",
						  "reset",          "threshold exceeded",
						  "not accessible", "latent" };
	static const struct cper_names flags = CPER_NAMES(flag_names);
	unsigned revision = le16_at(section->entry + CPER_ENTRY_REVISION_AT);

	print_severity(out, 4, section->severity);
	fprintf(out, "    revision: %u.%u\n", revision >> 8, revision & 0xffu);
	fprintf(out, "    flags: 0x%02x", section->entry[CPER_ENTRY_FLAGS_AT]);
	cper_print_bits(out, flags, section->entry[CPER_ENTRY_FLAGS_AT]);
	fputc('\n', out);
	print_identity(out, section);
}

static void print_section(FILE *out, unsigned number, size_t at, const struct cper_section *section)
{
	const struct kind *kind;
	char guid[CPER_GUID_TEXT_BYTES];

	cper_guid_text(section->entry + CPER_ENTRY_GUID_AT, guid);
	kind = find_kind(guid);
	fprintf(out, "  section %u at offset %zu: %s, %zu bytes\n", number, at,
		kind ? kind->name : "of an unknown kind", section->body_bytes);
	fprintf(out, "    GUID: %s\n", guid);
	print_entry(out, section);
	if (kind && kind->print)
		kind->print(out, section->body, section->body_bytes);
	else
		cper_print_dump(out, 4, section->body, section->body_bytes);
}

/* ---- the block ---- */

static void print_status(FILE *out, const uint8_t *record)
{
	static const char *const status_names[] = { "uncorrected", "corrected",
						    "several uncorrected", "several corrected" };
	static const struct cper_names names = CPER_NAMES(status_names);
	uint32_t status = le32_at(record + CPER_STATUS_AT);

	fprintf(out, "  block status: 0x%08" PRIx32, status);
	cper_print_bits(out, names, status);
	fprintf(out, "\n  entries: %" PRIu32 "\n",
		status >> CPER_STATUS_COUNT_SHIFT & CPER_STATUS_COUNT_MASK);
	print_severity(out, 2, le32_at(record + CPER_SEVERITY_AT));
	fprintf(out, "  data length: %" PRIu32 "\n", le32_at(record + CPER_DATA_BYTES_AT));
}

/* The sections that are there, whole or in part. Returns how many. */
static unsigned print_sections(FILE *out, const uint8_t *record, size_t n)
{
	uint32_t data_bytes = le32_at(record + CPER_DATA_BYTES_AT);
	size_t at = CPER_STATUS_BYTES, end = n;
	struct cper_section section;
	unsigned found = 0;
	int rc = 0;

	if (data_bytes < n - CPER_STATUS_BYTES)
		end = CPER_STATUS_BYTES + data_bytes;
	while (rc == 0 && at < end) {
		rc = cper_section_at(record, at, end, &section, NULL);
		if (rc == -ENODATA)
			break;
		print_section(out, ++found, at, &section);
		at = section.next;
	}
	return found;
}

static void print_raw_data(FILE *out, const uint8_t *record, size_t n)
{
	uint32_t at = le32_at(record + CPER_RAW_OFFSET_AT);
	uint32_t bytes = le32_at(record + CPER_RAW_BYTES_AT);

	if (bytes == 0)
		return;
	fprintf(out, "  raw data at offset %" PRIu32 ": %" PRIu32 " bytes\n", at, bytes);
	if (at < n)
		cper_print_dump(out, 4, record + at, bytes < n - at ? bytes : n - at);
}

static void print_block(FILE *out, const uint8_t *record, size_t n)
{
	uint32_t claimed = le32_at(record + CPER_STATUS_AT) >> CPER_STATUS_COUNT_SHIFT &
			   CPER_STATUS_COUNT_MASK;
	unsigned found;

	print_status(out, record);
	found = print_sections(out, record, n);
	if (found != claimed)
		fprintf(out, "  wrong: %" PRIu32 " entries are announced, %u are there\n", claimed,
			found);
	print_raw_data(out, record, n);
}

bool cper_print(const void *record, size_t n, FILE *out)
{
	struct err err = { "" };
	int rc = cper_check(record, n, &err);

	fputs("generic error status block\n", out);
	if (n >= CPER_STATUS_BYTES)
		print_block(out, record, n);
	if (rc < 0)
		fprintf(out, "  not a valid record: %s\n", err.text);
	return rc > 0;
}
