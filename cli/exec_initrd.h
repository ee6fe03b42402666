/*
 * The initramfs of a guest of `rasvm exec`: the init that rasvm carries (guest/init/), the modules it is to load,
 * and what it is to run. Pure but for the files that it reads.
 */
#ifndef CLI_EXEC_INITRD_H
#define CLI_EXEC_INITRD_H

#include <stddef.h>
#include <stdio.h>

#include "cli/exec_options.h"
#include "lib/err.h"
#include "lib/modules.h"

/* guest/init, compressed with gzip; made by the Makefile, and not part of the pure sources. */
extern const unsigned char guest_init_gz[];
extern const size_t guest_init_gz_bytes;
extern const size_t guest_init_bytes; /* as it was */

/* Write what init is to do, as guest/init/init.h has it: `modules`, `cwd`, the environment of this process as far
 * as the options choose it, the command. */
void exec_record_write(FILE *out, const struct exec_options *options, const char *cwd,
		       const struct modules *modules);

/* Add what the guest needs of virtio and 9p to `modules`, which is open. 0, or -errno with `err`. */
int exec_modules_add(struct modules *modules, const struct exec_options *options, struct err *err)
	__attribute__((warn_unused_result));

/* Write the archive to the descriptor `fd`; init[0..init_bytes) is the program. 0, or -errno with `err`. */
int exec_initrd_write(int fd, const struct exec_options *options, const char *cwd, const void *init,
		      size_t init_bytes, struct err *err) __attribute__((warn_unused_result));

#endif
