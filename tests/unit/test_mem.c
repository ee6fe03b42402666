/* Guest RAM: bounds of mem_ptr(), the backings, reading, writing, clearing and healing, and the errors. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/guard.h"
#include "lib/mem.h"

#define BASE UINT64_C(0x80000000)
#define SIZE MIB(4)

static void expect_text(const struct err *err, const char *part)
{
	if (!strstr(err->text, part))
		fail_msg("expected \"%s\" in the error, found \"%s\"", part, err->text);
	if (strchr(err->text, '\n'))
		fail_msg("the error has more than one line: \"%s\"", err->text);
}

static struct mem map(enum mem_backing backing, const char *path)
{
	struct err err = { "" };
	struct mem m;

	if (mem_map(&m, gpa(BASE), SIZE, backing, path, &err))
		fail_msg("mem_map failed: %s", err.text);
	return m;
}

static void pointers_are_given_only_inside_ram(void **unused)
{
	static const struct {
		uint64_t at, len;
		bool inside;
	} cases[] = {
		{ BASE, 1, true },
		{ BASE, SIZE, true },
		{ BASE + SIZE - 1, 1, true },
		{ BASE, 0, true },
		{ BASE + SIZE - 1, 0, true },
		{ BASE + SIZE, 0, false },
		{ BASE - 1, 1, false },
		{ BASE - 1, 0, false },
		{ BASE - 1, 2, false },
		{ BASE, SIZE + 1, false },
		{ BASE + SIZE - 1, 2, false },
		{ BASE + SIZE, 1, false },
		{ BASE + 1, UINT64_MAX, false },
		{ BASE, UINT64_MAX, false },
		{ UINT64_MAX, 1, false },
		{ UINT64_MAX, UINT64_MAX, false },
		{ 0, UINT64_MAX, false },
		{ 0, 0, false },
	};
	struct mem m = map(MEM_ANON, NULL);

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint8_t *want = cases[i].inside ? m.hva + (cases[i].at - BASE) : NULL;
		uint8_t *found = mem_ptr(&m, gpa(cases[i].at), cases[i].len);

		if (found != want)
			fail_msg("[0x%llx, +0x%llx): expected %p, found %p",
				 (unsigned long long)cases[i].at, (unsigned long long)cases[i].len,
				 (void *)want, (void *)found);
		assert_int_equal(mem_contains(&m, gpa(cases[i].at), cases[i].len), cases[i].inside);
	}
	mem_unmap(&m);
}

static void ram_at_the_end_of_the_address_space_does_not_wrap(void **unused)
{
	struct mem m = { .base = gpa(UINT64_MAX - 0xfff), .size = 0x1000 };

	(void)unused;
	assert_true(mem_contains(&m, gpa(UINT64_MAX), 1));
	assert_false(mem_contains(&m, gpa(UINT64_MAX), 2));
	assert_false(mem_contains(&m, gpa(0), 1));
}

/* Aligned, zero at first, writable to both ends, zero again after clearing. */
static void check_backing(enum mem_backing backing, const char *path)
{
	struct mem m = map(backing, path);
	struct err err = { "" };

	assert_int_equal((uintptr_t)m.hva % MIB(2), 0);
	for (int round = 0; round < 2; round++) {
		assert_int_equal(m.hva[0], 0);
		assert_int_equal(m.hva[SIZE / 2], 0);
		assert_int_equal(m.hva[SIZE - 1], 0);
		m.hva[0] = m.hva[SIZE / 2] = m.hva[SIZE - 1] = 0xa5;
		if (mem_clear(&m, &err))
			fail_msg("mem_clear failed: %s", err.text);
	}
	assert_int_equal(m.hva[0], 0);
	mem_unmap(&m);
	assert_null(m.hva);
	mem_unmap(&m); /* again: harmless */
}

static void anonymous_memory_works(void **unused)
{
	(void)unused;
	check_backing(MEM_ANON, NULL);
}

