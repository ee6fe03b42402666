/* rasvm: a virtual machine monitor for arm64 KVM that is its guest's firmware. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"

/* A process may be started with stdin, stdout or stderr closed. Without this the next file opened,
 * guest RAM for one, would take the number and receive what is printed. */
static void fill_standard_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

int main(int argc, char **argv)
{
	fill_standard_descriptors();
	exit(cli_main(argc, argv));
}
