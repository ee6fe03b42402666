/*
 * The language of error injection: which keys there are, which of them each kind takes, and what of
 * it makes sense together; the tables below are the language. The text is read by lib/keylist.h and
 * printed by inject_print.c. Nothing here is from a specification but the error types and syndromes,
 * whose names are those of ACPI 6.5 18.3.2 and Arm DDI 0487 (ESR_EL1, AET).
 *
 * Holds no state: the caller owns the rules. Left out: whether a regular expression or a file is good,
 * which arm64/inject.c finds before the guest starts.
 */
#include "ras/inject.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/keylist.h"
#include "lib/parse.h"
#include "ras/error.h"
#include "ras/esr.h"
#include "ras/policy.h"

#define MAX_CPUS      512
#define MAX_RUN       (UINT32_C(1) << 18) /* pages: the largest huge page, 1 GiB */
#define MAX_STORM     UINT32_C(8192)      /* each is an entry of the page map */
#define DEFAULT_STORM 32

/* A distance that leaves the machine time for anything else. */
#define MIN_EVERY_NS NS_PER_US

enum key {
	KEY_AT,
	KEY_WHEN,
	KEY_COUNT,
	KEY_EVERY,
	KEY_CPU,
	KEY_GPA,
	KEY_VA,
	KEY_RANGE,
	KEY_PAGES,
	KEY_LEVEL,
	KEY_THRESHOLD,
	KEY_ESR,
	KEY_AET,
	KEY_NO_ESR,
	KEY_IFETCH,
	KEY_EVENT,
	KEY_SOURCE,
	KEY_SECTION,
	KEY_FILE,
	KEY_SEV,
	NR_KEYS
};

#define BIT(key) (1u << (key))
#define WHEN     (BIT(KEY_AT) | BIT(KEY_WHEN) | BIT(KEY_COUNT) | BIT(KEY_EVERY))
#define PLACE    (BIT(KEY_GPA) | BIT(KEY_VA) | BIT(KEY_RANGE))
#define PAGES    (PLACE | BIT(KEY_PAGES) | BIT(KEY_CPU))
#define SYNDROME (BIT(KEY_ESR) | BIT(KEY_AET) | BIT(KEY_NO_ESR))
#define RECORD   (PLACE | BIT(KEY_CPU) | BIT(KEY_SOURCE) | BIT(KEY_SEV))

/* Which keys a kind takes besides those that say when. */
static const struct {
	const char *name;
	unsigned keys;
	bool wants_acpi;
} kinds[INJECT_NR_KINDS] = {
	/* clang-format off */
	[INJECT_MEM_AO]   = { "mem-ao", PAGES | BIT(KEY_LEVEL) | BIT(KEY_SEV), true },
	[INJECT_MEM_AR]   = { "mem-ar", PAGES | BIT(KEY_LEVEL) | BIT(KEY_IFETCH), true },
	[INJECT_MEM_CE]   = { "mem-ce", PAGES | BIT(KEY_LEVEL) | BIT(KEY_THRESHOLD), true },
	[INJECT_SERROR]   = { "serror", SYNDROME | BIT(KEY_CPU), false },
	[INJECT_SEA]      = { "sea", BIT(KEY_IFETCH) | BIT(KEY_CPU), false },
	[INJECT_SDEI]     = { "sdei", BIT(KEY_EVENT) | BIT(KEY_CPU), false },
	[INJECT_GHES]     = { "ghes", RECORD | BIT(KEY_SECTION) | BIT(KEY_FILE), true },
	[INJECT_ARM_PROC] = { "arm-proc", RECORD, true },
	[INJECT_STORM]    = { "storm", PAGES | BIT(KEY_SEV), true },
	/* clang-format on */
};

const char *inject_kind_name(enum inject_kind kind)
{
	return kind < INJECT_NR_KINDS ? kinds[kind].name : NULL;
}

bool inject_wants_acpi(const struct inject_rule *rule)
{
	return kinds[rule->kind].wants_acpi;
}

/* ---- the value of each key ---- */

