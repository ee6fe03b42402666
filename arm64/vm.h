/*
 * One machine while it exists: configuration, board, memory, firmware, devices, vCPUs.
 *
 * Lifetimes. What the guest's reset does not touch (RAM's mapping, devices, console, trace) is made
 * once by machine.c. What KVM holds (VM, vCPUs, interrupt controller) is made by vm_create() and
 * given back by vm_destroy() at every reset: a new VM is the one reset that leaves nothing behind,
 * neither in the interrupt controller nor in a pending SError.
 *
 * Threads. The main thread runs the event loop. Each vCPU has a thread; only it touches the vCPU's
 * descriptor and registers while the guest runs. Others set a bit in vcpu.req and kick.
 *
 * Locks, in this order: vm.fw (power states, events), then a device's leaf lock, then that of the
 * interrupt lines or of the eventfds. None is held across KVM_RUN.
 */
#ifndef ARM64_VM_H
#define ARM64_VM_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "arm64/board.h"
#include "arm64/config.h"
#include "arm64/console.h"
#include "arm64/ctl_operator.h"
#include "arm64/dev/bus.h"
#include "arm64/dev/einj.h"
#include "arm64/dev/gpio.h"
#include "arm64/dev/pvpanic.h"
#include "arm64/dev/rtc.h"
#include "arm64/dev/test_timer.h"
#include "arm64/dev/uart.h"
#include "arm64/dev/v2m.h"
#include "arm64/devices.h"
#include "arm64/eventfds.h"
#include "arm64/inject.h"
#include "arm64/kvm.h"
#include "arm64/lines.h"
#include "arm64/operator.h"
#include "arm64/regs.h"
#include "arm64/sdei_timers.h"
#include "arm64/sigbus.h"
#include "arm64/status.h"
#include "arm64/trace.h"
#include "hypercall/psci.h"
#include "hypercall/vendor.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/mem.h"
#include "ras/ras.h"
#include "sdei/sdei.h"

struct kvm_run;

/* Why the guest stopped; the first one reported wins. */
enum vm_event {
	VM_RUNNING,
	VM_POWEROFF,
	VM_HIBERNATE,
	VM_RESET,
	VM_WARM_RESET,
	VM_ALL_OFF,
	VM_PANIC,
	VM_TIMEOUT,
	VM_INTERRUPTED,
	VM_GUEST_EXIT,     /* by its exit call, with vm.guest_exit */
	VM_HARDWARE,       /* a memory error that ends the run; vm.ras_why says which */
	VM_HOST_ERROR,     /* KVM failed; already reported */
	VM_INTERNAL_ERROR, /* rasvm failed; already reported */
};

/* What a vCPU is asked to do before it runs its guest again. */
#define VCPU_REQ_STOP 1u /* leave the run loop and end the thread */
#define VCPU_REQ_HOLD 2u /* wait while vm.holds */
#define VCPU_REQ_SDEI 4u /* an event may be there to enter */
#define VCPU_REQ_RAS  8u /* vcpu.errors has something to take */

#define VCPU_EXIT_REASONS 48

#define VCPU_RECENT      16  /* last exits that are kept */
#define VCPU_RECENT_KICK 255 /* KVM_RUN was interrupted */

#define MPIDR_AFFINITY UINT64_C(0xff00ffffff) /* Arm DDI 0487, MPIDR_EL1: Aff3 to Aff0 */
#define SCTLR_EE       (UINT64_C(1) << 25)    /* Arm DDI 0487 D19.2.133, SCTLR_EL1 */

/* KVM's own counters of a vCPU, for what never reaches user space. */
struct vcpu_kvm_stats {
	uint64_t exits, wfi, wfe, wakeups, mmio_kernel;
};

/* The owner thread writes; others read by counter_read(), or after the thread has ended. */
struct vcpu_stats {
	uint64_t runs;                     /* KVM_RUN calls */
	uint64_t exits[VCPU_EXIT_REASONS]; /* by exit reason; the last counts all above */
	uint64_t interrupted;              /* KVM_RUN ended by a kick */
	uint64_t unclaimed;                /* accesses to addresses where nothing is */
	uint64_t reg_reads, reg_writes;    /* KVM_GET_ONE_REG, KVM_SET_ONE_REG */
	uint64_t kicks;                    /* filled in by stats_now(), as is the next */
	struct vcpu_kvm_stats kvm;
};

