/*
 * PCI with any accesses, to configuration space and to the windows, of any width and place; resets, pauses and
 * states of any bytes in between. What is decoded and which vectors are live is what the registers say; functions
 * are told of each change exactly once, and get only accesses inside their BARs.
 *
 * The input is a list of steps of 8 bytes: kind, width, 2 bytes of place, 4 bytes of value.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arm64/dev/bus.h"
#include "arm64/dev/pci.h"

#define ECAM     UINT64_C(0x40000000)
#define WINDOW32 UINT64_C(0x50000000)
#define BYTES32  UINT64_C(0x10000)
#define WINDOW64 UINT64_C(0x100000000)
#define BYTES64  UINT64_C(0x16000)
#define NSLOTS   2
#define VECTORS  65
#define STEP     8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fake {
	struct pci_function pci; /* first */
	bool mapped[PCI_BARS], live[VECTORS];
	uint64_t at[PCI_BARS];
};

struct world {
	struct bus bus;
	struct pci_host host;
	struct fake f[NSLOTS];
	bool line[PCI_INTX_LINES];
	bool intx[NSLOTS];
};

static void must(bool holds, const char *rule)
{
	if (holds)
		return;
	fprintf(stderr, "violated: %s\n", rule);
	abort();
}

static struct fake *fake(struct pci_function *f)
{
	return (struct fake *)f;
}

static uint64_t fake_read(struct pci_function *f, unsigned bar, uint64_t offset, unsigned len)
{
	must(len <= 4 && offset % len == 0, "parts are aligned");
	must(offset + len <= f->bar[bar].size, "an access is inside its BAR");
	return UINT64_MAX;
}

static void fake_write(struct pci_function *f, unsigned bar, uint64_t offset, unsigned len,
		       uint64_t value)
{
	must(len == 4 || value >> 8 * len == 0, "a value has the width of its access");
	fake_read(f, bar, offset, len);
}

static void fake_mapped(struct pci_function *f, unsigned bar, gpa_t at, bool on)
{
	struct fake *k = fake(f);

	must(k->mapped[bar] != on, "a BAR is mapped once, then unmapped");
	must(on || k->at[bar] == at.v, "a BAR is unmapped where it was mapped");
	k->mapped[bar] = on;
	k->at[bar] = at.v;
}

static bool fake_intx(struct pci_function *f)
{
	const struct world *w = f->host->world;

	return w->intx[f->slot];
}

static void fake_signal(struct pci_function *f, unsigned n)
{
	must(n < f->nvectors, "a vector that was pending exists");
}

static const struct pci_function_ops ops = {
	.name = "fake",
	.read = fake_read,
	.write = fake_write,
	.mapped = fake_mapped,
	.intx = fake_intx,
	.signal = fake_signal,
};

static void set(void *world, struct pci_function *f, unsigned n, const struct pci_msix_entry *entry,
		bool live)
{
	(void)world;
	(void)entry;
	must(n < f->nvectors, "a vector exists");
	must(live || fake(f)->live[n], "a vector that is not live does not become so again");
	fake(f)->live[n] = live;
}

static bool pending(void *world, struct pci_function *f, unsigned n, bool take)
{
	(void)world;
	(void)take;
	must(!fake(f)->live[n] || take, "a live vector is not pending");
	return n % 2;
}

static const struct pci_msix_ops msix = { .set = set, .pending = pending };

static void drive(void *world, uint32_t intid, bool level)
{
	((struct world *)world)->line[intid] = level;
}

static void build(struct world *w)
{
	const struct pci_map map = { { gpa(ECAM), MIB(1) },
				     { gpa(WINDOW32), BYTES32 },
				     { gpa(WINDOW64), BYTES64 } };
	const struct pci_ids ids = { .vendor = 0x1af4, .device = 0x1041 };
	struct irq_line intx[PCI_INTX_LINES];

	memset(w, 0, sizeof(*w));
	for (uint32_t i = 0; i < PCI_INTX_LINES; i++)
		intx[i] = (struct irq_line){ drive, w, i };
	pci_host_init(&w->host, &map, intx, &msix, w);
	for (unsigned i = 0; i < NSLOTS; i++) {
		struct pci_function *f = &w->f[i].pci;

		pci_function_init(f, &ops, &ids);
		pci_add_bar(f, 0, KIB(8), false, false);
		pci_add_bar(f, 2, KIB(16), true, true);
		pci_add_bar(f, 5, 16, false, false);
		pci_add_msix(f, VECTORS, 0, 0x1000, 0x1800);
		for (unsigned n = 0; n < VECTORS; n += 3)
			f->vector_fd[n] = 1000;
		must(pci_host_add(&w->host, f, i, NULL) == 0, "a slot is free");
	}
	must(bus_add(&w->bus, &w->host.ecam, NULL) == 0, "ECAM is on the bus");
	must(bus_add(&w->bus, &w->host.window32, NULL) == 0, "the window is on the bus");
	must(bus_add(&w->bus, &w->host.window64, NULL) == 0, "the window is on the bus");
}

