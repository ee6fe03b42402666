/*
 * Tap interfaces of the host's kernel as a backend, in a network namespace of the test's own. Skipped, with
 * the reason, where that cannot be had.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "net_guest.h"

#define OFFLOADS                                                                                   \
	(VIRTIO_NET_F_CSUM | VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_TSO4 |                   \
	 VIRTIO_NET_F_GUEST_TSO6 | VIRTIO_NET_F_GUEST_ECN | VIRTIO_NET_F_HOST_TSO4 |               \
	 VIRTIO_NET_F_HOST_TSO6 | VIRTIO_NET_F_HOST_ECN)

/* Why no taps can be made here, for those who ask; empty: they can. */
struct place {
	char why_not[64];
	FILE *errors; /* standard error, while a test listens; else NULL */
	int stderr_before;
};

/* The tests' state. */
static int enter_namespace(void **state)
{
	static struct place place;
	int fd;

	*state = &place;
	if (unshare(geteuid() ? CLONE_NEWUSER | CLONE_NEWNET : CLONE_NEWNET) < 0) {
		snprintf(place.why_not, sizeof(place.why_not), "no network namespace can be made");
		return 0;
	}
	fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		snprintf(place.why_not, sizeof(place.why_not), "/dev/net/tun cannot be opened");
	else
		close(fd);
	return 0;
}

static void need_taps(void **state)
{
	const struct place *place = *state;

	if (!place->why_not[0])
		return;
	print_message("skipped: %s\n", place->why_not);
	skip();
}

/* ---- the host's end ---- */

static uint32_t address_of(const char *ifname, unsigned long request)
{
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = { .ifr_flags = 0 };
	struct sockaddr_in in;
	int r;

	snprintf(ifr.ifr_name, IFNAMSIZ, "%s", ifname);
	r = ioctl(sock, request, &ifr);
	close(sock);
	memcpy(&in, &ifr.ifr_addr, sizeof(in));
	return r < 0 ? 0 : ntohl(in.sin_addr.s_addr);
}

static bool is_up(const char *ifname)
{
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = { .ifr_flags = 0 };
	int r;

	snprintf(ifr.ifr_name, IFNAMSIZ, "%s", ifname);
	r = ioctl(sock, SIOCGIFFLAGS, &ifr);
	close(sock);
	return r == 0 && ifr.ifr_flags & IFF_UP;
}

/* Sees and sends the frames of an experimental protocol on an interface. */
static int open_wire(const char *ifname)
{
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(0x88b5));
	struct sockaddr_ll ll = { .sll_family = AF_PACKET, .sll_protocol = htons(0x88b5) };

	assert_true(fd >= 0);
	ll.sll_ifindex = (int)if_nametoindex(ifname);
	assert_int_equal(bind(fd, (struct sockaddr *)&ll, sizeof(ll)), 0);
	return fd;
}

static void make_wire_frame(uint8_t frame[100], unsigned seed)
{
	make_frame(frame, 100, seed);
	memset(frame, 0xff, 6);
	memset(frame + 6, 0x02, 6);
	frame[12] = 0x88;
	frame[13] = 0xb5;
}

static size_t wait_wire(struct net_guest *n, int fd, uint8_t *found, size_t room)
{
	uint64_t end_ns = clock_now_ns() + GUEST_DEADLINE;
	ssize_t got;

	while ((got = recv(fd, found, room, MSG_DONTWAIT)) < 0) {
		if (clock_now_ns() > end_ns)
			fail_msg("the host does not see the frame");
		guest_settle(&n->g);
	}
	return (size_t)got;
}

/* ---- tests ---- */

