/*
 * The network device, driven through its registers and queues, in front of socket pairs: bare frames over
 * datagrams, and the framing of passt over a stream.
 */
#include <endian.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "lib/guard.h"
#include "lib/state.h"
#include "net_guest.h"

#include <signal.h>

struct lab {
	struct net_guest n;
	int peer; /* the test's end */
};

/* With `type` SOCK_DGRAM, SOCK_SEQPACKET or SOCK_STREAM, and further options. */
static void plug(struct lab *l, int type, const char *more)
{
	char options[128];
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, type, 0, pair), 0);
	snprintf(options, sizeof(options), "fd=%d%s", pair[0], more);
	net_build(&l->n, options);
	l->peer = pair[1];
}

static void begin(struct lab *l, int type, uint64_t features)
{
	plug(l, type, "");
	guest_set_up(&l->n.g, features);
}

static void end(struct lab *l)
{
	net_tear_down(&l->n);
	close(l->peer);
}

static void peer_sends(struct lab *l, const uint8_t *frame, size_t bytes)
{
	assert_int_equal(send(l->peer, frame, bytes, MSG_NOSIGNAL), (ssize_t)bytes);
}

/* The next `bytes` bytes, or frame, that come from the guest. */
static void peer_gets(struct lab *l, const uint8_t *expected, size_t bytes)
{
	static uint8_t found[NET_FRAME_BYTES + 64];
	uint64_t end_ns = clock_now_ns() + GUEST_DEADLINE;
	ssize_t got;

	while ((got = recv(l->peer, found, sizeof(found), MSG_DONTWAIT)) < 0) {
		if (errno != EAGAIN || clock_now_ns() > end_ns)
			fail_msg("no frame: %s", strerror(errno));
		guest_settle(&l->n.g);
	}
	if ((size_t)got != bytes)
		fail_msg("a frame of %zd bytes instead of %zu", got, bytes);
	check_bytes("frame", found, expected, bytes);
}

