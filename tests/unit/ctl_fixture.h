/*
 * A control server with a guest that only remembers what was asked of it, in a directory of its own. The test's
 * thread runs the loop; clients are sockets that it reads and writes in turn.
 */
#ifndef TESTS_UNIT_CTL_FIXTURE_H
#define TESTS_UNIT_CTL_FIXTURE_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "arm64/ctl.h"
#include "arm64/ctl_dir.h"
#include "lib/clock.h"
#include "lib/types.h"

#define PATIENCE_NS (UINT64_C(20) * NS_PER_SEC)

struct fake_guest {
	unsigned done[CTL_NR_VERBS]; /* how often each verb was called */
	unsigned rows;               /* that stat answers with */
	char text[CTL_LINE_BYTES];   /* the last argument */
	uint32_t nbytes, cpu, listening;
	int fails;                /* -errno of the next verb */
	struct ctl *ctl;          /* whose subscribers hear of a change */
	struct ctl *tell_in_verb; /* trigger: floods this server's subscribers */
	bool paused, stopped;
};

static int fake_do(struct fake_guest *g, enum ctl_verb verb, struct err *err)
{
	int r = g->fails;

	g->done[verb]++;
	g->fails = 0;
	return r ? err_set(err, r, "the fake guest's \"reason\"\n") : 0;
}

static int fake_change(struct fake_guest *g, enum ctl_verb verb, const char *what, struct err *err)
{
	struct ctl_line line;
	int r = fake_do(g, verb, err);

	if (r)
		return r;
	ctl_event(&line, what);
	ctl_tell(g->ctl, CTL_EVENT_STATE, &line);
	return 0;
}

static int fake_pause(void *world, struct err *err)
{
	struct fake_guest *g = world;

	g->paused = true;
	return fake_change(g, CTL_PAUSE, "paused", err);
}

static int fake_resume(void *world, struct err *err)
{
	struct fake_guest *g = world;

	g->paused = false;
	return fake_change(g, CTL_RESUME, "resumed", err);
}

static int fake_reset(void *world, struct err *err)
{
	return fake_do(world, CTL_RESET, err);
}

static int fake_powerdown(void *world, struct err *err)
{
	return fake_do(world, CTL_POWERDOWN, err);
}

static int fake_stop(void *world, struct err *err)
{
	((struct fake_guest *)world)->stopped = true;
	return fake_do(world, CTL_STOP, err);
}

static int fake_send(void *world, const void *bytes, uint32_t n, struct err *err)
{
	struct fake_guest *g = world;

	memcpy(g->text, bytes, n);
	g->nbytes = n;
	return fake_do(g, CTL_SEND, err);
}

static int fake_inject(void *world, const char *rule, uint32_t *id, struct err *err)
{
	struct fake_guest *g = world;

	snprintf(g->text, sizeof(g->text), "%s", rule);
	*id = 17;
	return fake_do(g, CTL_INJECT, err);
}

static int fake_trigger(void *world, const char *what, struct err *err)
{
	struct fake_guest *g = world;
	struct ctl_line line;

	snprintf(g->text, sizeof(g->text), "%s", what);
	for (unsigned i = 0; g->tell_in_verb && i < 10000; i++) {
		ctl_event(&line, "trace");
		json_text(&line.w, "x", "0123456789012345678901234567890123456789");
		ctl_tell(g->tell_in_verb, CTL_EVENT_TRACE, &line);
	}
	return fake_do(g, CTL_TRIGGER, err);
}

static int fake_status(void *world, struct ctl_answer *answer, struct err *err)
{
	struct fake_guest *g = world;
	struct ctl_line row;

	ctl_row(answer, &row, "guest");
	json_text(&row.w, "name", "fake");
	json_number(&row.w, "pid", 4711);
	json_text(&row.w, "state", g->paused ? "paused" : "running");
	json_number(&row.w, "cpus", 3);
	json_number(&row.w, "memory_bytes", MIB(256));
	json_number(&row.w, "uptime_ns", 12 * NS_PER_SEC);
	ctl_add(answer, &row);
	return fake_do(world, CTL_STATUS, err);
}

static int fake_stat(void *world, struct ctl_answer *answer, struct err *err)
{
	struct fake_guest *g = world;
	struct ctl_line row;

	for (unsigned i = 0; i < g->rows; i++) {
		ctl_row(answer, &row, "exit");
		json_number(&row.w, "cpu", i % 2);
		json_text(&row.w, "reason", i % 3 ? "mmio" : "hypercall");
		json_number(&row.w, "count", i);
		ctl_add(answer, &row);
	}
	return fake_do(g, CTL_STAT, err);
}

static int fake_debug(void *world, uint32_t cpu, struct ctl_answer *answer, struct err *err)
{
	struct fake_guest *g = world;
	struct ctl_line row;

	g->cpu = cpu;
	ctl_row(answer, &row, "register");
	json_number(&row.w, "cpu", 0);
	json_text(&row.w, "name", "x0");
	json_hex(&row.w, "value", 0xabc);
	ctl_add(answer, &row);
	ctl_row(answer, &row, "frame");
	json_number(&row.w, "cpu", 0);
	json_number(&row.w, "frame", 0);
	json_hex(&row.w, "pc", 0xffff800010080000);
	ctl_add(answer, &row);
	return fake_do(g, CTL_DEBUG, err);
}