static void go_both_ways(struct net_guest *n, const char *ifname)
{
	const uint64_t buffers = NET_BUFFERS + 0x1000; /* behind the frame that is sent */
	uint8_t frame[100], found[200];
	int wire = open_wire(ifname);

	make_wire_frame(frame, 1);
	net_send(n, TX0, NET_BUFFERS, frame, sizeof(frame));
	guest_kick(&n->g, TX0);
	assert_int_equal(wait_wire(n, wire, found, sizeof(found)), sizeof(frame));
	check_bytes("frame to the host", found, frame, sizeof(frame));
	net_wait(n, TX0);
	make_wire_frame(frame, 2);
	for (unsigned i = 0; i < 4; i++)
		net_offer(n, RX0, buffers + i * 0x1000, 2048);
	guest_kick(&n->g, RX0);
	assert_int_equal(send(wire, frame, sizeof(frame), 0), sizeof(frame));
	/* The kernel of the host may have things of its own to say first, more of them the slower we are. */
	for (bool ours = false; !ours;) {
		uint64_t at = buffers + n->g.queue[RX0].collected % 4 * 0x1000;

		net_wait(n, RX0);
		net_get(n, at, found, 112);
		ours = found[24] == 0x88 && found[25] == 0xb5;
		if (!ours) {
			net_offer(n, RX0, at, 2048);
			guest_kick(&n->g, RX0);
		}
	}
	check_bytes("frame to the guest", found + NET_HEADER_BYTES, frame, sizeof(frame));
	assert_int_equal(found[10] | found[11] << 8, 1);
	close(wire);
}

static void a_new_one_is_up_and_has_kvmtools_address(void **state)
{
	struct net_guest n;

	need_taps(state);
	net_build(&n, "mode=tap,tapif=rasvm9,vhost=0");
	assert_true(is_up("rasvm9"));
	assert_int_equal(address_of("rasvm9", SIOCGIFADDR), 0xc0a82101);
	net_tear_down(&n);
	net_build(&n, "mode=tap,vhost=0");
	assert_true(is_up(n.net.backend->name));
	assert_int_equal(address_of(n.net.backend->name, SIOCGIFADDR), 0xc0a82101);
	assert_int_equal(address_of(n.net.backend->name, SIOCGIFNETMASK), 0xffffff00);
	guest_set_up(&n.g, NET_FULL);
	go_both_ways(&n, n.net.backend->name);
	net_tear_down(&n);
	assert_int_equal(if_nametoindex("tap0"), 0);
}

static void frames_go_both_ways_with_offloads_and_without(void **state)
{
	static const uint64_t features[] = { NET_BASIC, NET_FULL, NET_FULL | OFFLOADS,
					     NET_FULL | OFFLOADS | VIRTIO_FEATURE_RING_PACKED };
	struct net_guest n;

	need_taps(state);
	net_build(&n, "mode=tap,host_ip=10.9.8.7/16,vhost=0");
	assert_int_equal(address_of(n.net.backend->name, SIOCGIFADDR), 0x0a090807);
	assert_int_equal(address_of(n.net.backend->name, SIOCGIFNETMASK), 0xffff0000);
	for (unsigned i = 0; i < ARRAY_SIZE(features); i++) {
		guest_set_up(&n.g, features[i]);
		go_both_ways(&n, n.net.backend->name);
	}
	net_tear_down(&n);
}

static void listen_to_errors(struct place *place)
{
	place->errors = tmpfile();
	assert_non_null(place->errors);
	place->stderr_before = dup(STDERR_FILENO);
	assert_true(place->stderr_before >= 0 && dup2(fileno(place->errors), STDERR_FILENO) >= 0);
}

static void stop_listening(struct place *place)
{
	if (!place->errors)
		return;
	dup2(place->stderr_before, STDERR_FILENO);
	close(place->stderr_before);
	fclose(place->errors);
	place->errors = NULL;
}

/* Also of a test that has failed meanwhile. */
static int end_of_listening(void **state)
{
	stop_listening(*state);
	return 0;
}

static void heard(struct place *place, char *said, size_t room)
{
	size_t got;

	rewind(place->errors);
	got = fread(said, 1, room - 1, place->errors);
	said[got] = '\0';
	stop_listening(place);
}

