/*
 * The ACPI tables, from the board table: one row of `tables` each, in the order of the XSDT.
 *
 * Source: ACPI 6.5: 5.2.5 (RSDP), 5.2.8 (XSDT), 5.2.9 (FADT), 5.2.12 (MADT), 5.2.25 (GTDT), 5.2.30
 * (PPTT); SPCR: Microsoft, Serial Port Console Redirection Table 1.06; interface types: Microsoft,
 * Debug Port Table 2; MCFG: PCI Firmware 3.3, 4.1.2; IORT: Arm DEN0049D. MADT and PPTT have the
 * revisions of ACPI 6.3, the newest that common tools check field by field; nothing that came later is
 * used.
 *
 * Left out: FACS, fixed hardware and registers of a PC, which a hardware-reduced machine lacks; SMBIOS;
 * cache sizes, which the guest finds in the CPU.
 */
#include "arm64/acpi.h"

#include <errno.h>
#include <limits.h>

#include "arm64/acpi_private.h"
#include "ras/hest.h"

#define TABLE_ALIGN 16
#define OEM         "RASVM"

#define RSDP_BYTES        36
#define RSDP_V1_BYTES     20 /* what its first checksum covers */
#define RSDP_CHECKSUM_AT  8
#define RSDP_XCHECKSUM_AT 32
#define FADT_PWR_BUTTON   (1u << 4) /* a device of the DSDT */
#define FADT_SLP_BUTTON   (1u << 5) /* none, or a device */
#define FADT_HW_REDUCED   (1u << 20)
#define FADT_PSCI         (1u << 0) /* ARM boot flags */
#define FADT_PSCI_HVC     (1u << 1)
#define MADT_GICC         0x0b
#define MADT_GICD         0x0c
#define MADT_MSI_FRAME    0x0d
#define MADT_GICR         0x0e
#define MADT_ITS          0x0f
#define GICC_ENABLED      1
#define MSI_SPI_GIVEN     1         /* count and base are these, not those of MSI_TYPER */
#define GTDT_ALWAYS_ON    (1u << 2) /* level, active high */
#define GTDT_NO_ADDRESS   UINT64_MAX
#define SPCR_16550_GAS    0x12
#define SPCR_IRQ_GIC      (1u << 3)
#define SPCR_115200       7
#define SPCR_ANSI         3
#define SPCR_NO_PCI       0xffff
#define MCFG_BUSES        256
#define IORT_ITS_GROUP    0
#define IORT_ROOT_COMPLEX 2
#define IORT_NODE_BYTES   16 /* what all nodes begin with */
#define IORT_COHERENT     1
#define IORT_MAF          3 /* memory access flags: coherent path to memory, device attributes cacheable */
#define IORT_REQUESTERS   0x10000 /* every bus, slot and function */
#define PPTT_NODE         0
#define PPTT_CACHE        1
#define PPTT_PACKAGE      (1u << 0)
#define PPTT_UID_VALID    (1u << 1)
#define PPTT_LEAF         (1u << 3)
#define PPTT_IDENTICAL    (1u << 4)
#define PPTT_TYPE_VALID   (1u << 4)
#define PPTT_DATA         (0u << 2) /* cache attributes */
#define PPTT_INSTRUCTION  (1u << 2)
#define PPTT_UNIFIED      (2u << 2)

/* What a table's writer needs. */
struct acpi {
	struct bytes out;
	const struct board *board;
	struct acpi_params params;
	uint64_t dsdt; /* GPA */
};

/* FADT */

static void fadt(struct acpi *a)
{
	struct bytes *b = &a->out;
	size_t begin = acpi_begin(b, "FACP", 6);

	bytes_zero(b, 112 - 36); /* FACS, 32-bit DSDT address, ports and timings of a PC */
	bytes_u32(b, FADT_HW_REDUCED | FADT_PWR_BUTTON | FADT_SLP_BUTTON);
	bytes_zero(b, 12 + 1); /* reset register and value: PSCI resets */
	bytes_u16(b, FADT_PSCI | FADT_PSCI_HVC);
	bytes_u8(b, 5);  /* minor version */
	bytes_u64(b, 0); /* FACS */
	bytes_u64(b, a->dsdt);
	bytes_zero(b, 268 - 148);    /* blocks of fixed hardware, sleep registers */
	bytes_text(b, OEM, 8, '\0'); /* hypervisor vendor identity */
	acpi_end(b, begin);
}

