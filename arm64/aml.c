/*
 * The AML encoder: opcodes, names, constants, package lengths, resource descriptors.
 *
 * Source: ACPI 6.5 20.2 (grammar and opcodes), 20.2.4 (package length), 6.4.2.9, 6.4.3.4 to 6.4.3.6,
 * 6.4.3.8.1 (resource descriptors), 19.6.37 (EISAID).
 *
 * The caller owns the state. A package length always has the form with two bytes after the first, so
 * that it can be filled in later; what it counts is below 1 MiB.
 */
#include "arm64/aml.h"

#include <string.h>

#include "lib/types.h"

enum {
	AML_ZERO = 0x00,
	AML_ONE = 0x01,
	AML_NAME = 0x08,
	AML_BYTE = 0x0a,
	AML_WORD = 0x0b,
	AML_DWORD = 0x0c,
	AML_STRING = 0x0d,
	AML_QWORD = 0x0e,
	AML_SCOPE = 0x10,
	AML_BUFFER = 0x11,
	AML_PACKAGE = 0x12,
	AML_METHOD = 0x14,
	AML_DUAL_NAME = 0x2e,
	AML_MULTI_NAME = 0x2f,
	AML_EXT = 0x5b,
	AML_ARG0 = 0x68,
	AML_AND = 0x7b,
	AML_OR = 0x7d,
	AML_EXT_DEVICE = 0x82,
	AML_NOTIFY = 0x86,
	AML_CREATE_DWORD_FIELD = 0x8a,
	AML_LEQUAL = 0x93,
	AML_IF = 0xa0,
	AML_RETURN = 0xa4,
};

#define PKG_BYTES      3
#define PKG_TWO_MORE   (2u << 6)
#define PKG_LIMIT      (1u << 20)
#define SEGMENT_CHARS  4
#define METHOD_SERIAL  (1u << 3)
#define CRS_SIZE_BYTES 3 /* WordConst */

#define CRS_MEMORY32_FIXED  0x86
#define CRS_ADDRESS32       0x87
#define CRS_ADDRESS16       0x88
#define CRS_INTERRUPT       0x89
#define CRS_ADDRESS64       0x8a
#define CRS_GPIO            0x8c
#define CRS_END_TAG         0x79
#define CRS_WRITABLE        0x01
#define CRS_CONSUMER        0x01
#define CRS_EDGE            0x02
#define CRS_GPIO_HEAD_BYTES 23
#define CRS_GPIO_INTERRUPT  0 /* type of connection */
#define CRS_GPIO_EDGE       (1u << 0)
#define CRS_GPIO_WAKE       (1u << 4)
#define CRS_GPIO_NO_PULL    3
#define CRS_MEMORY          0 /* types of an address space descriptor */
#define CRS_BUSES           2
#define CRS_FIXED           0x0c /* both ends */
#define CRS_PREFETCHABLE    0x06

struct aml aml_in(struct bytes *out)
{
	return (struct aml){ .out = out };
}

/* Packages */

static void open_package(struct aml *a)
{
	if (a->depth == AML_MAX_DEPTH) {
		a->broken = true;
		return;
	}
	a->open[a->depth++] = a->out->used;
	bytes_zero(a->out, PKG_BYTES);
}

/* The low 4 bits of the length are in the first byte (20.2.4). */
void aml_close(struct aml *a)
{
	size_t at, length;

	if (!a->depth) {
		a->broken = true;
		return;
	}
	at = a->open[--a->depth];
	length = a->out->used - at;
	if (length >= PKG_LIMIT)
		a->broken = true;
	bytes_set_u8(a->out, at, (uint8_t)(PKG_TWO_MORE | (length & 0xf)));
	bytes_set_u16(a->out, at + 1, (uint16_t)(length >> 4));
}

/* Names */

static bool is_name_char(char c, bool first)
{
	return c == '_' || (c >= 'A' && c <= 'Z') || (!first && c >= '0' && c <= '9');
}

static unsigned count_segments(const char *path)
{
	unsigned n = *path != '\0';

	for (; *path; path++)
		n += *path == '.';
	return n;
}

/* One segment, filled up with '_'. Returns what follows it. */
static const char *segment(struct aml *a, const char *text)
{
	size_t n = strcspn(text, ".");

	if (!n || n > SEGMENT_CHARS)
		a->broken = true;
	for (size_t i = 0; i < n; i++)
		a->broken |= !is_name_char(text[i], i == 0);
	bytes_text(a->out, text, n < SEGMENT_CHARS ? n : SEGMENT_CHARS, '_');
	for (size_t i = n; i < SEGMENT_CHARS; i++)
		bytes_u8(a->out, '_');
	return text[n] ? text + n + 1 : text + n;
}

static void path_name(struct aml *a, const char *path)
{
	unsigned n;

	if (*path == '\\')
		bytes_u8(a->out, (uint8_t)*path++);
	n = count_segments(path);
	if (n == 0)
		bytes_u8(a->out, 0);
	if (n == 2)
		bytes_u8(a->out, AML_DUAL_NAME);
	if (n > 2) {
		bytes_u8(a->out, AML_MULTI_NAME);
		bytes_u8(a->out, (uint8_t)n);
	}
	for (unsigned i = 0; i < n; i++)
		path = segment(a, path);
}

