/*
 * Touching memory that may be poisoned. A load or store that the host answers with SIGBUS becomes an
 * error return; the signal handler (arm64/sigbus.c) calls guard_catch() to get there.
 */
#ifndef LIB_GUARD_H
#define LIB_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* memcpy() of which one side may be poisoned. 0; or -EHWPOISON, and how much was copied is not known.
 * 2, 4 or 8 bytes that are aligned on both sides are moved at once: nobody sees a part of them.
 * Any thread that has SIGBUS unblocked; locks that are held stay held. Does not nest. */
int guard_copy(void *to, const void *from, size_t n) __attribute__((warn_unused_result));

/* In a SIGBUS handler: the fault address lies in the guarded access under way in this thread, and
 * control goes back there; does not return then. False: it does not. */
bool guard_catch(uintptr_t fault);

/* The same, of a fault that is known to lie in first..last only: a huge page is reported by where it begins. */
bool guard_catch_within(uintptr_t first, uintptr_t last);

#endif
