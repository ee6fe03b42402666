/*
 * The virtio-pci transport: one device behind a PCI function, with MSI-X (a vector for the configuration and one
 * for each queue) and INTx. Every queue has a doorbell address of its own.
 *
 * An eventfd signals each vector; the machine wires it to the interrupt controller while the guest has the vector
 * unmasked (struct pci_msix_ops). Doorbells are the virtio_device's; the machine wires them to their addresses
 * while the BAR is decoded and the driver is ready.
 *
 * Source: virtio 1.2, 4.1. Leaves out: legacy and transitional devices, shared memory regions,
 * VIRTIO_F_NOTIFICATION_DATA, VIRTIO_F_NOTIF_CONFIG_DATA, VIRTIO_F_RING_RESET.
 */
#ifndef VIRTIO_PCI_H
#define VIRTIO_PCI_H

#include "arm64/dev/pci.h"
#include "lib/err.h"
#include "virtio/device.h"

#define VIRTIO_PCI_NOTIFY_BYTES                                                                    \
	2 /* a driver's store to a doorbell: the queue's number, which is redundant */

/* What the transport needs of the machine beside MSI-X. vCPU threads (under the leaf lock) or the main thread. */
struct virtio_pci_ops {
	/* Have stores of VIRTIO_PCI_NOTIFY_BYTES, of any value, at `at` signal `fd` without an exit, or no longer. 0
	 * or -errno: then they arrive as writes. */
	int (*wire_kick)(void *world, gpa_t at, int fd, bool on);
};

/* Saved and loaded, beside those of the PCI function and of the virtio_device: the window of
 * VIRTIO_PCI_CAP_PCI_CFG (4.1.4.9). */
struct virtio_pci_state {
	uint32_t window_offset, window_length;
	uint8_t window_bar;
	uint8_t pad[7];
};

struct virtio_pci {
	struct pci_function pci; /* first */
	struct virtio_device *virtio;
	const struct virtio_pci_ops *ops;
	void *world;
	struct virtio_pci_state state;
	unsigned window_cap; /* where in configuration space the capability of the window is */
	bool held; /* by the machine, from quiesce to resume: bus mastering must not let it go on */
	uint64_t wired; /* queues whose doorbell is wired; under the leaf lock */
	gpa_t wired_at[VIRTIO_MAX_QUEUES];
};

/* The state of the transport; the object is the struct virtio_pci. */
extern const struct state_desc virtio_pci_desc;

/* `virtio` was set up by its kind's init and outlives this; `ops` may be NULL (every kick is a write). The function
 * is not in a slot yet: pci_host_add(host, &p->pci, ...). Main thread, before the guest runs. 0, or -errno with
 * `err`. */
int virtio_pci_init(struct virtio_pci *p, struct virtio_device *virtio,
		    const struct virtio_pci_ops *ops, void *world, struct err *err)
	__attribute__((warn_unused_result));

/* Give doorbells and vectors back, unwired. No vCPU runs and the I/O thread has ended. Safe on a zeroed one. */
void virtio_pci_close(struct virtio_pci *p);

#endif
