/*
 * KVM's half of the machine: the VM, its memory slots, the SMCCC filter, the vCPUs, the interrupt
 * controller, in the order KVM wants them. Made anew at each reset (see vm.h).
 *
 * Source: Linux Documentation/virt/kvm/api.rst, devices/vm.rst.
 */
#include "arm64/vm.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "arm64/gic.h"
#include "arm64/kvm_compat.h"
#include "hypercall/smccc_filter.h"

enum { SLOT_RAM, SLOT_PVTIME };

#define HOLD_POLL_NS 20000

static int create_vm_fd(struct vm *vm, struct err *err)
{
	unsigned bits = vm->board.config.ipa_bits;

	if (vm->probe_fd >= 0 && bits == kvm_probe_ipa_bits(&vm->caps)) {
		vm->vm_fd = vm->probe_fd;
		vm->probe_fd = -1;
		return 0;
	}
	/* 0 means 40 bits and is the only size that kernels without the capability accept. */
	vm->vm_fd = kvm_ioctl_int(vm->kvm_fd, KVM_CREATE_VM, bits == 40 ? 0 : bits);
	if (vm->vm_fd < 0)
		return err_set(err, vm->vm_fd, "KVM_CREATE_VM with %u address bits: %s", bits,
			       strerror(-vm->vm_fd));
	return 0;
}

static int enable_cap(struct vm *vm, uint32_t cap)
{
	struct kvm_enable_cap c = { .cap = cap };

	return kvm_ioctl_ptr(vm->vm_fd, KVM_ENABLE_CAP, &c, sizeof(c));
}

static int add_slot(struct vm *vm, uint32_t slot, uint64_t at, uint64_t bytes, void *hva,
		    struct err *err)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.guest_phys_addr = at,
		.memory_size = bytes,
		.userspace_addr = (uintptr_t)hva,
	};
	int r = kvm_ioctl_ptr(vm->vm_fd, KVM_SET_USER_MEMORY_REGION, &region, sizeof(region));

	if (r < 0)
		return err_set(err, r,
			       "KVM refused %llu bytes of memory at guest address %#llx: %s",
			       (unsigned long long)bytes, (unsigned long long)at, strerror(-r));
	return 0;
}

static int add_memory(struct vm *vm, struct err *err)
{
	const struct board_block *pvtime = &vm->board.block[BOARD_PVTIME];
	int r = add_slot(vm, SLOT_RAM, vm->mem.base.v, vm->mem.size, vm->mem.hva, err);

	if (r || !pvtime->size)
		return r;
	vm->pvtime = mmap(NULL, pvtime->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);
	if (vm->pvtime == MAP_FAILED) {
		vm->pvtime = NULL;
		return err_set(err, -ENOMEM, "cannot map memory for stolen time");
	}
	return add_slot(vm, SLOT_PVTIME, pvtime->base, pvtime->size, vm->pvtime, err);
}

/* What KVM says about a filter range, in words; devices/vm.rst lists the codes. */
static const char *filter_reason(int code)
{
	switch (code) {
	case -EEXIST:
		return "it overlaps another range or one KVM keeps for itself";
	case -EINVAL:
		return "it is empty, wraps past 2^32 or names no valid action";
	case -EBUSY:
		return "a vCPU has already run";
	default:
		return strerror(-code);
	}
}

static int install_filter(struct vm *vm, struct err *err)
{
	struct smccc_filter_entry entries[SMCCC_FILTER_MAX_ENTRIES];
	const struct run_config *c = vm->config;
	unsigned n = smccc_filter_plan(c->smccc, c->nsmccc, config_own_calls(c), entries);

	if (n && !vm->caps.smccc_filter)
		return err_set(
			err, -EOPNOTSUPP,
			"this host's KVM cannot hand SMCCC calls to user space: Linux 6.4 or "
			"newer is needed; --psci kernel leaves PSCI to KVM");
	for (unsigned i = 0; i < n; i++) {
		struct kvm_smccc_filter f = {
			.base = entries[i].base,
			.nr_functions = entries[i].count,
			.action = entries[i].kvm_action,
		};
		int r = kvm_attr_set(vm->vm_fd, KVM_ARM_VM_SMCCC_CTRL, KVM_ARM_VM_SMCCC_FILTER, &f);

		if (r < 0)
			return err_set(err, r, "SMCCC filter: KVM refused range %#x+%#x: %s",
				       f.base, f.nr_functions, filter_reason(r));
	}
	return 0;
}

