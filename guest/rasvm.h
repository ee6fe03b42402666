/*
 * rasvm's vendor calls for a guest: report checks that passed or failed, leave a mark in the transcript, end the
 * run with a status. Needs nothing but GNU C for arm64; for kernels, modules and test payloads at EL1.
 *
 *     rasvm_pass("timer interrupt came");
 *     rasvm_fail("clock went backwards");
 *     rasvm_exit(3);
 *
 * The calls exist with `rasvm run --vendor-calls`; else they answer RASVM_NOT_SUPPORTED and nothing happens, so
 * that a payload may be run without. docs/firmware.md of rasvm describes the calls, docs/scripts.md what becomes
 * of what they say.
 *
 * May be set before this is included:
 * RASVM_SMC    make the calls by SMC; else by HVC
 * RASVM_PA(p)  the guest physical address behind the pointer p. As it is without: p itself, for payloads that run
 *              with the MMU off or an identity map. A kernel's is virt_to_phys(p), for memory of the linear map
 *              (kmalloc), which is contiguous there; a string literal in a module is not in it.
 */
#ifndef GUEST_RASVM_H
#define GUEST_RASVM_H

#define RASVM_FID_PASS 0xc6005002ul
#define RASVM_FID_FAIL 0xc6005003ul
#define RASVM_FID_MARK 0xc6005004ul
#define RASVM_FID_EXIT 0xc6005005ul

#define RASVM_TEXT_BYTES 256 /* longest text */

/* x0 of a call. */
#define RASVM_SUCCESS            0
#define RASVM_NOT_SUPPORTED      (-1)
#define RASVM_INVALID_PARAMETERS (-2) /* no text, more than RASVM_TEXT_BYTES, or not in RAM */

#ifndef RASVM_PA
#define RASVM_PA(p) ((unsigned long)(p))
#endif

#ifdef RASVM_SMC
#define RASVM_CALL "smc #0"
#else
#define RASVM_CALL "hvc #0"
#endif

/* SMCCC 1.1: x4 to x17 are the callee's to keep; older firmware may change them. */
static inline long rasvm_call(unsigned long fid, unsigned long arg1, unsigned long arg2)
{
	register unsigned long x0 __asm__("x0") = fid;
	register unsigned long x1 __asm__("x1") = arg1;
	register unsigned long x2 __asm__("x2") = arg2;

	__asm__ volatile(RASVM_CALL
			 : "+r"(x0), "+r"(x1), "+r"(x2)
			 :
			 : "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13",
			   "x14", "x15", "x16", "x17", "memory", "cc");
	return (long)x0;
}

/* rasvm reads RAM through the host's caches: what was written with the MMU off is only behind them. 16 bytes is the
 * smallest line there is. */
static inline void rasvm_clean(const char *text, unsigned long n)
{
	unsigned long first = (unsigned long)text & ~15ul, end = (unsigned long)text + n;

	for (unsigned long line = first; line < end; line += 16)
		__asm__ volatile("dc civac, %0" : : "r"(line) : "memory");
	__asm__ volatile("dsb sy" : : : "memory");
}

/* Say text[0..n), which needs no final 0. */
static inline long rasvm_say(unsigned long fid, const char *text, unsigned long n)
{
	rasvm_clean(text, n);
	return rasvm_call(fid, RASVM_PA(text), n);
}

static inline unsigned long rasvm_length(const char *text)
{
	unsigned long n = 0;

	while (text[n])
		n++;
	return n;
}

static inline long rasvm_pass(const char *name)
{
	return rasvm_say(RASVM_FID_PASS, name, rasvm_length(name));
}

static inline long rasvm_fail(const char *name)
{
	return rasvm_say(RASVM_FID_FAIL, name, rasvm_length(name));
}

static inline long rasvm_mark(const char *text)
{
	return rasvm_say(RASVM_FID_MARK, text, rasvm_length(text));
}

/* Returns only where the call does not exist. rasvm's exit status is 0 for 0, 64 + code for 1 to 62, else 127. */
static inline long rasvm_exit(unsigned long code)
{
	return rasvm_call(RASVM_FID_EXIT, code, 0);
}

#endif
