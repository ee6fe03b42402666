/*
 * A whole block device with a driver: guest RAM, an I/O thread, a temporary file, and split rings. What the
 * driver does to its rings it does on the I/O thread, between two events of the device, so that the thread
 * sanitizer can follow; the device's own threads run as always.
 *
 * Source of the layouts: virtio 1.2, 2.7 and 5.2.6.
 */
#ifndef TESTS_BLK_FIXTURE_H
#define TESTS_BLK_FIXTURE_H

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/clock.h"
#include "lib/guard.h"
#include "lib/types.h"
#include "virtio/blk.h"

#define RAM       UINT64_C(0x80000000)
#define RAM_BYTES MIB(16)

/* Each queue has its rings, then a page of headers and status bytes. */
#define QUEUE_BYTES 0x10000u
#define AT_AVAIL    0x2000u
#define AT_USED     0x4000u
#define AT_REQUESTS 0x8000u
#define REQUEST_GAP 32u /* header 16, status 1 */
#define STATUS_AT   16u
#define AT_DATA     (RAM + MIB(2)) /* buffers, as a test likes */

#define SLOTS      64u /* requests of four descriptors */
#define NO_STATUS  0xee
#define DEADLINE_S 60u

#define F_NEXT  1u
#define F_WRITE 2u

struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

struct blk_driver {
	uint16_t avail, used;
	uint32_t len[SLOTS]; /* as the device said */
	bool back[SLOTS];
};

struct bed {
	struct iothread io;
	struct mem ram;
	struct virtio_blk blk;
	struct blk_driver driver[BLK_MAX_QUEUES];
	_Atomic unsigned interrupts, config_interrupts;
	char path[64];
	int fd; /* of the file, the test's own */
};

/* A buffer of a request. */
struct part {
	uint64_t at;
	uint32_t len;
};

struct bed_request {
	uint32_t type;
	uint64_t sector;
	struct part part[2];
	unsigned nparts;
};

/* ---- the machine around it ---- */

static inline struct bed *bed_of(struct virtio_device *dev)
{
	return dev->transport_world;
}

static inline void count_interrupt(struct virtio_device *dev, unsigned queue)
{
	(void)queue;
	bed_of(dev)->interrupts++;
}

static inline void count_config_interrupt(struct virtio_device *dev)
{
	bed_of(dev)->config_interrupts++;
}

static const struct virtio_transport counting = {
	.interrupt = count_interrupt,
	.config_interrupt = count_config_interrupt,
};

static inline void on_sigbus(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	guard_catch((uintptr_t)info->si_addr);
	_exit(42);
}

/* Byte `i` of the file to begin with; no two sectors are the same. */
static inline uint8_t pattern(uint64_t i)
{
	return (uint8_t)(i / 512 * 7 + i % 251 + 1);
}

static inline void fill(int fd, uint64_t bytes)
{
	uint8_t block[4096];

	for (uint64_t at = 0; at < bytes; at += sizeof(block)) {
		uint64_t n = bytes - at < sizeof(block) ? bytes - at : sizeof(block);

		for (uint64_t i = 0; i < n; i++)
			block[i] = pattern(at + i);
		assert_int_equal(pwrite(fd, block, n, (off_t)at), n);
	}
}

static inline void *at(const struct bed *bed, uint64_t addr, uint64_t bytes)
{
	void *p = mem_ptr(&bed->ram, gpa(addr), bytes);

	if (!p)
		fail_msg("0x%llx is not in RAM", (unsigned long long)addr);
	return p;
}

static inline void bed_make_file(struct bed *bed, uint64_t bytes)
{
	snprintf(bed->path, sizeof(bed->path), "/tmp/rasvm-test-blk-XXXXXX");
	bed->fd = mkstemp(bed->path);
	assert_true(bed->fd >= 0);
	fill(bed->fd, bytes);
}

