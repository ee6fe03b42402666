/*
 * See p9_fs.h: a share's life, the table of requests, the form of replies, and version, attach, flush and
 * clunk.
 *
 * State: struct p9_fs, the caller's, one thread at a time.
 */
#include "virtio/p9_fs.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/types.h"
#include "virtio/p9_fs_private.h"

#define VERSION "9P2000.L"

const struct state_field p9_fs_fields[] = {
	STATE_FIELD(1, struct p9_fs_state, msize),
	STATE_LAST,
};

/* Which requests there are. */
static const struct call {
	uint8_t type;
	bool changes; /* refused on a share that is read-only */
	uint8_t reply; /* bytes of its shortest reply behind the header: there is room before anything is done */
	int (*fn)(struct p9_call *c);
} calls[] = {
	/* clang-format off */
	{ P9_TSTATFS,      false,  60, p9_call_statfs      },
	{ P9_TLOPEN,       false,  17, p9_call_lopen       },
	{ P9_TLCREATE,     true,   17, p9_call_lcreate     },
	{ P9_TSYMLINK,     true,   13, p9_call_symlink     },
	{ P9_TMKNOD,       true,   13, p9_call_mknod       },
	{ P9_TRENAME,      true,    0, p9_call_rename      },
	{ P9_TREADLINK,    false,   2, p9_call_readlink    },
	{ P9_TGETATTR,     false, 153, p9_call_getattr     },
	{ P9_TSETATTR,     true,    0, p9_call_setattr     },
	{ P9_TXATTRWALK,   false,   8, p9_call_xattrwalk   },
	{ P9_TXATTRCREATE, true,    0, p9_call_xattrcreate },
	{ P9_TREADDIR,     false,   4, p9_call_readdir     },
	{ P9_TFSYNC,       false,   0, p9_call_fsync       },
	{ P9_TLOCK,        false,   1, p9_call_lock        },
	{ P9_TGETLOCK,     false,  23, p9_call_getlock     },
	{ P9_TLINK,        true,    0, p9_call_link        },
	{ P9_TMKDIR,       true,   13, p9_call_mkdir       },
	{ P9_TRENAMEAT,    true,    0, p9_call_renameat    },
	{ P9_TUNLINKAT,    true,    0, p9_call_unlinkat    },
	{ P9_TVERSION,     false,  14, p9_call_version     },
	{ P9_TATTACH,      false,  13, p9_call_attach      },
	{ P9_TFLUSH,       false,   0, p9_call_flush       },
	{ P9_TWALK,        false,   2, p9_call_walk        },
	{ P9_TREAD,        false,   4, p9_call_read        },
	{ P9_TWRITE,       true,    4, p9_call_write       },
	{ P9_TCLUNK,       false,   0, p9_call_clunk       },
	{ P9_TREMOVE,      true,    0, p9_call_remove      },
	/* clang-format on */
};

/* ---- a share's life ---- */

static int check_mapped(const struct p9_fs *fs, const struct p9_options *o, struct err *err)
{
	int r = fs->ids == P9_IDS_MAPPED ? p9_ids_probe(fs->root_fd) : 0;

	if (!r)
		return 0;
	return err_set(err, r,
		       "cannot share the directory %s with ids=mapped: its file system does not "
		       "hold extended attributes of users: %s; use ids=passthrough or another "
		       "file system",
		       o->dir, strerror(-r));
}

static int open_share(struct p9_fs *fs, const struct p9_options *o, uint32_t max_fids,
		      struct err *err)
{
	struct stat st;
	int r;

	fs->scratch = malloc(P9_SCRATCH_BYTES);
	if (!fs->scratch)
		return err_set(err, -ENOMEM, "no memory for the share of %s", o->dir);
	fs->root_fd = p9_path_root(o->dir, err);
	if (fs->root_fd < 0)
		return fs->root_fd;
	r = p9_path_stat(fs->root_fd, &st);
	if (r)
		return err_set(err, r, "cannot share the directory %s: %s", o->dir, strerror(-r));
	fs->root_dev = st.st_dev;
	fs->root_ino = st.st_ino;
	r = check_mapped(fs, o, err);
	if (r)
		return r;
	return p9_fids_open(&fs->fids, max_fids, err);
}

int p9_fs_open(struct p9_fs *fs, const struct p9_options *o, uint32_t max_fids, struct err *err)
{
	int r;

	*fs = (struct p9_fs){ .root_fd = -1, .ro = o->ro, .ids = o->ids };
	r = open_share(fs, o, max_fids, err);
	if (r)
		p9_fs_close(fs);
	return r;
}

