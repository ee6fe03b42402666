/*
 * Little-endian tables and records, byte by byte, with the three pieces every ACPI table is made of: the
 * header, the checksum and the Generic Address Structure.
 *
 * Source: ACPI 6.5 5.2.6 (header), 5.2.3.2 (GAS); UEFI 2.10 appendix A (GUID). The caller owns buffer and
 * state. A table's creator fields are rasvm's; there is no OEM revision to tell apart.
 */
#include <string.h>

#include "lib/bytes.h"

#define HEADER_LENGTH_AT   4
#define HEADER_CHECKSUM_AT 9
#define GAS_SYSTEM_MEMORY  0
#define GUID_BYTES         16

/* Room for n more bytes, or NULL. The first that does not fit ends the writing: a later, smaller one would
 * lie at the wrong place. */
static uint8_t *room(struct bytes *b, size_t n)
{
	uint8_t *at = b->data + b->used;

	if (b->full || n > b->size - b->used) {
		b->full = true;
		return NULL;
	}
	b->used += n;
	return at;
}

static void store(uint8_t *at, uint64_t v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		at[i] = (uint8_t)(v >> (8 * i));
}

static uint64_t load(const uint8_t *at, size_t n)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++)
		v |= (uint64_t)at[i] << (8 * i);
	return v;
}

static void append(struct bytes *b, uint64_t v, size_t n)
{
	uint8_t *at = room(b, n);

	if (at)
		store(at, v, n);
}

static void overwrite(struct bytes *b, size_t at, uint64_t v, size_t n)
{
	if (at <= b->used && n <= b->used - at)
		store(b->data + at, v, n);
}

void bytes_u8(struct bytes *b, uint8_t v)
{
	append(b, v, 1);
}

void bytes_u16(struct bytes *b, uint16_t v)
{
	append(b, v, 2);
}

void bytes_u32(struct bytes *b, uint32_t v)
{
	append(b, v, 4);
}

void bytes_u64(struct bytes *b, uint64_t v)
{
	append(b, v, 8);
}

void bytes_copy(struct bytes *b, const void *data, size_t n)
{
	uint8_t *at = room(b, n);

	if (at && n)
		memcpy(at, data, n);
}

void bytes_zero(struct bytes *b, size_t n)
{
	uint8_t *at = room(b, n);

	if (at && n)
		memset(at, 0, n);
}

void bytes_text(struct bytes *b, const char *text, size_t n, char fill)
{
	size_t length = strnlen(text, n);
	uint8_t *at = room(b, n);

	if (!at || !n)
		return;
	memset(at, fill, n);
	memcpy(at, text, length);
}

void bytes_set_u8(struct bytes *b, size_t at, uint8_t v)
{
	overwrite(b, at, v, 1);
}

void bytes_set_u16(struct bytes *b, size_t at, uint16_t v)
{
	overwrite(b, at, v, 2);
}

void bytes_set_u32(struct bytes *b, size_t at, uint32_t v)
{
	overwrite(b, at, v, 4);
}

void bytes_set_u64(struct bytes *b, size_t at, uint64_t v)
{
	overwrite(b, at, v, 8);
}

size_t acpi_begin(struct bytes *b, const char *signature, uint8_t revision)
{
	size_t begin = b->used;

	bytes_text(b, signature, 4, ' ');
	bytes_u32(b, 0); /* length */
	bytes_u8(b, revision);
	bytes_u8(b, 0); /* checksum */
	bytes_text(b, "RASVM", 6, ' ');
	bytes_text(b, "RASVM", 8, ' ');
	bytes_u32(b, 1); /* OEM revision */
	bytes_text(b, "RSVM", 4, ' ');
	bytes_u32(b, 1); /* creator revision */
	return begin;
}

void acpi_end(struct bytes *b, size_t begin)
{
	if (b->full || begin > b->used)
		return;
	bytes_set_u32(b, begin + HEADER_LENGTH_AT, (uint32_t)(b->used - begin));
	bytes_set_u8(b, begin + HEADER_CHECKSUM_AT, 0);
	bytes_set_u8(b, begin + HEADER_CHECKSUM_AT,
		     acpi_checksum(b->data + begin, b->used - begin));
}

/* The access size has a code of its own: 1 for a byte, then 2, 3, 4 for 16, 32, 64 bits. */
void acpi_gas(struct bytes *b, uint8_t width, uint64_t address)
{
	uint8_t access = 1;

	while (access < 4 && 8 << (access - 1) < width)
		access++;
	bytes_u8(b, GAS_SYSTEM_MEMORY);
	bytes_u8(b, width);
	bytes_u8(b, 0); /* bit offset */
	bytes_u8(b, access);
	bytes_u64(b, address);
}

uint8_t acpi_checksum(const void *data, size_t n)
{
	const uint8_t *p = data;
	uint8_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum = (uint8_t)(sum + p[i]);
	return (uint8_t)(0 - sum);
}

static unsigned hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	return ((unsigned)c | 0x20u) - 'a' + 10;
}

/* The text has the most significant digit first; its first three groups are little-endian numbers in
 * memory, the rest are bytes as they stand. */
void bytes_guid(struct bytes *b, const char *text)
{
	static const uint8_t place[GUID_BYTES] = { 3, 2, 1,  0,  5,  4,  7,  6,
						   8, 9, 10, 11, 12, 13, 14, 15 };
	uint8_t guid[GUID_BYTES] = { 0 };

	for (unsigned i = 0; i < GUID_BYTES; i++) {
		text += *text == '-';
		if (!text[0] || !text[1])
			break;
		guid[place[i]] = (uint8_t)(hex_digit(text[0]) << 4 | hex_digit(text[1]));
		text += 2;
	}
	bytes_copy(b, guid, sizeof(guid));
}

uint16_t le16_at(const void *p)
{
	return (uint16_t)load(p, 2);
}

uint32_t le32_at(const void *p)
{
	return (uint32_t)load(p, 4);
}

uint64_t le64_at(const void *p)
{
	return load(p, 8);
}
