/*
 * SDEI: the life of a handler as one table, and names.
 *
 * Source: Arm DEN0054C section 6.1 (handler states and their transitions) and 5.1 (return codes).
 * Holds no state.
 * Left out: a trigger, which changes no handler's state; it is pending until a DISPATCH (dispatch.c).
 */
#include <stddef.h>

#include "lib/types.h"
#include "sdei/sdei.h"

/* Registered, enabled, running. */
enum state {
	S000 = 0,
	S100 = SDEI_REGISTERED,
	S110 = SDEI_REGISTERED | SDEI_ENABLED,
	S001 = SDEI_RUNNING, /* unregistered when it completes */
	S101 = SDEI_REGISTERED | SDEI_RUNNING,
	S111 = SDEI_REGISTERED | SDEI_ENABLED | SDEI_RUNNING,
	S010 = SDEI_ENABLED,                /* impossible */
	S011 = SDEI_ENABLED | SDEI_RUNNING, /* impossible */
};

#define OK   SDEI_SUCCESS
#define NO   SDEI_DENIED
#define WAIT SDEI_PENDING

/* clang-format off */
static const struct sdei_step steps[SDEI_NR_STATES][SDEI_NR_OPS] = {
	/*         REGISTER      ENABLE        DISABLE       UNREGISTER      ROUTING_SET   RELEASE       CONTEXT       COMPLETE      DISPATCH */
	[S000] = { { S100, OK }, { S000, NO }, { S000, NO }, { S000, NO },   { S000, NO }, { S000, OK }, { S000, NO }, { S000, NO }, { S000, NO } },
	[S001] = { { S001, NO }, { S001, NO }, { S001, NO }, { S001, WAIT }, { S001, NO }, { S001, NO }, { S001, OK }, { S000, OK }, { S001, NO } },
	[S100] = { { S100, NO }, { S110, OK }, { S100, OK }, { S000, OK },   { S100, OK }, { S100, NO }, { S100, NO }, { S100, NO }, { S100, NO } },
	[S101] = { { S101, NO }, { S111, OK }, { S101, OK }, { S001, WAIT }, { S101, NO }, { S101, NO }, { S101, OK }, { S100, OK }, { S101, NO } },
	[S110] = { { S110, NO }, { S110, OK }, { S100, OK }, { S000, OK },   { S110, NO }, { S110, NO }, { S110, NO }, { S110, NO }, { S111, OK } },
	[S111] = { { S111, NO }, { S111, OK }, { S101, OK }, { S001, WAIT }, { S111, NO }, { S111, NO }, { S111, OK }, { S110, OK }, { S111, NO } },
	[S010] = { { S010, NO }, { S010, NO }, { S010, NO }, { S010, NO },   { S010, NO }, { S010, NO }, { S010, NO }, { S010, NO }, { S010, NO } },
	[S011] = { { S011, NO }, { S011, NO }, { S011, NO }, { S011, NO },   { S011, NO }, { S011, NO }, { S011, NO }, { S011, NO }, { S011, NO } },
};
/* clang-format on */

static const char *const hold_names[] = {
	[SDEI_HOLD_NOT] = "not held",      [SDEI_HOLD_UNREGISTERED] = "unregistered",
	[SDEI_HOLD_DISABLED] = "disabled", [SDEI_HOLD_RUNNING] = "running",
	[SDEI_HOLD_OFF] = "off",           [SDEI_HOLD_MASKED] = "masked",
	[SDEI_HOLD_BUSY] = "busy",         [SDEI_HOLD_NO_PE] = "no_pe",
};

static const struct {
	enum sdei_error code;
	const char *name;
} error_names[] = {
	{ SDEI_SUCCESS, "SUCCESS" },
	{ SDEI_NOT_SUPPORTED, "NOT_SUPPORTED" },
	{ SDEI_INVALID_PARAMETERS, "INVALID_PARAMETERS" },
	{ SDEI_DENIED, "DENIED" },
	{ SDEI_PENDING, "PENDING" },
	{ SDEI_OUT_OF_RESOURCE, "OUT_OF_RESOURCE" },
};

struct sdei_step sdei_next_state(unsigned state, enum sdei_op op)
{
	return steps[state][op];
}

const char *sdei_hold_name(enum sdei_hold why)
{
	return hold_names[why];
}

const char *sdei_error_name(int64_t code)
{
	for (size_t i = 0; i < ARRAY_SIZE(error_names); i++)
		if (error_names[i].code == code)
			return error_names[i].name;
	return NULL;
}
