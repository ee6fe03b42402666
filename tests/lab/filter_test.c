/*
 * Conformance group A (and the host's half of B01, B02): the rules of the kernel's SMCCC filter that
 * rasvm builds on, shown with bare KVM ioctls. TAP output; exit status 0 if nothing failed. Built
 * static for arm64, run on an arm64 host with /dev/kvm:
 *
 *   aarch64-linux-gnu-gcc -std=gnu11 -O2 -static -I. -o filter_test tests/lab/filter_test.c
 *
 * Source: Linux Documentation/virt/kvm/devices/vm.rst (KVM_ARM_VM_SMCCC_CTRL),
 * Documentation/virt/kvm/arm/hypercalls.rst. Each test has a virtual machine of its own. A07 (a VMM
 * on a kernel without the filter) is a test of the command line and not here.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "arm64/kvm_compat.h"

#define RAM_BASE    UINT64_C(0x80000000)
#define RAM_BYTES   4096u
#define REPORT_GPA  UINT64_C(0x10000000) /* nothing is there: a store to it is an MMIO exit */
#define CODE_HVC    RAM_BASE
#define CODE_SMC    (RAM_BASE + 16)
#define INSN_HVC0   0xd4000002u
#define INSN_SMC0   0xd4000003u
#define INSN_STR_X0 0xf9000280u /* str x0, [x20] */
#define INSN_B_SELF 0x14000000u
#define CORE_REG(n) (KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | (2 * (n)))
#define CORE_REG_PC CORE_REG(32)

#define FID_PSCI_VERSION 0x84000000u
#define SDEI_VERSION     0xc4000020u
#define LEGACY_PSCI      0x95c1ba5eu
#define NOT_SUPPORTED    UINT64_MAX

struct vm {
	int kvm, fd, vcpu;
	void *ram;
	struct kvm_run *run;
	size_t run_bytes;
};

struct tally {
	unsigned number, failed, failures_here;
};

/* Print and count one comparison of a test. */
static void expect(struct tally *t, long found, long expected, const char *what, ...)
	__attribute__((format(printf, 4, 5)));
static void expect(struct tally *t, long found, long expected, const char *what, ...)
{
	va_list args;

	if (found == expected)
		return;
	t->failures_here++;
	printf("# ");
	va_start(args, what);
	vprintf(what, args);
	va_end(args);
	printf(": expected %ld, found %ld\n", expected, found);
}

static bool vm_open(struct vm *vm)
{
	*vm = (struct vm){ .kvm = -1, .fd = -1, .vcpu = -1, .ram = MAP_FAILED, .run = MAP_FAILED };
	vm->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (vm->kvm < 0) {
		printf("Bail out! /dev/kvm: %s\n", strerror(errno));
		return false;
	}
	vm->fd = ioctl(vm->kvm, KVM_CREATE_VM, 0);
	if (vm->fd < 0)
		printf("Bail out! KVM_CREATE_VM: %s\n", strerror(errno));
	return vm->fd >= 0;
}

static void vm_close(struct vm *vm)
{
	if (vm->run != MAP_FAILED)
		munmap(vm->run, vm->run_bytes);
	if (vm->vcpu >= 0)
		close(vm->vcpu);
	if (vm->fd >= 0)
		close(vm->fd);
	if (vm->ram != MAP_FAILED)
		munmap(vm->ram, RAM_BYTES);
	if (vm->kvm >= 0)
		close(vm->kvm);
}

/* 0 or the errno of the attempt to set a filter range. */
static int filter_set_padded(const struct vm *vm, uint32_t base, uint32_t n, uint8_t action,
			     unsigned pad_index, uint8_t pad)
{
	struct kvm_smccc_filter filter = { .base = base, .nr_functions = n, .action = action };
	struct kvm_device_attr attr = { .group = KVM_ARM_VM_SMCCC_CTRL,
					.attr = KVM_ARM_VM_SMCCC_FILTER,
					.addr = (uintptr_t)&filter };

	filter.pad[pad_index] = pad;
	return ioctl(vm->fd, KVM_SET_DEVICE_ATTR, &attr) ? errno : 0;
}

static int filter_set(const struct vm *vm, uint32_t base, uint32_t n, uint8_t action)
{
	return filter_set_padded(vm, base, n, action, 0, 0);
}

static int has_attr(const struct vm *vm, uint32_t group, uint64_t attribute)
{
	struct kvm_device_attr attr = { .group = group, .attr = attribute };

	return ioctl(vm->fd, KVM_HAS_DEVICE_ATTR, &attr) ? errno : 0;
}

static bool set_reg(const struct vm *vm, uint64_t id, uint64_t value)
{
	struct kvm_one_reg reg = { .id = id, .addr = (uintptr_t)&value };

	return ioctl(vm->vcpu, KVM_SET_ONE_REG, &reg) == 0;
}

