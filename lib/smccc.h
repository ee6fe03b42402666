/*
 * One SMCCC call as the firmware sees it, and the tables that say which calls exist.
 * Pure: no register is read or written here; arm64/fw.c fetches arguments and stores the result.
 *
 * Source: Arm DEN0028 (SMC Calling Convention), as used by DEN0022F.b (PSCI) and DEN0054C (SDEI).
 */
#ifndef LIB_SMCCC_H
#define LIB_SMCCC_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/lock.h"

#define SMCCC_FAST  (UINT32_C(1) << 31)
#define SMCCC_64BIT (UINT32_C(1) << 30)

/* Generic results, DEN0028. */
#define SMCCC_SUCCESS       INT64_C(0)
#define SMCCC_NOT_SUPPORTED INT64_C(-1)

enum smccc_conduit { SMCCC_HVC, SMCCC_SMC };

#define SMCCC_MAX_ARGS 6

/* What the PE that made the call does next. */
enum fw_result {
	FW_RETURN,        /* x0 = call->ret, go on after the call */
	FW_RESUMED,       /* the PE's context was replaced: go on with it, write no result */
	FW_PE_OFF,        /* the PE is OFF: wait for psci_take_on() */
	FW_PE_SUSPEND,    /* wait for a wake event, then psci_wake() */
	FW_SYSTEM_OFF,    /* the machine powers off */
	FW_HIBERNATE_OFF, /* the machine powers off, its memory was saved by the guest */
	FW_SYSTEM_RESET,  /* the machine resets */
	FW_WARM_RESET,    /* the machine resets, RAM is preserved */
	FW_GUEST_EXIT,    /* the run ends, with the guest's code in arg[0] */
};

struct smccc {
	uint32_t fid;
	enum smccc_conduit conduit;
	unsigned nargs;  /* how many of arg[] were fetched */
	unsigned pe;     /* index of the calling PE */
	bool big_endian; /* SCTLR_EL1.EE of the caller; valid for FW_CALL_ENTRY rows only */
	uint64_t now_ns; /* CLOCK_MONOTONIC when the call was made */
	uint64_t arg[SMCCC_MAX_ARGS]; /* x1...; as many as the row says, 32 bits wide for SMC32 */
	int64_t ret;                  /* x0 for FW_RETURN; errors are negative in all 64 bits */
};

/* Flags of a row. ENTRY: the call records an address at which a PE will start, so the caller's
 * endianness is needed. SYSREGS: the call replaces the PE's context as an exception does, so SCTLR_EL1
 * is needed. SUSPEND: the call would stop the PE until a wake event. */
#define FW_CALL_ENTRY   1u
#define FW_CALL_SYSREGS 2u
#define FW_CALL_SUSPEND 4u
/* The type of the argument in x1, or x2, has 32 bits: the upper half of the register says nothing, even
 * in an SMC64 call (DEN0028 2.6; AAPCS64, parameters shorter than a register). */
#define FW_CALL_W1 8u
#define FW_CALL_W2 16u

typedef enum fw_result fw_fn(struct fw_locked, void *self, struct smccc *);

/* One row of a service's function table; rows are sorted by fid. */
struct fw_call {
	uint32_t fid;
	uint32_t since; /* first version of the service that has it, encoded as its own */
	const char *name;
	uint8_t nargs;
	uint8_t flags;
	fw_fn *fn;
};

struct fw_service {
	const char *name;
	const struct fw_call *calls;
	unsigned ncalls;
	void *self; /* passed to `serve` */
	/* Serve one call: `row` is what fw_find() gave. */
	enum fw_result (*serve)(struct fw_locked, void *self, const struct fw_call *row,
				struct smccc *call);
};

/* Truncate the arguments of an SMC32 call to 32 bits (DEN0028: the upper halves are ignored). */
void smccc_truncate(struct smccc *call, unsigned nargs);

/* Truncate the arguments that the row says have 32 bits: FW_CALL_W1, FW_CALL_W2. */
void smccc_narrow(struct smccc *call, const struct fw_call *row);

/* The row for `fid`, or NULL: not a function of this service. Binary search, no lock needed. */
const struct fw_call *fw_find(const struct fw_service *service, uint32_t fid);

/* Name of a standard function or owner range for a trace; never NULL ("unknown"). */
const char *smccc_owner_name(uint32_t fid);

#endif
