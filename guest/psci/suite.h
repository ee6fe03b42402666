/* The PSCI/SMCCC conformance suite: its groups, and helpers more than one group uses. */
#ifndef GUEST_PSCI_SUITE_H
#define GUEST_PSCI_SUITE_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/lib/cpu.h"
#include "guest/lib/exc.h"
#include "guest/lib/gic.h"
#include "guest/lib/io.h"
#include "guest/lib/print.h"
#include "guest/lib/psci.h"
#include "guest/lib/smp.h"
#include "guest/lib/tap.h"
#include "guest/lib/timer.h"

extern const struct test_group group_smccc, group_discovery, group_cpu_on, group_race,
	group_suspend, group_system, group_mpidr, group_tree, group_report, group_panic;

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* SGI the tests use as a wake event. */
#define SGI_TEST 1

/* Every PSCI function: identifiers, 0 where there is none. */
struct psci_function {
	const char *name;
	uint64_t fid32, fid64;
	uint64_t mandatory_since; /* PSCI_VERSION value, 0: optional */
};
extern const struct psci_function psci_functions[];
extern const unsigned npsci_functions;

enum {
	FN_CPU_SUSPEND = 1,
	FN_CPU_OFF = 2,
	FN_CPU_ON = 3,
	FN_SYSTEM_OFF = 8,
	FN_SYSTEM_RESET = 9,
	FN_CPU_FREEZE = 11,
	FN_SYSTEM_RESET2 = 18
};

/* Addresses for entry point checks. */
uint64_t address_in_device(void);
uint64_t address_outside_ram(void);

/* An affinity no CPU of the machine has, with only legal bits. */
uint64_t absent_mpidr(void);
struct cpu *cpu_by_mpidr(uint64_t mpidr);

/* Both conduits, as far as the machine has them: number found, in conduits[]. */
unsigned working_conduits(enum conduit conduits[2]);

/* True if power_state asks for a power-down, in the format FEATURES(CPU_SUSPEND) says. */
bool extended_format(void);
bool is_powerdown(uint32_t power_state);

/* The first power state of that kind: the device tree's, else the one rasvm offers. */
uint32_t standby_state(void);
uint32_t powerdown_state(void);

/* What an invalid entry point gets: -9, or -2 before PSCI 1.0. */
int64_t bad_address(void);

/* Make a suspend call that must fail. A timer ends it if it is not refused. */
int64_t suspend_refused(uint64_t fid, uint64_t x1, uint64_t x2, uint64_t x3);

/* Start CPU i with a context, or count a failure. */
bool start_or_fail(struct run *t, unsigned i);

/* xorshift; any CPU with its own state. */
uint64_t random_next(uint64_t *state);

/* What comes next ends the machine, so the result line comes before it; if it does not, that is a failure. */
void announce_end(const struct run *t);

/* A job: suspend in standby_state() until an SGI_TEST comes, interrupts masked meanwhile. */
uint64_t job_suspend_until_sgi(uint64_t powerdown);

/* After that was posted, with the CPU's scratch 0: wait until its interrupts are masked, so that it
 * misses no SGI, and then as long as it may take to get into its suspend. False: it did not begin. */
bool wait_suspended(struct cpu *cpu);

#endif
