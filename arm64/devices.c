/*
 * See devices.h. Which device comes first matters to guests that count (vda, eth0, hvc0): console, rng,
 * disks, network interfaces, shares, each in the order of the command line.
 */
#include "arm64/devices.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arm64/vm.h"
#include "lib/clock.h"

unsigned devices_wanted(const struct run_config *c)
{
	return (c->nports + c->nport_options != 0) + c->rng + c->ndisks + c->nnics + c->nshares;
}

bool devices_behind_pci(const struct run_config *c)
{
	return c->transport == CONFIG_VIRTIO_PCI;
}

/* ---- --dry-run ---- */

static void begin_line(const struct run_config *c, unsigned *n, const char *kind, FILE *out)
{
	fprintf(out, "virtio  %s %u: %s ", devices_behind_pci(c) ? "pci" : "mmio", (*n)++, kind);
}

static void print_ports(const struct run_config *c, unsigned *n, FILE *out)
{
	if (!(c->nports + c->nport_options))
		return;
	begin_line(c, n, "console", out);
	for (unsigned i = 0; i < c->nport_options; i++) {
		console_port_print(&c->port_option[i], out);
		fputc(i + 1 < c->nport_options ? ' ' : '\n', out);
	}
	if (!c->nport_options)
		fprintf(out, "of %u ports\n", c->nports);
}

void devices_print(const struct run_config *c, FILE *out)
{
	unsigned n = 0;

	print_ports(c, &n, out);
	if (c->rng) {
		begin_line(c, &n, "rng", out);
		fputc('\n', out);
	}
	for (unsigned i = 0; i < c->ndisks; i++) {
		begin_line(c, &n, "disk", out);
		blk_options_print(&c->disk[i], out);
		fputc('\n', out);
	}
	for (unsigned i = 0; i < c->nnics; i++) {
		begin_line(c, &n, "network", out);
		net_options_print(&c->nic[i], out);
		fputc('\n', out);
	}
	for (unsigned i = 0; i < c->nshares; i++) {
		begin_line(c, &n, "9p", out);
		p9_options_print(&c->share[i], out);
		fputc('\n', out);
	}
}

/* ---- doorbells ---- */

static int wire(struct vm *vm, const struct eventfds_kick *kick, bool on)
{
	if (on)
		return eventfds_add_kick(vm, kick);
	eventfds_remove_kick(vm, kick);
	return 0;
}

static int wire_mmio_kick(void *world, gpa_t notify, unsigned queue, int fd, bool on)
{
	const struct eventfds_kick kick = {
		.at = notify, .len = 4, .match = true, .value = queue, .fd = fd
	};

	return wire(world, &kick, on);
}

static const struct virtio_mmio_ops mmio_ops = { .wire_kick = wire_mmio_kick };

static int wire_pci_kick(void *world, gpa_t at, int fd, bool on)
{
	const struct eventfds_kick kick = { .at = at, .len = VIRTIO_PCI_NOTIFY_BYTES, .fd = fd };

	return wire(world, &kick, on);
}

static const struct virtio_pci_ops pci_ops = { .wire_kick = wire_pci_kick };

/* ---- MSI-X ---- */

/* Where a message leads: to the ITS, or by the frame of a GICv2m to an SPI. False: nowhere. */
static bool route_message(const struct vm *vm, const struct pci_function *f,
			  const struct pci_msix_entry *entry, struct irq_route *route)
{
	const struct board_block *v2m = &vm->board.block[BOARD_GIC_V2M];

	if (vm->board.config.gic == BOARD_GICV3_ITS) {
		*route = (struct irq_route){ .msi = true,
					     .device = pci_requester_id(f),
					     .address = entry->address,
					     .data = entry->data };
		return true;
	}
	*route = (struct irq_route){ .intid = entry->data };
	return v2m->size && entry->address - v2m->base < v2m->size &&
	       entry->data - v2m->intid < v2m->nintids;
}

static bool vector_pending(void *world, struct pci_function *f, unsigned n, bool take)
{
	struct pollfd p = { .fd = f->vector_fd[n], .events = POLLIN };
	uint64_t count;

	(void)world;
	if (poll(&p, 1, 0) <= 0)
		return false;
	return !take || read(f->vector_fd[n], &count, sizeof(count)) > 0;
}

/* What was signalled before is signalled again: KVM raises what it finds in an eventfd but leaves it there, and
 * the vector would still be pending when it is masked next. */
