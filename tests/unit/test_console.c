/*
 * The console's two ways and its terminal: nothing lost, nothing blocked, no busy loop, whatever
 * stands at the other end. The thread of the loop plays the guest as well; test_console_threads.c
 * has a second thread.
 */
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>

#include "console_fixture.h"
#include "lib/tty.h"

#define SPIN_MS        200
#define MAX_ROUNDS     (SPIN_MS / 10 + 30) /* one each 10 ms, and some that had work */
#define INPUT_BYTES    65536
#define MAX_LATENCY_MS 50 /* the promise is 10; the machine may be busy */
#define PANIC_LINE     "Kernel panic - not syncing: Attempted to kill init!\r\n"
#define PANIC_END_LINE "---[ end Kernel panic - not syncing: Attempted to kill init! ]---\r\n"
#define CHILD_SECONDS  20

/* write(2) calls with data for the guest's reader. */
static unsigned console_writes;
static int counted_fd = -1;

/* In place of the C library's: counts. */
ssize_t write(int fd, const void *bytes, size_t n)
{
	if (fd == counted_fd)
		console_writes++;
	return syscall(SYS_write, fd, bytes, n);
}

static void expect_idle(struct fixture *f, const char *when)
{
	unsigned rounds = run_ms(f, SPIN_MS);

	if (rounds > MAX_ROUNDS)
		fail_msg("%s: expected at most %u rounds of the loop in %u ms, found %u", when,
			 MAX_ROUNDS, SPIN_MS, rounds);
}

/* What somebody typed comes when the kernel hands it over: until a count is what is expected, or for long. */
static void run_until(struct fixture *f, const unsigned *count, unsigned n)
{
	for (int i = 0; i < 1000 && *count < n; i++)
		run_ms(f, 10);
}

static void expect_quits(struct fixture *f, unsigned n)
{
	run_until(f, &f->quits, n);
	if (f->quits != n)
		fail_msg("expected %u requests to quit, found %u", n, f->quits);
}

/* ---- ends that go away ---- */

/* A writer that has gone, with bytes pending in the console and on the way to it. */
static void leave_with_bytes_pending(struct fixture *f)
{
	struct stream got = { 0 };
	uint64_t end = clock_now_ns() + 20 * NS_PER_SEC;
	uint8_t bytes[64];
	size_t n;

	open_console(f);
	assert_int_equal(give_in(f->in, 0, 10000), 10000);
	run_ms(f, 20);
	fixture_close_far(&f->in);
	expect_idle(f, "the writer is gone and the guest takes nothing");
	guest_listen(f);
	do {
		run_ms(f, 1);
		while ((n = guest_receive(f, bytes, sizeof(bytes))))
			stream_take(&got, bytes, n);
	} while (got.n < 10000 && clock_now_ns() < end);
	run_ms(f, 20);
	expect_stream("the guest", &got, 10000);
	expect_idle(f, "input has ended");
	expect_quits(f, 0);
}

static void a_pipe_whose_writer_left_early_does_not_spin(void **state)
{
	struct fixture *f = *state;

	stdin_is_pipe(f);
	stdout_is_pipe(f);
	leave_with_bytes_pending(f);
}

static void a_socket_whose_writer_left_early_does_not_spin(void **state)
{
	struct fixture *f = *state;

	is_socket(&f->in, STDIN_FILENO);
	stdout_is_pipe(f);
	leave_with_bytes_pending(f);
}

/* The guest has something to say for `ms`; returns how much of the stream it got rid of. */
static size_t send_for(struct fixture *f, size_t from, unsigned ms)
{
	uint64_t end = clock_now_ns() + ms * NS_PER_MS;
	uint8_t bytes[4096];
	size_t n;

	while (clock_now_ns() < end) {
		do {
			stream_fill(bytes, from, sizeof(bytes));
			n = guest_send(f, bytes, sizeof(bytes));
			from += n;
		} while (n == sizeof(bytes));
		assert_int_equal(loop_once(&f->loop, 1), 0);
	}
	return from;
}

/* The guest is not held up: it gets rid of more than fits anywhere, and soon. Returns as above. */
static size_t expect_guest_goes_on(struct fixture *f, const char *when, size_t from)
{
	size_t wanted = from + 4 * UART_TX_RING, sent = from;

	/* 5 s, but for what the host holds up. */
	for (unsigned i = 0; i < 500 && sent < wanted; i++)
		sent = send_for(f, sent, 10);
	if (sent < wanted)
		fail_msg("%s: expected the guest to go on and get rid of %zu bytes, found it stuck "
			 "after %zu",
			 when, wanted - from, sent - from);
	return sent;
}

/* The reader leaves; the machine is told once, the loop rests and the guest is not held up. */
static void lose_the_reader(struct fixture *f)
{
	fixture_close_far(&f->out);
	expect_idle(f, "the reader is gone");
	expect_guest_goes_on(f, "the reader is gone", 0);
	expect_quits(f, 1);
	expect_idle(f, "the reader is gone and the guest wrote");
}

