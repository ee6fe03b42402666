/*
 * Exceptions taken at EL1 (Arm DDI0487, D1.10): interrupts go to the GIC and timer code; a
 * synchronous exception is the end of an EL0 function, one a test expects, or a crash. A crash on
 * the boot CPU ends the running test; another CPU records it and powers itself off.
 */
#include "guest/lib/exc.h"

#include "guest/lib/gic.h"
#include "guest/lib/mmu.h"
#include "guest/lib/print.h"
#include "guest/lib/psci.h"
#include "guest/lib/timer.h"

#define EL0_STACK_BYTES 4096

_Static_assert(sizeof(struct frame) == 304, "FRAME_BYTES in start.S: exception_entry");

void exception_dispatch(struct frame *frame, uint64_t vector);
_Noreturn void el0_enter(uint64_t pc, uint64_t sp, uint64_t arg, uint64_t return_pc);
_Noreturn void el0_enter_a32(uint64_t pc, const uint64_t r[AARCH32_REGS]);

static abort_fn *abort_run;
static exception_hook *hook;

void exception_set_hook(exception_hook *fn)
{
	hook = fn;
}

void exception_set_abort(abort_fn *fn)
{
	abort_run = fn;
}

void run_abort(const char *reason)
{
	if (abort_run)
		abort_run(reason);
	print("Bail out! %s\n", reason);
	psci_system_off();
}

void exception_expect(void)
{
	this_cpu()->expected = (struct expected_exception){ .armed = true };
}

bool exception_taken(uint64_t *esr)
{
	struct expected_exception *e = &this_cpu()->expected;

	e->armed = false;
	if (esr)
		*esr = e->esr;
	return e->taken;
}

static void irq_count(struct cpu *cpu, uint32_t intid)
{
	if (intid < 32)
		cpu->irq_count[intid]++;
	else
		cpu->irq_spi++;
}

static void irq(struct cpu *cpu)
{
	uint32_t token = gic_ack(), intid = gic_intid(token);

	if (intid >= 1020)
		return;
	irq_count(cpu, intid);
	timer_irq(intid);
	gic_eoi(token);
	if (cpu->index == 0)
		watchdog_irq(intid);
	else if (intid == SGI_ABORT)
		psci_cpu_off();
}

static void crash(struct cpu *cpu, const struct frame *f, uint64_t vector)
{
	cpu->crash = (struct crash){ true, f->esr, f->elr, f->far, f->x[30], vector };
	barrier_full();
	if (cpu->index != 0) {
		psci_cpu_off();
		for (;;)
			asm volatile("wfi");
	}
	print("# exception on the boot CPU: vector %lu ESR 0x%lx ELR image+0x%lx FAR 0x%lx LR image+0x%lx\n",
	      vector, f->esr, f->elr - (uint64_t)image_start, f->far,
	      f->x[30] - (uint64_t)image_start);
	run_abort("unexpected exception");
}

static void el0_left(struct cpu *cpu, const struct frame *f)
{
	cpu->el0_result = f->x[0];
	for (unsigned i = 0; i < AARCH32_REGS; i++)
		cpu->el0_r[i] = (uint32_t)f->x[i];
	context_restore(&cpu->el0_return, 1);
}

static void synchronous(struct cpu *cpu, struct frame *f, uint64_t vector)
{
	bool from_el0 = vector >= 8;

	if (from_el0 && (ESR_EC(f->esr) == EC_SVC64 || ESR_EC(f->esr) == EC_SVC32))
		el0_left(cpu, f);
	if (!cpu->expected.armed)
		crash(cpu, f, vector);
	cpu->expected = (struct expected_exception){ false, true, f->esr, f->elr };
	f->elr += 4;
}

void exception_dispatch(struct frame *frame, uint64_t vector)
{
	struct cpu *cpu = this_cpu();

	if (hook && hook(frame, vector))
		return;
	/* From EL1 with SP_EL1, from EL0, from EL0 in AArch32. */
	if (vector == 5 || vector == 9 || vector == 13)
		irq(cpu);
	else if (vector == 4 || vector == 8 || vector == 12)
		synchronous(cpu, frame, vector);
	else
		crash(cpu, frame, vector);
}

uint64_t el0_run(const void *fn, uint64_t arg)
{
	static char stack[EL0_STACK_BYTES] __attribute__((aligned(16)));
	struct cpu *cpu = this_cpu();
	uint64_t daif = sysreg_read(daif);

	sysreg_write(daif, daif | DAIF_ALL);
	if (context_save(&cpu->el0_return) == 0)
		el0_enter(mmu_el0_address(fn), mmu_el0_address(stack + sizeof(stack)), arg,
			  mmu_el0_address(el0_leave));
	sysreg_write(daif, sysreg_read(daif) & (daif | ~DAIF_ALL));
	return cpu->el0_result;
}

bool el0_has_aarch32(void)
{
	return (sysreg_read(id_aa64pfr0_el1) & 15) == 2;
}

void el0_run_a32(const void *code, uint64_t r[AARCH32_REGS])
{
	struct cpu *cpu = this_cpu();
	uint64_t daif = sysreg_read(daif);

	sysreg_write(daif, daif | DAIF_ALL);
	if (context_save(&cpu->el0_return) == 0)
		el0_enter_a32(mmu_el0_low_address(code), r);
	sysreg_write(daif, sysreg_read(daif) & (daif | ~DAIF_ALL));
	for (unsigned i = 0; i < AARCH32_REGS; i++)
		r[i] = cpu->el0_r[i];
}
