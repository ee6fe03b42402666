/*
 * The explored machine: the real SDEI and PSCI code, two PEs that may do at any time what a guest
 * and its surroundings can do, and rules that must hold always.
 *
 * world.c builds the machine and plays the part of arm64/fw.c, moves.c says what can happen next,
 * rules.c and rules_calls.c judge, pack.c makes a state small, configs.c lists the machines, explore.c searches.
 */
#ifndef TESTS_MODEL_MODEL_H
#define TESTS_MODEL_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "hypercall/psci.h"
#include "sdei/sdei.h"

#define NPE          2
#define MAX_EVENTS   6 /* event 0, platform events and slots */
#define MAX_HANDLERS (MAX_EVENTS * NPE)
#define MAX_IRQS     3
#define MAX_MOVES    160
#define ROUTE_ANY    NPE /* as the routing of a move: RM_ANY; below: RM_PE to that PE */

#define BIT(n) (1u << (n))
#define ALL    (BIT(NPE) - 1) /* every PE */

enum move_kind {
	/* SDEI calls of the guest. */
	MV_REGISTER, /* obj: event, arg: routing */
	MV_ENABLE,   /* obj: event */
	MV_DISABLE,
	MV_UNREGISTER,
	MV_ROUTING, /* arg: routing */
	MV_MASK,
	MV_UNMASK,
	MV_SIGNAL, /* obj: target PE */
	MV_BIND,   /* obj: interrupt */
	MV_RELEASE,
	MV_COMPLETE,
	MV_RESUME,
	MV_PRIVATE_RESET,
	MV_SHARED_RESET,
	/* PSCI calls of the guest. */
	MV_CPU_ON, /* obj: target PE */
	MV_CPU_OFF,
	MV_FREEZE,
	MV_STANDBY,
	MV_POWERDOWN,
	MV_SYSTEM_SUSPEND,
	/* What happens to the PEs from outside. */
	MV_TRIGGER,   /* obj: event; pe: the target if it is private */
	MV_EDGE,      /* obj: interrupt that is triggered by its edge; pe as above */
	MV_LINE_UP,   /* obj: interrupt with a level; pe as above */
	MV_LINE_DOWN, /* the same */
	MV_NOTICE,    /* obj: interrupt whose line rose; the main thread tells the firmware */
	/* The PE's own thread. */
	MV_LOOK,    /* it was kicked and asks whether there is an event to enter */
	MV_ENTER,   /* it goes on from there */
	MV_TAKE_ON, /* it finds itself powered on */
	MV_WAKE,    /* an interrupt ends its suspend */
	MV_ERET,    /* the guest returns from where COMPLETE_AND_RESUME sent it */
	MV_NR
};

struct move {
	uint8_t kind, pe, obj, arg;
};

/* Stands for the moves of one kind with every combination of what the masks name. */
struct pattern {
	enum move_kind kind;
	unsigned pes, objs, args;
};

struct model_irq {
	uint32_t intid;
	bool shared, level;
};

/* One machine to explore. Events are meant by their index: 0 is event 0, then the platform events,
 * private slots, shared slots. */
struct config {
	const char *name;
	const char *what;
	struct sdei_event_def events[MAX_EVENTS];
	unsigned nevents;
	unsigned private_slots, shared_slots;
	struct model_irq irqs[MAX_IRQS];
	unsigned nirqs;
	bool on_pending; /* CPU_ON leaves the target ON_PENDING until its thread starts it */
	const struct move *prelude;  /* from reset to the first state; ends with kind MV_NR */
	const struct pattern *moves; /* ends with kind MV_NR */
};
extern const struct config configs[];
extern const unsigned nconfigs;

/* What a PE is doing, in place of its registers. */
enum token { TOKEN_MAIN, TOKEN_RESUMED, TOKEN_HANDLER /* + index of the event */ };

/* How far a PE's thread is that was kicked. Between any two of these the lock is free. */
enum looking {
	LOOKING_NOT,
	LOOKING_ENTER, /* there was an event: the thread ends a suspend, reads registers, then enters */
	LOOKING_WOKEN, /* it has ended a suspend and asks again */
};