static void memfd_works(void **unused)
{
	(void)unused;
	check_backing(MEM_MEMFD, NULL);
}

static void a_file_is_extended_and_used_shared(void **unused)
{
	char path[] = "/tmp/rasvm-test-XXXXXX";
	int fd = mkstemp(path);
	struct stat st;
	struct mem m;
	uint8_t byte = 0;

	(void)unused;
	assert_true(fd >= 0);
	check_backing(MEM_FILE, path);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, SIZE);
	m = map(MEM_FILE, path);
	m.hva[0x1234] = 0x5a;
	assert_int_equal(pread(fd, &byte, 1, 0x1234), 1);
	assert_int_equal(byte, 0x5a);
	mem_unmap(&m);
	close(fd);
	unlink(path);
}

static void a_larger_file_is_not_cut(void **unused)
{
	char path[] = "/tmp/rasvm-test-XXXXXX";
	int fd = mkstemp(path);
	struct stat st;
	struct mem m;

	(void)unused;
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, SIZE * 2), 0);
	m = map(MEM_FILE, path);
	mem_unmap(&m);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, SIZE * 2);
	close(fd);
	unlink(path);
}

static void mapping_touches_nothing(void **unused)
{
	unsigned char resident[SIZE / 4096] = { 0 };
	struct mem m = map(MEM_ANON, NULL);

	(void)unused;
	assert_int_equal(mincore(m.hva, SIZE, resident), 0);
	for (size_t i = 0; i < sizeof(resident); i++)
		assert_int_equal(resident[i] & 1, 0);
	mem_unmap(&m);
}

static void more_memory_than_the_host_has_is_mapped_lazily(void **unused)
{
	struct err err = { "" };
	struct mem m;

	(void)unused;
	if (mem_map(&m, gpa(BASE), GIB(1024), MEM_ANON, NULL, &err))
		fail_msg("mem_map of 1 TiB failed: %s", err.text);
	m.hva[GIB(1024) - 1] = 1;
	mem_unmap(&m);
}

/* EFAULT from the kernel, without a fault in this process. */
static bool readable(const uint8_t *at)
{
	int fd[2];
	bool ok;

	assert_int_equal(pipe(fd), 0);
	ok = write(fd[1], at, 1) == 1;
	close(fd[0]);
	close(fd[1]);
	return ok;
}

static void an_access_beyond_ram_meets_no_other_mapping(void **unused)
{
	struct mem m = map(MEM_ANON, NULL);
	uint8_t *start = m.map, *end = start + m.map_len;

	(void)unused;
	assert_true(m.hva >= start && m.hva + m.size <= end);
	assert_true(readable(m.hva) && readable(m.hva + m.size - 1));
	if (m.hva > start)
		assert_false(readable(m.hva - 1));
	if (m.hva + m.size < end)
		assert_false(readable(m.hva + m.size));
	mem_unmap(&m);
}

