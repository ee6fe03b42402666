/*
 * What --9p says: DIR,TAG[,ro][,ids=passthrough|mapped], a form that lkvm's "--9p DIR,TAG" is part of. Spaces
 * are like other characters; a comma that belongs to DIR or TAG is written with a backslash before it ("\,"),
 * and a backslash before anything else stands for itself. Pure.
 */
#ifndef VIRTIO_P9_OPTIONS_H
#define VIRTIO_P9_OPTIONS_H

#include <stdbool.h>
#include <stdio.h>

#include "lib/err.h"

#define P9_DIR_BYTES 4096 /* with its final 0 */
#define P9_TAG_MAX   64   /* bytes, without one */

enum p9_ids {
	/* Owners, modes and device nodes are those of the host's files, changed with the rights that rasvm
	 * has. A file that the guest makes gets the guest's owner if the host permits (rasvm runs as root),
	 * else that of rasvm's user. The default, for root and for users: files are what they look like on
	 * both sides, as with lkvm. Served by root, a guest can make device nodes and set-user-ID programs:
	 * such a directory is not for other users of the host to go into. */
	P9_IDS_PASSTHROUGH,
	/* Owners, modes, device nodes and the like, and symbolic links of the guest live in an extended
	 * attribute of plain files (virtio/p9_ids.h). A user needs no rights, and a root file system made of
	 * such files keeps its owners. */
	P9_IDS_MAPPED,
};

struct p9_options {
	char dir[P9_DIR_BYTES];   /* as it was given */
	char tag[P9_TAG_MAX + 1]; /* what the guest mounts */
	bool ro;
	enum p9_ids ids;
};

/* `text` is copied. 0, or -EINVAL with `err`, a sentence that continues after the option's name and value. */
int p9_options_parse(struct p9_options *o, const char *text, struct err *err)
	__attribute__((warn_unused_result));

/* Write the form that p9_options_parse() reads. */
void p9_options_print(const struct p9_options *o, FILE *out);

#endif
