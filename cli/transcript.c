/* See transcript.h. A line of the console is written when it is complete, or when something else is written,
 * so that the order of lines is the order of what happened. */
#include "cli/transcript.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/clock.h"

int transcript_open(struct transcript *t, const char *path, uint64_t (*now_ns)(void),
		    struct err *err)
{
	t->file = fopen(path, "we");
	if (!t->file)
		return err_set(err, -errno, "--transcript %s: %s", path, strerror(errno));
	t->path = path;
	t->now_ns = now_ns;
	t->start_ns = now_ns();
	return 0;
}

/* ---- lines ---- */

static void begin_line(struct transcript *t, uint64_t at_ns, const char *kind)
{
	uint64_t ns = at_ns - t->start_ns;

	fprintf(t->file, "%5" PRIu64 ".%06" PRIu64 " %-5s ", ns / NS_PER_SEC,
		ns % NS_PER_SEC / NS_PER_US, kind);
}

static void put_byte(struct transcript *t, uint8_t c)
{
	static const char from[] = "\\\n\r\t", to[] = "\\nrt";
	const char *known = c ? strchr(from, c) : NULL;

	if (known)
		fprintf(t->file, "\\%c", to[known - from]);
	else if (c < ' ' || c >= 0x7f)
		fprintf(t->file, "\\x%02x", c);
	else
		fputc(c, t->file);
}

static void put_line(struct transcript *t, uint64_t at_ns, const char *kind, const uint8_t *bytes,
		     unsigned n, bool goes_on)
{
	begin_line(t, at_ns, kind);
	for (unsigned i = 0; i < n; i++)
		put_byte(t, bytes[i]);
	fputs(goes_on ? "\\\n" : "\n", t->file);
}

/* What the guest has printed of a line, if something else is to be written now. */
static void break_line(struct transcript *t)
{
	if (t->used)
		put_line(t, t->line_ns, "out", t->line, t->used, true);
	t->used = 0;
}

static void end_line(struct transcript *t)
{
	/* A console's lines end with both; that says nothing. */
	if (t->used && t->line[t->used - 1] == '\r')
		t->used--;
	put_line(t, t->line_ns, "out", t->line, t->used, false);
	t->used = 0;
}

void transcript_note(struct transcript *t, const char *text)
{
	size_t n = strlen(text);

	if (!t->file)
		return;
	break_line(t);
	put_line(t, t->now_ns(), "note", (const uint8_t *)text, (unsigned)n, false);
	fflush(t->file);
}

int transcript_close(struct transcript *t)
{
	int failed = 0;

	if (!t->file)
		return 0;
	break_line(t);
	failed |= ferror(t->file);
	failed |= fclose(t->file);
	t->file = NULL;
	return failed ? -EIO : 0;
}

/* ---- what the machine tells ---- */

/* Times count from here, as those of the trace do. */
static void on_started(void *self)
{
	struct transcript *t = self;

	t->start_ns = t->now_ns();
	transcript_note(self, "the guest starts");
}

static void on_output(void *self, const uint8_t *bytes, unsigned n)
{
	struct transcript *t = self;
	uint64_t now_ns = t->now_ns();

	for (unsigned i = 0; i < n; i++) {
		if (t->used == 0)
			t->line_ns = now_ns;
		if (bytes[i] == '\n') {
			end_line(t);
			continue;
		}
		if (t->used == sizeof(t->line))
			break_line(t);
		t->line[t->used++] = bytes[i];
	}
	fflush(t->file);
}

static void on_input(void *self, const uint8_t *bytes, unsigned n)
{
	struct transcript *t = self;

	break_line(t);
	put_line(t, t->now_ns(), "in", bytes, n, false);
	fflush(t->file);
}

/* A line of the trace is printable as it is. */
static void on_event(void *self, const char *json, unsigned n)
{
	struct transcript *t = self;

	break_line(t);
	begin_line(t, t->now_ns(), "event");
	fwrite(json, 1, n, t->file);
	fputc('\n', t->file);
}

static void on_reset(void *self)
{
	transcript_note(self, "the guest begins anew");
}

static enum exit_status on_ended(void *self, enum exit_status status)
{
	char text[160];

	snprintf(text, sizeof(text), "the run ended with status %d: %s", (int)status,
		 status_text(status));
	transcript_note(self, text);
	return status;
}

const struct operator_ops transcript_operator_ops = {
	.started = on_started,
	.output = on_output,
	.input = on_input,
	.event = on_event,
	.reset = on_reset,
	.ended = on_ended,
	.wants_events = true,
};
