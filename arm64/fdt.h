/*
 * The device tree of the machine, written from the board table. Pure (libfdt).
 */
#ifndef ARM64_FDT_H
#define ARM64_FDT_H

#include "arm64/board.h"
#include "arm64/efi.h"
#include "lib/err.h"
#include "lib/types.h"

#define FDT_MAX_BYTES MIB(2) /* limit of the arm64 boot protocol (booting.rst, section 2) */

struct fdt_params {
	const char *cmdline; /* /chosen/bootargs */
	gpa_t initrd_start;  /* initrd range, [start, end); equal: no initrd */
	gpa_t initrd_end;
	uint64_t kaslr_seed;     /* 0: no property */
	const uint8_t *rng_seed; /* /chosen/rng-seed or NULL */
	size_t rng_seed_bytes;
	const struct efi_handoff *efi; /* what /chosen says of UEFI's tables; NULL: nothing */
	gpa_t ras_region;              /* of ras/layout.h; v 0: none */
};

/* Write the tree into buf[0..size). With BOARD_TABLES_ACPI it is what the stub of a UEFI kernel leaves: /chosen
 * and nothing else, so that the kernel looks for ACPI's tables. Returns its length in bytes (totalsize), or -errno with `err`
 * written (-ENOSPC: size too small). */
int fdt_build(const struct board *board, const struct fdt_params *params, void *buf, size_t size,
	      struct err *err) __attribute__((warn_unused_result));

#endif
