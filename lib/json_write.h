/*
 * JSON into a buffer of fixed size: objects, lists, texts and numbers, on one line. What does not fit is
 * remembered, so it is checked once at the end (json_finish()). Texts may hold anything: what JSON does not
 * take is escaped, and bytes that are no UTF-8 become U+FFFD. Pure.
 *
 * Source: RFC 8259.
 */
#ifndef LIB_JSON_WRITE_H
#define LIB_JSON_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_WRITE_MAX_DEPTH 8

struct json_write {
	char *text;
	size_t size; /* room, with the final 0 */
	size_t used;
	bool full;  /* something did not fit, or was nested too deeply */
	bool comma; /* before the next value */
	char close[JSON_WRITE_MAX_DEPTH];
	unsigned depth;
};

/* Begin in text[0..size). */
struct json_write json_write_in(char *text, size_t size);

/* A value. `name` is its name in an object; NULL: in a list, or the outermost. */
void json_object(struct json_write *w, const char *name);
void json_list(struct json_write *w, const char *name);
void json_text(struct json_write *w, const char *name, const char *text);
void json_text_n(struct json_write *w, const char *name, const char *text, size_t n);
void json_number(struct json_write *w, const char *name, uint64_t value);
void json_bool(struct json_write *w, const char *name, bool value);
/* A text "0x...": numbers in JSON are often read as floating point, which has no room for 64 bits. */
void json_hex(struct json_write *w, const char *name, uint64_t value);
/* What is JSON already. */
void json_raw(struct json_write *w, const char *name, const char *json, size_t n);

/* End the innermost object or list. */
void json_close(struct json_write *w);

/* End all that are open and write a newline and a 0. The number of characters without that 0; 0: it did not
 * fit. */
size_t json_finish(struct json_write *w);

#endif
