/*
 * Reaching passt, which connects a guest to the network without privileges: rasvm starts one and gives it an
 * end of a pair of sockets, or connects to one that somebody else runs.
 *
 * Source: passt(1) of Debian 12 (2023-03).
 * State: none; the pid goes to the backend, which ends the program. Left out: a passt that dies is not started
 * again, as the guest's connections are gone with it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "virtio/net_backend.h"
#include "virtio/net_spawn.h"

#define MAX_ARGUMENTS 24
#define ADDRESS_BYTES 20
#define PASST_FD      "3" /* net_spawn()'s keep_fd */

/* passt's command line; texts that had to be made are in here too. */
struct command {
	const char *argv[MAX_ARGUMENTS + 1];
	unsigned n;
	char address[ADDRESS_BYTES], gateway[ADDRESS_BYTES], mac[ADDRESS_BYTES], mtu[8];
};

static void add(struct command *c, const char *option, const char *value)
{
	c->argv[c->n++] = option;
	if (value)
		c->argv[c->n++] = value;
}

static const char *print_ip(char text[ADDRESS_BYTES], uint32_t ip)
{
	snprintf(text, ADDRESS_BYTES, "%u.%u.%u.%u", ip >> 24, ip >> 16 & 255, ip >> 8 & 255,
		 ip & 255);
	return text;
}

static void add_addresses(struct command *c, const struct net_options *o)
{
	const uint8_t *m = o->host_mac;

	if (o->guest_ip)
		add(c, "--address", print_ip(c->address, o->guest_ip));
	if (o->host_ip)
		add(c, "--gateway", print_ip(c->gateway, o->host_ip));
	if (!o->host_mac_given)
		return;
	snprintf(c->mac, sizeof(c->mac), "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3],
		 m[4], m[5]);
	add(c, "--mac-addr", c->mac);
}

static void make_command(struct command *c, const struct net_options *o)
{
	*c = (struct command){ .n = 0 };
	add(c, "passt", NULL);
	add(c, "--foreground", NULL);
	add(c, "--stderr", NULL);
	add(c, "--fd", PASST_FD);
	add_addresses(c, o);
	if (o->mtu) {
		snprintf(c->mtu, sizeof(c->mtu), "%u", o->mtu);
		add(c, "--mtu", c->mtu);
	}
	if (*o->tcp)
		add(c, "--tcp-ports", o->tcp);
	if (*o->udp)
		add(c, "--udp-ports", o->udp);
}

static int cannot_start(const char *label, int r, struct err *err)
{
	if (r == -ENOENT)
		return err_set(err, r,
			       "%s: passt is not installed: apt-get install passt, or use mode=tap",
			       label);
	return err_set(err, r, "%s: cannot start passt: %s", label, strerror(-r));
}

struct ends {
	int here, there;
};

static void close_ends(struct ends e)
{
	close(e.here);
	close(e.there);
}

/* `pair`: its socket, `log`: what it prints. What is passt's is closed here in any case. */
static int start(struct net_backend **b, const struct net_options *o, struct iothread *io,
		 struct ends pair, struct ends log, const char *label, struct err *err)
{
	struct command command;
	pid_t pid;
	int r;

	make_command(&command, o);
	pid = net_spawn(command.argv, pair.there, log.there);
	close(pair.there);
	close(log.there);
	r = pid < 0 ? cannot_start(label, pid, err)
		    : net_stream_open(b, pair.here, pid, log.here, io, label, err);
	if (r == 0)
		return 0;
	close(pair.here);
	close(log.here);
	net_end_program(pid);
	return r;
}

static int start_passt(struct net_backend **b, const struct net_options *o, struct iothread *io,
		       const char *label, struct err *err)
{
	int pair[2], log[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return err_set(err, -errno, "%s: cannot make sockets for passt: %s", label,
			       strerror(errno));
	if (pipe2(log, O_CLOEXEC) < 0) {
		int r = err_set(err, -errno, "%s: cannot make a pipe for passt: %s", label,
				strerror(errno));

		close_ends((struct ends){ pair[0], pair[1] });
		return r;
	}
	/* Our end only: passt writes to a pipe that waits. */
	fcntl(log[0], F_SETFL, O_NONBLOCK);
	return start(b, o, io, (struct ends){ pair[0], pair[1] }, (struct ends){ log[0], log[1] },
		     label, err);
}

_Static_assert(sizeof(((struct net_options *)0)->socket) ==
		       sizeof(((struct sockaddr_un *)0)->sun_path),
	       "a path that was taken fits");

static int connect_to(const struct net_options *o)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), r;

	if (fd < 0)
		return -errno;
	memcpy(un.sun_path, o->socket, sizeof(o->socket));
	if (connect(fd, (const struct sockaddr *)&un, sizeof(un)) == 0)
		return fd;
	r = -errno;
	close(fd);
	return r;
}

static int connect_passt(struct net_backend **b, const struct net_options *o, struct iothread *io,
			 const char *label, struct err *err)
{
	int fd = connect_to(o), r;

	if (fd < 0)
		return err_set(
			err, fd,
			"%s: cannot connect to the socket %s: %s; is passt running with --socket "
			"%s?",
			label, o->socket, strerror(-fd), o->socket);
	r = net_stream_open(b, fd, -1, -1, io, label, err);
	if (r)
		close(fd);
	return r;
}

int net_passt_open(struct net_backend **b, const struct net_options *o, struct iothread *io,
		   const char *label, struct err *err)
{
	return *o->socket ? connect_passt(b, o, io, label, err) : start_passt(b, o, io, label, err);
}
