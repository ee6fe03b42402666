/*
 * A 9P client for tests of virtio/p9_fs*.c: writes requests field by field, hands them to a share of a
 * temporary directory of the host, and reads what comes back. The directory has a space in its name and lies
 * beside a file that the guest must never see.
 */
#ifndef TESTS_P9_CLIENT_H
#define TESTS_P9_CLIENT_H

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/types.h"
#include "virtio/p9_fs.h"

#define CLIENT_PATH  512
#define CLIENT_DATA  (512u << 10)
#define CLIENT_MSIZE (128u << 10)
#define ROOT         0 /* the fid that client_open() attaches */
#define SECRET       "not for the guest"

/* Open flags as they are on the wire. */
enum {
	L_RDONLY = 0,
	L_WRONLY = 1,
	L_RDWR = 2,
	L_EXCL = 0200,
	L_TRUNC = 01000,
	L_DIRECTORY = 0200000
};

struct client {
	struct p9_fs fs;
	struct p9_io *io;
	uint8_t *data;        /* guest memory behind a read's or write's header */
	size_t room;          /* of the next reply */
	struct p9_reader got; /* the reply behind its header */
	uint16_t tag;
	char base[CLIENT_PATH / 2]; /* holds the share and the secret */
	char dir[CLIENT_PATH];
};

/* ---- the host's side ---- */

/* "<share>/name"; one of a few buffers that go round. */
static inline const char *host(const struct client *c, const char *name)
{
	static char text[8][2 * CLIENT_PATH];
	static unsigned next;
	char *to = text[next++ % ARRAY_SIZE(text)];

	snprintf(to, sizeof(text[0]), "%s/%s", c->dir, name);
	return to;
}

static inline void host_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static inline void host_expect(const char *path, const char *text)
{
	char found[256] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		fail_msg("%s: %s", path, strerror(errno));
	assert_true(read(fd, found, sizeof(found) - 1) >= 0);
	close(fd);
	assert_string_equal(found, text);
}

