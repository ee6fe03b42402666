/* See console_fd.h. */
#include "virtio/console_fd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "lib/types.h"

/* A descriptor that may block takes this much at once when poll() calls it writable: less than any pipe,
 * terminal or socket has room for then. */
#define BLOCKING_CHUNK 256

/* A regular file may take long for what it takes, and all other devices wait meanwhile. */
#define FAIR_SHARE KIB(256)

/* O_NONBLOCK belongs to the open file, which other processes may share; so the file is opened once more. A
 * socket cannot be, nor a terminal of another user or a pipe nobody reads. To open a terminal's controlling
 * side again would make another terminal. */
static int reopen(int fd, int flags, const struct stat *st)
{
	char path[32];

	if (S_ISCHR(st->st_mode) && st->st_rdev == makedev(5, 2))
		return -1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

static void choose_kind(struct console_fd *f, int flags, const struct stat *st)
{
	int again;

	if (S_ISREG(st->st_mode) || S_ISBLK(st->st_mode)) {
		f->kind = CONSOLE_FD_FILE;
		return;
	}
	if (S_ISSOCK(st->st_mode)) {
		f->kind = CONSOLE_FD_SOCKET;
		return;
	}
	/* Who opened a FIFO for both wants to keep it while its other end comes and goes. */
	if (S_ISFIFO(st->st_mode) && (fcntl(f->fd, F_GETFL) & O_ACCMODE) == O_RDWR)
		flags = O_RDWR;
	again = reopen(f->fd, flags, st);
	f->kind = again < 0 ? CONSOLE_FD_BLOCKING : CONSOLE_FD_FREE;
	if (again < 0)
		return;
	close(f->fd);
	f->fd = again;
}

int console_fd_open(struct console_fd *f, int fd, int flags, struct err *err)
{
	struct stat st;
	int r;

	*f = (struct console_fd){ .fd = fd };
	if (fd < 0)
		return 0;
	if (fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode)) {
		choose_kind(f, flags, &st);
		return 0;
	}
	r = S_ISDIR(st.st_mode) ? -EISDIR : -errno;
	if (r == -EISDIR)
		close(fd);
	f->fd = -1;
	return err_set(err, r, "descriptor %d cannot carry a console port: %s", fd, strerror(-r));
}

void console_fd_close(struct console_fd *f, struct loop *loop)
{
	console_fd_unwatch(f, loop);
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
}

static bool ready(const struct console_fd *f, short events)
{
	struct pollfd p = { .fd = f->fd, .events = events };

	return f->kind != CONSOLE_FD_BLOCKING || poll(&p, 1, 0) > 0;
}

static ssize_t result(ssize_t n)
{
	if (n >= 0)
		return n;
	return errno == EINTR ? -EAGAIN : -errno;
}

/* A regular file takes and gives any amount while the thread waits. How many buffers are a fair share; the first is
 * cut to one in `first` if it alone is more. */
static unsigned share(const struct iovec **iov, unsigned n, struct iovec *first)
{
	size_t bytes = 0;

	for (; n > 1 && !(*iov)->iov_len; n--)
		(*iov)++;
	for (unsigned i = 0; i < n; i++) {
		bytes += (*iov)[i].iov_len < FAIR_SHARE ? (*iov)[i].iov_len : FAIR_SHARE + 1;
		if (bytes <= FAIR_SHARE)
			continue;
		if (i)
			return i;
		*first = (struct iovec){ (*iov)->iov_base, FAIR_SHARE };
		*iov = first;
		return 1;
	}
	return n;
}

ssize_t console_fd_readv(const struct console_fd *f, const struct iovec *iov, unsigned n)
{
	struct msghdr msg = { .msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = n };
	struct iovec first;

	if (!ready(f, POLLIN))
		return -EAGAIN;
	if (f->kind == CONSOLE_FD_SOCKET)
		return result(recvmsg(f->fd, &msg, MSG_DONTWAIT));
	n = share(&iov, n, &first);
	return result(readv(f->fd, iov, (int)n));
}

/* The first buffer that is not empty, cut. */
static ssize_t write_chunk(int fd, const struct iovec *iov, unsigned n)
{
	while (n > 1 && !iov->iov_len) {
		iov++;
		n--;
	}
	return result(write(fd, iov->iov_base,
			    iov->iov_len < BLOCKING_CHUNK ? iov->iov_len : BLOCKING_CHUNK));
}

ssize_t console_fd_writev(const struct console_fd *f, const struct iovec *iov, unsigned n)
{
	struct msghdr msg = { .msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = n };
	struct iovec first;

	if (!ready(f, POLLOUT))
		return -EAGAIN;
	if (f->kind == CONSOLE_FD_SOCKET)
		return result(sendmsg(f->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL));
	if (f->kind == CONSOLE_FD_BLOCKING)
		return write_chunk(f->fd, iov, n);
	n = share(&iov, n, &first);
	return result(writev(f->fd, iov, (int)n));
}

bool console_fd_watch(struct console_fd *f, struct loop *loop, uint32_t events,
		      void (*fn)(void *arg, uint32_t events), void *arg)
{
	if (f->fd < 0)
		return false;
	if (!f->watched)
		f->watched = loop_add(loop, f->fd, events, fn, arg) == 0;
	return f->watched;
}

void console_fd_unwatch(struct console_fd *f, struct loop *loop)
{
	if (f->watched)
		loop_remove(loop, f->fd);
	f->watched = false;
}
