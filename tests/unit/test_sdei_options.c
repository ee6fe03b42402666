/* The operator's SDEI events and triggers: parsing, printing, and which triggers make sense. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/clock.h"
#include "lib/types.h"
#include "sdei/options.h"

struct events {
	struct sdei_event_def def[SDEI_MAX_USER_EVENTS];
	unsigned n;
};

struct rules {
	struct sdei_trigger_rule rule[SDEI_MAX_TRIGGERS];
	unsigned n;
};

static const struct sdei_event_def *add_event(struct events *e, const char *text)
{
	struct err err = { "" };

	if (sdei_parse_event(e->def, &e->n, text, &err))
		fail_msg("\"%s\" %s", text, err.text);
	return &e->def[e->n - 1];
}

static const struct sdei_trigger_rule *add_rule(struct rules *r, const char *text)
{
	struct err err = { "" };

	if (sdei_parse_trigger(r->rule, &r->n, text, &err))
		fail_msg("\"%s\" %s", text, err.text);
	return &r->rule[r->n - 1];
}

static void check_error(const char *text, int rc, int expected, const struct err *err,
			const char *says)
{
	if (rc != expected)
		fail_msg("\"%s\": expected %d, found %d (%s)", text, expected, rc, err->text);
	if (!strstr(err->text, says))
		fail_msg("\"%s\": expected a message with \"%s\", found \"%s\"", text, says,
			 err->text);
}

/* ---- events ---- */

static void an_event_has_number_type_and_priority(void **state)
{
	struct events e = { .n = 0 };
	const struct sdei_event_def *def = add_event(&e, "0x40000200,type=private,prio=critical");

	(void)state;
	assert_int_equal(def->num, 0x40000200);
	assert_int_equal(def->type, SDEI_PRIVATE);
	assert_int_equal(def->priority, SDEI_CRITICAL);
}

static void numbers_may_be_decimal_and_parts_in_any_order(void **state)
{
	struct events e = { .n = 0 };
	const struct sdei_event_def *def = add_event(&e, "1073742336,prio=normal,type=shared");

	(void)state;
	assert_int_equal(def->num, 0x40000200);
	assert_int_equal(def->type, SDEI_SHARED);
	assert_int_equal(def->priority, SDEI_NORMAL);
}

static void the_whole_vendor_range_may_be_used(void **state)
{
	struct events e = { .n = 0 };

	(void)state;
	add_event(&e, "0x40000000,type=shared,prio=normal");
	add_event(&e, "0x400000ff,type=shared,prio=normal");
	add_event(&e, "0x4000010c,type=shared,prio=normal");
	add_event(&e, "0x40ffffff,type=shared,prio=normal");
	assert_int_equal(e.n, 4);
}

