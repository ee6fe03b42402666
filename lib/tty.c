/* See tty.h. */
#include "lib/tty.h"

#include <signal.h>
#include <stddef.h>
#include <termios.h>
#include <unistd.h>

static struct {
	volatile sig_atomic_t raw;
	int fd;
	struct termios saved, raw_settings;
} tty;

void tty_restore(void)
{
	if (!tty.raw)
		return;
	tty.raw = 0;
	tcsetattr(tty.fd, TCSANOW, &tty.saved);
}

/* A crash: restore the terminal, then die of the same signal with its usual effect. */
static void on_fatal(int sig)
{
	tty_restore();
	signal(sig, SIG_DFL);
	raise(sig);
}

static void catch_fatal(void)
{
	static const int fatal[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS };
	struct sigaction sa = { .sa_handler = on_fatal, .sa_flags = (int)SA_RESETHAND };

	for (unsigned i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++)
		sigaction(fatal[i], &sa, NULL);
}

bool tty_raw(int fd)
{
	if (!isatty(fd) || tcgetattr(fd, &tty.saved) < 0)
		return false;
	tty.fd = fd;
	tty.raw_settings = tty.saved;
	cfmakeraw(&tty.raw_settings);
	/* Keep output processing: rasvm's own messages end lines with "\n" only. */
	tty.raw_settings.c_oflag = tty.saved.c_oflag;
	if (tcsetattr(fd, TCSANOW, &tty.raw_settings) < 0)
		return false;
	tty.raw = 1;
	catch_fatal();
	return true;
}

bool tty_in_background(int fd)
{
	return isatty(fd) && tcgetpgrp(fd) != getpgrp();
}

void tty_make_raw(int fd)
{
	struct termios t;

	if (tcgetattr(fd, &t) < 0)
		return;
	cfmakeraw(&t);
	tcsetattr(fd, TCSANOW, &t);
}

void tty_continue(void)
{
	if (tty.raw)
		tcsetattr(tty.fd, TCSANOW, &tty.raw_settings);
}
