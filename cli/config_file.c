/* See config_file.h. */
#include "cli/config_file.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FILE_BYTES ((size_t)1 << 20)

/* Where a message points to. */
struct place {
	const char *path;
	unsigned line;
};

static int syntax_error(struct place at, struct err *err, const char *reason)
{
	return err_set(err, -EINVAL, "%.200s:%u: %s", at.path, at.line, reason);
}

static char *skip_blanks(char *s)
{
	return s + strspn(s, " \t\r");
}

static void trim_end(char *s)
{
	size_t n = strlen(s);

	while (n > 0 && strchr(" \t\r", s[n - 1]))
		s[--n] = '\0';
}

static int hex_digit(char c)
{
	if (isdigit((unsigned char)c))
		return c - '0';
	return isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10 : -1;
}

/* The character an escape stands for, `*s` after the backslash and moved past it. 0: no escape. */
static char unescape(char **s)
{
	static const char from[] = "\"\\ntr", to[] = "\"\\\n\t\r";
	const char *known = **s ? strchr(from, **s) : NULL;
	int high, low;

	if (known) {
		(*s)++;
		return to[known - from];
	}
	if (**s != 'x' || (high = hex_digit((*s)[1])) < 0 || (low = hex_digit((*s)[2])) < 0)
		return 0;
	*s += 3;
	return (char)(high * 16 + low);
}

/* Take the quotes and escapes off in place. `s` is after the opening quote. */
static int unquote(char *s, struct place at, struct err *err)
{
	char *out = s;

	while (*s && *s != '"') {
		char c = *s++;

		if (c == '\\') {
			c = unescape(&s);
			if (!c)
				return syntax_error(at, err,
						    "no such escape; there are \\\" \\\\ \\n \\t "
						    "\\r \\xHH");
		}
		*out++ = c;
	}
	if (*s != '"')
		return syntax_error(at, err, "the closing \" is missing");
	s = skip_blanks(s + 1);
	if (*s && *s != '#')
		return syntax_error(at, err, "only a comment may follow the closing \"");
	*out = '\0';
	return 0;
}

static void cut_comment(char *s)
{
	for (char *p = s; *p; p++) {
		if (*p == '#' && (p == s || p[-1] == ' ' || p[-1] == '\t')) {
			*p = '\0';
			return;
		}
	}
}

/* The value of a line, without quotes or comment. */
static int take_value(char **value, struct place at, struct err *err)
{
	char *s = skip_blanks(*value);

	if (*s == '"') {
		*value = s + 1;
		return unquote(s + 1, at, err);
	}
	cut_comment(s);
	trim_end(s);
	*value = s;
	return 0;
}

static int parse_line(struct run_options *options, char *line, struct place at, struct err *err)
{
	char *name = skip_blanks(line), *value = strchr(name, '=');
	struct err reason = { "" };
	int rc;

	if (*name == '\0' || *name == '#')
		return 0;
	if (!value)
		return syntax_error(at, err, "there is no =; a line is: name = value");
	*value++ = '\0';
	trim_end(name);
	if (*name == '\0')
		return syntax_error(at, err, "there is no name before the =");
	rc = take_value(&value, at, err);
	if (rc < 0)
		return rc;
	rc = opt_set(&run_option_table, options, name, value, &reason);
	if (rc < 0)
		return err_set(err, rc, "%.200s:%u: %.280s", at.path, at.line, reason.text);
	return 0;
}

int config_file_parse(struct run_options *options, const char *path, char *text, struct err *err)
{
	struct place at = { .path = path, .line = 1 };

	for (; text; at.line++) {
		char *next = strchr(text, '\n');
		int rc;

		if (next)
			*next++ = '\0';
		rc = parse_line(options, text, at, err);
		if (rc < 0)
			return rc;
		text = next;
	}
	return 0;
}

