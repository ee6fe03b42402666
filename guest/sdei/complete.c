/* Group M: EVENT_COMPLETE and EVENT_COMPLETE_AND_RESUME (Arm DEN0054C 5.1.5, 5.1.6). */
#include "guest/sdei/suite.h"

#define NZCV_SHIFT 28
#define DAIF_SHIFT 6
#define SPSR_NZCV  (UINT64_C(15) << NZCV_SHIFT)
#define SPSR_MODE  UINT64_C(0x1f)
#define SPSR_EL1H  UINT64_C(5)

static struct smccc_canary canary;

static void call_canary(void)
{
	if (machine.conduit == CONDUIT_SMC)
		smccc_canary_smc(&canary);
	else
		smccc_canary_hvc(&canary);
}

static void fill_canary(uint64_t seed, uint64_t nzcv)
{
	for (unsigned i = 0; i < 31; i++)
		canary.x_in[i] = random_next(&seed);
	for (unsigned i = 0; i < 32; i++) {
		canary.q_in[i][0] = random_next(&seed);
		canary.q_in[i][1] = random_next(&seed);
	}
	canary.nzcv_in = nzcv << NZCV_SHIFT;
	canary.sp_el0_in = seed & ~UINT64_C(15);
}

static void set_call(uint64_t fid, uint64_t x1, uint64_t x2)
{
	canary.x_in[0] = fid;
	canary.x_in[1] = x1;
	canary.x_in[2] = x2;
}

/* All registers as before the call but x0, which has its result. */
static void expect_unchanged(struct run *t, int64_t result, const char *what)
{
	expect_eq(t, (int64_t)canary.x_out[0], result, "%s: x0, the call's result", what);
	for (unsigned i = 1; i < 31; i++)
		expect_hex(t, canary.x_out[i], canary.x_in[i], "%s: x%u", what, i);
	for (unsigned i = 0; i < 32; i++) {
		expect_hex(t, canary.q_out[i][0], canary.q_in[i][0], "%s: q%u[63:0]", what, i);
		expect_hex(t, canary.q_out[i][1], canary.q_in[i][1], "%s: q%u[127:64]", what, i);
	}
	expect_hex(t, canary.nzcv_out, canary.nzcv_in, "%s: NZCV", what);
	expect_hex(t, canary.sp_out, canary.sp_in, "%s: SP", what);
	expect_hex(t, canary.sp_el0_out, canary.sp_el0_in, "%s: SP_EL0", what);
}

/* A signal to self with these flags: the handler trashes x0 to x17 (handler.S) and completes. */
static void expect_restored(struct run *t, uint64_t nzcv, uint64_t daif)
{
	const struct sdei_regs *r = &this_sdei()->last[E0];
	uint64_t after;

	clear_records();
	fill_canary(nzcv * 16 + daif + 1, nzcv);
	set_call(SDEI_FID_SIGNAL, 0, this_cpu()->mpidr);
	sysreg_write(daif, daif << DAIF_SHIFT);
	call_canary();
	after = sysreg_read(daif);
	sysreg_write(daif, 0);
	if (!expect_eq(t, (int64_t)runs_on(0, E0), 1, "handlers entered"))
		return;
	expect_unchanged(t, SDEI_SUCCESS, "after COMPLETE");
	expect_hex(t, after, daif << DAIF_SHIFT, "DAIF after COMPLETE");
	expect_hex(t, r->x[3] & (SPSR_NZCV | DAIF_ALL | SPSR_MODE),
		   nzcv << NZCV_SHIFT | daif << DAIF_SHIFT | SPSR_EL1H, "x3 of the handler");
	for (unsigned i = 18; i < 30; i++)
		expect_hex(t, r->x[i], canary.x_in[i], "x%u at the handler's entry", i);
}

static void m01(struct run *t)
{
	if (!register_enable(t, E0, 0))
		return;
	sdei_pe_unmask();
	for (uint64_t nzcv = 0; nzcv < 16; nzcv++)
		for (uint64_t daif = 0; daif < 16; daif++)
			expect_restored(t, nzcv, daif);
	expect_eq(t, sdei_status(0), SDEI_REGISTERED | SDEI_ENABLED, "STATUS after COMPLETE");
	expect_eq(t, sdei_context(0), SDEI_DENIED, "CONTEXT after COMPLETE");
}

static void expect_refused(struct run *t, uint64_t fid, uint64_t x1, const char *what)
{
	fill_canary(x1, 9);
	set_call(fid, x1, 0);
	call_canary();
	expect_unchanged(t, SDEI_DENIED, what);
}

