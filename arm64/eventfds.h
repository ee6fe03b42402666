/*
 * Doorbells and interrupts that KVM handles by itself: an eventfd signalled by a guest's store (ioeventfd),
 * an interrupt raised by an eventfd (irqfd). One table, because a reset of the machine makes a new KVM VM in
 * which all of them have to be assigned again.
 *
 * Lock: innermost, beside that of the lines. Any thread.
 * Source: Linux Documentation/virt/kvm/api.rst 4.59 (KVM_IOEVENTFD), 4.75 (KVM_IRQFD), 4.52
 * (KVM_SET_GSI_ROUTING).
 */
#ifndef ARM64_EVENTFDS_H
#define ARM64_EVENTFDS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/types.h"

struct vm;

#define EVENTFDS_MAX_KICKS                                                                         \
	900 /* KVM: 1000 devices on its bus, of which the interrupt controller is some */
#define EVENTFDS_MAX_IRQS 1024

/* Where an irqfd leads. */
struct irq_route {
	bool msi;
	uint32_t intid;   /* !msi: an SPI, as the guest counts it; raised and lowered */
	uint32_t device;  /* msi: requester id, for the ITS */
	uint64_t address; /* msi: as the guest programmed it */
	uint32_t data;
};

struct eventfds_kick {
	gpa_t at;
	uint32_t len; /* bytes */
	bool match;
	uint32_t value; /* match: only stores of this */
	int fd;
};

struct eventfds_irq {
	struct irq_route route;
	int fd; /* -1: free */
};

/* Part of struct vm. */
struct eventfds {
	pthread_mutex_t lock; /* for all below */
	struct eventfds_kick kick[EVENTFDS_MAX_KICKS];
	unsigned nkicks;
	struct eventfds_irq irq[EVENTFDS_MAX_IRQS]; /* the place is the GSI's number, of MSIs */
	unsigned nirqs;                             /* places that were ever taken */
};

/* Before all others. Main thread. */
void eventfds_init(struct eventfds *e);

/* A store of `len` bytes (2 or 4) at `at`, of any value or of `value` only (match), signals fd, which stays
 * the caller's and outlives the entry. 0; -ENOSPC, -EEXIST or another -errno: the stores arrive as exits. */
int eventfds_add_kick(struct vm *vm, const struct eventfds_kick *kick)
	__attribute__((warn_unused_result));
void eventfds_remove_kick(struct vm *vm, const struct eventfds_kick *kick);

/* From now on fd raises this interrupt; again with another route: it moves. What was signalled before or
 * while it was removed is not lost: it stays in fd. 0 or -errno. */
int eventfds_add_irq(struct vm *vm, const struct irq_route *route, int fd)
	__attribute__((warn_unused_result));
void eventfds_remove_irq(struct vm *vm, int fd);

/* A new VM with an interrupt controller: assign everything again. 0, or -errno with `err`. Main thread. */
int eventfds_create(struct vm *vm, struct err *err) __attribute__((warn_unused_result));

#endif
