/*
 * The DSDT: the machine's devices as an ACPI guest finds them. CPUs, UARTs, the generic event device
 * (GED) that turns two interrupts into notifications of the error device and the power button, and a GPIO
 * controller for what wakes the guest: interrupts of a GED are masked while Linux sleeps.
 *
 * Source: ACPI 6.5: 5.6.5 (GPIO-signaled events), 5.6.9 (interrupt-signaled events), 6.2.12 (_OSC), 6.2.14 (_PRT), 6.2.18 (_CCA), 8.4
 * (processors), 18.3.2.7.2 and 18.4 (error device PNP0C33), 4.8.3.1 (power button PNP0C0C); PCI Firmware 3.3, 4.5
 * (_OSC of a host bridge), 4.1.2 (reservation of ECAM).
 *
 * Left out: the RTC, which such a guest reaches by UEFI's runtime services (arm64/efi.h); the test timer,
 * for which there is no ACPI driver; idle states (_LPI).
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
#define OSC_STATUS        0u /* where the fields of the buffer are */
#define OSC_SUPPORT       4u
#define OSC_CONTROL       8u
#define OSC_PCI_GUID      "33db4d5b-1ff7-401c-9657-7441c03dd766"
/* Hot plug, SHPC, PME, AER, the PCI Express capability: this firmware uses none of them. */
#define OSC_PCI_ALL UINT64_C(0x1f)

#define PCI_BUSES    256
#define PCI_SLOTS    32
#define PCI_PINS     4
#define PCI_ANY_FUNC 0xffffu

#define ERROR_DEVICE  "\\_SB.ERRD"
#define POWER_BUTTON  "\\_SB.PWRB"
#define GPIO          "\\_SB.GPI0"
#define NOTIFY_ERROR  0x80
#define NOTIFY_BUTTON 0x80 /* pressed (ACPI 6.5 table 5.174) */