/* MADT */

static void gicd(struct acpi *a)
{
	struct bytes *b = &a->out;

	bytes_u8(b, MADT_GICD);
	bytes_u8(b, 24);
	bytes_u16(b, 0);
	bytes_u32(b, 0); /* GIC id */
	bytes_u64(b, a->board->block[BOARD_GIC_DIST].base);
	bytes_u32(b, 0); /* system vector base */
	bytes_u8(b, board_gic_is_v2(a->board->config.gic) ? 2 : 3);
	bytes_zero(b, 3);
}

/* 0 if this machine lacks it; the board gives such a block a base all the same. */
static uint64_t base_or_0(const struct board_block *block)
{
	return block->size ? block->base : 0;
}

static void gicc(struct acpi *a, unsigned cpu)
{
	const struct board_config *c = &a->board->config;
	struct bytes *b = &a->out;

	bytes_u8(b, MADT_GICC);
	bytes_u8(b, 80);
	bytes_u16(b, 0);
	bytes_u32(b, cpu); /* interface number: with GICv2 the bit of the CPU in the distributor */
	bytes_u32(b, acpi_cpu_uid(cpu));
	bytes_u32(b, GICC_ENABLED);
	bytes_u32(b, 0); /* parking protocol */
	bytes_u32(b, c->pmu ? INTID_PMU : 0);
	bytes_u64(b, 0); /* parked address */
	bytes_u64(b, base_or_0(&a->board->block[BOARD_GIC_CPUI]));
	bytes_u64(b, 0); /* GICV */
	bytes_u64(b, 0); /* GICH */
	bytes_u32(b, 0); /* its maintenance interrupt */
	bytes_u64(b, 0); /* GICR: in a structure of its own */
	bytes_u64(b, c->mpidr[cpu]);
	bytes_u8(b, 0); /* efficiency class */
	bytes_u8(b, 0);
	bytes_u16(b, 0); /* no statistical profiling */
}

static void gicr(struct acpi *a)
{
	const struct board_block *redist = &a->board->block[BOARD_GIC_REDIST];
	struct bytes *b = &a->out;

	bytes_u8(b, MADT_GICR);
	bytes_u8(b, 16);
	bytes_u16(b, 0);
	bytes_u64(b, redist->base);
	bytes_u32(b, (uint32_t)redist->size);
}

static void its(struct acpi *a)
{
	struct bytes *b = &a->out;

	bytes_u8(b, MADT_ITS);
	bytes_u8(b, 20);
	bytes_u16(b, 0);
	bytes_u32(b, 0); /* id */
	bytes_u64(b, a->board->block[BOARD_GIC_ITS].base);
	bytes_u32(b, 0);
}

static void msi_frame(struct acpi *a)
{
	const struct board_block *frame = &a->board->block[BOARD_GIC_V2M];
	struct bytes *b = &a->out;

	bytes_u8(b, MADT_MSI_FRAME);
	bytes_u8(b, 24);
	bytes_u16(b, 0);
	bytes_u32(b, 0); /* id */
	bytes_u64(b, frame->base);
	bytes_u32(b, MSI_SPI_GIVEN);
	bytes_u16(b, (uint16_t)frame->nintids);
	bytes_u16(b, (uint16_t)frame->intid);
}

static void madt(struct acpi *a)
{
	const struct board_block *block = a->board->block;
	struct bytes *b = &a->out;
	size_t begin = acpi_begin(b, "APIC", 5);

	bytes_u32(b, 0); /* local interrupt controller and flags: of a PC */
	bytes_u32(b, 0);
	gicd(a);
	for (unsigned i = 0; i < a->board->config.ncpus; i++)
		gicc(a, i);
	if (block[BOARD_GIC_REDIST].size)
		gicr(a);
	if (block[BOARD_GIC_ITS].size)
		its(a);
	if (block[BOARD_GIC_V2M].size)
		msi_frame(a);
	acpi_end(b, begin);
}

