/*
 * What the statements of a script are read with: characters, texts with references, times, and what the script
 * is kept in. For script_parse.c alone. Pure.
 *
 * Functions that return bool return false with the line's error noted (or with memory gone); the line is over
 * then.
 */
#ifndef CLI_SCRIPT_LEX_H
#define CLI_SCRIPT_LEX_H

#include "cli/script.h"
#include "cli/script_text.h"

struct parser {
	struct script *script;
	struct script_values values; /* those that are known before the run; "x" for others */
	uint64_t timeout_ns;
	unsigned ngroups, groups_line; /* of the last expect that has groups */
	bool no_memory;

	const char *start, *p, *end; /* the present line; p: what is read next */
	unsigned line;
	bool failed;  /* it has an error */
	bool unended; /* statements since the last check */
};

/* Note an error at `at`, if it is the line's first. False, for `return lex_fail_at(...)`. */
bool lex_fail_at(struct parser *p, const char *at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
bool lex_out_of_memory(struct parser *p);

/* What the script is kept in. lex_add_piece() makes text one piece longer, which must be the last text made. */
bool lex_add_byte(struct parser *p, char c);
bool lex_add_bytes(struct parser *p, const char *bytes, size_t n);
bool lex_add_piece(struct parser *p, struct script_text *text, struct script_piece piece);
bool lex_add_statement(struct parser *p, const struct script_statement *statement);
struct script_text lex_new_text(const struct parser *p);

bool lex_is_blank(char c);
void lex_skip_blanks(struct parser *p);

/* Nothing but a comment is left; the second reports what else is. */
bool lex_at_end(const struct parser *p);
bool lex_finish_line(struct parser *p);

/* Of the name of a variable at `at`; 0: there is none. */
size_t lex_name_length(const char *at, const char *end);

/* The number of that variable, which is made if there is none; -1 with an error at `at`. */
int lex_take_variable(struct parser *p, const char *at, const char *name, size_t n);

/* At a ": a text up to the closing one. */
bool lex_take_quoted(struct parser *p, struct script_text *text);

/* A /regular expression/, which compiles. *groups: its ( ). */
bool lex_take_regex(struct parser *p, struct script_text *text, unsigned *groups);

/* Up to the next blank, or to the end of the line without its comment. */
bool lex_take_bare(struct parser *p, bool whole_line, struct script_text *text);

/* The text with the values it has now, in expanded[SCRIPT_LINE_BYTES]. *fixed: they are known. */
bool lex_expand(struct parser *p, const char *at, struct script_text text, char *expanded,
		bool *fixed);

/* A word, in word[SCRIPT_LINE_BYTES], and a time that have to be known before the run. */
bool lex_take_word(struct parser *p, char *word);
bool lex_take_time(struct parser *p, uint64_t *ns);

#endif
