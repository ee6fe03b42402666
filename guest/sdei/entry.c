/* Group L: how a handler is entered, and EVENT_CONTEXT (Arm DEN0054C 4.3, 5.1.4). */
#include "guest/sdei/suite.h"

#define INSN_HVC0 UINT32_C(0xd4000002)
#define INSN_SMC0 UINT32_C(0xd4000003)

#define SPSR_MODE UINT64_C(0x1f)
#define SPSR_EL0T UINT64_C(0)
#define SPSR_EL1H UINT64_C(5)
#define SPSR_USR  UINT64_C(0x10) /* AArch32, User */
#define SPSR_AIF  UINT64_C(0x1c0)
#define SPSR_T    UINT64_C(0x20)
#define SPSR_IL   (UINT64_C(1) << 20)
#define SPSR_SS   (UINT64_C(1) << 21)

#define SCTLR_SPAN      (UINT64_C(1) << 23)
#define SCTLR_DSSBS     (UINT64_C(1) << 44)
#define SCTLR_SPINTMASK (UINT64_C(1) << 62)
#define EC_INSN_ABORT   0x21u
#define UNMAPPED_EP     (UINT64_C(1) << 47)
#define SPIN_ROUNDS     (UINT64_C(1) << 30) /* some seconds; as in handler.S */
#define SIGNAL_DELAY_US 20000
#define PATTERN(i)      (UINT64_C(0x0101010101010101) * (i) ^ UINT64_C(0x8000000000000000))
#define CONTEXT_NR      18

static uint64_t spin_word __attribute__((aligned(CACHE_LINE)));

static uint32_t call_insn(void)
{
	return machine.conduit == CONDUIT_SMC ? INSN_SMC0 : INSN_HVC0;
}

static uint32_t insn_before(uint64_t pc)
{
	return *(const uint32_t *)(pc - 4);
}

/* SIGNAL to self with patterns in x3 to x17: these are the interrupted registers then. */
static void signal_with_patterns(struct smccc_regs *regs)
{
	*regs = (struct smccc_regs){ { SDEI_FID_SIGNAL, 0, this_cpu()->mpidr } };
	for (unsigned i = 3; i < CONTEXT_NR; i++)
		regs->x[i] = PATTERN(i);
	smccc_raw(regs, machine.conduit == CONDUIT_SMC ? CALL_SMC0 : CALL_HVC0);
}

/* Interrupted xN of that call, at its return. */
static uint64_t interrupted_x(unsigned i)
{
	return i == 0 ? SDEI_SUCCESS : i == 1 ? 0 : i == 2 ? this_cpu()->mpidr : PATTERN(i);
}

static void l01(struct run *t)
{
	static const uint64_t args[] = { UINT64_C(0xfedcba9876543210), 0, UINT64_MAX };
	const struct sdei_regs *r = &this_sdei()->last[E0];
	struct smccc_regs regs;

	sdei_pe_unmask();
	for (unsigned a = 0; a < ARRAY_LEN(args); a++) {
		clear_records();
		expect_eq(t, sdei_register(0, exact_entry_of(E0), args[a], 0, 0), SDEI_SUCCESS,
			  "REGISTER(event 0)");
		sdei_enable(0);
		signal_with_patterns(&regs);
		if (!expect_eq(t, (int64_t)runs_on(0, E0), 1, "handlers entered"))
			return;
		expect_hex(t, r->x[0], 0, "x0, the event");
		expect_hex(t, r->x[1], args[a], "x1, the argument");
		expect_hex(t, insn_before(r->x[2]), call_insn(), "instruction before x2");
		expect_hex(t, r->x[3] & (SPSR_MODE | DAIF_ALL), sysreg_read(daif) | SPSR_EL1H,
			   "x3, the interrupted PSTATE: DAIF and mode");
		expect_hex(t, r->x[3] & (SPSR_IL | SPSR_SS), 0, "x3: SS, IL");
		for (unsigned i = 4; i < CONTEXT_NR; i++)
			expect_hex(t, r->x[i], PATTERN(i), "x%u at entry", i);
		sdei_unregister(0);
	}
	if (need_trigger(t))
		return;
	for (unsigned i = PN; i < NSTATIC; i++) {
		if (!register_enable(t, i, PATTERN(i)))
			return;
		fire(i, this_cpu());
		expect_hex(t, this_sdei()->last[i].x[0], suite.event[i], "%s: x0, the event",
			   slot_name(i));
		expect_hex(t, this_sdei()->last[i].x[1], PATTERN(i), "%s: x1, the argument",
			   slot_name(i));
	}
}