/* What an operating system is granted of all it can ask for in a field of the buffer. */
static void osc(struct aml *a, const char *guid, unsigned field, uint64_t granted)
{
	aml_method(a, "_OSC", 4, true);
	aml_dword_of_arg(a, 3, OSC_STATUS, "STAT");
	aml_if_arg_is_guid(a, 0, guid);
	aml_dword_of_arg(a, 3, field, "CAPS");
	aml_if_any_bit(a, "CAPS", ~granted & UINT32_MAX);
	aml_or(a, "STAT", OSC_MASKED);
	aml_close(a);
	aml_and(a, "CAPS", granted);
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

/* The pin's method has nothing to do: that there is an interrupt is what wakes, the button is told of by the
 * GED, and the clock's alarm ends when a new one is set. */
static void gpio(struct aml *a, const struct board_block *block)
{
	_Static_assert(BOARD_GPIO_WAKE_PIN == 0, "the name of the pin's method");
	aml_device(a, GPIO);
	aml_name_string(a, "_HID", "ARMH0061");
	aml_name_integer(a, "_UID", 0);
	aml_crs_begin(a);
	aml_memory32_fixed(a, (uint32_t)block->base, (uint32_t)block->size, true);
	aml_interrupt(a, block->intid, false);
	aml_crs_end(a);
	aml_aei_begin(a);
	aml_gpio_wake(a, GPIO, BOARD_GPIO_WAKE_PIN);
	aml_crs_end(a);
	aml_method(a, "_E00", 0, true);
	aml_close(a);
	aml_close(a);
}

/* The rest of a device that has nothing but its registers, and of which there is one. */
static void only_registers(struct aml *a, const struct board_block *block)
{
	aml_name_integer(a, "_UID", 0);
	aml_crs_begin(a);
	aml_memory32_fixed(a, (uint32_t)block->base, (uint32_t)block->size, true);
	aml_crs_end(a);
	aml_close(a);
}

static void pvpanic(struct aml *a, const struct board_block *block)
{
	aml_device(a, "PEVT");
	aml_name_string(a, "_HID", "QEMU0001");
	only_registers(a, block);
}

/* The block holds all of them, one behind the other. They see the CPUs' caches (_CCA). */
static void virtio_mmio(struct aml *a, const struct board_block *block, unsigned n)
{
	char name[8];

	snprintf(name, sizeof(name), "VI%02X", n & 0xff);
	aml_device(a, name);
	aml_name_string(a, "_HID", "LNRO0005");
	aml_name_integer(a, "_UID", n);
	aml_name_integer(a, "_CCA", 1);
	aml_crs_begin(a);
	aml_memory32_fixed(a, (uint32_t)(block->base + n * BOARD_VIRTIO_STRIDE),
			   (uint32_t)BOARD_VIRTIO_STRIDE, true);
	aml_interrupt(a, block->intid + n, true);
	aml_crs_end(a);
	aml_close(a);
}

/* Which interrupt a slot's pin has; without link devices: a GSI, level-triggered. */
static void pci_routing(struct aml *a, uint32_t first_intid)
{
	aml_name_package(a, "_PRT", PCI_SLOTS * PCI_PINS);
	for (unsigned i = 0; i < PCI_SLOTS * PCI_PINS; i++) {
		unsigned slot = i / PCI_PINS, pin = i % PCI_PINS;

		aml_package(a, 4);
		aml_integer(a, slot << 16 | PCI_ANY_FUNC);
		aml_integer(a, pin);
		aml_integer(a, 0);
		aml_integer(a, first_intid + (slot + pin) % BOARD_PCI_NINTX);
		aml_close(a);
	}
	aml_close(a);
}

static void pci_resources(struct aml *a, const struct board *board)
{
	const struct board_block *window = &board->block[BOARD_PCI_MMIO];
	const struct board_block *wide = &board->block[BOARD_PCI_MMIO64];

	aml_crs_begin(a);
	aml_pci_buses(a, 0, PCI_BUSES);
	aml_pci_memory32(a, (uint32_t)window->base, (uint32_t)window->size);
	if (wide->size)
		aml_pci_memory64(a, wide->base, wide->size);
	aml_crs_end(a);
}

static void pci_host(struct aml *a, const struct board *board)
{
	aml_device(a, "PCI0");
	aml_name_eisa(a, "_HID", "PNP0A08");
	aml_name_eisa(a, "_CID", "PNP0A03");
	aml_name_integer(a, "_SEG", 0);
	aml_name_integer(a, "_BBN", 0);
	aml_name_integer(a, "_UID", 0);
	aml_name_integer(a, "_CCA", 1);
	pci_resources(a, board);
	pci_routing(a, board->block[BOARD_PCI_ECAM].intid);
	osc(a, OSC_PCI_GUID, OSC_CONTROL, OSC_PCI_ALL);
	aml_close(a);
}

/* What MCFG names is to be reserved by a device that is not the host bridge. */
static void pci_ecam(struct aml *a, const struct board_block *ecam)
{
	aml_device(a, "ECAM");
	aml_name_eisa(a, "_HID", "PNP0C02");
	only_registers(a, ecam);
}

/* Everything below \_SB. */
static void devices(struct aml *a, const struct board *board)
{
	osc(a, OSC_PLATFORM_GUID, OSC_SUPPORT, OSC_APEI);
	cpus(a, board);
	uarts(a, board);
	notified(a, ERROR_DEVICE, "PNP0C33");
	notified(a, POWER_BUTTON, "PNP0C0C");
	event_device(a);
	gpio(a, &board->block[BOARD_GPIO]);
	if (board->block[BOARD_PVPANIC].size)
		pvpanic(a, &board->block[BOARD_PVPANIC]);
	for (unsigned n = 0; n < board->config.nvirtio_mmio; n++)
		virtio_mmio(a, &board->block[BOARD_VIRTIO_MMIO], n);
	if (!board->config.pci)
		return;
	pci_ecam(a, &board->block[BOARD_PCI_ECAM]);
	pci_host(a, board);
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