static uint64_t get_reg(const struct vm *vm, uint64_t id)
{
	uint64_t value = 0;
	struct kvm_one_reg reg = { .id = id, .addr = (uintptr_t)&value };

	if (ioctl(vm->vcpu, KVM_GET_ONE_REG, &reg))
		printf("# KVM_GET_ONE_REG 0x%lx: %s\n", (unsigned long)id, strerror(errno));
	return value;
}

static bool ram_create(struct vm *vm)
{
	static const uint32_t code[] = { INSN_HVC0, INSN_STR_X0, INSN_B_SELF, INSN_B_SELF,
					 INSN_SMC0, INSN_STR_X0, INSN_B_SELF, INSN_B_SELF };
	struct kvm_userspace_memory_region region = { .guest_phys_addr = RAM_BASE,
						      .memory_size = RAM_BYTES };

	vm->ram = mmap(NULL, RAM_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (vm->ram == MAP_FAILED)
		return false;
	memcpy(vm->ram, code, sizeof(code));
	__builtin___clear_cache(vm->ram, (char *)vm->ram + sizeof(code));
	region.userspace_addr = (uintptr_t)vm->ram;
	return ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region) == 0;
}

static bool vcpu_create(struct vm *vm)
{
	struct kvm_vcpu_init init = { 0 };
	int run_bytes = ioctl(vm->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);

	vm->vcpu = ioctl(vm->fd, KVM_CREATE_VCPU, 0);
	if (vm->vcpu < 0 || run_bytes < 0 || ioctl(vm->fd, KVM_ARM_PREFERRED_TARGET, &init))
		return false;
	init.features[0] |= 1u << KVM_ARM_VCPU_PSCI_0_2;
	if (ioctl(vm->vcpu, KVM_ARM_VCPU_INIT, &init))
		return false;
	vm->run_bytes = (size_t)run_bytes;
	vm->run = mmap(NULL, vm->run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, vm->vcpu, 0);
	return vm->run != MAP_FAILED;
}

static bool vm_start(struct vm *vm, struct tally *t)
{
	if (ram_create(vm) && vcpu_create(vm))
		return true;
	printf("# cannot create memory or vCPU: %s\n", strerror(errno));
	t->failures_here++;
	return false;
}

struct call_result {
	bool forwarded; /* came out as KVM_EXIT_HYPERCALL */
	uint32_t nr;
	uint64_t flags;
	uint64_t x[4]; /* otherwise: what the kernel answered */
	int exit_reason;
};

/* Let the guest make one call at `code` and store x0; see who answered it. */
static struct call_result guest_call(struct vm *vm, uint64_t code, uint64_t fid, uint64_t x1)
{
	struct call_result r = { 0 };

	set_reg(vm, CORE_REG(0), fid);
	set_reg(vm, CORE_REG(1), x1);
	set_reg(vm, CORE_REG(2), 0);
	set_reg(vm, CORE_REG(3), 0);
	set_reg(vm, CORE_REG(20), REPORT_GPA);
	set_reg(vm, CORE_REG_PC, code);
	r.exit_reason = ioctl(vm->vcpu, KVM_RUN, 0) ? -errno : (int)vm->run->exit_reason;
	if (r.exit_reason == KVM_EXIT_HYPERCALL) {
		r.forwarded = true;
		r.nr = (uint32_t)vm->run->hypercall.nr;
		r.flags = kvm_hypercall_flags(vm->run);
		return r;
	}
	for (unsigned i = 0; i < 4; i++)
		r.x[i] = get_reg(vm, CORE_REG(i));
	vm->run->immediate_exit = 1; /* finish the store: PC is advanced on the next entry */
	ioctl(vm->vcpu, KVM_RUN, 0);
	vm->run->immediate_exit = 0;
	return r;
}

static void expect_answered(struct tally *t, const struct call_result *r, const char *what)
{
	expect(t, r->exit_reason, KVM_EXIT_MMIO, "%s: exit reason after the call", what);
}

static void a01(struct vm *vm, struct tally *t)
{
	expect(t, has_attr(vm, KVM_ARM_VM_SMCCC_CTRL, KVM_ARM_VM_SMCCC_FILTER), 0,
	       "HAS_DEVICE_ATTR(SMCCC_CTRL, FILTER)");
	expect(t, has_attr(vm, KVM_ARM_VM_SMCCC_CTRL, 1), ENXIO, "HAS_DEVICE_ATTR(SMCCC_CTRL, 1)");
	expect(t, has_attr(vm, 0x7fff, 0), ENXIO, "HAS_DEVICE_ATTR(group 0x7fff, 0)");
}

