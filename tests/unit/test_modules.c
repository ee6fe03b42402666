/* Which modules are loaded, and in which order, from trees like those of kernel packages. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/modules.h"
#include "lib/types.h"

static char top[] = "/tmp/rasvm-modules.XXXXXX";

static int make_top(void **state)
{
	(void)state;
	strcpy(top, "/tmp/rasvm-modules.XXXXXX");
	return mkdtemp(top) ? 0 : -1;
}

static int remove_top(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", top);
	return system(command);
}

/* A file below `top`, with the directories on the way. */
static void put(const char *path, const char *text)
{
	char full[512];
	FILE *f;

	snprintf(full, sizeof(full), "%s/%s", top, path);
	for (char *at = full + strlen(top) + 1; (at = strchr(at, '/')); at++) {
		*at = '\0';
		mkdir(full, 0755);
		*at = '/';
	}
	f = fopen(full, "we");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static const char *below(const char *path)
{
	static char full[512];

	snprintf(full, sizeof(full), "%s/%s", top, path);
	return full;
}

/* All that is to be loaded, in one string. */
static const char *loaded(const struct modules *m)
{
	static char text[1024];

	text[0] = '\0';
	for (unsigned i = 0; i < m->n; i++) {
		strcat(text, m->path[i]);
		strcat(text, " ");
	}
	return text;
}

static void expect_open(struct modules *m, const char *dir)
{
	struct err err = { "" };
	int r = modules_open(m, dir, &err);

	if (r)
		fail_msg("%s: expected 0, found %d: %s", dir, r, err.text);
}

static void expect_add(struct modules *m, const char *name, int expected)
{
	struct err err = { "" };
	int r = modules_add(m, name, &err);

	if (r != expected)
		fail_msg("%s: expected %d, found %d: %s", name, expected, r, err.text);
	if (expected && !err.text[0])
		fail_msg("%s: expected a reason, found none", name);
}

static void put_indexed(const char *dir)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/modules.dep", dir);
	put(path, "fs/netfs.ko.xz:\n"
		  "fs/9p/9p.ko.xz: net/9pnet.ko.xz fs/netfs.ko.xz\n"
		  "net/9pnet.ko.xz:\n"
		  "net/9pnet_virtio.ko.xz: net/9pnet.ko.xz\n"
		  "drivers/virtio-rng.ko.xz:\n");
	snprintf(path, sizeof(path), "%s/modules.builtin", dir);
	put(path, "kernel/drivers/virtio/virtio.ko\nkernel/drivers/char/virtio_console.ko\n");
	for (const char *const *name =
		     (const char *const[]){ "fs/netfs.ko.xz", "fs/9p/9p.ko.xz", "net/9pnet.ko.xz",
					    "net/9pnet_virtio.ko.xz", "drivers/virtio-rng.ko.xz",
					    NULL };
	     *name; name++) {
		snprintf(path, sizeof(path), "%s/%s", dir, *name);
		put(path, "x");
	}
}

static void what_a_module_needs_comes_before_it_and_once(void **state)
{
	struct modules m;

	(void)state;
	put_indexed("v");
	expect_open(&m, below("v"));
	expect_add(&m, "virtio_console", 0);
	expect_add(&m, "9pnet_virtio", 0);
	expect_add(&m, "9p", 0);
	expect_add(&m, "9p", 0);
	assert_string_equal(loaded(&m), "net/9pnet.ko.xz net/9pnet_virtio.ko.xz fs/netfs.ko.xz "
					"fs/9p/9p.ko.xz ");
	modules_close(&m);
}

static void dash_and_underscore_are_the_same(void **state)
{
	struct modules m;

	(void)state;
	put_indexed("v");
	expect_open(&m, below("v"));
	expect_add(&m, "virtio_rng", 0);
	assert_string_equal(loaded(&m), "drivers/virtio-rng.ko.xz ");
	modules_close(&m);
}

static void a_name_is_not_part_of_another(void **state)
{
	struct modules m;

	(void)state;
	put_indexed("v");
	expect_open(&m, below("v"));
	expect_add(&m, "9pne", -ENOENT);
	expect_add(&m, "pnet", -ENOENT);
	expect_add(&m, "rng", -ENOENT);
	assert_int_equal(m.n, 0);
	modules_close(&m);
}

static void without_modules_dep_the_order_is_known(void **state)
{
	struct modules m;

	(void)state;
	put("p/usr/lib/modules/6.1/modules.order",
	    "kernel/fs/9p/9p.ko\nkernel/net/9p/9pnet.ko\nkernel/net/9p/9pnet_virtio.ko\n"
	    "kernel/fs/netfs/netfs.ko\nkernel/drivers/virtio/virtio_mmio.ko\n");
	put("p/usr/lib/modules/6.1/modules.builtin", "kernel/drivers/virtio/virtio.ko\n");
	put("p/usr/lib/modules/6.1/kernel/fs/9p/9p.ko.zst", "x");
	put("p/usr/lib/modules/6.1/kernel/net/9p/9pnet.ko", "x");
	put("p/usr/lib/modules/6.1/kernel/net/9p/9pnet_virtio.ko.gz", "x");
	put("p/usr/lib/modules/6.1/kernel/fs/netfs/netfs.ko", "x");
	put("p/usr/lib/modules/6.1/kernel/drivers/virtio/virtio_mmio.ko", "x");
	expect_open(&m, below("p"));
	expect_add(&m, "virtio_mmio", 0);
	expect_add(&m, "9pnet_virtio", 0);
	expect_add(&m, "9p", 0);
	assert_string_equal(loaded(&m),
			    "kernel/drivers/virtio/virtio_mmio.ko kernel/fs/netfs/netfs.ko "
			    "kernel/net/9p/9pnet.ko kernel/net/9p/9pnet_virtio.ko.gz "
			    "kernel/fs/9p/9p.ko.zst ");
	modules_close(&m);
}

