/*
 * 9P: walk. Each name is one look-up beneath the descriptor of its directory; ".." asks the kernel where the
 * directory is now and looks its parent up from the root. See p9_fs.h.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "virtio/p9_fs_private.h"

struct walk {
	uint16_t names, done;
	int fd; /* O_PATH, of what was reached */
	struct p9_qid qid[P9_MAX_WALK];
};

/* As p9_call_name(), but ".." is one too. */
static int walk_name(struct p9_call *c, char name[P9_NAME_BYTES])
{
	struct p9_reader before = c->in;

	if (p9_text_is(p9_get_text(&c->in), "..")) {
		memcpy(name, "..", 3);
		return 0;
	}
	c->in = before;
	return p9_call_name(c, name);
}

static int step_up(const struct p9_fs *fs, int fd)
{
	char name[P9_NAME_BYTES];
	struct stat st;
	int r = p9_path_stat(fd, &st);

	if (r)
		return r;
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	r = p9_path_parent(fs->root_fd, fd, name);
	return r == -EXDEV ? p9_path_step(fs->root_fd, ".") : r;
}

static int step(const struct p9_fs *fs, int fd, const char *name)
{
	return strcmp(name, "..") ? p9_path_step(fd, name) : step_up(fs, fd);
}

/* One name further. */
static int walk_one(struct p9_call *c, struct walk *w, const char *name)
{
	int fd = step(c->fs, w->fd, name), r;

	if (fd < 0)
		return fd;
	r = p9_call_stat(c->fs, fd, NULL, &w->qid[w->done]);
	if (r) {
		close(fd);
		return r;
	}
	close(w->fd);
	w->fd = fd;
	w->done++;
	return 0;
}

/* As far as it goes: an error only if the first name is not found. */
static int walk_all(struct p9_call *c, struct walk *w)
{
	char name[P9_NAME_BYTES];
	int r = 0;

	while (!r && w->done < w->names) {
		r = walk_name(c, name);
		if (!r)
			r = walk_one(c, w, name);
	}
	return w->done ? 0 : r;
}

/* The new fid; in the old one's place if it has the same number. */
static int place(struct p9_call *c, struct p9_fid *from, uint32_t id, const struct walk *w)
{
	if (id != from->id)
		return p9_fid_add(&c->fs->fids, id, from->uid, w->fd, NULL);
	close(from->path_fd);
	from->path_fd = w->fd;
	return 0;
}

static int answer(struct p9_call *c, struct p9_fid *from, uint32_t id, struct walk *w)
{
	bool arrived = w->done == w->names;
	int r = arrived ? place(c, from, id, w) : 0;

	if (r || !arrived)
		close(w->fd);
	if (r)
		return r;
	bytes_u16(&c->out, w->done);
	for (unsigned i = 0; i < w->done; i++)
		p9_put_qid(&c->out, &w->qid[i]);
	return 0;
}

int p9_call_walk(struct p9_call *c)
{
	struct walk w = { 0 };
	struct p9_fid *from;
	int r = p9_call_file(c, &from);
	uint32_t id = p9_get_u32(&c->in);

	if (r)
		return r;
	w.names = p9_get_u16(&c->in);
	if (c->in.bad || w.names > P9_MAX_WALK || id == P9_NO_ID)
		return -EINVAL;
	if (id == from->id ? from->kind != P9_FID_PATH : p9_fid_find(&c->fs->fids, id) != NULL)
		return -EINVAL;
	if (c->out.size < 2 + (size_t)w.names * P9_QID_BYTES)
		return -EMSGSIZE;
	w.fd = fcntl(from->path_fd, F_DUPFD_CLOEXEC, 0);
	if (w.fd < 0)
		return -errno;
	r = walk_all(c, &w);
	if (!r)
		return answer(c, from, id, &w);
	close(w.fd);
	return r;
}
