/*
 * See p9.h. Requests go from the queue to `todo`, from there through the worker to `done`, and from there, on
 * the I/O thread again, back to the queue. The worker touches the request's own buffers in guest memory but
 * never the rings.
 *
 * Left out: more than one request of a share at a time.
 */
#include "virtio/p9.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/types.h"

#define QUEUE_ENTRIES 128 /* what Linux's driver puts into one request at most */

/* Of the process's descriptors: left alone by all shares, and the part of the rest that one may take. */
#define FDS_KEPT     256u
#define FDS_PART     4u
#define FDS_WANTED   65536u
#define FDS_PER_FID  2u
#define FIDS_MAX     32768u
#define FIDS_FEW     1024u
#define FIDS_MIN     16u
#define MESSAGE_NS   (10 * NS_PER_SEC)
#define THREAD_BYTES 16

_Static_assert(P9_MAX_PARTS >= VIRTQ_MAX_CHAIN, "a request has no more parts than are looked at");

/* ---- lists ---- */

static void append(struct p9_slots *list, struct p9_slot *slot)
{
	slot->next = NULL;
	if (list->first)
		list->last->next = slot;
	else
		list->first = slot;
	list->last = slot;
}

static struct p9_slot *take(struct p9_slots *list)
{
	struct p9_slot *slot = list->first;

	if (slot)
		list->first = slot->next;
	return slot;
}

static void append_all(struct p9_slots *list, struct p9_slots *from)
{
	struct p9_slot *slot;

	while ((slot = take(from)))
		append(list, slot);
}

/* ---- one request, on the worker ---- */

/* The guest is told by EMFILE; who can change it, by this. */
static void look_for_shortage(struct virtio_p9 *p)
{
	const struct p9_io *io = p->io;
	uint32_t code = le32_at(io->reply + P9_HEADER_BYTES);

	if (p9_header(io->reply).type != P9_RLERROR || (code != EMFILE && code != ENFILE))
		return;
	if (log_allow(&p->log, clock_now_ns()))
		log_warn("%s: the guest has %u files of the share in use and gets no more: raise "
			 "the limit of open files (ulimit -n)",
			 p->virtio.label, p->fs.fids.count);
}

/* Copy the request, but for the data of a Twrite, which stays where it is. Bytes or -EHWPOISON. */
static ssize_t copy_request(const struct virtq_chain *chain, struct p9_io *io)
{
	ssize_t n = virtq_read(chain, 0, io->request, P9_WRITE_BYTES), more;

	if (n < P9_WRITE_BYTES || p9_header(io->request).type == P9_TWRITE)
		return n;
	more = virtq_read(chain, P9_WRITE_BYTES, io->request + P9_WRITE_BYTES,
			  sizeof(io->request) - P9_WRITE_BYTES);
	return more < 0 ? more : n + more;
}

static const char *serve(struct virtio_p9 *p, struct p9_slot *slot)
{
	const struct virtq_chain *chain = &slot->chain;
	struct p9_io *io = p->io;
	ssize_t n;

	if (chain->read_bytes < P9_HEADER_BYTES || chain->write_bytes < P9_ERROR_BYTES)
		return "a request without a header, or without room for a reply";
	n = copy_request(chain, io);
	if (n < P9_HEADER_BYTES)
		return "a poisoned page in a request";
	io->request_bytes = (size_t)n;
	io->sent_bytes = chain->read_bytes;
	io->room = chain->write_bytes;
	io->nin = p9_iov_slice(chain->iov, chain->nread, P9_WRITE_BYTES, SIZE_MAX, io->in);
	io->nout = p9_iov_slice(chain->iov + chain->nread, chain->nwrite, P9_READ_BYTES, SIZE_MAX,
				io->out);
	p9_fs_serve(&p->fs, io);
	look_for_shortage(p);
	if (virtq_write(chain, 0, io->reply, io->reply_bytes) != (ssize_t)io->reply_bytes)
		return "a poisoned page in a reply's buffer";
	slot->written = (uint32_t)(io->reply_bytes + io->data_bytes);
	return NULL;
}

/* Under the lock, which is open while the request is served. */
static void work_on(struct virtio_p9 *p, struct p9_slot *slot)
{
	uint64_t one = 1;

	p->busy = true;
	pthread_mutex_unlock(&p->lock);
	slot->broken = serve(p, slot);
	pthread_mutex_lock(&p->lock);
	p->busy = false;
	append(&p->done, slot);
	pthread_cond_signal(&p->rested);
	if (write(p->done_fd, &one, sizeof(one)) < 0)
		log_error("%s: cannot wake the I/O thread: %s", p->virtio.label, strerror(errno));
}

