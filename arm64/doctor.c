/*
 * `rasvm doctor`: what this host offers, and what is lost without it. One table, a row a
 * capability.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "arm64/kvm.h"
#include "arm64/machine.h"
#include "lib/types.h"

enum need { REQUIRED, USEFUL };

static const struct {
	const char *name;
	size_t offset; /* of a bool in struct host_caps */
	enum need need;
	const char *without;
} rows[] = {
	{ "immediate exit", offsetof(struct host_caps, immediate_exit), REQUIRED,
	  "vCPUs cannot be stopped" },
	{ "interrupt line layout 2", offsetof(struct host_caps, irq_line_layout2), REQUIRED,
	  "more than 255 vCPUs cannot be addressed" },
	{ "SMCCC filter", offsetof(struct host_caps, smccc_filter), REQUIRED,
	  "rasvm cannot be the guest's firmware; only --psci kernel works (Linux >= 6.4 has it)" },
	{ "vCPU power states", offsetof(struct host_caps, mp_state), REQUIRED,
	  "CPU_SUSPEND and SYSTEM_SUSPEND cannot wait" },
	{ "GICv3", offsetof(struct host_caps, gicv3), USEFUL,
	  "only GICv2: at most 8 vCPUs, no ITS" },
	{ "GICv3 ITS", offsetof(struct host_caps, its), USEFUL,
	  "no message-signalled interrupts on GICv3" },
	{ "GICv2", offsetof(struct host_caps, gicv2), USEFUL,
	  "--irqchip gicv2 and gicv2m are refused" },
	{ "RAS: SError with syndrome", offsetof(struct host_caps, ras), USEFUL,
	  "an injected SError has no syndrome" },
	{ "abort for odd accesses", offsetof(struct host_caps, nisv_to_user), USEFUL,
	  "a guest access that KVM cannot decode ends the run" },
	{ "external abort injection", offsetof(struct host_caps, inject_ext_dabt), USEFUL,
	  "a guest access that KVM cannot decode ends the run" },
	{ "SVE", offsetof(struct host_caps, sve), USEFUL, "the guest has no SVE" },
	{ "pointer authentication", offsetof(struct host_caps, pauth), USEFUL,
	  "the guest has no pointer authentication" },
	{ "PMUv3", offsetof(struct host_caps, pmu), USEFUL,
	  "the guest has no performance counters" },
	{ "stolen time", offsetof(struct host_caps, pvtime), USEFUL,
	  "the guest cannot see time taken from it" },
	{ "binary statistics", offsetof(struct host_caps, binary_stats), USEFUL,
	  "--stats shows no halts" },
	{ "KVM's SYSTEM_SUSPEND", offsetof(struct host_caps, system_suspend), USEFUL,
	  "nothing: rasvm answers this call itself" },
	{ "counter offset", offsetof(struct host_caps, counter_offset), USEFUL, "nothing yet" },
	{ "writable ID registers", offsetof(struct host_caps, writable_id_regs), USEFUL,
	  "nothing yet" },
	{ "SEA to user space", offsetof(struct host_caps, sea_to_user), USEFUL,
	  "nothing: memory errors arrive as SIGBUS" },
	{ "memory tagging", offsetof(struct host_caps, mte), USEFUL,
	  "nothing: guests are not given MTE" },
	{ "32-bit EL1", offsetof(struct host_caps, aarch32), USEFUL, "nothing: guests are 64-bit" },
};

static bool print_caps(const struct host_caps *caps, FILE *out)
{
	bool usable = caps->gicv2 || caps->gicv3;

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		bool has = *(const bool *)((const char *)caps + rows[i].offset);

		fprintf(out, "%-4s %-26s", has ? "yes" : "no", rows[i].name);
		if (!has)
			fprintf(out, " %s: %s", rows[i].need == REQUIRED ? "MISSING" : "without it",
				rows[i].without);
		fputc('\n', out);
		usable = usable && (has || rows[i].need != REQUIRED);
	}
	if (!caps->gicv2 && !caps->gicv3)
		fprintf(out, "no   interrupt controller      MISSING: no guest can run\n");
	return usable;
}

enum exit_status machine_doctor(FILE *out)
{
	struct host_caps caps = { 0 };
	struct err err = { "" };
	struct utsname host;
	int fd, r;

	if (uname(&host) == 0)
		fprintf(out, "host kernel                 %s %s\n", host.release, host.machine);
	fprintf(out, "host page size              %ld bytes\n", sysconf(_SC_PAGESIZE));
	fd = kvm_open("/dev/kvm", &err);
	r = fd < 0 ? fd : kvm_probe(fd, &caps, &err);
	if (r >= 0)
		close(r);
	if (fd >= 0)
		close(fd);
	if (r < 0) {
		fprintf(out, "KVM                         MISSING: %s\n", err.text);
		return STATUS_HOST_KVM;
	}
	fprintf(out, "guest address size          %u bits\n", caps.ipa_bits);
	fprintf(out, "vCPUs in one guest          up to %u\n", caps.max_vcpus);
	if (print_caps(&caps, out)) {
		fprintf(out, "\"rasvm run\" works here\n");
		return STATUS_POWEROFF;
	}
	fprintf(out, "\"rasvm run\" with its defaults does not work here\n");
	return STATUS_HOST_KVM;
}
