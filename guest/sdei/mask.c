/* Group N: masking, pending events, priorities (Arm DEN0054C 4.2, 4.4, 5.1.12, 5.1.13). */
#include "guest/sdei/suite.h"

#define RETRIGGERS 5

static void n01(struct run *t)
{
	expect_eq(t, sdei_pe_mask(), 0, "cpu0: PE_MASK while masked");
	expect_eq(t, sdei_pe_unmask(), SDEI_SUCCESS, "cpu0: PE_UNMASK");
	expect_eq(t, sdei_pe_mask(), 1, "cpu0: PE_MASK while unmasked");
	expect_eq(t, sdei_pe_mask(), 0, "cpu0: PE_MASK again");
	expect_eq(t, sdei_pe_unmask(), SDEI_SUCCESS, "cpu0: PE_UNMASK");
	expect_eq(t, sdei_pe_unmask(), SDEI_SUCCESS, "cpu0: PE_UNMASK again");
	for (unsigned i = 1; i < machine.ncpus; i++) {
		if (!start_or_fail(t, i))
			return;
		expect_eq(t, call_on(t, i, SDEI_FID_PE_MASK, 0, 0, 0), 0,
			  "cpu%u: PE_MASK right after CPU_ON", i);
		expect_eq(t, call_on(t, i, SDEI_FID_PE_UNMASK, 0, 0, 0), SDEI_SUCCESS,
			  "cpu%u: PE_UNMASK", i);
		expect_eq(t, call_on(t, i, SDEI_FID_PE_MASK, 0, 0, 0), 1,
			  "cpu%u: PE_MASK while unmasked", i);
	}
	expect_eq(t, sdei_pe_mask(), 1, "cpu0: PE_MASK, still unmasked after the others' calls");
}

static void expect_runs(struct run *t, enum slot slot, int64_t runs, const char *when)
{
	expect_eq(t, (int64_t)runs_on(0, slot), runs, "%s: handlers entered %s", slot_name(slot),
		  when);
}

static void trigger(struct run *t, enum slot slot)
{
	expect_eq(t, fire(slot, this_cpu()), SDEI_SUCCESS, "%s: trigger", slot_name(slot));
}

static void expect_held_back(struct run *t, enum slot slot)
{
	uint64_t event = suite.event[slot];

	clear_records();
	expect_eq(t, register_slot(slot, 0, 0, 0), SDEI_SUCCESS, "REGISTER(%s)", slot_name(slot));
	sdei_pe_unmask();
	trigger(t, slot);
	expect_runs(t, slot, 0, "while disabled");
	sdei_enable(event);
	expect_runs(t, slot, 1, "at ENABLE");
	sdei_pe_mask();
	trigger(t, slot);
	expect_runs(t, slot, 1, "while masked");
	sdei_pe_unmask();
	expect_runs(t, slot, 2, "at PE_UNMASK");
	sdei_disable(event);
	sdei_pe_mask();
	trigger(t, slot);
	sdei_pe_unmask();
	expect_runs(t, slot, 2, "while disabled, unmasked");
	sdei_pe_mask();
	sdei_enable(event);
	expect_runs(t, slot, 2, "while enabled, masked");
	sdei_pe_unmask();
	expect_runs(t, slot, 3, "after ENABLE and PE_UNMASK");
	expect_eq(t, sdei_unregister(event), SDEI_SUCCESS, "UNREGISTER(%s)", slot_name(slot));
	sdei_pe_mask();
}

static void n02(struct run *t)
{
	expect_held_back(t, E0);
	if (need_trigger(t))
		return;
	for (unsigned i = PN; i < NSTATIC; i++)
		expect_held_back(t, i);
}

static void n03(struct run *t)
{
	unsigned n = suite.trigger ? NSTATIC : 1;

	sdei_pe_unmask();
	for (unsigned i = 0; i < n; i++) {
		if (!register_enable(t, i, 0))
			return;
		expect_eq(t, sdei_disable(suite.event[i]), SDEI_SUCCESS, "DISABLE(%s)",
			  slot_name(i));
		trigger(t, i);
		trigger(t, i);
		expect_runs(t, i, 0, "while disabled");
		sdei_enable(suite.event[i]);
		expect_runs(t, i, 1, "at ENABLE, two triggers before");
		sdei_disable(suite.event[i]);
		sdei_enable(suite.event[i]);
		expect_runs(t, i, 1, "after DISABLE and ENABLE without a trigger");
	}
}

/* N05: the outer handler triggers the inner event and notes how often that has run meanwhile. */
static enum slot inner_slot;