static int add_vector(struct vm *vm, struct pci_function *f, unsigned n,
		      const struct irq_route *route)
{
	bool pending = vector_pending(vm, f, n, true);
	int r = eventfds_add_irq(vm, route, f->vector_fd[n]);
	uint64_t one = 1;

	if (pending && write(f->vector_fd[n], &one, sizeof(one)) < 0)
		log_error("PCI slot %u: cannot signal vector %u: %s", f->slot, n, strerror(errno));
	return r;
}

static void set_vector(void *world, struct pci_function *f, unsigned n,
		       const struct pci_msix_entry *entry, bool live)
{
	struct vm *vm = world;
	struct irq_route route;
	int r = -EINVAL;

	if (live && route_message(vm, f, entry, &route))
		r = add_vector(vm, f, n, &route);
	else
		eventfds_remove_irq(vm, f->vector_fd[n]);
	if (live && r < 0 && log_allow(&vm->devices.log, clock_now_ns()))
		log_warn("PCI slot %u: vector %u leads nowhere: message %#" PRIx32
			 " to address %#" PRIx64 ": %s",
			 f->slot, n, entry->data, entry->address, strerror(-r));
}

/* Every vector of ours has an eventfd, so none is sent by hand. */
static const struct pci_msix_ops msix_ops = { .set = set_vector, .pending = vector_pending };

/* ---- transports ---- */

static struct irq_line intx_line(struct vm *vm, unsigned n)
{
	return (struct irq_line){ .set = lines_set, .world = vm, .intid = INTID_PCI + n };
}

static struct mem_range range_of(const struct vm *vm, enum board_id id)
{
	const struct board_block *b = &vm->board.block[id];

	return (struct mem_range){ gpa(b->base), b->reserved ? 0 : b->size };
}

static int add_pci_host(struct vm *vm, struct err *err)
{
	struct pci_host *host = &vm->devices.pci;
	const struct pci_map map = {
		.ecam = range_of(vm, BOARD_PCI_ECAM),
		.window32 = range_of(vm, BOARD_PCI_MMIO),
		.window64 = range_of(vm, BOARD_PCI_MMIO64),
	};
	struct irq_line intx[PCI_INTX_LINES];
	int r;

	for (unsigned i = 0; i < PCI_INTX_LINES; i++)
		intx[i] = intx_line(vm, i);
	pci_host_init(host, &map, intx, &msix_ops, vm);
	r = bus_add(&vm->bus, &host->ecam, err);
	if (r == 0)
		r = bus_add(&vm->bus, &host->window32, err);
	if (r == 0 && host->window64.size)
		r = bus_add(&vm->bus, &host->window64, err);
	return r;
}

static int place_behind_pci(struct vm *vm, struct device_place *place, struct err *err)
{
	int r = virtio_pci_init(&place->pci, place->virtio, &pci_ops, vm, err);

	return r ? r : pci_host_add(&vm->devices.pci, &place->pci.pci, PCI_ANY_SLOT, err);
}

static int open_irq(struct vm *vm, struct device_place *place, unsigned n, struct err *err)
{
	const struct irq_route route = { .intid = INTID_VIRTIO_MMIO + n };
	int r;

	place->irq_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	r = place->irq_fd < 0 ? -errno : eventfds_add_irq(vm, &route, place->irq_fd);
	if (r < 0)
		return err_set(err, r, "%s: cannot set up its interrupt: %s", place->virtio->label,
			       strerror(-r));
	return 0;
}

static int place_behind_mmio(struct vm *vm, struct device_place *place, unsigned n, struct err *err)
{
	gpa_t base = gpa(vm->board.block[BOARD_VIRTIO_MMIO].base + n * BOARD_VIRTIO_STRIDE);
	int r = open_irq(vm, place, n, err);

	if (r == 0)
		r = virtio_mmio_init(&place->mmio, base, place->virtio, place->irq_fd, &mmio_ops,
				     vm, err);
	return r ? r : bus_add(&vm->bus, &place->mmio.dev, err);
}

static int add_place(struct vm *vm, struct virtio_device *virtio, struct err *err)
{
	struct devices *d = &vm->devices;
	unsigned n = d->nplaces++;
	struct device_place *place = &d->place[n];

	*place = (struct device_place){ .virtio = virtio, .irq_fd = -1 };
	if (devices_behind_pci(vm->config))
		return place_behind_pci(vm, place, err);
	return place_behind_mmio(vm, place, n, err);
}

