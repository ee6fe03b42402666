/*
 * A virtqueue as the device sees it: split or packed, indirect descriptors, event index.
 *
 * The driver is not trusted: every index, address and length from guest memory is read once and checked. What
 * is wrong makes the queue broken, and stays so until the device is reset; it never stops rasvm. A poisoned
 * page in a ring makes the queue broken as well; one in a buffer is found by who uses the buffer.
 *
 * Owner: the I/O thread, but for what says otherwise. No lock, no allocation. Pure, with lib/guard.h.
 * Source: virtio 1.2, 2.6 (virtqueues), 2.7 (split), 2.8 (packed).
 * Left out: requests of more than VIRTQ_MAX_CHAIN parts, VIRTIO_F_IN_ORDER, VIRTIO_F_NOTIFICATION_DATA.
 */
#ifndef VIRTIO_QUEUE_H
#define VIRTIO_QUEUE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "lib/mem.h"
#include "lib/state.h"

#define VIRTQ_MAX_SIZE  256 /* entries; all our devices offer at most that */
#define VIRTQ_MAX_CHAIN 256 /* parts of one request, indirect ones too */

#define VIRTIO_NO_VECTOR 0xffffu

/* What the driver has set up, and where both sides are. Saved and loaded. */
struct virtq_state {
	uint64_t desc;       /* GPA: descriptor table, or the packed ring */
	uint64_t driver;     /* GPA: available ring, or the driver's event suppression */
	uint64_t device;     /* GPA: used ring, or the device's event suppression */
	uint16_t size;       /* entries */
	uint16_t vector;     /* MSI-X, VIRTIO_NO_VECTOR: none */
	uint16_t next_avail; /* split: free-running index; packed: place in the ring */
	uint16_t next_used;
	uint16_t told_used; /* next_used when the driver was last interrupted or asked not to be */
	uint8_t enabled;    /* by the driver */
	uint8_t broken;
	uint8_t avail_wrap, used_wrap; /* packed: wrap counters */
	uint8_t told_wrap;             /* used_wrap with told_used */
	uint8_t pad;
};

struct virtq {
	struct virtq_state state;
	const struct mem *mem;
	uint16_t max_size;
	bool packed, event_idx, indirect; /* negotiated; set before virtq_start() */
	const char *why;                  /* broken: a static sentence */
	/* virtq_start(): host addresses of the rings, which lie in guest RAM and do not move. */
	uint8_t *desc_ring, *driver_ring, *device_ring;
	uint16_t avail_seen; /* split: the available index as last looked at */
};

extern const struct state_field virtq_fields[];

/* One request: buffers in the driver's order, those to read first. The iovecs are host addresses in guest
 * RAM; any of their pages may be poisoned. */
struct virtq_chain {
	uint16_t id;     /* head descriptor, or the packed buffer id */
	uint16_t nslots; /* packed: descriptors of the ring it took; needed to give it back */
	unsigned nread, nwrite; /* buffers of no bytes count too */
	uint64_t read_bytes, write_bytes;
	struct iovec
		iov[VIRTQ_MAX_CHAIN]; /* [0, nread) to read, [nread, nread + nwrite) to write */
};

enum virtq_got { VIRTQ_NOTHING, VIRTQ_REQUEST, VIRTQ_BROKEN };

/* An unconfigured queue of at most `max_size` entries, a power of two and no more than VIRTQ_MAX_SIZE. Any
 * thread, before the guest runs. */
void virtq_init(struct virtq *q, const struct mem *mem, uint16_t max_size);

/* Forget what the driver set up, what was negotiated too. Requests that are still under way cannot be given
 * back any more: virtq_push() does nothing until the next virtq_start(), and after it they must be gone. */
void virtq_reset(struct virtq *q);

/* The driver is ready: check size, alignment and addresses (2.6: split 16/2/4 bytes, packed 16/4/4), start at
 * state.next_avail. False: broken. After a load too. */
bool virtq_start(struct virtq *q);

/* The next request. VIRTQ_BROKEN: from now on, and q->why says why. */
enum virtq_got virtq_pop(struct virtq *q, struct virtq_chain *chain);

/* Is there one? Does not take it. True also if the look itself finds the queue broken, so that virtq_pop()
 * follows and says so; from then on false. */
bool virtq_has_work(struct virtq *q);

/* Put the request that was taken last, and not given back, back into the ring as if it had not been taken. Of
 * `chain` only id and nslots are looked at; several in the reverse order. */
void virtq_unpop(struct virtq *q, const struct virtq_chain *chain);

/* Give a request back; `written` bytes of its write buffers were filled, from their start. In any order. */
void virtq_push(struct virtq *q, const struct virtq_chain *chain, uint32_t written);

/* A request to be given back: id and nslots of its chain, and what was written. */
struct virtq_used {
	uint16_t id, nslots;
	uint32_t written;
};

/* The same with used[0..n) at once, n from 1 on: the driver sees all of them or none. */
void virtq_push_all(struct virtq *q, const struct virtq_used *used, unsigned n);

/* Whether the driver wants to be interrupted for what was pushed since this was last asked (2.7.10, 2.8.10);
 * once after a batch of pushes. False if the queue was broken before; when in doubt, true. */
bool virtq_should_interrupt(struct virtq *q);

/* Ask the driver not to kick, while the queue is being served; and to kick again. After the second look once
 * more: true: something came in between, as with virtq_has_work(). Hints: the driver may kick whenever it
 * likes. */
void virtq_stop_kicks(struct virtq *q);
bool virtq_want_kicks(struct virtq *q);

/* Copy between a request's buffers and a host buffer, from `offset` bytes into the readable (or writable)
 * part. How much was copied: less than `n` where the buffers end; or -EHWPOISON. */
ssize_t virtq_read(const struct virtq_chain *chain, uint64_t offset, void *to, size_t n);
ssize_t virtq_write(const struct virtq_chain *chain, uint64_t offset, const void *from, size_t n);

#endif