static void a_pipe_whose_reader_left_ends_the_run(void **state)
{
	struct fixture *f = *state;

	stdin_is_pipe(f);
	stdout_is_pipe(f);
	open_console(f);
	lose_the_reader(f);
}

static void a_full_pipe_whose_reader_left_ends_the_run(void **state)
{
	struct fixture *f = *state;

	stdin_is_pipe(f);
	stdout_is_pipe(f);
	open_console(f);
	send_for(f, 0, 50);
	expect_idle(f, "the pipe is full");
	expect_quits(f, 0);
	lose_the_reader(f);
}

static void a_socket_whose_reader_left_ends_the_run(void **state)
{
	struct fixture *f = *state;

	stdin_is_pipe(f);
	is_socket(&f->out, STDOUT_FILENO);
	open_console(f);
	send_for(f, 0, 50);
	lose_the_reader(f);
}

/* ---- keys ---- */

/* A new terminal: the slave in cooked mode, as a shell leaves it. */
struct terminal {
	int master, slave;
	struct termios before;
};

static bool terminal_open(struct terminal *t)
{
	char name[64];

	t->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (t->master < 0 || grantpt(t->master) || unlockpt(t->master) ||
	    ptsname_r(t->master, name, sizeof(name)))
		return false;
	t->slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	return t->slave >= 0 && tcgetattr(t->slave, &t->before) == 0;
}

static void terminal_close(struct terminal *t)
{
	close(t->slave);
	close(t->master);
}

static bool terminal_is(const struct terminal *t, const struct termios *wanted)
{
	struct termios now;

	return tcgetattr(t->slave, &now) == 0 && now.c_iflag == wanted->c_iflag &&
	       now.c_oflag == wanted->c_oflag && now.c_cflag == wanted->c_cflag &&
	       now.c_lflag == wanted->c_lflag;
}

static bool terminal_is_raw(const struct terminal *t)
{
	struct termios now;

	return tcgetattr(t->slave, &now) == 0 && !(now.c_lflag & (ICANON | ECHO | ISIG));
}

static struct terminal stdin_is_terminal(struct fixture *f)
{
	struct terminal t;

	assert_true(terminal_open(&t));
	dup2(t.slave, STDIN_FILENO);
	stdout_is_pipe(f);
	return t;
}

static void type(struct fixture *f, const struct terminal *t, const char *keys, size_t n)
{
	assert_int_equal(write(t->master, keys, n), n);
	run_ms(f, 100); /* mostly long enough; what has to be there is waited for */
}

static void expect_guest_reads(struct fixture *f, const char *wanted)
{
	char got[256] = { 0 };
	size_t n = 0;

	for (int i = 0; i < 1000 && (n < strlen(wanted) || i < 20); i++) {
		n += guest_receive(f, (uint8_t *)got + n, sizeof(got) - 1 - n);
		run_ms(f, 1);
	}
	assert_string_equal(got, wanted);
}

static void ctrl_a_x_works_while_a_key_waits_for_the_guest(void **state)
{
	struct fixture *f = *state;
	struct terminal t = stdin_is_terminal(f);

	open_console(f);
	type(f, &t, "q", 1);
	expect_idle(f, "the guest does not take the key");
	type(f, &t, "\x01", 1);
	expect_quits(f, 0);
	type(f, &t, "x", 1);
	expect_quits(f, 1);
	guest_listen(f);
	expect_guest_reads(f, "q");
	terminal_close(&t);
}

static void ctrl_a_p_pauses_and_does_not_reach_the_guest(void **state)
{
	struct fixture *f = *state;
	struct terminal t = stdin_is_terminal(f);

	open_console(f);
	guest_listen(f);
	type(f, &t, "a\x01pb\x01P", 6);
	run_until(f, &f->pauses, 2);
	if (f->pauses != 2)
		fail_msg("expected 2 requests to pause or go on, found %u", f->pauses);
	expect_quits(f, 0);
	expect_guest_reads(f, "ab");
	terminal_close(&t);
}

static void ctrl_a_x_works_after_more_keys_than_are_kept(void **state)
{
	struct fixture *f = *state;
	struct terminal t = stdin_is_terminal(f);
	uint8_t got[2 * CONSOLE_IN_BYTES];
	char keys[500];
	size_t n = 0;

	memset(keys, 'k', sizeof(keys));
	open_console(f);
	for (size_t typed = 0; typed < 2 * CONSOLE_IN_BYTES; typed += sizeof(keys))
		type(f, &t, keys, sizeof(keys));
	type(f, &t, "\x01x", 2);
	expect_quits(f, 1);
	guest_listen(f);
	for (int i = 0; i < 400; i++) {
		n += guest_receive(f, got + n, sizeof(got) - n);
		assert_int_equal(loop_once(&f->loop, 0), 0);
	}
	if (n != CONSOLE_IN_BYTES)
		fail_msg("expected the first %u keys, found %zu", CONSOLE_IN_BYTES, n);
	terminal_close(&t);
}