static void trigger_inner(struct sdei_entry *entry)
{
	struct sdei_cpu *s = this_sdei();

	(void)entry;
	s->word[0] = (uint64_t)fire(inner_slot, this_cpu());
	s->word[1] = s->runs[inner_slot];
	s->word[2] = (uint64_t)sdei_status(suite.event[inner_slot]);
}

static void expect_pair(struct run *t, enum slot outer, enum slot inner)
{
	bool preempts = slot_critical(inner) && !slot_critical(outer);
	const struct sdei_cpu *s = this_sdei();
	const uint64_t nested[] = { outer, inner, inner | LOG_END, outer | LOG_END };
	const uint64_t serial[] = { outer, outer | LOG_END, inner, inner | LOG_END };

	clear_records();
	inner_slot = inner;
	set_handler(outer, trigger_inner);
	trigger(t, outer);
	set_handler(outer, NULL);
	expect_eq(t, (int64_t)s->word[0], SDEI_SUCCESS, "%s over %s: trigger in the handler",
		  slot_name(inner), slot_name(outer));
	expect_eq(t, (int64_t)s->word[1], preempts, "%s over %s: runs before the outer one ended",
		  slot_name(inner), slot_name(outer));
	expect_eq(t, (int64_t)s->word[2], SDEI_REGISTERED | SDEI_ENABLED,
		  "STATUS(%s) in the handler of %s", slot_name(inner), slot_name(outer));
	expect_eq(t, (int64_t)s->nlog, 4, "%s over %s: entries and ends", slot_name(inner),
		  slot_name(outer));
	for (unsigned i = 0; i < 4; i++)
		expect_hex(t, s->log[i], preempts ? nested[i] : serial[i],
			   "%s over %s: step %u (slot, 0x100: its end)", slot_name(inner),
			   slot_name(outer), i);
}

static void n05(struct run *t)
{
	if (need_trigger(t))
		return;
	for (unsigned i = 0; i < NSTATIC; i++)
		if (!register_enable(t, i, 0))
			return;
	sdei_pe_unmask();
	for (unsigned outer = 0; outer < NSTATIC; outer++)
		for (unsigned inner = 0; inner < NSTATIC; inner++)
			if (inner != outer)
				expect_pair(t, outer, inner);
}

/* N06: the outer handler makes the call that lets the critical event in, with all registers watched,
 * then asks for its own interrupted registers. */
static struct smccc_canary outer_canary;
static uint64_t outer_context[18], inner_context[18];
static uint64_t outer_state[2][4];

static void read_inner_context(struct sdei_entry *entry)
{
	(void)entry;
	for (unsigned i = 0; i < 18; i++)
		inner_context[i] = (uint64_t)sdei_context(i);
}

static void read_state(uint64_t state[4])
{
	state[0] = sysreg_read(daif);
	state[1] = sysreg_read(spsel);
	state[2] = sysreg_read(elr_el1);
	state[3] = sysreg_read(spsr_el1);
}

static void watch_inner(struct sdei_entry *entry)
{
	(void)entry;
	read_state(outer_state[0]);
	if (machine.conduit == CONDUIT_SMC)
		smccc_canary_smc(&outer_canary);
	else
		smccc_canary_hvc(&outer_canary);
	read_state(outer_state[1]);
	for (unsigned i = 0; i < 18; i++)
		outer_context[i] = (uint64_t)sdei_context(i);
}

static void fill_canary(struct smccc_canary *c, uint64_t seed)
{
	for (unsigned i = 0; i < 31; i++)
		c->x_in[i] = random_next(&seed);
	for (unsigned i = 0; i < 32; i++) {
		c->q_in[i][0] = random_next(&seed);
		c->q_in[i][1] = random_next(&seed);
	}
	c->nzcv_in = seed & UINT64_C(0xf0000000);
	c->sp_el0_in = seed & ~UINT64_C(15);
}

static void expect_canary(struct run *t, const struct smccc_canary *c)
{
	expect_eq(t, (int64_t)c->x_out[0], SDEI_SUCCESS, "x0: result of the call");
	for (unsigned i = 1; i < 31; i++)
		expect_hex(t, c->x_out[i], c->x_in[i], "x%u of the outer handler", i);
	for (unsigned i = 0; i < 32; i++) {
		expect_hex(t, c->q_out[i][0], c->q_in[i][0], "q%u[63:0]", i);
		expect_hex(t, c->q_out[i][1], c->q_in[i][1], "q%u[127:64]", i);
	}
	expect_hex(t, c->nzcv_out, c->nzcv_in, "NZCV of the outer handler");
	expect_hex(t, c->sp_out, c->sp_in, "SP of the outer handler");
	expect_hex(t, c->sp_el0_out, c->sp_el0_in, "SP_EL0");
}

