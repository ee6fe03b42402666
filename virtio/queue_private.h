/*
 * What queue.c and the two ring formats share. For virtio/queue*.c only.
 *
 * Memory order: the guest's CPUs see our stores through the same coherent memory, so the fences of C11 are
 * those that the specification asks for (virtio 1.2, 2.7.13, 2.8.21). An index or a flags word is loaded and
 * stored in one access, which guard_copy() promises.
 */
#ifndef VIRTIO_QUEUE_PRIVATE_H
#define VIRTIO_QUEUE_PRIVATE_H

#include "virtio/queue.h"

#define DESC_BYTES 16u

/* 2.7.5, 2.8.3, 2.8.6, 2.8.7: flags of a descriptor. */
#define DESC_NEXT     1u
#define DESC_WRITE    2u
#define DESC_INDIRECT 4u

/* A descriptor's memory; the last four bytes are flags and next (split), or id and flags (packed). */
struct queue_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t half[2];
};

/* A descriptor in the host's byte order, of either format. */
struct queue_part {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
};

/* An indirect table in guest RAM. */
struct queue_table {
	const uint8_t *at; /* NULL: the queue is broken */
	uint32_t entries;
};

/* From now on nothing is taken or given back. Returns false, for `return queue_break(...)`. */
bool queue_break(struct virtq *q, const char *why);

/* Load a little-endian word of a ring, or store one: poison breaks the queue and is false. */
bool queue_load16(struct virtq *q, const uint8_t *at, uint16_t *value);
bool queue_load32(struct virtq *q, const uint8_t *at, uint32_t *value);
bool queue_store16(struct virtq *q, uint8_t *at, uint16_t value);
bool queue_store32(struct virtq *q, uint8_t *at, uint32_t value);
bool queue_store64(struct virtq *q, uint8_t *at, uint64_t value);

/* Read entry `i` of a table of descriptors: the ring's, or an indirect one. False: broken. */
bool queue_load_desc(struct virtq *q, const uint8_t *table, uint32_t i, struct queue_desc *desc);

void queue_chain_begin(struct virtq_chain *chain);

/* One more buffer of the request. False: broken. */
bool queue_add_part(struct virtq *q, struct virtq_chain *chain, const struct queue_part *part);

/* The table that an indirect descriptor refers to. */
struct queue_table queue_indirect(struct virtq *q, const struct queue_part *part);

/* queue_split.c */
enum virtq_got split_pop(struct virtq *q, struct virtq_chain *chain);
bool split_has_work(struct virtq *q);
void split_push_all(struct virtq *q, const struct virtq_used *used, unsigned n);
bool split_should_interrupt(struct virtq *q);
void split_stop_kicks(struct virtq *q);
bool split_want_kicks(struct virtq *q);
/* NULL, or why the places of a loaded state cannot be. */
const char *split_bad_places(const struct virtq_state *s);

/* queue_packed.c */
enum virtq_got packed_pop(struct virtq *q, struct virtq_chain *chain);
bool packed_has_work(struct virtq *q);
void packed_push_all(struct virtq *q, const struct virtq_used *used, unsigned n);
bool packed_should_interrupt(struct virtq *q);
void packed_stop_kicks(struct virtq *q);
bool packed_want_kicks(struct virtq *q);
const char *packed_bad_places(const struct virtq_state *s);

#endif
