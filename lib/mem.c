/*
 * Guest RAM as one host mapping. Address space is reserved first, larger than needed, and the
 * memory is mapped into an aligned place inside it; so every backing is aligned the same way and an
 * access beyond RAM meets an inaccessible page.
 *
 * The struct belongs to the machine. Guest addresses are checked here and nowhere else.
 * Left out: NUMA placement, locking pages in RAM.
 */
#include "lib/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "lib/guard.h"

/* statfs(2): f_type of a hugetlbfs mount. */
#define HUGETLBFS_TYPE 0x958458f6u

/* The largest block a stage 2 table entry maps with 4 KiB granules, short of 1 GiB. */
#define MEM_ALIGN MIB(2)

/* What a backing gives to the mapping step. */
struct backing_file {
	int fd;         /* -1: anonymous */
	uint64_t align; /* of the host address, bytes, a power of two */
	bool created;
};

static int no_room(uint64_t size, int error, struct err *err)
{
	return err_set(err, -error,
		       "-m %" PRIu64 "M: cannot map that much guest memory: %s; give less with -m",
		       size >> 20, strerror(error));
}

static int check_range(gpa_t base, uint64_t size, struct err *err)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	if (!size || size % page)
		return err_set(err, -EINVAL,
			       "-m: guest memory of %" PRIu64
			       " bytes is not a multiple of the host's page size, %" PRIu64
			       " bytes, or is 0",
			       size, page);
	if (base.v + size < base.v)
		return err_set(err, -EINVAL,
			       "-m: guest memory of %" PRIu64 " bytes at 0x%" PRIx64
			       " passes the end of the 64 bit address space",
			       size, base.v);
	/* Leaves room for the alignment to be added; far above what a host can map. */
	if (size > SIZE_MAX / 4)
		return no_room(size, ENOMEM, err);
	return 0;
}

static int open_memfd(struct backing_file *file, uint64_t size, struct err *err)
{
	file->fd = memfd_create("guest-ram", MFD_CLOEXEC);
	if (file->fd < 0)
		return err_set(err, -errno,
			       "--mem-backing memfd: memfd_create: %s; use --mem-backing anon",
			       strerror(errno));
	if (ftruncate(file->fd, (off_t)size))
		return no_room(size, errno, err);
	return 0;
}

/* Huge page size in bytes of the hugetlbfs mount at `path`, or -errno. */
static int64_t hugetlb_page(const char *path, struct err *err)
{
	struct statfs fs;

	if (statfs(path, &fs))
		return err_set(err, -errno,
			       "--mem-backing hugetlbfs=%s: %s; give the directory of a mounted "
			       "hugetlbfs",
			       path, strerror(errno));
	if ((uint32_t)fs.f_type != HUGETLBFS_TYPE || fs.f_bsize <= 0)
		return err_set(err, -EINVAL,
			       "--mem-backing hugetlbfs=%s: not on a hugetlbfs; mount one there "
			       "(mount -t hugetlbfs none %s)",
			       path, path);
	return fs.f_bsize;
}

