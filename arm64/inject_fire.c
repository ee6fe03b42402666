/*
 * One injection, now: find the PE and the page that it concerns, give it a number, do it. A level=model
 * error goes to where a real one would have come in (fw_ras.c); uffd and real have the host's kernel
 * know of the page, and what it signals finds its number here by inject_id_of().
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "arm64/hostpoison.h"
#include "arm64/inject_private.h"
#include "arm64/vm.h"
#include "lib/clock.h"

/* ---- which PE ---- */

/* With --psci kernel nobody here knows who is on; the PE's own thread finds out (fw_ras()). */
static bool is_on(const struct vm *vm, unsigned pe)
{
	return vm->config->psci == PSCI_KERNEL || vm->pe[pe].power == PSCI_PE_ON;
}

/* The PE that was named, or the first, if it is on. */
static int find_on(const struct shot *s, unsigned *pe)
{
	const struct vm *vm = s->vm;

	for (unsigned i = 0; i < vm->nvcpus; i++) {
		if (is_on(vm, i) && (s->rule->cpu == INJECT_ANY_CPU || s->rule->cpu == i)) {
			*pe = i;
			return 0;
		}
	}
	if (s->rule->cpu == INJECT_ANY_CPU)
		return err_set(s->err, -EAGAIN, "no CPU is on");
	return err_set(s->err, -EAGAIN, "CPU %" PRIu32 " is off", s->rule->cpu);
}

/* True if a PE is to take something, so that it has to be there. */
static bool wants_pe(const struct inject_rule *rule)
{
	switch (rule->kind) {
	case INJECT_MEM_AR:
		return rule->level == INJECT_MODEL;
	case INJECT_GHES:
		return rule->source_given && rule->source == GHES_SEA;
	case INJECT_SEA:
	case INJECT_SERROR:
		return true;
	default:
		return false;
	}
}

static int find_pe(struct shot *s)
{
	const struct vcpu_errors *errors;
	struct fw_locked fw;
	int rc;

	if (!wants_pe(s->rule))
		return 0;
	fw = fw_lock(&s->vm->fw);
	rc = find_on(s, &s->pe);
	errors = rc ? NULL : &s->vm->vcpu[s->pe].errors;
	if (errors && s->rule->kind != INJECT_SERROR && (errors->consume || errors->sea))
		rc = err_set(s->err, -EBUSY, "CPU %u has not taken the last abort yet", s->pe);
	fw_unlock(fw);
	return rc;
}

/* ---- errors of memory ---- */

/* What is lost: the pages that were asked for; where the host loses them, whole pages of its own. */
static struct inject_mark lost(const struct shot *s)
{
	const struct mem *mem = &s->vm->mem;
	bool of_host = s->rule->level != INJECT_MODEL;
	uint64_t page = of_host ? mem_page_bytes(mem) : RAS_PAGE_BYTES;
	uint64_t to = align_up(s->at.v + inject_bytes(s->rule), page),
		 end = mem->base.v + mem->size;

	return (struct inject_mark){
		.from = align_down(s->at.v, page),
		.to = to < end ? to : end,
		.id = s->id,
	};
}

static struct ras_error error_of(const struct shot *s, enum ras_class class)
{
	struct inject_mark range = lost(s);

	return (struct ras_error){
		.class = class,
		.id = s->id,
		.at = s->at,
		.base = gpa(range.from),
		.bytes = range.to - range.from,
		.threshold = s->rule->threshold,
		.fatal = class == RAS_AO && s->rule->severity == CPER_FATAL,
		.seen_ns = clock_now_ns(),
		.from = s->from,
	};
}

static void report(const struct shot *s, enum ras_class class)
{
	struct ras_error error = error_of(s, class);

	fw_ras_report(s->vm, &error);
}

static void mark(struct shot *s)
{
	struct injector *in = &s->vm->injector;

	pthread_mutex_lock(&in->lock);
	in->mark[in->nmarks++ % INJECT_MARKS] = lost(s);
	pthread_mutex_unlock(&in->lock);
}

