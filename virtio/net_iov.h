/*
 * Copies between a host buffer and a list of buffers, of which some may be guest RAM and poisoned. Pure.
 */
#ifndef VIRTIO_NET_IOV_H
#define VIRTIO_NET_IOV_H

#include <stddef.h>
#include <sys/uio.h>

/* Copy `n` bytes to iov[0..niov), from `offset` in it on, or from there. What does not fit is left out. 0, or
 * -EFAULT: a page is poisoned. */
int net_iov_write(const struct iovec *iov, unsigned niov, size_t offset, const void *from, size_t n)
	__attribute__((warn_unused_result));
int net_iov_read(const struct iovec *iov, unsigned niov, size_t offset, void *to, size_t n)
	__attribute__((warn_unused_result));

/* Where `bytes` bytes end: the buffer, and *offset in it. `niov`: behind all. */
unsigned net_iov_find(const struct iovec *iov, unsigned niov, size_t bytes, size_t *offset);

#endif
