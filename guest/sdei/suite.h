/*
 * The SDEI conformance suite: its groups, what the machine has, the handler every test uses, and
 * helpers.
 *
 * Before each test the boot CPU is masked, nothing is registered, bound or pending, all behaviours
 * and records are cleared, and the other CPUs are off. sdei_cleanup() sees to it.
 */
#ifndef GUEST_SDEI_SUITE_H
#define GUEST_SDEI_SUITE_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/lib/cpu.h"
#include "guest/lib/exc.h"
#include "guest/lib/gic.h"
#include "guest/lib/io.h"
#include "guest/lib/mmu.h"
#include "guest/lib/print.h"
#include "guest/lib/psci.h"
#include "guest/lib/sdei.h"
#include "guest/lib/smp.h"
#include "guest/lib/tap.h"
#include "guest/lib/timer.h"

extern const struct test_group group_identity, group_register, group_states, group_info,
	group_signal, group_entry, group_complete, group_mask;
extern const struct test_group group_shared, group_bind, group_reset, group_power, group_kvm,
	group_storm, group_registers, group_operator;

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#define SGI_TEST 1

/* The events of a run; indexes of everything that is kept for each event. */
enum slot {
	E0, /* event 0: private, normal, signalled */
	PN, /* platform events: private or shared, normal or critical */
	PC,
	SN,
	SC,
	B0, /* for bound interrupts: a test puts the number into suite.event[] */
	B1,
	B2,
	B3,
	SLOT_OTHER, /* an event that is none of these */
	NSLOTS
};
#define NSTATIC 5 /* E0 to SC */

#define NO_EVENT UINT64_MAX

struct suite {
	uint64_t event[NSLOTS]; /* numbers, or NO_EVENT; boot CPU writes */
	int64_t version;        /* SDEI_VERSION; negative: no SDEI */
	bool trigger;           /* there is VENDOR_FID_SDEI_TRIGGER */
	/* The test timer of rasvm (--test-timer), or base 0: lines that can be bound. */
	struct region test_timer;
	uint32_t test_spi, test_ppi; /* INTIDs */
};
extern struct suite suite;

const char *slot_name(enum slot slot);
bool slot_shared(enum slot slot);
bool slot_critical(enum slot slot);

/* Registers as handler.S stores them. */
struct sdei_regs {
	uint64_t x
		[31]; /* handler: x0-x3 its arguments, x4-x30 the interrupted values; x17 only with an
			   _exact entry, else 0 */
	uint64_t sp;                            /* SP_EL1 */
	uint64_t daif, current_el, spsel, nzcv; /* PSTATE, each as its register shows it */
	uint64_t elr, spsr, sp_el0;
	uint64_t pc; /* of the code in handler.S that stored these */
};

/* One activation of a handler. */
struct sdei_entry {
	struct sdei_regs regs;
	uint64_t leave,
		leave_arg; /* the call that ends it: EVENT_COMPLETE(0) unless a test says else */
	uint64_t conduit;
	uint64_t level; /* 0: normal, 1: critical (which entry point it came through) */
	enum slot slot;
};

#define LEVEL_BYTES 8192
struct sdei_level {
	struct sdei_entry entry;
	uint8_t stack[LEVEL_BYTES - sizeof(struct sdei_entry)];
};
_Static_assert(sizeof(struct sdei_level) == LEVEL_BYTES, "handler.S");

/* What happened on a CPU, in order: entries and ends of handlers. */
#define LOG_ENTRIES 64
#define LOG_END     0x100 /* with the slot: its handler ended */
#define LOG_RESUMED 0x200 /* sdei_resume_point was reached */

/* One for each CPU; written by it (in its handlers), cleared by the boot CPU between tests. */
struct sdei_cpu {
	struct sdei_level level[2]; /* first: handler.S */
	uint64_t runs[NSLOTS];      /* handlers entered */
	uint64_t ends[NSLOTS];      /* handlers about to leave */
	uint64_t depth;
	uint64_t wrong_nesting; /* entered where nothing of this priority may be entered */
	uint64_t no_masking;    /* entered without DAIF=1111, EL1h */
	struct sdei_regs last[NSLOTS];
	uint64_t resumes;
	struct sdei_regs resumed; /* at sdei_resume_point */
	uint64_t nlog;
	uint64_t log[LOG_ENTRIES]; /* first LOG_ENTRIES of them */
	uint64_t word[16];         /* for the tests' handlers */
};

