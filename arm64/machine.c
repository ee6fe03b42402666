/*
 * The life of a machine: what is built once, what is built at each reset, what ends it, what comes
 * back to the shell. machine_build() is the data sheet in code.
 */
#include "arm64/machine.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "arm64/boot.h"
#include "arm64/gic.h"
#include "arm64/image.h"
#include "arm64/stats.h"
#include "arm64/verbs.h"
#include "arm64/vm.h"
#include "hypercall/smccc_filter.h"
#include "lib/clock.h"
#include "lib/cpulist.h"
#include "lib/tty.h"

#define PORT_POLL_MS   5
#define PANIC_GRACE_NS (UINT64_C(200) * NS_PER_MS)
#define PANIC_TOLD_NS  (UINT64_C(5) * NS_PER_SEC)

/* ---- checks before anything exists ---- */

int config_check(const struct run_config *c, struct err *err)
{
	uint64_t bytes;
	cpu_set_t set;
	int r;

	if (!c->kernel && c->dry_run)
		return 0;
	if (!c->kernel)
		return err_set(err, -EINVAL, "--kernel is missing: name the guest's kernel file");
	r = image_file_size("--kernel", c->kernel, &bytes, err);
	if (r == 0 && c->initrd)
		r = image_file_size("--initrd", c->initrd, &bytes, err);
	if (r == 0 && c->vcpu_affinity)
		r = cpulist_parse(c->vcpu_affinity, &set, err);
	return r;
}

/* ---- what ends the guest ---- */

static void on_quit(void *world)
{
	vm_end(world, VM_INTERRUPTED);
}

static void arm_timer(int fd, uint64_t delay_ns)
{
	struct itimerspec when = { .it_value = clock_timespec(delay_ns) };

	timerfd_settime(fd, 0, &when, NULL);
}

static void on_panic(void *world, bool final)
{
	struct vm *vm = world;

	atomic_store(&vm->panic_seen, true);
	/* The kernel has printed its last line; what is still in the UART gets time to come out. */
	if (final && vm->config->on_panic == ON_PANIC_EXIT)
		arm_timer(vm->panic_fd, PANIC_GRACE_NS);
}

static bool timer_is_armed(int fd)
{
	struct itimerspec left = { 0 };

	timerfd_gettime(fd, &left);
	return left.it_value.tv_sec || left.it_value.tv_nsec;
}

/* The guest wrote to the panic register: the kernel is about to print more, and then to stop or to restart. */
static void panic_told(struct vm *vm, unsigned events)
{
	const char *name = events & PVPANIC_PANICKED ? "panic" : "crash_loaded";

	log_info("the guest's kernel says that it has panicked%s",
		 events & PVPANIC_PANICKED ? "" : ", and starts its crash kernel");
	if (trace_on(&vm->trace))
		trace_event(&vm->trace, clock_now_ns() - vm->started_ns, 0, name);
	if (events & PVPANIC_PANICKED && vm->config->on_panic == ON_PANIC_EXIT &&
	    !timer_is_armed(vm->panic_fd))
		arm_timer(vm->panic_fd, PANIC_TOLD_NS);
}

static void on_pause(void *world)
{
	struct vm *vm = world;
	struct err err;

	if (vm->paused ? verb_resume(vm, &err) : verb_pause(vm, &err))
		log_warn("%s", err.text);
	else
		log_warn("the guest %s", vm->paused ? "is paused; Ctrl-a p to go on" : "goes on");
}

static void on_button(void *world)
{
	struct err err;

	if (verb_powerdown(world, &err))
		log_warn("%s", err.text);
}

static void on_list_errors(void *world)
{
	stats_print_errors(world, stderr);
}

static void on_output(void *world, const uint8_t *bytes, unsigned n)
{
	inject_console(world, bytes, n);
	operators_output(world, bytes, n);
}

static void on_input(void *world, const uint8_t *bytes, unsigned n)
{
	operators_input(world, bytes, n);
}

static void on_tap(void *arg, uint32_t events)
{
	struct vm *vm = arg;
	uint64_t count;

	(void)events;
	if (read(vm->trace.tap.event_fd, &count, sizeof(count)) > 0)
		operators_some_events(vm);
}

static const struct console_ops console_ops = {
	.quit = on_quit,
	.pause = on_pause,
	.button = on_button,
	.list_errors = on_list_errors,
	.panic = on_panic,
	.output = on_output,
	.input = on_input,
};

static void on_panic_grace(void *arg, uint32_t events)
{
	struct vm *vm = arg;
	uint64_t expired;

	(void)events;
	if (read(vm->panic_fd, &expired, sizeof(expired)) > 0)
		vm_end(vm, VM_PANIC);
}

