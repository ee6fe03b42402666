/* See opt.h: what each kind of option does with its value, and how the value is printed. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/opt.h"
#include "lib/parse.h"
#include "lib/types.h"

/* The target is a struct of the caller's that this file does not know; memcpy keeps that legal. */
static void store(void *target, const struct opt *row, const void *value, size_t size)
{
	memcpy((char *)target + row->offset, value, size);
}

static void fetch(const void *target, const struct opt *row, void *value, size_t size)
{
	memcpy(value, (const char *)target + row->offset, size);
}

/* "auto, gicv2, gicv3" */
static void list_choices(const struct opt_choice *choices, char *list, size_t size)
{
	size_t used = 0;

	list[0] = '\0';
	for (const struct opt_choice *c = choices; c->name && used < size; c++)
		used += (size_t)snprintf(list + used, size - used, "%s%s", used ? ", " : "",
					 c->name);
}

static int set_flag(const struct opt *row, void *target, const char *value, struct err *err)
{
	static const struct opt_choice words[] = {
		{ "yes", 1 },   { "no", 0 }, { "on", 1 }, { "off", 0 }, { "true", 1 },
		{ "false", 0 }, { "1", 1 },  { "0", 0 },  { NULL, 0 },
	};
	bool on = true;

	if (value) {
		const struct opt_choice *w = words;

		while (w->name && strcmp(w->name, value) != 0)
			w++;
		if (!w->name)
			return err_set(err, -EINVAL, "is neither yes nor no");
		on = w->value;
	}
	store(target, row, &on, sizeof(on));
	return 0;
}

static int set_choice(const struct opt *row, void *target, const char *value, struct err *err)
{
	char list[256];

	for (const struct opt_choice *c = row->choices; c->name; c++) {
		if (strcmp(c->name, value ? value : "on") == 0) {
			store(target, row, &c->value, sizeof(c->value));
			return 0;
		}
	}
	list_choices(row->choices, list, sizeof(list));
	return err_set(err, -EINVAL, "is not one of: %s", list);
}

static void print_number(const struct opt *row, uint64_t number, char text[PARSE_TEXT_BYTES])
{
	if (row->kind == OPT_SIZE)
		parse_print_size(number, text);
	else if (row->kind == OPT_DURATION)
		parse_print_duration(number, text);
	else
		snprintf(text, PARSE_TEXT_BYTES, "%" PRIu64, number);
}

/* "from 1 to 512, or auto" */
static void describe_range(const struct opt *row, char *text, size_t size)
{
	char min[PARSE_TEXT_BYTES], max[PARSE_TEXT_BYTES];

	print_number(row, row->min, min);
	print_number(row, row->max, max);
	snprintf(text, size, "from %s to %s%s%s", min, max, row->zero ? ", or " : "",
		 row->zero ? row->zero : "");
}

static int parse_number(const struct opt *row, const char *value, uint64_t *number, struct err *err)
{
	if (row->kind == OPT_SIZE)
		return parse_size(value, MIB(1), number, err);
	if (row->kind == OPT_DURATION)
		return parse_duration(value, number, err);
	return parse_u64(value, number, err);
}

static int check_range(const struct opt *row, uint64_t number, struct err *err)
{
	char unit[PARSE_TEXT_BYTES];

	if (number < row->min)
		return err_set(err, -ERANGE, "is too small");
	if (number > row->max)
		return err_set(err, -ERANGE, "is too large");
	if (row->multiple_of && number % row->multiple_of) {
		print_number(row, row->multiple_of, unit);
		return err_set(err, -EINVAL, "is not a multiple of %s", unit);
	}
	return 0;
}

static int set_number(const struct opt *row, void *target, const char *value, struct err *err)
{
	struct err reason = { "" };
	char range[128];
	uint64_t number = 0;

	if (!value)
		return err_set(err, -EINVAL, "needs a value");
	if (!row->zero || strcmp(value, row->zero) != 0) {
		if (parse_number(row, value, &number, &reason) < 0 ||
		    check_range(row, number, &reason) < 0) {
			describe_range(row, range, sizeof(range));
			return err_set(err, -EINVAL, "%.200s; allowed: %s", reason.text, range);
		}
	}
	if (row->kind == OPT_NUMBER)
		store(target, row, &(unsigned){ (unsigned)number }, sizeof(unsigned));
	else
		store(target, row, &number, sizeof(number));
	return 0;
}

