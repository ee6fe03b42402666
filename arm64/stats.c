/*
 * See stats.h. Halts and exits that never reach user space are KVM's own counters, read through its
 * binary statistics interface (Linux api.rst, KVM_GET_STATS_FD).
 */
#include "arm64/stats.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arm64/kvm_compat.h"
#include "lib/counter.h"

static const struct {
	const char *kvm_name; /* in struct kvm_vcpu_stat */
	size_t offset;
} kvm_counters[] = {
	{ "exits", offsetof(struct vcpu_kvm_stats, exits) },
	{ "wfi_exit_stat", offsetof(struct vcpu_kvm_stats, wfi) },
	{ "wfe_exit_stat", offsetof(struct vcpu_kvm_stats, wfe) },
	{ "halt_wakeup", offsetof(struct vcpu_kvm_stats, wakeups) },
	{ "mmio_exit_kernel", offsetof(struct vcpu_kvm_stats, mmio_kernel) },
};

static void take_counter(struct vcpu_kvm_stats *s, const char *name, uint64_t value)
{
	for (unsigned i = 0; i < ARRAY_SIZE(kvm_counters); i++)
		if (strcmp(kvm_counters[i].kvm_name, name) == 0)
			*(uint64_t *)(void *)((char *)s + kvm_counters[i].offset) += value;
}

static void read_kvm_stats(int fd, struct vcpu_kvm_stats *s)
{
	struct kvm_stats_header h;
	size_t desc_bytes;

	if (pread(fd, &h, sizeof(h), 0) != sizeof(h) || h.name_size > 256 || h.num_desc > 1024)
		return;
	desc_bytes = sizeof(struct kvm_stats_desc) + h.name_size;
	char buf[sizeof(struct kvm_stats_desc) + 256 + 1];
	struct kvm_stats_desc *desc = (void *)buf;

	for (uint32_t i = 0; i < h.num_desc; i++) {
		uint64_t value;

		memset(buf, 0, sizeof(buf));
		if (pread(fd, buf, desc_bytes, h.desc_offset + i * desc_bytes) !=
			    (ssize_t)desc_bytes ||
		    pread(fd, &value, sizeof(value), h.data_offset + desc->offset) != sizeof(value))
			return;
		take_counter(s, desc->name, value);
	}
}

static void add_vcpu(struct vcpu_stats *total, struct vcpu *vcpu)
{
	const struct vcpu_stats *s = &vcpu->stats;

	for (unsigned i = 0; i < VCPU_EXIT_REASONS; i++)
		total->exits[i] += counter_read(&s->exits[i]);
	total->runs += counter_read(&s->runs);
	total->interrupted += counter_read(&s->interrupted);
	total->unclaimed += counter_read(&s->unclaimed);
	total->reg_reads += counter_read(&s->reg_reads);
	total->reg_writes += counter_read(&s->reg_writes);
	total->kicks += atomic_load(&vcpu->kicks);
	if (vcpu->stats_fd >= 0)
		read_kvm_stats(vcpu->stats_fd, &total->kvm);
}

void stats_now(struct vm *vm, unsigned cpu, struct vcpu_stats *now)
{
	*now = vm->stats[cpu];
	if (cpu < vm->nvcpus && !vm->stats_collected)
		add_vcpu(now, &vm->vcpu[cpu]);
}

void stats_collect(struct vm *vm)
{
	for (unsigned i = 0; i < vm->nvcpus; i++)
		add_vcpu(&vm->stats[i], &vm->vcpu[i]);
	vm->stats_collected = true;
}

