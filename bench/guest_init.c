/*
 * /init of the benchmark's Linux guest: says that it runs, loads /modules/1.ko, /modules/2.ko, ... as far as they
 * go, writes some text, stays a while, powers off. Arguments, what follows "--" on the kernel's command line:
 * [SECONDS [LINES]].
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <unistd.h>

static void say(int console, const char *text)
{
	if (write(console, text, strlen(text)) < 0)
		exit(1);
}

static void load_modules(int console)
{
	for (unsigned n = 1;; n++) {
		char path[32];
		int fd;

		snprintf(path, sizeof(path), "/modules/%u.ko", n);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return;
		if (syscall(SYS_finit_module, fd, "", 0) < 0)
			say(console, "bench: a module could not be loaded\n");
		close(fd);
	}
}

int main(int argc, char **argv)
{
	unsigned seconds = argc > 1 ? (unsigned)atoi(argv[1]) : 0;
	unsigned lines = argc > 2 ? (unsigned)atoi(argv[2]) : 0;
	int console;

	/* The kernel may have mounted it already. */
	(void)mount("dev", "/dev", "devtmpfs", 0, NULL);
	console = open("/dev/console", O_WRONLY);
	if (console < 0)
		return 1;
	say(console, "bench: init\n");
	load_modules(console);
	for (unsigned i = 0; i < lines; i++)
		say(console, "forty-eight characters and an end of the line: 50\n");
	if (seconds) {
		say(console, "bench: stay\n");
		sleep(seconds);
	}
	reboot(RB_POWER_OFF);
	return 1;
}
