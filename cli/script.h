/*
 * The language of `rasvm run --script`: one statement a line, read as a whole before the guest starts, so
 * that every error is known by then. docs/scripts.md is its description; script_run.h carries it out. Pure.
 *
 * A script is not trusted: all sizes have limits, and what a text becomes with its variables, too.
 */
#ifndef CLI_SCRIPT_H
#define CLI_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/err.h"

#define SCRIPT_MAX_BYTES      ((size_t)1 << 20)
#define SCRIPT_MAX_STATEMENTS 4096
#define SCRIPT_LINE_BYTES     4096 /* a line, and a text with its variables put in; with a final 0 */
#define SCRIPT_MAX_VARIABLES  64
#define SCRIPT_NAME_BYTES     32  /* of a variable, with its final 0 */
#define SCRIPT_MAX_GROUPS     9   /* $1 to $9 */
#define SCRIPT_MAX_ERRORS     100 /* shown */
#define SCRIPT_DEFAULT_NS     UINT64_C(60000000000)
#define SCRIPT_MAX_WAIT_NS    (UINT64_C(24) * 3600 * 1000000000)

enum script_op {
	SCRIPT_ALLOW,
	SCRIPT_CHECK,
	SCRIPT_EXPECT,
	SCRIPT_EXPECT_EXIT,
	SCRIPT_FAIL_ON,
	SCRIPT_FAIL_ON_NONE,
	SCRIPT_INJECT,
	SCRIPT_MARK,
	SCRIPT_PAUSE,
	SCRIPT_POWERDOWN,
	SCRIPT_RESET,
	SCRIPT_RESUME,
	SCRIPT_SDEI,
	SCRIPT_SEND,
	SCRIPT_SET,
	SCRIPT_SLEEP,
	SCRIPT_STOP,
	SCRIPT_NR_OPS
};

/* A text with references in it: pieces [first, first + n) of the script. */
struct script_text {
	uint32_t first, n;
};

enum script_piece_kind { SCRIPT_LITERAL, SCRIPT_VARIABLE, SCRIPT_GROUP };

struct script_piece {
	enum script_piece_kind kind;
	uint32_t at; /* LITERAL: where in script.bytes; VARIABLE, GROUP: its number */
	uint32_t n;  /* LITERAL: bytes */
};

struct script_statement {
	enum script_op op;
	unsigned line;           /* from 1 */
	uint32_t source;         /* where the statement begins in script.bytes; ends with 0 */
	uint64_t wait_ns;        /* longest wait; SLEEP: the time */
	struct script_text text; /* what op takes, if it takes a text; CHECK: without references */
	unsigned variable;       /* SET */
	int status;              /* EXPECT_EXIT */
};

struct script_error {
	unsigned line, column; /* from 1; columns count bytes */
	char text[200];
};

struct script {
	const char *path;
	char *bytes; /* literal texts and statements, each with a final 0 */
	uint32_t nbytes, room_bytes;
	struct script_piece *piece;
	uint32_t npieces, room_pieces;
	struct script_statement *statement;
	uint32_t nstatements, room_statements;
	char variable[SCRIPT_MAX_VARIABLES][SCRIPT_NAME_BYTES];
	unsigned nvariables;
	unsigned nblocks; /* named results: the plan */
	bool unnamed;     /* the last block is what follows the last check */
	struct script_error *error;
	unsigned nerrors; /* all of them; SCRIPT_MAX_ERRORS are kept */
};

/* What --define gives: "NAME=VALUE". The texts stay the caller's. */
struct script_defines {
	const char *const *define;
	unsigned n;
};

/* Is "NAME=VALUE" a definition: a name of letters, digits and _, not a digit first. 0, or -EINVAL with
 * `err` a sentence that continues after the quoted text. */
int script_check_define(const char *text, struct err *err) __attribute__((warn_unused_result));

/* Read text[0..n), which is called `path` in messages and need not outlive the call (`path` must). 0;
 * -EINVAL: script->error says why; -ENOMEM. script_free() in all cases. */
int script_parse(struct script *script, const char *path, const char *text, size_t n,
		 const struct script_defines *defines) __attribute__((warn_unused_result));

/* The same of a file. An error of reading it is in `err`, those of -EINVAL in the script if err->text is
 * empty. */
int script_load(struct script *script, const char *path, const struct script_defines *defines,
		struct err *err) __attribute__((warn_unused_result));

/* A line for each error: "FILE:LINE:COLUMN: text". */
void script_print_errors(const struct script *script, FILE *out);

/* Safe on a zeroed one. */
void script_free(struct script *script);

/* "expect", "fail-on", "sdei"... */
const char *script_op_name(enum script_op op);

#endif
