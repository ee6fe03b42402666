/*
 * The virtio devices of a machine: one list, from the configuration to what the guest finds behind
 * virtio-mmio or PCI; and the thread that serves them.
 */
#ifndef ARM64_DEVICES_H
#define ARM64_DEVICES_H

#include <stdio.h>

#include "arm64/config.h"
#include "arm64/dev/pci.h"
#include "lib/iothread.h"
#include "virtio/blk.h"
#include "virtio/console.h"
#include "virtio/mmio.h"
#include "virtio/net.h"
#include "virtio/p9.h"
#include "virtio/pci.h"
#include "virtio/rng.h"

struct vm;

/* A virtio device and the transport in front of it. */
struct device_place {
	struct virtio_device *virtio;
	int irq_fd; /* virtio-mmio; -1: none */
	struct virtio_mmio mmio;
	struct virtio_pci pci;
};

/* Part of struct vm. */
struct devices {
	struct iothread io;
	struct device_place *place; /* in the order in which the guest finds them */
	unsigned nplaces;
	struct virtio_console *console; /* NULL: none */
	struct virtio_rng *rng;
	struct virtio_blk *disk;
	struct virtio_net *nic;
	struct virtio_p9 *share;
	unsigned ndisks, nnics, nshares; /* of them were opened */
	struct pci_host pci;
	struct log_limit log; /* under the PCI host's leaf lock */
};

/* How many the configuration asks for; and whether they are behind PCI. Pure. */
unsigned devices_wanted(const struct run_config *config);
bool devices_behind_pci(const struct run_config *config);

/* A line for each, in the order in which the guest finds them. */
void devices_print(const struct run_config *config, FILE *out);

/* Open what the configuration names and put it on the bus. 0, or -errno with `err`: what is wrong with a
 * file, an interface or a directory. Main thread; after vm_create(), before bus_freeze(). */
int devices_open(struct vm *vm, struct err *err) __attribute__((warn_unused_result));

/* Begin to serve. 0, or -errno with `err`. Main thread, before any vCPU runs. */
int devices_start(struct vm *vm, struct err *err) __attribute__((warn_unused_result));

/* Whether what the guest wrote to ports has reached their readers. Main thread. */
bool devices_drained(const struct vm *vm);

/* Finish what is under way and close. Main thread, no vCPU runs. Safe on a zeroed one. */
void devices_close(struct vm *vm);

/* The devices, for listings. Main thread. */
unsigned devices_count(const struct vm *vm);
const struct virtio_device *devices_get(const struct vm *vm, unsigned i);

#endif
