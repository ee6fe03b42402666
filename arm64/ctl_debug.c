/*
 * The answer to `debug`: registers, call stack and last exits of CPUs. All CPUs stand still meanwhile, so that
 * their registers can be read from here and belong to one moment. What a firmware call is about to write into
 * registers (arm64/regs.h) is not seen yet.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "arm64/backtrace.h"
#include "arm64/ctl_private.h"

/* Besides x0 to x30; Arm DDI 0487 D19.2 for the encodings. */
static const struct {
	const char *name;
	const uint64_t *id; /* NULL: a system register */
	uint8_t op1, crn, crm, op2;
} registers[] = {
	/* clang-format off */
	{ .name = "pc",        .id = &KVM_REG_ID_PC },
	{ .name = "pstate",    .id = &KVM_REG_ID_PSTATE },
	{ .name = "sp_el0",    .id = &KVM_REG_ID_SP_EL0 },
	{ .name = "sp_el1",    .id = &KVM_REG_ID_SP_EL1 },
	{ .name = "elr_el1",   .id = &KVM_REG_ID_ELR_EL1 },
	{ .name = "spsr_el1",  .id = &KVM_REG_ID_SPSR_EL1 },
	{ .name = "sctlr_el1", .crn = 1,  .crm = 0, .op2 = 0 },
	{ .name = "ttbr0_el1", .crn = 2,  .crm = 0, .op2 = 0 },
	{ .name = "ttbr1_el1", .crn = 2,  .crm = 0, .op2 = 1 },
	{ .name = "tcr_el1",   .crn = 2,  .crm = 0, .op2 = 2 },
	{ .name = "esr_el1",   .crn = 5,  .crm = 2, .op2 = 0 },
	{ .name = "far_el1",   .crn = 6,  .crm = 0, .op2 = 0 },
	{ .name = "vbar_el1",  .crn = 12, .crm = 0, .op2 = 0 },
	/* clang-format on */
};

static uint64_t id_of(unsigned i)
{
	if (registers[i].id)
		return *registers[i].id;
	return kvm_reg_sys(3, registers[i].op1, registers[i].crn, registers[i].crm,
			   registers[i].op2);
}

static uint64_t read_id(const struct vcpu *vcpu, uint64_t id)
{
	uint64_t value = 0;

	return kvm_reg_get(vcpu->fd, id, &value) ? 0 : value;
}

static void add_register(struct ctl_answer *answer, const struct vcpu *vcpu, const char *name,
			 uint64_t id)
{
	struct ctl_line row;
	uint64_t value;

	if (kvm_reg_get(vcpu->fd, id, &value))
		return;
	ctl_row(answer, &row, "register");
	json_number(&row.w, "cpu", vcpu->index);
	json_text(&row.w, "name", name);
	json_hex(&row.w, "value", value);
	ctl_add(answer, &row);
}

static void add_registers(struct ctl_answer *answer, const struct vcpu *vcpu)
{
	char name[8];

	for (unsigned i = 0; i < 31; i++) {
		snprintf(name, sizeof(name), "x%u", i);
		add_register(answer, vcpu, name, kvm_reg_x(i));
	}
	for (unsigned i = 0; i < ARRAY_SIZE(registers); i++)
		add_register(answer, vcpu, registers[i].name, id_of(i));
}

/* A word may not cross a page: it is aligned. */
static int read_virtual(void *world, uint64_t va, uint8_t bytes[8])
{
	struct vcpu *vcpu = world;
	struct err ignored;
	gpa_t at;
	int r = vcpu_walk(vcpu, va, &at, &ignored);

	return r ? r : mem_read(&vcpu->vm->mem, at, bytes, 8);
}

static void add_stack(struct ctl_answer *answer, struct vcpu *vcpu)
{
	const struct backtrace_regs regs = {
		.pc = read_id(vcpu, KVM_REG_ID_PC),
		.fp = read_id(vcpu, kvm_reg_x(29)),
		.tcr = read_id(vcpu, kvm_reg_sys(3, 0, 2, 0, 2)),
		.big_endian = read_id(vcpu, kvm_reg_sys(3, 0, 1, 0, 0)) & SCTLR_EE,
	};
	uint64_t pc[BACKTRACE_MAX];
	unsigned n = backtrace_walk(&regs, read_virtual, vcpu, pc);
	struct ctl_line row;

	for (unsigned i = 0; i < n; i++) {
		ctl_row(answer, &row, "frame");
		json_number(&row.w, "cpu", vcpu->index);
		json_number(&row.w, "frame", i);
		json_hex(&row.w, "pc", pc[i]);
		ctl_add(answer, &row);
	}
}

static const char *power_name(struct vm *vm, unsigned cpu)
{
	struct fw_locked fw;
	const char *name;

	if (vm->config->psci == PSCI_KERNEL)
		return "unknown"; /* KVM's affair */
	fw = fw_lock(&vm->fw);
	name = vm->pe[cpu].power == PSCI_PE_ON ? "on" : "off";
	if (vm->pe[cpu].suspend != PSCI_RUNNING)
		name = "suspended";
	fw_unlock(fw);
	return name;
}

/* The last exits, the latest first. */
static void last_exits(const struct vcpu *vcpu, char *text, size_t size)
{
	uint64_t runs = __atomic_load_n(&vcpu->stats.runs, __ATOMIC_RELAXED);
	size_t used = 0;

	text[0] = '\0';
	for (uint64_t i = 0; i < VCPU_RECENT && i < runs && used < size; i++) {
		unsigned reason =
			__atomic_load_n(&vcpu->recent[(runs - i) % VCPU_RECENT], __ATOMIC_RELAXED);
		const char *name = reason == VCPU_RECENT_KICK ? "kick" : vcpu_exit_name(reason);

		used += (size_t)snprintf(text + used, size - used, "%s%s", i ? "," : "",
					 name ? name : "unknown");
	}
}

static void add_cpu(struct ctl_answer *answer, struct vcpu *vcpu)
{
	char exits[VCPU_RECENT * 16];
	struct ctl_line row;

	last_exits(vcpu, exits, sizeof(exits));
	ctl_row(answer, &row, "cpu");
	json_number(&row.w, "cpu", vcpu->index);
	json_text(&row.w, "power", power_name(vcpu->vm, vcpu->index));
	json_text(&row.w, "last_exits", exits);
	ctl_add(answer, &row);
	add_registers(answer, vcpu);
	add_stack(answer, vcpu);
}

int ctl_debug(void *world, uint32_t cpu, struct ctl_answer *answer, struct err *err)
{
	struct vm *vm = ctl_vm(world);

	if (vm->nvcpus == 0)
		return err_set(err, -EAGAIN, "the guest is about to end or to start again");
	if (cpu != CTL_ALL_CPUS && cpu >= vm->nvcpus)
		return err_set(err, -EINVAL, "there is no CPU %u: the guest has CPUs 0 to %u", cpu,
			       vm->nvcpus - 1);
	vm_hold_still(vm);
	for (unsigned i = 0; i < vm->nvcpus; i++)
		if (cpu == CTL_ALL_CPUS || i == cpu)
			add_cpu(answer, &vm->vcpu[i]);
	vm_unhold(vm);
	return 0;
}
