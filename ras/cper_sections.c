/*
 * Text of the sections that rasvm itself writes: UEFI 2.10 N.2.5 (memory) and N.2.4.4 (Arm processor).
 *
 * Bytes may come from anywhere: no length is believed before it was compared with what is there. Holds
 * no state. Left out: the registers in an Arm context, and the fields in an error information word.
 */
#include <inttypes.h>

#include "lib/bytes.h"
#include "lib/types.h"
#include "ras/cper_private.h"
#include "ras/cper_text.h"

#define MEMORY_MIN_BYTES  73 /* before UEFI 2.3 */
#define CONTEXT_MIN_BYTES 8
#define ARM_VALID_VENDOR  0x8u

/* ---- memory ---- */

static const char *const memory_types[] = {
	"unknown",
	"no error",
	"single-bit ECC",
	"multi-bit ECC",
	"single-symbol chipkill ECC",
	"multi-symbol chipkill ECC",
	"master abort",
	"target abort",
	"parity error",
	"watchdog timeout",
	"invalid address",
	"mirror broken",
	"memory sparing",
	"scrub corrected error",
	"scrub uncorrected error",
	"physical memory map-out event",
};

#define BIT(n) (UINT64_C(1) << (n))

static const struct cper_field memory_fields[] = {
	/* clang-format off */
	{ .name = "error status",      .valid = BIT(0),  .at = 8,  .bytes = 8, .hex = true },
	{ .name = "physical address",  .valid = BIT(1),  .at = 16, .bytes = 8, .hex = true },
	{ .name = "address mask",      .valid = BIT(2),  .at = 24, .bytes = 8, .hex = true },
	{ .name = "node",              .valid = BIT(3),  .at = 32, .bytes = 2 },
	{ .name = "card",              .valid = BIT(4),  .at = 34, .bytes = 2 },
	{ .name = "module",            .valid = BIT(5),  .at = 36, .bytes = 2 },
	{ .name = "bank",              .valid = BIT(6) | BIT(19) | BIT(20), .at = 38, .bytes = 2 },
	{ .name = "device",            .valid = BIT(7),  .at = 40, .bytes = 2 },
	{ .name = "row",               .valid = BIT(8),  .at = 42, .bytes = 2 },
	{ .name = "column",            .valid = BIT(9),  .at = 44, .bytes = 2 },
	{ .name = "bit position",      .valid = BIT(10), .at = 46, .bytes = 2 },
	{ .name = "requestor",         .valid = BIT(11), .at = 48, .bytes = 8, .hex = true },
	{ .name = "responder",         .valid = BIT(12), .at = 56, .bytes = 8, .hex = true },
	{ .name = "target",            .valid = BIT(13), .at = 64, .bytes = 8, .hex = true },
	{ .name = "error type",        .valid = BIT(14), .at = 72, .bytes = 1, .value = CPER_NAMES(memory_types) },
	{ .name = "extended",          .valid = BIT(18) | BIT(21), .at = 73, .bytes = 1, .hex = true },
	{ .name = "rank",              .valid = BIT(15), .at = 74, .bytes = 2 },
	{ .name = "card handle",       .valid = BIT(16), .at = 76, .bytes = 2, .hex = true },
	{ .name = "module handle",     .valid = BIT(17), .at = 78, .bytes = 2, .hex = true },
	/* clang-format on */
};

static void print_too_short(FILE *out, const uint8_t *body, size_t n, size_t least)
{
	fprintf(out, "    wrong: %zu bytes, such a section has at least %zu\n", n, least);
	cper_print_dump(out, 4, body, n);
}

void cper_print_memory(FILE *out, const uint8_t *body, size_t n)
{
	if (n < MEMORY_MIN_BYTES) {
		print_too_short(out, body, n, MEMORY_MIN_BYTES);
		return;
	}
	cper_print_fields(out, 4, memory_fields, ARRAY_SIZE(memory_fields), body, n, le64_at(body));
}

/* ---- Arm processor ---- */

static const char *const arm_info_types[] = { "reserved", "cache", "TLB", "bus",
					      "micro-architectural" };
static const char *const arm_info_flags[] = { "first", "last", "propagated", "overflow" };
static const char *const arm_running[] = { "not running", "running" };
static const char *const arm_multiple[] = { "one error", "several errors" };
static const char *const arm_contexts[] = {
	"AArch32 general purpose", "AArch32 EL1", "AArch32 EL2", "AArch32 secure",
	"AArch64 general purpose", "AArch64 EL1", "AArch64 EL2", "AArch64 EL3",
	"other system registers",
};

