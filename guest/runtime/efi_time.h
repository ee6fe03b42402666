/*
 * UEFI's calendar time and back, for a clock that counts seconds since 1970 in 32 bits. Pure; the unit
 * tests run it on the host.
 *
 * Source: UEFI 2.10 8.3 (GetTime, EFI_TIME). The clock counts UTC.
 */
#ifndef GUEST_RUNTIME_EFI_TIME_H
#define GUEST_RUNTIME_EFI_TIME_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/calendar.h"

#define EFI_TIME_LAST_YEAR 2106 /* in which 32 bits of seconds end */
#define EFI_TIME_NO_ZONE   0x7ff
#define EFI_TIME_ZONE_MAX  1440 /* minutes */

struct efi_time {
	uint16_t year;
	uint8_t month, day; /* from 1 */
	uint8_t hour, minute, second, pad1;
	uint32_t nanosecond;
	int16_t zone; /* minutes: UTC = this time + zone */
	uint8_t daylight, pad2;
};

/* `seconds` since 1970, as UTC. */
static inline void efi_time_from_seconds(uint32_t seconds, struct efi_time *t)
{
	struct calendar c = calendar_from_seconds(seconds);

	t->year = c.year;
	t->month = c.month;
	t->day = c.day;
	t->hour = c.hour;
	t->minute = c.minute;
	t->second = c.second;
	t->pad1 = 0;
	t->nanosecond = 0;
	t->zone = 0;
	t->daylight = 0;
	t->pad2 = 0;
}

/* A time of the calendar, in years that the clock can count. */
static inline bool efi_time_is_valid(const struct efi_time *t)
{
	if (t->year < CALENDAR_EPOCH_YEAR || t->year > EFI_TIME_LAST_YEAR)
		return false;
	if (t->month < 1 || t->month > 12 || t->day < 1)
		return false;
	if (t->day > calendar_month_days(t->year, t->month))
		return false;
	if (t->hour > 23 || t->minute > 59 || t->second > 59 || t->nanosecond > 999999999)
		return false;
	return t->zone == EFI_TIME_NO_ZONE ||
	       (t->zone >= -EFI_TIME_ZONE_MAX && t->zone <= EFI_TIME_ZONE_MAX);
}

/* Seconds since 1970. False: no time of the calendar, or none the clock can have. */
static inline bool efi_time_to_seconds(const struct efi_time *t, uint32_t *seconds)
{
	int64_t s;

	if (!efi_time_is_valid(t))
		return false;
	s = t->day - 1;
	for (unsigned year = CALENDAR_EPOCH_YEAR; year < t->year; year++)
		s += calendar_year_days(year);
	for (unsigned month = 1; month < t->month; month++)
		s += calendar_month_days(t->year, month);
	s = s * CALENDAR_SECONDS_PER_DAY + t->hour * 3600 + t->minute * 60 + t->second;
	if (t->zone != EFI_TIME_NO_ZONE)
		s += t->zone * 60;
	if (s < 0 || s > UINT32_MAX)
		return false;
	*seconds = (uint32_t)s;
	return true;
}

#endif
