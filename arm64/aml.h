/*
 * A small AML encoder: what the DSDT needs and no more. Objects are opened and closed like nodes of a
 * device tree; package lengths are filled in at the close. Pure.
 *
 * Source: ACPI 6.5 chapter 20 (AML), 6.4 (resource descriptors), 19.6.
 */
#ifndef ARM64_AML_H
#define ARM64_AML_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/bytes.h"

#define AML_MAX_DEPTH 16

struct aml {
	struct bytes *out;
	size_t open[AML_MAX_DEPTH]; /* where each open package length is */
	unsigned depth;
	bool broken; /* nested too deep, too long, or a name that is none: a bug in the caller's table */
};

struct aml aml_in(struct bytes *out);

/* "\\_SB", "_HID", "C001": path of segments of up to 4 characters, separated by dots, rooted or not. */
void aml_scope(struct aml *a, const char *path);
void aml_device(struct aml *a, const char *name);
void aml_method(struct aml *a, const char *name, unsigned nargs, bool serialized);
void aml_if_arg_equals(struct aml *a, unsigned arg, uint64_t value); /* If (LEqual (ArgN, value)) */
/* If (LEqual (ArgN, ToUUID (guid))) */
void aml_if_arg_is_guid(struct aml *a, unsigned arg, const char *guid);
void aml_if_any_bit(struct aml *a, const char *name, uint64_t bits); /* If (And (name, bits)) */
/* Name (name, Package (n) {...}), and a package as an element of one; then n elements. */
void aml_name_package(struct aml *a, const char *name, unsigned n);
void aml_package(struct aml *a, unsigned n);
void aml_close(struct aml *a); /* the innermost of the above */

void aml_integer(struct aml *a, uint64_t value); /* as an element */

void aml_name_integer(struct aml *a, const char *name, uint64_t value);
void aml_name_string(struct aml *a, const char *name, const char *text);
void aml_name_eisa(struct aml *a, const char *name,
		   const char *id); /* "PNP0C33" as EISAID() does */

/* CreateDWordField (ArgN, offset, name): 4 bytes of a buffer under a name. */
void aml_dword_of_arg(struct aml *a, unsigned arg, unsigned offset, const char *name);
void aml_and(struct aml *a, const char *name, uint64_t bits);     /* And (name, bits, name) */
void aml_or(struct aml *a, const char *name, uint64_t bits);      /* Or (name, bits, name) */
void aml_notify(struct aml *a, const char *path, uint64_t value); /* Notify (path, value) */
void aml_return_arg(struct aml *a, unsigned arg);

/* Name (_CRS, ResourceTemplate () {...}), or _AEI: descriptors between begin and end. */
void aml_crs_begin(struct aml *a);
void aml_aei_begin(struct aml *a);
void aml_memory32_fixed(struct aml *a, uint32_t base, uint32_t size, bool writable);
void aml_interrupt(struct aml *a, uint32_t gsi, bool edge); /* active high, not shared */
/* A pin of a GPIO controller that interrupts at a rising edge, not shared, able to wake. */
void aml_gpio_wake(struct aml *a, const char *controller, uint16_t pin);
/* What a PCI host bridge passes on: bus numbers, memory (of 64-bit addresses: prefetchable). The same numbers on
 * both sides. */
void aml_pci_buses(struct aml *a, uint16_t first, uint16_t n);
void aml_pci_memory32(struct aml *a, uint32_t base, uint32_t size);
void aml_pci_memory64(struct aml *a, uint64_t base, uint64_t size);
void aml_crs_end(struct aml *a);

#endif
