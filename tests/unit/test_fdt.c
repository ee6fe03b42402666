/* The device tree: dtc has nothing to say against it, and read back it has every value of the
 * board. For each interrupt controller and 1, 2, 8, 17 and 512 CPUs, and each kind of tables. */
#include <errno.h>
#include <libfdt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "arm64/fdt.h"
#include "hypercall/psci.h"
#include "sdei/options.h"

static const enum board_gic gics[] = { BOARD_GICV2, BOARD_GICV2M, BOARD_GICV3, BOARD_GICV3_ITS };
static const unsigned counts[] = { 1, 2, 8, 17, 512 };

static uint64_t mpidr[BOARD_MAX_CPUS];
static uint8_t blob[FDT_MAX_BYTES];

static struct board make_board(unsigned ncpus, enum board_gic gic)
{
	struct board_config c = { .ncpus = ncpus,
				  .ram_bytes = GIB(5),
				  .gic = gic,
				  .pmu = true,
				  .pvtime = true,
				  .sdei = true,
				  .test_timer = true,
				  .pvpanic = true,
				  .idle_states = true,
				  .psci_version = PSCI_VERSION_1_3,
				  .ipa_bits = 40,
				  .mpidr = mpidr };
	struct err err = { "" };
	struct board b;

	for (unsigned i = 0; i < ncpus; i++)
		mpidr[i] = board_default_mpidr(i);
	if (board_layout(&b, &c, &err))
		fail_msg("%s", err.text);
	return b;
}

static const uint8_t seed[] = { 1, 2, 3, 4, 5, 6, 7, 8 };

static const struct fdt_params params = {
	.cmdline = "console=ttyS0 quiet",
	.initrd_start = { 0x188000000 },
	.initrd_end = { 0x188123456 },
	.kaslr_seed = 0x1122334455667788,
	.rng_seed = seed,
	.rng_seed_bytes = sizeof(seed),
};

static const struct efi_handoff handoff = {
	.system_table = { 0x188400000 },
	.memory_map = { 0x188400180 },
	.memory_map_bytes = 240,
	.descriptor_bytes = 40,
	.descriptor_version = 1,
};

/* `params`, with what a machine with ACPI has more. */
static struct fdt_params params_efi(void)
{
	struct fdt_params p = params;

	p.efi = &handoff;
	return p;
}

static void build(const struct board *b, const struct fdt_params *p)
{
	struct err err = { "" };
	int ret = fdt_build(b, p, blob, sizeof(blob), &err);

	if (ret < 0)
		fail_msg("fdt_build: %d (%s)", ret, err.text);
	assert_int_equal(ret, fdt_totalsize(blob));
	assert_int_equal(fdt_check_full(blob, (size_t)ret), 0);
}

/* Reading back */

static int node(const char *path)
{
	int at = fdt_path_offset(blob, path);

	if (at < 0)
		fail_msg("%s: expected a node, found none", path);
	return at;
}

static bool has_node(const char *path)
{
	return fdt_path_offset(blob, path) >= 0;
}

static const void *prop(int at, const char *name, int *len)
{
	const void *p = fdt_getprop(blob, at, name, len);

	if (!p)
		fail_msg("%s: expected property %s, found none", fdt_get_name(blob, at, NULL),
			 name);
	return p;
}

static bool has(int at, const char *name)
{
	return fdt_getprop(blob, at, name, NULL) != NULL;
}

static void expect_cells(int at, const char *name, const uint32_t *want, unsigned n)
{
	int len;
	const fdt32_t *p = prop(at, name, &len);

	assert_int_equal(len, n * 4);
	for (unsigned i = 0; i < n; i++) {
		if (fdt32_ld(p + i) != want[i])
			fail_msg("%s %s[%u]: expected 0x%x, found 0x%x",
				 fdt_get_name(blob, at, NULL), name, i, want[i], fdt32_ld(p + i));
	}
}

static void expect_u32(int at, const char *name, uint32_t want)
{
	expect_cells(at, name, &want, 1);
}

static void expect_u64(int at, const char *name, uint64_t want)
{
	const uint32_t cells[] = { (uint32_t)(want >> 32), (uint32_t)want };

	expect_cells(at, name, cells, 2);
}

/* The strings of a list, in order. */
static void expect_strings(int at, const char *name, const char *first, const char *second)
{
	assert_int_equal(fdt_stringlist_count(blob, at, name), second ? 2 : 1);
	assert_string_equal(fdt_stringlist_get(blob, at, name, 0, NULL), first);
	if (second)
		assert_string_equal(fdt_stringlist_get(blob, at, name, 1, NULL), second);
}

