/* The console: control messages in any order, streams in both directions over pipes, sockets and files of which
 * no byte may get lost, ends of streams, reset, pause, ports that rasvm serves. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "lib/types.h"
#include "virtio/console.h"
#include "virtio_guest.h"

#define CONTROL_IN   2
#define CONTROL_OUT  3
#define IN_OF(port)  ((port) ? 2 * (port) + 2 : 0)
#define OUT_OF(port) (IN_OF(port) + 1)

enum { READY = 0, ADD = 1, PORT_READY = 3, CONSOLE = 4, RESIZE = 5, OPEN = 6, NAME = 7 };

enum { TTY, INPUT, OUTPUT, SERVED, NR_PORTS };

struct world {
	struct guest guest;
	struct virtio_console con;
	int tty_in, tty_out;   /* our ends */
	int input, output;     /* our ends; -1: closed */
	uint8_t got[64 << 10]; /* by the served port */
	unsigned got_bytes, opens, closes;
	bool reply;
};

static void receive(void *arg, const uint8_t *bytes, unsigned n)
{
	struct world *w = arg;

	if (n > sizeof(w->got) - w->got_bytes)
		abort();
	memcpy(w->got + w->got_bytes, bytes, n);
	w->got_bytes += n;
	if (w->reply && virtio_console_send(&w->con, SERVED, "ack", 3))
		abort();
}

static void opened(void *arg, bool open)
{
	struct world *w = arg;

	*(open ? &w->opens : &w->closes) += 1;
}

static void make_pipe(int *read_end, int *write_end)
{
	int fd[2];

	assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
	*read_end = fd[0];
	*write_end = fd[1];
}

static void open_console(struct world *w, const struct console_port_config *ports, unsigned n)
{
	struct err err = { "" };

	if (virtio_console_open(&w->con, ports, n, &w->guest.io, &w->guest.ram, 0, &err))
		fail_msg("%s", err.text);
	guest_plug(&w->guest, &w->con.virtio);
}

static struct world *new_world(void)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	guest_build(&w->guest);
	w->tty_in = w->tty_out = w->input = w->output = -1;
	signal(SIGPIPE, SIG_IGN);
	log_set_level(LOG_LEVEL_ERROR);
	return w;
}

static int build(void **state)
{
	struct world *w = new_world();
	struct console_port_config ports[NR_PORTS] = {
		[TTY] = { .name = "tty", .console = true },
		[INPUT] = { .name = "input", .out_fd = -1 },
		[OUTPUT] = { .name = "output", .in_fd = -1, .finish_out = true },
		[SERVED] = { .name = "served", -1, -1, .receive = receive, .opened = opened },
	};

	make_pipe(&ports[TTY].in_fd, &w->tty_in);
	make_pipe(&w->tty_out, &ports[TTY].out_fd);
	make_pipe(&ports[INPUT].in_fd, &w->input);
	make_pipe(&w->output, &ports[OUTPUT].out_fd);
	ports[SERVED].arg = w;
	open_console(w, ports, NR_PORTS);
	*state = w;
	return 0;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	guest_tear_down(&w->guest);
	virtio_console_close(&w->con);
	close_fd(&w->tty_in);
	close_fd(&w->tty_out);
	close_fd(&w->input);
	close_fd(&w->output);
	log_set_level(LOG_LEVEL_WARN);
	free(w);
	return 0;
}

/* ---- the driver's control messages ---- */

struct control {
	uint32_t id;
	uint16_t event, value;
};

static void tell(struct world *w, uint32_t id, uint16_t event, uint16_t value)
{
	struct control c = { id, event, value };

	guest_send(&w->guest, CONTROL_OUT, &c, sizeof(c));
	guest_wait(&w->guest, CONTROL_OUT, NULL);
}

static void expect(struct world *w, uint32_t id, uint16_t event, uint16_t value)
{
	uint8_t bytes[GUEST_SLOT_BYTES];
	uint32_t len = guest_wait(&w->guest, CONTROL_IN, bytes);
	struct control c;

	memcpy(&c, bytes, sizeof(c));
	if (len < sizeof(c) || c.id != id || c.event != event || c.value != value)
		fail_msg("expected message %u, %u of port %u; found %u, %u of port %u in %u bytes",
			 event, value, id, c.event, c.value, c.id, len);
	guest_offer(&w->guest, CONTROL_IN, 64);
}

static void expect_no_message(struct world *w)
{
	uint32_t len;

	guest_settle(&w->guest);
	if (guest_collect(&w->guest, CONTROL_IN, NULL, &len))
		fail_msg("expected no control message, found one of %u bytes", len);
}

static void set_up(struct world *w, uint64_t features)
{
	guest_set_up(&w->guest, features | VIRTIO_CONSOLE_F_MULTIPORT | VIRTIO_CONSOLE_F_SIZE);
	guest_offer(&w->guest, CONTROL_IN, 64);
}

/* All that a driver and the device say to one another before a port is used. */
static void set_up_port(struct world *w, uint32_t port)
{
	tell(w, port, PORT_READY, 1);
	if (port == TTY)
		expect(w, port, CONSOLE, 1);
	expect(w, port, NAME, 1);
	expect(w, port, OPEN, 1);
	tell(w, port, OPEN, 1);
}

