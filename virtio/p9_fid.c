/* See p9_fid.h. */
#include "virtio/p9_fid.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* Numbers come one after the other, mostly; a hostile guest gains nothing from a chain of all its fids but
 * slow requests of its own. */
static uint32_t *bucket_of(const struct p9_fids *f, uint32_t id)
{
	return &f->bucket[id & (f->nbuckets - 1)];
}

int p9_fids_open(struct p9_fids *f, uint32_t max, struct err *err)
{
	*f = (struct p9_fids){ .max = max, .nbuckets = 1 };
	while (f->nbuckets < max)
		f->nbuckets *= 2;
	f->fid = calloc(max, sizeof(*f->fid));
	f->bucket = calloc(f->nbuckets, sizeof(*f->bucket));
	if (f->fid && f->bucket)
		return 0;
	free(f->fid);
	free(f->bucket);
	*f = (struct p9_fids){ 0 };
	return err_set(err, -ENOMEM, "no memory for a table of %u files", max);
}

void p9_fids_close(struct p9_fids *f)
{
	p9_fids_drop_all(f);
	free(f->fid);
	free(f->bucket);
	*f = (struct p9_fids){ 0 };
}

struct p9_fid *p9_fid_find(const struct p9_fids *f, uint32_t id)
{
	for (uint32_t i = *bucket_of(f, id); i; i = f->fid[i - 1].next)
		if (f->fid[i - 1].id == id)
			return &f->fid[i - 1];
	return NULL;
}

/* The place of a fid that is free, as index + 1; 0: none is. */
static uint32_t take_free(struct p9_fids *f)
{
	uint32_t at = f->free;

	if (at) {
		f->free = f->fid[at - 1].next;
		return at;
	}
	return f->used < f->max ? ++f->used : 0;
}

int p9_fid_add(struct p9_fids *f, uint32_t id, uint32_t uid, int path_fd, struct p9_fid **made)
{
	uint32_t *bucket = bucket_of(f, id);
	uint32_t at;

	if (p9_fid_find(f, id))
		return -EINVAL;
	at = take_free(f);
	if (!at)
		return -EMFILE;
	f->fid[at - 1] = (struct p9_fid){ .id = id,
					  .uid = uid,
					  .kind = P9_FID_PATH,
					  .path_fd = path_fd,
					  .io_fd = -1,
					  .next = *bucket };
	*bucket = at;
	f->count++;
	if (made)
		*made = &f->fid[at - 1];
	return 0;
}

static void give_back(struct p9_fids *f, struct p9_fid *fid)
{
	if (fid->xattr)
		f->xattr_bytes -= fid->xattr->size;
	free(fid->xattr);
	if (fid->io_fd >= 0)
		close(fid->io_fd);
	close(fid->path_fd);
}

void p9_fid_drop(struct p9_fids *f, struct p9_fid *fid)
{
	uint32_t *link = bucket_of(f, fid->id);
	uint32_t at = (uint32_t)(fid - f->fid) + 1;

	while (*link != at)
		link = &f->fid[*link - 1].next;
	*link = fid->next;
	give_back(f, fid);
	fid->kind = P9_FID_FREE;
	fid->next = f->free;
	f->free = at;
	f->count--;
}

void p9_fids_drop_all(struct p9_fids *f)
{
	for (uint32_t i = 0; i < f->used; i++)
		if (f->fid[i].kind != P9_FID_FREE)
			p9_fid_drop(f, &f->fid[i]);
}

int p9_fid_add_xattr(struct p9_fids *f, struct p9_fid *fid, size_t size)
{
	if (size > P9_MAX_XATTR_BYTES - f->xattr_bytes)
		return -ENOMEM;
	fid->xattr = calloc(1, sizeof(*fid->xattr) + size);
	if (!fid->xattr)
		return -ENOMEM;
	fid->xattr->size = size;
	f->xattr_bytes += size;
	return 0;
}