static void expect_reg(int at, const struct board_block *a, const struct board_block *b)
{
	const struct board_block *k[] = { a, b };
	uint32_t cells[8];
	unsigned n = 0;

	for (unsigned i = 0; i < 2 && k[i]; i++) {
		cells[n++] = (uint32_t)(k[i]->base >> 32);
		cells[n++] = (uint32_t)k[i]->base;
		cells[n++] = (uint32_t)(k[i]->size >> 32);
		cells[n++] = (uint32_t)k[i]->size;
	}
	expect_cells(at, "reg", cells, n);
}

static uint32_t get_u32(int at, const char *name)
{
	return fdt32_ld(prop(at, name, NULL));
}

/* The node a phandle property points to. */
static int follow(int at, const char *name)
{
	int to = fdt_node_offset_by_phandle(blob, get_u32(at, name));

	if (to < 0)
		fail_msg("%s %s: phandle 0x%x leads nowhere", fdt_get_name(blob, at, NULL), name,
			 get_u32(at, name));
	return to;
}

/* dtc */

static void run_dtc(const char *what)
{
	char path[] = "/tmp/rasvm-test-XXXXXX", command[128], line[256], output[2048] = "";
	int fd = mkstemp(path);
	FILE *dtc;
	int status;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, blob, fdt_totalsize(blob)), fdt_totalsize(blob));
	snprintf(command, sizeof(command), "dtc -I dtb -O dts -o /dev/null %s 2>&1", path);
	dtc = popen(command, "r");
	assert_non_null(dtc);
	while (fgets(line, sizeof(line), dtc))
		strncat(output, line, sizeof(output) - strlen(output) - 1);
	status = pclose(dtc);
	close(fd);
	unlink(path);
	if (status)
		fail_msg("%s: dtc ended with status 0x%x (is it installed?): %s", what, status,
			 output);
	if (output[0])
		fail_msg("%s: expected no warning of dtc, found:\n%s", what, output);
}

/* Tests */

static void the_root_and_memory(void **unused)
{
	struct board b = make_board(2, BOARD_GICV3_ITS);

	(void)unused;
	build(&b, &params);
	expect_strings(0, "compatible", "linux,dummy-virt", NULL);
	assert_true(has(0, "model"));
	expect_u32(0, "#address-cells", 2);
	expect_u32(0, "#size-cells", 2);
	assert_int_equal(follow(0, "interrupt-parent"), node("/interrupt-controller@3fff0000"));
	expect_strings(node("/memory@80000000"), "device_type", "memory", NULL);
	expect_reg(node("/memory@80000000"), &b.block[BOARD_RAM], NULL);
	assert_int_equal(fdt_num_mem_rsv(blob), 0);
}

static void chosen_has_what_the_kernel_is_told(void **unused)
{
	struct board b = make_board(1, BOARD_GICV3);
	int len, chosen;

	(void)unused;
	build(&b, &params);
	chosen = node("/chosen");
	expect_strings(chosen, "bootargs", params.cmdline, NULL);
	expect_strings(chosen, "stdout-path", "serial0:115200n8", NULL);
	expect_u64(chosen, "linux,initrd-start", params.initrd_start.v);
	expect_u64(chosen, "linux,initrd-end", params.initrd_end.v);
	expect_u64(chosen, "kaslr-seed", params.kaslr_seed);
	assert_memory_equal(prop(chosen, "rng-seed", &len), seed, sizeof(seed));
	assert_int_equal(len, sizeof(seed));
}

static void chosen_leaves_out_what_is_not_given(void **unused)
{
	const struct fdt_params none = { .cmdline = "",
					 .initrd_start = { 4 },
					 .initrd_end = { 4 } };
	struct board b = make_board(1, BOARD_GICV3);
	int chosen;

	(void)unused;
	build(&b, &none);
	chosen = node("/chosen");
	assert_false(has(chosen, "linux,initrd-start"));
	assert_false(has(chosen, "linux,initrd-end"));
	assert_false(has(chosen, "kaslr-seed"));
	assert_false(has(chosen, "rng-seed"));
}

static void check_power_button(void)
{
	int at = node("/gpio-keys/power");

	expect_strings(node("/gpio-keys"), "compatible", "gpio-keys", NULL);
	expect_u32(at, "linux,code", 116);
	assert_true(has(at, "label"));
	expect_cells(at, "interrupts", (const uint32_t[]){ 0, 7, 1 }, 3);
	assert_true(has(at, "wakeup-source"));
}