/* What others ask of a PE about errors; under vm.fw, with VCPU_REQ_RAS set. Aborts are injections: one that
 * the PE cannot take, since it went off or has no exception vectors, is given up (fw_ras_drop()). An SError
 * waits until the PE is on. */
struct vcpu_errors {
	struct ras_serror serror; /* .pending: merge this into what KVM has */
	uint32_t serror_id;       /* of the one that won, if several were merged */
	bool consume; /* act as if the guest had just used `error.at`: an injection of level model */
	struct ras_error error;
	bool ifetch; /* consume, sea: by an instruction fetch */
	bool sea;    /* take an abort that concerns no page */
	uint32_t sea_id;
};

struct vcpu {
	_Atomic uint32_t req;   /* VCPU_REQ_*; any thread sets, owner reads */
	_Atomic bool in_guest;  /* in KVM_RUN, or about to look at req and enter it */
	_Atomic bool in_device; /* serves an access, which waits for nobody's hold */
	_Atomic uint64_t kicks; /* any thread */
	struct vm *vm;
	unsigned index;
	int fd;
	int stats_fd; /* KVM's counters, any thread reads; negative: none */
	struct kvm_run *run;
	pthread_t thread;
	bool thread_started; /* main thread: `thread` has to be joined */
	_Atomic int tid;     /* 0 until the thread runs; then where kicks go */
	pthread_cond_t wake; /* with vm.fw: power state or req changed; CLOCK_MONOTONIC */

	/* Owner thread only. */
	bool has_run;   /* KVM_RUN was called since the last KVM_ARM_VCPU_INIT */
	bool suspended; /* MP state is SUSPENDED; a wake event ends it */
	bool last_off;  /* this PE's CPU_OFF left no PE on */
	/* KVM has still to carry out the last exit: a load's result, an abort. */
	bool exit_pending;
	bool bind_inactive; /* the interrupt of the INTERRUPT_BIND under way was found inactive */
	struct vcpu_regs regs;
	struct sigbus_stash bus_errors;
	uint64_t entered_ns
		[SDEI_MAX_FRAMES]; /* when its SDEI handlers were entered; for the trace */
	struct vcpu_stats stats;
	/* Exit reasons; that of KVM_RUN number n of `stats` at n % VCPU_RECENT. Others read atomically. */
	uint8_t recent[VCPU_RECENT];
	struct log_limit unclaimed_log, smccc_log, ras_log;

	struct vcpu_errors errors; /* under vm.fw */
};

/* The services of the firmware, in the order in which they are asked. */
enum fw_service_id { FW_PSCI, FW_SDEI, FW_VENDOR, FW_NSERVICES };

/* --stats; under vm.fw. */
struct sdei_counts {
	uint64_t triggered, dropped, entered, completed, resumed;
};

struct vm {
	const struct run_config *config;
	pid_t pid; /* rasvm's, for signals to its threads */
	struct host_caps caps;
	struct board board;
	uint64_t mpidr[BOARD_MAX_CPUS];
	struct mem mem;

	/* KVM objects: -1 or NULL between vm_destroy() and vm_create(). */
	int kvm_fd, vm_fd, gic_fd, its_fd;
	int probe_fd; /* the VM kvm_probe() made, until vm_create() takes it */
	void *pvtime; /* memory behind BOARD_PVTIME */
	uint32_t vcpu_features;
	struct vcpu *vcpu; /* ncpus of them */
	unsigned nvcpus;

	/* Firmware; under `fw`. */
	struct fw_lock fw;
	struct fault_table faults; /* the machine's own copy: rules are used up */
	struct psci psci;
	struct psci_pe pe[BOARD_MAX_CPUS];
	struct sdei sdei;
	struct vendor vendor;
	struct fw_service service[FW_NSERVICES];
	struct sdei_counts sdei_counts[SDEI_MAX_EVENTS]; /* as sdei.event[] */
	uint32_t pe_features;                            /* LIB_PE_*; of this life's vCPUs */
	bool has_sctlr2;                                 /* ... have SCTLR2_EL1 */
	unsigned holds;                                  /* > 0: no vCPU may run, see vm_hold() */
	struct psci_entry boot_entry;                    /* ctx: GPA of the device tree */
	size_t dtb_bytes;
	gpa_t ras_region; /* of ras/layout.h, where boot_load() put it; v 0: none */
	/* Calls by vCPU (its thread writes) and function: the rows of all services one after another,
	 * then one for unknown functions. ncpus * (nfunctions + 1). */
	uint64_t *call_count;
	unsigned nfunctions;

