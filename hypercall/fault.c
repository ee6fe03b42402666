/*
 * Injected firmware faults: rules "the calls of this function by this PE fail with this code, or
 * take this long", and their use. It is how a guest's handling of a failing PSCI is tested.
 *
 * State: the table of rules, under the firmware lock; a rule with a count is used up by its calls.
 * Left out: conditions on arguments, and probabilities; a run has to be repeatable.
 */
#include "hypercall/fault.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "hypercall/psci.h"
#include "lib/parse.h"

#define EVERY_CALL UINT32_MAX

/* Some names of DEN0022 begin with PSCI_ and some do not; nobody should have to remember which. */
static const char *short_name(const char *name)
{
	static const char prefix[] = "PSCI_";
	size_t len = sizeof(prefix) - 1;

	return strncmp(name, prefix, len) ? name : name + len;
}

static bool is_function(const struct fw_service *service, const char *name)
{
	for (unsigned i = 0; i < service->ncalls; i++)
		if (!strcmp(short_name(service->calls[i].name), name))
			return true;
	return false;
}

/* The names of all functions, each once: both widths of one have the same name. */
static int unknown_function(const struct fw_service *service, const char *name, struct err *err)
{
	char names[sizeof(err->text)] = "";
	size_t used = 0;

	for (unsigned i = 0; i < service->ncalls && used < sizeof(names); i++) {
		const struct fw_call *row = &service->calls[i];

		if (row->fid & SMCCC_64BIT && fw_find(service, row->fid & ~SMCCC_64BIT))
			continue;
		used += (size_t)snprintf(names + used, sizeof(names) - used, " %s",
					 short_name(row->name));
	}
	return err_set(err, -EINVAL, "names no function of %s: \"%s\" is none of%s", service->name,
		       name, names);
}

static int parse_function(const struct fw_service *service, const char *text,
			  struct fault_rule *rule, struct err *err)
{
	const char *name = short_name(text);

	if (strlen(name) >= sizeof(rule->function) || !is_function(service, name))
		return unknown_function(service, text, err);
	memcpy(rule->function, name, strlen(name) + 1);
	return 0;
}

static int parse_limited(const char *option, const char *text, uint64_t min, uint64_t max,
			 uint32_t *value, struct err *err)
{
	uint64_t number;

	if (parse_u64(text, &number, NULL) || number < min || number > max)
		return err_set(err, -EINVAL,
			       "has \"%s=%s\": the value must be %" PRIu64 " to %" PRIu64, option,
			       text, min, max);
	*value = (uint32_t)number;
	return 0;
}

static int parse_option(char *text, struct fault_rule *rule, struct err *err)
{
	char *value = strchr(text, '=');

	if (value)
		*value++ = '\0';
	if (value && !strcmp(text, "cpu"))
		return parse_limited("cpu", value, 0, PSCI_MAX_PES - 1, &rule->pe, err);
	if (value && !strcmp(text, "count"))
		return parse_limited("count", value, 1, EVERY_CALL - 1, &rule->remaining, err);
	return err_set(err, -EINVAL, "has the unknown part \"%s\": use cpu=N or count=K", text);
}

/* Everything before the last '=': FUNCTION[,cpu=N][,count=K]. */
static int parse_head(const struct fw_service *service, char *head, struct fault_rule *rule,
		      struct err *err)
{
	char *rest = strchr(head, ',');
	int rc;

	if (rest)
		*rest++ = '\0';
	rc = parse_function(service, head, rule, err);
	while (!rc && rest) {
		char *part = rest;

		rest = strchr(part, ',');
		if (rest)
			*rest++ = '\0';
		rc = parse_option(part, rule, err);
	}
	return rc;
}

/* Split off the value and read what is before it. */
static int parse_rule(const struct fault_table *t, const struct fw_service *service,
		      const char *text, struct fault_rule *rule, const char **value,
		      struct err *err)
{
	const char *equals = strrchr(text, '=');
	char head[128];