/* PSTATE fields that have an MSR of their own: their bit in SPSR and in that register. */
struct pstate_field {
	const char *name;
	bool present;
	uint64_t bit;
	uint64_t (*read)(void);
	void (*write)(uint64_t value);
};

#define PSTATE_ACCESSORS(name, reg)                                                                \
	static uint64_t read_##name(void)                                                          \
	{                                                                                          \
		return sysreg_read(reg);                                                           \
	}                                                                                          \
	static void write_##name(uint64_t value)                                                   \
	{                                                                                          \
		sysreg_write(reg, value);                                                          \
	}
PSTATE_ACCESSORS(pan, s3_0_c4_c2_3)
PSTATE_ACCESSORS(uao, s3_0_c4_c2_4)
PSTATE_ACCESSORS(dit, s3_3_c4_c2_5)
PSTATE_ACCESSORS(ssbs, s3_3_c4_c2_6)
PSTATE_ACCESSORS(tco, s3_3_c4_c2_7)
PSTATE_ACCESSORS(allint, s3_0_c4_c3_0)

enum { PAN, UAO, DIT, SSBS, TCO, ALLINT, NFIELDS };
static struct pstate_field fields[NFIELDS];

static unsigned id_field(uint64_t id, unsigned shift)
{
	return (unsigned)(id >> shift & 15);
}

/* Which of them this CPU has (DDI0487, ID_AA64*). */
static void find_fields(void)
{
	uint64_t pfr0 = sysreg_read(id_aa64pfr0_el1), pfr1 = sysreg_read(id_aa64pfr1_el1);
	uint64_t mmfr1 = sysreg_read(id_aa64mmfr1_el1), mmfr2 = sysreg_read(s3_0_c0_c7_2);
	const struct pstate_field all[NFIELDS] = {
		{ "PAN", id_field(mmfr1, 20) >= 1, UINT64_C(1) << 22, read_pan, write_pan },
		{ "UAO", id_field(mmfr2, 4) >= 1, UINT64_C(1) << 23, read_uao, write_uao },
		{ "DIT", id_field(pfr0, 48) >= 1, UINT64_C(1) << 24, read_dit, write_dit },
		{ "SSBS", id_field(pfr1, 4) >= 2, UINT64_C(1) << 12, read_ssbs, write_ssbs },
		{ "TCO", id_field(pfr1, 8) >= 2, UINT64_C(1) << 25, read_tco, write_tco },
		{ "ALLINT", id_field(pfr1, 36) >= 1, UINT64_C(1) << 13, read_allint, write_allint },
	};

	memcpy(fields, all, sizeof(fields));
}

/* What exception entry makes of a field (DDI0487 D1.3), from its interrupted value. */
static bool field_at_entry(unsigned field, bool before, uint64_t sctlr)
{
	switch (field) {
	case PAN:
		return before || !(sctlr & SCTLR_SPAN);
	case DIT:
		return before;
	case SSBS:
		return sctlr & SCTLR_DSSBS;
	case TCO:
		return true;
	case ALLINT:
		return !(sctlr & SCTLR_SPINTMASK);
	default:
		return false;
	}
}

static void read_fields(struct sdei_entry *entry)
{
	(void)entry;
	for (unsigned f = 0; f < NFIELDS; f++)
		this_sdei()->word[f] = fields[f].present && fields[f].read() & fields[f].bit;
}

/* Interrupt with the field at `before`, under this SCTLR_EL1; the handler notes what it sees. */
static void expect_field(struct run *t, unsigned f, bool before, uint64_t sctlr)
{
	uint64_t old = sysreg_read(sctlr_el1), after;
	const struct sdei_cpu *s = this_sdei();

	irq_disable();
	sysreg_write(sctlr_el1, sctlr);
	barrier_isb();
	fields[f].write(before ? fields[f].bit : 0);
	sdei_signal(this_cpu()->mpidr);
	after = fields[f].read();
	fields[f].write(0);
	sysreg_write(sctlr_el1, old);
	barrier_isb();
	irq_enable();
	expect_hex(t, s->last[E0].x[3] & fields[f].bit, before ? fields[f].bit : 0,
		   "%s=%u, SCTLR_EL1 0x%lx: its bit in x3", fields[f].name, before, sctlr);
	expect_eq(t, (int64_t)s->word[f], field_at_entry(f, before, sctlr),
		  "%s=%u, SCTLR_EL1 0x%lx: in the handler", fields[f].name, before, sctlr);
	expect_eq(t, !!(after & fields[f].bit), before, "%s=%u, SCTLR_EL1 0x%lx: after COMPLETE",
		  fields[f].name, before, sctlr);
}