static int set_string(const struct opt *row, void *target, const char *value, struct err *err)
{
	if (!value || value[0] == '\0')
		return err_set(err, -EINVAL, "is empty");
	store(target, row, &value, sizeof(value));
	return 0;
}

static int unavailable(const struct opt *row, const char *shown, const char *value, struct err *err)
{
	for (const struct opt_choice *c = row->choices; value && c && c->name; c++)
		if (strcmp(c->name, value) == 0)
			return 0;
	return err_set(err, -ENOTSUP, "%s: not available in this version", shown);
}

static int set_by_kind(const struct opt *row, void *target, const char *value, struct err *err)
{
	switch ((enum opt_kind)row->kind) {
	case OPT_FLAG:
		return set_flag(row, target, value, err);
	case OPT_SWITCH:
	case OPT_CHOICE:
		return set_choice(row, target, value, err);
	case OPT_NUMBER:
	case OPT_SIZE:
	case OPT_DURATION:
		return set_number(row, target, value, err);
	case OPT_STRING:
		return set_string(row, target, value, err);
	case OPT_CUSTOM:
	case OPT_ACTION:
		return row->parse(target, row, value, err);
	case OPT_GROUP:
	case OPT_IGNORED:
	case OPT_UNAVAILABLE:
		break;
	}
	return 0;
}

int opt_set_row(const struct opt *row, void *target, const char *shown, const char *value,
		struct err *err)
{
	struct err reason = { "" };
	int rc;

	if (value && !opt_needs_value(row) && !opt_is_negatable(row))
		return err_set(err, -EINVAL, "%s: takes no value, \"%.80s\" was given", shown,
			       value);
	if (!value && opt_needs_value(row))
		return err_set(err, -EINVAL, "%s: the value %s is missing", shown,
			       row->arg ? row->arg : "after it");
	if (row->kind == OPT_UNAVAILABLE)
		return unavailable(row, shown, value, err);
	rc = set_by_kind(row, target, value, &reason);
	if (rc >= 0)
		return 0;
	if (!value || row->flags & OPT_OWN_ERROR)
		return err_set(err, rc, "%s: %s", shown, reason.text);
	return err_set(err, rc, "%s: \"%.80s\" %s", shown, value, reason.text);
}

static bool print_choice(const struct opt *row, const void *target, FILE *out)
{
	int value;

	fetch(target, row, &value, sizeof(value));
	for (const struct opt_choice *c = row->choices; c->name; c++) {
		if (c->value == value) {
			fputs(c->name, out);
			return true;
		}
	}
	return false;
}

static bool print_stored_number(const struct opt *row, const void *target, FILE *out)
{
	char text[PARSE_TEXT_BYTES];
	uint64_t number = 0;
	unsigned small;

	if (row->kind == OPT_NUMBER) {
		fetch(target, row, &small, sizeof(small));
		number = small;
	} else {
		fetch(target, row, &number, sizeof(number));
	}
	print_number(row, number, text);
	fputs(number == 0 && row->zero ? row->zero : text, out);
	return true;
}

static bool print_string(const struct opt *row, const void *target, FILE *out)
{
	const char *text;

	fetch(target, row, &text, sizeof(text));
	if (!text)
		return false;
	fputs(text, out);
	return true;
}

static bool print_flag(const struct opt *row, const void *target, FILE *out)
{
	bool on;

	fetch(target, row, &on, sizeof(on));
	fputs(on ? "yes" : "no", out);
	return true;
}

bool opt_print_value(const struct opt *row, const void *target, unsigned index, FILE *out)
{
	if (row->kind == OPT_CUSTOM)
		return row->print && row->print(target, row, index, out);
	if (index > 0)
		return false;
	switch ((enum opt_kind)row->kind) {
	case OPT_FLAG:
		return print_flag(row, target, out);
	case OPT_SWITCH:
	case OPT_CHOICE:
		return print_choice(row, target, out);
	case OPT_NUMBER:
	case OPT_SIZE:
	case OPT_DURATION:
		return print_stored_number(row, target, out);
	case OPT_STRING:
		return print_string(row, target, out);
	case OPT_CUSTOM:
	case OPT_ACTION:
	case OPT_GROUP:
	case OPT_IGNORED:
	case OPT_UNAVAILABLE:
		break;
	}
	return false;
}
