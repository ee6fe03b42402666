/*
 * --smccc and the list of SMCCC filter ranges.
 *
 * Source: Linux Documentation/virt/kvm/devices/vm.rst (KVM_ARM_VM_SMCCC_FILTER): a range is added
 * once and for all, ranges never overlap, and the calls of the Arm Architecture owner stay in the
 * kernel. DEN0028: the owners and their numbers.
 * Holds no state. Left out: yielding calls have no names here, but BASE+COUNT reaches them.
 */
#include "hypercall/smccc_filter.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "hypercall/vendor.h"
#include "lib/parse.h"
#include "lib/types.h"

/* Function ids of one owner are its number in bits 29:24 and 16 bits of function number. */
#define ONE_OWNER UINT32_C(0x10000)

struct span {
	uint32_t base, count;
};

struct named_range {
	const char *name;
	struct span span[2]; /* SMC32 and SMC64; count 0: there is none */
};

/* "std" is what is left of the Standard Secure owner after PSCI and SDEI, which rasvm serves. */
static const struct named_range named_ranges[] = {
	/* clang-format off */
	{ "arch",       { { 0x80000000, ONE_OWNER }, { 0xc0000000, ONE_OWNER } }               },
	{ "cpu",        { { 0x81000000, ONE_OWNER }, { 0xc1000000, ONE_OWNER } }               },
	{ "sip",        { { 0x82000000, ONE_OWNER }, { 0xc2000000, ONE_OWNER } }               },
	{ "oem",        { { 0x83000000, ONE_OWNER }, { 0xc3000000, ONE_OWNER } }               },
	{ "std",        { { 0x84000040, ONE_OWNER - 0x40 }, { 0xc4000040, ONE_OWNER - 0x40 } } },
	{ "std-hyp",    { { 0x85000000, ONE_OWNER }, { 0xc5000000, ONE_OWNER } }               },
	{ "vendor-hyp", { { 0x86000000, ONE_OWNER }, { 0xc6000000, ONE_OWNER } }               },
	{ "vendor-el3", { { 0x87000000, ONE_OWNER }, { 0xc7000000, ONE_OWNER } }               },
	{ "ta",         { { 0xb0000000, 0x02000000 }, { 0xf0000000, 0x02000000 } }             },
	{ "tos",        { { 0xb2000000, 0x0e000000 }, { 0xf2000000, 0x0e000000 } }             },
	{ "psci",       { { 0x84000000, 0x20 }, { 0xc4000000, 0x20 } }                         },
	{ "psci-0.1",   { { 0x95c1ba5e, 4 }, { 0, 0 } }                                        },
	{ "sdei",       { { 0x84000020, 0x20 }, { 0xc4000020, 0x20 } }                         },
	{ "trng",       { { 0x84000050, 4 }, { 0xc4000053, 1 } }                               },
	{ "pv-time",    { { 0xc5000020, 2 }, { 0, 0 } }                                        },
	/* clang-format on */
};

/* Ranges the kernel keeps: user space must not be able to misreport the state of the Spectre
 * mitigations. It installs them itself. */
static const struct span kernel_ranges[] = {
	/* clang-format off */
	{ 0x80000000, ONE_OWNER },
	{ 0xc0000000, ONE_OWNER },
	/* clang-format on */
};

static const char psci_refusal[] = "which is rasvm's own PSCI or SDEI; choose other ids, or leave "
				   "PSCI to KVM with --psci kernel";
static const char vendor_refusal[] = "which has rasvm's own calls; choose other ids, or leave out "
				     "--vendor-calls and --sdei-watchdog";

/* rasvm's own firmware: PSCI and SDEI of both widths, the ids of PSCI 0.1, which would reach the
 * kernel's PSCI otherwise, and the vendor calls. */
