/*
 * Extended regular expressions that come from outside and are matched with what a guest prints. Pure.
 */
#ifndef LIB_ERE_H
#define LIB_ERE_H

#include <regex.h>

#include "lib/err.h"

/* Compile an extended regular expression (POSIX 9.4) of which it is sure that it needs little memory and
 * time: repetitions multiply to no more than a limit, and there are no back-references. 0, or -EINVAL with
 * `err` a sentence that continues after the expression. */
int ere_compile(regex_t *regex, const char *text, struct err *err)
	__attribute__((warn_unused_result));

#endif
