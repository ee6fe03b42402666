/*
 * See script_console.h.
 *
 * Source: ECMA-48 5.3 to 5.6 for the form of escape sequences. A guest that opens one and never closes it
 * hides nothing: a newline or too many bytes end it.
 */
#include "cli/script_console.h"

#include <string.h>

#define ESCAPE         0x1b
#define MAX_ESCAPE     256
#define KEPT_AT_A_DROP (SCRIPT_CONSOLE_BYTES / 2)

enum escape {
	NO_ESCAPE,
	ESCAPED,      /* after ESC */
	IN_CONTROL,   /* ESC [ ... up to a byte from @ to ~ */
	IN_STRING,    /* ESC ] and the like, up to BEL or ESC \ */
	STRING_ESCAPE /* ESC within such a string */
};

/* ---- escape sequences ---- */

static unsigned after_escape(uint8_t c)
{
	if (c == '[')
		return IN_CONTROL;
	if (c == ']' || c == 'P' || c == 'X' || c == '^' || c == '_')
		return IN_STRING;
	/* Intermediate bytes; else this was the final one. */
	return c >= ' ' && c <= '/' ? ESCAPED : NO_ESCAPE;
}

static unsigned next_escape(unsigned state, uint8_t c)
{
	switch (state) {
	case ESCAPED:
		return c == ESCAPE ? ESCAPED : after_escape(c);
	case IN_CONTROL:
		if (c == ESCAPE)
			return ESCAPED;
		return c >= '@' && c <= '~' ? NO_ESCAPE : IN_CONTROL;
	case IN_STRING:
		if (c == ESCAPE)
			return STRING_ESCAPE;
		return c == '\a' ? NO_ESCAPE : IN_STRING;
	case STRING_ESCAPE:
		return c == '\\' ? NO_ESCAPE : after_escape(c);
	default:
		return c == ESCAPE ? ESCAPED : NO_ESCAPE;
	}
}

/* True if the byte is text. */
static bool is_text(struct script_console *con, uint8_t c)
{
	bool was_in = con->escape != NO_ESCAPE;

	if (c == '\n' || (was_in && ++con->escape_bytes > MAX_ESCAPE)) {
		con->escape = NO_ESCAPE;
		con->escape_bytes = 0;
		return c == '\n';
	}
	con->escape = next_escape(con->escape, c);
	if (con->escape == NO_ESCAPE)
		con->escape_bytes = 0;
	if (was_in || con->escape != NO_ESCAPE)
		return false;
	return (c >= ' ' && c != 0x7f) || c == '\t';
}

/* ---- the buffer ---- */

/* Room at the end: what was consumed goes, and if that is too little, the oldest lines. */
static void make_room(struct script_console *con)
{
	size_t from = con->from;

	if (con->used < sizeof(con->text))
		return;
	if (con->used - from > KEPT_AT_A_DROP) {
		size_t cut = con->used - KEPT_AT_A_DROP;
		const char *newline = memchr(con->text + cut, '\n', con->used - cut);

		if (newline)
			cut = (size_t)(newline - con->text) + 1;
		con->dropped += cut - from;
		from = cut;
		con->within = false;
	}
	memmove(con->text, con->text + from, con->used - from);
	con->used -= from;
	con->line = con->line > from ? con->line - from : 0;
	con->from = 0;
}

static void remember(struct script_console *con, const char *text)
{
	char *last = con->last[con->nlast % SCRIPT_LAST_LINES];
	size_t n = strnlen(text, SCRIPT_LAST_BYTES - 1);

	memcpy(last, text, n);
	last[n] = '\0';
	con->nlast++;
}

/* The unfinished line as a string: there is always room for its 0 after make_room(). */
const char *script_console_unfinished(struct script_console *con)
{
	make_room(con);
	con->text[con->used] = '\0';
	return con->text + con->line;
}

static void end_line(struct script_console *con, void (*line)(void *arg, const char *text),
		     void *arg)
{
	const char *text = script_console_unfinished(con);

	remember(con, text);
	line(arg, text);
	con->text[con->used++] = '\n';
	con->line = con->used;
	con->quiet_ns = 0;
	con->ripe = false;
}

void script_console_add(struct script_console *con, const uint8_t *bytes, size_t n, uint64_t now_ns,
			void (*line)(void *arg, const char *text), void *arg)
{
	for (size_t i = 0; i < n; i++) {
		if (!is_text(con, bytes[i]) || (bytes[i] == '\n' && con->carried)) {
			con->carried &= bytes[i] != '\n';
			continue;
		}
		con->carried = false;
		if (bytes[i] == '\n') {
			end_line(con, line, arg);
			continue;
		}
		make_room(con);
		con->text[con->used++] = (char)bytes[i];
		if (con->used - con->line == SCRIPT_CONSOLE_LINE) {
			end_line(con, line, arg);
			con->carried = true;
		}
	}
	con->ripe = false;
	con->quiet_ns = con->used > con->line ? now_ns + SCRIPT_QUIET_NS : 0;
}

void script_console_end(struct script_console *con, void (*line)(void *arg, const char *text),
			void *arg)
{
	if (con->used > con->line)
		end_line(con, line, arg);
}

bool script_console_tick(struct script_console *con, uint64_t now_ns)
{
	if (!con->quiet_ns || now_ns < con->quiet_ns)
		return false;
	con->quiet_ns = 0;
	con->ripe = true;
	return true;
}

/* ---- matching ---- */

/* The next line to look at, in `line`; false: there is none. *whole: it has its end. */
static bool next_line(const struct script_console *con, char *line, size_t *n, bool *whole)
{
	const char *start = con->text + con->from;
	const char *newline = memchr(start, '\n', con->used - con->from);

	*whole = newline;
	*n = newline ? (size_t)(newline - start) : con->used - con->from;
	if (!newline && (*n == 0 || !con->ripe))
		return false;
	memcpy(line, start, *n);
	line[*n] = '\0';
	return true;
}

static void consume(struct script_console *con, size_t n, bool with_its_end)
{
	con->from += n + with_its_end;
	con->within = !with_its_end;
}

bool script_console_find(struct script_console *con, const regex_t *regex, regmatch_t *groups,
			 unsigned ngroups, char line[SCRIPT_CONSOLE_LINE + 1])
{
	bool whole;
	size_t n;

	while (next_line(con, line, &n, &whole)) {
		if (regexec(regex, line, ngroups, groups, con->within ? REG_NOTBOL : 0) == 0) {
			size_t end = (size_t)groups[0].rm_eo;

			consume(con, end, whole && end == n);
			return true;
		}
		if (!whole)
			return false;
		consume(con, n, true);
	}
	return false;
}

const char *script_console_last(struct script_console *con, unsigned back)
{
	if (con->used > con->line) {
		if (back == 0)
			return script_console_unfinished(con);
		back--;
	}
	if (back >= con->nlast || back >= SCRIPT_LAST_LINES)
		return NULL;
	return con->last[(con->nlast - 1 - back) % SCRIPT_LAST_LINES];
}
