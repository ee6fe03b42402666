/*
 * 9P: renameat, unlinkat, and their older forms rename and remove, which say the file and not its name: the
 * kernel knows where it is now. See p9_fs.h.
 *
 * Another process that puts a file in the place of the named one between look-up and removal gets that removed
 * instead; inside the share, where the guest may remove it anyway.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "virtio/p9_fs_private.h"

int p9_call_renameat(struct p9_call *c)
{
	char old_name[P9_NAME_BYTES], new_name[P9_NAME_BYTES];
	struct p9_fid *old_dir, *new_dir;
	int r = p9_call_file(c, &old_dir);

	if (!r)
		r = p9_call_name(c, old_name);
	if (!r)
		r = p9_call_file(c, &new_dir);
	if (!r)
		r = p9_call_name(c, new_name);
	if (r)
		return r;
	return renameat(old_dir->path_fd, old_name, new_dir->path_fd, new_name) ? -errno : 0;
}

/* The directory that holds the file, and its name there; the root has none that could change. */
static int find_name(const struct p9_fs *fs, const struct p9_fid *fid, char name[P9_NAME_BYTES])
{
	int dir_fd = p9_path_parent(fs->root_fd, fid->path_fd, name);

	return dir_fd == -EXDEV ? -EBUSY : dir_fd;
}

int p9_call_rename(struct p9_call *c)
{
	char old_name[P9_NAME_BYTES], new_name[P9_NAME_BYTES];
	struct p9_fid *fid, *dir;
	int r = p9_call_file(c, &fid), old_dir;

	if (!r)
		r = p9_call_file(c, &dir);
	if (!r)
		r = p9_call_name(c, new_name);
	if (r)
		return r;
	old_dir = find_name(c->fs, fid, old_name);
	if (old_dir < 0)
		return old_dir;
	r = renameat(old_dir, old_name, dir->path_fd, new_name) ? -errno : 0;
	close(old_dir);
	return r;
}

int p9_call_unlinkat(struct p9_call *c)
{
	char name[P9_NAME_BYTES];
	struct p9_fid *dir;
	int r = p9_call_file(c, &dir);
	uint32_t flags;

	if (!r)
		r = p9_call_name(c, name);
	if (r)
		return r;
	flags = p9_get_u32(&c->in);
	if (c->in.bad || (flags & ~P9_REMOVEDIR))
		return -EINVAL;
	return unlinkat(dir->path_fd, name, flags ? AT_REMOVEDIR : 0) ? -errno : 0;
}

static int remove_file(const struct p9_fs *fs, const struct p9_fid *fid)
{
	char name[P9_NAME_BYTES];
	struct stat st;
	int r = p9_path_stat(fid->path_fd, &st), dir_fd;

	if (r)
		return r;
	dir_fd = find_name(fs, fid, name);
	if (dir_fd < 0)
		return dir_fd;
	r = unlinkat(dir_fd, name, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0) ? -errno : 0;
	close(dir_fd);
	return r;
}

/* The fid is gone in any case. */
int p9_call_remove(struct p9_call *c)
{
	struct p9_fid *fid;
	int r = p9_call_fid(c, &fid);

	if (r)
		return r;
	r = fid->xattr ? -EINVAL : remove_file(c->fs, fid);
	p9_fid_drop(&c->fs->fids, fid);
	return r;
}
