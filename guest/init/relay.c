/*
 * The command and its streams. See init.h.
 *
 * The command has pipes, not the ports: a port can be opened only once, so /dev/stdout would not work; and a
 * writer to a pipe nobody reads is told so. Bytes are moved between pipes and ports here, which also reads ahead
 * of what the command reads.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest/init/init.h"

#define STREAM_BYTES 65536
#define TURN         16 /* moves, before another stream has its turn */

enum { STREAM_IN, STREAM_OUT, STREAM_ERR, STREAMS };

/* Bytes on their way; descriptors are -1 once closed. */
struct stream {
	int from, to;
	size_t left; /* no more than this is taken from `from` */
	size_t at, n;
	char bytes[STREAM_BYTES];
};

struct relay {
	struct stream stream[STREAMS];
	int ctl, signals;
	pid_t child;
	bool ended;
	int status;
	char line[64]; /* of what the host says */
	size_t used;
};

static struct relay relay;

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void close_stream(struct stream *s)
{
	close_fd(&s->from);
	close_fd(&s->to);
	s->n = 0;
}

static bool is_later(ssize_t n)
{
	return n < 0 && (errno == EAGAIN || errno == EINTR);
}

/* True: there are bytes to be given. */
static bool take(struct stream *s)
{
	size_t most = s->left < sizeof(s->bytes) ? s->left : sizeof(s->bytes);
	ssize_t n;

	if (s->n || !most)
		return s->n;
	n = read(s->from, s->bytes, most);
	if (is_later(n))
		return false;
	if (n <= 0) {
		close_stream(s);
		return false;
	}
	s->at = 0;
	s->n = (size_t)n;
	s->left -= s->n;
	return true;
}

/* Move what can be moved without waiting. False: nothing more for now. */
static bool move(struct stream *s)
{
	ssize_t n;

	if (s->to < 0 || !take(s))
		return false;
	n = write(s->to, s->bytes + s->at, s->n);
	if (is_later(n))
		return false;
	if (n < 0) {
		close_stream(s);
		return false;
	}
	s->at += (size_t)n;
	s->n -= (size_t)n;
	return true;
}

/* ---- the command ---- */

/* A text without "#!" is a shell's, as execvp(3) has it in other C libraries. */
static void exec_by_shell(const struct command *c)
{
	static char shell[] = "/bin/sh";
	size_t n = 0;
	char **arg;

	while (c->arg[n])
		n++;
	arg = calloc(n + 2, sizeof(char *));
	if (!arg)
		return;
	arg[0] = shell;
	memcpy(arg + 1, c->arg, (n + 1) * sizeof(char *));
	execv(shell, arg);
}

/* In the child. 127: there is no such command, 126: it cannot be run; as in shells. */
static void become_command(const struct command *c, const int *fd)
{
	sigset_t none;
	int error;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	setsid();
	for (int i = 0; i < STREAMS; i++)
		if (dup2(fd[i], i) < 0)
			_exit(126);
	clearenv();
	for (char **env = c->env; *env; env++)
		putenv(*env);
	execvp(c->arg[0], c->arg);
	if (errno == ENOEXEC && strchr(c->arg[0], '/'))
		exec_by_shell(c);
	error = errno;
	dprintf(STDERR_FILENO, "rasvm exec: %s: %s\n", c->arg[0], strerror(error));
	_exit(error == ENOENT || error == ENOTDIR ? 127 : 126);
}

/* fd[0]: the command's end, above the numbers that it gets in the command; fd[1]: ours, which does not block. */
static void make_pipe(int fd[2], bool command_reads)
{
	int both[2];

	if (pipe2(both, O_CLOEXEC) < 0)
		cannot("pipe: %s", strerror(errno));
	fd[0] = fcntl(both[!command_reads], F_DUPFD_CLOEXEC, 16);
	fd[1] = fcntl(both[command_reads], F_DUPFD_CLOEXEC, 16);
	close(both[0]);
	close(both[1]);
	if (fd[0] < 0 || fd[1] < 0 || fcntl(fd[1], F_SETFL, O_NONBLOCK) < 0)
		cannot("pipe: %s", strerror(errno));
}

