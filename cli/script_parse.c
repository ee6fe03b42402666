/*
 * See script.h: from the text of a script to its statements. Each line is read by itself, so that one error
 * does not hide the next; a line reports its first error only.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arm64/status.h"
#include "cli/script_lex.h"
#include "lib/opt.h"
#include "lib/parse.h"
#include "lib/types.h"
#include "ras/inject.h"
#include "sdei/options.h"

#define UNNAMED_BLOCK "rest of the script"

/* ---- statements ---- */

/* "timeout=TIME " may come first. */
static bool take_timeout(struct parser *p, struct script_statement *st)
{
	static const char key[] = "timeout=";

	st->wait_ns = p->timeout_ns;
	if ((size_t)(p->end - p->p) < sizeof(key) - 1 || memcmp(p->p, key, sizeof(key) - 1) != 0)
		return true;
	p->p += sizeof(key) - 1;
	if (!lex_take_time(p, &st->wait_ns))
		return false;
	lex_skip_blanks(p);
	return true;
}

static bool parse_nothing(struct parser *p, struct script_statement *st)
{
	(void)p, (void)st;
	return true;
}

static bool parse_expect(struct parser *p, struct script_statement *st)
{
	unsigned groups = 0;
	bool good = take_timeout(p, st) && lex_take_regex(p, &st->text, &groups);

	/* With an error in it, nobody knows how many there are to be: that is reported once. */
	if (!good)
		groups = SCRIPT_MAX_GROUPS;
	if (groups == 0)
		return good;
	p->ngroups = groups;
	p->groups_line = p->line;
	for (unsigned i = 1; i <= SCRIPT_MAX_GROUPS; i++)
		if (script_value_set(&p->values.group[i], "x", 1, false))
			return lex_out_of_memory(p);
	return good;
}

static bool parse_regex(struct parser *p, struct script_statement *st)
{
	unsigned groups;

	return lex_take_regex(p, &st->text, &groups);
}

static bool parse_fail_on(struct parser *p, struct script_statement *st)
{
	static const char none[] = "none";

	if ((size_t)(p->end - p->p) < sizeof(none) - 1 || memcmp(p->p, none, sizeof(none) - 1) != 0)
		return parse_regex(p, st);
	p->p += sizeof(none) - 1;
	st->op = SCRIPT_FAIL_ON_NONE;
	return true;
}

static bool parse_quoted(struct parser *p, struct script_statement *st)
{
	if (p->p == p->end || *p->p != '"')
		return lex_fail_at(p, p->p, "a text in quotes is missing: \"...\"");
	return lex_take_quoted(p, &st->text);
}

static bool parse_send(struct parser *p, struct script_statement *st)
{
	return take_timeout(p, st) && parse_quoted(p, st);
}

/* Texts that end up in the fields of a script, without references. */
static bool keep_fixed(struct parser *p, const char *expanded, struct script_text *text)
{
	const struct script_piece whole = { .at = p->script->nbytes,
					    .n = (uint32_t)strlen(expanded) };

	*text = lex_new_text(p);
	if (!lex_add_piece(p, text, whole))
		return false;
	return lex_add_bytes(p, expanded, strlen(expanded) + 1);
}

/* The plan is printed before the run, and so are the names in it. */
static bool parse_check(struct parser *p, struct script_statement *st)
{
	char name[SCRIPT_LINE_BYTES];
	const char *at = p->p;
	bool fixed;

	if (!parse_quoted(p, st) || !lex_expand(p, at, st->text, name, &fixed))
		return false;
	if (!fixed)
		return lex_fail_at(p, at,
				   "a name must be known before the run, so nothing that was "
				   "matched");
	if (name[0] == '\0')
		return lex_fail_at(p, at, "an empty name says nothing about what was checked");
	return keep_fixed(p, name, &st->text);
}

static bool parse_sleep(struct parser *p, struct script_statement *st)
{
	return lex_take_time(p, &st->wait_ns);
}

static bool parse_timeout(struct parser *p, struct script_statement *st)
{
	(void)st;
	return lex_take_time(p, &p->timeout_ns);
}

static bool parse_inject(struct parser *p, struct script_statement *st)
{
	struct inject_rule rules[INJECT_MAX_RULES];
	char text[SCRIPT_LINE_BYTES];
	struct err reason = { "" };
	const char *at = p->p;
	unsigned n = 0;
	bool fixed;

	if (lex_at_end(p))
		return lex_fail_at(p, at, "an injection is missing, such as mem-ao,gpa=0x90000000");
	st->wait_ns = p->timeout_ns;
	if (!lex_take_bare(p, true, &st->text) || !lex_expand(p, at, st->text, text, &fixed))
		return false;
	if (fixed && inject_parse(rules, &n, text, &reason))
		return lex_fail_at(p, at, "\"%.60s\" %.120s", text, reason.text);
	return true;
}

