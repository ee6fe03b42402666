/*
 * What the guest asked of the injection device, as a rule of the injection language.
 *
 * Source: ACPI 6.5 18.6, table 18.25 (error types), 18.26 (SET_ERROR_TYPE_WITH_ADDRESS structure). Left
 * out: vendor types and PCI Express; the mask of the address, since an error here concerns the page
 * that holds the address.
 */
#include "ras/einj.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/bytes.h"
#include "lib/types.h"
#include "ras/esr.h"

/* Offsets in the structure, and its flags: which of its fields count. */
#define PARAM_TYPE     0
#define PARAM_FLAGS    8
#define PARAM_APIC_ID  12
#define PARAM_ADDRESS  16
#define FLAG_PROCESSOR 1u
#define FLAG_MEMORY    2u

static const struct {
	uint32_t type;
	enum inject_kind kind;
	enum inject_level level;
	enum cper_severity severity;
} types[] = {
	/* clang-format off */
	{ 0x01, INJECT_ARM_PROC, INJECT_MODEL, CPER_CORRECTED },
	{ 0x02, INJECT_ARM_PROC, INJECT_MODEL, CPER_RECOVERABLE },
	{ 0x04, INJECT_SERROR,   INJECT_MODEL, CPER_RECOVERABLE },
	{ 0x08, INJECT_MEM_CE,   INJECT_MODEL, CPER_RECOVERABLE },
	{ 0x10, INJECT_MEM_AO,   INJECT_UFFD,  CPER_RECOVERABLE },
	{ 0x20, INJECT_MEM_AO,   INJECT_MODEL, CPER_FATAL },
	/* clang-format on */
};

static bool is_memory(enum inject_kind kind)
{
	return kind == INJECT_MEM_AO || kind == INJECT_MEM_CE;
}

static int take_address(const uint8_t *params, uint32_t flags, struct inject_rule *rule,
			struct err *err)
{
	if (!(flags & FLAG_MEMORY))
		return err_set(err, -EINVAL,
			       "EINJ: the guest asked for a memory error without an address");
	rule->place = INJECT_GPA;
	rule->address = le64_at(params + PARAM_ADDRESS);
	return 0;
}

int einj_rule(uint32_t type, const uint8_t *params, struct inject_rule *rule, struct err *err)
{
	bool with_address = params && le32_at(params + PARAM_TYPE);
	uint32_t flags = with_address ? le32_at(params + PARAM_FLAGS) : 0;
	unsigned i = 0;

	if (with_address)
		type = le32_at(params + PARAM_TYPE);
	while (i < ARRAY_SIZE(types) && types[i].type != type)
		i++;
	if (i == ARRAY_SIZE(types))
		return err_set(err, -EINVAL,
			       "EINJ: the guest asked for error type 0x%" PRIx32
			       ", which is not one of those offered",
			       type);
	memset(rule, 0, sizeof(*rule));
	rule->kind = types[i].kind;
	rule->level = types[i].level;
	rule->severity = types[i].severity;
	rule->severity_given = rule->severity != CPER_RECOVERABLE;
	rule->count = rule->pages = 1;
	rule->cpu = INJECT_ANY_CPU;
	rule->threshold = rule->kind == INJECT_MEM_CE;
	if (is_memory(rule->kind))
		return take_address(params, flags, rule, err);
	if (flags & FLAG_PROCESSOR)
		rule->cpu = le32_at(params + PARAM_APIC_ID);
	if (rule->kind == INJECT_SERROR)
		rule->serror = ESR_SERROR_AET(ESR_AET_UEU) | ESR_SERROR_DFSC;
	return 0;
}