uint32_t inject_id_of(struct vm *vm, gpa_t page)
{
	struct injector *in = &vm->injector;
	uint32_t id = RAS_NO_ID;

	if (!in->opened)
		return RAS_NO_ID;
	pthread_mutex_lock(&in->lock);
	for (unsigned i = 0; i < in->nmarks && i < INJECT_MARKS && id == RAS_NO_ID; i++) {
		const struct inject_mark *m = &in->mark[(in->nmarks - 1 - i) % INJECT_MARKS];

		if (page.v >= m->from && page.v < m->to)
			id = m->id;
	}
	pthread_mutex_unlock(&in->lock);
	return id;
}

void inject_forget(struct vm *vm)
{
	struct injector *in = &vm->injector;

	if (!in->opened)
		return;
	pthread_mutex_lock(&in->lock);
	in->nmarks = 0;
	pthread_mutex_unlock(&in->lock);
	in->einj_errors = 0;
	in->einj_refused = false;
}

static int poison_uffd(struct shot *s)
{
	int rc;

	mark(s);
	vm_hold_still(s->vm);
	rc = hostpoison_uffd(&s->vm->mem, s->at, inject_bytes(s->rule), s->err);
	vm_unhold(s->vm);
	return rc;
}

static int poison_real(struct shot *s)
{
	uint64_t bytes = inject_bytes(s->rule);
	int rc = 0;

	mark(s);
	for (uint64_t i = 0; i < bytes && rc == 0; i += RAS_PAGE_BYTES)
		rc = hostpoison_real(&s->vm->mem, gpa(s->at.v + i), s->err);
	return rc;
}

/* The host's kernel reports a page lost for real by itself, one with a marker only when it is used. */
static int fire_mem_ao(struct shot *s)
{
	int rc = 0;

	if (s->rule->level == INJECT_REAL)
		return poison_real(s);
	if (s->rule->level == INJECT_UFFD)
		rc = poison_uffd(s);
	if (rc == 0)
		report(s, RAS_AO);
	return rc;
}

/* The owner of the PE takes it before it runs its guest again. */
static void consume(struct shot *s)
{
	struct vcpu *vcpu = &s->vm->vcpu[s->pe];
	struct fw_locked fw = fw_lock(&s->vm->fw);

	vcpu->errors.error = error_of(s, RAS_AR);
	vcpu->errors.ifetch = s->rule->ifetch;
	vcpu->errors.consume = true;
	vcpu_kick(vcpu, VCPU_REQ_RAS);
	fw_unlock(fw);
}

/* With uffd and real it is the guest itself that uses the page. */
static int fire_mem_ar(struct shot *s)
{
	if (s->rule->level == INJECT_REAL)
		return poison_real(s);
	if (s->rule->level == INJECT_UFFD)
		return poison_uffd(s);
	consume(s);
	return 0;
}

static int fire_mem_ce(struct shot *s)
{
	report(s, RAS_CE);
	return 0;
}

static uint32_t announce(const struct shot *s)
{
	struct fw_locked fw = fw_lock(&s->vm->fw);
	uint32_t id = ras_injected(fw, &s->vm->ras, inject_kind_name(s->rule->kind), s->from);

	fw_unlock(fw);
	return id;
}

static int fire_storm(struct shot *s)
{
	enum ras_class class = s->rule->severity == CPER_CORRECTED ? RAS_CE : RAS_AO;
	uint64_t steps = s->rule->pages + RAS_REGION_BYTES / RAS_PAGE_BYTES;
	struct storm storm = inject_storm(s);
	uint32_t told = 0;

	for (uint64_t i = 0; told < s->rule->pages && i < steps; i++) {
		if (!inject_storm_page(s, &storm, i, &s->at))
			continue;
		if (!mem_contains(&s->vm->mem, s->at, RAS_PAGE_BYTES))
			return err_set(s->err, -EFAULT,
				       "after %" PRIu32 " pages, guest address 0x%" PRIx64
				       " is no RAM",
				       told, s->at.v);
		/* Each has its own number. */
		if (told++)
			s->id = announce(s);
		report(s, class);
	}
	return 0;
}

