/*
 * Thin KVM wrappers and the capability probe.
 *
 * Source: Linux Documentation/virt/kvm/api.rst, devices/vm.rst, devices/vcpu.rst,
 * devices/arm-vgic*.rst.
 */
#include "arm64/kvm.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "arm64/kvm_compat.h"

#define CORE_REG(field)                                                                            \
	(KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE |                                     \
	 (offsetof(struct kvm_regs, field) / sizeof(uint32_t)))

const uint64_t KVM_REG_ID_PC = CORE_REG(regs.pc);
const uint64_t KVM_REG_ID_PSTATE = CORE_REG(regs.pstate);
const uint64_t KVM_REG_ID_SP_EL0 = CORE_REG(regs.sp);
const uint64_t KVM_REG_ID_SP_EL1 = CORE_REG(sp_el1);
const uint64_t KVM_REG_ID_ELR_EL1 = CORE_REG(elr_el1);
const uint64_t KVM_REG_ID_SPSR_EL1 = CORE_REG(spsr[KVM_SPSR_EL1]);

uint64_t kvm_reg_x(unsigned n)
{
	return CORE_REG(regs.regs[0]) + 2ull * n;
}

uint64_t kvm_reg_sys(unsigned op0, unsigned op1, unsigned crn, unsigned crm, unsigned op2)
{
	return ARM64_SYS_REG(op0, op1, crn, crm, op2);
}

int kvm_ioctl_int(int fd, unsigned long request, unsigned long arg)
{
	int r = ioctl(fd, request, arg);

	return r < 0 ? -errno : r;
}

int kvm_ioctl_ptr(int fd, unsigned long request, void *arg, size_t size)
{
	int r;

	assert(_IOC_SIZE(request) == size);
	r = ioctl(fd, request, arg);
	return r < 0 ? -errno : r;
}

int kvm_cap(int fd, unsigned long cap)
{
	int r = ioctl(fd, KVM_CHECK_EXTENSION, cap);

	return r < 0 ? 0 : r;
}

int kvm_attr_set(int fd, uint32_t group, uint64_t attr, const void *data)
{
	struct kvm_device_attr a = { .group = group, .attr = attr, .addr = (uintptr_t)data };

	return kvm_ioctl_ptr(fd, KVM_SET_DEVICE_ATTR, &a, sizeof(a));
}

int kvm_attr_get(int fd, uint32_t group, uint64_t attr, void *data)
{
	struct kvm_device_attr a = { .group = group, .attr = attr, .addr = (uintptr_t)data };

	return kvm_ioctl_ptr(fd, KVM_GET_DEVICE_ATTR, &a, sizeof(a));
}

bool kvm_attr_has(int fd, uint32_t group, uint64_t attr)
{
	struct kvm_device_attr a = { .group = group, .attr = attr };

	return kvm_ioctl_ptr(fd, KVM_HAS_DEVICE_ATTR, &a, sizeof(a)) == 0;
}

int kvm_reg_get(int vcpu_fd, uint64_t id, uint64_t *value)
{
	struct kvm_one_reg reg = { .id = id, .addr = (uintptr_t)value };

	*value = 0;
	return kvm_ioctl_ptr(vcpu_fd, KVM_GET_ONE_REG, &reg, sizeof(reg));
}

int kvm_reg_set(int vcpu_fd, uint64_t id, uint64_t value)
{
	struct kvm_one_reg reg = { .id = id, .addr = (uintptr_t)&value };

	return kvm_ioctl_ptr(vcpu_fd, KVM_SET_ONE_REG, &reg, sizeof(reg));
}

int kvm_open(const char *path, struct err *err)
{
	int fd = open(path, O_RDWR | O_CLOEXEC), version;

	if (fd < 0 && errno == ENOENT)
		return err_set(
			err, -ENOENT,
			"%s does not exist: this kernel has no KVM, or was not booted at EL2; "
			"\"make shell-lab\" gives an emulated host that has it",
			path);
	if (fd < 0 && errno == EACCES)
		return err_set(err, -EACCES,
			       "%s: permission denied; join the group that owns it (usually kvm)",
			       path);
	if (fd < 0)
		return err_set(err, -errno, "%s: %s", path, strerror(errno));
	version = kvm_ioctl_int(fd, KVM_GET_API_VERSION, 0);
	if (version != KVM_API_VERSION) {
		close(fd);
		return err_set(err, -EPROTO, "%s: KVM API version %d found, %d needed", path,
			       version, KVM_API_VERSION);
	}
	return fd;
}

