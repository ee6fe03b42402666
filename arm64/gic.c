/*
 * Creating and initialising the in-kernel interrupt controller, and asking it about an interrupt.
 *
 * Source: Linux Documentation/virt/kvm/devices/arm-vgic.rst, arm-vgic-v3.rst, arm-vgic-its.rst;
 * register offsets: Arm IHI0048B 4.3 (GICv2), IHI0069 12.9 and 12.11 (GICv3).
 */
#include "arm64/gic.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "arm64/kvm_compat.h"

/* Registers with one bit an interrupt, 32 to a word: the same offsets in the distributor, and in the
 * second frame (SGI_base) of a GICv3 redistributor, which has a CPU's interrupts 0 to 31. */
#define GIC_ISPENDR   0x200u
#define GIC_ISACTIVER 0x300u
#define GICR_SGI_BASE 0x10000u
#define INTIDS_A_WORD 32u

static int create_device(int vm_fd, uint32_t type)
{
	struct kvm_create_device dev = { .type = type };
	int r = kvm_ioctl_ptr(vm_fd, KVM_CREATE_DEVICE, &dev, sizeof(dev));

	return r < 0 ? r : (int)dev.fd;
}

static int set_address(struct vm *vm, int fd, uint64_t type, enum board_id id, struct err *err)
{
	uint64_t base = vm->board.block[id].base;
	int r = kvm_attr_set(fd, KVM_DEV_ARM_VGIC_GRP_ADDR, type, &base);

	if (r < 0)
		return err_set(err, r, "interrupt controller: KVM refused address %#llx for %s: %s",
			       (unsigned long long)base, vm->board.block[id].name, strerror(-r));
	return 0;
}

static int set_addresses(struct vm *vm, struct err *err)
{
	int r;

	if (board_gic_is_v2(vm->board.config.gic)) {
		r = set_address(vm, vm->gic_fd, KVM_VGIC_V2_ADDR_TYPE_DIST, BOARD_GIC_DIST, err);
		if (r)
			return r;
		return set_address(vm, vm->gic_fd, KVM_VGIC_V2_ADDR_TYPE_CPU, BOARD_GIC_CPUI, err);
	}
	r = set_address(vm, vm->gic_fd, KVM_VGIC_V3_ADDR_TYPE_DIST, BOARD_GIC_DIST, err);
	if (r)
		return r;
	return set_address(vm, vm->gic_fd, KVM_VGIC_V3_ADDR_TYPE_REDIST, BOARD_GIC_REDIST, err);
}

static int create_its(struct vm *vm, struct err *err)
{
	int r;

	vm->its_fd = create_device(vm->vm_fd, KVM_DEV_TYPE_ARM_VGIC_ITS);
	if (vm->its_fd < 0)
		return err_set(err, vm->its_fd,
			       "KVM cannot create an ITS: %s; --irqchip gicv3 does without",
			       strerror(-vm->its_fd));
	r = set_address(vm, vm->its_fd, KVM_VGIC_ITS_ADDR_TYPE, BOARD_GIC_ITS, err);
	if (r)
		return r;
	r = kvm_attr_set(vm->its_fd, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT, NULL);
	if (r < 0)
		return err_set(err, r, "KVM cannot initialise the ITS: %s", strerror(-r));
	return 0;
}

int gic_create(struct vm *vm, struct err *err)
{
	enum board_gic gic = vm->board.config.gic;
	uint32_t type = board_gic_is_v2(gic) ? KVM_DEV_TYPE_ARM_VGIC_V2 : KVM_DEV_TYPE_ARM_VGIC_V3;
	uint32_t nr_intids = BOARD_NR_INTIDS;
	int r;

	vm->gic_fd = create_device(vm->vm_fd, type);
	if (vm->gic_fd < 0)
		return err_set(err, vm->gic_fd, "KVM cannot create a %s: %s", board_gic_name(gic),
			       strerror(-vm->gic_fd));
	r = set_addresses(vm, err);
	if (r)
		return r;
	r = kvm_attr_set(vm->gic_fd, KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0, &nr_intids);
	if (r == 0)
		r = kvm_attr_set(vm->gic_fd, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT,
				 NULL);
	if (r < 0)
		return err_set(err, r, "KVM cannot initialise the %s for %u CPUs: %s",
			       board_gic_name(gic), vm->nvcpus, strerror(-r));
	return gic == BOARD_GICV3_ITS ? create_its(vm, err) : 0;
}

/* Which CPU an attribute is about: its index for a GICv2; else its affinity, Aff3 to Aff0 packed into
 * 32 bits. */