static void on_timeout(void *arg, uint32_t events)
{
	struct vm *vm = arg;
	uint64_t expired;

	(void)events;
	if (read(vm->timeout_fd, &expired, sizeof(expired)) <= 0)
		return;
	if (!vm->finishing)
		log_error("--timeout: the guest still ran after %.1f s",
			  (double)vm->config->timeout_ns / (double)NS_PER_SEC);
	vm_end(vm, VM_TIMEOUT);
}

static void on_signal(void *arg, uint32_t events)
{
	struct vm *vm = arg;
	struct signalfd_siginfo si;

	(void)events;
	if (read(vm->signal_fd, &si, sizeof(si)) != sizeof(si))
		return;
	if (si.ssi_signo == SIGCONT) {
		tty_continue();
		return;
	}
	if (si.ssi_signo == SIGPWR) {
		on_button(vm);
		return;
	}
	if (operators_signal(vm, (int)si.ssi_signo))
		return;
	/* Not by the power button: whoever stops rasvm does not wait for what the guest makes of it. */
	log_info("signal %u: stopping the guest", si.ssi_signo);
	vm_end(vm, VM_INTERRUPTED);
}

/* A deadline on the timer's clock, or UINT64_MAX: none. */
static void set_deadline(int fd, uint64_t deadline_ns)
{
	struct itimerspec when = { 0 };

	if (deadline_ns != UINT64_MAX)
		when.it_value = clock_timespec(deadline_ns ? deadline_ns : 1);
	timerfd_settime(fd, TFD_TIMER_ABSTIME, &when, NULL);
}

/* ---- the real time clock's view of the host ---- */

static uint64_t rtc_now_ns(void *world)
{
	(void)world;
	return clock_ns(CLOCK_REALTIME);
}

static void rtc_set_alarm(void *world, uint64_t deadline_ns)
{
	set_deadline(((struct vm *)world)->rtc_timer_fd, deadline_ns);
}

static const struct rtc_ops rtc_ops = { .now_ns = rtc_now_ns, .set_alarm = rtc_set_alarm };

static void on_rtc_alarm(void *arg, uint32_t events)
{
	struct vm *vm = arg;
	uint64_t expired;

	(void)events;
	if (read(vm->rtc_timer_fd, &expired, sizeof(expired)) <= 0)
		return;
	device_lock(&vm->rtc.dev);
	rtc_tick(&vm->rtc);
	device_unlock(&vm->rtc.dev);
}

/* The clock's interrupt has a line of its own; an ACPI guest, which may not use it, is woken by a pin. Leaf
 * lock held, which is that of the GPIO controller, too. */
static void rtc_set_line(void *world, uint32_t intid, bool level)
{
	lines_set(world, intid, level);
	if (level)
		lines_wake(world);
}

/* ---- the panic register ---- */

/* A vCPU's thread: what comes of it is the main thread's affair, but for a guest that restarts at once. */
static void pvpanic_told(void *world, unsigned events)
{
	struct vm *vm = world;
	uint64_t one = 1;

	atomic_store(&vm->panic_seen, true);
	atomic_fetch_or(&vm->panic_told, events);
	if (write(vm->event_fd, &one, sizeof(one)) < 0)
		log_error("cannot wake the main thread: %s", strerror(errno));
}

/* ---- the test timer's view of the host ---- */

static uint64_t test_timer_now_ns(void *world)
{
	(void)world;
	return clock_now_ns();
}

static void test_timer_set_alarm(void *world, uint64_t deadline_ns)
{
	set_deadline(((struct vm *)world)->test_timer_fd, deadline_ns);
}

static const struct test_timer_ops test_timer_ops = {
	.now_ns = test_timer_now_ns,
	.set_alarm = test_timer_set_alarm,
	.set_ppi = lines_set_ppi,
};

static void on_test_timer(void *arg, uint32_t events)
{
	struct vm *vm = arg;
	uint64_t expired;

	(void)events;
	if (read(vm->test_timer_fd, &expired, sizeof(expired)) <= 0)
		return;
	device_lock(&vm->test_timer.dev);
	test_timer_tick(&vm->test_timer);
	device_unlock(&vm->test_timer.dev);
}

/* ---- hardware errors ---- */

static void on_ras_timer(void *arg, uint32_t events)
{
	struct vm *vm = arg;
	uint64_t expired;
	struct fw_locked fw;

	(void)events;
	if (read(vm->ras_timer_fd, &expired, sizeof(expired)) <= 0)
		return;
	fw = fw_lock(&vm->fw);
	ras_tick(fw, &vm->ras, clock_now_ns());
	fw_unlock(fw);
}

