/* See iothread.h. The queue of calls is a list of the callers' own stack frames; an eventfd wakes the loop. */
#include "lib/iothread.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/log.h"

struct iothread_call {
	void (*fn)(void *arg);
	void *arg;
	bool done;
	struct iothread_call *next;
};

static struct iothread_call *take_calls(struct iothread *io)
{
	struct iothread_call *calls;

	pthread_mutex_lock(&io->lock);
	calls = io->calls;
	io->calls = NULL;
	io->last = &io->calls;
	pthread_mutex_unlock(&io->lock);
	return calls;
}

/* A caller's frame is gone as soon as it sees `done`. */
static void run_calls(struct iothread *io)
{
	struct iothread_call *call = take_calls(io), *next;

	for (; call; call = next) {
		next = call->next;
		call->fn(call->arg);
		pthread_mutex_lock(&io->lock);
		call->done = true;
		pthread_cond_broadcast(&io->finished);
		pthread_mutex_unlock(&io->lock);
	}
}

static void on_wake(void *arg, uint32_t events)
{
	struct iothread *io = arg;
	uint64_t count;

	(void)events;
	if (read(io->wake_fd, &count, sizeof(count)) > 0)
		run_calls(io);
}

static void *iothread_main(void *arg)
{
	struct iothread *io = arg;
	int r = 0;

	pthread_setname_np(pthread_self(), io->name);
	while (!io->end && r == 0)
		r = loop_once(&io->loop, -1);
	if (r)
		log_error("I/O thread: %s", strerror(-r));
	return NULL;
}

int iothread_open(struct iothread *io, struct err *err)
{
	int r;

	*io = (struct iothread){ .loop.epoll_fd = -1, .wake_fd = -1 };
	io->last = &io->calls;
	pthread_mutex_init(&io->lock, NULL);
	pthread_cond_init(&io->finished, NULL);
	r = loop_init(&io->loop, err);
	if (r)
		return r;
	io->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (io->wake_fd < 0)
		return err_set(err, -errno, "I/O thread: %s", strerror(errno));
	r = loop_add(&io->loop, io->wake_fd, EPOLLIN, on_wake, io);
	return r ? err_set(err, r, "I/O thread: %s", strerror(-r)) : 0;
}

int iothread_start(struct iothread *io, const char *name, struct err *err)
{
	int r;

	strncpy(io->name, name, sizeof(io->name) - 1);
	io->end = false;
	r = pthread_create(&io->thread, NULL, iothread_main, io);
	if (r)
		return err_set(err, -r, "cannot start the I/O thread: %s", strerror(r));
	io->started = true;
	return 0;
}

static void end_thread(void *arg)
{
	((struct iothread *)arg)->end = true;
}

void iothread_close(struct iothread *io)
{
	if (io->started) {
		iothread_call(io, end_thread, io);
		pthread_join(io->thread, NULL);
		io->started = false;
	}
	if (io->wake_fd < 0)
		return;
	loop_close(&io->loop);
	close(io->wake_fd);
	io->wake_fd = -1;
	pthread_cond_destroy(&io->finished);
	pthread_mutex_destroy(&io->lock);
}

static void wait_done(struct iothread *io, struct iothread_call *call)
{
	uint64_t one = 1;

	pthread_mutex_lock(&io->lock);
	*io->last = call;
	io->last = &call->next;
	/* An eventfd takes any number of these, so this cannot fail. */
	if (write(io->wake_fd, &one, sizeof(one)) < 0)
		log_error("cannot wake the I/O thread: %s", strerror(errno));
	while (!call->done)
		pthread_cond_wait(&io->finished, &io->lock);
	pthread_mutex_unlock(&io->lock);
}

void iothread_call(struct iothread *io, void (*fn)(void *arg), void *arg)
{
	struct iothread_call call = { .fn = fn, .arg = arg };

	if (!io->started || pthread_equal(pthread_self(), io->thread))
		fn(arg);
	else
		wait_done(io, &call);
}
