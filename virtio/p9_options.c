/* See p9_options.h: directory and tag by position, what follows by name. Holds no state. */
#include "virtio/p9_options.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "lib/keylist.h"
#include "lib/types.h"

#define FORM "DIR,TAG[,ro][,ids=passthrough|mapped]"

static int take_ro(void *target, const char *value, struct err *err)
{
	struct p9_options *o = target;

	if (value)
		return err_set(err, -EINVAL, "has \"ro=%s\": write ro alone", value);
	o->ro = true;
	return 0;
}

static int take_ids(void *target, const char *value, struct err *err)
{
	static const char *const choices[] = { "passthrough", "mapped" };
	struct p9_options *o = target;
	unsigned index;
	int rc = keylist_choice("ids", value, choices, ARRAY_SIZE(choices), &index, err);

	if (!rc)
		o->ids = (enum p9_ids)index;
	return rc;
}

static const struct keylist_key keys[] = {
	{ "ro", take_ro, true },
	{ "ids", take_ids, false },
};

static const struct keylist list = { keys, ARRAY_SIZE(keys), FORM };

/* Copy what stands before the next comma to to[0..room), as much as fits, with a final 0, and move *text
 * behind the comma, or to NULL after the last part. How long the part is. */
static size_t take_part(const char **text, char *to, size_t room)
{
	const char *from = *text;
	size_t n = 0;

	for (; *from && *from != ','; from++) {
		if (from[0] == '\\' && from[1] == ',')
			from++;
		if (n + 1 < room)
			to[n] = *from;
		n++;
	}
	to[n < room ? n : room - 1] = '\0';
	*text = *from ? from + 1 : NULL;
	return n;
}

static int check_length(const char *what, size_t n, size_t max, struct err *err)
{
	if (!n)
		return err_set(err, -EINVAL, "has no %s: write " FORM, what);
	if (n > max)
		return err_set(err, -EINVAL, "has a %s of %zu characters: at most %zu are possible",
			       what, n, max);
	return 0;
}

int p9_options_parse(struct p9_options *o, const char *text, struct err *err)
{
	unsigned given;
	int rc;

	memset(o, 0, sizeof(*o));
	rc = check_length("directory", take_part(&text, o->dir, sizeof(o->dir)), sizeof(o->dir) - 1,
			  err);
	if (rc)
		return rc;
	rc = check_length("tag", text ? take_part(&text, o->tag, sizeof(o->tag)) : 0, P9_TAG_MAX,
			  err);
	if (rc || !text)
		return rc;
	return keylist_parse(&list, o, NULL, text, &given, err);
}

static void print_part(const char *text, FILE *out)
{
	for (; *text; text++)
		fprintf(out, *text == ',' ? "\\%c" : "%c", *text);
}

void p9_options_print(const struct p9_options *o, FILE *out)
{
	print_part(o->dir, out);
	fputc(',', out);
	print_part(o->tag, out);
	fprintf(out, "%s%s", o->ro ? ",ro" : "", o->ids == P9_IDS_MAPPED ? ",ids=mapped" : "");
}
