/*
 * The machine around the firmware code: registers, interrupt lines, kicks. Registers are symbols: a
 * context is wholly given by the PE and by what it is doing, so that a state needs no values and a
 * wrong one is seen at once.
 */
#include "tests/model/model.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define EP_BASE        UINT64_C(0xffff000000001000)
#define MAIN_PC        UINT64_C(0xffff000000000400)
#define MAIN_PSTATE    UINT64_C(0x40000005) /* EL1h, nothing masked, Z */
#define HANDLER_PSTATE UINT64_C(0x400003c5)

uint64_t model_mpidr(unsigned pe)
{
	return pe << 8; /* not the index */
}

uint64_t model_ep(unsigned event)
{
	return EP_BASE + event * 0x100;
}

uint64_t model_arg(unsigned event)
{
	return UINT64_C(0xa5a5000000000000) + event;
}

static uint64_t token_pc(unsigned token)
{
	if (token == TOKEN_MAIN)
		return MAIN_PC;
	if (token == TOKEN_RESUMED)
		return MODEL_RESUME_PC;
	return model_ep(token - TOKEN_HANDLER);
}

void model_ctx(unsigned pe, unsigned token, struct sdei_ctx *ctx)
{
	for (unsigned i = 0; i < 18; i++)
		ctx->x[i] = (uint64_t)pe << 32 | token << 8 | i;
	ctx->pc = token_pc(token);
	ctx->pstate = token == TOKEN_MAIN ? MAIN_PSTATE : HANDLER_PSTATE;
}

int model_token(uint64_t pc)
{
	for (unsigned token = 0; token < TOKEN_HANDLER + MAX_EVENTS; token++)
		if (token_pc(token) == pc)
			return (int)token;
	return -1;
}

void world_fail(struct world *w, const char *fmt, ...)
{
	va_list ap;

	if (w->fail[0])
		return;
	va_start(ap, fmt);
	vsnprintf(w->fail, sizeof(w->fail), fmt, ap);
	va_end(ap);
}

static void own_thread_only(struct world *w, unsigned pe)
{
	if (w->caller != pe)
		world_fail(w, "registers of PE%u touched by another thread", pe);
}

static void op_get_ctx(void *world, unsigned pe, struct sdei_ctx *ctx)
{
	struct world *w = world;

	own_thread_only(w, pe);
	*ctx = w->ctx[pe];
}

static void op_get_sysregs(void *world, unsigned pe, struct sdei_sysregs *sys)
{
	own_thread_only(world, pe);
	*sys = (struct sdei_sysregs){ .sctlr = 0 };
}

static void op_set_ctx(void *world, unsigned pe, const struct sdei_ctx *ctx)
{
	struct world *w = world;

	own_thread_only(w, pe);
	w->ctx[pe] = *ctx;
}

static void op_set_exception(void *world, unsigned pe, uint64_t elr, uint64_t spsr)
{
	struct world *w = world;

	own_thread_only(w, pe);
	w->exception = true;
	w->elr = elr;
	w->spsr = spsr;
}

static void op_kick(void *world, unsigned pe)
{
	struct world *w = world;

	if (pe >= NPE)
		world_fail(w, "PE %u kicked, which does not exist", pe);
	else
		w->kick[pe] = true;
}

const struct model_irq *find_irq(const struct world *w, uint32_t intid)
{
	for (unsigned i = 0; i < w->config->nirqs; i++)
		if (w->config->irqs[i].intid == intid)
			return &w->config->irqs[i];
	return NULL;
}

bool irq_is_up(const struct world *w, uint32_t intid, unsigned pe)
{
	const struct model_irq *irq = find_irq(w, intid);

	return irq && w->level[irq - w->config->irqs][irq->shared ? 0 : pe];
}

bool irq_is_up_anywhere(const struct world *w, const struct model_irq *irq)
{
	for (unsigned pe = 0; pe < NPE; pe++)
		if (w->level[irq - w->config->irqs][pe])
			return true;
	return false;
}

static int64_t op_irq_bind(void *world, uint32_t intid, unsigned pe, struct sdei_irq *out)
{
	struct world *w = world;
	const struct model_irq *irq = find_irq(w, intid);

	if (!irq)
		return SDEI_INVALID_PARAMETERS;
	(void)pe;
	if (irq_is_up_anywhere(w, irq))
		return SDEI_DENIED;
	w->bound[irq - w->config->irqs] = true;
	*out = (struct sdei_irq){ .shared = irq->shared, .level = irq->level };
	return SDEI_SUCCESS;
}