/* What a kernel with an UEFI stub finds instead of calling firmware. */
static void expect_handoff(int chosen)
{
	expect_u64(chosen, "linux,uefi-system-table", handoff.system_table.v);
	expect_u64(chosen, "linux,uefi-mmap-start", handoff.memory_map.v);
	expect_u32(chosen, "linux,uefi-mmap-size", handoff.memory_map_bytes);
	expect_u32(chosen, "linux,uefi-mmap-desc-size", handoff.descriptor_bytes);
	expect_u32(chosen, "linux,uefi-mmap-desc-ver", handoff.descriptor_version);
	expect_u32(chosen, "linux,uefi-secure-boot", 2);
}

static void with_acpi_the_tree_is_a_stub(void **unused)
{
	struct board b = make_board(17, BOARD_GICV3_ITS);
	struct fdt_params p = params_efi();
	int at, len, depth = 0, nodes = 0;

	(void)unused;
	b.config.tables = BOARD_TABLES_ACPI;
	p.ras_region = gpa(0x188500000);
	build(&b, &p);
	for (at = 0; at >= 0 && depth >= 0; at = fdt_next_node(blob, at, &depth))
		nodes++;
	assert_int_equal(nodes, 2);
	expect_u32(0, "#address-cells", 2);
	expect_u32(0, "#size-cells", 2);
	assert_false(has(0, "interrupt-parent"));
	at = node("/chosen");
	expect_strings(at, "bootargs", params.cmdline, NULL);
	assert_false(has(at, "stdout-path"));
	expect_u64(at, "linux,initrd-start", params.initrd_start.v);
	expect_u64(at, "linux,initrd-end", params.initrd_end.v);
	expect_u64(at, "kaslr-seed", params.kaslr_seed);
	assert_memory_equal(prop(at, "rng-seed", &len), seed, sizeof(seed));
	expect_handoff(at);
}

static void with_both_the_tree_is_whole_and_leads_to_uefi(void **unused)
{
	struct board b = make_board(2, BOARD_GICV3_ITS);
	struct fdt_params p = params_efi();

	(void)unused;
	b.config.tables = BOARD_TABLES_BOTH;
	build(&b, &p);
	expect_handoff(node("/chosen"));
	expect_strings(node("/chosen"), "stdout-path", "serial0:115200n8", NULL);
	expect_reg(node("/memory@80000000"), &b.block[BOARD_RAM], NULL);
	check_power_button();
	assert_true(has_node("/rtc@1010000"));
}

static void with_a_tree_alone_there_is_no_uefi(void **unused)
{
	struct board b = make_board(2, BOARD_GICV3_ITS);

	(void)unused;
	build(&b, &params);
	assert_false(has(node("/chosen"), "linux,uefi-system-table"));
	assert_false(has(node("/chosen"), "linux,uefi-secure-boot"));
	check_power_button();
}

/* An event's number by its name. */
static uint32_t event_named(const char *name)
{
	for (unsigned i = 0; i < sdei_nplatform_events; i++)
		if (strcmp(sdei_platform_events[i].name, name) == 0)
			return sdei_platform_events[i].def.num;
	fail_msg("%s: expected an event of that name, found none", name);
	return 0;
}

static void the_error_log_is_reserved_memory(void **unused)
{
	static const enum board_tables tables[] = { BOARD_TABLES_DT, BOARD_TABLES_BOTH };
	const struct board_block region = { .base = 0x188500000, .size = KIB(128) };
	struct board b = make_board(2, BOARD_GICV3);
	struct fdt_params p = params_efi();
	int at;

	(void)unused;
	p.ras_region = gpa(region.base);
	for (unsigned i = 0; i < ARRAY_SIZE(tables); i++) {
		const uint32_t events[] = { event_named("ras-normal"),
					    event_named("ras-critical") };

		b.config.tables = tables[i];
		b.config.sdei = true;
		build(&b, &p);
		at = node("/reserved-memory");
		expect_u32(at, "#address-cells", 2);
		expect_u32(at, "#size-cells", 2);
		assert_true(has(at, "ranges"));
		at = node("/reserved-memory/error-log@188500000");
		expect_strings(at, "compatible", "rasvm,error-log", NULL);
		expect_reg(at, &region, NULL);
		assert_true(has(at, "no-map"));
		expect_cells(at, "sdei-events", events, 2);
		run_dtc("error log");
		b.config.sdei = false;
		build(&b, &p);
		assert_false(has(node("/reserved-memory/error-log@188500000"), "sdei-events"));
	}
	build(&b, &params);
	assert_false(has_node("/reserved-memory"));
}

