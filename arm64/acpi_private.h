/* Between acpi.c and dsdt.c. */
#ifndef ARM64_ACPI_PRIVATE_H
#define ARM64_ACPI_PRIVATE_H

#include "arm64/board.h"
#include "lib/bytes.h"

/* The processor's UID that MADT, PPTT and DSDT share: the vCPU's index. */
static inline uint32_t acpi_cpu_uid(unsigned cpu)
{
	return cpu;
}

/* Append the DSDT; whether it fitted is in out->full. */
void dsdt_write(struct bytes *out, const struct board *board);

#endif