static void expect_fields(struct run *t)
{
	static const uint64_t control[NFIELDS] = {
		[PAN] = SCTLR_SPAN, [SSBS] = SCTLR_DSSBS, [ALLINT] = SCTLR_SPINTMASK
	};
	uint64_t sctlr = sysreg_read(sctlr_el1);

	find_fields();
	set_handler(E0, read_fields);
	for (unsigned f = 0; f < NFIELDS; f++) {
		if (!fields[f].present)
			continue;
		note("this CPU has PSTATE.%s", fields[f].name);
		for (unsigned before = 0; before < 2; before++) {
			expect_field(t, f, before, sctlr & ~control[f]);
			if (control[f])
				expect_field(t, f, before, sctlr | control[f]);
		}
	}
}

static void l03(struct run *t)
{
	static const uint64_t patterns[] = { 0, DAIF_ALL };
	const struct sdei_regs *r = &this_sdei()->last[E0];

	if (!register_enable(t, E0, 0))
		return;
	sdei_pe_unmask();
	for (unsigned i = 0; i < ARRAY_LEN(patterns); i++) {
		clear_records();
		sysreg_write(daif, patterns[i]);
		sdei_signal(this_cpu()->mpidr);
		irq_enable();
		if (!expect_eq(t, (int64_t)runs_on(0, E0), 1, "DAIF 0x%lx: handlers entered",
			       patterns[i]))
			return;
		expect_hex(t, r->x[3] & DAIF_ALL, patterns[i], "DAIF in x3");
		expect_hex(t, r->daif, DAIF_ALL, "DAIF in the handler, interrupted with 0x%lx",
			   patterns[i]);
		expect_hex(t, r->current_el >> 2, 1, "CurrentEL in the handler");
		expect_hex(t, r->spsel, 1, "SPSel in the handler");
	}
	sysreg_write(daif, 0);
	expect_fields(t);
}

static uint64_t job_signal_cpu0(uint64_t delay_us)
{
	timer_spin_us(delay_us);
	return (uint64_t)sdei_signal(machine.cpu[0].mpidr);
}

static void end_spin(struct sdei_entry *entry)
{
	(void)entry;
	shared_write(&spin_word, 1);
}

/* cpu1 signals while this CPU spins at EL0 or EL1; its handler ends the loop. */
static void expect_spin_interrupted(struct run *t, bool el0)
{
	const struct sdei_regs *r = &this_sdei()->last[E0];
	uint64_t begin = (uint64_t)sdei_spin, end = (uint64_t)sdei_spin_end, left;
	const char *where = el0 ? "EL0" : "EL1";

	clear_records();
	shared_write(&spin_word, 0);
	smp_post(&machine.cpu[1], job_signal_cpu0, SIGNAL_DELAY_US);
	if (el0) {
		left = el0_run((const void *)(uint64_t)sdei_spin_el0, mmu_el0_address(&spin_word));
		begin = mmu_el0_address(sdei_spin);
		end = mmu_el0_address(sdei_spin_end);
	} else {
		left = sdei_spin(&spin_word, SPIN_ROUNDS);
	}
	expect(t, smp_wait(&machine.cpu[1], STALL_US), "cpu1: no return");
	if (!expect(t, left != 0 && runs_on(0, E0) == 1,
		    "%s: expected one handler to end the loop, found %lu entered", where,
		    runs_on(0, E0)))
		return;
	expect(t, r->x[2] >= begin && r->x[2] < end,
	       "%s: x2: expected a PC in 0x%lx..0x%lx, found 0x%lx", where, begin, end, r->x[2]);
	expect_hex(t, r->x[3] & (SPSR_MODE | DAIF_ALL),
		   el0 ? SPSR_EL0T | DAIF_ALL : SPSR_EL1H | (sysreg_read(daif) & DAIF_ALL),
		   "%s: x3: DAIF and mode", where);
	expect_hex(t, r->current_el >> 2, 1, "%s: CurrentEL in the handler", where);
	expect_hex(t, r->spsel, 1, "%s: SPSel in the handler", where);
}

