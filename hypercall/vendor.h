/*
 * rasvm's own calls, in the vendor specific hypervisor range of SMCCC (owner 6). Off unless asked
 * for: --vendor-calls, --sdei-watchdog. docs/firmware.md describes them for guests. Pure.
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
};

struct vendor {
	const struct vendor_ops *ops; /* never NULL */
	void *world;
};

extern const struct fw_call vendor_calls[];
extern const unsigned vendor_ncalls;

/* Serve one call; `row` is what fw_find() gave (NULL: no such call, NOT_SUPPORTED). FW_RETURN with the
 * result in call->ret. */
enum fw_result vendor_call(struct fw_locked, struct vendor *vendor, const struct fw_call *row,
			   struct smccc *call);

#endif
