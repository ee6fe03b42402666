/*
 * The decision table: which way an error goes to the guest.
 *
 * Source: rasvm's own; docs/ras.md shows it. State: none. Left out: what happens when the way chosen
 * leads nowhere, because the guest does not take or acknowledge it (ras.c).
 */
#include "lib/types.h"
#include "ras/policy.h"

/* What a row needs to be true. */
enum {
	GHES = 1u << 0,    /* the guest was given GHES */
	ALIVE = 1u << 1,   /* ... and uses them */
	OFFERED = 1u << 2, /* the machine has SDEI */
	MASKED = 1u << 3,  /* ... the event is registered, no PE takes it now */
	READY = 1u << 4,   /* ... some PE takes it now */
	VECTORS = 1u << 5, /* AR: the PE has exception vectors */
	TAKES = 1u << 6,   /* AR: ... and an abort goes to a kernel in AArch64 */
};

enum { PRELOAD = 1u << 0, LATER = 1u << 1 };

/* The first row whose choice is made and whose needs are met decides. Each choice ends in a row
 * without needs. */
struct row {
	unsigned choice;
	unsigned needs;
	enum ras_way way;
	unsigned flags;
	const char *why;
};

/* clang-format off */
static const struct row ao_rows[] = {
	{ RAS_AO_AUTO,   READY,          RAS_WAY_SDEI,   0,               "auto: event registered" },
	{ RAS_AO_AUTO,   MASKED,         RAS_WAY_SDEI,   LATER,           "auto: event registered, all CPUs mask it" },
	{ RAS_AO_AUTO,   ALIVE,          RAS_WAY_GED,    0,               "auto: GHES in use, no event registered" },
	{ RAS_AO_AUTO,   GHES | OFFERED, RAS_WAY_SDEI,   PRELOAD | LATER, "auto: guest not up yet, record waits for its SDEI source" },
	{ RAS_AO_AUTO,   GHES,           RAS_WAY_GED,    PRELOAD | LATER, "auto: guest not up yet, record waits for its GED source" },
	{ RAS_AO_AUTO,   OFFERED,        RAS_WAY_NONE,   LATER,           "auto: no GHES, no event registered" },
	{ RAS_AO_AUTO,   0,              RAS_WAY_NONE,   0,               "auto: no GHES, no SDEI" },

	{ RAS_AO_NONE,   0,              RAS_WAY_NONE,   0,               "ao=none" },

	{ RAS_AO_SDEI,   READY,          RAS_WAY_SDEI,   0,               "ao=sdei" },
	{ RAS_AO_SDEI,   MASKED,         RAS_WAY_SDEI,   LATER,           "ao=sdei: all CPUs mask it" },
	{ RAS_AO_SDEI,   ALIVE | OFFERED, RAS_WAY_NONE,  LATER,           "ao=sdei: no event registered" },
	{ RAS_AO_SDEI,   GHES | OFFERED, RAS_WAY_SDEI,   PRELOAD | LATER, "ao=sdei: guest not up yet, record waits" },
	{ RAS_AO_SDEI,   OFFERED,        RAS_WAY_NONE,   LATER,           "ao=sdei: no event registered" },
	{ RAS_AO_SDEI,   0,              RAS_WAY_NONE,   0,               "ao=sdei: the machine has no SDEI" },

	{ RAS_AO_SERROR, 0,              RAS_WAY_SERROR, 0,               "ao=serror" },

	{ RAS_AO_GED,    ALIVE,          RAS_WAY_GED,    0,               "ao=ged" },
	{ RAS_AO_GED,    GHES,           RAS_WAY_GED,    PRELOAD | LATER, "ao=ged: guest not up yet, record waits" },
	{ RAS_AO_GED,    0,              RAS_WAY_NONE,   0,               "ao=ged: the guest has no GHES" },

	{ RAS_AO_POLLED, ALIVE,          RAS_WAY_POLLED, 0,               "ao=polled" },
	{ RAS_AO_POLLED, GHES,           RAS_WAY_POLLED, PRELOAD | LATER, "ao=polled: guest not up yet, record waits" },
	{ RAS_AO_POLLED, 0,              RAS_WAY_NONE,   0,               "ao=polled: the guest has no GHES" },

	{ RAS_AO_STOP,   0,              RAS_WAY_STOP,   0,               "ao=stop" },
};

static const struct row ar_rows[] = {
	{ RAS_AR_AUTO,   TAKES,   RAS_WAY_SEA,    0, "auto: the CPU used the data" },
	{ RAS_AR_AUTO,   VECTORS, RAS_WAY_STOP,   0, "auto: a kernel in AArch32 cannot be given an abort" },
	{ RAS_AR_AUTO,   0,       RAS_WAY_STOP,   0, "auto: the CPU has no exception vectors yet" },

	{ RAS_AR_SEA,    TAKES,   RAS_WAY_SEA,    0, "ar=sea" },
	{ RAS_AR_SEA,    VECTORS, RAS_WAY_STOP,   0, "ar=sea: a kernel in AArch32 cannot be given an abort" },
	{ RAS_AR_SEA,    0,       RAS_WAY_STOP,   0, "ar=sea: the CPU has no exception vectors yet" },

	{ RAS_AR_SERROR, VECTORS, RAS_WAY_SERROR, 0, "ar=serror" },
	{ RAS_AR_SERROR, 0,       RAS_WAY_STOP,   0, "ar=serror: the CPU has no exception vectors yet" },

	{ RAS_AR_STOP,   0,       RAS_WAY_STOP,   0, "ar=stop" },
};

