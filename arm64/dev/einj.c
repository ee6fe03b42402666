/*
 * Error injection from inside the guest: the registers that the entries of the EINJ table point to.
 *
 * Source: ACPI 6.5 18.6, table 18.22 (injection actions). The registers' places are rasvm's own choice
 * (ras/einj.h); type and address of an error that has one are in RAM (SET_ERROR_TYPE_WITH_ADDRESS), since
 * a guest writes that structure as memory.
 *
 * The machine that carries an injection out owns nothing here; it reports with einj_done().
 * Left out: BEGIN_INJECTION_OPERATION and END_OPERATION, which have nothing to do; the trigger, which is
 * an empty table in RAM.
 */
#include "arm64/dev/einj.h"

#define BUSY 1u /* EINJ_REG_BUSY */

static struct einj *to_einj(struct device *dev)
{
	return (struct einj *)dev;
}

static uint64_t read_register(const struct einj_state *s, uint64_t reg)
{
	switch (reg) {
	case EINJ_REG_TYPE:
		return s->type;
	case EINJ_REG_BUSY:
		return s->busy;
	case EINJ_REG_STATUS:
		return s->status;
	case EINJ_REG_CAPS:
		return EINJ_TYPES;
	}
	return 0;
}

static uint64_t einj_read(struct device *dev, uint64_t offset, unsigned len)
{
	uint64_t value = read_register(&to_einj(dev)->state, offset & ~UINT64_C(7));

	(void)len; /* the bus cuts the value to the access */
	return value >> 8 * (offset & 7);
}

/* A second one while the first is under way is not started. */
static void execute(struct einj *einj)
{
	if (einj->state.busy)
		return;
	einj->state.busy = BUSY;
	if (einj->execute)
		einj->execute(einj->world);
}

/* Registers are written whole: 4 or 8 bytes, all that count being in the first 4. */
static void einj_write(struct device *dev, uint64_t offset, unsigned len, uint64_t value)
{
	struct einj *einj = to_einj(dev);

	if (len < 4)
		return;
	switch (offset) {
	case EINJ_REG_TYPE:
		einj->state.type = (uint32_t)value;
		break;
	case EINJ_REG_EXECUTE:
		execute(einj);
		break;
	}
}

static void einj_reset(struct device *dev)
{
	to_einj(dev)->state = (struct einj_state){ 0 };
}

/* The state may have been loaded, in the middle of an injection: it is carried out here, since where it
 * was asked for nothing came of it. */
static void einj_resume(struct device *dev)
{
	struct einj *einj = to_einj(dev);

	einj->state.busy &= BUSY;
	if (einj->state.busy && einj->execute)
		einj->execute(einj->world);
}

void einj_done(struct einj *einj, uint32_t status)
{
	einj->state.status = status;
	einj->state.busy = 0;
}

static const struct state_field einj_fields[] = {
	STATE_FIELD(1, struct einj_state, type),
	STATE_FIELD(2, struct einj_state, status),
	STATE_FIELD(3, struct einj_state, busy),
	STATE_ARRAY(4, struct einj_state, padding),
	STATE_LAST,
};

static const struct state_desc einj_desc = {
	.name = "einj",
	.size = sizeof(struct einj_state),
	.offset = offsetof(struct einj, state),
	.fields = einj_fields,
};

static const struct device_ops einj_device_ops = {
	.name = "einj",
	.read = einj_read,
	.write = einj_write,
	.reset = einj_reset,
	.resume = einj_resume,
	.state = &einj_desc,
};

void einj_init(struct einj *einj, gpa_t base, void (*execute_op)(void *world), void *world)
{
	*einj = (struct einj){ .execute = execute_op, .world = world };
	device_init(&einj->dev, &einj_device_ops, base, EINJ_BLOCK_BYTES);
}