static void a02(struct vm *vm, struct tally *t)
{
	for (unsigned i = 0; i < 15; i++)
		expect(t, filter_set_padded(vm, FID_PSCI_VERSION, 1, KVM_SMCCC_FILTER_DENY, i, 1),
		       EINVAL, "pad[%u] = 1", i);
	expect(t, filter_set(vm, FID_PSCI_VERSION, 0, KVM_SMCCC_FILTER_DENY), EINVAL,
	       "nr_functions 0");
	expect(t, filter_set(vm, 0xfffffff0, 0x20, KVM_SMCCC_FILTER_DENY), EINVAL,
	       "base + nr past 2^32");
	expect(t, filter_set(vm, FID_PSCI_VERSION, 1, 3), EINVAL, "action 3");
	expect(t, filter_set(vm, FID_PSCI_VERSION, 1, 255), EINVAL, "action 255");
}

static void a03(struct vm *vm, struct tally *t)
{
	static const uint32_t reserved[] = { 0x80000000, 0xc0000000 };

	for (unsigned i = 0; i < 2; i++) {
		uint32_t first = reserved[i], last = first + 0xffff;

		expect(t, filter_set(vm, first, 1, KVM_SMCCC_FILTER_DENY), EEXIST, "0x%x", first);
		expect(t, filter_set(vm, last, 1, KVM_SMCCC_FILTER_DENY), EEXIST, "0x%x", last);
		expect(t, filter_set(vm, first - 1, 2, KVM_SMCCC_FILTER_DENY), EEXIST, "0x%x + 2",
		       first - 1);
		expect(t, filter_set(vm, last, 2, KVM_SMCCC_FILTER_DENY), EEXIST, "0x%x + 2", last);
		expect(t, filter_set(vm, last + 1, 1, KVM_SMCCC_FILTER_DENY), 0, "0x%x", last + 1);
	}
}

static void a04(struct vm *vm, struct tally *t)
{
	expect(t, filter_set(vm, 0x84000000, 0x20, KVM_SMCCC_FILTER_FWD_TO_USER), 0,
	       "0x84000000 + 0x20");
	expect(t, filter_set(vm, 0x8400001f, 0x10, KVM_SMCCC_FILTER_FWD_TO_USER), EEXIST,
	       "overlapping the last id");
	expect(t, filter_set(vm, 0x83ffffff, 2, KVM_SMCCC_FILTER_DENY), EEXIST,
	       "overlapping the first id");
	expect(t, filter_set(vm, 0x84000020, 0x20, KVM_SMCCC_FILTER_DENY), 0, "adjacent above");
	expect(t, filter_set(vm, 0x83ffffff, 1, KVM_SMCCC_FILTER_DENY), 0, "adjacent below");
}

static void a05(struct vm *vm, struct tally *t)
{
	struct call_result r;

	expect(t, filter_set(vm, 0x84000000, 0x20, KVM_SMCCC_FILTER_FWD_TO_USER), 0,
	       "0x84000000 + 0x20");
	if (!vm_start(vm, t))
		return;
	r = guest_call(vm, CODE_HVC, FID_PSCI_VERSION, 0);
	expect(t, r.forwarded, true, "PSCI_VERSION forwarded");
	expect(t, filter_set(vm, 0xc4000000, 0x40, KVM_SMCCC_FILTER_FWD_TO_USER), EBUSY,
	       "0xc4000000 + 0x40 after a vCPU ran");
}

static void forward_psci_sdei(struct vm *vm, struct tally *t)
{
	expect(t, filter_set(vm, 0x84000000, 0x20, KVM_SMCCC_FILTER_FWD_TO_USER), 0,
	       "0x84000000 + 0x20");
	expect(t, filter_set(vm, 0xc4000000, 0x40, KVM_SMCCC_FILTER_FWD_TO_USER), 0,
	       "0xc4000000 + 0x40");
	expect(t, filter_set(vm, LEGACY_PSCI, 4, KVM_SMCCC_FILTER_DENY), 0, "0x%x + 4",
	       LEGACY_PSCI);
}