static uint32_t choose_features(const struct vm *vm)
{
	const struct run_config *c = vm->config;
	uint32_t f = 1u << KVM_ARM_VCPU_PSCI_0_2;

	if (vm->caps.sve && c->sve != FEATURE_OFF)
		f |= 1u << KVM_ARM_VCPU_SVE;
	if (vm->caps.pauth && c->pauth != FEATURE_OFF)
		f |= 1u << KVM_ARM_VCPU_PTRAUTH_ADDRESS | 1u << KVM_ARM_VCPU_PTRAUTH_GENERIC;
	if (vm->board.config.pmu)
		f |= 1u << KVM_ARM_VCPU_PMU_V3;
	return f;
}

static int create_vcpus(struct vm *vm, struct err *err)
{
	vm->vcpu_features = choose_features(vm);
	vm->vcpu = calloc(vm->board.config.ncpus, sizeof(*vm->vcpu));
	if (!vm->vcpu)
		return err_set(err, -ENOMEM, "out of memory for %u CPUs", vm->board.config.ncpus);
	for (unsigned i = 0; i < vm->board.config.ncpus; i++) {
		int r = vcpu_create(vm, i, err);
		struct fw_locked fw;

		if (r)
			return r;
		/* From here on the RAS thread sees it. */
		fw = fw_lock(&vm->fw);
		vm->nvcpus = i + 1;
		fw_unlock(fw);
	}
	return 0;
}

static int finish_vcpus(struct vm *vm, struct err *err)
{
	for (unsigned i = 0; i < vm->nvcpus; i++) {
		int r = vcpu_finish(&vm->vcpu[i], err);

		if (r)
			return r;
	}
	return 0;
}

static int vm_create_steps(struct vm *vm, struct err *err)
{
	int r = create_vm_fd(vm, err);

	if (r)
		return r;
	/* Without it a load or store KVM cannot decode ends the guest; with it the guest gets the
	 * abort that hardware would give (run.c). */
	if (vm->caps.nisv_to_user && enable_cap(vm, KVM_CAP_ARM_NISV_TO_USER) < 0)
		vm->caps.nisv_to_user = false;
	/* Without it a guest that meets an error the host did not claim gets an SError. */
	if (vm->caps.sea_to_user && enable_cap(vm, KVM_CAP_ARM_SEA_TO_USER) < 0)
		vm->caps.sea_to_user = false;
	r = install_filter(vm, err);
	if (r)
		return r;
	r = add_memory(vm, err);
	if (r)
		return r;
	r = create_vcpus(vm, err);
	if (r)
		return r;
	r = vcpu_probe(vm, err);
	if (r)
		return r;
	r = gic_create(vm, err);
	if (r)
		return r;
	r = eventfds_create(vm, err);
	if (r)
		return r;
	return finish_vcpus(vm, err);
}

