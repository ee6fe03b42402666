/*
 * What a hardware memory error is to rasvm, whether the host's kernel reported it or somebody injected
 * it: both enter by ras_report() or ras_consume() (ras.h).
 */
#ifndef RAS_ERROR_H
#define RAS_ERROR_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/types.h"

/* BUS_MCEERR_AO: somewhere, nobody used it yet. BUS_MCEERR_AR: a CPU needs the data now. CE: corrected,
 * the data is good; the host's kernel never tells us of these, so they are always injected. */
enum ras_class { RAS_AO, RAS_AR, RAS_CE, RAS_NR_CLASSES };

#define RAS_PAGE_BYTES                                                                             \
	UINT64_C(4096) /* the unit of CPER records here, whatever the guest's pages */
#define RAS_NO_ID UINT32_C(0)

struct ras_error {
	enum ras_class class;
	uint32_t id;      /* follows it through the trace; RAS_NO_ID: ras/ gives it one */
	gpa_t at;         /* the page that is known to be bad */
	gpa_t base;       /* the range that was lost: a host page; contains `at` */
	uint64_t bytes;   /* ... a multiple of RAS_PAGE_BYTES */
	bool threshold;   /* CE: the threshold was exceeded, the guest should retire the page */
	bool fatal;       /* AO: the record says fatal, not recoverable (injected only) */
	uint64_t seen_ns; /* CLOCK_MONOTONIC: when the signal came, or the injection was made */
	const char *from; /* static: "host", "model", "einj", ... */
};

const char *ras_class_name(enum ras_class class); /* "ao", "ar", "ce" */

#endif