static void l05(struct run *t)
{
	set_handler(E0, end_spin);
	if (!start_or_fail(t, 1) || !register_enable(t, E0, 0))
		return;
	sdei_pe_unmask();
	expect_spin_interrupted(t, false);
	expect_spin_interrupted(t, true);
}

/*
 * A32 code that counts its rounds (handler.S), interrupted. KVM cuts PC and x0 to x14 to 32 bits when a
 * register is written while PSTATE says AArch32, so the argument and, with the MMU on, the entry
 * point and the resume address need more than 32.
 */
#define A32_ARG     UINT64_C(0xfedcba9876543210)
#define A32_R(i)    (UINT64_C(0x81828384) + (i))
#define A32_PATTERN 4 /* r4 to r14 have A32_R(); the loop uses r0 to r3 */

static uint64_t a32_word[2] __attribute__((aligned(CACHE_LINE))); /* stop; rounds, by the loop */
static uint64_t a32_resume;

static bool a32_goes_on(uint64_t from)
{
	return smp_wait_word(&a32_word[1], from + 1, STALL_US);
}

/* Signal cpu0 in its loop; true if that goes on when the handler is over. Stops it. */
static uint64_t job_signal_a32(uint64_t unused)
{
	bool goes_on;

	(void)unused;
	goes_on = smp_wait_word(&a32_word[1], 1, STALL_US) &&
		  sdei_signal(machine.cpu[0].mpidr) == SDEI_SUCCESS &&
		  wait_ends(0, E0, 1, STALL_US) && a32_goes_on(shared_read(&a32_word[1]));
	shared_write(&a32_word[0], 1);
	return goes_on;
}

static void leave_a32(struct sdei_entry *entry)
{
	if (!a32_resume)
		return;
	entry->leave = SDEI_FID_COMPLETE_AND_RESUME;
	entry->leave_arg = a32_resume;
}

static void expect_a32_patterns(struct run *t, const uint64_t *x, const char *where)
{
	for (unsigned i = A32_PATTERN; i < AARCH32_REGS; i++)
		expect_hex(t, (uint32_t)x[i], A32_R(i), "x%u %s", i, where);
}

/* pc and pstate are those of the interrupted code, code_pc that of handler.S. */
static void expect_a32_record(struct run *t, const struct sdei_regs *r, uint64_t pc,
			      uint64_t pstate, const char *where)
{
	uint64_t begin = mmu_el0_low_address(sdei_spin_a32);
	uint64_t end = mmu_el0_low_address(sdei_spin_a32_end);

	expect(t, pc >= begin && pc < end,
	       "%s: interrupted PC: expected one in 0x%lx..0x%lx, found 0x%lx", where, begin, end,
	       pc);
	expect_hex(t, pstate & (SPSR_MODE | SPSR_AIF | SPSR_T), SPSR_USR | SPSR_AIF,
		   "%s: interrupted PSTATE: AIF, T, mode", where);
	expect_hex(t, r->daif, DAIF_ALL, "%s: DAIF", where);
	expect_hex(t, r->current_el >> 2, 1, "%s: CurrentEL", where);
	expect_hex(t, r->spsel, 1, "%s: SPSel", where);
	expect_hex(t, r->pc >> 32, mmu_high_address(sdei_entry_normal) >> 32, "%s: PC[63:32]",
		   where);
	expect_a32_patterns(t, r->x, where);
}

static void expect_a32_handler(struct run *t)
{
	const struct sdei_regs *r = &this_sdei()->last[E0];

	expect_hex(t, r->x[0], 0, "x0, the event");
	expect_hex(t, r->x[1], A32_ARG, "x1, the argument");
	expect_a32_record(t, r, r->x[2], r->x[3], "in the handler");
}

static void expect_a32_resumed(struct run *t)
{
	const struct sdei_regs *r = &this_sdei()->resumed;

	if (!expect_eq(t, (int64_t)this_sdei()->resumes, !!a32_resume,
		       "times the resume address was reached") ||
	    !a32_resume)
		return;
	expect_a32_record(t, r, r->elr, r->spsr, "at the resume address");
	expect_hex(t, (uint32_t)r->x[0], mmu_el0_low_address(a32_word), "x0 at the resume address");
}

