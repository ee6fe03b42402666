/*
 * What the device tree says about the machine (Devicetree Specification v0.4; Linux bindings
 * arm/psci.yaml, arm/cpus.yaml, arm,gic.yaml, arm,gic-v3.yaml, arm,arch_timer.yaml), the boot
 * arguments, and memory behind the image. Everything is filled in once by the boot CPU.
 */
#include "guest/lib/cpu.h"

#include "guest/lib/dt.h"
#include "guest/lib/print.h"

#define PPI_BASE           16
#define DEFAULT_TIMER_PHYS 30
#define DEFAULT_TIMER_VIRT 27

struct machine machine;
static uint64_t alloc_next;

static void read_memory(const void *dtb, const struct dt_node *node)
{
	struct region r;

	for (unsigned i = 0; machine.nram < MAX_RAM_BANKS; i++) {
		if (!dt_reg(dtb, node, i, &r.base, &r.size))
			return;
		if (r.size)
			machine.ram[machine.nram++] = r;
	}
}

static void read_psci(const void *dtb, const struct dt_node *node)
{
	machine.psci_node = true;
	machine.psci_compatible_02 = dt_has_string(dtb, node, "compatible", "arm,psci-0.2");
	machine.psci_compatible_10 = dt_has_string(dtb, node, "compatible", "arm,psci-1.0");
	machine.dt_conduit = dt_has_string(dtb, node, "method", "smc") ? CONDUIT_SMC : CONDUIT_HVC;
	machine.psci_method_known = dt_has_string(dtb, node, "method", "smc") ||
				    dt_has_string(dtb, node, "method", "hvc");
}

static void read_gicv3(const void *dtb, const struct dt_node *node)
{
	struct region r;

	machine.gic = GIC_V3;
	dt_reg(dtb, node, 0, &machine.gicd.base, &machine.gicd.size);
	machine.ngicr = dt_cell(dtb, node, "#redistributor-regions", 0, 1);
	if (machine.ngicr > MAX_REDIST_REGIONS)
		machine.ngicr = MAX_REDIST_REGIONS;
	for (unsigned i = 0; i < machine.ngicr; i++)
		if (dt_reg(dtb, node, 1 + i, &r.base, &r.size))
			machine.gicr[i] = r;
	machine.gicr_stride = (uint64_t)dt_cell(dtb, node, "redistributor-stride", 0, 0) << 32 |
			      dt_cell(dtb, node, "redistributor-stride", 1, 0);
}

static void read_gicv2(const void *dtb, const struct dt_node *node)
{
	machine.gic = GIC_V2;
	dt_reg(dtb, node, 0, &machine.gicd.base, &machine.gicd.size);
	dt_reg(dtb, node, 1, &machine.gicc.base, &machine.gicc.size);
}

static void read_timer(const void *dtb, const struct dt_node *node)
{
	/* Three cells an interrupt: kind, number, flags. Order: secure, non-secure, virtual, hyp. */
	machine.timer_phys_intid =
		PPI_BASE + dt_cell(dtb, node, "interrupts", 4, DEFAULT_TIMER_PHYS - PPI_BASE);
	machine.timer_virt_intid =
		PPI_BASE + dt_cell(dtb, node, "interrupts", 7, DEFAULT_TIMER_VIRT - PPI_BASE);
}

static void read_cpu(const void *dtb, const struct dt_node *node, struct cpu *cpu, unsigned *n)
{
	uint64_t mpidr, size;

	if (!dt_reg(dtb, node, 0, &mpidr, &size) || *n >= MAX_CPUS)
		return;
	if (cpu) {
		cpu[*n].mpidr = mpidr;
		machine.cpus_without_psci_method +=
			!dt_has_string(dtb, node, "enable-method", "psci");
	}
	(*n)++;
}

struct cpu_scan {
	struct cpu *cpu; /* NULL: count only */
	unsigned n;
};

static bool scan_cpus(const void *dtb, const struct dt_node *node, void *arg)
{
	struct cpu_scan *scan = arg;

	if (node->depth == 2 && dt_has_string(dtb, node, "device_type", "cpu"))
		read_cpu(dtb, node, scan->cpu, &scan->n);
	return true;
}

static void read_idle_state(const void *dtb, const struct dt_node *node)
{
	if (machine.nidle < MAX_IDLE_STATES)
		machine.idle_state[machine.nidle++] =
			dt_cell(dtb, node, "arm,psci-suspend-param", 0, 0);
}

static bool scan_machine(const void *dtb, const struct dt_node *node, void *arg)
{
	(void)arg;
	if (!strcmp(node->path, "/chosen"))
		machine.bootargs = dt_prop(dtb, node, "bootargs", NULL);
	else if (node->depth == 1 && dt_has_string(dtb, node, "device_type", "memory"))
		read_memory(dtb, node);
	else if (!strcmp(node->path, "/psci"))
		read_psci(dtb, node);
	else if (dt_has_string(dtb, node, "compatible", "arm,gic-v3"))
		read_gicv3(dtb, node);
	else if (dt_has_string(dtb, node, "compatible", "arm,cortex-a15-gic") ||
		 dt_has_string(dtb, node, "compatible", "arm,gic-400"))
		read_gicv2(dtb, node);
	else if (dt_has_string(dtb, node, "compatible", "arm,armv8-timer") ||
		 dt_has_string(dtb, node, "compatible", "arm,armv7-timer"))
		read_timer(dtb, node);
	else if (dt_has_string(dtb, node, "compatible", "arm,idle-state"))
		read_idle_state(dtb, node);
	return true;
}

struct console_scan {
	char want[DT_MAX_PATH]; /* path of stdout-path, or "" */
	char alias[32];         /* ... if it is the name of an alias */
	bool found;
};

