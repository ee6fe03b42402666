/*
 * Making pages of guest RAM bad in the eyes of the host's kernel, for tests.
 *
 * Source: Linux Documentation/admin-guide/mm/userfaultfd.rst (UFFDIO_POISON, Linux 6.6),
 * ABI/testing/sysfs-memory-page-offline (hard_offline_page), mm/pagemap.rst.
 */
#ifndef ARM64_HOSTPOISON_H
#define ARM64_HOSTPOISON_H

#include "lib/err.h"
#include "lib/mem.h"

/* Can this be done here? 0, or -errno with `err` saying what is missing. */
int hostpoison_check_uffd(struct err *err) __attribute__((warn_unused_result));
int hostpoison_check_real(struct err *err) __attribute__((warn_unused_result));

/* Put a poison marker on the host page(s) of [at, at + bytes): contents are lost at once, and whoever
 * touches it gets MCEERR_AR. No signal comes by itself. No vCPU may be in KVM_RUN (vm_hold_still()):
 * one that used the page in between would end with EFAULT. 0, or -errno with `err`. */
int hostpoison_uffd(const struct mem *mem, gpa_t at, uint64_t bytes, struct err *err)
	__attribute__((warn_unused_result));

/* Have the host's kernel take the frame behind the page at `at` out of use as if the hardware had
 * reported it: MCEERR_AO to the RAS thread, MCEERR_AR to whoever touches it. The frame is lost until
 * the host reboots. Says so in the log. 0, or -errno with `err`. */
int hostpoison_real(const struct mem *mem, gpa_t at, struct err *err)
	__attribute__((warn_unused_result));

#endif
