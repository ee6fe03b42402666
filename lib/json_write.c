/* See json_write.h. */
#include "lib/json_write.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct json_write json_write_in(char *text, size_t size)
{
	return (struct json_write){ .text = text, .size = size };
}

static void put(struct json_write *w, const char *bytes, size_t n)
{
	if (w->full || n >= w->size - w->used) {
		w->full = true;
		return;
	}
	memcpy(w->text + w->used, bytes, n);
	w->used += n;
}

static void put_word(struct json_write *w, const char *word)
{
	put(w, word, strlen(word));
}

/* Bytes of the UTF-8 character at text[0..n), 0: it is none (RFC 3629, 4). */
static size_t utf8_bytes(const uint8_t *text, size_t n)
{
	size_t more = text[0] >= 0xf0 ? 3 : text[0] >= 0xe0 ? 2 : 1;
	uint32_t c = text[0] & (0x3fu >> more);
	static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };

	if (text[0] < 0x80)
		return 1;
	if (text[0] < 0xc2 || text[0] > 0xf4 || n <= more)
		return 0;
	for (size_t i = 1; i <= more; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (text[i] & 0x3f);
	}
	return c < least[more] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) ? 0 : more + 1;
}

static void put_escaped(struct json_write *w, char c)
{
	static const char from[] = "\"\\\b\f\n\r\t", letter[] = "\"\\bfnrt";
	const char *found = c ? strchr(from, c) : NULL;
	char escape[8];

	if (found)
		snprintf(escape, sizeof(escape), "\\%c", letter[found - from]);
	else
		snprintf(escape, sizeof(escape), "\\u%04x", (unsigned char)c);
	put_word(w, escape);
}

static bool needs_escape(char c)
{
	return (unsigned char)c < 0x20 || c == '"' || c == '\\' || c == 0x7f;
}

static void put_text(struct json_write *w, const char *text, size_t n)
{
	put_word(w, "\"");
	while (n > 0 && !w->full) {
		size_t step = utf8_bytes((const uint8_t *)text, n);

		if (step == 0)
			put_word(w, "\\ufffd");
		else if (step == 1 && needs_escape(*text))
			put_escaped(w, *text);
		else
			put(w, text, step);
		step = step ? step : 1;
		text += step;
		n -= step;
	}
	put_word(w, "\"");
}

static void begin_value(struct json_write *w, const char *name)
{
	if (w->comma)
		put_word(w, ",");
	w->comma = true;
	if (!name)
		return;
	put_text(w, name, strlen(name));
	put_word(w, ":");
}

static void open_bracket(struct json_write *w, const char *name, const char *open, char close)
{
	begin_value(w, name);
	put_word(w, open);
	w->comma = false;
	if (w->depth == JSON_WRITE_MAX_DEPTH)
		w->full = true;
	else
		w->close[w->depth++] = close;
}

void json_object(struct json_write *w, const char *name)
{
	open_bracket(w, name, "{", '}');
}

void json_list(struct json_write *w, const char *name)
{
	open_bracket(w, name, "[", ']');
}

void json_close(struct json_write *w)
{
	if (w->depth == 0)
		return;
	put(w, &w->close[--w->depth], 1);
	w->comma = true;
}

void json_text_n(struct json_write *w, const char *name, const char *text, size_t n)
{
	begin_value(w, name);
	put_text(w, text, n);
}

void json_text(struct json_write *w, const char *name, const char *text)
{
	json_text_n(w, name, text, strlen(text));
}

void json_number(struct json_write *w, const char *name, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	begin_value(w, name);
	put_word(w, text);
}

void json_bool(struct json_write *w, const char *name, bool value)
{
	begin_value(w, name);
	put_word(w, value ? "true" : "false");
}

void json_hex(struct json_write *w, const char *name, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%" PRIx64, value);
	json_text(w, name, text);
}

void json_raw(struct json_write *w, const char *name, const char *json, size_t n)
{
	begin_value(w, name);
	put(w, json, n);
}

size_t json_finish(struct json_write *w)
{
	while (w->depth)
		json_close(w);
	put_word(w, "\n");
	if (w->full)
		return 0;
	w->text[w->used] = '\0';
	return w->used;
}
