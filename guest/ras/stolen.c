/*
 * H: the stolen time of a CPU (Arm DEN0057A): memory of the hypervisor that the guest may read. When the
 * host loses that page the guest is not told, has a fresh one, and time is counted there.
 */
#include "guest/ras/suite.h"

#include "guest/lib/smccc.h"

#define PV_TIME_ST 0xc5000021

/* A word nobody else writes: past the structures of all CPUs the suite runs on, in the first page. */
#define MARK_OFFSET 2048
#define MARK        UINT64_C(0x5afe57013e00c0de)

/* DEN0057A 4.3: one for each CPU. */
struct stolen_time {
	uint32_t revision, attributes;
	uint64_t stolen_ns;
};

/* The suite maps it as a device, the host writes through its caches. */
static uint64_t read_word(const uint64_t *word)
{
	cache_clean_invalidate(word, sizeof(*word));
	return shared_read(word);
}

/* Until it is something else, which is returned, or for STALL_US. */
static uint64_t wait_while(const uint64_t *word, uint64_t value)
{
	uint64_t start = timer_now(), found = read_word(word);

	while (found == value && timer_us_since(start) < STALL_US * machine.time_scale)
		found = read_word(word);
	return found;
}

/* The page is read all the time, so this CPU meets the error as well. */
static void h01(struct run *t)
{
	int64_t at = smccc(PV_TIME_ST, 0, 0, 0);
	const struct stolen_time *stolen = (const struct stolen_time *)at;
	uint64_t *mark = (uint64_t *)(at + MARK_OFFSET);

	if (at < 0) {
		skip(t, "no stolen time here");
		return;
	}
	shared_write(mark, MARK);
	inject("stolen-time", MARK);
	expect_hex(t, wait_while(mark, MARK), 0, "what was written, after the page was lost");
	timer_spin_us(QUIET_US);
	shared_write(mark, MARK);
	expect_hex(t, read_word(mark), MARK, "what was written again");
	expect(t, wait_while(&stolen->stolen_ns, 0) != 0, "stolen time counts");
	expect_eq(t, stolen->revision, 0, "revision");
	expect_eq(t, stolen->attributes, 0, "attributes");
}

static const struct test tests[] = {
	{ "H01", "a page of stolen time is lost and replaced", h01, 60, 0, true },
};
const struct test_group group_stolen = { tests, ARRAY_LEN(tests) };
