/*
 * What a UEFI firmware would have left behind for a kernel started without its stub: system table, memory
 * map, configuration tables. No boot services; runtime services only for the clock, which ACPI has no
 * device for (guest/runtime/). Pure.
 *
 * Source: UEFI 2.10 chapters 4 and 8, 7.2 (memory map); Linux Documentation/arch/arm/uefi.rst (properties
 * of /chosen), drivers/firmware/efi for the Linux tables.
 */
#ifndef ARM64_EFI_H
#define ARM64_EFI_H

#include "lib/bytes.h"
#include "lib/err.h"
#include "lib/types.h"

#define EFI_MAX_BYTES     KIB(64)
#define EFI_RUNTIME_BYTES KIB(64)
#define EFI_GRAIN         KIB(64) /* a guest with 64 KiB pages has no page of two kinds */

/* RAM and what lies in it, ascending: acpi, runtime, region. All but the size of RAM are multiples of
 * EFI_GRAIN; a rest of RAM at the end is left out of the map. */
struct efi_params {
	gpa_t at; /* where these tables will lie */
	gpa_t ram;
	uint64_t ram_bytes;
	gpa_t acpi; /* reclaimable: these tables and ACPI's; contains `at` */
	uint64_t acpi_bytes;
	gpa_t runtime; /* runtime services, EFI_RUNTIME_BYTES; v 0: none */
	gpa_t region;  /* reserved: ras/layout.h */
	uint64_t region_bytes;
	gpa_t rsdp;
	gpa_t rtc; /* PL031, which the runtime services use; alone in its EFI_GRAIN */
};

/* For /chosen. */
struct efi_handoff {
	gpa_t system_table, memory_map;
	uint32_t memory_map_bytes, descriptor_bytes, descriptor_version;
};

/* Write everything into buf[0..size), for address p->at. Length in bytes, or -errno with `err`: -EINVAL, a
 * range lies wrong; -ENOSPC. */
int efi_build(const struct efi_params *p, void *buf, size_t size, struct efi_handoff *handoff,
	      struct err *err) __attribute__((warn_unused_result));

/* Write the runtime services into buf[0..size), for address p->runtime: their table and the program
 * `code` of guest/runtime/, which is told where the clock is. Length or -ENOSPC with `err`. */
int efi_build_runtime(const struct efi_params *p, const void *code, size_t code_bytes, void *buf,
		      size_t size, struct err *err) __attribute__((warn_unused_result));

#endif