static int check_trigger(const char *text, struct err *err)
{
	struct sdei_trigger_rule rules[SDEI_MAX_TRIGGERS];
	char rule[SCRIPT_LINE_BYTES + 8];
	unsigned n = 0;
	int rc;

	snprintf(rule, sizeof(rule), "event=%s", text);
	rc = sdei_parse_trigger(rules, &n, rule, err);
	if (rc < 0)
		return rc;
	if (strstr(text, "at=") || strstr(text, "every=") || strstr(text, "count="))
		return err_set(err, -EINVAL, "is not EVENT[,cpu=N]: a script triggers at once");
	return 0;
}

static bool parse_sdei(struct parser *p, struct script_statement *st)
{
	static const char verb[] = "trigger";
	char text[SCRIPT_LINE_BYTES];
	struct err reason = { "" };
	const char *at = p->p;
	bool fixed;

	if ((size_t)(p->end - p->p) < sizeof(verb) - 1 || memcmp(p->p, verb, sizeof(verb) - 1) != 0)
		return lex_fail_at(p, at, "\"trigger\" is missing: sdei trigger EVENT[,cpu=N]");
	p->p += sizeof(verb) - 1;
	lex_skip_blanks(p);
	at = p->p;
	if (lex_at_end(p))
		return lex_fail_at(p, at, "an event is missing, such as shared-normal");
	if (!lex_take_bare(p, true, &st->text) || !lex_expand(p, at, st->text, text, &fixed))
		return false;
	if (fixed && check_trigger(text, &reason))
		return lex_fail_at(p, at, "\"%.60s\" %.120s", text, reason.text);
	return true;
}

/* The value of `set`, up to the end of the line. */
static bool take_set_value(struct parser *p, struct script_statement *st, char *value, bool *fixed)
{
	const char *at = p->p;

	if (p->p < p->end && *p->p == '"' ? !lex_take_quoted(p, &st->text)
					  : !lex_take_bare(p, true, &st->text))
		return false;
	return lex_expand(p, at, st->text, value, fixed);
}

static bool parse_set(struct parser *p, struct script_statement *st)
{
	size_t n = lex_name_length(p->p, p->end);
	char value[SCRIPT_LINE_BYTES] = "x";
	bool fixed = false, good;
	int i;

	if (n == 0 || p->end - p->p <= (ptrdiff_t)n || p->p[n] != '=')
		return lex_fail_at(p, p->p,
				   "NAME=VALUE is missing, a name of letters, digits and _");
	i = lex_take_variable(p, p->p, p->p, n);
	if (i < 0)
		return false;
	p->p += n + 1;
	st->variable = (unsigned)i;
	good = take_set_value(p, st, value, &fixed);
	/* Set even if its value is in error, which is reported once. */
	if (!good || !fixed)
		strcpy(value, "x");
	if (script_value_set(&p->values.variable[i], value, strlen(value), good && fixed))
		return lex_out_of_memory(p);
	return good;
}

/* A name of status_table, or a number. */
static bool parse_status(const char *word, int *status)
{
	struct err reason;
	uint64_t number;

	for (unsigned i = 0; i < status_table_rows; i++) {
		if (strcmp(word, status_table[i].name) == 0) {
			*status = (int)status_table[i].status;
			return true;
		}
	}
	if (parse_u64(word, &number, &reason) || number > 255)
		return false;
	*status = (int)number;
	return true;
}

static bool parse_expect_exit(struct parser *p, struct script_statement *st)
{
	char word[SCRIPT_LINE_BYTES];
	const char *at;

	if (!take_timeout(p, st))
		return false;
	at = p->p;
	if (lex_at_end(p))
		return lex_fail_at(p, at,
				   "a status is missing: a number, or a name such as poweroff");
	if (!lex_take_word(p, word))
		return false;
	if (!parse_status(word, &st->status))
		return lex_fail_at(p, at,
				   "\"%.60s\" is no exit status: 0 to 255, or poweroff, reset, "
				   "panic, timeout, ... (rasvm(1), EXIT STATUS)",
				   word);
	return true;
}

