/*
 * Reading a block request: a header of 16 bytes, data, and a byte for the status (virtio 1.2, 5.2.6). How
 * these are spread over buffers is the driver's choice (2.6.4), so the header is cut off the front of what is
 * readable, the status off the end of what is writable, and the data are what remains.
 *
 * The header and the ranges of DISCARD and WRITE_ZEROES are read once, and checked as copies.
 */
#include "virtio/blk_request.h"

#include <endian.h>
#include <string.h>

#include "lib/guard.h"
#include "lib/types.h"
#include "virtio/blk_options.h"

struct header {
	uint32_t type, reserved;
	uint64_t sector;
};

/* 5.2.6: struct virtio_blk_discard_write_zeroes */
struct segment {
	uint64_t sector;
	uint32_t num_sectors, flags;
};

#define SEGMENT_UNMAP 1u

_Static_assert(sizeof(struct header) == 16 && sizeof(struct segment) == 16,
	       "as the guest has them");

/* ---- the parts of a request ---- */

static void cut_front(struct iovec **iov, unsigned *niov, uint64_t n)
{
	while (*niov && n >= (*iov)->iov_len) {
		n -= (*iov)->iov_len;
		++*iov;
		--*niov;
	}
	if (!*niov)
		return;
	(*iov)->iov_base = (uint8_t *)(*iov)->iov_base + n;
	(*iov)->iov_len -= n;
}

/* NULL: nothing is writable. */
static uint8_t *cut_last_byte(struct iovec *iov, unsigned *niov)
{
	while (*niov && !iov[*niov - 1].iov_len)
		--*niov;
	if (!*niov)
		return NULL;
	iov += *niov - 1;
	if (!--iov->iov_len)
		--*niov;
	return (uint8_t *)iov->iov_base + iov->iov_len;
}

static void use_readable(struct blk_request *r)
{
	r->io.iov = r->chain.iov;
	r->io.niov = r->chain.nread;
	cut_front(&r->io.iov, &r->io.niov, sizeof(struct header));
}

static void use_writable(struct blk_request *r)
{
	r->io.iov = r->chain.iov + r->chain.nread;
	r->io.niov = r->chain.nwrite;
}

/* ---- ranges ---- */

/* The end of sector + bytes may lie beyond 64 bits. */
static bool is_inside(const struct blk_limits *limits, uint64_t sector, uint64_t bytes)
{
	uint64_t nsectors = limits->bytes / BLK_SECTOR_BYTES;

	return sector <= nsectors && bytes <= (nsectors - sector) * BLK_SECTOR_BYTES &&
	       !(sector * BLK_SECTOR_BYTES % limits->block_bytes) && !(bytes % limits->block_bytes);
}

static enum blk_next refuse(enum blk_status *status, enum blk_status why)
{
	*status = why;
	return BLK_NEXT_ANSWER;
}

static enum blk_next read_or_write(struct blk_request *r, const struct blk_limits *limits,
				   const struct header *header, enum blk_status *status)
{
	bool in = header->type == VIRTIO_BLK_T_IN;
	uint64_t bytes = in ? r->chain.write_bytes - 1 : r->chain.read_bytes - sizeof(*header);

	if ((!in && limits->ro) || !is_inside(limits, header->sector, bytes))
		return refuse(status, VIRTIO_BLK_S_IOERR);
	if (!bytes)
		return refuse(status, VIRTIO_BLK_S_OK);
	if (in)
		use_writable(r);
	else
		use_readable(r);
	r->data_bytes = in ? bytes : 0;
	r->io.op = in ? BLK_READ : BLK_WRITE;
	r->io.stable = !in && limits->write_through;
	r->io.nranges = 1;
	r->io.range[0] =
		(struct blk_range){ .offset = header->sector * BLK_SECTOR_BYTES, .bytes = bytes };
	return BLK_NEXT_IO;
}

/* 5.2.6.2: unknown flags, and unmap with DISCARD, are UNSUPP. */
static enum blk_status check_segment(struct blk_range *range, const struct blk_limits *limits,
				     const struct segment *segment, bool zeroes)
{
	uint64_t sector = le64toh(segment->sector);
	uint32_t nsectors = le32toh(segment->num_sectors), flags = le32toh(segment->flags);
	uint64_t bytes = (uint64_t)nsectors * BLK_SECTOR_BYTES;

	if (flags & ~(zeroes ? SEGMENT_UNMAP : 0))
		return VIRTIO_BLK_S_UNSUPP;
	if (!nsectors || nsectors > (zeroes ? BLK_MAX_ZEROES_SECTORS : BLK_MAX_DISCARD_SECTORS) ||
	    !is_inside(limits, sector, bytes))
		return VIRTIO_BLK_S_IOERR;
	*range = (struct blk_range){ .offset = sector * BLK_SECTOR_BYTES,
				     .bytes = bytes,
				     .may_unmap = flags & SEGMENT_UNMAP };
	return VIRTIO_BLK_S_OK;
}

