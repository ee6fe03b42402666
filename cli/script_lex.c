/* See script_lex.h. What a text may refer to is known here, because a script has no jumps: which variables are
 * set, and how many groups the expect before it has. */
#include "cli/script_lex.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "lib/ere.h"
#include "lib/parse.h"

/* ---- errors ---- */

/* False, for `return lex_fail_at(...)`. Only the first error of a line counts. */
bool lex_fail_at(struct parser *p, const char *at, const char *fmt, ...)
{
	struct script *s = p->script;
	struct script_error *error;
	va_list ap;

	if (p->failed)
		return false;
	p->failed = true;
	if (s->nerrors++ >= SCRIPT_MAX_ERRORS)
		return false;
	error = &s->error[s->nerrors - 1];
	error->line = p->line;
	error->column = (unsigned)(at - p->start) + 1;
	va_start(ap, fmt);
	vsnprintf(error->text, sizeof(error->text), fmt, ap);
	va_end(ap);
	for (char *c = error->text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	return false;
}

bool lex_out_of_memory(struct parser *p)
{
	p->no_memory = true;
	return lex_fail_at(p, p->p, "out of memory");
}

/* ---- what the script is kept in ---- */

/* An array of items of `size` with room for one more: the old one, or a larger one in its place; NULL with an
 * error. */
static void *with_room(struct parser *p, void *array, uint32_t used, uint32_t *room, size_t size)
{
	uint32_t wanted = *room ? *room * 2 : 64;
	void *larger;

	if (used < *room)
		return array;
	larger = realloc(array, wanted * size);
	if (!larger) {
		lex_out_of_memory(p);
		return NULL;
	}
	*room = wanted;
	return larger;
}

bool lex_add_byte(struct parser *p, char c)
{
	struct script *s = p->script;
	char *bytes = with_room(p, s->bytes, s->nbytes, &s->room_bytes, 1);

	if (!bytes)
		return false;
	s->bytes = bytes;
	bytes[s->nbytes++] = c;
	return true;
}

bool lex_add_bytes(struct parser *p, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!lex_add_byte(p, bytes[i]))
			return false;
	return true;
}

bool lex_add_piece(struct parser *p, struct script_text *text, struct script_piece piece)
{
	struct script *s = p->script;
	struct script_piece *pieces =
		with_room(p, s->piece, s->npieces, &s->room_pieces, sizeof(piece));

	if (!pieces)
		return false;
	s->piece = pieces;
	pieces[s->npieces++] = piece;
	text->n++;
	return true;
}

/* One more byte of a text: of its last piece, if that is a literal. */
static bool add_literal(struct parser *p, struct script_text *text, char c)
{
	struct script *s = p->script;
	bool goes_on = text->n && s->piece[s->npieces - 1].kind == SCRIPT_LITERAL;

	if (!goes_on && !lex_add_piece(p, text, (struct script_piece){ .at = s->nbytes }))
		return false;
	s->piece[s->npieces - 1].n++;
	return lex_add_byte(p, c);
}

bool lex_add_statement(struct parser *p, const struct script_statement *statement)
{
	struct script *s = p->script;
	struct script_statement *statements;

	if (s->nstatements == SCRIPT_MAX_STATEMENTS)
		return lex_fail_at(p, p->start, "a script has at most %d statements",
				   SCRIPT_MAX_STATEMENTS);
	statements =
		with_room(p, s->statement, s->nstatements, &s->room_statements, sizeof(*statement));
	if (!statements)
		return false;
	s->statement = statements;
	statements[s->nstatements++] = *statement;
	return true;
}

/* ---- characters ---- */

bool lex_is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_name_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

void lex_skip_blanks(struct parser *p)
{
	while (p->p < p->end && lex_is_blank(*p->p))
		p->p++;
}

/* Nothing but a comment is left. */
bool lex_at_end(const struct parser *p)
{
	return p->p == p->end || (*p->p == '#' && (p->p == p->start || lex_is_blank(p->p[-1])));
}

bool lex_finish_line(struct parser *p)
{
	lex_skip_blanks(p);
	if (lex_at_end(p))
		return true;
	return lex_fail_at(p, p->p, "\"%.*s\": only a comment (#) may follow here",
			   (int)(p->end - p->p), p->p);
}

size_t lex_name_length(const char *at, const char *end)
{
	const char *p = at;

	if (p == end || !is_name_start(*p))
		return 0;
	while (p < end && (is_name_start(*p) || is_digit(*p)))
		p++;
	return (size_t)(p - at);
}

/* ---- variables ---- */