static void bad_requests_are_explained(void **unused)
{
	static const struct {
		uint64_t base, size;
		enum mem_backing backing;
		const char *path;
		int error;
		const char *text;
	} cases[] = {
		{ BASE, 0, MEM_ANON, NULL, -EINVAL, "-m" },
		{ BASE, 4095, MEM_ANON, NULL, -EINVAL, "page size" },
		{ UINT64_MAX - 0xfff, 0x2000, MEM_ANON, NULL, -EINVAL, "end of the 64 bit" },
		{ 0, UINT64_C(1) << 62, MEM_ANON, NULL, -ENOMEM, "-m" },
		{ 0, UINT64_C(1) << 61, MEM_ANON, NULL, -ENOMEM, "-m" },
		{ 0, UINT64_C(1) << 63, MEM_MEMFD, NULL, -ENOMEM, "-m" },
		{ BASE, SIZE, MEM_FILE, NULL, -EINVAL, "file=PATH" },
		{ BASE, SIZE, MEM_FILE, "", -EINVAL, "file=PATH" },
		{ BASE, SIZE, MEM_HUGETLBFS, NULL, -EINVAL, "hugetlbfs=PATH" },
		{ BASE, SIZE, MEM_FILE, "/nonexistent/file", -ENOENT,
		  "--mem-backing file=/nonexistent/file" },
		{ BASE, SIZE, MEM_FILE, "/tmp", -EISDIR, "--mem-backing file=/tmp" },
		{ BASE, SIZE, MEM_FILE, "/dev/null", -EINVAL, "not a regular file" },
		{ BASE, SIZE, MEM_HUGETLBFS, "/nonexistent", -ENOENT, "hugetlbfs=/nonexistent" },
		{ BASE, SIZE, MEM_HUGETLBFS, "/proc", -EINVAL, "not on a hugetlbfs" },
	};

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct err err = { "" };
		struct mem m;
		int ret = mem_map(&m, gpa(cases[i].base), cases[i].size, cases[i].backing,
				  cases[i].path, &err);

		if (ret != cases[i].error)
			fail_msg("case %zu: expected %d, found %d (%s)", i, cases[i].error, ret,
				 err.text);
		expect_text(&err, cases[i].text);
		mem_unmap(&m); /* safe after a failure */
	}
}

/* ---- reading and writing ---- */

static void copies_stay_inside_ram(void **unused)
{
	struct mem m = map(MEM_ANON, NULL);
	uint8_t in[4] = { 1, 2, 3, 4 }, out[4] = { 0 };

	(void)unused;
	assert_int_equal(mem_write(&m, gpa(BASE + SIZE - 4), in, 4), 0);
	assert_int_equal(mem_read(&m, gpa(BASE + SIZE - 4), out, 4), 0);
	assert_memory_equal(in, out, 4);
	assert_int_equal(mem_write(&m, gpa(BASE + SIZE - 3), in, 4), -EFAULT);
	assert_int_equal(mem_read(&m, gpa(BASE + SIZE - 3), out, 4), -EFAULT);
	assert_int_equal(mem_read(&m, gpa(BASE - 1), out, 4), -EFAULT);
	assert_int_equal(mem_write(&m, gpa(0), in, UINT64_MAX), -EFAULT);
	assert_int_equal(m.hva[SIZE - 4], 1); /* nothing was written in part */
	mem_unmap(&m);
}

static void on_sigbus(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	guard_catch((uintptr_t)info->si_addr);
	_exit(1);
}

/* A file that was cut: the host answers as it does for a bad page. */
static void a_lost_page_is_an_error(void **unused)
{
	struct sigaction action = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO }, before;
	struct mem m = map(MEM_MEMFD, NULL);
	uint8_t byte = 7;

	(void)unused;
	assert_int_equal(sigaction(SIGBUS, &action, &before), 0);
	assert_int_equal(ftruncate(m.fd, SIZE / 2), 0);
	assert_int_equal(mem_read(&m, gpa(BASE + SIZE / 2), &byte, 1), -EHWPOISON);
	assert_int_equal(mem_write(&m, gpa(BASE + SIZE / 2), &byte, 1), -EHWPOISON);
	assert_int_equal(mem_write(&m, gpa(BASE + SIZE / 2 - 1), &byte, 1), 0);
	assert_int_equal(sigaction(SIGBUS, &before, NULL), 0);
	mem_unmap(&m);
}

/* ---- fresh pages ---- */

#define PAGES (SIZE / 4096)

static void fill(const struct mem *m)
{
	memset(m->hva, 0xa5, m->size);
}

/* Which of the first 32 pages and, as bits 62 and 63, of the last two still have their contents. */
static uint64_t kept_pages(const struct mem *m)
{
	uint64_t kept = 0;

	for (unsigned i = 0; i < 34; i++) {
		uint64_t page = i < 32 ? i : PAGES - 34 + i;
		const uint8_t *at = m->hva + page * 4096;

		assert_int_equal(at[0], at[4095]);
		if (at[0])
			kept |= UINT64_C(1) << (i < 32 ? i : 30 + i);
	}
	return kept;
}

