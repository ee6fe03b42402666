/*
 * The region of guest RAM in which firmware and guest talk about errors, and the events of SDEI that
 * say so. The region is reserved for the firmware: ACPI's memory map calls it reserved, a device tree
 * guest finds it as a reserved-memory node. Offsets from its start, in bytes.
 */
#ifndef RAS_LAYOUT_H
#define RAS_LAYOUT_H

#include <stdint.h>

#include "lib/types.h"
#include "ras/cper.h"

#define RAS_REGION_BYTES KIB(128)
#define RAS_REGION_ALIGN KIB(64) /* for guests with pages of 64 KiB */

/* Error sources, by their source id in HEST. */
enum ghes_id {
	GHES_SEA,           /* synchronous external abort */
	GHES_SDEI_NORMAL,   /* SDEI event RAS_EVENT_NORMAL */
	GHES_SDEI_CRITICAL, /* SDEI event RAS_EVENT_CRITICAL */
	GHES_GED,           /* interrupt of the generic event device, to the error device PNP0C33 */
	GHES_POLLED,        /* looked at once a RAS_POLL_MS */
	GHES_NR
};
const char *ghes_name(enum ghes_id id); /* "sea", "sdei-normal", "sdei-critical", "ged", "polled" */

/* Shared events, so that any CPU takes them; in the table of sdei/options.c under the names ras-normal
 * and ras-critical; arm64/fw_ras.c compares. */
#define RAS_EVENT_NORMAL   UINT32_C(0x40000010)
#define RAS_EVENT_CRITICAL UINT32_C(0x40000011)

#define RAS_POLL_MS 1000

#define RAS_CELL(id) (0x000u + 8u * (unsigned)(id)) /* u64: GPA of the source's block */
#define RAS_ACK(id)                                                                                \
	(0x100u + 8u * (unsigned)(id)) /* u64: bit 0 set by the guest when it has read */
#define RAS_EINJ_PARAMS  0x1000u       /* SET_ERROR_TYPE_WITH_ADDRESS structure, ACPI 6.5 18.6.4 */
#define RAS_EINJ_TRIGGER 0x1100u       /* trigger table */
#define RAS_BERT         0x2000u       /* boot error record, CPER_BLOCK_BYTES */
#define RAS_LOG_PAGE     0x3000u       /* for guests without ACPI: ras/logpage.h */
#define RAS_BLOCK(id)    (0x4000u + CPER_BLOCK_BYTES * (unsigned)(id))
#define RAS_USED_BYTES   RAS_BLOCK(GHES_NR)

_Static_assert(RAS_USED_BYTES <= RAS_REGION_BYTES, "the region is too small");

#endif
