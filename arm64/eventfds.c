/*
 * See eventfds.h. KVM's default routing leads GSI n to SPI n; once a guest uses MSIs the table is ours: the
 * SPIs as before, and behind them a GSI for each MSI.
 */
#include "arm64/eventfds.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arm64/kvm_compat.h"
#include "arm64/vm.h"

#define NR_SPIS (BOARD_NR_INTIDS - INTID_SPI_BASE)

void eventfds_init(struct eventfds *e)
{
	pthread_mutex_init(&e->lock, NULL);
	e->nkicks = e->nirqs = 0;
}

/* ---- doorbells ---- */

static int assign_kick(struct vm *vm, const struct eventfds_kick *kick, bool on)
{
	struct kvm_ioeventfd io = {
		.addr = kick->at.v,
		.len = kick->len,
		.fd = kick->fd,
		.datamatch = kick->value,
		.flags = (kick->match ? KVM_IOEVENTFD_FLAG_DATAMATCH : 0) |
			 (on ? 0 : KVM_IOEVENTFD_FLAG_DEASSIGN),
	};

	if (vm->vm_fd < 0)
		return 0; /* between two lives of the guest */
	return kvm_ioctl_ptr(vm->vm_fd, KVM_IOEVENTFD, &io, sizeof(io));
}

static struct eventfds_kick *find_kick(struct eventfds *e, const struct eventfds_kick *kick)
{
	for (unsigned i = 0; i < e->nkicks; i++)
		if (e->kick[i].at.v == kick->at.v && e->kick[i].fd == kick->fd)
			return &e->kick[i];
	return NULL;
}

static int add_kick(struct vm *vm, const struct eventfds_kick *kick)
{
	struct eventfds *e = &vm->eventfds;
	int r;

	if (find_kick(e, kick))
		return -EEXIST;
	if (e->nkicks == EVENTFDS_MAX_KICKS)
		return -ENOSPC;
	r = assign_kick(vm, kick, true);
	if (r < 0)
		return r;
	e->kick[e->nkicks++] = *kick;
	return 0;
}

int eventfds_add_kick(struct vm *vm, const struct eventfds_kick *kick)
{
	int r;

	pthread_mutex_lock(&vm->eventfds.lock);
	r = add_kick(vm, kick);
	pthread_mutex_unlock(&vm->eventfds.lock);
	return r;
}

void eventfds_remove_kick(struct vm *vm, const struct eventfds_kick *kick)
{
	struct eventfds *e = &vm->eventfds;
	struct eventfds_kick *place;

	pthread_mutex_lock(&e->lock);
	place = find_kick(e, kick);
	if (place) {
		if (assign_kick(vm, place, false) < 0)
			log_debug("KVM had no doorbell at %#llx", (unsigned long long)kick->at.v);
		*place = e->kick[--e->nkicks];
	}
	pthread_mutex_unlock(&e->lock);
}

/* ---- interrupts ---- */

static uint32_t gsi_of(const struct eventfds *e, const struct eventfds_irq *irq)
{
	return irq->route.msi ? NR_SPIS + (uint32_t)(irq - e->irq)
			      : irq->route.intid - INTID_SPI_BASE;
}

static int assign_irq(struct vm *vm, const struct eventfds_irq *irq, bool on)
{
	struct kvm_irqfd irqfd = {
		.fd = (uint32_t)irq->fd,
		.gsi = gsi_of(&vm->eventfds, irq),
		.flags = on ? 0 : KVM_IRQFD_FLAG_DEASSIGN,
	};

	if (vm->vm_fd < 0)
		return 0;
	return kvm_ioctl_ptr(vm->vm_fd, KVM_IRQFD, &irqfd, sizeof(irqfd));
}

static struct kvm_irq_routing_entry msi_entry(const struct eventfds *e,
					      const struct eventfds_irq *irq)
{
	return (struct kvm_irq_routing_entry){
		.gsi = gsi_of(e, irq),
		.type = KVM_IRQ_ROUTING_MSI,
		.flags = KVM_MSI_VALID_DEVID,
		.u.msi = { .address_lo = (uint32_t)irq->route.address,
			   .address_hi = (uint32_t)(irq->route.address >> 32),
			   .data = irq->route.data,
			   .devid = irq->route.device },
	};
}

static struct kvm_irq_routing_entry spi_entry(uint32_t n)
{
	return (struct kvm_irq_routing_entry){
		.gsi = n,
		.type = KVM_IRQ_ROUTING_IRQCHIP,
		.u.irqchip = { .pin = n },
	};
}

