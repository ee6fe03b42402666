/*
 * libFuzzer target: a hostile driver and a hostile peer of a network interface. The input is a list of steps of
 * four bytes: requests of any buffers in any of the queues, and bytes from the other side, as frames or as a
 * stream. Nothing may go wrong in rasvm; what the guest sees is the business of the unit tests.
 *
 * The first two bytes choose the backend and the features. Rings are split and small, and always well-formed:
 * fuzz_virtqueue breaks those.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/types.h"
#include "virtio/net.h"

#define RAM    UINT64_C(0x80000000)
#define BYTES  MIB(1)
#define SIZE   16u /* entries of a queue */
#define QUEUES 3u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz {
	struct mem ram;
	struct iothread io;
	struct virtio_net net;
	int peer;
	uint16_t added[QUEUES];
};

struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

static void check(bool good)
{
	if (!good)
		abort();
}

static uint64_t ring_at(unsigned queue)
{
	return RAM + queue * UINT64_C(0x4000);
}

static void *at(const struct fuzz *f, uint64_t address)
{
	return f->ram.hva + (address - RAM);
}

static void nothing(struct virtio_device *dev, unsigned queue)
{
	(void)dev;
	(void)queue;
}

static void nothing_changed(struct virtio_device *dev)
{
	(void)dev;
}

static void not_running(struct virtio_device *dev, bool running)
{
	(void)dev;
	(void)running;
}

static const struct virtio_transport transport = {
	.interrupt = nothing,
	.config_interrupt = nothing_changed,
	.running = not_running,
};

static void set_up(struct fuzz *f, uint32_t features)
{
	struct virtio_device *dev = &f->net.virtio;

	virtio_set_status(dev, 0);
	virtio_set_status(dev, VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER);
	virtio_set_driver_features(dev, 0, (uint32_t)(features & dev->features));
	virtio_set_driver_features(dev, 1, 1);
	virtio_set_status(dev, 11);
	for (unsigned n = 0; n < QUEUES; n++) {
		struct virtq_state *q = &f->net.queue[n].state;

		memset(at(f, ring_at(n)), 0, 0x4000);
		q->size = SIZE;
		q->desc = ring_at(n);
		q->driver = ring_at(n) + 0x1000;
		q->device = ring_at(n) + 0x2000;
		q->enabled = 1;
		f->added[n] = 0;
	}
	virtio_set_status(dev, 15);
}

static void begin(struct fuzz *f, const uint8_t choice[2])
{
	static const int types[] = { SOCK_DGRAM, SOCK_STREAM, SOCK_SEQPACKET };
	struct net_options o = { .queues = 1, .nfds = 1 };
	int pair[2];

	memset(f, 0, sizeof(*f));
	check(mem_map(&f->ram, gpa(RAM), BYTES, MEM_ANON, NULL, NULL) == 0);
	check(iothread_open(&f->io, NULL) == 0);
	check(socketpair(AF_UNIX, types[choice[0] % 3], 0, pair) == 0);
	o.fd[0] = pair[0];
	f->peer = pair[1];
	check(virtio_net_open(&f->net, &o, &f->io, &f->ram, 0, NULL) == 0);
	check(virtio_attach(&f->net.virtio, &transport, f, NULL) == 0);
	set_up(f, (uint32_t)choice[1] << 15 | (uint32_t)choice[0] << 24);
}

static void end(struct fuzz *f)
{
	virtio_reset(&f->net.virtio);
	virtio_detach(&f->net.virtio);
	virtio_net_close(&f->net);
	iothread_close(&f->io);
	close(f->peer);
	mem_unmap(&f->ram);
}

/* A chain of up to four buffers whose places and lengths come from the step. */
static void add(struct fuzz *f, unsigned queue, const uint8_t step[4])
{
	struct desc *desc = at(f, ring_at(queue));
	uint16_t *avail = at(f, ring_at(queue) + 0x1000);
	unsigned n = 1 + step[1] % 4, head = f->added[queue] * 4u % SIZE;

	for (unsigned i = 0; i < n; i++) {
		uint32_t len = (uint32_t)step[2] << (step[3] + i) % 10;
		bool write = queue == 0 || (queue == 2 && i + 1 == n && step[3] & 1);

		desc[head + i] = (struct desc){
			.addr = RAM + 0x10000 + ((uint64_t)step[3] << 8) + i * UINT64_C(0x800),
			.len = len,
			.flags = (uint16_t)((write ? 2 : 0) | (i + 1 < n ? 1 : 0)),
			.next = (uint16_t)(head + i + 1),
		};
	}
	avail[2 + f->added[queue] % SIZE] = (uint16_t)head;
	avail[1] = ++f->added[queue];
	virtio_kick(&f->net.virtio, queue);
}

/* Bytes that the next requests have, or the answer to a command. */
static void write_memory(struct fuzz *f, const uint8_t step[4], const uint8_t *bytes, size_t n)
{
	memcpy(at(f, RAM + 0x10000 + ((uint64_t)step[3] << 8)), bytes, n < 64 ? n : 64);
}

static void peer_sends(struct fuzz *f, const uint8_t step[4], const uint8_t *bytes, size_t n)
{
	static uint8_t frame[70000];
	size_t length = (size_t)step[2] << step[3] % 9;

	memset(frame, 0, length);
	memcpy(frame, bytes, n < length ? n : length);
	if (send(f->peer, frame, length, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return; /* it is full, or gone */
}

static void peer_reads(struct fuzz *f)
{
	static uint8_t frame[70000];

	while (recv(f->peer, frame, sizeof(frame), MSG_DONTWAIT) > 0)
		;
}

static void settle(struct fuzz *f)
{
	for (unsigned i = 0; i < 3; i++)
		check(loop_once(&f->io.loop, 0) == 0);
}

static void do_step(struct fuzz *f, const uint8_t *data, size_t size)
{
	switch (data[0] % 10) {
	case 0:
	case 1:
	case 2:
		add(f, data[0] % 10, data);
		break;
	case 3:
		write_memory(f, data, data + 4, size - 4);
		break;
	case 4:
	case 5:
		peer_sends(f, data, data + 4, size - 4);
		break;
	case 6:
		peer_reads(f);
		break;
	case 7:
		virtio_quiesce(&f->net.virtio);
		virtio_resume(&f->net.virtio);
		break;
	case 8:
		set_up(f, (uint32_t)data[1] << 24 | (uint32_t)data[2] << 15);
		break;
	case 9:
		if (data[1] == 0xff)
			shutdown(f->peer, SHUT_RDWR);
		break;
	}
	settle(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fuzz f;

	if (size < 2)
		return 0;
	log_set_level(LOG_LEVEL_ERROR);
	begin(&f, data);
	for (data += 2, size -= 2; size >= 4; data += 4, size -= 4)
		do_step(&f, data, size);
	end(&f);
	return 0;
}
