/*
 * The commands that follow a guest: events, a line each, and console, its first serial port. They end when the
 * guest does.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/client_command.h"
#include "lib/base64.h"
#include "lib/clock.h"
#include "lib/json_write.h"
#include "lib/tty.h"

#define ESCAPE_KEY 0x01 /* Ctrl-a */
#define RETRY_MS   20

/* Then the keys are looked at. */
#define LINES_A_TURN 64

/* "ended" or "dropped": what the guest says last. */
static bool is_event(const struct client_line *line, const char *kind)
{
	const char *event = json_line_text(&line->json, "event");

	return event && strcmp(event, kind) == 0;
}

static int dropped(struct err *err)
{
	return err_set(err, -EPIPE,
		       "the guest ended the connection: its events were not read in time");
}

/* ---- events ---- */

static int follow(struct client *client, struct err *err)
{
	struct client_line line;
	bool ended = false;
	int r;

	for (;;) {
		r = client_receive(client, &line, CLIENT_NO_DEADLINE, err);
		if (r == -EPIPE && ended)
			return 0;
		if (r)
			return r;
		if (!json_line_has(&line.json, "event")) {
			const char *error = json_line_text(&line.json, "error");

			if (error)
				return err_set(err, -EPROTO, "%s", error);
			continue;
		}
		printf("%s\n", line.text);
		fflush(stdout);
		if (ferror(stdout))
			return 0; /* whoever reads us has gone */
		if (is_event(&line, "dropped"))
			return dropped(err);
		ended |= is_event(&line, "ended");
	}
}

/* "ended" is among the events of state, which are always asked for. */
static int do_events(const struct client_options *o, struct err *err)
{
	const char *wanted = o->nwords ? o->word[0] : "trace,state";
	char kinds[128];
	struct client client;
	uint32_t ignored;
	int r = ctl_events_parse(wanted, &ignored, err);

	if (r)
		return r;
	if ((size_t)snprintf(kinds, sizeof(kinds), "%s,state", wanted) >= sizeof(kinds))
		return err_set(err, -EINVAL, "the list of events is too long");
	r = client_open(&client, o->name, err);
	if (r == 0)
		r = client_send(&client, CTL_SUBSCRIBE, "events", kinds, err);
	if (r == 0)
		r = client_wait(&client, err);
	if (r == 0)
		r = follow(&client, err);
	client_close(&client);
	return r;
}

/* ---- console ---- */

struct console_client {
	struct client client;
	bool tty;         /* stdin is one, and raw: keys mean something */
	bool escape;      /* Ctrl-a was typed */
	bool detached;    /* ... and d */
	bool in_ended;    /* stdin has nothing more */
	bool asked;       /* the last request is not answered yet */
	bool ended;       /* the guest has */
	bool more;        /* it has said more than was looked at */
	uint64_t next_ns; /* not before: it had no room */
	size_t n;
	size_t sent;        /* bytes of the last request */
	uint8_t bytes[512]; /* to be sent */
};

static int write_all(const void *bytes, size_t n, struct err *err)
{
	const uint8_t *from = bytes;

	while (n > 0) {
		ssize_t written = write(STDOUT_FILENO, from, n);

		if (written < 0 && errno == EAGAIN) {
			struct pollfd out = { .fd = STDOUT_FILENO, .events = POLLOUT };

			poll(&out, 1, -1);
			continue;
		}
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return err_set(err, -errno, "cannot write to standard output: %s",
				       strerror(errno));
		from += written;
		n -= (size_t)written;
	}
	return 0;
}

static int show_output(const struct client_line *line, struct err *err)
{
	const char *text = json_line_text(&line->json, "base64");
	uint8_t bytes[CTL_LINE_BYTES];
	ssize_t n = text ? base64_decode(bytes, text, strlen(text)) : -EINVAL;

	if (n < 0)
		return err_set(err, -EPROTO, "the guest's rasvm sent output that is no base 64");
	return write_all(bytes, (size_t)n, err);
}

/* The answer to input that was sent. */
static int take_reply(struct console_client *c, const struct client_line *line, struct err *err)
{
	const char *error = json_line_text(&line->json, "error");

	c->asked = false;
	if (!error) {
		c->n -= c->sent;
		memmove(c->bytes, c->bytes + c->sent, c->n);
		c->sent = 0;
		return 0;
	}
	if (!json_line_has(&line->json, "again"))
		return err_set(err, -EPROTO, "%s", error);
	c->next_ns = clock_now_ns() + RETRY_MS * NS_PER_MS;
	return 0;
}

