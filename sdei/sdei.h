/*
 * SDEI 1.1: events that the firmware delivers to the guest's operating system, whatever interrupts
 * it has masked. Pure: no ioctl, thread or clock; what it needs of a PE and of the interrupt
 * controller it asks through struct sdei_ops.
 *
 * Who calls what: each PE's own thread makes the guest's calls (sdei_call), and enters handlers
 * (sdei_evaluate) when ops->kick asked for it; any thread may trigger events. All of it under the
 * firmware lock.
 *
 * Source: Arm DEN0054C (SDEI 1.1).
 */
#ifndef SDEI_SDEI_H
#define SDEI_SDEI_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/exception.h"
#include "lib/lock.h"
#include "lib/smccc.h"

/* DEN0054C 5.1, return codes. */
enum sdei_error {
	SDEI_SUCCESS = 0,
	SDEI_NOT_SUPPORTED = -1,
	SDEI_INVALID_PARAMETERS = -2,
	SDEI_DENIED = -3,
	SDEI_PENDING = -5,
	SDEI_OUT_OF_RESOURCE = -10,
};

#define SDEI_VERSION_1_1 UINT64_C(0x0001000100000000)
#define SDEI_VENDOR      UINT32_C(0x52415356) /* "RASV": bits 31:0 of SDEI_VERSION */

#define SDEI_MAX_PES    512
#define SDEI_MAX_EVENTS 64 /* event 0, platform events and slots for bound interrupts together */
#define SDEI_NO_PE      UINT16_MAX
#define SDEI_NO_EVENT   UINT32_MAX
#define SDEI_MAX_FRAMES 2 /* a critical handler over a normal one */

/* Event numbers, DEN0054C 4.1: vendor numbers have bit 30 set and 24 bits to count. */
#define SDEI_EVENT_SIGNALLED   UINT32_C(0)
#define SDEI_EVENT_VENDOR_BASE UINT32_C(0x40000000)
#define SDEI_EVENT_VENDOR_LAST UINT32_C(0x40ffffff)

enum sdei_type { SDEI_PRIVATE = 0, SDEI_SHARED = 1 }; /* as EVENT_GET_INFO gives them */
enum sdei_priority { SDEI_NORMAL = 0, SDEI_CRITICAL = 1 };

/* What an event is, for as long as the machine exists. */
struct sdei_event_def {
	uint32_t num;
	enum sdei_type type;
	enum sdei_priority priority;
};

/* The handler's state, in the encoding of EVENT_STATUS (DEN0054C 5.1.9). The text calls them by
 * three digits, registered-enabled-running; 010 and 011 do not exist. */
#define SDEI_REGISTERED 1u
#define SDEI_ENABLED    2u
#define SDEI_RUNNING    4u
#define SDEI_NR_STATES  8u

/* What can happen to a handler; the columns of the transition table (DEN0054C 6.1, table 15). */
enum sdei_op {
	SDEI_OP_REGISTER,
	SDEI_OP_ENABLE,
	SDEI_OP_DISABLE,
	SDEI_OP_UNREGISTER,
	SDEI_OP_ROUTING_SET,
	SDEI_OP_RELEASE,
	SDEI_OP_CONTEXT,
	SDEI_OP_COMPLETE,
	SDEI_OP_DISPATCH, /* the handler is entered */
	SDEI_NR_OPS
};

struct sdei_step {
	uint8_t next;  /* state afterwards; the same state if the operation is refused */
	int8_t result; /* enum sdei_error; UNREGISTER of a running handler is PENDING and a step */
};

/* One cell of the table. Any state below SDEI_NR_STATES; the impossible ones refuse everything. */
struct sdei_step sdei_next_state(unsigned state, enum sdei_op op);

/* The interrupted context: what EVENT_CONTEXT shows and EVENT_COMPLETE restores. */
struct sdei_ctx {
	uint64_t x[18];
	uint64_t pc;
	uint64_t pstate; /* SPSR_ELx layout */
};

/* Features of the PE that change the PSTATE with which an exception is taken. */
#define SDEI_PE_PAN  LIB_PE_PAN
#define SDEI_PE_SSBS LIB_PE_SSBS
#define SDEI_PE_MTE2 LIB_PE_MTE2
#define SDEI_PE_NMI  LIB_PE_NMI

struct sdei_sysregs {
	uint64_t sctlr; /* SCTLR_EL1 */
	uint64_t vbar;  /* VBAR_EL1, if have_vbar */
	bool have_vbar; /* only relative handlers need it */
	uint32_t features;
};

/* PSTATE with which a handler starts, from the interrupted one: an exception taken to EL1h with
 * everything masked (DEN0054C 4.3, DDI0487 D1.3). Pure. */
uint64_t sdei_entry_pstate(uint64_t interrupted, const struct sdei_sysregs *sys);