static void peer_gets_nothing(struct lab *l)
{
	uint8_t byte;

	guest_settle(&l->n.g);
	assert_int_equal(recv(l->peer, &byte, 1, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
}

/* The header that a frame came with, and the frame, of `bytes` bytes together. */
static void check_received(struct lab *l, uint64_t at, uint32_t bytes, const uint8_t *frame,
			   unsigned nbuffers)
{
	static uint8_t found[NET_HEADER_BYTES + NET_FRAME_BYTES];
	uint8_t header[NET_HEADER_BYTES] = { [10] = (uint8_t)nbuffers };

	net_get(&l->n, at, found, bytes);
	check_bytes("header", found, header, sizeof(header));
	check_bytes("frame", found + sizeof(header), frame, bytes - sizeof(header));
}

static void expect_link(struct lab *l, uint16_t expected)
{
	uint16_t found = (uint16_t)guest_read(&l->n.g, R_CONFIG + 6, 2);

	if (found != expected)
		fail_msg("link status: expected %u, found %u", expected, found);
}

static uint64_t offered(struct guest *g)
{
	uint64_t low;

	set(g, R_FEATURES_SEL, 0);
	low = get(g, R_FEATURES);
	set(g, R_FEATURES_SEL, 1);
	return (uint64_t)get(g, R_FEATURES) << 32 | low;
}

/* ---- configuration ---- */

static void it_offers_what_its_backend_can_do(void **state)
{
	const uint64_t never = VIRTIO_NET_F_CSUM | VIRTIO_NET_F_GUEST_CSUM |
			       VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_MQ |
			       VIRTIO_NET_F_MTU;
	struct lab l;

	(void)state;
	plug(&l, SOCK_DGRAM, "");
	assert_int_equal(get(&l.n.g, R_DEVICE_ID), 1);
	assert_int_equal(offered(&l.n.g) & NET_FULL, NET_FULL);
	assert_int_equal(offered(&l.n.g) & never, 0);
	end(&l);
	plug(&l, SOCK_STREAM, ",mtu=9000");
	assert_int_equal(offered(&l.n.g) & (never | VIRTIO_NET_F_MTU), VIRTIO_NET_F_MTU);
	end(&l);
}

static void its_configuration_is_that_of_the_options(void **state)
{
	static const uint8_t expected[] = {
		2, 0x15, 0x15, 0xab, 0xcd, 0xef, 1, 0, 1, 0, 0x28, 0x23
	};
	struct lab l;

	(void)state;
	plug(&l, SOCK_DGRAM, ",mac=02:15:15:ab:CD:ef,mtu=9000");
	for (unsigned i = 0; i < sizeof(expected); i++)
		assert_int_equal(guest_read(&l.n.g, R_CONFIG + i, 1), expected[i]);
	assert_int_equal(guest_read(&l.n.g, R_CONFIG + sizeof(expected), 1), 0);
	end(&l);
}

static void the_state_table_covers_the_state(void **state)
{
	struct lab l;

	(void)state;
	plug(&l, SOCK_DGRAM, "");
	assert_int_equal(state_covered(l.n.net.virtio.ops->state), sizeof(struct net_state));
	end(&l);
}

/* ---- from the guest ---- */

static void a_frame_of_the_guest_leaves_without_its_header(void **state)
{
	static const int types[] = { SOCK_DGRAM, SOCK_SEQPACKET };
	uint8_t frame[1514];

	(void)state;
	make_frame(frame, sizeof(frame), 1);
	for (unsigned i = 0; i < ARRAY_SIZE(types); i++) {
		struct lab l;

		begin(&l, types[i], NET_BASIC);
		net_send(&l.n, TX0, NET_BUFFERS, frame, sizeof(frame));
		guest_kick(&l.n.g, TX0);
		peer_gets(&l, frame, sizeof(frame));
		assert_int_equal(net_wait(&l.n, TX0), 0);
		check_count("frames sent", &l.n.net.frames.tx_frames, 1);
		check_count("bytes sent", &l.n.net.frames.tx_bytes, sizeof(frame));
		end(&l);
	}
}

/* 2.6.4: how a frame is cut into buffers says nothing. */
static void header_and_frame_may_be_cut_anywhere(void **state)
{
	static const uint32_t cuts[][4] = {
		{ 112, 0, 0, 0 }, { 5, 7, 100, 0 },  { 11, 2, 99, 0 },
		{ 12, 1, 98, 1 }, { 0, 12, 0, 100 },
	};
	uint8_t bytes[112] = { 0 };

	(void)state;
	make_frame(bytes + NET_HEADER_BYTES, 100, 2);
	for (unsigned i = 0; i < ARRAY_SIZE(cuts); i++) {
		struct net_part part[4];
		uint64_t at = NET_BUFFERS;
		struct lab l;

		begin(&l, SOCK_DGRAM, NET_BASIC);
		net_put(&l.n, at, bytes, sizeof(bytes));
		for (unsigned p = 0; p < 4; at += cuts[i][p++])
			part[p] = (struct net_part){ at, cuts[i][p], false };
		net_add(&l.n, TX0, part, 4);
		guest_kick(&l.n.g, TX0);
		peer_gets(&l, bytes + NET_HEADER_BYTES, 100);
		end(&l);
	}
}

static void a_batch_of_frames_is_one_interrupt(void **state)
{
	uint8_t frame[60];
	struct lab l;

	(void)state;
	begin(&l, SOCK_DGRAM, NET_BASIC);
	guest_interrupts(&l.n.g);
	for (unsigned i = 0; i < 4; i++) {
		make_frame(frame, sizeof(frame), i);
		net_send(&l.n, TX0, NET_BUFFERS + i * 0x1000, frame, sizeof(frame));
	}
	guest_kick(&l.n.g, TX0);
	guest_settle(&l.n.g);
	assert_int_equal(guest_interrupts(&l.n.g), 1);
	for (unsigned i = 0; i < 4; i++) {
		make_frame(frame, sizeof(frame), i);
		peer_gets(&l, frame, sizeof(frame));
	}
	end(&l);
}

static void frames_that_make_no_sense_are_dropped_and_counted(void **state)
{
	static const uint32_t wrong[] = { 0,
					  1,
					  NET_HEADER_BYTES - 1,
					  NET_HEADER_BYTES,
					  NET_HEADER_BYTES + 13,
					  NET_HEADER_BYTES + NET_FRAME_BYTES + 1,
					  500000 };
	uint8_t frame[60];
	struct lab l;

	(void)state;
	make_frame(frame, sizeof(frame), 3);
	begin(&l, SOCK_DGRAM, NET_BASIC);
	for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct net_part part = { NET_BUFFERS, wrong[i], false };

		net_add(&l.n, TX0, &part, 1);
		guest_kick(&l.n.g, TX0);
		assert_int_equal(net_wait(&l.n, TX0), 0);
		check_count("frames dropped", &l.n.net.frames.tx_dropped, i + 1);
	}
	peer_gets_nothing(&l);
	net_send(&l.n, TX0, NET_BUFFERS, frame, sizeof(frame));
	guest_kick(&l.n.g, TX0);
	peer_gets(&l, frame, sizeof(frame));
	check_register(&l.n.g, "Status", R_STATUS, 15);
	end(&l);
}

/* The socket takes so many frames and no more, until they are read. */
static void frames_that_the_backend_cannot_take_wait_in_order(void **state)
{
	uint64_t sent = 0, got = 0;
	uint8_t frame[1000];
	uint32_t len;
	struct lab l;

	(void)state;
	begin(&l, SOCK_DGRAM, NET_BASIC);
	while (l.n.g.queue[TX0].added - l.n.g.queue[TX0].collected < GUEST_SIZE) {
		make_frame(frame, sizeof(frame), (unsigned)sent);
		net_send(&l.n, TX0, NET_BUFFERS + (sent % GUEST_SIZE) * 0x1000, frame,
			 sizeof(frame));
		sent++;
		guest_kick(&l.n.g, TX0);
		guest_settle(&l.n.g);
		while (net_collect(&l.n, TX0, &len))
			;
		assert_true(sent < 100000);
	}
	for (; got < sent; got++) {
		make_frame(frame, sizeof(frame), (unsigned)got);
		peer_gets(&l, frame, sizeof(frame));
	}
	for (unsigned i = 0; i < GUEST_SIZE; i++)
		net_wait(&l.n, TX0);
	check_count("frames dropped", &l.n.net.frames.tx_dropped, 0);
	end(&l);
}

/* ---- to the guest ---- */

static void a_frame_comes_in_one_buffer(void **state)
{
	uint8_t frame[1514];
	struct lab l;

	(void)state;
	make_frame(frame, sizeof(frame), 4);
	begin(&l, SOCK_DGRAM, NET_BASIC);
	net_offer(&l.n, RX0, NET_BUFFERS, 1526);
	guest_kick(&l.n.g, RX0);
	peer_sends(&l, frame, sizeof(frame));
	assert_int_equal(net_wait(&l.n, RX0), 1526);
	check_received(&l, NET_BUFFERS, 1526, frame, 1);
	check_count("frames received", &l.n.net.frames.rx_frames, 1);
	end(&l);
}

/* Both rings; the buffers a frame did not need serve the next. */
static void a_frame_is_spread_over_mergeable_buffers(void **state)
{
	static const uint64_t rings[] = { 0, VIRTIO_FEATURE_RING_PACKED, VIRTIO_FEATURE_EVENT_IDX };
	uint8_t frame[3000];

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(rings); i++) {
		struct lab l;

		begin(&l, SOCK_DGRAM, NET_FULL | rings[i]);
		for (unsigned round = 0; round < 5; round++) {
			uint64_t at = NET_BUFFERS + round * 0x4000;

			for (unsigned b = 0; b < 4; b++)
				net_offer(&l.n, RX0, at + b * 1024, 1024);
			guest_kick(&l.n.g, RX0);
			make_frame(frame, sizeof(frame), round);
			peer_sends(&l, frame, sizeof(frame));
			assert_int_equal(net_wait(&l.n, RX0), 1024);
			assert_int_equal(net_wait(&l.n, RX0), 1024);
			assert_int_equal(net_wait(&l.n, RX0), 3012 - 2048);
			check_received(&l, at, 3012, frame, 3);
			peer_sends(&l, frame, 60);
			assert_int_equal(net_wait(&l.n, RX0), 72);
			check_received(&l, at + 3 * 1024, 72, frame, 1);
		}
		check_count("frames dropped", &l.n.net.frames.rx_dropped, 0);
		end(&l);
	}
}

