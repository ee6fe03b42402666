/*
 * See parse.h. A unit table each for sizes and durations drives reading and printing, so that one is
 * always the inverse of the other. Left out: fractions and signs.
 */
#include "lib/parse.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/clock.h"
#include "lib/types.h"

struct unit {
	const char *suffix;
	uint64_t scale;
};

/* Largest first: printing takes the first that divides the value. */
static const struct unit size_units[] = {
	{ "P", UINT64_C(1) << 50 },
	{ "T", UINT64_C(1) << 40 },
	{ "G", GIB(1) },
	{ "M", MIB(1) },
	{ "K", KIB(1) },
	{ "B", 1 },
};

static const struct unit time_units[] = {
	{ "h", 3600 * NS_PER_SEC }, { "m", 60 * NS_PER_SEC }, { "s", NS_PER_SEC },
	{ "ms", NS_PER_MS },        { "us", NS_PER_US },      { "ns", 1 },
};

/* Read the digits at the start of `text`, after 0x if the base is 16. Returns what follows them, or
 * NULL with `err` written. */
static const char *parse_digits(const char *text, int base, uint64_t *value, struct err *err)
{
	const char *fault = NULL;
	char *end;

	/* strtoull would take blanks and a sign, and wrap negative numbers around. */
	if (text[0] == '-' && isdigit((unsigned char)text[1]))
		fault = "is negative";
	else if (base == 16 ? !isxdigit((unsigned char)text[2]) : !isdigit((unsigned char)*text))
		fault = "is not a number";
	errno = 0;
	*value = strtoull(text, &end, base);
	if (!fault && errno)
		fault = "is too large: it does not fit 64 bits";
	if (fault)
		err_set(err, -EINVAL, "%s", fault);
	return fault ? NULL : end;
}

int parse_u64(const char *text, uint64_t *value, struct err *err)
{
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	const char *end = parse_digits(text, hex ? 16 : 10, value, err);

	if (!end)
		return -EINVAL;
	if (*end != '\0')
		return err_set(err, -EINVAL, "is not a number: \"%s\" follows the digits", end);
	return 0;
}

static const struct unit *find_unit(const struct unit *units, unsigned n, const char *suffix,
				    bool any_case)
{
	for (unsigned i = 0; i < n; i++)
		if ((any_case ? strcasecmp : strcmp)(units[i].suffix, suffix) == 0)
			return &units[i];
	return NULL;
}

static int scale(uint64_t number, uint64_t by, uint64_t *value, struct err *err)
{
	if (__builtin_mul_overflow(number, by, value))
		return err_set(err, -ERANGE, "is too large: it does not fit 64 bits");
	return 0;
}

int parse_size(const char *text, uint64_t unit, uint64_t *bytes, struct err *err)
{
	const struct unit *u;
	uint64_t number;
	const char *suffix = parse_digits(text, 10, &number, err);

	if (!suffix)
		return -EINVAL;
	if (*suffix == '\0')
		return scale(number, unit, bytes, err);
	u = find_unit(size_units, ARRAY_SIZE(size_units), suffix, true);
	if (!u)
		return err_set(err, -EINVAL,
			       "is not a size: \"%s\" is none of the suffixes B K M G T P", suffix);
	return scale(number, u->scale, bytes, err);
}

int parse_duration(const char *text, uint64_t *ns, struct err *err)
{
	const struct unit *u;
	uint64_t number;
	const char *suffix = parse_digits(text, 10, &number, err);

	if (!suffix)
		return -EINVAL;
	if (*suffix == '\0')
		return scale(number, NS_PER_SEC, ns, err);
	u = find_unit(time_units, ARRAY_SIZE(time_units), suffix, false);
	if (!u)
		return err_set(err, -EINVAL,
			       "is not a time: \"%s\" is none of the suffixes ns us ms s m h",
			       suffix);
	return scale(number, u->scale, ns, err);
}

static void print_scaled(const struct unit *units, uint64_t value, char text[PARSE_TEXT_BYTES])
{
	/* The last unit is 1 and divides everything. */
	while (value % units->scale || (value == 0 && units->scale != 1))
		units++;
	snprintf(text, PARSE_TEXT_BYTES, "%" PRIu64 "%s", value / units->scale, units->suffix);
}

void parse_print_size(uint64_t bytes, char text[PARSE_TEXT_BYTES])
{
	print_scaled(size_units, bytes, text);
}

void parse_print_duration(uint64_t ns, char text[PARSE_TEXT_BYTES])
{
	print_scaled(time_units, ns, text);
}
