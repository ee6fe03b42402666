/*
 * Counters that one thread writes and others read at any time: what they read may be a moment old, and
 * counters read together need not belong to the same moment. Costs the writer no more than `n++` does.
 */
#ifndef LIB_COUNTER_H
#define LIB_COUNTER_H

#include <stdint.h>

/* The writing thread. */
static inline void counter_add(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

/* Any thread. */
static inline uint64_t counter_read(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

#endif
