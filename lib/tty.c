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

bool tty_in_background(int fd)
{
	pid_t foreground;

	if (!isatty(fd))
		return false;
	/* -1: not our controlling terminal, so its job control does not concern us. */
	foreground = tcgetpgrp(fd);
	return foreground >= 0 && foreground != getpgrp();
}

/* From the background a change would stop the process (SIGTTOU), and it is another job's terminal
 * by then: whoever took it over has set it up. */
void tty_restore(void)
{
	if (!tty.raw)
		return;
	tty.raw = 0;
	if (!tty_in_background(tty.fd))
		tcsetattr(tty.fd, TCSANOW, &tty.saved);
}

/* The process dies: restore the terminal, then die of the same signal with its usual effect. */
static void on_fatal(int sig)
{
	tty_restore();
	signal(sig, SIG_DFL);
	raise(sig);
}

/* All signals that would end the process, but for those it was told to ignore and those that it
 * waits for elsewhere (a handler of a blocked signal does not run). SIGKILL cannot be caught; the
 * real-time signals belong to the threads. */
static void catch_fatal(void)
{
	static const int fatal[] = {
		SIGSEGV, SIGBUS,  SIGFPE,  SIGILL,    SIGABRT, SIGSYS,  SIGTRAP, SIGUSR1,
		SIGUSR2, SIGALRM, SIGXCPU, SIGXFSZ,   SIGPWR,  SIGIO,   SIGPROF, SIGVTALRM,
		SIGHUP,  SIGINT,  SIGQUIT, SIGSTKFLT, SIGTERM, SIGPIPE,
	};
	struct sigaction sa = { .sa_handler = on_fatal, .sa_flags = (int)SA_RESETHAND };
	struct sigaction now;

	for (unsigned i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++)
		if (sigaction(fatal[i], NULL, &now) == 0 && now.sa_handler == SIG_DFL)
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
	catch_fatal();
	tty.raw = 1;
	if (tcsetattr(fd, TCSANOW, &tty.raw_settings) == 0)
		return true;
	tty.raw = 0;
	return false;
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
	if (tty.raw && !tty_in_background(tty.fd))
		tcsetattr(tty.fd, TCSANOW, &tty.raw_settings);
}