static int take_kind(void *target, const char *text, struct err *err)
{
	struct inject_rule *rule = target;

	for (unsigned i = 0; i < INJECT_NR_KINDS; i++) {
		if (strcmp(kinds[i].name, text) == 0) {
			rule->kind = (enum inject_kind)i;
			return 0;
		}
	}
	return err_set(err, -EINVAL,
		       "has the kind \"%.40s\": use mem-ao, mem-ar, mem-ce, serror, sea, sdei, "
		       "ghes, arm-proc or storm",
		       text);
}

static int take_at(void *target, const char *value, struct err *err)
{
	struct inject_rule *rule = target;

	return keylist_time("at", value, 0, &rule->at_ns, err);
}

static int take_every(void *target, const char *value, struct err *err)
{
	struct inject_rule *rule = target;

	return keylist_time("every", value, MIN_EVERY_NS, &rule->every_ns, err);
}

/* A text that is printed and read again: what follows it must not be taken for a part of it. */
static int take_text(const char *name, const char *value, char text[INJECT_TEXT_BYTES],
		     struct err *err)
{
	size_t len = strlen(value), backslashes = 0;

	while (backslashes < len && value[len - 1 - backslashes] == '\\')
		backslashes++;
	if (len == 0)
		return err_set(err, -EINVAL, "has an empty %s", name);
	if (len >= INJECT_TEXT_BYTES)
		return err_set(err, -EINVAL, "has a %s of %zu characters: at most %d are allowed",
			       name, len, INJECT_TEXT_BYTES - 1);
	if (backslashes % 2)
		return err_set(err, -EINVAL, "has a %s that ends in a backslash: write two", name);
	memcpy(text, value, len + 1);
	return 0;
}

static int take_exit(struct inject_rule *rule, const char *value, struct err *err)
{
	int rc = keylist_number("when=exit", value, 1, UINT64_MAX, &rule->exit, err);

	rule->when = INJECT_EXIT;
	return rc;
}

static int take_when(void *target, const char *value, struct err *err)
{
	struct inject_rule *rule = target;

	if (strncmp(value, "exit:", 5) == 0)
		return take_exit(rule, value + 5, err);
	if (strncmp(value, "console:", 8) != 0)
		return err_set(err, -EINVAL, "has \"when=%.80s\": use console:REGEX or exit:N",
			       value);
	rule->when = INJECT_CONSOLE;
	return take_text("regular expression", value + 8, rule->console, err);
}

static int take_u32(const char *name, const char *value, uint32_t min, uint32_t max,
		    uint32_t *number, struct err *err)
{
	uint64_t wide = 0;
	int rc = keylist_number(name, value, min, max, &wide, err);

	if (rc == 0)
		*number = (uint32_t)wide;
	return rc;
}

static int take_count(void *target, const char *value, struct err *err)
{
	struct inject_rule *rule = target;

	return take_u32("count", value, 0, UINT32_MAX, &rule->count, err);
}

static int take_cpu(void *target, const char *value, struct err *err)
{
	struct inject_rule *rule = target;

	return take_u32("cpu", value, 0, MAX_CPUS - 1, &rule->cpu, err);
}

static int take_gpa(void *target, const char *value, struct err *err)
{
	struct inject_rule *rule = target;

	rule->place = strcmp(value, "$1") == 0 ? INJECT_CAPTURE : INJECT_GPA;
	if (rule->place == INJECT_CAPTURE)
		return 0;
	return keylist_number("gpa", value, 0, UINT64_MAX, &rule->address, err);
}

static int take_va(void *target, const char *value, struct err *err)
{
	struct inject_rule *rule = target;

	rule->place = INJECT_VA;
	return keylist_number("va", value, 0, UINT64_MAX, &rule->address, err);
}

static bool is_page(uint64_t address)
{
	return address % RAS_PAGE_BYTES == 0;
}

static int take_range(void *target, const char *value, struct err *err)
{
	struct inject_rule *rule = target;
	size_t len = strcspn(value, "-");
	char from[PARSE_TEXT_BYTES];

	if (len < sizeof(from) && value[len] == '-') {
		memcpy(from, value, len);
		from[len] = '\0';
		if (!parse_u64(from, &rule->range_from, NULL) &&
		    !parse_u64(value + len + 1, &rule->range_to, NULL) &&
		    rule->range_from < rule->range_to && is_page(rule->range_from) &&
		    is_page(rule->range_to))
			return 0;
	}
	return err_set(err, -EINVAL,
		       "has \"range=%.80s\": write two guest physical addresses, FROM-TO, with "
		       "FROM below TO and both multiples of %" PRIu64,
		       value, RAS_PAGE_BYTES);
}

