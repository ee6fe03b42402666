/*
 * Stage 1 translation of a guest's virtual address by the guest's own tables, as the processor would do
 * it, to find the page that the operator names. See walk.h.
 *
 * Source: Arm DDI 0487 D8.2 (translation process, table and descriptor formats), D19.2 (TCR_EL1,
 * TTBRn_EL1, SCTLR_EL1, ID_AA64MMFR0_EL1).
 *
 * Left out, since they do not change where an address leads: permissions, the access flag, attributes,
 * contiguous hints. Not known: 128-bit descriptors (FEAT_D128), which KVM gives no guest.
 */
#include "arm64/walk.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>

#define SCTLR_M  (UINT64_C(1) << 0)
#define SCTLR_EE (UINT64_C(1) << 25)

#define DESCRIPTOR_VALID UINT64_C(1)
#define DESCRIPTOR_TABLE UINT64_C(2) /* at the last level: a page */

#define LAST_LEVEL 3
#define VA_UPPER   (UINT64_C(1) << 55) /* which half an address is in */

/* What a walk needs to know of the translation regime, for the half the address is in. */
struct regime {
	unsigned granule;   /* log2 of bytes */
	unsigned stride;    /* address bits that a full table resolves */
	unsigned va_bits;   /* input size */
	unsigned pa_bits;   /* output size */
	bool ds;            /* FEAT_LPA2's descriptors, 4 and 16 KiB granules */
	bool high_in_15_12; /* FEAT_LPA's: address bits 51:48 in bits 15:12, 64 KiB granule */
	bool big_endian;
	uint64_t ttbr;
};

/* value[high:low] */
static uint64_t bits(uint64_t value, unsigned high, unsigned low)
{
	return value >> low & ((UINT64_C(2) << (high - low)) - 1);
}

static uint64_t below(unsigned nbits)
{
	return nbits < 64 ? (UINT64_C(1) << nbits) - 1 : UINT64_MAX;
}

/* IPS and PARange use the same code. The last is 56, for 128-bit descriptors only. */
static unsigned address_bits(unsigned code)
{
	static const unsigned sizes[] = { 32, 36, 40, 42, 44, 48, 52 };

	return code < ARRAY_SIZE(sizes) ? sizes[code] : 52;
}