static void escape_keys_do_not_reach_the_guest(void **state)
{
	struct fixture *f = *state;
	struct terminal t = stdin_is_terminal(f);

	open_console(f);
	guest_listen(f);
	type(f, &t,
	     "a\x01"
	     "ab\x01\x01"
	     "c\x01",
	     8);
	type(f, &t, "Xd", 2);
	expect_guest_reads(f, "a\x01"
			      "b\x01"
			      "cd");
	expect_quits(f, 1);
	terminal_close(&t);
}

static void a_pipe_has_no_escape_keys(void **state)
{
	struct fixture *f = *state;

	stdin_is_pipe(f);
	stdout_is_pipe(f);
	open_console(f);
	guest_listen(f);
	assert_int_equal(write(f->in, "\x01x", 2), 2);
	run_ms(f, 20);
	expect_guest_reads(f, "\x01x");
	expect_quits(f, 0);
}

static void a_terminal_that_hangs_up_does_not_spin(void **state)
{
	struct fixture *f = *state;
	struct terminal t = stdin_is_terminal(f);

	open_console(f);
	type(f, &t, "q", 1);
	run_until(f, &f->console.in.len, 1);
	close(t.master);
	expect_idle(f, "the terminal is gone");
	guest_listen(f);
	expect_guest_reads(f, "q");
	expect_quits(f, 0);
	close(t.slave);
}

/* ---- a pty of our own ---- */