/* An event's life, for a trace. */
enum sdei_note_kind {
	SDEI_NOTE_TRIGGERED, /* by: what for; pe: the target or SDEI_NO_PE */
	SDEI_NOTE_DROPPED,   /* why */
	SDEI_NOTE_PENDED,    /* why it waits; pe or SDEI_NO_PE */
	SDEI_NOTE_ROUTED,    /* pe: asked to take it */
	SDEI_NOTE_ENTERED,   /* pe, pc, pstate: what was interrupted; depth */
	SDEI_NOTE_COMPLETED, /* pe, status: argument of EVENT_COMPLETE; depth */
	SDEI_NOTE_RESUMED,   /* pe, pc: resume address of EVENT_COMPLETE_AND_RESUME; depth */
	SDEI_NOTE_ENDED,     /* pe: went off inside the handler; depth */
};

/* Why an event waits or is dropped. */
enum sdei_hold {
	SDEI_HOLD_NOT,
	SDEI_HOLD_UNREGISTERED,
	SDEI_HOLD_DISABLED,
	SDEI_HOLD_RUNNING, /* its handler runs already */
	SDEI_HOLD_OFF,     /* the PE is off */
	SDEI_HOLD_MASKED,  /* the PE is masked */
	SDEI_HOLD_BUSY,    /* the PE runs a handler this event must not interrupt */
	SDEI_HOLD_NO_PE,   /* RM_ANY, and no PE can take it */
};

struct sdei_note {
	enum sdei_note_kind kind;
	uint32_t event;
	unsigned pe;
	unsigned depth; /* handlers on the PE, with this one: 1 or 2 */
	enum sdei_hold why;
	const char *by; /* static string */
	uint64_t pc, pstate;
	uint64_t status;
};

const char *sdei_hold_name(enum sdei_hold why);
const char *sdei_error_name(int64_t code); /* NULL: not an SDEI return code */

/* An interrupt the client may bind. */
struct sdei_irq {
	bool shared; /* SPI; else PPI */
	bool level; /* pending as long as ops->irq_level says so; else as often as it is triggered */
};

/* All SDEI needs of the world. Called with the firmware lock held; must not block or fail. */
struct sdei_ops {
	/* Registers of the PE whose thread is calling, after whatever exit it is in was finished.
	 * Values set are seen by the next get. */
	void (*get_ctx)(void *world, unsigned pe, struct sdei_ctx *ctx);
	void (*get_sysregs)(void *world, unsigned pe, struct sdei_sysregs *sys);
	void (*set_ctx)(void *world, unsigned pe, const struct sdei_ctx *ctx);
	void (*set_exception)(void *world, unsigned pe, uint64_t elr, uint64_t spsr);
	/* The PE should call sdei_evaluate(), or learn from sdei_wants() that there is nothing to
	 * enter, before it executes another guest instruction. May be the calling PE. */
	void (*kick)(void *world, unsigned pe);
	/* INTERRUPT_BIND by `pe`: may the client have this interrupt? SUCCESS and *irq filled in,
	 * and from now on the line is SDEI's; or INVALID_PARAMETERS (no such interrupt, or not one
	 * to give away) or DENIED (not inactive). NULL: none may. */
	int64_t (*irq_bind)(void *world, uint32_t intid, unsigned pe, struct sdei_irq *irq);
	/* The line is the interrupt controller's again. */
	void (*irq_release)(void *world, uint32_t intid);
	/* Level of a bound line, of `pe`'s own for a PPI. */
	bool (*irq_level)(void *world, uint32_t intid, unsigned pe);
	/* NULL: nobody listens. */
	void (*note)(void *world, const struct sdei_note *note);
};

struct sdei_config {
	unsigned npe;          /* 1..SDEI_MAX_PES */
	const uint64_t *mpidr; /* affinity fields of each PE, as CPU_ON takes them; outlives sdei */
	const struct sdei_event_def *events; /* platform events besides event 0; copied */
	unsigned nevents;
	unsigned private_slots, shared_slots; /* for INTERRUPT_BIND */
	uint32_t slot_base; /* number of the first slot, private ones first; vendor range */
	const struct sdei_ops *ops;
	void *world;
};

/* One handler: of a shared event, or of a private event on one PE. PEs are indices, or SDEI_NO_PE. */
struct sdei_handler {
	uint64_t ep, arg;
	uint8_t state;    /* SDEI_REGISTERED | ... */
	bool pending;     /* triggered and not yet entered; not used by level-triggered events */
	bool relative;    /* ep counts from VBAR_EL1 */
	bool rm_pe;       /* shared: routed to `target` only */
	uint16_t target;  /* shared, rm_pe: the PE */
	uint16_t runner;  /* running: the PE that runs it */
	uint16_t asked;   /* pending: the PE that can take it now and was kicked for it */
	uint16_t padding; /* 0 */
};

struct sdei_frame {
	uint32_t event; /* index into struct sdei's event[] */
	struct sdei_ctx ctx;
};

struct sdei_pe {
	bool on;
	bool masked;
	uint8_t depth; /* frames in use; frame[depth - 1] is the innermost */
	struct sdei_frame frame[SDEI_MAX_FRAMES];
};

