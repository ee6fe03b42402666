/* See pagescan.h. */
#include "arm64/pagescan.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define ENTRY_SWAP      (UINT64_C(1) << 62)
#define ENTRY_SWAP_TYPE UINT64_C(0x1f)

/* Types below are swap files, as many as there are; those of the kernel's own are the last ones. */
#define SPECIAL_TYPE_MIN 16u

#define CHUNK 4096 /* entries read at once */

static int open_pagemap(void)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* `n` entries from the one of `hva`; how many were read, or -errno. */
static ssize_t read_entries(int fd, const uint8_t *hva, uint64_t *entry, size_t n)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	off_t where = (off_t)((uintptr_t)hva / page * sizeof(*entry));
	ssize_t got = pread(fd, entry, n * sizeof(*entry), where);

	return got < 0 ? -errno : got / (ssize_t)sizeof(*entry);
}

static unsigned type_of(uint64_t entry)
{
	unsigned type = entry & ENTRY_SWAP ? (unsigned)(entry & ENTRY_SWAP_TYPE) : PAGESCAN_NONE;

	return type >= SPECIAL_TYPE_MIN ? type : PAGESCAN_NONE;
}

unsigned pagescan_type(const void *hva)
{
	uint64_t entry = 0;
	int fd = open_pagemap();

	if (fd < 0)
		return PAGESCAN_NONE;
	if (read_entries(fd, hva, &entry, 1) != 1)
		entry = 0;
	close(fd);
	return type_of(entry);
}

static int scan(int fd, const struct mem *mem, unsigned type,
		void (*found)(void *world, gpa_t page), void *world)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), npages = mem->size / page;
	uint64_t entry[CHUNK];

	for (uint64_t at = 0; at < npages;) {
		uint64_t left = npages - at;
		ssize_t n =
			read_entries(fd, mem->hva + at * page, entry, left < CHUNK ? left : CHUNK);

		if (n <= 0)
			return n ? (int)n : -EIO;
		for (ssize_t i = 0; i < n; i++)
			if (type_of(entry[i]) == type)
				found(world, gpa(mem->base.v + (at + (uint64_t)i) * page));
		at += (uint64_t)n;
	}
	return 0;
}

int pagescan_each(const struct mem *mem, unsigned type, void (*found)(void *world, gpa_t page),
		  void *world)
{
	int fd = open_pagemap(), r;

	if (fd < 0)
		return fd;
	r = type == PAGESCAN_NONE ? 0 : scan(fd, mem, type, found, world);
	close(fd);
	return r;
}
