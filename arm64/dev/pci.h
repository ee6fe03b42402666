/*
 * PCI: a host bridge with ECAM and the functions on its bus 0. Configuration space of type 0, memory BARs
 * that the guest may move at any time, MSI-X, INTx.
 *
 * ECAM and the windows are three devices on the bus with one leaf lock, the ECAM's (struct device.leader);
 * functions of struct pci_function_ops run under it, and so does everything declared here that does not say
 * otherwise, once the guest runs. Pure: MSIs and the moving of doorbells are callbacks.
 *
 * A machine is put together on the main thread: pci_host_init(); for each function pci_function_init(), its
 * BARs, capabilities and MSI-X, pci_host_add(); then the three devices go on the bus.
 *
 * Source: PCI Express Base 5.0, 7.5.1 (type 0 header), 7.7.2 (MSI-X), 7.2.2 (ECAM); PCI Local Bus 3.0, 6.2.5.1
 * (sizing BARs). Leaves out: I/O space, bridges, other buses, several functions in a slot, MSI, the PCI
 * Express capability and extended configuration space, power states, hot plug.
 */
#ifndef ARM64_DEV_PCI_H
#define ARM64_DEV_PCI_H

#include <stdatomic.h>

#include "arm64/dev/device.h"
#include "lib/err.h"
#include "lib/mem.h"

#define PCI_SLOTS        32
#define PCI_ANY_SLOT     PCI_SLOTS
#define PCI_BARS         6
#define PCI_CONFIG_BYTES 4096
#define PCI_INTX_LINES   4
#define PCI_MSIX_MAX     65
#define PCI_MSIX_WORDS   2 /* of 64 pending bits each */

/* Bits of the command register (7.5.1.1.3) that can be written. */
#define PCI_COMMAND_MEMORY   0x0002u
#define PCI_COMMAND_MASTER   0x0004u
#define PCI_COMMAND_INTX_OFF 0x0400u

#define PCI_CAP_VENDOR 0x09
#define PCI_CAP_MSIX   0x11

struct pci_function;

/* What is NULL does nothing, and reads 0. `len` is 1, 2 or 4 and the offset a multiple of it; a wider or
 * unaligned access of the guest arrives in parts, the lowest address first. */
struct pci_function_ops {
	const char *name;
	/* A BAR is accessed: offset + len inside it, and not in its MSI-X structures. */
	uint64_t (*read)(struct pci_function *f, unsigned bar, uint64_t offset, unsigned len);
	void (*write)(struct pci_function *f, unsigned bar, uint64_t offset, unsigned len,
		      uint64_t value);
	/* A BAR is decoded at `at` from now on, or no longer. Doorbells move with it. */
	void (*mapped)(struct pci_function *f, unsigned bar, gpa_t at, bool on);
	/* Configuration bytes that pci_wire_config() named; offset from the start of configuration space. */
	uint32_t (*config_read)(struct pci_function *f, unsigned offset, unsigned len);
	void (*config_write)(struct pci_function *f, unsigned offset, unsigned len, uint32_t value);
	/* Bus mastering was switched on or off: while it is off the function must not touch guest memory. Off at
	 * reset, for which there is no call. */
	void (*master)(struct pci_function *f, bool on);
	/* Whether the function has an interrupt to report by INTx. Any thread, no lock taken. */
	bool (*intx)(struct pci_function *f);
	/* Signal the eventfd of vector n: it was pending when the state was saved. */
	void (*signal)(struct pci_function *f, unsigned n);
	void (*reset)(struct pci_function *f);
	void (*quiesce)(struct pci_function *f);
	/* After quiesce, or after a load: `master` says whether bus mastering is on. */
	void (*resume)(struct pci_function *f, bool master);
};

struct pci_msix_entry { /* PCIe 7.7.2.5 to .7: what a vector's message is */
	uint64_t address;
	uint32_t data;
};

/* What the guest can change; saved and loaded. */
struct pci_function_state {
	uint64_t bar[PCI_BARS];              /* address; of a 64-bit BAR in the lower one */
	uint64_t msix_address[PCI_MSIX_MAX]; /* MSI-X table, as the guest wrote it */
	uint64_t
		msix_pending[PCI_MSIX_WORDS]; /* from quiesce to resume; else the eventfds say it */
	uint32_t msix_data[PCI_MSIX_MAX];
	uint32_t msix_masked[PCI_MSIX_MAX]; /* vector control: bit 0 */
	uint16_t command;
	uint16_t msix_control;              /* bit 15: enabled, bit 14: all masked */
	uint8_t interrupt_line, cache_line; /* registers without effect */
	uint8_t pad[2];
};

/* The state of one function; the object is the struct pci_function. */
extern const struct state_desc pci_function_desc;

struct pci_bar {
	uint64_t size; /* bytes, a power of two; 0: none */
	bool wide, prefetch;
};

struct pci_ids {
	uint16_t vendor, device, subsystem_vendor, subsystem;
	uint32_t class; /* 24 bits: class, subclass, interface */
	uint8_t revision;
};