/* Texts that are refused, how, and a part of the message. */
static const struct bad {
	const char *text;
	int rc;
	const char *says;
} bad_events[] = {
	/* clang-format off */
	{ "",                                                 -EINVAL, "number \"\""            },
	{ ",",                                                -EINVAL, "number \"\""            },
	{ "type=shared,prio=normal",                          -EINVAL, "number \"type=shared\"" },
	{ "0,type=private,prio=normal",                       -EINVAL, "to 0x40ffffff"          },
	{ "0x3fffffff,type=private,prio=normal",              -EINVAL, "0x40000000 to"          },
	{ "0x41000000,type=private,prio=normal",              -EINVAL, "\"0x41000000\""         },
	{ "0x140000200,type=private,prio=normal",             -EINVAL, "\"0x140000200\""        },
	{ "0x4000020g,type=private,prio=normal",              -EINVAL, "\"0x4000020g\""         },
	{ " 0x40000200,type=private,prio=normal",             -EINVAL, "\" 0x40000200\""        },
	{ "0x40000200",                                       -EINVAL, "needs both"             },
	{ "0x40000200,type=private",                          -EINVAL, "needs both"             },
	{ "0x40000200,prio=normal",                           -EINVAL, "needs both"             },
	{ "0x40000200,type=private,prio=normal,",             -EINVAL, "unknown part \"\""      },
	{ "0x40000200,,type=private,prio=normal",             -EINVAL, "unknown part \"\""      },
	{ "0x40000200,type=private,prio=normal,signalable=1", -EINVAL, "signalable=1"           },
	{ "0x40000200,type,prio=normal",                      -EINVAL, "unknown part \"type\""  },
	{ "0x40000200,typ=private,prio=normal",               -EINVAL, "typ=private"            },
	{ "0x40000200,types=private,prio=normal",             -EINVAL, "types=private"          },
	{ "0x40000200,=private,prio=normal",                  -EINVAL, "unknown part"           },
	{ "0x40000200,type=,prio=normal",                     -EINVAL, "use private or shared"  },
	{ "0x40000200,type=Private,prio=normal",              -EINVAL, "type=Private"           },
	{ "0x40000200,type=private ,prio=normal",             -EINVAL, "use private or shared"  },
	{ "0x40000200,type=private,prio=high",                -EINVAL, "use normal or critical" },
	{ "0x40000200,type=private,type=shared,prio=normal",  -EINVAL, "type= twice"            },
	{ "0x40000200,type=private,prio=normal,prio=normal",  -EINVAL, "prio= twice"            },
	{ "0x40000001,type=private,prio=normal",              -EEXIST, "private-normal"         },
	{ "0x40000004,type=private,prio=normal",              -EEXIST, "shared-critical"        },
	{ "0x40000008,type=private,prio=normal",              -EEXIST, "watchdog"               },
	{ "0x40000100,type=private,prio=normal",              -EEXIST, "guest binds"            },
	{ "0x40000107,type=private,prio=normal",              -EEXIST, "0x40000100 to 0x40000107" },
	/* clang-format on */
};

static void wrong_events_are_refused_with_a_reason(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(bad_events); i++) {
		const struct bad *bad = &bad_events[i];
		struct events e = { .n = 0 };
		struct err err = { "" };
		int rc = sdei_parse_event(e.def, &e.n, bad->text, &err);

		check_error(bad->text, rc, bad->rc, &err, bad->says);
		assert_int_equal(e.n, 0);
	}
}

static void an_event_is_given_once(void **state)
{
	static const char text[] = "0x40000200,type=shared,prio=critical";
	struct events e = { .n = 0 };
	struct err err = { "" };

	(void)state;
	add_event(&e, "0x40000200,type=private,prio=normal");
	check_error(text, sdei_parse_event(e.def, &e.n, text, &err), -EEXIST, &err, "given before");
	assert_int_equal(e.n, 1);
	assert_int_equal(e.def[0].type, SDEI_PRIVATE);
}

static void there_is_room_for_so_many_events(void **state)
{
	static const char text[] = "0x40000300,type=shared,prio=normal";
	struct events e = { .n = 0 };
	struct err err = { "" };
	char good[64];

	(void)state;
	for (unsigned i = 0; i < SDEI_MAX_USER_EVENTS; i++) {
		snprintf(good, sizeof(good), "%u,type=shared,prio=normal", 0x40000200 + i);
		add_event(&e, good);
	}
	check_error(text, sdei_parse_event(e.def, &e.n, text, &err), -ENOSPC, &err, "room for 16");
	assert_int_equal(e.n, SDEI_MAX_USER_EVENTS);
}

/* ---- triggers ---- */

static void a_trigger_has_all_its_parts(void **state)
{
	struct rules r = { .n = 0 };
	const struct sdei_trigger_rule *rule =
		add_rule(&r, "at=5s,event=0x40000001,cpu=3,every=250ms,count=7");

	(void)state;
	assert_int_equal(rule->at_ns, 5 * NS_PER_SEC);
	assert_int_equal(rule->event, 0x40000001);
	assert_int_equal(rule->cpu, 3);
	assert_int_equal(rule->every_ns, 250 * NS_PER_MS);
	assert_int_equal(rule->count, 7);
}

