/*
 * See ctl.h: connections, their buffers, and the table from verbs to what does them. Every descriptor is
 * non-blocking; a client is watched for input only while its next request could be done, and for room only
 * while something waits for it, so the loop sleeps while nothing can happen.
 */
#include "arm64/ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base64.h"
#include "lib/log.h"
#include "lib/types.h"

/* Bytes of the serial port in one event: a line of CTL_LINE_BYTES holds their base 64 and the rest. */
#define BYTES_PER_EVENT 2048

static void on_client(void *arg, uint32_t events);

/* ---- what is listened to ---- */

static void listen_anew(struct ctl *ctl)
{
	uint32_t events = 0;

	for (unsigned i = 0; i < CTL_MAX_CLIENTS; i++)
		events |= ctl->client[i].events;
	if (events != ctl->events)
		ctl->ops->listen(ctl->world, events);
	ctl->events = events;
}

/* ---- sending ---- */

static bool answer_waits(const struct ctl_client *c)
{
	return c->answer.n > c->answer.sent;
}

static void client_close(struct ctl_client *c)
{
	loop_remove(c->ctl->loop, c->fd);
	close(c->fd);
	ctl_answer_free(&c->answer);
	c->fd = -1;
	c->events = 0;
	listen_anew(c->ctl);
}

static void client_watch(struct ctl_client *c)
{
	uint32_t events = 0;

	if (c->fd < 0)
		return;
	if (!c->ended && !answer_waits(c))
		events |= EPOLLIN;
	if (answer_waits(c) || c->out_len)
		events |= EPOLLOUT;
	loop_modify(c->ctl->loop, c->fd, events);
}

