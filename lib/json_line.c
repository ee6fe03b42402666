/* See json_line.h: one scanner that goes from left to right and never looks back; `end` is respected
 * everywhere, nothing depends on a final 0. */
#include "lib/json_line.h"

#include <errno.h>
#include <string.h>

#include "lib/parse.h"
#include "lib/types.h"

struct scan {
	char *at, *end;
};

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool digit(char c)
{
	return c >= '0' && c <= '9';
}

static void skip_blanks(struct scan *s)
{
	while (s->at < s->end && blank(*s->at))
		s->at++;
}

/* The next character is `c`: step over it. */
static bool take(struct scan *s, char c)
{
	if (s->at == s->end || *s->at != c)
		return false;
	s->at++;
	return true;
}

static bool take_after_blanks(struct scan *s, char c)
{
	skip_blanks(s);
	return take(s, c);
}

static bool take_word(struct scan *s, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(s->end - s->at) < n || memcmp(s->at, word, n) != 0)
		return false;
	s->at += n;
	return true;
}

static int hex_value(char c)
{
	if (digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Four hexadecimal digits, or -1. */
static int take_unit(struct scan *s)
{
	int unit = 0;

	for (int i = 0; i < 4; i++) {
		int value = s->at < s->end ? hex_value(*s->at) : -1;

		if (value < 0)
			return -1;
		s->at++;
		unit = unit * 16 + value;
	}
	return unit;
}

/* What stands after "\u": a code point, of one unit or a pair of surrogates. 0: none, or not allowed. */
static uint32_t take_code_point(struct scan *s)
{
	int high = take_unit(s), low;

	if (high <= 0 || (high >= 0xdc00 && high < 0xe000))
		return 0;
	if (high < 0xd800 || high >= 0xe000)
		return (uint32_t)high;
	if (!take_word(s, "\\u"))
		return 0;
	low = take_unit(s);
	if (low < 0xdc00 || low >= 0xe000)
		return 0;
	return 0x10000u + ((uint32_t)(high - 0xd800) << 10) + (uint32_t)(low - 0xdc00);
}

/* UTF-8 of a code point; never longer than its escape was. */
static char *put_code_point(char *to, uint32_t c)
{
	if (c < 0x80) {
		*to++ = (char)c;
	} else if (c < 0x800) {
		*to++ = (char)(0xc0 | c >> 6);
		*to++ = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		*to++ = (char)(0xe0 | c >> 12);
		*to++ = (char)(0x80 | (c >> 6 & 0x3f));
		*to++ = (char)(0x80 | (c & 0x3f));
	} else {
		*to++ = (char)(0xf0 | c >> 18);
		*to++ = (char)(0x80 | (c >> 12 & 0x3f));
		*to++ = (char)(0x80 | (c >> 6 & 0x3f));
		*to++ = (char)(0x80 | (c & 0x3f));
	}
	return to;
}

/* After a backslash: the character it means into *to. */
static bool take_escape(struct scan *s, char **to)
{
	static const char from[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
	const char *found;
	uint32_t c;

	if (take(s, 'u')) {
		c = take_code_point(s);
		*to = put_code_point(*to, c);
		return c != 0;
	}
	if (s->at == s->end || *s->at == '\0')
		return false;
	found = strchr(from, *s->at++);
	if (!found)
		return false;
	*(*to)++ = meant[found - from];
	return true;
}

/* A text, decoded in place and ended with 0; `s` stands at its first quote. NULL: it is none. */
static const char *take_text(struct scan *s, size_t *n)
{
	char *text, *to;

	if (!take(s, '"'))
		return NULL;
	text = to = s->at;
	while (s->at < s->end && *s->at != '"') {
		if ((unsigned char)*s->at < 0x20)
			return NULL;
		if (!take(s, '\\'))
			*to++ = *s->at++;
		else if (!take_escape(s, &to))
			return NULL;
	}
	if (!take(s, '"'))
		return NULL;
	*to = '\0';
	*n = (size_t)(to - text);
	return text;
}

static bool take_digits(struct scan *s)
{
	const char *begin = s->at;

	while (s->at < s->end && digit(*s->at))
		s->at++;
	return s->at > begin;
}

static bool take_number(struct scan *s)
{
	take(s, '-');
	if (!take(s, '0') && !take_digits(s))
		return false;
	if (take(s, '.') && !take_digits(s))
		return false;
	if (!take(s, 'e') && !take(s, 'E'))
		return true;
	if (!take(s, '+'))
		take(s, '-');
	return take_digits(s);
}

static bool take_literal(struct scan *s)
{
	return take_word(s, "true") || take_word(s, "false") || take_word(s, "null");
}

/* A name and its colon. */
static const char *take_name(struct scan *s)
{
	const char *name;
	size_t n;

	skip_blanks(s);
	name = take_text(s, &n);
	return name && take_after_blanks(s, ':') ? name : NULL;
}

/* Something simple: no list, no object. */
static bool take_simple(struct scan *s, struct json_member *m)
{
	m->text = s->at;
	if (s->at < s->end && *s->at == '"') {
		m->type = JSON_TEXT;
		m->text = take_text(s, &m->n);
		return m->text != NULL;
	}
	if (take_number(s)) {
		m->type = JSON_NUMBER;
		m->n = (size_t)(s->at - m->text);
		return true;
	}
	if (s->at > m->text)
		return false;
	m->text = NULL;
	m->type = JSON_OTHER;
	return take_literal(s);
}

/* Lists and objects within each other: the closing bracket of each that is open. */
struct nesting {
	char close[JSON_LINE_MAX_DEPTH];
	unsigned depth;
};

static bool open_bracket(struct nesting *nest, char close)
{
	if (nest->depth == JSON_LINE_MAX_DEPTH)
		return false;
	nest->close[nest->depth++] = close;
	return true;
}

/* After a value: the brackets that close here, and the comma if more follows. */
static bool take_close(struct scan *s, struct nesting *nest)
{
	while (nest->depth && take_after_blanks(s, nest->close[nest->depth - 1]))
		nest->depth--;
	return nest->depth == 0 || take_after_blanks(s, ',');
}

/* Where a value or, in an object, its name is expected: one step further. */
static bool pass_step(struct scan *s, struct nesting *nest)
{
	struct json_member ignored;
	bool in_object = nest->depth && nest->close[nest->depth - 1] == '}';
	char close;

	if (in_object && !take_name(s))
		return false;
	skip_blanks(s);
	close = s->at == s->end ? '\0' : *s->at == '[' ? ']' : *s->at == '{' ? '}' : '\0';
	if (close == '\0')
		return take_simple(s, &ignored) && take_close(s, nest);
	s->at++;
	if (!open_bracket(nest, close))
		return false;
	skip_blanks(s);
	/* An empty one ends at once. */
	return s->at < s->end && *s->at == close ? take_close(s, nest) : true;
}

/* Step over a list or an object. */
static bool pass_over(struct scan *s)
{
	struct nesting nest = { .depth = 0 };

	do
		if (!pass_step(s, &nest))
			return false;
	while (nest.depth);
	return true;
}

static bool take_value(struct scan *s, struct json_member *m)
{
	skip_blanks(s);
	if (s->at < s->end && *s->at != '[' && *s->at != '{')
		return take_simple(s, m);
	*m = (struct json_member){ .name = m->name, .type = JSON_OTHER };
	return pass_over(s);
}

static bool take_member(struct scan *s, struct json_line *line)
{
	struct json_member *m = &line->member[line->nmembers];

	if (line->nmembers == ARRAY_SIZE(line->member))
		return false;
	*m = (struct json_member){ .name = take_name(s) };
	line->nmembers++;
	return m->name && take_value(s, m);
}

static bool take_members(struct scan *s, struct json_line *line)
{
	if (take_after_blanks(s, '}'))
		return true;
	do
		if (!take_member(s, line))
			return false;
	while (take_after_blanks(s, ','));
	return take_after_blanks(s, '}');
}

int json_line_split(struct json_line *line, char *text, size_t n)
{
	struct scan s = { text, text + n };

	line->nmembers = 0;
	if (!take_after_blanks(&s, '{') || !take_members(&s, line))
		return -EINVAL;
	skip_blanks(&s);
	return s.at == s.end ? 0 : -EINVAL;
}

static const struct json_member *find(const struct json_line *line, const char *name)
{
	for (unsigned i = 0; i < line->nmembers; i++)
		if (strcmp(line->member[i].name, name) == 0)
			return &line->member[i];
	return NULL;
}

const char *json_line_text(const struct json_line *line, const char *name)
{
	const struct json_member *m = find(line, name);

	return m && m->type == JSON_TEXT ? m->text : NULL;
}

bool json_line_u64(const struct json_line *line, const char *name, uint64_t *value)
{
	const struct json_member *m = find(line, name);
	char text[24]; /* 2^64 has 20 digits */

	if (!m || m->type == JSON_OTHER || m->n >= sizeof(text))
		return false;
	if ((m->type == JSON_TEXT) != (m->n > 2 && strncmp(m->text, "0x", 2) == 0))
		return false;
	memcpy(text, m->text, m->n);
	text[m->n] = '\0';
	return parse_u64(text, value, NULL) == 0;
}

bool json_line_has(const struct json_line *line, const char *name)
{
	return find(line, name) != NULL;
}