static void put(int fd, const void *bytes, size_t n)
{
	assert_int_equal(write(fd, bytes, n), n);
}

static void expect_bytes(int fd, const char *text)
{
	char bytes[256] = "";
	ssize_t n = read(fd, bytes, sizeof(bytes) - 1);

	if (n != (ssize_t)strlen(text) || memcmp(bytes, text, strlen(text)) != 0)
		fail_msg("expected \"%s\", found \"%s\"", text, bytes);
}

static void expect_input(struct world *w, unsigned port, const char *text)
{
	uint8_t bytes[GUEST_SLOT_BYTES];
	uint32_t len = guest_wait(&w->guest, IN_OF(port), bytes);

	if (len != strlen(text) || memcmp(bytes, text, len) != 0)
		fail_msg("expected \"%s\", found \"%.*s\"", text, (int)len, (char *)bytes);
}

static void expect_no_input(struct world *w, unsigned port)
{
	uint32_t len;

	guest_settle(&w->guest);
	if (guest_collect(&w->guest, IN_OF(port), NULL, &len))
		fail_msg("expected no input, found %u bytes", len);
}

/* ---- tests ---- */

static void the_field_table_covers_the_state(void **state)
{
	struct world *w = *state;
	const struct state_desc *desc = w->con.virtio.ops->state;

	assert_int_equal(state_covered(desc), desc->size);
}

static void the_configuration_has_size_and_ports(void **state)
{
	struct world *w = *state;

	check_register(&w->guest, "cols, rows", R_CONFIG, 0);
	check_register(&w->guest, "max_nr_ports", R_CONFIG + 4, NR_PORTS);
	virtio_console_resize(&w->con, 132, 43);
	check_register(&w->guest, "cols, rows", R_CONFIG, 43u << 16 | 132);
	assert_int_equal(guest_read(&w->guest, R_CONFIG + 2, 2), 43);
}

static void ports_are_introduced_in_the_order_of_the_specification(void **state)
{
	struct world *w = *state;
	uint8_t bytes[GUEST_SLOT_BYTES];

	set_up(w, 0);
	virtio_console_resize(&w->con, 80, 25);
	expect_no_message(w);
	tell(w, 0, READY, 1);
	for (uint32_t id = 0; id < NR_PORTS; id++)
		expect(w, id, ADD, 1);
	tell(w, TTY, PORT_READY, 1);
	expect(w, TTY, CONSOLE, 1);
	assert_int_equal(guest_wait(&w->guest, CONTROL_IN, bytes), 8 + 3);
	assert_memory_equal(bytes, "\0\0\0\0\7\0\1\0tty", 11);
	assert_int_equal(guest_wait(&w->guest, CONTROL_IN, bytes), 12);
	assert_memory_equal(bytes, "\0\0\0\0\5\0\1\0\x50\0\x19\0", 12);
	expect(w, TTY, OPEN, 1);
	tell(w, SERVED, PORT_READY, 1);
	expect(w, SERVED, NAME, 1);
	expect(w, SERVED, OPEN, 1);
	expect_no_message(w);
}

static void messages_wait_for_buffers(void **state)
{
	struct world *w = *state;
	struct guest *g = &w->guest;

	guest_set_up(g, VIRTIO_CONSOLE_F_MULTIPORT);
	tell(w, 0, READY, 1);
	tell(w, 2, PORT_READY, 1);
	for (unsigned i = 0; i < NR_PORTS + 2; i++) {
		uint8_t bytes[GUEST_SLOT_BYTES];

		expect_no_message(w);
		guest_add(g, CONTROL_IN, 64, true);
		guest_kick(g, CONTROL_IN);
		guest_wait(g, CONTROL_IN, bytes);
	}
	guest_add(g, CONTROL_IN, 64, true);
	guest_kick(g, CONTROL_IN);
	expect_no_message(w);
}

static void messages_that_make_no_sense_are_ignored(void **state)
{
	static const struct control senseless[] = {
		{ NR_PORTS, PORT_READY, 1 },
		{ UINT32_MAX, OPEN, 1 },
		{ 0, ADD, 1 },
		{ 0, 2, 1 },
		{ 0, RESIZE, 1 },
		{ 0, NAME, 1 },
		{ 1, 0xffff, 1 },
		{ 1, PORT_READY, 0 },
		{ 77, READY, 0 },
		{ 1, OPEN, 0 },
	};
	struct world *w = *state;

	set_up(w, 0);
	for (unsigned i = 0; i < ARRAY_SIZE(senseless); i++)
		tell(w, senseless[i].id, senseless[i].event, senseless[i].value);
	guest_send(&w->guest, CONTROL_OUT, "short", 5);
	guest_wait(&w->guest, CONTROL_OUT, NULL);
	expect_no_message(w);
	check_register(&w->guest, "Status", R_STATUS, 15);
	tell(w, INPUT, OPEN, 1); /* before the port was even added */
	tell(w, INPUT, OPEN, 1);
	guest_offer(&w->guest, IN_OF(INPUT), 64);
	put(w->input, "abc", 3);
	expect_input(w, INPUT, "abc");
	set_up_port(w, INPUT);
	tell(w, 0, READY, 1);
	for (uint32_t id = 0; id < NR_PORTS; id++)
		expect(w, id, ADD, 1);
}