/* All segments are checked before the first is served. */
static enum blk_next discard_or_zero(struct blk_request *r, const struct blk_limits *limits,
				     const struct header *header, enum blk_status *status)
{
	uint64_t bytes = r->chain.read_bytes - sizeof(*header);
	struct segment segment[BLK_MAX_RANGES];
	bool zeroes = header->type == VIRTIO_BLK_T_WRITE_ZEROES;

	*status = VIRTIO_BLK_S_IOERR;
	if (limits->ro || !bytes || bytes > sizeof(segment) || bytes % sizeof(*segment) ||
	    virtq_read(&r->chain, sizeof(*header), segment, bytes) != (ssize_t)bytes)
		return BLK_NEXT_ANSWER;
	if (!zeroes && !limits->can_discard)
		return refuse(status, VIRTIO_BLK_S_UNSUPP);
	r->io.op = zeroes ? BLK_WRITE_ZEROES : BLK_DISCARD;
	r->io.stable = zeroes && limits->write_through;
	r->io.nranges = (unsigned)(bytes / sizeof(*segment));
	for (unsigned i = 0; i < r->io.nranges; i++) {
		*status = check_segment(&r->io.range[i], limits, &segment[i], zeroes);
		if (*status != VIRTIO_BLK_S_OK)
			return BLK_NEXT_ANSWER;
	}
	return BLK_NEXT_IO;
}

/* 5.2.6: 20 bytes, filled up with zeroes. */
static enum blk_next get_id(const struct blk_request *r, const struct blk_limits *limits,
			    enum blk_status *status, uint32_t *written)
{
	uint64_t room = r->chain.write_bytes - 1;
	size_t n = room < BLK_ID_BYTES ? (size_t)room : BLK_ID_BYTES;
	char id[BLK_ID_BYTES] = { 0 };

	memcpy(id, limits->id, strnlen(limits->id, sizeof(id)));
	if (virtq_write(&r->chain, 0, id, n) != (ssize_t)n)
		return refuse(status, VIRTIO_BLK_S_IOERR);
	*written = (uint32_t)n;
	return refuse(status, VIRTIO_BLK_S_OK);
}

static enum blk_next by_type(struct blk_request *r, const struct blk_limits *limits,
			     const struct header *header, enum blk_status *status,
			     uint32_t *written)
{
	switch (header->type) {
	case VIRTIO_BLK_T_IN:
	case VIRTIO_BLK_T_OUT:
		return read_or_write(r, limits, header, status);
	case VIRTIO_BLK_T_FLUSH:
		r->io.op = BLK_FLUSH;
		r->io.nranges = 0;
		return BLK_NEXT_IO;
	case VIRTIO_BLK_T_GET_ID:
		return get_id(r, limits, status, written);
	case VIRTIO_BLK_T_DISCARD:
	case VIRTIO_BLK_T_WRITE_ZEROES:
		return discard_or_zero(r, limits, header, status);
	default:
		return refuse(status, VIRTIO_BLK_S_UNSUPP);
	}
}

enum blk_next blk_request_read(struct blk_request *r, const struct blk_limits *limits,
			       enum blk_status *status, uint32_t *written, const char **why)
{
	struct virtq_chain *chain = &r->chain;
	struct header header;

	*written = 0;
	r->data_bytes = 0;
	r->io.niov = 0;
	r->status_at = cut_last_byte(chain->iov + chain->nread, &chain->nwrite);
	*why = "a block request has no room for its status";
	if (!r->status_at)
		return BLK_NEXT_BREAK;
	*why = "a block request is shorter than its header";
	if (chain->read_bytes < sizeof(header))
		return BLK_NEXT_BREAK;
	if (virtq_read(chain, 0, &header, sizeof(header)) != (ssize_t)sizeof(header))
		return refuse(status, VIRTIO_BLK_S_IOERR);
	header.type = le32toh(header.type);
	header.sector = le64toh(header.sector);
	return by_type(r, limits, &header, status, written);
}

bool blk_request_answer(const struct blk_request *r, enum blk_status status)
{
	uint8_t byte = (uint8_t)status;

	return !guard_copy(r->status_at, &byte, 1);
}