static void a_header_may_be_cut_by_buffers(void **state)
{
	struct net_part part[] = { { NET_BUFFERS, 3, true },
				   { NET_BUFFERS + 3, 0, true },
				   { NET_BUFFERS + 3, 8, true },
				   { NET_BUFFERS + 11, 100, true } };
	uint8_t frame[60];
	struct lab l;

	(void)state;
	make_frame(frame, sizeof(frame), 5);
	begin(&l, SOCK_DGRAM, NET_FULL);
	net_add(&l.n, RX0, part, 4);
	guest_kick(&l.n.g, RX0);
	peer_sends(&l, frame, sizeof(frame));
	assert_int_equal(net_wait(&l.n, RX0), 72);
	check_received(&l, NET_BUFFERS, 72, frame, 1);
	end(&l);
}

static void a_frame_longer_than_its_buffer_is_dropped(void **state)
{
	uint8_t frame[1514];
	struct lab l;

	(void)state;
	make_frame(frame, sizeof(frame), 6);
	begin(&l, SOCK_DGRAM, NET_BASIC);
	net_offer(&l.n, RX0, NET_BUFFERS, 512);
	guest_kick(&l.n.g, RX0);
	peer_sends(&l, frame, sizeof(frame));
	peer_sends(&l, frame, 501);
	nothing_given_back(&l.n, RX0);
	check_count("frames dropped", &l.n.net.frames.rx_dropped, 2);
	peer_sends(&l, frame, 500);
	assert_int_equal(net_wait(&l.n, RX0), 512);
	check_received(&l, NET_BUFFERS, 512, frame, 1);
	end(&l);
}

/* A descriptor that is ready and not served would. */
static void nothing_keeps_the_loop_busy(struct lab *l)
{
	struct pollfd p = { .fd = l->n.g.io.loop.epoll_fd, .events = POLLIN };

	guest_settle(&l->n.g);
	assert_int_equal(poll(&p, 1, 0), 0);
}

static void without_buffers_the_backend_is_not_read(void **state)
{
	uint8_t frame[60];
	struct lab l;

	(void)state;
	begin(&l, SOCK_DGRAM, NET_FULL);
	for (unsigned i = 0; i < 3; i++) {
		make_frame(frame, sizeof(frame), i);
		peer_sends(&l, frame, sizeof(frame));
	}
	guest_settle(&l.n.g);
	check_count("frames received", &l.n.net.frames.rx_frames, 0);
	nothing_keeps_the_loop_busy(&l);
	for (unsigned i = 0; i < 3; i++) {
		net_offer(&l.n, RX0, NET_BUFFERS, 1526);
		guest_kick(&l.n.g, RX0);
		assert_int_equal(net_wait(&l.n, RX0), 72);
		make_frame(frame, sizeof(frame), i);
		check_received(&l, NET_BUFFERS, 72, frame, 1);
	}
	check_count("frames dropped", &l.n.net.frames.rx_dropped, 0);
	end(&l);
}

/* 2.7.10: the flags of the used ring. */
static UNSEEN void expect_kicks(struct lab *l, unsigned queue, bool wanted)
{
	const uint8_t *used = guest_memory(&l->n.g, queue_base(queue) + 0x2000, 2);
	uint16_t found = *(const volatile uint16_t *)(const void *)used;

	if (found != (wanted ? 0 : 1))
		fail_msg("queue %u: kicks are %swanted, the flags say %u", queue,
			 wanted ? "" : "not ", found);
}

static void kicks_are_asked_for_when_they_are_needed(void **state)
{
	uint8_t frame[60];
	struct lab l;

	(void)state;
	make_frame(frame, sizeof(frame), 7);
	begin(&l, SOCK_DGRAM, NET_BASIC);
	expect_kicks(&l, RX0, true);
	expect_kicks(&l, TX0, true);
	net_offer(&l.n, RX0, NET_BUFFERS, 1526);
	guest_kick(&l.n.g, RX0);
	guest_settle(&l.n.g);
	expect_kicks(&l, RX0, false);
	peer_sends(&l, frame, sizeof(frame));
	net_wait(&l.n, RX0);
	expect_kicks(&l, RX0, true);
	net_send(&l.n, TX0, NET_BUFFERS + 0x1000, frame, sizeof(frame));
	guest_kick(&l.n.g, TX0);
	net_wait(&l.n, TX0);
	expect_kicks(&l, TX0, true);
	end(&l);
}

/* 5.1.6.3.1 */
static void a_buffer_too_short_for_a_header_goes_back(void **state)
{
	uint8_t frame[60];
	struct lab l;

	(void)state;
	make_frame(frame, sizeof(frame), 7);
	begin(&l, SOCK_DGRAM, NET_FULL);
	net_offer(&l.n, RX0, NET_BUFFERS, NET_HEADER_BYTES - 1);
	net_offer(&l.n, RX0, NET_BUFFERS, 100);
	guest_kick(&l.n.g, RX0);
	assert_int_equal(net_wait(&l.n, RX0), 0);
	peer_sends(&l, frame, sizeof(frame));
	assert_int_equal(net_wait(&l.n, RX0), 72);
	check_register(&l.n.g, "Status", R_STATUS, 15);
	end(&l);
}

static void a_runt_is_dropped(void **state)
{
	uint8_t frame[60];
	struct lab l;

	(void)state;
	make_frame(frame, sizeof(frame), 8);
	begin(&l, SOCK_DGRAM, NET_FULL);
	net_offer(&l.n, RX0, NET_BUFFERS, 100);
	guest_kick(&l.n.g, RX0);
	peer_sends(&l, frame, 13);
	peer_sends(&l, frame, 14);
	assert_int_equal(net_wait(&l.n, RX0), 26);
	check_count("frames dropped", &l.n.net.frames.rx_dropped, 1);
	end(&l);
}

static void on_sigbus(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	guard_catch((uintptr_t)info->si_addr);
	_exit(42);
}