static int find_variable(const struct script *s, const char *name, size_t n)
{
	for (unsigned i = 0; i < s->nvariables; i++)
		if (strlen(s->variable[i]) == n && memcmp(s->variable[i], name, n) == 0)
			return (int)i;
	return -1;
}

/* The variable of that name, which is made if there is none; -1 with an error. */
int lex_take_variable(struct parser *p, const char *at, const char *name, size_t n)
{
	struct script *s = p->script;
	int i = find_variable(s, name, n);

	if (i >= 0)
		return i;
	if (n >= SCRIPT_NAME_BYTES)
		lex_fail_at(p, at, "\"%.*s\": a name has at most %d characters", (int)n, name,
			    SCRIPT_NAME_BYTES - 1);
	else if (s->nvariables == SCRIPT_MAX_VARIABLES)
		lex_fail_at(p, at, "\"%.*s\": a script has at most %d variables", (int)n, name,
			    SCRIPT_MAX_VARIABLES);
	if (p->failed)
		return -1;
	memcpy(s->variable[s->nvariables], name, n);
	return (int)s->nvariables++;
}

static bool refer_to_group(struct parser *p, const char *at, unsigned group,
			   struct script_text *text)
{
	if (group == 0)
		return lex_fail_at(p, at, "$0: groups are $1 to $9");
	if (p->ngroups == 0)
		return lex_fail_at(p, at, "$%u: no expect with a ( ) comes before", group);
	if (group > p->ngroups)
		return lex_fail_at(p, at, "$%u: the expect in line %u has %u ( )", group,
				   p->groups_line, p->ngroups);
	return lex_add_piece(p, text, (struct script_piece){ SCRIPT_GROUP, group, 0 });
}

static bool refer_to_variable(struct parser *p, const char *at, const char *name, size_t n,
			      struct script_text *text)
{
	int i = find_variable(p->script, name, n);

	if (i < 0 || !p->values.variable[i].text)
		return lex_fail_at(p, at,
				   "$%.*s: not set; set it before, or give --define %.*s=VALUE",
				   (int)n, name, (int)n, name);
	return lex_add_piece(p, text, (struct script_piece){ SCRIPT_VARIABLE, (uint32_t)i, 0 });
}

/* At a $: a reference, $$ for one $, or a $ as it is. */
static bool take_dollar(struct parser *p, struct script_text *text)
{
	const char *at = p->p++;
	bool braces = p->p < p->end && *p->p == '{';
	const char *name = p->p + braces;
	size_t n = lex_name_length(name, p->end);

	if (p->p < p->end && *p->p == '$') {
		p->p++;
		return add_literal(p, text, '$');
	}
	if (n == 0 && name < p->end && is_digit(*name))
		n = 1;
	if (n == 0 && !braces)
		return add_literal(p, text, '$');
	if (n == 0 || (braces && (name + n == p->end || name[n] != '}')))
		return lex_fail_at(p, at, "${: a name and a } must follow; $$ stands for one $");
	p->p = name + n + braces;
	if (is_digit(*name))
		return refer_to_group(p, at, (unsigned)(*name - '0'), text);
	return refer_to_variable(p, at, name, n, text);
}

/* ---- texts ---- */

struct script_text lex_new_text(const struct parser *p)
{
	return (struct script_text){ .first = p->script->npieces };
}