static const struct {
	const char *name;
	bool (*parse)(struct parser *, struct script_statement *);
	bool acts; /* false: it is nothing to carry out */
	enum script_op op;
} statements[] = {
	/* clang-format off */
	{ "allow",       parse_regex,       true,  SCRIPT_ALLOW       },
	{ "check",       parse_check,       true,  SCRIPT_CHECK       },
	{ "expect",      parse_expect,      true,  SCRIPT_EXPECT      },
	{ "expect-exit", parse_expect_exit, true,  SCRIPT_EXPECT_EXIT },
	{ "fail-on",     parse_fail_on,     true,  SCRIPT_FAIL_ON     },
	{ "inject",      parse_inject,      true,  SCRIPT_INJECT      },
	{ "mark",        parse_quoted,      true,  SCRIPT_MARK        },
	{ "pause",       parse_nothing,     true,  SCRIPT_PAUSE       },
	{ "powerdown",   parse_nothing,     true,  SCRIPT_POWERDOWN   },
	{ "reset",       parse_nothing,     true,  SCRIPT_RESET       },
	{ "resume",      parse_nothing,     true,  SCRIPT_RESUME      },
	{ "sdei",        parse_sdei,        true,  SCRIPT_SDEI        },
	{ "send",        parse_send,        true,  SCRIPT_SEND        },
	{ "set",         parse_set,         true,  SCRIPT_SET         },
	{ "sleep",       parse_sleep,       true,  SCRIPT_SLEEP       },
	{ "stop",        parse_nothing,     true,  SCRIPT_STOP        },
	{ "timeout",     parse_timeout,     false, SCRIPT_NR_OPS      },
	/* clang-format on */
};

const char *script_op_name(enum script_op op)
{
	if (op == SCRIPT_FAIL_ON_NONE)
		op = SCRIPT_FAIL_ON;
	for (unsigned i = 0; i < ARRAY_SIZE(statements); i++)
		if (statements[i].acts && statements[i].op == op)
			return statements[i].name;
	return "statement";
}

static bool unknown_statement(struct parser *p, const char *at, size_t n)
{
	const char *names[ARRAY_SIZE(statements)], *near;
	char word[64];

	snprintf(word, sizeof(word), "%.*s", (int)n, at);
	for (unsigned i = 0; i < ARRAY_SIZE(statements); i++)
		names[i] = statements[i].name;
	near = opt_nearest(word, names, ARRAY_SIZE(statements));
	if (near)
		return lex_fail_at(p, at, "\"%s\": no such statement; \"%s\" is near", word, near);
	return lex_fail_at(p, at, "\"%s\": no such statement (docs/scripts.md lists them)", word);
}

/* The statement itself as text, for messages. */
static bool keep_source(struct parser *p, const char *at, struct script_statement *st)
{
	const char *end = p->p;

	while (end > at && lex_is_blank(end[-1]))
		end--;
	st->source = p->script->nbytes;
	return lex_add_bytes(p, at, (size_t)(end - at)) && lex_add_byte(p, '\0');
}

static bool finish_statement(struct parser *p, const char *at, bool acts,
			     struct script_statement *st)
{
	if (!acts)
		return true;
	p->unended = st->op != SCRIPT_CHECK;
	p->script->nblocks += st->op == SCRIPT_CHECK;
	return keep_source(p, at, st) && lex_add_statement(p, st);
}

static bool parse_statement(struct parser *p)
{
	struct script_statement st = { .line = p->line, .wait_ns = p->timeout_ns };
	const char *at;
	size_t n = 0;
	unsigned i = 0;

	lex_skip_blanks(p);
	if (lex_at_end(p))
		return true;
	at = p->p;
	while (at + n < p->end && !lex_is_blank(at[n]))
		n++;
	while (i < ARRAY_SIZE(statements) &&
	       (strlen(statements[i].name) != n || memcmp(statements[i].name, at, n) != 0))
		i++;
	if (i == ARRAY_SIZE(statements))
		return unknown_statement(p, at, n);
	st.op = statements[i].op;
	p->p += n;
	lex_skip_blanks(p);
	return statements[i].parse(p, &st) && lex_finish_line(p) &&
	       finish_statement(p, at, statements[i].acts, &st);
}

/* ---- the file ---- */

static void parse_line(struct parser *p, const char *start, const char *end)
{
	const char *zero;

	p->line++;
	p->start = p->p = start;
	p->end = end > start && end[-1] == '\r' ? end - 1 : end;
	p->failed = false;
	zero = memchr(start, 0, (size_t)(p->end - start));
	if (zero)
		lex_fail_at(p, zero, "a zero byte: this is no script");
	else if (p->end - start >= SCRIPT_LINE_BYTES)
		lex_fail_at(p, start + SCRIPT_LINE_BYTES - 1, "a line has at most %d characters",
			    SCRIPT_LINE_BYTES - 1);
	else
		parse_statement(p);
}

int script_check_define(const char *text, struct err *err)
{
	size_t n = lex_name_length(text, text + strlen(text));

	if (n == 0 || text[n] != '=')
		return err_set(err, -EINVAL,
			       "is not NAME=VALUE, with a name of letters, digits and _");
	if (n >= SCRIPT_NAME_BYTES)
		return err_set(err, -EINVAL, "has a name of more than %d characters",
			       SCRIPT_NAME_BYTES - 1);
	if (strlen(text + n + 1) >= SCRIPT_LINE_BYTES)
		return err_set(err, -EINVAL, "has a value of more than %d characters",
			       SCRIPT_LINE_BYTES - 1);
	return 0;
}

