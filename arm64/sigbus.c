/*
 * See sigbus.h. The handler runs in the thread that is concerned and touches that thread's own things
 * only: its variables here, its stash, its kvm_run.
 *
 * State: struct ras_thread, of which all but `end` and `event_fd` is the RAS thread's own.
 */
#include "arm64/sigbus.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "arm64/kvm_compat.h"
#include "arm64/pagescan.h"
#include "arm64/vm.h"
#include "lib/clock.h"
#include "lib/guard.h"

#define SCAN_INTERVAL_NS NS_PER_SEC

#define PAGE_MAX_LSB 34 /* 16 GiB: the largest page of an arm64 host */

#define INITIAL_EXEC __attribute__((tls_model("initial-exec"))) /* reached without a call */

/* What this thread is, for the handler; both NULL: neither. */
static _Thread_local struct vcpu *this_vcpu INITIAL_EXEC;
static _Thread_local struct ras_thread *this_ras INITIAL_EXEC;

/* ---- the handler ---- */

static void leave_note(struct sigbus_stash *stash, const siginfo_t *info)
{
	unsigned n = atomic_load_explicit(&stash->n, memory_order_relaxed);

	stash->signal[n % SIGBUS_STASH] = (struct sigbus_signal){
		.addr = (uintptr_t)info->si_addr,
		.lsb = (unsigned)info->si_addr_lsb,
		.seen_ns = clock_now_ns(),
	};
	atomic_store_explicit(&stash->n, n + 1, memory_order_release);
}

static size_t put_hex(char *out, uint64_t value)
{
	for (unsigned i = 0; i < 16; i++)
		out[i] = "0123456789abcdef"[value >> (60 - 4 * i) & 15];
	return 16;
}

static size_t put_text(char *out, const char *text)
{
	size_t n = 0;

	for (; text[n]; n++)
		out[n] = text[n];
	return n;
}

/* What rasvm itself needs is gone: say where, and let the default action end the process. */
static void die(const siginfo_t *info)
{
	bool bad = info->si_code == BUS_MCEERR_AR || info->si_code == BUS_MCEERR_AO;
	char line[192];
	size_t n = put_text(line, "rasvm: host address 0x");

	n += put_hex(line + n, (uintptr_t)info->si_addr);
	n += put_text(line + n,
		      bad ? ": a hardware memory error in rasvm's own memory; ending\n"
			  : ": the host has no memory for it (a RAM file that was cut, or "
			    "no huge page left); ending\n");
	if (write(STDERR_FILENO, line, n) < 0)
		signal(SIGBUS, SIG_DFL); /* nothing else to be done about it */
	signal(SIGBUS, SIG_DFL);
	raise(SIGBUS); /* blocked until the handler returns */
}

/* The page behind the stolen time of CPUs. */
static bool in_pvtime(const struct vm *vm, uintptr_t hva)
{
	uintptr_t start = (uintptr_t)vm->pvtime;

	return start && hva >= start && hva - start < vm->board.block[BOARD_PVTIME].size;
}

/* What KVM meets on the guest's behalf is in the guest's memory. */
static bool in_kvm_run(const struct vcpu *vcpu, uintptr_t hva)
{
	gpa_t at;

	return vcpu && atomic_load(&vcpu->in_guest) &&
	       (vm_gpa_of(vcpu->vm, hva, &at) || in_pvtime(vcpu->vm, hva));
}

/* The host says how large the page is that went bad, and may say no more than where it begins. */
static bool catch_page(uintptr_t at, unsigned lsb)
{
	uintptr_t offset = ((uintptr_t)1 << (lsb < PAGE_MAX_LSB ? lsb : PAGE_MAX_LSB)) - 1;

	return guard_catch_within(at & ~offset, at | offset);
}