static void print_vcpu(const struct vcpu_stats *s, unsigned index, FILE *out)
{
	fprintf(out,
		"cpu %u: runs %" PRIu64 " kicks %" PRIu64 " interrupted %" PRIu64
		" reg-reads %" PRIu64 " reg-writes %" PRIu64 " unclaimed %" PRIu64 "\n",
		index, s->runs, s->kicks, s->interrupted, s->reg_reads, s->reg_writes,
		s->unclaimed);
	fprintf(out, "cpu %u: exits", index);
	for (unsigned i = 0; i < VCPU_EXIT_REASONS; i++)
		if (s->exits[i])
			fprintf(out, " %s %" PRIu64,
				vcpu_exit_name(i) ? vcpu_exit_name(i) : "unknown", s->exits[i]);
	fprintf(out,
		"\ncpu %u: in KVM: exits %" PRIu64 " halts(wfi) %" PRIu64 " wfe %" PRIu64
		" wakeups %" PRIu64 " mmio %" PRIu64 "\n",
		index, s->kvm.exits, s->kvm.wfi, s->kvm.wfe, s->kvm.wakeups, s->kvm.mmio_kernel);
}

static void print_calls(const struct vm *vm, unsigned cpu, FILE *out)
{
	const uint64_t *count = &vm->call_count[cpu * (size_t)(vm->nfunctions + 1)];

	for (const struct fw_service *s = vm->service; s < vm->service + FW_NSERVICES; s++)
		for (unsigned i = 0; i < s->ncalls; i++, count++)
			if (*count)
				fprintf(out, "cpu %u: call %s (%#x) %" PRIu64 "\n", cpu,
					s->calls[i].name, s->calls[i].fid, *count);
	if (*count)
		fprintf(out, "cpu %u: call unknown %" PRIu64 "\n", cpu, *count);
}

static void print_events(const struct vm *vm, FILE *out)
{
	for (unsigned i = 0; i < vm->sdei.nevents; i++) {
		const struct sdei_counts *c = &vm->sdei_counts[i];

		if (c->triggered + c->dropped)
			fprintf(out,
				"sdei event %#x: triggered %" PRIu64 " dropped %" PRIu64
				" entered %" PRIu64 " completed %" PRIu64 " resumed %" PRIu64 "\n",
				vm->sdei.event[i].def.num, c->triggered, c->dropped, c->entered,
				c->completed, c->resumed);
	}
}

static const char *const note_names[RAS_NR_NOTES] = {
	[RAS_NOTE_INJECTED] = "injected", [RAS_NOTE_SIGNAL] = "reported",
	[RAS_NOTE_KNOWN] = "known",       [RAS_NOTE_DECIDED] = "decided",
	[RAS_NOTE_QUEUED] = "queued",     [RAS_NOTE_NOTIFIED] = "notified",
	[RAS_NOTE_TAKEN] = "taken",       [RAS_NOTE_ACKED] = "acknowledged",
	[RAS_NOTE_UNACKED] = "overdue",   [RAS_NOTE_FALLBACK] = "fallback",
	[RAS_NOTE_HEALED] = "healed",     [RAS_NOTE_STOPPED] = "stopped",
};

const char *stats_note_name(unsigned note)
{
	return note_names[note];
}

static void print_error_counts(const struct ras *ras, FILE *out)
{
	fprintf(out, "hardware errors:");
	for (unsigned i = 0; i < RAS_NR_NOTES; i++)
		fprintf(out, " %s %" PRIu64, note_names[i], ras->counts[i]);
	fprintf(out, "\n");
}

void stats_print_errors(struct vm *vm, FILE *out)
{
	struct fw_locked fw = fw_lock(&vm->fw);

	print_error_counts(&vm->ras, out);
	poison_print(vm->ras.map, out);
	fw_unlock(fw);
}

void stats_print(struct vm *vm, FILE *out)
{
	fprintf(out, "rasvm: statistics: %u CPUs, %u resets\n", vm->board.config.ncpus, vm->resets);
	for (unsigned i = 0; i < vm->board.config.ncpus; i++) {
		print_vcpu(&vm->stats[i], i, out);
		print_calls(vm, i, out);
	}
	print_events(vm, out);
	stats_print_errors(vm, out);
}
