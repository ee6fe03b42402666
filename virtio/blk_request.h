/*
 * A request of a block device's driver: what it asks for, taken from its buffers, and the byte that answers
 * it. Touches guest memory, and nothing else.
 */
#ifndef VIRTIO_BLK_REQUEST_H
#define VIRTIO_BLK_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "virtio/blk_backend.h"
#include "virtio/queue.h"

/* 5.2.6: types and status. */
enum blk_type {
	VIRTIO_BLK_T_IN = 0,
	VIRTIO_BLK_T_OUT = 1,
	VIRTIO_BLK_T_FLUSH = 4,
	VIRTIO_BLK_T_GET_ID = 8,
	VIRTIO_BLK_T_DISCARD = 11,
	VIRTIO_BLK_T_WRITE_ZEROES = 13,
};
enum blk_status { VIRTIO_BLK_S_OK = 0, VIRTIO_BLK_S_IOERR = 1, VIRTIO_BLK_S_UNSUPP = 2 };

/* Longest range of one DISCARD or WRITE_ZEROES, in sectors. */
#define BLK_MAX_DISCARD_SECTORS (1u << 21)
#define BLK_MAX_ZEROES_SECTORS  (1u << 17)

/* What requests are checked against. */
struct blk_limits {
	uint64_t bytes;       /* the disk's size */
	uint32_t block_bytes; /* ranges are multiples of it */
	bool ro, can_discard;
	bool write_through; /* a write is done when it has reached the medium */
	const char *id;     /* at most BLK_ID_BYTES characters */
};

struct blk_request {
	struct blk_io io; /* first */
	unsigned queue;
	uint64_t data_bytes;      /* of BLK_READ: what the guest's buffers get */
	uint8_t *status_at;       /* host address in guest RAM; may be poisoned */
	bool fail;                /* by an injected fault, whatever comes of io */
	uint64_t due_ns;          /* CLOCK_MONOTONIC: not to be begun before */
	struct blk_request *next; /* the owner's lists */
	struct virtq_chain chain;
};

enum blk_next {
	BLK_NEXT_ANSWER, /* with *status */
	BLK_NEXT_IO,     /* have `io` served */
	BLK_NEXT_BREAK,  /* *why: no answer is possible */
};

/* Look at r->chain, which is changed. *written: for BLK_NEXT_ANSWER, bytes of data given. */
enum blk_next blk_request_read(struct blk_request *r, const struct blk_limits *limits,
			       enum blk_status *status, uint32_t *written, const char **why);

/* Write the status byte. False: its page is poisoned. */
bool blk_request_answer(const struct blk_request *r, enum blk_status status);

#endif