/* ---- kinds ---- */

/* One end of a port, or -1 if `path` is empty. A FIFO is opened for both: its other end may come and go. */
static int open_port_file(const char *port, const char *path, int flags, int *fd, struct err *err)
{
	struct stat st;

	*fd = -1;
	if (!path[0])
		return 0;
	if (stat(path, &st) == 0 && S_ISFIFO(st.st_mode))
		flags = O_RDWR;
	*fd = open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0644);
	if (*fd < 0)
		return err_set(err, -errno, "--port %s: %s: %s", port, path, strerror(errno));
	return 0;
}

static int open_port(const struct console_port_options *o, struct console_port_config *port,
		     struct err *err)
{
	int r;

	*port = (struct console_port_config){
		.name = o->name, .in_fd = -1, .out_fd = -1, .console = o->console
	};
	r = open_port_file(o->name, o->in, O_RDONLY, &port->in_fd, err);
	if (r == 0)
		r = open_port_file(o->name, o->out, O_WRONLY | O_CREAT | O_TRUNC, &port->out_fd,
				   err);
	if (r && port->in_fd >= 0)
		close(port->in_fd);
	return r;
}

static void close_ports(const struct console_port_config *port, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (port[i].in_fd >= 0)
			close(port[i].in_fd);
		if (port[i].out_fd >= 0 && port[i].out_fd != port[i].in_fd)
			close(port[i].out_fd);
	}
}

/* All ports: those with descriptors first. */
static int open_ports(const struct run_config *c, struct console_port_config *port, unsigned *n,
		      struct err *err)
{
	int r = 0;

	for (*n = 0; *n < c->nports; ++*n)
		port[*n] = c->port[*n];
	for (unsigned i = 0; r == 0 && i < c->nport_options; i++) {
		r = open_port(&c->port_option[i], &port[*n], err);
		if (r == 0)
			++*n;
	}
	if (r)
		close_ports(port, *n);
	return r;
}

static int open_console(struct vm *vm, struct err *err)
{
	struct console_port_config port[VIRTIO_CONSOLE_MAX_PORTS];
	const struct run_config *c = vm->config;
	struct devices *d = &vm->devices;
	unsigned n;
	int r;

	if (c->nports + c->nport_options == 0)
		return 0;
	if (c->nports + c->nport_options > VIRTIO_CONSOLE_MAX_PORTS)
		return err_set(err, -ENOSPC, "%u console ports: a guest has at most %d",
			       c->nports + c->nport_options, VIRTIO_CONSOLE_MAX_PORTS);
	d->console = calloc(1, sizeof(*d->console));
	if (!d->console)
		return err_set(err, -ENOMEM, "out of memory for the console's ports");
	r = open_ports(c, port, &n, err);
	if (r == 0)
		r = virtio_console_open(d->console, port, n, &d->io, &vm->mem, 0, err);
	return r ? r : add_place(vm, &d->console->virtio, err);
}

static int open_rng(struct vm *vm, struct err *err)
{
	struct devices *d = &vm->devices;
	int r;

	if (!vm->config->rng)
		return 0;
	d->rng = calloc(1, sizeof(*d->rng));
	if (!d->rng)
		return err_set(err, -ENOMEM, "out of memory for --rng");
	r = virtio_rng_open(d->rng, &d->io, &vm->mem, 0, err);
	return r ? r : add_place(vm, &d->rng->virtio, err);
}

static int open_disks(struct vm *vm, struct err *err)
{
	const struct run_config *c = vm->config;
	struct devices *d = &vm->devices;

	d->disk = calloc(c->ndisks + 1, sizeof(*d->disk));
	if (!d->disk)
		return err_set(err, -ENOMEM, "out of memory for %u disks", c->ndisks);
	for (unsigned i = 0; i < c->ndisks; i++) {
		int r = virtio_blk_open(&d->disk[i], &c->disk[i], &d->io, &vm->mem, i, err);

		if (r)
			return r;
		d->ndisks++;
		r = add_place(vm, &d->disk[i].virtio, err);
		if (r)
			return r;
	}
	return 0;
}

