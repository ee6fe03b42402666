/*
 * From names to descriptors without ever leaving a share. Every step is one name, looked up by openat2(2) under
 * an O_PATH descriptor of its directory, so it makes no difference what is renamed meanwhile, and no symbolic
 * link is followed on the host: links are the guest's to resolve.
 *
 * A file is used through /proc/self/fd/N of its O_PATH descriptor, which stands for that very file and not for
 * a path. What is opened for I/O is known to be a regular file or a directory before, and a file's type does
 * not change: no FIFO can block and no device is touched.
 *
 * All functions return a descriptor or 0, or -errno. Any thread.
 */
#ifndef VIRTIO_P9_PATH_H
#define VIRTIO_P9_PATH_H

#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "lib/err.h"

#define P9_NAME_BYTES (NAME_MAX + 1) /* of one name with its final 0 */
#define P9_PROC_BYTES 32             /* of the path of a descriptor */

/* An O_PATH descriptor of the directory that is shared. -errno with `err`, which names `dir`; -ENOSYS: this
 * host's kernel has no openat2 (before 5.6). */
int p9_path_root(const char *dir, struct err *err) __attribute__((warn_unused_result));

/* An O_PATH descriptor of `name` in the directory `dir_fd`: of a symbolic link itself. `name` is one name and
 * not "..". */
int p9_path_step(int dir_fd, const char *name) __attribute__((warn_unused_result));

/* A new regular file `name`, opened with `flags` and O_EXCL. */
int p9_path_create(int dir_fd, const char *name, int flags, mode_t mode)
	__attribute__((warn_unused_result));

/* Open the file of `path_fd`, known to be a regular file or a directory, for I/O. */
int p9_path_reopen(int path_fd, int flags) __attribute__((warn_unused_result));

/* An O_PATH descriptor of the file that `io_fd` has open. */
int p9_path_of(int io_fd) __attribute__((warn_unused_result));

/* An O_PATH descriptor of the directory that holds the file of `fd` at present, and its name there. -ENOENT:
 * the file has no name below `root_fd` any more; -EXDEV: it is the root; -ENAMETOOLONG: it lies deeper than
 * PATH_MAX. */
int p9_path_parent(int root_fd, int fd, char name[P9_NAME_BYTES])
	__attribute__((warn_unused_result));

/* "/proc/self/fd/N", for calls that take only a path; it stands for the file of `fd`, a link itself. */
const char *p9_path_proc(int fd, char text[P9_PROC_BYTES]);

int p9_path_stat(int fd, struct stat *st) __attribute__((warn_unused_result));

/* 0; -EACCES: the file of `fd` holds no data but is a door to the host's kernel or its processes (procfs, sysfs and
 * their like): the memory of rasvm itself, or a log whose reader waits. */
int p9_path_check_data(int fd) __attribute__((warn_unused_result));

bool p9_path_same(const struct stat *a, const struct stat *b);

#endif
