/*
 * The machines that are explored. Each has few events and few kinds of moves, so that all its states
 * can be visited; together they have every call that changes something, on its own and mixed with
 * those that it can meet. A move that changes nothing in a machine is left out of it.
 */
#include "tests/model/model.h"

#include "lib/types.h"

/* clang-format off */
#define END_OF_MOVES { MV_NR, 0, 0, 0 }
#define ROUTES       (ALL | BIT(ROUTE_ANY))
#define ANY          BIT(ROUTE_ANY)

#define PRIVATE_NORMAL   { 0x40000001, SDEI_PRIVATE, SDEI_NORMAL }
#define PRIVATE_CRITICAL { 0x40000002, SDEI_PRIVATE, SDEI_CRITICAL }
#define SHARED_NORMAL    { 0x40000003, SDEI_SHARED, SDEI_NORMAL }
#define SHARED_CRITICAL  { 0x40000004, SDEI_SHARED, SDEI_CRITICAL }

/* Both PEs run the guest, masked; nothing is registered. */
#define BOTH_ON { MV_TAKE_ON, 0, 0, 0 }, { MV_CPU_ON, 0, 1, 0 }, { MV_TAKE_ON, 1, 0, 0 }
#define REGISTERED(pe, event, route) { MV_REGISTER, pe, event, route }, { MV_ENABLE, pe, event, 0 }

/* Moves almost every machine has. */
#define MASKING  { MV_MASK, ALL, 0, 0 }, { MV_UNMASK, ALL, 0, 0 }
#define HANDLING { MV_LOOK, ALL, 0, 0 }, { MV_ENTER, ALL, 0, 0 }, { MV_COMPLETE, ALL, 0, 0 }

static const struct move both_on[] = { BOTH_ON, END_OF_MOVES };

/* ---- private events: the whole life of three handlers on PE0, event 0 also on PE1 ---- */

static const struct pattern private_moves[] = {
	HANDLING,
	MASKING,
	{ MV_REGISTER,      BIT(0), BIT(0) | BIT(1) | BIT(2), ANY },
	{ MV_ENABLE,        BIT(0), BIT(0) | BIT(1) | BIT(2), 0 },
	{ MV_DISABLE,       BIT(0), BIT(0) | BIT(1) | BIT(2), 0 },
	{ MV_UNREGISTER,    BIT(0), BIT(0) | BIT(1) | BIT(2), 0 },
	{ MV_REGISTER,      BIT(1), BIT(0), ANY },
	{ MV_ENABLE,        BIT(1), BIT(0), 0 },
	{ MV_UNREGISTER,    BIT(1), BIT(0), 0 },
	{ MV_SIGNAL,        ALL, ALL, 0 },
	{ MV_PRIVATE_RESET, ALL, 0, 0 },
	{ MV_TRIGGER,       BIT(0), BIT(1) | BIT(2), 0 },
	END_OF_MOVES
};

/* ---- a shared event and its routing, beside a critical and a private one ---- */

static const struct move shared_prelude[] = {
	BOTH_ON,
	REGISTERED(0, 1, ROUTE_ANY),
	REGISTERED(1, 1, ROUTE_ANY),
	{ MV_REGISTER, 0, 3, ROUTE_ANY },
	END_OF_MOVES
};
static const struct pattern shared_moves[] = {
	HANDLING,
	MASKING,
	{ MV_REGISTER,     BIT(0), BIT(2), ROUTES },
	{ MV_ROUTING,      BIT(1), BIT(2), ROUTES },
	{ MV_ENABLE,       BIT(0), BIT(2) | BIT(3), 0 },
	{ MV_DISABLE,      BIT(1), BIT(2) | BIT(3), 0 },
	{ MV_UNREGISTER,   BIT(1), BIT(2), 0 },
	{ MV_TRIGGER,      ALL, BIT(1), 0 },
	{ MV_TRIGGER,      BIT(0), BIT(2) | BIT(3), 0 },
	END_OF_MOVES
};

/* ---- resets, and the end of handlers that are not registered any more ---- */

static const struct pattern reset_moves[] = {
	HANDLING,
	MASKING,
	{ MV_REGISTER,      ALL, BIT(1), ANY },
	{ MV_ENABLE,        ALL, BIT(1), 0 },
	{ MV_REGISTER,      BIT(0), BIT(2), ROUTES },
	{ MV_REGISTER,      BIT(0), BIT(3), ANY },
	{ MV_ENABLE,        BIT(0), BIT(2) | BIT(3), 0 },
	{ MV_PRIVATE_RESET, ALL, 0, 0 },
	{ MV_SHARED_RESET,  ALL, 0, 0 },
	{ MV_TRIGGER,       ALL, BIT(1), 0 },
	{ MV_TRIGGER,       BIT(0), BIT(2) | BIT(3), 0 },
	END_OF_MOVES
};

/* ---- COMPLETE_AND_RESUME, nested and not ---- */

