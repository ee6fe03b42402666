/*
 * The answers to `stat` and `sdei`: counters and states, a row each. The counters of vCPUs are read while they
 * run (lib/counter.h), so rows need not belong to the same moment.
 */
#include <errno.h>

#include "arm64/ctl_private.h"
#include "arm64/devices.h"
#include "arm64/stats.h"
#include "lib/counter.h"
#include "sdei/options.h"
#include "virtio/device.h"

/* ---- stat ---- */

static void add_cpu(struct ctl_answer *answer, unsigned cpu, const struct vcpu_stats *s)
{
	const struct {
		const char *name;
		uint64_t value;
	} counters[] = {
		{ "runs", s->runs },
		{ "kicks", s->kicks },
		{ "interrupted", s->interrupted },
		{ "unclaimed", s->unclaimed },
		{ "register_reads", s->reg_reads },
		{ "register_writes", s->reg_writes },
		{ "kvm_exits", s->kvm.exits },
		{ "kvm_wfi", s->kvm.wfi },
		{ "kvm_wfe", s->kvm.wfe },
		{ "kvm_wakeups", s->kvm.wakeups },
		{ "kvm_mmio", s->kvm.mmio_kernel },
	};
	struct ctl_line row;

	ctl_row(answer, &row, "cpu");
	json_number(&row.w, "cpu", cpu);
	for (unsigned i = 0; i < ARRAY_SIZE(counters); i++)
		json_number(&row.w, counters[i].name, counters[i].value);
	ctl_add(answer, &row);
}

static void add_exits(struct ctl_answer *answer, unsigned cpu, const struct vcpu_stats *s)
{
	struct ctl_line row;

	for (unsigned i = 0; i < VCPU_EXIT_REASONS; i++) {
		const char *name = vcpu_exit_name(i);

		if (s->exits[i] == 0)
			continue;
		ctl_row(answer, &row, "exit");
		json_number(&row.w, "cpu", cpu);
		json_text(&row.w, "reason", name ? name : "unknown");
		json_number(&row.w, "count", s->exits[i]);
		ctl_add(answer, &row);
	}
}

static void add_call(struct ctl_answer *answer, unsigned cpu, const struct fw_call *call,
		     uint64_t count)
{
	struct ctl_line row;

	if (count == 0)
		return;
	ctl_row(answer, &row, "call");
	json_number(&row.w, "cpu", cpu);
	json_text(&row.w, "call", call ? call->name : "unknown");
	if (call)
		json_hex(&row.w, "fid", call->fid);
	json_number(&row.w, "count", count);
	ctl_add(answer, &row);
}

/* vm.call_count has the functions of all services one after another, and then the unknown ones. */
static void add_calls(struct ctl_answer *answer, const struct vm *vm, unsigned cpu)
{
	const uint64_t *count = &vm->call_count[cpu * (size_t)(vm->nfunctions + 1)];

	for (const struct fw_service *s = vm->service; s < vm->service + FW_NSERVICES; s++)
		for (unsigned i = 0; i < s->ncalls; i++)
			add_call(answer, cpu, &s->calls[i], counter_read(count++));
	add_call(answer, cpu, NULL, counter_read(count));
}

static void add_errors(struct ctl_answer *answer, struct vm *vm)
{
	struct fw_locked fw = fw_lock(&vm->fw);
	struct ctl_line row;
	uint64_t pages = 0;

	for (unsigned i = 0; i < RAS_NR_NOTES; i++) {
		ctl_row(answer, &row, "errors");
		json_text(&row.w, "step", stats_note_name(i));
		json_number(&row.w, "count", vm->ras.counts[i]);
		ctl_add(answer, &row);
	}
	for (unsigned i = 0; i < vm->ras.map->n; i++)
		if (vm->ras.map->state[i] != POISON_HEALED)
			pages += vm->ras.map->pages[i];
	fw_unlock(fw);
	ctl_row(answer, &row, "bad_memory");
	json_number(&row.w, "pages", pages);
	ctl_add(answer, &row);
}

