/*
 * The decision table, every cell: what each choice of the operator becomes for each state of the guest.
 * The expectations below were written by hand from the policy's description, not taken from the code.
 *
 * A cell is a way, with p if the record is left for a guest that is not up yet and l if it is to be looked
 * at again later.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/types.h"
#include "ras/policy.h"

/* Columns as in enum ras_ao_choice and enum ras_ce_choice. */
#define AO_CHOICES 7
#define CE_CHOICES 5
#define AR_CHOICES 4

static const char *const ao_names[] = { "auto", "none", "sdei", "serror", "ged", "polled", "stop" };
static const char *const ce_names[] = { "auto", "none", "sdei", "ged", "polled" };
static const char *const ar_names[] = { "auto", "sea", "serror", "stop" };

/* The guest: N no GHES, G GHES but not up, A GHES in use; an N guest may be `up` or not, which makes no
 * difference. S: SDEI exists, - : not. Its event: n no handler, m masked, r ready; without SDEI there is
 * none whatever is claimed. */
struct guest {
	char ghes, offered, event;
};

static const struct {
	struct guest guest;
	const char *ao[AO_CHOICES];
	const char *ce[CE_CHOICES];
} table[] = {
	/* clang-format off */
	/*                     auto      none    sdei       serror    ged       polled       stop       CE: auto     none    sdei       ged       polled */
	{ { 'N', '-', 'n' }, { "none",   "none", "none",    "serror", "none",   "none",      "stop" }, { "none",    "none", "none",    "none",   "none"      } },
	{ { 'N', '-', 'm' }, { "none",   "none", "none",    "serror", "none",   "none",      "stop" }, { "none",    "none", "none",    "none",   "none"      } },
	{ { 'N', '-', 'r' }, { "none",   "none", "none",    "serror", "none",   "none",      "stop" }, { "none",    "none", "none",    "none",   "none"      } },
	{ { 'N', 'S', 'n' }, { "none+l", "none", "none+l",  "serror", "none",   "none",      "stop" }, { "none",    "none", "none+l",  "none",   "none"      } },
	{ { 'N', 'S', 'm' }, { "sdei+l", "none", "sdei+l",  "serror", "none",   "none",      "stop" }, { "sdei+l",  "none", "sdei+l",  "none",   "none"      } },
	{ { 'N', 'S', 'r' }, { "sdei",   "none", "sdei",    "serror", "none",   "none",      "stop" }, { "sdei",    "none", "sdei",    "none",   "none"      } },

	{ { 'G', '-', 'n' }, { "ged+pl", "none", "none",    "serror", "ged+pl", "polled+pl", "stop" }, { "ged+pl",  "none", "none",    "ged+pl", "polled+pl" } },
	{ { 'G', '-', 'm' }, { "ged+pl", "none", "none",    "serror", "ged+pl", "polled+pl", "stop" }, { "ged+pl",  "none", "none",    "ged+pl", "polled+pl" } },
	{ { 'G', '-', 'r' }, { "ged+pl", "none", "none",    "serror", "ged+pl", "polled+pl", "stop" }, { "ged+pl",  "none", "none",    "ged+pl", "polled+pl" } },
	{ { 'G', 'S', 'n' }, { "sdei+pl", "none", "sdei+pl", "serror", "ged+pl", "polled+pl", "stop" }, { "ged+pl", "none", "sdei+pl", "ged+pl", "polled+pl" } },
	{ { 'G', 'S', 'm' }, { "sdei+l", "none", "sdei+l",  "serror", "ged+pl", "polled+pl", "stop" }, { "ged+pl",  "none", "sdei+l",  "ged+pl", "polled+pl" } },
	{ { 'G', 'S', 'r' }, { "sdei",   "none", "sdei",    "serror", "ged+pl", "polled+pl", "stop" }, { "ged+pl",  "none", "sdei",    "ged+pl", "polled+pl" } },

	{ { 'A', '-', 'n' }, { "ged",    "none", "none",    "serror", "ged",    "polled",    "stop" }, { "ged",     "none", "none",    "ged",    "polled"    } },
	{ { 'A', '-', 'm' }, { "ged",    "none", "none",    "serror", "ged",    "polled",    "stop" }, { "ged",     "none", "none",    "ged",    "polled"    } },
	{ { 'A', '-', 'r' }, { "ged",    "none", "none",    "serror", "ged",    "polled",    "stop" }, { "ged",     "none", "none",    "ged",    "polled"    } },
	{ { 'A', 'S', 'n' }, { "ged",    "none", "none+l",  "serror", "ged",    "polled",    "stop" }, { "ged",     "none", "none+l",  "ged",    "polled"    } },
	{ { 'A', 'S', 'm' }, { "sdei+l", "none", "sdei+l",  "serror", "ged",    "polled",    "stop" }, { "ged",     "none", "sdei+l",  "ged",    "polled"    } },
	{ { 'A', 'S', 'r' }, { "sdei",   "none", "sdei",    "serror", "ged",    "polled",    "stop" }, { "ged",     "none", "sdei",    "ged",    "polled"    } },
	/* clang-format on */
};