/* Whatever could not be done where it was noticed, for the locks held there. */
static void on_ras(void *arg, uint32_t events)
{
	struct vm *vm = arg;
	const char *why;
	uint64_t count;

	(void)events;
	if (read(vm->ras_fd, &count, sizeof(count)) <= 0)
		return;
	inject_einj(vm);
	why = atomic_load(&vm->ras_why);
	if (!why)
		return;
	log_error("stopping: %s", why);
	vm_end(vm, VM_HARDWARE);
}

static void einj_execute(void *world)
{
	fw_ras_wake(world);
}

static void on_lines(void *arg, uint32_t events)
{
	struct vm *vm = arg;
	uint64_t count;

	(void)events;
	if (read(vm->lines.event_fd, &count, sizeof(count)) > 0)
		fw_sdei_lines(vm);
}

/* ---- building ---- */

static bool feature_wanted(enum feature wanted, bool available)
{
	return available && wanted != FEATURE_OFF;
}

static int feature_check(const char *option, enum feature wanted, bool available, struct err *err)
{
	if (wanted != FEATURE_ON || available)
		return 0;
	return err_set(err, -EOPNOTSUPP, "%s: this host's KVM does not offer it", option);
}

/* RAM's last byte must have an address the guest can form. */
static unsigned choose_ipa_bits(const struct host_caps *caps, uint64_t ram_bytes)
{
	unsigned bits = kvm_probe_ipa_bits(caps);

	while (bits < caps->ipa_bits && (UINT64_C(1) << bits) - BOARD_RAM_BASE < ram_bytes)
		bits++;
	return bits;
}

static int lay_out(struct vm *vm, struct err *err)
{
	const struct run_config *c = vm->config;
	struct board_config board = {
		.ncpus = c->cpus,
		.ram_bytes = c->ram_bytes,
		.pmu = feature_wanted(c->pmu, vm->caps.pmu),
		.pvtime = feature_wanted(c->pvtime, vm->caps.pvtime),
		.idle_states = c->cpuidle && c->psci == PSCI_USER,
		.sdei = c->sdei,
		.tables = config_tables(c),
		.test_timer = c->test_timer,
		.pvpanic = c->pvpanic,
		.psci_version = c->psci_version,
		.pci = c->pci || devices_behind_pci(c),
		.nvirtio_mmio = devices_behind_pci(c) ? 0 : devices_wanted(c),
		.ipa_bits = choose_ipa_bits(&vm->caps, c->ram_bytes),
		.mpidr = vm->mpidr,
	};
	int r = gic_choose(&vm->caps, c->irqchip, &board.gic, err);

	if (r == 0)
		r = feature_check("--pmu", c->pmu, vm->caps.pmu, err);
	if (r == 0)
		r = feature_check("--sve", c->sve, vm->caps.sve, err);
	if (r == 0 && c->sve_max_vl)
		r = feature_check("--sve-max-vl", FEATURE_ON, vm->caps.sve, err);
	if (r == 0)
		r = feature_check("--pauth", c->pauth, vm->caps.pauth, err);
	if (r)
		return r;
	if (devices_behind_pci(c) && devices_wanted(c) > PCI_SLOTS)
		return err_set(err, -EINVAL, "%u devices behind PCI: there is room for %d",
			       devices_wanted(c), PCI_SLOTS);
	if (c->cpus > vm->caps.max_vcpus)
		return err_set(err, -EINVAL, "--cpus %u: this host's KVM takes at most %u", c->cpus,
			       vm->caps.max_vcpus);
	for (unsigned i = 0; i < c->cpus && i < BOARD_MAX_CPUS; i++)
		vm->mpidr[i] = board_default_mpidr(i);
	return board_layout(&vm->board, &board, err);
}

static struct irq_line line(struct vm *vm, uint32_t intid)
{
	return (struct irq_line){ .set = lines_set, .world = vm, .intid = intid };
}

static int add_clock(struct vm *vm, struct err *err)
{
	const struct board_block *b = vm->board.block;
	struct irq_line rtc_line = line(vm, b[BOARD_RTC].intid);
	int r;

	rtc_line.set = rtc_set_line;
	rtc_init(&vm->rtc, gpa(b[BOARD_RTC].base), rtc_line, &rtc_ops, vm);
	r = bus_add(&vm->bus, &vm->rtc.dev, err);
	gpio_init(&vm->gpio, gpa(b[BOARD_GPIO].base), line(vm, b[BOARD_GPIO].intid));
	vm->gpio.dev.leader = &vm->rtc.dev;
	if (r == 0 && b[BOARD_GPIO].size)
		r = bus_add(&vm->bus, &vm->gpio.dev, err);
	return r;
}