static uint64_t count_of(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

static void add_devices(struct ctl_answer *answer, struct vm *vm)
{
	unsigned n = devices_count(vm);
	struct ctl_line row;

	for (unsigned i = 0; i < n; i++) {
		const struct virtio_device *dev = devices_get(vm, i);

		ctl_row(answer, &row, "device");
		json_text(&row.w, "device", dev->label);
		json_text(&row.w, "kind", dev->ops->name);
		json_number(&row.w, "kicks", count_of(&dev->counts.kicks));
		json_number(&row.w, "requests", count_of(&dev->counts.requests));
		json_number(&row.w, "interrupts", count_of(&dev->counts.interrupts));
		json_number(&row.w, "errors", count_of(&dev->counts.errors));
		ctl_add(answer, &row);
	}
}

static void add_event_counts(struct ctl_answer *answer, struct vm *vm)
{
	struct fw_locked fw = fw_lock(&vm->fw);
	struct ctl_line row;

	for (unsigned i = 0; i < vm->sdei.nevents; i++) {
		const struct sdei_counts *c = &vm->sdei_counts[i];

		if (c->triggered + c->dropped == 0)
			continue;
		ctl_row(answer, &row, "sdei");
		json_hex(&row.w, "event", vm->sdei.event[i].def.num);
		json_number(&row.w, "triggered", c->triggered);
		json_number(&row.w, "dropped", c->dropped);
		json_number(&row.w, "entered", c->entered);
		json_number(&row.w, "completed", c->completed);
		json_number(&row.w, "resumed", c->resumed);
		ctl_add(answer, &row);
	}
	fw_unlock(fw);
}

int ctl_stat(void *world, struct ctl_answer *answer, struct err *err)
{
	struct vm *vm = ctl_vm(world);
	int r = ctl_status(world, answer, err);

	for (unsigned cpu = 0; cpu < vm->board.config.ncpus; cpu++) {
		struct vcpu_stats s;

		stats_now(vm, cpu, &s);
		add_cpu(answer, cpu, &s);
		add_exits(answer, cpu, &s);
		add_calls(answer, vm, cpu);
	}
	add_event_counts(answer, vm);
	add_errors(answer, vm);
	add_devices(answer, vm);
	return r;
}

/* ---- sdei ---- */

static const char *event_name(uint32_t num)
{
	for (unsigned i = 0; i < sdei_nplatform_events; i++)
		if (sdei_platform_events[i].def.num == num)
			return sdei_platform_events[i].name;
	return num == SDEI_EVENT_SIGNALLED ? "signalled" : NULL;
}

static void add_event(struct ctl_answer *answer, const struct sdei_event *event)
{
	const char *name = event_name(event->def.num);
	struct ctl_line row;

	ctl_row(answer, &row, "event");
	json_hex(&row.w, "event", event->def.num);
	if (name)
		json_text(&row.w, "name", name);
	json_text(&row.w, "type", event->def.type == SDEI_PRIVATE ? "private" : "shared");
	json_text(&row.w, "priority", event->def.priority == SDEI_NORMAL ? "normal" : "critical");
	if (event->slot)
		json_number(&row.w, "intid", event->intid);
	ctl_add(answer, &row);
}

/* `pe`: whose it is, or SDEI_NO_PE for a shared event. */
static void add_handler(struct ctl_answer *answer, const struct sdei_event *event, unsigned pe,
			const struct sdei_handler *h)
{
	struct ctl_line row;

	ctl_row(answer, &row, "handler");
	json_hex(&row.w, "event", event->def.num);
	if (pe != SDEI_NO_PE)
		json_number(&row.w, "cpu", pe);
	else if (h->rm_pe)
		json_number(&row.w, "cpu", h->target);
	json_hex(&row.w, "entry", h->ep);
	json_number(&row.w, "enabled", (h->state & SDEI_ENABLED) != 0);
	json_number(&row.w, "running", (h->state & SDEI_RUNNING) != 0);
	json_number(&row.w, "pending", h->pending);
	if (h->state & SDEI_RUNNING)
		json_number(&row.w, "on_cpu", h->runner);
	ctl_add(answer, &row);
}

static void add_handlers(struct ctl_answer *answer, const struct sdei *sdei,
			 const struct sdei_event *event)
{
	bool private = event->def.type == SDEI_PRIVATE;

	for (unsigned i = 0; i < (private ? sdei->config.npe : 1); i++) {
		const struct sdei_handler *h = &sdei->handler[event->handler + i];

		if (h->state & (SDEI_REGISTERED | SDEI_RUNNING) || h->pending)
			add_handler(answer, event, private ? i : SDEI_NO_PE, h);
	}
}

static void add_pe(struct ctl_answer *answer, const struct sdei *sdei, unsigned index)
{
	const struct sdei_pe *pe = &sdei->pe[index];
	struct ctl_line row;

	ctl_row(answer, &row, "pe");
	json_number(&row.w, "cpu", index);
	json_text(&row.w, "power", pe->on ? "on" : "off");
	json_number(&row.w, "masked", pe->masked);
	json_number(&row.w, "handlers", pe->depth);
	if (pe->depth)
		json_hex(&row.w, "innermost", sdei->event[pe->frame[pe->depth - 1].event].def.num);
	ctl_add(answer, &row);
}

int ctl_sdei(void *world, struct ctl_answer *answer, struct err *err)
{
	struct vm *vm = ctl_vm(world);
	const struct sdei *sdei = &vm->sdei;
	struct fw_locked fw;

	if (!vm->config->sdei)
		return err_set(err, -EOPNOTSUPP, "this guest was started without SDEI");
	fw = fw_lock(&vm->fw);
	for (unsigned i = 0; i < sdei->nevents; i++) {
		add_event(answer, &sdei->event[i]);
		add_handlers(answer, sdei, &sdei->event[i]);
	}
	for (unsigned i = 0; i < sdei->config.npe; i++)
		add_pe(answer, sdei, i);
	fw_unlock(fw);
	return 0;
}
