/* See trace.h. A line is formatted on the stack and written by one write(2), so lines of several
 * vCPUs never mix and none is lost if rasvm is killed. docs/firmware.md describes the fields. */
#include "arm64/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/log.h"

static const char *const action_names[] = {
	[FW_PE_OFF] = "cpu_off",
	[FW_PE_SUSPEND] = "suspend",
	[FW_SYSTEM_OFF] = "system_off",
	[FW_HIBERNATE_OFF] = "hibernate_off",
	[FW_SYSTEM_RESET] = "system_reset",
	[FW_WARM_RESET] = "warm_reset",
	[FW_GUEST_EXIT] = "guest_exit",
};

/* What a note of each kind tells besides the event and the PE. */
enum {
	NOTE_BY = 1,
	NOTE_WHY = 2,
	NOTE_PC = 4,
	NOTE_PSTATE = 8,
	NOTE_STATUS = 16,
	NOTE_DURATION = 32,
	NOTE_DEPTH = 64,
};

static const struct {
	const char *name;
	unsigned tells; /* NOTE_* */
} note_kinds[] = {
	/* clang-format off */
	[SDEI_NOTE_TRIGGERED] = { "sdei_triggered", NOTE_BY                                  },
	[SDEI_NOTE_DROPPED]   = { "sdei_dropped",   NOTE_WHY                                 },
	[SDEI_NOTE_PENDED]    = { "sdei_pended",    NOTE_WHY                                 },
	[SDEI_NOTE_ROUTED]    = { "sdei_routed",    0                                        },
	[SDEI_NOTE_ENTERED]   = { "sdei_entered",   NOTE_PC | NOTE_PSTATE | NOTE_DEPTH       },
	[SDEI_NOTE_COMPLETED] = { "sdei_completed", NOTE_STATUS | NOTE_DURATION | NOTE_DEPTH },
	[SDEI_NOTE_RESUMED]   = { "sdei_resumed",   NOTE_PC | NOTE_DURATION | NOTE_DEPTH     },
	[SDEI_NOTE_ENDED]     = { "sdei_ended",     NOTE_DEPTH                               },
	/* clang-format on */
};

/* The same of an error's life. */
enum {
	RAS_TELLS_KIND = 1,
	RAS_TELLS_FROM = 2,
	RAS_TELLS_CLASS = 4,
	RAS_TELLS_GPA = 8,
	RAS_TELLS_BYTES = 16,
	RAS_TELLS_WAY = 32,
	RAS_TELLS_WHY = 64,
	RAS_TELLS_SOURCE = 128,
	RAS_TELLS_PAGES = 256,
	RAS_TELLS_PC = 512,
	RAS_TELLS_LATENCY = 1024,
};

static const struct {
	const char *name;
	unsigned tells; /* RAS_TELLS_* */
} ras_kinds[] = {
	/* clang-format off */
	[RAS_NOTE_INJECTED] = { "ras_injected", RAS_TELLS_KIND | RAS_TELLS_FROM },
	[RAS_NOTE_SIGNAL]   = { "ras_signal",   RAS_TELLS_CLASS | RAS_TELLS_GPA | RAS_TELLS_BYTES | RAS_TELLS_FROM },
	[RAS_NOTE_KNOWN]    = { "ras_known",    RAS_TELLS_CLASS | RAS_TELLS_GPA | RAS_TELLS_WHY },
	[RAS_NOTE_DECIDED]  = { "ras_decided",  RAS_TELLS_WAY | RAS_TELLS_WHY },
	[RAS_NOTE_QUEUED]   = { "ras_queued",   RAS_TELLS_WAY | RAS_TELLS_WHY },
	[RAS_NOTE_NOTIFIED] = { "ras_notified", RAS_TELLS_WAY | RAS_TELLS_SOURCE | RAS_TELLS_PAGES },
	[RAS_NOTE_TAKEN]    = { "ras_taken",    RAS_TELLS_WAY | RAS_TELLS_PC },
	[RAS_NOTE_ACKED]    = { "ras_acked",    RAS_TELLS_SOURCE | RAS_TELLS_LATENCY },
	[RAS_NOTE_UNACKED]  = { "ras_unacked",  RAS_TELLS_SOURCE | RAS_TELLS_LATENCY },
	[RAS_NOTE_FALLBACK] = { "ras_fallback", RAS_TELLS_WAY | RAS_TELLS_WHY },
	[RAS_NOTE_HEALED]   = { "ras_healed",   RAS_TELLS_GPA | RAS_TELLS_BYTES },
	[RAS_NOTE_STOPPED]  = { "ras_stopped",  RAS_TELLS_WHY },
	/* clang-format on */
};