/* Memory of the host that is lost, in the guest's page at `at`. */
static void poison(struct lab *l, uint64_t at)
{
	struct sigaction action = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO };
	int fd = memfd_create("lost", MFD_CLOEXEC);

	assert_int_equal(sigaction(SIGBUS, &action, NULL), 0);
	assert_ptr_not_equal(mmap(guest_memory(&l->n.g, at, 4096), 4096, PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_FIXED, fd, 0),
			     MAP_FAILED);
	close(fd);
}

static void a_poisoned_receive_buffer_costs_a_frame(void **state)
{
	static const int types[] = { SOCK_DGRAM, SOCK_STREAM };
	uint8_t frame[64] = { 0, 0, 0, 60 };

	(void)state;
	make_frame(frame + 4, 60, 9);
	for (unsigned i = 0; i < ARRAY_SIZE(types); i++) {
		bool stream = types[i] == SOCK_STREAM;
		struct lab l;

		begin(&l, types[i], NET_BASIC);
		poison(&l, NET_BUFFERS);
		net_offer(&l.n, RX0, NET_BUFFERS, 1526);
		net_offer(&l.n, RX0, NET_BUFFERS + 4096, 1526);
		guest_kick(&l.n.g, RX0);
		for (unsigned n = 0; n < 2; n++)
			peer_sends(&l, stream ? frame : frame + 4, stream ? 64 : 60);
		assert_int_equal(net_wait(&l.n, RX0), 0);
		assert_int_equal(net_wait(&l.n, RX0), 72);
		check_received(&l, NET_BUFFERS + 4096, 72, frame + 4, 1);
		end(&l);
	}
	signal(SIGBUS, SIG_DFL);
}

static void a_poisoned_frame_of_the_guest_is_dropped(void **state)
{
	static const int types[] = { SOCK_DGRAM, SOCK_STREAM };
	static const uint8_t length[] = { 0, 0, 0, 60 };
	uint8_t frame[60];

	(void)state;
	make_frame(frame, sizeof(frame), 10);
	for (unsigned i = 0; i < ARRAY_SIZE(types); i++) {
		struct net_part part = { NET_BUFFERS, 1000, false };
		uint8_t expected[64];
		struct lab l;

		begin(&l, types[i], NET_BASIC);
		poison(&l, NET_BUFFERS);
		net_add(&l.n, TX0, &part, 1);
		net_send(&l.n, TX0, NET_BUFFERS + 4096, frame, sizeof(frame));
		guest_kick(&l.n.g, TX0);
		memcpy(expected, length, 4);
		memcpy(expected + 4, frame, 60);
		if (types[i] == SOCK_STREAM)
			peer_gets(&l, expected, 64);
		else
			peer_gets(&l, frame, 60);
		check_count("frames dropped", &l.n.net.frames.tx_dropped, 1);
		end(&l);
	}
	signal(SIGBUS, SIG_DFL);
}

/* ---- commands ---- */

struct command {
	const char *name;
	uint8_t bytes[40];
	uint32_t n;
	uint8_t ack;
};

static void commands_are_answered(void **state)
{
	static const struct command commands[] = {
		{ "promiscuous on", { 0, 0, 1 }, 3, 0 },
		{ "promiscuous off", { 0, 0, 0 }, 3, 0 },
		{ "all-multicast on", { 0, 1, 1 }, 3, 0 },
		{ "no broadcast", { 0, 5, 1 }, 3, 0 },
		{ "receive mode 6", { 0, 6, 1 }, 3, 1 },
		{ "receive mode without a value", { 0, 0 }, 2, 1 },
		{ "receive mode of 2", { 0, 0, 2 }, 3, 1 },
		{ "MAC address", { 1, 1, 2, 3, 4, 5, 6, 7 }, 8, 0 },
		{ "group address", { 1, 1, 3, 3, 4, 5, 6, 7 }, 8, 1 },
		{ "short MAC address", { 1, 1, 2, 3, 4, 5, 6 }, 7, 1 },
		{ "long MAC address", { 1, 1, 2, 3, 4, 5, 6, 7, 8 }, 9, 1 },
		{ "empty tables", { 1, 0 }, 10, 0 },
		{ "tables of one and one",
		  { 1, 0, 1, 0, 0, 0, 2, 1, 1, 1, 1, 1, 1, 0, 0, 0, 1, 1, 1, 1, 1, 1 },
		  22,
		  0 },
		{ "tables longer than the command", { 1, 0, 2, 0, 0, 0, 2, 1, 1, 1, 1, 1 }, 12, 1 },
		{ "tables of 4 billion", { 1, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0 }, 10, 1 },
		{ "a second table longer than the command",
		  { 1, 0, 0, 0, 0, 0, 2, 0, 0, 0, 2, 1, 1, 1, 1, 1 },
		  16,
		  1 },
		{ "one table", { 1, 0, 0, 0, 0, 0 }, 6, 1 },
		{ "MAC command 2", { 1, 2, 0, 0, 0, 0, 0, 0, 0, 0 }, 10, 1 },
		{ "VLAN, which was not offered", { 2, 0, 1, 0 }, 4, 1 },
		{ "announcement", { 3, 0 }, 2, 1 },
		{ "pairs, without MQ", { 4, 0, 1, 0 }, 4, 1 },
		{ "class 255", { 255, 255 }, 2, 1 },
		{ "one byte", { 0 }, 1, 1 },
	};
	struct lab l;

	(void)state;
	begin(&l, SOCK_DGRAM, NET_FULL);
	for (unsigned i = 0; i < ARRAY_SIZE(commands); i++) {
		const struct command *c = &commands[i];
		uint8_t ack = net_command(&l.n, CTL, c->bytes, c->n);

		if (ack != c->ack)
			fail_msg("%s: expected %u, found %u", c->name, c->ack, ack);
	}
	check_register(&l.n.g, "Status", R_STATUS, 15);
	assert_int_equal(l.n.net.state.rx_mode, 1u << 1 | 1u << 5);
	end(&l);
}

static void commands_of_features_not_accepted_are_errors(void **state)
{
	static const uint8_t promiscuous[] = { 0, 0, 1 }, mac[] = { 1, 1, 2, 3, 4, 5, 6, 7 };
	struct lab l;

	(void)state;
	begin(&l, SOCK_DGRAM, NET_BASIC | VIRTIO_NET_F_CTRL_VQ);
	assert_int_equal(net_command(&l.n, CTL, promiscuous, sizeof(promiscuous)), 1);
	assert_int_equal(net_command(&l.n, CTL, mac, sizeof(mac)), 1);
	end(&l);
}