/* net_build(), and what it says on the way. */
static void build_and_listen(void **state, struct net_guest *n, const char *options, char *said,
			     size_t room)
{
	listen_to_errors(*state);
	net_build(n, options);
	heard(*state, said, room);
}

static void check_said(const char *said, const char *part)
{
	if (part ? !strstr(said, part) : *said)
		fail_msg("expected \"%s\" in \"%s\"", part ? part : "nothing", said);
}

static void an_address_that_is_taken_is_warned_of(void **state)
{
	struct net_guest first, second;
	char said[400];

	need_taps(state);
	build_and_listen(state, &first, "tapif=rasvm9,vhost=0", said, sizeof(said));
	check_said(said, NULL);
	build_and_listen(state, &second, "tapif=rasvm8,vhost=0", said, sizeof(said));
	check_said(said, "192.168.33.1, the address for rasvm8, is that of rasvm9 already");
	net_tear_down(&second);
	build_and_listen(state, &second, "tapif=rasvm8,host_ip=192.168.40.1,vhost=0", said,
			 sizeof(said));
	check_said(said, NULL);
	net_tear_down(&second);
	net_tear_down(&first);
}

/* 5.1.3.1: ECN needs TSO. A driver that does not know keeps what it may have. */
static void an_offload_that_needs_another_is_left_out(void **state)
{
	struct net_guest n;
	char said[400];

	need_taps(state);
	net_build(&n, "mode=tap,vhost=0");
	listen_to_errors(*state);
	guest_set_up(&n.g, NET_FULL | VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_ECN);
	heard(*state, said, sizeof(said));
	check_said(said, NULL);
	net_tear_down(&n);
}

static uint32_t sum16(const uint8_t *bytes, size_t n, uint32_t sum)
{
	for (size_t i = 0; i + 1 < n; i += 2)
		sum += (uint32_t)(bytes[i] << 8 | bytes[i + 1]);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* A UDP datagram from 192.168.33.2 to .1, of which the checksum is left to the device (5.1.6.2). */
static void make_datagram(uint8_t bytes[NET_HEADER_BYTES + 46])
{
	uint8_t *ip = bytes + NET_HEADER_BYTES + 14, *udp = ip + 20;
	static const uint8_t ip_head[] = { 0x45, 0, 0,   32,  0,  1, 0,   0,   64, 17,
					   0,    0, 192, 168, 33, 2, 192, 168, 33, 1 };

	memset(bytes, 0, NET_HEADER_BYTES + 46);
	bytes[0] = 1;  /* needs a checksum, */
	bytes[6] = 34; /* from here on, */
	bytes[8] = 6;  /* and there it belongs */
	memset(bytes + NET_HEADER_BYTES, 0xff, 6);
	memset(bytes + NET_HEADER_BYTES + 6, 0x02, 6);
	put16(bytes + NET_HEADER_BYTES + 12, 0x0800);
	memcpy(ip, ip_head, sizeof(ip_head));
	put16(ip + 10, ~sum16(ip, 20, 0));
	put16(udp, 1000);
	put16(udp + 2, 4242);
	put16(udp + 4, 12);
	memcpy(udp + 8, "ping", 4);
	put16(udp + 6, sum16(ip + 12, 8, 17 + 12));
}

static void a_checksum_may_be_left_to_the_host(void **state)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(4242) };
	struct net_part part = { NET_BUFFERS, NET_HEADER_BYTES + 46, false };
	uint8_t bytes[NET_HEADER_BYTES + 46], found[16];
	struct net_guest n;
	int sock;

	need_taps(state);
	net_build(&n, "mode=tap,vhost=0");
	sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(sock, (struct sockaddr *)&in, sizeof(in)), 0);
	guest_set_up(&n.g, NET_FULL | OFFLOADS);
	make_datagram(bytes);
	net_put(&n, NET_BUFFERS, bytes, sizeof(bytes));
	net_add(&n, TX0, &part, 1);
	guest_kick(&n.g, TX0);
	assert_int_equal(wait_wire(&n, sock, found, sizeof(found)), 4);
	assert_memory_equal(found, "ping", 4);
	close(sock);
	net_tear_down(&n);
}