static const struct cper_field arm_fields[] = {
	/* clang-format off */
	{ .name = "affinity level", .valid = BIT(1), .at = 12, .bytes = 1 },
	{ .name = "MPIDR",          .valid = BIT(0), .at = 16, .bytes = 8, .hex = true },
	{ .name = "MIDR",                            .at = 24, .bytes = 8, .hex = true },
	{ .name = "running state",  .valid = BIT(2), .at = 32, .bytes = 4, .value = CPER_NAMES(arm_running) },
	{ .name = "PSCI state",     .valid = BIT(2), .at = 36, .bytes = 4, .hex = true },
	/* clang-format on */
};

static const struct cper_field arm_info_fields[] = {
	/* clang-format off */
	{ .name = "type",             .at = 4, .bytes = 1, .hex = true, .bit = CPER_NAMES(arm_info_types) },
	{ .name = "multiple",         .valid = BIT(0), .at = 5,  .bytes = 2, .value = CPER_NAMES(arm_multiple) },
	{ .name = "flags",            .valid = BIT(1), .at = 7,  .bytes = 1, .hex = true, .bit = CPER_NAMES(arm_info_flags) },
	{ .name = "information",      .valid = BIT(2), .at = 8,  .bytes = 8, .hex = true },
	{ .name = "virtual address",  .valid = BIT(3), .at = 16, .bytes = 8, .hex = true },
	{ .name = "physical address", .valid = BIT(4), .at = 24, .bytes = 8, .hex = true },
	/* clang-format on */
};

/* What is left of a section: behind what was shown. */
struct rest {
	const uint8_t *data;
	size_t n;
};

static void skip(struct rest *rest, size_t n)
{
	rest->data += n;
	rest->n -= n;
}

/* One error information. False: it is not all there. */
static bool print_arm_info(FILE *out, unsigned number, struct rest *rest)
{
	size_t n = rest->n < 2 ? 0 : rest->data[1];

	fprintf(out, "    error information %u:\n", number);
	if (n < CPER_ARM_INFO_BYTES || n > rest->n) {
		fprintf(out, "      wrong: its length is %zu, %zu bytes are left, %d are needed\n",
			n, rest->n, CPER_ARM_INFO_BYTES);
		return false;
	}
	cper_print_fields(out, 6, arm_info_fields, ARRAY_SIZE(arm_info_fields), rest->data, n,
			  le16_at(rest->data + 2));
	skip(rest, n);
	return true;
}

/* One context: its kind and size, not its registers. False: it is not all there. */
static bool skip_arm_context(FILE *out, unsigned number, struct rest *rest)
{
	static const struct cper_names kinds = CPER_NAMES(arm_contexts);
	uint32_t bytes;
	unsigned kind;

	if (rest->n < CONTEXT_MIN_BYTES) {
		fprintf(out, "    wrong: context %u has %zu bytes, its head alone has %d\n", number,
			rest->n, CONTEXT_MIN_BYTES);
		return false;
	}
	kind = le16_at(rest->data + 2);
	bytes = le32_at(rest->data + 4);
	fprintf(out, "    context %u: type %u (%s), %" PRIu32 " bytes\n", number, kind,
		cper_name_of(kinds, kind), bytes);
	skip(rest, CONTEXT_MIN_BYTES);
	if (bytes > rest->n) {
		fprintf(out, "    wrong: %zu bytes are left for context %u\n", rest->n, number);
		return false;
	}
	skip(rest, bytes);
	return true;
}

static void print_arm_parts(FILE *out, const uint8_t *body, struct rest *rest)
{
	unsigned infos = le16_at(body + 4), contexts = le16_at(body + 6);

	for (unsigned i = 0; i < infos; i++)
		if (!print_arm_info(out, i + 1, rest))
			return;
	for (unsigned i = 0; i < contexts; i++)
		if (!skip_arm_context(out, i + 1, rest))
			return;
	if (rest->n == 0)
		return;
	fprintf(out, "    %s: %zu bytes\n",
		le32_at(body) & ARM_VALID_VENDOR ? "vendor data" : "wrong: left over", rest->n);
	cper_print_dump(out, 6, rest->data, rest->n);
}

void cper_print_arm(FILE *out, const uint8_t *body, size_t n)
{
	struct rest rest = { body, n };

	if (n < CPER_ARM_BYTES) {
		print_too_short(out, body, n, CPER_ARM_BYTES);
		return;
	}
	if (le32_at(body + 8) != n)
		fprintf(out, "    wrong: it says that it has %" PRIu32 " bytes, there are %zu\n",
			le32_at(body + 8), n);
	cper_print_fields(out, 4, arm_fields, ARRAY_SIZE(arm_fields), body, n, le32_at(body));
	skip(&rest, CPER_ARM_BYTES);
	print_arm_parts(out, body, &rest);
}
