/*
 * See opt.h: finding the row an argument means. What a row does with its value is in opt_value.c,
 * what is printed from rows in opt_print.c.
 */
#include "lib/opt.h"

#include <errno.h>
#include <string.h>

#define MAX_NAME 48 /* longest option name that is compared, with "no-" */

/* Every row has its name and, if it can be negated, "no-" and its name. */
struct match {
	const struct opt *row;
	bool negated;
};

struct args {
	int argc;
	const char *const *argv;
	int next;
};

static bool is_option(const struct opt *row)
{
	return row->kind != OPT_GROUP;
}

bool opt_is_offered(const struct opt *row)
{
	return row->kind != OPT_GROUP && row->kind != OPT_UNAVAILABLE && row->kind != OPT_IGNORED;
}

bool opt_is_negatable(const struct opt *row)
{
	return row->kind == OPT_FLAG || row->kind == OPT_SWITCH;
}

bool opt_needs_value(const struct opt *row)
{
	return !opt_is_negatable(row) && row->kind != OPT_ACTION && !(row->flags & OPT_NO_VALUE);
}

const struct opt *opt_find(const struct opt_table *table, const char *name)
{
	for (unsigned i = 0; i < table->nrows; i++)
		if (is_option(&table->rows[i]) && strcmp(table->rows[i].name, name) == 0)
			return &table->rows[i];
	return NULL;
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;

	return m < c ? m : c;
}