static void on_action_required(const siginfo_t *info)
{
	uintptr_t at = (uintptr_t)info->si_addr;

	if (catch_page(at, (unsigned)info->si_addr_lsb))
		return; /* not reached: it went there */
	if (!in_kvm_run(this_vcpu, at)) {
		die(info);
		return;
	}
	leave_note(&this_vcpu->bus_errors, info);
	__atomic_store_n(&this_vcpu->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
}

/* In a thread that did not ask for it, it is only a hint: whoever uses the page will hear of it. */
static void on_action_optional(const siginfo_t *info)
{
	uint64_t one = 1;

	if (!this_ras)
		return;
	leave_note(&this_ras->stash, info);
	if (write(this_ras->event_fd, &one, sizeof(one)) < 0)
		return; /* the counter is full: it is readable */
}

static void on_sigbus(int sig, siginfo_t *info, void *context)
{
	int before = errno;

	(void)sig;
	(void)context;
	switch (info->si_code) {
	case BUS_MCEERR_AR:
		on_action_required(info);
		break;
	case BUS_MCEERR_AO:
		on_action_optional(info);
		break;
	default:
		/* No memory behind a guarded access is as good as bad memory. */
		if (!guard_catch((uintptr_t)info->si_addr))
			die(info);
		break;
	}
	errno = before;
}

unsigned sigbus_take(struct sigbus_stash *stash, struct sigbus_signal out[SIGBUS_STASH])
{
	unsigned n, count, first;

	/* The handler may come in between; then all is read again. */
	do {
		n = atomic_load(&stash->n);
		count = n < SIGBUS_STASH ? n : SIGBUS_STASH;
		first = n - count;
		for (unsigned i = 0; i < count; i++)
			out[i] = stash->signal[(first + i) % SIGBUS_STASH];
	} while (!atomic_compare_exchange_strong(&stash->n, &n, 0));
	return count;
}

void sigbus_enter_vcpu(struct vcpu *vcpu)
{
	this_vcpu = vcpu;
}

void sigbus_leave_vcpu(void)
{
	this_vcpu = NULL;
}

/* ---- the RAS thread ---- */

static void report_page(struct vm *vm, gpa_t at, unsigned lsb, uint64_t seen_ns)
{
	struct ras_error error = fw_ras_error(vm, RAS_AO, at, lsb, seen_ns);

	fw_ras_report(vm, &error);
}

static void on_signal(struct vm *vm, const struct sigbus_signal *s)
{
	struct ras_thread *t = &vm->ras_thread;
	gpa_t at;

	if (vm_gpa_of(vm, s->addr, &at)) {
		t->scan_type = pagescan_type((const void *)s->addr);
		report_page(vm, at, s->lsb, s->seen_ns);
	} else if (!fw_ras_renew_pvtime(vm, s->addr)) {
		log_error("hardware memory error at host address 0x%" PRIxPTR
			  ", in memory of rasvm itself",
			  s->addr);
		fw_ras_stop(vm, "a hardware memory error in rasvm's own memory");
	}
}

static void on_scanned(void *world, gpa_t page)
{
	struct vm *vm = world;

	if (!fw_ras_knows(vm, page))
		report_page(vm, page, 0, clock_now_ns());
}

/* Milliseconds until a scan that is due may be made; -1: none is due. */
static int scan_wait_ms(const struct ras_thread *t, uint64_t now_ns)
{
	uint64_t passed = now_ns - t->scanned_ns;

	if (t->scan_type == PAGESCAN_NONE)
		return -1;
	if (!t->scanned_ns || passed >= SCAN_INTERVAL_NS)
		return 0;
	return (int)((SCAN_INTERVAL_NS - passed) / NS_PER_MS) + 1;
}

static void scan(struct vm *vm)
{
	struct ras_thread *t = &vm->ras_thread;
	int r = pagescan_each(&vm->mem, t->scan_type, on_scanned, vm);

	if (r)
		log_debug("cannot look for more bad pages: %s", strerror(-r));
	t->scan_type = PAGESCAN_NONE;
	t->scanned_ns = clock_now_ns();
}

static void take_signals(struct vm *vm)
{
	struct ras_thread *t = &vm->ras_thread;
	struct sigbus_signal signal[SIGBUS_STASH];
	unsigned n;
	uint64_t count;

	if (read(t->event_fd, &count, sizeof(count)) < 0)
		return;
	n = sigbus_take(&t->stash, signal);
	for (unsigned i = 0; i < n; i++)
		on_signal(vm, &signal[i]);
}

static void *ras_thread(void *arg)
{
	struct vm *vm = arg;
	struct ras_thread *t = &vm->ras_thread;
	struct pollfd wait = { .fd = t->event_fd, .events = POLLIN };

	pthread_setname_np(pthread_self(), "ras");
	this_ras = t;
	if (prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY, 0, 0))
		log_warn("the host does not report memory errors before somebody meets them: %s",
			 strerror(errno));
	while (!atomic_load(&t->end)) {
		int wait_ms = scan_wait_ms(t, clock_now_ns());

		if (wait_ms == 0)
			scan(vm);
		else if (poll(&wait, 1, wait_ms) > 0)
			take_signals(vm);
	}
	this_ras = NULL;
	return NULL;
}

/* ---- opening and closing ---- */

/* Whatever mask we were started with: a SIGBUS that cannot be delivered kills, or has KVM_RUN meet the
 * same page for ever. */
static int take_sigbus(void)
{
	struct sigaction action = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO };
	sigset_t set;

	sigemptyset(&action.sa_mask);
	if (sigaction(SIGBUS, &action, NULL))
		return -errno;
	sigemptyset(&set);
	sigaddset(&set, SIGBUS);
	return -pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

int sigbus_open(struct vm *vm, struct err *err)
{
	struct ras_thread *t = &vm->ras_thread;
	int r = take_sigbus();

	if (r)
		return err_set(err, r, "cannot take SIGBUS: %s", strerror(-r));
	if (prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_LATE, 0, 0))
		log_debug("PR_MCE_KILL: %s", strerror(errno));
	t->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (t->event_fd < 0)
		return err_set(err, -errno, "eventfd: %s", strerror(errno));
	r = pthread_create(&t->thread, NULL, ras_thread, vm);
	if (r) {
		close(t->event_fd);
		return err_set(err, -r, "cannot start the thread for memory errors: %s",
			       strerror(r));
	}
	t->started = true;
	return 0;
}

void sigbus_close(struct vm *vm)
{
	struct ras_thread *t = &vm->ras_thread;
	uint64_t one = 1;

	if (!t->started)
		return;
	atomic_store(&t->end, true);
	if (write(t->event_fd, &one, sizeof(one)) < 0)
		log_error("cannot wake the thread for memory errors: %s", strerror(errno));
	pthread_join(t->thread, NULL);
	close(t->event_fd);
	t->started = false;
}