/* Read from the pool's threads as well as the ring: `aio` is the test's state. Skips what this host lacks. */
static inline void need_aio(struct bed *bed, const char *aio)
{
	struct blk_file file = { .fd = bed->fd };
	struct blk_backend *b;
	int r = strcmp(aio, "io_uring") ? 0 : blk_uring_open(&b, &file, 1);

	if (r) {
		print_message("skipped: io_uring: %s\n",
			      r == -ENOTSUP ? "built without liburing" : strerror(-r));
		close(bed->fd);
		unlink(bed->path);
		skip();
	}
	if (!strcmp(aio, "io_uring"))
		b->ops->close(b);
}

/* Another disk over the same file. */
static inline int bed_try_open_as(struct bed *bed, struct virtio_blk *blk, const char *aio,
				  const char *options, struct err *err)
{
	struct blk_options o;
	char text[256];

	snprintf(text, sizeof(text), "%s,aio=%s%s", bed->path, aio, options);
	if (blk_options_parse(&o, text, err))
		fail_msg("options \"%s\": %s", text, err->text);
	return virtio_blk_open(blk, &o, &bed->io, &bed->ram, 0, err);
}

static inline int bed_try_open(struct bed *bed, const char *aio, const char *options,
			       struct err *err)
{
	return bed_try_open_as(bed, &bed->blk, aio, options, err);
}

/* Features are negotiated and the rings set up; `features` beyond version 1. */
static inline void bed_start(struct bed *bed, uint64_t features)
{
	struct virtio_device *dev = &bed->blk.virtio;

	virtio_set_status(dev, 1);
	virtio_set_status(dev, 3);
	virtio_set_driver_features(dev, 0, (uint32_t)features);
	virtio_set_driver_features(dev, 1, (uint32_t)(VIRTIO_FEATURE_VERSION_1 >> 32));
	virtio_set_status(dev, 11);
	assert_int_equal(virtio_status(dev), 11);
	for (unsigned n = 0; n < dev->nqueues; n++) {
		struct virtq *q;

		memset(at(bed, RAM + n * QUEUE_BYTES, QUEUE_BYTES), 0, QUEUE_BYTES);
		memset(&bed->driver[n], 0, sizeof(bed->driver[n]));
		dev->state.queue_select = n;
		q = virtio_queue_to_set_up(dev);
		q->state.size = VIRTQ_MAX_SIZE;
		q->state.desc = RAM + n * QUEUE_BYTES;
		q->state.driver = RAM + n * QUEUE_BYTES + AT_AVAIL;
		q->state.device = RAM + n * QUEUE_BYTES + AT_USED;
		virtio_enable_queue(dev, true);
	}
	virtio_set_status(dev, 15);
	assert_int_equal(virtio_status(dev), 15);
}

/* RAM, a running I/O thread and a file of `bytes`; no device yet. */
static inline void bed_prepare(struct bed *bed, const char *aio, uint64_t bytes)
{
	struct sigaction action = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO };
	struct err err = { "" };

	memset(bed, 0, sizeof(*bed));
	bed_make_file(bed, bytes);
	need_aio(bed, aio);
	assert_int_equal(sigaction(SIGBUS, &action, NULL), 0);
	if (mem_map(&bed->ram, gpa(RAM), RAM_BYTES, MEM_MEMFD, NULL, &err) ||
	    iothread_open(&bed->io, &err))
		fail_msg("%s", err.text);
}

static inline void bed_begin(struct bed *bed)
{
	struct err err = { "" };

	if (virtio_attach(&bed->blk.virtio, &counting, bed, &err) ||
	    iothread_start(&bed->io, "test", &err))
		fail_msg("%s", err.text);
}

/* All of it, up to a driver that is ready. */
static inline void bed_open(struct bed *bed, const char *aio, uint64_t bytes, const char *options)
{
	struct err err = { "" };

	bed_prepare(bed, aio, bytes);
	if (bed_try_open(bed, aio, options, &err))
		fail_msg("cannot open: %s", err.text);
	bed_begin(bed);
	bed_start(bed, bed->blk.virtio.features & UINT32_MAX & ~VIRTIO_FEATURE_EVENT_IDX);
}

