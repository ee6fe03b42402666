/*
 * A machine of fake PEs for the tests of sdei/: four PEs, the last of them off and the others on
 * and unmasked, four platform events, two slots of each kind, and interrupt lines the test drives.
 * Calls go in as arm64/fw.c sends them; look() does what a PE's thread does when it was kicked.
 */
#ifndef TESTS_UNIT_SDEI_FIXTURE_H
#define TESTS_UNIT_SDEI_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/types.h"
#include "sdei/sdei.h"

#define NPE 4
#define OFF 3 /* the PE that is off */

/* PE 2 and 3 are a second cluster, which only Aff3 tells from the first. */
static const uint64_t fixture_mpidr[NPE] = { 0x0, 0x1, UINT64_C(0x100000000),
					     UINT64_C(0x100000001) };

/* Events: private and shared, normal and critical; numbers in an order in which neither type nor
 * priority is sorted. */
#define E0 UINT32_C(0)
#define SN UINT32_C(0x40000003)
#define PC UINT32_C(0x40000002)
#define PN UINT32_C(0x40000011)
#define SC UINT32_C(0x40000014)

static const struct sdei_event_def fixture_events[] = {
	{ PN, SDEI_PRIVATE, SDEI_NORMAL },
	{ SC, SDEI_SHARED, SDEI_CRITICAL },
	{ SN, SDEI_SHARED, SDEI_NORMAL },
	{ PC, SDEI_PRIVATE, SDEI_CRITICAL },
};

#define SLOT_BASE UINT32_C(0x40000008)
#define SLOTS     2u        /* of each kind */
#define FIRST_PPI SLOT_BASE /* the event that the first PPI bound gets */
#define FIRST_SPI (SLOT_BASE + SLOTS)
#define UNBOUND   (SLOT_BASE + 2 * SLOTS - 1)

/* Interrupts the client may bind: PPIs 20 to 23 and SPIs 40 to 47, the even ones level-triggered. */
#define PPI_LEVEL  20u
#define PPI_EDGE   21u
#define SPI_LEVEL  40u
#define SPI_EDGE   41u
#define SPI_ACTIVE 47u /* never inactive */
#define INTIDS     48u

/* Function ids. */
enum {
	VERSION = 0xc4000020,
	REGISTER,
	ENABLE,
	DISABLE,
	CONTEXT,
	COMPLETE,
	COMPLETE_AND_RESUME,
	UNREGISTER,
	STATUS,
	GET_INFO,
	ROUTING_SET,
	PE_MASK,
	PE_UNMASK,
	BIND,
	RELEASE,
	SIGNAL,
	FEATURES,
	PRIVATE_RESET,
	SHARED_RESET,
};

#define RM_ANY   UINT64_C(0)
#define RM_PE    UINT64_C(1)
#define RELATIVE UINT64_C(2)

#define MAX_NOTES 64

struct fixture {
	struct fw_lock lock;
	struct sdei sdei;
	struct fw_service service;
	struct sdei_ctx ctx[NPE];
	struct sdei_sysregs sys;
	uint64_t elr[NPE], spsr[NPE];
	bool kicked[NPE];    /* since the PE looked last */
	unsigned kicks[NPE]; /* ever */
	unsigned get_ctxs, get_sysregs;
	bool line[INTIDS][NPE]; /* SPIs: of PE 0 */
	bool bound[INTIDS];
	struct sdei_note note[MAX_NOTES];
	unsigned notes;
};

static inline void fixture_get_ctx(void *world, unsigned pe, struct sdei_ctx *ctx)
{
	struct fixture *f = world;

	f->get_ctxs++;
	*ctx = f->ctx[pe];
}

static inline void fixture_get_sysregs(void *world, unsigned pe, struct sdei_sysregs *sys)
{
	struct fixture *f = world;

	(void)pe;
	f->get_sysregs++;
	*sys = f->sys;
}

static inline void fixture_set_ctx(void *world, unsigned pe, const struct sdei_ctx *ctx)
{
	struct fixture *f = world;

	f->ctx[pe] = *ctx;
}

static inline void fixture_set_exception(void *world, unsigned pe, uint64_t elr, uint64_t spsr)
{
	struct fixture *f = world;

	f->elr[pe] = elr;
	f->spsr[pe] = spsr;
}

static inline void fixture_kick(void *world, unsigned pe)
{
	struct fixture *f = world;

	assert_true(pe < NPE);
	f->kicked[pe] = true;
	f->kicks[pe]++;
}

static inline bool fixture_is_ppi(uint32_t intid)
{
	return intid < 32;
}

static inline int64_t fixture_irq_bind(void *world, uint32_t intid, unsigned pe,
				       struct sdei_irq *irq)
{
	struct fixture *f = world;

