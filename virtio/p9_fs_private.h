/* Between the files p9_fs*.c: a request under way, and what serves each type of it. */
#ifndef VIRTIO_P9_FS_PRIVATE_H
#define VIRTIO_P9_FS_PRIVATE_H

#include <errno.h>
#include <sys/stat.h>

#include "virtio/p9_fs.h"
#include "virtio/p9_ids.h"
#include "virtio/p9_path.h"

#define P9_SCRATCH_BYTES (64u << 10) /* XATTR_SIZE_MAX and XATTR_LIST_MAX of Linux */

struct p9_call {
	struct p9_fs *fs;
	struct p9_io *io;
	struct p9_reader in; /* the request behind its header */
	struct bytes out;    /* the reply behind its header */
};

/* The file of the next field, a fid's number. 0; -EBADF: there is none; -EINVAL: the message ends. */
int p9_call_fid(struct p9_call *c, struct p9_fid **fid);

/* As p9_call_fid(), of a fid that stands for a file and not for an extended attribute. */
int p9_call_file(struct p9_call *c, struct p9_fid **fid);

/* The next field, a name in a directory. 0; -EINVAL: "." or "..", or it has a '/' or a 0, or the message ends;
 * -ENOENT: empty; -ENAMETOOLONG. */
int p9_call_name(struct p9_call *c, char name[P9_NAME_BYTES]);

/* The next field copied to text[0..size), with a final 0. -EINVAL: it contains one, or the message ends;
 * -ENAMETOOLONG. */
int p9_call_text(struct p9_call *c, char *text, size_t size);

/* How the file of `fd` looks to the guest, and its qid; one of them may be NULL. */
int p9_call_stat(const struct p9_fs *fs, int fd, struct stat *st, struct p9_qid *qid);
struct p9_qid p9_qid_of(const struct p9_fs *fs, const struct stat *st);
uint64_t p9_qid_path(const struct p9_fs *fs, dev_t dev, uint64_t ino);

/* Bytes that the reply has room for behind its header and a count. */
size_t p9_call_room(const struct p9_call *c);

/* One for each type of request: 0 with the reply in c->out, or -errno. */
int p9_call_statfs(struct p9_call *c);
int p9_call_lopen(struct p9_call *c);
int p9_call_lcreate(struct p9_call *c);
int p9_call_symlink(struct p9_call *c);
int p9_call_mknod(struct p9_call *c);
int p9_call_rename(struct p9_call *c);
int p9_call_readlink(struct p9_call *c);
int p9_call_getattr(struct p9_call *c);
int p9_call_setattr(struct p9_call *c);
int p9_call_xattrwalk(struct p9_call *c);
int p9_call_xattrcreate(struct p9_call *c);
int p9_call_readdir(struct p9_call *c);
int p9_call_fsync(struct p9_call *c);
int p9_call_lock(struct p9_call *c);
int p9_call_getlock(struct p9_call *c);
int p9_call_link(struct p9_call *c);
int p9_call_mkdir(struct p9_call *c);
int p9_call_renameat(struct p9_call *c);
int p9_call_unlinkat(struct p9_call *c);
int p9_call_version(struct p9_call *c);
int p9_call_attach(struct p9_call *c);
int p9_call_flush(struct p9_call *c);
int p9_call_walk(struct p9_call *c);
int p9_call_read(struct p9_call *c);
int p9_call_write(struct p9_call *c);
int p9_call_clunk(struct p9_call *c);
int p9_call_remove(struct p9_call *c);

/* Extended attributes: parts of Tread, Twrite and Tclunk. */
int p9_xattr_read(struct p9_call *c, const struct p9_xattr *x, uint64_t offset, uint32_t count);
int p9_xattr_write(struct p9_call *c, struct p9_xattr *x, uint64_t offset, uint32_t count);
int p9_xattr_set(const struct p9_fid *fid);

#endif