struct sdei_event {
	struct sdei_event_def def;
	bool slot;        /* for bound interrupts */
	bool level;       /* bound to a level-triggered interrupt */
	uint32_t intid;   /* bound interrupt, or 0: the slot is free */
	uint32_t handler; /* index of its first handler: one if shared, npe if private */
};

/* State is in event[].intid and .level, handler[] and pe[]; the rest never changes after init. */
struct sdei {
	struct sdei_config config;
	struct sdei_event event[SDEI_MAX_EVENTS]; /* ascending by number; event[0] is event 0 */
	unsigned nevents;
	struct sdei_handler *handler; /* nhandlers of them */
	unsigned nhandlers;
	struct sdei_pe *pe; /* npe of them */
};

#define SDEI_FID_EVENT_ENABLE   UINT32_C(0xc4000022)
#define SDEI_FID_INTERRUPT_BIND UINT32_C(0xc400002d)

extern const struct fw_call sdei_calls[];
extern const unsigned sdei_ncalls;

/* Allocate and reset. 0, -ENOMEM, or -EINVAL with `err` saying which event or number does not fit:
 * platform events must have vendor numbers, each once, outside the slots'. */
int sdei_init(struct sdei *sdei, const struct sdei_config *config, struct err *err)
	__attribute__((warn_unused_result));
void sdei_destroy(struct sdei *sdei);

/* Machine reset: every PE off and masked, nothing registered, bound or pending. Interrupts that were
 * bound are given back through ops->irq_release. No PE may be running. */
void sdei_reset(struct fw_locked, struct sdei *sdei);

/* Power states of a PE, DEN0054C 5.5. On: comes up masked. Off (CPU_OFF, CPU_FREEZE): running
 * handlers count as complete, private handlers are forgotten. Resumed: from a power-down suspend,
 * masked, handlers kept. */
void sdei_pe_on(struct fw_locked, struct sdei *sdei, unsigned pe);
void sdei_pe_off(struct fw_locked, struct sdei *sdei, unsigned pe);
void sdei_pe_resumed(struct fw_locked, struct sdei *sdei, unsigned pe);

/* True while a handler runs on the PE: it may not suspend then. */
bool sdei_in_handler(struct fw_locked, const struct sdei *sdei, unsigned pe);

/* The guest's call; `row` is what fw_find() gave for call->fid (or NULL). FW_RETURN with call->ret,
 * or FW_RESUMED: the context was replaced through ops->set_ctx. May kick the caller itself. */
enum fw_result sdei_call(struct fw_locked, struct sdei *sdei, const struct fw_call *row,
			 struct smccc *call);

/* What sdei_evaluate() would do now. */
#define SDEI_WANT_ENTRY 1u /* an event can be entered on this PE */
#define SDEI_WANT_VBAR  2u /* its handler is relative, so get_sysregs should have vbar */
unsigned sdei_wants(struct fw_locked, const struct sdei *sdei, unsigned pe);

/* Enter the handler of the most urgent event that this PE can take, critical before normal, then by
 * number; afterwards it can take no other before a call or a trigger. The PE's own thread, with all
 * its exits finished. True if the context changed. If VBAR_EL1 is needed and missing, nothing happens
 * but another kick. */
bool sdei_evaluate(struct fw_locked, struct sdei *sdei, unsigned pe);

enum sdei_triggered {
	SDEI_TRIGGERED,        /* pending, or already at a PE */
	SDEI_TRIGGER_DROPPED,  /* nobody registered it */
	SDEI_TRIGGER_NO_EVENT, /* or one that only an interrupt line makes pending */
	SDEI_TRIGGER_BAD_PE,   /* private event without an existing PE, shared event with one */
};

/* The platform triggers an event (edge): a private one for `pe`, a shared one with SDEI_NO_PE. `by`
 * is a static string for the trace. */
enum sdei_triggered sdei_trigger(struct fw_locked, struct sdei *sdei, uint32_t event, unsigned pe,
				 const char *by);

/* A line that may be bound as level-triggered has risen: ask PEs to look. Spurious calls are harmless.
 * The event of an edge-triggered interrupt is triggered with sdei_trigger(), and only that. */
void sdei_line_raised(struct fw_locked, struct sdei *sdei, uint32_t intid);

/* The event a bound interrupt has, or SDEI_NO_EVENT. */
uint32_t sdei_bound_event(struct fw_locked, const struct sdei *sdei, uint32_t intid);

/* State of an event's handler as EVENT_STATUS gives it, on `pe` if private; 0 if unknown. */
unsigned sdei_status(struct fw_locked, const struct sdei *sdei, uint32_t event, unsigned pe);

/* Could a shared event be entered by some PE now: its handler is registered, enabled and not running, and a PE
 * it may go to is on and unmasked. */
bool sdei_deliverable(struct fw_locked, const struct sdei *sdei, uint32_t event);

/* The definition of an event number that exists now (platform event or bound slot), or NULL. */
const struct sdei_event_def *sdei_find(struct fw_locked, const struct sdei *sdei, uint32_t event);

#endif