/* ---- what a PE takes ---- */

static int fire_serror(struct shot *s)
{
	bool has_esr = s->rule->serror != RAS_SERROR_NO_ESR;
	struct ras_serror serror = {
		.pending = true,
		.has_esr = has_esr,
		.iss = has_esr ? s->rule->serror : 0,
	};
	struct fw_locked fw = fw_lock(&s->vm->fw);

	fw_ras_serror(fw, s->vm, s->pe, serror, s->id);
	fw_unlock(fw);
	return 0;
}

static void take_abort(struct shot *s)
{
	struct vcpu *vcpu = &s->vm->vcpu[s->pe];
	struct fw_locked fw = fw_lock(&s->vm->fw);

	vcpu->errors.ifetch = s->rule->ifetch;
	vcpu->errors.sea_id = s->id;
	vcpu->errors.sea = true;
	vcpu_kick(vcpu, VCPU_REQ_RAS);
	fw_unlock(fw);
}

static int fire_sea(struct shot *s)
{
	take_abort(s);
	return 0;
}

/* Nobody looks at the source of aborts but who takes one. */
static int fire_record(struct shot *s)
{
	int rc = inject_send_record(s);

	if (rc == 0 && s->pe != RAS_NO_PE)
		take_abort(s);
	return rc;
}

static int fire_sdei(struct shot *s)
{
	unsigned cpu = s->rule->cpu == INJECT_ANY_CPU ? SDEI_NO_CPU : s->rule->cpu;

	return fw_sdei_trigger(s->vm, s->rule->event, cpu, s->from, s->err);
}

/* ---- the one way in ---- */

static int (*const actions[INJECT_NR_KINDS])(struct shot *s) = {
	[INJECT_MEM_AO] = fire_mem_ao, [INJECT_MEM_AR] = fire_mem_ar,
	[INJECT_MEM_CE] = fire_mem_ce, [INJECT_SERROR] = fire_serror,
	[INJECT_SEA] = fire_sea,       [INJECT_SDEI] = fire_sdei,
	[INJECT_GHES] = fire_record,   [INJECT_ARM_PROC] = fire_record,
	[INJECT_STORM] = fire_storm,
};

static int check_machine(const struct shot *s)
{
	const struct vm *vm = s->vm;
	const struct inject_machine machine = {
		.ncpus = vm->nvcpus,
		.ram = vm->mem.base,
		.ram_bytes = vm->mem.size,
		.acpi = board_has_acpi(&vm->board) && vm->ras_region.v,
		.sdei = vm->config->sdei,
	};

	if (!vm->nvcpus || atomic_load(&vm->event) != VM_RUNNING)
		return err_set(s->err, -EAGAIN, "the guest does not run");
	return inject_check(s->rule, &machine, s->err);
}

static int check_syndrome(const struct vm *vm, const struct inject_rule *rule, struct err *err)
{
	if (rule->kind != INJECT_SERROR || rule->serror == RAS_SERROR_NO_ESR || vm->caps.ras)
		return 0;
	return err_set(err, -EOPNOTSUPP,
		       "an SError with a syndrome needs a host CPU with the RAS extension, which "
		       "this one does not have: use no-esr");
}

int inject_fire(struct vm *vm, const struct inject_rule *rule, const char *from, uint32_t *id,
		struct err *err)
{
	struct shot s = { .vm = vm, .rule = rule, .from = from, .err = err, .pe = RAS_NO_PE };
	int rc = check_machine(&s);

	*id = RAS_NO_ID;
	if (rc == 0)
		rc = check_syndrome(vm, rule, err);
	if (rc == 0)
		rc = find_pe(&s);
	if (rc == 0)
		rc = inject_find_place(&s);
	if (rc)
		return rc;
	*id = s.id = announce(&s);
	return actions[rule->kind](&s);
}