	/* Board devices, on the bus. */
	struct bus bus;
	struct uart uart[4];
	struct rtc rtc;
	int rtc_timer_fd;
	struct v2m v2m;
	struct test_timer test_timer;
	int test_timer_fd;
	struct lines lines;
	struct eventfds eventfds;
	struct devices devices;
	struct sdei_timers sdei_timers;
	struct einj einj;
	struct pvpanic pvpanic;
	struct gpio gpio; /* shares the clock's lock */

	/* Hardware errors. */
	struct ras ras; /* under `fw` */
	struct ras_thread ras_thread;
	int ras_fd;       /* eventfd: ras_why was set, or the guest wrote EINJ's EXECUTE */
	int ras_timer_fd; /* ras_tick() is due */
	_Atomic(const char *) ras_why; /* why the run is to end, static; NULL: it is not */
	struct log_limit ras_log;      /* under `fw` */
	struct injector injector;

	/* The operator's side; main thread. */
	struct loop loop;
	struct console console;
	struct trace trace;
	int signal_fd, timeout_fd, panic_fd;
	uint64_t started_ns;
	struct operators operators;
	struct ctl_operator control; /* open only for a guest with a name */
	bool paused;                 /* by the operator */
	bool clock_stopped; /* ... and the guest's virtual counter with it, at paused_count */
	uint64_t paused_count;
	bool finishing;   /* the last life is over; what the guest said last is still given out */
	bool reset_asked; /* the operator reset the guest, whatever --on-reset says */

	_Atomic int event; /* enum vm_event: what ended this life of the guest */
	_Atomic int stop;  /* enum vm_event: what ends the run, whatever the guest does */
	int event_fd;      /* wakes the main loop when `event` changed */
	_Atomic bool panic_seen;
	_Atomic unsigned
		panic_told; /* PVPANIC_*: what the guest has told, and the main thread has not seen */
	_Atomic uint64_t guest_exit; /* VM_GUEST_EXIT: what the guest gave */
	unsigned resets;
	struct vcpu_stats stats[BOARD_MAX_CPUS]; /* summed over all lives of the guest that ended */
	bool stats_collected;                    /* ... and over that of the present vCPUs */
};

/* ---- vm.c: KVM's half of the machine ---- */

/* Make the KVM VM, its memory, vCPUs and interrupt controller as config and caps say.
 * 0, or -errno with `err` written and nothing left behind. Main thread, no vCPU thread exists. */
int vm_create(struct vm *vm, struct err *err) __attribute__((warn_unused_result));

/* Give all of that back. No vCPU thread may exist. Safe after a failed vm_create(). */
void vm_destroy(struct vm *vm);

/* Start a thread for each vCPU. 0, or -errno with `err` written; on failure call vm_stop(). */
int vm_start(struct vm *vm, struct err *err) __attribute__((warn_unused_result));

/* Ask every vCPU thread to end and wait for them. */
void vm_stop(struct vm *vm);

/* Something ended the run: keep the first event, stop the guest from executing further (all vCPUs
 * are kicked out) and wake the main loop. Any thread, without vm.fw. */
void vm_report(struct vm *vm, enum vm_event event);

/* The operator, a signal or a time limit ends the run: as vm_report(), but a reset of the guest that
 * comes first does not make it forgotten. Any thread, without vm.fw. */
void vm_end(struct vm *vm, enum vm_event event);

/* Keep all vCPUs but `self` (NULL: all) from executing the guest until vm_unhold(); holds nest. They
 * are on their way out of KVM_RUN when this returns. Any thread, without vm.fw. */
void vm_hold(struct vm *vm, const struct vcpu *self);
void vm_unhold(struct vm *vm);

/* As vm_hold() of all, and return only when none is in KVM_RUN or in a device any more; then vm_unhold(). Any
 * thread but a vCPU's and one that a device waits for, without vm.fw. */
void vm_hold_still(struct vm *vm);

/* The guest address behind a host address in RAM. False: not RAM. Any thread, signal handlers too. */
bool vm_gpa_of(const struct vm *vm, uintptr_t hva, gpa_t *at);