static int open_pty_reader(struct fixture *f)
{
	char name[64];
	int fd;

	assert_int_equal(ptsname_r(f->console.in.fd, name, sizeof(name)), 0);
	fd = open(name, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

/* What the guest sent is out: read it to its end. */
static void read_rest(struct fixture *f, int fd, struct stream *got, size_t n)
{
	uint64_t end = clock_now_ns() + 10 * NS_PER_SEC;

	while (got->n < n && clock_now_ns() < end) {
		take_out(fd, got);
		assert_int_equal(loop_once(&f->loop, 1), 0);
	}
}

/* In small pieces: the ring becomes empty again and again until the reader's side is full. */
static size_t trickle_for(struct fixture *f, size_t from, unsigned ms)
{
	uint64_t end = clock_now_ns() + ms * NS_PER_MS;
	uint8_t bytes[300];

	while (clock_now_ns() < end) {
		stream_fill(bytes, from, sizeof(bytes));
		from += guest_send(f, bytes, sizeof(bytes));
		assert_int_equal(loop_once(&f->loop, 1), 0);
	}
	return from;
}

#define AWAY_NS (500 * NS_PER_MS) /* longer than the pause below, shorter than CONSOLE_DROP_NS */

/* Who reads a pty, as the test plays him: what he got, and the longest time for which he did not look. */
struct reader {
	struct stream got;
	uint64_t looked_ns;
	uint64_t away_ns;
};

/* He looks, and takes what there is, but no more than 2000 bytes at a time if he is slow. */
static void read_some(struct fixture *f, struct reader *r, bool slow)
{
	uint64_t now_ns = clock_now_ns();
	uint8_t bytes[2000];

	if (now_ns - r->looked_ns > r->away_ns)
		r->away_ns = now_ns - r->looked_ns;
	r->looked_ns = now_ns;
	if (slow)
		stream_take(&r->got, bytes, read_out(f->out, bytes, sizeof(bytes)));
	else
		take_out(f->out, &r->got);
}

/* False: the host held up this process, and so the reader; what was dropped meanwhile says nothing. */
static bool reads_everything(struct fixture *f, size_t (*play)(struct fixture *, struct reader *))
{
	struct reader r = { .looked_ns = clock_now_ns() };
	uint64_t end;
	size_t sent;

	f->config.console = CONSOLE_PTY;
	open_console(f);
	f->out = open_pty_reader(f);
	sent = play(f, &r);
	end = clock_now_ns() + 10 * NS_PER_SEC;
	while (r.got.n < sent && r.away_ns < AWAY_NS && clock_now_ns() < end) {
		read_some(f, &r, false);
		assert_int_equal(loop_once(&f->loop, 1), 0);
	}
	if (r.away_ns >= AWAY_NS)
		return false;
	expect_stream("the pty", &r.got, sent);
	assert_true(sent > UART_TX_RING);
	return true;
}

static void expect_reads_everything(void **state, size_t (*play)(struct fixture *, struct reader *))
{
	for (unsigned tries = 0; tries < 5; tries++) {
		if (reads_everything(*state, play))
			return;
		assert_int_equal(fixture_destroy(state), 0);
		assert_int_equal(fixture_build(state), 0);
	}
	skip(); /* this host stands still too often */
}

static size_t pause_300_ms(struct fixture *f, struct reader *r)
{
	size_t sent = trickle_for(f, 0, 200);

	sent = send_for(f, sent, 100);
	for (int i = 0; i < 20; i++) {
		read_some(f, r, false);
		sent = send_for(f, sent, 10);
	}
	return sent;
}

static void a_pty_reader_that_pauses_300_ms_gets_everything(void **state)
{
	expect_reads_everything(state, pause_300_ms);
}

/* He takes less than the guest gives, but does take it. */
static size_t read_a_little(struct fixture *f, struct reader *r)
{
	size_t sent = 0;

	for (int i = 0; i < 100; i++) {
		read_some(f, r, true);
		sent = send_for(f, sent, 25);
	}
	return sent;
}

static void a_slow_pty_reader_gets_everything(void **state)
{
	expect_reads_everything(state, read_a_little);
}

/* Longer than the guest may be held up. */
static size_t send_without_reader(struct fixture *f)
{
	size_t held = send_for(f, 0, CONSOLE_DROP_NS / NS_PER_MS * 8 / 10);

	return expect_guest_goes_on(f, "nobody reads", held);
}

/* All that the reader can have now; true if `text` is the end of it. */
static bool reads_at_last(struct fixture *f, int fd, const char *text)
{
	char tail[64] = { 0 };
	size_t keep = strlen(text), n;
	uint8_t bytes[4096];

	for (int i = 0; i < 20; i++, run_ms(f, 5)) {
		while ((n = read_out(fd, bytes, sizeof(bytes)))) {
			size_t from = n < keep ? n : keep;

			memmove(tail, tail + from, keep - from);
			memcpy(tail + keep - from, bytes + n - from, from);
		}
	}
	return memcmp(tail, text, keep) == 0;
}

static void a_pty_nobody_reads_drops_output_until_a_reader_returns(void **state)
{
	static const char again[] = "hello again\r\n";
	struct fixture *f = *state;

	f->config.console = CONSOLE_PTY;
	open_console(f);
	send_without_reader(f);
	expect_idle(f, "nobody reads");
	f->out = open_pty_reader(f);
	reads_at_last(f, f->out, again); /* the old */
	assert_int_equal(guest_send(f, (const uint8_t *)again, strlen(again)), strlen(again));
	if (!reads_at_last(f, f->out, again))
		fail_msg("expected new output for the reader that returned, found none");
	expect_idle(f, "the reader is back");
	fixture_close_far(&f->out);
	send_without_reader(f);
	expect_quits(f, 0);
}

/* As arm64/machine.c ends. */
static void expect_flush_ends(struct fixture *f, const char *when)
{
	unsigned rounds = 0;

	/* 3 s, but for what the host holds up. */
	while (!console_flush(&f->console) && rounds++ < 30)
		run_ms(f, 100);
	if (rounds > 30)
		fail_msg("%s: expected the last output to be given up after %.1f s, found it "
			 "waiting after 3 s",
			 when, (double)CONSOLE_DROP_NS / 1e9);
}

static void a_pty_nobody_reads_does_not_hold_up_the_end(void **state)
{
	struct fixture *f = *state;

	f->config.console = CONSOLE_PTY;
	open_console(f);
	send_for(f, 0, 50);
	assert_false(console_flush(&f->console));
	expect_flush_ends(f, "nobody ever read");
}

static void a_pty_reader_that_came_and_went_does_not_hold_up_the_end(void **state)
{
	struct fixture *f = *state;
	uint8_t bytes[4096];
	size_t sent;

	f->config.console = CONSOLE_PTY;
	open_console(f);
	sent = send_without_reader(f);
	f->out = open_pty_reader(f);
	assert_true(read_out(f->out, bytes, sizeof(bytes)) > 0);
	send_for(f, sent, 20);
	fixture_close_far(&f->out);
	expect_flush_ends(f, "the reader left again");
}

static void a_pty_takes_input(void **state)
{
	struct fixture *f = *state;

	f->config.console = CONSOLE_PTY;
	open_console(f);
	f->out = open_pty_reader(f);
	assert_int_equal(write(f->out, "\x01xyz", 4), 4);
	expect_idle(f, "the guest takes nothing");
	guest_listen(f);
	expect_guest_reads(f, "\x01xyz");
	fixture_close_far(&f->out);
	expect_idle(f, "the other end was closed");
	f->out = open_pty_reader(f);
	assert_int_equal(write(f->out, "back", 4), 4);
	run_ms(f, 20);
	expect_guest_reads(f, "back");
	expect_quits(f, 0);
}

/* ---- output ---- */

static void a_blocking_socket_does_not_block_the_loop(void **state)
{
	struct fixture *f = *state;
	struct stream got = { 0 };
	uint64_t begin = clock_now_ns(), ms;
	int small = 1, flags;
	size_t sent;

	stdin_is_pipe(f);
	is_socket(&f->out, STDOUT_FILENO);
	setsockopt(STDOUT_FILENO, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	open_console(f);
	sent = send_for(f, 0, 300);
	for (int i = 0; i < 10; i++) {
		uint8_t bytes[700];

		stream_take(&got, bytes, read_out(f->out, bytes, sizeof(bytes)));
		sent = send_for(f, sent, 20);
	}
	ms = (clock_now_ns() - begin) / NS_PER_MS;
	/* The rest is for what the host holds up: a write that blocks never ends, as its reader is this thread. */
	if (ms > 30000)
		fail_msg("expected 500 ms for 500 ms of the loop, found %u", (unsigned)ms);
	read_rest(f, f->out, &got, sent);
	expect_stream("the socket", &got, sent);
	flags = fcntl(STDOUT_FILENO, F_GETFL);
	assert_false(flags & O_NONBLOCK); /* others share it */
}

static void a_burst_is_written_in_few_pieces(void **state)
{
	struct fixture *f = *state;
	struct stream got = { 0 };
	uint8_t bytes[10000];

	stdin_is_pipe(f);
	stdout_is_pipe(f);
	open_console(f);
	stream_fill(bytes, 0, sizeof(bytes));
	counted_fd = f->console.out.fd;
	console_writes = 0;
	assert_int_equal(guest_send(f, bytes, sizeof(bytes)), sizeof(bytes));
	run_ms(f, MAX_LATENCY_MS);
	counted_fd = -1;
	take_out(f->out, &got);
	expect_stream("stdout", &got, sizeof(bytes));
	fprintf(stderr, "# %zu bytes in %u writes\n", sizeof(bytes), console_writes);
	if (console_writes < 1 || console_writes > 10)
		fail_msg("expected at most 10 writes for %zu bytes, found %u", sizeof(bytes),
			 console_writes);
}

static void a_single_byte_comes_out_at_once(void **state)
{
	struct fixture *f = *state;
	uint64_t worst_ns = 0;
	unsigned late = 0;

	stdin_is_pipe(f);
	stdout_is_pipe(f);
	open_console(f);
	for (int i = 0; i < 10; i++) {
		uint64_t begin = clock_now_ns(), ns;
		uint8_t byte;

		guest_put(f, THR, (uint8_t)('0' + i));
		while (!read_out(f->out, &byte, 1))
			assert_int_equal(loop_once(&f->loop, 100), 0);
		assert_int_equal(byte, '0' + i);
		ns = clock_now_ns() - begin;
		worst_ns = ns > worst_ns ? ns : worst_ns;
		late += ns > MAX_LATENCY_MS * NS_PER_MS;
	}
	fprintf(stderr, "# a byte comes out within %.1f ms\n", (double)worst_ns / 1e6);
	/* A host with other things to do may hold up some; a console that waits holds up each. */
	if (late == 10)
		fail_msg("expected a byte within %d ms, found all 10 later, the latest %.1f ms",
			 MAX_LATENCY_MS, (double)worst_ns / 1e6);
}

static void output_to_a_file_is_complete(void **state)
{
	char path[] = "/tmp/rasvm-test-XXXXXX";
	struct fixture *f = *state;
	struct stream got = { 0 };
	size_t sent;

	f->out = mkstemp(path);
	f->config.console = CONSOLE_FILE;
	f->config.console_path = path;
	open_console(f);
	sent = expect_guest_goes_on(f, "output goes to a file", 0);
	assert_true(console_flush(&f->console));
	take_out(f->out, &got);
	unlink(path);
	expect_stream("the file", &got, sent);
}

/* ---- panics ---- */

static void drain(struct fixture *f, const char *text, size_t n)
{
	uint8_t bytes[4096];

	assert_int_equal(guest_send(f, (const uint8_t *)text, n), n);
	assert_true(console_flush(&f->console));
	read_out(f->out, bytes, sizeof(bytes));
}

static void expect_panics(struct fixture *f, const char *after, unsigned n, unsigned final)
{
	if (f->panics != n || f->final_panics != final)
		fail_msg("after \"%s\": expected %u panics and %u ends, found %u and %u", after, n,
			 final, f->panics, f->final_panics);
	f->panics = f->final_panics = 0;
}

static void open_pipes(struct fixture *f)
{
	stdin_is_pipe(f);
	stdout_is_pipe(f);
	open_console(f);
}

static void panic_text_in_two_drains_is_seen_once(void **state)
{
	struct fixture *f = *state;
	size_t n = strlen(PANIC_LINE);

	open_pipes(f);
	for (size_t split = 0; split <= n; split++) {
		drain(f, PANIC_LINE, split);
		drain(f, &PANIC_LINE[split], n - split);
		expect_panics(f, PANIC_LINE, 1, 0);
	}
}

static void panic_text_byte_by_byte_is_seen_once(void **state)
{
	struct fixture *f = *state;

	open_pipes(f);
	for (const char *c = PANIC_LINE; *c; c++)
		drain(f, c, 1);
	expect_panics(f, PANIC_LINE, 1, 0);
	drain(f, PANIC_LINE PANIC_LINE, 2 * strlen(PANIC_LINE));
	expect_panics(f, PANIC_LINE PANIC_LINE, 2, 0);
}

/* The end line has the text of the first line in it. */
static void the_end_line_of_a_panic_is_final(void **state)
{
	struct fixture *f = *state;
	size_t n = strlen(PANIC_END_LINE);

	open_pipes(f);
	for (size_t split = 0; split <= n; split++) {
		drain(f, PANIC_END_LINE, split);
		drain(f, &PANIC_END_LINE[split], n - split);
		expect_panics(f, PANIC_END_LINE, 1, 1);
	}
}

static void text_like_a_panic_is_none(void **state)
{
	static const char *const texts[] = {
		"Kernel panic - not synced\n",
		"kernel panic - not syncing\n",
		"Kernel panic\n - not syncing",
		"panic_on_oops: Kernel panic - not",
		"no syncing\n",
		"end Kernel panic\n",
		"[ end Kernel pan",
		"\nic\n",
		"[ end trace 0 ]",
	};
	static const char *const restarted[] = { "KKernel panic - not syncing\n",
						 "Kernel pKernel panic - not syncing\n" };
	struct fixture *f = *state;

	open_pipes(f);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		drain(f, texts[i], strlen(texts[i]));
		expect_panics(f, texts[i], 0, 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(restarted); i++) {
		drain(f, restarted[i], strlen(restarted[i]));
		expect_panics(f, restarted[i], 1, 0);
	}
	drain(f, "[ [ end Kernel panic ]", 22);
	expect_panics(f, "[ [ end Kernel panic ]", 0, 1);
}

/* ---- input ---- */

/* A guest that reads a few bytes and then does something else. */
static void read_slowly(struct fixture *f)
{
	struct stream got = { 0 };
	size_t given = 0;

	open_console(f);
	guest_listen(f);
	for (int idle = 0; idle < 50;) {
		uint8_t bytes[7];
		size_t n;

		if (f->in >= 0)
			given = give_in(f->in, given, INPUT_BYTES);
		if (given == INPUT_BYTES)
			fixture_close_far(&f->in);
		assert_int_equal(loop_once(&f->loop, idle ? 1 : 0), 0);
		n = guest_receive(f, bytes, sizeof(bytes));
		stream_take(&got, bytes, n);
		idle = n ? 0 : idle + 1;
	}
	expect_stream("the guest", &got, INPUT_BYTES);
	expect_idle(f, "input has ended");
}

static void input_from_a_pipe_is_complete(void **state)
{
	struct fixture *f = *state;

	stdin_is_pipe(f);
	stdout_is_pipe(f);
	read_slowly(f);
}

static void input_from_a_socket_is_complete(void **state)
{
	struct fixture *f = *state;

	is_socket(&f->in, STDIN_FILENO);
	stdout_is_pipe(f);
	read_slowly(f);
}

static void input_from_a_file_is_complete(void **state)
{
	char path[] = "/tmp/rasvm-test-XXXXXX";
	struct fixture *f = *state;
	int fd = mkstemp(path);

	unlink(path);
	assert_int_equal(give_in(fd, 0, INPUT_BYTES), INPUT_BYTES);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	become(fd, STDIN_FILENO);
	stdout_is_pipe(f);
	read_slowly(f);
}

static void input_waits_for_a_guest_that_starts_late(void **state)
{
	struct fixture *f = *state;

	open_pipes(f);
	assert_int_equal(write(f->in, "early", 5), 5);
	fixture_close_far(&f->in);
	run_ms(f, 20);
	assert_int_equal(guest_get(f, LSR) & LSR_DR, 0);
	guest_put(f, FCR, 0x07); /* a driver empties the FIFO when it starts */
	guest_listen(f);
	run_ms(f, 20);
	expect_guest_reads(f, "early");
}

/* ---- surroundings ---- */

static void dev_null_is_no_matter(void **state)
{
	struct fixture *f = *state;

	become(open("/dev/null", O_RDWR), STDIN_FILENO);
	become(open("/dev/null", O_RDWR), STDOUT_FILENO);
	open_console(f);
	guest_listen(f);
	expect_guest_goes_on(f, "output goes nowhere", 0);
	expect_idle(f, "stdin and stdout are /dev/null");
	expect_quits(f, 0);
}

static void a_full_disk_ends_the_run(void **state)
{
	struct fixture *f = *state;

	stdin_is_pipe(f);
	become(open("/dev/full", O_RDWR), STDOUT_FILENO);
	open_console(f);
	expect_guest_goes_on(f, "output goes nowhere", 0);
	expect_idle(f, "the disk is full");
	expect_quits(f, 1);
}

/* Reopened, not changed. */
static void inherited_descriptors_keep_their_flags(void **state)
{
	struct fixture *f = *state;

	open_pipes(f);
	assert_false(fcntl(STDIN_FILENO, F_GETFL) & O_NONBLOCK);
	assert_false(fcntl(STDOUT_FILENO, F_GETFL) & O_NONBLOCK);
	fixture_close(f);
	assert_true(fcntl(STDIN_FILENO, F_GETFD) >= 0);
	assert_true(fcntl(STDOUT_FILENO, F_GETFD) >= 0);
}

/* ---- the terminal and job control ---- */

static void closing_restores_the_terminal(void **state)
{
	struct fixture *f = *state;
	struct terminal t = stdin_is_terminal(f);

	open_console(f);
	assert_true(terminal_is_raw(&t));
	console_close(&f->console);
	assert_true(terminal_is(&t, &t.before));
	terminal_close(&t);
}

static void output_processing_of_the_terminal_stays(void **state)
{
	struct fixture *f = *state;
	struct terminal t = stdin_is_terminal(f);
	struct termios now;

	open_console(f);
	assert_int_equal(tcgetattr(t.slave, &now), 0);
	assert_int_equal(now.c_oflag, t.before.c_oflag);
	terminal_close(&t);
}

/* A shell that had stopped us has set the terminal to its liking. */
static void a_continued_process_sets_raw_mode_again(void **state)
{
	struct fixture *f = *state;
	struct terminal t = stdin_is_terminal(f);

	open_console(f);
	assert_int_equal(tcsetattr(t.slave, TCSANOW, &t.before), 0);
	tty_continue();
	assert_true(terminal_is_raw(&t));
	console_close(&f->console);
	assert_true(terminal_is(&t, &t.before));
	tty_continue(); /* nothing to do any more */
	assert_true(terminal_is(&t, &t.before));
	terminal_close(&t);
}

/* Run `fn` in a process of its own; its result is the exit status. */
static pid_t in_child(struct fixture *f, int (*fn)(struct fixture *, struct terminal *),
		      struct terminal *t)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	alarm(CHILD_SECONDS);
	_exit(fn(f, t));
}

static bool child_opens_console(struct fixture *f)
{
	if (console_open(&f->console, &f->config, &f->loop, &fixture_ops, f, &f->err))
		return false;
	console_attach(&f->console, &f->uart);
	return true;
}

/* Open the console on t, say so on stdout, wait for what is to come. */
static int wait_in_raw_mode(struct fixture *f, struct terminal *t)
{
	(void)t;
	for (int sig = 1; sig < 32; sig++)
		signal(sig, SIG_DFL);
	signal(SIGUSR2, SIG_IGN);
	if (!child_opens_console(f) || write(STDOUT_FILENO, "r", 1) != 1)
		return 1;
	for (;;)
		pause();
}

static void wait_for_byte(struct fixture *f)
{
	uint8_t byte;

	for (int i = 0; i < 5000; i++) {
		if (read_out(f->out, &byte, 1))
			return;
		usleep(1000);
	}
	fail_msg("expected a word from the child, found none for 5 s");
}

static void a_deadly_signal_restores_the_terminal(void **state)
{
	static const int deadly[] = { SIGUSR1, SIGTERM, SIGHUP, SIGINT, SIGALRM, SIGIO };
	struct fixture *f = *state;
	struct terminal t = stdin_is_terminal(f);

	for (size_t i = 0; i < ARRAY_SIZE(deadly); i++) {
		pid_t pid = in_child(f, wait_in_raw_mode, &t);
		int status;

		assert_true(pid > 0);
		wait_for_byte(f);
		assert_true(terminal_is_raw(&t));
		kill(pid, SIGUSR2); /* ignored before, ignored still */
		kill(pid, deadly[i]);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (!WIFSIGNALED(status) || WTERMSIG(status) != deadly[i])
			fail_msg("expected death of signal %d, found status 0x%x", deadly[i],
				 (unsigned)status);
		if (!terminal_is(&t, &t.before))
			fail_msg("expected the terminal as before after signal %d, found it raw",
				 deadly[i]);
	}
	terminal_close(&t);
}

/* Give the terminal to a new job, this process or its child. */
static pid_t start_job(struct fixture *f, int (*fn)(struct fixture *, struct terminal *),
		       struct terminal *t, bool foreground)
{
	pid_t pid = in_child(f, fn, t);

	setpgid(pid, pid);
	if (foreground)
		tcsetpgrp(t->slave, pid);
	return pid;
}

/* A session of its own, as a login shell has, with t as its terminal. */
static bool begin_session(struct terminal *t)
{
	signal(SIGTTOU, SIG_IGN);
	return setsid() >= 0 && ioctl(t->slave, TIOCSCTTY, 0) == 0 &&
	       tcsetpgrp(t->slave, getpgrp()) == 0;
}

static void job_control_as_usual(void)
{
	signal(SIGTTOU, SIG_DFL);
	signal(SIGTTIN, SIG_DFL);
	setpgid(0, 0);
}

/* Exit status of a job; 100 if it was stopped or killed. */
static int job_status(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, WUNTRACED) != pid)
		return 101;
	if (WIFSTOPPED(status))
		kill(pid, SIGKILL);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 100;
}

