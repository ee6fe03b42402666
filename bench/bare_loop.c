/*
 * The least a VMM can do for a forwarded call: bare_loop [KIND] IMAGE runs bench/probe.S on one vCPU
 * and answers each PSCI_VERSION with the register ioctls of KIND and the next KVM_RUN:
 *   call        (default) a result: one KVM_SET_ONE_REG
 *   entry       what an EVENT_SIGNAL to the caller takes that enters the handler at once
 *   round_trip  by turns that and what the handler's EVENT_COMPLETE takes
 * Nothing is decided here: registers are written back as they were found. The VM has the CPU
 * features, the interrupt controller and the stolen time page that rasvm gives its guests, since these
 * decide what entering and leaving the guest costs; it has no other device than a serial port that
 * is always ready.
 *
 * Source: Linux Documentation/virt/kvm/api.rst, devices/vm.rst, devices/arm-vgic-v3.rst; Arm DEN0054C
 * 4.3, 5.1.5, 5.1.11 (what entering and completing an event reads and changes).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "arm64/kvm_compat.h"

#define RAM_BASE        UINT64_C(0x80000000)
#define RAM_BYTES       (2u << 20)
#define RAM_ALIGN       (2u << 20)
#define UART_BASE       UINT64_C(0x01000000)
#define UART_LSR        5
#define UART_LSR_EMPTY  0x60
#define GIC_DIST        UINT64_C(0x3fff0000)
#define GIC_REDIST      UINT64_C(0x3ffd0000)
#define PSCI_FIRST      0x84000000u
#define PSCI_FUNCTIONS  0x20u
#define PVTIME_BASE     UINT64_C(0x01020000)
#define PVTIME_BYTES    0x10000
#define FN_PSCI_VERSION 0x84000000u
#define FN_SYSTEM_OFF   0x84000008u
#define VERSION_1_3     0x10003u

#define CORE_REG(field)                                                                            \
	(KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE |                                     \
	 (offsetof(struct kvm_regs, field) / sizeof(uint32_t)))

/* Bits of a set of registers: n for xn up to x17, then these. */
#define PC        18
#define PSTATE    19
#define SCTLR     20
#define NR_REGS   21
#define XS(count) ((1u << (count)) - 1)

struct regs {
	uint64_t value[NR_REGS];
};

/* The registers of one call, besides reading what is known already. */
struct work {
	uint32_t get, set;
};

/* EVENT_SIGNAL: the arguments x1 and x2 are part of the context, and x0 of the interrupted context is
 * the call's own result. SCTLR_EL1 decides about PSTATE at entry. */
static const struct work signal_call = {
	.get = (XS(18) & ~1u) | 1u << PC | 1u << PSTATE | 1u << SCTLR,
	.set = XS(4) | 1u << PC | 1u << PSTATE,
};

/* EVENT_COMPLETE: its argument, and the interrupted context back, but for x1: that is 0 in the
 * interrupted context, the event's number, and 0 now, the status. */
static const struct work complete_call = {
	.get = 1u << 1,
	.set = (XS(18) & ~(1u << 1)) | 1u << PC | 1u << PSTATE,
};

static const struct work version_call = { .set = 1 };

static const struct kind {
	const char *name;
	const struct work *turn[2];
} kinds[] = {
	{ "call", { &version_call, &version_call } },
	{ "entry", { &signal_call, &signal_call } },
	{ "round_trip", { &signal_call, &complete_call } },
};

static int check(int r, const char *what)
{
	if (r < 0) {
		fprintf(stderr, "bare_loop: %s: %s\n", what, strerror(errno));
		exit(1);
	}
	return r;
}

static void set_attr(int fd, uint32_t group, uint64_t attr, const void *data, const char *what)
{
	struct kvm_device_attr a = { .group = group, .attr = attr, .addr = (uintptr_t)data };

	check(ioctl(fd, KVM_SET_DEVICE_ATTR, &a), what);
}

static void set_reg(int vcpu, uint64_t id, uint64_t value)
{
	struct kvm_one_reg reg = { .id = id, .addr = (uintptr_t)&value };

	check(ioctl(vcpu, KVM_SET_ONE_REG, &reg), "KVM_SET_ONE_REG");
}

