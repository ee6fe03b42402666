/*
 * The injection device behind the EINJ table: five registers (ras/einj.h has their offsets). Writing EXECUTE
 * sets BUSY and asks the machine to do it; the machine reports with einj_done().
 */
#ifndef ARM64_DEV_EINJ_H
#define ARM64_DEV_EINJ_H

#include "arm64/dev/device.h"
#include "ras/einj.h"

#define EINJ_BLOCK_BYTES 0x1000

struct einj_state {
	uint32_t type;   /* SET_ERROR_TYPE */
	uint32_t status; /* enum einj_status of the last one */
	uint8_t busy;
	uint8_t padding[7]; /* 0 */
};

struct einj {
	struct device dev; /* first */
	struct einj_state state;
	/* EXECUTE was written. Leaf lock held; only wakes the main thread. */
	void (*execute)(void *world);
	void *world;
};

void einj_init(struct einj *einj, gpa_t base, void (*execute)(void *world), void *world);

/* The machine has carried it out. Caller holds dev.lock. */
void einj_done(struct einj *einj, uint32_t status);

#endif
