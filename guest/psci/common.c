/* Helpers several groups share. No state. */
#include "guest/psci/suite.h"

#define V0_2 UINT64_C(0x2)
#define V1_0 UINT64_C(0x10000)

/* DEN0022F.b table of functions; the index is the function number. */
const struct psci_function psci_functions[] = {
	{ "PSCI_VERSION", 0x84000000, 0, V0_2 },
	{ "CPU_SUSPEND", 0x84000001, 0xc4000001, V0_2 },
	{ "CPU_OFF", 0x84000002, 0, V0_2 },
	{ "CPU_ON", 0x84000003, 0xc4000003, V0_2 },
	{ "AFFINITY_INFO", 0x84000004, 0xc4000004, V0_2 },
	{ "MIGRATE", 0x84000005, 0xc4000005, 0 },
	{ "MIGRATE_INFO_TYPE", 0x84000006, 0, 0 },
	{ "MIGRATE_INFO_UP_CPU", 0x84000007, 0xc4000007, 0 },
	{ "SYSTEM_OFF", 0x84000008, 0, V0_2 },
	{ "SYSTEM_RESET", 0x84000009, 0, V0_2 },
	{ "PSCI_FEATURES", 0x8400000a, 0, V1_0 },
	{ "CPU_FREEZE", 0x8400000b, 0, 0 },
	{ "CPU_DEFAULT_SUSPEND", 0x8400000c, 0xc400000c, 0 },
	{ "NODE_HW_STATE", 0x8400000d, 0xc400000d, 0 },
	{ "SYSTEM_SUSPEND", 0x8400000e, 0xc400000e, 0 },
	{ "PSCI_SET_SUSPEND_MODE", 0x8400000f, 0, 0 },
	{ "PSCI_STAT_RESIDENCY", 0x84000010, 0xc4000010, 0 },
	{ "PSCI_STAT_COUNT", 0x84000011, 0xc4000011, 0 },
	{ "SYSTEM_RESET2", 0x84000012, 0xc4000012, 0 },
	{ "MEM_PROTECT", 0x84000013, 0, 0 },
	{ "MEM_PROTECT_CHECK_RANGE", 0x84000014, 0xc4000014, 0 },
	{ "SYSTEM_OFF2", 0x84000015, 0xc4000015, 0 },
};
const unsigned npsci_functions = ARRAY_LEN(psci_functions);

/* What rasvm offers; original format. */
#define RASVM_STANDBY   0x00000000u
#define RASVM_POWERDOWN 0x00010000u

uint64_t address_in_device(void)
{
	return machine.uart.base ? machine.uart.base : machine.gicd.base;
}

uint64_t address_outside_ram(void)
{
	uint64_t end = 0;

	for (unsigned i = 0; i < machine.nram; i++)
		if (machine.ram[i].base + machine.ram[i].size > end)
			end = machine.ram[i].base + machine.ram[i].size;
	return end;
}

struct cpu *cpu_by_mpidr(uint64_t mpidr)
{
	for (unsigned i = 0; i < machine.ncpus_present; i++)
		if (machine.cpu[i].mpidr == mpidr)
			return &machine.cpu[i];
	return NULL;
}

uint64_t absent_mpidr(void)
{
	uint64_t mpidr = 1;

	while (cpu_by_mpidr(mpidr))
		mpidr++;
	return mpidr;
}

unsigned working_conduits(enum conduit conduits[2])
{
	unsigned n = 0;

	for (enum conduit c = CONDUIT_HVC; c <= CONDUIT_SMC; c++) {
		bool undefined;
		int64_t version = smccc_try(c == CONDUIT_SMC ? CALL_SMC0 : CALL_HVC0, PSCI_VERSION,
					    0, 0, 0, &undefined);

		if (!undefined && version >= 2)
			conduits[n++] = c;
	}
	return n;
}

bool extended_format(void)
{
	int64_t features = psci_features(PSCI_CPU_SUSPEND);

	return features >= 0 && features & 2;
}

bool is_powerdown(uint32_t power_state)
{
	return power_state >> (extended_format() ? 30 : 16) & 1;
}

static uint32_t find_state(bool powerdown, uint32_t fallback)
{
	for (unsigned i = 0; i < machine.nidle; i++)
		if (is_powerdown(machine.idle_state[i]) == powerdown)
			return machine.idle_state[i];
	return fallback;
}

uint32_t standby_state(void)
{
	return find_state(false, RASVM_STANDBY);
}

uint32_t powerdown_state(void)
{
	return find_state(true, extended_format() ? 1u << 30 : RASVM_POWERDOWN);
}

int64_t bad_address(void)
{
	return smccc(PSCI_VERSION, 0, 0, 0) >= 0x10000 ? PSCI_INVALID_ADDRESS
						       : PSCI_INVALID_PARAMETERS;
}

int64_t suspend_refused(uint64_t fid, uint64_t x1, uint64_t x2, uint64_t x3)
{
	int64_t ret;

	irq_disable();
	timer_wake_in_us(20000);
	ret = smccc(fid, x1, x2, x3);
	timer_wake_cancel();
	irq_enable();
	barrier_isb();
	return ret;
}

bool start_or_fail(struct run *t, unsigned i)
{
	int64_t ret;
	bool up = smp_start(&machine.cpu[i], i, &ret);

	return expect(t, up, "cpu%u: expected CPU_ON 0 and a start, found %ld and %s", i, ret,
		      up ? "a start" : "no start");
}

uint64_t random_next(uint64_t *state)
{
	uint64_t x = *state ? *state : UINT64_C(0x9e3779b97f4a7c15);

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return *state = x;
}

uint64_t job_suspend_until_sgi(uint64_t powerdown)
{
	struct cpu *self = this_cpu();
	uint64_t taken = self->irq_count[SGI_TEST];
	uint32_t state = powerdown ? powerdown_state() : standby_state();
	struct suspend_result r = { 0 };

	while (shared_read(&self->irq_count[SGI_TEST]) == taken && r.ret == 0) {
		irq_disable();
		shared_write(&self->scratch, 1);
		r = psci_suspend(PSCI_CPU_SUSPEND, state, (uint64_t)secondary_entry, 0);
		irq_enable();
		barrier_isb();
	}
	return (uint64_t)r.ret;
}

void announce_end(const struct run *t)
{
	if (t->failures == 0)
		print("ok 1 - %s %s (result: the machine's exit)\n", t->test->name, t->test->title);
}

bool wait_suspended(struct cpu *cpu)
{
	if (!smp_wait_word(&cpu->scratch, 1, STALL_US))
		return false;
	timer_spin_us(20000);
	return true;
}