/* How much of bytes[0..n) the client takes now. -EAGAIN: nothing; else -errno: it is gone. */
static ssize_t send_some(const struct ctl_client *c, const char *bytes, size_t n)
{
	ssize_t sent = send(c->fd, bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (sent >= 0)
		return sent;
	return errno == EINTR ? -EAGAIN : -errno;
}

static ssize_t send_answer(struct ctl_client *c)
{
	ssize_t sent = send_some(c, c->answer.text + c->answer.sent, c->answer.n - c->answer.sent);

	if (sent > 0)
		c->answer.sent += (size_t)sent;
	if (!answer_waits(c))
		ctl_answer_free(&c->answer);
	return sent;
}

static ssize_t send_events(struct ctl_client *c)
{
	ssize_t sent = send_some(c, c->out + c->out_head, c->out_len);

	if (sent <= 0)
		return sent;
	c->out_head += (size_t)sent;
	c->out_len -= (size_t)sent;
	c->cut_line = c->out[c->out_head - 1] != '\n';
	return sent;
}

/* Events come before an answer, but not into it: lines never mix. */
static void client_flush(struct ctl_client *c)
{
	ssize_t sent = 1;

	while (sent > 0 && (answer_waits(c) || c->out_len))
		sent = c->out_len && !c->answer.sent ? send_events(c) : send_answer(c);
	if (sent < 0 && sent != -EAGAIN)
		client_close(c);
}

/* The rest of the line that was begun stays; what follows is forgotten. */
static void forget_events(struct ctl_client *c)
{
	const char *end = c->cut_line ? memchr(c->out + c->out_head, '\n', c->out_len) : NULL;

	c->out_len = end ? (size_t)(end + 1 - (c->out + c->out_head)) : 0;
}

static void out_append(struct ctl_client *c, const char *text, size_t n)
{
	memmove(c->out, c->out + c->out_head, c->out_len);
	c->out_head = 0;
	memcpy(c->out + c->out_len, text, n);
	c->out_len += n;
}

/* It did not take its events. One try to tell it so. */
static void client_drop(struct ctl_client *c)
{
	struct ctl_line line;
	size_t n;

	log_info("a control client was dropped: it does not take its events");
	ctl_event(&line, "dropped");
	json_text(&line.w, "why", "more than 64 KiB of events waited to be read");
	n = json_finish(&line.w);
	forget_events(c);
	out_append(c, line.text, n);
	client_flush(c);
	if (c->fd >= 0)
		client_close(c);
}

static void client_tell(struct ctl_client *c, const char *line, size_t n)
{
	if (c->out_len + n > sizeof(c->out)) {
		client_drop(c);
		return;
	}
	out_append(c, line, n);
	/* An answer is sent by on_client(), which looks at the next request afterwards. */
	if (!answer_waits(c))
		client_flush(c);
	client_watch(c);
}

bool ctl_wanted(const struct ctl *ctl, uint32_t events)
{
	return (ctl->events & events) != 0;
}

void ctl_tell(struct ctl *ctl, uint32_t event, struct ctl_line *line)
{
	size_t n = json_finish(&line->w);

	for (unsigned i = 0; n && i < CTL_MAX_CLIENTS; i++)
		if (ctl->client[i].events & event)
			client_tell(&ctl->client[i], line->text, n);
}

void ctl_tell_bytes(struct ctl *ctl, uint32_t event, const uint8_t *bytes, size_t n)
{
	char text[BASE64_CHARS(BYTES_PER_EVENT) + 1];
	struct ctl_line line;

	while (n > 0 && ctl_wanted(ctl, event)) {
		size_t part = n < BYTES_PER_EVENT ? n : BYTES_PER_EVENT;

		base64_encode(text, bytes, part);
		ctl_event(&line, event == CTL_EVENT_INPUT ? "input" : "console");
		json_text(&line.w, "base64", text);
		ctl_tell(ctl, event, &line);
		bytes += part;
		n -= part;
	}
}

/* ---- requests ---- */

static int serve_inject(struct ctl *ctl, const struct ctl_request *request,
			struct ctl_answer *answer, struct err *err)
{
	struct ctl_line row;
	uint32_t id = 0;
	int r = ctl->ops->inject(ctl->world, request->text, &id, err);

	if (r)
		return r;
	ctl_row(answer, &row, "injected");
	json_number(&row.w, "error", id);
	ctl_add(answer, &row);
	return 0;
}

static int serve(struct ctl_client *c, const struct ctl_request *request, struct err *err)
{
	const struct ctl_ops *ops = c->ctl->ops;
	struct ctl_answer *answer = &c->answer;
	void *world = c->ctl->world;

	switch (request->verb) {
	case CTL_STATUS:
		return ops->status(world, answer, err);
	case CTL_PAUSE:
		return ops->pause(world, err);
	case CTL_RESUME:
		return ops->resume(world, err);
	case CTL_RESET:
		return ops->reset(world, err);
	case CTL_POWERDOWN:
		return ops->powerdown(world, err);
	case CTL_STOP:
		return ops->stop(world, err);
	case CTL_SEND:
		return ops->send(world, request->text, request->nbytes, err);
	case CTL_INJECT:
		return serve_inject(c->ctl, request, answer, err);
	case CTL_TRIGGER:
		return ops->trigger(world, request->text, err);
	case CTL_STAT:
		return ops->stat(world, answer, err);
	case CTL_DEBUG:
		return ops->debug(world, request->cpu, answer, err);
	case CTL_SDEI:
		return ops->sdei(world, answer, err);
	case CTL_SUBSCRIBE:
		c->events = request->events;
		listen_anew(c->ctl);
		return 0;
	case CTL_NR_VERBS:
		break;
	}
	return err_set(err, -EINVAL, "nothing of that name can be done");
}

/* "again": the same request may succeed in a moment. */
static bool is_passing(int result)
{
	return result == -EAGAIN || result == -EBUSY;
}

static void finish_answer(struct ctl_answer *answer, int result, const struct err *err)
{
	struct ctl_line line;

	if (result) {
		ctl_error(answer, err->text[0] ? err->text : strerror(-result), is_passing(result));
		return;
	}
	ctl_ok(answer, &line);
	ctl_add(answer, &line);
}

/* A line without its newline. */
static void client_request(struct ctl_client *c, char *line, size_t n)
{
	struct ctl_request request;
	struct err err = { "" };
	int r = ctl_request_parse(&request, line, n, &err);

	ctl_answer_begin(&c->answer, &request);
	if (r == 0)
		r = serve(c, &request, &err);
	/* An event of its own making may have been too much for it. */
	if (c->fd < 0) {
		ctl_answer_free(&c->answer);
		return;
	}
	finish_answer(&c->answer, r, &err);
	if (c->answer.failed) {
		log_error("control: out of memory");
		client_close(c);
	}
}

static bool is_blank(const char *line, size_t n)
{
	return strspn(line, " \t\r") >= n;
}

/* Do the first request in c->in, if all of it is there. */
static bool client_next(struct ctl_client *c)
{
	char *end = memchr(c->in, '\n', c->in_len);
	size_t n;

	if (!end)
		return false;
	*end = '\0';
	n = (size_t)(end - c->in);
	if (!is_blank(c->in, n))
		client_request(c, c->in, n);
	c->in_len -= n + 1;
	memmove(c->in, end + 1, c->in_len);
	return true;
}

/* No line ends where it has to: nothing after it could be understood. */
static void client_oversized(struct ctl_client *c)
{
	const struct ctl_request nobody = { .has_id = false };
	struct err err;

	err_set(&err, 0, "a line is longer than %u bytes; the connection is closed",
		CTL_LINE_BYTES);
	ctl_answer_begin(&c->answer, &nobody);
	ctl_error(&c->answer, err.text, false);
	client_flush(c);
	if (c->fd >= 0)
		client_close(c);
}

static void client_serve(struct ctl_client *c)
{
	while (c->fd >= 0 && !answer_waits(c) && client_next(c))
		if (c->fd >= 0)
			client_flush(c);
	if (c->fd < 0)
		return;
	if (!answer_waits(c) && c->in_len == sizeof(c->in))
		client_oversized(c);
	else if (c->ended && !answer_waits(c) && !c->out_len && !c->events)
		client_close(c);
	else
		client_watch(c);
}

static void client_read(struct ctl_client *c)
{
	ssize_t n = recv(c->fd, c->in + c->in_len, sizeof(c->in) - c->in_len, MSG_DONTWAIT);

	if (n > 0)
		c->in_len += (size_t)n;
	else if (n == 0)
		c->ended = true;
	else if (errno != EAGAIN && errno != EINTR)
		client_close(c);
}

/* A hang-up is looked at last: what was sent before it is done. */
static void on_client(void *arg, uint32_t events)
{
	struct ctl_client *c = arg;

	if (events & EPOLLIN && !c->ended && !answer_waits(c))
		client_read(c);
	else if (events & (EPOLLHUP | EPOLLERR))
		client_close(c);
	if (c->fd >= 0 && events & EPOLLOUT)
		client_flush(c);
	if (c->fd >= 0)
		client_serve(c);
}

/* ---- connections ---- */

static bool peer_allowed(const struct ctl *ctl, int fd)
{
	struct ucred peer;
	socklen_t n = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) < 0)
		return false;
	return peer.uid == ctl->uid || peer.uid == 0;
}