static void check_cpus(const struct board *b)
{
	int at, cpus = node("/cpus"), n = 0;

	expect_u32(cpus, "#address-cells", 2);
	expect_u32(cpus, "#size-cells", 0);
	fdt_for_each_subnode(at, blob, cpus)
	{
		const char *type = fdt_getprop(blob, at, "device_type", NULL);
		char name[32];

		if (!type)
			continue;
		assert_string_equal(type, "cpu");
		snprintf(name, sizeof(name), "cpu@%llx", (unsigned long long)mpidr[n]);
		assert_string_equal(fdt_get_name(blob, at, NULL), name);
		expect_u64(at, "reg", mpidr[n]);
		expect_strings(at, "compatible", "arm,armv8", NULL);
		expect_strings(at, "enable-method", "psci", NULL);
		n++;
	}
	assert_int_equal(n, b->config.ncpus);
}

/* Every CPU is in the map once, with those of the same Aff1 and their cache. */
static void check_topology(const struct board *b)
{
	static unsigned seen[BOARD_MAX_CPUS];
	int cluster, core, total = 0;

	memset(seen, 0, sizeof(seen));
	fdt_for_each_subnode(cluster, blob, node("/cpus/cpu-map"))
	{
		int cache = -1;
		uint64_t group = 0;

		fdt_for_each_subnode(core, blob, cluster)
		{
			int cpu = follow(core, "cpu");
			uint64_t id = fdt64_ld(prop(cpu, "reg", NULL));

			if (cache < 0) {
				cache = follow(cpu, "next-level-cache");
				group = id >> 8;
			}
			assert_int_equal(follow(cpu, "next-level-cache"), cache);
			assert_int_equal(id >> 8, group);
			assert_int_equal(seen[group * 16 + (id & 0xf)]++, 0);
			total++;
		}
		expect_strings(cache, "compatible", "cache", NULL);
		expect_u32(cache, "cache-level", 2);
		assert_true(has(cache, "cache-unified"));
		assert_false(has(cache, "cache-size"));
	}
	assert_int_equal(total, b->config.ncpus);
}

static void check_gic(const struct board *b)
{
	int gic = node("/interrupt-controller@3fff0000");
	bool v2 = b->config.gic == BOARD_GICV2 || b->config.gic == BOARD_GICV2M;

	expect_strings(gic, "compatible", v2 ? "arm,cortex-a15-gic" : "arm,gic-v3", NULL);
	expect_reg(gic, &b->block[BOARD_GIC_DIST],
		   &b->block[v2 ? BOARD_GIC_CPUI : BOARD_GIC_REDIST]);
	expect_u32(gic, "#interrupt-cells", 3);
	assert_true(has(gic, "interrupt-controller"));
}

static void check_msi(const struct board *b)
{
	char path[80];
	int at;

	snprintf(path, sizeof(path), "/interrupt-controller@3fff0000/msi-controller@%llx",
		 (unsigned long long)b->block[BOARD_GIC_ITS].base);
	assert_int_equal(has_node(path), b->config.gic == BOARD_GICV3_ITS);
	if (has_node(path)) {
		at = node(path);
		expect_strings(at, "compatible", "arm,gic-v3-its", NULL);
		expect_reg(at, &b->block[BOARD_GIC_ITS], NULL);
		assert_true(has(at, "msi-controller"));
		expect_u32(at, "#msi-cells", 1);
	}
	assert_int_equal(has_node("/interrupt-controller@3fff0000/v2m@3ffd0000"),
			 b->config.gic == BOARD_GICV2M);
	if (b->config.gic == BOARD_GICV2M) {
		at = node("/interrupt-controller@3fff0000/v2m@3ffd0000");
		expect_strings(at, "compatible", "arm,gic-v2m-frame", NULL);
		expect_reg(at, &b->block[BOARD_GIC_V2M], NULL);
		assert_true(has(at, "msi-controller"));
		expect_u32(at, "arm,msi-base-spi", 224);
		expect_u32(at, "arm,msi-num-spis", 32);
	}
}

static void check_ppis(const struct board *b)
{
	bool v2 = b->config.gic == BOARD_GICV2 || b->config.gic == BOARD_GICV2M;
	uint32_t mask = v2 ? ((1u << b->config.ncpus) - 1) << 8 : 0;
	const uint32_t timer[] = { 1, 13, mask | 8, 1, 14, mask | 8,
				   1, 11, mask | 8, 1, 10, mask | 8 };
	const uint32_t pmu[] = { 1, 7, mask | 4 };
	const uint32_t test_timer[] = { 0, 5, 4, 1, 2, mask | 4 };

	expect_strings(node("/timer"), "compatible", "arm,armv8-timer", NULL);
	expect_cells(node("/timer"), "interrupts", timer, ARRAY_SIZE(timer));
	assert_true(has(node("/timer"), "always-on"));
	expect_strings(node("/pmu"), "compatible", "arm,armv8-pmuv3", NULL);
	expect_cells(node("/pmu"), "interrupts", pmu, ARRAY_SIZE(pmu));
	expect_cells(node("/test-timer@1030000"), "interrupts", test_timer, ARRAY_SIZE(test_timer));
}

