/*
 * PL031 real time clock: seconds since 1970, one alarm with an interrupt that wakes a suspended
 * guest.
 *
 * Source: Arm DDI 0224 (PrimeCell RTC PL031 TRM), section 3.
 */
#ifndef ARM64_DEV_RTC_H
#define ARM64_DEV_RTC_H

#include "arm64/dev/device.h"

#define RTC_BLOCK_BYTES 0x1000

struct rtc_ops {
	uint64_t (*now_ns)(void *world); /* host CLOCK_REALTIME */
	/* Call rtc_tick() when now_ns() reaches deadline_ns; UINT64_MAX: no call wanted. Replaces
	 * the deadline given before. Leaf lock held. */
	void (*set_alarm)(void *world, uint64_t deadline_ns);
};

struct rtc_state {
	int64_t offset_s; /* guest time minus host time, seconds */
	int64_t alarm_s;  /* guest time, not cut to 32 bits, of the next match */
	uint32_t match, load, imsc, ris;
};

struct rtc {
	struct device dev; /* first */
	struct rtc_state state;
	struct irq_line irq;
	const struct rtc_ops *ops;
	void *world;
	bool level; /* of irq, as last driven */
};

/* The guest's clock starts at the host's time. Drives neither interrupt nor alarm. */
void rtc_init(struct rtc *rtc, gpa_t base, struct irq_line irq, const struct rtc_ops *ops,
	      void *world);

/* The alarm time may have come: look and raise the interrupt. Caller holds rtc->dev.lock. */
void rtc_tick(struct rtc *rtc);

#endif
