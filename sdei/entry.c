/*
 * SDEI: into a handler and out of it; the registers.
 *
 * Source: Arm DEN0054C section 4.3 (what a handler finds) and 5.1.5 to 5.1.7 (the calls). A handler's
 * PSTATE is that of an exception (lib/exception.h).
 * State: the frames of struct sdei_pe, under the firmware lock.
 * Left out: saving x18 to x30, stack pointers and system registers, which are the handler's to keep.
 */
#include <stddef.h>

#include "lib/exception.h"
#include "lib/types.h"
#include "sdei/sdei_private.h"

#define INSN_BYTES 4

uint64_t sdei_entry_pstate(uint64_t interrupted, const struct sdei_sysregs *sys)
{
	return exception_pstate(interrupted, sys->sctlr, sys->features);
}

const struct sdei_frame *sdei_innermost(const struct sdei_pe *pe)
{
	return pe->depth ? &pe->frame[pe->depth - 1] : NULL;
}

bool sdei_in_handler(struct fw_locked locked, const struct sdei *sdei, unsigned pe)
{
	(void)locked;
	return sdei->pe[pe].depth > 0;
}

/* ---- entering ---- */

/* x4 to x17 stay as they were: clients read them in the handler. */
static struct sdei_ctx handler_ctx(const struct sdei_ctx *interrupted, uint32_t num,
				   const struct sdei_handler *handler,
				   const struct sdei_sysregs *sys)
{
	struct sdei_ctx ctx = *interrupted;

	ctx.x[0] = num;
	ctx.x[1] = handler->arg;
	ctx.x[2] = interrupted->pc;
	ctx.x[3] = interrupted->pstate;
	ctx.pc = handler->ep + (handler->relative ? sys->vbar : 0);
	ctx.pstate = sdei_entry_pstate(interrupted->pstate, sys);
	return ctx;
}

static void push(struct sdei *sdei, const struct sdei_event *event, unsigned index,
		 const struct sdei_ctx *interrupted)
{
	struct sdei_handler *handler = sdei_handler_of(sdei, event, index);
	struct sdei_pe *pe = &sdei->pe[index];
	const struct sdei_note note = {
		.kind = SDEI_NOTE_ENTERED,
		.event = event->def.num,
		.pe = index,
		.depth = pe->depth + 1u,
		.pc = interrupted->pc,
		.pstate = interrupted->pstate,
	};

	(void)sdei_step(handler, SDEI_OP_DISPATCH);
	handler->pending = false;
	handler->asked = SDEI_NO_PE;
	handler->runner = (uint16_t)index;
	pe->frame[pe->depth++] = (struct sdei_frame){
		.event = (uint32_t)(event - sdei->event),
		.ctx = *interrupted,
	};
	sdei_tell(sdei, &note);
}

bool sdei_enter(struct sdei *sdei, const struct sdei_event *event, unsigned pe)
{
	const struct sdei_config *c = &sdei->config;
	const struct sdei_handler *handler = sdei_handler_of(sdei, event, pe);
	struct sdei_sysregs sys;
	struct sdei_ctx interrupted, ctx;

	c->ops->get_sysregs(c->world, pe, &sys);
	if (handler->relative && !sys.have_vbar)
		return false;
	c->ops->get_ctx(c->world, pe, &interrupted);
	ctx = handler_ctx(&interrupted, event->def.num, handler, &sys);
	push(sdei, event, pe, &interrupted);
	c->ops->set_ctx(c->world, pe, &ctx);
	return true;
}

/* ---- leaving ---- */

struct sdei_frame sdei_end(struct sdei *sdei, unsigned index, struct sdei_note note)
{
	struct sdei_pe *pe = &sdei->pe[index];
	struct sdei_frame *top = &pe->frame[pe->depth - 1], frame = *top;
	const struct sdei_event *event = &sdei->event[frame.event];
	struct sdei_handler *handler = sdei_handler_of(sdei, event, index);

	note.event = event->def.num;
	note.pe = index;
	note.depth = pe->depth;
	(void)sdei_step(handler, SDEI_OP_COMPLETE);
	handler->runner = SDEI_NO_PE;
	*top = (struct sdei_frame){ 0 };
	pe->depth--;
	sdei_tell(sdei, &note);
	return frame;
}

/* Always the innermost handler's, whatever event it is for. */
enum fw_result sdei_call_context(struct fw_locked locked, void *self, struct smccc *call)
{
	const struct sdei *sdei = self;
	const struct sdei_frame *frame = sdei_innermost(&sdei->pe[call->pe]);

	(void)locked;
	if (call->arg[0] >= ARRAY_SIZE(frame->ctx.x))
		return sdei_return(call, SDEI_INVALID_PARAMETERS);
	if (!frame)
		return sdei_return(call, SDEI_DENIED);
	return sdei_return(call, (int64_t)frame->ctx.x[call->arg[0]]);
}

enum fw_result sdei_call_complete(struct fw_locked locked, void *self, struct smccc *call)
{
	const struct sdei_note note = { .kind = SDEI_NOTE_COMPLETED, .status = call->arg[0] };
	struct sdei *sdei = self;
	struct sdei_frame frame;

	(void)locked;
	if (!sdei->pe[call->pe].depth)
		return sdei_return(call, SDEI_DENIED);
	frame = sdei_end(sdei, call->pe, note);
	sdei->config.ops->set_ctx(sdei->config.world, call->pe, &frame.ctx);
	return FW_RESUMED;
}

/* As if the interrupted context had taken an exception to `pc`. */
static void resume_at(const struct sdei *sdei, unsigned pe, const struct sdei_ctx *interrupted,
		      uint64_t pc)
{
	const struct sdei_config *c = &sdei->config;
	struct sdei_ctx ctx = *interrupted;
	struct sdei_sysregs sys;

	c->ops->get_sysregs(c->world, pe, &sys);
	ctx.pc = pc;
	ctx.pstate = sdei_entry_pstate(interrupted->pstate, &sys);
	c->ops->set_ctx(c->world, pe, &ctx);
	c->ops->set_exception(c->world, pe, interrupted->pc, interrupted->pstate);
}

enum fw_result sdei_call_complete_and_resume(struct fw_locked locked, void *self,
					     struct smccc *call)
{
	const struct sdei_note note = { .kind = SDEI_NOTE_RESUMED, .pc = call->arg[0] };
	struct sdei *sdei = self;
	struct sdei_frame frame;

	(void)locked;
	if (!sdei->pe[call->pe].depth)
		return sdei_return(call, SDEI_DENIED);
	if (call->arg[0] % INSN_BYTES)
		return sdei_return(call, SDEI_INVALID_PARAMETERS);
	frame = sdei_end(sdei, call->pe, note);
	resume_at(sdei, call->pe, &frame.ctx, call->arg[0]);
	return FW_RESUMED;
}
