/*
 * Errors in that a PE consumed: what becomes of that PE, and the record that goes with its abort.
 *
 * An abort cannot wait, so its record is written over one that nobody has acknowledged; kernels that
 * take an abort in kernel mode never read theirs. The page of a record that is overwritten unread is told the
 * way of AO in addition.
 * Source: Arm DDI 0487 for what a PE can take; the rest is rasvm's own. State: struct ras, under the
 * firmware lock. Left out: the registers (sea.c, arm64/fw_ras.c).
 */
#include <errno.h>

#include "ras/ras_private.h"

static void note_signal(struct ras *ras, const struct ras_error *error, unsigned pe, uint64_t pc)
{
	struct ras_note note = ras_note_error(RAS_NOTE_SIGNAL, error);

	note.pe = pe;
	note.pc = pc;
	ras_tell(ras, &note);
}

static void note_decided(struct ras *ras, const struct ras_error *error, unsigned pe,
			 const struct ras_decision *decision)
{
	struct ras_note note = ras_note_error(RAS_NOTE_DECIDED, error);

	note.pe = pe;
	note.way = decision->way;
	note.text = decision->why;
	ras_tell(ras, &note);
}

/* ---- the map ---- */

/* The page has an entry of its own, CONSUMED. 0 or -ENOSPC. */
static int enter_page(struct ras *ras, const struct ras_error *error)
{
	struct poison_map *map = ras->map;
	int entry =
		poison_add(map, error->at, 1, POISON_CONSUMED, RAS_AR, error->id, error->seen_ns);

	if (entry)
		return entry < 0 ? entry : 0;
	entry = poison_split(map, error->at, 1);
	if (entry < 0)
		return entry;
	poison_step(map, (unsigned)entry, POISON_CONSUMED);
	return 0;
}

static bool enter(struct ras *ras, const struct ras_error *error)
{
	if (!enter_page(ras, error) && ras_add_rest(ras, error) >= 0)
		return true;
	ras_stop_full(ras, error->id);
	return false;
}

/* ---- progress ---- */

/* How often the PE has aborted for the page at this PC without a pause, this time included. */
static uint32_t count_repeats(struct ras *ras, const struct ras_error *error, unsigned pe,
			      uint64_t pc)
{
	struct ras_pe *p = &ras->pe[pe];

	if (!p->repeats || p->last_pc != pc || p->last_gpa != error->at.v ||
	    ras->now_ns - p->last_ns >= RAS_AR_REPEAT_NS)
		p->repeats = 0;
	p->last_pc = pc;
	p->last_gpa = error->at.v;
	p->last_ns = ras->now_ns;
	if (p->repeats < UINT32_MAX)
		p->repeats++;
	return p->repeats;
}

/* A kernel that makes no progress: an SError, which it takes for fatal, and after that the end. */
static void escalate(const struct ras *ras, uint32_t repeats, struct ras_decision *decision)
{
	if (repeats <= RAS_AR_REPEATS || decision->way == RAS_WAY_STOP)
		return;
	decision->way = RAS_WAY_STOP;
	decision->why = "the CPU makes no progress";
	if (ras->config.policy.ar != RAS_AR_AUTO || repeats > RAS_AR_REPEATS + 1)
		return;
	decision->way = RAS_WAY_SERROR;
	decision->why = "auto: the CPU makes no progress, SError in place of the abort";
}

/* ---- verdicts ---- */

/* The record of the abort; the guest finds the page's address in it. */
static void write_record(struct fw_locked fw, struct ras *ras, const struct ras_error *error)
{
	const struct ras_batch batch = {
		.n = 1,
		.pages = 1,
		.run = { { error->at.v, 1, error->id } },
		.class = { RAS_AR },
	};
	struct ras_sent *sent = &ras->sent[GHES_SEA];

	ras_clear_sea(fw, ras, error->at);
	if (ras_write_pages(ras, sent, &batch, CPER_RECOVERABLE))
		return;
	sent->way = RAS_WAY_SEA;
	ras_send(fw, ras, GHES_SEA, true);
}

static struct ras_verdict abort_pe(struct fw_locked fw, struct ras *ras,
				   const struct ras_error *error, const struct ras_caps *caps)
{
	if (caps->ghes)
		write_record(fw, ras, error);
	else
		ras_log_consumed(fw, ras, error);
	return (struct ras_verdict){
		.what = RAS_DO_SEA,
		.id = error->id,
		.sea = { .set = SEA_RECOVERABLE },
		.heal_after =
			ras->config.policy.heal == RAS_HEAL_AFTER_KILL && caps->el0 && !caps->ghes,
	};
}

