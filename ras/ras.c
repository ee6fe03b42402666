/*
 * Errors in, notifications out: what all of it shares. Errors enter in report.c and consume.c, wait in
 * the poison map, leave by deliver.c to a GHES (sources.c) or to the log page (dtlog.c). Here are the
 * lives of the guest, ids, notes, time, and the end.
 *
 * State: struct ras, under the firmware lock. Nothing here knows a clock: the latest time that a caller
 * told is what "now" means, so that it never goes back.
 * Left out: who is asked for an SError or SEA, and register writes; arm64/fw_ras.c does that.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ras/ras_private.h"

static int check_config(const struct ras_config *config, struct err *err)
{
	const struct ras_ops *ops = config->ops;

	if (!config->policy.limit_per_s)
		return err_set(err, -EINVAL, "a limit of 0 pages a second tells the guest nothing");
	if (!config->npe || config->npe > RAS_MAX_PES)
		return err_set(err, -EINVAL,
			       "error handling for %u CPUs was asked for, 1 to %u are possible",
			       config->npe, RAS_MAX_PES);
	if (!ops || !ops->sdei_state || !ops->sdei_trigger || !ops->ged || !ops->serror ||
	    !ops->heal || !ops->stop || !ops->alarm)
		return err_set(err, -EINVAL, "error handling lacks an operation of the machine");
	return 0;
}

/* ---- the region's memory: the machine's, but what was in a page that is replaced is lost ---- */

static int memory_read(void *world, gpa_t at, void *data, size_t n)
{
	const struct ghes_memory *memory = &((struct ras *)world)->config.memory;

	return memory->read(memory->world, at, data, n);
}

static int memory_write(void *world, gpa_t at, const void *data, size_t n)
{
	const struct ghes_memory *memory = &((struct ras *)world)->config.memory;

	return memory->write(memory->world, at, data, n);
}

/* Does the page of the host around `page` hold any of the n bytes at `offset` of the region? */
static bool shares_page(const struct ras *ras, gpa_t page, uint64_t offset, uint64_t n)
{
	uint64_t wanted = ras->config.host_page_bytes;
	uint64_t bytes = wanted > RAS_PAGE_BYTES ? wanted : RAS_PAGE_BYTES;
	uint64_t from = align_down(page.v, bytes), at = ras->ghes.region.v + offset;

	return at < from + bytes && from < at + n;
}

/* What was sent and lies elsewhere is still there: it must not be sent twice. Acknowledgements that are gone
 * count as given: a block that is still there and has no record was read. */
static int memory_renew(void *world, gpa_t page)
{
	struct ras *ras = world;
	const struct ghes_memory *memory = &ras->config.memory;

	for (unsigned i = 0; i < GHES_NR; i++)
		if (shares_page(ras, page, RAS_BLOCK(i), CPER_BLOCK_BYTES))
			ras->sent[i].lost = true;
	if (shares_page(ras, page, RAS_LOG_PAGE, RAS_PAGE_BYTES))
		ras->told_log.lost = true;
	return memory->renew(memory->world, page);
}

int ras_init(struct ras *ras, const struct ras_config *config, struct err *err)
{
	int ret = check_config(config, err);

	if (ret)
		return ret;
	memset(ras, 0, sizeof(*ras));
	ras->config = *config;
	ras->ghes.memory = (struct ghes_memory){
		.read = memory_read,
		.write = memory_write,
		.renew = memory_renew,
		.world = ras,
	};
	ras->map = malloc(sizeof(*ras->map));
	ras->pe = calloc(config->npe, sizeof(*ras->pe));
	if (!ras->map || !ras->pe) {
		ras_destroy(ras);
		return err_set(err, -ENOMEM, "no memory for the map of lost pages");
	}
	poison_init(ras->map);
	limit_init(&ras->limit, config->policy.limit_per_s, 0);
	ras->alarm_ns = UINT64_MAX;
	return 0;
}

