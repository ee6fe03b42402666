/* Texts of a script: what variables and groups hold, and a text with them put in. Pure. */
#ifndef CLI_SCRIPT_TEXT_H
#define CLI_SCRIPT_TEXT_H

#include "cli/script.h"

struct script_value {
	char *text; /* n bytes and a final 0; NULL: not set */
	size_t n;
	bool fixed; /* known before the run */
};

/* Begin with all 0; give back by script_values_free(). */
struct script_values {
	struct script_value variable[SCRIPT_MAX_VARIABLES];
	struct script_value group[SCRIPT_MAX_GROUPS + 1]; /* [0] is not used */
};

/* 0 or -ENOMEM with the value as it was. */
int script_value_set(struct script_value *value, const char *text, size_t n, bool fixed)
	__attribute__((warn_unused_result));
void script_values_free(struct script_values *values);

/* Write text into out[SCRIPT_LINE_BYTES], with a final 0. `quote`: it is a regular expression, in which
 * values stand for themselves. *fixed: all values in it are known before the run; may be NULL. 0, or -E2BIG:
 * it does not fit. */
int script_expand(const struct script *script, struct script_text text,
		  const struct script_values *values, bool quote, char *out, size_t *n, bool *fixed)
	__attribute__((warn_unused_result));

#endif
