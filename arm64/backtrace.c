/* See backtrace.h. */
#include "arm64/backtrace.h"

#include "lib/bytes.h"

#define UPPER_HALF (UINT64_C(1) << 55) /* which of the two halves of the address space it is */

/* The bits that are not translated say what the half says, without a code or a tag in them. TCR_EL1.T0SZ and
 * T1SZ are how many there are. */
static uint64_t plain_address(uint64_t va, uint64_t tcr)
{
	unsigned bits = (unsigned)(va & UPPER_HALF ? tcr >> 16 : tcr) & 63;
	uint64_t untranslated = bits ? ~UINT64_C(0) << (64 - bits) : 0;

	return va & UPPER_HALF ? va | untranslated : va & ~untranslated;
}

struct frames {
	const struct backtrace_regs *regs;
	int (*read)(void *world, uint64_t va, uint8_t bytes[8]);
	void *world;
};

static bool read_word(const struct frames *f, uint64_t va, uint64_t *value)
{
	uint8_t bytes[8];

	if (f->read(f->world, va, bytes))
		return false;
	*value = le64_at(bytes);
	if (f->regs->big_endian)
		*value = __builtin_bswap64(*value);
	return true;
}

unsigned backtrace_walk(const struct backtrace_regs *regs,
			int (*read)(void *world, uint64_t va, uint8_t bytes[8]), void *world,
			uint64_t pc[BACKTRACE_MAX])
{
	const struct frames f = { regs, read, world };
	uint64_t fp = regs->fp, caller, link;
	unsigned n = 1;

	pc[0] = regs->pc;
	while (n < BACKTRACE_MAX && fp && fp % 8 == 0) {
		if (!read_word(&f, fp, &caller) || !read_word(&f, fp + 8, &link) || !link)
			break;
		pc[n++] = plain_address(link, regs->tcr);
		if (caller == fp)
			break;
		fp = caller;
	}
	return n;
}
