/* See init.h. The order of things, and the end of them. */
#include "guest/init/init.h"

#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* How long rasvm has to end the guest once it knows how the command ended. */
#define END_MS 5000

static struct ports ports = { { -1, -1, -1, -1 } };

void nap_ms(unsigned ms)
{
	poll(NULL, 0, (int)ms);
}

void power_off(void)
{
	sync();
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

void say(const char *line)
{
	size_t n = strlen(line);

	while (n && ports.fd[PORT_CTL] >= 0) {
		ssize_t wrote = write(ports.fd[PORT_CTL], line, n);

		if (wrote < 0 && errno != EINTR && errno != EAGAIN)
			return;
		if (wrote > 0) {
			line += wrote;
			n -= (size_t)wrote;
		} else {
			nap_ms(1);
		}
	}
}

void cannot(const char *fmt, ...)
{
	char text[400], line[450];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	for (char *at = text; *at; at++)
		if (*at == '\n')
			*at = ' ';
	dprintf(STDERR_FILENO, "rasvm: init: %s\n", text);
	snprintf(line, sizeof(line), "cannot %s\n", text);
	say(line);
	if (ports.fd[PORT_CTL] >= 0)
		nap_ms(END_MS);
	power_off();
}

/* 127.0.0.1: what talks to itself needs nothing else. A kernel without it is left alone. */
static void raise_loopback(void)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return;
	ioctl(fd, SIOCSIFFLAGS, &request);
	close(fd);
}

/* What the guest wrote to the host's directory is there before anybody hears that the command has ended. */
static void report(int status)
{
	char line[32];

	sync();
	if (WIFSIGNALED(status))
		snprintf(line, sizeof(line), "signal %d\n", WTERMSIG(status));
	else
		snprintf(line, sizeof(line), "exit %d\n", WEXITSTATUS(status));
	say(line);
}

int main(void)
{
	struct command command;
	int r;

	mount_own();
	r = command_read(&command);
	if (r)
		cannot("%s: %s", RECORD, strerror(-r));
	load_modules(&command);
	open_ports(&ports);
	build_root(&command);
	raise_loopback();
	if (chdir(command.cwd) < 0)
		cannot("%s: %s", command.cwd, strerror(errno));
	say("ready\n");
	report(run_command(&command, &ports));
	nap_ms(END_MS);
	power_off();
}