/* `resume`: where COMPLETE_AND_RESUME goes, or 0 for COMPLETE. */
static void expect_a32_interrupted(struct run *t, uint64_t resume)
{
	uint64_t r[AARCH32_REGS] = { mmu_el0_low_address(a32_word), SPIN_ROUNDS };

	for (unsigned i = A32_PATTERN; i < AARCH32_REGS; i++)
		r[i] = A32_R(i);
	clear_records();
	a32_resume = resume;
	shared_write(&a32_word[0], 0);
	shared_write(&a32_word[1], 0);
	smp_post(&machine.cpu[1], job_signal_a32, 0);
	el0_run_a32(sdei_spin_a32, r);
	expect(t, smp_wait(&machine.cpu[1], 3 * STALL_US), "cpu1: no return");
	if (!expect_eq(t, (int64_t)runs_on(0, E0), 1, "handlers entered"))
		return;
	expect(t, machine.cpu[1].result, "expected the loop to go on after the handler");
	expect_a32_handler(t);
	expect_a32_resumed(t);
	expect_hex(t, r[0], mmu_el0_low_address(a32_word), "r0 when the loop ends");
	expect(t, r[1] != 0, "expected the loop to be ended by cpu1, found all its rounds over");
	expect_hex(t, r[1] + r[3], SPIN_ROUNDS, "rounds left and rounds done, in r1 and r3");
	expect_a32_patterns(t, r, "when the loop ends");
}

static const char *a32_missing(void)
{
	if (!el0_has_aarch32())
		return "this CPU has no AArch32 at EL0";
	if (!mmu_el0_low_address(sdei_spin_a32))
		return "no room for the image below 4 GiB";
	return NULL;
}

static void l06(struct run *t)
{
	uint64_t ep = mmu_high_address(sdei_entry_normal);
	uint64_t resume = mmu_high_address(sdei_resume_point);

	if (a32_missing()) {
		skip(t, a32_missing());
		return;
	}
	set_handler(E0, leave_a32);
	if (!start_or_fail(t, 1))
		return;
	expect_eq(t, sdei_register(0, ep ? ep : entry_of(E0), A32_ARG, 0, 0), SDEI_SUCCESS,
		  "REGISTER(event 0)");
	sdei_enable(0);
	sdei_pe_unmask();
	expect_a32_interrupted(t, 0);
	expect_a32_interrupted(t, resume ? resume : (uint64_t)sdei_resume_point);
}

/* In a handler whose C code has used x0 to x17 by then: every parameter, twice. */
static uint64_t context_seen[2][CONTEXT_NR];
static int64_t context_bad[4];
static const uint64_t bad_params[] = { 18, 31, 0xffffffff, UINT64_MAX };

static void read_context(struct sdei_entry *entry)
{
	(void)entry;
	for (unsigned round = 0; round < 2; round++)
		for (unsigned i = 0; i < CONTEXT_NR; i++)
			context_seen[round][i] = (uint64_t)sdei_context(i);
	for (unsigned i = 0; i < ARRAY_LEN(bad_params); i++)
		context_bad[i] = sdei_context(bad_params[i]);
}

static void l09(struct run *t)
{
	struct smccc_regs regs;

	set_handler(E0, read_context);
	if (!register_enable(t, E0, 0))
		return;
	sdei_pe_unmask();
	signal_with_patterns(&regs);
	if (!expect_eq(t, (int64_t)runs_on(0, E0), 1, "handlers entered"))
		return;
	for (unsigned round = 0; round < 2; round++)
		for (unsigned i = 0; i < CONTEXT_NR; i++)
			expect_hex(t, context_seen[round][i], interrupted_x(i), "CONTEXT(%u)", i);
	for (unsigned i = 0; i < ARRAY_LEN(bad_params); i++)
		expect_eq(t, context_bad[i], SDEI_INVALID_PARAMETERS, "CONTEXT(0x%lx)",
			  bad_params[i]);
}