/* All routes at once: KVM has no other way. Allocates, when the guest sets up a vector. */
static int set_routing(struct vm *vm)
{
	const struct eventfds *e = &vm->eventfds;
	struct kvm_irq_routing *table;
	uint32_t n = 0;
	int r;

	if (vm->vm_fd < 0)
		return 0;
	table = calloc(1, sizeof(*table) + (NR_SPIS + e->nirqs) * sizeof(table->entries[0]));
	if (!table)
		return -ENOMEM;
	for (uint32_t i = 0; i < NR_SPIS; i++)
		table->entries[n++] = spi_entry(i);
	for (unsigned i = 0; i < e->nirqs; i++)
		if (e->irq[i].fd >= 0 && e->irq[i].route.msi)
			table->entries[n++] = msi_entry(e, &e->irq[i]);
	table->nr = n;
	r = kvm_ioctl_ptr(vm->vm_fd, KVM_SET_GSI_ROUTING, table, sizeof(*table));
	free(table);
	return r;
}

static struct eventfds_irq *find_irq(struct eventfds *e, int fd)
{
	for (unsigned i = 0; i < e->nirqs; i++)
		if (e->irq[i].fd == fd)
			return &e->irq[i];
	return NULL;
}

static struct eventfds_irq *free_irq(struct eventfds *e)
{
	struct eventfds_irq *irq = find_irq(e, -1);

	if (irq || e->nirqs == EVENTFDS_MAX_IRQS)
		return irq;
	irq = &e->irq[e->nirqs++];
	irq->fd = -1;
	return irq;
}

static int wire(struct vm *vm, struct eventfds_irq *irq)
{
	int r = irq->route.msi ? set_routing(vm) : 0;

	return r < 0 ? r : assign_irq(vm, irq, true);
}

static bool same_gsi(const struct irq_route *a, const struct irq_route *b)
{
	return a->msi == b->msi && (a->msi || a->intid == b->intid);
}

static int add_irq(struct vm *vm, const struct irq_route *route, int fd)
{
	struct eventfds_irq *irq = find_irq(&vm->eventfds, fd);
	int r;

	if (irq && same_gsi(&irq->route, route)) {
		irq->route = *route;
		return route->msi ? set_routing(vm) : 0;
	}
	if (irq)
		(void)!assign_irq(vm, irq, false);
	else
		irq = free_irq(&vm->eventfds);
	if (!irq)
		return -ENOSPC;
	*irq = (struct eventfds_irq){ .route = *route, .fd = fd };
	r = wire(vm, irq);
	if (r < 0)
		irq->fd = -1;
	return r;
}

int eventfds_add_irq(struct vm *vm, const struct irq_route *route, int fd)
{
	int r;

	pthread_mutex_lock(&vm->eventfds.lock);
	r = add_irq(vm, route, fd);
	pthread_mutex_unlock(&vm->eventfds.lock);
	return r;
}

void eventfds_remove_irq(struct vm *vm, int fd)
{
	struct eventfds *e = &vm->eventfds;
	struct eventfds_irq *irq;

	pthread_mutex_lock(&e->lock);
	irq = find_irq(e, fd);
	if (irq) {
		if (assign_irq(vm, irq, false) < 0)
			log_debug("KVM had no interrupt for descriptor %d", fd);
		irq->fd = -1;
	}
	pthread_mutex_unlock(&e->lock);
}

/* ---- a new VM ---- */

static int create_all(struct vm *vm)
{
	const struct eventfds *e = &vm->eventfds;
	bool msi = false;
	int r = 0;

	for (unsigned i = 0; i < e->nirqs; i++)
		msi |= e->irq[i].fd >= 0 && e->irq[i].route.msi;
	if (msi)
		r = set_routing(vm);
	for (unsigned i = 0; r >= 0 && i < e->nirqs; i++)
		if (e->irq[i].fd >= 0)
			r = assign_irq(vm, &e->irq[i], true);
	for (unsigned i = 0; r >= 0 && i < e->nkicks; i++)
		r = assign_kick(vm, &e->kick[i], true);
	return r;
}

int eventfds_create(struct vm *vm, struct err *err)
{
	int r;

	pthread_mutex_lock(&vm->eventfds.lock);
	r = create_all(vm);
	pthread_mutex_unlock(&vm->eventfds.lock);
	if (r < 0)
		return err_set(err, r, "KVM refused the devices' doorbells and interrupts: %s",
			       strerror(-r));
	return 0;
}
