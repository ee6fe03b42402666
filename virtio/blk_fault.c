/* See blk_fault.h. The counters are the caller's, who saves and loads them. */
#include "virtio/blk_fault.h"

static const enum blk_fault_kind kinds[] = {
	[BLK_READ] = BLK_FAULT_READ,
	[BLK_WRITE] = BLK_FAULT_WRITE,
	[BLK_FLUSH] = BLK_FAULT_FLUSH,
	[BLK_DISCARD] = BLK_FAULT_DISCARD,
	[BLK_WRITE_ZEROES] = BLK_FAULT_DISCARD,
};

/* Ranges lie inside the disk, so their ends do not wrap. */
static bool touches(const struct blk_io *io, uint64_t sector)
{
	for (unsigned i = 0; i < io->nranges; i++) {
		uint64_t first = io->range[i].offset / BLK_SECTOR_BYTES;

		if (first <= sector && sector < first + io->range[i].bytes / BLK_SECTOR_BYTES)
			return true;
	}
	return false;
}

static bool is_hit(const struct blk_fault *fault, uint64_t *seen, const struct blk_io *io)
{
	if (kinds[io->op] != fault->kind || (fault->has_at && !touches(io, fault->at)))
		return false;
	++*seen;
	return !fault->every || *seen % fault->every == 0;
}

struct blk_fault_hit blk_fault_ask(const struct blk_fault *fault, unsigned n, uint64_t *seen,
				   const struct blk_io *io)
{
	struct blk_fault_hit hit = { .fail = false };

	for (unsigned i = 0; i < n; i++) {
		if (!is_hit(&fault[i], &seen[i], io))
			continue;
		hit.fail = true;
		hit.torn |= fault[i].torn;
		if (hit.delay_ns < fault[i].delay_ns)
			hit.delay_ns = fault[i].delay_ns;
	}
	return hit;
}

void blk_fault_tear(struct blk_io *io, uint32_t block_bytes)
{
	uint64_t keep = io->range[0].bytes / block_bytes / 2 * block_bytes;

	io->range[0].bytes = keep;
	for (unsigned i = 0; i < io->niov; i++) {
		if (io->iov[i].iov_len >= keep) {
			io->iov[i].iov_len = keep;
			io->niov = i + 1;
		}
		keep -= io->iov[i].iov_len;
	}
}
