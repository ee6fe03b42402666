/* Where things lie in a record, and taking one apart: between cper.c and cper_print.c. */
#ifndef RAS_CPER_PRIVATE_H
#define RAS_CPER_PRIVATE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

/* Generic error status block, ACPI 6.5 18.3.2.7.1. */
#define CPER_STATUS_AT     0
#define CPER_RAW_OFFSET_AT 4
#define CPER_RAW_BYTES_AT  8
#define CPER_DATA_BYTES_AT 12
#define CPER_SEVERITY_AT   16

#define CPER_STATUS_UE          0x1u
#define CPER_STATUS_CE          0x2u
#define CPER_STATUS_MULTI_UE    0x4u
#define CPER_STATUS_MULTI_CE    0x8u
#define CPER_STATUS_COUNT_SHIFT 4 /* of entries, 10 bits */
#define CPER_STATUS_COUNT_MASK  0x3ffu

/* Generic error data entry, same place. Before revision 3 it ends in front of the timestamp. */
#define CPER_ENTRY_GUID_AT       0
#define CPER_ENTRY_SEVERITY_AT   16
#define CPER_ENTRY_REVISION_AT   20
#define CPER_ENTRY_VALID_AT      22
#define CPER_ENTRY_FLAGS_AT      23
#define CPER_ENTRY_BODY_BYTES_AT 24
#define CPER_ENTRY_FRU_ID_AT     28
#define CPER_ENTRY_FRU_TEXT_AT   44
#define CPER_ENTRY_TIME_AT       64
#define CPER_OLD_ENTRY_BYTES     64
#define CPER_REVISION            0x300

#define CPER_GUID_BYTES     16
#define CPER_FRU_TEXT_BYTES 20

#define CPER_VALID_FRU_ID   0x1u
#define CPER_VALID_FRU_TEXT 0x2u
#define CPER_VALID_TIME     0x4u

/* UEFI 2.10 N.2.4.4, Arm processor section: its head, then error informations, then contexts. */
#define CPER_ARM_BYTES      40
#define CPER_ARM_INFO_BYTES 32

#define CPER_GUID_MEMORY "a5bc1114-6f64-4ede-b863-3e83ed7c83b1"
#define CPER_GUID_ARM    "e19e3d16-bc11-11e4-9caa-c2051d5d46b0"

/* A data entry and its section, inside the record. */
struct cper_section {
	const uint8_t *entry;
	size_t entry_bytes; /* CPER_ENTRY_BYTES or CPER_OLD_ENTRY_BYTES */
	const uint8_t *body;
	size_t body_bytes; /* that are there; what the entry claims if 0 was returned */
	uint32_t severity;
	size_t next; /* offset behind it */
};

/* The entry at offset `at` of a record whose entries end at offset `end`. 0; -EINVAL with `err`: the
 * section is cut off, `section` has what is there; -ENODATA with `err`: so is the entry itself. */
int cper_section_at(const uint8_t *record, size_t at, size_t end, struct cper_section *section,
		    struct err *err) __attribute__((warn_unused_result));

#endif
