/*
 * The files of a Linux kernel's modules: which ones have to be loaded, in which order, for some to work.
 * Reads what depmod(8) wrote (modules.dep), and without it, as in a package that was only unpacked,
 * modules.order together with what is known of the few modules that virtio and 9p need.
 *
 * Names are as lsmod(8) has them but for "-" and "_", which are the same. Source: modules.dep(5).
 */
#ifndef LIB_MODULES_H
#define LIB_MODULES_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"

#define MODULES_MAX        64
#define MODULES_PATH_BYTES 4096

struct modules {
	char dir[MODULES_PATH_BYTES]; /* .../lib/modules/VERSION */
	char *dep, *order, *builtin;  /* texts of the files; NULL: there is none */
	unsigned n;
	char *path[MODULES_MAX]; /* to load, in this order; below dir */
};

/* Begin with `dir`: a directory lib/modules/VERSION, or one that has exactly one below lib/modules or
 * usr/lib/modules. 0, or -errno with `err`; modules_close() in all cases. */
int modules_open(struct modules *m, const char *dir, struct err *err)
	__attribute__((warn_unused_result));

/* Add what module `name` needs, and it itself, unless it is built in or there already. 0, or -errno with
 * `err`: -ENOENT: there is no such module. */
int modules_add(struct modules *m, const char *name, struct err *err)
	__attribute__((warn_unused_result));

/* Safe on a zeroed one. */
void modules_close(struct modules *m);

#endif
