/*
 * Config files: `name = value` lines with the long names of `rasvm run`'s options, in the order in
 * which they take effect. Options that repeat have a line for each value. `#` begins a comment at
 * the start of a line or after a blank. A value in double quotes may contain anything, with the
 * escapes \" \\ \n \t \r \xHH. Pure but for reading the file.
 */
#ifndef CLI_CONFIG_FILE_H
#define CLI_CONFIG_FILE_H

#include <stdio.h>

#include "cli/options.h"

/* Apply the lines of file `path`. 0, or -errno with `err` written: `path:line: reason`. */
int config_file_load(struct run_options *options, const char *path, struct err *err)
	__attribute__((warn_unused_result));

/* Apply `text`, which is changed and must outlive `options`; `path` is for messages. */
int config_file_parse(struct run_options *options, const char *path, char *text, struct err *err)
	__attribute__((warn_unused_result));

/* Write all options as a config file that gives the same struct. Options that are not set are
 * comments. 0 or -errno. */
int config_file_print(const struct run_options *options, FILE *out)
	__attribute__((warn_unused_result));

#endif
