/* Values, fields and bytes of a record as text, and the sections that are made of them: between
 * cper_print.c, cper_text.c and cper_sections.c. Each writes to `out`, indented by `indent` blanks. */
#ifndef RAS_CPER_TEXT_H
#define RAS_CPER_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define CPER_GUID_TEXT_BYTES 37

/* The name of a value is at its index. */
struct cper_names {
	const char *const *name;
	unsigned n;
};

/* A field of a section: shown if one of the bits of `valid` is set, or always if that is 0. With `value`
 * names, the number's name follows; with `bit` names, those of its bits. */
struct cper_field {
	const char *name;
	uint64_t valid;
	uint8_t at, bytes;
	bool hex;
	struct cper_names value, bit;
};

#define CPER_NAMES(array)                                                                          \
	{                                                                                          \
		(array), sizeof(array) / sizeof((array)[0])                                        \
	}

/* "unknown" if it has none. */
const char *cper_name_of(struct cper_names names, uint64_t value);

/* " (a, b)": the names of the bits that are set; nothing if none has one. */
void cper_print_bits(FILE *out, struct cper_names names, uint64_t value);

/* Those fields of data[0..n) that `valid` has, a line each. */
void cper_print_fields(FILE *out, int indent, const struct cper_field *fields, unsigned nfields,
		       const uint8_t *data, size_t n, uint64_t valid);

/* In hexadecimal, a line for 16 bytes; of long data the beginning. */
void cper_print_dump(FILE *out, int indent, const uint8_t *data, size_t n);

/* A line: up to the first 0, in quotes; whatever could disturb a terminal as \xNN. */
void cper_print_quoted(FILE *out, const uint8_t *text, size_t n);

/* Of 16 bytes. */
void cper_guid_text(const uint8_t *guid, char text[CPER_GUID_TEXT_BYTES]);

/* Sections, indented by 4. */
void cper_print_memory(FILE *out, const uint8_t *body, size_t n);
void cper_print_arm(FILE *out, const uint8_t *body, size_t n);

#endif