static void op_irq_release(void *world, uint32_t intid)
{
	struct world *w = world;
	const struct model_irq *irq = find_irq(w, intid);

	if (!irq || !w->bound[irq - w->config->irqs])
		world_fail(w, "interrupt %u released, which is not bound", intid);
	else
		w->bound[irq - w->config->irqs] = w->raised[irq - w->config->irqs] = false;
}

static bool op_irq_level(void *world, uint32_t intid, unsigned pe)
{
	struct world *w = world;

	if (pe >= NPE)
		world_fail(w, "level of interrupt %u asked for PE %u", intid, pe);
	return irq_is_up(w, intid, pe % NPE);
}

static const struct sdei_ops ops = {
	.get_ctx = op_get_ctx,
	.get_sysregs = op_get_sysregs,
	.set_ctx = op_set_ctx,
	.set_exception = op_set_exception,
	.kick = op_kick,
	.irq_bind = op_irq_bind,
	.irq_release = op_irq_release,
	.irq_level = op_irq_level,
};

static int init_psci(struct world *w, struct err *err)
{
	const struct psci_config config = {
		.version = PSCI_VERSION_1_3,
		.on_pending = w->config->on_pending,
		.npe = NPE,
		.ram_base = { 0x80000000 },
		.ram_bytes = 0x100000,
	};

	for (unsigned i = 0; i < NPE; i++)
		w->power[i].mpidr = model_mpidr(i);
	return psci_init(&w->psci, &config, w->power, err);
}

static int init_sdei(struct world *w, struct err *err)
{
	static const uint64_t mpidr[NPE] = { 0x000, 0x100 };
	const struct sdei_config config = {
		.npe = NPE,
		.mpidr = mpidr,
		.events = w->config->events,
		.nevents = w->config->nevents,
		.private_slots = w->config->private_slots,
		.shared_slots = w->config->shared_slots,
		.slot_base = 0x40000100,
		.ops = &ops,
		.world = w,
	};

	return sdei_init(&w->sdei, &config, err);
}

int world_init(struct world *w, const struct config *config, struct err *err)
{
	int r;

	memset(w, 0, sizeof(*w));
	w->config = config;
	pthread_mutex_init(&w->lock.mutex, NULL);
	w->fw = fw_lock(&w->lock);
	r = init_psci(w, err);
	if (!r)
		r = init_sdei(w, err);
	if (r)
		return r;
	sdei_reset(w->fw, &w->sdei);
	psci_reset(w->fw, &w->psci, (struct psci_entry){ .pc = MODEL_ENTRY_PC }, false);
	return 0;
}

void world_destroy(struct world *w)
{
	sdei_destroy(&w->sdei);
	fw_unlock(w->fw);
	pthread_mutex_destroy(&w->lock.mutex);
}

void world_save(const struct world *w, struct state *s)
{
	memcpy(s->handler, w->sdei.handler, w->sdei.nhandlers * sizeof(s->handler[0]));
	memcpy(s->pe, w->sdei.pe, sizeof(s->pe));
	for (unsigned e = 0; e < w->sdei.nevents; e++) {
		s->slot_intid[e] = w->sdei.event[e].intid;
		s->slot_level[e] = w->sdei.event[e].level;
	}
	memcpy(s->power, w->power, sizeof(s->power));
	s->suspended_since_mode = w->psci.suspended_since_mode;
	memcpy(s->token, w->token, sizeof(s->token));
	memcpy(s->kick, w->kick, sizeof(s->kick));
	memcpy(s->looking, w->looking, sizeof(s->looking));
	memcpy(s->raised, w->raised, sizeof(s->raised));
	memcpy(s->bound, w->bound, sizeof(s->bound));
	memcpy(s->level, w->level, sizeof(s->level));
}

void world_load(struct world *w, const struct state *s)
{
	memcpy(w->sdei.handler, s->handler, w->sdei.nhandlers * sizeof(s->handler[0]));
	memcpy(w->sdei.pe, s->pe, sizeof(s->pe));
	for (unsigned e = 0; e < w->sdei.nevents; e++) {
		w->sdei.event[e].intid = s->slot_intid[e];
		w->sdei.event[e].level = s->slot_level[e];
	}
	memcpy(w->power, s->power, sizeof(s->power));
	w->psci.suspended_since_mode = s->suspended_since_mode;
	memcpy(w->token, s->token, sizeof(s->token));
	memcpy(w->kick, s->kick, sizeof(s->kick));
	memcpy(w->looking, s->looking, sizeof(s->looking));
	memcpy(w->raised, s->raised, sizeof(s->raised));
	memcpy(w->bound, s->bound, sizeof(s->bound));
	memcpy(w->level, s->level, sizeof(s->level));
	w->fail[0] = '\0';
}
