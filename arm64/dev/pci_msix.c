/*
 * MSI-X: the table of messages and the pending bits of a PCI function.
 *
 * Source: PCI Express Base 5.0, 7.7.2, 6.1.4. All state is under the leaf lock.
 *
 * A vector is signalled by an eventfd, which the machine wires to the guest's interrupt controller while the
 * vector is live. While it is not, the eventfd is wired to nothing and so is itself the pending bit;
 * f->state.msix_pending has them while the machine is paused, as its state may be saved then.
 *
 * Bus mastering is a condition of a live vector: a message is a write by the function. Accesses other than
 * of 4 aligned bytes (8 come as two) are not defined by the specification: they read 0 and change nothing.
 */
#include <assert.h>

#include "arm64/dev/pci_private.h"

#define CONTROL_ENABLE   0x8000u
#define CONTROL_MASK_ALL 0x4000u
#define ENTRY_BYTES      UINT64_C(16)
#define ENTRY_ADDRESS    0u /* of the 4-byte words of an entry */
#define ENTRY_ADDRESS_HI 1u
#define ENTRY_DATA       2u
#define ENTRY_CONTROL    3u
#define ENTRY_MASKED     1u
#define ADDRESS_LOW_BITS 3u /* always 0: messages are aligned */
#define PBA_WORD_BITS    32u

static uint64_t pba_bytes(const struct pci_function *f)
{
	return ((uint64_t)f->nvectors + 63) / 64 * 8;
}

/* In the word n / 64 of the pending bits. */
static uint64_t pending_bit(unsigned n)
{
	return UINT64_C(1) << n % 64;
}

/* Vectors */

static bool wants_live(const struct pci_function *f, unsigned n)
{
	return f->state.msix_control & CONTROL_ENABLE &&
	       !(f->state.msix_control & CONTROL_MASK_ALL) &&
	       f->state.command & PCI_COMMAND_MASTER && !(f->state.msix_masked[n] & ENTRY_MASKED);
}

static struct pci_msix_entry entry_of(const struct pci_function *f, unsigned n)
{
	return (struct pci_msix_entry){ .address = f->state.msix_address[n],
					.data = f->state.msix_data[n] };
}

static void tell(struct pci_function *f, unsigned n, bool live)
{
	struct pci_msix_entry entry = entry_of(f, n);

	f->live[n] = live;
	if (f->host->msix)
		f->host->msix->set(f->host->world, f, n, &entry, live);
}

static bool fd_pending(struct pci_function *f, unsigned n, bool take)
{
	return f->vector_fd[n] >= 0 && f->host->msix &&
	       f->host->msix->pending(f->host->world, f, n, take);
}

/* What is pending is sent when the vector becomes live (6.1.4.5): by the wiring of its eventfd. */
static void update_vector(struct pci_function *f, unsigned n)
{
	bool live = wants_live(f, n);

	if (live != f->live[n])
		tell(f, n, live);
}

void pci_msix_update(struct pci_function *f)
{
	for (unsigned n = 0; n < f->nvectors; n++)
		update_vector(f, n);
}

/* The size in the register's low bits is a constant; see read_register() of pci_config.c. */
void pci_msix_control(struct pci_function *f, uint16_t value)
{
	f->state.msix_control = value & (CONTROL_ENABLE | CONTROL_MASK_ALL);
	atomic_store_explicit(&f->msix_enabled, (f->state.msix_control & CONTROL_ENABLE) != 0,
			      memory_order_release);
	pci_msix_update(f);
	pci_intx_gate(f);
}

/* The table */

static uint32_t read_word(const struct pci_function *f, unsigned n, unsigned word)
{
	const struct pci_function_state *s = &f->state;

	switch (word) {
	case ENTRY_ADDRESS:
		return (uint32_t)s->msix_address[n];
	case ENTRY_ADDRESS_HI:
		return (uint32_t)(s->msix_address[n] >> 32);
	case ENTRY_DATA:
		return s->msix_data[n];
	default:
		return s->msix_masked[n];
	}
}

static void store_word(struct pci_function_state *s, unsigned n, unsigned word, uint32_t value)
{
	uint64_t *address = &s->msix_address[n];

	switch (word) {
	case ENTRY_ADDRESS:
		*address = (*address & ~(uint64_t)UINT32_MAX) | (value & ~ADDRESS_LOW_BITS);
		break;
	case ENTRY_ADDRESS_HI:
		*address = (*address & UINT32_MAX) | (uint64_t)value << 32;
		break;
	case ENTRY_DATA:
		s->msix_data[n] = value;
		break;
	default:
		s->msix_masked[n] = value & ENTRY_MASKED;
		break;
	}
}

