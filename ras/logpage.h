/*
 * For guests without ACPI: a page with a ring of the errors that happened, announced by the SDEI events
 * ras-normal and ras-critical. Documented for guests in docs/ras.md.
 *
 * Page: u32 magic, u32 version 1, u32 entries N, u32 entry bytes, u64 head, u64 tail, then from offset 64
 * N entries. rasvm writes entry head % N and then increments head; the guest reads entries up to head and
 * sets tail to how far it has read. A guest that does not move tail loses no error: rasvm waits, and the
 * page map keeps them. Entry, 32 bytes: u64 GPA, u64 bytes, u32 class (0 ao, 1 ar, 2 ce), u32 id, u64
 * nanoseconds since the machine's start or last reset.
 */
#ifndef RAS_LOGPAGE_H
#define RAS_LOGPAGE_H

#include "ras/error.h"
#include "ras/ghes.h"

#define LOGPAGE_MAGIC       UINT32_C(0x4d534152) /* "RASM" */
#define LOGPAGE_HEAD        16
#define LOGPAGE_TAIL        24
#define LOGPAGE_ENTRIES     64
#define LOGPAGE_ENTRY_BYTES 32
#define LOGPAGE_N           ((RAS_PAGE_BYTES - LOGPAGE_ENTRIES) / LOGPAGE_ENTRY_BYTES)

/* rasvm's own copy of head; `region` and memory are the GHES's. */
struct logpage {
	uint64_t head;
};

int logpage_reset(struct logpage *log, const struct ghes *ghes) __attribute__((warn_unused_result));

/* How far the guest has read: at most head, whatever the guest wrote. */
uint64_t logpage_tail(const struct logpage *log, struct ghes *ghes);

/* Append one entry. 0; -EBUSY: the guest has to read first; -errno. */
int logpage_put(struct logpage *log, struct ghes *ghes, const struct ras_error *error,
		uint64_t since_start_ns) __attribute__((warn_unused_result));

#endif
