/*
 * UTC from seconds since 1970, without the C library's time zones: also for code that runs in the guest. Pure.
 */
#ifndef LIB_CALENDAR_H
#define LIB_CALENDAR_H

#include <stdbool.h>
#include <stdint.h>

#define CALENDAR_EPOCH_YEAR      1970
#define CALENDAR_SECONDS_PER_DAY 86400

struct calendar {
	uint16_t year;
	uint8_t month, day; /* from 1 */
	uint8_t hour, minute, second;
};

static inline bool calendar_is_leap(unsigned year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static inline unsigned calendar_year_days(unsigned year)
{
	return calendar_is_leap(year) ? 366 : 365;
}

/* Of month 1 to 12. */
static inline unsigned calendar_month_days(unsigned year, unsigned month)
{
	static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return days[month - 1] + (month == 2 && calendar_is_leap(year));
}

/* `seconds` since 1970; up to the year 2106. */
static inline struct calendar calendar_from_seconds(uint32_t seconds)
{
	unsigned days = seconds / CALENDAR_SECONDS_PER_DAY;
	unsigned rest = seconds % CALENDAR_SECONDS_PER_DAY;
	unsigned year = CALENDAR_EPOCH_YEAR, month = 1;

	while (days >= calendar_year_days(year))
		days -= calendar_year_days(year++);
	while (days >= calendar_month_days(year, month))
		days -= calendar_month_days(year, month++);
	return (struct calendar){
		.year = (uint16_t)year,
		.month = (uint8_t)month,
		.day = (uint8_t)(days + 1),
		.hour = (uint8_t)(rest / 3600),
		.minute = (uint8_t)(rest / 60 % 60),
		.second = (uint8_t)(rest % 60),
	};
}

#endif