#define ALL_KEPT UINT64_C(0xc0000000ffffffff)

static const struct {
	uint64_t at, bytes; /* after BASE */
	uint64_t kept;
} heals[] = {
	{ 0, 4096, ALL_KEPT & ~1ull },
	{ 0, 1, ALL_KEPT & ~1ull },
	{ 4095, 1, ALL_KEPT & ~1ull },
	{ 4095, 2, ALL_KEPT & ~3ull },
	{ 4096, 4096, ALL_KEPT & ~2ull },
	{ 5000, 8192, ALL_KEPT & ~0xeull },
	{ SIZE - 1, 1, ALL_KEPT & ~(1ull << 63) },
	{ SIZE - 4097, 4097, ALL_KEPT & ~(3ull << 62) },
	{ 4096, 0, ALL_KEPT },
	{ 0, SIZE, 0 },
};

static void check_healing(enum mem_backing backing, const char *path)
{
	struct mem m = map(backing, path);
	struct err err = { "" };

	for (size_t i = 0; i < ARRAY_SIZE(heals); i++) {
		fill(&m);
		if (mem_heal(&m, gpa(BASE + heals[i].at), heals[i].bytes, &err))
			fail_msg("mem_heal failed: %s", err.text);
		if (kept_pages(&m) != heals[i].kept)
			fail_msg("heal +0x%llx, 0x%llx bytes: expected pages 0x%llx, found 0x%llx",
				 (unsigned long long)heals[i].at,
				 (unsigned long long)heals[i].bytes,
				 (unsigned long long)heals[i].kept,
				 (unsigned long long)kept_pages(&m));
	}
	assert_int_equal(mem_heal(&m, gpa(BASE + SIZE), 1, &err), -EFAULT);
	expect_text(&err, "not inside the guest's RAM");
	assert_int_equal(mem_heal(&m, gpa(BASE), SIZE + 1, &err), -EFAULT);
	mem_unmap(&m);
}

static const struct {
	struct mem_range keep[4]; /* after BASE */
	unsigned n;
	uint64_t kept;
} clears[] = {
	{ { { { 0 }, 0 } }, 0, 0 },
	{ { { { 0 }, 4096 } }, 1, 1 },
	{ { { { 8192 }, 4096 } }, 1, 4 },
	{ { { { 8193 }, 1 } }, 1, 4 },
	{ { { { 4096 }, 4096 }, { { 8192 }, 4096 } }, 2, 6 },
	{ { { { 4096 }, 8192 }, { { 4097 }, 1 }, { { 28672 }, 1 } }, 3, 0x86 },
	{ { { { 0 }, 1 }, { { SIZE - 1 }, 1 } }, 2, 1ull << 63 | 1 },
	{ { { { SIZE - 8192 }, 8192 } }, 1, 3ull << 62 },
	{ { { { SIZE }, 4096 } }, 1, 0 }, /* not RAM */
	{ { { { 0 }, SIZE } }, 1, ALL_KEPT },
};

static void check_clearing(enum mem_backing backing, const char *path)
{
	struct mem m = map(backing, path);
	struct err err = { "" };

	for (size_t i = 0; i < ARRAY_SIZE(clears); i++) {
		struct mem_range keep[4];

		for (unsigned k = 0; k < ARRAY_SIZE(keep); k++)
			keep[k] = (struct mem_range){ gpa(BASE + clears[i].keep[k].at.v),
						      clears[i].keep[k].bytes };
		fill(&m);
		if (mem_clear_except(&m, keep, clears[i].n, &err))
			fail_msg("mem_clear_except failed: %s", err.text);
		if (kept_pages(&m) != clears[i].kept)
			fail_msg("clear %zu: expected pages 0x%llx, found 0x%llx", i,
				 (unsigned long long)clears[i].kept,
				 (unsigned long long)kept_pages(&m));
	}
	mem_unmap(&m);
}