static void a_control_buffer_that_is_too_small_breaks_its_queue(void **state)
{
	struct world *w = *state;

	guest_set_up(&w->guest, VIRTIO_CONSOLE_F_MULTIPORT);
	guest_offer(&w->guest, CONTROL_IN, 7);
	tell(w, 0, READY, 1);
	check_register(&w->guest, "Status", R_STATUS, 15 | VIRTIO_STATUS_NEEDS_RESET);
}

static void input_waits_until_the_port_is_open(void **state)
{
	struct world *w = *state;

	set_up(w, 0);
	put(w->input, "early", 5);
	guest_offer(&w->guest, IN_OF(INPUT), 64);
	expect_no_input(w, INPUT);
	set_up_port(w, INPUT);
	expect_input(w, INPUT, "early");
	tell(w, INPUT, OPEN, 0);
	put(w->input, "later", 5);
	expect_no_input(w, INPUT);
	tell(w, INPUT, OPEN, 1);
	expect_input(w, INPUT, "later");
}

static void a_terminal_takes_input_at_once(void **state)
{
	struct world *w = *state;

	set_up(w, 0);
	guest_offer(&w->guest, IN_OF(TTY), 64);
	put(w->tty_in, "x", 1);
	expect_input(w, TTY, "x");
}

static void input_stays_in_the_pipe_without_buffers(void **state)
{
	struct world *w = *state;
	struct pollfd p;

	set_up(w, 0);
	set_up_port(w, INPUT);
	put(w->input, "wait", 4);
	guest_settle(&w->guest);
	p = (struct pollfd){ .fd = w->con.port[INPUT].in.fd, .events = POLLIN };
	assert_int_equal(poll(&p, 1, 0), 1);
	assert_false(w->con.port[INPUT].in.watched);
	guest_offer(&w->guest, IN_OF(INPUT), 3);
	expect_input(w, INPUT, "wai");
	expect_input(w, INPUT, "t");
}

/* Nor is it waited for then: a loop that does would have nothing else to do. */
static void input_is_not_watched_when_the_buffers_end(void **state)
{
	struct world *w = *state;

	set_up(w, 0);
	set_up_port(w, INPUT);
	guest_offer(&w->guest, IN_OF(INPUT), 1);
	put(w->input, "ab", 2);
	guest_settle(&w->guest);
	assert_true(w->con.port[INPUT].in.watched);
	put(w->input, "cdefghijkl", 10);
	guest_settle(&w->guest);
	assert_false(w->con.port[INPUT].in.watched);
	for (char c = 'a'; c <= 'h'; c++)
		expect_input(w, INPUT, (char[]){ c, '\0' });
	guest_offer(&w->guest, IN_OF(INPUT), 64);
	expect_input(w, INPUT, "ijkl");
}

static void the_end_of_input_closes_the_port_after_the_last_byte(void **state)
{
	struct world *w = *state;

	set_up(w, 0);
	set_up_port(w, INPUT);
	put(w->input, "last", 4);
	close_fd(&w->input);
	expect_no_message(w);
	guest_offer(&w->guest, IN_OF(INPUT), 2);
	expect_input(w, INPUT, "la");
	expect_input(w, INPUT, "st");
	expect(w, INPUT, OPEN, 0);
	expect_no_input(w, INPUT); /* a request given back empty would be an end too early */
	/* The next driver learns it as well. */
	set_up(w, 0);
	tell(w, INPUT, PORT_READY, 1);
	expect(w, INPUT, NAME, 1);
	expect(w, INPUT, OPEN, 0);
}

static void the_end_of_a_terminal_s_input_is_not_told(void **state)
{
	struct world *w = *state;

	set_up(w, 0);
	set_up_port(w, TTY);
	guest_offer(&w->guest, IN_OF(TTY), 64);
	close_fd(&w->tty_in);
	expect_no_message(w);
	guest_send(&w->guest, OUT_OF(TTY), "still", 5);
	guest_wait(&w->guest, OUT_OF(TTY), NULL);
	expect_bytes(w->tty_out, "still");
}

static void a_buffer_for_input_without_room_breaks_its_queue(void **state)
{
	struct world *w = *state;

	set_up(w, 0);
	put(w->tty_in, "x", 1);
	guest_add(&w->guest, IN_OF(TTY), 64, false);
	guest_kick(&w->guest, IN_OF(TTY));
	guest_settle(&w->guest);
	check_register(&w->guest, "Status", R_STATUS, 15 | VIRTIO_STATUS_NEEDS_RESET);
}

static void a_driver_of_one_port_is_served(void **state)
{
	struct world *w = *state;

	guest_set_up(&w->guest, 0);
	guest_offer(&w->guest, 0, 64);
	put(w->tty_in, "in", 2);
	expect_input(w, TTY, "in");
	guest_send(&w->guest, 1, "out", 3);
	guest_wait(&w->guest, 1, NULL);
	expect_bytes(w->tty_out, "out");
	guest_offer(&w->guest, IN_OF(INPUT), 64);
	put(w->input, "x", 1);
	expect_no_input(w, INPUT);
}

