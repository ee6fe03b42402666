/* The archive that Linux unpacks, judged by cpio(1). */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
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

#include "lib/cpio.h"

static char dir[] = "/tmp/rasvm-cpio.XXXXXX";

static int make_dir(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/rasvm-cpio.XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

/* Unpack archive.cpio in the directory, below out/. */
static int unpack(void)
{
	char command[256];

	snprintf(command, sizeof(command),
		 "cd %s && mkdir out && cd out && cpio -idm --quiet <../archive.cpio", dir);
	return system(command);
}

static int open_archive(void)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/archive.cpio", dir);
	return open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
}

static struct stat look(const char *name)
{
	char path[128];
	struct stat st;

	snprintf(path, sizeof(path), "%s/out/%s", dir, name);
	if (lstat(path, &st) < 0)
		fail_msg("%s: expected in the archive, found: %s", name, strerror(errno));
	return st;
}

static void cpio_unpacks_what_was_written(void **state)
{
	/* Lengths of every remainder of 4. */
	static const char *const names[] = { "f", "fi", "fil", "file", "dir/x" };
	struct err err = { "" };
	struct cpio c;
	int fd = open_archive();

	(void)state;
	cpio_begin(&c, fd);
	cpio_dir(&c, "dir", 0750);
	for (unsigned i = 0; i < 5; i++)
		cpio_file(&c, names[i], i ? 0644 : 0755, "contents", i);
	cpio_symlink(&c, "link", "dir/x");
	assert_int_equal(cpio_end(&c, &err), 0);
	close(fd);
	assert_int_equal(c.bytes % 4, 0);
	assert_int_equal(unpack(), 0);
	assert_int_equal(look("dir").st_mode, S_IFDIR | 0750);
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(look(names[i]).st_size, i);
		assert_int_equal(look(names[i]).st_mode, S_IFREG | (i ? 0644 : 0755));
	}
	assert_int_equal(look("link").st_mode & S_IFMT, S_IFLNK);
	assert_int_equal(look("link").st_size, 5);
}

static void a_device_is_listed_with_its_numbers(void **state)
{
	char command[256], line[256] = "";
	struct err err = { "" };
	struct cpio c;
	int fd = open_archive();
	FILE *list;

	(void)state;
	cpio_begin(&c, fd);
	cpio_char_device(&c, "console", 0600, 5, 1);
	assert_int_equal(cpio_end(&c, &err), 0);
	close(fd);
	snprintf(command, sizeof(command), "cpio -itv --quiet <%s/archive.cpio", dir);
	list = popen(command, "r");
	assert_non_null(list);
	assert_non_null(fgets(line, sizeof(line), list));
	pclose(list);
	if (strncmp(line, "crw-------", 10) != 0 || !strstr(line, "5,   1"))
		fail_msg("expected crw------- and 5, 1, found %s", line);
}

static void the_same_input_makes_the_same_archive(void **state)
{
	uint8_t bytes[2][1024];
	ssize_t n[2];

	(void)state;
	for (int i = 0; i < 2; i++) {
		int fd = memfd_create("cpio", MFD_CLOEXEC);
		struct err err = { "" };
		struct cpio c;

		cpio_begin(&c, fd);
		cpio_file(&c, "init", 0755, "abc", 3);
		assert_int_equal(cpio_end(&c, &err), 0);
		n[i] = pread(fd, bytes[i], sizeof(bytes[i]), 0);
		close(fd);
	}
	assert_int_equal(n[0], n[1]);
	assert_memory_equal(bytes[0], bytes[1], (size_t)n[0]);
}

static void what_does_not_fit_is_an_error_at_the_end(void **state)
{
	static char name[5000];
	struct err err = { "" };
	struct cpio c;
	int fd = memfd_create("cpio", MFD_CLOEXEC);

	(void)state;
	memset(name, 'x', sizeof(name) - 1);
	cpio_begin(&c, fd);
	cpio_file(&c, name, 0644, "", 0);
	cpio_file(&c, "after", 0644, "", 0);
	assert_int_equal(cpio_end(&c, &err), -EFBIG);
	assert_string_not_equal(err.text, "");
	close(fd);
}

static void an_error_of_writing_is_told_at_the_end(void **state)
{
	struct err err = { "" };
	struct cpio c;
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

	(void)state;
	cpio_begin(&c, fd);
	cpio_dir(&c, "dir", 0755);
	assert_int_equal(cpio_end(&c, &err), -ENOSPC);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(cpio_unpacks_what_was_written, make_dir,
						remove_dir),
		cmocka_unit_test_setup_teardown(a_device_is_listed_with_its_numbers, make_dir,
						remove_dir),
		cmocka_unit_test(the_same_input_makes_the_same_archive),
		cmocka_unit_test(what_does_not_fit_is_an_error_at_the_end),
		cmocka_unit_test(an_error_of_writing_is_told_at_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
