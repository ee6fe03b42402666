/*
 * The ACPI tables about hardware errors: HEST, BERT, EINJ, SDEI. Written for a region at a GPA
 * (layout.h). Pure.
 *
 * Source: ACPI 6.5 18.3.2 (HEST), 18.3.1 (BERT), 18.6 (EINJ); Arm DEN0054C annex (SDEI table).
 */
#ifndef RAS_HEST_H
#define RAS_HEST_H

#include "lib/bytes.h"
#include "ras/layout.h"

struct hest_params {
	gpa_t region;
	bool sdei;        /* the SDEI sources exist */
	uint32_t ged_gsi; /* interrupt of the GED source; 0: no such source */
	gpa_t einj;       /* MMIO block of the injection device, ras/einj.h */
};

/* Each appends one table to `out`; whether it fitted is in out->full. */
void hest_write(struct bytes *out, const struct hest_params *p);
void bert_write(struct bytes *out, const struct hest_params *p);
void einj_write(struct bytes *out, const struct hest_params *p);
void sdei_table_write(struct bytes *out);

/* What EINJ points to at RAS_EINJ_TRIGGER of the region, EINJ_TRIGGER_BYTES bytes: the trigger table, without
 * actions, because EXECUTE has done everything; and behind it the cell of 8 bytes from which the guest
 * reads the table's GPA. To be written at start and reset; rasvm never reads it back. */
#define EINJ_TRIGGER_BYTES 24
void einj_trigger_write(struct bytes *out, gpa_t region);

#endif
