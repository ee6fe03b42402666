/*
 * Programs that a network backend runs: scripts that set up an interface, passt. Main thread.
 */
#ifndef VIRTIO_NET_SPAWN_H
#define VIRTIO_NET_SPAWN_H

#include <sys/types.h>

#include "lib/err.h"

/* Start argv[0], looked for in PATH, with no signal blocked or ignored and nothing to read. `keep_fd`, if not
 * -1, is its descriptor 3; `out_fd` its stdout and stderr, -1: ours. The pid, or -errno. */
pid_t net_spawn(const char *const argv[], int keep_fd, int out_fd);

/* Run `script` with the name of an interface and wait for it. 0, or -errno with `err`. */
int net_run_script(const char *script, const char *ifname, struct err *err)
	__attribute__((warn_unused_result));

/* End a program that net_spawn() started, and wait until it has. -1: there is none. */
void net_end_program(pid_t pid);

#endif
