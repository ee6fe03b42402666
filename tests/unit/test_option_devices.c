/* The options that add devices: kvmtool's forms, what is remembered, a directory as root. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/option_devices.h"

static struct run_options options;
static struct err err;

static int setup(void **state)
{
	(void)state;
	options_init(&options);
	err.text[0] = '\0';
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	options_free(&options);
	return 0;
}

static void accept(const char *name, const char *value)
{
	const char *argv[] = { name, value };

	if (options_parse(&options, value ? 2 : 1, argv, &err) != 0)
		fail_msg("%s %s: expected to be accepted, found: %s", name, value, err.text);
}

static void refuse(const char *name, const char *value, const char *part)
{
	const char *argv[] = { name, value };

	if (options_parse(&options, 2, argv, &err) == 0)
		fail_msg("%s %s: expected an error with \"%s\", found it accepted", name, value,
			 part);
	if (!strstr(err.text, part))
		fail_msg("%s %s: expected \"%s\", found: %s", name, value, part, err.text);
}

static void disks_are_kept_in_order(void **state)
{
	(void)state;
	accept("-d", "a b.img,ro");
	accept("--disk", "/dev/sdb,direct,queues=4");
	assert_int_equal(options.config.ndisks, 2);
	assert_string_equal(options.config.disk[0].path, "a b.img");
	assert_true(options.config.disk[0].ro);
	assert_string_equal(options.config.disk[1].path, "/dev/sdb");
	assert_true(options.config.disk[1].direct);
	assert_int_equal(options.config.disk[1].queues, 4);
}

static void any_number_of_interfaces(void **state)
{
	(void)state;
	accept("-n", "mode=tap,tapif=tap7");
	accept("--network", "mode=user,mac=02:00:00:00:00:01");
	assert_int_equal(options.config.nnics, 2);
	assert_int_equal(options.config.nic[0].mode, NET_MODE_TAP);
	assert_string_equal(options.config.nic[0].tapif, "tap7");
	assert_int_equal(options.config.nic[1].mode, NET_MODE_USER);
	assert_int_equal(options.config.nic[1].mac[5], 1);
}

static void none_takes_back_the_interfaces_before_it(void **state)
{
	(void)state;
	accept("-n", "mode=user");
	accept("-n", "none");
	assert_int_equal(options.config.nnics, 0);
	accept("-n", "mode=none");
	accept("-n", "mode=user");
	assert_int_equal(options.config.nnics, 1);
}

static void two_interfaces_cannot_have_one_descriptor(void **state)
{
	(void)state;
	accept("-n", "fd=7:8");
	accept("-n", "fd=9");
	refuse("-n", "fd=10:8", "has fd=8, as network interface 1 has");
	assert_int_equal(options.config.nnics, 2);
}

static void two_shares_cannot_have_one_tag(void **state)
{
	(void)state;
	accept("--9p", "/a,one");
	accept("--9p", "/b,two,ro");
	refuse("--9p", "/c,one", "has the tag of another one: \"one\"");
	assert_int_equal(options.config.nshares, 2);
}

static void one_device_too_many_is_refused(void **state)
{
	(void)state;
	for (unsigned i = 0; i < CONFIG_MAX_DISKS; i++)
		accept("-d", "disk");
	refuse("-d", "disk", "is one too many: a guest has at most 16 disks");
	for (unsigned i = 0; i < CONFIG_MAX_NICS; i++)
		accept("-n", "mode=user");
	refuse("-n", "mode=user", "at most 16 network interfaces");
}

static void force_pci_is_the_pci_transport(void **state)
{
	(void)state;
	assert_int_equal(options.config.transport, CONFIG_VIRTIO_MMIO);
	accept("--force-pci", NULL);
	assert_int_equal(options.config.transport, CONFIG_VIRTIO_PCI);
	accept("--virtio-transport", "mmio");
	assert_int_equal(options.config.transport, CONFIG_VIRTIO_MMIO);
	refuse("--virtio-transport", "mmio-legacy", "mmio");
}

static void a_directory_as_disk_is_the_root_file_system(void **state)
{
	(void)state;
	accept("-d", "one.img");
	accept("-d", "a directory,ro");
	accept("-d", "three.img");
	assert_int_equal(device_disk_is_directory(&options, 1, &err), 0);
	assert_int_equal(options.config.ndisks, 2);
	assert_string_equal(options.config.disk[1].path, "three.img");
	assert_int_equal(options.config.nshares, 1);
	assert_string_equal(options.config.share[0].dir, "a directory");
	assert_string_equal(options.config.share[0].tag, "/dev/root");
	assert_true(options.config.share[0].ro);
	assert_int_equal(device_add_root_params(&options, &err), 0);
	assert_non_null(strstr(options.config.params, "root=/dev/root rw rootfstype=9p"));
	assert_int_equal(device_disk_is_directory(&options, 0, &err), -EEXIST);
}

static void the_first_disk_is_root_unless_something_else_is_said(void **state)
{
	(void)state;
	assert_int_equal(device_add_root_params(&options, &err), 0);
	assert_null(options.config.params);
	accept("-d", "disk.img");
	options.config.initrd = "initrd";
	assert_int_equal(device_add_root_params(&options, &err), 0);
	assert_null(options.config.params);
	options.config.initrd = NULL;
	assert_int_equal(device_add_root_params(&options, &err), 0);
	assert_string_equal(options.config.params, "root=/dev/vda rw");
	assert_int_equal(device_add_root_params(&options, &err), 0);
	assert_string_equal(options.config.params, "root=/dev/vda rw");
}

static void a_word_that_ends_in_root_is_not_root(void **state)
{
	(void)state;
	accept("-d", "disk.img");
	accept("-p", "nfsroot=/srv quiet");
	assert_int_equal(device_add_root_params(&options, &err), 0);
	assert_string_equal(options.config.params, "nfsroot=/srv quiet root=/dev/vda rw");
}

static void devices_are_printed_as_they_are_read(void **state)
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);

	(void)state;
	accept("-d", "x.img,ro,queues=2");
	accept("--9p", "/a\\,b,tag,ids=mapped");
	accept("--rng", NULL);
	assert_true(device_print_disk(&options, NULL, 0, f));
	fputc('|', f);
	assert_false(device_print_disk(&options, NULL, 1, f));
	assert_true(device_print_share(&options, NULL, 0, f));
	assert_false(device_print_network(&options, NULL, 0, f));
	fclose(f);
	assert_string_equal(text, "x.img,ro,queues=2|/a\\,b,tag,ids=mapped");
	free(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(disks_are_kept_in_order),
		TEST(any_number_of_interfaces),
		TEST(none_takes_back_the_interfaces_before_it),
		TEST(two_interfaces_cannot_have_one_descriptor),
		TEST(two_shares_cannot_have_one_tag),
		TEST(one_device_too_many_is_refused),
		TEST(force_pci_is_the_pci_transport),
		TEST(a_directory_as_disk_is_the_root_file_system),
		TEST(the_first_disk_is_root_unless_something_else_is_said),
		TEST(a_word_that_ends_in_root_is_not_root),
		TEST(devices_are_printed_as_they_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