static void expect_denied_elsewhere(struct run *t, enum slot slot)
{
	static const uint64_t calls[] = { SDEI_FID_CONTEXT, SDEI_FID_COMPLETE,
					  SDEI_FID_COMPLETE_AND_RESUME };
	const char *name = slot_name(slot);

	clear_records();
	hold_again();
	set_handler(slot, handler_held);
	expect_eq(t, fire(slot, &machine.cpu[1]), SDEI_SUCCESS, "%s: trigger", name);
	if (!expect(t, wait_runs(1, slot, 1, STALL_US), "%s: expected to run on cpu1", name))
		return;
	for (unsigned i = 0; i < ARRAY_LEN(calls); i++)
		expect_eq(t, smccc(calls[i], 0, 0, 0), SDEI_DENIED, "0x%lx while cpu1 runs %s",
			  calls[i], name);
	release_held();
	expect(t, wait_ends(1, slot, 1, STALL_US), "%s: expected to end on cpu1", name);
	expect_eq(t, (int64_t)runs_on(1, slot), 1, "%s: runs on cpu1", name);
}

static void l10(struct run *t)
{
	static const int64_t either[] = { SDEI_INVALID_PARAMETERS, SDEI_DENIED };

	for (unsigned i = 0; i < CONTEXT_NR; i++)
		expect_eq(t, sdei_context(i), SDEI_DENIED, "CONTEXT(%u) outside a handler", i);
	for (unsigned i = 0; i < ARRAY_LEN(bad_params); i++)
		expect_one_of(t, sdei_context(bad_params[i]), either, ARRAY_LEN(either),
			      "CONTEXT(0x%lx) outside a handler", bad_params[i]);
	if (machine.ncpus < 2 || !start_or_fail(t, 1) || !make_ready(t, 1, E0))
		return;
	expect_denied_elsewhere(t, E0);
	if (!suite.trigger)
		return;
	for (unsigned i = SN; i <= SC; i++) {
		expect_eq(t, register_slot(i, 0, SDEI_RM_PE, machine.cpu[1].mpidr), SDEI_SUCCESS,
			  "REGISTER(%s, RM_PE, cpu1)", slot_name(i));
		sdei_enable(suite.event[i]);
		expect_denied_elsewhere(t, i);
	}
}

static void l11(struct run *t)
{
	uint64_t old = sysreg_read(vbar_el1), arg = 0x5555;
	uint64_t offset = entry_of(E0) - (uint64_t)sdei_vectors;

	if (sdei_features(SDEI_RELATIVE_MODE) != 1) {
		if (t->strict)
			expect(t, false, "expected relative mode, found none");
		else
			skip(t, "no relative mode");
		return;
	}
	expect_eq(t, sdei_register(0, offset, arg, SDEI_RELATIVE, 0), SDEI_SUCCESS,
		  "REGISTER(event 0, ep 0x%lx, relative)", offset);
	expect_eq(t, sdei_enable(0), SDEI_SUCCESS, "ENABLE(event 0)");
	sdei_pe_unmask();
	/* VBAR_EL1 counts as it is when the event comes. */
	irq_disable();
	sysreg_write(vbar_el1, sdei_vectors);
	barrier_isb();
	sdei_signal(this_cpu()->mpidr);
	sysreg_write(vbar_el1, old);
	barrier_isb();
	irq_enable();
	expect_eq(t, (int64_t)runs_on(0, E0), 1, "handlers entered");
	expect_hex(t, this_sdei()->last[E0].x[1], arg, "x1, the argument");
	sdei_unregister(0);
	/* And not at all without the flag. */
	register_enable(t, E0, 0);
	sdei_signal(this_cpu()->mpidr);
	expect_eq(t, (int64_t)runs_on(0, E0), 2, "handlers entered, absolute again");
}

/* An interrupt comes up while the handler runs: it waits. */
static void raise_sgi(struct sdei_entry *entry)
{
	struct sdei_cpu *s = this_sdei();
	struct cpu *cpu = this_cpu();

	(void)entry;
	s->word[0] = cpu->irq_count[SGI_TEST];
	gic_send_sgi(cpu, SGI_TEST);
	timer_spin_us(5000);
	s->word[1] = shared_read(&cpu->irq_count[SGI_TEST]);
}