static inline struct sdei_cpu *sdei_of(const struct cpu *cpu)
{
	return cpu->sdei;
}

static inline struct sdei_cpu *this_sdei(void)
{
	return sdei_of(this_cpu());
}

/* handler.S */
extern const char sdei_entry_normal[], sdei_entry_critical[], sdei_entry_normal_exact[],
	sdei_entry_critical_exact[], sdei_resume_point[], sdei_vectors[];
uint64_t sdei_spin(const uint64_t *word, uint64_t rounds);
extern const char sdei_spin_end[];
extern const char sdei_spin_a32[], sdei_spin_a32_end[]; /* for el0_run_a32() */
void sdei_spin_el0(void); /* sdei_spin(x0, 2^30), then back to EL1; for el0_run() */

/* What a handler does besides recording; runs in it, on the CPU it came to, with DAIF masked. It may
 * set entry->leave and leave_arg. Waits must be bounded: no watchdog interrupts a handler. */
typedef void handler_fn(struct sdei_entry *entry);
void set_handler(enum slot slot, handler_fn *fn);
void set_resumed(
	void (*fn)(struct sdei_regs *regs)); /* what sdei_resume_point does; may change regs */

/* EVENT_REGISTER with the entry point of the slot's priority and the given argument. */
int64_t register_slot(enum slot slot, uint64_t arg, uint64_t flags, uint64_t affinity);
uint64_t entry_of(enum slot slot);       /* the entry point */
uint64_t exact_entry_of(enum slot slot); /* the one that records x17 */

/* Register (flags 0) and enable on this CPU, each expected to be 0. */
bool register_enable(struct run *t, enum slot slot, uint64_t arg);

/* Trigger: SIGNAL for event 0, else the vendor call; shared events ignore cpu. */
int64_t fire(enum slot slot, const struct cpu *cpu);

/* True if the test cannot go on without the vendor call: it skips, or fails with strict. */
bool need_trigger(struct run *t);

/* CPU i on, waiting for jobs, SDEI masked; counts a failure and returns false if not. */
bool start_or_fail(struct run *t, unsigned i);
bool start_all(struct run *t);

/* One SDEI call on CPU i (which is on; 0 is this one), its result. A CPU that does not answer counts
 * as a failure and as result CALL_LOST. Boot CPU only. */
#define CALL_LOST INT64_MIN
int64_t call_on(struct run *t, unsigned i, uint64_t fid, uint64_t x1, uint64_t x2, uint64_t x3);
int64_t register_on(struct run *t, unsigned i, enum slot slot, uint64_t flags, uint64_t affinity);
int64_t register_at_on(struct run *t, unsigned i, enum slot slot, uint64_t ep);
/* Register and enable a private event on CPU i and unmask it, each expected to be 0. */
bool make_ready(struct run *t, unsigned i, enum slot slot);

/* Wait until the CPU has entered (ended) handlers of the slot at least n times. */
bool wait_runs(unsigned cpu, enum slot slot, uint64_t n, uint64_t us);
bool wait_ends(unsigned cpu, enum slot slot, uint64_t n, uint64_t us);
/* Wait until EVENT_STATUS (of this CPU's view) is `status`. */
bool wait_status(enum slot slot, int64_t status, uint64_t us);

uint64_t runs_on(unsigned cpu, enum slot slot);
uint64_t runs_in_all(enum slot slot); /* over all CPUs */

/* A handler that records its entry, then waits until release_held(); it gives up after 5 s. */
void handler_held(struct sdei_entry *entry);
void release_held(void);
void hold_again(void); /* the next handler_held() waits again */

/* Leave a handler that did not end by itself (the test was aborted): 0, or SDEI's error if none runs.
 */
int64_t sdei_abandon(void);

void sdei_suite_init(void);       /* records of all CPUs; before the MMU is on */
void sdei_discover(void);         /* fills `suite`; after smp_init() */
void sdei_cleanup(struct run *t); /* after each test */
void clear_records(void);         /* runs, ends, last, log... of all CPUs */
void forget_bound(void);          /* suite.event[B0..B3] = NO_EVENT */

/* An affinity no CPU of the machine has, with only legal bits. */
uint64_t absent_mpidr(void);

/* xorshift; any CPU with its own state. */
uint64_t random_next(uint64_t *state);

#endif