static const struct {
	unsigned own; /* the flag with which the range is rasvm's */
	struct smccc_filter_entry entry;
	const char *refusal; /* what a user is told who wants a part of it */
} own_ranges[SMCCC_FILTER_OWN_RANGES] = {
	/* clang-format off */
	{ SMCCC_OWN_PSCI,   { 0x84000000,  0x40,         SMCCC_KVM_FWD_TO_USER }, psci_refusal   },
	{ SMCCC_OWN_PSCI,   { 0xc4000000,  0x40,         SMCCC_KVM_FWD_TO_USER }, psci_refusal   },
	{ SMCCC_OWN_PSCI,   { 0x95c1ba5e,  4,            SMCCC_KVM_DENY        }, psci_refusal   },
	{ SMCCC_OWN_VENDOR, { VENDOR_BASE, VENDOR_COUNT, SMCCC_KVM_FWD_TO_USER }, vendor_refusal },
	/* clang-format on */
};

/* Indexed by enum smccc_action. */
static const struct {
	const char *name;
	uint8_t kvm_action;
} actions[] = {
	/* clang-format off */
	[SMCCC_ACT_KERNEL] = { "kernel", SMCCC_KVM_HANDLE },
	[SMCCC_ACT_DENY]   = { "deny", SMCCC_KVM_DENY },
	[SMCCC_ACT_LOG]    = { "log", SMCCC_KVM_FWD_TO_USER },
	/* clang-format on */
};

const char *smccc_action_name(enum smccc_action action)
{
	return actions[action].name;
}

static int parse_action(const char *text, enum smccc_action *action, struct err *err)
{
	for (unsigned i = 0; i < ARRAY_SIZE(actions); i++) {
		if (!strcmp(actions[i].name, text)) {
			*action = (enum smccc_action)i;
			return 0;
		}
	}
	return err_set(err, -EINVAL, "has the unknown action \"%s\": use deny, kernel or log",
		       text);
}

static const struct named_range *find_name(const char *text)
{
	for (unsigned i = 0; i < ARRAY_SIZE(named_ranges); i++)
		if (!strcmp(named_ranges[i].name, text))
			return &named_ranges[i];
	return NULL;
}

static int unknown_range(const char *text, struct err *err)
{
	char names[256] = "";
	size_t used = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(named_ranges) && used < sizeof(names); i++)
		used += (size_t)snprintf(names + used, sizeof(names) - used, " %s",
					 named_ranges[i].name);
	return err_set(
		err, -EINVAL,
		"has the unknown range \"%s\": write BASE+COUNT (32-bit numbers) or one of%s", text,
		names);
}

static bool parse_u32(const char *text, uint32_t *value)
{
	uint64_t wide;

	if (parse_u64(text, &wide, NULL) || wide > UINT32_MAX)
		return false;
	*value = (uint32_t)wide;
	return true;
}

static int parse_numbers(char *text, struct span *span, struct err *err)
{
	char *plus = strchr(text, '+');

	if (!plus)
		return unknown_range(text, err);
	*plus = '\0';
	if (parse_u32(text, &span->base) && parse_u32(plus + 1, &span->count))
		return 0;
	*plus = '+';
	return unknown_range(text, err);
}

static int check_span(uint32_t base, uint32_t count, struct err *err)
{
	if (!count)
		return err_set(err, -EINVAL, "has the empty range 0x%08" PRIx32 "+0x%" PRIx32, base,
			       count);
	if (count - 1 > UINT32_MAX - base)
		return err_set(err, -EINVAL,
			       "has the range 0x%08" PRIx32 "+0x%" PRIx32
			       ", which ends past the last function id 0xffffffff",
			       base, count);
	return 0;
}

static int parse_range(char *text, struct named_range *range, struct err *err)
{
	const struct named_range *named = find_name(text);
	int rc;

	if (named) {
		*range = *named;
		return 0;
	}
	*range = (struct named_range){ .name = NULL };
	rc = parse_numbers(text, &range->span[0], err);
	return rc ? rc : check_span(range->span[0].base, range->span[0].count, err);
}

static int append(struct smccc_range *ranges, unsigned *n, const struct named_range *range,
		  enum smccc_action action, struct err *err)
{
	unsigned room = SMCCC_FILTER_MAX_RANGES - *n;