static int take_pages(void *target, const char *value, struct err *err)
{
	struct inject_rule *rule = target;
	uint32_t max = rule->kind == INJECT_STORM ? MAX_STORM : MAX_RUN;

	return take_u32("pages", value, 1, max, &rule->pages, err);
}

static int take_level(void *target, const char *value, struct err *err)
{
	static const char *const names[] = {
		[INJECT_MODEL] = "model",
		[INJECT_UFFD] = "uffd",
		[INJECT_REAL] = "real",
	};
	struct inject_rule *rule = target;
	unsigned index = 0;
	int rc = keylist_choice("level", value, names, INJECT_REAL + 1, &index, err);

	rule->level = (enum inject_level)index;
	return rc;
}

static int no_value(const char *name, const char *value, struct err *err)
{
	return value ? err_set(err, -EINVAL, "has \"%s=%.40s\": %s takes no value", name, value,
			       name)
		     : 0;
}

static int take_threshold(void *target, const char *value, struct err *err)
{
	((struct inject_rule *)target)->threshold = true;
	return no_value("threshold", value, err);
}

static int take_ifetch(void *target, const char *value, struct err *err)
{
	((struct inject_rule *)target)->ifetch = true;
	return no_value("ifetch", value, err);
}

static int take_no_esr(void *target, const char *value, struct err *err)
{
	((struct inject_rule *)target)->serror = RAS_SERROR_NO_ESR;
	return no_value("no-esr", value, err);
}

static int take_esr(void *target, const char *value, struct err *err)
{
	struct inject_rule *rule = target;

	if (!parse_u64(value, &rule->serror, NULL) && rule->serror <= ESR_ISS_MASK)
		return 0;
	return err_set(err, -EINVAL,
		       "has \"esr=%.40s\": write the syndrome's bits 24:0, 0 to 0x%" PRIx64, value,
		       ESR_ISS_MASK);
}

static int take_aet(void *target, const char *value, struct err *err)
{
	struct inject_rule *rule = target;

	if (esr_aet_parse(value, &rule->serror))
		return 0;
	return err_set(err, -EINVAL, "has \"aet=%.40s\": use ce, ueo, uer, ueu or uc", value);
}

static int take_event(void *target, const char *value, struct err *err)
{
	struct inject_rule *rule = target;
	uint64_t number = 0;

	if (strcmp(value, "ras-normal") == 0)
		number = RAS_EVENT_NORMAL;
	else if (strcmp(value, "ras-critical") == 0)
		number = RAS_EVENT_CRITICAL;
	else if (parse_u64(value, &number, NULL) || number > UINT32_MAX)
		return err_set(err, -EINVAL,
			       "has \"event=%.40s\": use an event's number, ras-normal or "
			       "ras-critical",
			       value);
	rule->event = (uint32_t)number;
	return 0;
}

static int take_source(void *target, const char *value, struct err *err)
{
	struct inject_rule *rule = target;
	const char *names[GHES_NR];
	unsigned index = 0;
	int rc;

	for (unsigned i = 0; i < GHES_NR; i++)
		names[i] = ghes_name((enum ghes_id)i);
	rc = keylist_choice("source", value, names, GHES_NR, &index, err);
	rule->source = (enum ghes_id)index;
	rule->source_given = true;
	return rc;
}

static int take_section(void *target, const char *value, struct err *err)
{
	static const char *const names[] = {
		[INJECT_SECTION_MEM] = "mem",
		[INJECT_SECTION_ARM] = "arm",
		[INJECT_SECTION_RAW] = "raw",
	};
	struct inject_rule *rule = target;
	unsigned index = 0;
	int rc = keylist_choice("section", value, names, INJECT_SECTION_RAW + 1, &index, err);

	rule->section = (enum inject_section)index;
	return rc;
}