static int add_devices(struct vm *vm, struct err *err)
{
	const struct board_block *b = vm->board.block;
	int r;

	for (unsigned i = 0; i < ARRAY_SIZE(vm->uart); i++) {
		const struct board_block *u = &b[BOARD_UART0 + i];

		uart_init(&vm->uart[i], gpa(u->base), line(vm, u->intid),
			  i == 0 ? &console_uart_ops : NULL, &vm->console);
		r = bus_add(&vm->bus, &vm->uart[i].dev, err);
		if (r)
			return r;
	}
	r = add_clock(vm, err);
	if (r == 0 && b[BOARD_PVPANIC].size) {
		pvpanic_init(&vm->pvpanic, gpa(b[BOARD_PVPANIC].base), pvpanic_told, vm);
		r = bus_add(&vm->bus, &vm->pvpanic.dev, err);
	}
	if (r == 0 && b[BOARD_GIC_V2M].size) {
		v2m_init(&vm->v2m, gpa(b[BOARD_GIC_V2M].base), line(vm, b[BOARD_GIC_V2M].intid),
			 b[BOARD_GIC_V2M].nintids);
		r = bus_add(&vm->bus, &vm->v2m.dev, err);
	}
	if (r == 0 && b[BOARD_TEST_TIMER].size) {
		test_timer_init(&vm->test_timer, gpa(b[BOARD_TEST_TIMER].base),
				line(vm, b[BOARD_TEST_TIMER].intid), vm->board.config.ncpus,
				&test_timer_ops, vm);
		r = bus_add(&vm->bus, &vm->test_timer.dev, err);
	}
	if (r == 0 && b[BOARD_EINJ].size) {
		einj_init(&vm->einj, gpa(b[BOARD_EINJ].base), einj_execute, vm);
		r = bus_add(&vm->bus, &vm->einj.dev, err);
	}
	return r;
}

static int pin_vcpus(struct vm *vm, struct err *err)
{
	cpu_set_t set;
	int r;

	if (!vm->config->vcpu_affinity)
		return 0;
	r = cpulist_parse(vm->config->vcpu_affinity, &set, err);
	/* vCPU threads inherit it; the main thread mostly sleeps. */
	if (r == 0 && sched_setaffinity(0, sizeof(set), &set) < 0)
		r = err_set(err, -errno, "--vcpu-affinity %s: %s", vm->config->vcpu_affinity,
			    strerror(errno));
	return r;
}

/* The main loop looks at vm->event itself; this takes the wake-up back, and sees what the guest told. */
static void on_event(void *arg, uint32_t events)
{
	struct vm *vm = arg;
	unsigned told;
	uint64_t count;

	if (events & EPOLLIN && read(vm->event_fd, &count, sizeof(count)) < 0)
		log_debug("eventfd: %s", strerror(errno));
	told = atomic_exchange(&vm->panic_told, 0);
	if (told)
		panic_told(vm, told);
}

static void ignore(int sig)
{
	(void)sig; /* its arrival ends KVM_RUN; nothing more is wanted */
}

/* What is told to end the run, but for what the parent had us ignore (nohup, a shell's background
 * job): a blocked signal would come all the same. */