/* Data */

static void integer(struct aml *a, uint64_t v)
{
	if (v <= 1) {
		bytes_u8(a->out, v ? AML_ONE : AML_ZERO);
	} else if (v <= UINT8_MAX) {
		bytes_u8(a->out, AML_BYTE);
		bytes_u8(a->out, (uint8_t)v);
	} else if (v <= UINT16_MAX) {
		bytes_u8(a->out, AML_WORD);
		bytes_u16(a->out, (uint16_t)v);
	} else if (v <= UINT32_MAX) {
		bytes_u8(a->out, AML_DWORD);
		bytes_u32(a->out, (uint32_t)v);
	} else {
		bytes_u8(a->out, AML_QWORD);
		bytes_u64(a->out, v);
	}
}

static void argument(struct aml *a, unsigned arg)
{
	bytes_u8(a->out, (uint8_t)(AML_ARG0 + arg));
}

static void name(struct aml *a, const char *path)
{
	bytes_u8(a->out, AML_NAME);
	path_name(a, path);
}

void aml_name_integer(struct aml *a, const char *path, uint64_t value)
{
	name(a, path);
	integer(a, value);
}

void aml_name_string(struct aml *a, const char *path, const char *text)
{
	name(a, path);
	bytes_u8(a->out, AML_STRING);
	bytes_copy(a->out, text, strlen(text) + 1);
}

static unsigned hex_digit(char c)
{
	return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'A') + 10;
}

/* Three letters of 5 bits each and four hexadecimal digits, most significant byte first. */
void aml_name_eisa(struct aml *a, const char *path, const char *id)
{
	uint32_t v = 0;

	if (strlen(id) != 7) {
		a->broken = true;
		return;
	}
	for (unsigned i = 0; i < 3; i++)
		v = v << 5 | ((unsigned)id[i] & 0x1f);
	for (unsigned i = 3; i < 7; i++)
		v = v << 4 | hex_digit(id[i]);
	name(a, path);
	bytes_u8(a->out, AML_DWORD);
	bytes_u32(a->out, __builtin_bswap32(v));
}

/* Objects */

void aml_scope(struct aml *a, const char *path)
{
	bytes_u8(a->out, AML_SCOPE);
	open_package(a);
	path_name(a, path);
}

void aml_device(struct aml *a, const char *path)
{
	bytes_u8(a->out, AML_EXT);
	bytes_u8(a->out, AML_EXT_DEVICE);
	open_package(a);
	path_name(a, path);
}

void aml_method(struct aml *a, const char *path, unsigned nargs, bool serialized)
{
	bytes_u8(a->out, AML_METHOD);
	open_package(a);
	path_name(a, path);
	bytes_u8(a->out, (uint8_t)(nargs | (serialized ? METHOD_SERIAL : 0)));
}

void aml_package(struct aml *a, unsigned n)
{
	bytes_u8(a->out, AML_PACKAGE);
	open_package(a);
	if (n > UINT8_MAX)
		a->broken = true;
	bytes_u8(a->out, (uint8_t)n);
}

void aml_name_package(struct aml *a, const char *path, unsigned n)
{
	name(a, path);
	aml_package(a, n);
}

void aml_integer(struct aml *a, uint64_t value)
{
	integer(a, value);
}

/* Statements */

static void open_if(struct aml *a)
{
	bytes_u8(a->out, AML_IF);
	open_package(a);
}

void aml_if_arg_equals(struct aml *a, unsigned arg, uint64_t value)
{
	open_if(a);
	bytes_u8(a->out, AML_LEQUAL);
	argument(a, arg);
	integer(a, value);
}

void aml_if_arg_is_guid(struct aml *a, unsigned arg, const char *guid)
{
	open_if(a);
	bytes_u8(a->out, AML_LEQUAL);
	argument(a, arg);
	bytes_u8(a->out, AML_BUFFER);
	open_package(a);
	integer(a, 16);
	bytes_guid(a->out, guid);
	aml_close(a);
}

/* "name & bits", stored under `target`; "" for nowhere. */
static void bit_operation(struct aml *a, uint8_t op, const char *path, uint64_t bits,
			  const char *target)
{
	bytes_u8(a->out, op);
	path_name(a, path);
	integer(a, bits);
	path_name(a, target);
}

void aml_if_any_bit(struct aml *a, const char *path, uint64_t bits)
{
	open_if(a);
	bit_operation(a, AML_AND, path, bits, "");
}

void aml_and(struct aml *a, const char *path, uint64_t bits)
{
	bit_operation(a, AML_AND, path, bits, path);
}

void aml_or(struct aml *a, const char *path, uint64_t bits)
{
	bit_operation(a, AML_OR, path, bits, path);
}

void aml_dword_of_arg(struct aml *a, unsigned arg, unsigned offset, const char *path)
{
	bytes_u8(a->out, AML_CREATE_DWORD_FIELD);
	argument(a, arg);
	integer(a, offset);
	path_name(a, path);
}

