/*
 * A state as few bits. One function walks over everything that changes and either stores or loads
 * it, so that the two cannot differ. A value that needs more bits than it has is a broken rule: the
 * core keeps nothing it should not have. Registers are symbols and become their token; PSCI's
 * statistics and the frames not in use are left out, since nothing may depend on them.
 */
#include "tests/model/model.h"

#include <string.h>

struct bits {
	struct packed *p;
	struct world *w;
	unsigned pos;
	bool load;
};

/* The field's value: what was stored, or `v`, which is stored. */
static uint64_t field(struct bits *b, unsigned n, uint64_t v, const char *what)
{
	unsigned word, shift;

	if (!n) {
		if (v && !b->load)
			world_fail(b->w, "%s is %#llx", what, (unsigned long long)v);
		return 0;
	}
	if (b->pos % 64 + n > 64)
		b->pos += 64 - b->pos % 64;
	word = b->pos / 64;
	shift = b->pos % 64;
	b->pos += n;
	if (word >= PACKED_WORDS) {
		world_fail(b->w, "the explorer's states are too small for this machine");
		return v;
	}
	if (b->load)
		return b->p->word[word] >> shift & ((UINT64_C(1) << n) - 1);
	if (v >> n)
		world_fail(b->w, "%s has the value %#llx", what, (unsigned long long)v);
	else
		b->p->word[word] |= v << shift;
	return v;
}

/* A PE's index or SDEI_NO_PE. */
static uint16_t pe_field(struct bits *b, uint16_t v, const char *what)
{
	uint64_t code;

	if (v != SDEI_NO_PE && v >= NPE && !b->load)
		world_fail(b->w, "%s is PE %u, which does not exist", what, v);
	code = field(b, 2, v == SDEI_NO_PE ? 3 : v & 1, what);
	return code == 3 ? SDEI_NO_PE : (uint16_t)code;
}

/* Either 0 or the one value it can have. */
static uint64_t known_field(struct bits *b, uint64_t v, uint64_t known, const char *what)
{
	if (v && v != known && !b->load)
		world_fail(b->w, "%s is %#llx, registered was %#llx", what, (unsigned long long)v,
			   (unsigned long long)known);
	return field(b, 1, v != 0, what) ? known : 0;
}

static void pack_handler(struct bits *b, unsigned e, struct sdei_handler *h)
{
	bool shared = event_is_shared(b->w, e);

	h->state = (uint8_t)field(b, 3, h->state, "a handler's state");
	h->pending = field(b, 1, h->pending, "pending");
	h->ep = known_field(b, h->ep, model_ep(e), "an entry point");
	h->arg = known_field(b, h->arg, model_arg(e), "a handler's argument");
	h->relative = field(b, 0, h->relative, "relative");
	h->rm_pe = field(b, shared, h->rm_pe, "the routing of a private event");
	h->target = pe_field(b, h->target, "the target of a handler");
	h->runner = pe_field(b, h->runner, "the runner of a handler");
	h->asked = pe_field(b, h->asked, "the PE asked to run a handler");
}

static void pack_event(struct bits *b, unsigned e)
{
	struct sdei *sdei = &b->w->sdei;
	struct sdei_event *event = &sdei->event[e];
	unsigned n = event_is_shared(b->w, e) ? 1 : NPE;

	if (event->slot) {
		event->intid = (uint32_t)field(b, 7, event->intid, "a bound interrupt");
		event->level = field(b, 1, event->level, "level");
	}
	for (unsigned i = 0; i < n; i++)
		pack_handler(b, e, &sdei->handler[event->handler + i]);
}

static void pack_frame(struct bits *b, unsigned pe, struct sdei_frame *f)
{
	int token = model_token(f->ctx.pc);
	struct sdei_ctx want;

	f->event = (uint32_t)field(b, 3, f->event, "the event of a frame");
	if (!b->load && token < 0) {
		world_fail(b->w, "a frame on PE%u has the PC %#llx", pe,
			   (unsigned long long)f->ctx.pc);
		return;
	}
	token = (int)field(b, 4, (unsigned)token & 15, "a frame's context");
	model_ctx(pe, (unsigned)token, &want);
	if (!b->load && memcmp(&want, &f->ctx, sizeof(want)))
		world_fail(b->w, "a frame on PE%u holds other registers than were interrupted", pe);
	f->ctx = want;
}

static void pack_pe(struct bits *b, unsigned i)
{
	struct world *w = b->w;
	struct sdei_pe *pe = &w->sdei.pe[i];

	pe->on = field(b, 1, pe->on, "on");
	pe->masked = field(b, 1, pe->masked, "masked");
	pe->depth = (uint8_t)field(b, 2, pe->depth, "the nesting depth");
	if (b->load)
		memset(pe->frame, 0, sizeof(pe->frame));
	for (unsigned d = 0; d < pe->depth && d < SDEI_MAX_FRAMES; d++)
		pack_frame(b, i, &pe->frame[d]);
	w->token[i] = (uint8_t)field(b, 4, w->token[i], "a PE's context");
	w->kick[i] = field(b, 1, w->kick[i], "kick");
	w->looking[i] = (uint8_t)field(b, 2, w->looking[i], "looking");
}

static void pack_power(struct bits *b, unsigned i)
{
	struct psci_pe *pe = &b->w->power[i];

	if (b->load)
		*pe = (struct psci_pe){ .mpidr = model_mpidr(i), .entry.pc = MODEL_ENTRY_PC };
	pe->power = field(b, 2, pe->power, "a PE's power state");
	pe->suspend = field(b, 2, pe->suspend, "a PE's suspend state");
	pe->fresh = field(b, 1, pe->fresh, "fresh");
	pe->frozen = field(b, 1, pe->frozen, "frozen");
	pe->suspend_state = (unsigned)field(b, 2, pe->suspend_state, "a PE's power state");
}

static void pack_irq(struct bits *b, unsigned i)
{
	struct world *w = b->w;

	w->bound[i] = field(b, 1, w->bound[i], "bound");
	w->raised[i] = field(b, 1, w->raised[i], "raised");
	for (unsigned pe = 0; pe < NPE; pe++)
		w->level[i][pe] = field(b, 1, w->level[i][pe], "a line's level");
}

static void walk(struct bits *b)
{
	struct world *w = b->w;

	for (unsigned e = 0; e < w->sdei.nevents; e++)
		pack_event(b, e);
	for (unsigned i = 0; i < NPE; i++) {
		pack_pe(b, i);
		pack_power(b, i);
	}
	for (unsigned i = 0; i < w->config->nirqs; i++)
		pack_irq(b, i);
	w->psci.suspended_since_mode =
		field(b, 1, w->psci.suspended_since_mode, "suspended_since_mode");
}

void pack(struct world *w, struct packed *p)
{
	struct bits b = { .p = p, .w = w };

	memset(p, 0, sizeof(*p));
	walk(&b);
}

void unpack(struct world *w, const struct packed *p)
{
	struct packed copy = *p;
	struct bits b = { .p = &copy, .w = w, .load = true };

	w->fail[0] = '\0';
	walk(&b);
}
