/*
 * PL031 real time clock: a 32-bit counter of seconds and a comparator.
 *
 * Source: Arm DDI 0224, section 3 (programmer's model).
 *
 * The counter is not stored: it is the host's time plus an offset. The time of the next match is
 * kept in guest seconds that do not wrap, so that an alarm that fell due while nobody looked (the
 * host slept, the machine was saved and loaded) is seen late and not missed.
 * Left out: the start bit; the clock always runs, as if firmware had started it.
 */
#include "arm64/dev/rtc.h"

#define RTC_DR   0x00
#define RTC_MR   0x04
#define RTC_LR   0x08
#define RTC_CR   0x0c
#define RTC_IMSC 0x10
#define RTC_RIS  0x14
#define RTC_MIS  0x18
#define RTC_ICR  0x1c
#define RTC_ID   0xfe0 /* PeriphID0..3, PCellID0..3 */

#define NS_PER_S    UINT64_C(1000000000)
#define WRAP_S      (INT64_C(1) << 32) /* seconds in which the counter goes round */
#define NO_DEADLINE UINT64_MAX

static struct rtc *to_rtc(struct device *dev)
{
	return (struct rtc *)dev;
}

static uint64_t host_s(const struct rtc *rtc)
{
	return rtc->ops->now_ns(rtc->world) / NS_PER_S;
}

/* Unsigned addition: a loaded offset may be any number. */
static int64_t guest_at(const struct rtc *rtc, uint64_t host)
{
	return (int64_t)(host + (uint64_t)rtc->state.offset_s);
}

static int64_t guest_s(const struct rtc *rtc)
{
	return guest_at(rtc, host_s(rtc));
}

/* Seconds until the next match, 0: now. Cut to the counter's range for a loaded alarm. */
static uint64_t seconds_to_alarm(const struct rtc *rtc, int64_t now)
{
	uint64_t wait = (uint64_t)rtc->state.alarm_s - (uint64_t)now;

	if (rtc->state.alarm_s <= now)
		return 0;
	return wait < (uint64_t)WRAP_S ? wait : (uint64_t)WRAP_S;
}

static void update_irq(struct rtc *rtc)
{
	bool level = rtc->state.ris & rtc->state.imsc;

	if (level == rtc->level)
		return;
	rtc->level = level;
	irq_set(&rtc->irq, level);
}

/* The next match after this second; this second itself if it matches. */
static void plan_alarm(struct rtc *rtc)
{
	int64_t now = guest_s(rtc);
	uint32_t wait = rtc->state.match - (uint32_t)now;

	rtc->state.alarm_s = (int64_t)((uint64_t)now + wait);
}

/* See whether the match has come, and bring interrupt and host timer up to date. */
static void update(struct rtc *rtc)
{
	struct rtc_state *s = &rtc->state;
	uint64_t host = host_s(rtc), deadline = NO_DEADLINE;
	int64_t now = guest_at(rtc, host);

	if (!seconds_to_alarm(rtc, now)) {
		s->ris = 1;
		/* One raised interrupt stands for all matches passed. Now itself has matched. */
		s->alarm_s =
			(int64_t)((uint64_t)now + 1 + (uint32_t)(s->match - (uint32_t)now - 1));
	}
	if (s->imsc && !s->ris)
		deadline = (host + seconds_to_alarm(rtc, now)) * NS_PER_S;
	rtc->ops->set_alarm(rtc->world, deadline);
	update_irq(rtc);
}

/* PrimeCell identification: part 0x031, designer 0x41 (Arm), revision 0; one byte a register. */
static uint32_t id_byte(uint64_t reg)
{
	static const uint8_t id[] = { 0x31, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1 };

	return id[(reg - RTC_ID) / 4];
}

