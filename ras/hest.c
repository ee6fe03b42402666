/*
 * HEST: the generic hardware error sources of ras/layout.h. BERT: where errors from before a reset are.
 * The SDEI table: only its presence says something.
 *
 * Source: ACPI 6.5 18.3.2.8 (GHES version 2), table 18.14 (notification structure), 18.3.1 (BERT); Arm
 * DEN0054C, "SDEI and ACPI".
 *
 * The GED source has notification type 10 (GSIV), whose vector is an interrupt number, as the GED's is.
 * Type 7 (GPIO) would name a pin that this machine lacks. Either way the guest looks at such sources
 * when the error device PNP0C33 is notified.
 *
 * Left out: thresholds and switching to polling; sources that the guest drives itself.
 */
#include "ras/hest.h"

#define GHES_V2         10
#define GHES_NO_RELATED 0xffff
#define ACK_PRESERVE    (~UINT64_C(1)) /* the guest acknowledges by setting bit 0 */
#define ACK_WRITE       UINT64_C(1)
#define NOTIFY_BYTES    28

enum notify_type {
	NOTIFY_POLLED = 0,
	NOTIFY_SEA = 8,
	NOTIFY_GSIV = 10,
	NOTIFY_SDEI = 11,
};

struct source {
	enum ghes_id id;
	enum notify_type type;
	uint32_t poll_ms;
	uint32_t vector; /* interrupt or event number */
	bool present;
};

static void notification(struct bytes *b, const struct source *s)
{
	bytes_u8(b, (uint8_t)s->type);
	bytes_u8(b, NOTIFY_BYTES);
	bytes_u16(b, 0); /* nothing the guest may configure */
	bytes_u32(b, s->poll_ms);
	bytes_u32(b, s->vector);
	bytes_zero(b, 16); /* thresholds and their windows */
}

static void ghes_v2(struct bytes *b, const struct source *s, uint64_t region)
{
	bytes_u16(b, GHES_V2);
	bytes_u16(b, (uint16_t)s->id);
	bytes_u16(b, GHES_NO_RELATED);
	bytes_u8(b, 0);  /* flags */
	bytes_u8(b, 1);  /* enabled */
	bytes_u32(b, 1); /* records to allocate in advance */
	bytes_u32(b, CPER_MAX_SECTIONS);
	bytes_u32(b, CPER_BLOCK_BYTES); /* most raw data */
	acpi_gas(b, 64, region + RAS_CELL(s->id));
	notification(b, s);
	bytes_u32(b, CPER_BLOCK_BYTES); /* of the error status block */
	acpi_gas(b, 64, region + RAS_ACK(s->id));
	bytes_u64(b, ACK_PRESERVE);
	bytes_u64(b, ACK_WRITE);
}

void hest_write(struct bytes *out, const struct hest_params *p)
{
	const struct source sources[] = {
		{ GHES_SEA, NOTIFY_SEA, 0, 0, true },
		{ GHES_SDEI_NORMAL, NOTIFY_SDEI, 0, RAS_EVENT_NORMAL, p->sdei },
		{ GHES_SDEI_CRITICAL, NOTIFY_SDEI, 0, RAS_EVENT_CRITICAL, p->sdei },
		{ GHES_GED, NOTIFY_GSIV, 0, p->ged_gsi, p->ged_gsi != 0 },
		{ GHES_POLLED, NOTIFY_POLLED, RAS_POLL_MS, 0, true },
	};
	size_t begin = acpi_begin(out, "HEST", 1);
	size_t count_at = out->used;
	uint32_t count = 0;

	bytes_u32(out, 0);
	for (unsigned i = 0; i < ARRAY_SIZE(sources); i++) {
		if (!sources[i].present)
			continue;
		ghes_v2(out, &sources[i], p->region.v);
		count++;
	}
	bytes_set_u32(out, count_at, count);
	acpi_end(out, begin);
}

void bert_write(struct bytes *out, const struct hest_params *p)
{
	size_t begin = acpi_begin(out, "BERT", 1);

	bytes_u32(out, CPER_BLOCK_BYTES);
	bytes_u64(out, p->region.v + RAS_BERT);
	acpi_end(out, begin);
}

void sdei_table_write(struct bytes *out)
{
	acpi_end(out, acpi_begin(out, "SDEI", 1));
}