static void each_machine_reads_back(void **unused)
{
	(void)unused;
	for (unsigned g = 0; g < ARRAY_SIZE(gics); g++) {
		for (unsigned n = 0; n < ARRAY_SIZE(counts); n++) {
			struct board b;

			if (counts[n] > board_gic_max_cpus(gics[g]))
				continue;
			b = make_board(counts[n], gics[g]);
			build(&b, &params);
			check_cpus(&b);
			check_topology(&b);
			check_gic(&b);
			check_msi(&b);
			check_ppis(&b);
		}
	}
}

static void affinities_need_not_be_kvm_s_default(void **unused)
{
	struct board b = make_board(4, BOARD_GICV3);

	(void)unused;
	mpidr[0] = 0x100;
	mpidr[1] = 0x0;
	mpidr[2] = 0x4300020101;
	mpidr[3] = 0x1;
	build(&b, &params);
	check_cpus(&b);
	expect_u64(node("/cpus/cpu@4300020101"), "reg", 0x4300020101);
	assert_int_equal(follow(node("/cpus/cpu-map/cluster0/core0"), "cpu"),
			 node("/cpus/cpu@100"));
	assert_int_equal(follow(node("/cpus/cpu-map/cluster1/core0"), "cpu"), node("/cpus/cpu@0"));
	assert_int_equal(follow(node("/cpus/cpu-map/cluster1/core1"), "cpu"), node("/cpus/cpu@1"));
	assert_true(has_node("/cpus/cpu-map/cluster2/core0"));
	assert_false(has_node("/cpus/cpu-map/cluster3"));
}

static void idle_states_are_those_of_psci(void **unused)
{
	struct board b = make_board(2, BOARD_GICV3);
	int cpu, len;
	const fdt32_t *list;

	(void)unused;
	build(&b, &params);
	expect_strings(node("/cpus/idle-states"), "entry-method", "psci", NULL);
	cpu = node("/cpus/cpu@1");
	list = prop(cpu, "cpu-idle-states", &len);
	assert_int_equal(len, psci_npower_states * 4);
	for (unsigned i = 0; i < psci_npower_states; i++) {
		const struct psci_power_state *s = &psci_power_states[i];
		int at = fdt_node_offset_by_phandle(blob, fdt32_ld(list + i));

		assert_true(at >= 0);
		assert_string_equal(fdt_get_name(blob, at, NULL), s->name);
		assert_int_equal(fdt_parent_offset(blob, at), node("/cpus/idle-states"));
		expect_strings(at, "compatible", "arm,idle-state", NULL);
		expect_u32(at, "arm,psci-suspend-param", s->power_state);
		expect_u32(at, "entry-latency-us", s->entry_latency_us);
		expect_u32(at, "exit-latency-us", s->exit_latency_us);
		expect_u32(at, "min-residency-us", s->min_residency_us);
	}
	b.config.idle_states = false;
	build(&b, &params);
	assert_false(has_node("/cpus/idle-states"));
	assert_false(has(node("/cpus/cpu@1"), "cpu-idle-states"));
}

static void psci_is_as_old_as_it_says(void **unused)
{
	struct board b = make_board(1, BOARD_GICV3);

	(void)unused;
	b.config.psci_version = PSCI_VERSION_0_2;
	build(&b, &params);
	expect_strings(node("/psci"), "compatible", "arm,psci-0.2", NULL);
	expect_strings(node("/psci"), "method", "hvc", NULL);
	b.config.psci_version = PSCI_VERSION_1_0;
	build(&b, &params);
	expect_strings(node("/psci"), "compatible", "arm,psci-1.0", "arm,psci-0.2");
	b.config.psci_version = PSCI_VERSION_1_3;
	build(&b, &params);
	expect_strings(node("/psci"), "compatible", "arm,psci-1.0", "arm,psci-0.2");
}

static void sdei_is_below_firmware(void **unused)
{
	struct board b = make_board(1, BOARD_GICV3);

	(void)unused;
	build(&b, &params);
	expect_strings(node("/firmware/sdei"), "compatible", "arm,sdei-1.0", NULL);
	expect_strings(node("/firmware/sdei"), "method", "hvc", NULL);
	b.config.sdei = false;
	build(&b, &params);
	assert_false(has_node("/firmware"));
}

