/* See state.h. */
#include "lib/state.h"

size_t state_covered(const struct state_desc *desc)
{
	size_t bytes = 0;

	for (const struct state_field *f = desc->fields; f->id; f++)
		bytes += (size_t)f->size * f->count;
	return bytes;
}
