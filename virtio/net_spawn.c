/*
 * Starting programs by posix_spawn(), which does not copy the guest's memory map. State: none; who starts a
 * program keeps its pid and ends it.
 */
#include "virtio/net_spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* How long a program may take to end when asked, before it is made to. */
#define END_STEPS   50
#define END_STEP_US 10000

static int set_files(posix_spawn_file_actions_t *files, int keep_fd, int out_fd)
{
	int r = posix_spawn_file_actions_addopen(files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);

	if (!r && out_fd >= 0)
		r = posix_spawn_file_actions_adddup2(files, out_fd, STDOUT_FILENO);
	if (!r && out_fd >= 0)
		r = posix_spawn_file_actions_adddup2(files, out_fd, STDERR_FILENO);
	/* To itself: then it loses its close-on-exec flag. */
	if (!r && keep_fd >= 0)
		r = posix_spawn_file_actions_adddup2(files, keep_fd, 3);
	return r;
}

static int set_signals(posix_spawnattr_t *attr)
{
	sigset_t none, all;
	int r;

	sigemptyset(&none);
	sigfillset(&all);
	r = posix_spawnattr_setsigmask(attr, &none);
	if (!r)
		r = posix_spawnattr_setsigdefault(attr, &all);
	if (!r)
		r = posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	return r;
}

/* posix_spawn() takes pointers to characters that it does not change. */
static int spawn(pid_t *pid, const char *const argv[], const posix_spawn_file_actions_t *files,
		 const posix_spawnattr_t *attr)
{
	union {
		const char *const *from;
		char *const *to;
	} arguments = { .from = argv };

	return posix_spawnp(pid, argv[0], files, attr, arguments.to, environ);
}

pid_t net_spawn(const char *const argv[], int keep_fd, int out_fd)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	pid_t pid = -1;
	int r;

	if (posix_spawn_file_actions_init(&files))
		return -ENOMEM;
	if (posix_spawnattr_init(&attr)) {
		posix_spawn_file_actions_destroy(&files);
		return -ENOMEM;
	}
	r = set_files(&files, keep_fd, out_fd);
	if (!r)
		r = set_signals(&attr);
	if (!r)
		r = spawn(&pid, argv, &files, &attr);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&files);
	return r ? -r : pid;
}

static int wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return status;
}

int net_run_script(const char *script, const char *ifname, struct err *err)
{
	char path[PATH_MAX];
	const char *const argv[] = { path, ifname, NULL };
	int status;
	pid_t pid;

	/* A name without a slash is a file here, and is not searched for in PATH. */
	snprintf(path, sizeof(path), "%s%s", strchr(script, '/') ? "" : "./", script);
	pid = net_spawn(argv, -1, -1);
	if (pid < 0)
		return err_set(err, pid, "cannot run the script %s: %s", script, strerror(-pid));
	status = wait_for(pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFEXITED(status))
		return err_set(err, -ECHILD, "the script %s for %s failed with status %d", script,
			       ifname, WEXITSTATUS(status));
	return err_set(err, -ECHILD, "the script %s for %s was ended by signal %d", script, ifname,
		       WTERMSIG(status));
}

void net_end_program(pid_t pid)
{
	if (pid <= 0)
		return;
	kill(pid, SIGTERM);
	for (unsigned i = 0; i < END_STEPS; i++) {
		pid_t ended = waitpid(pid, NULL, WNOHANG);

		if (ended == pid || (ended < 0 && errno != EINTR))
			return;
		usleep(END_STEP_US);
	}
	kill(pid, SIGKILL);
	wait_for(pid);
}
