/* A token bucket: how many pages the guest is told of. Pure. */
#ifndef RAS_LIMIT_H
#define RAS_LIMIT_H

#include <stdint.h>

struct ras_limit {
	uint32_t rate_per_s; /* and the bucket's size */
	uint32_t padding;
	uint64_t billionths; /* of a token; at most rate_per_s tokens */
	uint64_t last_ns;
};

/* A full bucket. rate_per_s > 0. */
void limit_init(struct ras_limit *limit, uint32_t rate_per_s, uint64_t now_ns);

/* How many of `wanted` may go now; they are taken. A clock that went backwards gives nothing;
 * time counts from there. */
uint32_t limit_take(struct ras_limit *limit, uint32_t wanted, uint64_t now_ns);

/* Give back what was taken and not used. */
void limit_return(struct ras_limit *limit, uint32_t unused);

/* When at least one token will be there: an absolute time, `now_ns` if there is one. */
uint64_t limit_ready_ns(const struct ras_limit *limit, uint64_t now_ns);

#endif