static bool in_windows(uint64_t at, uint64_t size)
{
	return (at >= WINDOW32 && at - WINDOW32 <= BYTES32 - size) ||
	       (at >= WINDOW64 && at - WINDOW64 <= BYTES64 - size);
}

static void check_function(const struct fake *k)
{
	const struct pci_function_state *s = &k->pci.state;

	for (unsigned n = 0; n < PCI_BARS; n++) {
		uint64_t size = k->pci.bar[n].size;
		bool on = size && s->command & PCI_COMMAND_MEMORY && in_windows(s->bar[n], size);

		must(k->mapped[n] == on && k->pci.mapped[n] == on,
		     "decoding is what registers say");
		must(!on || k->at[n] == s->bar[n], "a BAR is where its register says");
	}
	for (unsigned n = 0; n < VECTORS; n++)
		must(k->live[n] == (s->command & PCI_COMMAND_MASTER && s->msix_control == 0x8000 &&
				    !s->msix_masked[n]),
		     "a vector is live when nothing masks it");
}

static void check(const struct world *w)
{
	for (unsigned i = 0; i < NSLOTS; i++) {
		bool may = !(w->f[i].pci.state.command & PCI_COMMAND_INTX_OFF) &&
			   !(w->f[i].pci.state.msix_control & 0x8000);

		check_function(&w->f[i]);
		must(w->line[i] == (w->intx[i] && may), "a line is up for who may drive it");
	}
}

/* A state as if it had been loaded, in a machine that is paused. */
static void load(struct world *w, uint32_t place, uint32_t value)
{
	uint8_t *state = (uint8_t *)&w->f[place % NSLOTS].pci.state;

	memcpy(state + place / NSLOTS % (sizeof(struct pci_function_state) - sizeof(value)), &value,
	       sizeof(value));
}

static void step(struct world *w, const uint8_t *in)
{
	unsigned len = 1u << in[1] % 4;
	uint32_t place = (uint32_t)in[2] | (uint32_t)in[3] << 8, value;
	uint64_t read;

	memcpy(&value, in + 4, sizeof(value));
	switch (in[0] % 16) {
	case 0:
		bus_reset(&w->bus);
		break;
	case 1:
		bus_quiesce(&w->bus);
		load(w, place, value);
		bus_resume(&w->bus);
		break;
	case 2:
		w->intx[place % NSLOTS] = value & 1;
		pci_intx_update(&w->f[place % NSLOTS].pci);
		break;
	case 4:
		bus_read(&w->bus, gpa(WINDOW32 + place), len, &read);
		break;
	case 5:
		bus_write(&w->bus, gpa(WINDOW32 + place), len, value);
		break;
	case 6:
		bus_write(&w->bus, gpa(WINDOW64 + place), len, value);
		break;
	case 7:
		bus_read(&w->bus, gpa(ECAM + place), len, &read);
		break;
	case 8: /* a BAR to a window */
		bus_write(&w->bus, gpa(ECAM + (place & 1) * 0x8000 + 0x10), 4,
			  WINDOW32 + value % BYTES32);
		break;
	case 9:
		bus_write(&w->bus, gpa(ECAM + (place & 1) * 0x8000 + 0x18), 8,
			  WINDOW64 + value % BYTES64);
		break;
	case 10:
		bus_write(&w->bus, gpa(ECAM + (place & 1) * 0x8000 + 4), 2, value);
		break;
	default:
		bus_write(&w->bus, gpa(ECAM + (place & 1) * 0x8000 + (place >> 1) % 0x100), len,
			  (uint64_t)value << 32 | value);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world w;

	build(&w);
	for (; size >= STEP; data += STEP, size -= STEP) {
		step(&w, data);
		check(&w);
	}
	return 0;
}