static void the_test_timer_is_described_if_there_is_one(void **unused)
{
	struct board b = make_board(1, BOARD_GICV3);
	int at;

	(void)unused;
	build(&b, &params);
	at = node("/test-timer@1030000");
	expect_strings(at, "compatible", "rasvm,test-timer", NULL);
	expect_reg(at, &b.block[BOARD_TEST_TIMER], NULL);
	b.config.test_timer = false;
	build(&b, &params);
	assert_false(has_node("/test-timer@1030000"));
}

static void the_panic_register_is_described_if_there_is_one(void **unused)
{
	struct board b = make_board(1, BOARD_GICV3);
	int at;

	(void)unused;
	build(&b, &params);
	at = node("/pvpanic@1050000");
	expect_strings(at, "compatible", "qemu,pvpanic-mmio", NULL);
	expect_reg(at, &b.block[BOARD_PVPANIC], NULL);
	b.block[BOARD_PVPANIC].size = 0;
	build(&b, &params);
	assert_false(has_node("/pvpanic@1050000"));
}

static void no_pmu_no_node(void **unused)
{
	struct board b = make_board(1, BOARD_GICV3);

	(void)unused;
	b.config.pmu = false;
	build(&b, &params);
	assert_false(has_node("/pmu"));
}

static void the_devices_have_registers_interrupts_and_clocks(void **unused)
{
	struct board b = make_board(1, BOARD_GICV3);
	int at;

	(void)unused;
	build(&b, &params);
	for (uint32_t i = 0; i < 4; i++) {
		const uint32_t irq[] = { 0, i, 4 };
		char name[16];

		snprintf(name, sizeof(name), "serial%u", i);
		at = node(fdt_get_alias(blob, name));
		expect_strings(at, "compatible", "ns16550a", NULL);
		expect_reg(at, &b.block[BOARD_UART0 + i], NULL);
		expect_cells(at, "interrupts", irq, 3);
		expect_u32(at, "clock-frequency", 1843200);
	}
	at = node("/rtc@1010000");
	expect_strings(at, "compatible", "arm,pl031", "arm,primecell");
	expect_reg(at, &b.block[BOARD_RTC], NULL);
	expect_cells(at, "interrupts", (const uint32_t[]){ 0, 4, 4 }, 3);
	expect_strings(at, "clock-names", "apb_pclk", NULL);
	expect_strings(follow(at, "clocks"), "compatible", "fixed-clock", NULL);
	expect_u32(follow(at, "clocks"), "#clock-cells", 0);
}

static void what_is_only_reserved_is_not_described(void **unused)
{
	struct board b = make_board(1, BOARD_GICV3);
	int at, depth = 0;

	(void)unused;
	build(&b, &params);
	for (at = 0; at >= 0 && depth >= 0; at = fdt_next_node(blob, at, &depth)) {
		const char *name = fdt_get_name(blob, at, NULL);

		assert_null(strstr(name, "pci@"));
		assert_null(strstr(name, "pcie@"));
		assert_null(strstr(name, "flash@"));
		assert_null(strstr(name, "virtio"));
	}
}

/* `b` with a PCI host and virtio devices, of so many bits of guest addresses. */
static struct board with_devices(struct board b, unsigned nvirtio, unsigned ipa_bits)
{
	struct board_config c = b.config;
	struct err err = { "" };

	c.pci = true;
	c.nvirtio_mmio = nvirtio;
	c.ipa_bits = ipa_bits;
	if (board_layout(&b, &c, &err))
		fail_msg("%s", err.text);
	return b;
}

static void each_virtio_device_has_a_node(void **unused)
{
	struct board b = with_devices(make_board(1, BOARD_GICV3), 64, 40);
	char path[40];

	(void)unused;
	build(&b, &params);
	for (uint32_t i = 0; i < 64; i++) {
		const uint32_t reg[] = { 0, 0x03000000 + i * 0x200, 0, 0x200 };
		const uint32_t irq[] = { 0, 16 + i, 1 }; /* edge, rising */
		int at;

		snprintf(path, sizeof(path), "/virtio_mmio@%x", 0x03000000 + i * 0x200);
		at = node(path);
		expect_strings(at, "compatible", "virtio,mmio", NULL);
		expect_cells(at, "reg", reg, 4);
		expect_cells(at, "interrupts", irq, 3);
		assert_true(has(at, "dma-coherent"));
	}
	assert_false(has_node("/virtio_mmio@3008000"));
}