/* A message should only be changed while it is masked (7.7.2.5); if it is not, the new one counts at once. */
static void write_word(struct pci_function *f, unsigned n, unsigned word, uint32_t value)
{
	uint32_t before = read_word(f, n, word);

	store_word(&f->state, n, word, value);
	if (word == ENTRY_CONTROL)
		update_vector(f, n);
	else if (f->live[n] && read_word(f, n, word) != before)
		tell(f, n, true);
}

/* 32 pending bits. */
static uint32_t read_pending(struct pci_function *f, unsigned word)
{
	uint32_t bits = 0;

	for (unsigned i = 0; i < PBA_WORD_BITS; i++) {
		unsigned n = word * PBA_WORD_BITS + i;

		if (n < f->nvectors && !f->live[n] && fd_pending(f, n, false))
			bits |= 1u << i;
	}
	return bits;
}

static bool in_table(const struct pci_function *f, uint64_t offset)
{
	return offset >= f->msix_table && offset - f->msix_table < ENTRY_BYTES * f->nvectors;
}

static bool in_pba(const struct pci_function *f, uint64_t offset)
{
	return offset >= f->msix_pba && offset - f->msix_pba < pba_bytes(f);
}

static bool in_msix(const struct pci_function *f, unsigned bar, uint64_t offset)
{
	return f->nvectors && bar == f->msix_bar && (in_table(f, offset) || in_pba(f, offset));
}

bool pci_msix_read(struct pci_function *f, unsigned bar, uint64_t offset, unsigned len,
		   uint32_t *value)
{
	if (!in_msix(f, bar, offset))
		return false;
	*value = 0;
	if (len == 4 && in_pba(f, offset)) {
		*value = read_pending(f, (unsigned)(offset - f->msix_pba) / 4);
	} else if (len == 4) {
		uint64_t at = offset - f->msix_table;

		*value = read_word(f, (unsigned)(at / ENTRY_BYTES), at % ENTRY_BYTES / 4);
	}
	return true;
}

bool pci_msix_write(struct pci_function *f, unsigned bar, uint64_t offset, unsigned len,
		    uint32_t value)
{
	if (!in_msix(f, bar, offset))
		return false;
	if (len == 4 && in_table(f, offset)) {
		uint64_t at = offset - f->msix_table;

		write_word(f, (unsigned)(at / ENTRY_BYTES), at % ENTRY_BYTES / 4, value);
	}
	return true;
}

/* Reset, load, set-up */

void pci_msix_reset(struct pci_function *f)
{
	pci_msix_control(f, 0);
	for (unsigned n = 0; n < f->nvectors; n++)
		fd_pending(f, n, true);
}

void pci_msix_quiesce(struct pci_function *f)
{
	for (unsigned n = 0; n < f->nvectors; n++) {
		if (!f->live[n] && fd_pending(f, n, true))
			f->state.msix_pending[n / 64] |= pending_bit(n);
	}
}

/* A loaded state may hold anything. */
static void clean_vector(struct pci_function_state *s, unsigned n)
{
	s->msix_masked[n] &= ENTRY_MASKED;
	s->msix_address[n] &= ~(uint64_t)ADDRESS_LOW_BITS;
}

/* Back into the eventfds. */
static void restore_pending(struct pci_function *f)
{
	for (unsigned n = 0; n < f->nvectors; n++)
		if (f->state.msix_pending[n / 64] & pending_bit(n) && f->ops->signal)
			f->ops->signal(f, n);
	for (unsigned i = 0; i < PCI_MSIX_WORDS; i++)
		f->state.msix_pending[i] = 0;
}

/* A vector that was live and is, may have another message now. */
void pci_msix_resume(struct pci_function *f)
{
	for (unsigned n = 0; n < f->nvectors; n++) {
		clean_vector(&f->state, n);
		if (f->live[n] && wants_live(f, n))
			tell(f, n, true);
	}
	restore_pending(f);
	pci_msix_control(f, f->state.msix_control);
}

void pci_add_msix(struct pci_function *f, unsigned nvectors, unsigned bar, uint64_t table,
		  uint64_t pba)
{
	uint8_t body[10] = { 0 };
	const uint64_t at[] = { table | bar, pba | bar };

	assert(nvectors && nvectors <= PCI_MSIX_MAX && bar < PCI_BARS && !f->nvectors);
	assert(table % 8 == 0 && pba % 8 == 0);
	assert(table + ENTRY_BYTES * nvectors <= f->bar[bar].size);
	body[0] = (uint8_t)(nvectors - 1);
	for (unsigned i = 0; i < 8; i++)
		body[2 + i] = (uint8_t)(at[i / 4] >> 8 * (i % 4));
	f->nvectors = nvectors;
	f->msix_bar = bar;
	f->msix_table = table;
	f->msix_pba = pba;
	f->msix_cap = pci_add_capability(f, PCI_CAP_MSIX, body, sizeof(body));
	assert(pba + pba_bytes(f) <= f->bar[bar].size);
}