static void stop_signals(sigset_t *set)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct sigaction now;

	sigemptyset(set);
	sigaddset(set, SIGCONT);
	sigaddset(set, SIGPWR);
	for (unsigned i = 0; i < ARRAY_SIZE(signals); i++)
		if (sigaction(signals[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
			sigaddset(set, signals[i]);
}

/* Signals that stop the guest come as events; the kick only interrupts, and must do so whatever
 * mask we were started with; a reader that goes away, and a file that may not grow, are errors of write(2). */
static int take_signals(struct vm *vm)
{
	struct sigaction kick = { .sa_handler = ignore };
	sigset_t set, kick_set;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	sigaction(SIGUSR1, &kick, NULL);
	sigemptyset(&kick_set);
	sigaddset(&kick_set, SIGUSR1);
	pthread_sigmask(SIG_UNBLOCK, &kick_set, NULL);
	stop_signals(&set);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	vm->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	return vm->signal_fd < 0 ? -errno : 0;
}

static int open_timers(struct vm *vm)
{
	vm->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	vm->timeout_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	vm->panic_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	vm->rtc_timer_fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	vm->test_timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	vm->ras_timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	vm->ras_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (vm->event_fd < 0 || vm->timeout_fd < 0 || vm->panic_fd < 0 || vm->rtc_timer_fd < 0 ||
	    vm->test_timer_fd < 0 || vm->ras_timer_fd < 0 || vm->ras_fd < 0)
		return -errno;
	return 0;
}

static int open_events(struct vm *vm, struct err *err)
{
	int r = loop_init(&vm->loop, err);

	if (r)
		return r;
	r = lines_open(&vm->lines, err);
	if (r)
		return r;
	r = take_signals(vm);
	if (r == 0)
		r = open_timers(vm);
	const struct loop_source sources[] = {
		{ vm->signal_fd, on_signal, vm },
		{ vm->event_fd, on_event, vm },
		{ vm->timeout_fd, on_timeout, vm },
		{ vm->panic_fd, on_panic_grace, vm },
		{ vm->rtc_timer_fd, on_rtc_alarm, vm },
		{ vm->test_timer_fd, on_test_timer, vm },
		{ vm->lines.event_fd, on_lines, vm },
		{ vm->ras_timer_fd, on_ras_timer, vm },
		{ vm->ras_fd, on_ras, vm },
	};

	for (unsigned i = 0; r == 0 && i < ARRAY_SIZE(sources); i++)
		r = loop_add(&vm->loop, sources[i].fd, EPOLLIN, sources[i].fn, sources[i].arg);
	if (r)
		return err_set(err, r, "cannot set up the event loop: %s", strerror(-r));
	return 0;
}

static struct vm *machine_alloc(const struct run_config *config)
{
	struct vm *vm = calloc(1, sizeof(*vm));

	if (!vm)
		return NULL;
	vm->config = config;
	vm->pid = getpid();
	vm->kvm_fd = vm->probe_fd = vm->vm_fd = vm->gic_fd = vm->its_fd = -1;
	vm->signal_fd = vm->timeout_fd = vm->panic_fd = vm->event_fd = vm->rtc_timer_fd = -1;
	vm->test_timer_fd = vm->lines.event_fd = -1;
	vm->ras_fd = vm->ras_timer_fd = vm->injector.timer_fd = -1;
	vm->sdei_timers.trigger_fd = vm->sdei_timers.watchdog_fd = -1;
	vm->loop.epoll_fd = -1;
	vm->trace.fd = vm->trace.tap.event_fd = -1;
	vm->mem.fd = vm->devices.io.wake_fd = -1;
	pthread_mutex_init(&vm->fw.mutex, NULL);
	eventfds_init(&vm->eventfds);
	return vm;
}

static int probe(struct vm *vm, struct err *err)
{
	vm->kvm_fd = kvm_open("/dev/kvm", err);
	if (vm->kvm_fd < 0)
		return vm->kvm_fd;
	vm->probe_fd = kvm_probe(vm->kvm_fd, &vm->caps, err);
	if (vm->probe_fd < 0)
		return vm->probe_fd;
	if (!vm->caps.immediate_exit || !vm->caps.irq_line_layout2)
		return err_set(err, -EOPNOTSUPP,
			       "this host's KVM is too old: Linux 5.4 or newer is needed");
	return 0;
}

/* A guest with a name can be asked and told things by its socket: last, for it says what the others have made of
 * the exit status. */
static int add_operators(struct vm *vm, struct err *err)
{
	const struct run_operator control = { &ctl_operator_ops, &vm->control };
	const struct run_config *c = vm->config;
	int r = 0;

	for (unsigned i = 0; r == 0 && i < c->noperators; i++)
		r = operators_add(vm, &c->operators[i], err);
	return r || !c->place ? r : operators_add(vm, &control, err);
}

static int open_operators(struct vm *vm, struct err *err)
{
	int r = loop_add(&vm->loop, vm->trace.tap.event_fd, EPOLLIN, on_tap, vm);

	if (r)
		return err_set(err, r, "cannot watch the trace: %s", strerror(-r));
	r = add_operators(vm, err);
	return r ? r : operators_open(vm, err);
}

/* boot_load() on a thread of its own: copying the files takes about as long as KVM takes to make
 * the VM, and neither needs the other (bench/: it is half of the time to the first instruction). */
struct loader {
	struct vm *vm;
	struct err err;
	int result;
};

static void *loader_thread(void *arg)
{
	struct loader *l = arg;

	l->result = boot_load(l->vm, &l->err);
	return NULL;
}

/* Load the files while KVM makes the VM. What is wrong with the files shows only now; a RAM file
 * made for this run does not stay behind then. */
static enum exit_status load_and_create(struct vm *vm, struct err *err)
{
	struct loader loader = { .vm = vm };
	pthread_t thread;
	bool threaded = pthread_create(&thread, NULL, loader_thread, &loader) == 0;
	int r = vm_create(vm, err);

	if (threaded)
		pthread_join(thread, NULL);
	else
		loader_thread(&loader);
	if (!loader.result)
		return r ? STATUS_HOST_KVM : STATUS_POWEROFF;
	*err = loader.err;
	if (vm->mem.file_created)
		unlink(vm->config->backing_path);
	return STATUS_USAGE;
}

/* Everything a reset leaves alone, and KVM's half for the first life of the guest. 0, or the exit status of what went wrong. */
static enum exit_status machine_build(struct vm *vm, struct err *err)
{
	const struct run_config *c = vm->config;
	enum exit_status status;
	int r;

	if (probe(vm, err))
		return STATUS_HOST_KVM;
	r = lay_out(vm, err);
	if (r)
		return r == -EOPNOTSUPP ? STATUS_HOST_KVM : STATUS_USAGE;
	if (pin_vcpus(vm, err))
		return STATUS_USAGE;
	/* From here on a signal waits for the event loop, however long the files take to load. */
	if (open_events(vm, err) || sdei_timers_open(vm, err))
		return STATUS_INTERNAL;
	/* Before any other thread: they inherit what the host's kernel does about bad memory. */
	if (sigbus_open(vm, err))
		return STATUS_INTERNAL;
	if (mem_map(&vm->mem, gpa(BOARD_RAM_BASE), c->ram_bytes, c->backing, c->backing_path, err))
		return STATUS_USAGE;
	if (fw_ras_open(vm, err))
		return STATUS_USAGE;
	status = load_and_create(vm, err);
	if (status != STATUS_POWEROFF)
		return status;
	if (fw_init(vm, err))
		return STATUS_INTERNAL;
	if (trace_open(&vm->trace, c->trace_path, err))
		return STATUS_USAGE;
	if (console_open(&vm->console, c, &vm->loop, &console_ops, vm, err))
		return STATUS_USAGE;
	if (add_devices(vm, err))
		return STATUS_INTERNAL;
	if (devices_open(vm, err))
		return STATUS_USAGE;
	bus_freeze(&vm->bus);
	if (devices_start(vm, err))
		return STATUS_INTERNAL;
	if (boot_dump_dtb(vm, err) || inject_open(vm, err) || open_operators(vm, err))
		return STATUS_USAGE;
	log_info("firmware tables: %s", board_tables_name(vm->board.config.tables));
	console_attach(&vm->console, &vm->uart[0]);
	return STATUS_POWEROFF;
}

static void close_fds(struct vm *vm)
{
	const int fds[] = { vm->signal_fd,    vm->timeout_fd,    vm->panic_fd, vm->event_fd,
			    vm->rtc_timer_fd, vm->test_timer_fd, vm->kvm_fd,   vm->probe_fd,
			    vm->ras_fd,       vm->ras_timer_fd };

	for (unsigned i = 0; i < ARRAY_SIZE(fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

/* Let the reader of the console take what the guest printed last. Nothing but a signal, an operator or --timeout
 * breaks that off; after a --timeout that has passed already, one more second. */
static void finish_console(struct vm *vm)
{
	struct err err;

	/* Ports have still to give out what they were given. */
	if (vm->paused && verb_resume(vm, &err))
		log_error("%s", err.text);
	vm->finishing = true;
	if (atomic_load(&vm->stop) == VM_TIMEOUT)
		arm_timer(vm->timeout_fd, NS_PER_SEC);
	atomic_store(&vm->stop, VM_RUNNING);
	while (!console_flush(&vm->console) && atomic_load(&vm->stop) == VM_RUNNING)
		if (loop_once(&vm->loop, -1))
			break;
	/* Ports have no way to tell the main loop that they are done. */
	while (!devices_drained(vm) && atomic_load(&vm->stop) == VM_RUNNING)
		if (loop_once(&vm->loop, PORT_POLL_MS))
			break;
}

static void machine_free(struct vm *vm)
{
	operators_close(vm);
	console_close(&vm->console);
	inject_close(vm);
	sigbus_close(vm);
	vm_destroy(vm);
	devices_close(vm);
	fw_ras_close(vm);
	fw_destroy(vm);
	trace_close(&vm->trace);
	sdei_timers_close(vm);
	lines_close(&vm->lines);
	loop_close(&vm->loop);
	close_fds(vm);
	mem_unmap(&vm->mem);
	pthread_mutex_destroy(&vm->fw.mutex);
	free(vm);
}

/* ---- running ---- */

/* One life of the guest, from power-on to whatever ends it. */
static enum vm_event live_once(struct vm *vm, bool warm, struct err *err)
{
	int r;

	fw_reset(vm, warm);
	if (!vm->paused)
		bus_resume(&vm->bus);
	r = fw_ras_reset(vm, err);
	if (r == 0)
		r = vm_start(vm, err);
	while (r == 0 && atomic_load(&vm->event) == VM_RUNNING) {
		r = loop_once(&vm->loop, -1);
		if (r)
			err_set(err, r, "event loop: %s", strerror(-r));
	}
	if (r)
		vm_report(vm, VM_INTERNAL_ERROR);
	vm_stop(vm);
	/* What the operator asked for while the guest ended by itself counts, and a panic message
	 * may still be in the UART. */
	console_flush(&vm->console);
	if (loop_once(&vm->loop, 0))
		return VM_INTERNAL_ERROR;
	return atomic_load(&vm->event);
}

/* What the guest wrote to its ports before it reset, while there is somebody who takes it. Signals wait meanwhile. */
static void finish_ports(const struct vm *vm)
{
	const struct timespec nap = { .tv_nsec = (long)(PORT_POLL_MS * NS_PER_MS) };
	uint64_t end_ns = clock_now_ns() + NS_PER_SEC;

	while (!devices_drained(vm) && clock_now_ns() < end_ns)
		nanosleep(&nap, NULL);
}

/* Make everything as after power-on; a warm reset keeps RAM but for what is loaded again, and for lost
 * pages, which are replaced. STATUS_POWEROFF, or the exit status of what went wrong. */
static enum exit_status prepare_reset(struct vm *vm, bool warm, struct err *err)
{
	int r;

	vm->resets++;
	if (trace_on(&vm->trace))
		trace_event(&vm->trace, clock_now_ns() - vm->started_ns, 0,
			    warm ? "warm_reset" : "reset");
	finish_ports(vm);
	bus_quiesce(&vm->bus);
	vm_destroy(vm);
	bus_reset(&vm->bus);
	r = fw_ras_clear(vm, warm, err);
	if (vm->config->ras.heal != RAS_HEAL_NEVER)
		inject_forget(vm);
	if (r == 0)
		r = boot_load(vm, err);
	/* heal=never, and a page that something has to be loaded to is lost. */
	if (r)
		return r == -EHWPOISON ? STATUS_HARDWARE : STATUS_INTERNAL;
	if (vm_create(vm, err))
		return STATUS_HOST_KVM;
	arm_timer(vm->panic_fd, 0);
	atomic_store(&vm->panic_seen, false);
	atomic_store(&vm->panic_told, 0);
	vm->reset_asked = false;
	verbs_new_life(vm);
	operators_reset(vm);
	atomic_store(&vm->event, VM_RUNNING);
	return STATUS_POWEROFF;
}

static const enum exit_status event_status[] = {
	[VM_RUNNING] = STATUS_INTERNAL,
	[VM_POWEROFF] = STATUS_POWEROFF,
	[VM_HIBERNATE] = STATUS_HIBERNATE,
	[VM_RESET] = STATUS_RESET,
	[VM_WARM_RESET] = STATUS_RESET,
	[VM_ALL_OFF] = STATUS_ALL_OFF,
	[VM_PANIC] = STATUS_PANIC,
	[VM_TIMEOUT] = STATUS_TIMEOUT,
	[VM_INTERRUPTED] = STATUS_INTERRUPTED,
	[VM_GUEST_EXIT] = STATUS_GUEST_EXIT,
	[VM_HARDWARE] = STATUS_HARDWARE,
	[VM_HOST_ERROR] = STATUS_HOST_KVM,
	[VM_INTERNAL_ERROR] = STATUS_INTERNAL,
};

/* True if the guest gets another life. */
static bool goes_on(struct vm *vm, enum vm_event event)
{
	bool panicked = atomic_load(&vm->panic_seen) && vm->config->on_panic == ON_PANIC_EXIT;

	if (atomic_load(&vm->stop) != VM_RUNNING || (event != VM_RESET && event != VM_WARM_RESET))
		return false;
	return vm->reset_asked || (vm->config->on_reset == ON_RESET_REBOOT && !panicked);
}

static enum exit_status status_of(struct vm *vm, enum vm_event event)
{
	bool reset = event == VM_RESET || event == VM_WARM_RESET;
	enum vm_event stop = atomic_load(&vm->stop);

	/* A guest that resets because its kernel panicked did not reset of its own will. */
	if (reset && atomic_load(&vm->panic_seen))
		return STATUS_PANIC;
	if (event == VM_GUEST_EXIT)
		return status_of_guest(atomic_load(&vm->guest_exit));
	return event_status[reset && stop != VM_RUNNING ? stop : event];
}

static enum exit_status run_to_end(struct vm *vm, struct err *err)
{
	enum exit_status status;
	bool warm = false;

	for (;;) {
		enum vm_event event = live_once(vm, warm, err);

		if (vm->config->stats || vm->config->name)
			stats_collect(vm);
		if (!goes_on(vm, event))
			return status_of(vm, event);
		warm = event == VM_WARM_RESET;
		status = prepare_reset(vm, warm, err);
		if (status != STATUS_POWEROFF)
			return status;
	}
}

/* RAM kept in a file outlives the guest; one that asked for MEM_PROTECT does not want that. */
static void forget_memory(struct vm *vm)
{
	struct fw_locked fw = fw_lock(&vm->fw);
	bool protect = psci_mem_protect(fw, &vm->psci);
	struct err err;

	fw_unlock(fw);
	if (protect && mem_clear(&vm->mem, &err))
		log_error("%s", err.text);
}

enum exit_status machine_run(const struct run_config *config)
{
	struct vm *vm = machine_alloc(config);
	struct err err = { "" };
	enum exit_status status;

	if (!vm) {
		log_error("out of memory");
		return STATUS_INTERNAL;
	}
	if (config->name)
		prctl(PR_SET_NAME, config->name);
	status = machine_build(vm, &err);
	if (status == STATUS_POWEROFF) {
		vm->started_ns = clock_now_ns();
		if (config->timeout_ns)
			arm_timer(vm->timeout_fd, config->timeout_ns);
		sdei_timers_start(vm);
		inject_start(vm);
		operators_started(vm);
		status = run_to_end(vm, &err);
		finish_console(vm);
		status = operators_ended(vm, status);
		forget_memory(vm);
		if (config->stats)
			stats_print(vm, stderr);
	}
	machine_free(vm);
	if (err.text[0])
		log_error("%s", err.text);
	log_info("%s", status_text(status));
	return status;
}

/* ---- looking without building ---- */

static const char *on_off(bool on)
{
	return on ? "on" : "off";
}

static void print_filter(const struct run_config *c, FILE *out)
{
	static const char *const action[] = {
		[SMCCC_KVM_HANDLE] = "kernel",
		[SMCCC_KVM_DENY] = "deny",
		[SMCCC_KVM_FWD_TO_USER] = "rasvm",
	};
	struct smccc_filter_entry entries[SMCCC_FILTER_MAX_ENTRIES];
	unsigned n = smccc_filter_plan(c->smccc, c->nsmccc, config_own_calls(c), entries);

	for (unsigned i = 0; i < n; i++)
		fprintf(out, "calls   %#010x+%#x to %s\n", entries[i].base, entries[i].count,
			action[entries[i].kvm_action]);
}

static void print_machine(const struct vm *vm, FILE *out)
{
	const struct run_config *c = vm->config;
	const struct board_config *b = &vm->board.config;

	fprintf(out, "CPUs    %u, SVE %s, pointer authentication %s, PMU %s, stolen time %s\n",
		b->ncpus, on_off(feature_wanted(c->sve, vm->caps.sve)),
		on_off(feature_wanted(c->pauth, vm->caps.pauth)), on_off(b->pmu),
		on_off(b->pvtime));
	fprintf(out, "GIC     %s\n", board_gic_name(b->gic));
	fprintf(out, "RAM     %llu bytes, addresses of %u bits\n", (unsigned long long)b->ram_bytes,
		b->ipa_bits);
	fprintf(out, "PSCI    %u.%u, by %s\n", c->psci_version >> 16, c->psci_version & 0xffff,
		c->psci == PSCI_USER ? "rasvm" : "KVM");
	print_filter(c, out);
	fprintf(out, "tables  %s\n", board_tables_name(vm->board.config.tables));
	fprintf(out, "kernel  %s\ninitrd  %s\nparams  %s\n", c->kernel ? c->kernel : "none",
		c->initrd ? c->initrd : "none", c->params ? c->params : "");
	board_print(&vm->board, out);
	devices_print(c, out);
}

/* --dry-run --dump-dtb: the tree needs the addresses of what would be loaded, so load it. */
static int plan_dtb(struct vm *vm, struct err *err)
{
	const struct run_config *c = vm->config;
	int r;

	if (!c->dump_dtb_path || !c->kernel)
		return 0;
	r = mem_map(&vm->mem, gpa(BOARD_RAM_BASE), c->ram_bytes, MEM_ANON, NULL, err);
	if (r == 0)
		r = boot_load(vm, err);
	return r ? r : boot_dump_dtb(vm, err);
}

enum exit_status machine_dry_run(const struct run_config *config, FILE *out)
{
	struct vm *vm = machine_alloc(config);
	struct err err = { "" };
	enum exit_status status = STATUS_POWEROFF;

	if (!vm) {
		log_error("out of memory");
		return STATUS_INTERNAL;
	}
	if (access("/dev/kvm", F_OK) == 0) {
		if (probe(vm, &err))
			status = STATUS_HOST_KVM;
	} else {
		/* No KVM to ask: show what a host with everything would build. */
		vm->caps = (struct host_caps){ .ipa_bits = 48,
					       .max_vcpus = BOARD_MAX_CPUS,
					       .gicv2 = true,
					       .gicv3 = true,
					       .its = true,
					       .sve = true,
					       .pauth = true,
					       .pmu = true,
					       .pvtime = true };
	}
	if (status == STATUS_POWEROFF && (lay_out(vm, &err) || plan_dtb(vm, &err)))
		status = STATUS_USAGE;
	if (status == STATUS_POWEROFF)
		print_machine(vm, out);
	else
		log_error("%s", err.text);
	machine_free(vm);
	return status;
}
