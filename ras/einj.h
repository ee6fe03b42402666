/*
 * Error injection from inside the guest, by its EINJ table: registers of the injection device, and what
 * the guest asked for, as an injection like any other.
 *
 * Source: ACPI 6.5 18.6: actions (table 18.22), error types (18.25), the structure of
 * SET_ERROR_TYPE_WITH_ADDRESS (18.26).
 */
#ifndef RAS_EINJ_H
#define RAS_EINJ_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "ras/inject.h"

/* Registers of the injection device, 8 bytes each, from its base (arm64/dev/einj.h). */
#define EINJ_REG_TYPE    0x00 /* rw: error type of SET_ERROR_TYPE */
#define EINJ_REG_EXECUTE 0x08 /* w: do it */
#define EINJ_REG_BUSY    0x10 /* r: bit 0 while it is being done */
#define EINJ_REG_STATUS  0x18 /* r: EINJ_SUCCESS... of the last one */
#define EINJ_REG_CAPS    0x20 /* r: the types offered */
#define EINJ_REG_BYTES   0x28

enum einj_status { EINJ_SUCCESS = 0, EINJ_FAILURE = 1, EINJ_INVALID = 2 };

#define EINJ_TYPES UINT32_C(0x3f) /* processor and memory: corrected, uncorrected, fatal */

#define EINJ_PARAMS_BYTES 40

/* What the guest wants: `type` from the register, or if `params` (EINJ_PARAMS_BYTES bytes read once from the
 * guest; NULL: unreadable) has a type of its own, that one with its address. 0 with `rule` filled in (one
 * shot, now); -EINVAL: unknown type, no address. */
int einj_rule(uint32_t type, const uint8_t *params, struct inject_rule *rule, struct err *err)
	__attribute__((warn_unused_result));

#endif