/* An unnamed file on `path`: made under a random name and unlinked at once. */
static int unnamed_file(const char *path)
{
	char name[4096];
	int len = snprintf(name, sizeof(name), "%s/rasvm-XXXXXX", path);
	int fd;

	if (len < 0 || (size_t)len >= sizeof(name))
		return -ENAMETOOLONG;
	fd = mkostemp(name, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	unlink(name);
	return fd;
}

static int open_hugetlbfs(struct backing_file *file, const char *path, uint64_t size,
			  struct err *err)
{
	int64_t found = hugetlb_page(path, err);
	uint64_t page = (uint64_t)found;

	if (found <= 0)
		return (int)found;
	if (size % page)
		return err_set(err, -EINVAL,
			       "--mem-backing hugetlbfs=%s: -m is %" PRIu64
			       " bytes, not a multiple of the huge page size of %" PRIu64
			       " KiB; round it",
			       path, size, page >> 10);
	file->align = page > MEM_ALIGN ? page : MEM_ALIGN;
	file->fd = unnamed_file(path);
	if (file->fd < 0)
		return err_set(err, file->fd,
			       "--mem-backing hugetlbfs=%s: cannot create a file: %s", path,
			       strerror(-file->fd));
	if (ftruncate(file->fd, (off_t)size))
		return no_room(size, errno, err);
	return 0;
}

static int open_file(struct backing_file *file, const char *path, uint64_t size, struct err *err)
{
	struct stat st;

	/* O_NONBLOCK: a FIFO is to be refused below, not waited for. */
	file->fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (file->fd < 0 && errno == ENOENT) {
		file->fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		file->created = file->fd >= 0;
	}
	if (file->fd < 0 || fstat(file->fd, &st))
		return err_set(err, -errno, "--mem-backing file=%s: cannot open it: %s", path,
			       strerror(errno));
	if (!S_ISREG(st.st_mode))
		return err_set(err, -EINVAL,
			       "--mem-backing file=%s: not a regular file; name one, it is made as "
			       "large as -m",
			       path);
	if ((uint64_t)st.st_size < size && ftruncate(file->fd, (off_t)size))
		return err_set(err, -errno,
			       "--mem-backing file=%s: cannot extend it from %" PRIu64
			       " bytes to the %" PRIu64 " of -m: %s",
			       path, (uint64_t)st.st_size, size, strerror(errno));
	return 0;
}

static int open_backing(struct backing_file *file, uint64_t size, enum mem_backing backing,
			const char *path, struct err *err)
{
	bool needs_path = backing == MEM_HUGETLBFS || backing == MEM_FILE;

	if (needs_path && (!path || !*path))
		return err_set(err, -EINVAL, "--mem-backing %s: no path given; write %s=PATH",
			       backing == MEM_FILE ? "file" : "hugetlbfs",
			       backing == MEM_FILE ? "file" : "hugetlbfs");
	switch (backing) {
	case MEM_MEMFD:
		return open_memfd(file, size, err);
	case MEM_HUGETLBFS:
		return open_hugetlbfs(file, path, size, err);
	case MEM_FILE:
		return open_file(file, path, size, err);
	case MEM_ANON:
		break;
	}
	return 0;
}

/* Reserve address space and map the memory into it. MAP_NORESERVE for anonymous memory: a guest may
 * have more RAM than the host as long as it does not use it. */
static int place(struct mem *m, const struct backing_file *file, struct err *err)
{
	int flags = file->fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE : MAP_SHARED;
	uintptr_t start;
	void *at;

	m->map_len = m->size + file->align;
	at = mmap(NULL, m->map_len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (at == MAP_FAILED)
		return no_room(m->size, errno, err);
	m->map = at;
	start = align_up((uintptr_t)at, file->align);
	m->hva = (uint8_t *)at + (start - (uintptr_t)at);
	if (mmap(m->hva, m->size, PROT_READ | PROT_WRITE, flags | MAP_FIXED, file->fd, 0) !=
	    MAP_FAILED)
		return 0;
	if (m->backing == MEM_HUGETLBFS)
		return err_set(err, -errno,
			       "--mem-backing hugetlbfs: cannot map %" PRIu64
			       " MiB: %s; reserve more huge pages (sysctl vm.nr_hugepages)",
			       m->size >> 20, strerror(errno));
	return no_room(m->size, errno, err);
}

/* A hint; a host without transparent huge pages runs as well, only slower. */
static void want_huge_pages(const struct mem *m, uint64_t offset, uint64_t bytes)
{
#ifdef MADV_HUGEPAGE
	if (m->backing == MEM_ANON || m->backing == MEM_MEMFD)
		(void)madvise(m->hva + offset, bytes, MADV_HUGEPAGE);
#else
	(void)m;
	(void)offset;
	(void)bytes;
#endif
}

int mem_map(struct mem *m, gpa_t base, uint64_t size, enum mem_backing backing, const char *path,
	    struct err *err)
{
	struct backing_file file = { .fd = -1, .align = MEM_ALIGN };
	int ret;

	*m = (struct mem){ .base = base, .size = size, .fd = -1, .backing = backing };
	ret = check_range(base, size, err);
	if (!ret)
		ret = open_backing(&file, size, backing, path, err);
	m->fd = file.fd;
	m->file_created = file.created;
	if (!ret)
		ret = place(m, &file, err);
	if (ret) {
		mem_unmap(m);
		return ret;
	}
	want_huge_pages(m, 0, m->size);
	return 0;
}

void mem_unmap(struct mem *m)
{
	if (m->map)
		munmap(m->map, m->map_len);
	/* A struct of zeroes has fd 0, which is not ours: only a file backing has one. */
	if (m->backing != MEM_ANON && m->fd >= 0)
		close(m->fd);
	*m = (struct mem){ .fd = -1 };
}

/* A file system without holes: write zeroes, a page at a time, as some may be bad. */
static int zero_by_hand(const struct mem *m, uint64_t offset, uint64_t bytes, struct err *err)
{
	static const uint8_t zeroes[4096];

	for (uint64_t done = 0; done < bytes; done += sizeof(zeroes))
		if (guard_copy(m->hva + offset + done, zeroes, sizeof(zeroes)))
			return err_set(
				err, -EHWPOISON,
				"cannot clear guest memory at 0x%" PRIx64
				": the page is bad, and the file system of the RAM file cannot "
				"give another; use --mem-backing anon",
				m->base.v + offset + done);
	return 0;
}

static int drop_file(const struct mem *m, uint64_t offset, uint64_t bytes, struct err *err)
{
	if (fallocate(m->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset,
		      (off_t)bytes)) {
		if (m->backing == MEM_FILE && errno == EOPNOTSUPP)
			return zero_by_hand(m, offset, bytes, err);
		return err_set(err, -errno, "cannot drop guest memory: fallocate: %s",
			       strerror(errno));
	}
	/* A poison marker (userfaultfd) is in the page table, not in the file, and stays there until
	 * something else is mapped. */
	if (mmap(m->hva + offset, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, m->fd,
		 (off_t)offset) == MAP_FAILED)
		return err_set(
			err, -errno, "cannot map guest memory again: %s%s", strerror(errno),
			m->backing == MEM_HUGETLBFS
				? "; the host needs a spare huge page (sysctl vm.nr_hugepages)"
				: "");
	want_huge_pages(m, offset, bytes);
	return 0;
}

/* [offset, offset + bytes) of guest RAM, whole pages of the host. */
static int drop(const struct mem *m, uint64_t offset, uint64_t bytes, struct err *err)
{
	if (!bytes)
		return 0;
	if (m->backing != MEM_ANON)
		return drop_file(m, offset, bytes, err);
	if (madvise(m->hva + offset, bytes, MADV_DONTNEED))
		return err_set(err, -errno, "cannot drop guest memory: madvise: %s",
			       strerror(errno));
	return 0;
}

int mem_clear(const struct mem *m, struct err *err)
{
	return drop(m, 0, m->size, err);
}

/* Offsets of the host pages that contain the range, cut to RAM. RAM is a multiple of them, and starts
 * at one. */
struct pages {
	uint64_t begin, end;
};

static struct pages host_pages(const struct mem *m, gpa_t at, uint64_t bytes)
{
	uint64_t page = mem_page_bytes(m), offset = at.v - m->base.v;

	return (struct pages){ align_down(offset, page), align_up(offset + bytes, page) };
}

int mem_clear_except(const struct mem *m, const struct mem_range *keep, unsigned n, struct err *err)
{
	uint64_t done = 0;

	for (unsigned i = 0; i < n; i++) {
		struct pages kept;
		int r;

		if (!mem_contains(m, keep[i].at, keep[i].bytes))
			continue;
		kept = host_pages(m, keep[i].at, keep[i].bytes);
		r = kept.begin > done ? drop(m, done, kept.begin - done, err) : 0;
		if (r)
			return r;
		if (kept.end > done)
			done = kept.end;
	}
	return drop(m, done, m->size - done, err);
}

int mem_heal(const struct mem *m, gpa_t at, uint64_t bytes, struct err *err)
{
	struct pages bad;

	if (!mem_contains(m, at, bytes))
		return err_set(err, -EFAULT,
			       "guest memory at 0x%" PRIx64 ", %" PRIu64
			       " bytes, is not inside the guest's RAM",
			       at.v, bytes);
	bad = host_pages(m, at, bytes);
	return drop(m, bad.begin, bad.end - bad.begin, err);
}

uint64_t mem_page_bytes(const struct mem *m)
{
	struct statfs fs;

	if (m->backing != MEM_ANON && !fstatfs(m->fd, &fs) && (uint32_t)fs.f_type == HUGETLBFS_TYPE)
		return (uint64_t)fs.f_bsize;
	return (uint64_t)sysconf(_SC_PAGESIZE);
}

int mem_read(const struct mem *m, gpa_t at, void *data, uint64_t n)
{
	const void *from = mem_ptr(m, at, n);

	return from ? guard_copy(data, from, n) : -EFAULT;
}

int mem_write(const struct mem *m, gpa_t at, const void *data, uint64_t n)
{
	void *to = mem_ptr(m, at, n);

	return to ? guard_copy(to, data, n) : -EFAULT;
}

bool mem_contains(const struct mem *m, gpa_t at, uint64_t len)
{
	uint64_t offset = at.v - m->base.v;

	return at.v >= m->base.v && offset < m->size && len <= m->size - offset;
}

void *mem_ptr(const struct mem *m, gpa_t at, uint64_t len)
{
	if (!mem_contains(m, at, len))
		return NULL;
	return m->hva + (at.v - m->base.v);
}