static void m02(struct run *t)
{
	uint64_t elr = UINT64_C(0x123456789abcdef0), spsr = 0x3c5;

	register_enable(t, E0, 0);
	for (unsigned masked = 0; masked < 2; masked++) {
		irq_disable(); /* an interrupt would change these two */
		sysreg_write(elr_el1, elr);
		sysreg_write(spsr_el1, spsr);
		expect_refused(t, SDEI_FID_COMPLETE, SDEI_HANDLED, "COMPLETE(0)");
		expect_refused(t, SDEI_FID_COMPLETE, SDEI_FAILED, "COMPLETE(1)");
		expect_refused(t, SDEI_FID_COMPLETE_AND_RESUME, (uint64_t)sdei_resume_point,
			       "COMPLETE_AND_RESUME");
		expect_hex(t, sysreg_read(elr_el1), elr, "ELR_EL1");
		expect_hex(t, sysreg_read(spsr_el1), spsr, "SPSR_EL1");
		irq_enable();
		expect_eq(t, sdei_status(0), SDEI_REGISTERED | SDEI_ENABLED, "STATUS");
		sdei_pe_unmask();
	}
}

static void leave_failed(struct sdei_entry *entry)
{
	entry->leave_arg = SDEI_FAILED;
}

static void m03(struct run *t)
{
	sdei_pe_unmask();
	for (unsigned i = 0; i < (suite.trigger ? NSTATIC : 1); i++) {
		set_handler(i, leave_failed);
		if (!register_enable(t, i, 0))
			return;
		for (int64_t n = 1; n <= 2; n++) {
			fire(i, this_cpu());
			expect_eq(t, (int64_t)runs_on(0, i), n, "%s: handlers entered",
				  slot_name(i));
			expect_eq(t, sdei_status(suite.event[i]), SDEI_REGISTERED | SDEI_ENABLED,
				  "STATUS(%s) after COMPLETE(1)", slot_name(i));
		}
	}
}

static void leave_resuming(struct sdei_entry *entry)
{
	entry->leave = SDEI_FID_COMPLETE_AND_RESUME;
	entry->leave_arg = (uint64_t)sdei_resume_point;
}

/* At the resume address: EL1h, masked, the interrupted x0 to x17; ELR and SPSR lead back. */
static void expect_resumed(struct run *t, const struct sdei_regs *interrupted)
{
	const struct sdei_regs *r = &this_sdei()->resumed;

	expect_eq(t, (int64_t)r->x[0], SDEI_SUCCESS, "x0 at the resume address");
	for (unsigned i = 1; i < 31; i++)
		expect_hex(t, r->x[i], i < 30 ? canary.x_in[i] : interrupted->x[30],
			   "x%u at the resume address", i);
	expect_hex(t, r->elr, interrupted->x[2], "ELR_EL1 at the resume address");
	expect_hex(t, r->spsr, interrupted->x[3], "SPSR_EL1 at the resume address");
	expect_hex(t, r->daif, DAIF_ALL, "DAIF at the resume address");
	expect_hex(t, r->current_el >> 2, 1, "CurrentEL at the resume address");
	expect_hex(t, r->spsel, 1, "SPSel at the resume address");
	expect_hex(t, r->sp, interrupted->sp, "SP at the resume address");
	if (t->strict)
		expect_hex(t, r->nzcv, interrupted->x[3] & SPSR_NZCV, "NZCV at the resume address");
}

static void expect_resume(struct run *t, uint64_t nzcv, uint64_t daif)
{
	uint64_t after;

	clear_records();
	fill_canary(nzcv + 100, nzcv);
	set_call(SDEI_FID_SIGNAL, 0, this_cpu()->mpidr);
	sysreg_write(daif, daif);
	call_canary();
	after = sysreg_read(daif);
	sysreg_write(daif, 0);
	if (!expect_eq(t, (int64_t)this_sdei()->resumes, 1, "times the resume address was reached"))
		return;
	expect_resumed(t, &this_sdei()->last[E0]);
	expect_unchanged(t, SDEI_SUCCESS, "after the ERET");
	expect_hex(t, after, daif, "DAIF after the ERET");
	expect_eq(t, sdei_status(0), SDEI_REGISTERED | SDEI_ENABLED, "STATUS");
	expect_eq(t, sdei_context(0), SDEI_DENIED, "CONTEXT");
}

