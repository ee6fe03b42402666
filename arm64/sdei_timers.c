/* See sdei_timers.h. */
#include "arm64/sdei_timers.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "arm64/vm.h"
#include "lib/clock.h"

/* The rule that is due next, or -1. */
static int next_rule(const struct sdei_timers *t)
{
	int next = -1;

	for (unsigned i = 0; i < t->nrules; i++)
		if (t->due_ns[i] && (next < 0 || t->due_ns[i] < t->due_ns[next]))
			next = (int)i;
	return next;
}

static void arm_triggers(struct sdei_timers *t)
{
	struct itimerspec when = { 0 };
	int next = next_rule(t);

	if (next >= 0)
		when.it_value = clock_timespec(t->due_ns[next]);
	timerfd_settime(t->trigger_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

/* Times that passed while the main thread was busy are left out, not made up for: else whoever cannot
 * keep up would have more to do each time, and signals and --timeout would wait for ever. */
static void use_up(struct sdei_timers *t, unsigned i, uint64_t now_ns)
{
	struct sdei_trigger_rule *rule = &t->rule[i];
	bool again = rule->every_ns && rule->count != 1;

	if (rule->count)
		rule->count--;
	if (again)
		t->due_ns[i] += ((now_ns - t->due_ns[i]) / rule->every_ns + 1) * rule->every_ns;
	else
		t->due_ns[i] = 0;
}

static void on_trigger(void *arg, uint32_t events)
{
	struct vm *vm = arg;
	struct sdei_timers *t = &vm->sdei_timers;
	uint64_t expired, now_ns;
	struct err err;
	int i;

	(void)events;
	if (read(t->trigger_fd, &expired, sizeof(expired)) <= 0)
		return;
	now_ns = clock_now_ns();
	while ((i = next_rule(t)) >= 0 && t->due_ns[i] <= now_ns) {
		if (fw_sdei_trigger(vm, t->rule[i].event, t->rule[i].cpu, "operator", &err) &&
		    log_allow(&t->log, now_ns))
			log_warn("--sdei-trigger: %s", err.text);
		use_up(t, (unsigned)i, now_ns);
	}
	arm_triggers(t);
}

/* A watchdog bites whoever enabled it; for all others nothing is to be kept. */
static void bite(struct fw_locked fw, struct vm *vm, uint32_t event)
{
	if (event == SDEI_NO_EVENT)
		return;
	for (unsigned pe = 0; pe < vm->nvcpus; pe++)
		if (sdei_status(fw, &vm->sdei, event, pe) & SDEI_ENABLED)
			sdei_trigger(fw, &vm->sdei, event, pe, "watchdog");
}

static void on_watchdog(void *arg, uint32_t events)
{
	struct vm *vm = arg;
	struct fw_locked fw;
	uint64_t expired;

	(void)events;
	if (read(vm->sdei_timers.watchdog_fd, &expired, sizeof(expired)) <= 0)
		return;
	fw = fw_lock(&vm->fw);
	bite(fw, vm, SDEI_EVENT_WATCHDOG);
	bite(fw, vm, sdei_bound_event(fw, &vm->sdei, INTID_TIMER_SECURE));
	fw_unlock(fw);
}

static int open_timer(struct vm *vm, int *fd, void (*fn)(void *, uint32_t))
{
	*fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	return *fd < 0 ? -errno : loop_add(&vm->loop, *fd, EPOLLIN, fn, vm);
}

int sdei_timers_open(struct vm *vm, struct err *err)
{
	struct sdei_timers *t = &vm->sdei_timers;
	int r = 0;

	if (vm->config->nsdei_triggers)
		r = open_timer(vm, &t->trigger_fd, on_trigger);
	if (r == 0 && vm->config->sdei_watchdog_ns)
		r = open_timer(vm, &t->watchdog_fd, on_watchdog);
	return r ? err_set(err, r, "cannot set up timers: %s", strerror(-r)) : 0;
}

void sdei_timers_close(struct vm *vm)
{
	struct sdei_timers *t = &vm->sdei_timers;

	if (t->trigger_fd >= 0)
		close(t->trigger_fd);
	if (t->watchdog_fd >= 0)
		close(t->watchdog_fd);
	t->trigger_fd = t->watchdog_fd = -1;
}

void sdei_timers_start(struct vm *vm)
{
	struct sdei_timers *t = &vm->sdei_timers;

	t->nrules = vm->config->nsdei_triggers;
	t->log = (struct log_limit){ .interval_ns = NS_PER_SEC, .burst = 20 };
	for (unsigned i = 0; i < t->nrules; i++) {
		t->rule[i] = vm->config->sdei_trigger[i];
		t->due_ns[i] = vm->started_ns + t->rule[i].at_ns;
	}
	if (t->nrules)
		arm_triggers(t);
}

void sdei_timers_watchdog(struct vm *vm, uint64_t period_ns)
{
	struct itimerspec when = {
		.it_value = clock_timespec(period_ns),
		.it_interval = clock_timespec(period_ns),
	};

	timerfd_settime(vm->sdei_timers.watchdog_fd, 0, &when, NULL);
}