static const struct move resume_prelude[] = {
	BOTH_ON,
	REGISTERED(0, 1, ROUTE_ANY),
	REGISTERED(0, 2, ROUTE_ANY),
	REGISTERED(1, 2, ROUTE_ANY),
	REGISTERED(0, 3, ROUTE_ANY),
	END_OF_MOVES
};
static const struct pattern resume_moves[] = {
	HANDLING,
	MASKING,
	{ MV_RESUME,     ALL, 0, 0 },
	{ MV_ERET,       ALL, 0, 0 },
	{ MV_DISABLE,    ALL, BIT(3), 0 },
	{ MV_ENABLE,     ALL, BIT(3), 0 },
	{ MV_TRIGGER,    BIT(0), BIT(1) | BIT(2) | BIT(3), 0 },
	{ MV_TRIGGER,    BIT(1), BIT(2), 0 },
	END_OF_MOVES
};

/* ---- bound interrupts; event 1 is a platform event, 2 (and 3) the slots ---- */

static const struct pattern bind_private_moves[] = {
	HANDLING,
	MASKING,
	{ MV_BIND,          ALL, BIT(0) | BIT(1), 0 },
	{ MV_RELEASE,       ALL, BIT(2), 0 },
	{ MV_REGISTER,      ALL, BIT(2), ANY },
	{ MV_ENABLE,        ALL, BIT(2), 0 },
	{ MV_REGISTER,      BIT(0), BIT(1), ANY },
	{ MV_ENABLE,        BIT(0), BIT(1), 0 },
	{ MV_DISABLE,       BIT(0), BIT(2), 0 },
	{ MV_UNREGISTER,    ALL, BIT(2), 0 },
	{ MV_PRIVATE_RESET, BIT(0), 0, 0 },
	{ MV_SHARED_RESET,  BIT(0), 0, 0 },
	{ MV_TRIGGER,       BIT(0), BIT(1), 0 },
	{ MV_LINE_UP,       ALL, BIT(0), 0 },
	{ MV_NOTICE,        BIT(0), BIT(0), 0 },
	{ MV_LINE_DOWN,     ALL, BIT(0), 0 },
	{ MV_EDGE,          ALL, BIT(1), 0 },
	END_OF_MOVES
};

static const struct pattern bind_shared_moves[] = {
	HANDLING,
	MASKING,
	{ MV_BIND,         BIT(0), BIT(0) | BIT(1), 0 },
	{ MV_RELEASE,      BIT(1), BIT(2) | BIT(3), 0 },
	{ MV_REGISTER,     BIT(0), BIT(2), BIT(0) | ANY },
	{ MV_REGISTER,     BIT(0), BIT(3), ANY },
	{ MV_ENABLE,       BIT(0), BIT(2) | BIT(3), 0 },
	{ MV_DISABLE,      BIT(1), BIT(2), 0 },
	{ MV_UNREGISTER,   BIT(1), BIT(2), 0 },
	{ MV_SHARED_RESET, BIT(0), 0, 0 },
	{ MV_TRIGGER,      BIT(0), BIT(1), 0 },
	{ MV_LINE_UP,      BIT(0), BIT(0), 0 },
	{ MV_NOTICE,       BIT(0), BIT(0), 0 },
	{ MV_LINE_DOWN,    BIT(0), BIT(0), 0 },
	{ MV_EDGE,         BIT(0), BIT(1), 0 },
	END_OF_MOVES
};
static const struct move bind_shared_prelude[] = {
	BOTH_ON,
	REGISTERED(0, 1, ROUTE_ANY),
	END_OF_MOVES
};

/* ---- PEs that go off, come on and suspend ---- */

#define POWER \
	{ MV_CPU_ON, BIT(0), BIT(1), 0 }, { MV_CPU_ON, BIT(1), BIT(0), 0 }, { MV_CPU_OFF, ALL, 0, 0 }, \
	{ MV_STANDBY, ALL, 0, 0 }, { MV_POWERDOWN, ALL, 0, 0 }, { MV_TAKE_ON, ALL, 0, 0 }, \
	{ MV_WAKE, ALL, 0, 0 }

static const struct move from_reset[] = { { MV_TAKE_ON, 0, 0, 0 }, END_OF_MOVES };
static const struct pattern power_private_moves[] = {
	HANDLING,
	MASKING,
	POWER,
	{ MV_FREEZE,         BIT(1), 0, 0 },
	{ MV_SYSTEM_SUSPEND, BIT(0), 0, 0 },
	{ MV_REGISTER,       ALL, BIT(0), ANY },
	{ MV_ENABLE,         ALL, BIT(0), 0 },
	{ MV_REGISTER,       BIT(0), BIT(1), ANY },
	{ MV_ENABLE,         BIT(0), BIT(1), 0 },
	{ MV_UNREGISTER,     BIT(0), BIT(1), 0 },
	{ MV_SIGNAL,         ALL, ALL, 0 },
	{ MV_TRIGGER,        BIT(0), BIT(1), 0 },
	END_OF_MOVES
};