int trace_open(struct trace *trace, const char *path, struct err *err)
{
	int r;

	trace->fd = -1;
	r = trace_tap_open(&trace->tap, err);
	if (r || !path)
		return r;
	trace->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
	if (trace->fd < 0)
		return err_set(err, -errno, "--trace %s: %s", path, strerror(errno));
	return 0;
}

void trace_close(struct trace *trace)
{
	if (trace->fd >= 0)
		close(trace->fd);
	trace->fd = -1;
	trace_tap_close(&trace->tap);
	if (trace->lost)
		log_warn("--trace: %" PRIu64 " lines could not be written", trace->lost);
}

/* A line being formatted; one that does not fit is cut. */
struct line {
	char text[TRACE_LINE_BYTES];
	size_t used;
};

static void add(struct line *line, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void add(struct line *line, const char *fmt, ...)
{
	size_t room = sizeof(line->text) - line->used;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line->text + line->used, room, fmt, ap);
	va_end(ap);
	line->used += (size_t)n < room ? (size_t)n : room - 1;
}

static void write_line(struct trace *trace, struct line *line)
{
	ssize_t n;

	line->text[line->used - 1] = '\n'; /* of one that was cut, too */
	if (trace_tap_on(&trace->tap))
		trace_tap_put(&trace->tap, line->text, line->used);
	if (trace->fd < 0)
		return;
	do
		n = write(trace->fd, line->text, line->used);
	while (n < 0 && errno == EINTR); /* a kick */
	/* A full disk must not stop the guest: the line is lost, and counted. */
	if (n != (ssize_t)line->used)
		atomic_fetch_add(&trace->lost, 1);
}

void trace_call(struct trace *trace, uint64_t t_ns, const struct fw_call *row,
		const struct smccc *call, enum fw_result result)
{
	struct line line = { .used = 0 };

	add(&line,
	    "{\"t_ns\":%" PRIu64 ",\"cpu\":%u,\"conduit\":\"%s\",\"fid\":\"0x%08x\","
	    "\"name\":\"%s\",\"args\":[",
	    t_ns, call->pe, call->conduit == SMCCC_SMC ? "smc" : "hvc", call->fid,
	    row ? row->name : smccc_owner_name(call->fid));
	for (unsigned i = 0; i < call->nargs; i++)
		add(&line, "%s\"0x%" PRIx64 "\"", i ? "," : "", call->arg[i]);
	add(&line, "]");
	if (result == FW_RETURN)
		add(&line, ",\"ret\":%" PRId64, call->ret);
	else if (result != FW_RESUMED)
		add(&line, ",\"action\":\"%s\"", action_names[result]);
	add(&line, "}\n");
	write_line(trace, &line);
}

void trace_event(struct trace *trace, uint64_t t_ns, unsigned cpu, const char *event)
{
	struct line line = { .used = 0 };

	add(&line, "{\"t_ns\":%" PRIu64 ",\"cpu\":%u,\"event\":\"%s\"}\n", t_ns, cpu, event);
	write_line(trace, &line);
}

