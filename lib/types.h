/* Types every layer shares. An address always says which space it is in. */
#ifndef LIB_TYPES_H
#define LIB_TYPES_H

#include <stddef.h>
#include <stdint.h>

/* A guest physical address (IPA). A struct, so that it is never mistaken for a number of bytes or
 * a host pointer; mem_ptr() (lib/mem.h) is the only way from here to a pointer. */
typedef struct {
	uint64_t v;
} gpa_t;

static inline gpa_t gpa(uint64_t v)
{
	return (gpa_t){ v };
}

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define KIB(n)        ((uint64_t)(n) << 10)
#define MIB(n)        ((uint64_t)(n) << 20)
#define GIB(n)        ((uint64_t)(n) << 30)

/* Round up to a multiple of `a`, a power of two. The caller knows that v + a - 1 does not wrap. */
static inline uint64_t align_up(uint64_t v, uint64_t a)
{
	return (v + a - 1) & ~(a - 1);
}

static inline uint64_t align_down(uint64_t v, uint64_t a)
{
	return v & ~(a - 1);
}

#endif
