/*
 * PSCI 0.2 to 1.3: the power state of every PE and of the machine. Pure: no ioctl, thread or clock.
 * The owner (arm64/fw.c) holds the firmware lock, runs the PEs and asks here what they may do.
 *
 * Source: Arm DEN0022F.b (PSCI 1.3).
 */
#ifndef HYPERCALL_PSCI_H
#define HYPERCALL_PSCI_H

#include <stdbool.h>
#include <stdint.h>

#include "hypercall/fault.h"
#include "lib/err.h"
#include "lib/smccc.h"
#include "lib/types.h"

/* DEN0022F.b 5.2.2, return codes. */
enum psci_error {
	PSCI_SUCCESS = 0,
	PSCI_NOT_SUPPORTED = -1,
	PSCI_INVALID_PARAMETERS = -2,
	PSCI_DENIED = -3,
	PSCI_ALREADY_ON = -4,
	PSCI_ON_PENDING = -5,
	PSCI_INTERNAL_FAILURE = -6,
	PSCI_NOT_PRESENT = -7,
	PSCI_DISABLED = -8,
	PSCI_INVALID_ADDRESS = -9,
};

#define PSCI_VERSION_0_2 0x00000002u
#define PSCI_VERSION_1_0 0x00010000u
#define PSCI_VERSION_1_1 0x00010001u
#define PSCI_VERSION_1_2 0x00010002u
#define PSCI_VERSION_1_3 0x00010003u

/* Values are those AFFINITY_INFO returns (DEN0022F.b 5.7). */
enum psci_power { PSCI_PE_ON = 0, PSCI_PE_OFF = 1, PSCI_PE_ON_PENDING = 2 };

enum psci_suspend { PSCI_RUNNING, PSCI_STANDBY, PSCI_POWERDOWN, PSCI_SYSTEM_SUSPENDED };

/* Where and how a PE starts executing. */
struct psci_entry {
	uint64_t pc;  /* GPA of the first instruction */
	uint64_t ctx; /* x0 */
	bool big_endian;
};

#define PSCI_MAX_POWER_STATES 4
#define PSCI_MAX_PES          512

struct psci_pe {
	uint64_t mpidr; /* Aff3.Aff2.Aff1.Aff0 in MPIDR_EL1 positions, all other bits 0 */
	enum psci_power power;
	enum psci_suspend suspend;
	bool frozen;            /* OFF by CPU_FREEZE */
	bool fresh;             /* ON, but psci_take_on() has not handed `entry` out yet */
	unsigned suspend_state; /* row of the power state table, while suspended */
	uint64_t suspended_at_ns;
	struct psci_entry entry;
	uint64_t stat_count[PSCI_MAX_POWER_STATES];
	uint64_t stat_residency_ns[PSCI_MAX_POWER_STATES];
};

/* All PSCI needs of the world. Called with the firmware lock held; must not block. */
struct psci_ops {
	/* The PE has something to do: it was powered on. Its thread should look. */
	void (*wake)(void *world, unsigned pe);
};

struct psci_config {
	uint32_t version; /* PSCI_VERSION_x_y presented to the guest */
	bool on_pending;  /* CPU_ON leaves the target ON_PENDING until its thread starts it */
	unsigned npe;     /* 1..PSCI_MAX_PES */
	unsigned boot_pe; /* index of the PE that starts at reset */
	gpa_t ram_base;   /* entry points must lie in [ram_base, ram_base + ram_bytes) */
	uint64_t ram_bytes;
	const struct psci_ops *ops; /* NULL: nobody to wake */
	void *world;                /* passed to ops */
	struct fault_table *faults; /* or NULL; outlives the struct psci */
};

struct psci {
	struct psci_config config;
	struct psci_pe *pe;        /* npe of them, owned by the caller of psci_init() */
	bool osi;                  /* OS-initiated suspend mode */
	bool suspended_since_mode; /* a CPU_SUSPEND was made since boot or the last mode change */
	bool mem_protect;
};

extern const struct fw_call psci_calls[];
extern const unsigned psci_ncalls;

/* `pe` points to config->npe records whose mpidr is filled in; the rest is initialised here as
 * after a reset with nothing to run. 0, or -EINVAL with `err` written. */
int psci_init(struct psci *psci, const struct psci_config *config, struct psci_pe *pe,
	      struct err *err) __attribute__((warn_unused_result));

/* Cold or warm reset: all PEs OFF except the boot PE, which is to start at `boot`; platform
 * coordinated mode, statistics zero; memory protection off, unless `warm`, which kept RAM. No PE may
 * be running. */
void psci_reset(struct fw_locked, struct psci *psci, struct psci_entry boot, bool warm);

/* For the PE's own thread: true if the PE was powered on since it last asked, with `entry` filled
 * in and the PE ON; the thread resets its vCPU and starts there. False: it is OFF (wait), or it
 * already runs. */
bool psci_take_on(struct fw_locked, struct psci *psci, unsigned pe, struct psci_entry *entry);

/* The wake event of a suspended PE has come (or its suspend is broken off). Ends the suspend and
 * accounts it. True: restart at `entry` with reset state (power-down); false: return 0 in x0. */
bool psci_wake(struct fw_locked, struct psci *psci, unsigned pe, uint64_t now_ns,
	       struct psci_entry *entry);

/* True if no PE is ON or ON_PENDING: nothing can ever run again. */
bool psci_all_off(struct fw_locked, const struct psci *psci);

/* True if memory protection is on, so RAM must be overwritten by the coming cold reset
 * (DEN0022F.b 5.12). */
bool psci_mem_protect(struct fw_locked, const struct psci *psci);

/* The single way in for a call: `row` is what fw_find() gave for call->fid (or NULL). Applies
 * version gating and injected faults; writes call->ret when the result is FW_RETURN. */
enum fw_result psci_call(struct fw_locked, struct psci *psci, const struct fw_call *row,
			 struct smccc *call);

/* "1.3" -> PSCI_VERSION_1_3. 0 or -EINVAL with `err` naming the versions there are. */
int psci_parse_version(const char *text, uint32_t *version, struct err *err)
	__attribute__((warn_unused_result));

/* "SUCCESS", "DENIED", ... for a trace; NULL if `code` is not a PSCI return code. */
const char *psci_error_name(int64_t code);

/* An idle state of the machine, for the DT's idle-states node and PSCI_STAT_*. Rows 0..n-1. */
struct psci_power_state {
	const char *name;
	uint32_t power_state; /* CPU_SUSPEND's argument, in the original format */
	unsigned level;       /* highest affinity level that powers down */
	bool powerdown;
	uint32_t entry_latency_us, exit_latency_us, min_residency_us;
};
extern const struct psci_power_state psci_power_states[];
extern const unsigned psci_npower_states;

#endif
