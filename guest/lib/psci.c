/* PSCI client calls (Arm DEN0022F.b) and the SMCCC wrappers under them. No state. */
#include "guest/lib/psci.h"

#include "guest/lib/cpu.h"
#include "guest/lib/exc.h"
#include "guest/lib/io.h"
#include "guest/lib/smccc.h"
#include "guest/lib/timer.h"

int64_t smccc_call(enum conduit conduit, uint64_t fid, uint64_t x1, uint64_t x2, uint64_t x3,
		   struct smccc_regs *out)
{
	struct smccc_regs regs = { { fid, x1, x2, x3 } };

	smccc_raw(&regs, conduit == CONDUIT_SMC ? CALL_SMC0 : CALL_HVC0);
	if (out)
		*out = regs;
	return (int64_t)regs.x[0];
}

int64_t smccc_try(enum call_insn insn, uint64_t fid, uint64_t x1, uint64_t x2, uint64_t x3,
		  bool *undefined)
{
	struct smccc_regs regs = { { fid, x1, x2, x3 } };

	exception_expect();
	smccc_raw(&regs, insn);
	*undefined = exception_taken(NULL);
	return (int64_t)regs.x[0];
}

int64_t smccc(uint64_t fid, uint64_t x1, uint64_t x2, uint64_t x3)
{
	return smccc_call(machine.conduit, fid, x1, x2, x3, NULL);
}

int64_t psci_cpu_on(uint64_t mpidr, uint64_t entry, uint64_t ctx)
{
	return smccc(PSCI_CPU_ON, mpidr, entry, ctx);
}

int64_t psci_affinity(uint64_t mpidr, uint64_t level)
{
	return smccc(PSCI_AFFINITY_INFO, mpidr, level, 0);
}

int64_t psci_features(uint64_t fid)
{
	return smccc(PSCI_FEATURES, fid, 0, 0);
}

void psci_cpu_off(void)
{
	smccc(PSCI_CPU_OFF, 0, 0, 0);
}

void psci_system_off(void)
{
	smccc(PSCI_SYSTEM_OFF, 0, 0, 0);
	for (;;)
		asm volatile("wfi");
}

struct suspend_result psci_suspend(uint64_t fid, uint64_t x1, uint64_t x2, uint64_t x3)
{
	struct cpu *cpu = this_cpu();
	uint64_t daif = sysreg_read(daif), start = timer_now();
	struct suspend_result result = { 0 };

	cpu->resume_armed = true;
	if (context_save(&cpu->resume) == 0) {
		result.ret = smccc(fid, x1, x2, x3);
		cpu->resume_armed = false;
	} else {
		result.via_entry = true;
		result.ctx = cpu->entry.ctx;
	}
	result.elapsed_us = timer_us_since(start);
	sysreg_write(daif, daif);
	return result;
}
