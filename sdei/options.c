/*
 * The platform's SDEI events, and the operator's text for further events and for triggers. Which
 * numbers an event may have: DEN0054C 4.1; everything else here is rasvm's own.
 *
 * Holds no state: the caller owns the lists. Left out: triggers on bound interrupts, whose numbers
 * exist only once the guest has bound them; raising the interrupt is what fires those.
 */
#include "sdei/options.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/keylist.h"
#include "lib/parse.h"
#include "lib/types.h"

#define SLOT_LAST (SDEI_SLOT_BASE + SDEI_PRIVATE_SLOTS + SDEI_SHARED_SLOTS - 1)

/* A distance that leaves the machine time for anything else. */
#define MIN_EVERY_NS NS_PER_US

const struct sdei_platform_event sdei_platform_events[] = {
	{ "private-normal",
	  { SDEI_EVENT_PRIVATE_NORMAL, SDEI_PRIVATE, SDEI_NORMAL },
	  "free for tests" },
	{ "private-critical",
	  { SDEI_EVENT_PRIVATE_CRITICAL, SDEI_PRIVATE, SDEI_CRITICAL },
	  "free for tests; as an NMI button would have it" },
	{ "shared-normal",
	  { SDEI_EVENT_SHARED_NORMAL, SDEI_SHARED, SDEI_NORMAL },
	  "free for tests; as an error source would have it" },
	{ "shared-critical",
	  { SDEI_EVENT_SHARED_CRITICAL, SDEI_SHARED, SDEI_CRITICAL },
	  "free for tests" },
	{ "watchdog",
	  { SDEI_EVENT_WATCHDOG, SDEI_PRIVATE, SDEI_NORMAL },
	  "fires on each PE that enabled it, once a period of --sdei-watchdog" },
	{ "ras-normal",
	  { SDEI_EVENT_RAS_NORMAL, SDEI_SHARED, SDEI_NORMAL },
	  "a hardware error was recorded" },
	{ "ras-critical",
	  { SDEI_EVENT_RAS_CRITICAL, SDEI_SHARED, SDEI_CRITICAL },
	  "a hardware error was recorded, fatal" },
};
const unsigned sdei_nplatform_events = ARRAY_SIZE(sdei_platform_events);

/* ---- events ---- */

static const struct sdei_platform_event *find_platform(uint32_t num)
{
	for (unsigned i = 0; i < sdei_nplatform_events; i++)
		if (sdei_platform_events[i].def.num == num)
			return &sdei_platform_events[i];
	return NULL;
}

static bool is_slot(uint32_t num)
{
	return num >= SDEI_SLOT_BASE && num <= SLOT_LAST;
}

static int take_type(void *target, const char *value, struct err *err)
{
	static const char *const types[] = { "private", "shared" };
	struct sdei_event_def *event = target;
	unsigned i = 0;
	int rc = keylist_choice("type", value, types, ARRAY_SIZE(types), &i, err);

	event->type = i == 0 ? SDEI_PRIVATE : SDEI_SHARED;
	return rc;
}

static int take_priority(void *target, const char *value, struct err *err)
{
	static const char *const priorities[] = { "normal", "critical" };
	struct sdei_event_def *event = target;
	unsigned i = 0;
	int rc = keylist_choice("prio", value, priorities, ARRAY_SIZE(priorities), &i, err);

	event->priority = i == 0 ? SDEI_NORMAL : SDEI_CRITICAL;
	return rc;
}

static const struct keylist_key event_keys[] = {
	{ "type", take_type, false },
	{ "prio", take_priority, false },
};

static const struct keylist event_syntax = {
	.keys = event_keys,
	.nkeys = ARRAY_SIZE(event_keys),
	.form = "NUM,type=private|shared,prio=normal|critical",
};

static int take_event_number(void *target, const char *text, struct err *err)
{
	struct sdei_event_def *event = target;
	uint64_t number;

	if (parse_u64(text, &number, NULL) || number < SDEI_EVENT_VENDOR_BASE ||
	    number > SDEI_EVENT_VENDOR_LAST)
		return err_set(err, -EINVAL,
			       "has the event number \"%s\": it must be 0x%08" PRIx32
			       " to 0x%08" PRIx32 ", the vendor's numbers",
			       text, SDEI_EVENT_VENDOR_BASE, SDEI_EVENT_VENDOR_LAST);
	event->num = (uint32_t)number;
	return 0;
}

static int check_free(const struct sdei_event_def *events, unsigned n, uint32_t num,
		      struct err *err)
{
	const struct sdei_platform_event *platform = find_platform(num);