/* GTDT */

static void gtdt(struct acpi *a)
{
	static const uint32_t timer[] = { INTID_TIMER_SECURE, INTID_TIMER_PHYS, INTID_TIMER_VIRT,
					  INTID_TIMER_HYP };
	struct bytes *b = &a->out;
	size_t begin = acpi_begin(b, "GTDT", 3);

	bytes_u64(b, GTDT_NO_ADDRESS); /* CntControlBase: system registers only */
	bytes_u32(b, 0);
	for (unsigned i = 0; i < ARRAY_SIZE(timer); i++) {
		bytes_u32(b, timer[i]);
		bytes_u32(b, GTDT_ALWAYS_ON);
	}
	bytes_u64(b, GTDT_NO_ADDRESS); /* CntReadBase */
	bytes_u32(b, 0);               /* platform timers: none */
	bytes_u32(b, 0);
	bytes_u32(b, 0); /* virtual timer of EL2: none */
	bytes_u32(b, 0);
	acpi_end(b, begin);
}

/* SPCR */

static void spcr(struct acpi *a)
{
	const struct board_block *uart = &a->board->block[BOARD_UART0];
	struct bytes *b = &a->out;
	size_t begin = acpi_begin(b, "SPCR", 2);

	bytes_u8(b, SPCR_16550_GAS);
	bytes_zero(b, 3);
	acpi_gas(b, 8, uart->base); /* registers are bytes, one after the other */
	bytes_u8(b, SPCR_IRQ_GIC);
	bytes_u8(b, 0); /* interrupt of a PC */
	bytes_u32(b, uart->intid);
	bytes_u8(b, SPCR_115200);
	bytes_u8(b, 0); /* parity: none */
	bytes_u8(b, 1); /* stop bits */
	bytes_u8(b, 0); /* flow control: none */
	bytes_u8(b, SPCR_ANSI);
	bytes_u8(b, 0);
	bytes_u16(b, SPCR_NO_PCI); /* device, vendor */
	bytes_u16(b, SPCR_NO_PCI);
	bytes_zero(b, 3 + 4 + 1 + 4); /* bus, device, function; flags, segment, reserved */
	acpi_end(b, begin);
}

/* PPTT. References are offsets from the table's start. */

static uint32_t cache(struct bytes *b, size_t begin, uint8_t attributes)
{
	uint32_t at = (uint32_t)(b->used - begin);

	bytes_u8(b, PPTT_CACHE);
	bytes_u8(b, 24);
	bytes_u16(b, 0);
	bytes_u32(b, PPTT_TYPE_VALID);
	bytes_zero(b, 4 + 4 + 4 + 1); /* next level, size, sets, ways */
	bytes_u8(b, attributes);
	bytes_u16(b, 0); /* line size */
	return at;
}

struct node {
	uint32_t flags, parent, uid;
	uint32_t cache[2]; /* private to it; 0: none */
};

static uint32_t node(struct bytes *b, size_t begin, const struct node *n)
{
	uint32_t at = (uint32_t)(b->used - begin);
	unsigned ncaches = (n->cache[0] != 0) + (n->cache[1] != 0);

	bytes_u8(b, PPTT_NODE);
	bytes_u8(b, (uint8_t)(20 + 4 * ncaches));
	bytes_u16(b, 0);
	bytes_u32(b, n->flags);
	bytes_u32(b, n->parent);
	bytes_u32(b, n->uid);
	bytes_u32(b, ncaches);
	for (unsigned i = 0; i < ncaches; i++)
		bytes_u32(b, n->cache[i]);
	return at;
}

/* The first CPU of this one's cluster: those that differ in Aff0 only. */
static unsigned cluster_leader(const struct board_config *c, unsigned cpu)
{
	unsigned k = 0;

	while (c->mpidr[k] >> 8 != c->mpidr[cpu] >> 8)
		k++;
	return k;
}

