/*
 * The DSDT: the machine's devices as an ACPI guest finds them. CPUs, UARTs, the generic event device
 * (GED) that turns two interrupts into notifications of the error device and the power button.
 *
 * Source: ACPI 6.5: 5.6.9 (interrupt-signaled events), 6.2.12 (_OSC), 8.4 (processors), 18.3.2.7.2 and
 * 18.4 (error device PNP0C33), 4.8.3.1 (power button PNP0C0C).
 *
 * Left out: the RTC, which such a guest reaches by UEFI's runtime services (arm64/efi.h); the test timer,
 * for which there is no ACPI driver; idle states (_LPI); virtio-mmio and PCI, which have their place in
 * devices().
 */
#include <assert.h>
#include <stdio.h>

#include "arm64/acpi_private.h"
#include "arm64/aml.h"

#define DSDT_REVISION 2 /* integers of 64 bits */

#define OSC_PLATFORM_GUID "0811b06e-4a27-44f9-8d60-3cbbc22e7b48"
#define OSC_APEI          UINT64_C(0x10) /* 6.2.12.2, bit 4: platform-wide errors by APEI */
#define OSC_BAD_GUID      UINT64_C(0x04) /* 6.2.12, status */
#define OSC_MASKED        UINT64_C(0x10)
#define OSC_STATUS        0u /* where the first two fields of the buffer are */
#define OSC_SUPPORT       4u

#define ERROR_DEVICE  "\\_SB.ERRD"
#define POWER_BUTTON  "\\_SB.PWRB"
#define NOTIFY_ERROR  0x80
#define NOTIFY_BUTTON 0x80 /* pressed (ACPI 6.5 table 5.174) */

/* What the platform grants an operating system: of all it can ask for, error reports by APEI. */
static void osc(struct aml *a)
{
	aml_method(a, "_OSC", 4, true);
	aml_dword_of_arg(a, 3, OSC_STATUS, "STAT");
	aml_if_arg_is_guid(a, 0, OSC_PLATFORM_GUID);
	aml_dword_of_arg(a, 3, OSC_SUPPORT, "CAPS");
	aml_if_any_bit(a, "CAPS", ~OSC_APEI & UINT32_MAX);
	aml_or(a, "STAT", OSC_MASKED);
	aml_close(a);
	aml_and(a, "CAPS", OSC_APEI);
	aml_return_arg(a, 3);
	aml_close(a);
	aml_or(a, "STAT", OSC_BAD_GUID);
	aml_return_arg(a, 3);
	aml_close(a);
}

static void cpus(struct aml *a, const struct board *board)
{
	char name[8];

	for (unsigned i = 0; i < board->config.ncpus; i++) {
		snprintf(name, sizeof(name), "C%03X", i & 0xfff);
		aml_device(a, name);
		aml_name_string(a, "_HID", "ACPI0007");
		aml_name_integer(a, "_UID", acpi_cpu_uid(i));
		aml_close(a);
	}
}

/* A 16550 with byte registers; drivers take its clock to be 1.8432 MHz, as BOARD_UART_CLOCK_HZ is. */
static void uart(struct aml *a, const struct board_block *block, unsigned n)
{
	char name[8];

	snprintf(name, sizeof(name), "COM%u", n & 0xf);
	aml_device(a, name);
	aml_name_eisa(a, "_HID", "PNP0501");
	aml_name_integer(a, "_UID", n);
	aml_crs_begin(a);
	aml_memory32_fixed(a, (uint32_t)block->base, (uint32_t)block->size, true);
	aml_interrupt(a, block->intid, false);
	aml_crs_end(a);
	aml_close(a);
}

static void uarts(struct aml *a, const struct board *board)
{
	for (unsigned i = 0; i <= BOARD_UART3 - BOARD_UART0; i++)
		uart(a, &board->block[BOARD_UART0 + i], i);
}

/* Devices without registers: they only are notified. */
static void notified(struct aml *a, const char *path, const char *id)
{
	aml_device(a, path);
	aml_name_eisa(a, "_HID", id);
	aml_name_integer(a, "_UID", 0);
	aml_close(a);
}

static void on_event(struct aml *a, uint32_t gsi, const char *device, uint64_t what)
{
	aml_if_arg_equals(a, 0, gsi);
	aml_notify(a, device, what);
	aml_close(a);
}

static void event_device(struct aml *a)
{
	aml_device(a, "GED");
	aml_name_string(a, "_HID", "ACPI0013");
	aml_name_integer(a, "_UID", 0);
	aml_crs_begin(a);
	aml_interrupt(a, INTID_GED_ERROR, true);
	aml_interrupt(a, INTID_POWER_BUTTON, true);
	aml_crs_end(a);
	aml_method(a, "_EVT", 1, true);
	on_event(a, INTID_GED_ERROR, ERROR_DEVICE, NOTIFY_ERROR);
	on_event(a, INTID_POWER_BUTTON, POWER_BUTTON, NOTIFY_BUTTON);
	aml_close(a);
	aml_close(a);
}

/* Everything below \_SB. virtio-mmio (LNRO0005) and the PCI host bridge (PNP0A08) belong at the end. */
static void devices(struct aml *a, const struct board *board)
{
	osc(a);
	cpus(a, board);
	uarts(a, board);
	notified(a, ERROR_DEVICE, "PNP0C33");
	notified(a, POWER_BUTTON, "PNP0C0C");
	event_device(a);
}

void dsdt_write(struct bytes *out, const struct board *board)
{
	size_t begin = acpi_begin(out, "DSDT", DSDT_REVISION);
	struct aml a = aml_in(out);

	aml_scope(&a, "\\_SB");
	devices(&a, board);
	aml_close(&a);
	assert(!a.broken && !a.depth);
	acpi_end(out, begin);
}