/* Levenshtein distance; texts longer than MAX_NAME are never near anything. */
static unsigned edit_distance(const char *a, const char *b)
{
	unsigned row[MAX_NAME + 1], diagonal, above;
	size_t na = strlen(a), nb = strlen(b);

	if (na > MAX_NAME || nb > MAX_NAME)
		return MAX_NAME;
	for (unsigned j = 0; j <= nb; j++)
		row[j] = j;
	for (unsigned i = 1; i <= na; i++) {
		diagonal = row[0];
		row[0] = i;
		for (unsigned j = 1; j <= nb; j++) {
			above = row[j];
			row[j] = min3(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
			diagonal = above;
		}
	}
	return row[nb];
}

/* A name is near enough if no more than a third of it, and one letter, has to change: two swapped
 * letters are two changes. */
static unsigned near_enough(const char *text)
{
	return (unsigned)strlen(text) / 3 + 1;
}

const char *opt_nearest(const char *text, const char *const *names, unsigned n)
{
	unsigned best = near_enough(text) + 1;
	const char *found = NULL;

	for (unsigned i = 0; i < n; i++) {
		unsigned d = edit_distance(text, names[i]);

		if (d < best) {
			best = d;
			found = names[i];
		}
	}
	return found;
}

static void full_name(struct match m, char name[MAX_NAME])
{
	snprintf(name, MAX_NAME, "%s%s", m.negated ? "no-" : "", m.row->name);
}

/* Match number `i`: two for each row, the second one if the row has a negated form. */
static bool match_at(const struct opt_table *table, unsigned i, struct match *m)
{
	*m = (struct match){ .row = &table->rows[i / 2], .negated = i % 2 };
	return is_option(m->row) && (!m->negated || opt_is_negatable(m->row));
}

static void nearest_option(const struct opt_table *table, const char *text, char found[MAX_NAME])
{
	unsigned best = near_enough(text) + 1;
	struct match m;

	found[0] = '\0';
	for (unsigned i = 0; i < 2 * table->nrows; i++) {
		char name[MAX_NAME];
		unsigned d;

		if (!match_at(table, i, &m))
			continue;
		full_name(m, name);
		d = edit_distance(text, name);
		if (d < best) {
			best = d;
			memcpy(found, name, MAX_NAME);
		}
	}
}

static int unknown_option(const struct opt_table *table, const char *dashes, const char *text,
			  struct err *err)
{
	char near[MAX_NAME];

	nearest_option(table, text, near);
	if (near[0])
		return err_set(err, -EINVAL, "%s%.60s: no such option; did you mean %s%s?", dashes,
			       text, dashes, near);
	return err_set(err, -EINVAL, "%s%.60s: no such option; --help lists all", dashes, text);
}

static int ambiguous_option(const struct opt_table *table, const char *text, struct err *err)
{
	size_t len = strlen(text), used = 0;
	char list[256] = "";
	struct match m;

	for (unsigned i = 0; i < 2 * table->nrows; i++) {
		char name[MAX_NAME];

		if (!match_at(table, i, &m))
			continue;
		full_name(m, name);
		if (strncmp(name, text, len) == 0 && used + strlen(name) + 5 < sizeof(list))
			used += (size_t)snprintf(list + used, sizeof(list) - used, "%s--%s",
						 used ? ", " : "", name);
	}
	return err_set(err, -EINVAL, "--%.60s: not unique, it could be %s", text, list);
}

/* The row a long option means: the exact name, else the only one that begins so. `found` is written
 * on success only. */
static int find_long(const struct opt_table *table, const char *text, struct match *found,
		     struct err *err)
{
	size_t len = strlen(text);
	struct match m, last = { NULL, false };
	unsigned n = 0;

	for (unsigned i = 0; i < 2 * table->nrows; i++) {
		char name[MAX_NAME];

		if (!match_at(table, i, &m))
			continue;
		full_name(m, name);
		if (strcmp(name, text) == 0) {
			*found = m;
			return 0;
		}
		if (strncmp(name, text, len) == 0) {
			last = m;
			n++;
		}
	}
	if (n == 0)
		return unknown_option(table, "--", text, err);
	if (n > 1)
		return ambiguous_option(table, text, err);
	*found = last;
	return 0;
}

/* The next argument is the value of an option; NULL if there is none. */
static const char *next_value(struct args *args)
{
	return args->next < args->argc ? args->argv[args->next++] : NULL;
}

static int apply_long(void *target, struct match m, const char *value, struct args *args,
		      struct err *err)
{
	char name[MAX_NAME], shown[MAX_NAME + 2];

	full_name(m, name);
	snprintf(shown, sizeof(shown), "--%s", name);
	if (m.negated)
		return value ? err_set(err, -EINVAL, "%s: takes no value, \"%.80s\" was given",
				       shown, value)
			     : opt_set_row(m.row, target, shown,
					   m.row->kind == OPT_FLAG ? "no" : "off", err);
	if (!value && opt_needs_value(m.row))
		value = next_value(args);
	return opt_set_row(m.row, target, shown, value, err);
}

/* `text` follows the two dashes. */
static int parse_long(const struct opt_table *table, void *target, const char *text,
		      struct args *args, struct err *err)
{
	char name[MAX_NAME];
	const char *equals = strchr(text, '=');
	size_t len = equals ? (size_t)(equals - text) : strlen(text);
	struct match m = { NULL, false };
	int rc;

	if (len == 0 || len >= sizeof(name))
		return err_set(err, -EINVAL, "--%.60s: no such option; --help lists all", text);
	memcpy(name, text, len);
	name[len] = '\0';
	rc = find_long(table, name, &m, err);
	if (!m.row)
		return rc;
	return apply_long(target, m, equals ? equals + 1 : NULL, args, err);
}

static const struct opt *find_letter(const struct opt_table *table, char letter)
{
	for (unsigned i = 0; i < table->nrows; i++)
		if (is_option(&table->rows[i]) && table->rows[i].letter == letter)
			return &table->rows[i];
	return NULL;
}

/* `text` follows the dash: letters of options without values, then perhaps one with its value. */
static int parse_letters(const struct opt_table *table, void *target, const char *text,
			 struct args *args, struct err *err)
{
	for (; *text; text++) {
		const struct opt *row = find_letter(table, *text);
		char shown[MAX_NAME + 8];
		int rc;

		if (!row)
			return unknown_option(table, "-", (char[]){ *text, '\0' }, err);
		snprintf(shown, sizeof(shown), "-%c/--%s", row->letter, row->name);
		if (opt_needs_value(row)) {
			if (text[1])
				return opt_set_row(row, target, shown, text + 1, err);
			return opt_set_row(row, target, shown, next_value(args), err);
		}
		rc = opt_set_row(row, target, shown, NULL, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int parse_positional(const struct opt_table *table, void *target, const char *text,
			    struct err *err)
{
	if (!table->positional)
		return err_set(err, -EINVAL, "\"%.80s\": no such argument", text);
	return table->positional(target, text, err);
}

int opt_parse(const struct opt_table *table, void *target, int argc, const char *const *argv,
	      struct err *err)
{
	struct args args = { .argc = argc, .argv = argv };
	bool ended = false;
	int rc = 0;

	while (rc >= 0 && args.next < argc) {
		const char *text = argv[args.next++];

		if (ended || text[0] != '-' || text[1] == '\0')
			rc = parse_positional(table, target, text, err);
		else if (strcmp(text, "--") == 0)
			ended = true;
		else if (text[1] == '-')
			rc = parse_long(table, target, text + 2, &args, err);
		else
			rc = parse_letters(table, target, text + 1, &args, err);
	}
	return rc;
}

int opt_set(const struct opt_table *table, void *target, const char *name, const char *value,
	    struct err *err)
{
	const struct opt *row = opt_find(table, name);

	if (!row)
		return unknown_option(table, "", name, err);
	if (row->flags & OPT_COMMAND_LINE || row->kind == OPT_ACTION)
		return err_set(err, -EINVAL, "%s: works on the command line only", name);
	return opt_set_row(row, target, name, value, err);
}