/* Programs that are started for one interface (passt, a tap's script) do not get what was inherited for another. */
static void keep_descriptors(const struct run_config *c)
{
	for (unsigned i = 0; i < c->nnics; i++)
		for (unsigned n = 0; n < c->nic[i].nfds; n++)
			fcntl(c->nic[i].fd[n], F_SETFD, FD_CLOEXEC);
}

static int open_nics(struct vm *vm, struct err *err)
{
	const struct run_config *c = vm->config;
	struct devices *d = &vm->devices;

	d->nic = calloc(c->nnics + 1, sizeof(*d->nic));
	if (!d->nic)
		return err_set(err, -ENOMEM, "out of memory for %u network interfaces", c->nnics);
	keep_descriptors(c);
	for (unsigned i = 0; i < c->nnics; i++) {
		struct net_options options = c->nic[i];
		int r;

		options.guest_name = c->name;
		r = virtio_net_open(&d->nic[i], &options, &d->io, &vm->mem, i, err);
		if (r)
			return r;
		d->nnics++;
		r = add_place(vm, &d->nic[i].virtio, err);
		if (r)
			return r;
	}
	return 0;
}

static int open_shares(struct vm *vm, struct err *err)
{
	const struct run_config *c = vm->config;
	struct devices *d = &vm->devices;

	d->share = calloc(c->nshares + 1, sizeof(*d->share));
	if (!d->share)
		return err_set(err, -ENOMEM, "out of memory for %u shared directories", c->nshares);
	for (unsigned i = 0; i < c->nshares; i++) {
		int r = virtio_p9_open(&d->share[i], &c->share[i], &d->io, &vm->mem, i, err);

		if (r)
			return r;
		d->nshares++;
		r = add_place(vm, &d->share[i].virtio, err);
		if (r)
			return r;
	}
	return 0;
}

int devices_open(struct vm *vm, struct err *err)
{
	struct devices *d = &vm->devices;
	int r = iothread_open(&d->io, err);

	if (r)
		return r;
	d->log = (struct log_limit){ .interval_ns = 10 * NS_PER_SEC, .burst = 5 };
	d->place = calloc(devices_wanted(vm->config) + 1, sizeof(*d->place));
	if (!d->place)
		return err_set(err, -ENOMEM, "out of memory for devices");
	if (vm->board.config.pci)
		r = add_pci_host(vm, err);
	if (r == 0)
		r = open_console(vm, err);
	if (r == 0)
		r = open_rng(vm, err);
	if (r == 0)
		r = open_disks(vm, err);
	if (r == 0)
		r = open_nics(vm, err);
	return r ? r : open_shares(vm, err);
}

int devices_start(struct vm *vm, struct err *err)
{
	if (!vm->devices.nplaces)
		return 0;
	return iothread_start(&vm->devices.io, "rasvm-io", err);
}

bool devices_drained(const struct vm *vm)
{
	return !vm->devices.console || virtio_console_drained(vm->devices.console);
}

/* ---- closing ---- */

static void close_place(struct device_place *place)
{
	virtio_mmio_close(&place->mmio);
	virtio_pci_close(&place->pci);
	if (place->irq_fd >= 0)
		close(place->irq_fd);
}

static void close_kinds(struct devices *d)
{
	for (unsigned i = 0; i < d->ndisks; i++)
		virtio_blk_close(&d->disk[i]);
	for (unsigned i = 0; i < d->nnics; i++)
		virtio_net_close(&d->nic[i]);
	for (unsigned i = 0; i < d->nshares; i++)
		virtio_p9_close(&d->share[i]);
	if (d->console)
		virtio_console_close(d->console);
	if (d->rng)
		virtio_rng_close(d->rng);
}

/* Whoever still uses guest memory is stopped first, on the thread that serves it. */
void devices_close(struct vm *vm)
{
	struct devices *d = &vm->devices;

	for (unsigned i = 0; i < d->nplaces; i++)
		virtio_reset(d->place[i].virtio);
	iothread_close(&d->io);
	for (unsigned i = 0; i < d->nplaces; i++)
		close_place(&d->place[i]);
	close_kinds(d);
	free(d->place);
	free(d->console);
	free(d->rng);
	free(d->disk);
	free(d->nic);
	free(d->share);
	*d = (struct devices){ .io.wake_fd = -1 };
}

unsigned devices_count(const struct vm *vm)
{
	return vm->devices.nplaces;
}

const struct virtio_device *devices_get(const struct vm *vm, unsigned i)
{
	return vm->devices.place[i].virtio;
}