static int take_line(struct console_client *c, const struct client_line *line, struct err *err)
{
	c->ended |= is_event(line, "ended");
	if (is_event(line, "console"))
		return show_output(line, err);
	if (is_event(line, "dropped"))
		return dropped(err);
	if (json_line_has(&line->json, "event"))
		return 0;
	return take_reply(c, line, err);
}

/* What is there. 0, or -errno: -EPIPE, the guest closed the connection. */
static int take_lines(struct console_client *c, struct err *err)
{
	struct client_line line;
	int r = 0;

	for (unsigned i = 0; r == 0 && i < LINES_A_TURN; i++) {
		r = client_receive(&c->client, &line, 0, err);
		if (r == 0)
			r = take_line(c, &line, err);
	}
	c->more = r == 0;
	return r == -ETIMEDOUT ? 0 : r;
}

/* Ctrl-a d detaches, Ctrl-a Ctrl-a is one Ctrl-a; another key after Ctrl-a is dropped with it. */
static void take_key(struct console_client *c, uint8_t key)
{
	bool escaped = c->escape;

	c->escape = c->tty && key == ESCAPE_KEY && !escaped;
	if (c->escape)
		return;
	if (escaped && key == 'd')
		c->detached = true;
	else if ((!escaped || key == ESCAPE_KEY) && c->n < sizeof(c->bytes))
		c->bytes[c->n++] = key;
}

static void take_input(struct console_client *c)
{
	uint8_t bytes[sizeof(c->bytes)];
	ssize_t n = read(STDIN_FILENO, bytes, sizeof(bytes));

	if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
		c->in_ended = true;
	for (ssize_t i = 0; i < n && !c->detached; i++)
		take_key(c, bytes[i]);
}

static int send_input(struct console_client *c, struct err *err)
{
	char text[BASE64_CHARS(sizeof(c->bytes)) + 1];

	base64_encode(text, c->bytes, c->n);
	c->asked = true;
	c->sent = c->n;
	return client_send(&c->client, CTL_SEND, "base64", text, err);
}

/* A terminal is read at any time, for Ctrl-a d; keys that have no room are dropped. Else input waits where it is. */
static bool wants_input(const struct console_client *c)
{
	return !c->in_ended && (c->tty || (c->n == 0 && !c->asked));
}

/* Until the guest or the terminal has something to say, or it is time to send again. */
static void console_wait(const struct console_client *c)
{
	bool waits = c->n && !c->asked;
	struct pollfd fd[2] = {
		{ .fd = c->client.fd, .events = POLLIN },
		{ .fd = wants_input(c) ? STDIN_FILENO : -1, .events = POLLIN },
	};

	poll(fd, 2, c->more ? 0 : waits ? RETRY_MS : -1);
}

static bool input_ready(const struct console_client *c)
{
	struct pollfd fd = { .fd = STDIN_FILENO, .events = POLLIN };

	return wants_input(c) && poll(&fd, 1, 0) > 0;
}

static int console_loop(struct console_client *c, struct err *err)
{
	int r = 0;

	while (r == 0 && !c->detached) {
		console_wait(c);
		r = take_lines(c, err);
		if (r == 0 && input_ready(c))
			take_input(c);
		if (r == 0 && c->n && !c->asked && clock_now_ns() >= c->next_ns)
			r = send_input(c, err);
	}
	return r == -EPIPE && c->ended ? 0 : r;
}

static int do_console(const struct client_options *o, struct err *err)
{
	struct console_client c = { .tty = false };
	int r = client_open(&c.client, o->name, err);

	if (r == 0)
		r = client_send(&c.client, CTL_SUBSCRIBE, "events", "console,state", err);
	if (r) {
		client_close(&c.client);
		return r;
	}
	c.asked = true;
	c.in_ended = tty_in_background(STDIN_FILENO);
	c.tty = !c.in_ended && tty_raw(STDIN_FILENO);
	if (c.tty)
		fprintf(stderr, "[attached to %s; Ctrl-a d detaches]\r\n", o->name);
	/* At a terminal it is for its user to say how long: Ctrl-a d. */
	if (!c.tty)
		r = client_wait(&c.client, err);
	if (r == 0)
		r = console_loop(&c, err);
	tty_restore();
	if (c.tty)
		fprintf(stderr, "\n[%s]\n", c.detached ? "detached" : "the guest has ended");
	client_close(&c.client);
	return r;
}

int command_events(int argc, char **argv)
{
	return client_command(COMMAND_EVENTS, argc, argv, do_events);
}

int command_console(int argc, char **argv)
{
	return client_command(COMMAND_CONSOLE, argc, argv, do_console);
}