void ras_destroy(struct ras *ras)
{
	free(ras->map);
	free(ras->pe);
	ras->map = NULL;
	ras->pe = NULL;
}

/* ---- a life of the guest ---- */

static int reset_region(struct ras *ras, gpa_t region, struct err *err)
{
	int ret;

	ras->ghes.region = region;
	if (!region.v)
		return 0;
	ras_repair_region(ras);
	ret = ghes_reset(&ras->ghes);
	if (!ret)
		ret = logpage_reset(&ras->log, &ras->ghes);
	if (ret)
		return err_set(
			err, ret,
			"the firmware's region for error records at 0x%llx cannot be written: %s",
			(unsigned long long)region.v, strerror(-ret));
	return 0;
}

void ras_pause(struct fw_locked fw, struct ras *ras)
{
	ras->running = false;
	ras->ghes.region = gpa(0);
	poison_reset(ras->map);
	ras_set_alarm(fw, ras);
}

int ras_reset(struct fw_locked fw, struct ras *ras, gpa_t region, uint64_t now_ns, struct err *err)
{
	int ret = reset_region(ras, region, err);

	if (ret)
		return ret;
	memset(ras->record, 0, sizeof(ras->record));
	memset(ras->sent, 0, sizeof(ras->sent));
	memset(&ras->told_log, 0, sizeof(ras->told_log));
	memset(ras->pe, 0, ras->config.npe * sizeof(*ras->pe));
	for (unsigned i = 0; i < RAS_STREAMS; i++)
		ras->decided[i] = RAS_NR_WAYS;
	ras->running = true;
	ras->alive = false;
	ras->stopped = false;
	ras_clock(ras, now_ns);
	ras_changed(ras);
	ras->start_ns = ras->now_ns;
	limit_init(&ras->limit, ras->config.policy.limit_per_s, ras->now_ns);
	ras_set_alarm(fw, ras);
	return 0;
}

/* ---- ids and notes ---- */

uint32_t ras_id(struct ras *ras, uint32_t wanted)
{
	if (wanted != RAS_NO_ID)
		return wanted;
	if (++ras->next_id == RAS_NO_ID)
		++ras->next_id;
	return ras->next_id;
}

struct ras_note ras_note_of(enum ras_note_kind kind)
{
	return (struct ras_note){
		.kind = kind,
		.pe = RAS_NO_PE,
		.source = GHES_NR,
	};
}

struct ras_note ras_note_error(enum ras_note_kind kind, const struct ras_error *error)
{
	struct ras_note note = ras_note_of(kind);

	note.id = error->id;
	note.class = error->class;
	note.gpa = error->at.v;
	note.bytes = error->bytes;
	note.from = error->from;
	return note;
}

void ras_tell(struct ras *ras, const struct ras_note *note)
{
	const struct ras_config *c = &ras->config;

	ras->counts[note->kind]++;
	if (c->ops->note)
		c->ops->note(c->world, note);
}

uint32_t ras_injected(struct fw_locked fw, struct ras *ras, const char *kind, const char *from)
{
	struct ras_note note = ras_note_of(RAS_NOTE_INJECTED);

	(void)fw;
	note.id = ras_id(ras, RAS_NO_ID);
	note.text = kind;
	note.from = from;
	ras_tell(ras, &note);
	return note.id;
}

void ras_stop(struct ras *ras, uint32_t id, const char *why)
{
	struct ras_note note = ras_note_of(RAS_NOTE_STOPPED);

	if (ras->stopped)
		return;
	ras->stopped = true;
	note.id = id;
	note.way = RAS_WAY_STOP;
	note.text = why;
	ras_tell(ras, &note);
	ras->config.ops->stop(ras->config.world, why);
}

/* ---- what the guest is ready for ---- */

bool ras_has_ghes(const struct ras *ras)
{
	return ras->config.acpi && ras->ghes.region.v;
}