static bool scan_stdout(const void *dtb, const struct dt_node *node, void *arg)
{
	struct console_scan *scan = arg;
	const char *path;

	if (strcmp(node->path, "/chosen"))
		return true;
	path = dt_prop(dtb, node, "stdout-path", NULL);
	for (size_t i = 0; path && path[i] && path[i] != ':' && i + 1 < sizeof(scan->want); i++)
		scan->want[i] = path[i];
	return false;
}

static bool scan_alias(const void *dtb, const struct dt_node *node, void *arg)
{
	struct console_scan *scan = arg;
	const char *path;

	if (strcmp(node->path, "/aliases"))
		return true;
	path = dt_prop(dtb, node, scan->want, NULL);
	if (path && strlen(path) < sizeof(scan->want))
		memcpy(scan->want, path, strlen(path) + 1);
	return false;
}

static enum console_kind uart_kind(const void *dtb, const struct dt_node *node)
{
	if (dt_has_string(dtb, node, "compatible", "arm,pl011"))
		return CONSOLE_PL011;
	if (dt_has_string(dtb, node, "compatible", "ns16550a") ||
	    dt_has_string(dtb, node, "compatible", "ns16550"))
		return CONSOLE_NS16550;
	return CONSOLE_NONE;
}

/* Take the node stdout-path names; until it comes by, the first UART there is. */
static bool scan_uart(const void *dtb, const struct dt_node *node, void *arg)
{
	struct console_scan *scan = arg;
	enum console_kind kind = uart_kind(dtb, node);
	bool wanted = scan->want[0] && !strcmp(scan->want, node->path);

	if (kind == CONSOLE_NONE || (scan->found && !wanted))
		return true;
	dt_reg(dtb, node, 0, &machine.uart.base, &machine.uart.size);
	console_init(kind, machine.uart.base, dt_cell(dtb, node, "reg-shift", 0, 0));
	scan->found = true;
	return !wanted;
}

static void find_console(const void *dtb)
{
	struct console_scan scan = { .found = false };

	dt_walk(dtb, scan_stdout, &scan);
	if (scan.want[0] && scan.want[0] != '/')
		dt_walk(dtb, scan_alias, &scan);
	dt_walk(dtb, scan_uart, &scan);
}

/* The boot CPU becomes number 0, whatever its place in the tree. */
static void number_cpus(void)
{
	uint64_t self = sysreg_read(mpidr_el1) & MPIDR_AFFINITY;

	for (unsigned i = 0; i < machine.ncpus; i++) {
		machine.cpu[i].index = i;
		if (machine.cpu[i].mpidr == self) {
			machine.cpu[i].mpidr = machine.cpu[0].mpidr;
			machine.cpu[0].mpidr = self;
		}
	}
	if (machine.cpu[0].mpidr != self)
		print("# boot CPU 0x%lx is not in the device tree\n", self);
	sysreg_write(tpidr_el1, machine.cpu);
}

bool machine_init(const void *dtb)
{
	struct cpu_scan scan = { 0 };

	machine.timer_phys_intid = DEFAULT_TIMER_PHYS;
	machine.timer_virt_intid = DEFAULT_TIMER_VIRT;
	machine.dtb = dtb;
	machine.time_scale = 1;
	if (!dt_walk(dtb, scan_machine, NULL))
		return false;
	machine.conduit = machine.dt_conduit;
	find_console(dtb);
	dt_walk(dtb, scan_cpus, &scan);
	machine.ncpus = scan.n ? scan.n : 1;
	machine.ncpus_present = machine.ncpus;
	machine.cpu = ram_alloc(machine.ncpus * sizeof(struct cpu), 2 * CACHE_LINE);
	scan = (struct cpu_scan){ .cpu = machine.cpu };
	dt_walk(dtb, scan_cpus, &scan);
	number_cpus();
	return true;
}

void *ram_alloc(uint64_t bytes, uint64_t align)
{
	uint64_t at, dtb = (uint64_t)machine.dtb, dtb_end = dtb + dt_total_bytes(machine.dtb);

	if (!alloc_next)
		alloc_next = (uint64_t)image_end;
	at = (alloc_next + align - 1) & ~(align - 1);
	if (at < dtb_end && at + bytes > dtb)
		at = (dtb_end + align - 1) & ~(align - 1);
	alloc_next = at + bytes;
	if (!ram_contains(at, bytes))
		print("Bail out! not enough RAM: %lu bytes at 0x%lx\n", bytes, at);
	cache_clean_invalidate((void *)at, bytes);
	memset((void *)at, 0, bytes);
	cache_clean_invalidate((void *)at, bytes);
	return (void *)at;
}

bool ram_contains(uint64_t base, uint64_t size)
{
	for (unsigned i = 0; i < machine.nram; i++)
		if (base >= machine.ram[i].base &&
		    base + size <= machine.ram[i].base + machine.ram[i].size)
			return true;
	return false;
}

bool bootarg(const char *key, char *buf, size_t size)
{
	size_t length = strlen(key), n = 0;
	const char *p = machine.bootargs;

	while (p && *p) {
		while (*p == ' ')
			p++;
		if (!strncmp(p, key, length) && p[length] == '=') {
			for (p += length + 1; *p && *p != ' ' && n + 1 < size; p++)
				buf[n++] = *p;
			buf[n] = 0;
			return true;
		}
		while (*p && *p != ' ')
			p++;
	}
	return false;
}

uint64_t bootarg_number(const char *key, uint64_t absent)
{
	char text[24];

	return bootarg(key, text, sizeof(text)) ? parse_number(text) : absent;
}