static void refuse(int fd, const char *why)
{
	const struct ctl_request nobody = { .has_id = false };
	struct ctl_answer answer = { .text = NULL };

	ctl_answer_begin(&answer, &nobody);
	ctl_error(&answer, why, false);
	if (!answer.failed && send(fd, answer.text, answer.n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		log_debug("control: a client that was refused is gone");
	ctl_answer_free(&answer);
	close(fd);
}

static void client_join(struct ctl_client *c, int fd)
{
	c->fd = fd;
	c->ended = c->cut_line = false;
	c->events = 0;
	c->in_len = c->out_head = c->out_len = 0;
	if (loop_add(c->ctl->loop, fd, EPOLLIN, on_client, c) < 0) {
		c->fd = -1;
		refuse(fd, "rasvm watches as many descriptors as it can");
	}
}

static struct ctl_client *free_client(struct ctl *ctl)
{
	for (unsigned i = 0; i < CTL_MAX_CLIENTS; i++)
		if (ctl->client[i].fd < 0)
			return &ctl->client[i];
	return NULL;
}

/* No descriptor is left for it, and an unanswered client would wake the loop for ever. */
static void refuse_unseen(struct ctl *ctl)
{
	int fd;

	if (ctl->spare_fd >= 0)
		close(ctl->spare_fd);
	fd = accept4(ctl->fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0)
		close(fd);
	ctl->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	log_warn("control: a client was refused: too many open files");
}

static void on_connect(void *arg, uint32_t events)
{
	struct ctl *ctl = arg;
	struct ctl_client *c = free_client(ctl);
	int fd = accept4(ctl->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS))
		refuse_unseen(ctl);
	if (fd < 0)
		return;
	if (!peer_allowed(ctl, fd))
		refuse(fd, "only the user who started the guest, and root, may control it");
	else if (!c)
		refuse(fd, "8 clients are connected, which is all a guest has room for");
	else
		client_join(c, fd);
}

int ctl_open(struct ctl *ctl, int fd, struct loop *loop, const struct ctl_ops *ops, void *world,
	     struct err *err)
{
	int r;

	ctl->loop = loop;
	ctl->ops = ops;
	ctl->world = world;
	ctl->uid = geteuid();
	ctl->events = 0;
	ctl->fd = fd;
	ctl->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	for (unsigned i = 0; i < CTL_MAX_CLIENTS; i++) {
		ctl->client[i].ctl = ctl;
		ctl->client[i].fd = -1;
		ctl->client[i].events = 0;
		ctl->client[i].answer = (struct ctl_answer){ .text = NULL };
	}
	r = loop_add(loop, fd, EPOLLIN, on_connect, ctl);
	return r ? err_set(err, r, "the control socket cannot be watched: %s", strerror(-r)) : 0;
}

void ctl_close(struct ctl *ctl)
{
	for (unsigned i = 0; i < CTL_MAX_CLIENTS; i++) {
		struct ctl_client *c = &ctl->client[i];

		if (c->fd >= 0)
			client_flush(c);
		if (c->fd >= 0)
			client_close(c);
	}
	loop_remove(ctl->loop, ctl->fd);
	if (ctl->spare_fd >= 0)
		close(ctl->spare_fd);
	ctl->spare_fd = -1;
}
