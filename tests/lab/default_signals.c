/*
 * default_signals COMMAND...: run a command with every signal at its default. A shell starts what it
 * puts in the background with SIGINT and SIGQUIT ignored, and no shell can undo that.
 */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	if (argc < 2) {
		fputs("usage: default_signals COMMAND [ARGUMENT...]\n", stderr);
		return 2;
	}
	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	execvp(argv[1], argv + 1);
	perror(argv[1]);
	return 127;
}