static void several_queues_are_offered_and_used(void **state)
{
	static const uint8_t two[] = { 4, 0, 2, 0 }, none[] = { 4, 0, 0, 0 },
			     four[] = { 4, 0, 4, 0 };
	uint8_t frame[100], found[200];
	struct net_guest n;
	int wire;

	need_taps(state);
	net_build(&n, "mode=tap,queues=3,vhost=0");
	assert_int_equal(guest_read(&n.g, R_CONFIG + 8, 2), 3);
	guest_set_up(&n.g, NET_FULL | VIRTIO_NET_F_MQ);
	go_both_ways(&n, n.net.backend->name);
	wire = open_wire(n.net.backend->name);
	/* Queue 2 is the second pair's, and the control queue the last. */
	make_wire_frame(frame, 3);
	net_send(&n, 3, NET_BUFFERS, frame, sizeof(frame));
	guest_kick(&n.g, 3);
	nothing_given_back(&n, 3);
	assert_int_equal(net_command(&n, 6, none, sizeof(none)), 1);
	assert_int_equal(net_command(&n, 6, four, sizeof(four)), 1);
	assert_int_equal(net_command(&n, 6, two, sizeof(two)), 0);
	assert_int_equal(wait_wire(&n, wire, found, sizeof(found)), sizeof(frame));
	check_bytes("frame of the second pair", found, frame, sizeof(frame));
	net_wait(&n, 3);
	close(wire);
	guest_set_up(&n.g, NET_FULL);
	assert_int_equal(n.net.state.pairs, 1);
	go_both_ways(&n, n.net.backend->name);
	net_tear_down(&n);
}

static void need_ip(void)
{
	if (!system("ip -V >/dev/null 2>&1"))
		return;
	print_message("skipped: no ip command\n");
	skip();
}

static void an_interface_that_is_deleted_is_a_dead_link(void **state)
{
	struct net_guest n;
	char command[128];

	need_taps(state);
	need_ip();
	net_build(&n, "mode=tap,vhost=0");
	guest_set_up(&n.g, NET_FULL);
	net_offer(&n, RX0, NET_BUFFERS, 2048);
	guest_kick(&n.g, RX0);
	snprintf(command, sizeof(command), "ip link del %s", n.net.backend->name);
	assert_int_equal(system(command), 0);
	for (unsigned i = 0; i < 100 && guest_read(&n.g, R_CONFIG + 6, 2); i++)
		guest_settle(&n.g);
	assert_int_equal(guest_read(&n.g, R_CONFIG + 6, 2), 0);
	guest_set_up(&n.g, NET_FULL);
	net_tear_down(&n);
}

static void scripts_are_run_with_the_interfaces_name(void **state)
{
	char dir[] = "/tmp/rasvm-test-XXXXXX", path[64], options[200], line[64] = "";
	struct net_guest n;
	FILE *f;

	need_taps(state);
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/script", dir);
	f = fopen(path, "w");
	assert_non_null(f);
	fprintf(f, "#!/bin/sh\necho \"$@\" >>%s/said\n", dir);
	fclose(f);
	assert_int_equal(chmod(path, 0755), 0);
	snprintf(options, sizeof(options), "tapif=rasvm7,script=%s,downscript=%s,vhost=0", path,
		 path);
	net_build(&n, options);
	assert_true(is_up("rasvm7"));
	net_tear_down(&n);
	unlink(path);
	snprintf(path, sizeof(path), "%s/said", dir);
	f = fopen(path, "r");
	assert_non_null(f);
	for (unsigned i = 0; i < 2; i++) {
		assert_non_null(fgets(line, sizeof(line), f));
		assert_string_equal(line, "rasvm7\n");
	}
	fclose(f);
	unlink(path);
	rmdir(dir);
}

