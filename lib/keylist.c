/*
 * See keylist.h. The text is copied, cut at its commas in place, and each part is given to its key.
 * Holds no state.
 */
#include "lib/keylist.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/parse.h"

#define CHOICES_BYTES 256

_Static_assert(KEYLIST_MAX_KEYS <= 32, "each key has a bit of `given`");

static int unknown_part(const struct keylist *list, const char *part, struct err *err)
{
	return err_set(err, -EINVAL, "has the unknown part \"%s\": write %s", part, list->form);
}

static int given_twice(const char *name, bool bare, struct err *err)
{
	return err_set(err, -EINVAL, "has %s%s twice: once is enough", name, bare ? "" : "=");
}

/* The index of the key whose name is name[0..len), or -1. */
static int find_key(const struct keylist *list, const char *name, size_t len)
{
	for (unsigned i = 0; i < list->nkeys; i++)
		if (strlen(list->keys[i].name) == len &&
		    strncmp(list->keys[i].name, name, len) == 0)
			return (int)i;
	return -1;
}

/* Take one "name=value" or "name". *given has a bit for each key that was there before. */
static int take_part(const struct keylist *list, void *target, const char *part, unsigned *given,
		     struct err *err)
{
	const char *equals = strchr(part, '=');
	const char *value = equals ? equals + 1 : NULL;
	int i = find_key(list, part, equals ? (size_t)(equals - part) : strlen(part));

	if (i < 0 || (!value && !list->keys[i].bare))
		return unknown_part(list, part, err);
	if (*given & 1u << i)
		return given_twice(list->keys[i].name, !value, err);
	*given |= 1u << i;
	return list->keys[i].take(target, value, err);
}

/* The part before the next comma, cut off *rest, which is NULL after the last. A backslash belongs to
 * the character behind it; before a comma it is taken out and the comma stays. */
static char *next_part(char **rest)
{
	char *part = *rest, *to = part, *from = part;

	while (*from && *from != ',') {
		if (from[0] == '\\' && from[1] == ',')
			from++;
		else if (from[0] == '\\' && from[1])
			*to++ = *from++;
		*to++ = *from++;
	}
	*rest = *from ? from + 1 : NULL;
	*to = '\0';
	return part;
}

static int copy_text(const char *text, char copy[KEYLIST_MAX_BYTES], struct err *err)
{
	size_t len = strlen(text);

	if (len >= KEYLIST_MAX_BYTES) {
		err_set(err, -EINVAL, "is too long: %zu characters, at most %d are read", len,
			KEYLIST_MAX_BYTES - 1);
		return -EINVAL;
	}
	memcpy(copy, text, len + 1);
	return 0;
}

int keylist_parse(const struct keylist *list, void *target,
		  int (*first)(void *target, const char *text, struct err *err), const char *text,
		  unsigned *given, struct err *err)
{
	char copy[KEYLIST_MAX_BYTES], *rest = copy;
	int rc = copy_text(text, copy, err);

	*given = 0;
	if (!rc && first)
		rc = first(target, next_part(&rest), err);
	while (!rc && rest)
		rc = take_part(list, target, next_part(&rest), given, err);
	return rc;
}

int keylist_time(const char *name, const char *value, uint64_t min_ns, uint64_t *ns,
		 struct err *err)
{
	char min[PARSE_TEXT_BYTES], max[PARSE_TEXT_BYTES];
	uint64_t time_ns;

	if (!parse_duration(value, &time_ns, NULL) && time_ns >= min_ns &&
	    time_ns <= KEYLIST_MAX_TIME_NS) {
		*ns = time_ns;
		return 0;
	}
	parse_print_duration(min_ns, min);
	parse_print_duration(KEYLIST_MAX_TIME_NS, max);
	return err_set(err, -EINVAL,
		       "has \"%s=%s\": write seconds, or a number with one of ns us ms s m h, "
		       "from %s to %s",
		       name, value, min, max);
}

int keylist_number(const char *name, const char *value, uint64_t min, uint64_t max,
		   uint64_t *number, struct err *err)
{
	uint64_t found;

	if (parse_u64(value, &found, NULL) || found < min || found > max)
		return err_set(err, -EINVAL,
			       "has \"%s=%s\": the value must be %" PRIu64 " to %" PRIu64, name,
			       value, min, max);
	*number = found;
	return 0;
}

/* "a, b or c", cut if it is very long. */
static void list_choices(const char *const *choices, unsigned n, char text[CHOICES_BYTES])
{
	size_t used = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < n && used < CHOICES_BYTES; i++) {
		const char *link = i == 0 ? "" : i + 1 == n ? " or " : ", ";

		used += (size_t)snprintf(text + used, CHOICES_BYTES - used, "%s%s", link,
					 choices[i]);
	}
}

int keylist_choice(const char *name, const char *value, const char *const *choices, unsigned n,
		   unsigned *index, struct err *err)
{
	char all[CHOICES_BYTES];

	for (unsigned i = 0; i < n; i++) {
		if (strcmp(choices[i], value) == 0) {
			*index = i;
			return 0;
		}
	}
	list_choices(choices, n, all);
	return err_set(err, -EINVAL, "has \"%s=%s\": use %s", name, value, all);
}