static void *worker_main(void *arg)
{
	struct virtio_p9 *p = arg;
	char name[THREAD_BYTES];

	snprintf(name, sizeof(name), "%.15s", p->virtio.label);
	pthread_setname_np(pthread_self(), name);
	if (!p9_fs_enter_thread())
		log_warn(
			"%s: the host lets no thread have a umask of its own: files that the guest "
			"makes have fewer permissions than it asks for",
			p->virtio.label);
	pthread_mutex_lock(&p->lock);
	while (!p->end) {
		struct p9_slot *slot = take(&p->todo);

		if (slot)
			work_on(p, slot);
		else
			pthread_cond_wait(&p->work, &p->lock);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

/* ---- the queue, on the I/O thread ---- */

static void give_to_worker(struct virtio_p9 *p, struct p9_slot *slot)
{
	pthread_mutex_lock(&p->lock);
	append(&p->todo, slot);
	pthread_cond_signal(&p->work);
	pthread_mutex_unlock(&p->lock);
}

/* As many requests as there are slots. With none free, completions come back here. */
static void fetch(struct virtio_p9 *p)
{
	struct p9_slot *slot;

	while ((slot = p->free.first)) {
		if (virtio_pop(&p->virtio, 0, &slot->chain))
			give_to_worker(p, take(&p->free));
		else if (!virtio_rest(&p->virtio, 0))
			return;
	}
}

static void p9_kick(struct virtio_device *dev, unsigned n)
{
	(void)n;
	fetch((struct virtio_p9 *)dev);
}

static struct p9_slots take_done(struct virtio_p9 *p)
{
	struct p9_slots done;

	pthread_mutex_lock(&p->lock);
	done = p->done;
	p->done = (struct p9_slots){ 0 };
	pthread_mutex_unlock(&p->lock);
	return done;
}

/* Give requests back to the guest. */
static void complete(struct virtio_p9 *p)
{
	struct p9_slots done = take_done(p);
	struct p9_slot *slot;

	if (!done.first)
		return;
	while ((slot = take(&done))) {
		if (slot->broken)
			virtio_break(&p->virtio, 0, slot->broken);
		else
			virtq_push(&p->queue, &slot->chain, slot->written);
		append(&p->free, slot);
	}
	virtio_interrupt(&p->virtio, 0);
}

static void on_done(void *arg, uint32_t events)
{
	struct virtio_p9 *p = arg;
	uint64_t count;

	(void)events;
	if (read(p->done_fd, &count, sizeof(count)) < 0)
		return; /* somebody was faster */
	complete(p);
	if (p->virtio.live)
		fetch(p);
}

/* ---- life ---- */

/* Until the worker has nothing under way; `all`: and nothing before it. */
static void wait_for_worker(struct virtio_p9 *p, bool all)
{
	pthread_mutex_lock(&p->lock);
	if (!all)
		append_all(&p->free, &p->todo);
	while (p->busy || p->todo.first)
		pthread_cond_wait(&p->rested, &p->lock);
	pthread_mutex_unlock(&p->lock);
}

/* What the guest has not been told by now it will not be told. */
static void p9_stop(struct virtio_device *dev)
{
	struct virtio_p9 *p = (struct virtio_p9 *)dev;
	struct p9_slots done;

	wait_for_worker(p, false);
	done = take_done(p);
	append_all(&p->free, &done);
	p9_fs_reset(&p->fs);
}

static void p9_quiesce(struct virtio_device *dev)
{
	struct virtio_p9 *p = (struct virtio_p9 *)dev;

	wait_for_worker(p, true);
	complete(p);
}

/* The length of the tag in 16 bits, and the tag. */
static void p9_read_config(struct virtio_device *dev, uint32_t offset, void *to, uint32_t n)
{
	const struct virtio_p9 *p = (const struct virtio_p9 *)dev;
	uint8_t config[2 + P9_TAG_MAX] = { (uint8_t)strlen(p->tag) };

	memcpy(config + 2, p->tag, strlen(p->tag));
	memcpy(to, config + offset, n);
}

static const struct state_desc p9_state = {
	.name = "9p",
	.size = sizeof(struct p9_fs_state),
	.offset = offsetof(struct virtio_p9, fs.state),
	.fields = p9_fs_fields,
};

static const struct virtio_ops p9_ops = {
	.name = "9p",
	.id = VIRTIO_ID_9P,
	.config_bytes = 2 + P9_TAG_MAX,
	.read_config = p9_read_config,
	.kick = p9_kick,
	.stop = p9_stop,
	.quiesce = p9_quiesce,
	.state = &p9_state,
};

/* ---- opening ---- */

/* Let the process have as many descriptors as it may; root may have more than it was given. */
static void raise_limit(struct rlimit *limit)
{
	struct rlimit more = *limit;

	if (more.rlim_max < FDS_WANTED)
		more.rlim_max = FDS_WANTED;
	more.rlim_cur = more.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &more)) {
		more = *limit;
		more.rlim_cur = limit->rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &more))
			return;
	}
	*limit = more;
}

