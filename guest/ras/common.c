/* The machine, the recorder of exceptions, asking for injections, waiting. See suite.h. */
#include "guest/ras/suite.h"

#include "guest/lib/dt.h"

#define EL0_STACK_BYTES 4096
#define PAGE_OFFSET_LOG 0

struct ras_cpu ras_cpu[RAS_MAX_CPUS];
struct ras_machine ras_machine;

_Noreturn void ras_el0_enter(uint64_t pc, uint64_t sp, uint64_t arg, uint64_t spsr);

static bool is_ours(const struct frame *f, uint64_t vector)
{
	unsigned ec = ESR_EC(f->esr);

	if (vector % 4 == 3)
		return true;
	/* Instruction and data aborts with a fault status of "external abort". */
	return vector % 4 == 0 && (ec == 0x20 || ec == 0x21 || ec == 0x24 || ec == 0x25) &&
	       (f->esr & 0x3f) == 0x10;
}

static bool record(struct frame *frame, uint64_t vector)
{
	struct ras_cpu *c = &ras_cpu[this_cpu()->index % RAS_MAX_CPUS];

	if (!is_ours(frame, vector))
		return false;
	c->last.frame = *frame;
	c->last.vector = vector;
	c->last.daif = sysreg_read(daif);
	c->last.spsel = sysreg_read(spsel);
	c->last.current_el = sysreg_read(CurrentEL);
	c->last.pan = ras_machine.pan ? sysreg_read(S3_0_C4_C2_3) : 0;
	if (c->resume == RESUME_NEXT)
		frame->elr += 4;
	else if (c->resume == RESUME_CALLER)
		frame->elr = frame->x[30];
	shared_write(&c->stop, 1);
	shared_write(&c->count, c->count + 1);
	return true;
}

static bool scan_log(const void *dtb, const struct dt_node *node, void *arg)
{
	(void)arg;
	if (!dt_has_string(dtb, node, "compatible", "rasvm,error-log"))
		return true;
	dt_reg(dtb, node, 0, &ras_machine.log.base, &ras_machine.log.size);
	for (unsigned i = 0; i < 2; i++)
		ras_machine.events[i] = dt_cell(dtb, node, "sdei-events", i, 0);
	return false;
}

void ras_discover(void)
{
	ras_machine.ras = (sysreg_read(id_aa64pfr0_el1) >> 28 & 15) != 0;
	ras_machine.pan = (sysreg_read(id_aa64mmfr1_el1) >> 20 & 15) != 0;
	dt_walk(machine.dtb, scan_log, NULL);
	exception_set_hook(record);
}

void ras_cleanup(struct run *t)
{
	(void)t;
	/* What a test left pending comes out here. */
	asm volatile("msr daifclr, #4\n\tisb\n\tmsr daifset, #4" ::: "memory");
	memset(ras_cpu, 0, sizeof(ras_cpu));
}

void inject(const char *name, uint64_t address)
{
	if (address)
		print("inject %s 0x%lx\n", name, address);
	else
		print("inject %s\n", name);
}

bool injected(struct run *t)
{
	struct ras_cpu *c = &ras_cpu[this_cpu()->index % RAS_MAX_CPUS];
	uint64_t before = c->count;

	shared_write(&c->stop, 0);
	inject("done", 0);
	ras_spin(&c->stop, SPIN_ROUNDS);
	return expect_eq(t, (int64_t)(c->count - before), 1, "the abort that comes last: taken");
}

bool wait_taken(struct run *t, unsigned index, uint64_t count)
{
	smp_wait_word(&ras_cpu[index].count, count, STALL_US);
	return expect_eq(t, (int64_t)shared_read(&ras_cpu[index].count), (int64_t)count,
			 "exceptions taken by cpu%u", index);
}

void expect_quiet(struct run *t, unsigned index, uint64_t count)
{
	timer_spin_us(QUIET_US);
	expect_eq(t, (int64_t)shared_read(&ras_cpu[index].count), (int64_t)count,
		  "exceptions taken by cpu%u, half a second later", index);
}

void expect_entry(struct run *t, const struct taken *taken, uint64_t vector, uint64_t esr)
{
	bool span = sysreg_read(sctlr_el1) >> 23 & 1;

	expect_eq(t, (int64_t)taken->vector, (int64_t)vector, "vector");
	expect_hex(t, taken->frame.esr, esr, "ESR_EL1");
	expect_hex(t, taken->current_el, 1 << 2, "CurrentEL in the handler");
	expect_hex(t, taken->spsel, 1, "SPSel in the handler");
	expect_hex(t, taken->daif, DAIF_ALL, "DAIF in the handler");
	if (ras_machine.pan && !span)
		expect_hex(t, taken->pan, 1 << 22, "PAN in the handler, with SCTLR_EL1.SPAN 0");
}

uint64_t el0_run_spsr(const void *fn, uint64_t arg, uint64_t spsr)
{
	static char stack[EL0_STACK_BYTES] __attribute__((aligned(16)));
	struct cpu *cpu = this_cpu();
	uint64_t daif = sysreg_read(daif);

	sysreg_write(daif, DAIF_ALL);
	if (context_save(&cpu->el0_return) == 0)
		ras_el0_enter(mmu_el0_address(fn), mmu_el0_address(stack + sizeof(stack)), arg,
			      spsr);
	sysreg_write(daif, daif);
	return cpu->el0_result;
}