/* One package of clusters with an L2 cache each, of cores with two L1 caches each. Nodes may refer to one
 * cache structure if their caches are alike. */
static void pptt(struct acpi *a)
{
	const struct board_config *c = &a->board->config;
	struct bytes *b = &a->out;
	size_t begin = acpi_begin(b, "PPTT", 2);
	struct node package = { .flags = PPTT_PACKAGE | PPTT_IDENTICAL };
	struct node cluster = { .flags = PPTT_IDENTICAL };
	struct node core = { .flags = PPTT_UID_VALID | PPTT_LEAF };
	uint32_t at[BOARD_MAX_CPUS]; /* of a cluster's node, by its first CPU */

	core.cache[0] = cache(b, begin, PPTT_DATA);
	core.cache[1] = cache(b, begin, PPTT_INSTRUCTION);
	cluster.cache[0] = cache(b, begin, PPTT_UNIFIED);
	cluster.parent = node(b, begin, &package);
	for (unsigned i = 0; i < c->ncpus; i++) {
		unsigned leader = cluster_leader(c, i);

		if (leader == i)
			at[i] = node(b, begin, &cluster);
		core.parent = at[leader];
		core.uid = acpi_cpu_uid(i);
		node(b, begin, &core);
	}
	acpi_end(b, begin);
}

/* MCFG */

static void mcfg(struct acpi *a)
{
	struct bytes *b = &a->out;
	size_t begin = acpi_begin(b, "MCFG", 1);

	bytes_zero(b, 8);
	bytes_u64(b, a->board->block[BOARD_PCI_ECAM].base);
	bytes_u16(b, 0); /* segment */
	bytes_u8(b, 0);
	bytes_u8(b, MCFG_BUSES - 1);
	bytes_u32(b, 0);
	acpi_end(b, begin);
}

/* IORT. References are offsets from the table's start. */

/* A node's head; `bytes` without its mappings, of which it has `nmaps`, right behind it. */
static void iort_node(struct bytes *b, uint8_t type, uint8_t revision, unsigned bytes,
		      unsigned nmaps)
{
	bytes_u8(b, type);
	bytes_u16(b, (uint16_t)(bytes + 20 * nmaps));
	bytes_u8(b, revision);
	bytes_u32(b, 0);
	bytes_u32(b, nmaps);
	bytes_u32(b, nmaps ? bytes : 0);
}

static void iort_root_complex(struct bytes *b, uint32_t its)
{
	iort_node(b, IORT_ROOT_COMPLEX, 1, IORT_NODE_BYTES + 20, 1);
	bytes_u32(b, IORT_COHERENT);
	bytes_u8(b, 0); /* allocation hints */
	bytes_u16(b, 0);
	bytes_u8(b, IORT_MAF);
	bytes_u32(b, 0); /* no ATS */
	bytes_u32(b, 0); /* segment */
	bytes_u8(b, 64); /* bits of an address */
	bytes_zero(b, 3);
	bytes_u32(b, 0); /* mapping: requesters from 0 on, as they are, to the ITS */
	bytes_u32(b, IORT_REQUESTERS - 1);
	bytes_u32(b, 0);
	bytes_u32(b, its);
	bytes_u32(b, 0);
}

/* The way of a message from PCI to the ITS. Without an ITS there is nothing to tell. */
static void iort(struct acpi *a)
{
	struct bytes *b = &a->out;
	size_t begin = acpi_begin(b, "IORT", 0);
	uint32_t group;

	bytes_u32(b, 2);  /* nodes */
	bytes_u32(b, 48); /* where they begin */
	bytes_u32(b, 0);
	group = (uint32_t)(b->used - begin);
	iort_node(b, IORT_ITS_GROUP, 0, IORT_NODE_BYTES + 8, 0);
	bytes_u32(b, 1);
	bytes_u32(b, 0); /* the ITS's id in the MADT */
	iort_root_complex(b, group);
	acpi_end(b, begin);
}

/* Errors: ras/hest.h writes those */

static struct hest_params hest_params(const struct acpi *a)
{
	return (struct hest_params){
		.region = a->params.region,
		.sdei = a->board->config.sdei,
		.ged_gsi = INTID_GED_ERROR,
		.einj = gpa(a->board->block[BOARD_EINJ].base),
	};
}