static void start(const struct command *c, const struct ports *p)
{
	int theirs[STREAMS];

	for (int i = 0; i < STREAMS; i++) {
		int fd[2];
		bool reads = i == STREAM_IN;

		make_pipe(fd, reads);
		theirs[i] = fd[0];
		relay.stream[i].from = reads ? p->fd[PORT_IN] : fd[1];
		relay.stream[i].to = reads ? fd[1] : p->fd[i == STREAM_OUT ? PORT_OUT : PORT_ERR];
		relay.stream[i].left = SIZE_MAX;
	}
	relay.child = fork();
	if (relay.child < 0)
		cannot("fork: %s", strerror(errno));
	if (relay.child == 0)
		become_command(c, theirs);
	for (int i = 0; i < STREAMS; i++)
		close(theirs[i]);
}

/* ---- what happens meanwhile ---- */

/* What the command has written is still moved; what a process that it left behind goes on writing is not. */
static void end_output(struct stream *s)
{
	int n = 0;

	if (s->from >= 0 && ioctl(s->from, FIONREAD, &n) == 0)
		s->left = (size_t)n;
}

static void note_end(int status)
{
	relay.ended = true;
	relay.status = status;
	close_stream(&relay.stream[STREAM_IN]);
	end_output(&relay.stream[STREAM_OUT]);
	end_output(&relay.stream[STREAM_ERR]);
}

/* Orphans come to the first process, too. */
static void reap(void)
{
	struct signalfd_siginfo info;
	int status;
	pid_t pid;

	while (read(relay.signals, &info, sizeof(info)) > 0)
		;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (pid == relay.child)
			note_end(status);
}

/* A child that was made just now has no group of its own yet. */
static void signal_command(int sig)
{
	if (kill(-relay.child, sig) < 0)
		kill(relay.child, sig);
}

static void obey(const char *line)
{
	int sig;

	if (sscanf(line, "signal %d", &sig) == 1 && sig > 0 && sig < NSIG && !relay.ended)
		signal_command(sig);
}

static void listen_to_host(void)
{
	char bytes[64];
	ssize_t n = read(relay.ctl, bytes, sizeof(bytes));

	for (ssize_t i = 0; i < n; i++) {
		if (bytes[i] != '\n') {
			if (relay.used < sizeof(relay.line) - 1)
				relay.line[relay.used++] = bytes[i];
			continue;
		}
		relay.line[relay.used] = '\0';
		relay.used = 0;
		obey(relay.line);
	}
}

/* One side of a stream: the one it waits for. The other is looked at only for its end. */
static void watch(const struct stream *s, struct pollfd *from, struct pollfd *to)
{
	*from = (struct pollfd){ .fd = s->n || !s->left ? -1 : s->from, .events = POLLIN };
	*to = (struct pollfd){ .fd = s->to, .events = s->n ? POLLOUT : 0 };
}

static void wait_for_any(void)
{
	struct pollfd p[2 + 2 * STREAMS] = {
		{ .fd = relay.ctl, .events = POLLIN },
		{ .fd = relay.signals, .events = POLLIN },
	};

	for (int i = 0; i < STREAMS; i++)
		watch(&relay.stream[i], &p[2 + 2 * i], &p[3 + 2 * i]);
	if (poll(p, 2 + 2 * STREAMS, -1) < 0)
		return;
	if (p[0].revents & POLLIN)
		listen_to_host();
	else if (p[0].revents)
		relay.ctl = -1;
	if (p[1].revents)
		reap();
	/* Nobody takes it any more: the command's next write says so, or our next one to it. */
	for (int i = 0; i < STREAMS; i++)
		if (p[3 + 2 * i].revents & (POLLHUP | POLLERR))
			close_stream(&relay.stream[i]);
}

static void take_child_signals(void)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	relay.signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (relay.signals < 0)
		cannot("signalfd: %s", strerror(errno));
}

static bool is_done(const struct stream *s)
{
	return s->to < 0 || (!s->n && !s->left);
}

int run_command(const struct command *c, const struct ports *p)
{
	relay.ctl = p->fd[PORT_CTL];
	take_child_signals();
	start(c, p);
	for (;;) {
		for (int i = 0; i < STREAMS; i++)
			for (int turn = 0; turn < TURN && move(&relay.stream[i]); turn++)
				;
		if (relay.ended && is_done(&relay.stream[STREAM_OUT]) &&
		    is_done(&relay.stream[STREAM_ERR]))
			return relay.status;
		wait_for_any();
	}
}
