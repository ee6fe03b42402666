/*
 * The ACPI tables of the machine, written from the board table: RSDP, XSDT, FADT, MADT, GTDT, SPCR, DSDT,
 * PPTT, MCFG and IORT (PCI), and those about errors (ras/hest.h). Pure.
 *
 * Source: ACPI 6.5; Arm DEN0094 (BBR); SPCR: Microsoft's Serial Port Console Redirection Table 1.0x.
 */
#ifndef ARM64_ACPI_H
#define ARM64_ACPI_H

#include "arm64/board.h"
#include "lib/bytes.h"
#include "lib/err.h"

#define ACPI_MAX_BYTES KIB(256) /* for BOARD_MAX_CPUS CPUs */

struct acpi_params {
	gpa_t at;     /* where the tables will lie: RSDP first; 64 KiB aligned */
	gpa_t region; /* of ras/layout.h */
};

/* Write all tables into buf[0..size), for address p->at. Their length in bytes, or -errno with `err`
 * (-ENOSPC). The RSDP is at offset 0. */
int acpi_build(const struct board *board, const struct acpi_params *p, void *buf, size_t size,
	       struct err *err) __attribute__((warn_unused_result));

#endif
