/*
 * Syndromes: severity of an SError, which of two stays pending, and the text of an ESR_ELx value.
 *
 * Source: Arm DDI 0487, ESR_EL1: ISS encodings of an SError exception, an instruction abort and a data
 * abort. Which of two syndromes wins is rasvm's rule: the one that says more was lost.
 *
 * Holds no state. Left out: the ISS of exceptions that have nothing to do with hardware errors, which are
 * shown as a number, and the ISS2 of FEAT_LS64.
 */
#include "ras/esr.h"

#include <inttypes.h>
#include <string.h>

#include "lib/types.h"

#define AET_SHIFT 10
#define AET_NR    8
#define RANK_MOST 5

/* Asynchronous error type, by its value. The higher the rank, the more was lost. */
static const struct aet {
	const char *name; /* NULL: reserved */
	const char *text;
	unsigned rank;
} aets[AET_NR] = {
	[ESR_AET_UC] = { "uc", "uncontainable (UC)", RANK_MOST },
	[ESR_AET_UEU] = { "ueu", "unrecoverable (UEU)", 4 },
	[ESR_AET_UEO] = { "ueo", "restartable (UEO)", 2 },
	[ESR_AET_UER] = { "uer", "recoverable (UER)", 3 },
	[4] = { NULL, "reserved", RANK_MOST },
	[5] = { NULL, "reserved", RANK_MOST },
	[ESR_AET_CE] = { "ce", "corrected (CE)", 1 },
	[7] = { NULL, "reserved", RANK_MOST },
};

bool esr_aet_parse(const char *name, uint64_t *iss)
{
	for (unsigned i = 0; i < AET_NR; i++) {
		if (aets[i].name && strcmp(aets[i].name, name) == 0) {
			*iss = ESR_SERROR_AET(i) | ESR_SERROR_DFSC;
			return true;
		}
	}
	return false;
}

const char *esr_aet_name(unsigned aet)
{
	return aet < AET_NR ? aets[aet].name : NULL;
}

static unsigned bits(uint64_t value, unsigned high, unsigned low)
{
	return (unsigned)(value >> low & ((UINT64_C(1) << (high - low + 1)) - 1));
}

/* A syndrome that does not say what was lost may mean anything was. */
static unsigned rank(struct ras_serror serror)
{
	if (!serror.has_esr || serror.iss & ESR_SERROR_IDS)
		return RANK_MOST;
	if (bits(serror.iss, 5, 0) != ESR_SERROR_DFSC)
		return RANK_MOST;
	return aets[bits(serror.iss, 12, 10)].rank;
}

struct ras_serror ras_serror_merge(struct ras_serror old, struct ras_serror new)
{
	if (!old.pending || !new.pending)
		return old.pending ? old : new;
	return rank(new) > rank(old) ? new : old;
}

/* ---- text ---- */

/* A field with one bit. */
struct flag {
	unsigned bit;
	const char *name;
	const char *clear, *set;
};

static const struct flag external = { 9, "EA", "external abort of type 0",
				      "external abort of type 1" };
static const struct flag far_not_valid = { 10, "FnV", "FAR holds the address", "FAR is not valid" };
static const struct flag walk = { 7, "S1PTW", "not a stage 2 fault on a stage 1 table walk",
				  "stage 2 fault on a stage 1 table walk" };
static const struct flag cache = { 8, "CM", "not a cache maintenance instruction",
				   "cache maintenance or address translation instruction" };
static const struct flag write = { 6, "WnR", "read", "write" };
static const struct flag valid = { 24, "ISV", "bits 23:14 are not valid",
				   "bits 23:14 describe the instruction" };

static void print_field(FILE *out, const char *name, unsigned value, const char *text)
{
	fprintf(out, "  %-6s0x%02x  %s\n", name, value, text);
}

static void print_flag(FILE *out, uint64_t iss, const struct flag *flag)
{
	unsigned value = bits(iss, flag->bit, flag->bit);

	print_field(out, flag->name, value, value ? flag->set : flag->clear);
}

