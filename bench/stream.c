/*
 * TCP between a guest and its host: a stream in either direction, and requests of 64 bytes with replies of 64.
 *   stream serve ADDRESS PORT                       in the host: one connection after the other
 *   stream send|take|ask ADDRESS PORT SECONDS       in the guest
 * Prints "NAME VALUE": sent_kbs and taken_kbs, 1000 bytes a second; asked, replies a second. The time is that of the
 * side that connects. Of what is sent only that counts which the other side has read: it says how much when it
 * finds the end, and until then the clock runs.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CHUNK_BYTES 65536
#define ASK_BYTES   64

static char chunk[CHUNK_BYTES];

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *what)
{
	fprintf(stderr, "stream: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* ---- what both sides do ---- */

static bool write_all(int fd, const void *from, size_t n)
{
	const char *at = from;

	while (n) {
		ssize_t done = write(fd, at, n);

		if (done <= 0)
			return false;
		at += done;
		n -= (size_t)done;
	}
	return true;
}

static bool read_all(int fd, void *to, size_t n)
{
	char *at = to;

	while (n) {
		ssize_t done = read(fd, at, n);

		if (done <= 0)
			return false;
		at += done;
		n -= (size_t)done;
	}
	return true;
}

/* Bytes there were up to the end of the stream. */
static uint64_t read_to_end(int fd)
{
	uint64_t bytes = 0;
	ssize_t n;

	while ((n = read(fd, chunk, sizeof(chunk))) > 0)
		bytes += (uint64_t)n;
	return bytes;
}

static void write_for(int fd, double seconds)
{
	double end = now_s() + seconds;

	while (now_s() < end && write_all(fd, chunk, sizeof(chunk)))
		;
}

static void reply_to_all(int fd)
{
	while (read_all(fd, chunk, ASK_BYTES))
		if (!write_all(fd, chunk, ASK_BYTES))
			return;
}

static int stream_socket(const char *address, const char *port, struct sockaddr_in *to)
{
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket");
	*to = (struct sockaddr_in){ .sin_family = AF_INET,
				    .sin_port = htons((uint16_t)atoi(port)) };
	if (inet_pton(AF_INET, address, &to->sin_addr) != 1) {
		fprintf(stderr, "stream: %s is no IPv4 address\n", address);
		exit(2);
	}
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

/* ---- the host's side ---- */

/* The first bytes say what the other side is going to do: how, and for how many seconds. */
struct order {
	char what; /* 's', 't', 'a' */
	uint8_t seconds;
};

static void serve_one(int fd)
{
	struct order order;
	uint64_t bytes;

	if (!read_all(fd, &order, sizeof(order)))
		return;
	if (order.what == 's') {
		bytes = read_to_end(fd);
		write_all(fd, &bytes, sizeof(bytes));
	} else if (order.what == 't') {
		write_for(fd, order.seconds);
	} else {
		reply_to_all(fd);
	}
}

static int serve(const char *address, const char *port)
{
	struct sockaddr_in here;
	int one = 1, from, fd = stream_socket(address, port, &here);

	if (bind(fd, (struct sockaddr *)&here, sizeof(here)) || listen(fd, 4))
		die("listen");
	while ((from = accept(fd, NULL, NULL)) >= 0) {
		setsockopt(from, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		serve_one(from);
		close(from);
	}
	die("accept");
	return 1;
}

/* ---- the guest's side ---- */

static void send_stream(int fd, unsigned seconds)
{
	double begin = now_s();
	uint64_t bytes;

	write_for(fd, seconds);
	shutdown(fd, SHUT_WR);
	if (!read_all(fd, &bytes, sizeof(bytes)))
		die("send");
	printf("sent_kbs %.0f\n", (double)bytes / (now_s() - begin) / 1000);
}

static void take_stream(int fd)
{
	double begin = now_s();
	uint64_t bytes = read_to_end(fd);

	printf("taken_kbs %.0f\n", (double)bytes / (now_s() - begin) / 1000);
}

static void ask(int fd, unsigned seconds)
{
	double begin = now_s(), end = begin + seconds;
	uint64_t replies = 0;

	while (now_s() < end) {
		if (!write_all(fd, chunk, ASK_BYTES) || !read_all(fd, chunk, ASK_BYTES))
			die("ask");
		replies++;
	}
	printf("asked %.0f\n", (double)replies / (now_s() - begin));
}

static int run(char what, const char *address, const char *port, unsigned seconds)
{
	struct order order = { .what = what, .seconds = (uint8_t)seconds };
	struct sockaddr_in to;
	int fd = stream_socket(address, port, &to);

	if (connect(fd, (struct sockaddr *)&to, sizeof(to)))
		die("connect");
	if (!write_all(fd, &order, sizeof(order)))
		die("write");
	if (what == 's')
		send_stream(fd, seconds);
	else if (what == 't')
		take_stream(fd);
	else
		ask(fd, seconds);
	return 0;
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	if (argc == 4 && strcmp(argv[1], "serve") == 0)
		return serve(argv[2], argv[3]);
	if (argc == 5 && strchr("sta", argv[1][0]) && atoi(argv[4]) > 0 && atoi(argv[4]) < 256)
		return run(argv[1][0], argv[2], argv[3], (unsigned)atoi(argv[4]));
	fprintf(stderr, "usage: stream serve ADDRESS PORT\n"
			"       stream send|take|ask ADDRESS PORT SECONDS\n");
	return 2;
}