/* ---- vcpu.c: one vCPU ---- */

/* Create vCPU `index` and give it its features. Main thread. 0, or -errno with `err`. */
int vcpu_create(struct vm *vm, unsigned index, struct err *err) __attribute__((warn_unused_result));

/* Per-vCPU devices that need the interrupt controller: PMU, stolen time. Main thread. */
int vcpu_finish(struct vcpu *vcpu, struct err *err) __attribute__((warn_unused_result));
void vcpu_destroy(struct vcpu *vcpu);

/* Look at which features the vCPUs have, for the state in which they take exceptions. After they were
 * created. 0, or -errno with `err`. */
int vcpu_probe(struct vm *vm, struct err *err) __attribute__((warn_unused_result));

/* Architectural reset, then start at `entry` (DEN0022F.b 6.4.3). `keep_timers`: a power-down
 * suspend, through which the timers keep counting. Owner thread. 0 or -errno. */
int vcpu_reset(struct vcpu *vcpu, const struct psci_entry *entry, bool keep_timers)
	__attribute__((warn_unused_result));

/* Set request bits, force the vCPU out of the guest, wake it if it waits on vcpu.wake. Any thread,
 * without vm.fw. */
void vcpu_request(struct vcpu *vcpu, uint32_t req);

/* As vcpu_request(), but a vCPU that waits goes on waiting. Any thread, with or without vm.fw. */
void vcpu_kick(struct vcpu *vcpu, uint32_t req);

/* Counted register access for the exit path. Owner thread, outside KVM_RUN. 0 or -errno. */
int vcpu_get_reg(struct vcpu *vcpu, uint64_t id, uint64_t *value)
	__attribute__((warn_unused_result));
int vcpu_set_reg(struct vcpu *vcpu, uint64_t id, uint64_t value)
	__attribute__((warn_unused_result));

/* The guest address behind a virtual one, by the tables this PE uses. Owner thread, or any while the vCPU
 * is not in KVM_RUN. 0, or -errno with `err` a sentence that says where the walk ended. */
int vcpu_walk(struct vcpu *vcpu, uint64_t va, gpa_t *at, struct err *err)
	__attribute__((warn_unused_result));

/* KVM_SET_MP_STATE. 0 or -errno. */
int vcpu_set_mp_state(struct vcpu *vcpu, uint32_t state) __attribute__((warn_unused_result));

/* KVM has still to carry out the exit it is in (MMIO, NISV): have it done, so that PC may be written.
 * Owner thread. 0 or -EIO. */
int vcpu_finish_exit(struct vcpu *vcpu) __attribute__((warn_unused_result));

/* Print registers and the last exit to the log, after something went wrong. Owner thread. */
void vcpu_dump(struct vcpu *vcpu, const char *reason);

/* What the exit handlers tell the run loop. */
enum vcpu_next {
	VCPU_CONTINUE, /* back into the guest */
	VCPU_OFF,      /* the PE is off: wait for power on */
	VCPU_STOP,     /* end the thread */
};

/* ---- run.c: the vCPU thread ---- */

/* The host failed this vCPU: print `reason` and the registers, end the run. VCPU_STOP. Owner thread,
 * without vm.fw. */
enum vcpu_next vcpu_fail(struct vcpu *vcpu, const char *reason);

void *vcpu_thread(void *vcpu);

/* Name of a KVM exit reason for --stats; NULL: not one rasvm serves. */
const char *vcpu_exit_name(unsigned reason);

/* ---- fw.c: between hypercall exits and the pure firmware ---- */

/* Set up PSCI and SDEI for the board. 0, or -errno with `err`. Main thread. */
int fw_init(struct vm *vm, struct err *err) __attribute__((warn_unused_result));
void fw_destroy(struct vm *vm);

/* All PEs off but the boot PE, which is to start at vm->boot_entry. `warm`: RAM was kept. Main
 * thread, no vCPU threads. */
void fw_reset(struct vm *vm, bool warm);

/* Owner thread: wait until the PE is powered on. True: start at `entry`; false: stop requested. */
bool fw_wait_on(struct vcpu *vcpu, struct psci_entry *entry);

/* Serve KVM_EXIT_HYPERCALL. Owner thread. */
enum vcpu_next fw_hypercall(struct vcpu *vcpu);