static uint64_t cpu_in_attr(const struct vm *vm, unsigned cpu)
{
	uint64_t mpidr = vm->mpidr[cpu];

	if (board_gic_is_v2(vm->board.config.gic))
		return (uint64_t)cpu << KVM_DEV_ARM_VGIC_CPUID_SHIFT;
	return (mpidr >> 32 << 24 | (mpidr & 0xffffff)) << KVM_DEV_ARM_VGIC_V3_MPIDR_SHIFT;
}

/* The interrupt's bit in the array of registers at `offset`. */
static int read_bit(struct vm *vm, uint32_t offset, uint32_t intid, unsigned cpu, bool *bit)
{
	bool redist = intid < INTID_SPI_BASE && !board_gic_is_v2(vm->board.config.gic);
	uint32_t group = redist ? KVM_DEV_ARM_VGIC_GRP_REDIST_REGS : KVM_DEV_ARM_VGIC_GRP_DIST_REGS;
	uint32_t word = 0;
	int r;

	offset += 4 * (intid / INTIDS_A_WORD) + (redist ? GICR_SGI_BASE : 0);
	r = kvm_attr_get(vm->gic_fd, group, cpu_in_attr(vm, cpu) | offset, &word);
	*bit = word >> intid % INTIDS_A_WORD & 1;
	return r;
}

/* GICv3 only: the input of a level-triggered interrupt; an edge-triggered one reads 0. */
static int read_level(struct vm *vm, uint32_t intid, unsigned cpu, bool *level)
{
	uint32_t first = intid - intid % INTIDS_A_WORD, word = 0;
	uint64_t info = (uint64_t)VGIC_LEVEL_INFO_LINE_LEVEL
			<< KVM_DEV_ARM_VGIC_LINE_LEVEL_INFO_SHIFT;
	int r = kvm_attr_get(vm->gic_fd, KVM_DEV_ARM_VGIC_GRP_LEVEL_INFO,
			     cpu_in_attr(vm, cpu) | info | first, &word);

	*level = word >> intid % INTIDS_A_WORD & 1;
	return r;
}

/* Of a GICv3, user space sees in ISPENDR only what was latched, without the line. */
static int read_pending(struct vm *vm, uint32_t intid, unsigned cpu, bool *pending)
{
	bool level = false;
	int r = read_bit(vm, GIC_ISPENDR, intid, cpu, pending);

	if (r == 0 && !board_gic_is_v2(vm->board.config.gic))
		r = read_level(vm, intid, cpu, &level);
	*pending |= level;
	return r;
}

int gic_irq_state(struct vm *vm, uint32_t intid, unsigned cpu, bool *pending, bool *active)
{
	int r;

	*pending = *active = false;
	if (intid >= BOARD_NR_INTIDS || cpu >= vm->nvcpus)
		return -EINVAL;
	r = read_pending(vm, intid, cpu, pending);
	return r ? r : read_bit(vm, GIC_ISACTIVER, intid, cpu, active);
}

int gic_choose(const struct host_caps *caps, enum irqchip_choice choice, enum board_gic *gic,
	       struct err *err)
{
	static const struct {
		enum irqchip_choice choice;
		enum board_gic gic;
	} names[] = {
		{ IRQCHIP_GICV2, BOARD_GICV2 },
		{ IRQCHIP_GICV2M, BOARD_GICV2M },
		{ IRQCHIP_GICV3, BOARD_GICV3 },
		{ IRQCHIP_GICV3_ITS, BOARD_GICV3_ITS },
	};
	bool need_v2;

	if (choice == IRQCHIP_AUTO) {
		*gic = caps->gicv3 ? (caps->its ? BOARD_GICV3_ITS : BOARD_GICV3) : BOARD_GICV2M;
		if (caps->gicv2 || caps->gicv3 || !caps->present)
			return 0;
		return err_set(err, -EOPNOTSUPP,
			       "this host's KVM has no interrupt controller that rasvm can use");
	}
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].choice == choice)
			*gic = names[i].gic;
	if (!caps->present)
		return 0;
	need_v2 = board_gic_is_v2(*gic);
	if ((need_v2 && caps->gicv2) || (*gic == BOARD_GICV3 && caps->gicv3) ||
	    (*gic == BOARD_GICV3_ITS && caps->gicv3 && caps->its))
		return 0;
	return err_set(err, -EOPNOTSUPP, "--irqchip %s: this host's KVM offers%s%s%s%s",
		       board_gic_name(*gic), caps->gicv2 ? " gicv2 gicv2m" : "",
		       caps->gicv3 ? " gicv3" : "", caps->its ? " gicv3-its" : "",
		       caps->gicv2 || caps->gicv3 ? "" : " none");
}