static void a08(struct vm *vm, struct tally *t)
{
	static const uint32_t uid[] = { 0xb66fb428, 0xe911c52e, 0x564bcaa9, 0x743a004d };
	struct call_result r;

	forward_psci_sdei(vm, t);
	if (!vm_start(vm, t))
		return;
	expect(t, guest_call(vm, CODE_HVC, FID_PSCI_VERSION, 0).forwarded, true,
	       "PSCI_VERSION forwarded");
	expect(t, guest_call(vm, CODE_HVC, SDEI_VERSION, 0).forwarded, true,
	       "SDEI_VERSION forwarded");
	r = guest_call(vm, CODE_HVC, 0x80000000, 0);
	expect_answered(t, &r, "SMCCC_VERSION");
	expect(t, r.x[0] >= 0x10001 && r.x[0] < 0x80000000, true,
	       "SMCCC_VERSION 0x%lx: 1.1 or later", (unsigned long)r.x[0]);
	r = guest_call(vm, CODE_HVC, 0x84000050, 0);
	expect_answered(t, &r, "TRNG_VERSION");
	expect(t, (long)r.x[0], 0x10000, "TRNG_VERSION");
	r = guest_call(vm, CODE_HVC, 0x8600ff01, 0);
	expect_answered(t, &r, "vendor UID");
	for (unsigned i = 0; i < 4; i++)
		expect(t, (long)r.x[i], uid[i], "KVM UID word %u", i);
	r = guest_call(vm, CODE_HVC, 0xc5000020, 0xc5000020);
	expect_answered(t, &r, "PV_TIME_FEATURES");
}

static void b01(struct vm *vm, struct tally *t)
{
	struct call_result r;

	forward_psci_sdei(vm, t);
	if (!vm_start(vm, t))
		return;
	for (uint32_t i = 0; i < 4; i++) {
		r = guest_call(vm, CODE_HVC, LEGACY_PSCI + i, 0);
		expect_answered(t, &r, "denied id, hvc");
		expect(t, (long)r.x[0], (long)NOT_SUPPORTED, "hvc 0x%x", LEGACY_PSCI + i);
		r = guest_call(vm, CODE_SMC, LEGACY_PSCI + i, 0);
		expect_answered(t, &r, "denied id, smc");
		expect(t, (long)r.x[0], (long)NOT_SUPPORTED, "smc 0x%x", LEGACY_PSCI + i);
	}
}

static void b02(struct vm *vm, struct tally *t)
{
	static const uint64_t fids[] = { FID_PSCI_VERSION, 0x8400001f, 0xc400003f, SDEI_VERSION,
					 FID_PSCI_VERSION | UINT64_C(0xdeadbeef00000000) };

	forward_psci_sdei(vm, t);
	if (!vm_start(vm, t))
		return;
	for (unsigned i = 0; i < sizeof(fids) / sizeof(fids[0]); i++)
		for (unsigned smc = 0; smc < 2; smc++) {
			uint64_t code = smc ? CODE_SMC : CODE_HVC;
			struct call_result r = guest_call(vm, code, fids[i], 0);

			expect(t, r.exit_reason, KVM_EXIT_HYPERCALL, "%s 0x%lx: exit reason",
			       smc ? "smc" : "hvc", (unsigned long)fids[i]);
			expect(t, r.nr, (uint32_t)fids[i], "%s: nr", smc ? "smc" : "hvc");
			expect(t, (long)r.flags, smc ? KVM_HYPERCALL_EXIT_SMC : 0, "%s: flags",
			       smc ? "smc" : "hvc");
			expect(t, (long)(get_reg(vm, CORE_REG_PC) - code), 4, "%s: PC moved by",
			       smc ? "smc" : "hvc");
		}
}

struct test {
	const char *name, *title;
	void (*fn)(struct vm *, struct tally *);
};

static const struct test tests[] = {
	{ "A01", "the filter attribute exists, unknown ones are ENXIO", a01 },
	{ "A02", "malformed filter ranges are EINVAL", a02 },
	{ "A03", "ranges touching the architecture owner are EEXIST", a03 },
	{ "A04", "overlapping ranges are EEXIST, adjacent ones are fine", a04 },
	{ "A05", "the filter is frozen once a vCPU ran", a05 },
	{ "A08", "the kernel answers TRNG and UID while PSCI and SDEI are forwarded", a08 },
	{ "B01-host", "denied ids answer -1 without an exit, by HVC and SMC", b01 },
	{ "B02-host", "forwarded ids exit with number, conduit and advanced PC", b02 },
};

static bool run_test(const struct test *test, struct tally *t)
{
	struct vm vm;
	bool opened = vm_open(&vm);

	t->failures_here = 0;
	if (opened)
		test->fn(&vm, t);
	vm_close(&vm);
	if (!opened)
		return false;
	t->failed += t->failures_here != 0;
	printf("%sok %u - %s %s\n", t->failures_here ? "not " : "", ++t->number, test->name,
	       test->title);
	return true;
}

int main(void)
{
	struct tally t = { 0 };
	unsigned n = sizeof(tests) / sizeof(tests[0]);

	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("TAP version 13\n1..%u\n", n);
	for (unsigned i = 0; i < n; i++)
		if (!run_test(&tests[i], &t))
			return 1;
	printf("# %u run, %u failed\n", t.number, t.failed);
	return t.failed != 0;
}