static void check_refused(const char *options, const char *part)
{
	struct virtio_net net;
	struct net_options o;
	struct err err = { "" };
	struct guest g;

	guest_build(&g);
	parse_options(&o, options);
	if (virtio_net_open(&net, &o, &g.io, &g.ram, 2, &err) >= 0)
		fail_msg("\"%s\" is taken, expected \"%s\"", options, part);
	if (!strstr(err.text, part))
		fail_msg("\"%s\": expected \"%s\" in \"%s\"", options, part, err.text);
	iothread_close(&g.io);
	close(g.irq_fd);
	mem_unmap(&g.ram);
}

/* The script is a file in the current directory, and takes the interface away. */
static void what_a_script_did_is_undone_if_the_rest_fails(void **state)
{
	char dir[] = "/tmp/rasvm-test-XXXXXX", said[64] = "", before[PATH_MAX];
	FILE *f;

	need_taps(state);
	need_ip();
	assert_non_null(getcwd(before, sizeof(before)));
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chdir(dir), 0);
	f = fopen("up", "w");
	assert_non_null(f);
	fputs("#!/bin/sh\necho up >>said\nip link del \"$1\"\n", f);
	fclose(f);
	f = fopen("down", "w");
	assert_non_null(f);
	fputs("#!/bin/sh\necho down >>said\n", f);
	fclose(f);
	assert_int_equal(chmod("up", 0755) | chmod("down", 0755), 0);
	check_refused("tapif=rasvm5,script=up,downscript=down,vhost=0", "state (up) of rasvm5");
	f = fopen("said", "r");
	assert_non_null(f);
	assert_int_equal(fread(said, 1, sizeof(said) - 1, f), 8);
	fclose(f);
	assert_string_equal(said, "up\ndown\n");
	assert_int_equal(unlink("up") | unlink("down") | unlink("said"), 0);
	assert_int_equal(chdir(before), 0);
	rmdir(dir);
}

static void what_cannot_be_used_is_named(void **state)
{
	struct net_guest n;

	need_taps(state);
	net_build(&n, "tapif=rasvm6,vhost=0");
	check_refused("tapif=rasvm6", "used by another program");
	check_refused("tapif=rasvm6,queues=2", "rasvm6");
	check_refused("tapif=rasvm5,script=/nonexistent/script", "cannot run the script");
	check_refused("tapif=rasvm5,script=/bin/false", "failed with status 1");
	net_tear_down(&n);
	check_refused("tapif=lo", "lo cannot be used");
}

/* ---- inherited ---- */

static int open_tap(const char *name, int flags)
{
	struct ifreq ifr = { .ifr_flags = (short)flags };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	snprintf(ifr.ifr_name, IFNAMSIZ, "%s", name);
	assert_int_equal(ioctl(fd, TUNSETIFF, &ifr), 0);
	return fd;
}

static void raise_link(const char *name)
{
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = { .ifr_flags = IFF_UP };

	snprintf(ifr.ifr_name, IFNAMSIZ, "%s", name);
	assert_int_equal(ioctl(sock, SIOCSIFFLAGS, &ifr), 0);
	close(sock);
}

/* It stays when its last descriptor is closed. */
static void make_lasting(const char *name, bool on)
{
	int fd = open_tap(name, IFF_TAP | IFF_NO_PI | IFF_VNET_HDR);

	assert_int_equal(ioctl(fd, TUNSETPERSIST, on), 0);
	close(fd);
}

static void an_mtu_beyond_that_of_an_existing_one_is_warned_of(void **state)
{
	struct net_guest n;
	char said[400];

	need_taps(state);
	make_lasting("rasvm2", true);
	build_and_listen(state, &n, "tapif=rasvm2,mtu=9000,vhost=0", said, sizeof(said));
	check_said(said, "told mtu=9000, but that of rasvm2 is 1500");
	net_tear_down(&n);
	build_and_listen(state, &n, "tapif=rasvm2,mtu=1500,vhost=0", said, sizeof(said));
	check_said(said, NULL);
	net_tear_down(&n);
	make_lasting("rasvm2", false);
	build_and_listen(state, &n, "tapif=rasvm2,mtu=9000,vhost=0", said, sizeof(said));
	check_said(said, NULL);
	net_tear_down(&n);
}

