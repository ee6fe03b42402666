/* Poison markers (level=uffd) on each backing of guest RAM: whoever touches such a page fails, its
 * neighbours keep their contents, and a fresh page is good again. Skipped where the kernel has no
 * UFFDIO_POISON. Frames that the host loses for real are tried in the lab. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "arm64/hostpoison.h"
#include "lib/guard.h"

#define BASE  UINT64_C(0x80000000)
#define SIZE  MIB(4)
#define PAGE  UINT64_C(4096)
#define FIRST (BASE + MIB(1))

static struct err err;

/* A kernel without CONFIG_MEMORY_FAILURE gives another code than MCEERR_AR; both come here. */
static void on_sigbus(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	guard_catch((uintptr_t)info->si_addr);
	_exit(1);
}

/* Filled with 0xa5. */
static struct mem map(enum mem_backing backing, const char *path)
{
	struct sigaction action = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO };
	struct mem m;

	if (hostpoison_check_uffd(&err))
		skip();
	if (mem_map(&m, gpa(BASE), SIZE, backing, path, &err))
		fail_msg("mem_map failed: %s", err.text);
	memset(m.hva, 0xa5, SIZE);
	assert_int_equal(sigaction(SIGBUS, &action, NULL), 0);
	return m;
}

static void poison(struct mem *m, uint64_t at, uint64_t bytes)
{
	if (hostpoison_uffd(m, gpa(at), bytes, &err))
		fail_msg("hostpoison_uffd failed: %s", err.text);
}

static void expect_byte(const struct mem *m, uint64_t at, int result, uint8_t expected)
{
	uint8_t found = 0;
	int r = mem_read(m, gpa(at), &found, 1);

	if (r != result || (!r && found != expected))
		fail_msg("read 0x%llx: expected %d and 0x%x, found %d and 0x%x",
			 (unsigned long long)at, result, expected, r, found);
}

static void check_backing(enum mem_backing backing, const char *path)
{
	struct mem m = map(backing, path);
	const uint8_t byte = 1;

	poison(&m, FIRST + 100, PAGE); /* two pages */
	expect_byte(&m, FIRST - 1, 0, 0xa5);
	expect_byte(&m, FIRST, -EHWPOISON, 0);
	expect_byte(&m, FIRST + 2 * PAGE - 1, -EHWPOISON, 0);
	expect_byte(&m, FIRST + 2 * PAGE, 0, 0xa5);
	assert_int_equal(mem_write(&m, gpa(FIRST + PAGE), &byte, 1), -EHWPOISON);
	assert_int_equal(mem_heal(&m, gpa(FIRST), 1, &err), 0);
	expect_byte(&m, FIRST, 0, 0);
	expect_byte(&m, FIRST + PAGE, -EHWPOISON, 0);
	poison(&m, FIRST, 1); /* again, and over one that is there */
	poison(&m, FIRST + PAGE, 1);
	expect_byte(&m, FIRST, -EHWPOISON, 0);
	expect_byte(&m, FIRST + PAGE, -EHWPOISON, 0);
	assert_int_equal(mem_clear(&m, &err), 0);
	expect_byte(&m, FIRST, 0, 0);
	expect_byte(&m, FIRST + PAGE, 0, 0);
	signal(SIGBUS, SIG_DFL);
	mem_unmap(&m);
}

static void anonymous_memory(void **state)
{
	(void)state;
	check_backing(MEM_ANON, NULL);
}

static void memfd(void **state)
{
	(void)state;
	check_backing(MEM_MEMFD, NULL);
}

static void what_is_kept_at_a_reset_stays_bad(void **state)
{
	struct mem m = map(MEM_MEMFD, NULL);
	struct mem_range keep = { gpa(FIRST), PAGE };

	(void)state;
	poison(&m, FIRST, 2 * PAGE);
	assert_int_equal(mem_clear_except(&m, &keep, 1, &err), 0);
	expect_byte(&m, FIRST, -EHWPOISON, 0);
	expect_byte(&m, FIRST + PAGE, 0, 0);
	expect_byte(&m, BASE, 0, 0);
	signal(SIGBUS, SIG_DFL);
	mem_unmap(&m);
}

static void what_is_not_ram_is_refused(void **state)
{
	struct mem m = map(MEM_ANON, NULL);

	(void)state;
	assert_int_equal(hostpoison_uffd(&m, gpa(BASE + SIZE), 1, &err), -EFAULT);
	assert_int_equal(hostpoison_uffd(&m, gpa(BASE), SIZE + 1, &err), -EFAULT);
	assert_int_equal(hostpoison_uffd(&m, gpa(BASE), 0, &err), -EFAULT);
	assert_int_equal(hostpoison_real(&m, gpa(BASE + SIZE), &err), -EFAULT);
	expect_byte(&m, BASE, 0, 0xa5);
	signal(SIGBUS, SIG_DFL);
	mem_unmap(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(anonymous_memory),
		cmocka_unit_test(memfd),
		cmocka_unit_test(what_is_kept_at_a_reset_stays_bad),
		cmocka_unit_test(what_is_not_ram_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