static void the_pci_host_has_its_windows(void **unused)
{
	struct board b = with_devices(make_board(1, BOARD_GICV3), 0, 40);
	const uint32_t ranges[] = { 0x02000000, 0,          0x50000000, 0,    0x50000000,
				    0,          0x30000000, 0x43000000, 0xe0, 0,
				    0xe0,       0,          0x20,       0 };
	int at;

	(void)unused;
	build(&b, &params);
	at = node("/pci@40000000");
	expect_strings(at, "compatible", "pci-host-ecam-generic", NULL);
	expect_strings(at, "device_type", "pci", NULL);
	expect_reg(at, &b.block[BOARD_PCI_ECAM], NULL);
	expect_cells(at, "bus-range", (const uint32_t[]){ 0, 255 }, 2);
	expect_u32(at, "#address-cells", 3);
	expect_u32(at, "#size-cells", 2);
	expect_u32(at, "#interrupt-cells", 1);
	expect_u32(at, "linux,pci-domain", 0);
	assert_true(has(at, "dma-coherent"));
	expect_cells(at, "ranges", ranges, 14);
	b = with_devices(make_board(1, BOARD_GICV3), 0, 33); /* 5 GiB of RAM: a window of 1 GiB */
	build(&b, &params);
	expect_cells(node("/pci@40000000"), "ranges",
		     (const uint32_t[]){ 0x02000000, 0, 0x50000000, 0, 0x50000000, 0, 0x30000000,
					 0x43000000, 1, 0xc0000000, 1, 0xc0000000, 0, 0x40000000 },
		     14);
	b.block[BOARD_PCI_MMIO64].size = 0;
	build(&b, &params);
	expect_cells(node("/pci@40000000"), "ranges", ranges, 7);
}

/* As a driver looks it up: mask slot and pin, find the row, take the parent's specifier. */
static void expect_pci_interrupt(unsigned slot, unsigned pin, uint32_t want)
{
	int len, at = node("/pci@40000000");
	int gic = node("/interrupt-controller@3fff0000");
	const fdt32_t *map = prop(at, "interrupt-map", &len);
	const fdt32_t *mask = prop(at, "interrupt-map-mask", NULL);
	int row = 4 + 1 + (int)get_u32(gic, "#address-cells") + 3;
	uint32_t unit = (uint32_t)slot << 11;

	assert_int_equal(len % (4 * row), 0);
	for (; len > 0; len -= 4 * row, map += row) {
		if ((unit & fdt32_ld(mask)) != fdt32_ld(map) ||
		    (pin & fdt32_ld(mask + 3)) != fdt32_ld(map + 3))
			continue;
		assert_int_equal(fdt_node_offset_by_phandle(blob, fdt32_ld(map + 4)), gic);
		assert_int_equal(fdt32_ld(map + row - 3), 0); /* SPI */
		assert_int_equal(fdt32_ld(map + row - 2), want);
		assert_int_equal(fdt32_ld(map + row - 1), 4); /* level, high */
		return;
	}
	fail_msg("slot %u pin %u: expected a row of interrupt-map, found none", slot, pin);
}

static void pci_interrupts_go_round(void **unused)
{
	(void)unused;
	for (unsigned g = 0; g < ARRAY_SIZE(gics); g++) {
		struct board b = with_devices(make_board(1, gics[g]), 0, 40);

		build(&b, &params);
		for (unsigned slot = 0; slot < 32; slot++)
			for (unsigned pin = 1; pin <= 4; pin++)
				expect_pci_interrupt(slot, pin, 40 - 32 + (slot + pin - 1) % 4);
	}
}

static void pci_messages_go_where_the_gic_takes_them(void **unused)
{
	struct board b = with_devices(make_board(1, BOARD_GICV3_ITS), 0, 40);
	const fdt32_t *map;
	int at, len;

	(void)unused;
	build(&b, &params);
	at = node("/pci@40000000");
	map = prop(at, "msi-map", &len);
	assert_int_equal(len, 16);
	assert_int_equal(fdt32_ld(map), 0);
	assert_int_equal(fdt32_ld(map + 2), 0);
	assert_int_equal(fdt32_ld(map + 3), 0x10000);
	at = fdt_node_offset_by_phandle(blob, fdt32_ld(map + 1));
	expect_strings(at, "compatible", "arm,gic-v3-its", NULL);
	b = with_devices(make_board(1, BOARD_GICV2M), 0, 40);
	build(&b, &params);
	assert_false(has(node("/pci@40000000"), "msi-map"));
	at = follow(node("/pci@40000000"), "msi-parent");
	expect_strings(at, "compatible", "arm,gic-v2m-frame", NULL);
	b = with_devices(make_board(1, BOARD_GICV3), 0, 40);
	build(&b, &params);
	assert_false(has(node("/pci@40000000"), "msi-map"));
	assert_false(has(node("/pci@40000000"), "msi-parent"));
}

