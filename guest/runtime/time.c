/*
 * GetTime, SetTime, GetWakeupTime and SetWakeupTime over a PL031, called by the guest's kernel in its own context: MMU on, addresses as
 * the memory map of rasvm gives them (virtual is physical), interrupts as they were. No data of its own.
 *
 * Source: UEFI 2.10 8.3; Arm DDI 0224 section 3 (registers). SIMD registers stay untouched.
 *
 * An alarm is the clock's match with its interrupt enabled; that it wakes a guest is the machine's affair
 * (arm64/dsdt.c). Who wants it to end sets another or none.
 */
#include <stddef.h>
#include <stdint.h>

#include "guest/lib/io.h"
#include "guest/runtime/efi_time.h"

#define RTC_DR   0x00 /* the time */
#define RTC_MR   0x04 /* when the alarm is due */
#define RTC_LR   0x08 /* written: the time from now on */
#define RTC_IMSC 0x10 /* 1: the alarm interrupts */
#define RTC_RIS  0x14 /* 1: it was due */
#define RTC_ICR  0x1c /* 1: written, it was not */

#define EFI_SUCCESS           UINT64_C(0)
#define EFI_INVALID_PARAMETER (UINT64_C(1) << 63 | 2)

struct efi_time_capabilities {
	uint32_t resolution_hz;
	uint32_t accuracy; /* parts in 10^12 */
	uint8_t sets_to_zero;
};

/* In entry.S. Hidden: or it would be looked up in a table that somebody had to relocate. */
extern const uint64_t runtime_rtc __attribute__((visibility("hidden")));

uint64_t runtime_get_time(struct efi_time *time, struct efi_time_capabilities *capabilities);
uint64_t runtime_set_time(const struct efi_time *time);
uint64_t runtime_get_wakeup(uint8_t *enabled, uint8_t *pending, struct efi_time *time);
uint64_t runtime_set_wakeup(uint8_t enable, const struct efi_time *time);

uint64_t runtime_get_time(struct efi_time *time, struct efi_time_capabilities *capabilities)
{
	if (!time)
		return EFI_INVALID_PARAMETER;
	efi_time_from_seconds(mmio_read32(runtime_rtc + RTC_DR), time);
	if (capabilities) {
		capabilities->resolution_hz = 1;
		capabilities->accuracy = 50000000; /* the host's clock: 50 ppm */
		capabilities->sets_to_zero = 1;
	}
	return EFI_SUCCESS;
}

uint64_t runtime_set_time(const struct efi_time *time)
{
	uint32_t seconds;

	if (!time || !efi_time_to_seconds(time, &seconds))
		return EFI_INVALID_PARAMETER;
	mmio_write32(runtime_rtc + RTC_LR, seconds);
	return EFI_SUCCESS;
}

uint64_t runtime_get_wakeup(uint8_t *enabled, uint8_t *pending, struct efi_time *time)
{
	if (!enabled || !pending || !time)
		return EFI_INVALID_PARAMETER;
	*enabled = mmio_read32(runtime_rtc + RTC_IMSC) & 1;
	*pending = mmio_read32(runtime_rtc + RTC_RIS) & 1;
	efi_time_from_seconds(mmio_read32(runtime_rtc + RTC_MR), time);
	return EFI_SUCCESS;
}

/* The clock matches the very second only. One that has passed, also while this is done, is put off until it
 * has not. */
static void set_match(uint32_t seconds)
{
	for (;;) {
		uint32_t now = mmio_read32(runtime_rtc + RTC_DR);
		uint32_t due = seconds > now ? seconds : now + 1;

		mmio_write32(runtime_rtc + RTC_MR, due);
		if (mmio_read32(runtime_rtc + RTC_DR) <= due ||
		    mmio_read32(runtime_rtc + RTC_RIS) & 1)
			return;
	}
}

uint64_t runtime_set_wakeup(uint8_t enable, const struct efi_time *time)
{
	uint32_t seconds = 0;

	if (enable && (!time || !efi_time_to_seconds(time, &seconds)))
		return EFI_INVALID_PARAMETER;
	mmio_write32(runtime_rtc + RTC_IMSC, 0);
	mmio_write32(runtime_rtc + RTC_ICR, 1);
	if (!enable)
		return EFI_SUCCESS;
	set_match(seconds);
	mmio_write32(runtime_rtc + RTC_IMSC, 1);
	return EFI_SUCCESS;
}