static const struct {
	bool el0, aarch32, vectors;
	const char *ar[AR_CHOICES];
} ar_table[] = {
	/* clang-format off */
	/* el0    aarch32  vectors   auto    sea     serror    stop */
	{ false,  false,   false,  { "stop", "stop", "stop",   "stop" } },
	{ false,  true,    false,  { "stop", "stop", "stop",   "stop" } },
	{ true,   false,   false,  { "stop", "stop", "stop",   "stop" } },
	{ true,   true,    false,  { "stop", "stop", "stop",   "stop" } },
	{ false,  false,   true,   { "sea",  "sea",  "serror", "stop" } },
	{ false,  true,    true,   { "stop", "stop", "serror", "stop" } }, /* a kernel in AArch32 */
	{ true,   false,   true,   { "sea",  "sea",  "serror", "stop" } },
	{ true,   true,    true,   { "sea",  "sea",  "serror", "stop" } },
	/* clang-format on */
};

static struct ras_caps caps_of(struct guest guest)
{
	return (struct ras_caps){
		.ghes = guest.ghes != 'N',
		.ghes_alive = guest.ghes == 'A',
		.sdei_offered = guest.offered == 'S',
		.sdei = guest.event == 'r'   ? RAS_SDEI_READY
			: guest.event == 'm' ? RAS_SDEI_MASKED
					     : RAS_SDEI_NONE,
	};
}

static void print_cell(const struct ras_decision *decision, char text[32])
{
	snprintf(text, 32, "%s%s%s%s", ras_way_name(decision->way),
		 decision->preload || decision->later ? "+" : "", decision->preload ? "p" : "",
		 decision->later ? "l" : "");
}

/* `choice` is "ao=sdei". The reason names what was chosen. */
static void check(const struct ras_policy *policy, const struct ras_error *error,
		  const struct ras_caps *caps, const char *choice, const char *expected)
{
	struct ras_decision decision = ras_decide(policy, error, caps);
	const char *reason = strstr(choice, "auto") ? "auto" : choice;
	char found[32];

	print_cell(&decision, found);
	if (strcmp(found, expected) != 0)
		fail_msg("%s, ghes %d, alive %d, sdei %d, offered %d, el0 %d, aarch32 %d, "
			 "vectors %d: expected %s, found %s (%s)",
			 choice, caps->ghes, caps->ghes_alive, caps->sdei, caps->sdei_offered,
			 caps->el0, caps->aarch32, caps->vectors, expected, found, decision.why);
	if (!decision.why || strncmp(decision.why, reason, strlen(reason)) != 0)
		fail_msg("%s: the reason given is \"%s\"", choice, decision.why);
}

static void check_row(unsigned row, struct ras_error error, struct ras_caps caps)
{
	struct ras_policy policy = ras_policy_default();
	char choice[32];

	error.class = RAS_AO;
	for (unsigned i = 0; i < AO_CHOICES; i++) {
		policy.ao = (enum ras_ao_choice)i;
		snprintf(choice, sizeof(choice), "ao=%s", ao_names[i]);
		check(&policy, &error, &caps, choice, table[row].ao[i]);
	}
	error.class = RAS_CE;
	for (unsigned i = 0; i < CE_CHOICES; i++) {
		policy.ce = (enum ras_ce_choice)i;
		snprintf(choice, sizeof(choice), "ce=%s", ce_names[i]);
		check(&policy, &error, &caps, choice, table[row].ce[i]);
	}
}

