/*
 * A token bucket that counts in billionths of a token: a nanosecond brings as many as the rate says, so
 * no rate leaves a remainder.
 *
 * State: struct ras_limit, the caller's. Left out: reading a clock.
 */
#include "ras/limit.h"

#include "lib/clock.h"

#define TOKEN UINT64_C(1000000000)

static void fill(struct ras_limit *limit, uint64_t billionths)
{
	uint64_t room = limit->rate_per_s * TOKEN - limit->billionths;

	limit->billionths += billionths < room ? billionths : room;
}

/* What time brings; a second fills the bucket. */
static uint64_t brought(const struct ras_limit *limit, uint64_t now_ns)
{
	uint64_t ns = now_ns > limit->last_ns ? now_ns - limit->last_ns : 0;

	return (ns < NS_PER_SEC ? ns : NS_PER_SEC) * limit->rate_per_s;
}

void limit_init(struct ras_limit *limit, uint32_t rate_per_s, uint64_t now_ns)
{
	*limit = (struct ras_limit){
		.rate_per_s = rate_per_s,
		.billionths = rate_per_s * TOKEN,
		.last_ns = now_ns,
	};
}

uint32_t limit_take(struct ras_limit *limit, uint32_t wanted, uint64_t now_ns)
{
	uint64_t there;
	uint32_t taken;

	fill(limit, brought(limit, now_ns));
	limit->last_ns = now_ns;
	there = limit->billionths / TOKEN;
	taken = there < wanted ? (uint32_t)there : wanted;
	limit->billionths -= taken * TOKEN;
	return taken;
}

void limit_return(struct ras_limit *limit, uint32_t unused)
{
	fill(limit, unused * TOKEN);
}

uint64_t limit_ready_ns(const struct ras_limit *limit, uint64_t now_ns)
{
	uint64_t there = limit->billionths + brought(limit, now_ns);

	if (there >= TOKEN)
		return now_ns;
	/* Rounded up: a little later than the token is there, never earlier. */
	return now_ns + (TOKEN - there + limit->rate_per_s - 1) / limit->rate_per_s;
}