static void a_command_without_room_for_an_answer_is_not_carried_out(void **state)
{
	static const uint8_t mac[] = { 1, 1, 2, 3, 4, 5, 6, 7 };
	struct net_part part = { NET_BUFFERS, sizeof(mac), false };
	uint64_t before;
	struct lab l;

	(void)state;
	begin(&l, SOCK_DGRAM, NET_FULL);
	before = l.n.net.state.mac;
	net_put(&l.n, NET_BUFFERS, mac, sizeof(mac));
	net_add(&l.n, CTL, &part, 1);
	guest_kick(&l.n.g, CTL);
	assert_int_equal(net_wait(&l.n, CTL), 0);
	assert_int_equal(l.n.net.state.mac, before);
	end(&l);
}

static void a_mac_that_the_driver_set_lasts_until_reset(void **state)
{
	static const uint8_t command[] = { 1, 1, 2, 3, 4, 5, 6, 7 };
	uint64_t before;
	struct lab l;

	(void)state;
	plug(&l, SOCK_DGRAM, "");
	before = guest_read(&l.n.g, R_CONFIG, 4);
	guest_set_up(&l.n.g, NET_FULL);
	assert_int_equal(net_command(&l.n, CTL, command, sizeof(command)), 0);
	assert_int_equal(guest_read(&l.n.g, R_CONFIG, 4), 0x05040302);
	assert_int_equal(guest_read(&l.n.g, R_CONFIG + 4, 2), 0x0706);
	set(&l.n.g, R_STATUS, 0);
	assert_int_equal(guest_read(&l.n.g, R_CONFIG, 4), before);
	end(&l);
}

/* ---- a stream ---- */

static void put_length(uint8_t *to, size_t bytes)
{
	uint32_t length = htobe32((uint32_t)bytes);

	memcpy(to, &length, sizeof(length));
}

static void a_stream_has_a_length_before_each_frame(void **state)
{
	uint8_t bytes[2 * (4 + 60)];
	struct lab l;

	(void)state;
	begin(&l, SOCK_STREAM, NET_FULL);
	for (unsigned i = 0; i < 2; i++) {
		put_length(bytes + i * 64, 60);
		make_frame(bytes + i * 64 + 4, 60, i);
		net_send(&l.n, TX0, NET_BUFFERS + i * 0x1000, bytes + i * 64 + 4, 60);
	}
	guest_kick(&l.n.g, TX0);
	peer_gets(&l, bytes, sizeof(bytes));
	net_offer(&l.n, RX0, NET_BUFFERS, 1526);
	net_offer(&l.n, RX0, NET_BUFFERS + 0x1000, 1526);
	guest_kick(&l.n.g, RX0);
	peer_sends(&l, bytes, sizeof(bytes));
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(net_wait(&l.n, RX0), 72);
		check_received(&l, NET_BUFFERS + i * 0x1000, 72, bytes + i * 64 + 4, 1);
	}
	end(&l);
}

static void a_frame_may_come_byte_by_byte(void **state)
{
	uint8_t bytes[4 + 60];
	struct lab l;

	(void)state;
	begin(&l, SOCK_STREAM, NET_FULL);
	put_length(bytes, 60);
	make_frame(bytes + 4, 60, 11);
	for (unsigned round = 0; round < 3; round++) {
		net_offer(&l.n, RX0, NET_BUFFERS, 1526);
		guest_kick(&l.n.g, RX0);
		for (unsigned i = 0; i < sizeof(bytes); i++) {
			nothing_given_back(&l.n, RX0);
			peer_sends(&l, bytes + i, 1);
		}
		assert_int_equal(net_wait(&l.n, RX0), 72);
		check_received(&l, NET_BUFFERS, 72, bytes + 4, 1);
	}
	end(&l);
}

static void frames_wait_in_the_stream_for_buffers(void **state)
{
	uint8_t bytes[4 + 60];
	struct lab l;

	(void)state;
	begin(&l, SOCK_STREAM, NET_FULL);
	for (unsigned i = 0; i < 20; i++) {
		put_length(bytes, 60);
		make_frame(bytes + 4, 60, i);
		peer_sends(&l, bytes, sizeof(bytes));
	}
	for (unsigned i = 0; i < 20; i++) {
		net_offer(&l.n, RX0, NET_BUFFERS, 1526);
		guest_kick(&l.n.g, RX0);
		assert_int_equal(net_wait(&l.n, RX0), 72);
		make_frame(bytes + 4, 60, i);
		check_received(&l, NET_BUFFERS, 72, bytes + 4, 1);
	}
	end(&l);
}

/* Many times what the buffer holds, in portions that end in the middle of frames and of their lengths. */
static void a_long_stream_is_taken_apart(void **state)
{
	static uint8_t bytes[400 * (4 + 1500)];
	size_t sent = 0;
	struct lab l;

	(void)state;
	begin(&l, SOCK_STREAM, NET_FULL);
	for (unsigned i = 0; i < 400; i++) {
		put_length(bytes + i * 1504, 1500);
		make_frame(bytes + i * 1504 + 4, 1500, i);
	}
	for (unsigned i = 0; i < 400; i++) {
		net_offer(&l.n, RX0, NET_BUFFERS, 2048);
		guest_kick(&l.n.g, RX0);
		while (sent < (i + 1) * 1504) {
			size_t n = sizeof(bytes) - sent < 4001 ? sizeof(bytes) - sent : 4001;

			peer_sends(&l, bytes + sent, n);
			sent += n;
		}
		assert_int_equal(net_wait(&l.n, RX0), 1512);
		check_received(&l, NET_BUFFERS, 1512, bytes + i * 1504 + 4, 1);
	}
	end(&l);
}

static void read_exactly(struct lab *l, uint8_t *to, size_t n)
{
	uint64_t end_ns = clock_now_ns() + GUEST_DEADLINE;

	while (n) {
		ssize_t got = recv(l->peer, to, n, MSG_DONTWAIT);

		if (got < 0 && (errno != EAGAIN || clock_now_ns() > end_ns))
			fail_msg("the stream ends: %s", strerror(errno));
		guest_settle(&l->n.g);
		if (got > 0) {
			to += got;
			n -= (size_t)got;
		}
	}
}