	if (platform)
		return err_set(err, -EEXIST,
			       "has the number of the platform's event %s: choose another",
			       platform->name);
	if (is_slot(num))
		return err_set(err, -EEXIST,
			       "has a number that is kept for interrupts the guest binds: "
			       "choose one outside 0x%08" PRIx32 " to 0x%08" PRIx32,
			       SDEI_SLOT_BASE, SLOT_LAST);
	for (unsigned i = 0; i < n; i++)
		if (events[i].num == num)
			return err_set(err, -EEXIST,
				       "has the number 0x%08" PRIx32
				       " of an event given before: choose another",
				       num);
	return 0;
}

int sdei_parse_event(struct sdei_event_def *events, unsigned *n, const char *text, struct err *err)
{
	struct sdei_event_def event = { .num = 0 };
	unsigned given;
	int rc;

	if (*n == SDEI_MAX_USER_EVENTS)
		return err_set(err, -ENOSPC, "is one event too many: there is room for %d",
			       SDEI_MAX_USER_EVENTS);
	rc = keylist_parse(&event_syntax, &event, take_event_number, text, &given, err);
	if (!rc && given != (1u << ARRAY_SIZE(event_keys)) - 1)
		rc = err_set(err, -EINVAL, "needs both type= and prio=: write %s",
			     event_syntax.form);
	if (!rc)
		rc = check_free(events, *n, event.num, err);
	if (!rc)
		events[(*n)++] = event;
	return rc;
}

void sdei_print_event(const struct sdei_event_def *event, FILE *out)
{
	fprintf(out, "0x%08" PRIx32 ",type=%s,prio=%s", event->num,
		event->type == SDEI_PRIVATE ? "private" : "shared",
		event->priority == SDEI_NORMAL ? "normal" : "critical");
}

unsigned sdei_list_events(const struct sdei_event_def *user, unsigned nuser, bool watchdog,
			  struct sdei_event_def *defs)
{
	unsigned n = 0;

	for (unsigned i = 0; i < sdei_nplatform_events; i++)
		if (watchdog || sdei_platform_events[i].def.num != SDEI_EVENT_WATCHDOG)
			defs[n++] = sdei_platform_events[i].def;
	for (unsigned i = 0; i < nuser; i++)
		defs[n++] = user[i];
	return n;
}

/* ---- triggers ---- */

/* "private-normal, private-critical, ..." */
static void list_platform_events(char *list, size_t size)
{
	size_t used = 0;

	for (unsigned i = 0; i < sdei_nplatform_events && used < size; i++)
		used += (size_t)snprintf(list + used, size - used, "%s%s", used ? ", " : "",
					 sdei_platform_events[i].name);
}

static int take_event(void *target, const char *value, struct err *err)
{
	struct sdei_trigger_rule *rule = target;
	char names[128];
	uint64_t number;

	for (unsigned i = 0; i < sdei_nplatform_events; i++) {
		if (strcmp(sdei_platform_events[i].name, value) == 0) {
			rule->event = sdei_platform_events[i].def.num;
			return 0;
		}
	}
	list_platform_events(names, sizeof(names));
	if (parse_u64(value, &number, NULL) || number > UINT32_MAX)
		return err_set(err, -EINVAL, "has \"event=%s\": use an event's number or one of %s",
			       value, names);
	rule->event = (uint32_t)number;
	return 0;
}

static int take_at(void *target, const char *value, struct err *err)
{
	struct sdei_trigger_rule *rule = target;

	return keylist_time("at", value, 0, &rule->at_ns, err);
}

static int take_every(void *target, const char *value, struct err *err)
{
	struct sdei_trigger_rule *rule = target;

	return keylist_time("every", value, MIN_EVERY_NS, &rule->every_ns, err);
}

static int take_limited(const char *name, const char *value, uint32_t min, uint32_t max,
			uint32_t *number, struct err *err)
{
	uint64_t wide;

	if (keylist_number(name, value, min, max, &wide, err))
		return -EINVAL;
	*number = (uint32_t)wide;
	return 0;
}

static int take_cpu(void *target, const char *value, struct err *err)
{
	struct sdei_trigger_rule *rule = target;

	return take_limited("cpu", value, 0, SDEI_MAX_PES - 1, &rule->cpu, err);
}

static int take_count(void *target, const char *value, struct err *err)
{
	struct sdei_trigger_rule *rule = target;

	return take_limited("count", value, 1, UINT32_MAX, &rule->count, err);
}

enum { TRIGGER_AT, TRIGGER_EVENT, TRIGGER_CPU, TRIGGER_EVERY, TRIGGER_COUNT };

static const struct keylist_key trigger_keys[] = {
	/* clang-format off */
	[TRIGGER_AT]    = { "at", take_at, false },
	[TRIGGER_EVENT] = { "event", take_event, false },
	[TRIGGER_CPU]   = { "cpu", take_cpu, false },
	[TRIGGER_EVERY] = { "every", take_every, false },
	[TRIGGER_COUNT] = { "count", take_count, false },
	/* clang-format on */
};