/* What a function needs of the machine for its vectors. Under the leaf lock. */
struct pci_msix_ops {
	/* Vector n is now live (MSI-X enabled, not masked, bus mastering on) with this entry, or with another
	 * entry than before; or it is not live, and the entry is of no interest. f->vector_fd[n] is wired here,
	 * or not any longer: what was signalled while it was not live is still in it, and is raised by the wiring. */
	void (*set)(void *world, struct pci_function *f, unsigned n,
		    const struct pci_msix_entry *entry, bool live);
	/* Whether the eventfd of vector n, which is not live, was signalled; `take`: and forget it. */
	bool (*pending)(void *world, struct pci_function *f, unsigned n, bool take);
};

struct pci_host;

struct pci_function {
	const struct pci_function_ops *ops;
	struct pci_host *host; /* NULL: not added yet */
	unsigned slot;
	struct pci_function_state state;
	struct pci_bar bar[PCI_BARS];
	uint8_t config[256]; /* what is constant: header and capabilities */
	unsigned next_cap;   /* where the next capability goes */
	unsigned last_cap;   /* offset of the pointer to the next one */
	unsigned wired_at, wired_bytes;
	unsigned nvectors; /* 0: no MSI-X */
	unsigned msix_cap, msix_bar;
	uint64_t msix_table, msix_pba; /* offsets in msix_bar */
	/* The function's eventfds that signal its vectors; -1: none yet. */
	int vector_fd[PCI_MSIX_MAX];
	bool live[PCI_MSIX_MAX]; /* what pci_msix_ops.set was told last */
	bool mapped[PCI_BARS];   /* what pci_function_ops.mapped was told last, and where */
	gpa_t mapped_at[PCI_BARS];
	bool master; /* what pci_function_ops.master was told last */
	_Atomic bool msix_enabled;
	bool intx_on; /* may drive its line; under host->intx_lock */
};

struct pci_host {
	struct device ecam;               /* first of the three; its lock is the lock of all */
	struct device window32, window64; /* .size 0: not in this machine, not for the bus */
	struct pci_function *slot[PCI_SLOTS];
	struct irq_line intx[PCI_INTX_LINES]; /* level */
	/* Innermost: a device's thread raises INTx without the leaf lock, whose holder may wait for it. */
	pthread_mutex_t intx_lock;
	uint32_t asserted[PCI_INTX_LINES]; /* slots that hold the line up */
	const struct pci_msix_ops *msix;
	void *world;
};

/* Where the host bridge is; a window of 0 bytes does not exist. */
struct pci_map {
	struct mem_range ecam, window32, window64;
};

/* Host bridge. `intx`: the 4 interrupts INTA to INTD of slot 0; a slot's INTA is line slot % 4. `ops` and
 * `world` are for MSI-X. Main thread. */
void pci_host_init(struct pci_host *host, const struct pci_map *map,
		   const struct irq_line intx[PCI_INTX_LINES], const struct pci_msix_ops *ops,
		   void *world);

/* A function without BARs and capabilities, of which only INTA may be driven. */
void pci_function_init(struct pci_function *f, const struct pci_function_ops *ops,
		       const struct pci_ids *ids);

/* BAR n of `size` bytes (a power of two, 16 or more) of memory; `wide` ones take n + 1 too. */
void pci_add_bar(struct pci_function *f, unsigned n, uint64_t size, bool wide, bool prefetch);

/* A capability of 2 + n bytes whose body is constant. Returns its offset in configuration space. */
unsigned pci_add_capability(struct pci_function *f, uint8_t id, const void *body, unsigned n);

/* Accesses to configuration bytes [offset, offset + n), inside capabilities, are the function's own. One
 * range a function; multiples of 4. */
void pci_wire_config(struct pci_function *f, unsigned offset, unsigned n);

/* MSI-X with 1..PCI_MSIX_MAX vectors, whose table and pending bits lie at these offsets of a BAR (multiples of
 * 8), 16 bytes a vector and 8 bytes each 64 vectors. */
void pci_add_msix(struct pci_function *f, unsigned nvectors, unsigned bar, uint64_t table,
		  uint64_t pba);

/* Put the function into a slot, or into the first free one (PCI_ANY_SLOT). It outlives the host. 0; -EEXIST,
 * -ENOSPC, -EINVAL with `err`. Main thread, before the guest runs. */
int pci_host_add(struct pci_host *host, struct pci_function *f, unsigned slot, struct err *err)
	__attribute__((warn_unused_result));

/* The answer of ops->intx may have changed: drive the line. Any thread; takes intx_lock only. */
void pci_intx_update(struct pci_function *f);

/* MSI-X is on, and INTx off with it. Any thread. */
static inline bool pci_msix_enabled(const struct pci_function *f)
{
	return atomic_load_explicit(&f->msix_enabled, memory_order_acquire);
}

/* An access as a guest makes it by a BAR, at an offset inside it: for capabilities that give another way to
 * one. `len` is 1, 2 or 4 and offset a multiple of it. Outside of the BAR: all ones, no effect. */
uint32_t pci_bar_read(struct pci_function *f, unsigned bar, uint64_t offset, unsigned len);
void pci_bar_write(struct pci_function *f, unsigned bar, uint64_t offset, unsigned len,
		   uint32_t value);

/* Requester ID, by which an ITS knows the function (bus 0, function 0). */
static inline uint32_t pci_requester_id(const struct pci_function *f)
{
	return f->slot << 3;
}

#endif
