/* See loop.h. */
#include "lib/loop.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

static struct loop_source *source_of(struct loop *loop, int fd)
{
	for (unsigned i = 0; i < loop->used; i++)
		if (loop->source[i].fd == fd)
			return &loop->source[i];
	return NULL;
}

/* An event that this round has still to look at may be meant for what was in the place before. */
static struct loop_source *free_source(struct loop *loop)
{
	for (unsigned i = 0; i < loop->used; i++)
		if (loop->source[i].fd < 0 && loop->removed[i] != loop->round)
			return &loop->source[i];
	if (loop->used == LOOP_MAX_SOURCES)
		return NULL;
	return &loop->source[loop->used++];
}

int loop_init(struct loop *loop, struct err *err)
{
	loop->used = 0;
	loop->round = 1;
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0)
		return err_set(err, -errno, "cannot create an epoll descriptor: %s",
			       strerror(errno));
	return 0;
}

void loop_close(struct loop *loop)
{
	if (loop->epoll_fd >= 0)
		close(loop->epoll_fd);
	loop->epoll_fd = -1;
}

int loop_add(struct loop *loop, int fd, uint32_t events, void (*fn)(void *, uint32_t), void *arg)
{
	struct loop_source *s = free_source(loop);
	struct epoll_event ev = { .events = events, .data.ptr = s };

	if (!s)
		return -ENOSPC;
	s->fd = -1;
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0)
		return -errno;
	*s = (struct loop_source){ .fd = fd, .fn = fn, .arg = arg };
	return 0;
}

void loop_modify(struct loop *loop, int fd, uint32_t events)
{
	struct loop_source *s = fd < 0 ? NULL : source_of(loop, fd);
	struct epoll_event ev = { .events = events, .data.ptr = s };

	if (s)
		epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, fd, &ev);
}

void loop_remove(struct loop *loop, int fd)
{
	struct loop_source *s = fd < 0 ? NULL : source_of(loop, fd);

	if (!s)
		return;
	epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
	s->fd = -1;
	loop->removed[s - loop->source] = loop->round;
}

int loop_once(struct loop *loop, int timeout_ms)
{
	struct epoll_event ev[16];
	int n = epoll_wait(loop->epoll_fd, ev, 16, timeout_ms);

	loop->round++;
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	for (int i = 0; i < n; i++) {
		struct loop_source *s = ev[i].data.ptr;

		/* An earlier function of this round may have removed it. */
		if (s->fd >= 0)
			s->fn(s->arg, ev[i].events);
	}
	return 0;
}
