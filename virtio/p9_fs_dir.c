/*
 * 9P: readdir. An entry's offset is where the host's file system goes on behind it. See p9_fs.h.
 */
#include <dirent.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "virtio/p9_fs_private.h"

/* linux/dirent.h has it for the kernel only. */
struct entry {
	uint64_t ino;
	int64_t next; /* offset of what follows */
	uint16_t size;
	uint8_t type;
	char name[];
};

static uint8_t qid_type(uint8_t type)
{
	return type == DT_DIR ? P9_QID_DIR : type == DT_LNK ? P9_QID_SYMLINK : P9_QID_FILE;
}

/* With mapped ids a regular file may be something else, which the guest finds out if it wants to know; and the
 * number of the directory above the root is nobody's business. */
static void put_entry(struct p9_call *c, const struct stat *dir, const struct entry *e)
{
	const struct p9_fs *fs = c->fs;
	bool root = dir->st_dev == fs->root_dev && dir->st_ino == fs->root_ino;
	bool unsure = fs->ids == P9_IDS_MAPPED && e->type == DT_REG;
	struct p9_qid qid = { qid_type(e->type), 1, p9_qid_path(fs, dir->st_dev, e->ino) };

	if (root && !strcmp(e->name, ".."))
		qid.path = fs->root_ino;
	p9_put_qid(&c->out, &qid);
	bytes_u64(&c->out, (uint64_t)e->next);
	bytes_u8(&c->out, unsure ? DT_UNKNOWN : e->type);
	p9_put_text(&c->out, e->name, strlen(e->name));
}

/* The entries that fit. True: there may be more, and room for it. */
static bool put_entries(struct p9_call *c, const struct stat *dir, size_t n, size_t limit)
{
	for (size_t at = 0; at < n;) {
		const struct entry *e = (const void *)(c->fs->scratch + at);

		if (c->out.used + P9_DIRENT_BYTES + strlen(e->name) > limit)
			return false;
		put_entry(c, dir, e);
		at += e->size;
	}
	return n > 0;
}

/* Entries from the directory's present offset on, up to c->out.used == limit. */
static int fill(struct p9_call *c, int fd, size_t limit)
{
	size_t empty = c->out.used;
	struct stat dir;
	int r = p9_path_stat(fd, &dir);
	long n;

	if (r)
		return r;
	do {
		n = syscall(SYS_getdents64, fd, c->fs->scratch, P9_SCRATCH_BYTES);
		if (n < 0)
			return c->out.used > empty ? 0 : -errno;
	} while (put_entries(c, &dir, (size_t)n, limit));
	return n > 0 && c->out.used == empty ? -EINVAL : 0;
}

int p9_call_readdir(struct p9_call *c)
{
	struct p9_fid *fid;
	int r = p9_call_fid(c, &fid);
	uint64_t offset = p9_get_u64(&c->in);
	uint32_t count = p9_get_u32(&c->in);

	if (r)
		return r;
	if (c->in.bad || offset > INT64_MAX)
		return -EINVAL;
	if (fid->kind != P9_FID_DIR)
		return fid->kind == P9_FID_FILE ? -ENOTDIR : -EBADF;
	if (count > p9_call_room(c))
		count = (uint32_t)p9_call_room(c);
	if (lseek(fid->io_fd, (off_t)offset, SEEK_SET) < 0)
		return -errno;
	bytes_u32(&c->out, 0);
	r = fill(c, fid->io_fd, 4 + (size_t)count);
	bytes_set_u32(&c->out, 0, (uint32_t)c->out.used - 4);
	return r;
}