/* Acknowledged and not ended: what a running interrupt handler looks like to the firmware. */
static void expect_preempted_interrupt(struct run *t)
{
	uint64_t start = timer_now();
	uint32_t token;

	set_handler(E0, NULL);
	clear_records();
	irq_disable();
	gic_send_sgi(this_cpu(), SGI_TEST);
	do
		token = gic_ack();
	while (gic_intid(token) != SGI_TEST &&
	       timer_us_since(start) < STALL_US * machine.time_scale);
	sdei_signal(this_cpu()->mpidr);
	expect_eq(t, (int64_t)runs_on(0, E0), 1,
		  "handlers entered while an interrupt was being handled");
	gic_eoi(token);
	irq_enable();
	expect_hex(t, this_sdei()->last[E0].x[3] & DAIF_I, DAIF_I, "x3: PSTATE.I");
}

static void l14(struct run *t)
{
	const uint64_t *count = &this_cpu()->irq_count[SGI_TEST];
	const struct sdei_cpu *s = this_sdei();

	if (machine.gic == GIC_NONE) {
		skip(t, "no GIC in the device tree");
		return;
	}
	set_handler(E0, raise_sgi);
	if (!register_enable(t, E0, 0))
		return;
	sdei_pe_unmask();
	sdei_signal(this_cpu()->mpidr);
	if (!expect_eq(t, (int64_t)runs_on(0, E0), 1, "handlers entered"))
		return;
	expect_eq(t, (int64_t)(s->word[1] - s->word[0]), 0, "interrupts taken in the handler");
	smp_wait_word(count, s->word[0] + 1, STALL_US);
	expect_eq(t, (int64_t)(shared_read(count) - s->word[0]), 1,
		  "interrupts taken after COMPLETE");
	expect_preempted_interrupt(t);
}

/* The crash record of cpu1 is what is expected here; it goes off by itself. */
static void l15(struct run *t)
{
	struct cpu *cpu = &machine.cpu[1];
	struct crash *crash = &cpu->crash;
	uint64_t event = suite.event[E0];

	if (!start_or_fail(t, 1))
		return;
	expect_eq(t, register_at_on(t, 1, E0, UNMAPPED_EP), SDEI_SUCCESS,
		  "cpu1: REGISTER(event 0, ep 0x%lx)", UNMAPPED_EP);
	call_on(t, 1, SDEI_FID_ENABLE, event, 0, 0);
	call_on(t, 1, SDEI_FID_PE_UNMASK, 0, 0, 0);
	expect_eq(t, fire(E0, cpu), SDEI_SUCCESS, "SIGNAL(cpu1)");
	if (!expect(t, smp_wait_off(cpu, STALL_US), "cpu1: expected an exception, found none"))
		return;
	expect(t, crash->seen, "cpu1: expected an exception");
	expect_hex(t, ESR_EC(crash->esr), EC_INSN_ABORT, "cpu1: exception class");
	expect_hex(t, crash->elr, UNMAPPED_EP, "cpu1: ELR_EL1");
	expect_hex(t, crash->vector, 4, "cpu1: vector (current EL, SP_EL1, synchronous)");
	crash->seen = false;
	/* It is as good as new. */
	if (!start_or_fail(t, 1))
		return;
	expect_eq(t, call_on(t, 1, SDEI_FID_STATUS, event, 0, 0), 0, "cpu1: STATUS after CPU_ON");
	if (!make_ready(t, 1, E0))
		return;
	fire(E0, cpu);
	expect(t, wait_runs(1, E0, 1, STALL_US), "cpu1: expected its handler to run");
}

static const struct test tests[] = {
	{ "L01", "x0 to x17 at entry", l01, 0, 0, false },
	{ "L03", "PSTATE at entry", l03, 0, 0, false },
	{ "L05", "a loop at EL1 and at EL0 is interrupted", l05, 60, 2, false },
	{ "L06", "an AArch32 EL0 loop is interrupted", l06, 120, 2, false },
	{ "L09", "EVENT_CONTEXT", l09, 0, 0, false },
	{ "L10", "CONTEXT, COMPLETE, COMPLETE_AND_RESUME where no handler runs", l10, 0, 0, false },
	{ "L11", "relative mode", l11, 0, 0, false },
	{ "L14", "interrupts wait for the handler, the handler not for interrupts", l14, 0, 0,
	  false },
	{ "L15", "an entry point that is not mapped", l15, 0, 2, false },
};
const struct test_group group_entry = { tests, ARRAY_LEN(tests) };