static void every_cell_for_errors_nobody_used(void **state)
{
	(void)state;
	for (unsigned row = 0; row < ARRAY_SIZE(table); row++)
		check_row(row, (struct ras_error){ .bytes = 4096 }, caps_of(table[row].guest));
}

static void every_combination_is_in_the_table(void **state)
{
	unsigned seen[2][2][3] = { 0 };
	unsigned n = 0;

	(void)state;
	for (unsigned row = 0; row < ARRAY_SIZE(table); row++) {
		struct ras_caps caps = caps_of(table[row].guest);

		assert_int_equal(caps.ghes_alive && !caps.ghes, 0);
		n += !seen[caps.ghes][caps.sdei_offered][caps.sdei]++;
	}
	assert_int_equal(n, 12);
	assert_int_equal(ARRAY_SIZE(table), 18);
}

static void fatal_errors_and_thresholds_go_the_same_way(void **state)
{
	(void)state;
	for (unsigned row = 0; row < ARRAY_SIZE(table); row++)
		check_row(row, (struct ras_error){ .fatal = true, .threshold = true },
			  caps_of(table[row].guest));
}

/* A guest without GHES may have registered an event, and so be "alive". */
static void what_belongs_to_other_classes_makes_no_difference(void **state)
{
	(void)state;
	for (unsigned row = 0; row < ARRAY_SIZE(table); row++) {
		struct ras_caps caps = caps_of(table[row].guest);

		caps.el0 = caps.aarch32 = caps.vectors = caps.serror_esr = true;
		if (!caps.ghes)
			caps.ghes_alive = true;
		check_row(row, (struct ras_error){ .class = RAS_AO }, caps);
	}
}

static void every_cell_for_errors_a_cpu_used(void **state)
{
	struct ras_error error = { .class = RAS_AR };

	(void)state;
	for (unsigned row = 0; row < ARRAY_SIZE(ar_table); row++) {
		struct ras_policy policy = ras_policy_default();
		char choice[32];

		for (unsigned i = 0; i < AR_CHOICES; i++) {
			policy.ar = (enum ras_ar_choice)i;
			snprintf(choice, sizeof(choice), "ar=%s", ar_names[i]);
			/* What the guest registered makes no difference. */
			for (unsigned guest = 0; guest < ARRAY_SIZE(table); guest++) {
				struct ras_caps caps = caps_of(table[guest].guest);

				caps.el0 = ar_table[row].el0;
				caps.aarch32 = ar_table[row].aarch32;
				caps.vectors = ar_table[row].vectors;
				check(&policy, &error, &caps, choice, ar_table[row].ar[i]);
			}
		}
	}
}

static void a_choice_that_does_not_exist_tells_nobody(void **state)
{
	struct ras_policy policy = ras_policy_default();
	struct ras_error error = { .class = RAS_AO };
	struct ras_caps caps = { .ghes = true };

	(void)state;
	policy.ao = (enum ras_ao_choice)99;
	assert_int_equal(ras_decide(&policy, &error, &caps).way, RAS_WAY_NONE);
	assert_non_null(ras_decide(&policy, &error, &caps).why);
}

static void ways_and_classes_have_names(void **state)
{
	static const char *const ways[] = {
		"none", "sdei", "ged", "polled", "serror", "sea", "stop"
	};
	static const char *const classes[] = { "ao", "ar", "ce" };

	(void)state;
	assert_int_equal(ARRAY_SIZE(ways), RAS_NR_WAYS);
	assert_int_equal(ARRAY_SIZE(classes), RAS_NR_CLASSES);
	for (unsigned i = 0; i < RAS_NR_WAYS; i++)
		assert_string_equal(ras_way_name(i), ways[i]);
	for (unsigned i = 0; i < RAS_NR_CLASSES; i++)
		assert_string_equal(ras_class_name(i), classes[i]);
	assert_string_equal(ras_way_name(RAS_NR_WAYS), "unknown");
	assert_string_equal(ras_class_name(RAS_NR_CLASSES), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cell_for_errors_nobody_used),
		cmocka_unit_test(every_combination_is_in_the_table),
		cmocka_unit_test(fatal_errors_and_thresholds_go_the_same_way),
		cmocka_unit_test(what_belongs_to_other_classes_makes_no_difference),
		cmocka_unit_test(every_cell_for_errors_a_cpu_used),
		cmocka_unit_test(a_choice_that_does_not_exist_tells_nobody),
		cmocka_unit_test(ways_and_classes_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