static uint32_t read_register(struct rtc *rtc, uint64_t reg)
{
	const struct rtc_state *s = &rtc->state;

	if (reg >= RTC_ID)
		return id_byte(reg);
	switch (reg) {
	case RTC_DR:
		return (uint32_t)guest_s(rtc);
	case RTC_MR:
		return s->match;
	case RTC_LR:
		return s->load;
	case RTC_CR:
		return 1;
	case RTC_IMSC:
		return s->imsc;
	case RTC_RIS:
		update(rtc);
		return s->ris;
	case RTC_MIS:
		update(rtc);
		return s->ris & s->imsc;
	}
	return 0;
}

static uint64_t rtc_read(struct device *dev, uint64_t offset, unsigned len)
{
	uint32_t value = read_register(to_rtc(dev), offset & ~UINT64_C(3));

	(void)len; /* the bus cuts the value to the access */
	return value >> 8 * (offset & 3);
}

/* The guest sets its clock: host time stays, the difference is what changes. */
static void set_counter(struct rtc *rtc, uint32_t seconds)
{
	rtc->state.load = seconds;
	rtc->state.offset_s = (int64_t)((uint64_t)seconds - host_s(rtc));
	plan_alarm(rtc);
}

static void rtc_write(struct device *dev, uint64_t offset, unsigned len, uint64_t value)
{
	struct rtc *rtc = to_rtc(dev);

	if (len != 4)
		return; /* registers are written whole */
	switch (offset) {
	case RTC_MR:
		rtc->state.match = (uint32_t)value;
		plan_alarm(rtc);
		break;
	case RTC_LR:
		set_counter(rtc, (uint32_t)value);
		break;
	case RTC_IMSC:
		rtc->state.imsc = value & 1;
		break;
	case RTC_ICR:
		rtc->state.ris &= ~(uint32_t)(value & 1);
		break;
	default:
		return;
	}
	update(rtc);
}

/* A reset of the machine does not stop a battery-backed clock: the time the guest set is kept. The
 * alarm and its mask go, so that the next operating system is not interrupted by the last one's. */
static void rtc_reset(struct device *dev)
{
	struct rtc *rtc = to_rtc(dev);

	rtc->state = (struct rtc_state){ .offset_s = rtc->state.offset_s };
	plan_alarm(rtc);
	rtc->level = false;
	irq_set(&rtc->irq, false);
	rtc->ops->set_alarm(rtc->world, NO_DEADLINE);
}

static void rtc_quiesce(struct device *dev)
{
	struct rtc *rtc = to_rtc(dev);

	rtc->ops->set_alarm(rtc->world, NO_DEADLINE);
}

/* The state may have been loaded: cut one-bit registers to size, drive everything again. */
static void rtc_resume(struct device *dev)
{
	struct rtc *rtc = to_rtc(dev);

	rtc->state.imsc &= 1;
	rtc->state.ris &= 1;
	rtc->level = false;
	irq_set(&rtc->irq, false);
	update(rtc);
}

void rtc_tick(struct rtc *rtc)
{
	update(rtc);
}

static const struct state_field rtc_fields[] = {
	STATE_FIELD(1, struct rtc_state, offset_s),
	STATE_FIELD(2, struct rtc_state, alarm_s),
	STATE_FIELD(3, struct rtc_state, match),
	STATE_FIELD(4, struct rtc_state, load),
	STATE_FIELD(5, struct rtc_state, imsc),
	STATE_FIELD(6, struct rtc_state, ris),
	STATE_LAST,
};

static const struct state_desc rtc_desc = {
	.name = "rtc",
	.size = sizeof(struct rtc_state),
	.offset = offsetof(struct rtc, state),
	.fields = rtc_fields,
};

static const struct device_ops rtc_device_ops = {
	.name = "rtc",
	.read = rtc_read,
	.write = rtc_write,
	.reset = rtc_reset,
	.quiesce = rtc_quiesce,
	.resume = rtc_resume,
	.state = &rtc_desc,
};

void rtc_init(struct rtc *rtc, gpa_t base, struct irq_line irq, const struct rtc_ops *ops,
	      void *world)
{
	*rtc = (struct rtc){ .irq = irq, .ops = ops, .world = world };
	device_init(&rtc->dev, &rtc_device_ops, base, RTC_BLOCK_BYTES);
	plan_alarm(rtc);
}