/* The whole file as a string of the options'. A pipe has no size to ask for, so read to the end. */
static int read_file(struct run_options *options, const char *path, FILE *f, char **text,
		     struct err *err)
{
	size_t n;

	*text = options_room(options, MAX_FILE_BYTES + 2);
	if (!*text)
		return err_set(err, -ENOMEM, "%.200s: no memory to read it", path);
	n = fread(*text, 1, MAX_FILE_BYTES + 1, f);
	if (ferror(f))
		return err_set(err, -EIO, "%.200s: cannot read: %s", path, strerror(errno));
	if (n > MAX_FILE_BYTES)
		return err_set(err, -EINVAL, "%.200s: larger than 1 MiB, not a config file", path);
	(*text)[n] = '\0';
	if (strlen(*text) != n)
		return err_set(err, -EINVAL, "%.200s: contains a zero byte, not a config file",
			       path);
	return 0;
}

int config_file_load(struct run_options *options, const char *path, struct err *err)
{
	FILE *f = fopen(path, "re");
	char *text = NULL;
	int rc;

	if (!f)
		return err_set(err, -EINVAL, "%.200s: cannot open: %s", path, strerror(errno));
	rc = read_file(options, path, f, &text, err);
	fclose(f);
	return rc < 0 ? rc : config_file_parse(options, path, text, err);
}

/* Whether the reader would not give exactly this text back without quotes. */
static bool needs_quotes(const char *value)
{
	size_t n = strlen(value);

	if (n == 0 || isspace((unsigned char)value[0]) || isspace((unsigned char)value[n - 1]))
		return true;
	if (value[0] == '"' || strchr(value, '#'))
		return true;
	for (const char *p = value; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return true;
	return false;
}

static void print_quoted(const char *value, FILE *out)
{
	fputc('"', out);
	for (const char *p = value; *p; p++) {
		if (*p == '"' || *p == '\\')
			fprintf(out, "\\%c", *p);
		else if ((unsigned char)*p < ' ' || *p == 0x7f)
			fprintf(out, "\\x%02x", (unsigned char)*p);
		else
			fputc(*p, out);
	}
	fputc('"', out);
}

static void print_line(const char *name, const char *value, FILE *out)
{
	fprintf(out, "%s = ", name);
	if (needs_quotes(value))
		print_quoted(value, out);
	else
		fputs(value, out);
	fputc('\n', out);
}

/* Line number `index` of an option. 1: printed, 0: there is none, or -errno. */
static int print_value_line(const struct run_options *options, const struct opt *row,
			    unsigned index, FILE *out)
{
	char *value = NULL;
	size_t size;
	FILE *f = open_memstream(&value, &size);
	bool have;

	if (!f)
		return -ENOMEM;
	have = opt_print_value(row, options, index, f);
	if (fclose(f) != 0)
		return -ENOMEM;
	if (have)
		print_line(row->name, value, out);
	free(value);
	return have;
}

static int print_option(const struct run_options *options, const struct opt *row, FILE *out)
{
	unsigned index = 0;
	int rc;

	do
		rc = print_value_line(options, row, index, out);
	while (rc > 0 && row->flags & OPT_REPEAT && ++index);
	if (rc == 0 && index == 0)
		fprintf(out, "# %s =\n", row->name);
	return rc < 0 ? rc : 0;
}

/* Whether the option has a line of its own; aliases of others have no printer. */
static bool has_line(const struct opt *row)
{
	if (!opt_is_offered(row) || row->kind == OPT_ACTION || row->flags & OPT_COMMAND_LINE)
		return false;
	return row->kind != OPT_CUSTOM || row->print;
}

int config_file_print(const struct run_options *options, FILE *out)
{
	int rc = 0;

	fputs("# rasvm run --config reads this.\n", out);
	for (unsigned i = 0; i < run_option_table.nrows && rc == 0; i++) {
		const struct opt *row = &run_option_table.rows[i];

		if (has_line(row))
			rc = print_option(options, row, out);
	}
	return rc;
}
