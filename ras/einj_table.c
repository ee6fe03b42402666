/*
 * EINJ: how the guest's error injection driver works the registers of ras/einj.h, one instruction an
 * action.
 *
 * Source: ACPI 6.5 18.6.1 (table and injection actions), 18.6.2 (instruction entries), 18.6.4
 * (SET_ERROR_TYPE_WITH_ADDRESS), 18.6.5 (trigger action table).
 *
 * Left out: GET_EXECUTE_OPERATION_TIMINGS and extended error types, which are optional. Trigger actions:
 * EXECUTE already does all there is to do.
 */
#include "ras/einj.h"
#include "ras/hest.h"

#define HEADER_BYTES      48 /* of EINJ, up to its entries */
#define TRIGGER_BYTES     16
#define TRIGGER_REVISION  1
#define TRIGGER_CELL(tab) ((tab) + TRIGGER_BYTES)

_Static_assert(TRIGGER_BYTES + 8 == EINJ_TRIGGER_BYTES, "trigger table and its cell");
_Static_assert(RAS_EINJ_PARAMS + EINJ_PARAMS_BYTES <= RAS_EINJ_TRIGGER, "EINJ's RAM overlaps");
_Static_assert(RAS_EINJ_TRIGGER + EINJ_TRIGGER_BYTES <= RAS_BERT, "EINJ's RAM reaches into BERT");

enum action {
	BEGIN_INJECTION = 0,
	GET_TRIGGER_TABLE = 1,
	SET_ERROR_TYPE = 2,
	GET_ERROR_TYPE = 3,
	END_OPERATION = 4,
	EXECUTE_OPERATION = 5,
	CHECK_BUSY_STATUS = 6,
	GET_COMMAND_STATUS = 7,
	SET_ERROR_TYPE_WITH_ADDRESS = 8,
};

enum instruction {
	READ_REGISTER = 0,
	WRITE_REGISTER = 2,       /* what the driver has to say */
	WRITE_REGISTER_VALUE = 3, /* what is in the entry */
	NOOP = 4,
};

enum place { NOWHERE, DEVICE, REGION };

struct entry {
	enum action action;
	enum instruction instruction;
	enum place place;
	uint32_t offset; /* into that place */
	uint64_t value, mask;
};

#define ALL UINT64_MAX
#define U32 UINT64_C(0xffffffff)

static const struct entry entries[] = {
	{ BEGIN_INJECTION, NOOP, NOWHERE, 0, 0, 0 },
	{ GET_TRIGGER_TABLE, READ_REGISTER, REGION, TRIGGER_CELL(RAS_EINJ_TRIGGER), 0, ALL },
	{ SET_ERROR_TYPE, WRITE_REGISTER, DEVICE, EINJ_REG_TYPE, 0, U32 },
	{ GET_ERROR_TYPE, READ_REGISTER, DEVICE, EINJ_REG_CAPS, 0, U32 },
	{ END_OPERATION, NOOP, NOWHERE, 0, 0, 0 },
	{ EXECUTE_OPERATION, WRITE_REGISTER_VALUE, DEVICE, EINJ_REG_EXECUTE, 1, U32 },
	{ CHECK_BUSY_STATUS, READ_REGISTER, DEVICE, EINJ_REG_BUSY, 0, 1 },
	{ GET_COMMAND_STATUS, READ_REGISTER, DEVICE, EINJ_REG_STATUS, 0, U32 },
	{ SET_ERROR_TYPE_WITH_ADDRESS, WRITE_REGISTER, REGION, RAS_EINJ_PARAMS, 0, U32 },
};

static void register_region(struct bytes *b, const struct entry *e, const struct hest_params *p)
{
	if (e->place == NOWHERE)
		bytes_zero(b, 12);
	else
		acpi_gas(b, 64, (e->place == DEVICE ? p->einj.v : p->region.v) + e->offset);
}

static void write_entry(struct bytes *b, const struct entry *e, const struct hest_params *p)
{
	bytes_u8(b, (uint8_t)e->action);
	bytes_u8(b, (uint8_t)e->instruction);
	bytes_u8(b, 0); /* flags: nothing to preserve */
	bytes_u8(b, 0);
	register_region(b, e, p);
	bytes_u64(b, e->value);
	bytes_u64(b, e->mask);
}

void einj_write(struct bytes *out, const struct hest_params *p)
{
	size_t begin = acpi_begin(out, "EINJ", 1);

	bytes_u32(out, HEADER_BYTES);
	bytes_u32(out, 0); /* flags */
	bytes_u32(out, ARRAY_SIZE(entries));
	for (unsigned i = 0; i < ARRAY_SIZE(entries); i++)
		write_entry(out, &entries[i], p);
	acpi_end(out, begin);
}

void einj_trigger_write(struct bytes *out, gpa_t region)
{
	bytes_u32(out, TRIGGER_BYTES); /* header */
	bytes_u32(out, TRIGGER_REVISION);
	bytes_u32(out, TRIGGER_BYTES); /* all */
	bytes_u32(out, 0);             /* entries */
	bytes_u64(out, region.v + RAS_EINJ_TRIGGER);
}