static void all_but_the_event_may_be_left_out(void **state)
{
	struct rules r = { .n = 0 };
	const struct sdei_trigger_rule *rule = add_rule(&r, "event=0");

	(void)state;
	assert_int_equal(rule->at_ns, 0);
	assert_int_equal(rule->event, 0);
	assert_int_equal(rule->cpu, SDEI_NO_CPU);
	assert_int_equal(rule->every_ns, 0);
	assert_int_equal(rule->count, 0);
}

static void the_order_of_parts_has_no_meaning(void **state)
{
	struct rules r = { .n = 0 };
	const struct sdei_trigger_rule *one = add_rule(&r, "at=1s,event=4,cpu=2,every=1m,count=9");
	const struct sdei_trigger_rule *two = add_rule(&r, "count=9,every=1m,cpu=2,event=4,at=1s");

	(void)state;
	assert_memory_equal(one, two, sizeof(*one));
}

static void platform_events_have_names(void **state)
{
	(void)state;
	assert_int_equal(sdei_nplatform_events, 7);
	for (unsigned i = 0; i < sdei_nplatform_events; i++) {
		struct rules r = { .n = 0 };
		char text[64];

		snprintf(text, sizeof(text), "event=%s", sdei_platform_events[i].name);
		assert_int_equal(add_rule(&r, text)->event, sdei_platform_events[i].def.num);
	}
}

static void largest_and_smallest_values(void **state)
{
	struct rules r = { .n = 0 };
	const struct sdei_trigger_rule *rule =
		add_rule(&r, "at=8784h,event=0xffffffff,cpu=511,every=8784h,count=4294967295");

	(void)state;
	assert_int_equal(rule->at_ns, 8784 * 3600 * NS_PER_SEC);
	assert_int_equal(rule->event, UINT32_MAX);
	assert_int_equal(rule->cpu, 511);
	assert_int_equal(rule->count, UINT32_MAX);
	rule = add_rule(&r, "at=0,event=0,cpu=0,every=1us,count=1");
	assert_int_equal(rule->at_ns, 0);
	assert_int_equal(rule->cpu, 0);
	assert_int_equal(rule->every_ns, 1000);
	assert_int_equal(rule->count, 1);
}

static const struct bad bad_triggers[] = {
	/* clang-format off */
	{ "",                                     -EINVAL, "unknown part \"\""           },
	{ "at=5s",                                -EINVAL, "names no event"              },
	{ "at=5s,",                               -EINVAL, "unknown part \"\""           },
	{ "at=5s,cpu=1,every=1s",                 -EINVAL, "at=TIME,event=N"             },
	{ "event",                                -EINVAL, "unknown part \"event\""      },
	{ "event=",                               -EINVAL, "event's number"              },
	{ "event=private",                        -EINVAL, "private-normal, private-critical, shared-normal, shared-critical, watchdog, ras-normal, ras-critical" },
	{ "event=private-normal-",                -EINVAL, "private-normal-"             },
	{ "event=-1",                             -EINVAL, "event=-1"                    },
	{ "event=0x100000000",                    -EINVAL, "event=0x100000000"           },
	{ "event=1 ",                             -EINVAL, "\"event=1 \""                },
	{ "at=,event=1",                          -EINVAL, "\"at=\""                     },
	{ "at=soon,event=1",                      -EINVAL, "ns us ms s m h"              },
	{ "at=-1s,event=1",                       -EINVAL, "at=-1s"                      },
	{ "at=1.5s,event=1",                      -EINVAL, "at=1.5s"                     },
	{ "at=8785h,event=1",                     -EINVAL, "from 0ns to 8784h"           },
	{ "at=99999999999999999999h,event=1",     -EINVAL, "at=99999999999999999999h"    },
	{ "event=1,cpu=",                         -EINVAL, "0 to 511"                    },
	{ "event=1,cpu=512",                      -EINVAL, "0 to 511"                    },
	{ "event=1,cpu=4294967295",               -EINVAL, "cpu=4294967295"              },
	{ "event=1,cpu=4294967296",               -EINVAL, "cpu=4294967296"              },
	{ "event=1,cpu=all",                      -EINVAL, "cpu=all"                     },
	{ "event=1,every=0",                      -EINVAL, "from 1us to 8784h"           },
	{ "event=1,every=999ns",                  -EINVAL, "from 1us"                    },
	{ "event=1,every=8785h",                  -EINVAL, "to 8784h"                    },
	{ "event=1,every=1s,count=0",             -EINVAL, "1 to 4294967295"             },
	{ "event=1,every=1s,count=4294967296",    -EINVAL, "count=4294967296"            },
	{ "event=1,count=2",                      -EINVAL, "count= without every="       },
	{ "event=1,event=2",                      -EINVAL, "event= twice"                },
	{ "at=1,at=1,event=1",                    -EINVAL, "at= twice"                   },
	{ "event=1,cpus=2",                       -EINVAL, "unknown part \"cpus=2\""     },
	{ "event=1,=2",                           -EINVAL, "unknown part \"=2\""         },
	{ "event=1,ev=2",                         -EINVAL, "unknown part \"ev=2\""       },
	{ "at=5s;event=1",                        -EINVAL, "at=5s;event=1"               },
	/* clang-format on */
};

