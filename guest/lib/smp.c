/*
 * Bringing CPUs in through PSCI CPU_ON, one stack and mailbox each. A CPU in secondary_entry finds
 * itself by MPIDR in the boot table, which is written once and cleaned to memory because it is read
 * with the MMU off. Everything later is single-writer words (cpu.h), so no lock is needed with the
 * MMU on or off.
 */
#include "guest/lib/smp.h"

#include "guest/lib/exc.h"
#include "guest/lib/gic.h"
#include "guest/lib/io.h"
#include "guest/lib/mmu.h"
#include "guest/lib/psci.h"
#include "guest/lib/timer.h"

#define ENTRY_STACK_BYTES 2048
#define POLITE_US         SECOND_US /* then a CPU that was asked to stop is interrupted */

struct boot_cpu { /* start.S: secondary_entry */
	uint64_t mpidr;
	struct cpu *cpu;
	uint64_t stack_top, pad;
};

struct boot_info { /* start.S: secondary_entry */
	struct boot_cpu *table;
	uint64_t entries;
	struct mmu_regs mmu;
};

struct boot_info boot_info __attribute__((aligned(2 * CACHE_LINE)));

_Static_assert(offsetof(struct cpu, entry) == 0, "start.S");
_Static_assert(sizeof(struct boot_cpu) == 32 && offsetof(struct boot_info, mmu) == 16, "start.S");

_Noreturn void cpu_entered(struct cpu *cpu);

static void cpu_record_init(struct cpu *cpu)
{
	cpu->stack_top = (uint64_t)ram_alloc(STACK_BYTES, 16) + STACK_BYTES;
	boot_info.table[cpu->index] = (struct boot_cpu){
		.mpidr = cpu->mpidr,
		.cpu = cpu,
		.stack_top = (uint64_t)ram_alloc(ENTRY_STACK_BYTES, 16) + ENTRY_STACK_BYTES,
	};
}

void smp_init(void)
{
	boot_info.table = ram_alloc(machine.ncpus * sizeof(*boot_info.table), 2 * CACHE_LINE);
	boot_info.entries = machine.ncpus;
	for (unsigned i = 0; i < machine.ncpus; i++)
		cpu_record_init(&machine.cpu[i]);
	mmu_init(&boot_info.mmu);
	cache_clean_invalidate(&boot_info, sizeof(boot_info));
	cache_clean_invalidate(boot_info.table, machine.ncpus * sizeof(*boot_info.table));
	mmu_load(boot_info.mmu.ttbr0, boot_info.mmu.tcr, boot_info.mmu.mair, boot_info.mmu.sctlr);
	gic_init();
	gic_cpu_init(this_cpu());
}

static void worker(struct cpu *cpu)
{
	irq_enable();
	for (;;) {
		while (shared_read(&cpu->job.sequence) == cpu->done_sequence)
			asm volatile("wfe" ::: "memory");
		cpu->result = cpu->job.fn(cpu->job.arg);
		irq_enable();
		shared_write(&cpu->done_sequence, cpu->job.sequence);
	}
}

/* From start.S, on the entry stack: a CPU_ON, or the return from a power-down suspend. */
void cpu_entered(struct cpu *cpu)
{
	gic_cpu_init(cpu);
	if (cpu->index == 0)
		watchdog_rearm();
	if (cpu->resume_armed) {
		cpu->resume_armed = false;
		context_restore(&cpu->resume, 1);
	}
	cpu->result = 0;
	cpu->done_sequence = shared_read(&cpu->job.sequence); /* jobs of an earlier life are void */
	shared_write(&cpu->entries, cpu->entries + 1);
	call_on_stack(cpu->stack_top, worker, cpu);
}

bool smp_wait_word(const uint64_t *word, uint64_t n, uint64_t us)
{
	uint64_t start = timer_now();

	while (shared_read(word) < n) {
		if (timer_us_since(start) > us * machine.time_scale)
			return false;
		cpu_relax();
	}
	return true;
}

bool smp_wait_entry(const struct cpu *cpu, uint64_t entries_before, uint64_t us)
{
	return smp_wait_word(&cpu->entries, entries_before + 1, us);
}

bool smp_start(struct cpu *cpu, uint64_t ctx, int64_t *ret)
{
	uint64_t before = shared_read(&cpu->entries);
	int64_t result = psci_cpu_on(cpu->mpidr, (uint64_t)secondary_entry, ctx);

	if (ret)
		*ret = result;
	return result == PSCI_SUCCESS && smp_wait_entry(cpu, before, STALL_US);
}

bool smp_wait_off(const struct cpu *cpu, uint64_t us)
{
	uint64_t start = timer_now();

	while (psci_affinity(cpu->mpidr, 0) != AFFINITY_OFF) {
		if (timer_us_since(start) > us * machine.time_scale)
			return false;
		cpu_relax();
	}
	return true;
}

static uint64_t job_off(uint64_t arg)
{
	(void)arg;
	psci_cpu_off();
	return 0;
}

bool smp_stop(struct cpu *cpu)
{
	if (psci_affinity(cpu->mpidr, 0) == AFFINITY_OFF)
		return true;
	smp_post(cpu, job_off, 0);
	return smp_wait_off(cpu, STALL_US);
}

/* More than once: a CPU that is being started forgets what came before. */
static bool stop_hard(struct cpu *cpu)
{
	for (unsigned tries = 0; tries < STALL_US / POLITE_US; tries++) {
		gic_send_sgi(cpu, SGI_ABORT);
		if (smp_wait_off(cpu, POLITE_US))
			return true;
	}
	return false;
}

bool smp_stop_all(void)
{
	bool all = true;

	for (unsigned i = 1; i < machine.ncpus; i++)
		if (psci_affinity(machine.cpu[i].mpidr, 0) != AFFINITY_OFF)
			smp_post(&machine.cpu[i], job_off, 0);
	for (unsigned i = 1; i < machine.ncpus; i++)
		if (!smp_wait_off(&machine.cpu[i], POLITE_US))
			all &= stop_hard(&machine.cpu[i]);
	return all;
}

void smp_post(struct cpu *cpu, uint64_t (*fn)(uint64_t), uint64_t arg)
{
	cpu->job.fn = fn;
	cpu->job.arg = arg;
	shared_write(&cpu->job.sequence, cpu->job.sequence + 1);
}

bool smp_wait(struct cpu *cpu, uint64_t us)
{
	uint64_t start = timer_now();

	while (shared_read(&cpu->done_sequence) != cpu->job.sequence) {
		if (timer_us_since(start) > us * machine.time_scale)
			return false;
		cpu_relax();
	}
	return true;
}

bool smp_run(struct cpu *cpu, uint64_t (*fn)(uint64_t), uint64_t arg, uint64_t *result)
{
	smp_post(cpu, fn, arg);
	if (!smp_wait(cpu, STALL_US))
		return false;
	if (result)
		*result = cpu->result;
	return true;
}

void barrier_init(struct barrier *b, unsigned n)
{
	for (unsigned i = 0; i < BARRIER_SLOTS; i++)
		b->slot[i].phase = 0;
	b->n = n;
	barrier_full();
}

void barrier_wait(struct barrier *b, unsigned slot)
{
	uint64_t phase = b->slot[slot].phase + 1;

	shared_write(&b->slot[slot].phase, phase);
	for (unsigned i = 0; i < b->n; i++)
		while (shared_read(&b->slot[i].phase) < phase)
			cpu_relax();
}
