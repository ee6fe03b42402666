/*
 * See blk.h. The way of a request: taken from its queue into one of the queue's own struct blk_request, read
 * (blk_request.c), perhaps marked for a fault or held back, submitted to the disk (blk_disk.c), and given back
 * with its status. One kick takes all requests there are, begins them together, and gives back with one
 * interrupt what is done by then.
 */
#include "virtio/blk.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/types.h"

/* A request has a header and a status beside its data. */
#define SEG_MAX (VIRTQ_MAX_CHAIN - 2)

/* After so many rounds through one queue, others have their turn. */
#define MAX_ROUNDS 8

#define REQUESTS_BYTES (VIRTIO_BLK_QUEUE_SIZE * sizeof(struct blk_request))

_Static_assert(BLK_MAX_QUEUES <= VIRTIO_MAX_QUEUES && BLK_MAX_QUEUES <= 32,
	       "a bit of unsigned each");

static const struct state_field blk_fields[] = {
	STATE_ARRAY(1, struct blk_state, fault_seen),
	STATE_FIELD(2, struct blk_state, writeback),
	STATE_LAST,
};

const struct state_desc virtio_blk_state_desc = {
	.name = "blk",
	.size = sizeof(struct blk_state),
	.offset = offsetof(struct virtio_blk, state),
	.fields = blk_fields,
};

static struct virtio_blk *blk_of(struct virtio_device *dev)
{
	return (struct virtio_blk *)dev;
}

static struct blk_request *request_of(struct blk_io *io)
{
	return (struct blk_request *)io;
}

/* ---- giving requests back ---- */

static void put_unused(struct virtio_blk *blk, struct blk_request *r)
{
	r->next = blk->unused[r->queue];
	blk->unused[r->queue] = r;
}

/* A driver that cannot be told what became of its request must not wait for it, nor take it for done. */
static void answer(struct virtio_blk *blk, struct blk_request *r, enum blk_status status,
		   uint32_t written)
{
	if (blk->stopping) {
		put_unused(blk, r);
		return;
	}
	if (!blk_request_answer(r, status)) {
		virtio_break(&blk->virtio, r->queue,
			     "the status of a block request is on a poisoned page");
	} else {
		virtq_push(&blk->queue[r->queue], &r->chain, written);
		blk->to_interrupt |= 1u << r->queue;
	}
	put_unused(blk, r);
}

static void interrupt_all(struct virtio_blk *blk)
{
	unsigned queues = blk->to_interrupt;

	blk->to_interrupt = 0;
	for (unsigned n = 0; queues; n++, queues >>= 1)
		if (queues & 1)
			virtio_interrupt(&blk->virtio, n);
}

static const char *const op_names[] = {
	[BLK_READ] = "read",
	[BLK_WRITE] = "write",
	[BLK_FLUSH] = "flush",
	[BLK_DISCARD] = "discard",
	[BLK_WRITE_ZEROES] = "write of zeroes",
};

static void tell_failure(struct virtio_blk *blk, const struct blk_io *io)
{
	atomic_fetch_add_explicit(&blk->virtio.counts.errors, 1, memory_order_relaxed);
	if (log_allow(&blk->virtio.log, clock_now_ns()))
		log_warn("%s: a %s of disk \"%s\" failed%s: %s", blk->virtio.label,
			 op_names[io->op], blk->options.path,
			 io->result == -EFAULT ? " (is a page of the guest's buffer poisoned?)"
					       : "",
			 strerror(-io->result));
}

static enum blk_status status_of(struct virtio_blk *blk, const struct blk_request *r)
{
	if (r->fail)
		return VIRTIO_BLK_S_IOERR;
	if (!r->io.result)
		return VIRTIO_BLK_S_OK;
	if (r->io.op == BLK_DISCARD && r->io.result == -EOPNOTSUPP)
		return VIRTIO_BLK_S_UNSUPP;
	if (r->io.result != -ECANCELED)
		tell_failure(blk, &r->io);
	return VIRTIO_BLK_S_IOERR;
}

/* 2.7.8.2: no more than what was written from the front: of a request that failed nobody knows, but without
 * data that is the status. */
static void complete(struct virtio_blk *blk, struct blk_request *r)
{
	enum blk_status status = status_of(blk, r);
	bool whole = status == VIRTIO_BLK_S_OK || !r->data_bytes;

	answer(blk, r, status, whole ? (uint32_t)r->data_bytes + 1 : 0);
}

