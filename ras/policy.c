/*
 * The operator's policy about hardware errors: defaults, the text of --ras, and back.
 *
 * Source: rasvm's own; docs/ras.md. State: none. Left out: what the policy leads to (decide.c).
 */
#include "ras/policy.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/keylist.h"
#include "lib/parse.h"
#include "lib/types.h"
#include "ras/esr.h"

#define MAX_LIMIT_PER_S 10000
#define MIN_WAIT_NS     NS_PER_MS

static const char *const ao_names[] = {
	[RAS_AO_AUTO] = "auto", [RAS_AO_NONE] = "none",     [RAS_AO_SDEI] = "sdei",
	[RAS_AO_GED] = "ged",   [RAS_AO_POLLED] = "polled", [RAS_AO_SERROR] = "serror",
	[RAS_AO_STOP] = "stop",
};
static const char *const ar_names[] = {
	[RAS_AR_AUTO] = "auto",
	[RAS_AR_SEA] = "sea",
	[RAS_AR_SERROR] = "serror",
	[RAS_AR_STOP] = "stop",
};
static const char *const ce_names[] = {
	[RAS_CE_AUTO] = "auto", [RAS_CE_NONE] = "none",     [RAS_CE_SDEI] = "sdei",
	[RAS_CE_GED] = "ged",   [RAS_CE_POLLED] = "polled",
};
static const char *const heal_names[] = {
	[RAS_HEAL_RESET] = "reset",
	[RAS_HEAL_NEVER] = "never",
	[RAS_HEAL_AFTER_KILL] = "after-kill",
};

struct ras_policy ras_policy_default(void)
{
	return (struct ras_policy){
		.ao = RAS_AO_AUTO,
		.ar = RAS_AR_AUTO,
		.ce = RAS_CE_AUTO,
		.heal = RAS_HEAL_RESET,
		/* Linux queues 16 pages a CPU, and acknowledges before it acts on them. */
		.limit_per_s = 8,
		.serror = RAS_SERROR_AUTO,
		.ack_ns = 10 * NS_PER_SEC,
		.fallback_ns = NS_PER_SEC,
	};
}

/* ---- text to policy ---- */

static int take_ao(void *target, const char *value, struct err *err)
{
	struct ras_policy *policy = target;
	unsigned choice = policy->ao;
	int rc = keylist_choice("ao", value, ao_names, ARRAY_SIZE(ao_names), &choice, err);

	policy->ao = (enum ras_ao_choice)choice;
	return rc;
}

static int take_ar(void *target, const char *value, struct err *err)
{
	struct ras_policy *policy = target;
	unsigned choice = policy->ar;
	int rc = keylist_choice("ar", value, ar_names, ARRAY_SIZE(ar_names), &choice, err);

	policy->ar = (enum ras_ar_choice)choice;
	return rc;
}

static int take_ce(void *target, const char *value, struct err *err)
{
	struct ras_policy *policy = target;
	unsigned choice = policy->ce;
	int rc = keylist_choice("ce", value, ce_names, ARRAY_SIZE(ce_names), &choice, err);

	policy->ce = (enum ras_ce_choice)choice;
	return rc;
}

static int take_heal(void *target, const char *value, struct err *err)
{
	struct ras_policy *policy = target;
	unsigned choice = policy->heal;
	int rc = keylist_choice("heal", value, heal_names, ARRAY_SIZE(heal_names), &choice, err);

	policy->heal = (enum ras_heal_choice)choice;
	return rc;
}

static int take_limit(void *target, const char *value, struct err *err)
{
	struct ras_policy *policy = target;
	uint64_t limit = policy->limit_per_s;
	int rc = keylist_number("limit", value, 1, MAX_LIMIT_PER_S, &limit, err);

	policy->limit_per_s = (uint32_t)limit;
	return rc;
}

