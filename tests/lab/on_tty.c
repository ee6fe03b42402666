/*
 * on_tty COMMAND...: run a command on a terminal of its own. Standard input is what is typed there,
 * standard output what appears; when the command ends, so does this, with its status.
 */
#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

/* Pass on what there is. False: nothing comes any more. */
static int copy(int from, int to)
{
	char buf[4096];
	ssize_t n = read(from, buf, sizeof(buf));

	for (ssize_t done = 0; done < n;) {
		ssize_t w = write(to, buf + done, (size_t)(n - done));

		if (w < 0 && errno != EINTR)
			return 0;
		done += w > 0 ? w : 0;
	}
	return n > 0 || (n < 0 && errno == EINTR);
}

int main(int argc, char **argv)
{
	struct pollfd fds[] = { { .fd = STDIN_FILENO, .events = POLLIN }, { .events = POLLIN } };
	int status;
	pid_t child;

	if (argc < 2) {
		fputs("usage: on_tty COMMAND [ARGUMENT...]\n", stderr);
		return 2;
	}
	child = forkpty(&fds[1].fd, NULL, NULL, NULL);
	if (child < 0) {
		perror("forkpty");
		return 127;
	}
	if (child == 0) {
		execvp(argv[1], argv + 1);
		perror(argv[1]);
		_exit(127);
	}
	for (;;) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			break;
		if (fds[0].revents && !copy(STDIN_FILENO, fds[1].fd))
			fds[0].fd = -1;
		if (fds[1].revents && !copy(fds[1].fd, STDOUT_FILENO))
			break;
	}
	if (waitpid(child, &status, 0) < 0)
		return 127;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
