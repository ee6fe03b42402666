/*
 * Writing little-endian tables and records byte by byte, and reading such bytes back. A writer that
 * runs out of room remembers it and writes nothing more, so it is checked once at the end. Pure.
 */
#ifndef LIB_BYTES_H
#define LIB_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bytes {
	uint8_t *data;
	size_t size; /* room */
	size_t used;
	bool full; /* something did not fit */
};

static inline struct bytes bytes_in(void *data, size_t size)
{
	return (struct bytes){ .data = (uint8_t *)data, .size = size };
}

void bytes_u8(struct bytes *b, uint8_t v);
void bytes_u16(struct bytes *b, uint16_t v);
void bytes_u32(struct bytes *b, uint32_t v);
void bytes_u64(struct bytes *b, uint64_t v);
void bytes_copy(struct bytes *b, const void *data, size_t n);
void bytes_zero(struct bytes *b, size_t n);
/* Exactly `n` bytes: the text, cut or filled up with `fill`. */
void bytes_text(struct bytes *b, const char *text, size_t n, char fill);

/* Overwrite what was written at `at`; nothing happens if it was not. */
void bytes_set_u8(struct bytes *b, size_t at, uint8_t v);
void bytes_set_u16(struct bytes *b, size_t at, uint16_t v);
void bytes_set_u32(struct bytes *b, size_t at, uint32_t v);
void bytes_set_u64(struct bytes *b, size_t at, uint64_t v);

/* An ACPI table's header, 36 bytes (ACPI 6.5 5.2.6); returns where it begins, for acpi_end(), which
 * fills in length and checksum. `signature` has 4 characters. */
size_t acpi_begin(struct bytes *b, const char *signature, uint8_t revision);
void acpi_end(struct bytes *b, size_t begin);

/* A Generic Address Structure, 12 bytes (ACPI 6.5 5.2.3.2), in system memory. `width` is 8, 16, 32 or
 * 64 bits. */
void acpi_gas(struct bytes *b, uint8_t width, uint64_t address);

/* The byte that makes the sum of data[0..n) 0 together with it. */
uint8_t acpi_checksum(const void *data, size_t n);

/* 16 bytes of a GUID in the byte order of EFI and ACPI, from its text
 * "a5bc1114-6f64-4ede-b863-3e83ed7c83b1". */
void bytes_guid(struct bytes *b, const char *text);

uint16_t le16_at(const void *p);
uint32_t le32_at(const void *p);
uint64_t le64_at(const void *p);

#endif
