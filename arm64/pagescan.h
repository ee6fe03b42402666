/*
 * Which pages of guest RAM the host's kernel has taken out of use, read from this process's page map.
 *
 * Such a page shows as a swap entry of a type of its own, which depends on the kernel's configuration;
 * so it is learnt from a page that is known to be bad. Frame numbers and types are shown to
 * CAP_SYS_ADMIN only: without it nothing is found.
 *
 * Source: Linux Documentation/admin-guide/mm/pagemap.rst.
 */
#ifndef ARM64_PAGESCAN_H
#define ARM64_PAGESCAN_H

#include <stdint.h>

#include "lib/mem.h"

#define PAGESCAN_NONE 0u

/* The type of swap entry behind a host address, or PAGESCAN_NONE. */
unsigned pagescan_type(const void *hva);

/* Call `found` for each host page of guest RAM with an entry of that type. Takes about a second for
 * each 500 GiB. 0 or -errno. */
int pagescan_each(const struct mem *mem, unsigned type, void (*found)(void *world, gpa_t page),
		  void *world) __attribute__((warn_unused_result));

#endif