/* A suspended PE saw its wake event. Owner thread. */
enum vcpu_next fw_wakeup(struct vcpu *vcpu);

/* ---- fw_sdei.c: between vCPUs and the pure SDEI; only with config->sdei ---- */

int fw_sdei_init(struct vm *vm, struct err *err) __attribute__((warn_unused_result));

/* VCPU_REQ_SDEI was set: enter the event, if it is still there. Owner thread. */
enum vcpu_next fw_sdei(struct vcpu *vcpu);

/* Before and after the INTERRUPT_BIND call: see whether the interrupt is inactive and keep it so.
 * End only if begin said true. Owner thread. */
bool fw_sdei_begin_bind(struct vcpu *vcpu, uint32_t intid);
void fw_sdei_end_bind(struct vcpu *vcpu);

/* Bound lines rose. Main thread. */
void fw_sdei_lines(struct vm *vm);

/* The operator, a script or a client triggers an event; `cpu` is an index or SDEI_NO_CPU, `by` a static
 * string for the trace. 0; or -ENOENT (dropped: not registered), -EINVAL, -EOPNOTSUPP with `err` a
 * sentence. Any thread, without vm.fw. */
int fw_sdei_trigger(struct vm *vm, uint32_t event, unsigned cpu, const char *by, struct err *err)
	__attribute__((warn_unused_result));

/* ---- fw_ras.c: between host, vCPUs and the pure part of error handling ---- */

/* After RAM was mapped, before the first fw_ras_reset(); errors that come in between are kept for the
 * guest's first life. 0, or -errno with `err`. Main thread. */
int fw_ras_open(struct vm *vm, struct err *err) __attribute__((warn_unused_result));
void fw_ras_close(struct vm *vm);

/* Machine reset: RAM loses its contents, but for a warm one, which keeps them; lost pages are replaced and
 * forgotten unless the policy is heal=never. Errors that come from now on are kept for the next life. 0, or -errno with `err`. Main thread, no vCPU exists. */
int fw_ras_clear(struct vm *vm, bool warm, struct err *err) __attribute__((warn_unused_result));

/* A new life: RAM was loaded. Errors that came since fw_ras_clear() or fw_ras_open() are told to it. 0, or
 * -errno with `err`. Main thread, no vCPU runs. */
int fw_ras_reset(struct vm *vm, struct err *err) __attribute__((warn_unused_result));

/* An error of the host's at a guest address: the page, and around it the 1 << lsb bytes or the host page
 * that are lost with it. Any thread. */
struct ras_error fw_ras_error(struct vm *vm, enum ras_class class, gpa_t at, unsigned lsb,
			      uint64_t seen_ns);

/* An error came in, in guest RAM, that nobody has consumed. Any thread, without vm.fw. */
void fw_ras_report(struct vm *vm, const struct ras_error *error);

/* True if the page is known to be bad. Any thread, without vm.fw. */
bool fw_ras_knows(struct vm *vm, gpa_t page);

/* A page of the CPUs' stolen time was lost: give it a fresh one. False: the address is elsewhere. Any
 * thread, without vm.fw. */
bool fw_ras_renew_pvtime(struct vm *vm, uintptr_t hva);

/* Have the main thread look at ras_why, and at EINJ. Any thread. */
void fw_ras_wake(struct vm *vm);

/* End the run for a reason, a static sentence; the first one counts. Any thread. */
void fw_ras_stop(struct vm *vm, const char *why);

/* Ask a PE for an SError, with vm.fw held; RAS_NO_PE: the first that is on. */
void fw_ras_serror(struct fw_locked fw, struct vm *vm, unsigned pe, struct ras_serror serror,
		   uint32_t id);

/* Give up the aborts that were asked of a PE, if any, and say so; `why` is static. Owner thread, with vm.fw
 * held. */
void fw_ras_drop(struct fw_locked fw, struct vcpu *vcpu, const char *why);

/* VCPU_REQ_RAS was set. Owner thread. */
enum vcpu_next fw_ras(struct vcpu *vcpu);

/* KVM_RUN ended and vcpu.bus_errors is not empty. Owner thread. */
enum vcpu_next fw_ras_consumed(struct vcpu *vcpu);

/* KVM_EXIT_ARM_SEA, from kernels that have it. Owner thread. */
enum vcpu_next fw_ras_exit_sea(struct vcpu *vcpu);

#endif
