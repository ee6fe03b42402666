/*
 * Guest RAM: one contiguous range of guest physical addresses and the host mapping behind it.
 * A guest address becomes a pointer only through mem_ptr(), and never without a length.
 */
#ifndef LIB_MEM_H
#define LIB_MEM_H

#include <stdbool.h>

#include "lib/err.h"
#include "lib/types.h"

enum mem_backing { MEM_ANON, MEM_MEMFD, MEM_HUGETLBFS, MEM_FILE };

struct mem {
	gpa_t base;     /* first guest physical address */
	uint64_t size;  /* bytes */
	uint8_t *hva;   /* host mapping of `base`; 2 MiB aligned */
	void *map;      /* what mmap returned, for munmap */
	size_t map_len; /* bytes */
	int fd;         /* backing file or -1 */
	enum mem_backing backing;
	bool file_created; /* MEM_FILE: the file did not exist before */
};

/* Map `size` bytes of guest RAM at guest address `base`. `path` is the directory (MEM_HUGETLBFS) or
 * the file (MEM_FILE) and else ignored. Nothing is touched, so nothing is allocated yet.
 * 0, or -errno with `err` written. */
int mem_map(struct mem *m, gpa_t base, uint64_t size, enum mem_backing backing, const char *path,
	    struct err *err) __attribute__((warn_unused_result));

/* Give the mapping back. Safe on a zeroed struct. */
void mem_unmap(struct mem *m);

/* Drop the contents: every byte reads 0 afterwards and the host gets its pages back, bad ones as well.
 * 0, or -errno with `err` written. */
int mem_clear(const struct mem *m, struct err *err) __attribute__((warn_unused_result));

/* A run of guest addresses. */
struct mem_range {
	gpa_t at;
	uint64_t bytes;
};

/* As mem_clear(), but the host pages that contain keep[0..n), ascending, stay as they are. */
int mem_clear_except(const struct mem *m, const struct mem_range *keep, unsigned n, struct err *err)
	__attribute__((warn_unused_result));

/* True if [at, at + len) lies inside guest RAM. An empty range is inside if its address is. */
bool mem_contains(const struct mem *m, gpa_t at, uint64_t len);

/* The host address of [at, at + len), or NULL if any byte of it is outside guest RAM. */
void *mem_ptr(const struct mem *m, gpa_t at, uint64_t len) __attribute__((warn_unused_result));

/* Copy out of and into guest RAM, of which pages may be poisoned. 0; -EFAULT: not all of it is RAM;
 * -EHWPOISON. Any thread that has SIGBUS unblocked (lib/guard.h). */
int mem_read(const struct mem *m, gpa_t at, void *data, uint64_t n)
	__attribute__((warn_unused_result));
int mem_write(const struct mem *m, gpa_t at, const void *data, uint64_t n)
	__attribute__((warn_unused_result));

/* Give [at, at + bytes) fresh pages of zeroes, whatever was wrong with the old ones. The range is
 * widened to host pages. A guest that runs may go on. 0, -EFAULT: not all of it is RAM, or another
 * -errno; with `err`. */
int mem_heal(const struct mem *m, gpa_t at, uint64_t bytes, struct err *err)
	__attribute__((warn_unused_result));

/* Bytes of a page of the host behind guest RAM: what is lost at once when one is poisoned. */
uint64_t mem_page_bytes(const struct mem *m);

#endif
