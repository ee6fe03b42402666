/* See net_iov.h. Holds no state. */
#include "virtio/net_iov.h"

#include <errno.h>
#include <stdint.h>

#include "lib/guard.h"

unsigned net_iov_find(const struct iovec *iov, unsigned niov, size_t bytes, size_t *offset)
{
	unsigned i = 0;

	while (i < niov && bytes >= iov[i].iov_len)
		bytes -= iov[i++].iov_len;
	*offset = bytes;
	return i;
}

static size_t run_of(const struct iovec *iov, size_t offset, size_t n)
{
	size_t left = iov->iov_len - offset;

	return n < left ? n : left;
}

int net_iov_write(const struct iovec *iov, unsigned niov, size_t offset, const void *from, size_t n)
{
	const uint8_t *byte = from;

	for (unsigned i = net_iov_find(iov, niov, offset, &offset); i < niov && n; i++) {
		size_t run = run_of(&iov[i], offset, n);

		if (guard_copy((uint8_t *)iov[i].iov_base + offset, byte, run))
			return -EFAULT;
		byte += run;
		n -= run;
		offset = 0;
	}
	return 0;
}

int net_iov_read(const struct iovec *iov, unsigned niov, size_t offset, void *to, size_t n)
{
	uint8_t *byte = to;

	for (unsigned i = net_iov_find(iov, niov, offset, &offset); i < niov && n; i++) {
		size_t run = run_of(&iov[i], offset, n);

		if (guard_copy(byte, (const uint8_t *)iov[i].iov_base + offset, run))
			return -EFAULT;
		byte += run;
		n -= run;
		offset = 0;
	}
	return 0;
}