static uint64_t get_reg(int vcpu, uint64_t id)
{
	uint64_t value;
	struct kvm_one_reg reg = { .id = id, .addr = (uintptr_t)&value };

	check(ioctl(vcpu, KVM_GET_ONE_REG, &reg), "KVM_GET_ONE_REG");
	return value;
}

static uint64_t reg_id(unsigned reg)
{
	switch (reg) {
	case PC:
		return CORE_REG(regs.pc);
	case PSTATE:
		return CORE_REG(regs.pstate);
	case SCTLR:
		return ARM64_SYS_REG(3, 0, 1, 0, 0);
	default:
		return CORE_REG(regs.regs[0]) + 2ull * reg;
	}
}

/* The guest makes all its calls from one place, so that PC as found at one call serves the next. */
static void move_regs(int vcpu, const struct work *work, struct regs *regs)
{
	for (uint32_t left = work->get; left; left &= left - 1) {
		unsigned reg = (unsigned)__builtin_ctz(left);

		regs->value[reg] = get_reg(vcpu, reg_id(reg));
	}
	regs->value[0] = VERSION_1_3;
	for (uint32_t left = work->set; left; left &= left - 1) {
		unsigned reg = (unsigned)__builtin_ctz(left);

		set_reg(vcpu, reg_id(reg), regs->value[reg]);
	}
}

static void load(int vm, const char *path)
{
	struct kvm_userspace_memory_region region = {
		.guest_phys_addr = RAM_BASE,
		.memory_size = RAM_BYTES,
	};
	int fd = check(open(path, O_RDONLY | O_CLOEXEC), path);
	uint8_t *map = mmap(NULL, RAM_BYTES + RAM_ALIGN, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED)
		check(-1, "mmap");
	map += -(uintptr_t)map % RAM_ALIGN;
	madvise(map, RAM_BYTES, MADV_HUGEPAGE);
	check((int)read(fd, map, RAM_BYTES), path);
	close(fd);
	region.userspace_addr = (uintptr_t)map;
	check(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region), "KVM_SET_USER_MEMORY_REGION");
}

static bool has(int vm, unsigned long cap)
{
	return ioctl(vm, KVM_CHECK_EXTENSION, cap) > 0;
}

static void forward_psci(int vm)
{
	struct kvm_smccc_filter f = {
		.base = PSCI_FIRST,
		.nr_functions = PSCI_FUNCTIONS,
		.action = KVM_SMCCC_FILTER_FWD_TO_USER,
	};

	set_attr(vm, KVM_ARM_VM_SMCCC_CTRL, KVM_ARM_VM_SMCCC_FILTER, &f, "SMCCC filter");
}

static int create_vcpu(int vm)
{
	int vcpu = check(ioctl(vm, KVM_CREATE_VCPU, 0), "KVM_CREATE_VCPU");
	struct kvm_vcpu_init init;
	int sve = KVM_ARM_VCPU_SVE;

	check(ioctl(vm, KVM_ARM_PREFERRED_TARGET, &init), "KVM_ARM_PREFERRED_TARGET");
	init.features[0] = 1u << KVM_ARM_VCPU_PSCI_0_2;
	if (has(vm, KVM_CAP_ARM_PMU_V3))
		init.features[0] |= 1u << KVM_ARM_VCPU_PMU_V3;
	if (has(vm, KVM_CAP_ARM_PTRAUTH_ADDRESS))
		init.features[0] |=
			1u << KVM_ARM_VCPU_PTRAUTH_ADDRESS | 1u << KVM_ARM_VCPU_PTRAUTH_GENERIC;
	if (has(vm, KVM_CAP_ARM_SVE))
		init.features[0] |= 1u << KVM_ARM_VCPU_SVE;
	check(ioctl(vcpu, KVM_ARM_VCPU_INIT, &init), "KVM_ARM_VCPU_INIT");
	if (has(vm, KVM_CAP_ARM_SVE))
		check(ioctl(vcpu, KVM_ARM_VCPU_FINALIZE, &sve), "KVM_ARM_VCPU_FINALIZE");
	return vcpu;
}