static void wrong_triggers_are_refused_with_a_reason(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(bad_triggers); i++) {
		const struct bad *bad = &bad_triggers[i];
		struct rules r = { .n = 0 };
		struct err err = { "" };
		int rc = sdei_parse_trigger(r.rule, &r.n, bad->text, &err);

		check_error(bad->text, rc, bad->rc, &err, bad->says);
		assert_int_equal(r.n, 0);
	}
}

static void a_very_long_text_is_refused(void **state)
{
	struct events e = { .n = 0 };
	struct rules r = { .n = 0 };
	struct err err = { "" };
	char text[1000];

	(void)state;
	memset(text, ',', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	check_error("long event", sdei_parse_event(e.def, &e.n, text, &err), -EINVAL, &err,
		    "too long: 999");
	check_error("long trigger", sdei_parse_trigger(r.rule, &r.n, text, &err), -EINVAL, &err,
		    "too long: 999");
}

static void there_is_room_for_so_many_triggers(void **state)
{
	struct rules r = { .n = 0 };
	struct err err = { "" };

	(void)state;
	for (unsigned i = 0; i < SDEI_MAX_TRIGGERS; i++)
		add_rule(&r, "event=shared-normal");
	check_error("one more", sdei_parse_trigger(r.rule, &r.n, "event=1", &err), -ENOSPC, &err,
		    "room for 32");
	assert_int_equal(r.n, SDEI_MAX_TRIGGERS);
}

static void errors_are_optional(void **state)
{
	struct events e = { .n = 0 };
	struct rules r = { .n = 0 };

	(void)state;
	assert_int_equal(sdei_parse_event(e.def, &e.n, "1", NULL), -EINVAL);
	assert_int_equal(sdei_parse_trigger(r.rule, &r.n, "event=x", NULL), -EINVAL);
}

/* ---- which triggers make sense ---- */

/* On a machine of 4 CPUs with a private event 0x40000200 and a shared one 0x40000201. */
static int check_on(const char *text, bool watchdog, struct err *err)
{
	struct events e = { .n = 0 };
	struct rules r = { .n = 0 };

	add_event(&e, "0x40000200,type=private,prio=critical");
	add_event(&e, "0x40000201,type=shared,prio=normal");
	add_rule(&r, text);
	return sdei_check_trigger(&r.rule[0], e.def, e.n, watchdog, 4, err);
}

static void sensible(const char *text, bool watchdog)
{
	struct err err = { "" };

	if (check_on(text, watchdog, &err))
		fail_msg("\"%s\": expected to be accepted, found: %s", text, err.text);
}

static void senseless(const char *text, bool watchdog, const char *says)
{
	struct err err = { "" };
	int rc = check_on(text, watchdog, &err);

	check_error(text, rc, -EINVAL, &err, says);
}

static void a_private_event_needs_a_cpu_that_exists(void **state)
{
	(void)state;
	sensible("event=0,cpu=0", false);
	sensible("event=private-normal,cpu=3", false);
	sensible("event=private-critical,cpu=3", false);
	sensible("event=0x40000200,cpu=3", false);
	sensible("event=watchdog,cpu=3", true);
	senseless("event=0", false, "add cpu=0");
	senseless("event=0x40000200", false, "0x40000200 is private");
	senseless("event=private-critical", false, "names no CPU");
	senseless("event=private-normal,cpu=4", false, "with --cpus 4 they are 0 to 3");
	senseless("event=watchdog,cpu=4", true, "cpu=4, which does not exist");
}

static void a_shared_event_takes_no_cpu(void **state)
{
	(void)state;
	sensible("event=shared-normal", false);
	sensible("event=shared-critical", false);
	sensible("event=0x40000201", false);
	senseless("event=shared-normal,cpu=0", false, "leave cpu= out");
	senseless("event=0x40000201,cpu=0", false, "0x40000201 is shared");
}

static void the_event_must_exist(void **state)
{
	(void)state;
	senseless("event=1,cpu=0", false, "0x00000001, which does not exist: add it with");
	senseless("event=0x40000005,cpu=0", false, "shared-critical");
	senseless("event=0x40000202", false, "--sdei-event");
	senseless("event=0xffffffff", false, "does not exist");
	senseless("event=watchdog,cpu=0", false, "add that");
	senseless("event=0x40000100,cpu=0", false, "raise that instead");
	senseless("event=0x40000107", true, "raise that instead");
}

/* ---- printing and listing ---- */

static char *printed_event(const struct sdei_event_def *def)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	sdei_print_event(def, out);
	fclose(out);
	return text;
}

