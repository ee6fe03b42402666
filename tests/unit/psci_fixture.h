/*
 * A machine of fake PEs for the tests of hypercall/psci*.c: two clusters of two PEs, 1 GiB of RAM,
 * PE 0 running, a clock the test sets. Calls go in as arm64/fw.c sends them.
 */
#ifndef TESTS_UNIT_PSCI_FIXTURE_H
#define TESTS_UNIT_PSCI_FIXTURE_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "hypercall/psci.h"

#define NPE       4
#define RAM_BASE  UINT64_C(0x80000000)
#define RAM_BYTES GIB(1)
#define ENTRY     (RAM_BASE + 0x1000)
#define CTX       UINT64_C(0x1122334455667788)

/* PE 2 and 3 are a second cluster, which only Aff3 tells from the first. */
static const uint64_t fixture_mpidr[NPE] = { 0x0, 0x1, UINT64_C(0x100000000),
					     UINT64_C(0x100000001) };

/* Function ids; | SMCCC_64BIT for the other width. */
enum {
	FID_VERSION = 0x84000000,
	FID_CPU_SUSPEND,
	FID_CPU_OFF,
	FID_CPU_ON,
	FID_AFFINITY_INFO,
	FID_MIGRATE,
	FID_MIGRATE_INFO_TYPE,
	FID_MIGRATE_INFO_UP_CPU,
	FID_SYSTEM_OFF,
	FID_SYSTEM_RESET,
	FID_FEATURES,
	FID_CPU_FREEZE,
	FID_CPU_DEFAULT_SUSPEND,
	FID_NODE_HW_STATE,
	FID_SYSTEM_SUSPEND,
	FID_SET_SUSPEND_MODE,
	FID_STAT_RESIDENCY,
	FID_STAT_COUNT,
	FID_SYSTEM_RESET2,
	FID_MEM_PROTECT,
	FID_MEM_PROTECT_CHECK_RANGE,
	FID_SYSTEM_OFF2,
};

struct fixture {
	struct fw_lock lock;
	struct psci psci;
	struct psci_pe pe[NPE];
	struct fault_table faults;
	struct fw_service service;
	unsigned wakes[NPE];
	uint64_t now_ns;
	bool big_endian;
};

static inline void fixture_wake(void *world, unsigned pe)
{
	struct fixture *f = world;

	f->wakes[pe]++;
}

static const struct psci_ops fixture_ops = { .wake = fixture_wake };

static inline void fixture_init(struct fixture *f, uint32_t version, bool on_pending)
{
	const struct psci_config config = {
		.version = version,
		.on_pending = on_pending,
		.npe = NPE,
		.ram_base = gpa(RAM_BASE),
		.ram_bytes = RAM_BYTES,
		.ops = &fixture_ops,
		.world = f,
		.faults = &f->faults,
	};
	struct psci_entry entry;
	struct err err;

	*f = (struct fixture){ .lock = { PTHREAD_MUTEX_INITIALIZER }, .now_ns = 1000 };
	for (unsigned i = 0; i < NPE; i++)
		f->pe[i].mpidr = fixture_mpidr[i];
	f->service = (struct fw_service){
		.name = "PSCI", .calls = psci_calls, .ncalls = psci_ncalls, .self = &f->psci
	};
	assert_int_equal(psci_init(&f->psci, &config, f->pe, &err), 0);

	struct fw_locked locked = fw_lock(&f->lock);
	psci_reset(locked, &f->psci, (struct psci_entry){ .pc = ENTRY }, false);
	assert_true(psci_take_on(locked, &f->psci, 0, &entry));
	fw_unlock(locked);
}

static inline int fixture_setup(void **state)
{
	*state = malloc(sizeof(struct fixture));
	fixture_init(*state, PSCI_VERSION_1_3, false);
	return 0;
}

static inline int fixture_teardown(void **state)
{
	free(*state);
	return 0;
}

struct args {
	uint64_t x[3]; /* x1, x2, x3 */
};

/* ARGS(x1, ...): the rest is 0. */
#define ARGS(...)                                                                                  \
	(struct args)                                                                              \
	{                                                                                          \
		{                                                                                  \
			__VA_ARGS__                                                                \
		}                                                                                  \
	}

/* A test that gets a fresh machine, version 1.3, as its state. */
#define PSCI_TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

/* Make a call as PE `pe`; *ret is x0 if the call returned. */
static inline enum fw_result invoke(struct fixture *f, unsigned pe, uint32_t fid, struct args args,
				    int64_t *ret)
{
	struct smccc call = {
		.fid = fid,
		.pe = pe,
		.big_endian = f->big_endian,
		.now_ns = f->now_ns,
		.arg = { args.x[0], args.x[1], args.x[2] },
	};
	struct fw_locked locked = fw_lock(&f->lock);
	enum fw_result result = psci_call(locked, &f->psci, fw_find(&f->service, fid), &call);

	fw_unlock(locked);
	*ret = call.ret;
	return result;
}

/* The call returns, with `expected` in x0. */
static inline void expect(struct fixture *f, unsigned pe, uint32_t fid, struct args args,
			  int64_t expected)
{
	const struct fw_call *row = fw_find(&f->service, fid);
	int64_t found = 0;
	enum fw_result result = invoke(f, pe, fid, args, &found);

	if (result == FW_RETURN && found == expected)
		return;
	fail_msg("PE %u %s %08x(0x%llx, 0x%llx, 0x%llx): expected x0 = %lld, found %s %lld", pe,
		 row ? row->name : "?", fid, (unsigned long long)args.x[0],
		 (unsigned long long)args.x[1], (unsigned long long)args.x[2], (long long)expected,
		 result == FW_RETURN ? "x0 =" : "no return, result",
		 (long long)(result == FW_RETURN ? found : (int64_t)result));
}

/* The call does not return but ends in `expected`. */
static inline void expect_result(struct fixture *f, unsigned pe, uint32_t fid, struct args args,
				 enum fw_result expected)
{
	int64_t ret = 0;
	enum fw_result found = invoke(f, pe, fid, args, &ret);

	if (found != expected)
		fail_msg("PE %u %08x: expected result %d, found %d (x0 %lld)", pe, fid, expected,
			 found, (long long)ret);
}

/* What the PE's own thread does when it looks. */
static inline bool take_on(struct fixture *f, unsigned pe, struct psci_entry *entry)
{
	struct fw_locked locked = fw_lock(&f->lock);
	bool on = psci_take_on(locked, &f->psci, pe, entry);

	fw_unlock(locked);
	return on;
}

static inline bool wake(struct fixture *f, unsigned pe, struct psci_entry *entry)
{
	struct fw_locked locked = fw_lock(&f->lock);
	bool restart = psci_wake(locked, &f->psci, pe, f->now_ns, entry);

	fw_unlock(locked);
	return restart;
}

/* CPU_ON by PE 0, and the start of the target's thread. */
static inline void power_on(struct fixture *f, unsigned pe)
{
	struct psci_entry entry;

	expect(f, 0, FID_CPU_ON | SMCCC_64BIT, ARGS(fixture_mpidr[pe], ENTRY, pe), PSCI_SUCCESS);
	assert_true(take_on(f, pe, &entry));
}

#endif
