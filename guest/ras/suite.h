/*
 * The suite for hardware errors: what a CPU finds when an SError or a synchronous external abort is
 * taken, and the error log of a guest without ACPI.
 *
 * The errors come from outside: a test prints "inject NAME [ADDRESS]" on the console, and whoever runs the
 * suite injects what NAME stands for (tests/lab/t/ras-entry.sh has the rules for rasvm).
 */
#ifndef GUEST_RAS_SUITE_H
#define GUEST_RAS_SUITE_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/lib/cpu.h"
#include "guest/lib/exc.h"
#include "guest/lib/io.h"
#include "guest/lib/mmu.h"
#include "guest/lib/print.h"
#include "guest/lib/sdei.h"
#include "guest/lib/smp.h"
#include "guest/lib/tap.h"
#include "guest/lib/timer.h"

extern const struct test_group group_serror, group_sea, group_log, group_stolen;

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#define QUIET_US (SECOND_US / 2) /* nothing more comes after this */

#define PAGE_BYTES 4096

/* Numbers of the vectors, Arm DDI0487 D1.4. */
enum {
	VECTOR_SYNC_SP0 = 0,
	VECTOR_SERROR_SP0 = 3,
	VECTOR_SYNC_SPX = 4,
	VECTOR_SERROR_SPX = 7,
	VECTOR_SYNC_EL0 = 8,
	VECTOR_SERROR_EL0 = 11,
};

#define PSTATE_A (UINT64_C(1) << 8)
#define ISR_A    (UINT64_C(1) << 8)

/* What to do after an exception that was recorded. */
enum resume {
	RESUME_SAME,   /* where it came from: it had nothing to do with the instruction there */
	RESUME_NEXT,   /* the instruction after that one */
	RESUME_CALLER, /* to x30: the fetch failed */
};

/* One exception, as the CPU that took it found it. */
struct taken {
	struct frame frame;
	uint64_t vector;
	uint64_t daif, spsel, pan, current_el; /* PSTATE in the handler */
};

/* Of each CPU: written by it, but for `resume` and clearing. */
struct ras_cpu {
	uint64_t count; /* SErrors and aborts taken; the last is in `last` */
	uint64_t stop;  /* != 0: ends ras_spin(); set at each exception */
	struct taken last;
	enum resume resume;
};
#define RAS_MAX_CPUS 8
extern struct ras_cpu ras_cpu[RAS_MAX_CPUS];

struct ras_machine {
	bool ras;           /* ID_AA64PFR0_EL1.RAS */
	bool pan;           /* FEAT_PAN */
	struct region log;  /* the region of the error log; base 0: none */
	uint32_t events[2]; /* its SDEI events */
};
extern struct ras_machine ras_machine;

void ras_discover(void);
void ras_cleanup(struct run *t);

/* Ask for an injection; `address` 0: none to be named. */
void inject(const char *name, uint64_t address);

/* An injection that may win against the way to where a test wants it is asked for again, this often. */
#define RACE_TRIES 20

/* Wait until what was asked for before has been done: requests are carried out in order, and this asks for
 * an abort of this CPU, which is taken here. False, and the test failed: the CPU took something else. */
bool injected(struct run *t);

/* Wait until CPU `index` has taken `count` exceptions. */
bool wait_taken(struct run *t, unsigned index, uint64_t count);

/* Nothing comes for QUIET_US. */
void expect_quiet(struct run *t, unsigned index, uint64_t count);

/* What every entry to EL1 has in common: SP_EL1, DAIF masked, PAN as SCTLR_EL1.SPAN says. */
void expect_entry(struct run *t, const struct taken *taken, uint64_t vector, uint64_t esr);

/* code.S: spin until *stop, at most `rounds` times, with known values in x2 to x28: returns how many of them
 * changed, or ~0 if it was not stopped. The same at EL0 (by svc), and with SP_EL0 selected. */
uint64_t ras_spin(const uint64_t *stop, uint64_t rounds);
uint64_t ras_spin_open(const uint64_t *stop, uint64_t rounds); /* SErrors unmasked meanwhile */
uint64_t ras_spin_sp0(const uint64_t *stop, uint64_t rounds);  /* ... too */
extern const char ras_spin_el0[], ras_spin_begin[], ras_spin_end[], ras_spin_unmasked[];

/* The same with a load of a byte from `device` in each round, or ~0 if that is not DEVICE_PATTERN once. */
#define DEVICE_PATTERN 0xfe
uint64_t ras_spin_device(const uint64_t *stop, uint64_t device);

extern const char ras_load[], ras_load_at[], ras_store[], ras_store_at[], ras_load_el0[],
	ras_load_el0_at[];
uint64_t ras_load_from(uint64_t address, uint64_t untouched); /* the value, or what x0 kept */
void ras_store_to(uint64_t address, uint64_t value);
extern const char ras_sdei_handler[]; /* x1: a word it counts in; completes at once */

/* el0_run() with a PSTATE of the caller's choice. */
uint64_t el0_run_spsr(const void *fn, uint64_t arg, uint64_t spsr);

#define SPIN_ROUNDS (UINT64_C(1) << 40)

#endif