static int hex_digit(char c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* After a backslash in a "text". */
static bool take_escape(struct parser *p, struct script_text *text)
{
	static const char from[] = "\"\\$ntre0", to[] = "\"\\$\n\t\r\x1b\0";
	const char *at = p->p - 1;
	const char *known = p->p < p->end ? memchr(from, *p->p, sizeof(from) - 1) : NULL;

	if (known) {
		p->p++;
		return add_literal(p, text, to[known - from]);
	}
	if (p->end - p->p >= 3 && *p->p == 'x' && hex_digit(p->p[1]) >= 0 &&
	    hex_digit(p->p[2]) >= 0) {
		char c = (char)(hex_digit(p->p[1]) * 16 + hex_digit(p->p[2]));

		p->p += 3;
		return add_literal(p, text, c);
	}
	return lex_fail_at(p, at,
			   "no such escape; there are \\\" \\\\ \\$ \\n \\r \\t \\e \\0 and \\xHH");
}

/* At a ": up to the closing one. */
bool lex_take_quoted(struct parser *p, struct script_text *text)
{
	const char *at = p->p++;
	bool good = true;

	*text = lex_new_text(p);
	while (good && p->p < p->end && *p->p != '"') {
		if (*p->p == '$')
			good = take_dollar(p, text);
		else if (*p->p++ == '\\')
			good = take_escape(p, text);
		else
			good = add_literal(p, text, p->p[-1]);
	}
	if (!good)
		return false;
	if (p->p == p->end)
		return lex_fail_at(p, at, "the closing \" of this text is missing");
	p->p++;
	return true;
}

/* After a backslash in a /regex/: \/ is a slash, everything else is the expression's. */
static bool take_regex_escape(struct parser *p, struct script_text *text)
{
	if (p->p < p->end && *p->p == '/')
		return add_literal(p, text, *p->p++);
	if (!add_literal(p, text, '\\'))
		return false;
	return p->p == p->end || add_literal(p, text, *p->p++);
}

/* At a /: up to the closing one, and see that it compiles. *groups: its ( ). */
bool lex_take_regex(struct parser *p, struct script_text *text, unsigned *groups)
{
	char expanded[SCRIPT_LINE_BYTES];
	struct err reason = { "" };
	const char *at = p->p;
	bool good = true;
	regex_t regex;
	size_t n;

	if (p->p == p->end || *p->p != '/')
		return lex_fail_at(p, p->p,
				   "a regular expression between slashes is missing: /.../");
	*text = lex_new_text(p);
	p->p++;
	while (good && p->p < p->end && *p->p != '/') {
		if (*p->p == '$')
			good = take_dollar(p, text);
		else if (*p->p++ == '\\')
			good = take_regex_escape(p, text);
		else
			good = add_literal(p, text, p->p[-1]);
	}
	if (!good)
		return false;
	if (p->p == p->end)
		return lex_fail_at(p, at, "the closing / of this regular expression is missing");
	p->p++;
	if (script_expand(p->script, *text, &p->values, true, expanded, &n, NULL))
		return lex_fail_at(p, at, "with its variables it is longer than %d characters",
				   SCRIPT_LINE_BYTES - 1);
	if (n == 0)
		return lex_fail_at(p, at, "an empty regular expression matches everything");
	if (ere_compile(&regex, expanded, &reason))
		return lex_fail_at(p, at, "/%.60s/ %.120s", expanded, reason.text);
	*groups = regex.re_nsub < SCRIPT_MAX_GROUPS ? (unsigned)regex.re_nsub : SCRIPT_MAX_GROUPS;
	regfree(&regex);
	return true;
}

/* Up to the next blank, or to the end of the line without its comment. */
bool lex_take_bare(struct parser *p, bool whole_line, struct script_text *text)
{
	*text = lex_new_text(p);
	while (p->p < p->end && !(lex_is_blank(*p->p) && !whole_line)) {
		const char *after = p->p;

		while (after < p->end && lex_is_blank(*after))
			after++;
		if (after == p->end || (*after == '#' && after > p->p))
			break;
		if (*p->p == '$' ? !take_dollar(p, text) : !add_literal(p, text, *p->p++))
			return false;
	}
	return true;
}

/* The text as it is now; `expanded` has SCRIPT_LINE_BYTES. */
bool lex_expand(struct parser *p, const char *at, struct script_text text, char *expanded,
		bool *fixed)
{
	size_t n;

	if (script_expand(p->script, text, &p->values, false, expanded, &n, fixed))
		return lex_fail_at(p, at, "with its variables it is longer than %d characters",
				   SCRIPT_LINE_BYTES - 1);
	return true;
}

/* A word that has to be known before the run. */
bool lex_take_word(struct parser *p, char *word)
{
	const char *at = p->p;
	struct script_text text;
	bool fixed;

	if (!lex_take_bare(p, false, &text) || !lex_expand(p, at, text, word, &fixed))
		return false;
	if (!fixed)
		return lex_fail_at(p, at,
				   "must be known before the run, so nothing that was matched");
	return true;
}

bool lex_take_time(struct parser *p, uint64_t *ns)
{
	const char *at = p->p;
	char word[SCRIPT_LINE_BYTES];
	struct err reason = { "" };

	if (lex_at_end(p))
		return lex_fail_at(p, at, "a time is missing, such as 500ms, 2s or 5m");
	if (!lex_take_word(p, word))
		return false;
	if (parse_duration(word, ns, &reason))
		return lex_fail_at(p, at, "\"%.60s\" %.120s", word, reason.text);
	if (*ns == 0 || *ns > SCRIPT_MAX_WAIT_NS)
		return lex_fail_at(p, at, "\"%.60s\" is not more than 0 and at most 24h", word);
	return true;
}
