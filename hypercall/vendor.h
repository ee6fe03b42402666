/*
 * rasvm's own calls, in the vendor specific hypervisor range of SMCCC (owner 6). Off unless asked
 * for: --vendor-calls, --sdei-watchdog. docs/firmware.md describes them for guests, guest/rasvm.h is what a
 * guest includes. Pure.
 *
 * Source: Arm DEN0028, owning entities.
 */
#ifndef HYPERCALL_VENDOR_H
#define HYPERCALL_VENDOR_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/lock.h"
#include "lib/smccc.h"

#define VENDOR_BASE  UINT32_C(0xc6005000)
#define VENDOR_COUNT 0x10u

/* x1 event, x2 MPIDR of the PE for a private event, all ones for a shared one. 0, or
 * INVALID_PARAMETERS (no such event or PE, or a PE named for a shared event), DENIED (nobody
 * registered the event: dropped). */
#define VENDOR_SDEI_TRIGGER UINT32_C(0xc6005000)
/* x1 period of the SDEI watchdog in milliseconds for all PEs, 0 to stop it; the next event comes a
 * whole period from now. 0, or INVALID_PARAMETERS (more than VENDOR_MAX_PERIOD_MS). */
#define VENDOR_SDEI_WATCHDOG UINT32_C(0xc6005001)

/* What the guest says: a check of its own passed or failed, or anything. x1 address (IPA) of the text, x2 its
 * length in bytes, without a final 0. 0, or INVALID_PARAMETERS (no bytes, more than VENDOR_TEXT_BYTES, not in
 * RAM, or lost to a memory error). What is no printable ASCII character counts as a question mark. */
#define VENDOR_PASS UINT32_C(0xc6005002)
#define VENDOR_FAIL UINT32_C(0xc6005003)
#define VENDOR_MARK UINT32_C(0xc6005004)
/* End the run. x1: the exit status, see arm64/status.h. Does not return. */
#define VENDOR_EXIT UINT32_C(0xc6005005)

#define VENDOR_TEXT_BYTES 256

#define VENDOR_MAX_PERIOD_MS UINT64_C(86400000)
#define VENDOR_NO_PE         UINT64_MAX

enum vendor_error {
	VENDOR_SUCCESS = 0,
	VENDOR_NOT_SUPPORTED = -1,
	VENDOR_INVALID_PARAMETERS = -2,
	VENDOR_DENIED = -3,
};

/* Called with the firmware lock held; must not block. They return x0. An op that is NULL: its call
 * answers NOT_SUPPORTED. */
struct vendor_ops {
	int64_t (*sdei_trigger)(struct fw_locked, void *world, uint64_t event, uint64_t mpidr);
	int64_t (*sdei_watchdog)(struct fw_locked, void *world, uint64_t period_ns);
	/* Copy n bytes of guest RAM; 0, or -errno: not all of it is there. */
	int (*read)(struct fw_locked, void *world, uint64_t gpa, void *bytes, uint32_t n);
	/* VENDOR_PASS, _FAIL or _MARK by PE `pe`; printable text, lasts for the call. With it come the three
	 * calls and VENDOR_EXIT; needs `read`. */
	void (*said)(struct fw_locked, void *world, uint32_t fid, unsigned pe, const char *text);
};

struct vendor {
	const struct vendor_ops *ops; /* never NULL */
	void *world;
};

extern const struct fw_call vendor_calls[];
extern const unsigned vendor_ncalls;

/* Serve one call; `row` is what fw_find() gave (NULL: no such call, NOT_SUPPORTED). FW_RETURN with the
 * result in call->ret, or FW_GUEST_EXIT. */
enum fw_result vendor_call(struct fw_locked, struct vendor *vendor, const struct fw_call *row,
			   struct smccc *call);

#endif
