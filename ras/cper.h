/*
 * Common platform error records as a GHES hands them over: a generic error status block with data
 * entries, and the memory and Arm processor sections. Writing, checking, and text for people. Pure.
 *
 * Source: ACPI 6.5 18.3.2.7.1 (status block, data entry), UEFI 2.10 N.2.4.4 (Arm processor), N.2.5
 * (memory).
 */
#ifndef RAS_CPER_H
#define RAS_CPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/bytes.h"
#include "lib/err.h"

#define CPER_STATUS_BYTES 20
#define CPER_ENTRY_BYTES  72
#define CPER_MEMORY_BYTES 80
#define CPER_BLOCK_BYTES  4096 /* a block in guest RAM: the largest record */
#define CPER_MAX_SECTIONS 16   /* Linux queues that many pages of a record */

/* As the status block and each entry have it. */
enum cper_severity { CPER_RECOVERABLE, CPER_FATAL, CPER_CORRECTED, CPER_INFO };
const char *cper_severity_name(enum cper_severity severity); /* NULL: no such */

#define CPER_FLAG_PRIMARY   0x01
#define CPER_FLAG_THRESHOLD 0x08

/* A time of day for a record, UTC; all 0: no timestamp. */
struct cper_time {
	uint16_t year;
	uint8_t month, day, hour, minute, second;
};

struct cper_memory {
	uint64_t address; /* GPA of the page */
	uint8_t type;     /* memory error type: 2 single-bit, 3 multi-bit, 14 scrub uncorrected */
	bool threshold;
};

struct cper_arm {
	uint64_t mpidr, midr;
	uint8_t type; /* bit 1 cache, 2 TLB, 3 bus, 4 micro-architectural */
	bool has_address;
	uint64_t address; /* physical */
};

/* A record being written. cper_begin(), sections, cper_end(). The first section is marked primary. */
struct cper_writer {
	struct bytes out;
	enum cper_severity severity;
	struct cper_time time;
	/* Of the error that the next section tells of: in its FRU text, where it also makes the record
	 * unlike others; 0: no text. The caller's to set after cper_begin(). */
	uint32_t id;
	unsigned sections;
};

/* `block` stays the caller's; `time` is copied, NULL is none. */
void cper_begin(struct cper_writer *w, void *block, size_t size, enum cper_severity severity,
		const struct cper_time *time);
void cper_add_memory(struct cper_writer *w, const struct cper_memory *memory);
void cper_add_arm(struct cper_writer *w, const struct cper_arm *arm);
/* A section of the caller's, under any GUID (16 bytes, as in a record). */
void cper_add_raw(struct cper_writer *w, const uint8_t guid[16], const void *data, size_t n);
/* Fill in the status block. Length of the record in bytes; -ENOSPC: it did not fit, or has more than
 * CPER_MAX_SECTIONS; -EINVAL: no section. */
int cper_end(struct cper_writer *w) __attribute__((warn_unused_result));

/* Is this a record a guest would accept: lengths that tile exactly, known severities. What is in the
 * sections is not looked at. The number of bytes it uses, with raw data behind the sections, or -EINVAL
 * with `err` a sentence naming offset, what was found and what is expected. */
int cper_check(const void *record, size_t n, struct err *err) __attribute__((warn_unused_result));

/* Text of a record, a line a field, indented by structure. Bytes are hostile: whatever is wrong is said
 * in the text and what can be read is shown. True if cper_check() would accept it. */
bool cper_print(const void *record, size_t n, FILE *out);

#endif
