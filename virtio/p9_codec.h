/*
 * The wire form of 9P2000.L: message numbers, a reader that cannot leave the message, and what is written
 * field by field with lib/bytes.h. Everything is little-endian; a text is its length in 16 bits and its
 * bytes, without a final 0. Pure.
 *
 * Source: 9P2000.L as diod's protocol.md writes it down; 9P2000, section 5 of the Plan 9 manual, for what is
 * older; numbers as Linux has them in include/net/9p/9p.h.
 */
#ifndef VIRTIO_P9_CODEC_H
#define VIRTIO_P9_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "lib/bytes.h"

/* Requests; the reply's number is one more. An error is answered by P9_RLERROR. */
enum p9_type {
	P9_RLERROR = 7,
	P9_TSTATFS = 8,
	P9_TLOPEN = 12,
	P9_TLCREATE = 14,
	P9_TSYMLINK = 16,
	P9_TMKNOD = 18,
	P9_TRENAME = 20,
	P9_TREADLINK = 22,
	P9_TGETATTR = 24,
	P9_TSETATTR = 26,
	P9_TXATTRWALK = 30,
	P9_TXATTRCREATE = 32,
	P9_TREADDIR = 40,
	P9_TFSYNC = 50,
	P9_TLOCK = 52,
	P9_TGETLOCK = 54,
	P9_TLINK = 70,
	P9_TMKDIR = 72,
	P9_TRENAMEAT = 74,
	P9_TUNLINKAT = 76,
	P9_TVERSION = 100,
	P9_TAUTH = 102,
	P9_TATTACH = 104,
	P9_TFLUSH = 108,
	P9_TWALK = 110,
	P9_TREAD = 116,
	P9_TWRITE = 118,
	P9_TCLUNK = 120,
	P9_TREMOVE = 122,
};

#define P9_HEADER_BYTES 7  /* size, type, tag */
#define P9_ERROR_BYTES  11 /* all of an Rlerror; every reply buffer has to hold one */
#define P9_READ_BYTES   11 /* of an Rread or Rreaddir, before its data */
#define P9_WRITE_BYTES  23 /* of a Twrite, before its data */
#define P9_QID_BYTES    13
#define P9_DIRENT_BYTES 24 /* of an entry in Rreaddir, before its name */

#define P9_MSIZE_MIN 4096u
#define P9_MSIZE_MAX (512u << 10)

#define P9_MAX_WALK 16 /* names in one Twalk */
#define P9_NO_ID    UINT32_MAX

/* Qid types. */
#define P9_QID_DIR     0x80
#define P9_QID_SYMLINK 0x02
#define P9_QID_FILE    0x00

/* Which fields a Rgetattr holds: all that stat(2) has. */
#define P9_GETATTR_BASIC UINT64_C(0x7ff)

/* Which fields a Tsetattr is to change. A time without its _SET: now. */
#define P9_SETATTR_MODE      0x001u
#define P9_SETATTR_UID       0x002u
#define P9_SETATTR_GID       0x004u
#define P9_SETATTR_SIZE      0x008u
#define P9_SETATTR_ATIME     0x010u
#define P9_SETATTR_MTIME     0x020u
#define P9_SETATTR_CTIME     0x040u
#define P9_SETATTR_ATIME_SET 0x080u
#define P9_SETATTR_MTIME_SET 0x100u

/* Tunlinkat. */
#define P9_REMOVEDIR 0x200u

/* Tlock, Tgetlock. */
#define P9_LOCK_UNLOCK  2
#define P9_LOCK_SUCCESS 0

struct p9_header {
	uint32_t size; /* of the whole message, as it says itself */
	uint8_t type;
	uint16_t tag;
};

struct p9_qid {
	uint8_t type;
	uint32_t
		version; /* changes when the file does; never 0, which Linux takes for "do not cache" */
	uint64_t path; /* one for each file */
};

/* Points into the message; no final 0. */
struct p9_text {
	const char *at;
	uint16_t n;
};

/* What is left of a message. A field that is not all there makes it bad, and reads 0 or empty from then on;
 * so it is checked once, after the last field. */
struct p9_reader {
	const uint8_t *at;
	size_t left;
	bool bad;
};

/* The header of message[0..n), n at least P9_HEADER_BYTES. */
struct p9_header p9_header(const void *message);

uint8_t p9_get_u8(struct p9_reader *r);
uint16_t p9_get_u16(struct p9_reader *r);
uint32_t p9_get_u32(struct p9_reader *r);
uint64_t p9_get_u64(struct p9_reader *r);
struct p9_text p9_get_text(struct p9_reader *r);

bool p9_text_is(struct p9_text text, const char *other);

void p9_put_text(struct bytes *b, const char *text, size_t n);
void p9_put_qid(struct bytes *b, const struct p9_qid *qid);

/* The flags of Tlopen and Tlcreate as open(2) has them on this host: access mode, O_EXCL, O_TRUNC, O_APPEND,
 * O_DSYNC, O_SYNC, O_DIRECTORY. The others are the guest's own business (O_DIRECT: its pages are not aligned
 * as the host may want it) and left out. */
int p9_open_flags(uint32_t flags);

/* Cut iov[0..n) to `skip` bytes from its start on and `bytes` at most; the new number of parts, from to[0]
 * on. `to` has room for n and may be `iov`. */
unsigned p9_iov_slice(const struct iovec *iov, unsigned n, size_t skip, size_t bytes,
		      struct iovec *to);

#endif
