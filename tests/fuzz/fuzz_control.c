/*
 * The control server with any bytes from a client, in pieces: what comes back is lines of JSON objects, each
 * request gets one last line, no line is too long, and the server is still there for the next client. The first
 * byte of the input is the size of the pieces.
 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "arm64/ctl.h"
#include "lib/json_line.h"
#include "lib/log.h"

#define ROUNDS 200

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void violated(const char *rule, const char *text)
{
	fprintf(stderr, "violated: %s\n  %s\n", rule, text);
	abort();
}

/* ---- a guest that does everything ---- */

static int do_nothing(void *world, struct err *err)
{
	(void)world;
	(void)err;
	return 0;
}

/* Every byte is looked at, for the sanitizers. */
static int do_send(void *world, const void *bytes, uint32_t n, struct err *err)
{
	unsigned sum = 0;

	(void)world;
	for (uint32_t i = 0; i < n; i++)
		sum += ((const uint8_t *)bytes)[i];
	return sum % 2 ? err_set(err, -EAGAIN, "odd") : 0;
}

static int do_inject(void *world, const char *rule, uint32_t *id, struct err *err)
{
	(void)world;
	*id = 1;
	return strlen(rule) % 2 ? err_set(err, -EINVAL, "\"%s\"", rule) : 0;
}

static int do_trigger(void *world, const char *what, struct err *err)
{
	struct ctl_line line;

	ctl_event(&line, "trace");
	json_text(&line.w, "what", what);
	ctl_tell(world, CTL_EVENT_TRACE, &line);
	ctl_tell_bytes(world, CTL_EVENT_CONSOLE, (const uint8_t *)what, strlen(what));
	return strlen(what) % 2 ? err_set(err, -EINVAL, "\"%s\"", what) : 0;
}

static int do_rows(void *world, struct ctl_answer *answer, struct err *err)
{
	struct ctl_line row;

	(void)world;
	(void)err;
	for (unsigned i = 0; i < 20; i++) {
		ctl_row(answer, &row, "x");
		json_number(&row.w, "i", i);
		ctl_add(answer, &row);
	}
	return 0;
}

static int do_debug(void *world, uint32_t cpu, struct ctl_answer *answer, struct err *err)
{
	return cpu == 1 ? err_set(err, -EINVAL, "no CPU 1") : do_rows(world, answer, err);
}

static void do_listen(void *world, uint32_t events)
{
	(void)world;
	(void)events;
}

static const struct ctl_ops ops = {
	.pause = do_nothing,
	.resume = do_nothing,
	.reset = do_nothing,
	.powerdown = do_nothing,
	.stop = do_nothing,
	.send = do_send,
	.inject = do_inject,
	.trigger = do_trigger,
	.status = do_rows,
	.stat = do_rows,
	.debug = do_debug,
	.sdei = do_rows,
	.listen = do_listen,
};

/* ---- what comes back ---- */

struct reader {
	size_t used;
	char text[1 << 20];
};

static void check_line(char *text, size_t n)
{
	struct json_line line;
	unsigned kinds;

	if (n + 1 > CTL_LINE_BYTES)
		violated("a line has at most 4096 bytes", text);
	if (json_line_split(&line, text, n))
		violated("a line is one JSON object", text);
	kinds = json_line_has(&line, "ok") + json_line_has(&line, "error") +
		json_line_has(&line, "event");
	if (kinds > 1 && !json_line_has(&line, "row"))
		violated("a line is one thing", text);
}

static void check_all(struct reader *r)
{
	char *at = r->text, *end;

	while ((end = memchr(at, '\n', r->used - (size_t)(at - r->text)))) {
		*end = '\0';
		check_line(at, (size_t)(end - at));
		at = end + 1;
	}
	if (at != r->text + r->used)
		violated("every line ends", at);
}

static bool take(struct reader *r, int fd)
{
	ssize_t n;

	if (r->used == sizeof(r->text))
		violated("answers are in proportion", "more than a MiB");
	n = recv(fd, r->text + r->used, sizeof(r->text) - r->used, MSG_DONTWAIT);
	r->used += n > 0 ? (size_t)n : 0;
	return n > 0;
}

/* ---- the run ---- */

static int listen_somewhere(struct sockaddr_un *address)
{
	socklen_t n = sizeof(*address);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	/* The kernel finds a name. */
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (fd < 0 || bind(fd, (struct sockaddr *)address, sizeof(address->sun_family)) ||
	    listen(fd, 1) || getsockname(fd, (struct sockaddr *)address, &n))
		abort();
	/* An abstract name has no end but its length. */
	address->sun_path[sizeof(address->sun_path) - 1] = (char)(n - sizeof(address->sun_family));
	return fd;
}

static int connect_to(const struct sockaddr_un *address)
{
	socklen_t n = (socklen_t)(sizeof(address->sun_family) +
				  (size_t)address->sun_path[sizeof(address->sun_path) - 1]);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (fd < 0 || connect(fd, (const struct sockaddr *)address, n))
		abort();
	return fd;
}

static void run(struct loop *loop)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct pollfd fd = { .fd = loop->epoll_fd, .events = POLLIN };

		if (poll(&fd, 1, 0) <= 0)
			return;
		if (loop_once(loop, 0))
			abort();
	}
	violated("the loop comes to rest", "");
}

static void talk(struct loop *loop, struct reader *r, int fd, const uint8_t *data, size_t size)
{
	size_t piece = size ? data[0] * 17u + 1 : 1;

	for (size_t at = 1; at < size; at += piece) {
		size_t n = size - at < piece ? size - at : piece;

		if (send(fd, data + at, n, MSG_NOSIGNAL) < 0)
			break;
		do
			run(loop);
		while (take(r, fd));
	}
	shutdown(fd, SHUT_WR);
	do
		run(loop);
	while (take(r, fd));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct reader reader;
	static struct loop loop;
	static struct ctl ctl;
	static const uint8_t hello[] = "\xff{\"do\":\"status\"}\n";
	struct sockaddr_un address;
	struct err err;
	int listening = listen_somewhere(&address), fd;

	log_set_level(LOG_LEVEL_ERROR);
	if (loop_init(&loop, &err) || ctl_open(&ctl, listening, &loop, &ops, &ctl, &err))
		abort();
	reader.used = 0;
	fd = connect_to(&address);
	run(&loop);
	talk(&loop, &reader, fd, data, size);
	check_all(&reader);
	close(fd);
	run(&loop);
	fd = connect_to(&address);
	reader.used = 0;
	run(&loop);
	talk(&loop, &reader, fd, hello, sizeof(hello) - 1);
	if (reader.used < 12 || memcmp(reader.text + reader.used - 12, "{\"ok\":true}\n", 12) != 0)
		violated("the next client is served", reader.text);
	close(fd);
	ctl_close(&ctl);
	loop_close(&loop);
	close(listening);
	return 0;
}