static void phandles_are_unique(void **unused)
{
	static bool used[4096];
	struct board b = make_board(512, BOARD_GICV3_ITS);
	int at, depth = 0;

	(void)unused;
	b = with_devices(b, BOARD_MAX_VIRTIO_MMIO, 40);
	build(&b, &params);
	for (at = 0; at >= 0 && depth >= 0; at = fdt_next_node(blob, at, &depth)) {
		uint32_t handle = fdt_get_phandle(blob, at);

		if (!handle)
			continue;
		assert_true(handle < ARRAY_SIZE(used));
		if (used[handle])
			fail_msg("phandle %u is used twice", handle);
		used[handle] = true;
	}
}

static void a_buffer_that_is_too_small_is_an_error(void **unused)
{
	struct board b = make_board(17, BOARD_GICV3_ITS);
	struct err err = { "" };
	int full = fdt_build(&b, &params, blob, sizeof(blob), &err);

	(void)unused;
	for (int size = 0; size < full; size += 61) {
		uint8_t *exact = malloc((size_t)size + 1); /* a sanitizer sees an overrun */
		int ret = fdt_build(&b, &params, exact, (size_t)size, &err);

		if (ret != -ENOSPC)
			fail_msg("%d bytes: expected %d, found %d", size, -ENOSPC, ret);
		assert_non_null(strstr(err.text, "does not fit"));
		free(exact);
	}
}

static void the_largest_tree_is_within_the_boot_protocol_s_limit(void **unused)
{
	struct board b = with_devices(make_board(512, BOARD_GICV3_ITS), 64, 40);

	(void)unused;
	build(&b, &params);
	assert_true(fdt_totalsize(blob) <= FDT_MAX_BYTES / 2);
}

static void dtc_has_no_complaint(void **unused)
{
	struct fdt_params efi = params_efi();

	(void)unused;
	for (unsigned g = 0; g < ARRAY_SIZE(gics); g++) {
		for (unsigned n = 0; n < ARRAY_SIZE(counts); n++) {
			struct board b;

			if (counts[n] > board_gic_max_cpus(gics[g]))
				continue;
			b = make_board(counts[n], gics[g]);
			build(&b, &params);
			run_dtc(board_gic_name(gics[g]));
			b = with_devices(b, BOARD_MAX_VIRTIO_MMIO, n % 2 ? 40 : 36);
			b.config.sdei = b.config.test_timer = false;
			build(&b, &params);
			run_dtc(board_gic_name(gics[g]));
			b.config.tables = BOARD_TABLES_BOTH;
			build(&b, &efi);
			run_dtc("both");
			b.config.tables = BOARD_TABLES_ACPI;
			build(&b, &efi);
			run_dtc("acpi");
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_root_and_memory),
		cmocka_unit_test(chosen_has_what_the_kernel_is_told),
		cmocka_unit_test(chosen_leaves_out_what_is_not_given),
		cmocka_unit_test(with_acpi_the_tree_is_a_stub),
		cmocka_unit_test(with_both_the_tree_is_whole_and_leads_to_uefi),
		cmocka_unit_test(with_a_tree_alone_there_is_no_uefi),
		cmocka_unit_test(the_error_log_is_reserved_memory),
		cmocka_unit_test(each_machine_reads_back),
		cmocka_unit_test(affinities_need_not_be_kvm_s_default),
		cmocka_unit_test(idle_states_are_those_of_psci),
		cmocka_unit_test(psci_is_as_old_as_it_says),
		cmocka_unit_test(sdei_is_below_firmware),
		cmocka_unit_test(the_test_timer_is_described_if_there_is_one),
		cmocka_unit_test(the_panic_register_is_described_if_there_is_one),
		cmocka_unit_test(no_pmu_no_node),
		cmocka_unit_test(the_devices_have_registers_interrupts_and_clocks),
		cmocka_unit_test(what_is_only_reserved_is_not_described),
		cmocka_unit_test(each_virtio_device_has_a_node),
		cmocka_unit_test(the_pci_host_has_its_windows),
		cmocka_unit_test(pci_interrupts_go_round),
		cmocka_unit_test(pci_messages_go_where_the_gic_takes_them),
		cmocka_unit_test(phandles_are_unique),
		cmocka_unit_test(a_buffer_that_is_too_small_is_an_error),
		cmocka_unit_test(the_largest_tree_is_within_the_boot_protocol_s_limit),
		cmocka_unit_test(dtc_has_no_complaint),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