void p9_fs_close(struct p9_fs *fs)
{
	p9_fids_close(&fs->fids);
	/* A zeroed struct has no buffer, and its descriptor is none. */
	if (fs->scratch && fs->root_fd >= 0)
		close(fs->root_fd);
	free(fs->scratch);
	*fs = (struct p9_fs){ .root_fd = -1 };
}

void p9_fs_reset(struct p9_fs *fs)
{
	p9_fids_drop_all(&fs->fids);
	fs->state.msize = 0;
}

bool p9_fs_enter_thread(void)
{
	if (unshare(CLONE_FS))
		return false;
	umask(0);
	return true;
}

/* ---- fields that many requests have ---- */

int p9_call_fid(struct p9_call *c, struct p9_fid **fid)
{
	uint32_t id = p9_get_u32(&c->in);

	*fid = c->in.bad ? NULL : p9_fid_find(&c->fs->fids, id);
	if (*fid)
		return 0;
	return c->in.bad ? -EINVAL : -EBADF;
}

int p9_call_file(struct p9_call *c, struct p9_fid **fid)
{
	int r = p9_call_fid(c, fid);

	if (r)
		return r;
	return (*fid)->xattr ? -EINVAL : 0;
}

int p9_call_text(struct p9_call *c, char *text, size_t size)
{
	struct p9_text field = p9_get_text(&c->in);

	if (c->in.bad || memchr(field.at, 0, field.n))
		return -EINVAL;
	if (field.n >= size)
		return -ENAMETOOLONG;
	memcpy(text, field.at, field.n);
	text[field.n] = '\0';
	return 0;
}

int p9_call_name(struct p9_call *c, char name[P9_NAME_BYTES])
{
	int r = p9_call_text(c, name, P9_NAME_BYTES);

	if (r)
		return r;
	if (!name[0])
		return -ENOENT;
	if (strchr(name, '/') || !strcmp(name, ".") || !strcmp(name, ".."))
		return -EINVAL;
	return 0;
}

/* Inode numbers are unique in one file system. Files of another one, mounted inside the share, get numbers of
 * their own by their device's number in the upper bits, which inode numbers hardly ever reach. */
uint64_t p9_qid_path(const struct p9_fs *fs, dev_t dev, uint64_t ino)
{
	uint64_t other = (uint64_t)dev ^ (uint64_t)fs->root_dev;

	return ino ^ ((other ^ other >> 16 ^ other >> 32) << 44);
}

struct p9_qid p9_qid_of(const struct p9_fs *fs, const struct stat *st)
{
	uint64_t change = (uint64_t)st->st_mtim.tv_nsec ^ (uint64_t)st->st_mtim.tv_sec << 30 ^
			  (uint64_t)st->st_size << 8;

	return (struct p9_qid){
		.type = S_ISDIR(st->st_mode)   ? P9_QID_DIR
			: S_ISLNK(st->st_mode) ? P9_QID_SYMLINK
					       : P9_QID_FILE,
		.version = (uint32_t)(change ^ change >> 32) | 1,
		.path = p9_qid_path(fs, st->st_dev, st->st_ino),
	};
}

int p9_call_stat(const struct p9_fs *fs, int fd, struct stat *st, struct p9_qid *qid)
{
	struct stat own;
	int r = p9_ids_stat(fs->ids, fd, st ? st : &own);

	if (!r && qid)
		*qid = p9_qid_of(fs, st ? st : &own);
	return r;
}

size_t p9_call_room(const struct p9_call *c)
{
	return c->out.size - 4;
}

/* ---- session ---- */

int p9_call_version(struct p9_call *c)
{
	uint32_t msize = p9_get_u32(&c->in);
	struct p9_text version = p9_get_text(&c->in);
	bool known = p9_text_is(version, VERSION);

	if (c->in.bad)
		return -EINVAL;
	if (msize < P9_MSIZE_MIN)
		return -EMSGSIZE;
	p9_fs_reset(c->fs);
	if (msize > P9_MSIZE_MAX)
		msize = P9_MSIZE_MAX;
	if (known)
		c->fs->state.msize = msize;
	bytes_u32(&c->out, msize);
	p9_put_text(&c->out, known ? VERSION : "unknown", known ? strlen(VERSION) : 7);
	return 0;
}

static int attach(struct p9_call *c, uint32_t id, uint32_t uid)
{
	int fd = p9_path_step(c->fs->root_fd, ".");
	struct p9_qid qid;
	int r;

	if (fd < 0)
		return fd;
	r = p9_call_stat(c->fs, fd, NULL, &qid);
	if (!r)
		r = p9_fid_add(&c->fs->fids, id, uid, fd, NULL);
	if (r) {
		close(fd);
		return r;
	}
	p9_put_qid(&c->out, &qid);
	return 0;
}

