/*
 * How the guest hears of an error: the operator's choice, what the guest is ready for, and one table
 * that makes a decision of both. Data in, data out. docs/ras.md shows the table.
 */
#ifndef RAS_POLICY_H
#define RAS_POLICY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/err.h"
#include "ras/error.h"

enum ras_ao_choice {
	RAS_AO_AUTO,
	RAS_AO_NONE,
	RAS_AO_SDEI,
	RAS_AO_SERROR,
	RAS_AO_GED,
	RAS_AO_POLLED,
	RAS_AO_STOP
};
enum ras_ar_choice { RAS_AR_AUTO, RAS_AR_SEA, RAS_AR_SERROR, RAS_AR_STOP };
enum ras_ce_choice { RAS_CE_AUTO, RAS_CE_NONE, RAS_CE_SDEI, RAS_CE_GED, RAS_CE_POLLED };
enum ras_heal_choice { RAS_HEAL_RESET, RAS_HEAL_NEVER, RAS_HEAL_AFTER_KILL };

#define RAS_SERROR_AUTO   UINT64_MAX /* UEU, 0x411, where the CPU has RAS; else without a syndrome */
#define RAS_SERROR_NO_ESR (UINT64_MAX - 1)

struct ras_policy {
	enum ras_ao_choice ao;
	enum ras_ar_choice ar;
	enum ras_ce_choice ce;
	enum ras_heal_choice heal;
	uint32_t limit_per_s; /* pages told to the guest a second, 1..10000; default 8 */
	uint64_t serror; /* syndrome of an SError the policy sends: ISS bits 24:0, or as above */
	uint64_t ack_ns; /* how long a record may stay without acknowledgement; default 10 s */
	uint64_t fallback_ns; /* how long an SDEI event may stay undelivered; default 1 s */
	bool given;           /* the operator asked for something */
};

/* Defaults: auto, heal=reset. */
struct ras_policy ras_policy_default(void);

/* Merge "ao=sdei,ar=sea,ce=none,heal=reset,limit=16,serror=0x411|none|auto,ack=10s,fallback=1s", any subset
 * and order, into `policy`. 0, or -EINVAL with `err` a sentence that continues after the quoted text,
 * and `policy` unchanged. */
int ras_policy_parse(struct ras_policy *policy, const char *text, struct err *err)
	__attribute__((warn_unused_result));

/* All keys, as ras_policy_parse() reads them. */
void ras_policy_print(const struct ras_policy *policy, FILE *out);

/* True if the operator asked for something and some choice makes use of a GHES, so that ACPI is the better
 * description for the guest. Corrected errors alone are no reason unless their way was chosen. */
bool ras_policy_wants_acpi(const struct ras_policy *policy);

/* How ready the guest is for the SDEI event of a class of errors. */
enum ras_sdei { RAS_SDEI_NONE, RAS_SDEI_MASKED, RAS_SDEI_READY };

/* What the guest and the host are able to do now. */
struct ras_caps {
	bool ghes; /* the guest was given ACPI tables with GHES, so a CPER record reaches it */
	bool ghes_alive;    /* it acknowledged a record since reset, or registered an error event */
	enum ras_sdei sdei; /* its handler: none or disabled; all PEs masked; some PE can take it */
	bool sdei_offered;  /* SDEI exists in this machine */
	bool serror_esr;    /* an SError can have a chosen syndrome */
	/* Of the PE that consumed the error; AR only. */
	bool el0, aarch32;
	bool vectors; /* VBAR_EL1 was set: there is somebody to take an exception */
};

/* The ways out. */
enum ras_way {
	RAS_WAY_NONE, /* remember the page, tell nobody */
	RAS_WAY_SDEI, /* record in the SDEI source, event triggered (ACPI); entry in the log page (DT) */
	RAS_WAY_GED,    /* record in the GED source, interrupt raised */
	RAS_WAY_POLLED, /* record in the polled source */
	RAS_WAY_SERROR, /* SError on one PE */
	RAS_WAY_SEA, /* synchronous external abort on the PE that consumed it, with a record if GHES */
	RAS_WAY_STOP, /* end the run */
	RAS_NR_WAYS
};
const char *ras_way_name(enum ras_way way);

struct ras_decision {
	enum ras_way way;
	bool preload; /* the guest does not listen yet: leave the record where it looks at probe */
	bool later;   /* look again when the guest registers, unmasks or acknowledges */
	const char *why; /* static, for trace and log: "auto: event registered" */
};

/* The table: docs/ras.md. Only `auto` goes from one way to another; a choice that is impossible now is NONE,
 * with `later` if that may change. Never fails. Pure. */
struct ras_decision ras_decide(const struct ras_policy *policy, const struct ras_error *error,
			       const struct ras_caps *caps);

#endif