static void n06(struct run *t)
{
	struct smccc_regs regs = { { SDEI_FID_SIGNAL, 0, this_cpu()->mpidr } };

	if (need_trigger(t))
		return;
	for (unsigned i = 3; i < 18; i++)
		regs.x[i] = UINT64_C(0x0101010101010101) * i;
	fill_canary(&outer_canary, 5);
	outer_canary.x_in[0] = VENDOR_FID_SDEI_TRIGGER;
	outer_canary.x_in[1] = suite.event[PC];
	outer_canary.x_in[2] = this_cpu()->mpidr;
	set_handler(E0, watch_inner);
	set_handler(PC, read_inner_context);
	if (!register_enable(t, E0, 0) || !register_enable(t, PC, 0))
		return;
	sdei_pe_unmask();
	smccc_raw(&regs, machine.conduit == CONDUIT_SMC ? CALL_SMC0 : CALL_HVC0);
	expect_runs(t, E0, 1, "(outer)");
	expect_runs(t, PC, 1, "(inner)");
	expect_canary(t, &outer_canary);
	for (unsigned i = 0; i < 4; i++)
		expect_hex(t, outer_state[1][i], outer_state[0][i],
			   "outer handler: DAIF, SPSel, ELR_EL1, SPSR_EL1: #%u", i);
	expect_hex(t, this_sdei()->last[PC].daif, DAIF_ALL, "inner handler: DAIF");
	expect_hex(t, this_sdei()->last[PC].x[3] & 0x3cf, 0x3c5,
		   "inner handler: x3, PSTATE of the outer one: DAIF and mode");
	expect_hex(t, inner_context[0], SDEI_SUCCESS, "CONTEXT(0) in the inner handler");
	for (unsigned i = 1; i < 18; i++)
		expect_hex(t, inner_context[i], outer_canary.x_in[i],
			   "CONTEXT(%u) in the inner handler: of the outer one", i);
	expect_hex(t, outer_context[0], SDEI_SUCCESS, "CONTEXT(0) in the outer handler");
	for (unsigned i = 1; i < 18; i++)
		expect_hex(t, outer_context[i], regs.x[i],
			   "CONTEXT(%u) in the outer handler after the inner one", i);
}

static void unregister_self(struct sdei_entry *entry)
{
	uint64_t event = suite.event[entry->slot];
	uint64_t *word = this_sdei()->word;

	word[0] = (uint64_t)sdei_disable(event);
	word[1] = (uint64_t)sdei_unregister(event);
	word[2] = (uint64_t)sdei_status(event);
	word[3] = (uint64_t)sdei_context(0);
	fire(entry->slot, this_cpu()); /* nobody to deliver it to */
	word[4] = this_sdei()->runs[entry->slot];
}

static void n08(struct run *t)
{
	const uint64_t *word = this_sdei()->word;
	unsigned n = suite.trigger ? NSTATIC : 1;

	sdei_pe_unmask();
	for (unsigned i = 0; i < n; i++) {
		clear_records();
		set_handler(i, unregister_self);
		if (!register_enable(t, i, 0))
			return;
		trigger(t, i);
		expect_eq(t, (int64_t)word[0], SDEI_SUCCESS, "DISABLE(%s) in its handler",
			  slot_name(i));
		expect_eq(t, (int64_t)word[1], SDEI_PENDING, "UNREGISTER(%s) in its handler",
			  slot_name(i));
		expect_eq(t, (int64_t)word[2], 4, "STATUS(%s) then", slot_name(i));
		expect_eq(t, (int64_t)word[3], 0, "CONTEXT(0) then");
		expect_eq(t, sdei_status(suite.event[i]), 0, "STATUS(%s) after completion",
			  slot_name(i));
		expect_runs(t, i, 1, "in all");
	}
}

static void mask_in_handler(struct sdei_entry *entry)
{
	uint64_t *word = this_sdei()->word;

	if (this_sdei()->runs[entry->slot] > 1)
		return;
	word[0] = (uint64_t)sdei_pe_mask();
	word[1] = (uint64_t)sdei_pe_mask();
	word[2] = (uint64_t)sdei_signal(this_cpu()->mpidr);
	if (!suite.trigger)
		return;
	/* Masked, even a critical event waits. */
	word[3] = (uint64_t)fire(PC, this_cpu());
	word[4] = this_sdei()->runs[PC];
}