static struct ras_verdict serror_pe(struct fw_locked fw, struct ras *ras,
				    const struct ras_error *error, unsigned pe, bool given_up)
{
	const struct ras_config *c = &ras->config;
	struct ras_serror serror = { .pending = true };

	if (!given_up)
		serror = ras_policy_serror(ras);
	c->ops->serror(fw, c->world, pe, serror, error->id);
	return (struct ras_verdict){ .what = RAS_DO_SERROR, .id = error->id };
}

static struct ras_verdict stopped(const struct ras_error *error)
{
	return (struct ras_verdict){ .what = RAS_DO_STOP, .id = error->id };
}

static const char *stop_sentence(const struct ras *ras, uint32_t repeats,
				 const struct ras_caps *caps)
{
	if (repeats > RAS_AR_REPEATS)
		return "a CPU uses a lost page of guest memory again and again, whatever abort it is "
		       "given";
	if (ras->config.policy.ar == RAS_AR_STOP)
		return "a CPU used a lost page of guest memory, and the policy for that is ar=stop";
	if (!caps->vectors)
		return "a CPU used a lost page of guest memory before the guest had exception vectors "
		       "(VBAR_EL1 is 0), so it cannot be told";
	return "a CPU used a lost page of guest memory and cannot be given an abort for it";
}

static struct ras_verdict judge(struct fw_locked fw, struct ras *ras, const struct ras_error *error,
				unsigned pe, uint64_t pc, const struct ras_caps *caps)
{
	/* A process that uses its page again is for its kernel to deal with, and keeps nobody from that. */
	uint32_t repeats = caps->el0 ? 0 : count_repeats(ras, error, pe, pc);
	struct ras_decision decision = ras_decide(&ras->config.policy, error, caps);

	escalate(ras, repeats, &decision);
	note_decided(ras, error, pe, &decision);
	if (decision.way == RAS_WAY_SERROR)
		return serror_pe(fw, ras, error, pe, repeats > RAS_AR_REPEATS);
	if (decision.way == RAS_WAY_SEA)
		return abort_pe(fw, ras, error, caps);
	ras_stop(ras, error->id, stop_sentence(ras, repeats, caps));
	return stopped(error);
}

struct ras_verdict ras_consume(struct fw_locked fw, struct ras *ras, const struct ras_error *error,
			       unsigned pe, uint64_t pc, struct ras_caps caps)
{
	struct ras_error e = ras_normalise(ras, error);
	const char *waits[RAS_STREAMS];
	struct ras_verdict verdict;

	e.class = RAS_AR;
	note_signal(ras, &e, pe, pc);
	if (ras->stopped || pe >= ras->config.npe)
		return stopped(&e);
	if (ras_repair_own(ras, &e)) {
		verdict = (struct ras_verdict){ .what = RAS_DO_RETRY, .id = e.id };
		if (ras_add_rest(ras, &e) < 0)
			ras_stop_full(ras, e.id);
	} else if (!enter(ras, &e)) {
		verdict = stopped(&e);
	} else {
		ras_fill_caps(fw, ras, false, &caps);
		verdict = judge(fw, ras, &e, pe, pc, &caps);
	}
	ras_changed(ras);
	ras_deliver(fw, ras, waits);
	ras_set_alarm(fw, ras);
	return verdict;
}

/* ---- afterwards ---- */

static void heal(struct ras *ras, uint32_t id, gpa_t at, uint64_t bytes)
{
	const struct ras_config *c = &ras->config;
	struct ras_note note = ras_note_of(RAS_NOTE_HEALED);

	/* A page that cannot be replaced stays as it is; whoever failed has said so. */
	if (c->ops->heal(c->world, at, bytes))
		return;
	poison_forget(ras->map, at, (uint32_t)(bytes / RAS_PAGE_BYTES));
	note.id = id;
	note.class = RAS_AR;
	note.gpa = at.v;
	note.bytes = bytes;
	note.text = "heal=after-kill";
	ras_tell(ras, &note);
}

void ras_taken(struct fw_locked fw, struct ras *ras, const struct ras_verdict *verdict, unsigned pe,
	       gpa_t at, uint64_t bytes, uint64_t pc, uint64_t esr)
{
	struct ras_note note = ras_note_of(RAS_NOTE_TAKEN);

	(void)fw;
	note.id = verdict->id;
	note.class = RAS_AR;
	note.way = verdict->what == RAS_DO_SERROR ? RAS_WAY_SERROR : RAS_WAY_SEA;
	note.pe = pe;
	note.gpa = at.v;
	note.bytes = bytes;
	note.pc = pc;
	note.esr = esr;
	ras_tell(ras, &note);
	if (verdict->heal_after)
		heal(ras, verdict->id, at, bytes);
}