static int fake_sdei(void *world, struct ctl_answer *answer, struct err *err)
{
	struct ctl_line row;

	ctl_row(answer, &row, "event");
	json_hex(&row.w, "event", 0x40000001);
	ctl_add(answer, &row);
	return fake_do(world, CTL_SDEI, err);
}

static void fake_listen(void *world, uint32_t events)
{
	((struct fake_guest *)world)->listening = events;
}

static const struct ctl_ops fake_ops = {
	.pause = fake_pause,
	.resume = fake_resume,
	.reset = fake_reset,
	.powerdown = fake_powerdown,
	.stop = fake_stop,
	.send = fake_send,
	.inject = fake_inject,
	.trigger = fake_trigger,
	.status = fake_status,
	.stat = fake_stat,
	.debug = fake_debug,
	.sdei = fake_sdei,
	.listen = fake_listen,
};

struct ctl_fixture {
	char base[32]; /* the runtime directory */
	struct ctl_env env;
	struct ctl_place place;
	struct loop loop;
	struct ctl ctl;
	struct fake_guest guest;
	bool closed;
};

static inline void fixture_remove(const char *base)
{
	char command[256];

	snprintf(command, sizeof(command), "rm -rf '%s'", base);
	if (system(command) != 0)
		print_message("cannot remove %s\n", base);
}

static inline int fixture_open(void **state)
{
	struct ctl_fixture *f = calloc(1, sizeof(*f));
	struct err err = { "" };

	assert_non_null(f);
	snprintf(f->base, sizeof(f->base), "/tmp/rasvm-test-XXXXXX");
	assert_non_null(mkdtemp(f->base));
	f->env =
		(struct ctl_env){ .runtime_dir = f->base, .passwd = "/dev/null", .uid = geteuid() };
	f->guest.ctl = &f->ctl;
	if (loop_init(&f->loop, &err) || ctl_place_take(&f->place, &f->env, "fake", &err) ||
	    ctl_open(&f->ctl, f->place.listen_fd, &f->loop, &fake_ops, &f->guest, &err))
		fail_msg("%s", err.text);
	*state = f;
	return 0;
}

static inline void fixture_stop(struct ctl_fixture *f)
{
	if (f->closed)
		return;
	ctl_close(&f->ctl);
	ctl_place_leave(&f->place);
	f->closed = true;
}

static inline int fixture_close(void **state)
{
	struct ctl_fixture *f = *state;

	fixture_stop(f);
	loop_close(&f->loop);
	fixture_remove(f->base);
	free(f);
	return 0;
}

/* All that is to be done now. */
static inline void fixture_run(struct ctl_fixture *f)
{
	for (unsigned i = 0; i < 30; i++)
		assert_int_equal(loop_once(&f->loop, 0), 0);
}

static inline int fixture_connect(struct ctl_fixture *f)
{
	int fd = ctl_dir_connect(&f->place.dir, "fake");

	assert_true(fd >= 0);
	fixture_run(f);
	return fd;
}

static inline void fixture_write(struct ctl_fixture *f, int fd, const void *bytes, size_t n)
{
	const char *from = bytes;
	uint64_t end_ns = clock_now_ns() + PATIENCE_NS;

	while (n > 0 && clock_now_ns() < end_ns) {
		ssize_t sent = send(fd, from, n, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent < 0 && errno != EAGAIN)
			break; /* the server has closed it: the test looks at what came back */
		from += sent > 0 ? sent : 0;
		n -= sent > 0 ? (size_t)sent : 0;
		fixture_run(f);
	}
}

static inline void fixture_say(struct ctl_fixture *f, int fd, const char *text)
{
	fixture_write(f, fd, text, strlen(text));
}

static inline void fixture_ask(struct ctl_fixture *f, int fd, const char *line)
{
	fixture_say(f, fd, line);
	fixture_say(f, fd, "\n");
}

/* What came back so far, as text. False: nothing, and the server closed the connection. */
static inline bool fixture_read(struct ctl_fixture *f, int fd, char *text, size_t size)
{
	size_t used = 0;
	ssize_t n;

	do {
		fixture_run(f);
		n = recv(fd, text + used, size - 1 - used, MSG_DONTWAIT);
		used += n > 0 ? (size_t)n : 0;
	} while (n > 0 && used + 1 < size);
	text[used] = '\0';
	return used > 0 || (n < 0 && errno == EAGAIN);
}

static inline void fixture_expect(struct ctl_fixture *f, int fd, const char *expected)
{
	char text[3 * CTL_LINE_BYTES];

	fixture_read(f, fd, text, sizeof(text));
	assert_string_equal(text, expected);
}

static inline void fixture_expect_part(struct ctl_fixture *f, int fd, const char *part)
{
	char text[3 * CTL_LINE_BYTES];

	fixture_read(f, fd, text, sizeof(text));
	if (!strstr(text, part))
		fail_msg("expected something with '%s', found '%s'", part, text);
}

static inline void fixture_expect_closed(struct ctl_fixture *f, int fd)
{
	char text[16];

	if (fixture_read(f, fd, text, sizeof(text)))
		fail_msg("expected a closed connection, found \"%s\"", text);
}

#endif
