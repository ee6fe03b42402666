/* See client.h. */
#include "cli/client.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/json_write.h"

/* ---- connecting ---- */

int client_open_at(struct client *client, const struct ctl_dir *dir, const char *name)
{
	*client = (struct client){ .fd = ctl_dir_connect(dir, name) };
	return client->fd < 0 ? client->fd : 0;
}

static int connect_error(const struct ctl_dir *dir, const char *name, int error, struct err *err)
{
	if (error == -ECONNREFUSED && ctl_dir_clean(dir, name))
		return err_set(
			err, error,
			"the rasvm of guest \"%s\" was killed; what it left behind is removed",
			name);
	if (error == -ECONNREFUSED)
		return err_set(err, error, "guest \"%s\" is just starting; try again", name);
	if (error == -EAGAIN)
		return err_set(err, error,
			       "guest \"%s\" takes no connections; is its rasvm stopped?", name);
	return err_set(err, error, "cannot connect to guest \"%s\" in %.300s: %s", name, dir->path,
		       strerror(-error));
}

/* In one of the directories. -ENOENT: it is not there. */
static int open_in(struct client *client, const struct ctl_env *env, enum ctl_dir_kind kind,
		   const char *name, struct err *err)
{
	struct ctl_dir dir;
	int r = ctl_dir_open(&dir, env, kind, false, err);

	if (r)
		return r;
	r = client_open_at(client, &dir, name);
	if (r)
		r = connect_error(&dir, name, r, err);
	ctl_dir_close(&dir);
	return r;
}

int client_open(struct client *client, const char *name, struct err *err)
{
	struct ctl_env env = ctl_env_now();
	struct err why;
	int r = ctl_name_check(name, err), found = -ENOENT;

	*client = (struct client){ .fd = -1 };
	for (unsigned kind = 0; r == 0 && kind < CTL_NR_DIRS; kind++) {
		int opened = open_in(client, &env, (enum ctl_dir_kind)kind, name, &why);

		if (opened == 0)
			return 0;
		if (opened == -ENOENT)
			continue;
		found = opened;
		*err = why;
	}
	if (r || found != -ENOENT)
		return r ? r : found;
	return err_set(err, found, "no guest called \"%s\" runs; `rasvm list` shows those that do",
		       name);
}

void client_close(struct client *client)
{
	if (client->fd >= 0)
		close(client->fd);
	client->fd = -1;
}

/* ---- lines ---- */

static int wait_ready(const struct client *client, short events, uint64_t deadline_ns,
		      struct err *err)
{
	struct pollfd fd = { .fd = client->fd, .events = events };
	uint64_t now_ns = clock_now_ns();
	int timeout_ms = -1, n;

	if (deadline_ns != CLIENT_NO_DEADLINE)
		timeout_ms =
			now_ns >= deadline_ns ? 0 : (int)((deadline_ns - now_ns) / NS_PER_MS) + 1;
	n = poll(&fd, 1, timeout_ms);
	if (n > 0 || (n < 0 && errno == EINTR))
		return 0;
	if (n == 0)
		return err_set(err, -ETIMEDOUT, "the guest's rasvm does not answer");
	return err_set(err, -errno, "poll: %s", strerror(errno));
}

int client_wait(const struct client *client, struct err *err)
{
	return wait_ready(client, POLLIN, clock_now_ns() + CLIENT_PATIENCE_NS, err);
}

int client_send(struct client *client, enum ctl_verb verb, const char *name, const char *value,
		struct err *err)
{
	uint64_t deadline_ns = clock_now_ns() + CLIENT_PATIENCE_NS;
	char text[CTL_LINE_BYTES];
	struct json_write w = json_write_in(text, sizeof(text));
	size_t n, sent = 0;
	ssize_t part;
	int r = 0;