static int take_serror(void *target, const char *value, struct err *err)
{
	struct ras_policy *policy = target;
	uint64_t iss;

	if (strcmp(value, "auto") == 0) {
		policy->serror = RAS_SERROR_AUTO;
		return 0;
	}
	if (strcmp(value, "none") == 0) {
		policy->serror = RAS_SERROR_NO_ESR;
		return 0;
	}
	if (parse_u64(value, &iss, NULL) || iss > ESR_ISS_MASK)
		return err_set(err, -EINVAL,
			       "has \"serror=%s\": use auto, none (no syndrome) or a syndrome of "
			       "0 to 0x%" PRIx64 ", bits 24:0 of ESR_EL1",
			       value, ESR_ISS_MASK);
	policy->serror = iss;
	return 0;
}

static int take_ack(void *target, const char *value, struct err *err)
{
	struct ras_policy *policy = target;

	return keylist_time("ack", value, MIN_WAIT_NS, &policy->ack_ns, err);
}

static int take_fallback(void *target, const char *value, struct err *err)
{
	struct ras_policy *policy = target;

	return keylist_time("fallback", value, MIN_WAIT_NS, &policy->fallback_ns, err);
}

static const struct keylist_key keys[] = {
	{ .name = "ao", .take = take_ao },       { .name = "ar", .take = take_ar },
	{ .name = "ce", .take = take_ce },       { .name = "heal", .take = take_heal },
	{ .name = "limit", .take = take_limit }, { .name = "serror", .take = take_serror },
	{ .name = "ack", .take = take_ack },     { .name = "fallback", .take = take_fallback },
};

static const struct keylist list = {
	.keys = keys,
	.nkeys = ARRAY_SIZE(keys),
	.form = "any of ao=auto|none|sdei|serror|ged|polled|stop, ar=auto|sea|serror|stop, "
		"ce=auto|none|sdei|ged|polled, heal=reset|never|after-kill, limit=RATE, "
		"serror=auto|none|ISS, ack=TIME, fallback=TIME",
};

int ras_policy_parse(struct ras_policy *policy, const char *text, struct err *err)
{
	struct ras_policy read = *policy;
	unsigned given;
	int rc = keylist_parse(&list, &read, NULL, text, &given, err);

	if (rc)
		return rc;
	read.given = true;
	*policy = read;
	return 0;
}

/* ---- policy to text ---- */

static void print_serror(uint64_t serror, FILE *out)
{
	if (serror == RAS_SERROR_AUTO)
		fputs("auto", out);
	else if (serror == RAS_SERROR_NO_ESR)
		fputs("none", out);
	else
		fprintf(out, "0x%" PRIx64, serror);
}

void ras_policy_print(const struct ras_policy *policy, FILE *out)
{
	char ack[PARSE_TEXT_BYTES], fallback[PARSE_TEXT_BYTES];

	parse_print_duration(policy->ack_ns, ack);
	parse_print_duration(policy->fallback_ns, fallback);
	fprintf(out, "ao=%s,ar=%s,ce=%s,heal=%s,limit=%" PRIu32 ",serror=", ao_names[policy->ao],
		ar_names[policy->ar], ce_names[policy->ce], heal_names[policy->heal],
		policy->limit_per_s);
	print_serror(policy->serror, out);
	fprintf(out, ",ack=%s,fallback=%s", ack, fallback);
}

/* ---- what it asks of the machine ---- */

static bool ao_by_record(enum ras_ao_choice ao)
{
	return ao == RAS_AO_AUTO || ao == RAS_AO_SDEI || ao == RAS_AO_GED || ao == RAS_AO_POLLED;
}

static bool ce_by_record(enum ras_ce_choice ce)
{
	return ce == RAS_CE_SDEI || ce == RAS_CE_GED || ce == RAS_CE_POLLED;
}

bool ras_policy_wants_acpi(const struct ras_policy *policy)
{
	return policy->given && (ao_by_record(policy->ao) || ce_by_record(policy->ce));
}
