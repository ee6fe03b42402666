/*
 * passt as a backend: how it is started, spoken to and ended, with a program of the same name in its place; a
 * socket that it would listen on; and the real one, where it is installed.
 */
#include <endian.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "net_guest.h"

/* A directory with a `passt` in it, and what that leaves behind. */
struct place {
	char dir[64], old_path[1024];
};

static void write_file(const struct place *p, const char *name, const char *text, mode_t mode)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", p->dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, mode), 0);
}

/* The first line of a file that the program wrote; "" if there is none. */
static void read_line(const struct place *p, const char *name, char *line, size_t n)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", p->dir, name);
	line[0] = '\0';
	f = fopen(path, "r");
	if (!f)
		return;
	if (!fgets(line, (int)n, f))
		line[0] = '\0';
	fclose(f);
	line[strcspn(line, "\n")] = '\0';
}

static void begin(struct place *p, const char *script)
{
	const char *path = getenv("PATH");
	char all[1200];

	snprintf(p->dir, sizeof(p->dir), "/tmp/rasvm-test-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	snprintf(p->old_path, sizeof(p->old_path), "%s", path ? path : "");
	snprintf(all, sizeof(all), "%s:%s", p->dir, p->old_path);
	setenv("PATH", script ? all : p->dir, 1);
	setenv("TEST_DIR", p->dir, 1);
	if (script)
		write_file(p, "passt", script, 0755);
}

static void end(const struct place *p)
{
	static const char *const names[] = { "passt", "args", "pid", "socket" };
	char path[128];

	setenv("PATH", p->old_path, 1);
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", p->dir, names[i]);
		unlink(path);
	}
	rmdir(p->dir);
}

/* What it is sent comes back. */
#define ECHO                                                                                       \
	"#!/bin/sh\necho \"$*\" >\"$TEST_DIR/args\"\necho $$ >\"$TEST_DIR/pid\"\nexec cat <&3 >&3\n"

/* A frame there and back. */
static void go_round(struct net_guest *n)
{
	uint8_t frame[60], found[60];

	make_frame(frame, sizeof(frame), 1);
	net_offer(n, RX0, NET_BUFFERS, 1526);
	guest_kick(&n->g, RX0);
	net_send(n, TX0, NET_BUFFERS + 0x1000, frame, sizeof(frame));
	guest_kick(&n->g, TX0);
	assert_int_equal(net_wait(n, RX0), 72);
	net_get(n, NET_BUFFERS + NET_HEADER_BYTES, found, sizeof(found));
	check_bytes("frame", found, frame, sizeof(frame));
	assert_int_equal(net_wait(n, TX0), 0);
}

static bool is_gone(void *arg)
{
	struct net_guest *n = arg;

	return !(guest_read(&n->g, R_CONFIG + 6, 2) & 1);
}

static void it_is_started_spoken_to_and_ended(void **state)
{
	struct net_guest n;
	struct place p;
	char line[256];
	pid_t pid;

	(void)state;
	begin(&p, ECHO);
	net_build(&n, "mode=user");
	guest_set_up(&n.g, NET_FULL);
	go_round(&n);
	read_line(&p, "args", line, sizeof(line));
	assert_string_equal(line, "--foreground --stderr --fd 3");
	read_line(&p, "pid", line, sizeof(line));
	pid = atoi(line);
	assert_int_equal(kill(pid, 0), 0);
	net_tear_down(&n);
	assert_int_equal(kill(pid, 0), -1);
	assert_int_equal(errno, ESRCH);
	end(&p);
}

static void it_is_told_what_the_options_say(void **state)
{
	struct net_guest n;
	struct place p;
	char line[256];

	(void)state;
	begin(&p, ECHO);
	net_build(&n, "mode=user,guest_ip=10.0.2.15,host_ip=10.0.2.2,host_mac=02:00:00:00:00:09,"
		      "mtu=9000,tcp=2222:22,udp=all");
	guest_set_up(&n.g, NET_FULL);
	go_round(&n);
	read_line(&p, "args", line, sizeof(line));
	assert_string_equal(line, "--foreground --stderr --fd 3 --address 10.0.2.15 --gateway "
				  "10.0.2.2 --mac-addr 02:00:00:00:00:09 --mtu 9000 --tcp-ports "
				  "2222:22 --udp-ports all");
	net_tear_down(&n);
	end(&p);
}

static void one_that_cannot_run_is_a_dead_link(void **state)
{
	struct net_guest n;
	struct place p;

	(void)state;
	begin(&p, "#!/bin/sh\necho first\necho 'no interface with a default route' >&2\nexit 1\n");
	net_build(&n, "mode=user");
	guest_set_up(&n.g, NET_FULL);
	net_offer(&n, RX0, NET_BUFFERS, 1526);
	guest_kick(&n.g, RX0);
	guest_until(&n.g, is_gone, &n, "the link is down");
	assert_string_equal(n.net.backend->why, "no interface with a default route");
	net_tear_down(&n);
	end(&p);
}

static void one_that_is_killed_is_a_dead_link(void **state)
{
	struct net_guest n;
	struct place p;
	char line[32];

	(void)state;
	begin(&p, ECHO);
	net_build(&n, "mode=user");
	guest_set_up(&n.g, NET_FULL);
	go_round(&n);
	net_offer(&n, RX0, NET_BUFFERS, 1526);
	guest_kick(&n.g, RX0);
	read_line(&p, "pid", line, sizeof(line));
	assert_int_equal(kill(atoi(line), SIGKILL), 0);
	guest_until(&n.g, is_gone, &n, "the link is down");
	net_tear_down(&n);
	end(&p);
}