static void an_inherited_one_is_used_as_it_is(void **state)
{
	static const int headers[] = { IFF_VNET_HDR, 0 };
	char options[32];
	struct net_guest n;

	need_taps(state);
	for (unsigned i = 0; i < ARRAY_SIZE(headers); i++) {
		int fd = open_tap("rasvm4", IFF_TAP | IFF_NO_PI | headers[i]);

		raise_link("rasvm4");
		snprintf(options, sizeof(options), "fd=%d,vhost=0", fd);
		net_build(&n, options);
		assert_int_equal(!!(n.net.virtio.features & VIRTIO_NET_F_CSUM), !!headers[i]);
		guest_set_up(&n.g, NET_FULL);
		go_both_ways(&n, "rasvm4");
		net_tear_down(&n);
	}
}

static void an_inherited_tun_is_refused(void **state)
{
	char options[32];
	int fd;

	need_taps(state);
	fd = open_tap("rasvm3", IFF_TUN | IFF_NO_PI);
	snprintf(options, sizeof(options), "fd=%d", fd);
	check_refused(options, "is a tun");
	close(fd);
}

/* ---- vhost ---- */

static void the_kernel_can_serve_the_queues(void **state)
{
	struct net_guest n;

	need_taps(state);
	if (access("/dev/vhost-net", R_OK | W_OK)) {
		print_message("skipped: /dev/vhost-net cannot be opened\n");
		skip();
	}
	net_build(&n, "mode=tap,vhost=1");
	assert_non_null(n.net.vhost);
	for (unsigned i = 0; i < 3; i++) {
		guest_set_up(&n.g, NET_FULL | OFFLOADS);
		assert_true(n.net.vhost_runs);
		go_both_ways(&n, n.net.backend->name);
		virtio_quiesce(&n.net.virtio);
		virtio_resume(&n.net.virtio);
	}
	net_tear_down(&n);
}

static void without_vhost_frames_go_through_rasvm(void **state)
{
	struct net_guest n;

	need_taps(state);
	if (access("/dev/vhost-net", F_OK) == 0) {
		print_message("skipped: /dev/vhost-net is there\n");
		skip();
	}
	net_build(&n, "mode=tap,vhost=1");
	assert_null(n.net.vhost);
	guest_set_up(&n.g, NET_FULL);
	go_both_ways(&n, n.net.backend->name);
	net_tear_down(&n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_one_is_up_and_has_kvmtools_address),
		cmocka_unit_test_teardown(an_address_that_is_taken_is_warned_of, end_of_listening),
		cmocka_unit_test(frames_go_both_ways_with_offloads_and_without),
		cmocka_unit_test_teardown(an_offload_that_needs_another_is_left_out,
					  end_of_listening),
		cmocka_unit_test(a_checksum_may_be_left_to_the_host),
		cmocka_unit_test(several_queues_are_offered_and_used),
		cmocka_unit_test(an_interface_that_is_deleted_is_a_dead_link),
		cmocka_unit_test(scripts_are_run_with_the_interfaces_name),
		cmocka_unit_test(what_a_script_did_is_undone_if_the_rest_fails),
		cmocka_unit_test(what_cannot_be_used_is_named),
		cmocka_unit_test_teardown(an_mtu_beyond_that_of_an_existing_one_is_warned_of,
					  end_of_listening),
		cmocka_unit_test(an_inherited_one_is_used_as_it_is),
		cmocka_unit_test(an_inherited_tun_is_refused),
		cmocka_unit_test(the_kernel_can_serve_the_queues),
		cmocka_unit_test(without_vhost_frames_go_through_rasvm),
	};

	return cmocka_run_group_tests(tests, enter_namespace, NULL);
}