static inline void bed_close(struct bed *bed)
{
	if (bed->blk.virtio.io)
		virtio_reset(&bed->blk.virtio);
	virtio_blk_close(&bed->blk);
	iothread_close(&bed->io);
	if (bed->blk.virtio.transport)
		virtio_detach(&bed->blk.virtio);
	mem_unmap(&bed->ram);
	close(bed->fd);
	unlink(bed->path);
	signal(SIGBUS, SIG_DFL);
}

/* ---- requests ---- */

static inline uint64_t request_at(unsigned queue, unsigned slot)
{
	return RAM + queue * QUEUE_BYTES + AT_REQUESTS + slot * REQUEST_GAP;
}

static inline uint8_t *status_of_slot(const struct bed *bed, unsigned queue, unsigned slot)
{
	return at(bed, request_at(queue, slot) + STATUS_AT, 1);
}

static inline void set_desc(const struct bed *bed, unsigned queue, unsigned i, struct desc desc)
{
	memcpy(at(bed, RAM + queue * QUEUE_BYTES + i * sizeof(desc), sizeof(desc)), &desc,
	       sizeof(desc));
}

/* On the I/O thread. The request that begins at descriptor `head` becomes available. */
static inline void offer(struct bed *bed, unsigned queue, unsigned head)
{
	struct blk_driver *d = &bed->driver[queue];
	uint16_t *ring = at(bed, RAM + queue * QUEUE_BYTES + AT_AVAIL, 4 + 2 * VIRTQ_MAX_SIZE);

	ring[2 + d->avail++ % VIRTQ_MAX_SIZE] = (uint16_t)head;
	ring[1] = d->avail;
}

/* Slot `slot` uses descriptors 4 * slot to 4 * slot + 3. */
static inline void write_request(struct bed *bed, unsigned queue, unsigned slot,
				 const struct bed_request *r)
{
	uint64_t header_at = request_at(queue, slot);
	struct {
		uint32_t type, reserved;
		uint64_t sector;
	} header = { r->type, 0, r->sector };
	bool in = r->type == VIRTIO_BLK_T_IN || r->type == VIRTIO_BLK_T_GET_ID;
	unsigned i = 4 * slot;

	memcpy(at(bed, header_at, sizeof(header)), &header, sizeof(header));
	*status_of_slot(bed, queue, slot) = NO_STATUS;
	set_desc(bed, queue, i, (struct desc){ header_at, 16, F_NEXT, (uint16_t)(i + 1) });
	for (unsigned k = 0; k < r->nparts; k++) {
		i++;
		set_desc(bed, queue, i,
			 (struct desc){ r->part[k].at, r->part[k].len,
					(uint16_t)(F_NEXT | (in ? F_WRITE : 0)),
					(uint16_t)(i + 1) });
	}
	i++;
	set_desc(bed, queue, i, (struct desc){ header_at + STATUS_AT, 1, F_WRITE, 0 });
}

/* What the two functions below hand to the I/O thread. */
struct bed_call {
	struct bed *bed;
	unsigned queue, first, n;
	const struct bed_request *request;
	bool all_back;
};

static inline void add_on_io(void *arg)
{
	struct bed_call *call = arg;

	for (unsigned i = 0; i < call->n; i++) {
		unsigned slot = call->first + i;

		call->bed->driver[call->queue].back[slot] = false;
		write_request(call->bed, call->queue, slot, &call->request[i]);
		offer(call->bed, call->queue, 4 * slot);
	}
}

/* Requests r[0..n) go into slots first, first + 1, ... of a queue; one kick. */
static inline void submit(struct bed *bed, unsigned queue, unsigned first,
			  const struct bed_request *r, unsigned n)
{
	struct bed_call call = { .bed = bed, .queue = queue, .first = first, .n = n, .request = r };

	iothread_call(&bed->io, add_on_io, &call);
	virtio_kick(&bed->blk.virtio, queue);
}