static char *printed_rule(const struct sdei_trigger_rule *rule)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	sdei_print_trigger(rule, out);
	fclose(out);
	return text;
}

static void events_are_printed_as_they_are_parsed(void **state)
{
	static const char *const texts[] = {
		"0x40000000,type=private,prio=normal",
		"0x40000200,type=private,prio=critical",
		"0x40000201,type=shared,prio=normal",
		"0x40ffffff,type=shared,prio=critical",
	};
	struct events e = { .n = 0 };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(texts); i++) {
		char *text = printed_event(add_event(&e, texts[i]));

		assert_string_equal(text, texts[i]);
		free(text);
	}
}

static void triggers_are_printed_as_they_are_parsed(void **state)
{
	static const char *const texts[] = {
		"at=0ns,event=0x00000000,cpu=0",
		"at=5s,event=0x40000003",
		"at=1500ms,event=0x40000001,cpu=511,every=20us",
		"at=1h,event=0xffffffff,every=1m,count=4294967295",
	};
	struct rules r = { .n = 0 };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(texts); i++) {
		char *text = printed_rule(add_rule(&r, texts[i]));

		assert_string_equal(text, texts[i]);
		free(text);
	}
}

static struct sdei_trigger_rule random_rule(void)
{
	struct sdei_trigger_rule rule;

	memset(&rule, 0, sizeof(rule));
	rule.at_ns = ((uint64_t)rand() << 20 ^ (uint64_t)rand()) % (8784 * 3600 * NS_PER_SEC);
	rule.event = (uint32_t)rand() * 2 + (uint32_t)rand() % 2;
	rule.cpu = rand() % 2 ? SDEI_NO_CPU : (uint32_t)rand() % SDEI_MAX_PES;
	if (rand() % 2) {
		rule.every_ns = NS_PER_US + (uint64_t)rand();
		rule.count = rand() % 2 ? (uint32_t)rand() : 0;
	}
	return rule;
}

static void random_triggers_read_back_as_they_were(void **state)
{
	(void)state;
	srand(1);
	for (unsigned i = 0; i < 10000; i++) {
		struct sdei_trigger_rule rule = random_rule();
		struct rules r = { .n = 0 };
		char *text = printed_rule(&rule);
		const struct sdei_trigger_rule *back = add_rule(&r, text);

		if (back->at_ns != rule.at_ns || back->every_ns != rule.every_ns ||
		    back->count != rule.count || back->event != rule.event || back->cpu != rule.cpu)
			fail_msg("\"%s\" does not read back as it was", text);
		free(text);
	}
}