static const struct move power_shared_prelude[] = {
	{ MV_TAKE_ON, 0, 0, 0 },
	REGISTERED(0, 2, ROUTE_ANY),
	REGISTERED(0, 3, ROUTE_ANY),
	END_OF_MOVES
};
static const struct pattern power_shared_moves[] = {
	HANDLING,
	MASKING,
	POWER,
	{ MV_REGISTER,   BIT(0), BIT(1), ANY },
	{ MV_ENABLE,     BIT(0), BIT(1), 0 },
	{ MV_UNREGISTER, BIT(1), BIT(2), 0 },
	{ MV_REGISTER,   BIT(0), BIT(2), ANY },
	{ MV_ENABLE,     BIT(0), BIT(2), 0 },
	{ MV_TRIGGER,    BIT(0), BIT(1), 0 },
	{ MV_TRIGGER,    BIT(0), BIT(2) | BIT(3), 0 },
	END_OF_MOVES
};

static const struct move power_routing_prelude[] = {
	BOTH_ON,
	REGISTERED(0, 2, ROUTE_ANY),
	{ MV_BIND, 0, 0, 0 },
	REGISTERED(0, 3, ROUTE_ANY),
	END_OF_MOVES
};
static const struct pattern power_routing_moves[] = {
	HANDLING,
	MASKING,
	POWER,
	{ MV_REGISTER,   BIT(0), BIT(1), ROUTES },
	{ MV_ROUTING,    BIT(0), BIT(1), ROUTES },
	{ MV_ENABLE,     BIT(0), BIT(1), 0 },
	{ MV_DISABLE,    BIT(0), BIT(1), 0 },
	{ MV_UNREGISTER, BIT(0), BIT(1), 0 },
	{ MV_TRIGGER,    BIT(0), BIT(1) | BIT(2), 0 },
	{ MV_LINE_UP,    BIT(0), BIT(0), 0 },
	{ MV_NOTICE,     BIT(0), BIT(0), 0 },
	{ MV_LINE_DOWN,  BIT(0), BIT(0), 0 },
	END_OF_MOVES
};

const struct config configs[] = {
	{
		.name = "private",
		.what = "event 0, a normal and a critical private event: whole life, SIGNAL, reset",
		.events = { PRIVATE_NORMAL, PRIVATE_CRITICAL }, .nevents = 2,
		.prelude = both_on, .moves = private_moves,
	},
	{
		.name = "shared",
		.what = "a shared event, RM_ANY and RM_PE, beside a private and a shared critical one",
		.events = { PRIVATE_NORMAL, SHARED_NORMAL, SHARED_CRITICAL }, .nevents = 3,
		.prelude = shared_prelude, .moves = shared_moves,
	},
	{
		.name = "reset",
		.what = "PRIVATE_RESET and SHARED_RESET with handlers of all kinds running",
		.events = { PRIVATE_CRITICAL, SHARED_NORMAL, SHARED_CRITICAL }, .nevents = 3,
		.prelude = both_on, .moves = reset_moves,
	},
	{
		.name = "resume",
		.what = "COMPLETE and COMPLETE_AND_RESUME, nested",
		.events = { PRIVATE_NORMAL, PRIVATE_CRITICAL, SHARED_NORMAL }, .nevents = 3,
		.prelude = resume_prelude, .moves = resume_moves,
	},
	{
		.name = "bind-private",
		.what = "two PPIs, a level and an edge, for one slot; a private critical event",
		.events = { PRIVATE_CRITICAL }, .nevents = 1,
		.private_slots = 1,
		.irqs = { { 18, false, true }, { 19, false, false } }, .nirqs = 2,
		.prelude = both_on, .moves = bind_private_moves,
	},
	{
		.name = "bind-shared",
		.what = "two SPIs, a level and an edge, and two slots; a shared critical event",
		.events = { SHARED_CRITICAL }, .nevents = 1,
		.shared_slots = 2,
		.irqs = { { 40, true, true }, { 42, true, false } }, .nirqs = 2,
		.prelude = bind_shared_prelude, .moves = bind_shared_moves,
	},
	{
		.name = "power-private",
		.what = "CPU_ON, CPU_OFF, CPU_SUSPEND with event 0 and a private critical event",
		.events = { PRIVATE_CRITICAL }, .nevents = 1, .on_pending = true,
		.prelude = from_reset, .moves = power_private_moves,
	},
	{
		.name = "power-shared",
		.what = "the same with shared RM_ANY events and a private one",
		.events = { PRIVATE_NORMAL, SHARED_NORMAL, SHARED_CRITICAL }, .nevents = 3,
		.prelude = power_shared_prelude, .moves = power_shared_moves,
	},
	{
		.name = "power-routing",
		.what = "the same with RM_PE and a bound level-triggered interrupt",
		.events = { SHARED_NORMAL, SHARED_CRITICAL }, .nevents = 2,
		.shared_slots = 1,
		.irqs = { { 40, true, true } }, .nirqs = 1,
		.prelude = power_routing_prelude, .moves = power_routing_moves,
	},
};
/* clang-format on */
const unsigned nconfigs = ARRAY_SIZE(configs);