	json_object(&w, NULL);
	json_text(&w, "do", ctl_verb_name(verb));
	if (name)
		json_text(&w, name, value);
	n = json_finish(&w);
	if (n == 0)
		return err_set(err, -EMSGSIZE, "the text is too long for a request");
	while (r == 0 && sent < n) {
		part = send(client->fd, text + sent, n - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (part >= 0)
			sent += (size_t)part;
		else if (errno == EAGAIN || errno == EINTR)
			r = wait_ready(client, POLLOUT, deadline_ns, err);
		else if (errno == EPIPE || errno == ECONNRESET)
			return 0; /* why, it has said already: that is still to be read */
		else
			r = err_set(err, -errno, "the connection to the guest: %s",
				    strerror(errno));
	}
	return r;
}

/* A whole line that was received already. */
static bool take_line(struct client *client, struct client_line *line)
{
	char *begin = client->in + client->taken;
	char *end = memchr(begin, '\n', client->len - client->taken);

	if (!end || (size_t)(end - begin) >= sizeof(line->text))
		return false;
	line->n = (size_t)(end - begin);
	memcpy(line->text, begin, line->n);
	memcpy(line->parts, begin, line->n);
	line->text[line->n] = '\0';
	client->taken += line->n + 1;
	return true;
}

static int receive_more(struct client *client, struct err *err)
{
	ssize_t n;

	memmove(client->in, client->in + client->taken, client->len - client->taken);
	client->len -= client->taken;
	client->taken = 0;
	if (client->len == sizeof(client->in))
		return err_set(err, -EPROTO, "the guest's rasvm sent a line that is too long");
	n = recv(client->fd, client->in + client->len, sizeof(client->in) - client->len,
		 MSG_DONTWAIT);
	if (n > 0)
		client->len += (size_t)n;
	if (n == 0 || (n < 0 && errno == ECONNRESET)) {
		client->ended = true;
		return err_set(err, -EPIPE, "the guest closed the connection");
	}
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return err_set(err, -errno, "the connection to the guest: %s", strerror(errno));
	return 0;
}

int client_receive(struct client *client, struct client_line *line, uint64_t deadline_ns,
		   struct err *err)
{
	int r;

	while (!take_line(client, line)) {
		r = wait_ready(client, POLLIN, deadline_ns, err);
		if (r == 0)
			r = receive_more(client, err);
		if (r)
			return r;
	}
	if (json_line_split(&line->json, line->parts, line->n))
		return err_set(err, -EPROTO,
			       "the guest's rasvm sent something that is no JSON object");
	return 0;
}

/* ---- requests ---- */

/* A line of the answer: 1, it is not the last; 0 or -errno, it is. */
static int take_answer(const struct client_line *line, client_row_fn *fn, void *world,
		       struct err *err)
{
	const char *error = json_line_text(&line->json, "error");
	bool again = json_line_has(&line->json, "again");

	if (json_line_has(&line->json, "row")) {
		if (fn)
			fn(world, line);
		return 1;
	}
	if (error && !json_line_has(&line->json, "event"))
		return err_set(err, again ? -EAGAIN : -EPROTO, "%s", error);
	return json_line_has(&line->json, "ok") ? 0 : 1;
}

int client_do(struct client *client, enum ctl_verb verb, const char *name, const char *value,
	      client_row_fn *fn, void *world, struct err *err)
{
	struct client_line line;
	int r = client_send(client, verb, name, value, err), taken = 1;

	while (r == 0 && taken == 1) {
		r = client_receive(client, &line, clock_now_ns() + CLIENT_PATIENCE_NS, err);
		if (r == 0)
			taken = take_answer(&line, fn, world, err);
	}
	return r ? r : taken;
}

int client_do_once(const char *guest, enum ctl_verb verb, const char *name, const char *value,
		   client_row_fn *fn, void *world, struct err *err)
{
	struct client client;
	int r = client_open(&client, guest, err);

	if (r == 0)
		r = client_do(&client, verb, name, value, fn, world, err);
	client_close(&client);
	return r;
}

void client_print(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		fputc(iscntrl((unsigned char)text[i]) ? '?' : text[i], stdout);
}