static int take_file(void *target, const char *value, struct err *err)
{
	return take_text("file name", value, ((struct inject_rule *)target)->file, err);
}

static int take_severity(void *target, const char *value, struct err *err)
{
	struct inject_rule *rule = target;
	const char *names[CPER_INFO + 1];
	unsigned index = 0;
	int rc;

	for (unsigned i = 0; i <= CPER_INFO; i++)
		names[i] = cper_severity_name((enum cper_severity)i);
	rc = keylist_choice("sev", value, names, CPER_INFO + 1, &index, err);
	rule->severity = (enum cper_severity)index;
	rule->severity_given = true;
	return rc;
}

static const struct keylist_key keys[NR_KEYS] = {
	/* clang-format off */
	[KEY_AT]        = { "at", take_at, false },
	[KEY_WHEN]      = { "when", take_when, false },
	[KEY_COUNT]     = { "count", take_count, false },
	[KEY_EVERY]     = { "every", take_every, false },
	[KEY_CPU]       = { "cpu", take_cpu, false },
	[KEY_GPA]       = { "gpa", take_gpa, false },
	[KEY_VA]        = { "va", take_va, false },
	[KEY_RANGE]     = { "range", take_range, false },
	[KEY_PAGES]     = { "pages", take_pages, false },
	[KEY_LEVEL]     = { "level", take_level, false },
	[KEY_THRESHOLD] = { "threshold", take_threshold, true },
	[KEY_ESR]       = { "esr", take_esr, false },
	[KEY_AET]       = { "aet", take_aet, false },
	[KEY_NO_ESR]    = { "no-esr", take_no_esr, true },
	[KEY_IFETCH]    = { "ifetch", take_ifetch, true },
	[KEY_EVENT]     = { "event", take_event, false },
	[KEY_SOURCE]    = { "source", take_source, false },
	[KEY_SECTION]   = { "section", take_section, false },
	[KEY_FILE]      = { "file", take_file, false },
	[KEY_SEV]       = { "sev", take_severity, false },
	/* clang-format on */
};

static const struct keylist language = {
	.keys = keys,
	.nkeys = NR_KEYS,
	.form = "KIND[,at=][,when=][,count=][,every=][,cpu=] and, as the kind allows, gpa= va= "
		"range= pages= level= threshold esr= aet= no-esr ifetch event= source= section= "
		"file= sev=",
};

/* ---- what makes sense together ---- */

static int check_keys(const struct inject_rule *rule, unsigned given, struct err *err)
{
	unsigned wrong = given & ~(kinds[rule->kind].keys | WHEN);
	const struct keylist_key *key;

	if (!wrong)
		return 0;
	key = &keys[__builtin_ctz(wrong)];
	return err_set(err, -EINVAL, "has %s%s, which %s does not take: leave it out", key->name,
		       key->bare ? "" : "=", kinds[rule->kind].name);
}

/* Of each of these groups a rule has one at most. */
static int check_groups(unsigned given, struct err *err)
{
	static const unsigned groups[] = { PLACE, SYNDROME };

	for (unsigned i = 0; i < ARRAY_SIZE(groups); i++) {
		unsigned both = given & groups[i], rest = both & (both - 1);

		if (rest)
			return err_set(err, -EINVAL, "has both %s and %s: choose one",
				       keys[__builtin_ctz(both)].name,
				       keys[__builtin_ctz(rest)].name);
	}
	return 0;
}

static int check_times(const struct inject_rule *rule, unsigned given, struct err *err)
{
	if (rule->place == INJECT_CAPTURE && rule->when != INJECT_CONSOLE)
		return err_set(err, -EINVAL,
			       "has gpa=$1, what a console line matched, without when=console: "
			       "add that, or write the address");
	if (given & BIT(KEY_COUNT) && !rule->every_ns && rule->when != INJECT_CONSOLE)
		return err_set(err, -EINVAL,
			       "has count= without every= or when=console: say how far apart they "
			       "are");
	return 0;
}