static void output_without_bytes_comes_back(void **state)
{
	struct world *w = *state;

	set_up(w, 0);
	guest_add(&w->guest, OUT_OF(OUTPUT), 0, false);
	guest_kick(&w->guest, OUT_OF(OUTPUT));
	guest_wait(&w->guest, OUT_OF(OUTPUT), NULL);
	guest_add(&w->guest, OUT_OF(OUTPUT), 16, true);
	guest_kick(&w->guest, OUT_OF(OUTPUT));
	assert_int_equal(guest_wait(&w->guest, OUT_OF(OUTPUT), NULL), 0);
}

/* ---- long streams ---- */

#define STREAM_BYTES (300u << 10)

static uint8_t stream_byte(unsigned i)
{
	return (uint8_t)(i * 131 + (i >> 8) * 7 + (i >> 16));
}

/* The host's end, on a thread of its own. */
struct peer {
	int fd;
	unsigned pause_us; /* every 16 KiB */
	unsigned wrong, bytes;
};

static void *feed(void *arg)
{
	struct peer *peer = arg;
	uint8_t bytes[1000];
	unsigned at = 0;

	while (at < STREAM_BYTES) {
		unsigned n = 1 + at % sizeof(bytes), left = STREAM_BYTES - at;

		n = n < left ? n : left;
		for (unsigned i = 0; i < n; i++)
			bytes[i] = stream_byte(at + i);
		if (write(peer->fd, bytes, n) != (ssize_t)n)
			peer->wrong++;
		at += n;
	}
	close(peer->fd);
	return NULL;
}

static void *drain(void *arg)
{
	struct peer *peer = arg;
	uint8_t bytes[16384];
	ssize_t n;

	while ((n = read(peer->fd, bytes, sizeof(bytes))) > 0) {
		for (ssize_t i = 0; i < n; i++)
			peer->wrong += bytes[i] != stream_byte(peer->bytes + (unsigned)i);
		peer->bytes += (unsigned)n;
		usleep(peer->pause_us);
	}
	return NULL;
}