/* A GICv3; hosts without run the loop without interrupt controller. */
static bool create_gic(int vm)
{
	struct kvm_create_device dev = { .type = KVM_DEV_TYPE_ARM_VGIC_V3 };
	uint64_t dist = GIC_DIST, redist = GIC_REDIST;
	int fd;

	if (ioctl(vm, KVM_CREATE_DEVICE, &dev) < 0)
		return false;
	fd = (int)dev.fd;
	set_attr(fd, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_DIST, &dist, "GIC");
	set_attr(fd, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_REDIST, &redist, "GIC");
	set_attr(fd, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT, NULL, "GIC");
	return true;
}

static void finish_pmu(int vm, int vcpu)
{
	int intid = 23;

	if (!has(vm, KVM_CAP_ARM_PMU_V3))
		return;
	set_attr(vcpu, KVM_ARM_VCPU_PMU_V3_CTRL, KVM_ARM_VCPU_PMU_V3_IRQ, &intid, "PMU");
	set_attr(vcpu, KVM_ARM_VCPU_PMU_V3_CTRL, KVM_ARM_VCPU_PMU_V3_INIT, NULL, "PMU");
}

/* KVM accounts stolen time in guest memory each time a vCPU is scheduled or run. */
static void add_pvtime(int vm, int vcpu)
{
	uint64_t at = PVTIME_BASE;
	struct kvm_userspace_memory_region region = {
		.slot = 1,
		.guest_phys_addr = at,
		.memory_size = PVTIME_BYTES,
	};
	void *page;

	if (!has(vm, KVM_CAP_STEAL_TIME))
		return;
	page = mmap(NULL, PVTIME_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		check(-1, "mmap");
	region.userspace_addr = (uintptr_t)page;
	check(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region), "KVM_SET_USER_MEMORY_REGION");
	set_attr(vcpu, KVM_ARM_VCPU_PVTIME_CTRL, KVM_ARM_VCPU_PVTIME_IPA, &at, "stolen time");
}

static void serve_uart(struct kvm_run *run)
{
	uint64_t offset = run->mmio.phys_addr - UART_BASE;

	if (run->mmio.is_write && offset == 0)
		putchar(run->mmio.data[0]);
	else if (!run->mmio.is_write)
		run->mmio.data[0] = offset == UART_LSR ? UART_LSR_EMPTY : 0;
}

static int unexpected(const struct kvm_run *run)
{
	fprintf(stderr, "bare_loop: exit reason %u, not one the guest should cause\n",
		run->exit_reason);
	return 1;
}

static int run_guest(int vcpu, struct kvm_run *run, const struct kind *kind)
{
	struct regs regs = { { 0 } };
	unsigned turn = 0;

	for (;;) {
		check(ioctl(vcpu, KVM_RUN, 0), "KVM_RUN");
		if (run->exit_reason == KVM_EXIT_MMIO)
			serve_uart(run);
		else if (run->exit_reason != KVM_EXIT_HYPERCALL)
			return unexpected(run);
		else if (run->hypercall.nr == FN_PSCI_VERSION)
			move_regs(vcpu, kind->turn[turn++ & 1], &regs);
		else
			return run->hypercall.nr == FN_SYSTEM_OFF ? 0 : unexpected(run);
	}
}

static const struct kind *find_kind(const char *name)
{
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	return NULL;
}

int main(int argc, char **argv)
{
	const struct kind *kind = find_kind(argc == 3 ? argv[1] : "call");
	struct kvm_run *run;
	int kvm, vm, vcpu, bytes;

	if (argc < 2 || argc > 3 || !kind) {
		fprintf(stderr, "usage: bare_loop [call|entry|round_trip] IMAGE\n");
		return 2;
	}
	kvm = check(open("/dev/kvm", O_RDWR | O_CLOEXEC), "/dev/kvm");
	vm = check(ioctl(kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM");
	forward_psci(vm);
	load(vm, argv[argc - 1]);
	vcpu = create_vcpu(vm);
	if (create_gic(vm))
		finish_pmu(vm, vcpu);
	add_pvtime(vm, vcpu);
	bytes = check(ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), "KVM_GET_VCPU_MMAP_SIZE");
	run = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	if (run == MAP_FAILED)
		check(-1, "mmap of the vCPU");
	set_reg(vcpu, CORE_REG(regs.pc), RAM_BASE);
	return run_guest(vcpu, run, kind);
}