/* It is asked first, and does not listen. */
static void one_that_does_not_end_is_made_to(void **state)
{
	struct net_guest n;
	struct place p;
	char line[32];

	(void)state;
	begin(&p, "#!/bin/sh\ntrap '' TERM\necho $$ >\"$TEST_DIR/pid\"\ncat <&3 >&3\n"
		  "while :; do sleep 0.1; done\n");
	net_build(&n, "mode=user");
	guest_set_up(&n.g, NET_FULL);
	go_round(&n);
	net_tear_down(&n);
	read_line(&p, "pid", line, sizeof(line));
	assert_int_equal(kill(atoi(line), 0), -1);
	end(&p);
}

static void check_refused(const char *options, const char *part)
{
	struct virtio_net net;
	struct net_options o;
	struct err err = { "" };
	struct guest g;

	guest_build(&g);
	parse_options(&o, options);
	assert_true(virtio_net_open(&net, &o, &g.io, &g.ram, 1, &err) < 0);
	if (!strstr(err.text, part) || !strstr(err.text, "net1"))
		fail_msg("\"%s\": expected \"net1\" and \"%s\" in \"%s\"", options, part, err.text);
	iothread_close(&g.io);
	close(g.irq_fd);
	mem_unmap(&g.ram);
}

static void one_that_is_not_installed_is_named(void **state)
{
	struct place p;

	(void)state;
	begin(&p, NULL);
	check_refused("mode=user", "passt is not installed");
	end(&p);
}

static void a_socket_that_nobody_listens_on_is_named(void **state)
{
	(void)state;
	check_refused("socket=/tmp/rasvm no such socket",
		      "cannot connect to the socket /tmp/rasvm no "
		      "such socket");
}

static void one_that_somebody_else_runs_is_connected_to(void **state)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), peer;
	uint8_t frame[60], found[64];
	struct net_guest n;
	char options[160];
	struct place p;

	(void)state;
	begin(&p, ECHO);
	snprintf(un.sun_path, sizeof(un.sun_path), "%s/socket", p.dir);
	assert_int_equal(bind(listener, (struct sockaddr *)&un, sizeof(un)), 0);
	assert_int_equal(listen(listener, 1), 0);
	snprintf(options, sizeof(options), "socket=%s", un.sun_path);
	net_build(&n, options);
	peer = accept(listener, NULL, NULL);
	assert_true(peer >= 0);
	guest_set_up(&n.g, NET_FULL);
	make_frame(frame, sizeof(frame), 3);
	net_send(&n, TX0, NET_BUFFERS, frame, sizeof(frame));
	guest_kick(&n.g, TX0);
	net_wait(&n, TX0);
	assert_int_equal(recv(peer, found, sizeof(found), 0), 64);
	assert_memory_equal(found, "\0\0\0\x3c", 4);
	check_bytes("frame", found + 4, frame, sizeof(frame));
	net_tear_down(&n);
	close(peer);
	close(listener);
	end(&p);
}

/* ---- the real one ---- */

static bool is_installed(void)
{
	return access("/usr/bin/passt", X_OK) == 0;
}

/* A question (RFC 826) that passt answers for any address but the guest's own. */
static void ask(struct net_guest *n, uint64_t at)
{
	static const uint8_t question[42] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2,  0, 0, 0,  0, 1, 8, 6, /* to all, from us: ARP */
		0,    1,    8,    0,    6,    4,    0,  1, /* Ethernet, IPv4: who */
		2,    0,    0,    0,    0,    1,    10, 0, 2, 15, 0, 0, 0, 0, 0, 0, 10, 0, 2, 2,
	};

	net_send(n, TX0, at, question, sizeof(question));
	guest_kick(&n->g, TX0);
	net_wait(n, TX0);
}

static void the_real_one_answers(void **state)
{
	struct net_guest n;
	uint8_t frame[42] = { 0 };
	uint32_t len;

	(void)state;
	if (!is_installed()) {
		print_message("skipped: /usr/bin/passt is not installed\n");
		skip();
	}
	net_build(&n, "mode=user,guest_ip=10.0.2.15,host_ip=10.0.2.2");
	guest_set_up(&n.g, NET_FULL);
	for (unsigned i = 0; i < 4; i++)
		net_offer(&n, RX0, NET_BUFFERS + i * 0x1000, 2048);
	guest_kick(&n.g, RX0);
	ask(&n, NET_BUFFERS + 0x8000);
	/* It has to start, and may be alive in a host without network. */
	for (uint64_t end_ns = clock_now_ns() + GUEST_DEADLINE; clock_now_ns() < end_ns;) {
		guest_settle(&n.g);
		if (is_gone(&n)) {
			print_message("skipped: passt does not run here: %s\n", n.net.backend->why);
			net_tear_down(&n);
			skip();
		}
		if (net_collect(&n, RX0, &len))
			break;
		poll(NULL, 0, 1);
	}
	net_get(&n, NET_BUFFERS + NET_HEADER_BYTES, frame, sizeof(frame));
	assert_int_equal(frame[12] << 8 | frame[13], 0x0806);
	assert_int_equal(frame[21], 2);
	assert_memory_equal(frame + 28, "\x0a\x00\x02\x02", 4);
	net_tear_down(&n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_started_spoken_to_and_ended),
		cmocka_unit_test(it_is_told_what_the_options_say),
		cmocka_unit_test(one_that_cannot_run_is_a_dead_link),
		cmocka_unit_test(one_that_is_killed_is_a_dead_link),
		cmocka_unit_test(one_that_does_not_end_is_made_to),
		cmocka_unit_test(one_that_is_not_installed_is_named),
		cmocka_unit_test(a_socket_that_nobody_listens_on_is_named),
		cmocka_unit_test(one_that_somebody_else_runs_is_connected_to),
		cmocka_unit_test(the_real_one_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
