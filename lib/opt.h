/*
 * Option tables. One table row says everything about an option: its names, the kind of its value,
 * where the value is stored, what is allowed and the text that explains it. Command line, config
 * file, --help, man page, completion and --print-config are all made from the rows, so they cannot
 * disagree.
 *
 * The rules of the command line are those of getopt_long: `--name=value`, `--name value`, `-nvalue`,
 * `-n value`; a long name may be cut short as long as it is unique; options and other arguments may
 * be mixed; `--` ends the options. Flags and switches have a `--no-name` form.
 *
 * Values are stored in a target struct of the caller's. Strings are not copied: the text handed to
 * opt_parse() and opt_set() must outlive the target. Pure; no state of its own.
 */
#ifndef LIB_OPT_H
#define LIB_OPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/err.h"

enum opt_kind {
	OPT_GROUP,       /* not an option: a heading, in `help` */
	OPT_FLAG,        /* bool; --x, --no-x, --x=yes, --x=no */
	OPT_SWITCH,      /* int, one of `choices`; --x is "on", --no-x is "off", --x=CHOICE */
	OPT_CHOICE,      /* int, one of `choices` */
	OPT_NUMBER,      /* unsigned, min..max */
	OPT_SIZE,        /* uint64_t, bytes, min..max; without a suffix MiB */
	OPT_DURATION,    /* uint64_t, nanoseconds, min..max */
	OPT_STRING,      /* const char *, not empty; NULL: not set */
	OPT_CUSTOM,      /* `parse` and `print` do it; the value is required */
	OPT_ACTION,      /* no value: `parse` is called with value NULL */
	OPT_IGNORED,     /* accepted, nothing to do */
	OPT_UNAVAILABLE, /* known, and refused with a clear message */
};

enum opt_flag {
	OPT_PATH = 1,         /* the value is a file name (completion) */
	OPT_REPEAT = 2,       /* every use adds one */
	OPT_COMMAND_LINE = 4, /* not in config files and not printed there */
	OPT_NO_VALUE = 8,     /* OPT_IGNORED, OPT_UNAVAILABLE: takes no value */
	OPT_OWN_ERROR = 16,   /* the error of `parse` is a sentence of its own */
};

struct opt_choice {
	const char *name; /* NULL ends the list */
	int value;
};

struct opt;

/* Take `value` into `target`. 0 or -EINVAL with `err` written: a sentence that continues after the
 * quoted value. */
typedef int opt_parse_fn(void *target, const struct opt *opt, const char *value, struct err *err);

/* Write value number `index` (0 for options that do not repeat) as opt_parse_fn reads it. False:
 * there is none, and nothing was written. */
typedef bool opt_print_fn(const void *target, const struct opt *opt, unsigned index, FILE *out);

struct opt {
	const char *name; /* long name without dashes */
	char letter;      /* short name or 0 */
	uint8_t kind;     /* enum opt_kind */
	uint8_t flags;    /* enum opt_flag */
	size_t offset;    /* of the value in the target */
	const char *arg;  /* what help calls the value */
	const char *help; /* sentences, for --help and man page */
	const char *more; /* further sentences, for the man page only */

	uint64_t min, max, multiple_of; /* multiple_of 0: any */
	const char *zero; /* a word for the value 0, allowed beside min..max; or NULL */
	const struct opt_choice *choices; /* OPT_UNAVAILABLE: values that ask for nothing */
	opt_parse_fn *parse;
	opt_print_fn *print;
};

struct opt_table {
	const struct opt *rows;
	unsigned nrows;
	/* Called for an argument that is no option; NULL: an error. */
	int (*positional)(void *target, const char *text, struct err *err);
};

/* Read argv[0..argc), which does not contain the program's name. 0, or -EINVAL (-ENOTSUP for
 * OPT_UNAVAILABLE) with `err` naming option, value, reason and what is allowed. */
int opt_parse(const struct opt_table *table, void *target, int argc, const char *const *argv,
	      struct err *err) __attribute__((warn_unused_result));

/* Set the option with the full long name `name` as a config file does; `value` NULL: none was
 * given. Same results as opt_parse(). */
int opt_set(const struct opt_table *table, void *target, const char *name, const char *value,
	    struct err *err) __attribute__((warn_unused_result));

/* Like opt_set() for one row; `shown` is how the option was written, for messages. */
int opt_set_row(const struct opt *row, void *target, const char *shown, const char *value,
		struct err *err) __attribute__((warn_unused_result));

/* The row with this full long name, or NULL. */
const struct opt *opt_find(const struct opt_table *table, const char *name);

/* The name in `names[0..n)` nearest to `text`, or NULL if none is near enough to be meant. */
const char *opt_nearest(const char *text, const char *const *names, unsigned n);

/* True if the option can be used in this version: to be shown in help, man page, completion. */
bool opt_is_offered(const struct opt *row);

/* True for a row with a --no- form. */
bool opt_is_negatable(const struct opt *row);

/* True if a value has to, or may, follow. */
bool opt_needs_value(const struct opt *row);

/* Write the value of a row as opt_set() reads it (unquoted). False: there is no value number
 * `index`, and nothing was written. */
bool opt_print_value(const struct opt *row, const void *target, unsigned index, FILE *out);

/* The option list of --help, wrapped at 80 columns. Values of `defaults` are shown as defaults. */
void opt_print_help(const struct opt_table *table, const void *defaults, FILE *out);

/* The same as mdoc(7) lists, for the man page. */
void opt_print_man(const struct opt_table *table, const void *defaults, FILE *out);

/* Words of the table, for bash completion: all long and short options, one a line. */
void opt_print_words(const struct opt_table *table, FILE *out);

/* Arms of a bash `case` over the option before the cursor: file names or choices. */
void opt_print_value_cases(const struct opt_table *table, FILE *out);

/* Print `text` broken at blanks so that no line passes `width` columns; the first line starts at
 * column `at`, all others are indented to `indent`. A newline ends it. */
void opt_print_wrapped(const char *text, unsigned at, unsigned indent, unsigned width, FILE *out);

#endif
