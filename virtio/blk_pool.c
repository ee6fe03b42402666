/*
 * Threads that serve a disk's requests, each one at a time. The list of requests waits under a lock, and so
 * does the list of those that are done; a request itself belongs to the thread that took it.
 *
 * A batch wakes one thread, and a thread that leaves work behind wakes the next: the first request is under
 * way at once, and whoever submits pays for one wake-up. What is done is announced by an eventfd when the
 * list of it was empty.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/types.h"
#include "virtio/blk_file.h"

#define NR_THREADS 8

struct blk_pool;

struct worker {
	struct blk_pool *pool;
	pthread_t thread;
	void *bounce; /* NULL: no request can need it */
};

struct blk_pool {
	struct blk_backend backend; /* first */
	struct blk_list submitted;  /* since the last begin(); the caller's thread only */
	pthread_mutex_t lock;       /* a leaf; for all below but `worker` */
	pthread_cond_t work, some_done;
	struct blk_list waiting, done;
	unsigned nidle;
	bool end;
	unsigned nworkers;
	struct worker worker[NR_THREADS];
};

static struct blk_pool *pool_of(struct blk_backend *b)
{
	return (struct blk_pool *)b;
}

/* ---- the threads ---- */

/* Under the lock. NULL: the end. */
static struct blk_io *take_work(struct blk_pool *p)
{
	struct blk_io *io;

	p->nidle++;
	while (!p->waiting.first && !p->end)
		pthread_cond_wait(&p->work, &p->lock);
	p->nidle--;
	io = p->waiting.first;
	if (!io)
		return NULL;
	p->waiting.first = io->next;
	if (!p->waiting.first)
		blk_list_init(&p->waiting);
	else if (p->nidle)
		pthread_cond_signal(&p->work);
	return io;
}

static void announce(struct blk_pool *p)
{
	uint64_t one = 1;
	ssize_t n;

	/* It takes any number of these, so nothing but a signal can come between, and they are blocked. */
	n = write(p->backend.fd, &one, sizeof(one));
	(void)n;
}

/* Under the lock. */
static void hand_back(struct blk_pool *p, struct blk_io *io)
{
	bool first = !p->done.first;

	blk_list_add(&p->done, io);
	if (first) {
		pthread_cond_signal(&p->some_done);
		announce(p);
	}
}

/* A poisoned page that a bounce buffer is filled from raises SIGBUS; no other signal is for this thread, nor
 * that of a write beyond the limit of file sizes. */
static void block_signals(void)
{
	sigset_t set;

	sigfillset(&set);
	sigdelset(&set, SIGBUS);
	pthread_sigmask(SIG_SETMASK, &set, NULL);
}

static void *worker_main(void *arg)
{
	const struct worker *w = arg;
	struct blk_pool *p = w->pool;
	struct blk_io *io;

	block_signals();
	pthread_setname_np(pthread_self(), "blk");
	pthread_mutex_lock(&p->lock);
	while ((io = take_work(p))) {
		pthread_mutex_unlock(&p->lock);
		io->result = blk_file_serve(p->backend.file, io, w->bounce);
		pthread_mutex_lock(&p->lock);
		hand_back(p, io);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

/* ---- the caller's side ---- */

static void pool_submit(struct blk_backend *b, struct blk_io *io)
{
	blk_list_add(&pool_of(b)->submitted, io);
}

static void pool_begin(struct blk_backend *b)
{
	struct blk_pool *p = pool_of(b);

	if (!p->submitted.first)
		return;
	pthread_mutex_lock(&p->lock);
	blk_list_move(&p->waiting, &p->submitted);
	if (p->nidle)
		pthread_cond_signal(&p->work);
	pthread_mutex_unlock(&p->lock);
}

static void empty_eventfd(int fd)
{
	uint64_t count;

	if (read(fd, &count, sizeof(count)) < 0)
		return; /* nothing in it */
}

/* The eventfd is emptied before the list is: what comes later writes to it again. */
static void pool_finished(struct blk_backend *b, bool wait, struct blk_list *done)
{
	struct blk_pool *p = pool_of(b);

	pthread_mutex_lock(&p->lock);
	while (wait && !p->done.first)
		pthread_cond_wait(&p->some_done, &p->lock);
	if (p->done.first)
		empty_eventfd(b->fd);
	blk_list_move(done, &p->done);
	pthread_mutex_unlock(&p->lock);
}

static void pool_drop(struct blk_backend *b)
{
	struct blk_pool *p = pool_of(b);
	struct blk_list list;

	blk_list_init(&list);
	pthread_mutex_lock(&p->lock);
	blk_list_move(&list, &p->waiting);
	blk_list_move(&list, &p->submitted);
	for (struct blk_io *io = list.first, *next; io; io = next) {
		next = io->next;
		io->result = -ECANCELED;
		hand_back(p, io);
	}
	pthread_mutex_unlock(&p->lock);
}

/* ---- opening, closing ---- */

static void end_threads(struct blk_pool *p)
{
	pthread_mutex_lock(&p->lock);
	p->end = true;
	pthread_cond_broadcast(&p->work);
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; i < p->nworkers; i++) {
		pthread_join(p->worker[i].thread, NULL);
		if (p->worker[i].bounce)
			munmap(p->worker[i].bounce, BLK_BOUNCE_BYTES);
	}
}

static void pool_close(struct blk_backend *b)
{
	struct blk_pool *p = pool_of(b);

	end_threads(p);
	if (b->fd >= 0)
		close(b->fd);
	pthread_cond_destroy(&p->some_done);
	pthread_cond_destroy(&p->work);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

static const struct blk_backend_ops pool_ops = {
	.name = "threads",
	.submit = pool_submit,
	.begin = pool_begin,
	.finished = pool_finished,
	.drop = pool_drop,
	.close = pool_close,
};

static int start_worker(struct blk_pool *p)
{
	struct worker *w = &p->worker[p->nworkers];
	int r;

	w->pool = p;
	if (p->backend.file->direct) {
		w->bounce = mmap(NULL, BLK_BOUNCE_BYTES, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (w->bounce == MAP_FAILED)
			return -errno;
	}
	r = pthread_create(&w->thread, NULL, worker_main, w);
	if (r) {
		if (w->bounce)
			munmap(w->bounce, BLK_BOUNCE_BYTES);
		return -r;
	}
	p->nworkers++;
	return 0;
}

static int start_pool(struct blk_pool *p)
{
	p->backend.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (p->backend.fd < 0)
		return -errno;
	for (unsigned i = 0; i < NR_THREADS; i++) {
		int r = start_worker(p);

		if (r)
			return r;
	}
	return 0;
}

int blk_pool_open(struct blk_backend **b, const struct blk_file *file, struct err *err)
{
	struct blk_pool *p = calloc(1, sizeof(*p));
	int r;

	*b = NULL;
	if (!p)
		return err_set(err, -ENOMEM, "no memory for the threads of a disk");
	p->backend = (struct blk_backend){ .ops = &pool_ops, .file = file, .fd = -1 };
	blk_list_init(&p->submitted);
	blk_list_init(&p->waiting);
	blk_list_init(&p->done);
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->work, NULL);
	pthread_cond_init(&p->some_done, NULL);
	r = start_pool(p);
	if (!r) {
		*b = &p->backend;
		return 0;
	}
	pool_close(&p->backend);
	return err_set(err, r, "cannot start the threads of a disk: %s", strerror(-r));
}