void trace_guest(struct trace *trace, uint64_t t_ns, unsigned cpu, const char *event,
		 const char *text)
{
	struct line line = { .used = 0 };

	add(&line, "{\"t_ns\":%" PRIu64 ",\"cpu\":%u,\"event\":\"%s\",\"text\":\"", t_ns, cpu,
	    event);
	for (; *text; text++)
		add(&line, *text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
	add(&line, "\"}\n");
	write_line(trace, &line);
}

static void add_details(struct line *line, const struct sdei_note *note, uint64_t duration_ns)
{
	unsigned tells = note_kinds[note->kind].tells;

	if (tells & NOTE_BY && note->by)
		add(line, ",\"by\":\"%s\"", note->by);
	if (tells & NOTE_WHY)
		add(line, ",\"why\":\"%s\"", sdei_hold_name(note->why));
	if (tells & NOTE_PC)
		add(line, ",\"pc\":\"0x%" PRIx64 "\"", note->pc);
	if (tells & NOTE_PSTATE)
		add(line, ",\"pstate\":\"0x%" PRIx64 "\"", note->pstate);
	if (tells & NOTE_STATUS)
		add(line, ",\"status\":%" PRIu64, note->status);
	if (tells & NOTE_DURATION)
		add(line, ",\"duration_ns\":%" PRIu64, duration_ns);
	if (tells & NOTE_DEPTH)
		add(line, ",\"depth\":%u", note->depth);
}

void trace_sdei(struct trace *trace, uint64_t t_ns, const struct sdei_note *note,
		uint64_t duration_ns)
{
	struct line line = { .used = 0 };

	add(&line, "{\"t_ns\":%" PRIu64, t_ns);
	if (note->pe != SDEI_NO_PE)
		add(&line, ",\"cpu\":%u", note->pe);
	add(&line, ",\"event\":\"%s\",\"sdei\":\"0x%" PRIx32 "\"", note_kinds[note->kind].name,
	    note->event);
	add_details(&line, note, duration_ns);
	add(&line, "}\n");
	write_line(trace, &line);
}

static void add_text(struct line *line, const char *name, const char *text)
{
	if (text)
		add(line, ",\"%s\":\"%s\"", name, text);
}

static void add_where(struct line *line, const struct ras_note *note)
{
	unsigned tells = ras_kinds[note->kind].tells;

	if (tells & RAS_TELLS_CLASS)
		add_text(line, "class", ras_class_name(note->class));
	if (tells & RAS_TELLS_GPA)
		add(line, ",\"gpa\":\"0x%" PRIx64 "\"", note->gpa);
	if (tells & RAS_TELLS_BYTES)
		add(line, ",\"bytes\":%" PRIu64, note->bytes);
	if (tells & RAS_TELLS_PC)
		add(line, ",\"pc\":\"0x%" PRIx64 "\",\"esr\":\"0x%" PRIx64 "\"", note->pc,
		    note->esr);
}

static void add_how(struct line *line, const struct ras_note *note)
{
	unsigned tells = ras_kinds[note->kind].tells;

	if (tells & RAS_TELLS_WAY)
		add_text(line, "way", ras_way_name(note->way));
	if (tells & RAS_TELLS_SOURCE && note->source < GHES_NR)
		add_text(line, "source", ghes_name((enum ghes_id)note->source));
	if (tells & RAS_TELLS_PAGES)
		add(line, ",\"pages\":%u", note->pages);
	if (tells & RAS_TELLS_LATENCY)
		add(line, ",\"latency_ns\":%" PRIu64, note->latency_ns);
	if (tells & RAS_TELLS_KIND)
		add_text(line, "kind", note->text);
	if (tells & RAS_TELLS_WHY)
		add_text(line, "why", note->text);
	if (tells & RAS_TELLS_FROM)
		add_text(line, "from", note->from);
}

void trace_ras(struct trace *trace, uint64_t t_ns, const struct ras_note *note)
{
	struct line line = { .used = 0 };

	add(&line, "{\"t_ns\":%" PRIu64, t_ns);
	if (note->pe != RAS_NO_PE)
		add(&line, ",\"cpu\":%u", note->pe);
	add(&line, ",\"event\":\"%s\",\"ras\":%" PRIu32, ras_kinds[note->kind].name, note->id);
	add_where(&line, note);
	add_how(&line, note);
	add(&line, "}\n");
	write_line(trace, &line);
}
