/* See base64.h. */
#include "lib/base64.h"

#include <errno.h>
#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Three bytes, of which n are there, as four characters. */
static void encode_group(char *text, const uint8_t *bytes, size_t n)
{
	uint32_t bits = (uint32_t)bytes[0] << 16;

	if (n > 1)
		bits |= (uint32_t)bytes[1] << 8;
	if (n > 2)
		bits |= bytes[2];
	text[0] = alphabet[bits >> 18];
	text[1] = alphabet[bits >> 12 & 63];
	text[2] = '=';
	text[3] = '=';
	if (n > 1)
		text[2] = alphabet[bits >> 6 & 63];
	if (n > 2)
		text[3] = alphabet[bits & 63];
}

void base64_encode(char *text, const void *bytes, size_t n)
{
	const uint8_t *from = bytes;

	for (; n > 0; text += 4) {
		size_t group = n < 3 ? n : 3;

		encode_group(text, from, group);
		from += group;
		n -= group;
	}
	*text = '\0';
}

/* 0 to 63, or -1. */
static int value_of(char c)
{
	const char *found = c ? strchr(alphabet, c) : NULL;

	return found ? (int)(found - alphabet) : -1;
}

/* Four characters, the last `padding` of them "=". How many bytes, or -1. Bits that no byte takes are 0. */
static int decode_group(uint8_t *to, const char *text, unsigned padding)
{
	uint32_t bits = 0;

	for (unsigned i = 0; i < 4; i++) {
		int value = i < 4 - padding ? value_of(text[i]) : 0;

		if (value < 0)
			return -1;
		bits = bits << 6 | (uint32_t)value;
	}
	if (bits & ((1u << (8 * padding)) - 1))
		return -1;
	for (unsigned i = 0; i < 3 - padding; i++)
		to[i] = (uint8_t)(bits >> (16 - 8 * i));
	return 3 - (int)padding;
}

static unsigned padding_of(const char *text, size_t n)
{
	if (n < 4 || text[n - 1] != '=')
		return 0;
	return text[n - 2] == '=' ? 2 : 1;
}

ssize_t base64_decode(void *bytes, const char *text, size_t n)
{
	unsigned padding = padding_of(text, n);
	uint8_t *to = bytes;

	if (n % 4)
		return -EINVAL;
	for (size_t at = 0; at < n; at += 4) {
		int got = decode_group(to, text + at, at + 4 == n ? padding : 0);

		if (got < 0)
			return -EINVAL;
		to += got;
	}
	return to - (uint8_t *)bytes;
}
