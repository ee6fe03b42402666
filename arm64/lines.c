/* See lines.h. Source: Linux Documentation/virt/kvm/api.rst, KVM_IRQ_LINE. */
#include "arm64/lines.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "arm64/kvm_compat.h"
#include "arm64/vm.h"

int lines_open(struct lines *lines, struct err *err)
{
	pthread_mutex_init(&lines->lock, NULL);
	lines->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (lines->event_fd < 0)
		return err_set(err, -errno, "eventfd: %s", strerror(errno));
	return 0;
}

void lines_close(struct lines *lines)
{
	if (lines->event_fd >= 0)
		close(lines->event_fd);
	lines->event_fd = -1;
}

bool lines_owned(const struct vm *vm, uint32_t intid)
{
	static const enum board_id devices[] = { BOARD_UART0, BOARD_UART1, BOARD_UART2,
						 BOARD_UART3, BOARD_RTC,   BOARD_TEST_TIMER };

	if (intid == INTID_TEST_TIMER)
		return vm->board.config.test_timer;
	for (unsigned i = 0; i < ARRAY_SIZE(devices); i++) {
		const struct board_block *b = &vm->board.block[devices[i]];

		if (b->size && b->intid == intid)
			return true;
	}
	return false;
}

static void drive(struct vm *vm, uint32_t type, unsigned cpu, uint32_t intid, bool level)
{
	struct kvm_irq_level irq = {
		.irq = type << KVM_ARM_IRQ_TYPE_SHIFT |
		       (cpu & KVM_ARM_IRQ_VCPU_MASK) << KVM_ARM_IRQ_VCPU_SHIFT |
		       cpu / (KVM_ARM_IRQ_VCPU_MASK + 1) << KVM_ARM_IRQ_VCPU2_SHIFT | intid,
		.level = level,
	};
	int r;

	if (vm->vm_fd < 0)
		return; /* between two lives of the guest; bus_resume() drives the lines again */
	r = kvm_ioctl_ptr(vm->vm_fd, KVM_IRQ_LINE, &irq, sizeof(irq));
	if (r < 0)
		log_error("cannot drive interrupt %u: %s", intid, strerror(-r));
}

/* A bound line changed. Lock held. */
static void tell(struct lines *lines, uint32_t intid, bool level)
{
	uint64_t one = 1;

	if (!level)
		return;
	lines->raised[intid] = true;
	if (write(lines->event_fd, &one, sizeof(one)) < 0)
		log_error("cannot wake the main thread: %s", strerror(errno));
}

void lines_set(void *world, uint32_t intid, bool level)
{
	struct vm *vm = world;
	struct lines *lines = &vm->lines;

	pthread_mutex_lock(&lines->lock);
	lines->level[intid] = level;
	if (lines->bound[intid])
		tell(lines, intid, level);
	else
		drive(vm, KVM_ARM_IRQ_TYPE_SPI, 0, intid, level);
	pthread_mutex_unlock(&lines->lock);
}

void lines_pulse(void *world, uint32_t intid)
{
	lines_set(world, intid, true);
	lines_set(world, intid, false);
}

void lines_wake(struct vm *vm)
{
	if (!vm->board.block[BOARD_GPIO].size)
		return;
	gpio_drive(&vm->gpio, BOARD_GPIO_WAKE_PIN, true);
	gpio_drive(&vm->gpio, BOARD_GPIO_WAKE_PIN, false);
}

void lines_set_ppi(void *world, unsigned cpu, bool level)
{
	struct vm *vm = world;
	struct lines *lines = &vm->lines;

	pthread_mutex_lock(&lines->lock);
	lines->ppi_level[cpu] = level;
	if (lines->bound[INTID_TEST_TIMER])
		tell(lines, INTID_TEST_TIMER, level);
	else
		drive(vm, KVM_ARM_IRQ_TYPE_PPI, cpu, INTID_TEST_TIMER, level);
	pthread_mutex_unlock(&lines->lock);
}

bool lines_level(struct vm *vm, uint32_t intid, unsigned cpu)
{
	struct lines *lines = &vm->lines;
	bool level;

	pthread_mutex_lock(&lines->lock);
	level = intid == INTID_TEST_TIMER ? lines->ppi_level[cpu] : lines->level[intid];
	pthread_mutex_unlock(&lines->lock);
	return level;
}

static bool any_ppi_up(const struct vm *vm)
{
	for (unsigned i = 0; i < vm->board.config.ncpus; i++)
		if (vm->lines.ppi_level[i])
			return true;
	return false;
}

bool lines_bind(struct vm *vm, uint32_t intid)
{
	struct lines *lines = &vm->lines;
	bool up;

	pthread_mutex_lock(&lines->lock);
	up = intid == INTID_TEST_TIMER ? any_ppi_up(vm) : lines->level[intid];
	lines->bound[intid] = !up;
	pthread_mutex_unlock(&lines->lock);
	return !up;
}

void lines_release(struct vm *vm, uint32_t intid)
{
	struct lines *lines = &vm->lines;

	pthread_mutex_lock(&lines->lock);
	lines->bound[intid] = false;
	lines->raised[intid] = false;
	if (intid != INTID_TEST_TIMER && lines->level[intid])
		drive(vm, KVM_ARM_IRQ_TYPE_SPI, 0, intid, true);
	for (unsigned i = 0; intid == INTID_TEST_TIMER && i < vm->board.config.ncpus; i++)
		if (lines->ppi_level[i])
			drive(vm, KVM_ARM_IRQ_TYPE_PPI, i, intid, true);
	pthread_mutex_unlock(&lines->lock);
}

uint32_t lines_take_raised(struct lines *lines, uint32_t intid)
{
	uint32_t found = 0;

	pthread_mutex_lock(&lines->lock);
	for (uint32_t i = intid; i < BOARD_NR_INTIDS && !found; i++)
		if (lines->raised[i])
			found = i;
	lines->raised[found] = false;
	pthread_mutex_unlock(&lines->lock);
	return found;
}
