/*
 * Any text as a script, and any bytes as the console of its guest: the script is refused with reasons, or it
 * runs to its end with as many results as its plan says.
 *
 * Input: the script, a zero byte, what the guest prints. Verbs answer by turns.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/script_run.h"
#include "lib/types.h"

#define MAX_TICKS 100000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world {
	struct script_run run;
	unsigned calls, results;
};

static void violated(const char *rule)
{
	fprintf(stderr, "violated: %s\n", rule);
	abort();
}

static int answer(void *world, struct err *err)
{
	static const int answers[] = { 0, 0, -EAGAIN, 0, 0, -EBUSY, 0, 0, 0, 0, 0, 0, -EINVAL };
	struct world *w = world;
	int rc = answers[w->calls++ % ARRAY_SIZE(answers)];

	return rc ? err_set(err, rc, "refused") : 0;
}

static int do_send(void *world, const void *bytes, uint32_t n, struct err *err)
{
	if (n == 0 || n >= SCRIPT_LINE_BYTES || !bytes)
		violated("there is something to send, within the limit");
	return answer(world, err);
}

static int do_text(void *world, const char *text, struct err *err)
{
	if (strlen(text) >= SCRIPT_LINE_BYTES)
		violated("a text is within the limit");
	return answer(world, err);
}

static void do_note(void *world, const char *text)
{
	(void)world, (void)text;
}

static void do_result(void *world, const struct script_result *r)
{
	struct world *w = world;

	if (!r->name || (r->outcome == SCRIPT_FAILED) != (r->message != NULL))
		violated("a result has a name, and a message if it failed");
	if (!r->guest && r->number != ++w->results)
		violated("results are numbered");
}

static const struct script_run_ops ops = {
	.send = do_send,
	.inject = do_text,
	.trigger = do_text,
	.pause = answer,
	.resume = answer,
	.reset = answer,
	.stop = answer,
	.note = do_note,
	.result = do_result,
	.powerdown = answer,
};

static void run(const struct script *script, const uint8_t *console, size_t n)
{
	struct world *w = calloc(1, sizeof(*w));
	uint64_t now_ns = 1;

	if (!w || script_run_open(&w->run, script, &ops, w))
		abort();
	w->run.guest_reports = true;
	script_run_started(&w->run, now_ns);
	for (unsigned i = 0; i < MAX_TICKS; i++) {
		uint64_t at_ns = script_run_deadline(&w->run);
		size_t part = n < 7 ? n : 7;

		if (at_ns == SCRIPT_NO_DEADLINE)
			break;
		if (n) {
			script_run_output(&w->run, console, (unsigned)part, now_ns);
			script_run_event(&w->run, (const char *)console, (unsigned)part, now_ns);
			console += part;
			n -= part;
			now_ns += 1000000;
		} else if (at_ns > now_ns) {
			now_ns = at_ns;
		}
		script_run_tick(&w->run, now_ns);
	}
	script_run_ended(&w->run, STATUS_INTERRUPTED, now_ns);
	if (w->results != script->nblocks)
		violated("as many results as planned");
	script_run_close(&w->run);
	free(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const define[] = { "A=a.*b", "B=" };
	const struct script_defines defines = { define, ARRAY_SIZE(define) };
	const uint8_t *zero = memchr(data, 0, size);
	size_t n = zero ? (size_t)(zero - data) : size;
	struct script script;
	int rc = script_parse(&script, "fuzz", (const char *)data, n, &defines);

	if ((rc == -EINVAL) != (script.nerrors > 0))
		violated("an error has a reason");
	if (rc == 0)
		run(&script, data + n, size - n);
	script_free(&script);
	return 0;
}
