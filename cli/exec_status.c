/* See exec_status.h. */
#include "cli/exec_status.h"

#include <stdio.h>
#include <string.h>

static void take_line(struct exec_report *r)
{
	int value;

	if (strcmp(r->line, "ready") == 0) {
		atomic_store(&r->ready, true);
	} else if (sscanf(r->line, "exit %d", &value) == 1 && value >= 0 && value <= 255) {
		r->value = value;
		atomic_store(&r->word, EXEC_EXIT);
	} else if (sscanf(r->line, "signal %d", &value) == 1 && value > 0 && value < 128) {
		r->value = value;
		atomic_store(&r->word, EXEC_BY_SIGNAL);
	} else if (strncmp(r->line, "cannot ", 7) == 0) {
		snprintf(r->text, sizeof(r->text), "%.255s", r->line + 7);
		atomic_store(&r->word, EXEC_CANNOT);
	}
}

void exec_report_take(struct exec_report *r, const uint8_t *bytes, size_t n)
{
	/* After the last word nothing is changed that somebody else reads. */
	for (size_t i = 0; i < n && atomic_load(&r->word) == EXEC_NOTHING; i++) {
		if (bytes[i] != '\n') {
			if (r->used < sizeof(r->line) - 1)
				r->line[r->used++] = (char)bytes[i];
			continue;
		}
		r->line[r->used] = '\0';
		r->used = 0;
		take_line(r);
	}
}

static struct exec_verdict verdict(int status, bool show_console, const char *text)
{
	struct exec_verdict v = { .status = status, .show_console = show_console };

	snprintf(v.text, sizeof(v.text), "%s", text);
	return v;
}

static struct exec_verdict exited(const struct exec_outcome *o)
{
	if (o->report->value || !o->output_lost)
		return verdict(o->report->value, false, "");
	return verdict(EXEC_ERROR, false,
		       "the command succeeded, but not all that it wrote could be written here");
}

static struct exec_verdict killed(int sig, uint32_t told)
{
	char text[128];

	if (sig < 32 && told & UINT32_C(1) << sig)
		return verdict(EXEC_SIGNAL + sig, false, "");
	snprintf(text, sizeof(text), "the command was killed by signal %d (%s)", sig,
		 strsignal(sig));
	return verdict(EXEC_KILLED, false, text);
}

/* The guest's init had nothing to say about an end. */
static struct exec_verdict judge_run(const struct exec_outcome *o)
{
	bool ready = atomic_load(&o->report->ready);
	char text[256];

	if (o->status > STATUS_GUEST_EXIT && o->status <= STATUS_GUEST_EXIT_LAST)
		return verdict((int)o->status - STATUS_GUEST_EXIT, false, "");
	snprintf(text, sizeof(text), "%s: %s",
		 ready ? "the guest ended before the command did"
		       : "the guest never came up, so the command did not run",
		 status_text(o->status));
	return verdict(ready ? EXEC_LOST : EXEC_NO_BOOT, true, text);
}

struct exec_verdict exec_judge(const struct exec_outcome *o)
{
	char text[320];

	switch (atomic_load(&o->report->word)) {
	case EXEC_EXIT:
		return exited(o);
	case EXEC_BY_SIGNAL:
		return killed(o->report->value, o->signals);
	case EXEC_CANNOT:
		snprintf(text, sizeof(text), "the guest cannot run the command: %s",
			 o->report->text);
		return verdict(EXEC_NO_BOOT, false, text);
	case EXEC_NOTHING:
		break;
	}
	switch (o->status) {
	case STATUS_INTERNAL:
	case STATUS_USAGE:
	case STATUS_HOST_KVM:
		return verdict(EXEC_ERROR, false, "");
	case STATUS_PANIC:
	case STATUS_TIMEOUT:
		if (!atomic_load(&o->report->ready))
			return judge_run(o);
		return o->status == STATUS_PANIC
			       ? verdict(EXEC_PANIC, true, "the guest's kernel panicked")
			       : verdict(EXEC_TIMEOUT, true, "");
	case STATUS_INTERRUPTED:
		if (o->late)
			return verdict(EXEC_NO_BOOT, true,
				       "the guest did not start the command within "
				       "--boot-timeout");
		if (o->signal)
			return verdict(EXEC_SIGNAL + o->signal, false, "");
		return verdict(EXEC_ERROR, false, "the guest was stopped before the command ended");
	default:
		return judge_run(o);
	}
}
