/*
 * libFuzzer on records: the first byte says whether the rest is a whole record, or the body of a section
 * that is put into a good one, so that the sections rasvm knows are reached too. What cper_check() accepts
 * must tile, by a walk of its own; the text of anything must end and disturb no terminal.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ras/cper.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t guids[3][16] = {
	{ 0x14, 0x11, 0xbc, 0xa5, 0x64, 0x6f, 0xde, 0x4e, 0xb8, 0x63, 0x3e, 0x83, 0xed, 0x7c, 0x83,
	  0xb1 },
	{ 0x16, 0x3d, 0x9e, 0xe1, 0x11, 0xbc, 0xe4, 0x11, 0x9c, 0xaa, 0xc2, 0x05, 0x1d, 0x5d, 0x46,
	  0xb0 },
	{ 0 },
};

static void violated(const char *rule, uint64_t a, uint64_t b)
{
	fprintf(stderr, "violated: %s (0x%llx, 0x%llx)\n", rule, (unsigned long long)a,
		(unsigned long long)b);
	abort();
}

static uint64_t get(const uint8_t *data, size_t at, unsigned bytes)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < bytes; i++)
		value |= (uint64_t)data[at + i] << (8 * i);
	return value;
}

/* ACPI 6.5 18.3.2.7.1, of a record that was accepted as `used` bytes. */
static void check_tiles(const uint8_t *record, uint64_t used)
{
	uint64_t end = 20 + get(record, 12, 4), raw = get(record, 8, 4), at = 20;

	if (end <= 20 || end > used)
		violated("the sections lie in the record", end, used);
	while (at < end) {
		uint64_t entry = 64;

		if (end - at < 64)
			violated("an entry is whole", at, end);
		if (get(record, at + 20, 2) >= 0x300)
			entry = 72;
		if (get(record, at + 16, 4) > 3)
			violated("the severity is known", at, get(record, at + 16, 4));
		at += entry + get(record, at + 24, 4);
	}
	if (at != end)
		violated("the sections tile", at, end);
	if (raw ? get(record, 4, 4) < end || get(record, 4, 4) + raw != used : end != used)
		violated("nothing else is in the record", end, used);
}

static void check_text(const uint8_t *record, size_t size, bool good)
{
	char *text = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);

	if (!out)
		abort();
	if (cper_print(record, size, out) != good)
		violated("text and check agree", good, size);
	fclose(out);
	for (size_t i = 0; i < n; i++)
		if ((text[i] < ' ' || text[i] > '~') && text[i] != '\n')
			violated("the text can be shown", i, (unsigned char)text[i]);
	free(text);
}

static void check_record(const uint8_t *record, size_t size)
{
	struct err err = { "" };
	int rc = cper_check(record, size, &err);

	if (rc <= 0 && !err.text[0])
		violated("a refusal has a reason", size, 0);
	if (rc > 0 && (size_t)rc > size)
		violated("the record is there", (size_t)rc, size);
	if (rc > 0)
		check_tiles(record, (uint64_t)rc);
	check_text(record, size, rc > 0);
}

static void check_section(const uint8_t guid[16], const uint8_t *body, size_t size)
{
	static uint8_t block[CPER_BLOCK_BYTES];
	struct cper_writer w;
	int rc;

	cper_begin(&w, block, sizeof(block), CPER_CORRECTED, NULL);
	cper_add_raw(&w, guid, body, size);
	rc = cper_end(&w);
	if (rc > 0 && cper_check(block, sizeof(block), NULL) != rc)
		violated("what was written is a record", (size_t)rc, size);
	if (rc > 0)
		check_record(block, (size_t)rc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] % 4 == 3)
		check_record(data + 1, size - 1);
	else
		check_section(guids[data[0] % 4], data + 1, size - 1);
	return 0;
}
