/*
 * A descriptor behind one direction of a console port, used so that it never blocks the thread: whatever it
 * is, and without changing what other processes see that share it.
 *
 * Owner: the I/O thread. Source: open(2), epoll_ctl(2), pipe(7).
 */
#ifndef VIRTIO_CONSOLE_FD_H
#define VIRTIO_CONSOLE_FD_H

#include <stdbool.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "lib/err.h"
#include "lib/loop.h"

enum console_fd_kind {
	CONSOLE_FD_FREE,     /* a pipe or terminal, opened again with O_NONBLOCK */
	CONSOLE_FD_SOCKET,   /* each call says that it must not wait */
	CONSOLE_FD_BLOCKING, /* could not be opened again: asked by poll() before each call */
	CONSOLE_FD_FILE,     /* never blocks, and epoll does not take it */
};

struct console_fd {
	int fd; /* -1: none */
	enum console_fd_kind kind;
	bool watched; /* in the loop */
};

/* Take over `fd`, which is closed by console_fd_close(), now if this fails; -1 is none. `flags`: O_RDONLY or
 * O_WRONLY. 0, or -errno with `err`. */
int console_fd_open(struct console_fd *f, int fd, int flags, struct err *err)
	__attribute__((warn_unused_result));

/* Stop watching and close. Safe on none. */
void console_fd_close(struct console_fd *f, struct loop *loop);

/* How many bytes, 0: the end of input; or -errno, -EAGAIN: watch it. Takes less than there is room for where
 * that keeps it from blocking. */
ssize_t console_fd_readv(const struct console_fd *f, const struct iovec *iov, unsigned n);
ssize_t console_fd_writev(const struct console_fd *f, const struct iovec *iov, unsigned n);

/* Call fn(arg) while it is ready for `events` (EPOLLIN or EPOLLOUT). False: it cannot be watched. */
bool console_fd_watch(struct console_fd *f, struct loop *loop, uint32_t events,
		      void (*fn)(void *arg, uint32_t events), void *arg);
void console_fd_unwatch(struct console_fd *f, struct loop *loop);

#endif