static int check_memory(const struct inject_rule *rule, unsigned given, struct err *err)
{
	bool by_cpu = rule->kind == INJECT_MEM_AR && rule->level == INJECT_MODEL;
	bool is_ao = rule->kind == INJECT_MEM_AO;

	if (rule->kind == INJECT_MEM_CE && rule->level != INJECT_MODEL)
		return err_set(
			err, -EINVAL,
			"asks for a corrected error with level=uffd or real, but its data "
			"is good and the host's kernel knows nothing of it: use level=model");
	if (rule->ifetch && rule->level != INJECT_MODEL)
		return err_set(err, -EINVAL,
			       "has ifetch with level=uffd or real, where the guest itself uses "
			       "the page: use level=model");
	if (given & BIT(KEY_CPU) && rule->place != INJECT_VA && !by_cpu)
		return err_set(err, -EINVAL,
			       "has cpu= where no CPU is concerned: leave it out, or give va=");
	if (is_ao && rule->severity != CPER_RECOVERABLE && rule->severity != CPER_FATAL)
		return err_set(err, -EINVAL,
			       "has a severity that an uncorrected error does not have: use "
			       "recoverable or fatal, or mem-ce");
	if (is_ao && rule->severity == CPER_FATAL && rule->level != INJECT_MODEL)
		return err_set(err, -EINVAL,
			       "has sev=fatal with level=uffd or real, but what the host's kernel "
			       "reports is recoverable: use level=model");
	return 0;
}

static int check_storm(const struct inject_rule *rule, unsigned given, struct err *err)
{
	if (given & BIT(KEY_CPU) && rule->place != INJECT_VA)
		return err_set(err, -EINVAL,
			       "has cpu= where no CPU is concerned: leave it out, or give va=");
	if (rule->severity != CPER_RECOVERABLE && rule->severity != CPER_CORRECTED)
		return err_set(err, -EINVAL,
			       "has a severity that a storm does not have: use recoverable or "
			       "corrected");
	return 0;
}

static int check_ghes(const struct inject_rule *rule, unsigned given, struct err *err)
{
	bool raw = rule->section == INJECT_SECTION_RAW, file = given & BIT(KEY_FILE);

	if (raw && !file)
		return err_set(err, -EINVAL, "has section=raw without file=: say what to send");
	if (file && !raw)
		return err_set(err, -EINVAL, "has file= without section=raw: add that");
	if (raw && given & PLACE)
		return err_set(err, -EINVAL,
			       "has an address with section=raw, where the file says everything: "
			       "leave it out");
	return 0;
}

static int check_kind(const struct inject_rule *rule, unsigned given, struct err *err)
{
	switch (rule->kind) {
	case INJECT_MEM_AO:
	case INJECT_MEM_AR:
	case INJECT_MEM_CE:
		return check_memory(rule, given, err);
	case INJECT_STORM:
		return check_storm(rule, given, err);
	case INJECT_GHES:
		return check_ghes(rule, given, err);
	case INJECT_SDEI:
		if (!(given & BIT(KEY_EVENT)))
			return err_set(err, -EINVAL,
				       "names no event: add event=, a number, ras-normal or "
				       "ras-critical");
		return 0;
	default:
		return 0;
	}
}

static void set_defaults(struct inject_rule *rule, unsigned given)
{
	if (!(given & BIT(KEY_COUNT)))
		rule->count = rule->every_ns ? 0 : 1;
	if (rule->kind == INJECT_SERROR && !(given & SYNDROME))
		rule->serror = ESR_SERROR_AET(ESR_AET_UEO) | ESR_SERROR_DFSC;
	if (!(given & BIT(KEY_PAGES)))
		rule->pages = rule->kind == INJECT_STORM ? DEFAULT_STORM : 1;
}

/* The printed form of a rule may be a little longer than what was read (0x, units), and has to be
 * readable again. */
static int check_length(const struct inject_rule *rule, struct err *err)
{
	int len = inject_text(rule, NULL, 0);

	if (len < 0)
		return err_set(err, len, "cannot be kept: %s", strerror(-len));
	if (len < KEYLIST_MAX_BYTES)
		return 0;
	return err_set(err, -EINVAL,
		       "is too long: %d characters with all units, at most %d are read", len,
		       KEYLIST_MAX_BYTES - 1);
}