/* Linux 5.13 to 6.7: fs/fscache/Kconfig selects NETFS_SUPPORT. */
static void fscache_comes_between_netfs_and_9p(void **state)
{
	static const char *const files[] = { "fs/9p/9p.ko", "net/9p/9pnet.ko",
					     "fs/fscache/fscache.ko", "fs/netfs/netfs.ko" };
	struct modules m;
	char path[96];

	(void)state;
	put("f/usr/lib/modules/6.1/modules.order",
	    "kernel/fs/fscache/fscache.ko\nkernel/fs/netfs/netfs.ko\nkernel/fs/9p/9p.ko\n"
	    "kernel/net/9p/9pnet.ko\n");
	put("f/usr/lib/modules/6.1/modules.builtin", "");
	for (unsigned i = 0; i < ARRAY_SIZE(files); i++) {
		snprintf(path, sizeof(path), "f/usr/lib/modules/6.1/kernel/%s", files[i]);
		put(path, "x");
	}
	expect_open(&m, below("f"));
	expect_add(&m, "9p", 0);
	assert_string_equal(loaded(&m), "kernel/fs/netfs/netfs.ko kernel/fs/fscache/fscache.ko "
					"kernel/net/9p/9pnet.ko kernel/fs/9p/9p.ko ");
	modules_close(&m);
}

static void what_a_network_interface_needs_is_known(void **state)
{
	struct modules m;

	(void)state;
	put("n/modules.order", "virtio_net.ko\nnet_failover.ko\nfailover.ko\n");
	put("n/virtio_net.ko", "x");
	put("n/net_failover.ko", "x");
	put("n/failover.ko", "x");
	expect_open(&m, below("n"));
	expect_add(&m, "virtio_net", 0);
	assert_string_equal(loaded(&m), "failover.ko net_failover.ko virtio_net.ko ");
	modules_close(&m);
}

static void a_file_that_is_only_listed_is_an_error(void **state)
{
	struct modules m;

	(void)state;
	put("v/modules.dep", "a.ko: b.ko\nb.ko:\n");
	put("v/a.ko", "x");
	expect_open(&m, below("v"));
	expect_add(&m, "a", -ENOENT);
	modules_close(&m);
}

static void expect_refused(const char *dir, int expected, const char *word)
{
	struct err err = { "" };
	struct modules m;
	int r = modules_open(&m, dir, &err);

	if (r != expected || !strstr(err.text, word))
		fail_msg("%s: expected %d and \"%s\", found %d: %s", dir, expected, word, r,
			 err.text);
	modules_close(&m);
}

static void directories_that_will_not_do_are_refused(void **state)
{
	(void)state;
	put("two/lib/modules/6.1/modules.dep", "");
	put("two/lib/modules/6.2/modules.dep", "");
	put("none/lib/x", "");
	expect_refused(below("two"), -EINVAL, "several kernels");
	expect_refused(below("none"), -ENOENT, "no kernel modules");
	expect_refused(below("nowhere"), -ENOTDIR, "No such file");
	expect_refused(below("none/lib/x"), -ENOTDIR, "not a directory");
}

static void odd_index_files_do_no_harm(void **state)
{
	static const char *const texts[] = { "",      "\n\n\n", ":",          "a.ko",
					     "a.ko:", "a.ko: ", ": a.ko",     "a.ko:    b.ko  ",
					     "/:/",   ".ko:",   "a.ko:b.ko\n" };

	(void)state;
	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct err err = { "" };
		struct modules m;

		put("v/modules.dep", texts[i]);
		put("v/a.ko", "x");
		expect_open(&m, below("v"));
		if (modules_add(&m, "a", &err) == 0)
			assert_int_equal(m.n, 1);
		modules_close(&m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_a_module_needs_comes_before_it_and_once,
						make_top, remove_top),
		cmocka_unit_test_setup_teardown(dash_and_underscore_are_the_same, make_top,
						remove_top),
		cmocka_unit_test_setup_teardown(a_name_is_not_part_of_another, make_top,
						remove_top),
		cmocka_unit_test_setup_teardown(what_a_network_interface_needs_is_known, make_top,
						remove_top),
		cmocka_unit_test_setup_teardown(without_modules_dep_the_order_is_known, make_top,
						remove_top),
		cmocka_unit_test_setup_teardown(fscache_comes_between_netfs_and_9p, make_top,
						remove_top),
		cmocka_unit_test_setup_teardown(a_file_that_is_only_listed_is_an_error, make_top,
						remove_top),
		cmocka_unit_test_setup_teardown(directories_that_will_not_do_are_refused, make_top,
						remove_top),
		cmocka_unit_test_setup_teardown(odd_index_files_do_no_harm, make_top, remove_top),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
