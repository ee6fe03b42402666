/*
 * Hardware errors' shell: the pure part of error handling (ras/) meets guest memory, the interrupt
 * lines, SDEI, clocks and the log. What a CPU takes is in fw_ras_cpu.c.
 *
 * State: vm.ras, under the firmware lock; vm.ras_why, which is set once.
 * Left out: who injects (inject.c) and the host's signals (sigbus.c); both end up in fw_ras_report().
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "arm64/vm.h"
#include "lib/calendar.h"
#include "lib/clock.h"

_Static_assert(RAS_EVENT_NORMAL == SDEI_EVENT_RAS_NORMAL &&
		       RAS_EVENT_CRITICAL == SDEI_EVENT_RAS_CRITICAL,
	       "ras/ and sdei/ disagree about the events of hardware errors");

/* ---- what ras/ needs of the world ---- */

static enum ras_sdei sdei_state(struct fw_locked fw, void *world, uint32_t event)
{
	const struct vm *vm = world;
	unsigned status;

	if (!vm->config->sdei)
		return RAS_SDEI_NONE;
	status = sdei_status(fw, &vm->sdei, event, 0);
	if (!(status & SDEI_REGISTERED) || !(status & SDEI_ENABLED))
		return RAS_SDEI_NONE;
	/* A handler that runs is one that gets there. */
	if (status & SDEI_RUNNING || sdei_deliverable(fw, &vm->sdei, event))
		return RAS_SDEI_READY;
	return RAS_SDEI_MASKED;
}

static void trigger_sdei(struct fw_locked fw, void *world, uint32_t event)
{
	struct vm *vm = world;

	(void)sdei_trigger(fw, &vm->sdei, event, SDEI_NO_PE, "memory error");
}

static void pulse_ged(void *world)
{
	lines_pulse(world, INTID_GED_ERROR);
}

static void ask_serror(struct fw_locked fw, void *world, unsigned pe, struct ras_serror serror,
		       uint32_t id)
{
	fw_ras_serror(fw, world, pe, serror, id);
}

static int heal(void *world, gpa_t at, uint64_t bytes)
{
	struct vm *vm = world;
	struct err err = { "" };
	int r = mem_heal(&vm->mem, at, bytes, &err);

	if (r && log_allow(&vm->ras_log, clock_now_ns()))
		log_error("%s", err.text);
	return r;
}

/* After an abort: what was lost is whole pages of the host. Less than one is an injection that only said so. */
static int heal_lost(void *world, gpa_t at, uint64_t bytes)
{
	const struct vm *vm = world;

	return bytes < mem_page_bytes(&vm->mem) ? -EINVAL : heal(world, at, bytes);
}

static void stop(void *world, const char *why)
{
	fw_ras_stop(world, why);
}