int inject_parse(struct inject_rule *rules, unsigned *n, const char *text, struct err *err)
{
	struct inject_rule rule;
	unsigned given = 0;
	int rc;

	if (*n == INJECT_MAX_RULES)
		return err_set(err, -ENOSPC, "is one rule too many: there is room for %d",
			       INJECT_MAX_RULES);
	/* Padding is 0 too, so that rules can be compared. */
	memset(&rule, 0, sizeof(rule));
	rule.cpu = INJECT_ANY_CPU;
	rc = keylist_parse(&language, &rule, take_kind, text, &given, err);
	if (!rc)
		rc = check_keys(&rule, given, err);
	if (!rc)
		rc = check_groups(given, err);
	if (!rc)
		rc = check_times(&rule, given, err);
	if (!rc)
		rc = check_kind(&rule, given, err);
	if (rc)
		return rc;
	set_defaults(&rule, given);
	rc = check_length(&rule, err);
	if (rc)
		return rc;
	memcpy(&rules[(*n)++], &rule, sizeof(rule));
	return 0;
}

/* ---- what a machine has ---- */

static bool in_ram(const struct inject_machine *machine, uint64_t from, uint64_t bytes)
{
	uint64_t offset = from - machine->ram.v;

	return from >= machine->ram.v && offset <= machine->ram_bytes &&
	       bytes <= machine->ram_bytes - offset;
}

/* Pages of a run, which has to fit; those of a storm lie where they will. */
static uint64_t run_bytes(const struct inject_rule *rule)
{
	bool from_address = rule->kind != INJECT_STORM || rule->place == INJECT_GPA;

	return RAS_PAGE_BYTES * (from_address && rule->pages ? rule->pages : 1);
}

static int check_place(const struct inject_rule *rule, const struct inject_machine *machine,
		       struct err *err)
{
	uint64_t page = align_down(rule->address, RAS_PAGE_BYTES), bytes = run_bytes(rule);
	uint64_t range = rule->range_to - rule->range_from;

	if (rule->place == INJECT_GPA && !in_ram(machine, page, bytes))
		return err_set(err, -EINVAL,
			       "names gpa=0x%" PRIx64 " and %" PRIu64
			       " bytes, which are not all RAM: that is 0x%" PRIx64 " to 0x%" PRIx64,
			       rule->address, bytes, machine->ram.v,
			       machine->ram.v + machine->ram_bytes - 1);
	if (rule->place != INJECT_RANDOM)
		return 0;
	if (range && !in_ram(machine, rule->range_from, range))
		return err_set(err, -EINVAL,
			       "names a range that is not all RAM: that is 0x%" PRIx64
			       " to 0x%" PRIx64,
			       machine->ram.v, machine->ram.v + machine->ram_bytes - 1);
	if (bytes > (range ? range : machine->ram_bytes))
		return err_set(err, -EINVAL,
			       "asks for %" PRIu32 " pages in a row, more than there are: use less",
			       rule->pages);
	return 0;
}

static int check_sources(const struct inject_rule *rule, const struct inject_machine *machine,
			 struct err *err)
{
	bool record = rule->kind == INJECT_GHES || rule->kind == INJECT_ARM_PROC;
	bool by_sdei = rule->source_given &&
		       (rule->source == GHES_SDEI_NORMAL || rule->source == GHES_SDEI_CRITICAL);

	if (record && !machine->acpi)
		return err_set(err, -EINVAL,
			       "needs error sources, which ACPI describes: use --firmware-tables "
			       "acpi or both");
	if (!machine->sdei && (rule->kind == INJECT_SDEI || (record && by_sdei)))
		return err_set(err, -EINVAL, "needs SDEI, which this machine does not have");
	return 0;
}

int inject_check(const struct inject_rule *rule, const struct inject_machine *machine,
		 struct err *err)
{
	int rc;

	if (rule->cpu != INJECT_ANY_CPU && rule->cpu >= machine->ncpus)
		return err_set(err, -EINVAL,
			       "names cpu=%" PRIu32
			       ", which does not exist: with --cpus %u they are 0 to %u",
			       rule->cpu, machine->ncpus, machine->ncpus - 1);
	rc = check_place(rule, machine, err);
	return rc ? rc : check_sources(rule, machine, err);
}