/* 0: it left the terminal alone. */
static int background_job(struct fixture *f, struct terminal *t)
{
	job_control_as_usual();
	if (!tty_in_background(STDIN_FILENO))
		return 1;
	if (!child_opens_console(f))
		return 2;
	if (f->console.in.fd >= 0 || f->console.in.tty)
		return 3;
	if (write(t->master, "for the shell\n", 14) != 14)
		return 4;
	run_ms(f, 30);
	console_close(&f->console);
	return 0;
}

static int shell_with_background_job(struct fixture *f, struct terminal *t)
{
	int status;

	if (!begin_session(t))
		return 10;
	status = job_status(start_job(f, background_job, t, false));
	if (status)
		return status;
	return terminal_is(t, &t->before) ? 0 : 11;
}

/* 0: it did not take the terminal back from the shell. */
static int job_that_loses_the_terminal(struct fixture *f, struct terminal *t)
{
	job_control_as_usual();
	while (tty_in_background(STDIN_FILENO))
		usleep(1000);
	if (!child_opens_console(f) || !terminal_is_raw(t))
		return 1;
	kill(getpid(), SIGSTOP); /* meanwhile the shell takes the terminal back */
	tty_continue();
	console_close(&f->console);
	return 0;
}

static int shell_that_takes_the_terminal_back(struct fixture *f, struct terminal *t)
{
	struct termios own = t->before;
	int status;
	pid_t pid;

	if (!begin_session(t))
		return 10;
	pid = start_job(f, job_that_loses_the_terminal, t, true);
	if (waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status) ||
	    WSTOPSIG(status) != SIGSTOP)
		return 11;
	own.c_lflag &= ~(tcflag_t)ECHO; /* as a shell with a line editor */
	if (tcsetpgrp(t->slave, getpgrp()) || tcsetattr(t->slave, TCSANOW, &own))
		return 12;
	kill(pid, SIGCONT);
	status = job_status(pid);
	if (status)
		return status;
	return terminal_is(t, &own) ? 0 : 13;
}