	(void)pe;
	if (!(intid >= 20 && intid < 24) && !(intid >= 40 && intid < INTIDS))
		return SDEI_INVALID_PARAMETERS;
	if (intid == SPI_ACTIVE)
		return SDEI_DENIED;
	assert_false(f->bound[intid]);
	f->bound[intid] = true;
	*irq = (struct sdei_irq){ .shared = !fixture_is_ppi(intid), .level = intid % 2 == 0 };
	return SDEI_SUCCESS;
}

static inline void fixture_irq_release(void *world, uint32_t intid)
{
	struct fixture *f = world;

	assert_true(f->bound[intid]);
	f->bound[intid] = false;
}

static inline bool fixture_irq_level(void *world, uint32_t intid, unsigned pe)
{
	struct fixture *f = world;

	assert_true(f->bound[intid]);
	return f->line[intid][fixture_is_ppi(intid) ? pe : 0];
}

static inline void fixture_note(void *world, const struct sdei_note *note)
{
	struct fixture *f = world;

	if (f->notes < MAX_NOTES)
		f->note[f->notes++] = *note;
}

static const struct sdei_ops fixture_ops = {
	.get_ctx = fixture_get_ctx,
	.get_sysregs = fixture_get_sysregs,
	.set_ctx = fixture_set_ctx,
	.set_exception = fixture_set_exception,
	.kick = fixture_kick,
	.irq_bind = fixture_irq_bind,
	.irq_release = fixture_irq_release,
	.irq_level = fixture_irq_level,
	.note = fixture_note,
};

static const struct sdei_config fixture_config = {
	.npe = NPE,
	.mpidr = fixture_mpidr,
	.events = fixture_events,
	.nevents = ARRAY_SIZE(fixture_events),
	.private_slots = SLOTS,
	.shared_slots = SLOTS,
	.slot_base = SLOT_BASE,
	.ops = &fixture_ops,
};

struct args {
	uint64_t x[5]; /* x1 to x5 */
};

/* ARGS(x1, ...): the rest is 0. */
#define ARGS(...)                                                                                  \
	(struct args)                                                                              \
	{                                                                                          \
		{                                                                                  \
			__VA_ARGS__                                                                \
		}                                                                                  \
	}

/* Make a call as PE `pe`; *ret is x0 if the call returned, and the PE's x0 then too. */
static inline enum fw_result invoke(struct fixture *f, unsigned pe, uint32_t fid, struct args args,
				    int64_t *ret)
{
	struct smccc call = { .fid = fid, .pe = pe };
	struct fw_locked locked = fw_lock(&f->lock);
	enum fw_result result;

	memcpy(call.arg, args.x, sizeof(args.x));
	result = sdei_call(locked, &f->sdei, fw_find(&f->service, fid), &call);
	fw_unlock(locked);
	*ret = call.ret;
	if (result == FW_RETURN)
		f->ctx[pe].x[0] = (uint64_t)call.ret;
	return result;
}

static inline const char *fixture_name(struct fixture *f, uint32_t fid)
{
	const struct fw_call *row = fw_find(&f->service, fid);

	return row ? row->name : "?";
}

/* The call returns, with `expected` in x0. */
static inline void expect(struct fixture *f, unsigned pe, uint32_t fid, struct args args,
			  int64_t expected)
{
	int64_t found = 0;
	enum fw_result result = invoke(f, pe, fid, args, &found);

	if (result == FW_RETURN && found == expected)
		return;
	fail_msg("PE %u %s(0x%llx, 0x%llx, 0x%llx): expected x0 = %lld, found %s %lld", pe,
		 fixture_name(f, fid), (unsigned long long)args.x[0], (unsigned long long)args.x[1],
		 (unsigned long long)args.x[2], (long long)expected,
		 result == FW_RETURN ? "x0 =" : "no return, result",
		 (long long)(result == FW_RETURN ? found : (int64_t)result));
}

/* The call does not return: the PE goes on with another context. */
static inline void expect_resumed(struct fixture *f, unsigned pe, uint32_t fid, struct args args)
{
	int64_t ret = 0;
	enum fw_result result = invoke(f, pe, fid, args, &ret);

	if (result != FW_RESUMED)
		fail_msg("PE %u %s: expected to resume, found result %d, x0 = %lld", pe,
			 fixture_name(f, fid), result, (long long)ret);
}

/* The PE's thread: if it was kicked, it enters what it can. The event, or SDEI_NO_EVENT. */
static inline uint32_t look(struct fixture *f, unsigned pe)
{
	struct fw_locked locked;
	bool entered;

	if (!f->kicked[pe])
		return SDEI_NO_EVENT;
	f->kicked[pe] = false;
	locked = fw_lock(&f->lock);
	entered = sdei_evaluate(locked, &f->sdei, pe);
	fw_unlock(locked);
	return entered ? (uint32_t)f->ctx[pe].x[0] : SDEI_NO_EVENT;
}