static void try_bad_addresses(struct sdei_entry *entry)
{
	uint64_t *word = this_sdei()->word;

	(void)entry;
	for (unsigned i = 1; i < 4; i++)
		word[i] = (uint64_t)smccc(SDEI_FID_COMPLETE_AND_RESUME,
					  (uint64_t)sdei_resume_point + i, 0, 0);
	word[4] = (uint64_t)sdei_status(0);
}

static void expect_bad_addresses(struct run *t)
{
	static const int64_t refused[] = { SDEI_INVALID_PARAMETERS, SDEI_DENIED };

	clear_records();
	set_handler(E0, try_bad_addresses);
	fire(E0, this_cpu());
	for (unsigned i = 1; i < 4; i++)
		expect_one_of(t, (int64_t)this_sdei()->word[i], refused, ARRAY_LEN(refused),
			      "COMPLETE_AND_RESUME(address + %u)", i);
	expect_eq(t, (int64_t)this_sdei()->word[4], 7, "STATUS after these refusals");
	expect_eq(t, sdei_status(0), SDEI_REGISTERED | SDEI_ENABLED, "STATUS after COMPLETE");
}

/* Another signal while the handler runs: it may be taken at the resume address at once, which must not
 * hurt what leads back. */
static void signal_and_resume(struct sdei_entry *entry)
{
	leave_resuming(entry);
	if (this_sdei()->runs[E0] == 1) {
		sdei_signal(this_cpu()->mpidr);
		return;
	}
	entry->leave = SDEI_FID_COMPLETE;
	entry->leave_arg = SDEI_HANDLED;
}

static void expect_event_at_resume_address(struct run *t)
{
	const struct sdei_regs *r = &this_sdei()->last[E0];

	clear_records();
	set_handler(E0, signal_and_resume);
	fill_canary(3, 6);
	set_call(SDEI_FID_SIGNAL, 0, this_cpu()->mpidr);
	call_canary();
	expect_eq(t, (int64_t)runs_on(0, E0), 2, "handlers entered");
	expect_eq(t, (int64_t)this_sdei()->resumes, 1, "times the resume address was reached");
	expect_unchanged(t, SDEI_SUCCESS, "after an event at the resume address");
	if (!t->strict)
		return;
	expect_hex(t, r->x[2], (uint64_t)sdei_resume_point, "second handler: x2");
	expect_hex(t, r->x[3] & (SPSR_MODE | DAIF_ALL), DAIF_ALL | SPSR_EL1H,
		   "second handler: x3: DAIF and mode");
}

/* Nested: PC completes and resumes over the handler of E0, which still runs then. */
static void trigger_critical(struct sdei_entry *entry)
{
	struct sdei_cpu *s = this_sdei();

	s->word[0] = (uint64_t)fire(PC, this_cpu());
	s->word[1] = (uint64_t)sdei_status(0);
	s->word[2] = (uint64_t)sdei_context(2);
	if (s->word[8])
		leave_resuming(entry);
}

static void look_around(struct sdei_regs *regs)
{
	struct sdei_cpu *s = this_sdei();

	(void)regs;
	if (s->resumes > 1)
		return;
	s->word[3] = (uint64_t)sdei_status(0);
	s->word[4] = (uint64_t)sdei_status(suite.event[PC]);
	s->word[5] = (uint64_t)sdei_context(2);
	s->word[6] = s->resumed.elr == s->last[PC].x[2] && s->resumed.spsr == s->last[PC].x[3];
}