static void expect_shell_content(struct fixture *f,
				 int (*shell)(struct fixture *, struct terminal *))
{
	struct terminal t = stdin_is_terminal(f);
	int status, found;

	assert_int_equal(waitpid(in_child(f, shell, &t), &status, 0) > 0, 1);
	found = WIFEXITED(status) ? WEXITSTATUS(status) : 99;
	if (found)
		fail_msg("expected 0, found %d (1 to 4: in the job, 10 to 13: in the shell, 100: "
			 "the job was stopped)",
			 found);
	terminal_close(&t);
}

static void a_background_job_leaves_the_terminal_alone(void **state)
{
	expect_shell_content(*state, shell_with_background_job);
}

static void a_job_without_the_terminal_does_not_restore_it(void **state)
{
	expect_shell_content(*state, shell_that_takes_the_terminal_back);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_build, fixture_destroy)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_pipe_whose_writer_left_early_does_not_spin),
		TEST(a_socket_whose_writer_left_early_does_not_spin),
		TEST(a_pipe_whose_reader_left_ends_the_run),
		TEST(a_full_pipe_whose_reader_left_ends_the_run),
		TEST(a_socket_whose_reader_left_ends_the_run),
		TEST(ctrl_a_x_works_while_a_key_waits_for_the_guest),
		TEST(ctrl_a_p_pauses_and_does_not_reach_the_guest),
		TEST(ctrl_a_x_works_after_more_keys_than_are_kept),
		TEST(escape_keys_do_not_reach_the_guest),
		TEST(a_pipe_has_no_escape_keys),
		TEST(a_terminal_that_hangs_up_does_not_spin),
		TEST(a_pty_reader_that_pauses_300_ms_gets_everything),
		TEST(a_slow_pty_reader_gets_everything),
		TEST(a_pty_nobody_reads_drops_output_until_a_reader_returns),
		TEST(a_pty_nobody_reads_does_not_hold_up_the_end),
		TEST(a_pty_reader_that_came_and_went_does_not_hold_up_the_end),
		TEST(a_pty_takes_input),
		TEST(a_blocking_socket_does_not_block_the_loop),
		TEST(a_burst_is_written_in_few_pieces),
		TEST(a_single_byte_comes_out_at_once),
		TEST(output_to_a_file_is_complete),
		TEST(panic_text_in_two_drains_is_seen_once),
		TEST(panic_text_byte_by_byte_is_seen_once),
		TEST(the_end_line_of_a_panic_is_final),
		TEST(text_like_a_panic_is_none),
		TEST(input_from_a_pipe_is_complete),
		TEST(input_from_a_socket_is_complete),
		TEST(input_from_a_file_is_complete),
		TEST(input_waits_for_a_guest_that_starts_late),
		TEST(dev_null_is_no_matter),
		TEST(a_full_disk_ends_the_run),
		TEST(inherited_descriptors_keep_their_flags),
		TEST(closing_restores_the_terminal),
		TEST(output_processing_of_the_terminal_stays),
		TEST(a_continued_process_sets_raw_mode_again),
		TEST(a_deadly_signal_restores_the_terminal),
		TEST(a_background_job_leaves_the_terminal_alone),
		TEST(a_job_without_the_terminal_does_not_restore_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