/* The numeric user counts; its name and the name of a tree are not looked at, as there is only one. */
int p9_call_attach(struct p9_call *c)
{
	uint32_t id = p9_get_u32(&c->in), afid = p9_get_u32(&c->in), uid;

	p9_get_text(&c->in);
	p9_get_text(&c->in);
	uid = p9_get_u32(&c->in);
	if (c->in.bad || id == P9_NO_ID)
		return -EINVAL;
	if (afid != P9_NO_ID)
		return -EOPNOTSUPP;
	return attach(c, id, uid);
}

/* Requests are served in order: the one that is meant has been answered. */
int p9_call_flush(struct p9_call *c)
{
	p9_get_u16(&c->in);
	return c->in.bad ? -EINVAL : 0;
}

/* The fid is gone in any case. */
int p9_call_clunk(struct p9_call *c)
{
	struct p9_fid *fid;
	int r = p9_call_fid(c, &fid);

	if (r)
		return r;
	if (fid->kind == P9_FID_XATTR_SET)
		r = p9_xattr_set(fid);
	p9_fid_drop(&c->fs->fids, fid);
	return r;
}

/* ---- one request ---- */

static const struct call *find_call(uint8_t type)
{
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		if (calls[i].type == type)
			return &calls[i];
	return NULL;
}

static int run(struct p9_call *c, const struct p9_header *h)
{
	const struct p9_fs *fs = c->fs;
	const struct call *call = find_call(h->type);

	if (h->size < P9_HEADER_BYTES || h->size > c->io->sent_bytes)
		return -EINVAL;
	if (!call)
		return -EOPNOTSUPP;
	if (!fs->state.msize && h->type != P9_TVERSION)
		return -EPROTO;
	if (fs->state.msize && h->type != P9_TVERSION && h->size > fs->state.msize)
		return -EMSGSIZE;
	if (h->type != P9_TWRITE && h->size > c->io->request_bytes)
		return -EMSGSIZE;
	if (call->reply > c->out.size)
		return -EMSGSIZE;
	if (call->changes && fs->ro)
		return -EROFS;
	return call->fn(c);
}

/* What comes of poisoned guest memory, which is no business of a file system. */
static uint32_t guest_errno(int r)
{
	return r == -EFAULT || r == -EHWPOISON ? EIO : (uint32_t)-r;
}

static void finish(struct p9_io *io, size_t bytes, uint8_t type, uint16_t tag)
{
	struct bytes head = bytes_in(io->reply, P9_HEADER_BYTES);

	bytes_u32(&head, (uint32_t)(bytes + io->data_bytes));
	bytes_u8(&head, type);
	bytes_u16(&head, tag);
	io->reply_bytes = bytes;
}

static void finish_error(struct p9_io *io, int r, uint16_t tag)
{
	struct bytes out = bytes_in(io->reply + P9_HEADER_BYTES, 4);

	io->data_bytes = 0;
	bytes_u32(&out, guest_errno(r));
	finish(io, P9_ERROR_BYTES, P9_RLERROR, tag);
}

/* A request's own size ends what is read of it. A Twrite's is not relied on: older Linux guests leave the
 * data out of it when they pass pages. */
static size_t body_bytes(const struct p9_io *io, const struct p9_header *h)
{
	size_t n = h->type == P9_TWRITE ? P9_WRITE_BYTES : h->size;

	if (n > io->request_bytes)
		n = io->request_bytes;
	return n < P9_HEADER_BYTES ? 0 : n - P9_HEADER_BYTES;
}

/* Room for the reply in our buffer, in the guest's and by what was agreed. */
static size_t reply_room(const struct p9_fs *fs, const struct p9_io *io)
{
	size_t n = sizeof(io->reply);

	if (n > io->room)
		n = io->room;
	if (fs->state.msize && n > fs->state.msize)
		n = fs->state.msize;
	return n - P9_HEADER_BYTES;
}

void p9_fs_serve(struct p9_fs *fs, struct p9_io *io)
{
	struct p9_header h = p9_header(io->request);
	struct p9_call c = {
		.fs = fs,
		.io = io,
		.in = { .at = io->request + P9_HEADER_BYTES, .left = body_bytes(io, &h) },
		.out = bytes_in(io->reply + P9_HEADER_BYTES, reply_room(fs, io)),
	};
	int r;

	io->data_bytes = 0;
	r = run(&c, &h);
	if (!r && c.out.full)
		r = -EMSGSIZE;
	if (r)
		finish_error(io, r, h.tag);
	else
		finish(io, P9_HEADER_BYTES + c.out.used, (uint8_t)(h.type + 1), h.tag);
}