/* A corrected error is no reason to interrupt a kernel anywhere: the interrupt will do. Nor is it kept for
 * a guest that might register some day. */
static const struct row ce_rows[] = {
	{ RAS_CE_AUTO,   ALIVE,          RAS_WAY_GED,    0,               "auto: GHES in use" },
	{ RAS_CE_AUTO,   GHES,           RAS_WAY_GED,    PRELOAD | LATER, "auto: guest not up yet, record waits for its GED source" },
	{ RAS_CE_AUTO,   READY,          RAS_WAY_SDEI,   0,               "auto: event registered" },
	{ RAS_CE_AUTO,   MASKED,         RAS_WAY_SDEI,   LATER,           "auto: event registered, all CPUs mask it" },
	{ RAS_CE_AUTO,   0,              RAS_WAY_NONE,   0,               "auto: no GHES, no event registered" },

	{ RAS_CE_NONE,   0,              RAS_WAY_NONE,   0,               "ce=none" },

	{ RAS_CE_SDEI,   READY,          RAS_WAY_SDEI,   0,               "ce=sdei" },
	{ RAS_CE_SDEI,   MASKED,         RAS_WAY_SDEI,   LATER,           "ce=sdei: all CPUs mask it" },
	{ RAS_CE_SDEI,   ALIVE | OFFERED, RAS_WAY_NONE,  LATER,           "ce=sdei: no event registered" },
	{ RAS_CE_SDEI,   GHES | OFFERED, RAS_WAY_SDEI,   PRELOAD | LATER, "ce=sdei: guest not up yet, record waits" },
	{ RAS_CE_SDEI,   OFFERED,        RAS_WAY_NONE,   LATER,           "ce=sdei: no event registered" },
	{ RAS_CE_SDEI,   0,              RAS_WAY_NONE,   0,               "ce=sdei: the machine has no SDEI" },

	{ RAS_CE_GED,    ALIVE,          RAS_WAY_GED,    0,               "ce=ged" },
	{ RAS_CE_GED,    GHES,           RAS_WAY_GED,    PRELOAD | LATER, "ce=ged: guest not up yet, record waits" },
	{ RAS_CE_GED,    0,              RAS_WAY_NONE,   0,               "ce=ged: the guest has no GHES" },

	{ RAS_CE_POLLED, ALIVE,          RAS_WAY_POLLED, 0,               "ce=polled" },
	{ RAS_CE_POLLED, GHES,           RAS_WAY_POLLED, PRELOAD | LATER, "ce=polled: guest not up yet, record waits" },
	{ RAS_CE_POLLED, 0,              RAS_WAY_NONE,   0,               "ce=polled: the guest has no GHES" },
};
/* clang-format on */

const char *ras_class_name(enum ras_class class)
{
	static const char *const names[RAS_NR_CLASSES] = { "ao", "ar", "ce" };

	return (unsigned)class < RAS_NR_CLASSES ? names[class] : "unknown";
}

const char *ras_way_name(enum ras_way way)
{
	static const char *const names[RAS_NR_WAYS] = {
		[RAS_WAY_NONE] = "none",     [RAS_WAY_SDEI] = "sdei",     [RAS_WAY_GED] = "ged",
		[RAS_WAY_POLLED] = "polled", [RAS_WAY_SERROR] = "serror", [RAS_WAY_SEA] = "sea",
		[RAS_WAY_STOP] = "stop",
	};

	return (unsigned)way < RAS_NR_WAYS ? names[way] : "unknown";
}

static unsigned facts_of(const struct ras_caps *caps)
{
	unsigned facts = 0;

	if (caps->ghes)
		facts |= GHES | (caps->ghes_alive ? ALIVE : 0);
	if (caps->sdei_offered) {
		facts |= OFFERED;
		facts |= caps->sdei == RAS_SDEI_READY ? READY : 0;
		facts |= caps->sdei == RAS_SDEI_MASKED ? MASKED : 0;
	}
	if (caps->vectors)
		facts |= VECTORS | (caps->el0 || !caps->aarch32 ? TAKES : 0);
	return facts;
}

static struct ras_decision look_up(const struct row *rows, unsigned n, unsigned choice,
				   unsigned facts)
{
	for (unsigned i = 0; i < n; i++)
		if (rows[i].choice == choice && (facts & rows[i].needs) == rows[i].needs)
			return (struct ras_decision){
				.way = rows[i].way,
				.preload = rows[i].flags & PRELOAD,
				.later = rows[i].flags & LATER,
				.why = rows[i].why,
			};
	return (struct ras_decision){ .way = RAS_WAY_NONE, .why = "no such choice" };
}

struct ras_decision ras_decide(const struct ras_policy *policy, const struct ras_error *error,
			       const struct ras_caps *caps)
{
	unsigned facts = facts_of(caps);

	if (error->class == RAS_AR)
		return look_up(ar_rows, ARRAY_SIZE(ar_rows), policy->ar, facts);
	if (error->class == RAS_CE)
		return look_up(ce_rows, ARRAY_SIZE(ce_rows), policy->ce, facts);
	return look_up(ao_rows, ARRAY_SIZE(ao_rows), policy->ao, facts);
}
