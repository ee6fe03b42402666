/*
 * What a script sees of the guest's console: text in lines, without what a terminal makes of it (escape
 * sequences of ECMA-48, carriage returns, other control characters but tabs, zero bytes). Pure.
 *
 * What no expect has consumed is kept, up to a limit; then the oldest goes.
 */
#ifndef CLI_SCRIPT_CONSOLE_H
#define CLI_SCRIPT_CONSOLE_H

#include <regex.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCRIPT_CONSOLE_BYTES 65536
#define SCRIPT_CONSOLE_LINE  4095 /* a longer line counts as several */
#define SCRIPT_LAST_LINES    10
#define SCRIPT_LAST_BYTES    200 /* what is kept of each, with its final 0 */
/* A line without an end, a prompt say, is looked at when nothing followed for so long. */
#define SCRIPT_QUIET_NS UINT64_C(100000000)

struct script_console {
	char text[SCRIPT_CONSOLE_BYTES];
	size_t from, used; /* what no expect has consumed; lines end with a newline */
	size_t line;       /* where the unfinished line begins */
	bool within;       /* `from` is within a line: ^ does not match there */
	bool carried;      /* what goes on at `line` is the rest of a line that was too long */
	uint64_t quiet_ns; /* when the unfinished line is looked at; 0: there is none, or it was */
	bool ripe;         /* it may be matched */
	unsigned escape;   /* state within an escape sequence */
	unsigned escape_bytes;
	uint64_t dropped;                                /* bytes that were not consumed in time */
	char last[SCRIPT_LAST_LINES][SCRIPT_LAST_BYTES]; /* a ring */
	unsigned nlast;                                  /* lines so far */
};

/* Take bytes that the guest printed; `line` is called for each line that is now complete, without its end. */
void script_console_add(struct script_console *con, const uint8_t *bytes, size_t n, uint64_t now_ns,
			void (*line)(void *arg, const char *text), void *arg);

/* The line is over, whatever it lacks: the guest has ended. */
void script_console_end(struct script_console *con, void (*line)(void *arg, const char *text),
			void *arg);

/* True if the unfinished line has been quiet for long enough just now: it may be matched. */
bool script_console_tick(struct script_console *con, uint64_t now_ns);

/* The unfinished line, with a final 0; lasts until the next call. */
const char *script_console_unfinished(struct script_console *con);

/* Look for `regex`, line by line. True: found, and everything up to the end of the match is consumed; the
 * groups[0..ngroups), at least one, are parts of `line`. False: it is not there, and all complete lines are
 * consumed. */
bool script_console_find(struct script_console *con, const regex_t *regex, regmatch_t *groups,
			 unsigned ngroups, char line[SCRIPT_CONSOLE_LINE + 1]);

/* Line number `back` from the end (0: the last), the unfinished one too; NULL: there are no more. */
const char *script_console_last(struct script_console *con, unsigned back);

#endif