static void set_alarm(void *world, uint64_t deadline_ns)
{
	const struct vm *vm = world;
	struct itimerspec when = { 0 };

	/* 0 would disarm it. */
	if (deadline_ns != UINT64_MAX)
		when.it_value = clock_timespec(deadline_ns ? deadline_ns : 1);
	timerfd_settime(vm->ras_timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

/* What the operator must see, whether or not the guest is told: the host has bad memory. */
static void log_note(struct vm *vm, const struct ras_note *n, uint64_t now_ns)
{
	if (n->kind != RAS_NOTE_DECIDED || !n->from || strcmp(n->from, "host") != 0)
		return;
	if (log_allow(&vm->ras_log, now_ns))
		log_warn("hardware memory error at guest address 0x%" PRIx64 ", %" PRIu64
			 " bytes, %s: %s (%s)",
			 n->gpa, n->bytes,
			 n->class == RAS_AR ? "used by the guest" : "not used yet",
			 ras_way_name(n->way), n->text ? n->text : "no reason given");
}

static void note(void *world, const struct ras_note *n)
{
	struct vm *vm = world;
	uint64_t now_ns = clock_now_ns();

	log_note(vm, n, now_ns);
	if (trace_on(&vm->trace))
		trace_ras(&vm->trace, now_ns - vm->started_ns, n);
}

static struct cper_time utc(void *world)
{
	struct calendar c = calendar_from_seconds((uint32_t)time(NULL));

	(void)world;
	return (struct cper_time){ c.year, c.month, c.day, c.hour, c.minute, c.second };
}

static const struct ras_ops ras_ops = {
	.sdei_state = sdei_state,
	.sdei_trigger = trigger_sdei,
	.ged = pulse_ged,
	.serror = ask_serror,
	.heal = heal_lost,
	.stop = stop,
	.alarm = set_alarm,
	.note = note,
	.time = utc,
};

static int read_guest(void *world, gpa_t at, void *data, size_t n)
{
	return mem_read(&((struct vm *)world)->mem, at, data, n);
}

static int write_guest(void *world, gpa_t at, const void *data, size_t n)
{
	return mem_write(&((struct vm *)world)->mem, at, data, n);
}

/* A page of the host that reaches beyond the region holds memory of the guest's, which would silently
 * become zeroes. */
static int renew_page(void *world, gpa_t page)
{
	const struct vm *vm = world;

	if (mem_page_bytes(&vm->mem) > RAS_REGION_ALIGN)
		return -EOPNOTSUPP;
	return heal(world, page, RAS_PAGE_BYTES);
}

/* ---- lives of the guest ---- */

/* A syndrome the operator asked for by --ras, which this host cannot give. */
static int check_serror(const struct vm *vm, struct err *err)
{
	uint64_t serror = vm->config->ras.serror;

	if (serror == RAS_SERROR_AUTO || serror == RAS_SERROR_NO_ESR || vm->caps.ras)
		return 0;
	return err_set(err, -EOPNOTSUPP,
		       "--ras serror=0x%" PRIx64
		       ": this host's CPUs have no RAS extension, an SError cannot have a syndrome "
		       "here; use serror=none",
		       serror);
}

int fw_ras_open(struct vm *vm, struct err *err)
{
	const struct ras_config config = {
		.policy = vm->config->ras,
		.npe = vm->board.config.ncpus,
		.acpi = board_has_acpi(&vm->board),
		.sdei_offered = vm->config->sdei,
		.serror_esr = vm->caps.ras,
		.memory = { read_guest, write_guest, renew_page, vm },
		.host_page_bytes = mem_page_bytes(&vm->mem),
		.ops = &ras_ops,
		.world = vm,
	};
	int r = check_serror(vm, err);

	if (r)
		return r;
	vm->ras_log = (struct log_limit){ .interval_ns = NS_PER_SEC, .burst = 20 };
	/* The RAS thread exists already. */
	struct fw_locked fw = fw_lock(&vm->fw);
	r = ras_init(&vm->ras, &config, err);
	fw_unlock(fw);
	return r;
}

void fw_ras_close(struct vm *vm)
{
	ras_destroy(&vm->ras);
}

/* The pages of the map, which are those that were bad when the life ended. Number of ranges, at most
 * POISON_MAX, in the map's order. */
static unsigned bad_ranges(const struct poison_map *map, struct mem_range *range)
{
	for (unsigned i = 0; i < map->n; i++)
		range[i] = (struct mem_range){ gpa(map->gpa[i]), map->pages[i] * RAS_PAGE_BYTES };
	return map->n;
}

static int replace_all(const struct mem *mem, const struct mem_range *range, unsigned n,
		       struct err *err)
{
	int r = 0;

	for (unsigned i = 0; i < n && r == 0; i++)
		r = mem_heal(mem, range[i].at, range[i].bytes, err);
	return r;
}

static void forget_all(struct vm *vm, const struct mem_range *range, unsigned n)
{
	struct fw_locked fw = fw_lock(&vm->fw);

	for (unsigned i = 0; i < n; i++)
		poison_forget(vm->ras.map, range[i].at,
			      (uint32_t)(range[i].bytes / RAS_PAGE_BYTES));
	fw_unlock(fw);
}

/* An error that comes after the list was made may be of a page that is replaced all the same. The guest is
 * told of it nevertheless: a good page that is given up costs less than a bad one nobody knows. */
int fw_ras_clear(struct vm *vm, bool warm, struct err *err)
{
	struct mem_range *range = malloc(POISON_MAX * sizeof(*range));
	bool heals = vm->config->ras.heal != RAS_HEAL_NEVER;
	struct fw_locked fw;
	unsigned n;
	int r = 0;

	if (!range)
		return err_set(err, -ENOMEM, "out of memory for the list of lost pages");
	fw = fw_lock(&vm->fw);
	ras_pause(fw, &vm->ras);
	n = bad_ranges(vm->ras.map, range);
	fw_unlock(fw);
	if (!warm)
		r = mem_clear_except(&vm->mem, range, heals ? 0 : n, err);
	else if (heals)
		r = replace_all(&vm->mem, range, n, err);
	if (r == 0 && heals)
		forget_all(vm, range, n);
	free(range);
	return r;
}

int fw_ras_reset(struct vm *vm, struct err *err)
{
	struct fw_locked fw = fw_lock(&vm->fw);
	int r = ras_reset(fw, &vm->ras, vm->ras_region, clock_now_ns(), err);

	fw_unlock(fw);
	return r;
}

/* ---- errors in ---- */

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

struct ras_error fw_ras_error(struct vm *vm, enum ras_class class, gpa_t at, unsigned lsb,
			      uint64_t seen_ns)
{
	uint64_t page = mem_page_bytes(&vm->mem), offset = at.v - vm->mem.base.v, from, to;
	uint64_t lost = lsb < 40 ? UINT64_C(1) << lsb : 0;

	/* While KVM logs dirty pages it tells of 4 KiB of a huge page. */
	if (lost < page)
		lost = page;
	from = align_down(offset, lost);
	to = min_u64(from + lost, vm->mem.size);
	return (struct ras_error){
		.class = class,
		.id = inject_id_of(vm, at),
		.at = gpa(align_down(at.v, RAS_PAGE_BYTES)),
		.base = gpa(vm->mem.base.v + from),
		.bytes = to - from,
		.seen_ns = seen_ns,
		.from = "host",
	};
}

void fw_ras_report(struct vm *vm, const struct ras_error *error)
{
	struct fw_locked fw = fw_lock(&vm->fw);

	/* The guest is being loaded: whoever uses the page will hear of it. */
	if (vm->ras.map)
		ras_report(fw, &vm->ras, error);
	fw_unlock(fw);
}

bool fw_ras_knows(struct vm *vm, gpa_t page)
{
	struct fw_locked fw = fw_lock(&vm->fw);
	int i = vm->ras.map ? poison_find(vm->ras.map, page) : -1;
	bool known =
		i >= 0 && vm->ras.map->class[i] != RAS_CE && vm->ras.map->state[i] != POISON_HEALED;

	fw_unlock(fw);
	return known;
}

bool fw_ras_renew_pvtime(struct vm *vm, uintptr_t hva)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	struct fw_locked fw = fw_lock(&vm->fw);
	uintptr_t start = (uintptr_t)vm->pvtime;
	bool ours = start && hva >= start && hva - start < vm->board.block[BOARD_PVTIME].size;
	int error = 0;

	/* It is anonymous memory, so it comes back as zeroes. */
	if (ours &&
	    madvise((uint8_t *)vm->pvtime + align_down(hva - start, page), page, MADV_DONTNEED))
		error = errno;
	fw_unlock(fw);
	if (error)
		log_error("cannot replace a page of stolen time: %s", strerror(error));
	else if (ours)
		log_warn(
			"hardware memory error in the stolen time of CPUs: it counts from 0 again");
	return ours;
}

void fw_ras_wake(struct vm *vm)
{
	uint64_t one = 1;

	if (write(vm->ras_fd, &one, sizeof(one)) < 0)
		log_error("cannot wake the main thread: %s", strerror(errno));
}

void fw_ras_stop(struct vm *vm, const char *why)
{
	const char *none = NULL;

	if (atomic_compare_exchange_strong(&vm->ras_why, &none, why))
		fw_ras_wake(vm);
}
