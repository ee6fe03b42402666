/*
 * Where an injected error is: at an address of the operator's, by the guest's page tables, or at random.
 *
 * The registers that a walk needs are read while the machine is held still: KVM gives a vCPU's registers
 * to whoever has its mutex, which KVM_RUN keeps.
 */
#include <errno.h>
#include <inttypes.h>

#include "arm64/inject_private.h"
#include "arm64/vm.h"

/* xorshift64* (Vigna, 2016); good enough to spread errors, and the same in each run with --kaslr-seed. */
static uint64_t next_random(struct injector *in)
{
	uint64_t x = in->random;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	in->random = x;
	return x * UINT64_C(0x2545f4914f6cdd1d);
}

/* The pages that place-less errors fall on, [from, from + pages). */
struct span {
	uint64_t from, pages;
};

static struct span span_of(const struct shot *s)
{
	const struct inject_rule *rule = s->rule;
	uint64_t from = rule->range_from, to = rule->range_to;

	if (!to) {
		from = s->vm->mem.base.v;
		to = from + s->vm->mem.size;
	}
	return (struct span){ .from = from, .pages = (to - from) / RAS_PAGE_BYTES };
}

/* The firmware's own pages are hit only by whoever names them. */
static bool touches_firmware(const struct vm *vm, uint64_t at, uint64_t bytes)
{
	uint64_t region = vm->ras_region.v;

	return region && at < region + RAS_REGION_BYTES && at + bytes > region;
}

static void random_place(struct shot *s, uint64_t bytes)
{
	struct span span = span_of(s);
	uint64_t starts = span.pages - bytes / RAS_PAGE_BYTES + 1;

	/* A range that holds nothing else is meant to be the firmware's. */
	for (unsigned tries = 0; tries < 64; tries++) {
		s->at = gpa(span.from + next_random(&s->vm->injector) % starts * RAS_PAGE_BYTES);
		if (!touches_firmware(s->vm, s->at.v, bytes))
			break;
	}
}

static int virtual_place(struct shot *s)
{
	const struct inject_rule *rule = s->rule;
	unsigned cpu = rule->cpu == INJECT_ANY_CPU ? 0 : rule->cpu;
	struct err reason = { "" };
	int rc;

	vm_hold_still(s->vm);
	rc = vcpu_walk(&s->vm->vcpu[cpu], rule->address, &s->at, &reason);
	vm_unhold(s->vm);
	if (rc)
		return err_set(s->err, rc, "va=0x%" PRIx64 " of CPU %u %.300s", rule->address, cpu,
			       reason.text);
	return 0;
}

bool inject_has_place(const struct inject_rule *rule)
{
	bool given = rule->place != INJECT_RANDOM || rule->range_to;

	switch (rule->kind) {
	case INJECT_MEM_AO:
	case INJECT_MEM_AR:
	case INJECT_MEM_CE:
	case INJECT_STORM:
		return true;
	case INJECT_GHES:
		return rule->section == INJECT_SECTION_MEM || given;
	case INJECT_ARM_PROC:
		return given;
	default:
		return false;
	}
}

uint64_t inject_bytes(const struct inject_rule *rule)
{
	return RAS_PAGE_BYTES * (rule->kind == INJECT_STORM || !rule->pages ? 1 : rule->pages);
}

int inject_find_place(struct shot *s)
{
	const struct inject_rule *rule = s->rule;
	uint64_t bytes = inject_bytes(rule);
	int rc = 0;

	if (!inject_has_place(rule))
		return 0;
	if (rule->place == INJECT_CAPTURE)
		return err_set(s->err, -EINVAL, "gpa=$1 means something with when=console only");
	if (rule->place == INJECT_RANDOM)
		random_place(s, bytes);
	else if (rule->place == INJECT_VA)
		rc = virtual_place(s);
	else
		s->at = gpa(rule->address);
	if (rc)
		return rc;
	s->at.v = align_down(s->at.v, RAS_PAGE_BYTES);
	if (!mem_contains(&s->vm->mem, s->at, bytes))
		return err_set(s->err, -EFAULT,
			       "guest address 0x%" PRIx64 " and %" PRIu64 " bytes are not all RAM",
			       s->at.v, bytes);
	return 0;
}

/* ---- storms ---- */

static uint64_t gcd(uint64_t a, uint64_t b)
{
	while (b) {
		uint64_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

struct storm inject_storm(const struct shot *s)
{
	struct injector *in = &s->vm->injector;
	struct span span = span_of(s);
	struct storm storm = { .from = span.from, .pages = span.pages, .step = 1 };

	/* From an address on it is one page after the other. */
	if (s->rule->place != INJECT_RANDOM)
		return (struct storm){ .from = s->at.v, .pages = s->rule->pages, .step = 1 };
	storm.first = next_random(in) % span.pages;
	do
		storm.step = 1 + next_random(in) % span.pages;
	while (gcd(storm.step, span.pages) != 1);
	return storm;
}

bool inject_storm_page(const struct shot *s, const struct storm *storm, uint64_t i, gpa_t *page)
{
	uint64_t number = (storm->first + i * storm->step) % storm->pages;

	*page = gpa(storm->from + number * RAS_PAGE_BYTES);
	return s->rule->place != INJECT_RANDOM || !touches_firmware(s->vm, page->v, RAS_PAGE_BYTES);
}