/* Everything that changes. */
struct state {
	struct sdei_handler handler[MAX_HANDLERS];
	struct sdei_pe pe[NPE];
	uint32_t slot_intid[MAX_EVENTS];
	bool slot_level[MAX_EVENTS];
	struct psci_pe power[NPE];
	bool suspended_since_mode;
	uint8_t token[NPE];
	bool kick[NPE]; /* kicked and has not looked yet */
	uint8_t looking[NPE];
	bool bound[MAX_IRQS];      /* the line was given to the firmware */
	bool raised[MAX_IRQS];     /* bound, rose, and the firmware was not told yet */
	bool level[MAX_IRQS][NPE]; /* a shared line uses [0] */
};

/* What a move did, besides the new state. */
struct outcome {
	bool called; /* a firmware call: `result`, and `ret` if it is FW_RETURN */
	enum fw_result result;
	int64_t ret;
	enum sdei_triggered triggered; /* of MV_TRIGGER, MV_EDGE */
};

struct world {
	const struct config *config;
	struct fw_lock lock;
	struct fw_locked fw;
	struct sdei sdei;
	struct psci psci;
	struct psci_pe power[NPE];
	uint8_t token[NPE];
	bool kick[NPE];
	uint8_t looking[NPE];
	bool bound[MAX_IRQS];
	bool raised[MAX_IRQS]; /* bound, rose, and the firmware was not told yet */
	bool level[MAX_IRQS][NPE];
	/* The move under way. */
	unsigned caller;          /* PE whose thread runs, or NPE: another thread */
	struct sdei_ctx ctx[NPE]; /* registers */
	bool exception;           /* set_exception was called */
	uint64_t elr, spsr;
	char fail[200]; /* the first rule broken; empty: none */
};

/* world.c */
int world_init(struct world *w, const struct config *config, struct err *err)
	__attribute__((warn_unused_result));
void world_destroy(struct world *w);
void world_save(const struct world *w, struct state *s);
void world_load(struct world *w, const struct state *s);
void world_fail(struct world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
uint64_t model_mpidr(unsigned pe);
uint64_t model_ep(unsigned event);
uint64_t model_arg(unsigned event);
void model_ctx(unsigned pe, unsigned token, struct sdei_ctx *ctx);
int model_token(uint64_t pc); /* or -1 */
/* PC of a handler that COMPLETE_AND_RESUME asked for, and of powered-on PEs. */
#define MODEL_RESUME_PC UINT64_C(0x80000080)
#define MODEL_ENTRY_PC  UINT64_C(0x80001000)

/* Indices and properties, from the core's tables. */
static inline bool event_is_shared(const struct world *w, unsigned e)
{
	return w->sdei.event[e].def.type == SDEI_SHARED;
}
static inline bool event_is_critical(const struct world *w, unsigned e)
{
	return w->sdei.event[e].def.priority == SDEI_CRITICAL;
}
static inline unsigned handler_index(const struct world *w, unsigned e, unsigned pe)
{
	return w->sdei.event[e].handler + (event_is_shared(w, e) ? 0 : pe);
}
/* The interrupt with this number, or NULL. */
const struct model_irq *find_irq(const struct world *w, uint32_t intid);
bool irq_is_up_anywhere(const struct world *w, const struct model_irq *irq);
bool irq_is_up(const struct world *w, uint32_t intid, unsigned pe);

/* moves.c */
unsigned moves_list(const struct config *config, struct move *moves);
const char *move_name(struct move m);
bool move_possible(const struct world *w, struct move m);
struct outcome move_apply(struct world *w, struct move m);
void move_print(const struct world *w, struct move m, const struct outcome *out);
void state_print(const struct world *w);
/* The moves that bring the machine to rest: look, then end handlers, turning their lines off. */
int move_to_rest(const struct world *w, const struct move *moves, unsigned n);

/* rules.c: judge by world_fail(). */
void rules_state(struct world *w);
void rules_move(struct world *w, const struct state *before, struct move m,
		const struct outcome *out);

/* rules_calls.c: what calls answer and what becomes of handlers; the same. */
void rules_calls(struct world *w, const struct state *before, struct move m,
		 const struct outcome *out);

/* pack.c: a state as few bits; equal states give equal words. */
#define PACKED_WORDS 4
struct packed {
	uint64_t word[PACKED_WORDS];
};
void pack(struct world *w, struct packed *p);
void unpack(struct world *w, const struct packed *p);

#endif
