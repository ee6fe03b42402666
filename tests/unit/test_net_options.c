/* The text of -n: what it sets, what is said about what is wrong, and addresses that nobody chose. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/types.h"
#include "virtio/net_options.h"

static struct net_options parse(const char *text)
{
	struct net_options o;
	struct err err = { "" };

	if (net_options_parse(&o, text, &err))
		fail_msg("\"%s\" %s", text, err.text);
	return o;
}

static void check_text(const char *name, const char *found, const char *expected)
{
	if (strcmp(found, expected) != 0)
		fail_msg("%s: expected \"%s\", found \"%s\"", name, expected, found);
}

static void the_least_is_a_new_tap(void **state)
{
	struct net_options o = parse("mode=tap");

	(void)state;
	assert_int_equal(o.mode, NET_MODE_TAP);
	check_text("tapif", o.tapif, "");
	assert_int_equal(o.queues, 1);
	assert_int_equal(o.nfds, 0);
	assert_int_equal(o.mtu, 0);
	assert_int_equal(o.vhost, NET_VHOST_AUTO);
	assert_false(o.mac_given);
	assert_int_equal(o.host_ip, 0);
	assert_int_equal(o.host_bits, 24);
}

static void all_of_kvmtools_parts_are_taken(void **state)
{
	static const uint8_t guest[] = { 0x02, 0x15, 0x15, 0x15, 0x15, 0x15 };
	static const uint8_t host[] = { 0x02, 0x01, 0x01, 0x01, 0x01, 0xfe };
	struct net_options o =
		parse("trans=virtio,mode=tap,tapif=tap0,guest_mac=02:15:15:15:15:15,"
		      "host_mac=02:01:01:01:01:FE,host_ip=192.168.33.1,script=/a b/up,"
		      "downscript=down,vhost=1,mq=4");

	(void)state;
	check_text("tapif", o.tapif, "tap0");
	check_text("script", o.script, "/a b/up");
	check_text("downscript", o.downscript, "down");
	assert_int_equal(o.vhost, NET_VHOST_ON);
	assert_int_equal(o.queues, 4);
	assert_true(o.mac_given && o.host_mac_given);
	assert_memory_equal(o.mac, guest, sizeof(guest));
	assert_memory_equal(o.host_mac, host, sizeof(host));
	assert_int_equal(o.host_ip, 0xc0a82101);
}

static void none_is_no_interface(void **state)
{
	(void)state;
	assert_int_equal(parse("none").mode, NET_MODE_NONE);
	assert_int_equal(parse("mode=none").mode, NET_MODE_NONE);
}

static void user_is_passt(void **state)
{
	struct net_options o = parse("mode=user,tcp=2222:22\\,8080,udp=53,guest_ip=10.0.2.15,"
				     "host_ip=10.0.2.2,mtu=65520");

	(void)state;
	assert_int_equal(o.mode, NET_MODE_USER);
	check_text("tcp", o.tcp, "2222:22,8080");
	check_text("udp", o.udp, "53");
	assert_int_equal(o.guest_ip, 0x0a00020f);
	assert_int_equal(o.host_ip, 0x0a000202);
	assert_int_equal(o.mtu, 65520);
}

static void a_socket_means_user(void **state)
{
	struct net_options o = parse("socket=/run/passt 1.socket");

	(void)state;
	assert_int_equal(o.mode, NET_MODE_USER);
	check_text("socket", o.socket, "/run/passt 1.socket");
}

static void descriptors_are_one_a_pair(void **state)
{
	struct net_options o = parse("fd=3:7:5,mac=02:00:00:00:00:01");

	(void)state;
	assert_int_equal(o.nfds, 3);
	assert_int_equal(o.fd[0], 3);
	assert_int_equal(o.fd[1], 7);
	assert_int_equal(o.fd[2], 5);
	assert_int_equal(o.queues, 3);
	assert_int_equal(parse("mode=tap,fd=4,queues=1").nfds, 1);
}

static void a_host_address_may_have_a_prefix(void **state)
{
	struct net_options o = parse("host_ip=10.1.2.3/16");

	(void)state;
	assert_int_equal(o.host_ip, 0x0a010203);
	assert_int_equal(o.host_bits, 16);
}

static void a_script_of_none_is_none(void **state)
{
	(void)state;
	check_text("script", parse("script=none,downscript=none").script, "");
}

struct wrong {
	const char *text, *part;
};

static void what_is_wrong_is_named(void **state)
{
	static const struct wrong wrong[] = {
		{ "", "unknown part" },
		{ "tap", "unknown part \"tap\"" },
		{ "mode=bridge", "use tap, user or none" },
		{ "none,mtu=1500", "unknown part \"none\"" },
		{ "mode=none,mtu=1500", "mtu= for no interface" },
		{ "mac=02:00:00:00:00", "six bytes" },
		{ "mac=02:00:00:00:00:00:00", "six bytes" },
		{ "mac=02-00-00-00-00-00", "six bytes" },
		{ "mac=02:00:00:00:00:0g", "six bytes" },
		{ "mac=02:00:00:00:00:0\x11", "six bytes" },
		{ "mac=2:0:0:0:0:0", "six bytes" },
		{ "mac=", "six bytes" },
		{ "mac=01:00:00:00:00:01", "group address" },
		{ "mac=00:00:00:00:00:00", "no address" },
		{ "mac=02:00:00:00:00:01,guest_mac=02:00:00:00:00:01", "the same, write one" },
		{ "mq=2,queues=2", "the same, write one" },
		{ "queues=0", "1 to 8" },
		{ "queues=9", "1 to 8" },
		{ "mtu=67", "68 to 65535" },
		{ "mtu=65536", "68 to 65535" },
		{ "mode=user,mtu=65521", "at most 65520" },
		{ "host_ip=1.2.3", "write an IPv4 address" },
		{ "host_ip=0.0.0.0", "write an IPv4 address" },
		{ "host_ip=1.2.3.4/0", "1 to 32" },
		{ "host_ip=1.2.3.4/33", "1 to 32" },
		{ "host_ip=1.2.3.4/", "1 to 32" },
		{ "host_ip=11111111111111111111111", "write an IPv4 address" },
		{ "guest_ip=fe80::1", "write an IPv4 address" },
		{ "vhost=2", "0 to 1" },
		{ "fd=", "0 to 2147483647" },
		{ "fd=-1", "0 to 2147483647" },
		{ "fd=3:", "0 to 2147483647" },
		{ "fd=3:3", "descriptor 3 twice" },
		{ "fd=1:2:3:4:5:6:7:8:9", "at most 8" },
		{ "fd=3,queues=2", "2 pairs of queues and has 1 descriptors" },
		{ "fd=3,tapif=tap0", "fd= and tapif=" },
		{ "fd=3,host_ip=1.2.3.4", "fd= and host_ip=" },
		{ "fd=3,socket=/x", "fd= and socket=" },
		{ "tapif=averyverylonginterface", "at most 15" },
		{ "tapif=a/b", "no name of an interface" },
		{ "tapif=tap%d", "no name of an interface" },
		{ "tapif=", "nothing after tapif=" },
		{ "mode=user,tapif=tap0", "tapif=, which belongs to mode=tap" },
		{ "mode=user,script=x", "script=, which belongs to mode=tap" },
		{ "mode=user,vhost=1", "a tap only" },
		{ "mode=user,queues=2", "passt serves one" },
		{ "mode=tap,socket=/x", "socket=, which belongs to mode=user" },
		{ "tcp=22", "tcp=, which belongs to mode=user" },
		{ "socket=/x,tcp=22", "socket= and tcp=" },
		{ "trans=e1000", "use virtio" },
		{ "mtu=1500,mtu=1500", "mtu= twice" },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct net_options o = { .queues = 99 };
		struct err err = { "" };

		if (net_options_parse(&o, wrong[i].text, &err) >= 0)
			fail_msg("\"%s\" is taken", wrong[i].text);
		if (!strstr(err.text, wrong[i].part))
			fail_msg("\"%s\": expected \"%s\" in \"%s\"", wrong[i].text, wrong[i].part,
				 err.text);
		assert_int_equal(o.queues, 99);
	}
}

static void what_is_printed_reads_the_same(void **state)
{
	static const char *const texts[] = {
		"mode=none",
		"mode=tap",
		"mode=tap,tapif=tap0,mac=02:00:00:00:00:01,host_mac=02:00:00:00:00:02,"
		"host_ip=10.0.0.1/8,script=a\\,b,downscript=c,vhost=0,queues=3,mtu=1400",
		"mode=tap,vhost=1,fd=3:4,queues=2",
		"mode=user,guest_ip=10.0.2.15,tcp=22\\,80,udp=5",
		"mode=user,socket=/a b",
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(texts); i++) {
		struct net_options o = parse(texts[i]);
		char *found = NULL;
		size_t n;
		FILE *out = open_memstream(&found, &n);

		assert_non_null(out);
		net_options_print(&o, out);
		fclose(out);
		check_text("printed", found, texts[i]);
		free(found);
	}
}

/* ---- addresses that nobody chose ---- */