void aml_notify(struct aml *a, const char *path, uint64_t value)
{
	bytes_u8(a->out, AML_NOTIFY);
	path_name(a, path);
	integer(a, value);
}

void aml_return_arg(struct aml *a, unsigned arg)
{
	bytes_u8(a->out, AML_RETURN);
	argument(a, arg);
}

/* Resources */

/* A buffer whose size, a constant of a fixed form, is filled in at the end. */
static void resources_begin(struct aml *a, const char *path)
{
	name(a, path);
	bytes_u8(a->out, AML_BUFFER);
	open_package(a);
	bytes_u8(a->out, AML_WORD);
	bytes_u16(a->out, 0);
}

void aml_crs_begin(struct aml *a)
{
	resources_begin(a, "_CRS");
}

void aml_aei_begin(struct aml *a)
{
	resources_begin(a, "_AEI");
}

void aml_memory32_fixed(struct aml *a, uint32_t base, uint32_t size, bool writable)
{
	bytes_u8(a->out, CRS_MEMORY32_FIXED);
	bytes_u16(a->out, 9);
	bytes_u8(a->out, writable ? CRS_WRITABLE : 0);
	bytes_u32(a->out, base);
	bytes_u32(a->out, size);
}

void aml_interrupt(struct aml *a, uint32_t gsi, bool edge)
{
	bytes_u8(a->out, CRS_INTERRUPT);
	bytes_u16(a->out, 6);
	bytes_u8(a->out, CRS_CONSUMER | (edge ? CRS_EDGE : 0));
	bytes_u8(a->out, 1);
	bytes_u32(a->out, gsi);
}

/* 6.4.3.8.1. Offsets count from the descriptor's start, its length from behind the length. */
void aml_gpio_wake(struct aml *a, const char *controller, uint16_t pin)
{
	const uint16_t name_at = CRS_GPIO_HEAD_BYTES + sizeof(pin);
	const uint16_t end = (uint16_t)(name_at + strlen(controller) + 1);

	bytes_u8(a->out, CRS_GPIO);
	bytes_u16(a->out, end - 3);
	bytes_u8(a->out, 1); /* revision */
	bytes_u8(a->out, CRS_GPIO_INTERRUPT);
	bytes_u16(a->out, CRS_CONSUMER);
	bytes_u16(a->out, CRS_GPIO_EDGE | CRS_GPIO_WAKE); /* active high, exclusive */
	bytes_u8(a->out, CRS_GPIO_NO_PULL);
	bytes_u16(a->out, 0); /* drive strength */
	bytes_u16(a->out, 0); /* debounce time */
	bytes_u16(a->out, CRS_GPIO_HEAD_BYTES);
	bytes_u8(a->out, 0); /* index of the source */
	bytes_u16(a->out, name_at);
	bytes_u16(a->out, end); /* no data of a vendor */
	bytes_u16(a->out, 0);
	bytes_u16(a->out, pin);
	bytes_copy(a->out, controller, strlen(controller) + 1);
}

/* 6.4.3.5: granularity, first, last, translation, length; `width` bytes each. */
static void address_space(struct aml *a, uint8_t tag, unsigned width, uint8_t type, uint8_t flags,
			  uint64_t first, uint64_t n)
{
	const uint64_t fields[] = { 0, first, first + (n - 1), 0, n };

	bytes_u8(a->out, tag);
	bytes_u16(a->out, (uint16_t)(3 + ARRAY_SIZE(fields) * width));
	bytes_u8(a->out, type);
	bytes_u8(a->out, CRS_FIXED);
	bytes_u8(a->out, flags);
	for (unsigned i = 0; i < ARRAY_SIZE(fields); i++)
		for (unsigned k = 0; k < width; k++)
			bytes_u8(a->out, (uint8_t)(fields[i] >> 8 * k));
}

void aml_pci_buses(struct aml *a, uint16_t first, uint16_t n)
{
	address_space(a, CRS_ADDRESS16, 2, CRS_BUSES, 0, first, n);
}

void aml_pci_memory32(struct aml *a, uint32_t base, uint32_t size)
{
	address_space(a, CRS_ADDRESS32, 4, CRS_MEMORY, CRS_WRITABLE, base, size);
}

void aml_pci_memory64(struct aml *a, uint64_t base, uint64_t size)
{
	address_space(a, CRS_ADDRESS64, 8, CRS_MEMORY, CRS_WRITABLE | CRS_PREFETCHABLE, base, size);
}

/* A checksum of 0 in the end tag counts as correct (6.4.2.9). */
void aml_crs_end(struct aml *a)
{
	size_t size_at;

	bytes_u8(a->out, CRS_END_TAG);
	bytes_u8(a->out, 0);
	if (!a->depth) {
		a->broken = true;
		return;
	}
	size_at = a->open[a->depth - 1] + PKG_BYTES;
	bytes_set_u16(a->out, size_at + 1, (uint16_t)(a->out->used - size_at - CRS_SIZE_BYTES));
	aml_close(a);
}
