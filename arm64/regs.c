/* See regs.h. */
#include "arm64/regs.h"

#include "arm64/vm.h"

static uint64_t reg_id(enum vcpu_reg reg)
{
	switch (reg) {
	case REG_PC:
		return KVM_REG_ID_PC;
	case REG_PSTATE:
		return KVM_REG_ID_PSTATE;
	case REG_ELR:
		return KVM_REG_ID_ELR_EL1;
	case REG_SPSR:
		return KVM_REG_ID_SPSR_EL1;
	case REG_SCTLR:
		return kvm_reg_sys(3, 0, 1, 0, 0);
	case REG_VBAR:
		return kvm_reg_sys(3, 0, 12, 0, 0);
	case REG_ESR:
		return kvm_reg_sys(3, 0, 5, 2, 0);
	case REG_FAR:
		return kvm_reg_sys(3, 0, 6, 0, 0);
	default:
		return kvm_reg_x(reg - REG_X0);
	}
}

int regs_load(struct vcpu *vcpu, uint32_t set)
{
	struct vcpu_regs *r = &vcpu->regs;
	uint32_t missing = set & ~r->valid;

	while (missing) {
		unsigned reg = (unsigned)__builtin_ctz(missing);
		int rc = vcpu_get_reg(vcpu, reg_id(reg), &r->value[reg]);

		if (rc)
			return rc;
		r->valid |= REG_BIT(reg);
		missing &= missing - 1;
	}
	return 0;
}

uint64_t regs_get(const struct vcpu *vcpu, enum vcpu_reg reg)
{
	return vcpu->regs.value[reg];
}

void regs_put(struct vcpu *vcpu, enum vcpu_reg reg, uint64_t value)
{
	struct vcpu_regs *r = &vcpu->regs;

	if (r->valid & REG_BIT(reg) && r->value[reg] == value)
		return;
	r->value[reg] = value;
	r->valid |= REG_BIT(reg);
	r->dirty |= REG_BIT(reg);
}

int regs_flush(struct vcpu *vcpu)
{
	struct vcpu_regs *r = &vcpu->regs;

	while (r->dirty) {
		unsigned reg = (unsigned)__builtin_ctz(r->dirty);
		int rc = vcpu_set_reg(vcpu, reg_id(reg), r->value[reg]);

		if (rc)
			return rc;
		r->dirty &= r->dirty - 1;
	}
	r->valid = 0;
	return 0;
}

void regs_forget(struct vcpu *vcpu)
{
	vcpu->regs.valid = 0;
	vcpu->regs.dirty = 0;
}