static void default_addresses_are_ours_and_differ(void **state)
{
	static const char *const names[] = { "a", "b", "ab", "ba", "guest1", "guest2" };
	uint8_t mac[ARRAY_SIZE(names) * 8][NET_MAC_BYTES];
	unsigned n = 0;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
		for (unsigned index = 0; index < 8; index++)
			net_default_mac(net_seed(0, names[i], strlen(names[i])), index, mac[n++]);
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(mac[i][0], 0x02);
		for (unsigned k = 0; k < i; k++)
			if (memcmp(mac[i], mac[k], NET_MAC_BYTES) == 0)
				fail_msg("addresses %u and %u are the same", k, i);
	}
}

static void a_default_address_stays(void **state)
{
	uint8_t mac[2][NET_MAC_BYTES];

	(void)state;
	for (unsigned i = 0; i < 2; i++)
		net_default_mac(net_seed(7, "guest", 5), 1, mac[i]);
	assert_memory_equal(mac[0], mac[1], NET_MAC_BYTES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_least_is_a_new_tap),
		cmocka_unit_test(all_of_kvmtools_parts_are_taken),
		cmocka_unit_test(none_is_no_interface),
		cmocka_unit_test(user_is_passt),
		cmocka_unit_test(a_socket_means_user),
		cmocka_unit_test(descriptors_are_one_a_pair),
		cmocka_unit_test(a_host_address_may_have_a_prefix),
		cmocka_unit_test(a_script_of_none_is_none),
		cmocka_unit_test(what_is_wrong_is_named),
		cmocka_unit_test(what_is_printed_reads_the_same),
		cmocka_unit_test(default_addresses_are_ours_and_differ),
		cmocka_unit_test(a_default_address_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
