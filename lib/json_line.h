/*
 * A flat JSON object on one line, as rasvm's own traces have them: members with texts and numbers; what
 * else a value may be (a list, an object, true) is checked for its form and else passed over. Pure.
 *
 * Source: RFC 8259. Leaves out: fractions and exponents of numbers are checked and then not readable.
 */
#ifndef LIB_JSON_LINE_H
#define LIB_JSON_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_LINE_MAX_MEMBERS 32
#define JSON_LINE_MAX_DEPTH   8 /* of what is passed over */

enum json_type { JSON_TEXT, JSON_NUMBER, JSON_OTHER };

struct json_member {
	const char *name; /* ends with 0, as does `text` of a JSON_TEXT */
	const char *text; /* JSON_TEXT: decoded; JSON_NUMBER: its n characters; else NULL */
	size_t n;
	enum json_type type;
};

struct json_line {
	struct json_member member[JSON_LINE_MAX_MEMBERS];
	unsigned nmembers;
};

/* Take text[0..n), of a line without its newline, apart; texts are decoded in place, so it must live as
 * long as `line`. 0; -EINVAL: not one JSON object, more members or deeper than the limits, or a text with
 * a character 0. */
int json_line_split(struct json_line *line, char *text, size_t n)
	__attribute__((warn_unused_result));

/* The text of member `name`, or NULL: there is none, or it is no text. Of two of one name, the first. */
const char *json_line_text(const struct json_line *line, const char *name);

/* A whole number of 64 bits in `name`: a JSON number, or a text "0x...". False: it is not. */
bool json_line_u64(const struct json_line *line, const char *name, uint64_t *value);

/* True if there is a member of that name. */
bool json_line_has(const struct json_line *line, const char *name);

#endif