/* ---- fault status codes of aborts ---- */

/* `levels` codes from `first` on, for translation levels from `level` on; 0: one code, no level. */
static const struct fsc {
	unsigned first, levels;
	int level;
	const char *text;
} fscs[] = {
	/* clang-format off */
	{ 0x00, 4,  0, "address size fault"                                                    },
	{ 0x04, 4,  0, "translation fault"                                                     },
	{ 0x08, 4,  0, "access flag fault"                                                     },
	{ 0x0c, 4,  0, "permission fault"                                                      },
	{ 0x10, 0,  0, "synchronous external abort, not on a translation table walk"           },
	{ 0x11, 0,  0, "synchronous tag check fault"                                           },
	{ 0x12, 6, -2, "synchronous external abort on a translation table walk"                },
	{ 0x18, 0,  0, "synchronous parity or ECC error, not on a translation table walk"      },
	{ 0x1b, 5, -1, "synchronous parity or ECC error on a translation table walk"           },
	{ 0x21, 0,  0, "alignment fault"                                                       },
	{ 0x22, 6, -2, "granule protection fault on a translation table walk"                  },
	{ 0x28, 0,  0, "granule protection fault, not on a translation table walk"             },
	{ 0x29, 0,  0, "address size fault, level -1"                                          },
	{ 0x2a, 2, -2, "translation fault"                                                     },
	{ 0x2c, 0,  0, "address size fault, level -2"                                          },
	{ 0x30, 0,  0, "TLB conflict abort"                                                    },
	{ 0x31, 0,  0, "unsupported atomic hardware update fault"                              },
	{ 0x34, 0,  0, "implementation defined: lockdown"                                      },
	{ 0x35, 0,  0, "implementation defined: unsupported exclusive or atomic access"        },
	/* clang-format on */
};

static void print_fsc(FILE *out, const char *name, uint64_t iss)
{
	unsigned code = bits(iss, 5, 0);

	for (unsigned i = 0; i < ARRAY_SIZE(fscs); i++) {
		unsigned last = fscs[i].first + (fscs[i].levels ? fscs[i].levels - 1 : 0);

		if (code < fscs[i].first || code > last)
			continue;
		fprintf(out, "  %-6s0x%02x  %s", name, code, fscs[i].text);
		if (fscs[i].levels)
			fprintf(out, ", level %d", fscs[i].level + (int)(code - fscs[i].first));
		fputc('\n', out);
		return;
	}
	print_field(out, name, code, "reserved");
}

/* Synchronous error type, with FEAT_RAS; means nothing for other codes. */
static void print_set(FILE *out, uint64_t iss)
{
	static const char *const texts[] = { "recoverable (UER)", "reserved", "uncontainable (UC)",
					     "restartable (UEO) or corrected (CE)" };

	if (bits(iss, 5, 0) == 0x10)
		print_field(out, "SET", bits(iss, 12, 11), texts[bits(iss, 12, 11)]);
}

static void print_instruction_abort(FILE *out, uint64_t iss)
{
	print_set(out, iss);
	print_flag(out, iss, &far_not_valid);
	print_flag(out, iss, &external);
	print_flag(out, iss, &walk);
	print_fsc(out, "IFSC", iss);
}

static void print_access(FILE *out, uint64_t iss)
{
	static const unsigned access_bytes[] = { 1, 2, 4, 8 };

	fprintf(out, "  access: size %u%s, %s%u%s%s\n", access_bytes[bits(iss, 23, 22)],
		bits(iss, 21, 21) ? ", sign extended" : "", bits(iss, 15, 15) ? "x" : "w",
		bits(iss, 20, 16), bits(iss, 14, 14) ? ", acquire or release" : "",
		bits(iss, 13, 13) ? ", VNCR" : "");
}

static void print_data_abort(FILE *out, uint64_t iss)
{
	print_flag(out, iss, &valid);
	if (bits(iss, 24, 24))
		print_access(out, iss);
	print_set(out, iss);
	print_flag(out, iss, &far_not_valid);
	print_flag(out, iss, &external);
	print_flag(out, iss, &cache);
	print_flag(out, iss, &walk);
	print_flag(out, iss, &write);
	print_fsc(out, "DFSC", iss);
}

