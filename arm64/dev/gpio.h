/*
 * PL061 general purpose I/O: eight pins and one interrupt. The machine uses it for what has to wake a
 * sleeping ACPI guest: of the interrupts such a guest knows, those of a GPIO controller's pins alone can be
 * declared able to wake (ACPI 6.5 6.4.3.8.1).
 *
 * Source: Arm DDI 0190 (PrimeCell GPIO PL061 TRM), section 3.
 */
#ifndef ARM64_DEV_GPIO_H
#define ARM64_DEV_GPIO_H

#include "arm64/dev/device.h"

#define GPIO_BLOCK_BYTES 0x1000
#define GPIO_PINS        8

/* One bit a pin. */
struct gpio_state {
	uint8_t input;  /* what is driven onto the pins from outside */
	uint8_t output; /* GPIODATA, as last written */
	uint8_t dir;    /* 1: an output */
	uint8_t is;     /* 1: interrupts by level, 0: by edge */
	uint8_t ibe;    /* 1: by both edges */
	uint8_t iev;    /* 1: by rising edge or high level */
	uint8_t ie;     /* 1: not masked */
	uint8_t edges;  /* edges seen and not cleared */
	uint8_t afsel;
	uint8_t padding[7]; /* 0 */
};

struct gpio {
	struct device dev; /* first */
	struct gpio_state state;
	struct irq_line irq;
	bool level; /* of irq, as last driven */
};

/* All pins are low inputs. Drives no interrupt. */
void gpio_init(struct gpio *gpio, gpa_t base, struct irq_line irq);

/* Drive a pin, 0..GPIO_PINS - 1, from outside. Caller holds device_lock() of gpio->dev; any thread. */
void gpio_drive(struct gpio *gpio, unsigned pin, bool level);

#endif