static void complete_finished(struct virtio_blk *blk, bool wait)
{
	struct blk_list done;
	struct blk_io *io, *next;

	blk_list_init(&done);
	blk_disk_finished(&blk->disk, wait, &done);
	for (io = done.first; io; io = next) {
		next = io->next;
		complete(blk, request_of(io));
	}
}

/* ---- delays ---- */

/* The timer also brings back queues that had more requests than their turn takes. */
static void set_timer(struct virtio_blk *blk)
{
	struct itimerspec when = { .it_value = { 0 } };

	if (blk->postponed)
		when.it_value = clock_timespec(1);
	else if (blk->delayed)
		when.it_value = clock_timespec(blk->delayed->due_ns);
	timerfd_settime(blk->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

static void hold_back(struct virtio_blk *blk, struct blk_request *r, uint64_t delay_ns)
{
	struct blk_request **at = &blk->delayed;

	r->due_ns = clock_now_ns() + delay_ns;
	while (*at && (*at)->due_ns <= r->due_ns)
		at = &(*at)->next;
	r->next = *at;
	*at = r;
	if (blk->delayed == r)
		set_timer(blk);
}

/* ---- serving ---- */

/* A fault leaves of a request what it lets through: the first half of a torn write, or nothing. */
static void submit(struct virtio_blk *blk, struct blk_request *r)
{
	if (r->fail && (r->io.op != BLK_WRITE || !r->io.range[0].bytes))
		complete(blk, r);
	else
		blk_disk_submit(&blk->disk, &r->io);
}

/* What is due at `now_ns` goes its way. */
static void release_delayed(struct virtio_blk *blk, uint64_t now_ns)
{
	while (blk->delayed && blk->delayed->due_ns <= now_ns) {
		struct blk_request *r = blk->delayed;

		blk->delayed = r->next;
		submit(blk, r);
	}
	blk_disk_begin(&blk->disk);
}

static void apply_fault(struct blk_io *io, const struct blk_fault_hit *hit, uint32_t block_bytes)
{
	if (io->op == BLK_WRITE && hit->torn)
		blk_fault_tear(io, block_bytes);
	else if (io->op == BLK_WRITE && hit->fail)
		io->range[0].bytes = 0;
}

static void start_io(struct virtio_blk *blk, struct blk_request *r)
{
	const struct blk_options *o = &blk->options;
	struct blk_fault_hit hit =
		blk_fault_ask(o->fault, o->nfaults, blk->state.fault_seen, &r->io);

	r->fail = hit.fail;
	r->io.result = 0;
	apply_fault(&r->io, &hit, blk->limits.block_bytes);
	if (hit.delay_ns || o->delay_ns)
		hold_back(blk, r, hit.delay_ns + o->delay_ns);
	else
		submit(blk, r);
}

static void start_request(struct virtio_blk *blk, struct blk_request *r)
{
	enum blk_status status = VIRTIO_BLK_S_IOERR;
	uint32_t written;
	const char *why;

	switch (blk_request_read(r, &blk->limits, &status, &written, &why)) {
	case BLK_NEXT_IO:
		start_io(blk, r);
		break;
	case BLK_NEXT_ANSWER:
		answer(blk, r, status,
		       r->chain.write_bytes == written + 1u ? written + 1 : written);
		break;
	case BLK_NEXT_BREAK:
		virtio_break(&blk->virtio, r->queue, why);
		put_unused(blk, r);
		break;
	}
}

/* NULL: as many are under way as the queue has entries, and it gives out no more than that. */
static struct blk_request *find_unused(struct virtio_blk *blk, unsigned n)
{
	unsigned fresh = blk->nfresh[n];

	if (!blk->unused[n] && fresh) {
		blk->nfresh[n]--;
		blk->unused[n] = &blk->request[n][fresh - 1];
		blk->unused[n]->queue = n;
	}
	return blk->unused[n];
}

/* One that is answered at once is free for the next: no more than a full queue, however fast a driver adds. */
static void take_requests(struct virtio_blk *blk, unsigned n)
{
	for (unsigned i = 0; i < VIRTIO_BLK_QUEUE_SIZE; i++) {
		struct blk_request *r = find_unused(blk, n);

		if (!r || !virtio_pop(&blk->virtio, n, &r->chain))
			return;
		blk->unused[n] = r->next;
		start_request(blk, r);
	}
}

static void serve_once(struct virtio_blk *blk, unsigned n)
{
	take_requests(blk, n);
	blk_disk_begin(&blk->disk);
	complete_finished(blk, false);
	interrupt_all(blk);
}

static void blk_kick(struct virtio_device *dev, unsigned n)
{
	struct virtio_blk *blk = blk_of(dev);
	struct virtq *q = &blk->queue[n];

	blk->postponed &= ~(1u << n);
	for (unsigned round = 0; round < MAX_ROUNDS; round++) {
		virtq_stop_kicks(q);
		serve_once(blk, n);
		if (!virtq_want_kicks(q))
			return;
	}
	blk->postponed |= 1u << n;
	set_timer(blk);
}

static void serve_postponed(struct virtio_blk *blk)
{
	unsigned queues = blk->postponed;

	for (unsigned n = 0; queues; n++, queues >>= 1)
		if (queues & 1)
			blk_kick(&blk->virtio, n);
}

static void on_finished(void *arg, uint32_t events)
{
	struct virtio_blk *blk = arg;

	(void)events;
	complete_finished(blk, false);
	interrupt_all(blk);
}

static void on_timer(void *arg, uint32_t events)
{
	struct virtio_blk *blk = arg;
	uint64_t count;

	(void)events;
	if (read(blk->timer_fd, &count, sizeof(count)) < 0)
		return; /* set anew meanwhile */
	release_delayed(blk, clock_now_ns());
	complete_finished(blk, false);
	interrupt_all(blk);
	serve_postponed(blk);
	set_timer(blk);
}

/* ---- start, stop ---- */

/* 5.2.5.2, 5.2.6.2: who cannot flush gets writes that last; who may choose has chosen. */
static bool is_write_through(const struct virtio_blk *blk)
{
	if (!virtio_has(&blk->virtio, VIRTIO_BLK_F_FLUSH))
		return true;
	if (virtio_has(&blk->virtio, VIRTIO_BLK_F_CONFIG_WCE))
		return !__atomic_load_n(&blk->state.writeback, __ATOMIC_RELAXED);
	return false;
}

static void blk_start(struct virtio_device *dev)
{
	struct virtio_blk *blk = blk_of(dev);

	blk->limits.write_through = is_write_through(blk);
}

/* Nobody waits for what has not begun, and it may be as much as a hostile driver can think of. */
static void drop(struct virtio_blk *blk)
{
	while (blk->delayed) {
		struct blk_request *r = blk->delayed;

		blk->delayed = r->next;
		r->io.result = -ECANCELED;
		complete(blk, r);
	}
	blk_disk_drop(&blk->disk);
}

/* Delays are cut short: nobody waits for what was only made slow. */
static void drain(struct virtio_blk *blk)
{
	if (blk->stopping)
		drop(blk);
	release_delayed(blk, UINT64_MAX);
	while (blk_disk_is_busy(&blk->disk))
		complete_finished(blk, true);
	interrupt_all(blk);
	blk->postponed = 0;
	set_timer(blk);
}

static void blk_stop(struct virtio_device *dev)
{
	struct virtio_blk *blk = blk_of(dev);

	blk->stopping = true;
	drain(blk);
	blk->stopping = false;
	__atomic_store_n(&blk->state.writeback, 1, __ATOMIC_RELAXED);
}

/* resume() has nothing to do: every queue is looked at by kick() after it. */
static void blk_quiesce(struct virtio_device *dev)
{
	drain(blk_of(dev));
}

/* ---- configuration ---- */

/* 5.2.4, little-endian; what is behind belongs to features that are left out. */
struct config {
	uint64_t capacity; /* sectors */
	uint32_t size_max, seg_max;
	uint32_t geometry;
	uint32_t blk_size;
	uint8_t physical_block_exp, alignment_offset;
	uint16_t min_io_size;
	uint32_t opt_io_size;
	uint8_t writeback, unused0;
	uint16_t num_queues;
	uint32_t max_discard_sectors, max_discard_seg, discard_sector_alignment;
	uint32_t max_write_zeroes_sectors, max_write_zeroes_seg;
	uint8_t write_zeroes_may_unmap, unused1[3];
};

_Static_assert(sizeof(struct config) == 64 && offsetof(struct config, writeback) == 32, "5.2.4");

#define CONFIG_BYTES (offsetof(struct config, unused1) + 3)

static uint8_t physical_block_exp(const struct blk_file *f)
{
	return (uint8_t)__builtin_ctz(f->physical_bytes / f->block_bytes);
}

/* 5.2.5.2: 0 for a driver that may choose but does not flush. */
static uint8_t shown_writeback(const struct virtio_blk *blk)
{
	if (virtio_has(&blk->virtio, VIRTIO_BLK_F_CONFIG_WCE) && is_write_through(blk))
		return 0;
	return (uint8_t)__atomic_load_n(&blk->state.writeback, __ATOMIC_RELAXED);
}

static struct config config_of(const struct virtio_blk *blk)
{
	const struct blk_file *f = &blk->disk.file;

	return (struct config){
		.capacity = htole64(f->bytes / BLK_SECTOR_BYTES),
		.seg_max = htole32(SEG_MAX),
		.blk_size = htole32(f->block_bytes),
		.physical_block_exp = physical_block_exp(f),
		.min_io_size = htole16((uint16_t)(f->physical_bytes / f->block_bytes)),
		.writeback = shown_writeback(blk),
		.num_queues = htole16((uint16_t)blk->options.queues),
		.max_discard_sectors = htole32(f->can_discard ? BLK_MAX_DISCARD_SECTORS : 0),
		.max_discard_seg = htole32(f->can_discard ? BLK_MAX_RANGES : 0),
		.discard_sector_alignment = htole32(f->physical_bytes / BLK_SECTOR_BYTES),
		.max_write_zeroes_sectors = htole32(f->ro ? 0 : BLK_MAX_ZEROES_SECTORS),
		.max_write_zeroes_seg = htole32(f->ro ? 0 : BLK_MAX_RANGES),
		.write_zeroes_may_unmap = f->can_discard,
	};
}

static void blk_read_config(struct virtio_device *dev, uint32_t offset, void *to, uint32_t n)
{
	struct config config = config_of(blk_of(dev));

	memcpy(to, (const uint8_t *)&config + offset, n);
}

static void set_write_through(void *arg)
{
	struct virtio_blk *blk = arg;

	blk->limits.write_through = is_write_through(blk);
}

/* 5.2.4.2: the driver may switch at any time. */
static void blk_write_config(struct virtio_device *dev, uint32_t offset, const void *from,
			     uint32_t n)
{
	struct virtio_blk *blk = blk_of(dev);
	uint8_t value = *(const uint8_t *)from;

	if (offset != offsetof(struct config, writeback) || n != 1 || value > 1 ||
	    !virtio_has(dev, VIRTIO_BLK_F_CONFIG_WCE))
		return;
	__atomic_store_n(&blk->state.writeback, value, __ATOMIC_RELAXED);
	iothread_call(dev->io, set_write_through, blk);
}

static const struct virtio_ops blk_ops = {
	.name = "blk",
	.id = VIRTIO_ID_BLOCK,
	.config_bytes = CONFIG_BYTES,
	.read_config = blk_read_config,
	.write_config = blk_write_config,
	.start = blk_start,
	.kick = blk_kick,
	.stop = blk_stop,
	.quiesce = blk_quiesce,
	.state = &virtio_blk_state_desc,
};

static uint64_t features_of(const struct blk_file *f, unsigned queues)
{
	uint64_t features = VIRTIO_BLK_F_SEG_MAX | VIRTIO_BLK_F_BLK_SIZE | VIRTIO_BLK_F_TOPOLOGY;

	if (queues > 1)
		features |= VIRTIO_BLK_F_MQ;
	if (f->ro)
		return features | VIRTIO_BLK_F_RO;
	if (f->can_discard)
		features |= VIRTIO_BLK_F_DISCARD;
	return features | VIRTIO_BLK_F_FLUSH | VIRTIO_BLK_F_CONFIG_WCE | VIRTIO_BLK_F_WRITE_ZEROES;
}

/* ---- opening, closing ---- */

/* Pages of it that no request has used take no memory. */
static int allocate_requests(struct virtio_blk *blk, unsigned queue)
{
	void *at = mmap(NULL, REQUESTS_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			-1, 0);

	if (at == MAP_FAILED)
		return -errno;
	blk->request[queue] = at;
	blk->nfresh[queue] = VIRTIO_BLK_QUEUE_SIZE;
	return 0;
}

static int check_faults(const struct virtio_blk *blk, struct err *err)
{
	uint64_t nsectors = blk->disk.file.bytes / BLK_SECTOR_BYTES;

	for (unsigned i = 0; i < blk->options.nfaults; i++) {
		const struct blk_fault *fault = &blk->options.fault[i];

		if (fault->has_at && fault->at >= nsectors)
			return err_set(err, -EINVAL,
				       "disk \"%s\" has %" PRIu64 " sectors: at=%" PRIu64
				       " is behind the last",
				       blk->options.path, nsectors, fault->at);
	}
	return 0;
}

static int watch_fds(struct virtio_blk *blk)
{
	struct loop *loop = &blk->virtio.io->loop;
	int r;

	blk->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (blk->timer_fd < 0)
		return -errno;
	r = loop_add(loop, blk->timer_fd, EPOLLIN, on_timer, blk);
	for (unsigned i = 0; i < BLK_DISK_BACKENDS && !r; i++)
		if (blk->disk.backend[i])
			r = loop_add(loop, blk->disk.backend[i]->fd, EPOLLIN, on_finished, blk);
	return r;
}

static void init_device(struct virtio_blk *blk, struct iothread *io, const struct mem *mem,
			unsigned index)
{
	struct virtio_device *dev = &blk->virtio;
	const struct blk_file *f = &blk->disk.file;

	for (unsigned n = 0; n < blk->options.queues; n++)
		virtq_init(&blk->queue[n], mem, VIRTIO_BLK_QUEUE_SIZE);
	virtio_init(dev, &blk_ops, io, mem, blk->queue, blk->options.queues,
		    features_of(f, blk->options.queues));
	snprintf(dev->label, sizeof(dev->label), "blk%u", index);
	blk->state.writeback = 1;
	blk->limits = (struct blk_limits){
		.bytes = f->bytes,
		.block_bytes = f->block_bytes,
		.ro = f->ro,
		.can_discard = f->can_discard,
		.id = blk->options.id[0] ? blk->options.id : dev->label,
	};
}

static int open_steps(struct virtio_blk *blk, struct err *err)
{
	int r = check_faults(blk, err);

	if (r)
		return r;
	for (unsigned n = 0; n < blk->options.queues && !r; n++)
		r = allocate_requests(blk, n);
	if (!r)
		r = watch_fds(blk);
	return r ? err_set(err, r, "cannot set up disk \"%s\": %s", blk->options.path, strerror(-r))
		 : 0;
}

int virtio_blk_open(struct virtio_blk *blk, const struct blk_options *options, struct iothread *io,
		    const struct mem *mem, unsigned index, struct err *err)
{
	int r;

	*blk = (struct virtio_blk){ .options = *options, .timer_fd = -1 };
	r = blk_disk_open(&blk->disk, options, options->queues * VIRTIO_BLK_QUEUE_SIZE, err);
	if (r)
		return r;
	init_device(blk, io, mem, index);
	r = open_steps(blk, err);
	if (r)
		virtio_blk_close(blk);
	return r;
}

static void close_on_io(void *arg)
{
	struct virtio_blk *blk = arg;
	struct loop *loop = &blk->virtio.io->loop;

	blk->virtio.live = false;
	blk->stopping = true;
	drain(blk);
	for (unsigned i = 0; i < BLK_DISK_BACKENDS; i++)
		if (blk->disk.backend[i])
			loop_remove(loop, blk->disk.backend[i]->fd);
	loop_remove(loop, blk->timer_fd);
}

void virtio_blk_close(struct virtio_blk *blk)
{
	if (!blk->disk.file.bytes) /* it is not open: no disk is empty */
		return;
	iothread_call(blk->virtio.io, close_on_io, blk);
	if (blk->timer_fd >= 0)
		close(blk->timer_fd);
	blk->timer_fd = -1;
	for (unsigned n = 0; n < BLK_MAX_QUEUES; n++)
		if (blk->request[n])
			munmap(blk->request[n], REQUESTS_BYTES);
	memset(blk->request, 0, sizeof(blk->request));
	blk_disk_close(&blk->disk);
}
