/*
 * The language of error injection: 'KIND[,key=value...]', the same on the command line, in scripts, on
 * the control socket, and what the guest's EINJ turns into. Pure: parsing, checking, printing;
 * arm64/inject.h carries it out.
 */
#ifndef RAS_INJECT_H
#define RAS_INJECT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/err.h"
#include "ras/cper.h"
#include "ras/layout.h"

#define INJECT_MAX_RULES  32
#define INJECT_TEXT_BYTES 256 /* a regular expression or a file name, with its final 0 */
#define INJECT_ANY_CPU    UINT32_MAX

enum inject_kind {
	INJECT_MEM_AO,
	INJECT_MEM_AR,
	INJECT_MEM_CE,
	INJECT_SERROR,
	INJECT_SEA,
	INJECT_SDEI,
	INJECT_GHES,
	INJECT_ARM_PROC,
	INJECT_STORM, /* many mem-ao or mem-ce at once: pages= in the range, one right after the other */
	INJECT_NR_KINDS
};
const char *inject_kind_name(enum inject_kind kind);

/* model: only rasvm knows. uffd: the page is really lost (UFFDIO_POISON), so that using it is a genuine
 * MCEERR_AR; no privilege. real: the host's kernel is made to believe in a memory error; root. */
enum inject_level { INJECT_MODEL, INJECT_UFFD, INJECT_REAL };

enum inject_when { INJECT_AT, INJECT_CONSOLE, INJECT_EXIT };
/* CAPTURE: gpa=$1, the first subexpression of the console line that matched, hexadecimal. */
enum inject_place { INJECT_RANDOM, INJECT_GPA, INJECT_VA, INJECT_CAPTURE };
enum inject_section { INJECT_SECTION_MEM, INJECT_SECTION_ARM, INJECT_SECTION_RAW };

struct inject_rule {
	enum inject_kind kind;

	/* When. */
	enum inject_when when;
	uint64_t at_ns; /* INJECT_AT: after the machine's start; else after the occasion */
	uint64_t exit;  /* INJECT_EXIT: after that many exits of all vCPUs together */
	/* INJECT_CONSOLE: extended regular expression for a line. */
	char console[INJECT_TEXT_BYTES];
	uint64_t every_ns; /* then again at this distance; 0: once an occasion */
	/* How often in all; 0: without end. Default 1, or 0 with every=. Only with every= or
	 * INJECT_CONSOLE, where it counts lines. */
	uint32_t count;
	uint32_t cpu; /* index or INJECT_ANY_CPU */

	/* mem-*, storm. */
	enum inject_level level;
	enum inject_place place;
	uint64_t address;              /* GPA, or VA of the guest's kernel */
	uint64_t range_from, range_to; /* INJECT_RANDOM: GPAs, [from, to); both 0: all RAM */
	uint32_t pages; /* storm: how many, default 32; mem-*: run length, default 1 */
	bool threshold; /* mem-ce: exceeded */

	/* serror: RAS_SERROR_NO_ESR of ras/policy.h, or an ISS. sea. */
	uint64_t serror;
	bool ifetch;

	uint32_t event; /* sdei */

	/* ghes, arm-proc; the severity also mem-ao (recoverable or fatal) and storm (corrected: CE). */
	enum ghes_id source;
	bool source_given;
	enum inject_section section;
	enum cper_severity severity;
	bool severity_given;
	/* section=raw: bytes of a whole section (with its GUID first), or of a record with its status
	 * block. */
	char file[INJECT_TEXT_BYTES];
};

/* Append the rule in `text` to rules[0..*n), of INJECT_MAX_RULES. 0, or -EINVAL/-ENOSPC/-ENOMEM with nothing
 * appended and `err` a sentence that continues after the quoted text. */
int inject_parse(struct inject_rule *rules, unsigned *n, const char *text, struct err *err)
	__attribute__((warn_unused_result));

/* What a rule may ask of a machine. */
struct inject_machine {
	unsigned ncpus;
	gpa_t ram;
	uint64_t ram_bytes;
	bool acpi; /* there are GHES */
	bool sdei;
};

/* Does the machine have what the rule names: CPU, address in RAM, sources. Whether an SDEI event exists is
 * left to the caller, who knows them; whether the host can, to arm64/inject.h, when the machine is built.
 * 0, or -EINVAL with `err` as above. */
int inject_check(const struct inject_rule *rule, const struct inject_machine *machine,
		 struct err *err) __attribute__((warn_unused_result));

/* True for kinds that reach the guest by a GHES: mem-*, ghes, arm-proc, storm. */
bool inject_wants_acpi(const struct inject_rule *rule);

/* As inject_parse() reads it. */
void inject_print(const struct inject_rule *rule, FILE *out);

/* The same into text[0..size) with its final 0, cut if it does not fit. The length of all of it, without the 0, or
 * -ENOMEM with nothing written. */
int inject_text(const struct inject_rule *rule, char *text, size_t size);

#endif