static void n09(struct run *t)
{
	const uint64_t *word = this_sdei()->word;

	set_handler(E0, mask_in_handler);
	if (!register_enable(t, E0, 0) || (suite.trigger && !register_enable(t, PC, 0)))
		return;
	sdei_pe_unmask();
	trigger(t, E0);
	expect_eq(t, (int64_t)word[0], 1, "PE_MASK in a handler");
	expect_eq(t, (int64_t)word[1], 0, "PE_MASK in a handler again");
	expect_eq(t, (int64_t)word[2], SDEI_SUCCESS, "SIGNAL(self) then");
	expect_eq(t, (int64_t)word[3], SDEI_SUCCESS, "PC: trigger then");
	if (t->strict)
		expect_eq(t, (int64_t)word[4], 0, "PC: runs in the masked handler");
	expect_runs(t, E0, 1, "while masked after completion");
	expect_eq(t, sdei_pe_mask(), 0, "PE_MASK after completion");
	sdei_pe_unmask();
	expect_runs(t, E0, 2, "after PE_UNMASK");
	if (suite.trigger)
		expect_runs(t, PC, 1, "after PE_UNMASK");
}

static void retrigger(struct sdei_entry *entry)
{
	struct sdei_cpu *s = this_sdei();

	if (s->runs[entry->slot] > 1)
		return;
	for (uint64_t i = 0; i < s->word[0]; i++)
		fire(entry->slot, this_cpu());
}

static void n10(struct run *t)
{
	unsigned n = suite.trigger ? NSTATIC : 1;

	sdei_pe_unmask();
	for (unsigned i = 0; i < n; i++) {
		set_handler(i, retrigger);
		if (!register_enable(t, i, 0))
			return;
		for (uint64_t triggers = 0; triggers <= RETRIGGERS; triggers++) {
			clear_records();
			this_sdei()->word[0] = triggers;
			trigger(t, i);
			expect_eq(t, (int64_t)runs_on(0, i), 1 + (triggers > 0),
				  "%s: handlers entered, %lu triggers while it ran", slot_name(i),
				  triggers);
		}
	}
}

static void expect_unregistered_platform_events_drop(struct run *t)
{
	static const int64_t result[] = { SDEI_DENIED, SDEI_SUCCESS };

	for (unsigned i = PN; i < NSTATIC; i++) {
		expect_one_of(t, fire(i, this_cpu()), result, ARRAY_LEN(result),
			      "%s: trigger while unregistered", slot_name(i));
		if (!register_enable(t, i, 0))
			return;
		if (t->strict)
			expect_runs(t, i, 0, "triggered before registration");
		sdei_disable(suite.event[i]);
		trigger(t, i);
		sdei_unregister(suite.event[i]);
		clear_records();
		register_enable(t, i, 0);
		if (t->strict)
			expect_runs(t, i, 0, "triggered before UNREGISTER");
		else
			note("%s: %lu runs for a trigger before UNREGISTER", slot_name(i),
			     runs_on(0, i));
	}
}

static void n12(struct run *t)
{
	sdei_pe_unmask();
	trigger(t, E0);
	if (!register_enable(t, E0, 0))
		return;
	if (t->strict)
		expect_runs(t, E0, 1, "signalled before registration");
	sdei_disable(0);
	trigger(t, E0);
	expect_eq(t, sdei_unregister(0), SDEI_SUCCESS, "UNREGISTER(event 0)");
	clear_records();
	register_enable(t, E0, 0);
	if (t->strict)
		expect_runs(t, E0, 0, "signalled before UNREGISTER");
	if (suite.trigger)
		expect_unregistered_platform_events_drop(t);
}

static const struct test tests[] = {
	{ "N01", "the mask of each CPU", n01, 0, 0, false },
	{ "N02", "an event waits while disabled, masked or both", n02, 0, 0, false },
	{ "N03", "triggered while disabled: delivered once", n03, 0, 0, false },
	{ "N05", "only critical over normal", n05, 0, 0, false },
	{ "N06", "a nested handler leaves the outer one's registers", n06, 0, 0, false },
	{ "N08", "a handler that unregisters itself", n08, 0, 0, false },
	{ "N09", "PE_MASK in a handler", n09, 0, 0, false },
	{ "N10", "triggers while the handler runs: once more", n10, 0, 0, false },
	{ "N12", "triggers before registration, and before UNREGISTER", n12, 0, 0, false },
};
const struct test_group group_mask = { tests, ARRAY_LEN(tests) };