	if (room < 1 || (room < 2 && range->span[1].count))
		return err_set(err, -ENOSPC, "is one range too many: there is room for %d",
			       SMCCC_FILTER_MAX_RANGES);
	for (unsigned i = 0; i < 2; i++)
		if (range->span[i].count)
			ranges[(*n)++] = (struct smccc_range){ range->span[i].base,
							       range->span[i].count, action };
	return 0;
}

int smccc_filter_parse(struct smccc_range *ranges, unsigned *n, const char *text, struct err *err)
{
	const char *equals = strrchr(text, '=');
	struct named_range range;
	enum smccc_action action = SMCCC_ACT_DENY;
	char left[64];
	int rc;

	if (!equals)
		return err_set(err, -EINVAL, "has no action: write RANGE=deny, =kernel or =log");
	if ((size_t)(equals - text) >= sizeof(left))
		return err_set(err, -EINVAL, "is too long: write BASE+COUNT=ACTION");
	memcpy(left, text, (size_t)(equals - text));
	left[equals - text] = '\0';
	rc = parse_range(left, &range, err);
	if (!rc)
		rc = parse_action(equals + 1, &action, err);
	return rc ? rc : append(ranges, n, &range, action, err);
}

/* Both ranges are known not to wrap. */
static bool overlap(const struct smccc_range *r, uint32_t base, uint32_t count)
{
	return r->base <= base + (count - 1) && base <= r->base + (r->count - 1);
}

static int refuse(const struct smccc_range *r, uint32_t base, uint32_t count, const char *why,
		  struct err *err)
{
	return err_set(err, -EEXIST,
		       "SMCCC range 0x%08" PRIx32 "+0x%" PRIx32 " overlaps 0x%08" PRIx32
		       "+0x%" PRIx32 ", %s",
		       r->base, r->count, base, count, why);
}

static int check_kernel(const struct smccc_range *r, struct err *err)
{
	for (unsigned i = 0; i < ARRAY_SIZE(kernel_ranges); i++)
		if (overlap(r, kernel_ranges[i].base, kernel_ranges[i].count))
			return refuse(r, kernel_ranges[i].base, kernel_ranges[i].count,
				      "which KVM keeps for itself: the architecture calls report "
				      "the state of the CPU's mitigations; choose other ids",
				      err);
	return 0;
}

static int check_own(const struct smccc_range *r, unsigned own, struct err *err)
{
	for (unsigned i = 0; i < ARRAY_SIZE(own_ranges); i++) {
		const struct smccc_filter_entry *e = &own_ranges[i].entry;

		if (own & own_ranges[i].own && overlap(r, e->base, e->count))
			return refuse(r, e->base, e->count, own_ranges[i].refusal, err);
	}
	return 0;
}

static int check_others(const struct smccc_range *ranges, unsigned i, struct err *err)
{
	for (unsigned j = 0; j < i; j++)
		if (overlap(&ranges[i], ranges[j].base, ranges[j].count))
			return refuse(&ranges[i], ranges[j].base, ranges[j].count,
				      "which was given before; KVM has one action per function",
				      err);
	return 0;
}

int smccc_filter_check(const struct smccc_range *ranges, unsigned n, unsigned own, struct err *err)
{
	int rc = 0;

	for (unsigned i = 0; i < n && !rc; i++) {
		rc = check_span(ranges[i].base, ranges[i].count, err);
		if (!rc)
			rc = check_kernel(&ranges[i], err);
		if (!rc)
			rc = check_own(&ranges[i], own, err);
		if (!rc)
			rc = check_others(ranges, i, err);
	}
	return rc;
}

unsigned smccc_filter_plan(const struct smccc_range *ranges, unsigned n, unsigned own,
			   struct smccc_filter_entry entries[SMCCC_FILTER_MAX_ENTRIES])
{
	unsigned count = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(own_ranges); i++)
		if (own & own_ranges[i].own)
			entries[count++] = own_ranges[i].entry;
	for (unsigned i = 0; i < n && i < SMCCC_FILTER_MAX_RANGES; i++) {
		struct smccc_filter_entry *e = &entries[count++];

		e->base = ranges[i].base;
		e->count = ranges[i].count;
		e->kvm_action = actions[ranges[i].action].kvm_action;
	}
	return count;
}