static void define(struct parser *p, const char *text)
{
	struct err reason = { "" };
	size_t n = strcspn(text, "=");
	int i;

	p->failed = false;
	if (script_check_define(text, &reason)) {
		lex_fail_at(p, p->start, "--define \"%.60s\" %.100s", text, reason.text);
		return;
	}
	i = lex_take_variable(p, p->start, text, n);
	if (i >= 0 &&
	    script_value_set(&p->values.variable[i], text + n + 1, strlen(text + n + 1), true))
		lex_out_of_memory(p);
}

/* What was defined has to be there when the run begins: statements in front of all others. */
static bool keep_defines(struct parser *p)
{
	for (unsigned i = 0; i < p->script->nvariables; i++) {
		const char *value = p->values.variable[i].text;
		struct script_statement st = { .op = SCRIPT_SET, .variable = i };

		if (!value || !keep_fixed(p, value, &st.text) || !keep_source(p, p->p, &st) ||
		    !lex_add_statement(p, &st))
			return false;
	}
	return true;
}

static void close_last_block(struct parser *p)
{
	struct script_statement st = { .op = SCRIPT_CHECK, .line = p->line };

	if (p->script->nblocks && !p->unended)
		return;
	p->script->unnamed = true;
	p->script->nblocks++;
	p->failed = false;
	if (keep_fixed(p, UNNAMED_BLOCK, &st.text) && keep_source(p, p->p, &st))
		lex_add_statement(p, &st);
}

static void parse_text(struct parser *p, const char *text, const char *end)
{
	while (text < end && !p->no_memory) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));

		parse_line(p, text, newline ? newline : end);
		text = newline ? newline + 1 : end;
	}
}

int script_parse(struct script *script, const char *path, const char *text, size_t n,
		 const struct script_defines *defines)
{
	struct parser p = { .script = script,
			    .timeout_ns = SCRIPT_DEFAULT_NS,
			    .line = 1,
			    .start = text,
			    .p = text,
			    .end = text };

	*script = (struct script){ .path = path };
	script->error = calloc(SCRIPT_MAX_ERRORS, sizeof(*script->error));
	if (!script->error)
		return -ENOMEM;
	for (unsigned i = 0; i < defines->n; i++)
		define(&p, defines->define[i]);
	p.failed = false;
	keep_defines(&p);
	p.line = 0;
	if (n > SCRIPT_MAX_BYTES) {
		p.failed = false;
		p.line = 1;
		lex_fail_at(&p, text, "larger than 1 MiB: this is no script");
	} else {
		parse_text(&p, text, text + n);
		p.start = p.p = p.end = text;
		close_last_block(&p);
	}
	script_values_free(&p.values);
	if (p.no_memory)
		return -ENOMEM;
	return script->nerrors ? -EINVAL : 0;
}

static int read_script(struct script *script, FILE *f, const char *path,
		       const struct script_defines *defines, struct err *err)
{
	char *text = malloc(SCRIPT_MAX_BYTES + 1);
	size_t n;
	int rc;

	if (!text)
		return err_set(err, -ENOMEM, "--script %.200s: no memory to read it", path);
	n = fread(text, 1, SCRIPT_MAX_BYTES + 1, f);
	if (ferror(f))
		rc = err_set(err, -EIO, "--script %.200s: cannot read: %s", path, strerror(errno));
	else
		rc = script_parse(script, path, text, n, defines);
	if (rc == -ENOMEM)
		err_set(err, rc, "--script %.200s: no memory to read it", path);
	free(text);
	return rc;
}

int script_load(struct script *script, const char *path, const struct script_defines *defines,
		struct err *err)
{
	FILE *f = fopen(path, "re");
	int rc;

	*script = (struct script){ .path = path };
	err->text[0] = '\0';
	if (!f)
		return err_set(err, -EINVAL, "--script %.200s: cannot open: %s", path,
			       strerror(errno));
	rc = read_script(script, f, path, defines, err);
	fclose(f);
	return rc;
}

void script_print_errors(const struct script *script, FILE *out)
{
	unsigned shown = script->nerrors < SCRIPT_MAX_ERRORS ? script->nerrors : SCRIPT_MAX_ERRORS;

	for (unsigned i = 0; i < shown; i++)
		fprintf(out, "%s:%u:%u: %s\n", script->path, script->error[i].line,
			script->error[i].column, script->error[i].text);
	if (script->nerrors > shown)
		fprintf(out, "%s: %u more errors\n", script->path, script->nerrors - shown);
}

void script_free(struct script *script)
{
	free(script->bytes);
	free(script->piece);
	free(script->statement);
	free(script->error);
	*script = (struct script){ 0 };
}