	if (t->n == FAULT_MAX_RULES)
		return err_set(err, -ENOSPC, "is one fault too many: there is room for %d",
			       FAULT_MAX_RULES);
	if (!equals)
		return err_set(err, -EINVAL,
			       "has no value: write FUNCTION[,cpu=N][,count=K]=VALUE");
	if ((size_t)(equals - text) >= sizeof(head))
		return err_set(err, -EINVAL, "is too long: %zu characters before the value",
			       (size_t)(equals - text));
	memcpy(head, text, (size_t)(equals - text));
	head[equals - text] = '\0';
	*rule = (struct fault_rule){ .pe = FAULT_ANY_PE, .remaining = EVERY_CALL };
	*value = equals + 1;
	return parse_head(service, head, rule, err);
}

static bool parse_number(const char *text, int64_t *code)
{
	bool negative = *text == '-';
	uint64_t number;

	if (parse_u64(text + negative, &number, NULL) || number > INT64_MAX)
		return false;
	*code = negative ? -(int64_t)number : (int64_t)number;
	return true;
}

static int parse_code(const char *text, int64_t *code, struct err *err)
{
	for (int64_t c = 0; psci_error_name(c); c--) {
		if (!strcmp(psci_error_name(c), text)) {
			*code = c;
			return 0;
		}
	}
	if (parse_number(text, code))
		return 0;
	return err_set(err, -EINVAL,
		       "has no result \"%s\": use the name of a PSCI return code, such as DENIED "
		       "or INTERNAL_FAILURE, or a number",
		       text);
}

int fault_parse_fail(struct fault_table *t, const struct fw_service *service, const char *text,
		     struct err *err)
{
	struct fault_rule rule;
	const char *value = "";
	int rc = parse_rule(t, service, text, &rule, &value, err);

	if (!rc)
		rc = parse_code(value, &rule.code, err);
	if (!rc)
		t->rule[t->n++] = rule;
	return rc;
}

int fault_parse_delay(struct fault_table *t, const struct fw_service *service, const char *text,
		      struct err *err)
{
	struct fault_rule rule;
	const char *value = "";
	int rc = parse_rule(t, service, text, &rule, &value, err);

	if (rc)
		return rc;
	if (parse_duration(value, &rule.delay_ns, NULL))
		return err_set(err, -EINVAL,
			       "has no duration \"%s\": write a number and ns, us, ms or s", value);
	rule.delay = true;
	t->rule[t->n++] = rule;
	return 0;
}

void fault_print(const struct fault_rule *rule, FILE *out)
{
	char duration[PARSE_TEXT_BYTES];

	fputs(rule->function, out);
	if (rule->pe != FAULT_ANY_PE)
		fprintf(out, ",cpu=%" PRIu32, rule->pe);
	if (rule->remaining != EVERY_CALL)
		fprintf(out, ",count=%" PRIu32, rule->remaining);
	if (rule->delay) {
		parse_print_duration(rule->delay_ns, duration);
		fprintf(out, "=%s", duration);
	} else if (psci_error_name(rule->code)) {
		fprintf(out, "=%s", psci_error_name(rule->code));
	} else {
		fprintf(out, "=%" PRId64, rule->code);
	}
}

/* The first rule of the kind that hits the call, with one of its calls used up; or NULL. */
static const struct fault_rule *take(struct fault_table *t, const struct fw_call *row, unsigned pe,
				     bool delay)
{
	for (unsigned i = 0; row && i < t->n; i++) {
		struct fault_rule *rule = &t->rule[i];

		if (rule->delay != delay || !rule->remaining)
			continue;
		if (rule->pe != FAULT_ANY_PE && rule->pe != pe)
			continue;
		if (strcmp(rule->function, short_name(row->name)) != 0)
			continue;
		if (rule->remaining != EVERY_CALL)
			rule->remaining--;
		return rule;
	}
	return NULL;
}

bool fault_fail(struct fw_locked locked, struct fault_table *t, const struct fw_call *row,
		unsigned pe, int64_t *code)
{
	const struct fault_rule *rule = take(t, row, pe, false);

	(void)locked;
	if (rule)
		*code = rule->code;
	return rule;
}

uint64_t fault_delay(struct fw_locked locked, struct fault_table *t, const struct fw_call *row,
		     unsigned pe)
{
	const struct fault_rule *rule = take(t, row, pe, true);

	(void)locked;
	return rule ? rule->delay_ns : 0;
}