/* More than the socket and the buffer before it hold; read in odd portions, it is whole. */
static void a_full_stream_loses_nothing(void **state)
{
	static uint8_t frame[30000], found[30000 + 4], expected[30000 + 4];
	unsigned sent = 0;
	uint32_t len;
	struct lab l;

	(void)state;
	begin(&l, SOCK_STREAM, NET_FULL);
	while (l.n.g.queue[TX0].added - l.n.g.queue[TX0].collected < GUEST_SIZE) {
		make_frame(frame, sizeof(frame), sent);
		net_send(&l.n, TX0, NET_BUFFERS + (sent % GUEST_SIZE) * 0x8000, frame,
			 sizeof(frame));
		sent++;
		guest_kick(&l.n.g, TX0);
		guest_settle(&l.n.g);
		while (net_collect(&l.n, TX0, &len))
			;
		assert_true(sent < 1000);
	}
	put_length(expected, sizeof(frame));
	for (unsigned i = 0; i < sent; i++) {
		make_frame(expected + 4, sizeof(frame), i);
		read_exactly(&l, found, 1 + i % 7);
		read_exactly(&l, found + 1 + i % 7, sizeof(found) - 1 - i % 7);
		check_bytes("stream", found, expected, sizeof(found));
	}
	peer_gets_nothing(&l);
	check_count("frames sent", &l.n.net.frames.tx_frames, sent);
	end(&l);
}

/* A length that no frame has: nothing after it can be trusted. */
static void a_stream_out_of_step_is_given_up(void **state)
{
	static const uint32_t lengths[] = { 0, 13, NET_FRAME_BYTES + 1, UINT32_MAX };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(lengths); i++) {
		uint8_t bytes[64] = { 0 };
		struct lab l;

		begin(&l, SOCK_STREAM, NET_FULL);
		expect_link(&l, 1);
		put_length(bytes, lengths[i]);
		net_offer(&l.n, RX0, NET_BUFFERS, 1526);
		guest_kick(&l.n.g, RX0);
		guest_settle(&l.n.g);
		guest_interrupts(&l.n.g);
		set(&l.n.g, R_ACK, 3);
		peer_sends(&l, bytes, sizeof(bytes));
		nothing_given_back(&l.n, RX0);
		expect_link(&l, 0);
		check_register(&l.n.g, "InterruptStatus", R_ISR, VIRTIO_ISR_CONFIG);
		end(&l);
	}
}

static void the_longest_frame_is_taken(void **state)
{
	static uint8_t bytes[4 + NET_FRAME_BYTES];
	struct lab l;

	(void)state;
	begin(&l, SOCK_STREAM, NET_FULL);
	put_length(bytes, NET_FRAME_BYTES);
	make_frame(bytes + 4, NET_FRAME_BYTES, 12);
	for (unsigned i = 0; i < 5; i++)
		net_offer(&l.n, RX0, NET_BUFFERS + i * 0x4000, 0x4000);
	guest_kick(&l.n.g, RX0);
	peer_sends(&l, bytes, sizeof(bytes));
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(net_wait(&l.n, RX0), 0x4000);
	assert_int_equal(net_wait(&l.n, RX0), NET_HEADER_BYTES + NET_FRAME_BYTES - 0x10000);
	check_received(&l, NET_BUFFERS, NET_HEADER_BYTES + NET_FRAME_BYTES, bytes + 4, 5);
	end(&l);
}

/* passt takes 65535 bytes. */
static void a_frame_longer_than_passt_takes_is_dropped(void **state)
{
	static uint8_t bytes[4 + 65535], frame[65536];
	struct lab l;

	(void)state;
	begin(&l, SOCK_STREAM, NET_FULL);
	make_frame(frame, sizeof(frame), 13);
	net_send(&l.n, TX0, NET_BUFFERS, frame, 65536);
	net_send(&l.n, TX0, NET_BUFFERS + 0x20000, frame, 65535);
	guest_kick(&l.n.g, TX0);
	put_length(bytes, 65535);
	memcpy(bytes + 4, frame, 65535);
	peer_gets(&l, bytes, sizeof(bytes));
	check_count("frames dropped", &l.n.net.frames.tx_dropped, 1);
	end(&l);
}

/* ---- the other end dies ---- */

static void when_the_backend_dies_the_guest_goes_on(void **state)
{
	static const int types[] = { SOCK_SEQPACKET, SOCK_STREAM };
	uint8_t frame[60];

	(void)state;
	make_frame(frame, sizeof(frame), 14);
	for (unsigned i = 0; i < ARRAY_SIZE(types); i++) {
		struct lab l;

		begin(&l, types[i], NET_FULL);
		net_offer(&l.n, RX0, NET_BUFFERS, 1526);
		guest_kick(&l.n.g, RX0);
		close(l.peer);
		guest_settle(&l.n.g);
		expect_link(&l, 0);
		for (unsigned n = 0; n < 20; n++) {
			net_send(&l.n, TX0, NET_BUFFERS, frame, sizeof(frame));
			guest_kick(&l.n.g, TX0);
			assert_int_equal(net_wait(&l.n, TX0), 0);
		}
		check_count("frames dropped", &l.n.net.frames.tx_dropped, 20);
		guest_set_up(&l.n.g, NET_FULL);
		expect_link(&l, 0);
		l.peer = -1;
		end(&l);
	}
}

/* Without receive buffers nobody reads: it shows when a frame is sent. */
static void a_death_shows_when_a_frame_is_sent(void **state)
{
	uint8_t frame[60];
	struct lab l;

	(void)state;
	make_frame(frame, sizeof(frame), 15);
	begin(&l, SOCK_STREAM, NET_FULL);
	close(l.peer);
	guest_settle(&l.n.g);
	expect_link(&l, 1);
	net_send(&l.n, TX0, NET_BUFFERS, frame, sizeof(frame));
	guest_kick(&l.n.g, TX0);
	net_wait(&l.n, TX0);
	guest_settle(&l.n.g);
	expect_link(&l, 0);
	l.peer = -1;
	end(&l);
}

