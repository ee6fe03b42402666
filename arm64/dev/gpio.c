/*
 * PL061: data register with a mask in its address, direction, and interrupts by level or edge.
 *
 * Source: Arm DDI 0190, section 3.3 (registers). Nothing is attached to outputs; a pin that is one reads as
 * it was written, and causes interrupts as any other.
 *
 * Registers are 8 bits wide, one every 4 bytes; the rest of a wider access is 0 or ignored.
 * Left out: integration test registers; AFSEL has no effect.
 */
#include "arm64/dev/gpio.h"

#define GPIO_DATA_END 0x400 /* bits 9:2 of the offset are the mask */
#define GPIO_DIR      0x400
#define GPIO_IS       0x404
#define GPIO_IBE      0x408
#define GPIO_IEV      0x40c
#define GPIO_IE       0x410
#define GPIO_RIS      0x414
#define GPIO_MIS      0x418
#define GPIO_IC       0x41c
#define GPIO_AFSEL    0x420
#define GPIO_ID       0xfe0 /* PeriphID0..3, PCellID0..3 */

static struct gpio *to_gpio(struct device *dev)
{
	return (struct gpio *)dev;
}

static uint8_t pins(const struct gpio_state *s)
{
	return (uint8_t)((s->input & ~s->dir) | (s->output & s->dir));
}

/* GPIORIS: levels as they are, edges as they were. */
static uint8_t raw_status(const struct gpio_state *s)
{
	uint8_t active = (uint8_t) ~(pins(s) ^ s->iev);

	return (uint8_t)((active & s->is) | (s->edges & ~s->is));
}

static void update_irq(struct gpio *gpio)
{
	bool level = raw_status(&gpio->state) & gpio->state.ie;

	if (level == gpio->level)
		return;
	gpio->level = level;
	irq_set(&gpio->irq, level);
}

/* The pins have changed from `before`. */
static void note_edges(struct gpio_state *s, uint8_t before)
{
	uint8_t now = pins(s);
	uint8_t changed = now ^ before;
	uint8_t wanted = (uint8_t) ~(now ^ s->iev) | s->ibe; /* rose and IEV, or fell and not IEV */

	s->edges |= changed & wanted & (uint8_t)~s->is;
}

void gpio_drive(struct gpio *gpio, unsigned pin, bool level)
{
	struct gpio_state *s = &gpio->state;
	uint8_t before = pins(s), bit = (uint8_t)(1u << pin % GPIO_PINS);

	s->input = (uint8_t)(level ? s->input | bit : s->input & ~bit);
	note_edges(s, before);
	update_irq(gpio);
}

/* PrimeCell identification: part 0x061, designer 0x41 (Arm), revision 0; one byte a register. */
static uint8_t id_byte(uint64_t reg)
{
	static const uint8_t id[] = { 0x61, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1 };

	return id[(reg - GPIO_ID) / 4];
}

static uint8_t read_register(const struct gpio_state *s, uint64_t reg)
{
	if (reg < GPIO_DATA_END)
		return pins(s) & (uint8_t)(reg >> 2);
	if (reg >= GPIO_ID)
		return id_byte(reg);
	switch (reg) {
	case GPIO_DIR:
		return s->dir;
	case GPIO_IS:
		return s->is;
	case GPIO_IBE:
		return s->ibe;
	case GPIO_IEV:
		return s->iev;
	case GPIO_IE:
		return s->ie;
	case GPIO_RIS:
		return raw_status(s);
	case GPIO_MIS:
		return raw_status(s) & s->ie;
	case GPIO_AFSEL:
		return s->afsel;
	}
	return 0;
}

static uint64_t gpio_read(struct device *dev, uint64_t offset, unsigned len)
{
	(void)len; /* the bus cuts the value to the access */
	return offset & 3 ? 0 : read_register(&to_gpio(dev)->state, offset);
}

static void write_data(struct gpio_state *s, uint8_t mask, uint8_t value)
{
	s->output = (uint8_t)((s->output & ~mask) | (value & mask));
}

static void write_register(struct gpio_state *s, uint64_t reg, uint8_t value)
{
	switch (reg) {
	case GPIO_DIR:
		s->dir = value;
		break;
	case GPIO_IS:
		s->is = value;
		break;
	case GPIO_IBE:
		s->ibe = value;
		break;
	case GPIO_IEV:
		s->iev = value;
		break;
	case GPIO_IE:
		s->ie = value;
		break;
	case GPIO_IC:
		s->edges &= (uint8_t)~value;
		break;
	case GPIO_AFSEL:
		s->afsel = value;
		break;
	}
}

static void gpio_write(struct device *dev, uint64_t offset, unsigned len, uint64_t value)
{
	struct gpio *gpio = to_gpio(dev);
	struct gpio_state *s = &gpio->state;
	uint8_t before = pins(s);

	(void)len;
	if (offset & 3)
		return;
	if (offset < GPIO_DATA_END)
		write_data(s, (uint8_t)(offset >> 2), (uint8_t)value);
	else
		write_register(s, offset, (uint8_t)value);
	note_edges(s, before);
	update_irq(gpio);
}

/* What is driven onto the pins is not the controller's, and stays. */
static void gpio_reset(struct device *dev)
{
	struct gpio *gpio = to_gpio(dev);

	gpio->state = (struct gpio_state){ .input = gpio->state.input };
	gpio->level = false;
	irq_set(&gpio->irq, false);
}

static void gpio_resume(struct device *dev)
{
	struct gpio *gpio = to_gpio(dev);

	gpio->level = false;
	irq_set(&gpio->irq, false);
	update_irq(gpio);
}

static const struct state_field gpio_fields[] = {
	STATE_FIELD(1, struct gpio_state, input),
	STATE_FIELD(2, struct gpio_state, output),
	STATE_FIELD(3, struct gpio_state, dir),
	STATE_FIELD(4, struct gpio_state, is),
	STATE_FIELD(5, struct gpio_state, ibe),
	STATE_FIELD(6, struct gpio_state, iev),
	STATE_FIELD(7, struct gpio_state, ie),
	STATE_FIELD(8, struct gpio_state, edges),
	STATE_FIELD(9, struct gpio_state, afsel),
	STATE_ARRAY(10, struct gpio_state, padding),
	STATE_LAST,
};

static const struct state_desc gpio_desc = {
	.name = "gpio",
	.size = sizeof(struct gpio_state),
	.offset = offsetof(struct gpio, state),
	.fields = gpio_fields,
};

static const struct device_ops gpio_device_ops = {
	.name = "gpio",
	.read = gpio_read,
	.write = gpio_write,
	.reset = gpio_reset,
	.resume = gpio_resume,
	.state = &gpio_desc,
};

void gpio_init(struct gpio *gpio, gpa_t base, struct irq_line irq)
{
	*gpio = (struct gpio){ .irq = irq };
	device_init(&gpio->dev, &gpio_device_ops, base, GPIO_BLOCK_BYTES);
}
