/* Exit statuses of `rasvm run`: part of the command's interface, see docs/rasvm.1.in "EXIT STATUS". */
#ifndef ARM64_STATUS_H
#define ARM64_STATUS_H

#include <stdint.h>

enum exit_status {
	STATUS_POWEROFF = 0,  /* the guest powered off */
	STATUS_INTERNAL = 1,  /* rasvm itself failed (out of memory, a bug) */
	STATUS_USAGE = 2,     /* bad option, value or file; nothing was started */
	STATUS_HOST_KVM = 3,  /* KVM is missing, lacks something needed, or failed while running */
	STATUS_RESET = 4,     /* the guest reset and --on-reset=exit */
	STATUS_PANIC = 5,     /* the guest's kernel panicked */
	STATUS_TIMEOUT = 6,   /* --timeout passed */
	STATUS_HIBERNATE = 7, /* the guest powered off after saving its memory (SYSTEM_OFF2) */
	STATUS_ALL_OFF = 8,   /* every PE is off: nothing can run any more */
	STATUS_INTERRUPTED = 9, /* stopped by a signal, a key, a client or a script */
	STATUS_HARDWARE = 10,   /* a hardware memory error that the guest could not be told of */
	STATUS_SCRIPT = 11,     /* a result of --script is not ok */

	/* The guest ended the run by its exit call (hypercall/vendor.h) with N: 0 for 0, else this plus N, at
	 * most the last. */
	STATUS_GUEST_EXIT = 64,
	STATUS_GUEST_EXIT_LAST = 127,
};

struct status_row {
	enum exit_status status;
	const char *name;
	const char *text;
};

/* Text of `status`; never NULL. */
const char *status_text(enum exit_status status);

/* The status of a run that the guest ended with `code`. */
enum exit_status status_of_guest(uint64_t code);

/* All statuses, for the man page and messages; the guest's own have one row. */
extern const struct status_row status_table[];
extern const unsigned status_table_rows;

#endif