/* Frames that wait for the backend are given back when it dies, whoever finds out. */
static void frames_that_wait_are_given_back_at_a_death(void **state)
{
	static uint8_t frame[30000];

	(void)state;
	for (unsigned by_receiving = 0; by_receiving < 2; by_receiving++) {
		uint32_t len;
		struct lab l;

		begin(&l, SOCK_STREAM, NET_FULL);
		while (l.n.g.queue[TX0].added - l.n.g.queue[TX0].collected < GUEST_SIZE) {
			net_send(&l.n, TX0, NET_BUFFERS, frame, sizeof(frame));
			guest_kick(&l.n.g, TX0);
			guest_settle(&l.n.g);
			while (net_collect(&l.n, TX0, &len))
				;
		}
		close(l.peer);
		net_offer(&l.n, RX0, NET_BUFFERS, 1526);
		if (by_receiving)
			virtio_kicked(&l.n.net.virtio, RX0);
		for (unsigned i = 0; i < GUEST_SIZE; i++)
			net_wait(&l.n, TX0);
		expect_link(&l, 0);
		nothing_keeps_the_loop_busy(&l);
		l.peer = -1;
		end(&l);
	}
}

/* ---- stopping ---- */

static void held_still_it_leaves_everything_where_it_is(void **state)
{
	static const uint64_t rings[] = { 0, VIRTIO_FEATURE_RING_PACKED };
	uint8_t frame[60];

	(void)state;
	make_frame(frame, sizeof(frame), 16);
	for (unsigned i = 0; i < ARRAY_SIZE(rings); i++) {
		const struct virtq_state *rx;
		struct lab l;

		begin(&l, SOCK_DGRAM, NET_FULL | rings[i]);
		rx = &l.n.net.queue[RX0].state;
		for (unsigned n = 0; n < 3; n++) {
			for (unsigned b = 0; b < 5; b++)
				net_offer(&l.n, RX0, NET_BUFFERS + b * 0x1000, 1024);
			guest_kick(&l.n.g, RX0);
			guest_settle(&l.n.g);
			virtio_quiesce(&l.n.net.virtio);
			assert_int_equal(rx->next_avail, rx->next_used);
			assert_int_equal(rx->avail_wrap, rx->used_wrap);
			peer_sends(&l, frame, sizeof(frame));
			nothing_given_back(&l.n, RX0);
			virtio_resume(&l.n.net.virtio);
			assert_int_equal(net_wait(&l.n, RX0), 72);
			check_received(&l, NET_BUFFERS, 72, frame, 1);
			for (unsigned b = 1; b < 5; b++) {
				peer_sends(&l, frame, sizeof(frame));
				net_wait(&l.n, RX0);
				check_received(&l, NET_BUFFERS + b * 0x1000, 72, frame, 1);
			}
		}
		end(&l);
	}
}

static void a_frame_that_waits_survives_being_held_still(void **state)
{
	uint64_t sent = 0;
	uint8_t frame[1000];
	uint32_t len;
	struct lab l;

	(void)state;
	begin(&l, SOCK_DGRAM, NET_BASIC);
	while (l.n.g.queue[TX0].added - l.n.g.queue[TX0].collected < GUEST_SIZE) {
		make_frame(frame, sizeof(frame), (unsigned)sent);
		net_send(&l.n, TX0, NET_BUFFERS + (sent % GUEST_SIZE) * 0x1000, frame,
			 sizeof(frame));
		sent++;
		guest_kick(&l.n.g, TX0);
		guest_settle(&l.n.g);
		while (net_collect(&l.n, TX0, &len))
			;
	}
	virtio_quiesce(&l.n.net.virtio);
	assert_int_equal(l.n.net.queue[TX0].state.next_avail, l.n.net.queue[TX0].state.next_used);
	virtio_resume(&l.n.net.virtio);
	for (uint64_t got = 0; got < sent; got++) {
		make_frame(frame, sizeof(frame), (unsigned)got);
		peer_gets(&l, frame, sizeof(frame));
	}
	end(&l);
}

/* A frame of which half came before the reset is whole for the next driver: the stream goes on. */
static void after_a_reset_it_starts_anew(void **state)
{
	uint8_t bytes[64];
	struct lab l;

	(void)state;
	begin(&l, SOCK_STREAM, NET_FULL);
	put_length(bytes, 60);
	for (unsigned i = 0; i < 10; i++) {
		make_frame(bytes + 4, 60, i);
		for (unsigned b = 0; b < 4; b++)
			net_offer(&l.n, RX0, NET_BUFFERS + b * 0x1000, 1024);
		guest_kick(&l.n.g, RX0);
		net_send(&l.n, TX0, NET_BUFFERS + 0x8000, bytes + 4, 60);
		guest_kick(&l.n.g, TX0);
		peer_gets(&l, bytes, sizeof(bytes));
		peer_sends(&l, bytes, 33);
		guest_settle(&l.n.g);
		virtio_reset(&l.n.net.virtio);
		guest_set_up(&l.n.g, i % 2 ? NET_FULL : NET_BASIC | VIRTIO_FEATURE_RING_PACKED);
		net_offer(&l.n, RX0, NET_BUFFERS, 1024);
		guest_kick(&l.n.g, RX0);
		peer_sends(&l, bytes + 33, sizeof(bytes) - 33);
		assert_int_equal(net_wait(&l.n, RX0), 72);
		check_received(&l, NET_BUFFERS, 72, bytes + 4, 1);
	}
	end(&l);
}

/* ---- several ---- */

static void two_interfaces_do_not_mix(void **state)
{
	static struct lab l[2];
	uint8_t frame[2][60];

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		begin(&l[i], SOCK_DGRAM, NET_FULL);
		make_frame(frame[i], sizeof(frame[i]), 20 + i);
		net_offer(&l[i].n, RX0, NET_BUFFERS, 1526);
		guest_kick(&l[i].n.g, RX0);
		net_send(&l[i].n, TX0, NET_BUFFERS + 0x1000, frame[i], sizeof(frame[i]));
		guest_kick(&l[i].n.g, TX0);
	}
	assert_int_not_equal(l[0].n.net.mac, l[1].n.net.mac);
	for (unsigned i = 0; i < 2; i++) {
		peer_gets(&l[i], frame[i], sizeof(frame[i]));
		peer_gets_nothing(&l[i]);
		peer_sends(&l[i], frame[1 - i], sizeof(frame[i]));
		assert_int_equal(net_wait(&l[i].n, RX0), 72);
		check_received(&l[i], NET_BUFFERS, 72, frame[1 - i], 1);
	}
	end(&l[0]);
	end(&l[1]);
}

