/* See script_text.h. */
#include "cli/script_text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int script_value_set(struct script_value *value, const char *text, size_t n, bool fixed)
{
	char *copy = malloc(n + 1);

	if (!copy)
		return -ENOMEM;
	memcpy(copy, text, n);
	copy[n] = '\0';
	free(value->text);
	*value = (struct script_value){ .text = copy, .n = n, .fixed = fixed };
	return 0;
}

void script_values_free(struct script_values *values)
{
	for (unsigned i = 0; i < SCRIPT_MAX_VARIABLES; i++)
		free(values->variable[i].text);
	for (unsigned i = 0; i <= SCRIPT_MAX_GROUPS; i++)
		free(values->group[i].text);
	*values = (struct script_values){ 0 };
}

/* ---- putting values in ---- */

struct output {
	char *text;
	size_t used;
	bool full;
};

static void put(struct output *out, char c)
{
	if (out->used + 1 < SCRIPT_LINE_BYTES)
		out->text[out->used++] = c;
	else
		out->full = true;
}

static void put_value(struct output *out, const struct script_value *value, bool quote)
{
	static const char special[] = ".[\\()*+?{|^$";

	for (size_t i = 0; i < value->n; i++) {
		if (quote && value->text[i] && strchr(special, value->text[i]))
			put(out, '\\');
		put(out, value->text[i]);
	}
}

int script_expand(const struct script *script, struct script_text text,
		  const struct script_values *values, bool quote, char *text_out, size_t *n,
		  bool *fixed)
{
	struct output out = { .text = text_out };
	bool all_fixed = true;

	for (uint32_t i = text.first; i < text.first + text.n; i++) {
		const struct script_piece *piece = &script->piece[i];
		const struct script_value *value;

		if (piece->kind == SCRIPT_LITERAL) {
			for (uint32_t k = 0; k < piece->n; k++)
				put(&out, script->bytes[piece->at + k]);
			continue;
		}
		value = piece->kind == SCRIPT_GROUP ? &values->group[piece->at]
						    : &values->variable[piece->at];
		all_fixed &= value->fixed;
		put_value(&out, value, quote);
	}
	out.text[out.used] = '\0';
	*n = out.used;
	if (fixed)
		*fixed = all_fixed;
	return out.full ? -E2BIG : 0;
}