static void expect_nested_resume(struct run *t, bool outer_resumes)
{
	const struct sdei_cpu *s = this_sdei();
	const uint64_t log[] = { E0, PC, PC | LOG_END, LOG_RESUMED, E0 | LOG_END, LOG_RESUMED };

	clear_records();
	this_sdei()->word[8] = outer_resumes;
	set_resumed(look_around);
	set_handler(E0, trigger_critical);
	set_handler(PC, leave_resuming);
	fill_canary(8, 5);
	set_call(SDEI_FID_SIGNAL, 0, this_cpu()->mpidr);
	call_canary();
	expect_unchanged(t, SDEI_SUCCESS, "nested");
	expect_eq(t, (int64_t)s->word[0], SDEI_SUCCESS, "PC: trigger in the handler of event 0");
	expect_eq(t, (int64_t)s->word[1], 7, "STATUS(event 0) in its handler afterwards");
	expect_hex(t, s->word[2], canary.x_in[2], "CONTEXT(2) in the handler of event 0");
	expect_eq(t, (int64_t)s->word[3], 7, "STATUS(event 0) at the resume address");
	expect_eq(t, (int64_t)s->word[4], 3, "STATUS(PC) at the resume address");
	expect_hex(t, s->word[5], canary.x_in[2], "CONTEXT(2) at the resume address");
	expect_eq(t, (int64_t)s->word[6], 1, "ELR_EL1, SPSR_EL1 lead to the handler of event 0");
	expect_eq(t, (int64_t)s->nlog, outer_resumes ? 6 : 5, "entries, ends and resumptions");
	for (unsigned i = 0; i < s->nlog && i < ARRAY_LEN(log); i++)
		expect_hex(t, s->log[i], log[i], "step %u (slot, 0x100: its end, 0x200: resumed)",
			   i);
	if (outer_resumes)
		expect_hex(t, s->resumed.elr, s->last[E0].x[2], "ELR_EL1 at the second resumption");
	expect_eq(t, sdei_status(0), SDEI_REGISTERED | SDEI_ENABLED, "STATUS(event 0) at the end");
}

static void m04(struct run *t)
{
	set_handler(E0, leave_resuming);
	if (!register_enable(t, E0, 0))
		return;
	sdei_pe_unmask();
	for (uint64_t nzcv = 0; nzcv < 16; nzcv++) {
		expect_resume(t, nzcv, 0);
		expect_resume(t, nzcv, DAIF_ALL);
	}
	expect_bad_addresses(t);
	expect_event_at_resume_address(t);
	if (need_trigger(t) || !register_enable(t, PC, 0))
		return;
	expect_nested_resume(t, false);
	expect_nested_resume(t, true);
}

static uint64_t context_of[NSLOTS][18];

static void read_context(struct sdei_entry *entry)
{
	for (unsigned i = 0; i < 18; i++)
		context_of[entry->slot][i] = (uint64_t)sdei_context(i);
}

/* Two events of one class pending on a masked PE: PE_UNMASK lets in one after the other. */
static void expect_back_to_back(struct run *t, enum slot one, enum slot other)
{
	const struct sdei_cpu *s = this_sdei();
	const struct sdei_regs *a = &s->last[one], *b = &s->last[other];

	clear_records();
	set_handler(one, read_context);
	set_handler(other, read_context);
	sdei_pe_mask();
	fire(one, this_cpu());
	fire(other, this_cpu());
	fill_canary(21, 10);
	set_call(SDEI_FID_PE_UNMASK, 0, 0);
	call_canary();
	expect_unchanged(t, SDEI_SUCCESS, "PE_UNMASK with two events pending");
	if (!expect(t, s->runs[one] == 1 && s->runs[other] == 1,
		    "%s and %s: expected one run each, found %lu and %lu", slot_name(one),
		    slot_name(other), s->runs[one], s->runs[other]))
		return;
	expect_hex(t, b->x[2], a->x[2], "x2 of the other handler");
	expect_hex(t, b->x[3], a->x[3], "x3 of the other handler");
	expect_hex(t, a->x[3] & SPSR_NZCV, canary.nzcv_in, "NZCV in x3");
	for (unsigned i = 1; i < 18; i++) {
		expect_hex(t, context_of[one][i], canary.x_in[i], "%s: CONTEXT(%u)", slot_name(one),
			   i);
		expect_hex(t, context_of[other][i], canary.x_in[i], "%s: CONTEXT(%u)",
			   slot_name(other), i);
	}
}

static void m08(struct run *t)
{
	if (need_trigger(t))
		return;
	for (unsigned i = 0; i < NSTATIC; i++)
		if (!register_enable(t, i, 0))
			return;
	expect_back_to_back(t, E0, PN);
	expect_back_to_back(t, PN, SN);
	expect_back_to_back(t, PC, SC);
}

static const struct test tests[] = {
	{ "M01", "COMPLETE restores every register, with all NZCV and DAIF", m01, 30, 0, false },
	{ "M02", "COMPLETE and COMPLETE_AND_RESUME outside a handler", m02, 0, 0, false },
	{ "M03", "COMPLETE(FAILED) completes", m03, 0, 0, false },
	{ "M04", "COMPLETE_AND_RESUME, also nested", m04, 30, 0, false },
	{ "M08", "two pending events: one handler after the other", m08, 0, 0, false },
};
const struct test_group group_complete = { tests, ARRAY_LEN(tests) };