static unsigned min_of(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

static unsigned granule_of(uint64_t tcr, bool upper)
{
	/* TG0 and TG1 number the same sizes differently; 0: reserved. */
	static const unsigned tg0[] = { 12, 16, 14, 0 }, tg1[] = { 0, 14, 12, 16 };

	return upper ? tg1[bits(tcr, 31, 30)] : tg0[bits(tcr, 15, 14)];
}

/* True if the processor has 52-bit addresses with 4 or 16 KiB pages, so that TCR_EL1.DS counts. */
static bool has_lpa2(uint64_t mmfr0, unsigned granule)
{
	return granule == 12 ? bits(mmfr0, 31, 28) == 1 : bits(mmfr0, 23, 20) == 2;
}

static int take_granule(const struct walk_regs *regs, bool upper, struct regime *r, struct err *err)
{
	r->granule = granule_of(regs->tcr, upper);
	if (!r->granule)
		return err_set(err, -EINVAL,
			       "cannot be translated: TCR_EL1 0x%" PRIx64
			       " has a reserved page size",
			       regs->tcr);
	r->stride = r->granule - 3;
	r->ds = r->granule != 16 && bits(regs->tcr, 59, 59) && has_lpa2(regs->mmfr0, r->granule);
	r->pa_bits = min_of(address_bits((unsigned)bits(regs->tcr, 34, 32)),
			    address_bits((unsigned)bits(regs->mmfr0, 3, 0)));
	r->high_in_15_12 = r->granule == 16 && r->pa_bits == 52;
	if (!r->ds && !r->high_in_15_12)
		r->pa_bits = min_of(r->pa_bits, 48);
	return 0;
}

static int take_input_size(const struct walk_regs *regs, bool upper, struct regime *r,
			   struct err *err)
{
	unsigned tsz = (unsigned)(upper ? bits(regs->tcr, 21, 16) : bits(regs->tcr, 5, 0));
	unsigned min = r->ds || r->granule == 16 ? 12 : 16, max = r->granule == 16 ? 47 : 48;

	if (tsz < min || tsz > max)
		return err_set(err, -EINVAL,
			       "cannot be translated: T%uSZ of TCR_EL1 0x%" PRIx64
			       " is %u, allowed are %u to %u",
			       upper, regs->tcr, tsz, min, max);
	r->va_bits = 64 - tsz;
	return 0;
}

static int take_regime(const struct walk_regs *regs, bool upper, struct regime *r, struct err *err)
{
	int rc;

	if (bits(regs->tcr, upper ? 23 : 7, upper ? 23 : 7))
		return err_set(err, -EFAULT,
			       "is not mapped: TCR_EL1 0x%" PRIx64 " switches TTBR%u_EL1 off",
			       regs->tcr, upper);
	rc = take_granule(regs, upper, r, err);
	if (rc == 0)
		rc = take_input_size(regs, upper, r, err);
	r->ttbr = upper ? regs->ttbr1 : regs->ttbr0;
	r->big_endian = regs->sctlr & SCTLR_EE;
	return rc;
}

/* The address bits above the input size, but for a tag, are all like bit 55. */
static bool is_canonical(const struct walk_regs *regs, bool upper, const struct regime *r,
			 uint64_t va)
{
	bool tagged = bits(regs->tcr, upper ? 38 : 37, upper ? 38 : 37);
	uint64_t must = ~below(r->va_bits) & (tagged ? below(56) : UINT64_MAX);

	return (va & must) == (upper ? must : 0);
}

/* Bits of the address below what a table at `level` resolves; level -1 is the first of five. */
static unsigned level_shift(const struct regime *r, int level)
{
	return r->granule + r->stride * (unsigned)(LAST_LEVEL - level);
}

static int first_level(const struct regime *r)
{
	unsigned levels = (r->va_bits - r->granule + r->stride - 1) / r->stride;

	return LAST_LEVEL + 1 - (int)levels;
}

/* The first table may be smaller than a page; it is aligned to its size, and to 64 bytes where the
 * register has address bits 51:48 in its bits 5:2. */
static uint64_t first_table(const struct regime *r, int level)
{
	unsigned size_bits = r->va_bits - level_shift(r, level) + 3;
	bool wide = r->pa_bits == 52;
	uint64_t base = r->ttbr & below(48);

	if (wide && size_bits < 6)
		size_bits = 6;
	base &= ~below(size_bits);
	return wide ? base | bits(r->ttbr, 5, 2) << 48 : base;
}

/* The address in a descriptor, of which the low `shift` bits are not part. */
static uint64_t descriptor_address(const struct regime *r, uint64_t descriptor, unsigned shift)
{
	unsigned top = r->ds ? 50 : 48;
	uint64_t at = descriptor & below(top) & ~below(shift);

	if (r->ds)
		return at | bits(descriptor, 9, 8) << 50;
	return r->high_in_15_12 ? at | bits(descriptor, 15, 12) << 48 : at;
}

/* Blocks there can be: D8.3, table of block sizes. */
static bool block_allowed(const struct regime *r, int level)
{
	int first = r->granule == 12 ? 1 : 2;

	if (r->ds || r->high_in_15_12)
		first--;
	return level >= first && level < LAST_LEVEL;
}

static int not_mapped(int level, uint64_t descriptor, struct err *err)
{
	return err_set(err, -EFAULT,
		       "is not mapped: the guest's table of level %d has the descriptor 0x%" PRIx64,
		       level, descriptor);
}

static int check_output(const struct regime *r, uint64_t at, int level, struct err *err)
{
	if (at <= below(r->pa_bits))
		return 0;
	return err_set(err, -EFAULT,
		       "is not mapped: the guest's table of level %d leads to 0x%" PRIx64
		       ", beyond %u address bits",
		       level, at, r->pa_bits);
}

struct reader {
	int (*read)(void *world, gpa_t at, uint64_t *descriptor);
	void *world;
};

static int read_descriptor(const struct reader *reader, const struct regime *r, uint64_t at,
			   int level, uint64_t *descriptor, struct err *err)
{
	if (reader->read(reader->world, gpa(at), descriptor))
		return err_set(err, -EFAULT,
			       "cannot be translated: the guest's table of level %d would be at "
			       "0x%" PRIx64 ", which cannot be read",
			       level, at);
	if (r->big_endian)
		*descriptor = __builtin_bswap64(*descriptor);
	return 0;
}

/* One step for each level, whatever the tables say: at most five. */
static int walk_tables(const struct reader *reader, const struct regime *r, uint64_t va,
		       gpa_t *found, struct err *err)
{
	int level = first_level(r);
	uint64_t table = first_table(r, level), descriptor = 0;
	unsigned high = r->va_bits - 1;

	for (; level <= LAST_LEVEL; level++) {
		unsigned shift = level_shift(r, level);
		uint64_t entry = table + 8 * bits(va, high, shift);
		bool is_table;
		int rc = check_output(r, table, level, err);

		if (rc == 0)
			rc = read_descriptor(reader, r, entry, level, &descriptor, err);
		if (rc)
			return rc;
		is_table = descriptor & DESCRIPTOR_TABLE;
		if (!(descriptor & DESCRIPTOR_VALID))
			break;
		if (level == LAST_LEVEL ? is_table : !is_table && block_allowed(r, level)) {
			*found =
				gpa(descriptor_address(r, descriptor, shift) | (va & below(shift)));
			return check_output(r, found->v, level, err);
		}
		if (!is_table || level == LAST_LEVEL)
			break;
		table = descriptor_address(r, descriptor, r->granule);
		high = shift - 1;
	}
	return not_mapped(level, descriptor, err);
}

/* Without translation an address is its own; what does not fit the processor's is a fault. */
static int flat(const struct walk_regs *regs, uint64_t va, gpa_t *found, struct err *err)
{
	if (va > below(address_bits((unsigned)bits(regs->mmfr0, 3, 0))))
		return err_set(err, -EFAULT,
			       "is not mapped: the CPU's MMU is off, and no physical address is so "
			       "large");
	*found = gpa(va);
	return 0;
}

int walk(const struct walk_regs *regs, uint64_t va,
	 int (*read)(void *world, gpa_t at, uint64_t *descriptor), void *world, gpa_t *found,
	 struct err *err)
{
	const struct reader reader = { .read = read, .world = world };
	bool upper = va & VA_UPPER;
	struct regime regime = { .granule = 12, .stride = 9, .va_bits = 48 };
	int rc;

	if (!(regs->sctlr & SCTLR_M))
		return flat(regs, va, found, err);
	rc = take_regime(regs, upper, &regime, err);
	if (rc)
		return rc;
	if (!is_canonical(regs, upper, &regime, va))
		return err_set(err, -EFAULT,
			       "is not mapped: the guest's virtual addresses have %u bits",
			       regime.va_bits);
	return walk_tables(&reader, &regime, va, found, err);
}