static inline int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline void remove_tree(const char *path)
{
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- requests ---- */

static inline void put_field(struct bytes *b, char kind, va_list *args)
{
	const char *text;

	switch (kind) {
	case 'b':
		bytes_u8(b, (uint8_t)va_arg(*args, unsigned));
		break;
	case 'h':
		bytes_u16(b, (uint16_t)va_arg(*args, unsigned));
		break;
	case 'd':
		bytes_u32(b, va_arg(*args, unsigned));
		break;
	case 'q':
		bytes_u64(b, va_arg(*args, uint64_t));
		break;
	case 's':
		text = va_arg(*args, const char *);
		p9_put_text(b, text, strlen(text));
		break;
	default:
		fail_msg("no such kind of field: %c", kind);
	}
}

/* Send what is in c->io->request[0..bytes), with `more` bytes of c->data behind a Twrite's header. 0 or
 * -errno as the reply says; every reply's form is checked. */
static inline int client_send(struct client *c, size_t bytes, size_t more)
{
	struct p9_io *io = c->io;
	uint8_t type = io->request[4];
	struct p9_header h;

	io->request_bytes = bytes;
	io->sent_bytes = bytes + more;
	io->in[0] = (struct iovec){ c->data, more };
	io->nin = more ? 1 : 0;
	io->out[0] = (struct iovec){ c->data, c->room - P9_READ_BYTES };
	io->nout = 1;
	io->room = c->room;
	p9_fs_serve(&c->fs, io);
	h = p9_header(io->reply);
	assert_int_equal(h.size, io->reply_bytes + io->data_bytes);
	assert_true(h.size <= c->room);
	assert_int_equal(h.tag, le16_at(io->request + 5));
	c->got = (struct p9_reader){ .at = io->reply + P9_HEADER_BYTES,
				     .left = io->reply_bytes - P9_HEADER_BYTES };
	if (h.type == P9_RLERROR)
		return -(int)p9_get_u32(&c->got);
	assert_int_equal(h.type, type + 1);
	return 0;
}

static inline size_t client_write_request(struct client *c, uint8_t type, const char *fields,
					  va_list *args, size_t more)
{
	struct bytes b = bytes_in(c->io->request, sizeof(c->io->request));

	bytes_u32(&b, 0);
	bytes_u8(&b, type);
	bytes_u16(&b, ++c->tag);
	for (; *fields; fields++)
		put_field(&b, *fields, args);
	assert_false(b.full);
	bytes_set_u32(&b, 0, (uint32_t)(b.used + more));
	return b.used;
}

/* A request of `fields`: b 8, h 16, d 32, q 64 bits (uint64_t), s a text. 0 or -errno. */
static inline int call(struct client *c, uint8_t type, const char *fields, ...)
{
	va_list args;
	size_t n;

	va_start(args, fields);
	n = client_write_request(c, type, fields, &args, 0);
	va_end(args);
	return client_send(c, n, 0);
}

#define ok(...) assert_int_equal(call(__VA_ARGS__), 0)

static inline int call_with_data(struct client *c, size_t more, uint8_t type, const char *fields,
				 ...)
{
	va_list args;
	size_t n;

	va_start(args, fields);
	n = client_write_request(c, type, fields, &args, more);
	va_end(args);
	return client_send(c, n, more);
}

static inline struct p9_qid get_qid(struct client *c)
{
	struct p9_qid qid = { .type = p9_get_u8(&c->got) };

	qid.version = p9_get_u32(&c->got);
	qid.path = p9_get_u64(&c->got);
	assert_false(c->got.bad);
	return qid;
}

/* One name from `fid` to a new fid. */
static inline int walk(struct client *c, uint32_t fid, uint32_t to, const char *name)
{
	return call(c, P9_TWALK, "ddhs", fid, to, 1, name);
}

static inline void clunk(struct client *c, uint32_t fid)
{
	ok(c, P9_TCLUNK, "d", fid);
}

/* How many bytes, now in c->data; or -errno. */
static inline int read_fid(struct client *c, uint32_t fid, uint64_t offset, uint32_t n)
{
	int r = call(c, P9_TREAD, "dqd", fid, offset, n);

	return r ? r : (int)p9_get_u32(&c->got);
}

static inline int write_fid(struct client *c, uint32_t fid, uint64_t offset, const char *text)
{
	int r;

	memcpy(c->data, text, strlen(text));
	r = call_with_data(c, strlen(text), P9_TWRITE, "dqd", fid, offset, (unsigned)strlen(text));
	return r ? r : (int)p9_get_u32(&c->got);
}

static inline void expect_text(struct client *c, const char *text)
{
	struct p9_text found = p9_get_text(&c->got);

	if (!p9_text_is(found, text))
		fail_msg("expected \"%s\", found \"%.*s\"", text, found.n, found.at);
}

struct attr {
	struct p9_qid qid;
	uint32_t mode, uid, gid;
	uint64_t nlink, rdev, size, mtime;
};

static inline struct attr getattr(struct client *c, uint32_t fid)
{
	struct attr a;

	ok(c, P9_TGETATTR, "dq", fid, P9_GETATTR_BASIC);
	assert_int_equal(p9_get_u64(&c->got), P9_GETATTR_BASIC);
	a.qid = get_qid(c);
	a.mode = p9_get_u32(&c->got);
	a.uid = p9_get_u32(&c->got);
	a.gid = p9_get_u32(&c->got);
	a.nlink = p9_get_u64(&c->got);
	a.rdev = p9_get_u64(&c->got);
	a.size = p9_get_u64(&c->got);
	for (unsigned i = 0; i < 4; i++)
		p9_get_u64(&c->got); /* block size, blocks, time of access */
	a.mtime = p9_get_u64(&c->got);
	assert_false(c->got.bad);
	return a;
}

static inline int setattr(struct client *c, uint32_t fid, uint32_t valid, uint32_t mode,
			  uint32_t uid, uint32_t gid, uint64_t size)
{
	return call(c, P9_TSETATTR, "dddddqqqqq", fid, valid, mode, uid, gid, size, UINT64_C(11),
		    UINT64_C(12), UINT64_C(13), UINT64_C(14));
}

/* ---- life ---- */

static inline void client_attach(struct client *c)
{
	ok(c, P9_TVERSION, "ds", CLIENT_MSIZE, "9P2000.L");
	ok(c, P9_TATTACH, "ddssd", ROOT, P9_NO_ID, "root", "", geteuid());
}

/* 0, or the -errno of p9_fs_open(). */
static inline int client_try(struct client *c, const struct p9_options *how, uint32_t max_fids,
			     struct err *err)
{
	struct p9_options o = *how;
	const char *tmp = getenv("TMPDIR");

	*c = (struct client){ .room = CLIENT_MSIZE };
	snprintf(c->base, sizeof(c->base), "%s/rasvm 9p.XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(c->base));
	snprintf(c->dir, sizeof(c->dir), "%s/a share", c->base);
	assert_int_equal(mkdir(c->dir, 0755), 0);
	host_write(host(c, "../secret"), SECRET);
	snprintf(o.dir, sizeof(o.dir), "%s", c->dir);
	umask(0);
	c->io = malloc(sizeof(*c->io));
	c->data = malloc(CLIENT_DATA);
	assert_true(c->io && c->data);
	return p9_fs_open(&c->fs, &o, max_fids, err);
}

static inline void client_close(struct client *c)
{
	host_expect(host(c, "../secret"), SECRET);
	p9_fs_close(&c->fs);
	remove_tree(c->base);
	free(c->io);
	free(c->data);
}

static inline void client_open_as(struct client *c, const struct p9_options *how)
{
	struct err err = { "" };

	if (client_try(c, how, 64, &err)) {
		print_message("%s\n", err.text);
		fail();
	}
	client_attach(c);
}

static inline void client_open(struct client *c)
{
	client_open_as(c, &(struct p9_options){ .ids = P9_IDS_PASSTHROUGH });
}

/* False: the directory for temporary files holds no attributes. */
static inline bool client_open_mapped(struct client *c)
{
	struct err err = { "" };

	if (!client_try(c, &(struct p9_options){ .ids = P9_IDS_MAPPED }, 64, &err)) {
		client_attach(c);
		return true;
	}
	print_message("%s\n", err.text);
	client_close(c);
	return false;
}

#endif
