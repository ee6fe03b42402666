/* See client_command.h. And the commands that are one request: pause, resume, reset, inject, stop. */
#include "cli/client_command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "arm64/status.h"
#include "cli/client.h"
#include "lib/clock.h"
#include "lib/parse.h"

#define LINGER_NS NS_PER_SEC
#define RETRY_NS  (20 * NS_PER_MS)

#define INJECT_PATIENCE_NS (2 * NS_PER_SEC)

int client_command(enum command_id id, int argc, char **argv, client_command_fn *fn)
{
	const char *name = command_table[id].name;
	struct client_options options;
	struct err err = { "" };
	int r, written;

	if (client_options_parse(id, &options, argc, argv, &err)) {
		help_print_error(name, err.text);
		return STATUS_USAGE;
	}
	if (options.help) {
		help_print_command(id, stdout);
		return command_finish_output(stdout);
	}
	r = fn(&options, &err);
	written = command_finish_output(stdout);
	if (r == 0)
		return written;
	help_print_error(name, err.text);
	return r == -EINVAL ? STATUS_USAGE : STATUS_INTERNAL;
}

static int do_pause(const struct client_options *o, struct err *err)
{
	return client_do_once(o->name, CTL_PAUSE, NULL, NULL, NULL, NULL, err);
}

static int do_resume(const struct client_options *o, struct err *err)
{
	return client_do_once(o->name, CTL_RESUME, NULL, NULL, NULL, NULL, err);
}

static int do_reset(const struct client_options *o, struct err *err)
{
	return client_do_once(o->name, CTL_RESET, NULL, NULL, NULL, NULL, err);
}

/* Whether to ask once more, after a moment: what was asked is only not possible just now. */
static bool may_retry(int r, uint64_t deadline_ns)
{
	const struct timespec pause = clock_timespec(RETRY_NS);

	if (r != -EAGAIN || clock_now_ns() >= deadline_ns)
		return false;
	clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
	return true;
}

/* A CPU may not have taken the error before yet; a paused one never does. */
static int do_inject(const struct client_options *o, struct err *err)
{
	uint64_t deadline_ns = clock_now_ns() + INJECT_PATIENCE_NS;
	int r;

	do
		r = client_do_once(o->name, CTL_INJECT, "rule", o->word[0], NULL, NULL, err);
	while (may_retry(r, deadline_ns));
	return r;
}

/* ---- stop ---- */

/* For the rest of a guest's end after its connections were closed. */
#define GONE_NS (10 * NS_PER_SEC)

static void see_state(void *paused, const struct client_line *row)
{
	const char *state = json_line_text(&row->json, "state");

	*(bool *)paused = state && strcmp(state, "paused") == 0;
}

/* 0: the guest has ended, which its closed connection says; -ETIMEDOUT; or another -errno. */
static int wait_end(struct client *client, uint64_t deadline_ns, struct err *err)
{
	struct client_line line;
	int r = 0;

	while (r == 0)
		r = client_receive(client, &line, deadline_ns, err);
	return r == -EPIPE ? 0 : r;
}

/* A guest may have ended before it could answer. */
static int ask_to_end(struct client *client, uint64_t patience_ns, struct err *err)
{
	int r = client_do(client, CTL_STOP, NULL, NULL, NULL, NULL, err);

	if (r)
		return r == -EPIPE ? 0 : r;
	return wait_end(client, clock_now_ns() + patience_ns, err);
}

/* A run that is over still waits for the readers of what the guest printed; asked again it does not. */
static int end_now(struct client *client, struct err *err)
{
	int r = ask_to_end(client, LINGER_NS, err);

	return r == -ETIMEDOUT ? ask_to_end(client, CLIENT_PATIENCE_NS, err) : r;
}

/* Between two lives of the guest, or while it ends by itself, its button cannot be pressed. */
static int press_button(struct client *client, uint64_t deadline_ns, struct err *err)
{
	int r;

	do
		r = client_do(client, CTL_POWERDOWN, NULL, NULL, NULL, NULL, err);
	while (may_retry(r, deadline_ns));
	return r == -EAGAIN ? -ETIMEDOUT : r;
}

/* The power button, then time to react to it. */
static int power_down(struct client *client, const struct client_options *o, struct err *err)
{
	uint64_t deadline_ns = clock_now_ns() + o->timeout_ns;
	char text[PARSE_TEXT_BYTES];
	int r = press_button(client, deadline_ns, err);

	if (r == 0)
		r = wait_end(client, deadline_ns, err);
	if (r != -ETIMEDOUT)
		return r == -EPIPE ? 0 : r;
	parse_print_duration(o->timeout_ns, text);
	return err_set(
		err, r,
		"the guest has not powered off within %s of its power button; --force ends it",
		text);
}

static int stop(struct client *client, const struct client_options *o, struct err *err)
{
	bool paused = false;
	int r = client_do(client, CTL_STATUS, NULL, NULL, see_state, &paused, err);

	if (r)
		return r;
	if (paused && !o->force)
		return err_set(
			err, -EBUSY,
			"the guest is paused and would not see its power button: `rasvm resume` "
			"it first, or use --force");
	if (paused || (o->force && o->timeout_ns == 0))
		return end_now(client, err);
	r = power_down(client, o, err);
	return r == -ETIMEDOUT && o->force ? end_now(client, err) : r;
}

/* Its connections close before its devices do, and the name is free after that, which whoever starts it anew waits
 * for. Nobody answers a new connection; it ends with the name. */
static void wait_gone(const char *name)
{
	uint64_t deadline_ns = clock_now_ns() + GONE_NS;
	struct client client;
	struct client_line line;
	struct err err;
	int r;

	do {
		r = client_open(&client, name, &err);
		if (r == 0)
			r = client_receive(&client, &line, deadline_ns, &err);
		client_close(&client);
	} while (r == 0 && clock_now_ns() < deadline_ns);
}

static int do_stop(const struct client_options *o, struct err *err)
{
	struct client client;
	int r = client_open(&client, o->name, err);

	if (r == 0)
		r = stop(&client, o, err);
	client_close(&client);
	if (r == 0)
		wait_gone(o->name);
	return r;
}

/* ---- the commands ---- */

int command_pause(int argc, char **argv)
{
	return client_command(COMMAND_PAUSE, argc, argv, do_pause);
}

int command_resume(int argc, char **argv)
{
	return client_command(COMMAND_RESUME, argc, argv, do_resume);
}

int command_reset(int argc, char **argv)
{
	return client_command(COMMAND_RESET, argc, argv, do_reset);
}

int command_inject(int argc, char **argv)
{
	return client_command(COMMAND_INJECT, argc, argv, do_inject);
}

int command_stop(int argc, char **argv)
{
	return client_command(COMMAND_STOP, argc, argv, do_stop);
}