static bool listed(const struct sdei_event_def *defs, unsigned n, uint32_t num)
{
	for (unsigned i = 0; i < n; i++)
		if (defs[i].num == num)
			return true;
	return false;
}

static void all_events_of_a_machine_are_listed(void **state)
{
	struct sdei_event_def defs[SDEI_MAX_EVENTS];
	struct events e = { .n = 0 };
	unsigned n;

	(void)state;
	add_event(&e, "0x40000200,type=private,prio=critical");
	n = sdei_list_events(e.def, e.n, false, defs);
	assert_int_equal(n, 7);
	for (uint32_t num = SDEI_EVENT_PRIVATE_NORMAL; num <= SDEI_EVENT_SHARED_CRITICAL; num++)
		assert_true(listed(defs, n, num));
	assert_true(listed(defs, n, SDEI_EVENT_RAS_NORMAL));
	assert_true(listed(defs, n, SDEI_EVENT_RAS_CRITICAL));
	assert_false(listed(defs, n, SDEI_EVENT_WATCHDOG));
	assert_false(listed(defs, n, SDEI_EVENT_SIGNALLED));
	assert_int_equal(defs[6].num, 0x40000200);
	n = sdei_list_events(e.def, e.n, true, defs);
	assert_int_equal(n, 8);
	assert_true(listed(defs, n, SDEI_EVENT_WATCHDOG));
	assert_true(listed(defs, n, 0x40000200));
}

/* With the slots and event 0 the fullest machine fits. */
static void the_longest_list_fits(void **state)
{
	(void)state;
	assert_true(1 + sdei_nplatform_events + SDEI_MAX_USER_EVENTS + SDEI_PRIVATE_SLOTS +
			    SDEI_SHARED_SLOTS <=
		    SDEI_MAX_EVENTS);
}

/* The four kinds there are, so that a client can be tried with all; the error sources' two on top. */
static void platform_events_are_of_all_kinds(void **state)
{
	struct sdei_event_def defs[SDEI_MAX_EVENTS];
	unsigned n = sdei_list_events(NULL, 0, false, defs), kinds = 0;

	(void)state;
	for (unsigned i = 0; i < n; i++)
		kinds |= 1u << (defs[i].type * 2 + defs[i].priority);
	assert_int_equal(n, 6);
	assert_int_equal(kinds, 15);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_event_has_number_type_and_priority),
		cmocka_unit_test(numbers_may_be_decimal_and_parts_in_any_order),
		cmocka_unit_test(the_whole_vendor_range_may_be_used),
		cmocka_unit_test(wrong_events_are_refused_with_a_reason),
		cmocka_unit_test(an_event_is_given_once),
		cmocka_unit_test(there_is_room_for_so_many_events),
		cmocka_unit_test(a_trigger_has_all_its_parts),
		cmocka_unit_test(all_but_the_event_may_be_left_out),
		cmocka_unit_test(the_order_of_parts_has_no_meaning),
		cmocka_unit_test(platform_events_have_names),
		cmocka_unit_test(largest_and_smallest_values),
		cmocka_unit_test(wrong_triggers_are_refused_with_a_reason),
		cmocka_unit_test(a_very_long_text_is_refused),
		cmocka_unit_test(there_is_room_for_so_many_triggers),
		cmocka_unit_test(errors_are_optional),
		cmocka_unit_test(a_private_event_needs_a_cpu_that_exists),
		cmocka_unit_test(a_shared_event_takes_no_cpu),
		cmocka_unit_test(the_event_must_exist),
		cmocka_unit_test(events_are_printed_as_they_are_parsed),
		cmocka_unit_test(triggers_are_printed_as_they_are_parsed),
		cmocka_unit_test(random_triggers_read_back_as_they_were),
		cmocka_unit_test(all_events_of_a_machine_are_listed),
		cmocka_unit_test(the_longest_list_fits),
		cmocka_unit_test(platform_events_are_of_all_kinds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