int inject_check_host(const struct vm *vm, const struct inject_rule *rule, struct err *err)
{
	int rc = check_syndrome(vm, rule, err);

	if (rc == 0 && rule->level == INJECT_UFFD)
		rc = hostpoison_check_uffd(err);
	if (rc == 0 && rule->level == INJECT_REAL)
		rc = hostpoison_check_real(err);
	if (rc == 0 && rule->level == INJECT_REAL)
		log_warn("--inject level=real: each page takes a frame away from this host until "
			 "it is rebooted");
	return rc ? rc : inject_check_file(rule, err);
}

/* ---- the guest's EINJ ---- */

/* What this host cannot do is done as nearly as it can: an error the guest is told of, without the page
 * being lost; an SError without a syndrome, which stops a guest just as well. */
static void fit_to_host(const struct vm *vm, struct inject_rule *rule)
{
	struct err ignored;

	if (rule->level == INJECT_UFFD && hostpoison_check_uffd(&ignored))
		rule->level = INJECT_MODEL;
	if (rule->kind == INJECT_SERROR && !vm->caps.ras)
		rule->serror = RAS_SERROR_NO_ESR;
}

/* The structure in RAM, if it can be read. A guest that uses SET_ERROR_TYPE next time shall not have this
 * type again. */
static bool read_params(struct vm *vm, uint8_t params[EINJ_PARAMS_BYTES])
{
	const uint32_t no_type = 0;
	gpa_t at = gpa(vm->ras_region.v + RAS_EINJ_PARAMS);

	return vm->ras_region.v && !mem_read(&vm->mem, at, params, EINJ_PARAMS_BYTES) &&
	       !mem_write(&vm->mem, at, &no_type, sizeof(no_type));
}

/* Each takes room in the page map, which must not become full by what the guest asks for itself. */
static bool takes_room(const struct inject_rule *rule)
{
	return rule->kind == INJECT_MEM_AO || rule->kind == INJECT_MEM_AR ||
	       rule->kind == INJECT_MEM_CE;
}

static bool is_too_many(struct injector *in, const struct inject_rule *rule)
{
	if (!takes_room(rule) || in->einj_errors < INJECT_EINJ_MAX)
		return false;
	if (!in->einj_refused)
		log_warn("the guest has had %u memory errors from its EINJ: further ones are "
			 "refused until a reset replaces the lost pages",
			 in->einj_errors);
	in->einj_refused = true;
	return true;
}

static int fire_einj(struct vm *vm, struct inject_rule *rule, struct err *err)
{
	uint32_t id;
	int rc;

	fit_to_host(vm, rule);
	rc = inject_fire(vm, rule, "einj", &id, err);
	/* One that failed half-way may have lost pages too. */
	if (id != RAS_NO_ID && takes_room(rule))
		vm->injector.einj_errors++;
	return rc;
}

static enum einj_status carry_out_einj(struct vm *vm, uint32_t type)
{
	uint8_t params[EINJ_PARAMS_BYTES];
	struct inject_rule rule;
	struct err err = { "" };
	int rc = einj_rule(type, read_params(vm, params) ? params : NULL, &rule, &err);

	if (rc == 0 && is_too_many(&vm->injector, &rule))
		return EINJ_FAILURE;
	if (rc == 0)
		rc = fire_einj(vm, &rule, &err);
	if (rc && log_allow(&vm->injector.log, clock_now_ns()))
		log_warn("the guest's EINJ request failed: %s", err.text);
	if (rc == 0)
		return EINJ_SUCCESS;
	return rc == -EINVAL ? EINJ_INVALID : EINJ_FAILURE;
}

void inject_einj(struct vm *vm)
{
	struct einj *einj = &vm->einj;
	enum einj_status status;
	uint32_t type;
	bool busy;

	if (!vm->board.block[BOARD_EINJ].size)
		return;
	device_lock(&einj->dev);
	busy = einj->state.busy;
	type = einj->state.type;
	device_unlock(&einj->dev);
	if (!busy)
		return;
	status = carry_out_einj(vm, type);
	device_lock(&einj->dev);
	einj_done(einj, status);
	device_unlock(&einj->dev);
}