/* How many fids one share may have, of the descriptors that the process can have. */
static uint32_t max_fids(const char *label)
{
	struct rlimit limit = { 0, 0 };
	rlim_t n;

	if (!getrlimit(RLIMIT_NOFILE, &limit))
		raise_limit(&limit);
	n = limit.rlim_cur > FDS_KEPT ? (limit.rlim_cur - FDS_KEPT) / FDS_PART / FDS_PER_FID : 0;
	if (n < FIDS_FEW)
		log_warn("%s: the guest can use %u files of the share at a time: raise the limit "
			 "of open files, which is %llu (ulimit -Hn)",
			 label, n < FIDS_MIN ? FIDS_MIN : (unsigned)n,
			 (unsigned long long)limit.rlim_cur);
	if (n < FIDS_MIN)
		n = FIDS_MIN;
	return n < FIDS_MAX ? (uint32_t)n : FIDS_MAX;
}

static int allocate(struct virtio_p9 *p, struct err *err)
{
	p->io = malloc(sizeof(*p->io));
	p->slot = calloc(VIRTIO_P9_SLOTS, sizeof(*p->slot));
	if (!p->io || !p->slot)
		return err_set(err, -ENOMEM, "%s: no memory for its requests", p->virtio.label);
	for (unsigned i = 0; i < VIRTIO_P9_SLOTS; i++)
		append(&p->free, &p->slot[i]);
	return 0;
}

static void join_loop(void *arg)
{
	struct virtio_p9 *p = arg;
	int r = loop_add(&p->virtio.io->loop, p->done_fd, EPOLLIN, on_done, p);

	if (r) {
		close(p->done_fd);
		p->done_fd = r;
	}
}

static int watch_done(struct virtio_p9 *p, struct err *err)
{
	int r;

	p->done_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	r = p->done_fd < 0 ? -errno : 0;
	if (!r) {
		iothread_call(p->virtio.io, join_loop, p);
		r = p->done_fd < 0 ? p->done_fd : 0;
	}
	return r ? err_set(err, r, "%s: cannot watch its thread: %s", p->virtio.label, strerror(-r))
		 : 0;
}

static int start_worker(struct virtio_p9 *p, struct err *err)
{
	int r = pthread_create(&p->worker, NULL, worker_main, p);

	if (r)
		return err_set(err, -r, "%s: cannot start its thread: %s", p->virtio.label,
			       strerror(r));
	p->started = true;
	return 0;
}

int virtio_p9_open(struct virtio_p9 *p, const struct p9_options *options, struct iothread *io,
		   const struct mem *mem, unsigned index, struct err *err)
{
	int r;

	*p = (struct virtio_p9){ .opened = true, .done_fd = -1 };
	memcpy(p->tag, options->tag, sizeof(p->tag));
	p->log = (struct log_limit){ .interval_ns = MESSAGE_NS, .burst = 1 };
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->work, NULL);
	pthread_cond_init(&p->rested, NULL);
	virtq_init(&p->queue, mem, QUEUE_ENTRIES);
	virtio_init(&p->virtio, &p9_ops, io, mem, &p->queue, 1, VIRTIO_9P_MOUNT_TAG);
	snprintf(p->virtio.label, sizeof(p->virtio.label), "9p%u", index);
	r = p9_fs_open(&p->fs, options, max_fids(p->virtio.label), err);
	if (!r)
		r = allocate(p, err);
	if (!r)
		r = watch_done(p, err);
	if (!r)
		r = start_worker(p, err);
	if (r)
		virtio_p9_close(p);
	return r;
}

static void end_worker(struct virtio_p9 *p)
{
	pthread_mutex_lock(&p->lock);
	p->end = true;
	pthread_cond_signal(&p->work);
	pthread_mutex_unlock(&p->lock);
	pthread_join(p->worker, NULL);
	p->started = false;
}

static void leave_loop(void *arg)
{
	struct virtio_p9 *p = arg;

	loop_remove(&p->virtio.io->loop, p->done_fd);
}

void virtio_p9_close(struct virtio_p9 *p)
{
	if (!p->opened)
		return;
	if (p->started)
		end_worker(p);
	if (p->done_fd >= 0) {
		iothread_call(p->virtio.io, leave_loop, p);
		close(p->done_fd);
	}
	p9_fs_close(&p->fs);
	free(p->slot);
	free(p->io);
	pthread_cond_destroy(&p->rested);
	pthread_cond_destroy(&p->work);
	pthread_mutex_destroy(&p->lock);
	*p = (struct virtio_p9){ 0 };
}