static void only_what_was_asked_gets_fresh_pages(void **unused)
{
	char path[] = "/tmp/rasvm-test-XXXXXX";
	int fd = mkstemp(path);

	(void)unused;
	assert_true(fd >= 0);
	check_healing(MEM_ANON, NULL);
	check_healing(MEM_MEMFD, NULL);
	check_healing(MEM_FILE, path);
	check_clearing(MEM_ANON, NULL);
	check_clearing(MEM_MEMFD, NULL);
	check_clearing(MEM_FILE, path);
	close(fd);
	unlink(path);
}

static void healed_pages_are_the_same_files(void **unused)
{
	struct mem m = map(MEM_MEMFD, NULL);
	struct err err = { "" };
	uint8_t byte = 0;

	(void)unused;
	fill(&m);
	for (unsigned page = 1; page < 20; page += 2)
		if (mem_heal(&m, gpa(BASE + page * 4096), 4096, &err))
			fail_msg("mem_heal failed: %s", err.text);
	/* Still the same file everywhere. */
	m.hva[4096] = 0x11;
	m.hva[SIZE - 1] = 0x22;
	assert_int_equal(pread(m.fd, &byte, 1, 4096), 1);
	assert_int_equal(byte, 0x11);
	assert_int_equal(pread(m.fd, &byte, 1, SIZE - 1), 1);
	assert_int_equal(byte, 0x22);
	mem_unmap(&m);
}

static void a_page_is_the_hosts(void **unused)
{
	struct mem anon = map(MEM_ANON, NULL), memfd = map(MEM_MEMFD, NULL);

	(void)unused;
	assert_int_equal(mem_page_bytes(&anon), sysconf(_SC_PAGESIZE));
	assert_int_equal(mem_page_bytes(&memfd), sysconf(_SC_PAGESIZE));
	mem_unmap(&anon);
	mem_unmap(&memfd);
}

static int open_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void no_descriptor_is_leaked(void **unused)
{
	int before = open_fds();
	struct err err;
	struct mem m = map(MEM_MEMFD, NULL);

	(void)unused;
	assert_int_equal(open_fds(), before + 1);
	mem_unmap(&m);
	assert_int_equal(open_fds(), before);
	assert_int_not_equal(mem_map(&m, gpa(0), UINT64_C(1) << 61, MEM_MEMFD, NULL, &err), 0);
	assert_int_not_equal(mem_map(&m, gpa(0), SIZE, MEM_FILE, "/dev/null", &err), 0);
	assert_int_equal(open_fds(), before);
}

static void unmapping_a_zeroed_struct_keeps_stdin(void **unused)
{
	struct mem m = { 0 };
	int was_open = fcntl(0, F_GETFD) >= 0;

	(void)unused;
	mem_unmap(&m);
	assert_int_equal(fcntl(0, F_GETFD) >= 0, was_open);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pointers_are_given_only_inside_ram),
		cmocka_unit_test(ram_at_the_end_of_the_address_space_does_not_wrap),
		cmocka_unit_test(anonymous_memory_works),
		cmocka_unit_test(memfd_works),
		cmocka_unit_test(a_file_is_extended_and_used_shared),
		cmocka_unit_test(a_larger_file_is_not_cut),
		cmocka_unit_test(mapping_touches_nothing),
		cmocka_unit_test(more_memory_than_the_host_has_is_mapped_lazily),
		cmocka_unit_test(an_access_beyond_ram_meets_no_other_mapping),
		cmocka_unit_test(bad_requests_are_explained),
		cmocka_unit_test(copies_stay_inside_ram),
		cmocka_unit_test(a_lost_page_is_an_error),
		cmocka_unit_test(only_what_was_asked_gets_fresh_pages),
		cmocka_unit_test(healed_pages_are_the_same_files),
		cmocka_unit_test(a_page_is_the_hosts),
		cmocka_unit_test(no_descriptor_is_leaked),
		cmocka_unit_test(unmapping_a_zeroed_struct_keeps_stdin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
