/* The generic timer (Arm DDI0487, D11): time, a wake-up timer (virtual) and a watchdog (physical). */
#ifndef GUEST_LIB_TIMER_H
#define GUEST_LIB_TIMER_H

#include <stdbool.h>
#include <stdint.h>

#define SECOND_US UINT64_C(1000000)
#define STALL_US  (10 * SECOND_US) /* what is lost never comes, what a busy host holds up does */

uint64_t timer_now(void); /* ticks */
uint64_t timer_ticks(uint64_t us);
uint64_t timer_us_since(uint64_t start_ticks);
void timer_spin_us(uint64_t us);

/* One interrupt on this CPU `us` from now. */
void timer_wake_in_us(uint64_t us);
void timer_wake_cancel(void);

/* Called for every interrupt: silences the timers. */
void timer_irq(uint32_t intid);

/* Boot CPU: run_abort() if not stopped within `seconds`. Works while interrupts are unmasked. */
void watchdog_start(uint64_t seconds);
void watchdog_stop(void);
void watchdog_irq(uint32_t intid);
void watchdog_rearm(void); /* the CPU was reset */

#endif