static inline void collect(struct bed *bed, unsigned queue)
{
	struct blk_driver *d = &bed->driver[queue];
	const uint16_t *used = at(bed, RAM + queue * QUEUE_BYTES + AT_USED, 4 + 8 * VIRTQ_MAX_SIZE);

	for (; d->used != used[1]; d->used++) {
		uint32_t entry[2];

		memcpy(entry, &used[2 + 4 * (d->used % VIRTQ_MAX_SIZE)], sizeof(entry));
		if (entry[0] / 4 < SLOTS) {
			d->back[entry[0] / 4] = true;
			d->len[entry[0] / 4] = entry[1];
		}
	}
}

static inline void collect_on_io(void *arg)
{
	struct bed_call *call = arg;

	collect(call->bed, call->queue);
	call->all_back = true;
	for (unsigned i = 0; i < call->n; i++)
		call->all_back &= call->bed->driver[call->queue].back[call->first + i];
}

static inline bool are_back(struct bed *bed, unsigned queue, unsigned first, unsigned n)
{
	struct bed_call call = { .bed = bed, .queue = queue, .first = first, .n = n };

	iothread_call(&bed->io, collect_on_io, &call);
	return call.all_back;
}

static inline void wait_for(struct bed *bed, unsigned queue, unsigned first, unsigned n)
{
	uint64_t end_ns = clock_now_ns() + DEADLINE_S * NS_PER_SEC;

	while (!are_back(bed, queue, first, n)) {
		if (clock_now_ns() > end_ns)
			fail_msg("queue %u: requests %u to %u are not back after %u s", queue,
				 first, first + n - 1, DEADLINE_S);
		usleep(100);
	}
}

/* One request in slot 0 of queue 0: its status. */
static inline uint8_t run(struct bed *bed, struct bed_request r)
{
	submit(bed, 0, 0, &r, 1);
	wait_for(bed, 0, 0, 1);
	return *status_of_slot(bed, 0, 0);
}

static inline void expect_status(struct bed *bed, const char *what, struct bed_request r,
				 enum blk_status expected)
{
	uint8_t found = run(bed, r);

	if (found != expected)
		fail_msg("%s: expected status %u, found %u", what, expected, found);
}

static inline struct bed_request rw(bool write, uint64_t sector, uint32_t bytes)
{
	return (struct bed_request){ .type = write ? VIRTIO_BLK_T_OUT : VIRTIO_BLK_T_IN,
				     .sector = sector,
				     .part = { { AT_DATA, bytes } },
				     .nparts = 1 };
}

static inline struct bed_request plain(enum blk_type type)
{
	return (struct bed_request){ .type = type };
}

/* ---- the file ---- */

static inline void expect_file(const struct bed *bed, uint64_t at_byte, uint64_t bytes,
			       uint8_t (*expected)(uint64_t i))
{
	static uint8_t found[KIB(64)];

	assert_true(bytes <= sizeof(found));
	assert_int_equal(pread(bed->fd, found, bytes, (off_t)at_byte), bytes);
	for (uint64_t i = 0; i < bytes; i++)
		if (found[i] != expected(at_byte + i))
			fail_msg("byte %llu of the file: expected 0x%02x, found 0x%02x",
				 (unsigned long long)(at_byte + i), expected(at_byte + i),
				 found[i]);
}

static inline uint8_t is_zero(uint64_t i)
{
	(void)i;
	return 0;
}

static inline uint8_t is_written(uint64_t i)
{
	return (uint8_t)~pattern(i);
}

/* The guest's buffer of `bytes` that is to be written at `sector`. */
static inline void prepare_write(const struct bed *bed, uint64_t sector, uint64_t bytes)
{
	uint8_t *data = at(bed, AT_DATA, bytes);

	for (uint64_t i = 0; i < bytes; i++)
		data[i] = is_written(sector * 512 + i);
}

#endif
