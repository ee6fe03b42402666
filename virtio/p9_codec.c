/* See p9_codec.h. Holds no state. */
#include "virtio/p9_codec.h"

#include <fcntl.h>
#include <string.h>

#include "lib/types.h"

/* Linux's numbers of the wire, which are those of its generic ABI; arm64 has others for some. */
static const struct {
	uint32_t wire;
	int host;
} open_flags[] = {
	/* clang-format off */
	{ 00000001, O_WRONLY    },
	{ 00000002, O_RDWR      },
	{ 00000200, O_EXCL      },
	{ 00001000, O_TRUNC     },
	{ 00002000, O_APPEND    },
	{ 00010000, O_DSYNC     },
	{ 00200000, O_DIRECTORY },
	{ 04000000, O_SYNC      },
	/* clang-format on */
};

struct p9_header p9_header(const void *message)
{
	const uint8_t *at = message;

	return (struct p9_header){ le32_at(at), at[4], le16_at(at + 5) };
}

/* The next n bytes, or NULL. */
static const uint8_t *take(struct p9_reader *r, size_t n)
{
	const uint8_t *at = r->at;

	if (r->bad || n > r->left) {
		r->bad = true;
		return NULL;
	}
	r->at += n;
	r->left -= n;
	return at;
}

uint8_t p9_get_u8(struct p9_reader *r)
{
	const uint8_t *at = take(r, 1);

	return at ? *at : 0;
}

uint16_t p9_get_u16(struct p9_reader *r)
{
	const uint8_t *at = take(r, 2);

	return at ? le16_at(at) : 0;
}

uint32_t p9_get_u32(struct p9_reader *r)
{
	const uint8_t *at = take(r, 4);

	return at ? le32_at(at) : 0;
}

uint64_t p9_get_u64(struct p9_reader *r)
{
	const uint8_t *at = take(r, 8);

	return at ? le64_at(at) : 0;
}

struct p9_text p9_get_text(struct p9_reader *r)
{
	uint16_t n = p9_get_u16(r);
	const uint8_t *at = take(r, n);

	return at ? (struct p9_text){ (const char *)at, n } : (struct p9_text){ "", 0 };
}

bool p9_text_is(struct p9_text text, const char *other)
{
	return text.n == strlen(other) && memcmp(text.at, other, text.n) == 0;
}

void p9_put_text(struct bytes *b, const char *text, size_t n)
{
	bytes_u16(b, (uint16_t)n);
	bytes_copy(b, text, n);
}

void p9_put_qid(struct bytes *b, const struct p9_qid *qid)
{
	bytes_u8(b, qid->type);
	bytes_u32(b, qid->version);
	bytes_u64(b, qid->path);
}

int p9_open_flags(uint32_t flags)
{
	int host = 0;

	for (size_t i = 0; i < ARRAY_SIZE(open_flags); i++)
		if (flags & open_flags[i].wire)
			host |= open_flags[i].host;
	return host;
}

unsigned p9_iov_slice(const struct iovec *iov, unsigned n, size_t skip, size_t bytes,
		      struct iovec *to)
{
	unsigned used = 0;

	for (unsigned i = 0; i < n && bytes; i++) {
		size_t len = iov[i].iov_len;
		uint8_t *base = iov[i].iov_base;

		if (skip >= len) {
			skip -= len;
			continue;
		}
		len -= skip;
		if (len > bytes)
			len = bytes;
		to[used++] = (struct iovec){ base + skip, len };
		skip = 0;
		bytes -= len;
	}
	return used;
}