static bool has_device(int vm_fd, uint32_t type)
{
	struct kvm_create_device dev = { .type = type, .flags = KVM_CREATE_DEVICE_TEST };

	return kvm_ioctl_ptr(vm_fd, KVM_CREATE_DEVICE, &dev, sizeof(dev)) == 0;
}

static void probe_vm(int vm_fd, struct host_caps *caps)
{
	caps->smccc_filter = kvm_attr_has(vm_fd, KVM_ARM_VM_SMCCC_CTRL, KVM_ARM_VM_SMCCC_FILTER);
	caps->gicv2 = has_device(vm_fd, KVM_DEV_TYPE_ARM_VGIC_V2);
	caps->gicv3 = has_device(vm_fd, KVM_DEV_TYPE_ARM_VGIC_V3);
	caps->its = has_device(vm_fd, KVM_DEV_TYPE_ARM_VGIC_ITS);
	caps->sve = kvm_cap(vm_fd, KVM_CAP_ARM_SVE);
	caps->pauth = kvm_cap(vm_fd, KVM_CAP_ARM_PTRAUTH_ADDRESS) &&
		      kvm_cap(vm_fd, KVM_CAP_ARM_PTRAUTH_GENERIC);
	caps->pmu = kvm_cap(vm_fd, KVM_CAP_ARM_PMU_V3);
	caps->pvtime = kvm_cap(vm_fd, KVM_CAP_STEAL_TIME);
	caps->mte = kvm_cap(vm_fd, KVM_CAP_ARM_MTE);
	caps->aarch32 = kvm_cap(vm_fd, KVM_CAP_ARM_EL1_32BIT);
	caps->ras = kvm_cap(vm_fd, KVM_CAP_ARM_INJECT_SERROR_ESR);
	caps->immediate_exit = kvm_cap(vm_fd, KVM_CAP_IMMEDIATE_EXIT);
	caps->mp_state = kvm_cap(vm_fd, KVM_CAP_MP_STATE);
	caps->nisv_to_user = kvm_cap(vm_fd, KVM_CAP_ARM_NISV_TO_USER);
	caps->inject_ext_dabt = kvm_cap(vm_fd, KVM_CAP_ARM_INJECT_EXT_DABT);
	caps->system_suspend = kvm_cap(vm_fd, KVM_CAP_ARM_SYSTEM_SUSPEND);
	caps->binary_stats = kvm_cap(vm_fd, KVM_CAP_BINARY_STATS_FD);
	caps->counter_offset = kvm_cap(vm_fd, KVM_CAP_COUNTER_OFFSET);
	caps->writable_id_regs = kvm_cap(vm_fd, KVM_CAP_ARM_SUPPORTED_REG_MASK_RANGES);
	caps->sea_to_user = kvm_cap(vm_fd, KVM_CAP_ARM_SEA_TO_USER);
	caps->irq_line_layout2 = kvm_cap(vm_fd, KVM_CAP_ARM_IRQ_LINE_LAYOUT_2);
}

unsigned kvm_probe_ipa_bits(const struct host_caps *caps)
{
	return caps->ipa_bits < 40 ? caps->ipa_bits : 40;
}

int kvm_probe(int kvm_fd, struct host_caps *caps, struct err *err)
{
	int vm_fd;

	*caps = (struct host_caps){ .present = true };
	caps->ipa_bits = kvm_cap(kvm_fd, KVM_CAP_ARM_VM_IPA_SIZE);
	if (!caps->ipa_bits)
		caps->ipa_bits = 40; /* kernels without the capability know only this size */
	caps->max_vcpus = kvm_cap(kvm_fd, KVM_CAP_MAX_VCPUS);
	caps->vcpu_map_bytes = kvm_ioctl_int(kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	vm_fd = kvm_ioctl_int(kvm_fd, KVM_CREATE_VM,
			      caps->ipa_bits < 40 ? kvm_probe_ipa_bits(caps) : 0);
	if (vm_fd < 0)
		return err_set(err, vm_fd, "KVM_CREATE_VM: %s", strerror(-vm_fd));
	probe_vm(vm_fd, caps);
	return vm_fd;
}