/* ---- SError ---- */

static void print_serror(FILE *out, uint64_t iss)
{
	unsigned dfsc = bits(iss, 5, 0);

	if (iss & ESR_SERROR_IDS) {
		print_field(out, "IDS", 1, "the other bits are implementation defined");
		return;
	}
	print_field(out, "IDS", 0, "architected syndrome");
	if (dfsc == ESR_SERROR_DFSC) {
		print_field(out, "IESB", bits(iss, 13, 13),
			    bits(iss, 13, 13) ? "synchronised by an implicit barrier"
					      : "not synchronised by an implicit barrier");
		print_field(out, "AET", bits(iss, 12, 10), aets[bits(iss, 12, 10)].text);
		print_flag(out, iss, &external);
	}
	print_field(out, "DFSC", dfsc,
		    dfsc == 0                 ? "uncategorised: anything may be lost"
		    : dfsc == ESR_SERROR_DFSC ? "asynchronous SError"
					      : "reserved");
}

/* ---- exception classes ---- */

static const struct class
{
	unsigned ec;
	const char *text;
	void (*print)(FILE *out, uint64_t iss);
} classes[] = {
	/* clang-format off */
	{ 0x00,             "unknown reason",                                NULL                    },
	{ 0x01,             "trapped WFI or WFE",                            NULL                    },
	{ 0x07,             "trapped SVE, SIMD or floating point",           NULL                    },
	{ 0x0e,             "illegal execution state",                       NULL                    },
	{ 0x15,             "SVC instruction",                               NULL                    },
	{ 0x16,             "HVC instruction",                               NULL                    },
	{ 0x17,             "SMC instruction",                               NULL                    },
	{ 0x18,             "trapped MSR, MRS or system instruction",        NULL                    },
	{ ESR_EC_IABT_LOW,  "instruction abort from a lower exception level", print_instruction_abort },
	{ ESR_EC_IABT_SAME, "instruction abort from the same exception level", print_instruction_abort },
	{ 0x22,             "PC alignment fault",                            NULL                    },
	{ ESR_EC_DABT_LOW,  "data abort from a lower exception level",       print_data_abort        },
	{ ESR_EC_DABT_SAME, "data abort from the same exception level",      print_data_abort        },
	{ 0x26,             "SP alignment fault",                            NULL                    },
	{ ESR_EC_SERROR,    "SError exception",                              print_serror            },
	{ 0x3c,             "BRK instruction",                               NULL                    },
	/* clang-format on */
};

static const struct class *find_class(unsigned ec)
{
	for (unsigned i = 0; i < ARRAY_SIZE(classes); i++)
		if (classes[i].ec == ec)
			return &classes[i];
	return NULL;
}

static void print_iss(FILE *out, uint64_t iss)
{
	fprintf(out, "  %-6s0x%07" PRIx64 "\n", "ISS", iss);
}

void esr_print(uint64_t esr, FILE *out)
{
	unsigned ec = bits(esr, 31, 26);
	uint64_t iss = esr & ESR_ISS_MASK;
	const struct class *class = find_class(ec);

	if (esr == iss) {
		fprintf(out, "ISS 0x%07" PRIx64 ", read as that of an SError\n", iss);
		print_serror(out, iss);
		return;
	}
	fprintf(out, "ESR 0x%016" PRIx64 "\n", esr);
	print_field(out, "EC", ec, class ? class->text : "not described here: no hardware error");
	print_field(out, "IL", bits(esr, 25, 25),
		    bits(esr, 25, 25) ? "32-bit instruction, or none in particular"
				      : "16-bit instruction");
	print_iss(out, iss);
	if (esr >> 32)
		fprintf(out, "  %-6s0x%08" PRIx64 "\n", "63:32", esr >> 32);
	if (class && class->print)
		class->print(out, iss);
}