int vm_create(struct vm *vm, struct err *err)
{
	int r = vm_create_steps(vm, err);

	if (r)
		vm_destroy(vm);
	return r;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Under vm.fw: the RAS thread may be about to replace a page of it. */
static void unmap_pvtime(struct vm *vm)
{
	struct fw_locked fw = fw_lock(&vm->fw);

	if (vm->pvtime)
		munmap(vm->pvtime, vm->board.block[BOARD_PVTIME].size);
	vm->pvtime = NULL;
	fw_unlock(fw);
}

/* Out of reach first: the RAS thread may be about to kick one, under vm.fw. */
static void destroy_vcpus(struct vm *vm)
{
	struct fw_locked fw = fw_lock(&vm->fw);
	struct vcpu *vcpu = vm->vcpu;
	unsigned n = vm->nvcpus;

	vm->vcpu = NULL;
	vm->nvcpus = 0;
	vm->stats_collected = false;
	fw_unlock(fw);
	for (unsigned i = 0; i < n; i++)
		vcpu_destroy(&vcpu[i]);
	free(vcpu);
}

/* ... or to drive an interrupt line. */
static void close_vm(struct vm *vm)
{
	int fd;

	pthread_mutex_lock(&vm->lines.lock);
	fd = vm->vm_fd;
	vm->vm_fd = -1;
	pthread_mutex_unlock(&vm->lines.lock);
	close_fd(&fd);
}

void vm_destroy(struct vm *vm)
{
	destroy_vcpus(vm);
	close_fd(&vm->its_fd);
	close_fd(&vm->gic_fd);
	close_vm(vm);
	unmap_pvtime(vm);
}

int vm_start(struct vm *vm, struct err *err)
{
	for (unsigned i = 0; i < vm->nvcpus; i++) {
		struct vcpu *c = &vm->vcpu[i];
		int r = pthread_create(&c->thread, NULL, vcpu_thread, c);

		if (r)
			return err_set(err, -r, "cannot start the thread of CPU %u: %s", i,
				       strerror(r));
		c->thread_started = true;
	}
	return 0;
}

void vm_stop(struct vm *vm)
{
	for (unsigned i = 0; i < vm->nvcpus; i++)
		vcpu_request(&vm->vcpu[i], VCPU_REQ_STOP);
	for (unsigned i = 0; i < vm->nvcpus; i++) {
		if (!vm->vcpu[i].thread_started)
			continue;
		pthread_join(vm->vcpu[i].thread, NULL);
		vm->vcpu[i].thread_started = false;
	}
}

void vm_report(struct vm *vm, enum vm_event event)
{
	int running = VM_RUNNING;
	uint64_t one = 1;

	if (!atomic_compare_exchange_strong(&vm->event, &running, event))
		return;
	/* No vCPU may go on after the event. The array stands still until the main thread has seen
	 * the event and joined them all. */
	for (unsigned i = 0; i < vm->nvcpus; i++)
		vcpu_request(&vm->vcpu[i], VCPU_REQ_STOP);
	if (write(vm->event_fd, &one, sizeof(one)) < 0)
		log_error("cannot wake the main thread: %s", strerror(errno));
}

void vm_end(struct vm *vm, enum vm_event event)
{
	int running = VM_RUNNING;

	atomic_compare_exchange_strong(&vm->stop, &running, event);
	vm_report(vm, event);
}

void vm_hold(struct vm *vm, const struct vcpu *self)
{
	struct fw_locked fw = fw_lock(&vm->fw);

	vm->holds++;
	for (unsigned i = 0; i < vm->nvcpus; i++)
		if (&vm->vcpu[i] != self)
			vcpu_kick(&vm->vcpu[i], VCPU_REQ_HOLD);
	fw_unlock(fw);
}

void vm_unhold(struct vm *vm)
{
	struct fw_locked fw = fw_lock(&vm->fw);

	vm->holds--;
	for (unsigned i = 0; i < vm->nvcpus && !vm->holds; i++)
		pthread_cond_broadcast(&vm->vcpu[i].wake);
	fw_unlock(fw);
}

/* One that looked at its requests before they came may be entering KVM_RUN; the kick is on its way. */
void vm_hold_still(struct vm *vm)
{
	const struct timespec pause = { .tv_nsec = HOLD_POLL_NS };

	vm_hold(vm, NULL);
	for (unsigned i = 0; i < vm->nvcpus; i++)
		while (atomic_load(&vm->vcpu[i].in_guest) || atomic_load(&vm->vcpu[i].in_device))
			clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
}

bool vm_gpa_of(const struct vm *vm, uintptr_t hva, gpa_t *at)
{
	uintptr_t start = (uintptr_t)vm->mem.hva;

	if (!start || hva < start || hva - start >= vm->mem.size)
		return false;
	*at = gpa(vm->mem.base.v + (hva - start));
	return true;
}
