/*
 * The generic timer (Arm DDI0487, D11). The virtual timer is the tests' wake-up source, the physical
 * timer of the boot CPU the watchdog; its deadline is the only state kept here.
 */
#include "guest/lib/timer.h"

#include "guest/lib/cpu.h"
#include "guest/lib/exc.h"
#include "guest/lib/io.h"

#define CTL_ENABLE UINT64_C(1)
#define CTL_MASK   UINT64_C(2)

static uint64_t watchdog_deadline; /* physical counter ticks; 0: stopped */

uint64_t timer_now(void)
{
	barrier_isb();
	return sysreg_read(cntvct_el0);
}

uint64_t timer_ticks(uint64_t us)
{
	return us * (sysreg_read(cntfrq_el0) / 1000) / 1000;
}

uint64_t timer_us_since(uint64_t start)
{
	return (timer_now() - start) * 1000 / (sysreg_read(cntfrq_el0) / 1000);
}

void timer_spin_us(uint64_t us)
{
	uint64_t end = timer_now() + timer_ticks(us);

	while (timer_now() < end)
		cpu_relax();
}

void timer_wake_in_us(uint64_t us)
{
	sysreg_write(cntv_cval_el0, timer_now() + timer_ticks(us));
	sysreg_write(cntv_ctl_el0, CTL_ENABLE);
	barrier_isb();
}

void timer_wake_cancel(void)
{
	sysreg_write(cntv_ctl_el0, 0);
	barrier_isb();
}

void timer_irq(uint32_t intid)
{
	/* Enabled but masked first: an emulator whose CPU reset leaves the timer's line up lowers it
	 * only when the enable bit changes. */
	if (intid == machine.timer_virt_intid) {
		sysreg_write(cntv_ctl_el0, CTL_ENABLE | CTL_MASK);
		sysreg_write(cntv_ctl_el0, 0);
	}
	if (intid == machine.timer_phys_intid) {
		sysreg_write(cntp_ctl_el0, CTL_ENABLE | CTL_MASK);
		sysreg_write(cntp_ctl_el0, 0);
	}
	barrier_isb();
}

void watchdog_start(uint64_t seconds)
{
	barrier_isb();
	watchdog_deadline = sysreg_read(cntpct_el0) + seconds * sysreg_read(cntfrq_el0);
	watchdog_rearm();
}

void watchdog_rearm(void)
{
	if (!watchdog_deadline)
		return;
	sysreg_write(cntp_cval_el0, watchdog_deadline);
	sysreg_write(cntp_ctl_el0, CTL_ENABLE);
	barrier_isb();
}

void watchdog_stop(void)
{
	watchdog_deadline = 0;
	sysreg_write(cntp_ctl_el0, 0);
	barrier_isb();
}

void watchdog_irq(uint32_t intid)
{
	if (intid == machine.timer_phys_intid && watchdog_deadline)
		run_abort("timed out");
}