static enum ras_sdei event_state(struct fw_locked fw, const struct ras *ras, uint32_t event)
{
	return ras->config.ops->sdei_state(fw, ras->config.world, event);
}

void ras_fill_caps(struct fw_locked fw, struct ras *ras, bool fatal, struct ras_caps *caps)
{
	enum ras_sdei normal = RAS_SDEI_NONE, critical = RAS_SDEI_NONE;

	/* Without the region an event has nothing to point at. */
	caps->sdei_offered = ras->config.sdei_offered && ras->ghes.region.v;
	if (caps->sdei_offered) {
		normal = event_state(fw, ras, RAS_EVENT_NORMAL);
		critical = event_state(fw, ras, RAS_EVENT_CRITICAL);
	}
	if (normal != RAS_SDEI_NONE || critical != RAS_SDEI_NONE)
		ras->alive = true;
	caps->ghes = ras_has_ghes(ras);
	caps->ghes_alive = ras->alive;
	caps->sdei = fatal ? critical : normal;
	caps->serror_esr = ras->config.serror_esr;
}

struct ras_serror ras_policy_serror(const struct ras *ras)
{
	uint64_t wanted = ras->config.policy.serror;
	struct ras_serror serror = { .pending = true };

	if (wanted == RAS_SERROR_NO_ESR || !ras->config.serror_esr)
		return serror;
	serror.has_esr = true;
	serror.iss = wanted;
	if (wanted == RAS_SERROR_AUTO)
		serror.iss = ESR_SERROR_AET(ESR_AET_UEU) | ESR_SERROR_DFSC;
	return serror;
}

/* ---- time ---- */

void ras_clock(struct ras *ras, uint64_t now_ns)
{
	if (now_ns > ras->now_ns)
		ras->now_ns = now_ns;
}

void ras_changed(struct ras *ras)
{
	ras->changed_ns = ras->now_ns;
}

bool ras_waits(struct fw_locked fw, const struct ras *ras)
{
	(void)fw;
	if (ras->stopped || !ras->running)
		return false;
	for (unsigned i = 0; i < GHES_NR; i++)
		if (ras_busy(ras, (enum ghes_id)i))
			return true;
	for (unsigned i = 0; i < RAS_MAX_RECORDS; i++)
		if (ras->record[i].n)
			return true;
	return ras_log_busy(ras) || poison_first_queued(ras->map, RAS_AO) >= 0 ||
	       poison_first_queued(ras->map, RAS_AR) >= 0 ||
	       poison_first_queued(ras->map, RAS_CE) >= 0;
}

/* As long again as it has been since something moved: 5, 10, 20... ms. */
static uint64_t back_off(const struct ras *ras)
{
	uint64_t since_ns = ras->now_ns - ras->changed_ns;

	if (since_ns < RAS_ALARM_MIN_NS)
		return RAS_ALARM_MIN_NS;
	return since_ns < RAS_ALARM_MAX_NS ? since_ns : RAS_ALARM_MAX_NS;
}

void ras_set_alarm(struct fw_locked fw, struct ras *ras)
{
	uint64_t at_ns = UINT64_MAX;

	if (ras_waits(fw, ras))
		at_ns = ras->now_ns + back_off(ras);
	if (at_ns == ras->alarm_ns)
		return;
	ras->alarm_ns = at_ns;
	ras->config.ops->alarm(ras->config.world, at_ns);
}

void ras_tick(struct fw_locked fw, struct ras *ras, uint64_t now_ns)
{
	const char *waits[RAS_STREAMS];
	struct ras_caps caps = { 0 };

	ras_clock(ras, now_ns);
	if (!ras->running)
		return;
	/* That the guest listens counts, whether or not there is something to tell it now. */
	if (!ras->alive)
		ras_fill_caps(fw, ras, false, &caps);
	ras_deliver(fw, ras, waits);
	ras_set_alarm(fw, ras);
}
