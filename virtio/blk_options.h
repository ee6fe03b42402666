/*
 * The options of a disk: FILE[,ro][,direct][,queues=N][,id=TEXT][,aio=WHICH][,delay=TIME], and up to
 * BLK_MAX_FAULTS groups fail=KIND[,at=SECTOR][,every=N][,delay=TIME][,torn] (blk_fault.h). What follows a
 * fail= up to the next belongs to it, but for what is about the whole disk, which may stand anywhere. A
 * delay= before the first fail= holds back every request. Pure.
 */
#ifndef VIRTIO_BLK_OPTIONS_H
#define VIRTIO_BLK_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/err.h"
#include "lib/keylist.h"
#include "virtio/blk_fault.h"

#define BLK_MAX_QUEUES 16u
#define BLK_ID_BYTES   20u /* virtio 1.2, 5.2.6 */

enum blk_aio {
	BLK_AIO_AUTO, /* io_uring where it is to be had, else threads */
	BLK_AIO_THREADS,
	BLK_AIO_URING, /* or an error */
};

/* Plain data; strings are copies. */
struct blk_options {
	char path[KEYLIST_MAX_BYTES];
	char id[BLK_ID_BYTES + 1]; /* the serial number; empty: the device's label */
	bool ro, direct;
	unsigned queues; /* 1..BLK_MAX_QUEUES */
	enum blk_aio aio;
	uint64_t delay_ns; /* of every request */
	unsigned nfaults;
	struct blk_fault fault[BLK_MAX_FAULTS];
};

/* Read `text`. 0, or -errno with `err`, a sentence that continues after the quoted text; *o is then as it
 * was. */
int blk_options_parse(struct blk_options *o, const char *text, struct err *err)
	__attribute__((warn_unused_result));

/* Write the form that blk_options_parse() reads. */
void blk_options_print(const struct blk_options *o, FILE *out);

#endif