static const struct keylist trigger_syntax = {
	.keys = trigger_keys,
	.nkeys = ARRAY_SIZE(trigger_keys),
	.form = "at=TIME,event=N[,cpu=M][,every=TIME[,count=K]]",
};

static int check_given(unsigned given, struct err *err)
{
	if (!(given & 1u << TRIGGER_EVENT))
		return err_set(err, -EINVAL, "names no event: write %s", trigger_syntax.form);
	if (given & 1u << TRIGGER_COUNT && !(given & 1u << TRIGGER_EVERY))
		return err_set(err, -EINVAL,
			       "has count= without every=: say how far apart they are");
	return 0;
}

int sdei_parse_trigger(struct sdei_trigger_rule *rules, unsigned *n, const char *text,
		       struct err *err)
{
	struct sdei_trigger_rule rule;
	unsigned given;
	int rc;

	if (*n == SDEI_MAX_TRIGGERS)
		return err_set(err, -ENOSPC, "is one trigger too many: there is room for %d",
			       SDEI_MAX_TRIGGERS);
	/* Padding is 0 too, so that rules can be compared. */
	memset(&rule, 0, sizeof(rule));
	rule.cpu = SDEI_NO_CPU;
	rc = keylist_parse(&trigger_syntax, &rule, NULL, text, &given, err);
	if (!rc)
		rc = check_given(given, err);
	if (!rc)
		memcpy(&rules[(*n)++], &rule, sizeof(rule));
	return rc;
}

/* Event 0 is private and normal (DEN0054C 4.1) and in no list. */
static const struct sdei_event_def *find_event(const struct sdei_event_def *events, unsigned n,
					       uint32_t num)
{
	static const struct sdei_event_def signalled = { SDEI_EVENT_SIGNALLED, SDEI_PRIVATE,
							 SDEI_NORMAL };
	const struct sdei_platform_event *platform = find_platform(num);

	if (num == SDEI_EVENT_SIGNALLED)
		return &signalled;
	for (unsigned i = 0; i < n; i++)
		if (events[i].num == num)
			return &events[i];
	return platform ? &platform->def : NULL;
}

static int check_cpu(const struct sdei_trigger_rule *rule, const struct sdei_event_def *def,
		     unsigned ncpus, struct err *err)
{
	if (def->type == SDEI_SHARED && rule->cpu != SDEI_NO_CPU)
		return err_set(err, -EINVAL,
			       "names a CPU, but event 0x%08" PRIx32
			       " is shared and goes where the guest routes it: leave cpu= out",
			       rule->event);
	if (def->type == SDEI_PRIVATE && rule->cpu == SDEI_NO_CPU)
		return err_set(err, -EINVAL,
			       "names no CPU, but event 0x%08" PRIx32
			       " is private: add cpu=0 or another",
			       rule->event);
	if (def->type == SDEI_PRIVATE && rule->cpu >= ncpus)
		return err_set(err, -EINVAL,
			       "names cpu=%" PRIu32
			       ", which does not exist: with --cpus %u they are 0 to %u",
			       rule->cpu, ncpus, ncpus - 1);
	return 0;
}

int sdei_check_trigger(const struct sdei_trigger_rule *rule, const struct sdei_event_def *events,
		       unsigned n, bool watchdog, unsigned ncpus, struct err *err)
{
	const struct sdei_event_def *def = find_event(events, n, rule->event);
	char names[128];

	if (is_slot(rule->event))
		return err_set(err, -EINVAL,
			       "names event 0x%08" PRIx32
			       ", which the guest may bind to an interrupt: raise that instead",
			       rule->event);
	list_platform_events(names, sizeof(names));
	if (!def)
		return err_set(err, -EINVAL,
			       "names event 0x%08" PRIx32
			       ", which does not exist: add it with --sdei-event, or use one of %s",
			       rule->event, names);
	if (rule->event == SDEI_EVENT_WATCHDOG && !watchdog)
		return err_set(err, -EINVAL,
			       "names the watchdog's event, which is there with --sdei-watchdog "
			       "only: add that, or use another event");
	return check_cpu(rule, def, ncpus, err);
}

void sdei_print_trigger(const struct sdei_trigger_rule *rule, FILE *out)
{
	char duration[PARSE_TEXT_BYTES];

	parse_print_duration(rule->at_ns, duration);
	fprintf(out, "at=%s,event=0x%08" PRIx32, duration, rule->event);
	if (rule->cpu != SDEI_NO_CPU)
		fprintf(out, ",cpu=%" PRIu32, rule->cpu);
	if (!rule->every_ns)
		return;
	parse_print_duration(rule->every_ns, duration);
	fprintf(out, ",every=%s", duration);
	if (rule->count)
		fprintf(out, ",count=%" PRIu32, rule->count);
}