/* ---- with an I/O thread ---- */

static void frames_go_both_ways_while_the_guest_resets(void **state)
{
	uint8_t bytes[64], back[64];
	struct lab l;

	(void)state;
	plug(&l, SOCK_STREAM, "");
	guest_start_thread(&l.n.g);
	put_length(bytes, 60);
	for (unsigned round = 0; round < 5; round++) {
		guest_set_up(&l.n.g, NET_FULL | (round % 2 ? VIRTIO_FEATURE_EVENT_IDX : 0));
		for (unsigned i = 0; i < 100; i++) {
			make_frame(bytes + 4, 60, i);
			net_offer(&l.n, RX0, NET_BUFFERS, 1526);
			guest_kick(&l.n.g, RX0);
			net_send(&l.n, TX0, NET_BUFFERS + 0x1000, bytes + 4, 60);
			guest_kick(&l.n.g, TX0);
			read_exactly(&l, back, sizeof(back));
			check_bytes("stream", back, bytes, sizeof(back));
			peer_sends(&l, back, sizeof(back));
			assert_int_equal(net_wait(&l.n, RX0), 72);
			check_received(&l, NET_BUFFERS, 72, bytes + 4, 1);
			net_wait(&l.n, TX0);
			guest_read(&l.n.g, R_CONFIG, 4);
		}
		if (round == 2) {
			virtio_quiesce(&l.n.net.virtio);
			virtio_resume(&l.n.net.virtio);
		}
	}
	end(&l);
}

/* ---- what cannot be opened ---- */

static void check_refused(const char *options, const char *part)
{
	struct virtio_net net;
	struct net_options o;
	struct err err = { "" };
	struct guest g;

	guest_build(&g);
	parse_options(&o, options);
	assert_true(virtio_net_open(&net, &o, &g.io, &g.ram, 3, &err) < 0);
	if (!strstr(err.text, part) || !strstr(err.text, "net3"))
		fail_msg("\"%s\": expected \"net3\" and \"%s\" in \"%s\"", options, part, err.text);
	virtio_net_close(&net);
	iothread_close(&g.io);
	close(g.irq_fd);
	mem_unmap(&g.ram);
}

static void a_descriptor_that_is_none_is_refused(void **state)
{
	char options[64];
	int pipes[2];

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	check_refused("fd=999", "descriptor 999 is not open");
	snprintf(options, sizeof(options), "fd=%d", pipes[0]);
	check_refused(options, "neither a tap nor");
	snprintf(options, sizeof(options), "fd=%d:%d", pipes[0], pipes[1]);
	check_refused(options, "only a tap has several queues");
	close(pipes[0]);
	close(pipes[1]);
}

static void closing_what_was_never_opened_is_safe(void **state)
{
	static struct virtio_net net;

	(void)state;
	virtio_net_close(&net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_offers_what_its_backend_can_do),
		cmocka_unit_test(its_configuration_is_that_of_the_options),
		cmocka_unit_test(the_state_table_covers_the_state),
		cmocka_unit_test(a_frame_of_the_guest_leaves_without_its_header),
		cmocka_unit_test(header_and_frame_may_be_cut_anywhere),
		cmocka_unit_test(a_batch_of_frames_is_one_interrupt),
		cmocka_unit_test(frames_that_make_no_sense_are_dropped_and_counted),
		cmocka_unit_test(frames_that_the_backend_cannot_take_wait_in_order),
		cmocka_unit_test(a_frame_comes_in_one_buffer),
		cmocka_unit_test(a_frame_is_spread_over_mergeable_buffers),
		cmocka_unit_test(a_header_may_be_cut_by_buffers),
		cmocka_unit_test(a_frame_longer_than_its_buffer_is_dropped),
		cmocka_unit_test(without_buffers_the_backend_is_not_read),
		cmocka_unit_test(kicks_are_asked_for_when_they_are_needed),
		cmocka_unit_test(a_buffer_too_short_for_a_header_goes_back),
		cmocka_unit_test(a_runt_is_dropped),
		cmocka_unit_test(a_poisoned_receive_buffer_costs_a_frame),
		cmocka_unit_test(a_poisoned_frame_of_the_guest_is_dropped),
		cmocka_unit_test(commands_are_answered),
		cmocka_unit_test(commands_of_features_not_accepted_are_errors),
		cmocka_unit_test(a_command_without_room_for_an_answer_is_not_carried_out),
		cmocka_unit_test(a_mac_that_the_driver_set_lasts_until_reset),
		cmocka_unit_test(a_stream_has_a_length_before_each_frame),
		cmocka_unit_test(a_frame_may_come_byte_by_byte),
		cmocka_unit_test(frames_wait_in_the_stream_for_buffers),
		cmocka_unit_test(a_long_stream_is_taken_apart),
		cmocka_unit_test(a_full_stream_loses_nothing),
		cmocka_unit_test(a_stream_out_of_step_is_given_up),
		cmocka_unit_test(the_longest_frame_is_taken),
		cmocka_unit_test(a_frame_longer_than_passt_takes_is_dropped),
		cmocka_unit_test(when_the_backend_dies_the_guest_goes_on),
		cmocka_unit_test(a_death_shows_when_a_frame_is_sent),
		cmocka_unit_test(frames_that_wait_are_given_back_at_a_death),
		cmocka_unit_test(held_still_it_leaves_everything_where_it_is),
		cmocka_unit_test(a_frame_that_waits_survives_being_held_still),
		cmocka_unit_test(after_a_reset_it_starts_anew),
		cmocka_unit_test(two_interfaces_do_not_mix),
		cmocka_unit_test(frames_go_both_ways_while_the_guest_resets),
		cmocka_unit_test(a_descriptor_that_is_none_is_refused),
		cmocka_unit_test(closing_what_was_never_opened_is_safe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