static void hest(struct acpi *a)
{
	struct hest_params p = hest_params(a);

	hest_write(&a->out, &p);
}

static void bert(struct acpi *a)
{
	struct hest_params p = hest_params(a);

	bert_write(&a->out, &p);
}

static void einj(struct acpi *a)
{
	struct hest_params p = hest_params(a);

	einj_write(&a->out, &p);
}

static void sdei(struct acpi *a)
{
	sdei_table_write(&a->out);
}

/* The list */

static bool always(const struct board *board)
{
	(void)board;
	return true;
}

static bool has_sdei(const struct board *board)
{
	return board->config.sdei;
}

static bool has_einj(const struct board *board)
{
	return board->block[BOARD_EINJ].size != 0;
}

static bool has_pci(const struct board *board)
{
	return board->config.pci;
}

static bool has_pci_its(const struct board *board)
{
	return board->config.pci && board->block[BOARD_GIC_ITS].size;
}

static const struct {
	bool (*present)(const struct board *board);
	void (*write)(struct acpi *a);
} tables[] = {
	{ always, fadt },   { always, madt },  { always, gtdt },      { always, spcr },
	{ always, pptt },   { always, hest },  { always, bert },      { has_einj, einj },
	{ has_sdei, sdei }, { has_pci, mcfg }, { has_pci_its, iort },
};

static void align(struct bytes *b)
{
	bytes_zero(b, (size_t)align_up(b->used, TABLE_ALIGN) - b->used);
}

/* Where the next table lies in the guest. */
static uint64_t next_table(struct acpi *a)
{
	align(&a->out);
	return a->params.at.v + a->out.used;
}

/* All tables, and last the XSDT that points to them. Returns its GPA. */
static uint64_t write_tables(struct acpi *a)
{
	uint64_t address[ARRAY_SIZE(tables)], xsdt;
	size_t begin;
	unsigned n = 0;

	a->dsdt = next_table(a);
	dsdt_write(&a->out, a->board);
	for (unsigned i = 0; i < ARRAY_SIZE(tables); i++) {
		if (!tables[i].present(a->board))
			continue;
		address[n++] = next_table(a);
		tables[i].write(a);
	}
	xsdt = next_table(a);
	begin = acpi_begin(&a->out, "XSDT", 1);
	for (unsigned i = 0; i < n; i++)
		bytes_u64(&a->out, address[i]);
	acpi_end(&a->out, begin);
	return xsdt;
}

/* At the start of `b`, which has room for it. */
static void write_rsdp(struct bytes *b, uint64_t xsdt)
{
	bytes_text(b, "RSD PTR ", 8, ' ');
	bytes_u8(b, 0); /* checksum of the first 20 bytes */
	bytes_text(b, OEM, 6, ' ');
	bytes_u8(b, 2);  /* revision */
	bytes_u32(b, 0); /* RSDT: none */
	bytes_u32(b, RSDP_BYTES);
	bytes_u64(b, xsdt);
	bytes_u8(b, 0); /* checksum of all */
	bytes_zero(b, 3);
	bytes_set_u8(b, RSDP_CHECKSUM_AT, acpi_checksum(b->data, RSDP_V1_BYTES));
	bytes_set_u8(b, RSDP_XCHECKSUM_AT, acpi_checksum(b->data, RSDP_BYTES));
}

int acpi_build(const struct board *board, const struct acpi_params *p, void *buf, size_t size,
	       struct err *err)
{
	struct acpi a = { .out = bytes_in(buf, size), .board = board, .params = *p };
	struct bytes head = a.out;
	uint64_t xsdt;

	bytes_zero(&a.out, RSDP_BYTES);
	xsdt = write_tables(&a);
	if (a.out.full || a.out.used > INT_MAX)
		return err_set(err, -ENOSPC, "the ACPI tables of %u CPUs do not fit in %zu bytes",
			       board->config.ncpus, size);
	write_rsdp(&head, xsdt);
	return (int)a.out.used;
}