#define expect_enters(f, pe, event)         assert_int_equal(look(f, pe), event)
#define expect_idle(f, pe)                  assert_int_equal(look(f, pe), SDEI_NO_EVENT)
#define expect_status(f, pe, event, status) expect(f, pe, STATUS, ARGS(event), status)

static inline void complete(struct fixture *f, unsigned pe)
{
	expect_resumed(f, pe, COMPLETE, ARGS(0));
}

static inline uint64_t ep_of(uint32_t event)
{
	return UINT64_C(0xffff800000000000) + event * 64u;
}

static inline uint64_t arg_of(uint32_t event)
{
	return UINT64_C(0x1122334400000000) | event;
}

/* REGISTER with flags and affinity, then ENABLE. */
static inline void ready_routed(struct fixture *f, unsigned pe, uint32_t event, uint64_t flags,
				uint64_t affinity)
{
	expect(f, pe, REGISTER, ARGS(event, ep_of(event), arg_of(event), flags, affinity),
	       SDEI_SUCCESS);
	expect(f, pe, ENABLE, ARGS(event), SDEI_SUCCESS);
}

static inline void ready(struct fixture *f, unsigned pe, uint32_t event)
{
	ready_routed(f, pe, event, 0, 0);
}

static inline enum sdei_triggered try_trigger(struct fixture *f, uint32_t event, unsigned pe)
{
	struct fw_locked locked = fw_lock(&f->lock);
	enum sdei_triggered result = sdei_trigger(locked, &f->sdei, event, pe, "test");

	fw_unlock(locked);
	return result;
}

static inline void trigger(struct fixture *f, uint32_t event, unsigned pe)
{
	assert_int_equal(try_trigger(f, event, pe), SDEI_TRIGGERED);
}

static inline void trigger_shared(struct fixture *f, uint32_t event)
{
	trigger(f, event, SDEI_NO_PE);
}

static inline void set_line(struct fixture *f, uint32_t intid, unsigned pe, bool level)
{
	struct fw_locked locked = fw_lock(&f->lock);

	f->line[intid][fixture_is_ppi(intid) ? pe : 0] = level;
	if (level)
		sdei_line_raised(locked, &f->sdei, intid);
	fw_unlock(locked);
}

static inline unsigned wants(struct fixture *f, unsigned pe)
{
	struct fw_locked locked = fw_lock(&f->lock);
	unsigned want = sdei_wants(locked, &f->sdei, pe);

	fw_unlock(locked);
	return want;
}

static inline bool in_handler(struct fixture *f, unsigned pe)
{
	struct fw_locked locked = fw_lock(&f->lock);
	bool in = sdei_in_handler(locked, &f->sdei, pe);

	fw_unlock(locked);
	return in;
}

static inline void power(struct fixture *f, unsigned pe,
			 void (*fn)(struct fw_locked, struct sdei *, unsigned))
{
	struct fw_locked locked = fw_lock(&f->lock);

	fn(locked, &f->sdei, pe);
	fw_unlock(locked);
}

/* CPU_ON, and the guest's PE_UNMASK. */
static inline void start(struct fixture *f, unsigned pe)
{
	power(f, pe, sdei_pe_on);
	expect(f, pe, PE_UNMASK, ARGS(0), SDEI_SUCCESS);
}

/* A context in which every register tells where it is from. */
static inline struct sdei_ctx some_ctx(uint64_t seed)
{
	struct sdei_ctx ctx = { .pc = UINT64_C(0xffff000000080000) + seed * 4, .pstate = 5 };

	for (unsigned i = 0; i < ARRAY_SIZE(ctx.x); i++)
		ctx.x[i] = seed << 32 | i;
	return ctx;
}

static inline void fixture_init(struct fixture *f)
{
	struct sdei_config config = fixture_config;
	struct err err;

	*f = (struct fixture){ .lock = { PTHREAD_MUTEX_INITIALIZER } };
	config.world = f;
	f->service = (struct fw_service){ "SDEI", sdei_calls, sdei_ncalls, &f->sdei, NULL };
	assert_int_equal(sdei_init(&f->sdei, &config, &err), 0);
	for (unsigned pe = 0; pe < NPE; pe++) {
		f->ctx[pe] = some_ctx(pe + 1);
		if (pe != OFF)
			start(f, pe);
	}
	f->notes = 0;
}

static inline int fixture_setup(void **state)
{
	*state = malloc(sizeof(struct fixture));
	fixture_init(*state);
	return 0;
}

static inline int fixture_teardown(void **state)
{
	struct fixture *f = *state;

	sdei_destroy(&f->sdei);
	free(f);
	return 0;
}

/* A test that gets a fresh machine as its state. */
#define SDEI_TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

#endif