static void stream_in(struct world *w, uint64_t features)
{
	struct peer peer = { .fd = w->input };
	uint8_t bytes[GUEST_SLOT_BYTES];
	unsigned at = 0, chunk = 1;
	pthread_t thread;

	guest_start_thread(&w->guest);
	set_up(w, features);
	set_up_port(w, INPUT);
	assert_int_equal(pthread_create(&thread, NULL, feed, &peer), 0);
	w->input = -1;
	while (at < STREAM_BYTES) {
		uint32_t len;

		guest_offer(&w->guest, IN_OF(INPUT), chunk);
		chunk = 1 + (chunk * 7 + 13) % 4000;
		len = guest_wait(&w->guest, IN_OF(INPUT), bytes);
		for (unsigned i = 0; i < len; i++, at++) {
			if (bytes[i] != stream_byte(at))
				fail_msg("byte %u: expected %u, found %u", at, stream_byte(at),
					 bytes[i]);
		}
		if (at % 5 == 0) {
			bus_quiesce(&w->guest.bus);
			bus_resume(&w->guest.bus);
		}
	}
	expect(w, INPUT, OPEN, 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(peer.wrong, 0);
	assert_int_equal(at, STREAM_BYTES);
}

static void no_byte_is_lost_on_the_way_in_split(void **state)
{
	stream_in(*state, 0);
}

static void no_byte_is_lost_on_the_way_in_packed(void **state)
{
	stream_in(*state, VIRTIO_FEATURE_RING_PACKED | VIRTIO_FEATURE_EVENT_IDX);
}

/* Keep the queue as full as it gets. */
static void send_stream(struct world *w, unsigned port)
{
	struct guest *g = &w->guest;
	unsigned n = OUT_OF(port), at = 0, round = 0;
	uint8_t bytes[GUEST_SLOT_BYTES];

	while (at < STREAM_BYTES) {
		unsigned len = 1 + at * 7 % sizeof(bytes), left = STREAM_BYTES - at;

		len = len < left ? len : left;
		for (unsigned i = 0; i < len; i++)
			bytes[i] = stream_byte(at + i);
		if (g->queue[n].added - g->queue[n].collected == GUEST_SIZE)
			guest_wait(g, n, NULL);
		guest_send(g, n, bytes, len);
		at += len;
		if (++round % 7 == 0) {
			bus_quiesce(&g->bus);
			bus_resume(&g->bus);
		}
	}
}

static void stream_out(struct world *w, uint64_t features)
{
	struct peer peer = { .fd = w->output, .pause_us = 500 };
	pthread_t thread;

	guest_start_thread(&w->guest);
	set_up(w, features);
	set_up_port(w, OUTPUT);
	assert_int_equal(pthread_create(&thread, NULL, drain, &peer), 0);
	send_stream(w, OUTPUT);
	/* There may be much in the queue yet: the descriptor is closed behind it. */
	tell(w, OUTPUT, OPEN, 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(peer.wrong, 0);
	assert_int_equal(peer.bytes, STREAM_BYTES);
	assert_true(virtio_console_drained(&w->con));
}

static void no_byte_is_lost_on_the_way_out_split(void **state)
{
	stream_out(*state, 0);
}

static void no_byte_is_lost_on_the_way_out_packed(void **state)
{
	stream_out(*state, VIRTIO_FEATURE_RING_PACKED | VIRTIO_FEATURE_EVENT_IDX);
}

static void output_that_nobody_reads_waits_in_the_queue(void **state)
{
	struct world *w = *state;
	struct guest *g = &w->guest;
	unsigned n = OUT_OF(OUTPUT);
	static uint8_t page[GUEST_SLOT_BYTES];
	unsigned sent = 0;
	uint32_t len;

	set_up(w, 0);
	assert_true(virtio_console_drained(&w->con));
	while (g->queue[n].added - g->queue[n].collected < GUEST_SIZE) {
		guest_send(g, n, page, sizeof(page));
		sent += (unsigned)sizeof(page);
		guest_settle(g);
		while (guest_collect(g, n, NULL, &len))
			;
		if (sent > MIB(8))
			fail_msg("a pipe that nobody reads took %u bytes", sent);
	}
	assert_false(virtio_console_drained(&w->con));
	/* What has to be written is known after a pause, and forgotten by a reset. */
	bus_quiesce(&g->bus);
	assert_false(w->con.port[OUTPUT].out.watched);
	bus_resume(&g->bus);
	assert_true(w->con.port[OUTPUT].out.watched);
	set(g, R_STATUS, 0);
	assert_false(w->con.port[OUTPUT].out.watched);
	assert_int_equal(w->con.state.written[OUTPUT], 0);
}

/* Who waits for a guest's last words would wait for ever. */
static void output_without_a_kick_is_drained(void **state)
{
	struct world *w = *state;
	struct guest *g = &w->guest;
	unsigned n = OUT_OF(OUTPUT);

	set_up(w, 0);
	memcpy(guest_memory(g, slot_at(n, guest_add(g, n, 3, false)), 3), "end", 3);
	assert_true(virtio_console_drained(&w->con));
	expect_bytes(w->output, "end");
}

/* Nor does it get out of a device that nobody lets go on. */
static void output_of_a_paused_guest_is_not_waited_for(void **state)
{
	struct world *w = *state;
	struct guest *g = &w->guest;

	set_up(w, 0);
	bus_quiesce(&g->bus);
	guest_send(g, OUT_OF(OUTPUT), "end", 3);
	assert_true(virtio_console_drained(&w->con));
}

static void output_to_nobody_is_taken_all_the_same(void **state)
{
	struct world *w = *state;

	set_up(w, 0);
	set_up_port(w, OUTPUT);
	close_fd(&w->output);
	for (unsigned i = 0; i < 20; i++) {
		guest_send(&w->guest, OUT_OF(OUTPUT), "lost", 4);
		guest_wait(&w->guest, OUT_OF(OUTPUT), NULL);
	}
	assert_int_equal(w->con.port[OUTPUT].out.fd, -1);
	/* A port without a way out. */
	guest_send(&w->guest, OUT_OF(INPUT), "lost", 4);
	guest_wait(&w->guest, OUT_OF(INPUT), NULL);
}

static void a_port_hangs_up_with_its_reader_if_told_to(void **state)
{
	struct world *w = *state;

	w->con.port[OUTPUT].hang_up = true;
	set_up(w, 0);
	set_up_port(w, OUTPUT);
	guest_send(&w->guest, OUT_OF(OUTPUT), "read", 4);
	guest_wait(&w->guest, OUT_OF(OUTPUT), NULL);
	expect_bytes(w->output, "read");
	expect_no_message(w);
	close_fd(&w->output);
	guest_send(&w->guest, OUT_OF(OUTPUT), "lost", 4);
	guest_wait(&w->guest, OUT_OF(OUTPUT), NULL);
	expect(w, OUTPUT, OPEN, 0);
	/* Once; what the guest still had in its queue is taken. */
	guest_send(&w->guest, OUT_OF(OUTPUT), "lost", 4);
	guest_wait(&w->guest, OUT_OF(OUTPUT), NULL);
	expect_no_message(w);
}

static void a_port_that_the_guest_closes_ends_its_output(void **state)
{
	struct world *w = *state;
	uint8_t byte;

	set_up(w, 0);
	set_up_port(w, OUTPUT);
	set_up_port(w, TTY);
	guest_send(&w->guest, OUT_OF(OUTPUT), "bye", 3);
	tell(w, OUTPUT, OPEN, 0);
	expect_bytes(w->output, "bye");
	assert_int_equal(read(w->output, &byte, 1), 0);
	/* Only if the port says so. */
	tell(w, TTY, OPEN, 0);
	assert_true(w->con.port[TTY].out.fd >= 0);
}

/* ---- ports that rasvm serves ---- */

static void a_served_port_hears_the_guest(void **state)
{
	struct world *w = *state;
	uint8_t bytes[3000];

	set_up(w, 0);
	set_up_port(w, SERVED);
	assert_int_equal(w->opens, 1);
	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = stream_byte(i);
	guest_send(&w->guest, OUT_OF(SERVED), bytes, sizeof(bytes));
	guest_wait(&w->guest, OUT_OF(SERVED), NULL);
	assert_int_equal(w->got_bytes, sizeof(bytes));
	assert_memory_equal(w->got, bytes, sizeof(bytes));
	tell(w, SERVED, OPEN, 0);
	assert_int_equal(w->closes, 1);
	tell(w, SERVED, OPEN, 1);
	set(&w->guest, R_STATUS, 0);
	assert_int_equal(w->closes, 2);
}

static void a_served_port_may_answer_at_once(void **state)
{
	struct world *w = *state;

	w->reply = true;
	set_up(w, VIRTIO_FEATURE_RING_PACKED);
	set_up_port(w, SERVED);
	for (unsigned i = 0; i < 20; i++) {
		guest_offer(&w->guest, IN_OF(SERVED), 64);
		guest_send(&w->guest, OUT_OF(SERVED), "hello", 5);
		guest_wait(&w->guest, OUT_OF(SERVED), NULL);
		expect_input(w, SERVED, "ack");
	}
	assert_int_equal(w->got_bytes, 100);
}

static void one_that_never_stops_writing_does_not_keep_the_thread(void **state)
{
	struct world *w = *state;

	set_up(w, 0);
	set_up_port(w, SERVED);
	guest_never_stops(&w->guest, OUT_OF(SERVED), 1, false);
}

static void what_is_sent_is_held_up_to_a_limit(void **state)
{
	struct world *w = *state;
	uint8_t bytes[VIRTIO_CONSOLE_BACKLOG], found[GUEST_SLOT_BYTES];

	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = stream_byte(i);
	guest_start_thread(&w->guest);
	assert_int_equal(virtio_console_send(&w->con, SERVED, bytes, sizeof(bytes) - 1), 0);
	assert_int_equal(virtio_console_send(&w->con, SERVED, bytes, 2), -EAGAIN);
	assert_int_equal(virtio_console_send(&w->con, SERVED, bytes + sizeof(bytes) - 1, 1), 0);
	assert_int_equal(virtio_console_send(&w->con, SERVED, bytes, 1), -EAGAIN);
	assert_int_equal(virtio_console_send(&w->con, INPUT, bytes, 1), -EINVAL);
	assert_int_equal(virtio_console_send(&w->con, NR_PORTS, bytes, 1), -EINVAL);
	set_up(w, 0);
	guest_offer(&w->guest, IN_OF(SERVED), 1000);
	expect_no_input(w, SERVED);
	set_up_port(w, SERVED);
	for (unsigned at = 0; at < sizeof(bytes);) {
		uint32_t len = guest_wait(&w->guest, IN_OF(SERVED), found);

		assert_true(len && len <= sizeof(bytes) - at);
		assert_memory_equal(found, bytes + at, len);
		at += len;
	}
	expect_no_input(w, SERVED);
	assert_int_equal(virtio_console_send(&w->con, SERVED, bytes, 1), 0);
}

static void resize_is_told_to_terminals_that_the_guest_knows(void **state)
{
	struct world *w = *state;
	uint8_t bytes[GUEST_SLOT_BYTES];

	set_up(w, 0);
	set_up_port(w, TTY);
	set_up_port(w, INPUT);
	guest_interrupts(&w->guest);
	virtio_console_resize(&w->con, 100, 50);
	assert_int_equal(guest_wait(&w->guest, CONTROL_IN, bytes), 12);
	assert_memory_equal(bytes, "\0\0\0\0\5\0\1\0\x64\0\x32\0", 12);
	expect_no_message(w);
	assert_true(get(&w->guest, R_ISR) & VIRTIO_ISR_CONFIG);
}

/* ---- descriptors of other kinds ---- */

static void one_socket_serves_both_directions(void **state)
{
	struct world *w = new_world();
	struct console_port_config ports[2] = { { .name = "tty", -1, -1, .console = true },
						{ .name = "socket" } };
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	ports[1].in_fd = ports[1].out_fd = fd[0];
	w->input = fd[1];
	*state = w;
	open_console(w, ports, 2);
	set_up(w, 0);
	set_up_port(w, 1);
	guest_offer(&w->guest, IN_OF(1), 64);
	put(w->input, "ping", 4);
	expect_input(w, 1, "ping");
	guest_send(&w->guest, OUT_OF(1), "pong", 4);
	guest_wait(&w->guest, OUT_OF(1), NULL);
	expect_bytes(w->input, "pong");
	/* We have no more to say, but still listen. */
	assert_int_equal(shutdown(w->input, SHUT_WR), 0);
	expect(w, 1, OPEN, 0);
	guest_send(&w->guest, OUT_OF(1), "more", 4);
	guest_wait(&w->guest, OUT_OF(1), NULL);
	expect_bytes(w->input, "more");
}

static int open_file(void)
{
	char path[] = "/tmp/rasvm-test-console-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	unlink(path);
	return fd;
}

static void files_are_read_to_their_end_and_written(void **state)
{
	struct world *w = new_world();
	struct console_port_config ports[2] = { { .name = "tty", -1, -1, .console = true },
						{ .name = "file" } };
	uint8_t bytes[GUEST_SLOT_BYTES];
	unsigned at = 0;

	*state = w;
	ports[1].in_fd = open_file();
	ports[1].out_fd = open_file();
	w->output = dup(ports[1].out_fd);
	for (unsigned i = 0; i < 100000; i++) {
		uint8_t byte = stream_byte(i);

		assert_int_equal(pwrite(ports[1].in_fd, &byte, 1, i), 1);
	}
	open_console(w, ports, 2);
	set_up(w, 0);
	set_up_port(w, 1);
	while (at < 100000) {
		uint32_t len;

		guest_offer(&w->guest, IN_OF(1), 999);
		len = guest_wait(&w->guest, IN_OF(1), bytes);
		for (unsigned i = 0; i < len; i++, at++)
			assert_int_equal(bytes[i], stream_byte(at));
	}
	guest_offer(&w->guest, IN_OF(1), 999);
	expect(w, 1, OPEN, 0);
	guest_send(&w->guest, OUT_OF(1), "written", 7);
	guest_wait(&w->guest, OUT_OF(1), NULL);
	assert_int_equal(pread(w->output, bytes, sizeof(bytes), 0), 7);
	assert_memory_equal(bytes, "written", 7);
}

static void the_open_file_of_others_does_not_become_non_blocking(void **state)
{
	struct world *w = new_world();
	struct console_port_config port = { .name = "tty", .console = true };
	int in, out;

	*state = w;
	make_pipe(&in, &w->tty_in);
	make_pipe(&w->tty_out, &out);
	port.in_fd = dup(in);
	port.out_fd = dup(out);
	open_console(w, &port, 1);
	assert_int_equal(fcntl(in, F_GETFL) & O_NONBLOCK, 0);
	assert_int_equal(fcntl(out, F_GETFL) & O_NONBLOCK, 0);
	assert_int_equal(w->con.port[0].in.kind, CONSOLE_FD_FREE);
	assert_int_equal(w->con.port[0].out.kind, CONSOLE_FD_FREE);
	close(in);
	close(out);
}

/* It was opened for both, as --port does: neither is there a reader yet, nor is a writer's end the end. */
static void the_other_end_of_a_fifo_comes_and_goes(void **state)
{
	char path[] = "/tmp/rasvm-test-XXXXXX", fifo[48];
	struct iovec iov;
	struct console_fd in, out;
	struct err err = { "" };
	char bytes[8] = "written";
	int other;

	(void)state;
	assert_non_null(mkdtemp(path));
	snprintf(fifo, sizeof(fifo), "%s/fifo", path);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(console_fd_open(&out, open(fifo, O_RDWR | O_CLOEXEC), O_WRONLY, &err), 0);
	iov = (struct iovec){ bytes, 7 };
	assert_int_equal(console_fd_writev(&out, &iov, 1), 7);
	other = open(fifo, O_RDONLY | O_NONBLOCK);
	assert_int_equal(read(other, bytes, sizeof(bytes)), 7);
	close(other);
	close(out.fd);

	assert_int_equal(console_fd_open(&in, open(fifo, O_RDWR | O_CLOEXEC), O_RDONLY, &err), 0);
	iov = (struct iovec){ bytes, sizeof(bytes) };
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(console_fd_readv(&in, &iov, 1), -EAGAIN);
		other = open(fifo, O_WRONLY | O_NONBLOCK);
		assert_int_equal(write(other, "again", 5), 5);
		close(other);
		assert_int_equal(console_fd_readv(&in, &iov, 1), 5);
	}
	close(in.fd);
	unlink(fifo);
	rmdir(path);
}

/* So a guest that writes gigabytes to it at once does not hold up all other devices. */
static void a_regular_file_takes_a_share_at_once(void **state)
{
	static const struct {
		size_t len[3];
		ssize_t expected;
	} writes[] = {
		{ { KIB(100), 0, KIB(100) }, KIB(200) }, { { KIB(200), KIB(200), 1 }, KIB(200) },
		{ { KIB(256), 1, 1 }, KIB(256) },        { { MIB(1), 1, 1 }, KIB(256) },
		{ { 0, MIB(1), 1 }, KIB(256) },
	};
	char path[] = "/tmp/rasvm-test-XXXXXX";
	uint8_t *bytes = calloc(1, MIB(1));
	struct console_fd f;
	struct err err = { "" };

	(void)state;
	assert_non_null(bytes);
	assert_int_equal(console_fd_open(&f, mkstemp(path), O_RDWR, &err), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(writes); i++) {
		struct iovec iov[3];
		ssize_t found;

		for (unsigned k = 0; k < 3; k++)
			iov[k] = (struct iovec){ bytes, writes[i].len[k] };
		found = console_fd_writev(&f, iov, 3);
		if (found != writes[i].expected)
			fail_msg("row %u: expected %zd bytes, found %zd", i, writes[i].expected,
				 found);
	}
	close(f.fd);
	unlink(path);
	free(bytes);
}

/* A pipe that nobody reads yet cannot be opened again. */
static void a_descriptor_that_must_block_is_asked_first(void **state)
{
	struct world *w = new_world();
	struct console_port_config port = { .name = "tty", .in_fd = -1, .console = true };
	static uint8_t page[GUEST_SLOT_BYTES];
	struct console_fd *out = &w->con.port[0].out;
	uint8_t back[GUEST_SLOT_BYTES];
	ssize_t n, got = 0;

	*state = w;
	make_pipe(&w->output, &port.out_fd);
	open_console(w, &port, 1);
	out->kind = CONSOLE_FD_BLOCKING;
	assert_int_equal(fcntl(out->fd, F_SETFL, 0), 0);
	assert_true(fcntl(out->fd, F_SETPIPE_SZ, 4096) > 0);
	alarm(60); /* if it does block, this ends the test */
	set_up(w, 0);
	for (unsigned i = 0; i < GUEST_SIZE; i++)
		guest_send(&w->guest, OUT_OF(0), page, sizeof(page));
	guest_settle(&w->guest);
	assert_int_equal(fcntl(w->output, F_SETFL, O_NONBLOCK), 0);
	while (got < (ssize_t)(GUEST_SIZE * sizeof(page))) {
		n = read(w->output, back, sizeof(back));
		got += n > 0 ? n : 0;
		guest_settle(&w->guest);
	}
	alarm(0);
	assert_int_equal(got, GUEST_SIZE * sizeof(page));
	for (unsigned i = 0; i < GUEST_SIZE; i++)
		guest_wait(&w->guest, OUT_OF(0), NULL);
}

/* ---- opening ---- */

static bool is_closed(int fd)
{
	return fcntl(fd, F_GETFD) < 0 && errno == EBADF;
}

static void expect_refusal(struct world *w, const struct console_port_config *ports, unsigned n,
			   int expected, const char *part)
{
	struct err err = { "" };
	int r = virtio_console_open(&w->con, ports, n, &w->guest.io, &w->guest.ram, 0, &err);

	if (r != expected || !strstr(err.text, part))
		fail_msg("expected %d and \"%s\", found %d and \"%s\"", expected, part, r,
			 err.text);
	for (unsigned i = 0; i < n; i++) {
		if (ports[i].in_fd >= 0 && !is_closed(ports[i].in_fd))
			fail_msg("%s: input of port %u is still open", part, i);
		if (ports[i].out_fd >= 0 && !is_closed(ports[i].out_fd))
			fail_msg("%s: output of port %u is still open", part, i);
	}
}

static void what_cannot_be_opened_is_said_and_closed(void **state)
{
	static const char *const too_long = "a-name-of-more-than-thirty-one-bytes";
	struct console_port_config ports[VIRTIO_CONSOLE_MAX_PORTS + 1] = { { .name = "p" } };
	struct world *w = new_world();

	*state = w;
	expect_refusal(w, ports, 0, -EINVAL, "0 ports");
	for (unsigned i = 0; i < ARRAY_SIZE(ports); i++)
		ports[i] = (struct console_port_config){ .name = "p", open_file(), open_file() };
	expect_refusal(w, ports, ARRAY_SIZE(ports), -EINVAL, "17 ports");
	for (unsigned i = 0; i < 3; i++)
		ports[i] = (struct console_port_config){ .name = "p", open_file(), open_file() };
	ports[1].name = too_long;
	expect_refusal(w, ports, 3, -ENAMETOOLONG, too_long);
	for (unsigned i = 0; i < 3; i++)
		ports[i] = (struct console_port_config){ .name = "p", open_file(), open_file() };
	close(ports[1].in_fd);
	expect_refusal(w, ports, 3, -EBADF, "cannot carry a console port");
	for (unsigned i = 0; i < 3; i++)
		ports[i] = (struct console_port_config){ .name = "p", open_file(), open_file() };
	close(ports[1].out_fd);
	ports[1].out_fd = open("/", O_RDONLY | O_DIRECTORY);
	expect_refusal(w, ports, 3, -EISDIR, "cannot carry a console port");
	virtio_console_close(&w->con);
}

#define T(name)     cmocka_unit_test_setup_teardown(name, build, tear_down)
#define ALONE(name) cmocka_unit_test_setup_teardown(name, NULL, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_field_table_covers_the_state),
		T(the_configuration_has_size_and_ports),
		T(ports_are_introduced_in_the_order_of_the_specification),
		T(messages_wait_for_buffers),
		T(messages_that_make_no_sense_are_ignored),
		T(a_control_buffer_that_is_too_small_breaks_its_queue),
		T(input_waits_until_the_port_is_open),
		T(a_terminal_takes_input_at_once),
		T(input_stays_in_the_pipe_without_buffers),
		T(input_is_not_watched_when_the_buffers_end),
		T(the_end_of_input_closes_the_port_after_the_last_byte),
		T(the_end_of_a_terminal_s_input_is_not_told),
		T(a_buffer_for_input_without_room_breaks_its_queue),
		T(a_driver_of_one_port_is_served),
		T(output_without_bytes_comes_back),
		T(no_byte_is_lost_on_the_way_in_split),
		T(no_byte_is_lost_on_the_way_in_packed),
		T(no_byte_is_lost_on_the_way_out_split),
		T(no_byte_is_lost_on_the_way_out_packed),
		T(output_that_nobody_reads_waits_in_the_queue),
		T(output_without_a_kick_is_drained),
		T(output_of_a_paused_guest_is_not_waited_for),
		T(output_to_nobody_is_taken_all_the_same),
		T(a_port_hangs_up_with_its_reader_if_told_to),
		T(a_port_that_the_guest_closes_ends_its_output),
		T(a_served_port_hears_the_guest),
		T(a_served_port_may_answer_at_once),
		T(one_that_never_stops_writing_does_not_keep_the_thread),
		T(what_is_sent_is_held_up_to_a_limit),
		T(resize_is_told_to_terminals_that_the_guest_knows),
		ALONE(one_socket_serves_both_directions),
		ALONE(files_are_read_to_their_end_and_written),
		ALONE(the_open_file_of_others_does_not_become_non_blocking),
		cmocka_unit_test(a_regular_file_takes_a_share_at_once),
		ALONE(a_descriptor_that_must_block_is_asked_first),
		cmocka_unit_test(the_other_end_of_a_fifo_comes_and_goes),
		ALONE(what_cannot_be_opened_is_said_and_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
