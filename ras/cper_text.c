/* See cper_text.h. Holds no state. */
#include "ras/cper_text.h"

#include <inttypes.h>

#include "lib/bytes.h"

#define DUMP_ROW_BYTES 16
#define DUMP_MAX_BYTES 256

const char *cper_name_of(struct cper_names names, uint64_t value)
{
	const char *name = value < names.n ? names.name[value] : NULL;

	return name ? name : "unknown";
}

void cper_print_bits(FILE *out, struct cper_names names, uint64_t value)
{
	const char *link = " (";

	for (unsigned i = 0; i < names.n; i++) {
		if (value >> i & 1) {
			fprintf(out, "%s%s", link, names.name[i]);
			link = ", ";
		}
	}
	if (link[0] == ',')
		fputc(')', out);
}

static uint64_t load(const uint8_t *at, unsigned bytes)
{
	uint64_t value = 0;

	for (unsigned i = bytes; i > 0; i--)
		value = value << 8 | at[i - 1];
	return value;
}

static void print_value(FILE *out, const struct cper_field *field, uint64_t value)
{
	if (field->hex)
		fprintf(out, "0x%0*" PRIx64, field->bytes * 2, value);
	else
		fprintf(out, "%" PRIu64, value);
	if (field->value.n)
		fprintf(out, " (%s)", cper_name_of(field->value, value));
	cper_print_bits(out, field->bit, value);
	fputc('\n', out);
}

void cper_print_fields(FILE *out, int indent, const struct cper_field *fields, unsigned nfields,
		       const uint8_t *data, size_t n, uint64_t valid)
{
	for (unsigned i = 0; i < nfields; i++) {
		const struct cper_field *field = &fields[i];

		if (field->valid && !(field->valid & valid))
			continue;
		fprintf(out, "%*s%s: ", indent, "", field->name);
		if ((size_t)field->at + field->bytes > n)
			fprintf(out, "said to be valid, but only %zu bytes are there\n", n);
		else
			print_value(out, field, load(data + field->at, field->bytes));
	}
}

void cper_print_dump(FILE *out, int indent, const uint8_t *data, size_t n)
{
	size_t shown = n < DUMP_MAX_BYTES ? n : DUMP_MAX_BYTES;

	for (size_t i = 0; i < shown; i++) {
		if (i % DUMP_ROW_BYTES == 0)
			fprintf(out, "%s%*s%04zx ", i ? "\n" : "", indent, "", i);
		fprintf(out, " %02x", data[i]);
	}
	if (shown)
		fputc('\n', out);
	if (shown < n)
		fprintf(out, "%*s%zu more bytes\n", indent, "", n - shown);
}

void cper_print_quoted(FILE *out, const uint8_t *text, size_t n)
{
	fputc('"', out);
	for (size_t i = 0; i < n && text[i]; i++) {
		if (text[i] == '"' || text[i] == '\\')
			fprintf(out, "\\%c", text[i]);
		else if (text[i] >= ' ' && text[i] <= '~')
			fputc(text[i], out);
		else
			fprintf(out, "\\x%02x", text[i]);
	}
	fputs("\"\n", out);
}

void cper_guid_text(const uint8_t *guid, char text[CPER_GUID_TEXT_BYTES])
{
	snprintf(text, CPER_GUID_TEXT_BYTES,
		 "%08" PRIx32 "-%04x-%04x-%02x%02x-%02x%02x%02x%02x%02x%02x", le32_at(guid),
		 le16_at(guid + 4), le16_at(guid + 6), guid[8], guid[9], guid[10], guid[11],
		 guid[12], guid[13], guid[14], guid[15]);
}
